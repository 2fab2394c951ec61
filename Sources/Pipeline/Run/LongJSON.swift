import Formats
import Foundation

/// JSON with a list whose items are encoded one by one, on their way to a file.
///
/// What `JSONEncoder` builds of a value before it writes it is many times as large as the text: a scan of thousands of
/// slices would need more memory for its records than for its images.
enum LongJSON {
  /// - Parameters:
  ///   - frame: the text of an object whose list `key`, at the first level, is empty.
  ///   - next: the text of the next item; nil at the end.
  static func write(
    _ frame: Data, _ key: String, to file: inout PendingFile, next: () throws -> Data?
  ) throws {
    let places = ["\"\(key)\":[]", "\"\(key)\" : [\n\n  ]"].compactMap { frame.firstRange(of: Data($0.utf8)) }
    guard let place = places.first else { preconditionFailure("no empty list '\(key)'") }
    let isPretty = frame[place].contains(UInt8(ascii: "\n"))
    let (start, gap, end) =
      isPretty ? ("\"\(key)\" : [\n    ", ",\n    ", "\n  ]") : ("\"\(key)\":[", ",", "]")
    try file.write(frame[..<place.lowerBound])
    var isFirst = true
    while let item = try next() {
      try file.write(isFirst ? start : gap)
      if isPretty { try file.write(indented(item)) } else { try file.write(item) }
      isFirst = false
    }
    try file.write(isFirst ? frame[place] : Data(end.utf8))
    try file.write(frame[place.upperBound...])
  }

  private static func indented(_ text: Data) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count + text.count / 2)
    for line in [UInt8](text).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      if !result.isEmpty { result += "\n    ".utf8 }
      result += line
    }
    return result
  }
}
