import Fields
import Foundation
import Operators
import RealModule
import Reconstruction

/// Measures the operators side by side: promises, accuracy, time.
///
/// The scan is that of a square image of `size` pixels of 1 mm. A parallel beam has `angles` views over 180° and a
/// detector that is longer than the diagonal; a fan has them over 360°, the source two widths of the image from the
/// axis and three from a flat detector, and 3/2 bins per pixel of the width, each 1 mm wide at the axis. The truth is
/// the Shepp–Logan phantom with the contrasts of Toft: pixels averaged over 4 × 4 points, line integrals in closed
/// form averaged over 8 rays per bin. Times are medians after a warm-up.
public struct OperatorVerification: Sendable {
  public enum Kind: String, Codable, Hashable, Sendable, CaseIterable {
    case radon, rays, fan
    /// Of the non-uniform Fourier transform in two and three dimensions, and AᴴA by convolution.
    case nufft, nufft3d, toeplitz
    /// Of an array of coils: their images on a Cartesian grid, one image through their maps at some samples of that grid
    /// and along spokes, and AᴴA of the latter by convolution.
    case cartesian, sense, radialSense, toeplitzSense

    /// Whether its measurements are line integrals.
    public var isTomography: Bool { self == .radon || self == .rays || self == .fan }
  }

  /// What was measured of one operator.
  public struct Row: Codable, Hashable, Sendable {
    public var `operator`: Kind
    public var size: Int
    /// Views, spokes, or rows of a Cartesian k-space.
    public var angles: Int
    /// Samples of each.
    public var bins: Int
    /// Nil where there are none.
    public var coils: Int?
    public var threads: Int
    /// Median seconds of one application.
    public var forward: Double
    public var adjoint: Double
    /// Nil where there is no such thing.
    public var fbp: Double?
    /// See `OperatorReport`.
    public var adjointError: Double
    public var adjointRatio: Double
    public var linearityError: Double
    public var adjointLinearityError: Double
    public var normalError: Double
    public var overwritesOutput: Bool
    /// ‖A‖, in millimetres; of Fourier operators a number.
    public var norm: Double
    /// ‖A x − y‖ / ‖y‖ against the line integrals or the k-space y in closed form, or against Fourier sums in double
    /// precision; of an AᴴA by convolution the distance from that of a more accurate A.
    public var error: Double
    /// Seconds to build the operator.
    public var planning: Double
    /// Whether all promises hold to ``tolerance``.
    public var passes: Bool
  }

  /// How far two operators are apart, relative to the second.
  public struct Pair: Codable, Hashable, Sendable {
    public var operators: [Kind]
    /// Of the sinograms of the phantom.
    public var forwardDifference: Double
    /// Of the back-projections of its line integrals.
    public var adjointDifference: Double
  }

  public struct Report: Codable, Hashable, Sendable {
    public var rows: [Row]
    public var pairs: [Pair]
  }

  /// 32 ulp of single precision of the norms that the errors are relative to: twice what a transform of 1024² pixels
  /// at 720 angles shows.
  public static let tolerance = 32 * Double(Float.ulpOfOne)

  public let size: Int
  public let angles: Int
  public let threads: Int
  public let runs: Int

  let grid: ImageSpace
  private let beam: ParallelBeam
  private let fan: FanBeam
  let phantom: Phantom

  /// - Parameter runs: applications of which the median time is taken.
  public init(size: Int, angles: Int, threads: Int, runs: Int) throws(PhantomError) {
    precondition(size > 0 && angles > 0 && runs > 0, "\(size) pixels, \(angles) angles, \(runs) runs")
    self.size = size
    self.angles = angles
    self.threads = threads
    self.runs = runs
    grid = ImageSpace(shape: [size, size])
    let bins = 2 * Int((Double(size) * Double.sqrt(2) / 2).rounded(.up)) + 2
    beam = ParallelBeam(angles: Angle.even(angles), bins: bins)
    fan = FanBeam(
      angles: Angle.even(angles, over: .degrees(360)), bins: 3 * size / 2, binSpacing: 1.5,
      sourceAxisDistance: 2 * Double(size), sourceDetectorDistance: 3 * Double(size))
    phantom = try Self.sheppLogan(width: Double(size))
  }

  /// - Parameter progress: called with a line on what is done next; what it throws ends the work.
  public func measure(_ kinds: [Kind], progress: (String) throws -> Void = { _ in }) throws -> Report {
    try progress("Shepp–Logan phantom, \(size) × \(size)")
    let x = sampledImage()
    let y = phantom.sinogram(
      angles: beam.angles, bins: beam.bins, binSpacing: beam.binSpacing, axis: beam.axis, raysPerBin: 8)
    var rows: [Row] = []
    // Of the operators that share a scan.
    var results: [(kind: Kind, forward: Sinogram, adjoint: Image)] = []
    for kind in kinds {
      try progress("\(kind.rawValue): building, promises, norm, times")
      let start = ContinuousClock.now
      switch kind {
      case .nufft, .nufft3d, .toeplitz:
        rows.append(try fourierRow(kind))
      case .cartesian, .sense, .radialSense, .toeplitzSense:
        rows.append(try coilRow(kind, x))
      case .radon:
        let A = try RadonTransform(grid, beam: beam, threads: threads)
        rows.append(try parallelRow(kind, A, x, y, planning: Self.seconds(since: start)))
        results.append((kind, A(x), A.adjoint(y)))
      case .rays:
        let A = try RayTransform(grid, beam: beam, threads: threads)
        rows.append(try parallelRow(kind, A, x, y, planning: Self.seconds(since: start)))
        results.append((kind, A(x), A.adjoint(y)))
      case .fan:
        let A = try FanBeamTransform(grid, beam: fan, threads: threads)
        let planning = Self.seconds(since: start)
        let fbp = try FanBeamFilteredBackProjection(grid, beam: fan, threads: threads)
        rows.append(
          row(kind, A, x, phantom.slice().sinogram(fan, raysPerBin: 8), planning: planning) {
            fbp.apply($0, into: &$1, filtered: &$2)
          })
      }
    }
    var pairs: [Pair] = []
    for (index, first) in results.enumerated() {
      for second in results[(index + 1)...] {
        pairs.append(
          Pair(
            operators: [first.kind, second.kind],
            forwardDifference: Self.difference(first.forward, second.forward, in: beam.space),
            adjointDifference: Self.difference(first.adjoint, second.adjoint, in: grid)))
      }
    }
    return Report(rows: rows, pairs: pairs)
  }

  private func parallelRow<A: ParallelBeamOperator>(
    _ kind: Kind, _ A: A, _ x: Image, _ y: Sinogram, planning: Double
  ) throws -> Row {
    let fbp = try FilteredBackProjection(A)
    return row(kind, A, x, y, planning: planning) { fbp.apply($0, into: &$1, filtered: &$2) }
  }

  private func row<A: LinearOperator>(
    _ kind: Kind, _ A: A, _ x: Image, _ y: Sinogram, planning: Double,
    reconstruct: (_ y: Sinogram, _ x: inout Image, _ filtered: inout Sinogram) -> Void
  ) -> Row where A.Domain == ImageSpace, A.Codomain == SinogramSpace {
    let promises = measureOperator(A)
    var (image, sinogram, filtered) = (A.domain.zero(), A.codomain.zero(), A.codomain.zero())
    return Row(
      operator: kind, size: size, angles: angles, bins: y.shape[1], threads: threads,
      forward: medianSeconds { A.apply(x, into: &sinogram) },
      adjoint: medianSeconds { A.applyAdjoint(y, into: &image) },
      fbp: medianSeconds { reconstruct(y, &image, &filtered) },
      adjointError: promises.adjointError, adjointRatio: promises.adjointRatio,
      linearityError: promises.linearityError, adjointLinearityError: promises.adjointLinearityError,
      normalError: promises.normalError, overwritesOutput: promises.overwritesOutput, norm: A.norm(),
      error: Self.difference(A(x), y, in: A.codomain), planning: planning,
      passes: Self.passes(promises))
  }

  static func passes(_ promises: OperatorReport) -> Bool {
    let errors = [
      promises.adjointError, abs(promises.adjointRatio - 1), promises.linearityError,
      promises.adjointLinearityError, promises.normalError,
    ]
    return promises.overwritesOutput && errors.allSatisfy { $0 <= Self.tolerance }
  }

  /// Shepp and Logan 1974 with the contrasts of Toft 1996, on a square of this width in millimetres.
  private static func sheppLogan(width: Double) throws(PhantomError) -> Phantom {
    let r = width / 2
    // Value, half axes, centre, rotation in degrees; lengths relative to half the width.
    let rows: [(Double, Double, Double, Double, Double, Double)] = [
      (1, 0.69, 0.92, 0, 0, 0), (-0.8, 0.6624, 0.874, 0, -0.0184, 0), (-0.2, 0.11, 0.31, 0.22, 0, -18),
      (-0.2, 0.16, 0.41, -0.22, 0, 18), (0.1, 0.21, 0.25, 0, 0.35, 0), (0.1, 0.046, 0.046, 0, 0.1, 0),
      (0.1, 0.046, 0.046, 0, -0.1, 0), (0.1, 0.046, 0.023, -0.08, -0.605, 0),
      (0.1, 0.023, 0.023, 0, -0.606, 0), (0.1, 0.023, 0.046, 0.06, -0.605, 0),
    ]
    return try Phantom(
      name: "Shepp–Logan", fieldOfView: width,
      parts: rows.map { value, a, b, x, y, degrees in
        PhantomPart(
          .ellipse(halfAxes: SIMD2(r * a, r * b)), centre: SIMD2(r * x, r * y), rotation: .degrees(degrees),
          value: value)
      })
  }

  /// Means of 4 × 4 points, not of the area: other projectors are judged by the same image.
  private func sampledImage() -> Image {
    let slice = phantom.slice()
    let (points, half) = (4, Double(size) / 2)
    var image = grid.zero()
    image.samples.withUnsafeMutableBufferPointer { samples in
      guard let samples = samples.baseAddress else { return }
      // Rows are disjoint memory.
      nonisolated(unsafe) let target = samples
      parallel(tiles: size, threads: threads) { row, _ in
        for column in 0..<size {
          var sum = 0.0
          for p in 0..<points {
            for q in 0..<points {
              let x = Double(column) + (Double(q) + 0.5) / Double(points) - half
              let y = half - Double(row) - (Double(p) + 0.5) / Double(points)
              sum += slice.value(at: SIMD2(x, y))
            }
          }
          target[row * size + column] = Float(sum / Double(points * points))
        }
      }
    }
    return image
  }

  func medianSeconds(_ body: () -> Void) -> Double {
    body()
    let times = (0..<runs).map { _ in
      let start = ContinuousClock.now
      body()
      return Self.seconds(since: start)
    }
    return times.sorted()[runs / 2]
  }

  static func seconds(since start: ContinuousClock.Instant) -> Double {
    let (seconds, attoseconds) = (ContinuousClock.now - start).components
    return Double(seconds) + Double(attoseconds) * 1e-18
  }

  static func difference<S: VectorSpace>(_ a: S.Vector, _ b: S.Vector, in space: S) -> Double {
    var difference = a
    space.add(-1, b, to: &difference)
    return space.norm(difference) / space.norm(b)
  }
}
