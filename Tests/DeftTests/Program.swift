import Foundation
import TestSupport
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
  private let temporary: TemporaryFolder
  let folder: URL

  init() throws {
    temporary = try TemporaryFolder()
    folder = URL(fileURLWithPath: temporary.path)
  }

  /// Built beside the tests.
  static var executable: URL {
    get throws {
      try #require(Bundle.main.executableURL).deletingLastPathComponent().appendingPathComponent("deft")
    }
  }

  static let thorax = packageFolder + "/phantoms/thorax.yaml"
  static let family = packageFolder + "/phantoms/random-ct.yaml"
  /// A TorchScript file that can stand for a prior.
  static let script = packageFolder + "/Tests/DiffusionTests/Fixtures/shrink.pt"
  static let sheppLogan = packageFolder + "/phantoms/shepp-logan.yaml"

  func path(_ name: String) -> String { temporary(name) }

  func data(_ name: String) throws -> Data { try temporary.data(name) }

  func json(_ name: String) throws -> [String: Any] { try temporary.json(name) }

  func write(_ text: String, to name: String) throws { try temporary.write(text, to: name) }

  func exists(_ name: String) -> Bool { TestSupport.exists(path(name)) }

  /// Names in the folder, the program's own output aside.
  func files() throws -> [String] { temporary.names.filter { !$0.hasPrefix("log-") } }

  /// Names in a folder of the folder.
  func files(in name: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path(name)).sorted()
  }

  @discardableResult
  func run(_ arguments: String...) throws -> Outcome { try start(arguments)() }

  /// Runs the program and interrupts it as soon as `isTime` says so, at the latest after a minute.
  ///
  /// - Parameter isTime: gets what the program has said so far.
  func interrupt(
    _ arguments: String..., with signal: Int32 = SIGINT, when isTime: (_ errors: String) throws -> Bool
  ) throws -> Outcome {
    var errors = ""
    return try start(arguments) { process in
      let deadline = ContinuousClock.now + .seconds(60)
      while process.isRunning, ContinuousClock.now < deadline {
        if let log = temporary.names.first(where: { $0.hasPrefix("log-") && $0.hasSuffix(".err") }) {
          errors = String(decoding: try data(log), as: UTF8.self)
        }
        if try isTime(errors) { break }
        usleep(5_000)
      }
      #expect(process.isRunning, "it ended before it could be interrupted: \(errors)")
      kill(process.processIdentifier, signal)
    }()
  }

  /// Starts the program in the folder.
  ///
  /// - Parameters:
  ///   - output: where standard output goes; a file unless given.
  ///   - errors: the same for standard error.
  ///   - kibibytes: no file can become larger.
  ///   - environment: variables instead of those of the tests.
  ///   - copy: of the program, in the folder, instead of itself.
  ///   - whileRunning: may watch and signal it.
  func start(
    _ arguments: [String], output: FileHandle? = nil, errors: FileHandle? = nil,
    limitingFilesTo kibibytes: Int? = nil, environment: [String: String] = [:], copy: String? = nil,
    whileRunning: (Process) throws -> Void = { _ in }
  ) throws -> () throws -> Outcome {
    let process = Process()
    let deft = try copy.map { folder.appendingPathComponent($0) } ?? Self.executable
    if let kibibytes {
      // The signal that says so would end the program; ignored, it is an error of the write, as on a full disk.
      process.executableURL = URL(fileURLWithPath: "/bin/bash")
      process.arguments =
        ["-c", "trap '' XFSZ; ulimit -f \(kibibytes); exec \"$0\" \"$@\"", deft.path] + arguments
    } else {
      process.executableURL = deft
      process.arguments = arguments
    }
    process.currentDirectoryURL = folder
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let name = UUID().uuidString
    // Files, not pipes: a pipe that nobody reads stops the program when it is full.
    let logs = ["log-\(name).out", "log-\(name).err"]
    for log in logs { try Data().write(to: folder.appendingPathComponent(log)) }
    let handles = try logs.map { try FileHandle(forWritingTo: folder.appendingPathComponent($0)) }
    process.standardOutput = output ?? handles[0]
    process.standardError = errors ?? handles[1]
    process.standardInput = FileHandle.nullDevice
    try process.run()
    try whileRunning(process)
    return { [self] in
      process.waitUntilExit()
      defer { for log in logs { try? FileManager.default.removeItem(atPath: path(log)) } }
      return Outcome(
        status: process.terminationStatus, output: String(decoding: try data(logs[0]), as: UTF8.self),
        errors: String(decoding: try data(logs[1]), as: UTF8.self))
    }
  }

  /// A source of the fixtures as a library that can be loaded before the program.
  func library(from source: String) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
      "cc", "-shared", "-fPIC", "-o", path("library.so"),
      packageFolder + "/Tests/DeftTests/Fixtures/\(source)", "-ldl",
    ]
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    return path("library.so")
  }

  /// A pipeline for images of `size` pixels.
  func writePipeline(
    _ name: String = "pipeline.yaml", size: Int = 32, spacing: Double = 11.875, angles: Int = 24,
    reconstructions: [String] = ["{method: fbp}"], geometry: String = "", extra: String = ""
  ) throws {
    try write(
      """
      geometry:
        angles: {count: \(angles), range: 180}
        bins: \(size * 3 / 2)
        binSpacing: \(spacing)
        image: {size: \(size), spacing: \(spacing)}
        \(geometry)
      noise: {relative: 0.01}
      reconstructions: [\(reconstructions.joined(separator: ", "))]
      \(extra)
      """, to: name)
  }
}
