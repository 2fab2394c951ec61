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

  /// Takes the folder, so that nobody works in it meanwhile.
  ///
  /// - Throws: ``RunError/otherRun(folder:differences:)`` where it is of something else than `whole`;
  ///   ``RunError/unfinishedPart(_:)``; ``RunError/locked(folder:holder:)``.
  init(_ path: String, of whole: RunJournal.Header) throws {
    guard let lines = try RunJournal.Lines(RunFolder.journal(in: path)),
      access(RunFolder.result("manifest.json", in: path), F_OK) == 0
    else { throw RunError.unfinishedPart(path) }
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
    folder = try RunFolder(path)
  }

  /// Joins the slices that the whole run has not done.
  ///
  /// - Parameter onEntry: gets every line that the journal of the whole run got.
  func join(
    _ whole: RunFolder, _ description: PipelineDescription, slices: Range<Int>,
    _ journal: borrowing RunJournal,
    _ report: inout ReportWriter, except done: Set<Int>, onEntry: (RunJournal.Entry) -> Void
  ) throws {
    var places: [Int: Int] = [:]
    while let line = try lines.next() { places[line.entry.slice - 1] = line.place }
    let wanted = places.filter { !done.contains($0.key) }.sorted { $0.key < $1.key }
    guard !wanted.isEmpty else { return }
    let first = lines.header.identity.slices.lowerBound
    let names = description.volumes.map(\.name)
    let volumes = try VolumeFiles(description, names, slices: slices, path: whole.unfinished)
    let stacks = try names.map { (name: $0, stack: try TIFFStack(path: folder.result($0))) }
    var batch: [RunJournal.Entry] = []
    func commit() throws {
      try volumes.synchronize()
      try report.synchronize()
      try journal.append(batch)
      for entry in batch { onEntry(entry) }
      batch = []
    }
    try report.adopt(folder.reportParts, slices: Set(wanted.map(\.key)))
    for (slice, place) in wanted {
      try Task.checkCancellation()
      lines.seek(place)
      guard let entry = try lines.next()?.entry else { continue }
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
      if batch.count == 64 { try commit() }
    }
    try commit()
  }
}

extension Range<Int> {
  fileprivate func contains(_ other: Range<Int>) -> Bool {
    lowerBound <= other.lowerBound && other.upperBound <= upperBound
  }
}
