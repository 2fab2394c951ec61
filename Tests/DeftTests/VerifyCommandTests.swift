import Foundation
import Testing

@Suite struct VerifyCommandTests {
  @Test func printsEveryFigureAsJSON() throws {
    let program = try Program()
    let outcome = try program.run("verify", "--size", "33", "--angles", "12", "--runs", "1", "--json")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let report = try outcome.json()
    let rows = try #require(report["rows"] as? [[String: Any]])
    #expect(
      rows.map { $0["operator"] as? String } == [
        "radon", "rays", "fan", "nufft", "nufft3d", "toeplitz", "cartesian", "sense", "radialSense",
        "toeplitzSense",
      ])
    for row in rows {
      #expect(row["passes"] as? Bool == true)
      for key in [
        "forward", "adjoint", "adjointError", "adjointRatio", "linearityError", "norm", "error",
      ] {
        #expect(row[key] is Double, "\(key)")
      }
    }
    for row in rows.prefix(2) {
      #expect(row["size"] as? Int == 33 && row["angles"] as? Int == 12 && row["fbp"] is Double)
    }
    let pairs = try #require(report["pairs"] as? [[String: Any]])
    #expect(pairs.count == 1 && pairs[0]["operators"] as? [String] == ["radon", "rays"])
  }

  @Test func printsATable() throws {
    let program = try Program()
    let outcome = try program.run(
      "verify", "--size", "16", "--angles", "6", "--runs", "1", "--operator", "radon")
    #expect(outcome.status == 0)
    #expect(outcome.output.contains("adjoint error"))
    #expect(!outcome.output.contains("rays"))
  }

  @Test func writesAndReadsMeasuredPlans() throws {
    let program = try Program()
    let scan = ["verify", "--size", "16", "--angles", "6", "--runs", "1", "--operator", "radon"]
    #expect(try program.start(scan + ["--make-wisdom", "plans"])().status == 0)
    #expect(String(decoding: try program.data("plans"), as: UTF8.self).hasPrefix("(fftw"))
    #expect(try program.start(scan + ["--wisdom", "plans"])().status == 0)

    // Whoever reads the manifest sees that they were used.
    try program.writePipeline(extra: "wisdom: plans")
    try program.run(
      "simulate", "pipeline.yaml", "--phantom", Program.thorax, "--slices", "1", "--noise", "0.01",
      "--output",
      "scan.tif")
    let run = try program.run("run", "pipeline.yaml", "--input", "scan.tif", "--output", "out")
    #expect(run.status == 0 || run.status == 3, "\(run.errors)")
    let inputs = try #require(try program.json("out/manifest.json")["inputs"] as? [[String: Any]])
    #expect(inputs.compactMap { $0["name"] as? String } == ["scan.tif", "plans"])

    try program.write("no wisdom", to: "plans")
    let outcome = try program.start(scan + ["--wisdom", "plans"])()
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("it is no wisdom of this version of FFTW"), "\(outcome.errors)")
  }

  @Test(arguments: [
    (
      ["--operator", "radn"],
      "unknown operator 'radn'; known are radon, rays, fan, nufft, nufft3d, toeplitz, cartesian, sense, radialSense, toeplitzSense."
    ),
    (["--size", "1"], "'--size' is 1, expected a number from 2 to 16384."),
  ])
  func refusesWrongUsage(arguments: [String], message: String) throws {
    let outcome = try Program().start(["verify"] + arguments)()
    #expect(outcome.status == 64)
    #expect(outcome.errors.contains(message), "\(outcome.errors)")
  }
}
