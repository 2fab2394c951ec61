/// What the measurements say about one reconstructed slice.
public struct ReportVerdict: Sendable, Codable, Equatable {
  public enum Status: String, Sendable, Codable, CaseIterable, Comparable {
    case pass, warn, fail

    private var severity: Int {
      switch self {
      case .pass: 0
      case .warn: 1
      case .fail: 2
      }
    }
    public static func < (a: Status, b: Status) -> Bool { a.severity < b.severity }
  }

  /// The range in which a figure lies when the reconstruction and the noise model are right.
  public struct Interval: Sendable, Codable, Equatable {
    public var lower: Double
    public var upper: Double

    public init(_ lower: Double, _ upper: Double) {
      self.lower = lower
      self.upper = upper
    }
  }

  /// χ² of another method on the same data, so that a wrong geometry is not blamed on the prior.
  public struct Reference: Sendable, Codable, Equatable {
    public var method: String
    public var chiSquared: Double

    public init(method: String, chiSquared: Double) {
      self.method = method
      self.chiSquared = chiSquared
    }
  }

  /// A projection that the reconstruction explains badly. `index` counts from 0.
  public struct View: Sendable, Codable, Equatable {
    public var index: Int
    public var degrees: Double
    public var chiSquared: Double

    public init(index: Int, degrees: Double, chiSquared: Double) {
      self.index = index
      self.degrees = degrees
      self.chiSquared = chiSquared
    }
  }

  /// A line integral that the reconstruction explains badly; `residual` is in units of its σ.
  public struct Ray: Sendable, Codable, Equatable {
    public var view: Int
    public var bin: Int
    public var residual: Double

    public init(view: Int, bin: Int, residual: Double) {
      self.view = view
      self.bin = bin
      self.residual = residual
    }
  }

  public var status: Status
  /// The method whose image was judged, after any fall-back.
  public var method: String
  /// Reduced χ²: 1 when the residual is what the noise model says it should be.
  public var chiSquared: Double
  /// Confidence interval of the reduced χ².
  public var interval: Interval
  /// Probability that the interval contains a right reconstruction's χ²: 0.99.
  public var confidence: Double
  /// Correlation of neighbouring residuals; 0 for white noise.
  public var whiteness: Double?
  public var whitenessInterval: Interval?
  public var reference: Reference?
  /// Share of the image's energy that the measurements do not determine, 0 to 1.
  public var nullSpaceFraction: Double?
  public var worstViews: [View]
  public var worstRays: [Ray]
  /// Why the status is what it is, one sentence each.
  public var reasons: [String]
  /// Further figures.
  public var facts: [ReportFact]

  public init(
    status: Status, method: String, chiSquared: Double, interval: Interval, confidence: Double,
    whiteness: Double? = nil, whitenessInterval: Interval? = nil, reference: Reference? = nil,
    nullSpaceFraction: Double? = nil, worstViews: [View] = [], worstRays: [Ray] = [], reasons: [String],
    facts: [ReportFact] = []
  ) {
    self.status = status
    self.method = method
    self.chiSquared = chiSquared
    self.interval = interval
    self.confidence = confidence
    self.whiteness = whiteness
    self.whitenessInterval = whitenessInterval
    self.reference = reference
    self.nullSpaceFraction = nullSpaceFraction
    self.worstViews = worstViews
    self.worstRays = worstRays
    self.reasons = reasons
    self.facts = facts
  }
}
