#if HDF5
  import Fields
  import Formats
  import Foundation
  import Pipeline
  import TestSupport
  import Testing

  /// A scan in one HDF5 file, projections, flats, darks and angles, beside the same scan in TIFF files.
  @Suite struct HDF5ScanTests {
    static let fixtures = packageFolder + "/Tests/FormatsTests/Fixtures/HDF5"

    static func description(_ folder: TemporaryFolder, angles: String, input: String) throws
      -> PipelineDescription
    {
      let text = """
        input: {kind: projections, \(input)}
        geometry:
          angles: \(angles)
          bins: 33
          binSpacing: 0.65
          image: {size: 32, spacing: 0.65}
        noise: {relative: 0.01}
        reconstructions:
          - {method: fbp}
        """
      return try PipelineDescription(file: folder.write(text, to: "pipeline.yaml"))
    }

    @Test(arguments: ["exchange.h5", "tomo.nxs"])
    func givesTheSameSinogramsAsTIFF(name: String) async throws {
      let folder = try TemporaryFolder()
      try FileManager.default.copyItem(atPath: "\(Self.fixtures)/\(name)", toPath: folder(name))
      for part in ["projections", "flats", "darks"] {
        let stack = try ImageStack(path: folder("\(name):\(part)"))
        var writer = try TIFFWriter(
          path: folder("\(part).tif"), rows: stack.info.rows, columns: stack.info.columns, pages: stack.count)
        for page in 0..<stack.count { try writer.append(stack.page(page)) }
        try writer.finish()
      }
      let tiff = try Self.description(
        folder, angles: "{count: 8, range: 180}",
        input: "path: projections.tif, flats: flats.tif, darks: darks.tif")
      let known = try PreparedSinograms(tiff, path: nil)
      for file in [name, "\(name):projections"] {
        let hdf5 = try Self.description(
          folder, angles: "{file: \(name)}",
          input: "path: \(file), flats: \(name):flats, darks: \(name):darks")
        // Radians in double precision.
        for (found, wanted) in zip(hdf5.geometry.beam.angles, tiff.geometry.beam.angles) {
          #expect(abs(found.degrees - wanted.degrees) < 1e-12)
        }
        let found = try PreparedSinograms(hdf5, path: nil)
        #expect(found.count == 5 && known.count == 5)
        for row in 0..<5 {
          #expect(try await found.field(at: row).samples == known.field(at: row).samples)
        }
      }
    }

    @Test func saysWhyThereAreNoAngles() throws {
      let folder = try TemporaryFolder()
      try FileManager.default.copyItem(atPath: "\(Self.fixtures)/plain.h5", toPath: folder("plain.h5"))
      do {
        _ = try Self.description(folder, angles: "{file: plain.h5}", input: "path: plain.h5, flats: plain.h5")
        Issue.record("read angles that are not there")
      } catch {
        #expect("\(error)".contains("found no tomographic scan with angles"), "\(error)")
      }
    }
  }
#endif
