/// The angles that a tomographic scan stores beside its projections.
public enum HDF5Angles {
  /// One angle per projection, in degrees: `theta` of Data Exchange, `rotation_angle` of NXtomo, or any list of numbers
  /// that the path names behind a colon, as in `scan.h5:/exchange/theta`.
  ///
  /// The attribute `units` says degrees or radians; both standards mean degrees where it is missing.
  ///
  /// - Throws: ``StackError`` where there is no scan, no angle, or not one for every frame.
  public static func degrees(of path: String) throws -> [Double] {
    #if HDF5
      let place = HDF5Place(path)
      let file = try HDF5File(path: place.file, memory: 1 << 26)
      var group: String?
      if let part = place.part {
        if try file.hasDataset(part), try HDF5Dataset.axes(part, in: file) < 2 {
          return try HDF5Scan.degrees(file, part)
        }
        var names = part.split(separator: "/")
        if names.last.flatMap({ HDF5Scan.Part(rawValue: String($0)) }) == .projections { names.removeLast() }
        group = names.isEmpty ? nil : names.joined(separator: "/")
      }
      guard let scan = try HDF5Scan(file, group: group) else {
        throw file.unsupported(
          "no tomographic scan with angles",
          expected: "one of Data Exchange or NXtomo, or the path of a list of angles")
      }
      return try scan.angles()
    #else
      throw StackError.notBuiltIn(path: path, format: "HDF5", trait: "HDF5", package: "libhdf5-dev")
    #endif
  }
}
