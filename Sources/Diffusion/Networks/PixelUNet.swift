/// A U-Net that works on blocks of `spaceToDepth` × `spaceToDepth` pixels and takes images of any size.
///
/// The image is continued at its right and lower edge to the next size the network can halve, and cut
/// afterwards. Working on blocks of 2 × 2 pixels makes every layer four times cheaper at the price of a
/// coarser finest level.
public final class PixelUNet {
  package let network: UNet2D
  let spaceToDepth: Int

  package init(_ network: UNet2D, spaceToDepth: Int) {
    self.network = network
    self.spaceToDepth = spaceToDepth
  }

  /// A network that maps `inputs` to `outputs` image channels.
  package convenience init(
    inputs: Int, outputs: Int, channels: [Int], spaceToDepth: Int, _ parameters: ParameterStore
  ) throws {
    let block = spaceToDepth * spaceToDepth
    let configuration = UNet2DConfiguration(
      inputChannels: inputs * block, outputChannels: outputs * block, channels: channels)
    self.init(try UNet2D(configuration, scope: parameters.root), spaceToDepth: spaceToDepth)
  }

  /// `[N, inputs, H, W]` → `[N, outputs, H, W]`
  package func callAsFunction(_ x: Tensor, time t: [Int]) throws(TorchError) -> Tensor {
    let shape = x.shape
    let multiple = spaceToDepth << network.configuration.reductions
    let right = (multiple - shape[3] % multiple) % multiple
    let bottom = (multiple - shape[2] % multiple) % multiple
    let padded = right + bottom == 0 ? x : try x.padded(right: right, bottom: bottom, .replicate)
    guard spaceToDepth > 1 else {
      return try cut(network(padded.channelsLast(), time: t), to: shape)
    }
    let blocks = try padded.pixelUnshuffled(spaceToDepth).channelsLast()
    return try cut(network(blocks, time: t).pixelShuffled(spaceToDepth), to: shape)
  }

  private func cut(_ x: Tensor, to shape: [Int]) throws(TorchError) -> Tensor {
    let found = x.shape
    if found[2] == shape[2] && found[3] == shape[3] { return x }
    return try x.narrowed(axis: 2, 0..<shape[2]).narrowed(axis: 3, 0..<shape[3])
  }
}
