import Foundation

/// An open file that is read at given places. Closed when it goes out of scope.
struct FileBytes: ~Copyable, Sendable {
  let path: String
  let state: State
  private let descriptor: Int32

  /// What differs once a file has been written to or replaced.
  struct State: Sendable, Equatable {
    var length: UInt64
    var seconds: Int
    var nanoseconds: Int
  }

  var length: UInt64 { state.length }

  init(path: String) throws(TIFFError) {
    // Non-blocking has no effect on files; opening a pipe would otherwise wait for a writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw Self.failure(path, errno) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let code = errno
      close(descriptor)
      throw Self.failure(path, code)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw .cannotOpen(path: path, reason: "it is not a regular file")
    }
    guard status.st_size > 0 else {
      close(descriptor)
      throw .empty(path: path)
    }
    self.path = path
    state = State(
      length: UInt64(status.st_size), seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Fills `target` from byte `offset` on.
  ///
  /// - Throws: ``TIFFError/truncated(path:page:needed:length:)`` when the file ends before.
  func read(into target: UnsafeMutableRawBufferPointer, at offset: UInt64, page: Int) throws(TIFFError) {
    let (end, overflow) = offset.addingReportingOverflow(UInt64(target.count))
    guard !overflow, end <= length else {
      throw .truncated(path: path, page: page, needed: overflow ? .max : end, length: length)
    }
    var done = 0
    while done < target.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: target[done...])
      let count = pread(descriptor, rest.baseAddress, min(rest.count, 1 << 30), off_t(offset) + off_t(done))
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw Self.failure(path, errno) }
      guard count > 0 else { throw .truncated(path: path, page: page, needed: end, length: length) }
      done += count
    }
  }

  func bytes(_ count: Int, at offset: UInt64, page: Int) throws(TIFFError) -> [UInt8] {
    guard UInt64(count) <= length else {
      throw .truncated(path: path, page: page, needed: offset &+ UInt64(count), length: length)
    }
    var bytes = [UInt8](repeating: 0, count: count)
    var failure: TIFFError?
    bytes.withUnsafeMutableBytes { target in
      do throws(TIFFError) { try read(into: target, at: offset, page: page) } catch { failure = error }
    }
    if let failure { throw failure }
    return bytes
  }

  static func failure(_ path: String, _ code: Int32) -> TIFFError {
    switch code {
    case ENOENT, ENOTDIR: .missing(path: path)
    case EACCES, EPERM: .noPermission(path: path)
    default: .cannotOpen(path: path, reason: String(cString: strerror(code)))
    }
  }
}
