/// The U-Net of Ho et al. (NeurIPS 2020) with the layout and the weight names of diffusers' `UNet2DModel`.
///
/// `x` has the shape `[N, inputChannels, H, W]`, H and W divisible by 2^reductions; the output
/// `[N, outputChannels, H, W]`.
package final class UNet2D {
  package let configuration: UNet2DConfiguration
  private let timeFeatures: SinusoidalEmbedding
  private let timeEmbedding: (Linear, Linear)
  private let input: Conv2d
  private let down: [DownBlock]
  private let middle: MiddleBlock
  private let up: [UpBlock]
  private let outputNorm: GroupNorm
  private let output: Conv2d

  /// - Throws: ``CheckpointError`` when stored weights do not fit the configuration.
  package init(_ c: UNet2DConfiguration, scope: ParameterScope) throws {
    configuration = c
    timeFeatures = SinusoidalEmbedding(
      width: c.channels[0], shift: c.frequencyShift, cosinesFirst: c.cosinesFirst)
    let embedding = 4 * c.channels[0]
    input = try Conv2d(scope("conv_in"), c.inputChannels, c.channels[0])
    timeEmbedding = (
      try Linear(scope("time_embedding")("linear_1"), c.channels[0], embedding),
      try Linear(scope("time_embedding")("linear_2"), embedding, embedding)
    )

    let levels = c.channels.count
    down = try (0..<levels).map { level in
      try DownBlock(
        scope("down_blocks")(level), c, from: c.channels[max(level - 1, 0)], to: c.channels[level],
        attends: c.downAttention[level], downsamples: level < levels - 1, embedding: embedding)
    }
    middle = try MiddleBlock(scope("mid_block"), c, embedding: embedding)
    let reversed = Array(c.channels.reversed())
    up = try (0..<levels).map { level in
      try UpBlock(
        scope("up_blocks")(level), c, below: reversed[max(level - 1, 0)], to: reversed[level],
        skipEnd: reversed[min(level + 1, levels - 1)], attends: c.upAttention[level],
        upsamples: level < levels - 1, embedding: embedding)
    }
    outputNorm = try GroupNorm(
      scope("conv_norm_out"), channels: c.channels[0], groups: c.normGroups, epsilon: c.normEpsilon)
    output = try Conv2d(scope("conv_out"), c.channels[0], c.outputChannels, start: .zero)
  }

  package func callAsFunction(_ x: Tensor, time t: [Int]) throws(TorchError) -> Tensor {
    let embedding = try timeEmbedding.1(timeEmbedding.0(timeFeatures(t)).silu()).silu()
    var h = try input(configuration.centresInput ? (2 * x) - 1 : x)
    var skips = [h]
    for block in down { h = try block(h, embedding, &skips) }
    h = try middle(h, embedding)
    for block in up { h = try block(h, embedding, &skips) }
    return try output(outputNorm(h).silu())
  }
}

/// x + conv₂(silu(norm₂(conv₁(silu(norm₁ x)), time))), a 1 × 1 convolution on x where channels change.
private struct ResidualBlock {
  let norm1: GroupNorm
  let conv1: Conv2d
  let time: Linear
  let norm2: GroupNorm
  let conv2: Conv2d
  let shortcut: Conv2d?
  let channels: Int
  let shift: UNet2DConfiguration.TimeShift

  init(_ scope: ParameterScope, _ c: UNet2DConfiguration, from: Int, to: Int, embedding: Int) throws {
    channels = to
    shift = c.timeShift
    norm1 = try GroupNorm(scope("norm1"), channels: from, groups: c.normGroups, epsilon: c.normEpsilon)
    conv1 = try Conv2d(scope("conv1"), from, to)
    time = try Linear(scope("time_emb_proj"), embedding, shift == .scaleShift ? 2 * to : to)
    norm2 = try GroupNorm(scope("norm2"), channels: to, groups: c.normGroups, epsilon: c.normEpsilon)
    conv2 = try Conv2d(scope("conv2"), to, to, start: .zero)
    shortcut = from == to ? nil : try Conv2d(scope("conv_shortcut"), from, to, kernel: 1, padding: 0)
  }

  /// `embedding` has passed the activation already, which all blocks share.
  func callAsFunction(_ x: Tensor, _ embedding: Tensor) throws(TorchError) -> Tensor {
    let t = try time(embedding).reshaped([x.shape[0], -1, 1, 1])
    var h = try conv1(norm1(x).silu())
    switch shift {
    case .added:
      h = try norm2(h + t)
    case .scaleShift:
      let scale = try t.narrowed(axis: 1, 0..<channels)
      let offset = try t.narrowed(axis: 1, channels..<2 * channels)
      h = try norm2(h) * (scale + 1.0) + offset
    }
    return try (shortcut.map { s throws(TorchError) in try s(x) } ?? x) + conv2(h.silu())
  }
}

/// Self-attention over all pixels, several heads, with a residual connection.
private struct AttentionBlock {
  let norm: GroupNorm?
  let query: Linear
  let key: Linear
  let value: Linear
  let output: Linear
  let heads: Int

  init(_ scope: ParameterScope, _ c: UNet2DConfiguration, channels: Int, groups: Int?) throws {
    norm = try groups.map {
      try GroupNorm(scope("group_norm"), channels: channels, groups: $0, epsilon: c.normEpsilon)
    }
    query = try Linear(scope("to_q"), channels, channels)
    key = try Linear(scope("to_k"), channels, channels)
    value = try Linear(scope("to_v"), channels, channels)
    output = try Linear(scope("to_out")(0), channels, channels)
    heads = channels / (c.attentionHeadChannels ?? channels)
  }

  func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor {
    let shape = x.shape
    let (n, channels, pixels) = (shape[0], shape[1], shape[2] * shape[3])
    let width = channels / heads
    let h = try (norm.map { norm throws(TorchError) in try norm(x) } ?? x)
      .reshaped([n, channels, pixels]).transposed(1, 2)
    func split(_ a: Tensor) throws(TorchError) -> Tensor {
      try a.reshaped([n, pixels, heads, width]).transposed(1, 2)
    }
    let (q, k, v) = (try split(query(h)), try split(key(h)), try split(value(h)))
    let weights = try (1 / Double(width).squareRoot() * q.matmul(k.transposed(2, 3))).softmax(axis: 3)
    let mixed = try weights.matmul(v).transposed(1, 2).reshaped([n, pixels, channels])
    return try x + output(mixed).transposed(1, 2).reshaped(shape)
  }
}

private struct DownBlock {
  let residuals: [ResidualBlock]
  let attentions: [AttentionBlock]
  let downsampler: Conv2d?

  init(
    _ scope: ParameterScope, _ c: UNet2DConfiguration, from: Int, to: Int, attends: Bool, downsamples: Bool,
    embedding: Int
  ) throws {
    residuals = try (0..<c.layersPerBlock).map {
      try ResidualBlock(scope("resnets")($0), c, from: $0 == 0 ? from : to, to: to, embedding: embedding)
    }
    attentions = try (0..<(attends ? c.layersPerBlock : 0)).map {
      try AttentionBlock(scope("attentions")($0), c, channels: to, groups: c.normGroups)
    }
    downsampler =
      downsamples
      ? try Conv2d(scope("downsamplers")(0)("conv"), to, to, stride: 2, padding: c.downsamplePadding) : nil
  }

  func callAsFunction(_ x: Tensor, _ embedding: Tensor, _ skips: inout [Tensor]) throws(TorchError) -> Tensor
  {
    var h = x
    for (i, residual) in residuals.enumerated() {
      h = try residual(h, embedding)
      if !attentions.isEmpty { h = try attentions[i](h) }
      skips.append(h)
    }
    if let downsampler {
      h = try downsampler(downsampler.padding == 0 ? h.padded(right: 1, bottom: 1) : h)
      skips.append(h)
    }
    return h
  }
}

private struct MiddleBlock {
  let residuals: [ResidualBlock]
  let attention: AttentionBlock?

  init(_ scope: ParameterScope, _ c: UNet2DConfiguration, embedding: Int) throws {
    let channels = c.channels[c.channels.count - 1]
    residuals = try (0..<2).map {
      try ResidualBlock(scope("resnets")($0), c, from: channels, to: channels, embedding: embedding)
    }
    let groups = c.attentionNormGroups ?? (c.timeShift == .added ? c.normGroups : nil)
    attention =
      c.middleAttention
      ? try AttentionBlock(scope("attentions")(0), c, channels: channels, groups: groups) : nil
  }

  func callAsFunction(_ x: Tensor, _ embedding: Tensor) throws(TorchError) -> Tensor {
    var h = try residuals[0](x, embedding)
    if let attention { h = try attention(h) }
    return try residuals[1](h, embedding)
  }
}

private struct UpBlock {
  let residuals: [ResidualBlock]
  let attentions: [AttentionBlock]
  let upsampler: Conv2d?

  init(
    _ scope: ParameterScope, _ c: UNet2DConfiguration, below: Int, to: Int, skipEnd: Int, attends: Bool,
    upsamples: Bool, embedding: Int
  ) throws {
    let layers = c.layersPerBlock + 1
    residuals = try (0..<layers).map {
      try ResidualBlock(
        scope("resnets")($0), c, from: ($0 == 0 ? below : to) + ($0 == layers - 1 ? skipEnd : to), to: to,
        embedding: embedding)
    }
    attentions = try (0..<(attends ? layers : 0)).map {
      try AttentionBlock(scope("attentions")($0), c, channels: to, groups: c.normGroups)
    }
    upsampler = upsamples ? try Conv2d(scope("upsamplers")(0)("conv"), to, to) : nil
  }

  func callAsFunction(_ x: Tensor, _ embedding: Tensor, _ skips: inout [Tensor]) throws(TorchError) -> Tensor
  {
    var h = x
    for (i, residual) in residuals.enumerated() {
      h = try residual(.concatenated([h, skips.removeLast()], axis: 1), embedding)
      if !attentions.isEmpty { h = try attentions[i](h) }
    }
    return try upsampler.map { conv throws(TorchError) in try conv(h.upsampledNearest(2)) } ?? h
  }
}
