import CFFTW
import ComplexModule
import Fields
import RealModule

/// What every coil of an array receives of an image.
///
///     (S x)ᶜ = sᶜ x,   Sᴴ y = Σ_c conj(sᶜ) yᶜ
///
/// - Domain: complex image, `[rows, columns]` or `[planes, rows, columns]`.
/// - Codomain: one image per coil, `[coils, …]`, in the same units.
public struct CoilSensitivities: LinearOperator {
  public let domain: ComplexImageSpace
  public let codomain: ComplexImageSpace
  /// s, `[coils, rows, columns]` or `[coils, planes, rows, columns]`, without a unit.
  public let maps: ComplexImage
  /// Σ_c |sᶜ|², 1 where maps are normalised and there is an object.
  public let power: Image
  public var coils: Int { maps.shape[0] }
  public let threads: Int

  /// - Parameters:
  ///   - maps: of the coils, the first axis.
  ///   - grid: of one image.
  ///   - object: an image whose pixels of a tenth of its largest or more are the object, for example the root sum of
  ///     squares of the calibration; there no map may vanish altogether. Not looked at when nil.
  ///   - threads: one for every processor unless given.
  /// - Throws: ``OperatorError`` when shapes do not agree, a map is no number, or all maps vanish, somewhere in the object
  ///   or everywhere.
  public init(
    _ maps: ComplexImage, on grid: ComplexImageSpace, object: Image? = nil, threads: Int? = nil
  ) throws(OperatorError) {
    guard grid.dimension > 0 else { throw .emptyShape("the image", found: grid.shape) }
    guard maps.shape.rank == grid.shape.rank + 1, maps.shape[0] > 0,
      Array(maps.shape.extents.dropFirst()) == grid.shape.extents
    else {
      throw .outOfRange(
        "the shape of the coil maps", found: "\(maps.shape)", expected: "coils × \(grid.shape)")
    }
    let pixels = grid.dimension
    var power = Image(shape: grid.shape)
    for (index, value) in maps.samples.enumerated() {
      guard value.real.isFinite, value.imaginary.isFinite else {
        throw .outOfRange(
          "the map of coil \(index / pixels + 1) at pixel \(Self.place(index % pixels, grid.shape))",
          found: "\(value)", expected: "a number")
      }
      power.samples[index % pixels] += value.real * value.real + value.imaginary * value.imaginary
    }
    guard power.samples.contains(where: { $0 > 0 }) else {
      throw .outOfRange("the coil maps", found: "0 everywhere", expected: "a coil that sees the object")
    }
    if let object {
      guard object.shape == grid.shape else {
        throw .outOfRange("the shape of the object", found: "\(object.shape)", expected: "\(grid.shape)")
      }
      if let bad = object.samples.firstIndex(where: { !$0.isFinite }) {
        throw .outOfRange(
          "the object at pixel \(Self.place(bad, grid.shape))", found: "\(object.samples[bad])",
          expected: "a number")
      }
      let limit = 0.1 * (object.samples.max() ?? 0)
      if let blind = object.samples.indices.first(where: {
        object.samples[$0] >= limit && object.samples[$0] > 0 && !(power.samples[$0] > 0)
      }) {
        throw .outOfRange(
          "the coil maps inside the object, at pixel \(Self.place(blind, grid.shape))", found: "0",
          expected: "a coil that sees every pixel of the object")
      }
    }
    domain = grid
    codomain = ComplexImageSpace(shape: maps.shape, spacing: [1] + grid.spacing)
    self.maps = maps
    self.power = power
    self.threads = max(1, threads ?? processorCount)
  }

  /// The position of a pixel, from 1, as in messages.
  private static func place(_ index: Int, _ shape: Shape) -> String {
    var rest = index
    var position: [Int] = []
    for extent in shape.extents.reversed() {
      position.insert(rest % extent + 1, at: 0)
      rest /= extent
    }
    return "\(position)"
  }

  /// The same maps divided by the root of their power, so that Σ|s|² = 1 where any coil sees the object.
  public func normalized() throws(OperatorError) -> CoilSensitivities {
    var maps = maps
    let pixels = domain.dimension
    for index in maps.samples.indices {
      let power = power.samples[index % pixels]
      if power > 0 { maps.samples[index] = maps.samples[index].divided(by: power.squareRoot()) }
    }
    return try CoilSensitivities(maps, on: domain, threads: threads)
  }

  public func apply(_ x: ComplexImage, into y: inout ComplexImage) {
    check(x, y)
    let pixels = domain.dimension
    withFloats(x, &y) { image, target in
      withMaps { maps in
        forEachPiece(coils * pixels) { first, count in
          // A piece may reach from one coil to the next.
          var (place, left) = (first, count)
          while left > 0 {
            let pixel = place % pixels
            let part = min(left, pixels - pixel)
            coils_multiply(instructions, maps + 2 * place, image + 2 * pixel, part, target + 2 * place)
            place += part
            left -= part
          }
        }
      }
    }
  }

  public func applyAdjoint(_ y: ComplexImage, into x: inout ComplexImage) {
    check(x, y)
    let (pixels, coils) = (domain.dimension, coils)
    withFloats(y, &x) { images, target in
      withMaps { maps in
        forEachPiece(pixels) { first, count in
          (target + 2 * first).update(repeating: 0, count: 2 * count)
          for coil in 0..<coils {
            let start = 2 * (coil * pixels + first)
            coils_add_conjugate_product(
              instructions, maps + start, images + start, count, target + 2 * first)
          }
        }
      }
    }
  }

  public func applyNormal(_ x: ComplexImage, into z: inout ComplexImage) {
    precondition(x.shape == domain.shape && z.shape == domain.shape, "images are not on the grid \(domain)")
    withFloats(x, &z) { source, target in
      power.samples.withUnsafeBufferPointer { power in
        guard let power = power.baseAddress else { return }
        forEachPiece(domain.dimension) { first, count in
          coils_weigh(instructions, power + first, source + 2 * first, count, target + 2 * first)
        }
      }
    }
  }

  private var instructions: Int32 { Self.instructions }
  private static let instructions = gridding_instructions()

  func withMaps(_ body: (UnsafePointer<Float>) -> Void) {
    maps.samples.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return }
      body(start.assumingMemoryBound(to: Float.self))
    }
  }

  /// Pieces that stay in the first cache, whatever the number of threads.
  private func forEachPiece(_ count: Int, _ body: (_ first: Int, _ count: Int) -> Void) {
    let size = 2048
    parallel(tiles: (count + size - 1) / size, threads: threads) { tile, _ in
      body(tile * size, min(size, count - tile * size))
    }
  }

  private func check(_ x: ComplexImage, _ y: ComplexImage) {
    precondition(x.shape == domain.shape, "an image of \(x.shape) is not on the grid \(domain)")
    precondition(y.shape == codomain.shape, "coil images of \(y.shape) are not on the grid \(codomain)")
  }
}
