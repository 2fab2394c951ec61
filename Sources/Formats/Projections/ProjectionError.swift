/// Why raw projections could not become sinograms. Rows and pages count from 0 here and from 1 in the sentences.
public enum ProjectionError: Error, Equatable, Sendable, CustomStringConvertible {
  case differentSize(path: String, found: String, expected: String, projections: String)
  case noSuchViews(path: String, view: Int, available: Int)
  case noSuchRows(path: String, rows: Range<Int>, available: Int)
  case noLight(path: String, row: Int)

  public var description: String {
    switch self {
    case .differentSize(let path, let found, let expected, let projections):
      "'\(path)' does not belong to '\(projections)': its pages are \(found), those of the projections \(expected). "
        + "Give flats and darks of the same detector and crop."
    case .noSuchViews(let path, let view, let available):
      "'\(path)' has no projection \(view + 1): it has \(available) pages. Ask for views from 1 to \(available)."
    case .noSuchRows(let path, let rows, let available):
      "'\(path)' has no detector rows \(rows.lowerBound + 1) to \(rows.upperBound): its pages have \(available) rows. "
        + "Ask for rows from 1 to \(available)."
    case .noLight(let path, let row):
      "the flats in '\(path)' are nowhere above the darks in detector row \(row + 1). "
        + "Check that flats and darks are not exchanged, or leave that row out."
    }
  }
}
