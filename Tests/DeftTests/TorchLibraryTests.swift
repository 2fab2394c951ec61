import Foundation
import Testing

/// A program that was copied without the library of its networks, or with a broken one.
@Suite struct TorchLibraryTests {
  private static func program() throws -> Program {
    let program = try Program()
    try FileManager.default.copyItem(at: Program.executable, to: URL(fileURLWithPath: program.path("deft")))
    return program
  }

  private static func run(_ program: Program, _ arguments: String...) throws -> Outcome {
    try program.start(arguments, copy: "deft")()
  }

  @Test func doesWhatNeedsNoNetwork() throws {
    let program = try Self.program()
    #expect(
      try Self.run(
        program, "phantom", Program.thorax, "--size", "32", "--slices", "2", "--output", "truth.tif"
      ).status == 0)
    #expect(try Self.run(program, "info", "truth.tif").status == 0)
  }

  @Test(arguments: [false, true])
  func saysWhatIsMissing(isBroken: Bool) throws {
    let program = try Self.program()
    if isBroken { try program.write("no library", to: "libDeftTorch.so") }
    for arguments in [
      ["info", Program.script],
      ["sample", "--prior", Program.script, "--count", "1", "--output", "samples.tif"],
    ] {
      let outcome = try program.start(arguments, copy: "deft")()
      #expect(outcome.status == 1)
      #expect(outcome.errors.contains("libtorch: networks need"), "\(outcome.errors)")
      #expect(outcome.errors.contains("libDeftTorch.so") && outcome.errors.contains("'make'"))
      #expect(outcome.errors.contains("cannot be loaded") == isBroken, "\(outcome.errors)")
    }
    #expect(!program.exists("samples.tif"))
  }
}
