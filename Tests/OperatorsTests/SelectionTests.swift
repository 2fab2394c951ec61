import Fields
import Operators
import Testing

@Suite struct SelectionTests {
  /// Against sorting: values of all magnitudes, many of them equal.
  @Test func findsWhatSortingWouldFind() {
    var generator = SplitMix64(seed: 4)
    for scale in [Float(1e-30), 1, 1e30] {
      let values = generator.normals(1001).map { (abs($0) * 8).rounded() / 8 * scale }
      let sorted = values.sorted()
      for rank in [0, 1, 499, 500, 999, 1000] { #expect(ranked(values, at: rank) == sorted[rank]) }
      let order = values.indices.sorted { (values[$0], $1) > (values[$1], $0) }
      for count in [1, 7, 40] { #expect(largest(count, of: values) == Array(order.prefix(count))) }
      #expect(largest(5, of: Array(values.prefix(3))).count == 3)
    }
  }
}
