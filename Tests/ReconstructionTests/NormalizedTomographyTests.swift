import Diffusion
import Fields
import Operators
import RealModule
import Reconstruction
import Testing

@Suite struct NormalizedTomographyTests {
  /// The line integrals of μ are the normalised operator of v, for every scale: y ↦ (y − offset A 1)/(slope ‖A‖).
  @Test(arguments: [
    AttenuationScale(), AttenuationScale(water: 0.15),
    AttenuationScale(water: 0.03, range: IntensityRange(unit: "HU", low: -1024, high: 3071)),
  ])
  func carriesLineIntegralsIntoTheRange(scale: AttenuationScale) throws {
    let small = try SmallTomography(scale: scale)
    let tomography = small.tomography
    let v = scale.normalized(small.truth)
    let found = tomography.measurement(tomography.A(small.truth), sigma: 1).y
    let A = SimulatedParallelBeam(tomography, noise: 0.01...0.01, simpleInverse: .fbp).A
    let expected = A(v)
    // Two sums of some thirty numbers of single precision, one of which subtracts the background from the whole.
    let largest = expected.samples.reduce(0) { max($0, abs($1)) }
    let error = zip(found.samples, expected.samples).reduce(0) { max($0, abs($1.0 - $1.1)) }
    #expect(error < 1e-5 * largest, "\(error / largest)")
    // Power iteration: 30 steps find ‖A‖ to 1 %.
    #expect(abs(A.norm(iterations: 100, seed: 9) - 1) < 0.01)
  }

  /// σ shrinks as line integrals do.
  @Test func scalesTheNoiseWithTheData() throws {
    let small = try SmallTomography()
    let y = small.measurement.sinogram
    let first = small.tomography.measurement(y, sigma: 0.02)
    let second = small.tomography.measurement(y.map { $0 + 1 }, sigma: 0.04)
    let step = second.y.samples[100] - first.y.samples[100]
    // One unit of a line integral, against σ = 0.02 of them; differences of numbers of the order of 1.
    #expect(abs(Double(step) * 0.02 / first.sigma - 1) < 1e-5)
    #expect(abs(second.sigma / first.sigma - 2) < 1e-12)
    // Twice the attenuation of water: line integrals, and their noise, weigh half.
    let denser = try SmallTomography(scale: AttenuationScale(water: 0.04)).tomography.measurement(
      y, sigma: 0.02)
    #expect(abs(denser.sigma / first.sigma - 0.5) < 1e-12)
  }

  /// The ends and the middle of the range in closed form: air, water and twice water; HU and back.
  @Test func knowsAirAndWater() {
    let scale = AttenuationScale()
    let image = Image(shape: [1, 4], samples: [0, 0.02, 0.04, 0.025])
    func near(_ image: Image, _ values: [Float], _ tolerance: Float) -> Bool {
      zip(image.samples, values).allSatisfy { abs($0 - $1) <= tolerance }
    }
    // A few roundings of 2⁻²⁴ of numbers up to 1, and of 1000 HU.
    #expect(near(scale.normalized(image), [-1, 0, 1, 0.25], 3e-7))
    #expect(near(scale.hounsfield(image), [-1000, 0, 1000, 250], 3e-4))
    #expect(near(scale.attenuation(scale.normalized(image)), image.samples, 1e-8))
    #expect(near(scale.attenuation(hounsfield: scale.hounsfield(image)), image.samples, 1e-8))
    let asymmetric = AttenuationScale(water: 0.02, range: IntensityRange(unit: "HU", low: -1000, high: 3000))
    #expect(near(asymmetric.normalized(image), [-1, -0.5, 0, -0.375], 3e-7))
  }

  /// x_ref is the simple inverse of the line integrals that went in, whichever it is.
  @Test func givesTheSimpleInverseInTheRange() throws {
    let small = try SmallTomography()
    let (tomography, y) = (small.tomography, small.measurement.sinogram)
    let normalized = tomography.measurement(y, sigma: small.measurement.sigma)
    func held(_ image: Image) -> Image { tomography.scale.normalized(image).map { min(1, max(-1, $0)) } }
    // To the range and back, of a range from −1 to 1; the filter amplifies rounding by some ten.
    let fbp = try tomography.reference(normalized, by: .fbp)
    #expect(largestDifference(fbp, held(tomography.fbp(y)), relativeTo: 2) < 1e-5)
    #expect(fbp.samples.allSatisfy { abs($0) <= 1 } && fbp.samples.contains(-1))
    let solved = try TotalVariation(tomography.A, lowerBound: 0)
      .solve(y, variance: small.measurement.variance, lambda: 100, limit: 30).image
    let tv = try tomography.reference(
      normalized, by: .totalVariation(weight: 100 * tomography.scale.water, steps: 30))
    #expect(largestDifference(tv, held(solved), relativeTo: 2) < 1e-4)
    #expect(largestDifference(tv, fbp, relativeTo: 2) > 0.01)
  }

  /// Twice the size of everything is the same scan; another axis, view or bin is not.
  @Test func tellsScansApart() throws {
    func fingerprint(
      size: Double = 1, views: Int = 12, axis: Double = 11.5, bins: Int = 24, first: Double = 0
    ) throws -> OperatorFingerprint {
      let beam = ParallelBeam(
        angles: Angle.even(views, from: .degrees(first)), bins: bins, binSpacing: 1.5 * size, axis: axis)
      let A = try RadonTransform(ImageSpace(shape: [16, 16], spacing: 2 * size), beam: beam)
      return try NormalizedTomography(A, scale: AttenuationScale()).fingerprint
    }
    let first = try fingerprint()
    #expect(try fingerprint(size: 2) == first)
    #expect(try first.differences(from: fingerprint(axis: 12)).count == 1)
    #expect(try first.differences(from: fingerprint(bins: 25)).count == 1)
    #expect(try first.differences(from: fingerprint(views: 13)).count == 2)
    #expect(try first.differences(from: fingerprint(first: 1)).count == 1)
  }
}

@Suite struct SimulatedParallelBeamTests {
  private static func scan(_ noise: ClosedRange<Double>) throws -> SimulatedParallelBeam<RadonTransform> {
    SimulatedParallelBeam(try SmallTomography().tomography, noise: noise, simpleInverse: .fbp)
  }

  /// The noise that a measurement states is the noise that is on it, and lies where the scan declares it.
  @Test(arguments: [0.01...0.01, 0.002...0.05]) func statesTheNoiseItMakes(noise: ClosedRange<Double>) throws
  {
    let scan = try Self.scan(noise)
    let truth = try SmallTomography().truth
    let x = scan.scale.normalized(truth)
    let clean = scan.tomography.measurement(scan.tomography.A(truth), sigma: 1)
    let integrals = scan.tomography.A(truth).samples
    let mean = integrals.reduce(0) { $0 + Double($1) } / Double(integrals.count)
    var generator = SplitMix64(seed: 6)
    let (draws, n) = (40, Double(integrals.count))
    var (chi, logarithms): ([Double], [Double]) = ([], [])
    for _ in 0..<draws {
      let measurement = scan.measure(x, using: &generator)
      let sum = zip(measurement.y.samples, clean.y.samples).reduce(0) {
        $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1)
      }
      chi.append(sum / n / (measurement.sigma * measurement.sigma))
      // `clean.sigma` is what σ = 1 becomes.
      let level = measurement.sigma / clean.sigma / mean
      #expect(level > noise.lowerBound * (1 - 1e-6) && level < noise.upperBound * (1 + 1e-6), "\(level)")
      logarithms.append(Double.log(level / noise.lowerBound))
    }
    // χ² per ray of 648 rays spreads by √(2/648); four of them for one draw, four of their mean for all.
    let spread = (2 / n).squareRoot()
    #expect(chi.allSatisfy { abs($0 - 1) < 4 * spread })
    #expect(abs(chi.reduce(0, +) / Double(draws) - 1) < 4 * spread / Double(draws).squareRoot())
    // Evenly on a logarithmic scale: the mean of 40 is half of the width w ± w/√(12 · 40).
    let width = Double.log(noise.upperBound / noise.lowerBound)
    let middle = logarithms.reduce(0, +) / Double(draws)
    #expect(abs(middle - width / 2) <= 4 * width / (12 * Double(draws)).squareRoot() + 1e-6)
  }

  @Test func measuresAnewEveryTimeAndTheSameForASeed() throws {
    let scan = try Self.scan(0.005...0.02)
    let x = scan.scale.normalized(try SmallTomography().truth)
    func measure(_ seed: UInt64) -> [Sinogram] {
      var generator = SplitMix64(seed: seed)
      return (0..<2).map { _ in scan.measure(x, using: &generator).y }
    }
    let first = measure(1)
    #expect(measure(1) == first)
    #expect(first[0] != first[1] && measure(2)[0] != first[0])
  }

  /// x_ref comes from the noisy measurement, through what the scan declares.
  @Test func refersToItsSimpleInverse() throws {
    let small = try SmallTomography()
    let y = small.tomography.measurement(small.measurement.sinogram, sigma: small.measurement.sigma)
    for inverse in [SimpleInverse.fbp, .totalVariation(weight: 2, steps: 10)] {
      let scan = SimulatedParallelBeam(small.tomography, noise: 0.01...0.01, simpleInverse: inverse)
      #expect(try scan.reference(y) == small.tomography.reference(y, by: inverse))
    }
    #expect(try Self.scan(0.01...0.01).fingerprint == small.tomography.fingerprint)
  }
}
