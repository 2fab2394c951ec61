import Fields
import Operators
import RealModule
import TestSupport
import Testing

@Suite struct FanBeamRedundancyTests {
  private static func beam(_ angles: [Angle], axis: Double? = nil, bins: Int = 101) -> FanBeam {
    FanBeam(angles: angles, bins: bins, sourceAxisDistance: 200, sourceDetectorDistance: 300, axis: axis)
  }

  /// Rays at (β, γ) and (β ± π − 2γ, −γ) are one; what is measured counts once. γ reaches 9.5°.
  @Test(arguments: [198, 200, 230, 270, 340]) func shortScansCountEveryRayOnce(degrees: Double) {
    let scan = FanBeamRedundancy(Self.beam(Angle.even(360, over: .degrees(degrees), from: .degrees(20))))
    #expect(!scan.isFullTurn)
    #expect(abs(scan.range - degrees * .pi / 180) < 1e-9)
    var generator = SplitMix64(seed: 1)
    for _ in 0..<2000 {
      let beta = scan.range * generator.uniform()
      let gamma = (2 * generator.uniform() - 1) * 9.5 * .pi / 180
      let again = [beta + .pi - 2 * gamma, beta - .pi - 2 * gamma].filter { $0 >= 0 && $0 <= scan.range }
      let sum = again.reduce(scan.viewWeight(turned: beta, fanAngle: gamma)) {
        $0 + scan.viewWeight(turned: $1, fanAngle: -gamma)
      }
      #expect(abs(sum - 1) < 1e-12)
    }
  }

  /// Both sides of the detector together count once; what one side sees alone counts fully.
  @Test(arguments: [50.0, 47, 30, 8, 95, 0]) func offsetDetectorsCountEveryRayOnce(axis: Double) {
    let scan = FanBeamRedundancy(Self.beam(Angle.even(90, over: .degrees(360)), axis: axis))
    #expect(scan.isFullTurn)
    for bin in stride(from: -0.5, through: 100.5, by: 0.25) {
      let other = 2 * axis - bin
      let weight = scan.weight(turned: 1, bin: bin)
      if other >= -0.5, other <= 100.5 {
        #expect(abs(weight + scan.weight(turned: 2, bin: other) - 1) < 1e-12)
      } else {
        #expect(weight == 1)
      }
      if axis == 50 { #expect(weight == 0.5) }
    }
    // No step larger than that of a sine which rises within the short side.
    let steps = (1...100).map { abs(scan.sideWeight(at: Double($0)) - scan.sideWeight(at: Double($0 - 1))) }
    let rise = min(min(axis, 100 - axis) + 0.5, (max(axis, 100 - axis) + 0.5) / 4)
    #expect((steps.max() ?? 0) <= .pi / 4 / rise + 1e-12 || rise < 1)
  }

  /// Both at once: of rays that are measured again elsewhere on the detector within the scan, and of those that are not.
  @Test func shortScansOfOffsetDetectorsCountEveryRayOnce() {
    let beam = Self.beam(Angle.even(240, over: .degrees(240)), axis: 30)
    let scan = FanBeamRedundancy(beam)
    var generator = SplitMix64(seed: 2)
    for _ in 0..<2000 {
      let beta = scan.range * generator.uniform()
      let bin = 101 * generator.uniform() - 0.5
      let gamma = beam.fanAngle(at: bin).radians
      let other = 60 - bin
      let isSeen = other >= -0.5 && other <= 100.5
      let again = [beta + .pi - 2 * gamma, beta - .pi - 2 * gamma].filter {
        isSeen && $0 >= 0 && $0 <= scan.range
      }
      let sum = again.reduce(scan.weight(turned: beta, bin: bin)) { $0 + scan.weight(turned: $1, bin: other) }
      #expect(abs(sum - 1) < 1e-9)
    }
  }

  @Test func weighsViewsByTheTurnTheyStandFor() {
    func check(_ degrees: [Double], _ expected: [Double], range: Double, full: Bool) {
      let scan = FanBeamRedundancy(Self.beam(degrees.map { .degrees($0) }))
      let weights = scan.angularWeights.map { $0 * 180 / .pi }
      #expect(zip(weights, expected).allSatisfy { abs($0 - $1) < 1e-9 }, "\(weights), expected \(expected)")
      #expect(weights.count == expected.count && scan.isFullTurn == full)
      #expect(abs(scan.range * 180 / .pi - range) < 1e-9)
    }
    check([0, 90, 180, 270], [90, 90, 90, 90], range: 360, full: true)
    check([270, 0, 90, 180], [90, 90, 90, 90], range: 360, full: true)
    // Both ends of a turn given: they share.
    check([0, 90, 180, 270, 360], [45, 90, 90, 90, 45], range: 360, full: true)
    // More than a turn: what is measured twice counts half.
    check(
      [0, 60, 120, 180, 240, 300, 360, 420], [30, 30, 60, 60, 60, 60, 30, 30], range: 360, full: true)
    // Short scans, one of them over the start of the circle.
    check((0..<5).map { 50 * Double($0) }, [50, 50, 50, 50, 50], range: 250, full: false)
    check([310, -10, 30, 70, 110, 150], [40, 40, 40, 40, 40, 40], range: 240, full: false)
    check([17], [360], range: 360, full: true)
  }

  @Test func countsFromTheStartOfTheScan() {
    let scan = FanBeamRedundancy(Self.beam([30, -10, 310, 70, 110, 150].map { .degrees($0) }))
    let turned = scan.turned.map { $0 * 180 / .pi }
    #expect(zip(turned, [100, 60, 20, 140, 180, 220]).allSatisfy { abs($0 - $1) < 1e-9 }, "\(turned)")
  }
}
