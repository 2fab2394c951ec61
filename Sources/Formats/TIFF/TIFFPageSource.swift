import Foundation

/// The pages of a multi-page TIFF file, a folder of TIFF files, or the files that match a pattern.
///
/// Files of a folder are taken in the order of their numbers (`recon_9.tif` before `recon_10.tif`); a gap in the
/// numbers is an error. Multi-page files in a folder follow one another.
///
/// A file with OME-XML is the image that it holds, or holds a part of: with the planes that lie in other files of its folder,
/// z fastest, then channels, then times, whatever their order in the files. Where several images lie in a file, or the
/// description counts fewer planes than it has, its pages come as they lie. Files that are opened by a folder or pattern
/// are taken as they are.
///
/// Samples: signed and unsigned integers of 8, 16 and 32 bits, floats of 16, 32 and 64 bits, complex numbers (as
/// such or as two floats, side by side or in planes); strips or tiles; classic and BigTIFF of either byte order;
/// LZW, Deflate, PackBits, Zstandard, LERC and JPEG where the installed libtiff has them; ImageJ's raw stacks with a
/// single directory; the linear calibration that ImageJ or ``TIFFWriter`` recorded.
///
/// Uncompressed pages in one run of bytes are read without libtiff, straight to where they are wanted. Every thread has
/// its own cursor in the file.
struct TIFFPageSource: PageSource {
  let info: StackInfo
  let files: [String]
  private let states: [FileBytes.State]
  private let locations: [TIFFPageLocation]
  private let readers: [TIFFPageReader]

  init(path: String, memory: Int) throws(TIFFError) {
    var status = stat()
    if stat(path, &status) != 0 {
      let code = errno
      guard code == ENOENT, path.contains(where: { "*?[".contains($0) }) else {
        throw FileBytes.failure(path, code)
      }
      try self.init(path: path, files: NumberedFiles.list(pattern: path), memory: memory)
    } else if status.st_mode & S_IFMT == S_IFDIR {
      try self.init(path: path, files: NumberedFiles.list(folder: path), memory: memory)
    } else {
      let (contents, states) = try Self.contents([path], TIFFContents(memory: memory))
      if let (files, contents, states) = try Self.series(path, contents, memory) {
        try self.init(path: path, files, contents, states, memory: memory)
      } else {
        try self.init(path: path, [path], contents, states, memory: memory)
      }
    }
  }

  private init(path: String, files: [String], memory: Int) throws(TIFFError) {
    let (contents, states) = try Self.contents(files, TIFFContents(memory: memory))
    try self.init(path: path, files, contents, states, memory: memory)
  }

  private static func contents(
    _ files: [String], _ empty: TIFFContents
  ) throws(TIFFError) -> (TIFFContents, [FileBytes.State]) {
    var contents = empty
    var states: [FileBytes.State] = []
    for (index, name) in files.enumerated() {
      let file = try FileBytes(path: name)
      try contents.append(file, index: index, of: files.count)
      states.append(file.state)
    }
    return (contents, states)
  }

  /// What OME-XML makes of the pages of a file; nil where they are taken as they lie.
  private static func series(
    _ path: String, _ own: TIFFContents, _ memory: Int
  ) throws(TIFFError) -> ([String], TIFFContents, [FileBytes.State])? {
    guard var text = own.description, let description = text.ome,
      let series = try OMESeries(
        OMEDescription.complete(description, of: path), path: path, uuid: description.uuid)
    else { return nil }
    let files = series.files.map { $0.map { OMESeries.beside(path, $0) } ?? path }
    text.spacing = series.spacing
    var (contents, states) = try Self.contents(files, TIFFContents(memory: memory, description: text))
    let counts = files.indices.map { index in contents.locations.count { $0.file == index } }
    let planes = try series.planes(counts)
    guard files.count > 1 || planes.count == counts[0] else { return nil }
    contents.arrange(planes)
    return (files, contents, states)
  }

  private init(
    path: String, _ files: [String], _ contents: TIFFContents, _ states: [FileBytes.State], memory: Int
  ) throws(TIFFError) {
    guard var info = contents.info else { throw .emptyFolder(path: path) }
    info.pages = contents.locations.count
    self.files = files
    self.info = info
    self.states = states
    locations = contents.locations
    readers = (0..<max(1, ProcessInfo.processInfo.activeProcessorCount)).map { [info] _ in
      TIFFPageReader(info, memory: memory)
    }
  }

  func read(_ rows: Range<Int>, ofPage index: Int, into target: UnsafeMutablePointer<Float>) throws {
    let location = locations[index]
    let reader = readers.first { !$0.isBusy } ?? readers[index % readers.count]
    try reader.read(files[location.file], states[location.file], location, rows, into: target)
  }

  func place(ofPage index: Int) -> (path: String, page: Int) {
    (files[locations[index].file], locations[index].page)
  }
}
