import Diffusion
import Fields
import Foundation
import Operators
import Testing

@Suite struct PostprocessTrainingTests {
  private static let scan = SamplingScan(ImageSpace(shape: [8, 8]), sigma: 0.1)

  private static func training(_ folder: URL, iterations: Int) throws -> PostprocessTraining<SamplingScan> {
    try PostprocessTraining(
      .init(channels: [8], spaceToDepth: 1),
      settings: TrainingSettings(
        iterations: iterations, batch: 16, learningRate: 0.01, warmUp: 10, averageDecay: 0.9, seed: 2),
      scan: scan, images: FlatImages(), folder: folder.path)
  }

  /// Untrained it returns x_ref; trained it is closer to the image, and so is its checkpoint.
  @Test func improvesTheSimpleInverse() throws {
    try withTemporaryFolder { folder in
      var generator = SplitMix64(seed: 1)
      let truth = Image(shape: [8, 8], filledWith: 0.5)
      let reference = Self.scan.reference(Self.scan.measure(truth, using: &generator))
      func error(_ image: Image) -> Double { largestError(image.samples, truth.samples) }

      let untrained = folder.appendingPathComponent("untrained")
      try Self.training(untrained, iterations: 0).train(report: { _ in })
      #expect(
        try PostprocessCheckpoint(path: untrained.path, for: Self.scan.fingerprint)(reference) == reference)

      let trained = folder.appendingPathComponent("trained")
      var last: [Double] = []
      try Self.training(trained, iterations: 50).train(report: { last = $0.figures.map(\.value) })
      #expect(last[0] < 0.3 * last[1], "error \(last[0]), untrained \(last[1])")
      let result = try PostprocessCheckpoint(path: trained.path, for: Self.scan.fingerprint)(reference)
      #expect(error(result) < 0.7 * error(reference))
    }
  }

  @Test func refusesAnotherScanAndBadDescriptions() throws {
    try withTemporaryFolder { folder in
      try Self.training(folder, iterations: 0).train(report: { _ in })
      func refusal(_ fingerprint: OperatorFingerprint = Self.scan.fingerprint) -> String {
        checkpointError { _ = try PostprocessCheckpoint(path: folder.path, for: fingerprint) }
      }
      #expect(refusal(OperatorFingerprint([.init("pixels", "all")])).contains("pixels is all"))
      let file = folder.appendingPathComponent("deft.json")
      try Fixtures.change(file, ["spaceToDepth": 0])
      #expect(refusal().contains("spaceToDepth"))
      try Fixtures.change(file, ["spaceToDepth": nil])
      #expect(refusal().contains("'spaceToDepth' is missing"))
    }
  }
}
