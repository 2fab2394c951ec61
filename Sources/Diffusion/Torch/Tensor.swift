import CTorch
import Fields

/// A libtorch tensor of single-precision values.
///
/// Not `Sendable`: libtorch tensors share storage and are mutated in place. What crosses a task
/// boundary is a `Field`; tensors live and die inside one model call.
public final class Tensor {
  let handle: OpaquePointer

  typealias ErrorSlot = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

  init(_ make: (ErrorSlot) -> OpaquePointer?) throws(TorchError) {
    var message: UnsafeMutablePointer<CChar>?
    guard let handle = make(&message) else { throw TorchError(taking: message) }
    self.handle = handle
  }

  init(owning handle: OpaquePointer) { self.handle = handle }

  deinit { ctorch_release(handle) }

  static func check(_ call: (ErrorSlot) -> Bool) throws(TorchError) {
    var message: UnsafeMutablePointer<CChar>?
    guard call(&message) else { throw TorchError(taking: message) }
  }

  // MARK: Contents

  public convenience init(_ values: [Float], shape: [Int]) throws(TorchError) {
    precondition(values.count == shape.reduce(1, *), "\(values.count) values do not fill \(shape)")
    let sizes = shape.map(Int64.init)
    try self.init { error in
      values.withUnsafeBufferPointer { values in
        // libtorch copies nothing from an empty tensor, but wants an address.
        var nothing: Float = 0
        return ctorch_from_floats(
          values.baseAddress ?? withUnsafePointer(to: &nothing) { $0 }, sizes, Int32(sizes.count), error)
      }
    }
  }

  public convenience init(filledWith value: Float, shape: [Int]) throws(TorchError) {
    let sizes = shape.map(Int64.init)
    try self.init { ctorch_full(value, sizes, Int32(sizes.count), $0) }
  }

  public var shape: [Int] { (0..<Int(ctorch_rank(handle))).map { Int(ctorch_size(handle, Int32($0))) } }
  public var count: Int { shape.reduce(1, *) }

  public func floats() throws(TorchError) -> [Float] {
    let count = self.count
    var values = [Float](repeating: 0, count: count)
    try Tensor.check { error in
      values.withUnsafeMutableBufferPointer { values in
        guard let base = values.baseAddress else { return true }
        return ctorch_copy_floats(handle, base, count, error)
      }
    }
    return values
  }

  /// The value of a tensor with one element.
  public func scalar() throws(TorchError) -> Float { try floats()[0] }

  // MARK: Arithmetic

  public static func + (a: Tensor, b: Tensor) throws(TorchError) -> Tensor {
    try Tensor { ctorch_add(a.handle, b.handle, $0) }
  }
  public static func - (a: Tensor, b: Tensor) throws(TorchError) -> Tensor {
    try Tensor { ctorch_subtract(a.handle, b.handle, $0) }
  }
  public static func * (a: Tensor, b: Tensor) throws(TorchError) -> Tensor {
    try Tensor { ctorch_multiply(a.handle, b.handle, $0) }
  }
  public static func / (a: Tensor, b: Tensor) throws(TorchError) -> Tensor {
    try Tensor { ctorch_divide(a.handle, b.handle, $0) }
  }
  public static func + (a: Tensor, b: Double) throws(TorchError) -> Tensor {
    try Tensor { ctorch_add_scalar(a.handle, b, $0) }
  }
  public static func - (a: Tensor, b: Double) throws(TorchError) -> Tensor { try a + (-b) }
  public static func * (a: Double, b: Tensor) throws(TorchError) -> Tensor {
    try Tensor { ctorch_multiply_scalar(b.handle, a, $0) }
  }
  public func squared() throws(TorchError) -> Tensor { try Tensor { ctorch_square(handle, $0) } }
  public func clamped(to range: ClosedRange<Double>) throws(TorchError) -> Tensor {
    try Tensor { ctorch_clamp(handle, range.lowerBound, range.upperBound, $0) }
  }
  public func sine() throws(TorchError) -> Tensor { try Tensor { ctorch_sin(handle, $0) } }
  public func cosine() throws(TorchError) -> Tensor { try Tensor { ctorch_cos(handle, $0) } }
  public func mean() throws(TorchError) -> Tensor { try Tensor { ctorch_mean(handle, $0) } }
  /// `[N, …]` → `[N]`: the mean over all axes but the first.
  public func meanPerSample() throws(TorchError) -> Tensor {
    try Tensor { ctorch_mean_per_sample(handle, $0) }
  }
  public func matmul(_ other: Tensor) throws(TorchError) -> Tensor {
    try Tensor { ctorch_matmul(handle, other.handle, $0) }
  }
  public func softmax(axis: Int) throws(TorchError) -> Tensor {
    try Tensor { ctorch_softmax(handle, Int32(axis), $0) }
  }

  // MARK: Shape

  public func reshaped(_ shape: [Int]) throws(TorchError) -> Tensor {
    let sizes = shape.map(Int64.init)
    return try Tensor { ctorch_reshape(handle, sizes, Int32(sizes.count), $0) }
  }
  public func transposed(_ first: Int, _ second: Int) throws(TorchError) -> Tensor {
    try Tensor { ctorch_transpose(handle, Int32(first), Int32(second), $0) }
  }
  public func narrowed(axis: Int, _ range: Range<Int>) throws(TorchError) -> Tensor {
    try Tensor { ctorch_narrow(handle, Int32(axis), Int64(range.lowerBound), Int64(range.count), $0) }
  }
  public static func concatenated(_ parts: [Tensor], axis: Int) throws(TorchError) -> Tensor {
    let handles: [OpaquePointer?] = parts.map(\.handle)
    return try Tensor { ctorch_concatenate(handles, Int32(handles.count), Int32(axis), $0) }
  }

  public enum Padding: String, Sendable { case constant, reflect, replicate }

  /// Pads the last two axes.
  public func padded(
    left: Int = 0, right: Int = 0, top: Int = 0, bottom: Int = 0, _ mode: Padding = .constant
  ) throws(TorchError) -> Tensor {
    try Tensor { ctorch_pad(handle, Int64(left), Int64(right), Int64(top), Int64(bottom), mode.rawValue, $0) }
  }

  /// The same values stored channel by channel next to each other, which oneDNN convolves faster.
  public func channelsLast() throws(TorchError) -> Tensor { try Tensor { ctorch_channels_last(handle, $0) } }

  // MARK: Layers without parameters

  /// x · sigmoid(x)
  public func silu() throws(TorchError) -> Tensor { try Tensor { ctorch_silu(handle, $0) } }
  /// `[N, C r², H, W]` → `[N, C, H r, W r]`
  public func pixelShuffled(_ factor: Int) throws(TorchError) -> Tensor {
    try Tensor { ctorch_pixel_shuffle(handle, Int32(factor), $0) }
  }
  /// `[N, C, H r, W r]` → `[N, C r², H, W]`
  public func pixelUnshuffled(_ factor: Int) throws(TorchError) -> Tensor {
    try Tensor { ctorch_pixel_unshuffle(handle, Int32(factor), $0) }
  }
  public func upsampledNearest(_ factor: Int) throws(TorchError) -> Tensor {
    try Tensor { ctorch_upsample_nearest(handle, Int32(factor), $0) }
  }

  // MARK: Differentiation

  public func requireGradient() throws(TorchError) {
    try Tensor.check { ctorch_require_gradient(handle, $0) }
  }
  public func detached() throws(TorchError) -> Tensor { try Tensor { ctorch_detach(handle, $0) } }
  public func backward() throws(TorchError) { try Tensor.check { ctorch_backward(handle, $0) } }
  /// What `backward()` has accumulated, if anything.
  public func gradient() throws(TorchError) -> Tensor? {
    var message: UnsafeMutablePointer<CChar>?
    if let gradient = ctorch_gradient(handle, &message) { return Tensor(owning: gradient) }
    if message != nil { throw TorchError(taking: message) }
    return nil
  }

  /// Copies the values of `other` into this tensor, outside the graph.
  public func assign(_ other: Tensor) throws(TorchError) {
    try Tensor.check { ctorch_assign(handle, other.handle, $0) }
  }
  /// self ← self + weight (other − self), outside the graph.
  public func lerp(to other: Tensor, weight: Double) throws(TorchError) {
    try Tensor.check { ctorch_lerp(handle, other.handle, weight, $0) }
  }
}

extension Tensor {
  /// `[1, 1, rows, columns]`
  public convenience init(_ image: Image) throws(TorchError) {
    try self.init(image.samples, shape: [1, 1, image.shape[0], image.shape[1]])
  }

  /// `[N, 1, rows, columns]` from N images of one shape.
  public convenience init(_ images: [Image]) throws(TorchError) {
    let shape = images[0].shape
    try self.init(images.flatMap(\.samples), shape: [images.count, 1, shape[0], shape[1]])
  }

  /// The N images of `[N, 1, rows, columns]`.
  public func images() throws(TorchError) -> [Image] {
    let shape = self.shape
    precondition(shape.count == 4 && shape[1] == 1, "\(shape) is not [N, 1, rows, columns]")
    let values = try floats()
    let size = shape[2] * shape[3]
    return (0..<shape[0]).map {
      Image(shape: [shape[2], shape[3]], samples: Array(values[$0 * size..<($0 + 1) * size]))
    }
  }
}
