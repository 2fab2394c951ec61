/// The opening tags of an XML text, one after another.
///
/// Of a document this is what metadata need: names, attributes, and the text behind a tag. References to anything but
/// characters stay as they are, so nothing outside is read and nothing grows; every byte is looked at once. The rest of a text
/// that is no XML is left out.
struct XMLTags: Sequence, IteratorProtocol {
  struct Tag {
    /// Without the prefix of a namespace.
    var name: String
    var attributes: [String: String]
    /// Up to the next tag, without white space around it.
    var text: String
  }

  private var rest: ArraySlice<UInt8>

  init(_ text: String) { rest = Array(text.utf8)[...] }

  mutating func next() -> Tag? {
    while let start = rest.firstIndex(of: UInt8(ascii: "<")) {
      rest = rest[(start + 1)...]
      switch rest.first {
      case UInt8(ascii: "!"):
        let end = rest.starts(with: "!--".utf8) ? "-->" : rest.starts(with: "![CDATA[".utf8) ? "]]>" : ">"
        guard skip(past: end) else { return nil }
      case UInt8(ascii: "?"): guard skip(past: "?>") else { return nil }
      case UInt8(ascii: "/"): continue
      default:
        guard let tag = tag() else {
          rest = []
          return nil
        }
        return tag
      }
    }
    return nil
  }

  /// The tag whose name comes next.
  private mutating func tag() -> Tag? {
    let name = word()
    var attributes: [String: String] = [:]
    while let byte = rest.first, byte != UInt8(ascii: ">") {
      if byte == UInt8(ascii: "/") || Self.isSpace(byte) {
        rest.removeFirst()
        continue
      }
      let key = word()
      skipSpace()
      guard !key.isEmpty, take(UInt8(ascii: "=")) else { return nil }
      skipSpace()
      guard let quote = rest.popFirst(), quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'"),
        let end = rest.firstIndex(of: quote)
      else { return nil }
      attributes[key] = Self.decoded(rest[..<end])
      rest = rest[(end + 1)...]
    }
    guard take(UInt8(ascii: ">")), !name.isEmpty else { return nil }
    let text = rest.prefix { $0 != UInt8(ascii: "<") }
    rest = rest[text.endIndex...]
    let trimmed = text.drop(while: Self.isSpace)
    let end = trimmed.lastIndex { !Self.isSpace($0) }.map { $0 + 1 } ?? trimmed.startIndex
    return Tag(name: name, attributes: attributes, text: Self.decoded(trimmed[..<end]))
  }

  private mutating func word() -> String {
    let word = rest.prefix { !Self.isSpace($0) && !"=/><\"'".utf8.contains($0) }
    rest = rest[word.endIndex...]
    let colon = word.lastIndex(of: UInt8(ascii: ":")).map { $0 + 1 } ?? word.startIndex
    return String(decoding: word[colon...], as: UTF8.self)
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard rest.first == byte else { return false }
    rest.removeFirst()
    return true
  }

  private mutating func skipSpace() { rest = rest.drop(while: Self.isSpace) }

  private mutating func skip(past end: String) -> Bool {
    let found = rest.firstRange(of: end.utf8)
    rest = found.map { rest[$0.upperBound...] } ?? []
    return found != nil
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }

  /// With the characters that `&…;` stand for.
  private static func decoded(_ bytes: ArraySlice<UInt8>) -> String {
    guard bytes.contains(UInt8(ascii: "&")) else { return String(decoding: bytes, as: UTF8.self) }
    var result: [UInt8] = []
    var i = bytes.startIndex
    while i < bytes.endIndex {
      // No name of a character is longer.
      let name = bytes[i...].prefix(10).dropFirst().prefix { $0 != UInt8(ascii: ";") }
      if bytes[i] == UInt8(ascii: "&"), name.endIndex < bytes.endIndex,
        bytes[name.endIndex] == UInt8(ascii: ";"),
        let scalar = character(String(decoding: name, as: UTF8.self))
      {
        result += Array(String(scalar).utf8)
        i = name.endIndex + 1
      } else {
        result.append(bytes[i])
        i += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  private static func character(_ name: String) -> Unicode.Scalar? {
    switch name {
    case "lt": "<"
    case "gt": ">"
    case "amp": "&"
    case "quot": "\""
    case "apos": "'"
    default:
      if name.hasPrefix("#x") {
        UInt32(name.dropFirst(2), radix: 16).flatMap(Unicode.Scalar.init)
      } else if name.hasPrefix("#") {
        UInt32(name.dropFirst()).flatMap(Unicode.Scalar.init)
      } else {
        nil
      }
    }
  }
}
