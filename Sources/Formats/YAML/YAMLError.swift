/// A place in a YAML file, counted from 1.
public struct YAMLLocation: Hashable, Sendable, CustomStringConvertible {
  public let file: String
  public let line: Int
  public let column: Int

  public init(file: String, line: Int, column: Int) {
    self.file = file
    self.line = line
    self.column = column
  }

  public var description: String { "'\(file)', line \(line), column \(column)" }
}

/// Why a YAML file cannot be used: the place, what stands there and what was expected.
public enum YAMLError: Error, Equatable, CustomStringConvertible {
  case cannotRead(file: String, reason: String)
  case syntax(YAMLLocation, problem: String)
  case missingKey(YAMLLocation, key: String, parent: String, expected: String)
  case unknownKey(YAMLLocation, key: String, parent: String, suggestion: String?, known: [String])
  case wrongValue(YAMLLocation, what: String, found: String, expected: String)
  /// What is wrong only together with something else: `problem` is the whole sentence.
  case invalid(YAMLLocation, problem: String)

  public var description: String {
    switch self {
    case .cannotRead(let file, let reason):
      "cannot read '\(file)': \(reason). Give the path of a YAML file in UTF-8."
    case .syntax(let location, let problem):
      "\(location): this is not YAML: \(problem)."
    case .missingKey(let location, let key, let parent, let expected):
      "\(location): \(parent) lacks the key '\(key)' (\(expected)). Add it."
    case .unknownKey(let location, let key, let parent, let suggestion?, _):
      "\(location): unknown key '\(excerpt(key))' in \(parent). Did you mean '\(suggestion)'?"
    case .unknownKey(let location, let key, let parent, nil, let known):
      "\(location): unknown key '\(excerpt(key))' in \(parent). "
        + (known.isEmpty ? "No key is expected here." : "Known here: \(known.joined(separator: ", ")).")
    case .wrongValue(let location, let what, let found, let expected):
      "\(location): \(what) is \(found), expected \(expected)."
    case .invalid(let location, let problem):
      "\(location): \(problem)"
    }
  }
}

/// The beginning of a text that may be of any length.
func excerpt(_ text: String, _ length: Int = 40) -> String {
  text.count > length ? text.prefix(length) + "…" : text
}

/// The candidate that a misspelt word most likely stands for, if any is near enough.
///
/// Nearness is the number of insertions, deletions, substitutions and swaps of neighbours; at most a third
/// of the word may differ.
package func nearestName(to word: String, among candidates: [String]) -> String? {
  let letters = Array(word.lowercased())
  var best: (name: String, distance: Int)?
  for name in candidates {
    let allowed = max(1, max(letters.count, name.count) / 3)
    // Comparing takes as long as the product of both lengths.
    guard abs(letters.count - name.count) <= allowed else { continue }
    let distance = editDistance(letters, Array(name.lowercased()))
    if distance <= allowed, distance < (best?.distance ?? .max) { best = (name, distance) }
  }
  return best?.name
}

private func editDistance(_ a: [Character], _ b: [Character]) -> Int {
  var twoAbove: [Int] = []
  var above = Array(0...b.count)
  for (i, left) in a.enumerated() {
    var row = [i + 1]
    for (j, right) in b.enumerated() {
      var distance = min(above[j + 1] + 1, row[j] + 1, above[j] + (left == right ? 0 : 1))
      if i > 0, j > 0, left == b[j - 1], a[i - 1] == right { distance = min(distance, twoAbove[j - 1] + 1) }
      row.append(distance)
    }
    twoAbove = above
    above = row
  }
  return above[b.count]
}
