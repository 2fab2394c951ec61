import Glibc

/// A file that appears under its name complete or not at all.
///
/// Bytes go to a hidden neighbour; ``commit()`` makes them durable and renames it. A file dropped before
/// that is removed.
struct ReportFile: ~Copyable {
  private let path: String
  private let temporary: String
  private var descriptor: Int32
  private(set) var bytes = 0

  init(path: String) throws(ReportError) {
    let split = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { path.index(after: $0) } ?? path.startIndex
    self.path = path
    temporary = path[..<split] + "." + path[split...] + ".partial"
    descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw .cannotCreate(path: path, reason: Self.reason()) }
  }

  deinit {
    if descriptor >= 0 {
      close(descriptor)
      unlink(temporary)
    }
  }

  mutating func write(_ text: String) throws(ReportError) { try write(Array(text.utf8)) }

  mutating func write(_ content: some RandomAccessCollection<UInt8>) throws(ReportError) {
    let code =
      content.withContiguousStorageIfAvailable { Self.write($0, to: descriptor) }
      ?? Array(content).withUnsafeBufferPointer { Self.write($0, to: descriptor) }
    guard code == 0 else { throw .cannotWrite(path: path, reason: Self.reason(code)) }
    bytes += content.count
  }

  /// Makes the file durable under its final name.
  consuming func commit() throws(ReportError) {
    guard fsync(descriptor) == 0 else { throw .cannotWrite(path: path, reason: Self.reason()) }
    guard rename(temporary, path) == 0 else { throw .cannotWrite(path: path, reason: Self.reason()) }
    close(descriptor)
    descriptor = -1
    // The rename itself lives in the folder.
    let split = path.utf8.lastIndex(of: UInt8(ascii: "/"))
    let folder = open(split.map { String(path[...$0]) } ?? ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if folder >= 0 {
      fsync(folder)
      close(folder)
    }
  }

  /// Returns 0 or the error number.
  private static func write(_ buffer: UnsafeBufferPointer<UInt8>, to descriptor: Int32) -> Int32 {
    var done = 0
    while done < buffer.count {
      let count = Glibc.write(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done)
      if count < 0 {
        if errno == EINTR { continue }
        return errno
      }
      done += count
    }
    return 0
  }

  static func reason(_ code: Int32 = errno) -> String { String(cString: strerror(code)) }
}
