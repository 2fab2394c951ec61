import CFFTW
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
  private let instructions = gridding_instructions()

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
          sum(
            along, at: (row + taps.lowerBound - reach) * stride, step: stride, taps, factor: scale[row],
            into: target, at: row * columns, count: columns)
        }
      }
    }
    return result
  }

  /// Every row blurred; rows are `stride` apart.
  private func blurredRows(_ image: Image, stride: Int) -> [Float] {
    let (rows, columns) = (image.shape[0], image.shape[1])
    var result = [Float](repeating: 0, count: rows * stride)
    var line = [Float](repeating: 0, count: columns + 2 * reach)
    let scale = scale(columns)
    image.samples.withUnsafeBufferPointer { source in
      result.withUnsafeMutableBufferPointer { target in
        line.withUnsafeMutableBufferPointer { line in
          for row in 0..<rows {
            for j in 0..<columns { line[reach + j] = source[row * columns + j] }
            sum(
              UnsafeBufferPointer(line), at: 0, step: 1, 0..<weights.count, factor: 1, into: target,
              at: row * stride, count: columns)
            guard edge == .nothing else { continue }
            for j in 0..<columns { target[row * stride + j] *= scale[j] }
          }
        }
      }
    }
    return result
  }

  /// target[j] ← factor · Σₜ weights[t] · source[t · step + j] over some of the weights.
  private func sum(
    _ source: UnsafeBufferPointer<Float>, at place: Int, step: Int, _ taps: Range<Int>, factor: Float,
    into target: UnsafeMutableBufferPointer<Float>, at targetPlace: Int, count: Int
  ) {
    guard let source = source.baseAddress, let target = target.baseAddress else { return }
    weights.withUnsafeBufferPointer { weights in
      guard let weights = weights.baseAddress else { return }
      blur_taps(
        instructions, source + place, step, weights + taps.lowerBound, Int32(taps.count), factor,
        target + targetPlace, count)
    }
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
