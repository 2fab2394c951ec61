import Fields
import Formats
import Foundation
import Reconstruction

/// The volumes of a run while they are written: every slice has its page from the beginning.
struct VolumeFiles {
  /// ``TIFFVolume`` cannot be copied, so arrays cannot hold it.
  private final class Box {
    let file: TIFFVolume
    let volume: PipelineDescription.Volume

    init(_ file: consuming TIFFVolume, _ volume: PipelineDescription.Volume) {
      self.file = file
      self.volume = volume
    }
  }

  private let boxes: [Box]
  private let description: PipelineDescription
  private let first: Int
  private let missing: Image

  /// - Parameters:
  ///   - names: of the volumes to write.
  ///   - slices: of the run, counted from 0.
  ///   - sliceSpacing: in mm, where it is known.
  ///   - path: of an unfinished file of the run, from its name.
  init(
    _ description: PipelineDescription, _ names: [String], slices: Range<Int>, sliceSpacing: Double?,
    path: (String) -> String
  ) throws {
    self.description = description
    let first = slices.lowerBound
    self.first = first
    let grid = description.geometry.grid
    missing = Image(shape: grid.shape).map { _ in .nan }
    try Self.expectRoom(
      for: names.map(path), rows: grid.shape[0], columns: grid.shape[1], pages: slices.count)
    boxes = try description.volumes.filter { names.contains($0.name) }.map { volume in
      var metadata = ["method": description.reconstructions[volume.place].name]
      if first > 0 { metadata["first_slice"] = "\(first + 1)" }
      return Box(
        try TIFFVolume(
          path: path(volume.name), rows: grid.shape[0], columns: grid.shape[1], pages: slices.count,
          spacing: Spacing(x: grid.spacing[1], y: grid.spacing[0], z: sliceSpacing),
          unit: description.unit.rawValue,
          metadata: metadata), volume)
    }
  }

  /// Each file checks its own room; together they may still not fit.
  private static func expectRoom(for paths: [String], rows: Int, columns: Int, pages: Int) throws {
    guard let path = paths.first else { return }
    let needed = paths.reduce(0) { sum, path in
      var status = stat()
      let there = stat(path, &status) == 0 ? Int(status.st_blocks) * 512 : 0
      return sum + max(0, TIFFVolume.bytes(rows: rows, columns: columns, pages: pages) + 512 * pages - there)
    }
    let free = freeSpace(beside: path)
    guard free >= UInt64(needed) else {
      throw TIFFError.noSpace(path: path, needed: UInt64(needed), free: free)
    }
  }

  /// Writes the pages of a slice.
  ///
  /// - Returns: their checksums, by the name of the volume.
  func write(_ results: [ReconstructionLine.Result], slice: Int) throws -> [String: String] {
    let (unit, scale) = (description.unit, description.attenuation)
    var checksums: [String: String] = [:]
    for box in boxes {
      let reconstruction = results[box.volume.place].reconstruction
      let image =
        box.volume.isDeviation
        ? unit.convertDifference(reconstruction.deviation ?? reconstruction.image.map { _ in 0 }, scale)
        : unit.convert(reconstruction.image, scale)
      try box.file.write(image, page: slice - first)
      checksums[box.volume.name] = checksum(of: image)
    }
    return checksums
  }

  /// Writes the page of a slice in one of the volumes, in the unit of the volumes.
  func write(_ page: Image, of name: String, slice: Int) throws {
    for box in boxes where box.volume.name == name { try box.file.write(page, page: slice - first) }
  }

  /// Pages of NaN: there is no image of this slice.
  func writeMissing(slice: Int) throws {
    for box in boxes { try box.file.write(missing, page: slice - first) }
  }

  /// Makes durable what was written.
  func synchronize() throws { for box in boxes { try box.file.synchronize() } }

  /// Makes TIFF files of them.
  func finish() throws { for box in boxes { try box.file.finish() } }
}
