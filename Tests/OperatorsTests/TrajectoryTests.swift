import ComplexModule
import Fields
import Operators
import RealModule
import TestSupport
import Testing

@Suite struct TrajectoryTests {
  private static let square = ComplexImageSpace(shape: [48, 48])

  /// A spoke at θ is the transform of the projection along s = x cos θ + y sin θ, y up: of a single pixel, a wave.
  @Test(arguments: [[48, 48], [31, 40]] as [Shape]) func sendsSpokesWhereViewsLook(shape: Shape) throws {
    let spacing = [1.0, 1.5]
    let grid = ComplexImageSpace(shape: shape, spacing: spacing)
    let angles = [Angle.degrees(0), .degrees(30), .degrees(90), .degrees(200)]
    let trajectory = try Trajectory.radial(angles: angles, samples: 64, on: grid)
    let A = try NonUniformFourier(grid, trajectory: trajectory, accuracy: 1e-5)
    var x = grid.zero()
    let (row, column) = (5, 29)
    x[row, column] = Complex(1, 0)
    // From the pixel in the middle, which carries no phase.
    let px = Double(column - shape[1] / 2) * spacing[1]
    let py = -Double(row - shape[0] / 2) * spacing[0]
    let y = A(x)
    for (view, angle) in angles.enumerated() {
      let s = px * .cos(angle.radians) + py * .sin(angle.radians)
      for sample in 0..<64 {
        // Up to 1/(2 · 1.5 mm).
        let phase = -2 * Double.pi * s * Double(sample - 32) / 64 / 1.5
        let wave = Complex(Double.cos(phase), Double.sin(phase)).divided(
          by: Double(shape.count).squareRoot())
        let found = NonUniformFourierTests.double(y[view, sample])
        // A single pixel errs by no more than 8 times white noise.
        #expect((found - wave).length <= 8e-5 * wave.length)
      }
    }
  }

  @Test func turnsByTheGoldenAngle() {
    let angles = Trajectory.goldenAngles(5).map(\.degrees)
    for (index, angle) in angles.enumerated() {
      let expected = (111.24611797498107 * Double(index)).remainder(dividingBy: 360)
      #expect(abs(angle - expected) < 1e-9)
    }
  }

  @Test func fillsSpaceByGoldenMeans() throws {
    let grid = ComplexImageSpace(shape: [16, 16, 16])
    let trajectory = try Trajectory.goldenMeans(readouts: 400, samples: 8, on: grid)
    // The directions of half a sphere have the mean height 1/2, no mean across and the mean square 1/3 along each axis.
    var mean = SIMD3<Double>.zero
    var square = SIMD3<Double>.zero
    for readout in 0..<400 {
      let start = 3 * 8 * readout
      let k = SIMD3(
        trajectory.positions[start], trajectory.positions[start + 1], trajectory.positions[start + 2])
      #expect(abs((k * k).sum().squareRoot() - 8) < 1e-12)
      mean += -k / 8 / 400
      square += k * k / 64 / 400
    }
    // Even points err like 1/count, random ones like 1/√count, five times this.
    #expect(abs(mean.x - 0.5) < 0.01 && abs(mean.y) < 0.01 && abs(mean.z) < 0.01)
    for axis in 0..<3 { #expect(abs(square[axis] - 1.0 / 3) < 0.01) }
  }

  @Test func windsSpirals() throws {
    let trajectory = try Trajectory.spiral(readouts: 3, samples: 101, turns: 8, on: Self.square)
    #expect(trajectory.shape == [3, 101])
    for readout in 0..<3 {
      let start = 2 * 101 * readout
      #expect(trajectory.positions[start] == 0 && trajectory.positions[start + 1] == 0)
      let (row, column) = (trajectory.positions[start + 200], trajectory.positions[start + 201])
      // Whole turns end in the direction in which they begin.
      let angle = 2 * Double.pi * Double(readout) / 3
      #expect(abs(column - 24 * .cos(angle)) < 1e-9 && abs(row + 24 * .sin(angle)) < 1e-9)
    }
  }

  @Test func knowsUnits() throws {
    let grid = ComplexImageSpace(shape: [40, 20], spacing: [2, 3])
    func first(_ unit: Trajectory.Unit, _ row: Double, _ column: Double) throws -> [Double] {
      try Trajectory(positions: [row, column], shape: [1, 1], unit: unit, on: grid).positions
    }
    #expect(try first(.cyclesPerFieldOfView, 10, -5) == [10, -5])
    #expect(try first(.cyclesPerPixel, 0.25, -0.25) == [10, -5])
    #expect(try first(.cyclesPerMillimetre, 0.125, -5.0 / 60) == [10, -5])
    let radians = try first(.radiansPerPixel, .pi / 2, -.pi / 2)
    #expect(abs(radians[0] - 10) < 1e-12 && abs(radians[1] + 5) < 1e-12)
  }

  @Test func readsAFile() throws {
    let folder = try TemporaryFolder()
    let text = "# scanner 7\n# unit: 1/pixel\n# readouts: 2\n0 0.5\n-0.25,0.125\n\n0.1\t-0.1\r\n 1e-1 2e-1\n"
    try folder.write(text, to: "k.txt")
    let trajectory = try Trajectory(contentsOf: folder("k.txt"), on: Self.square)
    #expect(trajectory.shape == [2, 2])
    let expected = [0, 24, -12, 6, 4.8, -4.8, 4.8, 9.6]
    for (a, b) in zip(trajectory.positions, expected) { #expect(abs(a - b) < 1e-12) }
  }

  @Test(
    arguments: [
      ("0 1\n", nil, "it names no unit; put for example '# unit: 1/fov' on its first line"),
      ("# unit: 1/m\n", 1, "unknown unit '1/m', expected 1/fov, 1/mm, 1/pixel, rad/pixel"),
      ("# unit: 1/fov\n# readouts: 0\n", 2, "'0' readouts, expected a positive number"),
      ("# unit: 1/fov\n1 2 3\n", 2, "3 numbers, expected 2 for an image of 2 axes"),
      ("# unit: 1/fov\n1 two\n", 2, "'two' is not a number"),
      ("# unit: 1/fov\n# readouts: 2\n1 2\n3 4\n5 6\n", nil, "3 samples do not divide into 2 readouts"),
    ] as [(String, Int?, String)])
  func saysWhatIsWrongWithAFile(text: String, line: Int?, reason: String) throws {
    let folder = try TemporaryFolder()
    try folder.write(text, to: "k.txt")
    #expect(throws: OperatorError.unreadable(path: folder("k.txt"), line: line, reason: reason)) {
      try Trajectory(contentsOf: folder("k.txt"), on: Self.square)
    }
  }

  @Test func refusesTrajectoriesThatCannotExist() throws {
    func fails(_ error: OperatorError, _ body: () throws -> Trajectory) {
      #expect(throws: error) { try body() }
    }
    let grid = Self.square
    fails(.noSamples("the trajectory")) { try Trajectory(positions: [], shape: [0, 4], on: grid) }
    fails(
      .outOfRange("the number of positions", found: "3", expected: "4 for 1 × 2 samples in 2 dimensions")
    ) { try Trajectory(positions: [1, 2, 3], shape: [1, 2], on: grid) }
    fails(.outOfRange("the shape of a trajectory", found: "2", expected: "readouts × samples")) {
      try Trajectory(positions: [1, 2, 3, 4], shape: [2], on: grid)
    }
    for bad in [Double.nan, .infinity, 24.1] {
      fails(
        .outOfRange(
          "sample 2 of readout 1 of the trajectory", found: "\(bad) cycles per field of view along axis 1",
          expected: "at most ±24.0, what 48 pixels resolve")
      ) { try Trajectory(positions: [0, 0, bad, 1], shape: [1, 2], on: grid) }
    }
    fails(.emptyShape("the image", found: [48, 0])) {
      try Trajectory.radial(angles: [.degrees(0)], samples: 4, on: ComplexImageSpace(shape: [48, 0]))
    }
    fails(.noAngles) { try Trajectory.radial(angles: [], samples: 4, on: grid) }
    fails(.noSamples("a readout")) { try Trajectory.radial(angles: [.degrees(0)], samples: 0, on: grid) }
    fails(.outOfRange("angle 1", found: "nan°", expected: "a number")) {
      try Trajectory.radial(angles: [.radians(.nan)], samples: 4, on: grid)
    }
    fails(.noSamples("the trajectory")) {
      try Trajectory.spiral(readouts: 1, samples: 0, turns: 3, on: grid)
    }
    fails(.outOfRange("the turns of a spiral", found: "nan", expected: "a number")) {
      try Trajectory.spiral(readouts: 1, samples: 4, turns: .nan, on: grid)
    }
    fails(.outOfRange("the rank of the image", found: "2", expected: "3 for this trajectory")) {
      try Trajectory.goldenMeans(readouts: 4, samples: 4, on: grid)
    }
    #expect(
      throws: OperatorError.unreadable(
        path: "/no/such.txt", line: nil, reason: "there is no such file, or it may not be read")
    ) { try Trajectory(contentsOf: "/no/such.txt", on: grid) }
  }

  // MARK: Density

  /// Even spokes add up to the disc that they sample, and the centre adds (Δk)²/6.
  @Test func coversTheDiscWithTheRamp() throws {
    let trajectory = try Trajectory.radial(angles: Angle.even(60), samples: 96, on: Self.square)
    let weights = try trajectory.rampDensity(on: Self.square)
    let sum = weights.samples.reduce(0) { $0 + Double($1) }
    #expect(abs(sum / (Double.pi * (24 * 24 + 0.25 / 6)) - 1) < 1e-6)
    // |k| Δk Δθ two steps from the centre, a sixth of a step at the centre.
    let unit = 0.5 * 0.5 * Double.pi / 60
    #expect(abs(Double(weights[7, 46]) / (2 * unit) - 1) < 1e-6)
    #expect(abs(Double(weights[7, 48]) / (unit / 6) - 1) < 1e-6)
  }

  /// Lengths count in cycles per field of view whatever the pixels are, and uneven angles share the circle.
  @Test func coversTheEllipseOfAnOblongGrid() throws {
    let grid = ComplexImageSpace(shape: [40, 60], spacing: [2, 1.6])
    let trajectory = try Trajectory.radial(angles: Trajectory.goldenAngles(55), samples: 120, on: grid)
    let sum = try trajectory.rampDensity(on: grid).samples.reduce(0) { $0 + Double($1) }
    // Half axes of 20 rows and of 60 · 1.6/2 / 2 columns, 60 steps long.
    #expect(abs(sum / (Double.pi * 20 * 24 * (1 + 1.0 / 6 / 3600)) - 1) < 1e-6)
  }

  /// Half the readouts of twice the directions, with the first sample on the centre or half a step from it.
  @Test(arguments: [0.0, 0.5]) func coversTheDiscFromItsCentre(start: Double) throws {
    var positions = [Double]()
    for angle in Angle.even(40, over: .degrees(360)) {
      for sample in 0..<48 {
        let k = (Double(sample) + start) / 2
        positions += [-k * .sin(angle.radians), k * .cos(angle.radians)]
      }
    }
    let trajectory = try Trajectory(positions: positions, shape: [40, 48], on: Self.square)
    let sum = try trajectory.rampDensity(on: Self.square).samples.reduce(0) { $0 + Double($1) }
    // Σ (m + a) + B₂(a)/2 over 48 steps of 1/2 is (48 + a)(47 + a)/2 − (a² − a)/2 + B₂(a)/2.
    let steps = (48 + start) * (47 + start) / 2 - (start * start - start) / 2
    let centre = (start * start - start + 1.0 / 6) / 2
    #expect(abs(sum / (2 * Double.pi / 4 * (steps + centre)) - 1) < 1e-6)
  }

  @Test func refusesARampForCurves() throws {
    let spiral = try Trajectory.spiral(readouts: 2, samples: 50, turns: 3, on: Self.square)
    #expect(
      throws: OperatorError.outOfRange(
        "readout 1 of a trajectory for the ramp", found: "a curve or a line past the centre",
        expected: "even samples on a line through the centre or from it")
    ) { try spiral.rampDensity(on: Self.square) }
  }

  /// With either the adjoint shows a disc in its own units, spokes or spirals: the core of a disc of 15 pixels, where
  /// the ringing of its edge averages out. The spirals are twice as dense as they must be.
  @Test(arguments: ["ramp", "pipe-menon", "spiral"]) func showsADiscInItsUnits(kind: String) throws {
    let grid = Self.square
    let phantom = try Phantom(
      name: "disc", fieldOfView: 48,
      parts: [PhantomPart(.ellipse(halfAxes: SIMD2(15, 15)), centre: SIMD2(1, 2), value: 2)])
    let trajectory =
      kind == "spiral"
      ? try Trajectory.spiral(readouts: 12, samples: 1280, turns: 4, on: grid)
      : try Trajectory.radial(angles: Angle.even(80), samples: 96, on: grid)
    let weights =
      kind == "ramp" ? try trajectory.rampDensity(on: grid) : try trajectory.pipeMenonDensity(on: grid)
    let frequencies = (0..<trajectory.shape.count).map {
      SpatialFrequency(row: trajectory.positions[2 * $0], column: trajectory.positions[2 * $0 + 1])
    }
    let closed = try phantom.slice().kSpace(at: frequencies, on: ImageSpace(shape: grid.shape))
    // Aᴴ has one root of the weights, the samples take the other.
    let A = try NonUniformFourier(grid, trajectory: trajectory, weights: weights)
    let y = KSpace(
      shape: trajectory.shape,
      samples: zip(closed, weights.samples).map { $0.multiplied(by: $1.squareRoot()) })
    let image = A.adjoint(y)
    var (sum, count) = (0.0, 0.0)
    for row in 0..<48 {
      for column in 0..<48 {
        let (dx, dy) = (Double(column) - 23.5 - 1, 23.5 - Double(row) - 2)
        guard dx * dx + dy * dy < 100 else { continue }
        sum += Double(image[row, column].real)
        count += 1
      }
    }
    #expect(abs(sum / count / 2 - 1) < 0.005, "mean \(sum / count)")
  }

  /// Away from the edge of what is sampled every Cartesian sample stands for itself.
  @Test func givesCartesianSamplesTheirWeight() throws {
    let grid = ComplexImageSpace(shape: [24, 24])
    let positions = (0..<24).flatMap { row in
      (0..<24).flatMap { column -> [Double] in [Double(row) - 12, Double(column) - 12] }
    }
    let trajectory = try Trajectory(positions: positions, shape: [24, 24], on: grid)
    let weights = try trajectory.pipeMenonDensity(on: grid)
    for row in 8..<16 {
      for column in 8..<16 { #expect(abs(weights[row, column] - 1) < 0.02) }
    }
    #expect(try trajectory.pipeMenonDensity(on: grid, threads: 1) == weights)
  }
}
