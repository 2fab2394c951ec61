import Fields
import Operators
import RealModule
import TestSupport
import Testing

@Suite struct RadonTransformTests {
  private static let cases: [(shape: Shape, spacing: [Double], beam: ParallelBeam)] = [
    ([16, 16], [1, 1], ParallelBeam(angles: Angle.even(7), bins: 25)),
    ([17, 23], [0.5, 0.7], ParallelBeam(angles: Angle.even(11), bins: 40, binSpacing: 0.4, axis: 17.3)),
    (
      [40, 9], [2, 2],
      ParallelBeam(angles: [.degrees(-200), .degrees(13), .degrees(90)], bins: 31, binSpacing: 3)
    ),
    ([33, 32], [1, 1], ParallelBeam(angles: Angle.even(30, over: .degrees(360)), bins: 12)),
    ([1, 1], [1, 1], ParallelBeam(angles: Angle.even(4), bins: 1)),
    ([128, 100], [0.9, 0.9], ParallelBeam(angles: Angle.even(40), bins: 165, binSpacing: 0.9)),
    // So few views that the smallest grid would be fastest, whose kernels amplify rounding most.
    ([200, 190], [1, 1], ParallelBeam(angles: Angle.even(12), bins: 290)),
  ]

  @Test(arguments: 0..<7) func keepsThePromisesOfAnOperator(index: Int) throws {
    let (shape, spacing, beam) = Self.cases[index]
    expectOperator(try RadonTransform(ImageSpace(shape: shape, spacing: spacing), beam: beam))
  }

  @Test(arguments: [1e-2, 1e-3, 1e-5, 1e-6]) func keepsThemAtEveryAccuracy(accuracy: Double) throws {
    let beam = ParallelBeam(angles: Angle.even(9), bins: 45, axis: 20)
    expectOperator(try RadonTransform(ImageSpace(shape: [31, 30]), beam: beam, accuracy: accuracy))
  }

  /// Three FFTs of single precision there and three back are 2.5 ulp, a grid so small that rounding grows at the edge of the
  /// image 4 and more. With 3.4 ulp one in some 50 random pairs is above 8 ulp, the tolerance of all operators.
  @Test(arguments: [([256, 256], 60), ([512, 512], 180), ([300, 517], 100)] as [(Shape, Int)])
  func transposesToSinglePrecision(shape: Shape, views: Int) throws {
    let grid = ImageSpace(shape: shape)
    let diagonal = Double(shape[0] * shape[0] + shape[1] * shape[1]).squareRoot()
    let beam = ParallelBeam(angles: Angle.even(views), bins: 2 * Int((diagonal / 2).rounded(.up)) + 2)
    let error = adjointError(of: try RadonTransform(grid, beam: beam))
    #expect(error <= 3.4 * Double(Float.ulpOfOne), "\(error)")
  }

  /// Relative error against bin averages in closed form, below that of every projector of ASTRA 2.5
  /// (`radon.py`: 0.0065 at 256² × 60; 0.0034 at 512² × 90).
  @Test(arguments: [(256, 60, 0.0057), (512, 90, 0.0031)])
  func projectsTheSheppLoganPhantom(size: Int, views: Int, bound: Double) throws {
    let phantom = [Ellipse].sheppLogan(radius: Double(size) / 2)
    let bins = 2 * Int((Double(size) / 2.0.squareRoot()).rounded(.up)) + 2
    let beam = ParallelBeam(angles: Angle.even(views), bins: bins)
    let grid = ImageSpace(shape: [size, size])
    let A = try RadonTransform(grid, beam: beam)
    let expected = phantom.sinogram(angles: beam.angles, bins: bins, binSpacing: 1, axis: beam.axis)
    let error = relativeError(A(phantom.image(on: grid)), expected)
    #expect(error <= bound, "error \(error)")
  }

  /// A disc off the centre, with a pixel that is not square, fine bins and the axis off the middle.
  ///
  /// The closed form has the disc's sharp edge; on pixels of 1 mm and bins its spectrum, which falls as ν^(−3/2), is cut at the
  /// band limit: the error is of first order.
  @Test func convergesToTheClosedFormOfADisc() throws {
    let disc = [Ellipse(x: 9, y: -14, a: 21, b: 13, rotation: .degrees(33), value: 0.02)]
    var errors = [Double]()
    for refinement in [1, 2, 4] {
      let fine = Double(refinement)
      let grid = ImageSpace(shape: [90 * refinement, 76 * refinement], spacing: [1 / fine, 1.1 / fine])
      let beam = ParallelBeam(
        angles: Angle.even(24, over: .degrees(360), from: .degrees(5)), bins: 120 * refinement,
        binSpacing: 1 / fine, axis: 55.2 * fine)
      let A = try RadonTransform(grid, beam: beam)
      let expected = disc.sinogram(
        angles: beam.angles, bins: beam.bins, binSpacing: beam.binSpacing, axis: beam.axis)
      errors.append(relativeError(A(disc.image(on: grid, oversampling: 8)), expected))
    }
    #expect(errors[0] < 0.02, "errors \(errors)")
    for i in 1..<3 { #expect(errors[i - 1] / errors[i] > 1.8, "errors \(errors)") }
  }

  /// Turning the object anticlockwise is turning every view back.
  @Test func turnsWithTheObject() throws {
    let object = [
      Ellipse(x: 10, y: 5, a: 20, b: 9, rotation: .degrees(20), value: 1),
      Ellipse(x: -18, y: 12, a: 6, b: 6, value: 2),
    ]
    let grid = ImageSpace(shape: [101, 101])
    let turn = Angle.degrees(37)
    let angles = Angle.even(16, over: .degrees(360))
    let back = angles.map { Angle.radians($0.radians - turn.radians) }
    let turned = try RadonTransform(grid, beam: ParallelBeam(angles: angles, bins: 120))(
      object.map { $0.rotated(by: turn) }.image(on: grid, oversampling: 8))
    let still = try RadonTransform(grid, beam: ParallelBeam(angles: back, bins: 120))(
      object.image(on: grid, oversampling: 8))
    // Two samplings of the same object by pixels in different positions.
    #expect(relativeError(turned, still) < 0.015)
  }

  /// A quarter turn moves pixels onto pixels, so nothing is left but rounding and the kernel.
  @Test func turnsExactlyByAQuarter() throws {
    var generator = SplitMix64(seed: 5)
    let grid = ImageSpace(shape: [30, 30])
    let x = grid.random(using: &generator)
    var turned = grid.zero()
    // Anticlockwise, rows counted downwards: (i, j) → (N − 1 − j, i).
    for i in 0..<30 { for j in 0..<30 { turned[29 - j, i] = x[i, j] } }
    let angles = Angle.even(10)
    let ahead = angles.map { Angle.radians($0.radians + .pi / 2) }
    let A = try RadonTransform(grid, beam: ParallelBeam(angles: angles, bins: 50))
    let B = try RadonTransform(grid, beam: ParallelBeam(angles: ahead, bins: 50))
    #expect(relativeError(B(turned), A(x)) < 2e-4)
  }

  @Test func followsTheAxis() throws {
    var generator = SplitMix64(seed: 6)
    let grid = ImageSpace(shape: [24, 31])
    let x = grid.random(using: &generator)
    let angles = Angle.even(12)
    let A = try RadonTransform(grid, beam: ParallelBeam(angles: angles, bins: 60, axis: 27.25))
    let B = try RadonTransform(grid, beam: ParallelBeam(angles: angles, bins: 60, axis: 30.25))
    let (a, b) = (A(x), B(x))
    var (difference, total) = (0.0, 0.0)
    for view in 0..<12 {
      for k in 0..<57 {
        difference += Double((a[view, k] - b[view, k + 3]) * (a[view, k] - b[view, k + 3]))
        total += Double(a[view, k] * a[view, k])
      }
    }
    // The detectors inside may have different lengths, so that the tails of the band limit differ a little.
    #expect((difference / total).squareRoot() < 0.01)
  }

  /// What a short detector sees is the middle of what a long one sees: nothing wraps around.
  @Test func cropsADetectorShorterThanTheObject() throws {
    let grid = ImageSpace(shape: [100, 100])
    let object = [Ellipse(x: 5, y: -8, a: 35, b: 28, rotation: .degrees(50), value: 1)]
    let x = object.image(on: grid)
    let angles = Angle.even(30)
    let long = try RadonTransform(grid, beam: ParallelBeam(angles: angles, bins: 150))(x)
    let short = try RadonTransform(grid, beam: ParallelBeam(angles: angles, bins: 40))(x)
    for view in 0..<30 {
      for k in 0..<40 { #expect(abs(short[view, k] - long[view, k + 55]) < 0.002 * 70) }
    }
  }

  /// An aperture averages over positions of the axis, here by Simpson's rule over 32 steps: for frequencies up to half a
  /// cycle per bin it errs by (π w/32)⁴/180 for a width of w bins. What is left are the kernel's errors, twice.
  @Test(arguments: [1.0, 2.5]) func averagesOverTheAperture(bins: Double) throws {
    var generator = SplitMix64(seed: 6)
    let grid = ImageSpace(shape: [24, 31])
    let x = grid.random(using: &generator)
    func transform(axis: Double, aperture: Double) throws -> Sinogram {
      try RadonTransform(
        grid,
        beam: ParallelBeam(angles: Angle.even(9), bins: 80, binSpacing: 0.8, axis: axis),
        binAperture: aperture, accuracy: 1e-5)(x)
    }
    let wide = try transform(axis: 38.3, aperture: bins * 0.8)
    var mean = Sinogram(shape: wide.shape)
    let space = SinogramSpace(shape: wide.shape)
    for step in 0...32 {
      let weight = step == 0 || step == 32 ? 1.0 : step % 2 == 1 ? 4 : 2
      let axis = 38.3 + bins * (Double(step) / 32 - 0.5)
      space.add(Float(weight / 96), try transform(axis: axis, aperture: 0), to: &mean)
    }
    // The detectors inside may have different lengths, so that the tails of the band limit differ a little.
    #expect(relativeError(wide, mean) < 1e-3, "\(relativeError(wide, mean))")
    // The aperture takes more of the noise than of its rounding.
    expectOperator(
      try RadonTransform(grid, beam: ParallelBeam(angles: Angle.even(9), bins: 31), binAperture: bins),
      tolerance: 16 * Double(Float.ulpOfOne))
  }

  /// Of an image of 60 × 80 mm, at 0° its columns and at 90° its rows lie along the detector.
  @Test func saysHowMuchIsCutOff() {
    let grid = ImageSpace(shape: [30, 100], spacing: [2, 0.8])
    func overhang(_ degrees: [Double], bins: Int, axis: Double? = nil) -> Double {
      ParallelBeam(angles: degrees.map { .degrees($0) }, bins: bins, binSpacing: 0.5, axis: axis).overhang(
        of: grid)
    }
    #expect(abs(overhang([0, 90], bins: 100) - 15) < 1e-9)
    #expect(abs(overhang([90], bins: 100) - 5) < 1e-9)
    #expect(abs(overhang([90], bins: 100, axis: 29.5) - 15) < 1e-9)
    #expect(overhang([0, 90, 180], bins: 160) < 1e-9)
    // The corners need the diagonal, 100 mm.
    #expect(overhang(stride(from: 0, to: 180, by: 1).map { $0 }, bins: 200) == 0)
    #expect(overhang(stride(from: 0, to: 180, by: 1).map { $0 }, bins: 196) > 0.9)
  }

  /// Line integrals have no unit: half the spacing of everything is half the sinogram.
  @Test func measuresInMillimetres() throws {
    var generator = SplitMix64(seed: 8)
    let x = ImageSpace(shape: [20, 20]).random(using: &generator)
    let angles = Angle.even(9)
    let one = try RadonTransform(
      ImageSpace(shape: [20, 20]), beam: ParallelBeam(angles: angles, bins: 32))
    let half = try RadonTransform(
      ImageSpace(shape: [20, 20], spacing: 0.5), beam: ParallelBeam(angles: angles, bins: 32, binSpacing: 0.5)
    )
    var doubled = half(x)
    half.codomain.scale(&doubled, by: 2)
    #expect(relativeError(doubled, one(x)) < 4 * Double(Float.ulpOfOne))
  }

  @Test func givesTheSameBytesAtAnyThreadCount() throws {
    var generator = SplitMix64(seed: 9)
    let grid = ImageSpace(shape: [130, 117])
    let beam = ParallelBeam(angles: Angle.even(37), bins: 170, axis: 83.1)
    let x = grid.random(using: &generator)
    let y = beam.space.random(using: &generator)
    let one = try RadonTransform(grid, beam: beam, threads: 1)
    let (Ax, Ay) = (one(x), one.adjoint(y))
    for threads in [2, 3, 8] {
      let many = try RadonTransform(grid, beam: beam, threads: threads)
      for _ in 0..<3 {
        #expect(many(x) == Ax)
        #expect(many.adjoint(y) == Ay)
      }
    }
  }

  @Test func servesManyTasksAtOnce() async throws {
    let A = try RadonTransform(
      ImageSpace(shape: [40, 40]), beam: ParallelBeam(angles: Angle.even(20), bins: 60), threads: 2)
    let agree = await withTaskGroup(of: Bool.self) { group in
      for task in 0..<32 {
        group.addTask {
          var generator = SplitMix64(seed: UInt64(task % 4))
          let x = A.domain.random(using: &generator)
          let first = A.adjoint(A(x))
          return (0..<10).allSatisfy { _ in A.adjoint(A(x)) == first }
        }
      }
      return await group.reduce(true) { $0 && $1 }
    }
    #expect(agree)
  }

  @Test func refusesScansThatCannotExist() {
    let grid = ImageSpace(shape: [8, 8])
    func fails(_ beam: ParallelBeam, _ grid: ImageSpace, _ error: OperatorError, accuracy: Double = 1e-4) {
      #expect(throws: error) { try RadonTransform(grid, beam: beam, accuracy: accuracy) }
    }
    fails(ParallelBeam(angles: [], bins: 8), grid, .noAngles)
    fails(ParallelBeam(angles: Angle.even(3), bins: 0), grid, .emptyShape("the detector", found: [0]))
    fails(
      ParallelBeam(angles: Angle.even(3), bins: 8), ImageSpace(shape: [0, 8]),
      .emptyShape("the image", found: [0, 8]))
    fails(
      ParallelBeam(angles: [.degrees(1), .degrees(7), .degrees(1)], bins: 8), grid,
      .duplicateAngle(.degrees(1), first: 0, second: 2))
    fails(
      ParallelBeam(angles: [.degrees(0), .radians(.nan)], bins: 8), grid,
      .outOfRange("angle 2", found: "nan°", expected: "a number"))
    fails(
      ParallelBeam(angles: Angle.even(3), bins: 8, axis: 8), grid,
      .outOfRange("the rotation axis", found: "at bin 8.0", expected: "on the detector, 0 ... 7"))
    fails(
      ParallelBeam(angles: Angle.even(3), bins: 8, binSpacing: -1), grid,
      .outOfRange("the bin spacing", found: "-1.0 mm", expected: "a positive length"))
    fails(
      ParallelBeam(angles: Angle.even(3), bins: 8), ImageSpace(shape: [8, 8], spacing: [1, 0]),
      .outOfRange("the pixel spacing", found: "0.0 mm", expected: "a positive length"))
    fails(
      ParallelBeam(angles: Angle.even(3), bins: 8), grid,
      .outOfRange("the accuracy of the Radon transform", found: "0.5", expected: "1e-6 … 1e-2"), accuracy: 0.5
    )
    for bad in [-1, Double.nan] {
      #expect(
        throws: OperatorError.outOfRange(
          "the bin aperture", found: "\(bad) mm", expected: "0 or a positive length")
      ) {
        try RadonTransform(grid, beam: ParallelBeam(angles: Angle.even(3), bins: 8), binAperture: bad)
      }
    }
  }
}
