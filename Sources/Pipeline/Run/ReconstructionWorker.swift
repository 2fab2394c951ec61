import Fields
import Formats
import Foundation
import Operators
import Reconstruction

/// Reconstructs and judges slices, one at a time, on a thread of its own.
actor ReconstructionWorker {
  private let scan: ScanInput
  private let workshop: MethodWorkshop
  private let lines: [ReconstructionLine]
  private let executor: BlockingExecutor

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// - Parameter threads: that one slice uses.
  init(_ description: PipelineDescription, scan: ScanInput, plans: MethodWorkshop.Plans, threads: Int) throws
  {
    self.scan = scan
    let workshop = MethodWorkshop(description, threads: threads, plans: plans)
    self.workshop = workshop
    lines = try description.reconstructions.map { try ReconstructionLine($0, workshop: workshop, scan: scan) }
    executor = BlockingExecutor(label: "reconstruction")
  }

  /// The workers of a run, which work side by side.
  static func all(
    _ description: PipelineDescription, scan: ScanInput, plans: MethodWorkshop.Plans, sharing: WorkSharing
  ) throws -> [ReconstructionWorker] {
    try (0..<sharing.width).map { _ in
      try ReconstructionWorker(description, scan: scan, plans: plans, threads: sharing.inside)
    }
  }

  /// Sentences on networks that were tuned for other noise than that of the scan.
  func noiseWarnings() async throws -> [String] {
    guard workshop.usesTunedNetworks else { return [] }
    let level = try await scan.relativeNoise()
    return workshop.noiseWarnings(relative: level)
  }

  /// - Throws: `CancellationError` alone; what else is wrong is the failure of the slice.
  func process(_ index: Int) async throws -> ReconstructedSlice {
    let begin = ContinuousClock.now
    do {
      try Task.checkCancellation()
      let measurement = try await scan.field(at: index)
      let changed = RunJournal.Changed(clipped: scan.clipped(index), replaced: scan.replaced(index))
      return try reconstruct(measurement, changed: changed, since: begin)
    } catch let error as CancellationError {
      throw error
    } catch {
      if Task.isCancelled { throw CancellationError() }
      return ReconstructedSlice(index: index, content: .failure("\(error)"))
    }
  }

  private func reconstruct(
    _ measurement: SliceMeasurement, changed: RunJournal.Changed, since begin: ContinuousClock.Instant
  ) throws -> ReconstructedSlice {
    let start = ContinuousClock.now
    var stages = [RunJournal.Stage(name: "reading", seconds: (start - begin) / .seconds(1))]
    let results = try lines.map { line in
      try line.process(measurement) {
        stages.append(.init(name: $0, seconds: (ContinuousClock.now - $1) / .seconds(1)))
      }
    }
    // JSON has no infinite numbers: found here, they are the fault of one slice.
    guard (try? JSONEncoder().encode(results.map(\.verdict))) != nil else {
      throw RunError.endlessFigures(slice: measurement.index + 1)
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    return ReconstructedSlice(
      index: measurement.index,
      content: .done(.init(results: results, stages: stages, seconds: seconds, changed: changed)))
  }
}

/// A slice as a worker leaves it.
struct ReconstructedSlice: Sendable {
  struct Done: Sendable {
    /// By reconstruction, in the order of the pipeline.
    let results: [ReconstructionLine.Result]
    let stages: [RunJournal.Stage]
    let seconds: Double
    let changed: RunJournal.Changed
  }

  enum Content: Sendable {
    case done(Done)
    /// The sentence why.
    case failure(String)
  }

  /// In the scan, from 0.
  let index: Int
  let content: Content
}

/// The slices that are to be done, in order, from workers that work side by side.
struct ReconstructedSlices: FieldSource {
  typealias Element = ReconstructedSlice

  let workers: [ReconstructionWorker]
  /// In the scan, from 0.
  let indices: [Int]

  var count: Int { indices.count }
  /// While every worker has a slice, one more is read for each.
  var lookahead: Int { 2 * workers.count - 1 }

  func field(at place: Int) async throws -> ReconstructedSlice {
    try await workers[place % workers.count].process(indices[place])
  }
}
