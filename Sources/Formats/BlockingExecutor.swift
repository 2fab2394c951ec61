import Dispatch

/// Runs an actor on a thread of its own kind, so that a blocking read or write never holds one of Swift's task
/// threads, of which there are only as many as cores.
public final class BlockingExecutor: SerialExecutor {
  private let queue: DispatchQueue

  public init(label: String) { queue = DispatchQueue(label: label) }

  public func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
  }
}

/// Runs tasks on a thread of its own kind: as ``BlockingExecutor``, for what is no actor.
///
/// A task that begins on it reads without a change of thread, which costs as much as reading a small page.
final class BlockingTaskExecutor: TaskExecutor {
  private let queue: DispatchQueue

  init(label: String) { queue = DispatchQueue(label: label) }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}
