import Fields
import Formats
import Foundation

// Writes a stack of raw projections, reads it as sinograms and as plain bytes, several times in turn, and removes it.
//
//     ProjectionsBenchmark FOLDER [VIEWS] [ROWS] [BINS] [MEMORY in MiB] [THREADS]
//
// Prints medians of seconds, the rate, and sinograms over plain reading. Both find the file in the page cache where
// there is room for it.

keepFreedMemory()
let arguments = CommandLine.arguments.dropFirst()
guard let folder = arguments.first else {
  print("usage: ProjectionsBenchmark FOLDER [VIEWS] [ROWS] [BINS] [MEMORY in MiB] [THREADS]")
  exit(64)
}
let numbers = arguments.dropFirst().compactMap { Int($0) }
func number(_ place: Int, _ standard: Int) -> Int { place < numbers.count ? numbers[place] : standard }
let (views, rows, bins) = (number(0, 720), number(1, 512), number(2, 512))
let memory = number(3, 128) << 20
let threads = number(4, ProcessInfo.processInfo.activeProcessorCount)

func place(_ name: String) -> String { "\(folder)/benchmark-\(name).tif" }

func write(_ name: String, pages: Int, _ value: (Int) -> Float) throws -> ImageStack {
  let path = place(name)
  var writer = try TIFFWriter(path: path, rows: rows, columns: bins, pages: pages)
  for page in 0..<pages {
    let samples = (0..<rows * bins).map { Float(100) + value(page) * Float(1 + ($0 * 7919) % 997) / 997 }
    try writer.append(Image(shape: [rows, bins], samples: samples))
  }
  try writer.finish()
  return try ImageStack(path: path)
}

/// Reads a file once, a mebibyte at a time, as `dd bs=1M` does.
func readPlainly(_ path: String) throws -> Int {
  let file = open(path, O_RDONLY)
  guard file >= 0 else { throw CocoaError(.fileReadNoSuchFile) }
  defer { close(file) }
  let buffer = UnsafeMutableRawPointer.allocate(byteCount: 1 << 20, alignment: 4096)
  defer { buffer.deallocate() }
  var total = 0
  while true {
    let count = read(file, buffer, 1 << 20)
    if count <= 0 { return total }
    total += count
  }
}

func seconds(_ body: () async throws -> Void) async rethrows -> Double {
  let start = ContinuousClock.now
  try await body()
  return (ContinuousClock.now - start) / .seconds(1)
}

func median(_ times: [Double]) -> Double { times.sorted()[times.count / 2] }

defer {
  for name in ["projections", "flats", "darks"] { try? FileManager.default.removeItem(atPath: place(name)) }
}
try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
let projections = try write("projections", pages: views) { 20_000 * (1 + Float($0 % 7) / 7) }
let flats = try write("flats", pages: 10) { _ in 50_000 }
let darks = try write("darks", pages: 10) { _ in 0 }
let stack = try ProjectionStack(projections: projections, flats: flats, darks: darks)

var (plain, sinograms, count) = ([Double](), [Double](), 0)
for round in 0...5 {
  let a = try await seconds { count = try readPlainly(projections.path) }
  var sum: Float = 0
  let b = try await seconds {
    let source = ProjectionSinograms(stack, memory: memory, threads: threads)
    for index in 0..<source.count {
      let sinogram = try await source.field(at: index)
      sum += sinogram.samples[sinogram.samples.count / 2]
    }
  }
  precondition(sum.isFinite, "a sinogram is not finite")
  // The first warms up.
  if round > 0 {
    plain.append(a)
    sinograms.append(b)
  }
}
let (a, b) = (median(plain), median(sinograms))
let megabytes = Double(count) / 1e6
print(
  String(
    format:
      "%d x %d x %d float32, %d MiB, %d threads: read %.3f s (%.0f MB/s), sinograms %.3f s (%.0f MB/s), ratio %.2f",
    views, rows, bins, memory >> 20, threads, a, megabytes / a, b, megabytes / b, b / a))
