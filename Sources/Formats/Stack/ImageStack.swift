import ComplexModule
import Fields
import Foundation

/// A stack of single-channel images of one size, read page by page: a multi-page TIFF file, a folder of TIFF
/// files, a pattern such as `scan/recon_*.tif`, or any other ``FileFormat``.
///
/// Opening reads the directory of every page once and no pixel. A page is then found by its offset, so any
/// page costs the same, and a range of rows reads only what holds it. A linear calibration that the file states is
/// applied.
///
/// Pages may be read from several tasks at once. Reading blocks: see ``FieldSource`` for asynchronous reading.
public final class ImageStack: Sendable {
  /// What to do with NaN and infinite samples.
  public enum NonFinite: Sendable {
    /// Throw ``StackError/notFinite(path:page:row:column:value:)`` for the first one.
    case refuse
    /// Leave them in the image.
    case keep
  }

  /// What of a complex number z = re + i·im becomes the sample of an ``Image``.
  public enum Part: String, Sendable, CaseIterable {
    case magnitude
    /// In radians, from −π to π.
    case phase
    case real, imaginary
  }

  /// As given to the initialiser.
  public let path: String
  public let info: StackInfo
  /// What the stack is made of, in the order of its pages.
  public var files: [String] { source.files }
  private let source: any PageSource
  private let nonFinite: NonFinite
  private let part: Part?

  /// Opens a file, a folder, or the files that match a pattern.
  ///
  /// - Parameters:
  ///   - part: what is read of complex samples; nil refuses to read them as real ones.
  ///   - memory: In bytes: the most that a page may take as `Float`, and the most that one of its strips, tiles or chunks
  ///     may take decoded. Zstandard may ask for 128 MiB more.
  /// - Throws: ``StackError``, ``TIFFError``, ``DICOMError``, ``FormatError``: when a file is missing, unreadable or damaged, or
  ///   holds samples of another kind; when pages differ in size or type; when a number is missing in a folder, or pages that the description
  ///   counts.
  public convenience init(
    path: String, nonFinite: NonFinite = .refuse, part: Part? = nil, memory: Int = 4 << 30
  ) throws {
    let format: FileFormat
    do throws(FormatError) {
      format = try FormatRegistry.format(of: path)
    } catch {
      // What is no known format is opened as TIFF, which says what it found.
      guard case .unknown = error else { throw error }
      format = .tiff
    }
    self.init(path: path, try format.open(path, memory: memory), nonFinite: nonFinite, part: part)
  }

  /// - Parameter path: stands for all of `source` in messages.
  init(path: String, _ source: any PageSource, nonFinite: NonFinite = .refuse, part: Part? = nil) {
    self.path = path
    self.source = source
    self.nonFinite = nonFinite
    self.part = part
    info = source.info
  }

  public var count: Int { info.pages }

  /// Whether the samples are complex and no part of them was chosen.
  public var isComplex: Bool { info.sampleType.isComplex && part == nil }

  /// Page `index`, counted from 0, with its samples as they are.
  public func samples(ofPage index: Int) throws -> StackPage {
    isComplex ? .complex(try complexPage(index)) : .real(try page(index))
  }

  /// Page `index`, counted from 0.
  public func page(_ index: Int) throws -> Image {
    try rows(0..<info.rows, ofPage: index)
  }

  /// Some rows of page `index`, both counted from 0. Shape: `[range.count, columns]`.
  ///
  /// Uncompressed rows are read by themselves; compressed ones with the strips or tiles they lie in.
  public func rows(_ range: Range<Int>, ofPage index: Int) throws -> Image {
    let count = range.count * info.columns
    let samples = try [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      try read(range, ofPage: index, into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
      initialized = count
    }
    return Image(shape: [range.count, info.columns], samples: samples)
  }

  /// Reads rows into memory the caller owns: `target` holds `range.count × columns` samples.
  package func read(
    _ range: Range<Int>, ofPage index: Int, into target: UnsafeMutableBufferPointer<Float>
  ) throws {
    precondition(
      target.count == range.count * info.columns,
      "\(target.count) samples for \(range.count) rows of \(info.columns)")
    guard info.sampleType.isComplex else {
      try readComponents(range, ofPage: index, into: target)
      if info.scale != 1 || info.offset != 0 {
        for i in target.indices { target[i] = Float(info.offset + info.scale * Double(target[i])) }
      }
      return
    }
    guard let part else { throw StackError.complexSamples(path: path) }
    let pairs = try complexRows(range, ofPage: index).samples
    for (i, z) in pairs.enumerated() {
      target[i] =
        switch part {
        case .magnitude: Self.magnitude(z)
        case .phase: z.isZero ? 0 : z.phase
        case .real: z.real
        case .imaginary: z.imaginary
        }
    }
  }

  /// `length` is infinite also where a part is NaN.
  private static func magnitude(_ z: Complex<Float>) -> Float {
    let (x, y) = z.rawStorage
    return x.isNaN || y.isNaN ? .nan : z.length
  }

  /// Page `index`, counted from 0, of complex samples; real ones get an imaginary part of 0.
  public func complexPage(_ index: Int) throws -> ComplexImage {
    try complexRows(0..<info.rows, ofPage: index)
  }

  /// Some rows of page `index`, both counted from 0. Shape: `[range.count, columns]`.
  public func complexRows(_ range: Range<Int>, ofPage index: Int) throws -> ComplexImage {
    guard info.sampleType.isComplex else {
      let real = try rows(range, ofPage: index)
      return ComplexImage(shape: real.shape, samples: real.samples.map { Complex($0) })
    }
    let count = range.count * info.columns
    let samples = try [Complex<Float>](unsafeUninitializedCapacity: count) { buffer, initialized in
      // A complex number is its two parts, one behind the other.
      let numbers = UnsafeMutableRawBufferPointer(buffer).bindMemory(to: Float.self)
      try readComponents(
        range, ofPage: index, into: UnsafeMutableBufferPointer(rebasing: numbers[..<(2 * count)]))
      initialized = count
    }
    return ComplexImage(shape: [range.count, info.columns], samples: samples)
  }

  /// The numbers as they are stored, without a calibration.
  private func readComponents(
    _ range: Range<Int>, ofPage index: Int, into target: UnsafeMutableBufferPointer<Float>
  ) throws {
    guard (0..<count).contains(index) else {
      throw StackError.noSuchPage(path: path, page: index, pages: count)
    }
    guard range.lowerBound >= 0, range.upperBound <= info.rows else {
      throw StackError.noSuchRows(path: path, rows: range, available: info.rows)
    }
    guard let base = target.baseAddress, !range.isEmpty else { return }
    try source.read(range, ofPage: index, into: base)

    if nonFinite == .refuse, let position = firstNotFinite(UnsafeBufferPointer(target)) {
      let perRow = info.columns * info.sampleType.components
      let (file, page) = source.place(ofPage: index)
      throw StackError.notFinite(
        path: file, page: page, row: range.lowerBound + position / perRow,
        column: position % perRow / info.sampleType.components,
        value: target[position].isNaN ? "NaN" : "an infinite value")
    }
  }
}
