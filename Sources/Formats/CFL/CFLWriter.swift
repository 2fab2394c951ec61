import ComplexModule
import Fields
import Foundation

/// Writes complex pages to an array of BART, `NAME.cfl` and `NAME.hdr`, one by one and in memory of one page.
///
/// Columns become dimension 0, rows dimension 1. Both files grow under temporary names, see ``PendingFile``; ``finish()``
/// makes them durable and gives them their names, the header last: there is no array without it. Without ``finish()``,
/// after an error or when the writer is dropped, nothing is left.
public struct CFLWriter: PageWriter, ~Copyable, Sendable {
  /// Of the samples.
  public let path: String
  /// Of the extents.
  public let headerPath: String
  public let rows: Int
  public let columns: Int
  /// How many pages were appended.
  public private(set) var count = 0

  private let axes: PageAxes?
  private var file: PendingFile
  private var failure: CFLError?

  /// As many as there are in BART.
  static let dimensions = 16

  /// - Parameters:
  ///   - path: `NAME.cfl` or `NAME.hdr`.
  ///   - axes: What the pages run along: `PageAxes([1, 8])` are eight coils of one slice. nil makes every page a slice,
  ///     along dimension 2.
  /// - Throws: ``CFLError``.
  public init(path: String, rows: Int, columns: Int, axes: PageAxes? = nil) throws(CFLError) {
    precondition(rows > 0 && columns > 0, "pages of \(rows) × \(columns)")
    precondition((axes?.extents.count ?? 1) <= Self.dimensions - 2, "extents \(axes?.extents ?? [])")
    guard CFLHeader.isName(path) else { throw .name(path: path) }
    let names = CFLHeader.files(path)
    guard CFLHeader.isReplaceable(names.header) else { throw .otherHeader(path: names.header) }
    let file: PendingFile
    do throws(FileError) {
      try expectReplaceable(names.header)
      file = try PendingFile(path: names.data)
    } catch {
      throw .file(error)
    }
    if let axes {
      let needed = UInt64(axes.count) * UInt64(rows * columns * SampleType.complex64.bytes)
      let free = freeSpace(beside: file.temporary)
      guard free >= needed else { throw .noSpace(path: names.data, needed: needed, free: free) }
    }
    self.path = names.data
    headerPath = names.header
    self.rows = rows
    self.columns = columns
    self.axes = axes
    self.file = file
  }

  /// Writes one more page. Shape: `[rows, columns]`.
  ///
  /// - Throws: ``CFLError``. After an error of the disk the writer stays in that state.
  public mutating func append(_ image: ComplexImage) throws(CFLError) {
    if let failure { throw failure }
    guard image.shape == [rows, columns] else {
      throw .wrongPage(
        path: path, page: count, found: image.shape.description, expected: "\(rows) × \(columns)")
    }
    if let pages = axes?.count, count == pages {
      throw .wrongPageCount(path: path, written: count + 1, expected: pages)
    }
    if let position = image.samples.firstIndex(where: { !$0.isFinite }) {
      throw .notFinite(path: path, page: count, row: position / columns, column: position % columns)
    }
    do throws(FileError) {
      let place = axes?.place(ofPage: count) ?? count
      try file.seek(to: place * rows * columns * SampleType.complex64.bytes)
      try write(image.samples)
    } catch {
      failure = .file(error)
      throw .file(error)
    }
    count += 1
  }

  /// Writes one more page; real samples get an imaginary part of 0.
  public mutating func append(_ page: StackPage) throws {
    switch page {
    case .complex(let image): try append(image)
    case .real(let image):
      try append(ComplexImage(shape: image.shape, samples: image.samples.map { Complex($0) }))
    }
  }

  /// Makes both files durable and gives them their names, replacing files of those names.
  public consuming func finish() throws(CFLError) {
    if let failure { throw failure }
    guard count > 0, count == axes?.count ?? count else {
      throw .wrongPageCount(path: path, written: count, expected: axes?.count ?? 1)
    }
    var dimensions = [columns, rows] + (axes?.extents ?? [count])
    dimensions += [Int](repeating: 1, count: Self.dimensions - dimensions.count)
    let text = "# Dimensions\n" + dimensions.map { "\($0) " }.joined() + "\n"
    do throws(FileError) {
      var header = try PendingFile(path: headerPath)
      try header.write(text)
      try header.complete()
      try file.complete()
      // A header of before must not be taken for that of the new samples, whenever this ends.
      guard unlink(filePlace(headerPath)) == 0 || errno == ENOENT else {
        throw FileError.cannotCreate(path: headerPath, code: errno)
      }
      try file.publish()
      try header.publish()
    } catch {
      throw .file(error)
    }
  }

  private mutating func write(_ samples: [Complex<Float>]) throws(FileError) {
    var failure: FileError?
    func put(_ bytes: UnsafeRawBufferPointer) {
      do throws(FileError) { try file.write(bytes) } catch { failure = error }
    }
    if 1.littleEndian == 1 {
      samples.withUnsafeBytes(put)
    } else {
      samples.flatMap { [$0.real.bitPattern.littleEndian, $0.imaginary.bitPattern.littleEndian] }
        .withUnsafeBytes(put)
    }
    if let failure { throw failure }
  }
}

extension OutputFormat {
  /// Pages are slices, along dimension 2, unless ``StackLayout/axes`` knows better.
  static let cfl = OutputFormat(
    name: FileFormat.cfl.name, extensions: ["cfl", "hdr"], holds: [],
    targets: { path in [CFLHeader.files(path).header, CFLHeader.files(path).data] }
  ) { path, stack in
    PageSink(
      try CFLWriter(
        path: path, rows: stack.rows, columns: stack.columns, axes: stack.axes ?? PageAxes([stack.pages])))
  }
}
