import Fields
import Formats
import Foundation

/// The training loop, written once: batches, AdamW, moving average, checkpoints, resume.
///
/// A run lives in a folder. `state.safetensors` there holds weights, averages, moments, the iteration, the sums
/// of the report under way and the state of the generator, all as they are in memory, so that a resumed run takes
/// the same steps as an undisturbed one, and what it was begun with, so that it is not gone on with from something
/// else. `loss.csv` grows by one line per report.
public final class TrainingRun {
  package let settings: TrainingSettings
  private let identity: [NamedValue]
  let folder: URL
  private let names: [String]
  private let parameters: [Tensor]
  private let optimizer: AdamW
  private let average: ExponentialMovingAverage
  private var generator: SplitMix64
  package private(set) var iteration = 0
  package let parameterCount: Int
  /// Spent in iterations, over all sessions.
  private(set) var seconds = 0.0
  private static let reportEvery = 25
  private var underway = Underway()

  /// What the next report will average.
  private struct Underway: Codable {
    var names: [String] = []
    var sums: [Double] = []
    var count = 0
    var seconds = 0.0

    mutating func add(_ figures: [(name: String, value: Double)], seconds: Double) {
      if names != figures.map(\.name) || sums.count != names.count {
        self = Underway(names: figures.map(\.name), sums: figures.map { _ in 0 })
      }
      for (i, figure) in figures.enumerated() { sums[i] += figure.value }
      count += 1
      self.seconds += seconds
    }

    var means: [(name: String, value: Double)] { zip(names, sums).map { ($0, $1 / Double(count)) } }
  }

  package var averages: [(name: String, shape: [Int], values: [Float])] {
    get throws {
      try zip(names, average.averages).map { ($0, $1.shape, try $1.floats()) }
    }
  }

  /// The run of the checkpoint in `folder`; see ``init(_:identity:parameters:folder:replace:)``.
  ///
  /// - Throws: ``TrainingError/wouldReplace(_:)`` where the folder holds weights that no state belongs to.
  convenience init(
    _ settings: TrainingSettings, identity: [NamedValue], parameters: ParameterStore,
    checkpoint folder: String,
    replace: Bool
  ) throws {
    let states = CheckpointFiles.training(in: folder)
    let hasWeights = FileManager.default.fileExists(atPath: CheckpointFiles.weights(in: folder))
    guard replace || !hasWeights || FileManager.default.fileExists(atPath: TrainingRun.statePath(in: states))
    else { throw TrainingError.wouldReplace(folder) }
    try self.init(settings, identity: identity, parameters: parameters, folder: states, replace: replace)
  }

  /// Starts a run in `folder`, or takes up the one that is there.
  ///
  /// - Parameters:
  ///   - identity: what the run depends on besides its settings.
  ///   - replace: starts anew where the run that is there cannot be taken up; one that can always is.
  /// - Throws: ``TrainingError/otherTraining(_:differences:)`` where the run that is there began with something else.
  package init(
    _ settings: TrainingSettings, identity: [NamedValue] = [], parameters: ParameterStore, folder: String,
    replace: Bool = false
  ) throws {
    self.settings = settings
    self.identity = identity
    self.folder = URL(fileURLWithPath: folder)
    names = parameters.names
    self.parameters = parameters.tensors
    parameterCount = parameters.count
    try parameters.requireGradients()
    optimizer = try AdamW(self.parameters, weightDecay: settings.weightDecay)
    average = try ExponentialMovingAverage(of: self.parameters, decay: settings.averageDecay)
    generator = SplitMix64(seed: settings.seed)
    try makeFolder(self.folder.path)
    if FileManager.default.fileExists(atPath: statePath) {
      do {
        try resume()
        return
      } catch _ where replace {
        try FileManager.default.removeItem(atPath: statePath)
      }
    }
    // A curve without a state is what a run left that ended before its first checkpoint.
    if FileManager.default.fileExists(atPath: curvePath) {
      try FileManager.default.removeItem(atPath: curvePath)
    }
  }

  private static func statePath(in folder: String) -> String {
    URL(fileURLWithPath: folder).appendingPathComponent("state.safetensors").path
  }
  private var statePath: String { TrainingRun.statePath(in: folder.path) }
  private var curvePath: String { folder.appendingPathComponent("loss.csv").path }

  public struct Loss {
    let tensor: Tensor
    let figures: [(name: String, value: Double)]

    package init(tensor: Tensor, figures: [(name: String, value: Double)] = []) {
      self.tensor = tensor
      self.figures = figures
    }
  }

  /// Trains until all iterations are done or `shouldStop` says so; the state is saved either way.
  ///
  /// - Parameter loss: draws a batch with the generator it is given and returns its loss.
  /// - Parameter onCheckpoint: called after every saved state.
  package func run(
    loss: (inout SplitMix64) throws -> Loss, report: (TrainingProgress) -> Void,
    shouldStop: () -> Bool = { false }, onCheckpoint: () throws -> Void
  ) throws {
    let clock = ContinuousClock()
    while iteration < settings.iterations, !shouldStop() {
      let start = clock.now
      try optimizer.zeroGradients()
      let result = try Torch.withBFloat16(settings.bfloat16) { try loss(&generator) }
      let value = Double(try result.tensor.scalar())
      try result.tensor.backward()
      let norm = try optimizer.clipGradients(to: settings.gradientLimit)
      // Before the step: weights that are not finite must never reach the disk.
      guard value.isFinite, norm.isFinite else { throw TrainingError.diverged(iteration: iteration + 1) }
      try optimizer.step(learningRate: settings.learningRate(at: iteration))
      try average.update(with: parameters)
      iteration += 1
      let elapsed = (clock.now - start) / .seconds(1)
      seconds += elapsed
      underway.add([("loss", value)] + result.figures, seconds: elapsed)
      if iteration % TrainingRun.reportEvery == 0 || iteration == settings.iterations {
        report(
          TrainingProgress(
            iteration: iteration, iterations: settings.iterations, figures: underway.means,
            secondsPerIteration: underway.seconds / Double(underway.count)))
        try appendToCurve(underway.means)
        underway = Underway()
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
    // A figure beside the loss may be infinite.
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    try SafeTensors.write(
      tensors,
      metadata: [
        "iteration": String(iteration), "generator": String(generator.state), "seconds": String(seconds),
        "settings": String(decoding: try encoder.encode(settings), as: UTF8.self),
        "identity": String(decoding: try encoder.encode(identity), as: UTF8.self),
        "underway": String(decoding: try encoder.encode(underway), as: UTF8.self),
      ], precision: .float32, to: statePath)
  }

  private func resume() throws {
    let state = try SafeTensors(path: statePath)
    guard let iteration = state.metadata["iteration"].flatMap({ Int($0) }),
      let seed = state.metadata["generator"].flatMap({ UInt64($0) }),
      let text = state.metadata["settings"],
      let earlier = try? JSONDecoder().decode(TrainingSettings.self, from: Data(text.utf8))
    else { throw CheckpointError.malformed(statePath, reason: "it is not the state of a training run") }
    var differences = earlier.differences(from: settings)
    // A state need not say what it depends on: the first ones did not.
    if let text = state.metadata["identity"] {
      guard let began = try? JSONDecoder().decode([NamedValue].self, from: Data(text.utf8)) else {
        throw CheckpointError.malformed(statePath, reason: "its identity is no list of names and values")
      }
      differences = began.differences(from: identity).map(describeDifference) + differences
    }
    guard differences.isEmpty else { throw TrainingError.otherTraining(statePath, differences: differences) }
    var used = 0
    func tensor(_ kind: String, _ i: Int) throws -> Tensor? {
      guard let entry = state.entries["\(kind)/\(names[i])"] else { return nil }
      guard entry.shape == parameters[i].shape else {
        throw CheckpointError.wrongShape(
          statePath, name: names[i], found: entry.shape, expected: parameters[i].shape)
      }
      used += 1
      return try Tensor(state.floats(entry), shape: entry.shape)
    }
    // Nothing is changed before all is read: what cannot be taken up may be started anew.
    var (weights, averages): ([Tensor], [Tensor]) = ([], [])
    var moments: [(index: Int, first: Tensor, second: Tensor)] = []
    for i in names.indices {
      guard let weight = try tensor("weight", i), let mean = try tensor("average", i) else {
        throw CheckpointError.missingWeight(statePath, name: names[i])
      }
      weights.append(weight)
      averages.append(mean)
      if let first = try tensor("first", i), let second = try tensor("second", i) {
        moments.append((i, first, second))
      }
    }
    guard used == state.entries.count else {
      let known = Set(
        names.flatMap { name in ["weight", "average", "first", "second"].map { "\($0)/\(name)" } })
      throw CheckpointError.unusedWeights(
        statePath, names: state.entries.keys.filter { !known.contains($0) }.sorted())
    }
    for (parameter, weight) in zip(parameters, weights) { try parameter.assign(weight) }
    for (index, first, second) in moments {
      try optimizer.restore(index, first: first, second: second, step: iteration)
    }
    try average.restore(averages, updates: iteration)
    self.iteration = iteration
    generator = SplitMix64(seed: seed)
    seconds = state.metadata["seconds"].flatMap { Double($0) } ?? 0
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    underway =
      state.metadata["underway"].flatMap { try? decoder.decode(Underway.self, from: Data($0.utf8)) }
      ?? Underway()
    // Reports after the last checkpoint will be made again.
    if let curve = try? String(contentsOfFile: curvePath, encoding: .utf8) {
      let kept = curve.split(separator: "\n").enumerated().filter { index, line in
        index == 0 || line.split(separator: ",").first.flatMap { Int($0) }.map { $0 <= iteration } == true
      }
      try writeFile(Data((kept.map(\.element).joined(separator: "\n") + "\n").utf8), to: curvePath)
    }
  }

  private func appendToCurve(_ figures: [(name: String, value: Double)]) throws {
    if !FileManager.default.fileExists(atPath: curvePath) {
      let header = (["iteration", "seconds"] + figures.map(\.name)).joined(separator: ",") + "\n"
      try writeFile(Data(header.utf8), to: curvePath)
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
  case otherTraining(String, differences: [String])
  case wouldReplace(String)
  case noImages(String)
  case tooSmall(String, found: String, needed: String)
  case noUnit(String, found: String)
  case otherUnit(String, found: String, given: String)

  public var description: String {
    switch self {
    case .diverged(let iteration):
      "the loss is not finite at iteration \(iteration). Lower the learning rate; the last checkpoint is intact."
    case .otherTraining(let path, let differences):
      "'\(path)' is the state of another training: \(differences.joined(separator: "; ")). Train with what it "
        + "began with, give another output folder, or start anew in this one with '--replace'."
    case .wouldReplace(let path):
      "'\(path)' holds a network already, and no state of a training that could go on. Give another output "
        + "folder, or train a new network in its place with '--replace'."
    case .noImages(let path):
      "'\(path)' holds no images to train on."
    case .tooSmall(let path, let found, let needed):
      "the pages of '\(path)' are \(found) pixels, but images of \(needed) are to be cut from them. Give larger "
        + "pages, or ask for smaller images: 'crop' in 'training' for a prior, 'image' in the 'geometry' of the "
        + "pipeline for a network tuned to a scan."
    case .noUnit(let path, let found):
      "'\(path)' does not say in which unit its values are, and with values from \(found) it cannot be HU. Write "
        + "'unit: 1/mm' into 'images', or 'unit: HU' if it is."
    case .otherUnit(let path, let found, let given):
      "'\(path)' says that its values are in \(found), the training file says \(given). Leave out 'unit' in "
        + "'images', or correct the file."
    }
  }
}
