import RealModule

extension PhantomSlice {
  /// The mean of the phantom over the square of every pixel.
  ///
  /// The area that a region covers of a pixel is computed in closed form, so every pixel is exact to rounding,
  /// with one exception: where the edge of a replacing region and an earlier edge share a pixel. Such a pixel
  /// is integrated along 32 rows, each in closed form; its error is at most 1/64 of the contrast and typically
  /// a tenth of that.
  ///
  /// - Returns: `[rows, columns]`, row 0 at the top, in the unit of the phantom.
  public func image(on grid: ImageSpace) -> Image {
    precondition(grid.shape.rank == 2, "an image has rows and columns, the grid is \(grid)")
    let (rows, columns) = (grid.shape[0], grid.shape[1])
    // In these coordinates pixel [r, c] is the square [c, c + 1] × [r, r + 1].
    let scale = SIMD2(1 / grid.spacing[1], -1 / grid.spacing[0])
    let offset = SIMD2(Double(columns) / 2, Double(rows) / 2)
    let pixels = regions.map {
      Region(
        outline: $0.outline.mapped(scale: scale, offset: offset), value: $0.value, replaces: $0.replaces,
        index: $0.index, name: $0.name)
    }
    var canvas = Canvas(rows: rows, columns: columns)
    for region in pixels { canvas.paint(region) }
    canvas.settle(pixels)
    return Image(shape: grid.shape, samples: canvas.means.map { Float($0) })
  }
}

/// Pixels in the making.
private struct Canvas {
  let rows: Int
  let columns: Int
  var means: [Double]
  private var states: [UInt8]

  /// An edge runs through the pixel.
  private static let mixed: UInt8 = 1
  /// A replacing region covers some of a mixed pixel: which part of it, the areas alone do not tell.
  private static let undecided: UInt8 = 2
  private static let rowsPerPixel = 32

  init(rows: Int, columns: Int) {
    self.rows = rows
    self.columns = columns
    means = Array(repeating: 0, count: rows * columns)
    states = Array(repeating: 0, count: rows * columns)
  }

  mutating func paint(_ region: PhantomSlice.Region) {
    let scan = ScanOutline(region.outline)
    let firstRow = Self.index(scan.low.y.rounded(.down), limit: rows)
    let endRow = Self.index(scan.high.y.rounded(.up), limit: rows)
    guard firstRow < endRow else { return }
    means.withUnsafeMutableBufferPointer { means in
      states.withUnsafeMutableBufferPointer { states in
        for row in firstRow..<endRow {
          let (top, bottom) = (Double(row), Double(row + 1))
          let outer = scan.outerSpan(top, bottom)
          let inner = scan.innerSpan(top, bottom)
          let first = Self.index(outer.low.rounded(.down), limit: columns)
          let end = Self.index(outer.high.rounded(.up), limit: columns)
          guard first < end else { continue }
          let innerFirst = min(end, max(first, Self.index(inner.low.rounded(.up), limit: columns)))
          let innerEnd = max(innerFirst, min(end, Self.index(inner.high.rounded(.down), limit: columns)))
          let start = row * columns
          func blend(_ column: Int) {
            let covered = scan.coverage(column: column, row: row)
            // Rounding at a touching corner must not count as an edge.
            guard covered > 1e-12 else { return }
            let whole = covered > 1 - 1e-12
            let pixel = start + column
            if !region.replaces {
              means[pixel] += region.value * covered
              if !whole { states[pixel] |= Self.mixed }
            } else if whole {
              means[pixel] = region.value
              states[pixel] = 0
            } else {
              means[pixel] += (region.value - means[pixel]) * covered
              states[pixel] = states[pixel] == 0 ? Self.mixed : Self.mixed | Self.undecided
            }
          }
          for column in first..<innerFirst { blend(column) }
          if region.replaces {
            for pixel in start + innerFirst..<start + innerEnd {
              means[pixel] = region.value
              states[pixel] = 0
            }
          } else {
            for pixel in start + innerFirst..<start + innerEnd { means[pixel] += region.value }
          }
          for column in innerEnd..<end { blend(column) }
        }
      }
    }
  }

  /// Integrates the undecided pixels along rows.
  mutating func settle(_ regions: [PhantomSlice.Region]) {
    guard states.contains(where: { $0 & Self.undecided != 0 }) else { return }
    let boxes = regions.map { region in
      let scan = ScanOutline(region.outline)
      return (low: scan.low, high: scan.high)
    }
    var covered = IntervalUnion()
    var touching: [PhantomSlice.Region] = []
    for row in 0..<rows {
      for column in 0..<columns where states[row * columns + column] & Self.undecided != 0 {
        let (x, y) = (Double(column), Double(row))
        touching.removeAll(keepingCapacity: true)
        for (index, box) in boxes.enumerated()
        where box.low.x < x + 1 && box.high.x > x && box.low.y < y + 1 && box.high.y > y {
          touching.append(regions[index])
        }
        // Lines with the normal (0, 1) run along −x.
        let profile = SliceProfile(touching, normal: SIMD2(0, 1))
        var sum = 0.0
        for line in 0..<Self.rowsPerPixel {
          let height = y + (Double(line) + 0.5) / Double(Self.rowsPerPixel)
          sum += profile.integral(at: height, from: -x - 1, to: -x, covered: &covered)
        }
        means[row * columns + column] = sum / Double(Self.rowsPerPixel)
      }
    }
  }

  private static func index(_ value: Double, limit: Int) -> Int { Int(max(0, min(Double(limit), value))) }
}

/// A convex outline in pixel coordinates, ready to be filled row by row.
private struct ScanOutline {
  let low: SIMD2<Double>
  let high: SIMD2<Double>
  private let outline: ConvexOutline
  /// Rows at which an ellipse is leftmost and rightmost, columns of its first and last point.
  private let leftmostRow: Double
  private let rightmostRow: Double
  private let shear: Double
  private let chord: Double
  private let squaredHeight: Double

  init(_ outline: ConvexOutline) {
    self.outline = outline
    if outline.kind == .ellipse {
      let (u, v) = (outline.u, outline.v)
      let halfSize = SIMD2(outline.support(SIMD2(1, 0)), outline.support(SIMD2(0, 1)))
      low = outline.centre - halfSize
      high = outline.centre + halfSize
      let mixed = u.x * u.y + v.x * v.y
      leftmostRow = outline.centre.y - mixed / halfSize.x
      rightmostRow = outline.centre.y + mixed / halfSize.x
      squaredHeight = halfSize.y * halfSize.y
      shear = mixed / squaredHeight
      chord = abs(cross(u, v)) / squaredHeight
    } else {
      var (low, high) = (SIMD2(repeating: Double.infinity), SIMD2(repeating: -Double.infinity))
      for vertex in outline.vertices {
        low = pointwiseMin(low, vertex)
        high = pointwiseMax(high, vertex)
      }
      (self.low, self.high) = (low, high)
      (leftmostRow, rightmostRow, shear, chord, squaredHeight) = (0, 0, 0, 0, 0)
    }
  }

  /// From the first to the last column that the outline reaches between two heights.
  func outerSpan(_ top: Double, _ bottom: Double) -> (low: Double, high: Double) {
    let (top, bottom) = (max(top, low.y), min(bottom, high.y))
    if outline.kind == .ellipse {
      let (a, b) = (cut(top), cut(bottom))
      return (
        leftmostRow > top && leftmostRow < bottom ? low.x : min(a.low, b.low),
        rightmostRow > top && rightmostRow < bottom ? high.x : max(a.high, b.high)
      )
    }
    var span = (low: Double.infinity, high: -Double.infinity)
    forEachEdge { a, b in
      let (first, last) = (max(min(a.y, b.y), top), min(max(a.y, b.y), bottom))
      guard first <= last else { return }
      for y in [first, last] {
        let x = a.y == b.y ? a.x : a.x + (b.x - a.x) * ((y - a.y) / (b.y - a.y))
        span.low = min(span.low, x)
        span.high = max(span.high, x)
      }
      if a.y == b.y { span = (min(span.low, b.x), max(span.high, b.x)) }
    }
    return span
  }

  /// From the first to the last column that is inside at both heights, and so in between.
  func innerSpan(_ top: Double, _ bottom: Double) -> (low: Double, high: Double) {
    guard top >= low.y, bottom <= high.y else { return (.infinity, -.infinity) }
    let (a, b) = (cut(top), cut(bottom))
    return (max(a.low, b.low), min(a.high, b.high))
  }

  /// The interval of the outline on a row.
  private func cut(_ y: Double) -> (low: Double, high: Double) {
    if outline.kind == .ellipse {
      let offset = y - outline.centre.y
      let middle = outline.centre.x + offset * shear
      let half = chord * max(0, squaredHeight - offset * offset).squareRoot()
      return (middle - half, middle + half)
    }
    var span = (low: Double.infinity, high: -Double.infinity)
    forEachEdge { a, b in
      guard min(a.y, b.y) <= y, y <= max(a.y, b.y) else { return }
      if a.y == b.y {
        span = (min(span.low, a.x, b.x), max(span.high, a.x, b.x))
      } else {
        let x = a.x + (b.x - a.x) * ((y - a.y) / (b.y - a.y))
        span = (min(span.low, x), max(span.high, x))
      }
    }
    return span
  }

  /// The area of the outline inside one pixel.
  func coverage(column: Int, row: Int) -> Double {
    let corner = SIMD2(Double(column), Double(row))
    if outline.kind == .ellipse {
      // The ellipse is the unit disc and the pixel a parallelogram; triangles from the centre to its sides.
      let a = outline.unitDisc(corner)
      let b = outline.unitDisc(corner + SIMD2(1, 0))
      let c = outline.unitDisc(corner + SIMD2(1, 1))
      let d = outline.unitDisc(corner + SIMD2(0, 1))
      let area = discWedge(a, b) + discWedge(b, c) + discWedge(c, d) + discWedge(d, a)
      return abs(area * cross(outline.u, outline.v))
    }
    var area = 0.0
    forEachEdge { a, b in area += Self.areaToTheLeft(of: a - corner, b - corner) }
    return abs(area)
  }

  /// ∫ x dy along an edge, with x and y held inside the unit square: summed around a polygon, the area that it
  /// shares with the square.
  private static func areaToTheLeft(of a: SIMD2<Double>, _ b: SIMD2<Double>) -> Double {
    let (first, last) = (max(0, min(1, a.y)), max(0, min(1, b.y)))
    guard first != last else { return 0 }
    let slope = (b.x - a.x) / (b.y - a.y)
    let (x, end) = (a.x + (first - a.y) * slope, a.x + (last - a.y) * slope)
    func held(_ x: Double) -> Double { max(0, min(1, x)) }
    func integral(_ x: Double) -> Double { x <= 0 ? 0 : x >= 1 ? x - 0.5 : x * x / 2 }
    // The difference quotient loses digits where the edge is upright, and there the middle is exact enough.
    let mean =
      abs(end - x) < 1e-6 ? held((x + end) / 2) : (integral(end) - integral(x)) / (end - x)
    return mean * (last - first)
  }

  @inline(__always)
  private func forEachEdge(_ body: (SIMD2<Double>, SIMD2<Double>) -> Void) {
    guard var a = outline.vertices.last else { return }
    for b in outline.vertices {
      body(a, b)
      a = b
    }
  }
}

/// The signed area that the triangle (0, p, q) shares with the unit disc.
private func discWedge(_ p: SIMD2<Double>, _ q: SIMD2<Double>) -> Double {
  func sector(_ p: SIMD2<Double>, _ q: SIMD2<Double>) -> Double {
    Double.atan2(y: cross(p, q), x: dot(p, q)) / 2
  }
  let d = q - p
  let (a, b, c) = (dot(d, d), dot(p, d), dot(p, p) - 1)
  let discriminant = b * b - a * c
  guard discriminant > 0 else { return sector(p, q) }
  let root = discriminant.squareRoot()
  let (enter, leave) = ((-b - root) / a, (-b + root) / a)
  guard leave > 0, enter < 1 else { return sector(p, q) }
  let first = enter > 0 ? p + d * enter : p
  let last = leave < 1 ? p + d * leave : q
  var area = cross(first, last) / 2
  if enter > 0 { area += sector(p, first) }
  if leave < 1 { area += sector(last, q) }
  return area
}
