import Fields
import Operators

/// Conjugate gradients for least squares.
///
///     minₓ (A x − y)ᵀ W (A x − y)
///
/// started at zero or a given image. Early steps recover what the data determine well, late ones fit the noise, so
/// the number of steps is the regularisation. With σ known it stops by the discrepancy principle, at the first
/// solution with (A x − y)ᵀ W (A x − y) ≤ τ² n σ².
///
/// Source: Hestenes, Stiefel, J. Res. Natl. Bur. Stand. 49 (1952), DOI 10.6028/jres.049.044, section 10; Björck,
/// "Numerical Methods for Least Squares Problems" (1996), algorithm 7.4.1.
public struct CGLS<Operator: LinearOperator>: IterativeMethod {
  public typealias Solution = Operator.Domain.Vector

  public let A: Operator
  public private(set) var solution: Solution
  /// (A x − y)ᵀ W (A x − y)
  public private(set) var residualSquare: Double
  /// ‖Aᴴ W (A x − y)‖ relative to ‖Aᴴ W y‖: 0 at the least-squares solution.
  public var relativeGradient: Double {
    firstGradient > 0 ? (gradientSquare / firstGradient).squareRoot() : 0
  }
  public var relativeResidual: Double {
    firstResidual > 0 ? (residualSquare / firstResidual).squareRoot() : 0
  }

  /// Stops the method: the discrepancy τ² n σ².
  private let target: Double?
  private let firstResidual: Double
  private let firstGradient: Double
  private var gradientSquare: Double
  private var exhausted = false
  /// y − A x
  private var residual: Operator.Codomain.Vector
  private var gradient: Solution
  private var direction: Solution
  private var image: Operator.Codomain.Vector
  private var weighted: Operator.Codomain.Vector
  private let weigh: (@Sendable (Operator.Codomain.Vector, inout Operator.Codomain.Vector) -> Void)?

  /// - Parameters:
  ///   - sigma: standard deviation of the noise; without it the method stops only when it has solved the problem.
  ///   - tau: safety factor of the discrepancy principle, 1 or a little more.
  public init(
    _ A: Operator, measurement y: Operator.Codomain.Vector, start: Solution? = nil, sigma: Double? = nil,
    tau: Double = 1
  ) {
    self.init(A, y, start, sigma, tau, weigh: nil)
  }

  /// With a weight for every sample, as 1 / variance, for which σ is then 1.
  public init<Quantity>(
    _ A: Operator, measurement y: Field<Quantity, Float>, weights: Field<Quantity, Float>,
    start: Solution? = nil,
    sigma: Double? = nil, tau: Double = 1
  ) where Operator.Codomain == Grid<Quantity, Float> {
    precondition(weights.shape == y.shape, "\(weights.shape) weights for \(y.shape) samples")
    self.init(A, y, start, sigma, tau) { residual, weighted in
      for i in weights.samples.indices { weighted.samples[i] = weights.samples[i] * residual.samples[i] }
    }
  }

  private init(
    _ A: Operator, _ y: Operator.Codomain.Vector, _ start: Solution?, _ sigma: Double?, _ tau: Double,
    weigh: (@Sendable (Operator.Codomain.Vector, inout Operator.Codomain.Vector) -> Void)?
  ) {
    let (X, Y) = (A.domain, A.codomain)
    self.A = A
    self.weigh = weigh
    target = sigma.map { tau * tau * Double(Y.dimension) * $0 * $0 }
    solution = start ?? X.zero()
    image = Y.zero()
    weighted = y
    gradient = X.zero()
    weigh?(y, &weighted)
    firstResidual = Y.inner(y, weighted).real
    A.applyAdjoint(weighted, into: &gradient)
    firstGradient = X.inner(gradient, gradient).real

    residual = y
    if start != nil {
      A.apply(solution, into: &image)
      Y.add(-1, image, to: &residual)
      weigh?(residual, &weighted)
      A.applyAdjoint(weigh == nil ? residual : weighted, into: &gradient)
    }
    residualSquare = Y.inner(residual, weigh == nil ? residual : weighted).real
    direction = gradient
    gradientSquare = X.inner(gradient, gradient).real
  }

  public var hasConverged: Bool {
    if let target, residualSquare <= target { return true }
    // In single precision the gradient cannot fall further than a few hundred roundings.
    return exhausted || gradientSquare <= 1e-10 * firstGradient
  }

  public mutating func step() {
    let (X, Y) = (A.domain, A.codomain)
    A.apply(direction, into: &image)
    weigh?(image, &weighted)
    let curvature = Y.inner(image, weigh == nil ? image : weighted).real
    guard curvature > 0 else {
      exhausted = true  // The direction lies in the null space: nothing is left to gain.
      return
    }
    let alpha = Float(gradientSquare / curvature)
    X.add(alpha, direction, to: &solution)
    Y.add(-alpha, image, to: &residual)
    weigh?(residual, &weighted)
    residualSquare = Y.inner(residual, weigh == nil ? residual : weighted).real
    A.applyAdjoint(weigh == nil ? residual : weighted, into: &gradient)
    let next = X.inner(gradient, gradient).real
    X.scale(&direction, by: Float(next / gradientSquare))
    X.add(1, gradient, to: &direction)
    gradientSquare = next
  }
}
