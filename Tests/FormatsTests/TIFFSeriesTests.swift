import Fields
import Formats
import Foundation
import TestSupport
import Testing

/// Stacks that OME-XML puts together from the pages of one or several files.
@Suite struct TIFFSeriesTests {
  /// A file of pages that hold one number each, with a description.
  private static func file(_ numbers: [UInt64], _ description: String) -> [UInt8] {
    var file = TIFFBytes()
    for (index, number) in numbers.enumerated() {
      file.add(
        .init(
          rows: 2, columns: 3, bits: 16, format: 1, pixels: .strips(rows: 2),
          description: index == 0 ? description : nil, values: Array(repeating: number, count: 6)))
    }
    return file.bytes
  }

  private static func xml(_ sizes: String, _ pieces: String, uuid: String = "urn:uuid:own") -> String {
    "<?xml version=\"1.0\"?><!-- <Pixels/> --><OME UUID=\"\(uuid)\"><Image><Pixels \(sizes)>\(pieces)</Pixels></Image></OME>"
  }

  private static func piece(_ attributes: String, _ file: String, uuid: String = "urn:uuid:other") -> String {
    "<TiffData \(attributes)><UUID FileName=\"\(file)\">\(uuid)</UUID></TiffData>"
  }

  private static let sizes = "DimensionOrder=\"XYZCT\" SizeZ=\"2\" SizeC=\"2\" SizeT=\"1\""

  /// The number of every page.
  private static func numbers(_ path: String) throws -> [Float] {
    let stack = try ImageStack(path: path)
    return try (0..<stack.count).map { try stack.page($0).samples[0] }
  }

  // MARK: Files by another program

  @Test(arguments: [1, 2])
  func joinsFilesWhicheverIsOpened(opened: Int) throws {
    let stack = try TIFFFixtureTests.stack("ome-series_\(opened).ome")
    #expect((stack.info.pages, stack.info.rows, stack.info.columns, stack.info.files) == (4, 10, 12, 2))
    #expect(stack.info.spacing == Spacing(x: 0.5, y: 0.5, z: 2))
    #expect(
      stack.files.map { $0.split(separator: "/").last } == ["ome-series_1.ome.tif", "ome-series_2.ome.tif"])
    for (page, number) in [0, 1, 3, 2].enumerated() {
      #expect(try stack.page(page).samples == TIFFFixtureTests.numbers(number))
    }
  }

  /// The file holds the channels of a slice one after another.
  @Test func ordersPagesBySliceThenChannel() throws {
    let stack = try TIFFFixtureTests.stack("ome-channels.ome")
    for (page, number) in [0, 3, 1, 4, 2, 5].enumerated() {
      #expect(try stack.page(page).samples == TIFFFixtureTests.numbers(number))
    }
  }

  // MARK: Files made here

  @Test(
    arguments: [
      // Directories by number, in any order.
      (
        "<TiffData IFD=\"3\"/><TiffData FirstZ=\"1\" IFD=\"1\"/><TiffData FirstC=\"1\" PlaneCount=\"2\" IFD=\"0\"/>",
        nil
      ),
      ("<TiffData/>", [0, 1, 2, 3]), ("", [0, 1, 2, 3]),
      ("<TiffData FirstC='1' IFD='0' PlaneCount='2'/>\n<TiffData IFD='2' PlaneCount='2'/>", [2, 3, 0, 1]),
      (
        "<ome:TiffData IFD=\"&#51;\"/><TiffData FirstZ=\"1\" IFD=\"2\"/><TiffData FirstC=\"1\" IFD=\"1\"/>"
          + "<TiffData FirstC=\"1\" FirstZ=\"1\" IFD=\"0\"/>", [3, 2, 1, 0]
      ),
    ] as [(String, [Float]?)])
  func findsPlanesInOneFile(pieces: String, expected: [Float]?) throws {
    let folder = try TemporaryFolder()
    try folder.write(Self.file([0, 1, 2, 3], Self.xml(Self.sizes, pieces)), "a.ome.tif")
    if let expected {
      #expect(try Self.numbers(folder("a.ome.tif")) == expected)
    } else {
      // One directory stands for two planes.
      #expect(TIFFPageSourceTests.error { _ = try ImageStack(path: folder("a.ome.tif")) } != nil)
    }
  }

  @Test(
    arguments: [
      ("XYZTC", [0, 1, 4, 5, 8, 9, 2, 3, 6, 7, 10, 11]), ("XYTCZ", [0, 6, 3, 9, 1, 7, 4, 10, 2, 8, 5, 11]),
    ] as [(String, [Float])])
  func followsTheOrderOfDimensions(order: String, expected: [Float]) throws {
    let folder = try TemporaryFolder()
    // z 2, c 2, t 3. Page z + 2 (c + 2 t) lies at z + 2 (t + 3 c) or t + 3 (c + 2 z).
    let xml = Self.xml("DimensionOrder=\"\(order)\" SizeZ=\"2\" SizeC=\"2\" SizeT=\"3\"", "<TiffData/>")
    try folder.write(Self.file(Array(0..<12), xml), "a.ome.tif")
    let places = (0..<12).map { plane in
      let (z, c, t) = (plane % 2, plane / 2 % 2, plane / 4)
      return Float(order == "XYZTC" ? z + 2 * (t + 3 * c) : t + 3 * (c + 2 * z))
    }
    #expect(try Self.numbers(folder("a.ome.tif")) == places)
  }

  @Test func namesTheFilesThatAreMissing() throws {
    let folder = try TemporaryFolder()
    let pieces =
      Self.piece("PlaneCount=\"2\" IFD=\"0\"", "a.ome.tif") + Self.piece("FirstC=\"1\"", "b.ome.tif")
      + Self.piece("FirstC=\"1\" FirstZ=\"1\"", "c &amp; d.ome.tif")
    let path = try folder.write(Self.file([0, 1], Self.xml(Self.sizes, pieces)), "a.ome.tif")
    let error = TIFFPageSourceTests.error { _ = try ImageStack(path: path) }
    #expect(error == .missingFiles(path: path, names: ["b.ome.tif", "c & d.ome.tif"]))
    #expect(
      error?.description.contains("are in 'b.ome.tif' and 'c & d.ome.tif', which are not beside it.") == true)
    // An empty list says that all planes of a file are meant.
    try folder.write(Self.file([7], "other"), "b.ome.tif")
    try folder.write(Self.file([8], "other"), "c & d.ome.tif")
    #expect(try Self.numbers(path) == [0, 1, 7, 8])
    try folder.write(Self.file([7, 9], "other"), "b.ome.tif")
    #expect(
      TIFFPageSourceTests.error { _ = try ImageStack(path: path) }
        .map { if case .damaged = $0 { true } else { false } } == true)
    try folder.write([1, 2, 3], "b.ome.tif")
    #expect(
      TIFFPageSourceTests.error { _ = try ImageStack(path: path) }
        .map { if case .notTIFF(folder("b.ome.tif"), _) = $0 { true } else { false } } == true)
  }

  @Test(arguments: ["../b.ome.tif", "/tmp/b.ome.tif", "..", "c\\b.ome.tif", "sub/b.ome.tif", ""])
  func followsNoNameOutOfTheFolder(name: String) throws {
    let folder = try TemporaryFolder()
    try makeFolder(folder("inner/sub"))
    for place in ["b.ome.tif", "inner/sub/b.ome.tif"] { try folder.write(Self.file([7, 8], "other"), place) }
    let pieces =
      Self.piece("PlaneCount=\"2\" IFD=\"0\"", "a.ome.tif")
      + Self.piece("FirstC=\"1\" IFD=\"0\" PlaneCount=\"2\"", name)
    let path = try folder.write(Self.file([0, 1], Self.xml(Self.sizes, pieces)), "inner/a.ome.tif")
    #expect(
      TIFFPageSourceTests.error { _ = try ImageStack(path: path) } == .strayFile(path: path, name: name))
  }

  /// A name that another copy gave to the only file of an image, and files that know themselves by their number.
  @Test func knowsARenamedFile() throws {
    let folder = try TemporaryFolder()
    let one = Self.piece("IFD=\"0\" PlaneCount=\"4\"", "before.ome.tif")
    try folder.write(Self.file([3, 2, 1, 0], Self.xml(Self.sizes, one)), "after.ome.tif")
    #expect(try Self.numbers(folder("after.ome.tif")) == [3, 2, 1, 0])
    let two =
      Self.piece("IFD=\"0\" PlaneCount=\"2\" FirstC=\"1\"", "before.ome.tif", uuid: "urn:uuid:own")
      + Self.piece("IFD=\"0\" PlaneCount=\"2\"", "b.ome.tif")
    try folder.write(Self.file([3, 2], Self.xml(Self.sizes, two)), "after.ome.tif")
    try folder.write(Self.file([1, 0], "other"), "b.ome.tif")
    #expect(try Self.numbers(folder("after.ome.tif")) == [1, 0, 3, 2])
  }

  /// Each file has the description of all images and a part of one.
  @Test func readsTheImageThatTheFileIsPartOf() throws {
    let folder = try TemporaryFolder()
    func pixels(_ files: [String]) -> String {
      "<Image><Pixels DimensionOrder=\"XYZCT\" SizeZ=\"2\" SizeC=\"1\" SizeT=\"1\">"
        + files.enumerated().map { Self.piece("IFD=\"0\" FirstZ=\"\($0)\"", $1) }.joined()
        + "</Pixels></Image>"
    }
    let xml = "<OME>" + pixels(["f1.tif", "f2.tif"]) + pixels(["f3.tif", "f4.tif"]) + "</OME>"
    for number in 0..<4 {
      try folder.write(Self.file([UInt64(number)], xml), "f\(number + 1).tif")
    }
    #expect(try Self.numbers(folder("f2.tif")) == [0, 1])
    #expect(try Self.numbers(folder("f3.tif")) == [2, 3])
    // A pattern takes files as they are.
    #expect(try Self.numbers(folder("f[34].tif")) == [2, 3])
    // Of two images in one file, the pages come as they lie.
    try folder.write(
      Self.file([9, 8, 7], "<OME>" + pixels(["e.tif"]) + pixels(["e.tif"]) + "</OME>"), "e.tif")
    #expect(try Self.numbers(folder("e.tif")) == [9, 8, 7])
  }

  @Test func readsTheDescriptionFromItsOwnFile() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(
      Self.file(
        [0, 1],
        "<OME UUID=\"urn:uuid:a\"><BinaryOnly MetadataFile=\"x.companion.ome\" UUID=\"urn:uuid:x\"/></OME>"),
      "a.ome.tif")
    #expect(
      TIFFPageSourceTests.error { _ = try ImageStack(path: path) }
        == .missingFiles(path: path, names: ["x.companion.ome"]))
    try folder.write(Self.file([2, 3], "other"), "b.ome.tif")
    let pieces =
      Self.piece("FirstC=\"1\" IFD=\"0\" PlaneCount=\"2\"", "a.ome.tif", uuid: "urn:uuid:a")
      + Self.piece("IFD=\"0\" PlaneCount=\"2\"", "b.ome.tif", uuid: "urn:uuid:b")
    try folder.write(
      Self.xml("PhysicalSizeX=\"5\" PhysicalSizeXUnit=\"mm\" \(Self.sizes)", pieces, uuid: "urn:uuid:x"),
      to: "x.companion.ome")
    #expect(try Self.numbers(path) == [2, 3, 0, 1])
    #expect(try ImageStack(path: path).info.spacing == Spacing(x: 5))
  }

  @Test(arguments: [
    // Fewer pages than the sizes say, no place for some, a page beyond the end of the file, numbers beyond all bounds.
    ("SizeZ=\"5\" SizeC=\"1\" SizeT=\"1\"", ""),
    ("SizeZ=\"4\" SizeC=\"1\" SizeT=\"1\"", "<TiffData IFD=\"0\"/>"),
    ("SizeZ=\"4\" SizeC=\"1\" SizeT=\"1\"", "<TiffData IFD=\"2\" PlaneCount=\"4\"/>"),
    ("SizeZ=\"65535\" SizeC=\"65535\" SizeT=\"65535\"", "<TiffData/>"),
    ("SizeZ=\"4\" SizeC=\"1\" SizeT=\"1\"", "<TiffData IFD=\"4294967295\" PlaneCount=\"4294967295\"/>"),
    ("SizeZ=\"4\" SizeC=\"1\" SizeT=\"1\"", "<TiffData FirstZ=\"4294967295\" PlaneCount=\"4294967295\"/>"),
  ])
  func refusesWhatIsNotThere(sizes: String, pieces: String) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(Self.file([0, 1, 2, 3], Self.xml(sizes, pieces)), "a.ome.tif")
    let error = TIFFPageSourceTests.error { _ = try ImageStack(path: path) }
    #expect(
      error.map { if case .missingPages = $0 { true } else { false } } == true, "\(String(describing: error))"
    )
  }

  /// What is no XML, or more than one description, is read as far as it goes.
  @Test(arguments: [
    "<OME><Pixels SizeZ=\"1", "<OME", "<OME><Pixels =\"\"/>", "<OME><!-- <Pixels SizeZ=\"9\"",
    "<OME><!DOCTYPE x [<!ENTITY a \"b\">]>",
    "<OME>\u{0}<Pixels SizeZ=\"9\" SizeC=\"1\" SizeT=\"1\"/>", "<OME><></OME>", "<OME a='1' b>",
    "<OME>" + String(repeating: "<TiffData><UUID>", count: 1000),
  ])
  func survivesDamagedDescriptions(text: String) throws {
    let folder = try TemporaryFolder()
    #expect(try Self.numbers(folder.write(Self.file([0, 1], text), "a.tif")) == [0, 1])
  }
}
