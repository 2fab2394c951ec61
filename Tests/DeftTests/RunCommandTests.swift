import Foundation
import TestSupport
import Testing

extension Program {
  /// A pipeline, a truth of three slices and a scan of it: 32 × 32 pixels, 24 views.
  static func withScan(_ reconstructions: String..., slices: Int = 3) throws -> Program {
    let program = try Program()
    try program.writePipeline(
      reconstructions: reconstructions.isEmpty ? ["{method: fbp}"] : reconstructions)
    try program.run(
      "phantom", Program.thorax, "--size", "32", "--slices", "\(slices)", "--output", "truth.tif")
    let outcome = try program.run(
      "simulate", "pipeline.yaml", "--volume", "truth.tif", "--noise", "0.01", "--output", "scan.tif")
    try #require(outcome.status == 0, "\(outcome.errors)")
    return program
  }
}

@Suite struct RunCommandTests {
  @Test func leavesAllFilesAndSaysWhereTheyAre() throws {
    let program = try Program.withScan("{method: tv}", "{name: third, method: fbp, everyView: 3}")
    let outcome = try program.run("run", "pipeline.yaml", "--input", "scan.tif", "--output", "out/a")
    // Whether 24 views pass is not the question here.
    #expect([0, 3].contains(outcome.status), "\(outcome.errors)")
    #expect(
      try program.files(in: "out/a") == [
        "manifest.json", "picture.png", "report.html", "run", "run.log", "third.tif", "verdict.json",
        "volume.tif",
      ])
    // What came out goes to standard output, how it went to standard error.
    #expect(outcome.output.hasPrefix("3 slices: "), "\(outcome.output)")
    #expect(outcome.output.contains("report   out/a/report.html\n"))
    #expect(!outcome.output.contains("slice 1/3"))
    for text in ["slice 1/3", "slice 3/3", "model error"] { #expect(outcome.errors.contains(text)) }
    let log = String(decoding: try program.data("out/a/run.log"), as: UTF8.self)
    #expect(log.contains(" info: slice 3/3"), "\(log)")
    #expect(log.contains(" info: 3 slices: "))
    #expect(String(decoding: try program.data("out/a/report.html"), as: UTF8.self).contains("every 3rd view"))
  }

  @Test func saysWhatEndedBeforeItConverged() throws {
    let program = try Program.withScan("{method: tv, lambda: 100, steps: 2}", slices: 1)
    let outcome = try program.run("run", "pipeline.yaml", "--input", "scan.tif", "--output", "out")
    let text = "slice 1: 'tv' ended at its limit of steps, before it had converged."
    #expect(outcome.errors.contains(text), "\(outcome.errors)")
    let compared = try program.run(
      "compare", "pipeline.yaml", "--truth", "truth.tif", "--input", "scan.tif", "--methods",
      "tv:2:lambda=100")
    #expect(compared.errors.contains("not converged"), "\(compared.errors)")
  }

  /// The axis is three bins off: no image explains the data, and the exit code says so.
  @Test func endsWith3WhereSlicesFail() throws {
    let program = try Program.withScan("{method: tv}")
    try program.writePipeline(
      "wrong.yaml", reconstructions: ["{method: tv}"], geometry: "axis: 26.5")
    let outcome = try program.run("run", "wrong.yaml", "--input", "scan.tif", "--output", "out")
    #expect(outcome.status == 3, "\(outcome.errors)")
    #expect(outcome.output.contains("3 fail"))
    #expect(program.exists("out/report.html"))
    let help = try program.run("help", "run").output.split(whereSeparator: \.isWhitespace).joined(
      separator: " ")
    #expect(help.contains("Exit code 3 is decided by the first reconstruction of the pipeline alone"))
  }

  @Test func saysWhereItCannotWrite() throws {
    let program = try Program.withScan()
    func errors(_ output: String) throws -> String {
      let outcome = try program.run("run", "pipeline.yaml", "--input", "scan.tif", "--output", output)
      #expect(outcome.status == 1 && outcome.output.isEmpty)
      return outcome.errors
    }
    #expect(
      try errors("truth.tif").contains(
        "Error: cannot create 'truth.tif': a file stands where a folder should be."))
    #expect(try errors("truth.tif/out").contains("Error: cannot create 'truth.tif/out': a file stands where"))
    // The superuser may write anywhere.
    if geteuid() != 0 {
      try FileManager.default.createDirectory(
        atPath: program.path("locked"), withIntermediateDirectories: false,
        attributes: [.posixPermissions: 0o555])
      #expect(try errors("locked/out").contains("Error: cannot create 'locked/out': Permission denied."))
      #expect(try errors("locked").contains("Error: cannot create 'locked/run.log': Permission denied."))
    }
    // A name that must be a file is a folder: no other file gets its name either.
    try FileManager.default.createDirectory(
      atPath: program.path("out/report.html"), withIntermediateDirectories: true)
    #expect(try errors("out").contains("Error: cannot create 'out/report.html': it is a folder."))
    #expect(try program.files(in: "out") == ["report.html"])
  }

  /// A disk that is always full.
  @Test(.enabled(if: exists("/dev/full"), "there is no /dev/full"))
  func saysWhenItsResultsCannotBePrinted() throws {
    let program = try Program.withScan()
    let full = try #require(FileHandle(forWritingAtPath: "/dev/full"))
    let outcome = try program.start(["info", "scan.tif"], output: full)()
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("Error: cannot write 'standard output': no space is left on its disk."))
  }

  @Test func publishesNothingWhenInterrupted() throws {
    // Total variation with next to no weight takes all its steps.
    let program = try Program.withScan("{method: tv, lambda: 1.0e-3, steps: 100000}")
    let outcome = try program.interrupt("run", "pipeline.yaml", "--input", "scan.tif", "--output", "out") {
      _ in
      program.exists("out/run/volume.tif")
    }
    #expect(outcome.status == 130, "\(outcome.errors)")
    #expect(
      outcome.errors.hasSuffix(
        "\nwarning: no slice is done yet; the same command begins again.\ninterrupted\n"),
      "\(outcome.errors)")
    #expect(try program.files(in: "out") == ["run", "run.log"])
    #expect(String(decoding: try program.data("out/run.log"), as: UTF8.self).contains("error: interrupted"))
  }

  /// The end of a terminal, and of a service; twice is not needed.
  @Test(arguments: [SIGTERM, SIGHUP])
  func publishesNothingWhenTerminated(_ number: Int32) throws {
    // A program that inherits an ignored SIGHUP, as under `nohup`, ignores it.
    if number == SIGHUP, isIgnored(number) { return }
    let program = try Program.withScan("{method: tv, lambda: 1.0e-3, steps: 100000}")
    let outcome = try program.interrupt(
      "run", "pipeline.yaml", "--input", "scan.tif", "--output", "out", with: number
    ) { _ in
      program.exists("out/run/volume.tif")
    }
    #expect(outcome.status == 130, "\(outcome.errors)")
    #expect(try program.files(in: "out") == ["run", "run.log"])
  }

  private func isIgnored(_ number: Int32) -> Bool {
    let earlier = signal(number, SIG_IGN)
    signal(number, earlier)
    return unsafeBitCast(earlier, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  /// Killed between any two changes of its files, also while it publishes: started again, it ends in the bytes of an
  /// undisturbed run and leaves nothing else.
  @Test func goesOnAfterAKillAtAnyMoment() throws {
    let program = try Program.withScan("{method: fbp}", "{name: hann, method: fbp, window: hann}")
    let run = ["run", "pipeline.yaml", "--input", "scan.tif", "--threads", "1", "--output"]
    let disk = try program.library(from: "disk.c")
    let whole = try program.start(
      run + ["whole"], environment: ["LD_PRELOAD": disk, "COUNT_TO": program.path("count")])()
    let changes = try #require(Int(String(decoding: try program.data("count"), as: UTF8.self)))
    #expect(changes > 50)
    // Some fourteen moments, from the first change to the last.
    for moment in stride(from: 1, through: changes, by: max(1, changes / 13)) {
      let killed = try program.start(
        run + ["out"], environment: ["LD_PRELOAD": disk, "KILL_AT": "\(moment)"])()
      #expect(killed.status == SIGKILL, "change \(moment) of \(changes)")
      let resumed = try program.start(run + ["out"])()
      #expect(resumed.status == whole.status && resumed.output.hasPrefix("3 slices: "), "\(resumed.errors)")
      for name in ["volume.tif", "hann.tif", "verdict.json", "picture.png"] {
        #expect(try program.data("out/\(name)") == program.data("whole/\(name)"), "\(name), change \(moment)")
      }
      #expect(try program.files(in: "out") == program.files(in: "whole"))
      #expect(try program.files(in: "out/run") == program.files(in: "whole/run"))
      // Once more does nothing.
      let again = try program.start(run + ["out"])()
      #expect(again.errors == "this run is complete already; --restart does it again\n")
      try FileManager.default.removeItem(atPath: program.path("out"))
    }
  }

  /// An error that the disk reports once: what it could not hold is not believed the second time.
  @Test func doesNotBelieveWhatTheDiskRefused() throws {
    let program = try Program.withScan("{method: fbp}", slices: 4)
    let run = ["run", "pipeline.yaml", "--input", "scan.tif", "--threads", "1", "--output", "out"]
    let failed = try program.start(
      run, environment: ["LD_PRELOAD": try program.library(from: "disk.c"), "FAIL_SYNC_AT": "1"])()
    #expect(failed.status == 1)
    #expect(
      failed.errors.contains("Error: cannot create 'out/run/volume.tif': Input/output error."),
      "\(failed.errors)")
    #expect(!failed.errors.contains("are done and kept"))
    let journal = String(decoding: try program.data("out/run/journal.jsonl"), as: UTF8.self)
    #expect(journal.split(separator: "\n").count == 1)
    #expect(try program.start(run)().output.hasPrefix("4 slices: "))
  }

  /// Neither what a user keeps in a folder of that name nor results of another origin are touched.
  @Test func leavesWhatIsNotItsOwn() throws {
    let program = try Program.withScan()
    func run(_ arguments: String...) throws -> Outcome {
      try program.start(["run", "pipeline.yaml", "--output", "out"] + arguments)()
    }
    try FileManager.default.createDirectory(
      atPath: program.path("out/run/report"), withIntermediateDirectories: true)
    try program.write("mine", to: "out/run/notes.txt")
    try program.write("mine", to: "out/run/report/notes.txt")
    try program.write("mine", to: "out/report.html")
    let refused = try run("--input", "scan.tif")
    #expect(refused.status == 1)
    #expect(
      refused.errors.contains(
        "Error: 'out/report.html' is there already and belongs to no run that could go on."),
      "\(refused.errors)")
    #expect(try program.data("out/report.html") == Data("mine".utf8))
    #expect([0, 3].contains(try run("--input", "scan.tif", "--restart").status))
    for name in ["out/run/notes.txt", "out/run/report/notes.txt"] {
      #expect(try program.data(name) == Data("mine".utf8))
    }
    // A scan where the run would write.
    try FileManager.default.moveItem(atPath: program.path("scan.tif"), toPath: program.path("volume.tif"))
    try FileManager.default.removeItem(atPath: program.path("out"))
    try FileManager.default.createDirectory(
      atPath: program.path("out/run"), withIntermediateDirectories: true)
    try FileManager.default.moveItem(
      atPath: program.path("volume.tif"), toPath: program.path("out/run/volume.tif"))
    let outcome = try run("--input", "out/run/volume.tif")
    #expect(outcome.status == 1)
    #expect(
      outcome.errors.contains("'out/run/volume.tif' would replace a file that is read."), "\(outcome.errors)")
  }

  /// A limit of the size of files stands for a disk that is full: the run stops, and goes on where there is room.
  @Test func goesOnWhenThereIsRoomAgain() throws {
    let program = try Program.withScan("{method: fbp}", slices: 4)
    let run = ["run", "pipeline.yaml", "--input", "scan.tif", "--threads", "1", "--output"]
    let whole = try program.start(run + ["whole"])()
    // 24 KiB hold the volume, not the pixels of the report.
    let full = try program.start(run + ["out"], limitingFilesTo: 24)()
    #expect(full.status == 1 && full.output.isEmpty)
    #expect(full.errors.contains("Error: cannot write"), "\(full.errors)")
    #expect(!program.exists("out/volume.tif"))
    let resumed = try program.start(run + ["out"])()
    #expect(resumed.status == whole.status)
    #expect(try program.data("out/volume.tif") == program.data("whole/volume.tif"))
  }

  @Test func doesAPartOfAScan() throws {
    let program = try Program.withScan("{method: fbp}", slices: 5)
    func run(_ arguments: String...) throws -> Outcome {
      try program.start(["run", "pipeline.yaml", "--input", "scan.tif"] + arguments)()
    }
    _ = try run("--output", "all")
    for (slices, count) in [("2...4", 3), ("2..<5", 3), ("5", 1)] {
      let part = try run("--output", slices, "--slices", slices)
      #expect(part.output.hasPrefix("\(count) \(count == 1 ? "slice" : "slices"): "), "\(part.errors)")
      // Pages lie one after another behind the first 4096 bytes.
      let (all, some) = (try program.data("all/volume.tif"), try program.data("\(slices)/volume.tif"))
      let (page, first) = (4 * 32 * 32, slices == "5" ? 4 : 1)
      #expect(
        some[4096..<4096 + count * page] == all[(4096 + first * page)..<(4096 + (first + count) * page)])
    }
    let outside = try run("--output", "none", "--slices", "4...6")
    #expect(outside.status == 1)
    #expect(outside.errors.contains("there are no slices 4…6: the scan has 5. Ask for slices from 1 to 5."))
    let backwards = try run("--output", "none", "--slices", "4...2")
    #expect(backwards.status == 64 && backwards.errors.contains("The slices '4...2' are no range"))
    #expect(!program.exists("none"))
  }

  /// Whoever has read the progress is gone: the run goes on. Results that nobody reads are an error.
  @Test func outlivesItsReaders() throws {
    let program = try Program.withScan()
    func closed() throws -> FileHandle {
      let pipe = Pipe()
      try pipe.fileHandleForReading.close()
      return pipe.fileHandleForWriting
    }
    let run = try program.start(
      ["run", "pipeline.yaml", "--input", "scan.tif", "--output", "out"], errors: closed())()
    #expect([0, 3].contains(run.status) && run.output.hasPrefix("3 slices: "))
    #expect(program.exists("out/volume.tif"))
    let info = try program.start(["info", "scan.tif"], output: closed())()
    #expect(info.status == 1)
    #expect(
      info.errors.contains("Error: cannot write 'standard output': nobody reads it any more."),
      "\(info.errors)")
  }

  @Test func refusesToReplaceItsInput() throws {
    let program = try Program.withScan("{method: fbp}", "{name: scan, method: fbp}")
    let scan = try program.data("scan.tif")
    let outcome = try program.run("run", "pipeline.yaml", "--input", "scan.tif", "--output", ".")
    #expect(outcome.status == 1)
    #expect(
      outcome.errors.contains("Error: './scan.tif' would replace a file that is read."), "\(outcome.errors)")
    #expect(try program.data("scan.tif") == scan)
    #expect(try program.files() == ["pipeline.yaml", "scan.tif", "truth.tif"])
  }

  @Test(arguments: [
    (["--threads", "0"], "'--threads' is 0, expected a number from 1 to 1024."),
    (["--threads", "2000"], "'--threads' is 2000, expected a number from 1 to 1024."),
    (["--seed", "x"], "The value 'x' is invalid for '--seed <seed>'"),
  ])
  func refusesWrongUsage(arguments: [String], message: String) throws {
    let outcome = try Program().start(["run", "a.yaml", "--output", "out"] + arguments)()
    #expect(outcome.status == 64)
    #expect(outcome.errors.contains(message), "\(outcome.errors)")
  }
}

@Suite struct CompareCommandTests {
  @Test func writesATableOfKnownKeys() throws {
    let program = try Program.withScan()
    let outcome = try program.run(
      "compare", "pipeline.yaml", "--truth", "truth.tif", "--input", "scan.tif", "--methods",
      "fbp,fbp:window=hann", "--json", "table.json", "--images", "images")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.hasPrefix("method"), "\(outcome.output)")
    #expect(outcome.output.split(separator: "\n").count == 3)
    #expect(outcome.errors.contains("fbp:window=hann  slice 3/3  PSNR "))
    #expect(try program.files(in: "images") == ["fbp-window-hann.tif", "fbp.tif"])

    let table = try program.json("table.json")
    #expect(
      table.keys.sorted() == [
        "dataRange", "input", "methods", "model", "noiseSigma", "seed", "threads", "truth", "unit",
      ])
    #expect(table["model"] as? String == "rays" && table["dataRange"] as? Double == 2000)
    let rows = try #require(table["methods"] as? [[String: Any]])
    #expect(rows.map { $0["method"] as? String } == ["fbp", "fbp:window=hann"])
    for row in rows {
      #expect(
        row.keys.sorted() == [
          "chi2", "method", "name", "nfe", "psnr", "psnrCircle", "rmse", "secondsPerSlice", "slices", "ssim",
          "ssimCircle",
        ])
      let slices = try #require(row["slices"] as? [[String: Any]])
      #expect(slices.map { $0["slice"] as? Int } == [1, 2, 3])
      #expect(
        slices[0].keys.sorted() == [
          "chi2", "converged", "psnr", "psnrCircle", "rmse", "seconds", "slice", "ssim", "ssimCircle",
        ])
    }
    let printed = try program.run(
      "compare", "pipeline.yaml", "--truth", "truth.tif", "--input", "scan.tif", "--methods", "fbp", "--json",
      "-")
    #expect(try (printed.json()["methods"] as? [Any])?.count == 1)
  }

  @Test func refusesToReplaceWhatItReads() throws {
    let program = try Program.withScan()
    for output in [["--json", "scan.tif"], ["--json", "pipeline.yaml"], ["--images", "truth"]] {
      if output[0] == "--images" {
        try FileManager.default.createDirectory(
          atPath: program.path("truth"), withIntermediateDirectories: false)
        try FileManager.default.copyItem(
          atPath: program.path("truth.tif"), toPath: program.path("truth/fbp.tif"))
      }
      let outcome = try program.start(
        [
          "compare", "pipeline.yaml", "--truth", output[0] == "--images" ? "truth/fbp.tif" : "truth.tif",
          "--input", "scan.tif", "--methods", "fbp",
        ] + output)()
      #expect(outcome.status == 1)
      #expect(outcome.errors.contains("would replace a file that is read."), "\(outcome.errors)")
    }
    #expect(try program.data("truth/fbp.tif") == program.data("truth.tif"))
  }

  @Test func keepsFinishedMethodsWhenInterrupted() throws {
    let program = try Program.withScan()
    let outcome = try program.interrupt(
      "compare", "pipeline.yaml", "--truth", "truth.tif", "--input", "scan.tif", "--methods",
      "fbp,tv:100000:lambda=1e-3", "--json", "table.json", "--images", "images"
    ) { _ in try program.exists("images") && program.files(in: "images").contains { $0.hasPrefix("tv") } }
    #expect(outcome.status == 130)
    #expect(outcome.errors.hasSuffix("interrupted; finished methods were kept\n"), "\(outcome.errors)")
    #expect(try program.files(in: "images") == ["fbp.tif"])
    #expect(try (program.json("table.json")["methods"] as? [[String: Any]])?.count == 1)
    #expect(outcome.output.contains("fbp"))
  }

  @Test(arguments: [
    ("mlem", "unknown method 'mlem'; known are fbp, cgls, sirt, os-sart, tv, fista, dds, deft, postprocess."),
    ("fbp,tv:lambda", "'lambda' in the method 'tv:lambda' is not of the form key=value."),
    ("fbp,fbp", "The method 'fbp' is named twice."),
    ("dds:5:draws=4:estimate=sample", "several draws are averaged, which 'estimate: sample' does not do."),
    ("", "unknown method ''"),
  ])
  func refusesWrongUsage(methods: String, message: String) throws {
    let outcome = try Program().run(
      "compare", "a.yaml", "--truth", "a.tif", "--input", "b.tif", "--methods", methods)
    #expect(outcome.status == 64)
    #expect(outcome.errors.contains(message), "\(outcome.errors)")
  }
}
