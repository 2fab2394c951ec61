import Fields
import Operators
import RealModule
import Reconstruction
import TestSupport
import Testing

@Suite struct SIRTTests {
  private static func rays(_ size: Int, views: Int, bins: Int) throws -> RayTransform {
    try RayTransform(
      ImageSpace(shape: [size, size]), beam: ParallelBeam(angles: Angle.even(views), bins: bins))
  }

  /// Against the equation with a matrix, in double precision.
  @Test func followsItsEquation() throws {
    var generator = SplitMix64(seed: 1)
    let A = try FanBeamTransform(
      ImageSpace(shape: [5, 4], spacing: [1, 1.3]),
      beam: FanBeam(
        angles: Angle.even(6, over: .degrees(360), from: .degrees(5)), bins: 7, sourceAxisDistance: 20,
        sourceDetectorDistance: 30))
    let y = A.codomain.random(using: &generator)
    let (n, m) = (A.domain.dimension, A.codomain.dimension)
    let columns = (0..<n).map { j in
      var unit = A.domain.zero()
      unit.samples[j] = 1
      return A(unit).samples.map { Double($0) }
    }
    let lengths = (0..<m).map { i in columns.reduce(0) { $0 + $1[i] } }
    // Rays that graze the image count as if they were a fiftieth of the longest.
    let R = lengths.map { 1 / max($0, 0.02 * (lengths.max() ?? 0)) }
    let D = columns.map { column in (0..<m).reduce(0) { $0 + column[$1] * R[$1] * lengths[$1] } }
    var x = [Double](repeating: 0, count: n)
    var method = try SIRT(A, measurement: y, relaxation: 0.7, lowerBound: -0.1)
    for _ in 0..<3 {
      method.step()
      let r = (0..<m).map { i in
        R[i] * (Double(y.samples[i]) - (0..<n).reduce(0) { $0 + columns[$1][i] * x[$1] })
      }
      for j in 0..<n {
        x[j] = max(-0.1, x[j] + 0.7 / D[j] * (0..<m).reduce(0) { $0 + columns[j][$1] * r[$1] })
      }
    }
    let expected = Image(shape: A.domain.shape, samples: x.map { Float($0) })
    // Some dozen roundings of numbers that add up to a few times the result.
    #expect(relativeError(method.solution, expected) < 64 * Double(Float.ulpOfOne))
    #expect(x.contains(-0.1) && x.contains { $0 > 0 })
  }

  /// Data that no image explains: the minimum of (A x − y)ᴴ R (A x − y), which conjugate gradients find by themselves.
  /// Data that one explains: that one.
  @Test(arguments: [true, false]) func reachesTheLeastSquaresSolution(isConsistent: Bool) throws {
    var generator = SplitMix64(seed: 2)
    let A = try Self.rays(8, views: 24, bins: 15)
    let truth = A.domain.random(using: &generator)
    let y = isConsistent ? A(truth) : A.codomain.random(using: &generator)
    var cgls = CGLS(A, measurement: y, weights: SimultaneousCorrection(A).rays)
    try cgls.run(limit: 500)
    var method = try SIRT(A, measurement: y, relaxation: 1.9)
    try method.run(limit: 20_000)
    #expect(method.hasConverged)
    // It stops at a relative change of 1e-6 a step, from where the slowest structure, which a step brings closer by a
    // two-thousandth, has a thousand and more such changes to go.
    #expect(relativeError(method.solution, cgls.solution) < 3e-3)
    if isConsistent {
      #expect(relativeError(method.solution, truth) < 3e-3)
      #expect(method.relativeResidual < 1e-4)
    }
  }

  /// AᴴRA ≤ D where no entry is negative. The transform by the slice theorem has some, and rings by 9 % at an edge.
  @Test func stepsAreContractions() throws {
    let grid = ImageSpace(shape: [40, 33])
    let beam = ParallelBeam(angles: Angle.even(30), bins: 60)
    let short = ParallelBeam(angles: Angle.even(30), bins: 24, axis: 4)
    let fan = FanBeam(
      angles: Angle.even(30, over: .degrees(210)), bins: 60, sourceAxisDistance: 70,
      sourceDetectorDistance: 90)
    #expect(try Self.largestEigenvalue(RayTransform(grid, beam: beam)) < 1.0001)
    #expect(try Self.largestEigenvalue(RayTransform(grid, beam: short)) < 1.0001)
    #expect(try Self.largestEigenvalue(FanBeamTransform(grid, beam: fan)) < 1.0001)
    #expect(try Self.largestEigenvalue(RadonTransform(grid, beam: beam)) < 1.09)
    #expect(try Self.largestEigenvalue(RadonTransform(grid, beam: short)) < 1.09)
    #expect(try Self.largestEigenvalue(RadonTransform(grid, beam: beam).views([3, 17])) < 1.09)
  }

  /// Of D⁻¹AᴴRA, by power iteration.
  private static func largestEigenvalue<A: LinearOperator>(_ A: A) -> Double
  where A.Domain == ImageSpace, A.Codomain == SinogramSpace {
    let correction = SimultaneousCorrection(A)
    var generator = SplitMix64(seed: 3)
    var (x, value) = (A.domain.random(using: &generator), 0.0)
    for _ in 0..<60 {
      A.domain.scale(&x, by: Float(1 / A.domain.norm(x)))
      var y = A(x)
      for i in y.samples.indices { y.samples[i] *= correction.rays.samples[i] }
      x = A.domain.zero()
      correction.correct(&x, by: A.adjoint(y), relaxation: 1, lowerBound: nil)
      value = A.domain.norm(x)
    }
    return value
  }

  @Test(arguments: [0.5, 1, 1.9], [nil, 0] as [Float?])
  func neverIncreasesTheResidual(relaxation: Double, lowerBound: Float?) throws {
    var generator = SplitMix64(seed: 4)
    let A = try Self.rays(20, views: 9, bins: 30)
    let rays = SimultaneousCorrection(A).rays
    let y = A.codomain.random(using: &generator)
    var method = try SIRT(A, measurement: y, relaxation: relaxation, lowerBound: lowerBound)
    var last = Double.infinity
    try method.run(limit: 40) { _, state in
      var residual = A(state.solution)
      A.codomain.add(-1, y, to: &residual)
      let square = zip(residual.samples, rays.samples).reduce(0) { $0 + Double($1.0 * $1.0 * $1.1) }
      #expect(square <= last * (1 + 1e-6))
      last = square
      let plain = A.codomain.norm(residual)
      #expect(abs(state.residualSquare / (plain * plain) - 1) < 1e-5)
      #expect(abs(state.relativeResidual - plain / A.codomain.norm(y)) < 1e-5)
    }
    if let lowerBound { #expect(method.solution.samples.allSatisfy { $0 >= lowerBound }) }
  }

  /// Stops at the first step that explains the data to within the noise, and not before; rays count by their variance.
  @Test(arguments: [1, 1.2]) func stopsAtTheDiscrepancy(tau: Double) throws {
    let scan = try NoisyScan()
    var method = try SIRT(
      scan.A, measurement: scan.y, variance: scan.variance, tau: tau, lowerBound: 0)
    var before = Double.infinity
    let steps = try method.run(limit: 500) { _, state in
      if !state.hasConverged { before = state.residualSquare }
    }
    let target = tau * tau * Double(scan.A.codomain.dimension)
    #expect(method.hasConverged && steps > 5 && steps < 500)
    #expect(method.residualSquare <= target && before > target)
    #expect(abs(scan.chiSquare(method.solution) / method.residualSquare - 1) < 1e-4)
    // Steps are short enough to stop close to the noise.
    #expect(method.residualSquare > 0.95 * target)
    // Running on fits the noise.
    var further = try SIRT(scan.A, measurement: scan.y, lowerBound: 0)
    try further.run(limit: 20 * steps)
    #expect(relativeError(method.solution, scan.truth) < relativeError(further.solution, scan.truth))
  }

  @Test func startsWhereItIsTold() throws {
    var generator = SplitMix64(seed: 5)
    let A = try Self.rays(16, views: 20, bins: 24)
    let x = A.domain.random(using: &generator)
    var method = try SIRT(A, measurement: A(x), start: x)
    #expect(method.relativeResidual < 1e-6)
    try method.run(limit: 3)
    #expect(relativeError(method.solution, x) < 1e-5)
  }

  @Test func leavesNothingAlone() throws {
    let A = try Self.rays(16, views: 4, bins: 24)
    var method = try SIRT(A, measurement: A.codomain.zero())
    #expect(try method.run(limit: 10) == 1)
    #expect(method.solution == A.domain.zero() && method.relativeResidual == 0)
    // Rays that all miss the image.
    let beam = ParallelBeam(angles: [.degrees(0)], bins: 2, binSpacing: 40, axis: 0.5)
    let aside = try RayTransform(ImageSpace(shape: [4, 4]), beam: beam, raysPerBin: 1)
    var blind = try SIRT(aside, measurement: aside.codomain.zero().map { $0 + 1 })
    blind.step()
    #expect(blind.solution == aside.domain.zero())
  }

  @Test func refusesWhatCannotBe() throws {
    let A = try Self.rays(8, views: 4, bins: 12)
    let y = A.codomain.zero()
    func fails(_ error: ReconstructionError, _ make: () throws -> SIRT<RayTransform>) {
      #expect(throws: error) { try make() }
    }
    fails(.shapes("the sinogram", found: [4, 11], expected: [4, 12])) {
      try SIRT(A, measurement: Sinogram(shape: [4, 11]))
    }
    fails(.outOfRange("the sinogram at view 2, bin 3", found: "nan", expected: "a number")) {
      var y = y
      y[1, 2] = .nan
      return try SIRT(A, measurement: y)
    }
    fails(
      .outOfRange(
        "the variance of a ray", found: "0.0", expected: "a positive number; state the noise of the data")
    ) { try SIRT(A, measurement: y, variance: y) }
    for relaxation in [0, 2, -1, .nan] {
      fails(.outOfRange("the relaxation", found: "\(relaxation)", expected: "above 0 and below 2")) {
        try SIRT(A, measurement: y, relaxation: relaxation)
      }
    }
    fails(.outOfRange("τ of the discrepancy principle", found: "0.0", expected: "a positive number")) {
      try SIRT(A, measurement: y, tau: 0)
    }
    fails(.shapes("the image to start from", found: [2, 2], expected: [8, 8])) {
      try SIRT(A, measurement: y, start: Image(shape: [2, 2]))
    }
  }
}

/// A scan of an ellipse, half of it with twice the noise.
struct NoisyScan {
  let A: RadonTransform
  let truth: Image
  let y: Sinogram
  let variance: Sinogram

  init() throws {
    A = try RadonTransform(
      ImageSpace(shape: [64, 60]), beam: ParallelBeam(angles: Angle.even(40), bins: 92))
    truth = [Ellipse(x: 5, y: 3, a: 22, b: 15, rotation: .degrees(20), value: 0.02)].image(on: A.domain)
    var generator = SplitMix64(seed: 3)
    var (y, variance) = (A(truth), A.codomain.zero())
    for view in 0..<40 {
      for k in 0..<92 {
        let sigma = view % 2 == 0 ? 0.01 : 0.02
        y[view, k] += Float(sigma * generator.normal())
        variance[view, k] = Float(sigma * sigma)
      }
    }
    (self.y, self.variance) = (y, variance)
  }

  func chiSquare(_ x: Image) -> Double {
    var residual = A(x)
    A.codomain.add(-1, y, to: &residual)
    return zip(residual.samples, variance.samples).reduce(0) { $0 + Double($1.0 * $1.0 / $1.1) }
  }
}
