import ComplexModule
import Fields
import Numerics
import Testing

@Suite struct PhantomKSpaceTests {
  static let ellipse = PhantomPart(
    .ellipse(halfAxes: SIMD2(21, 11)), centre: SIMD2(7, -4), rotation: .degrees(35), value: 1.2)
  static let rectangle = PhantomPart(
    .rectangle(halfAxes: SIMD2(13, 6)), centre: SIMD2(-15, 9), rotation: .degrees(-20), value: -0.7)
  static let polygon = PhantomPart(
    .polygon(vertices: [SIMD2(-9, -7), SIMD2(12, -5), SIMD2(6, 11), SIMD2(-4, 8)]), centre: SIMD2(3, 14),
    value: 2)

  /// 1/√N · Σ x exp(−2πi (k·(n − c)/N)), term by term, for any frequencies.
  private func transform(_ image: Image, at frequencies: [SpatialFrequency]) -> [Complex<Double>] {
    let (rows, columns) = (image.shape[0], image.shape[1])
    func wave(_ k: Double, _ count: Int) -> [Complex<Double>] {
      (0..<count).map {
        let angle = -2 * Double.pi * k * Double($0 - count / 2) / Double(count)
        return Complex(Double.cos(angle), Double.sin(angle))
      }
    }
    return frequencies.map { k in
      let (down, across) = (wave(k.row, rows), wave(k.column, columns))
      var sum = Complex<Double>.zero
      for row in 0..<rows {
        var line = Complex<Double>.zero
        for column in 0..<columns { line += across[column].multiplied(by: Double(image[row, column])) }
        sum += down[row] * line
      }
      return sum.divided(by: Double(rows * columns).squareRoot())
    }
  }

  private static func sinc(_ x: Double) -> Double { x == 0 ? 1 : Double.sin(.pi * x) / (.pi * x) }

  /// The DFT of an image is the closed form times that of a pixel, up to aliasing: for edges it falls like
  /// |k|^−1.5, so at frequencies up to 8 of 400 it stays below some 1e-4 of the mean.
  @Test(arguments: [[400, 400], [401, 360]] as [Shape])
  func agreesWithTheTransformOfAFineImage(shape: Shape) throws {
    let grid = ImageSpace(shape: shape, spacing: [0.25, 0.27])
    let scan = try phantom(Self.ellipse, Self.rectangle, Self.polygon)
    let frequencies = [(0, 0), (1, 0), (0, 1), (-3, 2), (8, 5), (2, -8), (0.5, 0.25), (-7.3, 1.9)].map {
      SpatialFrequency(row: $0.0, column: $0.1)
    }
    let expected = transform(scan.image(on: grid), at: frequencies)
    let found = try scan.kSpace(at: frequencies, on: grid)
    let scale = expected[0].length
    for (k, (a, b)) in zip(frequencies, zip(expected, found)) {
      let pixel = Self.sinc(k.row / Double(shape[0])) * Self.sinc(k.column / Double(shape[1]))
      let difference = a - Complex(Double(b.real), Double(b.imaginary)).multiplied(by: pixel)
      #expect(difference.length < 2e-4 * scale, "\(k): \(a) and \(b)")
    }
  }

  @Test func theGridHoldsItsFrequencies() throws {
    let grid = ImageSpace(shape: [5, 8], spacing: 3)
    let scan = try phantom(Self.ellipse, Self.polygon)
    let whole = try scan.kSpace(on: grid)
    for row in 0..<5 {
      for column in 0..<8 {
        let k = SpatialFrequency(row: Double(row - 2), column: Double(column - 4))
        #expect(try scan.kSpace(at: [k], on: grid) == [whole[row, column]])
      }
    }
  }

  /// Σ|y|² = Σ|x|², but for the energy beyond the grid: of a disc, less than 1/(π² K R) with K = 1/(2Δ).
  @Test func keepsTheEnergyOfADisc() throws {
    let grid = ImageSpace(shape: [128, 128])
    let disc = try phantom(PhantomPart(.ellipse(halfAxes: SIMD2(40, 40)), centre: SIMD2(5, 3), value: 3))
    let energy = try disc.kSpace(on: grid).samples.reduce(0) { $0 + Double($1.lengthSquared) }
    let missing = 1 - energy / (9 * 1600 * .pi)
    #expect(missing > 0 && missing < 1 / (.pi * .pi * 0.5 * 40))
  }

  @Test func aRectangleIsAPolygonOfFourCorners() throws {
    let corners = PhantomPart(
      .polygon(vertices: [SIMD2(-13, -6), SIMD2(13, -6), SIMD2(13, 6), SIMD2(-13, 6)]), centre: SIMD2(-15, 9),
      rotation: .degrees(-20), value: -0.7)
    let grid = ImageSpace(shape: [64, 64])
    // From the series for small k through the change of formula to the edge of the grid.
    let frequencies = (-60...50).map { exponent in
      let size = Double.pow(10, Double(exponent) / 10) * 32e-5
      return SpatialFrequency(row: min(32, size), column: -0.6 * min(32, size))
    }
    let a = try phantom(Self.rectangle).kSpace(at: frequencies, on: grid)
    let b = try phantom(corners).kSpace(at: frequencies, on: grid)
    let mean = 0.7 * 4 * 13 * 6 / 64
    for (x, y) in zip(a, b) { #expect(Double((x - y).length) < 1e-6 * mean) }
  }

  @Test func anEllipseIsAPolygonOfManySides() throws {
    var polygon = Self.ellipse
    polygon.outline = inscribed(SIMD2(21, 11), corners: 2000)
    let grid = ImageSpace(shape: [48, 48], spacing: 2)
    let (a, b) = (try phantom(Self.ellipse).kSpace(on: grid), try phantom(polygon).kSpace(on: grid))
    let mean = 1.2 * 21 * 11 * .pi / (4 * 48)
    for (x, y) in zip(a.samples, b.samples) { #expect(Double((x - y).length) < 1e-5 * mean) }
  }

  @Test func turnsNestedReplacementsIntoSums() throws {
    func disc(_ radius: Double, _ x: Double, _ value: Double, _ blend: PhantomPart.Blend) -> PhantomPart {
      PhantomPart(.ellipse(halfAxes: SIMD2(radius, radius)), centre: SIMD2(x, 1), value: value, blend: blend)
    }
    let hidden = PhantomPart(.rectangle(halfAxes: SIMD2(2, 3)), centre: SIMD2(10, 1), value: 7)
    let painted = try phantom(
      disc(30, 0, 1, .replacing), disc(4, -18, 5, .additive), hidden, disc(9, 10, 3, .replacing),
      disc(4, 10, 0.5, .replacing))
    let summed = try phantom(
      disc(30, 0, 1, .additive), disc(4, -18, 5, .additive), disc(9, 10, 2, .additive),
      disc(4, 10, -2.5, .additive))
    let grid = ImageSpace(shape: [12, 12], spacing: 8)
    #expect(try painted.kSpace(on: grid) == summed.kSpace(on: grid))
  }

  @Test func namesThePartThatOverlapsInPart() throws {
    func part(_ outline: PhantomPart.Outline, _ name: String, _ x: Double) -> PhantomPart {
      PhantomPart(outline, name: name, centre: SIMD2(x, 0), value: 1, blend: .replacing)
    }
    let grid = ImageSpace(shape: [4, 4])
    let disc = PhantomPart.Outline.ellipse(halfAxes: SIMD2(10, 10))
    let square = PhantomPart.Outline.rectangle(halfAxes: SIMD2(10, 10))
    for (first, second) in [(disc, disc), (disc, square), (square, disc), (square, square)] {
      let error = #expect(throws: PhantomError.self) {
        try phantom(part(first, "lung", 0), part(second, "heart", 19)).kSpace(on: grid)
      }
      #expect(error == .partialOverlap(part: "part 2 ('heart')", other: "part 1 ('lung')"))
      // Touching from outside and from inside is no overlap.
      _ = try phantom(part(first, "lung", 0), part(second, "heart", 20)).kSpace(on: grid)
      _ = try phantom(part(first, "lung", 0), part(first, "lung again", 0)).kSpace(on: grid)
    }
    let error = #expect(throws: PhantomError.self) {
      try phantom(part(disc, "lung", 0), part(disc, "heart", 19)).kSpace(on: grid)
    }
    #expect(
      error?.description
        == "part 2 ('heart') replaces some of part 1 ('lung') and leaves the rest, so its Fourier transform has "
        + "no closed form. Put it wholly inside or outside, or make it additive.")
  }
}
