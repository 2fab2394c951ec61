#if DICOM
  import Fields
  import Formats
  import Foundation
  import Pipeline
  import TestSupport
  import Testing

  /// DICOM as TIFF: what is known of the images is written into a description, and read again.
  @Suite struct DICOMConversionTests {
    static let fixtures = packageFolder + "/Tests/FormatsTests/Fixtures/DICOM"
    static let refused: Set = [
      "10-bits", "crooked", "deflated", "directory", "no-image", "no-slope", "palette", "rgb", "table",
      "terms",
    ]
    /// What the fixtures say of a patient.
    static let secrets = ["SECRET", "19010203", "19020304", "099Y", "1.2.826"]

    static func expectCopies(of path: String, _ name: String, in folder: TemporaryFolder) async throws {
      let stack = try ImageStack(path: path)
      let outputs = StackConversion.Storage.allCases.map { ($0, "\(name)-\($0.rawValue).tif") }
      for (storage, output) in outputs {
        var conversion = StackConversion()
        conversion.storage = storage
        _ = try await conversion.write(path, to: folder(output))
        let copy = try ImageStack(path: folder(output))
        let (a, b) = (stack.info, copy.info)
        #expect((a.pages, a.rows, a.columns) == (b.pages, b.rows, b.columns), "\(output)")
        #expect((a.spacing, a.unit) == (b.spacing, b.unit), "\(output)")
        #expect(a.metadata == b.metadata.filter { !StackInfo.knownKeys.contains($0.key) }, "\(output)")
        if storage == .float32 {
          for page in 0..<stack.count { #expect(try copy.page(page) == stack.page(page), "\(output)") }
        }
        let bytes = try folder.data(output)
        for secret in secrets { #expect(bytes.range(of: Data(secret.utf8)) == nil, "\(output)") }
      }
    }

    @Test func convertsEveryFixture() async throws {
      let folder = try TemporaryFolder()
      let names = try FileManager.default.contentsOfDirectory(atPath: Self.fixtures).sorted().filter {
        $0.hasSuffix(".dcm")
      }
      #expect(names.count > 60)
      for name in names.map({ String($0.dropLast(4)) }) {
        let path = "\(Self.fixtures)/\(name).dcm"
        if Self.refused.contains(name) {
          await #expect(throws: StackError.self, "\(name)") {
            try await StackConversion().write(path, to: folder("\(name).tif"))
          }
        } else {
          try await Self.expectCopies(of: path, name, in: folder)
        }
      }
    }

    @Test(arguments: [("slice", 5), ("oblique", 3), ("pet", 3), ("number", 3)])
    func convertsASeries(name: String, slices: Int) async throws {
      let folder = try TemporaryFolder()
      try FileManager.default.createDirectory(atPath: folder("scan"), withIntermediateDirectories: true)
      for k in 0..<slices {
        try FileManager.default.copyItem(
          atPath: "\(Self.fixtures)/\(name)\(k).dcm", toPath: folder("scan/IM\(k)"))
      }
      try await Self.expectCopies(of: folder("scan"), name, in: folder)
    }
  }
#endif
