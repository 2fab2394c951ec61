import Fields

/// Why an operator cannot be built: the quantity, what was found and what was expected.
public enum OperatorError: Error, Equatable, CustomStringConvertible {
  case noAngles
  case noSamples(String)
  /// Positions in the list of angles, from 0.
  case duplicateAngle(Angle, first: Int, second: Int)
  case emptyShape(String, found: Shape)
  case outOfRange(String, found: String, expected: String)
  case planFailed(String)
  /// Lines are counted from 1; nil where the file as a whole is meant.
  case unreadable(path: String, line: Int?, reason: String)

  public var description: String {
    switch self {
    case .noAngles:
      "a projection needs at least one angle, found none. Give 'angles' in the geometry."
    case .noSamples(let what):
      "\(what) has no sample; give at least one."
    case .duplicateAngle(let angle, let first, let second):
      "angles \(first + 1) and \(second + 1) are both \(angle); every view must be given once. "
        + "Average views taken at the same angle first."
    case .emptyShape(let what, let found):
      "\(what) has the shape \(found); every extent must be at least 1."
    case .outOfRange(let what, let found, let expected):
      "\(what) is \(found), expected \(expected)."
    case .planFailed(let what):
      "FFTW cannot plan \(what)."
    case .unreadable(let path, let line, let reason):
      "cannot read \(line.map { "line \($0) of " } ?? "")'\(path)': \(reason)."
    }
  }
}
