import Fields

/// The same even convolution along the bins of every view, by FFT.
///
/// The filter is real, so that two views pass through it as one complex signal.
package struct DetectorFilter: Sendable {
  package let bins: Int
  package let length: Int
  /// Of every frequency twice, for real and imaginary part, with the scale of the inverse FFT.
  private let response: [Float]
  private let pitch: Int
  private let forward: FourierPlan
  private let backward: FourierPlan
  private let pool: BufferPool

  /// Views that one thread takes at once.
  private static let batch = 4

  /// - Parameters:
  ///   - length: of the FFT; bins beyond the detector are zero.
  ///   - response: length / 2 + 1 real factors.
  package init(bins: Int, length: Int, response: [Double]) throws(OperatorError) {
    precondition(
      length >= bins && response.count == length / 2 + 1, "\(response.count) factors for \(length)")
    self.bins = bins
    self.length = length
    self.response = (0..<length).flatMap { k in
      let factor = Float(response[min(k, length - k)] / Double(length))
      return [factor, factor]
    }
    pitch = (length + 7) / 8 * 8
    forward = try FourierPlan(
      .forward, length: length, inputPitch: pitch, outputPitch: pitch, aligned: true)
    backward = try FourierPlan(
      .backward, length: length, inputPitch: pitch, outputPitch: pitch, aligned: true)
    pool = BufferPool(count: 4 * pitch)
  }

  /// q ← factor · (filter ∗ p) for every view.
  package func apply(_ p: Sinogram, into q: inout Sinogram, factors: [Float], threads: Int) {
    let views = p.shape[0]
    precondition(
      p.shape == q.shape && p.shape[1] == bins && factors.count == views,
      "\(p.shape) and \(q.shape) for \(bins) bins, \(factors.count) factors")
    p.samples.withUnsafeBufferPointer { source in
      q.samples.withUnsafeMutableBufferPointer { target in
        guard let source = source.baseAddress, let target = target.baseAddress else { return }
        apply(source, into: target, views: views, factors: factors, threads: threads)
      }
    }
  }

  /// In place when `source` and `target` are the same.
  package func apply(
    _ source: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>, views: Int, factors: [Float],
    threads: Int
  ) {
    parallel(tiles: (views + Self.batch - 1) / Self.batch, threads: threads) { batch, _ in
      pool.withBuffer { signal in
        let spectrum = signal + 2 * pitch
        for view in stride(from: batch * Self.batch, to: min((batch + 1) * Self.batch, views), by: 2) {
          let (first, second) = (source + view * bins, source + min(view + 1, views - 1) * bins)
          // A last view without a partner stands alone.
          let factor = factors[view]
          let other = view + 1 < views ? factors[view + 1] : 0
          for j in 0..<bins {
            signal[2 * j] = factor * first[j]
            signal[2 * j + 1] = other * second[j]
          }
          (signal + 2 * bins).update(repeating: 0, count: 2 * (length - bins))
          forward.execute(signal, spectrum)
          response.withUnsafeBufferPointer { response in
            for k in 0..<2 * length { spectrum[k] *= response[k] }
          }
          backward.execute(spectrum, signal)
          for j in 0..<bins { target[view * bins + j] = signal[2 * j] }
          guard view + 1 < views else { continue }
          for j in 0..<bins { target[(view + 1) * bins + j] = signal[2 * j + 1] }
        }
      }
    }
  }
}
