import ArgumentParser
import Foundation
import Formats
import Pipeline

struct CompareCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Measure methods against ground truth: PSNR, SSIM, RMSE, χ², evaluations, time.",
    discussion: """
      A method is a name with settings: fbp, fbp:window=hann:cutoff=0.8, cgls, sirt:500:relaxation=1, \
      os-sart:50:subsets=10, tv, tv:lambda=300, fista, dds:50, deft:10:eta=0, deft:10:draws=8, deft:10:h=FOLDER, \
      postprocess:network=FOLDER. The first number is the number of steps. \
      Image metrics use a data range of 2000 HU.

      The table and the images are written after every finished method: an interrupted comparison keeps them. In JSON, \
      which has no infinity, the PSNR of an image that equals the truth is left out.
      """)

  @Argument(help: "The pipeline that made the scan.")
  var pipeline: String

  @Option(help: "Ground truth: a stack in HU or 1/mm, one page per slice.")
  var truth: String

  @Option(help: "The measurements.")
  var input: String

  @Option(help: "Methods, separated by commas.")
  var methods = "fbp,cgls,tv,dds:50,deft:10"

  @Option(help: "Write the table as JSON to this file; '-' for standard output.")
  var json: String?

  @Option(help: "Write every image in HU to FOLDER/METHOD.tif.")
  var images: String?

  @Option(
    help: "Which pages of the truth, counted from 1: 4,12,20 or 4...78/8; all unless given.",
    transform: PageList.argument)
  var pages: PageList?

  @Option(parsing: .unconditional, help: "Added to the stored values of the truth.")
  var offset = 0.0

  @Option(help: "The unit of the truth where its file does not say it: HU or 1/mm.")
  var unit: VolumeUnit?

  @Flag(help: "Take the truth's pixels to be as far apart as the pipeline's, whatever its file says.")
  var ignoreSpacing = false

  @OptionGroup var parallel: ThreadCount

  @OptionGroup var draws: Draws

  func validate() throws {
    // Which h-network a method gets is known from the pipeline only.
    do {
      _ = try list(h: "the pipeline's")
    } catch {
      throw ValidationError("\(error)")
    }
    guard offset.isFinite else { throw ValidationError("'--offset' is \(offset), expected a number.") }
  }

  private func list(h: String?) throws -> [(argument: String, method: MethodDescription)] {
    let arguments = methods.split(separator: ",", omittingEmptySubsequences: false).map {
      $0.trimmingCharacters(in: .whitespaces)
    }
    if let twice = arguments.first(where: { one in arguments.count { $0 == one } > 1 }) {
      throw ValidationError("The method '\(twice)' is named twice.")
    }
    return try arguments.map { ($0, try MethodDescription(argument: $0, h: h)) }
  }

  func run() async throws {
    try await interruptible(left: { "finished methods were kept" }) { _ in
      var description = try draws.description(of: pipeline)
      description = try await withAxis(description, of: input, threads: parallel.threads)
      let methods = try list(h: description.h)
      let comparison = try Comparison(
        MethodWorkshop(description, threads: parallel.threads),
        scan: try await ScanInput(description, path: input),
        truth: AttenuationVolume(
          path: truth, pages: pages, unit: unit, offset: offset, ignoresSpacing: ignoreSpacing,
          for: description))
      let count = comparison.scan.count
      var latest: ComparisonTable?
      do {
        _ = try await comparison.run(
          methods, images: images, json: json == "-" ? nil : json,
          onSlice: { method, slice in
            Console.line(
              "\(method)  slice \(slice.slice)/\(count)  PSNR \(Self.decibels(slice.psnr)) dB  "
                + String(format: "SSIM %.4f  χ² %.3f  %.2f s", slice.ssim, slice.chi2, slice.seconds)
                + (slice.converged ? "" : "  not converged"))
          },
          onMethod: { latest = $0 })
      } catch {
        if let latest { try show(latest) }
        throw error
      }
      if let latest { try show(latest) }
    }
  }

  private func show(_ table: ComparisonTable) throws {
    try Console.output(json == "-" ? String(decoding: try table.json(), as: UTF8.self) : Self.text(table))
  }

  private static func decibels(_ value: Double?) -> String { value.map { String(format: "%.2f", $0) } ?? "∞" }

  private static func text(_ table: ComparisonTable) -> String {
    let header = ["method", "NFE", "PSNR/dB", "SSIM", "RMSE/HU", "χ²", "s/slice"]
    let rows = table.methods.map { row in
      [
        row.method, String(row.nfe), decibels(row.psnr), String(format: "%.4f", row.ssim),
        String(format: "%.1f", row.rmse), String(format: "%.3f", row.chi2),
        String(format: "%.2f", row.secondsPerSlice),
      ]
    }
    let widths = header.indices.map { column in ([header] + rows).map { $0[column].count }.max() ?? 0 }
    return ([header] + rows).map { row in
      row.enumerated().map { column, cell in
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        return column == 0 ? cell + padding : padding + cell
      }.joined(separator: "  ")
    }.joined(separator: "\n")
  }
}
