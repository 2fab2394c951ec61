import Fields

infix operator ∘ : MultiplicationPrecedence

/// (A ∘ B) x = A(B x). The spaces must agree exactly: same shape, same spacing.
public func ∘ <A: LinearOperator, B: LinearOperator>(a: A, b: B) -> Composition<A, B>
where A.Domain == B.Codomain {
  precondition(a.domain == b.codomain, "cannot compose: \(a.domain) is not \(b.codomain)")
  return Composition(outer: a, inner: b)
}

/// Aᴴ. Its adjoint is `A` itself, by type.
public struct Adjoint<Original: LinearOperator>: LinearOperator {
  public let original: Original

  public var domain: Original.Codomain { original.codomain }
  public var codomain: Original.Domain { original.domain }
  public var adjoint: Original { original }

  public func apply(_ x: Domain.Vector, into y: inout Codomain.Vector) {
    original.applyAdjoint(x, into: &y)
  }

  public func applyAdjoint(_ y: Codomain.Vector, into x: inout Domain.Vector) {
    original.apply(y, into: &x)
  }
}

/// AᴴA, self-adjoint.
public struct Normal<Original: LinearOperator>: LinearOperator {
  public let original: Original

  public var domain: Original.Domain { original.domain }
  public var codomain: Original.Domain { original.domain }

  public func apply(_ x: Domain.Vector, into y: inout Domain.Vector) { original.applyNormal(x, into: &y) }
  public func applyAdjoint(_ y: Domain.Vector, into x: inout Domain.Vector) {
    original.applyNormal(y, into: &x)
  }
}

/// A ∘ B.
public struct Composition<Outer: LinearOperator, Inner: LinearOperator>: LinearOperator
where Outer.Domain == Inner.Codomain {
  public let outer: Outer
  public let inner: Inner

  public var domain: Inner.Domain { inner.domain }
  public var codomain: Outer.Codomain { outer.codomain }

  public func apply(_ x: Domain.Vector, into y: inout Codomain.Vector) { outer.apply(inner(x), into: &y) }

  public func applyAdjoint(_ y: Codomain.Vector, into x: inout Domain.Vector) {
    inner.applyAdjoint(outer.adjoint(y), into: &x)
  }

  /// BᴴAᴴA B: a shorter path of the outer operator stays one.
  public func applyNormal(_ x: Domain.Vector, into z: inout Domain.Vector) {
    inner.applyAdjoint(outer.normal(inner(x)), into: &z)
  }
}

/// c A for a real factor c.
public struct Scaled<Original: LinearOperator>: LinearOperator {
  public let original: Original
  public let factor: Float

  public var domain: Original.Domain { original.domain }
  public var codomain: Original.Codomain { original.codomain }

  public func apply(_ x: Domain.Vector, into y: inout Codomain.Vector) {
    original.apply(x, into: &y)
    codomain.scale(&y, by: factor)
  }

  public func applyAdjoint(_ y: Codomain.Vector, into x: inout Domain.Vector) {
    original.applyAdjoint(y, into: &x)
    domain.scale(&x, by: factor)
  }

  public func applyNormal(_ x: Domain.Vector, into z: inout Domain.Vector) {
    original.applyNormal(x, into: &z)
    domain.scale(&z, by: factor * factor)
  }
}
