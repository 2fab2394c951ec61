import ArgumentParser
import Foundation
import Pipeline

struct AxisCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "axis", abstract: "Find the rotation axis of a scan, and show it beside its neighbours.",
    discussion: """
      The axis is searched by all methods that the angles allow, in several slices of the scan after its preprocessing. \
      The confidence is a / (n + 1) when a of n searches agree within a bin.

      The picture shows one slice by filtered back-projection with the axis in the middle, and with candidates on either \
      side of it, from left to right and top to bottom.

      deft axis pipelines/tooth.yaml --input tooth/projections.tif --output axis.png
      deft axis pipelines/tooth.yaml --input tooth/projections.tif --near 296 --within 10
      """)

  @Argument(help: "A pipeline such as pipelines/tooth.yaml.")
  var pipeline: String

  @Option(help: "The measurements, instead of those of the pipeline.")
  var input: String?

  @Option(help: "Search near this bin only; the middle half of the detector unless given.")
  var near: Double?

  @Option(help: "How far from '--near', in bins; 25 unless given.")
  var within: Double?

  @Option(help: "How many slices are searched, spread over the scan; 5 unless given.")
  var rows: Int?

  @Option(help: ArgumentHelp("Write the picture of the candidates to this PNG file.", valueName: "file"))
  var output: String?

  @Option(help: "The slice of the picture, counted from 1; the middle one unless given.")
  var slice: Int?

  @Option(help: "Candidates on either side of the axis that was found.")
  var candidates = 4

  @Option(help: "Bins from one candidate to the next.")
  var step = 1.0

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var parallel: ThreadCount

  func validate() throws {
    if let rows { try expect(rows, in: 1...1000, of: "--rows") }
    try expect(candidates, in: 0...50, of: "--candidates")
    if let slice { try expect(slice, in: 1...1_000_000_000, of: "--slice") }
    guard step > 0, step.isFinite else {
      throw ValidationError("'--step' is \(step), expected a number above 0.")
    }
    if let near, !near.isFinite { throw ValidationError("'--near' is \(near), expected a bin.") }
    if let within {
      guard near != nil else { throw ValidationError("'--within' says how far from '--near'. Give both.") }
      guard within >= 1, within.isFinite else {
        throw ValidationError("'--within' is \(within), expected at least 1 bin.")
      }
    }
    if let output, !output.lowercased().hasSuffix(".png") {
      throw ValidationError("The output '\(output)' must end in .png.")
    }
  }

  /// What the pipeline says of the search, unless something is given here.
  private func search(_ geometry: GeometryDescription) -> AxisSearchDescription {
    var search = AxisSearchDescription()
    if case .searched(let described) = geometry.axis { search = described }
    if let near {
      search.near = near
      search.within = within ?? AxisSearchDescription().within
    }
    if let rows { search.rows = rows }
    return search
  }

  private struct Answer: Encodable {
    let axis: Double
    let confidence: Double
    let estimates: [AxisEstimate.Single]
    let candidates: [Row]

    struct Row: Encodable {
      let axis: Double
      let spectrumOutsideWedge: Double?
    }
  }

  func run() async throws {
    try await interruptible { _ in
      let description = try PipelineDescription(file: pipeline)
      let estimate = try await description.axisEstimate(
        of: input, search(description.geometry), threads: parallel.threads)
      let preview = try await AxisPreview(
        description, path: input, slice: slice.map { $0 - 1 }, around: estimate.axis, step: step,
        sides: candidates, threads: parallel.threads)
      if let output { try preview.picture().write(to: output) }
      let rows = preview.candidates.map {
        Answer.Row(axis: $0.axis, spectrumOutsideWedge: $0.spectrumOutsideWedge)
      }
      if json {
        let answer = Answer(
          axis: estimate.axis, confidence: estimate.confidence, estimates: estimate.estimates,
          candidates: rows)
        return try Console.output(encoded(answer))
      }
      var lines = ["\(estimate)"]
      lines += rows.map { row in
        String(format: "  %9.2f", row.axis)
          + (row.spectrumOutsideWedge.map { String(format: "  %.5g outside the double wedge", $0) } ?? "")
      }
      if estimate.confidence < AxisEstimate.sufficientConfidence {
        lines.append("Too few estimates agree: look at the candidates before you believe one.")
      }
      try Console.output(lines.joined(separator: "\n"))
    }
  }
}
