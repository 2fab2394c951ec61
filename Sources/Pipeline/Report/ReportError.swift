import Formats

/// Why a report could not be written.
public enum ReportError: Error, Equatable, CustomStringConvertible {
  case file(FileError)
  case cannotRead(path: String, reason: String)
  case cannotEncode(path: String, reason: String)
  case damagedParts(path: String)

  /// Any error while the file at `path` was written.
  init(_ error: any Error, path: String) {
    self =
      switch error {
      case let error as ReportError: error
      case let error as FileError: .file(error)
      default: .cannotEncode(path: path, reason: "\(error)")
      }
  }

  public var description: String {
    switch self {
    case .file(let error): error.description
    case .cannotRead(let path, let reason):
      "cannot read '\(path)': \(reason). It belongs to a report that is not finished; "
        + "remove its folder and run again."
    case .cannotEncode(let path, let reason):
      "cannot write '\(path)': \(reason). An earlier report was left as it was."
    case .damagedParts(let path):
      "'\(path)' is not what was written there for the report. Remove its folder and run again."
    }
  }
}
