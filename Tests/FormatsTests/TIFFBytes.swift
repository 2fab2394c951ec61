import Foundation

/// Writes TIFF files byte by byte, so that readers are tested against the specification and not against libtiff.
struct TIFFBytes {
  enum Pixels {
    /// The rows of each strip.
    case strips(rows: Int)
    case tiles(rows: Int, columns: Int)
  }

  struct Page {
    var rows = 3
    var columns = 5
    var bits = 32
    var format = 3
    var samples = 1
    /// Whether all first samples come before all second ones.
    var isPlanar = false
    /// Bytes between strips, which need not touch.
    var gap = 2
    var pixels = Pixels.strips(rows: 3)
    var description: String?
    /// Pixels per unit as a fraction, and the unit: 1 none, 2 inch, 3 centimetre.
    var resolution: (x: (Int, Int), y: (Int, Int), unit: Int)?
    /// 1 none, 5 LZW, 8 Deflate, 32773 PackBits; each written in its simplest form, without making anything shorter.
    var compression = 1
    /// 1 none, 2 differences of neighbours, 3 differences of the bytes of floats.
    var predictor = 1
    /// Further tags with one inline SHORT value, such as NewSubfileType.
    var shorts: [Int: Int] = [:]
    /// Every number in row order, as the bits to be stored; complex samples are two.
    var values: [UInt64] = []
  }

  var isBig = false
  var isBigEndian = false
  private(set) var bytes: [UInt8] = []
  private var pointerPosition = 0

  init(isBig: Bool = false, isBigEndian: Bool = false) {
    self.isBig = isBig
    self.isBigEndian = isBigEndian
    bytes = Array((isBigEndian ? "MM" : "II").utf8)
    put(isBig ? 43 : 42, 2)
    if isBig {
      put(8, 2)
      put(0, 2)
    }
    pointerPosition = bytes.count
    put(0, pointerBytes)
  }

  private var pointerBytes: Int { isBig ? 8 : 4 }

  private func integer(_ value: UInt64, _ size: Int) -> [UInt8] {
    let little = (0..<size).map { UInt8(truncatingIfNeeded: $0 < 8 ? value >> (8 * UInt64($0)) : 0) }
    return isBigEndian ? little.reversed() : little
  }

  private mutating func put(_ value: UInt64, _ size: Int) { bytes += integer(value, size) }

  mutating func add(_ page: Page) {
    let parts = [5, 6].contains(page.format) ? 2 : 1
    let planes = page.isPlanar ? page.samples : 1
    let (numbers, width) = (page.samples * parts / planes, page.bits / 8 / parts)
    var places: [(offset: Int, count: Int)] = []
    func pixel(_ row: Int, _ column: Int, _ plane: Int) -> [UInt8] {
      guard row < page.rows, column < page.columns else { return Array(repeating: 0, count: numbers * width) }
      let first = ((row * page.columns + column) * planes + plane) * numbers
      return (first..<first + numbers).flatMap { integer(page.values[$0], width) }
    }
    for plane in 0..<planes {
      switch page.pixels {
      case .strips(let rows):
        for first in stride(from: 0, to: page.rows, by: rows) {
          let start = bytes.count
          for row in first..<min(first + rows, page.rows) {
            bytes += predicted((0..<page.columns).map { pixel(row, $0, plane) }, page)
          }
          compress(from: start, page)
          places.append((start, bytes.count - start))
          bytes += Array(repeating: 0xEE, count: page.gap)
        }
      case .tiles(let rows, let columns):
        for top in stride(from: 0, to: page.rows, by: rows) {
          for left in stride(from: 0, to: page.columns, by: columns) {
            let start = bytes.count
            for row in top..<top + rows {
              bytes += predicted((left..<left + columns).map { pixel(row, $0, plane) }, page)
            }
            compress(from: start, page)
            places.append((start, bytes.count - start))
          }
        }
      }
    }

    var entries: [(tag: Int, type: Int, count: Int, value: [UInt8])] = []
    func add(_ tag: Int, short value: Int) { entries.append((tag, 3, 1, integer(UInt64(value), 2))) }
    func add(_ tag: Int, longs values: [Int]) {
      entries.append((tag, 4, values.count, values.flatMap { integer(UInt64($0), 4) }))
    }
    add(256, longs: [page.columns])
    add(257, longs: [page.rows])
    entries.append((258, 3, page.samples, (0..<page.samples).flatMap { _ in integer(UInt64(page.bits), 2) }))
    add(259, short: page.compression)
    if page.predictor != 1 { add(317, short: page.predictor) }
    add(262, short: 1)
    add(277, short: page.samples)
    if page.isPlanar { add(284, short: 2) }
    entries.append(
      (339, 3, page.samples, (0..<page.samples).flatMap { _ in integer(UInt64(page.format), 2) }))
    switch page.pixels {
    case .strips(let rows):
      add(278, longs: [rows])
      add(273, longs: places.map(\.offset))
      add(279, longs: places.map(\.count))
    case .tiles(let rows, let columns):
      add(322, longs: [columns])
      add(323, longs: [rows])
      add(324, longs: places.map(\.offset))
      add(325, longs: places.map(\.count))
    }
    if let description = page.description {
      entries.append((270, 2, description.utf8.count + 1, Array(description.utf8) + [0]))
    }
    if let (x, y, unit) = page.resolution {
      entries.append((282, 5, 1, integer(UInt64(x.0), 4) + integer(UInt64(x.1), 4)))
      entries.append((283, 5, 1, integer(UInt64(y.0), 4) + integer(UInt64(y.1), 4)))
      add(296, short: unit)
    }
    for (tag, value) in page.shorts { add(tag, short: value) }
    entries.sort { $0.tag < $1.tag }

    var stored: [[UInt8]] = []
    for entry in entries {
      if entry.value.count <= pointerBytes {
        stored.append(entry.value + Array(repeating: 0, count: pointerBytes - entry.value.count))
      } else {
        if bytes.count % 2 == 1 { bytes.append(0) }
        stored.append(integer(UInt64(bytes.count), pointerBytes))
        bytes += entry.value
      }
    }
    if bytes.count % 2 == 1 { bytes.append(0) }
    link(to: bytes.count)
    put(UInt64(entries.count), isBig ? 8 : 2)
    for (entry, value) in zip(entries, stored) {
      put(UInt64(entry.tag), 2)
      put(UInt64(entry.type), 2)
      put(UInt64(entry.count), pointerBytes)
      bytes += value
    }
    pointerPosition = bytes.count
    put(0, pointerBytes)
  }

  /// A row of samples after the predictor.
  private func predicted(_ row: [[UInt8]], _ page: Page) -> [UInt8] {
    switch page.predictor {
    case 2:
      let numbers = row.map { bytes in
        (isBigEndian ? bytes : bytes.reversed()).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      }
      let before = [0] + numbers.dropLast()
      return zip(numbers, before).flatMap { integer($0 &- $1, page.bits / 8) }
    case 3:
      let bigEndian = row.map { isBigEndian ? $0 : $0.reversed() }
      let planes = (0..<page.bits / 8).flatMap { byte in bigEndian.map { $0[byte] } }
      return zip(planes, [0] + planes.dropLast()).map { $0 &- $1 }
    default: return row.flatMap(\.self)
    }
  }

  private mutating func compress(from start: Int, _ page: Page) {
    let plain = Array(bytes[start...])
    var packed: [UInt8] = []
    switch page.compression {
    case 5:
      // Nine-bit codes, most significant bit first; the table is cleared before it needs a tenth.
      var pending: (bits: UInt32, count: Int) = (0, 0)
      func emit(_ code: UInt32) {
        pending = (pending.bits << 9 | code, pending.count + 9)
        while pending.count >= 8 {
          pending.count -= 8
          packed.append(UInt8(truncatingIfNeeded: pending.bits >> UInt32(pending.count)))
        }
      }
      for (index, byte) in plain.enumerated() {
        if index % 200 == 0 { emit(256) }
        emit(UInt32(byte))
      }
      emit(257)
      if pending.count > 0 {
        packed.append(UInt8(truncatingIfNeeded: pending.bits << UInt32(8 - pending.count)))
      }
    case 8:
      // zlib with one stored block.
      precondition(plain.count <= 65535)
      let count = UInt16(plain.count)
      var (a, b): (UInt32, UInt32) = (1, 0)
      for byte in plain {
        a = (a + UInt32(byte)) % 65521
        b = (b + a) % 65521
      }
      packed = [
        0x78, 0x01, 0x01, UInt8(count & 0xff), UInt8(count >> 8), UInt8(~count & 0xff), UInt8(~count >> 8),
      ]
      packed += plain
      packed += [b >> 8, b, a >> 8, a].map { UInt8(truncatingIfNeeded: $0) }
    case 32773:
      for from in stride(from: 0, to: plain.count, by: 100) {
        let run = plain[from..<min(from + 100, plain.count)]
        packed.append(UInt8(run.count - 1))
        packed += run
      }
    default: return
    }
    bytes.replaceSubrange(start..., with: packed)
  }

  /// Makes the last directory point to byte `offset` as the next one.
  mutating func link(to offset: Int) {
    bytes.replaceSubrange(
      pointerPosition..<pointerPosition + pointerBytes, with: integer(UInt64(offset), pointerBytes))
  }
}
