import ArgumentParser
import Diffusion
import Formats
import Foundation
import Pipeline

extension VolumeUnit: ExpressibleByArgument {}
extension SimulationModel: ExpressibleByArgument {}

extension PageList {
  static func argument(_ text: String) throws -> PageList {
    do { return try PageList(text) } catch { throw ValidationError("\(error)") }
  }
}

/// Neighbouring slices, `FIRST...LAST`, `FIRST-LAST` or `FIRST..<END`, or a single one, counted from 1.
enum SliceRange {
  /// Counted from 0.
  static func argument(_ text: String) throws -> Range<Int> {
    if let only = Int(text), 1...1_000_000_000 ~= only { return only - 1..<only }
    for (dots, extra) in [("...", 1), ("..<", 0), ("-", 1)] {
      guard let place = text.firstRange(of: dots) else { continue }
      guard let first = Int(text[..<place.lowerBound]), let last = Int(text[place.upperBound...]),
        first >= 1, last <= 1_000_000_000, last - 1 + extra >= first
      else { break }
      return first - 1..<last - 1 + extra
    }
    throw ValidationError("The slices '\(text)' are no range; give them as 101...200, counted from 1.")
  }
}

/// The checks that every command makes before it begins to write a stack.
struct StackOutput: ParsableArguments {
  @Option(help: "The TIFF file to write; a file of that name is replaced once the new one is complete.")
  var output: String

  func validate() throws {
    let name = output.lowercased()
    guard name.hasSuffix(".tif") || name.hasSuffix(".tiff") else {
      throw ValidationError("The output '\(output)' must end in .tif or .tiff.")
    }
  }

  /// - Throws: where the output would replace an input.
  func expectOther(than input: String) throws {
    guard filePlace(input) != filePlace(output) else {
      throw ValidationError("The output '\(output)' is the input. Give it another name.")
    }
  }
}

struct Draws: ParsableArguments {
  @Option(help: "The seed of the draws, instead of the pipeline's.")
  var seed: UInt64?

  /// What a pipeline file says, with this seed.
  func description(of pipeline: String) throws -> PipelineDescription {
    var description = try PipelineDescription(file: pipeline)
    if let seed { description.seed = seed }
    return description
  }
}

struct ThreadCount: ParsableArguments {
  @Option(help: "How many threads may work at the same time.")
  var threads = ProcessInfo.processInfo.activeProcessorCount

  func validate() throws { try expect(threads, in: 1...1024, of: "--threads") }
}

/// - Throws: where the value of an option is outside its range.
func expect(_ value: Int, in range: ClosedRange<Int>, of option: String) throws {
  guard range.contains(value) else {
    throw ValidationError(
      "'\(option)' is \(value), expected a number from \(range.lowerBound) to \(range.upperBound).")
  }
}

/// The pipeline with the rotation axis of its scan, which is searched and told where the pipeline asks for it and no run in
/// these folders has found it.
func withAxis(
  _ description: PipelineDescription, of input: String?, knownTo runs: [String] = [], threads: Int
) async throws -> PipelineDescription {
  let (description, estimate) = try await description.findingAxis(
    of: input, knownTo: runs, threads: threads)
  if let estimate { Console.line("\(estimate)") }
  return description
}
