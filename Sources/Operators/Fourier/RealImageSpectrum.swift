import CFFTW
import ComplexModule
import Fields
import RealModule

/// The Fourier transform of a real image at arbitrary frequencies, prepared once.
///
///     v(k) = scale · factorₖ Σⱼ xⱼ exp(−2πi (kx jx + ky jy)),   j = index − ⌊N / 2⌋
///
/// Frequencies are in cycles per pixel; those outside ±½ are met by the periodicity of the sum. Only half of the
/// spectrum is computed, and of that only the columns that some frequency needs.
///
/// `applyAdjoint` is half the transpose with regard to real and imaginary parts, so that together with an FFT
/// between half spectra and real signals the transpose comes out.
package struct RealImageSpectrum: Sendable {
  package struct Sample {
    package var kx: Double
    package var ky: Double
    package var factor: Complex<Double>
    /// Where the value goes, in complex numbers.
    package var target: Int

    package init(kx: Double, ky: Double, factor: Complex<Double>, target: Int) {
      self.kx = kx
      self.ky = ky
      self.factor = factor
      self.target = target
    }
  }

  /// Floats of workspace that an application needs.
  package let workspaceCount: Int
  /// Bytes of the prepared tables.
  package var memory: Int { scattered.memory + 4 * (rowScale.count + columnScale.count) }
  private let rows: Int
  private let columns: Int
  private let threads: Int
  /// Points of the finer grid along x and y.
  private let nx: Int
  private let ny: Int
  /// Columns of the half spectrum, kx = 0 ..< this, that are computed.
  private let spectrumColumns: Int
  private let scattered: ScatteredSamples
  /// For every computed column, the rows of the grid that hold it or its mirror image.
  private let copies: [[Copy]]
  private let rowScale: [Float]
  private let columnScale: [Float]

  private let rowsForward: FourierPlan
  private let rowsBackward: FourierPlan
  private let columnsForward: FourierPlan
  private let columnsBackward: FourierPlan

  private let halfPitch: Int
  private let transposedOffset: Int
  private let scratchOffset: Int
  private let scratchCount: Int
  /// Runs of image rows that stay together when the centre is moved to the corner.
  private let runs: [Run]
  private let instructions: Int32

  private struct Copy: Sendable {
    let row: Int
    let mirrored: Bool
  }

  private struct Run: Sendable {
    let firstRow: Int
    let count: Int
    let place: Int
  }

  /// Rows or columns that one thread transforms at once.
  private static let block = 8

  /// - Parameter accuracy: norm of the error of a transform of white noise, relative to that of the transform.
  package init(
    rows: Int, columns: Int, samples: [Sample], scale: Double, accuracy: Double, threads: Int
  ) throws(OperatorError) {
    self.rows = rows
    self.columns = columns
    self.threads = threads
    instructions = gridding_instructions()

    let design = try NonUniformDesign.best(
      shape: [rows, columns], samples: samples.count, accuracy: accuracy, upsampling: nil, isReal: true)
    let kernel = design.kernel
    (ny, nx) = (design.gridShape[0], design.gridShape[1])

    // Fold every frequency into the half plane kx ≥ 0, where the other half is the conjugate.
    let margin = kernel.width / 2 + 1
    var positions = [ScatteredSamples.Position]()
    positions.reserveCapacity(samples.count)
    var highest = 0.0
    for sample in samples {
      var kx = sample.kx - sample.kx.rounded()
      var ky = sample.ky - sample.ky.rounded()
      let conjugated = kx < 0
      if conjugated { (kx, ky) = (-kx, -ky) }
      highest = max(highest, kx * Double(nx))
      positions.append(
        ScatteredSamples.Position(
          slab: kx * Double(nx) + Double(margin), column: ky * Double(ny), factor: sample.factor,
          conjugated: conjugated, target: sample.target))
    }
    let gridRows = Int(highest) + 2 * margin + 1
    spectrumColumns = min(nx / 2 + 1, Int(highest) + margin + 1)
    let layout = ScatteredSamples.Layout(slabs: gridRows, columns: ny)
    try layout.validate()
    let pitch = layout.pitch
    scattered = ScatteredSamples(count: positions.count, kernel: kernel, layout: layout) { positions[$0] }

    var copies = [[Copy]](repeating: [], count: spectrumColumns)
    for row in 0..<gridRows {
      let kx = ((row - margin) % nx + nx) % nx
      let mirrored = kx > nx / 2
      let source = mirrored ? nx - kx : kx
      // Rows beyond the computed columns lie outside every neighbourhood.
      if source < spectrumColumns { copies[source].append(Copy(row: row, mirrored: mirrored)) }
    }
    self.copies = copies

    func correction(_ count: Int, _ grid: Int) -> [Double] {
      (0..<count).map { 1 / kernel.transform(Double($0 - count / 2) / Double(grid)) }
    }
    rowScale = correction(rows, ny).map { Float($0 * scale) }
    columnScale = correction(columns, nx).map { Float($0) }

    let centre = rows / 2
    runs = [(centre, rows - centre, 0), (0, centre, ny - centre)].flatMap { first, count, place in
      stride(from: 0, to: count, by: Self.block).map {
        Run(firstRow: first + $0, count: min(Self.block, count - $0), place: place + $0)
      }
    }

    halfPitch = (nx / 2 + 1 + 7) / 8 * 8
    let realPitch = 2 * halfPitch
    rowsForward = try FourierPlan(
      .realToComplex, length: nx, count: Self.block, inputPitch: realPitch, outputPitch: halfPitch,
      aligned: true)
    rowsBackward = try FourierPlan(
      .complexToReal, length: nx, count: Self.block, inputPitch: halfPitch, outputPitch: realPitch,
      aligned: true)
    columnsForward = try FourierPlan(
      .forward, length: ny, inputPitch: pitch, outputPitch: pitch, aligned: true)
    columnsBackward = try FourierPlan(
      .backward, length: ny, inputPitch: pitch, outputPitch: pitch, aligned: true)

    transposedOffset = 2 * pitch * gridRows
    scratchOffset = transposedOffset + 2 * pitch * spectrumColumns
    scratchCount = max(2 * Self.block * realPitch, 2 * pitch)
    workspaceCount = (scratchOffset + threads * scratchCount + 15) / 16 * 16
  }

  /// - Parameter workspace: ``workspaceCount`` floats.
  package func apply(
    _ image: UnsafePointer<Float>, into values: UnsafeMutablePointer<Float>,
    workspace: UnsafeMutablePointer<Float>
  ) {
    let transposed = workspace + transposedOffset
    let pitch = scattered.layout.pitch
    let centre = columns / 2
    parallel(tiles: runs.count, threads: threads) { tile, worker in
      let run = runs[tile]
      let real = workspace + scratchOffset + worker * scratchCount
      let half = real + 2 * halfPitch * Self.block
      for r in 0..<run.count {
        let source = image + (run.firstRow + r) * columns
        let target = real + 2 * halfPitch * r
        let scale = rowScale[run.firstRow + r]
        columnScale.withUnsafeBufferPointer { factors in
          for j in centre..<columns { target[j - centre] = source[j] * (scale * factors[j]) }
          for j in 0..<centre { target[nx - centre + j] = source[j] * (scale * factors[j]) }
        }
        (target + (columns - centre)).update(repeating: 0, count: nx - columns)
      }
      rowsForward.execute(real, half)
      gridding_transpose(
        instructions, half, halfPitch, run.count, spectrumColumns, transposed + 2 * run.place, pitch
      )
    }
    let blocks = (spectrumColumns + Self.block - 1) / Self.block
    parallel(tiles: blocks, threads: threads) { block, worker in
      for column in block * Self.block..<min((block + 1) * Self.block, spectrumColumns) {
        // The lower half of the image lies at the start, the upper at the end, the padding between them.
        (transposed + 2 * (pitch * column + rows - rows / 2)).update(repeating: 0, count: 2 * (ny - rows))
        // A mirrored copy is made from a direct one, or from scratch memory where there is none.
        var direct = workspace + scratchOffset + worker * scratchCount
        if let copy = copies[column].first(where: { !$0.mirrored }) {
          direct = workspace + 2 * pitch * copy.row
        }
        columnsForward.execute(transposed + 2 * pitch * column, direct)
        repeatStart(direct)
        for copy in copies[column] {
          let row = workspace + 2 * pitch * copy.row
          guard row != direct else { continue }
          if copy.mirrored {
            row[0] = direct[0]
            row[1] = -direct[1]
            for j in 1..<ny {
              row[2 * j] = direct[2 * (ny - j)]
              row[2 * j + 1] = -direct[2 * (ny - j) + 1]
            }
            repeatStart(row)
          } else {
            row.update(from: direct, count: 2 * pitch)
          }
        }
      }
    }
    scattered.interpolate(workspace, into: values, threads: threads)
  }

  private func add(_ source: UnsafePointer<Float>, mirrored: Bool, to sum: UnsafeMutablePointer<Float>) {
    guard mirrored else {
      for j in 0..<2 * ny { sum[j] += source[j] }
      return
    }
    sum[0] += source[0]
    sum[1] -= source[1]
    for j in 1..<ny {
      sum[2 * (ny - j)] += source[2 * j]
      sum[2 * (ny - j) + 1] -= source[2 * j + 1]
    }
  }

  private func repeatStart(_ row: UnsafeMutablePointer<Float>) {
    let extra = min(Int(GRIDDING_MAXIMUM_WIDTH), ny)
    (row + 2 * ny).update(from: row, count: 2 * extra)
  }

  package func applyAdjoint(
    _ values: UnsafePointer<Float>, into image: UnsafeMutablePointer<Float>,
    workspace: UnsafeMutablePointer<Float>
  ) {
    scattered.spread(values, onto: workspace, threads: threads)
    let transposed = workspace + transposedOffset
    let pitch = scattered.layout.pitch
    let blocks = (spectrumColumns + Self.block - 1) / Self.block
    parallel(tiles: blocks, threads: threads) { block, worker in
      let sum = workspace + scratchOffset + worker * scratchCount
      for index in block * Self.block..<min((block + 1) * Self.block, spectrumColumns) {
        var first = true
        for copy in copies[index] {
          let source = workspace + 2 * pitch * copy.row
          for j in 0..<2 * Int(GRIDDING_MAXIMUM_WIDTH) { source[j] += source[2 * ny + j] }
          if first && !copy.mirrored {
            sum.update(from: source, count: 2 * ny)
          } else {
            if first { sum.update(repeating: 0, count: 2 * ny) }
            add(source, mirrored: copy.mirrored, to: sum)
          }
          first = false
        }
        if first { sum.update(repeating: 0, count: 2 * ny) }
        // The inverse FFT of a half spectrum counts its inner columns twice, its ends once.
        if index == 0 || 2 * index == nx {
          for j in 0..<2 * ny { sum[j] *= 2 }
        }
        columnsBackward.execute(sum, transposed + 2 * pitch * index)
      }
    }
    let centre = columns / 2
    parallel(tiles: runs.count, threads: threads) { tile, worker in
      let run = runs[tile]
      let real = workspace + scratchOffset + worker * scratchCount
      let half = real + 2 * halfPitch * Self.block
      gridding_transpose(
        instructions, transposed + 2 * run.place, pitch, spectrumColumns, run.count, half, halfPitch
      )
      for r in 0..<run.count {
        (half + 2 * (halfPitch * r + spectrumColumns)).update(
          repeating: 0, count: 2 * (nx / 2 + 1 - spectrumColumns))
      }
      rowsBackward.execute(half, real)
      for r in 0..<run.count {
        let target = image + (run.firstRow + r) * columns
        let source = real + 2 * halfPitch * r
        let scale = rowScale[run.firstRow + r]
        columnScale.withUnsafeBufferPointer { factors in
          for j in centre..<columns { target[j] = source[j - centre] * (scale * factors[j]) }
          for j in 0..<centre { target[j] = source[nx - centre + j] * (scale * factors[j]) }
        }
      }
    }
  }
}
