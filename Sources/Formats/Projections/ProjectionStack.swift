import Dispatch
import Fields
import Synchronization

/// Raw projections of a parallel or fan-beam scan, with flats and darks, seen as sinograms.
///
///     p(θ, s) = −log max(t, t_min),   t = (I(θ, s) − D(s)) / (F(s) − D(s))
///
/// F and D are the means of the flats and darks. Transmissions t below `minimumTransmission`, from noise or full
/// absorption, are raised to it and counted. Bins whose flat is not above the dark are dead: their line integrals
/// are interpolated along the detector.
///
/// Rows are cut straight from the strips of every projection: neither the stack nor a transposed copy is ever held.
///
/// - Projections: one page per view, `[detector rows, bins]`, counts.
/// - Sinograms: `[views, bins]`, line integrals without a unit.
public final class ProjectionStack: Sendable {
  public let projections: TIFFStack
  public let flats: TIFFStack
  public let darks: TIFFStack?
  /// The page of every view, counted from 0.
  public let views: [Int]
  public let minimumTransmission: Float

  /// Detector rows, each of which becomes a sinogram.
  public var rows: Int { projections.info.rows }
  public var bins: Int { projections.info.columns }

  /// The sinograms of neighbouring detector rows.
  public struct Block: Sendable {
    public let rows: Range<Int>
    /// `[views, bins]`, the same for every row.
    public let shape: Shape
    /// For each row: how many samples were raised to the minimum transmission.
    public let clipped: [Int]
    /// For each row: how many bins are dead.
    public let dead: [Int]
    fileprivate let samples: [Float]

    /// The sinogram of detector row `row`, one of ``rows``.
    public func sinogram(_ row: Int) -> Sinogram {
      precondition(rows.contains(row), "row \(row) is not in \(rows)")
      let start = (row - rows.lowerBound) * shape.count
      return Sinogram(shape: shape, samples: Array(samples[start..<start + shape.count]))
    }
  }

  /// - Parameters:
  ///   - darks: None where the detector has no offset.
  ///   - views: The pages to use, counted from 0; all when nil.
  /// - Throws: ``ProjectionError`` when sizes differ or a view is not there.
  public init(
    projections: TIFFStack, flats: TIFFStack, darks: TIFFStack? = nil, views: [Int]? = nil,
    minimumTransmission: Float = 1e-6
  ) throws(ProjectionError) {
    precondition(
      minimumTransmission.isNormal && minimumTransmission > 0, "minimum transmission \(minimumTransmission)")
    func size(_ stack: TIFFStack) -> String { "\(stack.info.rows) × \(stack.info.columns)" }
    for other in [flats, darks].compactMap(\.self) where size(other) != size(projections) {
      throw .differentSize(
        path: other.path, found: size(other), expected: size(projections), projections: projections.path)
    }
    if let view = views?.first(where: { $0 < 0 || $0 >= projections.count }) {
      throw .noSuchViews(path: projections.path, view: view, available: projections.count)
    }
    self.projections = projections
    self.flats = flats
    self.darks = darks
    self.views = views ?? Array(0..<projections.count)
    self.minimumTransmission = minimumTransmission
  }

  /// How many rows a block may have so that it stays within `memory` bytes; at least one.
  public func rowsPerBlock(memory: Int) -> Int {
    let rowBytes = max(1, views.count * bins * MemoryLayout<Float>.size)
    return max(1, min(rows, memory / rowBytes))
  }

  /// Reads the sinograms of some detector rows; the result does not depend on `threads`.
  ///
  /// Memory: rows × views × bins, and rows × bins per thread, as `Float`.
  public func sinograms(rows range: Range<Int>, threads: Int = 1) throws(ProjectionError) -> Block {
    guard range.lowerBound >= 0, range.upperBound <= rows else {
      throw .noSuchRows(path: projections.path, rows: range, available: rows)
    }
    let detector = try Detector(self, range)
    let shape: Shape = [views.count, bins]
    let count = range.count * shape.count
    // Each thread takes a run of views: it reads pages in the order of the file and writes rows of its own.
    let parts = max(1, min(threads, views.count))
    let found = Mutex((clipped: [Int](repeating: 0, count: range.count), failures: [Int: TIFFError]()))
    let samples = [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      initialized = count
      let address = UInt(bitPattern: buffer.baseAddress)
      DispatchQueue.concurrentPerform(iterations: parts) { part in
        guard let target = UnsafeMutablePointer<Float>(bitPattern: address) else { return }
        let mine = views.count * part / parts..<views.count * (part + 1) / parts
        var clipped = [Int](repeating: 0, count: range.count)
        do throws(TIFFError) {
          try read(range, mine, detector, into: target, clipped: &clipped)
          found.withLock { for row in clipped.indices { $0.clipped[row] += clipped[row] } }
        } catch {
          found.withLock { $0.failures[part] = error }
        }
      }
    }
    let (clipped, failures) = found.withLock { ($0.clipped, $0.failures) }
    if let first = failures.min(by: { $0.key < $1.key }) { throw .file(first.value) }
    return Block(
      rows: range, shape: shape, clipped: clipped, dead: detector.dead.map(\.count), samples: samples)
  }

  /// Line integrals of some views, written to `target`, `[rows, views, bins]`.
  private func read(
    _ range: Range<Int>, _ mine: Range<Int>, _ detector: Detector, into target: UnsafeMutablePointer<Float>,
    clipped: inout [Int]
  ) throws(TIFFError) {
    var page = [Float](repeating: 0, count: range.count * bins)
    for view in mine {
      var failure: TIFFError?
      page.withUnsafeMutableBufferPointer { page in
        do throws(TIFFError) { try projections.read(range, ofPage: views[view], into: page) } catch {
          failure = error
          return
        }
        for row in 0..<range.count {
          let line = target + (row * views.count + view) * bins
          let belowMinimum = detector.lineIntegrals(
            of: UnsafeBufferPointer(rebasing: page[row * bins..<(row + 1) * bins]), row: row,
            minimumTransmission: minimumTransmission, into: line)
          clipped[row] += belowMinimum - detector.dead[row].count
          detector.fillDead(line, row: row)
        }
      }
      if let failure { throw failure }
    }
  }
}

/// Mean dark and the reciprocal of mean flat − mean dark for some rows.
private struct Detector: Sendable {
  let bins: Int
  let dark: [Float]
  /// 1 / (F − D); 0 where the flat is not above the dark.
  let gain: [Float]
  /// Dead bins of each row, with the nearest live ones.
  let dead: [[(bin: Int, left: Int?, right: Int?)]]

  init(_ stack: ProjectionStack, _ range: Range<Int>) throws(ProjectionError) {
    bins = stack.bins
    let flat = try Self.mean(stack.flats, range)
    let dark =
      try stack.darks.map { stack throws(ProjectionError) in try Self.mean(stack, range) }
      ?? [Double](repeating: 0, count: flat.count)
    let gain = zip(flat, dark).map { flat, dark in flat > dark ? Float(1 / (flat - dark)) : 0 }
    var dead: [[(bin: Int, left: Int?, right: Int?)]] = []
    for row in 0..<range.count {
      let live = (0..<stack.bins).filter { gain[row * stack.bins + $0] > 0 }
      guard !live.isEmpty else {
        throw .noLight(path: stack.flats.path, row: range.lowerBound + row)
      }
      dead.append(
        (0..<stack.bins).filter { gain[row * stack.bins + $0] == 0 }.map { bin in
          (bin, live.last { $0 < bin }, live.first { $0 > bin })
        })
    }
    self.dark = dark.map { Float($0) }
    self.gain = gain
    self.dead = dead
  }

  private static func mean(_ stack: TIFFStack, _ range: Range<Int>) throws(ProjectionError) -> [Double] {
    var sum = [Double](repeating: 0, count: range.count * stack.info.columns)
    for page in 0..<stack.count {
      let samples: [Float]
      do throws(TIFFError) { samples = try stack.rows(range, ofPage: page).samples } catch {
        throw .file(error)
      }
      for i in sum.indices { sum[i] += Double(samples[i]) }
    }
    return sum.map { $0 / Double(stack.count) }
  }

  /// - Returns: How many samples were below the minimum, dead bins included.
  func lineIntegrals(
    of counts: UnsafeBufferPointer<Float>, row: Int, minimumTransmission: Float,
    into line: UnsafeMutablePointer<Float>
  ) -> Int {
    dark.withUnsafeBufferPointer { dark in
      gain.withUnsafeBufferPointer { gain in
        let start = row * bins
        var below = SIMD8<Int32>.zero
        @inline(__always) func p(_ count: SIMD8<Float>, _ dark: SIMD8<Float>, _ gain: SIMD8<Float>) -> SIMD8<
          Float
        > {
          let t = (count - dark) * gain
          let isBelow = t .< minimumTransmission
          below &+= SIMD8<Int32>.zero.replacing(with: 1, where: isBelow)
          return negativeLogarithm(t.replacing(with: minimumTransmission, where: isBelow))
        }
        let whole = bins & ~7
        for bin in stride(from: 0, to: whole, by: 8) {
          let values = p(
            eight(counts, bin), eight(dark, start + bin), eight(gain, start + bin))
          UnsafeMutableRawPointer(line + bin).storeBytes(of: values, as: SIMD8<Float>.self)
        }
        if whole < bins {
          // The same arithmetic for the last few, on lanes of transmission 1 beyond them.
          var (count, offset, scale) = (
            SIMD8<Float>(repeating: 1), SIMD8<Float>.zero, SIMD8<Float>(repeating: 1)
          )
          for lane in 0..<bins - whole {
            count[lane] = counts[whole + lane]
            offset[lane] = dark[start + whole + lane]
            scale[lane] = gain[start + whole + lane]
          }
          let values = p(count, offset, scale)
          for lane in 0..<bins - whole { line[whole + lane] = values[lane] }
        }
        return Int(below.wrappedSum())
      }
    }
  }

  @inline(__always)
  private func eight(_ samples: UnsafeBufferPointer<Float>, _ start: Int) -> SIMD8<Float> {
    UnsafeRawBufferPointer(samples).loadUnaligned(fromByteOffset: 4 * start, as: SIMD8<Float>.self)
  }

  func fillDead(_ line: UnsafeMutablePointer<Float>, row: Int) {
    for (bin, left, right) in dead[row] {
      switch (left, right) {
      case (let left?, let right?):
        let weight = Float(bin - left) / Float(right - left)
        line[bin] = (1 - weight) * line[left] + weight * line[right]
      case (let one?, nil), (nil, let one?): line[bin] = line[one]
      case (nil, nil): break
      }
    }
  }
}

/// −ln x of normal, positive numbers, to 2 ulp of the larger of 1 and |ln x|, eight at a time.
///
/// x = 2ᵉ·m with m in [√½, √2), and ln m = 2 artanh s, s = (m − 1)/(m + 1), |s| ≤ 0.172: the series in s² is cut
/// at s⁸, an error of s¹⁰/11 < 3·10⁻⁹ of ln m.
@inline(__always)
private func negativeLogarithm(_ x: SIMD8<Float>) -> SIMD8<Float> {
  let bits = unsafeBitCast(x, to: SIMD8<Int32>.self)
  let exponent = (bits &- 0x3f35_04f3) &>> 23
  let m = unsafeBitCast(bits &- (exponent &<< 23), to: SIMD8<Float>.self)
  let s = (m - 1) / (m + 1)
  let z = s * s
  var series = SIMD8<Float>(repeating: 1 / 9)
  for coefficient: Float in [1 / 7, 1 / 5, 1 / 3, 1] { series = series * z + coefficient }
  // Small integers are the low bits of 1.5 · 2²³, whose unit is 1.
  let e = unsafeBitCast(exponent &+ 0x4b40_0000, to: SIMD8<Float>.self) - 0x1.8p23
  // ln 2 in two parts, the first exact in 16 bits, so that its product with the exponent is exact.
  let small: SIMD8<Float> = e * -2.12194440e-4 + 2 * s * series
  return -(e * 0.693359375 + small)
}
