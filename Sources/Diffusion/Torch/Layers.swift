import CTorch

/// How the weights of a layer start. Both follow PyTorch's default, U(±1/√fan_in), unless zero is asked for.
package enum LayerStart { case standard, zero }

/// y = W ⋆ x + b, `W` of shape `[output, input, kernel, kernel]`.
package struct Conv2d {
  package let weight: Tensor
  package let bias: Tensor
  let stride: Int
  let padding: Int

  package init(
    _ scope: ParameterScope, _ input: Int, _ output: Int, kernel: Int = 3, stride: Int = 1, padding: Int = 1,
    start: LayerStart = .standard
  ) throws {
    let bound = start == .zero ? 0 : 1 / Double(input * kernel * kernel).squareRoot()
    weight = try scope.parameter("weight", [output, input, kernel, kernel], .uniform(bound: bound))
    bias = try scope.parameter("bias", [output], .uniform(bound: bound))
    self.stride = stride
    self.padding = padding
  }

  package func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor {
    try Tensor { ctorch_conv2d(x.handle, weight.handle, bias.handle, Int32(stride), Int32(padding), $0) }
  }
}

/// y = x Wᵀ + b, `W` of shape `[output, input]`.
package struct Linear {
  package let weight: Tensor
  package let bias: Tensor

  package init(
    _ scope: ParameterScope, _ input: Int, _ output: Int, start: LayerStart = .standard,
    bias value: Float? = nil
  ) throws {
    let bound = start == .zero ? 0 : 1 / Double(input).squareRoot()
    weight = try scope.parameter("weight", [output, input], .uniform(bound: bound))
    bias = try scope.parameter("bias", [output], value.map { .constant($0) } ?? .uniform(bound: bound))
  }

  package func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor {
    try Tensor { ctorch_linear(x.handle, weight.handle, bias.handle, $0) }
  }
}

/// Normalises every group of channels to mean 0 and variance 1, then scales and shifts every channel
/// (Wu and He, ECCV 2018).
package struct GroupNorm {
  package let weight: Tensor
  package let bias: Tensor
  let groups: Int
  let epsilon: Double

  package init(_ scope: ParameterScope, channels: Int, groups: Int, epsilon: Double) throws {
    weight = try scope.parameter("weight", [channels], .constant(1))
    bias = try scope.parameter("bias", [channels], .constant(0))
    self.groups = groups
    self.epsilon = epsilon
  }

  package func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor {
    try Tensor { ctorch_group_norm(x.handle, Int32(groups), weight.handle, bias.handle, epsilon, $0) }
  }
}
