import ComplexModule
import Fields
import Foundation

/// A stack of single-channel images of one size, read page by page: a multi-page TIFF file, a folder of TIFF
/// files, or a pattern such as `scan/recon_*.tif`.
///
/// Opening reads the directory of every page once and no pixel. A page is then found by its offset, so any
/// page costs the same, and a range of rows reads only the strips or tiles that hold it. Files of a folder are
/// taken in the order of their numbers (`recon_9.tif` before `recon_10.tif`); a gap in the numbers is an
/// error. Multi-page files in a folder follow one another.
///
/// Samples: signed and unsigned integers of 8, 16 and 32 bits, floats of 16, 32 and 64 bits, complex numbers (as
/// such or as two floats, side by side or in planes); strips or tiles; classic and BigTIFF of either byte order;
/// LZW, Deflate, PackBits, Zstandard, LERC and JPEG where the installed libtiff has them; ImageJ's raw stacks with a
/// single directory. A linear calibration that ImageJ or ``TIFFWriter`` recorded is applied.
///
/// Uncompressed pages in one run of bytes are read without libtiff, straight to where they are wanted.
///
/// Pages may be read from several tasks at once; each then has its own cursor in the file. Reading blocks: see
/// ``FieldSource`` for asynchronous reading.
public final class TIFFStack: Sendable {
  /// What to do with NaN and infinite samples.
  public enum NonFinite: Sendable {
    /// Throw ``TIFFError/notFinite(path:page:row:column:value:)`` for the first one.
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
  public let files: [String]
  private let states: [FileBytes.State]
  private let locations: [TIFFPageLocation]
  private let nonFinite: NonFinite
  private let part: Part?
  private let readers: [TIFFPageReader]

  /// Opens a file, a folder, or the files that match a pattern.
  ///
  /// - Parameters:
  ///   - part: what is read of complex samples; nil refuses to read them as real ones.
  ///   - memory: In bytes: the most that a page may take as `Float`, and the most that one of its strips or tiles may
  ///     take decoded. Zstandard may ask for 128 MiB more.
  /// - Throws: ``TIFFError`` when a file is missing, unreadable, not a TIFF file, or holds samples of another
  ///   kind; when pages differ in size or type; when a number is missing in a folder, or pages that the description
  ///   counts.
  public convenience init(
    path: String, nonFinite: NonFinite = .refuse, part: Part? = nil, memory: Int = 4 << 30
  ) throws(TIFFError) {
    var status = stat()
    if stat(path, &status) != 0 {
      let code = errno
      guard code == ENOENT, path.contains(where: { "*?[".contains($0) }) else {
        throw FileBytes.failure(path, code)
      }
      try self.init(
        path: path, files: NumberedFiles.list(pattern: path), nonFinite: nonFinite, part: part, memory: memory
      )
    } else if status.st_mode & S_IFMT == S_IFDIR {
      try self.init(
        path: path, files: NumberedFiles.list(folder: path), nonFinite: nonFinite, part: part, memory: memory)
    } else {
      try self.init(
        path: path, files: [path], nonFinite: nonFinite, part: part, memory: memory)
    }
  }

  /// Opens `files` as one stack in the order given. `path` stands for all of them in messages.
  public init(
    path: String, files: [String], nonFinite: NonFinite = .refuse, part: Part? = nil, memory: Int = 4 << 30
  ) throws(TIFFError) {
    guard !files.isEmpty else { throw .emptyFolder(path: path) }
    var contents = TIFFContents(memory: memory)
    var states: [FileBytes.State] = []
    for (index, name) in files.enumerated() {
      let file = try FileBytes(path: name)
      try contents.append(file, index: index, of: files.count)
      states.append(file.state)
    }
    guard var info = contents.info else { throw .emptyFolder(path: path) }
    info.pages = contents.locations.count
    self.path = path
    self.files = files
    self.info = info
    self.nonFinite = nonFinite
    self.part = part
    self.states = states
    locations = contents.locations
    readers = (0..<max(1, ProcessInfo.processInfo.activeProcessorCount)).map { [info] _ in
      TIFFPageReader(info, memory: memory)
    }
  }

  public var count: Int { info.pages }

  /// Page `index`, counted from 0.
  public func page(_ index: Int) throws(TIFFError) -> Image {
    try rows(0..<info.rows, ofPage: index)
  }

  /// Some rows of page `index`, both counted from 0. Shape: `[range.count, columns]`.
  ///
  /// Uncompressed rows are read by themselves; compressed ones with the strips or tiles they lie in.
  public func rows(_ range: Range<Int>, ofPage index: Int) throws(TIFFError) -> Image {
    let count = range.count * info.columns
    var failure: TIFFError?
    let samples = [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      let target = UnsafeMutableBufferPointer(rebasing: buffer[..<count])
      do throws(TIFFError) {
        try read(range, ofPage: index, into: target)
        initialized = count
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return Image(shape: [range.count, info.columns], samples: samples)
  }

  /// Reads rows into memory the caller owns: `target` holds `range.count × columns` samples.
  package func read(
    _ range: Range<Int>, ofPage index: Int, into target: UnsafeMutableBufferPointer<Float>
  ) throws(TIFFError) {
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
    guard let part else { throw .complexSamples(path: path) }
    let pairs = try complexRows(range, ofPage: index).samples
    for (i, z) in pairs.enumerated() {
      target[i] =
        switch part {
        case .magnitude: z.length
        case .phase: z.isZero ? 0 : z.phase
        case .real: z.real
        case .imaginary: z.imaginary
        }
    }
  }

  /// Page `index`, counted from 0, of complex samples; real ones get an imaginary part of 0.
  public func complexPage(_ index: Int) throws(TIFFError) -> ComplexImage {
    try complexRows(0..<info.rows, ofPage: index)
  }

  /// Some rows of page `index`, both counted from 0. Shape: `[range.count, columns]`.
  public func complexRows(_ range: Range<Int>, ofPage index: Int) throws(TIFFError) -> ComplexImage {
    guard info.sampleType.isComplex else {
      let real = try rows(range, ofPage: index)
      return ComplexImage(shape: real.shape, samples: real.samples.map { Complex($0) })
    }
    let count = range.count * info.columns
    var failure: TIFFError?
    let samples = [Complex<Float>](unsafeUninitializedCapacity: count) { buffer, initialized in
      // A complex number is its two parts, one behind the other.
      let numbers = UnsafeMutableRawBufferPointer(buffer).bindMemory(to: Float.self)
      do throws(TIFFError) {
        try readComponents(
          range, ofPage: index, into: UnsafeMutableBufferPointer(rebasing: numbers[..<(2 * count)]))
        initialized = count
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return ComplexImage(shape: [range.count, info.columns], samples: samples)
  }

  /// The numbers as they are stored, without a calibration.
  private func readComponents(
    _ range: Range<Int>, ofPage index: Int, into target: UnsafeMutableBufferPointer<Float>
  ) throws(TIFFError) {
    guard locations.indices.contains(index) else {
      throw .noSuchPage(path: path, page: index, pages: locations.count)
    }
    guard range.lowerBound >= 0, range.upperBound <= info.rows else {
      throw .noSuchRows(path: path, rows: range, available: info.rows)
    }
    guard let base = target.baseAddress, !range.isEmpty else { return }
    let location = locations[index]
    let file = location.file
    try reader(for: index).read(files[file], states[file], location, range, into: base)

    if nonFinite == .refuse, let position = firstNotFinite(UnsafeBufferPointer(target)) {
      let perRow = info.columns * info.sampleType.components
      throw .notFinite(
        path: files[file], page: location.page, row: range.lowerBound + position / perRow,
        column: position % perRow / info.sampleType.components,
        value: target[position].isNaN ? "NaN" : "an infinite value")
    }
  }

  private func reader(for index: Int) -> TIFFPageReader {
    readers.first { !$0.isBusy } ?? readers[index % readers.count]
  }
}
