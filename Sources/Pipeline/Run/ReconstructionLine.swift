import Fields
import Operators
import Reconstruction

/// One reconstruction of a run, with its judge.
struct ReconstructionLine {
  let named: PipelineDescription.NamedMethod
  /// Nil where the reference of the verdicts is the method itself.
  private let method: (any Reconstructor)?
  private let bench: JudgingBench

  struct Result: Sendable {
    let named: PipelineDescription.NamedMethod
    /// 1/mm
    let reconstruction: SliceReconstruction
    let verdict: Verdict
    /// In units of σ, for the views that were used.
    let residual: Sinogram
    /// 1/mm
    let nullSpace: Image?
    /// What ended at its limit of steps, as a message names it.
    let unconverged: [String]
  }

  init(_ named: PipelineDescription.NamedMethod, workshop: MethodWorkshop, scan: ScanInput) throws {
    self.named = named
    bench = try workshop.bench(everyView: named.everyView, of: scan)
    method =
      bench.stands(for: named.method)
      ? nil : try workshop.method(named.method, everyView: named.everyView)
  }

  func process(
    _ whole: SliceMeasurement, time: (_ stage: String, _ since: ContinuousClock.Instant) -> Void
  ) throws -> Result {
    try Task.checkCancellation()
    let measurement = whole.everyView(named.everyView)
    let start = ContinuousClock.now
    guard let reconstruction = try method?.reconstruct(measurement) ?? bench.reference(measurement) else {
      preconditionFailure("'\(named.name)' is nobody's method")
    }
    time(named.name, start)
    guard reconstruction.image.firstNotFinite == nil else {
      throw RunError.notFinite(method: named.name, slice: whole.index + 1)
    }

    let judging = ContinuousClock.now
    // Two images of total variation would only agree with each other.
    let reference =
      [.tv, .fista].contains(named.method.name) ? nil : try bench.reference(measurement)
    let support = try bench.nullSpace?(reconstruction.image, variance: measurement.variance)
    let judgement = try bench.judge.judge(
      reconstruction.image, method: named.name, slice: whole.index + 1, measurement: measurement.sinogram,
      variance: measurement.variance, reference: reference.map { ("tv", $0.image) },
      nullSpaceFraction: support?.fraction)
    time("verdict", judging)
    return Result(
      named: named, reconstruction: reconstruction, verdict: judgement.verdict, residual: judgement.residual,
      nullSpace: support?.map,
      unconverged: [
        reconstruction.hasConverged ? nil : "'\(named.name)'",
        reference?.hasConverged ?? true ? nil : "the total variation it is compared with",
      ].compactMap(\.self))
  }
}

extension SliceMeasurement {
  /// The measurement of every n-th view alone.
  func everyView(_ n: Int) -> SliceMeasurement {
    guard n > 1 else { return self }
    let views = stride(from: 0, to: sinogram.shape[0], by: n).map { $0 }
    return SliceMeasurement(
      index: index, sinogram: sinogram.views(views), variance: variance.views(views))
  }
}
