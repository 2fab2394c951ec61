import Fields
import Operators

/// The views of a scan dealt out to subsets, each with its operator, for ``OSSART``.
///
/// Subset s holds every `count`-th view in the order of their angles, from the s-th on, so that every subset sees the
/// object from all sides. One after another they turn by close to the golden section of the way between two views of a
/// subset, so that each sees what the last ones did not. The value is prepared once and shared by all slices of a
/// volume. An operator that goes by a transform of the whole image, as ``RadonTransform``, pays for that transform in
/// every subset.
public struct OrderedSubsets<Operator: ViewOperator>: Sendable {
  public let A: Operator
  /// Views of every subset, in the order in which the subsets are taken.
  public let views: [[Int]]

  let corrections: [SimultaneousCorrection<Operator>]

  /// - Parameter count: 1 is SIRT; as many as views, SART. Unless given, 10, or fewer so that none has less than 4 views.
  /// - Throws: ``OperatorError`` for more subsets than views or none.
  public init(_ A: Operator, count: Int? = nil) throws(OperatorError) {
    let angles = A.angles
    let count = count ?? max(1, min(10, angles.count / 4))
    guard count >= 1, count <= angles.count else {
      throw .outOfRange(
        "the number of subsets", found: "\(count)", expected: "1 ... \(angles.count), the number of views")
    }
    let turns = angles.map { angle in
      let turns = angle.radians / (2 * .pi)
      return turns - turns.rounded(.down)
    }
    let order = turns.indices.sorted { (turns[$0], $0) < (turns[$1], $1) }
    self.A = A
    views = Self.order(count).map { s in stride(from: s, to: angles.count, by: count).map { order[$0] } }
    var corrections: [SimultaneousCorrection<Operator>] = []
    for subset in views { corrections.append(SimultaneousCorrection(try A.views(subset))) }
    self.corrections = corrections
  }

  /// 0 ..< count in steps of close to 0.382 of it, which has no divisor in common with it.
  private static func order(_ count: Int) -> [Int] {
    func divisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : divisor(b, a % b) }
    let wanted = 0.381966 * Double(count)
    let steps = (1...count).filter { divisor($0, count) == 1 }
    let step = steps.min { abs(Double($0) - wanted) < abs(Double($1) - wanted) } ?? 1
    return (0..<count).map { $0 * step % count }
  }
}

/// The simultaneous algebraic reconstruction technique with ordered subsets, OS-SART.
///
///     x ← max(x + ω Dₛ⁻¹ Aₛᴴ Rₛ (yₛ − Aₛ x), lowerBound)   for every subset s of the views in turn
///
/// with R and D as in ``SIRT``. One step is a pass over all subsets: it costs one A and one Aᴴ as a step of SIRT does, and
/// one more A for the residual, and goes about as far as there are subsets. Data that no image explains end in a
/// small cycle around the least squares, the wider the larger ω and the smaller the subsets.
///
/// With the variance of the rays known it stops by the discrepancy principle, after the first pass with
/// Σ (A x − y)² / variance ≤ τ² n.
///
/// Source: Andersen, Kak, Ultrason. Imaging 6 (1984), DOI 10.1177/016173468400600107; Wang, Jiang, J. X-Ray Sci. Technol.
/// 12 (2004), 169–177 (ordered subsets).
public struct OSSART<Operator: ViewOperator>: IterativeMethod {
  public private(set) var solution: Image
  /// Σ (A x − y)² / variance; without a variance, Σ (A x − y)².
  public private(set) var residualSquare: Double
  /// ‖change of the solution in a step‖ / ‖solution‖
  public private(set) var relativeChange = Double.infinity

  private let subsets: OrderedSubsets<Operator>
  private let measured: MeasuredRays
  /// y of every subset.
  private let parts: [Sinogram]
  private let firstResidual: Double
  private let relaxation: Double
  private let lowerBound: Float?
  private var previous: Image
  private var back: Image
  private var rays: [Sinogram]
  private var projected: Sinogram

  /// - Parameters:
  ///   - variance: of every ray; see ``NoiseModel/variance(of:)``. Without it the method stops only when it no longer moves.
  ///   - tau: safety factor of the discrepancy principle, 1 or a little more.
  ///   - relaxation: ω, above 0 and below 2.
  ///   - lowerBound: the smallest value of a solution, in the unit of the image.
  /// - Throws: ``ReconstructionError`` for shapes, samples or numbers that cannot be.
  public init(
    _ subsets: OrderedSubsets<Operator>, measurement y: Sinogram, start: Image? = nil,
    variance: Sinogram? = nil, tau: Double = 1, relaxation: Double = 1, lowerBound: Float? = nil
  ) throws(ReconstructionError) {
    let A = subsets.A
    try A.check(measurement: y)
    if let variance { try A.check(variance: variance) }
    if let start { try A.check(start, "the image to start from") }
    try MeasuredRays.check(relaxation: relaxation, tau: tau)
    self.subsets = subsets
    self.relaxation = relaxation
    self.lowerBound = lowerBound
    measured = MeasuredRays(y, variance: variance, tau: tau)
    parts = subsets.views.map { y.views($0) }
    rays = subsets.corrections.map { $0.A.codomain.zero() }
    solution = start ?? A.domain.zero()
    previous = solution
    back = A.domain.zero()
    projected = A.codomain.zero()
    firstResidual = measured.residualSquare(projected)
    if start != nil { A.apply(solution, into: &projected) }
    residualSquare = measured.residualSquare(projected)
  }

  public var relativeResidual: Double {
    firstResidual > 0 ? (residualSquare / firstResidual).squareRoot() : 0
  }

  /// In single precision steps end at a few roundings of the image.
  public var hasConverged: Bool { measured.isExplained(residualSquare) || relativeChange <= 1e-6 }

  /// One pass over all subsets.
  public mutating func step() {
    previous.samples.replaceSubrange(0..., with: solution.samples)
    for (s, correction) in subsets.corrections.enumerated() {
      correction.A.apply(solution, into: &rays[s])
      correction.weighResidual(of: parts[s], into: &rays[s])
      correction.A.applyAdjoint(rays[s], into: &back)
      correction.correct(&solution, by: back, relaxation: relaxation, lowerBound: lowerBound)
    }
    relativeChange = Reconstruction.relativeChange(from: previous, to: solution)
    subsets.A.apply(solution, into: &projected)
    residualSquare = measured.residualSquare(projected)
  }
}

extension Field where Quantity == SinogramQuantity {
  /// The sinogram of some views, in this order.
  package func views(_ indices: [Int]) -> Field {
    let bins = shape[1]
    return Field(
      shape: [indices.count, bins], samples: indices.flatMap { samples[$0 * bins..<($0 + 1) * bins] })
  }
}
