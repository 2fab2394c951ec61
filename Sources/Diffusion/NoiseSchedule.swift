import Foundation

/// The noise levels of a discrete variance-preserving diffusion.
///
///     x_t = a_t x₀ + b_t ε,   a_t² = ᾱ_t = Π_{j ≤ t} (1 − β_j),   a_t² + b_t² = 1,   ε ~ N(0, I)
///
/// Source: Ho, Jain, Abbeel, "Denoising diffusion probabilistic models", NeurIPS 2020, equation 4.
public struct NoiseSchedule: Hashable, Sendable {
  /// ᾱ_t for t = 0, …, T − 1.
  public let cumulative: [Double]

  /// β from `first` to `last` in `steps` even steps: the linear schedule of DDPM.
  public init(steps: Int = 1000, first: Double = 1e-4, last: Double = 0.02) {
    var product = 1.0
    cumulative = (0..<steps).map {
      product *= 1 - (first + (last - first) * Double($0) / Double(max(steps - 1, 1)))
      return product
    }
  }

  public var steps: Int { cumulative.count }
  /// a_t = √ᾱ_t. Step −1 is the clean image, a = 1.
  public func a(_ t: Int) -> Double { t < 0 ? 1 : cumulative[t].squareRoot() }
  /// b_t = √(1 − ᾱ_t)
  public func b(_ t: Int) -> Double { t < 0 ? 0 : (1 - cumulative[t]).squareRoot() }

  /// Tweedie's formula: x̂₀ = (x_t − b ε) / a.
  ///
  /// Source: Efron, "Tweedie's formula and selection bias", JASA 2011, DOI 10.1198/jasa.2011.tm11181.
  public func tweedie(_ x: Double, noise: Double, step t: Int) -> Double { (x - b(t) * noise) / a(t) }

  /// `count` steps from T − 1 towards 0, evenly spaced, the noisiest first; 0 itself is left out.
  public func timesteps(_ count: Int) -> [Int] {
    (0..<count).map { Int((Double(steps - 1) * (1 - Double($0) / Double(count))).rounded()) }
  }
}

extension NoiseSchedule {
  /// Reads diffusers' `scheduler_config.json`: linear β, ε-prediction. Other schedules are errors, never ignored.
  package init(path: String) throws(CheckpointError) {
    let json = try JSONFile(path: path)
    try json.choice("beta_schedule", of: "linear")
    try json.choice("prediction_type", of: "epsilon")
    guard !json.states("trained_betas") else {
      throw .unsupported(path, setting: "trained_betas", found: "a list", expected: "null")
    }
    guard try !json.value("rescale_betas_zero_snr", default: false) else {
      throw .unsupported(path, setting: "rescale_betas_zero_snr", found: "true", expected: "false")
    }
    let steps = try json.value("num_train_timesteps", default: 1000)
    let (first, last) = (
      try json.value("beta_start", default: 1e-4), try json.value("beta_end", default: 0.02)
    )
    guard (1...100_000).contains(steps), first > 0, first <= last, last < 1 else {
      throw .malformed(path, reason: "β from \(first) to \(last) in \(steps) steps is no schedule")
    }
    self.init(steps: steps, first: first, last: last)
  }

  /// diffusers' `scheduler_config.json` of the linear schedule.
  package func json() throws -> Data {
    let first = 1 - cumulative[0]
    let last = steps > 1 ? 1 - cumulative[steps - 1] / cumulative[steps - 2] : first
    return try JSONSerialization.data(
      withJSONObject: [
        "_class_name": "DDPMScheduler", "beta_schedule": "linear",
        "beta_start": (first * 1e12).rounded() / 1e12,
        "beta_end": (last * 1e12).rounded() / 1e12, "num_train_timesteps": steps,
        "prediction_type": "epsilon",
        "clip_sample": true, "clip_sample_range": 1.0, "variance_type": "fixed_small",
      ], options: [.prettyPrinted, .sortedKeys])
  }
}
