import Fields
import Foundation

/// The sampler of denoising diffusion implicit models.
///
///     ε = (x_t − a_t x̂₀) / b_t
///     c₁ = η (b_s/b_t) √(1 − (a_t/a_s)²),   c₂ = √(b_s² − c₁²)
///     x_s = a_s x̂₀ + c₂ ε + c₁ n,   n ~ N(0, I)
///
/// η = 0 is deterministic, η = 1 has the variance of DDPM's ancestral sampler.
///
/// Source: Song, Meng, Ermon, "Denoising diffusion implicit models", ICLR 2021, equation 12.
public struct DDIMSampler: Sampler {
  public let eta: Double

  public init(eta: Double = 1) { self.eta = eta }

  public func step<Space: VectorSpace>(
    _ x: inout Space.Vector, estimate: Space.Vector, in space: Space, from t: Int, to s: Int,
    schedule: NoiseSchedule, using generator: inout SplitMix64
  ) {
    let (a, b, aNext, bNext) = (schedule.a(t), schedule.b(t), schedule.a(s), schedule.b(s))
    let ratio = a / aNext
    let fresh = eta * bNext / b * max(0, 1 - ratio * ratio).squareRoot()
    let kept = max(0, bNext * bNext - fresh * fresh).squareRoot()
    // x ← (kept/b) x + (aNext − kept a/b) x̂₀ + fresh n
    space.scale(&x, by: Float(kept / b))
    space.add(Float(aNext - kept * a / b), estimate, to: &x)
    if fresh > 0 { space.add(Float(fresh), space.random(using: &generator), to: &x) }
  }
}
