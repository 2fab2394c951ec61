import Diffusion
import Foundation
import Testing

@Suite struct TorchScriptTests {
  /// `shrink.pt` computes ε = x/2 + t/1000.
  @Test func runsAScriptAsAClosedBox() throws {
    let script = try TorchScriptPredictor(path: Fixtures.path("shrink.pt"))
    let x = try Tensor([1, -2, 3, 0.5], shape: [2, 1, 1, 2])
    #expect(try script.predictNoise(x, time: [0, 500]).floats() == [0.5, -1, 2, 0.75])
  }

  @Test func loadsAScriptAsAPrior() throws {
    let prior = try DiffusionPrior(path: Fixtures.path("shrink.pt"))
    let (t, x) = (300, 0.4)
    let noise = 0.5 * x + 0.3
    let estimate = try prior.estimate(Tensor([Float(x)], shape: [1, 1, 1, 1]), steps: [t]).scalar()
    let expected = max(-1, min(1, prior.schedule.tweedie(x, noise: noise, step: t)))
    #expect(abs(Double(estimate) - expected) < 1e-6)
    #expect(prior.description == PriorDescription())
  }

  @Test func readsTheDescriptionBesideAScript() throws {
    try withTemporaryFolder { folder in
      let path = folder.appendingPathComponent("box.pt").path
      try FileManager.default.copyItem(atPath: Fixtures.path("shrink.pt"), toPath: path)
      let beside = folder.appendingPathComponent("box.json")
      var description = PriorDescription()
      description.tweedieSteps = [0, 999]
      description.tweedieErrors = [0.1, 0.5]
      try JSONEncoder().encode(description).write(to: beside)
      #expect(try DiffusionPrior(path: path).description == description)
      try Data("{\"spaceToDepth\": 0}".utf8).write(to: beside)
      #expect(checkpointError { _ = try DiffusionPrior(path: path) }.contains("box.json"))
    }
  }

  @Test func refusesAnOutputOfAnotherShape() throws {
    let script = try TorchScriptPredictor(path: Fixtures.path("crop.pt"))
    let x = try Tensor(filledWith: 0, shape: [1, 1, 4, 4])
    do {
      _ = try script.predictNoise(x, time: [1])
      Issue.record("no error")
    } catch {
      #expect(error.message.contains("[1, 1, 4, 4] to [1, 1, 3, 4]"), "\(error.message)")
    }
  }

  @Test func refusesWhatIsNoScript() throws {
    try withTemporaryFolder { folder in
      let path = folder.appendingPathComponent("rubbish.pt").path
      #expect(checkpointError { _ = try TorchScriptPredictor(path: path) }.contains("rubbish.pt"))
      let whole = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("shrink.pt")))
      for data in [
        Data(), Data("rubbish".utf8), whole.prefix(whole.count / 2), whole.prefix(whole.count - 1),
      ] {
        try data.write(to: URL(fileURLWithPath: path))
        let sentence = checkpointError { _ = try DiffusionPrior(path: path) }
        #expect(sentence.contains("rubbish.pt") && !sentence.contains("frame #"), "\(sentence)")
      }
    }
  }
}
