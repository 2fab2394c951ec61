import Fields
import Foundation

/// The affine map between physical values and the range [−1, 1] that networks see.
///
///     v = (2 p − low − high) / (high − low)
public struct IntensityRange: Codable, Hashable, Sendable, CustomStringConvertible {
  public let unit: String
  public let low: Double
  public let high: Double

  public init(unit: String, low: Double, high: Double) {
    self.unit = unit
    self.low = low
    self.high = high
  }

  /// HU/1000: air is −1, water 0, dense bone 1.
  public static let hounsfield = IntensityRange(unit: "HU", low: -1000, high: 1000)

  public var description: String { String(format: "%g to %g ", low, high) + unit }

  public var center: Double { (low + high) / 2 }
  public var halfWidth: Double { (high - low) / 2 }

  public func normalized(_ image: Image) -> Image {
    let (shift, scale) = (Float(center), Float(1 / halfWidth))
    return image.map { ($0 - shift) * scale }
  }

  public func physical(_ image: Image) -> Image {
    let (shift, scale) = (Float(center), Float(halfWidth))
    return image.map { $0 * scale + shift }
  }
}
