import Diffusion
import Fields
import Formats
import Foundation
import Operators
import Reconstruction

/// A pipeline file: what is measured, how it is reconstructed, when a slice passes.
public struct PipelineDescription: Hashable, Sendable {
  public var file: String
  public var title: String
  public var input: InputDescription
  /// What is done to every sinogram before it is reconstructed, in this order.
  public var preprocess: [StageDescription]
  public var geometry: GeometryDescription
  public var noise: NoiseDescription
  public var attenuation: AttenuationScale
  public var prior: String?
  public var h: String?
  public var seed: UInt64
  /// Measured plans of FFTs; estimates unless given.
  public var wisdom: String?
  /// At least one; the first makes `volume.tif`.
  public var reconstructions: [NamedMethod]
  public var verdict: VerdictDescription
  public var unit: VolumeUnit

  /// One result of a run.
  public struct NamedMethod: Hashable, Sendable {
    /// The first word of its file, `NAME.tif`.
    public var name: String
    public var method: MethodDescription
    /// Use every n-th view.
    public var everyView: Int
  }

  public init(file: String) throws(YAMLError) {
    let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
    self = try YAMLValue.read(file: file).mapping { root throws(YAMLError) in
      try PipelineDescription(root, file: file, folder: folder)
    }
  }

  private init(_ root: YAMLMapping, file: String, folder: URL) throws(YAMLError) {
    self.file = file
    title = try root.text(
      "title", default: URL(fileURLWithPath: file).deletingPathExtension().lastPathComponent)
    input =
      try root.optional("input").map { value throws(YAMLError) in
        try value.mapping { map throws(YAMLError) in try InputDescription(map, folder: folder) }
      } ?? .sinograms(order: .angleBin, path: nil)
    preprocess =
      try root.optional("preprocess").map { value throws(YAMLError) in
        try value.list { item throws(YAMLError) in
          try item.mapping { map throws(YAMLError) in try StageDescription(map) }
        }
      } ?? []
    geometry = try root.mapping("geometry") { map throws(YAMLError) in
      try GeometryDescription(map, folder: folder)
    }
    noise = try root.mapping("noise") { map throws(YAMLError) in try NoiseDescription(map) }
    attenuation = AttenuationScale(water: try root.number("water", .positive, default: 0.02))
    prior = try root.optional("prior").map { value throws(YAMLError) in resolve(try value.text(), folder) }
    let h = try root.optional("h").map { value throws(YAMLError) in resolve(try value.text(), folder) }
    self.h = h
    seed = UInt64(try root.integer("seed", .notNegative, default: 1))
    wisdom = try root.optional("wisdom").map { value throws(YAMLError) in resolve(try value.text(), folder) }
    var items: [YAMLValue] = []
    reconstructions = try root.list("reconstructions") { item throws(YAMLError) in
      items.append(item)
      return try item.mapping { map throws(YAMLError) in try NamedMethod(map, folder: folder, h: h) }
    }
    guard !reconstructions.isEmpty else {
      throw root.invalid("'reconstructions' is empty, expected at least one.")
    }
    var names: Set<String> = []
    for (item, named) in zip(items, reconstructions) where !names.insert(named.name).inserted {
      throw item.invalid("two reconstructions are called '\(named.name)'; give each its own 'name'.")
    }
    if prior == nil, reconstructions.contains(where: { $0.method.name == .dds || $0.method.name == .deft }) {
      throw root.invalid("a reconstruction needs a prior; name its folder in 'prior'.")
    }
    verdict =
      try root.optional("verdict").map { value throws(YAMLError) in
        try value.mapping { map throws(YAMLError) in try VerdictDescription(map) }
      } ?? VerdictDescription()
    unit = try root.choice("unit", default: VolumeUnit.hounsfield)
    var files: Set<String> = []
    for volume in volumes where !files.insert(volume.name).inserted {
      throw items[volume.place].invalid(
        "two reconstructions write '\(volume.name)'; give this one another 'name'.")
    }
  }
}

extension PipelineDescription {
  /// A stack that a run writes.
  struct Volume: Hashable, Sendable {
    /// Of its file.
    let name: String
    /// Which of the reconstructions it is of.
    let place: Int
    let isDeviation: Bool
  }

  /// `volume.tif`, and one stack for every further reconstruction and deviation.
  var volumes: [Volume] {
    var volumes: [Volume] = []
    for (place, named) in reconstructions.enumerated() {
      let base = place == 0 ? "volume" : named.name
      volumes.append(Volume(name: "\(base).tif", place: place, isDeviation: false))
      if named.method.givesDeviation {
        volumes.append(Volume(name: "\(base)-deviation.tif", place: place, isDeviation: true))
      }
    }
    return volumes
  }

  /// Whether any reconstruction needs libtorch.
  var usesNetworks: Bool { reconstructions.contains(where: \.method.usesNetworks) }

  /// The networks that methods use: what each is, and its folder or file.
  func networks(of methods: [MethodDescription]) -> [(role: String, path: String)] {
    var networks: [(role: String, path: String)] = []
    if let prior, methods.contains(where: { $0.name == .dds || $0.name == .deft }) {
      networks.append(("prior", prior))
    }
    for method in methods {
      switch method {
      case .deft(_, let h): networks.append(("h-network", h))
      case .postprocess(let network): networks.append(("U-Net", network))
      case .fbp, .cgls, .sirt, .osSART, .tv, .fista, .dds: break
      }
    }
    return networks
  }

  /// All files that the reconstruction of a scan by some methods reads.
  func inputs(of methods: [MethodDescription], scan: ScanInput) -> [String] {
    [file] + scan.files.flatMap(\.parts) + networks(of: methods).flatMap { CheckpointFiles.all(of: $0.path) }
  }
}

extension PipelineDescription.NamedMethod {
  init(_ map: YAMLMapping, folder: URL, h: String?) throws(YAMLError) {
    let kind = try map.choice("method", of: MethodDescription.Name.self)
    name = try map.text("name", default: kind.rawValue)
    guard !name.isEmpty, name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" }),
      name != "volume"
    else {
      throw map.invalid("'name' is '\(name)', expected letters, digits, '-' and '_' (and not 'volume').")
    }
    everyView = try map.integer("everyView", .between(1, 1000), default: 1)
    do {
      method = try MethodDescription(kind, YAMLMethodKeys(map: map, folder: folder), h: h) {
        map.invalid("the method '\(kind.rawValue)' needs '\($0)', the folder of its network.")
      }
    } catch let error as YAMLError {
      throw error
    } catch {
      throw map.invalid("\(error)")
    }
  }
}

/// The unit of the volumes that are written.
public enum VolumeUnit: String, Hashable, Sendable, CaseIterable {
  case hounsfield = "HU"
  case perMillimetre = "1/mm"

  func convert(_ attenuation: Image, _ scale: AttenuationScale) -> Image {
    switch self {
    case .hounsfield: scale.hounsfield(attenuation)
    case .perMillimetre: attenuation
    }
  }

  /// The same for a difference or a deviation, which has no offset.
  func convertDifference(_ attenuation: Image, _ scale: AttenuationScale) -> Image {
    switch self {
    case .hounsfield: attenuation.map { $0 * Float(1000 / scale.water) }
    case .perMillimetre: attenuation
    }
  }
}

/// What is measured, as `input:` says it. Paths here stand in for `--input`.
public enum InputDescription: Hashable, Sendable {
  /// One page per slice.
  case sinograms(order: StackSinograms.Order, path: String?)
  /// Raw counts, one page per view, with flats and darks, whose paths are relative to the projections.
  case projections(path: String?, DetectorDescription)

  init(_ map: YAMLMapping, folder: URL) throws(YAMLError) {
    enum Kind: String, CaseIterable { case sinograms, projections }
    func path(_ key: String) throws(YAMLError) -> String? {
      try map.optional(key).map { value throws(YAMLError) in resolve(try value.text(), folder) }
    }
    switch try map.choice("kind", default: Kind.sinograms) {
    case .sinograms:
      let order =
        try map.optional("order").map { value throws(YAMLError) in
          let axes = try value.list { item throws(YAMLError) in try item.text() }
          switch axes {
          case ["angle", "bin"]: return StackSinograms.Order.angleBin
          case ["bin", "angle"]: return .binAngle
          default: throw value.wrong("[angle, bin] or [bin, angle]")
          }
        } ?? .angleBin
      self = .sinograms(order: order, path: try path("path"))
    case .projections:
      self = .projections(path: try path("path"), try DetectorDescription(map))
    }
  }
}
