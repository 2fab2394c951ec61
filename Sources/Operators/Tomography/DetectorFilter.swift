import Fields

/// The same even convolution along the bins of every view, by FFT.
package struct DetectorFilter: Sendable {
  package let bins: Int
  package let length: Int
  private let response: [Float]
  private let pitch: Int
  private let forward: FourierPlan
  private let backward: FourierPlan
  private let pool: BufferPool

  private static let batch = 4

  /// - Parameters:
  ///   - length: of the FFT; bins beyond the detector are zero.
  ///   - response: length / 2 + 1 real factors.
  package init(bins: Int, length: Int, response: [Double]) throws(OperatorError) {
    precondition(
      length >= bins && response.count == length / 2 + 1, "\(response.count) factors for \(length)")
    self.bins = bins
    self.length = length
    self.response = response.map { Float($0 / Double(length)) }
    pitch = (length / 2 + 1 + 7) / 8 * 8
    forward = try FourierPlan(
      .realToComplex, length: length, count: Self.batch, inputPitch: 2 * pitch, outputPitch: pitch,
      aligned: true)
    backward = try FourierPlan(
      .complexToReal, length: length, count: Self.batch, inputPitch: pitch, outputPitch: 2 * pitch,
      aligned: true)
    pool = BufferPool(count: 4 * pitch * Self.batch)
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
      let first = batch * Self.batch
      let rows = min(Self.batch, views - first)
      pool.withBuffer { real in
        let spectrum = real + 2 * pitch * Self.batch
        for row in 0..<rows {
          let line = real + 2 * pitch * row
          line.update(from: source + (first + row) * bins, count: bins)
          (line + bins).update(repeating: 0, count: length - bins)
        }
        forward.execute(real, spectrum)
        response.withUnsafeBufferPointer { response in
          for row in 0..<rows {
            let line = spectrum + 2 * pitch * row
            let factor = factors[first + row]
            for m in 0...length / 2 {
              let weight = factor * response[m]
              line[2 * m] *= weight
              line[2 * m + 1] *= weight
            }
          }
        }
        backward.execute(spectrum, real)
        for row in 0..<rows {
          (target + (first + row) * bins).update(from: real + 2 * pitch * row, count: bins)
        }
      }
    }
  }
}
