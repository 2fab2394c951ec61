import Foundation
import Testing

/// What a run of the program left.
struct Outcome {
  var status: Int32
  var output: String
  var errors: String

  func json() throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
  }
}

/// A folder of its own for a test, with the program that was built beside the tests.
final class Program {
  let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("deft-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  /// `phantoms` and `pipelines` of the repository.
  static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path

  static let thorax = repository + "/phantoms/thorax.yaml"
  static let family = repository + "/phantoms/random-ct.yaml"
  static let sheppLogan = repository + "/phantoms/shepp-logan.yaml"

  func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  func data(_ name: String) throws -> Data { try Data(contentsOf: folder.appendingPathComponent(name)) }

  func write(_ text: String, to name: String) throws {
    try Data(text.utf8).write(to: folder.appendingPathComponent(name))
  }

  /// Names in the folder, the program's own output aside.
  func files() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { !$0.hasPrefix("log-") }.sorted()
  }

  @discardableResult
  func run(_ arguments: String...) throws -> Outcome { try start(arguments)() }

  /// Starts the program in the folder.
  ///
  /// - Parameter whileRunning: may watch and signal it.
  func start(_ arguments: [String], whileRunning: (Process) throws -> Void = { _ in }) throws -> () throws ->
    Outcome
  {
    let process = Process()
    process.executableURL = try #require(Bundle.main.executableURL)
      .deletingLastPathComponent().appendingPathComponent("deft")
    process.arguments = arguments
    process.currentDirectoryURL = folder
    let name = UUID().uuidString
    // Files, not pipes: a pipe that nobody reads stops the program when it is full.
    let logs = ["log-\(name).out", "log-\(name).err"]
    for log in logs { try Data().write(to: folder.appendingPathComponent(log)) }
    let handles = try logs.map { try FileHandle(forWritingTo: folder.appendingPathComponent($0)) }
    process.standardOutput = handles[0]
    process.standardError = handles[1]
    process.standardInput = FileHandle.nullDevice
    try process.run()
    try whileRunning(process)
    return { [self] in
      process.waitUntilExit()
      return Outcome(
        status: process.terminationStatus, output: String(decoding: try data(logs[0]), as: UTF8.self),
        errors: String(decoding: try data(logs[1]), as: UTF8.self))
    }
  }

  /// A pipeline for images of `size` pixels.
  func writePipeline(
    _ name: String = "pipeline.yaml", size: Int = 32, spacing: Double = 11.875, angles: Int = 24,
    extra: String = ""
  ) throws {
    try write(
      """
      geometry:
        angles: {count: \(angles), range: 180}
        bins: \(size * 3 / 2)
        binSpacing: \(spacing)
        image: {size: \(size), spacing: \(spacing)}
      noise: {relative: 0.01}
      reconstructions:
        - {method: fbp}
      \(extra)
      """, to: name)
  }
}
