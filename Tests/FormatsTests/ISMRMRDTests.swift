#if ISMRMRD
  import ComplexModule
  import Fields
  import Formats
  import Foundation
  import RealModule
  import TestSupport
  import Testing

  /// Scans by the Python package of ISMRMRD, see `Fixtures/ISMRMRD/make_fixtures.py`: the k-space of known images, with
  /// acquisitions in any order.
  @Suite struct ISMRMRDTests {
    static let folder = packageFolder + "/Tests/FormatsTests/Fixtures/ISMRMRD"

    typealias Values = [[Complex<Double>]]

    static func image(_ page: Int, _ coil: Int, _ rows: Int, _ columns: Int) -> Values {
      (0..<rows).map { r in
        (0..<columns).map { x in
          Complex(
            Double((7 * r + 3 * x + 5 * coil + 11 * page) % 13), Double((2 * r + 5 * x + 3 * coil + page) % 7)
          )
        }
      }
    }

    /// The centred, unitary transform of one line, by its definition.
    static func transform(_ line: [Complex<Double>], sign: Double = -1) -> [Complex<Double>] {
      let (n, c) = (line.count, line.count / 2)
      return (0..<n).map { k in
        var sum = Complex<Double>.zero
        for (j, value) in line.enumerated() {
          sum += value * Complex(length: 1, phase: sign * 2 * .pi * Double((k - c) * (j - c)) / Double(n))
        }
        return sum.divided(by: Double(n).squareRoot())
      }
    }

    static func transposed(_ values: Values) -> Values { values[0].indices.map { x in values.map { $0[x] } } }

    static func kSpace(_ image: Values) -> Values {
      transposed(transposed(image.map { transform($0) }).map { transform($0) })
    }

    /// The distance of a page to what it should be, relative to the latter.
    static func error(_ page: ComplexImage, _ expected: Values) -> Double {
      var (difference, norm) = (0.0, 0.0)
      for (found, wanted) in zip(page.samples, expected.flatMap { $0 }) {
        difference += (Complex(Double(found.real), Double(found.imaginary)) - wanted).lengthSquared
        norm += wanted.lengthSquared
      }
      #expect(page.samples.count == expected.count * expected[0].count)
      return (difference / norm).squareRoot()
    }

    /// k-space of a coil before whitening, cut to the middle half of the image.
    static func expected(contrast: Int, coil: Int) -> Values {
      kSpace(image(contrast, coil, 6, 16)).map { line in
        var line = line
        // The echo of the second contrast begins at column 5.
        if contrast == 1 { for column in 0..<5 { line[column] = .zero } }
        return transform(Array(transform(line, sign: 1)[4..<12]))
      }
    }

    /// Float: 1e-7 times a few operations of 16 terms.
    static let tolerance = 2e-6

    @Test func makesPagesOfShuffledOversampledNoisyAcquisitions() throws {
      let stack = try ImageStack(path: Self.folder + "/cartesian.h5")
      let info = stack.info
      #expect(info.format == .ismrmrd && info.sampleType == .complex64)
      #expect((info.pages, info.rows, info.columns) == (4, 6, 8))
      #expect(info.spacing == Spacing(x: 2, y: 3))
      // Ψ of the noise scan is L Lᴴ; that of the image has half the sampling time to 0.8 of the bandwidth.
      let scale = (5.0 / 10 / 0.8).squareRoot()
      for contrast in 0..<2 {
        let first = Self.expected(contrast: contrast, coil: 0),
          second = Self.expected(contrast: contrast, coil: 1)
        let white0 = first.map { $0.map { $0 / Complex(2 * scale) } }
        let white1 = zip(second, zip(first, white0)).map { second, pair in
          zip(second, pair.1).map { ($0 - Complex(1, 2) * $1 * Complex(scale)) / Complex(3 * scale) }
        }
        for (coil, expected) in [white0, white1].enumerated() {
          let page = try stack.complexPage(2 * contrast + coil)
          let error = Self.error(page, expected)
          #expect(error < Self.tolerance, "contrast \(contrast), coil \(coil)")
        }
      }
    }

    @Test func sortsRepetitionsSlicesAndPartitions() throws {
      let stack = try ImageStack(path: Self.folder + "/partitions.h5")
      #expect((stack.info.pages, stack.info.rows, stack.info.columns) == (12, 3, 4))
      #expect(stack.info.spacing == Spacing(x: 2, y: 3, z: 4))
      #expect(
        stack.info.axes == PageAxes([3, 1] + [Int](repeating: 1, count: 9) + [4], order: [3, 2, 13]))
      for page in [11, 0, 1, 2, 3, 4, 5, 6, 7, 9, 8, 10] {
        var expected = Self.kSpace(Self.image(page, 0, 3, 4))
        // Partition 5 of the limits is the centre: 4, 5 and 6 are rows 0, 1 and 2. One line was not measured.
        if page == 8 { expected[0] = [Complex<Double>](repeating: .zero, count: 4) }
        #expect(Self.error(try stack.complexPage(page), expected) < Self.tolerance, "page \(page)")
        let rows = try stack.complexRows(1..<2, ofPage: page)
        #expect(Self.error(rows, [expected[1]]) < Self.tolerance)
      }
    }

    @Test func sortsPartitionsOfCoils() throws {
      let stack = try ImageStack(path: Self.folder + "/coils.h5")
      #expect((stack.info.pages, stack.info.rows, stack.info.columns) == (6, 3, 4))
      for page in 0..<6 {
        let expected = Self.kSpace(Self.image(page / 2, page % 2, 3, 4))
        #expect(Self.error(try stack.complexPage(page), expected) < Self.tolerance, "page \(page)")
      }
    }

    @Test func offersTheNoise() throws {
      let file = try ISMRMRDFile(path: Self.folder + "/cartesian.h5")
      let (matrix, size) = (file.header.encodedMatrix, file.header.reconSize)
      #expect((matrix.x, matrix.y, matrix.z) == (16, 6, 1))
      #expect((size.x, size.y, size.z) == (16, 18, 5))
      #expect(file.header.centre == (5, 0))
      let noise = try #require(try file.noise)
      #expect(noise.shape == [2, 8])
      // 2 √2, and (1 + 2i) √2 + 3 √2, stored as Float.
      #expect((noise.samples[0] - Complex(Float(8).squareRoot(), 0)).length < 1e-6)
      #expect((noise.samples[8] - Complex(4, 2) * Complex(Float(2).squareRoot())).length < 1e-6)
      #expect(try ISMRMRDFile(path: Self.folder + "/partitions.h5").noise == nil)
    }

    @Test func readsOneScanFromSeveralThreads() throws {
      let stack = try ImageStack(path: Self.folder + "/partitions.h5")
      let known = try (0..<12).map { try stack.complexPage($0).samples }
      DispatchQueue.concurrentPerform(iterations: 48) { i in
        #expect((try? stack.complexPage(i % 12).samples) == known[i % 12])
      }
    }

    @Test func refusesOtherTrajectories() {
      #expect(
        throws: StackError.unsupported(
          path: Self.folder + "/radial.h5", format: "ISMRMRD", found: "a trajectory that is radial",
          expected: "a Cartesian one, the only one read here")
      ) { try ImageStack(path: Self.folder + "/radial.h5") }
    }

    /// HDF5 makes zeros of what was never written, as many as the extent of the dataset says.
    @Test func refusesMoreAcquisitionsThanTheFileHolds() throws {
      func extent(_ acquisitions: UInt64) -> [UInt8] {
        [1, 1, 1, 0, 0, 0, 0, 0] + withUnsafeBytes(of: acquisitions.littleEndian, Array.init)
          + [UInt8](repeating: 0xff, count: 8)
      }
      let folder = try TemporaryFolder()
      var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: Self.folder + "/cartesian.h5")))
      let stated = try #require(bytes.firstRange(of: extent(26)))
      func expectDamaged(_ acquisitions: UInt64, length: Int, _ reason: String) throws {
        bytes.replaceSubrange(stated, with: extent(acquisitions))
        let path = try folder.write(bytes, "a.h5")
        #expect(truncate(path, off_t(length)) == 0)
        #expect(throws: StackError.damaged(path: path, format: "ISMRMRD", reason: reason)) {
          try ImageStack(path: path)
        }
      }
      try expectDamaged(1_000_000, length: bytes.count, "it claims 1000000 acquisitions in 23960 bytes")
      let unwritten = "the HDF5 library says 'acquisition 27 was never written'"
      try expectDamaged(30, length: bytes.count, unwritten)
      try expectDamaged(9_000_000, length: 1 << 30, unwritten)
      try expectDamaged(80_000_000, length: 2 << 30, "it claims 80000000 acquisitions in 2147483648 bytes")
    }

    /// A raw scan is read only: neither its bytes nor its time of change are touched.
    @Test func leavesTheFileAsItIs() throws {
      let folder = try TemporaryFolder()
      let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: Self.folder + "/partitions.h5")))
      let path = try folder.write(bytes, "a.h5")
      func time() throws -> Date? {
        try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date
      }
      let before = try time()
      // libismrmrd itself asks to write, which locks the file for everybody else.
      let files = try (0..<2).map { _ in try ISMRMRDFile(path: path) }
      #expect(files.allSatisfy { $0.header.encodedMatrix.x == 4 })
      _ = try ImageStack(path: path).complexPage(0)
      #expect(try time() == before)
      #expect([UInt8](try folder.data("a.h5")) == bytes)
    }
  }

  /// Damaged scans: an error or an image, as for ``HDF5MutationTests``.
  @Suite struct ISMRMRDMutationTests {
    static let names = ["cartesian.h5", "partitions.h5"]

    @Test(.timeLimit(.minutes(60)), arguments: names) func survivesDamagedFiles(name: String) throws {
      let folder = try TemporaryFolder()
      let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(ISMRMRDTests.folder)/\(name)")))
      var opened = 0
      let count = Soak.count(125, parts: IsolatedMutations.share * Self.names.count)
      try Soak.measure("ISMRMRD") {
        for seed in 0..<count {
          var generator = SplitMix64(seed: UInt64(seed))
          let path = try folder.write(IsolatedMutations.mutated(whole, using: &generator), "a.h5")
          if IsolatedMutations.read(path, "seed \(seed)") { opened += 1 }
        }
        return count
      }
      #expect(opened > count / 20 && opened < count)
      for length in stride(from: 0, to: whole.count, by: 64) {
        let path = try folder.write(Array(whole[..<length]), "a.h5")
        #expect(throws: StackError.self, "\(length)") { try ImageStack(path: path) }
      }
    }
  }
#endif
