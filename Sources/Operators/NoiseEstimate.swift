import Fields

/// Variance of the noise of a sinogram from third differences along the detector.
///
///     σ = 1.4826 · median |p₋₁ − 3 p₀ + 3 p₁ − p₂| / √20
///
/// Third differences of a smooth curve vanish; those of independent noise have variance 20 σ². The median does
/// not see the few bins where an edge is projected. 0 for fewer than four bins.
///
/// Source: the estimator of Hall, Kay, Titterington, Biometrika 77 (1990), DOI 10.1093/biomet/77.3.521, for
/// order 3 differences, with the median absolute deviation.
public func estimatedNoiseVariance(_ sinogram: Sinogram) -> Double {
  let (views, bins) = (sinogram.shape[0], sinogram.shape[1])
  guard bins > 3, views > 0 else { return 0 }
  var differences: [Float] = []
  differences.reserveCapacity(views * (bins - 3))
  sinogram.samples.withUnsafeBufferPointer { p in
    for view in 0..<views {
      for k in view * bins..<(view + 1) * bins - 3 {
        differences.append(abs(p[k] - 3 * p[k + 1] + 3 * p[k + 2] - p[k + 3]))
      }
    }
  }
  let sigma = 1.4826 * Double(ranked(differences, at: differences.count / 2)) / 20.0.squareRoot()
  return sigma * sigma
}
