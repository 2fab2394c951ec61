import ArgumentParser
import Logging
import Pipeline

struct MergeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge", abstract: "Join runs of parts of a scan into the run of the whole.",
    discussion: """
      The parts are folders of 'deft run PIPELINE --slices …' with the same pipeline, input and seed. Together they must \
      hold all slices. The results are the same bytes as those of one run of all slices. Exit codes are those of 'deft run'.
      """)

  @Argument(help: "The pipeline of the parts.")
  var pipeline: String

  @Argument(help: "The folders of the parts.")
  var parts: [String]

  @Option(help: "The measurements, instead of those of the pipeline.")
  var input: String?

  @Option(help: "The folder for the results.")
  var output: String

  @OptionGroup var draws: Draws

  @OptionGroup var parallel: ThreadCount

  func run() async throws {
    try await reconstruct(
      pipeline, input: input, output: output, draws, threads: parallel.threads, .init(parts: parts))
  }
}
