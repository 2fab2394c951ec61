/// Polynomials along the detector that are uncorrelated for noise of the variances of one view: see ``LongWaves``.
struct WaveTable {
  /// Numbers of one view, with zeros up to a whole number of vectors.
  struct Row {
    fileprivate var values: [Double]
    private let bins: Int

    init(bins: Int) {
      self.bins = bins
      values = [Double](repeating: 0, count: WaveTable.pitch(bins))
    }

    subscript(_ bin: Int) -> Double { values[bin] }

    mutating func fill(from samples: UnsafeBufferPointer<Float>, at place: Int) {
      values.withUnsafeMutableBufferPointer { values in
        for k in 0..<bins { values[k] = Double(samples[place + k]) }
      }
    }
  }

  private let degrees: Int
  private let pitch: Int
  /// [degree, bin], `pitch` numbers and then the next degree; zeros beyond the bins.
  private var values: [Double]

  subscript(_ degree: Int, _ bin: Int) -> Double { values[degree * pitch + bin] }

  private static func pitch(_ bins: Int) -> Int { (bins + 7) & ~7 }

  init(_ variance: [Float], degrees: Int) {
    let bins = variance.count
    self.degrees = degrees
    pitch = Self.pitch(bins)
    values = [Double](repeating: 0, count: degrees * pitch)
    var current = [Double](repeating: 1, count: bins)
    var previous = [Double](repeating: 0, count: bins)
    for degree in 0..<degrees {
      var square = 0.0
      for k in 0..<bins { square += current[k] * current[k] * Double(variance[k]) }
      guard square > 0 else { break }
      let norm = square.squareRoot()
      var alpha = 0.0
      for k in 0..<bins {
        current[k] /= norm
        values[degree * pitch + k] = current[k]
        alpha += Self.place(k, bins) * current[k] * current[k] * Double(variance[k])
      }
      // ⟨s Pᵢ, Pᵢ₋₁⟩ is how long Pᵢ was before it was scaled.
      let beta = degree > 0 ? norm : 0
      for k in 0..<bins {
        let next = (Self.place(k, bins) - alpha) * current[k] - beta * previous[k]
        previous[k] = current[k]
        current[k] = next
      }
    }
  }

  /// −1 … 1
  private static func place(_ k: Int, _ bins: Int) -> Double {
    bins > 1 ? 2 * Double(k) / Double(bins - 1) - 1 : 0
  }

  /// Σₖ Pᵢ[k] row[k] of the first degrees i.
  @inline(__always)
  func products(_ row: Row, first count: Int, _ take: (_ degree: Int, _ product: Double) -> Void) {
    values.withUnsafeBytes { table in
      row.values.withUnsafeBytes { row in
        // Four at a time: a sum alone waits for every addition.
        for degree in stride(from: 0, to: count, by: 4) {
          let last = count - 1
          let places = (
            8 * pitch * degree, 8 * pitch * min(degree + 1, last), 8 * pitch * min(degree + 2, last),
            8 * pitch * min(degree + 3, last)
          )
          var sums = (
            SIMD4<Double>.zero, SIMD4<Double>.zero, SIMD4<Double>.zero, SIMD4<Double>.zero
          )
          for k in stride(from: 0, to: 8 * pitch, by: 32) {
            let values = row.loadUnaligned(fromByteOffset: k, as: SIMD4<Double>.self)
            sums.0 += values * table.loadUnaligned(fromByteOffset: places.0 + k, as: SIMD4<Double>.self)
            sums.1 += values * table.loadUnaligned(fromByteOffset: places.1 + k, as: SIMD4<Double>.self)
            sums.2 += values * table.loadUnaligned(fromByteOffset: places.2 + k, as: SIMD4<Double>.self)
            sums.3 += values * table.loadUnaligned(fromByteOffset: places.3 + k, as: SIMD4<Double>.self)
          }
          take(degree, sums.0.sum())
          if degree + 1 < count { take(degree + 1, sums.1.sum()) }
          if degree + 2 < count { take(degree + 2, sums.2.sum()) }
          if degree + 3 < count { take(degree + 3, sums.3.sum()) }
        }
      }
    }
  }

  /// row[k] ← Σᵢ c[i] Pᵢ[k] over the first degrees.
  func sums(of coefficients: [Double], first count: Int, into row: inout Row) {
    values.withUnsafeBytes { table in
      row.values.withUnsafeMutableBytes { row in
        coefficients.withUnsafeBufferPointer { coefficients in
          for k in stride(from: 0, to: 8 * pitch, by: 64) {
            var sum = SIMD8<Double>.zero
            for degree in 0..<count {
              sum +=
                coefficients[degree]
                * table.loadUnaligned(fromByteOffset: 8 * pitch * degree + k, as: SIMD8<Double>.self)
            }
            row.storeBytes(of: sum, toByteOffset: k, as: SIMD8<Double>.self)
          }
        }
      }
    }
  }
}
