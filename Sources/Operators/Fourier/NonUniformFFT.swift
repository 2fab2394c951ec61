import CFFTW
import ComplexModule
import Fields
import RealModule

/// The Fourier transform between a complex image of two or three dimensions and scattered frequencies, prepared once.
///
///     apply (type 2):         vₘ = aₘ s Σⱼ xⱼ exp(−2πi κₘ · (j − c)),   c = ⌊N / 2⌋
///     applyAdjoint (type 1):  xⱼ = s Σₘ aₘ* vₘ exp(+2πi κₘ · (j − c))
///
/// Frequencies κ are in cycles per pixel; those outside ±½ are met by the periodicity of the sum. The image is divided
/// by the transform of the kernel, padded with zeros to a finer grid of frequencies, transformed along one axis after
/// the other (lines of zeros never are) and interpolated. The finer grid has the first axis last:
/// [x][y] of an image [y][x], [x][y][z] of a volume [z][y][x].
///
/// The two walk the same weights and FFTs, so that one is the adjoint of the other to rounding, and give the same
/// bytes at any number of threads.
///
/// Source: Barnett, Magland, af Klinteberg, "A parallel nonuniform fast Fourier transform library based on an
/// 'exponential of semicircle' kernel", SIAM J. Sci. Comput. 41 (2019), DOI 10.1137/18M120885X.
package struct NonUniformFFT: Sendable {
  /// Extents of the image, slowest first.
  package let shape: [Int]
  /// Points of the finer grid along the same axes.
  package let gridShape: [Int]
  package let kernelWidth: Int
  /// Estimated error of a transform of white noise, relative to its norm: the kernel's and that of single precision.
  package let error: Double
  /// Estimated nanoseconds of one transform on one thread.
  package let estimatedTime: Double
  /// Floats of workspace that an application needs.
  package let workspaceCount: Int
  private let threads: Int
  private let scattered: ScatteredSamples
  /// Along z, y, x; in two dimensions y, x.
  private let axes: [PaddedAxis]
  /// What is left of the correction for every line along x.
  private let lineScales: [Float]
  /// Distance between frequencies along x after the first transform, in complex numbers.
  private let linePitch: Int
  private let planePitch: Int
  private let linesOffset: Int
  private let scratchOffset: Int
  private let scratchCount: Int

  /// Bytes of everything that is prepared, and of one workspace.
  package var memory: Int {
    scattered.memory + 4 * (lineScales.count + shape.reduce(0, +) * 2 + workspaceCount)
  }

  /// - Parameters:
  ///   - frequency: of sample m, in cycles per pixel along (z, y, x); in two dimensions z is ignored.
  ///   - factor: aₘ.
  ///   - scale: s.
  ///   - accuracy: norm of the error of a transform of white noise, relative to that of the transform.
  ///   - upsampling: grid points per pixel, at least; chosen for speed when nil.
  /// - Throws: ``OperatorError/outOfRange(_:found:expected:)`` when `accuracy` is out of reach.
  package init(
    shape: [Int], count: Int, scale: Double, accuracy: Double, upsampling: Double?, threads: Int,
    frequency: (Int) -> SIMD3<Double>, factor: (Int) -> Complex<Double>
  ) throws(OperatorError) {
    precondition(shape.count == 2 || shape.count == 3, "an image of \(shape.count) dimensions")
    let rank = shape.count
    let design = try NonUniformDesign.best(
      shape: shape, samples: count, accuracy: accuracy, upsampling: upsampling)
    let kernel = design.kernel
    self.shape = shape
    self.threads = threads
    gridShape = design.gridShape
    kernelWidth = kernel.width
    error = design.error
    estimatedTime = design.time
    let grid = design.gridShape
    let (nx, ny) = (grid[rank - 1], grid[rank - 2])

    let layout =
      rank == 2
      ? ScatteredSamples.Layout(slabs: nx + kernel.width - 1, columns: ny, slabsWrap: true)
      : ScatteredSamples.Layout(
        slabs: nx + kernel.width - 1, rows: ny, columns: grid[0], width: kernel.width, slabsWrap: true)
    try layout.validate()
    scattered = ScatteredSamples(count: count, kernel: kernel, layout: layout) { index in
      let k = frequency(index)
      func place(_ k: Double, _ n: Int) -> Double { (k - k.rounded(.down)) * Double(n) }
      return ScatteredSamples.Position(
        slab: place(k.z, nx), row: rank == 3 ? place(k.y, ny) : 0,
        column: rank == 3 ? place(k.x, grid[0]) : place(k.y, ny), factor: factor(index), target: index)
    }

    func correction(_ axis: Int) -> [Double] {
      (0..<shape[axis]).map {
        1 / kernel.transform(Double($0 - shape[axis] / 2) / Double(grid[axis]))
      }
    }
    var axes = [PaddedAxis]()
    for axis in 0..<rank {
      axes.append(
        try PaddedAxis(
          extent: shape[axis], length: grid[axis], centre: shape[axis] / 2,
          factors: axis == rank - 1 ? correction(axis).map { Float($0) } : []))
    }
    self.axes = axes
    let rows = correction(rank - 2)
    lineScales =
      rank == 2
      ? rows.map { Float($0 * scale) }
      : correction(0).flatMap { z in rows.map { Float($0 * z * scale) } }

    linePitch = ScatteredSamples.Layout.pitch(lineScales.count)
    planePitch = rank == 3 ? ScatteredSamples.Layout.pitch(shape[0]) : 0
    linesOffset = (2 * layout.count + 15) / 16 * 16
    scratchOffset = linesOffset + 2 * linePitch * nx
    scratchCount = (axes.map(\.scratchCount).max() ?? 0) + 2 * planePitch * ny
    workspaceCount = scratchOffset + threads * scratchCount
  }

  /// - Parameters:
  ///   - image: pairs of floats, row-major.
  ///   - workspace: ``workspaceCount`` aligned floats.
  package func apply(
    _ image: UnsafePointer<Float>, into values: UnsafeMutablePointer<Float>,
    workspace: UnsafeMutablePointer<Float>
  ) {
    let x = axes[axes.count - 1]
    let lines = workspace + linesOffset
    let layout = scattered.layout
    lineScales.withUnsafeBufferPointer { scales in
      let blocks = (scales.count + PaddedAxis.block - 1) / PaddedAxis.block
      parallel(tiles: blocks, threads: threads) { block, worker in
        let first = block * PaddedAxis.block
        x.forward(
          image + 2 * x.extent * first, pitch: x.extent, lines: min(PaddedAxis.block, scales.count - first),
          scales: scales.baseAddress.map { $0 + first }, into: lines + 2 * first, pitch: linePitch,
          scratch: workspace + scratchOffset + worker * scratchCount)
      }
    }
    forEachSlab { slab, repeated, worker in
      let scratch = workspace + scratchOffset + worker * scratchCount
      let target = workspace + 2 * layout.slabPitch * slab
      let source = lines + 2 * linePitch * slab
      if axes.count == 2 {
        axes[0].forward(source, into: target, scratch: scratch)
        repeatStart(target)
      } else {
        planeForward(source, into: target, scratch: scratch)
      }
      if let repeated {
        (workspace + 2 * layout.slabPitch * repeated).update(from: target, count: 2 * layout.slabPitch)
      }
    }
    scattered.interpolate(workspace, into: values, threads: threads)
  }

  /// The adjoint of ``apply(_:into:workspace:)``.
  package func applyAdjoint(
    _ values: UnsafePointer<Float>, into image: UnsafeMutablePointer<Float>,
    workspace: UnsafeMutablePointer<Float>
  ) {
    scattered.spread(values, onto: workspace, threads: threads)
    let x = axes[axes.count - 1]
    let lines = workspace + linesOffset
    let layout = scattered.layout
    forEachSlab { slab, repeated, worker in
      let scratch = workspace + scratchOffset + worker * scratchCount
      let source = workspace + 2 * layout.slabPitch * slab
      let target = lines + 2 * linePitch * slab
      if let repeated {
        let other = workspace + 2 * layout.slabPitch * repeated
        for j in 0..<2 * layout.slabPitch { source[j] += other[j] }
      }
      if axes.count == 2 {
        addRepetition(source)
        axes[0].backward(source, into: target, scratch: scratch)
      } else {
        planeBackward(source, into: target, scratch: scratch)
      }
    }
    lineScales.withUnsafeBufferPointer { scales in
      let blocks = (scales.count + PaddedAxis.block - 1) / PaddedAxis.block
      parallel(tiles: blocks, threads: threads) { block, worker in
        let first = block * PaddedAxis.block
        x.backward(
          lines + 2 * first, pitch: linePitch, lines: min(PaddedAxis.block, scales.count - first),
          scales: scales.baseAddress.map { $0 + first }, into: image + 2 * x.extent * first, pitch: x.extent,
          scratch: workspace + scratchOffset + worker * scratchCount)
      }
    }
  }

  /// Visits the slabs of one period, with the slab that repeats each where there is one.
  private func forEachSlab(_ body: (_ slab: Int, _ repeated: Int?, _ worker: Int) -> Void) {
    let period = axes[axes.count - 1].length
    let together = axes.count == 2 ? PaddedAxis.block : 1
    parallel(tiles: (period + together - 1) / together, threads: threads) { tile, worker in
      for slab in tile * together..<min((tile + 1) * together, period) {
        body(slab, slab < kernelWidth - 1 ? slab + period : nil, worker)
      }
    }
  }

  /// [z][y] → [ky][kz]
  private func planeForward(
    _ source: UnsafePointer<Float>, into slab: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let (z, y) = (axes[0], axes[1])
    let pitch = scattered.layout.pitch
    let plane = scratch + scratchCount - 2 * planePitch * y.length
    for first in stride(from: 0, to: z.extent, by: PaddedAxis.block) {
      y.forward(
        source + 2 * y.extent * first, pitch: y.extent, lines: min(PaddedAxis.block, z.extent - first),
        scales: nil, into: plane + 2 * first, pitch: planePitch, scratch: scratch)
    }
    for row in 0..<y.length {
      let target = slab + 2 * pitch * row
      z.forward(plane + 2 * planePitch * row, into: target, scratch: scratch)
      repeatStart(target)
    }
    (slab + 2 * pitch * y.length).update(from: slab, count: 2 * pitch * (kernelWidth - 1))
  }

  /// [ky][kz] → [z][y]
  private func planeBackward(
    _ slab: UnsafeMutablePointer<Float>, into target: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let (z, y) = (axes[0], axes[1])
    let pitch = scattered.layout.pitch
    let plane = scratch + scratchCount - 2 * planePitch * y.length
    let repeated = slab + 2 * pitch * y.length
    for j in 0..<2 * pitch * (kernelWidth - 1) { slab[j] += repeated[j] }
    for row in 0..<y.length {
      let source = slab + 2 * pitch * row
      addRepetition(source)
      z.backward(source, into: plane + 2 * planePitch * row, scratch: scratch)
    }
    for first in stride(from: 0, to: z.extent, by: PaddedAxis.block) {
      y.backward(
        plane + 2 * first, pitch: planePitch, lines: min(PaddedAxis.block, z.extent - first), scales: nil,
        into: target + 2 * y.extent * first, pitch: y.extent, scratch: scratch)
    }
  }

  private func repeatStart(_ row: UnsafeMutablePointer<Float>) {
    (row + 2 * scattered.layout.columns).update(from: row, count: 2 * Int(GRIDDING_MAXIMUM_WIDTH))
  }

  private func addRepetition(_ row: UnsafeMutablePointer<Float>) {
    let repeated = row + 2 * scattered.layout.columns
    for j in 0..<2 * Int(GRIDDING_MAXIMUM_WIDTH) { row[j] += repeated[j] }
  }
}
