import ComplexModule
import Fields
import Formats
import Foundation
import TestSupport
import Testing

/// Files by other programs, see `Fixtures/README.md`: two pages of 10 × 12 with the numbers of ``TIFFFixtureTests``.
enum StackFixtures {
  static func path(_ name: String) -> String { "\(TIFFFixtureTests.folder)/\(name)" }

  static func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: path(name))))
  }

  /// Pages in both orders, and rows of one.
  static func expect(
    _ stack: ImageStack, holds pages: [[Float]], rows: Int = 10, columns: Int = 12,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    #expect(
      (stack.info.pages, stack.info.rows, stack.info.columns) == (pages.count, rows, columns),
      sourceLocation: sourceLocation)
    for index in [Array(pages.indices), pages.indices.reversed()].joined() {
      #expect(try stack.page(index).samples == pages[index], "page \(index)", sourceLocation: sourceLocation)
    }
    let some = rows / 3..<rows - 1
    for index in pages.indices {
      #expect(
        try stack.rows(some, ofPage: index).samples
          == Array(pages[index][some.lowerBound * columns..<some.upperBound * columns]),
        sourceLocation: sourceLocation)
    }
  }

  /// The numbers of the files as floats, or 20 more as integers.
  static func pages(plus shift: Float = -20) -> [[Float]] {
    (0..<2).map { TIFFFixtureTests.numbers($0).map { $0 + shift } }
  }

  /// With the numbers of the other page as imaginary parts.
  static func expectComplex(_ stack: ImageStack, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let parts = pages()
    for page in [1, 0] {
      let expected = zip(parts[page], parts[1 - page]).map { Complex($0, $1) }
      #expect(try stack.complexPage(page).samples == expected, sourceLocation: sourceLocation)
      #expect(
        try stack.complexRows(2..<9, ofPage: page).samples == Array(expected[24..<108]),
        sourceLocation: sourceLocation)
    }
  }

  /// Damages one of the files of a stack in turn: an error or an image, never a crash, a wait without end or a page beyond
  /// the budget.
  ///
  /// `DEFT_SOAK` sets the number of files of a format; `make soak` makes many, with sanitisers.
  ///
  /// - Parameters:
  ///   - format: As a soak names it.
  ///   - files: By their names, which lead to one another.
  ///   - opened: The name that is opened.
  ///   - parts: How many calls share the files of the format; this is number `part` of those that damage the same files.
  /// - Returns: how many stacks were opened, and how many pages were read.
  @discardableResult
  static func damage(
    _ format: String, _ files: [String: [UInt8]], opened: String, parts: Int, part: Int = 0
  ) throws -> (opened: Int, read: Int) {
    let folder = try TemporaryFolder()
    let count = Soak.count(500, parts: parts * files.count)
    var (open, read, inputs) = (0, 0, 0)
    func look(_ what: String) {
      inputs += 1
      let start = ContinuousClock.now
      let path = folder(opened)
      if let stack = try? ImageStack(
        path: path, nonFinite: .keep, part: .magnitude, memory: TIFFMutationTests.budget)
      {
        open += 1
        #expect(stack.info.pageBytes <= TIFFMutationTests.budget)
        for index in [0, 1, stack.count - 1, 0] where index < stack.count {
          if (try? stack.page(index)) != nil { read += 1 }
          _ = try? stack.rows(stack.info.rows / 2..<stack.info.rows, ofPage: index)
        }
      }
      #expect(ContinuousClock.now - start < Soak.patience, "\(what)")
    }
    for (name, bytes) in files { try folder.write(bytes, name) }
    try Soak.measure(format) {
      for (name, bytes) in files.sorted(by: { $0.key < $1.key }) {
        for length in stride(from: 0, to: bytes.count, by: 64) {
          try folder.write(Array(bytes[..<length]), name)
          look("\(name), \(length) bytes")
        }
        for seed in part * count..<(part + 1) * count {
          var generator = SplitMix64(seed: UInt64(seed))
          try folder.write(TIFFMutationTests.mutated(bytes, using: &generator), name)
          look("\(name), seed \(seed)")
        }
        try folder.write(bytes, name)
      }
      return inputs
    }
    return (open, read)
  }
}
