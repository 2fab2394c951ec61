import CFFTW
import ComplexModule
import RealModule

/// Where samples lie between the points of a grid of complex numbers in two or three dimensions, prepared for speed.
///
/// A grid has slabs of rows of `pitch` complex numbers; in two dimensions a slab is a single row. The first `columns`
/// of a row are one period and the next `GRIDDING_MAXIMUM_WIDTH` repeat its start. In three dimensions the first
/// `rows` of a slab are one period and the next width − 1 repeat its start. Positions are in grid points.
///
/// Samples are sorted into bands of slabs with about equal work and, inside a band, into tiles that fit the cache.
/// A band is spread by one thread. Its neighbourhoods reach into the next band and no further, so first every other
/// band is spread and then the rest: no two threads meet, and every point sums its samples in the same order at any
/// number of threads.
///
/// Inside a tile they are sorted by their first neighbour, and samples of one neighbourhood are summed in registers before
/// the sum is added to the grid: less traffic, and where samples crowd, as they do around the centre of k-space, sums
/// of single precision keep more digits.
///
/// Memory: 24 bytes per sample in two dimensions, 28 in three.
package struct ScatteredSamples: Sendable {
  /// The shape of a grid in memory.
  package struct Layout: Sendable {
    package let rank: Int
    /// Slabs in memory. First neighbours have a slab in 0 ... slabs − width.
    package let slabs: Int
    /// Whether the last width − 1 slabs repeat the first, so that positions may lie outside of one period.
    package let slabsWrap: Bool
    /// One period, in rows of a slab; 1 in two dimensions.
    package let rows: Int
    /// One period, in complex numbers of a row.
    package let columns: Int
    /// Distance between rows and between slabs, in complex numbers.
    package let pitch: Int
    package let slabPitch: Int

    /// A plane of `slabs` rows.
    package init(slabs: Int, columns: Int, slabsWrap: Bool = false) {
      rank = 2
      self.slabs = slabs
      self.slabsWrap = slabsWrap
      rows = 1
      self.columns = columns
      pitch = Self.pitch(columns + Int(GRIDDING_MAXIMUM_WIDTH))
      slabPitch = pitch
    }

    /// A volume for a kernel of `width` points.
    package init(slabs: Int, rows: Int, columns: Int, width: Int, slabsWrap: Bool) {
      rank = 3
      self.slabs = slabs
      self.slabsWrap = slabsWrap
      self.rows = rows
      self.columns = columns
      pitch = Self.pitch(columns + Int(GRIDDING_MAXIMUM_WIDTH))
      slabPitch = Self.pitch(pitch * (rows + width - 1))
    }

    /// Complex numbers of the whole grid.
    package var count: Int { slabs * slabPitch }

    /// - Throws: ``OperatorError/outOfRange(_:found:expected:)`` for more points than places count with 32 bits.
    package func validate() throws(OperatorError) {
      guard count < Int(Int32.max) else {
        throw .outOfRange("the finer grid of a transform", found: "\(count) points", expected: "at most 2^31")
      }
    }

    /// A distance between rows, an odd multiple of a cache line, so that neighbours across rows do not crowd the same
    /// sets of the cache. Nor do up to seven rows come within three lines of a multiple of 4096 bytes, for processors
    /// look for a store that a load depends on by the last 12 bits of the address, and would wait for the wrong one.
    package static func pitch(_ columns: Int) -> Int {
      var lines = (columns + 7) / 8 | 1
      while (1..<Int(GRIDDING_MAXIMUM_WIDTH)).contains(where: {
        min(lines * $0 % 64, 64 - lines * $0 % 64) < 3
      }) {
        lines += 2
      }
      return 8 * lines
    }
  }

  /// One position, before sorting.
  package struct Position {
    package var slab: Double
    /// Without meaning in two dimensions.
    package var row: Double
    package var column: Double
    /// What the interpolated value is multiplied by, after conjugation where `conjugated`.
    package var factor: Complex<Double>
    package var conjugated: Bool
    /// Where the value goes, in complex numbers.
    package var target: Int

    package init(
      slab: Double, row: Double = 0, column: Double, factor: Complex<Double> = 1, conjugated: Bool = false,
      target: Int
    ) {
      self.slab = slab
      self.row = row
      self.column = column
      self.factor = factor
      self.conjugated = conjugated
      self.target = target
    }
  }

  package let kernel: ExponentialOfSemicircle
  package let layout: Layout
  package let count: Int
  private let bands: [Band]
  /// One of the two is empty.
  private let samples: [gridding_sample]
  private let samples3: [gridding_sample3]
  private let instructions: Int32

  private struct Band: Sendable {
    /// Slabs that no band spread before this one reaches.
    let fresh: Range<Int>
    let samples: Range<Int>
  }

  /// Bytes of the sorted samples.
  package var memory: Int {
    samples.count * MemoryLayout<gridding_sample>.stride
      + samples3.count * MemoryLayout<gridding_sample3>.stride
  }

  package init(
    count: Int, kernel: ExponentialOfSemicircle, layout: Layout, position: (Int) -> Position
  ) {
    precondition(
      layout.count < Int(Int32.max) && count < Int(Int32.max), "\(count) samples of \(layout.count) points")
    self.kernel = kernel
    self.layout = layout
    self.count = count
    instructions = gridding_instructions()

    let half = Double(kernel.width) / 2
    /// The first neighbour and the distance to it, mapped to [−1, 1).
    func first(_ place: Double) -> (index: Int, distance: Float) {
      let first = (place - half).rounded(.up)
      return (Int(first), Float(2 * (first - place + half) - 1))
    }
    func wrapped(_ index: Int, _ period: Int) -> Int {
      let rest = index % period
      return rest < 0 ? rest + period : rest
    }
    let slabLimit = layout.slabs - kernel.width + 1
    let volume = layout.rank == 3
    var unsorted = [gridding_sample]()
    var above = [Float]()
    var firstSlabs = [Int32]()
    unsorted.reserveCapacity(count)
    firstSlabs.reserveCapacity(count)
    if volume { above.reserveCapacity(count) }
    var perSlab = [Int](repeating: 0, count: slabLimit)
    for index in 0..<count {
      let place = position(index)
      var slab = first(place.slab)
      if layout.slabsWrap { slab.index = wrapped(slab.index, slabLimit) }
      precondition(slab.index >= 0 && slab.index < slabLimit, "slab \(place.slab) of \(layout.slabs)")
      let column = first(place.column)
      var offset = slab.index * layout.slabPitch + wrapped(column.index, layout.columns)
      var across = slab.distance
      if volume {
        let row = first(place.row)
        offset += wrapped(row.index, layout.rows) * layout.pitch
        above.append(across)
        across = row.distance
      }
      perSlab[slab.index] += 1
      firstSlabs.append(Int32(slab.index))
      unsorted.append(
        gridding_sample(
          offset: Int32(offset),
          target: UInt32(place.target) | (place.conjugated ? UInt32(0x8000_0000) : 0),
          across: across, along: column.distance,
          real: Float(place.factor.real), imaginary: Float(place.factor.imaginary)))
    }

    // Equal work, and never so low that a band reaches beyond the next.
    let target = max(1, (count + 31) / 32)
    let height = max(kernel.width, 8)
    var limits = [0]
    var work = 0
    for slab in 0..<slabLimit {
      work += perSlab[slab]
      if work >= target && slab + 1 - limits[limits.count - 1] >= height {
        limits.append(slab + 1)
        work = 0
      }
    }
    if limits[limits.count - 1] < slabLimit { limits.append(slabLimit) }
    let bandCount = limits.count - 1
    var bandOfSlab = [Int](repeating: 0, count: slabLimit)
    for band in 0..<bandCount {
      for slab in limits[band]..<limits[band + 1] { bandOfSlab[slab] = band }
    }

    // A counting sort by band and tile, then by first neighbour and by the order of the trajectory inside of a tile.
    let (tileRows, tileColumns) = volume ? (8, 16) : (1, 64)
    let tilesAlong = layout.columns / tileColumns + 1
    let tiles = tilesAlong * (layout.rows / tileRows + 1)
    func bucket(_ i: Int) -> Int {
      let slab = Int(firstSlabs[i])
      let inside = Int(unsorted[i].offset) - slab * layout.slabPitch
      let tile =
        volume
        ? inside / layout.pitch / tileRows * tilesAlong + inside % layout.pitch / tileColumns
        : inside / tileColumns
      return bandOfSlab[slab] * tiles + tile
    }
    var starts = [Int](repeating: 0, count: bandCount * tiles + 1)
    for i in 0..<count { starts[bucket(i) + 1] += 1 }
    for i in 1..<starts.count { starts[i] += starts[i - 1] }
    var order = [Int32](repeating: 0, count: count)
    for i in 0..<count {
      let place = bucket(i)
      order[starts[place]] = Int32(i)
      starts[place] += 1
    }
    var bands = [Band]()
    var tileStart = 0
    for band in 0..<bandCount {
      let bandStart = tileStart
      for tile in 0..<tiles {
        let range = tileStart..<starts[band * tiles + tile]
        tileStart = range.upperBound
        order[range].sort { (unsorted[Int($0)].offset, $0) < (unsorted[Int($1)].offset, $1) }
      }
      let end = limits[band + 1] + kernel.width - 1
      let fresh =
        band % 2 == 0
        ? limits[band]..<end
        : limits[band] + kernel.width - 1..<(band + 1 < bandCount ? limits[band + 1] : end)
      bands.append(Band(fresh: fresh, samples: bandStart..<tileStart))
    }
    self.bands = bands
    samples = volume ? [] : order.map { unsorted[Int($0)] }
    samples3 = volume ? order.map { gridding_sample3(plane: unsorted[Int($0)], above: above[Int($0)]) } : []
  }

  private static let chunk = 2048

  /// values[target] ← factor · Σ ψ · grid around every position, conjugated before the factor where asked.
  package func interpolate(
    _ grid: UnsafePointer<Float>, into values: UnsafeMutablePointer<Float>, threads: Int
  ) {
    parallel(tiles: (count + Self.chunk - 1) / Self.chunk, threads: threads) { chunk, _ in
      let range = chunk * Self.chunk..<min((chunk + 1) * Self.chunk, count)
      if layout.rank == 3 {
        samples3.withUnsafeBufferPointer { samples in
          guard let first = samples.baseAddress else { return }
          gridding_interpolate3(
            instructions, Int32(kernel.width), grid, 2 * layout.slabPitch, 2 * layout.pitch,
            first + range.lowerBound, range.count, kernel.across, kernel.along, values)
        }
      } else {
        samples.withUnsafeBufferPointer { samples in
          guard let first = samples.baseAddress else { return }
          gridding_interpolate(
            instructions, Int32(kernel.width), grid, 2 * layout.pitch, first + range.lowerBound, range.count,
            kernel.across, kernel.along, values)
        }
      }
    }
  }

  /// The transpose of ``interpolate(_:into:threads:)``. Overwrites the grid, repeated parts included.
  package func spread(
    _ values: UnsafePointer<Float>, onto grid: UnsafeMutablePointer<Float>, threads: Int
  ) {
    for parity in 0..<2 {
      parallel(tiles: (bands.count + 1 - parity) / 2, threads: threads) { tile, _ in
        let band = bands[2 * tile + parity]
        (grid + 2 * layout.slabPitch * band.fresh.lowerBound).update(
          repeating: 0, count: 2 * layout.slabPitch * band.fresh.count)
        spread(values, band.samples, onto: grid)
      }
    }
  }

  private func spread(
    _ values: UnsafePointer<Float>, _ range: Range<Int>, onto grid: UnsafeMutablePointer<Float>
  ) {
    if layout.rank == 3 {
      samples3.withUnsafeBufferPointer { samples in
        guard let first = samples.baseAddress else { return }
        gridding_spread3(
          instructions, Int32(kernel.width), grid, 2 * layout.slabPitch, 2 * layout.pitch,
          first + range.lowerBound, range.count, kernel.across, kernel.along, values)
      }
    } else {
      samples.withUnsafeBufferPointer { samples in
        guard let first = samples.baseAddress else { return }
        gridding_spread(
          instructions, Int32(kernel.width), grid, 2 * layout.pitch, first + range.lowerBound, range.count,
          kernel.across, kernel.along, values)
      }
    }
  }
}
