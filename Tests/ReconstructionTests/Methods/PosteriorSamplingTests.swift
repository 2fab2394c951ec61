import Diffusion
import Fields
import Operators
import RealModule
import Reconstruction
import Testing

extension NetworkTests {
  @Suite struct PosteriorSamplingTests {
    typealias Sampling = PosteriorSampling<RadonTransform>

    /// A prior of independent pixels and the sums of rows and columns: the posterior is known in closed form, and
    /// DDS with the exact error of the prior draws from it.
    ///
    /// AᴴA/‖A‖² has the eigenvalues 1 (the constant image), 1/2 (2 (n − 1) images of rows or columns) and 0, so that
    /// a pixel has the variance v Σ mᵢ/n² · σ²/(σ² + λᵢ v) and five conjugate-gradient steps are exact. The mean is
    /// that of a least-squares problem.
    ///
    /// 60 draws of 36 pixels: the variance is known to √(2/2160) = 3 %, of which four are allowed, and 4 % for the
    /// steps that the sampler leaves out. The squared errors of the means, in units of their variance, add up to 36 ±
    /// √(2 · 36), of which five are allowed.
    @Test func drawsFromTheExactPosterior() throws {
      let (n, v, draws) = (6, 0.04, 60)
      let grid = ImageSpace(shape: [n, n], spacing: 8)
      let beam = ParallelBeam(angles: [.degrees(0), .degrees(90)], bins: n, binSpacing: 8)
      let A = try RayTransform(grid, beam: beam, threads: 1)
      let tomography = try NormalizedTomography(A, scale: AttenuationScale(), threads: 1)
      var generator = SplitMix64(seed: 2)
      let deviation = Float(v.squareRoot())
      let truth = Image(shape: grid.shape, samples: generator.normals(n * n).map { deviation * $0 })
      var y = A(tomography.scale.attenuation(truth))
      // ‖A‖² is 2 n 8²: σ is 0.15 in the network's range.
      let sigma = 0.15 * tomography.scale.slope * (2 * Double(n) * 64).squareRoot()
      NoiseModel.gaussian(sigma: sigma).add(to: &y, using: &generator)
      let measurement = SliceMeasurement(
        index: 0, sinogram: y, variance: NoiseModel.gaussian(sigma: sigma).variance(of: y))

      let method = try PosteriorSampling(
        tomography, prior: PixelPrior.make(variance: v), guidance: .dds,
        settings: .init(.mean, steps: 250, draws: draws, seed: 4))
      let result = try method.reconstruct(measurement)
      let mean = tomography.scale.normalized(result.image)
      let variances = try #require(result.deviation).samples.map {
        let value = Double($0) / tomography.scale.slope
        return value * value
      }

      func left(_ eigenvalue: Double) -> Double { 0.0225 / (0.0225 + eigenvalue * v) }
      let (modes, pixels) = (Double(n - 1), Double(n * n))
      let expected = v * (left(1) + 2 * modes * left(0.5) + modes * modes) / pixels
      let found = variances.reduce(0, +) / pixels
      #expect(
        abs(found / expected - 1) < 4 * (2 / pixels / Double(draws)).squareRoot() + 0.04,
        "\(found / expected)")

      let normalized = tomography.measurement(y, sigma: sigma)
      let exact = normalized.direction(from: grid.zero(), error: v.squareRoot(), steps: 5)
      let misfit = zip(mean.samples, exact.samples).reduce(0) {
        $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) * Double(draws) / expected
      }
      #expect(misfit < pixels + 5 * (2 * pixels).squareRoot(), "\(misfit)")
    }

    /// Two draws, of which the first is the sample: the mean and the deviation tell the second.
    @Test func averagesTheDrawsThatItWouldMake() throws {
      let small = try SmallTomography()
      let prior = PixelPrior.make(variance: 0.1)
      func reconstruct(_ settings: Sampling.Settings) throws -> SliceReconstruction {
        try PosteriorSampling(small.tomography, prior: prior, guidance: .dds, settings: settings)
          .reconstruct(small.measurement)
      }
      let one = try reconstruct(.init(.sample, steps: 5))
      let two = try reconstruct(.init(.mean, steps: 5, draws: 2))
      #expect(one.deviation == nil)
      let deviation = try #require(two.deviation)
      // With mean m and first draw x, the deviation of two is √2 |x − m|. Rounding is relative to the attenuation.
      let scale = one.image.samples.map { Double(abs($0)) }.max() ?? 0
      let expected = Image(
        shape: one.image.shape,
        samples: zip(one.image.samples, two.image.samples).map { Float(2.0.squareRoot()) * abs($0 - $1) })
      #expect(largestDifference(deviation, expected, relativeTo: scale) < 1e-6)
      #expect((deviation.samples.max() ?? 0) > 0.01 * Float(scale))
    }

    /// The draw depends on the seed and on the slice, and on nothing else.
    @Test func drawsByTheSeedAndTheSlice() throws {
      let prior = PixelPrior.make(variance: 0.1)
      func image(_ seed: UInt64, slice: Int) throws -> Image {
        let small = try SmallTomography(index: slice)
        return try PosteriorSampling(
          small.tomography, prior: prior, guidance: .dds, settings: .init(.sample, steps: 3, seed: seed)
        ).reconstruct(small.measurement).image
      }
      let first = try image(1, slice: 0)
      #expect(try image(1, slice: 0) == first)
      #expect(try image(2, slice: 0) != first)
      #expect(try image(1, slice: 1) != first)
    }

    /// The standard numbers of evaluations, and as many as are said.
    @Test func countsItsEvaluations() throws {
      let small = try SmallTomography()
      let prior = PixelPrior.make(variance: 0.1)
      let expected: [(Sampling.Estimate, Int, Double)] = [(.sample, 10, 1), (.mean, 80, 1), (.fast, 3, 0)]
      for (estimate, evaluations, eta) in expected {
        let settings = Sampling.Settings(estimate)
        let method = try Sampling(small.tomography, prior: prior, guidance: .dds, settings: settings)
        #expect(method.evaluations == evaluations && settings.eta == eta, "\(estimate)")
      }
      let counter = CountingPrior(PixelPrior.make(variance: 0.1))
      _ = try Sampling(
        small.tomography, prior: counter.prior, guidance: .dds, settings: .init(.fast, steps: 4)
      ).reconstruct(small.measurement)
      #expect(counter.evaluations == 4)
    }

    /// The fast estimate, three evaluations without fresh noise, finds the object.
    @Test func reconstructsInFewSteps() throws {
      let small = try SmallTomography()
      let method = try Sampling(
        small.tomography, prior: PixelPrior.make(variance: 0.3), guidance: .dds, settings: .init(.fast))
      let image = try method.reconstruct(small.measurement).image
      // Independent pixels are a weak prior; half of the error of knowing nothing but water is what it must beat.
      let water = Image(shape: small.truth.shape, filledWith: 0.02)
      let nothing = try rmse(water, reference: small.truth, region: .circle)
      let error = try rmse(image, reference: small.truth, region: .circle)
      #expect(error < 0.5 * nothing, "\(error), \(nothing)")
    }

    /// Prior, h-network and scan must speak of the same thing; each mismatch is an error before the first slice.
    @Test func refusesWhatDoesNotFit() throws {
      let small = try SmallTomography()
      let networks = try SmallNetworks(for: small)
      let wide = IntensityRange(unit: "HU", low: -1000, high: 3000)
      func refusal(
        _ tomography: NormalizedTomography<RadonTransform>, _ prior: DiffusionPrior,
        _ guidance: Sampling.Guidance
      ) -> String {
        checkpointError {
          _ = try Sampling(tomography, prior: prior, guidance: guidance, settings: .init(.fast))
        }
      }
      let pixels = PixelPrior.make(variance: 0.1)
      #expect(
        refusal(small.tomography, PixelPrior.make(variance: 0.1, range: wide), .dds).contains(
          "-1000 to 3000 HU"))
      let other = try SmallTomography(scale: AttenuationScale(range: wide)).tomography
      #expect(
        refusal(other, PixelPrior.make(variance: 0.1, range: wide), .deft(networks.h)).contains(
          "-1000 to 1000 HU"))
      #expect(
        refusal(small.tomography, PixelPrior.make(variance: 0.1, steps: 400), .deft(networks.h))
          .contains("1000 noise levels, this one has 400"))
      #expect(
        refusal(try SmallTomography(views: 20).tomography, pixels, .deft(networks.h)).contains(
          "number of views is 20"))
      _ = try Sampling(small.tomography, prior: pixels, guidance: .deft(networks.h), settings: .init(.fast))
    }

    /// With an h-network every draw is conditioned by DEFT and moved to the data once more at its end.
    @Test func drawsWithDEFT() throws {
      let small = try SmallTomography(index: 3)
      let networks = try SmallNetworks(for: small)
      let found = try Sampling(
        small.tomography, prior: networks.prior, guidance: .deft(networks.h),
        settings: .init(.sample, steps: 4, seed: 8)
      ).reconstruct(small.measurement).image
      let y = small.tomography.measurement(small.measurement.sinogram, sigma: small.measurement.sigma)
      let schedule = networks.prior.schedule
      let deft = try DEFT(
        networks.h, y, reference: small.tomography.reference(y, by: .fbp), schedule: schedule)
      let denoiser = ConditionedDenoiser(PriorDenoiser(networks.prior, on: y.A.domain), deft)
      var generator = SplitMix64(seed: 8, purpose: .posteriorDraw, stream: 3 << 16)
      let draw = try DDIMSampler(eta: 1).sample(denoiser, steps: schedule.timesteps(4), using: &generator)
      let end = deft.consistent(draw)
      #expect(largestDifference(found, small.tomography.scale.attenuation(end), relativeTo: 0.04) < 1e-5)
      // It is nearer to the data than it was.
      func misfit(_ x: Image) -> Double {
        var residual = y.A(x)
        y.A.codomain.add(-1, y.y, to: &residual)
        return y.A.codomain.norm(residual)
      }
      #expect(misfit(end) < misfit(draw))
    }

    /// The transforms and the sampler give the same bytes at any number of threads. libtorch's convolutions may add up in
    /// another order: single precision in some twenty layers and four steps leaves 10⁻⁵ of the width of the range.
    @Test func dependsOnThreadsByRoundingAlone() throws {
      let threads = Torch.threads
      defer { Torch.setThreads(threads) }
      let networks = try SmallNetworks(for: SmallTomography())
      var images: [Image] = []
      var bytes: [[Sinogram]] = []
      var own: [[Image]] = []
      for count in [1, 2] {
        Torch.setThreads(count)
        let small = try SmallTomography(threads: count)
        let y = small.tomography.measurement(small.measurement.sinogram, sigma: small.measurement.sigma)
        bytes.append([small.measurement.sinogram, y.y])
        own.append([
          try small.tomography.reference(y, by: .fbp),
          try small.tomography.reference(y, by: .totalVariation(weight: 2, steps: 20)),
          y.direction(from: small.tomography.A.domain.zero(), error: 0.1, steps: 5),
          try Sampling(
            small.tomography, prior: PixelPrior.make(variance: 0.1), guidance: .dds,
            settings: .init(.sample, steps: 4)
          ).reconstruct(small.measurement).image,
        ])
        images.append(
          try Sampling(
            small.tomography, prior: networks.prior, guidance: .deft(networks.h),
            settings: .init(.sample, steps: 4)
          ).reconstruct(small.measurement).image)
      }
      #expect(bytes[0] == bytes[1])
      #expect(own[0] == own[1])
      let width = 2 * AttenuationScale().slope
      let difference = largestDifference(images[0], images[1], relativeTo: width)
      #expect(difference < 1e-5, "\(difference)")
    }
  }
}

/// Counts what it is asked for.
private final class CountingPrior: NoisePredictor {
  private let original: DiffusionPrior
  private(set) var evaluations = 0

  init(_ original: DiffusionPrior) { self.original = original }

  func predictNoise(_ x: Tensor, time t: [Int]) throws(TorchError) -> Tensor {
    evaluations += 1
    return try original.predictor.predictNoise(x, time: t)
  }

  var prior: DiffusionPrior {
    DiffusionPrior(
      predictor: self, schedule: original.schedule, description: original.description, path: original.path)
  }
}
