import Fields
import Foundation

/// A stack of float32 pages of which every page has its place in the file from the beginning.
///
/// Pages come in any order, can be written again, and survive the end of the program: opened again, the file goes on
/// where it was. ``finish()`` adds the directories; before that the file is no TIFF file, so nobody takes it for a
/// complete one. The bytes depend on the arguments and the pages alone, not on their order.
///
///     header · room up to byte 4096 · page 1 … page N, without gaps · description · N directories
///
/// Pages without gaps let ImageJ open the stack as one run of bytes, whatever its size (its key `images`). libtiff puts
/// pages where it likes, so the few tags are written here.
///
/// Source: TIFF revision 6.0, Adobe 1992, section 2; BigTIFF, libtiff documentation; ImageJ 1.54, `ij.io.TiffDecoder`.
public struct TIFFVolume: ~Copyable, Sendable {
  public let path: String
  public let rows: Int
  public let columns: Int
  public let pages: Int

  private let descriptor: Int32
  private let isBig: Bool
  private let text: [UInt8]
  private let spacing: Spacing

  private static let start = 4096

  /// Bytes of a file of this kind without its directories, which add less than 512 to a page.
  package static func bytes(rows: Int, columns: Int, pages: Int) -> Int { start + 4 * rows * columns * pages }
  private var pageBytes: Int { 4 * rows * columns }
  private var end: Int { Self.bytes(rows: rows, columns: columns, pages: pages) }

  /// Opens the file, or makes it with room for all pages; directories of an earlier ``finish()`` are taken off.
  ///
  /// - Throws: ``TIFFError/cannotCreate(path:reason:)``; ``TIFFError/noSpace(path:needed:free:)`` where the disk cannot
  ///   hold the pages that have no room yet.
  public init(
    path: String, rows: Int, columns: Int, pages: Int, spacing: Spacing = Spacing(), unit: String? = nil,
    metadata: [String: String] = [:]
  ) throws(TIFFError) {
    precondition(rows > 0 && columns > 0 && pages > 0, "\(pages) pages of \(rows) × \(columns)")
    self.path = path
    self.rows = rows
    self.columns = columns
    self.pages = pages
    self.spacing = spacing
    text =
      Array(
        TIFFWriter.description(
          slices: pages, images: pages, .float32, spacing, unit, metadata
        ).utf8) + [0]
    let bytes = Self.start + pages * (4 * rows * columns + 512) + text.count
    isBig = bytes > Int(UInt32.max)
    descriptor = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      throw .cannotCreate(path: path, reason: FileError.reason(errno))
    }
    var status = stat()
    let there = fstat(descriptor, &status) == 0 ? Int(status.st_blocks) * 512 : 0
    let free = freeSpace(beside: path)
    guard free >= UInt64(max(0, bytes - there)) else {
      throw .noSpace(path: path, needed: UInt64(bytes - there), free: free)
    }
    // The header goes first: cut in between, no directory is found, instead of one that is not there.
    try put([UInt8](repeating: 0, count: 16), at: 0)
    guard ftruncate(descriptor, off_t(end)) == 0 else { throw failure(errno) }
  }

  deinit { close(descriptor) }

  /// Writes one page, counted from 0. Shape: `[rows, columns]`. NaN says that a page has no image.
  ///
  /// - Throws: ``TIFFError/noSpace(path:needed:free:)``, ``TIFFError/cannotWrite(path:page:reason:)``.
  public func write(_ image: Image, page: Int) throws(TIFFError) {
    precondition(
      image.shape == [rows, columns] && (0..<pages).contains(page), "page \(page), \(image.shape)")
    let code = image.samples.withUnsafeBytes {
      Self.put($0, at: Self.start + page * pageBytes, of: descriptor)
    }
    guard code == 0 else { throw failure(code, page: page) }
  }

  /// Makes all pages durable that were written.
  public func synchronize() throws(TIFFError) {
    guard fdatasync(descriptor) == 0 || errno == EINVAL else { throw failure(errno) }
  }

  /// Adds the directories and makes the file durable: a TIFF file now.
  public func finish() throws(TIFFError) {
    try synchronize()
    // Directories lie on even bytes.
    let begin = (end + text.count + 7) / 8 * 8
    try put(text, at: end)
    var directories: [UInt8] = []
    var place = begin
    for page in 0..<pages {
      directories += directory(page, at: begin + page * directoryBytes)
      if directories.count > 1 << 20 || page == pages - 1 {
        try put(directories, at: place)
        place += directories.count
        directories = []
      }
    }
    guard fsync(descriptor) == 0 || errno == EINVAL else { throw failure(errno) }
    var header = Array("II".utf8)
    if isBig {
      header += bytes(43, 2) + bytes(8, 2) + bytes(0, 2) + bytes(begin, 8)
    } else {
      header += bytes(42, 2) + bytes(begin, 4)
    }
    try put(header, at: 0)
    guard fsync(descriptor) == 0 || errno == EINVAL else { throw failure(errno) }
  }

  // MARK: Directories

  private enum Kind: Int {
    case ascii = 2
    case short = 3
    case long = 4
    case rational = 5
    case long8 = 16
  }

  private var hasResolution: Bool { spacing.x != nil && spacing.y != nil }
  private var tableBytes: Int {
    let tags = hasResolution ? 15 : 12
    return isBig ? 8 + 20 * tags + 8 : 2 + 12 * tags + 4
  }
  /// The table and, behind it, the two resolutions, which do not fit into the tags of a small file.
  private var directoryBytes: Int { (tableBytes + 16 + 7) / 8 * 8 }

  private func directory(_ page: Int, at place: Int) -> [UInt8] {
    let offset: Kind = isBig ? .long8 : .long
    let resolutions = [rational(spacing.x), rational(spacing.y)]
    var entries: [(tag: Int, kind: Kind, count: Int, value: [UInt8])] = [
      (254, .long, 1, bytes(0, 4)),  // a full image
      (256, .long, 1, bytes(columns, 4)), (257, .long, 1, bytes(rows, 4)), (258, .short, 1, bytes(32, 2)),
      (259, .short, 1, bytes(1, 2)),  // no compression
      (262, .short, 1, bytes(1, 2)),  // black is zero
      (270, .ascii, text.count, bytes(end, isBig ? 8 : 4)),
      (273, offset, 1, bytes(Self.start + page * pageBytes, isBig ? 8 : 4)), (277, .short, 1, bytes(1, 2)),
      (278, .long, 1, bytes(rows, 4)), (279, offset, 1, bytes(pageBytes, isBig ? 8 : 4)),
      (339, .short, 1, bytes(3, 2)),  // floating point
    ]
    if hasResolution {
      let inside = place + tableBytes
      entries.insert(
        contentsOf: [
          (282, .rational, 1, isBig ? resolutions[0] : bytes(inside, 4)),
          (283, .rational, 1, isBig ? resolutions[1] : bytes(inside + 8, 4)),
          (296, .short, 1, bytes(1, 2)),  // of the unit that the description names
        ], at: 11)
    }
    var result = bytes(entries.count, isBig ? 8 : 2)
    for entry in entries {
      result += bytes(entry.tag, 2) + bytes(entry.kind.rawValue, 2) + bytes(entry.count, isBig ? 8 : 4)
      result += entry.value + [UInt8](repeating: 0, count: (isBig ? 8 : 4) - entry.value.count)
    }
    result += bytes(page + 1 < pages ? place + directoryBytes : 0, isBig ? 8 : 4) + resolutions.joined()
    return result + [UInt8](repeating: 0, count: directoryBytes - result.count)
  }

  private func bytes(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  /// Pixels per unit of the description, 1/`spacing`, as a fraction of 32-bit integers.
  private func rational(_ spacing: Double?) -> [UInt8] {
    let spacing = spacing ?? 1
    // The larger of the two gets all the bits there are.
    let scale = (Double(UInt32.max) / max(spacing, 1 / spacing)).rounded(.down)
    let (above, below) =
      spacing <= 1 ? ((scale / spacing).rounded(), scale) : (scale, (scale * spacing).rounded())
    return [above, below].flatMap { bytes(Int(min(Double(UInt32.max), max(1, $0))), 4) }
  }

  // MARK: Bytes

  private func put(_ content: [UInt8], at offset: Int) throws(TIFFError) {
    let code = content.withUnsafeBytes { Self.put($0, at: offset, of: descriptor) }
    guard code == 0 else { throw failure(code) }
  }

  /// Returns 0 or the error number.
  private static func put(_ content: UnsafeRawBufferPointer, at offset: Int, of descriptor: Int32) -> Int32 {
    var done = 0
    while done < content.count {
      let count = pwrite(
        descriptor, content.baseAddress.map { $0 + done }, content.count - done, off_t(offset + done))
      if count < 0 {
        if errno == EINTR { continue }
        return errno
      }
      done += count
    }
    return 0
  }

  /// - Parameter page: nil where it is not a page that cannot be written.
  private func failure(_ code: Int32, page: Int? = nil) -> TIFFError {
    if code == ENOSPC || code == EDQUOT {
      return .noSpace(path: path, needed: UInt64(pageBytes), free: freeSpace(beside: path))
    }
    let reason = FileError.reason(code)
    return page.map { .cannotWrite(path: path, page: $0, reason: reason) }
      ?? .cannotCreate(path: path, reason: reason)
  }
}
