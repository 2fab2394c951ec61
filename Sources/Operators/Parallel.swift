import Dispatch
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// How many threads an operator uses when nothing is said: one for every processor.
package let processorCount: Int = {
  #if canImport(Glibc)
    return max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
  #else
    return 1
  #endif
}()

/// Calls `body` once for every tile, on at most `threads` threads; the caller is one of them.
///
/// Which thread takes which tile is not fixed. A result is the same at any thread count as long as every tile
/// writes memory of its own and depends on nothing but its index; `worker` may choose scratch memory, never values.
///
/// - Parameter body: receives the tile and the worker, 0 ..< min(threads, tiles).
package func parallel(tiles: Int, threads: Int, _ body: (_ tile: Int, _ worker: Int) -> Void) {
  let workers = min(threads, tiles)
  guard workers > 1 else {
    for tile in 0..<max(tiles, 0) { body(tile, 0) }
    return
  }
  withoutActuallyEscaping(body) { body in
    // The tiles write disjoint memory, which the compiler cannot see.
    nonisolated(unsafe) let body = body
    let next = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: workers) { worker in
      while true {
        let tile = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard tile < tiles else { return }
        body(tile, worker)
      }
    }
  }
}
