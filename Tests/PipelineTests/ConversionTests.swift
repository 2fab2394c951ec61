import ComplexModule
import Fields
import Formats
import Foundation
import Pipeline
import TestSupport
import Testing

@Suite struct ConversionTests {
  /// Five pages of 9 × 7: 100 k + i/8, in the given storage.
  private static func write(
    _ path: String, storage: TIFFWriter.Storage = .float32, change: (inout Image, Int) -> Void = { _, _ in }
  ) throws -> [Image] {
    var writer = try TIFFWriter(
      path: path, rows: 9, columns: 7, pages: 5, storage: storage, spacing: Spacing(x: 0.5, y: 0.25, z: 2),
      unit: "HU", metadata: ["scanner": "one"])
    let images = (0..<5).map { page in
      var image = Image(shape: [9, 7], samples: (0..<63).map { Float(100 * page) + Float($0) / 8 })
      change(&image, page)
      return image
    }
    for image in images { try writer.append(image) }
    try writer.finish()
    return images
  }

  @Test(arguments: TIFFWriter.Compression.allCases)
  func copiesAStackWithWhatIsKnownOfIt(compression: TIFFWriter.Compression) async throws {
    let folder = try TemporaryFolder()
    let images = try Self.write(folder("a.tif"))
    var conversion = StackConversion()
    conversion.compression = compression
    var calls: [Int] = []
    let outcome = try await conversion.write(folder("a.tif"), to: folder("b.tif")) { done, total in
      #expect(total == 5)
      calls.append(done)
    }
    #expect(calls == Array(1...5))
    #expect((outcome.pages, outcome.rows, outcome.columns, outcome.clipped) == (5, 9, 7, 0))
    let (a, b) = try (ImageStack(path: folder("a.tif")), ImageStack(path: folder("b.tif")))
    for page in 0..<5 { #expect(try b.page(page) == images[page]) }
    #expect((b.info.spacing, b.info.unit, b.info.metadata) == (a.info.spacing, a.info.unit, a.info.metadata))
    #expect(folder.names == ["a.tif", "b.tif"])
  }

  @Test func takesSomePagesAndCorrectsTheSpacing() async throws {
    let folder = try TemporaryFolder()
    let images = try Self.write(folder("a.tif"))
    var conversion = StackConversion()
    conversion.pages = try PageList("1...5/2")
    conversion.spacing = Spacing(x: 0.75)
    conversion.unit = "1/mm"
    _ = try await conversion.write(folder("a.tif"), to: folder("b.tif"))
    let stack = try ImageStack(path: folder("b.tif"))
    #expect(stack.count == 3)
    for (index, page) in [0, 2, 4].enumerated() { #expect(try stack.page(index) == images[page]) }
    #expect(stack.info.spacing == Spacing(x: 0.75, y: 0.25, z: 4))
    #expect(stack.info.unit == "1/mm")
    conversion.pages = try PageList("5,1,2")
    _ = try await conversion.write(folder("a.tif"), to: folder("b.tif"))
    #expect(try ImageStack(path: folder("b.tif")).info.spacing.z == nil)
    conversion.pages = try PageList("6")
    await #expect(throws: StackError.noSuchPage(path: folder("a.tif"), page: 5, pages: 5)) {
      try await conversion.write(folder("a.tif"), to: folder("b.tif"))
    }
  }

  /// Half a step of the range over 65535, and an ulp of the largest value for each of two roundings to `Float`.
  @Test func storesIntegersOverTheRangeOfTheValues() async throws {
    let folder = try TemporaryFolder()
    let images = try Self.write(folder("a.tif"))
    var conversion = StackConversion()
    conversion.storage = .uint16
    var last = 0
    let outcome = try await conversion.write(folder("a.tif"), to: folder("b.tif")) { done, total in
      #expect(total == 10)
      last = done
    }
    #expect(last == 10)
    #expect(outcome.clipped == 0)
    let highest = Float(400 + 62.0 / 8)
    #expect(outcome.storage == .uint16(scale: Double(highest) / 65535, offset: 0))
    let stack = try ImageStack(path: folder("b.tif"))
    #expect(stack.info.sampleType == .uint16)
    for page in 0..<5 {
      for (read, written) in zip(try stack.page(page).samples, images[page].samples) {
        #expect(abs(read - written) <= highest / 65535 / 2 + 2 * highest.ulp)
      }
    }
    conversion.range = 0...100
    // Page 1 is inside; of page 2 only the first value, 100, is.
    #expect(try await conversion.write(folder("a.tif"), to: folder("b.tif")).clipped == 4 * 63 - 1)
  }

  @Test func keepsTheStepsOfIntegers() async throws {
    let folder = try TemporaryFolder()
    _ = try Self.write(folder("a.tif"), storage: .uint16(scale: 0.125, offset: -3))
    var conversion = StackConversion()
    conversion.storage = .uint16
    conversion.compression = .deflate
    let outcome = try await conversion.write(folder("a.tif"), to: folder("b.tif")) { #expect($1 == 5) }
    #expect(outcome.storage == .uint16(scale: 0.125, offset: -3))
    let (a, b) = try (ImageStack(path: folder("a.tif")), ImageStack(path: folder("b.tif")))
    for page in 0..<5 { #expect(try a.page(page) == b.page(page)) }
  }

  @Test func replacesWhatIsNotFiniteOnlyWhenAsked() async throws {
    let folder = try TemporaryFolder()
    // The writer refuses such values: they are put into its file.
    _ = try Self.write(folder("a.tif")) { image, page in
      if page == 3 { image.samples.replaceSubrange(10...11, with: [12345.5, 54321.5]) }
    }
    var bytes = [UInt8](try folder.data("a.tif"))
    for (mark, value) in [(Float(12345.5), Float.nan), (54321.5, -.infinity)] {
      let old = withUnsafeBytes(of: mark.bitPattern.littleEndian, Array.init)
      let new = withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init)
      bytes.replaceSubrange(try #require(bytes.firstRange(of: old)), with: new)
    }
    try folder.write(bytes, "a.tif")
    var conversion = StackConversion()
    await #expect(
      throws: StackError.notFinite(path: folder("a.tif"), page: 3, row: 1, column: 3, value: "NaN")
    ) {
      try await conversion.write(folder("a.tif"), to: folder("b.tif"))
    }
    #expect(folder.names == ["a.tif"])
    conversion.replacement = -1
    conversion.storage = .uint16
    let outcome = try await conversion.write(folder("a.tif"), to: folder("b.tif"))
    #expect((outcome.replaced, outcome.clipped) == (2, 0))
    #expect(Array(try ImageStack(path: folder("b.tif")).page(3).samples[10...11]) == [-1, -1])
  }

  private static let complexFixture = packageFolder + "/Tests/FormatsTests/Fixtures/complex64.tif"

  @Test func takesAPartOfComplexSamples() async throws {
    let folder = try TemporaryFolder()
    let path = Self.complexFixture
    var conversion = StackConversion()
    conversion.part = .imaginary
    _ = try await conversion.write(path, to: folder("b.tif"))
    #expect(
      try ImageStack(path: folder("b.tif")).page(0).samples
        == ImageStack(path: path).complexPage(0).samples.map(\.imaginary))
  }

  @Test(arguments: formats)
  func keepsComplexSamples(name: String) async throws {
    let folder = try TemporaryFolder()
    let outcome = try await StackConversion().write(Self.complexFixture, to: folder(name))
    #expect(outcome.storage == .complex64)
    let (a, b) = try (ImageStack(path: Self.complexFixture), ImageStack(path: folder(name)))
    #expect(b.isComplex && a.count == b.count)
    for page in 0..<a.count { #expect(try a.complexPage(page) == b.complexPage(page)) }
    var conversion = StackConversion()
    conversion.storage = .uint16
    if [.tiff].contains(b.info.format) {
      await #expect(throws: StackError.complexSamples(path: Self.complexFixture)) {
        try await conversion.write(Self.complexFixture, to: folder("other"))
      }
    }
  }

  static let formats = ["b.tif", "b/", "b.nii", "b.nii.gz", "b.npy", "b.cfl"]

  /// From TIFF to another format and back: the same values, and what that format can say.
  @Test(arguments: formats)
  func goesToAFormatAndBack(name: String) async throws {
    let folder = try TemporaryFolder()
    let images = try Self.write(folder("a.tif"))
    var calls: [Int] = []
    let outcome = try await StackConversion().write(folder("a.tif"), to: folder(name)) { done, total in
      #expect(total == 5)
      calls.append(done)
    }
    #expect(calls == Array(1...5))
    let lost: [String: [String]] = [
      "nii": ["unit", "description"], "gz": ["unit", "description"],
      "npy": ["spacing", "unit", "description"],
      "cfl": ["spacing", "unit", "description"],
    ]
    #expect(outcome.notKept == lost[String(name.split(separator: ".").last ?? "")] ?? [])
    var back = StackConversion()
    back.part = .real
    _ = try await back.write(folder(name), to: folder("c.tif"))
    let stack = try ImageStack(path: folder("c.tif"))
    #expect(stack.count == 5)
    for page in 0..<5 { #expect(try stack.page(page) == images[page]) }
    let isKnown = !outcome.notKept.contains("spacing")
    #expect(stack.info.spacing == (isKnown ? Spacing(x: 0.5, y: 0.25, z: 2) : Spacing()))
    #expect(stack.info.unit == (outcome.notKept.isEmpty ? "HU" : nil))
  }

  /// When a page is reported, those before it are in the file: none is held back. And hardly more than it has been read.
  @Test func takesOnePageAfterAnother() async throws {
    let folder = try TemporaryFolder()
    let size = 64
    var writer = try TIFFWriter(path: folder("a.tif"), rows: size, columns: size, pages: 40)
    for page in 0..<40 { try writer.append(Image(shape: [size, size], filledWith: Float(page))) }
    try writer.finish()
    let pageBytes = 4 * size * size
    for (name, header) in [("b.npy", 128), ("b.nii", 352)] {
      _ = try await StackConversion().write(folder("a.tif"), to: folder(name)) { done, _ in
        let partial = try #require(folder.names.first { $0.hasPrefix("\(name).partial-") })
        #expect(try folder.data(partial).count == header + done * pageBytes)
      }
    }
    _ = try await StackConversion().write(folder("a.tif"), to: folder("b/")) { done, _ in
      let partial = try #require(folder.names.first { $0.hasPrefix("b.partial-") })
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder(partial)).count == done)
    }
  }

  @Test func keepsTheCoilsOfBART() async throws {
    let folder = try TemporaryFolder()
    let path = packageFolder + "/Tests/FormatsTests/Fixtures/coils.cfl"
    #expect(try await StackConversion().write(path, to: folder("b.cfl")).notKept.isEmpty)
    #expect(try folder.data("b.cfl") == Data(contentsOf: URL(fileURLWithPath: path)))
    #expect(try folder.text("b.hdr").hasPrefix("# Dimensions\n12 10 1 2 1 "))
    var conversion = StackConversion()
    conversion.pages = try PageList("2")
    #expect(try await conversion.write(path, to: folder("c.cfl")).notKept == ["dimensions"])
    #expect(try folder.text("c.hdr").hasPrefix("# Dimensions\n12 10 1 1 "))
  }

  #if ISMRMRD
    /// Coils of a partition follow one another in the scan and lie apart in BART's array.
    @Test func sortsCoilsAndPartitionsForBART() async throws {
      let folder = try TemporaryFolder()
      let path = packageFolder + "/Tests/FormatsTests/Fixtures/ISMRMRD/coils.h5"
      _ = try await StackConversion().write(path, to: folder("a.cfl"))
      #expect(try folder.text("a.hdr").hasPrefix("# Dimensions\n4 3 3 2 1 "))
      let (scan, array) = (try ImageStack(path: path), try ImageStack(path: folder("a.cfl")))
      #expect(scan.count == 6 && array.count == 6)
      for partition in 0..<3 {
        for coil in 0..<2 {
          #expect(
            try array.complexPage(3 * coil + partition) == scan.complexPage(2 * partition + coil),
            "partition \(partition), coil \(coil)")
        }
      }
    }
  #endif

  @Test func replacesComplexSamplesThatAreNotFinite() async throws {
    let folder = try TemporaryFolder()
    var bytes = [UInt8](repeating: 0, count: 4 * 8)
    bytes.replaceSubrange(12..<16, with: withUnsafeBytes(of: Float.nan.bitPattern.littleEndian, Array.init))
    bytes.replaceSubrange(
      16..<20, with: withUnsafeBytes(of: Float.infinity.bitPattern.littleEndian, Array.init))
    try folder.write(bytes, "a.cfl")
    try folder.write("# Dimensions\n2 2\n", to: "a.hdr")
    await #expect(
      throws: StackError.notFinite(path: folder("a.cfl"), page: 0, row: 0, column: 1, value: "NaN")
    ) {
      try await StackConversion().write(folder("a.cfl"), to: folder("b.npy"))
    }
    var conversion = StackConversion()
    conversion.replacement = 7
    #expect(try await conversion.write(folder("a.cfl"), to: folder("b.npy")).replaced == 2)
    #expect(
      try ImageStack(path: folder("b.npy")).complexPage(0).samples
        == [Complex(0), Complex(7), Complex(7), Complex(0)])
  }

  @Test(arguments: ["b.nii", "b.npy", "b.cfl"])
  func refusesWhatAFormatCannotHold(name: String) throws {
    func refusal(_ change: (inout StackConversion) -> Void) -> String? {
      var conversion = StackConversion()
      change(&conversion)
      do throws(FormatError) { try conversion.check(name) } catch { return error.description }
      return nil
    }
    let format = name == "b.nii" ? "NIfTI" : name == "b.npy" ? "NumPy" : "BART's cfl"
    #expect(
      refusal { $0.storage = .uint16 }
        == "'\(name)' cannot hold 16-bit integers with a scale: \(format) has no place for it. Leave out "
        + "'--storage uint16', or write another format, such as TIFF.")
    #expect(refusal { $0.compression = .deflate }?.contains("Leave out '--compression deflate'") == true)
    #expect(refusal { $0.unit = "HU" }?.contains("Leave out '--unit'") == true)
    #expect((refusal { $0.spacing = Spacing(x: 1) } == nil) == (name == "b.nii"))
    #expect(refusal { $0.replacement = 0 } == nil)
  }

  @Test func doesNotReplaceWhatItReads() async throws {
    let folder = try TemporaryFolder()
    _ = try Self.write(folder("a1.tif"))
    for input in [folder("a1.tif"), folder.path, folder("a*.tif")] {
      await #expect(throws: ConversionError.replacesInput(path: folder("a1.tif"))) {
        try await StackConversion().write(input, to: folder("./a1.tif"))
      }
    }
    for output in [folder.path, folder.path + "/"] {
      await #expect(throws: ConversionError.replacesInput(path: folder("a1.tif"))) {
        try await StackConversion().write(folder("a1.tif"), to: output)
      }
    }
    for name in Self.formats {
      await #expect(throws: CancellationError.self) {
        try await StackConversion().write(folder("a1.tif"), to: folder(name)) { done, _ in
          if done == 3 { throw CancellationError() }
        }
      }
      #expect(folder.names == ["a1.tif"])
    }
  }
}
