import Fields
import Formats
import Foundation
import TestSupport
import Testing

@Suite struct TIFFWriterTests {
  static func images(_ count: Int, rows: Int, columns: Int) -> [Image] {
    var generator = SplitMix64(seed: 3)
    return (0..<count).map { _ in
      Image(shape: [rows, columns], samples: generator.normals(rows * columns))
    }
  }

  static func error(_ body: () throws -> Void) -> TIFFError? { TIFFPageSourceTests.error(body) }

  @Test(arguments: TIFFWriter.Compression.allCases, [(5, 7), (301, 400)])
  func writesWhatIsRead(compression: TIFFWriter.Compression, size: (Int, Int)) throws {
    let folder = try TemporaryFolder()
    let images = Self.images(3, rows: size.0, columns: size.1)
    for pages in [3, nil] {
      var writer = try TIFFWriter(
        path: folder("a.tif"), rows: size.0, columns: size.1, pages: pages, compression: compression)
      for image in images { try writer.append(image) }
      try writer.finish()
      let stack = try ImageStack(path: folder("a.tif"))
      #expect(stack.count == 3)
      #expect(stack.info.isBigTIFF == (pages == nil))
      #expect(stack.info.compression == (compression == .none ? "none" : "Deflate"))
      for (index, image) in images.enumerated() {
        #expect(try stack.page(index) == image)
        #expect(try stack.rows(1..<4, ofPage: index).samples == Array(image.samples[size.1..<4 * size.1]))
      }
    }
  }

  @Test func recordsSpacingUnitAndMetadata() throws {
    let folder = try TemporaryFolder()
    let spacing = Spacing(x: 0.7, y: 0.35, z: 1.25)
    var writer = try TIFFWriter(
      path: folder("a.tif"), rows: 2, columns: 2, spacing: spacing, unit: "1/mm",
      metadata: ["method": "deft", "note": "two\nlines", "deft.seed": "7", "noise scans=": "2"])
    try writer.append(Image(shape: [2, 2]))
    try writer.append(Image(shape: [2, 2]))
    try writer.finish()
    let info = try ImageStack(path: folder("a.tif")).info
    #expect(info.spacing == spacing)
    #expect(info.unit == "1/mm")
    #expect(info.metadata["method"] == "deft")
    #expect(info.metadata["note"] == "two lines")
    #expect(info.metadata["deft.seed"] == "7")
    // Keys of other formats may have any characters.
    #expect(info.metadata["noise_scans_"] == "2")
    // ImageJ would take pages from consecutive bytes, between which the directories lie.
    #expect(info.metadata["images"] == nil)
    #expect(info.metadata["unit"] == "mm")
  }

  /// Rounding errs by half a step; the two conversions to `Float` by an ulp of the largest value more.
  @Test(arguments: TIFFWriter.Compression.allCases)
  func storesIntegersWithinHalfAStep(compression: TIFFWriter.Compression) throws {
    let folder = try TemporaryFolder()
    let image = Image(shape: [3, 100], samples: (0..<300).map { Float($0) * 13.7 - 1000 })
    var writer = try TIFFWriter(
      path: folder("a.tif"), rows: 3, columns: 100, storage: .uint16(scale: 0.5, offset: -1024),
      compression: compression, unit: "HU")
    try writer.append(image)
    #expect(writer.clipped == 0)
    var beyond = image
    beyond.samples[7] = -1025
    beyond.samples[8] = 40000
    try writer.append(beyond)
    #expect(writer.clipped == 2)
    try writer.finish()
    let stack = try ImageStack(path: folder("a.tif"))
    #expect(stack.info.sampleType == .uint16)
    #expect(stack.info.unit == "HU")
    for (read, written) in zip(try stack.page(0).samples, image.samples) {
      #expect(abs(read - written) <= 0.25 + written.ulp)
    }
    #expect(try stack.page(1).samples[7] == -1024)
    #expect(try stack.page(1).samples[8] == -1024 + 65535 * 0.5)
  }

  /// tifffile 2026.3.3 (`TiffFile._series_imagej`) takes the pages for one run of bytes if the second directory lies
  /// behind that many bytes of the first page's start. Of two pages it then must be one.
  @Test(arguments: [2, nil])
  func writesTwoPagesAsOneRunOfBytes(pages: Int?) throws {
    let folder = try TemporaryFolder()
    let images = Self.images(2, rows: 20, columns: 30)
    var writer = try TIFFWriter(path: folder("a.tif"), rows: 20, columns: 30, pages: pages)
    for image in images { try writer.append(image) }
    try writer.finish()
    let run = (images[0].samples + images[1].samples).withUnsafeBytes { Data($0) }
    let file = try Data(contentsOf: URL(fileURLWithPath: folder("a.tif")))
    #expect(file.range(of: run) != nil)
  }

  @Test func writesTheSameBytesAgain() throws {
    let folder = try TemporaryFolder()
    for name in ["a.tif", "b.tif"] {
      var writer = try TIFFWriter(
        path: folder(name), rows: 8, columns: 9, pages: 2, compression: .deflate,
        metadata: ["a": "1", "b": "2"])
      for image in Self.images(2, rows: 8, columns: 9) { try writer.append(image) }
      try writer.finish()
    }
    #expect(FileManager.default.contentsEqual(atPath: folder("a.tif"), andPath: folder("b.tif")))
  }

  @Test func showsNothingUnderTheNameBeforeItIsFinished() throws {
    let folder = try TemporaryFolder()
    try folder.write([1, 2, 3], "a.tif")
    func write(_ pages: Int, of declared: Int, finish: Bool) throws {
      var writer = try TIFFWriter(path: folder("a.tif"), rows: 2, columns: 2, pages: declared)
      for _ in 0..<pages { try writer.append(Image(shape: [2, 2], filledWith: 1)) }
      #expect(folder.names.count == 2)
      #expect(folder.names[1].hasPrefix("a.tif.partial-"))
      #expect(try Data(contentsOf: URL(fileURLWithPath: folder("a.tif"))).count == 3)
      if finish { try writer.finish() }
    }
    try write(2, of: 2, finish: false)
    #expect(folder.names == ["a.tif"])
    #expect(
      Self.error { try write(1, of: 2, finish: true) }
        == .wrongPageCount(path: folder("a.tif"), written: 1, expected: 2))
    #expect(
      Self.error { try write(3, of: 2, finish: true) }
        == .wrongPageCount(path: folder("a.tif"), written: 3, expected: 2))
    #expect(folder.names == ["a.tif"])
    #expect(try Data(contentsOf: URL(fileURLWithPath: folder("a.tif"))).count == 3)
    try write(2, of: 2, finish: true)
    #expect(folder.names == ["a.tif"])
    #expect(try ImageStack(path: folder("a.tif")).count == 2)
  }

  @Test func refusesPagesThatDoNotBelong() throws {
    let folder = try TemporaryFolder()
    let path = folder("a.tif")
    var writer = try TIFFWriter(path: path, rows: 2, columns: 3)
    try writer.append(Image(shape: [2, 3]))
    var found: TIFFError?
    do throws(TIFFError) { try writer.append(Image(shape: [3, 2])) } catch { found = error }
    #expect(found == .wrongPage(path: path, page: 1, found: "3 × 2", expected: "2 × 3"))
    do throws(TIFFError) {
      try writer.append(Image(shape: [2, 3], samples: [0, 0, 0, 0, .nan, 0]))
    } catch { found = error }
    #expect(found == .notFinite(path: path, page: 1, row: 1, column: 1, value: "NaN"))
    // Neither spoils the file.
    try writer.append(Image(shape: [2, 3]))
    try writer.finish()
    #expect(try ImageStack(path: path).count == 2)
  }

  @Test func refusesAPlaceThatCannotHoldTheFile() throws {
    let folder = try TemporaryFolder()
    func refusal(_ path: String, pages: Int = 1, size: Int = 2) -> TIFFError? {
      Self.error { _ = try TIFFWriter(path: path, rows: size, columns: size, pages: pages) }
    }
    #expect(
      refusal(folder("no/a.tif"))
        == .cannotCreate(path: folder("no/a.tif"), reason: "No such file or directory"))
    #expect(refusal(folder.path) == .cannotCreate(path: folder.path, reason: "it is a folder"))
    // 1.6 PB
    guard
      case .noSpace(folder("a.tif"), let needed, let free) = refusal(
        folder("a.tif"), pages: 1 << 20, size: 20000)
    else {
      Issue.record("a petabyte was promised")
      return
    }
    #expect(needed > 1 << 50 && free < needed)
    #expect(folder.names.isEmpty)
  }
}
