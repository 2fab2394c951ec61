import Diffusion
import Fields
import Formats
import Foundation
import Logging
import Operators
import Reconstruction

/// Runs a pipeline: every slice is read, reconstructed by every method, judged and written.
///
/// Memory does not grow with the number of slices: one slice is worked on while the next is read. A run leaves all its
/// files or none: nothing stands under a final name before everything is complete. Only `run.log` is there from the
/// start.
public struct PipelineRunner {
  private let description: PipelineDescription
  private let input: String?
  private let output: String
  private let threads: Int
  private let version: String

  /// What a run leaves beside its volumes.
  private static let records = ["verdict.json", "picture.png", "report.html", "manifest.json"]
  private static let log = "run.log"

  public init(
    _ description: PipelineDescription, input: String?, output: String, threads: Int, version: String
  ) {
    self.description = description
    self.input = input
    self.output = output
    self.threads = threads
    self.version = version
  }

  /// What a run came to.
  public struct Summary: Sendable {
    /// The worst verdict of the first reconstruction, which decides the exit code.
    public let worst: Verdict.Status
    public let text: String
  }

  /// - Parameter log: gets what the run has to say; so does `run.log` in the output folder.
  /// - Throws: `CancellationError` when the task is cancelled; what is wrong with the scan, a network or the output.
  public func run(log: Logger) async throws -> Summary {
    let begin = ContinuousClock.now
    let scan = try await ScanInput(description, path: input)
    let results = description.volumes.map(\.name) + Self.records
    try expectOther(
      (results + [Self.log]).map(path),
      than: description.inputs(of: description.reconstructions.map(\.method), scan: scan))
    var recorder = try RunRecorder(description, scan: scan, version: version, threads: threads)
    let workshop = MethodWorkshop(description, threads: threads)
    let lines = try description.reconstructions.map {
      try ReconstructionLine($0, workshop: workshop, scan: scan)
    }

    try makeFolder(output)
    let file = try RunLog(path: path(Self.log))
    let record = Logger(label: log.label) { _ in file }
    let log = Logger(label: log.label) { _ in MultiplexLogHandler([log.handler, file]) }
    log.info(
      """
      \(scan.count) slices, \(scan.noise) (\(scan.noiseSource)); model error \(lines[0].modelErrorText); \
      \(lines.map(\.named.name).joined(separator: ", ")) on \(threads) threads
      """)
    do {
      if workshop.usesTunedNetworks {
        for warning in workshop.noiseWarnings(relative: try await scan.relativeNoise()) {
          recorder.warn(warning)
          log.warning("\(warning)")
        }
      }
      recorder.time("preparation", seconds: seconds(since: begin), slices: scan.count)
      try await reconstruct(scan, lines, &recorder, log)
    } catch {
      record.error("\(error is CancellationError ? "interrupted" : "\(error)")")
      let earlier = results.filter { FileManager.default.fileExists(atPath: path($0)) }
      if !earlier.isEmpty {
        log.warning("of an earlier run in this folder: \(earlier.joined(separator: ", "))")
      }
      throw error
    }
    let summary = recorder.summary(output: output)
    record.info("\(summary.text)")
    return summary
  }

  private func reconstruct(
    _ scan: ScanInput, _ lines: [ReconstructionLine], _ recorder: inout RunRecorder, _ log: Logger
  ) async throws {
    let begin = ContinuousClock.now
    let volumes = try VolumeFiles(description, pages: scan.count, path: path)
    var report = try ReportWriter(
      path: path("report.html"), identity: recorder.identity, sliceCount: scan.count,
      limits: ReportLimits(
        rows: description.geometry.grid.shape[0], columns: description.geometry.grid.shape[1],
        panels: lines.count + 2))
    do {
      var picture = RunPicture(count: scan.count)
      var index = 0
      var waiting = ContinuousClock.now
      for try await measurement in scan {
        try Task.checkCancellation()
        recorder.time("reading", since: waiting)

        let start = ContinuousClock.now
        let results = try lines.map { line in
          try line.process(measurement) { recorder.time($0, since: $1) }
        }
        let spent = seconds(since: start)

        let writing = ContinuousClock.now
        try volumes.append(results)
        recorder.add(results, slice: index, clipped: await scan.clipped(index), seconds: spent)
        let page = ReportSlice(
          index: index, results: results, geometry: description.geometry, seconds: spent)
        try report.append(page)
        picture.append(page)
        recorder.time("writing", since: writing)
        index += 1

        let verdict = results[0].verdict
        let left = Int(seconds(since: begin) / Double(index) * Double(scan.count - index))
        let figures = String(
          format: "χ² %.3f  %.1f s  %d:%02d left", verdict.figures.chiSquare, spent, left / 60, left % 60)
        log.info("slice \(index)/\(scan.count)  \(verdict.status.rawValue)  \(figures)")
        for name in Set(results.flatMap(\.unconverged)).sorted() {
          log.warning("slice \(index): \(name) ended at its limit of steps, before it had converged.")
        }
        waiting = ContinuousClock.now
      }

      var files = PendingFiles()
      var outputs = try volumes.complete(into: &files)
      var verdicts = try PendingFile(path: path("verdict.json"))
      try verdicts.write(try recorder.verdictFile())
      outputs.append(try files.record(verdicts))
      outputs.append(try files.record(try picture.file(path("picture.png"))))
      outputs.append(try files.record(try report.file(recorder.reportData(description))))
      try files.add(try recorder.manifestFile(outputs: outputs), as: path("manifest.json"))
      try Task.checkCancellation()
      try files.publish()
    } catch {
      report.removeParts()
      throw error
    }
    report.removeParts()
  }

  private func path(_ name: String) -> String { output.hasSuffix("/") ? output + name : "\(output)/\(name)" }

  private func seconds(since start: ContinuousClock.Instant) -> Double {
    (ContinuousClock.now - start) / .seconds(1)
  }
}
