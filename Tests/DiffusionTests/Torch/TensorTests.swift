import Diffusion
import Fields
import RealModule
import Testing

@Suite struct TensorTests {
  private func tensor(_ values: [Float], _ shape: [Int]) throws -> Tensor { try Tensor(values, shape: shape) }
  private func ramp(_ shape: [Int]) throws -> Tensor {
    try Tensor((0..<shape.reduce(1, *)).map(Float.init), shape: shape)
  }

  @Test func keepsItsContents() throws {
    let a = try ramp([2, 3])
    #expect(a.shape == [2, 3])
    #expect(a.count == 6)
    #expect(try a.floats() == [0, 1, 2, 3, 4, 5])
    #expect(try Tensor(filledWith: 2.5, shape: [3]).floats() == [2.5, 2.5, 2.5])
    let empty = try tensor([], [0, 4])
    #expect(try empty.floats().isEmpty)
  }

  @Test func calculates() throws {
    let (a, b) = (try tensor([1, -2, 3], [3]), try tensor([4, 5, -6], [3]))
    #expect(try (a + b).floats() == [5, 3, -3])
    #expect(try (a - b).floats() == [-3, -7, 9])
    #expect(try (a * b).floats() == [4, -10, -18])
    #expect(try (b / tensor([2, 2, 4], [3])).floats() == [2, 2.5, -1.5])
    #expect(try (a + 0.5).floats() == [1.5, -1.5, 3.5])
    #expect(try (a - 0.5).floats() == [0.5, -2.5, 2.5])
    #expect(try (-2 * a).floats() == [-2, 4, -6])
    #expect(try a.squared().floats() == [1, 4, 9])
    #expect(try a.clamped(to: -1...2).floats() == [1, -1, 2])
    #expect(try a.mean().scalar() == Float(2) / 3)
    #expect(try ramp([2, 2, 2]).meanPerSample().floats() == [1.5, 5.5])
    // Two numbers per sample against one: the shapes are broadcast.
    #expect(try (ramp([2, 2]) * tensor([10, 100], [2, 1])).floats() == [0, 10, 200, 300])
    let angles = try tensor([0, 0.5, -2], [3])
    #expect(largestError(try angles.sine().floats(), [0, 0.479425539, -0.909297427]) < 2e-7)
    #expect(largestError(try angles.cosine().floats(), [1, 0.877582562, -0.416146837]) < 2e-7)
  }

  @Test func multipliesMatrices() throws {
    let product = try ramp([2, 3]).matmul(ramp([3, 2]))
    #expect(try product.floats() == [10, 13, 28, 40])
    // Leading axes are a batch.
    let batch = try ramp([2, 1, 2]).matmul(ramp([2, 2, 1]))
    #expect(try batch.floats() == [1, 2 * 2 + 3 * 3])
  }

  /// Softmax of (0, ln 2, ln 5) is (1, 2, 5)/8.
  @Test func normalisesBySoftmax() throws {
    let logs = [Float(0), .log(2), .log(5)]
    #expect(largestError(try tensor(logs, [1, 3]).softmax(axis: 1).floats(), [0.125, 0.25, 0.625]) < 2e-7)
    #expect(largestError(try tensor(logs, [3, 1]).softmax(axis: 0).floats(), [0.125, 0.25, 0.625]) < 2e-7)
    // Large values do not overflow.
    #expect(try tensor([1000, 1000], [1, 2]).softmax(axis: 1).floats() == [0.5, 0.5])
  }

  @Test func rearranges() throws {
    let a = try ramp([2, 3])
    #expect(try a.transposed(0, 1).floats() == [0, 3, 1, 4, 2, 5])
    #expect(try a.reshaped([3, -1]).shape == [3, 2])
    #expect(try a.narrowed(axis: 1, 1..<3).floats() == [1, 2, 4, 5])
    #expect(
      try Tensor.concatenated([a, tensor([9, 9], [2, 1])], axis: 1).floats() == [0, 1, 2, 9, 3, 4, 5, 9])
    #expect(try Tensor.concatenated([a, a], axis: 0).shape == [4, 3])
    // Another order in memory, the same values.
    let image = try ramp([1, 2, 2, 3])
    #expect(try image.channelsLast().floats() == image.floats())
  }

  @Test func padsTheLastTwoAxes() throws {
    let a = try ramp([1, 1, 2, 3])  // 0 1 2 / 3 4 5
    #expect(try a.padded(left: 1, bottom: 1).floats() == [0, 0, 1, 2, 0, 3, 4, 5, 0, 0, 0, 0])
    #expect(try a.padded(right: 2, .reflect).floats() == [0, 1, 2, 1, 0, 3, 4, 5, 4, 3])
    #expect(try a.padded(right: 1, top: 1, .replicate).floats() == [0, 1, 2, 2, 0, 1, 2, 2, 3, 4, 5, 5])
  }

  /// Space to depth keeps the block's rows together: the channel is 2·row + column of the pixel in its block.
  @Test func movesBlocksIntoChannels() throws {
    let image = try ramp([1, 1, 2, 4])  // 0 1 2 3 / 4 5 6 7
    let blocks = try image.pixelUnshuffled(2)
    #expect(blocks.shape == [1, 4, 1, 2])
    #expect(try blocks.floats() == [0, 2, 1, 3, 4, 6, 5, 7])
    #expect(try blocks.pixelShuffled(2).floats() == image.floats())
    #expect(try tensor([1, 2], [1, 1, 1, 2]).upsampledNearest(2).floats() == [1, 1, 2, 2, 1, 1, 2, 2])
  }

  @Test func activates() throws {
    #expect(
      largestError(try tensor([0, 1, -2], [3]).silu().floats(), [0, 0.731058579, -0.238405844]) < 2e-7)
  }

  @Test func convertsImages() throws {
    let images = [Image(shape: [1, 2], samples: [1, 2]), Image(shape: [1, 2], samples: [3, 4])]
    let batch = try Tensor(images)
    #expect(batch.shape == [2, 1, 1, 2])
    #expect(try batch.images() == images)
    #expect(try Tensor(images[1]).images() == [images[1]])
  }

  /// Assigning and interpolating change the tensor itself, and what shares its storage.
  @Test func changesInPlace() throws {
    let a = try tensor([1, 2], [2])
    try a.assign(tensor([3, 5], [2]))
    #expect(try a.floats() == [3, 5])
    try a.lerp(to: tensor([5, 1], [2]), weight: 0.25)
    #expect(try a.floats() == [3.5, 4])
    #expect(throws: TorchError.self) { try a.assign(tensor([1], [1])) }
  }

  @Test func turnsExceptionsIntoErrors() throws {
    do {
      _ = try ramp([2, 3]).matmul(ramp([2, 3]))
      Issue.record("a product of 2 × 3 by 2 × 3")
    } catch let error as TorchError {
      #expect(error.message.contains("2x3"), "\(error.message)")
      #expect(!error.message.contains("frame #"), "the message carries a stack trace")
    }
    #expect(throws: TorchError.self) { _ = try ramp([4]) + ramp([3]) }
    #expect(throws: TorchError.self) { _ = try ramp([2, 3]).reshaped([4]) }
    #expect(throws: TorchError.self) { _ = try ramp([2, 3]).narrowed(axis: 1, 2..<4) }
    #expect(throws: TorchError.self) { _ = try ramp([2, 3]).narrowed(axis: 5, 0..<1) }
    #expect(throws: TorchError.self) { _ = try ramp([1, 3, 2, 2]).pixelShuffled(2) }
    #expect(throws: TorchError.self) { _ = try ramp([1, 1, 3, 3]).pixelUnshuffled(2) }
    #expect(throws: TorchError.self) { _ = try Tensor.concatenated([], axis: 0) }
    #expect(throws: TorchError.self) { _ = try ramp([2, 2]).softmax(axis: 7) }
    #expect(throws: TorchError.self) { _ = try ramp([1, 1, 2, 2]).padded(left: 3, .reflect) }
  }
}

@Suite struct DifferentiationTests {
  /// d/dx of mean x² is 2x/n, and gradients accumulate.
  @Test func differentiatesAMean() throws {
    let x = try Tensor([1, -2, 3, 0.5], shape: [4])
    try x.requireGradient()
    #expect(try x.gradient() == nil)
    try x.squared().mean().backward()
    #expect(try x.gradient()?.floats() == [0.5, -1, 1.5, 0.25])
    try x.squared().mean().backward()
    #expect(try x.gradient()?.floats() == [1, -2, 3, 0.5])
  }

  /// Every layer and shape operation of the networks in one function, against central differences along random
  /// directions.
  ///
  /// At h = 5·10⁻³ both the rounding of the loss (10⁻⁷/h) and the h² of the difference are some 10⁻⁵ of ‖∇L‖; a wrong
  /// gradient is off by its own size.
  @Test func agreesWithCentralDifferences() throws {
    var generator = SplitMix64(seed: 3)
    let store = ParameterStore(seed: 5)
    let convolution = try Conv2d(store.root("conv"), 4, 4, stride: 2)
    let norm = try GroupNorm(store.root("norm"), channels: 4, groups: 2, epsilon: 1e-5)
    let linear = try Linear(store.root("linear"), 4, 4)
    try store.perturb(seed: 6)
    let input = try Tensor(generator.normals(64), shape: [1, 1, 8, 8])

    func loss() throws -> Tensor {
      var h = try convolution(input.pixelUnshuffled(2))
      h = try norm(h).silu().upsampledNearest(2)
      let tokens = try h.reshaped([1, 4, 16]).transposed(1, 2)
      let weights = try linear(tokens).matmul(tokens.transposed(1, 2)).softmax(axis: 2)
      let mixed = try weights.matmul(tokens).transposed(1, 2).reshaped([1, 4, 4, 4]).padded(
        right: 1, .replicate)
      return try Tensor.concatenated([mixed, h.padded(left: 1)], axis: 1).pixelShuffled(2).squared().mean()
    }
    try store.requireGradients()
    try loss().backward()

    for (name, tensor) in zip(store.names, store.tensors) {
      let gradient = try #require(try tensor.gradient()).floats()
      let start = try tensor.floats()
      let direction = generator.normals(start.count)
      let h: Float = 5e-3
      func value(_ step: Float) throws -> Double {
        try tensor.assign(Tensor(zip(start, direction).map { $0 + step * $1 }, shape: tensor.shape))
        return Double(try Torch.withoutGradients { try loss().scalar() })
      }
      let difference = (try value(h) - value(-h)) / Double(2 * h)
      try tensor.assign(Tensor(start, shape: tensor.shape))
      let expected = zip(gradient, direction).reduce(0) { $0 + Double($1.0) * Double($1.1) }
      let scale = gradient.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
      #expect(scale > 0, "\(name) has no gradient")
      #expect(abs(difference - expected) < 2e-3 * scale, "\(name): \(difference), expected \(expected)")
    }
  }

  @Test func recordsNothingWhereToldNotTo() throws {
    let x = try Tensor([1, 2], shape: [2])
    try x.requireGradient()
    let silent = try Torch.withoutGradients { try x.squared().mean() }
    #expect(throws: TorchError.self) { try silent.backward() }
    #expect(throws: TorchError.self) { try x.detached().squared().mean().backward() }
    // Restored after success and after failure.
    try x.squared().mean().backward()
    #expect(throws: TorchError.self) { _ = try Torch.withoutGradients { try x.reshaped([3]) } }
    try x.squared().mean().backward()
    #expect(try x.gradient()?.floats() == [2, 4])
  }

  /// bfloat16 keeps 8 bits: 1 + 2⁻¹⁰ becomes 1. The scope ends with its closure, however that ends.
  @Test func roundsOnlyInsideTheBFloat16Scope() throws {
    let (a, one) = (try Tensor([1 + 0x1p-10], shape: [1, 1]), try Tensor([1], shape: [1, 1]))
    func product() throws -> Float { try a.matmul(one).scalar() }
    #expect(try product() == 1 + 0x1p-10)
    #expect(try Torch.withBFloat16 { try product() } == 1)
    #expect(try product() == 1 + 0x1p-10)
    #expect(throws: TorchError.self) {
      _ = try Torch.withBFloat16 { try a.matmul(Tensor([1, 2], shape: [2, 1])) }
    }
    #expect(try product() == 1 + 0x1p-10)
    #expect(try Torch.withBFloat16(false) { try product() } == 1 + 0x1p-10)
    // Nested scopes.
    let (inner, outer) = try Torch.withBFloat16 {
      (try Torch.withBFloat16(false) { try product() }, try product())
    }
    #expect(inner == 1 + 0x1p-10 && outer == 1)
  }

  /// The sums of a normalisation stay in single precision inside the scope.
  @Test func normalisesInSinglePrecision() throws {
    let store = ParameterStore(seed: 1)
    let convolution = try Conv2d(store.root("conv"), 1, 4)
    let norm = try GroupNorm(store.root("norm"), channels: 4, groups: 2, epsilon: 1e-5)
    var generator = SplitMix64(seed: 1)
    let x = try Tensor(generator.normals(64), shape: [1, 1, 8, 8])
    let precise = try norm(convolution(x)).floats()
    let rounded = try Torch.withBFloat16 { try norm(convolution(x)).floats() }
    // The convolution rounds to 2⁻⁹; normalising amplifies that by the reciprocal of the deviation, about 3 here.
    let error = largestError(rounded, precise)
    #expect(error < 0.02)
    #expect(error > 1e-5, "nothing was rounded")
  }
}
