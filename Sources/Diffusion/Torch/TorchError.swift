import CTorch

/// An exception of libtorch, with its message.
public struct TorchError: Error, Equatable, CustomStringConvertible {
  public let message: String

  init(_ message: String) { self.message = message }

  init(taking message: UnsafeMutablePointer<CChar>?) {
    self.message = message.map { String(cString: $0) } ?? "libtorch failed without a message"
    ctorch_free_message(message)
  }

  public var description: String { "libtorch: \(message)" }
}
