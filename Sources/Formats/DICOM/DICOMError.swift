/// Why DICOM files are no stack together. No text of a file is quoted: it may name a patient.
public enum DICOMError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A frame of a file, counted from 0; nil for a file with one.
  public struct Slice: Equatable, Sendable, CustomStringConvertible {
    public var file: String
    public var frame: Int?

    public init(file: String, frame: Int? = nil) {
      self.file = file
      self.frame = frame
    }

    public var description: String { frame.map { "frame \($0 + 1) of '\(file)'" } ?? "'\(file)'" }

    /// Whether both are frames of one file.
    func isBeside(_ other: Slice) -> Bool { frame != nil && file == other.file }

    /// What comes before moving one of two slices to another folder.
    func parting(from other: Slice) -> String {
      isBeside(other) ? "make a file of every frame, for example with 'emf2sf' of dcm4che, and " : ""
    }
  }

  /// What slices are sorted by.
  public enum Order: Equatable, Sendable {
    /// Along the normal of the slices, in mm.
    case position
    /// Their instance numbers.
    case number

    func text(_ value: Double) -> String {
      let rounded = "\((value * 1e4).rounded() / 1e4 + 0)"
      let short = rounded.hasSuffix(".0") ? String(rounded.dropLast(2)) : rounded
      return self == .position ? "\(short) mm" : "number \(short)"
    }

    func distance(_ value: Double) -> String { self == .position ? text(value) : "\(Int(value))" }
  }

  case noFiles(path: String)
  case severalSeries(path: String, count: Int, first: String, second: String)
  case mixed(path: String, slice: Slice, found: String, other: Slice, expected: String)
  case gap(path: String, before: Slice, at: Double, after: Slice, to: Double, step: Double, order: Order)
  case repeated(path: String, first: Slice, second: Slice, at: Double, order: Order)
  case noOrder(path: String, slice: Slice)

  public var description: String {
    switch self {
    case .noFiles(let path):
      "there is no DICOM file in '\(path)'. Check the path; folders within it are not searched."
    case .severalSeries(let path, let count, let first, let second):
      "'\(path)' holds \(count) series: '\(first)' and '\(second)', for example, belong to different ones. Move every "
        + "series to a folder of its own, or name the files of one with a pattern."
    case .mixed(let path, let slice, let found, let other, let expected):
      "cannot read '\(path)' as a stack: \(slice) is \(found), \(other) is \(expected). All slices of a stack must agree; "
        + "\(slice.parting(from: other))move those that differ to another folder."
    case .gap(let path, let before, let at, let after, let to, let step, let order):
      "the slices of '\(path)' are not evenly spaced: \(before) at \(order.text(at)) is followed by \(after) at "
        + "\(order.text(to)), while most are \(order.distance(step)) apart. Restore what is missing "
        + "between them, or \(before.parting(from: after))move one side of the gap to another folder."
    case .repeated(let path, let first, let second, let at, let order):
      "\(first) and \(second) of '\(path)' "
        + (order == .position
          ? "lie at the same position, \(order.text(at))" : "have the same \(order.text(at))")
        + (first.isBeside(second)
          ? ". A stack of several files has one slice at each; read that file by itself."
          : ". A stack has one slice at each; move the other ones to another folder.")
    case .noOrder(let path, let slice):
      "cannot sort the slices of '\(path)': \(slice) states neither a position with an orientation nor an instance "
        + "number. Take it out, or convert the files one by one."
    }
  }
}
