/// Where a verdict stops passing.
///
/// Limits on how far an image may miss the data, not on how likely chance alone is to miss so far: a model of a
/// real scanner is never exact, and with ten thousand rays the smallest flaw is significant. Chance is allowed for
/// separately: a figure must lie outside its confidence interval and beyond its limit.
public struct VerdictThresholds: Codable, Hashable, Sendable {
  /// Probability that the interval of a figure holds its value when image, noise and geometry are right.
  public var confidence = 0.99

  /// How far χ² per ray may lie above its interval before the verdict warns.
  public var chiSquareTolerance = 0.1
  /// χ² per ray that fails: 4 is a residual twice as large as it should be.
  public var chiSquareFailure = 4.0
  /// χ² per ray below which the verdict warns. A fitted image follows part of the noise, so less than 1 is right.
  public var chiSquareLow = 0.5

  /// How far the inconsistency of the data may lie above its interval before the verdict warns.
  public var inconsistencyTolerance = 0.1
  public var inconsistencyFailure = 10.0

  /// Error of the large structures, relative; counted only beyond what chance explains.
  public var bodyErrorWarning = 0.005
  public var bodyErrorFailure = 0.02

  /// Correlation of neighbouring residuals, along bins or views. Never fails a slice: other figures say how much it matters.
  public var correlationWarning = 0.2

  /// Error of the rotation axis, in bins; counted only where it is `axisSignificance` standard deviations.
  public var axisWarning = 0.2
  public var axisFailure = 1.0
  public var axisSignificance = 5.0

  /// |z| of the place where image and data disagree most, times √(1 + model error²): what errs systematically adds up
  /// over the views. Chance alone comes to about 5 on a slice of 256².
  public var contradictionWarning = 6.0
  public var contradictionFailure = 20.0

  /// |background| in units of the noise of a ray.
  public var backgroundWarning = 0.25

  /// χ² or inconsistency of a single view; it must also be three times that of the median view.
  public var viewWarning = 3.0
  /// |z| of the mean residual of a bin over all views against its neighbours.
  public var binWarning = 10.0
  /// |residual| / σ of a single ray.
  public var rayWarning = 8.0

  /// Share of the detail that the data do not determine. Never fails a slice.
  public var nullSpaceWarning = 0.5

  public init() {}
}
