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
    var status = stat()
    // A path may name a part of its file.
    let code = stat(FormatRegistry.file(of: path), &status) == 0 ? 0 : errno
    guard code == 0 || code == ENOENT || code == ENOTDIR else {
      throw FileError.cannotRead(path: path, code: code)
    }
    let exists = access(path, F_OK) == 0
    let isFolder = exists && status.st_mode & S_IFMT == S_IFDIR
    let manifest = URL(fileURLWithPath: path).appendingPathComponent("manifest.json").path
    if exists, CheckpointInspection.isCheckpoint(path) {
      self = .checkpoint(try CheckpointInspection(path: path))
    } else if isFolder, access(manifest, F_OK) == 0 {
      self = .record(try Self.record(manifest))
    } else if isFolder, access(RunFolder.journal(in: path), F_OK) == 0 {
      throw InspectionError.unfinishedRun(path: path)
    } else if exists, path.lowercased().hasSuffix(".json") {
      self = .record(try Self.record(path))
    } else {
      guard code == 0 || path.contains(where: { "*?[".contains($0) }) else {
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
  case unfinishedRun(path: String)
  case notJSON(path: String)

  public var description: String {
    switch self {
    case .missing(let path): "cannot open '\(path)': there is no such file or folder. Check the path."
    case .unreadable(let path): "cannot read '\(path)'. Check the permissions of the file."
    case .unfinishedRun(let path):
      "'\(path)' holds a run that is not finished. The same 'deft run' goes on with it; '\(path)/run.log' says how far it is."
    case .notJSON(let path):
      "cannot read '\(path)': it is not JSON. It may be incomplete; copy it again, or run again what wrote it."
    }
  }
}
