import CFFTW
import ComplexModule
import RealModule

/// Where samples lie between the points of a two-dimensional grid of complex numbers, prepared for speed.
///
/// A grid has `rows` rows of `pitch` complex numbers, of which the first `columns` are one period and the next
/// `GRIDDING_MAXIMUM_WIDTH` repeat its start. Positions are in grid points.
///
/// Samples are sorted into bands of rows with about equal work and, inside a band, into stretches of columns that
/// fit the cache. A band is spread by one thread into memory of its own, so the sums are taken in the same order
/// at any thread count; where bands overlap, whoever reads them adds them in a fixed order.
///
/// Memory: 24 bytes per sample.
package struct ScatteredSamples: Sendable {
  /// One position, before sorting.
  package struct Position {
    /// Row and column in grid points; the first neighbour must have a row in `0 ... rows − width`.
    package var row: Double
    package var column: Double
    /// What the interpolated value is multiplied by, after conjugation where `conjugated`.
    package var factor: Complex<Double>
    package var conjugated: Bool
    /// Where the value goes, in complex numbers.
    package var target: Int
  }

  package let kernel: ExponentialOfSemicircle
  package let rows: Int
  package let columns: Int
  package let pitch: Int
  package let bands: [Band]
  /// For every row of the grid, the rows of the banded grid that sum to it.
  package let contributions: [[Int]]
  private let samples: [gridding_sample]
  private let instructions: Int32

  package struct Band: Sendable {
    /// Row of the banded grid at which the band starts, and of the grid it stands for.
    package let start: Int
    let origin: Int
    package let rows: Int
    let samples: Range<Int>
  }

  /// Rows of the banded grid that ``spread(_:onto:threads:)`` fills.
  package var bandedRows: Int { bands.last.map { $0.start + $0.rows } ?? 0 }
  package var count: Int { samples.count }

  package init(
    _ positions: [Position], kernel: ExponentialOfSemicircle, rows: Int, columns: Int, pitch: Int
  ) {
    precondition(pitch >= columns + Int(GRIDDING_MAXIMUM_WIDTH), "pitch \(pitch) for \(columns) columns")
    precondition(
      (rows + 64) * pitch * 2 < Int(Int32.max) && positions.count < Int(Int32.max), "grid of \(rows) rows")
    self.kernel = kernel
    self.rows = rows
    self.columns = columns
    self.pitch = pitch
    instructions = gridding_instructions()

    let half = Double(kernel.width) / 2
    var unsorted = [gridding_sample]()
    var firstRows = [Int]()
    unsorted.reserveCapacity(positions.count)
    firstRows.reserveCapacity(positions.count)
    var perRow = [Int](repeating: 0, count: rows)
    for position in positions {
      let row = (position.row - half).rounded(.up)
      let column = (position.column - half).rounded(.up)
      let firstRow = Int(row)
      precondition(firstRow >= 0 && firstRow + kernel.width <= rows, "row \(position.row) of \(rows)")
      var firstColumn = Int(column) % columns
      if firstColumn < 0 { firstColumn += columns }
      perRow[firstRow] += 1
      firstRows.append(firstRow)
      unsorted.append(
        gridding_sample(
          offset: Int32(firstRow * pitch + firstColumn),
          target: UInt32(position.target) | (position.conjugated ? UInt32(0x8000_0000) : 0),
          across: Float(2 * (row - position.row + half) - 1),
          along: Float(2 * (column - position.column + half) - 1),
          real: Float(position.factor.real), imaginary: Float(position.factor.imaginary)))
    }

    // Bands: equal work, at least a kernel high, so that little is summed twice.
    let target = max(1, (positions.count + 31) / 32)
    let height = max(kernel.width, 8)
    var limits = [0]
    var work = 0
    for row in 0...(rows - kernel.width) {
      work += perRow[row]
      if work >= target && row + 1 - limits[limits.count - 1] >= height {
        limits.append(row + 1)
        work = 0
      }
    }
    if limits[limits.count - 1] < rows - kernel.width + 1 { limits.append(rows - kernel.width + 1) }
    var bandOfRow = [Int](repeating: 0, count: rows)
    for band in 0..<(limits.count - 1) {
      for row in limits[band]..<limits[band + 1] { bandOfRow[row] = band }
    }

    // A counting sort by band and stretch keeps the order of the trajectory inside.
    let stretches = columns / Self.stretch + 1
    var starts = [Int](repeating: 0, count: (limits.count - 1) * stretches + 1)
    func bucket(_ i: Int) -> Int {
      bandOfRow[firstRows[i]] * stretches + (Int(unsorted[i].offset) - firstRows[i] * pitch) / Self.stretch
    }
    for i in unsorted.indices { starts[bucket(i) + 1] += 1 }
    for i in 1..<starts.count { starts[i] += starts[i - 1] }
    let bucketStarts = starts
    var sorted = unsorted
    for i in unsorted.indices {
      let place = bucket(i)
      sorted[starts[place]] = unsorted[i]
      starts[place] += 1
    }
    samples = sorted

    var bands = [Band]()
    var contributions = [[Int]](repeating: [], count: rows)
    var start = 0
    for band in 0..<(limits.count - 1) {
      let bandRows = limits[band + 1] - limits[band] + kernel.width - 1
      let range = bucketStarts[band * stretches]..<bucketStarts[(band + 1) * stretches]
      for row in 0..<bandRows { contributions[limits[band] + row].append(start + row) }
      bands.append(Band(start: start, origin: limits[band], rows: bandRows, samples: range))
      start += bandRows
    }
    self.bands = bands
    self.contributions = contributions
  }

  private static let stretch = 64
  private static let chunk = 2048

  /// values[target] ← factor · Σ ψ · grid around every position, conjugated before the factor where asked.
  package func interpolate(
    _ grid: UnsafePointer<Float>, into values: UnsafeMutablePointer<Float>, threads: Int
  ) {
    let chunks = (count + Self.chunk - 1) / Self.chunk
    samples.withUnsafeBufferPointer { samples in
      guard let first = samples.baseAddress else { return }
      parallel(tiles: chunks, threads: threads) { chunk, _ in
        let start = chunk * Self.chunk
        gridding_interpolate(
          instructions, Int32(kernel.width), grid, 2 * pitch, first + start, min(Self.chunk, count - start),
          kernel.across, kernel.along, values)
      }
    }
  }

  /// The transpose of ``interpolate(_:into:threads:)``, onto the banded grid, which it overwrites.
  package func spread(
    _ values: UnsafePointer<Float>, onto grid: UnsafeMutablePointer<Float>, threads: Int
  ) {
    samples.withUnsafeBufferPointer { samples in
      guard let first = samples.baseAddress else { return }
      parallel(tiles: bands.count, threads: threads) { index, _ in
        let band = bands[index]
        (grid + 2 * pitch * band.start).update(repeating: 0, count: 2 * pitch * band.rows)
        gridding_spread(
          instructions, Int32(kernel.width), grid + 2 * pitch * (band.start - band.origin), 2 * pitch,
          first + band.samples.lowerBound, band.samples.count, kernel.across, kernel.along, values)
      }
    }
  }
}
