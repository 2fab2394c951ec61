import Fields
import Operators

/// The fast iterative shrinkage–thresholding algorithm for ``TotalVariation``, monotone and restarted.
///
///     z = xₖ + (tₖ − 1) / tₖ₊₁ · (xₖ − xₖ₋₁),   tₖ₊₁ = (1 + √(1 + 4 tₖ²)) / 2
///     xₖ₊₁ = argmin over x ≥ lowerBound of  L/2 ‖x − (z − Aᴴ W (A z − y) / L)‖² + λ Σ |∇x|
///
/// L is the curvature of the data term along the steps that were taken, ‖W^½ A (x − z)‖² ≤ L ‖x − z‖²: it starts at that
/// along the first gradient and grows where a step shows more. The inner problem is solved by some steps of its dual,
/// from the last one's solution on. A step that would raise the objective is not taken; the next one starts afresh,
/// tₖ = 1, and after that solves the inner problem more exactly.
///
/// One step costs one A and one Aᴴ. Fine detail converges slowly, because L is set by the coarse: expect about twice
/// the steps of ``PrimalDualSolver``.
///
/// Sources: Beck, Teboulle, SIAM J. Imaging Sci. 2 (2009), DOI 10.1137/080716542, section 4 with backtracking; Beck,
/// Teboulle, IEEE Trans. Image Process. 18 (2009), DOI 10.1109/TIP.2009.2028250 (inner problem, algorithm FGP; monotone
/// version); O'Donoghue, Candès, Found. Comput. Math. 15 (2015), DOI 10.1007/s10208-013-9150-3, section 3.2 (restart).
public struct FISTA<Operator: LinearOperator>: TotalVariationSolver, Sendable
where Operator.Domain == ImageSpace, Operator.Codomain == SinogramSpace {
  public let problem: TotalVariation<Operator>
  public private(set) var lambda: Double
  public private(set) var solution: Image
  /// ½ χ² + λ TV of the solution.
  public private(set) var objective: Double
  public private(set) var chiSquare: Double
  /// Σ |∇x|
  public private(set) var variation: Double
  /// Taken with this λ.
  public private(set) var steps = 0
  /// ‖change of the solution in a step‖ / ‖solution‖
  public private(set) var relativeChange = Double.infinity
  /// The method has converged when ``relativeChange`` stays below this for twenty steps without a restart.
  public var tolerance = 2e-5 {
    didSet { quietSteps = 0 }
  }
  public let typicalLambda: Double

  public var reducedChiSquare: Double { chiSquare / Double(target.count) }
  public var relativeResidual: Double { firstChiSquare > 0 ? (chiSquare / firstChiSquare).squareRoot() : 0 }
  public var hasConverged: Bool { quietSteps >= 20 }

  private var quietSteps = 0
  private let firstChiSquare: Double
  /// W^½ and W^½ y
  private let weights: [Float]
  private let target: [Float]
  private var curvature: Double
  private var momentum = 1.0
  private var innerSteps = 10
  private var proximal: TotalVariationProximal
  private var Ax: Sinogram
  private var previous: Image
  private var Aprevious: Sinogram
  private var z: Image
  private var Az: Sinogram
  private var candidate: Image
  private var Acandidate: Sinogram
  private var gradient: Image
  private var residual: Sinogram

  private static var mostInnerSteps: Int { 160 }

  /// - Parameters:
  ///   - variance: of every ray; see ``NoiseModel/variance(of:)``.
  ///   - lambda: weight of the total variation against half of χ², in 1 / (unit of the image).
  /// - Throws: ``ReconstructionError`` for a wrong shape, a sample that is no number, a λ or a variance that is not
  ///   positive.
  public init(
    _ problem: TotalVariation<Operator>, measurement y: Sinogram, variance: Sinogram, lambda: Double
  ) throws(ReconstructionError) {
    let A = problem.A
    try A.check(measurement: y)
    try A.check(variance: variance)
    try TotalVariation<Operator>.check(lambda: lambda)
    self.problem = problem
    self.lambda = lambda
    let weights = variance.samples.map { 1 / $0.squareRoot() }
    let target = zip(y.samples, weights).map { $0 * $1 }
    (self.weights, self.target) = (weights, target)
    firstChiSquare = target.reduce(0) { $0 + Double($1) * Double($1) }
    typicalLambda = problem.weightedNormSquare(weights, variance: variance).squareRoot() / 4

    let bound = problem.lowerBound ?? -.infinity
    let start = problem.start(weights: weights, target: target).image.map { max($0, bound) } as Image
    solution = start
    Ax = A(start)
    (previous, z, candidate, gradient) = (start, start, start, start)
    (Aprevious, Az, Acandidate, residual) = (Ax, Ax, Ax, Ax)
    proximal = TotalVariationProximal(A.domain, lowerBound: problem.lowerBound, threads: problem.threads)
    (chiSquare, variation, objective, curvature) = (0, 0, 0, 1)

    weighResidual(of: Ax)
    A.applyAdjoint(residual, into: &gradient)
    A.apply(gradient, into: &Acandidate)
    let (length, stretched) = (A.domain.norm(gradient), weightedNormSquare(Acandidate))
    curvature = length > 0 && stretched > 0 ? stretched / (length * length) : 1
    evaluate(start, Ax)
  }

  public func with(lambda: Double) throws(ReconstructionError) -> FISTA {
    try TotalVariation<Operator>.check(lambda: lambda)
    var result = self
    result.lambda = lambda
    result.objective = 0.5 * chiSquare + lambda * variation
    result.steps = 0
    result.quietSteps = 0
    result.momentum = 1
    return result
  }

  public mutating func step() {
    let A = problem.A
    let next = (1 + (1 + 4 * momentum * momentum).squareRoot()) / 2
    let beta = (momentum - 1) / next
    extrapolate(by: Float(beta))
    weighResidual(of: Az)
    A.applyAdjoint(residual, into: &gradient)
    while true {
      proximal.solve(
        z, gradient, step: Float(1 / curvature), weight: Float(lambda / curvature), steps: innerSteps,
        into: &candidate)
      A.apply(candidate, into: &Acandidate)
      let (moved, size, stretched) = distances()
      // Closer together, the two differ by rounding more than by the curvature.
      guard stretched > 1.01 * curvature * moved, moved > 1e-9 * size else { break }
      curvature = max(1.2 * curvature, 1.02 * stretched / moved)
    }
    steps += 1
    let before = (objective, chiSquare, variation)
    evaluate(candidate, Acandidate)
    guard objective > before.0 else {
      relativeChange = Reconstruction.relativeChange(from: solution, to: candidate)
      quietSteps = relativeChange < tolerance ? quietSteps + 1 : 0
      momentum = next
      // x becomes the one before, the candidate x, and the one before that is written to next.
      swap(&previous, &solution)
      swap(&solution, &candidate)
      swap(&Aprevious, &Ax)
      swap(&Ax, &Acandidate)
      return
    }
    let isRounding = objective - before.0 < 1e-6 * before.0
    (objective, chiSquare, variation) = before
    if beta > 0 {
      momentum = 1
      quietSteps = 0
    } else if innerSteps < Self.mostInnerSteps, !isRounding {
      innerSteps *= 2
    } else {
      relativeChange = 0
      quietSteps += 1
    }
  }

  /// z and A z
  private mutating func extrapolate(by beta: Float) {
    Self.combine(solution.samples, previous.samples, beta, into: &z.samples)
    Self.combine(Ax.samples, Aprevious.samples, beta, into: &Az.samples)
  }

  /// target ← a + β (a − b)
  private static func combine(_ a: [Float], _ b: [Float], _ beta: Float, into target: inout [Float]) {
    target.withUnsafeMutableBufferPointer { target in
      a.withUnsafeBufferPointer { a in
        b.withUnsafeBufferPointer { b in
          for i in target.indices { target[i] = a[i] + beta * (a[i] - b[i]) }
        }
      }
    }
  }

  /// W (A x − y) from A x.
  private mutating func weighResidual(of projection: Sinogram) {
    let (weights, target) = (weights, target)
    residual.samples.withUnsafeMutableBufferPointer { residual in
      projection.samples.withUnsafeBufferPointer { projection in
        weights.withUnsafeBufferPointer { weights in
          target.withUnsafeBufferPointer { target in
            for i in residual.indices { residual[i] = weights[i] * (weights[i] * projection[i] - target[i]) }
          }
        }
      }
    }
  }

  /// ‖W^½ y‖²
  private func weightedNormSquare(_ y: Sinogram) -> Double {
    var sum = 0.0
    for i in weights.indices {
      let value = Double(weights[i] * y.samples[i])
      sum += value * value
    }
    return sum
  }

  /// ‖x − z‖², ‖x‖² and ‖W^½ A (x − z)‖² for the candidate x.
  private func distances() -> (moved: Double, size: Double, stretched: Double) {
    var (moved, size, stretched) = (0.0, 0.0, 0.0)
    candidate.samples.withUnsafeBufferPointer { x in
      z.samples.withUnsafeBufferPointer { z in
        for i in x.indices {
          moved += Double(x[i] - z[i]) * Double(x[i] - z[i])
          size += Double(x[i]) * Double(x[i])
        }
      }
    }
    Acandidate.samples.withUnsafeBufferPointer { Ax in
      Az.samples.withUnsafeBufferPointer { Az in
        weights.withUnsafeBufferPointer { weights in
          for i in Ax.indices {
            let value = Double(weights[i] * (Ax[i] - Az[i]))
            stretched += value * value
          }
        }
      }
    }
    return (moved, size, stretched)
  }

  /// χ², the variation and the objective of x.
  private mutating func evaluate(_ x: Image, _ Ax: Sinogram) {
    var sum = 0.0
    Ax.samples.withUnsafeBufferPointer { Ax in
      weights.withUnsafeBufferPointer { weights in
        target.withUnsafeBufferPointer { target in
          for i in Ax.indices {
            let value = Double(weights[i] * Ax[i] - target[i])
            sum += value * value
          }
        }
      }
    }
    chiSquare = sum
    variation = proximal.variation(of: x)
    objective = 0.5 * chiSquare + lambda * variation
  }
}

/// Denoising by total variation, from the last solution's dual on.
///
///     argmin over x ≥ lowerBound of  ½ ‖x − v‖² + α Σ |∇x|  =  max(v − α ∇ᵀp, lowerBound)
///     p ← projection of r + ∇max(v − α ∇ᵀr, lowerBound) / (8 α) onto |p| ≤ 1, with r extrapolated from p
private struct TotalVariationProximal: Sendable {
  private let rows: Int
  private let columns: Int
  private let lowerBound: Float
  private let threads: Int
  private var v: [Float]
  /// The dual, zero in the last column and row, and its extrapolation.
  private var px: [Float]
  private var py: [Float]
  private var rx: [Float]
  private var ry: [Float]

  /// Rows that one thread works on at once.
  private static let block = 16

  init(_ grid: ImageSpace, lowerBound: Float?, threads: Int) {
    (rows, columns) = (grid.shape[0], grid.shape[1])
    self.lowerBound = lowerBound ?? -.infinity
    self.threads = threads
    v = Array(repeating: 0, count: grid.dimension)
    (px, py, rx, ry) = (v, v, v, v)
  }

  private var blocks: Int { (rows + Self.block - 1) / Self.block }

  /// For v = z − step · gradient and α = weight.
  mutating func solve(
    _ z: Image, _ gradient: Image, step: Float, weight: Float, steps: Int, into x: inout Image
  ) {
    v.withUnsafeMutableBufferPointer { v in
      z.samples.withUnsafeBufferPointer { z in
        gradient.samples.withUnsafeBufferPointer { gradient in
          for k in v.indices { v[k] = z[k] - step * gradient[k] }
        }
      }
    }
    rx.replaceSubrange(0..., with: px)
    ry.replaceSubrange(0..., with: py)
    var t: Float = 1
    for _ in 0..<steps {
      primal(rx, ry, weight, into: &x.samples)
      let next = (1 + (1 + 4 * t * t).squareRoot()) / 2
      ascend(x.samples, by: 1 / (8 * weight), momentum: (t - 1) / next)
      t = next
    }
    primal(px, py, weight, into: &x.samples)
  }

  /// max(v − α ∇ᵀq, lowerBound)
  private func primal(_ qx: [Float], _ qy: [Float], _ weight: Float, into x: inout [Float]) {
    qx.withUnsafeBufferPointer { qx in
      qy.withUnsafeBufferPointer { qy in
        v.withUnsafeBufferPointer { v in
          x.withUnsafeMutableBufferPointer { x in
            parallel(tiles: blocks, threads: threads) { block, _ in
              for i in block * Self.block..<min((block + 1) * Self.block, rows) {
                // The dual is zero in the last row, so the pixel before the first may be read there.
                let above = (i > 0 ? i - 1 : rows - 1) * columns
                let start = i * columns
                for j in 0..<columns {
                  let k = start + j
                  let left = j > 0 ? qx[k - 1] : 0
                  x[k] = max(v[k] - weight * (left - qx[k] + qy[above + j] - qy[k]), lowerBound)
                }
              }
            }
          }
        }
      }
    }
  }

  /// p and r
  private mutating func ascend(_ x: [Float], by step: Float, momentum: Float) {
    let (rows, columns, blocks, threads) = (rows, columns, blocks, threads)
    x.withUnsafeBufferPointer { x in
      px.withUnsafeMutableBufferPointer { px in
        py.withUnsafeMutableBufferPointer { py in
          rx.withUnsafeMutableBufferPointer { rx in
            ry.withUnsafeMutableBufferPointer { ry in
              parallel(tiles: blocks, threads: threads) { block, _ in
                for i in block * Self.block..<min((block + 1) * Self.block, rows) {
                  let below = i + 1 < rows ? columns : 0
                  for j in 0..<columns {
                    let k = i * columns + j
                    let u = rx[k] + step * (x[k + (j + 1 < columns ? 1 : 0)] - x[k])
                    let w = ry[k] + step * (x[k + below] - x[k])
                    let scale = 1 / max(1, (u * u + w * w).squareRoot())
                    let (p, q) = (u * scale, w * scale)
                    rx[k] = p + momentum * (p - px[k])
                    ry[k] = q + momentum * (q - py[k])
                    px[k] = p
                    py[k] = q
                  }
                }
              }
            }
          }
        }
      }
    }
  }

  /// Σ |∇x|
  func variation(of x: Image) -> Double {
    var total = 0.0
    x.samples.withUnsafeBufferPointer { x in
      for i in 0..<rows {
        let below = i + 1 < rows ? columns : 0
        var sum = Float(0)
        for j in 0..<columns {
          let k = i * columns + j
          let u = x[k + (j + 1 < columns ? 1 : 0)] - x[k]
          let w = x[k + below] - x[k]
          sum += (u * u + w * w).squareRoot()
        }
        total += Double(sum)
      }
    }
    return total
  }
}
