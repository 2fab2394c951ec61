import Diffusion
import Fields
import Formats
import Foundation
import Operators
import Reconstruction

/// What a run leaves beside its volumes: verdicts, manifest, the facts of the report.
struct RunRecorder {
  private let version: String
  private var manifest: Manifest
  private var stages: [(name: String, seconds: Double, slices: Int)] = []
  /// Of the first reconstruction, by slice, counted from 0.
  private(set) var statuses: [Int: Verdict.Status] = [:]
  /// Why slices have no image, by slice, counted from 0.
  private(set) var failures: [Int: String] = [:]
  private let names: [String]

  private struct Manifest: Codable {
    var program: String
    var software: [String: String]
    var pipeline: String
    var configuration: String
    var seed: UInt64
    var threads: Int
    var inputs: [FileRecord]
    var networks: [RunIdentity.Network]
    var noise: String
    var noiseSource: String
    var measurementModel: SimulationModel?
    /// Bin of the rotation axis, from 0, where it was searched.
    var foundAxis: Double?
    var warnings: [String]
    var slices: [Slice] = []
    var outputs: [FileRecord] = []
    var seconds = 0.0

    struct Slice: Codable {
      /// From 1.
      var slice: Int
      /// By reconstruction; empty where there is no image.
      var status: [String: Verdict.Status]
      /// Why there is no image.
      var failure: String?
      var seconds: Double
      /// Samples raised to the smallest transmission before the logarithm.
      var clipped: Int
      /// Samples that the preprocessing found faulty.
      var replaced: Int
      /// SHA-256 of the samples of the page, by the name of the volume.
      var sha256: [String: String]
    }
  }

  init(
    _ description: PipelineDescription, _ identity: RunIdentity, scan: ScanInput, version: String,
    threads: Int
  ) {
    self.version = version
    names = description.reconstructions.map(\.name)
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
      program: identity.program, software: identity.libtorch.map { ["libtorch": $0] } ?? [:],
      pipeline: lastComponent(of: description.file), configuration: identity.configuration,
      seed: description.seed, threads: threads, inputs: identity.inputs, networks: identity.networks,
      noise: "\(scan.noise)", noiseSource: "\(scan.noiseSource)", measurementModel: scan.model,
      foundAxis: identity.axis,
      warnings: warnings)
  }

  // MARK: During the run

  /// Adds a sentence that a reader must know before believing the pictures.
  mutating func warn(_ sentence: String) { manifest.warnings.append(sentence) }

  mutating func time(_ stage: String, seconds: Double, slices: Int) {
    manifest.seconds += seconds
    if let place = stages.firstIndex(where: { $0.name == stage }) {
      stages[place].seconds += seconds
      stages[place].slices += slices
    } else {
      stages.append((stage, seconds, slices))
    }
  }

  /// Takes a slice that is in the journal; the later entry of a slice holds.
  mutating func add(_ entry: RunJournal.Entry) {
    let index = entry.slice - 1
    // The time of a slice that comes again for the report is not that of another one.
    if statuses[index] == nil {
      for stage in entry.stages { time(stage.name, seconds: stage.seconds, slices: 1) }
    }
    failures[index] = entry.failure
    statuses[index] = entry.verdicts.first?.status
  }

  /// Whether any slice was worked on.
  var isBegun: Bool { !statuses.isEmpty || !failures.isEmpty }

  /// Slices with an image, counted from 0.
  var done: Set<Int> { Set(statuses.keys) }

  // MARK: Afterwards

  /// `verdict.json`: the worst status of the first reconstruction, and the verdicts of all slices in order.
  ///
  /// Written from the journal entry by entry: the verdicts of a long scan do not fit into memory.
  func writeVerdicts(_ entries: RunJournal.Entries, to path: String) throws -> PendingFile {
    struct Frame: Encodable {
      let status: Verdict.Status
      let verdicts: [Verdict] = []
    }
    var entries = entries
    var verdicts: ArraySlice<Verdict> = []
    var file = try PendingFile(path: path)
    try LongJSON.write(try encoded(Frame(status: worst)), "verdicts", to: &file) {
      while verdicts.isEmpty, let entry = try entries.next(RunJournal.Entry.self) {
        verdicts = entry.verdicts[...]
      }
      return try verdicts.popFirst().map(encoded)
    }
    return file
  }

  /// `manifest.json`, its slices from the journal.
  ///
  /// - Parameter outputs: what else the run has written.
  mutating func manifest(
    _ entries: RunJournal.Entries, outputs: [FileRecord], to path: String
  ) throws -> PendingFile {
    manifest.outputs = outputs
    var entries = entries
    var file = try PendingFile(path: path)
    try LongJSON.write(try encoded(manifest), "slices", to: &file) {
      try entries.next(RunJournal.Outline.self).map { entry in
        try encoded(
          Manifest.Slice(
            slice: entry.slice,
            status: Dictionary(zip(names, entry.verdicts.map(\.status)), uniquingKeysWith: { a, _ in a }),
            failure: entry.failure, seconds: entry.seconds, clipped: entry.changed.clipped,
            replaced: entry.changed.replaced, sha256: entry.checksums))
      }
    }
    return file
  }

  private func encoded(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    return try encoder.encode(value)
  }

  private var worst: Verdict.Status { statuses.values.max() ?? .pass }

  func summary(output: String, of count: Int) -> PipelineRunner.Summary {
    var counts = Verdict.Status.allCases.map { status in
      "\(statuses.values.filter { $0 == status }.count) \(status.rawValue)"
    }
    if !failures.isEmpty { counts.append("\(failures.count) without an image") }
    return PipelineRunner.Summary(
      worst: worst, failures: failures,
      text: """
        \(count) \(count == 1 ? "slice" : "slices"): \(counts.joined(separator: ", "))
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
          "\(beam.bins) of \(brief(beam.binSpacing)) mm, axis at bin \(brief(beam.axis)) counted from 0"),
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
