/// Why an array of BART cannot be begun. What else can go wrong with one is a ``StackWriteError``.
public enum CFLError: Error, Equatable, Sendable, CustomStringConvertible {
  case name(path: String)
  /// A file of another format, such as NIfTI, has the name of the header.
  case otherHeader(path: String)

  public var description: String {
    switch self {
    case .name(let path):
      "cannot create '\(path)': an array of BART is a file NAME.cfl and one NAME.hdr. Give one of these names."
    case .otherHeader(let path):
      "cannot create '\(path)': a header of another format has that name. Give another name."
    }
  }
}
