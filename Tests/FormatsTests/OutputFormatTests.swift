import CZlib
import ComplexModule
import Fields
import Formats
import Foundation
import Synchronization
import TestSupport
import Testing

/// What is written, byte by byte where the format says which, and what is left of it when something fails.
@Suite struct OutputFormatTests {
  /// Three pages of 4 × 5 that differ everywhere.
  static let real: [StackPage] = (0..<3).map { page in
    .real(Image(shape: [4, 5], samples: (0..<20).map { Float(100 * page + $0) / 8 - 3 }))
  }
  static let complex: [StackPage] = (0..<3).map { page in
    .complex(
      ComplexImage(
        shape: [4, 5], samples: (0..<20).map { Complex(Float(100 * page + $0) / 8, Float($0 - page)) }))
  }

  static func layout(_ pages: [StackPage]) -> StackLayout {
    let isComplex = if case .complex = pages[0] { true } else { false }
    var layout = StackLayout(
      rows: 4, columns: 5, pages: pages.count, storage: isComplex ? .complex64 : .float32)
    layout.spacing = Spacing(x: 0.5, y: 0.25, z: 2)
    return layout
  }

  static func write(_ pages: [StackPage], to path: String, _ layout: StackLayout? = nil) async throws {
    let sink = try OutputFormat(of: path).sink(path, layout ?? Self.layout(pages))
    for page in pages { try await sink.append(page) }
    try await sink.finish()
  }

  static func error(_ body: () async throws -> Void) async -> (any Error)? {
    do {
      try await body()
      return nil
    } catch {
      return error
    }
  }

  /// The samples in the order of the file.
  static func bytes(_ pages: [StackPage]) -> [UInt8] {
    func bytes(_ value: Float) -> [UInt8] { withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init) }
    return pages.flatMap { page in
      switch page {
      case .real(let image): image.samples.flatMap(bytes)
      case .complex(let image): image.samples.flatMap { bytes($0.real) + bytes($0.imaginary) }
      }
    }
  }

  static let names = ["a.tif", "a.TIFF", "a/", "a", "a.nii", "a.nii.gz", "a.npy", "a.cfl", "a.hdr"]

  // MARK: Names

  @Test(
    arguments: zip(
      names, ["TIFF", "TIFF", "TIFF", "TIFF", "NIfTI", "NIfTI", "NumPy", "BART's cfl", "BART's cfl"]))
  func isNamedByTheOutput(name: String, format: String) throws {
    let found = try OutputFormat(of: name)
    #expect(found.name == format)
    #expect(found.extensions.isEmpty == ["a", "a/"].contains(name))
  }

  @Test(arguments: ["a.h5", "a.dcm", "a.mrd", "b/a.png", ".hidden", "", "a.tif.bak"])
  func refusesOtherNames(name: String) {
    let error = #expect(throws: FormatError.self) { try OutputFormat(of: name) }
    #expect(error == .notWritten(path: name))
    #expect(
      error?.description
        == "cannot write '\(name)': a file ends in .tif or .tiff (TIFF), .nii or .nii.gz (NIfTI), .npy (NumPy), "
        + ".cfl or .hdr (BART's cfl); a name that ends in / is a folder of numbered TIFF files. Give such a name."
    )
  }

  /// Looks for a file all the time. Not a task: there are as few threads for those as cores.
  private final class Watch: Sendable {
    private let state = Mutex((missing: 0, isEnded: false))
    private let ended = DispatchSemaphore(value: 0)

    init(_ path: String) {
      Thread { [self] in
        while !state.withLock({ $0.isEnded }) {
          if access(path, F_OK) != 0 { state.withLock { $0.missing += 1 } }
        }
        ended.signal()
      }.start()
    }

    /// How often it was not there.
    func end() -> Int {
      state.withLock { $0.isEnded = true }
      ended.wait()
      return state.withLock { $0.missing }
    }
  }

  /// Whoever looks at a folder that is written again sees the earlier one or the later one, at every moment.
  @Test func replacesAFolderAtOneMoment() async throws {
    let folder = try TemporaryFolder()
    try await Self.write(Self.real, to: folder("scan/"))
    let watch = Watch(folder("scan/recon_00001.tif"))
    for _ in 0..<100 { try await Self.write([Self.real[0]], to: folder("scan/")) }
    #expect(watch.end() == 0)
    #expect(folder.names == ["scan"])
  }

  @Test func takesAFolderThatIsThereByAnyName() throws {
    let folder = try TemporaryFolder()
    try makeFolder(folder("scan.v2"))
    #expect(try OutputFormat(of: folder("scan.v2")).extensions.isEmpty)
    #expect(throws: FormatError.self) { try OutputFormat(of: folder("scan.v3")) }
    #expect(try OutputFormat(of: folder("scan.v3/")).extensions.isEmpty)
  }

  @Test func knowsWhatItWouldReplace() throws {
    let folder = try TemporaryFolder()
    func replaces(_ file: String, _ output: String) throws -> Bool {
      try OutputFormat(of: folder(output)).replaces(folder(file), by: folder(output))
    }
    #expect(try replaces("a.npy", "./a.npy") && !replaces("a.npy", "b.npy"))
    #expect(try replaces("a.hdr", "a.cfl") && replaces("a.cfl", "a.hdr") && !replaces("a.img", "a.cfl"))
    #expect(
      try replaces("a/recon_00001.tif", "a/") && replaces("a/b/c.tif", "a") && !replaces("ab/c.tif", "a"))
  }

  // MARK: Round trips

  @Test(arguments: names, [false, true])
  func isReadAgain(name: String, isComplex: Bool) async throws {
    let folder = try TemporaryFolder()
    let pages = isComplex ? Self.complex : Self.real
    try await Self.write(pages, to: folder(name))
    #expect(!folder.names.contains { $0.contains(".partial-") })
    let stack = try ImageStack(path: folder(name))
    #expect(stack.count == 3)
    // BART's arrays are always complex.
    let isBART = stack.info.format == .cfl
    #expect(stack.isComplex == (isComplex || isBART))
    for (index, page) in pages.enumerated() {
      if case .real(let image) = page, isBART {
        let found = try stack.complexPage(index).samples
        #expect(found.map(\.real) == image.samples && found.allSatisfy { $0.imaginary == 0 })
      } else {
        #expect(try stack.samples(ofPage: index) == page)
      }
    }
    let holdsSpacing = [.tiff, .nifti].contains(stack.info.format)
    #expect(stack.info.spacing == (holdsSpacing ? Spacing(x: 0.5, y: 0.25, z: 2) : Spacing()))
  }

  @Test(arguments: TIFFWriter.Compression.allCases, ["a.tif", "a/"])
  func compressesComplexPages(compression: TIFFWriter.Compression, name: String) async throws {
    let folder = try TemporaryFolder()
    var layout = Self.layout(Self.complex)
    layout.compression = compression
    try await Self.write(Self.complex, to: folder(name), layout)
    let stack = try ImageStack(path: folder(name))
    #expect(stack.info.compression == (compression == .none ? "none" : "Deflate"))
    for (index, page) in Self.complex.enumerated() { #expect(try stack.samples(ofPage: index) == page) }
  }

  // MARK: Bytes

  /// The file that NumPy wrote of the same numbers.
  @Test func writesWhatNumPyWrites() async throws {
    let folder = try TemporaryFolder()
    let pages = StackFixtures.pages().map { StackPage.real(Image(shape: [10, 12], samples: $0)) }
    try await Self.write(
      pages, to: folder("a.npy"), StackLayout(rows: 10, columns: 12, pages: 2, storage: .float32))
    #expect([UInt8](try folder.data("a.npy")) == (try StackFixtures.bytes("c.npy")))
    try await Self.write(Self.complex, to: folder("b.npy"))
    let header = "{'descr': '<c8', 'fortran_order': False, 'shape': (3, 4, 5), }"
    let text = header.padding(toLength: 117, withPad: " ", startingAt: 0) + "\n"
    let expected =
      [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array(text.utf8) + Self.bytes(Self.complex)
    #expect([UInt8](try folder.data("b.npy")) == expected)
    #expect(expected.count == 128 + 3 * 20 * 8)
  }

  /// Fields by the places that nifti1.h gives them.
  @Test func writesAHeaderOfNIfTI() async throws {
    let folder = try TemporaryFolder()
    func header(_ pages: [StackPage], _ layout: StackLayout) async throws -> [UInt8] {
      try await Self.write(pages, to: folder("a.nii"), layout)
      let bytes = [UInt8](try folder.data("a.nii"))
      #expect(Array(bytes[352...]) == Self.bytes(pages))
      return bytes
    }
    func short(_ bytes: [UInt8], _ place: Int) -> Int { Int(bytes[place]) | Int(bytes[place + 1]) << 8 }
    func float(_ bytes: [UInt8], _ place: Int) -> Float {
      Float(bitPattern: bytes[place..<place + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) })
    }
    let real = try await header(Self.real, Self.layout(Self.real))
    #expect((0..<4).map { short(real, 40 + 2 * $0) } == [3, 5, 4, 3])
    #expect((short(real, 0), short(real, 70), short(real, 72)) == (348, 16, 32))
    #expect((1...3).map { float(real, 76 + 4 * $0) } == [0.5, 0.25, 2])
    #expect((float(real, 108), float(real, 112), float(real, 116)) == (352, 1, 0))
    #expect((real[123], short(real, 252), short(real, 254)) == (2, 0, 0))
    #expect(Array(real[344..<352]) == Array("n+1".utf8) + [0, 0, 0, 0, 0])
    var unknown = Self.layout(Self.complex)
    unknown.spacing = Spacing()
    let complex = try await header(Self.complex, unknown)
    #expect((short(complex, 70), short(complex, 72), complex[123]) == (32, 64, 0))
    #expect(try ImageStack(path: folder("a.nii")).info.spacing == Spacing())
  }

  @Test func writesTheSecondVersionWhereItMust() async throws {
    let folder = try TemporaryFolder()
    let page = StackPage.real(Image(shape: [1, 40000], samples: (0..<40000).map(Float.init)))
    try await Self.write(
      [page], to: folder("a.nii"), StackLayout(rows: 1, columns: 40000, pages: 1, storage: .float32))
    let stack = try ImageStack(path: folder("a.nii"))
    #expect(stack.info.metadata["version"] == "NIfTI-2")
    let bytes = [UInt8](try folder.data("a.nii"))
    #expect(Array(bytes[..<12]) == [0x1c, 2, 0, 0] + Array("n+2\0\r\n\u{1a}\n".utf8))
    #expect(Array(bytes[168..<176]) == [0x20, 2, 0, 0, 0, 0, 0, 0])
    #expect(try stack.samples(ofPage: 0) == page)
  }

  @Test func compressesTheSameBytes() async throws {
    let folder = try TemporaryFolder()
    for name in ["a.nii", "a.nii.gz"] { try await Self.write(Self.real, to: folder(name)) }
    let packed = try #require(gzopen(folder("a.nii.gz"), "rb"))
    defer { gzclose(packed) }
    #expect(gzdirect(packed) == 0)
    var bytes = [UInt8](repeating: 0, count: 10000)
    let count = Int(gzread(packed, &bytes, 10000))
    #expect(Data(bytes.prefix(count)) == (try folder.data("a.nii")))
  }

  @Test func keepsTheDimensionsOfBART() async throws {
    let folder = try TemporaryFolder()
    var layout = Self.layout(Self.complex)
    layout.axes = PageAxes([1, 3])
    try await Self.write(Self.complex, to: folder("a.cfl"), layout)
    #expect(try folder.text("a.hdr").hasPrefix("# Dimensions\n5 4 1 3 1 "))
    #expect(try ImageStack(path: folder("a.cfl")).info.axes == PageAxes([1, 3]))
    // A header of NIfTI of that name is not replaced.
    try folder.write([0x5c, 1, 0, 0], "b.hdr")
    #expect(
      await Self.error { try await Self.write(Self.complex, to: folder("b.cfl")) } as? CFLError
        == .otherHeader(path: folder("b.hdr")))
    #expect(folder.names == ["a.cfl", "a.hdr", "b.hdr"])
  }

  // MARK: Folders

  @Test func numbersTheFilesOfAFolder() async throws {
    let folder = try TemporaryFolder()
    var layout = Self.layout(Self.real)
    layout.unit = "HU"
    layout.metadata = ["scanner": "one"]
    let sink = try OutputFormat(of: folder("out/")).sink(folder("out/"), layout)
    for page in Self.real {
      try await sink.append(page)
      #expect(!folder.names.contains("out"))
    }
    try await sink.finish()
    #expect(folder.names == ["out"])
    let names = (1...3).map { "recon_0000\($0).tif" }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder("out")).sorted() == names)
    for (name, page) in zip(names, Self.real) {
      let stack = try ImageStack(path: folder("out/\(name)"))
      #expect((stack.count, stack.info.unit, stack.info.metadata["scanner"]) == (1, "HU", "one"))
      #expect(try stack.samples(ofPage: 0) == page)
    }
  }

  @Test func replacesAFolderOnlyWhereNothingIsLost() async throws {
    let folder = try TemporaryFolder()
    func names() throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: folder("out")).sorted()
    }
    try makeFolder(folder("out"))
    try await Self.write(Self.real, to: folder("out"))
    #expect(try names().count == 3)
    // Fewer pages: none of before stays.
    try await Self.write(Array(Self.real[1...]), to: folder("out/"))
    #expect(try names() == ["recon_00001.tif", "recon_00002.tif"])
    #expect(try ImageStack(path: folder("out")).samples(ofPage: 0) == Self.real[1])
    #expect(folder.names == ["out"])

    // Files of others: another name, another program, no TIFF at all.
    let foreign: [(String, [UInt8])] = [
      ("notes.txt", [1]), ("recon_00009.tif", try StackFixtures.bytes("half.tif")),
      ("recon_00009.tif", [1, 2, 3]),
      ("recon_1.tif", [UInt8](try folder.data("out/recon_00001.tif"))), (".hidden", []),
    ]
    for (name, bytes) in foreign {
      try folder.write(bytes, "out/\(name)")
      let before = try names()
      #expect(
        await Self.error { try await Self.write(Self.real, to: folder("out")) } as? TIFFError
          == .occupied(path: folder("out"), name: name), "\(name)")
      #expect(try names() == before && folder.names == ["out"])
      try FileManager.default.removeItem(atPath: folder("out/\(name)"))
    }
    // One that comes in the meantime.
    let sink = try OutputFormat(of: folder("out")).sink(folder("out"), Self.layout(Self.real))
    for page in Self.real { try await sink.append(page) }
    try folder.write([1], "out/notes.txt")
    #expect(
      await Self.error { try await sink.finish() } as? TIFFError
        == .occupied(path: folder("out"), name: "notes.txt"))
    #expect(folder.names == ["out"])
    #expect(try names() == ["notes.txt", "recon_00001.tif", "recon_00002.tif"])
    // A file stands there.
    try folder.write([1], "file")
    #expect(
      await Self.error { try await Self.write(Self.real, to: folder("file/")) } as? TIFFError
        == .cannotCreate(path: folder("file"), reason: "a file stands where a folder should be"))
  }

  // MARK: Failures

  @Test(arguments: names)
  func leavesNothingBehind(name: String) async throws {
    let folder = try TemporaryFolder()
    func write(_ pages: [StackPage], _ change: (inout StackLayout) -> Void = { _ in }) async -> String {
      var layout = Self.layout(Self.real)
      change(&layout)
      let error = await Self.error { [layout] in try await Self.write(pages, to: folder(name), layout) }
      #expect(folder.names.isEmpty, "\(name): \(folder.names)")
      return error.map { "\($0)" } ?? "written"
    }
    #expect(await write(Array(Self.real[..<2])).contains("2 of 3 pages were written"))
    #expect(await write(Self.real + Self.real).contains("4 of 3 pages were written"))
    let turned = StackPage.real(Image(shape: [5, 4]))
    #expect(await write([Self.real[0], turned]).contains("is 5 × 4, the file is for pages of 4 × 5"))
    for (value, name) in [(Float.nan, "NaN"), (.infinity, "infinite")] {
      var image = Image(shape: [4, 5])
      image.samples[7] = value
      let text = await write([Self.real[0], .real(image)])
      #expect(text.contains("page ") && text.contains("row 2, column 3") && text.contains(name), "\(text)")
    }
    if !name.hasSuffix("l") && !name.hasSuffix("r") {
      #expect(await write([Self.complex[0]]).contains("it is complex"))
      #expect(await write(Self.real) { $0.storage = .complex64 }.contains("it is real"))
    }
    // 1.6 PB; compressed pages might fit.
    if !name.hasSuffix("gz") {
      let text = await write([]) { ($0.rows, $0.columns, $0.pages) = (20000, 20000, 1 << 20) }
      #expect(text.contains("cannot write") && text.contains("bytes are needed"), "\(text)")
    }
    let missing = folder("none/\(name)")
    #expect(
      await Self.error { try await Self.write(Self.real, to: missing) }
        .map { "\($0)".contains("No such file or directory. Check that its folder exists") } == true)
  }
}
