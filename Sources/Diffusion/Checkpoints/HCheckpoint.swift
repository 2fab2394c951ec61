import Fields
import Foundation

/// A tuned h-network on disk: a small checkpoint that names its prior and the operator it was tuned for.
///
///     config.json  diffusion_pytorch_model.safetensors  deft.json
///
/// Not `Sendable`: it holds tensors.
public final class HCheckpoint {
  public let path: String
  public let description: HDescription
  package let network: HNetwork
  package let tweedieError: TweedieError

  public init(path: String) throws {
    let folder = URL(fileURLWithPath: path)
    func file(_ name: String) -> String { folder.appendingPathComponent(name).path }
    let description = try CheckpointFiles.read(HDescription.self, from: file(CheckpointFiles.description))
    try description.validate(file(CheckpointFiles.description))
    let configuration = try UNet2DConfiguration(path: file(CheckpointFiles.configuration))
    let block = description.spaceToDepth * description.spaceToDepth
    try configuration.expect(
      inputs: description.form.inputs * block, outputs: block, of: "the form '\(description.form.rawValue)'",
      file(CheckpointFiles.configuration))
    let weights = try SafeTensors(path: file(CheckpointFiles.weights))
    network = try HNetwork(
      description.form, configuration, spaceToDepth: description.spaceToDepth, ParameterStore(weights))
    self.path = path
    self.description = description
    tweedieError = TweedieError(
      steps: description.tweedieSteps, errors: description.tweedieErrors, NoiseSchedule())
  }

  public var parameterCount: Int { network.parameters.count }

  /// s_t and s_ref.
  package func errors(at t: Int) -> EstimateErrors {
    EstimateErrors(tweedie: tweedieError[t], reference: description.referenceError)
  }

  /// - Throws: ``CheckpointError/otherOperator(_:differences:)`` when the network was tuned for another scan.
  public func expect(_ fingerprint: OperatorFingerprint) throws(CheckpointError) {
    let differences = description.fingerprint.differences(from: fingerprint)
    guard differences.isEmpty else { throw .otherOperator(path, differences: differences) }
  }

  /// - Throws: ``CheckpointError/otherPrior(_:found:expected:)`` when it was tuned with another prior.
  public func expect(prior checksum: String) throws(CheckpointError) {
    guard checksum == description.priorChecksum else {
      throw .otherPrior(path, found: checksum, expected: description.priorChecksum)
    }
  }

  /// - Throws: ``CheckpointError/otherRange(_:found:expected:)`` when it was tuned on images of another range.
  public func expect(_ range: IntensityRange) throws(CheckpointError) {
    try CheckpointFiles.expect(range, in: description.range, of: path)
  }

  /// - Throws: ``CheckpointError/otherSchedule(_:found:expected:)`` when it was tuned with a prior of more or fewer noise
  ///   levels: its curve of errors would not be that of the prior, or end before it.
  public func expect(_ schedule: NoiseSchedule) throws(CheckpointError) {
    let steps = description.tweedieSteps.last.map { $0 + 1 } ?? NoiseSchedule().steps
    guard steps == schedule.steps else {
      throw .otherSchedule(path, found: steps, expected: schedule.steps)
    }
  }

  /// A sentence where a scan has more or less noise than the network was tuned for, nil where it does not.
  ///
  /// A fifth beyond the declared levels is allowed: a level is relative to the mean line integral, which differs by
  /// about as much between the slices of a scan.
  ///
  /// - Parameter level: σ of the line integrals relative to their mean; a level that is no number says nothing.
  public func noiseWarning(relative level: Double) -> String? {
    let tuned = description.noise
    guard level.isFinite, level < tuned.lowerBound / 1.2 || level > tuned.upperBound * 1.2 else { return nil }
    func percent(_ value: Double) -> String { String(format: "%.3g", 100 * value) }
    let range =
      tuned.lowerBound == tuned.upperBound
      ? percent(tuned.lowerBound) : "\(percent(tuned.lowerBound)) to \(percent(tuned.upperBound))"
    return "the network '\(path)' was tuned for noise of \(range) % of the mean line integral, this scan has "
      + "\(percent(level)) %. Tune one for this noise with 'deft train h', or compare with the method 'dds', which "
      + "needs none."
  }
}
