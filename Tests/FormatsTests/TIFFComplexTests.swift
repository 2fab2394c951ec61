import ComplexModule
import Fields
import Formats
import Foundation
import TestSupport
import Testing

/// Stacks whose samples are complex numbers.
@Suite struct TIFFComplexTests {
  static let (rows, columns) = (7, 21)

  /// Numbers that every type holds, with the bits that store them, real parts first.
  static func samples(_ type: SampleType) -> (values: [Complex<Float>], bits: [UInt64]) {
    let values = (0..<rows * columns).map { Complex(Float($0 - 40), Float(100 - 3 * $0)) }
    let bits = values.flatMap { z in
      [z.real, z.imaginary].map { part -> UInt64 in
        switch type {
        case .complex64: UInt64(part.bitPattern)
        case .complex128: Double(part).bitPattern
        default: UInt64(bitPattern: Int64(part))
        }
      }
    }
    return (values, bits)
  }

  static func page(_ type: SampleType) -> (TIFFBytes.Page, [Complex<Float>]) {
    let (values, bits) = samples(type)
    let isInteger = type == .complexInt16 || type == .complexInt32
    return (
      TIFFBytes.Page(
        rows: rows, columns: columns, bits: 8 * type.bytes, format: isInteger ? 5 : 6,
        pixels: .strips(rows: rows), values: bits), values
    )
  }

  static let layouts: [TIFFBytes.Pixels] = [
    .strips(rows: 7), .strips(rows: 3), .tiles(rows: 16, columns: 16),
  ]

  private func expect(
    _ page: TIFFBytes.Page, _ isBigEndian: Bool, _ type: SampleType, _ values: [Complex<Float>]
  )
    throws
  {
    let folder = try TemporaryFolder()
    var file = TIFFBytes(isBigEndian: isBigEndian)
    file.add(page)
    file.add(page)
    let stack = try ImageStack(path: folder.write(file.bytes, "a.tif"))
    #expect(stack.info.sampleType == type)
    #expect(
      try stack.complexPage(1) == ComplexImage(shape: [Self.rows, Self.columns], samples: values),
      "\(type), \(page.pixels), compression \(page.compression)")
    #expect(try stack.complexRows(2..<5, ofPage: 0).samples == Array(values[42..<105]))
  }

  @Test(arguments: SampleType.allCases.filter(\.isComplex), [false, true])
  func readsComplexSamples(type: SampleType, isBigEndian: Bool) throws {
    for pixels in Self.layouts {
      for compression in [1, 8] {
        var (page, values) = Self.page(type)
        page.pixels = pixels
        page.compression = compression
        try expect(page, isBigEndian, type, values)
      }
    }
  }

  /// Side by side, or all real parts before all imaginary ones.
  @Test(arguments: [SampleType.complex64, .complex128], [false, true])
  func readsTwoFloatsAsAComplexNumber(type: SampleType, isBigEndian: Bool) throws {
    for pixels in Self.layouts {
      for (compression, isPlanar) in [(1, false), (1, true), (8, false), (8, true)] {
        var (page, values) = Self.page(type)
        (page.bits, page.format, page.samples, page.isPlanar) = (4 * type.bytes, 3, 2, isPlanar)
        page.pixels = pixels
        page.compression = compression
        try expect(page, isBigEndian, type, values)
      }
    }
  }

  @Test func readsAPartOfThem() throws {
    let folder = try TemporaryFolder()
    var (page, _) = Self.page(.complex64)
    let z: [(Float, Float)] = [(3, -4), (0, 0), (-1, 0), (0, 2)]
    (page.rows, page.columns, page.pixels) = (2, 2, .strips(rows: 2))
    page.values = z.flatMap { [UInt64($0.0.bitPattern), UInt64($0.1.bitPattern)] }
    var file = TIFFBytes()
    file.add(page)
    let path = try folder.write(file.bytes, "a.tif")
    func read(_ part: ImageStack.Part) throws -> [Float] {
      try ImageStack(path: path, part: part).page(0).samples
    }
    #expect(try read(.magnitude) == [5, 0, 1, 2])
    #expect(try read(.real) == [3, 0, -1, 0])
    #expect(try read(.imaginary) == [-4, 0, 0, 2])
    // Both roundings of an arc tangent: an ulp of π.
    for (found, expected) in zip(try read(.phase), z.map { atan2(Double($0.1), Double($0.0)) }) {
      #expect(abs(Double(found) - expected) <= Double(Float.pi.ulp))
    }
    let error = TIFFPageSourceTests.stackError { _ = try ImageStack(path: path).page(0) }
    #expect(error == .complexSamples(path: path))
    #expect(error?.description.contains("--part magnitude") == true)
    // Real samples have no imaginary part.
    var real = TIFFBytes()
    let (plain, values) = TIFFPageSourceTests.page(.uint16)
    real.add(plain)
    let stack = try ImageStack(path: folder.write(real.bytes, "b.tif"))
    #expect(try stack.complexPage(0).samples == values.map { Complex($0) })
  }

  @Test func namesTheFirstValueThatIsNotFinite() throws {
    let folder = try TemporaryFolder()
    var (page, _) = Self.page(.complex64)
    page.values[2 * (3 * Self.columns + 4) + 1] = UInt64(Float.nan.bitPattern)
    var file = TIFFBytes()
    file.add(page)
    let path = try folder.write(file.bytes, "a.tif")
    #expect(
      TIFFPageSourceTests.stackError { _ = try ImageStack(path: path).complexPage(0) }
        == .notFinite(path: path, page: 0, row: 3, column: 4, value: "NaN"))
  }

  /// A second sample that is an opacity is no imaginary part.
  @Test func refusesGreyWithOpacity() throws {
    let folder = try TemporaryFolder()
    var (page, _) = Self.page(.complex64)
    (page.bits, page.format, page.samples) = (32, 3, 2)
    page.shorts = [338: 2]
    var file = TIFFBytes()
    file.add(page)
    let path = try folder.write(file.bytes, "a.tif")
    #expect(
      TIFFPageSourceTests.error { _ = try ImageStack(path: path) }
        == .unsupportedSamples(path: path, page: 0, found: "2 × 32-bit float"))
  }
}
