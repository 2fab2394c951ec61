import Fields
import Formats

/// A stage of preprocessing with its settings: the register of stages.
///
/// In YAML an item of `preprocess`, such as `{stage: sorted-stripes, width: 9}`. Stages work on line integrals, in the
/// order of the list.
public enum StageDescription: Hashable, Sendable {
  /// `{stage: zingers, threshold: 6, smallest: 0.05, sign: bright}`; see ``Zingers``.
  case zingers(threshold: Double, smallest: Double, sign: Zingers.Sign)
  /// `{stage: dead-stripes, width: 21, threshold: 6}`; see ``DeadStripes``.
  case deadStripes(width: Int, threshold: Double)
  /// `{stage: large-stripes, width: 41, threshold: 4}`; see ``LargeStripes``.
  case largeStripes(width: Int, threshold: Double)
  /// `{stage: sorted-stripes, width: 9}`; see ``SortedStripes``.
  case sortedStripes(width: Int)
  /// `{stage: wavelet-stripes, levels: 3, sigma: 1}`; see ``WaveletStripes``.
  case waveletStripes(levels: Int, sigma: Double)

  public enum Name: String, CaseIterable, Sendable {
    case zingers
    case deadStripes = "dead-stripes"
    case largeStripes = "large-stripes"
    case sortedStripes = "sorted-stripes"
    case waveletStripes = "wavelet-stripes"
  }

  init(_ map: YAMLMapping) throws(YAMLError) {
    func width(default standard: Int) throws(YAMLError) -> Int {
      let width = try map.integer("width", .between(3, 1001), default: standard)
      guard width % 2 == 1 else {
        throw map.optional("width")?.wrong("an odd number, so that the window has a middle")
          ?? map.invalid("")
      }
      return width
    }
    func threshold(default standard: Double) throws(YAMLError) -> Double {
      try map.number("threshold", .between(1, 1000), default: standard)
    }
    switch try map.choice("stage", of: Name.self) {
    case .zingers:
      self = .zingers(
        threshold: try threshold(default: 6),
        smallest: try map.number("smallest", .notNegative, default: 0.05),
        sign: try map.choice("sign", default: Zingers.Sign.bright))
    case .deadStripes:
      self = .deadStripes(width: try width(default: 21), threshold: try threshold(default: 6))
    case .largeStripes:
      self = .largeStripes(width: try width(default: 41), threshold: try threshold(default: 4))
    case .sortedStripes: self = .sortedStripes(width: try width(default: 9))
    case .waveletStripes:
      self = .waveletStripes(
        levels: try map.integer("levels", .between(1, 10), default: 3),
        sigma: try map.number("sigma", .between(0.1, 1000), default: 1))
    }
  }

  /// The stage, prepared for sinograms of a shape.
  ///
  /// - Parameter threads: that one sinogram uses.
  public func stage(for shape: Shape, threads: Int = 1) throws -> any SinogramStage {
    switch self {
    case .zingers(let threshold, let smallest, let sign):
      Zingers(threshold: threshold, smallest: smallest, sign: sign, threads: threads)
    case .deadStripes(let width, let threshold): DeadStripes(width: width, threshold: threshold)
    case .largeStripes(let width, let threshold):
      LargeStripes(width: width, threshold: threshold, threads: threads)
    case .sortedStripes(let width): SortedStripes(width: width, threads: threads)
    case .waveletStripes(let levels, let sigma):
      try WaveletStripes(shape: shape, levels: levels, sigma: sigma)
    }
  }
}
