/// Images of an HDF5 file: a dataset of two or three axes, or a part of a tomographic scan.
///
/// The path may say which, behind a colon: `scan.h5:/exchange/data` is any dataset of numbers, (pages,) rows, columns;
/// `scan.h5:projections`, `scan.h5:flats` and `scan.h5:darks` are those of a Data Exchange or NXtomo scan, the projections
/// also without saying so. Of several NXtomo scans, `scan.nxs:entry1/flats` names one. In any other file the one
/// dataset of three axes is opened.
///
/// - Pages of a scan: one per frame, detector rows down, bins across. Frames that NXtomo marks as invalid are left out;
///   its flats from before and after the projections follow one another.
/// - Samples: integers of 8 to 32 bits, floats of 16 to 64 bits, records of two floats named `r`, `i` (or `real`,
///   `imag`; `re`, `im`); of either byte order.
/// - Spacing: the pixel size that a scan states, in mm; between pages it is unknown.
///
/// Only the rows that are asked for are read, except that compression decodes whole chunks: those that a page touches stay
/// in memory up to 64 MiB. Nothing outside the file is followed: no external link, external storage or virtual dataset.
/// A dataset with chunks that were never written is refused.
struct HDF5Pages: PageSource {
  let info: StackInfo
  let files: [String]
  private let path: String

  func place(ofPage index: Int) -> (path: String, page: Int) { (path, index) }

  #if HDF5
    private let dataset: HDF5Dataset
    /// Of every page; nil where they are all frames in turn.
    private let frames: [Int]?

    /// The images of a file, or the k-space of an MRI scan where it is ISMRMRD.
    ///
    /// - Parameter memory: In bytes, the most that a page as `Float`, or a decoded chunk, may take.
    /// - Throws: ``StackError``.
    static func source(path: String, memory: Int) throws -> any PageSource {
      let place = HDF5Place(path)
      let file = try HDF5File(path: place.file, memory: memory)
      let group = place.part ?? "dataset"
      if try file.hasDataset("\(group)/xml"), try file.hasDataset("\(group)/data") {
        return try ISMRMRDPages(path: path, file: place.file, group: group, memory: memory)
      }
      return try HDF5Pages(place, file, memory)
    }

    private init(_ place: HDF5Place, _ file: HDF5File, _ memory: Int) throws {
      let (name, frames, scan) = try Self.find(place.part, in: file)
      let dataset = try HDF5Dataset(name, in: file, memory: memory)
      if frames != nil, let keys = try scan?.imageKeys().count, keys != dataset.frames {
        throw file.damaged(
          "it has \(keys) values of image_key for the \(dataset.frames) frames of '/\(name)'")
      }
      self.path = place.text
      self.dataset = dataset
      self.frames = frames
      files = [place.file]
      info = StackInfo(
        .hdf5, pages: frames?.count ?? dataset.frames, rows: dataset.rows, columns: dataset.columns,
        sampleType: dataset.sampleType, spacing: try scan?.spacing() ?? Spacing(), unit: dataset.unit,
        compression: dataset.storage.compression, byteOrder: dataset.isBigEndian ? .big : .little,
        isTiled: dataset.storage.chunk != nil)
    }

    func read(_ rows: Range<Int>, ofPage index: Int, into target: UnsafeMutablePointer<Float>) throws {
      try dataset.read(rows, ofFrame: frames?[index] ?? index, into: target)
    }

    private static func find(
      _ part: String?, in file: HDF5File
    ) throws -> (dataset: String, frames: [Int]?, scan: HDF5Scan?) {
      if let part {
        if try file.hasDataset(part) { return (part, nil, try scan(of: part, in: file)) }
        let names = part.split(separator: "/")
        let group = names.dropLast().joined(separator: "/")
        if let wanted = names.last.flatMap({ HDF5Scan.Part(rawValue: String($0)) }) {
          guard let scan = try HDF5Scan(file, group: group.isEmpty ? nil : group) else {
            throw file.unsupported(
              "no tomographic scan",
              expected: "one of Data Exchange or NXtomo" + (group.isEmpty ? "" : " in '/\(group)'"))
          }
          let (dataset, frames) = try scan.frames(wanted)
          return (dataset, frames, scan)
        }
        if try file.kind(of: part) == .group, let scan = try HDF5Scan(file, group: part) {
          let (dataset, frames) = try scan.frames(.projections)
          return (dataset, frames, scan)
        }
        throw file.unsupported(
          "nothing named '\(part)'",
          expected: "projections, flats, darks, or " + list(try datasets(file).found))
      }
      if let scan = try HDF5Scan(file) {
        let (dataset, frames) = try scan.frames(.projections)
        return (dataset, frames, scan)
      }
      let (datasets, failure) = try datasets(file)
      let stacks = datasets.filter { $0.axes == 3 }
      if stacks.isEmpty, let failure { throw failure }
      guard stacks.count == 1 else {
        throw file.unsupported(
          stacks.isEmpty ? "no dataset of three axes" : "\(stacks.count) datasets of three axes",
          expected: stacks.isEmpty && datasets.isEmpty
            ? "one of numbers: pages, rows, columns"
            : "the name of one behind a colon, as in '\(file.path):/\((stacks.first ?? datasets[0]).name)': "
              + list(stacks.isEmpty ? datasets : stacks))
      }
      return (stacks[0].name, nil, nil)
    }

    /// Where a dataset that was named is a part of Data Exchange, its scan, which knows the spacing.
    private static func scan(of dataset: String, in file: HDF5File) throws -> HDF5Scan? {
      let scan = try? HDF5Scan(file)
      return scan?.kind == .dataExchange && dataset.hasPrefix("exchange/data") ? scan : nil
    }

    /// Those with two or three axes of numbers, and why the first of others cannot be read if it is damaged.
    private static func datasets(
      _ file: HDF5File
    ) throws -> (found: [(name: String, axes: Int)], failure: (any Error)?) {
      var found: [(name: String, axes: Int)] = []
      var failure: (any Error)?
      for (name, isDataset) in try file.objects() where isDataset {
        do {
          found.append((name, try HDF5Dataset(name, in: file, memory: .max).storage.extents.count))
        } catch {
          switch error {
          case StackError.damaged, StackError.cannotOpen, StackError.noProcess: failure = failure ?? error
          default: break
          }
        }
      }
      return (found.sorted { $0.name < $1.name }, failure)
    }

    private static func list(_ datasets: [(name: String, axes: Int)]) -> String {
      let names = datasets.prefix(8).map { "/\($0.name)" }.joined(separator: ", ")
      return datasets.isEmpty ? "the path of a dataset" : names + (datasets.count > 8 ? ", …" : "")
    }
  #else
    static func source(path: String, memory: Int) throws -> any PageSource {
      // A name that tells: with HDF5 alone it would not be read either.
      if try FormatRegistry.format(of: path) == .ismrmrd {
        return try ISMRMRDPages(path: path, file: HDF5Place(path).file, group: "", memory: memory)
      }
      throw StackError.notBuiltIn(path: path, format: "HDF5", trait: "HDF5", package: "libhdf5-dev")
    }

    func read(_ rows: Range<Int>, ofPage index: Int, into target: UnsafeMutablePointer<Float>) throws {
      preconditionFailure("a file that was not opened")
    }
  #endif
}
