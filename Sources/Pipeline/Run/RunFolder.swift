import Formats
import Foundation

/// The folder of a run: its results, and in `run/` what lets it go on after any end.
///
///     OUTPUT/volume.tif, report.html, …     complete, or not there
///     OUTPUT/run/journal.jsonl              every slice that is done, see ``RunJournal``
///     OUTPUT/run/volume.tif, …              the volumes until they are complete
///     OUTPUT/run/report/                    the pixels the report will show
///     OUTPUT/run/lock                       held by the process that works here
///
/// The journal and the pixels stay: a merge of several runs needs them.
final class RunFolder: Sendable {
  let path: String
  private let lock: Int32

  static let log = "run.log"
  static let state = "run"

  /// Makes the folder where it is missing, and takes it for this process.
  ///
  /// - Throws: `FileError`; ``RunError/locked(folder:holder:)`` while another run works in it.
  init(_ path: String) throws {
    self.path = path
    try makeFolder(path)
    let place = Self.result(Self.state, in: path)
    try makeFolder(place)
    lock = try Self.lock("\(place)/lock", folder: path)
  }

  deinit { close(lock) }

  static func result(_ name: String, in folder: String) -> String {
    folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
  }

  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Where a complete file stands.
  func result(_ name: String) -> String { Self.result(name, in: path) }

  /// Where a file stands until it is complete.
  func unfinished(_ name: String) -> String { result("\(Self.state)/\(name)") }

  static func journal(in folder: String) -> String { result("\(state)/journal.jsonl", in: folder) }
  var journal: String { Self.journal(in: path) }
  var reportParts: String { unfinished("report") }

  /// Removes what a killed run has left of files that it was about to complete.
  func sweep() {
    for folder in [path, result(Self.state), reportParts] {
      for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      where Self.isPending(name, in: folder == path) { unlink(Self.result(name, in: folder)) }
    }
  }

  /// In the folder of the results only files of this program's names are its own.
  private static func isPending(_ name: String, in results: Bool) -> Bool {
    guard let range = name.firstRange(of: PendingFile.mark) else { return false }
    return !results || PipelineRunner.records.contains(String(name[..<range.lowerBound]))
  }

  /// The files beside the results that a run writes, the pixels of its report aside.
  static func own(_ volumes: [String]) -> [String] {
    (["journal.jsonl", "lock", "report/figures.jsonl"] + volumes).map { "\(state)/\($0)" }
  }

  /// Forgets an earlier run. Files of other names stay where they are.
  func restart(volumes: [String], results: [String]) throws(FileError) {
    // The journal goes first: without it nothing else is believed.
    try Self.remove(journal)
    for name in volumes { try Self.remove(unfinished(name)) }
    for name in results.reversed() { try remove(name) }
    ReportParts(folder: reportParts).remove()
    try synchronize()
  }

  /// Removes a result.
  func remove(_ name: String) throws(FileError) { try Self.remove(result(name)) }

  private static func remove(_ path: String) throws(FileError) {
    guard unlink(path) == 0 || errno == ENOENT else { throw .cannotCreate(path: path, code: errno) }
  }

  /// Makes the names durable that files have here.
  func synchronize() throws(FileError) {
    for folder in [path, result(Self.state)] { try synchronizeFolder(folder) }
  }

  /// Gives a complete file its name.
  func publish(_ name: String) throws(FileError) {
    guard rename(unfinished(name), result(name)) == 0 else {
      throw .cannotCreate(path: result(name), code: errno)
    }
  }

  /// Takes a published file back, to write to it again.
  func withdraw(_ name: String) throws(FileError) {
    guard rename(result(name), unfinished(name)) == 0 || errno == ENOENT else {
      throw .cannotCreate(path: unfinished(name), code: errno)
    }
  }

  /// The lock goes with the process, however it ends.
  private static func lock(_ path: String, folder: String) throws -> Int32 {
    let descriptor = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw FileError.cannotCreate(path: path, code: errno) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      let holder = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
      close(descriptor)
      guard code == EWOULDBLOCK else { throw FileError.cannotCreate(path: path, code: code) }
      throw RunError.locked(folder: folder, holder: holder.trimmingCharacters(in: .whitespacesAndNewlines))
    }
    let process = ProcessInfo.processInfo
    let text = Array("process \(process.processIdentifier) on \(process.hostName)\n".utf8)
    if ftruncate(descriptor, 0) == 0 { _ = write(descriptor, text, text.count) }
    return descriptor
  }
}
