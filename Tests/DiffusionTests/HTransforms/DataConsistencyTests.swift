import Diffusion
import Fields
import Operators
import Testing

@Suite struct DataConsistencyTests {
  private static let space = ImageSpace(shape: [2, 3])

  /// Two orthonormal rows in six dimensions.
  private static let orthonormal: [[Float]] = [
    [0.5, 0.5, 0.5, 0.5, 0, 0], [0.1, -0.1, 0.7, -0.7, 0, 0],
  ]

  private static func measurement(_ rows: [[Float]], sigma: Double, seed: UInt64) -> NormalizedMeasurement<
    DenseOperator
  > {
    let A = DenseOperator(space, rows).scaled(by: 1)
    var generator = SplitMix64(seed: seed)
    return NormalizedMeasurement(A, A.codomain.random(using: &generator), sigma: sigma)
  }

  private static func random(_ seed: UInt64) -> Image {
    var generator = SplitMix64(seed: seed)
    return space.random(using: &generator)
  }

  @Test func pointsDownTheResidual() {
    let rows: [[Float]] = [[1, 2, 0, 0, 0, 0], [0, 0, 3, 0, 0, 1]]
    let A = DenseOperator(Self.space, rows).scaled(by: 2)
    let measurement = NormalizedMeasurement(A, Sinogram(shape: [1, 2], samples: [10, 4]), sigma: 0.1)
    // y − A x = (10 − 2·3, 4 − 2·4) = (4, −4); Aᴴ of it doubles again.
    let x = Image(shape: [2, 3], samples: [1, 1, 1, 5, 5, 1])
    #expect(measurement.gradient(x).samples == [8, 16, -24, 0, 0, -8])
  }

  /// Run to convergence, the direction of DDS is γ Aᵀ (I + γ A Aᵀ)⁻¹ (y − A x̂₀), γ = s²/σ².
  ///
  /// A system of rank 3 converges in 3 steps; what is left is single precision times the condition 1 + γ‖A‖².
  @Test(arguments: [(0.02, 0.5), (0.1, 0.1), (0.5, 0.02)])
  func solvesTheDampedLeastSquaresProblem(sigma: Double, s: Double) {
    var generator = SplitMix64(seed: 4)
    let rows = (0..<3).map { _ in generator.normals(6).map { 0.3 * $0 } }
    let measurement = Self.measurement(rows, sigma: sigma, seed: 5)
    let estimate = Self.random(6)
    let A = Matrix(rows.map { $0.map(Double.init) })
    let gamma = s * s / (sigma * sigma)
    let residual = zip(measurement.y.samples.map(Double.init), A * estimate.samples.map(Double.init)).map(-)
    let inner = Matrix.identity(3) + gamma * (A * A.transposed)
    let expected = (A.transposed * (inner.inverse * residual)).map { Float(gamma * $0) }
    let found = measurement.direction(from: estimate, error: s, steps: 6)
    #expect(largestError(found.samples, expected) < 1e-6 * (1 + gamma))
    // Fewer steps than the rank are not enough, unless the damping leaves nothing but the gradient.
    let short = largestError(measurement.direction(from: estimate, error: s, steps: 1).samples, expected)
    #expect(gamma < 1 || short > 1e-2)
  }

  /// Run to convergence, the smooth direction is the mean of a normal error of covariance C = τ² AᵀA given its residual,
  /// C Aᵀ (A C Aᵀ + σ² I)⁻¹ (y − A x̂₀), τ² = s²/ρ², ρ = ‖A n‖/‖n‖ for the random image n of seed 1.
  ///
  /// A system of rank 3 converges in 3 steps; what is left is single precision times the condition 1 + τ²‖A‖⁴/σ², with
  /// ‖A‖² below the sum of squares.
  @Test(arguments: [(0.02, 0.3), (0.1, 0.1), (0.5, 0.02)])
  func isThePosteriorMeanOfASmoothError(sigma: Double, s: Double) {
    var generator = SplitMix64(seed: 4)
    let rows = (0..<3).map { _ in generator.normals(6).map { 0.3 * $0 } }
    let measurement = Self.measurement(rows, sigma: sigma, seed: 5)
    let estimate = Self.random(6)
    let A = Matrix(rows.map { $0.map(Double.init) })
    let probe = Self.random(1).samples.map(Double.init)
    func square(_ x: [Double]) -> Double { x.reduce(0) { $0 + $1 * $1 } }
    let seen = A * probe
    let tau2 = s * s * square(seen) / square(A.transposed * seen)
    let residual = zip(measurement.y.samples.map(Double.init), A * estimate.samples.map(Double.init)).map(-)
    let K = A * A.transposed
    let inner = (sigma * sigma) * Matrix.identity(3) + tau2 * (K * K)
    let v = K * (inner.inverse * residual)
    let expected = (A.transposed * v).map { Float(tau2 * $0) }
    let found = measurement.smoothDirection(from: estimate, error: s, steps: 6)
    let power = square(rows.flatMap { $0.map(Double.init) })
    #expect(largestError(found.samples, expected) < 1e-6 * (1 + tau2 * power * power / (sigma * sigma)))
  }

  /// For orthogonal rows of length c, as many as pixels, the error is white and its size is s whatever c is: the smooth
  /// direction is the Wiener filter Aᵀ(y − A x̂₀) s²/(s² c² + σ²) after one step.
  @Test func givesASmoothErrorItsStatedSize() {
    let c: Float = 2
    let rows = (0..<6).map { i in (0..<6).map { $0 == (i + 1) % 6 ? c : 0 } }
    let (sigma, s) = (0.3, 0.2)
    let measurement = Self.measurement(rows, sigma: sigma, seed: 5)
    let estimate = Self.random(6)
    let factor = Float(s * s / (s * s * 4 + sigma * sigma))
    let expected = measurement.gradient(estimate).samples.map { factor * $0 }
    let found = measurement.smoothDirection(from: estimate, error: s, steps: 1)
    #expect(largestError(found.samples, expected) < 1e-5)
  }

  /// Nothing to correct, and no steps: no direction, and no division of 0 by 0.
  @Test func staysWhereTheDataAreExplained() {
    let A = DenseOperator(Self.space, Self.orthonormal).scaled(by: 1)
    let x = Self.random(1)
    let measurement = NormalizedMeasurement(A, A(x), sigma: 0.1)
    #expect(measurement.direction(from: x, error: 0.1, steps: 5).samples.allSatisfy { $0 == 0 })
    let other = Self.measurement(Self.orthonormal, sigma: 0.1, seed: 2)
    #expect(other.direction(from: x, error: 0.1, steps: 0).samples.allSatisfy { $0 == 0 })
  }

  /// For a normal prior of covariance v I the error s_t of the estimate is v b²/(v a² + b²) in square, and DDS with it is
  /// the exact h-transform: the posterior's own estimate, at every step.
  @Test(arguments: [1, 2]) func isExactForAnIsotropicGaussian(iterations: Int) throws {
    let (sigma, v) = (0.1, 0.25)
    let mean = Self.random(8)
    let measurement = Self.measurement(Self.orthonormal, sigma: sigma, seed: 9)
    let prior = GaussianDenoiser(Self.space, mean: mean, rest: v)
    let dds = DDS(
      measurement, error: TweedieError(PriorDescription(), prior.schedule), iterations: iterations)

    // Posterior: variance 1/(1/v + 1/σ²) along the rows, v elsewhere.
    let along = 1 / (1 / v + 1 / (sigma * sigma))
    var center = mean
    Self.space.add(Float(along / (sigma * sigma)), measurement.gradient(mean), to: &center)
    let modes = Self.orthonormal.map { (Image(shape: [2, 3], samples: $0), along) }
    let posterior = GaussianDenoiser(Self.space, mean: center, modes: modes, rest: v)

    let conditioned = ConditionedDenoiser(prior, dds)
    for t in [0, 10, 100, 500, 990] {
      let x = Self.random(UInt64(t))
      let (found, expected) = (try conditioned.estimate(x, step: t), posterior.estimate(x, step: t))
      #expect(largestError(found.samples, expected.samples) < 5e-6, "step \(t)")
    }
  }
}
