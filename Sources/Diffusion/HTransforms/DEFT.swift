import Fields
import Operators

/// DEFT: the learnt h-transform of one kind of scan.
///
/// The network was tuned for one operator; see ``HNetwork`` for the two forms. Nothing has a step size to
/// tune, and no gradient passes through prior or operator.
///
/// Source: Denker et al., NeurIPS 2024, arXiv 2406.01781, equations 9 and 10 (form `paper`, with x̂₀ held to [−1, 1]
/// as for every use of a prior); the form `preconditioned` starts from the direction of DDS instead of the gradient,
/// and holds x0_cond to that range too.
public struct DEFT<Operator: LinearOperator>: HTransform where Operator.Domain == ImageSpace {
  public typealias Space = ImageSpace

  private let checkpoint: HCheckpoint
  private let measurement: NormalizedMeasurement<Operator>
  private let reference: Image?
  private let schedule: NoiseSchedule

  /// - Parameter reference: x_ref, the simple inverse of y in the network's range; made where the form needs it.
  public init(
    _ checkpoint: HCheckpoint, _ measurement: NormalizedMeasurement<Operator>,
    reference: @autoclosure () throws -> Image, schedule: NoiseSchedule
  ) rethrows {
    self.checkpoint = checkpoint
    self.measurement = measurement
    switch checkpoint.description.form {
    case .preconditioned: self.reference = try reference()
    case .paper: self.reference = nil
    }
    self.schedule = schedule
  }

  public func condition(_ estimate: Image, noisy x: Image, step t: Int) throws -> Image {
    let h = checkpoint.network
    return try Torch.withoutGradients { () throws(TorchError) in
      guard let reference else {
        return try h.paper(
          noisy: Tensor(x), estimate: Tensor(estimate), gradient: Tensor(measurement.gradient(estimate)),
          schedule: schedule, time: [t])
      }
      let s = checkpoint.tweedieError[t]
      let d = measurement.direction(from: estimate, error: s, steps: checkpoint.description.iterations)
      return try h.preconditioned(
        noisy: Tensor(x), estimate: Tensor(estimate), direction: Tensor(d), reference: Tensor(reference),
        errors: [checkpoint.errors(at: t)], time: [t]
      ).clamped(to: -1...1)
    }.images()[0]
  }
}

extension DEFT {
  /// Conjugate-gradient steps of ``consistent(_:)``: more change nothing that the noise does not hide.
  static var finalSteps: Int { 30 }

  /// A finished sample, moved to the data once more: x + d, see ``NormalizedMeasurement/smoothDirection(from:error:steps:)``,
  /// with the error of the network's own estimates. The form `paper` ends as the paper does: its sample is returned.
  ///
  /// NN1 adds its correction after the direction d, so a sample can miss the data by what NN1 got wrong, most
  /// where an object is unlike all training images.
  public func consistent(_ sample: Image) -> Image {
    guard checkpoint.description.form == .preconditioned else { return sample }
    var result = measurement.smoothDirection(
      from: sample, error: checkpoint.description.estimateError, steps: DEFT.finalSteps)
    measurement.A.domain.add(1, sample, to: &result)
    return result
  }
}

/// A frozen prior as a denoiser of images.
public struct PriorDenoiser: Denoiser {
  public let space: ImageSpace
  private let prior: DiffusionPrior

  public init(_ prior: DiffusionPrior, on space: ImageSpace) {
    self.prior = prior
    self.space = space
  }

  public var schedule: NoiseSchedule { prior.schedule }

  public func estimate(_ x: Image, step t: Int) throws -> Image {
    try prior.estimate(Tensor(x), steps: [t]).images()[0]
  }
}
