import Fields

/// Writes images to a TIFF file on a thread of its own.
public actor TIFFSink: FieldSink {
  private var writer: TIFFWriter?
  /// How many samples were outside the range of integer storage.
  public private(set) var clipped = 0
  private let executor = BlockingExecutor(label: "TIFF writer")
  public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  public init(_ writer: consuming TIFFWriter) { self.writer = consume writer }

  public func append(_ image: Image) throws {
    precondition(writer != nil, "a page after finish()")
    try writer?.append(image)
    clipped = writer?.clipped ?? 0
  }

  public func finish() throws {
    guard let writer = writer.take() else { preconditionFailure("finish() was called before") }
    try writer.finish()
  }
}
