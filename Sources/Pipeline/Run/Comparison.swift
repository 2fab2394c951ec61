import Diffusion
import Fields
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
    public var psnr: Double
    public var ssim: Double
    /// The same inside the circle that touches the slice's edges.
    public var psnrCircle: Double
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
    public var psnr: Double
    public var ssim: Double
    public var psnrCircle: Double
    public var ssimCircle: Double
    public var rmse: Double
    public var seconds: Double
    public var chi2: Double
  }

  public var methods: [Row]
  public var dataRange: Double
  public var unit: String
  /// How the measurements were made, where their file says it.
  public var model: String?
  public var noiseSigma: Double
  public var input: String
  public var truth: String
  public var threads: Int
  public var seed: UInt64

  public init(_ methods: [Row], scan: ScanInput, sigma: Double, truth: String, threads: Int, seed: UInt64) {
    self.methods = methods
    dataRange = Comparison.dataRange
    unit = "HU"
    model = scan.model
    noiseSigma = sigma
    input = scan.path
    self.truth = truth
    self.threads = threads
    self.seed = seed
  }
}

/// Runs methods on the slices of a scan and measures them against the truth.
public struct Comparison {
  private let workshop: MethodWorkshop
  /// Width of the window in HU that counts as the peak of PSNR and SSIM.
  public static let dataRange = 2000.0

  public init(_ workshop: MethodWorkshop) { self.workshop = workshop }

  /// - Parameters:
  ///   - truth: one image per slice, in HU.
  ///   - onSlice: gets the method's place, the slice, its image in HU and its figures.
  public func run(
    _ methods: [(argument: String, method: MethodDescription)], measurements: [SliceMeasurement], truth: [Image],
    onSlice: (Int, Int, Image, ComparisonTable.Slice) throws -> Void
  ) throws -> [ComparisonTable.Row] {
    let A = try workshop.tomography().A
    let scale = workshop.description.attenuation
    return try methods.enumerated().map { place, entry in
      let method = try workshop.method(entry.method)
      var slices: [ComparisonTable.Slice] = []
      for (measurement, truth) in zip(measurements, truth) {
        let start = ContinuousClock.now
        let image = try method.reconstruct(measurement).image
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let hounsfield = scale.hounsfield(image)
        let range = Comparison.dataRange
        let figures = ComparisonTable.Slice(
          slice: measurement.index + 1, psnr: try psnr(hounsfield, reference: truth, dataRange: range),
          ssim: try ssim(hounsfield, reference: truth, dataRange: range),
          psnrCircle: try psnr(hounsfield, reference: truth, dataRange: range, region: .circle),
          ssimCircle: try ssim(hounsfield, reference: truth, dataRange: range, region: .circle),
          rmse: try Reconstruction.rmse(hounsfield, reference: truth), seconds: seconds,
          chi2: reducedChiSquare(A(image), measurement))
        slices.append(figures)
        try onSlice(place, measurement.index, hounsfield, figures)
      }
      func mean(_ key: (ComparisonTable.Slice) -> Double) -> Double {
        slices.reduce(0) { $0 + key($1) } / Double(max(slices.count, 1))
      }
      return ComparisonTable.Row(
        name: entry.method.name.rawValue, method: entry.argument, nfe: method.evaluations, psnr: mean(\.psnr),
        ssim: mean(\.ssim), psnrCircle: mean(\.psnrCircle), ssimCircle: mean(\.ssimCircle), rmse: mean(\.rmse),
        secondsPerSlice: mean(\.seconds), chi2: mean(\.chi2), slices: slices)
    }
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
