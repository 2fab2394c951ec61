import Foundation

/// The extents of an array of BART, from `NAME.hdr`.
///
/// Text of sections `# Title`; the line after `# Dimensions` holds the extents, the fastest first.
///
/// Source: BART 0.8, `src/misc/io.c`, `read_multi_cfl_header`.
struct CFLHeader {
  let dimensions: [UInt64]

  /// The most that a header may have, in bytes.
  private static let limit: UInt64 = 1 << 20

  /// Whether a path is that of one of the two files.
  static func isName(_ path: String) -> Bool { [".cfl", ".hdr"].contains(path.suffix(4).lowercased()) }

  /// The files of an array, by the name of either.
  static func files(_ path: String) -> (header: String, data: String) {
    path.lowercased().hasSuffix(".hdr")
      ? (path, pairedPath(path, ending: "hdr", with: "cfl"))
      : (pairedPath(path, ending: "cfl", with: "hdr"), path)
  }

  /// Whether `NAME.hdr` is of BART: beside a `NAME.cfl`, and text. A header of NIfTI begins with its length, 348 or 540.
  static func isHeader(_ path: String) -> Bool {
    path.lowercased().hasSuffix(".hdr") && access(files(path).data, F_OK) == 0 && isReplaceable(path)
  }

  /// Whether nothing is lost with a file that becomes `NAME.hdr`: there is none, or it is text as those of BART.
  static func isReplaceable(_ path: String) -> Bool {
    guard let file = try? FileBytes(path: path), let first = try? file.bytes(1, at: 0, page: 0) else {
      return true
    }
    return first == Array("#".utf8)
  }

  init(path: String) throws {
    let file = try FileBytes(path: path)
    guard file.length <= Self.limit else {
      throw Self.damaged(path, "its header has \(file.length) bytes")
    }
    let bytes = try file.bytes(Int(file.length), at: 0, page: 0)
    let lines = String(decoding: bytes, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false)
    guard let title = lines.firstIndex(where: { $0.hasPrefix("# Dimensions") }), title + 1 < lines.count
    else {
      throw Self.damaged(path, "it has no line '# Dimensions' with the extents behind it")
    }
    let words = lines[title + 1].split(whereSeparator: \.isWhitespace)
    dimensions = words.compactMap { UInt64($0) }
    guard dimensions.count == words.count, !dimensions.isEmpty else {
      throw Self.damaged(path, "the line after '# Dimensions' does not consist of whole numbers")
    }
  }

  private static func damaged(_ path: String, _ reason: String) -> StackError {
    .damaged(path: path, format: FileFormat.cfl.name, reason: reason)
  }
}
