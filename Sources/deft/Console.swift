import ArgumentParser
import Foundation
import Formats
import Logging

/// The program's two voices: results on standard output, everything else on standard error.
enum Console {
  static let isTerminal = isatty(STDERR_FILENO) == 1

  /// A line on standard error.
  static func line(_ text: String) { write(text + "\n") }

  /// Replaces the changing line of a terminal.
  static func changingLine(_ text: String) { write("\r\u{1B}[K" + text) }

  private static func write(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }

  /// A result on standard output.
  ///
  /// - Throws: `FileError` where it cannot be written, as on a full disk.
  static func output(_ text: String) throws {
    let bytes = Array((text + "\n").utf8)
    var done = 0
    while done < bytes.count {
      let count = bytes[done...].withUnsafeBytes { Foundation.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        throw FileError.cannotWrite(path: "standard output", code: errno)
      }
      done += count
    }
  }

  /// What a run logs, as lines.
  struct Log: LogHandler {
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]

    func log(event: LogEvent) {
      Console.line((event.level >= .warning ? "\(event.level): " : "") + event.message.description)
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }
  }
}

/// JSON as this program prints it: indented, keys sorted.
func encoded(_ value: some Encodable) throws -> String {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
  return String(decoding: try encoder.encode(value), as: UTF8.self)
}

/// `1 slice`, `2 slices`.
func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

/// How far a command is: one changing line on a terminal, a line every ten seconds elsewhere.
final class SliceProgress {
  private let what: String
  private let total: Int
  private var last = ContinuousClock.now

  init(_ what: String, total: Int) {
    self.what = what
    self.total = total
  }

  /// - Throws: `CancellationError` after Ctrl-C.
  func report(_ done: Int) throws {
    try Task.checkCancellation()
    if Console.isTerminal {
      Console.changingLine(done < total ? "\(what): \(done) of \(total)" : "")
    } else if ContinuousClock.now - last > .seconds(10) {
      last = .now
      Console.line("\(what): \(done) of \(total)")
    }
  }
}
