import RealModule

/// A distribution of phantoms, drawn by seed: as many different training images as one likes.
///
/// A body is drawn first; every layer then scatters parts over it. Each layer has its own stream of random
/// numbers, so that changing one leaves the others as they were. Values are in the unit of the phantoms.
public struct RandomPhantomFamily: Hashable, Sendable {
  /// The smaller shape inside each part of a layer, such as marrow in bone or muscle under fat.
  public struct Core: Hashable, Sendable {
    /// Size relative to the part around it.
    public var scale: ClosedRange<Double>
    public var value: ClosedRange<Double>

    public init(scale: ClosedRange<Double>, value: ClosedRange<Double>) {
      self.scale = scale
      self.value = value
    }
  }

  /// A group of parts of the same kind.
  public struct Layer: Hashable, Sendable {
    public enum Figure: String, Hashable, Sendable, CaseIterable {
      case ellipse, rectangle
      /// Three to eight vertices on an ellipse.
      case polygon
    }

    public var name: String
    public var figures: [Figure]
    /// The chance that the layer appears at all.
    public var probability: Double
    public var count: ClosedRange<Int>
    /// √(a b) of the half axes a, b in millimetres, evenly on a logarithmic scale.
    public var size: ClosedRange<Double>
    /// Whether `size` is relative to that of the body instead.
    public var scalesWithBody: Bool
    /// a / b, evenly on a logarithmic scale.
    public var aspect: ClosedRange<Double>
    /// Direction from the middle of the body in which a part lies.
    public var direction: ClosedRange<Angle>
    /// Distance from the middle of the body, 1 being its outline; evenly over the area.
    public var radius: ClosedRange<Double>
    public var rotation: ClosedRange<Angle>
    /// Whether the rotation is counted from the tangent of the body's outline.
    public var followsOutline: Bool
    /// Whether every part has a twin on the other side of the body.
    public var mirrored: Bool
    /// Whether the layer is painted before the body.
    public var beneath: Bool
    public var value: ClosedRange<Double>
    public var blend: PhantomPart.Blend
    public var core: Core?

    public init(
      name: String, figures: [Figure] = [.ellipse], probability: Double = 1, count: ClosedRange<Int> = 1...1,
      size: ClosedRange<Double>, scalesWithBody: Bool = false, aspect: ClosedRange<Double> = 1...1,
      direction: ClosedRange<Angle> = .degrees(0) ... .degrees(360), radius: ClosedRange<Double> = 0...1,
      rotation: ClosedRange<Angle> = .degrees(0) ... .degrees(180), followsOutline: Bool = false,
      mirrored: Bool = false, beneath: Bool = false, value: ClosedRange<Double>,
      blend: PhantomPart.Blend = .replacing, core: Core? = nil
    ) {
      self.name = name
      self.figures = figures
      self.probability = probability
      self.count = count
      self.size = size
      self.scalesWithBody = scalesWithBody
      self.aspect = aspect
      self.direction = direction
      self.radius = radius
      self.rotation = rotation
      self.followsOutline = followsOutline
      self.mirrored = mirrored
      self.beneath = beneath
      self.value = value
      self.blend = blend
      self.core = core
    }
  }

  public let name: String
  public let unit: Phantom.Unit
  /// Side of the square field of view, in millimetres.
  public let fieldOfView: Double
  /// One ellipse around the middle of the field of view; its `radius` is relative to half of that.
  public let body: Layer
  public let layers: [Layer]

  /// - Throws: ``PhantomError`` that names the layer and the range which cannot be drawn from.
  public init(
    name: String, unit: Phantom.Unit, fieldOfView: Double, body: Layer, layers: [Layer]
  ) throws(PhantomError) {
    func require(_ holds: Bool, _ layer: Layer, _ what: String, _ found: String, _ expected: String)
      throws(PhantomError)
    {
      guard holds else {
        throw .outOfRange(part: "layer '\(layer.name)'", what: what, found: found, expected: expected)
      }
    }
    for layer in [body] + layers {
      try require(!layer.figures.isEmpty, layer, "the list of figures", "empty", "at least one figure")
      try require(
        layer.probability >= 0 && layer.probability <= 1, layer, "the probability", "\(layer.probability)",
        "a number from 0 to 1")
      try require(layer.count.lowerBound >= 0, layer, "the count", "\(layer.count)", "at least 0")
      try require(layer.size.lowerBound > 0, layer, "the size", "\(layer.size)", "lengths above 0")
      try require(layer.aspect.lowerBound > 0, layer, "the aspect", "\(layer.aspect)", "ratios above 0")
      try require(layer.radius.lowerBound >= 0, layer, "the radius", "\(layer.radius)", "at least 0")
      if let core = layer.core {
        try require(
          core.scale.lowerBound > 0 && core.scale.upperBound < 1, layer, "the scale of the core",
          "\(core.scale)", "between 0 and 1")
      }
      let bounds = [
        layer.size.upperBound, layer.aspect.upperBound, layer.radius.upperBound, layer.value.lowerBound,
        layer.value.upperBound, layer.direction.lowerBound.radians, layer.direction.upperBound.radians,
        layer.rotation.lowerBound.radians, layer.rotation.upperBound.radians,
      ]
      try require(bounds.allSatisfy(\.isFinite), layer, "a range", "endless", "finite numbers")
    }
    try require(
      body.figures == [.ellipse] && body.count == 1...1 && body.probability == 1, body, "the body",
      "something else", "exactly one ellipse")
    guard fieldOfView > 0, fieldOfView.isFinite else {
      throw .outOfRange(
        part: "the family", what: "the field of view", found: "\(fieldOfView)", expected: "a length above 0")
    }
    self.name = name
    self.unit = unit
    self.fieldOfView = fieldOfView
    self.body = body
    self.layers = layers
  }

  /// The phantom of a seed, the same on every machine.
  ///
  /// - Throws: ``PhantomError`` where the numbers leave what a `Double` holds.
  public func phantom(seed: UInt64) throws(PhantomError) -> Phantom {
    var generator = SplitMix64(seed: seed, stream: 0)
    let field = Frame(centre: .zero, right: SIMD2(fieldOfView / 2, 0), up: SIMD2(0, fieldOfView / 2))
    let torso = Self.draw(body, in: field, using: &generator)
    guard let innermost = torso.last, case .ellipse(let halfAxes) = innermost.outline else {
      return try Phantom(name: name, unit: unit, fieldOfView: fieldOfView, parts: torso)
    }
    let (cosine, sine) = (Double.cos(innermost.rotation.radians), Double.sin(innermost.rotation.radians))
    let frame = Frame(
      centre: innermost.centre, right: SIMD2(cosine, sine) * halfAxes.x, up: SIMD2(-sine, cosine) * halfAxes.y
    )
    var beneath: [PhantomPart] = []
    var above: [PhantomPart] = []
    for (index, layer) in layers.enumerated() {
      var generator = SplitMix64(seed: seed, stream: index + 1)
      guard generator.uniform() <= layer.probability else { continue }
      for _ in 0..<generator.integer(in: layer.count) {
        let parts = Self.draw(layer, in: frame, using: &generator)
        if layer.beneath { beneath += parts } else { above += parts }
      }
    }
    return try Phantom(
      name: "\(name) \(seed)", unit: unit, fieldOfView: fieldOfView, parts: beneath + torso + above)
  }

  /// The ellipse that positions refer to.
  private struct Frame {
    let centre: SIMD2<Double>
    let right: SIMD2<Double>
    let up: SIMD2<Double>
  }

  /// One part of a layer with its core and twin.
  private static func draw(
    _ layer: Layer, in frame: Frame, using generator: inout SplitMix64
  ) -> [PhantomPart] {
    let figure = layer.figures[generator.integer(in: 0...layer.figures.count - 1)]
    var size = generator.logarithmic(in: layer.size)
    if layer.scalesWithBody { size *= abs(cross(frame.right, frame.up)).squareRoot() }
    let aspect = generator.logarithmic(in: layer.aspect).squareRoot()
    let halfAxes = SIMD2(size * aspect, size / aspect)
    let direction = generator.number(
      in: layer.direction.lowerBound.radians...layer.direction.upperBound.radians)
    let (near, far) = (layer.radius.lowerBound, layer.radius.upperBound)
    let radius = generator.number(in: near * near...far * far).squareRoot()
    var rotation = generator.number(in: layer.rotation.lowerBound.radians...layer.rotation.upperBound.radians)
    let (right, up) = (radius * Double.cos(direction), radius * Double.sin(direction))
    let axis = Double.atan2(y: frame.right.y, x: frame.right.x)
    if layer.followsOutline {
      let tangent = frame.up * Double.cos(direction) - frame.right * Double.sin(direction)
      rotation += Double.atan2(y: tangent.y, x: tangent.x)
    }
    let outline: PhantomPart.Outline
    switch figure {
    case .ellipse: outline = .ellipse(halfAxes: halfAxes)
    case .rectangle: outline = .rectangle(halfAxes: halfAxes)
    case .polygon:
      // Each vertex stays in its own sector, so that none coincide and the centre lies inside.
      let count = generator.integer(in: 3...8)
      let vertices = (0..<count).map { index in
        let angle = (Double(index) + generator.number(in: 0...0.8)) * 2 * .pi / Double(count)
        return SIMD2(halfAxes.x * Double.cos(angle), halfAxes.y * Double.sin(angle))
      }
      outline = .polygon(vertices: vertices)
    }
    let part = PhantomPart(
      outline, name: layer.name, centre: frame.centre + frame.right * right + frame.up * up,
      rotation: .radians(rotation), value: generator.number(in: layer.value), blend: layer.blend)
    var parts = [part]
    if let core = layer.core {
      var inner = part
      inner.name = "\(layer.name), core"
      inner.outline = outline.scaled(by: generator.number(in: core.scale))
      inner.value = generator.number(in: core.value)
      inner.blend = .replacing
      parts.append(inner)
    }
    guard layer.mirrored else { return parts }
    return parts
      + parts.map { part in
        // Mirrored twice, the outline keeps its sense and only the rotation changes: about the body's own axis.
        var twin = part.mirrored(name: part.name)
        twin.centre = frame.centre - frame.right * right + frame.up * up
        twin.rotation = .radians(2 * axis - part.rotation.radians)
        return twin
      }
  }
}

extension PhantomPart.Outline {
  func scaled(by factor: Double) -> PhantomPart.Outline {
    switch self {
    case .ellipse(let halfAxes): .ellipse(halfAxes: halfAxes * factor)
    case .rectangle(let halfAxes): .rectangle(halfAxes: halfAxes * factor)
    case .polygon(let vertices): .polygon(vertices: vertices.map { $0 * factor })
    }
  }
}

extension SplitMix64 {
  fileprivate mutating func number(in range: ClosedRange<Double>) -> Double {
    range.lowerBound + (range.upperBound - range.lowerBound) * uniform()
  }

  fileprivate mutating func logarithmic(in range: ClosedRange<Double>) -> Double {
    guard range.upperBound > range.lowerBound else { return range.lowerBound }
    return Double.exp(number(in: Double.log(range.lowerBound)...Double.log(range.upperBound)))
  }

  fileprivate mutating func integer(in range: ClosedRange<Int>) -> Int {
    let count = Double(range.upperBound - range.lowerBound + 1)
    return range.lowerBound + min(range.upperBound - range.lowerBound, Int((1 - uniform()) * count))
  }
}
