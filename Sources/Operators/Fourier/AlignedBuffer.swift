import CFFTW
import Synchronization

/// Memory for FFTW, aligned for its widest instructions, zero at the start.
///
/// Sendable because whoever holds it is its only user: a ``BufferPool`` never lends it twice.
package final class AlignedBuffer: @unchecked Sendable {
  package let start: UnsafeMutablePointer<Float>

  package init(count: Int) {
    let size = max(count, 1) * MemoryLayout<Float>.stride
    let raw = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
    start = raw.initializeMemory(as: Float.self, repeating: 0, count: max(count, 1))
  }

  deinit { start.deallocate() }
}

/// Lends workspaces to concurrent applications of one operator and keeps them for the next.
///
/// As many exist as were ever in use at once.
package final class BufferPool: Sendable {
  private let count: Int
  private let idle = Mutex<[AlignedBuffer]>([])

  /// - Parameter count: floats in every buffer.
  package init(count: Int) { self.count = count }

  package func withBuffer(_ body: (UnsafeMutablePointer<Float>) -> Void) {
    let buffer = idle.withLock { $0.popLast() } ?? AlignedBuffer(count: count)
    body(buffer.start)
    idle.withLock { $0.append(buffer) }
  }
}
