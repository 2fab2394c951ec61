import Fields
import Formats
import Foundation

/// What `deft.json` says of a prior: what diffusers has no key for.
public struct PriorDescription: Codable, Hashable, Sendable {
  public var spaceToDepth = 1
  public var range = IntensityRange.hounsfield
  /// RMS error of the Tweedie estimate in the network's range, at `tweedieSteps`; see ``TweedieError``.
  public var tweedieSteps: [Int] = []
  public var tweedieErrors: [Double] = []

  public init() {}
}

extension PriorDescription {
  package func validate(_ path: String) throws(CheckpointError) {
    try CheckpointFiles.validate(spaceToDepth: spaceToDepth, range, tweedieSteps, tweedieErrors, in: path)
  }
}

/// The files of a checkpoint and how they are read and written.
public enum CheckpointFiles {
  /// The file of the weights in a checkpoint's folder.
  public static func weights(in folder: String) -> String { file(weights, in: folder) }

  /// The files that the network at a path, a folder or a TorchScript file, may be read from.
  package static func all(of path: String) -> [String] {
    path.hasSuffix(".pt")
      ? [path, description(beside: path)]
      : [configuration, weights, schedule, description].map { file($0, in: path) }
  }

  /// The path of one of the files in a checkpoint's folder.
  package static func file(_ name: String, in folder: String) -> String {
    URL(fileURLWithPath: folder).appendingPathComponent(name).path
  }

  /// Of a TorchScript file.
  static func description(beside script: String) -> String { String(script.dropLast(3)) + ".json" }

  package static let configuration = "config.json"
  package static let weights = "diffusion_pytorch_model.safetensors"
  package static let schedule = "scheduler_config.json"
  package static let description = "deft.json"

  /// Where the state of a training run lies, beside the checkpoint it makes.
  static func training(in folder: String) -> String {
    URL(fileURLWithPath: folder).appendingPathComponent("training").path
  }

  package static func read<T: Decodable>(_ type: T.Type, from path: String) throws(CheckpointError) -> T {
    do {
      return try JSONDecoder().decode(type, from: Data(contentsOf: URL(fileURLWithPath: path)))
    } catch let error as DecodingError {
      throw .malformed(path, reason: reason(error))
    } catch {
      throw .unreadable(path, because: error)
    }
  }

  private static func reason(_ error: DecodingError) -> String {
    func name(_ path: [any CodingKey]) -> String { path.map(\.stringValue).joined(separator: ".") }
    switch error {
    case .keyNotFound(let key, let context): return "'\(name(context.codingPath + [key]))' is missing"
    case .typeMismatch(_, let context) where context.codingPath.isEmpty: return "it is not a JSON object"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      return "'\(name(context.codingPath))' is of another type"
    case .dataCorrupted(let context) where context.codingPath.isEmpty: return "it is not a JSON object"
    case .dataCorrupted(let context): return "'\(name(context.codingPath))' has a value that cannot be"
    @unknown default: return "\(error)"
    }
  }

  /// What `deft.json` says is used as divisors, shifts and subscripts: it must make sense.
  static func validate(
    spaceToDepth: Int, _ range: IntensityRange, _ tweedieSteps: [Int] = [], _ tweedieErrors: [Double] = [],
    in path: String
  ) throws(CheckpointError) {
    guard (1...16).contains(spaceToDepth) else {
      throw .malformed(path, reason: "'spaceToDepth' is \(spaceToDepth), expected 1 to 16")
    }
    guard range.low < range.high else {
      throw .malformed(path, reason: "'range' goes from \(range.low) to \(range.high)")
    }
    guard tweedieSteps.count == tweedieErrors.count,
      tweedieSteps.allSatisfy({ (0..<100_000).contains($0) }),
      zip(tweedieSteps, tweedieSteps.dropFirst()).allSatisfy(<),
      tweedieErrors.allSatisfy({ $0 > 0 && $0.isFinite })
    else {
      throw .malformed(
        path, reason: "'tweedieSteps' and 'tweedieErrors' are no curve of rising steps and errors above 0")
    }
  }

  /// - Throws: ``CheckpointError/otherRange(_:found:expected:)`` where a network works on other values.
  static func expect(
    _ expected: IntensityRange, in found: IntensityRange, of path: String
  ) throws(CheckpointError) {
    guard found == expected else { throw .otherRange(path, found: found, expected: expected) }
  }

  /// Puts a checkpoint into `folder`.
  ///
  /// The description is taken away first and written last: a crash in between leaves no folder that says of
  /// new weights what was true of the old.
  static func save(
    weights: Data, _ configuration: UNet2DConfiguration, _ schedule: NoiseSchedule? = nil,
    description: some Encodable, in folder: URL
  ) throws {
    func file(_ name: String) -> String { folder.appendingPathComponent(name).path }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    let text = try encoder.encode(description)
    if FileManager.default.fileExists(atPath: file(Self.description)) {
      try FileManager.default.removeItem(atPath: file(Self.description))
    }
    try writeFile(weights, to: file(Self.weights))
    try writeFile(configuration.json(), to: file(Self.configuration))
    if let schedule { try writeFile(schedule.json(), to: file(Self.schedule)) }
    try writeFile(text, to: file(Self.description))
  }
}

/// A frozen diffusion prior: network, schedule, range and the measured error of its estimates.
///
/// On disk a folder in the layout of diffusers, plus `deft.json`:
///
///     config.json  diffusion_pytorch_model.safetensors  scheduler_config.json  deft.json
///
/// A folder without `deft.json` is a model made elsewhere: no space-to-depth, range HU/1000.
/// A file that ends in `.pt` is a TorchScript closed box; `deft.json` may lie beside it as `NAME.json`.
///
/// Not `Sendable`: it holds tensors. Every task that needs one loads its own or shares an actor.
public final class DiffusionPrior {
  public let path: String
  public let predictor: any NoisePredictor
  public let schedule: NoiseSchedule
  public let description: PriorDescription
  public let tweedieError: TweedieError

  public init(path: String) throws {
    self.path = path
    if path.hasSuffix(".pt") {
      predictor = try TorchScriptPredictor(path: path)
      let beside = CheckpointFiles.description(beside: path)
      description =
        FileManager.default.fileExists(atPath: beside)
        ? try CheckpointFiles.read(PriorDescription.self, from: beside) : PriorDescription()
      try description.validate(beside)
      schedule = NoiseSchedule()
    } else {
      let folder = URL(fileURLWithPath: path)
      func file(_ name: String) -> String { folder.appendingPathComponent(name).path }
      let configuration = try UNet2DConfiguration(path: file(CheckpointFiles.configuration))
      description =
        FileManager.default.fileExists(atPath: file(CheckpointFiles.description))
        ? try CheckpointFiles.read(PriorDescription.self, from: file(CheckpointFiles.description))
        : PriorDescription()
      try description.validate(file(CheckpointFiles.description))
      let block = description.spaceToDepth * description.spaceToDepth
      try configuration.expect(
        inputs: block, outputs: block, of: "a prior of images", file(CheckpointFiles.configuration))
      let weights = try SafeTensors(path: file(CheckpointFiles.weights))
      let parameters = ParameterStore(weights)
      predictor = PixelUNet(
        try UNet2D(configuration, scope: parameters.root), spaceToDepth: description.spaceToDepth)
      try parameters.expectAllUsed()
      schedule =
        FileManager.default.fileExists(atPath: file(CheckpointFiles.schedule))
        ? try NoiseSchedule(path: file(CheckpointFiles.schedule)) : NoiseSchedule()
    }
    tweedieError = TweedieError(description, schedule)
  }

  public init(
    predictor: any NoisePredictor, schedule: NoiseSchedule, description: PriorDescription, path: String
  ) {
    self.path = path
    self.predictor = predictor
    self.schedule = schedule
    self.description = description
    tweedieError = TweedieError(description, schedule)
  }

  /// - Throws: ``CheckpointError/otherRange(_:found:expected:)`` when it was trained on images of another range.
  public func expect(_ range: IntensityRange) throws(CheckpointError) {
    try CheckpointFiles.expect(range, in: description.range, of: path)
  }

  /// x̂₀ = (x_t − b ε(x_t, t)) / a, held to the range the prior was trained on; no gradient is recorded.
  public func estimate(_ x: Tensor, steps t: [Int]) throws(TorchError) -> Tensor {
    try Torch.withoutGradients { () throws(TorchError) in
      let noise = try predictor.predictNoise(x, time: t)
      let a = try Tensor(t.map { Float(schedule.a($0)) }, shape: [t.count, 1, 1, 1])
      let b = try Tensor(t.map { Float(schedule.b($0)) }, shape: [t.count, 1, 1, 1])
      return try ((x - b * noise) / a).clamped(to: -1...1)
    }
  }
}

/// s_t, the RMS error of the prior's Tweedie estimate at every step, in the network's range.
public struct TweedieError: Hashable, Sendable {
  private let values: [Double]

  /// Interpolates the measured values. Without any, s_t is the posterior deviation of a Gaussian prior of
  /// variance v = 1/4, √(v b² / (v a² + b²)).
  package init(steps: [Int], errors: [Double], _ schedule: NoiseSchedule) {
    guard steps.count == errors.count, steps.count > 1 else {
      values = (0..<schedule.steps).map {
        let (a, b, v) = (schedule.a($0), schedule.b($0), 0.25)
        return (v * b * b / (v * a * a + b * b)).squareRoot()
      }
      return
    }
    // The steps it was measured at may belong to a longer schedule.
    values = (0..<max(schedule.steps, steps[steps.count - 1] + 1)).map { t in
      let upper = steps.firstIndex { $0 >= t } ?? steps.count - 1
      guard upper > 0 else { return errors[0] }
      let (left, right) = (steps[upper - 1], steps[upper])
      let weight = right > left ? min(1, Double(t - left) / Double(right - left)) : 1
      return errors[upper - 1] + weight * (errors[upper] - errors[upper - 1])
    }
  }

  package init(_ description: PriorDescription, _ schedule: NoiseSchedule) {
    self.init(steps: description.tweedieSteps, errors: description.tweedieErrors, schedule)
  }

  public subscript(t: Int) -> Double { values[t] }
}
