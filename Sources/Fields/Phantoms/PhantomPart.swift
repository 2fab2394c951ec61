import RealModule

/// One convex piece of a ``Phantom`` with a constant value.
///
/// Lengths are millimetres, x to the right, y up, z along the stack. With z₀ the middle of the extent along z
/// (or 0) and d = z − z₀, the part has at height z
///
///     centre   c + drift · d + bend · d²
///     rotation φ + turn · d
///     scale    (1 + taper · d) · √(1 − (d/h)²)
///
/// where the root belongs to an ellipsoid of half axis h only.
public struct PhantomPart: Hashable, Sendable {
  /// The shape before rotation, around the origin.
  public enum Outline: Hashable, Sendable {
    case ellipse(halfAxes: SIMD2<Double>)
    case rectangle(halfAxes: SIMD2<Double>)
    /// Convex; either sense of rotation.
    case polygon(vertices: [SIMD2<Double>])
  }

  /// How a part acts on what was painted before it.
  public enum Blend: String, Hashable, Sendable, CaseIterable {
    /// Adds its value.
    case additive
    /// Puts its value in place of all earlier ones.
    case replacing
  }

  /// Where a part exists along z. Ends belong to it.
  public enum Extent: Hashable, Sendable {
    case everywhere
    case range(ClosedRange<Double>)
    case ellipsoid(centre: Double, halfAxis: Double)
  }

  public var name: String
  public var outline: Outline
  public var centre: SIMD2<Double>
  /// Counter-clockwise.
  public var rotation: Angle
  /// In the unit of the phantom: 1/mm, or none.
  public var value: Double
  public var blend: Blend
  public var extent: Extent
  /// Movement of the centre per millimetre of z.
  public var drift: SIMD2<Double>
  /// Curvature of the path of the centre, in 1/mm.
  public var bend: SIMD2<Double>
  /// Rotation per millimetre of z.
  public var turn: Angle
  /// Relative growth of the outline per millimetre of z, in 1/mm.
  public var taper: Double

  public init(
    _ outline: Outline, name: String = "", centre: SIMD2<Double> = .zero, rotation: Angle = .degrees(0),
    value: Double, blend: Blend = .additive, extent: Extent = .everywhere, drift: SIMD2<Double> = .zero,
    bend: SIMD2<Double> = .zero, turn: Angle = .degrees(0), taper: Double = 0
  ) {
    self.outline = outline
    self.name = name
    self.centre = centre
    self.rotation = rotation
    self.value = value
    self.blend = blend
    self.extent = extent
    self.drift = drift
    self.bend = bend
    self.turn = turn
    self.taper = taper
  }

  /// `count` parallel bars of equal width, `gap` apart: a resolution target around `centre`.
  ///
  /// Before rotation the bars are upright: `width` and `gap` lie along x, `length` along y.
  public static func bars(
    count: Int, width: Double, gap: Double, length: Double, name: String = "", centre: SIMD2<Double> = .zero,
    rotation: Angle = .degrees(0), value: Double, blend: Blend = .additive, extent: Extent = .everywhere
  ) -> [PhantomPart] {
    let along = SIMD2(Double.cos(rotation.radians), Double.sin(rotation.radians))
    return (0..<count).map { index in
      PhantomPart(
        .rectangle(halfAxes: SIMD2(width / 2, length / 2)), name: "\(name), bar \(index + 1)",
        centre: centre + along * ((Double(index) - Double(count - 1) / 2) * (width + gap)),
        rotation: rotation, value: value, blend: blend, extent: extent)
    }
  }

  /// The same part on the other side of the plane x = 0.
  public func mirrored(name: String) -> PhantomPart {
    var part = self
    part.name = name
    part.centre.x = -centre.x
    part.drift.x = -drift.x
    part.bend.x = -bend.x
    part.rotation = .radians(-rotation.radians)
    part.turn = .radians(-turn.radians)
    if case .polygon(let vertices) = outline {
      part.outline = .polygon(vertices: vertices.map { SIMD2(-$0.x, $0.y) })
    }
    return part
  }

  /// The outline at height z, or nil where the part does not reach.
  func crossSection(z: Double) -> ConvexOutline? {
    var scale = 1.0
    let reference: Double
    switch extent {
    case .everywhere:
      reference = 0
    case .range(let range):
      guard range.contains(z) else { return nil }
      reference = (range.lowerBound + range.upperBound) / 2
    case .ellipsoid(let middle, let halfAxis):
      reference = middle
      let height = (z - middle) / halfAxis
      guard abs(height) < 1 else { return nil }
      scale = (1 - height * height).squareRoot()
    }
    let distance = z - reference
    scale *= 1 + taper * distance
    guard scale > 0 else { return nil }
    return ConvexOutline(
      outline, centre: centre + drift * distance + bend * (distance * distance),
      rotation: .radians(rotation.radians + turn.radians * distance), scale: scale)
  }

  /// Refuses what has no interior or is not a number. `label` names the part in the error.
  package func validate(label: String) throws(PhantomError) {
    func require(_ holds: Bool, _ what: String, _ found: Double, _ expected: String) throws(PhantomError) {
      guard holds, found.isFinite else {
        throw .outOfRange(part: label, what: what, found: "\(found)", expected: expected)
      }
    }
    for number in [centre.x, centre.y] { try require(true, "the centre", number, "a finite number") }
    for number in [drift.x, drift.y] { try require(true, "the drift", number, "a finite number") }
    for number in [bend.x, bend.y] { try require(true, "the bend", number, "a finite number") }
    try require(true, "the turn", turn.degrees, "a finite number")
    try require(true, "the rotation", rotation.degrees, "a finite number")
    try require(true, "the value", value, "a finite number")
    try require(true, "the taper", taper, "a finite number")
    switch outline {
    case .ellipse(let halfAxes), .rectangle(let halfAxes):
      for number in [halfAxes.x, halfAxes.y] {
        try require(number > 0, "a half axis", number, "a length above 0")
      }
    case .polygon(let vertices):
      try require(vertices.count > 2, "the number of vertices", Double(vertices.count), "at least 3")
      for vertex in vertices {
        try require(
          vertex.x.isFinite && vertex.y.isFinite, "a vertex", vertex.x + vertex.y, "a finite number")
      }
      guard ConvexOutline.isConvex(vertices) else { throw .notConvex(part: label) }
    }
    switch extent {
    case .everywhere: break
    case .range(let range):
      try require(
        range.upperBound > range.lowerBound, "the length along z", range.upperBound - range.lowerBound,
        "a length above 0")
    case .ellipsoid(let middle, let halfAxis):
      try require(true, "the centre along z", middle, "a finite number")
      try require(halfAxis > 0, "the half axis along z", halfAxis, "a length above 0")
    }
  }
}
