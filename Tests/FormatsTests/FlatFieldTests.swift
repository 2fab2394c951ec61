import Fields
import Formats
import Foundation
import TestSupport
import Testing

/// Flats and darks: means, medians, and the line from before to after.
@Suite struct FlatFieldTests {
  private static let (views, rows, bins) = (9, 3, 21)

  private static func write(
    _ path: String, pages: Int, rows: Int = rows, _ value: (Int, Int, Int) -> Float
  ) throws -> ImageStack {
    var writer = try TIFFWriter(path: path, rows: rows, columns: bins, pages: pages)
    for page in 0..<pages {
      let samples = (0..<rows).flatMap { row in (0..<bins).map { value(page, row, $0) } }
      try writer.append(Image(shape: [rows, bins], samples: samples))
    }
    try writer.finish()
    return try ImageStack(path: path)
  }

  private static func p(_ view: Int, _ row: Int, _ bin: Int) -> Double {
    0.2 + Double((view * 7 + row * 3 + bin) % 11) / 10
  }

  /// The beam fades by a third and the offset drifts while the projections are taken; bin 4 is dead at the end.
  @Test func followsABeamThatFades() throws {
    let folder = try TemporaryFolder()
    func beam(_ part: Double, _ row: Int, _ bin: Int) -> (dark: Double, light: Double) {
      (100 + 20 * part + Double(row), (30000 + 100 * Double(bin)) * (1 - part / 3))
    }
    let projections = try Self.write(folder("projections.tif"), pages: Self.views) { view, row, bin in
      let (dark, light) = beam(Double(view) / Double(Self.views - 1), row, bin)
      return Float(dark + light * exp(-Self.p(view, row, bin)))
    }
    let (flats, darks) = try (
      [0.0, 1].map { end in
        try Self.write(folder("flats\(end).tif"), pages: 2) { page, row, bin in
          let (dark, light) = beam(end, row, bin)
          return end == 1 && bin == 4 ? Float(dark) : Float(dark + light + (page == 0 ? 32 : -32))
        }
      },
      [0.0, 1].map { end in
        try Self.write(folder("darks\(end).tif"), pages: 1) { _, row, bin in Float(beam(end, row, bin).dark) }
      }
    )
    let stack = try ProjectionStack(
      projections: projections, flatField: FlatField(flats: flats, darks: darks))
    let block = try stack.sinograms(rows: 0..<Self.rows, threads: 2)
    #expect(block.dead == [1, 1, 1])
    for row in 0..<Self.rows {
      let sinogram = block.sinogram(row)
      for view in 0..<Self.views {
        for bin in 0..<Self.bins where bin != 4 {
          let expected = Self.p(view, row, bin)
          // Counts of some 10⁴ in single precision, and the 2 ulp of the logarithm.
          #expect(abs(Double(sinogram[view, bin]) - expected) < 1e-6 * exp(expected), "\(view) \(row) \(bin)")
        }
        #expect(
          abs(sinogram[view, 4] - (sinogram[view, 3] + sinogram[view, 5]) / 2) <= 2 * sinogram[view, 3].ulp)
      }
    }
    // Without the flats from after, the last view is wrong by the whole loss of light.
    let before = try ProjectionStack(projections: projections, flats: flats[0], darks: darks[0])
    let wrong = try before.sinograms(rows: 0..<1).sinogram(0)
    #expect(abs(Double(wrong[Self.views - 1, 10]) - Self.p(Self.views - 1, 0, 10) - log(1.5)) < 0.01)
  }

  @Test func takesTheViewsItIsGivenAtTheirOwnTime() throws {
    let folder = try TemporaryFolder()
    let projections = try Self.write(folder("p.tif"), pages: Self.views) { view, _, _ in
      Float(1000 - 50 * Double(view)) * 0.5
    }
    let flats = try [0, 1].map { end in
      try Self.write(folder("f\(end).tif"), pages: 1) { _, _, _ in end == 0 ? 1000 : 600 }
    }
    let stack = try ProjectionStack(
      projections: projections, flatField: FlatField(flats: flats), views: [8, 2])
    let sinogram = try stack.sinograms(rows: 1..<2).sinogram(1)
    for value in sinogram.samples { #expect(abs(Double(value) - log(2)) < 1e-6) }
  }

  /// A particle in one of the flats: the mean carries it into every view, the median does not.
  @Test(arguments: [2, 3, 4, 5]) func takesTheMedianOfFlats(pages: Int) throws {
    let folder = try TemporaryFolder()
    let projections = try Self.write(folder("p.tif"), pages: 2) { _, _, _ in 500 }
    let flats = try Self.write(folder("f.tif"), pages: pages) { page, _, bin in
      page == 1 && bin == 7 ? 60000 : 1000
    }
    func value(_ average: FlatField.Average) throws -> Double {
      let field = FlatField(flats: [flats], average: average)
      return try Double(
        ProjectionStack(projections: projections, flatField: field).sinograms(rows: 0..<1).sinogram(0)[0, 7])
    }
    let n = Double(pages)
    #expect(abs(try value(.mean) - log((1000 * (n - 1) + 60000) / n / 500)) < 1e-5)
    // Two values have no majority: their median is their mean.
    #expect(abs(try value(.median) - log(pages == 2 ? 61 : 2)) < 1e-5)
  }

  @Test func saysWhatIsWrongWithFlats() throws {
    let folder = try TemporaryFolder()
    let projections = try Self.write(folder("p.tif"), pages: 2) { _, _, _ in 500 }
    let small = try Self.write(folder("small.tif"), pages: 1, rows: 2) { _, _, _ in 1000 }
    func message(_ body: () throws -> Void) -> String {
      do {
        try body()
        return "no error"
      } catch {
        return "\(error)"
      }
    }
    #expect(
      message { _ = try ProjectionStack(projections: projections, flatField: FlatField(flats: [small])) }
        == "'\(folder("small.tif"))' does not belong to '\(folder("p.tif"))': its pages are 2 × 21, those of the "
        + "projections 3 × 21. Give flats and darks of the same detector and crop.")
    let flats = try Self.write(folder("flats.tif"), pages: 1) { _, _, _ in 1000 }
    #expect(
      message {
        _ = try ProjectionStack(projections: projections, flatField: FlatField(flats: [flats, small]))
      }.hasPrefix("'\(folder("small.tif"))' does not belong to"))
    for (name, value) in [("NaN", Float.nan), ("an infinite value", .infinity)] {
      // A number that nothing else has stands for what this program refuses to write.
      let mark: Float = 12345.678
      _ = try Self.write(folder("whole.tif"), pages: 2) { page, row, bin in
        page == 1 && row == 2 && bin == 3 ? mark : 1000
      }
      func bytes(_ value: Float) -> Data { withUnsafeBytes(of: value.bitPattern.littleEndian) { Data($0) } }
      var data = try folder.data("whole.tif")
      data.replaceSubrange(try #require(data.firstRange(of: bytes(mark))), with: bytes(value))
      try folder.write(Array(data), "broken.tif")
      let broken = try ImageStack(path: folder("broken.tif"))
      let expected = "page 2 of '\(folder("broken.tif"))' holds \(name) at row 3, column 4."
      let asFlats = message {
        _ = try ProjectionStack(projections: projections, flats: broken).sinograms(rows: 0..<3)
      }
      #expect(asFlats.hasPrefix(expected), "\(asFlats)")
      let asProjections = message {
        _ = try ProjectionStack(projections: broken, flats: flats).sinograms(rows: 0..<3, threads: 2)
      }
      #expect(asProjections.hasPrefix(expected), "\(asProjections)")
    }
    try FileManager.default.createDirectory(atPath: folder("empty"), withIntermediateDirectories: true)
    #expect(
      message { _ = try ImageStack(path: folder("empty")) }
        == "there is no TIFF file (.tif, .tiff) in '\(folder("empty"))'. Check the path.")
  }
}
