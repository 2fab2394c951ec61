import Diffusion
import Foundation

/// How a checkpoint came about: `training.json` beside the weights, with the loss curve in `loss.csv`.
public struct TrainingRecord: Codable, Sendable {
  public struct Images: Codable, Sendable {
    public var name: String
    public var bytes: Int
    public var sha256: String
  }

  public var program: String
  public var libtorch: String
  /// The training file, word for word; the seed is in it.
  public var configuration: String
  public var images: [Images]
  public var parameters: Int
  public var threads: Int
  public var iterations: Int
  /// Spent in iterations, over all sessions.
  public var seconds: Double

  public init(
    file: String, images paths: [String], parameters: Int, threads: Int, version: String
  ) throws {
    program = "deft \(version)"
    libtorch = Torch.version
    configuration = try String(contentsOfFile: file, encoding: .utf8)
    images = try paths.map { path in
      Images(
        name: URL(fileURLWithPath: path).lastPathComponent,
        bytes: (try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0,
        sha256: try fileChecksum(path))
    }
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
    let url = URL(fileURLWithPath: folder)
    try encoder.encode(record).write(to: url.appendingPathComponent("training.json"), options: [.atomic])
    let curve = try Data(contentsOf: url.appendingPathComponent("training/loss.csv"))
    try curve.write(to: url.appendingPathComponent("loss.csv"), options: [.atomic])
  }
}
