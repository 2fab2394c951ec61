import Fields
import RealModule

/// The filter of filtered back-projection: a ramp, band-limited to the detector, times a window.
///
///     h[0] = 1 / (4 d²),  h[n] = −1 / (π n d)² for odd n,  0 for even n;   q = d · (h ∗ p)
///
/// Built from samples in space, which keeps the mean of the reconstruction right; a ramp sampled in frequency
/// loses it. Views are padded with zeros to twice their length, so that nothing wraps around.
///
/// For bins at equal angles α around the source of a fan, n d becomes sin(n α) and d elsewhere α.
///
/// Sinogram in, without a unit; filtered sinogram out, in 1/mm, or 1/rad for angles.
///
/// Source: Kak, Slaney, "Principles of Computerized Tomographic Imaging" (1988), eq. 3.61 and 3.94.
public struct RampFilter: Sendable {
  /// What the ramp is multiplied by, as a function of f = frequency / cut-off; 0 beyond, but for Butterworth's.
  public enum Window: String, Hashable, Sendable, CaseIterable, Codable {
    /// 1
    case ramp
    /// sinc(f / 2)
    case sheppLogan
    /// cos(π f / 2)
    case cosine
    /// 0.54 + 0.46 cos(π f)
    case hamming
    /// 0.5 + 0.5 cos(π f)
    case hann
    /// 1 − 6 f² (1 − f) up to 1/2, 2 (1 − f)³ from there
    case parzen
    /// 1 / √(1 + f⁸): order 4, 1/√2 at the cut-off and falling smoothly beyond
    case butterworth

    /// - Parameter f: 0 or more.
    package func callAsFunction(_ f: Double) -> Double {
      // A frequency that is the cut-off up to rounding is passed.
      if f > 1 + 1e-12, self != .butterworth { return 0 }
      switch self {
      case .ramp: return 1
      case .sheppLogan: return f == 0 ? 1 : .sin(.pi * f / 2) / (.pi * f / 2)
      case .cosine: return .cos(.pi * f / 2)
      case .hamming: return 0.54 + 0.46 * .cos(.pi * f)
      case .hann: return 0.5 + 0.5 * .cos(.pi * f)
      case .parzen: return f <= 0.5 ? 1 - 6 * f * f * (1 - f) : 2 * (1 - f) * (1 - f) * (1 - f)
      case .butterworth:
        let square = f * f
        let fourth = square * square
        return 1 / (1 + fourth * fourth).squareRoot()
      }
    }
  }

  public let bins: Int
  public let window: Window
  /// Fraction of the highest frequency of the detector.
  public let cutoff: Double
  /// What the filter multiplies frequency m / (N · spacing) by, in 1/mm or 1/rad.
  public let response: [Double]

  private let filter: DetectorFilter

  /// - Parameters:
  ///   - binSpacing: in millimetres.
  ///   - cutoff: fraction of the highest frequency of the detector, above 0 and at most 1.
  public init(bins: Int, binSpacing: Double, window: Window = .ramp, cutoff: Double = 1) throws(OperatorError)
  {
    try self.init(bins, binSpacing, "\(binSpacing) mm", "a positive length", window, cutoff) { length in
      // The transform of the samples; cos(nφ) by its three-term recurrence, odd n only.
      (0...length / 2).map { m in
        let turn = 4 * Double.pi * Double(m) / Double(length)
        let factor = 2 * Double.cos(turn)
        var (previous, current) = (Double.cos(turn / 2), Double.cos(turn / 2))
        var sum = 0.25
        for n in stride(from: 1, through: length / 2, by: 2) {
          // The sample at half the length stands alone; all others come in pairs.
          sum -= (2 * n == length ? 1 : 2) * current / (.pi * .pi * Double(n * n))
          (previous, current) = (current, factor * current - previous)
        }
        return sum / binSpacing
      }
    }
  }

  /// The filter of bins at equal angles around the source of a fan.
  ///
  /// - Parameter binAngle: between neighbouring bins; all of them within half a turn.
  public init(bins: Int, binAngle: Angle, window: Window = .ramp, cutoff: Double = 1) throws(OperatorError) {
    let alpha = binAngle.radians
    guard !(alpha * Double(bins - 1) >= .pi) else {
      throw .outOfRange(
        "the angle between bins", found: "\(binAngle)", expected: "\(bins) bins within less than 180°")
    }
    // Only distances between two bins of the detector occur.
    let samples = stride(from: 1, to: max(bins, 1), by: 2).map { n in
      let sine = Double.pi * Double.sin(Double(n) * alpha)
      return 1 / (sine * sine)
    }
    try self.init(bins, alpha, "\(binAngle)", "a positive angle", window, cutoff) { length in
      (0...length / 2).map { m in
        let turn = 4 * Double.pi * Double(m) / Double(length)
        let factor = 2 * Double.cos(turn)
        var (previous, current) = (Double.cos(turn / 2), Double.cos(turn / 2))
        var sum = 1 / (4 * alpha * alpha)
        for sample in samples {
          sum -= 2 * current * sample
          (previous, current) = (current, factor * current - previous)
        }
        return alpha * sum
      }
    }
  }

  /// - Parameter ramp: the ramp's response for a length of the FFT.
  private init(
    _ bins: Int, _ spacing: Double, _ found: String, _ expected: String, _ window: Window, _ cutoff: Double,
    ramp: (_ length: Int) -> [Double]
  ) throws(OperatorError) {
    guard cutoff > 0, cutoff <= 1 else {
      throw .outOfRange("the cut-off of the filter", found: "\(cutoff)", expected: "above 0 and at most 1")
    }
    guard bins > 0 else { throw .emptyShape("the detector", found: [max(bins, 0)]) }
    guard spacing.isFinite, spacing > 0 else {
      throw .outOfRange("the bin spacing", found: found, expected: expected)
    }
    self.bins = bins
    self.window = window
    self.cutoff = cutoff
    let length = FourierPlan.fastLength(atLeast: 2 * bins, multipleOf: 32)
    response = ramp(length).enumerated().map { m, value in
      value * window(2 * Double(m) / Double(length) / cutoff)
    }
    filter = try DetectorFilter(bins: bins, length: length, response: response)
  }

  /// q ← filter ∗ q for every view, on at most `threads` threads.
  package func apply(inPlace q: inout Sinogram, threads: Int) {
    precondition(q.shape.rank == 2 && q.shape[1] == bins, "\(q.shape) for \(bins) bins")
    let views = q.shape[0]
    q.samples.withUnsafeMutableBufferPointer { q in
      guard let q = q.baseAddress else { return }
      filter.apply(q, into: q, views: views, factors: Array(repeating: 1, count: views), threads: threads)
    }
  }

  /// q = factor · (filter ∗ p) for every view, on at most `threads` threads.
  ///
  /// - Parameter factors: one for every view.
  public func apply(_ p: Sinogram, into q: inout Sinogram, factors: [Double], threads: Int) {
    filter.apply(p, into: &q, factors: factors.map { Float($0) }, threads: threads)
  }
}
