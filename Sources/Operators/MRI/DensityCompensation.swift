import CFFTW
import Fields
import RealModule

// Weights of the samples of a trajectory: the area or volume of k-space that each stands for, in units of a Cartesian
// sample. With them AᴴA of a fully sampled trajectory is close to the identity and Aᴴ y shows the image in its units.

extension Trajectory {
  /// The weights of straight, even readouts that pass through the centre or start there: an integral over |k| for every
  /// direction, each of which reaches to half the angle to its neighbours.
  ///
  ///     w = |k| Δk Δθ,   and (Δk)² Δθ / 6 for a sample at the centre
  ///
  /// The sample at the centre makes up for the corner of |k| there, so that sums over a readout are exact to the fourth
  /// order of Δk; with centres between two samples, both share that. The ring around the centre, (Δk)² Δθ / 4, would be of
  /// second order and show as 2 % more in a disc of 5/8 of the field of view at two-fold oversampling.
  ///
  /// - Returns: `[readouts, samples]`; 1 is a Cartesian sample.
  /// - Throws: ``OperatorError/outOfRange(_:found:expected:)`` when a readout is anything else.
  /// - Sources: Lauzon, Rutt, "Effects of polar sampling in k-space", MRM 36 (1996), DOI 10.1002/mrm.1910360617; for
  ///   the centre the Euler–Maclaurin formula, NIST Digital Library of Mathematical Functions, eq. (2.10.1).
  public func rampDensity(on grid: ComplexImageSpace) throws(OperatorError) -> KSpaceWeights {
    try validate(on: grid)
    guard rank == 2, shape[1] > 1 else {
      throw .outOfRange(
        "a trajectory for the ramp", found: "\(shape) samples in \(rank) dimensions",
        expected: "readouts of two samples or more in two dimensions")
    }
    let (readouts, samples) = (shape[0], shape[1])
    // In cycles per millimetre, where lines are straight and angles are angles.
    let size = (0..<2).map { Double(grid.shape[$0]) * grid.spacing[$0] }
    func point(_ readout: Int, _ sample: Int) -> SIMD2<Double> {
      let index = 2 * (readout * samples + sample)
      return SIMD2(positions[index + 1] / size[1], positions[index] / size[0])
    }
    var spokes = [(angle: Double, step: Double, centre: Double)]()
    for readout in 0..<readouts {
      let first = point(readout, 0)
      let step = (point(readout, samples - 1) - first) / Double(samples - 1)
      let square = (step * step).sum()
      // Where the line is nearest to the centre, in samples.
      let centre = -(first * step).sum() / square
      let straight = (0..<samples).allSatisfy { sample in
        let off = point(readout, sample) - (Double(sample) - centre) * step
        return (off * off).sum() <= 1e-6 * square
      }
      guard square > 0, straight, centre > -1, centre < Double(samples) - 1.5 else {
        throw .outOfRange(
          "readout \(readout + 1) of a trajectory for the ramp", found: "a curve or a line past the centre",
          expected: "even samples on a line through the centre or from it")
      }
      spokes.append((Double.atan2(y: step.y, x: step.x), square.squareRoot(), centre))
    }
    let passes = spokes[0].centre >= 0.5
    if let other = spokes.firstIndex(where: { ($0.centre >= 0.5) != passes }) {
      throw .outOfRange(
        "readout \(other + 1) of a trajectory for the ramp",
        found: "\(passes ? "from" : "through") the centre",
        expected: "\(passes ? "through" : "from") the centre, as readout 1")
    }

    // A readout through the centre stands for its direction and the opposite one.
    let period = passes ? Double.pi : 2 * Double.pi
    let angles = spokes.map { $0.angle - ($0.angle / period).rounded(.down) * period }
    let sorted = (0..<readouts).sorted { (angles[$0], $0) < (angles[$1], $1) }
    var weights = KSpaceWeights(shape: shape)
    for (place, readout) in sorted.enumerated() {
      let after = angles[sorted[(place + 1) % readouts]] + (place + 1 < readouts ? 0 : period)
      let before = angles[sorted[(place + readouts - 1) % readouts]] - (place > 0 ? 0 : period)
      let spoke = spokes[readout]
      let area = spoke.step * spoke.step * (after - before) / 2 * size[0] * size[1]
      var line = (0..<samples).map { abs(Double($0) - spoke.centre) }
      // The second Bernoulli polynomial of where the centre lies between two samples.
      if passes {
        let before = Int(spoke.centre)
        let part = spoke.centre - Double(before)
        let corner = part * part - part + 1.0 / 6
        line[before] += (1 - part) * corner
        line[before + 1] += part * corner
      } else {
        let part = max(0, -spoke.centre)
        line[0] += (part * part - part + 1.0 / 6) / 2
      }
      for sample in 0..<samples { weights[readout, sample] = Float(area * line[sample]) }
    }
    return weights
  }

  /// The weights whose samples, spread with a kernel of the field of view, are of density 1 at every sample.
  ///
  ///     w ← w / (C w),   C(k) = ∫ ψ(k′) ψ(k − k′) dk′, normalised to ∫ C = 1
  ///
  /// ψ reaches 3/2 cycles per field of view to both sides, so that the image of C is gone at the distance of a whole field
  /// of view, where that of Cartesian samples begins to repeat. Works for any trajectory; where a position is sampled twice the samples share its weight.
  ///
  /// - Parameter iterations: the weights settle like 1/iterations.
  /// - Returns: `[readouts, samples]`; 1 is a Cartesian sample.
  /// - Source: Pipe, Menon, "Sampling density compensation in MRI: rationale and an iterative numerical solution",
  ///   MRM 41 (1999), DOI 10.1002/(SICI)1522-2594(199901)41:1<179::AID-MRM25>3.0.CO;2-V, eq. (10).
  public func pipeMenonDensity(
    on grid: ComplexImageSpace, iterations: Int = 30, threads: Int? = nil
  ) throws(OperatorError) -> KSpaceWeights {
    try validate(on: grid)
    guard iterations > 0 else {
      throw .outOfRange("the number of iterations", found: "\(iterations)", expected: "1 or more")
    }
    let threads = max(1, threads ?? processorCount)
    // Two points per cycle, and a margin that no neighbourhood crosses: k-space is not periodic here.
    let kernel = ExponentialOfSemicircle(width: 6, upsampling: 2)
    let points = grid.shape.extents.map { 2 * ($0 + Int(GRIDDING_MAXIMUM_WIDTH)) }
    let (slabs, rows) = (points[rank - 1], points[rank - 2])
    let layout =
      rank == 2
      ? ScatteredSamples.Layout(slabs: slabs, columns: rows)
      : ScatteredSamples.Layout(
        slabs: slabs, rows: rows, columns: points[0], width: kernel.width, slabsWrap: false)
    try layout.validate()
    let rank = rank
    let scattered = ScatteredSamples(count: shape.count, kernel: kernel, layout: layout) { sample in
      func place(_ axis: Int) -> Double {
        2 * positions[rank * sample + axis] + Double(points[axis]) / 2
      }
      return ScatteredSamples.Position(
        slab: place(rank - 1), row: rank == 3 ? place(1) : 0, column: place(0), target: sample)
    }
    let space = AlignedBuffer(count: 2 * layout.count)
    let weights = AlignedBuffer(count: 2 * shape.count)
    let density = AlignedBuffer(count: 2 * shape.count)
    // ∫ψ per axis in grid points, of which there are two per cycle.
    let integral = kernel.transform(0)
    let normalisation = Float(Double.pow(2 / (integral * integral), Double(rank)))
    for sample in 0..<shape.count { weights.start[2 * sample] = 1 }
    for _ in 0..<iterations {
      scattered.spread(weights.start, onto: space.start, threads: threads)
      scattered.interpolate(space.start, into: density.start, threads: threads)
      for sample in 0..<shape.count {
        weights.start[2 * sample] /= density.start[2 * sample] * normalisation
      }
    }
    return KSpaceWeights(shape: shape, samples: (0..<shape.count).map { weights.start[2 * $0] })
  }
}
