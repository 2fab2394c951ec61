import Fields
import Operators
import RealModule
import TestSupport
import Testing

@Suite struct RayTransformTests {
  @Test(arguments: 0..<7, [true, false])
  func keepsThePromisesOfAnOperator(index: Int, vectors: Bool) throws {
    let cases: [(shape: Shape, spacing: [Double], beam: ParallelBeam)] = [
      ([16, 16], [1, 1], ParallelBeam(angles: Angle.even(7), bins: 25)),
      (
        [17, 23], [0.5, 0.7],
        ParallelBeam(angles: Angle.even(11, over: .degrees(360)), bins: 40, binSpacing: 0.4, axis: 17)
      ),
      ([33, 32], [1, 1], ParallelBeam(angles: Angle.even(30), bins: 12)),
      ([1, 1], [1, 1], ParallelBeam(angles: Angle.even(4), bins: 1)),
      // Bins of a third, a sixth and three times a pixel: windows of two, four and no registers, several rays per bin.
      ([40, 51], [1, 1], ParallelBeam(angles: Angle.even(13), bins: 200, binSpacing: 0.33)),
      ([23, 40], [1, 1], ParallelBeam(angles: Angle.even(7), bins: 330, binSpacing: 0.15, axis: 100)),
      ([70, 61], [0.5, 0.5], ParallelBeam(angles: Angle.even(11), bins: 33, binSpacing: 1.6)),
    ]
    let (shape, spacing, beam) = cases[index]
    expectOperator(
      try RayTransform(
        ImageSpace(shape: shape, spacing: spacing), beam: beam, raysPerBin: nil, threads: 2, vectors: vectors),
      // The rounding of a single pixel has no others to average out with.
      tolerance: (shape.count == 1 ? 32 : 8) * Double(Float.ulpOfOne))
  }

  /// Views along the axes, one bin per pixel: the sum of a view times the bin spacing is the sum of the image
  /// times the area of a pixel.
  @Test func conservesMassAlongTheAxes() throws {
    var generator = SplitMix64(seed: 2)
    let grid = ImageSpace(shape: [12, 19], spacing: 0.5)
    let x = grid.random(using: &generator)
    let beam = ParallelBeam(
      angles: [.degrees(0), .degrees(90), .degrees(180), .degrees(-90)], bins: 31, binSpacing: 0.5)
    let y = try RayTransform(grid, beam: beam)(x)
    let mass = x.samples.reduce(0, +) * 0.25
    // Sums of a few dozen roundings each, of numbers that add up to this.
    let scale = x.samples.reduce(0) { $0 + abs($1) } * 0.25
    for view in 0..<4 {
      let sum = (0..<31).reduce(Float(0)) { $0 + y[view, $1] } * 0.5
      #expect(abs(sum - mass) < 32 * Float.ulpOfOne * scale)
    }
  }

  /// A single pixel, not on the diagonal, lands where the conventions say: x to the right, y up.
  @Test func placesAPixel() throws {
    let grid = ImageSpace(shape: [9, 11])
    var x = grid.zero()
    x[1, 8] = 1  // x = +3, y = +3
    x[6, 2] = 2  // x = −3, y = −2
    let beam = ParallelBeam(angles: [.degrees(0), .degrees(90)], bins: 15)
    // Rays along the axes meet whole pixels: rounding alone. A single pixel rings in the transform by the slice theorem,
    // by less than a third; one that lies elsewhere changes a bin by 1 at least.
    let views: [(Sinogram, tolerance: Float)] = [
      (try RayTransform(grid, beam: beam)(x), 8 * Float.ulpOfOne),
      (try RadonTransform(grid, beam: beam)(x), 0.3),
    ]
    for (y, tolerance) in views {
      for (found, expected) in [
        (y[0, 7 + 3], 1), (y[0, 7 - 3], 2), (y[1, 7 + 3], 1), (y[1, 7 - 2], 2), (y[0, 7], 0), (y[1, 7], 0),
      ] as [(Float, Float)] {
        #expect(abs(found - expected) < tolerance)
      }
    }
  }

  /// Two discretisations with nothing in common but the geometry, and the closed form of an ellipse.
  @Test func agreesWithTheRadonTransform() throws {
    let grid = ImageSpace(shape: [120, 100], spacing: [1, 1.1])
    let ellipse = [Ellipse(x: 12, y: -9, a: 30, b: 18, rotation: .degrees(25), value: 0.02)]
    let x = ellipse.image(on: grid)
    let beam = ParallelBeam(
      angles: Angle.even(45, over: .degrees(360), from: .degrees(3)), bins: 150, binSpacing: 1, axis: 70.3)
    let rays = try RayTransform(grid, beam: beam)(x)
    let fourier = try RadonTransform(grid, beam: beam)(x)
    let truth = ellipse.sinogram(angles: beam.angles, bins: 150, binSpacing: 1, axis: 70.3)
    // Both have the edge within a fraction of a pixel; a shift by a quarter of a bin would change this ellipse by 1.6 to
    // 2.5 % in every view.
    #expect(relativeError(fourier, rays) < 0.01)
    #expect(relativeError(rays, truth) < 0.01)
    #expect(relativeError(fourier, truth) < 0.01)
  }

  /// Against the definition, ray by ray and in double precision.
  @Test(arguments: [true, false]) func followsItsEquation(vectors: Bool) throws {
    var generator = SplitMix64(seed: 12)
    let grid = ImageSpace(shape: [29, 34], spacing: [0.8, 1.1])
    let x = grid.random(using: &generator)
    let beam = ParallelBeam(
      angles: Angle.even(20, over: .degrees(360), from: .degrees(1)), bins: 60, binSpacing: 0.9, axis: 25.5)
    let y = try RayTransform(grid, beam: beam, raysPerBin: 1, threads: 2, vectors: vectors)(x)
    func pixel(_ i: Int, _ j: Int) -> Double {
      i >= 0 && j >= 0 && i < 29 && j < 34 ? Double(x[i, j]) : 0
    }
    for (view, angle) in beam.angles.enumerated() {
      let (c, s) = (Double.cos(angle.radians), Double.sin(angle.radians))
      for k in 0..<60 {
        let offset = (Double(k) - 25.5) * 0.9
        var sum = 0.0
        if abs(c) * 1.1 >= abs(s) * 0.8 {
          for i in 0..<29 {
            let j = (offset - (14 - Double(i)) * 0.8 * s) / c / 1.1 + 16.5
            let f = j - j.rounded(.down)
            sum += (1 - f) * pixel(i, Int(j.rounded(.down))) + f * pixel(i, Int(j.rounded(.down)) + 1)
          }
          sum *= 0.8 / abs(c)
        } else {
          for j in 0..<34 {
            let i = 14 - (offset - (Double(j) - 16.5) * 1.1 * c) / s / 0.8
            let f = i - i.rounded(.down)
            sum += (1 - f) * pixel(Int(i.rounded(.down)), j) + f * pixel(Int(i.rounded(.down)) + 1, j)
          }
          sum *= 1.1 / abs(s)
        }
        // Positions are rounded to 2⁻¹⁹ pixels, some thirty times, each against differences of a few units.
        #expect(abs(Double(y[view, k]) - sum) < 30 * 4 * 2e-6)
      }
    }
  }

  /// Where bins are wider than pixels, every pixel still counts the same: its area over the bin spacing, view by view.
  @Test func missesNoPixelBetweenWideBins() throws {
    let grid = ImageSpace(shape: [60, 60])
    let beam = ParallelBeam(angles: Angle.even(8, from: .degrees(4)), bins: 41, binSpacing: 2.6)
    let A = try RayTransform(grid, beam: beam)
    #expect(A.raysPerBin == 3)
    let weights = A.adjoint(Sinogram(shape: beam.space.shape, filledWith: 1))
    // Rays 0.87 pixels apart sample a hat of two pixels: their sum varies by (0.87 / 2)² at most.
    for value in weights.samples { #expect(abs(value * 2.6 / 8 - 1) < 0.19) }
  }

  @Test func givesTheSameBytesAtAnyThreadCount() throws {
    var generator = SplitMix64(seed: 9)
    let grid = ImageSpace(shape: [150, 137])
    let beam = ParallelBeam(angles: Angle.even(17), bins: 210)
    let x = grid.random(using: &generator)
    let y = beam.space.random(using: &generator)
    let one = try RayTransform(grid, beam: beam, threads: 1)
    for threads in [2, 3, 8] {
      let many = try RayTransform(grid, beam: beam, threads: threads)
      #expect(one(x) == many(x))
      #expect(one.adjoint(y) == many.adjoint(y))
    }
  }

  @Test func refusesAScanWithoutAngles() {
    #expect(throws: OperatorError.noAngles) {
      try RayTransform(ImageSpace(shape: [8, 8]), beam: ParallelBeam(angles: [], bins: 8))
    }
  }
}
