import Yams

/// Keys with values. It remembers which keys were asked for, so that all others can be refused.
///
/// Made by ``YAMLValue/mapping(_:)``. Every getter names the key and says what it expects; the form with
/// `default` accepts an absent key, but not a present one without a value.
public final class YAMLMapping {
  /// What messages call this mapping: "'geometry'", "item 3 of 'parts'", "the file".
  public let name: String
  public let location: YAMLLocation
  private let entries: [(key: String, location: YAMLLocation, value: Node)]
  private var asked: [String] = []

  init(_ pairs: Node.Mapping, name: String, location: YAMLLocation) throws(YAMLError) {
    self.name = name
    self.location = location
    var entries: [(key: String, location: YAMLLocation, value: Node)] = []
    for (key, value) in pairs {
      let place = YAMLLocation(
        file: location.file, line: key.mark?.line ?? location.line,
        column: key.mark?.column ?? location.column)
      guard let word = key.scalar?.string else {
        throw .syntax(place, problem: "a key of \(name) is a list or a mapping, expected a word")
      }
      entries.append((word, place, value))
    }
    self.entries = entries
  }

  /// All keys, in the order of the file.
  public var keys: [String] { entries.map(\.key) }

  /// The value of a key, or nil where the key is absent.
  public func optional(_ key: String) -> YAMLValue? {
    if !asked.contains(key) { asked.append(key) }
    guard let entry = entries.first(where: { $0.key == key }) else { return nil }
    return YAMLValue(node: entry.value, name: "'\(key)'", file: location.file)
  }

  /// The value of a key.
  ///
  /// - Throws: ``YAMLError/missingKey(_:key:parent:expected:)``, or where a key that nobody knows looks like the
  ///   missing one ``YAMLError/unknownKey(_:key:parent:suggestion:known:)``.
  public func value(_ key: String, expected: String = "a value") throws(YAMLError) -> YAMLValue {
    if let value = optional(key) { return value }
    let strangers = entries.filter { !asked.contains($0.key) }
    if let stranger = strangers.first(where: { nearestName(to: $0.key, among: [key]) != nil }) {
      throw .unknownKey(stranger.location, key: stranger.key, parent: name, suggestion: key, known: asked)
    }
    throw .missingKey(location, key: key, parent: name, expected: expected)
  }

  /// The one key of several that exclude each other, with its value: exactly one must be there.
  public func one(of keys: [String]) throws(YAMLError) -> (key: String, value: YAMLValue) {
    let found = keys.compactMap { key in optional(key).map { (key: key, value: $0) } }
    if found.count > 1 {
      throw found[1].value.invalid(
        "\(name) has both '\(found[0].key)' and '\(found[1].key)'. Keep one of them.")
    }
    if let only = found.first { return only }
    for stranger in entries where !asked.contains(stranger.key) {
      guard let key = nearestName(to: stranger.key, among: keys) else { continue }
      throw .unknownKey(stranger.location, key: stranger.key, parent: name, suggestion: key, known: asked)
    }
    throw invalid("\(name) needs one of the keys \(keys.joined(separator: ", ")).")
  }

  public func number(_ key: String, _ range: NumberRange = .any) throws(YAMLError) -> Double {
    try value(key, expected: range.sentence("a number")).number(range)
  }

  public func number(_ key: String, _ range: NumberRange = .any, default absent: Double) throws(YAMLError)
    -> Double
  {
    guard let value = optional(key) else { return absent }
    return try value.number(range)
  }

  public func integer(_ key: String, _ range: NumberRange = .any) throws(YAMLError) -> Int {
    try value(key, expected: range.sentence("a whole number")).integer(range)
  }

  public func integer(_ key: String, _ range: NumberRange = .any, default absent: Int) throws(YAMLError)
    -> Int
  {
    guard let value = optional(key) else { return absent }
    return try value.integer(range)
  }

  public func boolean(_ key: String) throws(YAMLError) -> Bool {
    try value(key, expected: "true or false").boolean()
  }

  public func boolean(_ key: String, default absent: Bool) throws(YAMLError) -> Bool {
    guard let value = optional(key) else { return absent }
    return try value.boolean()
  }

  public func text(_ key: String) throws(YAMLError) -> String {
    try value(key, expected: "text").text()
  }

  public func text(_ key: String, default absent: String) throws(YAMLError) -> String {
    guard let value = optional(key) else { return absent }
    return try value.text()
  }

  public func choice<Choice: RawRepresentable & CaseIterable>(
    _ key: String, of type: Choice.Type = Choice.self
  ) throws(YAMLError) -> Choice where Choice.RawValue == String {
    let words = Choice.allCases.map(\.rawValue).joined(separator: ", ")
    return try value(key, expected: "one of \(words)").choice(of: type)
  }

  public func choice<Choice: RawRepresentable & CaseIterable>(
    _ key: String, default absent: Choice
  ) throws(YAMLError) -> Choice where Choice.RawValue == String {
    guard let value = optional(key) else { return absent }
    return try value.choice(of: Choice.self)
  }

  public func numbers(_ key: String, count: Int? = nil, _ range: NumberRange = .any) throws(YAMLError)
    -> [Double]
  {
    try value(key, expected: count.map { "a list of \($0) numbers" } ?? "a list of numbers")
      .numbers(count: count, range)
  }

  public func numbers(
    _ key: String, count: Int? = nil, _ range: NumberRange = .any, default absent: [Double]
  ) throws(YAMLError) -> [Double] {
    guard let value = optional(key) else { return absent }
    return try value.numbers(count: count, range)
  }

  /// A list, each item read by `item`.
  public func list<Item>(
    _ key: String, _ item: (YAMLValue) throws(YAMLError) -> Item
  ) throws(YAMLError) -> [Item] {
    try value(key, expected: "a list").list(item)
  }

  /// A nested mapping, read by `body`.
  public func mapping<Result>(
    _ key: String, _ body: (YAMLMapping) throws(YAMLError) -> Result
  ) throws(YAMLError) -> Result {
    try value(key, expected: "keys with values").mapping(body)
  }

  /// The error for a mapping whose keys do not fit together; `problem` is a whole sentence.
  public func invalid(_ problem: String) -> YAMLError { .invalid(location, problem: problem) }

  func refuseUnknownKeys() throws(YAMLError) {
    guard let stranger = entries.first(where: { !asked.contains($0.key) }) else { return }
    let present = Set(keys)
    let free = asked.filter { !present.contains($0) }
    throw .unknownKey(
      stranger.location, key: stranger.key, parent: name,
      suggestion: nearestName(to: stranger.key, among: free), known: asked)
  }
}
