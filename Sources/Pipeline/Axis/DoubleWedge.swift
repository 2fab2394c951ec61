import Fields
import Operators
import RealModule

/// The rotation axis from the whole sinogram: with the right one, half a turn and its mirror image make a full turn
/// whose Fourier transform is empty outside a double wedge.
///
///     S(n, m) = P(n, m) + (−1)ⁿ exp(−2πi m 2c / M) Q(n, m),   c = argmin Σ |S(n, m)| over |n| > π B m / M + 3
///
/// P is the transform of the half turn p(v, k), followed by as many empty views, along views and bins; Q that of its
/// mirror image p(v, −k). A candidate costs one multiplication per sample of the spectrum, and may lie anywhere between
/// two bins.
///
/// Noise and stripes add the same to every candidate, which is what makes the search robust. It needs even angles over
/// 180°, with or without the end point, or more; the first half turn is used.
///
/// Source: Vo, Drakopoulos, Atwood, Reinhard, "Reliable method for calculating the center of rotation in parallel-beam
/// tomography", Optics Express 22 (2014) 19078, DOI 10.1364/OE.22.019078, eq. 4 and 5.
struct DoubleWedge {
  /// The views of a half turn, in the order of their angles.
  private let views: [Int]
  private let bins: Int
  /// Bins with zeros up to twice their number.
  private let padded: Int
  private let alongBins: FourierPlan
  private let alongViews: FourierPlan
  private let threads: Int

  /// Frequencies along the bins that the first search looks at.
  private static let coarseFrequencies = 64
  private static let mostWindows = 20

  /// - Returns: nil where the angles are not even over half a turn.
  init?(angles: [Angle], bins: Int, threads: Int) throws(OperatorError) {
    guard let views = Self.halfTurn(angles.map(\.degrees)), bins > 8 else { return nil }
    self.views = views
    self.bins = bins
    self.threads = threads
    padded = FourierPlan.fastLength(atLeast: 2 * bins)
    alongBins = try FourierPlan(
      .realToComplex, length: padded, inputPitch: padded, outputPitch: padded / 2 + 1)
    alongViews = try FourierPlan(
      .forward, length: 2 * views.count, inputPitch: 2 * views.count, outputPitch: 2 * views.count)
  }

  /// Candidates with the mean of |S| outside the double wedge.
  struct Curve {
    let axes: [Double]
    let values: [Double]
  }

  /// - Parameter range: of the axis, in bins.
  func axis(of sinogram: Sinogram, in range: ClosedRange<Double>) -> Double? {
    let first = Spectra(self, sinogram).curve(
      stride(from: range.lowerBound.rounded(.up), through: range.upperBound, by: 1).map { $0 },
      frequencies: Self.coarseFrequencies, threads)
    guard let best = first.values.indices.min(by: { first.values[$0] < first.values[$1] }) else { return nil }
    var axis = first.axes[best]
    for _ in 0..<Self.mostWindows {
      let fine = Spectra(self, sinogram, around: axis).curve(
        (-30...30).map { axis + Double($0) / 10 }.filter(range.contains), frequencies: padded, threads)
      guard let place = fine.values.indices.min(by: { fine.values[$0] < fine.values[$1] }) else {
        return axis
      }
      let next = fine.axes[place] + 0.1 * vertex(fine.values, at: place)
      defer { axis = next }
      if abs(next - axis) < 0.01 { break }
    }
    return axis
  }

  /// The figure that ``axis(of:in:)`` makes least, for some candidates.
  func curve(of sinogram: Sinogram, at axes: [Double]) -> Curve {
    let around = axes.isEmpty ? nil : axes.reduce(0, +) / Double(axes.count)
    return Spectra(self, sinogram, around: around).curve(axes, frequencies: padded, threads)
  }

  /// P and (−1)ⁿ Q outside the double wedge.
  private struct Spectra {
    /// For every frequency along the bins, from 1: samples as pairs of complex numbers.
    let lines: [[SIMD4<Float>]]
    let padded: Int

    /// - Parameter around: where the views are faded out on both sides; nowhere when nil.
    init(_ wedge: DoubleWedge, _ sinogram: Sinogram, around: Double? = nil) {
      let (half, bins, padded) = (wedge.views.count, wedge.bins, wedge.padded)
      self.padded = padded
      let columns = padded / 2 + 1
      let window = around.map { Self.window(bins, around: $0) } ?? [Float](repeating: 1, count: bins)
      var spectrum = [Float](repeating: 0, count: 2 * columns * half)
      var line = [Float](repeating: 0, count: padded)
      for (place, view) in wedge.views.enumerated() {
        for bin in 0..<bins { line[bin] = window[bin] * sinogram.samples[view * bins + bin] }
        for bin in bins..<padded { line[bin] = 0 }
        line.withUnsafeMutableBufferPointer { line in
          spectrum.withUnsafeMutableBufferPointer { spectrum in
            guard let line = line.baseAddress, let spectrum = spectrum.baseAddress else { return }
            wedge.alongBins.execute(line, spectrum + 2 * columns * place)
          }
        }
      }
      var lines: [[SIMD4<Float>]] = []
      var column = [Float](repeating: 0, count: 4 * half)
      var forward = column
      var mirrored = column
      for m in 1..<columns {
        let first = Int((Double.pi * Double(bins) * Double(m) / Double(padded)).rounded(.down)) + 4
        guard first <= half else { break }
        for (sign, isMirror) in [(Float(1), false), (Float(-1), true)] {
          for place in 0..<half {
            let source = 2 * (columns * place + m)
            column[2 * place] = spectrum[source]
            column[2 * place + 1] = sign * spectrum[source + 1]
          }
          for i in 2 * half..<4 * half { column[i] = 0 }
          column.withUnsafeMutableBufferPointer { column in
            if isMirror {
              mirrored.withUnsafeMutableBufferPointer { run(wedge, column, $0) }
            } else {
              forward.withUnsafeMutableBufferPointer { run(wedge, column, $0) }
            }
          }
        }
        var samples: [SIMD4<Float>] = []
        for n in first...2 * half - first {
          let sign: Float = n % 2 == 0 ? 1 : -1
          samples.append(
            SIMD4(forward[2 * n], forward[2 * n + 1], sign * mirrored[2 * n], sign * mirrored[2 * n + 1]))
        }
        lines.append(samples)
      }
      self.lines = lines

      func run(
        _ wedge: DoubleWedge, _ input: UnsafeMutableBufferPointer<Float>,
        _ output: UnsafeMutableBufferPointer<Float>
      ) {
        guard let input = input.baseAddress, let output = output.baseAddress else { return }
        wedge.alongViews.execute(input, output)
      }
    }

    /// 1 in the inner half, cos² from there to the nearer end of the detector.
    private static func window(_ bins: Int, around axis: Double) -> [Float] {
      let reach = max(min(axis, Double(bins - 1) - axis), 1) + 0.5
      return (0..<bins).map { bin in
        let distance = min(abs(Double(bin) - axis) / reach, 1)
        let cosine = Double.cos(.pi * max(distance - 0.5, 0))
        return Float(cosine * cosine)
      }
    }

    func curve(_ axes: [Double], frequencies: Int, _ threads: Int) -> Curve {
      let used = lines.prefix(frequencies)
      let count = Double(max(used.reduce(0) { $0 + $1.count }, 1))
      var values = [Double](repeating: 0, count: axes.count)
      values.withUnsafeMutableBufferPointer { values in
        parallel(tiles: axes.count, threads: threads) { tile, _ in
          var sum = 0.0
          for (index, line) in used.enumerated() {
            let phase = -4 * Double.pi * Double(index + 1) * axes[tile] / Double(padded)
            let (c, s) = (Float(Double.cos(phase)), Float(Double.sin(phase)))
            var part: Float = 0
            for sample in line {
              let re = sample.x + c * sample.z - s * sample.w
              let im = sample.y + c * sample.w + s * sample.z
              part += (re * re + im * im).squareRoot()
            }
            sum += Double(part)
          }
          values[tile] = sum / count
        }
      }
      return Curve(axes: axes, values: values)
    }
  }

  /// The views of the first half turn; nil where they are not even.
  private static func halfTurn(_ degrees: [Double]) -> [Int]? {
    guard degrees.count >= 16 else { return nil }
    let order = degrees.indices.sorted { (degrees[$0], $0) < (degrees[$1], $1) }
    let steps = zip(order.dropFirst(), order).map { degrees[$0] - degrees[$1] }
    let step = steps.sorted()[steps.count / 2]
    guard step > 0 else { return nil }
    let count = Int((180 / step).rounded())
    // Half of a step too much or too little at the seam is a small step in the full turn.
    guard abs(Double(count) * step - 180) <= 0.5 * step, count >= 16, count <= order.count,
      steps.prefix(count - 1).allSatisfy({ abs($0 - step) <= 0.1 * step })
    else { return nil }
    return Array(order[..<count])
  }
}
