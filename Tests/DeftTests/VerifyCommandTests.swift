import Foundation
import Testing

@Suite struct VerifyCommandTests {
  @Test func printsEveryFigureAsJSON() throws {
    let program = try Program()
    let outcome = try program.run("verify", "--size", "33", "--angles", "12", "--runs", "1", "--json")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let report = try outcome.json()
    let rows = try #require(report["rows"] as? [[String: Any]])
    #expect(rows.map { $0["operator"] as? String } == ["radon", "rays", "fan"])
    for row in rows {
      #expect(row["size"] as? Int == 33 && row["angles"] as? Int == 12 && row["passes"] as? Bool == true)
      for key in [
        "forward", "adjoint", "fbp", "adjointError", "adjointRatio", "linearityError", "norm", "error",
      ] {
        #expect(row[key] is Double, "\(key)")
      }
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

  @Test(arguments: [
    (["--operator", "radn"], "unknown operator 'radn'; known are radon, rays, fan."),
    (["--size", "1"], "'--size' is 1, expected a number from 2 to 16384."),
  ])
  func refusesWrongUsage(arguments: [String], message: String) throws {
    let outcome = try Program().start(["verify"] + arguments)()
    #expect(outcome.status == 64)
    #expect(outcome.errors.contains(message), "\(outcome.errors)")
  }
}
