import Fields
import Operators
import RealModule
import TestSupport
import Testing

@Suite struct RampFilterTests {
  /// |ν| away from zero; at zero what the truncation of 1/n² to half the length N leaves, 2 / (π² N d).
  @Test(arguments: [0.5, 2.0]) func isARamp(spacing: Double) throws {
    let filter = try RampFilter(bins: 100, binSpacing: spacing)
    let length = 2 * (filter.response.count - 1)
    let top = 0.5 / spacing
    for (m, value) in filter.response.enumerated() where m > 0 {
      // The same truncation shows at every frequency, with alternating signs: 2 / (π² N d) is 4 / (π² N) of the top. A
      // twentieth more, because sums end half a step from where their integrals do.
      #expect(abs(value - Double(m) / (Double(length) * spacing)) < 4.2 / (.pi * .pi * Double(length)) * top)
    }
    // The sum of 1/n² from N/2 on is its integral to 2 / N, with N above 200.
    #expect(abs(filter.response[0] * .pi * .pi * Double(length) * spacing / 2 - 1) < 0.02)
  }

  /// Against the convolution itself.
  @Test func convolvesInSpace() throws {
    var generator = SplitMix64(seed: 4)
    let space = SinogramSpace(shape: [5, 33])
    let p = space.random(using: &generator)
    let d = 0.7
    let filter = try RampFilter(bins: 33, binSpacing: d)
    var q = space.zero()
    let factors = [1.0, 2, 3, -1, 0.5]
    filter.apply(p, into: &q, factors: factors, threads: 2)
    var expected = space.zero()
    for view in 0..<5 {
      for k in 0..<33 {
        var sum = 0.0
        for j in 0..<33 {
          let n = k - j
          let h = n == 0 ? 0.25 / (d * d) : n % 2 == 0 ? 0 : -1 / (.pi * .pi * Double(n * n) * d * d)
          sum += h * Double(p[view, j])
        }
        expected[view, k] = Float(d * sum * factors[view])
      }
    }
    // Two transforms of some hundred points: a rounding for each of their stages.
    #expect(relativeError(q, expected) < 8 * Double(Float.ulpOfOne))
  }

  /// The same with the sine of the angle between two bins for their distance.
  @Test func convolvesAlongAnArc() throws {
    var generator = SplitMix64(seed: 14)
    let space = SinogramSpace(shape: [3, 40])
    let p = space.random(using: &generator)
    let step = Angle.degrees(1.7)
    let filter = try RampFilter(bins: 40, binAngle: step)
    var q = space.zero()
    filter.apply(p, into: &q, factors: [1, 1, 1], threads: 1)
    var expected = space.zero()
    for view in 0..<3 {
      for k in 0..<40 {
        var sum = 0.0
        for j in 0..<40 {
          let n = k - j
          let arc = Double.pi * Double.sin(Double(n) * step.radians)
          let h = n == 0 ? 0.25 / (step.radians * step.radians) : n % 2 == 0 ? 0 : -1 / (arc * arc)
          sum += h * Double(p[view, j])
        }
        expected[view, k] = Float(step.radians * sum)
      }
    }
    #expect(relativeError(q, expected) < 8 * Double(Float.ulpOfOne))
  }

  /// Against the textbooks' equations, at every frequency.
  @Test(arguments: RampFilter.Window.allCases, [0.3, 0.5, 1])
  func windowsFollowTheirEquations(window: RampFilter.Window, cutoff: Double) throws {
    let ramp = try RampFilter(bins: 64, binSpacing: 1).response
    let response = try RampFilter(bins: 64, binSpacing: 1, window: window, cutoff: cutoff).response
    for m in response.indices {
      // Cycles per bin, and the cut-off in the same unit.
      let (nu, limit) = (Double(m) / Double(2 * (response.count - 1)), cutoff / 2)
      let f = nu / limit
      let inside = f <= 1 + 1e-9
      let expected =
        switch window {
        case .ramp: inside ? 1.0 : 0
        case .sheppLogan:
          m == 0 ? 1 : inside ? Double.sin(.pi * nu / (2 * limit)) / (.pi * nu / (2 * limit)) : 0
        case .cosine: inside ? Double.cos(.pi * nu / (2 * limit)) : 0
        case .hamming: inside ? 0.54 + 0.46 * Double.cos(.pi * nu / limit) : 0
        case .hann: inside ? Double.cos(.pi * nu / (2 * limit)) * Double.cos(.pi * nu / (2 * limit)) : 0
        case .parzen: f <= 0.5 ? 1 - 6 * f * f + 6 * f * f * f : inside ? 2 * Double.pow(1 - f, 3) : 0
        case .butterworth: 1 / (1 + Double.pow(f, 8)).squareRoot()
        }
      // Rounding of the factors, on the scale of the ramp's top.
      #expect(abs(response[m] - ramp[m] * expected) < 1e-12)
      #expect(response[m] <= ramp[m] && response[m] >= -1e-12)
    }
  }

  @Test func refusesACutOffOfNothing() {
    for cutoff in [0, -1, 1.5, .nan] {
      #expect(throws: OperatorError.self) { try RampFilter(bins: 8, binSpacing: 1, cutoff: cutoff) }
    }
  }

  @Test func refusesAnArcOfHalfATurn() {
    #expect(
      throws: OperatorError.outOfRange(
        "the angle between bins", found: "\(Angle.degrees(30))", expected: "7 bins within less than 180°")
    ) { try RampFilter(bins: 7, binAngle: .degrees(30)) }
    #expect(throws: OperatorError.self) { try RampFilter(bins: 7, binAngle: .degrees(-1)) }
  }

  @Test func weighsViewsByTheTurnTheyStandFor() {
    func weights(_ degrees: [Double]) -> [Double] {
      ParallelBeam(angles: degrees.map { .degrees($0) }, bins: 1).angularWeights.map { $0 * 180 / .pi }
    }
    func expectEqual(_ a: [Double], _ b: [Double]) {
      // Degrees of up to 300 in double precision are rounded to 6e-14, a few times over.
      #expect(a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) < 1e-12 }, "\(a), expected \(b)")
    }
    expectEqual(weights([0, 45, 90, 135]), [45, 45, 45, 45])
    expectEqual(weights([90, 0, 135, 45]), [45, 45, 45, 45])
    // A full turn: opposite views share.
    expectEqual(weights([0, 60, 120, 180, 240, 300]), [30, 30, 30, 30, 30, 30])
    // Both ends of a half turn given.
    expectEqual(weights([0, 60, 120, 180]), [30, 60, 60, 30])
    expectEqual(weights([0, 30, 90]), [60, 45, 75])
    // A missing wedge is not made up for by its neighbours.
    expectEqual(weights([0, 10, 20, 30, 40, 50]), [10, 10, 10, 10, 10, 10])
    expectEqual(weights([17]), [180])
  }
}
