import ComplexModule
import Fields
import Operators

/// Conjugate gradients on the normal equations, for complex images: CG-SENSE.
///
///     minₓ ‖A x − y‖² + λ ‖x‖²,   (AᴴA + λ) x = Aᴴ y
///
/// Every step is one AᴴA, by its short path where the operator has one. For white noise; whiten the coils first. With the
/// noise known it stops by the discrepancy principle, at the first solution with ‖A x − y‖² ≤ `discrepancy`.
///
/// Source: Pruessmann et al., "Advances in sensitivity encoding with arbitrary k-space trajectories", MRM 46 (2001),
/// DOI 10.1002/mrm.1241; Hestenes, Stiefel, J. Res. Natl. Bur. Stand. 49 (1952), DOI 10.6028/jres.049.044.
public struct ConjugateGradients<Operator: LinearOperator>: IterativeMethod
where Operator.Domain == ComplexImageSpace, Operator.Codomain == KSpaceSpace {
  public let A: Operator
  public let lambda: Double
  public private(set) var solution: ComplexImage
  /// What ‖A x − y‖² may be, see ``CoilNoise/expectedSquare(samples:)``.
  public let discrepancy: Double?

  private let measuredSquare: Double
  /// Aᴴ y
  private let backprojection: ComplexImage
  private let firstGradient: Double
  private var gradientSquare: Double
  /// Aᴴ y − (AᴴA + λ) x
  private var gradient: ComplexImage
  private var direction: ComplexImage
  private var image: ComplexImage
  private var exhausted = false

  /// - Parameters:
  ///   - y: 0 where no sample was taken.
  ///   - lambda: 0 or more, in units of ‖A‖², which is about 1 for normalised maps and a Cartesian grid. It does not depend
  ///     on the units of the data: that of `bart pics -l2 -r` is the same number.
  ///   - discrepancy: stops the method; without it only a solved problem does.
  /// - Throws: ``ReconstructionError`` for a wrong shape, a sample that is no number, or a λ that cannot be.
  public init(
    _ A: Operator, measurement y: KSpace, lambda: Double = 0, start: ComplexImage? = nil,
    discrepancy: Double? = nil
  ) throws(ReconstructionError) {
    try validate(y, for: A)
    try validate(lambda: lambda, orZero: true)
    try validate(discrepancy: discrepancy)
    try validate(start: start, for: A)
    let X = A.domain
    self.A = A
    self.lambda = lambda
    self.discrepancy = discrepancy
    measuredSquare = A.codomain.inner(y, y).real
    let backprojection = A.adjoint(y)
    self.backprojection = backprojection
    firstGradient = X.inner(backprojection, backprojection).real
    image = X.zero()
    gradient = backprojection
    solution = start ?? X.zero()
    if start != nil {
      A.applyNormal(solution, into: &image)
      X.add(-1, image, to: &gradient)
      X.add(Float(-lambda), solution, to: &gradient)
    }
    direction = gradient
    gradientSquare = X.inner(gradient, gradient).real
  }

  /// ‖A x − y‖², without another A: ‖y‖² − Re⟨x, Aᴴy⟩ − Re⟨x, gradient⟩ − λ ‖x‖². Exact to some ulp of ‖y‖².
  public var residualSquare: Double {
    let X = A.domain
    return max(
      0,
      measuredSquare - X.inner(solution, backprojection).real - X.inner(solution, gradient).real - lambda
        * X.inner(solution, solution).real)
  }

  public var relativeResidual: Double {
    measuredSquare > 0 ? (residualSquare / measuredSquare).squareRoot() : 0
  }

  /// ‖Aᴴ (A x − y) + λ x‖ relative to ‖Aᴴ y‖: 0 at the solution.
  public var relativeGradient: Double {
    firstGradient > 0 ? (gradientSquare / firstGradient).squareRoot() : 0
  }

  public var hasConverged: Bool {
    if let discrepancy, residualSquare <= discrepancy { return true }
    // In single precision the gradient cannot fall further than a few hundred roundings.
    return exhausted || gradientSquare <= 1e-12 * firstGradient
  }

  public mutating func step() {
    let X = A.domain
    A.applyNormal(direction, into: &image)
    if lambda > 0 { X.add(Float(lambda), direction, to: &image) }
    let curvature = X.inner(direction, image).real
    guard curvature > 0, gradientSquare > 0 else {
      exhausted = true  // The direction lies in the null space: nothing is left to gain.
      return
    }
    let alpha = Float(gradientSquare / curvature)
    X.add(alpha, direction, to: &solution)
    X.add(-alpha, image, to: &gradient)
    let next = X.inner(gradient, gradient).real
    X.scale(&direction, by: Float(next / gradientSquare))
    X.add(1, gradient, to: &direction)
    gradientSquare = next
  }
}

/// - Throws: ``ReconstructionError`` for k-space of another shape or with a value that is no number.
func validate<Operator: LinearOperator>(
  _ y: KSpace, for A: Operator
) throws(ReconstructionError) where Operator.Codomain == KSpaceSpace {
  guard y.shape == A.codomain.shape else {
    throw .shapes("k-space", found: y.shape, expected: A.codomain.shape)
  }
  if let bad = y.samples.firstIndex(where: { !($0.real.isFinite && $0.imaginary.isFinite) }) {
    throw .outOfRange("sample \(bad + 1) of k-space", found: "\(y.samples[bad])", expected: "a number")
  }
}

/// - Throws: ``ReconstructionError`` for a start of another shape or with a value that is no number.
func validate<Operator: LinearOperator>(
  start: ComplexImage?, for A: Operator
) throws(ReconstructionError) where Operator.Domain == ComplexImageSpace {
  guard let start else { return }
  guard start.shape == A.domain.shape else {
    throw .shapes("the start", found: start.shape, expected: A.domain.shape)
  }
  if let bad = start.samples.firstIndex(where: { !($0.real.isFinite && $0.imaginary.isFinite) }) {
    throw .outOfRange("pixel \(bad + 1) of the start", found: "\(start.samples[bad])", expected: "a number")
  }
}

func validate(lambda: Double, orZero: Bool = false) throws(ReconstructionError) {
  guard lambda.isFinite, lambda > 0 || orZero && lambda == 0 else {
    throw .outOfRange(
      "the weight λ", found: "\(lambda)", expected: orZero ? "0 or more" : "a positive number")
  }
}

func validate(discrepancy: Double?) throws(ReconstructionError) {
  if let discrepancy, !(discrepancy > 0 && discrepancy.isFinite) {
    throw .outOfRange(
      "the discrepancy ‖A x − y‖²", found: "\(discrepancy)",
      expected: "a positive number; state the noise of the data")
  }
}
