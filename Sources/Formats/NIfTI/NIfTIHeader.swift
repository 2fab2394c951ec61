#if NIfTI
  import CNIfTI

  /// What the header of a NIfTI-1, NIfTI-2 or Analyze 7.5 file says.
  ///
  /// The library reads it, after a look at what it trusts: the number of dimensions, their product and the offset.
  ///
  /// Source: `nifti1.h` and `nifti2.h`, NIfTI Data Format Working Group, 2004 and 2011; Analyze 7.5, Mayo Foundation.
  struct NIfTIHeader {
    /// Extents of i, j, k, t, …
    var dimensions: [UInt64]
    var type: SampleType
    var isSwapped: Bool
    /// Of the first sample, in the file that holds it.
    var start: UInt64
    var spacing: Spacing
    var scale: Double
    var offset: Double
    var metadata: [String: String]

    /// Of headers of version 2; those before are shorter.
    static let bytes = 540
    private static let bytesOfFirst = 348

    /// - Parameters:
    ///   - bytes: The first ``bytes`` of the file, or all it has.
    ///   - isOneFile: The name is that of a file with header and image.
    init(_ bytes: [UInt8], path: String, isOneFile: Bool) throws {
      let version = Int(bytes.withUnsafeBytes { cnifti_version($0.baseAddress, $0.count) })
      guard (0...2).contains(version), bytes.count >= (version == 2 ? Self.bytes : Self.bytesOfFirst) else {
        throw Self.damaged(path, "it does not begin with a header of NIfTI or Analyze")
      }
      let fields = HeaderFields(bytes, isSecond: version == 2)
      type = try Self.type(fields.type, path)
      try fields.check(path)
      var header = cnifti_header()
      guard bytes.withUnsafeBytes({ cnifti_read_header($0.baseAddress, Int32(version), &header) }) == 1 else {
        throw Self.damaged(path, "its header contradicts itself")
      }
      guard (header.is_one_file == 1) == isOneFile else {
        throw Self.damaged(
          path,
          isOneFile
            ? "its header says that the image lies in another file"
            : "its header says that the image follows it")
      }
      guard header.offset >= 0, (1...7).contains(header.dimensions) else {
        throw Self.damaged(path, "its header contradicts itself")
      }
      dimensions = withUnsafeBytes(of: header.extents) {
        $0.bindMemory(to: Int64.self).prefix(Int(header.dimensions)).map { UInt64(max(1, $0)) }
      }
      isSwapped = header.is_swapped == 1
      start = UInt64(header.offset)
      let isScaled = header.slope != 0
      scale = isScaled ? header.slope : 1
      offset = isScaled ? header.intercept : 0

      // Where the file does not say, it is taken to mean millimetres, as all programs of the field take it.
      let millimetres: Double =
        switch header.length_unit {
        case 1: 1000
        case 3: 1e-3
        default: 1
        }
      let distances = fields.distances.map { $0.isFinite && $0 != 0 ? abs($0) * millimetres : nil }
      spacing = Spacing(
        x: distances[0], y: dimensions.count > 1 ? distances[1] : nil,
        z: dimensions.count > 2 ? distances[2] : nil)
      metadata = Self.metadata(header, dimensions, version: version, millimetres: millimetres)
    }

    private static func type(_ code: Int16, _ path: String) throws -> SampleType {
      let types: [Int16: SampleType] = [
        2: .uint8, 4: .int16, 8: .int32, 16: .float32, 32: .complex64, 64: .float64, 256: .int8, 512: .uint16,
        768: .uint32, 1792: .complex128,
      ]
      guard let type = types[code] else {
        throw StackError.unsupported(
          path: path, format: FileFormat.nifti.name,
          found: "samples of type \(code) (\(String(cString: cnifti_type_name(Int32(code)))))",
          expected:
            "integers of 8, 16 or 32 bits, floats of 32 or 64 bits, or complex numbers of 64 or 128 bits")
      }
      return type
    }

    /// No free text but the name of the intent: the description of an image may name a patient.
    private static func metadata(
      _ header: cnifti_header, _ dimensions: [UInt64], version: Int, millimetres: Double
    ) -> [String: String] {
      var metadata = [
        "version": ["Analyze 7.5", "NIfTI-1", "NIfTI-2"][version],
        "dimensions": dimensions.map(String.init).joined(separator: " "),
      ]
      if version > 0 { metadata["length_unit"] = String(cString: cnifti_unit_name(header.length_unit)) }
      // The sform comes last: it decides, as in all programs of the field.
      for (key, code, matrix) in [
        ("qform", header.qform_code, numbers(header.qform)),
        ("sform", header.sform_code, numbers(header.sform)),
      ] where code > 0 && matrix.allSatisfy(\.isFinite) {
        var letters: [CChar] = [0, 0, 0, 0]
        cnifti_orientation(matrix, &letters)
        metadata["orientation"] = String(
          decoding: letters.prefix(3).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // Zero has no sign.
        let rows = (0..<3).map { row in
          matrix[4 * row..<4 * row + 4].map { "\($0 * millimetres + 0)" }.joined(separator: " ")
        }
        metadata[key] = "\(String(cString: cnifti_space_name(code))): " + rows.joined(separator: "; ")
      }
      if dimensions.count > 3, dimensions[3] > 1, header.time_spacing.isFinite {
        metadata["time_spacing"] =
          "\(header.time_spacing) \(String(cString: cnifti_unit_name(header.time_unit)))"
      }
      if header.intent > 0 { metadata["intent"] = String(cString: cnifti_intent_name(header.intent)) }
      let name = withUnsafeBytes(of: header.intent_name) { $0.prefix { (0x20..<0x7f).contains($0) } }
      if !name.isEmpty { metadata["intent_name"] = String(decoding: name, as: UTF8.self) }
      return metadata
    }

    private static func numbers<Matrix>(_ matrix: Matrix) -> [Double] {
      withUnsafeBytes(of: matrix) { Array($0.bindMemory(to: Double.self)) }
    }

    fileprivate static func damaged(_ path: String, _ reason: String) -> StackError {
      .damaged(path: path, format: FileFormat.nifti.name, reason: reason)
    }
  }

  /// The fields that the library takes as they are.
  private struct HeaderFields {
    /// dim[0] and the extents.
    var dimensions: [Int64]
    var offset: Double
    var type: Int16
    /// pixdim[1…3], which the library replaces by 1 where they are 0.
    var distances: [Double]

    init(_ bytes: [UInt8], isSecond: Bool) {
      self = bytes.withUnsafeBytes { raw in
        func load<Number: FixedWidthInteger & BitwiseCopyable>(_ place: Int, _: Number.Type, _ swap: Bool)
          -> Number
        {
          let number = raw.loadUnaligned(fromByteOffset: place, as: Number.self)
          return swap ? number.byteSwapped : number
        }
        let size: Int32 = load(0, Int32.self, false)
        let swap = size != (isSecond ? 540 : 348)
        if isSecond {
          return HeaderFields(
            dimensions: (0..<8).map { load(16 + 8 * $0, Int64.self, swap) },
            offset: Double(load(168, Int64.self, swap)), type: load(12, Int16.self, swap),
            distances: (1...3).map { Double(bitPattern: load(104 + 8 * $0, UInt64.self, swap)) })
        }
        return HeaderFields(
          dimensions: (0..<8).map { Int64(load(40 + 2 * $0, Int16.self, swap)) },
          offset: Double(Float(bitPattern: load(108, UInt32.self, swap))), type: load(70, Int16.self, swap),
          distances: (1...3).map { Double(Float(bitPattern: load(76 + 4 * $0, UInt32.self, swap))) })
      }
    }

    private init(dimensions: [Int64], offset: Double, type: Int16, distances: [Double]) {
      self.dimensions = dimensions
      self.offset = offset
      self.type = type
      self.distances = distances
    }

    func check(_ path: String) throws {
      let count = dimensions[0]
      guard (1...7).contains(count) else { throw NIfTIHeader.damaged(path, "it claims \(count) dimensions") }
      let extents = dimensions[1...Int(count)]
      guard extents.allSatisfy({ $0 >= 0 }), dimensions[1] > 0,
        RawPages.product(extents.map { UInt64(max(1, $0)) }) != nil
      else {
        throw NIfTIHeader.damaged(
          path, "it claims \(extents.map(String.init).joined(separator: " × ")) samples")
      }
      guard offset >= 0, offset < 0x1p31 else {
        throw NIfTIHeader.damaged(path, "it claims that its image begins at byte \(offset)")
      }
    }
  }
#endif
