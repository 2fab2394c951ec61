import Diffusion
import Fields
import Formats
import Foundation

/// Images drawn from a prior alone, to look at what it has learnt.
///
/// Image k has its own stream of random numbers, whatever the others are.
public struct PriorSamples {
  public let count: Int
  public let rows: Int
  public let columns: Int
  private let prior: DiffusionPrior
  private let steps: Int
  private let eta: Double
  private let noise: ImageStack?
  private let seed: UInt64

  /// The longest side that fits into memory with every layer of a network.
  public static let largestSide = 4096

  /// - Parameters:
  ///   - prior: the folder of a prior, or a TorchScript file.
  ///   - steps: of the sampler, one evaluation of the prior each.
  ///   - eta: fresh noise per step, 0 to 1.
  ///   - noise: a stack whose pages, standard normal noise, are the starts; they give number and size of the images.
  /// - Throws: ``SamplingError``, `CheckpointError`, `TIFFError`.
  public init(
    prior path: String, steps: Int, eta: Double, size: Int, count: Int, noise: String? = nil, seed: UInt64
  ) throws {
    prior = try DiffusionPrior(path: path)
    guard steps <= prior.schedule.steps else {
      throw SamplingError.tooManySteps(path, found: steps, most: prior.schedule.steps)
    }
    self.noise = try noise.map { try ImageStack(path: $0) }
    (rows, columns, self.count) =
      self.noise.map { ($0.info.rows, $0.info.columns, $0.count) } ?? (size, size, count)
    guard max(rows, columns) <= Self.largestSide else {
      throw SamplingError.tooLarge([rows, columns], most: Self.largestSide)
    }
    self.steps = steps
    self.eta = eta
    self.seed = seed
  }

  /// Writes the images in the prior's unit.
  ///
  /// - Parameter progress: called after every image with the number done; what it throws ends the work, and nothing is
  ///   left under `path`.
  public func write(to path: String, progress: (Int) throws -> Void = { _ in }) async throws {
    try expectNoise()
    let range = prior.description.range
    let denoiser = PriorDenoiser(prior, on: ImageSpace(shape: [rows, columns]))
    let sink = PageSink(
      try TIFFWriter(
        path: path, rows: rows, columns: columns, pages: count, unit: range.unit,
        metadata: ["seed": "\(seed)", "steps": "\(steps)", "eta": "\(eta)"]))
    for page in 0..<count {
      var generator = SplitMix64(seed: seed, purpose: .priorSample, stream: page)
      let image = try DDIMSampler(eta: eta).sample(
        denoiser, steps: prior.schedule.timesteps(steps), from: noise?.page(page), using: &generator)
      try await sink.append(range.physical(image))
      try progress(page + 1)
    }
    try await sink.finish()
  }
}

extension PriorSamples {
  /// - Throws: ``SamplingError/notNoise(_:page:rms:)`` where a page to start from is no standard normal noise.
  private func expectNoise() throws {
    guard let noise else { return }
    for page in 0..<count {
      let samples = try noise.page(page).samples
      let rms = (samples.reduce(0) { $0 + Double($1) * Double($1) } / Double(samples.count)).squareRoot()
      // That of images in HU is some hundred, in 1/mm some hundredths; that of noise on 16² pixels is 1 ± 0.05.
      guard (0.5...2).contains(rms) else {
        throw SamplingError.notNoise(noise.path, page: page + 1, rms: rms)
      }
    }
  }
}

/// Why images cannot be drawn from a prior.
public enum SamplingError: Error, Equatable, CustomStringConvertible {
  case tooManySteps(String, found: Int, most: Int)
  case tooLarge(Shape, most: Int)
  /// The page counts from 1.
  case notNoise(String, page: Int, rms: Double)

  public var description: String {
    switch self {
    case .tooManySteps(let path, let found, let most):
      "the prior '\(path)' knows \(most) steps, \(found) were asked for. Give at most \(most)."
    case .tooLarge(let found, let most):
      "images of \(found) pixels are too large to be drawn. Give at most \(most) along each side."
    case .notNoise(let path, let page, let rms):
      "page \(page) of '\(path)' has the root mean square \(String(format: "%.3g", rms)), that of standard normal noise is 1. "
        + "Give a stack of such noise, or leave '--noise' out."
    }
  }
}
