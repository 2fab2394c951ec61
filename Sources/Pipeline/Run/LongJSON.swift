import Foundation

/// JSON with a list whose items are encoded one by one.
///
/// What `JSONEncoder` builds of a value before it writes it is many times as large as the text: a scan of thousands of
/// slices would need more memory for its records than for its images.
enum LongJSON {
  /// - Parameters:
  ///   - frame: an object whose list `key`, at the first level, is empty.
  ///   - encoder: for both.
  static func encode<Frame: Encodable, Item: Encodable>(
    _ frame: Frame, _ key: String, _ items: [Item], by encoder: (any Encodable) throws -> Data
  ) throws -> Data {
    let text = try encoder(frame)
    let places = ["\"\(key)\":[]", "\"\(key)\" : [\n\n  ]"].compactMap { text.firstRange(of: Data($0.utf8)) }
    guard let place = places.first, !items.isEmpty else { return text }
    let isPretty = text[place].contains(UInt8(ascii: "\n"))
    let (head, gap, tail) =
      isPretty ? ("\"\(key)\" : [\n    ", ",\n    ", "\n  ]") : ("\"\(key)\":[", ",", "]")
    var result = text[text.startIndex..<place.lowerBound] + Data(head.utf8)
    for (index, item) in items.enumerated() {
      if index > 0 { result += Data(gap.utf8) }
      let encoded = try encoder(item)
      if isPretty {
        for byte in encoded {
          result.append(byte)
          if byte == UInt8(ascii: "\n") { result += Data("    ".utf8) }
        }
      } else {
        result += encoded
      }
    }
    return result + Data(tail.utf8) + text[place.upperBound...]
  }
}
