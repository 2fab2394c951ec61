import Diffusion
import Fields
import Testing

@Suite struct DDIMSamplerTests {
  /// c₁ and c₂ for t → s at η, computed from the formula in double precision with NumPy.
  private static let coefficients: [(t: Int, s: Int, eta: Double, c1: Double, c2: Double)] = [
    (0, -1, 0, 0, 0), (0, -1, 1, 0, 0),
    (10, 0, 0, 0, 0.01), (10, 0, 0.85, 0.008304394303930374, 0.00557108923325033),
    (10, 0, 1, 0.009769875651682792, 0.0021329626697728986),
    (100, 90, 0, 0, 0.29450894613995054), (100, 90, 0.85, 0.1089008390333193, 0.2736350244656253),
    (100, 90, 1, 0.12811863415684624, 0.26518132464079835),
    (500, 490, 0, 0, 0.9560355066193026), (500, 490, 0.85, 0.26129590581763823, 0.9196348946836274),
    (500, 490, 1, 0.30740694802075086, 0.9052650762209895),
    (990, 980, 0, 0, 0.9999704808074544), (990, 980, 0.85, 0.3613053992640933, 0.9324158787520221),
    (990, 980, 1, 0.4250651756048156, 0.9051301337235098),
  ]

  /// A sample made of clean image and noise moves by the stated coefficients.
  @Test func movesByTheCoefficientsOfThePaper() {
    let schedule = NoiseSchedule()
    let space = ImageSpace(shape: [1, 3])
    let (clean, noise): ([Float], [Float]) = ([0.5, 0, -1], [0, 2, 1])
    for row in Self.coefficients {
      let (a, b) = (Float(schedule.a(row.t)), Float(schedule.b(row.t)))
      var x = Image(shape: [1, 3], samples: zip(clean, noise).map { a * $0 + b * $1 })
      var generator = SplitMix64(seed: 6)
      var copy = generator
      let fresh = row.c1 > 0 ? space.random(using: &copy).samples : [0, 0, 0]
      DDIMSampler(eta: row.eta).step(
        &x, estimate: Image(shape: [1, 3], samples: clean), in: space, from: row.t, to: row.s,
        schedule: schedule,
        using: &generator)
      let (aNext, c1, c2) = (Float(schedule.a(row.s)), Float(row.c1), Float(row.c2))
      let expected = (0..<3).map { aNext * clean[$0] + c1 * fresh[$0] + c2 * noise[$0] }
      // Values of order one in single precision.
      for (found, value) in zip(x.samples, expected) {
        #expect(abs(found - value) < 2e-6, "\(row.t) → \(row.s), η \(row.eta)")
      }
      // Nothing is drawn where nothing is needed.
      #expect(generator == copy)
    }
  }

  // MARK: The 4-D problem, whose posterior is known

  private static let problem = GaussianProblem()

  /// x̂₀ and x0_cond at x = (0.3, −1.2, 0.8, 0.5), computed in double precision by an independent program.
  private static let oracle: [(t: Int, estimate: [Float], conditioned: [Float])] = [
    (
      0, [0.29973083756489133, -1.199719777100631, 0.7997521692826441, 0.5002022585139982],
      [0.3096104150452052, -1.1947821676346464, 0.7938756851216218, 0.5060782829342793]
    ),
    (
      10, [0.2941995963884319, -1.1939563213323132, 0.7946651982698532, 0.5043277417334309],
      [0.46730428450280304, -1.1080404449474925, 0.7049355689992537, 0.5938882166553018]
    ),
    (
      100, [0.1464549448689311, -1.0325190521576064, 0.6656208948954444, 0.5785807964166421],
      [0.9375343520192021, -0.62291696675316, 0.4659645141785341, 0.7482586670971415]
    ),
    (
      500, [0.07258334889471899, -0.3863914584234791, 0.47956635538801584, 0.18109300844579895],
      [0.784850585970014, -0.17851654978135123, 0.12737386078290813, 0.4213463410749324]
    ),
    (
      990, [0.19659083951855336, -0.10726848130252398, 0.4022538028392428, 0.00462139672791737],
      [0.7554524864054702, -0.11511800716332689, 0.029767587441486887, 0.3223780677848733]
    ),
  ]

  private static func posterior() -> ConditionedDenoiser<GaussianDenoiser<ImageSpace>, GaussianHTransform> {
    ConditionedDenoiser(problem.prior, GaussianHTransform(problem: problem))
  }

  /// The h-transform of the prior's estimate is the estimate of the posterior: what the whole method rests on.
  @Test func conditionsTheGaussianExactly() throws {
    let x = Self.problem.image([0.3, -1.2, 0.8, 0.5])
    let direct = Self.problem.denoiser(Self.problem.posteriorMean, Self.problem.posteriorCovariance)
    for row in Self.oracle {
      #expect(
        largestError(Self.problem.prior.estimate(x, step: row.t).samples, row.estimate) < 2e-6,
        "step \(row.t)")
      let conditioned = try Self.posterior().estimate(x, step: row.t)
      #expect(largestError(conditioned.samples, row.conditioned) < 2e-6, "step \(row.t)")
      #expect(largestError(direct.estimate(x, step: row.t).samples, row.conditioned) < 2e-6, "step \(row.t)")
    }
  }

  /// The affine map from x_T to the sample at η = 0: its matrix and where it takes a_T times the posterior mean.
  private static func map(steps: [Int]) throws -> (matrix: Matrix, center: [Double]) {
    let denoiser = posterior()
    var generator = SplitMix64(seed: 0)
    func end(_ start: [Double]) throws -> [Double] {
      try DDIMSampler(eta: 0).sample(denoiser, steps: steps, from: problem.image(start), using: &generator)
        .samples.map(Double.init)
    }
    let a = denoiser.schedule.a(steps[0])
    let center = try end(problem.posteriorMean.map { a * $0 })
    let columns = try Matrix.identity(4).rows.map { unit in
      zip(try end(zip(problem.posteriorMean, unit).map { a * $0 + $1 }), center).map(-)
    }
    return (Matrix(columns).transposed, center)
  }

  /// Covariance of the samples when x_T has the covariance a² P + b² I of the true posterior at T.
  private static func covariance(steps: [Int]) throws -> Matrix {
    let schedule = NoiseSchedule()
    let (a, b) = (schedule.a(steps[0]), schedule.b(steps[0]))
    let M = try map(steps: steps).matrix
    return M * (a * a * problem.posteriorCovariance + b * b * Matrix.identity(4)) * M.transposed
  }

  /// With exact ε and h, η = 0 ends in the posterior: the mean at once, the covariance to first order in the step.
  @Test func convergesToTheExactPosterior() throws {
    let P = Self.problem.posteriorCovariance
    let counts = [25, 50, 100, 200]
    let schedule = NoiseSchedule()
    let errors = try counts.map { (try Self.covariance(steps: schedule.timesteps($0)) - P).norm / P.norm }
    for (coarse, fine) in zip(errors, errors.dropFirst()) {
      #expect((1.8...2.1).contains(coarse / fine), "errors \(errors)")
    }
    // Every step, and every third: what is left after removing the first order is second order and rounding.
    let every = try Self.covariance(steps: Array((1...999).reversed()))
    let third = try Self.covariance(steps: Array(stride(from: 999, to: 0, by: -3)))
    #expect((every - P).norm / P.norm < 0.01)
    let extrapolated = 1.5 * every - 0.5 * third
    #expect((extrapolated - P).norm / P.norm < 5e-4)
    let center = try Self.map(steps: schedule.timesteps(50)).center
    #expect(largestError(center.map { Float($0) }, Self.problem.posteriorMean.map { Float($0) }) < 1e-5)
  }

  /// Variance at the end of η = 1 of a component of posterior variance v that starts as N(0, 1), by the coefficients
  /// above in double precision.
  private static func finalVariance(_ v: Double, steps: [Int]) -> Double {
    let schedule = NoiseSchedule()
    var variance = 1.0
    for (index, t) in steps.enumerated() {
      let (a, b) = (schedule.a(t), schedule.b(t))
      let gain = a * v / (a * a * v + b * b)
      guard index + 1 < steps.count else { return gain * gain * variance }
      let (aNext, bNext) = (schedule.a(steps[index + 1]), schedule.b(steps[index + 1]))
      let c1 = ((1 - a * a / (aNext * aNext)) * bNext * bNext / (b * b)).squareRoot()
      let c2 = (bNext * bNext - c1 * c1).squareRoot()
      let factor = c2 / b + (aNext - c2 * a / b) * gain
      variance = factor * factor * variance + c1 * c1
    }
    return variance
  }

  /// η = 1 draws from the posterior: mean and covariance of 1500 samples, as z-scores.
  ///
  /// The covariance is compared with that of the same number of exact steps, which in turn tends to the posterior's.
  @Test func drawsFromThePosterior() throws {
    let (problem, schedule) = (Self.problem, NoiseSchedule())
    let (values, vectors) = problem.posteriorCovariance.eigen
    func law(_ steps: [Int]) -> Matrix {
      zip(values, vectors).reduce(0 * Matrix.identity(4)) { sum, mode in
        let u = Matrix([mode.1])
        return sum + Self.finalVariance(mode.0, steps: steps) * (u.transposed * u)
      }
    }
    let P = problem.posteriorCovariance
    let (half, full) = (law(schedule.timesteps(500)), law(schedule.timesteps(999)))
    #expect((full - P).norm / P.norm < 0.02)
    #expect((1.7...2.1).contains((half - P).norm / (full - P).norm))

    let (count, steps) = (1500, schedule.timesteps(50))
    let denoiser = problem.denoiser(problem.posteriorMean, P)
    var generator = SplitMix64(seed: 20)
    let samples = try (0..<count).map { _ in
      try DDIMSampler(eta: 1).sample(denoiser, steps: steps, using: &generator).samples.map(Double.init)
    }
    let covariance = law(steps)
    let mean = (0..<4).map { i in samples.reduce(0) { $0 + $1[i] } / Double(count) }
    for i in 0..<4 {
      let z = (mean[i] - problem.posteriorMean[i]) / (covariance.rows[i][i] / Double(count)).squareRoot()
      #expect(abs(z) < 4, "mean \(i): z = \(z)")
      for j in i..<4 {
        let found = samples.reduce(0) { $0 + ($1[i] - mean[i]) * ($1[j] - mean[j]) } / Double(count - 1)
        let expected = covariance.rows[i][j]
        let spread = (covariance.rows[i][i] * covariance.rows[j][j] + expected * expected) / Double(count)
        let z = (found - expected) / spread.squareRoot()
        #expect(abs(z) < 4, "covariance \(i), \(j): z = \(z)")
      }
    }
  }

  /// The same seed draws the same sample; given noise, η = 0 needs no generator.
  @Test func isDeterministic() throws {
    let denoiser = Self.problem.prior
    let steps = NoiseSchedule().timesteps(10)
    func draw(_ eta: Double, seed: UInt64, from noise: Image? = nil) throws -> Image {
      var generator = SplitMix64(seed: seed)
      return try DDIMSampler(eta: eta).sample(denoiser, steps: steps, from: noise, using: &generator)
    }
    #expect(try draw(1, seed: 1) == draw(1, seed: 1))
    #expect(try draw(1, seed: 1) != draw(1, seed: 2))
    let noise = Self.problem.image([1, -1, 0.5, 2])
    #expect(try draw(0, seed: 1, from: noise) == draw(0, seed: 2, from: noise))
  }

  /// One evaluation per step, and a step that fails ends the sample.
  @Test func evaluatesOncePerStep() throws {
    struct Stop: Error {}
    final class Counting: Denoiser {
      let inner: GaussianDenoiser<ImageSpace>
      var steps: [Int] = []
      init(_ inner: GaussianDenoiser<ImageSpace>) { self.inner = inner }
      var space: ImageSpace { inner.space }
      var schedule: NoiseSchedule { inner.schedule }
      func estimate(_ x: Image, step t: Int) -> Image {
        steps.append(t)
        return inner.estimate(x, step: t)
      }
    }
    let denoiser = Counting(Self.problem.prior)
    var generator = SplitMix64(seed: 1)
    var seen: [Int] = []
    _ = try DDIMSampler().sample(denoiser, steps: [999, 500, 20], using: &generator) { seen.append($0) }
    #expect(denoiser.steps == [999, 500, 20] && seen == [0, 1, 2])
    #expect(throws: Stop.self) {
      _ = try DDIMSampler().sample(denoiser, steps: [999, 500, 20], using: &generator) {
        if $0 == 1 { throw Stop() }
      }
    }
    #expect(denoiser.steps.count == 5)
  }
}
