import Diffusion
import Fields
import Foundation
import Operators
import Reconstruction
import Testing

/// Tests that run networks, one after the other: some of them change the number of threads.
@Suite(.serialized) struct NetworkTests {}

/// The exact prior of images whose pixels are independent N(0, v), in the network's range: ε = b x / (a² v + b²).
struct PixelPrior: NoisePredictor {
  let variance: Double
  let schedule: NoiseSchedule

  func predictNoise(_ x: Tensor, time t: [Int]) throws(TorchError) -> Tensor {
    let gains = t.map { step in
      let (a, b) = (schedule.a(step), schedule.b(step))
      return Float(b / (a * a * variance + b * b))
    }
    return try Tensor(gains, shape: [t.count, 1, 1, 1]) * x
  }

  /// - Parameter range: of the images it was trained on.
  static func make(
    variance v: Double, steps: Int = 1000, range: IntensityRange = .hounsfield
  ) -> DiffusionPrior {
    let schedule = NoiseSchedule(steps: steps)
    var description = PriorDescription()
    description.range = range
    description.tweedieSteps = Array(0..<steps)
    description.tweedieErrors = description.tweedieSteps.map {
      let (a, b) = (schedule.a($0), schedule.b($0))
      return (v * b * b / (v * a * a + b * b)).squareRoot()
    }
    return DiffusionPrior(
      predictor: PixelPrior(variance: v, schedule: schedule), schedule: schedule, description: description,
      path: "pixels")
  }
}

/// Images of independent N(0, v) pixels.
struct PixelImages: ImageSource {
  let variance: Double
  var identity: [NamedValue] { [] }

  func draw(rows: Int, columns: Int, using generator: inout SplitMix64) -> Image {
    let deviation = Float(variance.squareRoot())
    return Image(shape: [rows, columns], samples: generator.normals(rows * columns).map { deviation * $0 })
  }
}

/// A small scan of a disc of water with a rod in it.
struct SmallTomography {
  let tomography: NormalizedTomography<RadonTransform>
  /// 1/mm
  let truth: Image
  let measurement: SliceMeasurement

  static let size = 24

  init(
    views: Int = 18, axis: Double? = nil, scale: AttenuationScale = AttenuationScale(), threads: Int = 2,
    index: Int = 0
  ) throws {
    let grid = ImageSpace(shape: [Self.size, Self.size], spacing: 8)
    let beam = ParallelBeam(angles: Angle.even(views), bins: 36, binSpacing: 8, axis: axis)
    let A = try RadonTransform(grid, beam: beam, threads: threads)
    tomography = try NormalizedTomography(A, scale: scale, threads: threads)
    truth = try Phantom(
      name: "disc", unit: .perMillimetre, fieldOfView: 192,
      parts: [
        PhantomPart(.ellipse(halfAxes: [80, 64]), value: 0.02, blend: .replacing),
        PhantomPart(.ellipse(halfAxes: [20, 20]), centre: [24, 10], value: 0.03, blend: .replacing),
      ]
    ).image(on: grid)
    var y = A(truth)
    var generator = SplitMix64(seed: 3)
    let sigma = 0.02
    NoiseModel.gaussian(sigma: sigma).add(to: &y, using: &generator)
    measurement = SliceMeasurement(
      index: index, sinogram: y, variance: NoiseModel.gaussian(sigma: sigma).variance(of: y))
  }
}

/// Small networks for ``SmallTomography`` in a folder, with random weights, so that every layer does something.
final class SmallNetworks {
  let prior: DiffusionPrior
  let h: HCheckpoint
  let postprocess: String
  private let folder: URL

  init(for small: SmallTomography, spread: Float = 0.05) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "networks-\(UUID().uuidString)")
    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
    self.folder = folder
    let settings = TrainingSettings(iterations: 0, batch: 1, learningRate: 1)
    let images = PixelImages(variance: 0.1)
    let scan = SimulatedParallelBeam(small.tomography, noise: 0.01...0.02, simpleInverse: .fbp)
    try PriorTraining(
      .init(channels: [8, 16]), settings: settings, crop: 16, images: images, folder: path("prior")
    ).train(report: { _ in })
    try SmallNetworks.perturb(path("prior"), seed: 1, by: spread)
    prior = try DiffusionPrior(path: path("prior"))
    try HTraining(
      .init(channels: [8, 16]), settings: settings, prior: prior, priorChecksum: "", scan: scan,
      images: images,
      folder: path("h")
    ).train(report: { _ in })
    try SmallNetworks.perturb(path("h"), seed: 2, by: spread)
    h = try HCheckpoint(path: path("h"))
    try PostprocessTraining(
      .init(channels: [8, 16]), settings: settings, scan: scan, images: images, folder: path("postprocess")
    ).train(report: { _ in })
    try SmallNetworks.perturb(path("postprocess"), seed: 3, by: spread)
    postprocess = path("postprocess")
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  private static func perturb(_ folder: String, seed: UInt64, by spread: Float) throws {
    let path = CheckpointFiles.weights(in: folder)
    let file = try SafeTensors(path: path)
    var generator = SplitMix64(seed: seed)
    let tensors = try file.entries.values.sorted { $0.name < $1.name }.map { entry in
      let values = try file.floats(entry)
      let noise = generator.normals(values.count)
      return (name: entry.name, shape: entry.shape, values: zip(values, noise).map { $0 + spread * $1 })
    }
    try SafeTensors.write(tensors, precision: .float16, to: path)
  }
}

/// The largest |a − b| relative to `scale`.
func largestDifference(_ a: Image, _ b: Image, relativeTo scale: Double) -> Double {
  zip(a.samples, b.samples).reduce(0) { max($0, abs(Double($1.0) - Double($1.1))) } / scale
}

/// Runs `body`, expects a `CheckpointError` and returns its sentence.
func checkpointError(
  sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) -> String {
  do {
    try body()
  } catch let error as CheckpointError {
    return error.description
  } catch {
    Issue.record("\(type(of: error)) instead of a CheckpointError: \(error)", sourceLocation: sourceLocation)
    return ""
  }
  Issue.record("no error", sourceLocation: sourceLocation)
  return ""
}
