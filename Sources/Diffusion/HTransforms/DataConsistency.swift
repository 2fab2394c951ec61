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
  public func direction(from estimate: Operator.Domain.Vector, error s: Double, steps: Int)
    -> Operator.Domain.Vector
  {
    let damping = Float((sigma / s) * (sigma / s))
    return conjugateGradients(A.domain, gradient(estimate), steps: steps) { p, q in
      A.applyNormal(p, into: &q)
      A.domain.add(damping, p, to: &q)
    }
  }

  /// The direction from an estimate towards the data among images as smooth as back-projections.
  ///
  ///     d = Aᴴ v,   v = argmin ‖A (x̂₀ + Aᴴ v) − y‖² / σ² + ‖v‖² / τ²,   τ² tr((AᴴA)²) = s² tr(AᴴA)
  ///
  /// This is the posterior mean of an error e with the covariance τ² AᴴA, of power 1/|k| in tomography: what a network
  /// gets wrong is broad, and detail at the level of the noise stays as it is. τ makes ‖A e‖ what it is for white noise
  /// of RMS value s. The traces are estimated with one random image.
  ///
  /// - Parameter s: error of the estimate as the data see it: ‖A e‖ relative to that of white noise of unit variance.
  public func smoothDirection(
    from estimate: Operator.Domain.Vector, error s: Double, steps: Int
  ) -> Operator.Domain.Vector {
    let (X, Y) = (A.domain, A.codomain)
    var generator = SplitMix64(seed: 1)
    let probe = A(X.random(using: &generator))
    let ratio = X.norm(A.adjoint(probe)) / Y.norm(probe)
    let damping = Float((sigma * ratio / s) * (sigma * ratio / s))
    let v = conjugateGradients(Y, A(gradient(estimate)), steps: steps) { p, q in
      let back = A.adjoint(p)
      A.apply(A.normal(back), into: &q)
      Y.add(damping, p, to: &q)
    }
    return A.adjoint(v)
  }

  /// `steps` conjugate-gradient steps for M x = b from x = 0.
  private func conjugateGradients<Space: VectorSpace>(
    _ space: Space, _ b: Space.Vector, steps: Int, applying M: (Space.Vector, inout Space.Vector) -> Void
  ) -> Space.Vector {
    var r = b
    var x = space.zero()
    var p = r
    var q = space.zero()
    var rr = space.inner(r, r).real
    for _ in 0..<steps {
      M(p, &q)
      let curvature = space.inner(p, q).real
      guard curvature > 0, rr > 0 else { break }
      let alpha = Float(rr / curvature)
      space.add(alpha, p, to: &x)
      space.add(-alpha, q, to: &r)
      let next = space.inner(r, r).real
      space.scale(&p, by: Float(next / rr))
      space.add(1, r, to: &p)
      rr = next
    }
    return x
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
