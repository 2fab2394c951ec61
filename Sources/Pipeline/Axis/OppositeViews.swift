import Fields
import Operators
import RealModule

/// The rotation axis from views half a turn apart, which mirror each other about it.
///
///     p(θ + 180°, 2c − k) = p(θ, k):   c = argmax corr(p(θ, k), p(θ + 180°, 2c − k)) over the bins that both have
///
/// The correlation is that of deviations from the mean in the overlap, divided by their norms, summed over up to 32
/// pairs of views spread over the turn. All half bins are tried first; then the views are shifted by parts of a bin by
/// the Fourier shift theorem. Where no two views are exactly half a turn apart, both are moved to the angle in the
/// middle along the line through them and a neighbour: a scan over 180° without its end point is enough.
///
/// Source: registration by correlation with the shift theorem: Guizar-Sicairos, Thurman, Fienup, "Efficient subpixel
/// image registration algorithms", Optics Letters 33 (2008) 156, DOI 10.1364/OL.33.000156.
struct OppositeViews {
  private let bins: Int
  /// Views of the scan, each turned to the angle in the middle of its pair.
  private let pairs: [Pair]
  private let extended: Int
  private let forward: FourierPlan
  private let backward: FourierPlan

  private struct Pair: Sendable {
    var first: Mixture
    var second: Mixture
  }

  /// (1 − weight) · view + weight · neighbour
  private struct Mixture: Sendable {
    var view: Int
    var neighbour: Int
    var weight: Float
  }

  private static let mostPairs = 32
  /// Fewer bins in common tell nothing.
  private static let smallestOverlap = 0.2

  /// - Returns: nil where no two views are half a turn apart, within 1.5 of the step between neighbours.
  init?(angles: [Angle], bins: Int) throws(OperatorError) {
    let pairs = Self.pairs(angles.map(\.degrees))
    guard !pairs.isEmpty, bins > 8 else { return nil }
    self.pairs = pairs
    self.bins = bins
    // A view and its mirror image follow each other: a periodic line without a jump.
    extended = 2 * bins
    forward = try FourierPlan(
      .realToComplex, length: extended, inputPitch: extended, outputPitch: bins + 1)
    backward = try FourierPlan(
      .complexToReal, length: extended, inputPitch: bins + 1, outputPitch: extended)
  }

  /// - Parameter range: of the axis, in bins.
  func axis(of sinogram: Sinogram, in range: ClosedRange<Double>) -> Double? {
    let views = pairs.map { (line($0.first, sinogram), line($0.second, sinogram)) }
    let (low, high) = (Int((2 * range.lowerBound).rounded(.up)), Int((2 * range.upperBound).rounded(.down)))
    guard low <= high else { return nil }
    let scores = (low...high).map { sum in correlation(views, sum, margin: 0) }
    guard let best = scores.indices.max(by: { scores[$0] < scores[$1] }), scores[best] > 0 else { return nil }
    let sum = low + best
    // One step of the first search to both sides.
    let fractions = (-10...10).map { Double($0) / 10 }
    let spectra = views.map { spectrum($0.1) }
    let fine = fractions.map { fraction in
      correlation(zip(views, spectra).map { ($0.0, shifted($1, by: fraction)) }, sum, margin: 2)
    }
    guard let place = fine.indices.max(by: { fine[$0] < fine[$1] }) else { return nil }
    return (Double(sum) + fractions[place] + 0.1 * vertex(fine, at: place)) / 2
  }

  /// Of k and sum − k, over all pairs.
  private func correlation(_ views: [([Float], [Float])], _ sum: Int, margin: Int) -> Double {
    let low = max(0, sum - bins + 1) + margin
    let high = min(bins - 1, sum) - margin
    let count = high - low + 1
    guard Double(count) >= Self.smallestOverlap * Double(bins) else { return -1 }
    var (product, square) = (0.0, 0.0)
    for (a, b) in views {
      var (sa, sb, saa, sbb, sab) = (0.0, 0.0, 0.0, 0.0, 0.0)
      for k in low...high {
        let (x, y) = (Double(a[k]), Double(b[sum - k]))
        sa += x
        sb += y
        saa += x * x
        sbb += y * y
        sab += x * y
      }
      let n = Double(count)
      product += sab - sa * sb / n
      square += max(saa - sa * sa / n, 0).squareRoot() * max(sbb - sb * sb / n, 0).squareRoot()
    }
    return square > 0 ? product / square : -1
  }

  private func line(_ mixture: Mixture, _ sinogram: Sinogram) -> [Float] {
    let (a, b) = (mixture.view * bins, mixture.neighbour * bins)
    let w = mixture.weight
    return (0..<bins).map { (1 - w) * sinogram.samples[a + $0] + w * sinogram.samples[b + $0] }
  }

  private func spectrum(_ line: [Float]) -> [Float] {
    var input = line + line.reversed()
    var output = [Float](repeating: 0, count: 2 * (bins + 1))
    input.withUnsafeMutableBufferPointer { input in
      output.withUnsafeMutableBufferPointer { output in
        guard let input = input.baseAddress, let output = output.baseAddress else { return }
        forward.execute(input, output)
      }
    }
    return output
  }

  /// line[k + shift]
  private func shifted(_ spectrum: [Float], by shift: Double) -> [Float] {
    var turned = spectrum
    for m in 0...bins {
      let phase = 2 * Double.pi * Double(m) * shift / Double(extended)
      let (c, s) = (Float(Double.cos(phase)), Float(Double.sin(phase)))
      let (re, im) = (spectrum[2 * m], spectrum[2 * m + 1])
      turned[2 * m] = (re * c - im * s) / Float(extended)
      turned[2 * m + 1] = (re * s + im * c) / Float(extended)
    }
    var output = [Float](repeating: 0, count: extended)
    turned.withUnsafeMutableBufferPointer { turned in
      output.withUnsafeMutableBufferPointer { output in
        guard let turned = turned.baseAddress, let output = output.baseAddress else { return }
        backward.execute(turned, output)
      }
    }
    return Array(output[..<bins])
  }

  // MARK: Which views

  private static func pairs(_ degrees: [Double]) -> [Pair] {
    guard degrees.count > 1 else { return [] }
    func folded(_ angle: Double) -> Double { angle - 360 * (angle / 360).rounded(.down) }
    /// From b to a, at most half a turn either way.
    func difference(_ a: Double, _ b: Double) -> Double { folded(a - b + 180) - 180 }
    let order = degrees.indices.sorted { (folded(degrees[$0]), $0) < (folded(degrees[$1]), $1) }
    let sorted = order.map { folded(degrees[$0]) }
    var steps = sorted.indices.map { i in
      i + 1 < sorted.count ? sorted[i + 1] - sorted[i] : sorted[0] + 360 - sorted[i]
    }
    steps.sort()
    let step = steps[steps.count / 2]

    /// The view at an angle from view `place` (of the sorted ones), by a neighbour on that side or on the other.
    func moved(_ place: Int, by offset: Double) -> Mixture {
      let view = order[place]
      let n = order.count
      let sides = offset >= 0 ? [1, n - 1] : [n - 1, 1]
      for side in sides {
        let neighbour = order[(place + side) % n]
        let distance = difference(degrees[neighbour], degrees[view])
        if abs(distance) > 1e-9, abs(distance) <= 3 * step {
          return Mixture(view: view, neighbour: neighbour, weight: Float(offset / distance))
        }
      }
      return Mixture(view: view, neighbour: view, weight: 0)
    }

    var found: [(mismatch: Double, first: Int, second: Int)] = []
    for (place, angle) in sorted.enumerated() {
      let target = folded(angle + 180)
      var (low, high) = (0, sorted.count)
      while low < high {
        let middle = (low + high) / 2
        if sorted[middle] < target { low = middle + 1 } else { high = middle }
      }
      let candidates = [low % sorted.count, (low + sorted.count - 1) % sorted.count]
      guard
        let other = candidates.min(by: {
          abs(difference(sorted[$0], target)) < abs(difference(sorted[$1], target))
        }), other != place
      else { continue }
      let mismatch = difference(target, sorted[other])
      // Each pair is met from both sides.
      if abs(mismatch) <= 1.5 * step,
        place < other || found.allSatisfy({ $0.first != other || $0.second != place })
      {
        found.append((mismatch, place, other))
      }
    }
    guard let best = found.map({ abs($0.mismatch) }).min() else { return [] }
    found.removeAll { abs($0.mismatch) > best + 0.25 * step }
    let chosen = (0..<min(found.count, mostPairs)).map {
      found[$0 * found.count / min(found.count, mostPairs)]
    }
    return chosen.map { pair in
      Pair(
        first: moved(pair.first, by: -pair.mismatch / 2), second: moved(pair.second, by: pair.mismatch / 2))
    }
  }
}

/// Where the parabola through three neighbouring values has its vertex, in steps from the middle one.
func vertex(_ values: [Double], at place: Int) -> Double {
  guard values.indices.contains(place - 1), values.indices.contains(place + 1) else { return 0 }
  let (left, middle, right) = (values[place - 1], values[place], values[place + 1])
  let curvature = left - 2 * middle + right
  guard curvature != 0 else { return 0 }
  return min(max((left - right) / (2 * curvature), -0.5), 0.5)
}
