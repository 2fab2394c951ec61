import Crypto
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
    var inputs: [File]
    var networks: [Network]
    var noise: String
    var noiseSource: String
    var measurementModel: String?
    var warnings: [String]
    var slices: [Slice] = []
    var outputs: [File] = []
    var seconds = 0.0

    struct File: Codable {
      var name: String
      var bytes: Int
      var sha256: String
    }

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
    var networks: [Manifest.Network] = []
    let methods = description.reconstructions.map(\.method)
    if let prior = description.prior, methods.contains(where: { $0.name == .dds || $0.name == .deft }) {
      networks.append(.init(role: "prior", name: name(of: prior), sha256: try checkpointChecksum(prior)))
    }
    for method in methods {
      switch method {
      case .deft(_, let h):
        networks.append(.init(role: "h-network", name: name(of: h), sha256: try checkpointChecksum(h)))
      case .postprocess(let network):
        networks.append(.init(role: "U-Net", name: name(of: network), sha256: try checkpointChecksum(network)))
      case .fbp, .cgls, .tv, .dds: break
      }
    }
    var warnings: [String] = []
    switch scan.model {
    case "operator":
      warnings.append(
        "The measurements were simulated with the reconstruction's own operator (an inverse crime): errors of a "
          + "real scanner's model are absent, and every figure is better than it would be on a scan.")
    case let model?:
      warnings.append("The measurements were simulated (model: \(model)).")
    case nil: break
    }
    if scan.noiseSource != "stated in the input" {
      warnings.append("The noise is \(scan.noise), \(scan.noiseSource); χ² is only as right as this.")
    }
    manifest = Manifest(
      program: "deft \(version)",
      software: ["libtorch": Torch.version], pipeline: name(of: description.file), configuration: configuration,
      seed: description.seed, threads: threads, inputs: try scan.files.map(RunRecorder.file), networks: networks,
      noise: "\(scan.noise)", noiseSource: scan.noiseSource, measurementModel: scan.model, warnings: warnings)
    let parts =
      [configuration, "\(description.seed)"] + manifest.inputs.map(\.sha256) + manifest.networks.map(\.sha256)
    identity = SHA256.hash(data: Data(parts.joined(separator: "\n").utf8)).map { String(format: "%02x", $0) }.joined()
  }

  private static func file(_ path: String) throws -> Manifest.File {
    var isFolder: ObjCBool = false
    _ = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    guard isFolder.boolValue else {
      let size = (try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
      return Manifest.File(name: name(of: path), bytes: size, sha256: try fileChecksum(path))
    }
    // A folder's checksum is that of its files' checksums in the order of their names.
    var hash = SHA256()
    var bytes = 0
    for entry in try FileManager.default.contentsOfDirectory(atPath: path).sorted() {
      let part = try file(path + "/" + entry)
      hash.update(data: Data("\(entry) \(part.sha256)\n".utf8))
      bytes += part.bytes
    }
    return Manifest.File(
      name: name(of: path), bytes: bytes, sha256: hash.finalize().map { String(format: "%02x", $0) }.joined())
  }

  // MARK: During the run

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
        status: Dictionary(results.map { ($0.named.name, $0.verdict.status) }, uniquingKeysWith: { a, _ in a }),
        seconds: seconds, clipped: clipped))
  }

  // MARK: Afterwards

  private struct VerdictFile: Codable {
    /// Of the first reconstruction.
    var status: Verdict.Status
    var verdicts: [Verdict]
  }

  func writeVerdicts(to url: URL) throws {
    try write(VerdictFile(status: primary.worstStatus, verdicts: verdicts), to: url)
  }

  mutating func writeManifest(to url: URL, volumes: [String], in folder: URL) throws {
    manifest.outputs = try (volumes + ["verdict.json"]).map {
      try RunRecorder.file(folder.appendingPathComponent($0).path)
    }
    try write(manifest, to: url)
  }

  private func write<T: Encodable>(_ value: T, to url: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try encoder.encode(value).write(to: url, options: [.atomic])
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
        picture  \(output)/picture.png
        verdicts \(output)/verdict.json
        Research software: not for diagnostic use.
        """)
  }

  func reportData(_ description: PipelineDescription, workshop: MethodWorkshop) -> ReportData {
    let (beam, grid) = (description.geometry.beam, description.geometry.grid)
    func brief(_ value: Double) -> String { String(format: "%g", value) }
    let step = beam.angles.count > 1 ? beam.angles[1].degrees - beam.angles[0].degrees : 0
    return ReportData(
      title: description.title, methods: description.reconstructions.map(\.name),
      geometry: [
        ReportFact("geometry", "parallel beam"),
        ReportFact("views", "\(beam.angles.count), \(brief(step))° apart"),
        ReportFact("bins", "\(beam.bins) of \(brief(beam.binSpacing)) mm, axis at bin \(brief(beam.axis))"),
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

/// The last part of a path: the folders above it are nobody else's business.
private func name(of path: String) -> String { URL(fileURLWithPath: path).lastPathComponent }
