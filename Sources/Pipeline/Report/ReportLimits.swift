import RealModule

/// How much of a run a report carries as pixels. Figures are carried for every slice.
public struct ReportLimits: Sendable, Codable, Equatable {
  /// At most this many slices are embedded.
  public var slices: Int
  /// Pictures and residuals with a longer side are reduced by a whole factor to fit.
  public var side: Int

  public init(slices: Int = 24, side: Int = 512) {
    precondition(slices > 0 && side > 0, "\(slices) slices of side \(side) cannot be embedded")
    self.slices = slices
    self.side = side
  }

  /// As many slices, from 4 to 24, as fit into `bytes`: a pixel takes 2 bytes, 8/3 in base64.
  public init(rows: Int, columns: Int, panels: Int, bytes: Int = 24 << 20, side: Int = 512) {
    let factor = PixelReduction.factor(max(rows, columns), limit: side)
    let pixels = max(1, (rows / factor) * (columns / factor) * panels)
    self.init(slices: min(24, max(4, bytes * 3 / (pixels * 8))), side: side)
  }
}

/// Chooses which slices are embedded while they pass by: evenly spaced ones, and the worst of the rest.
///
/// A part of a scan also keeps those of its slices that the report of the whole scan embeds, so that the reports of
/// all parts can be merged into that one.
///
/// The choice depends on the slices only, not on the order in which they come, and holds no more than
/// the limit at any time.
package struct ReportSelection: Sendable {
  /// Orders slices from the worst: status, then |ln χ²|, then position in the stack.
  package struct Candidate: Sendable, Comparable {
    package let index: Int
    let status: ReportVerdict.Status
    let misfit: Double

    package init(index: Int, verdict: ReportVerdict) {
      self.index = index
      status = verdict.status
      let chiSquared = verdict.chiSquared
      misfit = chiSquared > 0 && chiSquared.isFinite ? abs(Double.log(chiSquared)) : .infinity
    }

    /// `a < b` when `a` is the worse.
    package static func < (a: Candidate, b: Candidate) -> Bool {
      if a.status != b.status { return a.status > b.status }
      if a.misfit != b.misfit { return a.misfit > b.misfit }
      return a.index < b.index
    }
  }

  private let evenlySpaced: Set<Int>
  private let room: Int
  private var worst: [Candidate] = []
  private var seen: Set<Int> = []

  package init(sliceCount: Int, slices: Range<Int>? = nil, limit: Int) {
    let slices = slices ?? 0..<sliceCount
    evenlySpaced = Self.even(slices, limit: limit).union(
      Self.even(0..<sliceCount, limit: limit).filter(slices.contains))
    room = limit - min(sliceCount, Self.evenShare(sliceCount, limit: limit))
  }

  private static func evenShare(_ count: Int, limit: Int) -> Int {
    count <= limit ? count : max(1, limit - limit / 2)
  }

  private static func even(_ slices: Range<Int>, limit: Int) -> Set<Int> {
    let (count, even) = (slices.count, evenShare(slices.count, limit: limit))
    return Set(
      (0..<even).map {
        slices.lowerBound + (even == 1 ? count / 2 : ($0 * (count - 1) + (even - 1) / 2) / (even - 1))
      })
  }

  /// Takes notice of a slice. Returns whether to keep its pixels, and whose pixels to drop for them.
  package mutating func offer(_ candidate: Candidate) -> (keep: Bool, drop: Int?) {
    if evenlySpaced.contains(candidate.index) {
      seen.insert(candidate.index)
      return (true, nil)
    }
    worst.removeAll { $0.index == candidate.index }
    let place = worst.firstIndex { candidate < $0 } ?? worst.count
    guard place < room else { return (false, nil) }
    worst.insert(candidate, at: place)
    return (true, worst.count > room ? worst.removeLast().index : nil)
  }

  /// The slices kept so far, in order.
  package var indices: [Int] { (Array(seen) + worst.map(\.index)).sorted() }
}
