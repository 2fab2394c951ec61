import Fields
import Operators

extension FilteredBackProjection: Reconstructor {
  public var evaluations: Int { 0 }

  public func reconstruct(_ measurement: SliceMeasurement) -> SliceReconstruction {
    SliceReconstruction(image: self(measurement.sinogram))
  }
}

/// Weighted least squares by conjugate gradients, stopped where the residual is as large as the noise.
public struct LeastSquaresMethod<Operator: ParallelBeamOperator>: Reconstructor {
  private let A: Operator
  private let limit: Int

  public init(_ A: Operator, limit: Int = 100) {
    self.A = A
    self.limit = limit
  }

  public var evaluations: Int { 0 }

  public func reconstruct(_ measurement: SliceMeasurement) throws -> SliceReconstruction {
    var method = CGLS(
      A, measurement: measurement.sinogram, weights: measurement.variance.map { 1 / $0 }, sigma: 1)
    try method.run(limit: limit)
    return SliceReconstruction(image: method.solution)
  }
}

/// Total variation with a given weight, or with the weight at which χ² is what the noise makes it.
public struct TotalVariationMethod<Operator: ParallelBeamOperator>: Reconstructor {
  public enum Weight: Hashable, Sendable {
    /// Against half of χ², in mm.
    case fixed(Double)
    /// χ² per ray of this value.
    case discrepancy(target: Double)
  }

  private let method: TotalVariation<Operator>
  private let weight: Weight
  private let limit: Int

  /// - Parameter limit: the most steps to take, each an A and an Aᴴ.
  public init(
    _ A: Operator, weight: Weight = .discrepancy(target: 1), limit: Int = 3000, threads: Int? = nil
  ) throws(OperatorError) {
    method = try TotalVariation(A, lowerBound: 0, threads: threads)
    self.weight = weight
    self.limit = limit
  }

  public var evaluations: Int { 0 }

  public func reconstruct(_ measurement: SliceMeasurement) throws -> SliceReconstruction {
    switch weight {
    case .fixed(let lambda):
      SliceReconstruction(
        image: try method.solve(
          measurement.sinogram, variance: measurement.variance, lambda: lambda, limit: limit
        ).image)
    case .discrepancy(let target):
      SliceReconstruction(
        image: try method.solveByDiscrepancy(
          measurement.sinogram, variance: measurement.variance, target: target, limit: limit
        ).image)
    }
  }
}
