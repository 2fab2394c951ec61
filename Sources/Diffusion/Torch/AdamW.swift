import CTorch

/// Decoupled weight decay Adam (Loshchilov and Hutter, ICLR 2019), libtorch's implementation.
package final class AdamW {
  private let handle: OpaquePointer
  package let parameters: [Tensor]

  package init(
    _ parameters: [Tensor], betas: (Double, Double) = (0.9, 0.999), weightDecay: Double
  ) throws(TorchError) {
    let handles: [OpaquePointer?] = parameters.map(\.handle)
    var message: UnsafeMutablePointer<CChar>?
    guard
      let handle = ctorch_adamw_make(
        handles, Int32(handles.count), 1e-3, betas.0, betas.1, weightDecay, &message)
    else { throw TorchError(taking: message) }
    self.handle = handle
    self.parameters = parameters
  }

  deinit { ctorch_adamw_release(handle) }

  package func step(learningRate: Double) throws(TorchError) {
    try Tensor.check { ctorch_adamw_step(handle, learningRate, $0) }
  }

  package func zeroGradients() throws(TorchError) {
    try Tensor.check { ctorch_adamw_zero_gradients(handle, $0) }
  }

  /// Scales the gradients so that their joint norm is at most `limit`; returns the norm before.
  package func clipGradients(to limit: Double) throws(TorchError) -> Double {
    let handles: [OpaquePointer?] = parameters.map(\.handle)
    var message: UnsafeMutablePointer<CChar>?
    let norm = ctorch_clip_gradients(handles, Int32(handles.count), limit, &message)
    if message != nil { throw TorchError(taking: message) }
    return norm
  }

  /// First and second moments and the step count, nil before the first step.
  package func state(of index: Int) throws(TorchError) -> (first: Tensor, second: Tensor, step: Int)? {
    var first: OpaquePointer?
    var second: OpaquePointer?
    var step: Int64 = 0
    var message: UnsafeMutablePointer<CChar>?
    guard ctorch_adamw_state(handle, Int32(index), &first, &second, &step, &message),
      let first, let second
    else {
      if message != nil { throw TorchError(taking: message) }
      return nil
    }
    return (Tensor(owning: first), Tensor(owning: second), Int(step))
  }

  package func restore(_ index: Int, first: Tensor, second: Tensor, step: Int) throws(TorchError) {
    try Tensor.check {
      ctorch_adamw_restore(handle, Int32(index), first.handle, second.handle, Int64(step), $0)
    }
  }
}
