import Fields

/// The geometry of a parallel-beam scan.
///
/// Bin k of the view at angle θ holds the line integral along
///
///     x cos θ + y sin θ = s,  s = (k − axis) · binSpacing
///
/// with x to the right and y up, in millimetres from the centre of the image.
public struct ParallelBeam: Hashable, Sendable, CustomStringConvertible {
  public let angles: [Angle]
  public let bins: Int
  /// Distance between neighbouring bins, in millimetres.
  public let binSpacing: Double
  /// Where the rotation axis meets the detector: a pixel-centre coordinate, 0 in the middle of the first bin.
  public let axis: Double

  /// - Parameter axis: the middle of the detector, (bins − 1) / 2, unless given.
  public init(angles: [Angle], bins: Int, binSpacing: Double = 1, axis: Double? = nil) {
    self.angles = angles
    self.bins = bins
    self.binSpacing = binSpacing
    self.axis = axis ?? Double(bins - 1) / 2
  }

  public var description: String {
    "\(angles.count) angles × \(bins) bins at \(binSpacing) mm, axis at bin \(axis)"
  }

  /// Where the sinograms of this scan live: `[angles, bins]`.
  public var space: SinogramSpace {
    SinogramSpace(shape: [angles.count, bins], spacing: [1, binSpacing])
  }

  /// The same scan with these of its views, in this order.
  public func views(_ indices: some Sequence<Int>) -> ParallelBeam {
    ParallelBeam(angles: indices.map { angles[$0] }, bins: bins, binSpacing: binSpacing, axis: axis)
  }

  /// How much of the half turn every view stands for, in radians: half of the way to either neighbour.
  ///
  /// A way more than three times the median is a missing wedge and counts as the median.
  public var angularWeights: [Double] {
    let n = angles.count
    guard n > 1 else { return Array(repeating: .pi, count: n) }
    let folded = angles.map { angle in
      let turns = angle.radians / .pi
      return (turns - turns.rounded(.down)) * .pi
    }
    let order = folded.indices.sorted { (folded[$0], $0) < (folded[$1], $1) }
    var gaps = order.indices.map { i in
      i + 1 < n ? folded[order[i + 1]] - folded[order[i]] : folded[order[0]] + .pi - folded[order[i]]
    }
    // Opposite views coincide when folded; their zero gaps say nothing about the sampling.
    let real = gaps.filter { $0 > 1e-6 * .pi / Double(n) }.sorted()
    if !real.isEmpty {
      let median = real[real.count / 2]
      for i in gaps.indices where gaps[i] > 3 * median { gaps[i] = median }
    }
    var weights = [Double](repeating: 0, count: n)
    for i in order.indices {
      weights[order[i]] = (gaps[i] + gaps[(i + n - 1) % n]) / 2
    }
    return weights
  }

  /// - Throws: ``OperatorError`` when a scan or an image like this cannot exist.
  package func validate(with grid: ImageSpace) throws(OperatorError) {
    try RayGeometry(self).validate(with: grid)
  }
}

/// A linear map from images to parallel-beam sinograms, whatever its discretisation.
public protocol ParallelBeamOperator: ViewOperator {
  var beam: ParallelBeam { get }
}

extension ParallelBeamOperator {
  public var angles: [Angle] { beam.angles }
}
