import ComplexModule
import Fields
import Operators
import RealModule
import TestSupport
import Testing

@Suite struct SenseTests {
  static let shapes: [Shape] = [[1, 1], [5, 8], [7, 9], [16, 16], [24, 10]]

  /// One mask of each kind that AᴴA treats in its own way.
  static func masks(_ shape: Shape) throws -> [SamplingMask?] {
    guard shape.count > 4 else { return [nil] }
    return [
      nil, try .uniform(shape, acceleration: 2, calibration: 1),
      try .uniform(shape, encoding: .columns, acceleration: 3),
      try .variableDensity(shape, encoding: .points, acceleration: 2.5, seed: 4),
    ]
  }

  /// The sum itself, in double precision.
  @Test(arguments: shapes) func isTheCentredUnitaryTransform(shape: Shape) throws {
    var generator = SplitMix64(seed: 2)
    let (rows, columns) = (shape[0], shape[1])
    let grid = ComplexImageSpace(shape: shape)
    for mask in try Self.masks(shape) {
      let A = try CartesianFourier(grid, mask: mask)
      let x = A.domain.random(using: &generator)
      let y = A(x)
      var (error, total) = (0.0, 0.0)
      for row in 0..<rows {
        for column in 0..<columns {
          var sum = Complex<Double>.zero
          for i in 0..<rows {
            for j in 0..<columns {
              let turns =
                Double((row - rows / 2) * (i - rows / 2)) / Double(rows) + Double(
                  (column - columns / 2) * (j - columns / 2)) / Double(columns)
              let wave = Complex(Double.cos(2 * .pi * turns), -Double.sin(2 * .pi * turns))
              sum += Complex(Double(x[i, j].real), Double(x[i, j].imaginary)) * wave
            }
          }
          sum = sum.divided(by: Double(shape.count).squareRoot())
          if let mask, !mask[row, column] { sum = .zero }
          error +=
            (sum - Complex(Double(y[row, column].real), Double(y[row, column].imaginary))).lengthSquared
          total += sum.lengthSquared
        }
      }
      // An FFT errs by less than an ulp per level, here at most 8.
      #expect((error / total).squareRoot() < 8 * Double(Float.ulpOfOne), "\(shape)")
    }
  }

  @Test(arguments: shapes) func keepsThePromisesOfAnOperator(shape: Shape) throws {
    let grid = ComplexImageSpace(shape: shape, spacing: [1, 1.5])
    let array = CoilArray(coils: 3)
    let S = try CoilSensitivities(array.maps(on: grid), on: grid)
    expectOperator(S)
    for mask in try Self.masks(shape) {
      expectOperator(try CartesianFourier(grid, mask: mask))
      expectOperator(try CartesianFourier(grid, mask: mask, coils: 2))
      let A = try CartesianSense(S, mask: mask)
      expectOperator(A)
      let report = measureOperator(A.normal)
      #expect(report.adjointError <= 8 * Double(Float.ulpOfOne))
    }
  }

  /// The fused operators are the compositions they stand for, to rounding; more coils than groups of them.
  @Test(arguments: [1, 3, 11]) func isTheCompositionOfItsParts(coils: Int) throws {
    var generator = SplitMix64(seed: 6)
    let grid = ComplexImageSpace(shape: [18, 13])
    let S = try CoilSensitivities(CoilArray(coils: coils).maps(on: grid), on: grid)
    let x = grid.random(using: &generator)
    let tolerance = 8 * Double(Float.ulpOfOne)
    for mask in try Self.masks(grid.shape) {
      let A = try CartesianSense(S, mask: mask)
      let composition = try CartesianFourier(grid, mask: mask, coils: coils) ∘ S
      #expect(relativeError(A(x), composition(x)) < tolerance)
      let y = A.codomain.random(using: &generator)
      #expect(relativeError(A.adjoint(y), composition.adjoint(y)) < tolerance)
      #expect(relativeError(A.normal(x), composition.adjoint(composition(x))) < tolerance)
    }
    let trajectory = try Trajectory.radial(angles: Angle.even(9), samples: 26, on: grid)
    let A = try NonCartesianSense(S, trajectory: trajectory, accuracy: 1e-4)
    let composition = try NonUniformFourier(grid, trajectory: trajectory, coils: coils, accuracy: 1e-4) ∘ S
    #expect(relativeError(A(x), composition(x)) < tolerance)
  }

  @Test(arguments: [NonUniformFourier.NormalMethod.successive, .toeplitz])
  func keepsThePromisesOffTheGrid(normal: NonUniformFourier.NormalMethod) throws {
    let grid = ComplexImageSpace(shape: [20, 17])
    let S = try CoilSensitivities(CoilArray(coils: 3).maps(on: grid), on: grid)
    let trajectory = try Trajectory.radial(angles: Angle.even(11), samples: 40, on: grid)
    let A = try NonCartesianSense(
      S, trajectory: trajectory, weights: try trajectory.rampDensity(on: grid), accuracy: 1e-4,
      normal: normal)
    // The point-spread function may err by three times the accuracy, see ``NonUniformFourier``.
    expectOperator(A, normalTolerance: normal == .toeplitz ? 3e-4 : nil)
  }

  @Test func givesTheSameBytesAtAnyNumberOfThreads() throws {
    var generator = SplitMix64(seed: 9)
    let grid = ComplexImageSpace(shape: [33, 40])
    let maps = CoilArray(coils: 10).maps(on: grid)
    let x = grid.random(using: &generator)
    let mask = try SamplingMask.poissonDisc(grid.shape, acceleration: 3, seed: 1)
    let trajectory = try Trajectory.radial(angles: Angle.even(9), samples: 66, on: grid)
    var results: [[ComplexImage]] = []
    for threads in [1, 2, 5] {
      let S = try CoilSensitivities(maps, on: grid, threads: threads)
      let A = try CartesianSense(S, mask: mask, threads: threads)
      let B = try NonCartesianSense(S, trajectory: trajectory, threads: threads)
      results.append([A.adjoint(A(x)), A.normal(x), B.adjoint(B(x)), B.normal(x), S.adjoint(S(x))])
    }
    #expect(results[0] == results[1])
    #expect(results[0] == results[2])
  }

  /// The k-space of a phantom in closed form is A applied to its image but for what pixels do: means over pixels and
  /// aliasing, 5 % in all for edges on 64 pixels and 0.2 % at low frequencies.
  @Test func agreesWithClosedFormKSpace() throws {
    let grid = ComplexImageSpace(shape: [64, 64], spacing: 200.0 / 64)
    let phantom = try headPhantom()
    let array = CoilArray(coils: 4)
    let A = try CartesianSense(CoilSensitivities(array.maps(on: grid), on: grid))
    let image = phantom.image(on: ImageSpace(shape: grid.shape, spacing: grid.spacing))
    let x = ComplexImage(shape: image.shape, samples: image.samples.map { Complex($0, 0) })
    let (y, expected) = (A(x), try array.kSpace(of: phantom, on: grid))
    #expect(relativeError(y, expected) < 0.07)
    var (error, total) = (0.0, 0.0)
    for coil in 0..<4 {
      for row in 28...36 {
        for column in 28...36 {
          let index = (coil * 64 + row) * 64 + column
          error += Double((y.samples[index] - expected.samples[index]).lengthSquared)
          total += Double(expected.samples[index].lengthSquared)
        }
      }
    }
    #expect((error / total).squareRoot() < 0.005)
  }

  @Test func refusesWhatCannotBe() throws {
    let grid = ComplexImageSpace(shape: [4, 6])
    let maps = CoilArray(coils: 2).maps(on: grid)
    #expect(
      throws: OperatorError.outOfRange(
        "the shape of the coil maps", found: "2 × 4 × 6", expected: "coils × 6 × 4")
    ) { try CoilSensitivities(maps, on: ComplexImageSpace(shape: [6, 4])) }
    #expect(throws: OperatorError.emptyShape("the image", found: [0, 6])) {
      try CoilSensitivities(
        ComplexImage(shape: [2, 0, 6]), on: ComplexImageSpace(shape: [0, 6]))
    }
    #expect(
      throws: OperatorError.outOfRange(
        "the coil maps", found: "0 everywhere", expected: "a coil that sees the object")
    ) { try CoilSensitivities(ComplexImage(shape: [2, 4, 6]), on: grid) }
    var broken = maps
    broken.samples[24 + 7] = Complex(.nan, 0)
    #expect(throws: OperatorError.self) { try CoilSensitivities(broken, on: grid) }
    do {
      _ = try CoilSensitivities(broken, on: grid)
    } catch { #expect("\(error)".contains("the map of coil 2 at pixel [2, 2]"), "\(error)") }
    var blind = maps
    for coil in 0..<2 { blind.samples[24 * coil + 13] = .zero }
    var object = Image(shape: [4, 6])
    object[0, 0] = 3
    #expect(try CoilSensitivities(blind, on: grid, object: object).power[2, 1] == 0)
    object[2, 1] = 1
    #expect(
      throws: OperatorError.outOfRange(
        "the coil maps inside the object, at pixel [3, 2]", found: "0",
        expected: "a coil that sees every pixel of the object")
    ) { try CoilSensitivities(blind, on: grid, object: object) }
    object[1, 0] = .nan
    #expect(
      throws: OperatorError.outOfRange("the object at pixel [2, 1]", found: "nan", expected: "a number")
    ) { try CoilSensitivities(maps, on: grid, object: object) }
    let S = try CoilSensitivities(maps, on: grid)
    #expect(
      throws: OperatorError.outOfRange(
        "the shape of the sampling mask", found: "6 × 4", expected: "4 × 6, as the image")
    ) { try CartesianSense(S, mask: .full([6, 4])) }
    #expect(throws: OperatorError.self) { try CartesianFourier(ComplexImageSpace(shape: [4, 4, 4])) }
    #expect(throws: OperatorError.emptyShape("the image", found: [4, 0])) {
      try CartesianFourier(ComplexImageSpace(shape: [4, 0]))
    }
    #expect(throws: OperatorError.self) { try CartesianFourier(grid, coils: 0) }
    // A trajectory made for a larger grid.
    let trajectory = try Trajectory(
      positions: [0, 5], shape: [1, 1], on: ComplexImageSpace(shape: [10, 10]))
    #expect(
      throws: OperatorError.outOfRange(
        "sample 1 of readout 1 of the trajectory", found: "5.0 cycles per field of view along axis 2",
        expected: "at most ±3.0, what 6 pixels resolve")
    ) { try NonCartesianSense(S, trajectory: trajectory) }
  }
}
