import Fields
import Operators

/// Takes out wide stripes, from bins whose answer to light is wrong but not lost.
///
/// The sorted sinogram (see ``SortedSinogram``) and its median over `width` bins give every bin a step: the difference of
/// their means, without the smallest and the largest tenth of the ranks, relative to the mean, or in air to a tenth of
/// the largest mean. In bins whose step is an outlier, every rank is replaced by its median. All other bins stay as they
/// are.
///
/// Source: Vo, Atwood, Drakopoulos, "Superior techniques for eliminating ring artifacts in X-ray micro-tomography",
/// Optics Express 26 (2018) 28396, DOI 10.1364/OE.26.028396, algorithm 5; outliers by the median absolute deviation
/// (see ``outliers(_:threshold:smallest:)``) instead of algorithm 4's fitted line.
public struct LargeStripes: SinogramStage {
  /// Of the window, in bins; odd, and more than twice the widest stripe.
  public let width: Int
  /// In standard deviations of the step over all bins.
  public let threshold: Double
  private let threads: Int

  /// Steps nearer to the others than this are no fault: it keeps data without noise as they are.
  private static let smallest = 0.01

  public init(width: Int = 41, threshold: Double = 4, threads: Int? = nil) {
    precondition(width > 0 && width % 2 == 1 && threshold > 0, "a window of \(width) bins, \(threshold) σ")
    self.width = width
    self.threshold = threshold
    self.threads = threads ?? processorCount
  }

  /// - Returns: How many samples lie in the bins that were found.
  @discardableResult public func apply(_ sinogram: inout Sinogram) -> Int {
    guard sinogram.shape.count > 0 else { return 0 }
    let sorted = SortedSinogram(sinogram, threads: threads)
    let smooth = sorted.smoothed(width: width, threads: threads)
    let (views, bins) = (sorted.views, sorted.bins)
    let kept = views / 10..<views - views / 10
    let pairs = (0..<bins).map { bin in
      kept.reduce(into: (0.0, 0.0)) { sums, rank in
        sums.0 += Double(sorted.values[bin * views + rank])
        sums.1 += Double(smooth[bin * views + rank])
      }
    }
    let floor = 0.1 * (pairs.map { abs($0.1) }.max() ?? 0)
    guard floor > 0 else { return 0 }
    let steps = pairs.map { Float(($0.0 - $0.1) / max(abs($0.1), floor)) }
    let found = outliers(steps, threshold: threshold, smallest: Self.smallest)
    for bin in found { sorted.restore(smooth, bin: bin, to: &sinogram) }
    return found.count * views
  }
}

/// Places whose value is further than `threshold` standard deviations, and than `smallest`, from the median of all.
///
/// σ = 1.4826 · median |x − median x|: the values of up to half of all places do not matter to it.
func outliers(_ values: [Float], threshold: Double, smallest: Double) -> [Int] {
  guard !values.isEmpty else { return [] }
  let middle = values.sorted()[values.count / 2]
  let deviations = values.map { abs($0 - middle) }
  let sigma = 1.4826 * Double(deviations.sorted()[values.count / 2])
  return values.indices.filter { Double(deviations[$0]) > max(threshold * sigma, smallest) }
}
