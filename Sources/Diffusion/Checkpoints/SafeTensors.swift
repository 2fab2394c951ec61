import Formats
import Foundation

/// A safetensors file: named tensors behind a JSON header.
///
///     u64 header length | JSON {name: {dtype, shape, data_offsets}} | values, little endian
///
/// Reads F32, F16, BF16 and F64; writes F32 and F16. The tensors must fill the file without gaps or overlaps, so
/// that a truncated or edited file is found out before its values are used.
public struct SafeTensors {
  public struct Entry: Equatable, Sendable {
    public let name: String
    public let type: String
    public let shape: [Int]
    let range: Range<Int>
  }

  public enum Precision: String, Sendable, Codable { case float32, float16 }

  public let path: String
  public let entries: [String: Entry]
  public let metadata: [String: String]
  private let data: Data

  private static let widths = ["F64": 8, "F32": 4, "F16": 2, "BF16": 2]

  public init(path: String) throws(CheckpointError) {
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
    } catch {
      throw .unreadable(path, because: error)
    }
    try self.init(data, path: path)
  }

  /// The contents of a file; `path` is what errors call it.
  init(_ data: Data, path: String) throws(CheckpointError) {
    self.path = path
    self.data = data
    guard data.count >= 8 else {
      throw .malformed(path, reason: "it has \(data.count) bytes, fewer than a header")
    }
    let length = data.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
    guard length <= UInt64(data.count - 8), length < 100_000_000 else {
      throw .malformed(path, reason: "its header claims \(length) bytes, the file has \(data.count)")
    }
    let start = 8 + Int(length)
    guard
      let header = (try? JSONSerialization.jsonObject(with: data.subdata(in: 8..<start))) as? [String: Any]
    else { throw .malformed(path, reason: "its header is not a JSON object") }
    var entries: [String: Entry] = [:]
    var metadata: [String: String] = [:]
    for (name, value) in header {
      if name == "__metadata__" {
        metadata = value as? [String: String] ?? [:]
        continue
      }
      guard let fields = value as? [String: Any], let type = fields["dtype"] as? String,
        let shape = fields["shape"] as? [Int], let offsets = fields["data_offsets"] as? [Int],
        offsets.count == 2, shape.allSatisfy({ $0 >= 0 && $0 < 1 << 31 })
      else { throw .malformed(path, reason: "the entry '\(name)' is incomplete") }
      guard let width = SafeTensors.widths[type] else {
        throw .unsupported(
          path, setting: "the type of '\(name)'", found: type, expected: "F64, F32, F16 or BF16")
      }
      var bytes = width
      for extent in shape {
        let (product, overflow) = bytes.multipliedReportingOverflow(by: extent)
        guard !overflow else { throw .malformed(path, reason: "the shape of '\(name)' overflows") }
        bytes = product
      }
      guard offsets[0] >= 0, offsets[1] >= offsets[0], offsets[1] <= data.count - start,
        offsets[1] - offsets[0] == bytes
      else { throw .malformed(path, reason: "the values of '\(name)' lie outside the file") }
      entries[name] = Entry(
        name: name, type: type, shape: shape, range: start + offsets[0]..<start + offsets[1])
    }
    var end = start
    for entry in entries.values.sorted(by: {
      ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
    }) {
      guard entry.range.lowerBound == end else {
        throw .malformed(
          path, reason: "the values of '\(entry.name)' overlap others or leave a gap before them")
      }
      end = entry.range.upperBound
    }
    guard end == data.count else {
      throw .malformed(path, reason: "\(data.count - end) bytes at its end belong to no tensor")
    }
    self.entries = entries
    self.metadata = metadata
  }

  public func floats(_ entry: Entry) throws(CheckpointError) -> [Float] {
    let count = entry.shape.reduce(1, *)
    let values: [Float] = data.withUnsafeBytes { bytes in
      let base = entry.range.lowerBound
      switch entry.type {
      case "F64":
        return (0..<count).map {
          Float(
            Double(
              bitPattern: UInt64(
                littleEndian: bytes.loadUnaligned(fromByteOffset: base + 8 * $0, as: UInt64.self))))
        }
      case "F32":
        return (0..<count).map {
          Float(
            bitPattern: UInt32(
              littleEndian: bytes.loadUnaligned(fromByteOffset: base + 4 * $0, as: UInt32.self)))
        }
      case "F16":
        return (0..<count).map {
          Float(
            Float16(
              bitPattern: UInt16(
                littleEndian: bytes.loadUnaligned(fromByteOffset: base + 2 * $0, as: UInt16.self))))
        }
      default:
        return (0..<count).map {
          Float(
            bitPattern: UInt32(
              UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: base + 2 * $0, as: UInt16.self))) << 16
          )
        }
      }
    }
    guard values.allSatisfy(\.isFinite) else {
      throw .malformed(path, reason: "the weight '\(entry.name)' holds NaN or infinity")
    }
    return values
  }

  /// Writes tensors in the given order, atomically.
  public static func write(
    _ tensors: [(name: String, shape: [Int], values: [Float])], metadata: [String: String] = [:],
    precision: Precision, to path: String
  ) throws {
    try writeFile(encode(tensors, metadata: metadata, precision: precision), to: path)
  }

  /// The contents of a file with these tensors in the given order.
  static func encode(
    _ tensors: [(name: String, shape: [Int], values: [Float])], metadata: [String: String] = [:],
    precision: Precision
  ) throws -> Data {
    var header: [String: Any] = metadata.isEmpty ? [:] : ["__metadata__": metadata]
    var body = Data()
    for (name, shape, values) in tensors {
      let start = body.count
      switch precision {
      case .float32:
        body.append(values.map { $0.bitPattern.littleEndian }.withUnsafeBytes { Data($0) })
      case .float16:
        body.append(values.map { Float16($0).bitPattern.littleEndian }.withUnsafeBytes { Data($0) })
      }
      header[name] = [
        "dtype": precision == .float32 ? "F32" : "F16", "shape": shape, "data_offsets": [start, body.count],
      ]
    }
    var json = try JSONSerialization.data(withJSONObject: header, options: .sortedKeys)
    while json.count % 8 != 0 { json.append(0x20) }
    var file = Data()
    withUnsafeBytes(of: UInt64(json.count).littleEndian) { file.append(contentsOf: $0) }
    file.append(json)
    file.append(body)
    return file
  }
}
