import Fields
import Foundation

/// The training loop, written once: batches, AdamW, moving average, checkpoints, resume.
///
/// A run lives in a folder. `state.safetensors` there holds weights, averages, moments, the iteration and
/// the state of the generator, all in single precision, so that a resumed run takes the same steps as an
/// undisturbed one. `loss.csv` grows by one line per report.
final class TrainingRun {
  let settings: TrainingSettings
  let folder: URL
  private let names: [String]
  private let parameters: [Tensor]
  private let optimizer: AdamW
  private let average: ExponentialMovingAverage
  private var generator: SplitMix64
  private(set) var iteration = 0
  /// Seconds spent in iterations, over all sessions.
  private(set) var seconds = 0.0
  private static let reportEvery = 25

  var averages: [(name: String, shape: [Int], values: [Float])] {
    get throws {
      try zip(names, average.averages).map { ($0, $1.shape, try $1.floats()) }
    }
  }

  /// Starts a run in `folder`, or takes up the one that is there.
  init(_ settings: TrainingSettings, parameters: ParameterStore, folder: String) throws {
    self.settings = settings
    self.folder = URL(fileURLWithPath: folder)
    names = parameters.names
    self.parameters = parameters.tensors
    try parameters.requireGradients()
    optimizer = try AdamW(self.parameters, weightDecay: settings.weightDecay)
    average = try ExponentialMovingAverage(of: self.parameters, decay: settings.averageDecay)
    generator = SplitMix64(seed: settings.seed)
    try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
    if FileManager.default.fileExists(atPath: statePath) { try resume() }
  }

  private var statePath: String { folder.appendingPathComponent("state.safetensors").path }
  private var curvePath: String { folder.appendingPathComponent("loss.csv").path }

  struct Loss {
    let tensor: Tensor
    var figures: [(name: String, value: Double)] = []
  }

  /// Trains until all iterations are done or `shouldStop` says so; the state is saved either way.
  ///
  /// - Parameter loss: draws a batch with the generator it is given and returns its loss.
  /// - Parameter onCheckpoint: called after every saved state.
  func run(
    loss: (inout SplitMix64) throws -> Loss, report: (TrainingProgress) -> Void,
    shouldStop: () -> Bool = { false }, onCheckpoint: () throws -> Void
  ) throws {
    var sums: [(name: String, value: Double)] = []
    var (count, reported) = (0, 0.0)
    while iteration < settings.iterations, !shouldStop() {
      let start = Date()
      try optimizer.zeroGradients()
      let result = try Torch.withBFloat16(settings.bfloat16) { try loss(&generator) }
      try result.tensor.backward()
      _ = try optimizer.clipGradients(to: settings.gradientLimit)
      try optimizer.step(learningRate: settings.learningRate(at: iteration))
      try average.update(with: parameters)
      let value = Double(try result.tensor.scalar())
      guard value.isFinite else { throw TrainingError.diverged(iteration: iteration + 1) }
      let figures = [("loss", value)] + result.figures
      sums = sums.isEmpty ? figures : zip(sums, figures).map { ($0.name, $0.value + $1.1) }
      count += 1
      iteration += 1
      let elapsed = Date().timeIntervalSince(start)
      seconds += elapsed
      reported += elapsed
      if iteration % TrainingRun.reportEvery == 0 || iteration == settings.iterations {
        let means = sums.map { (name: $0.name, value: $0.value / Double(count)) }
        report(
          TrainingProgress(
            iteration: iteration, iterations: settings.iterations, figures: means,
            secondsPerIteration: reported / Double(count)))
        try appendToCurve(means)
        (sums, count, reported) = ([], 0, 0)
      }
      if iteration % settings.checkpointEvery == 0 && iteration < settings.iterations {
        try save()
        try onCheckpoint()
      }
    }
    try save()
    try onCheckpoint()
  }

  // MARK: State

  private func save() throws {
    var tensors: [(name: String, shape: [Int], values: [Float])] = []
    for (i, name) in names.enumerated() {
      let shape = parameters[i].shape
      tensors.append(("weight/\(name)", shape, try parameters[i].floats()))
      tensors.append(("average/\(name)", shape, try average.averages[i].floats()))
      if let moments = try optimizer.state(of: i) {
        tensors.append(("first/\(name)", shape, try moments.first.floats()))
        tensors.append(("second/\(name)", shape, try moments.second.floats()))
      }
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    try SafeTensors.write(
      tensors,
      metadata: [
        "iteration": String(iteration), "generator": String(generator.state), "seconds": String(seconds),
        "settings": String(decoding: try encoder.encode(settings), as: UTF8.self),
      ], precision: .float32, to: statePath)
  }

  private func resume() throws {
    let state = try SafeTensors(path: statePath)
    guard let iteration = state.metadata["iteration"].flatMap({ Int($0) }),
      let seed = state.metadata["generator"].flatMap({ UInt64($0) }),
      let text = state.metadata["settings"],
      let earlier = try? JSONDecoder().decode(TrainingSettings.self, from: Data(text.utf8))
    else { throw CheckpointError.malformed(statePath, reason: "it is not the state of a training run") }
    // How often the state is written changes nothing that is written.
    var comparable = earlier
    comparable.checkpointEvery = settings.checkpointEvery
    guard comparable == settings else {
      throw TrainingError.otherSettings(statePath, found: text)
    }
    func tensor(_ kind: String, _ i: Int) throws -> Tensor? {
      guard let entry = state.entries["\(kind)/\(names[i])"] else { return nil }
      guard entry.shape == parameters[i].shape else {
        throw CheckpointError.wrongShape(
          statePath, name: names[i], found: entry.shape, expected: parameters[i].shape)
      }
      return try Tensor(state.floats(entry), shape: entry.shape)
    }
    var averages: [Tensor] = []
    for i in names.indices {
      guard let weight = try tensor("weight", i), let mean = try tensor("average", i) else {
        throw CheckpointError.missingWeight(statePath, name: names[i])
      }
      try parameters[i].assign(weight)
      averages.append(mean)
      if let first = try tensor("first", i), let second = try tensor("second", i) {
        try optimizer.restore(i, first: first, second: second, step: iteration)
      }
    }
    try average.restore(averages, updates: iteration)
    self.iteration = iteration
    generator = SplitMix64(seed: seed)
    seconds = state.metadata["seconds"].flatMap { Double($0) } ?? 0
    // Reports after the last checkpoint will be made again.
    if let curve = try? String(contentsOfFile: curvePath, encoding: .utf8) {
      let kept = curve.split(separator: "\n").enumerated().filter { index, line in
        index == 0 || line.split(separator: ",").first.flatMap { Int($0) }.map { $0 <= iteration } == true
      }
      try (kept.map(\.element).joined(separator: "\n") + "\n")
        .write(toFile: curvePath, atomically: true, encoding: .utf8)
    }
  }

  private func appendToCurve(_ figures: [(name: String, value: Double)]) throws {
    if !FileManager.default.fileExists(atPath: curvePath) {
      let header = (["iteration", "seconds"] + figures.map(\.name)).joined(separator: ",") + "\n"
      try header.write(toFile: curvePath, atomically: true, encoding: .utf8)
    }
    let line =
      (["\(iteration)", String(format: "%.1f", seconds)] + figures.map { String(format: "%.6g", $0.value) })
      .joined(separator: ",") + "\n"
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: curvePath))
    defer { try? file.close() }
    try file.seekToEnd()
    try file.write(contentsOf: Data(line.utf8))
  }
}

/// Why a training run stopped or would not start.
public enum TrainingError: Error, Equatable, CustomStringConvertible {
  case diverged(iteration: Int)
  case otherSettings(String, found: String)
  case noImages(String)
  case tooSmall(String, found: String, needed: String)

  public var description: String {
    switch self {
    case .diverged(let iteration):
      "the loss is not finite at iteration \(iteration). Lower the learning rate; the last checkpoint is intact."
    case .otherSettings(let path, let found):
      "'\(path)' belongs to a run with other settings (\(found)). Give another output folder, or the same settings."
    case .noImages(let path):
      "'\(path)' holds no images to train on."
    case .tooSmall(let path, let found, let needed):
      "the images of '\(path)' are \(found), training needs at least \(needed). Set a smaller crop."
    }
  }
}
