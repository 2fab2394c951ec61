import Fields
import Operators

/// Filtered back-projection, with an amplitude in 1/mm.
///
///     x = d / (dx dy) · Aᴴ (wθ q),   q = ramp filter ∗ y
///
/// with the bin spacing d, the pixel spacings dx, dy and the part wθ of the half turn that a view stands for, so
/// that any list of angles is allowed. The factor is 1 / (length of a pixel's footprint × bins it covers): the
/// adjoint spreads a pixel's area over bins of width d.
///
/// - Domain: sinogram, `[angles, bins]`, line integrals without a unit.
/// - Codomain: image, `[rows, columns]`, attenuation in 1/mm.
public struct FilteredBackProjection<Operator: ParallelBeamOperator>: Sendable {
  public let A: Operator
  /// Of views as wide as ``padding`` makes them.
  public let filter: RampFilter
  public let padding: TruncationPadding
  private let factors: [Double]

  /// - Parameters:
  ///   - cutoff: fraction of the highest frequency of the detector, above 0 and at most 1.
  ///   - padding: for objects that reach beyond the detector.
  /// - Throws: ``OperatorError/outOfRange(_:found:expected:)`` for another cut-off.
  public init(
    _ A: Operator, window: RampFilter.Window = .ramp, cutoff: Double = 1, padding: TruncationPadding = .zeros
  ) throws(OperatorError) {
    self.A = A
    self.padding = padding
    let beam = A.beam
    filter = try RampFilter(
      bins: beam.bins + 2 * padding.reach(bins: beam.bins), binSpacing: beam.binSpacing, window: window,
      cutoff: cutoff)
    let scale = beam.binSpacing / (A.domain.spacing[0] * A.domain.spacing[1])
    factors = beam.angularWeights.map { $0 * scale }
  }

  public func callAsFunction(_ y: Sinogram) -> Image {
    var x = A.domain.zero()
    var filtered = A.codomain.zero()
    apply(y, into: &x, filtered: &filtered)
    return x
  }

  /// - Parameter filtered: overwritten with the filtered views.
  public func apply(_ y: Sinogram, into x: inout Image, filtered: inout Sinogram) {
    let reach = padding.reach(bins: A.beam.bins)
    if reach == 0 {
      filter.apply(y, into: &filtered, factors: factors, threads: A.threads)
    } else {
      let wide = padding.extend(y)
      var wideFiltered = wide
      filter.apply(wide, into: &wideFiltered, factors: factors, threads: A.threads)
      for view in 0..<y.shape[0] {
        for bin in 0..<y.shape[1] { filtered[view, bin] = wideFiltered[view, reach + bin] }
      }
    }
    A.applyAdjoint(filtered, into: &x)
  }
}
