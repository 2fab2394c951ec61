import Fields
import Foundation

/// Writes a header and, behind it, the samples of one page after another, row after row, in this machine's byte order; in
/// memory of one page. What ``RawPages`` reads.
///
/// The file grows under a temporary name, see ``PendingFile``.
struct RawPagesWriter: PageWriter, ~Copyable {
  private let stack: StackLayout
  private let path: String
  private let axes: PageAxes?
  private var file: PendingFile
  private var gzip: GzipFile?
  /// Of the first page.
  private let start: Int
  private var count = 0
  /// Until it is written, with the first page.
  private var header: [UInt8]
  private var failure: StackWriteError?

  /// - Parameters:
  ///   - stack: of floats or complex numbers.
  ///   - isCompressed: by gzip, header and all.
  ///   - axes: that give every page its place, where pages do not follow one another as they come; not of a compressed file.
  /// - Throws: ``StackWriteError``.
  init(
    path: String, _ stack: StackLayout, header: [UInt8], isCompressed: Bool = false, axes: PageAxes? = nil
  ) throws {
    precondition(
      stack.storage == .float32 || stack.storage == .complex64, "integers need a format of their own")
    let file: PendingFile
    do throws(FileError) { file = try PendingFile(path: path) } catch { throw StackWriteError.file(error) }
    let needed = UInt64(header.count) + UInt64(stack.pages) * UInt64(Self.pageBytes(stack))
    let free = freeSpace(beside: file.temporary)
    guard isCompressed || free >= needed else {
      throw StackWriteError.noSpace(path: path, needed: needed, free: free)
    }
    let gzip = isCompressed ? try Self.gzip(path, file.temporary) : nil
    self.stack = stack
    self.path = path
    self.axes = axes
    start = header.count
    self.gzip = gzip
    self.file = file
    // A type without copies cannot throw once it is complete.
    self.header = header
  }

  private static func pageBytes(_ stack: StackLayout) -> Int {
    stack.rows * stack.columns * stack.storage.sampleType.bytes
  }

  private static func gzip(_ path: String, _ place: String) throws -> GzipFile {
    do throws(FileError) {
      return try GzipFile(path: path, place: place)
    } catch {
      throw StackWriteError.file(error)
    }
  }

  /// - Throws: ``StackWriteError``. After an error of the disk the writer stays in that state.
  mutating func append(_ page: StackPage) throws {
    if let failure { throw failure }
    guard page.shape == [stack.rows, stack.columns] else { throw wrong(page.shape.description) }
    guard count < stack.pages else {
      throw StackWriteError.wrongPageCount(path: path, written: count + 1, expected: stack.pages)
    }
    if let (position, value) = page.firstNotFinite {
      throw StackWriteError.notFinite(
        path: path, page: count, row: position / stack.columns, column: position % stack.columns, value: value
      )
    }
    if !header.isEmpty { try put(header) }
    header = []
    if let axes {
      let place = start + axes.place(ofPage: count) * Self.pageBytes(stack)
      do throws(FileError) { try file.seek(to: place) } catch { throw StackWriteError.file(error) }
    }
    switch (stack.storage, page) {
    case (.float32, .real(let image)): try put(image.samples)
    case (.complex64, .complex(let image)): try put(image.samples)
    case (_, .real): throw wrong("real")
    case (_, .complex): throw wrong("complex")
    }
    count += 1
  }

  consuming func finish() throws {
    try complete()
    do throws(FileError) { try publish() } catch { throw StackWriteError.file(error) }
  }

  /// Makes the file durable under its temporary name.
  mutating func complete() throws {
    if let failure { throw failure }
    guard count == stack.pages else {
      throw StackWriteError.wrongPageCount(path: path, written: count, expected: stack.pages)
    }
    do throws(FileError) {
      if let gzip = gzip.take() { try gzip.close() }
      try file.complete()
    } catch {
      throw StackWriteError.file(error)
    }
  }

  /// Gives the file its name.
  mutating func publish() throws(FileError) { try file.publish() }

  private func wrong(_ found: String) -> StackWriteError {
    let kind = stack.storage == .float32 ? "real" : "complex"
    return .wrongPage(
      path: path, page: count, found: found, expected: "\(stack.rows) × \(stack.columns) \(kind) samples")
  }

  private mutating func put<Element>(_ elements: [Element]) throws {
    try elements.withUnsafeBytes { try put($0) }
  }

  private mutating func put(_ bytes: UnsafeRawBufferPointer) throws {
    do throws(FileError) {
      if gzip == nil { try file.write(bytes) } else { try gzip?.write(bytes) }
    } catch {
      failure = .file(error)
      throw StackWriteError.file(error)
    }
  }
}
