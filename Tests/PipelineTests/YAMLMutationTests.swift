import Fields
import Formats
import Foundation
import Pipeline
import TestSupport
import Testing

/// Damaged descriptions: an error that says where, or a description; never a crash, a wait without end, or memory for what
/// only its numbers claim.
///
/// `DEFT_SOAK` sets the number of files; `make soak` reads many, with sanitisers.
@Suite struct YAMLMutationTests {
  enum Kind: CaseIterable { case scan, tuning, prior, phantom }

  struct Source {
    let kind: Kind
    let name: String
    let bytes: [UInt8]
  }

  /// Every shipped description, by what it describes.
  static func sources() throws -> [Source] {
    try ["pipelines", "phantoms"].flatMap { folder in
      try FileManager.default.contentsOfDirectory(atPath: "\(packageFolder)/\(folder)").sorted()
        .filter { $0.hasSuffix(".yaml") }
        .map { name in
          let text = try String(contentsOfFile: "\(packageFolder)/\(folder)/\(name)", encoding: .utf8)
          let kind: Kind =
            folder == "phantoms"
            ? .phantom
            : text.contains("\nreconstructions:") ? .scan : text.contains("\npipeline:") ? .tuning : .prior
          return Source(kind: kind, name: name, bytes: Array(text.utf8))
        }
    }
  }

  // MARK: Mutations

  /// Numbers and words at which reading or arithmetic goes wrong.
  static let edges = [
    "0", "-1", "1", "-0", "2", "3", "1e308", "-1e308", "1.7976931348623157e308", "1e-308", "5e-324", "1e309",
    "nan", ".nan", "inf", ".inf", "-.inf", "1e30", "1e19", "9223372036854775807", "9223372036854775808",
    "-9223372036854775808", "18446744073709551616", "1000000000000", "4294967296", "2147483648", "1000000",
    "65536", "100000", "16384", "10000", "1000", ".5", "0.5", "", "+", "-", ".", "e", "1_000", "0x10", "1e",
    "1.", "~", "true", "null", "[]", "{}", "''", "[0, 0]", "[1, -1]", "[-1e308, 1e308]", "[5e-324, 1e308]",
    "auto", "{a: 1}", "\u{661}", "!!int 3", "&a 3", "*a", "|\n  3", "NaN",
  ]

  static let marks: [[UInt8]] =
    [
      ": ", "- ", "[", "]", "{", "}", "#", "\"", "'", "|", ">", "&a ", "*a", "<<: *a", "!!binary ", "---\n",
      "...\n", "%TAG ! a\n", "%YAML 9.9\n", "? ", "\t", "\0", "\u{feff}", "\u{2028}", "\u{85}", "\r", ",",
      "\n", "\u{1f600}", "e\u{301}", "\\",
    ].map { Array($0.utf8) } + [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]]

  /// The beginning of a long description and some lines of the rest: the parts of a phantom are one to a line, and all of
  /// them take their time.
  static func shortened(_ source: [UInt8], using generator: inout SplitMix64) -> [UInt8] {
    let lines = source.split(separator: 10, omittingEmptySubsequences: false)
    guard lines.count > 45 else { return source }
    let start = Int.random(in: 15..<lines.count - 25, using: &generator)
    return Array((lines[..<15] + lines[start..<start + 25]).joined(separator: [10]))
  }

  static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) || byte == 46 || byte == 45 }

  /// The first run of `bytes` at or behind a random place that fulfils a condition.
  static func run(
    in bytes: [UInt8], using generator: inout SplitMix64, where holds: (UInt8) -> Bool
  ) -> Range<Int>? {
    let place = Int.random(in: 0..<bytes.count, using: &generator)
    guard let start = bytes[place...].firstIndex(where: holds) else { return nil }
    return start..<(bytes[start...].firstIndex { !holds($0) } ?? bytes.count)
  }

  /// Ten lists of ten of the list before: 10¹⁰ values, as a value and as a key.
  static func laughs(asKey: Bool) -> String {
    var text = "laugh0: &l0 [a, b, c, d, e, f, g, h, i, j]\n"
    for i in 1...10 {
      let list = [String](repeating: "*l\(i - 1)", count: 10).joined(separator: ", ")
      text += "laugh\(i): &l\(i) [\(list)]\n"
    }
    return text + (asKey ? "? *l10\n: 1\n" : "")
  }

  static func nest(_ depth: Int, using generator: inout SplitMix64) -> String {
    switch Int.random(in: 0..<4, using: &generator) {
    case 0: String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    case 1: String(repeating: "{a: ", count: depth) + "1" + String(repeating: "}", count: depth)
    case 2: "\n" + String(repeating: "- ", count: depth) + "1"
    default: "\n" + String(repeating: "? ", count: depth) + "1"
    }
  }

  static func mutated(
    _ source: [UInt8], with others: [Source], using generator: inout SplitMix64
  ) -> [UInt8] {
    var bytes = source
    for _ in 0..<Int.random(in: 1...4, using: &generator) where bytes.count > 1 {
      let position = Int.random(in: 0..<bytes.count, using: &generator)
      func lines() -> [[UInt8]] {
        bytes.split(separator: 10, omittingEmptySubsequences: false).map { Array($0) }
      }
      func join(_ lines: [[UInt8]]) -> [UInt8] { Array(lines.joined(separator: [10])) }
      func edge() -> [UInt8] { Array((edges.randomElement(using: &generator) ?? "").utf8) }
      switch Int.random(in: 0..<64, using: &generator) {
      case 0..<4: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      case 4..<6: bytes[position] = .random(in: 0...255, using: &generator)
      case 6..<26:
        if let number = run(in: bytes, using: &generator, where: isDigit) {
          bytes.replaceSubrange(number, with: edge())
        }
      case 26..<32:
        // What stands behind a colon, to the end of the line, of the item, or of the bracket.
        if let colon = bytes[position...].firstIndex(of: 58) {
          let end = bytes[(colon + 1)...].firstIndex { [10, 44, 93, 125].contains($0) } ?? bytes.count
          bytes.replaceSubrange(colon + 1..<end, with: [32] + edge())
        }
      case 32..<38:
        bytes.insert(contentsOf: marks.randomElement(using: &generator) ?? [], at: position)
      case 38..<42:
        var all = lines()
        let line = Int.random(in: 0..<all.count, using: &generator)
        let count = min(Int.random(in: 1...8, using: &generator), all.count - line)
        let other = Int.random(in: 0...all.count, using: &generator)
        all.insert(contentsOf: all[line..<line + count], at: other)
        bytes = join(all)
      case 42..<46:
        var all = lines()
        all.swapAt(
          Int.random(in: 0..<all.count, using: &generator), Int.random(in: 0..<all.count, using: &generator))
        bytes = join(all)
      case 46..<49:
        var all = lines()
        all.remove(at: Int.random(in: 0..<all.count, using: &generator))
        bytes = join(all)
      case 49..<53:
        var all = lines()
        let line = Int.random(in: 0..<all.count, using: &generator)
        if Bool.random(using: &generator) {
          let indentation =
            Bool.random(using: &generator) ? "  " : [" ", "    ", "\t"].randomElement(using: &generator)
          all[line].insert(contentsOf: Array((indentation ?? "").utf8), at: 0)
        } else if all[line].first == 32 {
          all[line].removeFirst(min(2, all[line].prefix { $0 == 32 }.count))
        }
        bytes = join(all)
      case 53..<57:
        // A line of another description.
        let other = others.randomElement(using: &generator)?.bytes ?? []
        let line = other.split(separator: 10).randomElement(using: &generator) ?? []
        var all = lines()
        all.insert(Array(line), at: Int.random(in: 0...all.count, using: &generator))
        bytes = join(all)
      case 57..<59:
        if let word = run(in: bytes, using: &generator, where: { (97...122).contains($0) }) {
          bytes.swapAt(word.lowerBound, Int.random(in: word, using: &generator))
        }
      case 59: bytes.removeSubrange(position...)
      case 60, 61:
        let depth = [2, 10, 60, 70, 900, 1100, 20_000].randomElement(using: &generator) ?? 2
        bytes.insert(contentsOf: Array(nest(depth, using: &generator).utf8), at: position)
      case 62:
        let byte = Array("a1 .-[:\"#".utf8).randomElement(using: &generator) ?? 97
        let count = [100, 10_000, 300_000].randomElement(using: &generator) ?? 100
        bytes.insert(contentsOf: [UInt8](repeating: byte, count: count), at: position)
      default:
        let line = bytes[..<position].lastIndex(of: 10).map { $0 + 1 } ?? 0
        let text = laughs(asKey: Bool.random(using: &generator))
        bytes.insert(contentsOf: Array(text.utf8), at: line)
      }
    }
    return bytes
  }

  // MARK: Reading

  /// Reads a file as what it describes, and does with it what costs little.
  static func read(_ path: String, as kind: Kind) throws {
    switch kind {
    case .scan:
      let pipeline = try PipelineDescription(file: path)
      #expect(!pipeline.reconstructions.isEmpty && !pipeline.geometry.beam.angles.isEmpty)
      for named in pipeline.reconstructions { _ = pipeline.geometry.everyView(named.everyView) }
      for stage in pipeline.preprocess { _ = try? stage.stage(for: [12, 16]) }
      try pipeline.geometry.beam.validate(with: pipeline.geometry.grid)
    case .tuning: #expect(try ScanTrainingDescription(file: path).settings.iterations > 0)
    case .prior: #expect(try !PriorTrainingDescription(file: path).architecture.channels.isEmpty)
    case .phantom:
      let phantom: Phantom
      switch try PhantomFile.read(path) {
      case .phantom(let one): phantom = one
      case .family(let family):
        // More take their time, as they should.
        guard family.layers.reduce(0, { $0 + $1.count.upperBound }) < 2000 else { return }
        phantom = try family.phantom(seed: 1)
      }
      for z in phantom.heights(count: 3) {
        _ = phantom.image(on: phantom.grid(size: 6), z: z)
        _ = phantom.sinogram(
          angles: [.degrees(0), .degrees(33)], bins: 7, binSpacing: phantom.fieldOfView / 7, z: z)
      }
    }
  }

  /// Where an error of a description stands; nil for one that is about no place.
  static func place(of error: YAMLError) -> YAMLLocation? {
    switch error {
    case .cannotRead: nil
    case .syntax(let place, _), .missingKey(let place, _, _, _), .unknownKey(let place, _, _, _, _),
      .wrongValue(let place, _, _, _), .invalid(let place, _):
      place
    }
  }

  @Test(.timeLimit(.minutes(60)), arguments: Soak.shards) func survivesDamagedFiles(shard: Int) throws {
    let folder = try TemporaryFolder()
    let sources = try Self.sources()
    // They name one another.
    for source in sources { try folder.write(source.bytes, source.name) }
    let count = Soak.count(4000, parts: Soak.shards.count)
    var read = 0
    try Soak.measure("YAML") {
      for seed in shard * count..<(shard + 1) * count {
        var generator = SplitMix64(seed: UInt64(seed))
        let source = sources[seed % sources.count]
        let whole =
          seed % 8 < 7 ? Self.shortened(source.bytes, using: &generator) : source.bytes
        let bytes = Self.mutated(whole, with: sources, using: &generator)
        let path = try folder.write(bytes, "damaged.yaml")
        let start = ContinuousClock.now
        for kind in Kind.allCases where kind == source.kind || seed % 16 == 0 {
          do {
            try Self.read(path, as: kind)
            read += 1
          } catch let error as YAMLError {
            let place = try #require(Self.place(of: error), "seed \(seed): \(error)")
            guard place.file == path else { continue }
            let lines = bytes.split(omittingEmptySubsequences: false) { $0 == 10 || $0 == 13 }.count
            // Two characters of Unicode end a line, too.
            let others = bytes.count { $0 == 0xe2 || $0 == 0xc2 }
            #expect(
              (1...lines + others + 1).contains(place.line) && place.column > 0, "seed \(seed): \(error)")
            #expect("\(error)".utf8.count < 20_000, "seed \(seed)")
          } catch let error as PhantomError {
            #expect(!error.description.isEmpty)
          } catch {
            #expect(kind == .scan, "seed \(seed): \(error)")
          }
        }
        #expect(ContinuousClock.now - start < Soak.patience, "seed \(seed)")
      }
      return count
    }
    // Neither refused all nor changed none.
    #expect(read > count / 10 && read < count)
  }
}
