import Fields
import Formats
import Foundation
import Pipeline
import TestSupport
import Testing

/// From raw counts to the sinograms that a run gets.
@Suite struct PreparedSinogramsTests {
  private static let scan = SimulatedScan(views: 60, axis: 97.3)
  private static let rows = 7

  /// Counts of a few detector rows with a flat that is uneven, as files of a folder.
  private static func write(_ folder: TemporaryFolder, flatsAfter: Double = 1) throws -> Sinogram {
    let p = scan.sinogram()
    func flat(_ bin: Int) -> Double { 20_000 + 50 * Double((bin * 13) % 31) }
    func pages(_ name: String, _ count: Int, _ value: (Int, Int, Int) -> Double) throws {
      var writer = try TIFFWriter(path: folder(name), rows: rows, columns: scan.bins, pages: count)
      for page in 0..<count {
        let samples = (0..<rows).flatMap { row in (0..<scan.bins).map { Float(value(page, row, $0)) } }
        try writer.append(Image(shape: [rows, scan.bins], samples: samples))
      }
      try writer.finish()
    }
    try pages("projections.tif", 60) { view, _, bin in 100 + flat(bin) * exp(-Double(p[view, bin])) }
    try pages("flats.tif", 3) { page, _, bin in 100 + flat(bin) + Double(page - 1) }
    try pages("after.tif", 3) { page, _, bin in 100 + flat(bin) * flatsAfter + Double(page - 1) }
    try pages("darks.tif", 2) { _, _, _ in 100 }
    return p
  }

  private static func yaml(
    input: String = "flats: flats.tif, darks: darks.tif", axis: String = "97.3", preprocess: String = ""
  ) -> String {
    """
    input: {kind: projections, \(input)}
    \(preprocess)
    geometry:
      angles: {count: 60, range: 180}
      bins: 192
      binSpacing: 1
      axis: \(axis)
      image: {size: 96, spacing: 2}
    noise: {sigma: 0.01}
    reconstructions:
      - {method: fbp}

    """
  }

  private static func description(_ folder: TemporaryFolder, _ text: String) throws -> PipelineDescription {
    try PipelineDescription(file: folder.write(text, to: "scan.yaml"))
  }

  private static func message(_ body: () async throws -> Void) async -> String {
    do {
      try await body()
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  @Test func readsCountsThroughTheStagesInTheirOrder() async throws {
    let folder = try TemporaryFolder()
    let p = try Self.write(folder)
    let plain = try PreparedSinograms(
      Self.description(folder, Self.yaml()), path: folder("projections.tif"))
    #expect(plain.count == Self.rows)
    let sinogram = try await plain.field(at: 3)
    // Counts of 10⁴ in single precision.
    for i in p.samples.indices { #expect(abs(sinogram.samples[i] - p.samples[i]) < 1e-5) }

    let list = """
      preprocess:
        - {stage: zingers, threshold: 8, sign: both}
        - {stage: dead-stripes, width: 41}
        - {stage: large-stripes, threshold: 5}
        - {stage: sorted-stripes, width: 11}
        - {stage: wavelet-stripes, levels: 3, sigma: 1.5}
      """
    let description = try Self.description(folder, Self.yaml(preprocess: list))
    #expect(
      description.preprocess == [
        .zingers(threshold: 8, smallest: 0.05, sign: .both), .deadStripes(width: 41, threshold: 6),
        .largeStripes(width: 41, threshold: 5), .sortedStripes(width: 11),
        .waveletStripes(levels: 3, sigma: 1.5),
      ])
    let prepared = try PreparedSinograms(description, path: folder("projections.tif"))
    #expect(prepared.replaced(3) == 0)
    let found = try await prepared.field(at: 3)
    var (expected, replaced) = (sinogram, 0)
    for stage in description.preprocess {
      replaced += try stage.stage(for: expected.shape).apply(&expected)
    }
    #expect(found == expected)
    #expect(prepared.replaced(3) == replaced)
    #expect(found != sinogram)
  }

  /// The same bytes whatever the budget, and memory for whole rows only.
  @Test func readsWithinItsBudget() async throws {
    let folder = try TemporaryFolder()
    _ = try Self.write(folder, flatsAfter: 0.9)
    let flats = "flats: {before: flats.tif, after: after.tif}, darks: darks.tif, average: median"
    var all: [[Sinogram]] = []
    for memory in [1, 64] {
      let description = try Self.description(folder, Self.yaml(input: flats + ", memory: \(memory)"))
      guard case .projections(_, let detector) = description.input else {
        Issue.record("not projections")
        return
      }
      #expect(detector.memory == memory << 20)
      #expect(detector.average == .median)
      #expect(detector.flats == ["flats.tif", "after.tif"])
      let source = try PreparedSinograms(description, path: folder("projections.tif"))
      #expect(
        source.files.map { URL(fileURLWithPath: $0.path).lastPathComponent } == [
          "projections.tif", "flats.tif", "after.tif", "darks.tif",
        ])
      #expect(source.memory > 0 && source.memory <= memory << 20)
      var sinograms: [Sinogram] = []
      for try await sinogram in source { sinograms.append(sinogram) }
      all.append(sinograms)
    }
    #expect(all[0].count == Self.rows)
    #expect(all[0] == all[1])
  }

  @Test func findsTheAxisWhereItIsAsked() async throws {
    let folder = try TemporaryFolder()
    _ = try Self.write(folder)
    let automatic = try Self.description(folder, Self.yaml(axis: "auto"))
    let path = folder("projections.tif")
    #expect(
      await Self.message { _ = try await ScanInput(automatic, path: path) }.hasPrefix(
        "'\(folder("scan.yaml"))' leaves the rotation axis to a search"))
    let (found, estimate) = try await automatic.findingAxis(of: path)
    #expect(abs(found.geometry.beam.axis - 97.3) < 0.25)
    let confidence = try #require(estimate).confidence
    #expect(confidence > 0.9)
    _ = try await ScanInput(found, path: path)
    let stated = try Self.description(folder, Self.yaml())
    #expect(try await stated.findingAxis(of: path).estimate == nil)
    // Where the axis is not, the best lies at the end of the range: nothing is found, or not by all.
    let near = try Self.description(folder, Self.yaml(axis: "{near: 20, within: 8, rows: 3}"))
    let message = await Self.message { _ = try await near.findingAxis(of: path) }
    #expect(
      message.hasPrefix("cannot find the rotation axis of")
        || message.hasPrefix("cannot tell the rotation axis"))
  }

  @Test func showsCandidatesOfTheAxis() async throws {
    let folder = try TemporaryFolder()
    _ = try Self.write(folder)
    let description = try Self.description(folder, Self.yaml(axis: "auto"))
    let preview = try await AxisPreview(
      description, path: folder("projections.tif"), slice: 2, around: 97.3, step: 1, sides: 2)
    #expect(preview.candidates.map(\.axis) == [95.3, 96.3, 97.3, 98.3, 99.3])
    let figures = preview.candidates.compactMap(\.spectrumOutsideWedge)
    #expect(figures.indices.min { figures[$0] < figures[$1] } == 2)
    // The right axis makes the sharpest image: the largest sum of squares.
    let sharpness = preview.candidates.map { $0.image.samples.reduce(0) { $0 + Double($1 * $1) } }
    #expect(sharpness.indices.max { sharpness[$0] < sharpness[$1] } == 2)
    try preview.picture().write(to: folder("axis.png"))
    #expect(try folder.data("axis.png").count > 1000)
    #expect(
      await Self.message {
        _ = try await AxisPreview(
          description, path: folder("projections.tif"), slice: 7, around: 97, step: 1, sides: 1)
      } == "'\(folder("projections.tif"))' has no slice 8: it has 7. Ask for a slice from 1 to 7.")
  }

  @Test(arguments: [
    ("sorted-stripes, width: 20", "line 3, column 36: 'width' is 20, expected an odd number"),
    ("zingers, treshold: 3", "Did you mean 'threshold'?"),
    ("stripes", "expected one of zingers, dead-stripes, large-stripes, sorted-stripes, wavelet-stripes"),
    ("wavelet-stripes, sigma: 0", "'sigma' is 0, expected a number from 0.1 to 1000"),
    ("wavelet-stripes, levels: 0", "'levels' is 0, expected a whole number from 1 to 10"),
  ])
  func refusesStagesThatItDoesNotKnow(stage: String, expected: String) async throws {
    let folder = try TemporaryFolder()
    let message = await Self.message {
      _ = try Self.description(folder, Self.yaml(preprocess: "preprocess:\n  - {stage: \(stage)}"))
    }
    #expect(message.contains(expected), "\(message)")
  }

  @Test(arguments: [
    ("axis: atuo", "'axis' is the text 'atuo', expected auto (perhaps 'auto')"),
    ("axis: {within: 5}", "Give 'near', too."),
    ("axis: {near: 300}", "'near' is 300, expected a number from -0.5 to 191.5"),
    ("axis: 192", "'axis' is 192, expected a number from -0.5 to 191.5"),
  ])
  func refusesAxesThatCannotBe(axis: String, expected: String) async throws {
    let folder = try TemporaryFolder()
    let message = await Self.message {
      _ = try Self.description(folder, Self.yaml().replacingOccurrences(of: "axis: 97.3", with: axis))
    }
    #expect(message.contains(expected), "\(message)")
  }

  @Test func saysWhatDoesNotFitTogether() async throws {
    let folder = try TemporaryFolder()
    _ = try Self.write(folder)
    let path = folder("projections.tif")
    func message(_ text: String) async -> String {
      await Self.message { _ = try PreparedSinograms(Self.description(folder, text), path: path) }
    }
    #expect(
      await message(Self.yaml().replacingOccurrences(of: "count: 60", with: "count: 61"))
        == "'\(path)' holds 60 projections, the pipeline expects 61 angles. Correct 'angles'.")
    let narrow = await message(Self.yaml().replacingOccurrences(of: "bins: 192", with: "bins: 190"))
    #expect(
      narrow.hasPrefix(
        "the pages of '\(path)' are \([60, 192] as Shape), the pipeline expects \([60, 190] as Shape)"),
      "\(narrow)")
    #expect(
      await message(Self.yaml(input: "flats: nowhere.tif"))
        == "cannot open '\(folder("nowhere.tif"))': there is no such file or folder. Check the path.")
    let half = await message(Self.yaml(input: "flats: {before: flats.tif}"))
    #expect(half.contains("'after'"), "\(half)")
    try FileManager.default.createDirectory(atPath: folder("empty"), withIntermediateDirectories: true)
    #expect(
      await message(Self.yaml(input: "flats: empty"))
        == "there is no TIFF file (.tif, .tiff) in '\(folder("empty"))'. Check the path.")
  }
}
