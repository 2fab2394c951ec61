import Foundation

/// Writes a folder of TIFF files, one per page: `recon_00001.tif`, `recon_00002.tif`, …, with more digits where there are
/// more than 99999.
///
/// The folder is filled under a temporary name and gets its own when it is complete. It takes the place of a folder of that
/// name only where nothing is lost: where that is empty, or holds only what an earlier writer of this kind made.
struct TIFFFolderWriter: PageWriter, ~Copyable {
  private(set) var clipped = 0
  private let stack: StackLayout
  private let path: String
  private var folder: PendingFolder
  private var count = 0

  /// - Throws: ``TIFFError/occupied(path:name:)``, ``TIFFError/cannotCreate(path:reason:)``,
  ///   ``TIFFError/noSpace(path:needed:free:)``.
  init(path: String, _ stack: StackLayout) throws(TIFFError) {
    let path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    try Self.expectReplaceable(path)
    let folder: PendingFolder
    do throws(FileError) { folder = try PendingFolder(path: path) } catch {
      throw TIFFWriter.error(error, path)
    }
    // A directory takes less than 2 KiB, and files are made of blocks of 4 KiB.
    let fileBytes = stack.rows * stack.columns * stack.storage.sampleType.bytes + 4096
    let needed = UInt64(stack.pages) * UInt64(fileBytes)
    let free = freeSpace(beside: folder.temporary)
    guard stack.compression != .none || free >= needed else {
      throw .noSpace(path: path, needed: needed, free: free)
    }
    self.stack = stack
    self.path = path
    self.folder = folder
  }

  mutating func append(_ page: StackPage) throws {
    guard count < stack.pages else {
      throw TIFFError.wrongPageCount(path: path, written: count + 1, expected: stack.pages)
    }
    let digits = String(count + 1)
    let zeros = String(repeating: "0", count: max(5, String(stack.pages).count) - digits.count)
    let name = "recon_\(zeros)\(digits).tif"
    var writer = try TIFFWriter(
      path: "\(path)/\(name)", in: "\(folder.temporary)/\(name)", rows: stack.rows, columns: stack.columns,
      pages: 1, storage: stack.storage, compression: stack.compression, spacing: stack.spacing,
      unit: stack.unit, metadata: stack.metadata)
    try writer.append(page)
    clipped += writer.clipped
    try writer.finish()
    count += 1
  }

  consuming func finish() throws {
    guard count == stack.pages else {
      throw TIFFError.wrongPageCount(path: path, written: count, expected: stack.pages)
    }
    // Again: hours may have passed.
    try Self.expectReplaceable(path)
    do throws(FileError) { try folder.publish() } catch { throw TIFFWriter.error(error, path) }
  }

  /// - Throws: ``TIFFError/occupied(path:name:)`` with the first file that no writer of this kind made.
  private static func expectReplaceable(_ path: String) throws(TIFFError) {
    var status = stat()
    guard stat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw .cannotCreate(path: path, reason: FileError.reason(ENOTDIR))
    }
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
      throw .cannotCreate(path: path, reason: FileError.reason(EACCES))
    }
    if let name = names.sorted().first(where: { !isOwn($0, in: path) }) {
      throw .occupied(path: path, name: name)
    }
  }

  /// Other programs number their files like this too, but say so in the tag Software.
  private static func isOwn(_ name: String, in folder: String) -> Bool {
    guard name.wholeMatch(of: /recon_[0-9]{5,}\.tif/) != nil,
      let file = try? FileBytes(path: "\(folder)/\(name)"), let chain = try? TIFFDirectoryChain(file)
    else { return false }
    return chain.directories.allSatisfy { chain.software(of: $0, in: file) == TIFFHandle.software }
  }
}

extension OutputFormat {
  static let tiffFolder = OutputFormat(
    name: "TIFF", extensions: [], holds: tiff.features
  ) { path, stack in
    PageSink(try TIFFFolderWriter(path: path, stack))
  }
}
