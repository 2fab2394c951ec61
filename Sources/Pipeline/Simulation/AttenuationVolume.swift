import Diffusion
import Fields
import Formats

/// A stack of images read as linear attenuation in 1/mm: the object of a simulation, the truth of a comparison.
///
///     value = stored + offset          in HU or 1/mm
///     μ = max(0, attenuation of value)
///
/// Nothing attenuates less than vacuum; scanners write lower numbers where they have seen nothing.
public struct AttenuationVolume: FieldSource {
  public typealias Element = Image
  public let path: String
  /// Of the stack.
  public let files: [String]
  /// Of the stored values plus the offset.
  public let unit: VolumeUnit
  /// Between slices, in millimetres; nil where the file does not say or the pages are not evenly spaced.
  public let sliceSpacing: Double?
  /// Whether the file states the distance of its pixels.
  public let statesSpacing: Bool
  /// Counted from 0.
  public let pages: [Int]
  /// Nil for all pages.
  public let selection: PageList?
  private let source: StackPages
  private let offset: Float
  private let scale: AttenuationScale

  /// - Parameters:
  ///   - pages: all when nil.
  ///   - unit: needed where the file states none; must agree with it where it does.
  ///   - offset: added to every stored value.
  ///   - ignoresSpacing: takes the pixels to be as far apart as the pipeline's, whatever the file says.
  ///   - pipeline: gives the size, the spacing and the attenuation of water.
  /// - Throws: ``SimulationError`` where the volume does not fit the pipeline, `TIFFError` for the file itself.
  public init(
    path: String, pages selection: PageList? = nil, unit: VolumeUnit? = nil, offset: Double = 0,
    ignoresSpacing: Bool = false, for pipeline: PipelineDescription
  ) throws {
    let stack = try ImageStack(path: path)
    let info = stack.info
    if let stated = info.unit {
      guard let found = VolumeUnit(rawValue: stated) else {
        throw SimulationError.unknownUnit(path: path, found: stated)
      }
      if let unit, unit != found {
        throw SimulationError.otherUnit(path: path, found: found.rawValue, given: unit.rawValue)
      }
      self.unit = found
    } else {
      guard let unit else { throw SimulationError.noUnit(path: path) }
      self.unit = unit
    }
    let grid = pipeline.geometry.grid
    guard grid.shape == [info.rows, info.columns] else {
      throw SimulationError.wrongSize(
        path: path, found: [info.rows, info.columns], expected: grid.shape, pipeline: pipeline.file)
    }
    statesSpacing = info.spacing.x != nil || info.spacing.y != nil
    let found = [info.spacing.y ?? grid.spacing[0], info.spacing.x ?? grid.spacing[1]]
    // Formats that round spacings keep four digits; 0.1 % is a quarter of a pixel across 256.
    guard ignoresSpacing || zip(found, grid.spacing).allSatisfy({ abs($0 - $1) <= 1e-3 * $1 }) else {
      throw SimulationError.wrongSpacing(
        path: path, found: found, expected: grid.spacing, pipeline: pipeline.file)
    }
    let pages = selection?.pages ?? Array(0..<stack.count)
    if let page = pages.first(where: { $0 >= stack.count }) {
      throw StackError.noSuchPage(path: path, page: page, pages: stack.count)
    }
    let step = selection == nil ? 1 : selection?.step
    sliceSpacing = step.flatMap { step in info.spacing.z.map { $0 * Double(step) } }
    self.path = path
    files = stack.files
    self.pages = pages
    self.selection = selection
    source = StackPages(stack, lookahead: 1)
    self.offset = Float(offset)
    scale = pipeline.attenuation
  }

  public var count: Int { pages.count }
  public var lookahead: Int { source.lookahead }

  public func field(at index: Int) async throws -> Image { try await slice(index).image }

  /// A slice, and how many of its pixels were below vacuum and set to it.
  public func slice(_ index: Int) async throws -> (image: Image, clipped: Int) {
    var image = try await source.field(at: pages[index])
    if offset != 0 { image = image.map { $0 + offset } }
    if unit == .hounsfield { image = scale.attenuation(hounsfield: image) }
    var clipped = 0
    image.samples.withUnsafeMutableBufferPointer { samples in
      for i in samples.indices where samples[i] < 0 {
        samples[i] = 0
        clipped += 1
      }
    }
    return (image, clipped)
  }
}
