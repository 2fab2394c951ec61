import ComplexModule
import Fields
import RealModule

/// Complex noise of an array of coils: normal, independent from sample to sample, correlated between coils.
///
///     E[n nᴴ] = 2 Ψ,   E[n nᵀ] = 0
///
/// Ψ is the covariance of the real parts and of the imaginary parts, so that a coil of variance Ψ = σ² has noise of
/// standard deviation σ in each. After whitening Ψ is the identity.
///
/// Source: Roemer et al., "The NMR phased array", MRM 16 (1990), DOI 10.1002/mrm.1910160203; whitening as in Pruessmann
/// et al., MRM 46 (2001), DOI 10.1002/mrm.1241.
public struct CoilNoise: Hashable, Sendable, CustomStringConvertible {
  public let coils: Int
  /// Ψ, coils × coils, row-major.
  public let covariance: [Complex<Double>]
  /// L with L Lᴴ = Ψ, lower triangular, row-major.
  private let factor: [Complex<Double>]

  public var description: String { "complex Gaussian noise of \(coils) coils" }

  /// - Parameter covariance: Ψ, coils × coils, row-major; Hermitian and positive definite.
  /// - Throws: ``OperatorError/outOfRange(_:found:expected:)`` when it is not.
  public init(covariance: [Complex<Double>], coils: Int) throws(OperatorError) {
    guard coils > 0, covariance.count == coils * coils else {
      throw .outOfRange(
        "the number of elements of a noise covariance", found: "\(covariance.count)",
        expected: "\(coils) × \(coils), with 1 coil or more")
    }
    let largest = (0..<coils).map { covariance[$0 * coils + $0].real }.max() ?? 0
    for a in 0..<coils {
      for b in 0...a {
        let (value, mirror) = (covariance[a * coils + b], covariance[b * coils + a])
        guard value.isFinite, (value - mirror.conjugate).length <= 1e-6 * largest else {
          throw .outOfRange(
            "element (\(a + 1), \(b + 1)) of the noise covariance", found: "\(value)",
            expected: "the conjugate of element (\(b + 1), \(a + 1)), \(mirror)")
        }
      }
    }
    var L = [Complex<Double>](repeating: .zero, count: coils * coils)
    for a in 0..<coils {
      for b in 0...a {
        var sum = covariance[a * coils + b]
        for k in 0..<b { sum -= L[a * coils + k] * L[b * coils + k].conjugate }
        if a == b {
          guard sum.real > 1e-12 * largest else {
            throw .outOfRange(
              "the noise of coil \(a + 1) that no coil before shares",
              found: "a variance of \(sum.real)", expected: "above 0; take more noise samples than coils")
          }
          L[a * coils + a] = Complex(sum.real.squareRoot(), 0)
        } else {
          L[a * coils + b] = sum.divided(by: L[b * coils + b].real)
        }
      }
    }
    self.coils = coils
    self.covariance = covariance
    factor = L
  }

  /// The same σ for every coil, without correlation.
  public init(sigma: Double, coils: Int) throws(OperatorError) {
    guard sigma > 0, sigma.isFinite, coils > 0 else {
      throw .outOfRange(
        "the noise of coils", found: "σ = \(sigma) for \(coils) coils", expected: "positive numbers")
    }
    var covariance = [Complex<Double>](repeating: .zero, count: coils * coils)
    for coil in 0..<coils { covariance[coil * coils + coil] = Complex(sigma * sigma, 0) }
    try self.init(covariance: covariance, coils: coils)
  }

  /// The covariance of a scan of nothing but noise, `[coils, …]`.
  ///
  /// - Throws: ``OperatorError`` when there are not more samples than coils or a value is no number.
  public init(scan: KSpace) throws(OperatorError) {
    let (products, coils, samples) = try coilProducts(scan, what: "the noise scan")
    guard samples > coils else {
      throw .outOfRange(
        "the number of samples of the noise scan", found: "\(samples) per coil",
        expected: "more than the \(coils) coils, better a thousand")
    }
    try self.init(covariance: products.map { $0.divided(by: 2 * Double(samples)) }, coils: coils)
  }

  /// L⁻¹, which makes the noise white: y′ = L⁻¹ y has Ψ = 1. Maps of coil images are whitened by the same matrix.
  public var whitening: CoilMatrix {
    var inverse = [Complex<Double>](repeating: .zero, count: coils * coils)
    for column in 0..<coils {
      for row in column..<coils {
        var sum: Complex<Double> = row == column ? .one : .zero
        for k in column..<row { sum -= factor[row * coils + k] * inverse[k * coils + column] }
        inverse[row * coils + column] = sum.divided(by: factor[row * coils + row].real)
      }
    }
    return CoilMatrix(rows: coils, columns: coils, elements: inverse)
  }

  /// Adds noise to noise-free samples, `[coils, …]`, at those that a mask takes where one is given.
  ///
  /// - Throws: ``OperatorError/outOfRange(_:found:expected:)`` for another number of coils or another mask.
  public func add(
    to kSpace: inout KSpace, mask: SamplingMask? = nil, using generator: inout SplitMix64
  ) throws(OperatorError) {
    let extents = kSpace.shape.extents
    guard extents.count > 1, extents[0] == coils else {
      throw .outOfRange("the number of coils", found: "\(extents.first ?? 0)", expected: "\(coils)")
    }
    let count = kSpace.shape.count / coils
    if let mask, mask.samples.count != count {
      throw .outOfRange(
        "the shape of the sampling mask", found: "\(mask.shape)", expected: "\(count) samples per coil")
    }
    var white = [Complex<Double>](repeating: .zero, count: coils)
    for sample in 0..<count {
      for coil in 0..<coils {
        let pair = generator.normalPair()
        white[coil] = Complex(pair.0, pair.1)
      }
      if let mask, !mask.samples[sample] { continue }
      for coil in 0..<coils {
        var sum = Complex<Double>.zero
        for k in 0...coil { sum += factor[coil * coils + k] * white[k] }
        kSpace.samples[coil * count + sample] += Complex(Float(sum.real), Float(sum.imaginary))
      }
    }
  }

  /// What ‖A x − y‖² is on average for the true x: 2 tr Ψ for every sample of an array, 2 · coils of a whitened one.
  ///
  /// - Parameter samples: taken by each coil.
  public func expectedSquare(samples: Int) -> Double {
    2 * Double(samples) * (0..<coils).reduce(0) { $0 + covariance[$1 * coils + $1].real }
  }
}
