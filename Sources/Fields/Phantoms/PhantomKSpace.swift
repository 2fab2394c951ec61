import ComplexModule
import Foundation
import RealModule

/// A point of k-space in cycles per field of view, along the axes of the array: down the rows and across the
/// columns. |k| ≤ N/2 is what a grid of N samples resolves.
public struct SpatialFrequency: Hashable, Sendable {
  public var row: Double
  public var column: Double

  public init(row: Double, column: Double) {
    self.row = row
    self.column = column
  }
}

extension PhantomSlice {
  /// The Fourier transform at every frequency of a grid, without the sampling of an image.
  ///
  /// See ``kSpace(at:on:)``; sample [r, c] is the frequency (r − ⌊R/2⌋, c − ⌊C/2⌋) of R × C.
  public func kSpace(on grid: ImageSpace) throws(PhantomError) -> KSpace {
    let (rows, columns) = (grid.shape[0], grid.shape[1])
    var frequencies: [SpatialFrequency] = []
    frequencies.reserveCapacity(rows * columns)
    for row in 0..<rows {
      for column in 0..<columns {
        frequencies.append(
          SpatialFrequency(row: Double(row - rows / 2), column: Double(column - columns / 2)))
      }
    }
    return KSpace(shape: grid.shape, samples: try kSpace(at: frequencies, on: grid))
  }

  /// The Fourier transform
  ///
  ///     y(k) = 1/(Δ_row Δ_col √(R C)) · ∫∫ f(x, y) exp(−2πi φ) dx dy
  ///     φ = k_col (x − x₀)/(C Δ_col) − k_row (y − y₀)/(R Δ_row)
  ///
  /// with the scale and the phase of the centred unitary DFT of an image on `grid`, whose origin (x₀, y₀) is
  /// the centre of pixel [⌊R/2⌋, ⌊C/2⌋] and whose rows run against y. It differs from that DFT by what sampling
  /// does to an image: the mean over a pixel and aliasing.
  ///
  /// An ellipse gives a Bessel function J₁, a rectangle two sinc, a polygon a sum over its edges. A replacing
  /// region is turned into an additive one where everything under it is constant.
  ///
  /// - Throws: ``PhantomError/partialOverlap(part:other:)`` where it is not.
  /// - Source: Koay, Sarlls, Özarslan, "Three-dimensional analytical magnetic resonance imaging phantom in the
  ///   Fourier domain", MRM 2007, DOI 10.1002/mrm.21292; for polygons the divergence theorem.
  public func kSpace(
    at frequencies: [SpatialFrequency], on grid: ImageSpace
  ) throws(PhantomError) -> [Complex<Float>] {
    precondition(grid.shape.rank == 2, "k-space has rows and columns, the grid is \(grid)")
    let additive = try additiveRegions()
    let count = SIMD2(Double(grid.shape[1]), Double(grid.shape[0]))
    let spacing = SIMD2(grid.spacing[1], grid.spacing[0])
    let centre = SIMD2(Double(grid.shape[1] / 2), Double(grid.shape[0] / 2))
    let origin = (centre - (count - 1) / 2) * spacing * SIMD2(1, -1)
    let scale = 1 / (spacing.x * spacing.y * (count.x * count.y).squareRoot())
    return frequencies.map { frequency in
      let k = SIMD2(frequency.column, -frequency.row) / (count * spacing)
      var sum = Complex<Double>.zero
      for (region, value) in additive {
        sum += region.outline.fourierTransform(k, origin: origin).multiplied(by: value)
      }
      return Complex<Float>(Float(sum.real * scale), Float(sum.imaginary * scale))
    }
  }

  /// The same slice as a sum of regions.
  private func additiveRegions() throws(PhantomError) -> [(region: Region, value: Double)] {
    var sum: [(region: Region, value: Double)] = []
    for region in regions {
      guard region.replaces else {
        sum.append((region, region.value))
        continue
      }
      var beneath = 0.0
      var kept: [(region: Region, value: Double)] = []
      for earlier in sum {
        if earlier.value == 0 || region.outline.encloses(earlier.region.outline) { continue }
        if earlier.region.outline.encloses(region.outline) {
          beneath += earlier.value
        } else if !region.outline.isApart(from: earlier.region.outline) {
          throw .partialOverlap(part: region.label, other: earlier.region.label)
        }
        kept.append(earlier)
      }
      sum = kept
      sum.append((region, region.value - beneath))
    }
    return sum
  }
}

extension ConvexOutline {
  /// ∫ exp(−2πi k · (p − origin)) dp over the outline; k in cycles per millimetre.
  func fourierTransform(_ k: SIMD2<Double>, origin: SIMD2<Double>) -> Complex<Double> {
    switch kind {
    case .ellipse:
      let q = support(k)
      let jinc = q > 0 ? j1(2 * .pi * q) / q : .pi
      return phase(k, centre - origin).multiplied(by: abs(cross(u, v)) * jinc)
    case .parallelogram:
      let area = 4 * abs(cross(u, v))
      return phase(k, centre - origin).multiplied(
        by: area * sinc(2 * .pi * dot(k, u)) * sinc(2 * .pi * dot(k, v)))
    case .polygon:
      return polygonTransform(k, origin: origin)
    }
  }

  /// With w = 2πk, ∫ exp(−iw·p) dp = i/|w|² Σ (w × e) exp(−iw·m) sinc(w·e/2) over edges e with middle m.
  private func polygonTransform(_ k: SIMD2<Double>, origin: SIMD2<Double>) -> Complex<Double> {
    let (area, centroid) = polygonCentroid()
    let w = 2 * .pi * k
    let squared = dot(w, w)
    let start = phase(k, centroid - origin)
    // The sum over edges cancels as w → 0. About the centroid the first term of the series is the area and the
    // next is smaller by |w|² times a squared radius: here less than what a float resolves.
    if squared * area < 1e-8 { return start.multiplied(by: area) }
    var sum = Complex<Double>.zero
    for (a, b) in edges {
      let edge = b - a
      let middle = (a + b) / 2 - centroid
      sum += phase(k, middle).multiplied(by: cross(w, edge) * sinc(dot(w, edge) / 2))
    }
    return start * sum * Complex(0, 1 / squared)
  }

  private func polygonCentroid() -> (area: Double, centroid: SIMD2<Double>) {
    guard let origin = vertices.first else { return (0, centre) }
    var area = 0.0
    var moment = SIMD2<Double>.zero
    for (p, q) in edges {
      let triangle = cross(p - origin, q - origin) / 2
      area += triangle
      moment += (p + q - 2 * origin) * (triangle / 3)
    }
    return (area, origin + moment / area)
  }

  private func phase(_ k: SIMD2<Double>, _ p: SIMD2<Double>) -> Complex<Double> {
    let angle = -2 * .pi * dot(k, p)
    return Complex(Double.cos(angle), Double.sin(angle))
  }
}

/// sin x / x
private func sinc(_ x: Double) -> Double { abs(x) < 1e-8 ? 1 : Double.sin(x) / x }
