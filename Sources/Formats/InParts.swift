import Dispatch
import Synchronization

/// Splits a range among threads and waits for all.
///
/// - Returns: what `body` gave for each part, in their order; a part is a run of `range`, without which there is one, empty.
/// - Throws: what the first part that failed threw.
func inParts<Result: Sendable>(
  of range: Range<Int>, threads: Int, _ body: @Sendable (Range<Int>) throws -> Result
) throws -> [Result] {
  let parts = max(1, min(threads, range.count))
  let results = Mutex([Swift.Result<Result, any Error>?](repeating: nil, count: parts))
  DispatchQueue.concurrentPerform(iterations: parts) { part in
    let start = range.lowerBound + range.count * part / parts
    let end = range.lowerBound + range.count * (part + 1) / parts
    let result = Swift.Result { try body(start..<end) }
    results.withLock { $0[part] = result }
  }
  return try results.withLock { try $0.compactMap { try $0?.get() } }
}
