/// Why a report could not be written.
public enum ReportError: Error, Equatable, CustomStringConvertible {
  case cannotCreate(path: String, reason: String)
  case cannotWrite(path: String, reason: String)
  case cannotRead(path: String, reason: String)
  case damagedParts(path: String)

  public var description: String {
    switch self {
    case .cannotCreate(let path, let reason):
      "cannot create '\(path)': \(reason). Check that the folder exists and may be written to."
    case .cannotWrite(let path, let reason):
      "cannot write '\(path)': \(reason). Free some space or choose another output folder; "
        + "an earlier report was left as it was."
    case .cannotRead(let path, let reason):
      "cannot read '\(path)': \(reason). It belongs to a report that is not finished; "
        + "remove its folder and run again."
    case .damagedParts(let path):
      "'\(path)' is not what was written there for the report. Remove its folder and run again."
    }
  }
}
