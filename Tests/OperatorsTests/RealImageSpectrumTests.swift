import ComplexModule
import Fields
import Operators
import RealModule
import TestSupport
import Testing

@Suite struct RealImageSpectrumTests {
  /// Against the sum itself in double precision, at frequencies inside and outside of one period.
  @Test(arguments: [1e-2, 1e-3, 1e-4, 1e-5, 1e-6], [[16, 16], [17, 40], [33, 9], [64, 50]] as [Shape])
  func keepsItsAccuracy(accuracy: Double, shape: Shape) throws {
    var generator = SplitMix64(seed: 3)
    let (rows, columns) = (shape[0], shape[1])
    let image = ImageSpace(shape: shape).random(using: &generator)
    let count = 300
    let samples = (0..<count).map { index in
      RealImageSpectrum.Sample(
        kx: 2 * generator.uniform() - 1, ky: 2 * generator.uniform() - 1,
        factor: Complex(generator.normal(), generator.normal()), target: count - 1 - index)
    }
    let spectrum = try RealImageSpectrum(
      rows: rows, columns: columns, samples: samples, scale: 0.7, accuracy: accuracy, threads: 2)
    let workspace = AlignedBuffer(count: spectrum.workspaceCount)
    let values = AlignedBuffer(count: 2 * count)
    image.samples.withUnsafeBufferPointer {
      guard let start = $0.baseAddress else { return }
      spectrum.apply(start, into: values.start, workspace: workspace.start)
    }
    var (difference, total) = (0.0, 0.0)
    for sample in samples {
      var sum = Complex<Double>.zero
      for i in 0..<rows {
        for j in 0..<columns {
          let angle =
            -2 * Double.pi * (sample.kx * Double(j - columns / 2) + sample.ky * Double(i - rows / 2))
          sum += Complex(.cos(angle), .sin(angle)) * Complex(Double(image[i, j]), 0)
        }
      }
      let expected = sum * sample.factor * Complex(0.7, 0)
      let found = Complex(
        Double(values.start[2 * sample.target]), Double(values.start[2 * sample.target + 1]))
      difference += (found - expected).lengthSquared
      total += expected.lengthSquared
    }
    // That of white noise, which random pixels are; 300 samples scatter by 1/√600, and of 16 pixels more are at the edge,
    // where kernels are worst.
    let error = (difference / total).squareRoot()
    #expect(error <= 1.2 * accuracy, "error \(error)")
  }

  /// The stated error of a kernel is not exceeded and not wasted.
  @Test(arguments: [1.25, 1.5, 2.0]) func statesTheErrorOfAKernel(upsampling: Double) throws {
    for accuracy in [1e-2, 1e-3, 1e-4] {
      let kernel = try #require(ExponentialOfSemicircle(accuracy: accuracy, upsampling: upsampling))
      var total = 0.0
      for step in 0..<40 {
        // Interpolation of exp(−2πi ξ u), all over the image.
        let xi = 0.5 / upsampling * (Double(step) + 0.5) / 40
        var power = 0.0
        for p in 0..<50 {
          let u = Double(p) / 50
          var sum = Complex<Double>.zero
          for l in -10...10 {
            let angle = -2 * Double.pi * xi * (Double(l) - u)
            sum += Complex(.cos(angle), .sin(angle)) * Complex(kernel(u - Double(l)), 0)
          }
          power += (sum / Complex(kernel.transform(xi), 0) - 1).lengthSquared
        }
        total += power / 2000
      }
      // Two rules for one integral whose integrand is steep at the edge of the image.
      #expect(
        abs(total.squareRoot() / kernel.error - 1) < 0.05, "\(total.squareRoot()) against \(kernel.error)")
      #expect(kernel.error <= accuracy)
    }
    #expect(ExponentialOfSemicircle(accuracy: 1e-12, upsampling: upsampling) == nil)
  }

  @Test func fitsItsWeights() throws {
    for accuracy in [1e-2, 1e-4, 1e-6] {
      let kernel = try #require(ExponentialOfSemicircle(accuracy: accuracy, upsampling: 2))
      for neighbour in 0..<kernel.width {
        for t in stride(from: -1.0, through: 0.999, by: 0.037) {
          var value = Float(0)
          for term in (0..<kernel.across.count / 8).reversed() {
            value = value * Float(t) + kernel.across[8 * term + neighbour]
            #expect(kernel.across[8 * term + neighbour] == kernel.along[16 * term + 2 * neighbour])
            #expect(kernel.across[8 * term + neighbour] == kernel.along[16 * term + 2 * neighbour + 1])
          }
          let u = (t + 1) / 2 - Double(kernel.width) / 2 + Double(neighbour)
          #expect(abs(Double(value) - kernel(u)) <= 0.2 * accuracy + 4 * Double(Float.ulpOfOne))
        }
      }
    }
  }
}
