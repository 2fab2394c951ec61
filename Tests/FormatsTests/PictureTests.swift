import CPNG
import Fields
import Formats
import TestSupport
import Testing

@Suite struct PictureTests {
  private func read(_ path: String) throws -> (rows: Int, columns: Int, pixels: [UInt8]) {
    var image = png_image()
    image.version = UInt32(PNG_IMAGE_VERSION)
    try #require(png_image_begin_read_from_file(&image, path) != 0)
    image.format = 0
    var pixels = [UInt8](repeating: 0, count: Int(image.width * image.height))
    try #require(png_image_finish_read(&image, nil, &pixels, 0, nil) != 0)
    return (Int(image.height), Int(image.width), pixels)
  }

  /// Windows map to 0 … 255, what lies outside is held; images stand four white pixels apart.
  @Test func setsImagesSideBySide() throws {
    let folder = try TemporaryFolder()
    let path = folder("a.png")
    var picture = Picture()
    picture.append([
      (Image(shape: [1, 4], samples: [-1, 0, 1, 2]), 0...1),
      (Image(shape: [2, 1], samples: [5, 10]), 0...10),
    ])
    try picture.write(to: path)
    let found = try read(path)
    #expect(found.rows == 2)
    #expect(found.columns == 9)
    let white = [UInt8](repeating: 255, count: 9)
    #expect(found.pixels == [0, 0, 255, 255, 255, 255, 255, 255, 128] + white)
    #expect(folder.names == ["a.png"])
  }

  @Test func saysWhyItCannotWrite() {
    var picture = Picture()
    picture.append([(Image(shape: [1, 1]), 0...1)])
    #expect {
      try picture.write(to: "/no/such/folder/a.png")
    } throws: {
      "\($0)".hasPrefix("cannot create '/no/such/folder/a.png': No such file or directory.")
    }
    #expect(throws: PictureError.empty("a.png")) { try Picture().write(to: "a.png") }
  }
}
