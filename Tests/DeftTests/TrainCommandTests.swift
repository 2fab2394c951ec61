import Fields
import Formats
import Foundation
import TestSupport
import Testing

@Suite struct TrainCommandTests {
  /// A scan, and a prior of eight channels after as many iterations.
  private static func trained(_ iterations: Int = 1) throws -> Program {
    let program = try Program.withScan()
    try writeTraining(in: program, iterations)
    let outcome = try program.run("train", "prior", "prior.yaml")
    try #require(outcome.status == 0, "\(outcome.errors)")
    return program
  }

  private static func writeTraining(in program: Program, _ iterations: Int) throws {
    try program.write(
      """
      images: {phantoms: \(Program.family)}
      network: {channels: [8]}
      training: {crop: 16, phantomSize: 32, batch: 1, iterations: \(iterations)}
      output: prior
      """, to: "prior.yaml")
  }

  /// From clean images to a prior, samples, an h-network, and reconstructions with both.
  @Test func makesNetworksThatRunAndCompareUse() throws {
    let program = try Self.trained()
    #expect(
      try program.files(in: "prior") == [
        "config.json", "deft.json", "diffusion_pytorch_model.safetensors", "loss.csv",
        "scheduler_config.json",
        "training", "training.json",
      ])
    let sampled = try program.run(
      "sample", "--prior", "prior", "--size", "16", "--count", "2", "--steps", "2", "--output", "samples.tif")
    #expect(sampled.status == 0, "\(sampled.errors)")
    #expect(sampled.output.isEmpty && sampled.errors.contains("'samples.tif': 2 images of 16 × 16"))
    let samples = try ImageStack(path: program.path("samples.tif"))
    #expect(samples.count == 2 && samples.info.unit == "HU")
    #expect(try samples.page(0) != samples.page(1))

    try program.writePipeline(
      "tuned.yaml", reconstructions: ["{method: dds, steps: 2}"], extra: "prior: prior")
    try program.write(
      """
      pipeline: tuned.yaml
      images: {phantoms: \(Program.family)}
      noise: [0.05, 0.1]
      network: {channels: [8], iterations: 1}
      training: {batch: 1, iterations: 1}
      output: h
      """, to: "h.yaml")
    let tuned = try program.run("train", "h", "h.yaml")
    #expect(tuned.status == 0, "\(tuned.errors)")
    #expect(tuned.output.isEmpty && tuned.errors.contains("h-network of "))

    try program.writePipeline(
      "deft.yaml", reconstructions: ["{method: deft, steps: 2}"], extra: "prior: prior\nh: h")
    let run = try program.run("run", "deft.yaml", "--input", "scan.tif", "--output", "out")
    #expect([0, 3].contains(run.status), "\(run.errors)")
    // The scan has 1 % of noise, the network was tuned for 5 to 10 %.
    #expect(run.errors.contains("warning: the network "), "\(run.errors)")
    #expect(
      String(decoding: try program.data("out/report.html"), as: UTF8.self).contains("was tuned for noise of"))

    let compared = try program.run(
      "compare", "deft.yaml", "--truth", "truth.tif", "--input", "scan.tif", "--methods", "dds:2,deft:2",
      "--json", "table.json")
    #expect(compared.status == 0, "\(compared.errors)")
    #expect(
      try (program.json("table.json")["methods"] as? [[String: Any]])?.map { $0["nfe"] as? Int } == [2, 2])
  }

  /// A script that computes ε = x/2 + t/1000 stands for a prior.
  @Test func samplesFromGivenNoise() throws {
    let program = try Program()
    func noise(_ scale: Float) throws {
      var writer = try TIFFWriter(path: program.path("noise.tif"), rows: 16, columns: 16)
      for seed in 0..<2 {
        var generator = SplitMix64(seed: UInt64(seed))
        let samples = generator.normals(16 * 16)
        try writer.append(Image(shape: [16, 16], samples: seed == 0 ? samples : samples.map { $0 * scale }))
      }
      try writer.finish()
    }
    func sample(_ further: String...) throws -> Outcome {
      try program.start(
        ["sample", "--prior", Program.script, "--steps", "2", "--noise", "noise.tif", "--output", "a.tif"]
          + further)()
    }
    try noise(1)
    let outcome = try sample()
    #expect(outcome.status == 0 && outcome.errors.contains("2 images of 16 × 16"), "\(outcome.errors)")
    for further in ["--size", "--count"] {
      let outcome = try sample(further, "16")
      #expect(outcome.status == 64)
      #expect(outcome.errors.contains("'--noise' gives number and size of the images."), "\(outcome.errors)")
    }
    try FileManager.default.removeItem(atPath: program.path("a.tif"))
    try noise(1000)
    let refused = try sample()
    #expect(refused.status == 1)
    #expect(
      refused.errors.contains("Error: page 2 of 'noise.tif' has the root mean square "), "\(refused.errors)")
    #expect(!program.exists("a.tif"))
  }

  @Test func savesItsStateWhenInterrupted() throws {
    let program = try Program()
    try Self.writeTraining(in: program, 1_000_000)
    let outcome = try program.interrupt("train", "prior", "prior.yaml") { $0.contains("25/1000000") }
    #expect(outcome.status == 130, "\(outcome.errors)")
    #expect(
      outcome.errors.hasSuffix("interrupted; the same command goes on from here\n"), "\(outcome.errors)")
    #expect(program.exists("prior/training/state.safetensors"))
    #expect(try !program.files(in: "prior").contains { $0.contains(".partial-") })
    let again = try program.interrupt("train", "prior", "prior.yaml") { $0.contains("resumed at iteration ") }
    #expect(again.status == 130)
  }

  @Test func saysWhereItCannotWrite() throws {
    let program = try Program()
    try Self.writeTraining(in: program, 1)
    let outcome = try program.run("train", "prior", "prior.yaml", "--output", "prior.yaml/x")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("Error: cannot "), "\(outcome.errors)")
    #expect(!outcome.errors.contains("Domain"), "\(outcome.errors)")
  }

  @Test(arguments: [
    ("batch: 0", "'batch' is 0, expected a whole number from 1 to 4096."),
    ("batch: 99999999", "'batch' is 99999999, expected a whole number from 1 to 4096."),
    ("crop: 1000000", "'crop' is 1000000, expected a whole number from 8 to 4096."),
    ("phantomSize: 1000000", "'phantomSize' is 1000000, expected a whole number from 8 to 8192."),
    ("iterations: 9999999999999999999", "'iterations' is 9999999999999999999, expected a whole number"),
  ])
  func refusesNumbersThatCannotBe(key: String, message: String) throws {
    let program = try Program()
    let iterations = key.hasPrefix("iterations") ? "" : ", iterations: 1"
    try program.write(
      """
      images: {phantoms: \(Program.family)}
      training: {\(key)\(iterations)}
      output: prior
      """, to: "prior.yaml")
    let outcome = try program.run("train", "prior", "prior.yaml")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("'prior.yaml', line 2, column "), "\(outcome.errors)")
    #expect(outcome.errors.contains(message), "\(outcome.errors)")
  }

  @Test(arguments: [
    (["--size", "100000"], "'--size' is 100000, expected a number from 1 to 4096."),
    (["--count", "0"], "'--count' is 0, expected a number from 1 to 1000000."),
    (["--steps", "0"], "'--steps' is 0, expected a number from 1 to 100000."),
    (["--eta", "2"], "'--eta' is 2.0, expected a number from 0 to 1."),
  ])
  func sampleRefusesWrongUsage(arguments: [String], message: String) throws {
    let outcome = try Program().start(["sample", "--prior", "p", "--output", "a.tif"] + arguments)()
    #expect(outcome.status == 64)
    #expect(outcome.errors.contains(message), "\(outcome.errors)")
  }
}
