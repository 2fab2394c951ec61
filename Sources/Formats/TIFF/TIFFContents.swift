/// The pages of one file after another, found from their directories and checked to belong together.
struct TIFFContents {
  private(set) var info: StackInfo?
  private(set) var locations: [TIFFPageLocation] = []
  /// Of the first page, unless it was given.
  private(set) var description: TIFFDescription?
  /// In bytes, for one page as `Float`.
  private let memory: Int

  /// - Parameter description: of the pages, where the first one has another.
  init(memory: Int, description: TIFFDescription? = nil) {
    self.memory = memory
    self.description = description
  }

  /// - Parameters:
  ///   - index: which of the `files` of the stack this is.
  mutating func append(_ file: borrowing FileBytes, index: Int, of files: Int) throws(TIFFError) {
    let chain = try TIFFDirectoryChain(file)
    for (page, directory) in chain.directories.enumerated() {
      let type = try sampleType(of: directory, page: page, in: file)
      if let first = info {
        guard
          first.rows == Int(directory.rows), first.columns == Int(directory.columns), first.sampleType == type
        else {
          throw .mixedPages(
            path: file.path, page: page, found: directory.summary,
            expected: "\(first.rows) × \(first.columns) of \(first.sampleType.rawValue)")
        }
      }
      let rowBytes = directory.columns * UInt64(type.bytes)
      locations.append(
        TIFFPageLocation(
          file: index, page: page, directory: directory.offset,
          run: chain.run(of: directory, rowBytes: rowBytes, in: file)))
      guard info == nil else { continue }
      let text =
        description
        ?? TIFFDescription(
          text: chain.description(of: directory, in: file),
          resolution: (
            chain.rational(at: directory.xResolutionOffset, in: file),
            chain.rational(at: directory.yResolutionOffset, in: file)
          ),
          resolutionUnit: directory.resolutionUnit)
      description = text
      let found = StackInfo(directory, type, text, chain, files: files)
      info = found
      if files == 1 { try check(text, found, chain, file) }
    }
    guard locations.count <= TIFFDirectoryChain.mostPages else {
      throw .tooManyPages(path: file.path, most: TIFFDirectoryChain.mostPages)
    }
  }

  /// Puts pages in another order, or leaves some out.
  ///
  /// - Parameter pages: which file, and which of its pages.
  mutating func arrange(_ pages: [(file: Int, page: Int)]) {
    // Pages of a file follow one another.
    var starts: [Int: Int] = [:]
    for (index, location) in locations.enumerated() where starts[location.file] == nil {
      starts[location.file] = index
    }
    locations = pages.map { locations[(starts[$0.file] ?? 0) + $0.page] }
  }

  private func sampleType(
    of directory: TIFFDirectory, page: Int, in file: borrowing FileBytes
  ) throws(TIFFError) -> SampleType {
    guard let type = directory.sampleType, directory.photometric != 3 else {
      let found =
        directory.photometric == 3
        ? "indices into a colour table"
        : directory.summary.split(separator: " of ").last.map(String.init) ?? directory.summary
      throw .unsupportedSamples(path: file.path, page: page, found: found)
    }
    let compression = TIFFCompression(tag: directory.compression)
    guard let capacity = compression.capacity(of: file.length), compression.isInstalled else {
      throw .unsupportedCompression(
        path: file.path, page: page, found: compression.name, isInstalled: compression.isInstalled)
    }
    let (rows, columns) = (directory.rows, directory.columns)
    guard rows > 0, columns > 0 else {
      throw .damaged(path: file.path, page: page, reason: "it claims \(rows) × \(columns) pixels")
    }
    let (samples, overflow) = rows.multipliedReportingOverflow(by: columns)
    let most = UInt64(memory / MemoryLayout<Float>.size / type.components)
    guard !overflow, samples <= most, samples * UInt64(type.bytes) <= capacity else {
      throw .tooLarge(path: file.path, page: page, rows: rows, columns: columns, length: file.length)
    }
    return type
  }

  /// Compares the pages of a single file with what the description of the first one says of them.
  ///
  /// ImageJ writes stacks of more than 4 GiB as one directory and the bytes of all images behind it.
  private mutating func check(
    _ text: TIFFDescription, _ info: StackInfo, _ chain: TIFFDirectoryChain, _ file: borrowing FileBytes
  ) throws(TIFFError) {
    guard let count = text.images, count > chain.directories.count else { return }
    guard chain.directories.count == 1 else {
      throw .missingPages(path: file.path, found: chain.directories.count, expected: count)
    }
    // A single page of a stack may have been copied together with its description.
    guard text.isImageJ, let first = locations.first, let start = first.run else { return }
    let pageBytes = UInt64(info.rows * info.columns * info.sampleType.bytes)
    let (bytes, overflow) = pageBytes.multipliedReportingOverflow(by: UInt64(count))
    let (end, past) = start.addingReportingOverflow(bytes)
    let isWhole = !overflow && !past && end <= file.length
    guard first.directory < start || (isWhole && first.directory >= end) else { return }
    guard isWhole else {
      let whole = file.length > start ? (file.length - start) / pageBytes : 0
      throw .truncated(
        path: file.path, page: Int(min(whole, UInt64(count - 1))), needed: overflow || past ? .max : end,
        length: file.length)
    }
    guard count <= TIFFDirectoryChain.mostPages else {
      throw .tooManyPages(path: file.path, most: TIFFDirectoryChain.mostPages)
    }
    for page in 1..<count {
      locations.append(
        TIFFPageLocation(
          file: first.file, page: page, directory: first.directory, run: start + UInt64(page) * pageBytes))
    }
  }
}

extension StackInfo {
  fileprivate init(
    _ directory: TIFFDirectory, _ type: SampleType, _ text: TIFFDescription, _ chain: TIFFDirectoryChain,
    files: Int
  ) {
    self.init(
      .tiff, pages: 1, rows: Int(directory.rows), columns: Int(directory.columns), sampleType: type,
      spacing: text.spacing, unit: text.unit, scale: type.isComplex ? 1 : text.scale,
      offset: type.isComplex ? 0 : text.offset, compression: TIFFCompression(tag: directory.compression).name,
      byteOrder: chain.isBigEndian ? .big : .little, isBigTIFF: chain.isBig, isTiled: directory.isTiled,
      files: files, metadata: text.metadata)
  }
}
