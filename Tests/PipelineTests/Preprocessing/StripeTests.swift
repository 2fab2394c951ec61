import Fields
import Operators
import Pipeline
import Reconstruction
import TestSupport
import Testing

/// Stripes of known height in the sinogram of a known phantom.
@Suite struct StripeTests {
  /// A detector that is fine enough for the object, as detectors are.
  private static let scan = {
    var scan = SimulatedScan(bins: 512, axis: 255.5)
    scan.radius = 206
    scan.blur = 3
    return scan
  }()
  private static let clean = scan.noisySinogram(photons: 100_000)

  /// Bins whose answer is off by some per cent: single ones and pairs, all views or half of them.
  private static func striped(_ bins: [(bin: Int, height: Float, views: Range<Int>)]) -> Sinogram {
    var result = clean
    for (bin, height, views) in bins {
      for view in views { result[view, bin] += height }
    }
    return result
  }

  private static let thin: [(bin: Int, height: Float, views: Range<Int>)] = [
    (110, 0.06, 0..<180), (161, -0.05, 0..<180), (162, -0.05, 0..<180), (240, 0.04, 0..<180),
    (325, 0.08, 0..<180), (326, 0.05, 0..<180), (400, -0.07, 0..<180), (207, 0.06, 40..<140),
  ]

  @Test func sortingTakesOutThinStripes() {
    let striped = Self.striped(Self.thin)
    var mended = striped
    SortedStripes(width: 9).apply(&mended)
    let fault = distance(striped, Self.clean)
    // An independent program finds 0.56 and, in the bins of the stripes, 0.37: where the object changes from bin to bin
    // by more than a stripe is high, ranks no longer tell them apart.
    #expect(distance(mended, Self.clean) < 0.65 * fault)
    let bins = Set(Self.thin.map(\.bin))
    #expect(distance(mended, Self.clean, bins: bins.contains) < 0.45 * fault)
    var untouched = Self.clean
    SortedStripes(width: 9).apply(&untouched)
    let norm = distance(Self.clean, Sinogram(shape: Self.clean.shape))
    #expect(distance(untouched, Self.clean) < 0.003 * norm)
  }

  @Test func waveletsTakeOutThinStripes() throws {
    let full = Self.thin.filter { $0.views.count == 180 }
    let striped = Self.striped(full)
    let fault = distance(striped, Self.clean)
    let norm = distance(Self.clean, Sinogram(shape: Self.clean.shape))
    // What an independent program finds: the lowest frequencies along the bins, 2^(−levels − 1) of all, are left.
    for (levels, left, lost) in [(2, 0.575, 0.00044), (3, 0.453, 0.00098), (4, 0.310, 0.0059)] {
      let stage = try WaveletStripes(shape: striped.shape, levels: levels, sigma: 1)
      var (mended, untouched) = (striped, Self.clean)
      stage.apply(&mended)
      stage.apply(&untouched)
      #expect(abs(distance(mended, untouched) / fault - left) < 0.02, "\(levels) levels")
      #expect(distance(untouched, Self.clean) / norm < 1.5 * lost, "\(levels) levels")
    }
  }

  /// Without damping, the transform and its transpose give back what went in: tested by a field that has no stripes.
  @Test func waveletsKeepWhatHasNoStripes() throws {
    let h = WaveletStripes.lowPass.map { Double($0) }
    for shift in 0..<5 {
      let product = (0..<10 - 2 * shift).reduce(0.0) { $0 + h[$1] * h[$1 + 2 * shift] }
      #expect(abs(product - (shift == 0 ? 1 : 0)) < 1e-6)
    }
    #expect(abs(h.reduce(0, +) - 2.0.squareRoot()) < 1e-6)
    // Even along the bins: nothing lies in the bands of the stripes, whatever happens along the views.
    var rows = Sinogram(shape: [37, 50])
    for view in 0..<37 { for bin in 0..<50 { rows[view, bin] = Float((view * 5) % 7) } }
    var same = rows
    try WaveletStripes(shape: rows.shape, levels: 3).apply(&same)
    #expect(distance(same, rows) < 1e-5 * distance(rows, Sinogram(shape: rows.shape)))
    // Nothing but stripes: nothing but their mean over the widest band is left.
    var stripes = Sinogram(shape: [64, 64])
    for view in 0..<64 { for bin in 0..<64 { stripes[view, bin] = bin % 2 == 0 ? 1 : -1 } }
    let before = distance(stripes, Sinogram(shape: stripes.shape))
    try WaveletStripes(shape: stripes.shape, levels: 3).apply(&stripes)
    #expect(distance(stripes, Sinogram(shape: stripes.shape)) < 1e-3 * before)
  }

  @Test func findsWideStripesAndLeavesTheRest() {
    let wide = (260..<272).map { (bin: $0, height: Float(0.15), views: 0..<180) }
    let striped = Self.striped(wide)
    var mended = striped
    let count = LargeStripes().apply(&mended)
    #expect(count >= 12 * 180)
    #expect(count <= 32 * 180)
    #expect(distance(mended, Self.clean) < 0.55 * distance(striped, Self.clean))
    var same = Self.clean
    #expect(LargeStripes().apply(&same) <= 6 * 180)
  }

  @Test func bridgesDeadAndFlickeringBins() {
    var striped = Self.clean
    var generator = SplitMix64(seed: 3)
    for view in 0..<180 {
      striped[view, 180] = 1.2
      striped[view, 330] += 0.5 * Float(generator.normal())
      striped[view, 331] += 0.5 * Float(generator.normal())
    }
    var mended = striped
    #expect(DeadStripes().apply(&mended) == 3 * 180)
    let faulty: Set = [180, 330, 331]
    #expect(
      distance(mended, Self.clean, bins: faulty.contains)
        < 0.05 * distance(striped, Self.clean, bins: faulty.contains))
    for view in 0..<180 { #expect(mended[view, 200] == striped[view, 200]) }
    var same = Self.clean
    #expect(DeadStripes().apply(&same) == 0)
  }

  /// Rings in the image, as a user sees them.
  @Test func takesTheRingsOutOfAnImage() throws {
    let beam = ParallelBeam(angles: Self.scan.angles, bins: Self.scan.bins, axis: Self.scan.axis)
    let fbp = try FilteredBackProjection(RadonTransform(ImageSpace(shape: [512, 512]), beam: beam))
    let striped = Self.striped(Self.thin)
    func rings(_ stages: [any SinogramStage]) -> Double {
      var (p, q) = (striped, Self.clean)
      for stage in stages {
        stage.apply(&p)
        stage.apply(&q)
      }
      // Reconstructed differences are rings alone.
      var difference = p
      for i in p.samples.indices { difference.samples[i] -= q.samples[i] }
      return fbp(difference).samples.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
    }
    let before = rings([])
    #expect(rings([SortedStripes()]) < 0.45 * before)
    #expect(rings([try WaveletStripes(shape: striped.shape)]) < 0.35 * before)
  }

  @Test func givesTheSameBytesAtAnyNumberOfThreads() {
    let striped = Self.striped(Self.thin)
    for make in [{ SortedStripes(threads: $0) }, { LargeStripes(threads: $0) }]
      as [(Int) -> any SinogramStage]
    {
      var (one, five) = (striped, striped)
      make(1).apply(&one)
      make(5).apply(&five)
      #expect(one == five)
    }
  }

  /// One view, one bin, fewer bins than the window: nothing to do, and nothing to fall over.
  @Test(arguments: [[1, 1], [1, 9], [9, 1], [12, 5], [3, 3]] as [Shape])
  func takesTheSmallestSinograms(shape: Shape) throws {
    let stages: [any SinogramStage] = [
      Zingers(), SortedStripes(), LargeStripes(), DeadStripes(), try WaveletStripes(shape: shape, levels: 5),
    ]
    for stage in stages {
      var sinogram = Sinogram(shape: shape)
      for i in sinogram.samples.indices { sinogram.samples[i] = Float(i % 4) }
      stage.apply(&sinogram)
      #expect(sinogram.samples.allSatisfy { $0.isFinite })
    }
  }
}
