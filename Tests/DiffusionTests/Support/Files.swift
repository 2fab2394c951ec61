import Diffusion
import Foundation
import Testing

/// A folder that is gone after the test.
func withTemporaryFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
    "DiffusionTests-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}

enum Fixtures {
  /// `Fixtures/` beside the tests; its README says how the files were made.
  static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fixtures")

  static func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  /// A copy of the checkpoint `name` with settings of its `config.json` replaced; nil removes one.
  static func copy(_ name: String, to target: URL, changing settings: [String: Any?] = [:]) throws -> String {
    let copy = target.appendingPathComponent("\(name)-\(UUID().uuidString)")
    try FileManager.default.copyItem(at: folder.appendingPathComponent(name), to: copy)
    try change(copy.appendingPathComponent("config.json"), settings)
    return copy.path
  }

  /// Replaces keys of a JSON object on disk.
  static func change(_ file: URL, _ settings: [String: Any?]) throws {
    var json = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any] ?? [:]
    for (key, value) in settings { json[key] = value }
    try JSONSerialization.data(withJSONObject: json).write(to: file)
  }
}

/// Runs `body`, expects a `CheckpointError` and returns its sentence.
func checkpointError(
  sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) -> String {
  do {
    try body()
  } catch let error as CheckpointError {
    return error.description
  } catch {
    Issue.record("\(type(of: error)) instead of a CheckpointError: \(error)", sourceLocation: sourceLocation)
    return ""
  }
  Issue.record("no error", sourceLocation: sourceLocation)
  return ""
}

/// The largest |a − b| relative to the largest |b|.
func largestError(_ a: [Float], _ b: [Float]) -> Double {
  precondition(a.count == b.count, "\(a.count) values against \(b.count)")
  let scale = b.reduce(0) { max($0, abs(Double($1))) }
  return zip(a, b).reduce(0) { max($0, abs(Double($1.0) - Double($1.1))) } / scale
}
