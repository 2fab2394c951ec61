import Diffusion
import Foundation
import Testing

/// What networks cost, counted from the shapes of their weights.
@Suite struct NetworkCostTests {
  /// Multiply-adds of one evaluation with `places` blocks of pixels at the finest level.
  ///
  /// A convolution of weights [o, i, k, k] takes o i k² at every place of its output, a quarter of the places at every
  /// further level; a linear layer takes its weights once.
  private static func multiplyAdds(_ parameters: ParameterStore, levels: Int, places: Double) -> Double {
    zip(parameters.names, parameters.tensors).reduce(0) { sum, parameter in
      let (name, tensor) = parameter
      let words = name.split(separator: ".")
      switch tensor.shape.count {
      case 1: return sum
      case 2: return sum + Double(tensor.count)
      default:
        var level = 0
        if words[0] == "mid_block" { level = levels - 1 }
        if words[0] == "down_blocks" { level = (Int(words[1]) ?? 0) + (words[2] == "downsamplers" ? 1 : 0) }
        if words[0] == "up_blocks" {
          level = levels - 1 - (Int(words[1]) ?? 0) - (words[2] == "upsamplers" ? 1 : 0)
        }
        return sum + Double(tensor.count) * places / pow(4, Double(level))
      }
    }
  }

  /// One level and one layer, counted by hand: convolutions of 9 i o at each of 100 places, linear layers once.
  @Test func countsASmallNetwork() throws {
    let parameters = ParameterStore(seed: 1)
    _ = try PixelUNet(inputs: 1, outputs: 1, channels: [8], spaceToDepth: 1, parameters)
    // In and out, five residual blocks: one down, two in the middle, two up, whose input is twice as wide and
    // passes by through a convolution of one pixel.
    let plain = 9 * (8 * 8 + 8 * 8)
    let wide = 9 * (16 * 8 + 8 * 8) + 16 * 8
    let convolutions = 9 * 8 + 9 * 8 + 3 * plain + 2 * wide
    // The embedding of 8 features in 32 channels, and its scale and shift in every block.
    let linear = 8 * 32 + 32 * 32 + 5 * 32 * 16
    let found = Self.multiplyAdds(parameters, levels: 1, places: 100)
    #expect(found == Double(100 * convolutions + linear))
  }

  /// What is tuned to a scan costs at most half of the prior to run. It has three fifths of its weights at most: those of
  /// the coarse levels are many and take part at few places.
  @Test(arguments: HDescription.Form.allCases) func anHNetworkIsHalfAPrior(form: HDescription.Form) throws {
    let (prior, h) = (PriorTraining.Architecture(), HTraining<SamplingScan>.Architecture(form: form))
    let (priorWeights, hWeights) = (ParameterStore(seed: 1), ParameterStore(seed: 1))
    _ = try PixelUNet(
      inputs: 1, outputs: 1, channels: prior.channels, spaceToDepth: prior.spaceToDepth, priorWeights)
    _ = try HNetwork(
      form, HNetwork.configuration(form, channels: h.channels, spaceToDepth: h.spaceToDepth),
      spaceToDepth: h.spaceToDepth, hWeights)
    func cost(_ weights: ParameterStore, _ channels: [Int], _ block: Int) -> Double {
      Self.multiplyAdds(weights, levels: channels.count, places: Double(256 * 256 / block / block))
    }
    let size = Double(hWeights.count) / Double(priorWeights.count)
    let work =
      cost(hWeights, h.channels, h.spaceToDepth) / cost(priorWeights, prior.channels, prior.spaceToDepth)
    #expect(size <= 0.6, "\(size) of the parameters")
    #expect(work <= 0.5, "\(work) of the multiply-adds")
  }

  private static let shipped = Fixtures.folder.deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("pipelines/priors").path

  /// The networks that come with the program load, fit each other and keep to the same bound.
  @Test func theShippedNetworksLoad() throws {
    let prior = try DiffusionPrior(path: Self.shipped + "/ct")
    let h = try HCheckpoint(path: Self.shipped + "/ct-60-views")
    try prior.expect(.hounsfield)
    try h.expect(.hounsfield)
    try h.expect(prior.schedule)
    let weights = try SafeTensors(path: CheckpointFiles.weights(in: prior.path))
    let count = weights.entries.values.reduce(0) { $0 + $1.shape.reduce(1, *) }
    #expect(Double(h.parameterCount) <= 0.6 * Double(count))
  }
}
