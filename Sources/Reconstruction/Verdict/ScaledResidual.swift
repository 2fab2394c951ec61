import Fields

/// A residual beside the noise and the model error that it should look like, and its sums.
struct ScaledResidual {
  struct View {
    /// Σ t
    var sum = 0.0
    /// Σ t²
    var square = 0.0
    /// Σ m / v
    var excess = 0.0
  }

  /// r = y − A x
  private(set) var residual: Sinogram
  /// t = r / √(v + m)
  private(set) var scaled: Sinogram
  /// 1 / (v + m)
  private(set) var precision: Sinogram
  private(set) var views: [View]
  /// Σ r² / v
  private(set) var noiseSquare = 0.0
  /// Σ m / (v + m)
  private(set) var share = 0.0

  /// - Parameters:
  ///   - noise: variance v of every ray.
  ///   - model: variance m of every ray.
  init(_ measurement: Sinogram, projection: Sinogram, noise: Sinogram, model: Sinogram) {
    let (count, bins) = (measurement.shape[0], measurement.shape[1])
    residual = Sinogram(shape: measurement.shape)
    scaled = residual
    precision = residual
    views = [View](repeating: View(), count: count)
    measurement.samples.withUnsafeBufferPointer { y in
      projection.samples.withUnsafeBufferPointer { p in
        noise.samples.withUnsafeBufferPointer { noise in
          model.samples.withUnsafeBufferPointer { model in
            residual.samples.withUnsafeMutableBufferPointer { residual in
              scaled.samples.withUnsafeMutableBufferPointer { scaled in
                precision.samples.withUnsafeMutableBufferPointer { precision in
                  for view in 0..<count {
                    var sums = (
                      t: SIMD4<Double>.zero, square: SIMD4<Double>.zero, excess: SIMD4<Double>.zero,
                      noise: SIMD4<Double>.zero, share: SIMD4<Double>.zero
                    )
                    let end = (view + 1) * bins
                    for k in stride(from: view * bins, to: end, by: 4) {
                      let r = fourSamples(y, k, end) - fourSamples(p, k, end)
                      let (v, m) = (fourSamples(noise, k, end, fill: 1), fourSamples(model, k, end))
                      let (w, u) = (1 / (v + m), 1 / v)
                      let t = r * w.squareRoot()
                      storeFour(r, residual, k, end)
                      storeFour(t, scaled, k, end)
                      storeFour(w, precision, k, end)
                      sums.t += t
                      sums.square += t * t
                      sums.excess += m * u
                      sums.noise += r * r * u
                      sums.share += m * w
                    }
                    views[view] = View(
                      sum: sums.t.sum(), square: sums.square.sum(), excess: sums.excess.sum())
                    noiseSquare += sums.noise.sum()
                    share += sums.share.sum()
                  }
                }
              }
            }
          }
        }
      }
    }
  }

  /// Σ t²
  var square: Double { views.reduce(0) { $0 + $1.square } }
  /// Σ m / v
  var excess: Double { views.reduce(0) { $0 + $1.excess } }
}
