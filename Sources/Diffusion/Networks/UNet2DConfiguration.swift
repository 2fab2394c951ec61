import Foundation

/// The architecture of a U-Net, in the keys of diffusers' `UNet2DModel` `config.json`.
public struct UNet2DConfiguration: Hashable, Sendable {
  public enum TimeShift: String, Sendable, Codable {
    /// The embedding is added after the first convolution.
    case added = "default"
    /// The embedding scales and shifts the second normalisation.
    case scaleShift = "scale_shift"
  }

  public var inputChannels: Int
  public var outputChannels: Int
  /// Channels of every level, finest first.
  public var channels: [Int]
  public var layersPerBlock = 1
  /// Attention after every residual block of a level on the way down, finest level first.
  public var downAttention: [Bool]
  /// The same on the way up, coarsest level first.
  public var upAttention: [Bool]
  public var middleAttention = false
  /// Channels of one attention head; nil for one head of all channels.
  public var attentionHeadChannels: Int? = 8
  public var normGroups = 8
  public var attentionNormGroups: Int?
  public var normEpsilon = 1e-5
  public var timeShift = TimeShift.scaleShift
  /// Cosines before sines in the time embedding.
  public var cosinesFirst = true
  public var frequencyShift = 0.0
  /// 1 pads all sides before a stride-2 convolution, 0 only right and below.
  public var downsamplePadding = 1
  /// Maps an input of [0, 1] to [−1, 1] first.
  public var centresInput = false

  /// A network without attention.
  public init(inputChannels: Int, outputChannels: Int, channels: [Int]) {
    self.inputChannels = inputChannels
    self.outputChannels = outputChannels
    self.channels = channels
    downAttention = channels.map { _ in false }
    upAttention = downAttention
  }

  /// Halvings between the finest and the coarsest level.
  public var reductions: Int { channels.count - 1 }
}

extension UNet2DConfiguration {
  /// Reads `config.json`. Settings that change the network and are not supported are errors, never ignored.
  public init(path: String) throws(CheckpointError) {
    let json = try JSONFile(path: path)
    func attention(_ key: String, plain: String, attending: String, count: Int) throws(CheckpointError)
      -> [Bool]
    {
      let types = try json.value(key, default: Array(repeating: plain, count: count))
      guard types.count == count else {
        throw .malformed(path, reason: "'\(key)' has \(types.count) entries for \(count) levels")
      }
      var result: [Bool] = []
      for type in types {
        guard type == plain || type == attending else {
          throw .unsupported(path, setting: key, found: "'\(type)'", expected: "\(plain) or \(attending)")
        }
        result.append(type == attending)
      }
      return result
    }

    try json.choice("_class_name", of: "UNet2DModel")
    try json.choice("time_embedding_type", of: "positional")
    try json.choice("act_fn", of: "silu", "swish")
    try json.choice("downsample_type", of: "conv")
    try json.choice("upsample_type", of: "conv")
    let middleScale: Double = try json.value("mid_block_scale_factor", default: 1)
    guard middleScale == 1 else {
      throw .unsupported(path, setting: "mid_block_scale_factor", found: "\(middleScale)", expected: "1")
    }
    for key in ["num_class_embeds", "class_embed_type", "num_train_timesteps", "time_embedding_dim"] {
      try json.expectNone(key)
    }
    if json["mid_block_type"] is NSNull
      || (json["mid_block_type"] as? String ?? "UNetMidBlock2D") != "UNetMidBlock2D"
    {
      throw .unsupported(
        path, setting: "mid_block_type", found: "\(json["mid_block_type"] ?? "")", expected: "UNetMidBlock2D")
    }

    let channels = try json.value("block_out_channels", default: [224, 448, 672, 896])
    guard (1...16).contains(channels.count), channels.allSatisfy({ $0 > 0 && $0 < 1 << 16 }),
      channels[0] % 2 == 0
    else {
      throw .malformed(path, reason: "'block_out_channels' is \(channels)")
    }
    self.init(
      inputChannels: try json.value("in_channels", default: 3),
      outputChannels: try json.value("out_channels", default: 3),
      channels: channels)
    layersPerBlock = try json.value("layers_per_block", default: 2)
    guard (1...64).contains(layersPerBlock), (1..<1 << 16).contains(inputChannels),
      (1..<1 << 16).contains(outputChannels)
    else {
      throw .malformed(
        path,
        reason: "'layers_per_block', 'in_channels' and 'out_channels' must be positive and of a sensible size"
      )
    }
    downAttention = try attention(
      "down_block_types", plain: "DownBlock2D", attending: "AttnDownBlock2D", count: channels.count)
    upAttention = try attention(
      "up_block_types", plain: "UpBlock2D", attending: "AttnUpBlock2D", count: channels.count)
    middleAttention = try json.value("add_attention", default: true)
    attentionHeadChannels = try json.integer("attention_head_dim", default: 8)
    normGroups = try json.integer("norm_num_groups", default: 32) ?? min(channels[0] / 4, 32)
    guard normGroups > 0, channels.allSatisfy({ $0 % normGroups == 0 }) else {
      throw .malformed(path, reason: "'norm_num_groups' \(normGroups) does not divide all of \(channels)")
    }
    attentionNormGroups = try json.integer("attn_norm_num_groups", default: nil)
    let middle = channels[channels.count - 1]
    if let groups = attentionNormGroups, groups < 1 || middle % groups != 0 {
      throw .malformed(path, reason: "'attn_norm_num_groups' \(groups) does not divide \(middle)")
    }
    var attending = middleAttention ? [middle] : []
    for level in channels.indices where downAttention[level] || upAttention[channels.count - 1 - level] {
      attending.append(channels[level])
    }
    if let width = attentionHeadChannels, width < 1 || attending.contains(where: { $0 % width != 0 }) {
      throw .malformed(path, reason: "'attention_head_dim' \(width) does not divide all of \(attending)")
    }
    normEpsilon = try json.value("norm_eps", default: 1e-5)
    timeShift =
      try json.choice("resnet_time_scale_shift", of: "default", "scale_shift") == "default"
      ? .added : .scaleShift
    cosinesFirst = try json.value("flip_sin_to_cos", default: true)
    frequencyShift = Double(try json.value("freq_shift", default: 0))
    guard frequencyShift < Double(channels[0] / 2) else {
      throw .malformed(path, reason: "'freq_shift' \(frequencyShift) is not below half of \(channels[0])")
    }
    downsamplePadding = try json.value("downsample_padding", default: 1)
    guard downsamplePadding == 0 || downsamplePadding == 1 else {
      throw .unsupported(
        path, setting: "downsample_padding", found: "\(downsamplePadding)", expected: "0 or 1")
    }
    centresInput = try json.value("center_input_sample", default: false)
  }

  /// - Parameter network: what needs these channels, in blocks of pixels as they are.
  /// - Throws: ``CheckpointError/unsupported(_:setting:found:expected:)`` where `path` has others.
  func expect(inputs: Int, outputs: Int, of network: String, _ path: String) throws(CheckpointError) {
    guard inputChannels == inputs, outputChannels == outputs else {
      throw .unsupported(
        path, setting: "in_channels, out_channels", found: "\(inputChannels), \(outputChannels)",
        expected: "\(inputs), \(outputs) for \(network)")
    }
  }

  /// The `config.json` that diffusers reads.
  public func json() throws -> Data {
    var object: [String: Any] = [
      "_class_name": "UNet2DModel", "act_fn": "silu", "add_attention": middleAttention,
      "block_out_channels": channels, "center_input_sample": centresInput,
      "down_block_types": downAttention.map { $0 ? "AttnDownBlock2D" : "DownBlock2D" },
      "downsample_padding": downsamplePadding, "downsample_type": "conv", "flip_sin_to_cos": cosinesFirst,
      "freq_shift": Int(frequencyShift), "in_channels": inputChannels, "layers_per_block": layersPerBlock,
      "norm_eps": normEpsilon, "norm_num_groups": normGroups, "out_channels": outputChannels,
      "resnet_time_scale_shift": timeShift.rawValue, "time_embedding_type": "positional",
      "up_block_types": upAttention.map { $0 ? "AttnUpBlock2D" : "UpBlock2D" }, "upsample_type": "conv",
    ]
    object["attention_head_dim"] = attentionHeadChannels.map { $0 as Any } ?? NSNull()
    object["attn_norm_num_groups"] = attentionNormGroups.map { $0 as Any } ?? NSNull()
    return try JSONSerialization.data(withJSONObject: object, options: [.prettyPrinted, .sortedKeys])
  }
}
