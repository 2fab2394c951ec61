import Diffusion
import Fields
import Foundation
import Formats
import Operators

/// The scan and the image, as `geometry:` says it.
///
///     geometry:
///       angles: {count: 60, range: 180}     # or {list: [0, 3, …]} or {file: angles.txt}, in degrees
///       bins: 366
///       binSpacing: 1.484375                # mm
///       axis: 182.5                         # bin of the rotation axis, from 0; the middle unless given
///       image: {size: 256, spacing: 1.484375}
public struct GeometryDescription: Hashable, Sendable {
  public var beam: ParallelBeam
  public var grid: ImageSpace

  init(_ map: YAMLMapping, folder: URL) throws(YAMLError) {
    enum Kind: String, CaseIterable { case parallel }
    _ = try map.choice("kind", default: Kind.parallel)
    let angles = try map.mapping("angles") { map throws(YAMLError) in
      try GeometryDescription.angles(map, folder: folder)
    }
    let binSpacing = try map.number("binSpacing", .positive)
    beam = ParallelBeam(
      angles: angles, bins: try map.integer("bins", .between(1, 1e6)), binSpacing: binSpacing,
      axis: try map.optional("axis").map { value throws(YAMLError) in try value.number() })
    grid = try map.mapping("image") { map throws(YAMLError) in
      let rows: Int
      let columns: Int
      if map.keys.contains("size") {
        rows = try map.integer("size", .between(1, 65536))
        columns = rows
      } else {
        rows = try map.integer("rows", .between(1, 65536))
        columns = try map.integer("columns", .between(1, 65536))
      }
      return ImageSpace(shape: [rows, columns], spacing: try map.number("spacing", .positive, default: binSpacing))
    }
  }

  private static func angles(_ map: YAMLMapping, folder: URL) throws(YAMLError) -> [Angle] {
    if let file = map.optional("file") {
      let path = resolve(try file.text(), folder)
      guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
        throw file.invalid("cannot read the angles from '\(path)'.")
      }
      var angles: [Angle] = []
      for (index, line) in text.split(whereSeparator: \.isNewline).enumerated() {
        let word = line.trimmingCharacters(in: .whitespaces)
        guard let degrees = Double(word), degrees.isFinite else {
          throw file.invalid("line \(index + 1) of '\(path)' is '\(word)', expected an angle in degrees.")
        }
        angles.append(.degrees(degrees))
      }
      return angles
    }
    if map.keys.contains("list") { return try map.numbers("list").map { .degrees($0) } }
    let count = try map.integer("count", .between(1, 1e6))
    let range = try map.number("range", default: 180)
    let start = try map.number("start", default: 0)
    let closed = try map.boolean("includeEnd", default: false)
    let steps = Double(closed ? max(count - 1, 1) : count)
    return (0..<count).map { .degrees(start + range * Double($0) / steps) }
  }

  /// The same scan with every `n`-th view.
  public func everyView(_ n: Int) -> GeometryDescription {
    var result = self
    result.beam = ParallelBeam(
      angles: stride(from: 0, to: beam.angles.count, by: n).map { beam.angles[$0] }, bins: beam.bins,
      binSpacing: beam.binSpacing, axis: beam.axis)
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
  /// Measured on the data itself; see ``NoiseEstimate``.
  case estimated

  init(_ map: YAMLMapping) throws(YAMLError) {
    switch map.keys.first {
    case "relative": self = .relative(try map.number("relative", .positive))
    case "sigma": self = .sigma(try map.number("sigma", .positive))
    case "photons": self = .photons(try map.number("photons", .positive))
    case "estimated":
      guard try map.boolean("estimated") else { throw map.invalid("'estimated' can only be true.") }
      self = .estimated
    default:
      // Names the first known key in the error.
      self = .relative(try map.number("relative", .positive))
    }
  }
}
