import Fields
import Formats
import Foundation
import Operators
import Reconstruction

/// Where the noise of a scan is known from.
public enum NoiseSource: Codable, Hashable, Sendable, CustomStringConvertible {
  /// The file of the measurements states it: a simulation knows it exactly.
  case input
  /// The pipeline states σ or photons.
  case pipeline
  /// The pipeline states σ relative to the mean line integral, which was measured.
  case relative(Double, mean: Double)
  /// Measured on the data themselves.
  case estimated

  public var description: String {
    switch self {
    case .input: "stated in the input"
    case .pipeline: "stated in the pipeline"
    case .relative(let level, let mean):
      "\(level) of the mean line integral of the scan, \(String(format: "%.4g", mean))"
    case .estimated: "estimated from neighbouring bins"
    }
  }
}

/// The noise of a scan, and where it is known from.
struct ScanNoise: Codable, Equatable {
  var model: NoiseModel
  var source: NoiseSource
}

/// The measurements of a scan, slice by slice, with the variance of every line integral.
public struct ScanInput: FieldSource {
  public typealias Element = SliceMeasurement

  public let path: String
  public let count: Int
  public let noise: NoiseModel
  /// Where ``noise`` comes from.
  public let noiseSource: NoiseSource
  /// How the measurements were simulated; nil for a scan, and where the file does not say it.
  public let model: SimulationModel?
  /// Lines over which every bin averages; what a simulation states, 4 for a detector.
  public let raysPerBin: Int
  /// What was read, in the order of the pipeline: paths as they were given, with their files in the order of the pages.
  public let files: [(path: String, parts: [String])]
  public let lookahead: Int
  /// From slice to slice in mm, where the file says it.
  public var sliceSpacing: Double? { sinograms.sliceSpacing }
  private let sinograms: PreparedSinograms

  /// Opens the input of a pipeline and checks it against the geometry.
  ///
  /// - Parameter path: instead of the one in the pipeline.
  /// - Throws: ``RunError``, ``AxisError/notSearched(file:)``, `TIFFError`, `ProjectionError`.
  public init(_ description: PipelineDescription, path: String?, lookahead: Int = 1) async throws {
    try await self.init(description, path: path, lookahead: lookahead, noise: nil)
  }

  /// - Parameter noise: where it is known already from an earlier part of the same run.
  init(
    _ description: PipelineDescription, path: String?, lookahead: Int = 1, noise known: ScanNoise?
  ) async throws {
    if case .searched = description.geometry.axis { throw AxisError.notSearched(file: description.file) }
    let sinograms = try PreparedSinograms(description, path: path, lookahead: lookahead)
    self.sinograms = sinograms
    self.path = sinograms.path
    files = sinograms.files
    count = sinograms.count
    let info = sinograms.info
    self.lookahead = lookahead
    model = info.metadata["model"].flatMap(SimulationModel.init)
    raysPerBin =
      info.metadata["rays_per_bin"].flatMap { Int($0) }.map { Swift.min(Swift.max($0, 1), 64) } ?? 4
    if let known {
      (noise, noiseSource) = (known.model, known.source)
    } else {
      (noise, noiseSource) = try await ScanInput.noise(
        description.noise, info.metadata, of: sinograms)
    }
    try noise.validate()
  }

  /// The sinogram of one slice, counted from 0, with its variance.
  public func field(at index: Int) async throws -> SliceMeasurement {
    let sinogram = try await sinograms.field(at: index)
    return SliceMeasurement(index: index, sinogram: sinogram, variance: noise.variance(of: sinogram))
  }

  /// σ of the line integrals relative to their mean, as h-networks state the noise they were tuned for: over at most
  /// four slices that are spread over the scan.
  func relativeNoise() async throws -> Double {
    let measurements = try await ScanInput.readable(4, of: count) { try await field(at: $0) }
    let mean = measurements.reduce(0) { $0 + meanLineIntegral($1.sinogram) }
    let square = measurements.reduce(0) { $0 + $1.sigma * $1.sigma }
    return (square * Double(measurements.count)).squareRoot() / abs(mean)
  }

  /// Slices that are spread over a scan, without those that cannot be read: a run reports them one by one.
  ///
  /// - Throws: why the last of them cannot be read, where none can.
  private static func readable<Element>(
    _ most: Int, of count: Int, _ read: (Int) async throws -> Element
  ) async throws -> [Element] {
    let shown = Swift.min(count, most)
    var found: [Element] = []
    for k in 0..<shown {
      do {
        found.append(try await read((2 * k + 1) * count / (2 * shown)))
      } catch {
        if error is CancellationError || (k == shown - 1 && found.isEmpty) { throw error }
      }
    }
    return found
  }

  /// How many samples of a slice were raised to the smallest transmission before the logarithm.
  public func clipped(_ index: Int) -> Int { sinograms.clipped(index) }

  /// Bytes of the blocks of rows that are held, beside the slices.
  public var memory: Int { sinograms.memory }

  /// How many samples of a slice preprocessing found faulty and replaced.
  public func replaced(_ index: Int) -> Int { sinograms.replaced(index) }

  /// What the file says of its noise comes first: a simulation knows it exactly.
  private static func noise(
    _ description: NoiseDescription, _ metadata: [String: String], of sinograms: PreparedSinograms
  ) async throws -> (NoiseModel, NoiseSource) {
    if let sigma = metadata["noise_sigma"].flatMap(Double.init), sigma > 0 {
      return (.gaussian(sigma: sigma), .input)
    }
    if let photons = metadata["noise_photons"].flatMap(Double.init) {
      return (.photons(perRay: photons), .input)
    }
    /// The mean of a figure over slices that are spread over the scan.
    func mean(_ figure: (Sinogram) -> Double) async throws -> Double {
      let figures = try await readable(32, of: sinograms.count) {
        figure(try await sinograms.field(at: $0))
      }
      return figures.reduce(0, +) / Double(Swift.max(figures.count, 1))
    }
    switch description {
    case .sigma(let sigma): return (.gaussian(sigma: sigma), .pipeline)
    case .photons(let photons): return (.photons(perRay: photons), .pipeline)
    case .relative(let level):
      let mean = try await mean(meanLineIntegral)
      return (.gaussian(sigma: level * Swift.max(abs(mean), 1e-9)), .relative(level, mean: mean))
    case .estimated:
      let sigma = try await mean(estimatedNoiseVariance).squareRoot()
      return (.gaussian(sigma: Swift.max(sigma, 1e-9)), .estimated)
    }
  }
}

/// The mean line integral of a sinogram.
private func meanLineIntegral(_ sinogram: Sinogram) -> Double {
  sinogram.samples.reduce(0) { $0 + Double($1) } / Double(Swift.max(sinogram.samples.count, 1))
}
