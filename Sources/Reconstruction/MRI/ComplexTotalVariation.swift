import ComplexModule
import Fields
import Operators

/// Least squares with isotropic total variation, for complex images.
///
///     minₓ ½ ‖A x − y‖² + λ Σᵢⱼ |∇x|ᵢⱼ,   |∇x|² = |x[i+1, j] − x[i, j]|² + |x[i, j+1] − x[i, j]|²
///
/// by a primal–dual method whose every step is one AᴴA:
///
///     x⁺ = x − τ (Aᴴ(A x − y) + ∇ᵀ q),   q⁺ = projection of q + η ∇(2x⁺ − x) onto |q| ≤ λ
///     1/τ − 8 η > ‖A‖² / 2
///
/// Source: Condat, J. Optim. Theory Appl. 158 (2013), DOI 10.1007/s10957-012-0245-9, algorithm 3.1; for MRI Block, Uecker,
/// Frahm, MRM 57 (2007), DOI 10.1002/mrm.21236.
public struct ComplexTotalVariation<Operator: LinearOperator>: RegularizedMethod, Sendable
where Operator.Domain == ComplexImageSpace, Operator.Codomain == KSpaceSpace {
  public private(set) var lambda: Double
  public private(set) var solution: ComplexImage
  /// ‖A x − y‖² at the point that the last step started from; that of the solution once the method has converged.
  public private(set) var residualSquare: Double
  /// Σ |∇x| of the solution.
  public private(set) var variation = 0.0
  /// ½ ‖A x − y‖² + λ Σ |∇x|
  public var objective: Double { 0.5 * residualSquare + lambda * variation }
  public private(set) var steps = 0
  /// ‖change of the solution in a step‖ / ‖solution‖
  public private(set) var relativeChange = Double.infinity
  /// The method has converged when ``relativeChange`` stays below this for ten steps.
  public var tolerance = 3e-4 {
    didSet { quietSteps = 0 }
  }

  private let problem: NormalProblem<Operator>
  private let threads: Int
  private let tau: Float
  private let eta: Float
  private var quietSteps = 0
  /// Down the rows and across the columns.
  private var qy: ComplexImage
  private var qx: ComplexImage
  private var normal: ComplexImage
  /// Σ change², Σ |x|² and Σ |∇x| of every band of rows.
  private var partial: [Double]

  private static var band: Int { 16 }

  /// - Parameters:
  ///   - lambda: in the units of the image, times ‖A‖²; see ``RegularizedMethod/lambda``.
  ///   - normSquare: ‖A‖² or more, found by power iteration when nil.
  /// - Throws: ``ReconstructionError`` for a wrong shape, a sample that is no number, or a λ that cannot be.
  public init(
    _ A: Operator, measurement y: KSpace, lambda: Double, normSquare: Double? = nil,
    start: ComplexImage? = nil, threads: Int? = nil
  ) throws(ReconstructionError) {
    try validate(lambda: lambda)
    guard A.domain.shape.rank == 2 else {
      throw .outOfRange(
        "the rank of the image", found: "\(A.domain.shape.rank)", expected: "2 for the total variation")
    }
    try validate(start: start, for: A)
    problem = try NormalProblem(A, y, normSquare: normSquare)
    self.lambda = lambda
    self.threads = max(1, threads ?? processorCount)
    residualSquare = problem.measuredSquare
    let L = problem.normSquare
    tau = Float(1 / L)
    eta = Float(0.45 * L / 8)
    solution = start ?? A.domain.zero()
    qx = A.domain.zero()
    qy = qx
    normal = qx
    partial = [Double](repeating: 0, count: 3 * ((solution.shape[0] + Self.band - 1) / Self.band))
  }

  public var relativeResidual: Double {
    problem.measuredSquare > 0 ? (residualSquare / problem.measuredSquare).squareRoot() : 0
  }
  public var hasConverged: Bool { quietSteps >= 10 }
  public var typicalLambda: Double { max(1e-2 * problem.normSquare * problem.typicalValue, 1e-30) }

  public func with(lambda: Double) throws(ReconstructionError) -> Self {
    try validate(lambda: lambda)
    var result = self
    let ratio = Float(lambda / self.lambda)
    problem.A.domain.scale(&result.qx, by: ratio)
    problem.A.domain.scale(&result.qy, by: ratio)
    result.lambda = lambda
    result.steps = 0
    result.quietSteps = 0
    return result
  }

  public mutating func step() {
    problem.A.applyNormal(solution, into: &normal)
    residualSquare = problem.residualSquare(solution, normal: normal)
    let (rows, columns) = (solution.shape[0], solution.shape[1])
    let (bands, threads) = (partial.count / 3, threads)
    let (tau, eta, lambda) = (tau, eta, Float(lambda))
    // `normal` becomes 2x⁺ − x.
    Self.withPointers(&solution, &qx, &qy, &normal, problem.backprojection, &partial) {
      x, qx, qy, extrapolated, back, partial in
      parallel(tiles: bands, threads: threads) { band, _ in
        var (change, square) = (0.0, 0.0)
        for row in Self.band * band..<min(rows, Self.band * (band + 1)) {
          for column in 0..<columns {
            let i = row * columns + column
            var (re, im) = (
              extrapolated[i].real - back[i].real, extrapolated[i].imaginary - back[i].imaginary
            )
            // ∇ᵀ q
            if row + 1 < rows { (re, im) = (re - qy[i].real, im - qy[i].imaginary) }
            if row > 0 { (re, im) = (re + qy[i - columns].real, im + qy[i - columns].imaginary) }
            if column + 1 < columns { (re, im) = (re - qx[i].real, im - qx[i].imaginary) }
            if column > 0 { (re, im) = (re + qx[i - 1].real, im + qx[i - 1].imaginary) }
            let (dr, di) = (-tau * re, -tau * im)
            (re, im) = (x[i].real + dr, x[i].imaginary + di)
            x[i] = Complex(re, im)
            extrapolated[i] = Complex(re + dr, im + di)
            change += Double(dr * dr + di * di)
            square += Double(re * re + im * im)
          }
        }
        partial[3 * band] = change
        partial[3 * band + 1] = square
      }
      parallel(tiles: bands, threads: threads) { band, _ in
        var variation = 0.0
        for row in Self.band * band..<min(rows, Self.band * (band + 1)) {
          for column in 0..<columns {
            let i = row * columns + column
            let (down, across) = (row + 1 < rows, column + 1 < columns)
            let dy = down ? extrapolated[i + columns] - extrapolated[i] : .zero
            let dx = across ? extrapolated[i + 1] - extrapolated[i] : .zero
            var (ar, ai) = (qy[i].real + eta * dy.real, qy[i].imaginary + eta * dy.imaginary)
            var (br, bi) = (qx[i].real + eta * dx.real, qx[i].imaginary + eta * dx.imaginary)
            let length = (ar * ar + ai * ai + br * br + bi * bi).squareRoot()
            if length > lambda {
              let factor = lambda / length
              (ar, ai, br, bi) = (ar * factor, ai * factor, br * factor, bi * factor)
            }
            qy[i] = Complex(ar, ai)
            qx[i] = Complex(br, bi)
            let vy = down ? x[i + columns] - x[i] : .zero
            let vx = across ? x[i + 1] - x[i] : .zero
            let square =
              vy.real * vy.real + vy.imaginary * vy.imaginary + vx.real * vx.real + vx.imaginary
              * vx.imaginary
            variation += Double(square.squareRoot())
          }
        }
        partial[3 * band + 2] = variation
      }
    }
    var (change, square) = (0.0, 0.0)
    variation = 0
    for band in 0..<bands {
      change += partial[3 * band]
      square += partial[3 * band + 1]
      variation += partial[3 * band + 2]
    }
    relativeChange = square > 0 ? (change / square).squareRoot() : 0
    quietSteps = relativeChange < tolerance ? quietSteps + 1 : 0
    steps += 1
  }

  private static func withPointers(
    _ x: inout ComplexImage, _ qx: inout ComplexImage, _ qy: inout ComplexImage,
    _ extrapolated: inout ComplexImage, _ back: ComplexImage, _ partial: inout [Double],
    _ body: (
      _ x: UnsafeMutablePointer<Complex<Float>>, _ qx: UnsafeMutablePointer<Complex<Float>>,
      _ qy: UnsafeMutablePointer<Complex<Float>>, _ extrapolated: UnsafeMutablePointer<Complex<Float>>,
      _ back: UnsafePointer<Complex<Float>>, _ partial: UnsafeMutablePointer<Double>
    ) -> Void
  ) {
    x.samples.withUnsafeMutableBufferPointer { x in
      qx.samples.withUnsafeMutableBufferPointer { qx in
        qy.samples.withUnsafeMutableBufferPointer { qy in
          extrapolated.samples.withUnsafeMutableBufferPointer { extrapolated in
            back.samples.withUnsafeBufferPointer { back in
              partial.withUnsafeMutableBufferPointer { partial in
                guard let x = x.baseAddress, let qx = qx.baseAddress, let qy = qy.baseAddress,
                  let extrapolated = extrapolated.baseAddress, let back = back.baseAddress,
                  let partial = partial.baseAddress
                else { return }
                body(x, qx, qy, extrapolated, back, partial)
              }
            }
          }
        }
      }
    }
  }
}
