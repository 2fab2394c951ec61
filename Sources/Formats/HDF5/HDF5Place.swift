import Foundation

/// A file and what is wanted of it: `scan.h5`, `scan.h5:flats`, `scan.h5:/exchange/data`.
struct HDF5Place: Sendable, Equatable {
  /// As given.
  let text: String
  let file: String
  /// Without slashes at its ends; nil where the text names none.
  let part: String?

  init(_ text: String) {
    self.text = text
    // A file whose own name has a colon is itself; a part may hold colons, too.
    let colons = FileManager.default.fileExists(atPath: text) ? [] : text.indices.filter { text[$0] == ":" }
    let colon =
      colons.first { FileManager.default.fileExists(atPath: String(text[..<$0])) }
      ?? colons.first { end in
        (FileFormat.hdf5.extensions + FileFormat.ismrmrd.extensions).contains {
          text[..<end].lowercased().hasSuffix(".\($0)")
        }
      }
    guard let colon else {
      file = text
      part = nil
      return
    }
    file = String(text[..<colon])
    let names = text[text.index(after: colon)...].split(separator: "/")
    part = names.isEmpty ? nil : names.joined(separator: "/")
  }
}
