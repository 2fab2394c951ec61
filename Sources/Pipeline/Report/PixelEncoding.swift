import Fields
import Foundation

/// Samples as 16-bit codes: v ≈ offset + scale · code.
///
/// The range of the samples is cut into 65 534 steps, so the error is at most half a step, 1/131 068 of
/// the range. Code 65 535 stands for a sample that is not finite.
package struct QuantisedPixels: Sendable {
  package static let missing = UInt16.max

  package let scale: Double
  package let offset: Double
  package let codes: [UInt16]

  package init(_ samples: [Float]) {
    var low = Float.infinity
    var high = -Float.infinity
    for value in samples where value.isFinite {
      low = min(low, value)
      high = max(high, value)
    }
    let offset = low <= high ? Double(low) : 0
    let scale = low < high ? (Double(high) - Double(low)) / 65534 : 0
    self.offset = offset
    self.scale = scale
    codes = samples.map { value in
      guard value.isFinite else { return Self.missing }
      return scale > 0 ? UInt16(min(65534, ((Double(value) - offset) / scale).rounded())) : 0
    }
  }

  package func value(_ code: UInt16) -> Double {
    code == Self.missing ? .nan : offset + scale * Double(code)
  }

  /// Little endian, whatever the machine.
  package var base64: String {
    codes.map { $0.littleEndian }.withUnsafeBytes { Data($0) }.base64EncodedString()
  }
}

/// Makes a picture smaller by whole factors.
package enum PixelReduction {
  /// The smallest whole factor that brings `count` down to `limit`.
  package static func factor(_ count: Int, limit: Int) -> Int { max(1, (count + limit - 1) / limit) }

  /// Every block becomes the sum of its finite samples over nᵖ, n being their number: p = 1 keeps the mean
  /// of a picture, p = ½ keeps the variance of white noise.
  package static func blocks<Quantity>(
    _ field: Field<Quantity, Float>, rows rowFactor: Int, columns columnFactor: Int, power: Double
  ) -> Field<Quantity, Float> {
    guard rowFactor > 1 || columnFactor > 1 else { return field }
    let rows = (field.shape[0] + rowFactor - 1) / rowFactor
    let columns = (field.shape[1] + columnFactor - 1) / columnFactor
    var result = Field<Quantity, Float>(shape: [rows, columns])
    for row in 0..<rows {
      for column in 0..<columns {
        var sum = 0.0
        var count = 0.0
        for r in (row * rowFactor)..<min(field.shape[0], (row + 1) * rowFactor) {
          for c in (column * columnFactor)..<min(field.shape[1], (column + 1) * columnFactor) {
            let value = field[r, c]
            guard value.isFinite else { continue }
            sum += Double(value)
            count += 1
          }
        }
        result[row, column] = count > 0 ? Float(sum / (power == 1 ? count : count.squareRoot())) : .nan
      }
    }
    return result
  }
}
