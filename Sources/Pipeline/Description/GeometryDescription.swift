import Diffusion
import Fields
import Foundation
import Formats
import Operators

/// The scan and the image, as `geometry:` says it.
///
///     geometry:
///       angles: {count: 60, range: 180}     # or {list: [0, 3, …]} or {file: angles.txt}, in degrees, or {file: scan.h5}
///       bins: 366
///       binSpacing: 1.484375                # mm
///       axis: 182.5                         # bin of the rotation axis, from 0; the middle unless given; or
///                                           # auto, or {near: 180, within: 10, rows: 5}, to search it
///       image: {size: 256, spacing: 1.484375}
public struct GeometryDescription: Hashable, Sendable {
  public var beam: ParallelBeam
  public var grid: ImageSpace
  /// Where the axis of ``beam`` comes from.
  public private(set) var axis: Axis

  public enum Axis: Hashable, Sendable {
    case stated
    /// To be searched on the data; until then ``beam`` has it in the middle.
    case searched(AxisSearchDescription)
    /// Was searched on the data.
    case found
  }

  /// Longest side of an image or of a detector; more is a slip of the pen that would only fill the memory.
  static let largestSide = 16_384.0
  /// Views times bins, 1 GiB as `Float`.
  private static let largestSinogram = 1 << 28

  init(_ map: YAMLMapping, folder: URL) throws(YAMLError) {
    enum Kind: String, CaseIterable { case parallel }
    _ = try map.choice("kind", default: Kind.parallel)
    let angles = try map.mapping("angles") { map throws(YAMLError) in
      try GeometryDescription.angles(map, folder: folder)
    }
    let length = NumberRange.between(1e-6, 1e6)
    let binSpacing = try map.number("binSpacing", length)
    let bins = try map.integer("bins", .between(1, 65_536))
    guard angles.count * bins <= Self.largestSinogram else {
      throw map.invalid(
        "\(angles.count) views of \(bins) bins are more than the \(Self.largestSinogram) samples that a sinogram may have. "
          + "Use fewer views, or sum neighbouring bins.")
    }
    let (axis, place) =
      try map.optional("axis").map { value throws(YAMLError) in
        try GeometryDescription.axis(value, bins: bins)
      } ?? (.stated, nil)
    self.axis = axis
    beam = ParallelBeam(angles: angles, bins: bins, binSpacing: binSpacing, axis: place)
    grid = try map.mapping("image") { map throws(YAMLError) in
      let side = NumberRange.between(1, Self.largestSide)
      let rows: Int
      let columns: Int
      switch try map.one(of: ["size", "rows"]) {
      case ("size", let size):
        rows = try size.integer(side)
        columns = rows
      case (_, let count):
        rows = try count.integer(side)
        columns = try map.integer("columns", side)
      }
      return ImageSpace(
        shape: [rows, columns], spacing: try map.number("spacing", length, default: binSpacing))
    }
  }

  private static func axis(_ value: YAMLValue, bins: Int) throws(YAMLError) -> (Axis, Double?) {
    let detector = NumberRange.between(-0.5, Double(bins) - 0.5)
    switch value.kind {
    case .text:
      enum Word: String, CaseIterable { case auto }
      _ = try value.choice(of: Word.self)
      return (.searched(AxisSearchDescription()), nil)
    case .mapping:
      return try value.mapping { map throws(YAMLError) in
        let standard = AxisSearchDescription()
        let near = try map.optional("near").map { near throws(YAMLError) in try near.number(detector) }
        let within = try map.number("within", .between(1, Double(bins)), default: standard.within)
        if near == nil, let within = map.optional("within") {
          throw within.invalid("'within' says how far from 'near' the axis may be. Give 'near', too.")
        }
        return (
          .searched(
            AxisSearchDescription(
              near: near, within: within,
              rows: try map.integer("rows", .between(1, 1000), default: standard.rows))), nil
        )
      }
    default: return (.stated, try value.number(detector))
    }
  }

  /// Puts the axis where a search has found it.
  mutating func setAxis(_ bin: Double) {
    beam = ParallelBeam(angles: beam.angles, bins: beam.bins, binSpacing: beam.binSpacing, axis: bin)
    axis = .found
  }

  private static func angles(_ map: YAMLMapping, folder: URL) throws(YAMLError) -> [Angle] {
    switch try map.one(of: ["count", "list", "file"]) {
    case ("file", let file): return try angles(in: file, folder: folder)
    case ("list", let list):
      let items = try list.list()
      guard !items.isEmpty else { throw list.wrong("at least one angle, in degrees") }
      var angles: [Angle] = []
      var places: [Angle: Int] = [:]
      for (index, item) in items.enumerated() {
        let angle = Angle.degrees(try item.number())
        if let first = places.updateValue(index + 1, forKey: angle) {
          throw item.invalid(twice(index + 1, first))
        }
        angles.append(angle)
      }
      return angles
    case (_, let number):
      let count = try number.integer(.between(1, 100_000))
      let range = try map.number("range", .between(-36_000, 36_000), default: 180)
      let start = try map.number("start", .between(-36_000, 36_000), default: 0)
      let closed = try map.boolean("includeEnd", default: false)
      guard range != 0 || count == 1 else {
        throw map.optional("range")?.wrong("an angle other than 0 for \(count) views") ?? map.invalid("")
      }
      let steps = Double(closed ? max(count - 1, 1) : count)
      return (0..<count).map { .degrees(start + range * Double($0) / steps) }
    }
  }

  /// One angle on every line that is not empty, or those that a scan stores.
  private static func angles(in file: YAMLValue, folder: URL) throws(YAMLError) -> [Angle] {
    let path = resolve(try file.text(), folder)
    if (try? FormatRegistry.format(of: path)) == .hdf5 { return try angles(ofScan: path, file) }
    let text: String
    do throws(YAMLError) { text = try YAMLValue.text(ofFile: path) } catch {
      switch error {
      case .cannotRead(_, let reason):
        throw file.invalid("cannot read the angles from '\(path)': \(reason).")
      case .syntax(let place, let problem): throw file.invalid("the angles in \(place): \(problem).")
      default: throw error
      }
    }
    var angles: [Angle] = []
    var places: [Angle: Int] = [:]
    for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .enumerated()
    {
      let word = line.trimmingCharacters(in: .whitespaces)
      if word.isEmpty { continue }
      guard let degrees = Double(word), degrees.isFinite else {
        throw file.invalid("line \(index + 1) of '\(path)' is '\(word)', expected an angle in degrees.")
      }
      let angle = Angle.degrees(degrees)
      if let first = places.updateValue(index + 1, forKey: angle) {
        throw file.invalid("in '\(path)', " + twice(index + 1, first, of: "line"))
      }
      angles.append(angle)
    }
    guard !angles.isEmpty else {
      throw file.invalid("'\(path)' is empty, expected an angle in degrees on every line.")
    }
    return angles
  }

  private static func angles(ofScan path: String, _ file: YAMLValue) throws(YAMLError) -> [Angle] {
    let angles: [Angle]
    do { angles = try HDF5Angles.degrees(of: path).map { .degrees($0) } } catch {
      throw file.invalid("\(error)")
    }
    guard !angles.isEmpty else { throw file.invalid("'\(path)' has no angle.") }
    var places: [Angle: Int] = [:]
    for (index, angle) in angles.enumerated() {
      if let first = places.updateValue(index + 1, forKey: angle) {
        throw file.invalid("in '\(path)', " + twice(index + 1, first, of: "projection"))
      }
    }
    return angles
  }

  private static func twice(_ second: Int, _ first: Int, of what: String = "item") -> String {
    "\(what) \(second) is the same angle as \(what) \(first); every view must be given once. Average views taken at the "
      + "same angle first."
  }

  /// The same scan with every `n`-th view.
  public func everyView(_ n: Int) -> GeometryDescription {
    var result = self
    result.beam = beam.views(stride(from: 0, to: beam.angles.count, by: n))
    return result
  }
}

/// What is known of the noise, as `noise:` says it.
public enum NoiseDescription: Hashable, Sendable {
  /// σ of a line integral relative to the mean line integral of the scan.
  case relative(Double)
  /// σ of a line integral.
  case sigma(Double)
  /// Photons per ray in front of the object.
  case photons(Double)
  /// Measured on the data itself; see `estimatedNoiseVariance`.
  case estimated

  init(_ map: YAMLMapping) throws(YAMLError) {
    switch try map.one(of: ["relative", "sigma", "photons", "estimated"]) {
    case ("relative", let level): self = .relative(try level.number(.positive))
    case ("sigma", let sigma): self = .sigma(try sigma.number(.positive))
    case ("photons", let photons): self = .photons(try photons.number(.positive))
    case (_, let flag):
      guard try flag.boolean() else { throw flag.invalid("'estimated' can only be true.") }
      self = .estimated
    }
  }
}
