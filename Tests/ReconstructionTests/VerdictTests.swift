import Fields
import Foundation
import Operators
import RealModule
import Reconstruction
import TestSupport
import Testing

/// What a verdict says of right and of wrong images, noise, geometry and data.
@Suite struct VerdictTests {
  // MARK: Calibration

  /// Of the true image every figure has the distribution that it is said to have.
  @Test func isCalibratedOnTheTrueImage() throws {
    let scan = try ChestScan(pixels: 48, views: 24)
    let test = MeasurementConsistency(scan.A, modelError: .none)
    let draws = 200
    var (chi, waves, fine, places) = ([Double](), [Double](), [Double](), [Double]())
    var (p, inside, wavesInside, passes) = ([Double](), 0, 0, 0)
    var axis: [Double] = []
    for seed in 0..<draws {
      let verdict = try test.judge(
        scan.truth, method: "truth", measurement: scan.measured(UInt64(seed)), variance: scan.variance
      ).verdict
      let f = verdict.figures
      chi.append(f.chiSquare)
      waves.append(f.inconsistency)
      fine.append(f.fineDetail)
      p.append(f.pValue)
      places.append(abs(verdict.contradiction?.z ?? 0))
      if let shift = f.axisShift { axis.append(shift.value / shift.sigma) }
      if f.chiSquare >= f.interval.lower, f.chiSquare <= f.interval.upper { inside += 1 }
      if f.inconsistency <= f.inconsistencyInterval.upper, f.inconsistency >= f.inconsistencyInterval.lower {
        wavesInside += 1
      }
      if verdict.status == .pass { passes += 1 }
    }
    func mean(_ x: [Double]) -> Double { x.reduce(0, +) / Double(x.count) }
    let n = Double(scan.A.codomain.dimension)
    let degrees = Double(24 * 8 - 36)  // 24 / 3 moments in a view, of which an image explains 1 + 2 + … + 8
    // Four standard errors of a mean of 200.
    #expect(abs(mean(chi) - 1) < 4 * (2 / n / Double(draws)).squareRoot())
    #expect(abs(mean(waves) - 1) < 4 * (2 / degrees / Double(draws)).squareRoot())
    // A median of n independent values spreads by 1.17/√n of itself; neighbouring second differences share two of
    // their three samples, which makes it 1.5/√n.
    let differences = n - Double(2 * 24)
    #expect(abs(mean(fine) - 1) < 4 * 1.5 / (differences * Double(draws)).squareRoot())
    #expect(axis.count == draws)
    let axisVariance = axis.reduce(0) { $0 + $1 * $1 } / Double(draws)
    #expect(abs(axisVariance - 1) < 4 * (2 / Double(draws)).squareRoot(), "\(axisVariance)")
    // 99 % of 200, with 3.5 standard deviations of a binomial count.
    #expect(inside >= 193 && wavesInside >= 193, "\(inside), \(wavesInside)")
    #expect(passes >= 195, "\(passes)")
    // Kolmogorov and Smirnov: 1.95 / √n has a probability of 0.001.
    let sorted = p.sorted()
    var distance = 0.0
    for (i, value) in sorted.enumerated() {
      let (below, above) = (Double(i) / Double(draws), Double(i + 1) / Double(draws))
      distance = max(distance, abs(value - below), abs(value - above))
    }
    #expect(distance < 1.95 / Double(draws).squareRoot(), "\(distance)")
    // The largest of some hundred independent places.
    #expect(mean(places) > 2 && mean(places) < 4.5, "\(mean(places))")
  }

  /// Where rays differ in noise, the map of contradictions still has the variance 1.
  @Test func weighsRaysByTheirNoise() throws {
    let scan = try ChestScan(pixels: 64, views: 30)
    let test = MeasurementConsistency(scan.A, modelError: .none)
    let noise = NoiseModel.photons(perRay: 4e4)
    let variance = noise.variance(of: scan.clean)
    var (sum, count, chi) = (0.0, 0, 0.0)
    for seed in 0..<6 {
      var y = scan.clean
      var generator = SplitMix64(seed: UInt64(seed))
      noise.add(to: &y, using: &generator)
      let judgement = try test.judge(scan.truth, method: "truth", measurement: y, variance: variance)
      #expect(judgement.verdict.status == .pass, "\(judgement.verdict.reasons)")
      chi += judgement.verdict.figures.chiSquare / 6
      for z in judgement.contradiction.samples where z != 0 {
        sum += Double(z) * Double(z)
        count += 1
      }
    }
    #expect(abs(chi - 1) < 4 * (2 / Double(6 * scan.A.codomain.dimension)).squareRoot())
    // The larger of three correlated squares has a mean of 1 … 2.
    #expect(sum / Double(count) > 1 && sum / Double(count) < 2, "\(sum / Double(count))")
  }

  // MARK: What must be caught

  /// Even of an image that was fitted until χ² was right.
  @Test(arguments: [1.2, 1 / 1.2]) func noticesAWrongNoiseLevel(factor: Double) throws {
    let scan = try ChestScan(views: 60)
    let test = MeasurementConsistency(scan.A, modelError: .none)
    for seed in 0..<3 {
      let y = scan.measured(UInt64(seed), noise: factor)
      let fitted = try test.judge(
        scan.totalVariation(y), method: "tv", measurement: y, variance: scan.variance
      ).verdict
      let verdict = try test.judge(
        scan.truth, method: "truth", measurement: y, variance: scan.variance
      ).verdict
      #expect(fitted.status == .warn && abs(fitted.figures.chiSquare - 1) < 0.05, "\(fitted.reasons)")
      #expect(fitted.reasons.contains { $0.contains("times the stated") })
      #expect(abs(fitted.figures.inconsistency - verdict.figures.inconsistency) < 0.02)
      #expect(verdict.status == .warn)
      #expect(verdict.reasons.contains { $0.contains("noise") })
      #expect(abs(verdict.figures.fineDetail - factor) < 0.05)
      #expect(abs(verdict.figures.chiSquare / (factor * factor) - 1) < 0.1)
    }
  }

  /// Closed-form data, as of a real object: right geometry passes, an axis wrong by two bins fails and is measured.
  @Test(arguments: [0.0, 3]) func tellsAWrongAxisFromARightOne(change: Double) throws {
    for axisError in [0.0, 0.5, 2] {
      let scan = try ChestScan(axisError: axisError, raysPerBin: 4, change: change)
      let test = try MeasurementConsistency(scan.A, modelError: .measure(scan.A))
      let y = scan.measured()
      let image = try scan.totalVariation(y)
      let direct = try FilteredBackProjection(scan.A, window: .hann)(y)
      let verdict = try test.judge(image, method: "tv", measurement: y, variance: scan.variance).verdict
      let other = try test.judge(
        direct, method: "fbp", measurement: y, variance: scan.variance, reference: ("tv", image)
      ).verdict
      for v in [verdict, other] {
        let axis = try #require(v.figures.axisShift)
        #expect(abs(axis.value + axisError) < 4 * axis.sigma && axis.sigma < 0.1, "\(axis)")
      }
      if axisError == 0 {
        #expect(verdict.status == .pass, "\(verdict.reasons)")
        // Filtered back-projection of forty views does not reproduce them, and the geometry is not to blame.
        #expect(other.status != .pass)
        #expect(other.reasons.contains { $0.contains("data and geometry are right") })
        #expect(other.reasons.contains { $0.contains("the large structures are right") }, "\(other.reasons)")
      } else {
        #expect(verdict.status >= (axisError < 1 ? .warn : .fail), "\(verdict.reasons)")
        #expect(verdict.reasons.contains { $0.contains("rotation axis is −\(axisError < 1 ? "0." : "")") })
      }
      if axisError == 2 {
        #expect(other.status == .fail && other.reference?.status == .fail)
        #expect(other.reasons.contains { $0.contains("not at the method") })
        #expect(
          verdict.figures.inconsistency > 10
            && abs(verdict.figures.inconsistency / other.figures.inconsistency - 1) < 1e-3)
        #expect(verdict.figures.chiSquare > 2)
      }
    }
  }

  @Test func namesABadView() throws {
    let scan = try ChestScan()
    var y = scan.measured()
    for k in 0..<y.shape[1] { y[13, k] += Float(1.5 * scan.sigma) }
    let image = try scan.totalVariation(y)
    let verdict = try MeasurementConsistency(scan.A, modelError: .none).judge(
      image, method: "tv", measurement: y, variance: scan.variance
    ).verdict
    #expect(verdict.status >= .warn && verdict.figures.views[0].index == 13)
    #expect(verdict.reasons.contains { $0.contains("Single views disagree with all others: 14 (58.5°);") })
  }

  @Test func namesABinThatIsOffAndADeadOne() throws {
    let scan = try ChestScan()
    let test = MeasurementConsistency(scan.A, modelError: .none)
    var y = scan.measured()
    for view in 0..<y.shape[0] { y[view, 51] += Float(5 * scan.sigma) }
    let ring = try test.judge(
      scan.totalVariation(y), method: "tv", measurement: y, variance: scan.variance
    ).verdict
    #expect(ring.status >= .warn && ring.figures.bins[0].index == 51, "\(ring.figures.bins)")
    #expect(ring.reasons.contains { $0.contains("detector bins are off in all views: 52") })
    for view in 0..<y.shape[0] { y[view, 51] = 0 }
    let dead = try test.judge(scan.truth, method: "truth", measurement: y, variance: scan.variance).verdict
    #expect(dead.status == .fail && dead.figures.bins[0].index == 51)
  }

  @Test func namesARayThatIsOff() throws {
    let scan = try ChestScan()
    var y = scan.measured()
    y[7, 60] -= Float(15 * scan.sigma)
    let verdict = try MeasurementConsistency(scan.A, modelError: .none).judge(
      scan.truth, method: "truth", measurement: y, variance: scan.variance
    ).verdict
    #expect(verdict.status == .warn)
    #expect(verdict.reasons.contains { $0.contains("view 8, bin 61") }, "\(verdict.reasons)")
  }

  /// A disc of radius R and contrast c that is in the image only has z = (c / σ) √(V · 16 R³ / 3h): the energy of its
  /// projections. The map finds it where it is, with nearly that z.
  @Test(arguments: [(6.0, 0.00035), (3.5, 0.0008)])
  func findsAFabricatedLesion(radius: Double, contrast: Double) throws {
    let scan = try ChestScan(views: 60)
    let test = MeasurementConsistency(scan.A, modelError: .none)
    let lesion = try Phantom(
      name: "lesion", fieldOfView: Chest.size,
      parts: [PhantomPart(.ellipse(halfAxes: SIMD2(radius, radius)), centre: SIMD2(20, 15), value: contrast)])
    var image = scan.truth
    scan.A.domain.add(1, lesion.image(on: scan.A.domain), to: &image)
    let h = scan.A.beam.binSpacing
    let expected = contrast / scan.sigma * (60 * 16 * radius * radius * radius / (3 * h)).squareRoot()
    #expect(expected > 8 && expected < 14, "\(expected)")
    for seed in 0..<3 {
      let verdict = try test.judge(
        image, method: "invented", measurement: scan.measured(UInt64(seed)), variance: scan.variance
      ).verdict
      let place = try #require(verdict.contradiction)
      // A blob is not a disc, and the noise adds one.
      #expect(
        place.z < 0 && abs(place.z) > 0.8 * expected - 2 && abs(place.z) < expected + 2.5,
        "\(place.z), \(expected)")
      let x = (Double(place.column) - 47.5) * h
      let y = (47.5 - Double(place.row)) * h
      #expect(((x - 20) * (x - 20) + (y - 15) * (y - 15)).squareRoot() < radius)
      #expect(-place.contrast > 0.4 * contrast && -place.contrast < 2.5 * contrast, "\(place.contrast)")
      #expect(verdict.status >= .warn)
      #expect(verdict.reasons.contains { $0.contains("data contradict the image at row") })
      // χ² of all rays knows nothing of it.
      #expect(verdict.figures.chiSquare < verdict.figures.interval.upper + 0.05)
    }
  }

  /// The body is known to far better than a ray: an amplitude wrong by less than one per cent is plain.
  @Test func noticesAWrongAmplitude() throws {
    let scan = try ChestScan()
    let test = MeasurementConsistency(scan.A, modelError: .none)
    var image = scan.truth
    scan.A.domain.scale(&image, by: 0.993)
    let verdict = try test.judge(
      image, method: "dark", measurement: scan.measured(), variance: scan.variance
    ).verdict
    #expect(verdict.status == .warn)
    #expect(
      verdict.reasons.contains { $0.contains("off by 0.7 %; in all, the image holds −0.7 %") },
      "\(verdict.reasons)")
    scan.A.domain.scale(&image, by: 0.97)
    #expect(
      try test.judge(image, method: "darker", measurement: scan.measured(), variance: scan.variance).verdict
        .status
        == .fail)
    // It is no fault of the data.
    #expect(verdict.figures.inconsistency < verdict.figures.inconsistencyInterval.upper)
    #expect(abs(verdict.figures.massExcess.value - 0.007) < 0.001)
  }

  @Test func noticesThatAirIsNotZero() throws {
    let scan = try ChestScan()
    var y = scan.measured()
    for i in y.samples.indices { y.samples[i] += Float(0.6 * scan.sigma) }
    let verdict = try MeasurementConsistency(scan.A, modelError: .none).judge(
      scan.truth, method: "truth", measurement: y, variance: scan.variance
    ).verdict
    #expect(verdict.status >= .warn)
    #expect(verdict.reasons.contains { $0.contains("air is not zero") })
    #expect(
      abs(verdict.figures.background.value / scan.sigma - 0.6) < 5 * verdict.figures.background.sigma
        / scan.sigma)
    #expect(verdict.figures.inconsistency < verdict.figures.inconsistencyInterval.upper)
  }

  @Test func warnsOfAnImageThatFollowsTheNoise() throws {
    let scan = try ChestScan(pixels: 64, views: 16)
    let y = scan.measured()
    var method = CGLS(scan.A, measurement: y)
    try method.run(limit: 60)
    let verdict = try MeasurementConsistency(scan.A, modelError: .none).judge(
      method.solution, method: "cgls", measurement: y, variance: scan.variance
    ).verdict
    #expect(verdict.status == .warn && verdict.figures.chiSquare < 0.5)
    #expect(verdict.figures.fineDetail < 0.8)
    #expect(verdict.reasons.contains { $0.contains("follows the noise") })
    // What no image can fit, this one has not fitted either.
    #expect(verdict.figures.inconsistency > verdict.figures.inconsistencyInterval.lower)
  }

  @Test func saysNothingOfTheAxisOfATruncatedObject() throws {
    let full = try ChestScan(pixels: 64, views: 30)
    let beam = full.A.beam
    let narrow = try RadonTransform(
      full.A.domain,
      beam: ParallelBeam(angles: beam.angles, bins: 40, binSpacing: beam.binSpacing), threads: 2)
    var y = narrow(full.truth)
    var generator = SplitMix64(seed: 1)
    NoiseModel.gaussian(sigma: full.sigma).add(to: &y, using: &generator)
    let variance = NoiseModel.gaussian(sigma: full.sigma).variance(of: y)
    let verdict = try MeasurementConsistency(narrow, modelError: .none).judge(
      full.truth, method: "truth", measurement: y, variance: variance
    ).verdict
    #expect(verdict.figures.isTruncated && verdict.figures.axisShift == nil)
    #expect(verdict.figures.inconsistencyInterval.lower == 0 && verdict.status == .pass, "\(verdict.reasons)")
  }

  /// Content that some views miss has moments of its own; the axis is estimated without it.
  @Test func measuresTheAxisWhateverLiesInTheCorners() throws {
    let scan = try ChestScan(pixels: 64, views: 30)
    let beam = ParallelBeam(
      angles: scan.A.beam.angles, bins: 70, binSpacing: scan.A.beam.binSpacing, axis: 31)
    let A = try RadonTransform(scan.A.domain, beam: beam, threads: 2)
    let y = A(scan.truth)
    var image = scan.truth
    for i in 0..<6 { for j in 0..<6 { image[i, j] = 0.02 } }
    let variance = NoiseModel.gaussian(sigma: scan.sigma).variance(of: y)
    let axis = try #require(
      try MeasurementConsistency(A, modelError: .none).judge(
        image, method: "corner", measurement: y, variance: variance
      ).verdict.figures.axisShift)
    #expect(abs(axis.value) < 0.01, "\(axis)")
  }

  // MARK: Model error

  /// κ, measured on random objects, predicts the error of another one: its size for every kind of bin, and χ² of the
  /// true image.
  @Test(arguments: [1, 4]) func knowsTheErrorOfPixels(raysPerBin: Int) throws {
    let scan = try ChestScan(raysPerBin: raysPerBin)
    let model = try ModelError.measure(scan.A, raysPerBin: raysPerBin)
    var error = scan.A(scan.truth)
    scan.A.codomain.add(-1, scan.clean, to: &error)
    let square = scan.A.codomain.inner(error, error).real
    let predicted = model.variance(for: scan.clean).samples.reduce(0) { $0 + Double($1) }
    #expect(abs((predicted / square).squareRoot() - 1) < 0.2, "\(predicted / square), \(model)")
    #expect(model.spread < 0.5)
    let y = scan.measured()
    let verdict = try MeasurementConsistency(scan.A, modelError: model).judge(
      scan.truth, method: "truth", measurement: y, variance: scan.variance
    ).verdict
    let without = try MeasurementConsistency(scan.A, modelError: .none).judge(
      scan.truth, method: "truth", measurement: y, variance: scan.variance
    ).verdict
    #expect(verdict.status == .pass, "\(verdict.reasons)")
    #expect(abs(verdict.figures.chiSquare - 1) < 0.1 + model.spread, "\(verdict.figures.chiSquare), \(model)")
    #expect(without.figures.chiSquare > 1.15 && without.figures.modelError == 0)
    #expect(verdict.reasons.contains { $0.contains("model error of \(raysPerBin == 1 ? "" : "0.")") })
  }

  @Test func isSmallerForBinsThatCollectLight() throws {
    let scan = try ChestScan()
    let (line, bin) = (
      try ModelError.measure(scan.A, raysPerBin: 1), try ModelError.measure(scan.A, raysPerBin: 8)
    )
    #expect(line.factor > 1.4 * bin.factor && bin.factor > 0.03 && line.factor < 0.3)
    #expect(throws: ReconstructionError.self) { try ModelError.measure(scan.A, raysPerBin: 0) }
    // Rays through the same pixels differ, too; an operator does not differ from itself.
    let rays = try RayTransform(scan.A.domain, beam: scan.A.beam, threads: 2)
    let other = try ModelError.measure(scan.A, against: rays)
    #expect(other.factor > 0.02 && other.factor < 0.3, "\(other)")
    #expect(try ModelError.measure(scan.A, against: scan.A) == .none)
  }

  // MARK: Form

  @Test func travelsAsJSON() throws {
    let scan = try ChestScan(pixels: 32, views: 12)
    let y = scan.measured()
    let judgement = try MeasurementConsistency(scan.A, modelError: .none).judge(
      scan.truth, method: "truth", slice: 7, measurement: y, variance: scan.variance,
      reference: ("again", scan.truth), nullSpaceFraction: 0.7)
    let verdict = judgement.verdict
    #expect(verdict.status == .warn && verdict.reasons.contains { $0.contains("70 % of the detail") })
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let data = try encoder.encode(verdict)
    #expect(try JSONDecoder().decode(Verdict.self, from: data) == verdict)
    let text = String(decoding: data, as: UTF8.self)
    for key in [
      "\"slice\":7", "\"status\":\"warn\"", "\"chiSquare\":", "\"axisShift\":", "\"contradiction\":",
      "\"reasons\":[",
    ] {
      #expect(text.contains(key), "\(key)")
    }
    #expect([verdict, verdict].worstStatus == .warn && [Verdict]().worstStatus == .pass)
    let limits = VerdictThresholds()
    #expect(try JSONDecoder().decode(VerdictThresholds.self, from: encoder.encode(limits)) == limits)
    #expect(Verdict.Status.allCases.sorted() == [.pass, .warn, .fail])
  }

  @Test func givesTheSameBytesAtAnyThreadCount() throws {
    var verdicts: [Verdict] = []
    for threads in [1, 3] {
      let scan = try ChestScan(pixels: 40, views: 15, raysPerBin: 2, threads: threads)
      let test = try MeasurementConsistency(scan.A, modelError: .measure(scan.A, raysPerBin: 2))
      let share = try NullSpace(scan.A)(scan.truth, variance: scan.variance).fraction
      verdicts.append(
        try test.judge(
          scan.truth, method: "truth", measurement: scan.measured(), variance: scan.variance,
          nullSpaceFraction: share
        ).verdict)
    }
    #expect(verdicts[0] == verdicts[1])
  }

  @Test func refusesWhatItCannotJudge() throws {
    let scan = try ChestScan(pixels: 32, views: 12)
    let test = MeasurementConsistency(scan.A, modelError: .none)
    let y = scan.measured()
    var image = scan.truth
    image[3, 4] = .nan
    #expect(
      throws: ReconstructionError.outOfRange(
        "the image at row 4, column 5", found: "nan", expected: "a number")
    ) {
      try test.judge(image, method: "x", measurement: y, variance: scan.variance)
    }
    #expect(throws: ReconstructionError.self) {
      try test.judge(scan.truth, method: "x", measurement: y, variance: scan.A.codomain.zero())
    }
    #expect(throws: ReconstructionError.shapes("the sinogram", found: [2, 2], expected: y.shape)) {
      try test.judge(scan.truth, method: "x", measurement: Sinogram(shape: [2, 2]), variance: scan.variance)
    }
  }
}
