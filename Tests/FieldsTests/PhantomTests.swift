import Fields
import Testing

@Suite struct PhantomTests {
  private func failure(_ part: PhantomPart) -> String {
    do {
      _ = try Phantom(name: "test", fieldOfView: 100, parts: [part])
      return "no error"
    } catch {
      return error.description
    }
  }

  @Test func refusesPartsWithoutInterior() {
    #expect(
      failure(PhantomPart(.ellipse(halfAxes: SIMD2(3, 0)), name: "flat", value: 1))
        == "part 1 ('flat'): a half axis is 0.0, expected a length above 0.")
    #expect(
      failure(PhantomPart(.rectangle(halfAxes: SIMD2(3, 1)), value: .nan))
        == "part 1: the value is nan, expected a finite number.")
    #expect(
      failure(
        PhantomPart(.ellipse(halfAxes: SIMD2(3, 1)), value: 1, extent: .ellipsoid(centre: 0, halfAxis: -1)))
        == "part 1: the half axis along z is -1.0, expected a length above 0.")
    #expect(
      failure(PhantomPart(.polygon(vertices: [SIMD2(0, 0), SIMD2(1, 1)]), value: 1))
        == "part 1: the number of vertices is 2.0, expected at least 3.")
  }

  @Test func refusesPolygonsThatAreNotConvex() {
    let dent = [SIMD2(0.0, 0), SIMD2(4, 0), SIMD2(1, 1), SIMD2(0, 4)]
    let star = Angle.even(5, over: .degrees(720)).map { SIMD2($0.cosine, $0.sine) }
    let line = [SIMD2(0.0, 0), SIMD2(1, 1), SIMD2(2, 2)]
    for vertices in [dent, star, line] {
      #expect(
        failure(PhantomPart(.polygon(vertices: vertices), value: 1))
          == "part 1: the polygon is not convex. Split it into convex parts that share their edges.")
    }
    #expect(
      failure(PhantomPart(.polygon(vertices: [SIMD2(0, 0), SIMD2(0, 4), SIMD2(4, 0)]), value: 1))
        == "no error")
  }

  @Test func spreadsSlicesOverItsRange() throws {
    let phantom = try Phantom(name: "test", fieldOfView: 80, zRange: -20...20, parts: [])
    #expect(phantom.heights(count: 4) == [-15, -5, 5, 15])
    #expect(phantom.grid(size: 32).spacing == [2.5, 2.5])
  }

  @Test func laysBarsOneGapApart() throws {
    let bars = PhantomPart.bars(
      count: 3, width: 2, gap: 4, length: 10, name: "bars", centre: SIMD2(1, 0), rotation: .degrees(90),
      value: 1)
    let phantom = try Phantom(name: "test", fieldOfView: 40, parts: bars)
    let slice = phantom.slice()
    // Upright bars turned by 90° lie on their sides, one above the other.
    let inside = stride(from: -9.5, through: 9.5, by: 1).filter { slice.value(at: SIMD2(5, $0)) > 0 }
    #expect(inside == [-6.5, -5.5, -0.5, 0.5, 5.5, 6.5])
    #expect(slice.value(at: SIMD2(6.1, 0)) == 0 && slice.value(at: SIMD2(-3.9, 0)) == 1)
  }

  @Test func mirrorsEverything() throws {
    let part = PhantomPart(
      .polygon(vertices: [SIMD2(0, 0), SIMD2(9, 0), SIMD2(0, 4)]), centre: SIMD2(5, 3),
      rotation: .degrees(30),
      value: 1, extent: .range(-10...10), drift: SIMD2(0.3, 0.1), bend: SIMD2(0.02, 0), turn: .degrees(2))
    let (left, right) = (try phantom(part), try phantom(part.mirrored(name: "")))
    let (a, b) = (left.slice(z: 5), right.slice(z: 5))
    var generator = SplitMix64(seed: 4)
    for _ in 0..<500 {
      let point = SIMD2(40 * generator.uniform() - 20, 40 * generator.uniform() - 20)
      #expect(a.value(at: point) == b.value(at: SIMD2(-point.x, point.y)))
    }
  }
}
