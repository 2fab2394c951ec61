/// Pages of a stack, chosen on the command line: `4`, `4,12,20`, `4...78/8` or `4-78/8`, or several of
/// these.
public struct PageList: Hashable, Sendable, CustomStringConvertible {
  /// Counted from 0, in the order given.
  public let pages: [Int]
  /// As it was written.
  public let description: String

  /// More than any stack has.
  private static let most = 1_000_000

  /// - Throws: ``SimulationError/notPages(_:reason:)``.
  public init(_ text: String) throws(SimulationError) {
    var pages: [Int] = []
    for word in text.split(separator: ",", omittingEmptySubsequences: false) {
      try Self.append(word.drop { $0 == " " }, of: text, to: &pages)
    }
    self.pages = pages
    description = text
  }

  private static func append(
    _ word: Substring, of text: String, to pages: inout [Int]
  ) throws(SimulationError) {
    func number(_ digits: Substring) throws(SimulationError) -> Int {
      guard let value = Int(digits), value > 0, value <= 1_000_000_000 else {
        throw .notPages(text, reason: "'\(digits)' is no page number; pages count from 1")
      }
      return value
    }
    func room(for count: Int) throws(SimulationError) {
      guard pages.count + count <= Self.most else {
        throw .notPages(text, reason: "it names more than \(Self.most) pages")
      }
    }
    guard let dots = word.firstRange(of: "...") ?? word.firstRange(of: "-") else {
      try room(for: 1)
      pages.append(try number(word) - 1)
      return
    }
    let parts = word[dots.upperBound...].split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    let first = try number(word[..<dots.lowerBound])
    let last = try number(parts[0])
    let step = parts.count > 1 ? try number(parts[1]) : 1
    guard first <= last else {
      throw .notPages(text, reason: "'\(word)' runs backwards; put the smaller page first")
    }
    try room(for: (last - first) / step + 1)
    pages += stride(from: first - 1, to: last, by: step)
  }

  /// The distance between neighbouring pages where it is the same for all of them.
  var step: Int? {
    guard pages.count > 1 else { return nil }
    let step = pages[1] - pages[0]
    return step > 0 && zip(pages, pages.dropFirst()).allSatisfy { $1 - $0 == step } ? step : nil
  }
}
