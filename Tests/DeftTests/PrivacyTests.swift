#if DICOM
  import Foundation
  import TestSupport
  import Testing

  /// Of a patient whom every DICOM fixture names in all the usual fields, nothing is printed or written.
  @Suite struct PrivacyTests {
    static let fixtures = packageFolder + "/Tests/FormatsTests/Fixtures/DICOM"
    static let secrets = ["SECRET", "19010203", "19020304", "099Y", "1.2.826"]

    static func series() throws -> Program {
      let program = try Program()
      try FileManager.default.createDirectory(atPath: program.path("scan"), withIntermediateDirectories: true)
      for k in 0..<5 {
        try FileManager.default.copyItem(
          atPath: "\(fixtures)/slice\(k).dcm", toPath: program.path("scan/IM000\(4 - k)"))
      }
      return program
    }

    static func expectNothing(of bytes: Data, sourceLocation: SourceLocation = #_sourceLocation) {
      for secret in secrets {
        #expect(bytes.range(of: Data(secret.utf8)) == nil, "\(secret)", sourceLocation: sourceLocation)
      }
    }

    @Test func infoTellsNothingOfAPatient() throws {
      let program = try Self.series()
      for arguments in [["info", "scan"], ["info", "scan", "--json"], ["info", "scan/IM0000"]] {
        let outcome = try program.start(arguments)()
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("DICOM"))
        Self.expectNothing(of: Data((outcome.output + outcome.errors).utf8))
      }
      let text = try program.run("info", "scan").output
      #expect(text.contains("pages        5 of 10 × 12\n"), "\(text)")
      #expect(text.contains("unit         HU\n"))
      #expect(
        text.contains(
          "spacing      0.5 mm between columns, 0.25 mm between rows, 2.5 mm between pages\n"))
    }

    @Test func convertWritesNothingOfAPatient() throws {
      let program = try Self.series()
      for storage in ["float32", "uint16"] {
        let outcome = try program.run("convert", "scan", "\(storage).tif", "--storage", storage)
        #expect(outcome.status == 0, "\(outcome.errors)")
        Self.expectNothing(of: Data((outcome.output + outcome.errors).utf8))
        let file = try program.data("\(storage).tif")
        #expect(file.range(of: Data("vunit=HU".utf8)) != nil)
        Self.expectNothing(of: file)
      }
    }

    @Test func errorsTellNothingOfAPatient() throws {
      let program = try Self.series()
      for name in ["other-series", "rgb", "terms", "jpeg-ls"] {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(Self.fixtures)/\(name).dcm"))
        try (name == "jpeg-ls" ? bytes.dropLast(100) : bytes).write(
          to: URL(fileURLWithPath: program.path("scan/a.dcm")))
        for arguments in [["info", "scan/a.dcm"], ["info", "scan"], ["convert", "scan", "out.tif"]] {
          let outcome = try program.start(arguments)()
          #expect(outcome.status != 0 || (name == "other-series" && arguments[1] == "scan/a.dcm"))
          Self.expectNothing(of: Data((outcome.output + outcome.errors).utf8))
        }
      }
    }
  }
#endif
