internal import CYaml
import Foundation

/// What a file may ask of this program before anything is made of it.
///
/// A description is a page of text, a long one holds 100,000 angles or vertices. Aliases are refused: a file of 30 lines in
/// which every line is the one before it twice stands for 10⁹ values, and keys that hold them are compared value by value.
enum YAMLLimits {
  /// In bytes.
  static let length = 4 << 20
  /// Words, lists and mappings.
  static let values = 400_000
  /// Of lists and mappings within each other. Each level takes some of the stack.
  static let depth = 64
  /// Lines that begin with '%'. libyaml compares each with all before it.
  static let directives = 16

  /// Bytes of a file or a pipe.
  ///
  /// - Throws: ``YAMLError/cannotRead(file:reason:)``
  static func bytes(ofFile file: String) throws(YAMLError) -> Data {
    let data: Data
    do {
      let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: file))
      defer { try? handle.close() }
      data = try handle.read(upToCount: length + 1) ?? Data()
    } catch {
      let code = access(file, R_OK) == 0 ? 0 : errno
      let reason = code == 0 ? "it is not a readable file" : FileError.reason(code)
      throw .cannotRead(file: file, reason: code == ENOENT ? "no such file" : reason)
    }
    guard data.count <= length else {
      throw .cannotRead(file: file, reason: "it is longer than the \(length >> 20) MiB that are read")
    }
    return data
  }

  /// - Throws: ``YAMLError/syntax(_:problem:)`` at the first byte that is not UTF-8.
  static func text(of data: Data, file: String) throws(YAMLError) -> String {
    if let text = String(validating: data, as: UTF8.self) { return text }
    var place = YAMLLocation.start(of: file)
    var decoder = UTF8()
    var bytes = data.makeIterator()
    while case .scalarValue(let scalar) = decoder.decode(&bytes) { place = place.after(scalar) }
    throw .syntax(place, problem: "a byte stands here that is not UTF-8")
  }

  /// - Throws: ``YAMLError/syntax(_:problem:)`` at the first value that is too many, too deep or an alias. What is no YAML
  ///   at all passes: whoever reads it next says so.
  static func check(_ text: String, file: String) throws(YAMLError) {
    guard text.utf8.count <= length else {
      throw .cannotRead(file: file, reason: "it is longer than the \(length >> 20) MiB that are read")
    }
    var directives = 0
    var (line, isStart) = (1, true)
    for scalar in text.unicodeScalars {
      if isStart, scalar == "%" { directives += 1 }
      guard directives <= Self.directives else {
        throw .syntax(
          YAMLLocation(file: file, line: line, column: 1),
          problem: "more than \(Self.directives) directives ('%') stand in it")
      }
      // All that ends a line for libyaml.
      isStart = ["\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"].contains(scalar)
      if scalar == "\n" { line += 1 }
    }
    if let (place, problem) = violation(in: text) {
      throw .syntax(
        YAMLLocation(file: file, line: Int(place.line) + 1, column: Int(place.column) + 1), problem: problem)
    }
  }

  private static func violation(in text: String) -> (yaml_mark_t, String)? {
    // The parser keeps its own address.
    let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    defer { parser.deallocate() }
    guard yaml_parser_initialize(parser) == 1 else { return nil }
    defer { yaml_parser_delete(parser) }
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    var text = text
    return text.withUTF8 { bytes in
      yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
      var (values, depth) = (0, 0)
      var event = yaml_event_t()
      while yaml_parser_parse(parser, &event) == 1 {
        let (type, place) = (event.type, event.start_mark)
        yaml_event_delete(&event)
        switch type {
        case YAML_STREAM_END_EVENT, YAML_NO_EVENT: return nil
        case YAML_ALIAS_EVENT:
          return (place, "an alias ('*') stands here; write what it stands for, or put the text in quotes")
        case YAML_SEQUENCE_START_EVENT, YAML_MAPPING_START_EVENT:
          values += 1
          depth += 1
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: depth -= 1
        // Of these, many may be empty.
        case YAML_SCALAR_EVENT, YAML_DOCUMENT_START_EVENT: values += 1
        default: break
        }
        if depth > Self.depth { return (place, "lists and keys are nested more than \(Self.depth) deep") }
        if values > Self.values {
          return (place, "it holds more than the \(Self.values) values that are read")
        }
      }
      return nil
    }
  }
}

extension YAMLLocation {
  static func start(of file: String) -> YAMLLocation { YAMLLocation(file: file, line: 1, column: 1) }

  /// The place behind a character that stands here.
  func after(_ scalar: Unicode.Scalar) -> YAMLLocation {
    scalar == "\n"
      ? YAMLLocation(file: file, line: line + 1, column: 1)
      : YAMLLocation(file: file, line: line, column: column + 1)
  }
}
