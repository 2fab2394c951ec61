import Fields
import Operators
import Testing

@Suite struct NoiseEstimateTests {
  /// White noise on a smooth curve: the estimate is unbiased. The median absolute deviation of n normal values has a
  /// relative deviation of 1.17 / √n, third differences of neighbours are correlated and count for about a third; n is
  /// 40 · 297, so that 0.04 are 2 standard deviations.
  @Test func findsTheNoiseOfASmoothSinogram() {
    var generator = SplitMix64(seed: 3)
    var y = Sinogram(shape: [40, 300])
    for view in 0..<40 {
      for bin in 0..<300 {
        let s = (Float(bin) - 150) / 150
        y[view, bin] = 3 * (1 - s * s) + 0.05 * Float(generator.normal())
      }
    }
    let sigma = estimatedNoiseVariance(y).squareRoot()
    #expect(abs(sigma / 0.05 - 1) < 0.04)
  }

  @Test func hasNothingToSayOfThreeBins() {
    #expect(estimatedNoiseVariance(Sinogram(shape: [5, 3], filledWith: 1)) == 0)
  }
}
