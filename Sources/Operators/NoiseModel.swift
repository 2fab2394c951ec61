import Fields
import RealModule

/// How a measured sinogram differs from A x.
///
/// One description for the simulation, the weights of a solver and the χ² of a verdict.
public enum NoiseModel: Codable, Hashable, Sendable, CustomStringConvertible {
  /// Independent normal errors of the same standard deviation, in units of a line integral.
  case gaussian(sigma: Double)
  /// Counts with a Poisson distribution of mean I₀ exp(−p), then −log(counts / I₀). Counts below `floor` are set
  /// to it, because no count has no logarithm.
  ///
  /// The variance of the result is close to 1 / mean above some ten counts. Its mean is p + 1 / (2 mean): a bias
  /// that scans of few photons have.
  case photons(perRay: Double, floor: Double = 0.5)

  public var description: String {
    switch self {
    case .gaussian(let sigma): "Gaussian, σ = \(sigma)"
    case .photons(let perRay, let floor): "\(perRay) photons per ray, counts below \(floor) set to it"
    }
  }

  /// - Throws: ``OperatorError/outOfRange(_:found:expected:)`` for a model that cannot be.
  public func validate() throws(OperatorError) {
    switch self {
    case .gaussian(let sigma):
      guard sigma.isFinite, sigma >= 0 else {
        throw .outOfRange("σ of the noise", found: "\(sigma)", expected: "0 or more")
      }
    case .photons(let perRay, let floor):
      guard perRay.isFinite, perRay > 0, perRay <= 1e15 else {
        throw .outOfRange(
          "the number of photons per ray", found: "\(perRay)", expected: "above 0, at most 1e15")
      }
      guard floor > 0, floor <= perRay else {
        throw .outOfRange(
          "the floor of the counts", found: "\(floor)", expected: "above 0, at most the photons per ray")
      }
    }
  }

  /// Variance of every line integral, for noise-free or measured values.
  public func variance(of sinogram: Sinogram) -> Sinogram {
    switch self {
    case .gaussian(let sigma):
      Sinogram(shape: sinogram.shape, filledWith: Float(sigma * sigma))
    case .photons(let perRay, let floor):
      sinogram.map { Float(1 / max(perRay * .exp(-Double($0)), floor)) }
    }
  }

  /// Adds noise to noise-free line integrals.
  ///
  /// - Returns: how many rays were set to the floor.
  @discardableResult
  public func add(to sinogram: inout Sinogram, using generator: inout SplitMix64) -> Int {
    var clipped = 0
    switch self {
    case .gaussian(let sigma):
      let noise = generator.normals(sinogram.samples.count)
      for i in sinogram.samples.indices { sinogram.samples[i] += Float(sigma) * noise[i] }
    case .photons(let perRay, let floor):
      for i in sinogram.samples.indices {
        var counts = generator.poisson(mean: perRay * .exp(-Double(sinogram.samples[i])))
        if counts < floor {
          counts = floor
          clipped += 1
        }
        sinogram.samples[i] = Float(-Double.log(counts / perRay))
      }
    }
    return clipped
  }
}

extension SplitMix64 {
  /// A sample of the Poisson distribution, exact up to a mean of 1e8; beyond, a rounded normal sample, whose
  /// distribution differs by less than 1e-4 of a standard deviation.
  ///
  /// Source: Hörmann, "The transformed rejection method for generating Poisson random variables", Insurance:
  /// Mathematics and Economics 12 (1993), DOI 10.1016/0167-6687(93)90997-4, algorithm PTRS; below a mean of 10, the
  /// product of uniform numbers (Knuth).
  public mutating func poisson(mean: Double) -> Double {
    precondition(mean >= 0, "a Poisson distribution of mean \(mean)")
    if mean < 10 {
      let limit = Double.exp(-mean)
      var count = 0.0
      var product = uniform()
      while product > limit {
        product *= uniform()
        count += 1
      }
      return count
    }
    if mean > 1e8 { return max(0, (mean + mean.squareRoot() * normal()).rounded()) }
    let b = 0.931 + 2.53 * mean.squareRoot()
    let a = -0.059 + 0.02483 * b
    let inverseAlpha = 1.1239 + 1.1328 / (b - 3.4)
    let vr = 0.9277 - 3.6224 / (b - 2)
    while true {
      let u = uniform() - 0.5
      let v = uniform()
      let us = 0.5 - abs(u)
      guard us > 0 else { continue }
      let k = ((2 * a / us + b) * u + mean + 0.43).rounded(.down)
      if us >= 0.07 && v <= vr { return k }
      if k < 0 || (us < 0.013 && v > us) { continue }
      let left = Double.log(v) + .log(inverseAlpha) - .log(a / (us * us) + b)
      if left <= k * .log(mean) - mean - .logGamma(k + 1) { return k }
    }
  }
}
