import Fields

/// One step of preprocessing: a sinogram in, a sinogram of the same shape out.
///
/// A stage is prepared for one shape; preparing it may fail, applying it never does. It is safe to apply from several
/// tasks at once, knows neither its neighbours nor the other slices, and gives the same bytes at any thread count.
///
/// - Sinograms: `[views, bins]`, line integrals without a unit, views in the order in which they were taken.
public protocol SinogramStage: Sendable {
  /// p ← stage(p)
  ///
  /// - Returns: How many samples were found faulty and replaced; 0 for a stage that changes all of them a little.
  @discardableResult func apply(_ sinogram: inout Sinogram) -> Int
}
