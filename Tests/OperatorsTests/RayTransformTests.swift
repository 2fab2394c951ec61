import Fields
import Operators
import RealModule
import TestSupport
import Testing

@Suite struct RayTransformTests {
  @Test(arguments: 0..<4) func keepsThePromisesOfAnOperator(index: Int) throws {
    let cases: [(shape: Shape, spacing: [Double], beam: ParallelBeam)] = [
      ([16, 16], [1, 1], ParallelBeam(angles: Angle.even(7), bins: 25)),
      (
        [17, 23], [0.5, 0.7],
        ParallelBeam(angles: Angle.even(11, over: .degrees(360)), bins: 40, binSpacing: 0.4, axis: 17)
      ),
      ([33, 32], [1, 1], ParallelBeam(angles: Angle.even(30), bins: 12)),
      ([1, 1], [1, 1], ParallelBeam(angles: Angle.even(4), bins: 1)),
    ]
    let (shape, spacing, beam) = cases[index]
    expectOperator(try RayTransform(ImageSpace(shape: shape, spacing: spacing), beam: beam))
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

  @Test func givesTheSameBytesAtAnyThreadCount() throws {
    var generator = SplitMix64(seed: 9)
    let grid = ImageSpace(shape: [50, 37])
    let beam = ParallelBeam(angles: Angle.even(17), bins: 70)
    let x = grid.random(using: &generator)
    let y = beam.space.random(using: &generator)
    let one = try RayTransform(grid, beam: beam, threads: 1)
    let three = try RayTransform(grid, beam: beam, threads: 3)
    #expect(one(x) == three(x))
    #expect(one.adjoint(y) == three.adjoint(y))
  }

  @Test func refusesAScanWithoutAngles() {
    #expect(throws: OperatorError.noAngles) {
      try RayTransform(ImageSpace(shape: [8, 8]), beam: ParallelBeam(angles: [], bins: 8))
    }
  }
}
