import Fields
import Formats
import Pipeline
import TestSupport
import Testing

@Suite struct StackPreviewTests {
  private static func preview(_ folder: TemporaryFolder, _ images: [Image]) async throws -> StackPreview {
    let shape = images[0].shape
    var writer = try TIFFWriter(path: folder("a.tif"), rows: shape[0], columns: shape[1])
    for image in images { try writer.append(image) }
    try writer.finish()
    return try await StackPreview(stack: folder("a.tif"))
  }

  /// A page that brightens from left to right, between two others.
  @Test func showsTheMiddlePage() async throws {
    let folder = try TemporaryFolder()
    let (rows, columns) = (100, 256)
    let ramp = Image(shape: [rows, columns], samples: (0..<rows * columns).map { Float($0 % columns) })
    let preview = try await Self.preview(
      folder, [Image(shape: [rows, columns]), ramp, Image(shape: [rows, columns])])
    #expect(preview.page == 1)
    // A percent of 256 columns, and the samples left out between those counted.
    #expect(abs(preview.window.lowerBound - 2.56) <= 3)
    #expect(abs(preview.window.upperBound - 252.44) <= 3)
    let lines = preview.text().split(separator: "\n")
    #expect(lines.count == 13)
    #expect(lines.allSatisfy { $0 == lines[0] && $0.count == 64 })
    let shades = Array(" .:-=+*#%@")
    let found = lines[0].compactMap { shades.firstIndex(of: $0) }
    #expect(found == found.sorted() && found.first == 0 && found.last == 9)
    // Means of boxes of 4 × 4: columns 4k … 4k + 3.
    let small = preview.reduced(to: 64)
    #expect(small.shape == [25, 64])
    for row in 0..<25 { for column in 0..<64 { #expect(small[row, column] == Float(4 * column) + 1.5) } }
  }

  @Test(arguments: [[1, 1], [3, 1], [1, 200], [65, 63], [300, 3]] as [Shape])
  func fitsPagesOfEveryShape(shape: Shape) async throws {
    let folder = try TemporaryFolder()
    let preview = try await Self.preview(folder, [Image(shape: shape, filledWith: 7)])
    #expect(preview.window == 7...7)
    let lines = preview.text().split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.count <= 32 && lines.allSatisfy { $0.count == lines[0].count && (1...64) ~= $0.count })
    let small = preview.reduced(to: 64)
    #expect(small.shape[0] <= 64 && small.shape[1] <= 64)
    #expect(small.samples.allSatisfy { $0 == 7 })
  }
}
