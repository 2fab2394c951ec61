import CSamples
import Foundation
import Synchronization

/// A file that appears under its name complete or not at all.
///
/// It grows under a temporary name in the same folder, `NAME.partial-…`. ``complete()`` makes it durable there,
/// ``publish()`` gives it its name and replaces a file of that name, or the one that a link of that name leads to;
/// dropped before that, nothing is left. Of files that belong together all are completed before the first is published.
public struct PendingFile: ~Copyable, Sendable {
  /// The name the finished file gets.
  public let path: String
  /// Where its bytes are until then.
  public let temporary: String
  /// Written through ``write(_:)``.
  public private(set) var bytes = 0
  /// Where ``path`` leads.
  private let place: String
  /// Between the name and a random number.
  package static let mark = ".partial-"
  private let descriptor: Int32
  private var isComplete = false
  private var isPublished = false

  /// - Throws: ``FileError/cannotCreate(path:code:)``.
  public init(path: String) throws(FileError) {
    try expectReplaceable(path)
    let place = filePlace(path)
    while true {
      let temporary = "\(place)\(Self.mark)\(String(UInt32.random(in: 0...UInt32.max), radix: 16))"
      let descriptor = open(temporary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o666)
      if descriptor >= 0 {
        self.path = path
        self.place = place
        self.temporary = temporary
        self.descriptor = descriptor
        Leftovers.add(temporary)
        return
      }
      guard errno == EEXIST else { throw .cannotCreate(path: path, code: errno) }
    }
  }

  deinit {
    close(descriptor)
    if !isPublished { unlink(temporary) }
    Leftovers.forget(temporary)
  }

  public mutating func write(_ text: String) throws(FileError) { try write(Array(text.utf8)) }

  public mutating func write(_ content: some RandomAccessCollection<UInt8>) throws(FileError) {
    precondition(!isComplete, "'\(path)' is complete")
    let code =
      content.withContiguousStorageIfAvailable { Self.write($0, to: descriptor) }
      ?? Array(content).withUnsafeBufferPointer { Self.write($0, to: descriptor) }
    guard code == 0 else { throw .cannotWrite(path: path, code: code) }
    bytes += content.count
  }

  /// Goes to a byte, from which on the next ones are written. What is left out before it reads as zeros.
  public mutating func seek(to place: Int) throws(FileError) {
    guard lseek(descriptor, off_t(place), SEEK_SET) >= 0 else {
      throw .cannotWrite(path: path, code: errno)
    }
  }

  /// Makes what was written durable; nothing can be written afterwards.
  public mutating func complete() throws(FileError) {
    guard !isComplete else { return }
    guard fsync(descriptor) == 0 || errno == EINVAL else { throw .cannotWrite(path: path, code: errno) }
    isComplete = true
  }

  /// Gives the file its name, after completing it.
  public mutating func publish() throws(FileError) {
    try complete()
    guard !isPublished else { return }
    guard rename(temporary, place) == 0 else { throw .cannotCreate(path: path, code: errno) }
    isPublished = true
    try synchronizeFolder(Self.folder(of: place))
  }

  /// The folder that holds `path`.
  static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// Returns 0 or the error number.
  private static func write(_ buffer: UnsafeBufferPointer<UInt8>, to descriptor: Int32) -> Int32 {
    var done = 0
    while done < buffer.count {
      let count = Foundation.write(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done)
      if count < 0 {
        if errno == EINTR { continue }
        return errno
      }
      done += count
    }
    return 0
  }
}

/// Makes the names durable that files have in a folder.
package func synchronizeFolder(_ path: String) throws(FileError) {
  let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  guard folder >= 0 else { return }
  defer { close(folder) }
  // Some network file systems cannot do it and say so.
  guard fsync(folder) == 0 || errno == EINVAL else { throw .cannotWrite(path: path, code: errno) }
}

/// Files that belong together: all are complete before the first gets its name.
public struct PendingFiles: ~Copyable {
  /// ``PendingFile`` cannot be copied, so arrays cannot hold it.
  private final class Box {
    var file: PendingFile

    init(_ file: consuming PendingFile) { self.file = file }
  }

  private var boxes: [Box] = []

  public init() {}

  /// Takes a file over and completes it.
  public mutating func add(_ file: consuming PendingFile) throws(FileError) {
    try file.complete()
    boxes.append(Box(file))
  }

  /// Adds a file of this content.
  public mutating func add(_ content: Data, as path: String) throws(FileError) {
    var file = try PendingFile(path: path)
    try file.write(content)
    try add(file)
  }

  /// Gives all files their names, in the order in which they were added.
  public consuming func publish() throws(FileError) {
    for box in boxes { try box.file.publish() }
  }
}

/// A folder that appears under its name complete or not at all.
///
/// It is filled under a temporary name beside it, `NAME.partial-…`. ``publish()`` gives it its name in the place of a folder of
/// that name; dropped before that, nothing is left.
struct PendingFolder: ~Copyable, Sendable {
  let path: String
  /// Where its files are until then.
  let temporary: String
  private let place: String
  private var isPublished = false

  /// - Throws: ``FileError/cannotCreate(path:code:)``.
  init(path: String) throws(FileError) {
    let place = filePlace(path)
    while true {
      let temporary = Self.unusedName(beside: place)
      if mkdir(temporary, 0o777) == 0 {
        (self.path, self.place, self.temporary) = (path, place, temporary)
        Leftovers.add(temporary)
        return
      }
      guard errno == EEXIST else { throw .cannotCreate(path: path, code: errno) }
    }
  }

  deinit {
    if !isPublished { try? FileManager.default.removeItem(atPath: temporary) }
    Leftovers.forget(temporary)
  }

  /// Makes the names of its files durable and gives the folder its own. A folder of that name is removed afterwards.
  mutating func publish() throws(FileError) {
    try synchronizeFolder(temporary)
    // An empty folder is replaced at once, a full one exchanged; where the file system cannot do that, it steps aside, and
    // back where the rest fails.
    var old: String?
    if rename(temporary, place) != 0 {
      guard errno == ENOTEMPTY || errno == EEXIST else { throw .cannotCreate(path: path, code: errno) }
      old = try system_exchange_names(temporary, place) == 0 ? temporary : stepAside()
    }
    isPublished = true
    try synchronizeFolder(PendingFile.folder(of: place))
    // What is old is removed when what is new is durable.
    if let old { try? FileManager.default.removeItem(atPath: old) }
  }

  /// Gives the folder its name in the place of a full one.
  ///
  /// - Returns: where that is then.
  private func stepAside() throws(FileError) -> String {
    let aside = Self.unusedName(beside: place)
    guard rename(place, aside) == 0 else { throw .cannotCreate(path: path, code: errno) }
    guard rename(temporary, place) == 0 else {
      let code = errno
      rename(aside, place)
      throw .cannotCreate(path: path, code: code)
    }
    return aside
  }

  private static func unusedName(beside place: String) -> String {
    "\(place)\(PendingFile.mark)\(String(UInt32.random(in: 0...UInt32.max), radix: 16))"
  }
}

/// Writes a file that appears complete or not at all.
///
/// - Throws: ``FileError``.
public func writeFile(_ content: Data, to path: String) throws(FileError) {
  var file = try PendingFile(path: path)
  try file.write(content)
  try file.publish()
}

/// - Throws: ``FileError/cannotCreate(path:code:)`` where the name is that of a folder, a device or a pipe.
package func expectReplaceable(_ path: String) throws(FileError) {
  var status = stat()
  guard stat(path, &status) == 0 else { return }
  switch status.st_mode & S_IFMT {
  case S_IFREG: break
  case S_IFDIR: throw .cannotCreate(path: path, code: EISDIR)
  default: throw .cannotCreate(path: path, code: ESPIPE)
  }
}

/// Temporary files and folders that are there now, for the case that the program must end in the middle of its work.
public enum Leftovers {
  private static let paths = Mutex<Set<String>>([])

  package static func add(_ path: String) { paths.withLock { _ = $0.insert(path) } }
  package static func forget(_ path: String) { paths.withLock { _ = $0.remove(path) } }

  /// Removes all of them. Whoever still writes to one writes into nothing.
  public static func remove() {
    let found = paths.withLock { paths in
      defer { paths = [] }
      return paths
    }
    for path in found { try? FileManager.default.removeItem(atPath: path) }
  }
}

/// Makes a folder, and those above it, where they are missing.
///
/// - Throws: ``FileError/cannotCreate(path:code:)``.
public func makeFolder(_ path: String) throws(FileError) {
  var prefix = path.hasPrefix("/") ? "/" : ""
  for part in path.split(separator: "/") {
    prefix += part
    var status = stat()
    if stat(prefix, &status) == 0 {
      guard status.st_mode & S_IFMT == S_IFDIR else { throw .cannotCreate(path: path, code: ENOTDIR) }
    } else if mkdir(prefix, 0o777) != 0, errno != EEXIST {
      throw .cannotCreate(path: path, code: errno)
    }
    prefix += "/"
  }
}
