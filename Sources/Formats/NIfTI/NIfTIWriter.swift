extension OutputFormat {
  /// Columns are the first axis, rows the second one, pages the third one: what ``NIfTIPageSource`` reads. Nothing says how
  /// they lie in space: `qform_code` and `sform_code` are 0.
  static let nifti = OutputFormat(name: "NIfTI", extensions: ["nii", "nii.gz"], holds: [.spacing]) {
    path, stack in
    #if NIfTI
      PageSink(
        try RawPagesWriter(
          path: path, stack, header: try NIfTIHeader.bytes(stack, path: path),
          isCompressed: path.lowercased().hasSuffix(".gz")))
    #else
      throw StackError.notBuiltIn(
        path: path, format: FileFormat.nifti.name, trait: "NIfTI", package: "libnifti2-dev")
    #endif
  }
}

#if NIfTI
  import CNIfTI
  import Foundation

  extension NIfTIHeader {
    /// The header of a single file, and the four bytes behind it that say that no extension follows.
    ///
    /// Lengths that are not known are 0, which the reader and nibabel understand. Version 2 where an extent is above 32767.
    static func bytes(_ stack: StackLayout, path: String) throws(FileError) -> [UInt8] {
      let extents = [stack.columns, stack.rows, stack.pages].map(Int64.init)
      let spacing = [stack.spacing.x, stack.spacing.y, stack.spacing.z].map { $0 ?? 0 }
      let isComplex: Int32 = stack.storage == .complex64 ? 1 : 0
      var bytes = [UInt8](repeating: 0, count: bytes + 4)
      let count = cnifti_make_header(extents, spacing, isComplex, &bytes)
      guard count > 0 else { throw .cannotCreate(path: path, code: ENOMEM) }
      return Array(bytes.prefix(Int(count)))
    }
  }
#endif
