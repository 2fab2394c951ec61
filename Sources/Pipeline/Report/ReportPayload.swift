import Fields
import Foundation

/// The pixels of one slice as the page reads them.
struct ReportPayload: Codable {
  struct Pixels: Codable {
    let rows: Int
    let columns: Int
    let scale: Double
    let offset: Double
    let codes: String

    init<Quantity>(_ field: Field<Quantity, Float>) {
      let quantised = QuantisedPixels(field.samples)
      rows = field.shape[0]
      columns = field.shape[1]
      scale = quantised.scale
      offset = quantised.offset
      codes = quantised.base64
    }

    /// Nil where the codes are not those of so many pixels.
    var image: Image? {
      guard rows > 0, columns > 0, let bytes = Data(base64Encoded: codes), bytes.count == 2 * rows * columns
      else { return nil }
      let values = stride(from: bytes.startIndex, to: bytes.endIndex, by: 2).map { place in
        let code = UInt16(bytes[place]) | UInt16(bytes[place + 1]) << 8
        return code == QuantisedPixels.missing ? Float.nan : Float(offset + scale * Double(code))
      }
      return Image(shape: [rows, columns], samples: values)
    }
  }

  struct Panel: Codable {
    let name: String
    let meaning: String
    let unit: String
    let palette: ReportPanel.Palette
    let group: String
    let window: ReportWindow
    let reduction: Int
    let pixels: Pixels

    init(_ panel: ReportPanel, side: Int) {
      name = panel.name
      meaning = panel.meaning
      unit = panel.unit
      palette = panel.palette
      group = panel.group
      window = panel.window
      reduction = PixelReduction.factor(max(panel.image.shape[0], panel.image.shape[1]), limit: side)
      pixels = Pixels(PixelReduction.blocks(panel.image, rows: reduction, columns: reduction, power: 1))
    }
  }

  struct Residual: Codable {
    let views: Int
    let bins: Int
    let viewReduction: Int
    let binReduction: Int
    let degrees: [Double]
    /// Mean of r² over the bins of every view.
    let viewChiSquared: [Double]
    let histogram: Histogram
    let pixels: Pixels

    init(_ residual: ReportResidual, side: Int) {
      let sinogram = residual.sinogram
      views = sinogram.shape[0]
      bins = sinogram.shape[1]
      viewReduction = PixelReduction.factor(views, limit: side)
      binReduction = PixelReduction.factor(bins, limit: side)
      degrees = residual.angles.map(\.degrees)
      viewChiSquared = (0..<sinogram.shape[0]).map { view in
        var sum = 0.0
        for bin in 0..<sinogram.shape[1] {
          let value = Double(sinogram[view, bin])
          sum += value.isFinite ? value * value : 0
        }
        return sum / Double(max(1, sinogram.shape[1]))
      }
      histogram = Histogram(sinogram.samples)
      pixels = Pixels(
        PixelReduction.blocks(sinogram, rows: viewReduction, columns: binReduction, power: 0.5))
    }
  }

  /// Counts of residuals in steps of ¼ σ from −5 to 5 σ.
  struct Histogram: Codable {
    static let step = 0.25
    static let limit = 5.0
    var counts = [Int](repeating: 0, count: Int(2 * limit / step))
    var outside = 0

    init(_ residuals: [Float]) {
      for value in residuals where value.isFinite {
        let bin = ((Double(value) + Self.limit) / Self.step).rounded(.down)
        if bin >= 0 && bin < Double(counts.count) { counts[Int(bin)] += 1 } else { outside += 1 }
      }
    }
  }

  let index: Int
  let panels: [Panel]
  let residual: Residual?

  init(_ slice: ReportSlice, side: Int) {
    index = slice.index
    panels = slice.panels.map { Panel($0, side: side) }
    residual = slice.residual.map { Residual($0, side: side) }
  }
}

/// JSON that may stand inside a `script` element.
enum EmbeddedJSON {
  /// No `<` is left in it, so neither `</script` nor `<!--` can end or hide the element.
  static func encode(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    let plain = try encoder.encode(value)
    guard holdsTag(plain) else { return plain }
    var escaped = Data(capacity: plain.count + 64)
    for byte in plain {
      if byte == UInt8(ascii: "<") {
        escaped.append(contentsOf: #"\u003c"#.utf8)
      } else {
        escaped.append(byte)
      }
    }
    return escaped
  }

  /// Whether a text looks like one of ``encode(_:)``. Files beside the report lie open to everyone: what could leave the
  /// element is not let in.
  static func isObject(_ text: Data) -> Bool {
    text.first == UInt8(ascii: "{") && text.last == UInt8(ascii: "}") && !holdsTag(text)
  }

  /// Whether there is a `<`.
  private static func holdsTag(_ data: Data) -> Bool {
    data.withUnsafeBytes { bytes in
      bytes.baseAddress.map { memchr($0, Int32(UInt8(ascii: "<")), bytes.count) != nil } ?? false
    }
  }

  static func decode<Value: Decodable>(_ type: Value.Type, from data: Data) throws -> Value {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    return try decoder.decode(type, from: data)
  }
}
