import ArgumentParser
import Foundation
import Pipeline
import Reconstruction

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Reconstruct a scan and check every slice against its measurements.",
    discussion: """
      Writes OUTPUT/volume.tif, report.html, verdict.json and manifest.json. \
      Exit codes: 0 all slices pass or warn, 1 the run failed, 3 finished but some slices failed their verdict. \
      Research software: not for diagnostic use.
      """)

  @Argument(help: "A pipeline such as pipelines/sparse-view-ct.yaml.")
  var pipeline: String

  @Option(help: "The measurements, instead of those of the pipeline.")
  var input: String?

  @Option(help: "The folder for the results.")
  var output: String

  @Option(help: "Threads.")
  var threads = ProcessInfo.processInfo.activeProcessorCount

  @Option(help: "The seed of the draws, instead of the pipeline's.")
  var seed: UInt64?

  func run() async throws {
    var description = try PipelineDescription(file: pipeline)
    if let seed { description.seed = seed }
    let progress = StandardError()
    let stop = StopSignal()
    let runner = PipelineRunner(description, input: input, output: output, threads: threads, version: deftVersion)
    let summary = try await runner.run(shouldStop: { stop.isRaised }) { progress.line($0) }
    print(summary.text)
    if summary.worst == .fail { throw ExitCode(3) }
  }
}
