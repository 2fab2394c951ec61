import Diffusion
import Fields
import Formats

/// Pages of image stacks, held in memory as 16-bit numbers of 1/32767 of the network's range.
///
/// A training run draws every page many times in random order; 16 bits resolve 0.03 HU of a 2000 HU range,
/// below the rounding of any scanner, at half the memory of single precision.
public final class StackImages: ImageSource {
  private let pages: [(rows: Int, columns: Int, values: [Int16])]

  /// - Parameter offset: added to every stored value to reach the unit of `range`.
  public init(paths: [String], offset: Double, range: IntensityRange, minimum: Int) throws {
    var pages: [(rows: Int, columns: Int, values: [Int16])] = []
    for path in paths {
      let stack = try TIFFStack(path: path)
      guard stack.info.rows >= minimum, stack.info.columns >= minimum else {
        throw TrainingError.tooSmall(
          path, found: "\(stack.info.rows) × \(stack.info.columns)", needed: "\(minimum) × \(minimum)")
      }
      for index in 0..<stack.count {
        let page = range.normalized(try stack.page(index).map { $0 + Float(offset) })
        pages.append(
          (page.shape[0], page.shape[1], page.samples.map { Int16((min(1, max(-1, $0)) * 32767).rounded()) }))
      }
    }
    guard !pages.isEmpty else { throw TrainingError.noImages(paths.joined(separator: ", ")) }
    self.pages = pages
  }

  public var count: Int { pages.count }

  public func draw(rows: Int, columns: Int, using generator: inout SplitMix64) -> Image {
    let page = pages[Int(generator.next() % UInt64(pages.count))]
    let top = Int(generator.next() % UInt64(page.rows - rows + 1))
    let left = Int(generator.next() % UInt64(page.columns - columns + 1))
    let mirrored = generator.next() & 1 == 1
    var image = Image(shape: [rows, columns])
    for row in 0..<rows {
      let start = (top + row) * page.columns + left
      for column in 0..<columns {
        let source = mirrored ? columns - 1 - column : column
        image.samples[row * columns + column] = Float(page.values[start + source]) / 32767
      }
    }
    return image
  }
}
