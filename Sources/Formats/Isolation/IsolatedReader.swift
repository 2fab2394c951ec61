import CIsolation
import Foundation
import Synchronization

/// A library that reads files in processes of its own: one for every thread that asks at the same time.
///
/// Damaged files make some libraries write beyond their memory, or loop. A process that ends so, or takes more memory or
/// computing time than it may, is a damaged file; this program goes on.
package final class IsolatedReader<Request: BitwiseCopyable>: Sendable {
  private let path: String
  private let format: String
  private let library: String
  private let starter: @Sendable (inout isolated_reader, inout isolated_reply) -> Void
  private let state: Mutex<State>

  private struct State {
    var idle: [isolated_reader] = []
    /// Why no more is asked of a file.
    var failures: [String: StackError] = [:]
  }

  /// - Parameters:
  ///   - path: What is read, for messages; the default of ``ask(_:_:path:what:)``.
  ///   - library: Its name in messages.
  ///   - start: starts a process that answers requests.
  /// - Throws: ``StackError`` where the process does not begin to answer.
  package init(
    path: String, format: String, library: String,
    start: @escaping @Sendable (inout isolated_reader, inout isolated_reply) -> Void
  ) throws {
    self.path = path
    self.format = format
    self.library = library
    starter = start
    state = Mutex(State())
    let reader = try self.start()
    state.withLock { $0.idle.append(reader) }
  }

  deinit {
    state.withLock { state in
      for reader in state.idle { withUnsafePointer(to: reader) { _ = isolated_stop($0, 0) } }
      state.idle = []
    }
  }

  private func start() throws -> isolated_reader {
    var reader = isolated_reader()
    var reply = isolated_reply()
    starter(&reader, &reply)
    switch reply.status {
    case Int32(isolated_done.rawValue): return reader
    case Int32(isolated_died.rawValue): throw damaged(path, end(Int(reply.number)))
    default: throw failure(reply, path, what: "")
    }
  }

  /// - Parameters:
  ///   - path: The file that is asked for; one that has ended a process is not opened again.
  ///   - what: what was asked for, before the reason of a failure.
  /// - Throws: ``StackError``; ``TIFFError/changed(path:)`` of a file that was written to or replaced since it was opened.
  package func ask(
    _ request: Request, _ answer: IsolatedAnswer, path: String? = nil, what: String
  ) throws -> (number: Int, bytes: [UInt8]) {
    let path = path ?? self.path
    let reader =
      try state.withLock { state in
        if let failure = state.failures[path] { throw failure }
        return state.idle.popLast()
      } ?? start()
    var reply = isolated_reply()
    var bytes: [UInt8] = []
    var hasDied = false
    var excess: StackError?
    withUnsafePointer(to: reader) { reader in
      withUnsafeBytes(of: request) { isolated_ask(reader, $0.baseAddress, $0.count, &reply) }
      let count = Int(clamping: reply.bytes)
      switch answer {
      case _ where reply.status != Int32(isolated_done.rawValue):
        hasDied = reply.status == Int32(isolated_died.rawValue)
      case .bytes(let most) where count > most:
        excess = .unsupported(
          path: path, format: format, found: "\(what)an answer of \(count) bytes by the \(library) library",
          expected: "at most \(most)")
      case .bytes:
        bytes = [UInt8](repeating: 0, count: count)
        hasDied = isolated_receive(reader, &bytes, count) != 0
      case .memory(let target):
        hasDied = count != target.count || isolated_receive(reader, target.baseAddress, count) != 0
      }
    }
    if let excess {
      // It is not received, so the next answer would begin with it.
      withUnsafePointer(to: reader) { _ = isolated_stop($0, 0) }
      throw excess
    }
    guard !hasDied else {
      let signal = withUnsafePointer(to: reader) { isolated_stop($0, 1) }
      let failure = damaged(path, what + end(Int(signal)))
      state.withLock { $0.failures[path] = failure }
      throw failure
    }
    state.withLock { $0.idle.append(reader) }
    guard reply.status == Int32(isolated_done.rawValue) else { throw failure(reply, path, what: what) }
    return (Int(reply.number), bytes)
  }

  // MARK: Messages

  private func damaged(_ path: String, _ reason: String) -> StackError {
    .damaged(path: path, format: format, reason: reason)
  }

  private func end(_ signal: Int) -> String {
    switch signal {
    case 0: "the \(library) library ended without an answer"
    case Int(SIGXCPU): "the \(library) library does not come to an end with it"
    default: "the \(library) library ended with signal \(signal)"
    }
  }

  private func failure(_ reply: isolated_reply, _ path: String, what: String) -> any Error {
    func text<Characters>(_ characters: Characters) -> String {
      withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
    let (reason, remark) = (text(reply.reason), text(reply.remark))
    switch reply.status {
    case Int32(isolated_refused.rawValue):
      return StackError.unsupported(path: path, format: format, found: reason, expected: remark)
    case Int32(isolated_unstarted.rawValue):
      return StackError.noProcess(path: path, format: format, reason: reason)
    case Int32(isolated_unopened.rawValue):
      return StackError.cannotOpen(path: path, format: format, reason: reason)
    case Int32(isolated_changed.rawValue):
      return TIFFError.changed(path: path)
    default:
      let words =
        reason.isEmpty ? "the \(library) library cannot read it" : "the \(library) library says '\(reason)'"
      return damaged(path, what + words + (remark.isEmpty ? "" : ", \(remark)"))
    }
  }
}

/// Where an answer goes to.
package enum IsolatedAnswer {
  /// At most so many bytes; more are not read.
  case bytes(most: Int)
  /// Exactly these.
  case memory(UnsafeMutableRawBufferPointer)
}

/// In bytes, what a process may take that reads pages or decoded chunks of so many: a page, a chunk as it is stored and
/// decoded, and those that wait for other pages.
func isolatedMemory(pages memory: Int) -> UInt64 {
  4 * UInt64(min(max(memory, 1 << 20), 1 << 36)) + (256 << 20)
}

/// The bytes of a file before another process opens it: a pipe would make it wait.
///
/// - Throws: ``StackError/cannotOpen(path:format:reason:)`` where it is missing, not to be read or no regular file.
func regularFileLength(_ path: String, format: String) throws(StackError) -> UInt64 {
  var status = stat()
  guard stat(path, &status) == 0, access(path, R_OK) == 0 else {
    throw .cannotOpen(path: path, format: format, reason: String(cString: strerror(errno)))
  }
  guard status.st_mode & S_IFMT == S_IFREG else {
    throw .cannotOpen(path: path, format: format, reason: "it is not a regular file")
  }
  guard status.st_size > 0 else {
    throw .damaged(path: path, format: format, reason: "it is empty (0 bytes)")
  }
  return UInt64(status.st_size)
}
