import ComplexModule
import Fields
import RealModule

/// Linear combinations of coils, the same at every sample: y′ᵃ = Σ_c Mₐ꜀ yᶜ.
public struct CoilMatrix: Hashable, Sendable {
  /// Coils after and before.
  public let rows: Int
  public let columns: Int
  /// Row-major.
  public let elements: [Complex<Double>]

  public init(rows: Int, columns: Int, elements: [Complex<Double>]) {
    precondition(rows > 0 && columns > 0 && elements.count == rows * columns, "\(rows) × \(columns) elements")
    self.rows = rows
    self.columns = columns
    self.elements = elements
  }

  public subscript(row: Int, column: Int) -> Complex<Double> { elements[row * columns + column] }

  /// Combines the coils, which are the first axis, of k-space, images or maps.
  ///
  /// - Throws: ``OperatorError/outOfRange(_:found:expected:)`` for another number of coils.
  public func callAsFunction<Quantity>(
    _ field: Field<Quantity, Complex<Float>>
  ) throws(OperatorError) -> Field<Quantity, Complex<Float>> {
    let extents = field.shape.extents
    guard extents.count > 1, extents[0] == columns else {
      throw .outOfRange("the number of coils", found: "\(extents.first ?? 0)", expected: "\(columns)")
    }
    let count = field.shape.count / columns
    var result = Field<Quantity, Complex<Float>>(shape: Shape([rows] + extents.dropFirst()))
    let size = 4096
    field.samples.withUnsafeBufferPointer { source in
      result.samples.withUnsafeMutableBufferPointer { target in
        parallel(tiles: (count + size - 1) / size, threads: processorCount) { tile, _ in
          let range = tile * size..<min(count, (tile + 1) * size)
          for row in 0..<rows {
            for column in 0..<columns {
              let (re, im) = (Float(self[row, column].real), Float(self[row, column].imaginary))
              for i in range {
                let value = source[column * count + i]
                target[row * count + i] += Complex(
                  re * value.real - im * value.imaginary, re * value.imaginary + im * value.real)
              }
            }
          }
        }
      }
    }
    return result
  }
}

/// Σ_samples yᵃ conj(yᵇ), coils × coils, row-major, summed in double precision.
///
/// - Throws: ``OperatorError`` when there is no coil axis, no sample, or a value is no number.
func coilProducts<Quantity>(
  _ field: Field<Quantity, Complex<Float>>, what: String
) throws(OperatorError) -> (products: [Complex<Double>], coils: Int, samples: Int) {
  let extents = field.shape.extents
  guard extents.count > 1 else {
    throw .outOfRange("the shape of \(what)", found: "\(field.shape)", expected: "coils × samples")
  }
  guard field.shape.count > 0 else { throw .noSamples(what) }
  let coils = extents[0]
  let count = field.shape.count / coils
  if let bad = field.samples.firstIndex(where: { !($0.real.isFinite && $0.imaginary.isFinite) }) {
    throw .outOfRange(
      "sample \(bad % count + 1) of coil \(bad / count + 1) of \(what)", found: "\(field.samples[bad])",
      expected: "a number")
  }
  var products = [Complex<Double>](repeating: .zero, count: coils * coils)
  let space = Grid<Quantity, Complex<Float>>(shape: [count])
  field.samples.withUnsafeBufferPointer { samples in
    guard let start = samples.baseAddress else { return }
    for a in 0..<coils {
      for b in 0...a {
        let inner = Complex<Float>.inner(start + b * count, start + a * count, count: space.dimension)
        products[a * coils + b] = inner
        products[b * coils + a] = inner.conjugate
      }
    }
  }
  return (products, coils, count)
}

/// Replaces coils by fewer virtual ones that keep most of the signal.
///
///     y′ = Uᴴ y,   with the leading eigenvectors U of Σ y yᴴ
///
/// Whiten the noise first: combinations of orthonormal rows then leave it white. Coil maps are compressed by the same
/// matrix.
///
/// Source: Buehrer et al., "Array compression for MRI with large coil arrays", MRM 57 (2007), DOI 10.1002/mrm.21237;
/// Huang et al., "A software channel compression technique", MRI 26 (2008), DOI 10.1016/j.mri.2007.04.010.
public struct CoilCompression: Sendable {
  /// Virtual coils × coils.
  public let matrix: CoilMatrix
  /// The share of the energy Σ|y|² that each virtual coil carries, largest first, of all that could be kept.
  public let energies: [Double]
  /// The share of the energy that is kept.
  public var kept: Double { energies.prefix(matrix.rows).reduce(0, +) }

  /// - Parameter coils: to keep.
  /// - Throws: ``OperatorError`` when `coils` is not 1 … coils of `kSpace`, or k-space is empty, 0 or no number.
  public init(_ kSpace: KSpace, coils: Int) throws(OperatorError) {
    let (products, found, _) = try coilProducts(kSpace, what: "k-space")
    guard coils >= 1, coils <= found else {
      throw .outOfRange("the number of virtual coils", found: "\(coils)", expected: "1 … \(found)")
    }
    let eigen = HermitianEigen(products, order: found)
    let total = eigen.values.reduce(0) { $0 + max(0, $1) }
    guard total > 0 else {
      throw .outOfRange("k-space", found: "0 everywhere", expected: "a signal")
    }
    energies = eigen.values.map { max(0, $0) / total }
    matrix = CoilMatrix(
      rows: coils, columns: found,
      elements: (0..<coils).flatMap { k in
        // The phase is free; the largest component is made real.
        let u = eigen.vector(k)
        let largest = u.max { $0.lengthSquared < $1.lengthSquared } ?? .one
        let phase = largest.conjugate.divided(by: max(largest.length, .leastNormalMagnitude))
        return u.map { ($0 * phase).conjugate }
      })
  }
}
