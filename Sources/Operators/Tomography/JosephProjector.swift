import CFFTW
import Fields
import RealModule

/// Joseph's weights of rays through pixels, and their transpose.
///
///     y(ray) = step Σₗ (1 − f) x[l, j] + f x[l, j + 1],   j + f = c + b l
///
/// Lines are the rows of the image for steep rays and its columns for flat ones. Rays of a view that share their
/// lines are a segment; a wide fan has up to three. Where bins are wider than pixels, several rays are averaged over
/// each, so that no pixel falls between two of them.
///
/// Memory: 12 bytes for every ray, and per application two copies of the image and one of the sinogram.
package struct JosephProjector: Sendable {
  let rows: Int
  let columns: Int
  let geometry: RayGeometry
  let raysPerBin: Int
  let threads: Int
  let vectors: Bool

  private let segments: [Segment]
  private let segmentsOfView: [Range<Int>]
  /// c, b and step / raysPerBin of all rays, segment by segment, continued beyond both ends of each.
  private let intercepts: [Float]
  private let slopes: [Float]
  private let steps: [Float]
  /// Whether pixels can look up their rays: only where the source is not too close.
  private let looksUpRays: Bool

  private let rowPitch: Int
  private let columnPitch: Int
  private let longestView: Int
  private let tableOffset: Int
  private let scratchOffset: Int
  private let scratchPitch: Int
  private let pool: BufferPool

  private struct Segment: Sendable {
    let alongRows: Bool
    /// Where the table starts and where ray 0 is in it.
    let table: Int
    let first: Int
    let count: Int
    /// Of ray 0, counted along the detector.
    let firstRay: Int
    /// Whether the order of the table, which is that of the pixels, is opposite to that of the detector.
    let reversed: Bool
    let inverse: Inverse
    /// Bound on the error of ray indices interpolated within a cell.
    let margin: Float

    func ray(_ index: Int) -> Int { reversed ? firstRay - index : firstRay + index }
  }

  /// Which ray of a segment meets a point of the image: offset + scale · g(across / depth), g depending on the
  /// detector. Both are linear in line and pixel.
  private struct Inverse: Sendable {
    var depth = 1.0
    var depthPerLine = 0.0
    var depthPerPixel = 0.0
    var across = 0.0
    var acrossPerLine = 0.0
    var acrossPerPixel = 0.0
    var offset = 0.0
    var scale = 1.0
  }

  private static let margin = Int(RAYS_MARGIN)
  private static let group = Int(RAYS_GROUP)
  private static let cell = Int(RAYS_CELL)
  /// Lines that one thread back-projects at once.
  private static let band = 2 * cell
  /// Views that one thread projects at once.
  private static let batch = 4
  /// Floats of an image that a core keeps close.
  private static let nearMemory = 1 << 16
  /// Beyond this error of the interpolation, in rays, looking them up does not pay.
  private static let largestMargin = 4.0

  /// - Parameters:
  ///   - raysPerBin: as many as keep rays about a pixel apart, unless given.
  ///   - vectors: false for the loops that any processor can run.
  package init(
    _ grid: ImageSpace, _ geometry: RayGeometry, raysPerBin: Int? = nil, threads: Int? = nil,
    vectors: Bool = true
  ) throws(OperatorError) {
    try geometry.validate(with: grid)
    let pixel = min(grid.spacing[0], grid.spacing[1])
    // Rounded, so that rays are at most 1.5 pixels apart and on a line at 45° at most 1.5 · √2: a pixel then always
    // lies within reach of one.
    let perBin = raysPerBin ?? max(1, Int((geometry.spacingAtAxis / pixel).rounded()))
    guard perBin >= 1, perBin <= 64 else {
      throw .outOfRange(
        "the number of rays per bin", found: "\(perBin)",
        expected: "1 ... 64; bins more than 64 pixels wide call for larger pixels")
    }
    (rows, columns) = (grid.shape[0], grid.shape[1])
    self.geometry = geometry
    self.raysPerBin = perBin
    self.threads = max(1, threads ?? processorCount)
    self.vectors = vectors && rays_have_vectors() != 0

    var builder = TableBuilder(grid, geometry, raysPerBin: perBin)
    builder.build()
    segments = builder.segments
    segmentsOfView = builder.segmentsOfView
    intercepts = builder.intercepts
    slopes = builder.slopes
    steps = builder.steps
    looksUpRays = self.vectors && builder.error < Self.largestMargin

    rowPitch = Self.pitch(columns)
    columnPitch = Self.pitch(rows)
    longestView = builder.longestView
    let corners = (Self.band / Self.cell + 1) * (max(rows, columns) / Self.group + 2)
    scratchPitch = (max(Self.batch * longestView, corners) + 15) / 16 * 16
    tableOffset = Self.margin + rows * rowPitch + columns * columnPitch
    scratchOffset = tableOffset + intercepts.count
    pool = BufferPool(count: scratchOffset + self.threads * scratchPitch)
  }

  /// Bytes held between applications.
  package var memory: Int { 12 * intercepts.count }

  /// Distance between lines of so many pixels, both margins shared with the neighbours. Not close to a multiple of
  /// 4096 bytes, at which lines would compete for the same places in the cache.
  private static func pitch(_ length: Int) -> Int {
    let pitch = (length + 2 * margin + 15) / 16 * 16
    return pitch % 256 == 0 ? pitch + 16 : pitch
  }

  // MARK: A

  package func apply(_ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>) {
    let views = geometry.angles.count
    pool.withBuffer { buffer in
      let straight = buffer + Self.margin
      let transposed = straight + rows * rowPitch
      copy(x, straight, transposed)
      parallel(tiles: (views + Self.batch - 1) / Self.batch, threads: threads) { tile, worker in
        let first = tile * Self.batch
        let batch = first..<min(first + Self.batch, views)
        let sums = buffer + scratchOffset + worker * scratchPitch
        sums.update(repeating: 0, count: batch.count * longestView)
        project(straight, alongRows: true, views: batch, sums)
        project(transposed, alongRows: false, views: batch, sums)
        for view in batch { collect(view, sums + (view - first) * longestView, y) }
      }
    }
  }

  /// Sums of some views over all lines of one kind, a part of the image that fits into the cache at a time.
  private func project(
    _ image: UnsafeMutablePointer<Float>, alongRows: Bool, views: Range<Int>,
    _ sums: UnsafeMutablePointer<Float>
  ) {
    let (lines, length, pitch) = alongRows ? (rows, columns, rowPitch) : (columns, rows, columnPitch)
    let band = max(Self.cell, Self.nearMemory / pitch)
    intercepts.withUnsafeBufferPointer { c in
      slopes.withUnsafeBufferPointer { b in
        guard let c = c.baseAddress, let b = b.baseAddress else { return }
        for line in stride(from: 0, to: lines, by: band) {
          for view in views {
            let range = segmentsOfView[view]
            for segment in segments[range] where segment.alongRows == alongRows {
              let offset = segment.first - segments[range.lowerBound].table
              rays_project(
                vectors ? 1 : 0, image, pitch, Int32(length), Int32(line), Int32(min(line + band, lines)),
                c + segment.first, b + segment.first,
                Int32((segment.count + Self.group - 1) / Self.group * Self.group),
                sums + (view - views.lowerBound) * longestView + offset)
            }
          }
        }
      }
    }
  }

  /// Rays to bins.
  private func collect(_ view: Int, _ sums: UnsafeMutablePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
    let target = y + view * geometry.bins
    target.update(repeating: 0, count: geometry.bins)
    let range = segmentsOfView[view]
    steps.withUnsafeBufferPointer { steps in
      for segment in segments[range] {
        let sums = sums + (segment.first - segments[range.lowerBound].table)
        if raysPerBin == 1 {
          // No two rays share a bin, so none is added to.
          for index in 0..<segment.count {
            target[segment.ray(index)] = steps[segment.first + index] * sums[index]
          }
          continue
        }
        for index in 0..<segment.count {
          target[segment.ray(index) / raysPerBin] += steps[segment.first + index] * sums[index]
        }
      }
    }
  }

  /// The image and its transpose, with zeros around every line.
  private func copy(
    _ x: UnsafePointer<Float>, _ straight: UnsafeMutablePointer<Float>,
    _ transposed: UnsafeMutablePointer<Float>
  ) {
    let start = straight - Self.margin
    start.update(repeating: 0, count: Self.margin)
    parallel(tiles: (rows + Self.cell - 1) / Self.cell, threads: threads) { tile, _ in
      for row in tile * Self.cell..<min((tile + 1) * Self.cell, rows) {
        let line = straight + row * rowPitch
        line.update(from: x + row * columns, count: columns)
        (line + columns).update(repeating: 0, count: rowPitch - columns)
      }
    }
    parallel(tiles: (columns + Self.cell - 1) / Self.cell, threads: threads) { tile, _ in
      let block = tile * Self.cell..<min((tile + 1) * Self.cell, columns)
      for first in stride(from: 0, to: rows, by: Self.cell) {
        for column in block {
          let line = transposed + column * columnPitch
          for row in first..<min(first + Self.cell, rows) { line[row] = x[row * columns + column] }
        }
      }
      for column in block {
        (transposed + column * columnPitch + rows).update(repeating: 0, count: columnPitch - rows)
      }
    }
  }

  // MARK: Aᴴ

  package func applyAdjoint(_ y: UnsafePointer<Float>, into x: UnsafeMutablePointer<Float>) {
    pool.withBuffer { buffer in
      let straight = buffer + Self.margin
      let transposed = straight + rows * rowPitch
      let table = buffer + tableOffset
      parallel(tiles: segmentsOfView.count, threads: threads) { view, _ in spread(view, y, table) }
      let rowBands = (rows + Self.band - 1) / Self.band
      let columnBands = (columns + Self.band - 1) / Self.band
      parallel(tiles: rowBands + columnBands, threads: threads) { tile, worker in
        let alongRows = tile < rowBands
        let first = (alongRows ? tile : tile - rowBands) * Self.band
        backProject(
          alongRows ? straight : transposed, alongRows: alongRows,
          lines: first..<min(first + Self.band, alongRows ? rows : columns), table,
          corners: buffer + scratchOffset + worker * scratchPitch)
      }
      parallel(tiles: (rows + Self.cell - 1) / Self.cell, threads: threads) { tile, _ in
        let block = tile * Self.cell..<min((tile + 1) * Self.cell, rows)
        for first in stride(from: 0, to: columns, by: Self.cell) {
          for row in block {
            let line = straight + row * rowPitch
            for column in first..<min(first + Self.cell, columns) {
              x[row * columns + column] = line[column] + transposed[column * columnPitch + row]
            }
          }
        }
      }
    }
  }

  /// Bins to rays, times the step; zeros beyond the ends of every segment.
  private func spread(_ view: Int, _ y: UnsafePointer<Float>, _ table: UnsafeMutablePointer<Float>) {
    let source = y + view * geometry.bins
    steps.withUnsafeBufferPointer { steps in
      for segment in segments[segmentsOfView[view]] {
        let target = table + segment.first
        (table + segment.table).update(repeating: 0, count: segment.first - segment.table)
        if raysPerBin == 1 {
          for index in 0..<segment.count {
            target[index] = steps[segment.first + index] * source[segment.ray(index)]
          }
        } else {
          for index in 0..<segment.count {
            target[index] = steps[segment.first + index] * source[segment.ray(index) / raysPerBin]
          }
        }
        let end = TableBuilder.end(of: segment.count)
        (target + segment.count).update(repeating: 0, count: end - segment.count)
      }
    }
  }

  /// All views that run along these lines, in their order.
  private func backProject(
    _ image: UnsafeMutablePointer<Float>, alongRows: Bool, lines: Range<Int>,
    _ table: UnsafeMutablePointer<Float>,
    corners: UnsafeMutablePointer<Float>
  ) {
    let (length, pitch) = alongRows ? (columns, rowPitch) : (rows, columnPitch)
    for line in lines { (image + line * pitch).update(repeating: 0, count: length) }
    let cornerPitch = length / Self.group + 2
    intercepts.withUnsafeBufferPointer { c in
      slopes.withUnsafeBufferPointer { b in
        guard let c = c.baseAddress, let b = b.baseAddress else { return }
        for segment in segments where segment.alongRows == alongRows {
          let (c, b, values) = (c + segment.first, b + segment.first, table + segment.first)
          guard looksUpRays else {
            rays_project_adjoint(
              vectors ? 1 : 0, image, pitch, Int32(length), Int32(lines.lowerBound), Int32(lines.upperBound),
              c, b,
              values, Int32(segment.count))
            continue
          }
          var count = 0
          for line in stride(from: lines.lowerBound, to: lines.upperBound + Self.cell, by: Self.cell) {
            indices(segment.inverse, line: line, length: length, corners + count * cornerPitch)
            count += 1
          }
          for (cell, line) in stride(from: lines.lowerBound, to: lines.upperBound, by: Self.cell).enumerated()
          {
            rays_project_adjoint_cell(
              image + line * pitch, pitch, Int32(length), Int32(line),
              Int32(min(Self.cell, lines.upperBound - line)),
              c, b, values, Int32(segment.count), corners + cell * cornerPitch,
              corners + (cell + 1) * cornerPitch,
              segment.margin)
          }
        }
      }
    }
  }

  /// Which rays meet a line at the pixels −1, 15, 31, …
  private func indices(_ inverse: Inverse, line: Int, length: Int, _ target: UnsafeMutablePointer<Float>) {
    let depth = inverse.depth + inverse.depthPerLine * Double(line)
    let across = inverse.across + inverse.acrossPerLine * Double(line)
    for block in 0...(length + Self.group - 1) / Self.group {
      let pixel = Double(block * Self.group - 1)
      let (t, v) = (depth + inverse.depthPerPixel * pixel, across + inverse.acrossPerPixel * pixel)
      let position =
        switch geometry.detector {
        case .parallel: v
        case .flat: v / t
        case .curved: Double.atan2(y: v, x: t)
        }
      target[block] = Float(max(-1e6, min(1e6, inverse.offset + inverse.scale * position)))
    }
  }

  // MARK: Tables

  private struct TableBuilder {
    let grid: ImageSpace
    let geometry: RayGeometry
    let raysPerBin: Int

    var segments: [Segment] = []
    var segmentsOfView: [Range<Int>] = []
    var intercepts: [Float] = []
    var slopes: [Float] = []
    var steps: [Float] = []
    var longestView = 0
    /// The largest margin of all segments.
    var error = 0.0

    private let rays: Int
    private let middle: SIMD2<Double>
    private let spacing: SIMD2<Double>

    init(_ grid: ImageSpace, _ geometry: RayGeometry, raysPerBin: Int) {
      self.grid = grid
      self.geometry = geometry
      self.raysPerBin = raysPerBin
      rays = geometry.bins * raysPerBin
      // x and y: columns and rows.
      middle = SIMD2(Double(grid.shape[1] - 1) / 2, Double(grid.shape[0] - 1) / 2)
      spacing = SIMD2(grid.spacing[1], grid.spacing[0])
    }

    /// Length of a table from ray 0 on: rays to a multiple of a group, then as many as a shuffle may touch.
    static func end(of count: Int) -> Int { (count + group - 1) / group * group + margin }

    /// Rays at integers, bins at raysPerBin · (k + 1/2) − 1/2.
    private func position(ofRay ray: Double) -> Double {
      ((ray + 0.5) / Double(raysPerBin) - 0.5 - geometry.axis) * geometry.binSpacing
    }

    mutating func build() {
      let size = geometry.angles.count * (rays + 3 * margin)
      intercepts.reserveCapacity(size)
      slopes.reserveCapacity(size)
      steps.reserveCapacity(size)
      for angle in geometry.angles {
        let (cosine, sine) = (Double.cos(angle.radians), Double.sin(angle.radians))
        let (start, firstSegment) = (intercepts.count, segments.count)
        var first = 0
        while first < rays {
          let alongRows = isAlongRows(ray(first, cosine, sine).direction)
          var last = first
          while last + 1 < rays, isAlongRows(ray(last + 1, cosine, sine).direction) == alongRows { last += 1 }
          append(first...last, alongRows: alongRows, cosine, sine)
          first = last + 1
        }
        segmentsOfView.append(firstSegment..<segments.count)
        longestView = max(longestView, intercepts.count - start)
      }
    }

    private func ray(
      _ ray: Int, _ cosine: Double, _ sine: Double
    ) -> (point: SIMD2<Double>, direction: SIMD2<Double>) {
      geometry.ray(position(ofRay: Double(ray)), cosine: cosine, sine: sine)
    }

    /// A little in favour of rows, so that rounding does not decide at 45°.
    private func isAlongRows(_ direction: SIMD2<Double>) -> Bool {
      abs(direction.y) * spacing.x * (1 + 1e-9) >= abs(direction.x) * spacing.y
    }

    private func line(
      _ ray: Int, alongRows: Bool, _ cosine: Double, _ sine: Double
    ) -> (intercept: Double, slope: Double, step: Double) {
      let (point, direction) = self.ray(ray, cosine, sine)
      if alongRows {
        // Row l lies at y = (middle − l) · spacing.
        let m = direction.x / direction.y
        let x = point.x + (middle.y * spacing.y - point.y) * m
        return (middle.x + x / spacing.x, -spacing.y * m / spacing.x, spacing.y * (1 + m * m).squareRoot())
      }
      let m = direction.y / direction.x
      let y = point.y + (-middle.x * spacing.x - point.x) * m
      return (middle.y - y / spacing.y, -spacing.x * m / spacing.y, spacing.x * (1 + m * m).squareRoot())
    }

    private mutating func append(
      _ range: ClosedRange<Int>, alongRows: Bool, _ cosine: Double, _ sine: Double
    ) {
      // Compared in front of the source; behind it the order is the opposite.
      var ahead = 0.0
      if geometry.detector != .parallel {
        let (point, direction) = ray(range.lowerBound, cosine, sine)
        let length = (direction * direction).sum().squareRoot()
        let target = point + direction * (geometry.sourceAxisDistance / length)
        ahead = alongRows ? middle.y - target.y / spacing.y : middle.x + target.x / spacing.x
      }
      func position(_ ray: Int) -> Double {
        let line = self.line(ray, alongRows: alongRows, cosine, sine)
        return line.intercept + line.slope * ahead
      }
      let reversed = position(range.lowerBound + 1) < position(range.lowerBound)
      let table = intercepts.count
      let count = range.count
      let (firstRay, sign) = reversed ? (range.upperBound, -1) : (range.lowerBound, 1)
      let lines = (0..<count).map { line(firstRay + sign * $0, alongRows: alongRows, cosine, sine) }
      // Beyond the ends, rays continue evenly: their order is kept and they weigh nothing.
      let (start, end) = (lines[0], lines[count - 1])
      let (second, secondLast) = count > 1 ? (lines[1], lines[count - 2]) : (start, end)
      func extend(
        _ steps: Int, _ from: (intercept: Double, slope: Double, step: Double),
        _ inside: (intercept: Double, slope: Double, step: Double)
      ) {
        intercepts.append(Float(from.intercept + Double(steps) * (from.intercept - inside.intercept)))
        slopes.append(Float(from.slope + Double(steps) * (from.slope - inside.slope)))
        self.steps.append(0)
      }
      for index in 0..<margin { extend(margin - index, start, second) }
      for line in lines {
        intercepts.append(Float(line.intercept))
        slopes.append(Float(line.slope))
        steps.append(Float(line.step / Double(raysPerBin)))
      }
      for index in 0..<Self.end(of: count) - count { extend(index + 1, end, secondLast) }

      let (inverse, error) = inverse(
        firstRay: firstRay, sign: Double(sign), alongRows: alongRows, cosine, sine)
      self.error = max(self.error, error)
      segments.append(
        Segment(
          alongRows: alongRows, table: table, first: table + margin, count: count, firstRay: firstRay,
          reversed: reversed, inverse: inverse, margin: Float(error)))
    }

    /// From a point to its ray, and how far a bilinear interpolation of it over a cell is off.
    private func inverse(
      firstRay: Int, sign: Double, alongRows: Bool, _ cosine: Double, _ sine: Double
    ) -> (Inverse, error: Double) {
      // Point = (pixel 0 of line 0) + line · perLine + pixel · perPixel.
      let corner = SIMD2(-middle.x * spacing.x, middle.y * spacing.y)
      let (right, down) = (SIMD2(spacing.x, 0), SIMD2(0, -spacing.y))
      let (perLine, perPixel) = alongRows ? (down, right) : (right, down)
      let (e, n) = (SIMD2(cosine, sine), SIMD2(-sine, cosine))
      func dot(_ a: SIMD2<Double>, _ b: SIMD2<Double>) -> Double { a.x * b.x + a.y * b.y }
      var inverse = Inverse()
      (inverse.across, inverse.acrossPerLine, inverse.acrossPerPixel) = (
        dot(corner, e), dot(perLine, e), dot(perPixel, e)
      )
      // u = scale · g, ray = raysPerBin · (u / binSpacing + axis + 1/2) − 1/2
      var scale = 1 / geometry.binSpacing
      // Rounding of an index to single precision.
      var error = 0.02 + 1e-6 * Double(rays)
      if geometry.detector != .parallel {
        (inverse.depth, inverse.depthPerLine, inverse.depthPerPixel) = (
          dot(corner, n) + geometry.sourceAxisDistance, dot(perLine, n), dot(perPixel, n)
        )
        scale *= geometry.sourceDetectorDistance
        // Cells may reach beyond the image.
        let reach = Double(cell + 1) * max(spacing.x, spacing.y) * 2.0.squareRoot()
        let near = geometry.sourceAxisDistance - RayGeometry.halfDiagonal(of: grid) - reach
        // |∇∇γ| ≤ 1/r² at the distance r from the source; tan γ adds (1 + 2 tan γ) / cos² γ. The error of linear
        // interpolation over h is h²/8 times the second derivative, in both directions.
        let tangent = geometry.largestTangent
        let curvature = (1 + tangent * tangent) * (1 + 2 * tangent)
        let area = spacing.x * spacing.x + spacing.y * spacing.y
        error +=
          near > 0
          ? Double(cell * cell) / 8 * area * scale * Double(raysPerBin) * curvature / (near * near)
          : .infinity
      }
      let perRay = Double(raysPerBin)
      inverse.scale = sign * perRay * scale
      inverse.offset = sign * (perRay * (geometry.axis + 0.5) - 0.5 - Double(firstRay))
      return (inverse, error)
    }
  }
}
