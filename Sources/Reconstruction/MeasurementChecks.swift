import Fields
import Formats
import Operators

extension LinearOperator where Domain == ImageSpace, Codomain == SinogramSpace {
  func check(_ image: Image, _ name: String) throws(ReconstructionError) {
    guard image.shape == domain.shape else {
      throw .shapes(name, found: image.shape, expected: domain.shape)
    }
    if let index = image.firstNotFinite {
      throw .outOfRange(
        "\(name) at row \(index / image.shape[1] + 1), column \(index % image.shape[1] + 1)",
        found: "\(image.samples[index])", expected: "a number")
    }
  }

  func check(measurement y: Sinogram) throws(ReconstructionError) { try codomain.check(measurement: y) }

  func check(variance: Sinogram) throws(ReconstructionError) {
    guard variance.shape == codomain.shape else {
      throw .shapes("the variance", found: variance.shape, expected: codomain.shape)
    }
    if let value = variance.samples.first(where: { !($0 > 0 && $0.isFinite) }) {
      throw .outOfRange(
        "the variance of a ray", found: "\(value)",
        expected: "a positive number; state the noise of the data")
    }
  }
}

extension SinogramSpace {
  func check(measurement y: Sinogram) throws(ReconstructionError) {
    guard y.shape == shape else {
      throw .shapes("the sinogram", found: y.shape, expected: shape)
    }
    if let index = y.firstNotFinite {
      throw .outOfRange(
        "the sinogram at view \(index / y.shape[1] + 1), bin \(index % y.shape[1] + 1)",
        found: "\(y.samples[index])", expected: "a number")
    }
  }
}

extension Field where Scalar == Float {
  /// The place of the first sample that is NaN or infinite.
  package var firstNotFinite: Int? { samples.withUnsafeBufferPointer(Formats.firstNotFinite) }
}
