import Fields
import Formats
import Foundation
import TestSupport
import Testing

/// Damaged files: an error or an image, never a crash, a wait without end, or more memory than declared.
///
/// `DEFT_SOAK` sets the number of files; `make soak` reads many, with sanitisers, which also end the program at the
/// first allocation beyond the budget.
@Suite struct TIFFMutationTests {
  /// For a page, and for a strip or tile.
  static let budget = 1 << 20

  /// Whole files of every kind that is read.
  static func files() throws -> [[UInt8]] {
    var files: [[UInt8]] = try FileManager.default.contentsOfDirectory(atPath: TIFFFixtureTests.folder)
      .sorted()
      .filter { $0.hasSuffix(".tif") }
      .map { [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(TIFFFixtureTests.folder)/\($0)"))) }
    for (isBig, isBigEndian) in [(false, false), (true, false), (false, true), (true, true)] {
      for (compression, pixels) in [
        (1, TIFFBytes.Pixels.strips(rows: 2)), (1, .tiles(rows: 16, columns: 16)), (5, .strips(rows: 2)),
        (8, .tiles(rows: 16, columns: 16)), (32773, .strips(rows: 5)),
      ] {
        var file = TIFFBytes(isBig: isBig, isBigEndian: isBigEndian)
        for shift in 0..<2 {
          var page = TIFFPageSourceTests.page(.uint16, rows: 5, columns: 6, shift: shift).0
          (page.pixels, page.compression) = (pixels, compression)
          page.description = "ImageJ=1.53t\nimages=2\nunit=mm\ncf=0\nc0=1\nc1=2\n"
          page.resolution = ((2, 1), (2, 1), 1)
          file.add(page)
        }
        files.append(file.bytes)
      }
    }
    return files
  }

  /// Numbers at which arithmetic goes wrong.
  static let edges: [UInt64] = [
    0, 1, 2, 0x7f, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
    0x1_0000_0000,
    1 << 62, 1 << 63, .max,
  ]

  static func mutated(_ file: [UInt8], using generator: inout SplitMix64) -> [UInt8] {
    var bytes = file
    for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
      // Half of the changes near the ends, where the directories are.
      let near = min(bytes.count, 256)
      let position =
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: Int.random(in: 0..<near, using: &generator)
        case 1: bytes.count - 1 - Int.random(in: 0..<near, using: &generator)
        default: Int.random(in: 0..<bytes.count, using: &generator)
        }
      switch Int.random(in: 0..<8, using: &generator) {
      case 0: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      case 1: bytes[position] = .random(in: 0...255, using: &generator)
      case 2, 3, 4:
        let value = edges.randomElement(using: &generator) ?? 0
        let size = [2, 4, 8].randomElement(using: &generator) ?? 4
        let isBigEndian = Bool.random(using: &generator)
        for i in 0..<size where position + i < bytes.count {
          bytes[position + i] = UInt8(
            truncatingIfNeeded: value >> UInt64(8 * (isBigEndian ? size - 1 - i : i)))
        }
      case 5:
        // Another tag, of those that decide what is read.
        let tag: Int =
          [256, 257, 258, 259, 266, 273, 277, 278, 279, 284, 317, 322, 324, 338, 339, 50674]
          .randomElement(using: &generator) ?? 0
        bytes[position] = UInt8(truncatingIfNeeded: tag)
        if position + 1 < bytes.count { bytes[position + 1] = UInt8(truncatingIfNeeded: tag >> 8) }
      case 6:
        let end = min(bytes.count, position + Int.random(in: 1...64, using: &generator))
        if Bool.random(using: &generator) {
          bytes.removeSubrange(position..<end)
        } else {
          bytes.insert(contentsOf: bytes[position..<end], at: position)
        }
      default: bytes.removeSubrange(position...)
      }
    }
    return bytes
  }

  @Test(.timeLimit(.minutes(60)), arguments: Soak.shards) func survivesDamagedFiles(shard: Int) throws {
    let folder = try TemporaryFolder()
    let files = try Self.files()
    let count = Soak.count(4000, parts: Soak.shards.count)
    var (opened, read) = (0, 0)
    try Soak.measure("TIFF") {
      for seed in shard * count..<(shard + 1) * count {
        var generator = SplitMix64(seed: UInt64(seed))
        let path = try folder.write(
          Self.mutated(files[seed % files.count], using: &generator), "a.tif")
        let start = ContinuousClock.now
        if let stack = try? ImageStack(path: path, nonFinite: .keep, part: .magnitude, memory: Self.budget) {
          opened += 1
          #expect(stack.info.pageBytes <= Self.budget)
          for index in 0..<min(stack.count, 4) {
            if (try? stack.page(index)) != nil { read += 1 }
            _ = try? stack.rows(stack.info.rows / 2..<stack.info.rows, ofPage: index)
          }
        }
        #expect(ContinuousClock.now - start < Soak.patience, "seed \(seed)")
      }
      return count
    }
    // Neither refused all nor changed none: the tests reach what lies behind the first checks.
    #expect(opened > count / 10 && opened < count && read > opened / 2)
  }
}
