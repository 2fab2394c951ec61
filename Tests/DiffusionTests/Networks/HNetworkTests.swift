import Diffusion
import Fields
import Operators
import Testing

@Suite struct HNetworkTests {
  private static let schedule = NoiseSchedule()
  private static let space = ImageSpace(shape: [8, 8])

  private static func network(_ form: HDescription.Form) throws -> HNetwork {
    try HNetwork(
      form, HNetwork.configuration(form, channels: [8], spaceToDepth: 1), spaceToDepth: 1,
      ParameterStore(seed: 1))
  }

  private static func random(_ seed: UInt64, count: Int = 2) throws -> Tensor {
    var generator = SplitMix64(seed: seed)
    return try Tensor(generator.normals(count * 64), shape: [count, 1, 8, 8])
  }

  /// Before training, with an x_ref that knows nothing: x̂₀ + d, to the last bit, which is DDS.
  @Test func startsAsDDS() throws {
    let network = try Self.network(.preconditioned)
    let (x, estimate, d, reference) = (
      try Self.random(1), try Self.random(2), try Self.random(3), try Self.random(4)
    )
    let found = try network.preconditioned(
      noisy: x, estimate: estimate, direction: d, reference: reference,
      errors: [0.1, 0.4].map { EstimateErrors(tweedie: $0, reference: 1e9) }, time: [3, 900])
    #expect(try found.floats() == (estimate + d).floats())
    #expect(try network.weight([0, 500, 999]).floats() == [1, 1, 1])
  }

  /// Before training: two unbiased estimates with independent errors of 0.3 and 0.4 are weighted 0.64 to 0.36, which
  /// leaves an error of 0.24; and it does: 10⁵ numbers give it to 0.25 %, four deviations of which are 1 %.
  @Test func startsAsTheMeanOfLeastError() throws {
    let errors = EstimateErrors(tweedie: 0.3, reference: 0.4)
    #expect(abs(errors.weight - 0.36) < 1e-12)
    #expect(abs(errors.combined - 0.24) < 1e-12)
    let count = 100_000
    var generator = SplitMix64(seed: 1)
    func estimate(_ error: Float) throws -> Tensor {
      try Tensor(generator.normals(count).map { error * $0 }, shape: [1, 1, 1, count])
    }
    let start = try HNetwork.start(estimate(0.3), estimate(0.4), [errors])
    let found = Double(try start.squared().mean().scalar()).squareRoot()
    #expect(abs(found / 0.24 - 1) < 0.01, "\(found)")
  }

  /// Before training: a constant step along the gradient, in ε: x̂₀ + (b/a) σ² g.
  @Test func startsAsAStepAlongTheGradient() throws {
    let network = try Self.network(.paper)
    let (x, estimate, gradient) = (try Self.random(1), try Self.random(2), try Self.random(3))
    let steps = [3, 700]
    let found = try network.paper(
      noisy: x, estimate: estimate, gradient: gradient, schedule: Self.schedule, time: steps)
    let ratios = steps.map { Float(Self.schedule.b($0) / Self.schedule.a($0)) }
    let expected = try estimate + Tensor(ratios, shape: [2, 1, 1, 1]) * gradient
    #expect(largestError(try found.floats(), try expected.floats()) < 1e-6)
  }

  /// Both parts enter as the equations say, with all weights at work.
  @Test func combinesBothNetworks() throws {
    let preconditioned = try Self.network(.preconditioned)
    try preconditioned.parameters.perturb(seed: 2)
    let (x, estimate, d, reference) = (
      try Self.random(1), try Self.random(2), try Self.random(3), try Self.random(4)
    )
    let steps = [3, 900]
    let errors = [
      EstimateErrors(tweedie: 0.1, reference: 0.2), EstimateErrors(tweedie: 0.4, reference: 0.1),
    ]
    let found = try preconditioned.preconditioned(
      noisy: x, estimate: estimate, direction: d, reference: reference, errors: errors, time: steps)
    let nn1 = try preconditioned.nn1(
      Tensor.concatenated([x, estimate, estimate + d, reference], axis: 1), time: steps
    ).floats()
    let nn2 = try preconditioned.weight(steps).floats()
    let (e, direction, simple) = (try estimate.floats(), try d.floats(), try reference.floats())
    // 1/e² = 1/0.01 + 1/0.04, and 1/0.16 + 1/0.01
    let w: [Float] = [0.2, 16.0 / 17]
    let twice: [Float] = [2 * Float(0.008).squareRoot(), 0.8 / Float(17).squareRoot()]
    let expected = e.indices.map { i -> Float in
      let k = i / 64
      let start: Float = (1 - w[k]) * (e[i] + nn2[k] * direction[i]) + w[k] * simple[i]
      return start + twice[k] * nn1[i]
    }
    #expect(largestError(try found.floats(), expected) < 1e-5)
    // NN2 depends on the step, and the step of every sample is its own.
    #expect(nn2[0] != nn2[1])
    #expect(try preconditioned.weight([900]).floats()[0] == nn2[1])

    let paper = try Self.network(.paper)
    try paper.parameters.perturb(seed: 3)
    let noise = try paper.nn1(Tensor.concatenated([x, estimate, d], axis: 1), time: steps).floats()
    let n = try paper.weight(steps).floats()
    let result = try paper.paper(
      noisy: x, estimate: estimate, gradient: d, schedule: Self.schedule, time: steps
    ).floats()
    let corrected = e.indices.map { i in
      let t = steps[i / 64]
      return e[i] - Float(Self.schedule.b(t) / Self.schedule.a(t)) * (noise[i] - n[i / 64] * direction[i])
    }
    #expect(largestError(result, corrected) < 1e-5)
  }

  /// For x₀ ~ N(0, I) and a measurement with orthonormal rows, NN2 alone regresses to a b σ²/(b² + σ²).
  ///
  /// The loss ‖ε − ε_θ − ε_h‖² is a parabola in NN2, so that three values give its minimum without any training. 24
  /// batches give the minimum with its error. Closed form at σ = 0.1 by an independent program; without the variance of
  /// the estimate (DPS) it would be a b: 1.6 times as much at step 20, 11 at 100, 93 at 500.
  @Test(arguments: [
    (20, 0.04851080096597102), (100, 0.02667378852525532), (200, 0.013429179556207463),
    (500, 0.0028733144824969648),
  ])
  func regressesToTheOptimalGuidance(t: Int, optimum: Double) throws {
    let (sigma, count, batches) = (0.1, 32, 24)
    let network = try Self.network(.paper)
    let weight = try network.parameters.tensor("nn2.linear_2.bias")
    let predictor = GaussianPredictor(variance: 1)
    let scan = SamplingScan(Self.space, sigma: sigma)
    let (a, b) = (Self.schedule.a(t), Self.schedule.b(t))
    let steps = Array(repeating: t, count: count)
    var generator = SplitMix64(seed: UInt64(t))
    #expect(abs(a * b * sigma * sigma / (b * b + sigma * sigma) / optimum - 1) < 1e-9)

    let minima = try Torch.withoutGradients {
      try (0..<batches).map { _ in
        let clean = (0..<count).map { _ in Self.space.random(using: &generator) }
        let (truth, noise) = (
          try Tensor(clean), try Tensor(generator.normals(count * 64), shape: [count, 1, 8, 8])
        )
        let noisy = try a * truth + b * noise
        let estimate = try 1 / a * (noisy - b * predictor.predictNoise(noisy, time: steps))
        let gradients = zip(clean, try estimate.images()).map {
          scan.measure($0, using: &generator).gradient($1)
        }
        let gradient = try Tensor(gradients)
        func loss(_ n: Float) throws -> Double {
          try weight.assign(Tensor([n], shape: [1]))
          let conditioned = try network.paper(
            noisy: noisy, estimate: estimate, gradient: gradient, schedule: Self.schedule, time: steps)
          let error = try (conditioned - truth).floats().reduce(0) { $0 + Double($1) * Double($1) }
          return a * a / (b * b) * error
        }
        // In units of the closed form, so that the three values differ as much as they can.
        let unit = optimum / (sigma * sigma)
        let (zero, one, two) = (try loss(0), try loss(Float(unit)), try loss(Float(2 * unit)))
        return optimum * (1.5 * zero - 2 * one + 0.5 * two) / (zero - 2 * one + two)
      }
    }
    let mean = minima.reduce(0, +) / Double(batches)
    let variance = minima.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(batches - 1)
    let deviation = (variance / Double(batches)).squareRoot()
    #expect(abs(mean - optimum) < 3.5 * deviation, "\(mean) ± \(deviation), expected \(optimum)")
    #expect(deviation < 0.02 * optimum, "too few samples to tell")
  }
}

@Suite struct OperatorFingerprintTests {
  /// Sixty angles are no sentence: their ends, their number, and where the lists part.
  @Test func saysWhereListsPart() {
    func scan(_ angles: [Int]) -> OperatorFingerprint {
      OperatorFingerprint([.init("the list of angles", angles.map(String.init).joined(separator: " "))])
    }
    let tuned = scan(Array(stride(from: 0, to: 180, by: 3)))
    #expect(
      tuned.differences(from: scan(Array(stride(from: 0, to: 180, by: 2)))) == [
        "the list of angles is 0 … 178 (90 numbers), the network was tuned for 0 … 177 (60 numbers); number 2 is 2 "
          + "instead of 3"
      ])
    #expect(
      tuned.differences(from: scan([0, 3, 6, 9, 12])) == [
        "the list of angles is 0 … 12 (5 numbers), the network was tuned for 0 … 177 (60 numbers)"
      ])
  }

  @Test func saysWhatDiffers() {
    let tuned = OperatorFingerprint([.init("views", "60"), .init("bins", "367"), .init("arc", "180°")])
    #expect(tuned.differences(from: tuned).isEmpty)
    let used = OperatorFingerprint([.init("views", "90"), .init("bins", "367"), .init("axis", "183")])
    #expect(
      tuned.differences(from: used) == [
        "views is 90, the network was tuned for 60", "arc is absent, the network was tuned for 180°",
        "axis is 183, the network was tuned for absent",
      ])
  }
}
