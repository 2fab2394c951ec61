import Fields
import Operators
import RealModule
import Testing

@Suite struct GaussianBlurTests {
  /// Weights of a Gaussian that is cut off at three and a half standard deviations, of unit sum.
  static func weights(_ width: Double) -> (reach: Int, weights: [Double]) {
    let reach = Int((3.5 * width).rounded(.up))
    let raw = (-reach...reach).map { Double.exp(-Double($0 * $0) / (2 * width * width)) }
    return (reach, raw.map { $0 / raw.reduce(0, +) })
  }

  /// One bright pixel becomes the product of two Gaussians, in the middle, at an edge and in a corner.
  @Test(arguments: [[13, 40], [40, 13], [17, 16], [5, 3]] as [Shape], [0.8, 2])
  func spreadsAPixelAsTheProductOfTwoGaussians(shape: Shape, width: Double) {
    let (reach, weights) = Self.weights(width)
    func weight(_ distance: Int) -> Double { abs(distance) <= reach ? weights[distance + reach] : 0 }
    for (row, column) in [(shape[0] / 2, shape[1] / 3), (0, shape[1] - 1), (shape[0] - 1, 1)] {
      var image = Image(shape: shape)
      image[row, column] = 1
      let blurred = GaussianBlur(width: width, edge: .zero)(image)
      for i in 0..<shape[0] {
        for j in 0..<shape[1] {
          // Two rounded weights and their rounded product.
          let expected = weight(i - row) * weight(j - column)
          #expect(abs(Double(blurred[i, j]) - expected) <= 4 * 6e-8 * expected, "\(i), \(j)")
        }
      }
    }
  }

  /// Where nothing lies beyond the edge, a constant stays one; with zeros there it falls to a quarter in the corners.
  @Test func leavesAConstantAsItIs() {
    let image = Image(shape: [21, 50], filledWith: 3)
    let kept = GaussianBlur(width: 2, edge: .nothing)(image)
    // As many roundings as there are weights, twice.
    #expect(kept.samples.allSatisfy { abs($0 - 3) <= 3 * 2 * 15 * 6e-8 })
    let (reach, weights) = Self.weights(2)
    let half = weights[reach...].reduce(0, +)
    let corner = Double(GaussianBlur(width: 2, edge: .zero)(image)[0, 49])
    #expect(abs(corner - 3 * half * half) <= 3 * 2 * 15 * 6e-8)
  }
}
