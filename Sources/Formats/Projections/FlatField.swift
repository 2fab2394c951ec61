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
  init(_ field: FlatField, rows range: Range<Int>, bins: Int) throws {
    self.bins = bins
    var flats: [[Double]] = []
    for stack in field.flats { flats.append(try Self.average(stack, range, field.average)) }
    var darks: [[Double]] = []
    for stack in field.darks { darks.append(try Self.average(stack, range, field.average)) }
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

  /// D and 1 / (F − D) of a line, where they run from the first page to the last.
  struct Correction {
    fileprivate var dark: [Float]
    fileprivate var gain: [Float]

    init(bins: Int) {
      dark = [Float](repeating: 0, count: bins)
      gain = dark
    }
  }

  /// −log of the transmissions of a line.
  ///
  /// - Parameters:
  ///   - row: within the range.
  ///   - fraction: 0 for the first page, 1 for the last.
  ///   - correction: memory to work in.
  /// - Returns: how many samples of live bins were raised to the minimum transmission.
  func lineIntegrals(
    of counts: UnsafePointer<Float>, row: Int, at fraction: Float, _ correction: inout Correction,
    into line: UnsafeMutablePointer<Float>, _ minimumTransmission: Float
  ) -> Int {
    let place = row * bins
    var below = 0
    func attenuate(_ dark: [Float], _ gain: [Float], _ place: Int) {
      dark.withUnsafeBufferPointer { dark in
        gain.withUnsafeBufferPointer { gain in
          guard let dark = dark.baseAddress, let gain = gain.baseAddress else { return }
          below = samples_negative_logarithms(
            counts, dark + place, gain + place, line, bins, minimumTransmission)
        }
      }
    }
    if ends.count == 2 {
      let (start, end) = (ends[0], ends[1])
      for bin in 0..<bins {
        let i = place + bin
        correction.dark[bin] =
          gain[i] > 0 ? start.dark[i] + fraction * (end.dark[i] - start.dark[i]) : start.dark[i]
        correction.gain[bin] =
          gain[i] > 0 ? 1 / (start.light[i] + fraction * (end.light[i] - start.light[i])) : 0
      }
      attenuate(correction.dark, correction.gain, 0)
    } else {
      attenuate(ends[0].dark, gain, place)
    }
    dead[row].bridge(line)
    // Dead bins have no light at all: each of their samples is below.
    return below - dead[row].count
  }

  private static func average(
    _ stack: ImageStack, _ range: Range<Int>, _ kind: FlatField.Average
  ) throws -> [Double] {
    let count = range.count * stack.info.columns
    switch kind {
    case .mean:
      var sum = [Double](repeating: 0, count: count)
      for index in 0..<stack.count {
        let samples = try stack.rows(range, ofPage: index).samples
        for i in sum.indices { sum[i] += Double(samples[i]) }
      }
      return sum.map { $0 / Double(stack.count) }
    case .median:
      var pages: [[Float]] = []
      for index in 0..<stack.count { pages.append(try stack.rows(range, ofPage: index).samples) }
      var values = [Float](repeating: 0, count: pages.count)
      return (0..<count).map { i in
        for (index, page) in pages.enumerated() { values[index] = page[i] }
        values.sort()
        return (Double(values[(values.count - 1) / 2]) + Double(values[values.count / 2])) / 2
      }
    }
  }
}
