import Fields
import Operators
import Reconstruction
import TestSupport

/// A small chest: wall, lungs, heart, spine, ribs, vessels and a table plate. The model error is measured on other objects.
enum Chest {
  static let size = 160.0

  static func slice(_ change: Double = 0) throws -> PhantomSlice {
    func ellipse(
      _ x: Double, _ y: Double, _ a: Double, _ b: Double, _ value: Double, _ degrees: Double = 0
    ) -> PhantomPart {
      PhantomPart(
        .ellipse(halfAxes: SIMD2(a, b)), centre: SIMD2(x, y), rotation: .degrees(degrees), value: value,
        blend: .replacing)
    }
    let parts =
      [
        PhantomPart(
          .rectangle(halfAxes: SIMD2(50, 1.2)), centre: SIMD2(0, -56), value: 0.012, blend: .replacing),
        ellipse(0, 0, 66 + change, 50, 0.018), ellipse(0, 0, 62 + change, 46, 0.0205),
        ellipse(-30, 2, 22, 33, 0.004, 5), ellipse(31, 0, 21 + change, 32, 0.004, -5),
        ellipse(6, 8, 17, 14, 0.021, 30), ellipse(0, -30, 11, 9, 0.03), ellipse(0, -38, 4, 5, 0.036),
      ]
      + (0..<8).map { i in
        let side = i % 2 == 0 ? -1.0 : 1.0
        return ellipse(side * (58 - 3 * Double(i)), 10 + 4 * Double(i) - 12, 4, 2, 0.034, side * 60)
      }
      + (0..<6).map { i in
        ellipse(-38 + 15 * Double(i) + change, -8 + 5 * Double(i), 1.5 + 0.3 * Double(i), 1.5, 0.021)
      }
    return try Phantom(name: "chest", unit: .perMillimetre, fieldOfView: Self.size, parts: parts).slice(z: 0)
  }
}

/// A scan of the chest with noise of 1 % of the mean line integral.
struct ChestScan {
  let A: RadonTransform
  let truth: Image
  let clean: Sinogram
  let sigma: Double
  let variance: Sinogram

  /// - Parameters:
  ///   - axisError: of the operator against the data, in bins.
  ///   - raysPerBin: of closed-form data; nil for data made with the operator.
  init(
    pixels: Int = 96, views: Int = 40, axisError: Double = 0, raysPerBin: Int? = nil, change: Double = 0,
    threads: Int = 2
  ) throws {
    let spacing = Chest.size / Double(pixels)
    let bins = Int(1.42 * Double(pixels)) + 2
    let beam = ParallelBeam(
      angles: Angle.even(views), bins: bins, binSpacing: spacing, axis: Double(bins - 1) / 2 + axisError)
    A = try RadonTransform(
      ImageSpace(shape: [pixels, pixels], spacing: spacing), beam: beam, threads: threads)
    let slice = try Chest.slice(change)
    truth = slice.image(on: A.domain)
    if let raysPerBin {
      clean = slice.sinogram(
        angles: beam.angles, bins: bins, binSpacing: spacing, raysPerBin: raysPerBin)
    } else {
      clean = A(truth)
    }
    sigma = 0.01 * clean.samples.reduce(0) { $0 + Double($1) } / Double(clean.samples.count)
    variance = NoiseModel.gaussian(sigma: sigma).variance(of: clean)
  }

  func measured(_ seed: UInt64 = 1, noise factor: Double = 1) -> Sinogram {
    var generator = SplitMix64(seed: seed)
    var y = clean
    NoiseModel.gaussian(sigma: factor * sigma).add(to: &y, using: &generator)
    return y
  }

  func totalVariation(_ y: Sinogram) throws -> Image {
    try TotalVariation(A, lowerBound: 0, threads: 2)
      .solveByDiscrepancy(y, variance: variance, accuracy: 0.02, limit: 1500).image
  }
}
