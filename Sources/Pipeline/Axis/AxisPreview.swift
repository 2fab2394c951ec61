import Fields
import Formats
import Operators
import Reconstruction

/// One slice, reconstructed by filtered back-projection with several rotation axes side by side.
///
/// An axis that is wrong bends every small thing into a crescent or a ring; the sharpest picture has the right one.
public struct AxisPreview: Sendable {
  public struct Candidate: Sendable {
    /// In bins, from 0.
    public let axis: Double
    /// The mean of the spectrum outside the double wedge, least at the axis; nil where the angles do not allow it.
    public let spectrumOutsideWedge: Double?
    /// In 1/mm.
    public let image: Image
  }

  public let candidates: [Candidate]
  private static let columns = 3

  /// - Parameters:
  ///   - slice: from 0; the one in the middle when nil.
  ///   - axis: of the candidate in the middle.
  ///   - step: between candidates, in bins.
  ///   - sides: candidates on either side of the middle one.
  /// - Throws: what is wrong with the scan or its geometry.
  public init(
    _ description: PipelineDescription, path: String?, slice: Int?, around axis: Double, step: Double,
    sides: Int,
    threads: Int? = nil
  ) async throws {
    let scan = try PreparedSinograms(description, path: path, lookahead: 0)
    let slice = slice ?? scan.count / 2
    guard slice >= 0, slice < scan.count else {
      throw AxisError.noSuchSlice(path: scan.path, slice: slice, slices: scan.count)
    }
    let sinogram = try await scan.field(at: slice)
    let (beam, grid) = (description.geometry.beam, description.geometry.grid)
    let axes = (-sides...sides).map { axis + Double($0) * step }
      .filter { $0 >= 0 && $0 <= Double(beam.bins - 1) }
    let figures = (try? AxisSearch(angles: beam.angles, bins: beam.bins, threads: threads))
      .flatMap { $0.spectrumOutsideWedge(of: sinogram, at: axes) }
    var candidates: [Candidate] = []
    for (index, axis) in axes.enumerated() {
      try Task.checkCancellation()
      let turned = ParallelBeam(
        angles: beam.angles, bins: beam.bins, binSpacing: beam.binSpacing, axis: axis)
      let fbp = try FilteredBackProjection(RadonTransform(grid, beam: turned, threads: threads))
      candidates.append(Candidate(axis: axis, spectrumOutsideWedge: figures?[index], image: fbp(sinogram)))
    }
    self.candidates = candidates
  }

  /// Candidates from left to right and top to bottom, in one grey window.
  public func picture() -> Picture {
    var picture = Picture()
    guard !candidates.isEmpty else { return picture }
    let values = candidates[candidates.count / 2].image.samples.sorted()
    let window = values[values.count / 100]...values[values.count - 1 - values.count / 500]
    for start in stride(from: 0, to: candidates.count, by: Self.columns) {
      picture.append(
        candidates[start..<min(start + Self.columns, candidates.count)].map { ($0.image, window) })
    }
    return picture
  }
}
