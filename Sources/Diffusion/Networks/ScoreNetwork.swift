import CTorch

/// Predicts the noise in x_t: `[N, C, H, W]` and N time steps → `[N, C, H, W]`.
public protocol NoisePredictor {
  func predictNoise(_ x: Tensor, time t: [Int]) throws(TorchError) -> Tensor
}

extension PixelUNet: NoisePredictor {
  public func predictNoise(_ x: Tensor, time t: [Int]) throws(TorchError) -> Tensor { try self(x, time: t) }
}

/// A TorchScript file as a prior: a closed box that maps (x_t, t) to ε.
public final class TorchScriptPredictor: NoisePredictor {
  private let handle: OpaquePointer

  public init(path: String) throws(CheckpointError) {
    do throws(TorchError) { try Torch.load() } catch { throw .library(error) }
    var message: UnsafeMutablePointer<CChar>?
    guard let handle = ctorch_script_load(path, &message) else {
      throw .unreadable(path, reason: TorchError(taking: message).message)
    }
    self.handle = handle
  }

  deinit { ctorch_script_release(handle) }

  public func predictNoise(_ x: Tensor, time t: [Int]) throws(TorchError) -> Tensor {
    let steps = try Tensor { ctorch_from_integers(t.map(Int64.init), Int64(t.count), $0) }
    let noise = try Tensor { ctorch_script_forward(handle, x.handle, steps.handle, $0) }
    guard noise.shape == x.shape else {
      throw TorchError("the script maps \(x.shape) to \(noise.shape); a prior keeps the shape")
    }
    return noise
  }
}
