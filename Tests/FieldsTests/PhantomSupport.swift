import Fields

/// A phantom from parts alone, 100 mm wide.
func phantom(_ parts: PhantomPart...) throws -> Phantom {
  try Phantom(name: "test", fieldOfView: 100, parts: parts)
}

/// Ellipses, rectangles and polygons of both blends that cross each other freely.
func tangle(seed: UInt64, count: Int = 14) throws -> Phantom {
  var generator = SplitMix64(seed: seed)
  func uniform(_ low: Double, _ high: Double) -> Double { low + (high - low) * generator.uniform() }
  let parts = (0..<count).map { index in
    let halfAxes = SIMD2(uniform(3, 25), uniform(3, 25))
    let outline: PhantomPart.Outline =
      switch index % 3 {
      case 0: .ellipse(halfAxes: halfAxes)
      case 1: .rectangle(halfAxes: halfAxes)
      default: .polygon(vertices: [SIMD2(-9, -7), SIMD2(12, -5), SIMD2(6, 11), SIMD2(-4, 8)])
      }
    return PhantomPart(
      outline, centre: SIMD2(uniform(-20, 20), uniform(-20, 20)), rotation: .degrees(uniform(0, 360)),
      value: uniform(-1, 1), blend: index % 2 == 0 ? .replacing : .additive)
  }
  return try Phantom(name: "tangle", fieldOfView: 100, parts: parts)
}

/// A regular polygon inscribed into an ellipse.
func inscribed(_ halfAxes: SIMD2<Double>, corners: Int) -> PhantomPart.Outline {
  .polygon(
    vertices: Angle.even(corners, over: .degrees(360)).map {
      SIMD2(halfAxes.x * $0.cosine, halfAxes.y * $0.sine)
    })
}
