import CFFTW
import ComplexModule
import Fields

/// The unitary, centred discrete Fourier transform of a complex image at the samples that a mask takes.
///
///     y[k] = Pₖ / √N · Σₙ x[n] exp(−2πi Σₐ kₐ (nₐ − cₐ) / Nₐ),   cₐ = ⌊Nₐ / 2⌋,   k = −c … N − 1 − c
///
/// Samples that the mask leaves out are 0, and ignored by `applyAdjoint`: A = P F, Aᴴ = Fᴴ P. Without a mask it is
/// `bart fft -u`, and AᴴA the identity. Coils are transformed on several threads, with the same bytes at any number of
/// them.
///
/// - Domain: complex image, `[rows, columns]`, arbitrary units; with coils `[coils, rows, columns]`.
/// - Codomain: k-space of the same shape and units, frequency 0 at [⌊R/2⌋, ⌊C/2⌋].
public struct CartesianFourier: LinearOperator {
  public let domain: ComplexImageSpace
  public let codomain: KSpaceSpace
  /// Number of coils, or nil where the domain is a single image.
  public let coils: Int?
  public let mask: SamplingMask?
  public let threads: Int

  private let transform: CartesianTransform
  private let pool: BufferPool
  private let plane: Int

  /// - Parameters:
  ///   - grid: of one image.
  ///   - mask: all samples when nil.
  ///   - coils: images that are transformed together; a single one without a coil axis when nil.
  ///   - threads: one for every processor unless given.
  /// - Throws: ``OperatorError`` when the image is not one of two dimensions or the mask is for another.
  public init(
    _ grid: ComplexImageSpace, mask: SamplingMask? = nil, coils: Int? = nil, threads: Int? = nil
  ) throws(OperatorError) {
    try Self.check(grid, mask)
    if let coils, coils < 1 {
      throw .outOfRange("the number of coils", found: "\(coils)", expected: "1 or more")
    }
    let stack = coils.map { [$0] } ?? []
    domain = ComplexImageSpace(
      shape: Shape(stack + grid.shape.extents), spacing: stack.map { _ in 1 } + grid.spacing)
    codomain = KSpaceSpace(shape: domain.shape)
    self.coils = coils
    self.mask = mask
    self.threads = max(1, threads ?? processorCount)
    transform = try CartesianTransform(shape: grid.shape, mask: mask)
    plane = 2 * grid.dimension
    pool = BufferPool(count: transform.workspaceCount)
  }

  static func check(_ grid: ComplexImageSpace, _ mask: SamplingMask?) throws(OperatorError) {
    guard grid.shape.rank == 2 else {
      throw .outOfRange(
        "the rank of an image in Cartesian k-space", found: "\(grid.shape.rank)",
        expected: "2; transform along the readout of a volume first")
    }
    guard grid.dimension > 0 else { throw .emptyShape("the image", found: grid.shape) }
    if let mask, mask.shape != grid.shape {
      throw .outOfRange(
        "the shape of the sampling mask", found: "\(mask.shape)", expected: "\(grid.shape), as the image")
    }
  }

  public func apply(_ x: ComplexImage, into y: inout KSpace) {
    check(x.shape)
    check(y.shape)
    withFloats(x, &y) { source, target in
      forEachCoil { coil, workspace in
        transform.apply(
          source + plane * coil, map: nil, into: target + plane * coil, workspace: workspace)
      }
    }
  }

  public func applyAdjoint(_ y: KSpace, into x: inout ComplexImage) {
    check(x.shape)
    check(y.shape)
    withFloats(y, &x) { source, target in
      forEachCoil { coil, workspace in
        transform.applyAdjoint(
          source + plane * coil, map: nil, into: target + plane * coil, adding: false, workspace: workspace)
      }
    }
  }

  public func applyNormal(_ x: ComplexImage, into z: inout ComplexImage) {
    check(x.shape)
    check(z.shape)
    withFloats(x, &z) { source, target in
      forEachCoil { coil, workspace in
        transform.applyNormal(
          source + plane * coil, map: nil, into: target + plane * coil, adding: false, workspace: workspace)
      }
    }
  }

  private func forEachCoil(_ body: (_ coil: Int, _ workspace: UnsafeMutablePointer<Float>) -> Void) {
    parallel(tiles: coils ?? 1, threads: threads) { coil, _ in
      pool.withBuffer { body(coil, $0) }
    }
  }

  private func check(_ shape: Shape) {
    precondition(shape == domain.shape, "a field of \(shape) is not on the grid \(domain)")
  }
}

/// Complex numbers as the pairs of floats they are laid out as.
func withFloats<A, B>(
  _ source: Field<A, Complex<Float>>, _ target: inout Field<B, Complex<Float>>,
  _ body: (UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
) {
  source.samples.withUnsafeBufferPointer { source in
    target.samples.withUnsafeMutableBufferPointer { target in
      guard let source = source.baseAddress, let target = target.baseAddress else { return }
      body(
        UnsafeRawPointer(source).assumingMemoryBound(to: Float.self),
        UnsafeMutableRawPointer(target).assumingMemoryBound(to: Float.self))
    }
  }
}
