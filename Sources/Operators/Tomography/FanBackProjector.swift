import CFFTW
import Fields
import RealModule

/// Weighted back-projection of filtered fan-beam views, pixel by pixel, with linear interpolation between bins.
///
///     x = R² Σ_θ q(θ, k) / t²   flat,        t the depth of the pixel along the central ray
///     x = Σ_θ q(θ, k) / r²      curved,      r its distance from the source
///
/// Not the adjoint of a projection, whose weights are others: the last step of filtered back-projection.
package struct FanBackProjector: Sendable {
  package let domain: ImageSpace
  package let codomain: SinogramSpace
  package let threads: Int

  private let views: [rays_view]
  private let vectors: Bool
  private let pitch: Int
  private let viewPitch: Int
  private let pool: BufferPool

  private static let margin = Int(RAYS_MARGIN)
  /// Rows that one thread back-projects at once.
  private static let band = 16

  /// - Parameter vectors: false for the loop that any processor can run.
  package init(
    _ grid: ImageSpace, beam: FanBeam, threads: Int? = nil, vectors: Bool = true
  ) throws(OperatorError) {
    try beam.validate(with: grid)
    domain = grid
    codomain = beam.space
    self.threads = max(1, threads ?? processorCount)
    self.vectors = vectors && rays_have_vectors() != 0
    pitch = (grid.shape[1] + 15) / 16 * 16
    viewPitch = (beam.bins + 2 * Self.margin + 15) / 16 * 16
    pool = BufferPool(count: beam.angles.count * viewPitch + self.threads * Self.band * pitch)
    let curved = beam.detector == .curved
    let (R, D) = (beam.sourceAxisDistance, beam.sourceDetectorDistance)
    let corner = SIMD2(
      -Double(grid.shape[1] - 1) / 2 * grid.spacing[1], Double(grid.shape[0] - 1) / 2 * grid.spacing[0])
    let (right, down) = (SIMD2(grid.spacing[1], 0), SIMD2(0, -grid.spacing[0]))
    // The densest bins under a row: those of the pixels nearest to the source.
    let near = R - RayGeometry.halfDiagonal(of: grid) - 16 * grid.spacing[1]
    let tangent = RayGeometry(beam).largestTangent
    let step = D / beam.binSpacing * grid.spacing[1] * (1 + tangent * tangent) / near
    let reach: Int32 =
      near <= 0 ? 0 : 15 * step < 13.9 ? 1 : 15 * step < 29.9 ? 2 : 15 * step < 61.9 ? 4 : 0
    func dot(_ a: SIMD2<Double>, _ b: SIMD2<Double>) -> Double { a.x * b.x + a.y * b.y }
    views = beam.angles.map { angle in
      let (cosine, sine) = (Double.cos(angle.radians), Double.sin(angle.radians))
      let (e, n) = (SIMD2(cosine, sine), SIMD2(-sine, cosine))
      let (t, v) = (dot(corner, n) + R, dot(corner, e))
      let (dt, dv) = (dot(right, n), dot(right, e))
      return rays_view(
        depth: t, depth_per_row: dot(down, n), depth_per_column: dt, across: v, across_per_row: dot(down, e),
        across_per_column: dv, scale: Float(D / beam.binSpacing), axis: Float(beam.axis),
        weight: Float(curved ? 1 : R * R), curved: curved ? 1 : 0, reach: reach)
    }
  }

  /// x ← back-projection of q, weighted view by view before.
  package func apply(_ q: Sinogram, into x: inout Image) {
    precondition(q.shape == codomain.shape, "a sinogram of \(q.shape) is not on the grid \(codomain)")
    precondition(x.shape == domain.shape, "an image of \(x.shape) is not on the grid \(domain)")
    let (rows, columns, bins) = (domain.shape[0], domain.shape[1], codomain.shape[1])
    q.samples.withUnsafeBufferPointer { q in
      x.samples.withUnsafeMutableBufferPointer { x in
        guard let q = q.baseAddress, let x = x.baseAddress else { return }
        pool.withBuffer { buffer in
          for view in views.indices {
            let padded = buffer + view * viewPitch
            padded.update(repeating: 0, count: viewPitch)
            (padded + Self.margin).update(from: q + view * bins, count: bins)
          }
          parallel(tiles: (rows + Self.band - 1) / Self.band, threads: threads) { tile, worker in
            let (first, last) = (tile * Self.band, min((tile + 1) * Self.band, rows))
            let target = buffer + views.count * viewPitch + worker * Self.band * pitch
            target.update(repeating: 0, count: (last - first) * pitch)
            views.withUnsafeBufferPointer { views in
              guard let view = views.baseAddress else { return }
              for index in views.indices {
                rays_interpolate(
                  vectors ? 1 : 0, target, pitch, Int32(first), Int32(last), Int32(columns), view + index,
                  buffer + index * viewPitch + Self.margin, Int32(bins))
              }
            }
            for row in first..<last {
              (x + row * columns).update(from: target + (row - first) * pitch, count: columns)
            }
          }
        }
      }
    }
  }
}
