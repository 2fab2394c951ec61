import CFFTW

/// One axis of an image on its way through a longer FFT: N samples, zeros after them, n points.
///
///     forward:   y[k] = Σⱼ fⱼ xⱼ exp(−2πi k (j − c) / n),  k = 0 ..< n
///     backward:  x[j] = fⱼ Σₖ yₖ exp(+2πi k (j − c) / n),  j = 0 ..< N
///
/// Lines are taken in blocks and turned over on the way, so that of every image the next axis becomes the contiguous
/// one. Numbers are complex and of single precision; pitches count complex numbers, pointers floats.
struct PaddedAxis: Sendable {
  /// Lines that are transformed together: a cache line of complex numbers after the turn.
  static let block = 8

  let extent: Int
  let length: Int
  private let centre: Int
  /// Every factor twice, for real and imaginary part; empty when all are 1.
  private let factors: [Float]
  private let pitch: Int
  private let forwardBlock: FourierPlan
  private let backwardBlock: FourierPlan
  private let forwardLine: FourierPlan
  private let backwardLine: FourierPlan
  private let instructions: Int32

  /// Floats of scratch memory that every worker needs.
  var scratchCount: Int { 4 * pitch * Self.block }

  /// - Parameter centre: the sample that stays in place; those before it go to the end of the line.
  init(extent: Int, length: Int, centre: Int = 0, factors: [Float] = []) throws(OperatorError) {
    precondition(length >= extent && centre <= extent, "\(extent) samples around \(centre) on \(length)")
    self.extent = extent
    self.length = length
    self.centre = centre
    self.factors = factors.flatMap { [$0, $0] }
    let pitch = (length + 7) / 8 * 8
    self.pitch = pitch
    instructions = gridding_instructions()
    func plan(_ kind: FourierPlan.Kind, _ count: Int) throws(OperatorError) -> FourierPlan {
      try FourierPlan(
        kind, length: length, count: count, inputPitch: pitch, outputPitch: pitch, aligned: true)
    }
    forwardBlock = try plan(.forward, Self.block)
    backwardBlock = try plan(.backward, Self.block)
    forwardLine = try plan(.forward, 1)
    backwardLine = try plan(.backward, 1)
  }

  /// Transforms up to ``block`` lines and writes frequency k of line l to target[k · targetPitch + l].
  ///
  /// - Parameter scales: one for every line, or nil.
  func forward(
    _ source: UnsafePointer<Float>, pitch sourcePitch: Int, lines: Int, scales: UnsafePointer<Float>?,
    into target: UnsafeMutablePointer<Float>, pitch targetPitch: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    let spectra = scratch + 2 * pitch * Self.block
    for line in 0..<lines {
      pad(source + 2 * sourcePitch * line, scale: scales?[line] ?? 1, into: scratch + 2 * pitch * line)
    }
    forwardBlock.execute(scratch, spectra)
    gridding_transpose(instructions, spectra, pitch, lines, length, target, targetPitch)
  }

  /// The transpose of ``forward(_:pitch:lines:scales:into:pitch:scratch:)``.
  func backward(
    _ source: UnsafePointer<Float>, pitch sourcePitch: Int, lines: Int, scales: UnsafePointer<Float>?,
    into target: UnsafeMutablePointer<Float>, pitch targetPitch: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    let samples = scratch + 2 * pitch * Self.block
    gridding_transpose(instructions, source, sourcePitch, length, lines, scratch, pitch)
    backwardBlock.execute(scratch, samples)
    for line in 0..<lines {
      crop(samples + 2 * pitch * line, scale: scales?[line] ?? 1, into: target + 2 * targetPitch * line)
    }
  }

  /// Transforms one line; `target` is aligned.
  func forward(
    _ source: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    pad(source, scale: 1, into: scratch)
    forwardLine.execute(scratch, target)
  }

  /// The transpose of ``forward(_:into:scratch:)``; `source` is aligned and kept.
  func backward(
    _ source: UnsafeMutablePointer<Float>, into target: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    backwardLine.execute(source, scratch)
    crop(scratch, scale: 1, into: target)
  }

  private func pad(
    _ source: UnsafePointer<Float>, scale: Float, into target: UnsafeMutablePointer<Float>
  ) {
    let (lower, upper) = (2 * centre, 2 * (extent - centre))
    let end = target + 2 * length - lower
    if factors.isEmpty {
      target.update(from: source + lower, count: upper)
      end.update(from: source, count: lower)
    } else {
      factors.withUnsafeBufferPointer { factors in
        for j in 0..<upper { target[j] = source[lower + j] * (scale * factors[lower + j]) }
        for j in 0..<lower { end[j] = source[j] * (scale * factors[j]) }
      }
    }
    (target + upper).update(repeating: 0, count: 2 * (length - extent))
  }

  private func crop(
    _ source: UnsafePointer<Float>, scale: Float, into target: UnsafeMutablePointer<Float>
  ) {
    let (lower, upper) = (2 * centre, 2 * (extent - centre))
    let end = source + 2 * length - lower
    if factors.isEmpty {
      (target + lower).update(from: source, count: upper)
      target.update(from: end, count: lower)
    } else {
      factors.withUnsafeBufferPointer { factors in
        for j in 0..<upper { target[lower + j] = source[j] * (scale * factors[lower + j]) }
        for j in 0..<lower { target[j] = end[j] * (scale * factors[j]) }
      }
    }
  }
}
