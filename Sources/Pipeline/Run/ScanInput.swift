import Fields
import Formats
import Foundation
import Operators
import Reconstruction

/// The measurements of a scan, slice by slice, with the variance of every line integral.
public struct ScanInput: Sendable {
  public let path: String
  public let count: Int
  public let noise: NoiseModel
  /// Where ``noise`` comes from, in words for the report.
  public let noiseSource: String
  /// How the measurements were made, where the file says it.
  public let model: String?
  /// Lines over which every bin averages; what a simulation states, 4 for a detector.
  public let raysPerBin: Int
  /// Files that were read, in the order of the pipeline.
  public let files: [String]
  private let source: Source

  private enum Source: Sendable {
    case sinograms(TIFFSinograms)
    case projections(ProjectionSinograms)
  }

  /// Opens the input of a pipeline and checks it against the geometry.
  ///
  /// - Parameter path: instead of the one in the pipeline.
  /// - Throws: ``RunError``, `TIFFError`, `ProjectionError`.
  public init(_ description: PipelineDescription, path: String?, lookahead: Int = 2) async throws {
    let geometry = description.geometry
    let shape: Shape = [geometry.beam.angles.count, geometry.beam.bins]
    let info: StackInfo
    switch description.input {
    case .sinograms(let order, let standard):
      guard let path = path ?? standard else { throw RunError.noInput(description.file) }
      self.path = path
      files = [path]
      let stack = try TIFFStack(path: path)
      info = stack.info
      let sinograms = TIFFSinograms(TIFFPages(stack, lookahead: lookahead), order: order)
      guard sinograms.shape == shape else {
        throw RunError.wrongShape(path: path, found: sinograms.shape, expected: shape)
      }
      source = .sinograms(sinograms)
      count = stack.count
    case .projections(let standard, let flats, let darks):
      guard let path = path ?? standard else { throw RunError.noInput(description.file) }
      self.path = path
      let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
      let (flats, darks) = (resolve(flats, folder), darks.map { resolve($0, folder) })
      files = [path, flats] + (darks.map { [$0] } ?? [])
      let projections = try TIFFStack(path: path)
      info = projections.info
      guard projections.count == shape[0] else {
        throw RunError.wrongViews(path: path, found: projections.count, expected: shape[0])
      }
      let stack = try ProjectionStack(
        projections: projections, flats: TIFFStack(path: flats), darks: darks.map { try TIFFStack(path: $0) })
      guard stack.bins == shape[1] else {
        throw RunError.wrongShape(path: path, found: [stack.views.count, stack.bins], expected: shape)
      }
      let sinograms = ProjectionSinograms(stack, lookahead: lookahead)
      source = .projections(sinograms)
      count = sinograms.count
    }
    model = info.metadata["model"]
    raysPerBin = info.metadata["rays_per_bin"].flatMap { Int($0) }.map { min(max($0, 1), 64) } ?? 4
    (noise, noiseSource) = try await ScanInput.noise(description.noise, info.metadata, source: source, count: count)
    try noise.validate()
  }

  /// The sinogram of one slice, counted from 0, with its variance.
  public func slice(_ index: Int) async throws -> SliceMeasurement {
    let sinogram = try await ScanInput.sinogram(source, index)
    return SliceMeasurement(index: index, sinogram: sinogram, variance: noise.variance(of: sinogram))
  }

  /// How many samples of a slice were raised to the smallest transmission before the logarithm.
  public func clipped(_ index: Int) async -> Int {
    guard case .projections(let sinograms) = source else { return 0 }
    return await sinograms.clipped(at: index) ?? 0
  }

  private static func sinogram(_ source: Source, _ index: Int) async throws -> Sinogram {
    switch source {
    case .sinograms(let sinograms): try await sinograms.field(at: index)
    case .projections(let sinograms): try await sinograms.field(at: index)
    }
  }

  /// What the file says of its noise comes first: a simulation knows it exactly.
  private static func noise(
    _ description: NoiseDescription, _ metadata: [String: String], source: Source, count: Int
  ) async throws -> (NoiseModel, String) {
    if let sigma = metadata["noise_sigma"].flatMap(Double.init), sigma > 0 {
      return (.gaussian(sigma: sigma), "stated in the input")
    }
    if let photons = metadata["noise_photons"].flatMap(Double.init) {
      return (.photons(perRay: photons), "stated in the input")
    }
    switch description {
    case .sigma(let sigma): return (.gaussian(sigma: sigma), "stated in the pipeline")
    case .photons(let photons): return (.photons(perRay: photons), "stated in the pipeline")
    case .relative(let level):
      var sum = 0.0
      var samples = 0
      for index in 0..<count {
        let y = try await sinogram(source, index)
        sum += y.samples.reduce(0) { $0 + Double($1) }
        samples += y.samples.count
      }
      let mean = sum / Double(max(samples, 1))
      return (
        .gaussian(sigma: level * max(abs(mean), 1e-9)),
        "\(level) of the mean line integral of the scan, \(String(format: "%.4g", mean))"
      )
    case .estimated:
      var variances: [Double] = []
      for index in 0..<count {
        variances.append(estimatedNoiseVariance(try await sinogram(source, index)))
      }
      let sigma = (variances.reduce(0, +) / Double(max(variances.count, 1))).squareRoot()
      return (.gaussian(sigma: max(sigma, 1e-9)), "estimated from neighbouring bins")
    }
  }
}

/// Variance of the noise of a sinogram from third differences along the detector.
///
///     σ = 1.4826 · median |p₋₁ − 3 p₀ + 3 p₁ − p₂| / √20
///
/// Third differences of a smooth curve vanish; those of independent noise have variance 20 σ². The median does
/// not see the few bins where an edge is projected.
///
/// Source: the estimator of Hall, Kay, Titterington, Biometrika 77 (1990), DOI 10.1093/biomet/77.3.521, for
/// order 3 differences, with the median absolute deviation.
package func estimatedNoiseVariance(_ sinogram: Sinogram) -> Double {
  let (views, bins) = (sinogram.shape[0], sinogram.shape[1])
  guard bins > 3 else { return 0 }
  var differences: [Float] = []
  differences.reserveCapacity(views * (bins - 3))
  for view in 0..<views {
    for bin in 0..<bins - 3 {
      let p = (0..<4).map { sinogram[view, bin + $0] }
      differences.append(abs(p[0] - 3 * p[1] + 3 * p[2] - p[3]))
    }
  }
  differences.sort()
  let sigma = 1.4826 * Double(differences[differences.count / 2]) / 20.0.squareRoot()
  return sigma * sigma
}
