import CFFTW
import ComplexModule
import Fields
import RealModule

/// The parallel-beam Radon transform of square pixels, band-limited to the detector, by the Fourier-slice theorem.
///
///     y(θ, s) = Σₘ P(θ, νₘ) exp(2πi νₘ s) Δν,   |νₘ| ≤ 1 / (2 binSpacing)
///     P(θ, ν) = sinc(ν a) sinc(kx dx) sinc(ky dy) dx dy Σⱼ xⱼ exp(−2πi (kx xⱼ + ky yⱼ)),
///     (kx, ky) = ν (cos θ, sin θ)
///
/// with the width a over which a bin averages, 0 unless given. A two-dimensional real FFT on a finer grid, interpolation
/// along half spokes (a real image has a Hermitian spectrum) and one-dimensional FFTs. Everything is prepared by the
/// initialiser and shared by all slices of a volume.
///
/// The detector is made long enough inside for the whole image, whatever part of it is seen: one that is too short sees
/// the middle of the shadow, nothing wraps around, and ``ParallelBeam/overhang(of:)`` says what is missed.
///
/// `applyAdjoint` is the transpose of `apply` to rounding. Both give the same bytes at any number of threads.
///
/// - Domain: image, `[rows, columns]`, attenuation in 1/mm.
/// - Codomain: sinogram, `[angles, bins]`, line integrals without a unit.
///
/// Source of the interpolation: Barnett, Magland, af Klinteberg, SIAM J. Sci. Comput. 41 (2019),
/// DOI 10.1137/18M120885X.
public struct RadonTransform: ParallelBeamOperator {
  public let domain: ImageSpace
  public let codomain: SinogramSpace
  public let beam: ParallelBeam
  public let threads: Int
  /// Width in millimetres over which a bin averages.
  public let binAperture: Double
  /// Error of the Fourier sums of white noise, relative to them, that was asked for.
  public let accuracy: Double
  /// Bytes of the prepared tables and of the workspace, of which every concurrent application takes one.
  public var memory: Int { spokes.memory + 4 * workspaceCount }

  private let spokes: RealImageSpectrum
  /// Length of the detector inside, in bins, and distance between the spectra of two views.
  private let length: Int
  private let spectrumPitch: Int
  private let samplePitch: Int
  private let toProjections: FourierPlan
  private let toSpectra: FourierPlan
  private let pool: BufferPool
  private let spectraOffset: Int
  private let scratchOffset: Int
  private let workspaceCount: Int

  /// Views transformed at once by one thread.
  private static let batch = 4

  /// - Parameters:
  ///   - binAperture: width in millimetres over which a bin averages, `binSpacing` for bins without gaps; 0 for rays.
  ///     An image of pixel means is blurred already, so that 0 is nearest to line integrals averaged over a bin.
  ///   - accuracy: error of the Fourier sums of white noise, relative to them, 1e-6 … 1e-2.
  ///   - threads: one for every processor unless given.
  /// - Throws: ``OperatorError`` when the scan or the image cannot exist or `accuracy` is out of reach.
  public init(
    _ grid: ImageSpace, beam: ParallelBeam, binAperture: Double = 0, accuracy: Double = 1e-4,
    threads: Int? = nil
  ) throws(OperatorError) {
    try beam.validate(with: grid)
    guard binAperture >= 0, binAperture.isFinite else {
      throw .outOfRange("the bin aperture", found: "\(binAperture) mm", expected: "0 or a positive length")
    }
    guard accuracy >= 1e-6, accuracy <= 1e-2 else {
      throw .outOfRange("the accuracy of the Radon transform", found: "\(accuracy)", expected: "1e-6 … 1e-2")
    }
    domain = grid
    codomain = beam.space
    self.beam = beam
    self.binAperture = binAperture
    self.accuracy = accuracy
    self.threads = max(1, threads ?? processorCount)

    let (rows, columns) = (grid.shape[0], grid.shape[1])
    let (dy, dx) = (grid.spacing[0], grid.spacing[1])
    let h = beam.binSpacing
    // Periodic images of the object must stay off the detector, with a bin or two for the band limit's ringing.
    let radius =
      0.5 * (Double(rows) * dy * Double(rows) * dy + Double(columns) * dx * Double(columns) * dx).squareRoot()
    let reach = max(beam.axis, Double(beam.bins - 1) - beam.axis)
    let needed = max(Double(beam.bins), (radius / h + reach + 1).rounded(.up))
    guard needed < 1e6, radius / h > 1e-6 else {
      throw .outOfRange(
        "the bin spacing", found: "\(h) mm", expected: "comparable with the pixel spacing \(dx) mm")
    }
    length = FourierPlan.fastLength(atLeast: max(Int(needed), 4), multipleOf: 8)
    let frequencies = length / 2 + 1
    spectrumPitch = (frequencies + 7) / 8 * 8
    samplePitch = (length + 15) / 16 * 16

    // Pixel j of N sits half a pixel off the grid of the FFT when N is even.
    let (shiftX, shiftY) = (columns % 2 == 0 ? 0.5 : 0, rows % 2 == 0 ? 0.5 : 0)
    var samples = [RealImageSpectrum.Sample]()
    samples.reserveCapacity(beam.angles.count * spectrumPitch)
    for (view, angle) in beam.angles.enumerated() {
      let (cosine, sine) = (Double.cos(angle.radians), Double.sin(angle.radians))
      for m in 0..<frequencies {
        let nu = Double(m) / (Double(length) * h)
        // Rows run down, y runs up.
        let (kx, ky) = (nu * cosine * dx, -nu * sine * dy)
        let turns = kx * shiftX + ky * shiftY + Double(m) * beam.axis / Double(length)
        let phase = -2 * .pi * (turns - turns.rounded())
        let amplitude = Self.sinc(kx) * Self.sinc(ky) * Self.sinc(nu * binAperture)
        samples.append(
          RealImageSpectrum.Sample(
            kx: kx, ky: ky, factor: Complex(amplitude * .cos(phase), amplitude * .sin(phase)),
            target: view * spectrumPitch + m))
      }
    }
    spokes = try RealImageSpectrum(
      rows: rows, columns: columns, samples: samples, scale: dx * dy / (Double(length) * h),
      accuracy: accuracy,
      threads: self.threads)

    toProjections = try FourierPlan(
      .complexToReal, length: length, count: Self.batch, inputPitch: spectrumPitch, outputPitch: samplePitch,
      aligned: true)
    toSpectra = try FourierPlan(
      .realToComplex, length: length, count: Self.batch, inputPitch: samplePitch, outputPitch: spectrumPitch,
      aligned: true)
    let batches = (beam.angles.count + Self.batch - 1) / Self.batch
    spectraOffset = spokes.workspaceCount
    scratchOffset = spectraOffset + 2 * spectrumPitch * Self.batch * batches
    workspaceCount = scratchOffset + self.threads * samplePitch * Self.batch
    pool = BufferPool(count: workspaceCount)
  }

  public func views(_ indices: [Int]) throws(OperatorError) -> RadonTransform {
    try RadonTransform(
      domain, beam: beam.views(indices), binAperture: binAperture, accuracy: accuracy, threads: threads)
  }

  public func apply(_ x: Image, into y: inout Sinogram) {
    check(x, y)
    let (views, bins) = (beam.angles.count, beam.bins)
    x.samples.withUnsafeBufferPointer { image in
      y.samples.withUnsafeMutableBufferPointer { sinogram in
        guard let image = image.baseAddress, let sinogram = sinogram.baseAddress else { return }
        pool.withBuffer { workspace in
          let spectra = workspace + spectraOffset
          spokes.apply(image, into: spectra, workspace: workspace)
          parallel(tiles: (views + Self.batch - 1) / Self.batch, threads: threads) { batch, worker in
            let first = batch * Self.batch
            let rows = min(Self.batch, views - first)
            let scratch = workspace + scratchOffset + worker * samplePitch * Self.batch
            toProjections.execute(spectra + 2 * spectrumPitch * first, scratch)
            for row in 0..<rows {
              (sinogram + (first + row) * bins).update(from: scratch + row * samplePitch, count: bins)
            }
          }
        }
      }
    }
  }

  public func applyAdjoint(_ y: Sinogram, into x: inout Image) {
    check(x, y)
    let (views, bins) = (beam.angles.count, beam.bins)
    y.samples.withUnsafeBufferPointer { sinogram in
      x.samples.withUnsafeMutableBufferPointer { image in
        guard let image = image.baseAddress, let sinogram = sinogram.baseAddress else { return }
        pool.withBuffer { workspace in
          let spectra = workspace + spectraOffset
          parallel(tiles: (views + Self.batch - 1) / Self.batch, threads: threads) { batch, worker in
            let first = batch * Self.batch
            let rows = min(Self.batch, views - first)
            let scratch = workspace + scratchOffset + worker * samplePitch * Self.batch
            for row in 0..<rows {
              let target = scratch + row * samplePitch
              target.update(from: sinogram + (first + row) * bins, count: bins)
              (target + bins).update(repeating: 0, count: length - bins)
            }
            toSpectra.execute(scratch, spectra + 2 * spectrumPitch * first)
            for row in 0..<rows {
              // The sum over a half spectrum counts its inner frequencies twice, its ends once.
              let spectrum = spectra + 2 * spectrumPitch * (first + row)
              spectrum[0] *= 0.5
              spectrum[length] *= 0.5
            }
          }
          spokes.applyAdjoint(spectra, into: image, workspace: workspace)
        }
      }
    }
  }

  private func check(_ x: Image, _ y: Sinogram) {
    precondition(x.shape == domain.shape, "an image of \(x.shape) is not on the grid \(domain)")
    precondition(y.shape == codomain.shape, "a sinogram of \(y.shape) is not on the grid \(codomain)")
  }

  private static func sinc(_ x: Double) -> Double {
    x == 0 ? 1 : .sin(.pi * x) / (.pi * x)
  }
}

extension ParallelBeam {
  /// How far the shadow of an image reaches beyond the detector in the worst view, in millimetres; 0 where every view
  /// sees all of it.
  ///
  /// Rays out there are not measured. What lies on them within the image is in some views and not in others, so that a
  /// reconstruction of an object that reaches there is wrong, mostly near the edge of what all views see.
  public func overhang(of grid: ImageSpace) -> Double {
    let half = zip(grid.shape.extents, grid.spacing).map { Double($0) * $1 / 2 }
    let covered = (min(axis, Double(bins - 1) - axis) + 0.5) * binSpacing
    return angles.reduce(0) { worst, angle in
      let shadow = half[1] * abs(.cos(angle.radians)) + half[0] * abs(.sin(angle.radians))
      return max(worst, shadow - covered)
    }
  }
}
