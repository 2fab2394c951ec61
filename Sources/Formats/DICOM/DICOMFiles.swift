import Foundation

/// Which files are DICOM, whatever they are called.
enum DICOMFiles {
  /// Whether a file says so behind its preamble of 128 bytes.
  static func isMarked(_ path: String) -> Bool {
    guard let file = try? FileBytes(path: path), file.length >= 132 else { return false }
    return (try? file.bytes(4, at: 128, page: 0)) == Array("DICM".utf8)
  }

  /// Whether a file of a folder is one of a series.
  static func isSlice(_ path: String) -> Bool { !isDICOMDIR(path) && isMarked(path) }

  /// Whether a file, a folder or a pattern without a known extension leads to one.
  static func isAny(at path: String) -> Bool {
    isMarked(path) || (candidates(path) ?? []).contains(where: isSlice)
  }

  /// The files of a folder or pattern in the order of their names, or a single file.
  ///
  /// Of a folder, those with an extension of DICOM or marked as such; not a `DICOMDIR`, which lists the others.
  static func list(_ path: String) throws -> [String] {
    guard let all = candidates(path) else { return [path] }
    let files = all.filter { name in
      guard !isDICOMDIR(name) else { return false }
      let last = name.split(separator: "/").last.map { $0.lowercased() } ?? ""
      return isPattern(path) || FileFormat.dicom.extensions.contains { last.hasSuffix(".\($0)") }
        || isMarked(name)
    }
    guard !files.isEmpty else {
      guard access(path, F_OK) == 0 || isPattern(path) else { throw FileBytes.failure(path, errno) }
      throw DICOMError.noFiles(path: path)
    }
    return files
  }

  private static func isDICOMDIR(_ path: String) -> Bool {
    path.split(separator: "/").last.map { $0.uppercased() } == "DICOMDIR"
  }

  private static func isPattern(_ path: String) -> Bool {
    access(path, F_OK) != 0 && path.contains { "*?[".contains($0) }
  }

  /// nil for a single file, or none.
  private static func candidates(_ path: String) -> [String]? {
    if isPattern(path) {
      var matches = glob_t()
      defer { globfree(&matches) }
      guard glob(path, 0, nil, &matches) == 0 else { return [] }
      return (0..<Int(matches.gl_pathc)).compactMap { matches.gl_pathv[$0].map { String(cString: $0) } }
    }
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else { return nil }
    return names.filter { !$0.hasPrefix(".") }.sorted().map {
      path.hasSuffix("/") ? path + $0 : "\(path)/\($0)"
    }
  }
}
