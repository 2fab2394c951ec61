/// A setting and its value, in words.
public struct NamedValue: Codable, Hashable, Sendable {
  public let name: String
  public let value: String

  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

extension [NamedValue] {
  /// What is otherwise in `other`, in the order of this list; nil where a list has no such setting.
  func differences(from other: [NamedValue]) -> [(name: String, ours: String?, theirs: String?)] {
    let ours = Dictionary(map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
    let theirs = Dictionary(other.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
    let names = map(\.name) + other.map(\.name).filter { ours[$0] == nil }
    return names.compactMap { name in
      guard ours[name] != theirs[name] else { return nil }
      return (name, ours[name], theirs[name])
    }
  }
}
