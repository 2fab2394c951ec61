import Fields
import Operators

/// A scanner that can be simulated at will: what an h-network is tuned to.
///
/// Everything is in the network's range: A has unit norm, images lie in [−1, 1].
public protocol SimulatedScan {
  associatedtype Operator: LinearOperator where Operator.Domain == ImageSpace
  var A: Scaled<Operator> { get }
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
