import ComplexModule
import RealModule

/// A Cartesian grid of samples: shape and spacing, with the origin at its centre.
///
/// Sample j of an axis with N samples sits at (j − (N−1)/2) · spacing.
public struct Grid<Quantity, Scalar: FieldScalar>: VectorSpace, CustomStringConvertible {
  public typealias Vector = Field<Quantity, Scalar>

  public let shape: Shape
  /// Distance between neighbouring samples along every axis, in millimetres.
  public let spacing: [Double]

  public init(shape: Shape, spacing: [Double]) {
    precondition(shape.rank == spacing.count, "\(spacing.count) spacings for \(shape)")
    self.shape = shape
    self.spacing = spacing
  }

  /// The same spacing, in millimetres, along every axis.
  public init(shape: Shape, spacing: Double = 1) {
    self.init(shape: shape, spacing: Array(repeating: spacing, count: shape.rank))
  }

  public var dimension: Int { shape.count }
  public var description: String { "\(shape) at \(spacing) mm" }

  public func zero() -> Vector { Vector(shape: shape, samples: Scalar.zeros(dimension)) }

  public func inner(_ x: Vector, _ y: Vector) -> Complex<Double> {
    check(x)
    check(y)
    return x.samples.withUnsafeBufferPointer { x in
      y.samples.withUnsafeBufferPointer { y in
        guard let x = x.baseAddress, let y = y.baseAddress else { return .zero }
        return Scalar.inner(x, y, count: dimension)
      }
    }
  }

  public func add(_ alpha: Float, _ x: Vector, to y: inout Vector) {
    check(x)
    check(y)
    x.samples.withUnsafeBufferPointer { x in
      y.samples.withUnsafeMutableBufferPointer { y in
        guard let x = x.baseAddress, let y = y.baseAddress else { return }
        Scalar.add(alpha, x, to: y, count: dimension)
      }
    }
  }

  public func scale(_ y: inout Vector, by alpha: Float) {
    check(y)
    y.samples.withUnsafeMutableBufferPointer { y in
      guard let y = y.baseAddress else { return }
      Scalar.scale(y, by: alpha, count: dimension)
    }
  }

  public func random(using generator: inout SplitMix64) -> Vector {
    let samples = [Scalar](unsafeUninitializedCapacity: dimension) { target, count in
      for place in 0..<dimension {
        target.initializeElement(at: place, to: Scalar.standardNormal(using: &generator))
      }
      count = dimension
    }
    return Vector(shape: shape, samples: samples)
  }

  private func check(_ x: Vector) {
    precondition(x.shape == shape, "a field of \(x.shape) is not on the grid \(shape)")
  }
}

/// Images on a Cartesian grid.
public typealias ImageSpace = Grid<ImageQuantity, Float>
/// Sinograms: angles by bins. Only the spacing of the bins is a length; that of the angles is 1.
public typealias SinogramSpace = Grid<SinogramQuantity, Float>
