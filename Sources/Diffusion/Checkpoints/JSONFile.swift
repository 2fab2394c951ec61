import Foundation

/// A JSON object on disk, read setting by setting.
struct JSONFile {
  let path: String
  private let object: [String: Any]

  init(path: String) throws(CheckpointError) {
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw .unreadable(path, because: error)
    }
    guard let object = (try? JSONSerialization.jsonObject(with: data)) as? [String: Any] else {
      throw .malformed(path, reason: "it is not a JSON object")
    }
    self.path = path
    self.object = object
  }

  subscript(key: String) -> Any? { object[key] }

  /// Whether a setting is there and not null.
  func states(_ key: String) -> Bool { object[key].map { !($0 is NSNull) } ?? false }

  func value<T>(_ key: String, default standard: T) throws(CheckpointError) -> T {
    guard let found = object[key] else { return standard }
    guard let typed = found as? T else {
      throw .malformed(path, reason: "'\(key)' is '\(found)', expected a \(T.self)")
    }
    return typed
  }

  /// An integer that may be null.
  func integer(_ key: String, default standard: Int?) throws(CheckpointError) -> Int? {
    guard let found = object[key] else { return standard }
    if found is NSNull { return nil }
    guard let number = found as? Int else {
      throw .malformed(path, reason: "'\(key)' is '\(found)', expected an integer")
    }
    return number
  }

  /// A setting with the values that are supported; its default is the first.
  @discardableResult
  func choice(_ key: String, of supported: String...) throws(CheckpointError) -> String {
    let found = try value(key, default: supported[0])
    guard supported.contains(found) else {
      throw .unsupported(path, setting: key, found: "'\(found)'", expected: supported.joined(separator: ", "))
    }
    return found
  }

  /// A setting that must be absent or null.
  func expectNone(_ key: String) throws(CheckpointError) {
    guard !states(key) else {
      throw .unsupported(path, setting: key, found: "\(object[key] ?? "")", expected: "null")
    }
  }
}
