import Diffusion
import Fields
import Foundation
import Operators
import Pipeline
import TestSupport
import Testing

@Suite struct VerificationTests {
  /// 0.56 % and 0.65 % are the errors of the same two models in another implementation (NumPy, double precision) on
  /// the same image and the same line integrals.
  @Test func measuresTheErrorAgainstTheClosedForm() throws {
    let verification = try OperatorVerification(size: 256, angles: 60, threads: 2, runs: 1)
    let report = try verification.measure([.radon, .rays])
    #expect(abs(report.rows[0].error - 0.0056) < 0.0001, "\(report.rows[0].error)")
    #expect(abs(report.rows[1].error - 0.0065) < 0.0001, "\(report.rows[1].error)")
    for row in report.rows {
      #expect(row.passes && row.bins == 366 && row.threads == 2)
      #expect(row.forward > 0 && row.adjoint > 0 && (row.fbp ?? 0) > 0)
    }
    // Both lie within their errors of the truth.
    let pair = try #require(report.pairs.first)
    #expect(pair.forwardDifference < report.rows[0].error + report.rows[1].error)
    #expect(pair.adjointDifference < 0.02)
  }

  /// Rays of a fan, 1 mm apart at the axis, follow the model that errs by 0.65 % in a parallel beam; towards the detector
  /// they are up to a quarter further apart and towards the source as much closer.
  @Test func measuresAFan() throws {
    let verification = try OperatorVerification(size: 256, angles: 60, threads: 2, runs: 1)
    let report = try verification.measure([.rays, .fan])
    let row = report.rows[1]
    #expect(row.error < 1.25 * report.rows[0].error, "\(row.error)")
    #expect(row.passes && row.bins == 384 && row.threads == 2)
    #expect(row.forward > 0 && row.adjoint > 0 && (row.fbp ?? 0) > 0)
    #expect(report.pairs.isEmpty)
  }

  /// ‖A‖² is at most the largest row sum times the largest column sum: 2 r · angles for an image of width 2 r whose
  /// pixels each put one bin's worth into every view. It is nearly reached by the constant image.
  @Test func measuresTheNorm() throws {
    let report = try OperatorVerification(size: 64, angles: 40, threads: 1, runs: 1).measure([.radon])
    let bound = (64 * 2.0.squareRoot() * 40).squareRoot()
    #expect(report.rows[0].norm < bound)
    #expect(report.rows[0].norm > 0.8 * bound)
  }

  /// The accuracy of 1e-4 is that for white noise; means over 100 samples scatter by a tenth, and the volume is so small
  /// that its edge counts for more. The Toeplitz operator has three such errors: of A, of Aᴴ and of its kernel.
  @Test func measuresFourierOperators() throws {
    let verification = try OperatorVerification(size: 40, angles: 25, threads: 2, runs: 1)
    let report = try verification.measure([.nufft, .nufft3d, .toeplitz])
    #expect(report.pairs.isEmpty)
    for (row, (size, angles, bound)) in zip(
      report.rows, [(40, 25, 1.3e-4), (5, 200, 1.3e-4), (40, 25, 3e-4)])
    {
      #expect(
        row.passes && row.size == size && row.angles == angles && row.bins == 2 * size && row.fbp == nil)
      #expect(row.error > 0 && row.error < bound, "\(row.operator): \(row.error)")
      #expect(row.forward > 0 && row.adjoint > 0)
    }
    // ‖AᴴA‖ = ‖A‖², from above by the accuracy and from below by how far the power iteration has come.
    let ratio = report.rows[2].norm.squareRoot() / report.rows[0].norm
    #expect(abs(ratio - 1) < 0.01, "\(ratio)")
  }

  /// The unitary transform has the norm 1, one of its samples through maps with Σ|s|² ≤ p at most √p. The phantom's closed
  /// form and 64 pixels are 10 % apart, most of it at the edges; a wrong sign or a lost coil leaves more than half. The
  /// bar for the adjoint of any operator is 1e-6.
  @Test func measuresCoils() throws {
    let verification = try OperatorVerification(size: 64, angles: 25, threads: 2, runs: 1)
    let rows = try verification.measure([.cartesian, .sense, .radialSense, .toeplitzSense]).rows
    for (row, (angles, bins, bound)) in zip(
      rows, [(64, 64, 0.15), (64, 64, 0.15), (25, 128, 0.15), (25, 128, 3e-4)])
    {
      #expect(row.passes && row.adjointError < 1e-6, "\(row.operator): \(row.adjointError)")
      #expect(row.size == 64 && row.angles == angles && row.bins == bins && row.coils == 4 && row.fbp == nil)
      #expect(row.error > 0 && row.error < bound, "\(row.operator): \(row.error)")
      #expect(row.forward > 0 && row.adjoint > 0)
    }
    #expect(abs(rows[0].norm - 1) < 1e-5)
    let grid = ComplexImageSpace(shape: [64, 64])
    let power = try CoilSensitivities(CoilArray(coils: 4).maps(on: grid), on: grid).power
    let largest = Double(power.samples.max() ?? 0).squareRoot()
    #expect(rows[1].norm > 0.5 * largest && rows[1].norm < largest * (1 + 1e-5))
    let ratio = rows[3].norm.squareRoot() / rows[2].norm
    #expect(abs(ratio - 1) < 0.01, "\(ratio)")
  }

  @Test func stopsWhenTold() throws {
    struct Stop: Error {}
    let verification = try OperatorVerification(size: 8, angles: 4, threads: 1, runs: 1)
    #expect(throws: Stop.self) { try verification.measure([.radon]) { _ in throw Stop() } }
  }
}

@Suite struct InspectionTests {
  /// A network of two weights with the files that training writes.
  private static func checkpoint(_ description: String?) throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "checkpoint-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try SafeTensors.write(
      [("a", [2, 3], [1, 2, 3, 4, 5, 6]), ("b", [4], [1, 2, 3, 4])], precision: .float16,
      to: folder.appendingPathComponent("diffusion_pytorch_model.safetensors").path)
    try UNet2DConfiguration(inputChannels: 4, outputChannels: 4, channels: [8, 16]).json()
      .write(to: folder.appendingPathComponent("config.json"))
    if let description { try Data(description.utf8).write(to: folder.appendingPathComponent("deft.json")) }
    return folder
  }

  private static let range =
    "\"range\": {\"unit\": \"HU\", \"low\": -1000, \"high\": 1000}, \"spaceToDepth\": 2"
  private static let fingerprint =
    "\"fingerprint\": {\"entries\": [{\"name\": \"the number of bins\", \"value\": \"366\"}]}"

  @Test(arguments: [
    (nil, CheckpointInspection.Kind.foreign, 1),
    ("{\(range), \"tweedieSteps\": [], \"tweedieErrors\": []}", .prior, 2),
    ("{\(range), \(fingerprint), \"reference\": {\"fbp\": {}}}", .postprocess, 2),
    (
      "{\(range), \(fingerprint), \"form\": \"preconditioned\", \"priorChecksum\": \"abc\", \"noise\": [0.005, 0.02], "
        + "\"reference\": {\"fbp\": {}}, \"referenceError\": 0.1, \"estimateError\": 0.1, \"iterations\": 5, \"tweedieSteps\": [], \"tweedieErrors\": []}",
      .h,
      2
    ),
  ])
  func describesNetworks(description: String?, kind: CheckpointInspection.Kind, block: Int) async throws {
    let folder = try Self.checkpoint(description)
    defer { try? FileManager.default.removeItem(at: folder) }
    guard case .checkpoint(let found) = try await Inspection(path: folder.path) else {
      Issue.record("not taken for a network")
      return
    }
    #expect(found.kind == kind && found.parameters == 10 && found.precision == ["F16"])
    #expect(found.channels == [8, 16] && found.spaceToDepth == block)
    #expect(found.range == (kind == .foreign ? nil : "-1000 to 1000 HU"))
    let bound = found.tunedFor.contains { $0.name == "the number of bins" && $0.value == "366" }
    #expect(bound == (kind == .h || kind == .postprocess))
  }

  @Test func describesATorchScriptPrior() async throws {
    let folder = try TemporaryFolder()
    try FileManager.default.copyItem(
      atPath: packageFolder + "/Tests/DiffusionTests/Fixtures/shrink.pt", toPath: folder("box.pt"))
    try folder.write("{\(Self.range), \"tweedieSteps\": [], \"tweedieErrors\": []}", to: "box.json")
    guard case .checkpoint(let found) = try await Inspection(path: folder("box.pt")) else {
      Issue.record("not taken for a network")
      return
    }
    #expect(found.kind == .script && found.parameters == nil && found.channels == nil)
    #expect(found.spaceToDepth == 2 && found.range == "-1000 to 1000 HU")
    #expect(try found.bytes == folder.data("box.pt").count)
    try folder.write("rubbish", to: "box.pt")
    await #expect(throws: CheckpointError.self) { try await Inspection(path: folder("box.pt")) }
  }

  /// What `deft run` would refuse.
  @Test func refusesADescriptionThatCannotBe() async throws {
    let zero = Self.range.replacingOccurrences(of: "\"spaceToDepth\": 2", with: "\"spaceToDepth\": 0")
    for kind in [
      "\"tweedieSteps\": [], \"tweedieErrors\": []", "\(Self.fingerprint), \"reference\": {\"fbp\": {}}",
    ] {
      let folder = try Self.checkpoint("{\(zero), \(kind)}")
      defer { try? FileManager.default.removeItem(at: folder) }
      await #expect {
        try await Inspection(path: folder.path)
      } throws: {
        "\($0)".contains("'spaceToDepth' is 0, expected 1 to 16")
      }
    }
  }

  @Test(arguments: ["{\"range\": 3}", "{\"form\": \"preconditioned\"}", "{\"fingerprint\": 1}", "text"])
  func refusesADamagedNetwork(description: String) async throws {
    let folder = try Self.checkpoint(description)
    defer { try? FileManager.default.removeItem(at: folder) }
    await #expect(throws: CheckpointError.self) { try await Inspection(path: folder.path) }
  }
}
