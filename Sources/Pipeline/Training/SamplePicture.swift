import Diffusion
import Fields
import Formats

/// Four draws from a prior in one picture, to see what it has learnt so far.
public func writeSamples(of prior: DiffusionPrior, size: Int, seed: UInt64, to path: String) throws {
  let denoiser = PriorDenoiser(prior, on: ImageSpace(shape: [size, size]))
  var generator = SplitMix64(seed: seed, purpose: .priorSample)
  var row: [(image: Image, window: ClosedRange<Float>)] = []
  for _ in 0..<4 {
    let image = try DDIMSampler(eta: 1).sample(
      denoiser, steps: prior.schedule.timesteps(20), using: &generator)
    row.append((image, -1...1))
  }
  var picture = Picture()
  picture.append(row)
  try picture.write(to: path)
}
