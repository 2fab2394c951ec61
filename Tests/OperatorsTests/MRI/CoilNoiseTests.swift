import ComplexModule
import Fields
import Operators
import RealModule
import TestSupport
import Testing

@Suite struct CoilNoiseTests {
  /// Ψ = B Bᴴ, with the third coil much louder.
  private static let covariance: [Complex<Double>] = {
    let B: [Complex<Double>] = [
      Complex(1, 0), Complex(0.2, 0.1), .zero, Complex(-0.3, 0.4), Complex(0.8, 0), Complex(0.1, 0), .zero,
      Complex(0.5, -0.5), Complex(3, 1),
    ]
    var product = [Complex<Double>](repeating: .zero, count: 9)
    for index in 0..<9 {
      for k in 0..<3 { product[index] += B[index / 3 * 3 + k] * B[index % 3 * 3 + k].conjugate }
    }
    return product
  }()

  /// Estimates from n samples scatter by √(Ψaa Ψbb / n); five of these.
  @Test func estimatesWhatItDraws() throws {
    let n = 20_000
    var generator = SplitMix64(seed: 1)
    let noise = try CoilNoise(covariance: Self.covariance, coils: 3)
    var scan = KSpace(shape: [3, n])
    try noise.add(to: &scan, using: &generator)
    let found = try CoilNoise(scan: scan)
    for a in 0..<3 {
      for b in 0..<3 {
        let scale = (Self.covariance[4 * a].real * Self.covariance[4 * b].real / Double(n)).squareRoot()
        #expect((found.covariance[3 * a + b] - Self.covariance[3 * a + b]).length < 5 * scale)
      }
    }
    // Real and imaginary parts are independent: E[n nᵀ] = 0.
    var square = Complex<Double>.zero
    for value in scan.samples.prefix(n) {
      let z = Complex(Double(value.real), Double(value.imaginary))
      square += z * z
    }
    #expect(square.length / Double(n) < 5 * 2 * Self.covariance[0].real / Double(n).squareRoot())
    let expected = noise.expectedSquare(samples: n)
    let energy = scan.samples.reduce(0) { $0 + Double($1.lengthSquared) }
    // Of the loudest coil alone, which carries nearly all of it.
    #expect(abs(energy / expected - 1) < 5 / Double(n).squareRoot())
  }

  /// L⁻¹ Ψ L⁻ᴴ = 1.
  @Test func whitens() throws {
    let noise = try CoilNoise(covariance: Self.covariance, coils: 3)
    let W = noise.whitening
    for a in 0..<3 {
      for b in 0..<3 {
        var sum = Complex<Double>.zero
        for i in 0..<3 {
          for j in 0..<3 { sum += W[a, i] * Self.covariance[3 * i + j] * W[b, j].conjugate }
        }
        #expect((sum - (a == b ? .one : .zero)).length < 1e-14 * 10)
      }
    }
    var generator = SplitMix64(seed: 2)
    var scan = KSpace(shape: [3, 50, 40])
    try noise.add(to: &scan, using: &generator)
    let white = try CoilNoise(scan: W(scan))
    for a in 0..<3 {
      for b in 0..<3 {
        let difference = white.covariance[3 * a + b] - (a == b ? .one : .zero)
        #expect(difference.length < 5 / 2000.0.squareRoot())
      }
    }
  }

  @Test func addsNoiseWhereThereAreSamples() throws {
    var generator = SplitMix64(seed: 3)
    let mask = try SamplingMask.uniform([8, 4], acceleration: 4)
    var kSpace = KSpace(shape: [2, 8, 4])
    try CoilNoise(sigma: 0.5, coils: 2).add(to: &kSpace, mask: mask, using: &generator)
    for index in kSpace.samples.indices {
      #expect((kSpace.samples[index] != .zero) == mask.samples[index % 32])
    }
    // The draws of a sample do not depend on which others are taken.
    var whole = KSpace(shape: [2, 8, 4])
    generator = SplitMix64(seed: 3)
    try CoilNoise(sigma: 0.5, coils: 2).add(to: &whole, using: &generator)
    #expect(whole.samples[4 * 4 + 1] == kSpace.samples[4 * 4 + 1])
  }

  @Test func refusesNoiseThatCannotBe() throws {
    #expect(throws: OperatorError.self) { try CoilNoise(covariance: [.one, .one, .one, .one], coils: 2) }
    #expect(throws: OperatorError.self) { try CoilNoise(covariance: [.one], coils: 2) }
    #expect(throws: OperatorError.self) { try CoilNoise(covariance: [Complex(.nan, 0)], coils: 1) }
    #expect(throws: OperatorError.self) {
      try CoilNoise(covariance: [.one, Complex(0, 0.5), Complex(0, 0.5), .one], coils: 2)
    }
    #expect(throws: OperatorError.self) { try CoilNoise(sigma: 0, coils: 2) }
    #expect(
      throws: OperatorError.outOfRange(
        "the number of samples of the noise scan", found: "3 per coil",
        expected: "more than the 4 coils, better a thousand")
    ) { try CoilNoise(scan: KSpace(shape: [4, 3], filledWith: .one)) }
    #expect(throws: OperatorError.noSamples("the noise scan")) {
      try CoilNoise(scan: KSpace(shape: [4, 0]))
    }
    var generator = SplitMix64(seed: 1)
    var kSpace = KSpace(shape: [3, 2, 2])
    #expect(throws: OperatorError.self) {
      try CoilNoise(sigma: 1, coils: 2).add(to: &kSpace, using: &generator)
    }
    #expect(throws: OperatorError.self) { try CoilNoise(sigma: 1, coils: 2).whitening(kSpace) }
  }

  /// Five coils that are mixtures of two keep everything in two, and inner products of samples between coils.
  @Test func compressesWithoutLoss() throws {
    var generator = SplitMix64(seed: 4)
    let sources = Grid<KSpaceQuantity, Complex<Float>>(shape: [2, 30, 20]).random(using: &generator)
    let mixing = CoilMatrix(
      rows: 5, columns: 2,
      elements: (0..<10).map { _ in
        let pair = generator.normalPair()
        return Complex(pair.0, pair.1)
      })
    let kSpace = try mixing(sources)
    let compression = try CoilCompression(kSpace, coils: 2)
    #expect(abs(compression.kept - 1) < 1e-6)
    #expect(compression.energies.count == 5 && compression.energies[0] >= compression.energies[1])
    let compressed = try compression.matrix(kSpace)
    #expect(compressed.shape == [2, 30, 20])
    let (before, after) = (KSpaceSpace(shape: kSpace.shape), KSpaceSpace(shape: compressed.shape))
    #expect(abs(after.norm(compressed) / before.norm(kSpace) - 1) < 1e-5)
    // Rows are orthonormal, so white noise stays white.
    for a in 0..<2 {
      for b in 0..<2 {
        var sum = Complex<Double>.zero
        for k in 0..<5 { sum += compression.matrix[a, k] * compression.matrix[b, k].conjugate }
        #expect((sum - (a == b ? .one : .zero)).length < 1e-12)
      }
    }
    let one = try CoilCompression(kSpace, coils: 1)
    #expect(abs(one.kept - compression.energies[0]) < 1e-12)
  }

  @Test func refusesToCompressNothing() throws {
    #expect(
      throws: OperatorError.outOfRange("the number of virtual coils", found: "4", expected: "1 … 3")
    ) { try CoilCompression(KSpace(shape: [3, 4], filledWith: .one), coils: 4) }
    #expect(
      throws: OperatorError.outOfRange("k-space", found: "0 everywhere", expected: "a signal")
    ) { try CoilCompression(KSpace(shape: [3, 4]), coils: 1) }
    var broken = KSpace(shape: [3, 4], filledWith: .one)
    broken.samples[6] = Complex(0, .infinity)
    #expect(throws: OperatorError.self) { try CoilCompression(broken, coils: 1) }
    #expect(throws: OperatorError.noSamples("k-space")) {
      try CoilCompression(KSpace(shape: [3, 0]), coils: 1)
    }
  }
}
