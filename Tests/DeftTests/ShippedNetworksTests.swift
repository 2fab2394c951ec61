import Foundation
import TestSupport
import Testing

/// What ships, on the phantom that ships: closed-form data of a slice of the thorax, 60 views, 1 % noise.
@Suite struct ShippedNetworksTests {
  private static let pipelines = packageFolder + "/pipelines"

  /// A pipeline file as it ships, its networks found from elsewhere.
  private static func shipped(_ changes: [(String, String)] = []) throws -> String {
    var text = try String(contentsOfFile: pipelines + "/sparse-view-ct.yaml", encoding: .utf8)
    for (old, new) in [
      ("prior: priors", "prior: \(pipelines)/priors"), ("h: priors", "h: \(pipelines)/priors"),
    ] + changes {
      try #require(text.contains(old), "the pipeline says '\(old)' nowhere")
      text = text.replacingOccurrences(of: old, with: new)
    }
    return text
  }

  /// The verdict sees nothing in a right scan; a rotation axis that is wrong by two bins it never misses.
  @Test(arguments: [(182.5, 0, "pass"), (184.5, 3, "fail")])
  func areBelievedWhereTheScanIsRight(axis: Double, status: Int32, verdict: String) throws {
    let program = try Program()
    try program.write(Self.shipped(), to: "pipeline.yaml")
    try program.write(Self.shipped([("  bins: 366\n", "  bins: 366\n  axis: \(axis)\n")]), to: "scanner.yaml")
    let simulated = try program.run(
      "simulate", "scanner.yaml", "--phantom", Program.thorax, "--slices", "1", "--noise", "0.01", "--output",
      "scan.tif")
    #expect(simulated.status == 0, "\(simulated.errors)")
    let outcome = try program.run("run", "pipeline.yaml", "--input", "scan.tif", "--output", "out")
    #expect(outcome.status == status, "\(outcome.errors)")
    let verdicts = try #require(program.json("out/verdict.json")["verdicts"] as? [[String: Any]])
    let deft = verdicts.filter { $0["method"] as? String == "deft" }
    #expect(deft.map { $0["status"] as? String } == [verdict], "\(deft.map { $0["reasons"] ?? "" })")
  }

  /// Half precision keeps each network below 16 MB.
  @Test(arguments: ["ct", "ct-60-views"])
  func areSmall(name: String) throws {
    let folder = Self.pipelines + "/priors/" + name
    let sizes = try FileManager.default.contentsOfDirectory(atPath: folder).map {
      try FileManager.default.attributesOfItem(atPath: "\(folder)/\($0)")[.size] as? Int ?? 0
    }
    #expect(sizes.reduce(0, +) < 16_000_000)
  }
}
