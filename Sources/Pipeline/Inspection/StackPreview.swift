import Fields
import Formats

/// The middle page of a stack, to be looked at: small, black at the 1st and white at the 99th percentile.
public struct StackPreview: Sendable {
  /// Counted from 0.
  public let page: Int
  /// As in the file, NaN included.
  public let image: Image
  public let window: ClosedRange<Float>

  /// Reads one page; of complex samples the magnitudes.
  public init(stack path: String) async throws {
    let stack = try ImageStack(path: path, nonFinite: .keep, part: .magnitude)
    page = stack.count / 2
    image = try await StackPages(stack, lookahead: 0, width: 1).field(at: page)
    // Percentiles of some ten thousand samples err by less than a shade of grey.
    let samples = image.samples
    let some = stride(from: 0, to: samples.count, by: samples.count / 10_000 + 1).map { samples[$0] }
      .filter(\.isFinite).sorted()
    window = some.isEmpty ? 0...0 : some[some.count / 100]...some[some.count * 99 / 100]
  }

  /// The page in at most `side` pixels along each side: means over boxes of whole pixels.
  public func reduced(to side: Int) -> Image { reduced(rows: side, columns: side, stretch: 1) }

  /// The page in characters, dark to bright, in lines of at most `columns`.
  public func text(columns: Int = 64) -> String {
    let shades = Array(" .:-=+*#%@")
    // A character is twice as high as wide.
    let small = reduced(rows: columns / 2, columns: columns, stretch: 2)
    let width = max(window.upperBound - window.lowerBound, .leastNormalMagnitude)
    return (0..<small.shape[0]).map { row in
      let line = (0..<small.shape[1]).map { column -> Character in
        let shade = (small[row, column] - window.lowerBound) / width * Float(shades.count)
        return shade.isNaN ? "?" : shades[Int(max(0, min(Float(shades.count - 1), shade)))]
      }
      return String(line)
    }.joined(separator: "\n")
  }

  private func reduced(rows: Int, columns: Int, stretch: Int) -> Image {
    let (height, width) = (image.shape[0], image.shape[1])
    let box = max(1, (width + columns - 1) / columns, (height + rows * stretch - 1) / (rows * stretch))
    let (tall, wide) = (min(height, box * stretch), min(width, box))
    let shape: Shape = [(height + tall - 1) / tall, (width + wide - 1) / wide]
    var small = Image(shape: shape)
    for row in 0..<shape[0] {
      for column in 0..<shape[1] {
        var (sum, count) = (Float.zero, 0)
        for y in row * tall..<min(height, (row + 1) * tall) {
          for x in column * wide..<min(width, (column + 1) * wide) where image[y, x].isFinite {
            sum += image[y, x]
            count += 1
          }
        }
        small[row, column] = count > 0 ? sum / Float(count) : .nan
      }
    }
    return small
  }
}
