import Synchronization

/// Where the pixels of a page are.
struct TIFFPageLocation: Sendable {
  /// Which file of the stack.
  var file: Int
  /// Within the file.
  var page: Int
  /// Of the directory.
  var directory: UInt64
  /// Of the first pixel, where all follow one another uncompressed: these are read without libtiff.
  var run: UInt64?
}

/// One cursor into a stack: the file opened last, behind a lock.
final class TIFFPageReader: Sendable {
  private let open = Mutex<OpenFile?>(nil)
  private let info: StackInfo
  private let memory: Int

  /// - Parameter memory: the most bytes that a strip or tile may take.
  init(_ info: StackInfo, memory: Int) {
    self.info = info
    self.memory = memory
  }

  /// Only a hint for choosing a reader; the lock decides.
  var isBusy: Bool { open.withLockIfAvailable { _ in true } == nil }

  /// Fills `target` with the components of some rows of a page.
  ///
  /// - Parameter state: of the file when the stack was opened.
  func read(
    _ path: String, _ state: FileBytes.State, _ location: TIFFPageLocation, _ rows: Range<Int>,
    into target: UnsafeMutablePointer<Float>
  ) throws(TIFFError) {
    // Bits, so that the pointer does not tie the caller's memory to the state behind the lock.
    let address = UInt(bitPattern: target)
    try open.withLock { open throws(TIFFError) in
      guard let target = UnsafeMutablePointer<Float>(bitPattern: address) else { return }
      var file = try OpenFile.opened(path, state, memory, keeping: open.take())
      // A file that failed is not put back: its cursor may be anywhere.
      try file.read(location, rows, info, into: target)
      open = consume file
    }
  }
}

/// A file as bytes and, once that is needed, as libtiff sees it, with memory for decoding.
private struct OpenFile: ~Copyable {
  private let bytes: FileBytes
  private let memory: Int
  private var handle: TIFFHandle?
  private var scratch = Scratch()

  private init(path: String, memory: Int) throws(TIFFError) {
    bytes = try FileBytes(path: path)
    self.memory = memory
  }

  static func opened(
    _ path: String, _ state: FileBytes.State, _ memory: Int, keeping last: consuming OpenFile?
  ) throws(TIFFError) -> OpenFile {
    if let last = consume last, last.bytes.path == path { return last }
    let file = try OpenFile(path: path, memory: memory)
    guard file.bytes.state == state else { throw .changed(path: path) }
    return file
  }

  mutating func read(
    _ location: TIFFPageLocation, _ rows: Range<Int>, _ info: StackInfo,
    into target: UnsafeMutablePointer<Float>
  ) throws(TIFFError) {
    let type = info.sampleType
    if let run = location.run {
      let rowBytes = info.columns * type.bytes
      return try readBytes(
        [(run + UInt64(rows.lowerBound * rowBytes), rows.count * rowBytes)], location.page, type.component,
        swap: (info.byteOrder == .big) != (1.bigEndian == 1), into: target, step: 1)
    }
    let layout = try withHandle { handle throws(TIFFError) in
      try handle.select(location.directory, page: location.page)
    }
    // The directory was read at opening; libtiff may read it differently.
    guard
      layout.columns == info.columns, layout.rows == info.rows,
      SampleType(format: layout.format, bits: UInt64(layout.bits), samples: UInt64(layout.samples)) == type
    else {
      throw .damaged(
        path: bytes.path, page: location.page,
        reason: "it is \(layout.rows) × \(layout.columns) of \(layout.bits) bits and something else in one")
    }
    let planes = layout.isPlanar ? layout.samples : 1
    let sampleBytes = type.bytes / planes
    let capacity = TIFFCompression(tag: layout.compression).capacity(of: bytes.length) ?? 0
    guard
      layout.chunkRows > 0, layout.chunkColumns > 0, layout.chunkBytes > 0, layout.chunks > 0,
      UInt64(layout.chunkBytes) <= min(UInt64(memory), capacity),
      layout.chunkRowBytes == layout.chunkColumns * sampleBytes,
      layout.chunkBytes == layout.chunkRows * layout.chunkRowBytes,
      layout.chunks
        == planes * ((layout.rows + layout.chunkRows - 1) / layout.chunkRows)
        * ((layout.columns + layout.chunkColumns - 1) / layout.chunkColumns)
    else {
      throw .damaged(
        path: bytes.path, page: location.page,
        reason: "its \(layout.isTiled ? "tiles" : "strips") do not fit its size")
    }
    for index in 0..<planes {
      let plane = Plane(
        layout: layout, page: location.page, type: type.component, step: planes,
        numbersPerRow: layout.columns * type.components / planes, first: layout.chunks / planes * index)
      if layout.isTiled {
        try readTiles(plane, rows, into: target + index)
      } else if layout.isUncompressed && layout.isPlainBitOrder {
        try readPlainStrips(plane, rows, into: target + index)
      } else {
        try readStrips(plane, rows, into: target + index)
      }
    }
  }

  /// The strips or tiles that hold all components of a page or, where they lie apart, one of them.
  private struct Plane {
    var layout: TIFFHandle.Layout
    var page: Int
    var type: SampleType
    /// From one number to the next in memory.
    var step: Int
    var numbersPerRow: Int
    /// The first strip or tile.
    var first: Int
  }

  /// Uncompressed rows, straight from the file; neighbouring strips in one call.
  private mutating func readPlainStrips(
    _ plane: Plane, _ rows: Range<Int>, into target: UnsafeMutablePointer<Float>
  ) throws(TIFFError) {
    let (layout, page) = (plane.layout, plane.page)
    let rowBytes = layout.chunkRowBytes
    var pieces: [(offset: UInt64, count: Int)] = []
    var row = rows.lowerBound
    while row < rows.upperBound {
      let strip = row / layout.chunkRows
      let first = strip * layout.chunkRows
      let end = min(first + layout.chunkRows, rows.upperBound)
      let place = try withHandle { handle throws(TIFFError) in
        try handle.place(ofStrip: plane.first + strip, page: page)
      }
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
    let swap = try withHandle { handle in handle.isByteSwapped }
    try readBytes(pieces, page, plane.type, swap: swap, into: target, step: plane.step)
  }

  private mutating func readBytes(
    _ pieces: [(offset: UInt64, count: Int)], _ page: Int, _ type: SampleType, swap: Bool,
    into target: UnsafeMutablePointer<Float>, step: Int
  ) throws(TIFFError) {
    var target = target
    for piece in pieces {
      let count = piece.count / type.bytes
      if type == .float32, step == 1 {
        let raw = UnsafeMutableRawBufferPointer(start: target, count: piece.count)
        try bytes.read(into: raw, at: piece.offset, page: page)
        if swap { type.convert(target, count: count, swappingBytes: true, to: target) }
      } else {
        // Through memory that stays in the processor's cache.
        let part = max(1, (256 << 10) / type.bytes)
        for start in stride(from: 0, to: count, by: part) {
          let some = min(part, count - start)
          let out = target + start * step
          let scratch = self.scratch.bytes(some * type.bytes)
          try bytes.read(into: scratch, at: piece.offset + UInt64(start * type.bytes), page: page)
          if let base = scratch.baseAddress {
            type.convert(base, count: some, swappingBytes: swap, to: out, step: step)
          }
        }
      }
      target += count * step
    }
  }

  private mutating func readStrips(
    _ plane: Plane, _ rows: Range<Int>, into target: UnsafeMutablePointer<Float>
  ) throws(TIFFError) {
    let (layout, page) = (plane.layout, plane.page)
    var row = rows.lowerBound
    while row < rows.upperBound {
      let strip = row / layout.chunkRows
      let first = strip * layout.chunkRows
      let end = min(first + layout.chunkRows, rows.upperBound)
      let out = target + (row - rows.lowerBound) * plane.numbersPerRow * plane.step
      let decoded = (end - first) * layout.chunkRowBytes
      if plane.type == .float32, plane.step == 1, row == first {
        let raw = UnsafeMutableRawBufferPointer(start: out, count: decoded)
        try withHandle { handle throws(TIFFError) in
          try handle.readStrip(plane.first + strip, into: raw, page: page)
        }
      } else {
        let skipped = (row - first) * layout.chunkRowBytes
        let count = (end - row) * plane.numbersPerRow
        let scratch = self.scratch.bytes(decoded)
        try withHandle { handle throws(TIFFError) in
          try handle.readStrip(plane.first + strip, into: scratch, page: page)
        }
        if let base = scratch.baseAddress {
          plane.type.convert(base + skipped, count: count, swappingBytes: false, to: out, step: plane.step)
        }
      }
      row = end
    }
  }

  private mutating func readTiles(
    _ plane: Plane, _ rows: Range<Int>, into target: UnsafeMutablePointer<Float>
  ) throws(TIFFError) {
    let layout = plane.layout
    let across = (layout.columns + layout.chunkColumns - 1) / layout.chunkColumns
    let perPixel = plane.numbersPerRow / layout.columns
    for down in rows.lowerBound / layout.chunkRows...(rows.upperBound - 1) / layout.chunkRows {
      let first = down * layout.chunkRows
      let wanted = max(first, rows.lowerBound)..<min(first + layout.chunkRows, rows.upperBound)
      for tile in 0..<across {
        let column = tile * layout.chunkColumns
        let count = min(layout.chunkColumns, layout.columns - column) * perPixel
        let scratch = self.scratch.bytes(layout.chunkBytes)
        try withHandle { handle throws(TIFFError) in
          try handle.readTile(plane.first + down * across + tile, into: scratch, page: plane.page)
        }
        guard let base = scratch.baseAddress else { return }
        for row in wanted {
          let number = (row - rows.lowerBound) * plane.numbersPerRow + column * perPixel
          plane.type.convert(
            base + (row - first) * layout.chunkRowBytes, count: count, swappingBytes: false,
            to: target + number * plane.step, step: plane.step)
        }
      }
    }
  }

  private mutating func withHandle<Result>(
    _ body: (inout TIFFHandle) throws(TIFFError) -> Result
  ) throws(TIFFError) -> Result {
    var open: TIFFHandle
    if let last = handle.take() {
      open = last
    } else {
      open = try TIFFHandle(path: bytes.path, allocationLimit: max(1 << 20, memory))
    }
    let result = try body(&open)
    handle = consume open
    return result
  }
}

/// Memory that grows to what was asked for and is used again.
///
/// It may be sent between threads, because it has one owner and its bytes are reached through that owner alone.
private struct Scratch: ~Copyable, @unchecked Sendable {
  private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)

  /// Without a value, until the next call.
  mutating func bytes(_ count: Int) -> UnsafeMutableRawBufferPointer {
    if memory.count < count {
      memory.deallocate()
      memory = .allocate(byteCount: count, alignment: 16)
    }
    return UnsafeMutableRawBufferPointer(rebasing: memory[..<count])
  }

  deinit { memory.deallocate() }
}
