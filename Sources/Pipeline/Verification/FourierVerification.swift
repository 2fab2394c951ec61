import ComplexModule
import Fields
import Operators
import RealModule

// Rows of the Fourier operators: white noise on the image of the other rows, or on a volume an eighth as wide, along
// golden-angle spokes with two-fold oversampling: `angles` of them, in a volume eight times as many. Their error is the
// relative distance from Fourier sums in double precision, at samples all over the trajectory; that of the Toeplitz
// operator the distance from AᴴA x by an A of accuracy 1e-6.

extension OperatorVerification {
  func fourierRow(_ kind: Kind) throws -> Row {
    let rank = kind == .nufft3d ? 3 : 2
    let width = kind == .nufft3d ? max(4, size / 8) : size
    let grid = ComplexImageSpace(shape: Shape(Array(repeating: width, count: rank)))
    let trajectory =
      rank == 3
      ? try Trajectory.goldenMeans(readouts: 8 * angles, samples: 2 * width, on: grid)
      : try Trajectory.radial(angles: Trajectory.goldenAngles(angles), samples: 2 * width, on: grid)
    let start = ContinuousClock.now
    let A = try NonUniformFourier(
      grid, trajectory: trajectory, normal: kind == .toeplitz ? .toeplitz : .successive, threads: threads)
    let planning = Self.seconds(since: start)
    var generator = SplitMix64(seed: 1)
    let x = grid.random(using: &generator)
    guard kind == .toeplitz else {
      return fourierRow(
        kind, A, x, trajectory.shape, error: Self.distanceFromSums(A(x), of: x, along: trajectory),
        planning: planning)
    }
    let exact = try NonUniformFourier(
      grid, trajectory: trajectory, accuracy: 1e-6, normal: .successive, threads: threads)
    return fourierRow(
      kind, A.normal, x, trajectory.shape,
      error: Self.difference(A.normal(x), exact.normal(x), in: grid), planning: planning)
  }

  /// - Parameter readouts: `[readouts, samples]`.
  func fourierRow<A: LinearOperator>(
    _ kind: Kind, _ A: A, _ x: ComplexImage, _ readouts: Shape, coils: Int? = nil, error: Double,
    planning: Double
  ) -> Row where A.Domain == ComplexImageSpace {
    let promises = measureOperator(A)
    var (image, y) = (A.domain.zero(), A(x))
    return Row(
      operator: kind, size: A.domain.shape[A.domain.shape.rank - 1], angles: readouts[0], bins: readouts[1],
      coils: coils, threads: threads, forward: medianSeconds { A.apply(x, into: &y) },
      adjoint: medianSeconds { A.applyAdjoint(y, into: &image) }, fbp: nil,
      adjointError: promises.adjointError, adjointRatio: promises.adjointRatio,
      linearityError: promises.linearityError, adjointLinearityError: promises.adjointLinearityError,
      normalError: promises.normalError, overwritesOutput: promises.overwritesOutput, norm: A.norm(),
      error: error, planning: planning, passes: Self.passes(promises))
  }

  /// ‖y − F x‖ / ‖F x‖ over some 100 samples.
  private static func distanceFromSums(
    _ y: KSpace, of x: ComplexImage, along trajectory: Trajectory
  ) -> Double {
    let extents = x.shape.extents
    let (rank, columns) = (extents.count, extents[extents.count - 1])
    // Prime, so that the samples lie at all places of the readouts.
    let step = max(1, trajectory.shape.count / 101) | 1
    var (difference, total) = (0.0, 0.0)
    for sample in stride(from: 0, to: trajectory.shape.count, by: step) {
      func wave(_ axis: Int) -> [Complex<Double>] {
        let (k, count) = (trajectory.positions[rank * sample + axis], extents[axis])
        return (0..<count).map { n in
          let angle = -2 * Double.pi * k * Double(n - count / 2) / Double(count)
          return Complex(.cos(angle), .sin(angle))
        }
      }
      let along = wave(rank - 1)
      // One factor for every row of pixels.
      var across = [Complex<Double>(1 / Double(x.shape.count).squareRoot())]
      for axis in 0..<(rank - 1) {
        let wave = wave(axis)
        across = across.flatMap { factor in wave.map { factor * $0 } }
      }
      var expected = Complex<Double>.zero
      for (row, factor) in across.enumerated() {
        var (real, imaginary) = (0.0, 0.0)
        for column in 0..<columns {
          let (value, wave) = (x.samples[row * columns + column], along[column])
          real += Double(value.real) * wave.real - Double(value.imaginary) * wave.imaginary
          imaginary += Double(value.real) * wave.imaginary + Double(value.imaginary) * wave.real
        }
        expected += factor * Complex(real, imaginary)
      }
      let found = Complex(Double(y.samples[sample].real), Double(y.samples[sample].imaginary))
      difference += (found - expected).lengthSquared
      total += expected.lengthSquared
    }
    return (difference / total).squareRoot()
  }
}
