import CPNG
import Fields
import Foundation

/// Pictures for people: images side by side in 8-bit grey, as PNG.
public struct Picture: Sendable {
  private var rows: [[(image: Image, window: ClosedRange<Float>)]] = []
  private static let gap = 4

  public init() {}

  /// Adds a row of images below those there are, each black at the lower end of its window.
  public mutating func append(_ row: [(image: Image, window: ClosedRange<Float>)]) { rows.append(row) }

  /// Writes the picture under a temporary name first.
  ///
  /// - Throws: ``PictureError``.
  public func write(to path: String) throws(PictureError) {
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
    let temporary = path + ".partial"
    var message = [CChar](repeating: 0, count: 64)
    guard cpng_write_gray(temporary, pixels, Int32(height), Int32(width), &message, message.count) != 0 else {
      unlink(temporary)
      throw .cannotWrite(path, reason: String(decoding: message.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self))
    }
    guard rename(temporary, path) == 0 else {
      let reason = String(cString: strerror(errno))
      unlink(temporary)
      throw .cannotWrite(path, reason: reason)
    }
  }
}

/// Why a picture cannot be written.
public enum PictureError: Error, Equatable, Sendable, CustomStringConvertible {
  case empty(String)
  case cannotWrite(String, reason: String)

  public var description: String {
    switch self {
    case .empty(let path): "the picture '\(path)' would have no pixels."
    case .cannotWrite(let path, let reason): "cannot write the picture '\(path)': \(reason)."
    }
  }
}
