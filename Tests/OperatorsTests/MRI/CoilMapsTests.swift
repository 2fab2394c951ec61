import ComplexModule
import Fields
import Operators
import RealModule
import TestSupport
import Testing

@Suite struct CoilMapsTests {
  private static let grid = ComplexImageSpace(shape: [64, 64], spacing: 200.0 / 64)

  /// Pixels well inside the outer ellipse of the head.
  private static func object() throws -> [Bool] {
    (0..<64 * 64).map { index in
      let (y, x) = (Double(index / 64 - 32) * 200 / 64, Double(index % 64 - 32) * 200 / 64)
      return (x * x) / (66 * 66) + (y * y) / (81 * 81) < 1
    }
  }

  /// Root mean square over the object of ‖a − b e^{iφ}‖ with the best phase in every pixel.
  private static func distance(_ a: ComplexImage, _ b: ComplexImage, in object: [Bool]) -> (
    rms: Double, worst: Double
  ) {
    let (coils, pixels) = (a.shape[0], object.count)
    var (sum, count, worst) = (0.0, 0, 0.0)
    for pixel in 0..<pixels where object[pixel] {
      var product = Complex<Float>.zero
      var (left, right): (Float, Float) = (0, 0)
      for coil in 0..<coils {
        let (u, v) = (a.samples[coil * pixels + pixel], b.samples[coil * pixels + pixel])
        product += u * v.conjugate
        left += u.lengthSquared
        right += v.lengthSquared
      }
      let square = max(0, Double(left + right - 2 * product.length))
      sum += square
      worst = max(worst, square)
      count += 1
    }
    return ((sum / Double(count)).squareRoot(), worst.squareRoot())
  }

  /// The sensitivities of coils in closed form from the closed-form k-space of what they receive. The model of windows
  /// holds for sensitivities that are narrow in k-space; the waves of twice the field of view are cut to a kernel of
  /// six samples, which costs 0.0044 on average and 0.0099 at the edge of the object in double precision.
  @Test func findsTheSensitivities() throws {
    let array = CoilArray(coils: 6)
    let kSpace = try array.kSpace(of: headPhantom(), on: Self.grid)
    let espirit = try ESPIRiT(kSpace, calibration: [24, 24])
    let found = try Self.distance(
      espirit.maps, array.normalizedMaps(on: Self.grid), in: Self.object())
    #expect(found.rms < 6e-3 && found.worst < 1.5e-2, "\(found)")
    let object = try Self.object()
    for pixel in object.indices where object[pixel] {
      #expect(abs(espirit.eigenvalues.samples[pixel] - 1) < 3e-3)
    }
    // Normalised or cut, nothing else.
    let power = try CoilSensitivities(espirit.maps, on: Self.grid).power
    #expect(power.samples.allSatisfy { $0 == 0 || abs($0 - 1) < 1e-5 })
    #expect(espirit.rank > 6 && espirit.rank < 6 * 36 / 2, "\(espirit.rank)")
    #expect(try ESPIRiT(kSpace, calibration: [24, 24], threads: 1).maps == espirit.maps)
    // The phase is smooth: neighbours agree in it.
    var turn: Float = 0
    for pixel in object.indices where object[pixel] && object[pixel + 1] {
      var product = Complex<Float>.zero
      for coil in 0..<6 {
        product +=
          espirit.maps.samples[coil * 4096 + pixel].conjugate * espirit.maps.samples[coil * 4096 + pixel + 1]
      }
      turn = max(turn, abs(product.phase))
    }
    #expect(turn < 0.2)
  }

  /// Maps are cut exactly where the eigenvalue is too low, and nothing else changes.
  @Test func cutsWhereTheModelFails() throws {
    let kSpace = try CoilArray(coils: 3).kSpace(of: headPhantom(), on: Self.grid)
    var settings = ESPIRiT.Settings()
    settings.crop = 0
    let whole = try ESPIRiT(kSpace, calibration: [24, 24], settings: settings)
    let limit = whole.eigenvalues.samples.sorted()[4096 / 4]
    settings.crop = Double(limit)
    let cut = try ESPIRiT(kSpace, calibration: [24, 24], settings: settings)
    #expect(cut.eigenvalues == whole.eigenvalues)
    for index in cut.maps.samples.indices {
      let isKept = cut.eigenvalues.samples[index % 4096] >= limit
      #expect(cut.maps.samples[index] == (isKept ? whole.maps.samples[index] : .zero))
    }
  }

  /// It finds the region that was sampled; noise of a thousandth of the largest sample adds little.
  @Test func findsItsCalibrationRegionInNoisyData() throws {
    var generator = SplitMix64(seed: 8)
    let array = CoilArray(coils: 6)
    let mask = try SamplingMask.poissonDisc([64, 64], acceleration: 3, calibration: 24, seed: 2)
    var kSpace = try array.kSpace(of: headPhantom(), on: Self.grid)
    let largest = kSpace.samples.map(\.length).max() ?? 0
    try CoilNoise(sigma: 1e-3 * Double(largest), coils: 6).add(to: &kSpace, using: &generator)
    for index in kSpace.samples.indices where !mask.samples[index % 4096] { kSpace.samples[index] = .zero }
    let espirit = try ESPIRiT(kSpace)
    #expect(espirit.calibration == mask.calibrationRegion)
    let found = try Self.distance(
      espirit.maps, array.normalizedMaps(on: Self.grid), in: Self.object())
    #expect(found.rms < 1e-2, "\(found)")
  }

  @Test func refusesCalibrationsThatCannotBe() throws {
    var kSpace = KSpace(shape: [2, 32, 32], filledWith: .one)
    func fails(_ error: OperatorError, calibration: Shape? = [24, 24], kernel: Int = 6) {
      var settings = ESPIRiT.Settings()
      settings.kernel = kernel
      #expect(throws: error) { try ESPIRiT(kSpace, calibration: calibration, settings: settings) }
    }
    fails(
      .outOfRange(
        "the calibration region", found: "11 × 24 samples", expected: "at least 12 × 12 for kernels of 6"),
      calibration: [11, 24])
    fails(
      .outOfRange("the calibration region", found: "40 × 24 samples", expected: "at most 32 × 32"),
      calibration: [40, 24])
    fails(.outOfRange("the width of the kernel", found: "1", expected: "2 … 16 samples"), kernel: 1)
    kSpace.samples[32 * 16 + 16] = Complex(0, .nan)
    fails(
      .outOfRange("sample (17, 17) of coil 1", found: "\(kSpace.samples[32 * 16 + 16])", expected: "a number")
    )
    kSpace = KSpace(shape: [2, 32, 32])
    fails(.outOfRange("the calibration region", found: "0 everywhere", expected: "a signal"))
    fails(.noSamples("the sampling mask"), calibration: nil)
    kSpace.samples[32 * 16 + 16] = .one
    fails(
      .outOfRange(
        "the calibration region", found: "1 × 1 samples", expected: "at least 12 × 12 for kernels of 6"),
      calibration: nil)
    kSpace = KSpace(shape: [32, 32])
    #expect(throws: OperatorError.self) { try ESPIRiT(kSpace, calibration: [24, 24]) }
    #expect(throws: OperatorError.emptyShape("k-space", found: [2, 0, 32])) {
      try ESPIRiT(KSpace(shape: [2, 0, 32]))
    }
  }

  @Test func combinesByTheRootSumOfSquares() {
    let coils = ComplexImage(
      shape: [2, 1, 2], samples: [Complex(3, 0), Complex(0, 1), Complex(0, 4), Complex(2, -2)])
    #expect(rootSumOfSquares(coils) == Image(shape: [1, 2], samples: [5, 3]))
  }

  /// Neighbourhoods of one sensitivity: the weights are the sensitivities, and the image the root sum of squares with the
  /// phase of the loudest coil.
  @Test func combinesByTheNeighbourhood() throws {
    var generator = SplitMix64(seed: 3)
    let (rows, columns) = (21, 18)
    let s: [Complex<Float>] = [Complex(0.6, 0), Complex(0, 0.64), Complex(0.48, 0)]
    var coils = ComplexImage(shape: [3, rows, columns])
    let object = Grid<ImageQuantity, Complex<Float>>(shape: [rows, columns]).random(using: &generator)
    for coil in 0..<3 {
      for pixel in 0..<rows * columns {
        coils.samples[coil * rows * columns + pixel] = s[coil] * object.samples[pixel]
      }
    }
    let combined = try AdaptiveCombination(coils)
    // ‖s‖ = 1 within rounding; the second coil is the loudest, with the phase i.
    let expected = ComplexImage(shape: [rows, columns], samples: object.samples.map { $0 * Complex(0, 1) })
    #expect(relativeError(combined.image, expected) < 1e-5)
    for coil in 0..<3 {
      for pixel in [0, 100, rows * columns - 1] {
        let weight = combined.maps.samples[coil * rows * columns + pixel]
        #expect((weight - s[coil] * Complex(0, -1)).length < 1e-5)
      }
    }
    #expect(try AdaptiveCombination(coils, threads: 1).maps == combined.maps)
  }

  /// Smooth sensitivities, a head, and noise that the matched filter keeps out where there is no object.
  @Test func keepsTheMagnitudeOfAnObject() throws {
    let array = CoilArray(coils: 5)
    let F = try CartesianFourier(Self.grid, coils: 5)
    let coils = try F.adjoint(array.kSpace(of: headPhantom(), on: Self.grid))
    let combined = try AdaptiveCombination(coils, block: 5)
    let (rss, object) = (rootSumOfSquares(coils), try Self.object())
    var (difference, total) = (0.0, 0.0)
    for pixel in object.indices where object[pixel] {
      let error = Double(combined.image.samples[pixel].length - rss.samples[pixel])
      difference += error * error
      total += Double(rss.samples[pixel]) * Double(rss.samples[pixel])
    }
    // Sensitivities turn by a few per cent over the five pixels, which counts in the second order.
    #expect((difference / total).squareRoot() < 5e-3)
    // One coil counts as real everywhere, also where others are louder.
    let energies = (0..<5).map { coil in
      coils.samples[4096 * coil..<4096 * (coil + 1)].reduce(0) { $0 + $1.lengthSquared }
    }
    let reference = try #require((0..<5).max { energies[$0] < energies[$1] })
    let weights = combined.maps.samples[4096 * reference..<4096 * (reference + 1)]
    #expect(weights.allSatisfy { $0.real >= 0 && abs($0.imaginary) < 1e-6 })
  }

  @Test func refusesToCombineNothing() throws {
    #expect(throws: OperatorError.self) { try AdaptiveCombination(ComplexImage(shape: [4, 4])) }
    #expect(throws: OperatorError.self) { try AdaptiveCombination(ComplexImage(shape: [2, 4, 4]), block: 4) }
    #expect(throws: OperatorError.emptyShape("a coil image", found: [2, 0, 4])) {
      try AdaptiveCombination(ComplexImage(shape: [2, 0, 4]))
    }
    #expect(throws: OperatorError.self) {
      try AdaptiveCombination(ComplexImage(shape: [2, 4, 4], filledWith: Complex(.nan, 0)))
    }
  }
}
