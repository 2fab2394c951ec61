import Fields
import Foundation

/// What a phantom file describes: one object, or a distribution of objects.
public enum PhantomDescription: Hashable, Sendable {
  case phantom(Phantom)
  case family(RandomPhantomFamily)
}

/// Reads and writes `phantoms/*.yaml`.
///
///     name: two discs
///     unit: HU               # HU, 1/mm or none; HU are converted to 1/mm on reading
///     water: 0.02            # attenuation of water in 1/mm, for HU only
///     fieldOfView: 256       # mm
///     z: [-10, 10]           # mm, optional
///     blend: replacing       # for parts that do not say; additive by default
///     parts:
///       - {name: body, ellipse: [100, 80], value: 40}
///       - {name: rod, ellipse: [5, 5], centre: [30, 0], value: 900, z: [-10, 0], drift: [0.5, 0]}
///
/// Every part has one shape: `ellipse` and `rectangle` with half axes in mm, `polygon` with vertices around the
/// centre, `bars` with count, width, gap and length. Optional are `centre` [x, y], `rotation` in degrees,
/// `blend`, `z` [low, high] or `ellipsoid` {centre, halfAxis} along z, `mirrored` for a twin on the other side of
/// x = 0, and what changes along z: `drift` [x, y] in mm per mm, `bend` [x, y] in mm per mm², `turn` in degrees
/// per mm, `taper` per mm.
///
/// A file with `layers` instead of `parts` describes a ``RandomPhantomFamily`` in the words of its properties; a
/// range is written [low, high], or as one number.
///
/// In HU a replacing part has its value, an additive one changes what is there by so many HU; air is outside.
public enum PhantomFile {
  /// - Throws: ``YAMLError`` with file, line and column.
  public static func read(_ path: String) throws(YAMLError) -> PhantomDescription {
    try description(try YAMLValue.read(file: path))
  }

  public static func parse(_ text: String, file: String) throws(YAMLError) -> PhantomDescription {
    try description(try YAMLValue.parse(text, file: file))
  }

  /// A file that must describe one phantom.
  public static func phantom(_ path: String) throws(YAMLError) -> Phantom {
    let file = try YAMLValue.read(file: path)
    guard case .phantom(let phantom) = try description(file) else {
      throw file.invalid("this is a family of random phantoms ('layers'), expected one phantom ('parts').")
    }
    return phantom
  }

  /// A file that must describe a family of phantoms.
  public static func family(_ path: String) throws(YAMLError) -> RandomPhantomFamily {
    let file = try YAMLValue.read(file: path)
    guard case .family(let family) = try description(file) else {
      throw file.invalid("this is one phantom ('parts'), expected a family of random phantoms ('layers').")
    }
    return family
  }

  // MARK: Reading

  /// Of bars, and of the parts that a layer draws. More are a slip of the pen.
  private static let largestCount = 10_000.0
  /// Of parts of a phantom, or of those that a family draws before twins and cores. A line of the file may stand for 10,000.
  private static let largestTotal = 100_000

  private static func description(_ file: YAMLValue) throws(YAMLError) -> PhantomDescription {
    try file.mapping { root throws(YAMLError) in
      let name = try root.text("name")
      let scale = try valueScale(root)
      let fieldOfView = try root.number("fieldOfView", .positive)
      if root.keys.contains("layers") {
        return .family(try family(root, name: name, scale: scale, fieldOfView: fieldOfView))
      }
      return .phantom(try phantom(root, name: name, scale: scale, fieldOfView: fieldOfView))
    }
  }

  /// From the values of the file to those of the phantom.
  private struct ValueScale {
    let unit: Phantom.Unit
    /// Attenuation of water in 1/mm where the file is in HU.
    let water: Double?

    /// The value of a part of its own.
    func absolute(_ value: Double) -> Double { water.map { $0 * (1 + value / 1000) } ?? value }
    /// A change of value.
    func relative(_ value: Double) -> Double { water.map { $0 * value / 1000 } ?? value }

    func callAsFunction(_ value: Double, _ blend: PhantomPart.Blend) -> Double {
      blend == .replacing ? absolute(value) : relative(value)
    }

    func callAsFunction(_ range: ClosedRange<Double>, _ blend: PhantomPart.Blend) -> ClosedRange<Double> {
      self(range.lowerBound, blend)...self(range.upperBound, blend)
    }
  }

  private static func valueScale(_ root: YAMLMapping) throws(YAMLError) -> ValueScale {
    let unit = try root.value("unit", expected: "one of HU, 1/mm, none").choice(from: [
      (word: "HU", value: Phantom.Unit?.none), ("1/mm", .perMillimetre), ("none", .arbitrary),
    ])
    if let unit { return ValueScale(unit: unit, water: nil) }
    return ValueScale(unit: .perMillimetre, water: try root.number("water", .positive, default: 0.02))
  }

  private static func phantom(
    _ root: YAMLMapping, name: String, scale: ValueScale, fieldOfView: Double
  ) throws(YAMLError) -> Phantom {
    let zRange = try root.optional("z").map { value throws(YAMLError) in try span(value) } ?? 0...0
    let blend = try root.choice("blend", default: PhantomPart.Blend.additive)
    var total = 0
    let groups = try root.list("parts") { value throws(YAMLError) -> [PhantomPart] in
      let group = try value.mapping { part throws(YAMLError) in
        try parts(part, scale: scale, blend: blend)
      }
      total += group.count
      guard total <= largestTotal else { throw tooMany(value) }
      return group
    }
    do {
      return try Phantom(
        name: name, unit: scale.unit, fieldOfView: fieldOfView, zRange: zRange, parts: groups.flatMap { $0 })
    } catch {
      throw root.invalid(error.description)
    }
  }

  private static func tooMany(_ value: YAMLValue) -> YAMLError {
    value.invalid("with \(value.name) the phantom has more than \(largestTotal) parts. Use fewer.")
  }

  /// One entry of `parts`: several parts where it is a group of bars or mirrored.
  private static func parts(
    _ entry: YAMLMapping, scale: ValueScale, blend: PhantomPart.Blend
  ) throws(YAMLError) -> [PhantomPart] {
    let name = try entry.text("name", default: "")
    let blend = try entry.choice("blend", default: blend)
    let value = scale(try entry.number("value"), blend)
    let centre = vector(try entry.numbers("centre", count: 2, default: [0, 0]))
    let rotation = Angle.degrees(try entry.number("rotation", default: 0))
    var extent = PhantomPart.Extent.everywhere
    if let z = entry.optional("z") { extent = .range(try span(z)) }
    if let ellipsoid = entry.optional("ellipsoid") {
      guard extent == .everywhere else {
        throw ellipsoid.invalid("\(entry.name) has both 'z' and 'ellipsoid'. Keep one of them.")
      }
      extent = try ellipsoid.mapping { z throws(YAMLError) in
        .ellipsoid(centre: try z.number("centre", default: 0), halfAxis: try z.number("halfAxis", .positive))
      }
    }
    let drift = vector(try entry.numbers("drift", count: 2, default: [0, 0]))
    let bend = vector(try entry.numbers("bend", count: 2, default: [0, 0]))
    let turn = Angle.degrees(try entry.number("turn", default: 0))
    let taper = try entry.number("taper", default: 0)
    let mirrored = try entry.boolean("mirrored", default: false)

    let shape = try entry.one(of: ["ellipse", "rectangle", "polygon", "bars"])
    var parts: [PhantomPart]
    func part(_ outline: PhantomPart.Outline) -> PhantomPart {
      PhantomPart(
        outline, name: name, centre: centre, rotation: rotation, value: value, blend: blend, extent: extent,
        drift: drift, bend: bend, turn: turn, taper: taper)
    }
    switch shape.key {
    case "ellipse":
      parts = [part(.ellipse(halfAxes: vector(try shape.value.numbers(count: 2, .positive))))]
    case "rectangle":
      parts = [part(.rectangle(halfAxes: vector(try shape.value.numbers(count: 2, .positive))))]
    case "polygon":
      let vertices = try shape.value.list { point throws(YAMLError) in
        let pair = try point.numbers(count: 2)
        return vector(pair)
      }
      parts = [part(.polygon(vertices: vertices))]
    default:
      guard drift == .zero, bend == .zero, turn.radians == 0, taper == 0 else {
        throw shape.value.invalid(
          "bars do not change along z. Remove 'drift', 'bend', 'turn' and 'taper', or give single rectangles."
        )
      }
      parts = try shape.value.mapping { bars throws(YAMLError) in
        let width = try bars.number("width", .positive)
        return PhantomPart.bars(
          count: try bars.integer("count", .between(1, largestCount)), width: width,
          gap: try bars.number("gap", .positive, default: width),
          length: try bars.number("length", .positive),
          name: name, centre: centre, rotation: rotation, value: value, blend: blend, extent: extent)
      }
    }
    if mirrored { parts += parts.map { $0.mirrored(name: $0.name + ", mirrored") } }
    for part in parts {
      do { try part.validate(label: "'\(part.name)'") } catch { throw entry.invalid(error.description) }
    }
    return parts
  }

  private static func family(
    _ root: YAMLMapping, name: String, scale: ValueScale, fieldOfView: Double
  ) throws(YAMLError) -> RandomPhantomFamily {
    let body = try root.mapping("body") { body throws(YAMLError) in
      try layer(body, name: "body", scale: scale)
    }
    var total = 0
    let layers = try root.list("layers") { value throws(YAMLError) -> RandomPhantomFamily.Layer in
      let drawn = try value.mapping { entry throws(YAMLError) in
        try layer(entry, name: try entry.text("name"), scale: scale)
      }
      total += drawn.count.upperBound
      guard total <= largestTotal else { throw tooMany(value) }
      return drawn
    }
    do {
      return try RandomPhantomFamily(
        name: name, unit: scale.unit, fieldOfView: fieldOfView, body: body, layers: layers)
    } catch {
      throw root.invalid(error.description)
    }
  }

  private static func layer(
    _ entry: YAMLMapping, name: String, scale: ValueScale
  ) throws(YAMLError) -> RandomPhantomFamily.Layer {
    func range(
      _ key: String, _ bounds: NumberRange = .any, default absent: ClosedRange<Double>
    ) throws(YAMLError) -> ClosedRange<Double> {
      guard let value = entry.optional(key) else { return absent }
      return try span(value, bounds)
    }
    func angles(_ key: String, default absent: ClosedRange<Double>) throws(YAMLError) -> ClosedRange<Angle> {
      let degrees = try range(key, default: absent)
      return .degrees(degrees.lowerBound) ... .degrees(degrees.upperBound)
    }
    let blend = try entry.choice("blend", default: PhantomPart.Blend.replacing)
    var count = 1...1
    if let value = entry.optional("count") {
      let ends: [Int]
      if value.kind == .number {
        let number = try value.integer(.between(0, largestCount))
        ends = [number, number]
      } else {
        ends = try value.list(count: 2) { end throws(YAMLError) in
          try end.integer(.between(0, largestCount))
        }
      }
      guard ends[0] <= ends[1] else { throw value.wrong("the smaller number first") }
      count = ends[0]...ends[1]
    }
    var core: RandomPhantomFamily.Core?
    if let value = entry.optional("core") {
      core = try value.mapping { inner throws(YAMLError) in
        RandomPhantomFamily.Core(
          scale: try span(try inner.value("scale", expected: "[low, high]"), .between(0, 1)),
          value: scale(try span(try inner.value("value", expected: "[low, high]")), .replacing))
      }
    }
    let figures = try entry.optional("figures").map { value throws(YAMLError) in
      try value.list { word throws(YAMLError) in try word.choice(of: RandomPhantomFamily.Layer.Figure.self) }
    }
    return RandomPhantomFamily.Layer(
      name: name, figures: figures ?? [.ellipse],
      probability: try entry.number("probability", .between(0, 1), default: 1), count: count,
      size: try span(try entry.value("size", expected: "[low, high] in mm"), .positive),
      scalesWithBody: try entry.boolean("scalesWithBody", default: false),
      aspect: try range("aspect", .positive, default: 1...1),
      direction: try angles("direction", default: 0...360),
      radius: try range("radius", .notNegative, default: 0...1),
      rotation: try angles("rotation", default: 0...180),
      followsOutline: try entry.boolean("followsOutline", default: false),
      mirrored: try entry.boolean("mirrored", default: false),
      beneath: try entry.boolean("beneath", default: false),
      value: scale(try span(try entry.value("value", expected: "[low, high]")), blend), blend: blend,
      core: core)
  }

  private static func vector(_ pair: [Double]) -> SIMD2<Double> { SIMD2(pair[0], pair[1]) }

  /// `[low, high]`, or one number for both.
  private static func span(
    _ value: YAMLValue, _ bounds: NumberRange = .any
  ) throws(YAMLError) -> ClosedRange<Double> {
    if value.kind == .number {
      let number = try value.number(bounds)
      return number...number
    }
    let ends = try value.numbers(count: 2, bounds)
    guard ends[0] <= ends[1] else {
      throw value.invalid(
        "\(value.name) runs from \(ends[0]) down to \(ends[1]). Put the smaller number first.")
    }
    return ends[0]...ends[1]
  }

  // MARK: Writing

  /// The text of a file that reads back as the same phantom.
  public static func text(of phantom: Phantom) -> String {
    func pair(_ vector: SIMD2<Double>) -> String { "[\(vector.x), \(vector.y)]" }
    var lines = [
      "name: \(quoted(phantom.name))",
      "unit: \(phantom.unit.rawValue)",
      "fieldOfView: \(phantom.fieldOfView)",
      "z: [\(phantom.zRange.lowerBound), \(phantom.zRange.upperBound)]",
      phantom.parts.isEmpty ? "parts: []" : "parts:",
    ]
    for part in phantom.parts {
      var fields = part.name.isEmpty ? [] : ["name: \(quoted(part.name))"]
      switch part.outline {
      case .ellipse(let halfAxes): fields.append("ellipse: \(pair(halfAxes))")
      case .rectangle(let halfAxes): fields.append("rectangle: \(pair(halfAxes))")
      case .polygon(let vertices): fields.append("polygon: [\(vertices.map(pair).joined(separator: ", "))]")
      }
      fields.append("centre: \(pair(part.centre))")
      if part.rotation.radians != 0 { fields.append("rotation: \(part.rotation.degrees)") }
      fields.append("value: \(part.value)")
      fields.append("blend: \(part.blend.rawValue)")
      switch part.extent {
      case .everywhere: break
      case .range(let range): fields.append("z: [\(range.lowerBound), \(range.upperBound)]")
      case .ellipsoid(let centre, let halfAxis):
        fields.append("ellipsoid: {centre: \(centre), halfAxis: \(halfAxis)}")
      }
      if part.drift != .zero { fields.append("drift: \(pair(part.drift))") }
      if part.bend != .zero { fields.append("bend: \(pair(part.bend))") }
      if part.turn.radians != 0 { fields.append("turn: \(part.turn.degrees)") }
      if part.taper != 0 { fields.append("taper: \(part.taper)") }
      lines.append("  - {\(fields.joined(separator: ", "))}")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Text in double quotes.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case _ where scalar.value < 0x20: result += "\\x" + String(format: "%02x", scalar.value)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
