import Fields
import Formats
import Foundation
import TestSupport
import Testing

#if DICOM
  /// Files by pydicom, see `Fixtures/DICOM/make_fixtures.py`: slice k, row r, column c hold 100 k + 12 r + c.
  @Suite struct DICOMTests {
    static let folder = packageFolder + "/Tests/FormatsTests/Fixtures/DICOM"

    static func path(_ name: String) -> String { "\(folder)/\(name).dcm" }

    static func bytes(_ name: String) throws -> [UInt8] {
      [UInt8](try Data(contentsOf: URL(fileURLWithPath: path(name))))
    }

    static func slice(
      _ k: Int, rows: Int = 10, columns: Int = 12, shift: Float = 0, scale: Float = 1, offset: Float = 0
    ) -> [Float] {
      (0..<rows * columns).map { i in
        offset + scale * (Float(100 * k + 12 * (i / columns) + i % columns) + shift)
      }
    }

    /// In the series: HU = 0.5 × stored − 1000, where 20 less are stored.
    static func hounsfield(_ k: Int) -> [Float] { slice(k, shift: -20, scale: 0.5, offset: -1000) }

    /// A folder with copies of fixtures under other names.
    static func copies(_ names: [(fixture: String, name: String)]) throws -> TemporaryFolder {
      let folder = try TemporaryFolder()
      for (fixture, name) in names { try folder.write(bytes(fixture), name) }
      return folder
    }

    static func copies(_ fixtures: String...) throws -> TemporaryFolder {
      try copies(fixtures.map { ($0, "\($0).dcm") })
    }

    /// Gives a number of 16 bits in group 0028 another value.
    static func set(_ element: UInt8, to value: UInt8, in bytes: inout [UInt8]) throws {
      let head: [UInt8] = [0x28, 0, element, 1, UInt8(ascii: "U"), UInt8(ascii: "S"), 2, 0]
      let place = try #require(bytes.firstRange(of: head)).upperBound
      bytes[place] = value
    }

    static func error(_ path: String, memory: Int = 4 << 30) -> (any Error)? {
      do {
        _ = try ImageStack(path: path, memory: memory)
        return nil
      } catch {
        return error
      }
    }

    // MARK: Series

    /// Positions decide, whatever the files are called; instance numbers run the other way.
    @Test func readsAFolderInTheOrderOfPositions() throws {
      let folder = try Self.copies([
        ("slice0", "c.dcm"), ("slice1", "IM0004"), ("slice2", "a.DICOM"), ("slice3", "1.2.840.3"),
        ("slice4", "b.IMA"), ("directory", "DICOMDIR"),
      ])
      try folder.write("no image", to: "notes.txt")
      try folder.write([UInt8](repeating: 7, count: 200), "thumbs")
      let stack = try ImageStack(path: folder.path)
      try StackFixtures.expect(stack, holds: (0..<5).map(Self.hounsfield))
      let info = stack.info
      #expect((info.format, info.sampleType, info.byteOrder) == (.dicom, .int16, .little))
      #expect((info.scale, info.offset, info.unit) == (0.5, -1000, "HU"))
      #expect((info.compression, info.files) == ("none", 5))
      // Rows 0.25 mm apart, columns 0.5 mm.
      #expect(info.spacing == Spacing(x: 0.5, y: 0.25, z: 2.5))
      #expect(
        info.metadata == [
          "modality": "CT", "photometric": "MONOCHROME2", "orientation": "1.0 0.0 0.0 0.0 1.0 0.0",
          "position": "-3.0 4.5 -7.0",
        ])
      #expect(stack.files == ["c.dcm", "IM0004", "a.DICOM", "1.2.840.3", "b.IMA"].map { folder($0) })
    }

    @Test func readsAPatternAndASingleFile() throws {
      let folder = try Self.copies([
        ("slice1", "a1"), ("slice2", "a0"), ("slice3", "b3.dcm"), ("other-series", "c"),
      ])
      try StackFixtures.expect(
        ImageStack(path: folder("a*")), holds: [1, 2].map(Self.hounsfield))
      try StackFixtures.expect(
        ImageStack(path: folder("[ab]*")), holds: [1, 2, 3].map(Self.hounsfield))
      for name in ["a1", "b3.dcm"] {
        let stack = try ImageStack(path: folder(name))
        try StackFixtures.expect(stack, holds: [Self.hounsfield(name == "a1" ? 1 : 3)])
        #expect(stack.info.spacing.z == nil)
      }
    }

    @Test func sortsObliqueSlicesAlongTheirNormal() throws {
      // (0.8, 0.6, 0) × (0, 0, −1) = (−0.6, 0.8, 0), in which direction the positions go, 3 mm each.
      let folder = try Self.copies([("oblique0", "2.dcm"), ("oblique1", "3.dcm"), ("oblique2", "1.dcm")])
      let stack = try ImageStack(path: folder.path)
      try StackFixtures.expect(stack, holds: (0..<3).map { Self.slice($0) })
      let z = try #require(stack.info.spacing.z)
      #expect(abs(z - 3) < 1e-6)
      #expect(stack.info.unit == nil && stack.info.metadata["modality"] == "MR")
    }

    @Test func sortsByNumbersWithoutPositions() throws {
      let folder = try Self.copies([("number0", "2.dcm"), ("number1", "1.dcm"), ("number2", "3.dcm")])
      let stack = try ImageStack(path: folder.path)
      try StackFixtures.expect(stack, holds: (0..<3).map { Self.slice($0) })
      #expect(stack.info.spacing == Spacing())
    }

    @Test func appliesTheSlopeOfEverySlice() throws {
      let folder = try Self.copies("pet0", "pet1", "pet2")
      let stack = try ImageStack(path: folder.path)
      let slopes: [Float] = [0.5, 0.25, 2]
      try StackFixtures.expect(stack, holds: (0..<3).map { Self.slice($0, scale: slopes[$0]) })
      #expect((stack.info.scale, stack.info.offset) == (1, 0))
      #expect(stack.info.sampleType == .float32 && stack.info.spacing.z == 4)
      let one = try ImageStack(path: Self.path("pet1"))
      #expect(one.info.scale == 0.25 && one.info.sampleType == .int16)
    }

    // MARK: Series that are none

    @Test func refusesSeveralSeries() throws {
      let folder = try Self.copies("slice0", "slice1", "other-series")
      let found = Self.error(folder.path)
      #expect(
        found as? DICOMError
          == .severalSeries(path: folder.path, count: 2, first: "other-series.dcm", second: "slice0.dcm"))
      #expect(
        "\(found.map { "\($0)" } ?? "")".hasPrefix(
          "'\(folder.path)' holds 2 series: 'other-series.dcm' and 'slice0.dcm', for example"))
    }

    @Test func findsAMissingSlice() throws {
      let folder = try Self.copies("slice0", "slice1", "slice3", "slice4")
      let found = Self.error(folder.path)
      #expect(
        found as? DICOMError
          == .gap(
            path: folder.path, before: .init(file: "slice1.dcm"), at: -4.5, after: .init(file: "slice3.dcm"),
            to: 0.5, step: 2.5, order: .position))
      #expect(
        found.map { "\($0)" }?.contains(
          "'slice1.dcm' at -4.5 mm is followed by 'slice3.dcm' at 0.5 mm, while most are 2.5 mm apart")
          ?? false)
      let numbers = try Self.copies("number0", "number1", "number2", "number3")
      let other = Self.error(numbers.path)
      #expect(
        other as? DICOMError
          == .gap(
            path: numbers.path, before: .init(file: "number2.dcm"), at: 10, after: .init(file: "number3.dcm"),
            to: 12, step: 1, order: .number))
      #expect(
        other.map { "\($0)" }?.contains(
          "'number2.dcm' at number 10 is followed by 'number3.dcm' at number 12, while most are 1 apart")
          ?? false)
    }

    @Test func findsASliceTwice() throws {
      let folder = try Self.copies([("slice0", "a.dcm"), ("slice1", "b.dcm"), ("slice1", "c.dcm")])
      #expect(
        Self.error(folder.path) as? DICOMError
          == .repeated(
            path: folder.path, first: .init(file: "b.dcm"), second: .init(file: "c.dcm"), at: -4.5,
            order: .position))
      let numbers = try Self.copies([("number0", "a.dcm"), ("number1", "b.dcm"), ("number1", "c.dcm")])
      #expect(
        Self.error(numbers.path) as? DICOMError
          == .repeated(
            path: numbers.path, first: .init(file: "b.dcm"), second: .init(file: "c.dcm"), at: 9,
            order: .number)
      )
      let frames = try Self.copies([("repeated-frames", "a.dcm"), ("repeated-frames", "b.dcm")])
      guard case .repeated(frames.path, _, _, 3, .position) = Self.error(frames.path) as? DICOMError else {
        Issue.record("\(Self.error(frames.path).map { "\($0)" } ?? "two files were read")")
        return
      }
    }

    /// What no folder parts is not to be moved to another one.
    @Test func saysWhatToDoWithFramesOfOneFile() {
      func frame(_ index: Int?, of file: String = "a.dcm") -> DICOMError.Slice {
        DICOMError.Slice(file: file, frame: index)
      }
      let twice = DICOMError.repeated(
        path: "scan", first: frame(0), second: frame(1), at: 3, order: .position)
      #expect(
        twice.description
          == "frame 1 of 'a.dcm' and frame 2 of 'a.dcm' of 'scan' lie at the same position, 3 mm. A stack of several "
          + "files has one slice at each; read that file by itself.")
      let gap = DICOMError.gap(
        path: "a.dcm", before: frame(0), at: 1, after: frame(1), to: 4, step: 1, order: .position)
      #expect(
        gap.description.hasSuffix(
          "or make a file of every frame, for example with 'emf2sf' of dcm4che, and move one side of the gap to "
            + "another folder."))
      let mixed = DICOMError.mixed(
        path: "a.dcm", slice: frame(1), found: "this", other: frame(0), expected: "that")
      #expect(
        mixed.description.hasSuffix(
          "; make a file of every frame, for example with 'emf2sf' of dcm4che, and move those that differ to another "
            + "folder."))
      for (a, b) in [(frame(nil), frame(nil, of: "b.dcm")), (frame(0), frame(0, of: "b.dcm"))] {
        #expect(
          DICOMError.mixed(path: "scan", slice: a, found: "this", other: b, expected: "that").description
            .hasSuffix("All slices of a stack must agree; move those that differ to another folder."))
      }
    }

    @Test(arguments: [
      ("smaller", "8 × 12 samples of int16"), ("other-type", "10 × 12 samples of uint16"),
      ("other-spacing", "10 × 12 samples of int16, 0.25 × 0.25 mm each"),
      ("turned", "turned to 0.0 1.0 0.0 0.0 0.0 -1.0"),
    ])
    func refusesMixedSlices(name: String, what: String) throws {
      let folder = try Self.copies(
        [("slice4", "a.dcm"), (name, "b.dcm")] + (name == "turned" ? [("slice3", "c.dcm")] : []))
      guard
        case .mixed(folder.path, let slice, let found, let other, _) = Self.error(folder.path) as? DICOMError
      else {
        Issue.record("\(name)")
        return
      }
      #expect((slice.file, other.file) == ("b.dcm", "a.dcm"))
      #expect(found.hasPrefix(what))
    }

    @Test func refusesSlicesWithoutAnOrder() throws {
      let folder = try Self.copies("number0", "orderless")
      #expect(
        Self.error(folder.path) as? DICOMError
          == .noOrder(path: folder.path, slice: .init(file: "orderless.dcm")))
      #expect(try ImageStack(path: Self.path("orderless")).page(0).samples == Self.slice(3))
      // Positions that not all have decide nothing.
      let mixed = try Self.copies("slice0", "placeless")
      try StackFixtures.expect(
        ImageStack(path: mixed.path), holds: [Self.hounsfield(5), Self.hounsfield(0)])
    }

    // MARK: Frames

    @Test(arguments: [
      ("frames", "none", SampleType.uint8), ("frames-rle", "RLE", .uint8),
      ("frames-jpeg-2000", "JPEG 2000", .uint16), ("frames-big", "none", .uint16),
    ])
    func readsFramesInTheOrderOfTheFile(name: String, compression: String, type: SampleType) throws {
      let stack = try ImageStack(path: Self.path(name))
      let (rows, columns) = name == "frames-jpeg-2000" ? (40, 36) : (10, 12)
      try StackFixtures.expect(
        stack, holds: (0..<2).map { Self.slice($0, rows: rows, columns: columns) }, rows: rows,
        columns: columns)
      #expect((stack.info.compression, stack.info.sampleType) == (compression, type))
      #expect(stack.info.spacing == Spacing(x: 0.5, y: 0.25))
      #expect(stack.info.metadata["pixel_spacing"] == "at the detector")
      #expect(stack.info.metadata["photometric"] == "MONOCHROME1 (the least is white)")
      #expect(stack.files == [Self.path(name)])
    }

    @Test func sortsFramesOfEnhancedFiles() throws {
      let stack = try ImageStack(path: Self.path("enhanced"))
      try StackFixtures.expect(stack, holds: (0..<4).map { Self.slice($0, offset: -1024) })
      #expect(stack.info.spacing == Spacing(x: 0.5, y: 0.25, z: 1.25))
      #expect((stack.info.unit, stack.info.offset, stack.info.sampleType) == ("HU", -1024, .uint16))
      let slopes = try ImageStack(path: Self.path("enhanced-slopes"))
      try StackFixtures.expect(
        slopes, holds: (0..<3).map { Self.slice($0, scale: Float($0 + 1), offset: Float(10 * $0)) })
      #expect(slopes.info.spacing == Spacing(x: 2, y: 1, z: 2) && slopes.info.unit == nil)
    }

    /// Echoes of one place have no order along the normal, and pages of the file's order no distance.
    @Test func keepsTheOrderOfFramesThatShareAPosition() throws {
      let stack = try ImageStack(path: Self.path("enhanced-echoes"))
      try StackFixtures.expect(stack, holds: (0..<4).map { Self.slice($0) })
      #expect(stack.info.spacing == Spacing(x: 2, y: 1))
      #expect(stack.info.metadata["position"] == "0.0 0.0 5.0")
      try StackFixtures.expect(
        ImageStack(path: Self.path("repeated-frames")), holds: (0..<2).map { Self.slice($0) })
      // In a folder by itself, too.
      let folder = try Self.copies("enhanced-echoes")
      #expect(try ImageStack(path: folder.path).page(1).samples == Self.slice(1))
    }

    // MARK: Samples

    @Test(arguments: ["u1", "u2", "u4", "i1", "i2", "i4", "f4", "f8"], ["", "-implicit", "-big"])
    func readsEverySampleType(kind: String, syntax: String) throws {
      guard !kind.hasPrefix("f") || syntax.isEmpty else { return }
      let types: [String: SampleType] = [
        "u1": .uint8, "u2": .uint16, "u4": .uint32, "i1": .int8, "i2": .int16, "i4": .int32, "f4": .float32,
        "f8": .float64,
      ]
      let stack = try ImageStack(path: Self.path(kind + syntax))
      try StackFixtures.expect(stack, holds: [Self.slice(0, shift: kind.hasPrefix("u") ? 0 : -20)])
      #expect(stack.info.sampleType == types[kind])
      #expect(stack.info.byteOrder == (syntax == "-big" ? .big : .little))
      #expect((stack.info.scale, stack.info.offset, stack.info.unit) == (1, 0, nil))
    }

    @Test func readsBytesInBigEndianWords() throws {
      let stack = try ImageStack(path: Self.path("u1-words"))
      #expect(
        try stack.page(0).samples
          == Self.slice(0, columns: 11).enumerated().map { i, _ in
            Float(12 * (i / 11) + i % 11)
          })
      // An odd number of bytes from an odd one on.
      #expect(try stack.rows(1..<2, ofPage: 0).samples == (0..<11).map { Float(12 + $0) })
      #expect(try stack.rows(9..<10, ofPage: 0).samples == (0..<11).map { Float(108 + $0) })
    }

    /// What lies in bits that are not stored, such as an overlay, is no part of a sample.
    @Test(arguments: [
      ("12-bits", Float(0)), ("12-bits-signed", -20), ("12-bits-left", 0), ("rle-12-bits", -20),
      ("rle-12-bits-middle", -20),
    ])
    func takesTheBitsThatAreStored(name: String, shift: Float) throws {
      #expect(try ImageStack(path: Self.path(name)).page(0).samples == Self.slice(0, shift: shift))
    }

    @Test(arguments: [("rle", "RLE"), ("jpeg-ls", "JPEG-LS"), ("jpeg", "lossless JPEG")])
    func decodes(name: String, compression: String) throws {
      let stack = try ImageStack(path: Self.path(name))
      try StackFixtures.expect(stack, holds: [Self.hounsfield(1)])
      #expect(stack.info.compression == compression && stack.info.sampleType == .int16)
    }

    @Test func decodesJPEG2000() throws {
      let stack = try ImageStack(path: Self.path("jpeg-2000"))
      let values = Self.slice(1, rows: 40, columns: 36, shift: -20, scale: 0.5, offset: -1000)
      try StackFixtures.expect(stack, holds: [values], rows: 40, columns: 36)
    }

    @Test func readsOneSeriesFromSeveralThreads() throws {
      let folder = try Self.copies("slice0", "slice1", "slice2", "slice3", "slice4")
      let stack = try ImageStack(path: folder.path)
      DispatchQueue.concurrentPerform(iterations: 100) { i in
        #expect((try? stack.page(i % 5).samples) == Self.hounsfield(i % 5))
      }
    }

    // MARK: What is refused

    @Test(arguments: [
      ("rgb", "colours (RGB)"), ("palette", "colours (PALETTE COLOR)"),
      ("terms", "colours (of an unknown kind)"), ("table", "values that a table defines (Modality LUT)"),
      ("no-image", "no image"), ("10-bits", "samples of 12 bits"), ("deflated", "a deflated dataset"),
      ("directory", "a DICOMDIR, which lists files"),
    ])
    func refuses(name: String, what: String) {
      guard case .unsupported(_, "DICOM", what, _) = Self.error(Self.path(name)) as? StackError else {
        Issue.record("\(Self.error(Self.path(name)).map { "\($0)" } ?? name)")
        return
      }
    }

    /// Where the bits of a sample lie is said of its pixels, and codecs other than RLE keep numbers.
    @Test(arguments: [("jpeg", "lossless JPEG"), ("jpeg-ls", "JPEG-LS"), ("jpeg-2000", "JPEG 2000")])
    func refusesNumbersThatAreOtherBits(name: String, codec: String) throws {
      let folder = try TemporaryFolder()
      var bytes = try Self.bytes(name)
      try Self.set(1, to: 12, in: &bytes)
      try Self.set(2, to: 15, in: &bytes)
      let path = try folder.write(bytes, "a.dcm")
      #expect(
        Self.error(path) as? StackError
          == .unsupported(
            path: path, format: "DICOM", found: "\(codec) of samples of 12 bits up to bit 15 of 16",
            expected: "bit 11 as the highest one, or samples that are uncompressed or in RLE"))
    }

    @Test(arguments: [
      ("no-slope", "the rescale slope is 0, or it or the intercept is no number"),
      ("crooked", "the orientation is not two directions at a right angle"),
    ])
    func findsContradictions(name: String, what: String) {
      #expect(
        Self.error(Self.path(name)) as? StackError
          == .damaged(path: Self.path(name), format: "DICOM", reason: what))
    }

    @Test func refusesWhatIsNoDICOM() throws {
      let folder = try TemporaryFolder()
      func reason(_ name: String) -> String {
        switch Self.error(folder(name)) as? StackError {
        case .damaged(_, _, let reason)?, .cannotOpen(_, _, let reason)?: reason
        case .unsupported(_, _, let found, _)?: found
        default: "?"
        }
      }
      #expect(reason("missing.dcm") == "No such file or directory")
      try folder.write([], "empty.dcm")
      #expect(reason("empty.dcm") == "it is empty (0 bytes)")
      try folder.write([UInt8](repeating: 0x55, count: 5000), "rubbish.dcm")
      #expect(reason("rubbish.dcm") == "the GDCM library cannot read it")
      #expect(mkfifo(folder("pipe.dcm"), 0o600) == 0)
      #expect(reason("pipe.dcm") == "it is not a regular file")
      let whole = try Self.bytes("slice0")
      try folder.write(Array(whole.dropLast(3)), "cut.dcm")
      #expect(reason("cut.dcm") == "it claims 10 × 12 samples, 240 bytes, and holds 237 of them")
      let lone = try Self.copies([("directory", "DICOMDIR")])
      try lone.write("x", to: "a.dcm.txt")
      guard case .noFiles(lone("*.dcm")) = Self.error(lone("*.dcm")) as? DICOMError else {
        Issue.record("a pattern without a file")
        return
      }
    }

    @Test(.enabled(if: geteuid() != 0, "the superuser may read everything"))
    func saysThatAFileMayNotBeRead() throws {
      let folder = try Self.copies("slice0")
      chmod(folder("slice0.dcm"), 0)
      guard case .cannotOpen(_, "DICOM", let reason) = Self.error(folder("slice0.dcm")) as? StackError else {
        Issue.record("it was read")
        return
      }
      #expect(reason == "Permission denied")
    }

    /// Pages as `Float` are twice as large as these samples, and half as large as those of doubles.
    @Test(arguments: [("slice0", 480), ("rle", 480), ("u1", 480), ("f8", 960)])
    func refusesPagesBeyondItsMemory(name: String, bytes: Int) {
      #expect(Self.error(Self.path(name), memory: bytes) == nil)
      guard
        case .unsupported(_, _, "pages of 10 × 12 samples", _) = Self.error(
          Self.path(name), memory: bytes - 1)
          as? StackError
      else {
        Issue.record("\(name) was opened")
        return
      }
    }

    /// Times of files are no finer than some milliseconds.
    private static func letTimePass() { usleep(20_000) }

    /// A file that changes below the stack is an error of its pages alone.
    @Test func noticesThatAFileWasReplaced() throws {
      let folder = try Self.copies("slice0", "slice1", "slice2")
      let path = folder("slice1.dcm")
      let stack = try ImageStack(path: folder.path)
      // Of another size, and one that differs in its numbers alone.
      for other in ["smaller", "slice4"] {
        Self.letTimePass()
        try folder.write(Self.bytes(other), "slice1.dcm")
        #expect(throws: TIFFError.changed(path: path)) { try stack.page(1) }
        #expect(try stack.page(2).samples == Self.hounsfield(2))
      }
      try FileManager.default.removeItem(atPath: path)
      #expect(
        throws: StackError.cannotOpen(path: path, format: "DICOM", reason: "No such file or directory")
      ) { try stack.page(1) }
      #expect(try stack.page(0).samples == Self.hounsfield(0))
    }

    /// Also while it is open, and its frame decoded.
    @Test(arguments: ["slice1", "rle"]) func noticesThatAFileWasWrittenTo(name: String) throws {
      let folder = try Self.copies(name)
      let path = folder("\(name).dcm")
      let stack = try ImageStack(path: path)
      #expect(try stack.page(0).samples == Self.hounsfield(1))
      Self.letTimePass()
      let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
      // In the preamble, which says nothing.
      try file.write(contentsOf: Data([7]))
      try file.close()
      #expect(throws: TIFFError.changed(path: path)) { try stack.page(0) }
      #expect(try ImageStack(path: path).page(0).samples == Self.hounsfield(1))
    }

    // MARK: Privacy

    /// Every fixture names a patient in all the usual fields; the recipe begins every such text in the same way.
    static let secrets = ["SECRET", "19010203", "19020304", "099Y", "1.2.826"]

    static func expectNothing(of text: String, sourceLocation: SourceLocation = #_sourceLocation) {
      for secret in secrets { #expect(!text.contains(secret), sourceLocation: sourceLocation) }
      // What the library says may quote the file, even where it does not do so here.
      #expect(!text.contains("library says"), "\(text)", sourceLocation: sourceLocation)
    }

    /// Names of all fixtures, without their extension.
    static func names() throws -> [String] {
      let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted().filter {
        $0.hasSuffix(".dcm")
      }
      #expect(names.count > 60)
      return names.map { String($0.dropLast(4)) }
    }

    @Test func keepsNothingOfAPatient() throws {
      for name in try Self.names() {
        do {
          let info = try ImageStack(path: Self.path(name)).info
          Self.expectNothing(of: "\(info)")
          // All that is told beside numbers.
          let known: Set = ["modality", "photometric", "pixel_spacing", "orientation", "position"]
          #expect(known.isSuperset(of: info.metadata.keys), "\(name)")
          #expect(["CT", "MR", "OT", "PT", "US", "XA", nil].contains(info.metadata["modality"]), "\(name)")
          #expect(["HU", nil].contains(info.unit), "\(name)")
        } catch {
          Self.expectNothing(of: "\(error)")
        }
      }
      #expect(try ImageStack(path: Self.path("odd-modality")).info.metadata["modality"] == nil)
      // All of them together: some error of a series.
      let all = Self.error(Self.folder)
      Self.expectNothing(of: "\(try #require(all))")
      let folder = try Self.copies("slice0", "slice1", "slice3", "slice4")
      Self.expectNothing(of: "\(try #require(Self.error(folder.path)))")
    }

    /// Errors of files that were cut or damaged quote none of what is left of them.
    @Test func damagedFilesTellNothingOfAPatient() throws {
      let folder = try TemporaryFolder()
      let whole = try Self.bytes("jpeg-ls")
      for length in stride(from: 132, to: whole.count, by: 40) {
        let path = try folder.write(Array(whole[..<length]), "a.dcm")
        do {
          Self.expectNothing(of: "\(try ImageStack(path: path).page(0))")
        } catch {
          Self.expectNothing(of: "\(error)")
        }
      }
      for seed in 0..<60 {
        var generator = SplitMix64(seed: UInt64(seed))
        let path = try folder.write(IsolatedMutations.mutated(whole, using: &generator), "a.dcm")
        do {
          let stack = try ImageStack(path: path)
          Self.expectNothing(of: "\(stack.info)")
          _ = try stack.page(0)
        } catch {
          Self.expectNothing(of: "\(error)")
        }
      }
      // What the library cannot read at all.
      let rubbish = try folder.write([UInt8]("SECRET^PERSON".utf8) + whole.dropFirst(600), "b.dcm")
      Self.expectNothing(of: "\(try #require(Self.error(rubbish)))")
    }
  }

  /// Damaged DICOM files: an error or an image. GDCM itself does not survive all of them; the program does.
  @Suite struct DICOMMutationTests {
    static let names = [
      "slice0", "enhanced", "frames-big", "rle", "jpeg-ls", "jpeg", "jpeg-2000", "frames-jpeg-2000",
    ]

    @Test(.timeLimit(.minutes(60)), arguments: names) func survivesDamagedFiles(name: String) throws {
      let folder = try TemporaryFolder()
      let whole = try DICOMTests.bytes(name)
      var opened = 0
      let count = Soak.count(62, parts: IsolatedMutations.share * Self.names.count)
      try Soak.measure("DICOM") {
        for seed in 0..<count {
          var generator = SplitMix64(seed: UInt64(seed))
          var bytes = IsolatedMutations.mutated(whole, using: &generator)
          // Half of them where it is the samples that are damaged.
          if seed % 2 == 0 {
            let position = Int.random(in: whole.count * 3 / 4..<whole.count, using: &generator)
            bytes = whole
            bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
          }
          let path = try folder.write(bytes, "a.dcm")
          if IsolatedMutations.read(path, "seed \(seed)") { opened += 1 }
        }
        return count
      }
      #expect(opened > count / 20 && opened <= count)
    }

    @Test(arguments: names) func refusesFilesThatWereCut(name: String) throws {
      let folder = try TemporaryFolder()
      let whole = try DICOMTests.bytes(name)
      for length in stride(from: 0, to: whole.count - 16, by: 64) {
        let path = try folder.write(Array(whole[..<length]), "a.dcm")
        #expect(throws: StackError.self, "\(length)") {
          let stack = try ImageStack(path: path)
          for page in 0..<stack.count { _ = try stack.page(page) }
        }
      }
    }
  }
#else
  @Suite struct DICOMTests {
    @Test func saysThatItIsNotBuiltIn() {
      let path = packageFolder + "/Tests/FormatsTests/Fixtures/DICOM/slice0.dcm"
      #expect(
        throws: StackError.notBuiltIn(path: path, format: "DICOM", trait: "DICOM", package: "libgdcm-dev")
      ) { try ImageStack(path: path) }
    }
  }
#endif
