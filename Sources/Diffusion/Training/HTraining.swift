import Fields
import Foundation

/// Tunes an h-network to a scan, from clean images alone.
///
///     preconditioned:  L = E ‖x0_cond(x_t, y, t) − x₀‖² / (e_t² + 10⁻⁴),   1/e_t² = 1/s_t² + 1/s_ref²
///     paper:           L = E ‖x0_cond(x_t, y, t) − x₀‖² a²/b² = E ‖ε − ε_θ − ε_h‖²
///
/// y = A x₀ + σ n is drawn anew every iteration. Prior, Tweedie estimate and operator are outside the graph: only the
/// network is differentiated.
///
/// Source: Denker et al., NeurIPS 2024, equation 8; the preconditioned form is weighted by the error that the prior and
/// x_ref leave together, see ``HNetwork``.
public final class HTraining<Scan: SimulatedScan>: NetworkTraining {
  package let network: HNetwork
  private let prior: DiffusionPrior
  private let scan: Scan
  private let images: any ImageSource
  public let run: TrainingRun
  private let folder: URL
  private var description: HDescription
  private let tweedieError: TweedieError

  public struct Architecture: Codable, Hashable, Sendable {
    public var form: HDescription.Form
    public var channels: [Int]
    public var spaceToDepth: Int
    /// Conjugate-gradient steps of the direction d.
    public var iterations: Int

    public init(
      form: HDescription.Form = .preconditioned, channels: [Int] = [32, 64, 96, 128], spaceToDepth: Int = 2,
      iterations: Int = 5
    ) {
      self.form = form
      self.channels = channels
      self.spaceToDepth = spaceToDepth
      self.iterations = iterations
    }
  }

  /// Takes up the run in `folder` if there is one.
  ///
  /// - Parameter replace: trains anew where the folder holds another network or the state of another training.
  /// - Throws: ``TrainingError`` where it does and `replace` is false, ``CheckpointError`` where the prior works on
  ///   another range than the scan.
  public init(
    _ architecture: Architecture, settings: TrainingSettings, prior: DiffusionPrior, priorChecksum: String,
    scan: Scan, images: any ImageSource, folder: String, replace: Bool = false
  ) throws {
    try prior.expect(scan.scale.range)
    let configuration = HNetwork.configuration(
      architecture.form, channels: architecture.channels, spaceToDepth: architecture.spaceToDepth)
    network = try HNetwork(
      architecture.form, configuration, spaceToDepth: architecture.spaceToDepth,
      ParameterStore(seed: settings.seed))
    self.prior = prior
    self.scan = scan
    self.images = images
    self.folder = URL(fileURLWithPath: folder)
    run = try TrainingRun(
      settings,
      identity: [
        NamedValue("the kind of network", "h-network"), NamedValue("the form", architecture.form.rawValue),
        NamedValue("the list of channels", "\(architecture.channels)"),
        NamedValue("the block of pixels", "\(architecture.spaceToDepth) × \(architecture.spaceToDepth)"),
        NamedValue("the number of conjugate-gradient steps", "\(architecture.iterations)"),
        NamedValue("the checksum of the prior", priorChecksum),
      ] + scan.identity + images.identity,
      parameters: network.parameters, checkpoint: folder, replace: replace)
    let shape = scan.A.domain.shape
    // Measured on whole images of the scan's size: crops have other errors.
    let calibration = try prior.calibrated(
      on: images, rows: shape[0], columns: shape[1], count: 4, seed: settings.seed)
    description = HDescription(
      form: architecture.form, spaceToDepth: architecture.spaceToDepth, range: prior.description.range,
      priorChecksum: priorChecksum, fingerprint: scan.fingerprint, noise: scan.noise,
      reference: scan.simpleInverse,
      referenceError: try scan.referenceError(on: images, seed: settings.seed), estimateError: 1,
      iterations: architecture.iterations, tweedieSteps: calibration.tweedieSteps,
      tweedieErrors: calibration.tweedieErrors)
    tweedieError = TweedieError(calibration, prior.schedule)
  }

  public func loss(using generator: inout SplitMix64) throws -> TrainingRun.Loss {
    let shape = scan.A.domain.shape
    let batch = run.settings.batch
    let clean = images.draw(batch, rows: shape[0], columns: shape[1], using: &generator)
    let t = (0..<batch).map { _ in Int(generator.next() % UInt64(prior.schedule.steps)) }
    let found = try estimates(by: network, of: clean, steps: t, using: &generator)
    let error = try (found.conditioned - found.truth).squared().meanPerSample()
    return TrainingRun.Loss(
      tensor: try (error * Tensor(found.weights.map { Float($0) }, shape: [batch])).mean(),
      figures: [
        ("error", Double(try error.mean().scalar())),
        ("untrained", Double(try (found.untrained - found.truth).squared().mean().scalar())),
      ])
  }

  private struct Estimates {
    let truth: Tensor
    let conditioned: Tensor
    let untrained: Tensor
    /// Of the squared errors in the loss.
    let weights: [Double]
    let measurements: [NormalizedMeasurement<Scan.Operator>]
  }

  /// What a network makes of clean images, each with fresh noise and a fresh measurement.
  private func estimates(
    by network: HNetwork, of clean: [Image], steps t: [Int], using generator: inout SplitMix64
  ) throws -> Estimates {
    let batch = clean.count
    let truth = try Tensor(clean)
    let a = try Tensor(t.map { Float(prior.schedule.a($0)) }, shape: [batch, 1, 1, 1])
    let b = try Tensor(t.map { Float(prior.schedule.b($0)) }, shape: [batch, 1, 1, 1])
    let noisy = try a * truth + b * Tensor(generator.normals(truth.count), shape: truth.shape)
    let estimate = try prior.estimate(noisy, steps: t)
    let estimates = try estimate.images()
    let measurements = clean.map { scan.measure($0, using: &generator) }

    let conditioned: Tensor
    let untrained: Tensor
    let weights: [Double]
    switch network.form {
    case .preconditioned:
      let errors = t.map { EstimateErrors(tweedie: tweedieError[$0], reference: description.referenceError) }
      let d = try Tensor(
        zip(measurements, zip(estimates, errors)).map { measurement, pair in
          measurement.direction(from: pair.0, error: pair.1.tweedie, steps: description.iterations)
        })
      let references = try Tensor(measurements.map { try scan.reference($0) })
      conditioned = try network.preconditioned(
        noisy: noisy, estimate: estimate, direction: d, reference: references, errors: errors, time: t)
      untrained = try HNetwork.start(estimate + d, references, errors)
      weights = errors.map { 1 / ($0.combined * $0.combined + 1e-4) }
    case .paper:
      let gradient = try Tensor(zip(measurements, estimates).map { $0.gradient($1) })
      conditioned = try network.paper(
        noisy: noisy, estimate: estimate, gradient: gradient, schedule: prior.schedule, time: t)
      untrained = estimate
      weights = t.map {
        (prior.schedule.a($0) / prior.schedule.b($0)) * (prior.schedule.a($0) / prior.schedule.b($0))
      }
    }
    return Estimates(
      truth: truth, conditioned: conditioned, untrained: untrained, weights: weights,
      measurements: measurements)
  }

  /// The error s with which ``NormalizedMeasurement/smoothDirection(from:error:steps:)`` brings a network's estimates
  /// nearest to the truth, at the step at which a sample of ten steps ends; to a factor of √2.
  ///
  /// Searched for and not computed from the errors, because the network has seen the measurement: part of its errors are
  /// the noise, which the direction must not follow.
  private func estimateError(of network: HNetwork, count: Int = 4) throws -> Double {
    let (X, shape) = (scan.A.domain, scan.A.domain.shape)
    var generator = SplitMix64(seed: run.settings.seed, purpose: .calibration, stream: 2)
    let clean = images.draw(count, rows: shape[0], columns: shape[1], using: &generator)
    let last = prior.schedule.timesteps(10).last ?? 0
    let found = try Torch.withoutGradients {
      try estimates(by: network, of: clean, steps: Array(repeating: last, count: count), using: &generator)
    }
    let samples = try found.conditioned.images()
    func error(_ exponent: Double) -> Double {
      zip(clean, zip(samples, found.measurements)).reduce(0) { sum, pair in
        let (sample, measurement) = pair.1
        var left = measurement.smoothDirection(
          from: sample, error: pow(2, exponent), steps: DEFT<Scan.Operator>.finalSteps)
        X.add(1, sample, to: &left)
        X.add(-1, pair.0, to: &left)
        return sum + X.inner(left, left).real
      }
    }
    func best(_ exponents: [Double]) -> Double {
      exponents.map { ($0, error($0)) }.min { $0.1 < $1.1 }?.0 ?? 0
    }
    let nearest = best(stride(from: -10, through: 0, by: 1).map { $0 })
    return pow(2, best([nearest - 0.5, nearest, nearest + 0.5]))
  }

  public func saveCheckpoint() throws {
    let weights = try SafeTensors.encode(run.averages, precision: .float16)
    let configuration = network.nn1.network.configuration
    // Measured on the network as it will be read: the averages, in half precision.
    let saved = try HNetwork(
      network.form, configuration, spaceToDepth: description.spaceToDepth,
      ParameterStore(SafeTensors(weights, path: folder.path)))
    description.estimateError = try estimateError(of: saved)
    try CheckpointFiles.save(weights: weights, configuration, description: description, in: folder)
  }
}
