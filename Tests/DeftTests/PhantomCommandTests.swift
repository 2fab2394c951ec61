import Fields
import Formats
import Foundation
import Testing

@Suite struct PhantomCommandTests {
  @Test func drawsTheMiddlesOfSlabsInHounsfieldUnits() throws {
    let program = try Program()
    let outcome = try program.run(
      "phantom", Program.thorax, "--size", "32", "--slices", "3", "--output", "truth.tif")
    #expect(outcome.status == 0)
    #expect(outcome.output.isEmpty)

    let stack = try ImageStack(path: program.path("truth.tif"))
    #expect(stack.count == 3 && stack.info.unit == "HU" && stack.info.metadata["phantom"] == "thorax")
    #expect(stack.info.spacing == Spacing(x: 380.0 / 32, y: 380.0 / 32, z: 40))
    // The thorax reaches from −60 to 60 mm, so the slices lie at −40, 0 and 40.
    let phantom = try PhantomFile.phantom(Program.thorax)
    for (index, z) in [-40.0, 0, 40].enumerated() {
      let expected = phantom.image(on: phantom.grid(size: 32), z: z)
      let page = try stack.page(index)
      // Rounding of single precision at 1000 HU.
      #expect(zip(page.samples, expected.samples).allSatisfy { abs($0 - ($1 * 50000 - 1000)) < 1e-3 })
    }
  }

  @Test func drawsAnotherMemberOfAFamilyForEverySlice() throws {
    let program = try Program()
    try program.run(
      "phantom", Program.family, "--size", "16", "--slices", "3", "--output", "a.tif", "--unit", "1/mm")
    try program.run(
      "phantom", Program.family, "--size", "16", "--slices", "2", "--output", "b.tif", "--unit", "1/mm",
      "--seed", "2")
    let (a, b) = (try ImageStack(path: program.path("a.tif")), try ImageStack(path: program.path("b.tif")))
    #expect(a.info.unit == "1/mm")
    #expect(try a.page(0) != a.page(1))
    #expect(try a.page(1) == b.page(0) && a.page(2) == b.page(1))
  }

  @Test func keepsThePlainValuesOfAPhantomWithoutUnit() throws {
    let program = try Program()
    try program.run("phantom", Program.sheppLogan, "--size", "16", "--output", "a.tif")
    let stack = try ImageStack(path: program.path("a.tif"))
    #expect(stack.info.unit == nil)
    #expect(try stack.page(0)[8, 8] > 0.1)

    let outcome = try program.run(
      "phantom", Program.sheppLogan, "--size", "16", "--output", "b.tif", "--unit", "HU")
    #expect(outcome.status == 1)
    #expect(
      outcome.errors == "Error: the phantom 'Shepp-Logan' has values without a unit, expected attenuation. "
        + "Write 'unit: HU' or 'unit: 1/mm' into its file, with values to match.\n")
  }

  @Test func givesTheSameBytesAtAnyNumberOfThreads() throws {
    let program = try Program()
    for threads in ["1", "3"] {
      try program.run(
        "phantom", Program.thorax, "--size", "32", "--slices", "5", "--threads", threads, "--output",
        "\(threads).tif")
    }
    #expect(try program.data("1.tif") == program.data("3.tif"))
  }

  @Test func saysWhereAFileIsWrong() throws {
    let program = try Program()
    try program.write(
      "name: x\nunit: HU\nfieldOfView: 10\nparts:\n  - {elipse: [1, 2], value: 3}\n", to: "x.yaml")
    let outcome = try program.run("phantom", "x.yaml", "--output", "x.tif")
    #expect(outcome.status == 1)
    #expect(outcome.errors.hasPrefix("Error: 'x.yaml', line 5, column 6: "), "\(outcome.errors)")
    #expect(outcome.errors.contains("ellipse"))

    let missing = try program.run("phantom", "none.yaml", "--output", "x.tif")
    #expect(missing.status == 1)
    #expect(missing.errors.hasPrefix("Error: cannot read 'none.yaml': "), "\(missing.errors)")
    #expect(try program.files() == ["x.yaml"])
  }

  @Test(arguments: [
    (["--size", "0"], "Error: '--size' is 0, expected a number from 1 to 16384."),
    (["--threads", "0"], "Error: '--threads' is 0, expected a number from 1 to 1024."),
    (["--unit", "hu"], "Error: The value 'hu' is invalid for '--unit <unit>'."),
  ])
  func refusesWrongUsage(arguments: [String], message: String) throws {
    let program = try Program()
    let outcome = try program.start(["phantom", Program.thorax, "--output", "x.tif"] + arguments)()
    #expect(outcome.status == 64)
    #expect(outcome.errors.hasPrefix(message), "\(outcome.errors)")
    #expect(try program.files().isEmpty)
  }

  @Test func refusesAnOutputThatCannotBe() throws {
    let program = try Program()
    try FileManager.default.createDirectory(
      atPath: program.path("folder.tif"), withIntermediateDirectories: false)
    func errors(_ output: String) throws -> (Int32, String) {
      let outcome = try program.run("phantom", Program.thorax, "--size", "8", "--output", output)
      return (outcome.status, outcome.errors)
    }
    #expect(
      try errors("folder.tif") == (
        1,
        "Error: cannot create 'folder.tif': it is a folder. Check that its folder exists and that you may write there.\n"
      ))
    #expect(
      try errors("none/x.tif") == (
        1,
        "Error: cannot create 'none/x.tif': No such file or directory. Check that its folder exists and that you "
          + "may write there.\n"
      ))
    let (status, text) = try errors("x.png")
    #expect(status == 64 && text.hasPrefix("Error: The output 'x.png' must end in .tif or .tiff."))

    // The superuser may write anywhere.
    if geteuid() != 0 {
      try FileManager.default.createDirectory(
        atPath: program.path("locked"), withIntermediateDirectories: false,
        attributes: [.posixPermissions: 0o555])
      let (status, text) = try errors("locked/x.tif")
      #expect(status == 1 && text.hasPrefix("Error: cannot create 'locked/x.tif': Permission denied."))
    }
    #expect(try program.files().filter { $0 != "locked" } == ["folder.tif"])
  }

  @Test func leavesNothingWhenInterrupted() throws {
    let program = try Program()
    try program.write("earlier", to: "x.tif")
    let outcome = try program.interrupt(
      "phantom", Program.thorax, "--size", "1024", "--slices", "400", "--output", "x.tif"
    ) { _ in try program.files().contains { $0.contains(".partial-") } }
    #expect(outcome.status == 130)
    #expect(outcome.errors == "interrupted; nothing was written\n")
    #expect(try program.files() == ["x.tif"])
    #expect(try program.data("x.tif") == Data("earlier".utf8))
  }

  /// The first Ctrl-C waits for the slice under way, the second does not.
  @Test func endsAtOnceWhenInterruptedTwice() throws {
    let program = try Program()
    let start = ContinuousClock.now
    var signalled = start
    let outcome = try program.start([
      "phantom", Program.thorax, "--size", "8192", "--slices", "4", "--threads", "1", "--output", "x.tif",
    ]) { process in
      let deadline = start + .seconds(60)
      while try !program.files().contains(where: { $0.contains(".partial-") }), ContinuousClock.now < deadline
      {
        usleep(5_000)
      }
      process.interrupt()
      usleep(200_000)
      process.interrupt()
      signalled = .now
    }()
    #expect(outcome.status == 130)
    #expect(try program.files().isEmpty)
    // The four slices would take much longer.
    #expect(ContinuousClock.now - signalled < .seconds(5))
  }
}
