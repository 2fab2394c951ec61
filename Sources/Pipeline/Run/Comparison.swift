import Fields
import Formats
import Foundation
import Operators
import Reconstruction

/// Methods against ground truth, one row per method.
public struct ComparisonTable: Codable, Sendable {
  public struct Row: Codable, Sendable {
    public var name: String
    /// The method as it was asked for: `deft:10:eta=0`.
    public var method: String
    public var nfe: Int
    /// In dB, as are all; nil, and no key in the JSON, where a slice equals the truth and its PSNR is infinite.
    public var psnr: Double?
    public var ssim: Double
    /// The same inside the circle that touches the slice's edges.
    public var psnrCircle: Double?
    public var ssimCircle: Double
    /// In HU.
    public var rmse: Double
    public var secondsPerSlice: Double
    /// Per ray, against the noise alone.
    public var chi2: Double
    public var slices: [Slice]
  }

  public struct Slice: Codable, Sendable {
    /// Counted from 1.
    public var slice: Int
    /// Nil where the image equals the truth.
    public var psnr: Double?
    public var ssim: Double
    public var psnrCircle: Double?
    public var ssimCircle: Double
    public var rmse: Double
    public var seconds: Double
    public var chi2: Double
    /// False where an iteration ended at its limit of steps.
    public var converged: Bool
  }

  /// Those that are finished, in the order in which they were named.
  public internal(set) var methods: [Row]
  public let dataRange: Double
  public let unit: String
  /// How the measurements were made, where their file says it.
  public let model: SimulationModel?
  /// Of the first slice.
  public let noiseSigma: Double
  public let input: String
  public let truth: String
  public let threads: Int
  public let seed: UInt64

  /// Indented JSON with sorted keys.
  public func json() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    return try encoder.encode(self)
  }
}

/// Runs methods on the slices of a scan and measures them against the truth, one slice in memory at a time.
public struct Comparison {
  public let workshop: MethodWorkshop
  public let scan: ScanInput
  public let truth: AttenuationVolume
  /// Width of the window in HU that counts as the peak of PSNR and SSIM.
  public static let dataRange = 2000.0

  /// - Throws: ``RunError/differentCounts(_:_:_:_:)``.
  public init(_ workshop: MethodWorkshop, scan: ScanInput, truth: AttenuationVolume) throws(RunError) {
    guard truth.count == scan.count else {
      throw .differentCounts(truth.path, truth.count, scan.path, scan.count)
    }
    self.workshop = workshop
    self.scan = scan
    self.truth = truth
  }

  /// - Parameters:
  ///   - methods: as they were asked for, with what that means.
  ///   - images: a folder that gets the images of every finished method in HU, `METHOD.tif`.
  ///   - json: a file that gets the table after every finished method.
  ///   - onSlice: gets the method as it was asked for and the figures of a slice.
  ///   - onMethod: gets the table after every finished method.
  /// - Throws: `CancellationError` when the task is cancelled; finished methods have been handed over by then.
  ///   ``RunError/replacesInput(output:)`` and `FileError` before the first method.
  public func run(
    _ methods: [(argument: String, method: MethodDescription)], images: String? = nil,
    json: String? = nil, onSlice: (String, ComparisonTable.Slice) -> Void = { _, _ in },
    onMethod: (ComparisonTable) -> Void = { _ in }
  ) async throws -> ComparisonTable {
    var table = ComparisonTable(
      methods: [], dataRange: Self.dataRange, unit: "HU", model: scan.model,
      noiseSigma: try await scan.field(at: 0).sigma, input: scan.path, truth: truth.path,
      threads: workshop.threads, seed: workshop.description.seed)
    let paths = methods.indices.map { place in
      images.map { "\($0)/\(Self.fileName(of: place, among: methods.map(\.argument)))" }
    }
    try expectOther(
      (paths + [json]).compactMap(\.self),
      than: workshop.description.inputs(of: methods.map(\.method), scan: scan) + truth.files)
    // What cannot be written, and a network that does not fit, is found before hours of work.
    if let json { _ = try PendingFile(path: json) }
    let prepared = try methods.map { try workshop.method($0.method) }
    if let images { try makeFolder(images) }
    for (path, (entry, method)) in zip(paths, zip(methods, prepared)) {
      let slices = try await measure(method, entry.argument, images: path) { onSlice(entry.argument, $0) }
      table.methods.append(row(entry.argument, entry.method, method.evaluations, slices))
      onMethod(table)
      if let json { try writeFile(try table.json(), to: json) }
    }
    return table
  }

  private func measure(
    _ method: any Reconstructor, _ argument: String, images path: String?,
    onSlice: (ComparisonTable.Slice) -> Void
  ) async throws -> [ComparisonTable.Slice] {
    let A = try workshop.tomography().A
    let scale = workshop.description.attenuation
    let sink = try path.map { path in
      PageSink(
        try TIFFWriter(
          path: path, rows: A.domain.shape[0], columns: A.domain.shape[1], pages: scan.count,
          spacing: Spacing(x: A.domain.spacing[1], y: A.domain.spacing[0]), unit: "HU",
          metadata: ["method": argument]))
    }
    var slices: [ComparisonTable.Slice] = []
    for try await measurement in scan {
      try Task.checkCancellation()
      let truth = scale.hounsfield(try await truth.field(at: measurement.index))
      let start = ContinuousClock.now
      let reconstruction = try method.reconstruct(measurement)
      let image = reconstruction.image
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      guard image.samples.allSatisfy(\.isFinite) else {
        throw RunError.notFinite(method: argument, slice: measurement.index + 1)
      }
      let found = scale.hounsfield(image)
      func psnr(_ region: Region) throws -> Double? {
        let value = try Reconstruction.psnr(
          found, reference: truth, dataRange: Self.dataRange, region: region)
        return value.isFinite ? value : nil
      }
      func ssim(_ region: Region) throws -> Double {
        try Reconstruction.ssim(found, reference: truth, dataRange: Self.dataRange, region: region)
      }
      let figures = ComparisonTable.Slice(
        slice: measurement.index + 1, psnr: try psnr(.whole), ssim: try ssim(.whole),
        psnrCircle: try psnr(.circle),
        ssimCircle: try ssim(.circle), rmse: try rmse(found, reference: truth), seconds: seconds,
        chi2: reducedChiSquare(A(image), measurement), converged: reconstruction.hasConverged)
      slices.append(figures)
      try await sink?.append(found)
      onSlice(figures)
    }
    try await sink?.finish()
    return slices
  }

  private func row(
    _ argument: String, _ method: MethodDescription, _ evaluations: Int, _ slices: [ComparisonTable.Slice]
  ) -> ComparisonTable.Row {
    func mean(_ key: (ComparisonTable.Slice) -> Double) -> Double {
      slices.reduce(0) { $0 + key($1) } / Double(max(slices.count, 1))
    }
    func finiteMean(_ key: (ComparisonTable.Slice) -> Double?) -> Double? {
      slices.contains { key($0) == nil } ? nil : mean { key($0) ?? 0 }
    }
    return ComparisonTable.Row(
      name: method.name.rawValue, method: argument, nfe: evaluations, psnr: finiteMean(\.psnr),
      ssim: mean(\.ssim), psnrCircle: finiteMean(\.psnrCircle), ssimCircle: mean(\.ssimCircle),
      rmse: mean(\.rmse), secondsPerSlice: mean(\.seconds), chi2: mean(\.chi2), slices: slices)
  }

  /// Letters and digits of a method as it was asked for; with its number where another has the same.
  static func fileName(of place: Int, among arguments: [String]) -> String {
    let names = arguments.map { String($0.map { $0.isLetter || $0.isNumber ? $0 : Character("-") }) }
    let isFirst = names.firstIndex(of: names[place]) == place
    return names[place] + (isFirst ? "" : "-\(place + 1)") + ".tif"
  }

  private func reducedChiSquare(_ projection: Sinogram, _ measurement: SliceMeasurement) -> Double {
    var sum = 0.0
    for i in projection.samples.indices {
      let residual = Double(projection.samples[i]) - Double(measurement.sinogram.samples[i])
      sum += residual * residual / Double(measurement.variance.samples[i])
    }
    return sum / Double(projection.samples.count)
  }
}
