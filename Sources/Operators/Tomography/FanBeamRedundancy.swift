import Fields
import RealModule

/// How often a fan-beam scan measures every ray, and what each of its measurements is to count.
///
/// The ray (θ, γ) is measured again at (θ ± π − 2γ, −γ). Weights w of such pairs add up to one, and are one for rays
/// measured once:
///
///     w = p τ / (p τ + (1 − p) (1 − τ))
///
/// `p` weighs the views: 1/2 for a full turn. For less than that, with β = θ − start and a scan over π + 2δ,
///
///     p = sin²(π/4 · β / (δ + γ))             for β < 2 (δ + γ)
///     p = sin²(π/4 · (π + 2δ − β) / (δ − γ))  for β > π + 2γ
///     p = 1                                   in between
///
/// `τ` weighs the two sides of the detector: 1/2 for one in the middle. An offset detector has a long side whose
/// outer part no opposite view sees; there τ = 1, and it changes to that smoothly within what both sides see, so that
/// τ(γ) + τ(−γ) = 1.
///
/// Rays that are not measured at all stay missing: a scan over less than π and the fan has a limited angle, and its
/// amplitudes are not physical.
///
/// Source: Parker, Med. Phys. 9 (1982), DOI 10.1118/1.595078, eq. 12; with δ larger than the fan, Silver, Med. Phys. 27
/// (2000), DOI 10.1118/1.598939; displaced detectors, Wang, Med. Phys. 29 (2002), DOI 10.1118/1.1489043.
package struct FanBeamRedundancy: Sendable {
  /// dθ: how much of the turn every view stands for, in radians, half of the way to either neighbour.
  package let angularWeights: [Double]
  package let isFullTurn: Bool
  /// β of every view in radians, from where the scan starts.
  package let turned: [Double]
  /// π + 2δ in radians.
  package let range: Double

  private let beam: FanBeam
  private let shortSide: Double
  private let longSide: Double
  private let longSideIsAhead: Bool

  package init(_ beam: FanBeam) {
    self.beam = beam
    let n = beam.angles.count
    let folded = beam.angles.map { angle in
      let turns = angle.radians / (2 * .pi)
      return (turns - turns.rounded(.down)) * 2 * .pi
    }
    let order = folded.indices.sorted { (folded[$0], $0) < (folded[$1], $1) }
    let gaps = order.indices.map { i in
      i + 1 < n ? folded[order[i + 1]] - folded[order[i]] : folded[order[0]] + 2 * .pi - folded[order[i]]
    }
    // Views a whole turn apart coincide when folded; their zero gaps say nothing about the sampling.
    let sorted = gaps.filter { $0 > 1e-6 * .pi / Double(n) }.sorted()
    let median = sorted.isEmpty ? 2 * .pi : sorted[sorted.count / 2]
    let widest = gaps.indices.max { (gaps[$0], $1) < (gaps[$1], $0) } ?? 0
    isFullTurn = gaps.isEmpty || gaps[widest] <= 3 * median
    // A wide gap is a missing wedge: no view stands for it, but the first and last reach half a step into it.
    let ways = gaps.map { $0 > 3 * median ? median : $0 }
    var weights = [Double](repeating: 0, count: n)
    var turned = [Double](repeating: 0, count: n)
    for i in order.indices { weights[order[i]] = (ways[i] + ways[(i + n - 1) % n]) / 2 }
    // Counted from behind the widest gap.
    var angle = median / 2
    for step in order.indices {
      let i = (widest + 1 + step) % n
      turned[order[i]] = angle
      angle += gaps[i]
    }
    angularWeights = weights
    self.turned = turned
    range = isFullTurn || n == 0 ? 2 * .pi : 2 * .pi - gaps[widest] + median

    let (behind, ahead) = (beam.axis + 0.5, Double(beam.bins) - 0.5 - beam.axis)
    (shortSide, longSide) = (min(behind, ahead), max(behind, ahead))
    longSideIsAhead = ahead >= behind
  }

  /// p
  package func viewWeight(turned beta: Double, fanAngle gamma: Double) -> Double {
    if isFullTurn { return 0.5 }
    let delta = (range - .pi) / 2
    if delta + gamma > 0, beta < 2 * (delta + gamma) {
      let sine = Double.sin(.pi / 4 * beta / (delta + gamma))
      return sine * sine
    }
    if delta - gamma > 0, beta > .pi + 2 * gamma {
      let sine = Double.sin(.pi / 4 * (range - beta) / (delta - gamma))
      return sine * sine
    }
    return 1
  }

  /// τ at a position on the detector, a bin coordinate.
  ///
  /// The change takes a quarter of the long side, or all of the short one.
  package func sideWeight(at bin: Double) -> Double {
    guard longSide - shortSide >= 1 else { return 0.5 }
    let outwards = longSideIsAhead ? bin - beam.axis : beam.axis - bin
    let start = max(0, shortSide - longSide / 4)
    if abs(outwards) <= start { return 0.5 }
    if outwards >= shortSide { return 1 }
    if outwards <= -shortSide { return 0 }
    let part = (abs(outwards) - start) / (shortSide - start)
    return 0.5 + 0.5 * (outwards > 0 ? 1 : -1) * Double.sin(.pi / 2 * part)
  }

  /// w
  package func weight(turned beta: Double, bin: Double) -> Double {
    let p = viewWeight(turned: beta, fanAngle: beam.fanAngle(at: bin).radians)
    let tau = sideWeight(at: bin)
    let sum = p * tau + (1 - p) * (1 - tau)
    return sum > 0 ? p * tau / sum : 0
  }
}
