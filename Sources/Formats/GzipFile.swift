import CZlib
import Foundation

/// A gzip-compressed file while it is written. Closes itself.
///
/// It may be sent between threads: zlib keeps what it knows of a file in the file's own state, which has one owner here.
struct GzipFile: ~Copyable, @unchecked Sendable {
  private let path: String
  private var file: gzFile?

  /// - Parameters:
  ///   - path: what messages name.
  ///   - place: where it is; what is there is overwritten.
  init(path: String, place: String) throws(FileError) {
    self.path = path
    errno = 0
    guard let file = gzopen(place, "wbe") else {
      throw .cannotCreate(path: path, code: errno == 0 ? ENOMEM : errno)
    }
    self.file = file
    gzbuffer(file, 128 << 10)
  }

  deinit { if let file { gzclose(file) } }

  mutating func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      errno = 0
      let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
      guard gzwrite(file, piece.baseAddress, UInt32(piece.count)) == Int32(piece.count) else {
        throw .cannotWrite(path: path, code: errno == 0 ? EIO : errno)
      }
      rest = rest.dropFirst(piece.count)
    }
  }

  /// Writes what is left, and the checksum.
  consuming func close() throws(FileError) {
    errno = 0
    let path = path
    guard gzclose(file.take()) == Z_OK else { throw .cannotWrite(path: path, code: errno == 0 ? EIO : errno) }
  }
}
