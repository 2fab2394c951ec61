import ComplexModule
import RealModule

/// What a ``Field`` can hold: real or complex single precision.
public protocol FieldScalar: Sendable, Hashable {
  static var zero: Self { get }
  /// A value from two real numbers; a real scalar keeps the first.
  static func make(_ real: Double, _ imaginary: Double) -> Self
  /// So many zeros. A requirement, so that code that does not know the type runs what is compiled for it.
  static func zeros(_ count: Int) -> [Self]
  /// target ← target + α source
  static func add(
    _ alpha: Float, _ source: UnsafePointer<Self>, to target: UnsafeMutablePointer<Self>, count: Int)
  /// target ← α target
  static func scale(_ target: UnsafeMutablePointer<Self>, by alpha: Float, count: Int)
  /// ⟨x, y⟩ = Σ conj(xᵢ) yᵢ in double precision, always summed in the same order.
  static func inner(_ x: UnsafePointer<Self>, _ y: UnsafePointer<Self>, count: Int) -> Complex<Double>
}

/// A dense, row-major array of samples, tagged with the quantity it samples.
///
/// `Quantity` has no values. It exists so that a sinogram cannot be passed where an image is expected.
public struct Field<Quantity, Scalar: FieldScalar>: Sendable, Equatable {
  public let shape: Shape
  public var samples: [Scalar]

  @inlinable public init(shape: Shape, samples: [Scalar]) {
    precondition(samples.count == shape.count, "\(samples.count) samples do not fill \(shape)")
    self.shape = shape
    self.samples = samples
  }

  @inlinable public init(shape: Shape, filledWith value: Scalar = .zero) {
    self.init(shape: shape, samples: Array(repeating: value, count: shape.count))
  }

  /// Sample at `[row, column]` of a two-dimensional field.
  @inlinable public subscript(row: Int, column: Int) -> Scalar {
    get { samples[row * shape[1] + column] }
    set { samples[row * shape[1] + column] = newValue }
  }

  @inlinable public func map<Other>(_ transform: (Scalar) -> Scalar) -> Field<Other, Scalar> {
    // `Array.map` appends one by one, which no compiler makes vectors of.
    let result = [Scalar](unsafeUninitializedCapacity: samples.count) { target, count in
      samples.withUnsafeBufferPointer { samples in
        for i in samples.indices { target.initializeElement(at: i, to: transform(samples[i])) }
        count = samples.count
      }
    }
    return Field<Other, Scalar>(shape: shape, samples: result)
  }
}

/// Tags an image on a Cartesian grid.
public enum ImageQuantity {}
/// Tags line integrals.
public enum SinogramQuantity {}
/// Tags Fourier samples.
public enum KSpaceQuantity {}

/// Attenuation or magnitude on a Cartesian grid. Shape: `[rows, columns]`.
public typealias Image = Field<ImageQuantity, Float>
/// Complex transverse magnetisation on a Cartesian grid. Shape: `[rows, columns]`.
public typealias ComplexImage = Field<ImageQuantity, Complex<Float>>
/// Line integrals. Shape: `[angles, bins]`.
public typealias Sinogram = Field<SinogramQuantity, Float>
/// Fourier samples, zero frequency in the centre. Shape: `[rows, columns]`.
public typealias KSpace = Field<KSpaceQuantity, Complex<Float>>
