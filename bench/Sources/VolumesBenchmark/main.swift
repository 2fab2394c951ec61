import Fields
import Formats
import Foundation

// How fast stacks are read, beside dd, with the files in the page cache:
//
//     VolumesBenchmark FOLDER [PAGES] [RUNS]
//
// Writes two stacks of 512 × 512 floats into FOLDER, one of them compressed, and removes them afterwards. Programs take
// turns; times are medians of wall-clock seconds, printed as JSON.

struct Usage: Error, CustomStringConvertible {
  let description = "usage: VolumesBenchmark FOLDER [PAGES] [RUNS]"
}

func seconds(_ body: () async throws -> Void) async throws -> Double {
  let start = ContinuousClock.now
  try await body()
  let (seconds, attoseconds) = (ContinuousClock.now - start).components
  return Double(seconds) + Double(attoseconds) * 1e-18
}

func median(_ times: [Double]) -> Double { times.sorted()[times.count / 2] }

/// Smooth with noise, as reconstructions are.
func slice(_ index: Int, size: Int) -> Image {
  var generator = SplitMix64(seed: UInt64(index))
  let noise = generator.normals(size * size)
  return Image(
    shape: [size, size],
    samples: (0..<size * size).map { i in
      let (x, y) = (Float(i % size) / Float(size), Float(i / size) / Float(size))
      return (1000 * x * y + 10 * noise[i]).rounded()
    })
}

func write(_ path: String, pages: Int, _ compression: TIFFWriter.Compression) throws {
  let size = 512
  var writer = try TIFFWriter(path: path, rows: size, columns: size, pages: pages, compression: compression)
  for page in 0..<pages { try writer.append(slice(page, size: size)) }
  try writer.finish()
}

func dd(_ path: String) throws {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/bin/dd")
  process.arguments = ["if=\(path)", "of=/dev/null", "bs=1M", "status=none"]
  try process.run()
  process.waitUntilExit()
}

func read(_ path: String, width: Int) async throws {
  let stack = try ImageStack(path: path)
  var count = 0
  for try await page in StackPages(stack, lookahead: 2, width: width) { count += page.samples.count }
  precondition(count == stack.count * 512 * 512, "\(count) samples")
}

keepFreedMemory()
let words = CommandLine.arguments.dropFirst()
guard let folder = words.first, let pages = Int(words.dropFirst().first ?? "1024"), pages > 0,
  let runs = Int(words.dropFirst(2).first ?? "7"), runs > 0
else { throw Usage() }
let (plain, deflate) = ("\(folder)/benchmark-plain.tif", "\(folder)/benchmark-deflate.tif")
defer { for path in [plain, deflate] { try? FileManager.default.removeItem(atPath: path) } }
try write(plain, pages: pages, .none)
try write(deflate, pages: max(1, pages / 8), .deflate)

let cases: [(name: String, body: () async throws -> Void)] = [
  ("dd", { try dd(plain) }),
  ("plain, one at a time", { try await read(plain, width: 1) }),
  ("plain, two at a time", { try await read(plain, width: 2) }),
  ("deflate, one at a time", { try await read(deflate, width: 1) }),
  ("deflate, two at a time", { try await read(deflate, width: 2) }),
]
var times = [[Double]](repeating: [], count: cases.count)
for run in 0...runs {
  for (index, one) in cases.enumerated() {
    let time = try await seconds(one.body)
    // The first round fills the cache.
    if run > 0 { times[index].append(time) }
  }
}
let medians = times.map(median)
var result: [String: Double] = [
  "plain to dd": medians[0] / min(medians[1], medians[2]),
  "one at a time to dd": medians[0] / medians[1],
  "deflate, gain of two": medians[3] / medians[4],
  "gigabytes": Double(pages) * 512 * 512 * 4 / 1e9,
]
for (index, one) in cases.enumerated() { result["seconds, \(one.name)"] = medians[index] }
let encoder = JSONEncoder()
encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
print(String(decoding: try encoder.encode(result), as: UTF8.self))
