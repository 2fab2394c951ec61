import Fields
import Formats
import Foundation

/// What a stack of images is: its directory and the range of its values, read page by page.
public struct StackInspection: Encodable, Hashable, Sendable {
  public struct Values: Encodable, Hashable, Sendable {
    /// Of the finite values, or the magnitudes of complex ones, in the unit of the stack; nil where there is none.
    public var minimum: Double?
    public var maximum: Double?
    public var mean: Double?
    public var notANumber = 0
    public var infinite = 0
  }

  public struct Distances: Encodable, Hashable, Sendable {
    /// In millimetres, between columns, rows and pages.
    public var x: Double?
    public var y: Double?
    public var z: Double?
  }

  public var path: String
  public var format: String
  public var files: Int
  public var pages: Int
  public var rows: Int
  public var columns: Int
  public var sampleType: String
  public var spacing: Distances
  public var unit: String?
  public var scale: Double
  public var offset: Double
  public var compression: String
  public var byteOrder: String
  public var bigTIFF: Bool
  public var tiled: Bool
  public var values: Values
  public var metadata: [String: String]

  /// Reads every page once; memory of a few pages.
  ///
  /// - Parameter progress: called after every page with the number done; what it throws ends the work.
  public init(stack path: String, progress: (Int, Int) throws -> Void = { _, _ in }) async throws {
    let stack = try ImageStack(path: path, nonFinite: .keep, part: .magnitude)
    var values = Values()
    var (sum, count, done) = (0.0, 0, 0)
    for try await page in StackPages(stack, lookahead: 1) {
      page.samples.withUnsafeBufferPointer { samples in
        for sample in samples {
          if sample.isFinite {
            let value = Double(sample)
            if value < values.minimum ?? .infinity { values.minimum = value }
            if value > values.maximum ?? -.infinity { values.maximum = value }
            sum += value
            count += 1
          } else if sample.isNaN {
            values.notANumber += 1
          } else {
            values.infinite += 1
          }
        }
      }
      done += 1
      try progress(done, stack.count)
    }
    values.mean = count > 0 ? sum / Double(count) : nil
    let info = stack.info
    self.path = path
    format = stack.info.format.name
    (files, pages, rows, columns) = (info.files, info.pages, info.rows, info.columns)
    sampleType = info.sampleType.rawValue
    spacing = Distances(x: info.spacing.x, y: info.spacing.y, z: info.spacing.z)
    (unit, scale, offset) = (info.unit, info.scale, info.offset)
    (compression, byteOrder) = (info.compression, info.byteOrder.rawValue)
    (bigTIFF, tiled) = (info.isBigTIFF, info.isTiled)
    self.values = values
    metadata = info.metadata
    if let axes = info.axes {
      metadata["dimensions"] = ([info.columns, info.rows] + axes.extents).map(String.init)
        .joined(separator: " ")
    }
  }
}
