import CFFTW
import ComplexModule
import Fields
import Synchronization

/// Sensitivity encoding on a Cartesian grid: A = P F S.
///
///     yᶜ[k] = Pₖ / √N · Σₙ sᶜ[n] x[n] exp(−2πi Σₐ kₐ (nₐ − cₐ) / Nₐ)
///
/// The same map as ``CartesianFourier`` ∘ ``CoilSensitivities`` in one pass over every coil. Coils go in at most eight groups
/// to the threads and are added in a fixed order, so that the bytes are the same at any number of threads. Applying
/// allocates nothing after the first time.
///
/// - Domain: complex image, `[rows, columns]`, arbitrary units.
/// - Codomain: k-space `[coils, rows, columns]`, the same units, 0 where the mask takes no sample.
///
/// Source: Pruessmann et al., "SENSE: sensitivity encoding for fast MRI", MRM 42 (1999),
/// DOI 10.1002/(SICI)1522-2594(199911)42:5<952::AID-MRM16>3.0.CO;2-S.
public struct CartesianSense: LinearOperator {
  public var domain: ComplexImageSpace { sensitivities.domain }
  public let codomain: KSpaceSpace
  public let sensitivities: CoilSensitivities
  public let mask: SamplingMask
  public let threads: Int
  /// Bytes of maps and tables and of the workspace, of which every concurrent application takes one.
  public var memory: Int { 8 * codomain.dimension + transform.memory + 4 * groups * groupPitch }

  private let transform: CartesianTransform
  private let pool: BufferPool
  private let groups: Int
  /// Floats of workspace for every group: that of the transform and a partial sum.
  private let groupPitch: Int

  /// - Parameters:
  ///   - mask: all samples when nil.
  ///   - threads: one for every processor unless given.
  /// - Throws: ``OperatorError`` when the maps are not those of images of two dimensions or the mask is for others.
  public init(
    _ sensitivities: CoilSensitivities, mask: SamplingMask? = nil, threads: Int? = nil
  ) throws(OperatorError) {
    let grid = sensitivities.domain
    try CartesianFourier.check(grid, mask)
    self.sensitivities = sensitivities
    if let mask {
      self.mask = mask
    } else {
      self.mask = try .full(grid.shape)
    }
    codomain = KSpaceSpace(shape: sensitivities.maps.shape)
    self.threads = max(1, threads ?? processorCount)
    transform = try CartesianTransform(shape: grid.shape, mask: mask)
    groups = min(8, sensitivities.coils)
    groupPitch = (transform.workspaceCount + 2 * grid.dimension + 15) / 16 * 16
    pool = BufferPool(count: groups * groupPitch)
  }

  public func apply(_ x: ComplexImage, into y: inout KSpace) {
    check(x, y)
    let plane = 2 * domain.dimension
    withFloats(x, &y) { image, target in
      forEachGroup { coils, map, workspace, _ in
        for coil in coils {
          transform.apply(
            image, map: map + plane * coil, into: target + plane * coil, workspace: workspace)
        }
      }
    }
  }

  public func applyAdjoint(_ y: KSpace, into x: inout ComplexImage) {
    check(x, y)
    let plane = 2 * domain.dimension
    withFloats(y, &x) { samples, target in
      sum(into: target) { coil, map, partial, adding, workspace in
        transform.applyAdjoint(
          samples + plane * coil, map: map, into: partial, adding: adding, workspace: workspace)
      }
    }
  }

  public func applyNormal(_ x: ComplexImage, into z: inout ComplexImage) {
    precondition(x.shape == domain.shape && z.shape == domain.shape, "images are not on the grid \(domain)")
    withFloats(x, &z) { image, target in
      sum(into: target) { _, map, partial, adding, workspace in
        transform.applyNormal(image, map: map, into: partial, adding: adding, workspace: workspace)
      }
    }
  }

  /// Adds up what `body` adds to the partial sum for every coil.
  private func sum(
    into target: UnsafeMutablePointer<Float>,
    _ body: (
      _ coil: Int, _ map: UnsafePointer<Float>, _ partial: UnsafeMutablePointer<Float>, _ adding: Bool,
      _ workspace: UnsafeMutablePointer<Float>
    ) -> Void
  ) {
    let plane = 2 * domain.dimension
    forEachGroup { coils, map, workspace, partial in
      for (index, coil) in coils.enumerated() {
        body(coil, map + plane * coil, partial ?? target, index > 0, workspace)
      }
    } finally: { partials in
      let (size, pitch) = (4096, groupPitch)
      parallel(tiles: (plane + size - 1) / size, threads: threads) { tile, _ in
        let (first, end) = (tile * size, min(plane, (tile + 1) * size))
        for group in 0..<groups - 1 {
          let partial = partials + pitch * group
          for i in first..<end { target[i] += partial[i] }
        }
      }
    }
  }

  /// Calls `body` for every group of coils. The first has no partial sum of its own.
  private func forEachGroup(
    _ body: (
      _ coils: StrideTo<Int>, _ maps: UnsafePointer<Float>, _ workspace: UnsafeMutablePointer<Float>,
      _ partial: UnsafeMutablePointer<Float>?
    ) -> Void,
    finally: (_ partials: UnsafeMutablePointer<Float>) -> Void = { _ in }
  ) {
    let partialOffset = groupPitch - 2 * domain.dimension
    pool.withBuffer { workspace in
      sensitivities.withMaps { maps in
        parallel(tiles: groups, threads: threads) { group, _ in
          let own = workspace + groupPitch * group
          body(
            stride(from: group, to: sensitivities.coils, by: groups), maps, own,
            group == 0 ? nil : own + partialOffset)
        }
        finally(workspace + groupPitch + partialOffset)
      }
    }
  }

  private func check(_ x: ComplexImage, _ y: KSpace) {
    precondition(x.shape == domain.shape, "an image of \(x.shape) is not on the grid \(domain)")
    precondition(y.shape == codomain.shape, "samples of \(y.shape) are not on the grid \(codomain)")
  }
}

/// Sensitivity encoding along any trajectory: A = F S with the transform of ``NonUniformFourier``.
///
///     yᶜ[m] = √wₘ / √N · Σₙ sᶜ[n] x[n] exp(−2πi Σₐ kₘₐ (nₐ − cₐ) / Nₐ)
///
/// AᴴA is Sᴴ T S, where T is the convolution with the point-spread function or one transform after the other, whichever is
/// faster.
///
/// - Domain: complex image, `[rows, columns]` or `[planes, rows, columns]`, arbitrary units.
/// - Codomain: k-space samples `[coils, readouts, samples]`, the same units.
///
/// Source: Pruessmann et al., "Advances in sensitivity encoding with arbitrary k-space trajectories", MRM 46 (2001),
/// DOI 10.1002/mrm.1241.
public struct NonCartesianSense: LinearOperator {
  public var domain: ComplexImageSpace { sensitivities.domain }
  public var codomain: KSpaceSpace { transform.codomain }
  public let sensitivities: CoilSensitivities
  public let transform: NonUniformFourier
  private let images: Loan

  /// - Parameters:
  ///   - weights: wₘ ≥ 0; 1 when nil.
  ///   - accuracy: of the transform, see ``NonUniformFourier``.
  /// - Throws: ``OperatorError`` as ``NonUniformFourier`` does.
  public init(
    _ sensitivities: CoilSensitivities, trajectory: Trajectory, weights: KSpaceWeights? = nil,
    accuracy: Double = 1e-4, upsampling: Double? = nil,
    normal: NonUniformFourier.NormalMethod = .automatic, threads: Int? = nil
  ) throws(OperatorError) {
    self.sensitivities = sensitivities
    transform = try NonUniformFourier(
      sensitivities.domain, trajectory: trajectory, weights: weights, coils: sensitivities.coils,
      accuracy: accuracy, upsampling: upsampling, normal: normal, threads: threads)
    images = Loan(space: sensitivities.codomain)
  }

  public func apply(_ x: ComplexImage, into y: inout KSpace) {
    images.lend { images in
      sensitivities.apply(x, into: &images)
      transform.apply(images, into: &y)
    }
  }

  public func applyAdjoint(_ y: KSpace, into x: inout ComplexImage) {
    images.lend { images in
      transform.applyAdjoint(y, into: &images)
      sensitivities.applyAdjoint(images, into: &x)
    }
  }

  public func applyNormal(_ x: ComplexImage, into z: inout ComplexImage) {
    images.lend { images in
      self.images.lend { blurred in
        sensitivities.apply(x, into: &images)
        transform.applyNormal(images, into: &blurred)
        sensitivities.applyAdjoint(blurred, into: &z)
      }
    }
  }

  /// Coil images that are used again: as many exist as were ever in use at once.
  private final class Loan: Sendable {
    private let space: ComplexImageSpace
    private let idle = Mutex<[ComplexImage]>([])

    init(space: ComplexImageSpace) { self.space = space }

    func lend(_ body: (inout ComplexImage) -> Void) {
      var images = idle.withLock { $0.popLast() } ?? space.zero()
      body(&images)
      idle.withLock { [images] in $0.append(images) }
    }
  }
}
