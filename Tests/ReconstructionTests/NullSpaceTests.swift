import Fields
import Operators
import RealModule
import Reconstruction
import TestSupport
import Testing

@Suite struct NullSpaceTests {
  /// Keeps every second pixel of a chessboard: orthonormal rows, half of the pixels in the null space.
  private struct Chessboard: LinearOperator {
    let domain: ImageSpace
    var codomain: SinogramSpace { SinogramSpace(shape: domain.shape) }
    func apply(_ x: Image, into y: inout Sinogram) {
      let columns = domain.shape[1]
      for i in x.samples.indices {
        y.samples[i] = (i / columns + i % columns) % 2 == 0 ? x.samples[i] : 0
      }
    }
    func applyAdjoint(_ y: Sinogram, into x: inout Image) {
      let columns = domain.shape[1]
      for i in y.samples.indices {
        x.samples[i] = (i / columns + i % columns) % 2 == 0 ? y.samples[i] : 0
      }
    }
  }

  /// For AAᴴ = 1 and noise σ, n = d − s² / (s² + σ²) AᴴA d.
  @Test(arguments: [0.001, 1, 30]) func isTheKnownShareOfAnOperatorWithOrthonormalRows(noise: Double) throws {
    let A = Chessboard(domain: ImageSpace(shape: [40, 37]))
    var generator = SplitMix64(seed: 3)
    let x = A.domain.random(using: &generator)
    let variance = A.codomain.zero().map { _ in Float(noise * noise) } as Sinogram
    let result = try NullSpace(A)(x, variance: variance)
    // White noise less its blur is white noise but for a hundredth.
    let square = result.detail * result.detail
    #expect(abs(square - 1) < 0.1)
    let kept = square / (square + noise * noise)
    #expect(abs(result.fraction - 0.5 * (1 + (1 - kept) * (1 - kept))) < 0.03, "\(result.fraction)")
    // Its own d to rounding, where 1 − s² / (s² + σ²) is not itself rounded away.
    var d = result.unsupported
    for i in d.samples.indices where (i / 37 + i % 37) % 2 == 0 { d.samples[i] /= Float(1 - kept) }
    let energy = A.domain.inner(d, d).real
    if noise > 0.01 { #expect(abs(energy / (square * Double(d.samples.count)) - 1) < 1e-3) }
    #expect(result.relativeResidual < 1e-3)
  }

  /// Between two views every stripe pattern along the third direction is invisible.
  @Test func seesThatAPatternIsInvisible() throws {
    let grid = ImageSpace(shape: [48, 48])
    let A = try RadonTransform(
      grid, beam: ParallelBeam(angles: [.degrees(0), .degrees(90)], bins: 70), accuracy: 1e-6)
    let variance = A.codomain.zero().map { _ in 1e-4 } as Sinogram
    var (chess, stripes) = (grid.zero(), grid.zero())
    for i in 0..<48 {
      for j in 0..<48 {
        chess[i, j] = ((i / 4) + (j / 4)) % 2 == 0 ? 1 : -1
        stripes[i, j] = (j / 4) % 2 == 0 ? 1 : -1
      }
    }
    // A chessboard of an even number of fields has no projections along its rows and columns.
    #expect(try NullSpace(A)(chess, variance: variance).fraction > 0.99)
    #expect(try NullSpace(A)(stripes, variance: variance).fraction < 0.1)
  }

  @Test func shrinksWithMoreViewsAndLessNoise() throws {
    var last = 1.0
    for views in [4, 12, 40] {
      let scan = try ChestScan(pixels: 64, views: views)
      let result = try NullSpace(scan.A)(scan.truth, variance: scan.variance)
      #expect(result.fraction < 0.8 * last, "\(views) views: \(result.fraction)")
      last = result.fraction
      let noisier = try NullSpace(scan.A)(scan.truth, variance: scan.variance.map { 25 * $0 })
      #expect(noisier.fraction > result.fraction)
      // Twenty-five steps are nearly as good as two hundred, from above.
      let converged = try NullSpace(scan.A, iterations: 200)(scan.truth, variance: scan.variance)
      #expect(
        abs(result.fraction / converged.fraction - 1) < 0.1, "\(result.fraction), \(converged.fraction)")
      #expect(result.fraction >= converged.fraction * (1 - 1e-4))
    }
    #expect(last < 0.3)
  }

  @Test func isWhereTheDetailIs() throws {
    let scan = try ChestScan(pixels: 64, views: 12)
    let result = try NullSpace(scan.A)(scan.truth, variance: scan.variance)
    let (inside, outside) = (result.map[32, 32], result.map[1, 1])
    #expect(result.map.samples.allSatisfy { $0 >= 0 && $0.isFinite })
    #expect(inside > 0 && outside < 0.2 * (result.map.samples.max() ?? 0))
    let mean = result.map.samples.reduce(0) { $0 + Double($1) * Double($1) } / Double(64 * 64)
    let energy = result.fraction * result.detail * result.detail
    // Blurring moves energy but does not make any.
    #expect(abs(mean / energy - 1) < 0.05)
    let nothing = try NullSpace(scan.A)(scan.A.domain.zero(), variance: scan.variance)
    #expect(nothing.fraction == 0)
    #expect(throws: ReconstructionError.self) {
      try NullSpace(scan.A)(scan.truth, variance: scan.A.codomain.zero())
    }
  }
}
