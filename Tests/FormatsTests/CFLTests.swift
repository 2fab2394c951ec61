import ComplexModule
import Fields
import Formats
import Foundation
import TestSupport
import Testing

@Suite struct CFLTests {
  /// Numbers that tell every dimension apart.
  static func images(_ count: Int, rows: Int, columns: Int) -> [ComplexImage] {
    (0..<count).map { page in
      let samples = (0..<rows * columns).map { Complex(Float(1000 * page + $0), Float($0 - 50 * page)) }
      return ComplexImage(shape: [rows, columns], samples: samples)
    }
  }

  static var isBARTInstalled: Bool {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    return folders.contains { access("\($0)/bart", X_OK) == 0 }
  }

  static func bytes(_ images: [ComplexImage]) -> [UInt8] {
    images.flatMap { image in
      image.samples.flatMap { z in
        [z.real, z.imaginary].flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian, Array.init) }
      }
    }
  }

  static func layout(
    _ pages: Int, rows: Int = 4, columns: Int = 5, axes: PageAxes? = nil
  ) -> StackLayout {
    var layout = StackLayout(rows: rows, columns: columns, pages: pages, storage: .complex64)
    layout.axes = axes
    return layout
  }

  static func write(_ images: [ComplexImage], to path: String, _ layout: StackLayout) throws {
    var writer = try CFLWriter(path: path, layout)
    for image in images { try writer.append(.complex(image)) }
    try writer.finish()
  }

  @Test(arguments: ["coils.cfl", "coils.hdr"])
  func readsWhatBARTWrites(name: String) throws {
    let stack = try ImageStack(path: StackFixtures.path(name))
    #expect((stack.info.format, stack.info.sampleType) == (.cfl, .complex64))
    #expect((stack.info.pages, stack.info.rows, stack.info.columns, stack.info.files) == (2, 10, 12, 2))
    #expect(stack.info.axes == PageAxes([1, 2]))
    for page in [1, 0] {
      let expected = StackFixtures.pages()[page].enumerated().map { Complex($1, Float($0 % 12)) }
      #expect(try stack.complexPage(page).samples == expected)
      #expect(try stack.complexRows(3..<7, ofPage: page).samples == Array(expected[36..<84]))
    }
    #expect(throws: StackError.complexSamples(path: StackFixtures.path(name))) { _ = try stack.page(0) }
  }

  @Test(arguments: [[2, 3], [6], [1, 1, 6], nil])
  func writesWhatIsRead(extents: [Int]?) throws {
    let folder = try TemporaryFolder()
    let images = Self.images(6, rows: 4, columns: 5)
    var writer = try CFLWriter(path: folder("a.hdr"), Self.layout(6, axes: extents.map { PageAxes($0) }))
    for image in images { try writer.append(.complex(image)) }
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path).allSatisfy { $0.contains(".partial-") }
    )
    try writer.finish()
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["a.cfl", "a.hdr"])
    #expect([UInt8](try folder.data("a.cfl")) == Self.bytes(images))
    let further = (extents ?? [6]).map { "\($0) " }.joined()
    let rest = String(repeating: "1 ", count: 14 - (extents?.count ?? 1))
    #expect(
      String(decoding: try folder.data("a.hdr"), as: UTF8.self) == "# Dimensions\n5 4 \(further)\(rest)\n")
    let stack = try ImageStack(path: folder("a.cfl"))
    #expect(stack.count == 6)
    for (index, image) in images.enumerated() { #expect(try stack.complexPage(index) == image) }
  }

  /// Three coils of two partitions and two slices: coils come first and are the slower dimension of the array.
  @Test func sortsPagesIntoTheirPlaces() throws {
    let folder = try TemporaryFolder()
    let images = Self.images(12, rows: 4, columns: 5)
    let axes = PageAxes([2, 3] + [Int](repeating: 1, count: 9) + [2], order: [3, 2, 13])
    try Self.write(images, to: folder("a.cfl"), Self.layout(12, axes: axes))
    var expected: [ComplexImage] = []
    for slice in 0..<2 {
      for coil in 0..<3 {
        for partition in 0..<2 { expected.append(images[coil + 3 * (partition + 2 * slice)]) }
      }
    }
    #expect([UInt8](try folder.data("a.cfl")) == Self.bytes(expected))
    #expect(try folder.text("a.hdr") == "# Dimensions\n5 4 2 3 1 1 1 1 1 1 1 1 1 2 1 1 \n")
  }

  /// BART agrees with what is written: it finds no difference to its own file.
  @Test(.enabled(if: isBARTInstalled, "bart is not installed"))
  func writesWhatBARTReads() throws {
    let folder = try TemporaryFolder()
    let stack = try ImageStack(path: StackFixtures.path("coils.cfl"))
    try Self.write(
      [stack.complexPage(0), stack.complexPage(1)], to: folder("a.cfl"),
      Self.layout(2, rows: 10, columns: 12, axes: PageAxes([1, 2])))
    func bart(_ arguments: String...) throws -> Int32 {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      process.arguments = ["bart"] + arguments
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      try process.run()
      process.waitUntilExit()
      return process.terminationStatus
    }
    let reference = String(StackFixtures.path("coils.cfl").dropLast(4))
    #expect(try bart("nrmse", "-t", "0", reference, folder("a")) == 0)
    #expect(try bart("scale", "2", folder("a"), folder("b")) == 0)
    #expect(try bart("nrmse", "-t", "0.1", reference, folder("b")) != 0)
  }

  @Test func leavesNothingBehind() throws {
    let folder = try TemporaryFolder()
    for count in [0, 2, 4] {
      #expect(
        throws: StackWriteError.wrongPageCount(path: folder("a.cfl"), written: count, expected: 3)
      ) {
        try Self.write(Self.images(count, rows: 4, columns: 5), to: folder("a.cfl"), Self.layout(3))
      }
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  @Test func refusesPagesItCannotWrite() throws {
    let folder = try TemporaryFolder()
    let wrong = Self.images(1, rows: 5, columns: 4)[0]
    #expect(
      throws: StackWriteError.wrongPage(
        path: folder("a.cfl"), page: 0, found: "5 × 4", expected: "4 × 5 complex samples")
    ) { try Self.write([wrong], to: folder("a.cfl"), Self.layout(1)) }
    var image = Self.images(1, rows: 4, columns: 5)[0]
    image.samples[7] = Complex(1, .nan)
    #expect(
      throws: StackWriteError.notFinite(path: folder("a.cfl"), page: 0, row: 1, column: 2, value: "NaN")
    ) { try Self.write([image], to: folder("a.cfl"), Self.layout(1)) }
    #expect(throws: CFLError.name(path: folder("a"))) {
      try Self.write([], to: folder("a"), Self.layout(1))
    }
    let missing = folder("none/a.cfl")
    #expect(throws: StackWriteError.file(.cannotCreate(path: missing, code: ENOENT))) {
      try Self.write([], to: missing, Self.layout(1))
    }
    let error = #expect(throws: StackWriteError.self) {
      try Self.write([], to: folder("b.cfl"), Self.layout(1 << 10, rows: 1 << 20, columns: 1 << 20))
    }
    #expect(error.map { if case .noSpace = $0 { true } else { false } } == true)
  }

  /// A new array replaces the old one, whatever its size.
  @Test func replacesAnArray() throws {
    let folder = try TemporaryFolder()
    for (count, rows) in [(3, 4), (2, 6)] {
      let images = Self.images(count, rows: rows, columns: 5)
      try Self.write(images, to: folder("a.cfl"), Self.layout(count, rows: rows))
      #expect(try ImageStack(path: folder("a.cfl")).complexPage(count - 1) == images[count - 1])
    }
  }

  @Test(arguments: [
    ("12 10 1 3", false), ("12 10 1 1", false), ("12 -10 1 2", false), ("12 10.0 1 2", false), ("", false),
    ("99999999999 99999999999 1 1", false), ("99999999999999999999999 1 1 1", false), ("12 10 1 2", true),
    ("240", true), ("1 1 1 1 1 1 1 240", true),
  ])
  func checksTheHeader(dimensions: String, isRight: Bool) throws {
    let folder = try TemporaryFolder()
    try folder.write(StackFixtures.bytes("coils.cfl"), "a.cfl")
    try folder.write("# Dimensions\n\(dimensions)\n", to: "a.hdr")
    let error = TIFFPageSourceTests.stackError { _ = try ImageStack(path: folder("a.cfl")) }
    if isRight {
      #expect(error == nil)
    } else {
      guard case .damaged(_, "BART's cfl", _) = error else {
        Issue.record("\(dimensions): \(String(describing: error))")
        return
      }
    }
  }

  /// A number that is none is not an infinite one.
  @Test func tellsNaNFromInfinity() throws {
    let folder = try TemporaryFolder()
    let parts: [(Float, Float)] = [(.nan, 1), (1, .nan), (.infinity, 1), (.infinity, .nan), (3, 4)]
    try folder.write(
      parts.flatMap { [$0.0, $0.1] }.flatMap { withUnsafeBytes(of: $0.bitPattern, Array.init) }, "a.cfl")
    try folder.write("# Dimensions\n5 1\n", to: "a.hdr")
    let stack = try ImageStack(path: folder("a.cfl"), nonFinite: .keep, part: .magnitude)
    let found = try stack.page(0).samples
    #expect(found.map(\.isNaN) == [true, true, false, true, false])
    #expect(found[2] == .infinity && found[4] == 5)
  }

  @Test func missesAFileOfThePair() throws {
    let folder = try TemporaryFolder()
    try folder.write(StackFixtures.bytes("coils.cfl"), "a.cfl")
    #expect(throws: TIFFError.missing(path: folder("a.hdr"))) { _ = try ImageStack(path: folder("a.cfl")) }
  }

  @Test func refusesAFolder() throws {
    let folder = try TemporaryFolder()
    try folder.write(StackFixtures.bytes("coils.cfl"), "a.cfl")
    #expect(throws: FormatError.folder(path: folder.path, name: "a.cfl")) {
      try ImageStack(path: folder.path)
    }
  }

  /// The header belongs to what lies beside it.
  @Test func tellsHeadersApart() throws {
    let folder = try TemporaryFolder()
    for (name, copy) in [
      ("coils.hdr", "a.hdr"), ("coils.cfl", "a.cfl"), ("pair.hdr", "b.hdr"), ("pair.img", "b.img"),
      ("pair.hdr", "c.hdr"), ("pair.img", "c.img"), ("coils.cfl", "c.cfl"), ("coils.hdr", "D.HDR"),
      ("coils.cfl", "D.CFL"),
    ] { try folder.write(StackFixtures.bytes(name), copy) }
    #expect(try FormatRegistry.format(of: folder("a.hdr")) == .cfl)
    #expect(try FormatRegistry.format(of: folder("b.hdr")) == .nifti)
    #expect(try FormatRegistry.format(of: folder("c.hdr")) == .nifti)
    #expect(try FormatRegistry.format(of: folder("D.HDR")) == .cfl)
    #expect(try ImageStack(path: folder("D.HDR")).files == [folder("D.HDR"), folder("D.CFL")])
  }
}

@Suite struct CFLMutationTests {
  @Test(.timeLimit(.minutes(60)), arguments: Soak.shards) func survivesDamagedFiles(shard: Int) throws {
    let (opened, read) = try StackFixtures.damage(
      "cfl", ["a.cfl": StackFixtures.bytes("coils.cfl"), "a.hdr": StackFixtures.bytes("coils.hdr")],
      opened: "a.cfl", parts: Soak.shards.count, part: shard)
    #expect(opened > 50 && read > opened)
  }
}
