import Formats
import Foundation

/// Writes the report of a run: one HTML file that needs nothing else.
///
/// Slices are handed over one at a time, in any order. Their figures are written beside the report at once, about a
/// kilobyte each, and their pixels, which are dropped again when worse slices come: memory hardly grows with the
/// number of slices. A run that was killed goes on where it stopped: ``recorded`` names the slices that need not be
/// handed over again.
///
/// The report appears under its name complete or not at all, and can be written as often as wanted while the
/// run is going on.
public struct ReportWriter: ~Copyable, Sendable {
  public let path: String
  public let sliceCount: Int
  public let slices: Range<Int>
  public let limits: ReportLimits
  private let parts: ReportParts
  private var selection: ReportSelection
  private var entries: [Int: Entry] = [:]

  /// What is known of a slice without reading its line.
  private struct Entry {
    let candidate: ReportSelection.Candidate
    /// Of the line.
    let place: Int
  }

  /// - Parameters:
  ///   - path: the HTML file.
  ///   - parts: the folder of the unfinished report: by default that name with ".parts" behind it.
  ///   - identity: a fingerprint of what the report is of. Parts with another one are discarded.
  ///   - sliceCount: slices of the whole scan.
  ///   - slices: those of this report: by default all.
  public init(
    path: String, parts folder: String? = nil, identity: String, sliceCount: Int, slices: Range<Int>? = nil,
    limits: ReportLimits = ReportLimits()
  ) throws(ReportError) {
    precondition(sliceCount >= 0, "\(sliceCount) slices")
    let slices = slices ?? 0..<sliceCount
    self.path = path
    self.sliceCount = sliceCount
    self.slices = slices
    self.limits = limits
    let header = ReportParts.Header(identity: identity, sliceCount: sliceCount, limits: limits)
    var entries: [Int: Entry] = [:]
    var selection = ReportSelection(sliceCount: sliceCount, slices: slices, limit: limits.slices)
    var dropped: [Int] = []
    parts = try ReportParts.open(folder ?? path + ".parts", header: header) { figures, place in
      guard slices.contains(figures.index) else { return }
      let candidate = ReportSelection.Candidate(index: figures.index, verdict: figures.verdict)
      if let drop = selection.offer(candidate).drop { dropped.append(drop) }
      entries[figures.index] = Entry(candidate: candidate, place: place)
    }
    for index in dropped { parts.drop(index) }
    self.selection = selection
    self.entries = entries
    // Pixels that should be there and are not: let the slice come again.
    for index in selection.indices where !parts.has(index) { self.entries[index] = nil }
  }

  /// The slices the report knows, counted from 0.
  public var recorded: Set<Int> { Set(entries.keys) }

  /// Takes one slice. A slice handed over again replaces the earlier one.
  public mutating func append(_ slice: ReportSlice) throws(ReportError) {
    try append(slice.index, slice.verdict, seconds: slice.seconds) { slice }
  }

  /// Takes one slice, whose pixels need not have been made: those of most slices are not kept.
  ///
  /// - Parameter slice: makes it where they are; of this index and verdict.
  mutating func append(
    _ index: Int, _ verdict: ReportVerdict, seconds: Double?, slice: () -> ReportSlice
  ) throws(ReportError) {
    precondition(slices.contains(index), "slice \(index) of a run of \(slices)")
    let candidate = ReportSelection.Candidate(index: index, verdict: verdict)
    let (keep, drop) = selection.offer(candidate)
    if keep {
      let slice = slice()
      precondition(slice.index == index, "slice \(slice.index) instead of \(index)")
      try parts.keep(ReportPayload(slice, side: limits.side))
    } else {
      parts.drop(index)
    }
    let figures = ReportFigures(index: index, verdict: verdict, seconds: seconds)
    entries[index] = Entry(candidate: candidate, place: try parts.record(figures))
    if let drop { parts.drop(drop) }
  }

  /// Takes the slices of other reports from their parts, which stay where they are.
  ///
  /// Which pixels are shown is known when all slices are: only those are copied.
  ///
  /// - Throws: ``ReportError/cannotRead(path:reason:)`` where pixels that this report shows are gone.
  mutating func adopt(_ folders: [String]) throws(ReportError) {
    let others = folders.map { ReportParts(folder: $0) }
    for other in others {
      do {
        try other.recorded { figures in
          guard slices.contains(figures.index), entries[figures.index] == nil else { return }
          let candidate = ReportSelection.Candidate(index: figures.index, verdict: figures.verdict)
          if let drop = selection.offer(candidate).drop { parts.drop(drop) }
          entries[figures.index] = Entry(candidate: candidate, place: try parts.record(figures))
        }
      } catch {
        throw ReportError(error, path: path)
      }
    }
    for index in selection.indices where !parts.has(index) {
      let other = others.first { $0.has(index) } ?? others[0]
      try parts.keep(other.pixels(of: index), index: index)
    }
  }

  /// The complete report of the slices handed over so far, which has no name yet.
  func file(_ data: ReportData) throws(ReportError) -> PendingFile {
    do {
      let candidates = entries.values.map(\.candidate).sorted { $0.index < $1.index }
      var rows = try figures(of: ReportPage.rows(candidates))
      let page = try ReportPage(
        data: data, candidates: candidates, sliceCount: sliceCount, expected: slices.count, embedded: embedded
      ) { try rows.nextFigures() }
      var file = try PendingFile(path: path)
      try file.write(page.opening)
      try file.write(#"<script type="application/json" id="run">"#)
      var texts = try figures(of: candidates)
      try LongJSON.write(page.run, "slices", to: &file) { try texts.next() }
      try file.write("</script>\n")
      for index in embedded {
        try file.write(#"<script type="application/json" id="slice-\#(index)">"#)
        try file.write(try parts.pixels(of: index))
        try file.write("</script>\n")
      }
      try file.write(page.closing)
      try file.complete()
      return file
    } catch {
      throw ReportError(error, path: path)
    }
  }

  private func figures(of candidates: [ReportSelection.Candidate]) throws -> ReportParts.Texts {
    try ReportParts.Texts(parts, at: candidates.compactMap { entries[$0.index]?.place })
  }

  private var embedded: [Int] { selection.indices.filter { entries[$0] != nil } }

  /// Writes the report of the slices handed over so far.
  @discardableResult
  public func write(_ data: ReportData) throws(ReportError) -> ReportSummary {
    var file = try file(data)
    do throws(FileError) { try file.publish() } catch { throw .file(error) }
    return ReportSummary(path: path, bytes: file.bytes, embedded: embedded)
  }

  /// Writes the report and removes its parts.
  @discardableResult
  public consuming func finish(_ data: ReportData) throws(ReportError) -> ReportSummary {
    let summary = try write(data)
    parts.remove()
    return summary
  }

  /// Makes durable what was handed over.
  func synchronize() throws(ReportError) { try parts.synchronize() }

  /// The slices whose pixels are kept, counted from 0.
  var kept: [Int] { embedded }

  /// The panels of a slice whose pixels are kept.
  func panels(of index: Int) throws(ReportError) -> [ReportPayload.Panel] {
    try parts.payload(of: index).panels
  }
}

/// What was written.
public struct ReportSummary: Sendable, Equatable {
  public let path: String
  public let bytes: Int
  /// The slices that carry pixels, counted from 0.
  public let embedded: [Int]
}
