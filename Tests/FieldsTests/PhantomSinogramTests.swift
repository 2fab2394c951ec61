import Fields
import Numerics
import Testing

@Suite struct PhantomSinogramTests {
  static let angles = Angle.even(7)

  /// 2 μ √(R² − (s − c·n)²), at every angle, with the axis off the middle.
  @Test func projectsADiscInClosedForm() throws {
    let disc = PhantomPart(.ellipse(halfAxes: SIMD2(23, 23)), centre: SIMD2(6, -9), value: 0.02)
    let sinogram = try phantom(disc).sinogram(angles: Self.angles, bins: 81, binSpacing: 1.1, axis: 38.3)
    for (row, angle) in Self.angles.enumerated() {
      for bin in 0..<81 {
        let s = (Double(bin) - 38.3) * 1.1 - (6 * angle.cosine - 9 * angle.sine)
        let expected = 0.04 * max(0, 23 * 23 - s * s).squareRoot()
        #expect(abs(Double(sinogram[row, bin]) - expected) < 1e-7)
      }
    }
  }

  @Test func projectsARectangleInClosedForm() throws {
    let square = try phantom(
      PhantomPart(.rectangle(halfAxes: SIMD2(10, 10)), centre: SIMD2(3, 0), value: 2)
    ).slice()
    #expect(abs(square.lineIntegral(angle: .degrees(0), offset: 12.9) - 40) < 1e-12)
    #expect(square.lineIntegral(angle: .degrees(0), offset: 13.1) == 0)
    for s in stride(from: -13.9, through: 13.9, by: 1.7) {
      let found = square.lineIntegral(angle: .degrees(45), offset: s + 3 / 2.0.squareRoot())
      #expect(abs(found - 4 * (10 * 2.0.squareRoot() - abs(s))) < 1e-12)
    }
  }

  /// s = x cos θ + y sin θ: a dot at (+x, 0) is on the right at 0° and in the middle at 90°.
  @Test func seesADotWhereItIs() throws {
    let dot = try phantom(PhantomPart(.ellipse(halfAxes: SIMD2(0.4, 0.4)), centre: SIMD2(8, 3), value: 1))
    let sinogram = dot.sinogram(angles: [0, 90, 180, 270].map { .degrees($0) }, bins: 31, binSpacing: 1)
    for (row, bin) in [15 + 8, 15 + 3, 15 - 8, 15 - 3].enumerated() {
      let hit = (0..<31).filter { sinogram[row, $0] > 0 }
      #expect(hit == [bin])
    }
    let shifted = dot.sinogram(angles: [.degrees(0)], bins: 31, binSpacing: 1, axis: 10)
    #expect((0..<31).filter { shifted[0, $0] > 0 } == [18])
  }

  /// Every projection of an additive phantom holds its mass; midpoints err by (step/size)^1.5 at rims.
  @Test func keepsTheMassAtEveryAngle() throws {
    let parts = [
      PhantomPart(.ellipse(halfAxes: SIMD2(30, 12)), centre: SIMD2(4, 4), rotation: .degrees(25), value: 1),
      PhantomPart(
        .rectangle(halfAxes: SIMD2(9, 5)), centre: SIMD2(-8, 6), rotation: .degrees(-15), value: -0.5),
      PhantomPart(.polygon(vertices: [SIMD2(0, 0), SIMD2(14, 2), SIMD2(3, 9)]), value: 0.7),
    ]
    let mass = 360 * Double.pi - 90 + 42
    let sinogram = try Phantom(name: "three", fieldOfView: 100, parts: parts)
      .sinogram(angles: Self.angles, bins: 1000, binSpacing: 0.1, raysPerBin: 4)
    for row in Self.angles.indices {
      let found = (0..<1000).reduce(0) { $0 + Double(sinogram[row, $1]) } * 0.1
      // A discontinuity, as of a side seen edge-on, costs at most one ray: 0.025 mm of 18.
      #expect(abs(found - mass) < 0.3, "\(found) for \(mass)")
      #expect(abs(found / mass - 1) < 3e-4)
    }
  }

  @Test func turningThePhantomIsTurningTheAngles() throws {
    let original = try tangle(seed: 8)
    let turn = Angle.degrees(37)
    let turned = try Phantom(
      name: "turned", fieldOfView: 100,
      parts: original.parts.map {
        var part = $0
        part.centre = SIMD2(
          turn.cosine * $0.centre.x - turn.sine * $0.centre.y,
          turn.sine * $0.centre.x + turn.cosine * $0.centre.y)
        part.rotation = .radians($0.rotation.radians + turn.radians)
        return part
      })
    let a = original.sinogram(angles: Self.angles, bins: 90, binSpacing: 1)
    let b = turned.sinogram(
      angles: Self.angles.map { .radians($0.radians + turn.radians) }, bins: 90, binSpacing: 1)
    // Values up to 60; rounding of floats.
    for (x, y) in zip(a.samples, b.samples) { #expect(abs(x - y) < 1e-5) }
  }

  /// Against 40 000 points of `value(at:)` along each line: every edge is missed by at most one step.
  @Test(arguments: [11, 12, 13] as [UInt64]) func paintsInOrderAlongEveryLine(seed: UInt64) throws {
    let slice = try tangle(seed: seed).slice()
    let (count, length) = (40_000, 160.0)
    var generator = SplitMix64(seed: seed)
    for _ in 0..<20 {
      let angle = Angle.degrees(360 * generator.uniform())
      let offset = 60 * generator.uniform() - 30
      var sum = 0.0
      for index in 0..<count {
        let t = length * ((Double(index) + 0.5) / Double(count) - 0.5)
        sum += slice.value(
          at: SIMD2(offset * angle.cosine - t * angle.sine, offset * angle.sine + t * angle.cosine))
      }
      let step = length / Double(count)
      let found = slice.lineIntegral(angle: angle, offset: offset)
      // Up to 28 edges with a contrast of at most 2, each within half a step.
      #expect(abs(found - sum * step) < 28 * step)
    }
  }

  @Test func aPolygonOfManySidesIsAnEllipse() throws {
    let halfAxes = SIMD2(30.0, 18.0)
    let ellipse = try phantom(PhantomPart(.ellipse(halfAxes: halfAxes), rotation: .degrees(20), value: 1))
    let polygon = try phantom(
      PhantomPart(inscribed(halfAxes, corners: 1440), rotation: .degrees(20), value: 1))
    let a = ellipse.sinogram(angles: Self.angles, bins: 64, binSpacing: 1)
    let b = polygon.sinogram(angles: Self.angles, bins: 64, binSpacing: 1)
    // An outline moved inwards by e shortens a chord by up to √(8 e R): e = 30 (1 − cos(π/1440)) = 7e-5 mm.
    for (x, y) in zip(a.samples, b.samples) { #expect(abs(x - y) < 0.13) }
    #expect(zip(a.samples, b.samples).map { abs($0 - $1) }.reduce(0, +) / Float(a.samples.count) < 1e-3)
  }

  /// The mean of a bin against the closed form ½[s√(R² − s²) + R² asin(s/R)], as stated in the documentation.
  @Test(arguments: [1, 4, 16]) func averagesOverTheWidthOfABin(rays: Int) throws {
    let radius = 40.0
    func area(_ s: Double) -> Double {
      let s = max(-radius, min(radius, s))
      return s * (radius * radius - s * s).squareRoot() + radius * radius * Double.asin(s / radius)
    }
    let disc = try phantom(PhantomPart(.ellipse(halfAxes: SIMD2(radius, radius)), value: 1))
    let inside = 2 * (2 * radius - 1).squareRoot()
    for shift in stride(from: 0.0, to: 1, by: 0.05) {
      let centre = 45 + shift
      let sinogram = disc.sinogram(
        angles: [.degrees(0)], bins: 92, binSpacing: 1, axis: centre, raysPerBin: rays)
      for bin in 0..<92 {
        let s = Double(bin) - centre
        let error = abs(Double(sinogram[0, bin]) - (area(s + 0.5) - area(s - 0.5)))
        #expect(error < 0.25 * inside * Double.pow(Double(rays), -1.5) + 1e-5)
      }
    }
  }
}
