import Fields

/// How the minimum of ``TotalVariation`` is found. Both find the same one.
public enum TotalVariationAlgorithm: String, Hashable, Sendable, CaseIterable {
  /// ``PrimalDualSolver``: preconditioned, the fewest steps.
  case primalDual
  /// ``FISTA``: the objective falls with every step.
  case fista
}

/// A method for ``TotalVariation`` that may be given another weight λ on the way.
public protocol TotalVariationSolver: IterativeMethod where Solution == Image {
  var lambda: Double { get }
  /// ½ χ² + λ TV of the solution.
  var objective: Double { get }
  /// χ² per ray.
  var reducedChiSquare: Double { get }
  /// Taken with this λ.
  var steps: Int { get }
  /// ‖change of the solution in a step‖ / ‖solution‖ below which the method has converged.
  var tolerance: Double { get set }
  /// What balances the two terms for a typical image, to within a factor of ten.
  var typicalLambda: Double { get }
  /// The same measurement with another λ, started from here.
  func with(lambda: Double) throws(ReconstructionError) -> Self
}

extension TotalVariationSolver {
  /// Chooses λ so that χ² per ray is `target`.
  ///
  /// Secant steps on log χ² over log λ inside a shrinking bracket, each from the solution of the last.
  ///
  /// - Parameters:
  ///   - accuracy: of χ² per ray relative to the target.
  ///   - limit: the most steps to take in all.
  /// - Returns: the steps taken in all, and whether the method converged and χ² met its target.
  /// - Throws: ``ReconstructionError``; `CancellationError`.
  public mutating func runToDiscrepancy(
    target: Double, accuracy: Double, limit: Int
  ) throws -> (steps: Int, converged: Bool) {
    guard target > 0, accuracy > 0 else {
      throw ReconstructionError.outOfRange(
        "the target of χ² per ray", found: "\(target) ± \(accuracy)", expected: "positive numbers")
    }
    var logLambda = Double.log(typicalLambda)
    let (least, most) = (logLambda - 12, logLambda + 12)
    var (below, above): ((Double, Double)?, (Double, Double)?)
    var steps = 0
    let fine = tolerance
    tolerance = 4 * fine
    defer { if tolerance != fine { tolerance = fine } }
    while true {
      self = try with(lambda: .exp(logLambda))
      steps += try run(limit: limit - steps)
      var misfit = Double.log(reducedChiSquare / target)
      if abs(misfit) <= 2 * accuracy {
        // Close enough to be worth converging.
        tolerance = fine
        steps += try run(limit: limit - steps)
        misfit = .log(reducedChiSquare / target)
      }
      if abs(misfit) <= accuracy { return (steps, hasConverged) }
      if misfit < 0 { below = (logLambda, misfit) } else { above = (logLambda, misfit) }
      let next: Double
      if let below, let above {
        let fraction = -below.1 / (above.1 - below.1)
        next = below.0 + min(max(fraction, 0.1), 0.9) * (above.0 - below.0)
        if above.0 - below.0 < 1e-3 { return (steps, false) }
      } else {
        // χ² grows as a small power of λ.
        next = min(max(logLambda - min(max(misfit / 0.4, -3), 3), least), most)
      }
      guard steps < limit, next != logLambda else { return (steps, false) }
      logLambda = next
    }
  }
}
