import Fields

/// The parallel-beam Radon transform along rays, with linear interpolation between pixel centres.
///
///     y(θ, k) = step Σₗ (1 − f) x[l, j] + f x[l, j + 1],   j + f = where ray k meets line l
///
/// Lines are the rows of the image for steep rays and its columns for flat ones, so that a ray meets every line
/// once. Pixels beyond the edge are zero. Bins wider than pixels are averages over several rays. A reference
/// independent of the Fourier transform.
///
/// `apply` and `applyAdjoint` use the same weights. Both give the same bytes at any number of threads.
///
/// - Domain: image, `[rows, columns]`, attenuation in 1/mm.
/// - Codomain: sinogram, `[angles, bins]`, line integrals without a unit.
///
/// Source: Joseph, "An improved algorithm for reprojecting rays through pixel images", IEEE Trans. Med. Imaging 1
/// (1982), DOI 10.1109/TMI.1982.4307572.
public struct RayTransform: ParallelBeamOperator {
  public let domain: ImageSpace
  public let codomain: SinogramSpace
  public let beam: ParallelBeam
  public var threads: Int { projector.threads }
  /// Rays averaged over the width of a bin.
  public var raysPerBin: Int { projector.raysPerBin }
  /// Bytes held between applications.
  public var memory: Int { projector.memory }

  private let projector: JosephProjector

  /// - Parameters:
  ///   - raysPerBin: as many as keep rays about a pixel apart, unless given.
  ///   - threads: one for every processor unless given.
  /// - Throws: ``OperatorError`` when the scan or the image cannot exist.
  public init(
    _ grid: ImageSpace, beam: ParallelBeam, raysPerBin: Int? = nil, threads: Int? = nil
  ) throws(OperatorError) {
    try self.init(grid, beam: beam, raysPerBin: raysPerBin, threads: threads, vectors: true)
  }

  /// - Parameter vectors: false for the loops that any processor can run.
  package init(
    _ grid: ImageSpace, beam: ParallelBeam, raysPerBin: Int?, threads: Int?, vectors: Bool
  ) throws(OperatorError) {
    projector = try JosephProjector(
      grid, RayGeometry(beam), raysPerBin: raysPerBin, threads: threads, vectors: vectors)
    domain = grid
    codomain = beam.space
    self.beam = beam
  }

  public func views(_ indices: [Int]) throws(OperatorError) -> RayTransform {
    try RayTransform(
      domain, beam: beam.views(indices), raysPerBin: raysPerBin, threads: threads, vectors: projector.vectors)
  }

  public func apply(_ x: Image, into y: inout Sinogram) { projector.apply(x, in: domain, into: &y, codomain) }

  public func applyAdjoint(_ y: Sinogram, into x: inout Image) {
    projector.applyAdjoint(y, in: codomain, into: &x, domain)
  }
}

extension JosephProjector {
  func apply(_ x: Image, in domain: ImageSpace, into y: inout Sinogram, _ codomain: SinogramSpace) {
    precondition(x.shape == domain.shape, "an image of \(x.shape) is not on the grid \(domain)")
    precondition(y.shape == codomain.shape, "a sinogram of \(y.shape) is not on the grid \(codomain)")
    x.samples.withUnsafeBufferPointer { x in
      y.samples.withUnsafeMutableBufferPointer { y in
        guard let x = x.baseAddress, let y = y.baseAddress else { return }
        apply(x, into: y)
      }
    }
  }

  func applyAdjoint(_ y: Sinogram, in codomain: SinogramSpace, into x: inout Image, _ domain: ImageSpace) {
    precondition(x.shape == domain.shape, "an image of \(x.shape) is not on the grid \(domain)")
    precondition(y.shape == codomain.shape, "a sinogram of \(y.shape) is not on the grid \(codomain)")
    y.samples.withUnsafeBufferPointer { y in
      x.samples.withUnsafeMutableBufferPointer { x in
        guard let x = x.baseAddress, let y = y.baseAddress else { return }
        applyAdjoint(y, into: x)
      }
    }
  }
}
