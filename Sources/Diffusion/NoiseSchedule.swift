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
    let json: [String: Any]
    do {
      let data = try Data(contentsOf: URL(fileURLWithPath: path))
      guard let object = try JSONSerialization.jsonObject(with: data) as? [String: Any] else {
        throw CheckpointError.malformed(path, reason: "it is not a JSON object")
      }
      json = object
    } catch let error as CheckpointError {
      throw error
    } catch {
      throw .unreadable(path, reason: (error as NSError).localizedDescription.trimmingCharacters(in: ["."]))
    }
    func value<T>(_ key: String, _ standard: T) throws(CheckpointError) -> T {
      guard let found = json[key] else { return standard }
      guard let typed = found as? T else {
        throw .malformed(path, reason: "'\(key)' is '\(found)', expected a \(T.self)")
      }
      return typed
    }
    for (key, expected) in [("beta_schedule", "linear"), ("prediction_type", "epsilon")] {
      let found = try value(key, expected)
      guard found == expected else {
        throw .unsupported(path, setting: key, found: "'\(found)'", expected: "'\(expected)'")
      }
    }
    if let betas = json["trained_betas"], !(betas is NSNull) {
      throw .unsupported(path, setting: "trained_betas", found: "a list", expected: "null")
    }
    guard try !value("rescale_betas_zero_snr", false) else {
      throw .unsupported(path, setting: "rescale_betas_zero_snr", found: "true", expected: "false")
    }
    let steps = try value("num_train_timesteps", 1000)
    let (first, last) = (try value("beta_start", 1e-4), try value("beta_end", 0.02))
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
