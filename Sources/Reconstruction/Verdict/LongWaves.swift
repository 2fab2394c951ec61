import Fields
import Operators
import RealModule

/// The slow waves of a residual along the detector, divided into what an image can explain and what none can.
///
/// In every view, polynomials that are uncorrelated for noise of variance v,
///
///     Σₖ Pᵢ(sₖ) Pⱼ(sₖ) vₖ = δᵢⱼ,   deg Pᵢ = i < D,   cᵢ(θ) = Σₖ Pᵢ(sₖ) rₖ(θ)
///
/// so that the coefficients c of pure noise are independent and standard normal. For projections of an image, the moment
/// of the Chebyshev polynomial Uᵢ(s) is a trigonometric polynomial in θ of degree i and of i's parity (Helgason, Ludwig).
/// These D (D + 1) / 2 patterns span what an image can explain; the rest of c belongs to the data and the geometry alone
/// and is the same for every image.
///
/// Sources: Helgason, Acta Math. 113 (1965), DOI 10.1007/BF02391776; Ludwig, Comm. Pure Appl. Math. 19 (1966), DOI
/// 10.1002/cpa.3160190207; Gautschi, "Orthogonal Polynomials" (2004), section 2.2 (three-term recurrence).
struct LongWaves {
  let degrees: Int
  let views: Int
  /// How many of the degrees · views coefficients an image can explain.
  let explained: Int
  /// How many independent coefficients without explanation lie in the lower and in the upper half of the degrees.
  let freedomByHalf: [Double]
  private let bins: Int
  /// Of every view, or once where all views have the same variances.
  private var tables: [WaveTable] = []
  /// Orthonormal patterns, each [view, degree].
  private var patterns: [[Double]] = []

  static func degrees(_ beam: ParallelBeam) -> Int {
    let views = beam.angles.count
    let most = views <= 180 ? 16 : views <= 360 ? 12 : 8
    return max(1, min(most, views / 3, beam.bins / 8))
  }

  /// - Parameter consistent: false where the moments have no conditions: then nothing counts as explained.
  init(_ beam: ParallelBeam, variance: Sinogram, consistent: Bool) {
    degrees = Self.degrees(beam)
    bins = beam.bins
    views = beam.angles.count
    let bins = bins
    let areAlike = (0..<views).allSatisfy {
      variance.samples[$0 * bins..<($0 + 1) * bins] == variance.samples[..<bins]
    }
    for view in 0..<(areAlike ? min(1, views) : views) {
      tables.append(
        WaveTable(Array(variance.samples[view * bins..<(view + 1) * bins]), degrees: degrees))
    }
    guard consistent else {
      explained = 0
      freedomByHalf = Self.freedomByHalf(views: views, degrees: degrees, patterns: [])
      return
    }

    // Uⱼ = Σᵢ H[j][i] Pᵢ with H lower triangular; its inverse takes moments of U to those of P.
    let reach = max(beam.axis, Double(bins - 1) - beam.axis) + 1
    let chebyshev = Self.chebyshev(degrees: degrees, bins: bins, axis: beam.axis, reach: reach)
    var inverses: [[Double]] = []
    for (view, table) in tables.enumerated() {
      var h = [Double](repeating: 0, count: degrees * degrees)
      for j in 0..<degrees {
        for i in 0...j {
          var sum = 0.0
          for k in 0..<bins {
            sum += chebyshev[j * bins + k] * table[i, k] * Double(variance.samples[view * bins + k])
          }
          h[j * degrees + i] = sum
        }
      }
      inverses.append(Self.inverse(ofLowerTriangular: h, degrees))
    }

    for j in 0..<degrees {
      for harmonic in stride(from: j % 2, through: j, by: 2) {
        for isSine in harmonic == 0 ? [false] : [false, true] {
          var pattern = [Double](repeating: 0, count: views * degrees)
          for (view, angle) in beam.angles.enumerated() {
            let turn = Double(harmonic) * angle.radians
            let value = isSine ? Double.sin(turn) : Double.cos(turn)
            let inverse = inverses[inverses.count == 1 ? 0 : view]
            for i in j..<degrees { pattern[view * degrees + i] = value * inverse[i * degrees + j] }
          }
          // Twice, because once leaves what rounding makes of nearly dependent patterns.
          let before = Self.norm(pattern)
          for _ in 0..<2 { for other in patterns { Self.remove(other, from: &pattern) } }
          let after = Self.norm(pattern)
          guard after > 1e-6 * before else { continue }
          for i in pattern.indices { pattern[i] /= after }
          patterns.append(pattern)
        }
      }
    }
    explained = patterns.count
    freedomByHalf = Self.freedomByHalf(views: views, degrees: degrees, patterns: patterns)
  }

  /// The coefficients [view, degree] that no image explains, and the squared length of those that one does.
  func split(_ residual: Sinogram) -> (unexplained: [Double], explainedSquare: Double) {
    var coefficients = [Double](repeating: 0, count: views * degrees)
    residual.samples.withUnsafeBufferPointer { samples in
      coefficients.withUnsafeMutableBufferPointer { coefficients in
        forEachView { view, table, row in
          row.fill(from: samples, at: view * bins)
          table.products(row, first: degrees) { coefficients[view * degrees + $0] = $1 }
        }
      }
    }
    var square = 0.0
    for pattern in patterns {
      let value = Self.remove(pattern, from: &coefficients)
      square += value * value
    }
    return (coefficients, square)
  }

  /// The residual without its slowest waves: those that are longer than some forty bins.
  func removingSlowest(_ residual: Sinogram, variance: Sinogram) -> Sinogram {
    var result = residual
    let slowest = min(degrees, max(1, bins / 40))
    var coefficients = [Double](repeating: 0, count: degrees)
    result.samples.withUnsafeMutableBufferPointer { samples in
      variance.samples.withUnsafeBufferPointer { variance in
        forEachView { view, table, row in
          row.fill(from: UnsafeBufferPointer(samples), at: view * bins)
          table.products(row, first: slowest) { coefficients[$0] = $1 }
          table.sums(of: coefficients, first: slowest, into: &row)
          for k in 0..<bins {
            samples[view * bins + k] -= Float(row[k] * Double(variance[view * bins + k]))
          }
        }
      }
    }
    return result
  }

  private func forEachView(_ body: (_ view: Int, _ table: WaveTable, _ row: inout WaveTable.Row) -> Void) {
    var row = WaveTable.Row(bins: bins)
    for view in 0..<views { body(view, tables[tables.count == 1 ? 0 : view], &row) }
  }

  private static func freedomByHalf(views: Int, degrees: Int, patterns: [[Double]]) -> [Double] {
    var result = [0.0, 0.0]
    for degree in 0..<degrees { result[2 * degree < degrees ? 0 : 1] += Double(views) }
    for pattern in patterns {
      for (i, value) in pattern.enumerated() { result[2 * (i % degrees) < degrees ? 0 : 1] -= value * value }
    }
    return result
  }

  @discardableResult
  private static func remove(_ pattern: [Double], from vector: inout [Double]) -> Double {
    var sum = 0.0
    pattern.withUnsafeBufferPointer { pattern in
      vector.withUnsafeMutableBufferPointer { vector in
        // Eight sums: a single one waits for every addition.
        var sums = SIMD8<Double>.zero
        let whole = vector.count & ~7
        for i in stride(from: 0, to: whole, by: 8) {
          sums +=
            UnsafeRawBufferPointer(pattern).loadUnaligned(fromByteOffset: 8 * i, as: SIMD8<Double>.self)
            * UnsafeRawBufferPointer(vector).loadUnaligned(fromByteOffset: 8 * i, as: SIMD8<Double>.self)
        }
        sum = sums.sum()
        for i in whole..<vector.count { sum += pattern[i] * vector[i] }
        for i in 0..<vector.count { vector[i] -= sum * pattern[i] }
      }
    }
    return sum
  }

  private static func norm(_ vector: [Double]) -> Double {
    vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
  }

  /// Uⱼ of the distance from the axis, [degree, bin].
  private static func chebyshev(degrees: Int, bins: Int, axis: Double, reach: Double) -> [Double] {
    var table = [Double](repeating: 0, count: degrees * bins)
    for k in 0..<bins {
      let s = (Double(k) - axis) / reach
      var (previous, current) = (0.0, 1.0)
      for j in 0..<degrees {
        table[j * bins + k] = current
        (previous, current) = (current, 2 * s * current - previous)
      }
    }
    return table
  }

  private static func inverse(ofLowerTriangular h: [Double], _ n: Int) -> [Double] {
    var result = [Double](repeating: 0, count: n * n)
    for column in 0..<n {
      for row in column..<n {
        var sum = row == column ? 1.0 : 0
        for k in column..<row { sum -= h[row * n + k] * result[k * n + column] }
        result[row * n + column] = h[row * n + row] != 0 ? sum / h[row * n + row] : 0
      }
    }
    return result
  }
}
