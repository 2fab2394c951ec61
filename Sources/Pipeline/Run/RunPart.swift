import Fields
import Formats
import Foundation

/// The run of a part of a scan, to be joined with others into the run of the whole.
///
/// Its slices become slices of that run as if it had done them: the same pages, lines of the journal and pixels of the
/// report.
struct RunPart {
  private let folder: RunFolder
  private let lines: RunJournal.Lines

  var reportParts: String { folder.reportParts }

  /// Takes the folder, so that nobody works in it meanwhile.
  ///
  /// - Throws: ``RunError/otherRun(folder:differences:)`` where it is of something else than `whole`;
  ///   ``RunError/unfinishedPart(_:)``; ``RunError/locked(folder:holder:)``.
  init(_ path: String, of whole: RunJournal.Header) throws {
    let journal = RunFolder.journal(in: path)
    guard RunFolder.exists(journal) else { throw RunError.unfinishedPart(path) }
    folder = try RunFolder(path)
    guard let lines = try RunJournal.Lines(journal), RunFolder.exists(folder.result("manifest.json")) else {
      throw RunError.unfinishedPart(path)
    }
    self.lines = lines
    var header = lines.header
    let part = header.identity.slices
    header.identity.slices = whole.identity.slices
    var differences = whole.identity.differences(from: header.identity)
    if header.noise != whole.noise {
      differences.append("the noise was \(header.noise.model), is \(whole.noise.model)")
    }
    if !whole.identity.slices.contains(part) {
      differences.append(
        "its slices are \(part.countedFromOne), not within \(whole.identity.slices.countedFromOne)")
    }
    guard differences.isEmpty else { throw RunError.otherRun(folder: path, differences: differences) }
  }

  /// Where the journal has the slices that the whole run needs, in order; slices count from 0.
  ///
  /// - Parameters:
  ///   - done: slices that have an image there.
  ///   - failed: slices that have none there; here they are needed if they have one.
  func entries(except done: Set<Int>, orFailed failed: Set<Int>) throws -> [(slice: Int, place: Int)] {
    var places: [Int: (place: Int, hasImage: Bool)] = [:]
    while let line = lines.next() {
      places[line.entry.slice - 1] = (line.place, line.entry.failure == nil)
    }
    return places.filter { !done.contains($0.key) && ($0.value.hasImage || !failed.contains($0.key)) }
      .sorted { $0.key < $1.key }.map { ($0.key, $0.value.place) }
  }

  /// Writes pages of this part to the volumes of the whole run.
  ///
  /// - Parameter commit: gets the entries of pages that were written, some at a time.
  func join(
    _ entries: [(slice: Int, place: Int)], to volumes: VolumeFiles, _ names: [String],
    commit: ([RunJournal.Entry]) throws -> Void
  ) throws {
    guard !entries.isEmpty else { return }
    let first = lines.header.identity.slices.lowerBound
    let stacks = try names.map { (name: $0, stack: try ImageStack(path: folder.result($0))) }
    var batch: [RunJournal.Entry] = []
    for (slice, place) in entries {
      try Task.checkCancellation()
      lines.seek(place)
      guard let entry = lines.next()?.entry else { continue }
      if entry.failure == nil {
        for (name, stack) in stacks {
          let page = try stack.page(slice - first)
          guard checksum(of: page) == entry.checksums[name] else {
            throw RunError.changedPage(path: folder.result(name), slice: slice)
          }
          try volumes.write(page, of: name, slice: slice)
        }
      } else {
        try volumes.writeMissing(slice: slice)
      }
      batch.append(entry)
      if batch.count == 64 {
        try commit(batch)
        batch = []
      }
    }
    try commit(batch)
  }
}

extension Range<Int> {
  fileprivate func contains(_ other: Range<Int>) -> Bool {
    lowerBound <= other.lowerBound && other.upperBound <= upperBound
  }
}
