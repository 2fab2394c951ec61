/// What the pages of a stack run along, in the dimensions of an array of BART: 2 is z, 3 are coils, 13 slices.
public struct PageAxes: Hashable, Sendable {
  /// Of the dimensions 2, 3, … up to the last one of several pages; their product is the number of pages.
  public let extents: [Int]
  private let order: [Int]

  /// - Parameters:
  ///   - extents: Of the dimensions 2, 3, …
  ///   - order: The dimensions in which page follows page, the fastest first; those that are left out have one page. An
  ///     array has them in ascending order, as here where nothing is said.
  public init(_ extents: [Int], order: [Int]? = nil) {
    let dimensions = extents.indices.map { $0 + 2 }
    let order = order ?? dimensions
    precondition(
      extents.allSatisfy { $0 > 0 } && Set(order).count == order.count
        && dimensions.allSatisfy { extents[$0 - 2] == 1 || order.contains($0) }
        && order.allSatisfy(dimensions.contains), "extents \(extents) in the order \(order)")
    let used = (extents.lastIndex { $0 > 1 } ?? -1) + 1
    self.extents = Array(extents.prefix(used))
    self.order = order.filter { $0 - 2 < used }
  }

  public var count: Int { extents.reduce(1, *) }

  /// Where a page lies in the array, in pages.
  func place(ofPage page: Int) -> Int {
    var (rest, place) = (page, 0)
    for dimension in order {
      let extent = extents[dimension - 2]
      place += rest % extent * extents.prefix(dimension - 2).reduce(1, *)
      rest /= extent
    }
    return place
  }
}
