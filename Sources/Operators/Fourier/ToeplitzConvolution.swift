import CFFTW
import ComplexModule
import RealModule

/// Convolution of a complex image with a Hermitian kernel, by FFTs of at least twice the size.
///
///     zⱼ = Σᵢ t(j − i) xᵢ,   t(−n) = t(n)*
///
/// The kernel's spectrum is real, so a point costs 4 bytes. Nothing is approximated but by rounding.
package struct ToeplitzConvolution: Sendable {
  /// Extents of the image, slowest first.
  package let shape: [Int]
  package let workspaceCount: Int
  private let threads: Int
  /// Along z, y, x; in two dimensions y, x.
  private let axes: [PaddedAxis]
  /// [kx][ky] or [kx][ky][kz], with the scale of the inverse FFTs.
  private let spectrum: [Float]
  private let lineCount: Int
  private let linePitch: Int
  private let planePitch: Int
  private let scratchOffset: Int
  private let scratchCount: Int

  package var memory: Int { 4 * (spectrum.count + workspaceCount) }

  /// Lengths of the FFTs: no wrap reaches the image.
  package static func lengths(_ shape: [Int]) -> [Int] {
    shape.map { FourierPlan.fastLength(atLeast: max(2 * $0 - 1, 8), multipleOf: 4) }
  }

  /// - Parameter kernel: writes t(n), n along (z, y, x), to `put(n, value)`: for |nₐ| < Nₐ, of the first axis only
  ///   n ≥ 0, as the rest follows from symmetry. In two dimensions z is ignored. What is never written is 0.
  package init(
    shape: [Int], threads: Int, kernel: (_ put: (SIMD3<Int>, Complex<Float>) -> Void) -> Void
  ) throws(OperatorError) {
    precondition(shape.count == 2 || shape.count == 3, "an image of \(shape.count) dimensions")
    self.shape = shape
    self.threads = threads
    let rank = shape.count
    let lengths = Self.lengths(shape)
    var axes = [PaddedAxis]()
    for axis in 0..<rank { axes.append(try PaddedAxis(extent: shape[axis], length: lengths[axis])) }
    self.axes = axes
    lineCount = shape.dropLast().reduce(1, *)
    linePitch = ScatteredSamples.Layout.pitch(lineCount)
    planePitch = rank == 3 ? ScatteredSamples.Layout.pitch(shape[0]) : 0
    let (nx, ny) = (lengths[rank - 1], lengths[rank - 2])
    scratchOffset = (2 * linePitch * nx + 15) / 16 * 16
    let linePitches = lengths.map { ($0 + 7) / 8 * 8 }
    scratchCount = (axes.map(\.scratchCount).max() ?? 0) + 2 * planePitch * ny + 4 * (linePitches.max() ?? 0)
    workspaceCount = scratchOffset + threads * scratchCount

    // The kernel on the periodic grid, first axis last, as the spectrum is needed.
    let total = lengths.reduce(1, *)
    let periodic = AlignedBuffer(count: 2 * total)
    var strides = [Int](repeating: 1, count: rank)
    for axis in 1..<rank { strides[axis] = strides[axis - 1] * lengths[axis - 1] }
    kernel { n, value in
      var (place, mirrored) = (0, 0)
      for axis in 0..<rank {
        let n = n[axis + 3 - rank]
        place += strides[axis] * (n < 0 ? n + lengths[axis] : n)
        mirrored += strides[axis] * (n > 0 ? lengths[axis] - n : -n)
      }
      periodic.start[2 * place] = value.real
      periodic.start[2 * place + 1] = value.imaginary
      if n[3 - rank] > 0 {
        periodic.start[2 * mirrored] = value.real
        periodic.start[2 * mirrored + 1] = -value.imaginary
      }
    }
    try Self.transform(periodic, extents: lengths.reversed(), threads: threads)
    let scale = 1 / Double(total)
    spectrum = (0..<total).map { Float(Double(periodic.start[2 * $0]) * scale) }
  }

  /// A forward FFT of every axis in place; extents slowest first.
  private static func transform(
    _ data: AlignedBuffer, extents: [Int], threads: Int
  ) throws(OperatorError) {
    let total = extents.reduce(1, *)
    let instructions = gridding_instructions()
    var stride = 1
    for length in extents.reversed() {
      let pitch = (length + 7) / 8 * 8
      let plan = try FourierPlan(
        .forward, length: length, count: 8, inputPitch: pitch, outputPitch: pitch, aligned: true)
      let blocks = (stride + 7) / 8
      // Lines along the axis start at outer · length · stride + inner, with inner below the stride.
      let workers = AlignedBuffer(count: threads * 4 * pitch * 8)
      let outer = total / (length * stride)
      if stride == 1 {
        parallel(tiles: (outer + 7) / 8, threads: threads) { tile, worker in
          let lines = workers.start + worker * 4 * pitch * 8
          let count = min(8, outer - 8 * tile)
          for line in 0..<count {
            (lines + 2 * pitch * line).update(
              from: data.start + 2 * length * (8 * tile + line), count: 2 * length)
          }
          plan.execute(lines, lines + 2 * pitch * 8)
          for line in 0..<count {
            (data.start + 2 * length * (8 * tile + line)).update(
              from: lines + 2 * pitch * (8 + line), count: 2 * length)
          }
        }
      } else {
        let step = stride
        parallel(tiles: outer * blocks, threads: threads) { tile, worker in
          let lines = workers.start + worker * 4 * pitch * 8
          let first = tile / blocks * length * step + tile % blocks * 8
          let count = min(8, step - tile % blocks * 8)
          gridding_transpose(instructions, data.start + 2 * first, step, length, count, lines, pitch)
          plan.execute(lines, lines + 2 * pitch * 8)
          gridding_transpose(
            instructions, lines + 2 * pitch * 8, pitch, count, length, data.start + 2 * first, step)
        }
      }
      stride *= length
    }
  }

  /// - Parameter workspace: ``workspaceCount`` aligned floats.
  package func apply(
    _ image: UnsafePointer<Float>, into result: UnsafeMutablePointer<Float>,
    workspace: UnsafeMutablePointer<Float>
  ) {
    let x = axes[axes.count - 1]
    let blocks = (lineCount + PaddedAxis.block - 1) / PaddedAxis.block
    parallel(tiles: blocks, threads: threads) { block, worker in
      let first = block * PaddedAxis.block
      x.forward(
        image + 2 * x.extent * first, pitch: x.extent, lines: min(PaddedAxis.block, lineCount - first),
        scales: nil, into: workspace + 2 * first, pitch: linePitch,
        scratch: workspace + scratchOffset + worker * scratchCount)
    }
    spectrum.withUnsafeBufferPointer { spectrum in
      guard let spectrum = spectrum.baseAddress else { return }
      let slabs = axes.count == 2 ? PaddedAxis.block : 1
      let size = axes.dropLast().reduce(1) { $0 * $1.length }
      parallel(tiles: (x.length + slabs - 1) / slabs, threads: threads) { tile, worker in
        let scratch = workspace + scratchOffset + worker * scratchCount
        for slab in tile * slabs..<min((tile + 1) * slabs, x.length) {
          let lines = workspace + 2 * linePitch * slab
          if axes.count == 2 {
            convolve(axes[0], lines, with: spectrum + size * slab, scratch: scratch)
          } else {
            convolvePlane(lines, with: spectrum + size * slab, scratch: scratch)
          }
        }
      }
    }
    parallel(tiles: blocks, threads: threads) { block, worker in
      let first = block * PaddedAxis.block
      x.backward(
        workspace + 2 * first, pitch: linePitch, lines: min(PaddedAxis.block, lineCount - first), scales: nil,
        into: result + 2 * x.extent * first, pitch: x.extent,
        scratch: workspace + scratchOffset + worker * scratchCount)
    }
  }

  /// One line, in place.
  private func convolve(
    _ axis: PaddedAxis, _ line: UnsafeMutablePointer<Float>, with spectrum: UnsafePointer<Float>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let transformed = scratch + scratchCount - 2 * ((axis.length + 7) / 8 * 8)
    axis.forward(line, into: transformed, scratch: scratch)
    for k in 0..<axis.length {
      transformed[2 * k] *= spectrum[k]
      transformed[2 * k + 1] *= spectrum[k]
    }
    axis.backward(transformed, into: line, scratch: scratch)
  }

  /// [z][y], in place.
  private func convolvePlane(
    _ lines: UnsafeMutablePointer<Float>, with spectrum: UnsafePointer<Float>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let (z, y) = (axes[0], axes[1])
    let plane = scratch + max(z.scratchCount, max(y.scratchCount, axes[2].scratchCount))
    for first in stride(from: 0, to: z.extent, by: PaddedAxis.block) {
      y.forward(
        lines + 2 * y.extent * first, pitch: y.extent, lines: min(PaddedAxis.block, z.extent - first),
        scales: nil, into: plane + 2 * first, pitch: planePitch, scratch: scratch)
    }
    for row in 0..<y.length {
      convolve(z, plane + 2 * planePitch * row, with: spectrum + z.length * row, scratch: scratch)
    }
    for first in stride(from: 0, to: z.extent, by: PaddedAxis.block) {
      y.backward(
        plane + 2 * first, pitch: planePitch, lines: min(PaddedAxis.block, z.extent - first), scales: nil,
        into: lines + 2 * y.extent * first, pitch: y.extent, scratch: scratch)
    }
  }
}
