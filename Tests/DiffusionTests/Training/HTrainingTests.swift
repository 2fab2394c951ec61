import Diffusion
import Fields
import Foundation
import Operators
import Testing

@Suite struct HTrainingTests {
  private static let space = ImageSpace(shape: [8, 8])
  /// Small enough that no estimate reaches the ends of the range at ±1.
  private static let variance = 0.04

  private static func training(
    _ folder: URL, _ form: HDescription.Form, iterations: Int = 0, learningRate: Double = 0.01,
    sigma: Double = 0.02,
    channels: [Int] = [8], prior: Double = variance,
    images: any ImageSource = GaussianImages(variance: variance), isBlind: Bool = false
  ) throws -> HTraining<SamplingScan> {
    try HTraining(
      .init(form: form, channels: channels, spaceToDepth: 1, iterations: 3),
      settings: TrainingSettings(
        iterations: iterations, batch: 64, learningRate: learningRate, warmUp: 20, weightDecay: 0,
        gradientLimit: 10,
        averageDecay: 0.98, seed: 5, checkpointEvery: 100_000),
      prior: GaussianPredictor(variance: prior).prior(), priorChecksum: "0123456789abcdef",
      scan: SamplingScan(space, sigma: sigma, isBlind: isBlind), images: images, folder: folder.path
    )
  }

  /// Training itself finds the optimal guidance: NN2 alone, NN1 held at zero, from clean images and fresh noise.
  ///
  /// For x₀ ~ N(0, v I) and orthonormal rows the optimum is n = a b v/(v b² + σ² (a² v + b²)), which for v = 1 is
  /// a b/(b² + σ²). Some 10⁴ numbers near every step leave an error of 1 %; 5 % of the value and 0.3 % of the peak allow for
  /// what a network of 64 features cannot follow in 300 iterations. The peak is 25, the optimum at step 500 is 0.3.
  @Test func findsTheOptimalGuidance() throws {
    try withTemporaryFolder { folder in
      let sigma = 0.02
      let training = try Self.training(folder, .paper, iterations: 300, sigma: sigma)
      // A normalisation of weight 0 before a convolution of weight 0: neither ever gets a gradient.
      let norm = try training.network.parameters.tensor("conv_norm_out.weight")
      try norm.assign(Tensor(filledWith: 0, shape: norm.shape))
      try training.train(report: { _ in })
      #expect(try norm.floats().allSatisfy { $0 == 0 }, "NN1 has moved")

      let network = try HCheckpoint(path: folder.path).network
      let (schedule, v) = (NoiseSchedule(), Self.variance)
      func optimum(_ t: Int) -> Double {
        let (a, b) = (schedule.a(t), schedule.b(t))
        return a * b * v / (v * b * b + sigma * sigma * (a * a * v + b * b))
      }
      let peak = (0..<1000).map(optimum).max() ?? 0
      let steps = [10, 50, 100, 200, 350, 500, 700, 900]
      let found = try Torch.withoutGradients { try network.weight(steps).floats() }
      for (t, n) in zip(steps, found) {
        let tolerance = 0.05 * optimum(t) + 0.003 * peak
        #expect(abs(Double(n) - optimum(t)) < tolerance, "step \(t): \(n), expected \(optimum(t))")
      }
    }
  }

  /// The untrained error that training reports is that of the exact h-transform, averaged over the steps: for σ² = v and
  /// τ² = v b²/(a² v + b²), half of the pixels have τ² σ²/(τ² + σ²) and the unmeasured half τ².
  ///
  /// 3200 random steps, whose τ² spread by 60 % of their mean, give the average to 1 %. Were s_t wrong by a factor of
  /// two, it would be off by 10 %.
  @Test func startsFromTheErrorOfDDS() throws {
    try withTemporaryFolder { folder in
      let v = Self.variance
      let training = try Self.training(
        folder, .preconditioned, iterations: 50, learningRate: 0, sigma: v.squareRoot(), isBlind: true)
      var reports: [[String: Double]] = []
      try training.train(report: {
        reports.append(Dictionary(uniqueKeysWithValues: $0.figures.map { ($0.name, $0.value) }))
      })
      let schedule = NoiseSchedule()
      let errors: [Double] = (0..<1000).map { t in
        let (a, b) = (schedule.a(t), schedule.b(t))
        let unmeasured = v * b * b / (a * a * v + b * b)
        let measured = unmeasured * v / (unmeasured + v)
        return (measured + unmeasured) / 2
      }
      let expected = errors.reduce(0, +) / 1000
      #expect(reports.count == 2)
      let found = reports.reduce(0) { $0 + ($1["untrained"] ?? 0) } / 2
      #expect(abs(found / expected - 1) < 0.04, "\(found), expected \(expected)")
      // Both are sums of one set of single-precision numbers, in another order.
      for report in reports { #expect(abs((report["error"] ?? 0) / (report["untrained"] ?? 1) - 1) < 1e-6) }
    }
  }

  /// The checkpoint states the error with which the last direction serves best. Untrained, the paper's form takes a step
  /// γ = b/a of the way to y where half of the pixels are measured; the posterior mean at step 100, the last of ten, is
  /// G = τ²/(τ² + σ²) of the way, so that g = (G − γ)/(1 − γ) of the rest is left, and s² = σ² g/(1 − g).
  ///
  /// 128 numbers give g/(1 − g) to some 30 %, s to 15 %; the search gives s to half a step of √2, 19 %.
  @Test func statesTheErrorOfItsEstimates() throws {
    try withTemporaryFolder { folder in
      let (v, sigma) = (Self.variance, 0.05)
      try Self.training(folder, .paper, sigma: sigma).train(report: { _ in })
      let schedule = NoiseSchedule()
      #expect(schedule.timesteps(10).last == 100)
      let (a, b) = (schedule.a(100), schedule.b(100))
      let tau2 = v * b * b / (a * a * v + b * b)
      let (G, gamma) = (tau2 / (tau2 + sigma * sigma), b / a)
      let g = (G - gamma) / (1 - gamma)
      let expected = sigma * (g / (1 - g)).squareRoot()
      let found = try HCheckpoint(path: folder.path).description.estimateError
      #expect(abs(log(found / expected)) < log(2) / 2, "\(found), expected \(expected)")
    }
  }

  /// It is that of the network as it was saved: of the averages, not of the last weights.
  @Test func statesTheErrorOfWhatItSaves() throws {
    try withTemporaryFolder { folder in
      let training = try Self.training(folder, .paper, iterations: 3, learningRate: 0.5, sigma: 0.05)
      try training.train(report: { _ in })
      let stated = try HCheckpoint(path: folder.path).description.estimateError
      for parameter in training.network.parameters.tensors {
        try parameter.assign(Tensor(filledWith: 0, shape: parameter.shape))
      }
      try training.saveCheckpoint()
      #expect(try HCheckpoint(path: folder.path).description.estimateError == stated)
    }
  }

  /// Images of one value, a prior that does not know it: the network learns it from x_ref and passes DDS.
  @Test func learnsWhatThePriorDoesNotKnow() throws {
    try withTemporaryFolder { folder in
      let training = try Self.training(
        folder, .preconditioned, iterations: 50, sigma: 0.1, prior: 0.25, images: FlatImages())
      var last: [Double] = []
      try training.train(report: { last = $0.figures.map(\.value) })
      #expect(last[1] < 0.5 * last[2], "error \(last[1]), untrained \(last[2])")
    }
  }

  /// An untrained network, through its checkpoint: where x_ref says nothing, DEFT is DDS held to the range.
  ///
  /// An x_ref that is wrong by 10⁴ gets a weight of 10⁻⁸ at most, which leaves 10⁻⁴ of it where the prior's error is 1.
  @Test func savesDDSWhenUntrained() throws {
    try withTemporaryFolder { folder in
      try Self.training(folder, .preconditioned, isBlind: true).train(report: { _ in })
      let checkpoint = try HCheckpoint(path: folder.path)
      #expect(checkpoint.description.form == .preconditioned && checkpoint.description.iterations == 3)
      var generator = SplitMix64(seed: 1)
      let images = GaussianImages(variance: 0.2)
      let scan = SamplingScan(Self.space, sigma: 0.05, isBlind: true)
      let measurement = scan.measure(images.draw(rows: 8, columns: 8, using: &generator), using: &generator)
      let deft = DEFT(
        checkpoint, measurement, reference: scan.reference(measurement), schedule: NoiseSchedule())
      let dds = DDS(measurement, error: checkpoint.tweedieError, iterations: 3)
      var clamped = 0
      for t in [0, 30, 400, 999] {
        let (estimate, x) = (
          images.draw(rows: 8, columns: 8, using: &generator), Self.space.random(using: &generator)
        )
        let expected = dds.condition(estimate, noisy: x, step: t)
        clamped += expected.samples.filter { abs($0) > 1 }.count
        let held = expected.samples.map { max(-1, min(1, $0)) }
        let found = try deft.condition(estimate, noisy: x, step: t).samples
        let error = checkpoint.tweedieError[t]
        #expect(largestError(found, held) < 1.1e-4 * error * error + 1e-6)
      }
      #expect(clamped > 0, "nothing reached the range")
    }
  }

  /// The same for the paper's form: a step of (b/a) Aᴴ(y − A x̂₀).
  @Test func savesAGradientStepWhenUntrained() throws {
    try withTemporaryFolder { folder in
      try Self.training(folder, .paper).train(report: { _ in })
      var generator = SplitMix64(seed: 1)
      let images = GaussianImages(variance: 0.05)
      let scan = SamplingScan(Self.space, sigma: 0.05)
      let measurement = scan.measure(images.draw(rows: 8, columns: 8, using: &generator), using: &generator)
      let schedule = NoiseSchedule()
      let deft = try DEFT(
        HCheckpoint(path: folder.path), measurement, reference: scan.reference(measurement),
        schedule: schedule)
      for t in [0, 30, 400] {
        let (estimate, x) = (
          images.draw(rows: 8, columns: 8, using: &generator), Self.space.random(using: &generator)
        )
        var expected = measurement.gradient(estimate)
        Self.space.scale(&expected, by: Float(schedule.b(t) / schedule.a(t)))
        Self.space.add(1, estimate, to: &expected)
        #expect(
          largestError(try deft.condition(estimate, noisy: x, step: t).samples, expected.samples) < 1e-6)
      }
    }
  }

  /// A prior is a denoiser: for normal images and their exact noise prediction the exact one, held to the range.
  @Test func turnsAPriorIntoADenoiser() throws {
    let denoiser = PriorDenoiser(GaussianPredictor(variance: 0.3).prior(), on: Self.space)
    let exact = GaussianDenoiser(Self.space, mean: Self.space.zero(), rest: 0.3)
    var generator = SplitMix64(seed: 2)
    for t in [0, 100, 999] {
      let x = Self.space.random(using: &generator)
      let expected = exact.estimate(x, step: t).samples.map { max(-1, min(1, $0)) }
      // Dividing by a amplifies the rounding of the noise, by 157 at the last step.
      let found = try denoiser.estimate(x, step: t).samples
      let worst = zip(found, expected).map { abs($0 - $1) }.max() ?? 0
      #expect(worst < Float(1e-6 / denoiser.schedule.a(t)), "step \(t)")
    }
  }

  /// Weights and description survive the disk: the network read gives the bits of the network written.
  @Test(arguments: HDescription.Form.allCases) func savesWhatItTrained(form: HDescription.Form) throws {
    try withTemporaryFolder { folder in
      let training = try Self.training(folder, form, iterations: 2, channels: [8, 16])
      try training.train(report: { _ in })
      let path = folder.appendingPathComponent("diffusion_pytorch_model.safetensors").path
      let file = try SafeTensors(path: path)
      // Two iterations move little: stronger weights, representable as halves, instead.
      var generator = SplitMix64(seed: 2)
      let tensors = training.network.parameters.names.map { name in
        let shape = file.entries[name]?.shape ?? []
        let values = generator.normals(shape.reduce(1, *)).map { Float(Float16(0.2 * $0)) }
        return (name: name, shape: shape, values: values)
      }
      for (tensor, stored) in zip(training.network.parameters.tensors, tensors) {
        try tensor.assign(Tensor(stored.values, shape: stored.shape))
      }
      try SafeTensors.write(tensors, precision: .float16, to: path)
      let read = try HCheckpoint(path: folder.path)
      #expect(read.parameterCount == training.parameterCount)

      let images = try (0..<4).map { _ in try Tensor(generator.normals(64), shape: [1, 1, 8, 8]) }
      func output(_ network: HNetwork) throws -> [Float] {
        try Torch.withoutGradients {
          switch form {
          case .preconditioned:
            return try network.preconditioned(
              noisy: images[0], estimate: images[1], direction: images[2], reference: images[3],
              errors: [EstimateErrors(tweedie: 0.3, reference: 0.2)], time: [77]
            ).floats()
          case .paper:
            return try network.paper(
              noisy: images[0], estimate: images[1], gradient: images[2], schedule: NoiseSchedule(),
              time: [77]
            ).floats()
          }
        }
      }
      #expect(try output(read.network) == output(training.network))
    }
  }

  /// A state is for one network, scan, prior and set of images, and says which of them is another now.
  @Test func refusesTheStateOfAnotherTraining() throws {
    try withTemporaryFolder { folder in
      try Self.training(folder, .paper).train(report: { _ in })
      func differences(_ body: () throws -> HTraining<SamplingScan>) -> [String] {
        do {
          _ = try body()
        } catch TrainingError.otherTraining(_, let differences) {
          return differences
        } catch {
          Issue.record("\(error)")
        }
        return []
      }
      #expect(
        differences { try Self.training(folder, .preconditioned) } == [
          "the form is preconditioned, the run began with paper"
        ])
      #expect(
        differences { try Self.training(folder, .paper, channels: [8, 8]) } == [
          "the list of channels is [8, 8], the run began with [8]"
        ])
      #expect(
        differences { try Self.training(folder, .paper, images: FlatImages()) } == [
          "the variance is missing, the run began with 0.04",
          "the image is flat, which the run began without",
        ])
      // The prior and what the scan is made of enter with the rest.
      let training = try Self.training(folder, .paper)
      let names = try Self.stateIdentity(folder).map(\.name)
      for name in [
        "the kind of network", "the checksum of the prior", "the number of conjugate-gradient steps",
        "pixels",
        "the noise", "the simple inverse", "the range of the images", "the attenuation of water",
        "the pixel spacing", "the block of pixels",
      ] {
        #expect(names.contains(name), "\(name)")
      }
      #expect(training.startsAt == 0)
    }
  }

  private static func stateIdentity(_ folder: URL) throws -> [NamedValue] {
    let state = try SafeTensors(path: folder.appendingPathComponent("training/state.safetensors").path)
    return try JSONDecoder().decode([NamedValue].self, from: Data((state.metadata["identity"] ?? "").utf8))
  }

  /// Prior, scan and network speak of the same values, or of none.
  @Test func refusesAPriorOfAnotherRange() throws {
    try withTemporaryFolder { folder in
      let prior = GaussianPredictor(variance: 0.1).prior {
        $0.range = IntensityRange(unit: "HU", low: -1024, high: 3071)
      }
      let sentence = checkpointError {
        _ = try HTraining(
          .init(channels: [8], spaceToDepth: 1),
          settings: TrainingSettings(iterations: 0, batch: 1, learningRate: 0.01), prior: prior,
          priorChecksum: "", scan: SamplingScan(Self.space, sigma: 0.1), images: FlatImages(),
          folder: folder.path)
      }
      #expect(sentence.contains("-1024 to 3071 HU") && sentence.contains("-1000 to 1000 HU"))
      let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      #expect(left.isEmpty)
    }
  }
}

@Suite struct HCheckpointTests {
  private static func checkpoint<Result>(_ body: (String) throws -> Result) throws -> Result {
    try withTemporaryFolder { folder in
      let training = try HTraining(
        .init(form: .preconditioned, channels: [8], spaceToDepth: 2, iterations: 3),
        settings: TrainingSettings(iterations: 0, batch: 1, learningRate: 0.01),
        prior: GaussianPredictor(variance: 0.1).prior(), priorChecksum: "0123456789abcdef",
        scan: SamplingScan(ImageSpace(shape: [8, 8]), sigma: 0.1), images: GaussianImages(variance: 0.1),
        folder: folder.path)
      try training.train(report: { _ in })
      return try body(folder.path)
    }
  }

  @Test func namesItsScanAndItsPrior() throws {
    try Self.checkpoint { path in
      let checkpoint = try HCheckpoint(path: path)
      let scan = SamplingScan(ImageSpace(shape: [8, 8]), sigma: 0.1)
      try checkpoint.expect(scan.fingerprint)
      try checkpoint.expect(prior: "0123456789abcdef")
      #expect(checkpoint.description.noise == scan.noise)
      #expect(checkpoint.description.tweedieSteps.count == 21)

      let other = OperatorFingerprint([.init("pixels", "every third"), .init("size", "8 × 8")])
      let sentence = checkpointError { try checkpoint.expect(other) }
      #expect(sentence.contains("pixels is every third, the network was tuned for every second"))
      #expect(!sentence.contains("size") && sentence.contains(path) && sentence.contains("deft train h"))
      let prior = checkpointError { try checkpoint.expect(prior: "fedcba9876543210") }
      #expect(prior.contains("0123456789ab") && prior.contains("fedcba987654") && prior.contains(path))
    }
  }

  /// Noise far outside the levels it was tuned for is said, in percent; a fifth beyond them is not.
  @Test func warnsOfNoiseItHasNotSeen() throws {
    try Self.checkpoint { path in
      let file = URL(fileURLWithPath: path + "/deft.json")
      try Fixtures.change(file, ["noise": [0.005, 0.02]])
      let checkpoint = try HCheckpoint(path: path)
      for level in [0.0042, 0.005, 0.01, 0.02, 0.0239, .nan, .infinity] {
        #expect(checkpoint.noiseWarning(relative: level) == nil, "\(level)")
      }
      for (level, text) in [(0.07, "7 %"), (0.0041, "0.41 %"), (0, "0 %"), (0.0241, "2.41 %")] {
        let sentence = try #require(checkpoint.noiseWarning(relative: level))
        #expect(sentence.contains("tuned for noise of 0.5 to 2 %"), "\(sentence)")
        #expect(sentence.contains("this scan has \(text)") && sentence.contains(path), "\(sentence)")
      }
      try Fixtures.change(file, ["noise": [0.01, 0.01]])
      let narrow = try #require(try HCheckpoint(path: path).noiseWarning(relative: 0.05))
      #expect(narrow.contains("tuned for noise of 1 % of"))
    }
  }

  /// Its curve of errors has an entry for every step of the prior it was tuned with, and for no other prior.
  @Test func isBoundToTheScheduleOfItsPrior() throws {
    try Self.checkpoint { path in
      let checkpoint = try HCheckpoint(path: path)
      try checkpoint.expect(NoiseSchedule())
      for steps in [500, 2000] {
        let sentence = checkpointError { try checkpoint.expect(NoiseSchedule(steps: steps)) }
        #expect(sentence.contains("1000 noise levels, this one has \(steps)") && sentence.contains(path))
      }
      let file = URL(fileURLWithPath: path + "/deft.json")
      try Fixtures.change(file, ["tweedieSteps": [0, 1999], "tweedieErrors": [0.1, 0.5]])
      try HCheckpoint(path: path).expect(NoiseSchedule(steps: 2000))
      // Without a curve it takes that of a Gaussian at the standard steps.
      try Fixtures.change(file, ["tweedieSteps": [Int](), "tweedieErrors": [Double]()])
      let silent = try HCheckpoint(path: path)
      try silent.expect(NoiseSchedule())
      #expect(checkpointError { try silent.expect(NoiseSchedule(steps: 2000)) }.contains("1000 noise levels"))
    }
  }

  @Test func isBoundToItsRange() throws {
    try Self.checkpoint { path in
      let checkpoint = try HCheckpoint(path: path)
      try checkpoint.expect(IntensityRange.hounsfield)
      let sentence = checkpointError {
        try checkpoint.expect(IntensityRange(unit: "HU", low: -1000, high: 2000))
      }
      #expect(sentence.contains("images of -1000 to 1000 HU") && sentence.contains("from -1000 to 2000 HU"))
    }
  }

  @Test func refusesDescriptionsThatMakeNoSense() throws {
    try Self.checkpoint { path in
      let file = URL(fileURLWithPath: path + "/deft.json")
      let original = try Data(contentsOf: file)
      let refused: [(String, Any?)] = [
        ("spaceToDepth", 0), ("spaceToDepth", -1), ("spaceToDepth", 1 << 40), ("iterations", -1),
        ("iterations", 0),
        ("iterations", 1 << 40), ("tweedieSteps", [5, 1]), ("tweedieErrors", [0, 0]), ("form", "magic"),
        ("form", nil), ("noise", [0.2, 0.1]), ("noise", "loud"), ("fingerprint", nil),
        ("reference", ["totalVariation": ["lambda": 0.1, "steps": -1]]),
        ("reference", ["totalVariation": ["lambda": 0, "steps": 9]]),
        ("range", ["unit": "HU", "low": 1, "high": -1]),
      ]
      for (key, value) in refused {
        try original.write(to: file)
        try Fixtures.change(file, [key: value])
        let sentence = checkpointError { _ = try HCheckpoint(path: path) }
        #expect(sentence.contains(key) && sentence.contains(path), "\(key): \(sentence)")
      }
      // Another form needs another number of channels.
      try original.write(to: file)
      try Fixtures.change(file, ["form": "paper"])
      #expect(
        checkpointError { _ = try HCheckpoint(path: path) }.contains("in_channels, out_channels is 16, 4"))
      try FileManager.default.removeItem(at: file)
      #expect(checkpointError { _ = try HCheckpoint(path: path) }.contains("cannot read"))
    }
  }
}
