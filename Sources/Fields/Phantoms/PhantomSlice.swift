/// A ``Phantom`` at one height: convex regions of the plane, painted in order.
public struct PhantomSlice: Sendable {
  struct Region: Sendable {
    let outline: ConvexOutline
    let value: Double
    let replaces: Bool
    let index: Int
    let name: String

    var label: String { Phantom.label(index, name) }
  }

  let regions: [Region]

  /// The value at a point, in millimetres: x to the right, y up.
  public func value(at point: SIMD2<Double>) -> Double {
    var value = 0.0
    for region in regions where region.outline.contains(point) {
      value = region.replaces ? region.value : value + region.value
    }
    return value
  }
}

/// Disjoint intervals of a line in ascending order: what later regions have already painted over.
struct IntervalUnion {
  private var intervals: [(low: Double, high: Double)] = []

  mutating func removeAll() { intervals.removeAll(keepingCapacity: true) }

  /// Length of [low, high] that is covered.
  func overlap(_ low: Double, _ high: Double) -> Double {
    var sum = 0.0
    for interval in intervals {
      if interval.low >= high { break }
      let common = min(high, interval.high) - max(low, interval.low)
      if common > 0 { sum += common }
    }
    return sum
  }

  mutating func insert(_ low: Double, _ high: Double) {
    var first = 0
    while first < intervals.count, intervals[first].high < low { first += 1 }
    var end = first
    var merged = (low: low, high: high)
    while end < intervals.count, intervals[end].low <= high {
      merged.low = min(merged.low, intervals[end].low)
      merged.high = max(merged.high, intervals[end].high)
      end += 1
    }
    if end == first {
      intervals.insert(merged, at: first)
    } else {
      intervals[first] = merged
      if end > first + 1 { intervals.removeSubrange(first + 1..<end) }
    }
  }
}

/// A slice seen along one direction: what is needed to cut it with many parallel lines.
struct SliceProfile {
  private struct Region {
    let value: Double
    let replaces: Bool
    /// Offsets of the first and the last line that meet the region.
    let low: Double
    let high: Double
    // An ellipse: offset and position of its centre, and the chord as a function of the offset.
    let middle: Double
    let along: Double
    let shear: Double
    let chord: Double
    let squaredRadius: Double
    // A polygon: its vertices among `vertices`.
    let firstVertex: Int
    let vertexCount: Int
  }

  private let regions: [Region]
  /// Offset across (x) and position along (y) the lines.
  private let vertices: [SIMD2<Double>]

  /// Lines { p : p · normal = s }, along the normal turned by +90°.
  init(_ slice: [PhantomSlice.Region], normal: SIMD2<Double>) {
    let direction = SIMD2(-normal.y, normal.x)
    var vertices: [SIMD2<Double>] = []
    regions = slice.map { region in
      let outline = region.outline
      if outline.kind == .ellipse {
        let across = SIMD2(dot(outline.u, normal), dot(outline.v, normal))
        let along = SIMD2(dot(outline.u, direction), dot(outline.v, direction))
        let squared = dot(across, across)
        let middle = dot(outline.centre, normal)
        return Region(
          value: region.value, replaces: region.replaces, low: middle - squared.squareRoot(),
          high: middle + squared.squareRoot(), middle: middle, along: dot(outline.centre, direction),
          shear: dot(across, along) / squared, chord: abs(cross(outline.u, outline.v)) / squared,
          squaredRadius: squared, firstVertex: 0, vertexCount: 0)
      }
      let first = vertices.count
      vertices += outline.vertices.map { SIMD2(dot($0, normal), dot($0, direction)) }
      let offsets = vertices[first...].map(\.x)
      return Region(
        value: region.value, replaces: region.replaces, low: offsets.min() ?? 0, high: offsets.max() ?? 0,
        middle: 0, along: 0, shear: 0, chord: 0, squaredRadius: 0, firstVertex: first,
        vertexCount: outline.vertices.count)
    }
    self.vertices = vertices
  }

  /// ∫ value dt along the line at offset s, for t from `start` to `end`.
  ///
  /// Walks backwards through the paint: a region counts only where no later replacing region lies over it.
  func integral(
    at s: Double, from start: Double = -.infinity, to end: Double = .infinity, covered: inout IntervalUnion
  ) -> Double {
    covered.removeAll()
    var sum = 0.0
    var index = regions.count
    while index > 0 {
      index -= 1
      let region = regions[index]
      guard s >= region.low, s < region.high else { continue }
      var (low, high) = region.vertexCount == 0 ? chord(of: region, at: s) : crossings(of: region, at: s)
      low = max(low, start)
      high = min(high, end)
      guard high > low else { continue }
      sum += region.value * (high - low - covered.overlap(low, high))
      if region.replaces { covered.insert(low, high) }
    }
    return sum
  }

  private func chord(of region: Region, at s: Double) -> (Double, Double) {
    let offset = s - region.middle
    let middle = region.along + offset * region.shear
    let half = region.chord * max(0, region.squaredRadius - offset * offset).squareRoot()
    return (middle - half, middle + half)
  }

  private func crossings(of region: Region, at s: Double) -> (Double, Double) {
    var (low, high) = (Double.infinity, -Double.infinity)
    let end = region.firstVertex + region.vertexCount
    var a = vertices[end - 1]
    for index in region.firstVertex..<end {
      let b = vertices[index]
      // Half open, so that a line through a vertex meets each of its edges once or not at all.
      if (a.x <= s) != (b.x <= s) {
        let t = a.y + (b.y - a.y) * ((s - a.x) / (b.x - a.x))
        low = min(low, t)
        high = max(high, t)
      }
      a = b
    }
    return (low, high)
  }
}
