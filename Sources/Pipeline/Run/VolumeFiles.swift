import Fields
import Formats
import Reconstruction

/// The volumes of a run: `volume.tif` and one file for every further reconstruction and deviation.
struct VolumeFiles {
  /// ``TIFFWriter`` cannot be copied, so arrays cannot hold it.
  private final class Box {
    var writer: TIFFWriter?
    let path: String
    let place: Int
    let isDeviation: Bool

    init(_ writer: consuming TIFFWriter, place: Int, isDeviation: Bool) {
      path = writer.path
      self.writer = consume writer
      self.place = place
      self.isDeviation = isDeviation
    }
  }

  private var boxes: [Box] = []
  private let description: PipelineDescription

  /// - Parameter path: of a file of the run, from its name.
  init(_ description: PipelineDescription, pages: Int, path: (String) -> String) throws {
    self.description = description
    let grid = description.geometry.grid
    for (place, named) in description.reconstructions.enumerated() {
      let base = place == 0 ? "volume" : named.name
      var files = [(name: base, isDeviation: false)]
      if named.method.givesDeviation { files.append(("\(base)-deviation", true)) }
      for file in files {
        let writer = try TIFFWriter(
          path: path("\(file.name).tif"), rows: grid.shape[0], columns: grid.shape[1], pages: pages,
          spacing: Spacing(x: grid.spacing[1], y: grid.spacing[0]), unit: description.unit.rawValue,
          metadata: ["method": named.name])
        boxes.append(Box(writer, place: place, isDeviation: file.isDeviation))
      }
    }
  }

  func append(_ results: [ReconstructionLine.Result]) throws {
    let (unit, scale) = (description.unit, description.attenuation)
    for box in boxes {
      let reconstruction = results[box.place].reconstruction
      let image =
        box.isDeviation
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
      let file = try writer.complete()
      records.append(try FileRecord(box.path, parts: [file.temporary]))
      try files.add(file)
    }
    return records
  }
}
