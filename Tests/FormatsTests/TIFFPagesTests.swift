import Fields
import Formats
import Foundation
import Synchronization
import TestSupport
import Testing

@Suite struct TIFFPagesTests {
  static func stack(_ folder: TemporaryFolder, pages: Int) throws -> ImageStack {
    var writer = try TIFFWriter(path: folder("a.tif"), rows: 4, columns: 6, pages: pages)
    for page in 0..<pages {
      try writer.append(Image(shape: [4, 6], samples: (0..<24).map { Float(100 * page + $0) }))
    }
    try writer.finish()
    return try ImageStack(path: folder("a.tif"))
  }

  @Test(arguments: [0, 1, 3], [1, 2, 4])
  func keepsTheOrder(lookahead: Int, width: Int) async throws {
    let folder = try TemporaryFolder()
    let stack = try Self.stack(folder, pages: 20)
    var firsts: [Float] = []
    for try await image in StackPages(stack, lookahead: lookahead, width: width) {
      firsts.append(image.samples[0])
    }
    #expect(firsts == (0..<20).map { Float(100 * $0) })
    firsts = []
    for try await image in StackPages(stack, pages: 5..<8, lookahead: lookahead) {
      firsts.append(image.samples[0])
    }
    #expect(firsts == [500, 600, 700])
    firsts = []
    for try await image in StackPages(stack, pages: [9, 3, 3], lookahead: lookahead, width: width) {
      firsts.append(image.samples[0])
    }
    #expect(firsts == [900, 300, 300])
  }

  /// A source that remembers what was asked of it.
  struct Numbers: FieldSource {
    typealias Element = Int
    let count = 100
    let lookahead: Int
    let asked = Asked()
    final class Asked: Sendable {
      let indices = Mutex<[Int]>([])
    }

    func field(at index: Int) async throws -> Int {
      asked.indices.withLock { $0.append(index) }
      if index == 50 { throw CancellationError() }
      return index
    }
  }

  @Test(arguments: [0, 2, 5])
  func neverReadsFurtherAheadThanItMay(lookahead: Int) async throws {
    let source = Numbers(lookahead: lookahead)
    var iterator = source.makeAsyncIterator()
    for taken in 1...10 {
      #expect(try await iterator.next() == taken - 1)
      // Time enough to start more, were there no bound.
      try await Task.sleep(for: .milliseconds(2))
      #expect(source.asked.indices.withLock { $0.count } <= taken + lookahead)
    }
    // Less would be no look-ahead; a busy machine may take its time.
    let deadline = ContinuousClock.now + .seconds(10)
    while source.asked.indices.withLock({ $0.count }) < 10 + lookahead, .now < deadline {
      try await Task.sleep(for: .milliseconds(2))
    }
    #expect(source.asked.indices.withLock { $0.count } == 10 + lookahead)
  }

  @Test func passesAnErrorOnInItsPlace() async throws {
    var taken = 0
    await #expect(throws: CancellationError.self) {
      for try await _ in Numbers(lookahead: 4) { taken += 1 }
    }
    #expect(taken == 50)
  }

  @Test func turnsPagesIntoSinograms() async throws {
    let folder = try TemporaryFolder()
    let pages = StackPages(try Self.stack(folder, pages: 2))
    let upright = StackSinograms(pages)
    #expect(upright.shape == [4, 6])
    #expect(try await upright.field(at: 1)[2, 5] == 117)
    let lying = StackSinograms(pages, order: .binAngle)
    #expect(lying.shape == [6, 4])
    let sinogram = try await lying.field(at: 1)
    #expect(sinogram.shape == [6, 4])
    #expect(sinogram[5, 2] == 117)
  }

  @Test func writesThroughASink() async throws {
    let folder = try TemporaryFolder()
    let stack = try Self.stack(folder, pages: 5)
    let sink: any FieldSink<StackPage> = PageSink(
      try TIFFWriter(path: folder("b.tif"), rows: 4, columns: 6, pages: 5))
    for try await page in WholePages(StackPages(stack)) { try await sink.append(page) }
    try await sink.finish()
    #expect(FileManager.default.contentsEqual(atPath: folder("a.tif"), andPath: folder("b.tif")))
  }

  @Test func findsTheFormatByNameOrContent() throws {
    let folder = try TemporaryFolder()
    #expect(throws: FormatError.unknown(path: folder.path)) { try FormatRegistry.format(of: folder.path) }
    _ = try Self.stack(folder, pages: 2)
    #expect(try FormatRegistry.format(of: folder.path) == .tiff)
    #expect(try FormatRegistry.format(of: "Scan.TIFF") == .tiff)
    #expect(throws: FormatError.unknown(path: "scan.doc")) { try FormatRegistry.format(of: "scan.doc") }
  }

  /// What lies beside a series does not make it another one, nor is one of two taken without a word.
  @Test func findsTheSeriesOfAFolder() throws {
    let folder = try TemporaryFolder()
    try folder.write([1], "a.npy")
    try folder.write([1], ".hidden.tif")
    #expect(throws: FormatError.folder(path: folder.path, name: "a.npy")) {
      try ImageStack(path: folder.path)
    }
    try folder.write([UInt8](repeating: 0, count: 128) + Array("DICM".utf8), "slice")
    try folder.write([], "notes")
    #expect(try FormatRegistry.format(of: folder.path) == .dicom)
    try folder.write([1], "b.tif")
    #expect(throws: FormatError.mixed(path: folder.path, first: "b.tif", second: "slice")) {
      try ImageStack(path: folder.path)
    }
  }
}
