import Fields
import Foundation

/// Trains a noise predictor on clean images.
///
///     L = E ‖ε − ε_θ(a_t x₀ + b_t ε, t)‖²,   t uniform
///
/// Source: Ho, Jain, Abbeel, NeurIPS 2020, equation 14.
public final class PriorTraining {
  private let network: PixelUNet
  private let parameters: ParameterStore
  public let schedule = NoiseSchedule()
  private let images: any ImageSource
  private let run: TrainingRun
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
  public init(
    _ architecture: Architecture = Architecture(), settings: TrainingSettings, crop: Int,
    images: any ImageSource, range: IntensityRange = .hounsfield, folder: String
  ) throws {
    parameters = ParameterStore(seed: settings.seed)
    network = try PixelUNet(
      inputs: 1, outputs: 1, channels: architecture.channels, spaceToDepth: architecture.spaceToDepth,
      parameters)
    run = try TrainingRun(settings, parameters: parameters, folder: CheckpointFiles.training(in: folder))
    self.folder = URL(fileURLWithPath: folder)
    self.images = images
    self.crop = crop
    self.range = range
  }

  public var parameterCount: Int { parameters.count }
  public var startsAt: Int { run.iteration }
  public var secondsSpent: Double { run.seconds }

  /// - Parameter onCheckpoint: gets the moving average as a usable prior after every saved state.
  public func train(
    report: (TrainingProgress) -> Void, shouldStop: () -> Bool = { false },
    onCheckpoint: (DiffusionPrior, Int) throws -> Void = { _, _ in }
  ) throws {
    try run.run(
      loss: { generator in try self.loss(using: &generator) }, report: report, shouldStop: shouldStop,
      onCheckpoint: { try onCheckpoint(self.saveCheckpoint(precision: .float16), self.run.iteration) })
  }

  private func loss(using generator: inout SplitMix64) throws -> TrainingRun.Loss {
    let batch = run.settings.batch
    let clean = (0..<batch).map { _ in images.draw(rows: crop, columns: crop, using: &generator) }
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

  /// Writes the moving average in diffusers' layout, with the error of its estimates measured on the
  /// training images, and loads it again.
  private func saveCheckpoint(precision: SafeTensors.Precision) throws -> DiffusionPrior {
    try SafeTensors.write(
      run.averages, precision: precision, to: folder.appendingPathComponent(CheckpointFiles.weights).path)
    try network.network.configuration.json()
      .write(to: folder.appendingPathComponent(CheckpointFiles.configuration), options: .atomic)
    try schedule.json().write(to: folder.appendingPathComponent(CheckpointFiles.schedule), options: .atomic)
    var description = PriorDescription()
    description.spaceToDepth = network.spaceToDepth
    description.range = range
    try CheckpointFiles.write(description, to: folder.appendingPathComponent(CheckpointFiles.description))
    let uncalibrated = try DiffusionPrior(path: folder.path)
    description = try uncalibrated.calibrated(on: images, rows: crop, columns: crop, seed: run.settings.seed)
    try CheckpointFiles.write(description, to: folder.appendingPathComponent(CheckpointFiles.description))
    return try DiffusionPrior(path: folder.path)
  }
}

extension DiffusionPrior {
  /// Measures s_t = √(mean (x̂₀ − x₀)²) at 21 steps, on `count` clean images of `rows` × `columns`.
  public func calibrated(
    on images: any ImageSource, rows: Int, columns: Int, count: Int = 8, seed: UInt64
  ) throws -> PriorDescription {
    var generator = SplitMix64(seed: seed, purpose: .calibration)
    let clean = (0..<count).map { _ in images.draw(rows: rows, columns: columns, using: &generator) }
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
