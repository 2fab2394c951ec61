import Fields
import Testing

@Suite struct SplitMix64Tests {
  /// The first numbers of seed 1234567, from the reference implementation by Vigna.
  @Test func isTheGeneratorOfThePaper() {
    var generator = SplitMix64(seed: 1_234_567)
    #expect(
      (0..<3).map { _ in generator.next() } == [
        6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
      ])
  }

  /// Streams of one seed share nothing, whatever they are for: also not those of neighbouring slices and draws.
  @Test func givesEveryPurposeItsOwnNumbers() {
    var seen: Set<UInt64> = []
    var streams = 0
    for purpose in SplitMix64.Purpose.allCases {
      for stream in (0..<64).map({ $0 }) + (1..<64).map({ $0 << 16 | 1 }) + [-1] {
        var generator = SplitMix64(seed: 1, purpose: purpose, stream: stream)
        #expect(generator == SplitMix64(seed: 1, purpose: purpose, stream: stream))
        for _ in 0..<4 { seen.insert(generator.next()) }
        streams += 1
      }
    }
    #expect(seen.count == 4 * streams)
  }

  /// The noise of simulated scans must stay what it was.
  @Test func drawsTheNoiseFromThePlainStream() {
    #expect(SplitMix64(seed: 7, purpose: .measurementNoise, stream: 3) == SplitMix64(seed: 7, stream: 3))
  }
}
