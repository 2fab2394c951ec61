import Diffusion
import Fields
import Foundation
import Operators
import Reconstruction

/// What a run leaves beside its volumes: verdicts, manifest, the facts of the report.
struct RunRecorder {
  /// Tells runs of other inputs or configurations apart.
  let identity: String
  private let version: String
  private var manifest: Manifest
  private var verdicts: [Verdict] = []
  private var stages: [(name: String, seconds: Double, slices: Int)] = []
  private var primary: [Verdict] = []

  struct Manifest: Codable {
    var program: String
    var software: [String: String]
    var pipeline: String
    var configuration: String
    var seed: UInt64
    var threads: Int
    var inputs: [FileRecord]
    var networks: [Network]
    var noise: String
    var noiseSource: String
    var measurementModel: SimulationModel?
    var warnings: [String]
    var slices: [Slice] = []
    var outputs: [FileRecord] = []
    var seconds = 0.0

    struct Network: Codable {
      var role: String
      var name: String
      var sha256: String
    }

    struct Slice: Codable {
      /// From 1.
      var slice: Int
      var status: [String: Verdict.Status]
      var seconds: Double
      /// Samples raised to the smallest transmission before the logarithm.
      var clipped: Int
    }
  }

  init(_ description: PipelineDescription, scan: ScanInput, version: String, threads: Int) throws {
    self.version = version
    let configuration = (try? String(contentsOfFile: description.file, encoding: .utf8)) ?? ""
    let networks = try description.networks(of: description.reconstructions.map(\.method)).map {
      Manifest.Network(
        role: $0.role, name: lastComponent(of: $0.path), sha256: try checkpointChecksum($0.path))
    }
    var warnings: [String] = []
    switch scan.model {
    case .operator:
      warnings.append(
        "The measurements were simulated with the reconstruction's own operator (an inverse crime): errors of a "
          + "real scanner's model are absent, and every figure is better than it would be on a scan.")
    case let model?:
      warnings.append("The measurements were simulated (model: \(model.rawValue)).")
    case nil: break
    }
    if scan.noiseSource != .input {
      warnings.append("The noise is \(scan.noise), \(scan.noiseSource); χ² is only as right as this.")
    }
    manifest = Manifest(
      program: "deft \(version)",
      software: ["libtorch": Torch.version], pipeline: lastComponent(of: description.file),
      configuration: configuration,
      seed: description.seed, threads: threads,
      inputs: try scan.files.map { try FileRecord($0.path, parts: $0.parts) }
        + (description.wisdom.map { [try FileRecord($0, parts: [$0])] } ?? []),
      networks: networks,
      noise: "\(scan.noise)", noiseSource: "\(scan.noiseSource)", measurementModel: scan.model,
      warnings: warnings)
    let parts =
      [configuration, "\(description.seed)"] + manifest.inputs.map(\.sha256) + manifest.networks.map(\.sha256)
    identity = checksum(of: parts.joined(separator: "\n"))
  }

  // MARK: During the run

  /// Adds a sentence that a reader must know before believing the pictures.
  mutating func warn(_ sentence: String) { manifest.warnings.append(sentence) }

  mutating func time(_ stage: String, since start: ContinuousClock.Instant) {
    time(stage, seconds: (ContinuousClock.now - start) / .seconds(1), slices: 1)
  }

  mutating func time(_ stage: String, seconds: Double, slices: Int) {
    manifest.seconds += seconds
    if let place = stages.firstIndex(where: { $0.name == stage }) {
      stages[place].seconds += seconds
      stages[place].slices += slices
    } else {
      stages.append((stage, seconds, slices))
    }
  }

  mutating func add(_ results: [ReconstructionLine.Result], slice: Int, clipped: Int, seconds: Double) {
    verdicts += results.map(\.verdict)
    primary.append(results[0].verdict)
    manifest.slices.append(
      .init(
        slice: slice + 1,
        status: Dictionary(
          results.map { ($0.named.name, $0.verdict.status) }, uniquingKeysWith: { a, _ in a }),
        seconds: seconds, clipped: clipped))
  }

  // MARK: Afterwards

  private struct VerdictFile: Codable {
    /// Of the first reconstruction.
    var status: Verdict.Status
    var verdicts: [Verdict]
  }

  /// `verdict.json`
  func verdictFile() throws -> Data {
    try encoded(VerdictFile(status: primary.worstStatus, verdicts: verdicts.map(\.countedFromOne)))
  }

  /// `manifest.json`
  ///
  /// - Parameter outputs: what else the run has written.
  mutating func manifestFile(outputs: [FileRecord]) throws -> Data {
    manifest.outputs = outputs
    return try encoded(manifest)
  }

  private func encoded(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    return try encoder.encode(value)
  }

  func summary(output: String) -> PipelineRunner.Summary {
    let counts = Verdict.Status.allCases.map { status in
      "\(primary.filter { $0.status == status }.count) \(status.rawValue)"
    }
    return PipelineRunner.Summary(
      worst: primary.worstStatus,
      text: """
        \(primary.count) slices: \(counts.joined(separator: ", "))
        volume   \(output)/volume.tif
        report   \(output)/report.html
        log      \(output)/run.log
        picture  \(output)/picture.png
        verdicts \(output)/verdict.json
        Research software: not for diagnostic use.
        """)
  }

  func reportData(_ description: PipelineDescription) -> ReportData {
    let (beam, grid) = (description.geometry.beam, description.geometry.grid)
    func brief(_ value: Double) -> String { String(format: "%g", value) }
    let steps = zip(beam.angles, beam.angles.dropFirst()).map { $1.degrees - $0.degrees }
    let isEven = steps.allSatisfy { abs($0 - steps[0]) < 1e-6 * abs(steps[0]) }
    let views =
      steps.isEmpty
      ? "1"
      : isEven ? "\(beam.angles.count), \(brief(steps[0]))° apart" : "\(beam.angles.count), unevenly spaced"
    return ReportData(
      title: description.title, methods: description.reconstructions.map(\.name),
      geometry: [
        ReportFact("geometry", "parallel beam"),
        ReportFact("views", views),
        ReportFact(
          "bins",
          "\(beam.bins) of \(brief(beam.binSpacing)) mm, axis at bin \(brief(beam.axis + 1)) counted from 1"),
        ReportFact("image", "\(grid.shape) pixels of \(brief(grid.spacing[1])) mm"),
        ReportFact("noise", "\(manifest.noise); \(manifest.noiseSource)"),
        ReportFact("water", "\(brief(description.attenuation.water)) / mm"),
      ],
      pixelSpacing: grid.spacing[1], waterAttenuation: description.attenuation.water,
      presets: description.unit == .hounsfield
        ? ReportWindowPreset.computedTomography(waterAttenuation: description.attenuation.water) : [],
      stages: stages.map { ReportStage(name: $0.name, seconds: $0.seconds, slices: $0.slices) },
      configuration: manifest.configuration,
      provenance: ReportProvenance(
        version: version, seed: manifest.seed,
        inputs: manifest.inputs.map { .init(name: $0.name, bytes: $0.bytes, sha256: $0.sha256) },
        networks: manifest.networks.map { .init(role: $0.role, name: $0.name, fingerprint: $0.sha256) },
        software: manifest.software.sorted { $0.key < $1.key }.map { ReportFact($0.key, $0.value) }),
      warnings: manifest.warnings)
  }
}

extension Verdict {
  /// The same with views, bins, rows and columns counted from 1, as people and files do.
  var countedFromOne: Verdict {
    var result = self
    result.figures = figures.countedFromOne
    result.reference?.figures = reference?.figures.countedFromOne ?? figures
    result.contradiction?.row += 1
    result.contradiction?.column += 1
    return result
  }
}

extension ResidualFigures {
  fileprivate var countedFromOne: ResidualFigures {
    var result = self
    for i in views.indices { result.views[i].index += 1 }
    for i in bins.indices { result.bins[i].index += 1 }
    for i in worstRays.indices {
      result.worstRays[i].view += 1
      result.worstRays[i].bin += 1
    }
    return result
  }
}
