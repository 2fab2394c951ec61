import Diffusion
import Foundation
import Testing

@Suite struct NoiseScheduleTests {
  /// ᾱ of `linspace(1e-4, 0.02, 1000)` in double precision, by NumPy.
  @Test func hasTheNoiseLevelsOfDDPM() {
    let schedule = NoiseSchedule()
    #expect(schedule.steps == 1000)
    for (t, cumulative) in [
      (0, 0.9999), (10, 0.997806572507846), (100, 0.8951415908975365), (250, 0.5214230306185275),
      (500, 0.07779665836502389), (750, 0.0033001583615694255), (990, 4.837047811818103e-05),
    ] {
      #expect(abs(schedule.cumulative[t] / cumulative - 1) < 1e-12, "step \(t)")
      #expect(abs(schedule.a(t) * schedule.a(t) / cumulative - 1) < 1e-12)
      #expect(abs(schedule.a(t) * schedule.a(t) + schedule.b(t) * schedule.b(t) - 1) < 1e-15)
    }
    #expect(abs(schedule.cumulative[999] / 4.035830e-05 - 1) < 1e-6)
    #expect(schedule.a(-1) == 1 && schedule.b(-1) == 0)
  }

  @Test func invertsTheNoising() {
    let schedule = NoiseSchedule()
    for t in [0, 300, 999] {
      let x = schedule.a(t) * 0.7 + schedule.b(t) * -1.3
      #expect(abs(schedule.tweedie(x, noise: -1.3, step: t) - 0.7) < 1e-12 / schedule.a(t))
    }
  }

  @Test func spreadsTheSteps() {
    let schedule = NoiseSchedule()
    #expect(schedule.timesteps(1) == [999])
    #expect(schedule.timesteps(3) == [999, 666, 333])
    #expect(schedule.timesteps(999) == Array((1...999).reversed()))
    for count in [2, 5, 10, 20, 50, 100, 333, 500] {
      let steps = schedule.timesteps(count)
      #expect(steps.count == count && steps[0] == 999 && steps[count - 1] > 0)
      let gaps = zip(steps, steps.dropFirst()).map { $0 - $1 }
      #expect((gaps.max() ?? 0) - (gaps.min() ?? 0) <= 1, "\(count) steps are uneven")
    }
  }

  @Test func writesWhatItReads() throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("scheduler_config.json")
      for schedule in [
        NoiseSchedule(), NoiseSchedule(steps: 50, first: 1e-3, last: 0.3), NoiseSchedule(steps: 2),
      ] {
        try schedule.json().write(to: file)
        #expect(try NoiseSchedule(path: file.path) == schedule)
      }
    }
    // Written by diffusers.
    #expect(try NoiseSchedule(path: Fixtures.path("plain/scheduler_config.json")) == NoiseSchedule())
  }

  @Test func refusesOtherSchedules() throws {
    let refused: [(String, Any)] = [
      ("beta_schedule", "scaled_linear"), ("beta_schedule", "squaredcos_cap_v2"), ("beta_schedule", 1),
      ("prediction_type", "v_prediction"), ("prediction_type", "sample"), ("trained_betas", [0.1, 0.2]),
      ("rescale_betas_zero_snr", true), ("num_train_timesteps", "many"), ("num_train_timesteps", 0),
      ("num_train_timesteps", -5), ("num_train_timesteps", 1 << 40), ("beta_start", "0.1"), ("beta_start", 0),
      ("beta_start", -0.1), ("beta_start", 0.5), ("beta_end", 1),
    ]
    let name = "scheduler_config.json"
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent(name)
      for (key, value) in refused {
        try? FileManager.default.removeItem(at: file)
        try FileManager.default.copyItem(atPath: Fixtures.path("plain/\(name)"), toPath: file.path)
        try Fixtures.change(file, [key: value])
        let sentence = checkpointError { _ = try NoiseSchedule(path: file.path) }
        #expect(
          sentence.contains(key) || sentence.contains("is no schedule"), "\(key) = \(value): \(sentence)")
        #expect(sentence.contains(file.path))
      }
      for text in ["", "{", "[1, 2]", "3"] {
        try Data(text.utf8).write(to: file)
        #expect(checkpointError { _ = try NoiseSchedule(path: file.path) }.contains(file.path), "'\(text)'")
      }
    }
    #expect(checkpointError { _ = try NoiseSchedule(path: "/none/\(name)") }.contains("cannot read"))
  }
}
