#if DICOM
  import CDICOM
#endif

/// The slices of a DICOM series: a file, the files of a folder, or those that match a pattern.
///
/// - Files: those with an extension of DICOM, and any others that are marked as such; `DICOMDIR` is passed over. They
///   belong to one series, and agree in size, type, spacing and orientation.
/// - Order: by position along the normal of the slices, row direction × column direction, where all state it; otherwise
///   by instance number, frames of a file in turn. Slices lie at even distances: a gap is an error, and so are two
///   at one place. Of a single file they are several images of one place, such as times or echoes: its frames keep their
///   order, and there is no distance between pages.
/// - Samples: integers of 8, 16 or 32 bits, floats of 32 or 64; one per pixel. Uncompressed rows are read by
///   themselves, compressed frames are decoded by GDCM: RLE, JPEG, lossless JPEG, JPEG-LS, JPEG 2000.
/// - Values: offset + scale × stored number, with the rescale slope and intercept of the slice. MONOCHROME1, where the least
///   is white, is not turned over; ``StackInfo/metadata`` says so.
/// - Spacing: in mm; between columns and rows that of the object, or of the detector or a scanned film, which the metadata
///   tell as `pixel_spacing`; between pages that of their positions.
///
/// A file that is written to or replaced while the stack is open is an error of its pages.
///
/// No text of a file leaves the process that reads it, so nothing of a patient is kept: the metadata have terms of the
/// standard (`modality`, `photometric`) and numbers (`orientation`, `position` of the first page in mm).
///
/// Source: DICOM PS3.3 2024, C.7.6.2 (image plane), C.7.6.16 (functional groups), C.11.1 (modality LUT).
struct DICOMPageSource: PageSource {
  let info: StackInfo
  let files: [String]

  #if DICOM
    private let contents: [DICOMFile]
    private let pages: [DICOMSeries.Page]
    /// Of every page, where they differ.
    private let calibrations: [DICOMCalibration]?
    private let reader: DICOMFile.Reader

    /// - Throws: ``StackError`` of a file, ``DICOMError`` of all of them together.
    init(path: String, memory: Int) throws {
      let names = try DICOMFiles.list(path)
      // Told here, before a process begins.
      for name in names { _ = try regularFileLength(name, format: FileFormat.dicom.name) }
      let reader = try DICOMFile.Reader(path: path, format: FileFormat.dicom.name, library: "GDCM") {
        reader, reply in
        cdicom_start(isolatedMemory(pages: memory), &reader, &reply)
      }
      let unsorted = try names.map { try DICOMFile(path: $0, reader: reader, memory: memory) }
      let series = try DICOMSeries(path: path, files: unsorted)
      // In the order of the first page of each.
      var order: [Int] = []
      var places = [Int?](repeating: nil, count: unsorted.count)
      for page in series.pages where places[page.file] == nil {
        places[page.file] = order.count
        order.append(page.file)
      }
      contents = order.map { unsorted[$0] }
      pages = series.pages.map { DICOMSeries.Page(file: places[$0.file] ?? 0, frame: $0.frame) }
      files = contents.map(\.path)
      self.reader = reader

      let calibrations = pages.map { [contents] in contents[$0.file].calibration($0.frame) }
      let isOne = calibrations.allSatisfy { $0 == calibrations[0] }
      self.calibrations = isOne ? nil : calibrations
      let (first, frame) = (contents[pages[0].file], pages[0].frame)
      let grid = first.spacing(frame)
      var metadata = ["photometric": first.isInverted ? "MONOCHROME1 (the least is white)" : "MONOCHROME2"]
      metadata["modality"] = first.modality
      metadata["pixel_spacing"] = grid.note
      if let plane = first.plane(frame) {
        metadata["orientation"] = DICOMSeries.directions(plane.orientation)
        metadata["position"] = plane.position.map { "\($0 + 0)" }.joined(separator: " ")
      }
      info = StackInfo(
        .dicom, pages: pages.count, rows: first.rows, columns: first.columns,
        // Where every page has a scale of its own, what is read are no integers.
        sampleType: isOne ? first.sampleType : .float32,
        spacing: Spacing(x: grid.x, y: grid.y, z: series.spacing),
        unit: calibrations.allSatisfy { $0.unit == calibrations[0].unit } ? calibrations[0].unit : nil,
        scale: isOne ? calibrations[0].scale : 1, offset: isOne ? calibrations[0].offset : 0,
        compression: first.compression, byteOrder: first.isBigEndian ? .big : .little, files: files.count,
        metadata: metadata)
    }

    func read(_ rows: Range<Int>, ofPage index: Int, into target: UnsafeMutablePointer<Float>) throws {
      let page = pages[index]
      try contents[page.file].read(rows, ofFrame: page.frame, reader: reader, into: target)
      guard let calibration = calibrations?[index] else { return }
      for i in 0..<rows.count * info.columns {
        target[i] = Float(calibration.offset + calibration.scale * Double(target[i]))
      }
    }

    func place(ofPage index: Int) -> (path: String, page: Int) {
      (files[pages[index].file], pages[index].frame)
    }
  #else
    init(path: String, memory: Int) throws {
      throw StackError.notBuiltIn(
        path: path, format: FileFormat.dicom.name, trait: "DICOM", package: "libgdcm-dev")
    }

    func read(_ rows: Range<Int>, ofPage index: Int, into target: UnsafeMutablePointer<Float>) throws {
      preconditionFailure("a file that was not opened")
    }

    func place(ofPage index: Int) -> (path: String, page: Int) { ("", index) }
  #endif
}
