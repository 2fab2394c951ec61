import Fields

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
    /// For each row.
    let samples: [[Float]]

    /// The sinogram of detector row `row`, one of ``rows``.
    public func sinogram(_ row: Int) -> Sinogram {
      precondition(rows.contains(row), "row \(row) is not in \(rows)")
      return Sinogram(shape: shape, samples: samples[row - rows.lowerBound])
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
  /// Memory: rows × views × bins as `Float`, the flats and darks of these rows and, for every thread, these rows of a page or
  /// of some pages in 512 KiB.
  public func sinograms(rows range: Range<Int>, threads: Int = 1) throws -> Block {
    var nothing: [[Float]] = []
    return try sinograms(rows: range, threads: threads, reusing: &nothing)
  }

  /// - Parameter spare: sinograms whose memory is used again; those that somebody else still holds stay as they are.
  func sinograms(rows range: Range<Int>, threads: Int, reusing spare: inout [[Float]]) throws -> Block {
    guard range.lowerBound >= 0, range.upperBound <= rows else {
      throw ProjectionError.noSuchRows(path: projections.path, rows: range, available: rows)
    }
    let field = try FlatFieldRows(flatField, rows: range, bins: bins, threads: threads)
    let shape: Shape = [views.count, bins]
    var samples: [[Float]] = []
    var clipped: [Int] = []
    for start in stride(from: range.lowerBound, to: range.upperBound, by: Self.rowsAtOnce) {
      let part = start..<min(start + Self.rowsAtOnce, range.upperBound)
      samples += try FilledArrays.make(part.count, of: shape.count, reusing: &spare) { sinograms in
        clipped += try read(part, field, first: start - range.lowerBound, threads, into: sinograms)
      }
    }
    return Block(rows: range, shape: shape, clipped: clipped, dead: field.dead.map(\.count), samples: samples)
  }

  /// Each of them is a frame on the stack.
  private static let rowsAtOnce = 128
  /// Counts that a thread reads before it makes line integrals of them: 512 KiB stay in the cache of a core.
  private static let samplesAtOnce = 128 << 10

  /// - Parameter first: the place of the first row in `field`.
  /// - Returns: for each row, how many samples were raised to the minimum transmission.
  private func read(
    _ rows: Range<Int>, _ field: FlatFieldRows, first: Int, _ threads: Int, into sinograms: FilledArrays
  ) throws -> [Int] {
    let last = Float(max(projections.count - 1, 1))
    // Each thread takes a run of views and reads pages in the order of the file. While the counts of some views are in its
    // cache, it goes through them row by row, so that flats and darks of a row are there, too, and what it writes lies
    // together.
    let below = try inParts(of: 0..<views.count, threads: threads) { part in
      let size = rows.count * bins
      let viewsAtOnce = max(1, min(part.count, Self.samplesAtOnce / max(1, size)))
      var counts = [Float](repeating: 0, count: viewsAtOnce * size)
      var correction = FlatFieldRows.Correction(field)
      var below = [Int](repeating: 0, count: rows.count)
      for start in stride(from: part.lowerBound, to: part.upperBound, by: viewsAtOnce) {
        let some = start..<min(start + viewsAtOnce, part.upperBound)
        try counts.withUnsafeMutableBufferPointer { counts in
          for view in some {
            let place = (view - start) * size
            try projections.read(
              rows, ofPage: views[view],
              into: UnsafeMutableBufferPointer(rebasing: counts[place..<place + size]))
          }
          guard let counts = counts.baseAddress else { return }
          for row in 0..<rows.count {
            for view in some {
              below[row] += field.lineIntegrals(
                of: counts + (view - start) * size + row * bins, row: first + row,
                at: Float(views[view]) / last, &correction, into: sinograms.starts[row] + view * bins,
                minimumTransmission)
            }
          }
        }
      }
      return below
    }
    return (0..<rows.count).map { row in
      let raised = below.reduce(0) { sum, part in sum + part[row] }
      // Dead bins have no light at all: each of their samples is below.
      return raised - views.count * field.dead[first + row].count
    }
  }
}

/// Arrays while they are being filled, all at once.
///
/// Sendable because every thread writes to places of its own.
private struct FilledArrays: @unchecked Sendable {
  let starts: [UnsafeMutablePointer<Float>]

  /// Arrays of `size` samples that `fill` initialises.
  ///
  /// - Parameter spare: arrays that are taken from its end instead of new memory, where they have this size.
  static func make(
    _ count: Int, of size: Int, reusing spare: inout [[Float]], _ fill: (FilledArrays) throws -> Void
  ) throws -> [[Float]] {
    var arrays = [[Float]](repeating: [], count: count)
    var starts: [UnsafeMutablePointer<Float>] = []
    func open(_ buffer: UnsafeMutableBufferPointer<Float>) throws {
      guard let start = buffer.baseAddress else { return }
      starts.append(start)
      try openNext()
    }
    func openNext() throws {
      let index = starts.count
      guard index < count else { return try fill(FilledArrays(starts: starts)) }
      if var array = spare.popLast(), array.count == size {
        try array.withUnsafeMutableBufferPointer { try open($0) }
        arrays[index] = array
      } else {
        arrays[index] = try [Float](unsafeUninitializedCapacity: size) { buffer, initialized in
          try open(buffer)
          initialized = size
        }
      }
    }
    try openNext()
    return arrays
  }
}
