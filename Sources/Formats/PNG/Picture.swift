import CZlib
import Fields
import Foundation

/// Pictures for people: images side by side in 8-bit grey, as PNG.
public struct Picture: Sendable {
  private var rows: [[(image: Image, window: ClosedRange<Float>)]] = []
  private static let gap = 4

  public init() {}

  /// Adds a row of images below those there are, each black at the lower end of its window.
  public mutating func append(_ row: [(image: Image, window: ClosedRange<Float>)]) { rows.append(row) }

  /// - Throws: ``PictureError``.
  public func write(to path: String) throws(PictureError) {
    var file = try file(path)
    do throws(FileError) { try file.publish() } catch { throw .file(error) }
  }

  /// The picture as a complete file that has no name yet.
  ///
  /// - Throws: ``PictureError``.
  public func file(_ path: String) throws(PictureError) -> PendingFile {
    let gap = Picture.gap
    let width = rows.map { $0.reduce(-gap) { $0 + $1.image.shape[1] + gap } }.max() ?? 0
    let heights = rows.map { $0.map { $0.image.shape[0] }.max() ?? 0 }
    let height = heights.reduce(-gap) { $0 + $1 + gap }
    guard width > 0, height > 0 else { throw .empty(path) }
    var pixels = [UInt8](repeating: 255, count: width * height)
    var top = 0
    for (row, rowHeight) in zip(rows, heights) {
      var left = 0
      for (image, window) in row {
        let scale = 255 / max(window.upperBound - window.lowerBound, .leastNormalMagnitude)
        for y in 0..<image.shape[0] {
          for x in 0..<image.shape[1] {
            let value = (image[y, x] - window.lowerBound) * scale
            pixels[(top + y) * width + left + x] = value.isNaN ? 0 : UInt8(min(255, max(0, value)).rounded())
          }
        }
        left += image.shape[1] + gap
      }
      top += rowHeight + gap
    }
    do throws(FileError) {
      var file = try PendingFile(path: path)
      guard let encoded = Self.encoded(pixels, rows: height, columns: width) else {
        throw .cannotWrite(path: path, code: ENOMEM)
      }
      try file.write(encoded)
      try file.complete()
      return file
    } catch {
      throw .file(error)
    }
  }

  /// A PNG file of 8-bit grey pixels, rows from the top; nil where memory is missing.
  ///
  /// Source: PNG (Portable Network Graphics) Specification, third edition, W3C 2025, sections 5, 9 and 10.
  private static func encoded(_ pixels: [UInt8], rows: Int, columns: Int) -> [UInt8]? {
    func integer(_ value: some BinaryInteger) -> [UInt8] {
      withUnsafeBytes(of: UInt32(truncatingIfNeeded: value).bigEndian, Array.init)
    }
    func chunk(_ type: String, _ content: [UInt8]) -> [UInt8] {
      let checked = Array(type.utf8) + content
      return integer(content.count) + checked + integer(crc32(0, checked, uInt(checked.count)))
    }
    // Every row begins with the number of its filter: 2 stores differences to the row above.
    var filtered: [UInt8] = []
    filtered.reserveCapacity(rows * (columns + 1))
    for row in 0..<rows {
      filtered.append(2)
      for i in row * columns..<(row + 1) * columns {
        filtered.append(row == 0 ? pixels[i] : pixels[i] &- pixels[i - columns])
      }
    }
    var count = compressBound(uLong(filtered.count))
    var data = [UInt8](repeating: 0, count: Int(count))
    guard compress(&data, &count, filtered, uLong(filtered.count)) == Z_OK else { return nil }
    let header = integer(columns) + integer(rows) + [8, 0, 0, 0, 0]  // 8 bits, grey, not interlaced
    return [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] + chunk("IHDR", header)
      + chunk("IDAT", Array(data.prefix(Int(count)))) + chunk("IEND", [])
  }
}

/// Why a picture cannot be written.
public enum PictureError: Error, Equatable, Sendable, CustomStringConvertible {
  case empty(String)
  case file(FileError)

  public var description: String {
    switch self {
    case .empty(let path): "the picture '\(path)' would have no pixels."
    case .file(let error): error.description
    }
  }
}
