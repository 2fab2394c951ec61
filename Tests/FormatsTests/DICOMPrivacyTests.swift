#if DICOM
  import CDICOM
  import CIsolation
  import Fields
  import Foundation
  import TestSupport
  import Testing

  /// The process that reads DICOM, seen from outside: every byte that it sends, and where else it could write to.
  @Suite struct DICOMPrivacyTests {
    private static func start() throws -> isolated_reader {
      var reader = isolated_reader()
      var reply = isolated_reply()
      cdicom_start(1 << 30, &reader, &reply)
      try #require(reply.status == Int32(isolated_done.rawValue))
      return reader
    }

    private static func request(_ path: String, _ question: cdicom_question) -> cdicom_request {
      var request = cdicom_request()
      request.question = Int32(question.rawValue)
      withUnsafeMutableBytes(of: &request.path) { $0.copyBytes(from: path.utf8) }
      return request
    }

    /// The first answer of a new process; a status alone where it dies.
    private static func answer(_ request: cdicom_request) throws -> (
      status: Int32, reply: [UInt8], content: [UInt8]
    ) {
      var reader = try start()
      var reply = isolated_reply()
      withUnsafeBytes(of: request) { isolated_ask(&reader, $0.baseAddress, $0.count, &reply) }
      var content = [UInt8](repeating: 0, count: Int(reply.bytes))
      let isWhole = isolated_receive(&reader, &content, content.count) == 0
      _ = isolated_stop(&reader, 0)
      #expect(isWhole)
      return (reply.status, withUnsafeBytes(of: reply) { [UInt8]($0) }, content)
    }

    private static func head(of content: [UInt8]) -> cdicom_header? {
      guard content.count >= MemoryLayout<cdicom_header>.size else { return nil }
      return content.withUnsafeBytes { $0.loadUnaligned(as: cdicom_header.self) }
    }

    private static func found(in bytes: [UInt8]) -> [String] {
      DICOMTests.secrets.filter { Data(bytes).range(of: Data($0.utf8)) != nil }
    }

    /// Asks for all that is told of a file and of its first frame, whatever it is.
    private static func expectNothing(ofFileAt path: String, _ what: String) throws {
      var question = request(path, cdicom_describe)
      for _ in 0..<2 {
        let (status, reply, content) = try answer(question)
        #expect(found(in: reply) == [] && found(in: content) == [], "\(what)")
        guard status == Int32(isolated_done.rawValue) else {
          // No reason: a status, and nothing behind it.
          #expect(reply.dropFirst(4).allSatisfy { $0 == 0 } && content.isEmpty, "\(what)")
          return
        }
        guard question.question == Int32(cdicom_describe.rawValue), let header = head(of: content) else {
          return
        }
        #expect(
          content.count == MemoryLayout<cdicom_header>.size
            + Int(header.descriptions) * MemoryLayout<cdicom_frame>.stride, "\(what)")
        guard (1...100).contains(header.rows), (1...100).contains(header.columns), header.frames > 0,
          [8, 16, 32, 64].contains(header.bits_allocated)
        else { return }
        question = request(path, cdicom_samples)
        question.state = header.state
        question.row_count = header.rows
        (question.rows, question.columns) = (header.rows, header.columns)
        question.bits_allocated = header.bits_allocated
      }
    }

    @Test func tellsNumbersAlone() throws {
      for name in try DICOMTests.names() {
        // The secrets would be found where they are.
        let bytes = try DICOMTests.bytes(name)
        #expect(name == "deflated" || Self.found(in: bytes) == DICOMTests.secrets, "\(name)")
        try Self.expectNothing(ofFileAt: DICOMTests.path(name), name)
      }
    }

    @Test(arguments: ["slice0", "jpeg-ls", "rle", "enhanced"]) func tellsNothingOfDamagedFiles(
      name: String
    ) throws {
      let folder = try TemporaryFolder()
      let whole = try DICOMTests.bytes(name)
      for length in stride(from: 132, to: whole.count, by: 150) {
        try Self.expectNothing(
          ofFileAt: folder.write(Array(whole[..<length]), "a.dcm"), "\(name), \(length) bytes")
      }
      for seed in 0..<20 {
        var generator = SplitMix64(seed: UInt64(seed))
        let bytes = IsolatedMutations.mutated(whole, using: &generator)
        try Self.expectNothing(ofFileAt: folder.write(bytes, "a.dcm"), "\(name), seed \(seed)")
      }
    }

    /// What a library prints goes nowhere, and it has no other file to write to.
    @Test func hasNothingOpenButItsSocket() throws {
      var reader = try Self.start()
      defer { _ = isolated_stop(&reader, 0) }
      let open = "/proc/\(reader.pid)/fd"
      #expect(try FileManager.default.contentsOfDirectory(atPath: open).sorted() == ["0", "1", "2", "3"])
      for file in 0..<3 {
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "\(open)/\(file)") == "/dev/null")
      }
    }
  }
#endif
