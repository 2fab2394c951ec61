import Foundation
import Yams

/// Which numbers a key accepts.
public enum NumberRange: Sendable, Hashable {
  case any
  case positive
  case notNegative
  case between(Double, Double)

  public func contains(_ value: Double) -> Bool {
    switch self {
    case .any: true
    case .positive: value > 0
    case .notNegative: value >= 0
    case .between(let low, let high): value >= low && value <= high
    }
  }

  public func sentence(_ noun: String) -> String {
    switch self {
    case .any: noun
    case .positive: "\(noun) above 0"
    case .notNegative: "\(noun) of at least 0"
    case .between(let low, let high): "\(noun) from \(brief(low)) to \(brief(high))"
    }
  }
}

/// A number as a person would write it: no '.0' behind a whole number.
func brief(_ value: Double) -> String {
  value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
}

/// One value of a YAML file, with the place where it stands, read without leniency.
///
///     let grid = try YAMLValue.read(file: path).mapping { root throws(YAMLError) in
///       (size: try root.integer("size", .positive), spacing: try root.number("spacing", .positive))
///     }
///
/// What a value may be follows the core schema of YAML 1.2: unquoted digits are a number, `true` and `false`
/// are booleans, everything else (`yes`, `1:30`) and everything in quotes is text. Nothing is converted: text
/// where a number belongs, an unknown key, a key without a value are errors that name file, line and column. So are
/// aliases, and a file that is long or deep beyond all descriptions.
public struct YAMLValue {
  /// What a value is.
  public enum Kind: Sendable, Hashable { case nothing, boolean, number, text, list, mapping }

  private let node: Node
  /// What messages call this value: "'spacing'", "item 2 of 'parts'", "the file".
  public let name: String
  public let location: YAMLLocation

  /// The only document of a file.
  ///
  /// - Throws: ``YAMLError/cannotRead(file:reason:)`` or ``YAMLError/syntax(_:problem:)``.
  public static func read(file: String) throws(YAMLError) -> YAMLValue {
    try parse(try text(ofFile: file), file: file)
  }

  /// The text of a file that a person wrote, of the length that a YAML file may have.
  ///
  /// - Throws: ``YAMLError/cannotRead(file:reason:)`` or ``YAMLError/syntax(_:problem:)``.
  package static func text(ofFile file: String) throws(YAMLError) -> String {
    try YAMLLimits.text(of: YAMLLimits.bytes(ofFile: file), file: file)
  }

  /// The only document of a text; `file` names it in messages.
  ///
  /// - Throws: ``YAMLError/cannotRead(file:reason:)`` or ``YAMLError/syntax(_:problem:)``.
  public static func parse(_ text: String, file: String) throws(YAMLError) -> YAMLValue {
    let start = YAMLLocation.start(of: file)
    try YAMLLimits.check(text, file: file)
    let documents: [Node]
    do {
      var sequence = try compose_all(yaml: text)
      var nodes: [Node] = []
      while let node = sequence.next() { nodes.append(node) }
      if let error = sequence.error { throw error }
      documents = nodes
    } catch let error as YamlError {
      throw syntaxError(error, in: text, file: file)
    } catch {
      throw .syntax(start, problem: "\(error)")
    }
    guard let root = documents.first else { throw .syntax(start, problem: "there is nothing in it") }
    if documents.count > 1 {
      let second = YAMLValue(node: documents[1], name: "the file", file: file)
      throw .syntax(second.location, problem: "a second document begins here, expected one per file")
    }
    return YAMLValue(node: root, name: "the file", file: file)
  }

  init(node: Node, name: String, file: String) {
    self.node = node
    self.name = name
    location = YAMLLocation(file: file, line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
  }

  public var kind: Kind {
    switch node {
    case .mapping: return .mapping
    case .sequence: return .list
    case .alias: return .nothing
    case .scalar(let scalar):
      guard scalar.style == .plain || scalar.style == .any else { return .text }
      switch scalar.string {
      case "", "~", "null", "Null", "NULL": return .nothing
      case "true", "True", "TRUE", "false", "False", "FALSE": return .boolean
      default: return Self.finiteNumber(scalar.string) == nil ? .text : .number
      }
    }
  }

  /// `true` or `false`.
  public func boolean() throws(YAMLError) -> Bool {
    guard kind == .boolean, let text = node.scalar?.string else { throw wrong("true or false") }
    return text.lowercased() == "true"
  }

  /// A finite number.
  public func number(_ range: NumberRange = .any) throws(YAMLError) -> Double {
    guard kind == .number, let value = Self.finiteNumber(node.scalar?.string ?? ""), range.contains(value)
    else {
      throw wrong(range.sentence("a number"))
    }
    return value
  }

  /// A whole number; `60.0` and `6e1` are not.
  public func integer(_ range: NumberRange = .any) throws(YAMLError) -> Int {
    guard kind == .number, let value = Int(node.scalar?.string ?? ""), range.contains(Double(value)) else {
      throw wrong(range.sentence("a whole number"))
    }
    return value
  }

  /// Text that is not empty. Digits in quotes are text, digits without are not.
  public func text() throws(YAMLError) -> String {
    guard kind == .text, let text = node.scalar?.string, !text.isEmpty else {
      throw wrong(kind == .number || kind == .boolean ? "text (put it in quotes)" : "text")
    }
    // No path is longer, and names stand in messages.
    guard text.utf8.count <= 4096 else { throw wrong("text of at most 4096 bytes") }
    return text
  }

  /// One of a few words.
  public func choice<Choice: RawRepresentable & CaseIterable>(
    of type: Choice.Type = Choice.self
  ) throws(YAMLError) -> Choice where Choice.RawValue == String {
    try choice(from: Choice.allCases.map { ($0.rawValue, $0) })
  }

  /// One of a few words, each with the value that it stands for.
  public func choice<Choice>(from cases: [(word: String, value: Choice)]) throws(YAMLError) -> Choice {
    let words = cases.map(\.word)
    let expected = words.count == 1 ? words[0] : "one of \(words.joined(separator: ", "))"
    guard kind == .text, let text = node.scalar?.string else { throw wrong(expected) }
    if let found = cases.first(where: { $0.word == text }) { return found.value }
    throw wrong(expected + (nearestName(to: text, among: words).map { " (perhaps '\($0)')" } ?? ""))
  }

  /// The items of a list.
  public func list(count: Int? = nil) throws(YAMLError) -> [YAMLValue] {
    let expected = count.map { "a list of \($0)" } ?? "a list"
    guard case .sequence(let items) = node, count == nil || items.count == count else {
      throw wrong(expected)
    }
    return items.enumerated().map { index, item in
      YAMLValue(node: item, name: "item \(index + 1) of \(name)", file: location.file)
    }
  }

  /// The items of a list, each read by `item`.
  public func list<Item>(
    count: Int? = nil, _ item: (YAMLValue) throws(YAMLError) -> Item
  ) throws(YAMLError) -> [Item] {
    var result: [Item] = []
    for value in try list(count: count) { result.append(try item(value)) }
    return result
  }

  /// A list of numbers, such as a pair `[x, y]`.
  public func numbers(count: Int? = nil, _ range: NumberRange = .any) throws(YAMLError) -> [Double] {
    guard kind == .list else { throw wrong(count.map { "a list of \($0) numbers" } ?? "a list of numbers") }
    return try list(count: count) { value throws(YAMLError) in try value.number(range) }
  }

  /// Keys and values. A key that `body` did not ask for is an error once `body` has ended.
  public func mapping<Result>(
    _ body: (YAMLMapping) throws(YAMLError) -> Result
  ) throws(YAMLError) -> Result {
    guard case .mapping(let pairs) = node else { throw wrong("keys with values") }
    let mapping = try YAMLMapping(pairs, name: name, location: location)
    let result = try body(mapping)
    try mapping.refuseUnknownKeys()
    return result
  }

  /// The error for a value that has the right type and still cannot be used; `expected` completes the
  /// sentence "… is 7, expected …".
  public func wrong(_ expected: String) -> YAMLError {
    .wrongValue(location, what: name, found: found, expected: expected)
  }

  /// The error for a value that does not fit the rest of the file; `problem` is a whole sentence.
  public func invalid(_ problem: String) -> YAMLError { .invalid(location, problem: problem) }

  private var found: String {
    switch node {
    case .mapping: return "keys with values"
    case .sequence(let items): return items.isEmpty ? "an empty list" : "a list of \(items.count)"
    case .alias: return "an alias"
    case .scalar(let scalar):
      let text = excerpt(scalar.string)
      switch kind {
      case .nothing: return "without a value"
      case .number, .boolean: return text
      default: return "the text '\(text)'"
      }
    }
  }

  private static func finiteNumber(_ text: String) -> Double? {
    guard text.utf8.allSatisfy({ (48...57).contains($0) || "+-.eE".utf8.contains($0) }) else { return nil }
    guard let value = Double(text), value.isFinite else { return nil }
    return value
  }

  private static func syntaxError(_ error: YamlError, in text: String, file: String) -> YAMLError {
    func place(_ mark: Mark) -> YAMLLocation {
      YAMLLocation(file: file, line: mark.line, column: mark.column)
    }
    switch error {
    case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      let whole = context.map { "\(problem) \($0.text), which began in line \($0.mark.line)" } ?? problem
      return .syntax(place(mark), problem: whole)
    case .duplicatedKeysInMapping(let duplicates, let context):
      let keys = duplicates.prefix(5).map { "'\(excerpt($0))'" }.joined(separator: ", ")
      return .syntax(place(context.mark), problem: "among these keys \(keys) stands more than once")
    case .reader(let problem, _, let value, _):
      // The first character of its kind is the one that was refused.
      let before = text.unicodeScalars.prefix { Int64($0.value) != Int64(value) }
      let place = before.reduce(YAMLLocation.start(of: file)) { $0.after($1) }
      return .syntax(place, problem: problem)
    default:
      return .syntax(.start(of: file), problem: "\(error)")
    }
  }
}
