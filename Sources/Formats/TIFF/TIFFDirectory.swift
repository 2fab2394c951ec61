/// The tags of one page that decide whether and how it can be read.
struct TIFFDirectory {
  /// Where the directory begins in the file.
  var offset: UInt64
  var columns: UInt64 = 0
  var rows: UInt64 = 0
  var bits: UInt64 = 1
  var format: UInt64 = 1
  var samples: UInt64 = 1
  var compression: UInt64 = 1
  var photometric: UInt64 = 1
  var subfile: UInt64 = 0
  var resolutionUnit: UInt64 = 2
  var planarConfiguration: UInt64 = 1
  var fillOrder: UInt64 = 1
  /// What a second sample is: 0 unstated, 1 and 2 an opacity.
  var extraSample: UInt64 = 0
  var rowsPerStrip: UInt64 = .max
  var isTiled = false
  /// Where the lists of strips lie.
  var stripOffsets: Table?
  var stripBytes: Table?
  /// Where a value that does not fit in its entry lies, and its number of bytes.
  var descriptionBytes: (offset: UInt64, count: UInt64)?
  var softwareBytes: (offset: UInt64, count: UInt64)?
  var xResolutionOffset: UInt64?
  var yResolutionOffset: UInt64?

  /// Integers of one width somewhere in the file.
  struct Table {
    var offset: UInt64
    var count: UInt64
    var width: Int
  }

  var sampleType: SampleType? {
    extraSample == 0 ? SampleType(format: format, bits: bits, samples: samples) : nil
  }

  /// For messages: what the page is.
  var summary: String {
    let kinds: [UInt64: String] = [
      1: "unsigned", 2: "signed", 3: "float", 5: "complex integer", 6: "complex",
    ]
    let kind = kinds[format] ?? "unknown"
    return "\(rows) × \(columns) of \(samples == 1 ? "" : "\(samples) × ")\(bits)-bit \(kind)"
  }

  /// A copy at reduced size or a mask, which are no pages of the stack.
  var isAuxiliary: Bool { subfile & 0b101 != 0 }
}

/// The chain of directories of a file, walked once.
///
/// libtiff walks it too, but keeps no offsets and, page by page, searches all earlier ones. Each directory is
/// read here with one call and not visited again; libtiff then goes straight to the offset.
///
/// Source: TIFF Revision 6.0, Adobe 1992, section 2; BigTIFF as implemented in libtiff 4.
struct TIFFDirectoryChain {
  private(set) var directories: [TIFFDirectory] = []
  let isBigEndian: Bool
  let isBig: Bool

  /// More than any scan has; the list of that many takes 1 GB.
  static let mostPages = 1 << 22
  /// Bytes of a description.
  static let mostText: UInt64 = 16 << 20

  init(_ file: borrowing FileBytes) throws(TIFFError) {
    let head = try file.bytes(Int(min(16, file.length)), at: 0, page: 0)
    func notTIFF() -> TIFFError { .notTIFF(path: file.path, firstBytes: Array(head.prefix(4))) }

    switch Array(head.prefix(2)) {
    case Array("II".utf8): isBigEndian = false
    case Array("MM".utf8): isBigEndian = true
    default: throw notTIFF()
    }
    guard head.count >= 8 else {
      throw .truncated(path: file.path, page: 0, needed: 8, length: file.length)
    }
    var header = ByteReader(head, isBigEndian: isBigEndian)
    header.position = 2
    var next: UInt64
    switch header.integer(2) {
    case 42:
      isBig = false
      next = header.integer(4)
    case 43:
      isBig = true
      guard head.count == 16 else {
        throw .truncated(path: file.path, page: 0, needed: 16, length: file.length)
      }
      guard header.integer(2) == 8, header.integer(2) == 0 else { throw notTIFF() }
      next = header.integer(8)
    default: throw notTIFF()
    }

    guard next != 0 else {
      throw .damaged(
        path: file.path, page: 0,
        reason: "the file has no pages: what wrote it was stopped before the first one was complete")
    }
    var visited: Set<UInt64> = []
    var auxiliary = 0
    while next != 0 {
      let page = directories.count + auxiliary
      // A real directory takes 18 bytes and more, so a longer chain overlaps itself.
      guard visited.insert(next).inserted, UInt64(visited.count) <= file.length / 18 + 1 else {
        throw .damaged(path: file.path, page: page, reason: "the chain of pages runs in a circle")
      }
      guard page < Self.mostPages else { throw .tooManyPages(path: file.path, most: Self.mostPages) }
      let (directory, following) = try Self.read(
        file, at: next, page: page, isBig: isBig, isBigEndian: isBigEndian)
      if directory.isAuxiliary { auxiliary += 1 } else { directories.append(directory) }
      next = following
    }
    guard !directories.isEmpty else {
      throw .damaged(path: file.path, page: 0, reason: "the file has no pages")
    }
  }

  private static func read(
    _ file: borrowing FileBytes, at offset: UInt64, page: Int, isBig: Bool, isBigEndian: Bool
  ) throws(TIFFError) -> (TIFFDirectory, next: UInt64) {
    let (countBytes, entryBytes, pointerBytes) = isBig ? (8, 20, 8) : (2, 12, 4)
    guard offset < file.length else {
      throw .truncated(path: file.path, page: page, needed: offset, length: file.length)
    }
    // Enough for some twenty tags: one call per page in nearly every file.
    var bytes = ByteReader(
      try file.bytes(Int(min(512, file.length - offset)), at: offset, page: page), isBigEndian: isBigEndian)
    guard bytes.remaining >= countBytes else {
      throw .truncated(path: file.path, page: page, needed: offset + UInt64(countBytes), length: file.length)
    }
    let count = bytes.integer(countBytes)
    guard count > 0, count <= 4096 else {
      throw .damaged(path: file.path, page: page, reason: "its directory claims \(count) entries")
    }
    let size = countBytes + Int(count) * entryBytes + pointerBytes
    if size > bytes.count {
      bytes = ByteReader(try file.bytes(size, at: offset, page: page), isBigEndian: isBigEndian)
      bytes.position = countBytes
    }

    var directory = TIFFDirectory(offset: offset)
    for entry in 0..<Int(count) {
      let start = countBytes + entry * entryBytes
      bytes.position = start
      let tag = bytes.integer(2)
      let type = bytes.integer(2)
      let valueCount = bytes.integer(pointerBytes)
      let valueStart = bytes.position
      let pointer = bytes.integer(pointerBytes)
      let width = Self.width(type)
      let isInline = valueCount <= 16 && Int(valueCount) * width <= pointerBytes
      let place = isInline ? offset + UInt64(valueStart) : pointer
      bytes.position = valueStart
      let value = isInline && [1, 3, 4, 16].contains(type) ? bytes.integer(width) : nil

      switch tag {
      case 254: directory.subfile = value ?? 0
      case 256: directory.columns = value ?? 0
      case 257: directory.rows = value ?? 0
      case 258:
        if let value {
          directory.bits = value
        } else {
          // One number per channel, elsewhere in the file; the first is enough for a message.
          var first = ByteReader(try file.bytes(2, at: place, page: page), isBigEndian: isBigEndian)
          directory.bits = first.integer(2)
        }
      case 259: directory.compression = value ?? directory.compression
      case 262: directory.photometric = value ?? directory.photometric
      case 270 where type == 2 || type == 1: directory.descriptionBytes = (place, valueCount)
      case 266: directory.fillOrder = value ?? directory.fillOrder
      case 273: directory.stripOffsets = .init(offset: place, count: valueCount, width: Self.width(type))
      case 277: directory.samples = value ?? 0
      case 278: directory.rowsPerStrip = value ?? directory.rowsPerStrip
      case 279: directory.stripBytes = .init(offset: place, count: valueCount, width: Self.width(type))
      case 282 where type == 5: directory.xResolutionOffset = place
      case 283 where type == 5: directory.yResolutionOffset = place
      case 284: directory.planarConfiguration = value ?? directory.planarConfiguration
      case 296: directory.resolutionUnit = value ?? 1
      case 305 where type == 2: directory.softwareBytes = (place, valueCount)
      case 322, 324: directory.isTiled = true
      case 338: directory.extraSample = value ?? 0
      case 339: directory.format = value ?? directory.format
      default: break
      }
    }
    bytes.position = countBytes + Int(count) * entryBytes
    return (directory, bytes.integer(pointerBytes))
  }

  /// Bytes of one value of a TIFF field type.
  private static func width(_ type: UInt64) -> Int {
    switch type {
    case 1, 2, 6, 7: 1
    case 3, 8: 2
    case 4, 9, 11, 13: 4
    default: 8
    }
  }

  /// The ImageDescription; unreadable bytes and texts beyond 16 MiB count as none.
  func description(of directory: TIFFDirectory, in file: borrowing FileBytes) -> String {
    text(directory.descriptionBytes, in: file)
  }

  /// The name of the program that wrote a page; empty where it is not said.
  func software(of directory: TIFFDirectory, in file: borrowing FileBytes) -> String {
    text(directory.softwareBytes, in: file)
  }

  private func text(_ place: (offset: UInt64, count: UInt64)?, in file: borrowing FileBytes) -> String {
    guard let (offset, count) = place, count <= Self.mostText,
      let bytes = try? file.bytes(Int(count), at: offset, page: 0)
    else { return "" }
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }

  /// Where the pixels of an uncompressed page begin if they are one run of bytes in row order.
  func run(of directory: TIFFDirectory, rowBytes: UInt64, in file: borrowing FileBytes) -> UInt64? {
    guard directory.compression == 1, directory.fillOrder == 1, !directory.isTiled,
      directory.samples == 1 || directory.planarConfiguration == 1,
      let offsets = integers(directory.stripOffsets, in: file), let first = offsets.first
    else { return nil }
    let rowsPerStrip = min(directory.rowsPerStrip, directory.rows)
    guard rowsPerStrip > 0, UInt64(offsets.count) == (directory.rows + rowsPerStrip - 1) / rowsPerStrip,
      let bytes = integers(directory.stripBytes, in: file), bytes.count == offsets.count
    else { return nil }
    for (strip, offset) in offsets.enumerated() {
      let row = UInt64(strip) * rowsPerStrip
      guard offset == first &+ row * rowBytes,
        bytes[strip] >= min(rowsPerStrip, directory.rows - row) * rowBytes
      else { return nil }
    }
    return first
  }

  /// The numbers of a table; nil where it is too long, of another type or not in the file.
  private func integers(_ table: TIFFDirectory.Table?, in file: borrowing FileBytes) -> [UInt64]? {
    guard let table, table.count > 0, table.count <= 1 << 20, [2, 4, 8].contains(table.width),
      let bytes = try? file.bytes(Int(table.count) * table.width, at: table.offset, page: 0)
    else { return nil }
    var reader = ByteReader(bytes, isBigEndian: isBigEndian)
    return (0..<table.count).map { _ in reader.integer(table.width) }
  }

  /// A RATIONAL value: numerator and denominator, 32 bits each.
  func rational(at offset: UInt64?, in file: borrowing FileBytes) -> Double? {
    guard let offset, let bytes = try? file.bytes(8, at: offset, page: 0) else { return nil }
    var reader = ByteReader(bytes, isBigEndian: isBigEndian)
    let (numerator, denominator) = (reader.integer(4), reader.integer(4))
    return denominator == 0 ? nil : Double(numerator) / Double(denominator)
  }
}

/// Reads integers of either byte order one after another.
private struct ByteReader {
  private let bytes: [UInt8]
  private let isBigEndian: Bool
  var position = 0

  init(_ bytes: [UInt8], isBigEndian: Bool) {
    self.bytes = bytes
    self.isBigEndian = isBigEndian
  }

  var count: Int { bytes.count }
  var remaining: Int { bytes.count - position }

  mutating func integer(_ size: Int) -> UInt64 {
    var value: UInt64 = 0
    for i in 0..<size {
      value = value << 8 | UInt64(bytes[position + (isBigEndian ? i : size - 1 - i)])
    }
    position += size
    return value
  }
}
