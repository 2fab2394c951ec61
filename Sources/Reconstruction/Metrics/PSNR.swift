import Fields
import RealModule

/// The root of the mean squared difference, in the unit of the images.
///
/// - Throws: ``ReconstructionError/shapes(_:found:expected:)`` for images of different shapes.
public func rmse(
  _ image: Image, reference: Image, region: Region = .whole
) throws(ReconstructionError) -> Double {
  try checkShapes(image, reference)
  let shape = reference.shape
  var (sum, count) = (0.0, 0)
  for row in 0..<shape[0] {
    for column in 0..<shape[1] where region.contains(row: row, column: column, of: shape) {
      let difference = Double(image[row, column]) - Double(reference[row, column])
      sum += difference * difference
      count += 1
    }
  }
  return (sum / Double(count)).squareRoot()
}

/// The peak signal-to-noise ratio 20 log₁₀(range / RMSE), in decibels; infinite for equal images.
///
/// - Parameter dataRange: what counts as the peak, stated and never taken from the images: 2000 HU for CT.
/// - Throws: ``ReconstructionError`` for images of different shapes or a range that is not positive.
public func psnr(
  _ image: Image, reference: Image, dataRange: Double, region: Region = .whole
) throws(ReconstructionError) -> Double {
  try checkRange(dataRange)
  return 20 * .log10(dataRange / (try rmse(image, reference: reference, region: region)))
}

func checkRange(_ dataRange: Double) throws(ReconstructionError) {
  guard dataRange.isFinite, dataRange > 0 else {
    throw .outOfRange("the data range", found: "\(dataRange)", expected: "a positive number")
  }
}

func checkShapes(_ image: Image, _ reference: Image) throws(ReconstructionError) {
  guard image.shape == reference.shape, image.shape.rank == 2, image.shape.count > 0 else {
    throw .shapes("the image", found: image.shape, expected: reference.shape)
  }
}
