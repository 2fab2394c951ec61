#if NIfTI
  import Foundation

  /// The pages of a NIfTI-1 or NIfTI-2 file, `.nii` or `.nii.gz`, or of a pair `.hdr` and `.img`, of Analyze 7.5 too.
  ///
  /// The first axis of the file (i, x) runs along the columns, the second one (j, y) along the rows, the third one (k, z)
  /// along the pages; further axes (t, …) are further pages: page k + K t. The order is that of the file, nothing is
  /// turned: row 0 is j = 0, which is the posterior edge of an image in `RAS`. ``StackInfo/metadata`` has the orientation of
  /// columns, rows and pages as `orientation` and the matrices in millimetres as `qform` and `sform`; the orientation is
  /// that of `sform` if there are both.
  ///
  /// Uncompressed rows are read by themselves. Compressed files are decompressed from the beginning on: pages in their
  /// order cost one walk through the file.
  final class NIfTIPageSource: PageSource {
    let info: StackInfo
    let files: [String]
    private let contents: Contents
    private let pages: RawPages
    /// Of complex samples, whose calibration the stack does not apply.
    private let calibration: (scale: Float, offset: Float)?

    private enum Contents: Sendable {
      case plain(PlainFile)
      case compressed(CompressedFile)
    }

    /// A file that can be one of two.
    private final class PlainFile: Sendable {
      let file: FileBytes
      init(path: String) throws { file = try FileBytes(path: path) }
    }

    /// - Parameter path: of a single file, or of either of a pair.
    init(path: String, memory: Int) throws {
      let (header, image) = Self.files(path)
      // Deflate makes at most 1032 bytes of one.
      func capacity(_ path: String) throws -> UInt64 {
        let length = try FileBytes(path: path).length
        return Self.isCompressed(path) ? (length < 1 << 40 ? 1032 * length : .max >> 1) : length
      }
      _ = try FileBytes(path: header)
      // Reads what is not compressed as well.
      let found = try NIfTIHeader(
        CompressedFile.beginning(of: header, NIfTIHeader.bytes), path: header, isOneFile: header == image)
      let dimensions = found.dimensions
      pages = try RawPages(
        pages: dimensions.dropFirst(2).reversed(), rows: dimensions.count > 1 ? dimensions[1] : 1,
        columns: dimensions[0], type: found.type, isSwapped: found.isSwapped, start: found.start, path: image,
        format: .nifti, length: capacity(image), memory: memory)
      contents =
        Self.isCompressed(image)
        ? .compressed(CompressedFile(path: image, pages)) : .plain(try PlainFile(path: image))
      files = header == image ? [image] : [header, image]
      let isComplex = found.type.isComplex
      calibration =
        isComplex && (found.scale != 1 || found.offset != 0) ? (Float(found.scale), Float(found.offset)) : nil
      info = StackInfo(
        .nifti, pages, spacing: found.spacing, scale: isComplex ? 1 : found.scale,
        offset: isComplex ? 0 : found.offset, compression: Self.isCompressed(image) ? "gzip" : "none",
        files: files.count, metadata: found.metadata)
    }

    func read(_ rows: Range<Int>, ofPage index: Int, into target: UnsafeMutablePointer<Float>) throws {
      switch contents {
      case .plain(let plain): try pages.read(rows, ofPage: index, of: plain.file, into: target)
      case .compressed(let file): try file.read(rows, ofPage: index, into: target)
      }
      if let calibration {
        for i in 0..<2 * rows.count * pages.columns {
          target[i] = calibration.offset + calibration.scale * target[i]
        }
      }
    }

    func place(ofPage index: Int) -> (path: String, page: Int) { (files[files.count - 1], index) }

    private static func isCompressed(_ path: String) -> Bool { path.lowercased().hasSuffix(".gz") }

    /// Of a pair the other one may be compressed while the first is not.
    private static func files(_ path: String) -> (header: String, image: String) {
      let zipped = isCompressed(path) ? String(path.suffix(3)) : ""
      let plain = String(path.dropLast(zipped.count))
      for (own, other) in [("hdr", "img"), ("img", "hdr")] where plain.lowercased().hasSuffix(".\(own)") {
        let pair = pairedPath(plain, ending: own, with: other)
        let endings = [zipped, zipped.isEmpty ? ".gz" : ""]
        let found = endings.map { pair + $0 }.first { access($0, F_OK) == 0 } ?? pair + zipped
        return own == "hdr" ? (path, found) : (found, path)
      }
      return (path, path)
    }
  }
#else
  struct NIfTIPageSource: PageSource {
    let info: StackInfo
    let files: [String]

    init(path: String, memory: Int) throws {
      throw StackError.notBuiltIn(
        path: path, format: FileFormat.nifti.name, trait: "NIfTI", package: "libnifti2-dev")
    }

    func read(_ rows: Range<Int>, ofPage index: Int, into target: UnsafeMutablePointer<Float>) throws {}
    func place(ofPage index: Int) -> (path: String, page: Int) { ("", index) }
  }
#endif
