import ComplexModule
import Fields
import Operators

// Rows of magnetic resonance: the phantom as an array of coils sees it, whose k-space is known in closed form. The samples
// are all of a Cartesian grid, one in four of them, denser in the middle, or golden-angle spokes with two-fold
// oversampling. Their error is what the pixels of the image cost, some per cent for edges on a few hundred pixels, most of
// it at high frequencies; that of the convolution the distance from AᴴA x by an A of accuracy 1e-6.

extension OperatorVerification {
  private static let coils = 4

  /// - Parameter image: of the phantom.
  func coilRow(_ kind: Kind, _ image: Image) throws -> Row {
    let (array, coils) = (CoilArray(coils: Self.coils), Self.coils)
    let space = ComplexImageSpace(shape: grid.shape)
    let x = ComplexImage(shape: image.shape, samples: image.samples.map { Complex($0, 0) })
    let S = try CoilSensitivities(array.maps(on: space), on: space, threads: threads)
    let mask =
      kind == .sense
      ? try SamplingMask.variableDensity(
        grid.shape, encoding: .points, acceleration: 4, calibration: min(24, size / 4), seed: 1) : nil
    let trajectory = try Trajectory.radial(
      angles: Trajectory.goldenAngles(angles), samples: 2 * size, on: space)
    let start = ContinuousClock.now
    switch kind {
    case .cartesian:
      let F = try CartesianFourier(space, coils: coils, threads: threads)
      let planning = Self.seconds(since: start)
      let images = S(x)
      let error = try distanceFromClosedForm(F(images), array, on: space)
      return fourierRow(kind, F, images, grid.shape, coils: coils, error: error, planning: planning)
    case .sense:
      let A = try CartesianSense(S, mask: mask, threads: threads)
      let planning = Self.seconds(since: start)
      let error = try distanceFromClosedForm(A(x), array, on: space, mask: mask)
      return fourierRow(kind, A, x, grid.shape, coils: coils, error: error, planning: planning)
    default:
      let isConvolution = kind == .toeplitzSense
      let A = try NonCartesianSense(
        S, trajectory: trajectory, normal: isConvolution ? .toeplitz : .successive, threads: threads)
      let planning = Self.seconds(since: start)
      guard isConvolution else {
        let error = try distanceFromClosedForm(A(x), array, on: space, along: trajectory)
        return fourierRow(kind, A, x, trajectory.shape, coils: coils, error: error, planning: planning)
      }
      let exact = try NonCartesianSense(
        S, trajectory: trajectory, accuracy: 1e-6, normal: .successive, threads: threads)
      let error = Self.difference(A.normal(x), exact.normal(x), in: space)
      return fourierRow(kind, A.normal, x, trajectory.shape, coils: coils, error: error, planning: planning)
    }
  }

  /// ‖found − y‖ / ‖y‖ over the samples that were taken in some 16 readouts, with the phantom's k-space y.
  ///
  /// - Parameters:
  ///   - found: `[coils, readouts, samples]`.
  ///   - trajectory: the Cartesian grid when nil, with its middle row among the readouts.
  private func distanceFromClosedForm(
    _ found: KSpace, _ array: CoilArray, on space: ComplexImageSpace, mask: SamplingMask? = nil,
    along trajectory: Trajectory? = nil
  ) throws -> Double {
    let (readouts, samples) = (found.shape[1], found.shape[2])
    let step = max(1, readouts / 16)
    var taken: [(index: Int, frequency: SpatialFrequency)] = []
    for readout in stride(from: readouts / 2 % step, to: readouts, by: step) {
      for sample in 0..<samples where mask?[readout, sample] ?? true {
        let index = readout * samples + sample
        let (row, column) =
          trajectory.map { ($0.positions[2 * index], $0.positions[2 * index + 1]) }
          ?? (Double(readout - readouts / 2), Double(sample - samples / 2))
        taken.append((index, SpatialFrequency(row: row, column: column)))
      }
    }
    let expected = try array.kSpace(of: phantom, at: taken.map(\.frequency), on: space)
    var (difference, total) = (0.0, 0.0)
    for (coil, values) in expected.enumerated() {
      for (place, value) in zip(taken, values) {
        difference += Double((found.samples[coil * readouts * samples + place.index] - value).lengthSquared)
        total += Double(value.lengthSquared)
      }
    }
    return (difference / total).squareRoot()
  }
}
