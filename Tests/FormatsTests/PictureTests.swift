import CZlib
import Fields
import Formats
import Foundation
import TestSupport
import Testing

@Suite struct PictureTests {
  /// The chunks of a PNG file, with their checksums, and the pixels in them, as the specification has it.
  private func read(_ file: Data) throws -> (rows: Int, columns: Int, pixels: [UInt8]) {
    let bytes = [UInt8](file)
    #expect(Array(bytes.prefix(8)) == [0x89] + Array("PNG\r\n\u{1a}\n".utf8))
    func integer(_ place: Int) -> Int { bytes[place..<place + 4].reduce(0) { $0 << 8 | Int($1) } }
    var chunks: [(type: String, content: [UInt8])] = []
    var place = 8
    while place < bytes.count {
      let end = place + 8 + integer(place)
      try #require(end + 4 <= bytes.count)
      let checked = Array(bytes[place + 4..<end])
      #expect(integer(end) == Int(checksum(checked)))
      chunks.append((String(decoding: checked[..<4], as: UTF8.self), Array(checked[4...])))
      place = end + 4
    }
    #expect(chunks.map(\.type) == ["IHDR", "IDAT", "IEND"] && chunks[2].content.isEmpty)
    let header = chunks[0].content
    let (columns, rows) = (integer(16), integer(20))
    #expect(header.count == 13 && Array(header[8...]) == [8, 0, 0, 0, 0])
    var filtered = [UInt8](repeating: 0, count: rows * (columns + 1) + 1)
    var count = uLongf(filtered.count)
    try #require(uncompress(&filtered, &count, chunks[1].content, uLong(chunks[1].content.count)) == Z_OK)
    try #require(Int(count) == rows * (columns + 1))
    var pixels: [UInt8] = []
    for row in 0..<rows {
      let line = filtered[row * (columns + 1)..<(row + 1) * (columns + 1)]
      try #require(line.first == 0 || line.first == 2)
      for (column, value) in line.dropFirst().enumerated() {
        let isDifference = line.first == 2 && row > 0
        pixels.append(isDifference ? value &+ pixels[(row - 1) * columns + column] : value)
      }
    }
    return (rows, columns, pixels)
  }

  /// CRC-32 bit by bit: x³² + x²⁶ + … + 1, reflected.
  private func checksum(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~0) { sum, byte in
      (0..<8).reduce(sum ^ UInt32(byte)) { sum, _ in sum >> 1 ^ (sum & 1 == 1 ? 0xedb8_8320 : 0) }
    }
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
    let found = try read(folder.data("a.png"))
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
