import Formats
import Foundation

/// Flats and darks of raw projections, as `input:` says it. Paths are relative to the projections.
///
///     input:
///       kind: projections
///       flats: flats.tif                          # or {before: flats0.tif, after: flats1.tif}
///       darks: darks.tif                          # likewise
///       average: median                           # of flats and darks; the mean unless given
///       memory: 128                               # MiB for blocks of rows
public struct DetectorDescription: Hashable, Sendable {
  /// From before the projections or, where there are two, from before and after.
  public var flats: [String]
  public var darks: [String]
  public var average: FlatField.Average
  /// In bytes, for two blocks of rows.
  public var memory: Int

  static let defaultMemory = 128

  init(_ map: YAMLMapping) throws(YAMLError) {
    func paths(_ value: YAMLValue) throws(YAMLError) -> [String] {
      guard value.kind == .mapping else { return [try value.text()] }
      return try value.mapping { map throws(YAMLError) in [try map.text("before"), try map.text("after")] }
    }
    flats = try paths(map.value("flats", expected: "a path, or {before: PATH, after: PATH}"))
    darks = try map.optional("darks").map { value throws(YAMLError) in try paths(value) } ?? []
    average = try map.choice("average", default: FlatField.Average.mean)
    memory = try map.integer("memory", .between(1, 1_048_576), default: Self.defaultMemory) << 20
  }

  /// - Throws: `TIFFError`
  func open(in folder: URL) throws -> FlatField {
    FlatField(
      flats: try flats.map { try ImageStack(path: resolve($0, folder)) },
      darks: try darks.map { try ImageStack(path: resolve($0, folder)) }, average: average)
  }
}
