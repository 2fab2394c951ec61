import Foundation

/// The TIFF files of a folder in the order of their numbers.
enum NumberedFiles {
  /// Whether a file name ends like a TIFF file's.
  static func isTIFF(_ name: String) -> Bool {
    let name = name.lowercased()
    return !name.hasPrefix(".") && (name.hasSuffix(".tif") || name.hasSuffix(".tiff"))
  }

  /// The files of `folder`, as paths.
  static func list(folder: String) throws(TIFFError) -> [String] {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: folder).filter(isTIFF)
    } catch {
      guard access(folder, R_OK | X_OK) == 0 else { throw FileBytes.failure(folder, errno) }
      throw .cannotOpen(path: folder, reason: "the folder cannot be listed")
    }
    guard !names.isEmpty else { throw .emptyFolder(path: folder) }
    return try sorted(names, in: folder).map { folder.hasSuffix("/") ? folder + $0 : "\(folder)/\($0)" }
  }

  /// The files that match a pattern such as `scan/recon_*.tif`, as paths.
  static func list(pattern: String) throws(TIFFError) -> [String] {
    var matches = glob_t()
    defer { globfree(&matches) }
    guard glob(pattern, 0, nil, &matches) == 0 else { throw .missing(path: pattern) }
    let paths = (0..<Int(matches.gl_pathc)).compactMap { matches.gl_pathv[$0].map { String(cString: $0) } }
    return try sorted(paths, in: pattern)
  }

  /// Sorts names by their text and numbers, and checks that the running number has no gap.
  ///
  /// The running number is the one part in which the names differ. Where several numbers differ, as with a
  /// counter and a time of day, it is the one whose values lie closest together.
  static func sorted(_ names: [String], in folder: String) throws(TIFFError) -> [String] {
    let split = names.map { (name: $0, parts: Part.split($0)) }
      .sorted { $0.parts == $1.parts ? $0.name < $1.name : $0.parts.lexicographicallyPrecedes($1.parts) }
    guard let first = split.first, split.count > 1 else { return names }

    if let other = split.first(where: { !Part.agree($0.parts, first.parts) }) {
      throw .notASeries(path: folder, first: first.name, second: other.name)
    }
    var best: (position: Int, range: Int)?
    for (position, part) in first.parts.enumerated() where part.number != nil {
      let values = split.compactMap { $0.parts[position].number }
      guard Set(values).count == values.count, let low = values.min(), let high = values.max() else {
        continue
      }
      if best.map({ high - low < $0.range }) ?? true { best = (position, high - low) }
    }
    guard let position = best?.position else {
      for (a, b) in zip(split, split.dropFirst()) where a.parts == b.parts {
        throw .repeatedNumber(path: folder, first: a.name, second: b.name)
      }
      return split.map(\.name)
    }
    let numbered = split.sorted { ($0.parts[position].number ?? 0) < ($1.parts[position].number ?? 0) }
    for (a, b) in zip(numbered, numbered.dropFirst()) {
      guard let before = a.parts[position].number, let after = b.parts[position].number else { continue }
      if after != before + 1 {
        throw .missingNumber(path: folder, number: before + 1, before: a.name, after: b.name)
      }
    }
    return numbered.map(\.name)
  }

  /// A run of digits or of other characters.
  private enum Part: Equatable, Comparable {
    case number(Int)
    case text(String)

    var number: Int? { if case .number(let value) = self { value } else { nil } }

    static func split(_ name: String) -> [Part] {
      var parts: [Part] = []
      var rest = Substring(name)
      while let first = rest.first {
        let isDigit = { (character: Character) in character.isASCII && character.isNumber }
        let run = rest.prefix { isDigit($0) == isDigit(first) }
        // Digits too many for an integer are text.
        parts.append(isDigit(first) ? Int(run).map(Part.number) ?? .text(String(run)) : .text(String(run)))
        rest = rest[run.endIndex...]
      }
      return parts
    }

    /// Whether two names differ in their numbers alone.
    static func agree(_ a: [Part], _ b: [Part]) -> Bool {
      a.count == b.count
        && zip(a, b).allSatisfy { $0 == $1 || ($0.number != nil && $1.number != nil) }
    }
  }
}
