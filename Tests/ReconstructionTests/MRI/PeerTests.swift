import ComplexModule
import Fields
import Foundation
import Operators
import Reconstruction
import TestSupport
import Testing

/// What BART finds in the same data; see Fixtures/make_fixtures.sh.
@Suite struct PeerTests {
  /// An array of BART, the first dimension fastest, as `[coils, rows, columns]` with its second dimension down the rows.
  private static func read<Quantity>(
    _ path: String, as: Quantity.Type = Quantity.self
  ) throws -> Field<Quantity, Complex<Float>> {
    let lines = try String(contentsOfFile: path + ".hdr", encoding: .utf8).split(separator: "\n")
    let extents = lines[1].split(separator: " ").compactMap { Int($0) }
    let data = try Data(contentsOf: URL(fileURLWithPath: path + ".cfl"))
    let samples = data.withUnsafeBytes { bytes in
      (0..<bytes.count / 8).map {
        Complex(
          bytes.loadUnaligned(fromByteOffset: 8 * $0, as: Float.self),
          bytes.loadUnaligned(fromByteOffset: 8 * $0 + 4, as: Float.self))
      }
    }
    // Along a trajectory the second and third dimension are samples and readouts, the first one or three coordinates.
    let shape: Shape =
      extents[0] > 3
      ? [extents[3], extents[1], extents[0]] : [extents[3] * extents[0], extents[2], extents[1]]
    return Field(shape: shape, samples: samples)
  }

  private static func fixture<Quantity>(_ name: String) throws -> Field<Quantity, Complex<Float>> {
    try read("\(packageFolder)/Tests/ReconstructionTests/Fixtures/\(name)")
  }

  /// The same 20 steps from 0: what is left is rounding, which conjugate gradients amplify by their condition.
  @Test func conjugateGradientsGoTheSameWay() throws {
    let kSpace: KSpace = try Self.fixture("kspace")
    let pattern: KSpace = try Self.fixture("pattern")
    let mask = try SamplingMask(nonZeroOf: pattern)
    #expect(mask.acceleration > 2)
    let grid = ComplexImageSpace(shape: [24, 28])
    var under = kSpace
    for index in under.samples.indices where !mask.samples[index % 672] { under.samples[index] = .zero }
    let A = try CartesianSense(CoilSensitivities(Self.fixture("maps"), on: grid), mask: mask)
    var method = try ConjugateGradients(A, measurement: under, lambda: 0.01)
    try method.run(limit: 20)
    let image: ComplexImage = try Self.fixture("image")
    #expect(
      relativeError(method.solution, ComplexImage(shape: grid.shape, samples: image.samples)) < 1e-4)
  }

  /// The same steps along spokes, where both grid the samples and apply AᴴA by a convolution. From the same steps with Fourier
  /// sums in double precision, BART's image is 0.0042 away; λ is large, 1/34 of ‖AᴴA‖, so that 20 steps settle it.
  @Test func conjugateGradientsGoTheSameWayAlongSpokes() throws {
    let positions: KSpace = try Self.fixture("trajectory")
    let grid = ComplexImageSpace(shape: [24, 28])
    let trajectory = try Trajectory(
      positions: (0..<20 * 48).flatMap {
        [Double(positions.samples[3 * $0 + 1].real), Double(positions.samples[3 * $0].real)]
      }, shape: [20, 48], on: grid)
    let maps: ComplexImage = try Self.fixture("maps")
    let A = try NonCartesianSense(
      CoilSensitivities(maps, on: grid), trajectory: trajectory, normal: .toeplitz)
    var method = try ConjugateGradients(A, measurement: Self.fixture("radial"), lambda: 1)
    try method.run(limit: 20)
    let image: ComplexImage = try Self.fixture("radial_image")
    let error = relativeError(method.solution, ComplexImage(shape: grid.shape, samples: image.samples))
    #expect(error < 6e-3, "\(error)")
  }

  /// The same maps but for a phase, where there is an object: both take the largest eigenvector of the same matrices, BART
  /// after 30 steps of a power iteration from the first coil. Where that coil sees little and the second eigenvalue is
  /// above 0.8 of the first, as at the rim of an object near the edge of the field of view, they are not enough.
  @Test func espiritFindsTheSameMaps() throws {
    let kSpace: KSpace = try Self.fixture("kspace")
    let maps: ComplexImage = try Self.fixture("maps")
    var settings = ESPIRiT.Settings()
    settings.kernel = 5
    settings.crop = 0
    let found = try ESPIRiT(kSpace, calibration: [16, 16], settings: settings)
    let coils = try CartesianFourier(ComplexImageSpace(shape: [24, 28]), coils: 3).adjoint(kSpace)
    let rss = rootSumOfSquares(coils)
    let limit = 0.2 * (rss.samples.max() ?? 0)
    var worst: Float = 0
    for pixel in 0..<672 where rss.samples[pixel] > limit {
      var product = Complex<Float>.zero
      var (left, right): (Float, Float) = (0, 0)
      for coil in 0..<3 {
        let (u, v) = (found.maps.samples[672 * coil + pixel], maps.samples[672 * coil + pixel])
        product += u.conjugate * v
        left += u.lengthSquared
        right += v.lengthSquared
      }
      worst = max(worst, 1 - product.length / (left * right).squareRoot())
    }
    // 1 − cos of an angle of 0.01.
    #expect(worst < 5e-5, "\((2 * worst).squareRoot())")
  }

  static let brain = sharedData("raw/kspace/brain8")

  /// A real head, four-fold undersampled: penalties bring it closer to the fully sampled image than zeros or least squares
  /// do. Without the data the same is shown by phantoms in ``SparsityTests``.
  @Test(.enabled(if: exists(PeerTests.brain + ".cfl"), "the k-space of a head is not there"))
  func reconstructsARealHead() throws {
    let kSpace: KSpace = try Self.read(Self.brain)
    let shape: Shape = [kSpace.shape[1], kSpace.shape[2]]
    let grid = ComplexImageSpace(shape: shape)
    let truth = rootSumOfSquares(try CartesianFourier(grid, coils: kSpace.shape[0]).adjoint(kSpace))
    let mask = try SamplingMask.poissonDisc(shape, acceleration: 4, calibration: 24, seed: 1)
    var under = kSpace
    for index in under.samples.indices where !mask.samples[index % shape.count] {
      under.samples[index] = .zero
    }
    let A = try CartesianSense(CoilSensitivities(ESPIRiT(under).maps, on: grid), mask: mask)
    func error(_ image: ComplexImage) -> Double {
      relativeError(Image(shape: shape, samples: image.samples.map(\.length)), truth)
    }
    let largest = Double(A.adjoint(under).samples.map(\.length).max() ?? 0)
    var plain = try ConjugateGradients(A, measurement: under, lambda: 0.01)
    try plain.run(limit: 30)
    var sparse = try WaveletSparsity(A, measurement: under, lambda: 0.005 * largest, normSquare: 1)
    try sparse.run(limit: 60)
    let (zeros, least, better) = (error(A.adjoint(under)), error(plain.solution), error(sparse.solution))
    #expect(least < zeros && better < least, "\(zeros), \(least), \(better)")
    #expect(better < 0.12, "\(better)")
  }
}
