import ComplexModule
import Fields
import Operators

/// Least squares with a sparse wavelet transform, for complex images.
///
///     minₓ ½ ‖A x − y‖² + λ Σ |W x|,   the sum over the details of W
///
/// Solved by FISTA, which starts its momentum afresh whenever it points uphill. One step is one AᴴA. Every step moves the
/// image against the grid of the wavelets by an amount of its own, drawn from the seed, so that the grid leaves no trace.
/// As single steps then never come to rest, the solution is their mean, later ones weighing more:
///
///     x̄ₖ = x̄ₖ₋₁ + 2/(k + 1) (xₖ − x̄ₖ₋₁)
///
/// Sources: Beck, Teboulle, SIAM J. Imaging Sci. 2 (2009), DOI 10.1137/080716542; O'Donoghue, Candès, Found. Comput.
/// Math. 15 (2015), DOI 10.1007/s10208-013-9150-3 (restart); Lustig, Donoho, Pauly, MRM 58 (2007),
/// DOI 10.1002/mrm.21391; Figueiredo, Nowak, IEEE Trans. Image Process. 12 (2003), DOI 10.1109/TIP.2003.814255 (moves).
public struct WaveletSparsity<Operator: LinearOperator>: RegularizedMethod, Sendable
where Operator.Domain == ComplexImageSpace, Operator.Codomain == KSpaceSpace {
  public private(set) var lambda: Double
  public private(set) var solution: ComplexImage
  public private(set) var steps = 0
  /// ‖change of the solution in a step‖ / ‖solution‖
  public private(set) var relativeChange = Double.infinity
  /// The method has converged when ``relativeChange`` stays below this for five steps.
  public var tolerance = 1e-3 {
    didSet { quietSteps = 0 }
  }

  private let problem: NormalProblem<Operator>
  private let wavelet: Wavelet
  private let moves: Bool
  private var generator: SplitMix64
  private var quietSteps = 0
  private var momentum = 1.0
  /// xₖ
  private var latest: ComplexImage
  private var point: ComplexImage
  private var next: ComplexImage
  private var scratch: ComplexImage

  /// - Parameters:
  ///   - lambda: in the units of the image, times ‖A‖²; see ``RegularizedMethod/lambda``.
  ///   - wavelet: four coefficients of Daubechies when nil.
  ///   - normSquare: ‖A‖² or more, found by power iteration when nil.
  ///   - seed: of the moves; nil leaves the image where it is and minimises the sum as it stands.
  /// - Throws: ``ReconstructionError`` for a wrong shape, a sample that is no number, or a λ that cannot be.
  public init(
    _ A: Operator, measurement y: KSpace, lambda: Double, wavelet: Wavelet? = nil, normSquare: Double? = nil,
    start: ComplexImage? = nil, seed: UInt64? = 1
  ) throws(ReconstructionError) {
    try validate(lambda: lambda)
    try validate(start: start, for: A)
    if let wavelet, wavelet.shape != A.domain.shape {
      throw .shapes("the wavelet transform", found: wavelet.shape, expected: A.domain.shape)
    }
    if let wavelet {
      self.wavelet = wavelet
    } else {
      self.wavelet = try Wavelet(shape: A.domain.shape)
    }
    problem = try NormalProblem(A, y, normSquare: normSquare)
    self.lambda = lambda
    solution = start ?? A.domain.zero()
    latest = solution
    point = solution
    next = solution
    scratch = solution
    moves = seed != nil
    generator = SplitMix64(seed: seed ?? 0)
  }

  /// ‖A x − y‖², which costs an AᴴA.
  public var residualSquare: Double {
    problem.residualSquare(solution, normal: problem.A.normal(solution))
  }
  public var relativeResidual: Double {
    problem.measuredSquare > 0 ? (residualSquare / problem.measuredSquare).squareRoot() : 0
  }
  public var hasConverged: Bool { quietSteps >= 5 }
  public var typicalLambda: Double { max(1e-2 * problem.normSquare * problem.typicalValue, 1e-30) }

  public func with(lambda: Double) throws(ReconstructionError) -> Self {
    try validate(lambda: lambda)
    var result = self
    result.lambda = lambda
    result.steps = 0
    result.quietSteps = 0
    result.momentum = 1
    result.point = solution
    result.latest = solution
    return result
  }

  public mutating func step() {
    let X = problem.A.domain
    let tau = Float(1 / problem.normSquare)
    // next ← z − τ (AᴴA z − Aᴴ y)
    problem.A.applyNormal(point, into: &next)
    X.scale(&next, by: -tau)
    X.add(1, point, to: &next)
    X.add(tau, problem.backprojection, to: &next)

    let (rows, columns) = (X.shape[0], X.shape[1])
    let down = moves ? Int(generator.next() % UInt64(rows)) : 0
    let across = moves ? Int(generator.next() % UInt64(columns)) : 0
    Self.move(&next, down, across, &scratch)
    wavelet.apply(&next, scratch: &scratch)
    _ = wavelet.shrinkDetails(of: &next, by: tau * Float(lambda))
    wavelet.applyInverse(&next, scratch: &scratch)
    Self.move(&next, rows - down, columns - across, &scratch)

    // The step taken, and whether the momentum was against it.
    X.add(-1, next, to: &point)
    X.scale(&latest, by: -1)
    X.add(1, next, to: &latest)
    let uphill = X.inner(point, latest).real > 0
    if uphill { momentum = 1 }
    let after = (1 + (1 + 4 * momentum * momentum).squareRoot()) / 2
    X.scale(&point, by: 0)
    X.add(1, next, to: &point)
    X.add(Float(uphill ? 0 : (momentum - 1) / after), latest, to: &point)
    momentum = after
    swap(&latest, &next)

    X.scale(&next, by: 0)
    X.add(1, latest, to: &next)
    X.add(-1, solution, to: &next)
    let weight = moves ? 2 / Double(steps + 2) : 1
    X.add(Float(weight), next, to: &solution)
    let change = weight * X.norm(next)
    let norm = X.norm(solution)
    relativeChange = norm > 0 ? change / norm : 0
    quietSteps = relativeChange < tolerance ? quietSteps + 1 : 0
    steps += 1
  }

  /// Moves an image around itself.
  private static func move(
    _ image: inout ComplexImage, _ down: Int, _ across: Int, _ scratch: inout ComplexImage
  ) {
    let (rows, columns) = (image.shape[0], image.shape[1])
    let (down, across) = (down % rows, across % columns)
    guard down != 0 || across != 0 else { return }
    image.samples.withUnsafeBufferPointer { source in
      scratch.samples.withUnsafeMutableBufferPointer { target in
        guard let source = source.baseAddress, let target = target.baseAddress else { return }
        for row in 0..<rows {
          let (from, to) = (source + row * columns, target + (row + down) % rows * columns)
          (to + across).update(from: from, count: columns - across)
          to.update(from: from + columns - across, count: across)
        }
      }
    }
    swap(&image, &scratch)
  }
}
