import Fields
import Pipeline
import TestSupport
import Testing

@Suite struct ZingerTests {
  /// Places of 40 zingers one to three bins wide, none of them next to another.
  private static func places(_ scan: SimulatedScan) -> [(view: Int, bin: Int, width: Int)] {
    (0..<40).map { k in (4 + (k * 67) % (scan.angles.count - 8), 6 + (k * 37) % (scan.bins - 12), 1 + k % 3) }
  }

  @Test func findsAllAndNothingElse() throws {
    let scan = SimulatedScan()
    let clean = scan.noisySinogram(photons: 20_000)
    var struck = clean
    var hit: Set<Int> = []
    for (view, bin, width) in Self.places(scan) {
      for k in 0..<width {
        // Three times as many counts as there should be.
        struck[view, bin + k] -= 1.1
        hit.insert(view * scan.bins + bin + k)
      }
    }
    var mended = struck
    let count = Zingers().apply(&mended)
    #expect(count >= hit.count)
    var wrong = 0
    for i in clean.samples.indices {
      if hit.contains(i) {
        // The median of the neighbours is off by their noise, 1/√20000 · e^(p/2) ≤ 0.02, and by the steps of the object.
        #expect(abs(mended.samples[i] - clean.samples[i]) < 0.25)
      } else if mended.samples[i] != struck.samples[i] {
        wrong += 1
      }
    }
    // Of 34,560 samples; edges that a 3 × 3 median rounds off.
    #expect(wrong <= 10, "\(wrong) samples were taken for zingers")
  }

  @Test func tellsBrightFromDark() throws {
    let scan = SimulatedScan()
    let clean = scan.noisySinogram(photons: 20_000)
    var struck = clean
    struck[50, 60] -= 1
    struck[90, 100] += 1
    for (sign, bright, dark) in [
      (Zingers.Sign.bright, true, false), (.dark, false, true), (.both, true, true),
    ] {
      var mended = struck
      Zingers(sign: sign).apply(&mended)
      #expect((mended[50, 60] != struck[50, 60]) == bright)
      #expect((mended[90, 100] != struck[90, 100]) == dark)
    }
  }

  @Test func leavesStripesAndDataWithoutNoiseAlone() throws {
    let clean = SimulatedScan().sinogram()
    var same = clean
    let count = Zingers().apply(&same)
    // The 3 × 3 median rounds off the corners of a sinogram of ellipses without noise.
    #expect(count <= clean.samples.count / 1000)
    var striped = SimulatedScan().noisySinogram(photons: 20_000)
    for view in 0..<striped.shape[0] { striped[view, 70] -= 0.5 }
    let before = striped
    Zingers().apply(&striped)
    let changed = (0..<striped.shape[0]).count { striped[$0, 70] != before[$0, 70] }
    #expect(changed == 0)
  }

  @Test func givesTheSameBytesAtAnyNumberOfThreads() throws {
    let struck = SimulatedScan().noisySinogram(photons: 500)
    var (one, five) = (struck, struck)
    Zingers(threshold: 2, threads: 1).apply(&one)
    Zingers(threshold: 2, threads: 5).apply(&five)
    #expect(one == five)
    #expect(one != struck)
  }
}
