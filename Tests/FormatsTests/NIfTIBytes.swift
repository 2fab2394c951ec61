/// A NIfTI file by hand, field by field.
///
/// Source: `nifti1.h` and `nifti2.h`, NIfTI Data Format Working Group, 2004 and 2011.
struct NIfTIBytes {
  var isSecond = false
  var isBigEndian = false
  /// dim[1…].
  var extents = [5, 4, 3]
  /// dim[0], where it is another than how many extents there are.
  var dimensions: Int?
  var type = 16
  var bits = 32
  var spacing = [0.5, 0.25, 2, 1]
  var units = 2
  var scale: (slope: Double, intercept: Double) = (0, 0)
  var offset: Double?
  var magic: String?
  /// The samples, one after another, as bits.
  var values: [UInt64] = []

  var bytes: [UInt8] {
    let length = isSecond ? 540 : 348
    let begin = length + 4
    var bytes = [UInt8](repeating: 0, count: begin)
    func put(_ value: UInt64, _ count: Int, at place: Int) {
      bytes.replaceSubrange(place..<place + count, with: integer(value, count))
    }
    func put(_ value: Double, at place: Int) {
      isSecond ? put(value.bitPattern, 8, at: place) : put(UInt64(Float(value).bitPattern), 4, at: place)
    }
    put(UInt64(length), 4, at: 0)
    let text = Array((magic ?? (isSecond ? "n+2" : "n+1")).utf8)
    bytes.replaceSubrange((isSecond ? 4 : 344)..<(isSecond ? 4 : 344) + text.count, with: text)
    put(UInt64(type), 2, at: isSecond ? 12 : 70)
    put(UInt64(bits), 2, at: isSecond ? 14 : 72)
    let size = isSecond ? 8 : 2
    for (i, extent) in ([dimensions ?? extents.count] + extents).enumerated() where i < 8 {
      put(UInt64(bitPattern: Int64(extent)), size, at: (isSecond ? 16 : 40) + size * i)
    }
    for (i, distance) in spacing.enumerated() { put(distance, at: isSecond ? 112 + 8 * i : 80 + 4 * i) }
    if isSecond {
      put(UInt64(bitPattern: Int64(offset ?? Double(begin))), 8, at: 168)
      put(UInt64(units), 4, at: 500)
    } else {
      put(offset ?? Double(begin), at: 108)
      bytes[123] = UInt8(units)
    }
    put(scale.slope, at: isSecond ? 176 : 112)
    put(scale.intercept, at: isSecond ? 184 : 116)
    return bytes + values.flatMap { integer($0, bits / 8) }
  }

  private func integer(_ value: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (isBigEndian ? count - 1 - $0 : $0))) }
  }

  /// A gzip file of stored blocks.
  ///
  /// Source: RFC 1951 and RFC 1952, 1996.
  static func gzip(_ content: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]
    func little(_ value: UInt32, _ count: Int) -> [UInt8] {
      (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt32(8 * $0)) }
    }
    for start in stride(from: 0, to: max(1, content.count), by: 65535) {
      let part = content[start..<min(start + 65535, content.count)]
      bytes.append(start + 65535 >= content.count ? 1 : 0)
      bytes += little(UInt32(part.count), 2) + little(~UInt32(part.count), 2) + part
    }
    var sum = UInt32.max
    for byte in content {
      sum ^= UInt32(byte)
      for _ in 0..<8 { sum = sum & 1 == 1 ? 0xedb8_8320 ^ sum >> 1 : sum >> 1 }
    }
    return bytes + little(~sum, 4) + little(UInt32(truncatingIfNeeded: content.count), 4)
  }
}
