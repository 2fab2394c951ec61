import CSamples

/// What a detector shows without an object and without light.
///
///     t(θ, s) = (I(θ, s) − D(s)) / (F(s) − D(s))
///
/// F and D are the mean or the median of the flats and darks, bin by bin. The median takes out zingers, which a mean
/// spreads over the whole scan. Where there are flats (or darks) from before and from after the projections, F (or D)
/// runs linearly in the number of the page from the one to the other: a beam that fades leaves no slope behind.
///
/// - Flats and darks: any number of pages, `[detector rows, bins]`, counts.
///
/// Source: the standard correction; Seibert, Boone, Lindfors, "Flat-field correction technique for digital
/// detectors", Proc. SPIE 3336 (1998), DOI 10.1117/12.317034.
public struct FlatField: Sendable {
  public enum Average: String, Hashable, Sendable, CaseIterable { case mean, median }

  /// From before the projections or, where there are two, from before and after.
  public let flats: [ImageStack]
  /// None where the detector has no offset.
  public let darks: [ImageStack]
  public let average: Average

  public init(flats: [ImageStack], darks: [ImageStack] = [], average: Average = .mean) {
    precondition(
      (1...2).contains(flats.count) && darks.count <= 2, "\(flats.count) flats, \(darks.count) darks")
    self.flats = flats
    self.darks = darks
    self.average = average
  }
}

/// The flat field of some detector rows.
struct FlatFieldRows: Sendable {
  let bins: Int
  /// At the first page and, where it differs, at the last: D and F − D.
  private let ends: [(dark: [Float], light: [Float])]
  /// Of the first page: 1 / (F − D); 0 in dead bins.
  private let gain: [Float]
  /// Bins of each row whose flat is not above the dark.
  let dead: [DeadBins]

  /// - Throws: ``ProjectionError/noLight(path:row:)`` for a row without a live bin.
  init(_ field: FlatField, rows range: Range<Int>, bins: Int, threads: Int) throws {
    self.bins = bins
    var flats: [[Double]] = []
    for stack in field.flats { flats.append(try Self.average(stack, range, field.average, threads)) }
    var darks: [[Double]] = []
    for stack in field.darks { darks.append(try Self.average(stack, range, field.average, threads)) }
    if darks.isEmpty { darks = [[Double](repeating: 0, count: range.count * bins)] }
    ends = (0..<max(flats.count, darks.count)).map { end in
      let (flat, dark) = (flats[min(end, flats.count - 1)], darks[min(end, darks.count - 1)])
      return (dark.map { Float($0) }, zip(flat, dark).map { Float($0 - $1) })
    }
    var gain = [Float](repeating: 0, count: range.count * bins)
    for i in gain.indices where ends.allSatisfy({ $0.light[i] > 0 }) { gain[i] = 1 / ends[0].light[i] }
    var dead: [DeadBins] = []
    for row in 0..<range.count {
      let found = (0..<bins).filter { gain[row * bins + $0] == 0 }
      guard found.count < bins else {
        throw ProjectionError.noLight(path: field.flats[0].path, row: range.lowerBound + row)
      }
      dead.append(DeadBins(found, bins: bins))
    }
    self.gain = gain
    self.dead = dead
  }

  /// D and 1 / (F − D) of a row, where they run from the first page to the last.
  struct Correction {
    fileprivate var dark: [Float]
    fileprivate var gain: [Float]

    init(_ field: FlatFieldRows) {
      dark = [Float](repeating: 0, count: field.ends.count == 2 ? field.bins : 0)
      gain = dark
    }

    /// - Parameter place: of the first bin in `start`, `end` and `gain`.
    fileprivate mutating func interpolate(
      _ start: (dark: [Float], light: [Float]), _ end: (dark: [Float], light: [Float]), _ gain: [Float],
      _ place: Int, _ fraction: Float
    ) {
      for bin in dark.indices {
        let i = place + bin
        let isLive = gain[i] > 0
        dark[bin] = isLive ? start.dark[i] + fraction * (end.dark[i] - start.dark[i]) : start.dark[i]
        self.gain[bin] = isLive ? 1 / (start.light[i] + fraction * (end.light[i] - start.light[i])) : 0
      }
    }
  }

  /// −log of the transmissions of a row of a page.
  ///
  /// - Parameters:
  ///   - counts: of this row.
  ///   - row: within the range.
  ///   - fraction: 0 for the first page, 1 for the last.
  ///   - correction: memory to work in.
  ///   - line: where they go.
  /// - Returns: the number of samples that were raised to the minimum transmission, all those of dead bins among them.
  func lineIntegrals(
    of counts: UnsafePointer<Float>, row: Int, at fraction: Float, _ correction: inout Correction,
    into line: UnsafeMutablePointer<Float>, _ minimumTransmission: Float
  ) -> Int {
    let (start, end) = (ends[0], ends[ends.count - 1])
    let isFixed = ends.count == 1
    if !isFixed { correction.interpolate(start, end, gain, row * bins, fraction) }
    let place = isFixed ? row * bins : 0
    let below = (isFixed ? start.dark : correction.dark).withUnsafeBufferPointer { dark in
      (isFixed ? gain : correction.gain).withUnsafeBufferPointer { gain in
        guard let dark = dark.baseAddress, let gain = gain.baseAddress else { return 0 }
        return samples_negative_logarithms(
          counts, dark + place, gain + place, line, bins, minimumTransmission)
      }
    }
    dead[row].bridge(line)
    return below
  }

  private static func average(
    _ stack: ImageStack, _ range: Range<Int>, _ kind: FlatField.Average, _ threads: Int
  ) throws -> [Double] {
    let columns = stack.info.columns
    return try inParts(of: range, threads: threads) { rows in
      try kind == .mean ? mean(stack, rows, columns) : median(stack, rows, columns)
    }.flatMap { $0 }
  }

  private static func mean(_ stack: ImageStack, _ rows: Range<Int>, _ columns: Int) throws -> [Double] {
    var sum = [Double](repeating: 0, count: rows.count * columns)
    var samples = [Float](repeating: 0, count: sum.count)
    for index in 0..<stack.count {
      try samples.withUnsafeMutableBufferPointer { try stack.read(rows, ofPage: index, into: $0) }
      for i in sum.indices { sum[i] += Double(samples[i]) }
    }
    return sum.map { $0 / Double(stack.count) }
  }

  private static func median(_ stack: ImageStack, _ rows: Range<Int>, _ columns: Int) throws -> [Double] {
    var pages: [[Float]] = []
    for index in 0..<stack.count { pages.append(try stack.rows(rows, ofPage: index).samples) }
    var values = [Float](repeating: 0, count: pages.count)
    return (0..<rows.count * columns).map { i in
      for (index, page) in pages.enumerated() { values[index] = page[i] }
      values.sort()
      return (Double(values[(values.count - 1) / 2]) + Double(values[values.count / 2])) / 2
    }
  }
}
