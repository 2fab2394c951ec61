import CTIFF
import Foundation

/// An open libtiff file: a cursor with one owner. Closes itself.
///
/// > The library is thread-safe as long as no handle is used by several threads at once.
/// > — libtiff documentation, "Using the TIFF library", on `TIFF*` handles
///
/// Every method that reaches libtiff is `mutating`, so the compiler's law of exclusivity is that lock, and the
/// handle may be sent between threads.
struct TIFFHandle: ~Copyable, @unchecked Sendable {
  private let tiff: OpaquePointer
  private let message: UnsafeMutablePointer<ctiff_message>
  let path: String

  /// The tags that decide how the pixels of the selected page are laid out, as libtiff sees them.
  struct Layout {
    var columns: Int
    var rows: Int
    var bits: Int
    var samples: Int
    var format: UInt64
    var compression: UInt64
    var isPlainBitOrder: Bool
    /// Whether the samples of a pixel lie apart.
    var isPlanar: Bool
    var isTiled: Bool
    /// Rows in a strip or tile, columns in a tile.
    var chunkRows: Int
    var chunkColumns: Int
    /// Bytes of a whole strip or tile, and of one row of it, decoded.
    var chunkBytes: Int
    var chunkRowBytes: Int
    var chunks: Int

    var isUncompressed: Bool { compression == UInt64(COMPRESSION_NONE) }
  }

  /// - Parameter allocationLimit: No single allocation inside libtiff exceeds it, in bytes.
  init(path: String, allocationLimit: Int) throws(TIFFError) {
    let message = UnsafeMutablePointer<ctiff_message>.allocate(capacity: 1)
    message.initialize(to: ctiff_message())
    // m: no memory map, since a file cut while mapped kills the process; O: strip tables on demand.
    guard let tiff = ctiff_open(path, "rmO", message, tmsize_t(allocationLimit)) else {
      let reason = Self.text(message, path)
      message.deallocate()
      throw .damaged(path: path, page: 0, reason: reason)
    }
    self.tiff = tiff
    self.message = message
    self.path = path
  }

  /// Opens a new file for writing, little endian.
  init(creating path: String, isBig: Bool) throws(TIFFError) {
    let message = UnsafeMutablePointer<ctiff_message>.allocate(capacity: 1)
    message.initialize(to: ctiff_message())
    guard let tiff = ctiff_open(path, isBig ? "wl8" : "wl", message, 0) else {
      let reason = Self.text(message, path)
      message.deallocate()
      throw .cannotCreate(path: path, reason: reason)
    }
    self.tiff = tiff
    self.message = message
    self.path = path
  }

  deinit {
    TIFFClose(tiff)
    message.deallocate()
  }

  /// Goes to the directory at byte `offset`.
  mutating func select(_ offset: UInt64, page: Int) throws(TIFFError) -> Layout {
    if TIFFCurrentDirOffset(tiff) != offset {
      message.pointee.text.0 = 0
      guard TIFFSetSubDirectory(tiff, offset) == 1 else { throw failure(page) }
    }
    let isTiled = TIFFIsTiled(tiff) != 0
    let rows = Int(long(UInt32(TIFFTAG_IMAGELENGTH)))
    return Layout(
      columns: Int(long(UInt32(TIFFTAG_IMAGEWIDTH))), rows: rows,
      bits: Int(short(UInt32(TIFFTAG_BITSPERSAMPLE))), samples: Int(short(UInt32(TIFFTAG_SAMPLESPERPIXEL))),
      format: UInt64(short(UInt32(TIFFTAG_SAMPLEFORMAT))),
      compression: UInt64(short(UInt32(TIFFTAG_COMPRESSION))),
      isPlainBitOrder: short(UInt32(TIFFTAG_FILLORDER)) == UInt16(FILLORDER_MSB2LSB),
      isPlanar: short(UInt32(TIFFTAG_PLANARCONFIG)) == UInt16(PLANARCONFIG_SEPARATE),
      isTiled: isTiled,
      chunkRows: isTiled
        ? Int(long(UInt32(TIFFTAG_TILELENGTH))) : min(Int(long(UInt32(TIFFTAG_ROWSPERSTRIP))), rows),
      chunkColumns: isTiled ? Int(long(UInt32(TIFFTAG_TILEWIDTH))) : Int(long(UInt32(TIFFTAG_IMAGEWIDTH))),
      chunkBytes: Int(isTiled ? TIFFTileSize(tiff) : TIFFStripSize(tiff)),
      chunkRowBytes: Int(isTiled ? TIFFTileRowSize(tiff) : TIFFScanlineSize(tiff)),
      chunks: Int(isTiled ? TIFFNumberOfTiles(tiff) : TIFFNumberOfStrips(tiff)))
  }

  /// Whether the samples of uncompressed data must be byte-swapped.
  var isByteSwapped: Bool { mutating get { TIFFIsByteSwapped(tiff) != 0 } }

  /// Where strip `index` lies in the file.
  mutating func place(ofStrip index: Int, page: Int) throws(TIFFError) -> (offset: UInt64, bytes: UInt64) {
    message.pointee.text.0 = 0
    var failed: Int32 = 0
    let offset = TIFFGetStrileOffsetWithErr(tiff, UInt32(index), &failed)
    guard failed == 0 else { throw failure(page) }
    let bytes = TIFFGetStrileByteCountWithErr(tiff, UInt32(index), &failed)
    guard failed == 0 else { throw failure(page) }
    return (offset, bytes)
  }

  /// Decodes the first `target.count` bytes of a strip, in this machine's byte order.
  mutating func readStrip(
    _ index: Int, into target: UnsafeMutableRawBufferPointer, page: Int
  ) throws(TIFFError) {
    message.pointee.text.0 = 0
    let count = TIFFReadEncodedStrip(tiff, UInt32(index), target.baseAddress, tmsize_t(target.count))
    guard Int(count) == target.count else { throw failure(page, short: "strip \(index + 1)") }
  }

  /// Decodes a tile, in this machine's byte order.
  mutating func readTile(
    _ index: Int, into target: UnsafeMutableRawBufferPointer, page: Int
  ) throws(TIFFError) {
    message.pointee.text.0 = 0
    let count = TIFFReadEncodedTile(tiff, UInt32(index), target.baseAddress, tmsize_t(target.count))
    guard Int(count) == target.count else { throw failure(page, short: "tile \(index + 1)") }
  }

  // MARK: Writing

  /// What files say that this program wrote.
  static let software = "deft"

  /// What the tags of a new page say.
  struct PageTags {
    var columns: Int
    var rows: Int
    var rowsPerStrip: Int
    var sampleType: SampleType
    var compression: TIFFWriter.Compression
    var spacing: Spacing
    var description: String?
  }

  /// Writes one page: its strips, then its directory.
  ///
  /// - Returns: nil on success, or libtiff's reason; `errno` is then that of the failed call, 0 if there was none.
  mutating func writePage(_ tags: PageTags, _ bytes: UnsafeRawBufferPointer) -> String? {
    message.pointee.text.0 = 0
    errno = 0
    var done =
      ctiff_set_uint32(tiff, UInt32(TIFFTAG_IMAGEWIDTH), UInt32(tags.columns)) == 1
      && ctiff_set_uint32(tiff, UInt32(TIFFTAG_IMAGELENGTH), UInt32(tags.rows)) == 1
      && ctiff_set_uint32(tiff, UInt32(TIFFTAG_ROWSPERSTRIP), UInt32(tags.rowsPerStrip)) == 1
      && ctiff_set_uint16(tiff, UInt32(TIFFTAG_BITSPERSAMPLE), UInt16(8 * tags.sampleType.bytes)) == 1
      && ctiff_set_uint16(tiff, UInt32(TIFFTAG_SAMPLESPERPIXEL), 1) == 1
      && ctiff_set_uint16(tiff, UInt32(TIFFTAG_SAMPLEFORMAT), tags.sampleType.tiffFormat) == 1
      && ctiff_set_uint16(tiff, UInt32(TIFFTAG_PHOTOMETRIC), UInt16(PHOTOMETRIC_MINISBLACK)) == 1
      && ctiff_set_uint16(tiff, UInt32(TIFFTAG_PLANARCONFIG), UInt16(PLANARCONFIG_CONTIG)) == 1
      && ctiff_set_string(tiff, UInt32(TIFFTAG_SOFTWARE), Self.software) == 1
    switch tags.compression {
    case .none:
      done = done && ctiff_set_uint16(tiff, UInt32(TIFFTAG_COMPRESSION), UInt16(COMPRESSION_NONE)) == 1
    case .deflate:
      let predictor =
        switch tags.sampleType {
        case .float32: PREDICTOR_FLOATINGPOINT
        case .complex64: PREDICTOR_NONE
        default: PREDICTOR_HORIZONTAL
        }
      done =
        done
        && ctiff_set_uint16(tiff, UInt32(TIFFTAG_COMPRESSION), UInt16(COMPRESSION_ADOBE_DEFLATE)) == 1
        && ctiff_set_uint16(tiff, UInt32(TIFFTAG_PREDICTOR), UInt16(predictor)) == 1
    }
    if let x = tags.spacing.x, let y = tags.spacing.y {
      // Pixels per unit of the description, as ImageJ has it.
      done =
        done && ctiff_set_double(tiff, UInt32(TIFFTAG_XRESOLUTION), 1 / x) == 1
        && ctiff_set_double(tiff, UInt32(TIFFTAG_YRESOLUTION), 1 / y) == 1
        && ctiff_set_uint16(tiff, UInt32(TIFFTAG_RESOLUTIONUNIT), UInt16(RESUNIT_NONE)) == 1
    }
    if let description = tags.description {
      done = done && ctiff_set_string(tiff, UInt32(TIFFTAG_IMAGEDESCRIPTION), description) == 1
      // tifffile takes the pages of an ImageJ file for one run of bytes if the second directory lies behind that many
      // bytes; with the first directory in front of its page, it never does so wrongly.
      if tags.compression == .none { done = done && TIFFCheckpointDirectory(tiff) == 1 }
    }
    let stripBytes = tags.rowsPerStrip * tags.columns * tags.sampleType.bytes
    for (strip, start) in stride(from: 0, to: bytes.count, by: stripBytes).enumerated() where done {
      let count = min(stripBytes, bytes.count - start)
      // libtiff changes the bytes only to swap them, which native order does not need.
      let source = UnsafeMutableRawPointer(mutating: bytes.baseAddress?.advanced(by: start))
      done = TIFFWriteEncodedStrip(tiff, UInt32(strip), source, tmsize_t(count)) == tmsize_t(count)
    }
    done = done && TIFFWriteDirectory(tiff) == 1
    if done { return nil }
    let reason = Self.text(message, path)
    return reason.isEmpty ? "libtiff gives no reason" : reason
  }

  // MARK: Tags

  private mutating func short(_ tag: UInt32) -> UInt16 {
    var value: UInt16 = 0
    return ctiff_get_uint16(tiff, tag, &value) == 1 ? value : 0
  }

  private mutating func long(_ tag: UInt32) -> UInt32 {
    var value: UInt32 = 0
    return ctiff_get_uint32(tiff, tag, &value) == 1 ? value : 0
  }

  private func failure(_ page: Int, short part: String? = nil) -> TIFFError {
    var reason = Self.text(message, path)
    if reason.isEmpty { reason = part.map { "\($0) is incomplete" } ?? "libtiff gives no reason" }
    return .damaged(path: path, page: page, reason: reason)
  }

  /// libtiff repeats the path in some messages and ends them with a full stop.
  private static func text(_ message: UnsafeMutablePointer<ctiff_message>, _ path: String) -> String {
    var text = withUnsafeBytes(of: message.pointee.text) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    if text.hasPrefix("\(path): ") { text.removeFirst(path.count + 2) }
    while text.last == "." || text.last?.isWhitespace == true { text.removeLast() }
    return text
  }
}
