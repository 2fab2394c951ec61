import Formats
import Reconstruction

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
