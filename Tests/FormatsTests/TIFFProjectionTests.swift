import Fields
import Formats
import Foundation
import TestSupport
import Testing

/// Raw projections, flats and darks of TIFF files.
@Suite struct TIFFProjectionTests {
  static let (views, rows, bins) = (8, 5, 33)

  /// Line integrals from 0 to about 4.
  static func p(_ view: Int, _ row: Int, _ bin: Int) -> Double {
    let s = (Double(bin) - 16) / 16
    return 4 * max(0, 1 - s * s) * (1 + 0.1 * sin(Double(view + row)))
  }
  static func dark(_ bin: Int, _ row: Int) -> Double { 100 + Double(bin % 7) + Double(row) }
  static func flat(_ bin: Int, _ row: Int) -> Double { 40000 + 100 * Double(bin) - 50 * Double(row) }

  /// Pages of `value(page, row, bin)`.
  static func write(_ path: String, pages: Int, _ value: (Int, Int, Int) -> Float) throws -> ImageStack {
    var writer = try TIFFWriter(path: path, rows: rows, columns: bins, pages: pages)
    for page in 0..<pages {
      let samples = (0..<rows).flatMap { row in (0..<bins).map { value(page, row, $0) } }
      try writer.append(Image(shape: [rows, bins], samples: samples))
    }
    try writer.finish()
    return try ImageStack(path: path)
  }

  /// Counts as floats; `change` may replace some.
  static func scan(
    _ folder: TemporaryFolder, views: [Int]? = nil, flat change: (Int, Int) -> Double = { flat($0, $1) },
    count: (Int, Int, Int) -> Double? = { _, _, _ in nil }
  ) throws -> ProjectionStack {
    let projections = try write(folder("projections.tif"), pages: Self.views) { view, row, bin in
      let (D, F) = (dark(bin, row), flat(bin, row))
      return Float(count(view, row, bin) ?? D + (F - D) * exp(-p(view, row, bin)))
    }
    // Means of the right values.
    let flats = try write(folder("flats.tif"), pages: 2) { page, row, bin in
      Float(change(bin, row) + (page == 0 ? 64 : -64))
    }
    let darks = try write(folder("darks.tif"), pages: 3) { page, row, bin in
      Float(dark(bin, row) + Double(page - 1))
    }
    return try ProjectionStack(projections: projections, flats: flats, darks: darks, views: views)
  }

  /// A count I rounded to `Float` moves p by ulp(I)/2/(I − D); forming t costs 3 ulp and the logarithm 2 ulp of
  /// max(1, p).
  static func tolerance(_ p: Double, _ row: Int, _ bin: Int) -> Double {
    let (D, F) = (dark(bin, row), flat(bin, row))
    let signal = (F - D) * exp(-p)
    return Double(Float(D + signal).ulp) / signal + 6 * Double(Float.ulpOfOne) * max(1, p)
  }

  @Test func recoversKnownLineIntegrals() throws {
    let folder = try TemporaryFolder()
    let stack = try Self.scan(folder)
    let block = try stack.sinograms(rows: 1..<4)
    #expect(block.shape == [Self.views, Self.bins])
    #expect(block.clipped == [0, 0, 0])
    for row in 1..<4 {
      let sinogram = block.sinogram(row)
      for view in 0..<Self.views {
        for bin in 0..<Self.bins {
          let expected = Self.p(view, row, bin)
          let difference: Double = abs(Double(sinogram[view, bin]) - expected)
          #expect(difference <= Self.tolerance(expected, row, bin), "view \(view), row \(row), bin \(bin)")
        }
      }
    }
  }

  @Test func takesSomeViewsInTheOrderAsked() throws {
    let folder = try TemporaryFolder()
    let all = try Self.scan(folder).sinograms(rows: 2..<3).sinogram(2)
    let some = try Self.scan(folder, views: [6, 0, 3]).sinograms(rows: 2..<3).sinogram(2)
    for (index, view) in [6, 0, 3].enumerated() {
      for bin in 0..<Self.bins { #expect(some[index, bin] == all[view, bin]) }
    }
    let stack = try Self.scan(folder)
    #expect(
      throws: ProjectionError.noSuchViews(path: folder("projections.tif"), view: 8, available: 8)
    ) { try ProjectionStack(projections: stack.projections, flatField: stack.flatField, views: [1, 8]) }
  }

  @Test func givesTheSameBytesForEveryNumberOfThreadsAndBlocks() throws {
    let folder = try TemporaryFolder()
    let stack = try Self.scan(folder, count: { view, row, bin in (view + row + bin) % 9 == 0 ? 90 : nil })
    let whole = try stack.sinograms(rows: 0..<5)
    for threads in [2, 3, 16] {
      let other = try stack.sinograms(rows: 0..<5, threads: threads)
      #expect(other.clipped == whole.clipped)
      for row in 0..<5 { #expect(other.sinogram(row) == whole.sinogram(row)) }
    }
    for row in 0..<5 {
      #expect(try stack.sinograms(rows: row..<row + 1).sinogram(row) == whole.sinogram(row))
    }
  }

  /// Counts at or below the dark have no logarithm: they are raised to t_min = 10⁻⁶, and each is counted.
  @Test func clipsBeforeTheLogarithmAndCounts() throws {
    let folder = try TemporaryFolder()
    let stack = try Self.scan(
      folder,
      count: { view, row, bin in
        row == 2 && bin == 16 ? Self.dark(bin, row) - Double(view) : nil
      })
    let block = try stack.sinograms(rows: 1..<4)
    #expect(block.clipped == [0, Self.views, 0])
    let largest = -log(1e-6)
    for view in 0..<Self.views {
      #expect(abs(Double(block.sinogram(2)[view, 16]) - largest) <= 2 * Double(Float.ulpOfOne) * largest)
    }
  }

  @Test func bridgesDeadBins() throws {
    let folder = try TemporaryFolder()
    let dead = [0, 10, 11, 32]
    let stack = try Self.scan(folder, flat: { dead.contains($0) ? Self.dark($0, $1) - 5 : Self.flat($0, $1) })
    let block = try stack.sinograms(rows: 0..<5)
    #expect(block.dead == Array(repeating: 4, count: 5))
    #expect(block.clipped == Array(repeating: 0, count: 5))
    let sinogram = block.sinogram(3)
    for view in 0..<Self.views {
      #expect(sinogram[view, 0] == sinogram[view, 1])
      #expect(sinogram[view, 32] == sinogram[view, 31])
      let (left, right) = (sinogram[view, 9], sinogram[view, 12])
      #expect(abs(sinogram[view, 10] - (left + (right - left) / 3)) <= 2 * left.ulp)
      #expect(abs(sinogram[view, 11] - (left + (right - left) * 2 / 3)) <= 2 * left.ulp)
    }
  }

  @Test func refusesWhatDoesNotFitTogether() throws {
    let folder = try TemporaryFolder()
    let stack = try Self.scan(folder)
    let (flats, darks) = (stack.flatField.flats[0], stack.flatField.darks[0])
    var writer = try TIFFWriter(path: folder("small.tif"), rows: 4, columns: 33)
    try writer.append(Image(shape: [4, 33]))
    try writer.finish()
    let small = try ImageStack(path: folder("small.tif"))
    #expect(
      throws: ProjectionError.differentSize(
        path: small.path, found: "4 × 33", expected: "5 × 33", projections: stack.projections.path)
    ) { try ProjectionStack(projections: stack.projections, flats: flats, darks: small) }
    #expect(throws: ProjectionError.noLight(path: darks.path, row: 1)) {
      try ProjectionStack(projections: stack.projections, flats: darks, darks: flats)
        .sinograms(rows: 1..<2)
    }
    #expect(throws: ProjectionError.noSuchRows(path: stack.projections.path, rows: 3..<6, available: 5)) {
      try stack.sinograms(rows: 3..<6)
    }
  }

  @Test func readsInBlocksWithinItsMemory() async throws {
    let folder = try TemporaryFolder()
    let stack = try Self.scan(folder, count: { view, row, bin in row == 3 && bin == 7 ? 0 : nil })
    let whole = try stack.sinograms(rows: 0..<5)
    let rowBytes = Self.views * Self.bins * 4
    for (memory, expected) in [(0, 1), (4 * rowBytes, 2), (100 * rowBytes, 5)] {
      let source = ProjectionSinograms(stack, memory: memory, threads: 2)
      #expect(source.rowsPerBlock == expected)
      #expect(source.memory == 2 * expected * rowBytes)
      var row = 0
      for try await sinogram in source {
        #expect(sinogram == whole.sinogram(row))
        #expect(source.clipped(at: row) == (row == 3 ? Self.views : 0))
        row += 1
      }
      #expect(row == 5)
    }
    let part = ProjectionSinograms(stack, rows: 2..<4)
    #expect(part.count == 2)
    #expect(try await part.field(at: 1) == whole.sinogram(3))
  }

  /// The memory of a block is used again for the next but one; sinograms that were handed out do not change with it.
  @Test func leavesSinogramsToThoseWhoHoldThem() async throws {
    let folder = try TemporaryFolder()
    let stack = try Self.scan(folder)
    let whole = try stack.sinograms(rows: 0..<5)
    let source = ProjectionSinograms(stack, memory: 0, threads: 2)
    var held: [Sinogram] = []
    for row in 0..<5 { held.append(try await source.field(at: row)) }
    for row in 0..<5 { #expect(held[row] == whole.sinogram(row), "row \(row)") }
  }

  /// More rows than are read at a time, with counts below the dark in the last.
  @Test func readsManyRowsAtOnce() throws {
    let folder = try TemporaryFolder()
    let (rows, bins) = (131, 3)
    func write(_ name: String, pages: Int, _ value: (Int, Int) -> Float) throws -> ImageStack {
      var writer = try TIFFWriter(path: folder(name), rows: rows, columns: bins, pages: pages)
      for page in 0..<pages {
        try writer.append(
          Image(shape: [rows, bins], samples: (0..<rows * bins).map { value(page, $0 / bins) }))
      }
      try writer.finish()
      return try ImageStack(path: folder(name))
    }
    // Transmissions of 1 / (row + 1 + view), exact up to single precision.
    let stack = try ProjectionStack(
      projections: try write("projections.tif", pages: 4) { view, row in
        row == rows - 1 && view == 2 ? 0 : 10 + 1000 / Float(row + 1 + view)
      },
      flats: try write("flats.tif", pages: 1) { _, _ in 1010 },
      darks: try write("darks.tif", pages: 1) { _, _ in 10 })
    let block = try stack.sinograms(rows: 0..<rows, threads: 3)
    #expect(block.clipped == (0..<rows).map { $0 == rows - 1 ? bins : 0 })
    for row in 0..<rows - 1 {
      for view in 0..<4 {
        let expected = log(Float(row + 1 + view))
        // Of the count and its difference to the dark, and of the logarithm.
        let tolerance = 4 * Float.ulpOfOne * max(1, expected) + 10 * Float.ulpOfOne
        let found = block.sinogram(row)[view, 1]
        #expect(abs(found - expected) <= tolerance, "row \(row), view \(view)")
      }
    }
  }

  /// Synchrotron projections of a tooth: the view near 180° mirrors the first about the axis near bin 296.
  @Test(.enabled(if: exists(sharedData("raw/tooth")), "the projections of the tooth are not there"))
  func readsARealScan() throws {
    let folder = sharedData("raw/tooth")
    let stack = try ProjectionStack(
      projections: ImageStack(path: "\(folder)/projections.tif"),
      flats: ImageStack(path: "\(folder)/flats.tif"),
      darks: ImageStack(path: "\(folder)/darks.tif"))
    let block = try stack.sinograms(rows: 0..<2)
    #expect(block.shape == [181, 640])
    #expect(block.clipped == [0, 0])
    #expect(block.dead == [0, 0])
    for row in 0..<2 {
      let sinogram = block.sinogram(row)
      let mirrorErrors = (250...342).map { axis in
        let reach = min(axis, 639 - axis)
        return (
          axis,
          (1...reach).reduce(0.0) { sum, k in
            let difference = Double(sinogram[0, axis + k] - sinogram[180, axis - k])
            return sum + difference * difference
          } / Double(reach)
        )
      }
      let best = mirrorErrors.min { $0.1 < $1.1 }?.0 ?? 0
      #expect(abs(best - 296) <= 1)
    }
  }
}
