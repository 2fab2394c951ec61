import Diffusion
import Fields
import Foundation
import Operators
import Reconstruction

/// Builds the methods of a run and shares what they have in common: one operator and one judge for every geometry, one
/// copy of every network.
///
/// Not `Sendable`: it holds networks. One task works with it.
public final class MethodWorkshop {
  public let description: PipelineDescription
  public let threads: Int
  private var operators: [Int: RadonTransform] = [:]
  private var tomographies: [Int: NormalizedTomography<RadonTransform>] = [:]
  private var judges: [Int: MeasurementConsistency<RadonTransform>] = [:]
  private var benches: [Int: JudgingBench] = [:]
  private var prior: DiffusionPrior?
  private var networks: [String: HCheckpoint] = [:]

  public init(_ description: PipelineDescription, threads: Int) {
    self.description = description
    self.threads = threads
    if description.usesNetworks { Torch.setThreads(threads) }
  }

  /// The operators of a run and what judges by them: prepared once, used by many tasks.
  struct Plans: Sendable {
    fileprivate var operators: [Int: RadonTransform] = [:]
    fileprivate var tomographies: [Int: NormalizedTomography<RadonTransform>] = [:]
    fileprivate var judges: [Int: MeasurementConsistency<RadonTransform>] = [:]

    /// What the log says of the operator for every n-th view.
    func modelErrorText(_ n: Int) -> String {
      guard let error = judges[n]?.modelError, error != .none else {
        return "none (the data were made with the reconstruction's own operator)"
      }
      return String(format: "%.2f of the step between neighbouring bins", error.factor)
    }
  }

  /// The plans of all reconstructions of a pipeline.
  static func plans(_ description: PipelineDescription, scan: ScanInput, sharing: WorkSharing) throws -> Plans
  {
    let workshop = MethodWorkshop(description, threads: sharing.inside)
    for named in description.reconstructions {
      _ = try workshop.judge(everyView: named.everyView, of: scan, threads: sharing.width * sharing.inside)
      if named.method.usesNetworks { _ = try workshop.tomography(everyView: named.everyView) }
    }
    return Plans(
      operators: workshop.operators, tomographies: workshop.tomographies, judges: workshop.judges)
  }

  convenience init(_ description: PipelineDescription, threads: Int, plans: Plans) {
    self.init(description, threads: threads)
    (operators, tomographies, judges) = (plans.operators, plans.tomographies, plans.judges)
  }

  /// The operator for every n-th view.
  private func transform(everyView n: Int) throws -> RadonTransform {
    if let ready = operators[n] { return ready }
    let geometry = description.geometry.everyView(n)
    if let wisdom = description.wisdom { try FourierWisdom.read(contentsOf: wisdom) }
    let A = try RadonTransform(geometry.grid, beam: geometry.beam, threads: threads)
    operators[n] = A
    return A
  }

  /// The operator for every n-th view in the units of a network.
  public func tomography(everyView n: Int = 1) throws -> NormalizedTomography<RadonTransform> {
    if let ready = tomographies[n] { return ready }
    let tomography = try NormalizedTomography(
      transform(everyView: n), scale: description.attenuation, threads: threads)
    tomographies[n] = tomography
    return tomography
  }

  /// What judges the reconstructions from every n-th view.
  func bench(everyView n: Int, of scan: ScanInput) throws -> JudgingBench {
    if let ready = benches[n] { return ready }
    let bench = try JudgingBench(
      judge(everyView: n, of: scan, threads: threads), description.verdict, threads: threads)
    benches[n] = bench
    return bench
  }

  /// - Parameter threads: that prepare it.
  private func judge(
    everyView n: Int, of scan: ScanInput, threads: Int
  ) throws -> MeasurementConsistency<RadonTransform> {
    if let ready = judges[n] { return ready }
    let A = try transform(everyView: n)
    let judge = try MeasurementConsistency(
      A, modelError: modelError(A, of: scan, threads: threads), thresholds: description.verdict.thresholds,
      threads: threads)
    judges[n] = judge
    return judge
  }

  /// How far the operator is from what made the data: itself, rays through the same pixels, or the line
  /// integrals of a continuous object.
  private func modelError(_ A: RadonTransform, of scan: ScanInput, threads: Int) throws -> ModelError {
    switch scan.model {
    case .operator: return .none
    case .rays:
      let rays = try ImageProjector.rays(A.beam, A.domain, perBin: scan.raysPerBin, threads: A.threads)
      return try ModelError.measure(A, against: { rays($0) }, threads: threads)
    case .closedForm, nil:
      return try ModelError.measure(A, raysPerBin: scan.raysPerBin, threads: threads)
    }
  }

  public func method(_ method: MethodDescription, everyView n: Int = 1) throws -> any Reconstructor {
    let A = try transform(everyView: n)
    switch method {
    case .fbp(let window, let cutoff, let padding):
      return try FilteredBackProjection(A, window: window, cutoff: cutoff, padding: padding)
    case .cgls(let limit):
      return LeastSquaresMethod(A, limit: limit)
    case .sirt(let limit, let relaxation):
      return SIRTMethod(A, limit: limit, relaxation: relaxation)
    case .osSART(let limit, let subsets, let relaxation):
      return try OSSARTMethod(A, subsets: subsets, limit: limit, relaxation: relaxation)
    case .tv(let weight, let limit):
      return try TotalVariationMethod(
        A, weight: Self.weight(weight), limit: limit, threads: threads)
    case .fista(let weight, let limit):
      return try TotalVariationMethod(
        A, weight: Self.weight(weight), limit: limit, algorithm: .fista, threads: threads)
    case .dds(let sampling):
      return try PosteriorSampling(
        tomography(everyView: n), prior: loadPrior(), guidance: .dds,
        settings: settings(sampling, standardSteps: 50))
    case .deft(let sampling, let path):
      let prior = try loadPrior()
      let network = try loadNetwork(path)
      return try PosteriorSampling(
        tomography(everyView: n), prior: prior, guidance: .deft(network),
        settings: settings(sampling, standardSteps: nil))
    case .postprocess(let path):
      let tomography = try tomography(everyView: n)
      return try PostprocessMethod(tomography, PostprocessCheckpoint(path: path, for: tomography.fingerprint))
    }
  }

  private static func weight(
    _ weight: MethodDescription.TVWeight
  ) -> TotalVariationMethod<RadonTransform>.Weight {
    switch weight {
    case .discrepancy: .discrepancy(target: 1)
    case .fixed(let lambda): .fixed(lambda)
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

  /// Sentences on h-networks in use that were tuned for other noise than that of the scan.
  ///
  /// - Parameter level: σ of the line integrals relative to their mean.
  func noiseWarnings(relative level: Double) -> [String] {
    networks.sorted { $0.key < $1.key }.compactMap { $0.value.noiseWarning(relative: level) }
  }

  var usesTunedNetworks: Bool { !networks.isEmpty }
}

/// What judges the reconstructions of one geometry, and the total variation they are compared with.
final class JudgingBench {
  let judge: MeasurementConsistency<RadonTransform>
  /// Nil where nobody asked for it.
  let nullSpace: NullSpace<RadonTransform>?
  /// The same.
  private let totalVariation: TotalVariationMethod<RadonTransform>?
  private var latest: (slice: Int, reconstruction: SliceReconstruction)?

  /// The method whose image ``reference(_:)`` gives.
  private static let referenceMethod = MethodDescription.tv(.discrepancy, limit: 3000)

  init(
    _ judge: MeasurementConsistency<RadonTransform>, _ description: VerdictDescription, threads: Int
  ) throws {
    self.judge = judge.separate()
    nullSpace = description.mapsNullSpace ? NullSpace(judge.A) : nil
    guard case .tv(_, let limit) = Self.referenceMethod else {
      preconditionFailure("the reference is not TV")
    }
    totalVariation =
      description.reference == .totalVariation
      ? try TotalVariationMethod(judge.A, limit: limit, threads: threads) : nil
  }

  /// Whether ``reference(_:)`` gives what a method would give.
  func stands(for method: MethodDescription) -> Bool {
    totalVariation != nil && method == Self.referenceMethod
  }

  /// Total variation of a slice, computed once however many reconstructions ask for it.
  func reference(_ measurement: SliceMeasurement) throws -> SliceReconstruction? {
    guard let totalVariation else { return nil }
    if let latest, latest.slice == measurement.index { return latest.reconstruction }
    let reconstruction = try totalVariation.reconstruct(measurement)
    latest = (measurement.index, reconstruction)
    return reconstruction
  }
}
