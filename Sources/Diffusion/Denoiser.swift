import Fields

/// Estimates the clean image behind a noisy one: x̂₀(x_t) ≈ E[x₀ | x_t], x_t = a_t x₀ + b_t ε.
///
/// Priors and posteriors are both denoisers, so every sampler works for either.
public protocol Denoiser<Space> {
  associatedtype Space: VectorSpace
  var space: Space { get }
  var schedule: NoiseSchedule { get }
  func estimate(_ x: Space.Vector, step t: Int) throws -> Space.Vector
}

/// Turns a prior's estimate into the posterior's, given the measurement: the generalised h-transform.
///
///     x0_cond = x̂₀ + (b²/a) h_t(x_t),   h_t(x) = ∇ ln p_t(y | x)
///
/// Every data-consistency step is one: h is (a/b²) times the change it makes. DDS, DEFT and their neighbours
/// conform; samplers know nothing of them.
///
/// Source: Denker et al., "DEFT: efficient fine-tuning of diffusion models by learning the generalised
/// h-transform", NeurIPS 2024, arXiv 2406.01781.
public protocol HTransform<Space> {
  associatedtype Space: VectorSpace
  /// - Parameter estimate: x̂₀(x_t) of the prior.
  /// - Parameter x: x_t.
  func condition(_ estimate: Space.Vector, noisy x: Space.Vector, step t: Int) throws -> Space.Vector
}

/// The posterior denoiser: the frozen prior, then the h-transform.
public struct ConditionedDenoiser<Prior: Denoiser, H: HTransform>: Denoiser where Prior.Space == H.Space {
  let prior: Prior
  let h: H

  public init(_ prior: Prior, _ h: H) {
    self.prior = prior
    self.h = h
  }

  public var space: Prior.Space { prior.space }
  public var schedule: NoiseSchedule { prior.schedule }

  public func estimate(_ x: Space.Vector, step t: Int) throws -> Space.Vector {
    try h.condition(prior.estimate(x, step: t), noisy: x, step: t)
  }
}
