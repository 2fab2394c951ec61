/// Why a stack cannot be written, where its format has no error of its own. Pages, rows and columns count from 0 here and
/// from 1 in the sentences.
public enum StackWriteError: Error, Equatable, Sendable, CustomStringConvertible {
  case file(FileError)
  case noSpace(path: String, needed: UInt64, free: UInt64)
  case wrongPage(path: String, page: Int, found: String, expected: String)
  case wrongPageCount(path: String, written: Int, expected: Int)
  case notFinite(path: String, page: Int, row: Int, column: Int, value: String)

  public var description: String {
    switch self {
    case .file(let error): error.description
    case .noSpace(let path, let needed, let free):
      "cannot write '\(path)': \(needed) bytes are needed, \(free) are free on its disk. Make room or choose a folder "
        + "on another disk."
    case .wrongPage(let path, let page, let found, let expected):
      "cannot write page \(page + 1) of '\(path)': it is \(found), the file is for pages of \(expected). "
        + "Write such pages to another file."
    case .wrongPageCount(let path, let written, let expected):
      "'\(path)' is incomplete: \(written) of \(expected) pages were written. Nothing is left under that name; "
        + "run again to write all of them."
    case .notFinite(let path, let page, let row, let column, let value):
      "cannot write page \(page + 1) of '\(path)': it holds \(value) at row \(row + 1), column \(column + 1). Replace such "
        + "values first, for example with 'deft convert --replace-non-finite 0'."
    }
  }
}
