#if HDF5
  import Foundation

  /// Which frames of which dataset are the projections, flats or darks of a tomographic scan.
  ///
  /// - Data Exchange: `/exchange/data`, `data_white`, `data_dark`, `theta`. De Carlo et al., "Scientific data exchange: a
  ///   schema for HDF5-based storage of raw and analyzed data", J. Synchrotron Rad. 21 (2014), DOI
  ///   10.1107/S160057751401604X.
  /// - NXtomo: frames of one dataset told apart by `image_key`: 0 projection, 1 flat, 2 dark, 3 invalid. NeXus, "NXtomo",
  ///   application definition of https://www.nexusformat.org.
  struct HDF5Scan {
    enum Part: String, CaseIterable {
      case projections, flats, darks

      var key: Int {
        switch self {
        case .projections: 0
        case .flats: 1
        case .darks: 2
        }
      }
    }

    enum Kind { case dataExchange, nxTomo }

    let file: HDF5File
    let kind: Kind
    /// The group that holds the scan: `exchange`, or an entry.
    let group: String

    private static let detectors = ["instrument/detector", "data"]

    /// The scan of a file, or within the group `name` of it; nil where there is none.
    ///
    /// - Throws: ``StackError`` where there are several.
    init?(_ file: HDF5File, group name: String? = nil) throws {
      self.file = file
      let base = name.map { "\($0)/" } ?? ""
      if try file.hasDataset("\(base)exchange/data") {
        (kind, group) = (.dataExchange, "\(base)exchange")
        return
      }
      if let name, try file.hasDataset("\(name)/data_white") || file.hasDataset("\(name)/theta"),
        try file.hasDataset("\(name)/data")
      {
        (kind, group) = (.dataExchange, name)
        return
      }
      var entries: [String] = []
      if let name, try Self.isTomo(file, name) {
        entries = [name]
      } else {
        // An entry, or one more level below it, as at Diamond Light Source.
        for (path, isDataset) in try file.objects()
        where isDataset && path.hasSuffix("/image_key") && path.hasPrefix(base) {
          for place in Self.detectors where path.hasSuffix("/\(place)/image_key") {
            let entry = String(path.dropLast("/\(place)/image_key".count))
            if !entries.contains(entry), try Self.isTomo(file, entry) { entries.append(entry) }
          }
        }
      }
      guard entries.count <= 1 else {
        throw file.unsupported(
          "several scans (\(entries.prefix(8).map { "/\($0)" }.joined(separator: ", ")))",
          expected: "the name of one, as in '\(file.path):\(entries[0])/projections'")
      }
      guard let entry = entries.first else { return nil }
      (kind, group) = (.nxTomo, entry)
    }

    private static func isTomo(_ file: HDF5File, _ entry: String) throws -> Bool {
      try detectors.contains { try file.hasDataset("\(entry)/\($0)/image_key") }
        && detectors.contains { try file.hasDataset("\(entry)/\($0)/data") }
    }

    /// The first of some names within the scan's group that is a dataset.
    private func first(_ names: [String]) throws -> String? {
      try names.map { "\(group)/\($0)" }.first { try file.hasDataset($0) }
    }

    /// The dataset of a part, and which of its frames; nil for all.
    func frames(_ part: Part) throws -> (dataset: String, frames: [Int]?) {
      switch kind {
      case .dataExchange:
        let name =
          switch part {
          case .projections: "data"
          case .flats: "data_white"
          case .darks: "data_dark"
          }
        guard let dataset = try first([name]) else { throw missing(part, "'/\(group)/\(name)'") }
        return (dataset, nil)
      case .nxTomo:
        let keys = try imageKeys()
        guard let dataset = try first(Self.detectors.map { "\($0)/data" }) else {
          throw missing(part, "the detector's data")
        }
        let frames = keys.indices.filter { keys[$0] == part.key }
        guard !frames.isEmpty else { throw missing(part, "frames whose image_key is \(part.key)") }
        return (dataset, frames)
      }
    }

    private func missing(_ part: Part, _ what: String) -> StackError {
      file.unsupported(
        "a scan without \(part.rawValue)",
        expected: "\(what); leave \(part.rawValue) out, or give a file that has them")
    }

    func imageKeys() throws -> [Int] {
      guard let name = try first(Self.detectors.map { "\($0)/image_key" }) else { return [] }
      let keys = try file.numbers(name)
      guard let strange = keys.first(where: { ![0, 1, 2, 3].contains($0) }) else {
        return keys.map { Int($0) }
      }
      throw file.damaged("'/\(name)' holds \(strange), expected 0 to 3")
    }

    /// Of pixels, from a field that states it; nil where there is none, or no unit of length.
    func spacing() throws -> Spacing {
      let detectors: [String]
      let names: (x: [String], y: [String])
      switch kind {
      case .dataExchange:
        let base = group == "exchange" ? "" : String(group.dropLast("exchange".count))
        detectors = ["\(base)measurement/instrument/detector", "\(base)measurement/instrument/detector_1"]
        // The pixel at the object, where optics magnify, before that of the chip.
        names = (["actual_pixel_size_x", "pixel_size_x"], ["actual_pixel_size_y", "pixel_size_y"])
      case .nxTomo:
        detectors = ["\(group)/instrument/detector"]
        names = (["x_pixel_size"], ["y_pixel_size"])
      }
      // The standard of Data Exchange is SI; NeXus wants the unit written.
      let standard = kind == .dataExchange ? "m" : nil
      func length(_ names: [String]) throws -> Double? {
        for detector in detectors {
          for name in names where try file.hasDataset("\(detector)/\(name)") {
            let place = "\(detector)/\(name)"
            guard let value = try file.numbers(place).first, value.isFinite, value > 0,
              let perMillimetre = Self.perMillimetre(try file.text(place, attribute: "units") ?? standard)
            else { continue }
            return value / perMillimetre
          }
        }
        return nil
      }
      let (x, y) = (try length(names.x), try length(names.y))
      return Spacing(x: x ?? y, y: y ?? x)
    }

    /// How many of a unit of length are one millimetre.
    private static func perMillimetre(_ unit: String?) -> Double? {
      switch unit?.lowercased() {
      case "m", "meter", "metre", "meters", "metres": 1e-3
      case "cm": 0.1
      case "mm", "millimeter", "millimetre", "millimeters", "millimetres": 1
      case "um", "µm", "μm", "micron", "microns", "micrometer", "micrometre", "micrometers", "micrometres":
        1e3
      case "nm", "nanometer", "nanometre": 1e6
      default: nil
      }
    }

    // MARK: Angles

    /// Of the projections, in degrees.
    func angles() throws -> [Double] {
      let (dataset, frames) = try frames(.projections)
      let names = kind == .dataExchange ? ["theta"] : ["sample/rotation_angle", "data/rotation_angle"]
      guard let name = try first(names) else {
        throw file.unsupported(
          "a scan without angles", expected: "'/\(group)/\(names[0])', or angles in another file")
      }
      let angles = try Self.degrees(file, name)
      let count = try HDF5Dataset(dataset, in: file, memory: .max).frames
      guard angles.count == count else {
        throw file.damaged("'/\(name)' has \(angles.count) angles for the \(count) frames of '/\(dataset)'")
      }
      return frames.map { $0.map { angles[$0] } } ?? angles
    }

    /// All numbers of a dataset as angles: degrees, or radians where its attribute `units` says so.
    static func degrees(_ file: HDF5File, _ name: String) throws -> [Double] {
      let unit = try file.text(name, attribute: "units")
      let angles = try file.numbers(name)
      if let strange = angles.first(where: { !$0.isFinite }) {
        throw file.damaged("'/\(name)' holds \(strange)")
      }
      switch unit?.lowercased() {
      case nil, "", "deg", "degree", "degrees", "°": return angles
      case "rad", "radian", "radians": return angles.map { $0 * 180 / .pi }
      case let other?:
        throw file.unsupported(
          "angles in '\(other)'", expected: "'deg' or 'rad' in the attribute 'units' of '/\(name)'")
      }
    }
  }
#endif
