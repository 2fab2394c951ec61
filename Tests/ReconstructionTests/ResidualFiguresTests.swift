import Fields
import Operators
import Reconstruction
import RealModule
import TestSupport
import Testing

/// The figures of a residual against their definitions, one ray after another in double precision: vectors of four and
/// eight rays must end where views end.
@Suite struct ResidualFiguresTests {
  private struct Case {
    let A: RadonTransform
    let y: Sinogram
    let variance: Sinogram

    init(views: Int, bins: Int) throws {
      let beam = ParallelBeam(angles: Angle.even(views), bins: bins)
      A = try RadonTransform(ImageSpace(shape: [12, 12]), beam: beam, threads: 1)
      var generator = SplitMix64(seed: UInt64(views * bins))
      var variance = A.codomain.zero()
      var y = A.codomain.random(using: &generator)
      for i in variance.samples.indices {
        variance.samples[i] = 0.5 + Float(generator.uniform())
        y.samples[i] *= variance.samples[i].squareRoot()
      }
      (self.y, self.variance) = (y, variance)
    }

    func judge() throws -> MeasurementConsistency<RadonTransform>.Judgement {
      try MeasurementConsistency(A, modelError: .none).judge(
        A.domain.zero(), method: "zero", measurement: y, variance: variance)
    }
  }

  @Test(arguments: [1, 3, 8], [8, 9, 10, 11, 12, 13, 16, 37])
  func areThoseOfTheirDefinitions(views: Int, bins: Int) throws {
    let scan = try Case(views: views, bins: bins)
    let judgement = try scan.judge()
    let figures = judgement.verdict.figures
    let n = views * bins
    let t = (0..<n).map { Double(scan.y.samples[$0]) / Double(scan.variance.samples[$0]).squareRoot() }
    // Single precision keeps 24 bits of t, and sums of up to 300 of them.
    let tolerance = 1e-5
    for i in 0..<n { #expect(abs(Double(judgement.residual.samples[i]) - t[i]) <= 2e-7 * abs(t[i])) }

    let square = t.reduce(0) { $0 + $1 * $1 }
    #expect(abs(figures.chiSquare - square / Double(n)) <= tolerance)
    #expect(abs(figures.noiseChiSquare - square / Double(n)) <= tolerance)
    for view in figures.views {
      let row = t[view.index * bins..<(view.index + 1) * bins]
      #expect(abs(view.chiSquare - row.reduce(0) { $0 + $1 * $1 } / Double(bins)) <= tolerance)
      #expect(abs(view.offset - row.reduce(0, +) / Double(bins).squareRoot()) <= tolerance)
    }
    func correlation(_ views: Int, _ bins: Int, in all: (views: Int, bins: Int)) -> Double {
      var (sum, pairs) = (0.0, 0)
      for view in 0..<max(0, all.views - views) {
        for bin in 0..<max(0, all.bins - bins) {
          sum += t[view * all.bins + bin] * t[(view + views) * all.bins + bin + bins]
          pairs += 1
        }
      }
      return pairs == 0 ? 0 : sum / Double(pairs) / (square / Double(n))
    }
    for distance in 1...3 {
      let expected = correlation(0, distance, in: (views, bins))
      #expect(abs(figures.correlationAlongBins[distance - 1] - expected) <= tolerance)
    }
    for distance in 1...2 {
      let expected = correlation(distance, 0, in: (views, bins))
      #expect(abs(figures.correlationAlongViews[distance - 1] - expected) <= tolerance)
    }
    var steps: [Double] = []
    for view in 0..<views {
      for k in view * bins + 1..<(view + 1) * bins - 1 {
        let (r, v) = (scan.y.samples.map(Double.init), scan.variance.samples.map(Double.init))
        steps.append(abs(r[k - 1] - 2 * r[k] + r[k + 1]) / (v[k - 1] + 4 * v[k] + v[k + 1]).squareRoot())
      }
    }
    let detail = steps.sorted()[steps.count / 2] / 0.674_489_75
    #expect(abs(figures.fineDetail - detail) <= tolerance)
    let worst = t.indices.sorted { (abs(t[$0]), $1) > (abs(t[$1]), $0) }.prefix(figures.worstRays.count)
    #expect(figures.worstRays.map { $0.view * bins + $0.bin } == Array(worst))
  }

  /// The map has the largest z of all widths at every pixel, so that of the worst place at the worst place.
  @Test(arguments: [13, 40, 83])
  func mapHoldsTheWorstContradiction(bins: Int) throws {
    let beam = ParallelBeam(angles: Angle.even(24), bins: bins)
    let side = bins * 2 / 3
    let A = try RadonTransform(ImageSpace(shape: [side, side]), beam: beam, threads: 1)
    var generator = SplitMix64(seed: UInt64(bins))
    let variance = A.codomain.zero().map { _ in 1 } as Sinogram
    let judge = MeasurementConsistency(A, modelError: .none)
    for width in 0..<3 {
      var image = A.domain.zero()
      for i in 0...width { for j in 0...width { image[side / 2 + i - 1, side / 2 + j] = 4 } }
      var y = A(image)
      A.codomain.add(1, A.codomain.random(using: &generator), to: &y)
      let judgement = try judge.judge(A.domain.zero(), method: "zero", measurement: y, variance: variance)
      let worst = try #require(judgement.verdict.contradiction)
      let most = judgement.contradiction.samples.max { abs($0) < abs($1) } ?? 0
      // One is scaled in single, the other in double precision.
      #expect(abs(Double(most) - worst.z) <= 1e-5 * abs(worst.z))
      #expect(judgement.contradiction[worst.row, worst.column] == most)
    }
  }
}
