import Fields

/// Why a reconstruction or a comparison cannot be done: the quantity, what was found and what was expected.
public enum ReconstructionError: Error, Equatable, CustomStringConvertible {
  case outOfRange(String, found: String, expected: String)
  case shapes(String, found: Shape, expected: Shape)

  public var description: String {
    switch self {
    case .outOfRange(let what, let found, let expected):
      "\(what) is \(found), expected \(expected)."
    case .shapes(let what, let found, let expected):
      "\(what) has the shape \(found), expected \(expected)."
    }
  }
}
