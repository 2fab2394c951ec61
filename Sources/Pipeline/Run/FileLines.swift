import Formats
import Foundation

/// The lines of a file one by one, whatever its length.
final class FileLines {
  private let file: UnsafeMutablePointer<FILE>
  private var buffer: UnsafeMutablePointer<CChar>?
  private var capacity = 0
  private var place = 0

  /// - Returns: nil where there is no file.
  /// - Throws: ``FileError/cannotRead(path:code:)``.
  init?(_ path: String) throws(FileError) {
    guard let file = fopen(path, "re") else {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw .cannotRead(path: path, code: errno)
    }
    self.file = file
  }

  deinit {
    free(buffer)
    fclose(file)
  }

  /// The next line without its end, and the byte at which it begins; nil at the end, or where the last line is torn.
  func next() -> (text: Data, place: Int)? {
    let count = getline(&buffer, &capacity, file)
    guard count > 0, let buffer, buffer[count - 1] == CChar(UInt8(ascii: "\n")) else { return nil }
    defer { place += count }
    return (Data(bytes: buffer, count: count - 1), place)
  }

  /// Goes to the line that begins at a byte.
  func seek(_ place: Int) {
    fseek(file, place, SEEK_SET)
    self.place = place
  }
}

/// Appends to a file that is open for it; where that fails, the file is what it was.
///
/// - Returns: 0 or the error number.
func append(_ content: Data, to descriptor: Int32) -> Int32 {
  let end = lseek(descriptor, 0, SEEK_END)
  errno = 0
  let isWritten = content.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) == content.count }
  guard !isWritten else { return 0 }
  let code = errno == 0 ? ENOSPC : errno
  // A line that was cut by a full disk must not join the next one.
  _ = ftruncate(descriptor, end)
  return code
}
