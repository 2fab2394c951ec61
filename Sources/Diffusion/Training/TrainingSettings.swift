import Foundation

/// What fixes a training run besides its network and its data.
public struct TrainingSettings: Codable, Hashable, Sendable {
  public var iterations: Int
  public var batch: Int
  public var learningRate: Double
  /// Iterations over which the learning rate rises from 0; afterwards it falls as a half cosine to 2 %.
  public var warmUp: Int
  public var weightDecay: Double
  /// Largest joint norm of the gradients.
  public var gradientLimit: Double
  public var averageDecay: Double
  public var seed: UInt64
  /// Convolutions in bfloat16; weights, sums and the optimiser stay in single precision.
  public var bfloat16: Bool
  /// Iterations between two checkpoints.
  public var checkpointEvery: Int

  public init(
    iterations: Int, batch: Int, learningRate: Double, warmUp: Int = 200, weightDecay: Double = 1e-4,
    gradientLimit: Double = 1, averageDecay: Double = 0.999, seed: UInt64 = 0, bfloat16: Bool = false,
    checkpointEvery: Int = 500
  ) {
    self.iterations = iterations
    self.batch = batch
    self.learningRate = learningRate
    self.warmUp = warmUp
    self.weightDecay = weightDecay
    self.gradientLimit = gradientLimit
    self.averageDecay = averageDecay
    self.seed = seed
    self.bfloat16 = bfloat16
    self.checkpointEvery = checkpointEvery
  }

  /// lr(i) = peak · min(1, (i + 1)/warmUp) · (0.02 + 0.49 (1 + cos(π i / iterations)))
  package func learningRate(at iteration: Int) -> Double {
    let rise = min(1, Double(iteration + 1) / Double(max(warmUp, 1)))
    return learningRate * rise * (0.02 + 0.49 * (1 + cos(.pi * Double(iteration) / Double(iterations))))
  }
}

extension TrainingSettings {
  /// What a run that is taken up must have in common with its beginning.
  ///
  /// The number of iterations may grow, and how often the state is written changes nothing that is written.
  var identity: [NamedValue] {
    [
      NamedValue("the batch", "\(batch)"), NamedValue("the learning rate", "\(learningRate)"),
      NamedValue("the warm-up", "\(warmUp) iterations"), NamedValue("the weight decay", "\(weightDecay)"),
      NamedValue("the limit of the gradients", "\(gradientLimit)"),
      NamedValue("the decay of the average", "\(averageDecay)"), NamedValue("the seed", "\(seed)"),
      NamedValue("the precision", bfloat16 ? "bfloat16" : "float32"),
    ]
  }

  /// What keeps a run that began with these settings from being taken up with others, in words.
  func differences(from now: TrainingSettings) -> [String] {
    var differences = identity.differences(from: now.identity).map(describeDifference)
    if now.iterations < iterations {
      differences.append(
        "the number of iterations is \(now.iterations), the run began with \(iterations) and can only grow")
    }
    return differences
  }
}

/// One setting of a run that is not what it began with.
func describeDifference(_ difference: (name: String, ours: String?, theirs: String?)) -> String {
  switch (difference.ours, difference.theirs) {
  case (nil, let theirs): "\(difference.name) is \(theirs ?? "missing"), which the run began without"
  case (let ours?, let theirs): "\(difference.name) is \(theirs ?? "missing"), the run began with \(ours)"
  }
}

/// Where a training run stands.
public struct TrainingProgress: Sendable {
  /// Iterations done and asked for.
  public let iteration: Int
  public let iterations: Int
  /// Mean of the loss, and of what else the loss reported, since the last report.
  public let figures: [(name: String, value: Double)]
  public let secondsPerIteration: Double
  public var secondsLeft: Double { Double(iterations - iteration) * secondsPerIteration }
}
