import Diffusion
import Fields
import Foundation
import Testing

@Suite struct SafeTensorsTests {
  private static func write(
    _ header: String, _ body: [UInt8], to path: String, claiming length: UInt64? = nil
  ) throws {
    var file = Data()
    withUnsafeBytes(of: (length ?? UInt64(header.utf8.count)).littleEndian) { file.append(contentsOf: $0) }
    file.append(contentsOf: Array(header.utf8) + body)
    try file.write(to: URL(fileURLWithPath: path))
  }

  /// The sentence with which a file of these bytes is refused.
  private static func refusal(_ header: String, _ body: [UInt8], claiming length: UInt64? = nil) throws
    -> String
  {
    try withTemporaryFolder { folder in
      let path = folder.appendingPathComponent("a.safetensors").path
      try write(header, body, to: path, claiming: length)
      return checkpointError {
        let file = try SafeTensors(path: path)
        for entry in file.entries.values { _ = try file.floats(entry) }
      }
    }
  }

  private static func values(_ header: String, _ body: [UInt8]) throws -> [Float] {
    try withTemporaryFolder { folder in
      let path = folder.appendingPathComponent("a.safetensors").path
      try write(header, body, to: path)
      let file = try SafeTensors(path: path)
      return try file.floats(#require(file.entries["a"]))
    }
  }

  @Test func keepsSinglePrecisionBitForBit() throws {
    let values: [Float] = [0, -0.0, 1, -1.5, .leastNonzeroMagnitude, .greatestFiniteMagnitude, .pi]
    try withTemporaryFolder { folder in
      let path = folder.appendingPathComponent("a.safetensors").path
      try SafeTensors.write(
        [("second", [7], values), ("first", [1, 1, 2], [3, 4]), ("none", [0, 5], [])],
        metadata: ["note": "π ≈ 3"], precision: .float32, to: path)
      let file = try SafeTensors(path: path)
      #expect(file.metadata == ["note": "π ≈ 3"])
      #expect(Set(file.entries.keys) == ["first", "second", "none"])
      let second = try #require(file.entries["second"])
      #expect(second.shape == [7] && second.type == "F32")
      #expect(try file.floats(second).map(\.bitPattern) == values.map(\.bitPattern))
      #expect(try file.floats(#require(file.entries["first"])) == [3, 4])
      #expect(try file.floats(#require(file.entries["none"])).isEmpty)
    }
  }

  /// What a half can hold comes back as it was; the rest is rounded to nearest, ties to even.
  @Test func storesHalves() throws {
    let exact: [Float] = [0.5, -2, 65504, 0x1p-24, 0, 1 + 0x1p-10]
    try withTemporaryFolder { folder in
      let path = folder.appendingPathComponent("a.safetensors").path
      try SafeTensors.write(
        [("a", [6], exact), ("b", [3], [1 + 0x1p-11, 1 + 3 * 0x1p-11, 0.1])], precision: .float16, to: path)
      let file = try SafeTensors(path: path)
      #expect(try file.floats(#require(file.entries["a"])) == exact)
      #expect(try file.floats(#require(file.entries["b"])) == [1, 1 + 0x1p-9, Float(Float16(0.1))])
    }
  }

  @Test func readsTheOtherFloatingTypes() throws {
    let bfloat16 = #"{"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}"#
    #expect(try Self.values(bfloat16, [0x80, 0x3F, 0x20, 0xC0]) == [1, -2.5])
    let double = #"{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}"#
    let bytes = withUnsafeBytes(of: (0.1).bitPattern.littleEndian) { Array($0) }
    #expect(try Self.values(double, bytes) == [0.1])
  }

  /// A header of odd length puts the values at addresses that are not multiples of 4.
  @Test func readsUnalignedValues() throws {
    for padding in 0..<8 {
      let header =
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"# + String(repeating: " ", count: padding)
      #expect(try Self.values(header, [0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0]) == [1, -2])
    }
  }

  /// `plain` was written by the reference implementation.
  @Test func readsAFileOfTheReferenceImplementation() throws {
    let file = try SafeTensors(path: Fixtures.path("plain/diffusion_pytorch_model.safetensors"))
    #expect(file.metadata["format"] == "pt")
    let entry = try #require(file.entries["conv_in.weight"])
    #expect(entry.shape == [4, 1, 3, 3] && entry.type == "F32")
  }

  @Test func refusesRubbish() throws {
    try withTemporaryFolder { folder in
      let path = folder.appendingPathComponent("a.safetensors").path
      #expect(checkpointError { _ = try SafeTensors(path: path) }.contains("cannot read"))
      #expect(checkpointError { _ = try SafeTensors(path: folder.path) }.contains("cannot read"))
      var generator = SplitMix64(seed: 1)
      for count in [0, 1, 7, 8, 9, 100] {
        try Data((0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }).write(
          to: URL(fileURLWithPath: path))
        #expect(checkpointError { _ = try SafeTensors(path: path) }.contains(path), "\(count) bytes")
      }
    }
    for header in ["", "{", "[]", "3", "null", "{\"a\":3}", "{\"a\":{}}", "\u{0}\u{0}"] {
      #expect(try Self.refusal(header, []).contains("valid checkpoint"), "\(header)")
    }
  }

  @Test func refusesAHeaderThatLies() throws {
    let header = #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#
    let count = UInt64(header.utf8.count)
    for claim in [0, count - 1, count + 1, count + 5, 1 << 40, .max, .max - 7] {
      #expect(
        try Self.refusal(header, [0, 0, 0, 0], claiming: claim).contains("valid checkpoint"), "\(claim)")
    }
  }

  @Test func refusesEntriesThatDoNotFit() throws {
    func entry(_ shape: String, _ offsets: String, type: String = "F32") -> String {
      #"{"a":{"dtype":"\#(type)","shape":\#(shape),"data_offsets":\#(offsets)}}"#
    }
    let body = [UInt8](repeating: 0, count: 8)
    for (shape, offsets) in [
      ("[2]", "[0,16]"), ("[2]", "[4,12]"), ("[2]", "[8,0]"), ("[2]", "[-4,4]"), ("[1]", "[0,8]"),
      ("[2]", "[0,4]"),
      ("[-2]", "[0,8]"), ("[4294967296,4294967296]", "[0,8]"),
      ("[2147483647,2147483647,2147483647,0]", "[0,0]"),
      ("[2.5]", "[0,8]"), ("\"2\"", "[0,8]"), ("[2]", "[0]"), ("[2]", "[0,8,8]"), ("[2]", "\"0,8\""),
      ("[1e30]", "[0,8]"), ("[2]", "[0,9223372036854775807]"),
      ("[2]", "[-9223372036854775808,9223372036854775807]"),
      ("[2]", "[0,1e300]"),
    ] {
      let sentence = try Self.refusal(entry(shape, offsets), body)
      #expect(sentence.contains("'a'"), "\(shape) \(offsets): \(sentence)")
    }
    #expect(try Self.refusal(entry("[1]", "[0,8]", type: "I64"), body).contains("I64"))
  }

  @Test func refusesOverlapsAndGaps() throws {
    func pair(_ first: String, _ second: String) -> String {
      #"{"a":{"dtype":"F32","shape":[1],"data_offsets":\#(first)},"b":{"dtype":"F32","shape":[1],"data_offsets":\#(second)}}"#
    }
    func body(_ count: Int) -> [UInt8] { Array(repeating: 0, count: count) }
    #expect(try Self.refusal(pair("[0,4]", "[0,4]"), body(4)).contains("overlap"))
    #expect(try Self.refusal(pair("[0,4]", "[2,6]"), body(6)).contains("overlap"))
    #expect(try Self.refusal(pair("[0,4]", "[8,12]"), body(12)).contains("gap"))
    #expect(try Self.refusal(pair("[4,8]", "[8,12]"), body(12)).contains("gap"))
    #expect(try Self.refusal(pair("[0,4]", "[4,8]"), body(12)).contains("belong to no tensor"))
  }

  @Test func refusesWeightsThatAreNotFinite() throws {
    let header = #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#
    for pattern in [Float.nan, .infinity, -.infinity].map(\.bitPattern) {
      let bytes = withUnsafeBytes(of: pattern.littleEndian) { Array($0) }
      #expect(try Self.refusal(header, bytes).contains("'a' holds NaN or infinity"))
    }
    // The largest halves are finite; the next pattern is infinity.
    let half = #"{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}"#
    #expect(try Self.values(half, [0xFF, 0x7B]) == [65504])
    #expect(try Self.refusal(half, [0x00, 0x7C]).contains("NaN or infinity"))
  }

  private static func sample(at path: String) throws -> Data {
    try SafeTensors.write(
      [("layer.weight", [3, 4], (0..<12).map(Float.init)), ("layer.bias", [3], [1, 2, 3])],
      metadata: ["iteration": "7"], precision: .float32, to: path)
    return try Data(contentsOf: URL(fileURLWithPath: path))
  }

  @Test func refusesTruncatedFiles() throws {
    try withTemporaryFolder { folder in
      let path = folder.appendingPathComponent("a.safetensors").path
      let whole = try Self.sample(at: path)
      for count in Array(stride(from: 0, to: whole.count, by: 7)) + [whole.count - 1] {
        try whole.prefix(count).write(to: URL(fileURLWithPath: path))
        #expect(
          checkpointError { _ = try SafeTensors(path: path) }.contains(path),
          "\(count) of \(whole.count) bytes")
      }
    }
  }

  /// Any byte may be wrong: the file is read or refused, never the end of the program.
  @Test func survivesFlippedBytes() throws {
    try withTemporaryFolder { folder in
      let path = folder.appendingPathComponent("a.safetensors").path
      let whole = try Self.sample(at: path)
      var generator = SplitMix64(seed: 11)
      var refused = 0
      for round in 0..<400 {
        var bytes = whole
        for _ in 0...round % 3 {
          bytes[Int(generator.next() % UInt64(whole.count))] = UInt8(truncatingIfNeeded: generator.next())
        }
        try bytes.write(to: URL(fileURLWithPath: path))
        do {
          let file = try SafeTensors(path: path)
          for entry in file.entries.values { _ = try file.floats(entry) }
        } catch is CheckpointError {
          refused += 1
        }
      }
      #expect(refused > 100, "most of the file is its header")
    }
  }
}
