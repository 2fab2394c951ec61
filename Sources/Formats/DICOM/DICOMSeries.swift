#if DICOM
  import Foundation

  /// The frames of some files as slices of one stack.
  struct DICOMSeries {
    /// A frame of a file, by their indices.
    struct Page: Sendable {
      var file: Int
      var frame: Int
    }

    let pages: [Page]
    /// Between pages, from their positions, in mm.
    let spacing: Double?
    private let path: String
    private let files: [DICOMFile]

    /// How much of a step a single one may differ: positions are written with some digits.
    private static let tolerance = 0.1

    /// - Parameters:
    ///   - path: of the folder, pattern or file, for messages.
    ///   - files: At least one.
    /// - Throws: ``DICOMError``.
    init(path: String, files: [DICOMFile]) throws(DICOMError) {
      self.path = path
      self.files = files
      try Self.checkSeries(path, files)
      let all = files.indices.flatMap { file in
        (0..<files[file].frames).map { Page(file: file, frame: $0) }
      }
      let planes = all.compactMap { files[$0.file].plane($0.frame) }
      if planes.count == all.count {
        let positions = try Self.positions(path, files, all, planes)
        let order = all.indices.sorted { positions[$0] < positions[$1] }
        let sorted = order.map { positions[$0] }
        if files.count == 1, Self.repeated(sorted) != nil {
          // Times, echoes, b-values: only whoever wrote the file knows their order.
          pages = all
          spacing = nil
        } else {
          pages = order.map { all[$0] }
          spacing = try Self.step(path, files, pages, sorted, .position)
        }
      } else if files.count == 1 {
        pages = all
        spacing = nil
      } else {
        if let file = files.first(where: { $0.instance == nil }) {
          throw .noOrder(path: path, slice: Self.slice(file, 0))
        }
        let order = files.indices.sorted { (files[$0].instance ?? 0) < (files[$1].instance ?? 0) }
        let first = order.map { Page(file: $0, frame: 0) }
        _ = try Self.step(path, files, first, order.map { Double(files[$0].instance ?? 0) }, .number)
        pages = order.flatMap { file in (0..<files[file].frames).map { Page(file: file, frame: $0) } }
        spacing = nil
      }
      try checkAgreement()
    }

    // MARK: Order

    private static func slice(_ file: DICOMFile, _ frame: Int) -> DICOMError.Slice {
      DICOMError.Slice(
        file: (file.path as NSString).lastPathComponent, frame: file.frames > 1 ? frame : nil)
    }

    private static func checkSeries(_ path: String, _ files: [DICOMFile]) throws(DICOMError) {
      let count = Set(files.map(\.series)).count
      guard count > 1, let other = files.first(where: { $0.series != files[0].series }) else { return }
      throw .severalSeries(
        path: path, count: count, first: slice(files[0], 0).file, second: slice(other, 0).file)
    }

    /// Along the normal that all slices share, in mm.
    private static func positions(
      _ path: String, _ files: [DICOMFile], _ pages: [Page],
      _ planes: [(position: [Double], orientation: [Double])]
    ) throws(DICOMError) -> [Double] {
      guard let first = planes.first?.orientation else { return [] }
      if let other = planes.firstIndex(where: { plane in
        zip(plane.orientation, first).contains { abs($0 - $1) > 1e-3 }
      }) {
        throw .mixed(
          path: path, slice: slice(files[pages[other].file], pages[other].frame),
          found: "turned to \(directions(planes[other].orientation))",
          other: slice(files[pages[0].file], pages[0].frame), expected: "turned to \(directions(first))")
      }
      let normal = [
        first[1] * first[5] - first[2] * first[4], first[2] * first[3] - first[0] * first[5],
        first[0] * first[4] - first[1] * first[3],
      ]
      return planes.map { dot($0.position, normal) }
    }

    static func directions(_ orientation: [Double]) -> String {
      orientation.map { "\(($0 * 1e4).rounded() / 1e4 + 0)" }.joined(separator: " ")
    }

    /// Between neighbours of sorted places, at least two, and what most of them are.
    private static func steps(_ places: [Double]) -> (all: [Double], usual: Double) {
      let steps = zip(places.dropFirst(), places).map { $0 - $1 }
      return (steps, steps.sorted()[steps.count / 2])
    }

    /// The first of sorted places that is also that of the next one.
    private static func repeated(_ places: [Double]) -> Int? {
      guard places.count > 1 else { return nil }
      let (steps, usual) = steps(places)
      return steps.firstIndex { $0 <= max(0, usual) * tolerance }
    }

    /// The mean distance of sorted places; nil for a single one.
    private static func step(
      _ path: String, _ files: [DICOMFile], _ pages: [Page], _ places: [Double], _ order: DICOMError.Order
    ) throws(DICOMError) -> Double? {
      guard let first = places.first, let last = places.last, places.count > 1 else { return nil }
      func slice(_ index: Int) -> DICOMError.Slice {
        Self.slice(files[pages[index].file], pages[index].frame)
      }
      if let index = repeated(places) {
        throw .repeated(
          path: path, first: slice(index), second: slice(index + 1), at: places[index], order: order)
      }
      let (steps, usual) = steps(places)
      for (index, step) in steps.enumerated() where abs(step - usual) > usual * tolerance {
        throw .gap(
          path: path, before: slice(index), at: places[index], after: slice(index + 1), to: places[index + 1],
          step: usual, order: order)
      }
      return (last - first) / Double(steps.count)
    }

    // MARK: Agreement

    private func checkAgreement() throws(DICOMError) {
      let first = pages[0]
      let (kind, grid) = (kind(first), files[first.file].spacing(first.frame))
      for page in pages {
        let other = files[page.file].spacing(page.frame)
        func differ(_ a: Double?, _ b: Double?) -> Bool {
          guard let a, let b else { return a != b }
          return abs(a - b) > 1e-3 * a
        }
        guard self.kind(page) == kind, !differ(grid.x, other.x), !differ(grid.y, other.y),
          grid.note == other.note
        else {
          func text(_ page: Page, _ spacing: (x: Double?, y: Double?, note: String?)) -> String {
            guard let x = spacing.x, let y = spacing.y else { return self.kind(page) }
            return "\(self.kind(page)), \(y) × \(x) mm each\(spacing.note.map { " \($0)" } ?? "")"
          }
          throw .mixed(
            path: path, slice: Self.slice(files[page.file], page.frame), found: text(page, other),
            other: Self.slice(files[first.file], first.frame), expected: text(first, grid))
        }
      }
    }

    private func kind(_ page: Page) -> String {
      let file = files[page.file]
      return "\(file.rows) × \(file.columns) samples of \(file.sampleType.rawValue)"
        + (file.isInverted ? ", MONOCHROME1" : "")
    }
  }
#endif
