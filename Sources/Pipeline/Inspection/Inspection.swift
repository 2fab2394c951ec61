import Formats
import Foundation

/// What lies at a path: a stack of images, a network, or a JSON record of this program.
public enum Inspection: Sendable {
  case stack(StackInspection)
  case checkpoint(CheckpointInspection)
  /// A record, such as the manifest of a run, with sorted keys and indented.
  case record(String)

  /// - Parameter progress: called with the pages done and their number; what it throws ends the work.
  /// - Throws: ``InspectionError``, or the error of the format.
  public init(path: String, progress: (Int, Int) throws -> Void = { _, _ in }) async throws {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    let manifest = URL(fileURLWithPath: path).appendingPathComponent("manifest.json").path
    if exists, CheckpointInspection.isCheckpoint(path) {
      self = .checkpoint(try CheckpointInspection(path: path))
    } else if exists, isFolder.boolValue, FileManager.default.fileExists(atPath: manifest) {
      self = .record(try Self.record(manifest))
    } else if exists, path.lowercased().hasSuffix(".json") {
      self = .record(try Self.record(path))
    } else {
      // A path may name a part of its file.
      guard
        FileManager.default.fileExists(atPath: FormatRegistry.file(of: path))
          || path.contains(where: { "*?[".contains($0) })
      else {
        throw InspectionError.missing(path: path)
      }
      _ = try FormatRegistry.format(of: path)
      self = .stack(try await StackInspection(stack: path, progress: progress))
    }
  }

  private static func record(_ path: String) throws -> String {
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw InspectionError.unreadable(path: path)
    }
    guard let object = try? JSONSerialization.jsonObject(with: data),
      let text = try? JSONSerialization.data(
        withJSONObject: object, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    else { throw InspectionError.notJSON(path: path) }
    return String(decoding: text, as: UTF8.self)
  }
}

/// Why a path cannot be looked into.
public enum InspectionError: Error, Equatable, CustomStringConvertible {
  case missing(path: String)
  case unreadable(path: String)
  case notJSON(path: String)

  public var description: String {
    switch self {
    case .missing(let path): "cannot open '\(path)': there is no such file or folder. Check the path."
    case .unreadable(let path): "cannot read '\(path)'. Check the permissions of the file."
    case .notJSON(let path):
      "cannot read '\(path)': it is not JSON. It may be incomplete; copy it again, or run again what wrote it."
    }
  }
}
