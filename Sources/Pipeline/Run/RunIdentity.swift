import Diffusion
import Formats
import Foundation
import Operators

/// What the results of a run depend on: a run goes on only where all of it is the same.
struct RunIdentity: Codable, Equatable {
  var program: String
  /// Nil where no network is used.
  var libtorch: String?
  /// The text of the pipeline file.
  var configuration: String
  var seed: UInt64
  /// Bin of the rotation axis, from 0, where it was searched.
  var axis: Double?
  var inputs: [FileRecord]
  var networks: [Network]
  /// Slices in the scan.
  var scanSlices: Int
  /// The slices of this run, counted from 0.
  var slices: Range<Int>

  struct Network: Codable, Equatable {
    var role: String
    var name: String
    var sha256: String
  }

  init(_ description: PipelineDescription, scan: ScanInput, slices: Range<Int>, version: String) throws {
    program = "deft \(version)"
    if description.usesNetworks { libtorch = try Torch.version }
    configuration = (try? String(contentsOfFile: description.file, encoding: .utf8)) ?? ""
    seed = description.seed
    if case .found = description.geometry.axis { axis = description.geometry.beam.axis }
    inputs =
      try scan.files.map { try FileRecord($0.path, parts: $0.parts) }
      + (description.wisdom.map { [try FileRecord($0, parts: [$0])] } ?? [])
    networks = try description.networks(of: description.reconstructions.map(\.method)).map {
      Network(role: $0.role, name: lastComponent(of: $0.path), sha256: try checkpointChecksum($0.path))
    }
    scanSlices = scan.count
    self.slices = slices
  }

  /// One number for what the pictures of a slice depend on, beside its measurements.
  var checksum: String {
    let parts =
      [program, configuration, "\(seed)", "\(scanSlices)"] + (axis.map { ["\($0)"] } ?? [])
      + (libtorch.map { [$0] } ?? []) + networks.map(\.sha256)
    return Pipeline.checksum(of: parts.joined(separator: "\n"))
  }

  /// Sentences on what was different in an earlier run, each with both values.
  func differences(from earlier: RunIdentity) -> [String] {
    var found: [String] = []
    func compare<Value: Equatable>(_ name: String, _ was: Value, _ now: Value) {
      if was != now { found.append("\(name) was \(was), is \(now)") }
    }
    if configuration != earlier.configuration {
      func lines(_ text: String) -> [Substring] {
        text.split(separator: "\n", omittingEmptySubsequences: false)
      }
      let (was, now) = (lines(earlier.configuration), lines(configuration))
      let place = zip(was, now).enumerated().first { $1.0 != $1.1 }?.offset ?? min(was.count, now.count)
      func line(_ lines: [Substring]) -> String {
        place < lines.count ? "'\(lines[place].trimmingCharacters(in: .whitespaces))'" : "absent"
      }
      found.append("line \(place + 1) of the pipeline was \(line(was)), is \(line(now))")
    }
    compare("the seed", earlier.seed, seed)
    if axis != earlier.axis {
      func text(_ axis: Double?) -> String { axis.map { "at bin \($0)" } ?? "not searched" }
      compare("the rotation axis", text(earlier.axis), text(axis))
    }
    compare("the program", earlier.program, program)
    compare("libtorch", earlier.libtorch ?? "not used", libtorch ?? "not used")
    found += differences(
      of: "the input", earlier.inputs.map { ($0.name, $0.sha256) }, inputs.map { ($0.name, $0.sha256) })
    found += differences(
      of: "the network", earlier.networks.map { ($0.name, $0.sha256) }, networks.map { ($0.name, $0.sha256) })
    compare("the number of slices of the scan", earlier.scanSlices, scanSlices)
    compare("the choice of slices", earlier.slices.countedFromOne, slices.countedFromOne)
    return found
  }

  private func differences(
    of what: String, _ was: [(name: String, sum: String)], _ now: [(name: String, sum: String)]
  ) -> [String] {
    guard was.count == now.count else {
      return ["\(what): there were \(was.count) files, there are \(now.count)"]
    }
    return zip(was, now).compactMap { was, now in
      if was.sum == now.sum { return nil }
      return was.name == now.name
        ? "\(what) '\(now.name)' has other content" : "\(what) was '\(was.name)', is '\(now.name)'"
    }
  }
}

extension Range<Int> {
  /// `1…8`, as people count slices.
  var countedFromOne: String { "\(lowerBound + 1)…\(upperBound)" }
}
