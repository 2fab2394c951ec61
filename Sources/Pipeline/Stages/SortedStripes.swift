import Fields
import Operators

/// Takes out stripes, which become rings, by sorting: full stripes and partial ones, up to about half the width of the
/// window.
///
/// The views of every bin are sorted by value, each rank is replaced by its median over `width` neighbouring bins, and
/// the values go back to the views they came from. See ``SortedSinogram`` for why.
///
/// A wider window takes out wider stripes, and details of the object of that size with them: about 1 % of the detector is
/// a good start.
///
/// Source: Vo, Atwood, Drakopoulos, "Superior techniques for eliminating ring artifacts in X-ray micro-tomography",
/// Optics Express 26 (2018) 28396, DOI 10.1364/OE.26.028396, algorithm 3.
public struct SortedStripes: SinogramStage {
  /// Of the window, in bins; odd.
  public let width: Int
  private let threads: Int

  public init(width: Int = 9, threads: Int? = nil) {
    precondition(width > 0 && width % 2 == 1, "a window of \(width) bins")
    self.width = width
    self.threads = threads ?? processorCount
  }

  @discardableResult public func apply(_ sinogram: inout Sinogram) -> Int {
    guard sinogram.shape.count > 0 else { return 0 }
    let sorted = SortedSinogram(sinogram, threads: threads)
    sorted.restore(sorted.smoothed(width: width, threads: threads), to: &sinogram)
    return 0
  }
}
