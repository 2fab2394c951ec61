import CFFTW
import ComplexModule
import RealModule

/// A = Σ λₖ uₖ uₖᴴ of a Hermitian matrix, in double precision.
///
/// Householder reflections make it tridiagonal, a diagonal of phases makes that real, and implicit QL steps make it
/// diagonal. Always the same operations in the same order. Errors are some ulp of the largest |λ|.
///
/// Source: Golub, Van Loan, "Matrix Computations", 4th edition (2013), algorithms 8.3.1 and 8.3.3.
package struct HermitianEigen {
  package let order: Int
  /// λ, largest first.
  package let values: [Double]
  /// Real tridiagonal eigenvectors: row k belongs to `values[k]`.
  private let rotated: AlignedDoubles
  private let rows: [Int]
  private let pitch: Int
  private let phases: [Complex<Double>]
  private let reflections: AlignedDoubles
  private let factors: [Double]

  /// - Parameter matrix: n × n, row-major; the part above the diagonal is not read but taken from below.
  package init(_ matrix: [Complex<Double>], order n: Int) {
    precondition(matrix.count == n * n && n > 0, "\(matrix.count) elements are no \(n) × \(n) matrix")
    let instructions = gridding_instructions()
    let pitch = (n + 7) / 8 * 8
    let work = AlignedDoubles(2 * n * pitch + 4 * pitch)
    let (real, imaginary) = (work.start, work.start + n * pitch)
    for i in 0..<n {
      for j in 0...i {
        let value = matrix[i * n + j]
        real[i * pitch + j] = value.real
        imaginary[i * pitch + j] = i == j ? 0 : value.imaginary
        real[j * pitch + i] = value.real
        imaginary[j * pitch + i] = i == j ? 0 : -value.imaginary
      }
    }
    let reflections = AlignedDoubles(2 * n * pitch)
    var factors = [Double](repeating: 0, count: n)
    var phases = [Complex<Double>](repeating: .one, count: n)
    var diagonal = [Double](repeating: 0, count: n)
    var beside = [Double](repeating: 0, count: n)
    let (pr, pi) = (work.start + 2 * n * pitch, work.start + 2 * n * pitch + pitch)
    for k in 0..<n {
      diagonal[k] = real[k * pitch + k]
      guard k + 1 < n else { break }
      let m = n - k - 1
      let (vr, vi) = (reflections.start + 2 * k * pitch, reflections.start + (2 * k + 1) * pitch)
      // The column below the diagonal is the conjugate of the row beside it.
      var square = 0.0
      for j in 0..<m {
        vr[j] = real[k * pitch + k + 1 + j]
        vi[j] = -imaginary[k * pitch + k + 1 + j]
        square += vr[j] * vr[j] + vi[j] * vi[j]
      }
      let norm = square.squareRoot()
      let first = Complex(vr[0], vi[0])
      let size = first.length
      let phase: Complex<Double> = size > 0 ? first / Complex(size, 0) : .one
      beside[k] = norm
      guard norm > size else {
        phases[k + 1] = phases[k] * phase
        continue
      }
      // H x = −phase ‖x‖ e₀
      phases[k + 1] = phases[k] * -phase
      vr[0] += phase.real * norm
      vi[0] += phase.imaginary * norm
      let beta = 1 / (norm * (norm + size))
      factors[k] = beta
      let (ar, ai) = (real + (k + 1) * (pitch + 1), imaginary + (k + 1) * (pitch + 1))
      hermitian_multiply(instructions, ar, ai, pitch, m, vr, vi, pr, pi)
      var product = 0.0
      for j in 0..<m {
        pr[j] *= beta
        pi[j] *= beta
        product += vr[j] * pr[j] + vi[j] * pi[j]
      }
      let share = 0.5 * beta * product
      for j in 0..<m {
        pr[j] -= share * vr[j]
        pi[j] -= share * vi[j]
      }
      hermitian_update(instructions, ar, ai, pitch, m, vr, vi, pr, pi)
    }

    let rotated = AlignedDoubles(n * pitch)
    for i in 0..<n { rotated.start[i * pitch + i] = 1 }
    Self.diagonalise(&diagonal, &beside, rotated.start, pitch, instructions)
    let rows = (0..<n).sorted { (diagonal[$0], $1) > (diagonal[$1], $0) }
    order = n
    values = rows.map { diagonal[$0] }
    self.rows = rows
    self.rotated = rotated
    self.pitch = pitch
    self.phases = phases
    self.reflections = reflections
    self.factors = factors
  }

  /// Implicit QL steps with Wilkinson's shift on a real tridiagonal matrix; rotates the rows of `z` along.
  private static func diagonalise(
    _ d: inout [Double], _ e: inout [Double], _ z: UnsafeMutablePointer<Double>, _ pitch: Int,
    _ instructions: Int32
  ) {
    let n = d.count
    var scale = 0.0
    for i in 0..<n { scale = max(scale, abs(d[i]) + abs(e[i])) }
    let small = Double.ulpOfOne * scale
    for first in 0..<n {
      // Three steps for each are usual; a matrix of finite numbers never needs all of these.
      for _ in 0..<100 {
        var last = first
        while last + 1 < n, abs(e[last]) > small { last += 1 }
        if last == first { break }
        let slope = (d[first + 1] - d[first]) / (2 * e[first])
        let root = (slope * slope + 1).squareRoot()
        var g = d[last] - d[first] + e[first] / (slope + (slope < 0 ? -root : root))
        var (sine, cosine, shift) = (1.0, 1.0, 0.0)
        var i = last - 1
        while i >= first {
          let (f, b) = (sine * e[i], cosine * e[i])
          let radius = (f * f + g * g).squareRoot()
          e[i + 1] = radius
          if radius == 0 {
            d[i + 1] -= shift
            e[last] = 0
            break
          }
          sine = f / radius
          cosine = g / radius
          g = d[i + 1] - shift
          let r = (d[i] - g) * sine + 2 * cosine * b
          shift = sine * r
          d[i + 1] = g + shift
          g = cosine * r - b
          hermitian_rotate(instructions, z + i * pitch, z + (i + 1) * pitch, n, cosine, sine)
          i -= 1
        }
        if i >= first { continue }
        d[first] -= shift
        e[first] = g
        e[last] = 0
      }
    }
  }

  /// uₖ, of norm 1; k counts from the largest λ. Its phase is arbitrary.
  package func vector(_ k: Int) -> [Complex<Double>] {
    let z = rotated.start + rows[k] * pitch
    var u = (0..<order).map { phases[$0] * Complex(z[$0], 0) }
    for k in stride(from: order - 2, through: 0, by: -1) where factors[k] > 0 {
      let (vr, vi) = (reflections.start + 2 * k * pitch, reflections.start + (2 * k + 1) * pitch)
      var sum = Complex<Double>.zero
      for j in 0..<order - k - 1 { sum += Complex(vr[j], -vi[j]) * u[k + 1 + j] }
      sum = sum.multiplied(by: factors[k])
      for j in 0..<order - k - 1 { u[k + 1 + j] -= Complex(vr[j], vi[j]) * sum }
    }
    return u
  }
}

/// Memory for a matrix of double precision, zero at the start.
private final class AlignedDoubles {
  let start: UnsafeMutablePointer<Double>

  init(_ count: Int) {
    let raw = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * 8, alignment: 64)
    start = raw.initializeMemory(as: Double.self, repeating: 0, count: max(count, 1))
  }

  deinit { start.deallocate() }
}
