import Fields
import Formats
import Foundation
import Pipeline
import TestSupport
import Testing

@Suite struct PipelineDescriptionTests {
  static let minimal = """
    geometry:
      angles: {count: 4, range: 180}
      bins: 12
      binSpacing: 2
      image: {size: 8}
    noise: {sigma: 0.1}
    reconstructions:
      - {method: fbp}

    """

  private func read(_ text: String) throws -> PipelineDescription {
    let folder = try TemporaryFolder()
    return try PipelineDescription(file: folder.write(text, to: "scan.yaml"))
  }

  private func message(_ text: String) -> String {
    do {
      _ = try read(text)
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  @Test func readsTheSmallestPipeline() throws {
    let pipeline = try read(Self.minimal)
    #expect(pipeline.title == "scan")
    #expect(pipeline.geometry.beam.angles.map { $0.degrees.rounded() } == [0, 45, 90, 135])
    #expect(pipeline.geometry.beam.axis == 5.5)
    #expect(pipeline.geometry.grid == ImageSpace(shape: [8, 8], spacing: 2))
    #expect(pipeline.noise == .sigma(0.1))
    #expect(pipeline.reconstructions.map(\.name) == ["fbp"])
    #expect(pipeline.unit == .hounsfield)
  }

  @Test func includesTheEndPointWhenAsked() throws {
    let pipeline = try read(
      Self.minimal.replacingOccurrences(of: "range: 180", with: "range: 180, includeEnd: true"))
    #expect(pipeline.geometry.beam.angles.map { $0.degrees.rounded() } == [0, 60, 120, 180])
  }

  @Test func readsAnglesFromAFile() throws {
    let folder = try TemporaryFolder()
    _ = try folder.write("0\n10.5\n 21 \n", to: "angles.txt")
    let file = try folder.write(
      Self.minimal.replacingOccurrences(of: "{count: 4, range: 180}", with: "{file: angles.txt}"),
      to: "scan.yaml")
    let angles = try PipelineDescription(file: file).geometry.beam.angles
    #expect(angles.map(\.degrees).elementsEqual([0, 10.5, 21]) { abs($0 - $1) < 1e-12 })
  }

  /// Every sentence says where, what and what to do.
  @Test(arguments: [
    ("bins: 12", "bnis: 12", "line 3, column 3: unknown key 'bnis' in 'geometry'. Did you mean 'bins'?"),
    ("bins: 12", "bins: twelve", "line 3, column 9"),
    ("method: fbp", "method: fpb", "line 8"),
    ("sigma: 0.1", "sigma: -1", "line 6, column 16"),
    (
      "- {method: fbp}", "- {method: fbp}\n  - {method: fbp}",
      "line 9, column 5: two reconstructions are called 'fbp'"
    ),
    (
      "- {method: fbp}",
      "- {name: a, method: dds, draws: 2}\n  - {name: volume-deviation, method: fbp}\nprior: p",
      "line 9, column 5: two reconstructions write 'volume-deviation.tif'; give this one another 'name'."
    ),
    (
      "- {method: fbp}",
      "- {method: fbp}\n  - {name: a-deviation, method: fbp}\n  - {name: a, method: dds, draws: 2}\nprior: p",
      "line 10, column 5: two reconstructions write 'a-deviation.tif'"
    ),
    ("{sigma: 0.1}", "{relative: 0.01, sigma: 0.02}", "'noise' has both 'relative' and 'sigma'. Keep one"),
    ("{sigma: 0.1}", "{sigm: 0.1}", "unknown key 'sigm' in 'noise'. Did you mean 'sigma'?"),
    ("{sigma: 0.1}", "{}", "'noise' needs one of the keys relative, sigma, photons, estimated."),
    ("{sigma: 0.1}", "{estimated: false}", "line 6, column 20: 'estimated' can only be true."),
    (
      "{count: 4, range: 180}", "{list: [0, 3], count: 60}",
      "'angles' has both 'count' and 'list'. Keep one of them."
    ),
    ("{count: 4, range: 180}", "{range: 180}", "'angles' needs one of the keys count, list, file."),
    ("size: 8", "size: 8, rows: 8", "'image' has both 'size' and 'rows'. Keep one of them."),
    ("method: fbp", "method: dds", "needs a prior"),
    ("method: fbp", "method: deft", "needs 'h'"),
    ("method: fbp", "method: fbp, name: volume", "'name' is 'volume'"),
    (
      "{count: 4, range: 180}", "{list: []}",
      "line 2, column 18: 'list' is an empty list, expected at least one angle"
    ),
    ("{count: 4, range: 180}", "{list: [0, 45, 0]}", "line 2, column 26: item 3 is the same angle as item 1"),
    (
      "{count: 4, range: 180}", "{count: 4, range: 0}",
      "line 2, column 29: 'range' is 0, expected an angle other than 0"
    ),
    ("count: 4", "count: 1000000000", "'count' is 1000000000, expected a whole number from 1 to 100000."),
    ("bins: 12", "bins: 1000000000", "'bins' is 1000000000, expected a whole number from 1 to 65536."),
    ("size: 8", "size: 1000000", "'size' is 1000000, expected a whole number from 1 to 16384."),
    (
      "size: 8", "size: 8, spacing: 1.0e-300",
      "'spacing' is 1.0e-300, expected a number from 1e-06 to 1000000."
    ),
    ("bins: 12", "bins: 12\n  axis: 40", "'axis' is 40, expected a number from -0.5 to 11.5."),
    (
      "method: fbp", "method: dds, draws: 4, estimate: sample",
      "line 8, column 26: several draws are averaged, which 'estimate: sample' does not do."
    ),
  ])
  func refusesInWords(_ found: String, _ replacement: String, _ expected: String) {
    let text = message(Self.minimal.replacingOccurrences(of: found, with: replacement))
    #expect(text.contains(expected), "\(text)")
    #expect(text.contains("scan.yaml"), "\(text)")
  }

  @Test func refusesAngleFilesThatRepeatOrAreEmpty() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write(
      Self.minimal.replacingOccurrences(of: "{count: 4, range: 180}", with: "{file: angles.txt}"),
      to: "scan.yaml")
    for (angles, expected) in [("0\n\n30\n0\n", "line 4 is the same angle as line 1"), ("\n", "is empty")] {
      try folder.write(angles, to: "angles.txt")
      #expect {
        _ = try PipelineDescription(file: file)
      } throws: {
        "\($0)".contains(expected)
      }
    }
  }

  /// A folder, and a stream that does not end.
  @Test func refusesAngleFilesThatAreNone() {
    for (path, expected) in [
      ("/", "it is not a readable file."), ("/dev/zero", "it is longer than the 4 MiB that are read."),
      ("none.txt", "no such file."),
    ] {
      let text = message(
        Self.minimal.replacingOccurrences(of: "{count: 4, range: 180}", with: "{file: \(path)}"))
      #expect(text.contains("line 2, column 18: cannot read the angles from '"))
      #expect(text.hasSuffix(expected), "\(text)")
    }
  }

  @Test func refusesAnUnknownThreshold() {
    let text = message(Self.minimal + "verdict: {chiSquareFailur: 2}\n")
    #expect(text.contains("Did you mean 'chiSquareFailure'?"), "\(text)")
  }

  /// All shipped pipelines and trainings are read in full: a key that no longer exists would throw.
  @Test func readsTheShippedFiles() throws {
    let folder = packageFolder + "/pipelines"
    let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".yaml") }
    var kinds: [String: Int] = [:]
    for name in names {
      let file = "\(folder)/\(name)"
      let text = try String(contentsOfFile: file, encoding: .utf8)
      if text.contains("\nreconstructions:") {
        #expect(try !PipelineDescription(file: file).reconstructions.isEmpty, "\(name)")
        kinds["scan", default: 0] += 1
      } else if text.contains("\npipeline:") {
        #expect(try ScanTrainingDescription(file: file).settings.iterations > 0, "\(name)")
        kinds["tuning", default: 0] += 1
      } else {
        #expect(try PriorTrainingDescription(file: file).settings.iterations > 0, "\(name)")
        kinds["prior", default: 0] += 1
      }
    }
    #expect(kinds.count == 3, "\(kinds)")
  }

  /// Images are padded to a multiple of 2 to the power of the levels: of 40 to more than any memory, of 70 to a multiple of 0.
  @Test func refusesLevelsBeyondAllImages() throws {
    let folder = try TemporaryFolder()
    for (levels, isRight) in [(0, false), (8, true), (9, false), (40, false), (70, false)] {
      let channels = [String](repeating: "8", count: levels).joined(separator: ", ")
      let file = try folder.write(
        """
        images: {stacks: [a.tif]}
        network: {channels: [\(channels)]}
        training: {iterations: 1}
        output: o
        """, to: "prior.yaml")
      if isRight {
        #expect(try PriorTrainingDescription(file: file).architecture.channels.count == levels)
      } else {
        #expect {
          _ = try PriorTrainingDescription(file: file)
        } throws: {
          "\($0)".contains("line 2, column 10: 'channels' is [") && "\($0)".hasSuffix("at most 8.")
        }
      }
    }
  }

  @Test func saysWhereAPipelineIsNamedThatIsMissing() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("output: o\npipeline: none.yaml\n", to: "tune.yaml")
    #expect(
      throws: YAMLError.invalid(
        YAMLLocation(file: file, line: 2, column: 11),
        problem: "cannot read the pipeline '\(folder("none.yaml"))': no such file. Check the path.")
    ) { try ScanTrainingDescription(file: file) }
  }

  @Test func readsTheShippedTrainings() throws {
    let prior = try PriorTrainingDescription(file: packageFolder + "/pipelines/train-ct-prior.yaml")
    #expect(prior.architecture.channels == [48, 96, 128, 160])
    let h = try ScanTrainingDescription(file: packageFolder + "/pipelines/tune-sparse-view-ct.yaml")
    #expect(h.pipeline.geometry.beam.angles.count == 60)
  }
}

@Suite struct MethodDescriptionTests {
  @Test func readsArguments() throws {
    #expect(try MethodDescription(argument: "fbp", h: nil) == .fbp(window: .ramp, cutoff: 1))
    #expect(try MethodDescription(argument: "tv:lambda=20", h: nil) == .tv(.fixed(20), limit: 3000))
    #expect(try MethodDescription(argument: "fista:70", h: nil) == .fista(.discrepancy, limit: 70))
    #expect(try MethodDescription(argument: "sirt", h: nil) == .sirt(limit: 500, relaxation: 1))
    #expect(
      try MethodDescription(argument: "os-sart:10:subsets=5:relaxation=0.5", h: nil)
        == .osSART(limit: 10, subsets: 5, relaxation: 0.5))
    #expect(
      try MethodDescription(argument: "deft:10:eta=0:h=somewhere", h: nil)
        == .deft(.init(.sample, steps: 10, eta: 0), h: "somewhere"))
    #expect(
      try MethodDescription(argument: "deft:5:draws=8", h: "standard")
        == .deft(.init(.mean, steps: 5, draws: 8), h: "standard"))
  }

  @Test(arguments: [
    ("mlem", "unknown method 'mlem'; known are fbp"),
    ("tv:lambda", "is not of the form key=value"),
    ("tv:lambda=x", "'lambda' is 'x'"),
    ("dds:0", "'steps' is '0'"),
    ("sirt:relaxation=2", "'relaxation' is '2'"),
    ("os-sart:subsets=0", "'subsets' is '0'"),
    ("sirt:subsets=2", "has no setting 'subsets'"),
    ("deft:10", "needs 'h=PATH'"),
    (
      "tv:lambda=300:lambda=2",
      "'lambda' stands twice in the method 'tv:lambda=300:lambda=2'. Keep one of them."
    ),
    ("dds:10:steps=5", "'steps' stands twice"),
    ("fbp:steps=3", "has no setting 'steps'"),
    ("dds:5:draws=4:estimate=sample", "several draws are averaged, which 'estimate: sample' does not do"),
    ("dds:5:draws=4:estimate=fast", "Write 'estimate: mean', or leave 'draws' out"),
  ])
  func refusesInWords(_ argument: String, _ expected: String) {
    #expect {
      try MethodDescription(argument: argument, h: nil)
    } throws: {
      "\($0)".contains(expected)
    }
  }
}
