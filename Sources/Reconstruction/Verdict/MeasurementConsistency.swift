import Fields
import Foundation
import Operators
import RealModule
import Synchronization

/// Judges images of one scan geometry by the data they were made from.
///
/// Three questions, none of which needs the truth. Is the residual y − A x what noise looks like
/// (``ResidualFigures``)? Is there a place where the data contradict the image (``Contradiction``)? Does another method
/// fit the same data, so that the image and not the geometry is at fault? Prepared once for a geometry; costs an A and
/// an Aᴴ for an image and an A for its reference.
public struct MeasurementConsistency<Operator: ParallelBeamOperator>: Sendable {
  /// A verdict with the pictures behind it.
  public struct Judgement: Sendable {
    public let verdict: Verdict
    /// (y − A x) / √(variance of noise and model error)
    public let residual: Sinogram
    /// z of every pixel at the width where |z| is largest, 0 at the edge and where a view misses it: see ``Contradiction``.
    public let contradiction: Image
  }

  public let A: Operator
  public let modelError: ModelError
  public let thresholds: VerdictThresholds

  /// Widths of the blobs that are looked for, in pixels.
  private static var widths: [Double] { [1, 2, 4] }
  private let blurs: [GaussianBlur]
  /// Variance of blurred Aᴴ noise for W = 1, relative to Aᴴ1.
  private let variances: [Double]

  /// Where all slices have the same noise, the waves are found once.
  private var latest = LatestWaves()

  /// Pixels that some view misses; nil if there are none. What lies there has moments without conditions.
  private let partlySeen: [Bool]?

  /// - Parameters:
  ///   - modelError: ``ModelError/measure(_:raysPerBin:objects:threads:)`` for measured data and for closed-form ones,
  ///     ``ModelError/none`` for data made with this operator.
  ///   - threads: that prepare it.
  public init(
    _ A: Operator, modelError: ModelError, thresholds: VerdictThresholds = VerdictThresholds(),
    threads: Int = 1
  ) {
    self.A = A
    self.modelError = modelError
    self.thresholds = thresholds
    let blurs = Self.widths.map { GaussianBlur(width: $0, edge: .zero) }

    self.blurs = blurs
    partlySeen = Self.partlySeen(A.domain, A.beam)

    let seen = A.adjoint(A.codomain.zero().map { _ in 1 })
    let most = seen.samples.max() ?? 0
    let even = A.codomain.zero().map { _ in 1 } as Sinogram
    let waves = LongWaves(A.beam, variance: even, consistent: false)
    let draws = 4
    var sums = [Double](repeating: 0, count: draws * blurs.count)
    sums.withUnsafeMutableBufferPointer { sums in
      parallel(tiles: draws, threads: threads) { draw, _ in
        var generator = SplitMix64(seed: 1, stream: draw)
        let noise = waves.removingSlowest(A.codomain.random(using: &generator), variance: even)
        let back = A.adjoint(noise)
        for (index, blur) in blurs.enumerated() {
          let image = blur(back)
          var (sum, count) = (0.0, 0)
          for row in ContradictionSearch.places(seen.shape, width: Self.widths[index]) {
            for i in row where seen.samples[i] > 0.5 * most {
              sum += Double(image.samples[i]) * Double(image.samples[i]) / Double(seen.samples[i])
              count += 1
            }
          }
          sums[draw * blurs.count + index] = sum / Double(max(count, 1))
        }
      }
    }
    variances = blurs.indices.map { index in
      (0..<draws).reduce(0) { $0 + sums[$1 * blurs.count + index] } / Double(draws)
    }
  }

  /// The same judge for another thread: what it finds once for many slices, it finds without waiting for this one.
  public func separate() -> Self {
    var copy = self
    copy.latest = LatestWaves()
    return copy
  }

  /// - Parameters:
  ///   - slice: from 1.
  ///   - variance: of the noise in every ray, see ``NoiseModel/variance(of:)``.
  ///   - reference: another method's image of the same data, such as that of total variation.
  ///   - nullSpaceFraction: see ``NullSpace``.
  /// - Throws: ``ReconstructionError`` for a wrong shape, a variance that is not positive, samples that are not
  ///   numbers.
  public func judge(
    _ image: Image, method: String, slice: Int = 1, measurement: Sinogram, variance: Sinogram,
    reference: (method: String, image: Image)? = nil, nullSpaceFraction: Double? = nil
  ) throws(ReconstructionError) -> Judgement {
    try A.check(image, "the image")
    try A.check(measurement: measurement)
    try A.check(variance: variance)
    if let reference { try A.check(reference.image, "the image of '\(reference.method)'") }

    let waves = latest.waves(
      A.beam, variance: variance, consistent: !ResidualFigures.isTruncated(measurement))
    let (figures, scaled) = figures(image, measurement, variance, waves)
    let (map, contradiction) = contradiction(scaled, waves, variance)
    var findings = Findings(thresholds)
    findings.add(figures)
    if let contradiction { findings.add(contradiction, modelError: figures.modelError) }

    var other: Verdict.Reference?
    if let reference {
      let otherFigures = self.figures(reference.image, measurement, variance, waves).figures
      var otherFindings = Findings(thresholds)
      otherFindings.add(otherFigures)
      other = Verdict.Reference(
        method: reference.method, status: otherFindings.status, figures: otherFigures)
    }
    if let nullSpaceFraction { findings.add(nullSpaceFraction: nullSpaceFraction) }
    let verdict = Verdict(
      slice: slice, method: method, status: findings.status,
      reasons: findings.sentences(figures, reference: other), figures: figures, contradiction: contradiction,
      reference: other, nullSpaceFraction: nullSpaceFraction)
    return Judgement(verdict: verdict, residual: scaled.scaled, contradiction: map)
  }

  private func figures(
    _ image: Image, _ y: Sinogram, _ variance: Sinogram, _ waves: LongWaves
  ) -> (figures: ResidualFigures, scaled: ScaledResidual) {
    let projection = A(image)
    // Of the image's own projections: those of the data would excuse every dead or glaring bin.
    let model = modelError.variance(for: projection)
    let scaled = ScaledResidual(y, projection: projection, noise: variance, model: model)
    let figures = ResidualFigures(
      scaled, measurement: y, projection: projection, seenProjection: partlySeen.map { A(masked(image, $0)) },
      noise: variance, model: model, modelError: modelError, beam: A.beam, confidence: thresholds.confidence,
      waves: waves)
    return (figures, scaled)
  }

  private func masked(_ image: Image, _ mask: [Bool]) -> Image {
    var result = image
    for (i, isMasked) in mask.enumerated() where isMasked { result.samples[i] = 0 }
    return result
  }

  private static func partlySeen(_ grid: ImageSpace, _ beam: ParallelBeam) -> [Bool]? {
    let (rows, columns) = (grid.shape[0], grid.shape[1])
    let reach = min(beam.axis, Double(beam.bins - 1) - beam.axis) * beam.binSpacing
    var mask = [Bool](repeating: false, count: grid.dimension)
    for i in 0..<rows {
      for j in 0..<columns {
        let y = (Double(i) - Double(rows - 1) / 2) * grid.spacing[0]
        let x = (Double(j) - Double(columns - 1) / 2) * grid.spacing[1]
        mask[i * columns + j] = x * x + y * y > reach * reach
      }
    }
    return mask.contains(true) ? mask : nil
  }

  private func contradiction(
    _ scaled: ScaledResidual, _ waves: LongWaves, _ variance: Sinogram
  ) -> (Image, Contradiction?) {
    var weighted = waves.removingSlowest(scaled.residual, variance: variance)
    weighted.multiply(by: scaled.precision)
    let back = A.adjoint(weighted)
    let information = A.adjoint(scaled.precision)

    var search = ContradictionSearch(
      information: information, partlySeen: partlySeen,
      spacing: (A.domain.spacing[0] * A.domain.spacing[1]).squareRoot())
    for (index, blur) in blurs.enumerated() where variances[index] > 0 {
      search.look(at: blur(back), width: Self.widths[index], variance: variances[index])
    }
    return (search.map, search.worst)
  }
}

extension Sinogram {
  fileprivate mutating func multiply(by other: Sinogram) {
    samples.withUnsafeMutableBufferPointer { samples in
      other.samples.withUnsafeBufferPointer { other in
        for i in 0..<samples.count { samples[i] *= other[i] }
      }
    }
  }
}

/// A place for ``LongWaves`` that copies of a judge share.
private final class LatestWaves: Sendable {
  private let content = Mutex<(variance: Sinogram, consistent: Bool, waves: LongWaves)?>(nil)

  func waves(_ beam: ParallelBeam, variance: Sinogram, consistent: Bool) -> LongWaves {
    content.withLock { content in
      if let content, content.consistent == consistent, Self.areEqual(content.variance, variance) {
        return content.waves
      }
      let waves = LongWaves(beam, variance: variance, consistent: consistent)
      content = (variance, consistent, waves)
      return waves
    }
  }

  private static func areEqual(_ a: Sinogram, _ b: Sinogram) -> Bool {
    a.samples.withUnsafeBytes { a in
      b.samples.withUnsafeBytes { b in
        guard a.count == b.count, let a = a.baseAddress, let start = b.baseAddress else { return false }
        return memcmp(a, start, b.count) == 0
      }
    }
  }
}
