import ArgumentParser
import Diffusion
import Pipeline

struct PhantomCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "phantom",
    abstract: "Draw a phantom: images in which every pixel is the mean over its area.",
    discussion: """
      The slices of a phantom are the middles of equal slabs of its extent along z. A file that describes a family \
      of random phantoms gives another phantom for every slice.

      deft phantom phantoms/thorax.yaml --size 256 --slices 8 --output truth.tif
      """)

  @Argument(help: "A phantom file such as phantoms/thorax.yaml.")
  var file: String

  @Option(help: "Pixels along each side of the field of view.")
  var size = 256

  @Option(help: "How many slices.")
  var slices = 1

  @OptionGroup var destination: StackOutput

  @Option(help: "HU or 1/mm; HU unless the phantom has no unit.")
  var unit: VolumeUnit?

  @Option(help: "Linear attenuation of water in 1/mm, for HU.")
  var water = AttenuationScale().water

  @Option(
    help: "For a family of random phantoms: the seed of the first slice, the next number for the next slice.")
  var seed: UInt64 = 1

  @OptionGroup var parallel: ThreadCount

  func validate() throws {
    try expect(size, in: 1...16384, of: "--size")
    try expect(slices, in: 1...1_000_000, of: "--slices")
    guard water > 0, water.isFinite else {
      throw ValidationError("'--water' is \(water), expected a number above 0.")
    }
  }

  func run() async throws {
    try await interruptible { _ in
      try destination.expectOther(than: file)
      let phantom = try PhantomStack(file: file, slices: slices, seed: seed)
      let unit = self.unit ?? (phantom.unit == .perMillimetre ? .hounsfield : nil)
      let progress = SliceProgress("slices", total: slices)
      try await phantom.write(
        to: destination.output, size: size, unit: unit, scale: AttenuationScale(water: water),
        threads: parallel.threads, progress: progress.report)
      Console.line(
        "'\(destination.output)': \(counted(slices, "slice")) of \(size) × \(size) through the phantom "
          + "'\(phantom.name)', \(unit?.rawValue ?? "no unit")")
    }
  }
}
