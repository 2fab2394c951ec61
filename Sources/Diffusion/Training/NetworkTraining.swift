import Fields
import Foundation

/// A training that leaves a checkpoint: a loss and a way to save it, about one ``TrainingRun``.
public protocol NetworkTraining {
  var run: TrainingRun { get }
  /// The loss of a fresh batch.
  func loss(using generator: inout SplitMix64) throws -> TrainingRun.Loss
  /// Writes the moving average of the weights, with all that is needed to use it.
  func saveCheckpoint() throws
}

extension NetworkTraining {
  public var parameterCount: Int { run.parameterCount }
  /// Iterations done, by this session or earlier ones.
  public var startsAt: Int { run.iteration }
  /// In iterations, over all sessions.
  public var secondsSpent: Double { run.seconds }

  /// Trains until all iterations are done or `shouldStop` says so; the checkpoint is saved either way.
  ///
  /// - Parameter onCheckpoint: called after every saved state; the checkpoint lies in the folder then.
  public func train(
    report: (TrainingProgress) -> Void, shouldStop: () -> Bool = { false },
    onCheckpoint: (Int) throws -> Void = { _ in }
  ) throws {
    try run.run(
      loss: { try loss(using: &$0) }, report: report, shouldStop: shouldStop,
      onCheckpoint: {
        try saveCheckpoint()
        try onCheckpoint(run.iteration)
      })
  }
}
