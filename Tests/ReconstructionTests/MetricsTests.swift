import Fields
import RealModule
import Reconstruction
import Testing

@Suite struct MetricsTests {
  private static func images() -> (Image, Image) {
    var a = Image(shape: [24, 31])
    var b = a
    for i in 0..<24 {
      for j in 0..<31 {
        let value = Double.sin(Double(i) * 0.3) * .cos(Double(j) * 0.21)
        a[i, j] = Float(value)
        b[i, j] = Float(value + 0.1 * .sin(Double(i) * 1.7 + Double(j) * 2.3))
      }
    }
    return (a, b)
  }

  /// scikit-image 0.26.0 on the same arrays in float32:
  /// `i, j = np.mgrid[:24, :31]; a = np.sin(i*.3)*np.cos(j*.21); b = a + .1*np.sin(i*1.7 + j*2.3)`,
  /// `structural_similarity(a, b, data_range=2.0, gaussian_weights=True, sigma=1.5,
  /// use_sample_covariance=False)` and `peak_signal_noise_ratio(b, a, data_range=2.0)`.
  @Test func agreesWithScikitImage() throws {
    let (a, b) = Self.images()
    #expect(abs(try ssim(a, reference: b, dataRange: 2) - 0.9539316134963095) < 1e-7)
    #expect(abs(try psnr(b, reference: a, dataRange: 2) - 29.03097369173468) < 1e-4)
  }

  @Test func knowsEqualImages() throws {
    let (a, _) = Self.images()
    #expect(abs(try ssim(a, reference: a, dataRange: 2) - 1) < 1e-12)
    #expect(try psnr(a, reference: a, dataRange: 2) == .infinity)
    #expect(try rmse(a, reference: a) == 0)
  }

  /// A constant offset of 0.01 of the range is 40 dB.
  @Test func measuresAnOffset() throws {
    let (a, _) = Self.images()
    let b: Image = a.map { $0 + 0.02 }
    #expect(abs(try psnr(b, reference: a, dataRange: 2) - 40) < 1e-4)
    #expect(abs(try rmse(b, reference: a) - 0.02) < 1e-7)
  }

  @Test func looksOnlyInsideTheCircle() throws {
    let (a, _) = Self.images()
    var b = a
    b[0, 0] += 100
    b[23, 30] += 100
    #expect(try rmse(b, reference: a, region: .circle) == 0)
    #expect(try rmse(b, reference: a) > 1)
    var square = Image(shape: [40, 40])
    for i in square.samples.indices { square.samples[i] = 1 }
    let blank = Image(shape: [40, 40])
    #expect(try rmse(square, reference: blank, region: .circle) == 1)
    var corner = square
    corner[3, 3] = 50  // its distance from the centre is 23.3
    #expect(try rmse(corner, reference: square, region: .circle) == 0)
    #expect(try rmse(corner, reference: square) > 1)
    #expect(
      try ssim(corner, reference: square, dataRange: 1)
        < ssim(corner, reference: square, dataRange: 1, region: .circle))
  }

  @Test func refusesWhatCannotBeCompared() {
    let (a, _) = Self.images()
    #expect(throws: ReconstructionError.shapes("the image", found: [24, 31], expected: [2, 2])) {
      try psnr(a, reference: Image(shape: [2, 2]), dataRange: 1)
    }
    #expect(throws: ReconstructionError.shapes("the image", found: [10, 40], expected: [11, 11])) {
      try ssim(Image(shape: [10, 40]), reference: Image(shape: [10, 40]), dataRange: 1)
    }
    #expect(throws: ReconstructionError.self) { try psnr(a, reference: a, dataRange: 0) }
    #expect(throws: ReconstructionError.self) { try ssim(a, reference: a, dataRange: .nan) }
  }
}
