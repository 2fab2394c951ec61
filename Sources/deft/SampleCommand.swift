import ArgumentParser
import Diffusion
import Pipeline

struct SampleCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sample", abstract: "Draw images from a prior, to look at what it has learnt.",
    discussion: """
      The images are in the prior's unit. Image k depends on the seed and k alone.

      deft sample --prior pipelines/priors/ct --count 4 --output samples.tif
      """)

  @Option(help: "The folder of a prior, or a TorchScript file.")
  var prior: String

  @Option(help: "Steps of the sampler, one evaluation of the prior each.")
  var steps = 50

  @Option(help: "Fresh noise per step: 0 is deterministic, 1 that of ancestral sampling.")
  var eta = 1.0

  @Option(help: "Start from the pages of this stack, standard normal noise, instead of the seed.")
  var noise: String?

  @Option(help: "Rows and columns of the images; 256 unless given.")
  var size: Int?

  @Option(help: "How many images; 4 unless given.")
  var count: Int?

  @Option(help: "The seed of the draws.")
  var seed: UInt64 = 1

  @OptionGroup var destination: StackOutput

  @OptionGroup var parallel: ThreadCount

  func validate() throws {
    try expect(steps, in: 1...100_000, of: "--steps")
    if let size { try expect(size, in: 1...PriorSamples.largestSide, of: "--size") }
    if let count { try expect(count, in: 1...1_000_000, of: "--count") }
    guard noise == nil || (size == nil && count == nil) else {
      throw ValidationError(
        "'--noise' gives number and size of the images. Leave '--size' and '--count' out.")
    }
    guard (0...1).contains(eta) else {
      throw ValidationError("'--eta' is \(eta), expected a number from 0 to 1.")
    }
  }

  func run() async throws {
    try await interruptible { _ in
      if let noise { try destination.expectOther(than: noise) }
      try Torch.load()
      Torch.setThreads(parallel.threads)
      let samples = try PriorSamples(
        prior: prior, steps: steps, eta: eta, size: size ?? 256, count: count ?? 4, noise: noise, seed: seed)
      let progress = SliceProgress("images", total: samples.count)
      try await samples.write(to: destination.output, progress: progress.report)
      Console.line(
        "'\(destination.output)': \(counted(samples.count, "image")) of \(samples.rows) × \(samples.columns)")
    }
  }
}
