import Foundation

/// The root of the package, found from this file.
public let packageFolder = URL(fileURLWithPath: #filePath)
  .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

/// A file of the data that some tests use where they are there.
public func sharedData(_ name: String) -> String { "\(packageFolder)/../shared/data/\(name)" }

/// Whether a file or folder exists.
public func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

/// A folder for one test, removed with its last reference.
///
///     let folder = try TemporaryFolder()
///     try folder.write("text", to: "a.txt")
///     let path = folder("a.txt")
public final class TemporaryFolder: Sendable {
  public let path: String

  public init() throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("deft-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The path of a file in the folder.
  public func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }

  @discardableResult
  public func write(_ bytes: [UInt8], _ name: String) throws -> String {
    // A new file each time: some file systems write to the disk at once when an old one is cut to nothing.
    try? FileManager.default.removeItem(atPath: self(name))
    try Data(bytes).write(to: URL(fileURLWithPath: self(name)))
    return self(name)
  }

  @discardableResult
  public func write(_ text: String, to name: String) throws -> String { try write(Array(text.utf8), name) }

  public func data(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: self(name))) }

  public func text(_ name: String) throws -> String { String(decoding: try data(name), as: UTF8.self) }

  public func json(_ name: String) throws -> [String: Any] {
    try JSONSerialization.jsonObject(with: data(name)) as? [String: Any] ?? [:]
  }

  /// Names of what is in it, sorted.
  public var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? [] }
}
