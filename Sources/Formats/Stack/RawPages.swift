import Foundation

/// Pages of one size whose samples follow one another uncompressed, row after row and page after page, as a header
/// claims them.
struct RawPages: Sendable, Equatable {
  let pages: Int
  let rows: Int
  let columns: Int
  let type: SampleType
  /// Bytes are not in the order of this machine.
  let isSwapped: Bool
  /// Of the first sample in the file.
  let start: UInt64

  var rowBytes: Int { columns * type.bytes }
  var end: UInt64 { start + UInt64(pages * rows * rowBytes) }

  /// - Parameters:
  ///   - pages: The extents whose product is the number of pages.
  ///   - length: The most bytes that the file can hold.
  ///   - memory: The most that a page may take as `Float`.
  /// - Throws: ``StackError`` when the file cannot hold them, or memory a page.
  init(
    pages: [UInt64], rows: UInt64, columns: UInt64, type: SampleType, isSwapped: Bool, start: UInt64,
    path: String, format: FileFormat, length: UInt64, memory: Int
  ) throws(StackError) {
    let extents = pages + [rows, columns]
    let shape = extents.map(String.init).joined(separator: " × ")
    guard !extents.contains(0) else {
      throw .unsupported(
        path: path, format: format.name, found: "an array of \(shape) samples",
        expected: "at least one sample"
      )
    }
    guard let page = Self.product([rows, columns]), let all = Self.product(extents + [UInt64(type.bytes)]),
      start <= length, all <= length - start
    else {
      throw .damaged(
        path: path, format: format.name,
        reason:
          "it claims \(shape) samples of \(type.bytes) bytes from byte \(start) on, and holds at most \(length) bytes"
      )
    }
    guard page <= UInt64(max(0, memory) / MemoryLayout<Float>.size / type.components) else {
      throw .unsupported(
        path: path, format: format.name, found: "pages of \(rows) × \(columns) samples",
        expected: "pages that fit into \(memory) bytes")
    }
    let count = Int(all / UInt64(type.bytes) / page)
    guard count <= TIFFDirectoryChain.mostPages else {
      throw .unsupported(
        path: path, format: format.name, found: "\(count) pages of \(rows) × \(columns) samples",
        expected: "at most \(TIFFDirectoryChain.mostPages) pages")
    }
    self.pages = count
    self.rows = Int(rows)
    self.columns = Int(columns)
    self.type = type
    self.isSwapped = isSwapped
    self.start = start
  }

  /// Of the first sample of a row.
  func offset(ofRow row: Int, page: Int) -> UInt64 { start + UInt64((page * rows + row) * rowBytes) }

  /// Reads rows of a page from the file that holds them as they are.
  func read(
    _ range: Range<Int>, ofPage page: Int, of file: borrowing FileBytes,
    into target: UnsafeMutablePointer<Float>
  ) throws {
    try read(
      range.count * columns, from: file, at: offset(ofRow: range.lowerBound, page: page), page: page,
      into: target)
  }

  /// Reads `count` samples from byte `offset` on.
  func read(
    _ count: Int, from file: borrowing FileBytes, at offset: UInt64, page: Int,
    into target: UnsafeMutablePointer<Float>
  ) throws {
    try convert(count, to: target) { bytes, done throws in
      try file.read(into: bytes, at: offset + UInt64(done), page: page)
    }
  }

  /// Converts `count` samples that `fetch` gets one piece after another.
  ///
  /// - Parameter fetch: fills what it is given; also gets how many bytes went before.
  func convert(
    _ count: Int, to target: UnsafeMutablePointer<Float>,
    fetch: (_ bytes: UnsafeMutableRawBufferPointer, _ done: Int) throws -> Void
  ) throws {
    let component = type.component
    let numbers = count * type.components
    if component == .float32 {
      try fetch(UnsafeMutableRawBufferPointer(start: target, count: numbers * component.bytes), 0)
      if isSwapped { component.convert(target, count: numbers, swappingBytes: true, to: target) }
      return
    }
    // Through memory that stays in the processor's cache.
    let most = (64 << 10) / component.bytes
    let bytes = UnsafeMutableRawBufferPointer.allocate(
      byteCount: min(numbers, most) * component.bytes, alignment: 16)
    defer { bytes.deallocate() }
    var done = 0
    while done < numbers {
      let some = min(most, numbers - done)
      let piece = UnsafeMutableRawBufferPointer(rebasing: bytes[..<(some * component.bytes)])
      try fetch(piece, done * component.bytes)
      if let base = piece.baseAddress {
        component.convert(base, count: some, swappingBytes: isSwapped, to: target + done)
      }
      done += some
    }
  }

  /// nil where it exceeds an `Int`.
  static func product(_ factors: [UInt64]) -> UInt64? {
    var product: UInt64 = 1
    for factor in factors {
      let (next, overflow) = product.multipliedReportingOverflow(by: factor)
      guard !overflow, next <= UInt64(Int.max) else { return nil }
      product = next
    }
    return product
  }
}

extension StackInfo {
  /// Of pages as they lie in a file.
  init(
    _ format: FileFormat, _ pages: RawPages, spacing: Spacing = Spacing(), scale: Double = 1,
    offset: Double = 0,
    compression: String = "none", files: Int = 1, metadata: [String: String] = [:]
  ) {
    self.init(
      format, pages: pages.pages, rows: pages.rows, columns: pages.columns, sampleType: pages.type,
      spacing: spacing, scale: scale, offset: offset, compression: compression,
      byteOrder: pages.isSwapped == (1.bigEndian == 1) ? .little : .big, files: files, metadata: metadata)
  }
}

/// Beside a file of two: its name with another ending, in capitals where the ending was.
///
///     pairedPath("a/SCAN.HDR", ending: "hdr", with: "img")  // a/SCAN.IMG
func pairedPath(_ path: String, ending: String, with other: String) -> String {
  let last = path.suffix(ending.count)
  return path.dropLast(ending.count) + (last == last.uppercased() ? other.uppercased() : other)
}
