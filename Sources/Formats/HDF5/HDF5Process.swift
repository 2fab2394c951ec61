#if HDF5
  import CHDF5
  import Foundation
  import Synchronization

  /// libhdf5 with one file open, in processes of its own: one for every thread that asks at the same time.
  ///
  /// Damaged files make the library write beyond its memory, or loop. A process that ends so, or takes more memory or
  /// computing time than it may, is a damaged file; this program goes on.
  final class HDF5Process: Sendable {
    let path: String
    /// In bytes.
    let length: UInt64
    private let format: String
    private let starter: @Sendable (inout chdf5_reader, inout chdf5_reply) -> Void
    private let state: Mutex<State>

    private struct State {
      var idle: [chdf5_reader] = []
      /// Why no more is asked.
      var failure: StackError?
    }

    /// In bytes, what a process may take that reads pages or decoded chunks of so many: a page, a chunk as it is stored
    /// and decoded, and those that wait for other pages.
    static func limit(_ memory: Int) -> UInt64 {
      4 * UInt64(min(max(memory, 1 << 20), 1 << 36)) + (256 << 20)
    }

    /// - Throws: ``StackError`` where the file cannot be opened.
    init(
      path: String, format: String, start: @escaping @Sendable (inout chdf5_reader, inout chdf5_reply) -> Void
    ) throws {
      var status = stat()
      guard stat(path, &status) == 0, access(path, R_OK) == 0 else {
        let code = errno
        throw StackError.cannotOpen(path: path, format: format, reason: String(cString: strerror(code)))
      }
      guard status.st_mode & S_IFMT == S_IFREG else {
        throw StackError.cannotOpen(path: path, format: format, reason: "it is not a regular file")
      }
      self.path = path
      self.format = format
      length = UInt64(status.st_size)
      starter = start
      state = Mutex(State())
      let reader = try self.start()
      state.withLock { $0.idle.append(reader) }
    }

    deinit {
      state.withLock { state in
        for reader in state.idle { withUnsafePointer(to: reader) { _ = chdf5_stop($0, 0) } }
        state.idle = []
      }
    }

    private func damaged(_ reason: String) -> StackError {
      .damaged(path: path, format: format, reason: reason)
    }

    private func start() throws -> chdf5_reader {
      var reader = chdf5_reader()
      var reply = chdf5_reply()
      starter(&reader, &reply)
      switch reply.status {
      case Int32(chdf5_done.rawValue): return reader
      case Int32(chdf5_died.rawValue): throw damaged(Self.end(Int(reply.number)))
      default: throw damaged(Self.words(reply))
      }
    }

    /// Where an answer goes to.
    enum Answer {
      /// At most so many bytes.
      case bytes(most: Int)
      /// Exactly these.
      case memory(UnsafeMutableRawBufferPointer)
    }

    /// - Parameter what: what was asked for, before the reason of a failure.
    /// - Throws: ``StackError``.
    func ask(_ request: chdf5_request, _ answer: Answer, what: String) throws -> (
      number: Int, bytes: [UInt8]
    ) {
      let reader =
        try state.withLock { state in
          if let failure = state.failure { throw failure }
          return state.idle.popLast()
        } ?? start()
      var reply = chdf5_reply()
      var bytes: [UInt8] = []
      var hasDied = false
      withUnsafePointer(to: reader) { reader in
        withUnsafePointer(to: request) { chdf5_ask(reader, $0, &reply) }
        let count = Int(clamping: reply.bytes)
        switch answer {
        case _ where reply.status != Int32(chdf5_done.rawValue):
          hasDied = reply.status == Int32(chdf5_died.rawValue)
        case .bytes(let most):
          hasDied = count > most
          guard !hasDied else { return }
          bytes = [UInt8](repeating: 0, count: count)
          hasDied = chdf5_receive(reader, &bytes, count) != 0
        case .memory(let target):
          hasDied = count != target.count || chdf5_receive(reader, target.baseAddress, count) != 0
        }
      }
      guard !hasDied else {
        let signal = withUnsafePointer(to: reader) { chdf5_stop($0, 1) }
        let failure = damaged(what + Self.end(Int(signal)))
        state.withLock { $0.failure = failure }
        throw failure
      }
      state.withLock { $0.idle.append(reader) }
      switch reply.status {
      case Int32(chdf5_done.rawValue): return (Int(reply.number), bytes)
      case Int32(chdf5_refused.rawValue):
        throw StackError.unsupported(
          path: path, format: format, found: "a link to another file, '\(Self.text(reply))'",
          expected: "data in the file itself, or that other file")
      default: throw damaged(what + Self.words(reply))
      }
    }

    private static func end(_ signal: Int) -> String {
      signal == Int(SIGXCPU)
        ? "the HDF5 library does not come to an end with it" : "the HDF5 library ended with signal \(signal)"
    }

    private static func text(_ reply: chdf5_reply) -> String {
      withUnsafeBytes(of: reply.reason) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    private static func words(_ reply: chdf5_reply) -> String {
      let words = text(reply)
      // A later library writes versions that an earlier one does not know.
      if words.contains("bad version number") {
        return
          "the HDF5 library says '\(words)', perhaps since a later one wrote it; rewrite it with libver='v110'"
      }
      return words.isEmpty ? "the HDF5 library cannot read it" : "the HDF5 library says '\(words)'"
    }
  }
#endif
