import CFFTW
import RealModule

/// The spreading kernel of a non-uniform FFT, on `width` grid points:
///
///     ψ(u) = exp(β (√(1 − z²) − 1)),  z = 2u / width,  |z| ≤ 1
///
/// Its error is what the Fourier sum of white noise loses by it: root mean square over the pixels and the positions
/// between two grid points, relative to the sum. Pixels at the edge lose most. β is chosen to make the error least.
///
/// Source: Barnett, Magland, af Klinteberg, "A parallel nonuniform fast Fourier transform library based on an
/// 'exponential of semicircle' kernel", SIAM J. Sci. Comput. 41 (2019), DOI 10.1137/18M120885X, eq. (1.8).
package struct ExponentialOfSemicircle: Sendable {
  package static let widths = 2...Int(GRIDDING_MAXIMUM_WIDTH)

  package let width: Int
  package let beta: Double
  /// Relative error of a Fourier sum on a grid of the given up-sampling.
  package let error: Double
  /// By how much rounding errors between correction and interpolation grow, per axis, for white noise.
  package let roundingGain: Double
  /// Polynomial coefficients of every neighbour's weight, constants first, 16 to a row, each twice.
  package let along: [Float]
  /// The same, 8 to a row.
  package let across: [Float]

  /// The narrowest kernel of the stated accuracy; nil when none of ``widths`` reaches it.
  ///
  /// - Parameter upsampling: grid points per image sample, above 1.
  package init?(accuracy: Double, upsampling: Double) {
    for width in Self.widths {
      // What the best kernel could reach; widths far from the accuracy are not worth the search.
      let limit = Double.exp(-.pi * Double(width) * (1 - 1 / upsampling).squareRoot())
      guard limit <= 2 * accuracy else { continue }
      self.init(width: width, upsampling: upsampling)
      if error <= accuracy { return }
    }
    return nil
  }

  /// The best kernel of a width.
  package init(width: Int, upsampling: Double) {
    let (beta, error) = Self.bestShape(width: width, upsampling: upsampling)
    self.width = width
    self.beta = beta
    self.error = error
    let points = 64
    let (half, step) = (Double(width) / 2, Double(width) / Double(points))
    let energy = (0..<points).reduce(0) { sum, k in
      let value = Self.value(((Double(k) + 0.5) * step - half) / half, beta: beta)
      return sum + value * value * step
    }
    let corrections = (0..<points).reduce(0) { sum, k in
      let xi = 0.5 / upsampling * (Double(k) + 0.5) / Double(points)
      let value = 1 / Self.transform(xi, width: width, beta: beta)
      return sum + value * value / Double(points)
    }
    roundingGain = (energy * corrections).squareRoot()
    let terms = Int(gridding_terms(Int32(width)))
    var along = [Float](repeating: 0, count: 16 * terms)
    var across = [Float](repeating: 0, count: 8 * terms)
    for neighbour in 0..<width {
      let coefficients = Self.fit(terms: terms) { t in
        Self.value(2 * ((t + 1) / 2 + Double(neighbour)) / Double(width) - 1, beta: beta)
      }
      for (term, coefficient) in coefficients.enumerated() {
        across[8 * term + neighbour] = Float(coefficient)
        along[16 * term + 2 * neighbour] = Float(coefficient)
        along[16 * term + 2 * neighbour + 1] = Float(coefficient)
      }
    }
    self.along = along
    self.across = across
  }

  /// ψ at a distance of `u` grid points.
  package func callAsFunction(_ u: Double) -> Double { Self.value(2 * u / Double(width), beta: beta) }

  /// ∫ ψ(u) cos(2π ξ u) du: what interpolation multiplies image sample j of n grid points by, ξ = j / n.
  package func transform(_ xi: Double) -> Double { Self.transform(xi, width: width, beta: beta) }

  private static func value(_ z: Double, beta: Double) -> Double {
    let square = 1 - z * z
    return square < 0 ? 0 : .exp(beta * (square.squareRoot() - 1))
  }

  /// With z = sin α the integrand is smooth, so the trapezoidal rule needs few points.
  private static func transform(_ xi: Double, width: Int, beta: Double) -> Double {
    let points = 96
    let half = Double(width) / 2
    var sum = 0.0
    for k in 0..<points {
      let alpha = (Double(k) + 0.5) / Double(points) * .pi / 2
      sum += Double.exp(beta * (.cos(alpha) - 1)) * .cos(alpha) * .cos(2 * .pi * xi * half * .sin(alpha))
    }
    return 2 * half * sum * (.pi / 2) / Double(points)
  }

  /// Root mean square error of interpolating exp(−2πi ξu), over the positions u and the ξ of the image.
  private static func aliasing(
    width: Int, beta: Double, upsampling: Double, frequencies: Int, positions: Int = 8
  ) -> Double {
    var total = 0.0
    for frequency in 0...frequencies {
      let xi = 0.5 / upsampling * Double(frequency) / Double(frequencies)
      let scale = 1 / transform(xi, width: width, beta: beta)
      var power = 0.0
      for position in 0..<positions {
        let first = (Double(position) + 0.5) / Double(positions) - Double(width) / 2
        var (real, imaginary) = (0.0, 0.0)
        for neighbour in 0..<width {
          let u = first + Double(neighbour)
          let weight = scale * value(2 * u / Double(width), beta: beta)
          real += weight * .cos(2 * .pi * xi * u)
          imaginary += weight * .sin(2 * .pi * xi * u)
        }
        power += (real - 1) * (real - 1) + imaginary * imaginary
      }
      // The trapezoidal rule: both ends are the edges of the image.
      let share = frequency == 0 || frequency == frequencies ? 0.5 : 1
      total += share * power / Double(positions * frequencies)
    }
    return total.squareRoot()
  }

  private static func bestShape(width: Int, upsampling: Double) -> (beta: Double, error: Double) {
    let first = Double.pi * Double(width) * (1 - 0.5 / upsampling)
    var best = (beta: first, error: Double.infinity)
    for step in 0...10 {
      let beta = first * (0.9 + 0.01 * Double(step))
      let error = aliasing(
        width: width, beta: beta, upsampling: upsampling, frequencies: 8)
      if error < best.error { best = (beta, error) }
    }
    best.error = aliasing(
      width: width, beta: best.beta, upsampling: upsampling, frequencies: 40, positions: 16)
    return best
  }

  /// Coefficients of the polynomial through `function` at the Chebyshev points of [−1, 1], constants first.
  private static func fit(terms: Int, _ function: (Double) -> Double) -> [Double] {
    let values = (0..<terms).map { function(.cos(.pi * (Double($0) + 0.5) / Double(terms))) }
    var result = [Double](repeating: 0, count: terms)
    var previous = [Double](repeating: 0, count: terms)
    var current = previous
    current[0] = 1
    for order in 0..<terms {
      var weight = 0.0
      for (k, value) in values.enumerated() {
        weight += value * .cos(.pi * Double(order) * (Double(k) + 0.5) / Double(terms))
      }
      weight *= (order == 0 ? 1 : 2) / Double(terms)
      for i in 0..<terms { result[i] += weight * current[i] }
      // T(n+1) = 2 t T(n) − T(n−1), and T(1) = t.
      var next = [Double](repeating: 0, count: terms)
      for i in 1..<terms { next[i] = (order == 0 ? 1 : 2) * current[i - 1] }
      for i in 0..<terms where order > 0 { next[i] -= previous[i] }
      (previous, current) = (current, next)
    }
    return result
  }
}
