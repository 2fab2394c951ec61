import ArgumentParser
import Formats
import Foundation
import Pipeline

struct SubmitCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "submit", abstract: "Run a pipeline as a Slurm job array, and join the results.",
    discussion: """
      Every task does a range of slices in OUTPUT/shards/NUMBER and goes on where it stopped when Slurm requeues it; a job \
      that depends on all of them joins the results in OUTPUT: the same bytes as those of 'deft run' on one machine. \
      Submitting again does what is missing. Options behind '--' go to sbatch:

        deft submit fbp.yaml --input scan.tif --output out --shards 16 --cores 8 -- --partition=short --time=30
      """)

  @Argument(help: "A pipeline such as pipelines/fbp.yaml.")
  var pipeline: String

  @Option(help: "The measurements, instead of those of the pipeline.")
  var input: String?

  @Option(help: "The folder for the results; all machines must see it.")
  var output: String

  @Option(help: "How many tasks share the slices.")
  var shards: Int

  @Option(help: "Cores of one task.")
  var cores: Int?

  @OptionGroup var draws: Draws

  @Flag(help: "Do the slices again that have no image.")
  var retryFailed = false

  @Flag(help: "Print the jobs instead of submitting them.")
  var dryRun = false

  @Argument(parsing: .postTerminator, help: "Options of sbatch.")
  var options: [String] = []

  func validate() throws {
    try expect(shards, in: 1...10_000, of: "--shards")
    if let cores { try expect(cores, in: 1...1024, of: "--cores") }
  }

  func run() async throws {
    let description = try await withAxis(
      PipelineDescription(file: pipeline), of: input, threads: ProcessInfo.processInfo.activeProcessorCount)
    let scan = try await ScanInput(description, path: input)
    let job = SlurmJob(
      program: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"),
      pipeline: filePlace(pipeline), input: absolute(scan.path), output: absolute(output), seed: draws.seed,
      slices: scan.count, shards: shards, retriesFailed: retryFailed, cores: cores, options: options)
    if dryRun { return try Console.output(job.text) }
    let (array, merge) = try job.submit()
    try Console.output(
      """
      job \(array): \(counted(job.shards, "task")) for \(counted(job.slices, "slice"))
      job \(merge): joins them in \(output)
      logs in \(output)/shards; squeue shows how far they are
      """)
  }

  /// Patterns stay patterns.
  private func absolute(_ path: String) -> String {
    path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
  }
}
