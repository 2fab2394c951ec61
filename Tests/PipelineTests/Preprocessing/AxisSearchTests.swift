import Fields
import Foundation
import Operators
import Pipeline
import TestSupport
import Testing

@Suite struct AxisSearchTests {
  private static func estimates(
    _ scan: SimulatedScan, _ sinogram: Sinogram, _ search: AxisSearchDescription = .init()
  ) throws -> [AxisEstimate.Single] {
    try AxisSearch(search, angles: scan.angles, bins: scan.bins).estimates(of: sinogram, slice: 0)
  }

  /// Half turns without and with the end point, full turns, backwards, from elsewhere.
  @Test(arguments: [
    (180, 180.0, false), (181, 180, true), (240, 360, false), (361, 360, true), (180, -180, false),
    (45, 180, false),
  ])
  func findsTheAxisBetweenBins(views: Int, range: Double, includingEnd: Bool) throws {
    for axis in [95.5, 88.3, 103.75] {
      var scan = SimulatedScan(views: views, range: range, includingEnd: includingEnd, axis: axis)
      scan.radius = 65
      let found = try Self.estimates(scan, scan.noisySinogram(photons: 20_000))
      #expect(found.map(\.method) == [.doubleWedge, .oppositeViews])
      for one in found { #expect(abs(one.axis - axis) < 0.25, "\(one.method.rawValue) of \(views) views") }
    }
  }

  /// Faults that preprocessing is for: the search has to stand them, too.
  @Test func standsStripesAndZingers() throws {
    let scan = SimulatedScan(axis: 101.4)
    var sinogram = scan.noisySinogram(photons: 2_000)
    for view in 0..<180 {
      for (bin, height) in [(50, 0.2), (90, -0.15), (91, -0.15), (130, 0.2)] as [(Int, Float)] {
        sinogram[view, bin] += height
      }
      if view % 6 == 0 { sinogram[view, (view * 31) % 192] -= 1 }
    }
    let found = try Self.estimates(scan, sinogram)
    for one in found { #expect(abs(one.axis - 101.4) < 0.5, "\(one.method.rawValue)") }
  }

  /// The object reaches 40 bins beyond the detector on either side.
  @Test func findsTheAxisOfATruncatedScan() throws {
    var scan = SimulatedScan(axis: 92.7)
    scan.radius = 135
    let found = try Self.estimates(scan, scan.noisySinogram(photons: 100_000))
    for one in found { #expect(abs(one.axis - 92.7) < 0.5, "\(one.method.rawValue)") }
  }

  @Test func searchesWhereItIsTold() throws {
    let scan = SimulatedScan(axis: 80.2)
    let sinogram = scan.sinogram()
    for one in try Self.estimates(scan, sinogram, .init(near: 78, within: 5)) {
      #expect(abs(one.axis - 80.2) < 0.2)
    }
    // The axis is not there: what is best lies at the end of the range and is none.
    #expect(try Self.estimates(scan, sinogram, .init(near: 90, within: 8)).isEmpty)
  }

  /// Uneven angles have opposite views and no wedge; a quarter turn has neither.
  @Test func usesWhatTheAnglesAllow() throws {
    var scan = SimulatedScan(views: 200, range: 360, axis: 99.25)
    for k in scan.angles.indices where k % 2 == 1 {
      scan.angles[k] = .degrees(scan.angles[k].degrees + 0.4)
    }
    let found = try Self.estimates(scan, scan.sinogram())
    #expect(found.map(\.method) == [.oppositeViews])
    for one in found { #expect(abs(one.axis - 99.25) < 0.2) }
    #expect(throws: AxisError.noMethod(views: 90)) {
      try AxisSearch(angles: SimulatedScan(views: 90, range: 90).angles, bins: 192)
    }
  }

  @Test func isSureOfWhatAgrees() throws {
    let scan = SimulatedScan(axis: 95.5)
    let search = try AxisSearch(angles: scan.angles, bins: scan.bins)
    let sinogram = scan.sinogram()
    let axes = (-4...4).map { 95.5 + Double($0) }
    let curve = try #require(search.spectrumOutsideWedge(of: sinogram, at: axes))
    #expect(curve.indices.min { curve[$0] < curve[$1] } == 4)
    // The further away, the more lies outside.
    for k in 0..<4 {
      #expect(curve[k] > curve[k + 1])
      #expect(curve[8 - k] > curve[7 - k])
    }
  }
}
