/// What the header of an `.npy` file says.
///
/// The header is a literal of Python, a dictionary of `descr` (the type), `fortran_order` and `shape`; nothing else of
/// Python is understood. Format 1.0, 2.0 and 3.0.
///
/// Source: NumPy 2.4, `numpy.lib.format`.
struct NPYHeader: Equatable {
  var type: SampleType
  var isBigEndian: Bool
  /// The first axis is the fastest.
  var isFortran: Bool
  var shape: [UInt64]
  /// Of the first sample.
  var start: UInt64

  /// The most that a header may have, in bytes.
  private static let limit: UInt64 = 1 << 20
  static let mark: [UInt8] = [0x93] + Array("NUMPY".utf8)

  init(_ file: borrowing FileBytes) throws {
    let path = file.path
    func damaged(_ reason: String) -> StackError {
      .damaged(path: path, format: FileFormat.npy.name, reason: reason)
    }
    let head = try file.bytes(Int(min(12, file.length)), at: 0, page: 0)
    guard head.count == 12, head.starts(with: Self.mark) else {
      throw damaged("it does not begin with \\x93NUMPY")
    }
    let version = head[6]
    guard (1...3).contains(version) else {
      throw StackError.unsupported(
        path: path, format: FileFormat.npy.name, found: "version \(version).\(head[7]) of the format",
        expected: "version 1, 2 or 3")
    }
    let lengthBytes = version == 1 ? 2 : 4
    let length = head[8..<8 + lengthBytes].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    start = UInt64(8 + lengthBytes) + length
    guard start <= file.length, length <= Self.limit else {
      throw damaged("its header claims \(length) bytes")
    }
    let text = try file.bytes(Int(length), at: UInt64(8 + lengthBytes), page: 0)
    guard let entries = Self.dictionary(text) else {
      throw damaged("its header is no dictionary of 'descr', 'fortran_order' and 'shape'")
    }
    guard entries.count == 3, case .truth(let isFortran) = entries["fortran_order"],
      case .numbers(let shape) = entries["shape"], let description = entries["descr"]
    else { throw damaged("its header does not consist of 'descr', 'fortran_order' and 'shape'") }
    self.isFortran = isFortran
    self.shape = shape
    guard case .text(let code) = description, let (type, isBigEndian) = Self.type(code) else {
      let found = if case .text(let code) = description { "samples of type '\(code)'" } else { "records" }
      throw StackError.unsupported(
        path: path, format: FileFormat.npy.name, found: found,
        expected:
          "bool, integers of 8, 16 or 32 bits, floats of 16, 32 or 64 bits, or complex64 or complex128, as "
          + "array.astype('float32') makes them")
    }
    self.type = type
    self.isBigEndian = isBigEndian
  }

  /// The type by its code, such as `<f4`.
  private static func type(_ code: String) -> (SampleType, isBigEndian: Bool)? {
    guard let order = code.first, "<>|=".contains(order) else { return nil }
    let types: [String: SampleType] = [
      "b1": .uint8, "u1": .uint8, "u2": .uint16, "u4": .uint32, "i1": .int8, "i2": .int16, "i4": .int32,
      "f2": .float16, "f4": .float32, "f8": .float64, "c8": .complex64, "c16": .complex128,
    ]
    guard let type = types[String(code.dropFirst())] else { return nil }
    // Only single bytes have no order; '=' is that of the machine that wrote the file, which is not known.
    guard type.bytes == 1 || "<>".contains(order) else { return nil }
    return (type, order == ">")
  }

  // MARK: Literals

  private enum Literal {
    case text(String)
    case truth(Bool)
    case numbers([UInt64])
    /// A list, as of the fields of a record.
    case list
  }

  /// nil where it is something else.
  private static func dictionary(_ bytes: [UInt8]) -> [String: Literal]? {
    var rest = bytes[...]
    func skip() { rest = rest.drop { $0 == 0x20 || (0x09...0x0d).contains($0) } }
    func take(_ character: Character) -> Bool {
      skip()
      guard rest.first == character.asciiValue else { return false }
      rest.removeFirst()
      return true
    }
    func text() -> String? {
      skip()
      guard let quote = rest.first, quote == 0x27 || quote == 0x22 else { return nil }
      rest.removeFirst()
      guard let end = rest.firstIndex(of: quote), end - rest.startIndex <= 64 else { return nil }
      defer { rest = rest[(end + 1)...] }
      return String(decoding: rest[..<end], as: UTF8.self)
    }
    func word() -> String {
      skip()
      let word = rest.prefix { (0x30...0x39).contains($0) || (0x41...0x5a).contains($0 & 0xdf) }
      rest = rest[word.endIndex...]
      return String(decoding: word.prefix(24), as: UTF8.self)
    }
    func literal() -> Literal? {
      if take("[") {
        // What the fields are does not matter: records are refused.
        guard let end = rest.lastIndex(of: UInt8(ascii: "]")) else { return nil }
        rest = rest[(end + 1)...]
        return .list
      }
      if take("(") {
        var numbers: [UInt64] = []
        while !take(")") {
          let digits = word()
          // Python 2 wrote long integers with an L.
          guard let number = UInt64(digits.hasSuffix("L") ? String(digits.dropLast()) : digits),
            numbers.count < 64
          else { return nil }
          numbers.append(number)
          if !take(",") {
            guard take(")") else { return nil }
            break
          }
        }
        return .numbers(numbers)
      }
      if let text = text() { return .text(text) }
      switch word() {
      case "True": return .truth(true)
      case "False": return .truth(false)
      default: return nil
      }
    }
    var entries: [String: Literal] = [:]
    guard take("{") else { return nil }
    while !take("}") {
      guard let key = text(), entries[key] == nil, take(":"), let value = literal() else { return nil }
      entries[key] = value
      if !take(",") {
        guard take("}") else { return nil }
        break
      }
    }
    skip()
    return rest.isEmpty ? entries : nil
  }
}
