/// Why a stack could not be read, whatever its format. Pages, rows and columns count from 0 here and from 1 in the
/// sentences.
public enum StackError: Error, Equatable, Sendable, CustomStringConvertible {
  case cannotOpen(path: String, format: String, reason: String)
  /// The library of the format works in a process of its own, and none can be started.
  case noProcess(path: String, format: String, reason: String)
  /// This program was built without the trait of the format.
  case notBuiltIn(path: String, format: String, trait: String, package: String)
  case damaged(path: String, format: String, reason: String)
  case unsupported(path: String, format: String, found: String, expected: String)
  case complexSamples(path: String)
  case noSuchPage(path: String, page: Int, pages: Int)
  case noSuchRows(path: String, rows: Range<Int>, available: Int)
  case notFinite(path: String, page: Int, row: Int, column: Int, value: String)

  public var description: String {
    switch self {
    case .cannotOpen(let path, let format, let reason):
      "cannot open '\(path)' as \(format): \(reason). Check the path and the permissions."
    case .noProcess(let path, let format, let reason):
      "cannot open '\(path)' as \(format): no process can be started for it (\(reason)). End other programs, or raise the "
        + "limits 'ulimit -u' and 'ulimit -n'."
    case .notBuiltIn(let path, let format, let trait, let package):
      "'\(path)' is \(format), for which this build has no library: it was made without the trait \(trait). Install "
        + "\(package) and build with 'swift build -c release --traits \(trait)'."
    case .damaged(let path, let format, let reason):
      "cannot read '\(path)' as \(format): \(reason). The file is damaged; copy or write it again."
    case .unsupported(let path, let format, let found, let expected):
      "cannot read '\(path)' as \(format): found \(found), expected \(expected). Convert the file first."
    case .complexSamples(let path):
      "the samples of '\(path)' are complex, where real ones are expected. Choose a part of them first, for example "
        + "with 'deft convert --part magnitude'."
    case .noSuchPage(let path, let page, let pages):
      "'\(path)' has no page \(page + 1): it has \(pages) page\(pages == 1 ? "" : "s"). "
        + "Ask for a page from 1 to \(pages)."
    case .noSuchRows(let path, let rows, let available):
      "'\(path)' has no rows \(rows.lowerBound + 1) to \(rows.upperBound): its pages have \(available) rows. "
        + "Ask for rows from 1 to \(available)."
    case .notFinite(let path, let page, let row, let column, let value):
      "page \(page + 1) of '\(path)' holds \(value) at row \(row + 1), column \(column + 1). "
        + "Replace such values before using the file, for example with 'deft convert --replace-non-finite 0'."
    }
  }
}
