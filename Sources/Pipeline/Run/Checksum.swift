import Crypto
import Diffusion
import Fields
import Formats
import Foundation

/// SHA-256 of the weights of a checkpoint, in hexadecimal.
public func checkpointChecksum(_ path: String) throws -> String {
  try fileChecksum(path.hasSuffix(".pt") ? path : CheckpointFiles.weights(in: path))
}

/// SHA-256 of a file, in hexadecimal, read piece by piece.
public func fileChecksum(_ path: String) throws -> String {
  var hash = SHA256()
  try withPieces(of: path, 1 << 20) { read in
    var place = 0
    while true {
      let piece = try read(place)
      if piece.isEmpty { return }
      hash.update(bufferPointer: piece)
      place += piece.count
    }
  }
  return hash.finalize().hexadecimal
}

/// SHA-256 of the size of a file and of pieces that are spread evenly over it, the first and the last bytes among them.
private func spreadChecksum(_ path: String, size: Int, pieces: Int, of length: Int) throws -> String {
  var hash = SHA256()
  hash.update(data: Data("\(size)\n".utf8))
  try withPieces(of: path, length) { read in
    for k in 0..<pieces { hash.update(bufferPointer: try read(k * (size - length) / (pieces - 1))) }
  }
  return hash.finalize().hexadecimal
}

/// Opens a file whose bytes can be read anywhere. (`FileHandle` asks for 4 KiB at a time.)
///
/// - Parameters:
///   - most: bytes of a piece.
///   - body: gets a function that reads a piece from a place on, shorter where the file ends.
private func withPieces(
  of path: String, _ most: Int, _ body: ((_ place: Int) throws -> UnsafeRawBufferPointer) throws -> Void
) throws {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { throw FileError.cannotRead(path: path, code: errno) }
  defer { close(descriptor) }
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: most, alignment: 64)
  defer { buffer.deallocate() }
  try body { place in
    var count = 0
    while count < most {
      let found = pread(descriptor, buffer.baseAddress.map { $0 + count }, most - count, off_t(place + count))
      if found < 0, errno == EINTR { continue }
      guard found >= 0 else { throw FileError.cannotRead(path: path, code: errno) }
      if found == 0 { break }
      count += found
    }
    return UnsafeRawBufferPointer(rebasing: buffer[..<count])
  }
}

/// SHA-256 of the samples of an image, little endian.
func checksum(of image: Image) -> String {
  image.samples.withUnsafeBytes { SHA256.hash(data: $0) }.hexadecimal
}

/// SHA-256 of a text in UTF-8, in hexadecimal.
func checksum(of text: String) -> String { SHA256.hash(data: Data(text.utf8)).hexadecimal }

extension SHA256.Digest {
  var hexadecimal: String {
    let digits = Array("0123456789abcdef".utf8)
    return String(
      decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}

/// What the records say of a file, or of several that were read as one.
public struct FileRecord: Codable, Hashable, Sendable {
  public var name: String
  public var bytes: Int
  /// Of one file. Of several: of the lines `NAME SHA-256` in the order in which they were read. Of large files: of
  /// pieces that are spread over them, see ``sampled``.
  public var sha256: String
  /// True where not all bytes went into ``sha256``.
  public var sampled: Bool?
  /// How many files; nil for one.
  public var files: Int?

  /// - Parameters:
  ///   - path: where the file will stand, or what was given for several.
  ///   - parts: where the bytes are.
  init(_ path: String, parts: [String]) throws {
    name = lastComponent(of: path)
    let sizes = try parts.map(Self.size)
    bytes = sizes.reduce(0, +)
    let share = max(3, Self.budget / max(1, parts.count) / Self.piece)
    func sum(_ path: String, _ size: Int) throws -> String {
      size > share * Self.piece
        ? try spreadChecksum(path, size: size, pieces: share, of: Self.piece) : try fileChecksum(path)
    }
    sampled = sizes.contains { $0 > share * Self.piece } ? true : nil
    if parts.count == 1, let only = parts.first {
      sha256 = try sum(only, sizes[0])
      return
    }
    let lines = try zip(parts, sizes).map { "\(lastComponent(of: $0)) \(try sum($0, $1))\n" }
    sha256 = checksum(of: lines.joined())
    files = parts.count
  }

  /// So much is read to know inputs again, and three pieces of every file at least: a run of a stack of 40 GB does not read it twice.
  private static let budget = 64 << 20
  private static let piece = 64 << 10

  private static func size(_ path: String) throws -> Int {
    guard let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? NSNumber else {
      throw RunError.unreadable(path)
    }
    return size.intValue
  }
}

/// The last part of a path: the folders above it are nobody else's business.
func lastComponent(of path: String) -> String { URL(fileURLWithPath: path).lastPathComponent }
