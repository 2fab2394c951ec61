import ComplexModule
import Fields
import Operators
import RealModule
import Testing

@Suite struct HermitianEigenTests {
  private static func random(_ n: Int, rank: Int, seed: UInt64) -> [Complex<Double>] {
    var generator = SplitMix64(seed: seed)
    var matrix = [Complex<Double>](repeating: .zero, count: n * n)
    for _ in 0..<rank {
      let u = (0..<n).map { _ in
        let pair = generator.normalPair()
        return Complex(pair.0, pair.1)
      }
      let weight = generator.normal()
      for i in 0..<n {
        for j in 0..<n { matrix[i * n + j] += (u[i] * u[j].conjugate).multiplied(by: weight) }
      }
    }
    return matrix
  }

  private static func norm(_ matrix: [Complex<Double>]) -> Double {
    matrix.reduce(0) { $0 + $1.lengthSquared }.squareRoot()
  }

  /// A uₖ = λₖ uₖ and uᵢᴴ uⱼ = δᵢⱼ, both to some roundings per row and column of a backward stable method.
  private static func check(_ matrix: [Complex<Double>], _ n: Int) {
    let eigen = HermitianEigen(matrix, order: n)
    let tolerance = 20 * Double(n) * .ulpOfOne
    let vectors = (0..<n).map { eigen.vector($0) }
    var trace = 0.0
    for k in 0..<n {
      trace += matrix[k * n + k].real
      if k > 0 { #expect(eigen.values[k] <= eigen.values[k - 1]) }
      var residual = 0.0
      for i in 0..<n {
        var sum = vectors[k][i].multiplied(by: -eigen.values[k])
        for j in 0..<n { sum += matrix[i * n + j] * vectors[k][j] }
        residual += sum.lengthSquared
      }
      #expect(residual.squareRoot() <= tolerance * norm(matrix), "residual of vector \(k) of \(n)")
      for l in 0...k {
        var product = Complex<Double>.zero
        for i in 0..<n { product += vectors[k][i].conjugate * vectors[l][i] }
        #expect((product - (k == l ? .one : .zero)).length <= tolerance, "product of \(k) and \(l) of \(n)")
      }
    }
    #expect(abs(eigen.values.reduce(0, +) - trace) <= tolerance * norm(matrix))
  }

  @Test(arguments: [1, 2, 3, 8, 33]) func diagonalises(n: Int) {
    Self.check(Self.random(n, rank: n, seed: 1), n)
  }

  /// Most eigenvalues are 0, as those of windows of a calibration.
  @Test func diagonalisesMatricesOfLowRank() {
    Self.check(Self.random(40, rank: 5, seed: 2), 40)
    Self.check(Self.random(17, rank: 1, seed: 3), 17)
  }

  @Test func leavesWhatIsDiagonal() {
    Self.check([Complex<Double>](repeating: .zero, count: 16), 4)
    var matrix = [Complex<Double>](repeating: .zero, count: 25)
    for (i, value) in [3.0, -1, 3, 0, 7].enumerated() { matrix[6 * i] = Complex(value, 0) }
    Self.check(matrix, 5)
    #expect(HermitianEigen(matrix, order: 5).values == [7, 3, 3, 0, -1])
  }

  /// The second difference on a ring of n has eigenvalues 2 − 2 cos(2πk/n), most of them twice; a phase on its links that
  /// adds up to nothing changes none of them.
  @Test func findsKnownEigenvalues() {
    let n = 12
    var matrix = [Complex<Double>](repeating: .zero, count: n * n)
    let phases = (0..<n).map { Complex<Double>(length: 1, phase: Double($0 * $0)) }
    for i in 0..<n {
      matrix[i * n + i] = 2
      let next = (i + 1) % n
      matrix[i * n + next] = -(phases[i] * phases[next].conjugate)
      matrix[next * n + i] = -(phases[next] * phases[i].conjugate)
    }
    let expected = (0..<n).map { 2 - 2 * Double.cos(2 * .pi * Double($0) / Double(n)) }.sorted(by: >)
    for (a, b) in zip(HermitianEigen(matrix, order: n).values, expected) {
      #expect(abs(a - b) < 1e-14 * 4 * 12)
    }
    Self.check(matrix, n)
  }
}
