import Fields
import RealModule

/// Convolution with a Gaussian of unit sum, cut off at three and a half standard deviations.
package struct GaussianBlur {
  /// What lies beyond the edge.
  package enum Edge {
    case zero
    /// Nothing: the mean is over the pixels that exist.
    case nothing
  }

  private let weights: [Float]
  private let reach: Int
  private let edge: Edge

  /// - Parameter width: standard deviation in pixels.
  package init(width: Double, edge: Edge) {
    reach = max(1, Int((3.5 * width).rounded(.up)))
    let raw = (-reach...reach).map { Double.exp(-Double($0 * $0) / (2 * width * width)) }
    let sum = raw.reduce(0, +)
    weights = raw.map { Float($0 / sum) }
    self.edge = edge
  }

  package func callAsFunction(_ image: Image) -> Image {
    let (rows, columns) = (image.shape[0], image.shape[1])
    // Rows of whole vectors, and not a multiple of 4096 bytes apart: a store would hold up loads from the rows above it.
    let vectors = (columns + 15) / 16 + 1
    let stride = 16 * (vectors % 64 == 0 ? vectors + 1 : vectors)
    let along = blurredRows(image, stride: stride)
    let scale = scale(rows)
    var result = Image(shape: image.shape)
    along.withUnsafeBufferPointer { along in
      result.samples.withUnsafeMutableBufferPointer { target in
        for row in 0..<rows {
          let taps = max(0, reach - row)..<min(weights.count, rows + reach - row)
          for j in Swift.stride(from: 0, to: columns, by: 16) {
            var sum = SIMD16<Float>.zero
            for t in taps { sum += weights[t] * sixteen(along, (row + t - reach) * stride + j) }
            store(sum * scale[row], target, row * columns + j, min(16, columns - j))
          }
        }
      }
    }
    return result
  }

  /// Every row blurred; rows are `stride` apart.
  private func blurredRows(_ image: Image, stride: Int) -> [Float] {
    let (rows, columns) = (image.shape[0], image.shape[1])
    var result = [Float](repeating: 0, count: rows * stride)
    var line = [Float](repeating: 0, count: columns + 2 * reach + 16)
    let scale = scale(columns) + [Float](repeating: 0, count: 16)
    image.samples.withUnsafeBufferPointer { source in
      result.withUnsafeMutableBufferPointer { target in
        line.withUnsafeMutableBufferPointer { line in
          scale.withUnsafeBufferPointer { scale in
            for row in 0..<rows {
              for j in 0..<columns { line[reach + j] = source[row * columns + j] }
              for j in Swift.stride(from: 0, to: columns, by: 16) {
                var sum = SIMD16<Float>.zero
                for t in 0..<weights.count { sum += weights[t] * sixteen(UnsafeBufferPointer(line), j + t) }
                store(sum * sixteen(scale, j), target, row * stride + j, 16)
              }
            }
          }
        }
      }
    }
    return result
  }

  /// 1 over the sum of the weights that lie within a line of so many pixels; 1 where zeros lie beyond.
  private func scale(_ count: Int) -> [Float] {
    guard edge == .nothing else { return [Float](repeating: 1, count: count) }
    return (0..<count).map { j in
      var sum: Float = 0
      for t in -reach...reach where j + t >= 0 && j + t < count { sum += weights[t + reach] }
      return 1 / sum
    }
  }
}

@inline(__always)
private func sixteen(_ samples: UnsafeBufferPointer<Float>, _ place: Int) -> SIMD16<Float> {
  UnsafeRawBufferPointer(samples).loadUnaligned(fromByteOffset: 4 * place, as: SIMD16<Float>.self)
}

@inline(__always)
private func store(
  _ values: SIMD16<Float>, _ samples: UnsafeMutableBufferPointer<Float>, _ place: Int, _ count: Int
) {
  if count == 16 {
    UnsafeMutableRawBufferPointer(samples).storeBytes(
      of: values, toByteOffset: 4 * place, as: SIMD16<Float>.self)
  } else {
    for lane in 0..<count { samples[place + lane] = values[lane] }
  }
}
