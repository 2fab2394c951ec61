import Crypto
import Diffusion
import Foundation

/// SHA-256 of the weights of a checkpoint, in hexadecimal.
public func checkpointChecksum(_ path: String) throws -> String {
  try fileChecksum(path.hasSuffix(".pt") ? path : CheckpointFiles.weights(in: path))
}

/// SHA-256 of a file, in hexadecimal, read piece by piece.
public func fileChecksum(_ path: String) throws -> String {
  guard let file = FileHandle(forReadingAtPath: path) else { throw RunError.unreadable(path) }
  defer { try? file.close() }
  var hash = SHA256()
  while let piece = try file.read(upToCount: 1 << 20), !piece.isEmpty { hash.update(data: piece) }
  return hash.finalize().hexadecimal
}

/// SHA-256 of a text in UTF-8, in hexadecimal.
func checksum(of text: String) -> String { SHA256.hash(data: Data(text.utf8)).hexadecimal }

extension SHA256.Digest {
  var hexadecimal: String { map { String(format: "%02x", $0) }.joined() }
}

/// What the records say of a file, or of several that were read as one.
public struct FileRecord: Codable, Hashable, Sendable {
  public var name: String
  public var bytes: Int
  /// Of one file. Of several: of the lines `NAME SHA-256` in the order in which they were read.
  public var sha256: String
  /// How many files; nil for one.
  public var files: Int?

  /// - Parameters:
  ///   - path: where the file will stand, or what was given for several.
  ///   - parts: where the bytes are.
  init(_ path: String, parts: [String]) throws {
    name = lastComponent(of: path)
    if parts.count == 1, let only = parts.first {
      (bytes, sha256) = (try Self.size(only), try fileChecksum(only))
      return
    }
    bytes = try parts.reduce(0) { try $0 + Self.size($1) }
    let lines = try parts.map { "\(lastComponent(of: $0)) \(try fileChecksum($0))\n" }
    sha256 = checksum(of: lines.joined())
    files = parts.count
  }

  private static func size(_ path: String) throws -> Int {
    guard let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? NSNumber else {
      throw RunError.unreadable(path)
    }
    return size.intValue
  }
}

/// The last part of a path: the folders above it are nobody else's business.
func lastComponent(of path: String) -> String { URL(fileURLWithPath: path).lastPathComponent }
