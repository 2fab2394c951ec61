import ComplexModule
import Fields
import Operators

/// An orthonormal wavelet transform of complex images of two dimensions: W Wᴴ = WᴴW = 1.
///
/// Every level turns the smooth part, at the top left, into a smooth quarter and three quarters of details, periodic at the
/// edges. The last sample of an odd extent is smooth without a partner, so that images of any size are transformed.
///
/// Source: Daubechies, "Orthonormal bases of compactly supported wavelets", Comm. Pure Appl. Math. 41 (1988),
/// DOI 10.1002/cpa.3160410705, table 1; Mallat, IEEE Trans. Pattern Anal. Mach. Intell. 11 (1989),
/// DOI 10.1109/34.192463.
public struct Wavelet: Hashable, Sendable {
  public enum Family: String, Hashable, Sendable, CaseIterable {
    /// Two coefficients.
    case haar
    /// Four coefficients, two vanishing moments.
    case daubechies4
  }

  public let family: Family
  /// `[rows, columns]`
  public let shape: Shape
  public let levels: Int
  public let threads: Int
  /// Of the smooth part that is left, at the top left.
  public var smoothShape: Shape { Shape(extents[levels]) }

  private let filter: [Float]
  /// Of the smooth part at every level, from the image on.
  private let extents: [[Int]]

  /// - Parameters:
  ///   - levels: as many as leave 16 samples along each axis, at most 5, when nil.
  /// - Throws: ``ReconstructionError`` for an empty image or more levels than the image has.
  public init(
    _ family: Family = .daubechies4, shape: Shape, levels: Int? = nil, threads: Int? = nil
  ) throws(ReconstructionError) {
    guard shape.rank == 2, shape.count > 0 else {
      throw .outOfRange("the shape of a wavelet transform", found: "\(shape)", expected: "rows × columns")
    }
    switch family {
    case .haar:
      filter = [1, 1].map { Float($0 / 2.0.squareRoot()) }
    case .daubechies4:
      let root = 3.0.squareRoot()
      filter = [1 + root, 3 + root, 3 - root, 1 - root].map { Float($0 / (4 * 2.0.squareRoot())) }
    }
    var extents = [shape.extents]
    // A part shorter than the filter would wrap more than once.
    func canSplit(_ extents: [Int], leaving least: Int) -> Bool { extents.allSatisfy { $0 >= 2 * least } }
    while extents.count <= levels ?? 5, canSplit(extents[extents.count - 1], leaving: levels == nil ? 16 : 2)
    {
      extents.append(extents[extents.count - 1].map { ($0 + 1) / 2 })
    }
    if let levels, levels < 0 || extents.count - 1 < levels {
      throw .outOfRange(
        "the levels of a wavelet transform", found: "\(levels)", expected: "0 … \(extents.count - 1)")
    }
    self.family = family
    self.shape = shape
    self.extents = extents
    self.levels = extents.count - 1
    self.threads = max(1, threads ?? processorCount)
  }

  /// c ← W x. `scratch` has the same shape.
  public func apply(_ x: inout ComplexImage, scratch: inout ComplexImage) {
    transform(&x, &scratch, inverse: false)
  }

  /// x ← Wᴴ c, the inverse.
  public func applyInverse(_ c: inout ComplexImage, scratch: inout ComplexImage) {
    transform(&c, &scratch, inverse: true)
  }

  private func transform(_ image: inout ComplexImage, _ scratch: inout ComplexImage, inverse: Bool) {
    precondition(image.shape == shape && scratch.shape == shape, "images are not of \(shape)")
    let pitch = shape[1]
    image.samples.withUnsafeMutableBytes { image in
      scratch.samples.withUnsafeMutableBytes { scratch in
        guard let image = image.baseAddress?.assumingMemoryBound(to: Float.self),
          let scratch = scratch.baseAddress?.assumingMemoryBound(to: Float.self)
        else { return }
        for level in 0..<levels {
          let (rows, columns) = inverse ? part(levels - 1 - level) : part(level)
          let bands = (rows + 15) / 16
          if inverse {
            merge(image, scratch, rows, columns, pitch)
            parallel(tiles: bands, threads: threads) { band, _ in
              for row in 16 * band..<min(rows, 16 * band + 16) {
                mergeRow(scratch + 2 * pitch * row, image + 2 * pitch * row, columns)
              }
            }
          } else {
            parallel(tiles: bands, threads: threads) { band, _ in
              for row in 16 * band..<min(rows, 16 * band + 16) {
                splitRow(image + 2 * pitch * row, scratch + 2 * pitch * row, columns)
              }
            }
            split(scratch, image, rows, columns, pitch)
          }
        }
      }
    }
  }

  private func part(_ level: Int) -> (rows: Int, columns: Int) { (extents[level][0], extents[level][1]) }

  /// Across a row: smooth samples first, then details.
  private func splitRow(_ x: UnsafePointer<Float>, _ out: UnsafeMutablePointer<Float>, _ count: Int) {
    let (even, smooth, taps) = (count & ~1, (count + 1) / 2, filter.count)
    filter.withUnsafeBufferPointer { h in
      for i in 0..<even / 2 {
        var (ar, ai, dr, di): (Float, Float, Float, Float) = (0, 0, 0, 0)
        for k in 0..<taps {
          var j = 2 * i + k
          if j >= even { j -= even }
          // The other filter is the same backwards with alternating signs.
          let g = k & 1 == 0 ? h[taps - 1 - k] : -h[taps - 1 - k]
          ar += h[k] * x[2 * j]
          ai += h[k] * x[2 * j + 1]
          dr += g * x[2 * j]
          di += g * x[2 * j + 1]
        }
        out[2 * i] = ar
        out[2 * i + 1] = ai
        out[2 * (smooth + i)] = dr
        out[2 * (smooth + i) + 1] = di
      }
    }
    if count > even {
      out[2 * (smooth - 1)] = x[2 * even]
      out[2 * (smooth - 1) + 1] = x[2 * even + 1]
    }
  }

  private func mergeRow(_ c: UnsafePointer<Float>, _ out: UnsafeMutablePointer<Float>, _ count: Int) {
    let (even, smooth, taps) = (count & ~1, (count + 1) / 2, filter.count)
    filter.withUnsafeBufferPointer { h in
      for j in 0..<even {
        var (re, im): (Float, Float) = (0, 0)
        var k = j & 1
        while k < taps {
          var start = j - k
          if start < 0 { start += even }
          let i = start / 2
          let g = k & 1 == 0 ? h[taps - 1 - k] : -h[taps - 1 - k]
          re += h[k] * c[2 * i] + g * c[2 * (smooth + i)]
          im += h[k] * c[2 * i + 1] + g * c[2 * (smooth + i) + 1]
          k += 2
        }
        out[2 * j] = re
        out[2 * j + 1] = im
      }
    }
    if count > even {
      out[2 * even] = c[2 * (smooth - 1)]
      out[2 * even + 1] = c[2 * (smooth - 1) + 1]
    }
  }

  /// Down the columns, whole rows at a time.
  private func split(
    _ x: UnsafePointer<Float>, _ out: UnsafeMutablePointer<Float>, _ rows: Int, _ columns: Int, _ pitch: Int
  ) {
    let (even, smooth, taps) = (rows & ~1, (rows + 1) / 2, filter.count)
    parallel(tiles: (even / 2 + 7) / 8, threads: threads) { tile, _ in
      filter.withUnsafeBufferPointer { h in
        for i in 8 * tile..<min(even / 2, 8 * tile + 8) {
          let (low, high) = (out + 2 * pitch * i, out + 2 * pitch * (smooth + i))
          low.update(repeating: 0, count: 2 * columns)
          high.update(repeating: 0, count: 2 * columns)
          for k in 0..<taps {
            let row = x + 2 * pitch * ((2 * i + k) % even)
            let (a, g) = (h[k], k & 1 == 0 ? h[taps - 1 - k] : -h[taps - 1 - k])
            for j in 0..<2 * columns {
              low[j] += a * row[j]
              high[j] += g * row[j]
            }
          }
        }
      }
    }
    if rows > even {
      (out + 2 * pitch * (smooth - 1)).update(from: x + 2 * pitch * even, count: 2 * columns)
    }
  }

  private func merge(
    _ c: UnsafePointer<Float>, _ out: UnsafeMutablePointer<Float>, _ rows: Int, _ columns: Int, _ pitch: Int
  ) {
    let (even, smooth, taps) = (rows & ~1, (rows + 1) / 2, filter.count)
    parallel(tiles: (even + 15) / 16, threads: threads) { tile, _ in
      filter.withUnsafeBufferPointer { h in
        for r in 16 * tile..<min(even, 16 * tile + 16) {
          let row = out + 2 * pitch * r
          row.update(repeating: 0, count: 2 * columns)
          for k in stride(from: r & 1, to: taps, by: 2) {
            let i = (r - k + even) % even / 2
            let (low, high) = (c + 2 * pitch * i, c + 2 * pitch * (smooth + i))
            let (a, g) = (h[k], k & 1 == 0 ? h[taps - 1 - k] : -h[taps - 1 - k])
            for j in 0..<2 * columns { row[j] += a * low[j] + g * high[j] }
          }
        }
      }
    }
    if rows > even {
      (out + 2 * pitch * even).update(from: c + 2 * pitch * (smooth - 1), count: 2 * columns)
    }
  }

  /// Moves every detail towards 0 by `amount`, complex numbers along their direction; leaves the smooth part. Returns
  /// Σ |detail| of what is left.
  func shrinkDetails(of c: inout ComplexImage, by amount: Float) -> Double {
    let (rows, columns) = (shape[0], shape[1])
    let (smoothRows, smoothColumns) = (extents[levels][0], extents[levels][1])
    var sums = [Double](repeating: 0, count: rows)
    c.samples.withUnsafeMutableBufferPointer { c in
      sums.withUnsafeMutableBufferPointer { sums in
        parallel(tiles: rows, threads: threads) { row, _ in
          var sum = 0.0
          for column in (row < smoothRows ? smoothColumns : 0)..<columns {
            let value = c[row * columns + column]
            let length = (value.real * value.real + value.imaginary * value.imaginary).squareRoot()
            let factor = length > amount ? 1 - amount / length : 0
            c[row * columns + column] = Complex(value.real * factor, value.imaginary * factor)
            sum += Double(length * factor)
          }
          sums[row] = sum
        }
      }
    }
    return sums.reduce(0, +)
  }
}
