import ComplexModule
import Fields
import RealModule

/// The unitary, centred Fourier transform of a complex image at the positions of a k-space trajectory.
///
///     y[m] = √wₘ / √N · Σₙ x[n] exp(−2πi Σₐ kₘₐ (nₐ − cₐ) / Nₐ),   cₐ = ⌊Nₐ / 2⌋
///
/// On the Cartesian positions k = n − c without weights it is the centred unitary DFT (`bart fft -u`). `applyAdjoint`
/// is the exact transpose, not an inverse; with density compensation as the weights AᴴA is close to the identity.
///
/// `applyNormal` is the same convolution with the point-spread function on a grid of twice the size, which needs no
/// interpolation, or one after the other, whichever is estimated to be faster. The two differ by the accuracy.
///
/// Everything is prepared by the initialiser; applying allocates nothing after the first time and gives the same bytes
/// at any number of threads. Several coils share the preparation.
///
/// - Domain: complex image, `[rows, columns]` or `[planes, rows, columns]`, arbitrary units; with coils
///   `[coils, …]`.
/// - Codomain: k-space samples, `[readouts, samples]`, the same units; with coils `[coils, readouts, samples]`.
///
/// Sources: Barnett, Magland, af Klinteberg, SIAM J. Sci. Comput. 41 (2019), DOI 10.1137/18M120885X; for AᴴA
/// Wajer, Pruessmann, "Major speedup of reconstruction for sensitivity encoding with arbitrary trajectories",
/// Proc. ISMRM 2001, and Fessler et al., "Toeplitz-based iterative image reconstruction for MRI with correction for
/// magnetic field inhomogeneity", IEEE Trans. Signal Process. 53 (2005), DOI 10.1109/TSP.2005.853152.
public struct NonUniformFourier: LinearOperator {
  /// How ``applyNormal(_:into:)`` is computed.
  public enum NormalMethod: Hashable, Sendable {
    /// By the convolution, which takes 4 bytes for each of 2^d · N points.
    case toeplitz
    /// By A and then Aᴴ.
    case successive
    /// Whichever is estimated to be faster.
    case automatic
  }

  public let domain: ComplexImageSpace
  public let codomain: KSpaceSpace
  /// Number of coils, or nil where the domain is a single image.
  public let coils: Int?
  /// Error for white noise, relative to its transform, that was asked for.
  public let accuracy: Double
  /// The same as estimated from kernel and single precision.
  public var estimatedError: Double { transform.error }
  /// Points of the finer grid along the axes of the image.
  public var gridShape: Shape { Shape(transform.gridShape) }
  /// Neighbours of a sample along each axis.
  public var kernelWidth: Int { transform.kernelWidth }
  public let threads: Int
  /// Bytes of the prepared tables and of the workspace, of which every concurrent application takes one.
  public var memory: Int { transform.memory + (toeplitz?.memory ?? 0) }
  public var normalMethod: NormalMethod { toeplitz == nil ? .successive : .toeplitz }

  private let transform: NonUniformFFT
  private let toeplitz: ToeplitzConvolution?
  private let imageCount: Int
  private let sampleCount: Int
  private let pool: BufferPool
  /// Where the samples between A and Aᴴ lie in a workspace.
  private let valuesOffset: Int

  /// - Parameters:
  ///   - grid: of one image.
  ///   - weights: wₘ ≥ 0, for example those of ``Trajectory/rampDensity(on:)``; 1 when nil.
  ///   - coils: images that are transformed together; a single one without a coil axis when nil.
  ///   - accuracy: error for white noise, relative to its transform, 1e-6 … 1e-2.
  ///   - upsampling: points of the finer grid per pixel, at least, 1.25 … 4; what is estimated to be fastest when nil.
  ///     With 1.25 and a wide kernel the edge of the image amplifies rounding tenfold, and the adjoint error with it.
  ///   - threads: one for every processor unless given.
  /// - Throws: ``OperatorError`` when image, trajectory or weights cannot be used or the accuracy is out of reach.
  public init(
    _ grid: ComplexImageSpace, trajectory: Trajectory, weights: KSpaceWeights? = nil, coils: Int? = nil,
    accuracy: Double = 1e-4, upsampling: Double? = nil, normal: NormalMethod = .automatic, threads: Int? = nil
  ) throws(OperatorError) {
    try trajectory.validate(on: grid)
    if let weights {
      guard weights.shape == trajectory.shape else {
        throw .outOfRange(
          "the shape of the weights", found: "\(weights.shape)",
          expected: "\(trajectory.shape), one per sample")
      }
      if let bad = weights.samples.firstIndex(where: { !($0 >= 0 && $0.isFinite) }) {
        throw .outOfRange(
          "weight \(bad + 1)", found: "\(weights.samples[bad])", expected: "a number, 0 or more")
      }
    }
    if let coils, coils < 1 {
      throw .outOfRange("the number of coils", found: "\(coils)", expected: "1 or more")
    }
    let stack = coils.map { [$0] } ?? []
    domain = ComplexImageSpace(
      shape: Shape(stack + grid.shape.extents), spacing: stack.map { _ in 1 } + grid.spacing)
    codomain = KSpaceSpace(shape: Shape(stack + trajectory.shape.extents))
    self.coils = coils
    self.accuracy = accuracy
    self.threads = max(1, threads ?? processorCount)
    imageCount = grid.dimension
    sampleCount = trajectory.shape.count

    let extents = grid.shape.extents
    let rank = extents.count
    let scale = 1 / Double(imageCount).squareRoot()
    /// In cycles per pixel, along (z, y, x).
    func frequency(_ sample: Int) -> SIMD3<Double> {
      var k = SIMD3<Double>.zero
      for axis in 0..<rank {
        k[axis + 3 - rank] = trajectory.positions[rank * sample + axis] / Double(extents[axis])
      }
      return k
    }
    let transform = try NonUniformFFT(
      shape: extents, count: sampleCount, scale: scale, accuracy: accuracy, upsampling: upsampling,
      threads: self.threads, frequency: frequency,
      factor: { Complex(Double(weights?.samples[$0] ?? 1).squareRoot(), 0) })
    self.transform = transform

    let lengths = ToeplitzConvolution.lengths(extents)
    let convolution = 2 * NonUniformDesign.transformTime(shape: extents, gridShape: lengths)
    if normal == .toeplitz || normal == .automatic && convolution < 2 * transform.estimatedTime {
      toeplitz = try Self.pointSpread(
        transform, count: sampleCount, frequency: frequency,
        amplitude: { scale * Double(weights?.samples[$0] ?? 1).squareRoot() }, threads: self.threads)
    } else {
      toeplitz = nil
    }
    valuesOffset = (transform.workspaceCount + 15) / 16 * 16
    pool = BufferPool(
      count: max(
        valuesOffset + (toeplitz == nil ? 2 * sampleCount : 0), toeplitz?.workspaceCount ?? 0))
  }

  /// t(n) = 1/N Σₘ wₘ exp(2πi κₘ · n) for all differences n of two pixels, an image-sized box at a time by Aᴴ itself.
  private static func pointSpread(
    _ transform: NonUniformFFT, count: Int, frequency: (Int) -> SIMD3<Double>, amplitude: (Int) -> Double,
    threads: Int
  ) throws(OperatorError) -> ToeplitzConvolution {
    let shape = transform.shape
    let rank = shape.count
    let extents = SIMD3(rank == 3 ? shape[0] : 1, shape[rank - 2], shape[rank - 1])
    let workspace = AlignedBuffer(count: transform.workspaceCount)
    let values = AlignedBuffer(count: 2 * count)
    let box = AlignedBuffer(count: 2 * shape.reduce(1, *))
    return try ToeplitzConvolution(shape: shape, threads: threads) { put in
      for corner in 0..<(1 << (rank - 1)) {
        // n from 0 along the first axis, from 0 or from −N along the others.
        var start = SIMD3<Int>.zero
        for bit in 0..<(rank - 1) where corner & (1 << bit) != 0 { start[2 - bit] = -extents[2 - bit] }
        for sample in 0..<count {
          let k = frequency(sample)
          var turns = 0.0
          for axis in (3 - rank)..<3 { turns += k[axis] * Double(start[axis] + extents[axis] / 2) }
          turns -= turns.rounded()
          let amplitude = amplitude(sample)
          values.start[2 * sample] = Float(amplitude * .cos(2 * .pi * turns))
          values.start[2 * sample + 1] = Float(amplitude * .sin(2 * .pi * turns))
        }
        transform.applyAdjoint(values.start, into: box.start, workspace: workspace.start)
        var place = box.start
        for z in 0..<extents[0] {
          for y in 0..<extents[1] {
            for x in 0..<extents[2] {
              let n = start &+ SIMD3(z, y, x)
              // The distance N itself joins no two pixels.
              if all(n .> 0 &- extents) { put(n, Complex(place[0], place[1])) }
              place += 2
            }
          }
        }
      }
    }
  }

  public func apply(_ x: ComplexImage, into y: inout KSpace) {
    check(x, y)
    withFloats(x, &y) { image, values in
      pool.withBuffer { workspace in
        for coil in 0..<(coils ?? 1) {
          transform.apply(
            image + 2 * imageCount * coil, into: values + 2 * sampleCount * coil, workspace: workspace)
        }
      }
    }
  }

  public func applyAdjoint(_ y: KSpace, into x: inout ComplexImage) {
    check(x, y)
    withFloats(y, &x) { values, image in
      pool.withBuffer { workspace in
        for coil in 0..<(coils ?? 1) {
          transform.applyAdjoint(
            values + 2 * sampleCount * coil, into: image + 2 * imageCount * coil, workspace: workspace)
        }
      }
    }
  }

  public func applyNormal(_ x: ComplexImage, into z: inout ComplexImage) {
    precondition(x.shape == domain.shape, "an image of \(x.shape) is not on the grid \(domain)")
    precondition(z.shape == domain.shape, "an image of \(z.shape) is not on the grid \(domain)")
    withFloats(x, &z) { source, target in
      pool.withBuffer { workspace in
        for coil in 0..<(coils ?? 1) {
          let (source, target) = (source + 2 * imageCount * coil, target + 2 * imageCount * coil)
          if let toeplitz {
            toeplitz.apply(source, into: target, workspace: workspace)
          } else {
            let values = workspace + valuesOffset
            transform.apply(source, into: values, workspace: workspace)
            transform.applyAdjoint(values, into: target, workspace: workspace)
          }
        }
      }
    }
  }

  /// Complex numbers as the pairs of floats they are laid out as.
  private func withFloats<A, B>(
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

  private func check(_ x: ComplexImage, _ y: KSpace) {
    precondition(x.shape == domain.shape, "an image of \(x.shape) is not on the grid \(domain)")
    precondition(y.shape == codomain.shape, "samples of \(y.shape) are not on the grid \(codomain)")
  }
}

/// Complex images on a Cartesian grid.
public typealias ComplexImageSpace = Grid<ImageQuantity, Complex<Float>>
/// Fourier samples, on a grid or along readouts. Its axes are counts, not lengths.
public typealias KSpaceSpace = Grid<KSpaceQuantity, Complex<Float>>
/// A real factor for every Fourier sample. Shape: `[readouts, samples]`.
public typealias KSpaceWeights = Field<KSpaceQuantity, Float>
