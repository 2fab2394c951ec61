import Fields
import Operators
import RealModule

/// How far the line integrals of square pixels are from those of the object they stand for.
///
/// An image of N × N pixels cannot have the sharp projections of a real object. The error sits where projections
/// bend, at the tangents of edges, and has been found to be proportional to their second difference along the
/// detector, c[k] = p[k−1] − 2 p[k] + p[k+1], with a factor that belongs to the geometry and not to the object:
///
///     variance of the model error of ray k = κ² · (local mean of c² around k)
///
/// κ is measured once for a geometry, on random objects whose line integrals are known in closed form. It adds to
/// the variance of the noise wherever data and A x are compared. No unit: κ compares line integrals.
public struct ModelError: Codable, Hashable, Sendable {
  /// κ
  public let factor: Double
  /// How far κ² · (local mean of c²) is from the truth, relative: a standard deviation over objects, and over the parts of
  /// one.
  public let spread: Double

  public init(factor: Double, spread: Double) {
    self.factor = factor
    self.spread = spread
  }

  /// For data made with the operator itself.
  public static let none = ModelError(factor: 0, spread: 0)

  /// Measures κ for a geometry.
  ///
  /// - Parameters:
  ///   - raysPerBin: how a bin of the data collects its line integral: 1 is a single line through its middle,
  ///     more are the mean over its width, as a detector takes it.
  ///   - objects: random scenes of ellipses and plates to measure on.
  ///   - threads: that measure on an object each.
  /// - Throws: ``ReconstructionError`` for fewer than one ray or two objects.
  public static func measure<Operator: ParallelBeamOperator>(
    _ A: Operator, raysPerBin: Int = 4, objects: Int = 6, threads: Int = 1
  ) throws -> ModelError {
    guard raysPerBin > 0 else {
      throw ReconstructionError.outOfRange("rays per bin", found: "\(raysPerBin)", expected: "at least 1")
    }
    let beam = A.beam
    return try measure(A, objects, threads) { scene in
      scene.sinogram(
        angles: beam.angles, bins: beam.bins, binSpacing: beam.binSpacing, axis: beam.axis,
        raysPerBin: raysPerBin)
    }
  }

  /// Measures κ for data that another operator makes of an image on the same grid, such as ``RayTransform``.
  ///
  /// - Parameter threads: that measure on an object each.
  public static func measure<Operator: ParallelBeamOperator, Other: ParallelBeamOperator>(
    _ A: Operator, against other: Other, objects: Int = 6, threads: Int = 1
  ) throws -> ModelError {
    precondition(A.domain == other.domain && A.beam == other.beam, "\(A.beam) is not \(other.beam)")
    return try measure(A, objects, threads) { scene in other(scene.image(on: A.domain)) }
  }

  /// Measures κ for data that something else makes of an image on the same grid, such as rays averaged over a bin.
  ///
  /// - Parameters:
  ///   - projector: gives the sinogram of an image as the data have it.
  ///   - threads: that measure on an object each.
  public static func measure<Operator: ParallelBeamOperator>(
    _ A: Operator, against projector: @Sendable (Image) -> Sinogram, objects: Int = 6, threads: Int = 1
  ) throws -> ModelError {
    try measure(A, objects, threads) { scene in projector(scene.image(on: A.domain)) }
  }

  private static func measure<Operator: ParallelBeamOperator>(
    _ A: Operator, _ objects: Int, _ threads: Int, _ truth: @Sendable (PhantomSlice) -> Sinogram
  ) throws -> ModelError {
    guard objects > 1 else {
      throw ReconstructionError.outOfRange(
        "objects to measure the model error on", found: "\(objects)", expected: "at least 2")
    }
    let objects = try (0..<objects).map { try Self.scene(seed: UInt64($0), in: A) }
    var pairs = [(error: Sinogram, exact: Sinogram)?](repeating: nil, count: objects.count)
    pairs.withUnsafeMutableBufferPointer { pairs in
      parallel(tiles: objects.count, threads: threads) { index, _ in
        let exact = truth(objects[index])
        var error = A(objects[index].image(on: A.domain))
        A.codomain.add(-1, exact, to: &error)
        pairs[index] = (error, exact)
      }
    }
    var scenes: [(error: Sinogram, exact: Sinogram, ratio: Double)] = []
    var (errors, curvatures) = (0.0, 0.0)
    for case let (error, exact)? in pairs {
      let square = A.codomain.inner(error, error).real
      let curvature = Self.squaredCurvature(exact)
      guard curvature > 0 else { continue }
      errors += square
      curvatures += curvature
      scenes.append((error, exact, square / curvature))
    }
    guard curvatures > 0, errors > 0, scenes.count > 1 else { return .none }
    let local = ModelError(factor: (errors / curvatures).squareRoot(), spread: 0)
    let square = local.factor * local.factor
    var deviations = 0.0
    for scene in scenes {
      // χ² of the error alone, beside noise of the same size, against what it should be.
      let model = local.variance(for: scene.exact)
      let noise = model.samples.reduce(0) { $0 + Double($1) } / Double(model.samples.count)
      var (found, expected) = (0.0, 0.0)
      for (e, m) in zip(scene.error.samples, model.samples) {
        found += Double(e) * Double(e) / (Double(m) + noise)
        expected += Double(m) / (Double(m) + noise)
      }
      let (here, whole) = (found / expected - 1, scene.ratio / square - 1)
      deviations += (here * here + whole * whole) / Double(scenes.count - 1)
    }
    return ModelError(factor: local.factor, spread: deviations.squareRoot())
  }

  /// Variance of the model error of every ray.
  ///
  /// - Parameter projection: free of noise, such as A x of the image that is judged.
  public func variance(for projection: Sinogram) -> Sinogram {
    let (views, bins) = (projection.shape[0], projection.shape[1])
    var result = Sinogram(shape: projection.shape)
    guard factor > 0 else { return result }
    let unit = factor * factor / 16
    // Zeros at both ends stand for what lies beyond the detector.
    var squares = [Double](repeating: 0, count: bins + 4)
    projection.samples.withUnsafeBufferPointer { projection in
      result.samples.withUnsafeMutableBufferPointer { result in
        squares.withUnsafeMutableBufferPointer { squares in
          for view in 0..<views {
            let row = view * bins
            Self.squareCurvature(projection, row, bins, into: squares, from: 2)
            for k in 0..<bins {
              let (near, far) = (squares[k + 1] + squares[k + 3], squares[k] + squares[k + 4])
              result[row + k] = Float(unit * (6 * squares[k + 2] + 4 * near + far))
            }
          }
        }
      }
    }
    return result
  }

  /// Σ c² over all rays.
  private static func squaredCurvature(_ p: Sinogram) -> Double {
    let (views, bins) = (p.shape[0], p.shape[1])
    var squares = [Double](repeating: 0, count: bins)
    var sum = 0.0
    p.samples.withUnsafeBufferPointer { p in
      squares.withUnsafeMutableBufferPointer { squares in
        for view in 0..<views {
          squareCurvature(p, view * bins, bins, into: squares, from: 0)
          sum += squares.reduce(0, +)
        }
      }
    }
    return sum
  }

  /// c² of a view; those of the first and last bin are left as they are.
  private static func squareCurvature(
    _ p: UnsafeBufferPointer<Float>, _ row: Int, _ bins: Int,
    into squares: UnsafeMutableBufferPointer<Double>, from place: Int
  ) {
    guard bins > 2 else { return }
    for k in 1..<bins - 1 {
      let c = Double(p[row + k - 1]) - 2 * Double(p[row + k]) + Double(p[row + k + 1])
      squares[place + k] = c * c
    }
  }

  /// A body with a wall, cavities, small parts of many sizes and thin plates, inside what the scan sees.
  private static func scene<Operator: ParallelBeamOperator>(
    seed: UInt64, in A: Operator
  ) throws -> PhantomSlice {
    let (grid, beam) = (A.domain, A.beam)
    let side = min(
      Double(grid.shape[0]) * grid.spacing[0], Double(grid.shape[1]) * grid.spacing[1])
    let seen = min(beam.axis + 0.5, Double(beam.bins) - 0.5 - beam.axis) * beam.binSpacing
    let radius = 0.95 * min(side / 2, max(seen, side / 8))
    var random = SplitMix64(seed: 0x5CE7E, stream: Int(seed))
    func draw(_ range: ClosedRange<Double>) -> Double {
      range.lowerBound + random.uniform() * (range.upperBound - range.lowerBound)
    }
    func anywhere(within limit: Double) -> SIMD2<Double> {
      let (r, phi) = (limit * radius * draw(0...1).squareRoot(), draw(0...2 * .pi))
      return SIMD2(r * .cos(phi), r * .sin(phi))
    }
    let body = SIMD2(draw(0.7...0.9), draw(0.55...0.75)) * radius
    let turn = Angle.degrees(draw(0...180))
    var parts = [
      PhantomPart(.ellipse(halfAxes: body), rotation: turn, value: 0.9, blend: .replacing),
      PhantomPart(.ellipse(halfAxes: body * draw(0.85...0.95)), rotation: turn, value: 1, blend: .replacing),
    ]
    for _ in 0..<2 {
      parts.append(
        PhantomPart(
          .ellipse(halfAxes: SIMD2(draw(0.15...0.3), draw(0.2...0.35)) * radius),
          centre: anywhere(within: 0.3), rotation: .degrees(draw(0...180)), value: 0.2, blend: .replacing))
    }
    for _ in 0..<Int(draw(4...28)) {
      let size = 0.15 * Double.pow(0.1, draw(0...1)) * radius
      let aspect = draw(0.6...1.6)
      parts.append(
        PhantomPart(
          .ellipse(halfAxes: SIMD2(size * aspect, size / aspect)), centre: anywhere(within: 0.5),
          rotation: .degrees(draw(0...180)), value: draw(0.3...1.6), blend: .replacing))
    }
    for plate in 0..<Int(seed % 4) {
      // Plates along rows and columns err most, as tables and cassettes lie.
      parts.append(
        PhantomPart(
          .rectangle(halfAxes: SIMD2(draw(0.2...0.5), draw(0.01...0.03)) * radius),
          centre: anywhere(within: 0.4),
          rotation: .degrees(plate % 2 == 0 ? 90 * draw(0...2).rounded() : draw(0...180)),
          value: draw(0.3...1), blend: .replacing))
    }
    return try Phantom(name: "scene", fieldOfView: 2 * radius, parts: parts).slice(z: 0)
  }
}
