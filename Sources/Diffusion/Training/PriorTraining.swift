import Fields
import Foundation

/// Trains a noise predictor on clean images.
///
///     L = E ‖ε − ε_θ(a_t x₀ + b_t ε, t)‖²,   t uniform
///
/// Source: Ho, Jain, Abbeel, NeurIPS 2020, equation 14.
public final class PriorTraining: NetworkTraining {
  private let network: PixelUNet
  public let schedule = NoiseSchedule()
  private let images: any ImageSource
  public let run: TrainingRun
  private let folder: URL
  private let crop: Int
  private let range: IntensityRange

  public struct Architecture: Codable, Hashable, Sendable {
    public var channels: [Int]
    public var spaceToDepth: Int

    public init(channels: [Int] = [48, 96, 128, 160], spaceToDepth: Int = 2) {
      self.channels = channels
      self.spaceToDepth = spaceToDepth
    }
  }

  /// Takes up the run in `folder` if there is one.
  ///
  /// - Parameter replace: trains anew where the folder holds another network or the state of another training.
  /// - Throws: ``TrainingError`` where it does and `replace` is false.
  public init(
    _ architecture: Architecture = Architecture(), settings: TrainingSettings, crop: Int,
    images: any ImageSource, range: IntensityRange = .hounsfield, folder: String, replace: Bool = false
  ) throws {
    let parameters = ParameterStore(seed: settings.seed)
    network = try PixelUNet(
      inputs: 1, outputs: 1, channels: architecture.channels, spaceToDepth: architecture.spaceToDepth,
      parameters)
    run = try TrainingRun(
      settings,
      identity: [NamedValue("the kind of network", "prior")] + architecture.identity + images.identity + [
        NamedValue("the crop", "\(crop) × \(crop)"), NamedValue("the range of the images", "\(range)"),
      ], parameters: parameters, checkpoint: folder, replace: replace)
    self.folder = URL(fileURLWithPath: folder)
    self.images = images
    self.crop = crop
    self.range = range
  }

  public func loss(using generator: inout SplitMix64) throws -> TrainingRun.Loss {
    let batch = run.settings.batch
    let clean = images.draw(batch, rows: crop, columns: crop, using: &generator)
    let t = (0..<batch).map { _ in Int(generator.next() % UInt64(schedule.steps)) }
    let noise = generator.normals(batch * crop * crop)
    var noisy = noise
    for (i, image) in clean.enumerated() {
      let (a, b) = (Float(schedule.a(t[i])), Float(schedule.b(t[i])))
      let start = i * crop * crop
      for p in image.samples.indices { noisy[start + p] = a * image.samples[p] + b * noise[start + p] }
    }
    let shape = [batch, 1, crop, crop]
    let predicted = try network(Tensor(noisy, shape: shape), time: t)
    return TrainingRun.Loss(tensor: try (predicted - Tensor(noise, shape: shape)).squared().mean())
  }

  /// Writes the moving average in diffusers' layout, with the error of its estimates on the training images.
  public func saveCheckpoint() throws {
    let weights = try SafeTensors.encode(run.averages, precision: .float16)
    let configuration = network.network.configuration
    // Measured on the network as it will be read, with weights in half precision.
    let parameters = ParameterStore(try SafeTensors(weights, path: folder.path))
    var description = PriorDescription()
    description.spaceToDepth = network.spaceToDepth
    description.range = range
    let uncalibrated = DiffusionPrior(
      predictor: PixelUNet(
        try UNet2D(configuration, scope: parameters.root), spaceToDepth: network.spaceToDepth),
      schedule: schedule, description: description, path: folder.path)
    description = try uncalibrated.calibrated(on: images, rows: crop, columns: crop, seed: run.settings.seed)
    try CheckpointFiles.save(weights: weights, configuration, schedule, description: description, in: folder)
  }
}

extension PriorTraining.Architecture {
  var identity: [NamedValue] {
    [
      NamedValue("the list of channels", "\(channels)"),
      NamedValue("the block of pixels", "\(spaceToDepth) × \(spaceToDepth)"),
    ]
  }
}

extension DiffusionPrior {
  /// Measures s_t = √(mean (x̂₀ − x₀)²) at 21 steps, on `count` clean images of `rows` × `columns`.
  public func calibrated(
    on images: any ImageSource, rows: Int, columns: Int, count: Int = 8, seed: UInt64
  ) throws -> PriorDescription {
    var generator = SplitMix64(seed: seed, purpose: .calibration)
    let clean = images.draw(count, rows: rows, columns: columns, using: &generator)
    let truth = try Tensor(clean)
    var result = description
    result.tweedieSteps =
      Array(stride(from: 0, to: schedule.steps - 1, by: max(schedule.steps / 20, 1))) + [schedule.steps - 1]
    result.tweedieErrors = try result.tweedieSteps.map { t in
      let noise = try Tensor(generator.normals(truth.count), shape: truth.shape)
      let noisy = try schedule.a(t) * truth + schedule.b(t) * noise
      let estimate = try estimate(noisy, steps: Array(repeating: t, count: count))
      // No estimate is trusted beyond 10⁻⁴ (0.1 HU): an error of 0 would forbid every correction.
      return max(1e-4, Double(try (estimate - truth).squared().mean().scalar()).squareRoot())
    }
    return result
  }
}
