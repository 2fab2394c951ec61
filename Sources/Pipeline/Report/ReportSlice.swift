import Fields

/// One picture of a slice, with all that is needed to look at it.
public struct ReportPanel: Sendable {
  /// How values become colours.
  public enum Palette: String, Sendable, Codable {
    /// Black to white: reconstructions.
    case gray
    /// Perceptually uniform from black: maps that start at zero.
    case sequential
    /// Blue, black, orange: signed maps around zero.
    case diverging
  }

  public var name: String
  /// One sentence for the reader who meets this map for the first time.
  public var meaning: String
  /// Image, `[rows, columns]`, in `unit`.
  public var image: Image
  public var unit: String
  public var palette: Palette
  /// The window shown first.
  public var window: ReportWindow
  /// Panels of the same group share their window: by default all grey ones of one unit.
  public var group: String

  public init(
    name: String, meaning: String = "", image: Image, unit: String, palette: Palette = .gray,
    window: ReportWindow, group: String? = nil
  ) {
    precondition(image.shape.rank == 2, "a panel is rows by columns, not \(image.shape)")
    self.name = name
    self.meaning = meaning
    self.image = image
    self.unit = unit
    self.palette = palette
    self.window = window
    self.group = group ?? (palette == .gray ? "gray, \(unit)" : name)
  }
}

/// What the reconstruction leaves unexplained: (y − A x) / σ.
public struct ReportResidual: Sendable {
  /// Residuals in units of their own standard deviation, `[angles, bins]`.
  public var sinogram: Sinogram
  public var angles: [Angle]

  public init(sinogram: Sinogram, angles: [Angle]) {
    precondition(sinogram.shape.rank == 2, "a sinogram is angles by bins, not \(sinogram.shape)")
    precondition(
      sinogram.shape[0] == angles.count, "\(angles.count) angles for a sinogram of \(sinogram.shape)")
    self.sinogram = sinogram
    self.angles = angles
  }
}

/// Everything a report says about one slice.
public struct ReportSlice: Sendable {
  /// Counts from 0; the page counts from 1.
  public var index: Int
  public var panels: [ReportPanel]
  public var residual: ReportResidual?
  public var verdict: ReportVerdict
  /// Time for this slice in seconds.
  public var seconds: Double?

  public init(
    index: Int, panels: [ReportPanel], residual: ReportResidual? = nil, verdict: ReportVerdict,
    seconds: Double? = nil
  ) {
    self.index = index
    self.panels = panels
    self.residual = residual
    self.verdict = verdict
    self.seconds = seconds
  }
}
