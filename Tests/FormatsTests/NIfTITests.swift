import ComplexModule
import Fields
import Formats
import Foundation
import TestSupport
import Testing

#if NIfTI
  @Suite struct NIfTITests {
    static func stack(_ name: String) throws -> ImageStack { try ImageStack(path: StackFixtures.path(name)) }

    static let codes: [(type: SampleType, code: Int)] = [
      (.uint8, 2), (.int16, 4), (.int32, 8), (.float32, 16), (.float64, 64), (.int8, 256), (.uint16, 512),
      (.uint32, 768),
    ]

    // MARK: What is read

    @Test(arguments: [
      ("int16.nii", SampleType.int16, Float(0)), ("second.nii", .uint32, 0),
      ("second-big-endian.nii", .uint16, 0),
      ("big-endian.nii", .float64, -20), ("time.nii.gz", .float32, -20), ("pair.img", .uint8, 0),
      ("pair.hdr", .uint8, 0), ("analyze.hdr", .int16, 0), ("analyze.img", .int16, 0),
    ])
    func readsWhatNibabelWrites(name: String, type: SampleType, shift: Float) throws {
      let stack = try Self.stack(name)
      try StackFixtures.expect(stack, holds: StackFixtures.pages(plus: shift))
      let info = stack.info
      #expect((info.format, info.sampleType) == (.nifti, type))
      #expect((info.byteOrder == .big) == name.contains("big-endian"))
      #expect(info.compression == (name.hasSuffix(".gz") ? "gzip" : "none"))
      let isPair = ["pair", "analyze"].contains { name.hasPrefix($0) }
      #expect(
        stack.files
          == (isPair
            ? ["hdr", "img"].map { StackFixtures.path(String(name.dropLast(3)) + $0) }
            : [StackFixtures.path(name)]))
      #expect(info.files == stack.files.count)
      #expect((info.scale, info.offset) == (1, 0))
    }

    @Test func knowsSpacingAndOrientation() throws {
      let info = try Self.stack("int16.nii").info
      #expect(info.spacing == Spacing(x: 0.5, y: 0.25, z: 3))
      #expect(info.metadata["orientation"] == "PIR")
      #expect(info.metadata["sform"] == "MNI_152: 0.0 0.0 3.0 -72.0; -0.5 0.0 0.0 90.0; 0.0 -0.25 0.0 -126.0")
      #expect(
        info.metadata["qform"] == "Scanner Anat: -0.5 0.0 0.0 90.0; 0.0 0.25 0.0 -126.0; 0.0 0.0 3.0 -72.0")
      #expect(info.metadata["intent"] == "Z-score")
      #expect(info.metadata["intent_name"] == "effect")
      #expect(info.metadata["version"] == "NIfTI-1")
      #expect(info.metadata["dimensions"] == "12 10 2")
      #expect(try Self.stack("second.nii").info.metadata["orientation"] == "LAS")
      #expect(try Self.stack("analyze.hdr").info.metadata["orientation"] == nil)
      #expect(try Self.stack("analyze.hdr").info.metadata["version"] == "Analyze 7.5")
      let time = try Self.stack("time.nii.gz").info
      #expect((time.metadata["time_spacing"], time.metadata["dimensions"]) == ("1.0 s", "12 10 1 2"))
    }

    @Test(arguments: [
      ("second.nii", 1e-3), ("big-endian.nii", 1000), ("pair.hdr", 1), ("analyze.img", 1),
      ("second-big-endian.nii", 1),
    ])
    func convertsUnitsOfLength(name: String, millimetres: Double) throws {
      #expect(
        try Self.stack(name).info.spacing
          == Spacing(x: 0.5 * millimetres, y: 0.25 * millimetres, z: 3 * millimetres))
    }

    @Test func appliesTheCalibration() throws {
      let stack = try Self.stack("scaled.nii")
      #expect((stack.info.scale, stack.info.offset) == (0.5, -20))
      try StackFixtures.expect(stack, holds: StackFixtures.pages(plus: 0).map { $0.map { 0.5 * $0 - 20 } })
    }

    @Test(arguments: [("complex.nii", SampleType.complex64), ("complex128.nii", .complex128)])
    func readsComplexNumbers(name: String, type: SampleType) throws {
      let stack = try Self.stack(name)
      #expect(stack.info.sampleType == type)
      try StackFixtures.expectComplex(stack)
    }

    /// Both parts of a complex number are calibrated.
    @Test func calibratesComplexNumbers() throws {
      let folder = try TemporaryFolder()
      var bytes = try StackFixtures.bytes("complex.nii")
      for (place, value) in [(112, Float(2)), (116, Float(3))] {
        bytes.replaceSubrange(
          place..<place + 4, with: withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init))
      }
      let stack = try ImageStack(path: folder.write(bytes, "a.nii"))
      let parts = StackFixtures.pages().map { $0.map { 2 * $0 + 3 } }
      #expect(try stack.complexPage(1).samples == zip(parts[1], parts[0]).map { Complex($0, $1) })
    }

    @Test(arguments: codes.map(\.type), [false, true])
    func readsEverySampleType(type: SampleType, isSecond: Bool) throws {
      let folder = try TemporaryFolder()
      let code = try #require(Self.codes.first { $0.type == type }).code
      let (values, bits) = TIFFPageSourceTests.samples(type, count: 60)
      for isBigEndian in [false, true] {
        let file = NIfTIBytes(
          isSecond: isSecond, isBigEndian: isBigEndian, type: code, bits: 8 * type.bytes, values: bits)
        for (name, bytes) in [
          ("a.nii", file.bytes), ("b.nii.gz", NIfTIBytes.gzip(file.bytes)), ("c.nii.gz", file.bytes),
        ] {
          let stack = try ImageStack(path: folder.write(bytes, name))
          #expect((stack.info.sampleType, stack.info.byteOrder) == (type, isBigEndian ? .big : .little))
          try StackFixtures.expect(
            stack, holds: (0..<3).map { Array(values[20 * $0..<20 * $0 + 20]) }, rows: 4, columns: 5)
        }
      }
    }

    /// Axes beyond the third are pages, the third one fastest.
    @Test func countsFurtherAxesAsPages() throws {
      let folder = try TemporaryFolder()
      let extents = [3, 2, 2, 3, 2]
      let values = (0..<72).map { UInt64(Float($0).bitPattern) }
      let path = try folder.write(NIfTIBytes(extents: extents, values: values).bytes, "a.nii")
      let stack = try ImageStack(path: path)
      try StackFixtures.expect(
        stack, holds: (0..<12).map { page in (0..<6).map { Float(6 * page + $0) } }, rows: 2, columns: 3)
      let line = try folder.write(NIfTIBytes(extents: [72], values: values).bytes, "b.nii")
      #expect(try ImageStack(path: line).page(0).shape == [1, 72])
      #expect(try ImageStack(path: line).info.spacing == Spacing(x: 0.5))
    }

    @Test func takesSpacingThatIsNotStatedAsUnknown() throws {
      let folder = try TemporaryFolder()
      var file = NIfTIBytes(values: [UInt64](repeating: 0, count: 60))
      file.spacing = [-0.5, 0, .nan]
      #expect(try ImageStack(path: folder.write(file.bytes, "a.nii")).info.spacing == Spacing(x: 0.5))
    }

    // MARK: Compressed files

    /// Sequential pages continue where the last one ended, and no page depends on the order.
    @Test func readsCompressedPagesInAnyOrder() async throws {
      let folder = try TemporaryFolder()
      let pages = 20
      let values = (0..<pages * 24).map { UInt64(Float($0).bitPattern) }
      let file = NIfTIBytes(extents: [6, 4, pages], values: values).bytes
      let stack = try ImageStack(path: folder.write(NIfTIBytes.gzip(file), "a.nii.gz"))
      func expected(_ page: Int) -> [Float] { (0..<24).map { Float(24 * page + $0) } }
      for page in [0, 1, 2, 19, 3, 18, 0, 0, 7, 6, 5] {
        #expect(try stack.page(page).samples == expected(page))
      }
      await withTaskGroup(of: Bool.self) { group in
        for i in 0..<200 {
          let page = i * 7 % pages
          group.addTask { (try? stack.page(page).samples) == expected(page) }
        }
        for await isRight in group { #expect(isRight) }
      }
    }

    /// All of 400 pages, in two sequences at a time, cost little more than the last one, which is behind all the others;
    /// decompressed from the beginning each, they would cost 200 times as much.
    @Test func decompressesPagesInOrderOnce() throws {
      let folder = try TemporaryFolder()
      let pages = 400
      var file = NIfTIBytes(extents: [64, 64, pages], type: 4, bits: 16).bytes
      file += (0..<pages * 64 * 64 * 2).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }
      let path = try folder.write(NIfTIBytes.gzip(file), "a.nii.gz")
      let clock = ContinuousClock()
      var last = Duration.zero
      for _ in 0..<3 {
        let stack = try ImageStack(path: path)
        last = max(last, try clock.measure { _ = try stack.page(pages - 1) })
      }
      let stack = try ImageStack(path: path)
      let all = try clock.measure {
        for page in 0..<pages { _ = try stack.page(page / 2 + page % 2 * pages / 2) }
      }
      #expect(all < last * 40)
    }

    @Test func reportsDamageInCompressedFiles() throws {
      let folder = try TemporaryFolder()
      let values = (0..<60).map { UInt64(Float($0).bitPattern) }
      let file = NIfTIBytes(values: values).bytes
      func error(_ bytes: [UInt8]) throws -> String? {
        let path = try folder.write(bytes, "a.nii.gz")
        let error = TIFFPageSourceTests.stackError {
          let stack = try ImageStack(path: path)
          for page in 0..<3 { _ = try stack.page(page) }
        }
        guard case .damaged(_, _, let reason) = error else { return nil }
        return reason
      }
      let whole = NIfTIBytes.gzip(file)
      #expect(try error(whole) == nil)
      // Cut; another byte, which only the checksum tells; content that is shorter than the header says.
      #expect(try error(Array(whole.dropLast(40))) != nil)
      var changed = whole
      changed[15 + 352 + 100] ^= 1
      #expect(try error(changed) != nil)
      #expect(try error(NIfTIBytes.gzip(Array(file.dropLast(8)))) == "it ends 8 bytes too early")
    }

    /// zlib reads 8192 bytes at a time: here the checksum is what remains after the last sample, and must be asked for.
    @Test func comparesTheChecksumBehindTheLastSample() throws {
      let folder = try TemporaryFolder()
      let count = 4 * 8192 - 15 - 352
      var file = NIfTIBytes(extents: [count], type: 2, bits: 8, values: [UInt64](repeating: 7, count: count))
      file.spacing = [1]
      var bytes = NIfTIBytes.gzip(file.bytes)
      #expect(bytes.count == 4 * 8192 + 8)
      let whole = try ImageStack(path: folder.write(bytes, "a.nii.gz"))
      #expect(try whole.page(0).samples == [Float](repeating: 7, count: count))
      bytes[20000] ^= 1
      let path = try folder.write(bytes, "b.nii.gz")
      let stack = try ImageStack(path: path)
      guard case .damaged(path, _, _) = TIFFPageSourceTests.stackError({ _ = try stack.page(0) }) else {
        Issue.record("a wrong checksum was not noticed")
        return
      }
    }

    // MARK: What is refused

    @Test(arguments: [("int64.nii", "1024"), ("rgb.nii", "128")])
    func refusesSamplesOfOtherTypes(name: String, code: String) throws {
      guard
        case .unsupported(_, "NIfTI", let found, _) = TIFFPageSourceTests.stackError({
          _ = try Self.stack(name)
        })
      else {
        Issue.record("\(name) was read")
        return
      }
      #expect(found.hasPrefix("samples of type \(code) ("))
    }

    @Test(arguments: [false, true])
    func refusesHeadersThatCannotBe(isSecond: Bool) throws {
      let folder = try TemporaryFolder()
      func expectDamaged(_ what: String, _ change: (inout NIfTIBytes) -> Void) throws {
        var file = NIfTIBytes(isSecond: isSecond, values: [UInt64](repeating: 0, count: 60))
        change(&file)
        let path = try folder.write(file.bytes, "a.nii")
        guard
          case .damaged(path, "NIfTI", _) = TIFFPageSourceTests.stackError({ _ = try ImageStack(path: path) })
        else {
          Issue.record("\(what)")
          return
        }
      }
      try expectDamaged("no dimension") { $0.dimensions = 0 }
      try expectDamaged("dimensions beyond the header") { $0.dimensions = 3000 }
      try expectDamaged("negative dimensions") { $0.dimensions = -3 }
      try expectDamaged("no columns") { $0.extents = [0, 4, 3] }
      try expectDamaged("negative rows") { $0.extents = [5, -4, 3] }
      try expectDamaged("more than the file") { $0.extents = [5, 4, 4] }
      try expectDamaged("more than can be counted") {
        $0.extents = [Int](repeating: isSecond ? 1 << 40 : 30000, count: 7)
      }
      try expectDamaged("offset before the file") { $0.offset = -1 }
      try expectDamaged("offset behind the file") { $0.offset = 1e9 }
      try expectDamaged("image elsewhere") { $0.magic = isSecond ? "ni2" : "ni1" }
      try expectDamaged("rubbish") { $0.magic = "xyz" }
      if !isSecond {
        try expectDamaged("no offset") { $0.offset = .nan }
        try expectDamaged("infinite offset") { $0.offset = .infinity }
      }
    }

    @Test func refusesPagesBeyondItsMemory() throws {
      #expect(throws: Never.self) { _ = try ImageStack(path: StackFixtures.path("int16.nii"), memory: 480) }
      guard
        case .unsupported = TIFFPageSourceTests.stackError({
          _ = try ImageStack(path: StackFixtures.path("int16.nii"), memory: 479)
        })
      else {
        Issue.record("a page of 480 bytes was accepted")
        return
      }
    }

    /// 2³⁰ samples in a compressed file of some hundred bytes.
    @Test func refusesClaimsThatNoCompressionReaches() throws {
      let folder = try TemporaryFolder()
      let file = NIfTIBytes(extents: [1024, 1024, 1024]).bytes
      let path = try folder.write(NIfTIBytes.gzip(file), "a.nii.gz")
      guard case .damaged = TIFFPageSourceTests.stackError({ _ = try ImageStack(path: path) }) else {
        Issue.record("the claim was believed")
        return
      }
    }

    @Test func missesAFileOfThePair() throws {
      let folder = try TemporaryFolder()
      try folder.write(StackFixtures.bytes("pair.hdr"), "a.hdr")
      #expect(throws: TIFFError.missing(path: folder("a.img"))) { _ = try ImageStack(path: folder("a.hdr")) }
      #expect(throws: TIFFError.missing(path: folder("b.nii"))) { _ = try ImageStack(path: folder("b.nii")) }
      try folder.write(NIfTIBytes.gzip(StackFixtures.bytes("pair.img")), "a.img.gz")
      try StackFixtures.expect(ImageStack(path: folder("a.hdr")), holds: StackFixtures.pages(plus: 0))
      try StackFixtures.expect(ImageStack(path: folder("a.img.gz")), holds: StackFixtures.pages(plus: 0))
    }
  }

  @Suite struct NIfTIMutationTests {
    static let names = [
      "int16.nii", "big-endian.nii", "second.nii", "second-big-endian.nii", "complex.nii", "time.nii.gz",
    ]
    static let pairs = ["pair", "analyze"]
    /// Calls of `StackFixtures.damage`.
    static var parts: Int { names.count + pairs.count + 1 }

    @Test(.timeLimit(.minutes(60)), arguments: names) func survivesDamagedFiles(name: String) throws {
      let opened = "a" + name.drop { $0 != "." }
      let (open, read) = try StackFixtures.damage(
        "NIfTI", [opened: StackFixtures.bytes(name)], opened: opened, parts: Self.parts)
      // Of a compressed file nearly every change spoils what follows.
      #expect(opened.hasSuffix("gz") ? open > 5 && read > 0 : open > 50 && read > open)
    }

    /// What is compressed is damaged before it is compressed: damage behind that ends in decompression.
    @Test(.timeLimit(.minutes(60))) func survivesDamagedContent() throws {
      let file = try StackFixtures.bytes("int16.nii")
      // A file that is not compressed is read through the same door.
      let (opened, read) = try StackFixtures.damage(
        "NIfTI", ["a.nii.gz": file], opened: "a.nii.gz", parts: Self.parts)
      #expect(opened > 50 && read > opened)
    }

    @Test(.timeLimit(.minutes(60)), arguments: pairs) func survivesDamagedPairs(name: String) throws {
      let (opened, read) = try StackFixtures.damage(
        "NIfTI",
        ["a.hdr": StackFixtures.bytes("\(name).hdr"), "a.img": StackFixtures.bytes("\(name).img")],
        opened: "a.hdr", parts: Self.parts)
      #expect(opened > 50 && read > opened)
    }
  }
#else
  @Suite struct NIfTITests {
    @Test func saysHowToReadIt() {
      let path = StackFixtures.path("int16.nii")
      #expect(
        throws: StackError.notBuiltIn(path: path, format: "NIfTI", trait: "NIfTI", package: "libnifti2-dev")
      ) { _ = try ImageStack(path: path) }
    }
  }
#endif
