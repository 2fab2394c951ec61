import ComplexModule
import RealModule

/// An object known exactly: convex parts of constant value, painted in order.
///
/// Walking through the parts in order, an additive part adds its value to every point that it covers and a
/// replacing part puts its value there instead. Outside all parts the value is 0. Images, line integrals and
/// Fourier transforms all come from this one description, in closed form, so none shares the discretisation of
/// the others.
public struct Phantom: Hashable, Sendable {
  /// The unit of the values.
  public enum Unit: String, Hashable, Sendable, CaseIterable {
    /// Linear attenuation; line integrals have no unit.
    case perMillimetre = "1/mm"
    /// Values without a unit, such as the magnitude of an MR image.
    case arbitrary = "none"
  }

  public let name: String
  public let unit: Unit
  /// Side of the square field of view, in millimetres, around the origin.
  public let fieldOfView: Double
  /// Where the phantom is meant to be looked at, in millimetres.
  public let zRange: ClosedRange<Double>
  public let parts: [PhantomPart]

  /// - Throws: ``PhantomError`` that names the part which has no interior, is not convex or not a number.
  public init(
    name: String, unit: Unit = .arbitrary, fieldOfView: Double, zRange: ClosedRange<Double> = 0...0,
    parts: [PhantomPart]
  ) throws(PhantomError) {
    guard fieldOfView > 0, fieldOfView.isFinite else {
      throw .outOfRange(
        part: "the phantom", what: "the field of view", found: "\(fieldOfView)", expected: "a length above 0")
    }
    for (index, part) in parts.enumerated() {
      try part.validate(label: Self.label(index, part.name))
    }
    self.name = name
    self.unit = unit
    self.fieldOfView = fieldOfView
    self.zRange = zRange
    self.parts = parts
  }

  /// A square grid over the field of view.
  public func grid(size: Int) -> ImageSpace {
    ImageSpace(shape: [size, size], spacing: fieldOfView / Double(size))
  }

  /// Heights of `count` slices: the middles of equal slabs that fill ``zRange``, lowest first.
  public func heights(count: Int) -> [Double] {
    let depth = zRange.upperBound - zRange.lowerBound
    return (0..<count).map { zRange.lowerBound + depth * (Double($0) + 0.5) / Double(count) }
  }

  /// The cut through the phantom at height z, in millimetres.
  public func slice(z: Double = 0) -> PhantomSlice {
    PhantomSlice(
      regions: parts.enumerated().compactMap { index, part in
        part.crossSection(z: z).map {
          PhantomSlice.Region(
            outline: $0, value: part.value, replaces: part.blend == .replacing, index: index, name: part.name)
        }
      })
  }

  /// The mean over every pixel; see ``PhantomSlice/image(on:)``.
  public func image(on grid: ImageSpace, z: Double = 0) -> Image { slice(z: z).image(on: grid) }

  /// Line integrals; see ``PhantomSlice/sinogram(angles:bins:binSpacing:axis:raysPerBin:)``.
  public func sinogram(
    angles: [Angle], bins: Int, binSpacing: Double, axis: Double? = nil, raysPerBin: Int = 1, z: Double = 0
  ) -> Sinogram {
    slice(z: z).sinogram(
      angles: angles, bins: bins, binSpacing: binSpacing, axis: axis, raysPerBin: raysPerBin)
  }

  /// The Fourier transform on the grid's own frequencies; see ``PhantomSlice/kSpace(on:)``.
  public func kSpace(on grid: ImageSpace, z: Double = 0) throws(PhantomError) -> KSpace {
    try slice(z: z).kSpace(on: grid)
  }

  /// The Fourier transform at any frequencies; see ``PhantomSlice/kSpace(at:on:)``.
  public func kSpace(
    at frequencies: [SpatialFrequency], on grid: ImageSpace, z: Double = 0
  ) throws(PhantomError) -> [Complex<Float>] {
    try slice(z: z).kSpace(at: frequencies, on: grid)
  }

  static func label(_ index: Int, _ name: String) -> String {
    name.isEmpty ? "part \(index + 1)" : "part \(index + 1) ('\(name)')"
  }
}
