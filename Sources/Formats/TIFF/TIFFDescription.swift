/// What the ImageDescription and the resolution tags of a page say about lengths, units and calibration.
///
/// Understood: ImageJ's `key=value` lines (also written by ``TIFFWriter``), OME-XML physical sizes, and the
/// plain resolution tags. Anything else leaves the values unknown.
struct TIFFDescription {
  var metadata: [String: String] = [:]
  var spacing = Spacing()
  var unit: String?
  var scale = 1.0
  var offset = 0.0
  /// How many images there are according to ImageJ; of its raw stacks more than directories.
  var images: Int?
  var ome: OMEDescription?
  var isImageJ: Bool { metadata["ImageJ"] != nil }

  /// - Parameters:
  ///   - text: The ImageDescription; empty when there is none.
  ///   - resolution: Pixels per unit along x and y; nil when the tag is missing.
  ///   - resolutionUnit: 1 none, 2 inch, 3 centimetre.
  init(text: String, resolution: (x: Double?, y: Double?), resolutionUnit: UInt64) {
    if text.contains("<OME") {
      let description = OMEDescription(text)
      spacing = description.images.first?.spacing ?? Spacing()
      ome = description
    } else {
      readLines(text)
    }

    let unitLength: Double? =
      switch (isImageJ ? metadata["unit"].flatMap(Self.millimetres) : nil, resolutionUnit) {
      case (let length?, _): length
      case (nil, 2): 25.4
      case (nil, 3): 10
      default: nil
      }
    if isImageJ {
      // Resolution tags are fractions of 32-bit numbers; these are exact.
      spacing.x = metadata["pixel_width"].flatMap(Self.positive)
      spacing.y = metadata["pixel_height"].flatMap(Self.positive)
    }
    if let unitLength {
      spacing.x = spacing.x ?? Self.spacing(resolution.x, unitLength, resolutionUnit)
      spacing.y = spacing.y ?? Self.spacing(resolution.y, unitLength, resolutionUnit)
      if isImageJ { spacing.z = metadata["spacing"].flatMap(Self.positive).map { $0 * unitLength } }
    }
    if isImageJ {
      images = metadata["images"].flatMap { Int($0) }
      if metadata["cf"] == "0", let c0 = metadata["c0"].flatMap(Double.init),
        let c1 = metadata["c1"].flatMap(Double.init), c0.isFinite, c1.isFinite, c1 != 0
      {
        offset = c0
        scale = c1
      }
    }
    unit = metadata["vunit"]
  }

  static func positive(_ text: String) -> Double? {
    Double(text).flatMap { $0.isFinite && $0 > 0 ? $0 : nil }
  }

  private static func spacing(_ resolution: Double?, _ unitLength: Double, _ unit: UInt64) -> Double? {
    guard let resolution, resolution.isFinite, resolution > 0 else { return nil }
    // 72 and 96 dots per inch are what picture programs write when they know nothing.
    if unit == 2, unitLength == 25.4, resolution == 72 || resolution == 96 { return nil }
    return unitLength / resolution
  }

  private mutating func readLines(_ text: String) {
    for line in text.split(whereSeparator: \.isNewline) {
      guard let equals = line.firstIndex(of: "=") else { continue }
      let key = line[..<equals]
      guard Self.isKey(key) else { continue }
      metadata[String(key)] = Self.trimmed(line[line.index(after: equals)...])
    }
  }

  /// Letters, digits, `.`, `_` and `-`.
  static func isKey(_ text: some StringProtocol) -> Bool {
    !text.isEmpty && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
  }

  /// One unit of length in millimetres.
  static func millimetres(_ unit: String) -> Double? {
    switch unit {
    case "mm", "millimeter", "millimetre": 1
    case "µm", "μm", "um", "micron", "microns", "micrometer", "\\u00B5m": 1e-3
    case "nm", "nanometer": 1e-6
    case "cm", "centimeter": 10
    case "m", "meter", "metre": 1000
    case "in", "inch": 25.4
    default: nil
    }
  }

  private static func trimmed(_ text: Substring) -> String {
    let rest = text.drop(while: \.isWhitespace)
    guard let last = rest.lastIndex(where: { !$0.isWhitespace }) else { return "" }
    return String(rest[...last])
  }
}
