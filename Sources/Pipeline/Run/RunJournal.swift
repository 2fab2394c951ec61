import Formats
import Foundation
import Operators
import Reconstruction

/// `journal.jsonl`: what a run is of, and every slice that is done, one JSON value to a line.
///
/// A line is written after everything it speaks of is durable. A line that is torn, as a kill may leave the last one, is taken
/// off when the journal is opened, with what follows it: those slices are done again. A slice that is done again has the
/// later line.
struct RunJournal: ~Copyable {
  struct Header: Codable, Equatable {
    var identity: RunIdentity
    /// Of the measurements, as the run began.
    var noise: ScanNoise
  }

  /// One slice that is done, or failed.
  struct Entry: Codable {
    /// From 1.
    var slice: Int
    /// Why there is no image; nil where there is one.
    var failure: String?
    /// By reconstruction, in the order of the pipeline; views, bins, rows and columns count from 1.
    var verdicts: [Verdict] = []
    /// SHA-256 of the samples, by the name of the volume.
    var checksums: [String: String] = [:]
    var stages: [Stage] = []
    /// For the reconstructions and their verdicts.
    var seconds = 0.0
    var changed = Changed()
  }

  /// An ``Entry`` without its figures, which are most of a line.
  struct Outline: Decodable {
    struct Verdict: Decodable {
      let status: Reconstruction.Verdict.Status
    }

    let slice: Int
    let failure: String?
    let verdicts: [Verdict]
    let checksums: [String: String]
    let seconds: Double
    let changed: Changed
  }

  /// Samples that are not as they were measured.
  struct Changed: Codable {
    /// Raised to the smallest transmission before the logarithm.
    var clipped = 0
    /// Found faulty by the preprocessing.
    var replaced = 0
  }

  struct Stage: Codable {
    var name: String
    var seconds: Double
  }

  private let path: String
  private let descriptor: Int32

  /// Begins a journal, or goes on with the entries of another one under a new header.
  init(creating path: String, _ header: Header) throws {
    var file = try PendingFile(path: path)
    try file.write(try Self.line(header))
    if let lines = try Lines(path) {
      while let entry = lines.next()?.entry { try file.write(try Self.line(entry)) }
    }
    try file.publish()
    try self.init(path)
  }

  /// Goes on with the journal that is there.
  ///
  /// - Parameter onEntry: gets every whole line in the order in which they were written.
  init(continuing path: String, onEntry: (Entry) -> Void) throws {
    if let lines = try Lines(path) {
      while let line = lines.next() { onEntry(line.entry) }
      guard truncate(path, off_t(lines.whole)) == 0 else {
        throw FileError.cannotWrite(path: path, code: errno)
      }
    }
    try self.init(path)
  }

  private init(_ path: String) throws {
    self.path = path
    descriptor = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError.cannotWrite(path: path, code: errno) }
  }

  deinit { close(descriptor) }

  /// What the run of a journal is of; nil where there is none.
  static func header(of path: String) throws -> Header? { try Lines(path)?.header }

  /// Records slices, whose files are durable, and makes their lines durable.
  func append(_ entries: [Entry]) throws {
    guard !entries.isEmpty else { return }
    let end = lseek(descriptor, 0, SEEK_END)
    var code = Pipeline.append(Data(try entries.map(Self.line).joined()), to: descriptor)
    if code == 0, fsync(descriptor) != 0, errno != EINVAL {
      code = errno
      _ = ftruncate(descriptor, end)
    }
    guard code == 0 else { throw FileError.cannotWrite(path: path, code: code) }
  }

  /// The lines of a journal one by one, whatever its length.
  final class Lines {
    let header: Header
    /// Bytes of the lines that were whole so far.
    private(set) var whole: Int
    private let lines: FileLines
    private let decoder = JSONDecoder()

    /// - Returns: nil where there is no journal.
    /// - Throws: ``RunError/foreignJournal(_:)``.
    init?(_ path: String) throws {
      guard let lines = try FileLines(path) else { return nil }
      guard let line = lines.next(), let header = try? decoder.decode(Header.self, from: line.text) else {
        throw RunError.foreignJournal(path)
      }
      self.lines = lines
      self.header = header
      whole = line.text.count + 1
    }

    /// The next entry and the byte at which its line begins; nil at the end, or at a line that is torn.
    func next() -> (entry: Entry, place: Int)? {
      guard let line = lines.next(), let entry = try? decoder.decode(Entry.self, from: line.text) else {
        return nil
      }
      whole = line.place + line.text.count + 1
      return (entry, line.place)
    }

    /// Goes to the line that begins at a byte.
    func seek(_ place: Int) { lines.seek(place) }
  }

  /// The entries that hold, or what is wanted of them, one by one in the order of the slices, whatever their number. Copies
  /// are used in turn.
  struct Entries {
    private struct Place: Decodable {
      var slice: Int
    }

    private let path: String
    private let lines: FileLines
    private let decoder = JSONDecoder()
    private var places: ArraySlice<Int>

    /// - Throws: ``RunError/unreadable(_:)`` where there is no journal.
    init(_ path: String) throws {
      self.path = path
      guard let lines = try FileLines(path) else { throw RunError.unreadable(path) }
      self.lines = lines
      // Lines stand in the order of the work; a slice that was done again has several, of which the last holds.
      var places: [Int: Int] = [:]
      while let line = lines.next() {
        if let entry = try? decoder.decode(Place.self, from: line.text) { places[entry.slice] = line.place }
      }
      self.places = places.sorted { $0.key < $1.key }.map(\.value)[...]
    }

    mutating func next<Content: Decodable>(_ type: Content.Type) throws -> Content? {
      guard let place = places.popFirst() else { return nil }
      lines.seek(place)
      guard let text = lines.next()?.text, let content = try? decoder.decode(type, from: text) else {
        throw RunError.unreadable(path)
      }
      return content
    }
  }

  private static func line(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(value) + [UInt8(ascii: "\n")]
  }
}
