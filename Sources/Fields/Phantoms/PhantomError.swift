/// Why a phantom cannot be built or evaluated: the part, what was found and what was expected.
public enum PhantomError: Error, Equatable, CustomStringConvertible {
  case outOfRange(part: String, what: String, found: String, expected: String)
  case notConvex(part: String)
  case partialOverlap(part: String, other: String)

  public var description: String {
    switch self {
    case .outOfRange(let part, let what, let found, let expected):
      "\(part): \(what) is \(found), expected \(expected)."
    case .notConvex(let part):
      "\(part): the polygon is not convex. Split it into convex parts that share their edges."
    case .partialOverlap(let part, let other):
      "\(part) replaces some of \(other) and leaves the rest, so its Fourier transform has no closed form. "
        + "Put it wholly inside or outside, or make it additive."
    }
  }
}
