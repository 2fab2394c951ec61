import Fields

/// Why measurements cannot be simulated: what was found, what was expected, what to do.
public enum SimulationError: Error, Equatable, CustomStringConvertible {
  case notPages(String, reason: String)
  case noUnit(path: String)
  case otherUnit(path: String, found: String, given: String)
  case unknownUnit(path: String, found: String)
  case wrongSize(path: String, found: Shape, expected: Shape, pipeline: String)
  case wrongSpacing(path: String, found: [Double], expected: [Double], pipeline: String)
  case noAttenuation(phantom: String)
  case noScale(mean: Double)
  case tooOpaque(integral: Double)
  case readsProjections(pipeline: String)

  public var description: String {
    switch self {
    case .notPages(let text, let reason):
      "cannot understand the pages '\(text)': \(reason). Write for example 4,12,20 or 4...78/8."
    case .noUnit(let path):
      "'\(path)' does not say in which unit its values are. Say it with '--unit HU' or '--unit 1/mm', and with "
        + "'--offset -1024' where 1024 was added to HU."
    case .otherUnit(let path, let found, let given):
      "'\(path)' says that its values are in \(found), the command line says \(given). Leave out '--unit', or "
        + "correct the file."
    case .unknownUnit(let path, let found):
      "'\(path)' holds values in '\(found)', expected HU or 1/mm. Give a stack of attenuation."
    case .wrongSize(let path, let found, let expected, let pipeline):
      "the pages of '\(path)' are \(found), the image of '\(pipeline)' is \(expected). Change 'image' in "
        + "'geometry', or give a volume of that size."
    case .wrongSpacing(let path, let found, let expected, let pipeline):
      "the pixels of '\(path)' are \(Self.pair(found)) mm apart, those of '\(pipeline)' "
        + "\(Self.pair(expected)) mm. Change 'image' in 'geometry', resample the volume, or take its pixels for those "
        + "of the pipeline with '--ignore-spacing'."
    case .noAttenuation(let phantom):
      "the phantom '\(phantom)' has values without a unit, expected attenuation. Write 'unit: HU' or "
        + "'unit: 1/mm' into its file, with values to match."
    case .noScale(let mean):
      "the mean line integral is \(mean), so noise relative to it has no size. Check that the object lies "
        + "in the image, and its unit."
    case .tooOpaque(let integral):
      "a ray has the line integral \(integral): no photon would pass. Check the unit of the object; values in HU "
        + "must not be taken for 1/mm."
    case .readsProjections(let pipeline):
      "'\(pipeline)' reads raw projections with flats and darks; only sinograms can be simulated. Use a "
        + "pipeline whose input is 'sinograms'."
    }
  }

  private static func pair(_ spacing: [Double]) -> String {
    spacing.map { "\($0)" }.joined(separator: " × ")
  }
}
