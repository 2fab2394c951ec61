import Fields
import Operators
import RealModule

/// Takes out zingers: single counts far above their neighbours, from scattered photons or particles that hit the
/// detector.
///
///     r = p − m,   m = median of p over 3 views × 3 bins,   p ← m where r < −max(k σ e^(m/2), r_min)
///
/// σ is the noise of a line integral of 0, from the median of |r| e^(−m/2) over the sinogram: counts have a variance in
/// proportion to their mean, so that a line integral m has the standard deviation σ e^(m/2). The smallest step r_min
/// keeps data without noise as they are. A stripe stays where it is from view to view and is no zinger: p must be as far
/// from the median of its own bin over five views.
///
/// Source: the identifier of Hampel, "The influence curve and its role in robust estimation", J. Amer. Statist. Assoc.
/// 69 (1974), DOI 10.1080/01621459.1974.10482962; for outliers in data, Davies, Gather, J. Amer. Statist. Assoc. 88
/// (1993), DOI 10.1080/01621459.1993.10476339.
public struct Zingers: SinogramStage {
  public enum Sign: String, Hashable, Sendable, CaseIterable {
    /// Too many counts.
    case bright
    /// Too few.
    case dark
    case both
  }

  /// k, in standard deviations.
  public let threshold: Double
  /// r_min: 0.05 are 5 % more counts than the neighbours have.
  public let smallest: Double
  public let sign: Sign
  private let threads: Int
  /// Samples from which σ is taken.
  private static let sampled = 1 << 16

  public init(
    threshold: Double = 6, smallest: Double = 0.05, sign: Sign = .bright, threads: Int? = nil
  ) {
    precondition(threshold > 0 && smallest >= 0, "threshold \(threshold), smallest step \(smallest)")
    self.threshold = threshold
    self.smallest = smallest
    self.sign = sign
    self.threads = threads ?? processorCount
  }

  @discardableResult public func apply(_ sinogram: inout Sinogram) -> Int {
    let (views, bins) = (sinogram.shape[0], sinogram.shape[1])
    guard views > 0, bins > 0 else { return 0 }
    let medians = Self.medians(sinogram, threads: threads)
    let source = sinogram.samples
    let sigma = noise(source, medians)
    var replaced = 0
    for i in medians.indices {
      let step = source[i] - medians[i]
      guard abs(step) > Float(smallest), sign == .both || (step < 0) == (sign == .bright) else { continue }
      let limit = threshold * sigma * .exp(Double(medians[i]) / 2)
      guard abs(Double(step)) > limit else { continue }
      var near = (-2...2).map { source[mirrored(i / bins + $0, views) * bins + i % bins] }
      near.sort()
      let alongViews = source[i] - near[2]
      if (alongViews < 0) == (step < 0), abs(Double(alongViews)) > limit {
        sinogram.samples[i] = medians[i]
        replaced += 1
      }
    }
    return replaced
  }

  private func noise(_ samples: [Float], _ medians: [Float]) -> Double {
    let step = max(1, samples.count / Self.sampled)
    var steps = stride(from: 0, to: samples.count, by: step).map { i in
      abs(Double(samples[i] - medians[i])) * .exp(-Double(medians[i]) / 2)
    }
    steps.sort()
    return 1.4826 * steps[steps.count / 2]
  }

  /// Medians over 3 × 3 samples; what lies beyond an edge is the sample at the edge.
  private static func medians(_ sinogram: Sinogram, threads: Int) -> [Float] {
    let (views, bins) = (sinogram.shape[0], sinogram.shape[1])
    let count = views * bins
    return [Float](unsafeUninitializedCapacity: count) { target, initialized in
      initialized = count
      sinogram.samples.withUnsafeBufferPointer { source in
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        parallel(tiles: views, threads: threads) { view, _ in
          let lines = (
            from + max(view - 1, 0) * bins, from + view * bins, from + min(view + 1, views - 1) * bins
          )
          for bin in 0..<bins {
            let (left, right) = (max(bin - 1, 0), min(bin + 1, bins - 1))
            to[view * bins + bin] = median(
              (lines.0[left], lines.0[bin], lines.0[right]), (lines.1[left], lines.1[bin], lines.1[right]),
              (lines.2[left], lines.2[bin], lines.2[right]))
          }
        }
      }
    }
  }

  /// Of nine: sort the columns, then the largest of the smallest, the middle of the middle ones and the smallest of the
  /// largest hold the median between them.
  @inline(__always)
  private static func median(
    _ a: (Float, Float, Float), _ b: (Float, Float, Float), _ c: (Float, Float, Float)
  ) -> Float {
    let (x, y, z) = (sorted(a.0, b.0, c.0), sorted(a.1, b.1, c.1), sorted(a.2, b.2, c.2))
    return sorted(
      larger(larger(x.0, y.0), z.0), sorted(x.1, y.1, z.1).1, smaller(smaller(x.2, y.2), z.2)
    ).1
  }

  @inline(__always)
  private static func sorted(_ a: Float, _ b: Float, _ c: Float) -> (Float, Float, Float) {
    let (low, high) = (smaller(a, b), larger(a, b))
    return (smaller(low, c), larger(low, smaller(high, c)), larger(high, c))
  }
  // Without branches; min and max of the standard library are ordered for NaN, too.
  @inline(__always) private static func smaller(_ a: Float, _ b: Float) -> Float { a < b ? a : b }
  @inline(__always) private static func larger(_ a: Float, _ b: Float) -> Float { a < b ? b : a }
}
