import Fields
import RealModule

/// What the filter of FBP takes for the line integrals beyond the detector, where an object reaches out of it.
///
/// With zeros the ramp filter makes a bright rim of the jump at the end of every view. A smooth end leaves a weak
/// cupping in its place; values inside are right but for that. Views that end in air are extended by air: nothing
/// changes.
///
/// Source: Kyrieleis, Titarenko, Ibison, Connolley, Withers, "Region-of-interest tomography using filtered
/// backprojection: assessing the practical limits", J. Microscopy 241 (2011) 69, DOI 10.1111/j.1365-2818.2010.03408.x.
public enum TruncationPadding: String, Hashable, Sendable, CaseIterable, Codable {
  /// Zeros.
  case zeros
  /// The mean of the last four bins, as far as the detector is wide.
  case edge
  /// The same, falling to 0 as cos² over the width of the detector.
  case cosine

  /// Bins added on either side of `bins`.
  public func reach(bins: Int) -> Int { self == .zeros ? 0 : bins }

  private static let averaged = 4

  /// Views with ``reach(bins:)`` bins more on either side.
  public func extend(_ sinogram: Sinogram) -> Sinogram {
    let (views, bins) = (sinogram.shape[0], sinogram.shape[1])
    let reach = reach(bins: bins)
    guard reach > 0 else { return sinogram }
    let weights: [Float] = (0..<reach).map { step in
      guard self == .cosine else { return 1 }
      let cosine = Double.cos(.pi / 2 * (Double(step) + 1) / Double(reach + 1))
      return Float(cosine * cosine)
    }
    let count = min(Self.averaged, bins)
    var result = Sinogram(shape: [views, bins + 2 * reach])
    for view in 0..<views {
      let line = sinogram.samples[view * bins..<(view + 1) * bins]
      let left = line.prefix(count).reduce(0, +) / Float(count)
      let right = line.suffix(count).reduce(0, +) / Float(count)
      let start = view * (bins + 2 * reach)
      for step in 0..<reach {
        result.samples[start + reach - 1 - step] = left * weights[step]
        result.samples[start + reach + bins + step] = right * weights[step]
      }
      result.samples.replaceSubrange(start + reach..<start + reach + bins, with: line)
    }
    return result
  }
}
