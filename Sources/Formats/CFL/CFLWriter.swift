import ComplexModule
import Fields
import Foundation

/// Writes complex pages to an array of BART, `NAME.cfl` and `NAME.hdr`, one by one and in memory of one page.
///
/// Columns become dimension 0, rows dimension 1; pages are slices, along dimension 2, unless ``StackLayout/axes`` knows
/// better. Real samples get an imaginary part of 0. Both files grow under temporary names, see ``PendingFile``; ``finish()``
/// makes them durable and gives them their names, the header last: there is no array without it. Without ``finish()``,
/// after an error or when the writer is dropped, nothing is left.
public struct CFLWriter: PageWriter, ~Copyable, Sendable {
  private let headerPath: String
  private let dimensions: [Int]
  private var pages: RawPagesWriter

  /// As many as there are in BART.
  static let mostDimensions = 16

  /// - Parameter path: `NAME.cfl` or `NAME.hdr`.
  /// - Throws: ``CFLError``, ``StackWriteError``.
  public init(path: String, _ stack: StackLayout) throws {
    let axes = stack.axes ?? PageAxes([stack.pages])
    precondition(
      axes.extents.count <= Self.mostDimensions - 2 && axes.count == stack.pages,
      "\(stack.pages) pages along \(axes.extents)")
    guard CFLHeader.isName(path) else { throw CFLError.name(path: path) }
    let names = CFLHeader.files(path)
    guard CFLHeader.isReplaceable(names.header) else { throw CFLError.otherHeader(path: names.header) }
    do throws(FileError) { try expectReplaceable(names.header) } catch { throw StackWriteError.file(error) }
    var stack = stack
    stack.storage = .complex64
    let pages = try RawPagesWriter(path: names.data, stack, header: [], axes: axes)
    // A type without copies cannot throw once it is complete.
    self.pages = pages
    headerPath = names.header
    let used = [stack.columns, stack.rows] + axes.extents
    dimensions = used + [Int](repeating: 1, count: Self.mostDimensions - used.count)
  }

  /// - Throws: ``StackWriteError``. After an error of the disk the writer stays in that state.
  public mutating func append(_ page: StackPage) throws {
    switch page {
    case .complex: try pages.append(page)
    case .real(let image):
      try pages.append(
        .complex(ComplexImage(shape: image.shape, samples: image.samples.map { Complex($0) })))
    }
  }

  /// Makes both files durable and gives them their names, replacing files of those names.
  public consuming func finish() throws {
    try pages.complete()
    do throws(FileError) {
      var header = try PendingFile(path: headerPath)
      try header.write("# Dimensions\n" + dimensions.map { "\($0) " }.joined() + "\n")
      try header.complete()
      // A header of before must not be taken for that of the new samples, whenever this ends.
      guard unlink(filePlace(headerPath)) == 0 || errno == ENOENT else {
        throw .cannotCreate(path: headerPath, code: errno)
      }
      try pages.publish()
      try header.publish()
    } catch {
      throw StackWriteError.file(error)
    }
  }
}

extension OutputFormat {
  static let cfl = OutputFormat(
    name: FileFormat.cfl.name, extensions: ["cfl", "hdr"], holds: [.axes],
    targets: { path in [CFLHeader.files(path).header, CFLHeader.files(path).data] }
  ) { path, stack in PageSink(try CFLWriter(path: path, stack)) }
}
