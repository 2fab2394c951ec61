import Diffusion
import Foundation
import Testing

@Suite struct PriorCheckpointTests {
  private func description(_ json: String, in folder: URL) throws -> String {
    let copy = try Fixtures.copy("plain", to: folder)
    try Data(json.utf8).write(to: URL(fileURLWithPath: copy + "/deft.json"))
    return copy
  }

  private static func json(
    spaceToDepth: String = "1", low: String = "-1000", high: String = "1000", steps: String = "[]",
    errors: String = "[]"
  ) -> String {
    """
    {"spaceToDepth": \(spaceToDepth), "range": {"unit": "HU", "low": \(low), "high": \(high)},
     "tweedieSteps": \(steps), "tweedieErrors": \(errors)}
    """
  }

  @Test func readsItsDescription() throws {
    try withTemporaryFolder { folder in
      let prior = try DiffusionPrior(
        path: description(Self.json(low: "-500", steps: "[0, 10]", errors: "[0.01, 0.02]"), in: folder))
      #expect(prior.description.range == IntensityRange(unit: "HU", low: -500, high: 1000))
      #expect(abs(prior.tweedieError[5] - 0.015) < 1e-12)
    }
  }

  @Test func saysThatThereIsNone() {
    for path in ["none", "none/"] {
      let sentence = checkpointError { _ = try DiffusionPrior(path: path) }
      #expect(
        sentence.contains("/config.json': No such file or directory. Give the folder of a network"),
        "\(sentence)")
    }
  }

  /// Numbers of the description are divisors and subscripts: those that make no sense are refused, by name.
  @Test func refusesDescriptionsThatMakeNoSense() throws {
    let refused = [
      ("spaceToDepth", Self.json(spaceToDepth: "0")), ("spaceToDepth", Self.json(spaceToDepth: "-2")),
      ("spaceToDepth", Self.json(spaceToDepth: "9000000000000000000")),
      ("spaceToDepth", Self.json(spaceToDepth: "\"2\"")),
      ("in_channels", Self.json(spaceToDepth: "2")), ("range", Self.json(low: "1000")),
      ("range.low", Self.json(low: "\"air\"")),
      ("tweedieSteps", Self.json(steps: "[0, 10]", errors: "[0.1]")),
      ("tweedieSteps", Self.json(steps: "[10, 0]", errors: "[0.1, 0.2]")),
      ("tweedieSteps", Self.json(steps: "[-1, 10]", errors: "[0.1, 0.2]")),
      ("tweedieSteps", Self.json(steps: "[0, 4000000000000000000]", errors: "[0.1, 0.2]")),
      ("tweedieErrors", Self.json(steps: "[0, 10]", errors: "[0.1, 0]")),
      ("tweedieErrors", Self.json(steps: "[0, 10]", errors: "[0.1, -1]")),
      ("range", "{}"), ("JSON", "[]"), ("JSON", ""), ("JSON", "{"),
    ]
    try withTemporaryFolder { folder in
      for (name, json) in refused {
        let path = try description(json, in: folder)
        let sentence = checkpointError { _ = try DiffusionPrior(path: path) }
        #expect(
          sentence.contains(name) || name == "range" && sentence.contains("missing") || name == "JSON",
          "\(json): \(sentence)")
        #expect(sentence.contains(path) && !sentence.contains("CodingKeys"), "\(json): \(sentence)")
      }
    }
  }
}

@Suite struct TweedieErrorTests {
  /// The error at the measured steps, straight lines between them, constant beyond.
  @Test func interpolates() {
    let error = TweedieError(steps: [10, 20, 40], errors: [0.1, 0.3, 0.2], NoiseSchedule())
    for (t, expected) in [(0, 0.1), (10, 0.1), (15, 0.2), (20, 0.3), (30, 0.25), (40, 0.2), (999, 0.2)] {
      #expect(abs(error[t] - expected) < 1e-15, "step \(t)")
    }
  }

  /// A curve of a longer schedule is known over all its steps.
  @Test func reachesTheLastMeasuredStep() {
    let error = TweedieError(steps: [0, 1999], errors: [0.1, 0.5], NoiseSchedule())
    #expect(abs(error[1999] - 0.5) < 1e-15)
  }

  /// Unmeasured: the posterior deviation of a normal prior of variance 1/4, 0 for no noise and 1/2 for nothing but.
  @Test func fallsBackToAGaussian() {
    let schedule = NoiseSchedule()
    let error = TweedieError(PriorDescription(), schedule)
    for t in [0, 100, 500, 999] {
      let variance = 1 / (4 + schedule.a(t) * schedule.a(t) / (schedule.b(t) * schedule.b(t)))
      #expect(abs(error[t] / variance.squareRoot() - 1) < 1e-12, "step \(t)")
    }
  }
}
