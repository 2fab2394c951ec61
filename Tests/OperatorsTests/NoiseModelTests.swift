import Fields
import Operators
import RealModule
import TestSupport
import Testing

@Suite struct NoiseModelTests {
  private static func moments(_ values: [Double]) -> (mean: Double, variance: Double) {
    let mean = values.reduce(0, +) / Double(values.count)
    return (mean, values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1))
  }

  /// Mean, variance and the probability of every count near the mean, within five standard errors.
  @Test(arguments: [0.3, 4, 9.99, 10, 25, 1000, 1e6, 1e9]) func drawsFromThePoissonDistribution(mean: Double)
  {
    var generator = SplitMix64(seed: 11)
    let n = 200_000
    let draws = (0..<n).map { _ in generator.poisson(mean: mean) }
    let found = Self.moments(draws)
    #expect(abs(found.mean - mean) < 5 * (mean / Double(n)).squareRoot())
    // The fourth central moment of the distribution is 3 λ² + λ.
    #expect(abs(found.variance - mean) < 5 * ((2 * mean * mean + mean) / Double(n)).squareRoot())
    #expect(draws.allSatisfy { $0 >= 0 && $0 == $0.rounded() })
    guard mean < 100 else { return }
    var histogram = [Double: Int]()
    for draw in draws { histogram[draw, default: 0] += 1 }
    for k in 0...Int(mean + 3 * mean.squareRoot()) {
      let probability = Double.exp(Double(k) * .log(mean) - mean - .logGamma(Double(k) + 1))
      let expected = probability * Double(n)
      guard expected > 20 else { continue }
      #expect(
        abs(Double(histogram[Double(k), default: 0]) - expected) < 5 * expected.squareRoot(), "count \(k)")
    }
  }

  @Test func addsGaussianNoise() {
    var generator = SplitMix64(seed: 12)
    let clean = Sinogram(shape: [100, 100], filledWith: 2)
    var noisy = clean
    #expect(NoiseModel.gaussian(sigma: 0.3).add(to: &noisy, using: &generator) == 0)
    let found = Self.moments(noisy.samples.map(Double.init))
    #expect(abs(found.mean - 2) < 5 * 0.3 / 100)
    #expect(abs(found.variance / 0.09 - 1) < 5 * 2.0.squareRoot() / 100)
    #expect(NoiseModel.gaussian(sigma: 0.3).variance(of: clean).samples.allSatisfy { $0 == 0.09 })
  }

  /// The variance it states is the variance it makes, up to terms of order 1 / counts².
  @Test(arguments: [0.0, 1, 4]) func addsPhotonNoise(p: Double) {
    var generator = SplitMix64(seed: 13)
    let model = NoiseModel.photons(perRay: 1e4)
    let clean = Sinogram(shape: [200, 100], filledWith: Float(p))
    var noisy = clean
    #expect(model.add(to: &noisy, using: &generator) == 0)
    let found = Self.moments(noisy.samples.map(Double.init))
    let counts = 1e4 * Double.exp(-p)
    let stated = Double(model.variance(of: clean).samples[0])
    // The variance is rounded to single precision.
    #expect(abs(stated * counts - 1) < Double(Float.ulpOfOne))
    #expect(abs(found.variance / stated - 1) < 5 * (2.0 / 20_000).squareRoot() + 3 / counts)
    #expect(abs(found.mean - p - 0.5 / counts) < 5 * (stated / 20_000).squareRoot() + 1 / (counts * counts))
  }

  @Test func clipsRaysWithoutPhotons() {
    var generator = SplitMix64(seed: 14)
    let model = NoiseModel.photons(perRay: 1000, floor: 0.5)
    var dark = Sinogram(shape: [10, 10], filledWith: 30)
    #expect(model.add(to: &dark, using: &generator) == 100)
    // Two logarithms near 8, rounded once each.
    #expect(dark.samples.allSatisfy { abs($0 - Float.log(2000)) <= 2 * Float(8).ulp })
    #expect(model.variance(of: dark).samples.allSatisfy { $0 == 2 })
  }

  @Test func repeatsWithItsSeed() {
    func draw(_ seed: UInt64) -> Sinogram {
      var generator = SplitMix64(seed: seed)
      var sinogram = Sinogram(shape: [7, 9], filledWith: 1)
      NoiseModel.photons(perRay: 500).add(to: &sinogram, using: &generator)
      return sinogram
    }
    #expect(draw(1) == draw(1))
    #expect(draw(1) != draw(2))
  }

  @Test func refusesModelsThatCannotBe() throws {
    #expect(throws: OperatorError.self) { try NoiseModel.gaussian(sigma: -1).validate() }
    #expect(throws: OperatorError.self) { try NoiseModel.gaussian(sigma: .nan).validate() }
    #expect(throws: OperatorError.self) { try NoiseModel.photons(perRay: 0).validate() }
    #expect(throws: OperatorError.self) { try NoiseModel.photons(perRay: 10, floor: 0).validate() }
    try NoiseModel.gaussian(sigma: 0).validate()
    try NoiseModel.photons(perRay: 1e5).validate()
  }
}
