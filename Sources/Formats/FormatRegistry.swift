import Foundation

/// A file format this program reads or writes: the one list.
public enum FileFormat: String, Sendable, CaseIterable {
  case tiff, nifti, npy, cfl, hdf5
  /// Within HDF5.
  case ismrmrd
  case dicom

  public var name: String {
    switch self {
    case .tiff: "TIFF"
    case .nifti: "NIfTI"
    case .npy: "NumPy"
    case .cfl: "BART's cfl"
    case .hdf5: "HDF5"
    case .ismrmrd: "ISMRMRD"
    case .dicom: "DICOM"
    }
  }

  /// In lower case, without the dot.
  public var extensions: [String] {
    switch self {
    case .tiff: ["tif", "tiff"]
    case .nifti: ["nii", "nii.gz", "hdr", "img", "hdr.gz", "img.gz"]
    case .npy: ["npy"]
    case .cfl: ["cfl"]
    case .hdf5: ["h5", "hdf5", "hdf", "nxs", "nx5"]
    case .ismrmrd: ["mrd"]
    case .dicom: ["dcm", "dicom", "ima"]
    }
  }

  /// - Parameter memory: see ``ImageStack/init(path:nonFinite:part:memory:)``.
  func open(_ path: String, memory: Int) throws -> any PageSource {
    switch self {
    case .tiff: try TIFFPageSource(path: path, memory: memory)
    case .nifti: try NIfTIPageSource(path: path, memory: memory)
    case .npy: try NPYPageSource(path: path, memory: memory)
    case .cfl: try CFLPageSource(path: path, memory: memory)
    case .hdf5, .ismrmrd: try HDF5Pages.source(path: path, memory: memory)
    case .dicom: try DICOMPageSource(path: path, memory: memory)
    }
  }
}

/// From a path to the format of what lies there.
public enum FormatRegistry {
  /// By the extension of a file or, for a folder, by the files in it; DICOM also by what its files begin with.
  ///
  /// - Throws: ``FormatError``.
  public static func format(of path: String) throws(FormatError) -> FileFormat {
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return try format(ofFolder: path) }
    if CFLHeader.isHeader(path) { return .cfl }
    if let format = byExtension(path) { return format }
    if DICOMFiles.isAny(at: path) { return .dicom }
    throw .unknown(path: path)
  }

  /// Only series of TIFF and of DICOM are folders.
  private static func format(ofFolder path: String) throws(FormatError) -> FileFormat {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: path).filter { !$0.hasPrefix(".") }.sorted()
    } catch {
      throw .closed(path: path, code: access(path, R_OK | X_OK) == 0 ? EIO : errno)
    }
    let tiff = names.first { byExtension($0) == .tiff }
    let dicom = names.first { name in
      let format = byExtension(name)
      return format == .dicom || (format == nil && DICOMFiles.isSlice("\(path)/\(name)"))
    }
    switch (tiff, dicom) {
    case (let tiff?, let dicom?): throw .mixed(path: path, first: tiff, second: dicom)
    case (_?, nil): return .tiff
    case (nil, _?): return .dicom
    case (nil, nil):
      guard let other = names.first(where: { byExtension($0) != nil }) else { throw .unknown(path: path) }
      throw .folder(path: path, name: other)
    }
  }

  /// The file that a path leads to, which may also name a part of it: of `scan.h5:flats` it is `scan.h5`.
  public static func file(of path: String) -> String { HDF5Place(path).file }

  private static func byExtension(_ path: String) -> FileFormat? {
    let name = file(of: path).lowercased()
    return FileFormat.allCases.first { $0.extensions.contains { name.hasSuffix(".\($0)") } }
  }
}

/// Why a path has no format.
public enum FormatError: Error, Equatable, Sendable, CustomStringConvertible {
  case unknown(path: String)
  /// A folder that may not be read; `code` is that of `errno`.
  case closed(path: String, code: Int32)
  /// A folder of files of a format that is read file by file.
  case folder(path: String, name: String)
  /// A folder with files of two formats that are read folder by folder.
  case mixed(path: String, first: String, second: String)
  /// No format that can be written has this extension.
  case notWritten(path: String)
  /// `what` is asked for by `option`, and the format has no place for it.
  case cannotHold(path: String, format: String, what: String, option: String)

  public var description: String {
    switch self {
    case .closed(let path, let code): FileError.cannotRead(path: path, code: code).description
    case .folder(let path, let name):
      "cannot read the folder '\(path)' as a stack: it holds '\(name)', and only TIFF and DICOM are read folder by folder. "
        + "Name the file itself."
    case .mixed(let path, let first, let second):
      "cannot read the folder '\(path)' as a stack: it holds TIFF ('\(first)') and DICOM ('\(second)'). Move the files of "
        + "one of them to another folder, or name one series as in '\(path)/*.tif'."
    case .unknown(let path):
      "cannot tell the format of '\(path)': expected a file, or a folder of files, ending in "
        + FileFormat.allCases.flatMap(\.extensions).map { ".\($0)" }.joined(separator: ", ")
        + ". Rename or convert it."
    case .notWritten(let path):
      "cannot write '\(path)': a file ends in "
        + OutputFormat.all.filter { !$0.extensions.isEmpty }.map { format in
          "\(format.extensions.map { ".\($0)" }.joined(separator: " or ")) (\(format.name))"
        }.joined(separator: ", ")
        + "; a name that ends in / is a folder of numbered TIFF files. Give such a name."
    case .cannotHold(let path, let format, let what, let option):
      "'\(path)' cannot hold \(what): \(format) has no place for it. Leave out '\(option)', or write another format, such "
        + "as TIFF."
    }
  }
}
