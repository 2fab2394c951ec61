import Fields
import Foundation
import Operators
import Pipeline
import Reconstruction
import TestSupport
import Testing

/// Synchrotron projections of a tooth, through the pipeline that ships.
@Suite(.enabled(if: exists(sharedData("raw/tooth")), "the projections of the tooth are not there"))
struct ToothTests {
  private let path = sharedData("raw/tooth/projections.tif")
  private let description: PipelineDescription

  init() throws { description = try PipelineDescription(file: packageFolder + "/pipelines/tooth.yaml") }

  /// Its authors have the axis at bin 296.
  @Test func hasItsAxisWhereItIsKnownToBe() async throws {
    let (found, estimate) = try await description.findingAxis(of: path)
    #expect(abs(found.geometry.beam.axis - 296) <= 0.5)
    let estimates = try #require(estimate)
    #expect(estimates.estimates.count == 4)
    #expect(estimates.confidence == 0.8)
    for one in estimates.estimates {
      #expect(abs(one.axis - 296) <= 0.5, "\(one.method.rawValue), slice \(one.slice + 1): \(one.axis)")
    }
  }

  /// Both rows, every view and every sixth: a body of one density in air, and the same with fewer views.
  @Test func reconstructsFromEveryViewAndFromEverySixth() async throws {
    let found = try await description.findingAxis(of: path).description
    let scan = try await ScanInput(found, path: path)
    #expect(scan.count == 2)
    let grid = ImageSpace(shape: [320, 320], spacing: 2)
    for slice in 0..<2 {
      let sinogram = try await scan.field(at: slice).sinogram
      #expect(scan.clipped(slice) == 0)
      #expect(scan.replaced(slice) < sinogram.samples.count / 1000)
      let images = try [1, 6].map { n in
        let beam = found.geometry.everyView(n).beam
        let views = stride(from: 0, to: 181, by: n).flatMap { view in
          sinogram.samples[view * 640..<(view + 1) * 640]
        }
        return try FilteredBackProjection(RadonTransform(grid, beam: beam), window: .hann)(
          Sinogram(shape: [beam.angles.count, 640], samples: views))
      }
      #expect(images.allSatisfy { $0.samples.allSatisfy { $0.isFinite } })
      // Streaks of 31 views: the image is still the same one.
      #expect(relativeError(images[1], images[0]) < 0.6)
      let values = images[0].samples.sorted()
      // The tooth absorbs some 0.007 per bin, the air around it nothing.
      #expect(values[values.count / 2] < 0.001)
      #expect(values[values.count * 99 / 100] > 0.003)
    }
  }
}
