import Foundation

/// Why a file or folder cannot be made or read.
public enum FileError: Error, Equatable, Sendable, CustomStringConvertible {
  /// `code` is that of `errno`.
  case cannotCreate(path: String, code: Int32)
  case cannotWrite(path: String, code: Int32)
  case cannotRead(path: String, code: Int32)

  /// What Foundation has to say of a file, in this program's words; nil for errors of another kind.
  public init?(_ error: any Error) {
    guard let error = error as? CocoaError, let path = error.filePath ?? error.url?.path else { return nil }
    let cause = error.underlying.map { $0 as NSError }
    let code = cause.flatMap { $0.domain == NSPOSIXErrorDomain ? Int32($0.code) : nil }
    switch error.code {
    case .fileReadNoSuchFile: self = .cannotRead(path: path, code: ENOENT)
    case .fileReadNoPermission: self = .cannotRead(path: path, code: EACCES)
    case .fileReadUnknown, .fileReadTooLarge, .fileReadCorruptFile, .fileReadInapplicableStringEncoding:
      self = .cannotRead(path: path, code: code ?? EIO)
    case .fileNoSuchFile: self = .cannotCreate(path: path, code: ENOENT)
    case .fileWriteNoPermission: self = .cannotCreate(path: path, code: EACCES)
    case .fileWriteVolumeReadOnly: self = .cannotCreate(path: path, code: EROFS)
    case .fileWriteFileExists: self = .cannotCreate(path: path, code: code ?? EEXIST)
    case .fileWriteOutOfSpace: self = .cannotWrite(path: path, code: ENOSPC)
    default: self = .cannotWrite(path: path, code: code ?? EIO)
    }
  }

  /// Why, in a few words.
  package var reason: String {
    switch self {
    case .cannotCreate(_, let code), .cannotWrite(_, let code), .cannotRead(_, let code): Self.reason(code)
    }
  }

  public var description: String {
    switch self {
    case .cannotCreate(let path, ESPIPE):
      "cannot create '\(path)': \(Self.reason(ESPIPE)). Give the name of a file."
    case .cannotCreate(let path, let code):
      "cannot create '\(path)': \(Self.reason(code)). Check that its folder exists and that you may write there."
    case .cannotWrite(let path, let code) where Self.isNoSpace(code):
      "cannot write '\(path)': \(Self.reason(code)). Make room or choose a folder on another disk."
    case .cannotWrite(let path, EPIPE):
      "cannot write '\(path)': \(Self.reason(EPIPE)). Keep it open until the end."
    case .cannotWrite(let path, let code):
      "cannot write '\(path)': \(Self.reason(code)). Check the disk it is on."
    case .cannotRead(let path, let code):
      "cannot read '\(path)': \(Self.reason(code)). Check the path and its permissions."
    }
  }

  static func isNoSpace(_ code: Int32) -> Bool { [ENOSPC, EDQUOT, EFBIG].contains(code) }

  static func reason(_ code: Int32) -> String {
    switch code {
    case EISDIR: "it is a folder"
    case ESPIPE: "it is a device or a pipe"
    case EPIPE: "nobody reads it any more"
    case ENOTDIR: "a file stands where a folder should be"
    case ENOSPC: "no space is left on its disk"
    case EDQUOT: "no space is left of your share of its disk"
    case EFBIG: "it would be larger than files may be here"
    default: String(cString: strerror(code))
    }
  }
}
