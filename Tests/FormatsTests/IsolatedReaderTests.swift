import CIsolation
import Formats
import Testing

#if DICOM
  import CDICOM
#endif

/// What a process of its own answers, as errors of this program.
@Suite struct IsolatedReaderTests {
  private static func error(_ body: () throws -> Void) -> (any Error)? {
    do {
      try body()
      return nil
    } catch {
      return error
    }
  }

  /// The system may be at its limits while the file is whole.
  @Test func doesNotCallAFileDamagedWithoutAProcess() {
    let found = Self.error {
      _ = try IsolatedReader<Int32>(path: "a.dcm", format: "DICOM", library: "GDCM") { _, reply in
        reply.status = Int32(isolated_unstarted.rawValue)
        withUnsafeMutableBytes(of: &reply.reason) { $0.copyBytes(from: "no process".utf8) }
      }
    }
    #expect(found as? StackError == .noProcess(path: "a.dcm", format: "DICOM", reason: "no process"))
  }

  #if DICOM
    private static func request(_ path: String) -> cdicom_request {
      var request = cdicom_request()
      request.question = Int32(cdicom_describe.rawValue)
      withUnsafeMutableBytes(of: &request.path) { $0.copyBytes(from: path.utf8) }
      return request
    }

    private static func reader(_ path: String) throws -> IsolatedReader<cdicom_request> {
      try IsolatedReader(path: path, format: "DICOM", library: "GDCM") { reader, reply in
        cdicom_start(1 << 30, &reader, &reply)
      }
    }

    /// The next answer does not begin with the rest of one that was too long.
    @Test func refusesLongAnswers() throws {
      let path = DICOMTests.path("slice0")
      let reader = try Self.reader(path)
      let whole = try reader.ask(Self.request(path), .bytes(most: 1 << 20), what: "").bytes
      for _ in 0..<2 {
        let found = Self.error {
          _ = try reader.ask(Self.request(path), .bytes(most: whole.count - 1), what: "its header: ")
        }
        #expect(
          found as? StackError
            == .unsupported(
              path: path, format: "DICOM",
              found: "its header: an answer of \(whole.count) bytes by the GDCM library",
              expected: "at most \(whole.count - 1)"))
        #expect(try reader.ask(Self.request(path), .bytes(most: whole.count), what: "").bytes == whole)
      }
    }

    /// Of the system's own reasons, none is damage.
    @Test func saysWhyTheSystemDoesNotOpenAFile() throws {
      let reader = try Self.reader("scan")
      for (path, reason) in [
        ("/no/such.dcm", "No such file or directory"), ("/dev/null", "it is not a regular file"),
      ] {
        let found = Self.error {
          _ = try reader.ask(Self.request(path), .bytes(most: 1 << 20), path: path, what: "")
        }
        #expect(found as? StackError == .cannotOpen(path: path, format: "DICOM", reason: reason))
      }
    }
  #endif
}
