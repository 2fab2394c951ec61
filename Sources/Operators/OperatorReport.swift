import ComplexModule
import Fields

/// What one run of ``measureOperator(_:seed:)`` found; every figure is relative to the norms involved.
public struct OperatorReport: Sendable {
  /// |⟨Ax,y⟩ − ⟨x,Aᴴy⟩| / (‖Ax‖‖y‖/√n). Not divided by ⟨Ax,y⟩, whose value is near zero for random
  /// vectors, so that its reciprocal has a heavy tail.
  public var adjointError: Double
  /// ⟨x,Aᴴy⟩ / ⟨Ax,y⟩ for y = Ax: 1 for an exact adjoint; a wrong scale shows here as itself.
  public var adjointRatio: Double
  public var linearityError: Double
  public var adjointLinearityError: Double
  public var normalError: Double
  public var overwritesOutput: Bool
}

/// Applies `A` to seeded random vectors and measures how well it keeps the promises of an operator.
public func measureOperator<A: LinearOperator>(_ A: A, seed: UInt64 = 7) -> OperatorReport {
  var generator = SplitMix64(seed: seed)
  let (X, Y) = (A.domain, A.codomain)
  let (x, u) = (X.random(using: &generator), X.random(using: &generator))
  let (y, v) = (Y.random(using: &generator), Y.random(using: &generator))

  let Ax = A(x)
  let Ay = A.adjoint(y)
  let left = Y.inner(Ax, y)
  let right = X.inner(x, Ay)
  let scale = Y.norm(Ax) * Y.norm(y) / Double(Y.dimension).squareRoot()

  let AAx = A.adjoint(Ax)
  let ratio = X.inner(x, AAx).real / Y.inner(Ax, Ax).real

  var sum = x
  X.add(0.5, u, to: &sum)
  var expected = Ax
  Y.add(0.5, A(u), to: &expected)
  var difference = A(sum)
  Y.add(-1, expected, to: &difference)

  var adjointSum = y
  Y.add(0.5, v, to: &adjointSum)
  var adjointExpected = Ay
  X.add(0.5, A.adjoint(v), to: &adjointExpected)
  var adjointDifference = A.adjoint(adjointSum)
  X.add(-1, adjointExpected, to: &adjointDifference)

  var normal = u
  A.applyNormal(x, into: &normal)
  X.add(-1, AAx, to: &normal)

  var dirtyY = v
  A.apply(x, into: &dirtyY)
  Y.add(-1, Ax, to: &dirtyY)
  var dirtyX = u
  A.applyAdjoint(y, into: &dirtyX)
  X.add(-1, Ay, to: &dirtyX)

  return OperatorReport(
    adjointError: (left - right).length / scale,
    adjointRatio: ratio,
    linearityError: Y.norm(difference) / Y.norm(expected),
    adjointLinearityError: X.norm(adjointDifference) / X.norm(adjointExpected),
    normalError: X.norm(normal) / X.norm(AAx),
    overwritesOutput: Y.norm(dirtyY) <= 1e-6 * Y.norm(Ax) && X.norm(dirtyX) <= 1e-6 * X.norm(Ay))
}
