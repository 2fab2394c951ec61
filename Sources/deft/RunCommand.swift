import ArgumentParser
import Logging
import Pipeline

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Reconstruct a scan and check every slice against its measurements.",
    discussion: """
      Writes OUTPUT/volume.tif with the first reconstruction of the pipeline, NAME.tif with every other, report.html, \
      picture.png, verdict.json and manifest.json, all of them or none, and run.log.

      Exit codes: 0 all slices pass or warn, 1 the run failed, 3 it finished and some slices failed their verdict, 64 \
      wrong usage, 130 interrupted. Exit code 3 is decided by the first reconstruction of the pipeline alone; the \
      verdicts of the others are in verdict.json. Research software: not for diagnostic use.
      """)

  @Argument(help: "A pipeline such as pipelines/sparse-view-ct.yaml.")
  var pipeline: String

  @Option(help: "The measurements, instead of those of the pipeline.")
  var input: String?

  @Option(help: "The folder for the results.")
  var output: String

  @OptionGroup var parallel: ThreadCount

  @Option(help: "The seed of the draws, instead of the pipeline's.")
  var seed: UInt64?

  func run() async throws {
    try await interruptible { _ in
      var description = try PipelineDescription(file: pipeline)
      if let seed { description.seed = seed }
      let runner = PipelineRunner(
        description, input: input, output: output, threads: parallel.threads, version: deftVersion)
      let summary = try await runner.run(log: Logger(label: "deft") { _ in Console.Log() })
      try Console.output(summary.text)
      if summary.worst == .fail { throw ExitCode(3) }
    }
  }
}
