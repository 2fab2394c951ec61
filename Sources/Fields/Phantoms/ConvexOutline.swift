import RealModule

/// A convex outline in the plane: an ellipse, a parallelogram or a polygon.
///
/// Ellipse and parallelogram are the images of the unit disc and of the square [−1, 1]² under
/// q ↦ centre + u q₁ + v q₂, so every affine map keeps them what they are.
struct ConvexOutline: Sendable {
  enum Kind { case ellipse, parallelogram, polygon }

  let kind: Kind
  let centre: SIMD2<Double>
  let u: SIMD2<Double>
  let v: SIMD2<Double>
  /// Counter-clockwise; empty for an ellipse.
  let vertices: [SIMD2<Double>]

  init(_ outline: PhantomPart.Outline, centre: SIMD2<Double>, rotation: Angle, scale: Double) {
    let (cosine, sine) = (Double.cos(rotation.radians), Double.sin(rotation.radians))
    let right = SIMD2(cosine, sine) * scale
    let up = SIMD2(-sine, cosine) * scale
    self.centre = centre
    switch outline {
    case .ellipse(let halfAxes):
      kind = .ellipse
      u = right * halfAxes.x
      v = up * halfAxes.y
      vertices = []
    case .rectangle(let halfAxes):
      kind = .parallelogram
      u = right * halfAxes.x
      v = up * halfAxes.y
      vertices = Self.corners(centre, u, v)
    case .polygon(let points):
      kind = .polygon
      u = right
      v = up
      vertices = Self.counterClockwise(points.map { centre + right * $0.x + up * $0.y })
    }
  }

  private init(mapping other: ConvexOutline, scale: SIMD2<Double>, offset: SIMD2<Double>) {
    kind = other.kind
    centre = other.centre * scale + offset
    u = other.u * scale
    v = other.v * scale
    vertices = Self.counterClockwise(other.vertices.map { $0 * scale + offset })
  }

  /// The outline after p ↦ scale · p + offset, axis by axis.
  func mapped(scale: SIMD2<Double>, offset: SIMD2<Double>) -> ConvexOutline {
    ConvexOutline(mapping: self, scale: scale, offset: offset)
  }

  var area: Double {
    switch kind {
    case .ellipse: .pi * abs(cross(u, v))
    case .parallelogram: 4 * abs(cross(u, v))
    case .polygon: Self.signedArea(vertices)
    }
  }

  func contains(_ point: SIMD2<Double>) -> Bool {
    if kind == .ellipse {
      let q = unitDisc(point)
      return dot(q, q) <= 1
    }
    guard var a = vertices.last else { return false }
    for b in vertices {
      if cross(b - a, point - a) < 0 { return false }
      a = b
    }
    return true
  }

  /// Half the width of the shape along `direction`, for an ellipse.
  func support(_ direction: SIMD2<Double>) -> Double {
    let (a, b) = (dot(u, direction), dot(v, direction))
    return (a * a + b * b).squareRoot()
  }

  /// The coordinates in which an ellipse is the unit disc.
  func unitDisc(_ point: SIMD2<Double>) -> SIMD2<Double> {
    let determinant = cross(u, v)
    let p = point - centre
    return SIMD2(cross(p, v), cross(u, p)) / determinant
  }

  /// Pairs of neighbouring vertices.
  var edges: [(SIMD2<Double>, SIMD2<Double>)] {
    vertices.indices.map { (vertices[$0], vertices[$0 + 1 == vertices.count ? 0 : $0 + 1]) }
  }

  // MARK: Relations

  /// Touching counts as inside and as apart: relative to the size of the outline.
  private static let tolerance = 1e-9

  /// Whether `other` lies wholly inside.
  func encloses(_ other: ConvexOutline) -> Bool {
    switch (kind == .ellipse, other.kind == .ellipse) {
    case (true, true):
      return extremeRadius(of: other, largest: true) <= 1 + Self.tolerance
    case (true, false):
      return other.vertices.allSatisfy { length(unitDisc($0)) <= 1 + Self.tolerance }
    case (false, true):
      return edges.allSatisfy { a, b in
        let outward = normal(a, b)
        return dot(outward, other.centre - a) + other.support(outward) <= Self.tolerance * length(b - a)
      }
    case (false, false):
      return edges.allSatisfy { a, b in
        let outward = normal(a, b)
        return other.vertices.allSatisfy { dot(outward, $0 - a) <= Self.tolerance * length(b - a) }
      }
    }
  }

  /// Whether the interiors have no point in common.
  func isApart(from other: ConvexOutline) -> Bool {
    switch (kind == .ellipse, other.kind == .ellipse) {
    case (true, true):
      return !other.contains(centre) && extremeRadius(of: other, largest: false) >= 1 - Self.tolerance
    case (true, false):
      guard !other.contains(centre) else { return false }
      return other.edges.allSatisfy { a, b in
        let (p, q) = (unitDisc(a), unitDisc(b))
        let along = max(0, min(1, -dot(p, q - p) / max(dot(q - p, q - p), .leastNormalMagnitude)))
        return length(p + (q - p) * along) >= 1 - Self.tolerance
      }
    case (false, true):
      return other.isApart(from: self)
    case (false, false):
      return isSeparated(from: other) || other.isSeparated(from: self)
    }
  }

  private func isSeparated(from other: ConvexOutline) -> Bool {
    edges.contains { a, b in
      let outward = normal(a, b)
      return other.vertices.allSatisfy { dot(outward, $0 - a) >= -Self.tolerance * length(b - a) }
    }
  }

  /// The smallest or largest distance of the ellipse `other` from the centre, where this ellipse is the unit disc.
  private func extremeRadius(of other: ConvexOutline, largest: Bool) -> Double {
    let determinant = cross(u, v)
    func linear(_ p: SIMD2<Double>) -> SIMD2<Double> { SIMD2(cross(p, v), cross(u, p)) / determinant }
    let (c, a, b) = (linear(other.centre - centre), linear(other.u), linear(other.v))
    let sign = largest ? 1.0 : -1.0
    func height(_ t: Double) -> Double { sign * length(c + a * Double.cos(t) + b * Double.sin(t)) }
    // A trigonometric polynomial of degree two has at most two maxima, so 64 samples bracket the larger one.
    let step = 2 * Double.pi / 64
    let best = (0..<64).map { Double($0) * step }.max { height($0) < height($1) } ?? 0
    var (low, high) = (best - step, best + step)
    for _ in 0..<80 {
      let (left, right) = (low + (high - low) / 3, high - (high - low) / 3)
      if height(left) < height(right) { low = left } else { high = right }
    }
    return sign * height((low + high) / 2)
  }

  // MARK: Polygons

  static func isConvex(_ points: [SIMD2<Double>]) -> Bool {
    let points = counterClockwise(points)
    let area = signedArea(points)
    guard area > 0 else { return false }
    var turned = 0.0
    for i in points.indices {
      let a = points[(i + 1) % points.count] - points[i]
      let b = points[(i + 2) % points.count] - points[(i + 1) % points.count]
      guard length(a) > 0, cross(a, b) >= -1e-9 * length(a) * length(b) else { return false }
      turned += Double.atan2(y: cross(a, b), x: dot(a, b))
    }
    // A star turns left at every corner too, but more than once around.
    return turned < 3 * .pi
  }

  static func signedArea(_ points: [SIMD2<Double>]) -> Double {
    guard let first = points.first else { return 0 }
    var twice = 0.0
    for i in points.indices {
      twice += cross(points[i] - first, points[i + 1 == points.count ? 0 : i + 1] - first)
    }
    return twice / 2
  }

  private static func counterClockwise(_ points: [SIMD2<Double>]) -> [SIMD2<Double>] {
    points.isEmpty || signedArea(points) > 0 ? points : points.reversed()
  }

  private static func corners(
    _ centre: SIMD2<Double>, _ u: SIMD2<Double>, _ v: SIMD2<Double>
  ) -> [SIMD2<Double>] {
    [centre - u - v, centre + u - v, centre + u + v, centre - u + v]
  }

  private func normal(_ a: SIMD2<Double>, _ b: SIMD2<Double>) -> SIMD2<Double> {
    let along = (b - a) / length(b - a)
    return SIMD2(along.y, -along.x)
  }
}

@inline(__always) func dot(_ a: SIMD2<Double>, _ b: SIMD2<Double>) -> Double { a.x * b.x + a.y * b.y }
@inline(__always) func cross(_ a: SIMD2<Double>, _ b: SIMD2<Double>) -> Double { a.x * b.y - a.y * b.x }
@inline(__always) func length(_ a: SIMD2<Double>) -> Double { dot(a, a).squareRoot() }
