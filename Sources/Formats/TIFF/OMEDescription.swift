/// What OME-XML says of images: how large they are, and in which directories of which files their planes lie.
///
/// Source: OME Data Model, schema 2016-06; OME-TIFF specification, "The TiffData element".
struct OMEDescription {
  /// Planes that follow one another in a file and, in the order of the image, in the image.
  struct Piece {
    /// Of the first plane in its file; nil is the first one.
    var directory: Int?
    /// nil is one where the directory is stated, and all of the file where it is not.
    var count: Int?
    var first: (z: Int, c: Int, t: Int)
    /// Of the file; nil is the file with the description.
    var uuid: String?
    var file: String?
  }

  struct Image {
    /// Extents of z, channels and times; nil where they are not all stated.
    var extents: (z: Int, c: Int, t: Int)?
    /// Which of z, c and t are faster in files, such as `CZT`.
    var order = "ZCT"
    var spacing = Spacing()
    /// Channels that one plane holds.
    var samples = 1
    var pieces: [Piece] = []
  }

  /// Of the file with the description.
  private(set) var uuid: String?
  private(set) var images: [Image] = []
  /// The file beside this one that has the description instead.
  private(set) var metadataFile: String?

  init(_ text: String) {
    for tag in XMLTags(text) {
      let last = images.count - 1
      switch tag.name {
      case "OME": uuid = tag.attributes["UUID"]
      case "BinaryOnly": metadataFile = tag.attributes["MetadataFile"]
      case "Pixels": images.append(Self.image(tag.attributes))
      case "Channel" where last >= 0:
        images[last].samples = max(1, tag.attributes["SamplesPerPixel"].flatMap { Int($0) } ?? 1)
      case "TiffData" where last >= 0: images[last].pieces.append(Self.piece(tag.attributes))
      case "UUID" where last >= 0 && !images[last].pieces.isEmpty:
        let piece = images[last].pieces.count - 1
        images[last].pieces[piece].uuid = tag.text
        images[last].pieces[piece].file = tag.attributes["FileName"]
      default: break
      }
    }
  }

  /// The description itself or, where it leads to another file of the folder, the one there.
  ///
  /// - Throws: ``TIFFError``.
  static func complete(_ description: OMEDescription, of path: String) throws(TIFFError) -> OMEDescription {
    guard let name = description.metadataFile else { return description }
    guard OMESeries.isPlain(name) else { throw .strayFile(path: path, name: name) }
    guard FileBytes.exists(OMESeries.beside(path, name)) else {
      throw .missingFiles(path: path, names: [name])
    }
    let file = try FileBytes(path: OMESeries.beside(path, name))
    let mark = try file.bytes(Int(min(2, file.length)), at: 0, page: 0)
    if ["II", "MM"].contains(String(decoding: mark, as: UTF8.self)) {
      let chain = try TIFFDirectoryChain(file)
      return OMEDescription(chain.description(of: chain.directories[0], in: file))
    }
    guard file.length <= TIFFDirectoryChain.mostText else {
      throw .cannotOpen(path: file.path, reason: "a description of \(file.length) bytes is too long")
    }
    return OMEDescription(String(decoding: try file.bytes(Int(file.length), at: 0, page: 0), as: UTF8.self))
  }

  private static func image(_ attributes: [String: String]) -> Image {
    func length(_ axis: String) -> Double? {
      guard let size = attributes["PhysicalSize\(axis)"].flatMap(TIFFDescription.positive) else { return nil }
      return TIFFDescription.millimetres(attributes["PhysicalSize\(axis)Unit"] ?? "µm").map { $0 * size }
    }
    var image = Image()
    image.spacing = Spacing(x: length("X"), y: length("Y"), z: length("Z"))
    let sizes = ["Z", "C", "T"].compactMap { attributes["Size\($0)"].flatMap { UInt16($0) }.map(Int.init) }
    if sizes.count == 3, !sizes.contains(0) { image.extents = (sizes[0], sizes[1], sizes[2]) }
    if let order = attributes["DimensionOrder"], order.hasPrefix("XY"), order.count == 5,
      Set(order.dropFirst(2)) == ["Z", "C", "T"]
    {
      image.order = String(order.dropFirst(2))
    }
    return image
  }

  private static func piece(_ attributes: [String: String]) -> Piece {
    func number(_ name: String) -> Int? { attributes[name].flatMap { UInt32($0) }.map(Int.init) }
    return Piece(
      directory: number("IFD"), count: number("PlaneCount"),
      first: (number("FirstZ") ?? 0, number("FirstC") ?? 0, number("FirstT") ?? 0))
  }
}
