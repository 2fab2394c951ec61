/// What the measurements say about one reconstructed slice.
///
/// Its JSON has the names of its properties. Lists of views, bins and rays hold the worst, worst first; their
/// indices count from 0, slices from 1. Figures are those of ``ResidualFigures``.
///
///     {"slice": 1, "method": "deft", "status": "pass", "reasons": ["…"],
///      "figures": {"chiSquare": 0.98, "interval": {"lower": 0.95, "upper": 1.06}, …},
///      "contradiction": {"row": 12, "column": 40, "z": -3.9, …},
///      "reference": {"method": "tv", "status": "pass", "figures": {…}},
///      "nullSpaceFraction": 0.31}
public struct Verdict: Codable, Hashable, Sendable {
  public enum Status: String, Codable, Hashable, Sendable, CaseIterable, Comparable {
    case pass, warn, fail

    public static func < (a: Status, b: Status) -> Bool { a.severity < b.severity }
    private var severity: Int { self == .pass ? 0 : self == .warn ? 1 : 2 }
  }

  /// Another method's image of the same data.
  ///
  /// Where it misses the data too, the fault lies with the data or the geometry and not with a prior.
  public struct Reference: Codable, Hashable, Sendable {
    public var method: String
    public var status: Status
    public var figures: ResidualFigures
  }

  /// From 1.
  public var slice: Int
  public var method: String
  public var status: Status
  /// Sentences for a person, at least one.
  public var reasons: [String]
  public var figures: ResidualFigures
  public var contradiction: Contradiction?
  public var reference: Reference?
  /// See ``NullSpace``.
  public var nullSpaceFraction: Double?
}

extension Sequence where Element == Verdict {
  /// The status of a whole volume: that of its worst slice.
  public var worstStatus: Verdict.Status { map(\.status).max() ?? .pass }
}

/// The place of an image where the data contradict it most.
///
/// A blob b of a given width is added to the image where it reduces χ² most. With g = bᵀ Aᴴ W (y − A x) and
/// q = bᵀ Aᴴ W A b, z = g / √q is standard normal for the true image and g / q is how much of the blob is missing:
/// a matched filter for features that an image has and the object has not, or the other way round. The residual's waves of
/// more than forty bins are left out: what is off everywhere is not news of one place.
public struct Contradiction: Codable, Hashable, Sendable {
  public var row: Int
  public var column: Int
  /// Standard deviation of the Gaussian blob, in millimetres.
  public var width: Double
  /// In standard deviations; positive where the data ask for more than the image shows.
  public var z: Double
  /// What is missing at the middle of the blob, in the unit of the image.
  public var contrast: Double
}
