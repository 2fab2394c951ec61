import Fields
import Operators
import Testing

@Suite struct SamplingMaskTests {
  @Test func takesEveryLineThroughTheCentre() throws {
    let mask = try SamplingMask.uniform([9, 4], acceleration: 3, calibration: 2)
    // Offsets −4 … 4: multiples of 3, and −1, 0 around the centre.
    #expect((0..<9).filter { mask[$0, 0] } == [1, 3, 4, 7])
    #expect((0..<9).allSatisfy { row in (0..<4).allSatisfy { mask[row, $0] == mask[row, 0] } })
    #expect(mask.count == 16)
    let columns = try SamplingMask.uniform([3, 8], encoding: .columns, acceleration: 4)
    #expect((0..<8).filter { columns[2, $0] } == [0, 4])
    let points = try SamplingMask.uniform([6, 6], encoding: .points, acceleration: 2, calibration: 2)
    #expect(points.count == 9 + 3)
    #expect(try SamplingMask.full([3, 5]).acceleration == 1)
  }

  @Test(arguments: SamplingMask.Encoding.allCases) func drawsExactlyAsManyAsAskedFor(
    encoding: SamplingMask.Encoding
  ) throws {
    let shape: Shape = [40, 32]
    let mask = try SamplingMask.variableDensity(
      shape, encoding: encoding, acceleration: 4, calibration: 4, seed: 3)
    #expect(mask.acceleration == 4)
    for row in 18..<22 { for column in 14..<18 { #expect(mask[row, column]) } }
    #expect(
      try mask
        == .variableDensity(shape, encoding: encoding, acceleration: 4, calibration: 4, seed: 3))
    #expect(
      try mask
        != .variableDensity(shape, encoding: encoding, acceleration: 4, calibration: 4, seed: 4))
  }

  /// Of (1 − r)^2 in two dimensions, 11/16 lies within r < ½ and 5/16 beyond; drawing without replacement evens that out
  /// a little. 400 draws scatter by 2.5 %.
  @Test func drawsMoreInTheCentre() throws {
    let mask = try SamplingMask.variableDensity(
      [64, 64], encoding: .points, acceleration: 10, power: 2, seed: 1)
    var inside = 0
    for row in 0..<64 {
      for column in 0..<64 where mask[row, column] {
        let (y, x) = (Double(row - 32) / 32, Double(column - 32) / 32)
        if y * y + x * x < 0.25 { inside += 1 }
      }
    }
    let share = Double(inside) / Double(mask.count)
    #expect(share > 0.58 && share < 0.75, "\(share)")
  }

  /// No two samples outside the calibration are neighbours at 4-fold acceleration, which even spacing of 2 allows; what
  /// fills the last gaps may come as close as √2.
  @Test func keepsADistance() throws {
    let mask = try SamplingMask.poissonDisc([60, 44], acceleration: 4, calibration: 8, seed: 5)
    #expect(mask.count == 60 * 44 / 4)
    var pairs = 0
    for row in 0..<60 {
      for column in 0..<43 where mask[row, column] && mask[row, column + 1] {
        if !(26..<34).contains(row) || !(17..<26).contains(column) { pairs += 1 }
      }
    }
    #expect(pairs == 0, "\(pairs) neighbours")
    #expect(mask.calibrationRegion[0] >= 8 && mask.calibrationRegion[1] >= 8)
    #expect(try mask == .poissonDisc([60, 44], acceleration: 4, calibration: 8, seed: 5))
    let varying = try SamplingMask.poissonDisc([60, 44], acceleration: 6, growth: 3, seed: 5)
    #expect(varying.count == 440)
    let inner = (15..<45).reduce(0) { sum, row in sum + (11..<33).filter { varying[row, $0] }.count }
    // A quarter of the area; at a distance that grows fourfold it has far more than that of the samples, which would be 110.
    #expect(inner > 160)
  }

  @Test func leavesOutOneEnd() throws {
    let mask = try SamplingMask.full([8, 5]).partialFourier(0.625)
    #expect((0..<8).filter { mask[$0, 0] } == [0, 1, 2, 3, 4])
    // The centre is kept whatever the fraction.
    let columns = try SamplingMask.full([3, 9]).partialFourier(0.5, axis: 1)
    #expect((0..<9).filter { columns[0, $0] } == [0, 1, 2, 3, 4])
    #expect(try SamplingMask.full([8, 5]).partialFourier(1) == .full([8, 5]))
  }

  @Test func findsItsCalibrationRegion() throws {
    #expect(try SamplingMask.full([7, 12]).calibrationRegion == [7, 12])
    #expect(
      try SamplingMask.uniform([64, 48], acceleration: 4, calibration: 24).calibrationRegion[1] == 48)
    let region = try SamplingMask.uniform([64, 48], encoding: .points, acceleration: 4, calibration: 20)
      .calibrationRegion
    #expect(region == [20, 20])
    var samples = [Bool](repeating: false, count: 25)
    samples[0] = true
    #expect(try SamplingMask(shape: [5, 5], samples: samples).calibrationRegion == [0, 0])
    var kSpace = KSpace(shape: [2, 3, 3])
    kSpace.samples[9 + 4] = .one
    #expect(try SamplingMask(nonZeroOf: kSpace).calibrationRegion == [1, 1])
  }

  @Test func refusesMasksThatCannotBe() throws {
    #expect(throws: OperatorError.noSamples("the sampling mask")) {
      try SamplingMask(shape: [2, 2], samples: [false, false, false, false])
    }
    #expect(throws: OperatorError.noSamples("the sampling mask")) {
      try SamplingMask(nonZeroOf: KSpace(shape: [4, 4]))
    }
    #expect(throws: OperatorError.emptyShape("the sampling mask", found: [0, 4])) {
      try SamplingMask.full([0, 4])
    }
    #expect(throws: OperatorError.outOfRange("the acceleration", found: "0", expected: "1 or more")) {
      try SamplingMask.uniform([8, 8], acceleration: 0)
    }
    #expect(
      throws: OperatorError.outOfRange(
        "the width of the calibration region", found: "9", expected: "0 … 8, the samples along the axis")
    ) { try SamplingMask.uniform([8, 8], acceleration: 2, calibration: 9) }
    #expect(
      throws: OperatorError.outOfRange(
        "the calibration region", found: "6 lines or points",
        expected: "at most 2, all that an acceleration of 4.0 leaves")
    ) { try SamplingMask.variableDensity([8, 8], acceleration: 4, calibration: 6, seed: 1) }
    for acceleration in [0.5, .nan, 100] {
      #expect(throws: OperatorError.self) {
        try SamplingMask.poissonDisc([8, 8], acceleration: acceleration, seed: 1)
      }
    }
    #expect(throws: OperatorError.self) { try SamplingMask.full([8, 8]).partialFourier(0.4) }
    #expect(throws: OperatorError.self) {
      try SamplingMask.poissonDisc([8, 8], acceleration: 2, growth: .nan, seed: 1)
    }
  }
}
