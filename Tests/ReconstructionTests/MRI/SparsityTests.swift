import ComplexModule
import Fields
import Operators
import Reconstruction
import TestSupport
import Testing

@Suite struct SparsityTests {
  private static let tolerance = 16 * Double(Float.ulpOfOne)

  /// Odd and even extents, a different number of levels.
  @Test(
    arguments: Wavelet.Family.allCases, [[32, 32], [33, 47], [64, 21], [1, 1], [230, 18]] as [Shape])
  func wavelets(family: Wavelet.Family, shape: Shape) throws {
    var generator = SplitMix64(seed: 1)
    let X = ComplexImageSpace(shape: shape)
    for levels in [nil, 0, shape.extents.min() ?? 0 >= 12 ? 2 : 0] {
      let W = try Wavelet(family, shape: shape, levels: levels)
      let (x, u) = (X.random(using: &generator), X.random(using: &generator))
      var (scratch, c, d) = (X.zero(), x, u)
      W.apply(&c, scratch: &scratch)
      W.apply(&d, scratch: &scratch)
      // Orthonormal: inner products are kept, and the adjoint is the inverse.
      #expect((X.inner(c, d) - X.inner(x, u)).length < Self.tolerance * X.norm(x) * X.norm(u))
      W.applyInverse(&c, scratch: &scratch)
      #expect(relativeError(c, x) < Self.tolerance)
    }
  }

  /// A constant is smooth at every level: 2 per level and pixel, no details. Straight ramps have none either with two
  /// vanishing moments but where they wrap around.
  @Test func waveletsSeeNoDetailsInWhatIsSmooth() throws {
    let shape: Shape = [32, 48]
    let W = try Wavelet(shape: shape, levels: 2)
    #expect(W.smoothShape == [8, 12])
    var constant = ComplexImage(shape: shape, filledWith: Complex(1, -2))
    var scratch = constant
    W.apply(&constant, scratch: &scratch)
    for row in 0..<32 {
      for column in 0..<48 {
        let expected: Complex<Float> = row < 8 && column < 12 ? Complex(4, -8) : .zero
        #expect((constant[row, column] - expected).length < 1e-5)
      }
    }
    var ramp = ComplexImage(
      shape: shape, samples: (0..<32 * 48).map { Complex(Float($0 / 48), Float($0 % 48)) })
    try Wavelet(shape: shape, levels: 1).apply(&ramp, scratch: &scratch)
    #expect(ramp[3, 30].length < 1e-4 && ramp[20, 5].length < 1e-4)
    #expect(ramp[31, 5].length > 1)
  }

  /// A = 1: the details of y, each moved towards 0 by λ, which one step does and more steps keep. With a looser bound of ‖A‖²
  /// the steps are shorter and lead to the same.
  @Test(arguments: [1.0, 3.0]) func shrinksTheDetailsOfWhatItSees(normSquare: Double) throws {
    var generator = SplitMix64(seed: 4)
    let grid = ComplexImageSpace(shape: [32, 40])
    let A = try CartesianFourier(grid)
    let x = grid.random(using: &generator)
    let wavelet = try Wavelet(.haar, shape: grid.shape, levels: 2)
    var method = try WaveletSparsity(
      A, measurement: A(x), lambda: 0.7, wavelet: wavelet, normSquare: normSquare, seed: nil)
    method.tolerance = 1e-6
    try method.run(limit: 100)
    let converged = method.hasConverged
    #expect(converged)
    var (expected, scratch) = (x, x)
    wavelet.apply(&expected, scratch: &scratch)
    var square = 0.0
    for row in 0..<32 {
      for column in 0..<40 where row >= 8 || column >= 10 {
        let value = expected[row, column]
        let factor = max(0, 1 - 0.7 / value.length)
        expected[row, column] = value.multiplied(by: factor)
        let change = Double(value.length * (1 - factor))
        square += change * change
      }
    }
    wavelet.applyInverse(&expected, scratch: &scratch)
    #expect(relativeError(method.solution, expected) < 5e-6)
    #expect(abs(method.residualSquare / square - 1) < 1e-4)
  }

  /// A = 1 and two flat halves of n₁ and n₂ columns: each row's only jump costs λ, so that the halves move towards each
  /// other by λ / n₁ and λ / n₂; along the phase of the jump.
  @Test(arguments: [nil, 3.0]) func totalVariationMovesFlatHalves(normSquare: Double?) throws {
    let grid = ComplexImageSpace(shape: [20, 12])
    let A = try CartesianFourier(grid)
    let (left, right, lambda): (Complex<Float>, Complex<Float>, Float) = (
      Complex(1, 0), Complex(-0.5, 2), 1.2
    )
    var image = ComplexImage(shape: grid.shape, filledWith: right)
    for row in 0..<20 { for column in 0..<4 { image[row, column] = left } }
    var method = try ComplexTotalVariation(
      A, measurement: A(image), lambda: Double(lambda), normSquare: normSquare)
    method.tolerance = 1e-6
    try method.run(limit: 4000)
    let converged = method.hasConverged
    #expect(converged)
    let direction = (right - left).divided(by: (right - left).length)
    for row in [0, 7, 19] {
      #expect((method.solution[row, 2] - (left + direction.multiplied(by: lambda / 4))).length < 1e-3)
      #expect((method.solution[row, 10] - (right - direction.multiplied(by: lambda / 8))).length < 1e-3)
    }
    let jump = Double((right - left).length - lambda / 4 - lambda / 8)
    #expect(abs(method.variation / (20 * jump) - 1) < 1e-3)
    let misfit = 20 * Double(lambda * lambda) * (1 / 4.0 + 1 / 8.0)
    #expect(abs(method.objective / (0.5 * misfit + Double(lambda) * 20 * jump) - 1) < 1e-3)
  }

  /// Jumps in any direction cost their length: the sum as written is least at the solution, and larger a little closer to
  /// the data or to a flat image.
  @Test func totalVariationIsIsotropic() throws {
    var generator = SplitMix64(seed: 6)
    let grid = ComplexImageSpace(shape: [16, 12])
    let A = try CartesianFourier(grid)
    let image = grid.random(using: &generator)
    let lambda = 0.3
    var method = try ComplexTotalVariation(A, measurement: A(image), lambda: lambda)
    method.tolerance = 1e-6
    try method.run(limit: 4000)
    /// At x + ε (image − x); ½ ‖A x − y‖² = ½ ‖x − image‖².
    func objective(_ epsilon: Float) -> Double {
      let x = zip(method.solution.samples, image.samples).map { $0 + ($1 - $0).multiplied(by: epsilon) }
      var sum = 0.0
      for (pixel, value) in x.enumerated() {
        let down = pixel + 12 < x.count ? x[pixel + 12] - value : .zero
        let across = pixel % 12 < 11 ? x[pixel + 1] - value : .zero
        sum += 0.5 * Double((value - image.samples[pixel]).lengthSquared)
        sum += lambda * Double((down.lengthSquared + across.lengthSquared).squareRoot())
      }
      return sum
    }
    let least = objective(0)
    #expect(abs(method.objective / least - 1) < 1e-4)
    #expect(objective(0.02) > least && objective(-0.02) > least)
  }

  /// From four-fold undersampled, noisy k-space both penalties do better than least squares, at the λ that the noise
  /// chooses.
  @Test func bothUseTheNoise() throws {
    var generator = SplitMix64(seed: 7)
    let grid = ComplexImageSpace(shape: [64, 64], spacing: 200.0 / 64)
    let array = CoilArray(coils: 4)
    let mask = try SamplingMask.poissonDisc(grid.shape, acceleration: 4, calibration: 12, seed: 3)
    let A = try CartesianSense(CoilSensitivities(array.maps(on: grid), on: grid).normalized(), mask: mask)
    let real = try headPhantom().image(on: ImageSpace(shape: grid.shape, spacing: grid.spacing))
    let truth = ComplexImage(
      shape: grid.shape,
      samples: real.samples.enumerated().map { Complex($1, 0.3 * $1 * Float($0 % 64) / 64) })
    var y = A(truth)
    let noise = try CoilNoise(sigma: 0.05, coils: 4)
    try noise.add(to: &y, mask: mask, using: &generator)
    let target = noise.expectedSquare(samples: mask.count)
    var plain = try ConjugateGradients(A, measurement: y, discrepancy: target)
    try plain.run(limit: 100)
    let error = relativeError(plain.solution, truth)
    /// Of the solution itself, without what the methods keep.
    func misfit(_ x: ComplexImage) -> Double {
      var residual = A(x)
      A.codomain.add(-1, y, to: &residual)
      return A.codomain.inner(residual, residual).real
    }
    #expect(misfit(plain.solution) < 1.001 * target)

    var sparse = try WaveletSparsity(A, measurement: y, lambda: 1)
    let found = try sparse.runToDiscrepancy(target, accuracy: 0.05, limit: 600)
    #expect(found.met, "misfit \(sparse.residualSquare / target) at λ = \(sparse.lambda)")
    #expect(abs(misfit(sparse.solution) / target - 1) < 0.06)
    #expect(relativeError(sparse.solution, truth) < 0.8 * error)

    var flat = try ComplexTotalVariation(A, measurement: y, lambda: 1)
    let result = try flat.runToDiscrepancy(target, accuracy: 0.05, limit: 1500)
    #expect(result.met, "misfit \(flat.residualSquare / target) at λ = \(flat.lambda)")
    #expect(abs(misfit(flat.solution) / target - 1) < 0.06)
    #expect(relativeError(flat.solution, truth) < 0.6 * error)
    // The same seed, the same bytes.
    var again = try WaveletSparsity(A, measurement: y, lambda: 1)
    try again.runToDiscrepancy(target, accuracy: 0.05, limit: 600)
    #expect(again.solution == sparse.solution)
  }

  @Test func refuseWhatCannotBe() throws {
    let grid = ComplexImageSpace(shape: [8, 8])
    let A = try CartesianFourier(grid)
    let y = A.codomain.zero()
    for lambda in [0, -1, .nan, .infinity] {
      #expect(throws: ReconstructionError.self) { try WaveletSparsity(A, measurement: y, lambda: lambda) }
      #expect(throws: ReconstructionError.self) {
        try ComplexTotalVariation(A, measurement: y, lambda: lambda)
      }
    }
    #expect(
      throws: ReconstructionError.shapes("the wavelet transform", found: [4, 8], expected: [8, 8])
    ) { try WaveletSparsity(A, measurement: y, lambda: 1, wavelet: Wavelet(shape: [4, 8])) }
    #expect(throws: ReconstructionError.self) { try Wavelet(shape: [0, 8]) }
    #expect(
      throws: ReconstructionError.outOfRange(
        "the levels of a wavelet transform", found: "9", expected: "0 … 2")
    ) { try Wavelet(shape: [8, 8], levels: 9) }
    var method = try WaveletSparsity(A, measurement: y, lambda: 1)
    #expect(throws: ReconstructionError.self) { try method.runToDiscrepancy(0) }
    #expect(throws: ReconstructionError.self) { try method.runToDiscrepancy(1, accuracy: 0) }
    method.step()
    #expect(method.solution == grid.zero())
  }
}
