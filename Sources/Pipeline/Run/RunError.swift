import Fields

/// Why a run cannot start or go on.
public enum RunError: Error, Equatable, CustomStringConvertible {
  case unreadable(String)
  case noPrior(String)
  case noInput(String)
  case wrongShape(path: String, found: Shape, expected: Shape)
  case wrongViews(path: String, found: Int, expected: Int)
  case differentCounts(String, Int, String, Int)
  /// The slice counts from 1.
  case notFinite(method: String, slice: Int)

  public var description: String {
    switch self {
    case .unreadable(let path):
      "cannot read '\(path)'. Check the path and its permissions."
    case .noPrior(let file):
      "'\(file)' names no prior, but a method needs one. Add 'prior: FOLDER' to it."
    case .noInput(let file):
      "'\(file)' names no input. Give the measurements with --input."
    case .wrongShape(let path, let found, let expected):
      "the pages of '\(path)' are \(found), the pipeline expects \(expected) (angles × bins). "
        + "Correct 'geometry', or say 'order: [bin, angle]' if the pages are transposed."
    case .wrongViews(let path, let found, let expected):
      "'\(path)' holds \(found) projections, the pipeline expects \(expected) angles. Correct 'angles'."
    case .differentCounts(let first, let firstCount, let second, let secondCount):
      "'\(first)' has \(firstCount) slices, '\(second)' has \(secondCount). Give volumes of the same scan, "
        + "or choose pages with --pages."
    case .notFinite(let method, let slice):
      "the image that '\(method)' made of slice \(slice) holds values that are not numbers. Check the measurements and their "
        + "noise with 'deft info', or use another method."
    }
  }
}
