import Formats
import Foundation
import Synchronization

/// The slices that are to be done, in order, from workers that work side by side.
struct ReconstructedSlices: FieldSource {
  typealias Element = ReconstructedSlice

  let workers: WorkerPool
  /// In the scan, from 0.
  let indices: [Int]

  var count: Int { indices.count }
  /// While every worker has a slice, one more is read for each.
  var lookahead: Int { 2 * workers.count - 1 }

  func field(at place: Int) async throws -> ReconstructedSlice {
    try await workers.process(indices[place], at: place)
  }
}

/// Workers side by side: whoever is free takes the next slice that has been read. Slices do not depend on who does them.
final class WorkerPool: Sendable {
  private let scan: ScanInput
  private let workers: [ReconstructionWorker]
  private let state: Mutex<State>

  private struct State {
    var idle: [ReconstructionWorker]
    var waiting: [(place: Int, continuation: CheckedContinuation<ReconstructionWorker, Never>)] = []
  }

  var count: Int { workers.count }

  init(
    _ description: PipelineDescription, scan: ScanInput, plans: MethodWorkshop.Plans, sharing: WorkSharing
  ) throws {
    self.scan = scan
    let workers = try (0..<sharing.width).map { _ in
      try ReconstructionWorker(description, scan: scan, plans: plans, threads: sharing.inside)
    }
    self.workers = workers
    state = Mutex(State(idle: workers))
  }

  /// See ``ReconstructionWorker/noiseWarnings(of:)``.
  func noiseWarnings() async throws -> [String] { try await workers[0].noiseWarnings(of: scan) }

  /// Reads a slice and reconstructs it.
  ///
  /// - Parameter place: in the order in which slices are wanted: of those that wait for a worker, the first goes first.
  /// - Throws: `CancellationError` alone; what else is wrong is the failure of the slice.
  func process(_ index: Int, at place: Int) async throws -> ReconstructedSlice {
    let begin = ContinuousClock.now
    do {
      try Task.checkCancellation()
      let measurement = try await scan.field(at: index)
      let changed = RunJournal.Changed(clipped: scan.clipped(index), replaced: scan.replaced(index))
      let reading = (ContinuousClock.now - begin) / .seconds(1)
      let worker = await worker(for: place)
      defer { release(worker) }
      try Task.checkCancellation()
      return try await worker.reconstruct(measurement, changed: changed, reading: reading)
    } catch let error as CancellationError {
      throw error
    } catch {
      if Task.isCancelled { throw CancellationError() }
      return ReconstructedSlice(index: index, content: .failure("\(error)"))
    }
  }

  private func worker(for place: Int) async -> ReconstructionWorker {
    await withCheckedContinuation { continuation in
      let idle = state.withLock { state in
        if let idle = state.idle.popLast() { return idle as ReconstructionWorker? }
        let position = state.waiting.firstIndex { $0.place > place } ?? state.waiting.count
        state.waiting.insert((place, continuation), at: position)
        return nil
      }
      if let idle { continuation.resume(returning: idle) }
    }
  }

  private func release(_ worker: ReconstructionWorker) {
    let next = state.withLock { state in
      if state.waiting.isEmpty {
        state.idle.append(worker)
        return nil as CheckedContinuation<ReconstructionWorker, Never>?
      }
      return state.waiting.removeFirst().continuation
    }
    next?.resume(returning: worker)
  }
}
