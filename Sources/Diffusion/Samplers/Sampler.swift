import Fields

/// One rule for moving a sample from a noise level to a smaller one.
public protocol Sampler: Sendable {
  /// Moves `x` from x_t to x_s, s < t, given x̂₀(x_t); s = −1 is the clean image.
  func step<Space: VectorSpace>(
    _ x: inout Space.Vector, estimate: Space.Vector, in space: Space, from t: Int, to s: Int,
    schedule: NoiseSchedule, using generator: inout SplitMix64)
}

extension Sampler {
  /// Draws a sample: from noise at the first of `steps` down to the clean image.
  ///
  /// One evaluation of the denoiser per step; the last estimate is the sample.
  ///
  /// - Parameter noise: x_T; drawn from the generator unless given.
  /// - Parameter onStep: called after every step with its index.
  public func sample<D: Denoiser>(
    _ denoiser: D, steps: [Int], from noise: D.Space.Vector? = nil, using generator: inout SplitMix64,
    onStep: (Int) throws -> Void = { _ in }
  ) throws -> D.Space.Vector {
    var x = noise ?? denoiser.space.random(using: &generator)
    var estimate = x
    for (index, t) in steps.enumerated() {
      try Task.checkCancellation()
      estimate = try denoiser.estimate(x, step: t)
      if index + 1 < steps.count {
        step(
          &x, estimate: estimate, in: denoiser.space, from: t, to: steps[index + 1],
          schedule: denoiser.schedule, using: &generator)
      }
      try onStep(index)
    }
    return estimate
  }
}
