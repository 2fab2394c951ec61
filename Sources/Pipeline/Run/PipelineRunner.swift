import Diffusion
import Fields
import Formats
import Foundation
import Logging
import Operators
import Reconstruction

/// Runs a pipeline: every slice is read, reconstructed by every method, judged and written.
///
/// Slices that are done are durable, whatever ends the run, and recorded in a journal; the same run goes on with the
/// others and ends in the same volumes and verdicts, see ``RunFolder``. Results appear under their final names when all are
/// complete. Memory does not grow with the number of slices: reading, reconstruction and writing overlap, with a
/// bounded number of slices between them.
public struct PipelineRunner {
  private let description: PipelineDescription
  private let input: String?
  private let output: String
  private let threads: Int
  private let version: String

  /// What a run leaves beside its volumes.
  static let records = ["verdict.json", "picture.png", "report.html", "manifest.json"]

  public init(
    _ description: PipelineDescription, input: String?, output: String, threads: Int, version: String
  ) {
    self.description = description
    self.input = input
    self.output = output
    self.threads = threads
    self.version = version
  }

  /// What to do with a folder that may hold a part of the run.
  public struct Choice: Hashable, Sendable {
    /// The slices to do, counted from 0; all where nil.
    public var slices: Range<Int>?
    /// Does the slices again that had no image; the input may have been repaired.
    public var retriesFailed: Bool
    /// Forgets what is there.
    public var restarts: Bool
    /// Folders of runs of parts of the scan, which are joined instead of reconstructing anything.
    public var parts: [String]

    public init(
      slices: Range<Int>? = nil, retriesFailed: Bool = false, restarts: Bool = false, parts: [String] = []
    ) {
      self.slices = slices
      self.retriesFailed = retriesFailed
      self.restarts = restarts
      self.parts = parts
    }
  }

  /// What a run came to.
  public struct Summary: Sendable {
    /// The worst verdict of the first reconstruction, which decides the exit code.
    public let worst: Verdict.Status
    /// Why slices have no image, by slice, counted from 0.
    public let failures: [Int: String]
    public let text: String
  }

  /// - Parameter log: gets what the run has to say; so does `run.log` in the output folder.
  /// - Throws: `CancellationError` when the task is cancelled; what is wrong with the scan, a network or the output;
  ///   ``RunError/otherRun(folder:differences:)`` where the folder holds a run of something else.
  public func run(_ choice: Choice = Choice(), log: Logger) async throws -> Summary {
    let begin = ContinuousClock.now
    let earlier = choice.restarts ? nil : try RunJournal.header(of: RunFolder.journal(in: output))
    let scan = try await ScanInput(description, path: input, noise: earlier?.noise)
    let slices = choice.slices ?? 0..<scan.count
    guard !slices.isEmpty, slices.lowerBound >= 0, slices.upperBound <= scan.count else {
      throw RunError.noSuchSlices(slices, count: scan.count)
    }
    try expectOther(
      (description.volumes.map(\.name) + Self.records + [RunFolder.log]).map {
        RunFolder.result($0, in: output)
      }, than: description.inputs(of: description.reconstructions.map(\.method), scan: scan))
    let identity = try RunIdentity(description, scan: scan, slices: slices, version: version)
    if let earlier { try expectSame(identity, as: earlier.identity, choice) }

    let folder = try RunFolder(output)
    folder.sweep()
    for name in description.volumes.map(\.name) + Self.records {
      try expectReplaceable(folder.result(name))
    }
    let file = try RunLog(path: folder.result(RunFolder.log), appends: earlier != nil)
    let record = Logger(label: log.label) { _ in file }
    let log = Logger(label: log.label) { _ in MultiplexLogHandler([log.handler, file]) }
    var recorder = RunRecorder(description, identity, scan: scan, version: version, threads: threads)
    do {
      if earlier == nil { try folder.restart() }
      let work = Work(
        folder: folder, scan: scan, slices: slices, choice: choice, identity: identity, begin: begin, log: log
      )
      try await work.finish(self, &recorder)
    } catch {
      record.error("\(error is CancellationError ? "interrupted" : "\(error)")")
      let done = recorder.done.count
      if done > 0 {
        log.warning(
          "\(done) of \(slices.count) slices are done and kept; the same command goes on with the others.")
      }
      throw error
    }
    let summary = recorder.summary(output: output, of: slices.count)
    record.info("\(summary.text)")
    return summary
  }

  /// An input that was repaired differs from what it was; everything else must be as it was.
  private func expectSame(_ identity: RunIdentity, as earlier: RunIdentity, _ choice: Choice) throws {
    var comparable = identity
    if choice.retriesFailed, identity.inputs.map(\.name) == earlier.inputs.map(\.name) {
      comparable.inputs = earlier.inputs
    }
    let differences = comparable.differences(from: earlier)
    guard differences.isEmpty else { throw RunError.otherRun(folder: output, differences: differences) }
  }
}

extension PipelineRunner {
  /// A run in its folder.
  private struct Work {
    let folder: RunFolder
    let scan: ScanInput
    let slices: Range<Int>
    let choice: Choice
    let identity: RunIdentity
    let begin: ContinuousClock.Instant
    let log: Logger

    /// Does what is not done yet, and publishes the results.
    func finish(_ runner: PipelineRunner, _ recorder: inout RunRecorder) async throws {
      let description = runner.description
      let header = RunJournal.Header(
        identity: identity, noise: ScanNoise(model: scan.noise, source: scan.noiseSource))
      if try RunJournal.header(of: folder.journal) != header {
        _ = try RunJournal(creating: folder.journal, header)
      }
      var recorded = recorder
      let journal = try RunJournal(continuing: folder.journal) { recorded.add($0) }
      recorder = recorded

      var report = try report(description)
      for part in choice.parts {
        try RunPart(part, of: header).join(
          folder, description, slices: slices, journal, &report, except: recorder.done
        ) { recorder.add($0) }
      }
      recorded = recorder
      let isDone = { (index: Int) in
        recorded.statuses[index] != nil || (recorded.failures[index] != nil && !choice.retriesFailed)
      }
      if exists(folder.result("manifest.json")), unfinished(description).isEmpty, slices.allSatisfy(isDone) {
        log.info("this run is complete already; --restart does it again")
        return
      }
      let shown = report.recorded
      let pending = slices.filter { !isDone($0) || (recorded.statuses[$0] != nil && !shown.contains($0)) }
      if !pending.isEmpty {
        guard choice.parts.isEmpty else { throw RunError.missingSlices(pending) }
        if recorded.isBegun { try withdraw(description) }
        try await reconstruct(pending, runner, &recorder, journal, &report)
      }
      try publish(description, &recorder, report)
    }

    private func report(_ description: PipelineDescription) throws -> ReportWriter {
      let shape = description.geometry.grid.shape
      return try ReportWriter(
        path: folder.result("report.html"), parts: folder.reportParts, identity: identity.checksum,
        sliceCount: scan.count, slices: slices,
        limits: ReportLimits(
          rows: shape[0], columns: shape[1], panels: description.reconstructions.count + 2))
    }

    /// The volumes that have no final name yet.
    private func unfinished(_ description: PipelineDescription) -> [String] {
      description.volumes.map(\.name).filter { exists(folder.unfinished($0)) }
    }

    /// A published run that is worked on again is none for the time.
    private func withdraw(_ description: PipelineDescription) throws {
      try folder.removeManifest()
      for volume in description.volumes where !exists(folder.unfinished(volume.name)) {
        try folder.withdraw(volume.name)
      }
    }

    private func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    private func reconstruct(
      _ pending: [Int], _ runner: PipelineRunner, _ recorder: inout RunRecorder,
      _ journal: borrowing RunJournal, _ report: inout ReportWriter
    ) async throws {
      let description = runner.description
      let sharing = WorkSharing(description, slices: pending.count, threads: runner.threads)
      let (width, inside) = (sharing.width, sharing.inside)
      let volumes = try VolumeFiles(
        description, description.volumes.map(\.name), slices: slices, path: folder.unfinished)
      let plans = try MethodWorkshop.plans(description, scan: scan, threads: inside)
      let workers = try (0..<width).map { _ in
        try ReconstructionWorker(description, scan: scan, plans: plans, threads: inside)
      }
      log.info(
        """
        \(slices.count) slices, \(scan.noise) (\(scan.noiseSource)); model error \
        \(plans.modelErrorText(description.reconstructions[0].everyView)); \
        \(description.reconstructions.map(\.name).joined(separator: ", ")) on \(runner.threads) threads
        """)
      if pending.count < slices.count {
        let done = slices.count - pending.count
        log.info("\(done) \(done == 1 ? "slice is" : "slices are") done already")
      }
      for warning in try await workers[0].noiseWarnings() {
        recorder.warn(warning)
        log.warning("\(warning)")
      }
      recorder.time("preparation", seconds: seconds(since: begin), slices: pending.count)

      var batch = Batch()
      let start = ContinuousClock.now
      do {
        var count = 0
        for try await slice in ReconstructedSlices(workers: workers, indices: pending) {
          try Task.checkCancellation()
          batch.entries.append(try write(slice, volumes, &report))
          count += 1
          let left = Int(seconds(since: start) / Double(count) * Double(pending.count - count))
          say(slice, left: String(format: "%d:%02d left", left / 60, left % 60))
          if batch.isDue { try commit(&batch, volumes, report, journal, &recorder) }
        }
      } catch {
        // What is written is kept, unless the disk refuses that, too.
        try? commit(&batch, volumes, report, journal, &recorder)
        throw error
      }
      try commit(&batch, volumes, report, journal, &recorder)
    }

    /// Slices that are written and not yet durable: one wait for the disk serves them all.
    private struct Batch {
      var entries: [RunJournal.Entry] = []
      private var last = ContinuousClock.now

      var isDue: Bool { ContinuousClock.now - last > .milliseconds(500) }

      mutating func take() -> [RunJournal.Entry] {
        defer { (entries, last) = ([], .now) }
        return entries
      }
    }

    private func commit(
      _ batch: inout Batch, _ volumes: VolumeFiles, _ report: borrowing ReportWriter,
      _ journal: borrowing RunJournal, _ recorder: inout RunRecorder
    ) throws {
      guard !batch.entries.isEmpty else { return }
      try volumes.synchronize()
      try report.synchronize()
      let entries = batch.take()
      try journal.append(entries)
      for entry in entries { recorder.add(entry) }
    }

    private func write(
      _ slice: ReconstructedSlice, _ volumes: VolumeFiles, _ report: inout ReportWriter
    ) throws -> RunJournal.Entry {
      let start = ContinuousClock.now
      switch slice.content {
      case .failure(let reason):
        try volumes.writeMissing(slice: slice.index)
        return RunJournal.Entry(slice: slice.index + 1, failure: reason)
      case .done(let done):
        let checksums = try volumes.write(done.results, slice: slice.index)
        try report.append(done.page)
        let writing = RunJournal.Stage(name: "writing", seconds: seconds(since: start))
        return RunJournal.Entry(
          slice: slice.index + 1, verdicts: done.results.map(\.verdict.countedFromOne), checksums: checksums,
          stages: done.stages + [writing], seconds: done.seconds, clipped: done.clipped)
      }
    }

    private func say(_ slice: ReconstructedSlice, left: String) {
      let place = "slice \(slice.index + 1)/\(scan.count)"
      switch slice.content {
      case .failure(let reason): log.error("\(place)  no image: \(reason)")
      case .done(let done):
        let verdict = done.results[0].verdict
        let figures = String(format: "χ² %.3f  %.1f s", verdict.figures.chiSquare, done.seconds)
        log.info("\(place)  \(verdict.status.rawValue)  \(figures)  \(left)")
        for name in Set(done.results.flatMap(\.unconverged)).sorted() {
          log.warning(
            "slice \(slice.index + 1): \(name) ended at its limit of steps, before it had converged.")
        }
      }
    }

    private func publish(
      _ description: PipelineDescription, _ recorder: inout RunRecorder, _ report: borrowing ReportWriter
    ) throws {
      if recorder.done.isEmpty, let reason = recorder.failures.min(by: { $0.key < $1.key })?.value {
        throw RunError.noImages(count: slices.count, reason: reason)
      }
      for (index, reason) in recorder.failures.sorted(by: { $0.key < $1.key }) {
        recorder.warn("Slice \(index + 1) has no image: \(reason)")
      }
      // A kill between two names leaves some volumes published already.
      let unpublished = unfinished(description)
      try VolumeFiles(description, unpublished, slices: slices, path: folder.unfinished).finish()
      var outputs = try description.volumes.map(\.name).map { name in
        try FileRecord(
          name, parts: [unpublished.contains(name) ? folder.unfinished(name) : folder.result(name)])
      }
      var files = PendingFiles()
      outputs.append(
        try files.record(try recorder.writeVerdicts(folder.journal, to: folder.result("verdict.json"))))
      if !report.kept.isEmpty {
        outputs.append(try files.record(try RunPicture.file(folder.result("picture.png"), of: report)))
      }
      outputs.append(try files.record(try report.file(recorder.reportData(description))))
      try files.add(try recorder.manifestFile(outputs: outputs), as: folder.result("manifest.json"))
      try Task.checkCancellation()
      // A folder with a manifest is complete: it goes before the first name changes and comes back last.
      try folder.removeManifest()
      for name in unpublished { try folder.publish(name) }
      try files.publish()
    }

    private func seconds(since start: ContinuousClock.Instant) -> Double {
      (ContinuousClock.now - start) / .seconds(1)
    }
  }
}

extension PendingFiles {
  /// Takes a file over and completes it.
  ///
  /// - Returns: what the manifest says of it.
  mutating func record(_ file: consuming PendingFile) throws -> FileRecord {
    let record = try FileRecord(file.path, parts: [file.temporary])
    try add(file)
    return record
  }
}
