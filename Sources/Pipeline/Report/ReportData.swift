import Fields

/// What a report says about a run as a whole. What it says about one slice is a ``ReportSlice``.
public struct ReportData: Sendable {
  public var title: String
  /// The methods shown, in the words of the configuration: "fbp", "deft:10".
  public var methods: [String]
  /// The geometry in words: "views" is "60 over 180°", "bins" is "363 of 1.4 mm".
  public var geometry: [ReportFact]
  /// Width of a pixel of the reconstruction in millimetres; gives the pictures a scale bar.
  public var pixelSpacing: Double?
  /// μ of water in 1/mm. When it is known, attenuation is read out in HU as well.
  public var waterAttenuation: Double?
  /// Windows offered for the reconstructions, beside the one each panel suggests.
  public var presets: [ReportWindowPreset]
  /// Where the time went, in the order of the pipeline.
  public var stages: [ReportStage]
  /// The configuration as it was read, YAML.
  public var configuration: String
  public var provenance: ReportProvenance
  /// What a reader must know before believing the pictures, one sentence each.
  public var warnings: [String]

  public init(
    title: String, methods: [String], geometry: [ReportFact] = [], pixelSpacing: Double? = nil,
    waterAttenuation: Double? = nil, presets: [ReportWindowPreset] = [], stages: [ReportStage] = [],
    configuration: String, provenance: ReportProvenance, warnings: [String] = []
  ) {
    self.title = title
    self.methods = methods
    self.geometry = geometry
    self.pixelSpacing = pixelSpacing
    self.waterAttenuation = waterAttenuation
    self.presets = presets
    self.stages = stages
    self.configuration = configuration
    self.provenance = provenance
    self.warnings = warnings
  }
}

/// A name and a value, both ready to be read.
public struct ReportFact: Sendable, Codable, Equatable {
  public var name: String
  public var value: String

  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// Time spent in one stage of the pipeline.
public struct ReportStage: Sendable {
  public var name: String
  /// Summed over the slices, in seconds.
  public var seconds: Double
  /// How many slices passed the stage in that time.
  public var slices: Int

  public init(name: String, seconds: Double, slices: Int) {
    self.name = name
    self.seconds = seconds
    self.slices = slices
  }
}

/// A window of grey values: what lies below `level − width/2` is black, above `level + width/2` white.
public struct ReportWindow: Sendable, Codable, Equatable {
  public var level: Double
  public var width: Double

  public init(level: Double, width: Double) {
    self.level = level
    self.width = width
  }

  public init(_ range: ClosedRange<Double>) {
    self.init(level: (range.lowerBound + range.upperBound) / 2, width: range.upperBound - range.lowerBound)
  }

  var range: ClosedRange<Float> {
    let (middle, half) = (Float(level), Float(abs(width) / 2))
    return middle.isFinite && half.isFinite ? middle - half...middle + half : 0...1
  }
}

/// A window with a name, in the unit of the reconstructions.
public struct ReportWindowPreset: Sendable, Codable {
  public var name: String
  public var window: ReportWindow

  public init(name: String, window: ReportWindow) {
    self.name = name
    self.window = window
  }

  /// The usual windows of computed tomography, converted from HU to attenuation in 1/mm.
  ///
  ///     μ = μ_water (1 + HU / 1000)
  public static func computedTomography(waterAttenuation: Double) -> [ReportWindowPreset] {
    [("Soft tissue", 40.0, 400.0), ("Lung", -600, 1500), ("Bone", 400, 1800), ("Full CT range", 0, 2000)]
      .map { name, level, width in
        ReportWindowPreset(
          name: name,
          window: ReportWindow(
            level: waterAttenuation * (1 + level / 1000), width: waterAttenuation * width / 1000))
      }
  }
}

/// What a run was made of: enough to make it again, and nothing about the machine it ran on.
public struct ReportProvenance: Sendable {
  public struct Input: Sendable {
    public var name: String
    public var bytes: Int
    public var sha256: String

    public init(name: String, bytes: Int, sha256: String) {
      self.name = name
      self.bytes = bytes
      self.sha256 = sha256
    }
  }

  public struct Network: Sendable {
    /// "prior" or "h-network".
    public var role: String
    public var name: String
    public var fingerprint: String

    public init(role: String, name: String, fingerprint: String) {
      self.role = role
      self.name = name
      self.fingerprint = fingerprint
    }
  }

  /// Version of this software.
  public var version: String
  public var seed: UInt64?
  public var inputs: [Input]
  public var networks: [Network]
  /// Libraries and their versions.
  public var software: [ReportFact]

  public init(
    version: String, seed: UInt64? = nil, inputs: [Input] = [], networks: [Network] = [],
    software: [ReportFact] = []
  ) {
    self.version = version
    self.seed = seed
    self.inputs = inputs
    self.networks = networks
    self.software = software
  }
}
