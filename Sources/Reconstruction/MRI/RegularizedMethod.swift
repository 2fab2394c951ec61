import ComplexModule
import Fields
import Operators
import RealModule

/// A method that weighs a misfit ‖A x − y‖² against what an image should be like, by a λ that the noise can choose.
public protocol RegularizedMethod: IterativeMethod where Solution == ComplexImage {
  /// The weight λ of a penalty beside ½ ‖A x − y‖², in the units of the image times ‖A‖²: a jump or a wavelet coefficient of
  /// one pixel below about λ / ‖A‖² is taken for noise. Data of twice the size need twice the λ.
  ///
  /// BART divides the data by a scale s of its own first, so that λ = s · λ_BART. `bart pics -d4` prints s as the "inverse
  /// scaling of the data": the 90th percentile of |Aᴴy| along a trajectory and of the root sum of squares of the middle of a
  /// Cartesian k-space, or the largest value where that is further from the percentile than twice the percentile from the
  /// median. `bart pics -w 1` takes the λ of here. With the noise known, ``runToDiscrepancy(_:accuracy:trial:limit:)`` finds it.
  var lambda: Double { get }
  /// ‖A x − y‖²
  var residualSquare: Double { get }
  /// A weight at which both terms matter for a typical image, to within a factor of ten.
  var typicalLambda: Double { get }
  /// The same measurement with another λ, started from here.
  func with(lambda: Double) throws(ReconstructionError) -> Self
}

extension RegularizedMethod {
  /// Chooses λ so that the misfit is what the noise makes it: ‖A x − y‖² = `target`.
  ///
  /// Secant steps on log ‖A x − y‖² over log λ inside a shrinking bracket, each from the solution of the last. The method
  /// is left at the λ it found.
  ///
  /// - Parameters:
  ///   - target: see ``CoilNoise/expectedSquare(samples:)``.
  ///   - accuracy: of the misfit relative to the target.
  ///   - trial: the most steps to take for each λ; a method that moves its grid about never comes to rest.
  ///   - limit: the most steps to take in all.
  /// - Returns: the steps taken, and whether the misfit met its target.
  /// - Throws: ``ReconstructionError``; `CancellationError`.
  @discardableResult
  public mutating func runToDiscrepancy(
    _ target: Double, accuracy: Double = 0.02, trial: Int = 100, limit: Int = 1000
  ) throws -> (steps: Int, met: Bool) {
    try validate(discrepancy: target)
    guard accuracy > 0, trial > 0 else {
      throw ReconstructionError.outOfRange(
        "the search for λ", found: "accuracy \(accuracy), \(trial) steps", expected: "positive numbers")
    }
    var logLambda = Double.log(typicalLambda)
    let bounds = logLambda - 12...logLambda + 12
    var (below, above): ((Double, Double)?, (Double, Double)?)
    var steps = 0
    while true {
      self = try with(lambda: .exp(logLambda))
      steps += try run(limit: min(trial, limit - steps))
      let misfit = Double.log(max(residualSquare, .leastNormalMagnitude) / target)
      if abs(misfit) <= accuracy { return (steps, true) }
      if misfit < 0 { below = (logLambda, misfit) } else { above = (logLambda, misfit) }
      let next: Double
      if let below, let above {
        let fraction = -below.1 / (above.1 - below.1)
        next = below.0 + min(max(fraction, 0.1), 0.9) * (above.0 - below.0)
        if abs(above.0 - below.0) < 1e-3 { return (steps, false) }
      } else {
        // The misfit grows as a small power of λ.
        next = min(max(logLambda - min(max(misfit / 0.4, -3), 3), bounds.lowerBound), bounds.upperBound)
      }
      guard steps < limit, next != logLambda else { return (steps, false) }
      logLambda = next
    }
  }
}

/// What the methods of one measurement share: AᴴA, Aᴴ y, ‖y‖² and a bound of ‖A‖².
struct NormalProblem<Operator: LinearOperator>: Sendable
where Operator.Domain == ComplexImageSpace, Operator.Codomain == KSpaceSpace {
  let A: Operator
  let backprojection: ComplexImage
  let measuredSquare: Double
  /// Not below ‖A‖².
  let normSquare: Double

  init(_ A: Operator, _ y: KSpace, normSquare: Double?) throws(ReconstructionError) {
    try validate(y, for: A)
    if let normSquare, !(normSquare > 0 && normSquare.isFinite) {
      throw .outOfRange("‖A‖²", found: "\(normSquare)", expected: "a positive number")
    }
    self.A = A
    backprojection = A.adjoint(y)
    measuredSquare = A.codomain.inner(y, y).real
    if let normSquare {
      self.normSquare = normSquare
    } else {
      // Power iteration comes from below; a few per cent more are on the safe side.
      let norm = A.norm(iterations: 15)
      self.normSquare = norm > 0 ? 1.05 * norm * norm : 1
    }
  }

  /// ‖A x − y‖² from x and AᴴA x.
  func residualSquare(_ x: ComplexImage, normal: ComplexImage) -> Double {
    let X = A.domain
    return max(0, measuredSquare + X.inner(x, normal).real - 2 * X.inner(x, backprojection).real)
  }

  /// The root mean square of the first image that steepest descent would reach.
  var typicalValue: Double {
    let X = A.domain
    return X.norm(backprojection) / normSquare / Double(max(1, X.dimension)).squareRoot()
  }
}
