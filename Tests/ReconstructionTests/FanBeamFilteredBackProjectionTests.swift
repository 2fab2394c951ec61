import Fields
import Formats
import Operators
import RealModule
import Reconstruction
import TestSupport
import Testing

@Suite struct FanBeamFilteredBackProjectionTests {
  private struct Scan {
    var shape: Shape
    var spacing: [Double]
    var beam: FanBeam

    var grid: ImageSpace { ImageSpace(shape: shape, spacing: spacing) }

    /// A disc off the centre, of 0.02/mm.
    var disc: Ellipse {
      let width = min(Double(shape[0]) * spacing[0], Double(shape[1]) * spacing[1])
      return Ellipse(x: 0.1 * width, y: -0.12 * width, a: 0.3 * width, b: 0.3 * width, value: 0.02)
    }
  }

  private static func fan(
    _ angles: [Angle], bins: Int, _ spacing: Double, _ R: Double, _ D: Double,
    _ detector: FanBeam.Detector = .flat,
    axis: Double? = nil
  ) -> FanBeam {
    FanBeam(
      angles: angles, bins: bins, detector: detector, binSpacing: spacing, sourceAxisDistance: R,
      sourceDetectorDistance: D, axis: axis)
  }

  private static let turn = Angle.degrees(360)
  private static let scans: [Scan] = [
    Scan(
      shape: [64, 64], spacing: [1, 1], beam: fan(Angle.even(120, over: turn), bins: 110, 1.2, 150, 220)),
    Scan(
      shape: [100, 128], spacing: [0.5, 0.5],
      beam: fan(
        Angle.even(200, over: turn, from: .degrees(-7)), bins: 170, 0.6, 140, 200, .curved, axis: 82.3)),
    // Exactly as far as a short scan must go: the fan is 26.7° wide.
    Scan(
      shape: [96, 96], spacing: [0.7, 0.9],
      beam: fan(Angle.even(210, over: .degrees(206.7)), bins: 140, 0.95, 200, 280)),
    Scan(
      shape: [80, 80], spacing: [1, 1],
      beam: fan(Angle.even(230, over: .degrees(225), from: .degrees(200)), bins: 130, 1, 180, 200, .curved)),
    // The other way round, further than needed, and on to another turn.
    Scan(
      shape: [90, 81], spacing: [1, 1],
      beam: fan(Angle.even(250, over: .degrees(-300), from: .degrees(31)), bins: 150, 1.1, 220, 300)),
    Scan(
      shape: [64, 64], spacing: [1, 1],
      beam: fan(Angle.even(180, over: .degrees(407)), bins: 110, 1.2, 150, 220)),
    Scan(
      shape: [64, 64], spacing: [1, 1],
      beam: fan((0...180).map { .degrees(2 * Double($0)) }, bins: 110, 1.2, 150, 220, .curved)),
    // An offset detector: 20 mm on one side, 60 mm on the other.
    Scan(
      shape: [70, 70], spacing: [1, 1],
      beam: fan(Angle.even(240, over: turn), bins: 100, 1.2, 180, 270, axis: 24)),
    Scan(
      shape: [70, 70], spacing: [1, 1],
      beam: fan(Angle.even(240, over: turn), bins: 100, 1.2, 180, 270, .curved, axis: 71.5)),
    // Views in an order without pattern.
    Scan(
      shape: [80, 80], spacing: [1, 1],
      beam: fan((0..<233).map { .degrees(Double($0) * 137.50776405) }, bins: 130, 1, 180, 210)),
    // Coarse pixels, fine bins; and the reverse.
    Scan(shape: [40, 40], spacing: [3, 3], beam: fan(Angle.even(150, over: turn), bins: 300, 1, 400, 600)),
    Scan(
      shape: [200, 200], spacing: [0.3, 0.3], beam: fan(Angle.even(150, over: turn), bins: 90, 1.3, 120, 180)),
    // A source close by: rays up to 35° from the central one.
    Scan(shape: [64, 64], spacing: [1, 1], beam: fan(Angle.even(180, over: turn), bins: 200, 1, 70, 140)),
    Scan(
      shape: [64, 64], spacing: [1, 1], beam: fan(Angle.even(180, over: turn), bins: 180, 1, 70, 140, .curved)
    ),
  ]

  /// The mean over the inner half of the disc.
  private static func core(_ image: Image, _ scan: Scan) -> Double {
    var inner = scan.disc
    inner.a *= 0.5
    inner.b *= 0.5
    var (sum, count) = (0.0, 0)
    for i in 0..<scan.shape[0] {
      for j in 0..<scan.shape[1] {
        let x = (Double(j) - Double(scan.shape[1] - 1) / 2) * scan.spacing[1]
        let y = (Double(scan.shape[0] - 1) / 2 - Double(i)) * scan.spacing[0]
        guard inner.contains(x, y) else { continue }
        sum += Double(image[i, j])
        count += 1
      }
    }
    return sum / Double(count)
  }

  /// 0.02/mm comes out as 0.02/mm ± 0.5 %, whatever the window, detector, size, spacing, turn and order of views.
  @Test(arguments: RampFilter.Window.allCases, 0..<14)
  func keepsTheAmplitude(window: RampFilter.Window, index: Int) throws {
    let scan = Self.scans[index]
    let fbp = try FanBeamFilteredBackProjection(scan.grid, beam: scan.beam, window: window)
    let mean = Self.core(fbp([scan.disc].sinogram(scan.beam)), scan)
    #expect(abs(mean / 0.02 - 1) < 0.005, "\(mean)")
  }

  @Test(arguments: [0.3, 0.6]) func keepsTheAmplitudeBelowACutOff(cutoff: Double) throws {
    for index in [0, 3, 8] {
      let scan = Self.scans[index]
      let fbp = try FanBeamFilteredBackProjection(scan.grid, beam: scan.beam, window: .hann, cutoff: cutoff)
      let mean = Self.core(fbp([scan.disc].sinogram(scan.beam)), scan)
      #expect(abs(mean / 0.02 - 1) < 0.005, "scan \(index): \(mean)")
    }
  }

  /// The same by iteration, through the projector and its adjoint.
  @Test(arguments: [0, 1, 2]) func iterationsKeepTheAmplitude(index: Int) throws {
    let scan = Self.scans[index]
    let A = try FanBeamTransform(scan.grid, beam: scan.beam)
    var cgls = CGLS(A, measurement: [scan.disc].sinogram(scan.beam))
    for _ in 0..<12 { cgls.step() }
    #expect(abs(Self.core(cgls.solution, scan) / 0.02 - 1) < 0.005)
  }

  /// A short scan and a full one sample the same integral, with errors of second order in the bin d: that of linear
  /// interpolation is at most d²/8 times a second derivative, that of averaging over a bin d²/24. Derivatives inside a
  /// disc of radius a are of the order 1/a²; two scans make (d / a)² / 3, and the sums over views get half as much.
  @Test(arguments: FanBeam.Detector.allCases) func shortScansEqualFullOnes(detector: FanBeam.Detector) throws
  {
    let (R, D, a) = (200.0, 300.0, 28.0)
    let disc = Ellipse(x: 5, y: -4, a: a, b: a, value: 0.02)
    for refinement in [1, 2, 4] {
      let fine = Double(refinement)
      let (bins, spacing) = (100 * refinement, 1.2 / fine)
      func scan(_ degrees: Double) -> Scan {
        let angles = Angle.even(Int(degrees * fine), over: .degrees(degrees), from: .degrees(40))
        return Scan(
          shape: [80, 80], spacing: [1, 1], beam: Self.fan(angles, bins: bins, spacing, R, D, detector))
      }
      let images = try [scan(360), scan(204)].map { scan in
        try FanBeamFilteredBackProjection(scan.grid, beam: scan.beam)([disc].sinogram(scan.beam))
      }
      var largest: Float = 0
      for i in 0..<80 {
        for j in 0..<80 {
          let (x, y) = (Double(j) - 39.5, 39.5 - Double(i))
          guard (x - 5) * (x - 5) + (y + 4) * (y + 4) < 0.49 * a * a else { continue }
          largest = max(largest, abs(images[0][i, j] - images[1][i, j]))
        }
      }
      let d = spacing * R / D
      #expect(Double(largest) / 0.02 < (d / a) * (d / a) / 2, "\(largest / 0.02) at \(d) mm")
    }
  }

  /// From far away, the reconstruction is that of a parallel beam by another method.
  ///
  /// Linear interpolation between bins blurs edges by 1/12 pixel² more than the aperture of a pixel does, on top of
  /// σ = 0.83 pixels by the window, the bins and either of them. For an edge of height h that leaves a squared
  /// difference of h² / (144 · 8 √π σ³) along its length: 0.9 % of this object, of which twice is allowed.
  @Test func isAParallelBeamFromFarAway() throws {
    let grid = ImageSpace(shape: [100, 90])
    let object = [
      Ellipse(x: 8, y: -6, a: 30, b: 22, rotation: .degrees(20), value: 0.02),
      Ellipse(x: -4, y: 6, a: 9, b: 7, value: 0.01),
    ]
    let angles = Angle.even(180, over: Self.turn)
    let parallel = ParallelBeam(angles: angles, bins: 120)
    let y = object.sinogram(angles: angles, bins: 120, binSpacing: 1, axis: parallel.axis)
    let expected = try FilteredBackProjection(RadonTransform(grid, beam: parallel), window: .hann)(y)
    for detector in FanBeam.Detector.allCases {
      // Bins of an arc are so narrow from here that single precision of the angle between them is the limit.
      let beam = Self.fan(angles, bins: 120, 1, 1e5, 1e5, detector)
      let x = try FanBeamFilteredBackProjection(grid, beam: beam, window: .hann)(object.sinogram(beam))
      #expect(relativeError(x, expected) < 0.018, "\(detector): \(relativeError(x, expected))")
    }
  }

  @Test(arguments: FanBeam.Detector.allCases) func reconstructsThePhantom(detector: FanBeam.Detector) throws {
    let grid = ImageSpace(shape: [128, 128])
    let phantom = [Ellipse].sheppLogan(radius: 64)
    let truth = phantom.image(on: grid)
    let beam = Self.fan(Angle.even(400, over: Self.turn), bins: 200, 1.4, 300, 450, detector)
    let x = try FanBeamFilteredBackProjection(grid, beam: beam, window: .sheppLogan)(phantom.sinogram(beam))
    // The edges' error as for a parallel beam: h²/12 along an edge of height h.
    let edges = (327 + 312 * 0.64) / 12
    #expect(relativeError(x, truth) < edges.squareRoot() / grid.norm(truth), "\(relativeError(x, truth))")
    #expect(abs(x[64, 64] - truth[64, 64]) < 0.005, "\(x[64, 64] - truth[64, 64])")
  }

  @Test func givesTheSameBytesAtAnyThreadCount() throws {
    var generator = SplitMix64(seed: 2)
    let scan = Self.scans[2]
    let y = scan.beam.space.random(using: &generator)
    let one = try FanBeamFilteredBackProjection(scan.grid, beam: scan.beam, threads: 1)(y)
    for threads in [2, 3, 8] {
      #expect(try FanBeamFilteredBackProjection(scan.grid, beam: scan.beam, threads: threads)(y) == one)
    }
  }

  /// Positions are rounded to 2⁻¹⁸ bins or so, on either way.
  @Test(arguments: 0..<14) func doesTheSameOnAnyProcessor(index: Int) throws {
    var generator = SplitMix64(seed: 2)
    let scan = Self.scans[index]
    let q = scan.beam.space.random(using: &generator)
    var (fast, plain) = (scan.grid.zero(), scan.grid.zero())
    try FanBackProjector(scan.grid, beam: scan.beam).apply(q, into: &fast)
    try FanBackProjector(scan.grid, beam: scan.beam, vectors: false).apply(q, into: &plain)
    #expect(relativeError(fast, plain) < 1e-4)
  }

  /// A drilled disc of acrylic against the reconstruction of those who measured it.
  @Test(
    .enabled(
      if: exists(sharedData("raw/htc2022")), "the scans of the Helsinki Tomography Challenge are not there"))
  func reconstructsARealScan() throws {
    let folder = sharedData("raw/htc2022")
    let page = try ImageStack(path: "\(folder)/ta_sinogram.tif").page(0)
    let reference = try ImageStack(path: "\(folder)/ta_reference_fbp.tif").page(0)
    let beam = FanBeam(
      angles: (0..<721).map { .degrees(Double($0) / 2) }, bins: 560, binSpacing: 0.2,
      sourceAxisDistance: 410.66,
      sourceDetectorDistance: 553.74)
    let grid = ImageSpace(shape: [512, 512], spacing: 0.2 * 410.66 / 553.74)
    let fbp = try FanBeamFilteredBackProjection(grid, beam: beam)
    let y = Sinogram(shape: page.shape, samples: page.samples)
    let start = ContinuousClock.now
    let x = fbp(y)
    #expect(ContinuousClock.now - start < .seconds(1))
    let shift = Self.registration(of: x, to: reference)
    #expect(shift.correlation > 0.999, "\(shift)")
    #expect(shift.rows == 0 && shift.columns == 0)
    // The reference is per pixel. Its filter was sampled in another way: a fraction of a per cent of the values.
    let perPixel: Image = x.map { $0 * Float(grid.spacing[0]) }
    #expect(Self.errorInCircle(perPixel, reference) < 0.005)
    #expect(abs(Self.steepness(perPixel) / Self.steepness(reference) - 1) < 0.01)
  }

  private static func inCircle(_ i: Int, _ j: Int, _ n: Int) -> Bool {
    let (u, v) = (Double(j) - Double(n - 1) / 2, Double(i) - Double(n - 1) / 2)
    return u * u + v * v < Double((n - 6) * (n - 6)) / 4
  }

  private static func errorInCircle(_ a: Image, _ b: Image) -> Double {
    let n = b.shape[0]
    var (difference, total) = (0.0, 0.0)
    for i in 0..<n {
      for j in 0..<n where inCircle(i, j, n) {
        difference += Double((a[i, j] - b[i, j]) * (a[i, j] - b[i, j]))
        total += Double(b[i, j] * b[i, j])
      }
    }
    return (difference / total).squareRoot()
  }

  /// The mean of the steepest hundredth of all pixels: how sharp the rims of disc and holes are.
  private static func steepness(_ a: Image) -> Double {
    let n = a.shape[0]
    var squares: [Double] = []
    for i in 0..<n {
      for j in 0..<n where inCircle(i, j, n) {
        let (u, v) = (Double(a[i, j + 1] - a[i, j - 1]), Double(a[i + 1, j] - a[i - 1, j]))
        squares.append(u * u + v * v)
      }
    }
    squares.sort()
    let steepest = squares.suffix(squares.count / 100)
    return steepest.reduce(0) { $0 + $1.squareRoot() } / Double(steepest.count)
  }

  /// The shift by whole pixels at which two images correlate best, in the reconstruction circle.
  private static func registration(
    of a: Image, to b: Image
  ) -> (rows: Int, columns: Int, correlation: Double) {
    let n = b.shape[0]
    var best = (rows: 0, columns: 0, correlation: -1.0)
    for rows in -3...3 {
      for columns in -3...3 {
        var (sa, sb, saa, sbb, sab, count) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        for i in 3..<n - 3 {
          for j in 3..<n - 3 {
            guard inCircle(i, j, n) else { continue }
            let (p, q) = (Double(a[i + rows, j + columns]), Double(b[i, j]))
            sa += p
            sb += q
            saa += p * p
            sbb += q * q
            sab += p * q
            count += 1
          }
        }
        let covariance = sab - sa * sb / count
        let correlation = covariance / ((saa - sa * sa / count) * (sbb - sb * sb / count)).squareRoot()
        if correlation > best.correlation { best = (rows, columns, correlation) }
      }
    }
    return best
  }
}
