import ArgumentParser
import Diffusion
import Foundation
import Operators
import Pipeline
import Reconstruction

struct Train: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train a prior on clean images, or tune a network to a scan.",
    discussion: """
      A training goes on where it stopped: Ctrl-C saves its state, and the same command takes it up. One that began with \
      other settings, images or networks is refused.
      """,
    subcommands: [TrainPrior.self, TrainH.self, TrainPostprocess.self])
}

struct TrainPrior: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prior", abstract: "Train a diffusion prior on clean images; resumes where it stopped.")

  @Argument(help: "A training file such as pipelines/train-ct-prior.yaml.")
  var file: String

  @OptionGroup var common: TrainingOptions

  func run() async throws {
    try await common.train("prior", file: file) {
      var description = try PriorTrainingDescription(file: file)
      common.apply(to: &description.images.stacks, &description.output)
      let (folder, crop, seed) = (description.output, description.crop, description.settings.seed)
      let training = try PriorTraining(
        description.architecture, settings: description.settings, crop: crop,
        images: description.images.open(
          size: description.phantomSize, minimum: crop, attenuation: AttenuationScale()),
        folder: folder, replace: common.replace)
      return Training(training, stacks: description.images.stacks, output: folder) { iteration in
        try writeSamples(
          of: DiffusionPrior(path: folder), size: crop, seed: seed,
          to: "\(folder)/training/samples-\(String(format: "%06d", iteration)).png")
      }
    }
  }
}

struct TrainH: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "h", abstract: "Tune an h-network to the scan of a pipeline; resumes where it stopped.")

  @Argument(help: "A training file such as pipelines/tune-sparse-view-ct.yaml.")
  var file: String

  @OptionGroup var common: TrainingOptions

  func run() async throws {
    try await common.train("h-network", file: file) {
      var description = try ScanTrainingDescription(file: file)
      common.apply(to: &description.images.stacks, &description.output)
      let workshop = MethodWorkshop(description.pipeline, threads: common.parallel.threads)
      guard let prior = description.pipeline.prior else { throw RunError.noPrior(description.pipeline.file) }
      let (scan, images) = try description.open(workshop)
      let training = try HTraining(
        .init(
          form: description.form, channels: description.channels, spaceToDepth: description.spaceToDepth,
          iterations: description.iterations),
        settings: description.settings, prior: workshop.loadPrior(), priorChecksum: checkpointChecksum(prior),
        scan: scan, images: images, folder: description.output, replace: common.replace)
      return Training(training, stacks: description.images.stacks, output: description.output)
    }
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
    try await common.train("U-Net", file: file) {
      var description = try ScanTrainingDescription(file: file)
      common.apply(to: &description.images.stacks, &description.output)
      let workshop = MethodWorkshop(description.pipeline, threads: common.parallel.threads)
      let (scan, images) = try description.open(workshop)
      let training = try PostprocessTraining(
        .init(channels: description.channels, spaceToDepth: description.spaceToDepth),
        settings: description.settings, scan: scan, images: images, folder: description.output,
        replace: common.replace)
      return Training(training, stacks: description.images.stacks, output: description.output)
    }
  }
}

/// A training that is ready to begin.
private struct Training {
  let network: any NetworkTraining
  let stacks: [String]
  let output: String
  /// Called after every checkpoint with the iteration.
  let onCheckpoint: (Int) throws -> Void

  init(
    _ network: any NetworkTraining, stacks: [String], output: String,
    onCheckpoint: @escaping (Int) throws -> Void = { _ in }
  ) {
    self.network = network
    self.stacks = stacks
    self.output = output
    self.onCheckpoint = onCheckpoint
  }
}

struct TrainingOptions: ParsableArguments {
  @Option(help: "Image stacks to train on, instead of those of the file.")
  var images: [String] = []

  @Option(help: "Where the checkpoint goes, instead of the file's 'output'.")
  var output: String?

  @Flag(help: "Train a new network in place of one that is there and does not belong to this training.")
  var replace = false

  @OptionGroup var parallel: ThreadCount

  /// Puts the command line in place of the file.
  func apply(to stacks: inout [String], _ output: inout String) {
    if !images.isEmpty { stacks = images }
    output = self.output ?? output
  }

  /// Trains until all is done or Ctrl-C asks to save the state and stop.
  fileprivate func train(
    _ kind: String, file: String, _ begin: @escaping @Sendable () throws -> Training
  ) async throws {
    try await interruptible(cancels: false, left: { "the same command goes on from here" }) { stop in
      try Torch.load()
      Torch.setThreads(parallel.threads)
      let training = try begin()
      let (network, output) = (training.network, training.output)
      let log = TrainingLog(iterations: network.run.settings.iterations)
      log.start("\(kind) of \(network.parameterCount) parameters, output '\(output)'", at: network.startsAt)
      let record = try TrainingRecord(
        file: file, images: training.stacks, parameters: network.parameterCount, threads: parallel.threads,
        version: deftVersion)
      try network.train(
        report: { log.report($0) }, shouldStop: { stop.isRaised },
        onCheckpoint: { iteration in
          try record.write(iterations: iteration, seconds: network.secondsSpent, to: output)
          log.checkpoint(iteration)
          if !stop.isRaised { try training.onCheckpoint(iteration) }
        })
    }
  }
}

extension ScanTrainingDescription {
  /// The scan to tune to, and the images to tune on.
  func open(_ workshop: MethodWorkshop) throws -> (SimulatedParallelBeam<RadonTransform>, any ImageSource) {
    let tomography = try workshop.tomography()
    let shape = tomography.A.domain.shape
    let side = max(shape[0], shape[1])
    return (
      SimulatedParallelBeam(tomography, noise: noise, simpleInverse: reference),
      try images.open(size: side, minimum: side, attenuation: pipeline.attenuation)
    )
  }
}
