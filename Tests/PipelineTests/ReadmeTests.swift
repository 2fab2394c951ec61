import Diffusion
import Fields
import Formats
import Foundation
import Operators
import Pipeline
import Reconstruction
import TestSupport
import Testing

@Suite struct ReadmeTests {
  private let readme: String

  init() throws { readme = try String(contentsOfFile: packageFolder + "/README.md", encoding: .utf8) }

  /// The only block of a language.
  private func block(_ language: String) throws -> String {
    let blocks = readme.components(separatedBy: "```").filter { $0.hasPrefix(language + "\n") }
    try #require(blocks.count == 1)
    return String(blocks[0].dropFirst(language.count + 1))
  }

  @Test func showsAPipelineThatIsOne() throws {
    let folder = try TemporaryFolder()
    let pipeline = try PipelineDescription(file: folder.write(block("yaml"), to: "pipeline.yaml"))
    let shipped = try PipelineDescription(file: packageFolder + "/pipelines/sparse-view-ct.yaml")
    #expect(pipeline.geometry == shipped.geometry && pipeline.noise == shipped.noise)
    for (path, name) in [(pipeline.prior, "priors/ct"), (pipeline.h, "priors/ct-60-views")] {
      #expect(path == folder(name) && exists(packageFolder + "/pipelines/" + name))
    }
    #expect(pipeline.reconstructions.map(\.name) == ["deft", "tv"])
  }

  /// What the README shows is what is compiled here.
  @Test func showsSwiftThatCompiles() throws {
    let source = try String(contentsOfFile: #filePath, encoding: .utf8)
    let plain = source.split(separator: "\n", omittingEmptySubsequences: false)
      .map { $0.hasPrefix("    ") ? $0.dropFirst(4) : $0 }.joined(separator: "\n")
    #expect(plain.contains(try block("swift")))
  }

  // swift-format-ignore
  private func example() async throws -> Image {
    let beam = ParallelBeam(angles: Angle.even(60), bins: 366, binSpacing: 1.484375)
    let A = try RadonTransform(ImageSpace(shape: [256, 256], spacing: 1.484375), beam: beam)
    let tomography = try NormalizedTomography(A, scale: AttenuationScale(water: 0.02))
    let (prior, h) = try (DiffusionPrior(path: "pipelines/priors/ct"), HCheckpoint(path: "pipelines/priors/ct-60-views"))
    let deft = try PosteriorSampling(tomography, prior: prior, guidance: .deft(h), settings: .init(.mean))
    let y = try await StackSinograms(StackPages(ImageStack(path: "scan.tif"))).field(at: 0)
    let variance = NoiseModel.gaussian(sigma: 0.02).variance(of: y)
    let image = try deft.reconstruct(SliceMeasurement(index: 0, sinogram: y, variance: variance)).image  // in 1/mm
    return image
  }
}
