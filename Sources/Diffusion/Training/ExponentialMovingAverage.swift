/// The exponential moving average of the weights, which samples better than the last weights.
///
///     m ← d m + (1 − d) w,   d = min(decay, (1 + n) / (10 + n)) after n updates
///
/// The early decay forgets the random start.
package final class ExponentialMovingAverage {
  package let averages: [Tensor]
  private let decay: Double
  package private(set) var updates: Int

  package init(of parameters: [Tensor], decay: Double) throws(TorchError) {
    var copies: [Tensor] = []
    for parameter in parameters { copies.append(try Tensor(parameter.floats(), shape: parameter.shape)) }
    averages = copies
    self.decay = decay
    updates = 0
  }

  package func update(with parameters: [Tensor]) throws(TorchError) {
    updates += 1
    let d = min(decay, Double(1 + updates) / Double(10 + updates))
    for (average, parameter) in zip(averages, parameters) { try average.lerp(to: parameter, weight: 1 - d) }
  }

  package func restore(_ values: [Tensor], updates: Int) throws(TorchError) {
    for (average, value) in zip(averages, values) { try average.assign(value) }
    self.updates = updates
  }
}
