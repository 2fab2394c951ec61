import ComplexModule
import RealModule

/// A finite-dimensional inner-product space: where vectors live, without their values.
///
/// Comparing spaces is how composition is checked, so a space holds everything that must agree:
/// shape, spacing, units.
public protocol VectorSpace: Hashable, Sendable {
  associatedtype Vector: Sendable
  var dimension: Int { get }
  func zero() -> Vector
  /// ⟨x, y⟩, linear in `y`, summed in double precision.
  func inner(_ x: Vector, _ y: Vector) -> Complex<Double>
  /// y ← y + α x
  func add(_ alpha: Float, _ x: Vector, to y: inout Vector)
  /// y ← α y
  func scale(_ y: inout Vector, by alpha: Float)
  /// Independent standard normal samples, for tests and power iterations.
  func random(using generator: inout SplitMix64) -> Vector
}

extension VectorSpace {
  /// ‖x‖ = √⟨x, x⟩
  public func norm(_ x: Vector) -> Double { inner(x, x).real.squareRoot() }
}
