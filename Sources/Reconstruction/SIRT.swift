import Fields
import Operators

/// The simultaneous iterative reconstruction technique, SIRT.
///
///     x ← max(x + ω D⁻¹ Aᴴ R (y − A x), lowerBound),   R = 1 / (A 1),   D = Aᴴ 1
///
/// Approaches the least squares of (A x − y)ᴴ R (A x − y), coarse structure first and fine structure slowly, so that the
/// number of steps is the regularisation. With the variance of the rays known it stops by the discrepancy principle, at
/// the first solution with Σ (A x − y)² / variance ≤ τ² n.
///
/// Source: Gilbert, J. Theor. Biol. 36 (1972), DOI 10.1016/0022-5193(72)90180-4; with these weights, Gregor, Benson,
/// IEEE Trans. Med. Imaging 27 (2008), DOI 10.1109/TMI.2008.923696.
public struct SIRT<Operator: LinearOperator>: IterativeMethod
where Operator.Domain == ImageSpace, Operator.Codomain == SinogramSpace {
  public private(set) var solution: Image
  /// Σ (A x − y)² / variance; without a variance, Σ (A x − y)².
  public private(set) var residualSquare: Double
  /// ‖change of the solution in a step‖ / ‖solution‖
  public private(set) var relativeChange = Double.infinity

  private let correction: SimultaneousCorrection<Operator>
  private let measured: MeasuredRays
  private let firstResidual: Double
  private let relaxation: Double
  private let lowerBound: Float?
  private var previous: Image
  private var back: Image
  /// A x, then R (y − A x).
  private var rays: Sinogram

  /// - Parameters:
  ///   - variance: of every ray; see ``NoiseModel/variance(of:)``. Without it the method stops only when it no longer moves.
  ///   - tau: safety factor of the discrepancy principle, 1 or a little more.
  ///   - relaxation: ω, above 0 and below 2.
  ///   - lowerBound: the smallest value of a solution, in the unit of the image.
  /// - Throws: ``ReconstructionError`` for shapes, samples or numbers that cannot be.
  public init(
    _ A: Operator, measurement y: Sinogram, start: Image? = nil, variance: Sinogram? = nil, tau: Double = 1,
    relaxation: Double = 1, lowerBound: Float? = nil
  ) throws(ReconstructionError) {
    try self.init(
      SimultaneousCorrection(A), measurement: y, start: start, variance: variance, tau: tau,
      relaxation: relaxation, lowerBound: lowerBound)
  }

  init(
    _ correction: SimultaneousCorrection<Operator>, measurement y: Sinogram, start: Image? = nil,
    variance: Sinogram?, tau: Double = 1, relaxation: Double, lowerBound: Float?
  ) throws(ReconstructionError) {
    let A = correction.A
    try A.check(measurement: y)
    if let variance { try A.check(variance: variance) }
    if let start { try A.check(start, "the image to start from") }
    try MeasuredRays.check(relaxation: relaxation, tau: tau)
    self.correction = correction
    self.relaxation = relaxation
    self.lowerBound = lowerBound
    measured = MeasuredRays(y, variance: variance, tau: tau)
    solution = start ?? A.domain.zero()
    previous = solution
    back = A.domain.zero()
    rays = A.codomain.zero()
    firstResidual = measured.residualSquare(rays)
    if start != nil { A.apply(solution, into: &rays) }
    residualSquare = measured.residualSquare(rays)
    correction.weighResidual(of: y, into: &rays)
  }

  public var relativeResidual: Double {
    firstResidual > 0 ? (residualSquare / firstResidual).squareRoot() : 0
  }

  /// In single precision steps end at a few roundings of the image.
  public var hasConverged: Bool { measured.isExplained(residualSquare) || relativeChange <= 1e-6 }

  public mutating func step() {
    let A = correction.A
    A.applyAdjoint(rays, into: &back)
    previous.samples.replaceSubrange(0..., with: solution.samples)
    correction.correct(&solution, by: back, relaxation: relaxation, lowerBound: lowerBound)
    relativeChange = Reconstruction.relativeChange(from: previous, to: solution)
    A.apply(solution, into: &rays)
    residualSquare = measured.residualSquare(rays)
    correction.weighResidual(of: measured.y, into: &rays)
  }
}

/// ‖b − a‖ / ‖b‖; 0 for two images of nothing.
func relativeChange(from a: Image, to b: Image) -> Double {
  var (difference, total) = (0.0, 0.0)
  a.samples.withUnsafeBufferPointer { a in
    b.samples.withUnsafeBufferPointer { b in
      for i in a.indices {
        difference += Double(b[i] - a[i]) * Double(b[i] - a[i])
        total += Double(b[i]) * Double(b[i])
      }
    }
  }
  return total > 0 ? (difference / total).squareRoot() : difference > 0 ? .infinity : 0
}
