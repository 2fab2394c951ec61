import Fields
import Formats
import Reconstruction

/// The volumes of a run while they are written.
struct VolumeFiles {
  /// ``TIFFWriter`` cannot be copied, so arrays cannot hold it.
  private final class Box {
    var writer: TIFFWriter?
    let volume: PipelineDescription.Volume

    init(_ writer: consuming TIFFWriter, _ volume: PipelineDescription.Volume) {
      self.writer = consume writer
      self.volume = volume
    }
  }

  private var boxes: [Box] = []
  private let description: PipelineDescription

  /// - Parameter path: of a file of the run, from its name.
  init(_ description: PipelineDescription, pages: Int, path: (String) -> String) throws {
    self.description = description
    let grid = description.geometry.grid
    for volume in description.volumes {
      let writer = try TIFFWriter(
        path: path(volume.name), rows: grid.shape[0], columns: grid.shape[1], pages: pages,
        spacing: Spacing(x: grid.spacing[1], y: grid.spacing[0]), unit: description.unit.rawValue,
        metadata: ["method": description.reconstructions[volume.place].name])
      boxes.append(Box(writer, volume))
    }
  }

  func append(_ results: [ReconstructionLine.Result]) throws {
    let (unit, scale) = (description.unit, description.attenuation)
    for box in boxes {
      let reconstruction = results[box.volume.place].reconstruction
      let image =
        box.volume.isDeviation
        ? unit.convertDifference(reconstruction.deviation ?? reconstruction.image.map { _ in 0 }, scale)
        : unit.convert(reconstruction.image, scale)
      try box.writer?.append(image)
    }
  }

  /// Hands the complete files over, which have no names yet.
  ///
  /// - Returns: what the manifest says of them.
  func complete(into files: inout PendingFiles) throws -> [FileRecord] {
    var records: [FileRecord] = []
    for box in boxes {
      guard let writer = box.writer.take() else { continue }
      records.append(try files.record(try writer.complete()))
    }
    return records
  }
}

extension PendingFiles {
  /// Takes a file over and completes it.
  ///
  /// - Returns: what the manifest says of it.
  mutating func record(_ file: consuming PendingFile) throws -> FileRecord {
    let record = try FileRecord(file.path, parts: [file.temporary])
    try add(file)
    return record
  }
}
