import Fields
import Operators
import RealModule
import Reconstruction
import TestSupport
import Testing

@Suite struct CGLSTests {
  private static func scan(_ size: Int, views: Int, bins: Int) throws -> RadonTransform {
    try RadonTransform(
      ImageSpace(shape: [size, size]), beam: ParallelBeam(angles: Angle.even(views), bins: bins),
      accuracy: 1e-6)
  }

  /// A smooth image is well determined by many views.
  @Test func recoversAnImageFromItsSinogram() throws {
    let A = try Self.scan(24, views: 60, bins: 40)
    var x = A.domain.zero()
    for i in 0..<24 {
      for j in 0..<24 {
        let r2 = Double((i - 10) * (i - 10) + (j - 13) * (j - 13))
        x[i, j] = Float(.exp(-r2 / 18))
      }
    }
    var method = CGLS(A, measurement: A(x))
    try method.run(limit: 60)
    #expect(relativeError(method.solution, x) < 1e-3)
  }

  /// It solves the normal equations, and the residual it carries along is the true one.
  @Test func reachesTheLeastSquaresSolution() throws {
    var generator = SplitMix64(seed: 1)
    let A = try Self.scan(8, views: 20, bins: 15)
    let y = A.codomain.random(using: &generator)
    var method = CGLS(A, measurement: y)
    try method.run(limit: 300)
    #expect(method.hasConverged)
    var residual = A(method.solution)
    A.codomain.add(-1, y, to: &residual)
    #expect(A.domain.norm(A.adjoint(residual)) < 1e-4 * A.domain.norm(A.adjoint(y)))
    #expect(abs(A.codomain.inner(residual, residual).real / method.residualSquare - 1) < 1e-4)
  }

  @Test func neverIncreasesTheResidual() throws {
    var generator = SplitMix64(seed: 2)
    let A = try Self.scan(20, views: 9, bins: 30)
    var method = CGLS(A, measurement: A.codomain.random(using: &generator))
    var last = 1.0
    try method.run(limit: 30) { _, state in
      #expect(state.relativeResidual <= last * (1 + 1e-6))
      last = state.relativeResidual
    }
  }

  /// Stops at the first step that explains the data to within the noise, and not before.
  @Test func stopsAtTheDiscrepancy() throws {
    var generator = SplitMix64(seed: 3)
    let A = try Self.scan(64, views: 40, bins: 92)
    let x = [Ellipse(x: 5, y: 3, a: 22, b: 15, rotation: .degrees(20), value: 0.02)].image(on: A.domain)
    let sigma = 0.01
    var y = A(x)
    NoiseModel.gaussian(sigma: sigma).add(to: &y, using: &generator)
    let target = Double(A.codomain.dimension) * sigma * sigma
    var method = CGLS(A, measurement: y, sigma: sigma)
    var before = Double.infinity
    let steps = try method.run(limit: 200) { _, state in
      if !state.hasConverged { before = state.residualSquare }
    }
    #expect(method.hasConverged && steps > 2 && steps < 100)
    #expect(method.residualSquare <= target && before > target)
    var looser = CGLS(A, measurement: y, sigma: sigma, tau: 1.2)
    before = .infinity
    let fewer = try looser.run(limit: 200) { _, state in
      if !state.hasConverged { before = state.residualSquare }
    }
    #expect(fewer < steps && looser.residualSquare <= 1.44 * target && before > 1.44 * target)
    // Running on fits the noise.
    var further = CGLS(A, measurement: y)
    try further.run(limit: 10 * steps)
    #expect(relativeError(method.solution, x) < relativeError(further.solution, x))
  }

  /// Views of weight zero might as well not exist.
  @Test func ignoresRaysWithoutWeight() throws {
    var generator = SplitMix64(seed: 4)
    let grid = ImageSpace(shape: [16, 16])
    let angles = Angle.even(12)
    let all = try RadonTransform(grid, beam: ParallelBeam(angles: angles, bins: 24))
    let half = try RadonTransform(
      grid,
      beam: ParallelBeam(angles: angles.enumerated().filter { $0.offset % 2 == 0 }.map(\.element), bins: 24))
    let y = all.codomain.random(using: &generator)
    var weights = all.codomain.zero()
    var kept = half.codomain.zero()
    for view in 0..<12 where view % 2 == 0 {
      for k in 0..<24 {
        weights[view, k] = 3
        kept[view / 2, k] = y[view, k]
      }
    }
    var weighted = CGLS(all, measurement: y, weights: weights)
    var plain = CGLS(half, measurement: kept)
    try weighted.run(limit: 8)
    try plain.run(limit: 8)
    #expect(relativeError(weighted.solution, plain.solution) < 1e-3)
    #expect(abs(weighted.residualSquare / plain.residualSquare - 3) < 1e-3)
  }

  @Test func startsWhereItIsTold() throws {
    var generator = SplitMix64(seed: 5)
    let A = try Self.scan(16, views: 20, bins: 24)
    let x = A.domain.random(using: &generator)
    let y = A(x)
    var method = CGLS(A, measurement: y, start: x)
    #expect(method.relativeResidual < 1e-6)
    #expect(try method.run(limit: 10) == 0)
  }

  @Test func leavesNothingAlone() throws {
    let A = try Self.scan(16, views: 4, bins: 24)
    var method = CGLS(A, measurement: A.codomain.zero())
    #expect(method.hasConverged)
    method.step()
    #expect(method.solution == A.domain.zero())
  }

  @Test func stopsWhenItsTaskIsCancelled() async throws {
    let A = try Self.scan(16, views: 4, bins: 24)
    let task = Task {
      while !Task.isCancelled { await Task.yield() }
      var method = CGLS(A, measurement: A.codomain.zero().map { $0 + 1 })
      try method.run(limit: 100)
    }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }
}
