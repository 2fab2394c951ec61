import Foundation
import Testing

@Suite struct ConvertCommandTests {
  @Test func convertsAndSaysWhatItWrote() throws {
    let program = try Program()
    try program.run("phantom", Program.thorax, "--size", "32", "--slices", "3", "--output", "truth.tif")
    let outcome = try program.run(
      "convert", "truth.tif", "small.tif", "--storage", "uint16", "--range", "-1024,3071", "--compression",
      "deflate",
      "--pages", "1...3/2")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("'small.tif': 2 pages of 32 × 32, uint16, value = -1024.0 + 0.0624"))
    let text = try program.run("info", "small.tif").output
    #expect(text.contains("pages        2 of 32 × 32\n"), "\(text)")
    #expect(text.contains("samples      uint16, Deflate, strips, little endian\n"))
    #expect(text.contains("unit         HU\n"))
    #expect(text.contains("phantom      thorax\n"))
    #expect(text.contains("\n\npage 2, blank at -1000"))
    #expect(try program.files() == ["small.tif", "truth.tif"])
  }

  @Test func drawsAPicture() throws {
    let program = try Program()
    try program.run("phantom", Program.thorax, "--size", "32", "--slices", "1", "--output", "truth.tif")
    #expect(try program.run("info", "truth.tif", "--picture", "a.png", "--json").status == 0)
    #expect(try program.data("a.png").prefix(4) == Data([0x89, 0x50, 0x4e, 0x47]))
    #expect(try program.run("info", "truth.tif", "--picture", "a.jpg").status == 64)
  }

  @Test func refusesWhatItCannotDo() throws {
    let program = try Program()
    try program.run("phantom", Program.thorax, "--size", "8", "--slices", "1", "--output", "a.tif")
    func errors(_ arguments: String..., status: Int32) throws -> String {
      let outcome = try program.start(["convert"] + arguments)()
      #expect(outcome.status == status)
      return outcome.errors
    }
    #expect(
      try errors("a.tif", "a.tif", status: 1)
        == "Error: the output would replace 'a.tif', which is read. Give it another name.\n")
    #expect(try errors("a.tif", "b.png", status: 64).contains("must end in .tif or .tiff."))
    #expect(
      try errors("a.tif", "b.tif", "--range", "1,0", "--storage", "uint16", status: 64).contains(
        "is no range"))
    #expect(try errors("a.tif", "b.tif", "--range", "0,1", status: 64).contains("Add --storage uint16."))
    #expect(try errors("a.tif", "b.tif", "--spacing", "1,-1", status: 64).contains("is no spacing"))
    #expect(try errors("none.tif", "b.tif", status: 1).contains("there is no such file or folder"))
    #expect(try program.files() == ["a.tif"])
  }
}
