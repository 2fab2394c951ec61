import Fields
import Foundation
import Operators

/// The supervised rival: a U-Net that turns the simple inverse of y into the image, in one evaluation.
///
///     x = x_ref + f(x_ref),   L = E ‖x − x₀‖²
///
/// Source: Jin, McCann, Froustey, Unser, "Deep convolutional neural network for inverse problems in imaging",
/// IEEE TIP 2017, DOI 10.1109/TIP.2017.2713099.
public final class PostprocessTraining<Scan: SimulatedScan> {
  private let network: PixelUNet
  private let parameters: ParameterStore
  private let scan: Scan
  private let images: any ImageSource
  private let run: TrainingRun
  private let folder: URL

  public init(
    _ architecture: PriorTraining.Architecture = .init(), settings: TrainingSettings, scan: Scan,
    images: any ImageSource, folder: String
  ) throws {
    parameters = ParameterStore(seed: settings.seed)
    network = try PixelUNet(
      inputs: 1, outputs: 1, channels: architecture.channels, spaceToDepth: architecture.spaceToDepth,
      parameters)
    self.scan = scan
    self.images = images
    self.folder = URL(fileURLWithPath: folder)
    run = try TrainingRun(settings, parameters: parameters, folder: CheckpointFiles.training(in: folder))
  }

  public var parameterCount: Int { parameters.count }
  public var startsAt: Int { run.iteration }
  /// In iterations, over all sessions.
  public var secondsSpent: Double { run.seconds }

  public func train(
    report: (TrainingProgress) -> Void, shouldStop: () -> Bool = { false },
    onCheckpoint: (Int) throws -> Void = { _ in }
  ) throws {
    try run.run(
      loss: { generator in try self.loss(using: &generator) }, report: report, shouldStop: shouldStop,
      onCheckpoint: {
        try self.saveCheckpoint()
        try onCheckpoint(self.run.iteration)
      })
  }

  private func loss(using generator: inout SplitMix64) throws -> TrainingRun.Loss {
    let shape = scan.A.domain.shape
    let batch = run.settings.batch
    let clean = (0..<batch).map { _ in images.draw(rows: shape[0], columns: shape[1], using: &generator) }
    let references = try Tensor(clean.map { try scan.reference(scan.measure($0, using: &generator)) })
    let truth = try Tensor(clean)
    let image = try references + network(references, time: Array(repeating: 0, count: batch))
    return TrainingRun.Loss(
      tensor: try (image - truth).squared().mean(),
      figures: [("untrained", Double(try (references - truth).squared().mean().scalar()))])
  }

  private func saveCheckpoint() throws {
    try SafeTensors.write(
      run.averages, precision: .float16, to: folder.appendingPathComponent(CheckpointFiles.weights).path)
    try network.network.configuration.json()
      .write(to: folder.appendingPathComponent(CheckpointFiles.configuration), options: .atomic)
    try CheckpointFiles.write(
      PostprocessDescription(
        spaceToDepth: network.spaceToDepth, range: .hounsfield, fingerprint: scan.fingerprint,
        reference: scan.simpleInverse),
      to: folder.appendingPathComponent(CheckpointFiles.description))
  }
}

struct PostprocessDescription: Codable {
  let spaceToDepth: Int
  let range: IntensityRange
  let fingerprint: OperatorFingerprint
  let reference: SimpleInverse
}

/// A trained post-processing network.
public final class PostprocessCheckpoint {
  private let network: PixelUNet
  public let parameterCount: Int
  /// How the network's input is made from the measurement.
  public let reference: SimpleInverse

  /// - Throws: ``CheckpointError/otherOperator(_:differences:)`` when it was trained for another scan.
  public init(path: String, for fingerprint: OperatorFingerprint) throws {
    let folder = URL(fileURLWithPath: path)
    func file(_ name: String) -> String { folder.appendingPathComponent(name).path }
    let description = try CheckpointFiles.read(
      PostprocessDescription.self, from: file(CheckpointFiles.description))
    try CheckpointFiles.validate(
      spaceToDepth: description.spaceToDepth, description.range, in: file(CheckpointFiles.description))
    let differences = description.fingerprint.differences(from: fingerprint)
    guard differences.isEmpty else { throw CheckpointError.otherOperator(path, differences: differences) }
    let parameters = ParameterStore(try SafeTensors(path: file(CheckpointFiles.weights)))
    network = PixelUNet(
      try UNet2D(UNet2DConfiguration(path: file(CheckpointFiles.configuration)), scope: parameters.root),
      spaceToDepth: description.spaceToDepth)
    try parameters.expectAllUsed()
    parameterCount = parameters.count
    reference = description.reference
  }

  /// - Parameter reference: x_ref in the network's range.
  public func callAsFunction(_ reference: Image) throws -> Image {
    try Torch.withoutGradients { () throws(TorchError) in
      let x = try Tensor(reference)
      return try (x + network(x, time: [0])).clamped(to: -1...1).images()[0]
    }
  }
}
