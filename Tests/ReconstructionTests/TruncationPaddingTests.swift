import Fields
import Foundation
import Operators
import Reconstruction
import TestSupport
import Testing

@Suite struct TruncationPaddingTests {
  /// A disc of radius 90 bins and value 0.01/mm, of which the detector sees the middle 100 bins.
  private static let (bins, radius, value) = (100, 90.0, 0.01)
  private static let beam = ParallelBeam(angles: Angle.even(150), bins: bins)
  private static let grid = ImageSpace(shape: [100, 100])
  private static let sinogram = [Ellipse(x: 0, y: 0, a: radius, b: radius, value: value)].sinogram(
    angles: beam.angles, bins: bins, binSpacing: 1, axis: beam.axis)

  private static func image(_ padding: TruncationPadding, of y: Sinogram = sinogram) throws -> Image {
    try FilteredBackProjection(RadonTransform(grid, beam: beam), padding: padding)(y)
  }

  /// Standard deviation within a radius, relative to the value of the disc: the rim and the cupping.
  private static func spread(_ image: Image, within reach: Double) -> Double {
    var values: [Double] = []
    for i in 0..<100 {
      for j in 0..<100 where hypot(Double(i) - 49.5, Double(j) - 49.5) <= reach {
        values.append(Double(image[i, j]))
      }
    }
    let mean = values.reduce(0, +) / Double(values.count)
    return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)).squareRoot() / value
  }

  @Test func takesTheBrightRimAway() throws {
    let none = Self.spread(try Self.image(.zeros), within: 46)
    for padding in [TruncationPadding.edge, .cosine] {
      let spread = Self.spread(try Self.image(padding), within: 46)
      #expect(spread < 0.25 * none, "\(padding.rawValue): \(spread) against \(none)")
      #expect(spread < 0.1)
    }
  }

  /// An object that ends in air is extended by air: the filter sees the same numbers, on a longer FFT.
  @Test(arguments: [TruncationPadding.edge, .cosine]) func changesNothingInAir(padding: TruncationPadding)
    throws
  {
    let y = [Ellipse(x: 5, y: -8, a: 30, b: 20, value: 0.02)].sinogram(
      angles: Self.beam.angles, bins: Self.bins, binSpacing: 1, axis: Self.beam.axis)
    // The FFTs of 200 and of 600 bins round differently.
    #expect(relativeError(try Self.image(padding, of: y), try Self.image(.zeros, of: y)) < 1e-5)
  }

  @Test func extendsByTheMeanOfTheEnds() {
    var y = Sinogram(shape: [2, 6])
    for bin in 0..<6 { (y[0, bin], y[1, bin]) = (Float(bin), 3) }
    #expect(TruncationPadding.zeros.extend(y) == y)
    let edge = TruncationPadding.edge.extend(y)
    #expect(edge.shape == [2, 18])
    for step in 0..<6 {
      #expect(edge[0, step] == 1.5)
      #expect(edge[0, 6 + step] == Float(step))
      #expect(edge[0, 12 + step] == 3.5)
    }
    let cosine = TruncationPadding.cosine.extend(y)
    for step in 0..<6 {
      let weight = pow(cos(.pi / 2 * Double(step + 1) / 7), 2)
      #expect(abs(Double(cosine[1, 12 + step]) - 3 * weight) < 1e-6)
      #expect(cosine[1, 5 - step] == cosine[1, 12 + step])
    }
  }
}
