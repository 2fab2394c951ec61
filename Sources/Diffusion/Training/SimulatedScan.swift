import Fields
import Operators

/// A scanner that can be simulated at will: what an h-network is tuned to.
///
/// Everything is in the network's range: A has unit norm, images lie in [−1, 1].
public protocol SimulatedScan {
  associatedtype Operator: LinearOperator where Operator.Domain == ImageSpace
  var A: Scaled<Operator> { get }
  /// How the network's range is tied to attenuation.
  var scale: AttenuationScale { get }
  var fingerprint: OperatorFingerprint { get }
  /// The declared noise levels, relative to the mean line integral.
  var noise: ClosedRange<Double> { get }
  /// A measurement of `x` with fresh noise.
  func measure(_ x: Image, using generator: inout SplitMix64) -> NormalizedMeasurement<Operator>
  /// How x_ref is made.
  var simpleInverse: SimpleInverse { get }
  /// x_ref: the simple inverse of a measurement, held to [−1, 1].
  func reference(_ measurement: NormalizedMeasurement<Operator>) throws -> Image
}

extension SimulatedScan {
  /// What a training depends on: the operator, and what a simple inverse in millimetres sees besides.
  var identity: [NamedValue] {
    fingerprint.entries + [
      NamedValue("the pixel spacing", "\(A.domain.spacing[1]) mm"),
      NamedValue("the attenuation of water", "\(scale.water) 1/mm"),
      NamedValue("the range of the images", "\(scale.range)"),
      NamedValue("the noise", "\(noise.lowerBound) to \(noise.upperBound) of the mean line integral"),
      NamedValue("the simple inverse", "\(simpleInverse)"),
    ]
  }

  /// RMS error of x_ref on `count` clean images of the scan's size, each with its own noise level.
  func referenceError(on images: any ImageSource, count: Int = 8, seed: UInt64) throws -> Double {
    var generator = SplitMix64(seed: seed, purpose: .calibration, stream: 1)
    let shape = A.domain.shape
    var sum = 0.0
    for clean in images.draw(count, rows: shape[0], columns: shape[1], using: &generator) {
      let reference = try reference(measure(clean, using: &generator))
      for (found, expected) in zip(reference.samples, clean.samples) {
        sum += Double((found - expected) * (found - expected))
      }
    }
    return max(1e-4, (sum / Double(count * shape.count)).squareRoot())
  }
}
