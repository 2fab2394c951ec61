import Fields
import Formats
import Foundation
import TestSupport
import Testing

@Suite struct PendingFileTests {
  private func error(_ body: () throws(FileError) -> Void) -> FileError? {
    do throws(FileError) { try body() } catch { return error }
    return nil
  }

  @Test func appearsCompleteOrNotAtAll() throws {
    let folder = try TemporaryFolder()
    do {
      var file = try PendingFile(path: folder("a"))
      try file.write("left unfinished")
      #expect(folder.names.count == 1 && folder.names[0].hasPrefix("a.partial-"))
    }
    #expect(folder.names.isEmpty)
    try folder.write("earlier", to: "a")
    var file = try PendingFile(path: folder("a"))
    try file.write("later")
    try file.complete()
    #expect(try folder.text("a") == "earlier")
    try file.publish()
    #expect(try folder.text("a") == "later" && folder.names == ["a"])
  }

  /// The second file has a name that is taken: the first, which was complete, does not get its name either.
  @Test func givesFilesThatBelongTogetherTheirNamesTogether() throws {
    let folder = try TemporaryFolder()
    try makeFolder(folder("b"))
    func write(_ names: [String]) throws(FileError) {
      var files = PendingFiles()
      for name in names { try files.add(Data("x".utf8), as: folder(name)) }
      try files.publish()
    }
    #expect(
      error { () throws(FileError) in try write(["a", "b"]) }
        == .cannotCreate(path: folder("b"), code: EISDIR))
    #expect(folder.names == ["b"])
    try write(["a", "c"])
    #expect(folder.names == ["a", "b", "c"])
  }

  /// The link stays, and leads to the new file; also one to a file that is not there yet.
  @Test func followsLinks() throws {
    let folder = try TemporaryFolder()
    try makeFolder(folder("far"))
    try folder.write("earlier", to: "far/a")
    for name in ["a", "b"] {
      try FileManager.default.createSymbolicLink(
        atPath: folder("\(name).link"), withDestinationPath: "far/\(name)")
      try writeFile(Data("later".utf8), to: folder("\(name).link"))
      #expect(try folder.text("far/\(name)") == "later")
      #expect(
        try FileManager.default.destinationOfSymbolicLink(atPath: folder("\(name).link")) == "far/\(name)")
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder("far")).sorted() == ["a", "b"])
  }

  @Test func refusesDevicesAndPipes() throws {
    let folder = try TemporaryFolder()
    try #require(mkfifo(folder("pipe"), 0o600) == 0)
    // A pipe stands for the devices: a superuser's test that failed would replace a device of the system.
    let path = folder("pipe")
    let refusal = error { () throws(FileError) in try writeFile(Data("x".utf8), to: path) }
    #expect(refusal == .cannotCreate(path: path, code: ESPIPE))
    #expect(
      refusal?.description == "cannot create '\(path)': it is a device or a pipe. Give the name of a file.")
    var status = stat()
    let found = lstat(path, &status)
    try #require(found == 0)
    #expect(status.st_mode & S_IFMT == S_IFIFO)
    #expect(folder.names == ["pipe"])
  }

  @Test func knowsWhereAPathLeads() throws {
    let folder = try TemporaryFolder()
    try makeFolder(folder("a/b"))
    for (link, target) in [("short", "a/b"), ("far", folder("short/none")), ("round", "round")] {
      try FileManager.default.createSymbolicLink(atPath: folder(link), withDestinationPath: target)
    }
    let place = filePlace(folder("a/b/none"))
    #expect(place.hasSuffix("/a/b/none"))
    for path in ["short/none", "far", "./a//b/./none", "short/../b/none", "a/c/../b/none"] {
      #expect(filePlace(folder(path)) == place, "\(path)")
    }
    #expect(filePlace("x") == filePlace(FileManager.default.currentDirectoryPath + "/x"))
    #expect(filePlace(folder("round")).hasSuffix("/round"))
    #expect(filePlace("/../..") == "/")
  }

  @Test func makesFoldersAndSaysWhyNot() throws {
    let folder = try TemporaryFolder()
    try makeFolder(folder("a/b//c"))
    try makeFolder(folder("a/b/c"))
    #expect(folder.names == ["a"])
    try folder.write("x", to: "file")
    for path in [folder("file"), folder("file/a")] {
      #expect(
        error { () throws(FileError) in try makeFolder(path) } == .cannotCreate(path: path, code: ENOTDIR))
    }
    #expect(
      "\(FileError.cannotCreate(path: "x", code: ENOTDIR))"
        == "cannot create 'x': a file stands where a folder should be. Check that its folder exists and that you may write "
        + "there.")
  }

  /// Foundation's own errors become sentences of this program.
  @Test func putsFoundationsErrorsIntoWords() throws {
    let folder = try TemporaryFolder()
    try folder.write("x", to: "file")
    func sentence(_ body: () throws -> Void) -> String? {
      do {
        try body()
        return nil
      } catch {
        return FileError(error)?.description
      }
    }
    #expect(
      sentence { try Data().write(to: URL(fileURLWithPath: folder("no/a")), options: .atomic) }?.hasPrefix(
        "cannot create '\(folder("no/a"))': No such file or directory.") == true)
    #expect(
      sentence { _ = try Data(contentsOf: URL(fileURLWithPath: folder("none"))) }?.hasPrefix(
        "cannot read '\(folder("none"))': No such file or directory.") == true)
    #expect(
      sentence {
        try FileManager.default.createDirectory(atPath: folder("file/a"), withIntermediateDirectories: true)
      }?.hasPrefix("cannot ") == true)
    #expect(sentence { throw CancellationError() } == nil)
  }
}

/// Disks without room.
@Suite struct FullDiskTests {
  /// A file system of 1 MiB that goes away with its last reference; nil where this process may not mount one.
  fileprivate final class SmallDisk {
    let folder: TemporaryFolder

    init?() {
      guard let folder = try? TemporaryFolder(), geteuid() == 0,
        SmallDisk.run("mount", "-t", "tmpfs", "-o", "size=1M", "tmpfs", folder.path)
      else { return nil }
      self.folder = folder
    }

    deinit { _ = SmallDisk.run("umount", "-l", folder.path) }

    private static func run(_ arguments: String...) -> Bool {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      process.arguments = arguments
      (process.standardOutput, process.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
      guard (try? process.run()) != nil else { return false }
      process.waitUntilExit()
      return process.terminationStatus == 0
    }
  }

  fileprivate static let canMount = SmallDisk() != nil

  @Test(.enabled(if: FullDiskTests.canMount, "no file system can be mounted here"))
  func saysWhenThereIsNoRoom() throws {
    let disk = try #require(SmallDisk())
    let path = disk.folder("a")
    var found: FileError?
    do throws(FileError) {
      try writeFile(Data(count: 2 << 20), to: path)
    } catch {
      found = error
    }
    #expect(found == .cannotWrite(path: path, code: ENOSPC))
    #expect(
      found?.description
        == "cannot write '\(path)': no space is left on its disk. Make room or choose a folder on another disk."
    )
    #expect(disk.folder.names.isEmpty)
  }

  /// Of unknown length, so that the space cannot be asked for first.
  @Test(.enabled(if: FullDiskTests.canMount, "no file system can be mounted here"))
  func saysWhenAStackHasNoRoom() throws {
    let disk = try #require(SmallDisk())
    var writer = try TIFFWriter(path: disk.folder("a.tif"), rows: 256, columns: 256)
    var found: TIFFError?
    do throws(TIFFError) {
      for _ in 0..<64 { try writer.append(Image(shape: [256, 256])) }
    } catch { found = error }
    guard case .noSpace = found else {
      Issue.record("\(String(describing: found))")
      return
    }
    var again: TIFFError?
    do throws(TIFFError) { try writer.finish() } catch { again = error }
    #expect(again == found)
    #expect(disk.folder.names.isEmpty)
  }
}
