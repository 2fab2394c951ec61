import Fields
import Numerics
import Testing

@Suite struct PhantomImageTests {
  /// Oblong, odd, with unequal spacing.
  static let grid = ImageSpace(shape: [61, 74], spacing: [1.7, 1.4])

  private func mass(_ image: Image, on grid: ImageSpace) -> Double {
    image.samples.reduce(0) { $0 + Double($1) } * grid.spacing[0] * grid.spacing[1]
  }

  /// The image of a part holds its whole area: the error is the rounding of some thousand floats.
  @Test func keepsTheAreaOfEveryShape() throws {
    let ellipse = PhantomPart(
      .ellipse(halfAxes: SIMD2(31.3, 9.2)), centre: SIMD2(3.3, -5.1), rotation: .degrees(33), value: 1.5)
    let speck = PhantomPart(.ellipse(halfAxes: SIMD2(0.21, 0.13)), centre: SIMD2(-7.7, 8.9), value: 1.5)
    let rectangle = PhantomPart(
      .rectangle(halfAxes: SIMD2(20, 7)), centre: SIMD2(-4, 2), rotation: .degrees(71), value: 1.5)
    let upright = PhantomPart(.rectangle(halfAxes: SIMD2(20.3, 7.7)), centre: SIMD2(0.1, 0.2), value: 1.5)
    let triangle = PhantomPart(
      .polygon(vertices: [SIMD2(-20, -11), SIMD2(25, 3), SIMD2(-2, 19)]), value: 1.5)
    let areas: [Double] = [31.3 * 9.2 * .pi, 0.21 * 0.13 * .pi, 560, 4 * 20.3 * 7.7, 549]
    for (part, area) in zip([ellipse, speck, rectangle, upright, triangle], areas) {
      let found = mass(try phantom(part).image(on: Self.grid), on: Self.grid)
      #expect(abs(found / (1.5 * area) - 1) < 1e-6, "\(part.outline): \(found) for \(1.5 * area)")
    }
  }

  @Test func cutsWhatLeavesTheGrid() throws {
    let grid = ImageSpace(shape: [40, 40])
    let disc = PhantomPart(.ellipse(halfAxes: SIMD2(10, 10)), centre: SIMD2(20, 0), value: 1)
    let square = PhantomPart(.rectangle(halfAxes: SIMD2(10, 10)), centre: SIMD2(-20, 20), value: 1)
    let outside = PhantomPart(.ellipse(halfAxes: SIMD2(5, 5)), centre: SIMD2(26, 0), value: 1)
    let around = PhantomPart(.ellipse(halfAxes: SIMD2(1e6, 1e6)), value: 1)
    #expect(abs(mass(try phantom(disc).image(on: grid), on: grid) / (50 * .pi) - 1) < 1e-6)
    #expect(abs(mass(try phantom(square).image(on: grid), on: grid) / 100 - 1) < 1e-6)
    #expect(try phantom(outside).image(on: grid).samples.allSatisfy { $0 == 0 })
    #expect(try phantom(around).image(on: grid).samples.allSatisfy { $0 == 1 })
  }

  /// Row 0 is at the top, y points up, x to the right, for even and odd sizes.
  @Test(arguments: [[8, 8], [7, 10], [5, 4]] as [Shape])
  func putsASquareIntoItsPixel(shape: Shape) throws {
    let grid = ImageSpace(shape: shape, spacing: [2, 3])
    for row in 0..<shape[0] {
      for column in 0..<shape[1] {
        let centre = SIMD2(
          (Double(column) - Double(shape[1] - 1) / 2) * 3, -(Double(row) - Double(shape[0] - 1) / 2) * 2)
        let part = PhantomPart(.rectangle(halfAxes: SIMD2(1.5, 1)), centre: centre, value: 1)
        var expected = grid.zero()
        expected[row, column] = 1
        #expect(try phantom(part).image(on: grid) == expected)
      }
    }
  }

  /// Every pixel against 256² points. The points miss an edge by at most about its length over 256 pixels.
  @Test func agreesWithSamplingPixelByPixel() throws {
    let additive = try Phantom(
      name: "sum", fieldOfView: 100,
      parts: try tangle(seed: 3).parts.map {
        var part = $0
        part.blend = .additive
        return part
      })
    #expect(try largestError(of: additive) < 0.02)
  }

  /// Where edges of replacing parts share pixels, 32 rows stand for the area: 1/64 of the contrast at worst.
  @Test(arguments: [1, 2] as [UInt64]) func paintsInOrder(seed: UInt64) throws {
    #expect(try largestError(of: tangle(seed: seed)) < 2.0 / 64)
  }

  private func largestError(of phantom: Phantom) throws -> Double {
    let grid = ImageSpace(shape: [23, 30], spacing: [3.3, 2.6])
    let image = phantom.image(on: grid)
    let slice = phantom.slice()
    let side = 128
    var worst = 0.0
    for row in 0..<23 {
      for column in 0..<30 {
        var sum = 0.0
        for i in 0..<side {
          for j in 0..<side {
            let x = (Double(column) + (Double(j) + 0.5) / Double(side) - 15) * 2.6
            let y = (11.5 - Double(row) - (Double(i) + 0.5) / Double(side)) * 3.3
            sum += slice.value(at: SIMD2(x, y))
          }
        }
        worst = max(worst, abs(sum / Double(side * side) - Double(image[row, column])))
      }
    }
    return worst
  }

  /// A quarter turn of the phantom is a quarter turn of the image.
  @Test func turnsWithThePhantom() throws {
    let original = try tangle(seed: 5)
    let turned = try Phantom(
      name: "turned", fieldOfView: 100,
      parts: original.parts.map {
        var part = $0
        part.centre = SIMD2(-$0.centre.y, $0.centre.x)
        part.rotation = .degrees($0.rotation.degrees + 90)
        return part
      })
    let grid = original.grid(size: 33)
    let (a, b) = (original.image(on: grid), turned.image(on: grid))
    for row in 0..<33 {
      for column in 0..<33 {
        // Rows are sampled, so pixels shared by edges differ by their error.
        #expect(abs(a[row, column] - b[32 - column, row]) < 1.0 / 32)
      }
    }
  }

  @Test func aPolygonOfManySidesIsAnEllipse() throws {
    let halfAxes = SIMD2(30.0, 18.0)
    let ellipse = try phantom(PhantomPart(.ellipse(halfAxes: halfAxes), rotation: .degrees(20), value: 1))
    let polygon = try phantom(
      PhantomPart(inscribed(halfAxes, corners: 720), rotation: .degrees(20), value: 1))
    let grid = ellipse.grid(size: 64)
    // The sides lie at most 30 (1 − cos(π/720)) = 0.0003 mm inside, in pixels of 1.56 mm.
    for (a, b) in zip(ellipse.image(on: grid).samples, polygon.image(on: grid).samples) {
      #expect(abs(a - b) < 3e-4)
    }
  }

  @Test func changesAlongZ() throws {
    let moving = PhantomPart(
      .ellipse(halfAxes: SIMD2(8, 4)), centre: SIMD2(1, 2), rotation: .degrees(10), value: 1,
      extent: .range(-10...30), drift: SIMD2(0.5, -0.25), bend: SIMD2(0, 0.01), turn: .degrees(3), taper: 0.02
    )
    let still = PhantomPart(
      .ellipse(halfAxes: SIMD2(8 * 1.2, 4 * 1.2)), centre: SIMD2(1 + 5, 2 - 2.5 + 1), rotation: .degrees(40),
      value: 1)
    let grid = ImageSpace(shape: [50, 50])
    let (a, b) = (try phantom(moving).image(on: grid, z: 20), try phantom(still).image(on: grid))
    for (x, y) in zip(a.samples, b.samples) { #expect(abs(x - y) < 1e-6) }
    #expect(try phantom(moving).image(on: grid, z: 30.5).samples.allSatisfy { $0 == 0 })

    let ball = PhantomPart(
      .ellipse(halfAxes: SIMD2(10, 10)), value: 1, extent: .ellipsoid(centre: 5, halfAxis: 10))
    let volume =
      try (0..<200).map {
        mass(try phantom(ball).image(on: grid, z: -5 + 0.1 * (Double($0) + 0.5)), on: grid)
      }
      .reduce(0, +) * 0.1
    // Midpoints of a parabola: the error is (h²/24)·f″ over the depth, 1/20000 of the volume.
    #expect(abs(volume / (4000 * .pi / 3) - 1) < 1e-4)
  }
}
