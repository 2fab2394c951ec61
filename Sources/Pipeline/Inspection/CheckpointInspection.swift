import Diffusion
import Foundation

/// What a network on disk says of itself; the network of a folder is not built.
public struct CheckpointInspection: Encodable, Hashable, Sendable {
  public enum Kind: String, Encodable, Hashable, Sendable {
    case prior
    case h = "h-network"
    case postprocess = "post-processing network"
    /// Made by another program: a prior without this program's description.
    case foreign = "diffusers model"
    /// A prior as a closed box.
    case script = "TorchScript prior"
  }

  public var path: String
  public var kind: Kind
  /// Nil, as are the channels, for a closed box.
  public var parameters: Int?
  /// Types of the stored weights.
  public var precision: [String]
  public var bytes: Int
  /// Of every level, finest first.
  public var channels: [Int]?
  public var spaceToDepth: Int
  /// The values that stand for −1 and 1.
  public var range: String?
  /// What a tuned network is bound to.
  public var tunedFor: [NamedValue]

  /// Whether a path is that of a TorchScript file or of a folder that holds a network.
  public static func isCheckpoint(_ path: String) -> Bool {
    path.hasSuffix(".pt")
      || [CheckpointFiles.configuration, CheckpointFiles.weights].allSatisfy {
        FileManager.default.fileExists(atPath: CheckpointFiles.file($0, in: path))
      }
  }

  /// - Throws: `CheckpointError` where a file is damaged.
  public init(path: String) throws {
    self = try path.hasSuffix(".pt") ? Self(script: path) : Self(folder: path)
  }

  private init(script path: String) throws {
    let description = try DiffusionPrior(path: path).description
    self.path = path
    kind = .script
    precision = []
    bytes = try Self.size(path)
    spaceToDepth = description.spaceToDepth
    range = description.range.description
    tunedFor = []
  }

  private init(folder path: String) throws {
    let weights = try SafeTensors(path: CheckpointFiles.weights(in: path))
    let configuration = try UNet2DConfiguration(
      path: CheckpointFiles.file(CheckpointFiles.configuration, in: path))
    self.path = path
    parameters = weights.entries.values.reduce(0) { $0 + $1.shape.reduce(1, *) }
    precision = Set(weights.entries.values.map(\.type)).sorted()
    bytes = try Self.size(weights.path)
    channels = configuration.channels
    spaceToDepth = 1
    tunedFor = []

    let file = CheckpointFiles.file(CheckpointFiles.description, in: path)
    guard FileManager.default.fileExists(atPath: file) else {
      kind = .foreign
      return
    }
    let keys = try CheckpointFiles.read(Keys.self, from: file)
    if keys.isOfH {
      let h = try CheckpointFiles.read(HDescription.self, from: file)
      try h.validate(file)
      kind = .h
      spaceToDepth = h.spaceToDepth
      range = h.range.description
      tunedFor = Self.entries(h)
    } else if keys.isTuned {
      let tuned = try CheckpointFiles.read(PostprocessDescription.self, from: file)
      try tuned.validate(file)
      kind = .postprocess
      spaceToDepth = tuned.spaceToDepth
      range = tuned.range.description
      tunedFor = tuned.fingerprint.entries
    } else {
      let prior = try CheckpointFiles.read(PriorDescription.self, from: file)
      try prior.validate(file)
      kind = .prior
      spaceToDepth = prior.spaceToDepth
      range = prior.range.description
    }
  }

  /// What tells the kinds of networks apart.
  private struct Keys: Decodable {
    let isOfH: Bool
    let isTuned: Bool

    private enum CodingKeys: CodingKey { case form, fingerprint }

    init(from decoder: any Decoder) throws {
      let keys = try decoder.container(keyedBy: CodingKeys.self)
      (isOfH, isTuned) = (keys.contains(.form), keys.contains(.fingerprint))
    }
  }

  private static func size(_ path: String) throws -> Int {
    let size = try FileManager.default.attributesOfItem(atPath: path)[.size]
    return (size as? NSNumber)?.intValue ?? 0
  }

  private static func entries(_ h: HDescription) -> [NamedValue] {
    [
      NamedValue("form", h.form.rawValue),
      NamedValue("noise", "\(h.noise.lowerBound) to \(h.noise.upperBound) of the mean line integral"),
      NamedValue("simple inverse", "\(h.reference)"),
      NamedValue("conjugate-gradient steps", "\(h.iterations)"),
      NamedValue("checksum of the prior", h.priorChecksum),
    ] + h.fingerprint.entries
  }
}
