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
    /// Forgets what is there, and removes its results.
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
    let found = choice.restarts ? nil : try RunJournal.header(of: RunFolder.journal(in: output))
    let scan = try await ScanInput(description, path: input, noise: found?.noise)
    let slices = choice.slices ?? 0..<scan.count
    guard !slices.isEmpty, slices.lowerBound >= 0, slices.upperBound <= scan.count else {
      throw RunError.noSuchSlices(slices, count: scan.count)
    }
    let volumes = description.volumes.map(\.name)
    let results = volumes + Self.records
    try expectOther(
      (results + [RunFolder.log] + RunFolder.own(volumes)).map { RunFolder.result($0, in: output) },
      than: description.inputs(of: description.reconstructions.map(\.method), scan: scan))
    let identity = try RunIdentity(description, scan: scan, slices: slices, version: version)
    if let found { try expectSame(identity, as: found.identity, choice) }
    for name in results { try expectReplaceable(RunFolder.result(name, in: output)) }
    if found == nil, !choice.restarts {
      for name in results where RunFolder.exists(RunFolder.result(name, in: output)) {
        throw RunError.occupied(RunFolder.result(name, in: output))
      }
    }

    let folder = try RunFolder(output)
    // It may have become another run while the scan was opened.
    guard try choice.restarts || RunJournal.header(of: folder.journal) == found else {
      throw RunError.changedMeanwhile(output)
    }
    folder.sweep()
    if choice.restarts { try folder.restart(volumes: volumes, results: results) }
    let file = try RunLog(path: folder.result(RunFolder.log), appends: found != nil)
    let record = Logger(label: log.label) { _ in file }
    let log = Logger(label: log.label) { _ in MultiplexLogHandler([log.handler, file]) }
    let header = RunJournal.Header(
      identity: found?.identity ?? identity, noise: ScanNoise(model: scan.noise, source: scan.noiseSource))
    var recorder = RunRecorder(description, identity, scan: scan, version: version, threads: threads)
    do {
      let work = RunWork(
        description, folder: folder, scan: scan, slices: slices, choice: choice, identity: identity,
        header: header, threads: threads, begin: begin, log: log)
      try await work.finish(&recorder)
    } catch {
      record.error("\(error is CancellationError ? "interrupted" : "\(error)")")
      if choice.parts.isEmpty,
        let rest = rest(done: recorder.done.count, of: slices.count, after: error, choice)
      {
        log.warning("\(rest)")
      }
      throw error
    }
    let summary = recorder.summary(output: output, of: slices.count)
    record.info("\(summary.text)")
    return summary
  }

  /// How to go on after the end of a run; nil where the error says it.
  private func rest(done: Int, of count: Int, after error: any Error, _ choice: Choice) -> String? {
    let command = "the same command\(choice.restarts ? " without --restart" : "")"
    guard done == 0 else {
      return "\(done) of \(count) slices are done and kept; \(command) goes on with the others."
    }
    return error is CancellationError ? "no slice is done yet; the same command begins again." : nil
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
