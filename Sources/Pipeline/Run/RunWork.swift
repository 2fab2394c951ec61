import Fields
import Formats
import Foundation
import Logging
import Operators
import Reconstruction

/// A run in its folder: what is done already, what is left, and how it is published.
struct RunWork {
  private let description: PipelineDescription
  private let folder: RunFolder
  private let scan: ScanInput
  private let slices: Range<Int>
  private let choice: PipelineRunner.Choice
  private let identity: RunIdentity
  private let header: RunJournal.Header
  private let threads: Int
  private let begin: ContinuousClock.Instant
  private let log: Logger
  private let names: [String]

  /// - Parameters:
  ///   - identity: of the run as it is now; its input may have been repaired since the journal was begun.
  ///   - header: of the journal.
  ///   - begin: of the preparation.
  init(
    _ description: PipelineDescription, folder: RunFolder, scan: ScanInput, slices: Range<Int>,
    choice: PipelineRunner.Choice, identity: RunIdentity, header: RunJournal.Header, threads: Int,
    begin: ContinuousClock.Instant, log: Logger
  ) {
    self.description = description
    self.folder = folder
    self.scan = scan
    self.slices = slices
    self.choice = choice
    self.identity = identity
    self.header = header
    self.threads = threads
    self.begin = begin
    self.log = log
    names = description.volumes.map(\.name)
  }

  /// Does what is not done yet, and publishes the results.
  func finish(_ recorder: inout RunRecorder) async throws {
    let fresh = recorder
    if try RunJournal.header(of: folder.journal) == nil {
      _ = try RunJournal(creating: folder.journal, header)
    }
    var recorded = recorder
    var journal = try RunJournal(continuing: folder.journal) { recorded.add($0) }
    if recorded.isBegun, let missing = names.first(where: { !holdsVolume($0) }) {
      log.warning("'\(missing)' is gone from the folder of the run: all slices are done again")
      try folder.restart(volumes: names, results: [])
      recorded = fresh
      journal = try RunJournal(creating: folder.journal, header)
    }
    recorder = recorded
    let differences = identity.differences(from: header.identity)
    if !differences.isEmpty, recorder.failures.isEmpty {
      throw RunError.otherRun(folder: folder.path, differences: differences)
    }

    var report = try report()
    try join(&recorder, journal, &report)
    let done = recorder.statuses
    let failed = recorder.failures
    let isDone = { (slice: Int) in done[slice] != nil || (failed[slice] != nil && !choice.retriesFailed) }
    if RunFolder.exists(folder.result("manifest.json")), unpublished.isEmpty, slices.allSatisfy(isDone) {
      log.info("this run is complete already\(choice.parts.isEmpty ? "; --restart does it again" : "")")
      return
    }
    let shown = report.recorded
    let pending = slices.filter { !isDone($0) || (done[$0] != nil && !shown.contains($0)) }
    if !pending.isEmpty {
      guard choice.parts.isEmpty else { throw RunError.missingSlices(pending) }
      if !differences.isEmpty {
        let again = pending.filter { failed[$0] != nil }.map { "\($0 + 1)" }.joined(separator: ", ")
        let before = zip(header.identity.inputs, identity.inputs).filter { $0.sha256 != $1.sha256 }
          .map { "'\($0.0.name)' had SHA-256 \($0.0.sha256)" }.joined(separator: ", ")
        let sentence = "The input was repaired for the slices \(again): when the others were done, \(before)."
        recorder.warn(sentence)
        log.warning("\(sentence)")
      }
      try await reconstruct(pending, &recorder, journal, &report)
      if !differences.isEmpty {
        var header = header
        header.identity = identity
        _ = try RunJournal(creating: folder.journal, header)
      }
    }
    try publish(&recorder, report)
  }

  // MARK: The folder

  private func volumes(_ names: [String]) throws -> VolumeFiles {
    try VolumeFiles(
      description, names, slices: slices, sliceSpacing: scan.sliceSpacing, path: folder.unfinished)
  }

  /// The volumes that have no final name yet.
  private var unpublished: [String] { names.filter { RunFolder.exists(folder.unfinished($0)) } }

  /// Whether a volume is there with room for all its pages.
  private func holdsVolume(_ name: String) -> Bool {
    let grid = description.geometry.grid
    let bytes = TIFFVolume.bytes(rows: grid.shape[0], columns: grid.shape[1], pages: slices.count)
    return [folder.unfinished(name), folder.result(name)].contains { path in
      var status = stat()
      return stat(path, &status) == 0 && Int(status.st_size) >= bytes
    }
  }

  /// A published run that is worked on again is none for the time.
  private func withdraw() throws {
    for name in PipelineRunner.records.reversed() { try folder.remove(name) }
    for name in names where !RunFolder.exists(folder.unfinished(name)) { try folder.withdraw(name) }
    try folder.synchronize()
  }

  private func report() throws -> ReportWriter {
    let shape = description.geometry.grid.shape
    return try ReportWriter(
      path: folder.result("report.html"), parts: folder.reportParts, identity: identity.checksum,
      sliceCount: scan.count, slices: slices,
      limits: ReportLimits(
        rows: shape[0], columns: shape[1], panels: description.reconstructions.count + 2))
  }

  /// Takes over what runs of parts of the scan have done.
  private func join(
    _ recorder: inout RunRecorder, _ journal: borrowing RunJournal, _ report: inout ReportWriter
  ) throws {
    guard !choice.parts.isEmpty else { return }
    var places: Set<String> = []
    if let twice = choice.parts.first(where: { !places.insert(filePlace($0)).inserted }) {
      throw RunError.repeatedPart(twice)
    }
    let parts = try choice.parts.map { try RunPart($0, of: header) }
    let (done, failed) = (recorder.done, Set(recorder.failures.keys))
    let wanted = try parts.map { try $0.entries(except: done, orFailed: failed) }
    guard wanted.contains(where: { !$0.isEmpty }) else { return }
    if recorder.isBegun { try withdraw() }
    let volumes = try volumes(names)
    try folder.synchronize()
    try report.adopt(parts.map(\.reportParts))
    for (part, places) in zip(parts, wanted) {
      try part.join(places, to: volumes, names) { entries in
        try volumes.synchronize()
        try report.synchronize()
        try journal.append(entries)
        for entry in entries { recorder.add(entry) }
      }
    }
  }

  // MARK: Slices

  private func reconstruct(
    _ pending: [Int], _ recorder: inout RunRecorder, _ journal: borrowing RunJournal,
    _ report: inout ReportWriter
  ) async throws {
    let sharing = WorkSharing(description, slices: pending.count, threads: threads)
    let plans = try MethodWorkshop.plans(description, scan: scan, sharing: sharing)
    let workers = try WorkerPool(description, scan: scan, plans: plans, sharing: sharing)
    log.info(
      """
      \(slices.count) slices, \(scan.noise) (\(scan.noiseSource)); model error \
      \(plans.modelErrorText(description.reconstructions[0].everyView)); \
      \(description.reconstructions.map(\.name).joined(separator: ", ")) on \(threads) threads
      """)
    if pending.count < slices.count {
      let done = slices.count - pending.count
      log.info("\(done) \(done == 1 ? "slice is" : "slices are") done already")
    }
    for warning in try await workers.noiseWarnings() {
      recorder.warn(warning)
      log.warning("\(warning)")
    }
    // A published run stays one until the work on it really begins.
    if recorder.isBegun { try withdraw() }
    let volumes = try volumes(names)
    try folder.synchronize()

    var batch = Batch(preparation: seconds(since: begin))
    let start = ContinuousClock.now
    do {
      var count = 0
      for try await slice in ReconstructedSlices(workers: workers, indices: pending) {
        try Task.checkCancellation()
        let left = Int(seconds(since: start) / Double(count + 1) * Double(pending.count - count - 1))
        try take(
          slice, left: String(format: "%d:%02d left", left / 60, left % 60), volumes, &report, &batch,
          isDone: recorder.statuses[slice.index] != nil)
        count += 1
        if batch.isDue { try commit(&batch, volumes, report, journal, &recorder) }
      }
    } catch {
      // What is written is kept, unless the disk has just refused that.
      try? commit(&batch, volumes, report, journal, &recorder)
      throw error
    }
    try commit(&batch, volumes, report, journal, &recorder)
  }

  /// Slices that are written and not yet durable: one wait for the disk serves them all.
  private struct Batch {
    private var entries: [RunJournal.Entry] = []
    private var last = ContinuousClock.now
    private var preparation: Double?

    /// - Parameter preparation: seconds before the first slice, which its entry gets.
    init(preparation: Double) { self.preparation = preparation }

    var isDue: Bool { ContinuousClock.now - last > .milliseconds(500) }

    mutating func add(_ entry: RunJournal.Entry) {
      var entry = entry
      if let preparation { entry.stages.insert(.init(name: "preparation", seconds: preparation), at: 0) }
      entries.append(entry)
      preparation = nil
    }

    mutating func take() -> [RunJournal.Entry] {
      defer { (entries, last) = ([], .now) }
      return entries
    }
  }

  /// Entries are taken first: what could not be made durable once is not believed a second time, for the system reports
  /// such an error only once.
  private func commit(
    _ batch: inout Batch, _ volumes: VolumeFiles, _ report: borrowing ReportWriter,
    _ journal: borrowing RunJournal, _ recorder: inout RunRecorder
  ) throws {
    let entries = batch.take()
    guard !entries.isEmpty else { return }
    try volumes.synchronize()
    try report.synchronize()
    try journal.append(entries)
    for entry in entries { recorder.add(entry) }
  }

  /// Writes a slice and says so.
  ///
  /// - Parameter isDone: it had an image before and comes again only for the report.
  private func take(
    _ slice: ReconstructedSlice, left: String, _ volumes: VolumeFiles, _ report: inout ReportWriter,
    _ batch: inout Batch, isDone: Bool
  ) throws {
    let place = "slice \(slice.index + 1)/\(scan.count)"
    switch slice.content {
    case .done(let done):
      batch.add(try write(done, slice.index, volumes, &report))
      let verdict = done.results[0].verdict
      let figures = String(format: "χ² %.3f  %.1f s", verdict.figures.chiSquare, done.seconds)
      log.info("\(place)  \(verdict.status.rawValue)  \(figures)  \(left)")
      for name in Set(done.results.flatMap(\.unconverged)).sorted() {
        log.warning(
          "slice \(slice.index + 1): \(name) ended at its limit of steps, before it had converged.")
      }
    case .failure(let reason):
      log.error("\(place)  no image: \(reason)")
      // An image that is there is not given up for a report.
      if isDone { return }
      try volumes.writeMissing(slice: slice.index)
      batch.add(RunJournal.Entry(slice: slice.index + 1, failure: reason))
    }
  }

  private func write(
    _ done: ReconstructedSlice.Done, _ slice: Int, _ volumes: VolumeFiles, _ report: inout ReportWriter
  ) throws -> RunJournal.Entry {
    let start = ContinuousClock.now
    let checksums = try volumes.write(done.results, slice: slice)
    try report.append(slice, ReportVerdict(done.results[0].verdict), seconds: done.seconds) {
      ReportSlice(
        index: slice, results: done.results, geometry: description.geometry, seconds: done.seconds)
    }
    let writing = RunJournal.Stage(name: "writing", seconds: seconds(since: start))
    return RunJournal.Entry(
      slice: slice + 1, verdicts: done.results.map(\.verdict.countedFromOne), checksums: checksums,
      stages: done.stages + [writing], seconds: done.seconds, changed: done.changed)
  }

  private func seconds(since start: ContinuousClock.Instant) -> Double {
    (ContinuousClock.now - start) / .seconds(1)
  }

  // MARK: Results

  private func publish(_ recorder: inout RunRecorder, _ report: borrowing ReportWriter) throws {
    if recorder.done.isEmpty, let reason = recorder.failures.min(by: { $0.key < $1.key })?.value {
      throw RunError.noImages(count: slices.count, reason: reason)
    }
    for (index, reason) in recorder.failures.sorted(by: { $0.key < $1.key }) {
      recorder.warn("Slice \(index + 1) has no image: \(reason)")
    }
    // A kill between two names leaves some volumes published already.
    let unpublished = unpublished
    try volumes(unpublished).finish()
    let entries = try RunJournal.Entries(folder.journal)
    var (volumes, verdicts, pictures, pages): ([FileRecord], [FileRecord], [FileRecord], [FileRecord]) =
      ([], [], [], [])
    // Published in this order.
    var verdictFiles = PendingFiles()
    var pictureFiles = PendingFiles()
    var pageFiles = PendingFiles()
    // What takes longest begins first.
    try sideBySide(4) { part in
      switch part {
      case 0:
        verdicts = [
          try verdictFiles.record(try recorder.writeVerdicts(entries, to: folder.result("verdict.json")))
        ]
      case 1:
        if report.kept.isEmpty { return }
        pictures = [
          try pictureFiles.record(try RunPicture.file(folder.result("picture.png"), of: report))
        ]
      case 2: pages = [try pageFiles.record(try report.file(recorder.reportData(description)))]
      default:
        volumes = try names.map { name in
          try FileRecord(
            name, parts: [unpublished.contains(name) ? folder.unfinished(name) : folder.result(name)])
        }
      }
    }
    try pageFiles.add(
      try recorder.manifest(
        entries, outputs: volumes + verdicts + pictures + pages, to: folder.result("manifest.json")))
    try Task.checkCancellation()
    // A folder with a manifest is complete: it goes before the first name changes and comes back last.
    try folder.remove("manifest.json")
    try folder.synchronize()
    for name in unpublished { try folder.publish(name) }
    try folder.synchronize()
    try verdictFiles.publish()
    try pictureFiles.publish()
    try pageFiles.publish()
  }

  /// Does things at the same time where there are threads for it.
  ///
  /// - Throws: what the first of those throws that do.
  private func sideBySide(_ count: Int, _ body: (_ part: Int) throws -> Void) throws {
    var errors = [(any Error)?](repeating: nil, count: count)
    errors.withUnsafeMutableBufferPointer { errors in
      parallel(tiles: count, threads: threads) { part, _ in
        do { try body(part) } catch { errors[part] = error }
      }
    }
    for case let error? in errors { throw error }
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
