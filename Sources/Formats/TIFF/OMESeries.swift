/// The planes of the one image that a file holds a part of, in one or several files of its folder.
struct OMESeries {
  /// In the order in which the image names them; nil is the file that was opened.
  let files: [String?]
  let spacing: Spacing
  private let path: String
  private let extents: (z: Int, c: Int, t: Int)
  private let image: OMEDescription.Image
  /// Which of `files` holds a piece.
  private let filePerPiece: [Int]

  /// nil where the file is not said to hold exactly one image, or its extents are unknown.
  ///
  /// - Parameters:
  ///   - path: of the file that was opened.
  ///   - uuid: of that file.
  /// - Throws: ``TIFFError/strayFile(path:name:)``, ``TIFFError/missingFiles(path:names:)``.
  init?(_ description: OMEDescription, path: String, uuid: String?) throws(TIFFError) {
    let own = path.split(separator: "/").last.map(String.init) ?? path
    func isOwn(_ piece: OMEDescription.Piece) -> Bool {
      piece.uuid == nil || piece.uuid == uuid || piece.file == own
    }
    var found = description.images.filter { $0.pieces.isEmpty || $0.pieces.contains(where: isOwn) }
    let names = Set(description.images.flatMap { $0.pieces.compactMap(\.file) })
    // A single file that was given another name.
    let isRenamed =
      found.isEmpty && description.images.count == 1 && names.count == 1
      && names.allSatisfy { Self.isPlain($0) && !FileBytes.exists(Self.beside(path, $0)) }
    if isRenamed { found = description.images }
    guard found.count == 1, var extents = found[0].extents else { return nil }

    image = found[0]
    extents.c = max(1, extents.c / image.samples)
    self.extents = extents
    self.path = path
    spacing = image.spacing
    var files: [String?] = []
    var places: [String?: Int] = [:]
    var filePerPiece: [Int] = []
    for piece in image.pieces.isEmpty ? [OMEDescription.Piece(first: (0, 0, 0))] : image.pieces {
      let name = isRenamed || isOwn(piece) ? nil : piece.file ?? piece.uuid
      if let name, !Self.isPlain(name) { throw .strayFile(path: path, name: name) }
      if places[name] == nil {
        places[name] = files.count
        files.append(name)
      }
      filePerPiece.append(places[name] ?? 0)
    }
    (self.files, self.filePerPiece) = (files, filePerPiece)
    let missing = files.compactMap(\.self).filter { !FileBytes.exists(Self.beside(path, $0)) }
    guard missing.isEmpty else { throw .missingFiles(path: path, names: missing) }
  }

  /// A name that leads to nothing but a file of the same folder.
  static func isPlain(_ name: String) -> Bool {
    !["", ".", ".."].contains(name) && !name.contains { "/\\\0".contains($0) }
  }

  /// The path of a file in the folder of another one.
  static func beside(_ path: String, _ name: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return name }
    return path[...slash] + name
  }

  /// Where the planes lie, z fastest, then channels, then times: which of ``files``, and the page there.
  ///
  /// - Parameter pages: how many each of the files has.
  /// - Throws: ``TIFFError/missingPages(path:found:expected:)``, ``TIFFError/damaged(path:page:reason:)``.
  func planes(_ pages: [Int]) throws(TIFFError) -> [(file: Int, page: Int)] {
    let total = extents.z * extents.c * extents.t
    let there = pages.reduce(0, +)
    guard total <= there else { throw .missingPages(path: path, found: there, expected: total) }
    var planes: [(file: Int, page: Int)?] = Array(repeating: nil, count: total)
    var isTaken = pages.map { Array(repeating: false, count: $0) }
    var found = 0
    let pieces = image.pieces.isEmpty ? [OMEDescription.Piece(first: (0, 0, 0))] : image.pieces
    for (piece, file) in zip(pieces, filePerPiece) {
      var place = piece.first
      place.c /= image.samples
      let count = piece.count ?? (piece.directory == nil ? pages[file] : 1)
      for page in (piece.directory ?? 0)..<((piece.directory ?? 0) + count) {
        guard place.z < extents.z, place.c < extents.c, place.t < extents.t else { break }
        guard page < pages[file] else {
          throw .missingPages(
            path: files[file].map { Self.beside(path, $0) } ?? path, found: pages[file], expected: page + 1)
        }
        let plane = place.z + extents.z * (place.c + extents.c * place.t)
        guard planes[plane] == nil, !isTaken[file][page] else {
          throw .damaged(
            path: files[file].map { Self.beside(path, $0) } ?? path, page: page,
            reason: "the description of its image names it twice, or gives it the place of another page")
        }
        isTaken[file][page] = true
        planes[plane] = (file, page)
        found += 1
        advance(&place)
      }
    }
    guard found == total else { throw .missingPages(path: path, found: found, expected: total) }
    return planes.compactMap(\.self)
  }

  /// To the next plane in a file; beyond the last one the slowest index is too large.
  private func advance(_ place: inout (z: Int, c: Int, t: Int)) {
    for (position, axis) in image.order.enumerated() {
      let isSlowest = position == 2
      switch axis {
      case "Z":
        place.z += 1
        if place.z < extents.z || isSlowest { return }
        place.z = 0
      case "C":
        place.c += 1
        if place.c < extents.c || isSlowest { return }
        place.c = 0
      default:
        place.t += 1
        if place.t < extents.t || isSlowest { return }
        place.t = 0
      }
    }
  }
}
