import Foundation

/// The pages of an array of BART: `NAME.cfl`, complex single precision in this
/// machine's byte order, as BART maps it into memory, and `NAME.hdr`, its extents.
///
/// Dimension 0 (readout, x), which is the fastest, runs along the columns, dimension 1 (phase encoding, y) along the
/// rows; dimensions 2 (z), 3 (coils), 4 (sets of sensitivities) and all others are pages, the lower ones faster.
/// Page 1 is that of the first coil, page 2 that of the second one, where only coils are many.
final class CFLPageSource: PageSource {
  let info: StackInfo
  let files: [String]
  private let file: FileBytes
  private let pages: RawPages

  /// - Parameter path: of either file.
  init(path: String, memory: Int) throws {
    guard CFLHeader.isName(path) else {
      throw StackError.cannotOpen(
        path: path, format: FileFormat.cfl.name, reason: "it is neither NAME.cfl nor NAME.hdr")
    }
    let (header, data) = CFLHeader.files(path)
    let dimensions = try CFLHeader(path: header).dimensions
    file = try FileBytes(path: data)
    pages = try RawPages(
      pages: Array(dimensions.dropFirst(2).reversed()), rows: dimensions.count > 1 ? dimensions[1] : 1,
      columns: dimensions[0], type: .complex64, isSwapped: false, start: 0, path: data,
      format: .cfl,
      length: file.length, memory: memory)
    guard pages.end == file.length else {
      throw StackError.damaged(
        path: data, format: FileFormat.cfl.name,
        reason: "it has \(file.length) bytes, and '\(header)' claims \(pages.end)")
    }
    files = [header, data]
    let axes = PageAxes(dimensions.dropFirst(2).map(Int.init))
    var info = StackInfo(.cfl, pages, files: 2)
    // More than BART has cannot be written.
    if axes.extents.count <= CFLWriter.mostDimensions - 2 { info.axes = axes }
    self.info = info
  }

  func read(_ rows: Range<Int>, ofPage index: Int, into target: UnsafeMutablePointer<Float>) throws {
    try pages.read(rows, ofPage: index, of: file, into: target)
  }

  func place(ofPage index: Int) -> (path: String, page: Int) { (file.path, index) }
}
