/// The distance between neighbouring samples, in millimetres; nil where the file does not say.
public struct Spacing: Sendable, Equatable {
  /// Between columns.
  public var x: Double?
  /// Between rows.
  public var y: Double?
  /// Between pages.
  public var z: Double?

  public init(x: Double? = nil, y: Double? = nil, z: Double? = nil) {
    self.x = x
    self.y = y
    self.z = z
  }
}

/// What is known of a stack of images before a page is read.
public struct StackInfo: Sendable, Equatable {
  public enum ByteOrder: String, Sendable { case little, big }

  public var format: FileFormat
  public var pages: Int
  public var rows: Int
  public var columns: Int
  public var sampleType: SampleType
  public var spacing: Spacing
  /// The unit of the values, such as `1/mm` or `HU`, when the file states it.
  public var unit: String?
  /// value = `offset` + `scale` × stored number; 1 and 0 unless the file states a linear calibration.
  public var scale: Double
  public var offset: Double
  /// The compression of the first page, by its usual name: `none`, `LZW`, `Deflate`, ….
  public var compression: String
  public var byteOrder: ByteOrder
  public var isBigTIFF: Bool
  public var isTiled: Bool
  /// How many files the stack is made of.
  public var files: Int
  /// What the pages run along, where the file knows it.
  public var axes: PageAxes?
  /// What else the file says: of TIFF the `key=value` lines of the first page's ImageDescription, as ImageJ and this
  /// program write them.
  public var metadata: [String: String]

  /// Keys of ``metadata`` that other properties tell more of.
  public static let knownKeys: Set = [
    "ImageJ", "unit", "yunit", "zunit", "vunit", "pixel_width", "pixel_height", "spacing", "images", "slices",
    "frames",
    "channels", "hyperstack", "mode", "loop", "min", "max", "cf", "c0", "c1",
  ]

  init(
    _ format: FileFormat, pages: Int, rows: Int, columns: Int, sampleType: SampleType,
    spacing: Spacing = Spacing(),
    unit: String? = nil, scale: Double = 1, offset: Double = 0, compression: String = "none",
    byteOrder: ByteOrder = .little, isBigTIFF: Bool = false, isTiled: Bool = false, files: Int = 1,
    axes: PageAxes? = nil, metadata: [String: String] = [:]
  ) {
    self.format = format
    (self.pages, self.rows, self.columns) = (pages, rows, columns)
    self.sampleType = sampleType
    (self.spacing, self.unit) = (spacing, unit)
    (self.scale, self.offset) = (scale, offset)
    (self.compression, self.byteOrder) = (compression, byteOrder)
    (self.isBigTIFF, self.isTiled) = (isBigTIFF, isTiled)
    (self.files, self.axes, self.metadata) = (files, axes, metadata)
  }

  /// Bytes of one page as `Float`.
  public var pageBytes: Int { rows * columns * MemoryLayout<Float>.size }
}
