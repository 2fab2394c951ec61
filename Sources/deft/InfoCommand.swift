import ArgumentParser
import Formats
import Foundation
import Pipeline

struct InfoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info",
    abstract: "Look into a file: an image stack, a network, or the manifest of a run.",
    discussion: """
      Of a stack every page is read once, for the range of its values and a count of NaN. Its middle page is shown in \
      characters, black at the 1st and white at the 99th percentile, and as a picture where one is asked for.

      deft info scan.tif
      deft info pipelines/priors/ct
      deft info out/manifest.json
      """)

  @Argument(
    help:
      "A TIFF, NIfTI, NumPy, BART, HDF5 (scan.h5:flats for a part), ISMRMRD or DICOM file, a folder of TIFF or DICOM files, a network's folder or .pt file, a JSON file or the folder of a run."
  )
  var file: String

  @Flag(help: "Print JSON.")
  var json = false

  @Option(help: "Write the middle page of a stack to this PNG file, at most 1024 pixels along each side.")
  var picture: String?

  func validate() throws {
    guard picture?.lowercased().hasSuffix(".png") ?? true else {
      throw ValidationError("The picture '\(picture ?? "")' must end in .png.")
    }
  }

  func run() async throws {
    try await interruptible(left: { nil }) { _ in
      var progress: SliceProgress?
      let inspection = try await Inspection(path: file) { done, count in
        if progress == nil { progress = SliceProgress("pages", total: count) }
        try progress?.report(done)
      }
      switch inspection {
      case .stack(let stack):
        let preview = try await StackPreview(stack: file)
        if let picture {
          var image = Picture()
          image.append([(preview.reduced(to: 1024), preview.window)])
          try image.write(to: picture)
        }
        try Console.output(json ? try encoded(stack) : Self.text(stack) + "\n\n" + Self.text(preview))
      case .checkpoint(let checkpoint):
        try Console.output(json ? try encoded(checkpoint) : Self.text(checkpoint))
      case .record(let text): try Console.output(text)
      }
    }
  }

  private static func text(_ stack: StackInspection) -> String {
    var layout = [stack.compression == "none" ? "uncompressed" : stack.compression]
    let pieces = stack.format == FileFormat.tiff.name ? ["strips", "tiles"] : ["in one piece", "chunks"]
    layout +=
      [pieces[stack.tiled ? 1 : 0], "\(stack.byteOrder) endian"] + (stack.bigTIFF ? ["BigTIFF"] : [])
    var rows: [(String, String)] = [
      ("format", stack.format + (stack.files > 1 ? ", \(stack.files) files" : "")),
      ("pages", "\(stack.pages) of \(stack.rows) × \(stack.columns)"),
      ("samples", "\(stack.sampleType), \(layout.joined(separator: ", "))"),
    ]
    let spacing = [("columns", stack.spacing.x), ("rows", stack.spacing.y), ("pages", stack.spacing.z)]
      .compactMap { axis, value in value.map { "\(number($0)) mm between \(axis)" } }
    rows.append(("spacing", spacing.isEmpty ? "not stated" : spacing.joined(separator: ", ")))
    rows.append(("unit", stack.unit ?? "not stated"))
    if stack.scale != 1 || stack.offset != 0 {
      rows.append(("calibration", "\(number(stack.offset)) + \(number(stack.scale)) × stored number"))
    }
    if let low = stack.values.minimum, let high = stack.values.maximum, let mean = stack.values.mean {
      let name = stack.sampleType.hasPrefix("complex") ? "magnitudes" : "values"
      rows.append((name, "\(number(low)) to \(number(high)), mean \(number(mean))"))
    } else {
      rows.append(("values", "none is finite"))
    }
    let (nan, infinite) = (stack.values.notANumber, stack.values.infinite)
    rows.append(("not finite", nan + infinite == 0 ? "none" : "\(nan) NaN, \(infinite) infinite"))
    for (key, value) in stack.metadata.sorted(by: { $0.key < $1.key })
    where !StackInfo.knownKeys.contains(key) {
      rows.append((key, value))
    }
    return "\(stack.path)\n" + table(rows)
  }

  private static func text(_ preview: StackPreview) -> String {
    let ends = [preview.window.lowerBound, preview.window.upperBound].map { number(Double($0)) }
    return "page \(preview.page + 1), blank at \(ends[0]) and below, @ near \(ends[1]) and above:\n"
      + preview.text()
  }

  private static func text(_ checkpoint: CheckpointInspection) -> String {
    var rows = [("network", checkpoint.kind.rawValue)]
    if let parameters = checkpoint.parameters {
      rows.append(("parameters", "\(parameters), \(checkpoint.precision.joined(separator: ", "))"))
    }
    rows.append(("bytes", "\(checkpoint.bytes)"))
    if let channels = checkpoint.channels {
      rows.append(("channels", channels.map(String.init).joined(separator: ", ")))
    }
    rows.append(("space to depth", "\(checkpoint.spaceToDepth)"))
    if let range = checkpoint.range { rows.append(("−1 to 1 is", range)) }
    for entry in checkpoint.tunedFor {
      let value = entry.value.count > 80 ? entry.value.prefix(77) + "…" : entry.value
      rows.append((entry.name, String(value)))
    }
    return "\(checkpoint.path)\n" + table(rows)
  }

  private static func table(_ rows: [(String, String)]) -> String {
    let width = rows.map(\.0.count).max() ?? 0
    return rows.map { name, value in
      "  " + name + String(repeating: " ", count: width - name.count + 2) + value
    }.joined(separator: "\n")
  }

  private static func number(_ value: Double) -> String { String(format: "%.7g", value) }
}
