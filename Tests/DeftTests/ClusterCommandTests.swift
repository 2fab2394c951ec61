import Fields
import Formats
import Foundation
import TestSupport
import Testing

@Suite struct ClusterCommandTests {
  /// Three parts in any order, with and without the pixels that the report shows: the bytes of one run.
  @Test func joinsPartsIntoTheRunOfTheWhole() throws {
    let program = try Program.withScan("{method: tv}", "{method: fbp}", slices: 7)
    func run(_ arguments: String...) throws -> Outcome {
      try program.start(["run", "pipeline.yaml", "--input", "scan.tif"] + arguments)()
    }
    func merge(_ parts: String..., to output: String) throws -> Outcome {
      try program.start(["merge", "pipeline.yaml"] + parts + ["--input", "scan.tif", "--output", output])()
    }
    let whole = try run("--output", "whole")
    for slices in ["1...3", "5...7"] { _ = try run("--output", slices, "--slices", slices) }
    _ = try run("--output", "4...4", "--slices", "4")

    let gap = try merge("5...7", "1...3", to: "out")
    #expect(gap.status == 1 && gap.output.isEmpty)
    #expect(gap.errors.contains("Error: no part has the slices 4. Run them with --slices"), "\(gap.errors)")
    // What was joined already is kept.
    let merged = try merge("4...4", "5...7", "1...3", to: "out")
    #expect(merged.status == whole.status, "\(merged.errors)")
    #expect(merged.output == whole.output.replacingOccurrences(of: " whole/", with: " out/"))
    for name in ["volume.tif", "fbp.tif", "verdict.json", "picture.png"] {
      #expect(try program.data("out/\(name)") == program.data("whole/\(name)"), "\(name)")
    }
    let again = try run("--output", "out")
    #expect(again.errors == "this run is complete already; --restart does it again\n")

    // A part of something else, one that is not complete, and one whose volume was changed.
    _ = try run("--output", "seed", "--seed", "2", "--slices", "4...4")
    #expect(try merge("seed", "1...3", "5...7", to: "other").errors.contains("the seed was 2, is 1"))
    let twice = try merge("1...3", "4...4", "./1...3/", to: "other")
    #expect(twice.status == 1 && twice.errors.contains("'./1...3/' is named twice. Name every part once."))
    #expect(try merge("nowhere", to: "other").errors.contains("'nowhere' holds no complete run."))
    var volume = try program.data("4...4/volume.tif")
    volume[4096 + 2000] ^= 1
    try volume.write(to: URL(fileURLWithPath: program.path("4...4/volume.tif")))
    #expect(
      try merge("1...3", "4...4", "5...7", to: "changed").errors.contains(
        "the page of slice 4 in '4...4/volume.tif' is not what its run has written."))
  }

  /// More slices than a report shows, of which some in every part are the worst; joined twice, and after a part was mended.
  @Test func joinsMoreSlicesThanAReportShows() throws {
    let program = try Program.withScan("{method: fbp}", slices: 60)
    func run(_ arguments: String...) throws -> Outcome {
      try program.start(["run", "pipeline.yaml", "--input", "scan.tif"] + arguments)()
    }
    func merge() throws -> Outcome {
      try program.start(["merge", "pipeline.yaml", "b", "a", "--input", "scan.tif", "--output", "out"])()
    }
    _ = try run("--output", "whole")
    _ = try run("--output", "a", "--slices", "1...31")
    _ = try run("--output", "b", "--slices", "32...60")
    for _ in 1...2 {
      let merged = try merge()
      #expect(merged.output.hasPrefix("60 slices: "), "\(merged.errors)")
      for name in ["volume.tif", "verdict.json", "picture.png"] {
        #expect(try program.data("out/\(name)") == program.data("whole/\(name)"), "\(name)")
      }
      #expect(try program.files(in: "out/run/report") == program.files(in: "whole/run/report"))
    }
  }

  /// A slice without an image in a part has none in the whole, however often they are joined, until the part was mended.
  @Test func joinsPartsAgain() throws {
    let program = try Program.withScan("{method: fbp}", slices: 4)
    let good = try ImageStack(path: program.path("scan.tif"))
    let metadata = good.info.metadata.filter { ["model", "noise_sigma", "rays_per_bin"].contains($0.key) }
    let volume = try TIFFVolume(
      path: program.path("faulty.tif"), rows: good.info.rows, columns: good.info.columns, pages: 4,
      metadata: metadata)
    for slice in 0..<4 {
      var page = try good.page(slice)
      if slice == 2 { page[0, 0] = .nan }
      try volume.write(page, page: slice)
    }
    try volume.finish()
    func call(_ arguments: String...) throws -> Outcome {
      try program.start(arguments + ["--input", "faulty.tif"])()
    }
    for (name, slices) in [("a", "1...2"), ("b", "3...4")] {
      _ = try call("run", "pipeline.yaml", "--output", name, "--slices", slices)
    }
    let first = try call("merge", "pipeline.yaml", "a", "b", "--output", "out")
    #expect(first.status == 1 && first.output.contains("1 without an image"), "\(first.errors)")
    let joined = try program.data("out/volume.tif")
    let second = try call("merge", "pipeline.yaml", "a", "b", "--output", "out")
    #expect(second.errors.hasPrefix("this run is complete already\n"), "\(second.errors)")
    #expect(try program.data("out/volume.tif") == joined)
  }

  @Test func printsTheJobsItWouldSubmit() throws {
    let program = try Program.withScan(slices: 5)
    let outcome = try program.run(
      "submit", "pipeline.yaml", "--input", "scan.tif", "--output", "my out", "--shards", "2", "--cores", "3",
      "--seed", "7", "--dry-run", "--", "--partition=short")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let out = "\(URL(fileURLWithPath: program.path("")).path)/my out"
    for text in [
      "slices=(1...2 3...5)", "--seed 7 --slices \"${slices[SLURM_ARRAY_TASK_ID - 1]}\"",
      "--array=1-2 --requeue --cpus-per-task=3", "--dependency=afterany:$job", "--partition=short",
      "'\(out)/shards'/\"$SLURM_ARRAY_TASK_ID\"", "'\(out)/shards/1' '\(out)/shards/2'",
    ] { #expect(outcome.output.contains(text), "\(text) in \(outcome.output)") }
    #expect(!program.exists("my out"))
    let shards = try program.run(
      "submit", "pipeline.yaml", "--input", "scan.tif", "--output", "out", "--shards", "0")
    #expect(shards.status == 64 && shards.errors.contains("'--shards' is 0"))
  }

  /// The array as Slurm runs it, without Slurm: a task at a time, then the merge.
  @Test func theScriptsMakeTheRunOfTheWhole() throws {
    let program = try Program.withScan(slices: 5)
    _ = try program.run("run", "pipeline.yaml", "--input", "scan.tif", "--output", "whole")
    // A program of this name that answers as sbatch does.
    try program.write("#!/bin/sh\necho \"$@\" >> calls\necho 41\n", to: "sbatch")
    chmod(program.path("sbatch"), 0o755)
    let submit = try program.start(
      ["submit", "pipeline.yaml", "--input", "scan.tif", "--output", "out", "--shards", "3"],
      environment: ["PATH": "\(program.path("")):/usr/bin:/bin"])()
    #expect(submit.output.hasPrefix("job 41: 3 tasks for 5 slices\n"), "\(submit.errors)")
    let calls = String(decoding: try program.data("calls"), as: UTF8.self).split(separator: "\n")
    #expect(calls.count == 2 && calls[0].contains("--array=1-3") && calls[1].contains("afterany:41"))
    func bash(_ script: String, task: Int) throws -> Int32 {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/bin/bash")
      process.arguments = [program.path("out/shards/\(script)")]
      process.environment = ["SLURM_ARRAY_TASK_ID": "\(task)", "PATH": "/usr/bin:/bin"]
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      try process.run()
      process.waitUntilExit()
      return process.terminationStatus
    }
    for task in [2, 3, 1] { #expect(try bash("array.sh", task: task) == 0) }
    #expect([0, 3].contains(try bash("merge.sh", task: 1)))
    #expect(try program.data("out/volume.tif") == program.data("whole/volume.tif"))
  }

  /// What was submitted and what was not.
  @Test func saysWhatSlurmRefuses() throws {
    let program = try Program.withScan(slices: 5)
    try program.write(
      "#!/bin/sh\ncase \"$*\" in *--dependency*) echo no dependencies >&2; exit 1;; esac\necho 41\n",
      to: "sbatch")
    chmod(program.path("sbatch"), 0o755)
    func submit(_ shards: String) throws -> Outcome {
      try program.start(
        ["submit", "pipeline.yaml", "--input", "scan.tif", "--output", "out", "--shards", shards],
        environment: ["PATH": "\(program.path("")):/usr/bin:/bin"])()
    }
    let refused = try submit("2")
    #expect(refused.status == 1)
    #expect(
      refused.errors.contains(
        "as job 41 and refused the job that joins them: no dependencies. Stop them with 'scancel 41'"),
      "\(refused.errors)")
    _ = try program.run(
      "run", "pipeline.yaml", "--input", "scan.tif", "--output", "out/shards/1", "--slices", "1...2")
    let divided = try submit("3")
    #expect(
      divided.status == 1
        && divided.errors.contains("/out/shards/1' holds a part of an array with other slices"))
  }

  @Test func saysThatThereIsNoSlurm() throws {
    let program = try Program.withScan(slices: 2)
    let outcome = try program.start(
      ["submit", "pipeline.yaml", "--input", "scan.tif", "--output", "out", "--shards", "2"],
      environment: ["PATH": program.path("")])()
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("there is no 'sbatch' on the PATH"), "\(outcome.errors)")
  }

  /// The sum that is printed is the sum of its parts, and close to what a run needs.
  @Test func plansWhatARunNeeds() throws {
    let program = try Program.withScan("{method: fbp}", slices: 6)
    let plan = try program.run("plan", "pipeline.yaml", "--input", "scan.tif", "--json").json()
    let parts = try #require(plan["memory"] as? [[String: Any]])
    let sum = parts.reduce(0) { $0 + ($1["bytes"] as? Int ?? 0) }
    #expect(plan["slices"] as? Int == 6 && parts.count == 6)
    // The executable alone is larger than this; a small scan needs no gigabyte.
    #expect((20 << 20..<1 << 30).contains(sum))
    let volumes = try #require(plan["volumes"] as? [[String: Any]])
    #expect(volumes.first?["bytes"] as? Int == 6 * 4 * 32 * 32)
    #expect(try program.files() == ["pipeline.yaml", "scan.tif", "truth.tif"])
    let text = try program.run("plan", "pipeline.yaml", "--input", "scan.tif").output
    #expect(text.contains("32 × 32 pixels") && text.contains("records") && text.contains("volume.tif"))
  }
}
