import Dispatch
import Fields
import Synchronization

/// Raw projections of a parallel or fan-beam scan, with flats and darks, seen as sinograms.
///
///     p(θ, s) = −log max(t, t_min),   t = (I(θ, s) − D(s)) / (F(s) − D(s))
///
/// F and D are those of a ``FlatField``. Transmissions t below `minimumTransmission`, from noise or full absorption,
/// are raised to it and counted. Bins whose flat is not above the dark are dead: their line integrals are interpolated
/// along the detector.
///
/// Rows are cut straight from the strips of every projection: neither the stack nor a transposed copy is ever held.
///
/// - Projections: one page per view, `[detector rows, bins]`, counts.
/// - Sinograms: `[views, bins]`, line integrals without a unit.
public final class ProjectionStack: Sendable {
  public let projections: ImageStack
  public let flatField: FlatField
  /// The page of every view, counted from 0.
  public let views: [Int]
  public let minimumTransmission: Float

  /// Detector rows, each of which becomes a sinogram.
  public var rows: Int { projections.info.rows }
  public var bins: Int { projections.info.columns }

  /// Neighbouring detector rows of all views.
  public struct Block: Sendable {
    public let rows: Range<Int>
    /// `[views, bins]`, the same for every row.
    public let shape: Shape
    /// For each row: how many samples were raised to the minimum transmission.
    public let clipped: [Int]
    /// For each row: how many bins are dead.
    public let dead: [Int]
    let lines: ProjectionLines

    /// The sinogram of detector row `row`, one of ``rows``.
    public func sinogram(_ row: Int) -> Sinogram {
      precondition(rows.contains(row), "row \(row) is not in \(rows)")
      let place = (row - rows.lowerBound) * shape.count
      return Sinogram(
        shape: shape, samples: Array(UnsafeBufferPointer(start: lines.start + place, count: shape.count)))
    }
  }

  /// - Parameter views: The pages to use, counted from 0; all when nil.
  /// - Throws: ``ProjectionError`` when sizes differ or a view is not there.
  public init(
    projections: ImageStack, flatField: FlatField, views: [Int]? = nil, minimumTransmission: Float = 1e-6
  ) throws(ProjectionError) {
    precondition(
      minimumTransmission.isNormal && minimumTransmission > 0, "minimum transmission \(minimumTransmission)")
    func size(_ stack: ImageStack) -> String { "\(stack.info.rows) × \(stack.info.columns)" }
    for other in flatField.flats + flatField.darks where size(other) != size(projections) {
      throw .differentSize(
        path: other.path, found: size(other), expected: size(projections), projections: projections.path)
    }
    if let view = views?.first(where: { $0 < 0 || $0 >= projections.count }) {
      throw .noSuchViews(path: projections.path, view: view, available: projections.count)
    }
    self.projections = projections
    self.flatField = flatField
    self.views = views ?? Array(0..<projections.count)
    self.minimumTransmission = minimumTransmission
  }

  /// One stack of flats and at most one of darks, averaged.
  public convenience init(
    projections: ImageStack, flats: ImageStack, darks: ImageStack? = nil, views: [Int]? = nil
  ) throws(ProjectionError) {
    try self.init(
      projections: projections, flatField: FlatField(flats: [flats], darks: darks.map { [$0] } ?? []),
      views: views)
  }

  /// How many rows a block may have so that it stays within `memory` bytes; at least one.
  public func rowsPerBlock(memory: Int) -> Int {
    let rowBytes = max(1, views.count * bins * MemoryLayout<Float>.size)
    return max(1, min(rows, memory / rowBytes))
  }

  /// Reads some detector rows of all views; the result does not depend on `threads`.
  ///
  /// Memory: rows × views × bins as `Float`, the flats and darks of these rows, and these rows of a page for every thread.
  public func sinograms(rows range: Range<Int>, threads: Int = 1) throws -> Block {
    var nothing: ProjectionLines?
    return try sinograms(rows: range, threads: threads, reusing: &nothing)
  }

  /// - Parameter spare: memory that is used again if nobody else holds it.
  func sinograms(
    rows range: Range<Int>, threads: Int, reusing spare: inout ProjectionLines?
  ) throws -> Block {
    guard range.lowerBound >= 0, range.upperBound <= rows else {
      throw ProjectionError.noSuchRows(path: projections.path, rows: range, available: rows)
    }
    let field = try FlatFieldRows(flatField, rows: range, bins: bins)
    let page = range.count * bins
    let lines: ProjectionLines
    if isKnownUniquelyReferenced(&spare), let spare, spare.capacity >= views.count * page {
      lines = spare
    } else {
      lines = ProjectionLines(capacity: views.count * page)
    }
    let last = Float(max(projections.count - 1, 1))
    // Each thread takes a run of views: it reads pages in the order of the file and, while their counts are in its cache,
    // writes their line integrals to places of its own.
    let parts = max(1, min(threads, views.count))
    let below = Mutex([Int](repeating: 0, count: range.count))
    let failures = Mutex([Int: any Error]())
    DispatchQueue.concurrentPerform(iterations: parts) { part in
      do {
        var counts = [Float](repeating: 0, count: page)
        var correction = FlatFieldRows.Correction(bins: bins)
        var clipped = [Int](repeating: 0, count: range.count)
        for view in views.count * part / parts..<views.count * (part + 1) / parts {
          try counts.withUnsafeMutableBufferPointer { counts in
            try projections.read(range, ofPage: views[view], into: counts)
            guard let counts = counts.baseAddress else { return }
            for row in 0..<range.count {
              clipped[row] += field.lineIntegrals(
                of: counts + row * bins, row: row, at: Float(views[view]) / last, &correction,
                into: lines.start + (row * views.count + view) * bins, minimumTransmission)
            }
          }
        }
        let found = clipped
        below.withLock { for row in found.indices { $0[row] += found[row] } }
      } catch {
        failures.withLock { $0[part] = error }
      }
    }
    if let first = failures.withLock({ $0.min { $0.key < $1.key } }) { throw first.value }
    return Block(
      rows: range, shape: [views.count, bins], clipped: below.withLock { $0 }, dead: field.dead.map(\.count),
      lines: lines)
  }
}

/// Memory for the line integrals of a block, `[rows, views, bins]`.
///
/// Sendable because it is written before anybody else knows of it, and read from then on.
final class ProjectionLines: @unchecked Sendable {
  let start: UnsafeMutablePointer<Float>
  let capacity: Int

  init(capacity: Int) {
    self.capacity = capacity
    start = .allocate(capacity: max(capacity, 1))
  }

  deinit { start.deallocate() }
}
