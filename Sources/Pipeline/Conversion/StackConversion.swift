import ComplexModule
import Fields
import Formats

/// A stack copied page by page into another format: with other storage or compression, some of its pages, or a corrected
/// spacing and unit. A few pages are in memory, however many there are.
///
/// Complex samples stay complex, in every format. What a format has no place for is refused where it was asked for, and
/// named in the outcome where the stack has it.
public struct StackConversion: Sendable {
  public enum Storage: String, Sendable, CaseIterable {
    /// Of complex samples two.
    case float32
    /// With a recorded scale and offset, see ``TIFFWriter/Storage/uint16(scale:offset:)``.
    case uint16
  }

  public var storage = Storage.float32
  /// The values that the numbers 0 and 65535 stand for. When nil, integers of at most 16 bits keep their steps; of other
  /// samples all pages are read once before, for the range of their values.
  public var range: ClosedRange<Double>?
  public var compression = TIFFWriter.Compression.none
  /// All when nil.
  public var pages: PageList?
  /// What is taken of complex samples; nil keeps them complex.
  public var part: ImageStack.Part?
  /// What NaN and infinite samples become, complex ones with such a part as well; nil refuses them.
  public var replacement: Float?
  /// Where the file does not say it, or says it wrongly; in millimetres.
  public var spacing = Spacing()
  public var unit: String?

  public init() {}

  /// What was written.
  public struct Outcome: Sendable {
    public var pages: Int
    public var rows: Int
    public var columns: Int
    public var storage: TIFFWriter.Storage
    /// Samples outside the range of integer storage.
    public var clipped: Int
    /// NaN and infinite samples.
    public var replaced: Int
    /// What the stack says and its new format has no place for.
    public var notKept: [String]
  }

  /// Checks the name of an output, and that its format has a place for what is asked for.
  ///
  /// - Throws: `FormatError`.
  public func check(_ output: String) throws(FormatError) { _ = try format(of: output) }

  private func format(of output: String) throws(FormatError) -> OutputFormat {
    let format = try OutputFormat(of: output)
    let wanted: [(OutputFormat.Features, Bool, what: String, option: String)] = [
      (.integers, storage == .uint16, "16-bit integers with a scale", "--storage uint16"),
      (.compression, compression != .none, "compressed pages", "--compression \(compression.rawValue)"),
      (.spacing, spacing != Spacing(), "a spacing", "--spacing"),
      (.unit, unit != nil, "a unit of its values", "--unit"),
    ]
    for (feature, isWanted, what, option) in wanted where isWanted && !format.features.contains(feature) {
      throw .cannotHold(path: output, format: format.name, what: what, option: option)
    }
    return format
  }

  /// - Parameters:
  ///   - output: A file with the extension of its format, or a folder; see `OutputFormat`.
  ///   - width: pages that are read at the same time.
  ///   - progress: called with the pages done and their number, those of a first reading included; what it throws ends
  ///     the work, and nothing is left under `output`.
  /// - Throws: ``ConversionError``; `FormatError`, `StackError`, and what the formats throw.
  public func write(
    _ input: String, to output: String, width: Int = 2, progress: (Int, Int) throws -> Void = { _, _ in }
  ) async throws -> Outcome {
    let format = try format(of: output)
    let stack = try ImageStack(path: input, nonFinite: replacement == nil ? .refuse : .keep, part: part)
    let info = stack.info
    if stack.isComplex, storage == .uint16 { throw StackError.complexSamples(path: input) }
    if let file = stack.files.first(where: { format.replaces($0, by: output) }) {
      throw ConversionError.replacesInput(path: file)
    }
    let pages = self.pages?.pages ?? Array(0..<stack.count)
    if let page = pages.first(where: { $0 >= stack.count }) {
      throw StackError.noSuchPage(path: input, page: page, pages: stack.count)
    }
    let source = StackPages(stack, pages: pages, lookahead: width, width: width)

    var done = 0
    let kept: TIFFWriter.Storage? =
      storage == .float32
      ? (stack.isComplex ? .complex64 : .float32)
      : range.map { Self.integers(holding: $0) } ?? Self.integers(of: info)
    let total = kept == nil ? 2 * source.count : source.count
    let storage =
      if let kept { kept } else {
        Self.integers(
          holding: try await values(source) {
            done += 1
            try progress(done, total)
          })
      }
    var layout = StackLayout(rows: info.rows, columns: info.columns, pages: source.count, storage: storage)
    layout.compression = compression
    let step = self.pages == nil ? 1 : self.pages?.step
    layout.spacing = Spacing(
      x: spacing.x ?? info.spacing.x, y: spacing.y ?? info.spacing.y,
      z: spacing.z ?? step.flatMap { step in info.spacing.z.map { $0 * Double(step) } })
    layout.unit = unit ?? info.unit
    layout.axes = self.pages == nil ? info.axes : nil
    layout.metadata = info.metadata.filter { !StackInfo.knownKeys.contains($0.key) }

    let sink = try format.sink(output, layout)
    var replaced = 0
    for try await var page in WholePages(source) {
      if let replacement { replaced += Self.replace(replacement, in: &page) }
      try await sink.append(page)
      done += 1
      try progress(done, total)
    }
    try await sink.finish()
    return Outcome(
      pages: source.count, rows: info.rows, columns: info.columns, storage: storage,
      clipped: await sink.clipped, replaced: replaced,
      notKept: Self.lost(layout, format.features, axes: info.axes))
  }

  // MARK: Parts

  /// The steps of integers that fit in 16 bits; nil for other samples.
  private static func integers(of info: StackInfo) -> TIFFWriter.Storage? {
    switch info.sampleType {
    case .uint8, .uint16: .uint16(scale: info.scale, offset: info.offset)
    case .int8: .uint16(scale: info.scale, offset: info.offset - 128 * info.scale)
    case .int16: .uint16(scale: info.scale, offset: info.offset - 32768 * info.scale)
    default: nil
    }
  }

  private static func integers(holding range: ClosedRange<Double>) -> TIFFWriter.Storage {
    let width = range.upperBound - range.lowerBound
    return .uint16(scale: width > 0 ? width / 65535 : 1, offset: range.lowerBound)
  }

  /// The least and the greatest finite value.
  private func values(_ source: StackPages, onPage: () throws -> Void) async throws -> ClosedRange<Double> {
    var (low, high) = (Float.infinity, -Float.infinity)
    for try await page in source {
      for sample in page.samples where sample.isFinite {
        low = min(low, sample)
        high = max(high, sample)
      }
      try onPage()
    }
    if let replacement { (low, high) = (min(low, replacement), max(high, replacement)) }
    return Double(low)...Double(high)
  }

  private static func replace(_ value: Float, in page: inout StackPage) -> Int {
    var count = 0
    func replace<Quantity, Scalar>(
      in field: Field<Quantity, Scalar>, with value: Scalar, isFinite: (Scalar) -> Bool
    ) -> Field<Quantity, Scalar> {
      field.map { sample in
        if isFinite(sample) { return sample }
        count += 1
        return value
      }
    }
    page =
      switch page {
      case .real(let image): .real(replace(in: image, with: value, isFinite: \.isFinite))
      case .complex(let image): .complex(replace(in: image, with: Complex(value), isFinite: \.isFinite))
      }
    return count
  }

  /// What a layout, or the stack it is of, says and a format with these features does not.
  private static func lost(
    _ layout: StackLayout, _ features: OutputFormat.Features, axes: PageAxes?
  ) -> [String] {
    // Pages along z alone are what any stack is.
    let hasAxes = axes?.extents.dropFirst().contains { $0 > 1 } ?? false
    let said: [(isSaid: Bool, isKept: Bool, what: String)] = [
      (layout.spacing != Spacing(), features.contains(.spacing), "spacing"),
      (layout.unit != nil, features.contains(.unit), "unit"),
      (!layout.metadata.isEmpty, features.contains(.metadata), "description"),
      (hasAxes, layout.axes != nil && features.contains(.axes), "dimensions"),
    ]
    return said.filter { $0.isSaid && !$0.isKept }.map(\.what)
  }
}

/// Why a stack cannot be converted.
public enum ConversionError: Error, Equatable, Sendable, CustomStringConvertible {
  case replacesInput(path: String)

  public var description: String {
    switch self {
    case .replacesInput(let path): "the output would replace '\(path)', which is read. Give it another name."
    }
  }
}
