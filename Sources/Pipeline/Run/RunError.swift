import Fields
import Formats

/// Why a run cannot start or go on.
public enum RunError: Error, Equatable, CustomStringConvertible {
  case unreadable(String)
  case noPrior(String)
  case noInput(String)
  case wrongShape(path: String, found: Shape, expected: Shape)
  case wrongViews(path: String, found: Int, expected: Int)
  /// A file that would be written is one that is read.
  case replacesInput(output: String)
  case differentCounts(String, Int, String, Int)
  /// Another run works in the folder; `holder` says which process.
  case locked(folder: String, holder: String)
  /// A result of another origin stands where one would be written.
  case occupied(String)
  /// Another run has worked in the folder while this one was being prepared.
  case changedMeanwhile(String)
  /// The folder holds a run of something else.
  case otherRun(folder: String, differences: [String])
  /// A journal that this version of the program cannot read.
  case foreignJournal(String)
  /// Not one slice could be reconstructed.
  case noImages(count: Int, reason: String)
  /// A part of a scan that is to be joined with others is not complete.
  case unfinishedPart(String)
  /// A page is not what the journal of its run says.
  case changedPage(path: String, slice: Int)
  /// No part has these slices, counted from 0.
  case missingSlices([Int])
  /// The same part was named twice.
  case repeatedPart(String)
  /// Counted from 0; the sentence counts from 1.
  case noSuchSlices(Range<Int>, count: Int)
  /// Figures of the verdict are beyond all numbers; the slice counts from 1.
  case endlessFigures(slice: Int)
  /// The slice counts from 1.
  case notFinite(method: String, slice: Int)

  public var description: String {
    switch self {
    case .repeatedPart(let path):
      "'\(path)' is named twice. Name every part once."
    case .unreadable(let path):
      "cannot read '\(path)'. Check the path and its permissions."
    case .noPrior(let file):
      "'\(file)' names no prior, but a method needs one. Add 'prior: FOLDER' to it."
    case .noInput(let file):
      "'\(file)' names no input. Give the measurements with --input."
    case .wrongShape(let path, let found, let expected):
      "the pages of '\(path)' are \(found), the pipeline expects \(expected) (angles × bins). "
        + "Correct 'geometry', or say 'order: [bin, angle]' if the pages are transposed."
    case .wrongViews(let path, let found, let expected):
      "'\(path)' holds \(found) projections, the pipeline expects \(expected) angles. Correct 'angles'."
    case .replacesInput(let output):
      "'\(output)' would replace a file that is read. Choose another folder or name for the output."
    case .differentCounts(let first, let firstCount, let second, let secondCount):
      "'\(first)' has \(firstCount) slices, '\(second)' has \(secondCount). Give volumes of the same scan, "
        + "or choose pages with --pages."
    case .locked(let folder, let holder):
      "another run works in '\(folder)'\(holder.isEmpty ? "" : " (\(holder))"). Wait for it, or choose another folder."
    case .occupied(let path):
      "'\(path)' is there already and belongs to no run that could go on. Choose another folder, or replace the results in "
        + "it with --restart."
    case .changedMeanwhile(let folder):
      "another run has worked in '\(folder)' while this one was being prepared. Give the command again."
    case .otherRun(let folder, let differences):
      "'\(folder)' holds a run of something else: \(differences.joined(separator: "; ")). Choose another folder, or begin "
        + "this one again with --restart."
    case .foreignJournal(let path):
      "'\(path)' is no journal of this version of the program. Choose another folder, or begin again with --restart."
    case .noImages(let count, let reason):
      "none of \(count) slices could be reconstructed, and --retry-failed does them again; the first: \(reason)"
    case .unfinishedPart(let folder):
      "'\(folder)' holds no complete run. Run its slices to their end first, then merge again."
    case .changedPage(let path, let slice):
      "the page of slice \(slice + 1) in '\(path)' is not what its run has written. Run that part again with --restart."
    case .missingSlices(let slices):
      "no part has the slices \(Self.ranges(slices)). Run them with --slices, then merge again with that folder, too."
    case .noSuchSlices(let slices, let count):
      "there are no slices \(slices.countedFromOne): the scan has \(count). Ask for slices from 1 to \(count)."
    case .endlessFigures(let slice):
      "figures of the verdict of slice \(slice) are too large for a number. Check the measurements and their noise with 'deft "
        + "info'."
    case .notFinite(let method, let slice):
      "the image that '\(method)' made of slice \(slice) holds values that are not numbers. Check the measurements and their "
        + "noise with 'deft info', or use another method."
    }
  }
}

extension RunError {
  /// `1…3, 7`, counted from 1.
  static func ranges(_ slices: [Int]) -> String {
    var ranges: [ClosedRange<Int>] = []
    for slice in slices.sorted() {
      if let last = ranges.last, last.upperBound + 1 == slice {
        ranges[ranges.count - 1] = last.lowerBound...slice
      } else {
        ranges.append(slice...slice)
      }
    }
    return ranges.map { $0.count == 1 ? "\($0.lowerBound + 1)" : "\($0.lowerBound + 1)…\($0.upperBound + 1)" }
      .joined(separator: ", ")
  }
}

/// - Throws: ``RunError/replacesInput(output:)`` where an output would replace an input, whatever links lead there.
func expectOther(_ outputs: [String], than inputs: [String]) throws(RunError) {
  let read = Set(inputs.map(filePlace))
  if let output = outputs.first(where: { read.contains(filePlace($0)) }) {
    throw .replacesInput(output: output)
  }
}
