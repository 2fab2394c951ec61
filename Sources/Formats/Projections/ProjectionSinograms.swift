import Fields
import Synchronization

/// The sinograms of a projection stack, one per detector row, read in blocks within a memory budget.
public struct ProjectionSinograms: FieldSource {
  public typealias Element = Sinogram
  public let stack: ProjectionStack
  public let lookahead: Int
  /// Rows read at a time.
  public let rowsPerBlock: Int
  private let rows: Range<Int>
  private let reader: ProjectionReader

  /// - Parameters:
  ///   - rows: Which detector rows, counted from 0; all when nil. They must exist.
  ///   - memory: In bytes, for two blocks of rows: the one in use and, at its end, the next.
  public init(
    _ stack: ProjectionStack, rows: Range<Int>? = nil, memory: Int = 128 << 20, lookahead: Int = 2,
    threads: Int = 1
  ) {
    let rows = rows ?? 0..<stack.rows
    precondition(rows.lowerBound >= 0 && rows.upperBound <= stack.rows, "rows \(rows) of \(stack.rows)")
    self.stack = stack
    self.rows = rows
    self.lookahead = lookahead
    rowsPerBlock = stack.rowsPerBlock(memory: memory / 2)
    reader = ProjectionReader(stack, rows, rowsPerBlock, threads)
  }

  public var count: Int { rows.count }
  /// `[views, bins]`
  public var shape: Shape { [stack.views.count, stack.bins] }

  /// Bytes of the two blocks of rows that are held: at most the budget, unless a single row needs more.
  public var memory: Int { 2 * rowsPerBlock * shape.count * MemoryLayout<Float>.size }

  public func field(at index: Int) async throws -> Sinogram {
    let row = rows.lowerBound + index
    // Without a change of thread where the row was read already.
    if let block = reader.block(holding: row) { return block.sinogram(row) }
    return try await reader.block(of: row).sinogram(row)
  }

  /// How many samples of row `index` were raised to the minimum transmission; nil before it was read.
  public func clipped(at index: Int) -> Int? { reader.clipped(rows.lowerBound + index) }
}

private actor ProjectionReader {
  private let stack: ProjectionStack
  private let rows: Range<Int>
  private let rowsPerBlock: Int
  private let threads: Int
  private let state = Mutex(State())

  private struct State {
    /// The two read last: look-ahead asks for the next block while the last rows of this one are still due.
    var blocks: [ProjectionStack.Block] = []
    var clipped: [Int: Int] = [:]
  }

  private let executor = BlockingExecutor(label: "projection reader")
  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  init(_ stack: ProjectionStack, _ rows: Range<Int>, _ rowsPerBlock: Int, _ threads: Int) {
    self.stack = stack
    self.rows = rows
    self.rowsPerBlock = rowsPerBlock
    self.threads = threads
  }

  nonisolated func block(holding row: Int) -> ProjectionStack.Block? {
    state.withLock { $0.blocks.first { $0.rows.contains(row) } }
  }

  nonisolated func clipped(_ row: Int) -> Int? { state.withLock { $0.clipped[row] } }

  func block(of row: Int) throws -> ProjectionStack.Block {
    try Task.checkCancellation()
    if let block = block(holding: row) { return block }
    let start = row - (row - rows.lowerBound) % rowsPerBlock
    var spare = state.withLock { $0.blocks.count == 2 ? $0.blocks.removeFirst().samples : [] }
    let block = try stack.sinograms(
      rows: start..<min(start + rowsPerBlock, rows.upperBound), threads: threads, reusing: &spare)
    state.withLock { state in
      for row in block.rows { state.clipped[row] = block.clipped[row - block.rows.lowerBound] }
      state.blocks.append(block)
    }
    return block
  }
}
