import Crypto
import Diffusion
import Fields
import Foundation
import Operators
import Reconstruction

/// Builds the methods of a run and shares what they have in common: one operator for every geometry, one
/// copy of every network.
///
/// Not `Sendable`: it holds networks. One task works with it.
public final class MethodWorkshop {
  public let description: PipelineDescription
  public let threads: Int
  private var tomographies: [Int: NormalizedTomography<RadonTransform>] = [:]
  private var modelErrors: [Int: ModelError] = [:]
  private var prior: DiffusionPrior?
  private var networks: [String: HCheckpoint] = [:]

  public init(_ description: PipelineDescription, threads: Int) {
    self.description = description
    self.threads = threads
    Torch.setThreads(threads)
  }

  /// The operator for every n-th view.
  public func tomography(everyView n: Int = 1) throws -> NormalizedTomography<RadonTransform> {
    if let ready = tomographies[n] { return ready }
    let geometry = description.geometry.everyView(n)
    let A = try RadonTransform(geometry.grid, beam: geometry.beam, threads: threads)
    let tomography = try NormalizedTomography(A, scale: description.attenuation, threads: threads)
    tomographies[n] = tomography
    return tomography
  }

  /// How far the operator is from what made the data: itself, rays through the same pixels, or the line
  /// integrals of a continuous object.
  func modelError(everyView n: Int, of scan: ScanInput) throws -> ModelError {
    if scan.model == "operator" { return .none }
    if let ready = modelErrors[n] { return ready }
    let A = try tomography(everyView: n).A
    let measured =
      scan.model == "rays"
      ? try ModelError.measure(A, against: RayTransform(A.domain, beam: A.beam, threads: threads))
      : try ModelError.measure(A, raysPerBin: scan.raysPerBin)
    modelErrors[n] = measured
    return measured
  }

  public func method(_ method: MethodDescription, everyView n: Int = 1) throws -> any Reconstructor {
    let tomography = try tomography(everyView: n)
    switch method {
    case .fbp(let window, let cutoff):
      return try FilteredBackProjection(tomography.A, window: window, cutoff: cutoff)
    case .cgls(let limit):
      return LeastSquaresMethod(tomography.A, limit: limit)
    case .tv(.discrepancy, let limit):
      return try TotalVariationMethod(tomography.A, limit: limit, threads: threads)
    case .tv(.fixed(let lambda), let limit):
      return try TotalVariationMethod(tomography.A, weight: .fixed(lambda), limit: limit, threads: threads)
    case .dds(let sampling):
      return try PosteriorSampling(
        tomography, prior: loadPrior(), guidance: .dds, settings: settings(sampling, standardSteps: 50))
    case .deft(let sampling, let path):
      let prior = try loadPrior()
      let network = try loadNetwork(path)
      return try PosteriorSampling(
        tomography, prior: prior, guidance: .deft(network), settings: settings(sampling, standardSteps: nil))
    case .postprocess(let path):
      return try PostprocessMethod(tomography, PostprocessCheckpoint(path: path, for: tomography.fingerprint))
    }
  }

  private func settings(
    _ sampling: MethodDescription.SamplingDescription, standardSteps: Int?
  ) -> PosteriorSampling<RadonTransform>.Settings {
    let estimate: PosteriorSampling<RadonTransform>.Estimate =
      switch sampling.estimate {
      case .sample: .sample
      case .mean: .mean
      case .fast: .fast
      }
    return .init(
      estimate, steps: sampling.steps ?? standardSteps, eta: sampling.eta, draws: sampling.draws,
      seed: description.seed)
  }

  public func loadPrior() throws -> DiffusionPrior {
    if let prior { return prior }
    guard let path = description.prior else { throw RunError.noPrior(description.file) }
    let loaded = try DiffusionPrior(path: path)
    prior = loaded
    return loaded
  }

  private func loadNetwork(_ path: String) throws -> HCheckpoint {
    if let network = networks[path] { return network }
    let network = try HCheckpoint(path: path)
    if let prior = description.prior { try network.expect(prior: checkpointChecksum(prior)) }
    networks[path] = network
    return network
  }
}

/// SHA-256 of the weights of a checkpoint, in hexadecimal.
public func checkpointChecksum(_ path: String) throws -> String {
  try fileChecksum(path.hasSuffix(".pt") ? path : CheckpointFiles.weights(in: path))
}

/// SHA-256 of a file, in hexadecimal, read piece by piece.
public func fileChecksum(_ path: String) throws -> String {
  guard let file = FileHandle(forReadingAtPath: path) else { throw RunError.unreadable(path) }
  defer { try? file.close() }
  var hash = SHA256()
  while let piece = try file.read(upToCount: 1 << 20), !piece.isEmpty { hash.update(data: piece) }
  return hash.finalize().map { String(format: "%02x", $0) }.joined()
}
