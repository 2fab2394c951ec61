import Fields
import RealModule

/// The parallel-beam Radon transform along rays, with linear interpolation between pixel centres.
///
///     y(θ, k) = step Σₗ (1 − f) x[l, j] + f x[l, j + 1],   j + f = where ray k meets line l
///
/// Lines are the rows of the image for steep rays and its columns for flat ones, so that a ray meets every line
/// once. Pixels beyond the edge are zero. A reference independent of the Fourier transform, slower by far.
///
/// `apply` and `applyAdjoint` walk the same weights. Both give the same bytes at any number of threads.
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
  public let threads: Int

  private let views: [View]
  private let pool: BufferPool

  /// Position between pixels: origin + perBin · bin + perLine · line.
  private struct View: Sendable {
    let alongRows: Bool
    let origin: Double
    let perBin: Double
    let perLine: Double
    /// Length of a ray between two lines, in millimetres.
    let step: Double
  }

  /// Zeros on both sides of a line, so that rounding at its ends needs no test.
  private static let margin = 2
  /// Lines that one thread back-projects at once.
  private static let block = 16

  /// - Parameter threads: one for every processor unless given.
  /// - Throws: ``OperatorError`` when the scan or the image cannot exist.
  public init(_ grid: ImageSpace, beam: ParallelBeam, threads: Int? = nil) throws(OperatorError) {
    try beam.validate(with: grid)
    domain = grid
    codomain = beam.space
    self.beam = beam
    self.threads = max(1, threads ?? processorCount)
    let (rows, columns) = (grid.shape[0], grid.shape[1])
    let (dy, dx) = (grid.spacing[0], grid.spacing[1])
    let (middleRow, middleColumn) = (Double(rows - 1) / 2, Double(columns - 1) / 2)
    let h = beam.binSpacing
    views = beam.angles.map { angle in
      let (cosine, sine) = (Double.cos(angle.radians), Double.sin(angle.radians))
      if abs(cosine) * dx >= abs(sine) * dy {
        // x = (s − y sin θ) / cos θ,  y = (middleRow − row) dy
        return View(
          alongRows: true, origin: middleColumn - (beam.axis * h + middleRow * dy * sine) / (cosine * dx),
          perBin: h / (cosine * dx), perLine: dy * sine / (cosine * dx), step: dy / abs(cosine))
      } else {
        // row = middleRow − y / dy,  y = (s − x cos θ) / sin θ
        return View(
          alongRows: false, origin: middleRow + (beam.axis * h - middleColumn * dx * cosine) / (sine * dy),
          perBin: -h / (sine * dy), perLine: dx * cosine / (sine * dy), step: dx / abs(sine))
      }
    }
    pool = BufferPool(
      count: rows * (columns + 2 * Self.margin) + columns * (rows + 2 * Self.margin))
  }

  public func apply(_ x: Image, into y: inout Sinogram) {
    check(x, y)
    let (rows, columns, bins) = (domain.shape[0], domain.shape[1], beam.bins)
    let (pitch, transposedPitch) = (columns + 2 * Self.margin, rows + 2 * Self.margin)
    x.samples.withUnsafeBufferPointer { image in
      y.samples.withUnsafeMutableBufferPointer { sinogram in
        guard let image = image.baseAddress, let sinogram = sinogram.baseAddress else { return }
        pool.withBuffer { straight in
          let transposed = straight + rows * pitch
          (straight).update(repeating: 0, count: rows * pitch + columns * transposedPitch)
          for i in 0..<rows {
            for j in 0..<columns {
              straight[i * pitch + Self.margin + j] = image[i * columns + j]
              transposed[j * transposedPitch + Self.margin + i] = image[i * columns + j]
            }
          }
          parallel(tiles: views.count, threads: threads) { index, _ in
            let view = views[index]
            let target = sinogram + index * bins
            target.update(repeating: 0, count: bins)
            let (lines, length) = view.alongRows ? (rows, columns) : (columns, rows)
            let source = view.alongRows ? straight : transposed
            for line in 0..<lines {
              let start = source + line * (length + 2 * Self.margin) + Self.margin
              forEachWeight(of: view, line: line, length: length) { bin, pixel, near, far in
                target[bin] += near * start[pixel] + far * start[pixel + 1]
              }
            }
          }
        }
      }
    }
  }

  public func applyAdjoint(_ y: Sinogram, into x: inout Image) {
    check(x, y)
    let (rows, columns, bins) = (domain.shape[0], domain.shape[1], beam.bins)
    let (pitch, transposedPitch) = (columns + 2 * Self.margin, rows + 2 * Self.margin)
    y.samples.withUnsafeBufferPointer { sinogram in
      x.samples.withUnsafeMutableBufferPointer { image in
        guard let sinogram = sinogram.baseAddress, let image = image.baseAddress else { return }
        pool.withBuffer { straight in
          let transposed = straight + rows * pitch
          let rowBlocks = (rows + Self.block - 1) / Self.block
          let columnBlocks = (columns + Self.block - 1) / Self.block
          parallel(tiles: rowBlocks + columnBlocks, threads: threads) { tile, _ in
            let alongRows = tile < rowBlocks
            let (lines, length) = alongRows ? (rows, columns) : (columns, rows)
            let target = alongRows ? straight : transposed
            let first = (alongRows ? tile : tile - rowBlocks) * Self.block
            for line in first..<min(first + Self.block, lines) {
              let start = target + line * (length + 2 * Self.margin)
              start.update(repeating: 0, count: length + 2 * Self.margin)
              for (index, view) in views.enumerated() where view.alongRows == alongRows {
                let source = sinogram + index * bins
                forEachWeight(of: view, line: line, length: length) { bin, pixel, near, far in
                  start[Self.margin + pixel] += near * source[bin]
                  start[Self.margin + pixel + 1] += far * source[bin]
                }
              }
            }
          }
          for i in 0..<rows {
            for j in 0..<columns {
              image[i * columns + j] =
                straight[i * pitch + Self.margin + j] + transposed[j * transposedPitch + Self.margin + i]
            }
          }
        }
      }
    }
  }

  /// Visits the rays that meet a line: bin, first of two pixels (−1 for the edge), weights of both.
  @inline(__always)
  private func forEachWeight(
    of view: View, line: Int, length: Int,
    _ body: (_ bin: Int, _ pixel: Int, _ near: Float, _ far: Float) -> Void
  ) {
    let origin = view.origin + view.perLine * Double(line)
    // −1 < origin + perBin · bin < length
    let (a, b) = ((-1 - origin) / view.perBin, (Double(length) - origin) / view.perBin)
    let first = max(0, Int(max(-1, min(a, b)).rounded(.up)))
    let last = min(beam.bins - 1, Int(min(Double(beam.bins), max(a, b)).rounded(.down)))
    guard first <= last else { return }
    for bin in first...last {
      let position = origin + view.perBin * Double(bin)
      let pixel = position.rounded(.down)
      let fraction = position - pixel
      body(bin, Int(pixel), Float(view.step * (1 - fraction)), Float(view.step * fraction))
    }
  }

  private func check(_ x: Image, _ y: Sinogram) {
    precondition(x.shape == domain.shape, "an image of \(x.shape) is not on the grid \(domain)")
    precondition(y.shape == codomain.shape, "a sinogram of \(y.shape) is not on the grid \(codomain)")
  }
}
