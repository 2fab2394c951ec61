import CTIFF

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
    var isUncompressed: Bool
    var isPlainBitOrder: Bool
    var isTiled: Bool
    /// Rows in a strip or tile, columns in a tile.
    var chunkRows: Int
    var chunkColumns: Int
    /// Bytes of a whole strip or tile, and of one row of it, decoded.
    var chunkBytes: Int
    var chunkRowBytes: Int
    var chunks: Int
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
      isUncompressed: short(UInt32(TIFFTAG_COMPRESSION)) == UInt16(COMPRESSION_NONE),
      isPlainBitOrder: short(UInt32(TIFFTAG_FILLORDER)) == UInt16(FILLORDER_MSB2LSB),
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
