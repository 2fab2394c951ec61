import CFFTW
import Fields
import RealModule

/// Grid and kernel of a non-uniform FFT.
struct NonUniformDesign {
  let gridShape: [Int]
  let kernel: ExponentialOfSemicircle
  /// Estimated error for white noise, relative to its transform.
  let error: Double
  /// By how much rounding errors between correction and interpolation grow.
  let roundingGain: Double
  /// Estimated nanoseconds on one thread.
  let time: Double

  /// Accuracies that can be asked for. Below, single precision has the last word.
  static let accuracies = 1e-6...1e-2
  static let upsamplings = [1.25, 1.375, 1.5, 1.625, 1.6875, 1.75, 2]
  /// Adjoint errors are about √(2.5 + 3 gain²) ulp, root mean square: measured for real images in two dimensions and the
  /// FFTs of their views, 2.3 ulp at 0.95, 3 at 1.5, 6 at 3.1. A third of 8 ulp, below which almost all random pairs
  /// stay, is a gain of 1.2.
  private static let largestGain = 1.0

  /// The fastest of the asked accuracy, by the estimate.
  ///
  /// - Parameters:
  ///   - upsampling: grid points per pixel, at least; any of ``upsamplings`` when nil.
  ///   - isReal: whether half of the spectrum is enough.
  static func best(
    shape: [Int], samples: Int, accuracy: Double, upsampling: Double?, isReal: Bool = false
  ) throws(OperatorError) -> NonUniformDesign {
    guard accuracies.contains(accuracy) else {
      throw .outOfRange("the accuracy of a non-uniform FFT", found: "\(accuracy)", expected: "1e-6 … 1e-2")
    }
    if let upsampling, !(upsampling >= 1.25 && upsampling <= 4) {
      throw .outOfRange(
        "the up-sampling of a non-uniform FFT", found: "\(upsampling)", expected: "1.25 … 4, for example 2")
    }
    var best: NonUniformDesign?
    for candidate in upsampling.map({ [$0] }) ?? upsamplings {
      guard
        let design = NonUniformDesign(
          shape: shape, samples: samples, accuracy: accuracy, upsampling: candidate, isReal: isReal)
      else { continue }
      // Two walks of one sum differ by their rounding: a few ulp must stay a few.
      guard upsampling != nil || design.roundingGain <= largestGain else { continue }
      if design.time < best?.time ?? .infinity { best = design }
    }
    guard let best else {
      throw .outOfRange(
        "the accuracy of a non-uniform FFT", found: "\(accuracy)",
        expected: "what an up-sampling of \(upsampling ?? 2) reaches in single precision; 2 reaches 1e-6")
    }
    return best
  }

  /// The narrowest kernel on the smallest grid with an up-sampling; nil when none reaches the accuracy.
  private init?(shape: [Int], samples: Int, accuracy: Double, upsampling: Double, isReal: Bool) {
    // At least twice the widest kernel, so that no neighbourhood meets its own repetition.
    let smallest = 2 * Int(GRIDDING_MAXIMUM_WIDTH)
    let gridShape = shape.map {
      FourierPlan.fastLength(
        atLeast: max(smallest, Int((upsampling * Double($0)).rounded(.up))), multipleOf: 4)
    }
    var actual = Double.infinity
    for (n, extent) in zip(gridShape, shape) { actual = min(actual, Double(n) / Double(extent)) }
    // Beyond, the search for the best kernel need not know how fine the grid is.
    actual = min(actual, 4)
    let rank = Double(shape.count)
    // The errors of the axes add up like independent ones.
    var share = accuracy / rank.squareRoot()
    while let kernel = ExponentialOfSemicircle(accuracy: share, upsampling: actual) {
      let gain = Double.pow(kernel.roundingGain, rank)
      // In single precision some 3 ulp come from corrections, FFTs and weights.
      let error = rank.squareRoot() * kernel.error + 3 * Double(Float.ulpOfOne) * gain
      if error <= accuracy {
        self.gridShape = gridShape
        self.kernel = kernel
        self.error = error
        roundingGain = gain
        time =
          (isReal ? 0.5 : 1) * Self.transformTime(shape: shape, gridShape: gridShape)
          + Double(samples) * Self.griddingTime(rank: shape.count, width: kernel.width)
        return
      }
      share = kernel.error * 0.999
    }
    return nil
  }

  /// Nanoseconds, measured on an AMD EPYC of the fourth generation: neighbourhoods per sample.
  private static func griddingTime(rank: Int, width: Int) -> Double {
    let (w, narrow) = (Double(width), width <= 4)
    return 4 + (narrow ? 1.3 : 1.6) * w + (rank == 3 ? (narrow ? 1.1 : 0.8) * w * w : 0)
  }

  /// Nanoseconds, measured likewise: FFTs per point and level, and passes through memory when the grid leaves the cache.
  static func transformTime(shape: [Int], gridShape: [Int]) -> Double {
    var points = Double(shape.reduce(1, *))
    let memory = min(1.1, 1.1 * Double(gridShape.reduce(8, *)) / 8e6)
    var time = 0.0
    for axis in shape.indices.reversed() {
      points *= Double(gridShape[axis]) / Double(shape[axis])
      time += points * (0.6 + 0.07 * .log2(Double(gridShape[axis])) + memory)
    }
    return time
  }
}
