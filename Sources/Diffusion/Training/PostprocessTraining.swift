import Fields
import Foundation
import Operators

/// The supervised rival: a U-Net that turns the simple inverse of y into the image, in one evaluation.
///
///     x = x_ref + f(x_ref),   L = E ‖x − x₀‖²
///
/// Source: Jin, McCann, Froustey, Unser, "Deep convolutional neural network for inverse problems in imaging",
/// IEEE TIP 2017, DOI 10.1109/TIP.2017.2713099.
public final class PostprocessTraining<Scan: SimulatedScan>: NetworkTraining {
  private let network: PixelUNet
  private let scan: Scan
  private let images: any ImageSource
  public let run: TrainingRun
  private let folder: URL

  /// Takes up the run in `folder` if there is one.
  ///
  /// - Parameter replace: trains anew where the folder holds another network or the state of another training.
  /// - Throws: ``TrainingError`` where it does and `replace` is false.
  public init(
    _ architecture: PriorTraining.Architecture = .init(), settings: TrainingSettings, scan: Scan,
    images: any ImageSource, folder: String, replace: Bool = false
  ) throws {
    let parameters = ParameterStore(seed: settings.seed)
    network = try PixelUNet(
      inputs: 1, outputs: 1, channels: architecture.channels, spaceToDepth: architecture.spaceToDepth,
      parameters)
    self.scan = scan
    self.images = images
    self.folder = URL(fileURLWithPath: folder)
    run = try TrainingRun(
      settings,
      identity: [NamedValue("the kind of network", "post-processing network")] + architecture.identity
        + scan.identity + images.identity,
      parameters: parameters, checkpoint: folder, replace: replace)
  }

  public func loss(using generator: inout SplitMix64) throws -> TrainingRun.Loss {
    let shape = scan.A.domain.shape
    let batch = run.settings.batch
    let clean = images.draw(batch, rows: shape[0], columns: shape[1], using: &generator)
    let references = try Tensor(clean.map { try scan.reference(scan.measure($0, using: &generator)) })
    let truth = try Tensor(clean)
    let image = try references + network(references, time: Array(repeating: 0, count: batch))
    return TrainingRun.Loss(
      tensor: try (image - truth).squared().mean(),
      figures: [("untrained", Double(try (references - truth).squared().mean().scalar()))])
  }

  public func saveCheckpoint() throws {
    try CheckpointFiles.save(
      weights: SafeTensors.encode(run.averages, precision: .float16), network.network.configuration,
      description: PostprocessDescription(
        spaceToDepth: network.spaceToDepth, range: scan.scale.range, fingerprint: scan.fingerprint,
        reference: scan.simpleInverse), in: folder)
  }
}

/// What a post-processing network was trained for.
package struct PostprocessDescription: Codable {
  package let spaceToDepth: Int
  package let range: IntensityRange
  package let fingerprint: OperatorFingerprint
  package let reference: SimpleInverse

  package func validate(_ path: String) throws(CheckpointError) {
    try CheckpointFiles.validate(spaceToDepth: spaceToDepth, range, in: path)
  }
}

/// A trained post-processing network.
public final class PostprocessCheckpoint {
  public let path: String
  private let network: PixelUNet
  private let range: IntensityRange
  public let parameterCount: Int
  /// How the network's input is made from the measurement.
  public let reference: SimpleInverse

  /// - Throws: ``CheckpointError/otherOperator(_:differences:)`` when it was trained for another scan.
  public init(path: String, for fingerprint: OperatorFingerprint) throws {
    let folder = URL(fileURLWithPath: path)
    func file(_ name: String) -> String { folder.appendingPathComponent(name).path }
    let description = try CheckpointFiles.read(
      PostprocessDescription.self, from: file(CheckpointFiles.description))
    try description.validate(file(CheckpointFiles.description))
    let differences = description.fingerprint.differences(from: fingerprint)
    guard differences.isEmpty else { throw CheckpointError.otherOperator(path, differences: differences) }
    let configuration = try UNet2DConfiguration(path: file(CheckpointFiles.configuration))
    let block = description.spaceToDepth * description.spaceToDepth
    try configuration.expect(
      inputs: block, outputs: block, of: "a network from image to image", file(CheckpointFiles.configuration))
    let parameters = ParameterStore(try SafeTensors(path: file(CheckpointFiles.weights)))
    network = PixelUNet(
      try UNet2D(configuration, scope: parameters.root), spaceToDepth: description.spaceToDepth)
    try parameters.expectAllUsed()
    self.path = path
    range = description.range
    parameterCount = parameters.count
    reference = description.reference
  }

  /// - Throws: ``CheckpointError/otherRange(_:found:expected:)`` when it was trained on images of another range.
  public func expect(_ range: IntensityRange) throws(CheckpointError) {
    try CheckpointFiles.expect(range, in: self.range, of: path)
  }

  /// - Parameter reference: x_ref in the network's range.
  public func callAsFunction(_ reference: Image) throws -> Image {
    try Torch.withoutGradients { () throws(TorchError) in
      let x = try Tensor(reference)
      return try (x + network(x, time: [0])).clamped(to: -1...1).images()[0]
    }
  }
}
