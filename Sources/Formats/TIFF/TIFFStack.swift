import Fields
import Foundation
import Synchronization

/// A stack of single-channel images of one size, read page by page: a multi-page TIFF file, a folder of TIFF
/// files, or a pattern such as `scan/recon_*.tif`.
///
/// Opening reads the directory of every page once and no pixel. A page is then found by its offset, so any
/// page costs the same, and a range of rows reads only the strips or tiles that hold it. Files of a folder are
/// taken in the order of their numbers (`recon_9.tif` before `recon_10.tif`); a gap in the numbers is an
/// error. Multi-page files in a folder follow one another.
///
/// Samples: signed and unsigned integers of 8, 16 and 32 bits, floats of 16, 32 and 64 bits; strips or tiles;
/// classic and BigTIFF of either byte order; every lossless compression of the installed libtiff; ImageJ's raw
/// stacks with a single directory. A linear calibration that ImageJ or ``TIFFWriter`` recorded is applied.
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

  /// As given to the initialiser.
  public let path: String
  public let info: StackInfo
  /// What the stack is made of, in the order of its pages.
  public let files: [String]
  private let locations: [Location]
  private let nonFinite: NonFinite
  private let slots: [Slot]

  /// The number of samples that one page may have, 2³⁰: 4 GiB as `Float`.
  static let largestPage: UInt64 = 1 << 30
  /// How many bytes one compressed byte can become, an upper bound for LZW (1280) and Deflate (1032).
  static let largestExpansion: UInt64 = 1400

  /// Opens a file, a folder, or the files that match a pattern.
  ///
  /// - Throws: ``TIFFError`` when a file is missing, unreadable, not a TIFF file, or holds samples of another
  ///   kind; when pages differ in size or type; when a number is missing in a folder.
  public convenience init(path: String, nonFinite: NonFinite = .refuse) throws(TIFFError) {
    var status = stat()
    if stat(path, &status) != 0 {
      let code = errno
      guard code == ENOENT, path.contains(where: { "*?[".contains($0) }) else {
        throw FileBytes.failure(path, code)
      }
      try self.init(path: path, files: NumberedFiles.list(pattern: path), nonFinite: nonFinite)
    } else if status.st_mode & S_IFMT == S_IFDIR {
      try self.init(path: path, files: NumberedFiles.list(folder: path), nonFinite: nonFinite)
    } else {
      try self.init(path: path, files: [path], nonFinite: nonFinite)
    }
  }

  /// Opens `files` as one stack in the order given. `path` stands for all of them in messages.
  public init(path: String, files: [String], nonFinite: NonFinite = .refuse) throws(TIFFError) {
    guard !files.isEmpty else { throw .emptyFolder(path: path) }
    var locations: [Location] = []
    locations.reserveCapacity(files.count)
    var info: StackInfo?
    for (index, name) in files.enumerated() {
      let file = try FileBytes(path: name)
      let chain = try TIFFDirectoryChain(file)
      for (page, directory) in chain.directories.enumerated() {
        let found = try Self.sampleType(of: directory, page: page, in: file)
        if let first = info {
          guard
            first.rows == Int(directory.rows), first.columns == Int(directory.columns),
            first.sampleType == found
          else {
            throw .mixedPages(
              path: files.count == 1 ? path : name, page: page, found: directory.summary,
              expected: "\(first.rows) × \(first.columns) of \(first.sampleType.rawValue)")
          }
        } else {
          info = Self.info(of: directory, found, chain, file, files: files.count)
        }
        locations.append(Location(file: index, page: page, offset: directory.offset, isRaw: false))
      }
      if let first = info, first.pages > 1, chain.directories.count == 1,
        let directory = chain.directories.first
      {
        // ImageJ writes stacks of more than 4 GiB as one directory followed by the bytes of all images.
        try Self.appendRawPages(of: directory, count: first.pages, first, file, index, to: &locations)
      }
    }
    guard var info else { throw .emptyFolder(path: path) }
    info.pages = locations.count
    self.path = path
    self.files = files
    self.locations = locations
    self.info = info
    self.nonFinite = nonFinite
    slots = (0..<max(1, ProcessInfo.processInfo.activeProcessorCount)).map { _ in Slot() }
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
    guard locations.indices.contains(index) else {
      throw .noSuchPage(path: path, page: index, pages: locations.count)
    }
    guard range.lowerBound >= 0, range.upperBound <= info.rows else {
      throw .noSuchRows(path: path, rows: range, available: info.rows)
    }
    precondition(
      target.count == range.count * info.columns,
      "\(target.count) samples for \(range.count) rows of \(info.columns)")
    guard let base = target.baseAddress, !range.isEmpty else { return }

    let location = locations[index]
    try slot(for: index).read(files[location.file], location, range, info, into: base)

    if info.scale != 1 || info.offset != 0 {
      for i in target.indices { target[i] = Float(info.offset + info.scale * Double(target[i])) }
    }
    if nonFinite == .refuse, let position = firstNotFinite(UnsafeBufferPointer(target)) {
      throw .notFinite(
        path: files[location.file], page: location.page, row: range.lowerBound + position / info.columns,
        column: position % info.columns, value: target[position].isNaN ? "NaN" : "an infinite value")
    }
  }

  private func slot(for index: Int) -> Slot {
    slots.first { !$0.isBusy } ?? slots[index % slots.count]
  }

  // MARK: Opening

  struct Location: Sendable {
    var file: Int
    /// Within the file.
    var page: Int
    /// Of the directory, or of the pixels when there is none.
    var offset: UInt64
    var isRaw: Bool
  }

  private static func sampleType(
    of directory: TIFFDirectory, page: Int, in file: borrowing FileBytes
  ) throws(TIFFError) -> SampleType {
    guard let type = directory.sampleType, !type.isComplex, directory.photometric != 3 else {
      let found =
        directory.photometric == 3
        ? "indices into a colour table"
        : directory.summary.split(separator: " of ").last.map(String.init) ?? directory.summary
      throw .unsupportedSamples(path: file.path, page: page, found: found)
    }
    let (rows, columns) = (directory.rows, directory.columns)
    guard rows > 0, columns > 0 else {
      throw .damaged(path: file.path, page: page, reason: "it claims \(rows) × \(columns) pixels")
    }
    let (samples, overflow) = rows.multipliedReportingOverflow(by: columns)
    let capacity = directory.compression == 1 ? file.length : file.length &* largestExpansion
    guard !overflow, samples <= largestPage, samples * UInt64(type.bytes) <= capacity else {
      throw .tooLarge(path: file.path, page: page, rows: rows, columns: columns, length: file.length)
    }
    return type
  }

  private static func info(
    of directory: TIFFDirectory, _ type: SampleType, _ chain: TIFFDirectoryChain,
    _ file: borrowing FileBytes, files: Int
  ) -> StackInfo {
    let text = TIFFDescription(
      text: chain.description(of: directory, in: file),
      resolution: (
        chain.rational(at: directory.xResolutionOffset, in: file),
        chain.rational(at: directory.yResolutionOffset, in: file)
      ),
      resolutionUnit: directory.resolutionUnit)
    let isRaw =
      files == 1 && chain.directories.count == 1 && directory.compression == 1 && !directory.isTiled
      && directory.strips == 1
    return StackInfo(
      pages: isRaw ? max(1, text.images ?? 1) : 1, rows: Int(directory.rows), columns: Int(directory.columns),
      sampleType: type, spacing: text.spacing, unit: text.unit, scale: text.scale, offset: text.offset,
      compression: compressionName(directory.compression), byteOrder: chain.isBigEndian ? .big : .little,
      isBigTIFF: chain.isBig, isTiled: directory.isTiled, files: files, metadata: text.metadata)
  }

  private static func appendRawPages(
    of directory: TIFFDirectory, count: Int, _ info: StackInfo, _ file: borrowing FileBytes, _ index: Int,
    to locations: inout [Location]
  ) throws(TIFFError) {
    let pageBytes = UInt64(info.rows * info.columns * info.sampleType.bytes)
    let (bytes, overflow) = pageBytes.multipliedReportingOverflow(by: UInt64(count))
    let (end, past) = directory.firstStrip.addingReportingOverflow(bytes)
    guard !overflow, !past, end <= file.length else {
      let whole =
        file.length > directory.firstStrip ? Int((file.length - directory.firstStrip) / pageBytes) : 0
      throw .truncated(
        path: file.path, page: min(whole, count - 1), needed: overflow || past ? .max : end,
        length: file.length)
    }
    for page in 1..<count {
      locations.append(
        Location(
          file: index, page: page, offset: directory.firstStrip + UInt64(page) * pageBytes, isRaw: true))
    }
  }

  private static func compressionName(_ tag: UInt64) -> String {
    switch tag {
    case 1: "none"
    case 5: "LZW"
    case 8, 32946: "Deflate"
    case 7: "JPEG"
    case 32773: "PackBits"
    case 34887: "LERC"
    case 34925: "LZMA"
    case 50000: "Zstandard"
    case 50001: "WebP"
    default: "compression \(tag)"
    }
  }
}

/// One cursor into the stack: the file opened last, behind a lock.
private final class Slot: Sendable {
  private let open = Mutex<OpenFile?>(nil)

  /// Only a hint for choosing a slot; the lock decides.
  var isBusy: Bool { open.withLockIfAvailable { _ in true } == nil }

  func read(
    _ path: String, _ location: TIFFStack.Location, _ rows: Range<Int>, _ info: StackInfo,
    into target: UnsafeMutablePointer<Float>
  ) throws(TIFFError) {
    // Bits, so that the pointer does not tie the caller's memory to the state behind the lock.
    let address = UInt(bitPattern: target)
    try open.withLock { open throws(TIFFError) in
      guard let target = UnsafeMutablePointer<Float>(bitPattern: address) else { return }
      var file = try OpenFile.opened(path, keeping: open.take())
      // A file that failed is not put back: its cursor may be anywhere.
      try file.read(location, rows, info, into: target)
      open = consume file
    }
  }
}

/// A file as libtiff sees it and as bytes, with memory for decoding.
private struct OpenFile: ~Copyable {
  private let bytes: FileBytes
  private var handle: TIFFHandle
  private var scratch: [UInt8] = []

  private init(path: String) throws(TIFFError) {
    let bytes = try FileBytes(path: path)
    let limit = min(bytes.length, 4 << 20) * TIFFStack.largestExpansion
    let handle = try TIFFHandle(path: path, allocationLimit: max(1 << 20, Int(limit)))
    self.bytes = bytes
    self.handle = handle
  }

  static func opened(_ path: String, keeping last: consuming OpenFile?) throws(TIFFError) -> OpenFile {
    if let last = consume last, last.bytes.path == path { return last }
    return try OpenFile(path: path)
  }

  mutating func read(
    _ location: TIFFStack.Location, _ rows: Range<Int>, _ info: StackInfo,
    into target: UnsafeMutablePointer<Float>
  ) throws(TIFFError) {
    if location.isRaw {
      let rowBytes = info.columns * info.sampleType.bytes
      return try readBytes(
        [(location.offset + UInt64(rows.lowerBound * rowBytes), rows.count * rowBytes)], location.page, info,
        swap: (info.byteOrder == .big) != (1.bigEndian == 1), into: target)
    }
    let layout = try handle.select(location.offset, page: location.page)
    // The directory was read at opening; the file may have been replaced since, or be read differently by libtiff.
    guard
      layout.columns == info.columns, layout.rows == info.rows, layout.samples == 1,
      SampleType(format: layout.format, bits: UInt64(layout.bits)) == info.sampleType
    else {
      throw .damaged(
        path: bytes.path, page: location.page,
        reason:
          "it is now \(layout.rows) × \(layout.columns) of \(layout.bits) bits, not what it was when opened")
    }
    let (width, sampleBytes) = (layout.chunkColumns, info.sampleType.bytes)
    guard
      layout.chunkRows > 0, width > 0, layout.chunks > 0,
      UInt64(layout.chunkRows) * UInt64(width) <= TIFFStack.largestPage,
      UInt64(layout.chunkBytes)
        <= (layout.isUncompressed ? bytes.length : bytes.length * TIFFStack.largestExpansion),
      layout.chunkRowBytes == width * sampleBytes,
      layout.chunkBytes == layout.chunkRows * layout.chunkRowBytes,
      layout.chunks
        == (layout.rows + layout.chunkRows - 1) / layout.chunkRows * ((layout.columns + width - 1) / width)
    else {
      throw .damaged(
        path: bytes.path, page: location.page,
        reason: "its \(layout.isTiled ? "tiles" : "strips") do not fit its size")
    }
    if layout.isTiled {
      try readTiles(layout, location.page, rows, info, into: target)
    } else if layout.isUncompressed && layout.isPlainBitOrder {
      try readPlainStrips(layout, location.page, rows, info, into: target)
    } else {
      try readStrips(layout, location.page, rows, info, into: target)
    }
  }

  /// Uncompressed rows, straight from the file; neighbouring strips in one call.
  private mutating func readPlainStrips(
    _ layout: TIFFHandle.Layout, _ page: Int, _ rows: Range<Int>, _ info: StackInfo,
    into target: UnsafeMutablePointer<Float>
  ) throws(TIFFError) {
    let rowBytes = layout.chunkRowBytes
    var pieces: [(offset: UInt64, count: Int)] = []
    var row = rows.lowerBound
    while row < rows.upperBound {
      let strip = row / layout.chunkRows
      let first = strip * layout.chunkRows
      let end = min(first + layout.chunkRows, rows.upperBound)
      let place = try handle.place(ofStrip: strip, page: page)
      let skipped = UInt64((row - first) * rowBytes)
      let count = (end - row) * rowBytes
      guard place.offset <= bytes.length, place.bytes >= skipped + UInt64(count) else {
        throw .damaged(path: bytes.path, page: page, reason: "strip \(strip + 1) is shorter than its rows")
      }
      if let last = pieces.last, last.offset + UInt64(last.count) == place.offset + skipped {
        pieces[pieces.count - 1].count += count
      } else {
        pieces.append((place.offset + skipped, count))
      }
      row = end
    }
    try readBytes(pieces, page, info, swap: handle.isByteSwapped, into: target)
  }

  private mutating func readBytes(
    _ pieces: [(offset: UInt64, count: Int)], _ page: Int, _ info: StackInfo, swap: Bool,
    into target: UnsafeMutablePointer<Float>
  ) throws(TIFFError) {
    let type = info.sampleType
    var position = 0
    for piece in pieces {
      let count = piece.count / type.bytes
      if type == .float32 {
        let raw = UnsafeMutableRawBufferPointer(start: target + position, count: piece.count)
        try bytes.read(into: raw, at: piece.offset, page: page)
        if swap { type.convert(target + position, count: count, swappingBytes: true, to: target + position) }
      } else {
        try withScratch(piece.count) { (scratch, bytes, _) throws(TIFFError) in
          try bytes.read(into: scratch, at: piece.offset, page: page)
          guard let base = scratch.baseAddress else { return }
          type.convert(base, count: count, swappingBytes: swap, to: target + position)
        }
      }
      position += count
    }
  }

  private mutating func readStrips(
    _ layout: TIFFHandle.Layout, _ page: Int, _ rows: Range<Int>, _ info: StackInfo,
    into target: UnsafeMutablePointer<Float>
  ) throws(TIFFError) {
    let type = info.sampleType
    var row = rows.lowerBound
    while row < rows.upperBound {
      let strip = row / layout.chunkRows
      let first = strip * layout.chunkRows
      let end = min(first + layout.chunkRows, rows.upperBound)
      let out = target + (row - rows.lowerBound) * info.columns
      let count = (end - row) * info.columns
      let decoded = (end - first) * layout.chunkRowBytes
      if type == .float32, row == first {
        let raw = UnsafeMutableRawBufferPointer(start: out, count: decoded)
        try handle.readStrip(strip, into: raw, page: page)
      } else {
        let skipped = (row - first) * layout.chunkRowBytes
        try withScratch(decoded) { (scratch, _, handle) throws(TIFFError) in
          try handle.readStrip(strip, into: scratch, page: page)
          guard let base = scratch.baseAddress else { return }
          type.convert(base + skipped, count: count, swappingBytes: false, to: out)
        }
      }
      row = end
    }
  }

  private mutating func readTiles(
    _ layout: TIFFHandle.Layout, _ page: Int, _ rows: Range<Int>, _ info: StackInfo,
    into target: UnsafeMutablePointer<Float>
  ) throws(TIFFError) {
    let type = info.sampleType
    let across = (layout.columns + layout.chunkColumns - 1) / layout.chunkColumns
    for down in rows.lowerBound / layout.chunkRows...(rows.upperBound - 1) / layout.chunkRows {
      let first = down * layout.chunkRows
      let wanted = max(first, rows.lowerBound)..<min(first + layout.chunkRows, rows.upperBound)
      for tile in 0..<across {
        let column = tile * layout.chunkColumns
        let count = min(layout.chunkColumns, layout.columns - column)
        try withScratch(layout.chunkBytes) { (scratch, _, handle) throws(TIFFError) in
          try handle.readTile(down * across + tile, into: scratch, page: page)
          guard let base = scratch.baseAddress else { return }
          for row in wanted {
            type.convert(
              base + (row - first) * layout.chunkRowBytes, count: count, swappingBytes: false,
              to: target + (row - rows.lowerBound) * info.columns + column)
          }
        }
      }
    }
  }

  private mutating func withScratch(
    _ count: Int,
    _ body: (UnsafeMutableRawBufferPointer, borrowing FileBytes, inout TIFFHandle) throws(TIFFError) -> Void
  ) throws(TIFFError) {
    if scratch.count < count { scratch = [UInt8](repeating: 0, count: count) }
    var failure: TIFFError?
    scratch.withUnsafeMutableBytes { buffer in
      do throws(TIFFError) {
        try body(UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), bytes, &handle)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }
}
