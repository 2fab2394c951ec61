import Fields
import Formats
import Foundation
import TestSupport
import Testing

@Suite struct TIFFPageSourceTests {
  /// Numbers every sample type can hold, negative ones where it can, with the bits that store them.
  static func samples(_ type: SampleType, count: Int) -> (values: [Float], bits: [UInt64]) {
    let values = (0..<count).map { i -> Float in
      switch type {
      case .uint8: Float(i * 17 % 256)
      case .uint16: Float(i * 4099 % 65536)
      case .uint32: Float(i) * 0x1p24
      case .int8: Float(i * 17 % 256 - 128)
      case .int16: Float(i * 4099 % 65536 - 32768)
      case .int32: Float(i - 7) * 0x1p20
      default: Float(i - 7) / 8
      }
    }
    let bits = values.map { value -> UInt64 in
      switch type {
      case .uint8, .uint16, .uint32: UInt64(value)
      case .int8, .int16, .int32: UInt64(bitPattern: Int64(value))
      case .float16: halfBits(value)
      case .float32: UInt64(value.bitPattern)
      default: Double(value).bitPattern
      }
    }
    return (values, bits)
  }

  /// Of a number that half precision holds exactly and as a normal number, or 0.
  static func halfBits(_ value: Float) -> UInt64 {
    let bits = value.bitPattern
    guard value != 0 else { return 0 }
    let sign: UInt32 = (bits >> 16) & 0x8000
    let exponent: UInt32 = ((bits >> 23) & 0xff) - 112
    let fraction: UInt32 = (bits >> 13) & 0x3ff
    return UInt64(sign | exponent << 10 | fraction)
  }

  static let real: [SampleType] = SampleType.allCases.filter { !$0.isComplex }

  static func page(
    _ type: SampleType, rows: Int = 3, columns: Int = 5, shift: Int = 0
  ) -> (TIFFBytes.Page, [Float]) {
    let (values, bits) = samples(type, count: rows * columns)
    let format = type.rawValue.hasPrefix("uint") ? 1 : type.rawValue.hasPrefix("int") ? 2 : 3
    let turned = (0..<values.count).map { ($0 + shift) % values.count }
    return (
      TIFFBytes.Page(
        rows: rows, columns: columns, bits: 8 * type.bytes, format: format, pixels: .strips(rows: rows),
        values: turned.map { bits[$0] }), turned.map { values[$0] }
    )
  }

  static func error(_ body: () throws -> Void) -> TIFFError? { anyError(body) as? TIFFError }

  static func stackError(_ body: () throws -> Void) -> StackError? { anyError(body) as? StackError }

  private static func anyError(_ body: () throws -> Void) -> (any Error)? {
    do {
      try body()
      return nil
    } catch {
      return error
    }
  }

  // MARK: What is read

  @Test(arguments: real, [false, true])
  func readsEverySampleTypeInEveryLayout(type: SampleType, isBigEndian: Bool) throws {
    let folder = try TemporaryFolder()
    let layouts: [TIFFBytes.Pixels] = [
      .strips(rows: 1), .strips(rows: 2), .strips(rows: 7), .tiles(rows: 16, columns: 16),
    ]
    for isBig in [false, true] {
      for pixels in layouts {
        var file = TIFFBytes(isBig: isBig, isBigEndian: isBigEndian)
        var expected: [[Float]] = []
        for shift in 0..<3 {
          var (page, values) = Self.page(type, rows: 7, columns: 21, shift: shift)
          page.pixels = pixels
          file.add(page)
          expected.append(values)
        }
        let stack = try ImageStack(path: folder.write(file.bytes, "a.tif"))
        #expect(stack.info.sampleType == type)
        #expect(stack.info.isBigTIFF == isBig)
        #expect(stack.info.byteOrder == (isBigEndian ? .big : .little))
        #expect((stack.info.pages, stack.info.rows, stack.info.columns) == (3, 7, 21))
        for index in [2, 0, 1] {
          #expect(try stack.page(index) == Image(shape: [7, 21], samples: expected[index]))
          #expect(try stack.rows(2..<5, ofPage: index).samples == Array(expected[index][42..<105]))
        }
      }
    }
  }

  @Test(arguments: [5, 8, 32773], [false, true])
  func readsCompressedStripsAndTiles(compression: Int, isBigEndian: Bool) throws {
    let folder = try TemporaryFolder()
    let predictors: [(SampleType, Int)] = [
      (.uint8, 1), (.uint8, 2), (.uint16, 2), (.int32, 2), (.float32, 1), (.float32, 3), (.float16, 3),
    ]
    for (type, predictor) in predictors where predictor == 1 || compression != 32773 {
      for pixels in [TIFFBytes.Pixels.strips(rows: 3), .strips(rows: 7), .tiles(rows: 16, columns: 16)] {
        var file = TIFFBytes(isBigEndian: isBigEndian)
        var (page, values) = Self.page(type, rows: 7, columns: 21)
        page.pixels = pixels
        page.compression = compression
        page.predictor = predictor
        file.add(page)
        let stack = try ImageStack(path: folder.write(file.bytes, "a.tif"))
        #expect(try stack.page(0).samples == values, "\(type), predictor \(predictor), \(pixels)")
        #expect(try stack.rows(4..<6, ofPage: 0).samples == Array(values[84..<126]))
      }
    }
  }

  /// What lies elsewhere on the page is not touched: it may even be missing.
  @Test func readsOnlyTheStripsThatHoldTheRows() throws {
    let folder = try TemporaryFolder()
    for compression in [1, 8] {
      var (page, values) = Self.page(.float32, rows: 9)
      page.pixels = .strips(rows: 3)
      page.compression = compression
      var file = TIFFBytes()
      file.add(page)
      var bytes = file.bytes
      // The third of the StripOffsets goes beyond the end of the file.
      let tag: [UInt8] = [17, 1, 4, 0, 3, 0, 0, 0]
      let entry = try #require(bytes.firstRange(of: tag)).upperBound
      let table = Int(bytes[entry]) | Int(bytes[entry + 1]) << 8
      bytes[table + 10] = 0xff
      let stack = try ImageStack(path: folder.write(bytes, "a.tif"))
      #expect(try stack.rows(2..<6, ofPage: 0).samples == Array(values[10..<30]))
      #expect(Self.error { _ = try stack.rows(5..<7, ofPage: 0) } != nil)
    }
  }

  /// Such pages are one run of bytes.
  @Test(arguments: [false, true])
  func readsStripsThatTouch(isBigEndian: Bool) throws {
    let folder = try TemporaryFolder()
    for (type, rows) in [(SampleType.float32, 2), (.uint16, 3), (.int8, 1), (.float64, 7)] {
      var file = TIFFBytes(isBigEndian: isBigEndian)
      var (page, values) = Self.page(type, rows: 7, columns: 21)
      (page.pixels, page.gap) = (.strips(rows: rows), 0)
      file.add(page)
      file.add(page)
      let stack = try ImageStack(path: folder.write(file.bytes, "a.tif"))
      #expect(try stack.page(1).samples == values)
      #expect(try stack.rows(3..<6, ofPage: 0).samples == Array(values[63..<126]))
    }
  }

  @Test func readsHalfPrecisionFromTheSmallestToTheLargest() throws {
    let folder = try TemporaryFolder()
    var file = TIFFBytes()
    let bits: [UInt64] = [0x0001, 0x03ff, 0x0400, 0x3c00, 0x7bff, 0x8000, 0xfbff, 0x3555]
    file.add(.init(rows: 2, columns: 4, bits: 16, format: 3, pixels: .strips(rows: 2), values: bits))
    let read = try ImageStack(path: folder.write(file.bytes, "a.tif")).page(0).samples
    #expect(read == [0x1p-24, 1023 * 0x1p-24, 0x1p-14, 1, 65504, -0.0, -65504, 1365 * 0x1p-12])
  }

  @Test func ordersAFolderByNumber() throws {
    let folder = try TemporaryFolder()
    for number in 8...12 {
      var file = TIFFBytes()
      file.add(Self.page(.uint16, shift: number).0)
      try folder.write(file.bytes, "scan2_\(number).tif")
    }
    try folder.write([1, 2, 3], "notes.txt")
    let expected = (8...12).map { Self.page(.uint16, shift: $0).1 }
    for path in [folder.path, folder("scan2_*.tif")] {
      let stack = try ImageStack(path: path)
      #expect((stack.info.pages, stack.info.files) == (5, 5))
      for index in 0..<5 { #expect(try stack.page(index).samples == expected[index]) }
    }
  }

  @Test func joinsTheMultiPageFilesOfAFolder() throws {
    let folder = try TemporaryFolder()
    for number in 0..<2 {
      var file = TIFFBytes()
      for page in 0..<3 { file.add(Self.page(.float32, shift: 3 * number + page).0) }
      try folder.write(file.bytes, "part\(number).tiff")
    }
    let stack = try ImageStack(path: folder.path)
    #expect(stack.info.pages == 6)
    for index in 0..<6 { #expect(try stack.page(index).samples == Self.page(.float32, shift: index).1) }
  }

  @Test func skipsThumbnails() throws {
    let folder = try TemporaryFolder()
    var file = TIFFBytes()
    for index in 0..<2 {
      file.add(Self.page(.float32, shift: index).0)
      var thumbnail = Self.page(.float32, rows: 1, columns: 2).0
      thumbnail.pixels = .strips(rows: 1)
      thumbnail.shorts = [254: 1]
      file.add(thumbnail)
    }
    let stack = try ImageStack(path: folder.write(file.bytes, "a.tif"))
    #expect(stack.count == 2)
    #expect(try stack.page(1).samples == Self.page(.float32, shift: 1).1)
  }

  /// More than 4 GiB are written by ImageJ as one directory and the bytes of all images.
  @Test(arguments: [false, true])
  func readsTheRawStacksOfImageJ(isBigEndian: Bool) throws {
    let folder = try TemporaryFolder()
    var first = Self.page(.uint16).0
    first.description = "ImageJ=1.53t\nimages=4\nslices=4\n"
    var file = TIFFBytes(isBigEndian: isBigEndian)
    file.add(first)
    var bytes = file.bytes
    let start = bytes.count
    let pages = (0..<4).map { Self.page(.uint16, shift: $0) }
    for page in pages {
      for bits in page.0.values {
        let low = [UInt8(truncatingIfNeeded: bits), UInt8(truncatingIfNeeded: bits >> 8)]
        bytes += isBigEndian ? low.reversed() : low
      }
    }
    func four(_ value: Int) -> [UInt8] {
      withUnsafeBytes(of: isBigEndian ? UInt32(value).bigEndian : UInt32(value).littleEndian) { Array($0) }
    }
    // StripOffsets (273), one LONG: from behind the header to behind the directory.
    let tag: [UInt8] = isBigEndian ? [1, 17, 0, 4, 0, 0, 0, 1] : [17, 1, 4, 0, 1, 0, 0, 0]
    let entry = try #require(bytes.firstRange(of: tag + four(8)))
    bytes.replaceSubrange(entry, with: tag + four(start))

    let stack = try ImageStack(path: folder.write(bytes, "a.tif"))
    #expect(stack.count == 4)
    for index in [3, 1, 0, 2] {
      #expect(try stack.page(index).samples == pages[index].1)
      #expect(try stack.rows(1..<2, ofPage: index).samples == Array(pages[index].1[5..<10]))
    }
    let short = try folder.write(Array(bytes.dropLast(31)), "short.tif")
    #expect(
      Self.error { _ = try ImageStack(path: short) }
        == .truncated(path: short, page: 2, needed: UInt64(bytes.count), length: UInt64(bytes.count - 31)))
  }

  /// The last of 600,000 pages of 8 KiB, at 4.9 GB of a file that takes no room on the disk.
  @Test func readsRawStacksBeyondFourGibibytes() throws {
    let folder = try TemporaryFolder()
    var (page, values) = Self.page(.uint16, rows: 64, columns: 64)
    let pages = 600_000
    page.description = "ImageJ=1.53t\nimages=\(pages)\n"
    var file = TIFFBytes()
    file.add(page)
    var bytes = file.bytes
    let start = bytes.count
    // StripOffsets (273), one LONG: from behind the header to behind the directory.
    let tag: [UInt8] = [17, 1, 4, 0, 1, 0, 0, 0]
    let entry = try #require(bytes.firstRange(of: tag + [8, 0, 0, 0])).upperBound
    for i in 0..<4 { bytes[entry - 4 + i] = UInt8(truncatingIfNeeded: start >> (8 * i)) }
    let path = try folder.write(bytes, "a.tif")
    let writer = try #require(FileHandle(forUpdatingAtPath: path))
    try writer.seek(toOffset: UInt64(start + (pages - 1) * 8192))
    try writer.write(contentsOf: page.values.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] })
    try writer.close()

    let stack = try ImageStack(path: path)
    #expect(stack.count == pages)
    #expect(try stack.page(pages - 1).samples == values)
    #expect(try stack.page(pages - 2).samples.allSatisfy { $0 == 0 })
    #expect(try ImageStack(path: path).info.isBigTIFF == false)
  }

  @Test func knowsTheSpacing() throws {
    let folder = try TemporaryFolder()
    func spacing(
      _ description: String?, _ resolution: (x: (Int, Int), y: (Int, Int), unit: Int)?
    ) throws -> Spacing {
      var page = Self.page(.float32).0
      page.description = description
      page.resolution = resolution
      var file = TIFFBytes()
      file.add(page)
      return try ImageStack(path: folder.write(file.bytes, "a.tif")).info.spacing
    }
    #expect(try spacing(nil, nil) == Spacing())
    #expect(try spacing(nil, ((1, 1), (1, 1), 1)) == Spacing())
    #expect(try spacing(nil, ((72, 1), (72, 1), 2)) == Spacing())
    #expect(try spacing(nil, ((20, 1), (40, 1), 3)) == Spacing(x: 0.5, y: 0.25))
    #expect(try spacing(nil, ((254, 1), (254, 10), 2)) == Spacing(x: 25.4 / 254, y: 1))
    #expect(try spacing(nil, ((0, 1), (1, 0), 3)) == Spacing())
    #expect(
      try spacing("ImageJ=1.53t\nunit=micron\nspacing=750\n", ((1, 500), (1, 250), 1))
        == Spacing(x: 0.5, y: 0.25, z: 0.75))
    let ome = """
      <?xml version="1.0"?><OME><Image><Pixels PhysicalSizeX="0.5" PhysicalSizeXUnit="mm" PhysicalSizeY="250" \
      PhysicalSizeZ="2" PhysicalSizeZUnit="mm"></Pixels></Image></OME>
      """
    #expect(try spacing(ome, nil) == Spacing(x: 0.5, y: 0.25, z: 2))
  }

  @Test func appliesALinearCalibration() throws {
    let folder = try TemporaryFolder()
    var (page, values) = Self.page(.uint16)
    page.description = "ImageJ=1.53t\ncf=0\nc0=-1024.0\nc1=0.5\nvunit=HU\n"
    var file = TIFFBytes()
    file.add(page)
    let stack = try ImageStack(path: folder.write(file.bytes, "a.tif"))
    #expect(stack.info.unit == "HU")
    #expect(try stack.page(0).samples == values.map { -1024 + 0.5 * $0 })
  }

  @Test func readsFromManyTasksAtOnce() async throws {
    let folder = try TemporaryFolder()
    var file = TIFFBytes()
    var expected: [[Float]] = []
    for index in 0..<16 {
      let (page, values) = Self.page(.uint16, rows: 64, columns: 32, shift: index)
      file.add(page)
      expected.append(values)
    }
    let stack = try ImageStack(path: folder.write(file.bytes, "a.tif"))
    try await withThrowingTaskGroup(of: Bool.self) { [expected] group in
      for index in 0..<200 {
        group.addTask { try stack.page(index % 16).samples == expected[index % 16] }
      }
      for try await isRight in group { #expect(isRight) }
    }
  }

  /// Deflate with a predictor, written by another program.
  @Test(.enabled(if: exists(sharedData("ct/validation.tif")), "the CT slices are not there"))
  func readsRealSlices() throws {
    let stack = try ImageStack(path: sharedData("ct/validation.tif"))
    #expect((stack.info.pages, stack.info.rows, stack.info.columns) == (78, 256, 256))
    #expect(stack.info.compression == "Deflate")
    let page = try stack.page(77)
    // 12-bit HU + 1024, of a body in air.
    #expect(page.samples.contains { $0 > 1024 })
    #expect(page.samples.contains { $0 < 100 })
    #expect(page.samples.allSatisfy { $0 >= 0 && $0 <= 8191 && $0 == $0.rounded() })
    #expect(try stack.rows(100..<103, ofPage: 77).samples == Array(page.samples[25600..<26368]))
  }

  // MARK: What is refused

  @Test func namesTheMissingNumber() throws {
    let folder = try TemporaryFolder()
    var file = TIFFBytes()
    file.add(Self.page(.uint8).0)
    for number in [1, 2, 4] { try folder.write(file.bytes, "recon_0000\(number).tif") }
    let error = Self.error { _ = try ImageStack(path: folder.path) }
    #expect(
      error
        == .missingNumber(path: folder.path, number: 3, before: "recon_00002.tif", after: "recon_00004.tif"))
    #expect(
      error?.description == "number 3 is missing in '\(folder.path)': 'recon_00002.tif' is followed by "
        + "'recon_00004.tif'. Restore the missing file, or move one side of the gap to another folder.")
    try folder.write(file.bytes, "recon_00003.tif")
    try folder.write(file.bytes, "flat_00003.tif")
    #expect(
      Self.error { _ = try ImageStack(path: folder.path) }
        == .notASeries(path: folder.path, first: "flat_00003.tif", second: "recon_00001.tif"))
  }

  @Test func refusesAMissingAnEmptyAndAForeignFile() throws {
    let folder = try TemporaryFolder()
    #expect(Self.error { _ = try ImageStack(path: folder("no.tif")) } == .missing(path: folder("no.tif")))
    #expect(Self.error { _ = try ImageStack(path: folder("no_*.tif")) } == .missing(path: folder("no_*.tif")))
    #expect(Self.error { _ = try ImageStack(path: folder.path) } == .emptyFolder(path: folder.path))
    let empty = try folder.write([], "empty.tif")
    #expect(Self.error { _ = try ImageStack(path: empty) } == .empty(path: empty))
    let png = try folder.write([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0], "a.tif")
    #expect(
      Self.error { _ = try ImageStack(path: png) }
        == .notTIFF(path: png, firstBytes: [0x89, 0x50, 0x4e, 0x47]))
    #expect(Self.error { _ = try ImageStack(path: png) }?.description.contains("89 50 4e 47") == true)
    let pipe = folder("pipe.tif")
    #expect(mkfifo(pipe, 0o600) == 0)
    #expect(
      Self.error { _ = try ImageStack(path: pipe) }
        == .cannotOpen(path: pipe, reason: "it is not a regular file"))
    let short = try folder.write(Array("II*".utf8), "short.tif")
    #expect(
      Self.error { _ = try ImageStack(path: short) } == .truncated(path: short, page: 0, needed: 8, length: 3)
    )
  }

  @Test(.enabled(if: geteuid() != 0, "the superuser may read everything"))
  func refusesAFileWithoutPermission() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write([1], "a.tif")
    try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: path)
    #expect(Self.error { _ = try ImageStack(path: path) } == .noPermission(path: path))
  }

  @Test func refusesOtherSamples() throws {
    let folder = try TemporaryFolder()
    let path = folder("a.tif")
    func refusal(_ change: (inout TIFFBytes.Page) -> Void) throws -> TIFFError? {
      var page = Self.page(.uint8).0
      change(&page)
      var file = TIFFBytes()
      file.add(Self.page(.uint8).0)
      file.add(page)
      try folder.write(file.bytes, "a.tif")
      return Self.error { _ = try ImageStack(path: path) }
    }
    #expect(
      try refusal {
        $0.samples = 3
        $0.values = Array(repeating: 0, count: 45)
      } == .unsupportedSamples(path: path, page: 1, found: "3 × 8-bit unsigned"))
    #expect(
      try refusal { $0.bits = 64 } == .unsupportedSamples(path: path, page: 1, found: "64-bit unsigned"))
    #expect(
      try refusal { $0.format = 2 }
        == .mixedPages(path: path, page: 1, found: "3 × 5 of 8-bit signed", expected: "3 × 5 of uint8"))
    #expect(
      try refusal { $0 = Self.page(.uint8, rows: 5, columns: 3).0 }
        == .mixedPages(path: path, page: 1, found: "5 × 3 of 8-bit unsigned", expected: "3 × 5 of uint8"))
  }

  @Test func namesTheFirstValueThatIsNotFinite() throws {
    let folder = try TemporaryFolder()
    var (page, _) = Self.page(.float32, rows: 40, columns: 300)
    page.values[37 * 300 + 4] = UInt64(Float.nan.bitPattern)
    page.values[38 * 300 + 4] = UInt64(Float.infinity.bitPattern)
    var file = TIFFBytes()
    file.add(Self.page(.float32, rows: 40, columns: 300).0)
    file.add(page)
    let path = try folder.write(file.bytes, "a.tif")
    let stack = try ImageStack(path: path)
    _ = try stack.page(0)
    let error = Self.stackError { _ = try stack.page(1) }
    #expect(error == .notFinite(path: path, page: 1, row: 37, column: 4, value: "NaN"))
    #expect(error?.description.hasPrefix("page 2 of '\(path)' holds NaN at row 38, column 5.") == true)
    #expect(
      Self.stackError { _ = try stack.rows(38..<40, ofPage: 1) }
        == .notFinite(path: path, page: 1, row: 38, column: 4, value: "an infinite value"))
    #expect(try ImageStack(path: path, nonFinite: .keep).page(1)[37, 4].isNaN)
  }

  @Test func refusesACompressionThatIsNotRead() throws {
    let folder = try TemporaryFolder()
    var page = Self.page(.uint8).0
    page.compression = 34925
    var file = TIFFBytes()
    file.add(page)
    let path = try folder.write(file.bytes, "a.tif")
    guard
      case .unsupportedCompression(path, 0, "LZMA", _) = Self.error({ _ = try ImageStack(path: path) })
    else {
      Issue.record("LZMA was not refused")
      return
    }
  }

  @Test func refusesAFileThatWasChangedAfterItWasOpened() throws {
    let folder = try TemporaryFolder()
    var (one, two) = (TIFFBytes(), TIFFBytes())
    one.add(Self.page(.uint8).0)
    two.add(Self.page(.uint8, shift: 1).0)
    two.add(Self.page(.uint8, shift: 1).0)
    let path = try folder.write(one.bytes, "a.tif")
    let stack = try ImageStack(path: path)
    try folder.write(two.bytes, "a.tif")
    #expect(Self.error { _ = try stack.page(0) } == .changed(path: path))
  }

  @Test func refusesAFileWhoseWriterWasStopped() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(TIFFBytes().bytes + [UInt8](repeating: 7, count: 100), "a.tif")
    let error = Self.error { _ = try ImageStack(path: path) }
    #expect(
      error?.description
        == "cannot read page 1 of '\(path)': the file has no pages: what wrote it was stopped before the first one was "
        + "complete. The file is damaged; copy or write it again.")
  }

  @Test func keepsToItsMemory() throws {
    let folder = try TemporaryFolder()
    var file = TIFFBytes()
    let (page, values) = Self.page(.uint8, rows: 16, columns: 16)
    file.add(page)
    let path = try folder.write(file.bytes, "a.tif")
    #expect(try ImageStack(path: path, memory: 1024).page(0).samples == values)
    #expect(
      Self.error { _ = try ImageStack(path: path, memory: 1023) }
        == .tooLarge(path: path, page: 0, rows: 16, columns: 16, length: UInt64(file.bytes.count)))
  }

  @Test func refusesPagesAndRowsThatAreNotThere() throws {
    let folder = try TemporaryFolder()
    var file = TIFFBytes()
    file.add(Self.page(.uint8).0)
    let path = try folder.write(file.bytes, "a.tif")
    let stack = try ImageStack(path: path)
    #expect(Self.stackError { _ = try stack.page(1) } == .noSuchPage(path: path, page: 1, pages: 1))
    #expect(Self.stackError { _ = try stack.page(-1) } == .noSuchPage(path: path, page: -1, pages: 1))
    #expect(
      Self.stackError { _ = try stack.rows(2..<4, ofPage: 0) }
        == .noSuchRows(path: path, rows: 2..<4, available: 3))
    #expect(try stack.rows(1..<1, ofPage: 0).samples.isEmpty)
  }

  /// Every file cut short is refused, at opening or at the page, whatever its layout.
  @Test func reportsATruncatedFileWhereverItIsCut() throws {
    let folder = try TemporaryFolder()
    for pixels in [TIFFBytes.Pixels.strips(rows: 2), .tiles(rows: 16, columns: 16)] {
      var file = TIFFBytes()
      for shift in 0..<2 {
        var page = Self.page(.float32, shift: shift).0
        page.pixels = pixels
        file.add(page)
      }
      for length in 1..<file.bytes.count {
        let path = try folder.write(Array(file.bytes.prefix(length)), "a.tif")
        let error = Self.error {
          let stack = try ImageStack(path: path)
          for index in 0..<stack.count { _ = try stack.page(index) }
        }
        #expect(error != nil, "cut to \(length) of \(file.bytes.count) bytes")
      }
    }
  }

  @Test(arguments: [1, 5, 8, 32773])
  func refusesClaimsThatTheFileCannotHold(compression: Int) throws {
    let folder = try TemporaryFolder()
    var page = Self.page(.float32).0
    page.compression = compression
    var file = TIFFBytes()
    file.add(page)
    var bytes = file.bytes
    // Width, a LONG of 5, becomes 2³¹.
    let entry = try #require(bytes.firstRange(of: [0, 1, 4, 0, 1, 0, 0, 0, 5, 0, 0, 0]))
    bytes[entry.upperBound - 1] = 0x80
    bytes[entry.upperBound - 4] = 0
    let path = try folder.write(bytes, "a.tif")
    #expect(
      Self.error { _ = try ImageStack(path: path) }
        == .tooLarge(path: path, page: 0, rows: 3, columns: 1 << 31, length: UInt64(bytes.count)))
  }

  @Test(arguments: [1, 8])
  func refusesTilesThatTheFileCannotHold(compression: Int) throws {
    let folder = try TemporaryFolder()
    var page = Self.page(.uint8).0
    page.pixels = .tiles(rows: 16, columns: 16)
    page.compression = compression
    var file = TIFFBytes()
    file.add(page)
    var bytes = file.bytes
    // TileWidth and TileLength, LONGs of 16, become 2¹⁴ each: 256 MiB for 3 × 5 pixels.
    for tag: UInt8 in [66, 67] {
      let entry = try #require(bytes.firstRange(of: [tag, 1, 4, 0, 1, 0, 0, 0, 16, 0, 0, 0])).upperBound
      bytes[entry - 4] = 0
      bytes[entry - 3] = 0x40
    }
    let path = try folder.write(bytes, "a.tif")
    #expect(
      Self.error { _ = try ImageStack(path: path).page(0) }
        == .damaged(path: path, page: 0, reason: "its tiles do not fit its size"))
  }

  @Test func refusesAChainThatRunsInACircle() throws {
    let folder = try TemporaryFolder()
    var file = TIFFBytes()
    file.add(Self.page(.uint8).0)
    let first = Int(file.bytes[4])
    file.add(Self.page(.uint8).0)
    file.link(to: first)
    let path = try folder.write(file.bytes, "a.tif")
    #expect(
      Self.error { _ = try ImageStack(path: path) }
        == .damaged(path: path, page: 2, reason: "the chain of pages runs in a circle"))
  }

  /// One byte changed at a time: an error or an image, never a crash.
  @Test func survivesEveryChangedByte() throws {
    let folder = try TemporaryFolder()
    for (isBig, pixels) in [
      (false, TIFFBytes.Pixels.strips(rows: 2)), (true, .tiles(rows: 16, columns: 16)),
    ] {
      var file = TIFFBytes(isBig: isBig)
      for shift in 0..<2 {
        var page = Self.page(.uint16, shift: shift).0
        page.pixels = pixels
        page.description = "ImageJ=1.53t\nimages=2\nunit=mm\n"
        page.resolution = ((2, 1), (2, 1), 1)
        file.add(page)
      }
      let path = try folder.write(file.bytes, "a.tif")
      let writer = try #require(FileHandle(forUpdatingAtPath: path))
      var generator = SplitMix64(seed: 11)
      for (position, byte) in file.bytes.enumerated() {
        for value in [0, 0xff, byte ^ 1, UInt8.random(in: 0...255, using: &generator), byte] {
          try writer.seek(toOffset: UInt64(position))
          try writer.write(contentsOf: [value])
          guard let stack = try? ImageStack(path: path, nonFinite: .keep) else { continue }
          for index in 0..<min(stack.count, 3) { _ = try? stack.page(index) }
        }
      }
    }
  }
}
