import Fields

/// A method that improves its solution step by step; the caller owns the loop.
public protocol IterativeMethod {
  associatedtype Solution
  var solution: Solution { get }
  /// ‖residual‖ relative to its value at the start.
  var relativeResidual: Double { get }
  /// Whether another step would not change what the method was asked for.
  var hasConverged: Bool { get }
  mutating func step()
}

extension IterativeMethod {
  /// Steps until the method has converged, at most `limit` times.
  ///
  /// - Parameter onStep: called after every step with its number, from 1.
  /// - Returns: the number of steps taken.
  /// - Throws: `CancellationError` when the task is cancelled; whatever `onStep` throws.
  @discardableResult
  public mutating func run(limit: Int, onStep: (Int, Self) throws -> Void = { _, _ in }) throws -> Int {
    var steps = 0
    while steps < limit && !hasConverged {
      try Task.checkCancellation()
      step()
      steps += 1
      try onStep(steps, self)
    }
    return steps
  }
}
