import Operators
import RealModule
import TestSupport
import Testing

@Suite struct FourierPlanTests {
  /// The k-th sample of the transform of an impulse at j is exp(−2πi jk/n).
  @Test(arguments: [5, 12, 16, 30]) func transformsAnImpulse(n: Int) throws {
    let input = AlignedBuffer(count: 2 * n)
    let output = AlignedBuffer(count: 2 * n)
    let plan = try FourierPlan(.forward, length: n, inputPitch: n, outputPitch: n)
    input.start[2 * 3] = 1
    plan.execute(input.start, output.start)
    for k in 0..<n {
      let angle = -2 * Double.pi * 3 * Double(k) / Double(n)
      #expect(abs(Double(output.start[2 * k]) - .cos(angle)) < 4 * Double(Float.ulpOfOne))
      #expect(abs(Double(output.start[2 * k + 1]) - .sin(angle)) < 4 * Double(Float.ulpOfOne))
    }
  }

  @Test func returnsARealSignalTimesItsLength() throws {
    let n = 24
    let signal = AlignedBuffer(count: 3 * n)
    let spectrum = AlignedBuffer(count: 3 * (n + 2))
    let back = AlignedBuffer(count: 3 * n)
    for i in 0..<3 * n { signal.start[i] = Float((i * 7) % 11) }
    let forward = try FourierPlan(
      .realToComplex, length: n, count: 3, inputPitch: n, outputPitch: n / 2 + 1)
    let backward = try FourierPlan(
      .complexToReal, length: n, count: 3, inputPitch: n / 2 + 1, outputPitch: n)
    forward.execute(signal.start, spectrum.start)
    backward.execute(spectrum.start, back.start)
    for i in 0..<3 * n {
      #expect(abs(back.start[i] / Float(n) - signal.start[i]) < 10 * 8 * Float.ulpOfOne)
    }
  }

  @Test func plansFromManyTasksAtOnce() async throws {
    let sums = try await withThrowingTaskGroup(of: Float.self) { group in
      for task in 0..<200 {
        group.addTask {
          let n = 16 + 2 * (task % 40)
          let plan = try FourierPlan(.realToComplex, length: n, inputPitch: n, outputPitch: n / 2 + 1)
          let input = AlignedBuffer(count: n)
          let output = AlignedBuffer(count: n + 2)
          for i in 0..<n { input.start[i] = 1 }
          plan.execute(input.start, output.start)
          return output.start[0] - Float(n)
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(sums == Array(repeating: 0, count: 200))
  }

  /// Of a length that no other test plans, as all of a process share what is known.
  @Test func measuresPlansWhenTold() throws {
    let n = 2 * 617
    let plan = try FourierWisdom.measuring {
      try FourierPlan(.forward, length: n, inputPitch: n, outputPitch: n)
    }
    let input = AlignedBuffer(count: 2 * n)
    let output = AlignedBuffer(count: 2 * n)
    input.start[0] = 1
    plan.execute(input.start, output.start)
    #expect((0..<2 * n).allSatisfy { abs(output.start[$0] - ($0 % 2 == 0 ? 1 : 0)) < 16 * Float.ulpOfOne })
    let folder = try TemporaryFolder()
    let text = try FourierWisdom.text()
    #expect(text.hasPrefix("(fftw"))
    try folder.write(text, to: "wisdom")
    try FourierWisdom.read(contentsOf: folder("wisdom"))
  }

  @Test(arguments: [
    ("(fftw-3.3.10 fftw_wisdom", "it is no wisdom of this version of FFTW"), ("", "it is no wisdom"),
    (nil, "there is no such file"),
  ]) func refusesWhatIsNoWisdom(text: String?, reason: String) throws {
    let folder = try TemporaryFolder()
    if let text { try folder.write(text, to: "wisdom") }
    do {
      try FourierWisdom.read(contentsOf: folder("wisdom"))
      Issue.record("read")
    } catch {
      #expect("\(error)".hasPrefix("cannot read '\(folder("wisdom"))': \(reason)"), "\(error)")
    }
  }

  @Test func refusesAnEmptyTransform() {
    #expect(throws: OperatorError.planFailed("1 transforms of 0 points")) {
      try FourierPlan(.forward, length: 0, inputPitch: 0, outputPitch: 0)
    }
  }

  @Test func findsFastLengths() {
    #expect(FourierPlan.fastLength(atLeast: 725) == 750)
    #expect(FourierPlan.fastLength(atLeast: 640, multipleOf: 4) == 640)
    #expect(FourierPlan.fastLength(atLeast: 1, multipleOf: 2) == 2)
  }

  @Test func visitsEveryTileOnce() {
    for threads in [1, 2, 5] {
      let visits = AlignedBuffer(count: 1000)
      parallel(tiles: 1000, threads: threads) { tile, worker in
        visits.start[tile] += 1
        precondition(worker < threads)
      }
      #expect((0..<1000).allSatisfy { visits.start[$0] == 1 })
    }
    parallel(tiles: 0, threads: 2) { _, _ in Issue.record("there is no tile") }
  }
}
