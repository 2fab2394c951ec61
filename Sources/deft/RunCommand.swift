import ArgumentParser
import Logging
import Pipeline

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Reconstruct a scan and check every slice against its measurements.",
    discussion: """
      Writes OUTPUT/volume.tif with the first reconstruction of the pipeline, NAME.tif with every other, report.html, \
      picture.png, verdict.json and manifest.json, all of them or none, and run.log.

      Finished slices are kept in OUTPUT/run whatever ends the program, and the same command goes on with the others: \
      the results are the same bytes as without the interruption. A slice that cannot be read or reconstructed is \
      recorded with its reason and has a page of NaN; the run goes on with the others.

      Exit codes: 0 all slices pass or warn, 1 the run failed, or slices have no image, 3 it finished and some slices failed their verdict, 64 \
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

  @OptionGroup var draws: Draws

  @Option(
    help: "Reconstruct these slices alone, as 101...200, 101-200 or 101..<201; slices count from 1.",
    transform: SliceRange.argument)
  var slices: Range<Int>?

  @Flag(help: "Do the slices again that have no image, for example after the input was repaired.")
  var retryFailed = false

  @Flag(help: "Begin again where the folder holds a run, and remove its results.")
  var restart = false

  func validate() throws {
    guard !(restart && retryFailed) else {
      throw ValidationError("Give --restart or --retry-failed, not both.")
    }
  }

  func run() async throws {
    try await reconstruct(
      pipeline, input: input, output: output, draws, threads: parallel.threads,
      .init(slices: slices, retriesFailed: retryFailed, restarts: restart))
  }
}

/// Runs a pipeline and says what it came to.
///
/// - Throws: `ExitCode` 1 where slices have no image, 3 where some fail their verdict.
func reconstruct(
  _ pipeline: String, input: String?, output: String, _ draws: Draws, threads: Int,
  _ choice: PipelineRunner.Choice
) async throws {
  try await interruptible(left: { nil }) { _ in
    var description = try draws.description(of: pipeline)
    description = try await withAxis(
      description, of: input, knownTo: choice.restarts ? [] : [output] + choice.parts, threads: threads)
    let runner = PipelineRunner(
      description, input: input, output: output, threads: threads, version: deftVersion)
    let summary = try await runner.run(choice, log: Logger(label: "deft") { _ in Console.Log() })
    try Console.output(summary.text)
    if !summary.failures.isEmpty {
      let again = choice.parts.isEmpty ? "; --retry-failed does them again" : ""
      Console.line("\(counted(summary.failures.count, "slice")) without an image\(again)")
      throw ExitCode(1)
    }
    if summary.worst == .fail { throw ExitCode(3) }
  }
}
