import ArgumentParser
import Formats
import Pipeline

extension StackConversion.Storage: ExpressibleByArgument {}
extension TIFFWriter.Compression: ExpressibleByArgument {}
extension ImageStack.Part: ExpressibleByArgument {}

struct ConvertCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Copy an image stack, page by page, into another format.",
    discussion: """
      The name of the output says what it becomes:

        NAME.tif, NAME.tiff   one TIFF file that ImageJ reads
        NAME/                 a folder of TIFF files recon_00001.tif, recon_00002.tif, …
        NAME.nii, NAME.nii.gz NIfTI: columns are x, rows y, pages z
        NAME.npy              a NumPy array [pages, rows, columns]
        NAME.cfl              BART: columns are dimension 0, rows 1, pages 2 (coils, where they are known, 3)

      Samples become 32-bit floats; complex ones stay complex. TIFF also holds 16-bit integers with a recorded scale and \
      offset: without --range, integers of at most 16 bits keep their values exactly; for others the stack is read twice, \
      first for the range of its values. TIFF keeps spacing, unit and description, NIfTI the spacing.

      The output appears when it is complete. A file of its name is replaced, a folder only where it is empty or holds \
      nothing but the result of an earlier conversion.

      deft convert scan/ scan.tif
      deft convert volume.tif volume.nii.gz
      deft convert volume.tif slices/ --storage uint16 --compression deflate --pages 100...200/2
      """)

  @Argument(
    help:
      "A file of any format that is read, a folder of TIFF or DICOM files, or a pattern such as 'scan/recon_*.tif'."
  )
  var input: String

  @Argument(help: "The file or folder to write.")
  var output: String

  @Option(help: "float32, or uint16 in TIFF files.")
  var storage = StackConversion.Storage.float32

  @Option(
    parsing: .unconditional, help: "LOW,HIGH: the values that the integers 0 and 65535 stand for.",
    transform: Self.interval)
  var range: ClosedRange<Double>?

  @Option(help: "none, or deflate in TIFF files.")
  var compression = TIFFWriter.Compression.none

  @Option(
    help: "Which pages, counted from 1: 4,12,20 or 4...78/8; all unless given.", transform: PageList.argument)
  var pages: PageList?

  @Option(help: "Of complex samples, magnitude, phase, real or imaginary; they stay complex unless given.")
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
    do throws(FormatError) {
      try conversion.check(output)
    } catch {
      throw ValidationError("\(error)")
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
      var bar: SliceProgress?
      let outcome = try await conversion.write(input, to: output, width: parallel.threads) { done, total in
        if bar == nil { bar = SliceProgress("pages", total: total) }
        try bar?.report(done)
      }
      Console.line("'\(output)': \(Self.text(outcome))")
    }
  }

  private var conversion: StackConversion {
    var conversion = StackConversion()
    (conversion.storage, conversion.range, conversion.compression) = (storage, range, compression)
    (conversion.pages, conversion.part, conversion.replacement) = (pages, part, replaceNonFinite)
    (conversion.spacing, conversion.unit) = (spacing ?? Spacing(), unit)
    return conversion
  }

  private static func text(_ outcome: StackConversion.Outcome) -> String {
    var text = "\(counted(outcome.pages, "page")) of \(outcome.rows) × \(outcome.columns), "
    switch outcome.storage {
    case .float32: text += "float32"
    case .complex64: text += "complex64"
    case .uint16(let scale, let offset): text += "uint16, value = \(offset) + \(scale) × stored number"
    }
    if outcome.replaced > 0 {
      text += "; \(counted(outcome.replaced, "value")) replaced that were not finite"
    }
    if outcome.clipped > 0 { text += "; \(counted(outcome.clipped, "value")) outside the range clipped" }
    if !outcome.notKept.isEmpty {
      text += "; not kept: \(outcome.notKept.joined(separator: ", "))"
    }
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
