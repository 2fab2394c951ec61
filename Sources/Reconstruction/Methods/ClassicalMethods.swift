import Fields
import Operators

extension FilteredBackProjection: Reconstructor {
  public var evaluations: Int { 0 }

  public func reconstruct(_ measurement: SliceMeasurement) throws -> SliceReconstruction {
    try A.check(measurement: measurement.sinogram)
    return SliceReconstruction(image: self(measurement.sinogram))
  }
}

extension FanBeamFilteredBackProjection: Reconstructor {
  public var evaluations: Int { 0 }

  public func reconstruct(_ measurement: SliceMeasurement) throws -> SliceReconstruction {
    try domain.check(measurement: measurement.sinogram)
    return SliceReconstruction(image: self(measurement.sinogram))
  }
}

/// Weighted least squares by conjugate gradients, stopped where the residual is as large as the noise.
public struct LeastSquaresMethod<Operator: ViewOperator>: Reconstructor {
  private let A: Operator
  private let limit: Int

  public init(_ A: Operator, limit: Int = 100) {
    self.A = A
    self.limit = limit
  }

  public var evaluations: Int { 0 }

  public func reconstruct(_ measurement: SliceMeasurement) throws -> SliceReconstruction {
    try A.check(measurement: measurement.sinogram)
    try A.check(variance: measurement.variance)
    var method = CGLS(
      A, measurement: measurement.sinogram, weights: measurement.variance.map { 1 / $0 }, sigma: 1)
    try method.run(limit: limit)
    return SliceReconstruction(image: method.solution, hasConverged: method.hasConverged)
  }
}

/// SIRT without negative values, stopped where the residual is as large as the noise.
public struct SIRTMethod<Operator: ViewOperator>: Reconstructor {
  private let correction: SimultaneousCorrection<Operator>
  private let limit: Int
  private let relaxation: Double

  /// - Parameters:
  ///   - limit: the most steps to take, each an A and an Aᴴ.
  ///   - relaxation: above 0 and below 2.
  public init(_ A: Operator, limit: Int = 500, relaxation: Double = 1) {
    correction = SimultaneousCorrection(A)
    self.limit = limit
    self.relaxation = relaxation
  }

  public var evaluations: Int { 0 }

  public func reconstruct(_ measurement: SliceMeasurement) throws -> SliceReconstruction {
    var method = try SIRT(
      correction, measurement: measurement.sinogram, variance: measurement.variance, relaxation: relaxation,
      lowerBound: 0)
    try method.run(limit: limit)
    return SliceReconstruction(image: method.solution, hasConverged: method.hasConverged)
  }
}

/// OS-SART without negative values, stopped where the residual is as large as the noise.
public struct OSSARTMethod<Operator: ViewOperator>: Reconstructor {
  private let subsets: OrderedSubsets<Operator>
  private let limit: Int
  private let relaxation: Double

  /// - Parameters:
  ///   - subsets: see ``OrderedSubsets``.
  ///   - limit: the most passes over all subsets.
  ///   - relaxation: above 0 and below 2.
  /// - Throws: ``OperatorError`` for more subsets than views.
  public init(
    _ A: Operator, subsets: Int? = nil, limit: Int = 50, relaxation: Double = 1
  ) throws(OperatorError) {
    self.subsets = try OrderedSubsets(A, count: subsets)
    self.limit = limit
    self.relaxation = relaxation
  }

  public var evaluations: Int { 0 }

  public func reconstruct(_ measurement: SliceMeasurement) throws -> SliceReconstruction {
    var method = try OSSART(
      subsets, measurement: measurement.sinogram, variance: measurement.variance, relaxation: relaxation,
      lowerBound: 0)
    try method.run(limit: limit)
    return SliceReconstruction(image: method.solution, hasConverged: method.hasConverged)
  }
}

/// Total variation with a given weight, or with the weight at which χ² is what the noise makes it.
public struct TotalVariationMethod<Operator: ViewOperator>: Reconstructor {
  public enum Weight: Hashable, Sendable {
    /// Against half of χ², in mm.
    case fixed(Double)
    /// χ² per ray of this value.
    case discrepancy(target: Double)
  }

  private let method: TotalVariation<Operator>
  private let weight: Weight
  private let limit: Int
  private let algorithm: TotalVariationAlgorithm

  /// - Parameter limit: the most steps to take, each an A and an Aᴴ.
  public init(
    _ A: Operator, weight: Weight = .discrepancy(target: 1), limit: Int = 3000,
    algorithm: TotalVariationAlgorithm = .primalDual, threads: Int? = nil
  ) throws(OperatorError) {
    method = try TotalVariation(A, lowerBound: 0, threads: threads)
    self.weight = weight
    self.limit = limit
    self.algorithm = algorithm
  }

  public var evaluations: Int { 0 }

  public func reconstruct(_ measurement: SliceMeasurement) throws -> SliceReconstruction {
    let result =
      switch weight {
      case .fixed(let lambda):
        try method.solve(
          measurement.sinogram, variance: measurement.variance, lambda: lambda, limit: limit,
          algorithm: algorithm)
      case .discrepancy(let target):
        try method.solveByDiscrepancy(
          measurement.sinogram, variance: measurement.variance, target: target, limit: limit,
          algorithm: algorithm)
      }
    return SliceReconstruction(image: result.image, hasConverged: result.converged)
  }
}
