import Diffusion
import Fields
import Foundation
import Synchronization
import Testing

/// Tests that compare bytes, and the one that changes the number of threads under them: one after the other.
@Suite(.serialized) struct ThreadSensitiveTests {}

extension ThreadSensitiveTests {
  @Suite struct TorchThreadTests {
    private final class Counts: Sendable {
      let values = Mutex<[Int]>([])
    }

    /// What one thread asks for holds on every other, also on those that have computed before.
    @Test func holdOnEveryThread() throws {
      let before = Torch.threads
      defer { Torch.setThreads(before) }
      let counts = Counts()
      let (measured, changed, done) = (
        DispatchSemaphore(value: 0), DispatchSemaphore(value: 0), DispatchSemaphore(value: 0)
      )
      Torch.setThreads(1)
      let thread = Thread {
        func measure() {
          _ = try? Tensor(filledWith: 1, shape: [4]).squared()
          let count = Torch.threads
          counts.values.withLock { $0.append(count) }
        }
        measure()
        measured.signal()
        changed.wait()
        measure()
        done.signal()
      }
      thread.start()
      measured.wait()
      Torch.setThreads(2)
      #expect(Torch.threads == 2)
      changed.signal()
      done.wait()
      #expect(counts.values.withLock { $0 } == [1, 2])
    }
  }

  @Suite struct TrainingRunTests {
    private struct Interruption: Error {}

    private static func settings(_ change: (inout TrainingSettings) -> Void = { _ in }) -> TrainingSettings {
      var settings = TrainingSettings(
        iterations: 60, batch: 4, learningRate: 0.02, warmUp: 5, averageDecay: 0.9, seed: 3,
        checkpointEvery: 20)
      change(&settings)
      return settings
    }

    private static func parameters(seed: UInt64 = 1, _ shapes: [(Int, Int)] = [(3, 2)]) throws
      -> ParameterStore
    {
      let store = ParameterStore(seed: seed)
      for (index, shape) in shapes.enumerated() {
        _ = try Linear(store.root("layer")(index), shape.0, shape.1)
      }
      return store
    }

    /// Fits y = W x + b to a fixed W; random inputs every iteration.
    private static func train(
      in folder: URL, settings: TrainingSettings = settings(), identity: [NamedValue] = [], seed: UInt64 = 1,
      stopAfter stop: Int = .max, failAt failure: Int = .max, figure: Float = 1, replace: Bool = false
    ) throws {
      let store = try parameters(seed: seed)
      let (weight, bias) = (try store.tensor("layer.0.weight"), try store.tensor("layer.0.bias"))
      let truth = try Tensor([1, -2, 0.5, 0, 3, -1], shape: [3, 2])
      let run = try TrainingRun(
        settings, identity: identity, parameters: store, folder: folder.path, replace: replace)
      try run.run(
        loss: { generator in
          if run.iteration == failure { throw Interruption() }
          let x = try Tensor(generator.normals(12), shape: [4, 3])
          let loss = try (x.matmul(weight.transposed(0, 1)) + bias - x.matmul(truth)).squared().mean()
          return TrainingRun.Loss(tensor: loss, figures: [("half", Double(figure * (try loss.scalar())) / 2)])
        }, report: { _ in }, shouldStop: { run.iteration >= stop }, onCheckpoint: {})
    }

    /// Everything in the state but the time it took.
    private struct State: Equatable {
      var tensors: [String: [UInt32]] = [:]
      var metadata: [String: String]

      init(_ folder: URL) throws {
        let file = try SafeTensors(path: folder.appendingPathComponent("state.safetensors").path)
        metadata = file.metadata
        metadata["seconds"] = nil
        for (name, entry) in file.entries { tensors[name] = try file.floats(entry).map(\.bitPattern) }
      }
    }

    /// The loss curve without its column of seconds.
    private static func curve(_ folder: URL) throws -> [String] {
      try String(contentsOf: folder.appendingPathComponent("loss.csv"), encoding: .utf8).split(
        separator: "\n"
      ).map {
        var columns = $0.split(separator: ",")
        columns.remove(at: 1)
        return columns.joined(separator: ",")
      }
    }

    @Test func learns() throws {
      try withTemporaryFolder { folder in
        try Self.train(in: folder)
        let curve = try Self.curve(folder)
        #expect(curve[0] == "iteration,loss,half")
        #expect(curve.count == 4)
        #expect(curve.dropFirst().map { $0.split(separator: ",")[0] } == ["25", "50", "60"])
        let losses = try curve.dropFirst().map { try #require(Double($0.split(separator: ",")[1])) }
        #expect(losses[2] < 0.8 * losses[0], "\(losses)")
        let state = try State(folder)
        #expect(state.metadata["iteration"] == "60")
        #expect(
          Set(state.tensors.keys)
            == Set(
              ["weight", "average", "first", "second"].flatMap {
                ["\($0)/layer.0.weight", "\($0)/layer.0.bias"]
              }))
      }
    }

    /// Stopped twice at odd places and taken up again, from other random weights: the same bits and the same curve.
    @Test func resumesExactly() throws {
      try withTemporaryFolder { folder in
        let (whole, parts) = (folder.appendingPathComponent("whole"), folder.appendingPathComponent("parts"))
        try Self.train(in: whole)
        try Self.train(in: parts, stopAfter: 13)
        try Self.train(in: parts, seed: 77, stopAfter: 38)
        try Self.train(in: parts, seed: 78)
        #expect(try State(parts) == State(whole))
        #expect(try Self.curve(parts) == Self.curve(whole))
      }
    }

    /// A crash falls back to the last checkpoint, and the curve with it.
    @Test func resumesAfterACrash() throws {
      try withTemporaryFolder { folder in
        let (whole, parts) = (folder.appendingPathComponent("whole"), folder.appendingPathComponent("parts"))
        try Self.train(in: whole)
        #expect(throws: Interruption.self) { try Self.train(in: parts, failAt: 33) }
        #expect(try Self.curve(parts).count == 2)
        #expect(try State(parts).metadata["iteration"] == "20")
        try Self.train(in: parts, seed: 5)
        #expect(try State(parts) == State(whole))
        #expect(try Self.curve(parts) == Self.curve(whole))
      }
    }

    /// A finished run has nothing left to do.
    @Test func doesNotTrainBeyondItsEnd() throws {
      try withTemporaryFolder { folder in
        try Self.train(in: folder)
        let state = try State(folder)
        try Self.train(in: folder, seed: 9)
        #expect(try State(folder) == state)
        #expect(try Self.curve(folder).count == 4)
      }
    }

    @Test func refusesOtherSettings() throws {
      try withTemporaryFolder { folder in
        try Self.train(in: folder, stopAfter: 5)
        let changes: [(String, (inout TrainingSettings) -> Void)] = [
          ("the number of iterations is 59", { $0.iterations = 59 }), ("the batch is 5", { $0.batch = 5 }),
          ("the learning rate is 0.03", { $0.learningRate = 0.03 }), ("the warm-up is 6", { $0.warmUp = 6 }),
          ("the weight decay is 0.0", { $0.weightDecay = 0 }),
          ("the limit of the gradients is 2.0", { $0.gradientLimit = 2 }),
          ("the decay of the average is 0.8", { $0.averageDecay = 0.8 }), ("the seed is 4", { $0.seed = 4 }),
          ("the precision is bfloat16, the run began with float32", { $0.bfloat16 = true }),
        ]
        for (words, change) in changes {
          do {
            try Self.train(in: folder, settings: Self.settings(change))
            Issue.record("no error")
          } catch let error as TrainingError {
            #expect(error.description.contains(words) && error.description.contains(folder.path), "\(error)")
            #expect(error.description.components(separatedBy: "the run began").count == 2, "\(error)")
          }
        }
        // How often it is saved is no such setting.
        try Self.train(in: folder, settings: Self.settings { $0.checkpointEvery = 7 }, stopAfter: 8)
        #expect(try State(folder).metadata["iteration"] == "8")
        // A run may be given more iterations, but not have some taken away.
        try Self.train(in: folder, settings: Self.settings { $0.iterations = 90 }, stopAfter: 70)
        #expect(try State(folder).metadata["iteration"] == "70")
        #expect(throws: TrainingError.self) { try Self.train(in: folder) }
      }
    }

    /// The data, the network and the scan of a run are named where they differ; a state that names none is taken up.
    @Test func refusesAnotherIdentity() throws {
      try withTemporaryFolder { folder in
        let began = [NamedValue("the crop", "128"), NamedValue("the images", "A")]
        try Self.train(in: folder, identity: began, stopAfter: 5)
        try Self.train(in: folder, identity: began, stopAfter: 6)
        let path = folder.appendingPathComponent("state.safetensors").path
        #expect(
          throws: TrainingError.otherTraining(
            path,
            differences: [
              "the crop is 64, the run began with 128", "the scan is 60 views, which the run began without",
              "the seed is 4, the run began with 3",
            ])
        ) {
          let now = [
            NamedValue("the crop", "64"), NamedValue("the images", "A"), NamedValue("the scan", "60 views"),
          ]
          try Self.train(in: folder, settings: Self.settings { $0.seed = 4 }, identity: now)
        }
        #expect(try State(folder).metadata["iteration"] == "6")

        let state = try SafeTensors(path: path)
        var metadata = state.metadata
        metadata["identity"] = nil
        try SafeTensors.write(
          state.entries.values.sorted { $0.name < $1.name }.map { ($0.name, $0.shape, try state.floats($0)) },
          metadata: metadata, precision: .float32, to: path)
        try Self.train(in: folder, identity: began, stopAfter: 7)
        #expect(try State(folder).metadata["iteration"] == "7")
      }
    }

    /// Asked to replace, a run starts anew where it cannot go on, from its own weights, and goes on where it can.
    @Test func replacesOnlyWhatCannotBeTakenUp() throws {
      try withTemporaryFolder { folder in
        let (whole, parts) = (folder.appendingPathComponent("whole"), folder.appendingPathComponent("parts"))
        try Self.train(in: whole, settings: Self.settings { $0.seed = 4 })
        try Self.train(in: parts, stopAfter: 30)
        try Self.train(in: parts, settings: Self.settings { $0.seed = 4 }, stopAfter: 30, replace: true)
        try Self.train(in: parts, settings: Self.settings { $0.seed = 4 }, seed: 9, replace: true)
        #expect(try State(parts) == State(whole))
        #expect(try Self.curve(parts) == Self.curve(whole))
        // A damaged state, and a curve whose state never came to be.
        for name in ["state.safetensors", "loss.csv"] {
          let damaged = folder.appendingPathComponent("damaged \(name)")
          try FileManager.default.createDirectory(at: damaged, withIntermediateDirectories: true)
          try Data("iteration,seconds,loss\n25,1,1\n".utf8).write(to: damaged.appendingPathComponent(name))
          try Self.train(in: damaged, settings: Self.settings { $0.seed = 4 }, replace: true)
          #expect(try State(damaged) == State(whole))
          #expect(try Self.curve(damaged) == Self.curve(whole))
        }
      }
    }

    @Test func refusesTheStateOfAnotherNetwork() throws {
      try withTemporaryFolder { folder in
        try Self.train(in: folder, stopAfter: 2)
        func refusal(_ shapes: [(Int, Int)]) -> String {
          checkpointError {
            _ = try TrainingRun(Self.settings(), parameters: Self.parameters(shapes), folder: folder.path)
          }
        }
        #expect(refusal([(3, 4)]).contains("[2, 3]"))
        #expect(refusal([(3, 2), (2, 2)]).contains("lacks the weight 'layer.1.weight'"))
        let store = ParameterStore(seed: 1)
        _ = try Linear(store.root("layer")(0), 3, 2)
        let narrow = try Self.parameters([(3, 2), (2, 1)])
        let wide = folder.appendingPathComponent("wide")
        _ = try TrainingRun(Self.settings(), parameters: narrow, folder: wide.path).run(
          loss: { _ in .init(tensor: try narrow.tensor("layer.1.weight").squared().mean()) },
          report: { _ in },
          shouldStop: { true }, onCheckpoint: {})
        #expect(
          checkpointError { _ = try TrainingRun(Self.settings(), parameters: store, folder: wide.path) }
            .contains("holds 4 weights that its configuration does not use, such as 'average/layer.1.bias'"))

        let path = folder.appendingPathComponent("state.safetensors").path
        try SafeTensors.write([("weight/layer.0.weight", [1], [0])], precision: .float32, to: path)
        #expect(refusal([(3, 2)]).contains("not the state of a training run"))
        try Data("rubbish".utf8).write(to: URL(fileURLWithPath: path))
        #expect(refusal([(3, 2)]).contains(path))
      }
    }

    /// A loss or gradient that is not finite ends the run before it touches the weights or the disk.
    @Test func stopsWhenItDiverges() throws {
      try withTemporaryFolder { folder in
        let store = try Self.parameters()
        let weight = try store.tensor("layer.0.weight")
        let run = try TrainingRun(
          Self.settings { $0.checkpointEvery = 2 }, parameters: store, folder: folder.path)
        #expect(throws: TrainingError.diverged(iteration: 6)) {
          try run.run(
            loss: { _ in
              // 0/10⁻⁴⁵ is 0, its derivative is infinite: the loss itself never shows it.
              let divisor: Float = run.iteration == 5 ? .leastNonzeroMagnitude : 1
              let zero = try (weight - weight.detached()) / Tensor([divisor], shape: [1])
              return TrainingRun.Loss(tensor: try (weight.squared() + zero).mean())
            }, report: { _ in }, onCheckpoint: {})
        }
        #expect(try weight.floats().allSatisfy(\.isFinite))
        let state = try State(folder)
        #expect(state.metadata["iteration"] == "4")
      }
    }

    /// What is reported beside the loss may be infinite, and the run still resumes.
    @Test func keepsFiguresThatAreNotFinite() throws {
      try withTemporaryFolder { folder in
        try Self.train(in: folder, stopAfter: 3, figure: .infinity)
        try Self.train(in: folder, figure: .infinity)
        #expect(try Self.curve(folder)[1].hasSuffix(",inf"))
      }
    }
  }

  @Suite struct PriorTrainingTests {
    private static func training(
      _ folder: URL, iterations: Int, checkpointEvery: Int = 1000, crop: Int = 8, replace: Bool = false
    ) throws -> PriorTraining {
      try PriorTraining(
        .init(channels: [8, 8], spaceToDepth: 1),
        settings: TrainingSettings(
          iterations: iterations, batch: 8, learningRate: 5e-3, warmUp: 10, averageDecay: 0.95, seed: 2,
          checkpointEvery: checkpointEvery),
        crop: crop, images: FlatImages(), range: IntensityRange(unit: "HU", low: -500, high: 500),
        folder: folder.path, replace: replace)
    }

    /// Pure noise has the loss 1; the trained network knows better, and its checkpoint is that network.
    @Test func lowersTheLoss() throws {
      try withTemporaryFolder { folder in
        let training = try Self.training(folder, iterations: 100)
        var losses: [Double] = []
        var last: DiffusionPrior?
        try training.train(
          report: { losses.append($0.figures[0].value) },
          onCheckpoint: { _ in last = try DiffusionPrior(path: folder.path) })
        #expect(losses.count == 4)
        #expect(losses[0] > 0.3 && losses[3] < 0.3 * losses[0], "\(losses)")
        let prior = try #require(last)
        #expect(prior.description.range.high == 500 && prior.description.tweedieSteps.count == 21)
        // Its estimate is almost the image while there is little noise, and no better than a guess at the end.
        #expect(prior.tweedieError[0] < 0.05 && prior.tweedieError[50] < 0.1)
        #expect(prior.tweedieError[999] > 0.3)
        let again = try DiffusionPrior(path: folder.path)
        let x = try Tensor(filledWith: 0.3, shape: [1, 1, 8, 8])
        #expect(try again.estimate(x, steps: [50]).floats() == prior.estimate(x, steps: [50]).floats())
      }
    }

    /// For independent pixels of variance v the least possible loss is E a² v/(a² v + b²), which for v = 1 is the mean of
    /// ᾱ: no network can pass it, and a small one comes near. With x_t made otherwise it would have another floor.
    @Test func approachesTheOptimalLoss() throws {
      try withTemporaryFolder { folder in
        let training = try PriorTraining(
          .init(channels: [8], spaceToDepth: 1),
          settings: TrainingSettings(
            iterations: 100, batch: 32, learningRate: 1e-2, warmUp: 10, gradientLimit: 10, averageDecay: 0.95,
            seed: 2),
          crop: 8, images: GaussianImages(variance: 1), folder: folder.path)
        var losses: [Double] = []
        try training.train(report: { losses.append($0.figures[0].value) })
        let floor = training.schedule.cumulative.reduce(0, +) / 1000
        // 800 samples of the last report: the mean over their steps is known to 4 %.
        #expect(losses[3] > 0.9 * floor && losses[3] < 1.3 * floor, "\(losses), floor \(floor)")
      }
    }

    /// Weights that no state belongs to are someone's network: they are kept unless that is asked for.
    @Test func keepsANetworkThatItCannotGoOnWith() throws {
      try withTemporaryFolder { folder in
        try Self.training(folder, iterations: 0).train(report: { _ in })
        let weights = folder.appendingPathComponent("diffusion_pytorch_model.safetensors")
        let before = try Data(contentsOf: weights)
        _ = try Self.training(folder, iterations: 0)
        try FileManager.default.removeItem(at: folder.appendingPathComponent("training"))
        #expect(throws: TrainingError.wouldReplace(folder.path)) { try Self.training(folder, iterations: 3) }
        #expect(try Data(contentsOf: weights) == before)
        try Self.training(folder, iterations: 3, replace: true).train(report: { _ in })
        #expect(try Data(contentsOf: weights) != before)
        // Now there is a state, of a crop of 8.
        do {
          _ = try Self.training(folder, iterations: 3, crop: 4)
          Issue.record("no error")
        } catch let error as TrainingError {
          #expect(error.description.contains("the crop is 4 × 4, the run began with 8 × 8"), "\(error)")
          #expect(error.description.contains("--replace"))
        }
        #expect(try Self.training(folder, iterations: 3, crop: 4, replace: true).startsAt == 0)
      }
    }

    /// A folder says what it holds when it holds it: the description is gone before the first file of a new
    /// checkpoint is written, and comes last.
    @Test func leavesNoHalfCheckpoint() throws {
      try withTemporaryFolder { folder in
        try Self.training(folder, iterations: 0).train(report: { _ in })
        let files = FileManager.default
        let weights = folder.appendingPathComponent("diffusion_pytorch_model.safetensors")
        let (description, schedule) = (
          folder.appendingPathComponent("deft.json"), folder.appendingPathComponent("scheduler_config.json")
        )
        // Nothing can be written over a folder that is not empty.
        for name in ["diffusion_pytorch_model.safetensors", "scheduler_config.json"] {
          let file = folder.appendingPathComponent(name)
          let contents = try Data(contentsOf: file)
          try files.removeItem(at: file)
          try files.createDirectory(
            at: file.appendingPathComponent("full"), withIntermediateDirectories: true)
          #expect(throws: (any Error).self) {
            try Self.training(folder, iterations: 1, replace: true).train(report: { _ in })
          }
          #expect(!files.fileExists(atPath: description.path), "\(name)")
          try files.removeItem(at: file)
          try contents.write(to: file)
        }
        #expect(files.fileExists(atPath: weights.path) && files.fileExists(atPath: schedule.path))
        try Self.training(folder, iterations: 1).train(report: { _ in })
        _ = try DiffusionPrior(path: folder.path)
      }
    }

    /// A run of a network, stopped and taken up again, ends in the same files.
    @Test func resumesExactly() throws {
      try withTemporaryFolder { folder in
        let (whole, parts) = (folder.appendingPathComponent("whole"), folder.appendingPathComponent("parts"))
        try Self.training(whole, iterations: 12).train(report: { _ in })
        let first = try Self.training(parts, iterations: 12)
        try first.train(report: { _ in }, shouldStop: { first.startsAt >= 5 })
        let second = try Self.training(parts, iterations: 12, checkpointEvery: 4)
        #expect(second.startsAt == 5)
        try second.train(report: { _ in })
        for name in [
          "diffusion_pytorch_model.safetensors", "config.json", "scheduler_config.json", "deft.json",
        ] {
          #expect(
            try Data(contentsOf: parts.appendingPathComponent(name))
              == Data(contentsOf: whole.appendingPathComponent(name)),
            "\(name) differs")
        }
      }
    }
  }
}
