import Fields
import Formats
import Foundation
import Operators
import Reconstruction

/// Reconstructs and judges slices, one at a time, on a thread of its own.
actor ReconstructionWorker {
  private let workshop: MethodWorkshop
  private let lines: [ReconstructionLine]
  private let executor: BlockingExecutor

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  /// - Parameter threads: that one slice uses.
  init(_ description: PipelineDescription, scan: ScanInput, plans: MethodWorkshop.Plans, threads: Int) throws
  {
    let workshop = MethodWorkshop(description, threads: threads, plans: plans)
    self.workshop = workshop
    lines = try description.reconstructions.map { try ReconstructionLine($0, workshop: workshop, scan: scan) }
    executor = BlockingExecutor(label: "reconstruction")
  }

  /// Sentences on networks that were tuned for other noise than that of the scan.
  func noiseWarnings(of scan: ScanInput) async throws -> [String] {
    guard workshop.usesTunedNetworks else { return [] }
    let level = try await scan.relativeNoise()
    return workshop.noiseWarnings(relative: level)
  }

  /// - Parameter reading: seconds that the measurement took.
  func reconstruct(
    _ measurement: SliceMeasurement, changed: RunJournal.Changed, reading: Double
  ) throws -> ReconstructedSlice {
    let start = ContinuousClock.now
    var stages = [RunJournal.Stage(name: "reading", seconds: reading)]
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
