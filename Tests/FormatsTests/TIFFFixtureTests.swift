import ComplexModule
import Fields
import Formats
import Foundation
import TestSupport
import Testing

/// Files by other programs, see `Fixtures/README.md`.
@Suite struct TIFFFixtureTests {
  static let folder = packageFolder + "/Tests/FormatsTests/Fixtures"

  static func stack(_ name: String) throws -> ImageStack { try ImageStack(path: "\(folder)/\(name).tif") }

  /// The numbers of a page, `[10, 12]`.
  static func numbers(_ page: Int) -> [Float] { (0..<120).map { Float(100 * page + $0) } }

  @Test(arguments: [
    ("zstd-tiles", SampleType.float32, "Zstandard"), ("zstd-predictor", .float32, "Zstandard"),
    ("lerc", .float32, "LERC"), ("lerc-integers", .uint16, "LERC"),
    ("deflate-big-endian", .uint16, "Deflate"), ("half", .float16, "Deflate"), ("big-int32", .int32, "LZW"),
    ("double", .float64, "PackBits"), ("imagej", .uint16, "none"), ("imagej-one-directory", .float32, "none"),
    ("ome.ome", .uint16, "none"), ("tiffcp-lzw", .uint16, "LZW"), ("tiffcp-tiles", .uint16, "Deflate"),
    ("tiffcp-packbits", .uint16, "PackBits"),
  ])
  func readsWhatOtherProgramsWrite(name: String, type: SampleType, compression: String) throws {
    let stack = try Self.stack(name)
    let info = stack.info
    #expect((info.pages, info.rows, info.columns) == (2, 10, 12))
    #expect((info.sampleType, info.compression) == (type, compression))
    #expect(info.isTiled == name.contains("tiles"))
    #expect(info.isBigTIFF == ["big-int32", "tiffcp-tiles"].contains(name))
    #expect((info.byteOrder == .big) == ["deflate-big-endian", "tiffcp-lzw"].contains(name))
    for page in [1, 0] {
      let expected = Self.numbers(page).map { type == .uint16 ? $0 : $0 - 20 }
      #expect(try stack.page(page).samples == expected)
      #expect(try stack.rows(4..<9, ofPage: page).samples == Array(expected[48..<108]))
    }
  }

  @Test(arguments: [
    ("complex64", SampleType.complex64), ("complex128-big-endian", .complex128), ("planes", .complex64),
    ("pairs", .complex64),
  ])
  func readsComplexNumbers(name: String, type: SampleType) throws {
    let stack = try Self.stack(name)
    #expect(stack.info.sampleType == type)
    for page in 0..<2 {
      let expected = zip(Self.numbers(page), Self.numbers(1 - page)).map { Complex($0 - 20, $1 - 20) }
      #expect(try stack.complexPage(page).samples == expected)
    }
  }

  @Test func knowsTheSpacing() throws {
    for name in ["imagej", "imagej-one-directory"] {
      #expect(try Self.stack(name).info.spacing == Spacing(x: 0.5e-3, y: 0.25e-3, z: 3e-3))
    }
    #expect(try Self.stack("ome.ome").info.spacing == Spacing(x: 0.5, y: 0.25, z: 2e-3))
  }

  /// The description counts the pages: a file that lost some is refused, a page that was copied out of a stack is not.
  @Test(arguments: [("imagej", "images=2", "images=5"), ("ome.ome", "SizeT=\"1\"", "SizeT=\"3\"")])
  func missesPages(name: String, stated: String, more: String) throws {
    let folder = try TemporaryFolder()
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(Self.folder)/\(name).tif")))
    bytes.replaceSubrange(try #require(bytes.firstRange(of: Array(stated.utf8))), with: Array(more.utf8))
    let path = try folder.write(bytes, "a.tif")
    let expected = name == "imagej" ? 5 : 6
    let error = TIFFPageSourceTests.error { _ = try ImageStack(path: path) }
    #expect(error == .missingPages(path: path, found: 2, expected: expected))
    #expect(error?.description.hasPrefix("cannot read '\(path)': it has 2 of the \(expected) pages") == true)

    var page = TIFFPageSourceTests.page(.uint16).0
    page.description = "ImageJ=1.53t\nimages=4\n"
    var file = TIFFBytes()
    file.add(page)
    #expect(try ImageStack(path: folder.write(file.bytes, "b.tif")).count == 1)
  }
}
