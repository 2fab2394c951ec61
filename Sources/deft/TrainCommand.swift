import ArgumentParser
import Diffusion
import Foundation
import Pipeline

struct Train: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train a prior on clean images, or tune an h-network to a scanner.",
    subcommands: [TrainPrior.self])
}

struct TrainPrior: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prior", abstract: "Train a diffusion prior on clean images; resumes where it stopped.")

  @Argument(help: "A training file such as pipelines/train-ct-prior.yaml.")
  var file: String

  @OptionGroup var common: TrainingOptions

  func run() async throws {
    Torch.setThreads(common.threads)
    var description = try PriorTrainingDescription(file: file)
    if !common.images.isEmpty { description.images.stacks = common.images }
    let output = common.output ?? description.output
    let images = try description.images.open(
      size: description.phantomSize, minimum: description.crop, attenuation: AttenuationScale())
    let training = try PriorTraining(
      description.architecture, settings: description.settings, crop: description.crop, images: images,
      folder: output)
    let log = TrainingLog(iterations: description.settings.iterations)
    log.start(
      "prior of \(training.parameterCount) parameters, \(Torch.threads) threads, output '\(output)'",
      at: training.startsAt)
    let stop = StopSignal()
    try training.train(
      report: { log.report($0) }, shouldStop: { stop.isRaised },
      onCheckpoint: { _, iteration in log.checkpoint(iteration) })
    if stop.isRaised { log.line("stopped; the same command goes on from here") }
  }
}

struct TrainingOptions: ParsableArguments {
  @Option(help: "Image stacks to train on, instead of those of the file.")
  var images: [String] = []

  @Option(help: "Where the checkpoint goes, instead of the file's 'output'.")
  var output: String?

  @Option(help: "Threads inside one operation.")
  var threads = ProcessInfo.processInfo.activeProcessorCount
}
