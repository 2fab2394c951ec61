import Foundation

/// A format that stacks are written in, found by the name of the output.
public struct OutputFormat: Sendable {
  /// The one list.
  static let all: [OutputFormat] = [.tiff, .tiffFolder, .nifti, .npy, .cfl]

  /// What a file can say beside 32-bit floats and complex numbers of two of them.
  public struct Features: OptionSet, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// 16-bit integers with scale and offset.
    public static let integers = Features(rawValue: 1)
    public static let compression = Features(rawValue: 2)
    public static let spacing = Features(rawValue: 4)
    public static let unit = Features(rawValue: 8)
    /// Any `key=value`.
    public static let metadata = Features(rawValue: 16)
    /// Which of several dimensions pages run along.
    public static let axes = Features(rawValue: 32)
  }

  public let name: String
  /// In lower case, without the dot; none where the output is a folder.
  public let extensions: [String]
  public let features: Features
  private let targets: @Sendable (String) -> [String]
  private let open: @Sendable (String, StackLayout) throws -> any StackSink

  /// - Parameters:
  ///   - targets: The files or folders that appear, by the name of the output.
  ///   - open: Begins an output of that name.
  init(
    name: String, extensions: [String], holds features: Features,
    targets: @escaping @Sendable (String) -> [String] = { [$0] },
    open: @escaping @Sendable (String, StackLayout) throws -> any StackSink
  ) {
    (self.name, self.extensions, self.features) = (name, extensions, features)
    (self.targets, self.open) = (targets, open)
  }

  /// The format of an output: by its extension or, of a folder that is there, a name that ends in `/`, and one without an
  /// extension, numbered TIFF files.
  ///
  /// - Throws: ``FormatError/notWritten(path:)``.
  public init(of path: String) throws(FormatError) {
    let name = (path.split(separator: "/").last ?? "").lowercased()
    let byExtension = Self.all.first { $0.extensions.contains { name.hasSuffix(".\($0)") } }
    var status = stat()
    let isFolder = stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    if !path.hasSuffix("/"), let byExtension {
      self = byExtension
    } else if path.hasSuffix("/") || isFolder || !(name.isEmpty || name.contains(".")) {
      self = .tiffFolder
    } else {
      throw .notWritten(path: path)
    }
  }

  /// Whether a file that exists would be replaced, or be in a folder that would.
  public func replaces(_ file: String, by output: String) -> Bool {
    let place = filePlace(file)
    return targets(output).map(filePlace).contains { place == $0 || place.hasPrefix("\($0)/") }
  }

  /// Begins an output; its pages follow.
  ///
  /// - Throws: what the format says: where the place cannot be written to or has no room, or holds what would be lost.
  public func sink(_ path: String, _ stack: StackLayout) throws -> any StackSink { try open(path, stack) }
}

/// What a stack is, before its first page is written.
public struct StackLayout: Sendable {
  public var rows: Int
  public var columns: Int
  public var pages: Int
  public var storage: TIFFWriter.Storage
  public var compression = TIFFWriter.Compression.none
  public var spacing = Spacing()
  public var unit: String?
  /// See ``StackInfo/axes``.
  public var axes: PageAxes?
  public var metadata: [String: String] = [:]

  public init(rows: Int, columns: Int, pages: Int, storage: TIFFWriter.Storage) {
    (self.rows, self.columns, self.pages, self.storage) = (rows, columns, pages, storage)
  }
}
