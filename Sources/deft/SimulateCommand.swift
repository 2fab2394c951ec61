import ArgumentParser
import Foundation
import Pipeline

struct SimulateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Simulate the measurements that a pipeline would get of a phantom or a volume.",
    discussion: """
      The object is a phantom file, measured in closed form, or a volume, measured along several rays per bin: \
      neither shares the discretisation of the reconstruction. '--model operator' uses the reconstruction's own \
      operator, as many papers do, and says so in the file.

      Without '--noise' and '--photons' the measurements are free of noise. Model, noise, seed and mean line \
      integral are written into the file, where 'deft run' and 'deft info' find them.

      deft simulate pipelines/sparse-view-ct.yaml --volume truth.tif --noise 0.01 --seed 1 --output scan.tif
      deft simulate pipelines/sparse-view-ct.yaml --phantom phantoms/thorax.yaml --slices 8 --photons 2e5 \
      --output scan.tif
      """)

  @Argument(help: "A pipeline file, which gives the geometry.")
  var pipeline: String

  @Option(help: ArgumentHelp("The object: a TIFF stack in HU or 1/mm.", valueName: "file"))
  var volume: String?

  @Option(help: ArgumentHelp("The object: a phantom file.", valueName: "file"))
  var phantom: String?

  @OptionGroup var destination: StackOutput

  @Option(help: "Normal noise: σ as a part of the mean line integral of the whole scan, such as 0.01.")
  var noise: Double?

  @Option(help: "Photon noise: photons per ray in front of the object, such as 2e5.")
  var photons: Double?

  @Option(help: "Seed of the noise.")
  var seed: UInt64 = 1

  @Option(help: "How line integrals are made; closed-form for a phantom and rays for a volume unless given.")
  var model: SimulationModel?

  @Option(help: "Rays averaged over the width of a bin, for closed-form and rays.")
  var raysPerBin: Int?

  @Option(help: "How many slices of the phantom; 1 unless given.")
  var slices: Int?

  @Option(help: "For a family of random phantoms: the seed of the first slice's phantom; 1 unless given.")
  var phantomSeed: UInt64?

  @Option(
    help: "Which pages of the volume, counted from 1: 4,12,20 or 4...78/8.",
    transform: PageList.argument)
  var pages: PageList?

  @Option(help: "The unit of the volume, where the file states none.")
  var unit: VolumeUnit?

  @Option(
    parsing: .unconditional,
    help: "Added to the values of the volume first, such as -1024 for files that store HU + 1024.")
  var offset: Double?

  @Flag(
    help: "Take the pixels of the volume to be as far apart as those of the pipeline, whatever the file says."
  )
  var ignoreSpacing = false

  @OptionGroup var parallel: ThreadCount

  func validate() throws {
    switch (volume, phantom) {
    case (nil, nil): throw ValidationError("What is measured? Give '--volume FILE' or '--phantom FILE'.")
    case (_?, _?): throw ValidationError("Give '--volume' or '--phantom', not both.")
    case (_?, nil):
      guard model != .closedForm else {
        throw ValidationError("A volume has no closed form. Use '--model rays' or '--model operator'.")
      }
      guard slices == nil, phantomSeed == nil else {
        throw ValidationError(
          "'--slices' and '--phantom-seed' are for phantoms. Choose the slices of a volume with '--pages'.")
      }
    case (nil, _?):
      guard pages == nil, unit == nil, offset == nil, !ignoreSpacing else {
        throw ValidationError(
          "'--pages', '--unit', '--offset' and '--ignore-spacing' are for volumes. A phantom is cut with '--slices'."
        )
      }
    }
    guard noise == nil || photons == nil else {
      throw ValidationError("Give '--noise' or '--photons', not both.")
    }
    if let noise, !(noise > 0 && noise.isFinite) {
      throw ValidationError("'--noise' is \(noise), expected a number above 0. Leave it out for no noise.")
    }
    if let photons, !(photons >= 1 && photons <= 1e15) {
      throw ValidationError("'--photons' is \(photons), expected a number from 1 to 1e15.")
    }
    if let slices { try expect(slices, in: 1...1_000_000, of: "--slices") }
    if let raysPerBin {
      try expect(raysPerBin, in: 1...1000, of: "--rays-per-bin")
      guard model != .operator else { throw ValidationError("'--model operator' has no '--rays-per-bin'.") }
    }
    if let offset, !offset.isFinite { throw ValidationError("'--offset' is \(offset), expected a number.") }
  }

  func run() async throws {
    try await interruptible { _ in
      for input in [volume, phantom, pipeline].compactMap(\.self) { try destination.expectOther(than: input) }
      let description = try PipelineDescription(file: pipeline)
      let object = try self.object(for: description)
      if case .volume(let volume) = object {
        for file in volume.files { try destination.expectOther(than: file) }
      }
      let noise: ScanSimulation.Noise =
        self.noise.map { .relative($0) } ?? photons.map { .photons($0) } ?? .none
      let simulation = try ScanSimulation(
        description, of: object, model: model, noise: noise, seed: seed,
        raysPerBin: raysPerBin ?? ScanSimulation.defaultRaysPerBin, threads: parallel.threads)
      say(object, description)
      Console.line(
        "\(counted(simulation.count, "slice")), \(description.geometry.beam), \(sentence(simulation))")
      let progress = SliceProgress("slices, each twice", total: 2 * simulation.count)
      let summary = try await simulation.write(to: destination.output, progress: progress.report)
      report(summary)
    }
  }

  private func object(for description: PipelineDescription) throws -> ScanSimulation.Object {
    if let phantom {
      return .phantom(try PhantomStack(file: phantom, slices: slices ?? 1, seed: phantomSeed ?? 1))
    }
    return .volume(
      try AttenuationVolume(
        path: volume ?? "", pages: pages, unit: unit, offset: offset ?? 0, ignoresSpacing: ignoreSpacing,
        for: description))
  }

  /// What was assumed.
  private func say(_ object: ScanSimulation.Object, _ description: PipelineDescription) {
    let grid = description.geometry.grid
    switch object {
    case .volume(let volume):
      if ignoreSpacing || !volume.statesSpacing {
        Console.line(
          "'\(volume.path)' \(volume.statesSpacing ? "is taken to have" : "states no spacing; it is taken to have") "
            + "the pipeline's pixels of \(grid.spacing[1]) mm")
      }
      if volume.unit == .hounsfield {
        Console.line("HU of water at \(description.attenuation.water)/mm")
      }
    case .phantom(let phantom):
      let width = Double(grid.shape[1]) * grid.spacing[1]
      if phantom.fieldOfView > width * 1.001 {
        Console.line(
          "the phantom '\(phantom.name)' is \(phantom.fieldOfView) mm wide, the image \(width) mm: what lies outside "
            + "the image is measured all the same")
      }
    }
  }

  private func sentence(_ simulation: ScanSimulation) -> String {
    switch simulation.model {
    case .closedForm: "closed form, \(counted(simulation.raysPerBin, "ray")) per bin"
    case .rays: "\(counted(simulation.raysPerBin, "ray")) per bin"
    case .operator: "the reconstruction's own operator"
    }
  }

  private func report(_ summary: ScanSimulation.Summary) {
    let mean = String(format: "%.6g", summary.meanLineIntegral)
    if summary.clippedPixels > 0 {
      Console.line("\(counted(summary.clippedPixels, "pixel")) below vacuum set to it")
    }
    switch summary.noise {
    case nil: Console.line("mean line integral \(mean), no noise")
    case .gaussian(let sigma):
      Console.line(
        "mean line integral \(mean), normal noise of σ = \(String(format: "%.6g", sigma)), seed \(seed)")
    case .photons(let perRay, _):
      Console.line(
        "mean line integral \(mean), \(String(format: "%g", perRay)) photons per ray, seed \(seed); "
          + "\(counted(summary.flooredRays, "ray")) without a photon set to half a photon")
    }
    Console.line("'\(destination.output)' is complete")
  }
}
