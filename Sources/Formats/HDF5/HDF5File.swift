#if HDF5
  import CHDF5
  import Foundation

  /// An HDF5 file that is open for reading: names, texts, lists of numbers, samples.
  ///
  /// Links that lead out of the file are refused.
  final class HDF5File: Sendable {
    let path: String
    /// In bytes.
    let length: UInt64
    private let reader: IsolatedReader<chdf5_request>

    /// In bytes, the longest list of numbers, such as the angles of a scan.
    static let mostNumberBytes = 1 << 25

    /// - Throws: ``StackError``.
    init(path: String, memory: Int) throws {
      self.path = path
      length = try regularFileLength(path, format: "HDF5")
      reader = try IsolatedReader(path: path, format: "HDF5", library: "HDF5") { reader, reply in
        chdf5_start(path, isolatedMemory(pages: memory), &reader, &reply)
      }
    }

    func damaged(_ reason: String) -> StackError { .damaged(path: path, format: "HDF5", reason: reason) }

    func unsupported(_ found: String, expected: String) -> StackError {
      .unsupported(path: path, format: "HDF5", found: found, expected: expected)
    }

    // MARK: Questions

    private func ask(
      _ request: chdf5_request, _ answer: IsolatedAnswer, what: String
    ) throws -> (number: Int, bytes: [UInt8]) {
      try reader.ask(request, answer, what: what)
    }

    /// - Throws: ``StackError`` where a name is longer than any that is read.
    private func request(_ question: chdf5_question, _ name: String, attribute: String = "") throws
      -> chdf5_request
    {
      var request = chdf5_request()
      request.question = Int32(question.rawValue)
      for (text, isName) in [(name, true), (attribute, false)] {
        let fits = isName ? Self.copy(text, to: &request.name) : Self.copy(text, to: &request.attribute)
        guard fits else { throw unsupported("a name of \(text.utf8.count) bytes", expected: "a shorter one") }
      }
      return request
    }

    private static func copy<Characters>(_ text: String, to characters: inout Characters) -> Bool {
      withUnsafeMutableBytes(of: &characters) { target in
        guard text.utf8.count < target.count, !text.utf8.contains(0) else { return false }
        target.copyBytes(from: text.utf8)
        return true
      }
    }

    // MARK: Answers

    enum Kind: Int, Sendable { case none, group, dataset, other }

    /// What `name` leads to, by hard links and links within the file.
    func kind(of name: String) throws -> Kind {
      Kind(rawValue: try ask(request(chdf5_kind, name), .bytes(most: 0), what: "'\(name)': ").number) ?? .none
    }

    func hasDataset(_ name: String) throws -> Bool { try kind(of: name) == .dataset }

    /// Paths of the objects that hard links lead to, and whether each is a dataset.
    func objects() throws -> [(name: String, isDataset: Bool)] {
      let bytes = try ask(request(chdf5_objects, ""), .bytes(most: 1 << 20), what: "").bytes
      return bytes.split(separator: 0).map { entry in
        (String(decoding: entry.dropFirst(), as: UTF8.self), entry.first == UInt8(ascii: "D"))
      }
    }

    /// A text that an object or, where `attribute` is nil, a dataset holds; nil where there is none.
    func text(_ name: String, attribute: String? = nil) throws -> String? {
      let question = try request(chdf5_text, name, attribute: attribute ?? "")
      let (isThere, bytes) = try ask(question, .bytes(most: 4096), what: "'\(name)': ")
      guard isThere != 0 else { return nil }
      return String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// All numbers of a dataset, one after another.
    func numbers(_ name: String) throws -> [Double] {
      let description = try describe(name)
      _ = try HDF5Storage(description, name, in: self, memory: Self.mostNumberBytes)
      guard [chdf5_integers, chdf5_floats].contains(where: { Int32($0.rawValue) == description.type_class })
      else {
        throw unsupported("'\(name)' of another kind than numbers", expected: "integers or floats")
      }
      var question = try request(chdf5_numbers, name)
      question.work = UInt64(Self.mostNumberBytes)
      let bytes = try ask(question, .bytes(most: Self.mostNumberBytes), what: "'\(name)': ").bytes
      return bytes.withUnsafeBytes { bytes in
        (0..<bytes.count / 8).map { bytes.loadUnaligned(fromByteOffset: 8 * $0, as: Double.self) }
      }
    }

    func describe(_ name: String) throws -> chdf5_description {
      var description = chdf5_description()
      let question = try request(chdf5_describe, name)
      try withUnsafeMutableBytes(of: &description) { target in
        _ = try ask(question, .memory(target), what: "dataset '\(name)': ")
      }
      return description
    }

    /// Samples of a part of a dataset, in this machine's byte order.
    ///
    /// - Parameters:
    ///   - start, count: of every axis.
    ///   - cache: In bytes, for decoded chunks.
    func samples(
      _ name: String, start: [Int], count: [Int], as sample: chdf5_sample, components: Int, cache: Int,
      into target: UnsafeMutableRawBufferPointer, what: String
    ) throws {
      var question = try request(chdf5_samples, name)
      question.rank = Int32(start.count)
      withUnsafeMutableBytes(of: &question.start) { $0.copyBytes(from: start.map { UInt64($0) }.bytes) }
      withUnsafeMutableBytes(of: &question.count) { $0.copyBytes(from: count.map { UInt64($0) }.bytes) }
      question.sample = Int32(sample.rawValue)
      question.components = Int32(components)
      question.cache = UInt64(cache)
      question.work = UInt64(target.count + cache)
      _ = try ask(question, .memory(target), what: what)
    }
  }

  extension [UInt64] {
    fileprivate var bytes: [UInt8] { withUnsafeBytes { Array<UInt8>($0) } }
  }
#endif
