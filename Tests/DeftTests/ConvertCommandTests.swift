import Fields
import Formats
import Foundation
import TestSupport
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

  @Test func writesEveryFormat() throws {
    let program = try Program()
    try program.run("phantom", Program.thorax, "--size", "16", "--slices", "2", "--output", "truth.tif")
    func convert(_ name: String) throws -> String {
      let outcome = try program.run("convert", "truth.tif", name)
      #expect(outcome.status == 0, "\(outcome.errors)")
      return outcome.errors
    }
    #expect(
      try convert("a.npy").contains(
        "'a.npy': 2 pages of 16 × 16, float32; not kept: spacing, unit, description\n"
      ))
    #expect(
      try convert("a.nii.gz").contains(
        "float32; not kept: unit, description\n"))
    #expect(try convert("slices/").contains("'slices/': 2 pages of 16 × 16, float32\n"))
    _ = try convert("a.cfl")
    #expect(try program.files(in: "slices") == ["recon_00001.tif", "recon_00002.tif"])
    #expect(try program.files() == ["a.cfl", "a.hdr", "a.nii.gz", "a.npy", "slices", "truth.tif"])
    #expect(try program.run("info", "slices").output.contains(" TIFF, 2 files\n"))
    try program.write("mine", to: "slices/notes.txt")
    let refused = try program.run("convert", "truth.tif", "slices")
    #expect(refused.status == 1)
    #expect(
      refused.errors.hasSuffix(
        "Error: cannot replace the folder 'slices': it holds 'notes.txt', which 'deft convert' did not write. Give the name "
          + "of a new folder, or move what is in this one.\n"))
    #expect(try program.files(in: "slices").count == 3)
  }

  /// Files may not become as large as they must.
  @Test(arguments: ["b.tif", "b/", "b.nii", "b.nii.gz", "b.npy", "b.cfl"])
  func leavesNothingOnAFullDisk(name: String) throws {
    let program = try Program()
    // 64 KiB of noise, which does not become smaller.
    var samples = SplitMix64(seed: 1)
    try program.write(samples.normals(1 << 14), rows: 128, to: "a.tif")
    let full = try program.start(["convert", "a.tif", name], limitingFilesTo: 32)()
    #expect(full.status == 1)
    #expect(full.errors.contains("Error: cannot write "), "\(full.errors)")
    #expect(full.errors.contains("'\(name)") && !full.errors.contains(".partial-"), "\(full.errors)")
    #expect(try program.files() == ["a.tif"])
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
    #expect(
      try errors("a.tif", "b.h5", status: 64).contains(
        "cannot write 'b.h5': a file ends in .tif or .tiff (TIFF), .nii or .nii.gz (NIfTI), .npy (NumPy), .cfl or .hdr"
      ))
    #expect(
      try errors("a.tif", "b.npy", "--storage", "uint16", status: 64).contains(
        "'b.npy' cannot hold 16-bit integers with a scale: NumPy has no place for it."))
    #expect(
      try errors("a.tif", "b.tif", "--range", "1,0", "--storage", "uint16", status: 64).contains(
        "is no range"))
    #expect(try errors("a.tif", "b.tif", "--range", "0,1", status: 64).contains("Add --storage uint16."))
    #expect(try errors("a.tif", "b.tif", "--spacing", "1,-1", status: 64).contains("is no spacing"))
    #expect(try errors("none.tif", "b.tif", status: 1).contains("there is no such file or folder"))
    #expect(try program.files() == ["a.tif"])
  }
}

extension Program {
  /// One page of floats.
  fileprivate func write(_ samples: [Float], rows: Int, to name: String) throws {
    let columns = samples.count / rows
    var writer = try TIFFWriter(path: path(name), rows: rows, columns: columns, pages: 1)
    try writer.append(Image(shape: [rows, columns], samples: samples))
    try writer.finish()
  }
}
