import Fields
import Formats
import Foundation
import Operators
import Pipeline
import TestSupport
import Testing

extension TemporaryFolder {
  fileprivate func pipeline(
    size: Int = 64, angles: Int = 30, input: String = "", axis: String = ""
  ) throws -> PipelineDescription {
    let spacing = 200 / Double(size)
    let text = """
      \(input)
      geometry:
        angles: {count: \(angles), range: 180}
        bins: \(size * 3 / 2)
        binSpacing: \(spacing)
        \(axis)
        image: {size: \(size), spacing: \(spacing)}
      noise: {relative: 0.01}
      reconstructions:
        - {method: fbp}
      """
    return try PipelineDescription(file: write(text, to: "pipeline.yaml"))
  }

  /// Off the centre, oblique, with an edge of either kind, different at every height.
  fileprivate func phantom(slices: Int) throws -> PhantomStack {
    let text = """
      name: test
      unit: 1/mm
      fieldOfView: 200
      z: [-10, 10]
      parts:
        - {name: body, ellipse: [80, 60], centre: [5, -4], rotation: 20, value: 0.02}
        - {name: rod, rectangle: [20, 8], centre: [20, 15], rotation: -30, value: 0.01, drift: [1, 0]}
      """
    return try PhantomStack(file: write(text, to: "phantom.yaml"), slices: slices)
  }

  fileprivate func volume(_ pages: [Image], unit: String?, spacing: Double?, offset: Float = 0) throws
    -> String
  {
    var writer = try TIFFWriter(
      path: self("volume.tif"), rows: pages[0].shape[0], columns: pages[0].shape[1], pages: pages.count,
      spacing: Spacing(x: spacing, y: spacing, z: 2), unit: unit)
    for page in pages { try writer.append(page.map { $0 + offset }) }
    try writer.finish()
    return self("volume.tif")
  }
}

@Suite struct SimulationTests {
  /// Square pixels band-limited to the detector, rays between pixel centres and exact line integrals are three
  /// discretisations of one object: at 64 pixels each is some 1 % from the others, mostly at the edges.
  @Test(arguments: ["", "axis: 40.25"])
  func modelsAgreeWithinTheDiscretisation(axis: String) async throws {
    let folder = try TemporaryFolder()
    let (pipeline, phantom) = (try folder.pipeline(axis: axis), try folder.phantom(slices: 2))
    func scan(_ model: SimulationModel) async throws -> Sinogram {
      let simulation = try ScanSimulation(
        pipeline, of: .phantom(phantom), model: model, noise: .none, seed: 1, threads: 2)
      return try await simulation.lineIntegrals(1)
    }
    let exact = try await scan(.closedForm)
    for model in [SimulationModel.rays, .operator] {
      let error = relativeError(try await scan(model), exact)
      #expect(error < 0.012 && error > 0.001, "\(model): \(error)")
    }
    // One bin of a detector is 1.5 % of the object: a shift of half a bin would show as 5 %.
    #expect(relativeError(try await scan(.rays), try await scan(.operator)) < 0.012)
  }

  @Test(arguments: SimulationModel.allCases)
  func knowsTheMeanOfTheScan(model: SimulationModel) async throws {
    let folder = try TemporaryFolder()
    let simulation = try ScanSimulation(
      try folder.pipeline(), of: .phantom(try folder.phantom(slices: 3)), model: model,
      noise: .relative(0.02),
      seed: 1, threads: 2)
    let summary = try await simulation.measure()
    var sum = 0.0
    for slice in 0..<3 {
      sum += try await simulation.lineIntegrals(slice).samples.reduce(0) { $0 + Double($1) }
    }
    let mean = sum / Double(3 * 30 * 96)
    // ⟨x, Aᴴ1⟩ and ⟨A x, 1⟩ agree to rounding in single precision.
    #expect(abs(summary.meanLineIntegral - mean) < 1e-5 * mean)
    #expect(summary.noise == .gaussian(sigma: 0.02 * summary.meanLineIntegral))
  }

  @Test func addsNoiseOfOneSigmaToAllSlices() async throws {
    let folder = try TemporaryFolder()
    let simulation = try ScanSimulation(
      try folder.pipeline(), of: .phantom(try folder.phantom(slices: 4)), noise: .relative(0.05), seed: 3,
      threads: 1)
    let summary = try await simulation.measure()
    guard case .gaussian(let sigma) = summary.noise else { throw Missing() }
    var residuals: [[Double]] = []
    for slice in 0..<4 {
      let noisy = try await simulation.measurement(slice, noise: summary.noise).sinogram
      let clean = try await simulation.lineIntegrals(slice)
      residuals.append(zip(noisy.samples, clean.samples).map { (Double($0) - Double($1)) / sigma })
    }
    let n = Double(residuals[0].count)
    for residual in residuals {
      // Mean, χ² / n and correlation of n = 2880 standard normal values, at four standard deviations.
      #expect(abs(residual.reduce(0, +) / n) < 4 / n.squareRoot())
      #expect(abs(residual.reduce(0) { $0 + $1 * $1 } / n - 1) < 4 * (2 / n).squareRoot())
    }
    for (a, b) in [(0, 1), (1, 2), (0, 3)] {
      #expect(abs(zip(residuals[a], residuals[b]).reduce(0) { $0 + $1.0 * $1.1 } / n) < 4 / n.squareRoot())
    }
  }

  @Test func countsPhotons() async throws {
    let folder = try TemporaryFolder()
    let simulation = try ScanSimulation(
      try folder.pipeline(), of: .phantom(try folder.phantom(slices: 1)), noise: .photons(1e4), seed: 3,
      threads: 1)
    let noise = try await simulation.measure().noise
    let clean = try await simulation.lineIntegrals(0)
    let (noisy, floored) = try await simulation.measurement(0, noise: noise)
    let squares = zip(noisy.samples, clean.samples).map { noisy, clean in
      let difference = Double(noisy) - Double(clean)
      return difference * difference * 1e4 * exp(-Double(clean))
    }
    let n = Double(squares.count)
    #expect(floored == 0)
    #expect(abs(squares.reduce(0, +) / n - 1) < 4 * (2 / n).squareRoot())
  }

  @Test func keepsTheNoiseOfASliceWhateverTheOthersAre() async throws {
    let folder = try TemporaryFolder()
    let (pipeline, noise) = (try folder.pipeline(), NoiseModel.gaussian(sigma: 0.1))
    func noiseOfSecond(of slices: Int, seed: UInt64) async throws -> [Float] {
      let simulation = try ScanSimulation(
        pipeline, of: .phantom(try folder.phantom(slices: slices)), noise: .none, seed: seed, threads: 1)
      let clean = try await simulation.lineIntegrals(1)
      let noisy = try await simulation.measurement(1, noise: noise).sinogram
      return zip(noisy.samples, clean.samples).map { $0 - $1 }
    }
    let few = try await noiseOfSecond(of: 2, seed: 1)
    let many = try await noiseOfSecond(of: 9, seed: 1)
    let other = try await noiseOfSecond(of: 2, seed: 2)
    // The sums are rounded at line integrals of about 3.
    #expect(zip(few, many).allSatisfy { abs($0 - $1) < 1e-6 })
    #expect(zip(few, other).contains { abs($0 - $1) > 0.05 })
  }

  @Test func writesTheOrderThatThePipelineReads() async throws {
    let folder = try TemporaryFolder()
    let phantom = try folder.phantom(slices: 1)
    func page(_ input: String) async throws -> Image {
      let simulation = try ScanSimulation(
        try folder.pipeline(input: input), of: .phantom(phantom), noise: .photons(1e5), seed: 1, threads: 1)
      _ = try await simulation.write(to: folder("scan.tif"))
      return try ImageStack(path: folder("scan.tif")).page(0)
    }
    let straight = try await page("")
    let turned = try await page("input: {kind: sinograms, order: [bin, angle]}")
    #expect(straight.shape == [30, 96] && turned.shape == [96, 30])
    #expect(straight[7, 50] == turned[50, 7])
  }

  @Test func refusesRawProjectionsAndOpaqueObjects() async throws {
    let folder = try TemporaryFolder()
    let projections = try folder.pipeline(input: "input: {kind: projections, flats: f.tif}")
    let phantom = try folder.phantom(slices: 1)
    #expect(throws: SimulationError.readsProjections(pipeline: folder("pipeline.yaml"))) {
      try ScanSimulation(projections, of: .phantom(phantom), noise: .none, seed: 1, threads: 1)
    }

    let pipeline = try folder.pipeline()
    // 1000 HU taken for 1/mm.
    let path = try folder.volume([Image(shape: [64, 64], filledWith: 1000)], unit: "1/mm", spacing: nil)
    let simulation = try ScanSimulation(
      pipeline, of: .volume(try AttenuationVolume(path: path, for: pipeline)), noise: .photons(1e5), seed: 1,
      threads: 1)
    await #expect(throws: SimulationError.self) { try await simulation.write(to: folder("scan.tif")) }
    #expect(!FileManager.default.fileExists(atPath: folder("scan.tif")))

    let empty = try folder.volume([Image(shape: [64, 64])], unit: "1/mm", spacing: nil)
    let nothing = try ScanSimulation(
      pipeline, of: .volume(try AttenuationVolume(path: empty, for: pipeline)), noise: .relative(0.01),
      seed: 1,
      threads: 1)
    await #expect(throws: SimulationError.noScale(mean: 0)) { try await nothing.measure() }
  }

  private struct Missing: Error {}
}

@Suite struct SimulationVolumeTests {
  @Test func readsHounsfieldUnitsAsAttenuation() async throws {
    let folder = try TemporaryFolder()
    let pipeline = try folder.pipeline(size: 2)
    let page = Image(shape: [2, 2], samples: [-1000, -1024, 0, 1000])
    for (unit, stated, offset) in [(VolumeUnit?.none, "HU", 0.0), (.hounsfield, nil, -1024)] {
      let path = try folder.volume([page], unit: stated, spacing: 100, offset: Float(-offset))
      let volume = try AttenuationVolume(path: path, unit: unit, offset: offset, for: pipeline)
      let (image, clipped) = try await volume.slice(0)
      // μ of water is 0.02/mm; below vacuum there is nothing.
      #expect(image.samples == [0, 0, 0.02, 0.04])
      #expect(clipped == 1)
    }
  }

  @Test func comparesSpacingsToAThousandth() throws {
    let folder = try TemporaryFolder()
    let pipeline = try folder.pipeline(size: 2)
    func open(_ spacing: Double?, ignoring: Bool = false) throws -> AttenuationVolume {
      let path = try folder.volume([Image(shape: [2, 2])], unit: "1/mm", spacing: spacing)
      return try AttenuationVolume(path: path, ignoresSpacing: ignoring, for: pipeline)
    }
    #expect(try open(100.05).statesSpacing)
    #expect(try !open(nil).statesSpacing)
    #expect(throws: SimulationError.self) { try open(100.2) }
    #expect(throws: SimulationError.self) { try open(99.8) }
    #expect(try open(50, ignoring: true).count == 1)
  }

  @Test func takesChosenPages() async throws {
    let folder = try TemporaryFolder()
    let pipeline = try folder.pipeline(size: 2)
    let path = try folder.volume(
      (1...9).map { Image(shape: [2, 2], filledWith: Float($0)) }, unit: "1/mm", spacing: nil)
    let volume = try AttenuationVolume(path: path, pages: try PageList("2...9/3"), for: pipeline)
    #expect(volume.count == 3 && volume.sliceSpacing == 6)
    var values: [Float] = []
    for try await image in volume { values.append(image[0, 0]) }
    #expect(values == [2, 5, 8])
    let uneven = try AttenuationVolume(path: path, pages: try PageList("1,2,4"), for: pipeline)
    #expect(uneven.sliceSpacing == nil)
  }
}

@Suite struct SimulationPageListTests {
  @Test(arguments: [
    ("4", [3]), ("4,12,20", [3, 11, 19]), ("4...8", [3, 4, 5, 6, 7]), ("4...20/8", [3, 11, 19]),
    ("4...19/8", [3, 11]), ("9, 1...2", [8, 0, 1]), ("3...3", [2]), ("4-20/8", [3, 11, 19]),
  ])
  func understands(text: String, pages: [Int]) throws {
    #expect(try PageList(text).pages == pages)
  }

  @Test(arguments: [
    ("", "'' is no page number; pages count from 1"), ("0", "'0' is no page number; pages count from 1"),
    ("4,,5", "'' is no page number; pages count from 1"), ("a", "'a' is no page number; pages count from 1"),
    ("8...4", "'8...4' runs backwards; put the smaller page first"),
    ("1...9/0", "'0' is no page number; pages count from 1"),
    ("-3", "'' is no page number; pages count from 1"),
    ("1...", "'' is no page number; pages count from 1"),
    ("1...1000000000", "it names more than 1000000 pages"),
    ("1...600000,1...600000", "it names more than 1000000 pages"),
  ])
  func refuses(text: String, reason: String) {
    #expect(throws: SimulationError.notPages(text, reason: reason)) { try PageList(text) }
  }
}
