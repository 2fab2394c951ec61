import Formats
import Reconstruction

/// How the slices of a run are judged, as `verdict:` says it.
public struct VerdictDescription: Hashable, Sendable {
  public var thresholds = VerdictThresholds()
  /// Another image of the same data, beside which every reconstruction is judged.
  public var reference = Reference.totalVariation
  /// Whether every slice gets its ``NullSpace``.
  public var mapsNullSpace = true

  public enum Reference: String, Hashable, Sendable, CaseIterable {
    case totalVariation = "tv"
    case none
  }

  public init() {}

  /// `reference`, `nullSpace`, and the names of the thresholds.
  init(_ map: YAMLMapping) throws(YAMLError) {
    reference = try map.choice("reference", default: reference)
    mapsNullSpace = try map.boolean("nullSpace", default: mapsNullSpace)
    thresholds = try VerdictThresholds(map)
  }
}

extension VerdictThresholds {
  /// The keys of `verdict:` are the names of the properties.
  init(_ map: YAMLMapping) throws(YAMLError) {
    self.init()
    confidence = try map.number("confidence", .between(0.5, 0.9999), default: confidence)
    let limits: [(String, WritableKeyPath<VerdictThresholds, Double>)] = [
      ("chiSquareTolerance", \.chiSquareTolerance),
      ("chiSquareFailure", \.chiSquareFailure),
      ("chiSquareLow", \.chiSquareLow),
      ("inconsistencyTolerance", \.inconsistencyTolerance),
      ("inconsistencyFailure", \.inconsistencyFailure),
      ("bodyErrorWarning", \.bodyErrorWarning),
      ("bodyErrorFailure", \.bodyErrorFailure),
      ("correlationWarning", \.correlationWarning),
      ("axisWarning", \.axisWarning),
      ("axisFailure", \.axisFailure),
      ("axisSignificance", \.axisSignificance),
      ("contradictionWarning", \.contradictionWarning),
      ("contradictionFailure", \.contradictionFailure),
      ("backgroundWarning", \.backgroundWarning),
      ("viewWarning", \.viewWarning),
      ("binWarning", \.binWarning),
      ("rayWarning", \.rayWarning),
      ("nullSpaceWarning", \.nullSpaceWarning),
    ]
    for (key, path) in limits {
      self[keyPath: path] = try map.number(key, .notNegative, default: self[keyPath: path])
    }
  }
}
