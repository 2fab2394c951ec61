import Diffusion
import Foundation
import Testing

/// Checkpoints made by diffusers, with the outputs diffusers computed from them; see Fixtures/README.md.
@Suite struct UNet2DTests {
  private struct Expected {
    let file: SafeTensors
    let steps: [Int]

    init(_ name: String) throws {
      file = try SafeTensors(path: Fixtures.path("\(name)/expected.safetensors"))
      let text = try #require(file.metadata["steps"])
      steps = try JSONDecoder().decode([Int].self, from: Data(text.utf8))
    }

    func values(_ name: String) throws -> [Float] { try file.floats(#require(file.entries[name])) }
    func input() throws -> Tensor {
      try Tensor(values("input"), shape: #require(file.entries["input"]).shape)
    }
  }

  private static func network(_ folder: String) throws -> UNet2D {
    let parameters = ParameterStore(try SafeTensors(path: folder + "/diffusion_pytorch_model.safetensors"))
    let network = try UNet2D(UNet2DConfiguration(path: folder + "/config.json"), scope: parameters.root)
    try parameters.expectAllUsed()
    return network
  }

  private static func output(_ folder: String, _ expected: Expected) throws -> [Float] {
    try Torch.withoutGradients { try network(folder)(expected.input(), time: expected.steps).floats() }
  }

  /// Two float32 implementations of one network differ by rounding: some 10⁻⁶ of the largest value here.
  @Test(arguments: ["plain", "attention", "shifted"])
  func givesTheOutputOfDiffusers(name: String) throws {
    let expected = try Expected(name)
    let error = largestError(try Self.output(Fixtures.path(name), expected), try expected.values("output"))
    #expect(error < 1e-5, "\(name) differs by \(error)")
  }

  /// The same weights with narrower heads are another network.
  @Test func splitsTheHeadsAsDiffusersDoes() throws {
    try withTemporaryFolder { folder in
      let expected = try Expected("attention")
      let copy = try Fixtures.copy("attention", to: folder, changing: ["attention_head_dim": 4])
      let found = try Self.output(copy, expected)
      #expect(largestError(found, try expected.values("variant")) < 1e-5)
      #expect(largestError(found, try expected.values("output")) > 1e-3)
    }
  }

  /// Were a setting ignored, the comparison above would not see it unless its value matters in the fixture.
  @Test func isSensitiveToEverySetting() throws {
    let expected = try Expected("shifted")
    let output = try expected.values("output")
    let others: [(String, Any)] = [
      ("flip_sin_to_cos", true), ("freq_shift", 0), ("center_input_sample", false), ("downsample_padding", 1),
      ("norm_eps", 1e-5), ("norm_num_groups", 4), ("attention_head_dim", 4),
    ]
    try withTemporaryFolder { folder in
      for (key, value) in others {
        let copy = try Fixtures.copy("shifted", to: folder, changing: [key: value])
        #expect(largestError(try Self.output(copy, expected), output) > 1e-4, "\(key) changes nothing")
      }
    }
  }

  /// Whole checkpoints load through the door that the commands use.
  @Test(arguments: ["plain", "attention"]) func loadsAsAPrior(name: String) throws {
    let prior = try DiffusionPrior(path: Fixtures.path(name))
    let expected = try Expected(name)
    let x = try expected.input()
    let noise = try prior.predictor.predictNoise(x, time: expected.steps).floats()
    #expect(largestError(noise, try expected.values("output")) < 1e-5)
    #expect(prior.schedule == NoiseSchedule())
    #expect(prior.description == PriorDescription())

    let estimate = try prior.estimate(x, steps: expected.steps).floats()
    let tweedie = zip(try x.floats(), noise).enumerated().map { index, pair in
      let t = expected.steps[index / (noise.count / expected.steps.count)]
      let value = prior.schedule.tweedie(Double(pair.0), noise: Double(pair.1), step: t)
      return Float(max(-1, min(1, value)))
    }
    #expect(largestError(estimate, tweedie) < 1e-5)
  }

  /// In bfloat16 every layer rounds to 2⁻⁹, some ten layers deep.
  @Test(arguments: ["plain", "attention", "shifted"]) func runsInBFloat16(name: String) throws {
    let expected = try Expected(name)
    let output = try Torch.withBFloat16 { try Self.output(Fixtures.path(name), expected) }
    let error = largestError(output, try expected.values("output"))
    #expect(error < 0.05 && error > 1e-4, "\(name) differs by \(error)")
  }

  /// diffusers before 0.17 named the projections of the attention otherwise.
  @Test func readsTheEarlierNamesOfAttention() throws {
    try withTemporaryFolder { folder in
      let copy = try Fixtures.copy("attention", to: folder)
      let path = copy + "/diffusion_pytorch_model.safetensors"
      let file = try SafeTensors(path: path)
      let earlier = ["to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"]
      var renamed = 0
      let tensors = try file.entries.values.sorted { $0.name < $1.name }.map { entry in
        var name = entry.name
        for (new, old) in earlier where name.contains(".\(new).") {
          name = name.replacingOccurrences(of: ".\(new).", with: ".\(old).")
          renamed += 1
        }
        return (name: name, shape: entry.shape, values: try file.floats(entry))
      }
      // Attention blocks: one down, two up, one in the middle; four projections with weight and bias.
      #expect(renamed == 4 * 4 * 2)
      try SafeTensors.write(tensors, precision: .float32, to: path)
      let expected = try Expected("attention")
      #expect(largestError(try Self.output(copy, expected), try expected.values("output")) < 1e-5)
    }
  }

  @Test(arguments: ["plain", "attention", "shifted"])
  func writesTheConfigurationItRead(name: String) throws {
    let configuration = try UNet2DConfiguration(path: Fixtures.path("\(name)/config.json"))
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("config.json")
      try configuration.json().write(to: file)
      #expect(try UNet2DConfiguration(path: file.path) == configuration)
    }
  }

  /// What would change the network and is not supported is refused by its name, never ignored.
  @Test func refusesWhatItCannotCompute() throws {
    let refused: [(String, Any)] = [
      ("_class_name", "UNet2DConditionModel"), ("act_fn", "gelu"), ("act_fn", 3),
      ("time_embedding_type", "fourier"), ("downsample_type", "resnet"), ("upsample_type", "resnet"),
      ("mid_block_type", "UNetMidBlock2DCrossAttn"), ("mid_block_type", NSNull()),
      ("mid_block_scale_factor", 2), ("num_class_embeds", 10), ("class_embed_type", "timestep"),
      ("time_embedding_dim", 64), ("resnet_time_scale_shift", "spatial"),
      ("down_block_types", ["DownBlock2D", "ResnetDownsampleBlock2D", "DownBlock2D"]),
      ("up_block_types", ["UpBlock2D", "SkipUpBlock2D", "UpBlock2D"]), ("up_block_types", ["UpBlock2D"]),
      ("block_out_channels", [Int]()), ("block_out_channels", [4, 0, 8]), ("block_out_channels", [3, 3, 3]),
      ("block_out_channels", "4, 4, 8"), ("norm_num_groups", 3), ("norm_num_groups", 0),
      ("norm_num_groups", -2),
      ("attn_norm_num_groups", 3), ("attn_norm_num_groups", 0), ("attention_head_dim", 0),
      ("attention_head_dim", -8),
      ("downsample_padding", 2), ("layers_per_block", 0), ("layers_per_block", -1),
      ("layers_per_block", 1_000_000),
      ("in_channels", 0), ("in_channels", "one"), ("out_channels", -1), ("in_channels", 1 << 40),
      ("freq_shift", 2), ("norm_eps", "small"), ("center_input_sample", "no"),
    ]
    try withTemporaryFolder { folder in
      for (key, value) in refused {
        let path = try Fixtures.copy("plain", to: folder, changing: [key: value]) + "/config.json"
        let sentence = checkpointError { _ = try UNet2DConfiguration(path: path) }
        #expect(sentence.contains(key) && sentence.contains(path), "\(key) = \(value): \(sentence)")
      }
      // A head that does not divide the channels matters only where there is attention.
      let path =
        try Fixtures.copy("attention", to: folder, changing: ["attention_head_dim": 3]) + "/config.json"
      #expect(checkpointError { _ = try UNet2DConfiguration(path: path) }.contains("attention_head_dim"))
      let plain = try Fixtures.copy("plain", to: folder, changing: ["attention_head_dim": 3]) + "/config.json"
      #expect(try UNet2DConfiguration(path: plain).attentionHeadChannels == 3)
    }
  }

  @Test func refusesFilesThatAreNoConfiguration() throws {
    try withTemporaryFolder { folder in
      let path = folder.appendingPathComponent("config.json").path
      #expect(checkpointError { _ = try UNet2DConfiguration(path: path) }.contains("cannot read"))
      for text in ["", "{", "[1, 2]", "\"text\"", "\u{0}\u{1}"] {
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        #expect(checkpointError { _ = try UNet2DConfiguration(path: path) }.contains(path), "'\(text)'")
      }
    }
  }

  @Test func refusesTheWeightsOfAnotherArchitecture() throws {
    try withTemporaryFolder { folder in
      let missing = try Fixtures.copy("plain", to: folder, changing: ["layers_per_block": 2])
      #expect(
        checkpointError { _ = try DiffusionPrior(path: missing) }.contains(
          "lacks the weight 'down_blocks.0.resnets.1"))
      let unused = try Fixtures.copy("attention", to: folder, changing: ["add_attention": false])
      #expect(checkpointError { _ = try DiffusionPrior(path: unused) }.contains("'mid_block.attentions.0"))
      let shape = try Fixtures.copy("plain", to: folder, changing: ["in_channels": 3, "out_channels": 3])
      let sentence = checkpointError { _ = try Self.network(shape) }
      #expect(sentence.contains("[4, 1, 3, 3]") && sentence.contains("[4, 3, 3, 3]"))
      let files = FileManager.default
      try files.removeItem(atPath: unused + "/diffusion_pytorch_model.safetensors")
      #expect(checkpointError { _ = try DiffusionPrior(path: unused) }.contains("cannot read"))
      #expect(checkpointError { _ = try DiffusionPrior(path: folder.path + "/none") }.contains("cannot read"))
    }
  }

  /// An image has one channel: colours, learnt variances and conditions need another reader.
  @Test func refusesAPriorOfOtherChannels() throws {
    try withTemporaryFolder { folder in
      let wide = try Fixtures.copy("plain", to: folder, changing: ["out_channels": 2])
      #expect(
        checkpointError { _ = try DiffusionPrior(path: wide) }.contains("in_channels, out_channels is 1, 2"))
    }
    #expect(
      checkpointError { _ = try DiffusionPrior(path: Fixtures.path("shifted")) }
        .contains("in_channels, out_channels is 2, 2, supported is 1, 1 for a prior of images"))
  }
}
