import Operators
import Testing

/// Checks every promise of ``LinearOperator``: exact adjoint, linearity, AᴴA, overwritten outputs.
///
/// The default tolerance is 8 ulp of single precision: sums of n rounded terms err by about √n · ulp
/// relative to the root of n terms, which is what the denominators are.
public func expectOperator<A: LinearOperator>(
  _ A: A, tolerance: Double = 8 * Double(Float.ulpOfOne), normalTolerance: Double? = nil,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let report = measureOperator(A)
  #expect(
    report.adjointError <= tolerance, "adjoint, ratio ⟨x,Aᴴy⟩/⟨Ax,y⟩ = \(report.adjointRatio)",
    sourceLocation: sourceLocation)
  #expect(abs(report.adjointRatio - 1) <= tolerance, "adjoint scale", sourceLocation: sourceLocation)
  #expect(report.linearityError <= tolerance, "A is not linear", sourceLocation: sourceLocation)
  #expect(report.adjointLinearityError <= tolerance, "Aᴴ is not linear", sourceLocation: sourceLocation)
  #expect(report.normalError <= normalTolerance ?? tolerance, "applyNormal", sourceLocation: sourceLocation)
  #expect(report.overwritesOutput, "an output was added to, not overwritten", sourceLocation: sourceLocation)
}

/// The adjoint error of ``measureOperator(_:seed:)`` over 16 pairs of random vectors, root mean square.
///
/// One pair says little: its error is a normal variable of mean 0, which 1 of 400 times is above three standard
/// deviations and 1 of 4 times below a third of one.
public func adjointError<A: LinearOperator>(of A: A) -> Double {
  let seeds = UInt64(1)...16
  let squares = seeds.map { seed in
    let error = measureOperator(A, seed: seed).adjointError
    return error * error
  }
  return (squares.reduce(0, +) / Double(squares.count)).squareRoot()
}
