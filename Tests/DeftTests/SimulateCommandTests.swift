import Fields
import Formats
import Foundation
import TestSupport
import Testing

@Suite struct SimulateCommandTests {
  /// A folder with a pipeline and a volume that fits it.
  private static func prepared() throws -> Program {
    let program = try Program()
    try program.writePipeline()
    try program.run("phantom", Program.thorax, "--size", "32", "--slices", "3", "--output", "truth.tif")
    return program
  }

  @Test func goesFromPhantomToScanToDescription() throws {
    let program = try Self.prepared()
    let outcome = try program.run(
      "simulate", "pipeline.yaml", "--volume", "truth.tif", "--noise", "0.02", "--seed", "5", "--output",
      "scan.tif")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.isEmpty)

    let info = try program.run("info", "scan.tif", "--json").json()
    #expect(info["pages"] as? Int == 3 && info["rows"] as? Int == 24 && info["columns"] as? Int == 48)
    #expect(info["unit"] as? String == "line integral")
    #expect((info["spacing"] as? [String: Double]) == ["x": 11.875, "z": 40])
    let metadata = try #require(info["metadata"] as? [String: String])
    #expect(metadata["model"] == "rays" && metadata["seed"] == "5" && metadata["noise"] == "gaussian")
    let mean = try #require(metadata["mean_line_integral"].flatMap(Double.init))
    let sigma = try #require(metadata["noise_sigma"].flatMap(Double.init))
    #expect(sigma == 0.02 * mean)
    let values = try #require(info["values"] as? [String: Any])
    // The mean of 3 · 24 · 48 values of noise σ is off by less than 5 σ / √n.
    #expect(
      abs(try #require(values["mean"] as? Double) - mean) < 5 * sigma / Double(3 * 24 * 48).squareRoot())
  }

  @Test func namesTheModelOfTheReconstruction() throws {
    let program = try Self.prepared()
    let outcome = try program.run(
      "simulate", "pipeline.yaml", "--volume", "truth.tif", "--model", "operator", "--photons", "2e5",
      "--pages", "1...3/2",
      "--output", "scan.tif")
    #expect(outcome.errors.contains("the reconstruction's own operator"))
    let info = try ImageStack(path: program.path("scan.tif")).info
    #expect(info.pages == 2 && info.spacing.z == 80)
    #expect(info.metadata["model"] == "operator" && info.metadata["noise_photons"] == "200000.0")
    #expect(info.metadata["noise_sigma"] == nil && info.metadata["pages"] == "1...3/2")
  }

  @Test func measuresAPhantomInClosedForm() throws {
    let program = try Program()
    try program.writePipeline()
    try program.run(
      "simulate", "pipeline.yaml", "--phantom", Program.thorax, "--slices", "2", "--output", "scan.tif")
    let stack = try ImageStack(path: program.path("scan.tif"))
    #expect(stack.info.metadata["model"] == "closed-form" && stack.info.metadata["noise"] == "none")
    #expect(stack.info.metadata["phantom"] == "thorax")
    let expected = try PhantomFile.phantom(Program.thorax).sinogram(
      angles: Angle.even(24), bins: 48, binSpacing: 11.875, raysPerBin: 8, z: 30)
    #expect(try stack.page(1).samples == expected.samples)
  }

  @Test func givesTheSameBytesForTheSameSeed() throws {
    let program = try Self.prepared()
    for (name, seed, threads) in [("a", "1", "1"), ("b", "1", "2"), ("c", "2", "2")] {
      try program.run(
        "simulate", "pipeline.yaml", "--volume", "truth.tif", "--noise", "0.01", "--seed", seed, "--threads",
        threads,
        "--output", "\(name).tif")
      try program.run(
        "simulate", "pipeline.yaml", "--phantom", Program.family, "--slices", "3", "--photons", "1e4",
        "--seed", seed,
        "--threads", threads, "--output", "\(name)-closed.tif")
    }
    for kind in ["", "-closed"] {
      let (a, b, c) = try (
        program.data("a\(kind).tif"), program.data("b\(kind).tif"), program.data("c\(kind).tif")
      )
      #expect(a == b)
      #expect(a != c)
    }
  }

  @Test(arguments: [
    ([], "What is measured? Give '--volume FILE' or '--phantom FILE'."),
    (["--volume", "a", "--phantom", "b"], "Give '--volume' or '--phantom', not both."),
    (["--volume", "a", "--model", "closed-form"], "A volume has no closed form."),
    (["--volume", "a", "--slices", "2"], "'--slices' and '--phantom-seed' are for phantoms."),
    (
      ["--phantom", "a", "--pages", "2"],
      "'--pages', '--unit', '--offset' and '--ignore-spacing' are for volumes."
    ),
    (["--phantom", "a", "--noise", "0.1", "--photons", "1e5"], "Give '--noise' or '--photons', not both."),
    (
      ["--phantom", "a", "--noise", "0"],
      "'--noise' is 0.0, expected a number above 0. Leave it out for no noise."
    ),
    (
      ["--phantom", "a", "--model", "operator", "--rays-per-bin", "2"],
      "'--model operator' has no '--rays-per-bin'."
    ),
    (["--volume", "a", "--pages", "9...2"], "cannot understand the pages '9...2': '9...2' runs backwards"),
    (["--volume", "truth.tif", "--output", "./truth.tif"], "The output './truth.tif' is the input."),
  ])
  func refusesWrongUsage(arguments: [String], message: String) throws {
    let program = try Program()
    try program.writePipeline()
    let output = arguments.contains("--output") ? [] : ["--output", "scan.tif"]
    let outcome = try program.start(["simulate", "pipeline.yaml"] + arguments + output)()
    #expect(outcome.status == 64)
    #expect(outcome.errors.contains(message), "\(outcome.errors)")
    #expect(try program.files() == ["pipeline.yaml"])
  }

  @Test func refusesAVolumeThatDoesNotFit() throws {
    let program = try Self.prepared()
    try program.writePipeline("large.yaml", size: 64)
    try program.writePipeline("fine.yaml", spacing: 5)
    try program.write("not a picture", to: "rubbish.tif")
    try program.run("phantom", Program.sheppLogan, "--size", "32", "--output", "plain.tif")
    func errors(_ pipeline: String, _ arguments: String...) throws -> String {
      let outcome = try program.start(["simulate", pipeline, "--output", "scan.tif"] + arguments)()
      #expect(outcome.status == 1)
      return outcome.errors
    }
    #expect(
      try errors("large.yaml", "--volume", "truth.tif")
        == "Error: the pages of 'truth.tif' are 32 × 32, the image of "
        + "'large.yaml' is 64 × 64. Change 'image' in 'geometry', or give a volume of that size.\n")
    #expect(
      try errors("fine.yaml", "--volume", "truth.tif")
        == "Error: the pixels of 'truth.tif' are 11.875 × 11.875 mm apart, "
        + "those of 'fine.yaml' 5.0 × 5.0 mm. Change 'image' in 'geometry', resample the volume, or take its pixels "
        + "for those of the pipeline with '--ignore-spacing'.\n")
    #expect(
      try errors("pipeline.yaml", "--volume", "none.tif")
        == "Error: cannot open 'none.tif': there is no such file or folder. Check the path.\n")
    #expect(
      try errors("pipeline.yaml", "--volume", "rubbish.tif").hasPrefix(
        "Error: cannot read 'rubbish.tif': it is not a TIFF file (it begins with 6e 6f 74 20"))
    #expect(
      try errors("pipeline.yaml", "--volume", "plain.tif").hasPrefix(
        "Error: 'plain.tif' does not say in which unit its values are. Say it with '--unit HU' or '--unit 1/mm'"
      ))
    #expect(
      try errors("pipeline.yaml", "--volume", "truth.tif", "--unit", "1/mm")
        == "Error: 'truth.tif' says that its values are in HU, the command line says 1/mm. Leave out '--unit', or "
        + "correct the file.\n")
    #expect(
      try errors("pipeline.yaml", "--volume", "truth.tif", "--pages", "2,4")
        == "Error: 'truth.tif' has no page 4: it has 3 pages. Ask for a page from 1 to 3.\n")
    #expect(
      try errors("pipeline.yaml", "--phantom", Program.sheppLogan).hasPrefix(
        "Error: the phantom 'Shepp-Logan' has values without a unit, expected attenuation."))
    #expect(
      try program.files()
        == ["fine.yaml", "large.yaml", "pipeline.yaml", "plain.tif", "rubbish.tif", "truth.tif"])
  }

  @Test func refusesAPageThatIsNotANumber() throws {
    let program = try Self.prepared()
    var bytes = try program.data("truth.tif")
    // The first sample of the first page is air, −1000 HU; now it is a quiet NaN.
    let air = try #require(bytes.firstRange(of: Data([0, 0, 0x7a, 0xc4])))
    bytes.replaceSubrange(air, with: [0, 0, 0xc0, 0x7f])
    try bytes.write(to: program.folder.appendingPathComponent("nan.tif"))
    let outcome = try program.run("simulate", "pipeline.yaml", "--volume", "nan.tif", "--output", "scan.tif")
    #expect(outcome.status == 1)
    #expect(
      outcome.errors.contains("Error: page 1 of 'nan.tif' holds NaN at row 1, column 1."), "\(outcome.errors)"
    )
    #expect(try !program.files().contains { $0.hasPrefix("scan.tif") })

    let info = try program.run("info", "nan.tif", "--json").json()
    #expect((info["values"] as? [String: Any])?["notANumber"] as? Int == 1)
    #expect(try program.run("info", "nan.tif").output.contains("1 NaN, 0 infinite"))
  }

  @Test func saysWhereAPipelineIsWrong() throws {
    let program = try Program()
    try program.writePipeline(extra: "tytle: test")
    let outcome = try program.run(
      "simulate", "pipeline.yaml", "--phantom", Program.thorax, "--output", "scan.tif")
    #expect(outcome.status == 1)
    #expect(
      outcome.errors.hasPrefix("Error: 'pipeline.yaml', line 9, column 1: unknown key 'tytle'"),
      "\(outcome.errors)")
    #expect(outcome.errors.contains("Did you mean 'title'?"))
  }

  /// HU stored with an offset, without unit and spacing: what scanners export.
  @Test func takesUnitAndOffsetFromTheCommandLine() throws {
    let program = try Self.prepared()
    let truth = try ImageStack(path: program.path("truth.tif"))
    var writer = try TIFFWriter(path: program.path("raw.tif"), rows: 32, columns: 32, pages: 3)
    for page in 0..<3 { try writer.append(try truth.page(page).map { $0 + 1024 }) }
    try writer.finish()
    try program.run("simulate", "pipeline.yaml", "--volume", "truth.tif", "--output", "a.tif")
    let outcome = try program.run(
      "simulate", "pipeline.yaml", "--volume", "raw.tif", "--unit", "HU", "--offset", "-1024", "--output",
      "b.tif")
    #expect(
      outcome.errors.contains(
        "'raw.tif' states no spacing; it is taken to have the pipeline's pixels of 11.875 mm"))
    let (a, b) = (try ImageStack(path: program.path("a.tif")), try ImageStack(path: program.path("b.tif")))
    // HU of up to 2000 are rounded to 1e-4 by the offset.
    for page in 0..<3 { #expect(relativeError(try b.page(page), try a.page(page)) < 1e-6) }
  }
}
