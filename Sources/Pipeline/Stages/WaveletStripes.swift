import Fields
import Operators
import RealModule

/// Takes out stripes, which become rings, by wavelets along both axes and Fourier transforms along the views.
///
/// On every level of a two-dimensional wavelet transform a stripe lies in one band: slow along the views, fast along the
/// bins. In that band, d, the slowest frequencies along the views are damped:
///
///     d̂(k) ← (1 − exp(−k² / 2σ²)) d̂(k),   k = 0, ±1, … periods over all views
///
/// More levels take out wider stripes, a larger σ shorter ones. What of the object does not change with the angle goes
/// with the stripes: a disc around the axis loses contrast.
///
/// Daubechies' wavelet of five vanishing moments; the sinogram is mirrored at its ends.
///
/// Source: Münch, Trtik, Marone, Stampanoni, "Stripe and ring artifact removal with combined wavelet–Fourier
/// filtering", Optics Express 17 (2009) 8567, DOI 10.1364/OE.17.008567, eq. 5 and fig. 3. The wavelet: Daubechies,
/// "Ten Lectures on Wavelets", SIAM (1992), table 6.1.
public struct WaveletStripes: SinogramStage {
  public let levels: Int
  public let sigma: Double
  public let shape: Shape
  private let bands: [Band]

  /// One level: what is transformed, and the FFT along the views of the band that holds the stripes.
  private struct Band: Sendable {
    /// Before the level.
    let rows: Int
    let columns: Int
    let forward: FourierPlan
    let backward: FourierPlan
    /// Factors of the frequencies 0 … rows / 4, that of the unnormalised transforms included: what is taken out.
    let taken: [Float]
  }

  /// The low-pass filter; the high-pass one is its reverse with alternating signs.
  package static let lowPass: [Float] = [
    0.160102397974125, 0.603829269797473, 0.724308528438574, 0.138428145901103, -0.242294887066190,
    -0.0322448695850295, 0.0775714938400652, -0.00624149021301171, -0.0125807519990155, 0.00333572528500155,
  ]
  private static let highPass = lowPass.indices.map { k in
    (k % 2 == 0 ? 1 : -1) * lowPass[lowPass.count - 1 - k]
  }

  /// - Parameters:
  ///   - shape: `[views, bins]`
  ///   - sigma: σ above, in periods over all views.
  /// - Throws: `OperatorError` when a transform cannot be planned.
  public init(shape: Shape, levels: Int = 3, sigma: Double = 1) throws(OperatorError) {
    precondition(shape.rank == 2 && levels > 0 && sigma > 0, "\(levels) levels, σ \(sigma) for \(shape)")
    self.shape = shape
    self.levels = levels
    self.sigma = sigma
    func padded(_ length: Int) -> Int {
      // Room for the filter on both sides, so that the wrap-around is between mirrored samples.
      let unit = 1 << levels
      return (length + 2 * Self.lowPass.count + unit - 1) / unit * unit
    }
    var (rows, columns) = (padded(shape[0]), padded(shape[1]))
    var bands: [Band] = []
    for _ in 0..<levels {
      let length = rows / 2
      let frequencies = length / 2 + 1
      bands.append(
        Band(
          rows: rows, columns: columns,
          forward: try FourierPlan(
            .realToComplex, length: length, count: columns / 2, inputPitch: length, outputPitch: frequencies),
          backward: try FourierPlan(
            .complexToReal, length: length, count: columns / 2, inputPitch: frequencies, outputPitch: length),
          taken: (0..<frequencies).map { k in
            Float(Double.exp(-Double(k * k) / (2 * sigma * sigma)) / Double(length))
          }))
      (rows, columns) = (rows / 2, columns / 2)
    }
    self.bands = bands
  }

  @discardableResult public func apply(_ sinogram: inout Sinogram) -> Int {
    precondition(sinogram.shape == shape, "\(sinogram.shape) for \(shape)")
    guard shape.count > 0, let first = bands.first else { return 0 }
    let (views, bins) = (shape[0], shape[1])
    let (top, left) = ((first.rows - views) / 2, (first.columns - bins) / 2)
    let source = sinogram.samples
    var low = [Float](repeating: 0, count: first.rows * first.columns)
    for row in 0..<first.rows {
      let line = mirrored(row - top, views) * bins
      for column in 0..<first.columns {
        low[row * first.columns + column] = source[line + mirrored(column - left, bins)]
      }
    }
    // The transform is linear and orthogonal: what is taken out is made from the damped bands alone.
    var stripes: [[Float]] = []
    for band in bands {
      let slow = Self.analyzeRows(low, band.rows, band.columns)
      let (next, fast) = Self.analyzeColumns(slow, band.rows / 2, band.columns)
      stripes.append(slowest(fast, band))
      low = next
    }
    var taken = [Float](repeating: 0, count: low.count)
    for (band, stripes) in zip(bands, stripes).reversed() {
      let slow = Self.synthesizeColumns(taken, stripes, band.rows / 2, band.columns)
      taken = Self.synthesizeRows(slow, band.rows, band.columns)
    }
    for view in 0..<views {
      for bin in 0..<bins {
        sinogram.samples[view * bins + bin] -= taken[(top + view) * first.columns + left + bin]
      }
    }
    return 0
  }

  /// The part of a band that is slow along the views.
  private func slowest(_ fast: [Float], _ band: Band) -> [Float] {
    let (length, columns) = (band.rows / 2, band.columns / 2)
    var lines = [Float](repeating: 0, count: fast.count)
    for row in 0..<length {
      for column in 0..<columns { lines[column * length + row] = fast[row * columns + column] }
    }
    var spectrum = [Float](repeating: 0, count: 2 * columns * band.taken.count)
    lines.withUnsafeMutableBufferPointer { lines in
      spectrum.withUnsafeMutableBufferPointer { spectrum in
        guard let lines = lines.baseAddress, let spectrum = spectrum.baseAddress else { return }
        band.forward.execute(lines, spectrum)
        for column in 0..<columns {
          let line = spectrum + 2 * column * band.taken.count
          for (k, factor) in band.taken.enumerated() {
            line[2 * k] *= factor
            line[2 * k + 1] *= factor
          }
        }
        band.backward.execute(spectrum, lines)
      }
    }
    var result = [Float](repeating: 0, count: fast.count)
    for row in 0..<length {
      for column in 0..<columns { result[row * columns + column] = lines[column * length + row] }
    }
    return result
  }

  // MARK: The wavelet transform, periodic

  /// Rows to half as many, low-pass.
  private static func analyzeRows(_ x: [Float], _ rows: Int, _ columns: Int) -> [Float] {
    var low = [Float](repeating: 0, count: rows / 2 * columns)
    low.withUnsafeMutableBufferPointer { low in
      x.withUnsafeBufferPointer { x in
        for row in 0..<rows / 2 {
          for (k, weight) in lowPass.enumerated() {
            let source = (2 * row + k) % rows * columns
            for column in 0..<columns { low[row * columns + column] += weight * x[source + column] }
          }
        }
      }
    }
    return low
  }

  /// The transpose of ``analyzeRows(_:_:_:)``.
  private static func synthesizeRows(_ low: [Float], _ rows: Int, _ columns: Int) -> [Float] {
    var x = [Float](repeating: 0, count: rows * columns)
    x.withUnsafeMutableBufferPointer { x in
      low.withUnsafeBufferPointer { low in
        for row in 0..<rows / 2 {
          for (k, weight) in lowPass.enumerated() {
            let target = (2 * row + k) % rows * columns
            for column in 0..<columns { x[target + column] += weight * low[row * columns + column] }
          }
        }
      }
    }
    return x
  }

  /// Columns to half as many, low-pass and high-pass.
  private static func analyzeColumns(_ x: [Float], _ rows: Int, _ columns: Int) -> ([Float], [Float]) {
    let half = columns / 2
    var low = [Float](repeating: 0, count: rows * half)
    var high = low
    var line = [Float](repeating: 0, count: columns + lowPass.count)
    for row in 0..<rows {
      for column in line.indices { line[column] = x[row * columns + column % columns] }
      for column in 0..<half {
        var (slow, fast): (Float, Float) = (0, 0)
        for k in lowPass.indices {
          slow += lowPass[k] * line[2 * column + k]
          fast += highPass[k] * line[2 * column + k]
        }
        low[row * half + column] = slow
        high[row * half + column] = fast
      }
    }
    return (low, high)
  }

  /// The transpose of ``analyzeColumns(_:_:_:)``.
  private static func synthesizeColumns(_ low: [Float], _ high: [Float], _ rows: Int, _ columns: Int)
    -> [Float]
  {
    let half = columns / 2
    var x = [Float](repeating: 0, count: rows * columns)
    var line = [Float](repeating: 0, count: columns + lowPass.count)
    for row in 0..<rows {
      for column in line.indices { line[column] = 0 }
      for column in 0..<half {
        let (slow, fast) = (low[row * half + column], high[row * half + column])
        for k in lowPass.indices { line[2 * column + k] += lowPass[k] * slow + highPass[k] * fast }
      }
      for column in line.indices { x[row * columns + column % columns] += line[column] }
    }
    return x
  }
}

/// The place among `count` samples that a place beyond their ends mirrors.
func mirrored(_ place: Int, _ count: Int) -> Int {
  let period = max(2 * (count - 1), 1)
  let rest = ((place % period) + period) % period
  return rest < count ? rest : period - rest
}
