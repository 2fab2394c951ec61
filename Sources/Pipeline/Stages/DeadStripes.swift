import Fields
import Formats
import RealModule

/// Bridges bins that do not answer to light, or that flicker.
///
/// For every bin, the mean distance of its values from their own running mean over ten views tells how much it moves
/// from view to view: too little in a dead bin, too much in one that flickers. Outliers of its logarithm, relative to
/// the median over `width` bins, are interpolated from the nearest good bins on both sides.
///
/// Source: Vo, Atwood, Drakopoulos, "Superior techniques for eliminating ring artifacts in X-ray micro-tomography",
/// Optics Express 26 (2018) 28396, DOI 10.1364/OE.26.028396, algorithm 6; outliers by the median absolute deviation
/// (see ``outliers(_:threshold:smallest:)``) instead of algorithm 4's fitted line.
public struct DeadStripes: SinogramStage {
  /// Of the window, in bins; odd, and more than twice the widest group of dead bins.
  public let width: Int
  /// In standard deviations over all bins.
  public let threshold: Double

  private static let views = 10
  /// Bins that move nearly as much as the others are alive: it keeps data without noise as they are.
  private static let smallest = 0.7

  public init(width: Int = 21, threshold: Double = 6) {
    precondition(width > 0 && width % 2 == 1 && threshold > 0, "a window of \(width) bins, \(threshold) σ")
    self.width = width
    self.threshold = threshold
  }

  /// - Returns: How many samples were interpolated.
  @discardableResult public func apply(_ sinogram: inout Sinogram) -> Int {
    let (views, bins) = (sinogram.shape[0], sinogram.shape[1])
    guard views > Self.views, bins > 1 else { return 0 }
    let motion = Self.motion(sinogram)
    var smooth = motion
    runningMedian(&smooth, width: width)
    let floor = 1e-3 * (smooth.max() ?? 0)
    guard floor > 0 else { return 0 }
    let logarithms = zip(motion, smooth).map { Float.log(max($0, floor) / max($1, floor)) }
    let found = outliers(logarithms, threshold: threshold, smallest: Self.smallest)
    guard found.count < bins else { return 0 }
    let dead = DeadBins(found, bins: bins)
    sinogram.samples.withUnsafeMutableBufferPointer { p in
      guard let p = p.baseAddress else { return }
      for view in 0..<views { dead.bridge(p + view * bins) }
    }
    return found.count * views
  }

  /// Mean |p − running mean of p| of every bin.
  private static func motion(_ sinogram: Sinogram) -> [Float] {
    let (views, bins) = (sinogram.shape[0], sinogram.shape[1])
    let p = sinogram.samples
    var sum = [Double](repeating: 0, count: bins)
    var motion = sum
    for view in 0..<Self.views { for bin in 0..<bins { sum[bin] += Double(p[view * bins + bin]) } }
    for first in 0...views - Self.views {
      let middle = (first + Self.views / 2) * bins
      for bin in 0..<bins {
        motion[bin] += abs(Double(p[middle + bin]) - sum[bin] / Double(Self.views))
        if first + Self.views < views {
          sum[bin] += Double(p[(first + Self.views) * bins + bin]) - Double(p[first * bins + bin])
        }
      }
    }
    return motion.map { Float($0 / Double(views - Self.views + 1)) }
  }
}
