#if HDF5
  import ComplexModule
  import Fields
  import Formats
  import Foundation
  import TestSupport
  import Testing

  /// HDF5 files by h5py, see `Fixtures/HDF5/make_fixtures.py`.
  @Suite struct HDF5Tests {
    static let folder = packageFolder + "/Tests/FormatsTests/Fixtures/HDF5"

    static func stack(_ name: String, nonFinite: ImageStack.NonFinite = .refuse, memory: Int = 1 << 24) throws
      -> ImageStack
    {
      try ImageStack(path: "\(folder)/\(name)", nonFinite: nonFinite, memory: memory)
    }

    static func numbers(_ page: Int) -> [Float] { (0..<48).map { Float(100 * page + $0) } }

    static func counts(_ view: Int, _ row: Int, _ bin: Int) -> Float {
      Float(200 + (7 * view + 13 * row * row + 3 * bin * bin) % 1009)
    }
    static func flats(_ page: Int, _ row: Int, _ bin: Int) -> Float {
      Float(2000 + 5 * bin + 3 * row + 64 * (1 - 2 * page))
    }
    static func darks(_ page: Int, _ row: Int, _ bin: Int) -> Float { Float(90 + bin % 7 + row + page - 1) }

    static func page(_ index: Int, _ value: (Int, Int, Int) -> Float) -> [Float] {
      (0..<5).flatMap { row in (0..<33).map { value(index, row, $0) } }
    }

    // MARK: Datasets

    @Test(arguments: [
      ("u2", SampleType.uint16), ("u4", .uint32), ("i2", .int16), ("i4", .int32), ("f2", .float16),
      ("f4", .float32),
      ("f8", .float64),
    ])
    func readsNumbersOfEitherByteOrder(name: String, type: SampleType) throws {
      for order in ["little", "big"] {
        let stack = try Self.stack("types.h5:/\(order)\(name)")
        let info = stack.info
        #expect((info.pages, info.rows, info.columns) == (2, 6, 8))
        #expect(info.format == .hdf5 && info.sampleType == type && info.compression == "none")
        #expect((info.byteOrder == .big) == (order == "big"))
        for page in [1, 0] {
          let expected = Self.numbers(page).map { name.hasPrefix("u") ? $0 : $0 - 20 }
          #expect(try stack.page(page).samples == expected)
          #expect(try stack.rows(2..<5, ofPage: page).samples == Array(expected[16..<40]))
          #expect(try stack.rows(5..<5, ofPage: page).samples == [])
        }
      }
    }

    @Test func readsBytes() throws {
      #expect(
        try Self.stack("types.h5:uint8").page(1).samples == Self.numbers(1).map { Float(Int($0) % 256) })
      #expect(
        try Self.stack("types.h5:int8").page(0).samples == Self.numbers(0).map { Float(Int($0) % 120 - 60) })
    }

    @Test(arguments: [("c8", SampleType.complex64), ("c16", .complex128), ("pairs", .complex64)])
    func readsComplexNumbers(name: String, type: SampleType) throws {
      let stack = try Self.stack("types.h5:/\(name)")
      #expect(stack.info.sampleType == type)
      for page in 0..<2 {
        let expected = zip(Self.numbers(page), Self.numbers(1 - page)).map { Complex($0 - 20, $1 - 20) }
        #expect(try stack.complexPage(page).samples == expected)
        #expect(try stack.complexRows(3..<5, ofPage: page).samples == Array(expected[24..<40]))
      }
    }

    @Test func opensTheOnlyDatasetOfThreeAxes() throws {
      let stack = try Self.stack("plain.h5")
      #expect(stack.info.compression == "Deflate" && stack.info.isTiled && stack.count == 2)
      #expect(try stack.page(1).samples == Self.numbers(1))
      #expect(stack.files == ["\(Self.folder)/plain.h5"])
    }

    @Test func opensADatasetOfTwoAxesAsOnePage() throws {
      let stack = try Self.stack("types.h5:/flat")
      #expect(stack.count == 1)
      #expect(try stack.rows(2..<4, ofPage: 0).samples == Array(Self.numbers(0)[16..<32]))
    }

    @Test func readsChunksWithAChecksum() throws {
      #expect(
        try Self.stack("types2.h5:fletcher").rows(1..<5, ofPage: 1).samples == Array(Self.numbers(1)[8..<40]))
    }

    @Test func followsLinksWithinTheFile() throws {
      #expect(try Self.stack("types2.h5:/inside", nonFinite: .keep).info.columns == 3)
    }

    /// Doubles beyond the range of `Float` become infinite, and are refused with what is no number.
    @Test func refusesWhatIsNotFinite() throws {
      let samples = try Self.stack("types2.h5:/values", nonFinite: .keep).page(0).samples
      #expect(samples[0..<4] == [1, 2, .infinity, -.infinity] && samples[4].isNaN && samples[5] == .infinity)
      let path = "\(Self.folder)/types2.h5:/values"
      #expect(
        throws: StackError.notFinite(path: path, page: 0, row: 0, column: 2, value: "an infinite value")
      ) {
        try ImageStack(path: path).page(0)
      }
    }

    /// Every row on its own and from several threads: chunks are shared, the library is behind a lock.
    @Test func readsFromSeveralThreads() throws {
      let stack = try Self.stack("exchange.h5")
      DispatchQueue.concurrentPerform(iterations: 64) { i in
        let (page, row) = (i % 8, i % 5)
        let samples = try? stack.rows(row..<row + 1, ofPage: page).samples
        #expect(samples == (0..<33).map { Self.counts(page, row, $0) })
      }
    }

    // MARK: Scans

    @Test func readsDataExchange() throws {
      for name in [
        "exchange.h5", "exchange.h5:projections", "exchange.h5:/exchange/data", "exchange.h5:exchange",
      ] {
        let stack = try Self.stack(name)
        #expect(stack.info.spacing == Spacing(x: 0.65e-3, y: 1.3e-3), "\(name)")
        #expect(stack.info.unit == "counts" && stack.info.compression == "Deflate")
        #expect(stack.count == 8)
        for view in 0..<8 { #expect(try stack.page(view).samples == Self.page(view, Self.counts)) }
        #expect(try stack.rows(3..<4, ofPage: 6).samples == (0..<33).map { Self.counts(6, 3, $0) })
      }
      for (name, pages, value) in [("flats", 2, Self.flats), ("darks", 3, Self.darks)] {
        let stack = try Self.stack("exchange.h5:\(name)")
        #expect(stack.count == pages)
        for index in 0..<pages { #expect(try stack.page(index).samples == Self.page(index, value)) }
      }
    }

    @Test func readsNXtomo() throws {
      for (name, pages, value) in [
        ("tomo.nxs", 8, Self.counts), ("tomo.nxs:projections", 8, Self.counts),
        ("tomo.nxs:flats", 2, Self.flats),
        ("tomo.nxs:darks", 3, Self.darks), ("tomo.nxs:entry0000/flats", 2, Self.flats),
      ] {
        let stack = try Self.stack(name)
        #expect(stack.info.spacing == Spacing(x: 0.65e-3, y: 1.3e-3))
        #expect(stack.count == pages)
        for index in 0..<pages { #expect(try stack.page(index).samples == Self.page(index, value)) }
      }
      #expect(try Self.stack("tomo.nxs:/entry0000/data/data").count == 14)
    }

    @Test func readsAngles() throws {
      let expected = (0..<8).map { 22.5 * Double($0) }
      for name in ["exchange.h5", "exchange.h5:/exchange/theta", "exchange.h5:projections"] {
        #expect(try HDF5Angles.degrees(of: "\(Self.folder)/\(name)") == expected)
      }
      #expect(try HDF5Angles.degrees(of: "\(Self.folder)/plain.h5:a/theta") == [0, 90])
      // Radians in double precision: some units in the last place of 157.5.
      let angles = try HDF5Angles.degrees(of: "\(Self.folder)/tomo.nxs")
      #expect(angles.count == 8)
      for (found, wanted) in zip(angles, expected) { #expect(abs(found - wanted) <= 4 * wanted.ulp) }
    }

    @Test(arguments: ["exchange.h5", "tomo.nxs"])
    func givesTheSinogramsOfTheSameScanAsTIFF(name: String) throws {
      let folder = try TemporaryFolder()
      func tiff(_ name: String, _ pages: Int, _ value: (Int, Int, Int) -> Float) throws -> ImageStack {
        var writer = try TIFFWriter(path: folder(name), rows: 5, columns: 33, pages: pages)
        for index in 0..<pages { try writer.append(Image(shape: [5, 33], samples: Self.page(index, value))) }
        try writer.finish()
        return try ImageStack(path: folder(name))
      }
      let known = try ProjectionStack(
        projections: tiff("projections.tif", 8, Self.counts), flats: tiff("flats.tif", 2, Self.flats),
        darks: tiff("darks.tif", 3, Self.darks))
      let stack = try ProjectionStack(
        projections: Self.stack(name), flats: Self.stack("\(name):flats"), darks: Self.stack("\(name):darks"))
      for rows in [0..<5, 2..<4] {
        let (found, expected) = (try stack.sinograms(rows: rows, threads: 3), try known.sinograms(rows: rows))
        for row in rows { #expect(found.sinogram(row).samples == expected.sinogram(row).samples) }
      }
    }

    // MARK: Refusals

    static func message(_ name: String, memory: Int = 1 << 24) -> String {
      do {
        _ = try stack(name, memory: memory).page(0)
        return "read"
      } catch { return "\(error)".replacingOccurrences(of: folder + "/", with: "") }
    }

    @Test(arguments: [
      ("int64", "integers of 64 bits"), ("text", "texts"), ("truth", "names of a list"),
      ("records", "records"),
      ("axes4", "4 axes (1 × 2 × 3 × 4)"), ("axis", "1 axes (3)"), ("empty", "is empty (0 × 3 × 4)"),
      ("lzf", "compressed by lzf (filter 32000)"), ("declared", "nothing was written"),
      ("partial", "of the 2 chunks of dataset 'partial' only 1 were written"),
      ("large", "chunks of 1 × 40000 × 40000"),
      ("outside", "a link to another file, 'types.h5'"), ("detour", "a link to another file, 'types.h5'"),
      ("circle", "nothing named 'circle'"), ("dangling", "nothing named 'dangling'"),
      ("stored", "samples in other files"),
      ("virtual", "the virtual dataset"), ("flats", "no tomographic scan"),
    ])
    func refusesWithAReason(name: String, reason: String) {
      let message = Self.message("types2.h5:\(name)")
      #expect(
        message.hasPrefix("cannot read 'types2.h5' as HDF5: ") && message.contains(reason), "\(message)")
    }

    @Test func listsWhatThereIs() {
      let message = Self.message("types.h5")
      #expect(message.contains("datasets of three axes") && message.contains("/bigf4"), "\(message)")
      #expect(Self.message("types.h5:nothing").contains("found nothing named 'nothing'"))
      #expect(Self.message("exchange.h5:/exchange/data", memory: 600).contains("pages of at most 600 bytes"))
      #expect(
        Self.message("nothing.h5").contains("cannot open 'nothing.h5' as HDF5: No such file or directory"))
      #expect(
        Self.message("nothing.h5:flats").contains(
          "cannot open 'nothing.h5' as HDF5: No such file or directory"))
      #expect(Self.message("make_fixtures.py:flats").contains("make_fixtures.py"))
    }

    @Test func refusesAnglesThatDoNotFit() throws {
      #expect(throws: StackError.self) { try HDF5Angles.degrees(of: "\(Self.folder)/plain.h5") }
      #expect(throws: StackError.self) { try HDF5Angles.degrees(of: "\(Self.folder)/types2.h5:/text") }
    }

    @Test func knowsFilesByTheirNames() throws {
      for name in ["a.h5", "a.H5", "a.nxs", "a.nx5", "a.hdf", "a.hdf5", "a.h5:flats", "a.nxs:/b:c/d"] {
        #expect(try FormatRegistry.format(of: "/nowhere/\(name)") == .hdf5)
        #expect(!FormatRegistry.file(of: name).contains(":"))
      }
      let folder = try TemporaryFolder()
      let data = try Data(contentsOf: URL(fileURLWithPath: "\(Self.folder)/plain.h5"))
      let path = try folder.write([UInt8](data), "12:30.h5")
      #expect(try ImageStack(path: path).count == 2)
      #expect(try ImageStack(path: "\(path):a/flat").count == 1)
    }
  }
#endif
