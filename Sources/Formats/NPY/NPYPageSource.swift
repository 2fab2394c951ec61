import Foundation
import Synchronization

/// The pages of an `.npy` file of NumPy.
///
/// The last axis runs along the columns and the last but one along the rows; those before are pages, in the order in
/// which NumPy counts: `array[p]` of three axes is page p. Two axes are one page. Booleans become 0 and 1.
///
/// In C order rows are read by themselves. In Fortran order the samples of a page lie scattered over the whole file: one
/// walk through it gathers as many pages as fit into 64 MiB, or into what a page may take if that is less, and serves
/// those that follow.
final class NPYPageSource: PageSource {
  let info: StackInfo
  let files: [String]
  private let file: FileBytes
  private let pages: RawPages
  private let scattered: FortranPages?

  init(path: String, memory: Int) throws {
    file = try FileBytes(path: path)
    let header = try NPYHeader(file)
    let shape = header.shape
    guard shape.count >= 2 else {
      throw StackError.unsupported(
        path: path, format: FileFormat.npy.name,
        found: shape.isEmpty ? "a single number" : "an array of one axis",
        expected: "two axes (rows, columns) or more, as array.reshape(rows, columns) makes them")
    }
    pages = try RawPages(
      pages: Array(shape.dropLast(2)), rows: shape[shape.count - 2], columns: shape[shape.count - 1],
      type: header.type, isSwapped: header.isBigEndian != (1.bigEndian == 1), start: header.start, path: path,
      format: .npy, length: file.length, memory: memory)
    scattered =
      header.isFortran ? FortranPages(pages, extents: shape.dropLast(2).map(Int.init), memory: memory) : nil
    files = [path]
    info = StackInfo(
      .npy, pages,
      metadata: [
        "shape": shape.map(String.init).joined(separator: " "), "order": header.isFortran ? "Fortran" : "C",
      ])
  }

  func read(_ rows: Range<Int>, ofPage index: Int, into target: UnsafeMutablePointer<Float>) throws {
    if let scattered {
      try scattered.read(rows, ofPage: index, of: file, into: target)
    } else {
      try pages.read(rows, ofPage: index, of: file, into: target)
    }
  }

  func place(ofPage index: Int) -> (path: String, page: Int) { (file.path, index) }
}

/// Pages of an array whose first axis is the fastest: sample l + L (r + R c) is that of row r and column c on page l of L.
///
/// l counts with the first axis fastest too; where more than one axis are pages, it is not the number of the page.
private final class FortranPages: Sendable {
  private let pages: RawPages
  /// Of the axes that are pages.
  private let extents: [Int]
  /// Of gathered pages, in bytes.
  private let budget: Int
  private let gathered = Mutex<Block?>(nil)

  /// Some rows of neighbouring pages, gathered.
  private struct Block {
    var rows: Range<Int>
    var pages: Range<Int>
    var samples: [Float]
  }

  init(_ pages: RawPages, extents: [Int], memory: Int) {
    self.pages = pages
    self.extents = extents
    budget = min(memory, 64 << 20)
  }

  func read(
    _ rows: Range<Int>, ofPage index: Int, of file: borrowing FileBytes,
    into target: UnsafeMutablePointer<Float>
  ) throws {
    let page = place(of: index)
    guard pages.pages > 1 else { return try gather(rows, page..<1, of: file, into: target) }
    // Bits, so that the pointer does not tie the caller's memory to the state behind the lock.
    let address = UInt(bitPattern: target)
    try gathered.withLock { block in
      guard let target = UnsafeMutablePointer<Float>(bitPattern: address) else { return }
      let perRow = pages.columns * pages.type.components
      var last = block.take()
      if last.map({
        $0.pages.contains(page) && $0.rows.lowerBound <= rows.lowerBound
          && rows.upperBound <= $0.rows.upperBound
      }) != true {
        // Released before the next is allocated.
        last = nil
        let numbers = rows.count * perRow
        let most = max(1, budget / (numbers * MemoryLayout<Float>.size))
        let first = page / most * most
        let range = first..<min(first + most, pages.pages)
        let samples = try [Float](unsafeUninitializedCapacity: range.count * numbers) { buffer, count in
          guard let base = buffer.baseAddress else { return }
          try gather(rows, range, of: file, into: base)
          count = range.count * numbers
        }
        last = Block(rows: rows, pages: range, samples: samples)
      }
      guard let found = last else { return }
      let from =
        ((page - found.pages.lowerBound) * found.rows.count + rows.lowerBound - found.rows.lowerBound)
      found.samples.withUnsafeBufferPointer { source in
        guard let base = source.baseAddress else { return }
        target.update(from: base + from * perRow, count: rows.count * perRow)
      }
      block = found
    }
  }

  /// l of a page.
  private func place(of index: Int) -> Int {
    // The last axis is the fastest in `index`.
    var rest = index
    let indices = extents.reversed().map { extent in
      defer { rest /= extent }
      return rest % extent
    }
    return zip(extents.reversed(), indices).reduce(0) { $0 * $1.0 + $1.1 }
  }

  /// Fills `target`, `[wanted.count, rows.count, columns]`.
  private func gather(
    _ rows: Range<Int>, _ wanted: Range<Int>, of file: borrowing FileBytes,
    into target: UnsafeMutablePointer<Float>
  ) throws {
    let (L, R, C) = (pages.pages, pages.rows, pages.columns)
    let parts = pages.type.components
    let most = 16 << 10
    let piece = UnsafeMutablePointer<Float>.allocate(capacity: most * parts)
    defer { piece.deallocate() }

    /// Samples of which those of other pages are passed over.
    func take(_ start: Int, _ count: Int) throws {
      var start = start
      let end = start + count
      while start < end {
        let some = min(most, end - start)
        try pages.read(
          some, from: file, at: pages.start + UInt64(start * pages.type.bytes), page: wanted.lowerBound,
          into: piece)
        var (pixel, l) = start.quotientAndRemainder(dividingBy: L)
        var i = 0
        while i < some {
          let row = pixel % R - rows.lowerBound
          let column = pixel / R
          let run = min(L - l, some - i)
          for page in max(l, wanted.lowerBound)..<max(l, wanted.lowerBound, min(l + run, wanted.upperBound)) {
            let from = piece + (i + page - l) * parts
            let to = target + (((page - wanted.lowerBound) * rows.count + row) * C + column) * parts
            for part in 0..<parts { to[part] = from[part] }
          }
          i += run
          pixel += 1
          l = 0
        }
        start += some
      }
    }

    if L > most / 4 {
      // The rest would be read for nothing.
      for column in 0..<C {
        for row in rows { try take(L * (row + R * column) + wanted.lowerBound, wanted.count) }
      }
    } else if rows.count == R {
      try take(0, L * R * C)
    } else {
      for column in 0..<C { try take(L * (rows.lowerBound + R * column), L * rows.count) }
    }
  }
}
