import Fields
import Operators
import RealModule
import Reconstruction
import TestSupport
import Testing

@Suite struct FISTATests {
  private typealias Scan = TotalVariationTests.Scan

  /// A step from 0 to 1 across rows of w and 3w pixels, in closed form: see the same test of ``PrimalDualSolver``.
  @Test func movesTheLevelsOfAStepAsItMust() throws {
    let (rows, w) = (12, 8)
    let A = TotalVariationTests.Identity(domain: ImageSpace(shape: [rows, 4 * w]))
    var y = A.codomain.zero()
    for i in 0..<rows { for j in w..<4 * w { y[i, j] = 1 } }
    let (lambda, sigma) = (50.0, 0.1)
    var solver = try FISTA(
      TotalVariation(A), measurement: y, variance: A.codomain.zero().map { _ in Float(sigma * sigma) },
      lambda: lambda)
    solver.tolerance = 1e-7
    try solver.run(limit: 5000)
    let (low, high) = (lambda * sigma * sigma / Double(w), 1 - lambda * sigma * sigma / Double(3 * w))
    for i in 0..<rows {
      for j in 0..<4 * w { #expect(abs(Double(solver.solution[i, j]) - (j < w ? low : high)) < 2e-4) }
    }
    let n = Double(rows)
    #expect(abs(solver.variation - n * (high - low)) < 1e-3 * n)
    let chi = n * (Double(w) * low * low + Double(3 * w) * (1 - high) * (1 - high)) / (sigma * sigma)
    #expect(abs(solver.chiSquare / chi - 1) < 5e-3)
    #expect(abs(solver.objective - 0.5 * chi - lambda * solver.variation) < 1e-6 * solver.objective)
  }

  /// The minimum that the primal–dual method finds by another way, run on until nothing moves.
  @Test(arguments: [10.0, 30, 300], [true, false])
  func findsTheMinimumOfThePrimalDualMethod(lambda: Double, isBounded: Bool) throws {
    let scan = try Scan(views: 24, sigma: 0.02)
    let problem = try TotalVariation(scan.A, lowerBound: isBounded ? 0 : nil)
    var other = try problem.solver(scan.y, variance: scan.variance, lambda: lambda)
    other.tolerance = 1e-6
    try other.run(limit: 4000)
    var solver = try FISTA(problem, measurement: scan.y, variance: scan.variance, lambda: lambda)
    let steps = try solver.run(limit: 4000)
    #expect(solver.hasConverged, "\(steps) steps")
    // Of the minimum to within 0.3 %, and in the image, where the objective is flat, to within 2 %.
    #expect(
      abs(solver.objective / other.objective - 1) < 0.003, "\(solver.objective / other.objective) in \(steps)"
    )
    #expect(
      relativeError(solver.solution, other.solution) < 0.02,
      "\(relativeError(solver.solution, other.solution)) in \(steps)")
    if isBounded { #expect(solver.solution.samples.allSatisfy { $0 >= 0 }) }
    // χ², the variation and the objective are those of the image.
    var residual = scan.A(solver.solution)
    scan.A.codomain.add(-1, scan.y, to: &residual)
    let chi = scan.A.codomain.inner(residual, residual).real / Double(scan.variance.samples[0])
    #expect(abs(solver.chiSquare / chi - 1) < 1e-4)
    #expect(abs(solver.reducedChiSquare * Double(scan.y.samples.count) / chi - 1) < 1e-4)
    #expect(abs(solver.objective - 0.5 * chi - lambda * solver.variation) < 1e-4 * solver.objective)
  }

  @Test func neverIncreasesTheObjective() throws {
    let scan = try Scan(views: 24, sigma: 0.02)
    let problem = try TotalVariation(scan.A, lowerBound: 0)
    var solver = try FISTA(problem, measurement: scan.y, variance: scan.variance, lambda: 30)
    var last = solver.objective
    for _ in 0..<200 {
      solver.step()
      #expect(solver.objective <= last)
      last = solver.objective
    }
    // The same after another weight, from here.
    solver = try solver.with(lambda: 60)
    #expect(solver.lambda == 60 && solver.steps == 0)
    last = solver.objective
    for _ in 0..<50 {
      solver.step()
      #expect(solver.objective <= last)
      last = solver.objective
    }
  }

  @Test func explainsTheDataToWithinTheNoise() throws {
    let scan = try Scan(views: 20, sigma: 0.02)
    let problem = try TotalVariation(scan.A, lowerBound: 0)
    let result = try problem.solveByDiscrepancy(scan.y, variance: scan.variance, algorithm: .fista)
    #expect(result.converged, "\(result.steps) steps")
    #expect(abs(result.reducedChiSquare - 1) < 0.015)
    let other = try problem.solveByDiscrepancy(scan.y, variance: scan.variance)
    // Both have χ² within 1 % of n, which leaves λ, a steep function of it, within some per cent.
    #expect(abs(Double.log(result.lambda / other.lambda)) < 0.15, "\(result.lambda), \(other.lambda)")
    #expect(relativeError(result.image, other.image) < 0.02)
  }

  /// With two kinds of noise in one scan, every ray counts by its own variance.
  @Test func weighsRaysByTheirVariance() throws {
    let scan = try NoisyScan()
    let problem = try TotalVariation(scan.A, lowerBound: 0)
    var other = try problem.solver(scan.y, variance: scan.variance, lambda: 40)
    other.tolerance = 1e-6
    try other.run(limit: 4000)
    let found = try problem.solve(
      scan.y, variance: scan.variance, lambda: 40, limit: 4000, algorithm: .fista)
    #expect(found.converged && abs(found.objective / other.objective - 1) < 0.003)
    #expect(relativeError(found.image, other.solution) < 0.02)
  }

  @Test func givesTheSameBytesAtAnyThreadCount() throws {
    var images = [Image]()
    for threads in [1, 2, 5] {
      let scan = try Scan(views: 12, sigma: 0.02, threads: threads)
      let problem = try TotalVariation(scan.A, lowerBound: 0, threads: threads)
      images.append(
        try problem.solve(scan.y, variance: scan.variance, lambda: 20, limit: 30, algorithm: .fista).image)
    }
    #expect(images[0] == images[1] && images[0] == images[2])
  }

  @Test func refusesWhatItCannotWeigh() throws {
    let scan = try Scan(views: 4, sigma: 0.02)
    let problem = try TotalVariation(scan.A)
    func fails(_ error: ReconstructionError, _ y: Sinogram, _ variance: Sinogram, _ lambda: Double) {
      #expect(throws: error) { try FISTA(problem, measurement: y, variance: variance, lambda: lambda) }
      #expect(throws: error) { try problem.solver(y, variance: variance, lambda: lambda) }
    }
    for lambda in [0, -1, .nan, .infinity] {
      fails(
        .outOfRange("the weight λ of the total variation", found: "\(lambda)", expected: "a positive number"),
        scan.y, scan.variance, lambda)
    }
    var broken = scan.y
    broken[3, 90] = .nan
    fails(
      .outOfRange("the sinogram at view 4, bin 91", found: "nan", expected: "a number"), broken,
      scan.variance,
      1)
    fails(
      .outOfRange(
        "the variance of a ray", found: "0.0", expected: "a positive number; state the noise of the data"),
      scan.y, scan.A.codomain.zero(), 1)
    fails(
      .shapes("the sinogram", found: [2, 2], expected: [4, 91]), Sinogram(shape: [2, 2]), scan.variance, 1)
  }
}
