import Fields
import RealModule

/// The geometry of a fan-beam scan.
///
/// The source turns around the rotation axis at the distance R, with the detector opposite at the distance D from the
/// source. At the angle θ it stands at R (sin θ, −cos θ); the detector runs along (cos θ, sin θ). Bin k lies at
///
///     u = (k − axis) · binSpacing
///
/// on a straight detector or along an arc around the source, and sees the ray at the fan angle γ from the central one,
/// tan γ = u / D or γ = u / D. It is the ray of a ``ParallelBeam`` at the angle θ − γ and the offset R sin γ, so that a
/// fan from very far away is a parallel beam.
///
/// Lengths are in millimetres. An `axis` far from the middle is an offset detector.
public struct FanBeam: Hashable, Sendable, CustomStringConvertible {
  public enum Detector: String, Hashable, Sendable, CaseIterable, Codable {
    /// A straight line across the central ray, with bins of equal length.
    case flat
    /// An arc around the source, with bins of equal angle; their spacing is measured along the arc.
    case curved
  }

  public let angles: [Angle]
  public let bins: Int
  public let detector: Detector
  /// Distance between neighbouring bins on the detector, in millimetres.
  public let binSpacing: Double
  /// R, in millimetres.
  public let sourceAxisDistance: Double
  /// D, in millimetres.
  public let sourceDetectorDistance: Double
  /// Where the ray through the rotation axis meets the detector: a pixel-centre coordinate, 0 in the middle of the
  /// first bin.
  public let axis: Double

  /// - Parameter axis: the middle of the detector, (bins − 1) / 2, unless given.
  public init(
    angles: [Angle], bins: Int, detector: Detector = .flat, binSpacing: Double = 1,
    sourceAxisDistance: Double,
    sourceDetectorDistance: Double, axis: Double? = nil
  ) {
    self.angles = angles
    self.bins = bins
    self.detector = detector
    self.binSpacing = binSpacing
    self.sourceAxisDistance = sourceAxisDistance
    self.sourceDetectorDistance = sourceDetectorDistance
    self.axis = axis ?? Double(bins - 1) / 2
  }

  public var description: String {
    "\(angles.count) angles × \(bins) bins at \(binSpacing) mm on a \(detector.rawValue) detector, "
      + "axis at bin \(axis), \(sourceAxisDistance) mm from source to axis and \(sourceDetectorDistance) mm to detector"
  }

  /// Where the sinograms of this scan live: `[angles, bins]`.
  public var space: SinogramSpace {
    SinogramSpace(shape: [angles.count, bins], spacing: [1, binSpacing])
  }

  /// The same scan with these of its views, in this order.
  public func views(_ indices: some Sequence<Int>) -> FanBeam {
    FanBeam(
      angles: indices.map { angles[$0] }, bins: bins, detector: detector, binSpacing: binSpacing,
      sourceAxisDistance: sourceAxisDistance, sourceDetectorDistance: sourceDetectorDistance, axis: axis)
  }

  /// γ of a position on the detector: a bin coordinate, 0 in the middle of the first bin.
  public func fanAngle(at bin: Double) -> Angle {
    let u = (bin - axis) * binSpacing / sourceDetectorDistance
    return .radians(detector == .flat ? .atan(u) : u)
  }

  /// The ray that a position on the detector sees, named as that of a parallel beam: x cos θ + y sin θ = s.
  public func line(angle: Angle, bin: Double) -> (angle: Angle, offset: Double) {
    let gamma = fanAngle(at: bin).radians
    return (.radians(angle.radians - gamma), sourceAxisDistance * .sin(gamma))
  }

  /// - Throws: ``OperatorError`` when a scan or an image like this cannot exist.
  package func validate(with grid: ImageSpace) throws(OperatorError) {
    try RayGeometry(self).validate(with: grid)
  }
}

extension PhantomSlice {
  /// Line integrals of a fan beam, exact to rounding.
  ///
  /// - Parameter raysPerBin: how many evenly spaced rays are averaged over the width of every bin.
  /// - Returns: `[angles, bins]`, in millimetres times the unit of the phantom: without unit for 1/mm.
  public func sinogram(_ beam: FanBeam, raysPerBin: Int = 1) -> Sinogram {
    precondition(raysPerBin > 0, "\(raysPerBin) rays per bin")
    var sinogram = beam.space.zero()
    sinogram.samples.withUnsafeMutableBufferPointer { samples in
      guard let samples = samples.baseAddress else { return }
      // Views are disjoint memory.
      nonisolated(unsafe) let target = samples
      parallel(tiles: beam.angles.count, threads: processorCount) { view, _ in
        for bin in 0..<beam.bins {
          var sum = 0.0
          for ray in 0..<raysPerBin {
            let position = Double(bin) + (Double(ray) + 0.5) / Double(raysPerBin) - 0.5
            let line = beam.line(angle: beam.angles[view], bin: position)
            sum += lineIntegral(angle: line.angle, offset: line.offset)
          }
          target[view * beam.bins + bin] = Float(sum / Double(raysPerBin))
        }
      }
    }
    return sinogram
  }
}

/// A linear map from images to fan-beam sinograms, whatever its discretisation.
public protocol FanBeamOperator: ViewOperator {
  var beam: FanBeam { get }
}

extension FanBeamOperator {
  public var angles: [Angle] { beam.angles }
}
