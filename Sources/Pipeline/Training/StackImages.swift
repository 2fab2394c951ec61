import Crypto
import Diffusion
import Fields
import Formats
import Foundation

/// Pages of image stacks in HU or 1/mm, held in memory as 16-bit numbers of 1/32767 of the network's range.
///
/// A training run draws every page many times in random order; 16 bits resolve 0.03 HU of a 2000 HU range,
/// below the rounding of any scanner, at half the memory of single precision.
public final class StackImages: ImageSource {
  private let pages: [(rows: Int, columns: Int, values: [Int16])]
  public let identity: [NamedValue]

  /// - Parameters:
  ///   - unit: of the values where a stack states none, HU when nil; must agree with it where it does.
  ///   - offset: added to every stored value.
  ///   - minimum: rows and columns that every page must have.
  /// - Throws: ``SimulationError`` or ``TrainingError`` where a stack holds no attenuation or its pages are too small,
  ///   `TIFFError` for the file itself.
  public init(
    paths: [String], unit: VolumeUnit? = nil, offset: Double = 0, attenuation: AttenuationScale, minimum: Int
  ) throws {
    var hash = SHA256()
    var pages: [(rows: Int, columns: Int, values: [Int16])] = []
    for path in paths {
      let stack = try ImageStack(path: path)
      guard stack.info.rows >= minimum, stack.info.columns >= minimum else {
        throw TrainingError.tooSmall(
          path, found: "\(stack.info.rows) × \(stack.info.columns)", needed: "\(minimum) × \(minimum)")
      }
      let stated = try StackImages.unit(stack.info.unit, of: path, given: unit)
      var (lowest, highest) = (Float.infinity, -Float.infinity)
      for index in 0..<stack.count {
        let image: Image = try stack.page(index).map { $0 + Float(offset) }
        let page =
          stated == .perMillimetre ? attenuation.normalized(image) : attenuation.range.normalized(image)
        for value in image.samples { (lowest, highest) = (min(lowest, value), max(highest, value)) }
        let values = page.samples.map { Int16((min(1, max(-1, $0)) * 32767).rounded()) }
        values.withUnsafeBytes { hash.update(bufferPointer: $0) }
        pages.append((page.shape[0], page.shape[1], values))
      }
      // Air and tissue are 1000 HU apart, in 1/mm everything lies within 1.
      if stated == nil, highest - lowest < 10 {
        throw TrainingError.noUnit(path, found: "\(lowest) to \(highest)")
      }
    }
    guard !pages.isEmpty else { throw TrainingError.noImages(paths.joined(separator: ", ")) }
    self.pages = pages
    let digest = hash.finalize().hexadecimal
    identity = [NamedValue("the content of the stacks", "\(pages.count) pages of SHA-256 \(digest)")]
  }

  /// The unit that a stack states, or else what it is given; nil for neither.
  private static func unit(_ stated: String?, of path: String, given: VolumeUnit?) throws -> VolumeUnit? {
    guard let stated else { return given }
    guard let found = VolumeUnit(rawValue: stated) else {
      throw SimulationError.unknownUnit(path: path, found: stated)
    }
    if let given, given != found {
      throw TrainingError.otherUnit(path, found: found.rawValue, given: given.rawValue)
    }
    return found
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
