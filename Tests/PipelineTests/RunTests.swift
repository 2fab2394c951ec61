import Dispatch
import Fields
import Formats
import Foundation
import Logging
import Operators
import Pipeline
import Reconstruction
import Synchronization
import TestSupport
import Testing

/// A small scan of a small phantom, and the pipeline that goes with it.
struct SmallScan {
  let folder: TemporaryFolder
  let pipeline: String
  let scan: String
  let truth: String
  static let slices = 3

  init(reconstructions: String = "  - {method: tv}\n  - {method: fbp}\n", axis: Double = 35.5) throws {
    folder = try TemporaryFolder()
    pipeline = try folder.write(
      """
      geometry:
        angles: {count: 30, range: 180}
        bins: 72
        binSpacing: 4
        axis: \(axis)
        image: {size: 48, spacing: 4}
      noise: {relative: 0.01}
      reconstructions:
      \(reconstructions)
      """, to: "pipeline.yaml")
    let description = try PipelineDescription(file: pipeline)
    let grid = description.geometry.grid
    let beam = ParallelBeam(angles: description.geometry.beam.angles, bins: 72, binSpacing: 4)
    let A = try RadonTransform(grid, beam: beam)
    scan = folder("scan.tif")
    truth = folder("truth.tif")
    var sinograms = try TIFFWriter(
      path: scan, rows: 30, columns: 72, pages: Self.slices,
      metadata: ["model": "operator", "noise_sigma": "0.02"])
    var images = try TIFFWriter(
      path: truth, rows: 48, columns: 48, pages: Self.slices, spacing: Spacing(x: 4, y: 4), unit: "1/mm")
    for slice in 0..<Self.slices {
      let phantom = try Phantom(
        name: "discs", unit: .perMillimetre, fieldOfView: 192,
        parts: [
          PhantomPart(.ellipse(halfAxes: [70, 55]), name: "body", value: 0.02, blend: .replacing),
          PhantomPart(
            .ellipse(halfAxes: [12, 12]), name: "rod", centre: [20, Double(10 * slice)], value: 0.03,
            blend: .replacing),
        ])
      let image = phantom.image(on: grid)
      var y = A(image)
      var generator = SplitMix64(seed: 5, stream: slice)
      NoiseModel.gaussian(sigma: 0.02).add(to: &y, using: &generator)
      try sinograms.append(y.map { $0 })
      try images.append(image)
    }
    try sinograms.finish()
    try images.finish()
  }

  func run(
    threads: Int = 2, input: String? = nil, to output: String,
    _ choice: PipelineRunner.Choice = PipelineRunner.Choice(),
    onLine: @escaping @Sendable (String) -> Void = { _ in }
  ) async throws -> PipelineRunner.Summary {
    try await PipelineRunner(
      PipelineDescription(file: pipeline), input: input ?? scan, output: folder(output), threads: threads,
      version: "test"
    ).run(choice, log: Logger(label: "test") { _ in LineLog(onLine: onLine) })
  }

  /// Stops as soon as a line begins so.
  func interrupt(at line: String, to output: String) async throws {
    await #expect(throws: CancellationError.self) {
      try await Task {
        _ = try await run(threads: 1, to: output) {
          if $0.hasPrefix(line) { withUnsafeCurrentTask { $0?.cancel() } }
        }
      }.value
    }
  }
}

/// What a run has said.
private final class Lines: Sendable {
  private let lines = Mutex<[String]>([])

  func append(_ line: String) { lines.withLock { $0.append(line) } }

  var all: [String] { lines.withLock { $0 } }
}

/// Hands every line over.
private struct LineLog: LogHandler {
  var logLevel = Logger.Level.info
  var metadata: Logger.Metadata = [:]
  let onLine: @Sendable (String) -> Void

  func log(event: LogEvent) { onLine(event.message.description) }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }
}

@Suite struct PipelineRunnerTests {
  @Test func readsTheClassicalMethodsFromYAML() async throws {
    let small = try SmallScan(
      reconstructions: """
          - {method: sirt, steps: 30, relaxation: 1.5}
          - {method: os-sart, steps: 3, subsets: 6, relaxation: 0.5}
          - {method: fista, lambda: 100, steps: 40}
        """)
    _ = try await small.run(to: "out")
    for name in ["volume", "os-sart", "fista"] {
      #expect(try ImageStack(path: small.folder("out/\(name).tif")).count == SmallScan.slices)
    }
  }

  @Test func reconstructsJudgesAndRecordsEverySlice() async throws {
    let small = try SmallScan()
    let summary = try await small.run(to: "out")
    #expect(summary.worst != .fail)
    let volume = try ImageStack(path: small.folder("out/volume.tif"))
    #expect(volume.count == SmallScan.slices)
    #expect(volume.info.unit == "HU")
    #expect(volume.info.spacing.x == 4)
    // The body is water: 0 HU in its middle, for TV within the noise that a 48² image of 30 views keeps.
    let page = try volume.page(0)
    #expect(abs(page[24, 14]) < 40)

    let manifest = try small.folder.json("out/manifest.json")
    #expect((manifest["slices"] as? [Any])?.count == SmallScan.slices)
    let outputs = try #require(manifest["outputs"] as? [[String: Any]])
    #expect(
      outputs.compactMap { $0["name"] as? String } == [
        "volume.tif", "fbp.tif", "verdict.json", "picture.png", "report.html",
      ])
    for output in outputs {
      let path = small.folder("out/\(output["name"] as? String ?? "")")
      #expect(try output["sha256"] as? String == fileChecksum(path))
    }
    let verdicts = try #require(try small.folder.json("out/verdict.json")["verdicts"] as? [[String: Any]])
    #expect(verdicts.count == 2 * SmallScan.slices)
    // People and files count from 1.
    for verdict in verdicts {
      let figures = try #require(verdict["figures"] as? [String: Any])
      let bins = try #require(figures["bins"] as? [[String: Any]]).compactMap { $0["index"] as? Int }
      let views = try #require(figures["views"] as? [[String: Any]])
      #expect(!bins.isEmpty && bins.allSatisfy { (1...72).contains($0) })
      for view in views {
        let (index, degrees) = (view["index"] as? Int ?? 0, view["degrees"] as? Double ?? 0)
        #expect(abs(degrees - 6 * Double(index - 1)) < 1e-9)
      }
    }
    let report = try String(contentsOfFile: small.folder("out/report.html"), encoding: .utf8)
    #expect(report.contains("inverse crime"))
    #expect(report.contains("Not for diagnostic use"))
  }

  @Test func givesTheSameBytesAtAnyNumberOfThreads() async throws {
    let small = try SmallScan()
    _ = try await small.run(threads: 1, to: "one")
    _ = try await small.run(threads: 2, to: "two")
    for name in ["volume.tif", "fbp.tif", "verdict.json"] {
      #expect(try small.folder.data("one/\(name)") == small.folder.data("two/\(name)"), "\(name)")
    }
  }

  /// The centre of mass of every view shifts by two bins: nothing but the geometry can explain it.
  @Test func failsWhereTheAxisIsWrong() async throws {
    let small = try SmallScan(axis: 37.5)
    let summary = try await small.run(to: "out")
    #expect(summary.worst == .fail)
  }

  /// Every third view is the scan of those views alone: the same image, byte for byte, and the same verdict.
  @Test func usesEveryNthView() async throws {
    let small = try SmallScan(
      reconstructions: "  - {method: fbp}\n  - {name: third, method: fbp, everyView: 3}\n")
    _ = try await small.run(to: "out")

    let scan = try ImageStack(path: small.scan)
    let alone = small.folder("third-scan.tif")
    var writer = try TIFFWriter(
      path: alone, rows: 10, columns: 72, pages: SmallScan.slices,
      metadata: ["model": "operator", "noise_sigma": "0.02"])
    for slice in 0..<SmallScan.slices {
      let page = try scan.page(slice)
      let rows = stride(from: 0, to: 30, by: 3).flatMap { page.samples[$0 * 72..<($0 + 1) * 72] }
      try writer.append(Image(shape: [10, 72], samples: rows))
    }
    try writer.finish()
    let text = try String(contentsOfFile: small.pipeline, encoding: .utf8)
    try small.folder.write(
      text.replacingOccurrences(of: "count: 30", with: "count: 10")
        .replacingOccurrences(of: ", everyView: 3", with: "")
        .replacingOccurrences(of: "  - {method: fbp}\n", with: ""), to: "third.yaml")
    _ = try await PipelineRunner(
      PipelineDescription(file: small.folder("third.yaml")), input: alone, output: small.folder("alone"),
      threads: 1, version: "test"
    ).run(log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })

    let (all, third) = (
      try ImageStack(path: small.folder("out/volume.tif")),
      try ImageStack(path: small.folder("out/third.tif"))
    )
    let expected = try ImageStack(path: small.folder("alone/volume.tif"))
    for slice in 0..<SmallScan.slices {
      #expect(try third.page(slice) == expected.page(slice))
      #expect(try third.page(slice) != all.page(slice))
    }
    func verdicts(_ name: String, of method: String) throws -> Data {
      let list = try small.folder.json("\(name)/verdict.json")["verdicts"] as? [[String: Any]] ?? []
      let chosen = list.filter { $0["method"] as? String == method }
      #expect(chosen.count == SmallScan.slices)
      return try JSONSerialization.data(withJSONObject: chosen, options: .sortedKeys)
    }
    #expect(try verdicts("out", of: "third") == verdicts("alone", of: "third"))
  }

  @Test func refusesAScanOfAnotherGeometryBeforeAnythingIsWritten() async throws {
    let small = try SmallScan()
    await #expect {
      try await small.run(input: small.truth, to: "out")
    } throws: {
      "\($0)".contains("are 48 × 48, the pipeline expects 30 × 72")
    }
    #expect(!FileManager.default.fileExists(atPath: small.folder("out")))
  }

  @Test func goesOnWhereItWasStopped() async throws {
    let small = try SmallScan()
    _ = try await small.run(to: "whole")
    try await small.interrupt(at: "slice 1/", to: "out")
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: small.folder("out")).sorted() == ["run", "run.log"])
    #expect(try small.folder.text("out/run.log").contains("error: interrupted"))

    let lines = Lines()
    _ = try await small.run(to: "out") { lines.append($0) }
    #expect(
      !lines.all.contains { $0.hasPrefix("slice 1/") } && lines.all.contains { $0.hasPrefix("slice 3/") })
    #expect(lines.all.contains("1 slice is done already"))
    for name in ["volume.tif", "fbp.tif", "verdict.json", "picture.png"] {
      #expect(try small.folder.data("out/\(name)") == small.folder.data("whole/\(name)"), "\(name)")
    }
    // The log has both parts.
    let log = try small.folder.text("out/run.log")
    #expect(log.contains("error: interrupted") && log.contains("slice 3/3"))
  }

  /// A line that was cut by a kill is as if it had not been written; what it speaks of is done again.
  @Test func doesNotBelieveATornLine() async throws {
    let small = try SmallScan()
    _ = try await small.run(to: "whole")
    try await small.interrupt(at: "slice 2/", to: "out")
    let journal = "out/run/journal.jsonl"
    let bytes = [UInt8](try small.folder.data(journal))
    try small.folder.write(Array(bytes.dropLast(40)), journal)
    _ = try await small.run(to: "out")
    #expect(try small.folder.data("out/volume.tif") == small.folder.data("whole/volume.tif"))
    #expect(try small.folder.data("out/verdict.json") == small.folder.data("whole/verdict.json"))
  }

  /// Of a finished and of an unfinished run: nothing of it is touched.
  @Test func refusesToGoOnWithSomethingElse() async throws {
    let small = try SmallScan()
    _ = try await small.run(to: "out")
    let volume = try small.folder.data("out/volume.tif")
    let text = try small.folder.text("pipeline.yaml")
    func refusal(_ choice: PipelineRunner.Choice = .init(), input: String? = nil) async throws -> String {
      let error = await #expect(throws: RunError.self) {
        _ = try await small.run(input: input, to: "out", choice)
      }
      #expect(try small.folder.data("out/volume.tif") == volume)
      return error.map { "\($0)" } ?? ""
    }
    try small.folder.write(
      text.replacingOccurrences(of: "method: fbp", with: "method: cgls"), to: "pipeline.yaml")
    #expect(
      try await refusal().contains(
        "line 10 of the pipeline was '- {method: fbp}', is '- {method: cgls}'. Choose another folder, or begin this one "
          + "again with --restart."))
    try small.folder.write(text + "seed: 7\n", to: "pipeline.yaml")
    #expect(try await refusal().contains("the seed was 1, is 7"))
    try small.folder.write(text, to: "pipeline.yaml")
    #expect(try await refusal(.init(slices: 0..<2)).contains("the choice of slices was 1…3, is 1…2"))
    // The same name with other content.
    let scan = try ImageStack(path: small.scan)
    try makeFolder(small.folder("other"))
    var writer = try TIFFWriter(
      path: small.folder("other/scan.tif"), rows: 30, columns: 72, pages: 3,
      metadata: ["model": "operator", "noise_sigma": "0.02"])
    for slice in [0, 2, 1] { try writer.append(try scan.page(slice)) }
    try writer.finish()
    let other = small.folder("other/scan.tif")
    #expect(try await refusal(input: other).contains("the input 'scan.tif' has other content"))
    // Told to, it begins again.
    _ = try await small.run(input: other, to: "out", .init(restarts: true))
    #expect(try small.folder.data("out/volume.tif") != volume)
  }

  /// Content counts, not what it is called.
  @Test func goesOnWithAnInputOfAnotherName() async throws {
    let small = try SmallScan()
    _ = try await small.run(to: "whole")
    try await small.interrupt(at: "slice 1/3", to: "out")
    let renamed = small.folder("renamed.tif")
    try FileManager.default.moveItem(atPath: small.scan, toPath: renamed)
    _ = try await small.run(input: renamed, to: "out")
    #expect(try small.folder.data("out/volume.tif") == small.folder.data("whole/volume.tif"))
  }

  @Test func knowsHowFarSlicesAreApart() async throws {
    let small = try SmallScan(reconstructions: "  - {method: fbp}\n")
    _ = try await small.run(to: "unknown")
    #expect(
      try ImageStack(path: small.folder("unknown/volume.tif")).info.spacing == Spacing(x: 4, y: 4))
    let scan = try ImageStack(path: small.scan)
    let path = small.folder("spaced.tif")
    var writer = try TIFFWriter(
      path: path, rows: 30, columns: 72, pages: 3, spacing: Spacing(x: 4, y: 6, z: 15),
      metadata: ["model": "operator", "noise_sigma": "0.02"])
    for slice in 0..<3 { try writer.append(try scan.page(slice)) }
    try writer.finish()
    _ = try await small.run(input: path, to: "out")
    #expect(
      try ImageStack(path: small.folder("out/volume.tif")).info.spacing == Spacing(x: 4, y: 4, z: 15))
  }

  @Test func letsOneRunWorkInAFolder() async throws {
    let small = try SmallScan()
    let refusals = Lines()
    _ = try await small.run(threads: 1, to: "out") { line in
      guard line.hasPrefix("slice 1/") else { return }
      let done = DispatchSemaphore(value: 0)
      Task.detached {
        do { _ = try await small.run(threads: 1, to: "out") } catch { refusals.append("\(error)") }
        done.signal()
      }
      done.wait()
    }
    let process = ProcessInfo.processInfo
    #expect(
      refusals.all == [
        "another run works in '\(small.folder("out"))' (process \(process.processIdentifier) on \(process.hostName)). "
          + "Wait for it, or choose another folder."
      ])
  }

  /// A slice of which a value is not a number has a page of NaN and a reason; repaired, it is done alone.
  @Test func recordsWhatCannotBeReconstructedAndDoesItAgain() async throws {
    let small = try SmallScan()
    _ = try await small.run(to: "whole")
    let scan = try ImageStack(path: small.scan)
    let faulty = small.folder("faulty.tif")
    func write(_ isFaulty: Bool) throws {
      let volume = try TIFFVolume(
        path: faulty, rows: 30, columns: 72, pages: 3, metadata: ["model": "operator", "noise_sigma": "0.02"])
      for slice in 0..<3 {
        var page = try scan.page(slice)
        if isFaulty && slice == 1 { page[3, 4] = .nan }
        try volume.write(page, page: slice)
      }
      try volume.finish()
    }
    try write(true)
    let summary = try await small.run(input: faulty, to: "out")
    #expect(summary.failures.keys.sorted() == [1])
    #expect(summary.failures[1]?.contains("page 2 of '\(faulty)' holds NaN at row 4, column 5") == true)
    #expect(summary.text.hasPrefix("3 slices: ") && summary.text.contains("1 without an image"))
    let (whole, part) = (try small.folder.data("whole/volume.tif"), try small.folder.data("out/volume.tif"))
    let page = 4 * 48 * 48
    #expect(part[4096..<4096 + page] == whole[4096..<4096 + page])
    let missing = part[(4096 + page)..<(4096 + 2 * page)]
    #expect(Data(missing).withUnsafeBytes { $0.bindMemory(to: Float.self).allSatisfy(\.isNaN) })
    let slices = try #require(try small.folder.json("out/manifest.json")["slices"] as? [[String: Any]])
    #expect((slices[1]["failure"] as? String)?.contains("NaN") == true && slices[0]["failure"] == nil)
    #expect(try small.folder.text("out/report.html").contains("Slice 2 has no image"))

    // Pixels that are gone do not cost the image of a slice.
    try FileManager.default.removeItem(atPath: small.folder("out/run/report/slice_00001.json"))
    _ = try await small.run(input: faulty, to: "out")
    #expect(try small.folder.data("out/volume.tif") == part)
    // Unasked, nothing is tried again.
    let lines = Lines()
    #expect(try await small.run(input: faulty, to: "out") { lines.append($0) }.failures.count == 1)
    #expect(lines.all == ["this run is complete already; --restart does it again"])
    try write(false)
    let repaired = try await small.run(input: faulty, to: "out", .init(retriesFailed: true)) {
      lines.append($0)
    }
    #expect(repaired.failures.isEmpty)
    // And the one whose pixels the report lacks.
    #expect(lines.all.filter { $0.hasPrefix("slice ") }.map { $0.prefix(9) } == ["slice 1/3", "slice 2/3"])
    for name in ["volume.tif", "fbp.tif", "verdict.json"] {
      #expect(try small.folder.data("out/\(name)") == small.folder.data("whole/\(name)"), "\(name)")
    }
    let sentence =
      "The input was repaired for the slices 2: when the others were done, 'faulty.tif' had SHA-256 "
    #expect(try small.folder.text("out/manifest.json").contains(sentence))
    #expect(lines.all.contains { $0.hasPrefix(sentence) })
    // Nothing is left to retry: another input is another run.
    let other = await #expect(throws: RunError.self) {
      try write(true)
      _ = try await small.run(input: faulty, to: "out", .init(retriesFailed: true))
    }
    #expect(other.map { "\($0)" }?.contains("the input 'faulty.tif' has other content") == true)
    try write(false)
    // It is the run of the repaired input from now on.
    #expect(try await small.run(input: faulty, to: "out").failures.isEmpty)
  }

  /// One sample that no figure can hold stops no other slice.
  @Test func recordsASliceWhoseVerdictIsNoNumber() async throws {
    let small = try SmallScan()
    let scan = try ImageStack(path: small.scan)
    let volume = try TIFFVolume(
      path: small.folder("huge.tif"), rows: 30, columns: 72, pages: 3,
      metadata: ["model": "operator", "noise_sigma": "0.02"])
    for slice in 0..<3 {
      var page = try scan.page(slice)
      if slice == 1 { page[3, 4] = 1e38 }
      try volume.write(page, page: slice)
    }
    try volume.finish()
    let summary = try await small.run(input: small.folder("huge.tif"), to: "out")
    #expect(summary.failures.keys.sorted() == [1])
    #expect(summary.failures[1]?.contains("EncodingError") == false, "\(summary.failures)")
  }

  /// A volume that went away takes the slices along that were said to be in it.
  @Test func doesNotTrustAJournalWithoutItsVolume() async throws {
    let small = try SmallScan()
    _ = try await small.run(to: "whole")
    try await small.interrupt(at: "slice 2/", to: "out")
    try FileManager.default.removeItem(atPath: small.folder("out/run/volume.tif"))
    let lines = Lines()
    _ = try await small.run(to: "out") { lines.append($0) }
    #expect(lines.all.contains("'volume.tif' is gone from the folder of the run: all slices are done again"))
    for name in ["volume.tif", "fbp.tif", "verdict.json"] {
      #expect(try small.folder.data("out/\(name)") == small.folder.data("whole/\(name)"), "\(name)")
    }
    // Of a finished run, too.
    try FileManager.default.removeItem(atPath: small.folder("out/fbp.tif"))
    _ = try await small.run(to: "out")
    #expect(try small.folder.data("out/fbp.tif") == small.folder.data("whole/fbp.tif"))
  }

  @Test func saysWhyNotOneSliceHasAnImage() async throws {
    let small = try SmallScan()
    let faulty = small.folder("faulty.tif")
    let volume = try TIFFVolume(
      path: faulty, rows: 30, columns: 72, pages: 3, metadata: ["model": "operator", "noise_sigma": "0.02"])
    for slice in 0..<3 { try volume.write(Image(shape: [30, 72]).map { _ in .nan }, page: slice) }
    try volume.finish()
    let error = await #expect(throws: RunError.self) { _ = try await small.run(input: faulty, to: "out") }
    #expect(
      error.map { "\($0)" }?.hasPrefix(
        "none of 3 slices could be reconstructed, and --retry-failed does them again; the first: page 1 of")
        == true)
    #expect(!exists(small.folder("out/volume.tif")))
  }

  /// Every way to an input: its own name, through a link to its folder, a link to it, the pipeline, the log.
  @Test func refusesToReplaceWhatItReads() async throws {
    let small = try SmallScan(reconstructions: "  - {method: fbp}\n  - {name: scan, method: fbp}\n")
    func link(_ name: String, to target: String) throws {
      try FileManager.default.createSymbolicLink(
        atPath: small.folder(name), withDestinationPath: small.folder(target))
    }
    try link("same", to: "")
    try makeFolder(small.folder("links"))
    try link("links/volume.tif", to: "scan.tif")
    try makeFolder(small.folder("pipelines"))
    try link("pipelines/picture.png", to: "pipeline.yaml")
    try makeFolder(small.folder("logs"))
    try link("logs/run.log", to: "scan.tif")
    let (scan, names) = (try small.folder.data("scan.tif"), small.folder.names)
    for (output, file) in [
      ("", "/scan.tif"), ("none/..", "/scan.tif"), ("same", "/scan.tif"), ("links", "/volume.tif"),
      ("pipelines", "/picture.png"), ("logs", "/run.log"),
    ] {
      await #expect(
        throws: RunError.replacesInput(output: small.folder(output) + (output.isEmpty ? "scan.tif" : file))
      ) {
        _ = try await small.run(to: output)
      }
    }
    #expect(try small.folder.data("scan.tif") == scan && small.folder.names == names)
  }

  /// The last file cannot be made: that is said before any work.
  @Test func leavesAllOrNothing() async throws {
    let small = try SmallScan()
    try FileManager.default.createDirectory(
      atPath: small.folder("out/manifest.json"), withIntermediateDirectories: true)
    await #expect(throws: FileError.cannotCreate(path: small.folder("out/manifest.json"), code: EISDIR)) {
      _ = try await small.run(to: "out")
    }
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: small.folder("out")).sorted()
        == ["manifest.json"])
  }

  /// One view has nothing to contradict: its verdict holds numbers all the same.
  @Test func judgesASingleView() async throws {
    let small = try SmallScan(reconstructions: "  - {name: one, method: fbp, everyView: 30}\n")
    _ = try await small.run(to: "out")
    let verdicts = try #require(try small.folder.json("out/verdict.json")["verdicts"] as? [[String: Any]])
    #expect(verdicts.count == SmallScan.slices)
  }

  /// The files of a pattern, in the order of their numbers.
  @Test func recordsEveryFileOfTheInput() async throws {
    let small = try SmallScan()
    let scan = try ImageStack(path: small.scan)
    for slice in 0..<SmallScan.slices {
      var writer = try TIFFWriter(
        path: small.folder("part_\(slice + 9).tif"), rows: 30, columns: 72,
        metadata: ["model": "operator", "noise_sigma": "0.02"])
      try writer.append(scan.page(slice))
      try writer.finish()
    }
    _ = try await small.run(input: small.folder("part_*.tif"), to: "out")
    let inputs = try #require(try small.folder.json("out/manifest.json")["inputs"] as? [[String: Any]])
    #expect(inputs.count == 1)
    #expect(inputs[0]["name"] as? String == "part_*.tif" && inputs[0]["files"] as? Int == 3)
    let names = ["part_9.tif", "part_10.tif", "part_11.tif"]
    #expect(try inputs[0]["bytes"] as? Int == names.reduce(0) { try $0 + small.folder.data($1).count })
    let lines = try names.map { "\($0) \(try fileChecksum(small.folder($0)))\n" }.joined()
    try small.folder.write(lines, to: "sums.txt")
    #expect(try inputs[0]["sha256"] as? String == fileChecksum(small.folder("sums.txt")))
  }

  @Test func takesTheNoiseFromTheFileFirst() async throws {
    let small = try SmallScan()
    let scan = try await ScanInput(PipelineDescription(file: small.pipeline), path: small.scan)
    #expect(scan.noise == .gaussian(sigma: 0.02))
    #expect(scan.noiseSource == .input)
    #expect(scan.model == .operator)
  }

  /// Data of rays through the same pixels: the model error is that of the operator against just as many rays to a bin
  /// as the scan has. Single rays and the mean of eight differ from it by unlike amounts.
  @Test func knowsHowManyRaysABinAverages() async throws {
    let small = try SmallScan()
    let description = try PipelineDescription(file: small.pipeline)
    let truth = try AttenuationVolume(path: small.truth, for: description)
    func statement(_ raysPerBin: Int) async throws -> String {
      let scan = small.folder("rays-\(raysPerBin).tif")
      _ = try await ScanSimulation(
        description, of: .volume(truth), model: .rays, noise: .relative(0.002), seed: 1,
        raysPerBin: raysPerBin,
        threads: 1
      ).write(to: scan)
      let lines = Lines()
      _ = try await small.run(input: scan, to: "out-\(raysPerBin)") { lines.append($0) }
      return lines.all.first { $0.contains("model error") } ?? ""
    }
    func factor(_ line: String) -> Double {
      line.components(separatedBy: "model error ").last?.split(separator: " ").first.flatMap { Double($0) }
        ?? 0
    }
    let (one, eight) = (factor(try await statement(1)), factor(try await statement(8)))
    #expect(one > 0 && eight > 0)
    #expect(abs(eight - one) > 0.2 * one, "\(eight), \(one)")
  }
}

@Suite struct ComparisonTests {
  @Test func measuresMethodsAgainstTheTruth() async throws {
    let small = try SmallScan()
    let description = try PipelineDescription(file: small.pipeline)
    let scan = try await ScanInput(description, path: small.scan)
    let truth = try AttenuationVolume(path: small.truth, for: description)
    var tables: [[String]] = []
    let table = try await Comparison(MethodWorkshop(description, threads: 1), scan: scan, truth: truth).run(
      ["fbp", "tv"].map { ($0, try MethodDescription(argument: $0, h: nil)) }, images: small.folder("images"),
      onMethod: { tables.append($0.methods.map(\.name)) })
    let rows = table.methods
    #expect(tables == [["fbp"], ["fbp", "tv"]])
    #expect(try ImageStack(path: small.folder("images/tv.tif")).count == 3)
    #expect(rows.map(\.name) == ["fbp", "tv"])
    #expect(rows.map(\.slices.count) == [3, 3])
    // Piecewise constant discs are what TV is made for.
    let psnr = try rows.map { try #require($0.psnr) }
    #expect(psnr[1] > psnr[0] + 3)
    // TV was stopped at χ² = 1.
    #expect(abs(rows[1].chi2 - 1) < 0.02)
    #expect(abs(psnr[0] - rows[0].slices.compactMap(\.psnr).reduce(0, +) / 3) < 1e-9)
  }

  @Test func refusesToReplaceWhatItReads() async throws {
    let small = try SmallScan()
    let description = try PipelineDescription(file: small.pipeline)
    let truth = small.folder("fbp.tif")
    try FileManager.default.moveItem(atPath: small.truth, toPath: truth)
    let comparison = try Comparison(
      MethodWorkshop(description, threads: 1), scan: await ScanInput(description, path: small.scan),
      truth: AttenuationVolume(path: truth, for: description))
    let fbp = [(argument: "fbp", method: try MethodDescription(argument: "fbp", h: nil))]
    for json in [small.scan, small.pipeline, truth] {
      await #expect(throws: RunError.replacesInput(output: json)) {
        try await comparison.run(fbp, json: json)
      }
    }
    await #expect(throws: RunError.replacesInput(output: small.folder.path + "/fbp.tif")) {
      try await comparison.run(fbp, images: small.folder.path)
    }
    #expect(small.folder.names == ["fbp.tif", "pipeline.yaml", "scan.tif"])
  }

  /// The table's place is tried before the first method.
  @Test func refusesATableThatCannotBeWritten() async throws {
    let small = try SmallScan()
    let description = try PipelineDescription(file: small.pipeline)
    let comparison = try Comparison(
      MethodWorkshop(description, threads: 1), scan: await ScanInput(description, path: small.scan),
      truth: AttenuationVolume(path: small.truth, for: description))
    let json = small.folder("none/table.json")
    await #expect(throws: FileError.cannotCreate(path: json, code: ENOENT)) {
      try await comparison.run(
        [("fbp", try MethodDescription(argument: "fbp", h: nil))], json: json,
        onSlice: { _, _ in Issue.record("a method has run") })
    }
  }

  /// All that need no network, by the names of the command line.
  @Test func knowsTheClassicalMethods() async throws {
    let small = try SmallScan()
    let description = try PipelineDescription(file: small.pipeline)
    let methods = ["fbp", "cgls", "sirt", "os-sart:80:relaxation=0.5", "tv", "fista"]
    let table = try await Comparison(
      MethodWorkshop(description, threads: 2), scan: ScanInput(description, path: small.scan),
      truth: AttenuationVolume(path: small.truth, for: description)
    ).run(methods.map { ($0, try MethodDescription(argument: $0, h: nil)) }, images: small.folder("images"))
    #expect(table.methods.map(\.name) == ["fbp", "cgls", "sirt", "os-sart", "tv", "fista"])
    #expect(
      try ImageStack(path: small.folder("images/os-sart-80-relaxation-0-5.tif")).count == SmallScan.slices)
    // Those that iterate stop where χ² is what the noise makes it.
    for row in table.methods.dropFirst() {
      #expect(row.chi2 < 1.02 && row.chi2 > 0.8, "\(row.name): \(row.chi2)")
    }
    let psnr = try table.methods.map { try #require($0.psnr) }
    #expect(psnr.dropFirst().allSatisfy { $0 > psnr[0] })
    // Two ways to one image.
    #expect(abs(psnr[4] - psnr[5]) < 0.3)
  }

  /// The scan of nothing: filtered back-projection gives nothing, which is the truth.
  @Test func leavesOutAPSNRThatIsInfinite() async throws {
    let small = try SmallScan()
    let description = try PipelineDescription(file: small.pipeline)
    let (scan, truth) = (small.folder("nothing.tif"), small.folder("air.tif"))
    var sinograms = try TIFFWriter(path: scan, rows: 30, columns: 72, metadata: ["noise_sigma": "0.02"])
    try sinograms.append(Image(shape: [30, 72]))
    try sinograms.finish()
    var images = try TIFFWriter(path: truth, rows: 48, columns: 48, unit: "1/mm")
    try images.append(Image(shape: [48, 48]))
    try images.finish()
    let table = try await Comparison(
      MethodWorkshop(description, threads: 1), scan: ScanInput(description, path: scan),
      truth: AttenuationVolume(path: truth, for: description)
    ).run([("fbp", try MethodDescription(argument: "fbp", h: nil))])
    #expect(table.methods[0].psnr == nil && table.methods[0].rmse == 0)
    let json = try JSONSerialization.jsonObject(with: table.json()) as? [String: Any]
    let row = try #require((json?["methods"] as? [[String: Any]])?.first)
    #expect(row["psnr"] == nil)
    // A quotient of two sums of the same numbers.
    #expect(abs(try #require(row["ssim"] as? Double) - 1) < 1e-12)
  }
}
