import ArgumentParser
import Fields
import Formats
import Foundation
import Pipeline
import Reconstruction

struct CompareCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Measure methods against ground truth: PSNR, SSIM, RMSE, χ², evaluations, time.",
    discussion: """
      A method is a name with settings: fbp, cgls, tv, tv:lambda=300, dds:50, deft:10:eta=0, deft:10:draws=8, \
      deft:10:h=FOLDER, postprocess:network=FOLDER. The first number is the number of steps. \
      Image metrics use a data range of 2000 HU.
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

  @Option(help: "Threads.")
  var threads = ProcessInfo.processInfo.activeProcessorCount

  @Option(help: "The seed of the draws, instead of the pipeline's.")
  var seed: UInt64?

  func run() async throws {
    var description = try PipelineDescription(file: pipeline)
    if let seed { description.seed = seed }
    let workshop = MethodWorkshop(description, threads: threads)
    let list = try methods.split(separator: ",").map(String.init).map {
      (argument: $0, method: try MethodDescription(argument: $0, h: description.h))
    }
    let scan = try await ScanInput(description, path: input)
    let volume = try AttenuationVolume(
      path: truth, pages: pages, unit: unit, offset: offset, ignoresSpacing: ignoreSpacing, for: description)
    guard volume.count == scan.count else {
      throw RunError.differentCounts(truth, volume.count, input, scan.count)
    }
    var measurements: [SliceMeasurement] = []
    var images: [Image] = []
    for index in 0..<scan.count {
      measurements.append(try await scan.slice(index))
      images.append(description.attenuation.hounsfield(try await volume.field(at: index)))
    }
    var results: [[Image]] = list.map { _ in [] }
    let progress = StandardError()
    let rows = try Comparison(workshop).run(list, measurements: measurements, truth: images) {
      place, slice, image, figures in
      results[place].append(image)
      progress.line(
        "\(list[place].argument)  slice \(slice + 1)/\(scan.count)  "
          + String(format: "PSNR %.2f dB  SSIM %.4f  χ² %.3f  %.2f s", figures.psnr, figures.ssim, figures.chi2, figures.seconds))
    }
    if let folder = self.images {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      let spacing = description.geometry.grid.spacing
      for (place, stack) in results.enumerated() where !stack.isEmpty {
        let name = String(list[place].argument.map { $0.isLetter || $0.isNumber ? $0 : Character("-") })
        var writer = try TIFFWriter(
          path: folder + "/" + name + ".tif", rows: stack[0].shape[0], columns: stack[0].shape[1],
          pages: stack.count, spacing: Spacing(x: spacing[1], y: spacing[0]), unit: "HU")
        for image in stack { try writer.append(image) }
        try writer.finish()
      }
    }
    let table = ComparisonTable(
      rows, scan: scan, sigma: measurements[0].sigma, truth: truth, threads: threads, seed: description.seed)
    if json != "-" { print(text(table)) }
    if let json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      let data: Data = try encoder.encode(table)
      if json == "-" {
        print(String(decoding: data, as: UTF8.self))
      } else {
        try data.write(to: URL(fileURLWithPath: json), options: [.atomic])
      }
    }
  }

  private func text(_ table: ComparisonTable) -> String {
    let header = ["method", "NFE", "PSNR/dB", "SSIM", "RMSE/HU", "χ²", "s/slice"]
    let rows = table.methods.map { row in
      [
        row.method, String(row.nfe), String(format: "%.2f", row.psnr), String(format: "%.4f", row.ssim),
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

/// Progress and log lines.
struct StandardError {
  func line(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
}
