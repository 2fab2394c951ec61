import Fields
import Formats
import Foundation
import Operators
import Reconstruction

/// What a run would do and need: measured on a few slices, added up for all.
///
/// Memory is a sum of parts of which only the records grow with the number of slices, by a hundred bytes each:
///
///     the program and its libraries
///   + operators, networks and what else is prepared once
///   + what reconstructing `width` slices at the same time takes
///   + (slices between reading and writing) · (a slice with its results)
///   + writing a slice into the report
///   + records
public struct RunPlan: Codable, Sendable {
  public struct Part: Codable, Hashable, Sendable {
    public var name: String
    public var bytes: Int
  }

  public var slices: Int
  public var geometry: [String]
  public var reconstructions: [String]
  public var noise: String
  /// Slices that are reconstructed at the same time, and the threads of each.
  public var width: Int
  public var threads: Int
  public var memory: [Part]
  /// Of one slice beside the others that are reconstructed at the same time, for all reconstructions and their verdicts.
  public var secondsPerSlice: Double
  public var volumes: [Part]

  public var memoryBytes: Int { memory.reduce(0) { $0 + $1.bytes } }
  public var diskBytes: Int { volumes.reduce(0) { $0 + $1.bytes } }
  public var seconds: Double { secondsPerSlice * Double(slices) / Double(width) }

  /// - Throws: what ``PipelineRunner/run(_:log:)`` would throw for this scan, or for a few slices in its middle.
  public init(
    _ description: PipelineDescription, input: String?, slices chosen: Range<Int>? = nil, threads: Int
  ) async throws {
    let program = ResidentMemory.now
    let scan = try await ScanInput(description, path: input)
    let range = chosen ?? 0..<scan.count
    guard !range.isEmpty, range.upperBound <= scan.count else {
      throw RunError.noSuchSlices(range, count: scan.count)
    }
    let sharing = WorkSharing(description, slices: range.count, threads: threads)
    let plans = try MethodWorkshop.plans(description, scan: scan, sharing: sharing)
    let workers = try WorkerPool(description, scan: scan, plans: plans, sharing: sharing)
    let prepared = ResidentMemory.now
    ResidentMemory.forgetPeak()
    let middle = range.lowerBound + range.count / 2
    let first = min(middle, range.upperBound - workers.count)
    var measured = try await Self.slices(first..<first + workers.count, workers)
    let working = max(0, ResidentMemory.peak - prepared)
    // The first slices also wait for what is made once. The same slices again would find what their verdicts are
    // compared with.
    let others = first - workers.count..<first
    if range.contains(others.lowerBound) {
      measured = try await Self.slices(others, workers)
    } else if first + 2 * workers.count <= range.upperBound {
      measured = try await Self.slices(first + workers.count..<first + 2 * workers.count, workers)
    }
    let done = measured[0]

    let (grid, beam) = (description.geometry.grid, description.geometry.beam)
    let (pixels, rays) = (grid.shape.count, beam.angles.count * beam.bins)
    let images = done.results.reduce(0) {
      $0 + 1 + ($1.reconstruction.deviation == nil ? 0 : 1) + ($1.nullSpace == nil ? 0 : 1)
    }
    let held = 4 * (2 * rays + done.results.count * rays + images * pixels)
    let waiting = 2 * sharing.width
    // Of every pixel: its code, the same as bytes and as text, and the JSON around it twice while it grows.
    let payload = 16 * (images * pixels + rays)
    slices = range.count
    geometry = [
      "\(beam.angles.count) views × \(beam.bins) bins of \(beam.binSpacing) mm, axis at bin \(beam.axis) counted from 0",
      "\(grid.shape) pixels of \(grid.spacing[1]) mm, in \(description.unit.rawValue)",
    ]
    reconstructions = description.reconstructions.map { "\($0.name): \($0.method.title)" }
    noise = "\(scan.noise); \(scan.noiseSource)"
    width = sharing.width
    self.threads = sharing.inside
    secondsPerSlice = measured.reduce(0) { $0 + $1.seconds } / Double(measured.count)
    memory = [
      Part(name: "the program and its libraries", bytes: program),
      Part(name: "operators and networks", bytes: max(0, prepared - program)),
      Part(name: "reconstruction of \(sharing.width) at a time", bytes: working),
      Part(name: "\(waiting) slices between reading and writing", bytes: waiting * held),
      Part(name: "writing the report", bytes: payload),
      Part(name: "records", bytes: 128 * range.count),
    ]
    volumes = description.volumes.map { Part(name: $0.name, bytes: 4 * pixels * range.count) }
  }

  /// Slices as a run does them: one for every worker, at the same time. Those without an image are left out.
  ///
  /// - Throws: why none has one.
  private static func slices(
    _ range: Range<Int>, _ workers: WorkerPool
  ) async throws -> [ReconstructedSlice.Done] {
    var found: [ReconstructedSlice.Done] = []
    var failure = ""
    for try await slice in ReconstructedSlices(workers: workers, indices: Array(range)) {
      switch slice.content {
      case .done(let done): found.append(done)
      case .failure(let reason): failure = reason
      }
    }
    guard !found.isEmpty else { throw RunError.noImages(count: range.count, reason: failure) }
    return found
  }

  private enum CodingKeys: String, CodingKey {
    case slices, geometry, reconstructions, noise, width, threads, memory, secondsPerSlice, volumes
  }

  /// For a person.
  public var text: String {
    func size(_ bytes: Int) -> String {
      let mebibytes = Double(bytes) / 1_048_576
      return mebibytes < 1024
        ? String(format: "%.1f MiB", mebibytes) : String(format: "%.2f GiB", mebibytes / 1024)
    }
    func column(_ parts: [Part]) -> [String] {
      parts.map {
        "  " + String(repeating: " ", count: max(0, 10 - size($0.bytes).count)) + size($0.bytes) + "  "
          + $0.name
      }
    }
    let duration = Duration.seconds(seconds.rounded(.up)).formatted(.time(pattern: .hourMinuteSecond))
    let each = String(format: "%.3g s", secondsPerSlice)
    return
      ([
        "slices    \(slices)", "geometry  \(geometry.joined(separator: "\n          "))",
        "noise     \(noise)",
        "makes     \(reconstructions.joined(separator: "\n          "))",
        "work      \(width) slices at a time, \(threads) threads each; \(each) per slice, \(duration) in all",
        "memory    \(size(memoryBytes))",
      ] + column(memory) + ["disk      \(size(diskBytes))"] + column(volumes)).joined(separator: "\n")
  }
}

/// How the cores of a machine are shared among slices.
struct WorkSharing {
  /// Slices at the same time.
  let width: Int
  /// Threads of one slice.
  let inside: Int

  /// Networks use all cores by themselves; of the other methods every slice has a core for itself.
  init(_ description: PipelineDescription, slices: Int, threads: Int) {
    width = description.usesNetworks ? 1 : max(1, min(threads, slices))
    inside = threads / width
  }
}

/// What the kernel says of this process's memory, in bytes; 0 where it says nothing.
enum ResidentMemory {
  static var now: Int { figure("VmRSS") }
  /// Since the start, or since ``forgetPeak()``.
  static var peak: Int { figure("VmHWM") }

  static func forgetPeak() { try? Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/self/clear_refs")) }

  private static func figure(_ name: String) -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix(name + ":") }
    return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
      ?? 0
  }
}
