#if DICOM
  import CDICOM

  /// What the header of a file says, checked to describe an image that is all there. Nothing of a patient is kept.
  struct DICOMFile: Sendable {
    typealias Reader = IsolatedReader<cdicom_request>

    let path: String
    /// A digest of what names its series.
    let series: UInt64
    let rows: Int
    let columns: Int
    /// As stored.
    let sampleType: SampleType
    let isBigEndian: Bool
    let compression: String
    let frames: Int
    let instance: Int?
    /// A term of the standard, such as `CT`.
    let modality: String?
    let isInverted: Bool
    private let isComputedTomography: Bool
    private let state: cdicom_state
    private let descriptions: [cdicom_frame]

    /// In bytes, descriptions of frames.
    private static let mostDescriptions = 1 << 26

    /// - Parameter memory: In bytes, the most that a page may take, as `Float` and decoded.
    /// - Throws: ``StackError``.
    init(path: String, reader: Reader, memory: Int) throws {
      guard try regularFileLength(path, format: Self.format) > 0 else {
        throw Self.damaged(path, "it is empty (0 bytes)")
      }
      let answer = try reader.ask(
        Self.request(path, cdicom_describe), .bytes(most: Self.mostDescriptions), path: path, what: ""
      ).bytes
      let size = MemoryLayout<cdicom_header>.size
      guard answer.count >= size else { throw Self.damaged(path, "its header cannot be read") }
      let header = answer.withUnsafeBytes { $0.loadUnaligned(as: cdicom_header.self) }
      let stride = MemoryLayout<cdicom_frame>.stride
      descriptions = answer.withUnsafeBytes { bytes in
        (0..<(bytes.count - size) / stride).map {
          bytes.loadUnaligned(fromByteOffset: size + $0 * stride, as: cdicom_frame.self)
        }
      }
      self.path = path
      state = header.state
      series = header.series
      (rows, columns) = (Int(header.rows), Int(header.columns))
      frames = Int(header.frames)
      isBigEndian = header.is_big_endian != 0
      instance = header.has_instance != 0 ? Int(header.instance) : nil
      modality = cdicom_modality(header.modality).map { String(cString: $0) }
      isComputedTomography = header.is_computed_tomography != 0
      isInverted = cdicom_photometric(header.photometric).map { String(cString: $0) } == "MONOCHROME1"
      try Self.checkKind(header, path)
      compression = try Self.compression(header, path)
      sampleType = try Self.sampleType(header, path)
      try checkSize(header, memory)
      for index in descriptions.indices { try check(descriptions[index], index) }
    }

    // MARK: Frames

    func isStated(_ what: cdicom_stated, frame: Int) -> Bool {
      description(frame).stated & Int32(what.rawValue) != 0
    }

    private func description(_ frame: Int) -> cdicom_frame {
      descriptions[descriptions.count == 1 ? 0 : frame]
    }

    /// Of the first pixel of a frame and the directions of its rows and columns; nil unless both are stated.
    func plane(_ frame: Int) -> (position: [Double], orientation: [Double])? {
      let frame = description(frame)
      let both = Int32(cdicom_position.rawValue | cdicom_orientation.rawValue)
      guard frame.stated & both == both else { return nil }
      let (p, o) = (frame.position, frame.orientation)
      return ([p.0, p.1, p.2], [o.0, o.1, o.2, o.3, o.4, o.5])
    }

    /// Between columns and rows, in mm, and where these are not distances in the object, what they are.
    func spacing(_ frame: Int) -> (x: Double?, y: Double?, note: String?) {
      let frame = description(frame)
      // The first number is that between rows.
      let (y, x) = frame.spacing
      guard frame.stated & Int32(cdicom_pixel_spacing.rawValue) != 0, x.isFinite, y.isFinite, x > 0, y > 0
      else { return (nil, nil, nil) }
      let note: String? =
        switch frame.plane {
        case Int32(cdicom_detector.rawValue): "at the detector"
        case Int32(cdicom_scanned_film.rawValue): "on the scanned film"
        default: nil
        }
      return (x, y, note)
    }

    /// value = `offset` + `scale` × stored number
    func calibration(_ frame: Int) -> DICOMCalibration {
      let frame = description(frame)
      let isStated = frame.stated & Int32(cdicom_slope.rawValue | cdicom_intercept.rawValue) != 0
      // Where the meaning is not stated, that of computed tomography is HU.
      let isHounsfield =
        frame.meaning == Int32(cdicom_hounsfield.rawValue)
        || isComputedTomography && frame.meaning == Int32(cdicom_unstated.rawValue)
      return DICOMCalibration(
        scale: frame.slope, offset: frame.intercept, unit: isStated && isHounsfield ? "HU" : nil)
    }

    // MARK: Samples

    /// Samples of some rows of a frame, within bounds, as they are stored.
    ///
    /// - Throws: ``StackError``; ``TIFFError/changed(path:)`` where the file is not what it was when its header was read.
    func read(
      _ range: Range<Int>, ofFrame frame: Int, reader: Reader, into target: UnsafeMutablePointer<Float>
    ) throws {
      let count = range.count * columns
      let bytes = UnsafeMutableRawBufferPointer.allocate(
        byteCount: count * sampleType.bytes, alignment: MemoryLayout<UInt64>.alignment)
      defer { bytes.deallocate() }
      guard let base = bytes.baseAddress else { return }
      var request = try Self.request(path, cdicom_samples)
      request.frame = Int64(frame)
      (request.first_row, request.row_count) = (Int32(range.lowerBound), Int32(range.count))
      request.state = state
      (request.rows, request.columns) = (Int32(rows), Int32(columns))
      request.bits_allocated = Int32(8 * sampleType.bytes)
      request.work = UInt64(rows * columns * sampleType.bytes)
      _ = try reader.ask(
        request, .memory(bytes), path: path, what: frames > 1 ? "frame \(frame + 1): " : "")
      sampleType.convert(base, count: count, swappingBytes: false, to: target)
    }

    private static func request(_ path: String, _ question: cdicom_question) throws -> cdicom_request {
      var request = cdicom_request()
      request.question = Int32(question.rawValue)
      let fits = withUnsafeMutableBytes(of: &request.path) { target in
        guard path.utf8.count < target.count else { return false }
        target.copyBytes(from: path.utf8)
        return true
      }
      guard fits else {
        throw StackError.cannotOpen(path: path, format: format, reason: "its path is too long")
      }
      return request
    }

    // MARK: Checks

    static var format: String { FileFormat.dicom.name }

    private static func damaged(_ path: String, _ reason: String) -> StackError {
      .damaged(path: path, format: format, reason: reason)
    }

    private static func unsupported(_ path: String, _ found: String, _ expected: String) -> StackError {
      .unsupported(path: path, format: format, found: found, expected: expected)
    }

    private static func checkKind(_ header: cdicom_header, _ path: String) throws {
      guard header.is_directory == 0 else {
        throw unsupported(path, "a DICOMDIR, which lists files", "a folder of those files, or one of them")
      }
      guard header.rows > 0, header.columns > 0 else { throw unsupported(path, "no image", "one") }
      guard header.bytes > 0 || header.compression == Int32(cdicom_deflated.rawValue) else {
        throw damaged(path, "it ends before its samples")
      }
      let photometric = cdicom_photometric(header.photometric).map { String(cString: $0) }
      guard header.samples_per_pixel <= 1, photometric?.hasPrefix("MONOCHROME") ?? false else {
        throw unsupported(
          path, "colours (\(photometric ?? "of an unknown kind"))",
          "one grey value per pixel (MONOCHROME1 or MONOCHROME2)")
      }
      guard header.has_value_table == 0 else {
        throw unsupported(
          path, "values that a table defines (Modality LUT)", "a rescale slope and intercept")
      }
      guard header.frames > 0 else { throw damaged(path, "it claims no frame") }
    }

    private static func compression(_ header: cdicom_header, _ path: String) throws -> String {
      switch cdicom_compression(UInt32(bitPattern: header.compression)) {
      case cdicom_raw: return "none"
      case cdicom_rle: return "RLE"
      case cdicom_jpeg: return "JPEG"
      case cdicom_jpeg_lossless: return "lossless JPEG"
      case cdicom_jpeg_ls: return "JPEG-LS"
      case cdicom_jpeg_2000: return "JPEG 2000"
      case cdicom_deflated:
        throw unsupported(path, "a deflated dataset", "another transfer syntax, as 'gdcmconv --raw' makes")
      default:
        throw unsupported(path, "compression of a video", "images that are compressed one by one")
      }
    }

    private static func sampleType(_ header: cdicom_header, _ path: String) throws -> SampleType {
      let (allocated, stored, high) = (header.bits_allocated, header.bits_stored, header.high_bit)
      let type: SampleType? =
        switch (header.is_float != 0, allocated, header.is_signed != 0) {
        case (true, 32, _): .float32
        case (true, 64, _): .float64
        case (false, 8, false): .uint8
        case (false, 8, true): .int8
        case (false, 16, false): .uint16
        case (false, 16, true): .int16
        case (false, 32, false): .uint32
        case (false, 32, true): .int32
        default: nil
        }
      guard let type else {
        throw unsupported(
          path, "samples of \(allocated) bits", "integers of 8, 16 or 32 bits, or floats of 32 or 64")
      }
      guard
        header.is_float != 0 || (1...allocated).contains(stored) && (stored - 1..<allocated).contains(high)
      else {
        throw damaged(path, "it claims samples of \(stored) bits up to bit \(high) of \(allocated)")
      }
      // Other codecs keep numbers, and which bits of them are the sample is not said.
      let codec = try compression(header, path)
      let keepsBits = [cdicom_raw, cdicom_rle].contains { Int32($0.rawValue) == header.compression }
      guard header.is_float != 0 || keepsBits || high == stored - 1 else {
        throw unsupported(
          path, "\(codec) of samples of \(stored) bits up to bit \(high) of \(allocated)",
          "bit \(stored - 1) as the highest one, or samples that are uncompressed or in RLE")
      }
      return type
    }

    private func checkSize(_ header: cdicom_header, _ memory: Int) throws {
      let decoded = max(sampleType.bytes, MemoryLayout<Float>.size)
      guard rows * columns <= max(0, memory) / decoded else {
        throw Self.unsupported(
          path, "pages of \(rows) × \(columns) samples", "pages that fit into \(memory) bytes")
      }
      guard frames <= TIFFDirectoryChain.mostPages else {
        throw Self.unsupported(path, "\(frames) frames", "at most \(TIFFDirectoryChain.mostPages)")
      }
      let claim = "it claims \(frames == 1 ? "" : "\(frames) frames of ")\(rows) × \(columns) samples"
      if compression == "none" {
        let needed = UInt64(rows * columns * sampleType.bytes) * UInt64(frames)
        guard needed <= header.bytes else {
          throw Self.damaged(path, "\(claim), \(needed) bytes, and holds \(header.bytes) of them")
        }
      } else {
        guard header.fragments >= UInt64(frames) else {
          throw Self.damaged(path, "\(claim), and holds \(header.fragments) compressed parts of them")
        }
      }
      guard descriptions.count == 1 || descriptions.count == frames,
        UInt64(descriptions.count) == header.descriptions
      else {
        throw Self.damaged(path, "it describes \(header.descriptions) of \(frames) frames")
      }
    }

    private func check(_ frame: cdicom_frame, _ index: Int) throws {
      func has(_ what: cdicom_stated) -> Bool { frame.stated & Int32(what.rawValue) != 0 }
      func damaged(_ reason: String) -> StackError {
        Self.damaged(path, (descriptions.count > 1 ? "frame \(index + 1): " : "") + reason)
      }
      guard frame.slope.isFinite, frame.intercept.isFinite, frame.slope != 0 else {
        throw damaged("the rescale slope is 0, or it or the intercept is no number")
      }
      let position = [frame.position.0, frame.position.1, frame.position.2]
      // In mm; a NaN is within no range.
      guard !has(cdicom_position) || position.allSatisfy({ (-1e6...1e6).contains($0) }) else {
        throw damaged("the position is not three numbers of at most a kilometre")
      }
      guard has(cdicom_orientation) else { return }
      let o = frame.orientation
      let (row, column) = ([o.0, o.1, o.2], [o.3, o.4, o.5])
      // Directions are written with some digits.
      guard row[0].isFinite, abs(dot(row, row) - 1) < 0.01, abs(dot(column, column) - 1) < 0.01,
        abs(dot(row, column)) < 0.01
      else {
        throw damaged("the orientation is not two directions at a right angle")
      }
    }
  }

  /// value = `offset` + `scale` × stored number
  struct DICOMCalibration: Sendable, Equatable {
    var scale: Double
    var offset: Double
    var unit: String?
  }

  func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).map(*).reduce(0, +) }
#endif
