import Fields
import Operators

/// A measurement in the network's range: y = A x + σ n with an operator of unit norm.
public struct NormalizedMeasurement<Operator: LinearOperator>: Sendable {
  public let A: Scaled<Operator>
  public let y: Operator.Codomain.Vector
  public let sigma: Double

  public init(_ A: Scaled<Operator>, _ y: Operator.Codomain.Vector, sigma: Double) {
    self.A = A
    self.y = y
    self.sigma = sigma
  }

  /// Aᴴ (y − A x)
  public func gradient(_ x: Operator.Domain.Vector) -> Operator.Domain.Vector {
    var residual = A(x)
    A.codomain.scale(&residual, by: -1)
    A.codomain.add(1, y, to: &residual)
    return A.adjoint(residual)
  }

  /// The direction from an estimate towards the data, by `steps` conjugate-gradient steps from 0.
  ///
  ///     d = argmin ‖A (x̂₀ + d) − y‖² / σ² + ‖d‖² / s²
  ///
  /// Source: Chung, Lee, Ye, "Decomposed diffusion sampler" (DDS), ICLR 2024, equation 12, with γ = s²/σ².
  public func direction(from estimate: Operator.Domain.Vector, error s: Double, steps: Int) -> Operator.Domain.Vector {
    let X = A.domain
    let damping = Float((sigma / s) * (sigma / s))
    var r = gradient(estimate)
    var d = X.zero()
    var p = r
    var q = X.zero()
    var rr = X.inner(r, r).real
    for _ in 0..<steps {
      A.applyNormal(p, into: &q)
      X.add(damping, p, to: &q)
      let curvature = X.inner(p, q).real
      guard curvature > 0, rr > 0 else { break }
      let alpha = Float(rr / curvature)
      X.add(alpha, p, to: &d)
      X.add(-alpha, q, to: &r)
      let next = X.inner(r, r).real
      X.scale(&p, by: Float(next / rr))
      X.add(1, r, to: &p)
      rr = next
    }
    return d
  }
}

/// DDS: the estimate is moved towards the data, nothing is learnt.
///
///     x0_cond = x̂₀ + d
///
/// With the measured error s_t of the prior in place of a constant γ it has no step size to tune. This is DEFT
/// before its training.
///
/// Source: Chung, Lee, Ye, ICLR 2024, algorithm 1.
public struct DDS<Operator: LinearOperator>: HTransform {
  public typealias Space = Operator.Domain

  private let measurement: NormalizedMeasurement<Operator>
  private let error: TweedieError
  private let iterations: Int

  public init(_ measurement: NormalizedMeasurement<Operator>, error: TweedieError, iterations: Int = 5) {
    self.measurement = measurement
    self.error = error
    self.iterations = iterations
  }

  public func condition(_ estimate: Space.Vector, noisy x: Space.Vector, step t: Int) -> Space.Vector {
    var result = measurement.direction(from: estimate, error: error[t], steps: iterations)
    measurement.A.domain.add(1, estimate, to: &result)
    return result
  }
}
