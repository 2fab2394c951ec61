import Fields
import Formats
import Foundation
import TestSupport
import Testing

@Suite struct TIFFVolumeTests {
  private static let spacing = Spacing(x: 0.7, y: 0.35, z: 1.25)

  private func open(_ path: String, pages: Int = 4) throws -> TIFFVolume {
    try TIFFVolume(
      path: path, rows: 5, columns: 7, pages: pages, spacing: Self.spacing, unit: "HU",
      metadata: ["method": "fbp"])
  }

  @Test func isReadAsAnyStack() throws {
    let folder = try TemporaryFolder()
    let images = TIFFWriterTests.images(4, rows: 5, columns: 7)
    let volume = try open(folder("a.tif"))
    for (page, image) in images.enumerated() { try volume.write(image, page: page) }
    try volume.finish()
    let stack = try ImageStack(path: folder("a.tif"))
    #expect(stack.count == 4 && !stack.info.isBigTIFF)
    #expect(stack.info.spacing == Self.spacing && stack.info.unit == "HU")
    #expect(stack.info.metadata["method"] == "fbp" && stack.info.metadata["images"] == "4")
    for (page, image) in images.enumerated() { #expect(try stack.page(page) == image) }
  }

  /// Interrupted at any point, in another order, written twice, or opened again after it was finished.
  @Test func hasTheSameBytesHoweverItWasWritten() throws {
    let folder = try TemporaryFolder()
    let images = TIFFWriterTests.images(4, rows: 5, columns: 7)
    do {
      let volume = try open(folder("a.tif"))
      for (page, image) in images.enumerated() { try volume.write(image, page: page) }
      try volume.finish()
    }
    for order in [[3, 1], [], [0, 1, 2, 3]] {
      try? FileManager.default.removeItem(atPath: folder("b.tif"))
      do {
        let volume = try open(folder("b.tif"))
        for page in order { try volume.write(images[3 - page], page: page) }
        try volume.synchronize()
        if order.count == 4 { try volume.finish() }
      }
      let volume = try open(folder("b.tif"))
      // Nobody takes it for a complete file before it is one.
      #expect(throws: TIFFError.self) { try ImageStack(path: folder("b.tif")) }
      for page in [2, 0, 3, 1] { try volume.write(images[page], page: page) }
      try volume.finish()
      #expect(try folder.data("a.tif") == folder.data("b.tif"))
    }
  }

  /// 5 GiB with holes: only the directories and one page take room.
  @Test func isBigWhereItMustBe() throws {
    let folder = try TemporaryFolder()
    let free =
      try FileManager.default.attributesOfFileSystem(forPath: folder.path)[.systemFreeSize] as? NSNumber
    guard let free, free.int64Value > 6 << 30 else {
      return print("skipped: there is no room for a file of 5 GiB")
    }
    let volume = try TIFFVolume(
      path: folder("a.tif"), rows: 1 << 14, columns: 1 << 14, pages: 5, spacing: Self.spacing)
    try volume.finish()
    let stack = try ImageStack(path: folder("a.tif"))
    #expect(stack.count == 5 && stack.info.isBigTIFF)
    #expect(stack.info.spacing.x == 0.7)
    #expect(try stack.rows(16383..<16384, ofPage: 4).samples.allSatisfy { $0 == 0 })
  }

  /// Readers that know nothing of the description take the resolution from its fraction, right to 2⁻³¹.
  @Test(arguments: [0.7, 1, 2.96875, 1e-4, 4321])
  func statesTheResolutionToTheLastBit(spacing: Double) throws {
    let folder = try TemporaryFolder()
    let volume = try TIFFVolume(
      path: folder("a.tif"), rows: 5, columns: 7, pages: 1, spacing: Spacing(x: spacing, y: spacing))
    try volume.finish()
    let bytes = [UInt8](try folder.data("a.tif"))
    func number(_ place: Int, _ count: Int) -> Int {
      (0..<count).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
    }
    let directory = number(4, 4)
    let tags = (0..<number(directory, 2)).map { directory + 2 + 12 * $0 }
    let tag = try #require(tags.first { number($0, 2) == 282 })
    let place = number(tag + 8, 4)
    let resolution = Double(number(place, 4)) / Double(number(place + 4, 4))
    // One of the two has all 32 bits; rounding the other errs by half of 1.
    let smaller = Double(UInt32.max) * min(spacing, 1 / spacing)
    #expect(abs(resolution * spacing - 1) <= 1 / min(smaller, Double(UInt32.max) / 2))
  }

  @Test func saysWhereThereIsNoRoom() throws {
    let folder = try TemporaryFolder()
    let error = TIFFWriterTests.error {
      _ = try TIFFVolume(path: folder("a.tif"), rows: 1 << 16, columns: 1 << 16, pages: 1 << 20)
    }
    guard case .noSpace(_, let needed, let free)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(needed > UInt64(1) << 54 && free < needed)
    #expect(
      TIFFWriterTests.error { _ = try open("/nowhere/a.tif") }?.description.contains("cannot create") == true)
  }
}
