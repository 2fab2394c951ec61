import Fields
import Operators
import RealModule
import Reconstruction
import TestSupport
import Testing

@Suite struct TotalVariationTests {
  /// The image itself, taken for a sinogram: total variation then is denoising.
  struct Identity: LinearOperator {
    let domain: ImageSpace
    var codomain: SinogramSpace { SinogramSpace(shape: domain.shape) }
    func apply(_ x: Image, into y: inout Sinogram) { y.samples = x.samples }
    func applyAdjoint(_ y: Sinogram, into x: inout Image) { x.samples = y.samples }
  }

  struct Scan {
    let A: RadonTransform
    let truth: Image
    let y: Sinogram
    let variance: Sinogram

    init(views: Int, sigma: Double, threads: Int = 2) throws {
      let grid = ImageSpace(shape: [64, 60], spacing: 1.5)
      A = try RadonTransform(
        grid, beam: ParallelBeam(angles: Angle.even(views), bins: 91, binSpacing: 1.5), threads: threads)
      truth = [
        Ellipse(x: 4, y: 0, a: 38, b: 30, value: 0.02), Ellipse(x: -6, y: 9, a: 9, b: 12, value: -0.015),
        Ellipse(x: 20, y: -8, a: 6, b: 6, value: 0.01),
      ].image(on: grid)
      var generator = SplitMix64(seed: 21)
      var noisy = A(truth)
      NoiseModel.gaussian(sigma: sigma).add(to: &noisy, using: &generator)
      y = noisy
      variance = NoiseModel.gaussian(sigma: sigma).variance(of: y)
    }
  }

  /// A step from 0 to 1 across rows of w and 3w pixels: the two levels move towards each other by λσ²/w and
  /// λσ²/3w, because a level of n pixels costs n u²/2σ² and saves λ u for each row.
  @Test func movesTheLevelsOfAStepAsItMust() throws {
    let (rows, w) = (12, 8)
    let A = Identity(domain: ImageSpace(shape: [rows, 4 * w]))
    var y = A.codomain.zero()
    for i in 0..<rows { for j in w..<4 * w { y[i, j] = 1 } }
    let (lambda, sigma) = (50.0, 0.1)
    let problem = try TotalVariation(A)
    var solver = try problem.solver(
      y, variance: A.codomain.zero().map { _ in Float(sigma * sigma) }, lambda: lambda)
    solver.tolerance = 1e-7
    try solver.run(limit: 20_000)
    let (low, high) = (lambda * sigma * sigma / Double(w), 1 - lambda * sigma * sigma / Double(3 * w))
    for i in 0..<rows {
      for j in 0..<4 * w { #expect(abs(Double(solver.solution[i, j]) - (j < w ? low : high)) < 2e-4) }
    }
    let n = Double(rows)
    #expect(abs(solver.variation - n * (high - low)) < 1e-3 * n)
    let chi = n * (Double(w) * low * low + Double(3 * w) * (1 - high) * (1 - high)) / (sigma * sigma)
    #expect(abs(solver.chiSquare / chi - 1) < 5e-3)
    #expect(abs(solver.objective - 0.5 * chi - lambda * solver.variation) < 5e-3 * solver.objective)
  }

  /// A run ten times longer changes neither the objective nor the image in a way that could matter.
  @Test(arguments: [3.0, 30, 300]) func hasConvergedWhenItSaysSo(lambda: Double) throws {
    let scan = try Scan(views: 24, sigma: 0.02)
    let problem = try TotalVariation(scan.A, lowerBound: 0)
    var solver = try problem.solver(scan.y, variance: scan.variance, lambda: lambda)
    let steps = try solver.run(limit: 3000)
    #expect(solver.hasConverged && steps < 1000)
    let (objective, image) = (solver.objective, solver.solution)
    for _ in 0..<10 * steps { solver.step() }
    #expect(objective >= solver.objective * (1 - 1e-4))
    #expect(objective <= solver.objective * 1.005, "\(objective), \(solver.objective)")
    // With the least weight the objective is so flat that images far apart have nearly the same.
    #expect(relativeError(image, solver.solution) < (lambda < 10 ? 0.07 : 0.01))
    // χ², the variation and the objective are those of the image.
    var residual = scan.A(solver.solution)
    scan.A.codomain.add(-1, scan.y, to: &residual)
    let chi = scan.A.codomain.inner(residual, residual).real / Double(scan.variance.samples[0])
    #expect(abs(solver.chiSquare / chi - 1) < 1e-3)
    #expect(abs(solver.objective - 0.5 * chi - lambda * solver.variation) < 1e-3 * solver.objective)
  }

  @Test func explainsTheDataToWithinTheNoise() throws {
    let scan = try Scan(views: 20, sigma: 0.02)
    let problem = try TotalVariation(scan.A, lowerBound: 0)
    let result = try problem.solveByDiscrepancy(scan.y, variance: scan.variance)
    #expect(result.converged)
    #expect(abs(result.reducedChiSquare - 1) < 0.015)
    #expect(result.image.samples.allSatisfy { $0 >= 0 })
    // From twenty noisy views, a piecewise constant slice: far better than without the prior.
    let fbp = try FilteredBackProjection(scan.A, window: .hann)(scan.y)
    var cgls = CGLS(scan.A, measurement: scan.y, sigma: 0.02)
    try cgls.run(limit: 100)
    let error = relativeError(result.image, scan.truth)
    #expect(error < 0.1, "\(error)")
    #expect(error < 0.5 * relativeError(fbp, scan.truth))
    #expect(error < 0.7 * relativeError(cgls.solution, scan.truth))
  }

  /// With two kinds of noise in one scan, every ray counts by its own variance.
  @Test func weighsRaysByTheirVariance() throws {
    let scan = try Scan(views: 20, sigma: 0.02)
    var (y, variance) = (scan.y, scan.variance)
    var generator = SplitMix64(seed: 5)
    for view in stride(from: 0, to: 20, by: 2) {
      for k in 0..<91 {
        y[view, k] += Float(0.3 * generator.normal())
        variance[view, k] += 0.09
      }
    }
    let problem = try TotalVariation(scan.A, lowerBound: 0)
    let weighted = try problem.solveByDiscrepancy(y, variance: variance)
    let mean = Float(variance.samples.reduce(0) { $0 + Double($1) } / Double(variance.samples.count))
    let alike = try problem.solveByDiscrepancy(y, variance: variance.map { _ in mean })
    #expect(weighted.converged && abs(weighted.reducedChiSquare - 1) < 0.015)
    #expect(relativeError(weighted.image, scan.truth) < 0.7 * relativeError(alike.image, scan.truth))
  }

  @Test func reportsATargetOutOfReach() throws {
    let scan = try Scan(views: 20, sigma: 0.02)
    let problem = try TotalVariation(scan.A, lowerBound: 0)
    // No image fits the data to a hundred-thousandth of the noise.
    let result = try problem.solveByDiscrepancy(scan.y, variance: scan.variance, target: 1e-5, limit: 300)
    #expect(!result.converged)
  }

  @Test func givesTheSameBytesAtAnyThreadCount() throws {
    var images = [Image]()
    for threads in [1, 2, 5] {
      let scan = try Scan(views: 12, sigma: 0.02, threads: threads)
      let problem = try TotalVariation(scan.A, lowerBound: 0, threads: threads)
      images.append(try problem.solve(scan.y, variance: scan.variance, lambda: 20, limit: 30).image)
    }
    #expect(images[0] == images[1] && images[0] == images[2])
  }

  @Test func refusesWhatItCannotWeigh() throws {
    let scan = try Scan(views: 4, sigma: 0.02)
    let problem = try TotalVariation(scan.A)
    #expect(throws: ReconstructionError.self) {
      try problem.solve(scan.y, variance: scan.variance, lambda: 0)
    }
    #expect(throws: ReconstructionError.self) {
      try problem.solve(scan.y, variance: scan.A.codomain.zero(), lambda: 1)
    }
    #expect(throws: ReconstructionError.shapes("the sinogram", found: [2, 2], expected: [4, 91])) {
      try problem.solve(Sinogram(shape: [2, 2]), variance: scan.variance, lambda: 1)
    }
  }
}
