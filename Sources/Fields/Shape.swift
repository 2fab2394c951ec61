/// The number of samples along every axis, slowest first: `[rows, columns]`, `[angles, bins]`.
public struct Shape: Hashable, Sendable, ExpressibleByArrayLiteral, CustomStringConvertible {
  public let extents: [Int]

  public init(_ extents: [Int]) {
    precondition(extents.allSatisfy { $0 >= 0 }, "negative extent in \(extents)")
    self.extents = extents
  }

  public init(arrayLiteral elements: Int...) { self.init(elements) }

  public var count: Int { extents.reduce(1, *) }
  public var rank: Int { extents.count }
  public subscript(axis: Int) -> Int { extents[axis] }
  public var description: String { extents.map(String.init).joined(separator: " × ") }
}
