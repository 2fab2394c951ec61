import ComplexModule
import Fields
import Operators
import Reconstruction
import TestSupport
import Testing

@Suite struct ConjugateGradientsTests {
  static func sense(
    _ shape: Shape, coils: Int, mask: SamplingMask? = nil
  ) throws -> CartesianSense {
    let grid = ComplexImageSpace(shape: shape)
    return try CartesianSense(
      CoilSensitivities(CoilArray(coils: coils).maps(on: grid), on: grid).normalized(), mask: mask)
  }

  /// Four-fold undersampling along two axes with six coils leaves a problem that steps of conjugate gradients solve to
  /// what single precision carries, some hundred ulp with a condition of some ten.
  @Test func recoversWhatCoilsTellApart() throws {
    var generator = SplitMix64(seed: 1)
    let A = try Self.sense(
      [24, 20], coils: 6, mask: .uniform([24, 20], encoding: .points, acceleration: 2))
    let x = A.domain.random(using: &generator)
    var method = try ConjugateGradients(A, measurement: A(x))
    let steps = try method.run(limit: 200)
    #expect(method.hasConverged && steps < 200)
    #expect(relativeError(method.solution, x) < 1e-4)
    #expect(method.relativeResidual < 1e-3)
  }

  /// (AᴴA + λ) x = Aᴴ y, and the misfit it states is the true one.
  @Test func solvesTheNormalEquations() throws {
    var generator = SplitMix64(seed: 2)
    let A = try Self.sense([12, 15], coils: 3, mask: .uniform([12, 15], acceleration: 2))
    let y = A(A.domain.random(using: &generator))
    var noisy = y
    try CoilNoise(sigma: 0.3, coils: 3).add(to: &noisy, mask: A.mask, using: &generator)
    var method = try ConjugateGradients(A, measurement: noisy, lambda: 0.1)
    try method.run(limit: 100)
    var left = A.normal(method.solution)
    A.domain.add(0.1, method.solution, to: &left)
    #expect(relativeError(left, A.adjoint(noisy)) < 1e-5)
    var residual = A(method.solution)
    A.codomain.add(-1, noisy, to: &residual)
    let square = A.codomain.inner(residual, residual).real
    #expect(abs(method.residualSquare - square) < 1e-5 * A.codomain.inner(noisy, noisy).real)
    // CGLS goes the same way without λ, by A and Aᴴ.
    var plain = try ConjugateGradients(A, measurement: noisy)
    var other = CGLS(A, measurement: noisy)
    try plain.run(limit: 6)
    try other.run(limit: 6)
    #expect(relativeError(plain.solution, other.solution) < 1e-5)
  }

  /// From any start it comes to the same, and from the solution there is nothing left to do.
  @Test func goesOnFromItsStart() throws {
    var generator = SplitMix64(seed: 5)
    let A = try Self.sense([12, 15], coils: 3, mask: .uniform([12, 15], acceleration: 2))
    let y = A.codomain.random(using: &generator)
    var method = try ConjugateGradients(A, measurement: y, lambda: 0.1)
    try method.run(limit: 100)
    var other = try ConjugateGradients(
      A, measurement: y, lambda: 0.1, start: A.domain.random(using: &generator))
    #expect(other.relativeGradient > 0.1)
    try other.run(limit: 100)
    #expect(relativeError(other.solution, method.solution) < 1e-5)
    #expect(abs(other.residualSquare / method.residualSquare - 1) < 1e-5)
    let again = try ConjugateGradients(A, measurement: y, lambda: 0.1, start: method.solution)
    #expect(again.relativeGradient < 1e-5)
  }

  /// Stops at the first step that explains the data to within the noise, and not before.
  @Test func stopsAtTheDiscrepancy() throws {
    var generator = SplitMix64(seed: 3)
    let grid = ComplexImageSpace(shape: [48, 48], spacing: 200.0 / 48)
    let array = CoilArray(coils: 4)
    let mask = try SamplingMask.uniform(grid.shape, acceleration: 2, calibration: 8)
    let A = try CartesianSense(
      CoilSensitivities(array.maps(on: grid), on: grid), mask: mask)
    let image = try headPhantom().image(on: ImageSpace(shape: grid.shape, spacing: grid.spacing))
    var y = A(ComplexImage(shape: image.shape, samples: image.samples.map { Complex($0, 0) }))
    let noise = try CoilNoise(sigma: 0.05, coils: 4)
    try noise.add(to: &y, mask: mask, using: &generator)
    let target = noise.expectedSquare(samples: mask.count)
    // At any level, also those between two steps.
    for factor in [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 7, 10, 20, 50] {
      var method = try ConjugateGradients(A, measurement: y, discrepancy: factor * target)
      var before = Double.infinity
      try method.run(limit: 100) { _, state in
        if !state.hasConverged { before = state.residualSquare }
      }
      let square = method.residualSquare
      #expect(square <= factor * target && before > factor * target, "\(square / target), \(factor)")
      var residual = A(method.solution)
      A.codomain.add(-1, y, to: &residual)
      // A difference of numbers near ‖y‖², some hundred times as large.
      #expect(abs(A.codomain.inner(residual, residual).real / square - 1) < 1e-3)
    }
  }

  /// Radial k-space in closed form through coils in closed form, reconstructed with the maps that its centre shows.
  @Test func reconstructsRadialSamples() throws {
    let grid = ComplexImageSpace(shape: [64, 64], spacing: 200.0 / 64)
    let (array, phantom) = (CoilArray(coils: 6), try headPhantom())
    let trajectory = try Trajectory.radial(angles: Angle.even(48), samples: 128, on: grid)
    let frequencies = (0..<trajectory.shape.count).map {
      SpatialFrequency(row: trajectory.positions[2 * $0], column: trajectory.positions[2 * $0 + 1])
    }
    let y = KSpace(
      shape: [6, 48, 128],
      samples: try array.kSpace(of: phantom, at: frequencies, on: grid).flatMap { $0 })
    let maps = try ESPIRiT(array.kSpace(of: phantom, on: grid), calibration: [24, 24]).maps
    let A = try NonCartesianSense(
      CoilSensitivities(maps, on: grid), trajectory: trajectory,
      weights: trajectory.rampDensity(on: grid), accuracy: 1e-3, normal: .toeplitz)
    var weighted = y
    let weights = try trajectory.rampDensity(on: grid)
    for index in weighted.samples.indices {
      let root = weights.samples[index % weights.samples.count].squareRoot()
      weighted.samples[index] = weighted.samples[index].multiplied(by: root)
    }
    var method = try ConjugateGradients(A, measurement: weighted)
    try method.run(limit: 12)
    // The phantom times the root sum of squares of the sensitivities, as maps are normalised.
    let power = try CoilSensitivities(array.maps(on: grid), on: grid).power
    let image = phantom.image(on: ImageSpace(shape: grid.shape, spacing: grid.spacing))
    var (error, total, worst) = (0.0, 0.0, 0.0)
    for pixel in image.samples.indices {
      let expected = Double(image.samples[pixel] * power.samples[pixel].squareRoot())
      let found = Double(method.solution.samples[pixel].length)
      error += (found - expected) * (found - expected)
      total += expected * expected
      // The middle of the large ellipse, away from edges and their ringing.
      let (row, column) = (pixel / 64, pixel % 64)
      if (44..<48).contains(row) && (20..<24).contains(column) {
        worst = max(worst, abs(found / expected - 1))
      }
    }
    // Edges on 64 pixels ring: 0.048 and 0.023 in double precision with the sums themselves.
    #expect((error / total).squareRoot() < 0.06)
    #expect(worst < 0.04, "\(worst)")
  }

  @Test func refusesWhatCannotBe() throws {
    let A = try Self.sense([6, 8], coils: 2)
    #expect(
      throws: ReconstructionError.shapes("k-space", found: [2, 8, 6], expected: [2, 6, 8])
    ) { try ConjugateGradients(A, measurement: KSpace(shape: [2, 8, 6])) }
    var y = A.codomain.zero()
    for (lambda, discrepancy) in [(-1.0, nil), (.nan, nil), (0, 0), (0, .infinity)] as [(Double, Double?)] {
      #expect(throws: ReconstructionError.self) {
        try ConjugateGradients(A, measurement: y, lambda: lambda, discrepancy: discrepancy)
      }
    }
    var start = ComplexImage(shape: [3, 3])
    let shapes = ReconstructionError.shapes("the start", found: [3, 3], expected: [6, 8])
    #expect(throws: shapes) { try ConjugateGradients(A, measurement: y, start: start) }
    #expect(throws: shapes) { try WaveletSparsity(A, measurement: y, lambda: 1, start: start) }
    #expect(throws: shapes) { try ComplexTotalVariation(A, measurement: y, lambda: 1, start: start) }
    start = A.domain.zero()
    start.samples[4] = Complex(0, .infinity)
    let value = ReconstructionError.outOfRange(
      "pixel 5 of the start", found: "\(start.samples[4])", expected: "a number")
    #expect(throws: value) { try ConjugateGradients(A, measurement: y, start: start) }
    #expect(throws: value) { try WaveletSparsity(A, measurement: y, lambda: 1, start: start) }
    #expect(throws: value) { try ComplexTotalVariation(A, measurement: y, lambda: 1, start: start) }
    var method = try ConjugateGradients(A, measurement: y)
    #expect(method.hasConverged)
    method.step()
    #expect(method.solution == A.domain.zero())
    y.samples[5] = Complex(.nan, 0)
    let sample = ReconstructionError.outOfRange(
      "sample 6 of k-space", found: "\(y.samples[5])", expected: "a number")
    #expect(throws: sample) { try ConjugateGradients(A, measurement: y) }
    #expect(throws: sample) { try WaveletSparsity(A, measurement: y, lambda: 1) }
    #expect(throws: sample) { try ComplexTotalVariation(A, measurement: y, lambda: 1) }
  }
}
