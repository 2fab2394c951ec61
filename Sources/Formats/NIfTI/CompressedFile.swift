#if NIfTI
  import CNIfTI
  import Foundation
  import Synchronization

  /// A gzip-compressed file of pages that is read from several threads.
  ///
  /// There is no way into the middle of such a file: a reader decompresses it from the beginning and keeps its place. A
  /// page goes to the free reader nearest before it, so that pages in their order are decompressed once by every thread
  /// that takes part; only a step back begins again.
  final class CompressedFile: Sendable {
    let path: String
    private let pages: RawPages
    private let readers: [Reader]

    /// One cursor into the file.
    private final class Reader: Sendable {
      let cursor = Mutex<Cursor?>(nil)
      /// Only a hint for choosing a reader.
      let place = Atomic<UInt64>(0)
    }

    init(path: String, _ pages: RawPages) {
      self.path = path
      self.pages = pages
      readers = (0..<max(2, ProcessInfo.processInfo.activeProcessorCount)).map { _ in Reader() }
    }

    /// The first bytes of a file, decompressed; fewer than `count` where it ends before.
    static func beginning(of path: String, _ count: Int) throws -> [UInt8] {
      var cursor = try Cursor(path: path)
      return try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
        initialized = try cursor.read(into: UnsafeMutableRawBufferPointer(buffer), path: path)
      }
    }

    /// - Throws: ``StackError/damaged(path:format:reason:)`` when the file ends before or is damaged.
    func read(_ rows: Range<Int>, ofPage page: Int, into target: UnsafeMutablePointer<Float>) throws {
      let offset = pages.offset(ofRow: rows.lowerBound, page: page)
      let order = readers.map { (reader: $0, place: $0.place.load(ordering: .relaxed)) }
        .sorted { Self.rank($0.place, offset) > Self.rank($1.place, offset) }
        .map(\.reader)
      for reader in order where try read(rows, offset, into: target, reader, waiting: false) { return }
      _ = try read(rows, offset, into: target, order[page % order.count], waiting: true)
    }

    /// Those before the offset, the nearest first; those that begin come next; then those that must begin again.
    private static func rank(_ place: UInt64, _ offset: UInt64) -> UInt64 { place <= offset ? place + 1 : 0 }

    /// - Returns: false when the reader is busy and `waiting` is false.
    private func read(
      _ rows: Range<Int>, _ offset: UInt64, into target: UnsafeMutablePointer<Float>, _ reader: Reader,
      waiting: Bool
    ) throws -> Bool {
      // Bits, so that the pointer does not tie the caller's memory to the state behind the lock.
      let address = UInt(bitPattern: target)
      func use(_ slot: inout Cursor?) throws {
        guard let target = UnsafeMutablePointer<Float>(bitPattern: address) else { return }
        // A file that failed is not put back: its cursor may be anywhere.
        reader.place.store(0, ordering: .relaxed)
        var cursor: Cursor
        if let last = slot.take() { cursor = last } else { cursor = try Cursor(path: path) }
        try cursor.seek(to: offset, path: path)
        try pages.convert(rows.count * pages.columns, to: target) { bytes, _ in
          guard try cursor.read(into: bytes, path: path) == bytes.count else {
            throw Self.damaged(path, "it ends \(pages.end - cursor.place) bytes too early")
          }
        }
        // The checksum lies behind the last byte.
        if cursor.place == pages.end { try cursor.readOn(path: path) }
        reader.place.store(cursor.place, ordering: .relaxed)
        slot = consume cursor
      }
      if waiting {
        try reader.cursor.withLock { try use(&$0) }
        return true
      }
      return try reader.cursor.withLockIfAvailable { try use(&$0) } != nil
    }

    fileprivate static func damaged(_ path: String, _ reason: String) -> StackError {
      .damaged(path: path, format: FileFormat.nifti.name, reason: reason)
    }
  }

  /// A file that is decompressed from its beginning on.
  ///
  /// It may be sent between threads: zlib keeps what it knows of a file in the file's own state, which has one owner here.
  private struct Cursor: ~Copyable, @unchecked Sendable {
    private let file: OpaquePointer
    /// Of the next byte.
    private(set) var place: UInt64 = 0

    init(path: String) throws {
      errno = 0
      guard let file = cnifti_open(path) else {
        throw StackError.cannotOpen(
          path: path, format: FileFormat.nifti.name, reason: FileError.reason(errno == 0 ? ENOMEM : errno))
      }
      self.file = file
    }

    deinit { cnifti_close(file) }

    mutating func seek(to offset: UInt64, path: String) throws {
      guard offset != place else { return }
      guard cnifti_seek(file, Int64(offset)) == Int64(offset) else {
        throw CompressedFile.damaged(path, "it cannot be decompressed up to byte \(offset)")
      }
      place = offset
    }

    /// - Returns: how many bytes there were.
    mutating func read(into target: UnsafeMutableRawBufferPointer, path: String) throws -> Int {
      let count = Int(cnifti_read(file, target.baseAddress, target.count))
      guard (0...target.count).contains(count) else {
        throw CompressedFile.damaged(path, "it cannot be decompressed from byte \(place) on")
      }
      place += UInt64(count)
      return count
    }

    /// One byte further, if there is one.
    mutating func readOn(path: String) throws {
      var byte: UInt8 = 0
      try withUnsafeMutableBytes(of: &byte) { _ = try read(into: $0, path: path) }
    }
  }
#endif
