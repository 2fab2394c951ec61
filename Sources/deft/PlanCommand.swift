import ArgumentParser
import Pipeline

struct PlanCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan", abstract: "Say what a run would do: geometry, memory, time and disk.",
    discussion: """
      Reconstructs the slice in the middle of the scan to measure it, and writes nothing. The memory is the sum of the parts \
      that are printed; it does not grow with the number of slices beyond their records.
      """)

  @Argument(help: "A pipeline such as pipelines/fbp.yaml.")
  var pipeline: String

  @Option(help: "The measurements, instead of those of the pipeline.")
  var input: String?

  @Option(
    help: "Plan for these slices alone, as 101...200, 101-200 or 101..<201; slices count from 1.",
    transform: SliceRange.argument)
  var slices: Range<Int>?

  @OptionGroup var draws: Draws

  @OptionGroup var parallel: ThreadCount

  @Flag(help: "Print JSON.")
  var json = false

  func run() async throws {
    try await interruptible { _ in
      var description = try draws.description(of: pipeline)
      description = try await withAxis(description, of: input, threads: parallel.threads)
      let plan = try await RunPlan(description, input: input, slices: slices, threads: parallel.threads)
      try Console.output(json ? encoded(plan) : plan.text)
    }
  }
}
