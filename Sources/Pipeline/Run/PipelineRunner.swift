import Diffusion
import Fields
import Formats
import Foundation
import Operators
import Reconstruction

/// Runs a pipeline: every slice is read, reconstructed by every method, judged and written.
///
/// Memory does not grow with the number of slices: one slice is worked on while the next is read. Nothing
/// stands under a final name before it is complete.
public struct PipelineRunner {
  private let description: PipelineDescription
  private let input: String?
  private let output: URL
  private let threads: Int
  private let version: String

  public init(
    _ description: PipelineDescription, input: String?, output: String, threads: Int, version: String
  ) {
    self.description = description
    self.input = input
    self.output = URL(fileURLWithPath: output)
    self.threads = threads
    self.version = version
  }

  /// What a run came to.
  public struct Summary: Sendable {
    /// The worst verdict of the first reconstruction, which decides the exit code.
    public let worst: Verdict.Status
    public let text: String
  }

  /// - Parameter shouldStop: asked before every slice; a stopped run throws `CancellationError`.
  /// - Parameter log: gets one line of progress at a time.
  public func run(
    shouldStop: () -> Bool = { false }, log: (String) -> Void
  ) async throws -> Summary {
    let begin = ContinuousClock.now
    let scan = try await ScanInput(description, path: input)
    var recorder = try RunRecorder(description, scan: scan, version: version, threads: threads)
    let workshop = MethodWorkshop(description, threads: threads)
    let lines = try description.reconstructions.map {
      try ReconstructionLine($0, workshop: workshop, scan: scan)
    }
    recorder.time("preparation", seconds: (ContinuousClock.now - begin) / .seconds(1), slices: scan.count)
    log(
      "\(scan.count) slices, \(scan.noise) (\(scan.noiseSource)); model error \(lines[0].modelErrorText); "
        + "\(lines.map(\.named.name).joined(separator: ", ")) on \(threads) threads")

    try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
    var volumes = try VolumeFiles(description, output: output, pages: scan.count)
    var report = try ReportWriter(
      path: output.appendingPathComponent("report.html").path, identity: recorder.identity,
      sliceCount: scan.count,
      limits: ReportLimits(
        rows: description.geometry.grid.shape[0], columns: description.geometry.grid.shape[1],
        panels: lines.count + 2))

    var picture = RunPicture(count: scan.count)
    var next: Task<SliceMeasurement, any Error>? = scan.count > 0 ? Task { try await scan.slice(0) } : nil
    for index in 0..<scan.count {
      if shouldStop() {
        next?.cancel()
        throw RunError.interrupted(done: index, of: scan.count)
      }
      let waiting = ContinuousClock.now
      guard let measurement = try await next?.value else { break }
      next = index + 1 < scan.count ? Task { try await scan.slice(index + 1) } : nil
      recorder.time("reading", since: waiting)

      let start = ContinuousClock.now
      var results: [ReconstructionLine.Result] = []
      for line in lines {
        results.append(try line.process(measurement, references: results) { recorder.time($0, since: $1) })
      }
      let seconds = (ContinuousClock.now - start) / .seconds(1)

      let writing = ContinuousClock.now
      try volumes.append(results)
      recorder.add(results, slice: index, clipped: await scan.clipped(index), seconds: seconds)
      let page = ReportSlice(index: index, results: results, geometry: description.geometry, seconds: seconds)
      try report.append(page)
      picture.append(page)
      recorder.time("writing", since: writing)

      let verdict = results[0].verdict
      let left = Int((ContinuousClock.now - begin) / .seconds(1) / Double(index + 1) * Double(scan.count - index - 1))
      log(
        "slice \(index + 1)/\(scan.count)  \(verdict.status.rawValue)  "
          + String(format: "χ² %.3f  %.1f s  %d:%02d left", verdict.figures.chiSquare, seconds, left / 60, left % 60))
    }

    try volumes.finish()
    try recorder.writeVerdicts(to: output.appendingPathComponent("verdict.json"))
    try recorder.writeManifest(to: output.appendingPathComponent("manifest.json"), volumes: volumes.names, in: output)
    try picture.write(to: output.appendingPathComponent("picture.png"))
    _ = try report.finish(recorder.reportData(description, workshop: workshop))
    return recorder.summary(output: output.path)
  }
}

/// One reconstruction of a run, with its judge.
struct ReconstructionLine {
  let named: PipelineDescription.NamedMethod
  private let method: any Reconstructor
  private let judge: MeasurementConsistency<RadonTransform>
  private let nullSpace: NullSpace<RadonTransform>
  private let classical: TotalVariationMethod<RadonTransform>
  private let geometry: GeometryDescription

  struct Result {
    let named: PipelineDescription.NamedMethod
    /// 1/mm
    let reconstruction: SliceReconstruction
    let verdict: Verdict
    /// In units of σ, for the views that were used.
    let residual: Sinogram
    /// 1/mm
    let nullSpace: Image
    let seconds: Double
  }

  init(_ named: PipelineDescription.NamedMethod, workshop: MethodWorkshop, scan: ScanInput) throws {
    self.named = named
    let A = try workshop.tomography(everyView: named.everyView).A
    method = try workshop.method(named.method, everyView: named.everyView)
    geometry = workshop.description.geometry.everyView(named.everyView)
    judge = MeasurementConsistency(
      A, modelError: try workshop.modelError(everyView: named.everyView, of: scan),
      thresholds: workshop.description.verdict)
    nullSpace = NullSpace(A)
    classical = try TotalVariationMethod(A, threads: workshop.threads)
  }

  var modelErrorText: String {
    judge.modelError == .none
      ? "none (the data were made with the reconstruction's own operator)"
      : String(format: "%.2f of the step between neighbouring bins", judge.modelError.factor)
  }

  /// - Parameter references: what earlier lines made of the same slice.
  func process(
    _ whole: SliceMeasurement, references: [Result], time: (String, ContinuousClock.Instant) -> Void
  ) throws -> Result {
    let measurement = whole.everyView(named.everyView)
    let start = ContinuousClock.now
    let reconstruction = try method.reconstruct(measurement)
    time(named.name, start)
    let seconds = (ContinuousClock.now - start) / .seconds(1)

    let judging = ContinuousClock.now
    var reference: (method: String, image: Image)?
    if named.method.name != .tv {
      let known = references.first { $0.named.method.name == .tv && $0.named.everyView == named.everyView }
      reference = (
        "tv", try known?.reconstruction.image ?? classical.reconstruct(measurement).image
      )
    }
    let support = try nullSpace(reconstruction.image, variance: measurement.variance)
    let judgement = try judge.judge(
      reconstruction.image, method: named.name, slice: whole.index + 1, measurement: measurement.sinogram,
      variance: measurement.variance, reference: reference, nullSpaceFraction: support.fraction)
    time("verdict", judging)
    return Result(
      named: named, reconstruction: reconstruction, verdict: judgement.verdict, residual: judgement.residual,
      nullSpace: support.map, seconds: seconds)
  }
}

extension SliceMeasurement {
  /// The measurement of every n-th view alone.
  func everyView(_ n: Int) -> SliceMeasurement {
    guard n > 1 else { return self }
    func thin(_ field: Sinogram) -> Sinogram {
      let bins = field.shape[1]
      let rows = stride(from: 0, to: field.shape[0], by: n).map { $0 }
      return Sinogram(
        shape: [rows.count, bins], samples: rows.flatMap { field.samples[$0 * bins..<($0 + 1) * bins] })
    }
    return SliceMeasurement(index: index, sinogram: thin(sinogram), variance: thin(variance))
  }
}

/// The volumes of a run: `volume.tif` and one file for every further reconstruction and deviation.
struct VolumeFiles: ~Copyable {
  private var writers: [FileBox] = []
  private let scale: AttenuationScale
  private let unit: VolumeUnit
  private(set) var names: [String] = []

  /// ``TIFFWriter`` cannot be copied, so arrays cannot hold it.
  private final class FileBox {
    var writer: TIFFWriter?
    let place: Int
    let isDeviation: Bool

    init(_ writer: consuming TIFFWriter, place: Int, isDeviation: Bool) {
      self.writer = consume writer
      self.place = place
      self.isDeviation = isDeviation
    }
  }

  init(_ description: PipelineDescription, output: URL, pages: Int) throws {
    scale = description.attenuation
    unit = description.unit
    let grid = description.geometry.grid
    for (place, named) in description.reconstructions.enumerated() {
      let base = place == 0 ? "volume" : named.name
      var files = [(name: base, isDeviation: false)]
      if named.method.givesDeviation { files.append(("\(base)-deviation", true)) }
      for file in files {
        let writer = try TIFFWriter(
          path: output.appendingPathComponent("\(file.name).tif").path, rows: grid.shape[0],
          columns: grid.shape[1], pages: pages, spacing: Spacing(x: grid.spacing[1], y: grid.spacing[0]),
          unit: unit.rawValue, metadata: ["method": named.name])
        writers.append(FileBox(writer, place: place, isDeviation: file.isDeviation))
        names.append("\(file.name).tif")
      }
    }
  }

  mutating func append(_ results: [ReconstructionLine.Result]) throws {
    for box in writers {
      let reconstruction = results[box.place].reconstruction
      let image =
        box.isDeviation
        ? unit.convertDifference(reconstruction.deviation ?? reconstruction.image.map { _ in 0 }, scale)
        : unit.convert(reconstruction.image, scale)
      try box.writer?.append(image)
    }
  }

  /// Gives all files their names, when all are complete.
  mutating func finish() throws {
    for box in writers {
      if let writer = box.writer.take() { try writer.finish() }
    }
  }
}
