import Fields
import Operators
import RealModule

/// Filtered back-projection of a fan-beam scan, with an amplitude in 1/mm.
///
///     x = Σ_θ dθ (R / t)² (h ∗ w cos γ y)(s)   flat,     s = v R / t, bins of the width d R / D
///     x = Σ_θ dθ R / r² (h ∗ w cos γ y)(γ)     curved,   bins of the width d / D
///
/// with the source at the distance R from the axis and D from the detector, a pixel at the depth t along the central
/// ray, v across it and r from the source, and weights w by which rays measured twice count once: full turns, short
/// scans (Parker's weights, or Silver's for longer ones), scans of more than a turn and offset detectors over a full
/// turn. Angles may be unevenly spaced and in any order.
///
/// A scan over less than 180° and the fan, or an offset detector over less than a full turn, leaves rays out; the
/// reconstruction then is not physical where they are missing.
///
/// - Domain: sinogram, `[angles, bins]`, line integrals without a unit.
/// - Codomain: image, `[rows, columns]`, attenuation in 1/mm.
///
/// Source: Kak, Slaney, "Principles of Computerized Tomographic Imaging" (1988), section 3.4.
public struct FanBeamFilteredBackProjection: Sendable {
  public let domain: SinogramSpace
  public let codomain: ImageSpace
  public let beam: FanBeam
  public let filter: RampFilter

  private let backProjector: FanBackProjector
  /// Of every ray: redundancy, cosine and the part of the turn.
  private let weights: Sinogram

  /// - Parameters:
  ///   - cutoff: fraction of the highest frequency of the detector, above 0 and at most 1.
  ///   - threads: one for every processor unless given.
  /// - Throws: ``OperatorError`` when the scan or the image cannot exist, such as an image that reaches the source.
  public init(
    _ grid: ImageSpace, beam: FanBeam, window: RampFilter.Window = .ramp, cutoff: Double = 1,
    threads: Int? = nil
  ) throws(OperatorError) {
    backProjector = try FanBackProjector(grid, beam: beam, threads: threads)
    (domain, codomain) = (beam.space, grid)
    self.beam = beam
    let (R, D) = (beam.sourceAxisDistance, beam.sourceDetectorDistance)
    filter =
      switch beam.detector {
      case .flat:
        try RampFilter(bins: beam.bins, binSpacing: beam.binSpacing * R / D, window: window, cutoff: cutoff)
      case .curved:
        try RampFilter(
          bins: beam.bins, binAngle: .radians(beam.binSpacing / D), window: window, cutoff: cutoff)
      }
    let redundancy = FanBeamRedundancy(beam)
    var weights = beam.space.zero()
    let cosines = (0..<beam.bins).map { Double.cos(beam.fanAngle(at: Double($0)).radians) }
    for (view, angle) in redundancy.angularWeights.enumerated() {
      let factor = beam.detector == .flat ? angle : angle * R
      for bin in 0..<beam.bins {
        let weight = redundancy.weight(turned: redundancy.turned[view], bin: Double(bin))
        weights[view, bin] = Float(factor * cosines[bin] * weight)
      }
    }
    self.weights = weights
  }

  public var threads: Int { backProjector.threads }

  public func callAsFunction(_ y: Sinogram) -> Image {
    var x = codomain.zero()
    var filtered = domain.zero()
    apply(y, into: &x, filtered: &filtered)
    return x
  }

  /// - Parameter filtered: overwritten with the filtered views.
  public func apply(_ y: Sinogram, into x: inout Image, filtered: inout Sinogram) {
    precondition(y.shape == domain.shape, "a sinogram of \(y.shape) is not on the grid \(domain)")
    precondition(
      filtered.shape == domain.shape, "a sinogram of \(filtered.shape) is not on the grid \(domain)")
    filtered.samples.withUnsafeMutableBufferPointer { filtered in
      weights.samples.withUnsafeBufferPointer { weights in
        y.samples.withUnsafeBufferPointer { y in
          for i in y.indices { filtered[i] = weights[i] * y[i] }
        }
      }
    }
    filter.apply(inPlace: &filtered, threads: threads)
    backProjector.apply(filtered, into: &x)
  }
}
