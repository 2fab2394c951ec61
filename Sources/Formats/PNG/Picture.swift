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
      var message = [CChar](repeating: 0, count: 64)
      errno = 0
      guard cpng_write_gray(file.temporary, pixels, Int32(height), Int32(width), &message, message.count) != 0
      else {
        throw .cannotWrite(path: path, code: errno == 0 ? EIO : errno)
      }
      try file.complete()
      return file
    } catch {
      throw .file(error)
    }
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
