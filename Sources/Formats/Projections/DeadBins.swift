/// Bins of a detector row that say nothing, bridged from their nearest live neighbours.
package struct DeadBins: Sendable {
  private let bridges: [(bin: Int, left: Int, right: Int)]

  package var count: Int { bridges.count }

  /// - Parameter dead: in ascending order; not all of `0..<bins`.
  package init(_ dead: [Int], bins: Int) {
    precondition(dead.count < bins, "no live bin among \(bins)")
    var bridges: [(bin: Int, left: Int, right: Int)] = []
    var start = 0
    while start < dead.count {
      var end = start
      while end + 1 < dead.count, dead[end + 1] == dead[end] + 1 { end += 1 }
      let (left, right) = (dead[start] - 1, dead[end] + 1)
      for bin in dead[start...end] {
        bridges.append((bin, left >= 0 ? left : right, right < bins ? right : left))
      }
      start = end + 1
    }
    self.bridges = bridges
  }

  /// Interpolates the dead bins of a line; at an end of the detector they take the value of the nearest live one.
  package func bridge(_ line: UnsafeMutablePointer<Float>) {
    for (bin, left, right) in bridges {
      let weight = left == right ? 0 : Float(bin - left) / Float(right - left)
      line[bin] = (1 - weight) * line[left] + weight * line[right]
    }
  }
}
