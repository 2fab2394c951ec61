import Fields
import Operators
import TestSupport
import Testing

@Suite struct ViewOperatorTests {
  private static let grid = ImageSpace(shape: [21, 18], spacing: [1, 1.2])
  private static let angles = Angle.even(9, over: .degrees(360), from: .degrees(4))
  private static let views = [7, 0, 3]

  /// - Parameter tolerance: 0 where a view is computed by itself.
  private func check(_ A: some ViewOperator, tolerance: Double = 0) throws {
    var generator = SplitMix64(seed: 6)
    let some = try A.views(Self.views)
    #expect(some.angles == Self.views.map { A.angles[$0] } && some.threads == A.threads)
    #expect(some.domain == A.domain && some.codomain.shape == [3, A.codomain.shape[1]])
    expectOperator(some)
    let x = A.domain.random(using: &generator)
    let (all, found, bins) = (A(x), some(x), A.codomain.shape[1])
    let expected = Self.views.flatMap { all.samples[$0 * bins..<($0 + 1) * bins] }
    #expect(relativeError(found, Sinogram(shape: found.shape, samples: expected)) <= tolerance)
    #expect(throws: OperatorError.noAngles) { try A.views([]) }
    #expect(throws: OperatorError.duplicateAngle(A.angles[2], first: 0, second: 1)) { try A.views([2, 2]) }
  }

  @Test func givesViewsOfParallelBeams() throws {
    let beam = ParallelBeam(angles: Self.angles, bins: 33, binSpacing: 0.9, axis: 14.3)
    try check(RayTransform(Self.grid, beam: beam, raysPerBin: 2, threads: 2))
    // Interpolated in another order, no further apart than the accuracy that was asked for.
    try check(
      RadonTransform(Self.grid, beam: beam, binAperture: 0.9, accuracy: 1e-5, threads: 2), tolerance: 1e-5)
  }

  @Test(arguments: FanBeam.Detector.allCases) func givesViewsOfFans(detector: FanBeam.Detector) throws {
    let beam = FanBeam(
      angles: Self.angles, bins: 33, detector: detector, binSpacing: 1.3, sourceAxisDistance: 50,
      sourceDetectorDistance: 80, axis: 14.3)
    try check(FanBeamTransform(Self.grid, beam: beam, raysPerBin: 2, threads: 2))
  }
}
