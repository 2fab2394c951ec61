import Foundation
import TestSupport
import Testing

@Suite struct InfoCommandTests {
  @Test func describesAStackInWords() throws {
    let program = try Program()
    try program.run("phantom", Program.thorax, "--size", "32", "--slices", "2", "--output", "truth.tif")
    let text = try program.run("info", "truth.tif").output
    #expect(text.contains("pages       2 of 32 × 32\n"), "\(text)")
    #expect(text.contains("samples     float32, uncompressed, strips, little endian\n"))
    #expect(
      text.contains("spacing     11.875 mm between columns, 11.875 mm between rows, 60 mm between pages\n"))
    #expect(text.contains("unit        HU\n"))
    #expect(text.contains("values      -1000 to "))
    #expect(text.contains("not finite  none\n"))
    #expect(text.contains("phantom     thorax\n"))
  }

  @Test func saysTheDimensionsOfAnArray() throws {
    let program = try Program()
    let text = try program.run("info", "\(packageFolder)/Tests/FormatsTests/Fixtures/coils.cfl").output
    #expect(text.contains("dimensions  12 10 1 2\n"), "\(text)")
  }

  @Test func printsTheManifestOfARun() throws {
    let program = try Program()
    try program.write("{\"b\": [1, 2], \"a\": \"x/y\"}", to: "manifest.json")
    #expect(try program.run("info", "manifest.json").output == program.run("info", ".").output)
    #expect(try program.run("info", ".").output.contains("\"a\" : \"x/y\",\n"))
    try program.write("{\"b\": [1, ", to: "manifest.json")
    let outcome = try program.run("info", "manifest.json")
    #expect(outcome.status == 1)
    #expect(outcome.errors.hasPrefix("Error: cannot read 'manifest.json': it is not JSON."))
  }

  @Test func describesATorchScriptPrior() throws {
    let program = try Program()
    let text = try program.run("info", Program.script).output
    #expect(text.contains("network         TorchScript prior\n"), "\(text)")
    #expect(text.contains("−1 to 1 is      -1000 to 1000 HU\n"), "\(text)")
    #expect(!text.contains("channels"))
  }

  @Test func refusesWhatItDoesNotKnow() throws {
    let program = try Program()
    try program.write("text", to: "notes.txt")
    try program.write("text", to: "rubbish.tif")
    try program.write("text", to: "rubbish.nii")
    func errors(_ path: String) throws -> String {
      let outcome = try program.run("info", path)
      #expect(outcome.status == 1 && outcome.output.isEmpty)
      return outcome.errors
    }
    #expect(
      try errors("none.tif")
        == "Error: cannot open 'none.tif': there is no such file or folder. Check the path.\n")
    #expect(try errors("notes.txt").hasPrefix("Error: cannot tell the format of 'notes.txt'"))
    #expect(try errors("rubbish.tif").hasPrefix("Error: cannot read 'rubbish.tif': it is not a TIFF file"))
    // libnifti says nothing of its own.
    #expect(try errors("rubbish.nii").hasPrefix("Error: "))
    #expect(try program.run("info").status == 64)
  }
}
