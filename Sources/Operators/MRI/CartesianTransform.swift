import CFFTW
import Fields
import RealModule

/// The masked, centred Fourier transform of one image of two dimensions and its adjoint, on one thread.
///
///     y[k] = wₖ Σₙ x[n] exp(−2πi Σₐ kₐ (nₐ − cₐ) / Nₐ),   cₐ = ⌊Nₐ / 2⌋,   k = −c … N − 1 − c
///
/// `x` may be multiplied by the map of a coil on the way in and by its conjugate on the way out. AᴴA is a circular
/// convolution, to which neither centre matters: it moves no sample, and skips the axis along which all samples are
/// taken or none.
struct CartesianTransform: Sendable {
  let rows: Int
  let columns: Int
  /// Floats of workspace; parts of it start on 64 bytes.
  let workspaceCount: Int
  /// wₖ, centred, row-major.
  private let weights: [Float]
  /// wₖ² from frequency 0 on, [columns][rows], or along the one axis that is needed.
  private let spectrum: [Float]
  private let variesAlong: Variation
  private let x: PaddedAxis
  private let y: PaddedAxis
  private let plainX: PaddedAxis
  private let plainY: PaddedAxis
  private let linePitch: Int
  private let planePitch: Int
  private let planeOffset: Int
  private let bandOffset: Int
  private let scratchOffset: Int
  private let instructions: Int32

  private enum Variation { case rows, columns, both }

  /// Rows of an image that are transformed together.
  private static var block: Int { PaddedAxis.block }

  /// - Parameter mask: samples that are 0 elsewhere, with the unitary scale; all of them when nil.
  init(shape: Shape, mask: SamplingMask?) throws(OperatorError) {
    precondition(shape.rank == 2 && mask?.shape ?? shape == shape, "a mask on \(shape)")
    let (rows, columns) = (shape[0], shape[1])
    self.rows = rows
    self.columns = columns
    let scale = Float(1 / Double(rows * columns).squareRoot())
    weights = mask?.samples.map { $0 ? scale : 0 } ?? Array(repeating: scale, count: shape.count)
    x = try PaddedAxis(extent: columns, length: columns, centre: columns / 2)
    y = try PaddedAxis(extent: rows, length: rows, centre: rows / 2)
    plainX = try PaddedAxis(extent: columns, length: columns)
    plainY = try PaddedAxis(extent: rows, length: rows)

    let weights = weights
    func isTaken(_ row: Int, _ column: Int) -> Bool {
      weights[(row + rows / 2) % rows * columns + (column + columns / 2) % columns] > 0
    }
    let alike = (0..<rows).allSatisfy { row in
      (1..<max(columns, 1)).allSatisfy { isTaken(row, $0) == isTaken(row, 0) }
    }
    if alike {
      variesAlong = .rows
      spectrum = (0..<rows).map { isTaken($0, 0) ? 1 / Float(rows) : 0 }
    } else if (0..<columns).allSatisfy({ column in
      (1..<max(rows, 1)).allSatisfy { isTaken($0, column) == isTaken(0, column) }
    }) {
      variesAlong = .columns
      spectrum = (0..<columns).map { isTaken(0, $0) ? 1 / Float(columns) : 0 }
    } else {
      variesAlong = .both
      spectrum = (0..<columns).flatMap { column in
        (0..<rows).map { isTaken($0, column) ? Float(1 / Double(rows * columns)) : 0 }
      }
    }

    linePitch = ScatteredSamples.Layout.pitch(rows)
    planePitch = ScatteredSamples.Layout.pitch(columns)
    planeOffset = 2 * linePitch * columns
    bandOffset = planeOffset + 2 * planePitch * rows
    scratchOffset = bandOffset + 4 * Self.block * planePitch
    workspaceCount = scratchOffset + max(x.scratchCount, y.scratchCount) + 2 * linePitch
    instructions = gridding_instructions()
  }

  /// Bytes of the tables.
  var memory: Int { 4 * (weights.count + spectrum.count) }

  /// - Parameter map: of a coil, or nil.
  func apply(
    _ image: UnsafePointer<Float>, map: UnsafePointer<Float>?, into target: UnsafeMutablePointer<Float>,
    workspace: UnsafeMutablePointer<Float>
  ) {
    let (plane, scratch) = (workspace + planeOffset, workspace + scratchOffset)
    forEachBand { first, count in
      x.forward(
        band(image, map, first, count, workspace), pitch: columns, lines: count, scales: nil,
        into: workspace + 2 * first, pitch: linePitch, scratch: scratch)
    }
    for first in stride(from: 0, to: columns, by: Self.block) {
      y.forward(
        workspace + 2 * linePitch * first, pitch: linePitch, lines: min(Self.block, columns - first),
        scales: nil, into: plane + 2 * first, pitch: planePitch, scratch: scratch)
    }
    forEachSegment { centred, stored, count, weights in
      coils_weigh(instructions, weights, plane + 2 * stored, count, target + 2 * centred)
    }
  }

  /// - Parameters:
  ///   - map: of a coil, whose conjugate multiplies the image; or nil.
  ///   - adding: to what is in `target`.
  func applyAdjoint(
    _ samples: UnsafePointer<Float>, map: UnsafePointer<Float>?, into target: UnsafeMutablePointer<Float>,
    adding: Bool, workspace: UnsafeMutablePointer<Float>
  ) {
    let (plane, scratch) = (workspace + planeOffset, workspace + scratchOffset)
    forEachSegment { centred, stored, count, weights in
      coils_weigh(instructions, weights, samples + 2 * centred, count, plane + 2 * stored)
    }
    for first in stride(from: 0, to: columns, by: Self.block) {
      y.backward(
        plane + 2 * first, pitch: planePitch, lines: min(Self.block, columns - first), scales: nil,
        into: workspace + 2 * linePitch * first, pitch: linePitch, scratch: scratch)
    }
    forEachBand { first, count in
      let band = workspace + bandOffset
      x.backward(
        workspace + 2 * first, pitch: linePitch, lines: count, scales: nil, into: band, pitch: columns,
        scratch: scratch)
      combine(band, map, first, count, target, adding)
    }
  }

  /// AᴴA, with the map before and its conjugate after.
  func applyNormal(
    _ image: UnsafePointer<Float>, map: UnsafePointer<Float>?, into target: UnsafeMutablePointer<Float>,
    adding: Bool, workspace: UnsafeMutablePointer<Float>
  ) {
    let scratch = workspace + scratchOffset
    let result = workspace + bandOffset
    spectrum.withUnsafeBufferPointer { spectrum in
      guard let spectrum = spectrum.baseAddress else { return }
      if variesAlong == .columns {
        // Whole rows, one band after the other.
        let turned = workspace
        forEachBand { first, count in
          plainX.forward(
            band(image, map, first, count, workspace), pitch: columns, lines: count, scales: nil,
            into: turned, pitch: Self.block, scratch: scratch)
          for k in 0..<columns {
            for j in 0..<2 * Self.block { turned[2 * Self.block * k + j] *= spectrum[k] }
          }
          plainX.backward(
            turned, pitch: Self.block, lines: count, scales: nil, into: result, pitch: columns,
            scratch: scratch)
          combine(result, map, first, count, target, adding)
        }
        return
      }
      forEachBand { first, count in
        let band = band(image, map, first, count, workspace)
        if variesAlong == .rows {
          gridding_transpose(
            instructions, band, columns, count, columns, workspace + 2 * first, linePitch)
        } else {
          plainX.forward(
            band, pitch: columns, lines: count, scales: nil, into: workspace + 2 * first, pitch: linePitch,
            scratch: scratch)
        }
      }
      let line = workspace + workspaceCount - 2 * linePitch
      for k in 0..<columns {
        let lines = workspace + 2 * linePitch * k
        plainY.forward(lines, into: line, scratch: scratch)
        coils_weigh(
          instructions, variesAlong == .rows ? spectrum : spectrum + rows * k, line, rows, line)
        plainY.backward(line, into: lines, scratch: scratch)
      }
      forEachBand { first, count in
        if variesAlong == .rows {
          gridding_transpose(
            instructions, workspace + 2 * first, linePitch, columns, count, result, columns)
        } else {
          plainX.backward(
            workspace + 2 * first, pitch: linePitch, lines: count, scales: nil, into: result, pitch: columns,
            scratch: scratch)
        }
        combine(result, map, first, count, target, adding)
      }
    }
  }

  private func forEachBand(_ body: (_ first: Int, _ count: Int) -> Void) {
    for first in stride(from: 0, to: rows, by: Self.block) { body(first, min(Self.block, rows - first)) }
  }

  /// Rows of the image, times those of the map.
  private func band(
    _ image: UnsafePointer<Float>, _ map: UnsafePointer<Float>?, _ first: Int, _ count: Int,
    _ workspace: UnsafeMutablePointer<Float>
  ) -> UnsafePointer<Float> {
    let start = 2 * columns * first
    guard let map else { return image + start }
    let product = workspace + bandOffset + 2 * Self.block * planePitch
    coils_multiply(instructions, map + start, image + start, count * columns, product)
    return UnsafePointer(product)
  }

  private func combine(
    _ band: UnsafePointer<Float>, _ map: UnsafePointer<Float>?, _ first: Int, _ count: Int,
    _ target: UnsafeMutablePointer<Float>, _ adding: Bool
  ) {
    let start = 2 * columns * first
    guard let map else {
      (target + start).update(from: band, count: 2 * columns * count)
      return
    }
    if !adding { (target + start).update(repeating: 0, count: 2 * columns * count) }
    coils_add_conjugate_product(instructions, map + start, band, count * columns, target + start)
  }

  /// Visits k-space in pieces of rows that are contiguous both from the lowest frequency on and from 0 on.
  private func forEachSegment(
    _ body: (_ centred: Int, _ stored: Int, _ count: Int, _ weights: UnsafePointer<Float>) -> Void
  ) {
    let (middle, half) = (rows / 2, columns / 2)
    weights.withUnsafeBufferPointer { weights in
      guard let weights = weights.baseAddress else { return }
      for row in 0..<rows {
        let start = row * columns
        let stored = (row - middle + rows) % rows * planePitch
        body(start + half, stored, columns - half, weights + start + half)
        body(start, stored + columns - half, half, weights + start)
      }
    }
  }
}
