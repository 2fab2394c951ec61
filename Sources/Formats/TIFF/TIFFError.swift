/// Why a TIFF file or folder could not be read or written. Pages, rows and columns count from 0 here and
/// from 1 in the sentences.
public enum TIFFError: Error, Equatable, Sendable, CustomStringConvertible {
  case missing(path: String)
  case noPermission(path: String)
  case cannotOpen(path: String, reason: String)
  case empty(path: String)
  case notTIFF(path: String, firstBytes: [UInt8])
  case truncated(path: String, page: Int, needed: UInt64, length: UInt64)
  case damaged(path: String, page: Int, reason: String)
  case tooLarge(path: String, page: Int, rows: UInt64, columns: UInt64, length: UInt64)
  case tooManyPages(path: String, most: Int)
  case missingPages(path: String, found: Int, expected: Int)
  /// OME-XML names files that are not there, or lead out of the folder.
  case missingFiles(path: String, names: [String])
  case strayFile(path: String, name: String)
  case changed(path: String)
  case unsupportedCompression(path: String, page: Int, found: String, isInstalled: Bool)
  case unsupportedSamples(path: String, page: Int, found: String)
  case mixedPages(path: String, page: Int, found: String, expected: String)
  case notFinite(path: String, page: Int, row: Int, column: Int, value: String)
  case emptyFolder(path: String)
  case missingNumber(path: String, number: Int, before: String, after: String)
  case repeatedNumber(path: String, first: String, second: String)
  case notASeries(path: String, first: String, second: String)
  case cannotCreate(path: String, reason: String)
  /// A folder that would be replaced holds something that no conversion made.
  case occupied(path: String, name: String)
  case noSpace(path: String, needed: UInt64, free: UInt64)
  case cannotWrite(path: String, page: Int, reason: String)
  case wrongPage(path: String, page: Int, found: String, expected: String)
  case wrongPageCount(path: String, written: Int, expected: Int)

  public var description: String {
    switch self {
    case .missing(let path):
      "cannot open '\(path)': there is no such file or folder. Check the path."
    case .noPermission(let path):
      "cannot open '\(path)': permission denied. Ask its owner for access, or copy it to a place of your own."
    case .cannotOpen(let path, let reason):
      "cannot open '\(path)': \(reason). Check the file and the disk it is on."
    case .empty(let path):
      "cannot read '\(path)': the file is empty (0 bytes). Copy or write it again."
    case .notTIFF(let path, let firstBytes):
      "cannot read '\(path)': it is not a TIFF file (it begins with \(Self.hex(firstBytes)), not with "
        + "'II' or 'MM'). Give a TIFF file, or a folder of them."
    case .truncated(let path, let page, let needed, let length):
      "cannot read page \(page + 1) of '\(path)': it reaches to byte \(needed), but the file ends at byte "
        + "\(length). The file is incomplete; copy it again."
    case .damaged(let path, let page, let reason):
      "cannot read page \(page + 1) of '\(path)': \(reason). The file is damaged; copy or write it again."
    case .tooLarge(let path, let page, let rows, let columns, let length):
      "cannot read page \(page + 1) of '\(path)': it claims \(rows) × \(columns) pixels, more than a file of "
        + "\(length) bytes can hold or this program reads as one page. The file is damaged, or must be cut first."
    case .tooManyPages(let path, let most):
      "cannot read '\(path)': it claims more than \(most) pages. The file is damaged, or must be split first."
    case .missingPages(let path, let found, let expected):
      "cannot read '\(path)': it has \(found) of the \(expected) pages that its description states. What wrote it "
        + "was stopped, or the file was cut; copy or write it again."
    case .missingFiles(let path, let names):
      "cannot read '\(path)': parts of its image are in \(Self.list(names)), which \(names.count == 1 ? "is" : "are") not "
        + "beside it. Copy them into its folder, under the same names."
    case .strayFile(let path, let name):
      "cannot read '\(path)': it says that a part of its image is in '\(Self.plain(name))', which is no name of a file beside it and is "
        + "not followed. Write the image again with all its files in one folder."
    case .changed(let path):
      "cannot read '\(path)': it was changed after it was opened. Start again when nothing writes to it."
    case .unsupportedCompression(let path, let page, let found, let isInstalled):
      "cannot read page \(page + 1) of '\(path)': it is compressed as \(found), which "
        + (isInstalled ? "is not read here" : "the installed libtiff does not have")
        + ". Store it uncompressed first, for example by 'tiffcp -c none'."
    case .unsupportedSamples(let path, let page, let found):
      "cannot read page \(page + 1) of '\(path)': samples are \(found), expected one channel of 8-, 16- or "
        + "32-bit integers or 16-, 32- or 64-bit floats, or pairs of them that are complex. Convert the file first."
    case .mixedPages(let path, let page, let found, let expected):
      "cannot read '\(path)' as a stack: page \(page + 1) is \(found), the pages before it are \(expected). "
        + "All pages of a stack must agree; take out the one that differs."
    case .notFinite(let path, let page, let row, let column, let value):
      "page \(page + 1) of '\(path)' holds \(value) at row \(row + 1), column \(column + 1). "
        + "Replace such values before using the file, for example with 'deft convert --replace-non-finite 0'."
    case .emptyFolder(let path):
      "there is no TIFF file (.tif, .tiff) in '\(path)'. Check the path."
    case .missingNumber(let path, let number, let before, let after):
      "number \(number) is missing in '\(path)': '\(before)' is followed by '\(after)'. "
        + "Restore the missing file, or move one side of the gap to another folder."
    case .repeatedNumber(let path, let first, let second):
      "'\(first)' and '\(second)' in '\(path)' have the same number. Move one of them to another folder."
    case .notASeries(let path, let first, let second):
      "the files in '\(path)' are not one numbered series: '\(first)' and '\(second)' differ in more than "
        + "their number. Move the others to another folder, or name one series as in '\(path)/name_*.tif'."
    case .cannotCreate(let path, let reason):
      "cannot create '\(path)': \(reason). Check that its folder exists and that you may write there."
    case .occupied(let path, let name):
      "cannot replace the folder '\(path)': it holds '\(name)', which 'deft convert' did not write. Give the name of a new "
        + "folder, or move what is in this one."
    case .noSpace(let path, let needed, let free):
      "cannot write '\(path)': no space left on its disk; at least \(needed) bytes are needed, \(free) are "
        + "free. Make room or choose a folder on another disk."
    case .cannotWrite(let path, let page, let reason):
      "cannot write page \(page + 1) of '\(path)': \(reason). Check the disk it is on."
    case .wrongPage(let path, let page, let found, let expected):
      "cannot write page \(page + 1) of '\(path)': it is \(found), the file is for pages of \(expected). "
        + "Write pages of another size to another file."
    case .wrongPageCount(let path, let written, let expected):
      "'\(path)' is incomplete: \(written) of \(expected) pages were written. Nothing is left under that name; "
        + "run again to write all of them."
    }
  }

  /// The beginning of a name out of a file, without what would control a terminal.
  private static func plain(_ name: String) -> String {
    excerpt(
      String(
        String.UnicodeScalarView(
          name.unicodeScalars.prefix(400).map {
            [.control, .format].contains($0.properties.generalCategory) ? "?" : $0
          })), 80)
  }

  private static func list(_ names: [String]) -> String {
    let shown = names.prefix(4).map { "'\(plain($0))'" }
    let last = names.count > 4 ? "\(names.count - 4) more files" : shown[shown.count - 1]
    let first = names.count > 4 ? shown[...] : shown.dropLast()
    return first.isEmpty ? last : first.joined(separator: ", ") + " and " + last
  }

  private static func hex(_ bytes: [UInt8]) -> String {
    bytes.map { byte in
      let digits = String(byte, radix: 16)
      return digits.count == 1 ? "0" + digits : digits
    }.joined(separator: " ")
  }
}
