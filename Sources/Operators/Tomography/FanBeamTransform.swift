import Fields

/// Line integrals along the rays of a fan, with linear interpolation between pixel centres.
///
///     y(θ, k) = step Σₗ (1 − f) x[l, j] + f x[l, j + 1],   j + f = where ray k meets line l
///
/// as ``RayTransform``, for flat and curved detectors, any angles and any position of the axis. Rays of one view that
/// are steep are followed through the rows of the image, the others through its columns.
///
/// `apply` and `applyAdjoint` use the same weights. Both give the same bytes at any number of threads.
///
/// - Domain: image, `[rows, columns]`, attenuation in 1/mm.
/// - Codomain: sinogram, `[angles, bins]`, line integrals without a unit.
///
/// Source: Joseph, "An improved algorithm for reprojecting rays through pixel images", IEEE Trans. Med. Imaging 1
/// (1982), DOI 10.1109/TMI.1982.4307572.
public struct FanBeamTransform: FanBeamOperator {
  public let domain: ImageSpace
  public let codomain: SinogramSpace
  public let beam: FanBeam
  public var threads: Int { projector.threads }
  /// Rays averaged over the width of a bin.
  public var raysPerBin: Int { projector.raysPerBin }
  /// Bytes held between applications.
  public var memory: Int { projector.memory }

  private let projector: JosephProjector

  /// - Parameters:
  ///   - raysPerBin: as many as keep rays about a pixel apart at the rotation axis, unless given.
  ///   - threads: one for every processor unless given.
  /// - Throws: ``OperatorError`` when the scan or the image cannot exist, such as an image that reaches the source.
  public init(
    _ grid: ImageSpace, beam: FanBeam, raysPerBin: Int? = nil, threads: Int? = nil
  ) throws(OperatorError) {
    try self.init(grid, beam: beam, raysPerBin: raysPerBin, threads: threads, vectors: true)
  }

  /// - Parameter vectors: false for the loops that any processor can run.
  package init(
    _ grid: ImageSpace, beam: FanBeam, raysPerBin: Int?, threads: Int?, vectors: Bool
  ) throws(OperatorError) {
    projector = try JosephProjector(
      grid, RayGeometry(beam), raysPerBin: raysPerBin, threads: threads, vectors: vectors)
    domain = grid
    codomain = beam.space
    self.beam = beam
  }

  public func views(_ indices: [Int]) throws(OperatorError) -> FanBeamTransform {
    try FanBeamTransform(
      domain, beam: beam.views(indices), raysPerBin: raysPerBin, threads: threads, vectors: projector.vectors)
  }

  public func apply(_ x: Image, into y: inout Sinogram) { projector.apply(x, in: domain, into: &y, codomain) }

  public func applyAdjoint(_ y: Sinogram, into x: inout Image) {
    projector.applyAdjoint(y, in: codomain, into: &x, domain)
  }
}
