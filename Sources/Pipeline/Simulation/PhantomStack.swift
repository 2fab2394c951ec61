import Diffusion
import Fields
import Formats

/// A phantom file cut into slices: one phantom at several heights, or as many members of a family.
public struct PhantomStack: Sendable {
  public let name: String
  public let unit: Phantom.Unit
  /// Side of the square field of view, in millimetres.
  public let fieldOfView: Double
  public let count: Int
  /// Between slices, in millimetres; nil where there is no such distance.
  public let sliceSpacing: Double?
  /// The seed of the first slice's phantom; nil where the file describes a single phantom.
  public let familySeed: UInt64?
  private let description: PhantomDescription

  /// - Parameter seed: of a family's first slice; slice k is the phantom of `seed + k`.
  /// - Throws: `YAMLError` with file, line and column.
  public init(file: String, slices: Int, seed: UInt64 = 1) throws(YAMLError) {
    precondition(slices > 0, "\(slices) slices")
    description = try PhantomFile.read(file)
    count = slices
    switch description {
    case .phantom(let phantom):
      (name, unit, fieldOfView) = (phantom.name, phantom.unit, phantom.fieldOfView)
      let depth = phantom.zRange.upperBound - phantom.zRange.lowerBound
      sliceSpacing = depth > 0 ? depth / Double(slices) : nil
      familySeed = nil
    case .family(let family):
      (name, unit, fieldOfView) = (family.name, family.unit, family.fieldOfView)
      sliceSpacing = nil
      familySeed = seed
    }
  }

  /// Slice `index`, counted from 0.
  public func slice(_ index: Int) throws(PhantomError) -> PhantomSlice {
    switch description {
    case .phantom(let phantom): phantom.slice(z: phantom.heights(count: count)[index])
    case .family(let family): try family.phantom(seed: (familySeed ?? 0) &+ UInt64(index)).slice()
    }
  }

  /// Area-weighted images in `unit`; in the phantom's own where that is nil.
  ///
  /// - Parameter threads: slices painted at the same time.
  /// - Throws: ``SimulationError/noAttenuation(phantom:)`` for a unit that the phantom does not have.
  public func images(
    on grid: ImageSpace, unit: VolumeUnit?, scale: AttenuationScale, threads: Int
  ) throws(SimulationError) -> some FieldSource<Image> {
    guard unit == nil || self.unit == .perMillimetre else { throw .noAttenuation(phantom: name) }
    return ComputedFields(count: count, lookahead: max(1, threads) - 1) { index in
      let image = try slice(index).image(on: grid)
      return unit?.convert(image, scale) ?? image
    }
  }

  /// Writes images of `size`² pixels across the field of view as one file.
  ///
  /// - Parameter progress: called after every slice with the number done; what it throws ends the work, and
  ///   nothing is left under `path`.
  public func write(
    to path: String, size: Int, unit: VolumeUnit?, scale: AttenuationScale, threads: Int,
    progress: (Int) throws -> Void = { _ in }
  ) async throws {
    let spacing = fieldOfView / Double(size)
    var metadata = ["phantom": name]
    if let familySeed { metadata["phantom_seed"] = "\(familySeed)" }
    if unit == .hounsfield { metadata["water"] = "\(scale.water)" }
    let images = try images(
      on: ImageSpace(shape: [size, size], spacing: spacing), unit: unit, scale: scale, threads: threads)
    let sink = PageSink(
      try TIFFWriter(
        path: path, rows: size, columns: size, pages: count,
        spacing: Spacing(x: spacing, y: spacing, z: sliceSpacing), unit: unit?.rawValue, metadata: metadata))
    var done = 0
    for try await image in images {
      try await sink.append(image)
      done += 1
      try progress(done)
    }
    try await sink.finish()
  }
}
