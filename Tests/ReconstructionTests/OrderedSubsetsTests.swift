import Fields
import Operators
import RealModule
import Reconstruction
import TestSupport
import Testing

@Suite struct OrderedSubsetsTests {
  private static func rays(_ size: Int, _ angles: [Angle], bins: Int) throws -> RayTransform {
    try RayTransform(ImageSpace(shape: [size, size]), beam: ParallelBeam(angles: angles, bins: bins))
  }

  /// Every view once, every subset all around, whatever the order of the angles.
  @Test(arguments: [1, 2, 7, 10, 24, 60]) func dealsOutTheViews(count: Int) throws {
    let golden = (0..<60).map { Angle.degrees(Double($0) * 137.50776405) }
    for angles in [Angle.even(60, over: .degrees(360)), golden] {
      let subsets = try OrderedSubsets(Self.rays(8, angles, bins: 12), count: count).views
      #expect(subsets.count == count && subsets.flatMap { $0 }.sorted() == Array(0..<60))
      #expect(subsets.allSatisfy { $0.count == 60 / count || $0.count == 60 / count + 1 })
      for subset in subsets where subset.count > 2 {
        let turns = subset.map { view in
          let turns = angles[view].degrees / 360
          return turns - turns.rounded(.down)
        }.sorted()
        let gaps = zip(turns.dropFirst() + [turns[0] + 1], turns).map { $0 - $1 }
        // Golden angles alone are up to a third of a step from even.
        #expect((gaps.max() ?? 1) < 1.6 / Double(subset.count))
      }
    }
  }

  @Test func sparesSmallScans() throws {
    for (views, count) in [(3, 1), (8, 2), (60, 10)] {
      let A = try Self.rays(8, Angle.even(views), bins: 12)
      #expect(try OrderedSubsets(A).views.count == count)
    }
  }

  @Test func refusesMoreSubsetsThanViews() throws {
    let A = try Self.rays(8, Angle.even(5), bins: 12)
    for count in [0, 6] {
      #expect(
        throws: OperatorError.outOfRange(
          "the number of subsets", found: "\(count)", expected: "1 ... 5, the number of views")
      ) { try OrderedSubsets(A, count: count) }
    }
  }
}

@Suite struct OSSARTTests {
  @Test func isSIRTWithOneSubset() throws {
    let scan = try NoisyScan()
    var one = try OSSART(
      OrderedSubsets(scan.A, count: 1), measurement: scan.y, variance: scan.variance, relaxation: 0.8,
      lowerBound: 0)
    var sirt = try SIRT(
      scan.A, measurement: scan.y, variance: scan.variance, relaxation: 0.8, lowerBound: 0)
    for _ in 0..<4 {
      one.step()
      sirt.step()
      #expect(relativeError(one.solution, sirt.solution) < 1e-6)
      #expect(abs(one.residualSquare / sirt.residualSquare - 1) < 1e-5)
    }
  }

  /// With as many subsets as views, the second step of a pass against its equation.
  @Test func correctsForOneViewAfterTheOther() throws {
    var generator = SplitMix64(seed: 7)
    let A = try RayTransform(
      ImageSpace(shape: [9, 11]), beam: ParallelBeam(angles: [.degrees(10), .degrees(80)], bins: 16))
    let y = A.codomain.random(using: &generator)
    let subsets = try OrderedSubsets(A, count: 2)
    var method = try OSSART(subsets, measurement: y, relaxation: 0.9)
    method.step()
    var x = A.domain.zero()
    for views in subsets.views {
      let part = try A.views(views)
      var step = try SIRT(
        part,
        measurement: Sinogram(
          shape: [1, 16], samples: Array(y.samples[views[0] * 16..<(views[0] + 1) * 16])),
        start: x, relaxation: 0.9)
      step.step()
      x = step.solution
    }
    #expect(relativeError(method.solution, x) < 1e-6)
  }

  @Test func reachesTheLeastSquaresSolution() throws {
    var generator = SplitMix64(seed: 2)
    let A = try FanBeamTransform(
      ImageSpace(shape: [8, 9]),
      beam: FanBeam(
        angles: Angle.even(30, over: .degrees(360)), bins: 17, sourceAxisDistance: 30,
        sourceDetectorDistance: 40))
    let truth = A.domain.random(using: &generator)
    let y = A(truth)
    var cgls = CGLS(A, measurement: y)
    try cgls.run(limit: 500)
    var method = try OSSART(OrderedSubsets(A, count: 5), measurement: y)
    try method.run(limit: 10_000)
    #expect(method.hasConverged)
    #expect(relativeError(method.solution, cgls.solution) < 1e-3)
    #expect(relativeError(method.solution, truth) < 1e-3 && method.relativeResidual < 1e-4)
  }

  /// Five passes over eight subsets go further than twenty-five steps of SIRT.
  @Test func isFasterThanSIRT() throws {
    let scan = try NoisyScan()
    let y = scan.A(scan.truth)
    var method = try OSSART(OrderedSubsets(scan.A, count: 8), measurement: y, lowerBound: 0)
    var sirt = try SIRT(scan.A, measurement: y, lowerBound: 0)
    var last = 1.0
    for _ in 0..<5 {
      method.step()
      #expect(method.relativeResidual < last)
      last = method.relativeResidual
    }
    for _ in 0..<25 { sirt.step() }
    #expect(method.relativeResidual < sirt.relativeResidual)
  }

  @Test(arguments: [1, 1.2]) func stopsAtTheDiscrepancy(tau: Double) throws {
    let scan = try NoisyScan()
    var method = try OSSART(
      OrderedSubsets(scan.A, count: 4), measurement: scan.y, variance: scan.variance, tau: tau,
      relaxation: 0.3, lowerBound: 0)
    var before = Double.infinity
    let steps = try method.run(limit: 200) { _, state in
      if !state.hasConverged { before = state.residualSquare }
    }
    let target = tau * tau * Double(scan.A.codomain.dimension)
    #expect(method.hasConverged && steps > 2 && steps < 200)
    #expect(method.residualSquare <= target && before > target)
    #expect(abs(scan.chiSquare(method.solution) / method.residualSquare - 1) < 1e-4)
    #expect(method.residualSquare > 0.85 * target)
    #expect(method.solution.samples.allSatisfy { $0 >= 0 })
  }

  @Test func refusesWhatCannotBe() throws {
    let scan = try NoisyScan()
    let subsets = try OrderedSubsets(scan.A, count: 4)
    #expect(
      throws: ReconstructionError.outOfRange("the relaxation", found: "2.5", expected: "above 0 and below 2")
    ) {
      try OSSART(subsets, measurement: scan.y, relaxation: 2.5)
    }
    #expect(
      throws: ReconstructionError.outOfRange(
        "the sinogram at view 1, bin 1", found: "inf", expected: "a number")
    ) {
      var y = scan.y
      y[0, 0] = .infinity
      return try OSSART(subsets, measurement: y)
    }
    #expect(throws: ReconstructionError.shapes("the variance", found: [1, 1], expected: [40, 92])) {
      try OSSART(subsets, measurement: scan.y, variance: Sinogram(shape: [1, 1]))
    }
  }
}
