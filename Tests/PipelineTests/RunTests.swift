import Fields
import Formats
import Foundation
import Operators
import Pipeline
import Reconstruction
import Testing

/// A small scan of a small phantom, and the pipeline that goes with it.
struct SmallScan {
  let folder: TemporaryFolder
  let pipeline: String
  let scan: String
  let truth: String
  static let slices = 3

  init(reconstructions: String = "  - {method: tv}\n  - {method: fbp}\n", axis: Double = 35.5) throws {
    folder = try TemporaryFolder()
    pipeline = try folder.write(
      """
      geometry:
        angles: {count: 30, range: 180}
        bins: 72
        binSpacing: 4
        axis: \(axis)
        image: {size: 48, spacing: 4}
      noise: {relative: 0.01}
      reconstructions:
      \(reconstructions)
      """, to: "pipeline.yaml")
    let description = try PipelineDescription(file: pipeline)
    let grid = description.geometry.grid
    let beam = ParallelBeam(angles: description.geometry.beam.angles, bins: 72, binSpacing: 4)
    let A = try RadonTransform(grid, beam: beam)
    scan = folder.path("scan.tif")
    truth = folder.path("truth.tif")
    var sinograms = try TIFFWriter(
      path: scan, rows: 30, columns: 72, pages: Self.slices, metadata: ["model": "operator", "noise_sigma": "0.02"])
    var images = try TIFFWriter(path: truth, rows: 48, columns: 48, pages: Self.slices, spacing: Spacing(x: 4, y: 4), unit: "1/mm")
    for slice in 0..<Self.slices {
      let phantom = try Phantom(
        name: "discs", unit: .perMillimetre, fieldOfView: 192,
        parts: [
          PhantomPart(.ellipse(halfAxes: [70, 55]), name: "body", value: 0.02, blend: .replacing),
          PhantomPart(
            .ellipse(halfAxes: [12, 12]), name: "rod", centre: [20, Double(10 * slice)], value: 0.03, blend: .replacing),
        ])
      let image = phantom.image(on: grid)
      var y = A(image)
      var generator = SplitMix64(seed: 5, stream: slice)
      NoiseModel.gaussian(sigma: 0.02).add(to: &y, using: &generator)
      try sinograms.append(y.map { $0 })
      try images.append(image)
    }
    try sinograms.finish()
    try images.finish()
  }

  func run(threads: Int = 2, to output: String) async throws -> PipelineRunner.Summary {
    try await PipelineRunner(
      PipelineDescription(file: pipeline), input: scan, output: folder.path(output), threads: threads,
      version: "test"
    ).run { _ in }
  }
}

@Suite struct PipelineRunnerTests {
  @Test func reconstructsJudgesAndRecordsEverySlice() async throws {
    let small = try SmallScan()
    let summary = try await small.run(to: "out")
    #expect(summary.worst != .fail)
    let volume = try TIFFStack(path: small.folder.path("out/volume.tif"))
    #expect(volume.count == SmallScan.slices)
    #expect(volume.info.unit == "HU")
    #expect(volume.info.spacing.x == 4)
    // The body is water: 0 HU in its middle, for TV within the noise that a 48² image of 30 views keeps.
    let page = try volume.page(0)
    #expect(abs(page[24, 14]) < 40)

    let manifest = try small.folder.json("out/manifest.json")
    #expect((manifest["slices"] as? [Any])?.count == SmallScan.slices)
    #expect((manifest["outputs"] as? [[String: Any]])?.compactMap { $0["name"] as? String } == ["volume.tif", "fbp.tif", "verdict.json"])
    let verdicts = try small.folder.json("out/verdict.json")
    #expect((verdicts["verdicts"] as? [Any])?.count == 2 * SmallScan.slices)
    let report = try String(contentsOfFile: small.folder.path("out/report.html"), encoding: .utf8)
    #expect(report.contains("inverse crime"))
    #expect(report.contains("Not for diagnostic use"))
  }

  @Test func givesTheSameBytesAtAnyNumberOfThreads() async throws {
    let small = try SmallScan()
    _ = try await small.run(threads: 1, to: "one")
    _ = try await small.run(threads: 2, to: "two")
    for name in ["volume.tif", "fbp.tif", "verdict.json"] {
      #expect(try small.folder.data("one/\(name)") == small.folder.data("two/\(name)"), "\(name)")
    }
  }

  /// The centre of mass of every view shifts by two bins: nothing but the geometry can explain it.
  @Test func failsWhereTheAxisIsWrong() async throws {
    let small = try SmallScan(axis: 37.5)
    let summary = try await small.run(to: "out")
    #expect(summary.worst == .fail)
  }

  @Test func usesEveryNthView() async throws {
    let small = try SmallScan(reconstructions: "  - {method: fbp}\n  - {name: third, method: fbp, everyView: 3}\n")
    _ = try await small.run(to: "out")
    let all = try TIFFStack(path: small.folder.path("out/volume.tif")).page(0)
    let third = try TIFFStack(path: small.folder.path("out/third.tif")).page(0)
    #expect(all != third)
  }

  @Test func refusesAScanOfAnotherGeometryBeforeAnythingIsWritten() async throws {
    let small = try SmallScan()
    await #expect {
      try await PipelineRunner(
        PipelineDescription(file: small.pipeline), input: small.truth, output: small.folder.path("out"), threads: 1,
        version: "test"
      ).run { _ in }
    } throws: {
      "\($0)".contains("are 48 × 48, the pipeline expects 30 × 72")
    }
    #expect(!FileManager.default.fileExists(atPath: small.folder.path("out")))
  }

  @Test func leavesNothingUnderAFinalNameWhenStopped() async throws {
    let small = try SmallScan()
    var asked = 0
    await #expect(throws: RunError.interrupted(done: 1, of: SmallScan.slices)) {
      try await PipelineRunner(
        PipelineDescription(file: small.pipeline), input: small.scan, output: small.folder.path("out"), threads: 1,
        version: "test"
      ).run(
        shouldStop: {
          asked += 1
          return asked > 1
        }, log: { _ in })
    }
    for name in ["volume.tif", "fbp.tif", "verdict.json", "manifest.json", "report.html"] {
      #expect(!FileManager.default.fileExists(atPath: small.folder.path("out/\(name)")), "\(name)")
    }
  }

  @Test func takesTheNoiseFromTheFileFirst() async throws {
    let small = try SmallScan()
    let scan = try await ScanInput(PipelineDescription(file: small.pipeline), path: small.scan)
    #expect(scan.noise == .gaussian(sigma: 0.02))
    #expect(scan.model == "operator")
  }
}

@Suite struct ComparisonTests {
  @Test func measuresMethodsAgainstTheTruth() async throws {
    let small = try SmallScan()
    let description = try PipelineDescription(file: small.pipeline)
    let scan = try await ScanInput(description, path: small.scan)
    let truth = try AttenuationVolume(path: small.truth, for: description)
    var measurements: [SliceMeasurement] = []
    var images: [Image] = []
    for index in 0..<scan.count {
      measurements.append(try await scan.slice(index))
      images.append(description.attenuation.hounsfield(try await truth.field(at: index)))
    }
    let rows = try Comparison(MethodWorkshop(description, threads: 1)).run(
      [("fbp", try MethodDescription(argument: "fbp", h: nil)), ("tv", try MethodDescription(argument: "tv", h: nil))],
      measurements: measurements, truth: images
    ) { _, _, _, _ in }
    #expect(rows.map(\.name) == ["fbp", "tv"])
    #expect(rows.map(\.slices.count) == [3, 3])
    // Piecewise constant discs are what TV is made for.
    #expect(rows[1].psnr > rows[0].psnr + 3)
    // TV was stopped at χ² = 1.
    #expect(abs(rows[1].chi2 - 1) < 0.02)
    #expect(abs(rows[0].psnr - rows[0].slices.map(\.psnr).reduce(0, +) / 3) < 1e-9)
  }
}

@Suite struct NoiseEstimateTests {
  /// White noise on a smooth curve: the estimate is unbiased, with a relative deviation of about 1/√n.
  @Test func findsTheNoiseOfASmoothSinogram() {
    var generator = SplitMix64(seed: 3)
    var y = Sinogram(shape: [40, 300])
    for view in 0..<40 {
      for bin in 0..<300 {
        let s = (Float(bin) - 150) / 150
        y[view, bin] = 3 * (1 - s * s) + 0.05 * Float(generator.normal())
      }
    }
    let sigma = estimatedNoiseVariance(y).squareRoot()
    #expect(abs(sigma / 0.05 - 1) < 0.04)
  }
}
