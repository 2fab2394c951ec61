import Diffusion
import Foundation
import Formats

/// The clean images of a training file: stacks, random phantoms, or both.
///
///     images:
///       stacks: [train.tif]          # relative to the YAML file
///       unit: HU                     # or 1/mm, where the stacks do not say; HU unless given
///       offset: -1024                # added to stored values to reach that unit
///       phantoms: ../phantoms/random-ct.yaml
///       phantomFraction: 0.1         # of all draws
public struct TrainingImagesDescription: Hashable, Sendable {
  public var stacks: [String]
  /// Nil for what the stacks say, and HU where they say nothing.
  public var unit: VolumeUnit?
  public var offset: Double
  public var phantoms: String?
  public var phantomFraction: Double

  init(_ map: YAMLMapping, folder: URL) throws(YAMLError) {
    var paths: [String] = []
    if let value = map.optional("stacks") {
      for item in try value.list() { paths.append(resolve(try item.text(), folder)) }
    }
    stacks = paths
    unit = try map.optional("unit").map { _ throws(YAMLError) in try map.choice("unit", of: VolumeUnit.self) }
    offset = try map.number("offset", default: 0)
    phantoms = try map.optional("phantoms").map { value throws(YAMLError) in resolve(try value.text(), folder)
    }
    phantomFraction = try map.number("phantomFraction", .between(0, 1), default: 0.1)
    guard !stacks.isEmpty || phantoms != nil else {
      throw map.invalid("'images' names neither 'stacks' nor 'phantoms'; training needs one of them.")
    }
  }

  /// - Parameter size: pixels across a phantom's field of view.
  public func open(size: Int, minimum: Int, attenuation: AttenuationScale) throws -> any ImageSource {
    let real =
      stacks.isEmpty
      ? nil
      : try StackImages(
        paths: stacks, unit: unit, offset: offset, attenuation: attenuation, minimum: minimum)
    let drawn = try phantoms.map {
      try PhantomImages(PhantomFile.family($0), size: size, attenuation: attenuation)
    }
    if let real, let drawn { return MixedSource(real, drawn, fractionOfSecond: phantomFraction) }
    if let real { return real }
    if let drawn { return drawn }
    throw TrainingError.noImages("images")
  }
}

/// A path of a YAML file, relative to the folder of that file.
func resolve(_ path: String, _ folder: URL) -> String {
  path.hasPrefix("/") ? path : folder.appendingPathComponent(path).standardizedFileURL.path
}

extension TrainingSettings {
  /// The keys of `training:`.
  init(_ map: YAMLMapping, learningRate: Double, batch: Int, averageDecay: Double, warmUp: Int)
    throws(YAMLError)
  {
    enum Precision: String, CaseIterable { case float32, bfloat16 }
    self.init(
      iterations: try map.integer("iterations", .between(1, 1e9)),
      batch: try map.integer("batch", .between(1, 4096), default: batch),
      learningRate: try map.number("learningRate", .positive, default: learningRate),
      warmUp: try map.integer("warmUp", .between(0, 1e9), default: warmUp),
      weightDecay: try map.number("weightDecay", .notNegative, default: 1e-4),
      gradientLimit: try map.number("gradientLimit", .positive, default: 1),
      averageDecay: try map.number("averageDecay", .between(0, 1), default: averageDecay),
      seed: UInt64(try map.integer("seed", .notNegative, default: 1)),
      bfloat16: try map.choice("precision", default: Precision.float32) == .bfloat16,
      checkpointEvery: try map.integer("checkpointEvery", .between(1, 1e9), default: 500))
  }
}

/// The keys of `network:` that all networks share.
struct NetworkDescription {
  var channels: [Int]
  var spaceToDepth: Int

  init(channels: [Int]) {
    self.channels = channels
    spaceToDepth = 2
  }

  init(_ map: YAMLMapping, channels standard: [Int]) throws(YAMLError) {
    channels =
      try map.optional("channels").map { value throws(YAMLError) in
        try value.list { item throws(YAMLError) in try item.integer(.between(1, 4096)) }
      } ?? standard
    spaceToDepth = try map.integer("spaceToDepth", .between(1, 8), default: 2)
    // Every level halves the image, and images are padded to whole pixels of the last one.
    guard (1...8).contains(channels.count), channels.allSatisfy({ $0 % 8 == 0 }) else {
      throw map.invalid(
        "'channels' is \(channels.prefix(20)), expected multiples of 8, one for every level, at most 8.")
    }
  }
}

/// `pipelines/train-ct-prior.yaml`: how a prior is trained.
public struct PriorTrainingDescription: Hashable, Sendable {
  public var images: TrainingImagesDescription
  public var architecture: PriorTraining.Architecture
  public var settings: TrainingSettings
  public var crop: Int
  public var phantomSize: Int
  public var output: String

  public init(file: String) throws(YAMLError) {
    let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
    self = try YAMLValue.read(file: file).mapping { root throws(YAMLError) in
      try PriorTrainingDescription(root, folder: folder)
    }
  }

  private init(_ root: YAMLMapping, folder: URL) throws(YAMLError) {
    images = try root.mapping("images") { map throws(YAMLError) in
      try TrainingImagesDescription(map, folder: folder)
    }
    let network =
      try root.optional("network").map { value throws(YAMLError) in
        try value.mapping { map throws(YAMLError) in
          try NetworkDescription(map, channels: [48, 96, 128, 160])
        }
      } ?? NetworkDescription(channels: [48, 96, 128, 160])
    architecture = PriorTraining.Architecture(channels: network.channels, spaceToDepth: network.spaceToDepth)
    (settings, crop, phantomSize) = try root.mapping("training") { map throws(YAMLError) in
      (
        try TrainingSettings(map, learningRate: 5e-4, batch: 8, averageDecay: 0.999, warmUp: 200),
        try map.integer("crop", .between(8, 4096), default: 128),
        try map.integer("phantomSize", .between(8, 8192), default: 256)
      )
    }
    output = resolve(try root.text("output"), folder)
  }
}

/// `pipelines/tune-sparse-view-ct.yaml`: how a network is tuned to a scan, an h-network or its supervised rival.
///
///     pipeline: sparse-view-ct.yaml        # the scan, and the prior
///     images: …
///     noise: [0.005, 0.02]                 # relative to the mean line integral
///     reference: {method: tv, weight: 4, steps: 60}       # x_ref, weight λ μ of water; fbp unless given
///     network: {form: preconditioned, channels: [32, 64, 96, 128]}
///     training: {iterations: 800, batch: 4}
///     output: priors/ct-60-views
public struct ScanTrainingDescription: Hashable, Sendable {
  public var pipeline: PipelineDescription
  public var images: TrainingImagesDescription
  public var noise: ClosedRange<Double>
  public var reference: SimpleInverse
  public var form: HDescription.Form
  public var channels: [Int]
  public var spaceToDepth: Int
  public var iterations: Int
  public var settings: TrainingSettings
  public var output: String

  public init(file: String) throws(YAMLError) {
    let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
    self = try YAMLValue.read(file: file).mapping { root throws(YAMLError) in
      try ScanTrainingDescription(root, folder: folder)
    }
  }

  private init(_ root: YAMLMapping, folder: URL) throws(YAMLError) {
    let scan = try root.value("pipeline", expected: "the path of a pipeline")
    do throws(YAMLError) {
      pipeline = try PipelineDescription(file: resolve(try scan.text(), folder))
    } catch {
      guard case .cannotRead(let path, let reason) = error else { throw error }
      throw scan.invalid("cannot read the pipeline '\(path)': \(reason). Check the path.")
    }
    images = try root.mapping("images") { map throws(YAMLError) in
      try TrainingImagesDescription(map, folder: folder)
    }
    let levels = try root.numbers("noise", count: 2, .positive)
    guard levels[0] <= levels[1] else {
      throw root.invalid("'noise' is \(levels), expected the lower level first.")
    }
    noise = levels[0]...levels[1]
    reference = .fbp
    if let value = root.optional("reference") {
      enum Kind: String, CaseIterable { case fbp, tv }
      reference = try value.mapping { map throws(YAMLError) in
        switch try map.choice("method", of: Kind.self) {
        case .fbp: .fbp
        case .tv:
          .totalVariation(
            weight: try map.number("weight", .positive), steps: try map.integer("steps", .between(1, 10_000)))
        }
      }
    }
    let standard = [32, 64, 96, 128]
    var network = NetworkDescription(channels: standard)
    (form, iterations) = (.preconditioned, 5)
    if let value = root.optional("network") {
      (network, form, iterations) = try value.mapping { map throws(YAMLError) in
        (
          try NetworkDescription(map, channels: standard), try map.choice("form", default: .preconditioned),
          try map.integer("iterations", .between(1, 100), default: 5)
        )
      }
    }
    (channels, spaceToDepth) = (network.channels, network.spaceToDepth)
    settings = try root.mapping("training") { map throws(YAMLError) in
      try TrainingSettings(map, learningRate: 1e-3, batch: 4, averageDecay: 0.99, warmUp: 50)
    }
    output = resolve(try root.text("output"), folder)
  }
}
