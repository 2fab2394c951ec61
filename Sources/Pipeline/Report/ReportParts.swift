import Formats
import Foundation

/// What the report remembers of a slice whose pixels it may have dropped.
struct ReportFigures: Codable, Sendable {
  let index: Int
  let verdict: ReportVerdict
  let seconds: Double?
}

/// The unfinished report: a folder that survives a killed run.
///
/// `figures.jsonl` has one line per slice, behind a line that says which run it belongs to; the pixels of
/// every slice that is still a candidate have a file of their own. A slice is recorded when its line is
/// durable, and its line is written after its pixels. Lines of slices that come again replace earlier ones.
struct ReportParts: Sendable {
  /// Parts of another run, or of another choice of slices, are of no use to this one.
  struct Header: Codable, Equatable {
    let identity: String
    let sliceCount: Int
    let limits: ReportLimits
  }

  let folder: String
  private var figuresPath: String { folder + "/figures.jsonl" }

  /// Opens the folder, and returns what an earlier run of the same identity left in it.
  static func open(_ folder: String, header: Header) throws(ReportError) -> (ReportParts, [ReportFigures]) {
    let parts = ReportParts(folder: folder)
    let recorded = try parts.load(header)
    if recorded == nil { parts.remove() }
    // Written anew also after a kill: the last line may be torn.
    var lines = try parts.line(header)
    for figures in recorded ?? [] { lines += try parts.line(figures) }
    do throws(FileError) {
      try makeFolder(folder)
      try writeFile(lines, to: parts.figuresPath)
    } catch {
      throw .file(error)
    }
    return (parts, recorded ?? [])
  }

  private func load(_ header: Header) throws(ReportError) -> [ReportFigures]? {
    guard let data = FileManager.default.contents(atPath: figuresPath) else { return nil }
    let lines = data.split(separator: UInt8(ascii: "\n"))
    guard let first = lines.first, (try? EmbeddedJSON.decode(Header.self, from: Data(first))) == header
    else { return nil }
    return Self.figures(lines.dropFirst())
  }

  /// What the report in this folder remembers, whatever run it is of.
  func recorded() throws(ReportError) -> [ReportFigures] {
    guard let data = FileManager.default.contents(atPath: figuresPath) else {
      throw .cannotRead(path: figuresPath, reason: String(cString: strerror(errno)))
    }
    return Self.figures(data.split(separator: UInt8(ascii: "\n")).dropFirst())
  }

  private static func figures(_ lines: some Sequence<Data>) -> [ReportFigures] {
    lines.compactMap { try? EmbeddedJSON.decode(ReportFigures.self, from: Data($0)) }
  }

  func record(_ figures: ReportFigures) throws(ReportError) {
    let bytes = [UInt8](try line(figures))
    let descriptor = Foundation.open(figuresPath, O_WRONLY | O_APPEND | O_CLOEXEC)
    guard descriptor >= 0 else { throw .file(.cannotWrite(path: figuresPath, code: errno)) }
    defer { close(descriptor) }
    errno = 0
    guard write(descriptor, bytes, bytes.count) == bytes.count else {
      throw .file(.cannotWrite(path: figuresPath, code: errno == 0 ? ENOSPC : errno))
    }
  }

  /// Makes all lines durable; pixels are so when they are kept.
  func synchronize() throws(ReportError) {
    let descriptor = Foundation.open(figuresPath, O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .file(.cannotWrite(path: figuresPath, code: errno)) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 || errno == EINVAL else {
      throw .file(.cannotWrite(path: figuresPath, code: errno))
    }
  }

  func path(of index: Int) -> String { folder + "/slice_" + slicePadded(index) + ".json" }

  func keep(_ payload: ReportPayload) throws(ReportError) {
    try keep(try json(payload, path: path(of: payload.index)), index: payload.index)
  }

  func keep(_ content: Data, index: Int) throws(ReportError) {
    let path = path(of: index)
    do throws(FileError) { try writeFile(content, to: path) } catch { throw .file(error) }
  }

  func drop(_ index: Int) { unlink(path(of: index)) }

  func has(_ index: Int) -> Bool { access(path(of: index), R_OK) == 0 }

  /// The text of a slice's pixels, fit to stand inside a `script` element.
  func pixels(of index: Int) throws(ReportError) -> Data {
    let path = path(of: index)
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw .cannotRead(path: path, reason: String(cString: strerror(errno)))
    }
    // The folder lay open to everyone between two runs: what could leave the element is not let in.
    guard data.first == UInt8(ascii: "{"), data.last == UInt8(ascii: "}"), !EmbeddedJSON.holdsTag(data)
    else { throw .damagedParts(path: path) }
    return data
  }

  func payload(of index: Int) throws(ReportError) -> ReportPayload {
    let data = try pixels(of: index)
    do {
      return try EmbeddedJSON.decode(ReportPayload.self, from: data)
    } catch {
      throw .damagedParts(path: path(of: index))
    }
  }

  /// Removes the parts, and the folder where nothing else is in it.
  func remove() {
    unlink(figuresPath)
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    where name.hasPrefix("slice_") && name.hasSuffix(".json") { unlink("\(folder)/\(name)") }
    rmdir(folder)
  }

  private func line(_ value: some Encodable) throws(ReportError) -> Data {
    try json(value, path: figuresPath) + [UInt8(ascii: "\n")]
  }

  private func json(_ value: some Encodable, path: String) throws(ReportError) -> Data {
    do { return try EmbeddedJSON.encode(value) } catch { throw .cannotEncode(path: path, reason: "\(error)") }
  }

  private func slicePadded(_ index: Int) -> String {
    let number = String(index + 1)
    return String(repeating: "0", count: max(0, 5 - number.count)) + number
  }
}
