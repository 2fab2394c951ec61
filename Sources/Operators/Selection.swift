/// The value that would stand at `rank` if the values, none of them negative, were sorted.
///
/// Sorting a sinogram would take longer than projecting it: the upper half of the bits finds the few values that are left
/// to be sorted.
package func ranked(_ values: [Float], at rank: Int) -> Float {
  var counts = [Int](repeating: 0, count: 1 << 16)
  for value in values { counts[Int(value.bitPattern >> 16)] += 1 }
  var before = 0
  for (bits, count) in counts.enumerated() {
    if before + count > rank {
      return values.filter { $0.bitPattern >> 16 == UInt32(bits) }.sorted()[rank - before]
    }
    before += count
  }
  preconditionFailure("no rank \(rank) among \(values.count) values")
}

/// The indices of the `count` largest values, the largest first; of equal values the first comes first.
package func largest(_ count: Int, of values: [Float]) -> [Int] {
  var found: [(index: Int, value: Float)] = []
  var last = -Float.infinity
  for (index, value) in values.enumerated() where found.count < count || value > last {
    let place = found.firstIndex { $0.value < value } ?? found.count
    found.insert((index, value), at: place)
    if found.count > count { found.removeLast() }
    last = found.last?.value ?? last
  }
  return found.map(\.index)
}
