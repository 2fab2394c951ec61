import Fields
import RealModule

/// Where the rays of a scan run: what parallel and fan beams have in common.
///
/// With e = (cos θ, sin θ) along the detector and n = (−sin θ, cos θ) along the central ray, the ray of the position
/// u on the detector is
///
///     parallel   u e + l n
///     flat       −R n + l (D n + u e)
///     curved     −R n + l (cos γ n + sin γ e),  γ = u / D
///
/// R being the distance from the source to the axis, D that from the source to the detector.
package struct RayGeometry: Sendable {
  package enum Detector: Hashable, Sendable { case parallel, flat, curved }

  package let angles: [Angle]
  package let bins: Int
  package let binSpacing: Double
  package let axis: Double
  package let detector: Detector
  /// R and D, in millimetres; without meaning for a parallel beam.
  package let sourceAxisDistance: Double
  package let sourceDetectorDistance: Double

  package init(_ beam: ParallelBeam) {
    (angles, bins, binSpacing, axis) = (beam.angles, beam.bins, beam.binSpacing, beam.axis)
    detector = .parallel
    (sourceAxisDistance, sourceDetectorDistance) = (.infinity, .infinity)
  }

  package init(_ beam: FanBeam) {
    (angles, bins, binSpacing, axis) = (beam.angles, beam.bins, beam.binSpacing, beam.axis)
    detector = beam.detector == .flat ? .flat : .curved
    (sourceAxisDistance, sourceDetectorDistance) = (beam.sourceAxisDistance, beam.sourceDetectorDistance)
  }

  /// Distance between the rays of neighbouring bins at the rotation axis, in millimetres.
  package var spacingAtAxis: Double {
    detector == .parallel ? binSpacing : binSpacing * sourceAxisDistance / sourceDetectorDistance
  }

  /// Tangent of the largest angle to the central ray, of flat detectors; 0 for others.
  package var largestTangent: Double {
    detector == .flat ? max(axis + 0.5, Double(bins) - 0.5 - axis) * binSpacing / sourceDetectorDistance : 0
  }

  /// A point of a ray, in millimetres from the rotation axis, and its direction, of any length.
  func ray(_ u: Double, cosine: Double, sine: Double) -> (point: SIMD2<Double>, direction: SIMD2<Double>) {
    let (e, n) = (SIMD2(cosine, sine), SIMD2(-sine, cosine))
    switch detector {
    case .parallel: return (u * e, n)
    case .flat: return (-sourceAxisDistance * n, sourceDetectorDistance * n + u * e)
    case .curved:
      let gamma = u / sourceDetectorDistance
      return (-sourceAxisDistance * n, .cos(gamma) * n + .sin(gamma) * e)
    }
  }

  /// - Throws: ``OperatorError`` when a scan or an image like this cannot exist.
  func validate(with grid: ImageSpace) throws(OperatorError) {
    guard grid.shape.rank == 2, grid.shape.count > 0 else {
      throw .emptyShape("the image", found: grid.shape)
    }
    guard !angles.isEmpty else { throw .noAngles }
    guard bins > 0 else { throw .emptyShape("the detector", found: [max(bins, 0)]) }
    for spacing in grid.spacing where !(spacing.isFinite && spacing > 0) {
      throw .outOfRange("the pixel spacing", found: "\(spacing) mm", expected: "a positive length")
    }
    guard binSpacing.isFinite, binSpacing > 0 else {
      throw .outOfRange("the bin spacing", found: "\(binSpacing) mm", expected: "a positive length")
    }
    guard axis >= -0.5, axis <= Double(bins) - 0.5 else {
      throw .outOfRange(
        "the rotation axis", found: "at bin \(axis)", expected: "on the detector, 0 ... \(bins - 1)")
    }
    var seen = [Angle: Int]()
    for (index, angle) in angles.enumerated() {
      guard angle.radians.isFinite else {
        throw .outOfRange("angle \(index + 1)", found: "\(angle)", expected: "a number")
      }
      if let first = seen.updateValue(index, forKey: angle) {
        throw .duplicateAngle(angle, first: first, second: index)
      }
    }
    if detector != .parallel { try validateSource(with: grid) }
  }

  private func validateSource(with grid: ImageSpace) throws(OperatorError) {
    let radius = Self.halfDiagonal(of: grid)
    guard sourceAxisDistance.isFinite, sourceAxisDistance > radius else {
      throw .outOfRange(
        "the distance from the source to the rotation axis", found: "\(sourceAxisDistance) mm",
        expected: "more than half the diagonal of the image, \(radius) mm: the source cannot be inside it")
    }
    guard sourceDetectorDistance.isFinite, sourceDetectorDistance >= sourceAxisDistance else {
      throw .outOfRange(
        "the distance from the source to the detector", found: "\(sourceDetectorDistance) mm",
        expected: "at least that from the source to the rotation axis, \(sourceAxisDistance) mm: "
          + "the detector stands behind the axis")
    }
    guard detector == .curved else { return }
    let widest = Angle.radians(
      max(axis + 0.5, Double(bins) - 0.5 - axis) * binSpacing / sourceDetectorDistance)
    guard widest < .degrees(90) else {
      throw .outOfRange(
        "the fan angle", found: "\(widest) on one side of the central ray", expected: "less than 90°")
    }
  }

  static func halfDiagonal(of grid: ImageSpace) -> Double {
    let (height, width) = (Double(grid.shape[0]) * grid.spacing[0], Double(grid.shape[1]) * grid.spacing[1])
    return (height * height + width * width).squareRoot() / 2
  }
}
