import Diffusion
import Fields
import Operators
import Reconstruction
import Testing

extension NetworkTests {
  @Suite struct PostprocessMethodTests {
    /// One evaluation of the network on the filtered back-projection, in 1/mm.
    @Test func runsTheNetworkOnTheSimpleInverse() throws {
      let small = try SmallTomography()
      let networks = try SmallNetworks(for: small)
      let network = try PostprocessCheckpoint(path: networks.postprocess, for: small.tomography.fingerprint)
      let method = try PostprocessMethod(small.tomography, network)
      let result = try method.reconstruct(small.measurement)
      #expect(method.evaluations == 1 && result.deviation == nil)
      let y = small.tomography.measurement(small.measurement.sinogram, sigma: small.measurement.sigma)
      let reference = try small.tomography.reference(y, by: .fbp)
      #expect(result.image == small.tomography.scale.attenuation(try network(reference)))
      #expect(result.image != small.tomography.scale.attenuation(reference))
    }

    /// Untrained it gives the filtered back-projection, held to the range: no less than air, no more than 1000 HU.
    @Test func keepsTheSimpleInverseWhenUntrained() throws {
      let small = try SmallTomography()
      let networks = try SmallNetworks(for: small, spread: 0)
      let network = try PostprocessCheckpoint(path: networks.postprocess, for: small.tomography.fingerprint)
      let image = try PostprocessMethod(small.tomography, network).reconstruct(small.measurement).image
      let fbp = small.tomography.fbp(small.measurement.sinogram).map { min(0.04, max(0, $0)) } as Image
      // To the range and back in single precision, of 0.04/mm.
      #expect(largestDifference(image, fbp, relativeTo: 0.04) < 1e-6)
    }

    @Test func refusesAnotherRange() throws {
      let small = try SmallTomography()
      let networks = try SmallNetworks(for: small, spread: 0)
      let network = try PostprocessCheckpoint(path: networks.postprocess, for: small.tomography.fingerprint)
      let scale = AttenuationScale(range: IntensityRange(unit: "HU", low: -1000, high: 2000))
      let other = try SmallTomography(scale: scale).tomography
      #expect(checkpointError { _ = try PostprocessMethod(other, network) }.contains("from -1000 to 2000 HU"))
    }
  }
}
