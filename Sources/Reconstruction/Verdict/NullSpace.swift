import Fields
import Operators
import RealModule

/// How much of an image the data do not determine.
///
///     d = x − (x blurred by a Gaussian of `bodyWidth`),   s² = mean of d²
///     minimise over z:  ‖A z − A d‖²_W + ‖z‖² / s²,   so that  n = d − z = (1 + s² AᴴWA)⁻¹ d
///
/// n is the part of the detail d that A does not see or sees below the noise: a component of singular value α against
/// the noise σ keeps the factor 1 / (1 + s² α² / σ²). What is left there came from the prior, or from nowhere. The body
/// is taken off because its energy would hide the share of the detail; any scan of more than a few views determines
/// it.
///
/// - fraction: ‖n‖² / ‖d‖², 0 … 1.
/// - map: √ of n² blurred by `mapWidth`, in the unit of the image.
public struct NullSpace<Operator: LinearOperator>: Sendable
where Operator.Domain == ImageSpace, Operator.Codomain == SinogramSpace {
  public struct Result: Sendable {
    public let map: Image
    /// n
    public let unsupported: Image
    public let fraction: Double
    /// s, in the unit of the image.
    public let detail: Double
    /// ‖residual of the normal equations‖ relative to its value at the start.
    public let relativeResidual: Double
  }

  public let A: Operator
  public let iterations: Int
  private let body: GaussianBlur
  private let smoothing: GaussianBlur

  /// - Parameters:
  ///   - iterations: of conjugate gradients, an A and an Aᴴ each.
  ///   - bodyWidth: in pixels.
  ///   - mapWidth: in pixels.
  public init(_ A: Operator, iterations: Int = 25, bodyWidth: Double = 8, mapWidth: Double = 1.5) {
    precondition(iterations > 0 && bodyWidth > 0 && mapWidth > 0, "\(iterations), \(bodyWidth), \(mapWidth)")
    self.A = A
    self.iterations = iterations
    body = GaussianBlur(width: bodyWidth, edge: .nothing)
    smoothing = GaussianBlur(width: mapWidth, edge: .nothing)
  }

  /// - Parameter variance: of the noise in every ray.
  /// - Throws: ``ReconstructionError`` for a wrong shape, a variance that is not positive, an image that is not finite;
  ///   `CancellationError`.
  public func callAsFunction(_ image: Image, variance: Sinogram) throws -> Result {
    try A.check(image, "the image")
    try A.check(variance: variance)
    let X = A.domain
    var n = image
    X.add(-1, body(image), to: &n)
    let energy = X.inner(n, n).real
    let square = energy / Double(max(X.dimension, 1))
    guard square > 0 else {
      return Result(map: X.zero(), unsupported: X.zero(), fraction: 0, detail: 0, relativeResidual: 0)
    }
    let weights = variance.samples.map { Float(square / Double($0)) }
    var projection = A.codomain.zero()
    // z = 0, so n = d; r = d − (1 + s² AᴴWA) n = −s² AᴴWA d
    var r = X.zero()
    normal(n, weights, &projection, into: &r)
    X.scale(&r, by: -1)
    var p = r
    var q = X.zero()
    var rr = X.inner(r, r).real
    let first = rr
    for _ in 0..<iterations {
      try Task.checkCancellation()
      guard rr > 1e-12 * first else { break }
      normal(p, weights, &projection, into: &q)
      X.add(1, p, to: &q)
      let alpha = rr / X.inner(p, q).real
      X.add(Float(alpha), p, to: &n)
      X.add(Float(-alpha), q, to: &r)
      let next = X.inner(r, r).real
      X.scale(&p, by: Float(next / rr))
      X.add(1, r, to: &p)
      rr = next
    }
    let squares = smoothing(n.map { $0 * $0 })
    return Result(
      map: squares.map { max($0, 0).squareRoot() }, unsupported: n,
      fraction: min(1, X.inner(n, n).real / energy), detail: square.squareRoot(),
      relativeResidual: first > 0 ? (rr / first).squareRoot() : 0)
  }

  /// s² AᴴWA x
  private func normal(_ x: Image, _ weights: [Float], _ projection: inout Sinogram, into z: inout Image) {
    A.apply(x, into: &projection)
    projection.samples.withUnsafeMutableBufferPointer { y in
      for i in 0..<weights.count { y[i] *= weights[i] }
    }
    A.applyAdjoint(projection, into: &z)
  }
}
