import Fields

/// Writes the pages of one stack, one after another, in memory of a page. A format that can be written is one of these and a
/// line in ``OutputFormat/all``.
///
/// Nothing is visible under the final name before ``finish()`` returned, and nothing is left without it.
public protocol PageWriter: ~Copyable, Sendable {
  /// How many samples were outside the range of integer storage.
  var clipped: Int { get }
  /// Shape: `[rows, columns]`.
  mutating func append(_ page: StackPage) throws
  /// Makes everything durable and gives it its name.
  consuming func finish() throws
}

extension PageWriter where Self: ~Copyable {
  public var clipped: Int { 0 }
}

/// Where the pages of a stack go, whatever its format.
public protocol StackSink: FieldSink<StackPage> {
  /// How many samples were outside the range of integer storage.
  var clipped: Int { get async }
}

/// Writes pages on a thread of its own.
public actor PageSink<Writer: PageWriter & ~Copyable>: StackSink {
  private var writer: Writer?
  public private(set) var clipped = 0
  private let executor = BlockingExecutor(label: "page writer")
  public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  public init(_ writer: consuming Writer) { self.writer = consume writer }

  public func append(_ page: StackPage) throws {
    precondition(writer != nil, "a page after finish()")
    try writer?.append(page)
    clipped = writer?.clipped ?? 0
  }

  public func append(_ image: Image) throws { try append(.real(image)) }

  public func finish() throws {
    guard let writer = writer.take() else { preconditionFailure("finish() was called before") }
    try writer.finish()
  }
}
