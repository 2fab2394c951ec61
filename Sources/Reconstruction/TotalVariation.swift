import Fields
import Operators
import RealModule

/// Least squares with isotropic total variation.
///
///     minₓ ½ χ²(x) + λ Σᵢⱼ |∇x|ᵢⱼ,   χ² = ‖W^½ (A x − y)‖²,   x ≥ lowerBound where one is given
///
/// W is 1 / variance of every ray and ∇ takes differences to the next row and column, so that λ has the unit of
/// 1 / x: millimetres for attenuation. The value is prepared once and shared by all slices of a volume.
///
/// Source: Rudin, Osher, Fatemi, Physica D 60 (1992), DOI 10.1016/0167-2789(92)90242-F; Sidky, Pan, Phys. Med.
/// Biol. 53 (2008), DOI 10.1088/0031-9155/53/17/021.
public struct TotalVariation<Operator: LinearOperator>: Sendable
where Operator.Domain == ImageSpace, Operator.Codomain == SinogramSpace {
  public let A: Operator
  /// The smallest value a solution may have, in the unit of the image.
  public let lowerBound: Float?
  public let threads: Int

  /// R, the square root of the ramp filter's response, 1 at the highest frequency.
  fileprivate let ramp: DetectorFilter
  fileprivate let response: [Double]
  /// ‖R^½ A‖²
  fileprivate let normSquare: Double

  /// - Parameter threads: one for every processor unless given.
  public init(_ A: Operator, lowerBound: Float? = nil, threads: Int? = nil) throws(OperatorError) {
    self.A = A
    self.lowerBound = lowerBound
    self.threads = max(1, threads ?? processorCount)
    let bins = A.codomain.shape[1]
    response = (0...bins / 2).map { max(2 * Double($0) / Double(bins), 0.01).squareRoot() }
    ramp = try DetectorFilter(bins: bins, length: bins, response: response)
    normSquare = Self.normSquare(A, ramp, weights: nil, threads: self.threads)
  }

  /// A solution and how it was come by.
  public struct Result: Sendable {
    public let image: Image
    public let lambda: Double
    /// χ² per ray.
    public let reducedChiSquare: Double
    public let objective: Double
    public let steps: Int
    /// Whether the method converged, and for ``solveByDiscrepancy(_:variance:target:accuracy:limit:)`` whether
    /// χ² met its target.
    public let converged: Bool
  }

  /// The method for one measurement, ready to step.
  ///
  /// - Parameters:
  ///   - variance: of every ray; see ``NoiseModel/variance(of:)``.
  ///   - lambda: weight of the total variation against half of χ², in 1 / (unit of the image).
  ///   - start: an earlier solver of the same measurement, with another λ.
  /// - Throws: ``ReconstructionError`` for a wrong shape, a λ or a variance that is not positive.
  public func solver(
    _ measurement: Sinogram, variance: Sinogram, lambda: Double, start: PrimalDualSolver<Operator>? = nil
  ) throws -> PrimalDualSolver<Operator> {
    if let start { return try start.with(lambda: lambda) }
    return try PrimalDualSolver(self, measurement, variance: variance, lambda: lambda)
  }

  /// Solves for a given λ.
  ///
  /// - Parameter limit: the most steps to take, each an A and an Aᴴ.
  /// - Throws: ``ReconstructionError``; `CancellationError`.
  public func solve(
    _ measurement: Sinogram, variance: Sinogram, lambda: Double, limit: Int = 1000,
    algorithm: TotalVariationAlgorithm = .primalDual
  ) throws -> Result {
    func solve(_ start: some TotalVariationSolver) throws -> Result {
      var solver = start
      try solver.run(limit: limit)
      return result(solver, steps: solver.steps, converged: solver.hasConverged)
    }
    return switch algorithm {
    case .primalDual: try solve(solver(measurement, variance: variance, lambda: lambda))
    case .fista: try solve(FISTA(self, measurement: measurement, variance: variance, lambda: lambda))
    }
  }

  /// Chooses λ so that χ² is what the noise makes it: χ² / n = `target`.
  ///
  /// - Parameters:
  ///   - target: 1 unless the model itself errs by more than the noise.
  ///   - accuracy: of χ² / n relative to the target.
  ///   - limit: the most steps to take in all.
  /// - Throws: ``ReconstructionError``; `CancellationError`.
  public func solveByDiscrepancy(
    _ measurement: Sinogram, variance: Sinogram, target: Double = 1, accuracy: Double = 0.01,
    limit: Int = 3000, algorithm: TotalVariationAlgorithm = .primalDual
  ) throws -> Result {
    func solve(_ start: some TotalVariationSolver) throws -> Result {
      var solver = start
      let (steps, converged) = try solver.runToDiscrepancy(target: target, accuracy: accuracy, limit: limit)
      return result(solver, steps: steps, converged: converged)
    }
    return switch algorithm {
    case .primalDual: try solve(solver(measurement, variance: variance, lambda: 1))
    case .fista: try solve(FISTA(self, measurement: measurement, variance: variance, lambda: 1))
    }
  }

  private func result(_ solver: some TotalVariationSolver, steps: Int, converged: Bool) -> Result {
    Result(
      image: solver.solution, lambda: solver.lambda, reducedChiSquare: solver.reducedChiSquare,
      objective: solver.objective, steps: steps, converged: converged)
  }

  static func check(lambda: Double) throws(ReconstructionError) {
    guard lambda > 0, lambda.isFinite else {
      throw .outOfRange(
        "the weight λ of the total variation", found: "\(lambda)", expected: "a positive number")
    }
  }

  /// ‖R^½ W^½ A‖²
  ///
  /// - Parameter weights: W^½, the inverse root of the variance.
  func weightedNormSquare(_ weights: [Float], variance: Sinogram) -> Double {
    let first = variance.samples[0]
    return variance.samples.allSatisfy { $0 == first }
      ? normSquare / Double(first) : Self.normSquare(A, ramp, weights: weights, threads: threads)
  }

  /// One preconditioned step of steepest descent from zero, filtered back-projection but for the filter's shape, and its
  /// projection.
  ///
  /// - Parameters:
  ///   - weights: W^½
  ///   - target: W^½ y
  func start(weights: [Float], target: [Float]) -> (image: Image, projection: Sinogram) {
    let ones = [Float](repeating: 1, count: A.codomain.shape[0])
    var y = Sinogram(shape: A.codomain.shape, samples: target)
    y.samples.withUnsafeMutableBufferPointer { y in
      guard let y = y.baseAddress else { return }
      ramp.apply(y, into: y, views: ones.count, factors: ones, threads: threads)
    }
    for i in weights.indices { y.samples[i] *= weights[i] }
    var x = A.adjoint(y)
    A.apply(x, into: &y)
    var (top, bottom) = (0.0, 0.0)
    for i in weights.indices {
      let value = Double(weights[i] * y.samples[i])
      top += value * Double(target[i])
      bottom += value * value
    }
    let best = bottom > 0 ? top / bottom : 0
    A.domain.scale(&x, by: Float(best))
    A.codomain.scale(&y, by: Float(best))
    return (x, y)
  }

  /// ‖R^½ W^½ A‖² by power iteration, which approaches it from below: a few per cent more are on the safe side.
  fileprivate static func normSquare(
    _ A: Operator, _ ramp: DetectorFilter, weights: [Float]?, threads: Int
  ) -> Double {
    var generator = SplitMix64(seed: 1)
    var x = A.domain.random(using: &generator)
    var y = A.codomain.zero()
    let ones = [Float](repeating: 1, count: A.codomain.shape[0])
    var value = 0.0
    for _ in 0..<20 {
      let length = A.domain.norm(x)
      guard length > 0 else { return 1 }
      A.domain.scale(&x, by: Float(1 / length))
      A.apply(x, into: &y)
      y.samples.withUnsafeMutableBufferPointer { samples in
        guard let start = samples.baseAddress else { return }
        if let weights { for i in weights.indices { start[i] *= weights[i] } }
        ramp.apply(start, into: start, views: ones.count, factors: ones, threads: threads)
        if let weights { for i in weights.indices { start[i] *= weights[i] } }
      }
      A.applyAdjoint(y, into: &x)
      value = A.domain.norm(x)
    }
    return 1.05 * value
  }
}

/// The preconditioned, over-relaxed primal–dual method for ``TotalVariation``.
///
///     x̂ = max(x − τ (Aᴴ W^½ p + ∇ᵀ q), lowerBound),   x̄ = 2x̂ − x
///     p̂ = p + G (W^½ (A x̄ − y) − p),   G = S / (1 + S)
///     q̂ = projection of q + η ∇x̄ onto |q| ≤ λ
///     (x, p, q) ← (x, p, q) + 1.9 ((x̂, p̂, q̂) − (x, p, q))
///
/// S = s R is a convolution along the detector by the square root of the ramp. It levels the spectrum of Aᴴ S A, as
/// filtered back-projection does, so that fine detail converges nearly as fast as coarse. The steps satisfy
/// τ (‖S^½ W^½ A‖² + 8 η) = 1. One step costs one A and one Aᴴ; the objective comes with it.
///
/// Sources: Chambolle, Pock, J. Math. Imaging Vis. 40 (2011), DOI 10.1007/s10851-010-0251-1, algorithm 1; Pock,
/// Chambolle, ICCV 2011, DOI 10.1109/ICCV.2011.6126441 (preconditioned steps); Condat, J. Optim. Theory Appl. 158
/// (2013), DOI 10.1007/s10957-012-0245-9, algorithm 3.2 (over-relaxation).
public struct PrimalDualSolver<Operator: LinearOperator>: TotalVariationSolver, Sendable
where Operator.Domain == ImageSpace, Operator.Codomain == SinogramSpace {
  public let problem: TotalVariation<Operator>
  public private(set) var lambda: Double
  /// x̂, which respects the lower bound.
  public private(set) var solution: Image
  /// ½ χ² + λ TV of the solution.
  public private(set) var objective = Double.infinity
  public private(set) var chiSquare = Double.infinity
  /// Σ |∇x|
  public private(set) var variation = Double.infinity
  /// Taken with this λ.
  public private(set) var steps = 0
  /// ‖change of the solution in a step‖ / ‖solution‖
  public private(set) var relativeChange = Double.infinity
  /// The method has converged when ``relativeChange`` stays below this for ten steps. At the default, the objective
  /// is within about 0.3 % of its minimum.
  public var tolerance = 1e-4 {
    didSet { quietSteps = 0 }
  }

  public var reducedChiSquare: Double { chiSquare / Double(target.count) }
  public var relativeResidual: Double { firstChiSquare > 0 ? (chiSquare / firstChiSquare).squareRoot() : 0 }
  public var hasConverged: Bool { quietSteps >= 10 }

  private var quietSteps = 0
  private let firstChiSquare: Double
  /// W^½ and W^½ y
  private let weights: [Float]
  private let target: [Float]
  private let tau: Float
  private let eta: Float
  private let filter: DetectorFilter
  private let ones: [Float]
  public let typicalLambda: Double

  private var x: Image
  private var Ax: Sinogram
  private var p: Sinogram
  private var qx: [Float]
  private var qy: [Float]
  private var projected: Sinogram
  private var back: Image
  private var change: Sinogram
  /// Σ change², Σ x̂² and Σ |∇x̂| of every block of rows.
  private var partial: [Double]

  /// Rows that one thread works on at once.
  private static var block: Int { 16 }

  fileprivate init(
    _ problem: TotalVariation<Operator>, _ y: Sinogram, variance: Sinogram, lambda: Double
  ) throws {
    let A = problem.A
    try A.check(measurement: y)
    try A.check(variance: variance)
    try TotalVariation<Operator>.check(lambda: lambda)
    self.problem = problem
    self.lambda = lambda
    weights = variance.samples.map { 1 / $0.squareRoot() }
    target = zip(y.samples, weights).map { $0 * $1 }
    firstChiSquare = target.reduce(0) { $0 + Double($1) * Double($1) }
    ones = [Float](repeating: 1, count: y.shape[0])
    let normSquare = problem.weightedNormSquare(weights, variance: variance)

    (x, Ax) = problem.start(weights: weights, target: target)
    back = A.domain.zero()
    projected = A.codomain.zero()
    change = projected
    p = projected
    qx = [Float](repeating: 0, count: x.samples.count)
    qy = qx
    partial = [Double](repeating: 0, count: 3 * ((x.shape[0] + Self.block - 1) / Self.block))
    solution = x

    // Both numbers from scans over real and closed-form slices: the fewest steps to a given objective, flat
    // within a factor of three.
    let typical = A.domain.norm(x) / Double(A.domain.dimension).squareRoot()
    let norm = normSquare.squareRoot()
    let share = 0.85
    let tau = typical > 0 ? 0.1 * typical / norm : 1 / norm
    let step = share / (tau * normSquare)
    self.tau = Float(tau)
    eta = Float((1 - share) / (8 * tau))
    typicalLambda = norm / 4
    filter = try DetectorFilter(
      bins: y.shape[1], length: y.shape[1], response: problem.response.map { step * $0 / (1 + step * $0) })
  }

  public func with(lambda: Double) throws(ReconstructionError) -> PrimalDualSolver {
    try TotalVariation<Operator>.check(lambda: lambda)
    var result = self
    let ratio = Float(lambda / self.lambda)
    for i in qx.indices {
      result.qx[i] *= ratio
      result.qy[i] *= ratio
    }
    result.lambda = lambda
    result.steps = 0
    result.quietSteps = 0
    return result
  }

  public mutating func step() {
    let A = problem.A
    weigh()
    A.applyAdjoint(change, into: &back)
    descend()
    A.apply(solution, into: &projected)
    ascend()
    project()

    var (difference, total) = (0.0, 0.0)
    variation = 0
    for tile in 0..<partial.count / 3 {
      difference += partial[3 * tile]
      total += partial[3 * tile + 1]
      variation += partial[3 * tile + 2]
    }
    relativeChange = total > 0 ? (difference / total).squareRoot() : 0
    quietSteps = relativeChange < tolerance ? quietSteps + 1 : 0
    objective = 0.5 * chiSquare + lambda * variation
    steps += 1
  }

  /// W^½ p
  private mutating func weigh() {
    let count = weights.count
    weights.withUnsafeBufferPointer { weights in
      p.samples.withUnsafeBufferPointer { p in
        change.samples.withUnsafeMutableBufferPointer { result in
          for i in 0..<count { result[i] = weights[i] * p[i] }
        }
      }
    }
  }

  /// x̂
  private mutating func descend() {
    let (rows, columns, threads, tau) = (x.shape[0], x.shape[1], problem.threads, tau)
    let lower = problem.lowerBound ?? -.infinity
    let block = Self.block
    x.samples.withUnsafeBufferPointer { x in
      back.samples.withUnsafeBufferPointer { back in
        qx.withUnsafeBufferPointer { qx in
          qy.withUnsafeBufferPointer { qy in
            solution.samples.withUnsafeMutableBufferPointer { hat in
              partial.withUnsafeMutableBufferPointer { partial in
                parallel(tiles: partial.count / 3, threads: threads) { tile, _ in
                  var (difference, total) = (0.0, 0.0)
                  for i in tile * block..<min((tile + 1) * block, rows) {
                    // q is zero in the last row and column, so the pixel before the first may be read as such.
                    let above = i > 0 ? (i - 1) * columns : (rows - 1) * columns
                    let start = i * columns
                    var sums = SIMD2<Float>.zero
                    for j in 0..<columns {
                      let k = start + j
                      let left = j > 0 ? qx[k - 1] : 0
                      let gradient = back[k] + left - qx[k] + qy[above + j] - qy[k]
                      let value = max(x[k] - tau * gradient, lower)
                      let move = value - hat[k]
                      sums += SIMD2(move * move, value * value)
                      hat[k] = value
                    }
                    difference += Double(sums.x)
                    total += Double(sums.y)
                  }
                  partial[3 * tile] = difference
                  partial[3 * tile + 1] = total
                }
              }
            }
          }
        }
      }
    }
  }

  /// p, A x and χ²
  private mutating func ascend() {
    let (count, views, threads, filter, ones) = (weights.count, ones.count, problem.threads, filter, ones)
    var chi = 0.0
    weights.withUnsafeBufferPointer { weights in
      target.withUnsafeBufferPointer { target in
        projected.samples.withUnsafeBufferPointer { projected in
          p.samples.withUnsafeMutableBufferPointer { p in
            Ax.samples.withUnsafeMutableBufferPointer { Ax in
              change.samples.withUnsafeMutableBufferPointer { change in
                guard let start = change.baseAddress else { return }
                for i in 0..<count {
                  let residual = weights[i] * projected[i] - target[i]
                  let move = projected[i] - Ax[i]
                  chi += Double(residual * residual)
                  change[i] = residual + weights[i] * move - p[i]
                  Ax[i] += 1.9 * move
                }
                filter.apply(start, into: start, views: views, factors: ones, threads: threads)
                for i in 0..<count { p[i] += 1.9 * change[i] }
              }
            }
          }
        }
      }
    }
    chiSquare = chi
  }

  /// q and x
  private mutating func project() {
    let (rows, columns, threads, eta) = (x.shape[0], x.shape[1], problem.threads, eta)
    let lambda = Float(lambda)
    let block = Self.block
    solution.samples.withUnsafeBufferPointer { hat in
      qx.withUnsafeMutableBufferPointer { qx in
        qy.withUnsafeMutableBufferPointer { qy in
          x.samples.withUnsafeMutableBufferPointer { x in
            partial.withUnsafeMutableBufferPointer { partial in
              parallel(tiles: partial.count / 3, threads: threads) { tile, _ in
                var variation = 0.0
                for i in tile * block..<min((tile + 1) * block, rows) {
                  let start = i * columns
                  let below = i + 1 < rows ? columns : 0
                  var sum = Float(0)
                  for j in 0..<columns {
                    let k = start + j
                    let right = j + 1 < columns ? 1 : 0
                    let gx = hat[k + right] - hat[k]
                    let gy = hat[k + below] - hat[k]
                    sum += (gx * gx + gy * gy).squareRoot()
                    let u = qx[k] + eta * (2 * gx - (x[k + right] - x[k]))
                    let v = qy[k] + eta * (2 * gy - (x[k + below] - x[k]))
                    let scale = lambda / max(lambda, (u * u + v * v).squareRoot())
                    qx[k] += 1.9 * (u * scale - qx[k])
                    qy[k] += 1.9 * (v * scale - qy[k])
                  }
                  variation += Double(sum)
                }
                partial[3 * tile + 2] = variation
              }
              for k in 0..<rows * columns { x[k] += 1.9 * (hat[k] - x[k]) }
            }
          }
        }
      }
    }
  }
}
