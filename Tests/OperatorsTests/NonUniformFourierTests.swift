import ComplexModule
import Fields
import Operators
import RealModule
import TestSupport
import Testing

@Suite struct NonUniformFourierTests {
  static let shapes: [Shape] = [
    [16, 16], [17, 40], [33, 9], [1, 1], [10, 12, 14], [7, 16, 9], [150, 160],
  ]

  /// Positions anywhere in what the grid resolves, both edges included.
  static func scattered(
    _ count: Int, on grid: ComplexImageSpace, seed: UInt64 = 3
  ) throws -> Trajectory {
    var generator = SplitMix64(seed: seed)
    let extents = grid.shape.extents
    var positions = [Double]()
    for sample in 0..<count {
      for extent in extents {
        let edge = sample == 0 ? -1.0 : sample == 1 ? 1.0 : 2 * generator.uniform() - 1
        positions.append(edge * Double(extent) / 2)
      }
    }
    return try Trajectory(positions: positions, shape: [1, count], on: grid)
  }

  /// The rows of A in double precision: √w/√N exp(−2πi k (n − c)/N).
  static func row(_ m: Int, of trajectory: Trajectory, on grid: ComplexImageSpace, weight: Double = 1)
    -> [Complex<Double>]
  {
    var waves = [Complex<Double>((weight / Double(grid.dimension)).squareRoot(), 0)]
    for (axis, extent) in grid.shape.extents.enumerated() {
      let k = trajectory.positions[trajectory.rank * m + axis]
      let wave = (0..<extent).map { n in
        let angle = -2 * Double.pi * k * Double(n - extent / 2) / Double(extent)
        return Complex(Double.cos(angle), Double.sin(angle))
      }
      waves = waves.flatMap { a in wave.map { a * $0 } }
    }
    return waves
  }

  static func double(_ z: Complex<Float>) -> Complex<Double> { Complex(Double(z.real), Double(z.imaginary)) }

  private static func distance(_ a: [Complex<Float>], _ b: [Complex<Double>]) -> Double {
    var (difference, total) = (0.0, 0.0)
    for (a, b) in zip(a, b) {
      difference += (double(a) - b).lengthSquared
      total += b.lengthSquared
    }
    return (difference / total).squareRoot()
  }

  /// Loads wait for stores with the same last 12 bits of the address, so neighbouring rows keep away from such distances,
  /// and the sets of the cache are shared evenly by odd numbers of lines.
  @Test func keepsRowsApartInTheCache() {
    for columns in 1...2000 {
      let pitch = ScatteredSamples.Layout.pitch(columns)
      #expect(pitch >= columns && pitch < columns + 80 && pitch % 16 == 8, "\(columns)")
      for rows in 1..<8 {
        let apart = 8 * rows * pitch % 4096
        #expect(apart >= 192 && apart <= 4096 - 192, "\(columns), \(rows)")
      }
    }
  }

  /// The accuracy is that for white noise, which is what random images are. Means over 1000 random samples scatter by
  /// 1/√2000, and of 10 pixels more are at the edge, where kernels are worst: 10 % in all.
  @Test(
    arguments: [1e-2, 1e-3, 1e-4, 1e-5, 1e-6],
    [[16, 16], [17, 40], [33, 9], [10, 12, 14], [7, 16, 9]] as [Shape]) func keepsItsAccuracy(
      accuracy: Double, shape: Shape
    )
    throws
  {
    var generator = SplitMix64(seed: 11)
    let grid = ComplexImageSpace(shape: shape)
    let count = 1000
    let trajectory = try Self.scattered(count, on: grid)
    let x = grid.random(using: &generator)
    // 1.25 amplifies the rounding of single precision too much for more.
    var upsamplings: [Double?] = [nil, 2]
    if accuracy >= 1e-3 { upsamplings.append(1.25) }
    for upsampling in upsamplings {
      let A = try NonUniformFourier(
        grid, trajectory: trajectory, accuracy: accuracy, upsampling: upsampling, threads: 2)
      #expect(A.estimatedError <= accuracy)
      let y = A.codomain.random(using: &generator)
      var expected = [Complex<Double>]()
      var adjoint = [Complex<Double>](repeating: .zero, count: grid.dimension)
      for m in 0..<count {
        let row = Self.row(m, of: trajectory, on: grid)
        var sum = Complex<Double>.zero
        let value = Self.double(y.samples[m])
        for n in row.indices {
          sum += row[n] * Self.double(x.samples[n])
          adjoint[n] += row[n].conjugate * value
        }
        expected.append(sum)
      }
      let forward = Self.distance(A(x).samples, expected)
      let backward = Self.distance(A.adjoint(y).samples, adjoint)
      #expect(forward <= 1.1 * accuracy, "type 2, up-sampling \(upsampling ?? 0): \(forward)")
      #expect(backward <= 1.1 * accuracy, "type 1, up-sampling \(upsampling ?? 0): \(backward)")
    }
  }

  /// 8 ulp for the adjoint; AᴴA may be computed on another way and so differ by three errors of the accuracy: those of
  /// A, of Aᴴ and of the point-spread function.
  @Test(arguments: shapes, [NonUniformFourier.NormalMethod.successive, .toeplitz])
  func keepsThePromisesOfAnOperator(shape: Shape, normal: NonUniformFourier.NormalMethod) throws {
    let grid = ComplexImageSpace(shape: shape, spacing: shape.extents.map { 200 / Double($0) })
    let trajectory = try Self.scattered(700, on: grid)
    var generator = SplitMix64(seed: 5)
    let weights = KSpaceWeights(
      shape: trajectory.shape, samples: (0..<700).map { _ in Float(generator.uniform()) })
    for (accuracy, coils) in [(1e-2, nil), (1e-4, 3), (1e-6, nil)] as [(Double, Int?)] {
      let A = try NonUniformFourier(
        grid, trajectory: trajectory, weights: weights, coils: coils, accuracy: accuracy, normal: normal)
      #expect(A.normalMethod == normal)
      #expect(A.memory > 24 * 700)
      expectOperator(A, normalTolerance: normal == .toeplitz ? 3 * accuracy : nil)
      // Self-adjoint, on whichever way.
      let report = measureOperator(A.normal)
      #expect(report.adjointError <= 8 * Double(Float.ulpOfOne))
    }
  }

  /// Two or three FFTs of single precision there and back are 2.5 ulp, and more where rounding grows at the edge of the
  /// image.
  @Test(arguments: [[256, 256], [32, 32, 32]] as [Shape])
  func transposesToSinglePrecision(shape: Shape) throws {
    let grid = ComplexImageSpace(shape: shape)
    let trajectory =
      shape.rank == 2
      ? try Trajectory.radial(angles: Trajectory.goldenAngles(402), samples: 512, on: grid)
      : try Trajectory.goldenMeans(readouts: 1600, samples: 64, on: grid)
    let error = adjointError(
      of: try NonUniformFourier(grid, trajectory: trajectory, normal: .successive))
    #expect(error <= 3.4 * Double(Float.ulpOfOne), "\(error)")
  }

  /// Against the matrix in double precision: the point-spread function has one error of Aᴴ, and AᴴA amplifies at most
  /// what ‖AᴴA‖‖x‖ can, which for white noise is within a factor 2 of ‖AᴴA x‖ for evenly scattered samples.
  @Test(arguments: [[12, 12], [9, 14], [5, 6, 8]] as [Shape])
  func convolvesWithThePointSpreadFunction(shape: Shape) throws {
    var generator = SplitMix64(seed: 8)
    let grid = ComplexImageSpace(shape: shape)
    let count = 900
    let trajectory = try Self.scattered(count, on: grid)
    let weights = KSpaceWeights(
      shape: trajectory.shape, samples: (0..<count).map { _ in Float(generator.uniform()) })
    let x = grid.random(using: &generator)
    var expected = [Complex<Double>](repeating: .zero, count: grid.dimension)
    for m in 0..<count {
      let row = Self.row(m, of: trajectory, on: grid, weight: Double(weights.samples[m]))
      var sum = Complex<Double>.zero
      for n in row.indices { sum += row[n] * Self.double(x.samples[n]) }
      for n in row.indices { expected[n] += row[n].conjugate * sum }
    }
    for accuracy in [1e-3, 1e-4, 1e-6] {
      let A = try NonUniformFourier(
        grid, trajectory: trajectory, weights: weights, accuracy: accuracy, normal: .toeplitz)
      let error = Self.distance(A.normal(x).samples, expected)
      #expect(error <= 2 * accuracy, "error \(error) at \(accuracy)")
    }
  }

  /// On its own frequencies the transform is the centred unitary DFT: it keeps every norm.
  @Test(arguments: [[16, 16], [15, 22], [6, 8, 9]] as [Shape]) func isUnitaryOnTheCartesianGrid(shape: Shape)
    throws
  {
    var generator = SplitMix64(seed: 2)
    let grid = ComplexImageSpace(shape: shape)
    var positions: [[Double]] = [[]]
    for extent in shape.extents {
      positions = positions.flatMap { k in (0..<extent).map { k + [Double($0 - extent / 2)] } }
    }
    let trajectory = try Trajectory(
      positions: positions.flatMap { $0 }, shape: [shape[0], shape.count / shape[0]], on: grid)
    let A = try NonUniformFourier(grid, trajectory: trajectory, accuracy: 1e-5, normal: .successive)
    let x = grid.random(using: &generator)
    let y = A(x)
    #expect(abs(A.codomain.norm(y) / grid.norm(x) - 1) <= 2e-5)
    // Two errors of the accuracy, one each way.
    #expect(relativeError(A.adjoint(y), x) <= 2e-5)
  }

  /// The transform of pixel means is the closed form times that of a pixel, plus what aliasing adds: the same at all
  /// k + pN. Of an ellipse |F(κ)| ≤ v a b |J₁(2πq)|/q with q = |(aκ₁, bκ₂)| and |J₁(z)| ≤ 1.01 √(2/πz) for z > 4,
  /// which bounds every sample on its own. Added to it, one pixel errs by no more than 8 times the error of white noise.
  @Test(arguments: [[64, 64], [63, 80]] as [Shape]) func agreesWithTheClosedFormOfEllipses(shape: Shape)
    throws
  {
    let spacing = [1.0, 0.9]
    let grid = ComplexImageSpace(shape: shape, spacing: spacing)
    let real = ImageSpace(shape: shape, spacing: spacing)
    // Half axes in millimetres, value.
    let ellipses: [(a: Double, b: Double, v: Double)] = [(22, 15, 1), (6, 9, -0.4)]
    let phantom = try Phantom(
      name: "test", fieldOfView: 64,
      parts: ellipses.enumerated().map { index, e in
        PhantomPart(
          .ellipse(halfAxes: SIMD2(e.a, e.b)), centre: SIMD2(index == 0 ? 2 : 6, index == 0 ? -3 : 1),
          rotation: .degrees(0), value: e.v)
      })
    let image = phantom.image(on: real)
    let x = ComplexImage(shape: shape, samples: image.samples.map { Complex($0, 0) })
    let accuracy = 1e-6
    let angles = Trajectory.goldenAngles(21)
    let trajectory = try Trajectory.radial(angles: angles, samples: 90, on: grid)
    let y = try NonUniformFourier(grid, trajectory: trajectory, accuracy: accuracy)(x)
    let frequencies = (0..<trajectory.shape.count).map {
      SpatialFrequency(row: trajectory.positions[2 * $0], column: trajectory.positions[2 * $0 + 1])
    }
    let closed = try phantom.slice().kSpace(at: frequencies, on: real)
    func sinc(_ x: Double) -> Double { x == 0 ? 1 : Double.sin(.pi * x) / (.pi * x) }
    let count = Double(shape.count).squareRoot()
    let sum = image.samples.reduce(0) { $0 + Double(abs($1)) } / count
    var tightest = Double.infinity
    for (m, k) in frequencies.enumerated() {
      let (row, column) = (k.row / Double(shape[0]), k.column / Double(shape[1]))
      var bound = 8 * accuracy * sum
      for p in -30...30 {
        for q in -30...30 where p != 0 || q != 0 {
          let (u, v) = (row + Double(p), column + Double(q))
          let pixel = abs(sinc(u) * sinc(v))
          for e in ellipses {
            // Half axes in pixels: b along the rows, a along the columns.
            let (a, b) = (e.a / spacing[1], e.b / spacing[0])
            let reach = (a * v * a * v + b * u * b * u).squareRoot()
            bound += pixel * abs(e.v) * a * b * 1.01 / (.pi * reach.squareRoot() * reach) / count
          }
        }
      }
      // Terms fall at least like p^(−5/2): beyond 30 less than 2 % of the sum is left.
      bound *= 1.02
      tightest = min(tightest, bound)
      let expected = Self.double(closed[m]).multiplied(by: sinc(row) * sinc(column))
      let difference = (Self.double(y.samples[m]) - expected).length
      #expect(difference <= bound, "\(k): \(difference) against \(bound)")
    }
    // The bound says something: at the centre it is far below the transform.
    #expect(tightest < 1e-4 * sum)
  }

  @Test(arguments: [[70, 61], [20, 23, 26]] as [Shape]) func givesTheSameBytesAtAnyThreadCount(shape: Shape)
    throws
  {
    var generator = SplitMix64(seed: 9)
    let grid = ComplexImageSpace(shape: shape)
    let trajectory =
      shape.rank == 2
      ? try Trajectory.radial(angles: Trajectory.goldenAngles(101), samples: 140, on: grid)
      : try Trajectory.goldenMeans(readouts: 300, samples: 52, on: grid)
    let x = grid.random(using: &generator)
    func operators(_ threads: Int) throws -> [NonUniformFourier] {
      try [NonUniformFourier.NormalMethod.successive, .toeplitz].map {
        try NonUniformFourier(grid, trajectory: trajectory, normal: $0, threads: threads)
      }
    }
    let one = try operators(1)
    let y = one[0].codomain.random(using: &generator)
    let (Ax, Ay, normals) = (one[0](x), one[0].adjoint(y), one.map { $0.normal(x) })
    for threads in [2, 3, 8] {
      let many = try operators(threads)
      for _ in 0..<3 {
        #expect(many[0](x) == Ax)
        #expect(many[0].adjoint(y) == Ay)
        #expect(many.map { $0.normal(x) } == normals)
      }
    }
  }

  @Test func servesManyTasksAtOnce() async throws {
    let grid = ComplexImageSpace(shape: [30, 30])
    let trajectory = try Trajectory.spiral(readouts: 4, samples: 300, turns: 4, on: grid)
    let A = try NonUniformFourier(grid, trajectory: trajectory, threads: 2)
    let agree = await withTaskGroup(of: Bool.self) { group in
      for task in 0..<16 {
        group.addTask {
          var generator = SplitMix64(seed: UInt64(task % 4))
          let x = A.domain.random(using: &generator)
          let first = A.adjoint(A(x))
          return (0..<10).allSatisfy { _ in A.adjoint(A(x)) == first && A.normal(x) == A.normal(x) }
        }
      }
      return await group.reduce(true) { $0 && $1 }
    }
    #expect(agree)
  }

  /// Coils share the preparation and nothing else.
  @Test func transformsEveryCoilAlone() throws {
    var generator = SplitMix64(seed: 4)
    let grid = ComplexImageSpace(shape: [18, 21])
    let trajectory = try Self.scattered(400, on: grid)
    let one = try NonUniformFourier(grid, trajectory: trajectory)
    let three = try NonUniformFourier(grid, trajectory: trajectory, coils: 3)
    let images = (0..<3).map { _ in grid.random(using: &generator) }
    let stack = ComplexImage(shape: [3, 18, 21], samples: images.flatMap(\.samples))
    #expect(three(stack).samples == images.flatMap { one($0).samples })
    #expect(three.normal(stack).samples == images.flatMap { one.normal($0).samples })
    #expect(three.codomain.shape == [3, 1, 400])
  }

  /// BᴴAᴴA B takes the short path of A.
  @Test func staysShortInAComposition() throws {
    var generator = SplitMix64(seed: 4)
    let grid = ComplexImageSpace(shape: [18, 21])
    let A = try NonUniformFourier(grid, trajectory: try Self.scattered(400, on: grid), normal: .toeplitz)
    let composed = A ∘ Doubling(domain: grid)
    let x = grid.random(using: &generator)
    var expected = A.normal(x)
    grid.scale(&expected, by: 4)
    #expect(composed.normal(x) == expected)
    expectOperator(composed, normalTolerance: 3e-4)
  }

  private struct Doubling: LinearOperator {
    let domain: ComplexImageSpace
    var codomain: ComplexImageSpace { domain }
    func apply(_ x: ComplexImage, into y: inout ComplexImage) {
      y = x
      domain.scale(&y, by: 2)
    }
    func applyAdjoint(_ y: ComplexImage, into x: inout ComplexImage) { apply(y, into: &x) }
  }

  @Test func refusesWhatCannotBeTransformed() throws {
    let grid = ComplexImageSpace(shape: [8, 6])
    let trajectory = try Trajectory(positions: [0, 0, 4, -3], shape: [2, 1], on: grid)
    func fails(
      _ error: OperatorError, on grid: ComplexImageSpace = grid, weights: KSpaceWeights? = nil,
      coils: Int? = nil, accuracy: Double = 1e-4, upsampling: Double? = nil
    ) {
      #expect(throws: error) {
        try NonUniformFourier(
          grid, trajectory: trajectory, weights: weights, coils: coils, accuracy: accuracy,
          upsampling: upsampling)
      }
    }
    fails(.emptyShape("the image", found: [0, 6]), on: ComplexImageSpace(shape: [0, 6]))
    fails(
      .outOfRange("the rank of an image in k-space", found: "1", expected: "2 or 3 axes"),
      on: ComplexImageSpace(shape: [8]))
    fails(
      .outOfRange("the rank of the image", found: "3", expected: "2, as the trajectory has"),
      on: ComplexImageSpace(shape: [8, 6, 4]))
    fails(
      .outOfRange(
        "sample 1 of readout 2 of the trajectory", found: "-3.0 cycles per field of view along axis 2",
        expected: "at most ±2.0, what 4 pixels resolve"), on: ComplexImageSpace(shape: [8, 4]))
    fails(
      .outOfRange("the pixel spacing", found: "0.0 mm", expected: "a positive length"),
      on: ComplexImageSpace(shape: [8, 6], spacing: 0))
    fails(
      .outOfRange("the shape of the weights", found: "2 × 2", expected: "2 × 1, one per sample"),
      weights: KSpaceWeights(shape: [2, 2]))
    fails(
      .outOfRange("weight 2", found: "nan", expected: "a number, 0 or more"),
      weights: KSpaceWeights(shape: [2, 1], samples: [1, .nan]))
    fails(.outOfRange("the number of coils", found: "0", expected: "1 or more"), coils: 0)
    fails(
      .outOfRange("the accuracy of a non-uniform FFT", found: "1e-07", expected: "1e-6 … 1e-2"),
      accuracy: 1e-7)
    fails(
      .outOfRange("the accuracy of a non-uniform FFT", found: "nan", expected: "1e-6 … 1e-2"), accuracy: .nan)
    fails(
      .outOfRange("the up-sampling of a non-uniform FFT", found: "1.0", expected: "1.25 … 4, for example 2"),
      upsampling: 1)
    #expect(throws: OperatorError.self) {
      let grid = ComplexImageSpace(shape: [64, 64])
      return try NonUniformFourier(
        grid, trajectory: try Self.scattered(10, on: grid), accuracy: 1e-6, upsampling: 1.25)
    }
    // More points than can be counted, found before anything is allocated.
    let huge = ComplexImageSpace(shape: [2000, 2000, 2000])
    let few = try Self.scattered(10, on: huge)
    #expect(throws: OperatorError.self) { try NonUniformFourier(huge, trajectory: few) }
    #expect(throws: OperatorError.self) { try few.pipeMenonDensity(on: huge) }
  }
}
