import Fields

/// A linear map A between two vector spaces, with its adjoint.
///
/// An operator is immutable and safe to apply from several threads at once. Everything that can be
/// prepared — FFT plans, trigonometric tables, masks — is prepared by the initialiser, which throws;
/// applying never does.
public protocol LinearOperator<Domain, Codomain>: Sendable {
  associatedtype Domain: VectorSpace
  associatedtype Codomain: VectorSpace
  var domain: Domain { get }
  var codomain: Codomain { get }

  /// y ← A x. Overwrites `y`.
  func apply(_ x: Domain.Vector, into y: inout Codomain.Vector)
  /// x ← Aᴴ y. Overwrites `x`.
  func applyAdjoint(_ y: Codomain.Vector, into x: inout Domain.Vector)
  /// z ← AᴴA x. Override it where a shorter path exists, as for a Toeplitz NUFFT.
  func applyNormal(_ x: Domain.Vector, into z: inout Domain.Vector)
}

extension LinearOperator {
  public func applyNormal(_ x: Domain.Vector, into z: inout Domain.Vector) {
    applyAdjoint(self(x), into: &z)
  }

  /// A x, in a new vector.
  public func callAsFunction(_ x: Domain.Vector) -> Codomain.Vector {
    var y = codomain.zero()
    apply(x, into: &y)
    return y
  }

  public var adjoint: Adjoint<Self> { Adjoint(original: self) }
  public var normal: Normal<Self> { Normal(original: self) }
  public func scaled(by factor: Float) -> Scaled<Self> { Scaled(original: self, factor: factor) }

  /// ‖A‖, the largest singular value, by power iteration on AᴴA from a seeded start.
  public func norm(iterations: Int = 30, seed: UInt64 = 1) -> Double {
    var generator = SplitMix64(seed: seed)
    var x = domain.random(using: &generator)
    var z = domain.zero()
    var square = 0.0
    for _ in 0..<iterations {
      let length = domain.norm(x)
      guard length > 0 else { return 0 }
      domain.scale(&x, by: Float(1 / length))
      applyNormal(x, into: &z)
      square = domain.norm(z)
      swap(&x, &z)
    }
    return square.squareRoot()
  }
}
