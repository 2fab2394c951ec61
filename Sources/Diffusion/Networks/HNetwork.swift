/// The network of DEFT: an image network NN1 and one number per time step, NN2.
///
///     preconditioned:  x0_cond = (1 − w) (x̂₀ + NN2(t) d) + w x_ref + 2 e_t NN1(x_t, x̂₀, x̂₀ + d, x_ref, t)
///                      1/e_t² = 1/s_t² + 1/s_ref²,   w = e_t²/s_ref²
///     paper:           x0_cond = x̂₀ − (b/a) (NN1(x_t, x̂₀, σ² g, t) − σ² n(t) g),   g = Aᴴ(y − A x̂₀)/σ²
///
/// NN1 ends in a layer of zeros, so that training starts from the mean of DDS (NN2 = 1) and x_ref, weighted by their
/// precisions, or from a constant step along the gradient (paper; NN2 = σ² n with n = 1, the paper's 0.01 at σ = 0.1).
/// At every step NN1 has to predict what is about 1: where the prior knows little, the error of x_ref, not that of the
/// prior, is what is left to mend. An x_ref that knows nothing (s_ref = ∞) leaves DDS.
///
/// Source: Denker et al., NeurIPS 2024, equations 9 and 10, and section 4 for the form of the network; scaling by the
/// error that is left after Karras et al., NeurIPS 2022, section 5.
package final class HNetwork {
  package let nn1: PixelUNet
  private let nn2: (Linear, Linear)
  private let timeFeatures = SinusoidalEmbedding(width: HNetwork.timeWidth)
  package let parameters: ParameterStore
  package let form: HDescription.Form

  private static let timeWidth = 64

  package init(
    _ form: HDescription.Form, _ configuration: UNet2DConfiguration, spaceToDepth: Int,
    _ store: ParameterStore
  ) throws {
    self.form = form
    parameters = store
    nn1 = PixelUNet(try UNet2D(configuration, scope: store.root), spaceToDepth: spaceToDepth)
    let width = HNetwork.timeWidth
    nn2 = (
      try Linear(store.root("nn2")("linear_1"), width, width),
      try Linear(store.root("nn2")("linear_2"), width, 1, start: .zero, bias: 1)
    )
    try store.expectAllUsed()
  }

  package static func configuration(_ form: HDescription.Form, channels: [Int], spaceToDepth: Int)
    -> UNet2DConfiguration
  {
    let block = spaceToDepth * spaceToDepth
    return UNet2DConfiguration(
      inputChannels: form.inputs * block, outputChannels: block, channels: channels)
  }

  /// NN2(t): `[N]` steps → `[N, 1, 1, 1]`
  package func weight(_ t: [Int]) throws(TorchError) -> Tensor {
    try nn2.1(nn2.0(timeFeatures(t)).silu()).reshaped([t.count, 1, 1, 1])
  }

  /// x0_cond of the preconditioned form. `errors` holds those of every sample.
  package func preconditioned(
    noisy x: Tensor, estimate: Tensor, direction d: Tensor, reference: Tensor, errors: [EstimateErrors],
    time t: [Int]
  ) throws(TorchError) -> Tensor {
    let inputs = try Tensor.concatenated([x, estimate, estimate + d, reference], axis: 1)
    let scale = try Tensor(errors.map { Float(2 * $0.combined) }, shape: [errors.count, 1, 1, 1])
    return try HNetwork.start(estimate + weight(t) * d, reference, errors) + scale * nn1(inputs, time: t)
  }

  /// (1 − w) x + w x_ref
  package static func start(
    _ x: Tensor, _ reference: Tensor, _ errors: [EstimateErrors]
  ) throws(TorchError) -> Tensor {
    let w = errors.map { Float($0.weight) }
    let shape = [errors.count, 1, 1, 1]
    return try Tensor(w.map { 1 - $0 }, shape: shape) * x + Tensor(w, shape: shape) * reference
  }

  /// x0_cond of the paper's form. `gradient` is σ² g = Aᴴ(y − A x̂₀).
  package func paper(
    noisy x: Tensor, estimate: Tensor, gradient: Tensor, schedule: NoiseSchedule, time t: [Int]
  ) throws(TorchError) -> Tensor {
    let inputs = try Tensor.concatenated([x, estimate, gradient], axis: 1)
    let noise = try nn1(inputs, time: t) - weight(t) * gradient
    let ratio = try Tensor(t.map { Float(schedule.b($0) / schedule.a($0)) }, shape: [t.count, 1, 1, 1])
    return try estimate - ratio * noise
  }
}

/// Errors (RMS, in the network's range) of the prior's Tweedie estimate, s_t, and of x_ref, s_ref.
package struct EstimateErrors: Hashable, Sendable {
  package let tweedie: Double
  package let reference: Double

  package init(tweedie: Double, reference: Double) {
    self.tweedie = tweedie
    self.reference = reference
  }

  /// w = s_t²/(s_t² + s_ref²)
  package var weight: Double { tweedie * tweedie / (tweedie * tweedie + reference * reference) }
  /// e_t = s_t s_ref/√(s_t² + s_ref²)
  package var combined: Double { reference * weight.squareRoot() }
}

/// What an h-network was tuned for.
public struct HDescription: Codable, Hashable, Sendable {
  public enum Form: String, Codable, CaseIterable, Sendable {
    case preconditioned, paper

    /// Images that NN1 sees.
    var inputs: Int { self == .preconditioned ? 4 : 3 }
  }

  public var form: Form
  public var spaceToDepth: Int
  public var range: IntensityRange
  /// SHA-256 of the weights of the prior it was tuned with.
  public var priorChecksum: String
  public var fingerprint: OperatorFingerprint
  /// The noise levels it has seen: σ of the line integrals relative to their mean.
  public var noise: ClosedRange<Double>
  /// How x_ref is made from the measurement.
  public var reference: SimpleInverse
  /// s_ref: RMS error of x_ref on the images it was tuned on, over the noise levels it has seen.
  public var referenceError: Double
  /// Broad error of the network's own estimates at the end of a sample: the s of
  /// ``NormalizedMeasurement/smoothDirection(from:error:steps:)`` that served best on the images it was tuned on.
  public var estimateError: Double
  /// Conjugate-gradient steps of the direction d.
  public var iterations: Int
  /// s_t of the prior on the images it was tuned on.
  public var tweedieSteps: [Int]
  public var tweedieErrors: [Double]
}

extension HDescription {
  package func validate(_ path: String) throws(CheckpointError) {
    try CheckpointFiles.validate(spaceToDepth: spaceToDepth, range, tweedieSteps, tweedieErrors, in: path)
    for (name, error) in [("referenceError", referenceError), ("estimateError", estimateError)] {
      guard error > 0, error.isFinite else {
        throw .malformed(path, reason: "'\(name)' is \(error), expected a number above 0")
      }
    }
    guard (1...1000).contains(iterations) else {
      throw .malformed(path, reason: "'iterations' is \(iterations), expected 1 to 1000")
    }
    if case .totalVariation(let lambda, let steps) = reference {
      guard lambda > 0, (1...100_000).contains(steps) else {
        throw .malformed(
          path, reason: "'reference' has the weight \(lambda) and \(steps) steps; both must be above 0")
      }
    }
  }
}

/// A simple inverse of the measurement, fed to a network as x_ref.
public enum SimpleInverse: Codable, Hashable, Sendable, CustomStringConvertible {
  /// Filtered back-projection.
  case fbp
  /// Total variation, stopped after so many steps. `weight` is λ μ of ``TotalVariation``, with the attenuation μ of
  /// water: without a unit, so that it means the same at any energy.
  case totalVariation(weight: Double, steps: Int)

  public var description: String {
    switch self {
    case .fbp: "filtered back-projection"
    case .totalVariation(let weight, let steps): "total variation of weight \(weight)/μ, \(steps) steps"
    }
  }
}

/// What must agree between the operator a network was tuned for and the one it is used with.
///
/// Lengths are in pixels: a scan of twice the pixel size and twice the bin size is the same problem.
public struct OperatorFingerprint: Codable, Hashable, Sendable {
  /// Name and value of everything that determines the operator, in a fixed order.
  public let entries: [NamedValue]

  public init(_ entries: [NamedValue]) { self.entries = entries }

  /// One sentence per difference, empty where both agree.
  public func differences(from other: OperatorFingerprint) -> [String] {
    entries.differences(from: other.entries).map { name, ours, theirs in
      guard let ours, let theirs else {
        return "\(name) is \(theirs ?? "absent"), the network was tuned for \(ours ?? "absent")"
      }
      return Self.difference(of: name, theirs, ours)
    }
  }

  /// Lists of numbers in brief: their ends, how many they are, and where they part.
  private static func difference(of name: String, _ theirs: String, _ ours: String) -> String {
    func brief(_ list: [Substring]) -> String {
      list.count > 4
        ? "\(list[0]) … \(list[list.count - 1]) (\(list.count) numbers)" : list.joined(separator: " ")
    }
    func numbers(_ text: String) -> [Substring] {
      let words = text.split(separator: " ")
      return words.allSatisfy { Double($0) != nil } ? words : [Substring(text)]
    }
    let (found, tuned) = (numbers(theirs), numbers(ours))
    let sentence = "\(name) is \(brief(found)), the network was tuned for \(brief(tuned))"
    guard max(found.count, tuned.count) > 4,
      let place = zip(found, tuned).enumerated().first(where: { $0.element.0 != $0.element.1 })?.offset
    else { return sentence }
    return sentence + "; number \(place + 1) is \(found[place]) instead of \(tuned[place])"
  }
}
