import RealModule

/// The distribution of the mean of n squared standard normal values.
///
/// By the cube root, which is nearly normal: absolute error of a probability below 0.001 for n ≥ 10.
///
/// Source: Wilson, Hilferty, Proc. Natl. Acad. Sci. 17 (1931), DOI 10.1073/pnas.17.12.684.
struct ChiSquareDistribution {
  let n: Double

  /// The value that is exceeded with the probability of a standard normal value above `z`.
  func quantile(_ z: Double) -> Double {
    guard n > 0 else { return 0 }
    let root = 1 - 2 / (9 * n) + z * (2 / (9 * n)).squareRoot()
    return root > 0 ? root * root * root : 0
  }

  /// The probability of a value of at least `value`.
  func upperTail(_ value: Double) -> Double {
    guard n > 0 else { return 1 }
    return Self.upperTail((.root(max(value, 0), 3) - 1 + 2 / (9 * n)) / (2 / (9 * n)).squareRoot())
  }

  static func upperTail(_ z: Double) -> Double { 0.5 * .erfc(z / 2.0.squareRoot()) }

  /// z such that |standard normal value| ≤ z with the given probability, by bisection.
  static func twoSided(_ confidence: Double) -> Double {
    var (low, high) = (0.0, 10.0)
    for _ in 0..<60 {
      let middle = 0.5 * (low + high)
      if 2 * upperTail(middle) > 1 - confidence { low = middle } else { high = middle }
    }
    return low
  }
}
