import CFFTW
import ComplexModule
import Fields
import RealModule

/// √Σ_c |xᶜ|², the magnitude of an object but for the sensitivity of the array.
///
/// - Parameter coils: `[coils, …]`.
/// - Returns: `[…]`, in the same units.
public func rootSumOfSquares(_ coils: ComplexImage) -> Image {
  precondition(coils.shape.rank > 1 && coils.shape[0] > 0, "\(coils.shape) has no axis of coils")
  var result = Image(shape: Shape(Array(coils.shape.extents.dropFirst())))
  let count = result.samples.count
  for (index, value) in coils.samples.enumerated() {
    result.samples[index % count] += value.real * value.real + value.imaginary * value.imaginary
  }
  for index in result.samples.indices { result.samples[index] = result.samples[index].squareRoot() }
  return result
}

/// Coil images put together by weights from their own neighbourhood, with the relative sensitivities that these show.
///
///     R(r) = Σ_{r′ near r} x(r′) x(r′)ᴴ,   R w = λ w,   x̂(r) = wᴴ x(r),   ‖w‖ = 1
///
/// The largest eigenvector w is the matched filter for white noise; whiten first. Its phase is such that the coil of most
/// energy counts as real, so that the image keeps the phase of that coil.
///
/// Source: Walsh, Gmitro, Marcellin, "Adaptive reconstruction of phased array MR imagery", MRM 43 (2000),
/// DOI 10.1002/(SICI)1522-2594(200005)43:5<682::AID-MRM10>3.0.CO;2-G, eq. (11).
public struct AdaptiveCombination: Sendable {
  /// x̂, `[rows, columns]`.
  public let image: ComplexImage
  /// w, `[coils, rows, columns]`: estimates of the normalised sensitivities.
  public let maps: ComplexImage

  /// - Parameters:
  ///   - coils: `[coils, rows, columns]`, white noise.
  ///   - block: width of the neighbourhood in pixels, odd; smaller at the edges of the image.
  ///   - threads: one for every processor unless given.
  /// - Throws: ``OperatorError`` when the shape is another, a value is no number, or the block is not odd and positive.
  public init(_ coils: ComplexImage, block: Int = 7, threads: Int? = nil) throws(OperatorError) {
    guard coils.shape.rank == 3, (1...CoilEigenmaps.coilLimit).contains(coils.shape[0]) else {
      throw .outOfRange(
        "the shape of the coil images", found: "\(coils.shape)",
        expected: "coils × rows × columns with 1 … \(CoilEigenmaps.coilLimit) coils")
    }
    guard coils.shape.count > 0 else { throw .emptyShape("a coil image", found: coils.shape) }
    guard block > 0, block % 2 == 1 else {
      throw .outOfRange(
        "the width of the neighbourhood", found: "\(block)", expected: "an odd number above 0")
    }
    let (count, rows, columns) = (coils.shape[0], coils.shape[1], coils.shape[2])
    let pixels = rows * columns
    // Also looks for values that are no numbers.
    let (products, _, _) = try coilProducts(coils, what: "the coil images")
    let reference = (0..<count).max { products[$0 * count + $0].real < products[$1 * count + $1].real } ?? 0
    let half = block / 2
    let eigenmaps = CoilEigenmaps(coils: count, columns: columns)
    var maps = ComplexImage(shape: coils.shape)
    var image = ComplexImage(shape: [rows, columns])
    coils.samples.withUnsafeBufferPointer { source in
      maps.samples.withUnsafeMutableBufferPointer { maps in
        image.samples.withUnsafeMutableBufferPointer { image in
          eigenmaps.forEachRow(rows, threads: max(1, threads ?? processorCount)) { row, matrices, pitch in
            var line = [Complex<Float>](repeating: .zero, count: columns)
            for a in 0..<count {
              for b in a..<count {
                // R_ab = Σ xₐ conj(x_b), down the columns of the neighbourhood and then across.
                for x in 0..<columns {
                  var sum = Complex<Float>.zero
                  for y in max(0, row - half)...min(rows - 1, row + half) {
                    sum +=
                      source[a * pixels + y * columns + x] * source[b * pixels + y * columns + x].conjugate
                  }
                  line[x] = sum
                }
                let target = matrices + 2 * pitch * (a * count + b)
                for x in 0..<columns {
                  var sum = Complex<Float>.zero
                  for near in max(0, x - half)...min(columns - 1, x + half) { sum += line[near] }
                  target[x] = sum.real
                  target[pitch + x] = sum.imaginary
                }
              }
            }
          } result: { row, vectors, pitch, _ in
            for x in 0..<columns {
              let (re, im) = (vectors[2 * pitch * reference + x], vectors[pitch * (2 * reference + 1) + x])
              let length = (re * re + im * im).squareRoot()
              let phase: Complex<Float> = length > 0 ? Complex(re / length, -im / length) : .one
              var sum = Complex<Float>.zero
              for coil in 0..<count {
                let weight =
                  Complex(vectors[2 * pitch * coil + x], vectors[pitch * (2 * coil + 1) + x]) * phase
                maps[coil * pixels + row * columns + x] = weight
                sum += weight.conjugate * source[coil * pixels + row * columns + x]
              }
              image[row * columns + x] = sum
            }
          }
        }
      }
    }
    self.maps = maps
    self.image = image
  }
}

/// The largest eigenvector of a Hermitian matrix for every pixel, row by row.
struct CoilEigenmaps {
  static let coilLimit = Int(COILS_MAXIMUM)

  let coils: Int
  let columns: Int
  var iterations = 120
  /// Square of the change of a vector in a step at which it is left as it is.
  var tolerance: Float = 1e-10

  /// - Parameters:
  ///   - fill: writes the matrices of a row: element (a, b ≥ a) of pixel x to `matrices[2 · pitch · (a coils + b) + x]`, its
  ///     imaginary part `pitch` further.
  ///   - result: receives component c of the vector of pixel x at `vectors[2 · pitch · c + x]`, its imaginary part
  ///     `pitch` further, and the eigenvalues.
  func forEachRow(
    _ rows: Int, threads: Int,
    fill: (_ row: Int, _ matrices: UnsafeMutablePointer<Float>, _ pitch: Int) -> Void,
    result: (
      _ row: Int, _ vectors: UnsafePointer<Float>, _ pitch: Int, _ values: UnsafePointer<Float>
    ) -> Void
  ) {
    let lanes = Int(COILS_LANES)
    let pitch = (columns + lanes - 1) / lanes * lanes
    let matrixCount = 2 * pitch * coils * coils
    let pool = BufferPool(count: matrixCount + 2 * pitch * coils + pitch)
    let instructions = gridding_instructions()
    parallel(tiles: rows, threads: threads) { row, _ in
      pool.withBuffer { matrices in
        let vectors = matrices + matrixCount
        let values = vectors + 2 * pitch * coils
        fill(row, matrices, pitch)
        for x in stride(from: 0, to: pitch, by: lanes) {
          coils_largest(
            instructions, matrices + x, pitch, Int32(coils), Int32(iterations), tolerance, vectors + x, pitch,
            values + x)
        }
        result(row, vectors, pitch, values)
      }
    }
  }
}
