import Diffusion
import Formats
import Foundation

/// How a checkpoint came about: `training.json` beside the weights, with the loss curve in `loss.csv`.
public struct TrainingRecord: Codable, Sendable {
  public var program: String
  public var libtorch: String
  /// The training file, word for word; the seed is in it.
  public var configuration: String
  public var images: [FileRecord]
  public var parameters: Int
  public var threads: Int
  public var iterations: Int
  /// Spent in iterations, over all sessions.
  public var seconds: Double

  public init(
    file: String, images paths: [String], parameters: Int, threads: Int, version: String
  ) throws {
    program = "deft \(version)"
    libtorch = try Torch.version
    configuration = try String(contentsOfFile: file, encoding: .utf8)
    images = try paths.map { try FileRecord($0, parts: ImageStack(path: $0).files) }
    self.parameters = parameters
    self.threads = threads
    iterations = 0
    seconds = 0
  }

  /// Writes the record and a copy of the loss curve beside the weights.
  public func write(iterations: Int, seconds: Double, to folder: String) throws {
    var record = self
    record.iterations = iterations
    record.seconds = seconds.rounded()
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try writeFile(try encoder.encode(record), to: "\(folder)/training.json")
    // A run that was stopped before its first report has no curve yet.
    let curve = "\(folder)/training/loss.csv"
    if FileManager.default.fileExists(atPath: curve) {
      try writeFile(try Data(contentsOf: URL(fileURLWithPath: curve)), to: "\(folder)/loss.csv")
    }
  }
}
