import Fields
import Operators
import RealModule
import TestSupport
import Testing

@Suite struct FanBeamTransformTests {
  private static let cases: [(shape: Shape, spacing: [Double], beam: FanBeam)] = [
    (
      [16, 16], [1, 1],
      FanBeam(angles: Angle.even(7), bins: 25, sourceAxisDistance: 100, sourceDetectorDistance: 150)
    ),
    (
      [17, 23], [0.5, 0.7],
      FanBeam(
        angles: Angle.even(11, over: .degrees(360), from: .degrees(7)), bins: 43, detector: .curved,
        binSpacing: 0.6,
        sourceAxisDistance: 60, sourceDetectorDistance: 80, axis: 17.3)
    ),
    // A short scan with an offset detector.
    (
      [65, 33], [1, 1],
      FanBeam(
        angles: Angle.even(30, over: .degrees(220)), bins: 60, sourceAxisDistance: 90,
        sourceDetectorDistance: 120,
        axis: 4)
    ),
    (
      [1, 1], [1, 1],
      FanBeam(angles: Angle.even(4), bins: 1, sourceAxisDistance: 10, sourceDetectorDistance: 10)
    ),
    // Bins of a quarter pixel, of a ninth and of three pixels.
    (
      [40, 51], [1, 1],
      FanBeam(
        angles: Angle.even(9, over: .degrees(360)), bins: 300, binSpacing: 0.4, sourceAxisDistance: 200,
        sourceDetectorDistance: 320)
    ),
    (
      [20, 26], [1, 1],
      FanBeam(
        angles: Angle.even(5, over: .degrees(360)), bins: 400, detector: .curved, binSpacing: 0.11,
        sourceAxisDistance: 300, sourceDetectorDistance: 300)
    ),
    (
      [70, 61], [0.5, 0.5],
      FanBeam(
        angles: Angle.even(11, over: .degrees(360)), bins: 41, binSpacing: 2.5, sourceAxisDistance: 150,
        sourceDetectorDistance: 225)
    ),
    // A source so close that the fan is wider than a right angle and rays are too uneven to be interpolated.
    (
      [50, 48], [1, 1],
      FanBeam(
        angles: Angle.even(12, over: .degrees(360)), bins: 90, binSpacing: 2, sourceAxisDistance: 40,
        sourceDetectorDistance: 60)
    ),
    (
      [50, 48], [1, 1],
      FanBeam(
        angles: Angle.even(12, over: .degrees(360)), bins: 90, detector: .curved, binSpacing: 2,
        sourceAxisDistance: 55, sourceDetectorDistance: 90)
    ),
    (
      [130, 117], [1, 1],
      FanBeam(
        angles: Angle.even(16, over: .degrees(360)), bins: 260, detector: .curved, sourceAxisDistance: 160,
        sourceDetectorDistance: 200)
    ),
  ]

  @Test(arguments: 0..<10, [true, false])
  func keepsThePromisesOfAnOperator(index: Int, vectors: Bool) throws {
    let (shape, spacing, beam) = Self.cases[index]
    expectOperator(
      try FanBeamTransform(
        ImageSpace(shape: shape, spacing: spacing), beam: beam, raysPerBin: nil, threads: 2, vectors: vectors),
      // The rounding of a single pixel has no others to average out with.
      tolerance: (shape.count == 1 ? 32 : 8) * Double(Float.ulpOfOne))
  }

  /// Vectors and plain loops do the same, up to the rounding of positions: 2⁻¹⁸ pixels beyond the first 64.
  @Test(arguments: 0..<10) func doesTheSameOnAnyProcessor(index: Int) throws {
    let (shape, spacing, beam) = Self.cases[index]
    let grid = ImageSpace(shape: shape, spacing: spacing)
    var generator = SplitMix64(seed: 3)
    let (x, y) = (grid.random(using: &generator), beam.space.random(using: &generator))
    let fast = try FanBeamTransform(grid, beam: beam)
    let plain = try FanBeamTransform(grid, beam: beam, raysPerBin: nil, threads: 1, vectors: false)
    #expect(relativeError(fast(x), plain(x)) < 2e-5)
    #expect(relativeError(fast.adjoint(y), plain.adjoint(y)) < 2e-5)
  }

  /// The closed form has sharp edges, which pixels of 1 mm round off: an error of first order in their size.
  @Test(arguments: FanBeam.Detector.allCases) func convergesToTheClosedForm(detector: FanBeam.Detector) throws
  {
    let ellipses = [
      Ellipse(x: 9, y: -14, a: 21, b: 13, rotation: .degrees(33), value: 0.02),
      Ellipse(x: -15, y: 12, a: 8, b: 11, value: 0.03),
    ]
    var errors = [Double]()
    for refinement in [1, 2, 4] {
      let fine = Double(refinement)
      let grid = ImageSpace(shape: [90 * refinement, 76 * refinement], spacing: [1 / fine, 1.1 / fine])
      let beam = FanBeam(
        angles: Angle.even(24, over: .degrees(360), from: .degrees(5)), bins: 140 * refinement,
        detector: detector,
        binSpacing: 1.4 / fine, sourceAxisDistance: 170, sourceDetectorDistance: 250, axis: 61.2 * fine)
      let A = try FanBeamTransform(grid, beam: beam)
      errors.append(relativeError(A(ellipses.image(on: grid, oversampling: 8)), ellipses.sinogram(beam)))
    }
    #expect(errors[0] < 0.02, "errors \(errors)")
    for i in 1..<3 { #expect(errors[i - 1] / errors[i] > 1.8, "errors \(errors)") }
  }

  /// From far away, a fan differs from a parallel beam by a shift of r² / R: 4e-5 pixels, times differences of
  /// neighbouring pixels that are √2 times their values.
  @Test(arguments: FanBeam.Detector.allCases) func isAParallelBeamFromFarAway(detector: FanBeam.Detector)
    throws
  {
    var generator = SplitMix64(seed: 21)
    let grid = ImageSpace(shape: [61, 50], spacing: [1, 1.2])
    let angles = Angle.even(18, over: .degrees(360), from: .degrees(3))
    let fan = FanBeam(
      angles: angles, bins: 90, detector: detector, binSpacing: 1.1 * 1.5, sourceAxisDistance: 1e8,
      sourceDetectorDistance: 1.5e8, axis: 41.7)
    let parallel = ParallelBeam(angles: angles, bins: 90, binSpacing: 1.1, axis: 41.7)
    let (A, B) = (try FanBeamTransform(grid, beam: fan), try RayTransform(grid, beam: parallel))
    let (x, y) = (grid.random(using: &generator), fan.space.random(using: &generator))
    #expect(relativeError(A(x), B(x)) < 1e-4)
    #expect(relativeError(A.adjoint(y), B.adjoint(Sinogram(shape: y.shape, samples: y.samples))) < 1e-4)
    let object = [Ellipse(x: 4, y: -8, a: 20, b: 14, rotation: .degrees(30), value: 1)]
    let line = object.sinogram(angles: angles, bins: 90, binSpacing: 1.1, axis: 41.7)
    #expect(relativeError(object.sinogram(fan), line) < 1e-4)
  }

  /// A single pixel, by similar triangles: source below at 0° and on the right at 90°.
  @Test func placesAPixel() throws {
    let grid = ImageSpace(shape: [21, 31])
    var x = grid.zero()
    x[4, 23] = 1  // x = 8, y = 6
    let (R, D) = (50.0, 80.0)
    for detector in FanBeam.Detector.allCases {
      let beam = FanBeam(
        angles: [.degrees(0), .degrees(90), .degrees(180), .degrees(270)], bins: 81, detector: detector,
        sourceAxisDistance: R, sourceDetectorDistance: D, axis: 37)
      let y = try FanBeamTransform(grid, beam: beam)(x)
      let slopes = [8 / (R + 6), 6 / (R - 8), -8 / (R - 6), -6 / (R + 8)]
      for (view, slope) in slopes.enumerated() {
        let u = D * (detector == .flat ? slope : Double.atan(slope))
        let row = (0..<81).map { Double(y[view, $0]) }
        let mean = zip(row, 0...).reduce(0) { $0 + $1.0 * Double($1.1) } / row.reduce(0, +)
        // A hat sampled at bins 0.6 pixels apart keeps its mean to a tenth.
        #expect(abs(mean - 37 - u) < 0.1, "view \(view): \(mean - 37), expected \(u)")
      }
    }
  }

  /// The phantoms of the product against ellipses written for the tests.
  @Test(arguments: FanBeam.Detector.allCases) func namesTheRaysOfPhantoms(detector: FanBeam.Detector) throws {
    let beam = FanBeam(
      angles: Angle.even(9, over: .degrees(360), from: .degrees(2)), bins: 50, detector: detector,
      binSpacing: 2,
      sourceAxisDistance: 90, sourceDetectorDistance: 140, axis: 22.2)
    let phantom = try Phantom(
      name: "ellipse", fieldOfView: 80,
      parts: [
        PhantomPart(
          .ellipse(halfAxes: SIMD2(20, 9)), centre: SIMD2(6, -11), rotation: .degrees(35), value: 0.02)
      ])
    let ellipse = Ellipse(x: 6, y: -11, a: 20, b: 9, rotation: .degrees(35), value: 0.02)
    let expected = [ellipse].sinogram(beam, oversampling: 3)
    #expect(
      relativeError(phantom.slice().sinogram(beam, raysPerBin: 3), expected) < 4 * Double(Float.ulpOfOne))
  }

  @Test func givesTheSameBytesAtAnyThreadCount() throws {
    var generator = SplitMix64(seed: 9)
    let grid = ImageSpace(shape: [130, 117])
    let beam = FanBeam(
      angles: Angle.even(37, over: .degrees(360)), bins: 170, sourceAxisDistance: 300,
      sourceDetectorDistance: 400)
    let (x, y) = (grid.random(using: &generator), beam.space.random(using: &generator))
    let one = try FanBeamTransform(grid, beam: beam, threads: 1)
    let (Ax, Ay) = (one(x), one.adjoint(y))
    for threads in [2, 3, 8] {
      let many = try FanBeamTransform(grid, beam: beam, threads: threads)
      for _ in 0..<3 {
        #expect(many(x) == Ax)
        #expect(many.adjoint(y) == Ay)
      }
    }
  }

  @Test func refusesScansThatCannotExist() {
    let grid = ImageSpace(shape: [6, 8])
    func fails(_ error: OperatorError, _ change: (inout Parts) -> Void, grid: ImageSpace = grid) {
      var parts = Parts()
      change(&parts)
      let beam = parts.beam
      #expect(throws: error) { try FanBeamTransform(grid, beam: beam) }
      #expect(throws: error) { try FanBackProjector(grid, beam: beam) }
    }
    fails(.noAngles) { $0.angles = [] }
    fails(.emptyShape("the detector", found: [0])) { $0.bins = 0 }
    fails(.emptyShape("the image", found: [0, 8]), { _ in }, grid: ImageSpace(shape: [0, 8]))
    fails(.duplicateAngle(.degrees(1), first: 0, second: 2)) {
      $0.angles = [.degrees(1), .degrees(7), .degrees(1)]
    }
    fails(.outOfRange("angle 2", found: "nan°", expected: "a number")) { $0.angles[1] = .radians(.nan) }
    fails(.outOfRange("the rotation axis", found: "at bin -1.0", expected: "on the detector, 0 ... 9")) {
      $0.axis = -1
    }
    fails(.outOfRange("the bin spacing", found: "nan mm", expected: "a positive length")) {
      $0.binSpacing = .nan
    }
    let inside = "more than half the diagonal of the image, 5.0 mm: the source cannot be inside it"
    let source = "the distance from the source to the rotation axis"
    fails(.outOfRange(source, found: "4.9 mm", expected: inside)) { $0.sourceAxisDistance = 4.9 }
    fails(.outOfRange(source, found: "nan mm", expected: inside)) { $0.sourceAxisDistance = .nan }
    fails(
      .outOfRange(
        "the distance from the source to the detector", found: "19.0 mm",
        expected:
          "at least that from the source to the rotation axis, 20.0 mm: the detector stands behind the axis")
    ) { $0.sourceDetectorDistance = 19 }
    fails(
      .outOfRange(
        "the fan angle", found: "95.4929658551372° on one side of the central ray", expected: "less than 90°")
    ) {
      $0.detector = .curved
      $0.binSpacing = 10
    }
    #expect(
      throws: OperatorError.outOfRange(
        "the number of rays per bin", found: "0",
        expected: "1 ... 64; bins more than 64 pixels wide call for larger pixels")
    ) { try FanBeamTransform(grid, beam: Parts().beam, raysPerBin: 0) }
  }

  private struct Parts {
    var angles = Angle.even(3)
    var bins = 10
    var detector = FanBeam.Detector.flat
    var binSpacing = 1.0
    var sourceAxisDistance = 20.0
    var sourceDetectorDistance = 30.0
    var axis: Double?

    var beam: FanBeam {
      FanBeam(
        angles: angles, bins: bins, detector: detector, binSpacing: binSpacing,
        sourceAxisDistance: sourceAxisDistance, sourceDetectorDistance: sourceDetectorDistance, axis: axis)
    }
  }
}
