import ArgumentParser
import Diffusion
import Foundation
import Operators
import Pipeline
import Reconstruction

struct Train: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train a prior on clean images, or tune a network to a scan.",
    subcommands: [TrainPrior.self, TrainH.self, TrainPostprocess.self])
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
    log.start("prior of \(training.parameterCount) parameters, output '\(output)'", at: training.startsAt)
    let record = try TrainingRecord(
      file: file, images: description.images.stacks, parameters: training.parameterCount, threads: common.threads,
      version: deftVersion)
    let stop = StopSignal()
    try training.train(
      report: { log.report($0) }, shouldStop: { stop.isRaised },
      onCheckpoint: { prior, iteration in
        try record.write(iterations: iteration, seconds: training.secondsSpent, to: output)
        let path = "\(output)/training/samples-\(String(format: "%06d", iteration)).png"
        try writeSamples(of: prior, size: description.crop, seed: description.settings.seed, to: path)
        log.checkpoint(iteration)
      })
    log.end(stopped: stop.isRaised)
  }
}

struct TrainH: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "h", abstract: "Tune an h-network to the scan of a pipeline; resumes where it stopped.")

  @Argument(help: "A training file such as pipelines/tune-sparse-view-ct.yaml.")
  var file: String

  @OptionGroup var common: TrainingOptions

  func run() async throws {
    var description = try ScanTrainingDescription(file: file)
    if !common.images.isEmpty { description.images.stacks = common.images }
    let output = common.output ?? description.output
    let workshop = MethodWorkshop(description.pipeline, threads: common.threads)
    guard let priorPath = description.pipeline.prior else { throw RunError.noPrior(description.pipeline.file) }
    let (scan, images) = try description.open(workshop)
    let training = try HTraining(
      .init(
        form: description.form, channels: description.channels, spaceToDepth: description.spaceToDepth,
        iterations: description.iterations),
      settings: description.settings, prior: workshop.loadPrior(), priorChecksum: checkpointChecksum(priorPath),
      scan: scan, images: images, folder: output)
    let log = TrainingLog(iterations: description.settings.iterations)
    log.start("h-network of \(training.parameterCount) parameters, output '\(output)'", at: training.startsAt)
    let record = try TrainingRecord(
      file: file, images: description.images.stacks, parameters: training.parameterCount, threads: common.threads,
      version: deftVersion)
    let stop = StopSignal()
    try training.train(
      report: { log.report($0) }, shouldStop: { stop.isRaised },
      onCheckpoint: { iteration in
        try record.write(iterations: iteration, seconds: training.secondsSpent, to: output)
        log.checkpoint(iteration)
      })
    log.end(stopped: stop.isRaised)
  }
}

struct TrainPostprocess: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "postprocess",
    abstract: "Train the supervised rival: a U-Net on the filtered back-projection.")

  @Argument(help: "A training file such as pipelines/train-postprocess.yaml.")
  var file: String

  @OptionGroup var common: TrainingOptions

  func run() async throws {
    var description = try ScanTrainingDescription(file: file)
    if !common.images.isEmpty { description.images.stacks = common.images }
    let output = common.output ?? description.output
    let workshop = MethodWorkshop(description.pipeline, threads: common.threads)
    let (scan, images) = try description.open(workshop)
    let training = try PostprocessTraining(
      .init(channels: description.channels, spaceToDepth: description.spaceToDepth),
      settings: description.settings, scan: scan, images: images, folder: output)
    let log = TrainingLog(iterations: description.settings.iterations)
    log.start("U-Net of \(training.parameterCount) parameters, output '\(output)'", at: training.startsAt)
    let record = try TrainingRecord(
      file: file, images: description.images.stacks, parameters: training.parameterCount, threads: common.threads,
      version: deftVersion)
    let stop = StopSignal()
    try training.train(
      report: { log.report($0) }, shouldStop: { stop.isRaised },
      onCheckpoint: { iteration in
        try record.write(iterations: iteration, seconds: training.secondsSpent, to: output)
        log.checkpoint(iteration)
      })
    log.end(stopped: stop.isRaised)
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

extension ScanTrainingDescription {
  /// The scan to tune to, and the images to tune on.
  func open(_ workshop: MethodWorkshop) throws -> (SimulatedParallelBeam<RadonTransform>, any ImageSource) {
    let tomography = try workshop.tomography()
    let shape = tomography.A.domain.shape
    return (
      SimulatedParallelBeam(tomography, noise: noise, simpleInverse: reference),
      try images.open(
        size: max(shape[0], shape[1]), minimum: max(shape[0], shape[1]), attenuation: pipeline.attenuation)
    )
  }
}
