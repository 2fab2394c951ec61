import Foundation
import Testing

@Suite struct AxisCommandTests {
  /// A scan whose axis is at bin 44.3, in a pipeline that leaves the axis to a search.
  private static func program() throws -> Program {
    let program = try Program()
    let pipeline = """
      geometry:
        angles: {count: 60, range: 180}
        bins: 96
        binSpacing: 5
        axis: AXIS
        image: {size: 32, spacing: 16}
      noise: {sigma: 0.01}
      unit: 1/mm
      reconstructions:
        - {method: fbp}

      """
    try program.write(pipeline.replacingOccurrences(of: "AXIS", with: "44.3"), to: "stated.yaml")
    try program.write(pipeline.replacingOccurrences(of: "AXIS", with: "auto"), to: "auto.yaml")
    let made = try program.run(
      "simulate", "stated.yaml", "--phantom", Program.thorax, "--output", "scan.tif", "--noise", "0.03")
    #expect(made.status == 0, "\(made.errors)")
    return program
  }

  @Test func findsTheAxisAndShowsCandidates() throws {
    let program = try Self.program()
    let outcome = try program.run(
      "axis", "auto.yaml", "--input", "scan.tif", "--candidates", "2", "--step", "0.5", "--output",
      "axis.png",
      "--json")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let answer = try outcome.json()
    let axis = try #require(answer["axis"] as? Double)
    #expect(abs(axis - 44.3) < 0.25)
    #expect(try #require(answer["confidence"] as? Double) > 0.6)
    let candidates = try #require(answer["candidates"] as? [[String: Any]])
    let axes = candidates.compactMap { $0["axis"] as? Double }
    // JSON rounds the last digit.
    #expect(axes.elementsEqual((-2...2).map { axis + 0.5 * Double($0) }) { abs($0 - $1) < 1e-9 })
    #expect(try program.data("axis.png").prefix(4) == Data([0x89, 0x50, 0x4e, 0x47]))
    let text = try program.run("axis", "auto.yaml", "--input", "scan.tif", "--near", "44", "--within", "4")
    #expect(text.status == 0)
    #expect(text.output.contains("axis: 44."))
    #expect(text.output.contains("outside the double wedge"))
  }

  @Test func runsWithTheAxisItFound() throws {
    let program = try Self.program()
    let outcome = try program.run("run", "auto.yaml", "--input", "scan.tif", "--output", "out")
    #expect(outcome.status == 0 || outcome.status == 3, "\(outcome.errors)")
    #expect(outcome.errors.contains("axis: 44."))
    #expect(program.exists("out/volume.tif"))
    let found = try #require(try program.json("out/manifest.json")["foundAxis"] as? Double)
    #expect(abs(found - 44.3) < 0.25)
    // It is not searched a second time.
    let again = try program.run("run", "auto.yaml", "--input", "scan.tif", "--output", "out")
    #expect(again.status == outcome.status && !again.errors.contains("axis:"), "\(again.errors)")
  }

  @Test(arguments: [
    (["--near", "44", "--within", "0"], "'--within' is 0.0, expected at least 1 bin."),
    (["--within", "4"], "'--within' says how far from '--near'. Give both."),
    (["--output", "axis.jpg"], "The output 'axis.jpg' must end in .png."),
    (["--step", "0"], "'--step' is 0.0, expected a number above 0."),
  ])
  func refusesWrongUsage(arguments: [String], message: String) throws {
    let outcome = try Program().start(["axis", "auto.yaml"] + arguments)()
    #expect(outcome.status == 64)
    #expect(outcome.errors.contains(message), "\(outcome.errors)")
  }
}
