import Fields
import Foundation

/// Writes a multi-page TIFF file, one page after another, in memory of one page.
///
/// The file grows under a temporary name, see ``PendingFile``. ``finish()`` makes it durable and gives it its name;
/// without it, after an error or when the writer is dropped, nothing is left. Files that may pass 4 GiB are BigTIFF.
///
/// The first page's description is read by ImageJ and Fiji: spacing in millimetres, and, for integers, the
/// calibration. The same arguments and pages give the same bytes.
///
/// Source of the keys: ImageJ 1.54, `ij.io.FileSaver.getDescriptionString`. Its key `images` is left out: ImageJ
/// then takes the pages from the directories, not from consecutive bytes.
public struct TIFFWriter: PageWriter, ~Copyable, Sendable {
  /// How a value is stored.
  public enum Storage: Sendable, Equatable {
    case float32
    /// Complex numbers of two floats: the TIFF tag SampleFormat is 6.
    case complex64
    /// value = `offset` + `scale` × stored number, rounded to the nearest; values outside are clipped and counted.
    case uint16(scale: Double, offset: Double)
  }

  public enum Compression: String, Sendable, Equatable, CaseIterable {
    case none
    /// Deflate with the predictor for the sample type, of which there is none for complex ones; no loss. ImageJ opens such
    /// floats through Bio-Formats only.
    case deflate
  }

  /// The name the finished file gets.
  public let path: String
  public let rows: Int
  public let columns: Int
  /// How many pages were appended.
  public private(set) var count = 0
  /// How many samples were outside the range of `uint16` storage.
  public private(set) var clipped = 0

  private let pages: Int?
  private let storage: Storage
  private var file: PendingFile
  private var tags: TIFFHandle.PageTags
  private var handle: TIFFHandle?
  private var failure: TIFFError?
  private var integers: [UInt16] = []

  /// - Parameters:
  ///   - path: The name the finished file gets.
  ///   - place: Where it is made instead; messages name `path`.
  ///   - pages: How many pages will be written, if known: then space and the need for BigTIFF are known, and
  ///     ``finish()`` checks it. Otherwise the file is BigTIFF.
  ///   - spacing: In millimetres.
  ///   - unit: The unit of the values, such as `1/mm` or `HU`.
  ///   - metadata: Further `key=value` lines of the description. Keys hold letters, digits, `.`, `_` and `-`.
  /// - Throws: ``TIFFError/cannotCreate(path:reason:)``, ``TIFFError/noSpace(path:needed:free:)``.
  public init(
    path: String, in place: String? = nil, rows: Int, columns: Int, pages: Int? = nil,
    storage: Storage = .float32, compression: Compression = .none, spacing: Spacing = Spacing(),
    unit: String? = nil, metadata: [String: String] = [:]
  ) throws(TIFFError) {
    precondition(rows > 0 && columns > 0, "pages of \(rows) × \(columns)")
    let sampleType = storage.sampleType
    let rowBytes = columns * sampleType.bytes
    // Directory, description and padding of a page stay below 1 KiB, plus the first description.
    let description = Self.description(slices: pages, storage, spacing, unit, metadata)
    let total = pages.map {
      UInt64($0) * UInt64(rows * rowBytes + 1024) + UInt64(description.utf8.count) + 64
    }
    let file: PendingFile
    do throws(FileError) { file = try PendingFile(path: place ?? path) } catch {
      throw Self.error(error, path)
    }
    if let total, compression == .none {
      let free = freeSpace(beside: file.temporary)
      guard free >= total else { throw .noSpace(path: path, needed: total, free: free) }
    }
    handle = try TIFFHandle(creating: file.temporary, isBig: total.map { $0 > UInt64(UInt32.max) } ?? true)
    self.path = path
    self.rows = rows
    self.columns = columns
    self.pages = pages
    self.storage = storage
    self.file = file
    tags = TIFFHandle.PageTags(
      columns: columns, rows: rows,
      // Compressed strips of 256 KiB, so that a few rows do not cost a page.
      rowsPerStrip: compression == .none ? rows : min(rows, max(1, (256 << 10) / rowBytes)),
      sampleType: sampleType, compression: compression, spacing: spacing, description: description)
  }

  /// Writes one more page. Shape: `[rows, columns]`.
  ///
  /// - Throws: ``TIFFError/wrongPage(path:page:found:expected:)`` for another shape, or complex samples where the storage
  ///   is real and the other way round; ``TIFFError/notFinite(path:page:row:column:value:)``;
  ///   ``TIFFError/noSpace(path:needed:free:)``. After an error of the disk the writer stays in that state.
  public mutating func append(_ page: StackPage) throws(TIFFError) {
    if let failure { throw failure }
    guard page.shape == [rows, columns] else {
      throw .wrongPage(
        path: path, page: count, found: page.shape.description, expected: "\(rows) × \(columns)")
    }
    if let pages, count == pages { throw .wrongPageCount(path: path, written: count + 1, expected: pages) }
    if let sample = page.firstNotFinite {
      throw .notFinite(
        path: path, page: count, row: sample.position / columns, column: sample.position % columns,
        value: sample.value)
    }
    let reason: String?
    switch (storage, page) {
    case (.float32, .real(let image)):
      reason = image.samples.withUnsafeBytes { handle?.writePage(tags, $0) }
    case (.uint16(let scale, let offset), .real(let image)):
      quantise(image.samples, scale, offset)
      reason = integers.withUnsafeBytes { handle?.writePage(tags, $0) }
    case (.complex64, .complex(let image)):
      reason = image.samples.withUnsafeBytes { handle?.writePage(tags, $0) }
    case (_, .complex): throw .wrongPage(path: path, page: count, found: "complex", expected: "real samples")
    case (_, .real): throw .wrongPage(path: path, page: count, found: "real", expected: "complex samples")
    }
    if let reason {
      let error = Self.error(
        errno, reason, path: path, page: count, needed: rows * columns * tags.sampleType.bytes)
      failure = error
      throw error
    }
    tags.description = nil
    count += 1
  }

  /// See ``append(_:)-(StackPage)``.
  public mutating func append(_ image: Image) throws(TIFFError) { try append(.real(image)) }

  /// Makes the file durable and gives it its name, replacing a file of that name.
  public consuming func finish() throws(TIFFError) {
    let path = path
    var file = try complete()
    do throws(FileError) { try file.publish() } catch { throw Self.error(error, path) }
  }

  /// Makes the file durable; its name is left to the caller.
  public consuming func complete() throws(TIFFError) -> PendingFile {
    if let failure { throw failure }
    guard count > 0, count == pages ?? count else {
      throw .wrongPageCount(path: path, written: count, expected: pages ?? 1)
    }
    handle = nil  // closes it
    do throws(FileError) { try file.complete() } catch { throw Self.error(error, path) }
    return file
  }

  // MARK: Parts

  private mutating func quantise(_ samples: [Float], _ scale: Double, _ offset: Double) {
    integers.removeAll(keepingCapacity: true)
    integers.reserveCapacity(samples.count)
    for sample in samples {
      let stored = ((Double(sample) - offset) / scale).rounded()
      if stored < 0 || stored > 65535 { clipped += 1 }
      integers.append(UInt16(max(0, min(65535, stored))))
    }
  }

  /// - Parameter images: how many pages lie in the file without gaps, if they do.
  static func description(
    slices: Int?, images: Int? = nil, _ storage: Storage, _ spacing: Spacing, _ unit: String?,
    _ metadata: [String: String]
  ) -> String {
    var lines = ["ImageJ=1.54f"]
    if let images { lines.append("images=\(images)") }
    if let slices { lines.append("slices=\(slices)") }
    if spacing != Spacing() { lines.append("unit=mm") }
    if let z = spacing.z { lines.append("spacing=\(z)") }
    lines.append("loop=false")
    if case .uint16(let scale, let offset) = storage { lines += ["cf=0", "c0=\(offset)", "c1=\(scale)"] }
    if let unit { lines.append("vunit=\(plain(unit))") }
    if let x = spacing.x { lines.append("pixel_width=\(x)") }
    if let y = spacing.y { lines.append("pixel_height=\(y)") }
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
      // Other formats have keys of any characters.
      let key = String(key.map { TIFFDescription.isKey(String($0)) ? $0 : "_" })
      if !key.isEmpty { lines.append("\(key)=\(plain(value))") }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// On one line and without the character that ends the text.
  private static func plain(_ text: String) -> String {
    String(text.map { $0.isNewline || $0 == "\0" ? " " : $0 })
  }

  private static func error(
    _ code: Int32, _ reason: String, path: String, page: Int, needed: Int
  ) -> TIFFError {
    if code == ENOSPC || code == EDQUOT {
      return .noSpace(path: path, needed: UInt64(needed), free: freeSpace(beside: path))
    }
    return .cannotWrite(
      path: path, page: page, reason: code == 0 ? reason : "\(reason) (\(FileError.reason(code)))")
  }

  /// - Parameter path: what messages name.
  static func error(_ error: FileError, _ path: String) -> TIFFError {
    switch error {
    case .cannotWrite(let place, let code) where code == ENOSPC || code == EDQUOT:
      .noSpace(path: path, needed: 1, free: freeSpace(beside: place))
    case .cannotCreate(_, let code), .cannotWrite(_, let code), .cannotRead(_, let code):
      .cannotCreate(path: path, reason: FileError.reason(code))
    }
  }
}

extension TIFFWriter.Storage {
  var sampleType: SampleType {
    switch self {
    case .float32: .float32
    case .complex64: .complex64
    case .uint16: .uint16
    }
  }
}

extension OutputFormat {
  static let tiff = OutputFormat(
    name: "TIFF", extensions: ["tif", "tiff"], holds: [.integers, .compression, .spacing, .unit, .metadata]
  ) { path, stack in
    PageSink(
      try TIFFWriter(
        path: path, rows: stack.rows, columns: stack.columns, pages: stack.pages, storage: stack.storage,
        compression: stack.compression, spacing: stack.spacing, unit: stack.unit, metadata: stack.metadata))
  }
}

/// Bytes that can still be written in the folder of a file.
package func freeSpace(beside path: String) -> UInt64 {
  var status = statvfs()
  guard statvfs(PendingFile.folder(of: path), &status) == 0 else { return .max }
  return UInt64(status.f_bavail) * UInt64(status.f_frsize)
}
