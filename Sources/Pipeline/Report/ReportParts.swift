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

  /// Opens the folder, and hands over what an earlier run of the same identity left in it.
  ///
  /// - Parameter onFigures: gets every line and its place.
  static func open(
    _ folder: String, header: Header, onFigures: (ReportFigures, Int) -> Void
  ) throws(ReportError) -> ReportParts {
    let parts = ReportParts(folder: folder)
    do {
      let lines = try FileLines(parts.figuresPath)
      let isContinued =
        lines?.next().map { (try? EmbeddedJSON.decode(Header.self, from: $0.text)) == header } ?? false
      if !isContinued { parts.remove() }
      try makeFolder(folder)
      // Written anew also after a kill: the last line may be torn.
      var file = try PendingFile(path: parts.figuresPath)
      try file.write(try parts.line(header))
      if isContinued, let lines {
        while let text = lines.next()?.text {
          guard let figures = try? EmbeddedJSON.decode(ReportFigures.self, from: text) else { continue }
          onFigures(figures, file.bytes)
          try file.write(text + [UInt8(ascii: "\n")])
        }
      }
      try file.publish()
    } catch {
      throw ReportError(error, path: parts.figuresPath)
    }
    return parts
  }

  /// Every line of the report in this folder, whatever run it is of.
  func recorded(onFigures: (ReportFigures) throws -> Void) throws {
    guard let lines = try FileLines(figuresPath) else {
      throw FileError.cannotRead(path: figuresPath, code: ENOENT)
    }
    _ = lines.next()
    while let text = lines.next()?.text {
      if let figures = try? EmbeddedJSON.decode(ReportFigures.self, from: text) { try onFigures(figures) }
    }
  }

  /// - Returns: the place of the line.
  func record(_ figures: ReportFigures) throws(ReportError) -> Int {
    let line = try line(figures)
    let descriptor = Foundation.open(figuresPath, O_WRONLY | O_APPEND | O_CLOEXEC)
    guard descriptor >= 0 else { throw .file(.cannotWrite(path: figuresPath, code: errno)) }
    defer { close(descriptor) }
    let place = Int(lseek(descriptor, 0, SEEK_END))
    let code = append(line, to: descriptor)
    guard code == 0 else { throw .file(.cannotWrite(path: figuresPath, code: code)) }
    return place
  }

  /// The texts of the lines at these places, in their order.
  struct Texts {
    private let lines: FileLines
    private let path: String
    private var places: ArraySlice<Int>

    init(_ parts: ReportParts, at places: [Int]) throws {
      path = parts.figuresPath
      guard let lines = try FileLines(path) else { throw FileError.cannotRead(path: path, code: ENOENT) }
      self.lines = lines
      self.places = places[...]
    }

    /// Fit to stand inside a `script` element.
    mutating func next() throws -> Data? {
      guard let place = places.popFirst() else { return nil }
      lines.seek(place)
      guard let text = lines.next()?.text, EmbeddedJSON.isObject(text) else {
        throw ReportError.damagedParts(path: path)
      }
      return text
    }

    mutating func nextFigures() throws -> ReportFigures? {
      try next().map { text in
        do { return try EmbeddedJSON.decode(ReportFigures.self, from: text) } catch {
          throw ReportError.damagedParts(path: path)
        }
      }
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
    guard EmbeddedJSON.isObject(data) else { throw .damagedParts(path: path) }
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
