import Fields
import RealModule

/// Convolution with a Gaussian of unit sum, cut off at three and a half standard deviations.
struct GaussianBlur {
  /// What lies beyond the edge.
  enum Edge {
    case zero
    /// Nothing: the mean is over the pixels that exist.
    case nothing
  }

  private let weights: [Float]
  private let reach: Int
  private let edge: Edge

  /// - Parameter width: standard deviation in pixels.
  init(width: Double, edge: Edge) {
    reach = max(1, Int((3.5 * width).rounded(.up)))
    let raw = (-reach...reach).map { Double.exp(-Double($0 * $0) / (2 * width * width)) }
    let sum = raw.reduce(0, +)
    weights = raw.map { Float($0 / sum) }
    self.edge = edge
  }

  func callAsFunction(_ image: Image) -> Image {
    transposed(alongRows: transposed(alongRows: image))
  }

  /// Rows that are blurred before their columns are written: a cache line of each.
  private static let together = 16

  /// The rows blurred, then rows and columns exchanged.
  private func transposed(alongRows image: Image) -> Image {
    let (rows, columns) = (image.shape[0], image.shape[1])
    var result = Image(shape: [columns, rows])
    var line = [Float](repeating: 0, count: columns + 2 * reach + 16)
    var sums = [Float](repeating: 0, count: Self.together * columns)
    var scale = [Float](repeating: 1, count: columns)
    if edge == .nothing {
      for j in 0..<columns {
        var sum: Float = 0
        for t in -reach...reach where j + t >= 0 && j + t < columns { sum += weights[t + reach] }
        scale[j] = 1 / sum
      }
    }
    image.samples.withUnsafeBufferPointer { source in
      result.samples.withUnsafeMutableBufferPointer { target in
        line.withUnsafeMutableBufferPointer { line in
          sums.withUnsafeMutableBufferPointer { sums in
            for first in stride(from: 0, to: rows, by: Self.together) {
              let count = min(Self.together, rows - first)
              for row in 0..<count {
                let place = row * columns
                for j in 0..<columns {
                  line[reach + j] = source[(first + row) * columns + j]
                }
                for j in stride(from: 0, to: columns, by: 16) {
                  var sum = SIMD16<Float>.zero
                  for t in 0..<weights.count { sum += weights[t] * sixteen(line, j + t) }
                  for lane in 0..<min(16, columns - j) { sums[place + j + lane] = sum[lane] }
                }
              }
              for j in 0..<columns {
                for row in 0..<count { target[j * rows + first + row] = sums[row * columns + j] * scale[j] }
              }
            }
          }
        }
      }
    }
    return result
  }
}

@inline(__always)
private func sixteen(_ samples: UnsafeMutableBufferPointer<Float>, _ place: Int) -> SIMD16<Float> {
  UnsafeRawBufferPointer(samples).loadUnaligned(fromByteOffset: 4 * place, as: SIMD16<Float>.self)
}
