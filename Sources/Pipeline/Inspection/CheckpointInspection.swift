import Diffusion
import Foundation

/// What the folder of a network says of itself; the network is not built.
public struct CheckpointInspection: Encodable, Hashable, Sendable {
  public enum Kind: String, Encodable, Hashable, Sendable {
    case prior
    case h = "h-network"
    case postprocess = "post-processing network"
    /// Made by another program: a prior without this program's description.
    case foreign = "diffusers model"
  }

  public var path: String
  public var kind: Kind
  public var parameters: Int
  /// Types of the stored weights.
  public var precision: [String]
  public var bytes: Int
  /// Of every level, finest first.
  public var channels: [Int]
  public var spaceToDepth: Int
  /// The values that stand for −1 and 1.
  public var range: String?
  /// What a tuned network is bound to.
  public var tunedFor: [NamedValue]

  /// Whether a folder holds a network.
  public static func isCheckpoint(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: file("config.json", of: path))
      && FileManager.default.fileExists(atPath: file(weightsName, of: path))
  }

  /// - Throws: `CheckpointError` where a file is damaged.
  public init(path: String) throws {
    let weights = try SafeTensors(path: Self.file(Self.weightsName, of: path))
    let configuration = try UNet2DConfiguration(path: Self.file("config.json", of: path))
    self.path = path
    parameters = weights.entries.values.reduce(0) { $0 + $1.shape.reduce(1, *) }
    precision = Set(weights.entries.values.map(\.type)).sorted()
    let size = try FileManager.default.attributesOfItem(atPath: weights.path)[.size]
    bytes = (size as? NSNumber)?.intValue ?? 0
    channels = configuration.channels
    spaceToDepth = 1
    tunedFor = []

    let description = Self.file("deft.json", of: path)
    guard FileManager.default.fileExists(atPath: description) else {
      kind = .foreign
      return
    }
    let data = try Data(contentsOf: URL(fileURLWithPath: description))
    let keys = (try? JSONSerialization.jsonObject(with: data)) as? [String: Any] ?? [:]
    do {
      if keys["form"] != nil {
        let h = try JSONDecoder().decode(HDescription.self, from: data)
        kind = .h
        spaceToDepth = h.spaceToDepth
        range = Self.sentence(h.range)
        tunedFor = Self.entries(h)
      } else if keys["fingerprint"] != nil {
        let tuned = try JSONDecoder().decode(Tuned.self, from: data)
        kind = .postprocess
        spaceToDepth = tuned.spaceToDepth
        range = Self.sentence(tuned.range)
        tunedFor = tuned.fingerprint.entries
      } else {
        let prior = try JSONDecoder().decode(PriorDescription.self, from: data)
        kind = .prior
        spaceToDepth = prior.spaceToDepth
        range = Self.sentence(prior.range)
      }
    } catch is DecodingError {
      throw CheckpointError.malformed(description, reason: "it describes neither a prior nor a tuned network")
    }
  }

  /// What every network tuned to a scan has in common.
  private struct Tuned: Decodable {
    let spaceToDepth: Int
    let range: IntensityRange
    let fingerprint: OperatorFingerprint
  }

  private static let weightsName = "diffusion_pytorch_model.safetensors"

  private static func file(_ name: String, of folder: String) -> String {
    URL(fileURLWithPath: folder).appendingPathComponent(name).path
  }

  private static func sentence(_ range: IntensityRange) -> String {
    "\(range.low) to \(range.high) \(range.unit)"
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
