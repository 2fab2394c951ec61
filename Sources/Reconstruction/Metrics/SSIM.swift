import Fields
import RealModule

/// The mean structural similarity, 1 for equal images.
///
///     (2 μa μb + C1)(2 σab + C2) / ((μa² + μb² + C1)(σa² + σb² + C2)),  C1 = (0.01 L)²,  C2 = (0.03 L)²
///
/// with moments under a Gaussian window of 11 pixels, σ = 1.5, and the data range L. The mean is over the pixels
/// whose whole window lies in the slice. Agrees with scikit-image's `structural_similarity(a, b, data_range=L,
/// gaussian_weights=True, sigma=1.5, use_sample_covariance=False)`.
///
/// - Parameter region: with ``Region/circle``, the mean over those of the pixels that lie in the circle.
/// - Throws: ``ReconstructionError`` for images of different shapes, smaller than a window, or a range that is
///   not positive.
///
/// Source: Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural
/// similarity", IEEE Trans. Image Process. 13 (2004), DOI 10.1109/TIP.2003.819861, eq. 13.
public func ssim(
  _ image: Image, reference: Image, dataRange: Double, region: Region = .whole
) throws(ReconstructionError) -> Double {
  try checkRange(dataRange)
  try checkShapes(image, reference)
  let shape = image.shape
  let (rows, columns) = (shape[0], shape[1])
  let radius = 5
  guard min(rows, columns) > 2 * radius else {
    throw .shapes("the image", found: shape, expected: [2 * radius + 1, 2 * radius + 1])
  }
  let unscaled = (-radius...radius).map { Double.exp(-0.5 * Double($0 * $0) / (1.5 * 1.5)) }
  let total = unscaled.reduce(0, +)
  let window = unscaled.map { $0 / total }

  let a = image.samples.map(Double.init)
  let b = reference.samples.map(Double.init)
  /// Averages under the window, for pixels whose window lies in the slice.
  func average(_ values: [Double]) -> [Double] {
    let (innerRows, innerColumns) = (rows - 2 * radius, columns - 2 * radius)
    var along = [Double](repeating: 0, count: rows * innerColumns)
    for i in 0..<rows {
      for j in 0..<innerColumns {
        var sum = 0.0
        for k in 0...2 * radius { sum += window[k] * values[i * columns + j + k] }
        along[i * innerColumns + j] = sum
      }
    }
    var result = [Double](repeating: 0, count: innerRows * innerColumns)
    for i in 0..<innerRows {
      for k in 0...2 * radius {
        for j in 0..<innerColumns {
          result[i * innerColumns + j] += window[k] * along[(i + k) * innerColumns + j]
        }
      }
    }
    return result
  }
  let (meanA, meanB) = (average(a), average(b))
  let squareA = average(a.map { $0 * $0 })
  let squareB = average(b.map { $0 * $0 })
  let product = average(zip(a, b).map { $0 * $1 })

  let c1 = (0.01 * dataRange) * (0.01 * dataRange)
  let c2 = (0.03 * dataRange) * (0.03 * dataRange)
  var (sum, count) = (0.0, 0)
  let innerColumns = columns - 2 * radius
  for i in meanA.indices {
    let (row, column) = (i / innerColumns + radius, i % innerColumns + radius)
    guard region.contains(row: row, column: column, of: shape) else { continue }
    let (ma, mb) = (meanA[i], meanB[i])
    let (va, vb, covariance) = (squareA[i] - ma * ma, squareB[i] - mb * mb, product[i] - ma * mb)
    sum += (2 * ma * mb + c1) * (2 * covariance + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2))
    count += 1
  }
  return sum / Double(count)
}
