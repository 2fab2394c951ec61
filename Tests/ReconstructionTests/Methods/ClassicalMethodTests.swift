import Fields
import Operators
import Reconstruction
import TestSupport
import Testing

@Suite struct ClassicalMethodTests {
  private static let grid = ImageSpace(shape: [40, 36])

  private static func measurement(of A: some ViewOperator) -> SliceMeasurement {
    let image = [Ellipse(x: 2, y: 3, a: 14, b: 10, rotation: .degrees(20), value: 0.02)].image(on: A.domain)
    var generator = SplitMix64(seed: 8)
    var y = A(image)
    let noise = NoiseModel.gaussian(sigma: 0.01)
    noise.add(to: &y, using: &generator)
    return SliceMeasurement(index: 0, sinogram: y, variance: noise.variance(of: y))
  }

  private static func methods<A: ViewOperator>(_ A: A) throws -> [(name: String, method: any Reconstructor)] {
    [
      ("CGLS", LeastSquaresMethod(A)), ("SIRT", SIRTMethod(A, limit: 500)),
      ("OS-SART", try OSSARTMethod(A, subsets: 5, limit: 100, relaxation: 0.3)),
      ("TV", try TotalVariationMethod(A)), ("FISTA", try TotalVariationMethod(A, algorithm: .fista)),
    ]
  }

  /// Every method ends where χ² per ray is 1: iterations at the first step below, TV within 1 %.
  private static func check<A: ViewOperator>(_ A: A) throws {
    let measurement = measurement(of: A)
    for (name, method) in try methods(A) {
      let found = try method.reconstruct(measurement)
      #expect(found.hasConverged, "\(name)")
      var residual = A(found.image)
      A.codomain.add(-1, measurement.sinogram, to: &residual)
      let chi = A.codomain.inner(residual, residual).real / 1e-4 / Double(A.codomain.dimension)
      #expect(chi < 1.015 && chi > 0.8, "\(name): \(chi)")
      #expect(method.evaluations == 0)
    }
  }

  @Test func explainParallelBeamsToWithinTheNoise() throws {
    try Self.check(RadonTransform(Self.grid, beam: ParallelBeam(angles: Angle.even(50), bins: 56)))
  }

  @Test func explainFansToWithinTheNoise() throws {
    try Self.check(
      FanBeamTransform(
        Self.grid,
        beam: FanBeam(
          angles: Angle.even(80, over: .degrees(360)), bins: 60, binSpacing: 1.4, sourceAxisDistance: 90,
          sourceDetectorDistance: 130)))
  }

  /// Stopped by their limit of steps, all say so.
  @Test func sayWhereTheyEndBeforeTheyConverge() throws {
    let A = try RadonTransform(Self.grid, beam: ParallelBeam(angles: Angle.even(50), bins: 56))
    let methods: [any Reconstructor] = [
      LeastSquaresMethod(A, limit: 1), SIRTMethod(A, limit: 1), try OSSARTMethod(A, subsets: 5, limit: 1),
      try TotalVariationMethod(A, limit: 2), try TotalVariationMethod(A, weight: .fixed(1), limit: 2),
    ]
    for method in methods {
      #expect(try !method.reconstruct(Self.measurement(of: A)).hasConverged, "\(method)")
    }
  }

  @Test func refuseWhatIsNoMeasurement() throws {
    let A = try RadonTransform(Self.grid, beam: ParallelBeam(angles: Angle.even(8), bins: 56))
    let fan = FanBeam(
      angles: Angle.even(8, over: .degrees(360)), bins: 56, sourceAxisDistance: 90,
      sourceDetectorDistance: 130)
    var broken = A.codomain.zero()
    broken[4, 7] = .nan
    let variance = A.codomain.zero().map { _ in 1 } as Sinogram
    let small = Sinogram(shape: [3, 56])
    var methods = try Self.methods(A)
    methods.append(("FBP", try FilteredBackProjection(A)))
    methods.append(("fan-beam FBP", try FanBeamFilteredBackProjection(Self.grid, beam: fan)))
    for (name, method) in methods {
      #expect(
        throws: ReconstructionError.outOfRange(
          "the sinogram at view 5, bin 8", found: "nan", expected: "a number"), "\(name)"
      ) { try method.reconstruct(SliceMeasurement(index: 0, sinogram: broken, variance: variance)) }
      #expect(
        throws: ReconstructionError.shapes("the sinogram", found: [3, 56], expected: [8, 56]), "\(name)"
      ) { try method.reconstruct(SliceMeasurement(index: 0, sinogram: small, variance: small)) }
    }
  }
}
