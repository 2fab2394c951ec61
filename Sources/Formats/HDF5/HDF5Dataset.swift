#if HDF5
  import CHDF5

  /// A dataset of two or three axes: (pages,) rows, columns.
  struct HDF5Dataset: Sendable {
    let file: HDF5File
    let name: String
    let storage: HDF5Storage
    let sampleType: SampleType
    let isBigEndian: Bool
    let unit: String?
    /// What the library gives: samples of the same kind in this machine's byte order, and floats for doubles.
    private let readType: SampleType
    /// In bytes, for decoded chunks.
    private let cache: Int

    var frames: Int { storage.extents.count == 3 ? storage.extents[0] : 1 }
    var rows: Int { storage.extents[storage.extents.count - 2] }
    var columns: Int { storage.extents[storage.extents.count - 1] }

    /// The most that decoded chunks may wait in memory, unless a single one is larger.
    private static let largestCache = 64 << 20

    private static let numbers: [(chdf5_sample, SampleType)] = [
      (chdf5_u8, .uint8), (chdf5_u16, .uint16), (chdf5_u32, .uint32), (chdf5_i8, .int8), (chdf5_i16, .int16),
      (chdf5_i32, .int32), (chdf5_f16, .float16), (chdf5_f32, .float32), (chdf5_f64, .float64),
    ]

    /// How many axes a dataset has.
    static func axes(_ name: String, in file: HDF5File) throws -> Int { Int(try file.describe(name).rank) }

    /// - Parameter memory: In bytes, the most that a page as `Float`, or a decoded chunk, may take.
    init(_ name: String, in file: HDF5File, memory: Int) throws {
      self.file = file
      self.name = name
      let description = try file.describe(name)
      storage = try HDF5Storage(description, name, in: file, memory: memory)
      sampleType = try Self.sampleType(description, name, file)
      isBigEndian = description.is_big_endian != 0
      let extents = storage.extents
      let sizes = extents.map(String.init).joined(separator: " × ")
      guard (2...3).contains(extents.count) else {
        throw file.unsupported(
          "'\(name)' with \(extents.count) axes (\(sizes))",
          expected: "two (rows, columns) or three (pages, rows, columns)")
      }
      guard !extents.contains(0) else { throw file.damaged("dataset '\(name)' is empty (\(sizes))") }
      let (samples, overflow) = extents[extents.count - 2].multipliedReportingOverflow(
        by: extents[extents.count - 1])
      guard !overflow, samples <= memory / (MemoryLayout<Float>.size * sampleType.components) else {
        throw file.unsupported(
          "'\(name)' with pages of \(sizes) samples", expected: "pages of at most \(memory) bytes")
      }
      unit = try file.text(name, attribute: "units").flatMap { $0.isEmpty ? nil : $0 }
      readType =
        switch sampleType {
        case .float64: .float32
        case .complex128: .complex64
        default: sampleType
        }
      if let chunk = storage.chunk {
        // All chunks that a page touches: neighbouring pages, and rows read later, decode none of them again.
        let across = zip(extents, chunk).suffix(2).map { ($0 - 1) / $1 + 1 }.reduce(1, *)
        let (bytes, overflow) = storage.chunkBytes.multipliedReportingOverflow(by: across)
        cache = max(storage.chunkBytes, overflow ? .max : min(Self.largestCache, bytes))
      } else {
        // Keeps the dataset open.
        cache = 1 << 20
      }
    }

    private static func sampleType(
      _ description: chdf5_description, _ name: String, _ file: HDF5File
    ) throws -> SampleType {
      let number = numbers.first { Int32($0.0.rawValue) == description.sample }?.1
      switch (number, description.components) {
      case (let type?, 1): return type
      case (.float32, 2): return .complex64
      case (.float64, 2): return .complex128
      default:
        let found =
          switch chdf5_class(UInt32(bitPattern: description.type_class)) {
          case chdf5_integers: "integers of \(8 * description.size) bits"
          case chdf5_floats: "floats of \(8 * description.size) bits"
          case chdf5_texts: "texts"
          case chdf5_enumeration: "names of a list"
          case chdf5_records: "records"
          default: "no numbers"
          }
        throw file.unsupported(
          "'\(name)' with samples that are \(found)",
          expected:
            "integers of 8 to 32 bits, floats of 16 to 64 bits, or pairs of floats that are complex (r, i)")
      }
    }

    /// Samples of some rows of frame `index`, within bounds, as they are stored.
    func read(_ range: Range<Int>, ofFrame index: Int, into target: UnsafeMutablePointer<Float>) throws {
      guard !range.isEmpty, let sample = Self.numbers.first(where: { $0.1 == readType.component })?.0 else {
        return
      }
      let numbers = range.count * columns * readType.components
      // At the end of the target: no number is overwritten before it is converted.
      let bytes = numbers * readType.component.bytes
      let stored = UnsafeMutableRawBufferPointer(
        start: UnsafeMutableRawPointer(target) + numbers * MemoryLayout<Float>.size - bytes, count: bytes)
      var (start, count) = ([index, range.lowerBound, 0], [1, range.count, columns])
      if storage.extents.count == 2 {
        start.removeFirst()
        count.removeFirst()
      }
      try file.samples(
        name, start: start, count: count, as: sample, components: readType.components, cache: cache,
        into: stored,
        what: "frame \(index + 1) of dataset '\(name)': ")
      guard readType.component != .float32, let first = stored.baseAddress else { return }
      readType.convert(UnsafeRawPointer(first), count: numbers, swappingBytes: false, to: target)
    }
  }
#endif
