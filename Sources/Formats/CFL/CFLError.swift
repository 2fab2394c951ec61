/// Why an array of BART cannot be written. Pages, rows and columns count from 0 here and from 1 in the sentences.
public enum CFLError: Error, Equatable, Sendable, CustomStringConvertible {
  case name(path: String)
  /// A file of another format, such as NIfTI, has the name of the header.
  case otherHeader(path: String)
  case file(FileError)
  case noSpace(path: String, needed: UInt64, free: UInt64)
  case wrongPage(path: String, page: Int, found: String, expected: String)
  case wrongPageCount(path: String, written: Int, expected: Int)
  case notFinite(path: String, page: Int, row: Int, column: Int)

  public var description: String {
    switch self {
    case .name(let path):
      "cannot create '\(path)': an array of BART is a file NAME.cfl and one NAME.hdr. Give one of these names."
    case .otherHeader(let path):
      "cannot create '\(path)': a header of another format has that name. Give another name."
    case .file(let error): error.description
    case .noSpace(let path, let needed, let free):
      "cannot write '\(path)': \(needed) bytes are needed, \(free) are free on its disk. Make room or choose a folder "
        + "on another disk."
    case .wrongPage(let path, let page, let found, let expected):
      "cannot write page \(page + 1) of '\(path)': it is \(found), the file is for pages of \(expected). "
        + "Write pages of another size to another file."
    case .wrongPageCount(let path, let written, let expected):
      "'\(path)' is incomplete: \(written) of \(expected) pages were written. Nothing is left under that name; "
        + "run again to write all of them."
    case .notFinite(let path, let page, let row, let column):
      "cannot write page \(page + 1) of '\(path)': row \(row + 1), column \(column + 1) is NaN or infinite. Replace such "
        + "values first."
    }
  }
}
