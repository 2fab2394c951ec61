import Fields
import Foundation
import Operators

/// How the rotation axis is searched, as `geometry: axis:` says it.
///
///     axis: auto
///     axis: {near: 296, within: 20, rows: 5}
public struct AxisSearchDescription: Hashable, Sendable {
  /// A bin from which the axis is at most ``within`` bins away; the whole middle half of the detector when nil.
  public var near: Double?
  public var within: Double
  /// Slices that are searched, spread over the scan.
  public var rows: Int

  public init(near: Double? = nil, within: Double = 25, rows: Int = 5) {
    (self.near, self.within, self.rows) = (near, within, rows)
  }

  func range(bins: Int) -> ClosedRange<Double> {
    let last = Double(bins - 1)
    guard let near else { return last / 4...3 * last / 4 }
    let low = max(near - within, 0)
    return low...max(low, min(near + within, last))
  }
}

/// Where the rotation axis was found, and how sure that is.
public struct AxisEstimate: Hashable, Sendable, Codable, CustomStringConvertible {
  public enum Method: String, Hashable, Sendable, Codable, CaseIterable {
    /// See ``OppositeViews``.
    case oppositeViews = "opposite views"
    /// See ``DoubleWedge``.
    case doubleWedge = "double wedge"
  }

  public struct Single: Hashable, Sendable, Codable {
    public let method: Method
    /// From 0.
    public let slice: Int
    /// In bins, from 0.
    public let axis: Double
  }

  /// In bins, from 0: the median of the estimates that agree.
  public let axis: Double
  /// a / (n + 1) when a of n searches, by different methods and of different slices, agree within a bin. One that finds
  /// nothing counts among the n. One alone has 1/2: nothing confirms it.
  public let confidence: Double
  public let estimates: [Single]

  /// From this on, a run goes on by itself.
  public static let sufficientConfidence = 0.51

  /// - Parameters:
  ///   - estimates: at least one.
  ///   - searches: with those that found nothing.
  init(_ estimates: [Single], searches: Int) {
    precondition(
      !estimates.isEmpty && searches >= estimates.count, "\(estimates.count) of \(searches) estimates")
    self.estimates = estimates
    let groups = estimates.map { one in
      estimates.map(\.axis).filter { abs($0 - one.axis) <= 1 }.sorted()
    }
    // The first of the largest groups.
    let group = groups.max { $0.count < $1.count } ?? []
    axis = (group[(group.count - 1) / 2] + group[group.count / 2]) / 2
    confidence = Double(group.count) / Double(searches + 1)
  }

  public var description: String {
    var parts: [String] = []
    for method in Method.allCases {
      let found = estimates.filter { $0.method == method }.map { String(format: "%.2f", $0.axis) }
      if !found.isEmpty { parts.append("\(method.rawValue): \(found.joined(separator: ", "))") }
    }
    return String(format: "axis: %.2f, confidence %.2f", axis, confidence)
      + " (\(parts.joined(separator: "; ")))"
  }
}

/// Searches the rotation axis of a parallel-beam scan by all methods that its angles allow.
public struct AxisSearch {
  private let opposite: OppositeViews?
  private let wedge: DoubleWedge?
  private let range: ClosedRange<Double>
  /// How many methods there are.
  let methods: Int

  /// - Throws: ``AxisError/noMethod(views:)`` where the angles allow none; `OperatorError` where no FFT can be planned.
  public init(
    _ description: AxisSearchDescription = .init(), angles: [Angle], bins: Int, threads: Int? = nil
  ) throws {
    opposite = try OppositeViews(angles: angles, bins: bins)
    wedge = try DoubleWedge(angles: angles, bins: bins, threads: threads ?? processorCount)
    range = description.range(bins: bins)
    methods = (opposite == nil ? 0 : 1) + (wedge == nil ? 0 : 1)
    guard methods > 0 else { throw AxisError.noMethod(views: angles.count) }
  }

  /// What the methods find; not what lies at the end of the range, because the best is beyond.
  public func estimates(of sinogram: Sinogram, slice: Int) -> [AxisEstimate.Single] {
    var found: [AxisEstimate.Single] = []
    if let axis = wedge?.axis(of: sinogram, in: range) {
      found.append(.init(method: .doubleWedge, slice: slice, axis: axis))
    }
    if let axis = opposite?.axis(of: sinogram, in: range) {
      found.append(.init(method: .oppositeViews, slice: slice, axis: axis))
    }
    let margin = min(1, (range.upperBound - range.lowerBound) / 8)
    return found.filter {
      $0.axis > range.lowerBound + margin && $0.axis < range.upperBound - margin
    }
  }

  /// The mean of the spectrum outside the double wedge for some candidates, least at the axis; nil where the angles do
  /// not allow it.
  public func spectrumOutsideWedge(of sinogram: Sinogram, at axes: [Double]) -> [Double]? {
    wedge?.curve(of: sinogram, at: axes).values
  }
}

extension PipelineDescription {
  /// The same pipeline with the rotation axis that its scan has.
  ///
  /// Does nothing where the pipeline states the axis.
  ///
  /// - Parameters:
  ///   - path: of the measurements, instead of the one in the pipeline.
  ///   - runs: folders of runs that may have searched it already.
  /// - Throws: ``AxisError``; what is wrong with the scan.
  public func findingAxis(
    of path: String?, knownTo runs: [String] = [], threads: Int? = nil
  ) async throws -> (description: PipelineDescription, estimate: AxisEstimate?) {
    guard case .searched(let search) = geometry.axis else { return (self, nil) }
    for run in runs {
      guard let axis = try RunJournal.header(of: RunFolder.journal(in: run))?.identity.axis else { continue }
      var result = self
      result.geometry.setAxis(axis)
      return (result, nil)
    }
    let estimate = try await axisEstimate(of: path, search, threads: threads)
    guard estimate.confidence >= AxisEstimate.sufficientConfidence else {
      throw AxisError.uncertain(file: file, estimate)
    }
    var result = self
    result.geometry.setAxis(estimate.axis)
    return (result, estimate)
  }

  /// Where the axis of a scan seems to be, whatever the pipeline says of it.
  public func axisEstimate(
    of path: String?, _ search: AxisSearchDescription, threads: Int? = nil
  ) async throws -> AxisEstimate {
    let scan = try PreparedSinograms(self, path: path, lookahead: 0)
    let beam = geometry.beam
    let engine = try AxisSearch(search, angles: beam.angles, bins: beam.bins, threads: threads)
    let shown = min(scan.count, search.rows)
    var estimates: [AxisEstimate.Single] = []
    var searches = 0
    for k in 0..<shown {
      try Task.checkCancellation()
      let slice = (2 * k + 1) * scan.count / (2 * shown)
      do {
        let sinogram = try await scan.field(at: slice)
        estimates += engine.estimates(of: sinogram, slice: slice)
        searches += engine.methods
      } catch {
        // A run reports slices that cannot be read one by one; others have the same axis.
        if error is CancellationError || (k == shown - 1 && searches == 0) { throw error }
      }
    }
    guard !estimates.isEmpty else { throw AxisError.nothingFound(path: scan.path) }
    return AxisEstimate(estimates, searches: searches)
  }
}

/// Why the rotation axis is not known.
public enum AxisError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The angles are such that no method works.
  case noMethod(views: Int)
  case nothingFound(path: String)
  case uncertain(file: String, AxisEstimate)
  /// The pipeline says that it is to be searched, and nobody did.
  case notSearched(file: String)
  /// The slice counts from 0 here and from 1 in the sentence.
  case noSuchSlice(path: String, slice: Int, slices: Int)

  public var description: String {
    switch self {
    case .noMethod(let views):
      "cannot search the rotation axis: none of the \(views) views are half a turn apart, nor are they even over 180°. "
        + "State it as 'axis: BIN' in 'geometry'."
    case .nothingFound(let path):
      "cannot find the rotation axis of '\(path)': no candidate within the range fits best. Search elsewhere, with "
        + "'axis: {near: BIN, within: 50}', or state it as 'axis: BIN' in 'geometry'."
    case .uncertain(let file, let estimate):
      "cannot tell the rotation axis; found \(estimate). Look at candidates with 'deft axis \(file)', then state it as "
        + "'axis: BIN' or 'axis: {near: BIN, within: 10}' in 'geometry'."
    case .noSuchSlice(let path, let slice, let slices):
      "'\(path)' has no slice \(slice + 1): it has \(slices). Ask for a slice from 1 to \(slices)."
    case .notSearched(let file):
      "'\(file)' leaves the rotation axis to a search, which this command does not make. Find it with "
        + "'deft axis \(file)' and state it as 'axis: BIN' in 'geometry'."
    }
  }
}
