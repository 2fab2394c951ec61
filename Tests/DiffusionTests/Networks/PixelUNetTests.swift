import Diffusion
import Fields
import Testing

@Suite struct PixelUNetTests {
  private static func network(spaceToDepth: Int, levels: Int = 2) throws -> PixelUNet {
    let store = ParameterStore(seed: 4)
    let network = try PixelUNet(
      inputs: 1, outputs: 1, channels: Array(repeating: 8, count: levels), spaceToDepth: spaceToDepth, store)
    // The last layer starts at zero.
    try store.perturb(seed: 5)
    return network
  }

  private static func output(_ network: PixelUNet, _ image: Image, step: Int = 100) throws -> Image {
    try Torch.withoutGradients { try network(Tensor(image), time: [step]).images()[0] }
  }

  /// An image of any size is continued at its right and lower edge, run, and cut.
  @Test(arguments: [[9, 14], [1, 1], [7, 8], [8, 5]], [1, 2])
  func takesAnySize(size: [Int], spaceToDepth: Int) throws {
    let network = try Self.network(spaceToDepth: spaceToDepth)
    let multiple = 2 * spaceToDepth
    let (rows, columns) = (
      (size[0] + multiple - 1) / multiple * multiple, (size[1] + multiple - 1) / multiple * multiple
    )
    var generator = SplitMix64(seed: 8)
    let image = Image(shape: Shape(size), samples: generator.normals(size[0] * size[1]))
    var continued = Image(shape: [rows, columns])
    for i in 0..<rows {
      for j in 0..<columns { continued[i, j] = image[min(i, size[0] - 1), min(j, size[1] - 1)] }
    }
    let whole = try Self.output(network, continued)
    let found = try Self.output(network, image)
    #expect(found.shape == image.shape)
    let expected = (0..<size[0]).flatMap { i in (0..<size[1]).map { j in whole[i, j] } }
    #expect(largestError(found.samples, expected) < 1e-6)
  }

  /// Moving the picture by whole blocks moves the output, away from the edges: one network serves every size.
  ///
  /// A detail on a constant ground keeps the sums of the normalisations; only their rounding, some 10⁻⁶, changes.
  @Test(arguments: [1, 2])
  func commutesWithShiftsByABlock(spaceToDepth: Int) throws {
    let network = try Self.network(spaceToDepth: spaceToDepth)
    let block = 2 * spaceToDepth
    // Two levels see 30 blocks of the finest level to every side; here neither the detail nor the middle sees an edge.
    let size = 128 * spaceToDepth
    let reach = 30 * spaceToDepth
    func picture(shift: Int) -> Image {
      var image = Image(shape: [size, size], filledWith: 0.25)
      var generator = SplitMix64(seed: 2)
      for i in 0..<6 {
        for j in 0..<6 { image[size / 2 + i, size / 2 + j + shift] = Float(generator.normal()) }
      }
      return image
    }
    func difference(shift: Int) throws -> Double {
      let (still, moved) = (
        try Self.output(network, picture(shift: 0)), try Self.output(network, picture(shift: shift))
      )
      let inner = (size / 2 - reach + shift)..<(size / 2 + reach - shift)
      let a = inner.flatMap { i in inner.map { still[i, $0] } }
      let b = inner.flatMap { i in inner.map { moved[i, $0 + shift] } }
      let ground = b[0]
      return largestError(a.map { $0 - ground }, b.map { $0 - ground })
    }
    #expect(try difference(shift: block) < 1e-4)
    #expect(try difference(shift: 2 * block) < 1e-4)
    // A shift by part of a block does not commute: the test can see a difference.
    #expect(try difference(shift: 1) > 1e-2)
  }

  /// Every image of a batch is treated as if it were alone, each at its own step.
  @Test func treatsImagesOfABatchAlone() throws {
    let network = try Self.network(spaceToDepth: 2)
    var generator = SplitMix64(seed: 3)
    let images = (0..<3).map { _ in Image(shape: [8, 12], samples: generator.normals(96)) }
    let steps = [5, 500, 999]
    let together = try Torch.withoutGradients { try network(Tensor(images), time: steps).images() }
    for (i, image) in images.enumerated() {
      #expect(
        largestError(together[i].samples, try Self.output(network, image, step: steps[i]).samples) < 1e-5)
    }
    #expect(largestError(together[0].samples, try Self.output(network, images[0], step: 500).samples) > 1e-3)
  }
}
