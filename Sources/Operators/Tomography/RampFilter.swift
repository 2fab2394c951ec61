import Fields
import RealModule

/// The filter of filtered back-projection: a ramp, band-limited to the detector, times a window.
///
///     h[0] = 1 / (4 d²),  h[n] = −1 / (π n d)² for odd n,  0 for even n;   q = d · (h ∗ p)
///
/// Built from samples in space, which keeps the mean of the reconstruction right; a ramp sampled in frequency
/// loses it. Views are padded with zeros to twice their length, so that nothing wraps around.
///
/// Sinogram in, without a unit; filtered sinogram out, in 1/mm.
///
/// Source: Kak, Slaney, "Principles of Computerized Tomographic Imaging" (1988), eq. 3.61.
public struct RampFilter: Sendable {
  /// What the ramp is multiplied by, as a function of f = frequency / cut-off; 0 beyond.
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

    func callAsFunction(_ f: Double) -> Double {
      switch self {
      case .ramp: 1
      case .sheppLogan: f == 0 ? 1 : .sin(.pi * f / 2) / (.pi * f / 2)
      case .cosine: .cos(.pi * f / 2)
      case .hamming: 0.54 + 0.46 * .cos(.pi * f)
      case .hann: 0.5 + 0.5 * .cos(.pi * f)
      }
    }
  }

  public let bins: Int
  public let window: Window
  /// Fraction of the highest frequency of the detector.
  public let cutoff: Double
  /// What the filter multiplies frequency m / (N · binSpacing) by, in 1/mm.
  public let response: [Double]

  private let filter: DetectorFilter

  /// - Parameters:
  ///   - binSpacing: in millimetres.
  ///   - cutoff: fraction of the highest frequency of the detector, above 0 and at most 1.
  public init(bins: Int, binSpacing: Double, window: Window = .ramp, cutoff: Double = 1) throws(OperatorError)
  {
    guard cutoff > 0, cutoff <= 1 else {
      throw .outOfRange("the cut-off of the filter", found: "\(cutoff)", expected: "above 0 and at most 1")
    }
    guard bins > 0 else { throw .emptyShape("the detector", found: [max(bins, 0)]) }
    guard binSpacing.isFinite, binSpacing > 0 else {
      throw .outOfRange("the bin spacing", found: "\(binSpacing) mm", expected: "a positive length")
    }
    self.bins = bins
    self.window = window
    self.cutoff = cutoff
    let length = FourierPlan.fastLength(atLeast: 2 * bins, multipleOf: 32)
    response = (0...length / 2).map { m in
      let f = 2 * Double(m) / Double(length) / cutoff
      guard f <= 1 + 1e-12 else { return 0 }
      // The transform of the samples; cos(nφ) by its three-term recurrence, odd n only.
      let turn = 4 * Double.pi * Double(m) / Double(length)
      let factor = 2 * Double.cos(turn)
      var (previous, current) = (Double.cos(turn / 2), Double.cos(turn / 2))
      var sum = 0.25
      for n in stride(from: 1, through: length / 2, by: 2) {
        // The sample at half the length stands alone; all others come in pairs.
        sum -= (2 * n == length ? 1 : 2) * current / (.pi * .pi * Double(n * n))
        (previous, current) = (current, factor * current - previous)
      }
      return sum / binSpacing * window(f)
    }
    filter = try DetectorFilter(bins: bins, length: length, response: response)
  }

  /// q = factor · (filter ∗ p) for every view, on at most `threads` threads.
  ///
  /// - Parameter factors: one for every view.
  public func apply(_ p: Sinogram, into q: inout Sinogram, factors: [Double], threads: Int) {
    filter.apply(p, into: &q, factors: factors.map { Float($0) }, threads: threads)
  }
}
