import Diffusion
import Fields
import Operators

/// Draws from the posterior with a diffusion prior and an h-transform.
///
/// The seed of a draw depends on the slice and the number of the draw alone, so that slices may be done in any
/// order and on any machine.
public struct PosteriorSampling<Operator: ParallelBeamOperator>: Reconstructor {
  public enum Estimate: String, Hashable, Sendable, CaseIterable {
    /// One draw.
    case sample
    /// The average of several draws, with their standard deviation: the estimate of least squared error.
    case mean
    /// One draw in few steps without fresh noise.
    case fast
  }

  public enum Guidance {
    /// No training: see ``DDS``.
    case dds
    case deft(HCheckpoint)
  }

  public struct Settings: Hashable, Sendable {
    public var steps: Int
    public var eta: Double
    public var draws: Int
    public var seed: UInt64

    public init(steps: Int, eta: Double, draws: Int = 1, seed: UInt64 = 1) {
      self.steps = steps
      self.eta = eta
      self.draws = draws
      self.seed = seed
    }

    public init(
      _ estimate: Estimate, steps: Int? = nil, eta: Double? = nil, draws: Int? = nil, seed: UInt64 = 1
    ) {
      switch estimate {
      case .sample: self.init(steps: steps ?? 10, eta: eta ?? 1, draws: 1, seed: seed)
      case .mean: self.init(steps: steps ?? 10, eta: eta ?? 1, draws: draws ?? 8, seed: seed)
      case .fast: self.init(steps: steps ?? 3, eta: eta ?? 0, draws: 1, seed: seed)
      }
    }
  }

  private let tomography: NormalizedTomography<Operator>
  private let prior: DiffusionPrior
  private let guidance: Guidance
  private let settings: Settings

  /// - Throws: ``CheckpointError`` when the h-network was tuned for another scan or another prior's schedule, or when
  ///   a network works on another range than the tomography.
  public init(
    _ tomography: NormalizedTomography<Operator>, prior: DiffusionPrior, guidance: Guidance,
    settings: Settings
  ) throws {
    try prior.expect(tomography.scale.range)
    if case .deft(let h) = guidance {
      try h.expect(tomography.fingerprint)
      try h.expect(tomography.scale.range)
      try h.expect(prior.schedule)
    }
    self.tomography = tomography
    self.prior = prior
    self.guidance = guidance
    self.settings = settings
  }

  public var evaluations: Int { settings.steps * settings.draws }

  public func reconstruct(_ measurement: SliceMeasurement) throws -> SliceReconstruction {
    let y = tomography.measurement(measurement.sinogram, sigma: measurement.sigma)
    let unconditioned = PriorDenoiser(prior, on: tomography.A.domain)
    let draw: (inout SplitMix64) throws -> Image
    switch guidance {
    case .dds:
      let denoiser = ConditionedDenoiser(unconditioned, DDS(y, error: prior.tweedieError))
      draw = { try sample(denoiser, using: &$0) }
    case .deft(let checkpoint):
      let h = try DEFT(
        checkpoint, y, reference: tomography.reference(y, by: checkpoint.description.reference),
        schedule: prior.schedule)
      let denoiser = ConditionedDenoiser(unconditioned, h)
      draw = { h.consistent(try sample(denoiser, using: &$0)) }
    }
    // Welford's running mean and variance: two images, however many draws.
    let X = tomography.A.domain
    var mean = X.zero()
    var squares = X.zero()
    for k in 0..<settings.draws {
      var generator = SplitMix64(
        seed: settings.seed, purpose: .posteriorDraw, stream: measurement.index << 16 | k)
      let image = try tomography.scale.attenuation(draw(&generator))
      for i in image.samples.indices {
        let difference = image.samples[i] - mean.samples[i]
        mean.samples[i] += difference / Float(k + 1)
        squares.samples[i] += difference * (image.samples[i] - mean.samples[i])
      }
    }
    guard settings.draws > 1 else { return SliceReconstruction(image: mean) }
    return SliceReconstruction(
      image: mean, deviation: squares.map { ($0 / Float(settings.draws - 1)).squareRoot() })
  }

  private func sample<D: Denoiser>(_ denoiser: D, using generator: inout SplitMix64) throws -> Image
  where D.Space == ImageSpace {
    try DDIMSampler(eta: settings.eta).sample(
      denoiser, steps: prior.schedule.timesteps(settings.steps), using: &generator)
  }
}

/// The supervised rival: one evaluation of a U-Net on the filtered back-projection.
public struct PostprocessMethod<Operator: ParallelBeamOperator>: Reconstructor {
  private let tomography: NormalizedTomography<Operator>
  private let network: PostprocessCheckpoint

  /// - Throws: ``CheckpointError`` when the network works on another range than the tomography.
  public init(
    _ tomography: NormalizedTomography<Operator>, _ network: PostprocessCheckpoint
  ) throws(CheckpointError) {
    try network.expect(tomography.scale.range)
    self.tomography = tomography
    self.network = network
  }

  public var evaluations: Int { 1 }

  public func reconstruct(_ measurement: SliceMeasurement) throws -> SliceReconstruction {
    let y = tomography.measurement(measurement.sinogram, sigma: measurement.sigma)
    let image = try network(tomography.reference(y, by: network.reference))
    return SliceReconstruction(image: tomography.scale.attenuation(image))
  }
}
