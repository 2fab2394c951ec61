import ArgumentParser
import Diffusion
import Fields
import Formats
import Foundation
import Pipeline

struct SampleCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sample", abstract: "Draw images from a prior, to look at what it has learnt.")

  @Option(help: "The folder of a prior, or a TorchScript file.")
  var prior: String

  @Option(help: "Steps of the sampler, one evaluation of the prior each.")
  var steps = 50

  @Option(help: "Fresh noise per step: 0 is deterministic, 1 that of ancestral sampling.")
  var eta = 1.0

  @Option(help: "Start from the pages of this stack, standard normal noise, instead of the seed.")
  var noise: String?

  @Option(help: "Rows and columns of the images.")
  var size = 256

  @Option(help: "How many images.")
  var count = 4

  @Option(help: "The seed of the draws.")
  var seed: UInt64 = 1

  @Option(help: "Where the images go, in the prior's unit.")
  var output: String

  @Option(help: "Threads.")
  var threads = ProcessInfo.processInfo.activeProcessorCount

  func validate() throws {
    guard steps >= 1 else { throw ValidationError("Please give at least one step, not \(steps).") }
    guard (0...1).contains(eta) else { throw ValidationError("Please give an eta from 0 to 1, not \(eta).") }
    guard size >= 1, count >= 1 else { throw ValidationError("Please give a positive size and count.") }
  }

  func run() async throws {
    Torch.setThreads(threads)
    let prior = try DiffusionPrior(path: prior)
    let start = try noise.map { try TIFFStack(path: $0) }
    let (rows, columns, pages) = start.map { ($0.info.rows, $0.info.columns, $0.count) } ?? (size, size, count)
    guard steps <= prior.schedule.steps else {
      throw ValidationError("Please give at most \(prior.schedule.steps) steps, as many as the prior knows.")
    }
    let range = prior.description.range
    let denoiser = PriorDenoiser(prior, on: ImageSpace(shape: [rows, columns]))
    var writer = try TIFFWriter(path: output, rows: rows, columns: columns, pages: pages, unit: range.unit)
    let progress = StandardError()
    for page in 0..<pages {
      var generator = SplitMix64(seed: seed, stream: page)
      let image = try DDIMSampler(eta: eta).sample(
        denoiser, steps: prior.schedule.timesteps(steps), from: start?.page(page), using: &generator)
      try writer.append(range.physical(image))
      progress.line("image \(page + 1)/\(pages)")
    }
    try writer.finish()
  }
}
