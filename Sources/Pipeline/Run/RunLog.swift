import Formats
import Foundation
import Logging

/// `run.log`: what a run said, with the time and the level in front of every line.
///
/// It is there from the first slice on, also for a run that fails; a run that goes on adds to it.
struct RunLog: LogHandler {
  /// An open file of lines.
  private final class File: Sendable {
    let descriptor: Int32

    init(path: String, appends: Bool) throws(FileError) {
      try expectReplaceable(path)
      descriptor = open(path, O_CREAT | (appends ? 0 : O_TRUNC) | O_WRONLY | O_APPEND | O_CLOEXEC, 0o666)
      guard descriptor >= 0 else { throw .cannotCreate(path: path, code: errno) }
    }

    deinit { close(descriptor) }

    /// A log that cannot be written stops no run.
    func write(_ line: String) {
      let bytes = Array((line + "\n").utf8)
      _ = Foundation.write(descriptor, bytes, bytes.count)
    }
  }

  private let file: File
  var logLevel = Logger.Level.trace
  var metadata: Logger.Metadata = [:]

  /// - Throws: `FileError`.
  init(path: String, appends: Bool) throws(FileError) { file = try File(path: path, appends: appends) }

  func log(event: LogEvent) {
    let time = Date.now.formatted(.iso8601)
    file.write("\(time) \(event.level): \(event.message)")
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }
}
