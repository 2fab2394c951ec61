import CTorch

/// State of the libtorch runtime.
public enum Torch {
  /// Loads libtorch, which happens by itself with the first tensor: before work that would be lost without it.
  ///
  /// - Throws: ``TorchError`` where it cannot be loaded.
  public static func load() throws(TorchError) {
    var message: UnsafeMutablePointer<CChar>?
    guard ctorch_load(&message) != nil else { throw TorchError(taking: message) }
  }

  /// Version of libtorch.
  ///
  /// - Throws: ``TorchError`` where it cannot be loaded.
  public static var version: String {
    get throws(TorchError) {
      try load()
      return ctorch_version().map { String(cString: $0) } ?? ""
    }
  }

  /// Threads used inside one operation. Debian's build starts with one unless told otherwise.
  public static var threads: Int { Int(ctorch_threads()) }

  public static func setThreads(_ count: Int) { ctorch_set_threads(Int32(count)) }

  /// Runs `body` without recording operations for differentiation on this thread.
  public static func withoutGradients<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let earlier = ctorch_set_gradients(false)
    defer { _ = ctorch_set_gradients(earlier) }
    return try body()
  }

  /// Runs `body` with convolutions and matrix products in bfloat16 where `enabled`.
  public static func withBFloat16<Result, Failure: Error>(
    _ enabled: Bool = true, _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let earlier = ctorch_set_bfloat16(enabled)
    defer { _ = ctorch_set_bfloat16(earlier) }
    return try body()
  }
}
