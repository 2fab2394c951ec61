import ArgumentParser
import Formats
import Pipeline

extension StackConversion.Storage: ExpressibleByArgument {}
extension TIFFWriter.Compression: ExpressibleByArgument {}
extension ImageStack.Part: ExpressibleByArgument {}

struct ConvertCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Copy an image stack, page by page, into one TIFF file that ImageJ and this program read.",
    discussion: """
      Whatever the stack is made of, the copy is one file of 32-bit floats, or of 16-bit integers with a recorded scale \
      and offset. Without --range, integers of at most 16 bits keep their values exactly; for others the stack is read \
      twice, first for the range of its values.

      deft convert scan/ scan.tif
      deft convert volume.tif small.tif --storage uint16 --compression deflate --pages 100...200/2
      """)

  @Argument(
    help:
      "A file of any format that is read, a folder of TIFF or DICOM files, or a pattern such as 'scan/recon_*.tif'."
  )
  var input: String

  @Argument(help: "The TIFF file to write; a file of that name is replaced once the new one is complete.")
  var output: String

  @Option(help: "float32 or uint16.")
  var storage = StackConversion.Storage.float32

  @Option(
    parsing: .unconditional, help: "LOW,HIGH: the values that the integers 0 and 65535 stand for.",
    transform: Self.interval)
  var range: ClosedRange<Double>?

  @Option(help: "none or deflate.")
  var compression = TIFFWriter.Compression.none

  @Option(
    help: "Which pages, counted from 1: 4,12,20 or 4...78/8; all unless given.", transform: PageList.argument)
  var pages: PageList?

  @Option(help: "Of complex samples: magnitude, phase, real or imaginary.")
  var part: ImageStack.Part?

  @Option(
    parsing: .unconditional, help: "What NaN and infinite values become; they are refused unless given.")
  var replaceNonFinite: Float?

  @Option(
    help: "X,Y or X,Y,Z: between columns, rows and pages in mm, where the file does not say it or is wrong.",
    transform: Self.distances)
  var spacing: Spacing?

  @Option(help: "The unit of the values, such as HU or 1/mm.")
  var unit: String?

  @OptionGroup var parallel: ThreadCount

  func validate() throws {
    let name = output.lowercased()
    guard name.hasSuffix(".tif") || name.hasSuffix(".tiff") else {
      throw ValidationError("The output '\(output)' must end in .tif or .tiff.")
    }
    guard range == nil || storage == .uint16 else {
      throw ValidationError("'--range' is for integers. Add --storage uint16.")
    }
    guard replaceNonFinite?.isFinite ?? true else {
      throw ValidationError("'--replace-non-finite' must itself be finite.")
    }
  }

  func run() async throws {
    try await interruptible { _ in
      var conversion = StackConversion()
      (conversion.storage, conversion.range, conversion.compression) = (storage, range, compression)
      (conversion.pages, conversion.part, conversion.replacement) = (pages, part, replaceNonFinite)
      (conversion.spacing, conversion.unit) = (spacing ?? Spacing(), unit)
      var bar: SliceProgress?
      let outcome = try await conversion.write(input, to: output, width: parallel.threads) { done, total in
        if bar == nil { bar = SliceProgress("pages", total: total) }
        try bar?.report(done)
      }
      Console.line("'\(output)': \(Self.text(outcome))")
    }
  }

  private static func text(_ outcome: StackConversion.Outcome) -> String {
    var text = "\(counted(outcome.pages, "page")) of \(outcome.rows) × \(outcome.columns), "
    switch outcome.storage {
    case .float32: text += "float32"
    case .uint16(let scale, let offset): text += "uint16, value = \(offset) + \(scale) × stored number"
    }
    if outcome.replaced > 0 {
      text += "; \(counted(outcome.replaced, "value")) replaced that were not finite"
    }
    if outcome.clipped > 0 { text += "; \(counted(outcome.clipped, "value")) outside the range clipped" }
    return text
  }

  private static func numbers(_ text: String) throws -> [Double] {
    try text.split(separator: ",", omittingEmptySubsequences: false).map {
      guard let value = Double($0.drop { $0 == " " }), value.isFinite else {
        throw ValidationError("'\($0)' in '\(text)' is no number.")
      }
      return value
    }
  }

  private static func interval(_ text: String) throws -> ClosedRange<Double> {
    let ends = try numbers(text)
    guard ends.count == 2, ends[0] < ends[1] else {
      throw ValidationError(
        "'\(text)' is no range: expected the lower and the higher value, as in -1000,2000.")
    }
    return ends[0]...ends[1]
  }

  private static func distances(_ text: String) throws -> Spacing {
    let lengths = try numbers(text)
    guard [2, 3].contains(lengths.count), lengths.allSatisfy({ $0 > 0 }) else {
      throw ValidationError(
        "'\(text)' is no spacing: expected two or three lengths above 0, as in 0.5,0.5,1.")
    }
    return Spacing(x: lengths[0], y: lengths[1], z: lengths.count > 2 ? lengths[2] : nil)
  }
}
