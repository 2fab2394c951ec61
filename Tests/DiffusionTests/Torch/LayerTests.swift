import Diffusion
import Fields
import Testing

@Suite struct LayerTests {
  /// A layer correlates: an impulse in the middle returns the kernel turned by 180°.
  @Test func convolvesAnImpulse() throws {
    let convolution = try Conv2d(ParameterStore(seed: 1).root, 1, 1)
    try convolution.weight.assign(Tensor([1, 2, 3, 4, 5, 6, 7, 8, 9], shape: [1, 1, 3, 3]))
    try convolution.bias.assign(Tensor([0.5], shape: [1]))
    let impulse = try Tensor([0, 0, 0, 0, 1, 0, 0, 0, 0], shape: [1, 1, 3, 3])
    #expect(try convolution(impulse).floats() == [9.5, 8.5, 7.5, 6.5, 5.5, 4.5, 3.5, 2.5, 1.5])
    #expect(throws: TorchError.self) { _ = try convolution(Tensor(filledWith: 0, shape: [1, 2, 3, 3])) }
  }

  /// Stride 2 with padding 1 looks at pixels −1, 1, 3, …
  @Test func convolvesEverySecondPixel() throws {
    let convolution = try Conv2d(ParameterStore(seed: 1).root, 1, 1, stride: 2)
    try convolution.weight.assign(Tensor([0, 0, 0, 1, 10, 100, 0, 0, 0], shape: [1, 1, 3, 3]))
    try convolution.bias.assign(Tensor([0], shape: [1]))
    let row = try Tensor([1, 2, 3, 4], shape: [1, 1, 1, 4])
    #expect(try convolution(row).floats() == [210, 432])
  }

  @Test func multipliesAndAdds() throws {
    let linear = try Linear(ParameterStore(seed: 1).root, 2, 1)
    try linear.weight.assign(Tensor([3, -1], shape: [1, 2]))
    try linear.bias.assign(Tensor([0.25], shape: [1]))
    #expect(try linear(Tensor([1, 2, 0, 4], shape: [2, 2])).floats() == [1.25, -3.75])
  }

  /// Two groups of two channels; each has its own mean and variance, and each channel its scale and shift.
  @Test func normalisesGroups() throws {
    let norm = try GroupNorm(ParameterStore(seed: 1).root, channels: 4, groups: 2, epsilon: 1)
    try norm.weight.assign(Tensor([1, 1, 2, 1], shape: [4]))
    try norm.bias.assign(Tensor([0, 0, 0, 10], shape: [4]))
    // Group 1: ±√3 of mean 0, variance 3; with ε = 1 the deviation is 2. Group 2: constant.
    let root = Float(3).squareRoot()
    let x = try Tensor([root, -root, root, -root, 5, 5, 5, 5], shape: [1, 4, 1, 2])
    let expected = [root / 2, -root / 2, root / 2, -root / 2, 0, 0, 10, 10]
    #expect(largestError(try norm(x).floats(), expected) < 1e-7)
  }

  /// Drawn from U(±1/√fan-in), whose deviation is bound/√3; the same seed draws the same weights.
  @Test func startsLikePyTorch() throws {
    let (store, twin) = (ParameterStore(seed: 9), ParameterStore(seed: 9))
    let convolution = try Conv2d(store.root("a"), 16, 32)
    let again = try Conv2d(twin.root("a"), 16, 32)
    let values = try convolution.weight.floats()
    #expect(try again.weight.floats() == values)
    let bound = 1 / Float(16 * 9).squareRoot()
    #expect(values.allSatisfy { abs($0) <= bound })
    let variance = values.reduce(0) { $0 + Double($1) * Double($1) } / Double(values.count)
    // 4608 values: the variance of a uniform law is known to √(4/5/4608) = 1.3 %.
    #expect(abs(variance / (Double(bound * bound) / 3) - 1) < 0.06)
    let zero = try Conv2d(store.root("b"), 2, 2, start: .zero)
    #expect(try zero.weight.floats().allSatisfy { $0 == 0 } && zero.bias.floats().allSatisfy { $0 == 0 })
    #expect(store.names == ["a.weight", "a.bias", "b.weight", "b.bias"])
  }
}

@Suite struct AdamWTests {
  /// The first step is p − lr (λ p + g/(|g| + ε)): the moments cancel, whatever their decay.
  @Test func takesTheFirstStepOfTheFormula() throws {
    let p = try Tensor([1, -2], shape: [2])
    try p.requireGradient()
    let optimizer = try AdamW([p], weightDecay: 0.1)
    #expect(try optimizer.state(of: 0) == nil)
    try (p * Tensor([3, -4], shape: [2])).mean().backward()  // gradient (1.5, −2)
    try optimizer.step(learningRate: 0.01)
    #expect(largestError(try p.floats(), [1 - 0.01 * 0.1 - 0.01, -2 + 0.01 * 0.2 + 0.01]) < 1e-7)
    let moments = try #require(try optimizer.state(of: 0))
    #expect(moments.step == 1)
    #expect(largestError(try moments.first.floats(), [0.15, -0.2]) < 1e-6)
    #expect(largestError(try moments.second.floats(), [0.00225, 0.004]) < 1e-6)
    try optimizer.zeroGradients()
    #expect(try (p.gradient()?.floats() ?? [0, 0]) == [0, 0])
  }

  /// Joint norm 5 of (3, 0) and (0, 4), cut to 1.
  @Test func clipsTheJointNorm() throws {
    let (p, q) = (try Tensor([0, 0], shape: [2]), try Tensor([0, 0], shape: [2]))
    for tensor in [p, q] { try tensor.requireGradient() }
    let optimizer = try AdamW([p, q], weightDecay: 0)
    try (2 * (p * Tensor([3, 0], shape: [2]) + q * Tensor([0, 4], shape: [2]))).mean().backward()
    #expect(abs(try optimizer.clipGradients(to: 1) - 5) < 1e-6)
    #expect(largestError(try #require(try p.gradient()).floats(), [0.6, 0]) < 1e-6)
    #expect(largestError(try #require(try q.gradient()).floats(), [0, 0.8]) < 1e-6)
    // Small enough gradients stay as they are.
    #expect(abs(try optimizer.clipGradients(to: 10) - 1) < 1e-6)
    #expect(largestError(try #require(try p.gradient()).floats(), [0.6, 0]) < 1e-6)
  }
}

@Suite struct ExponentialMovingAverageTests {
  /// m ← d m + (1 − d) w with d = 2/11, 3/12, … and at most the decay asked for.
  @Test func averagesByItsFormula() throws {
    let weight = try Tensor([1, 10], shape: [2])
    let average = try ExponentialMovingAverage(of: [weight], decay: 0.24)
    #expect(try average.averages[0].floats() == [1, 10])
    try weight.assign(Tensor([2, 20], shape: [2]))
    try average.update(with: [weight])  // d = 2/11
    let first: [Float] = [2.0 / 11 * 1 + 9.0 / 11 * 2, 2.0 / 11 * 10 + 9.0 / 11 * 20]
    #expect(largestError(try average.averages[0].floats(), first) < 2e-7)
    try weight.assign(Tensor([0, 0], shape: [2]))
    try average.update(with: [weight])  // d = 0.24 < 3/12
    #expect(largestError(try average.averages[0].floats(), first.map { 0.24 * $0 }) < 2e-7)
    #expect(average.updates == 2)
    // The weights themselves are left alone.
    #expect(try weight.floats() == [0, 0])
  }
}

@Suite struct TrainingSettingsTests {
  @Test func raisesAndLowersTheLearningRate() {
    let settings = TrainingSettings(iterations: 1000, batch: 1, learningRate: 0.1, warmUp: 100)
    #expect(abs(settings.learningRate(at: 0) - 0.001) < 1e-15)
    // Half-way up: half of the peak, less the little the cosine has fallen.
    #expect(abs(settings.learningRate(at: 49) / (0.05 * (0.02 + 0.49 * 1.98817)) - 1) < 1e-4)
    // In the middle of the cosine: 0.02 + 0.49.
    #expect(abs(settings.learningRate(at: 500) - 0.051) < 1e-12)
    // At the end 2 % are left.
    #expect(abs(settings.learningRate(at: 1000) - 0.002) < 1e-12)
    #expect(settings.learningRate(at: 999) > settings.learningRate(at: 1000))
    let abrupt = TrainingSettings(iterations: 10, batch: 1, learningRate: 0.1, warmUp: 0)
    #expect(abs(abrupt.learningRate(at: 0) - 0.1) < 1e-15)
  }
}
