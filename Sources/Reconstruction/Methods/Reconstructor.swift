import Fields
import Operators

/// The measurement of one slice.
public struct SliceMeasurement: Sendable {
  /// Counted from 0 in the scan; random draws depend on it, not on the order of the work.
  public let index: Int
  /// Line integrals, `[angles, bins]`.
  public let sinogram: Sinogram
  /// Variance of every line integral.
  public let variance: Sinogram

  public init(index: Int, sinogram: Sinogram, variance: Sinogram) {
    self.index = index
    self.sinogram = sinogram
    self.variance = variance
  }

  /// √ of the mean variance: the one σ of methods that take noise for equal everywhere.
  public var sigma: Double {
    (variance.samples.reduce(0) { $0 + Double($1) } / Double(variance.samples.count)).squareRoot()
  }
}

/// What a method makes of a slice.
public struct SliceReconstruction: Sendable {
  /// Attenuation in 1/mm.
  public var image: Image
  /// Standard deviation over the draws in 1/mm, for methods that average several.
  public var deviation: Image?
  /// False where an iteration ended at its limit of steps and not because the image was what was asked for.
  public var hasConverged: Bool

  public init(image: Image, deviation: Image? = nil, hasConverged: Bool = true) {
    self.image = image
    self.deviation = deviation
    self.hasConverged = hasConverged
  }
}

/// A method that turns measurements into images, prepared for one geometry.
///
/// Not `Sendable`: it may hold networks. One task works with it at a time.
public protocol Reconstructor {
  /// Evaluations of the prior per slice, the usual measure of a sampler's cost.
  var evaluations: Int { get }
  func reconstruct(_ measurement: SliceMeasurement) throws -> SliceReconstruction
}
