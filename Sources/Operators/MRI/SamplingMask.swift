import Fields
import RealModule

/// Which samples of a Cartesian grid of k-space a scan takes.
///
/// Sample [r, c] is the frequency (r − ⌊R/2⌋, c − ⌊C/2⌋) in cycles per field of view, as in ``CartesianFourier``.
/// Every family is made from its numbers and a seed alone, so that equal descriptions give equal masks.
public struct SamplingMask: Hashable, Sendable {
  /// What varies from readout to readout.
  public enum Encoding: String, Hashable, Sendable, CaseIterable {
    /// Rows are readouts: one phase-encoding axis, down the rows.
    case rows
    /// Columns are readouts: one phase-encoding axis, across the columns.
    case columns
    /// Every sample has a readout of its own, across the picture: two phase-encoding axes.
    case points
  }

  /// `[rows, columns]`
  public let shape: Shape
  /// Row-major; true where a sample is taken.
  public let samples: [Bool]
  /// How many are taken.
  public let count: Int
  /// Samples of the grid for each that is taken.
  public var acceleration: Double { Double(samples.count) / Double(count) }

  public subscript(row: Int, column: Int) -> Bool { samples[row * shape[1] + column] }

  /// - Throws: ``OperatorError`` when there is no grid, the number of values does not fit, or no sample is taken.
  public init(shape: Shape, samples: [Bool]) throws(OperatorError) {
    try Self.check(shape)
    guard samples.count == shape.count else {
      throw .outOfRange(
        "the number of values of a sampling mask", found: "\(samples.count)",
        expected: "\(shape.count) for \(shape)")
    }
    let count = samples.reduce(0) { $0 + ($1 ? 1 : 0) }
    guard count > 0 else { throw .noSamples("the sampling mask") }
    self.shape = shape
    self.samples = samples
    self.count = count
  }

  /// Every sample.
  public static func full(_ shape: Shape) throws(OperatorError) -> SamplingMask {
    try SamplingMask(shape: shape, samples: Array(repeating: true, count: shape.count))
  }

  /// The samples of a scan that leaves others at exactly 0.
  ///
  /// - Parameter kSpace: `[rows, columns]` or `[coils, rows, columns]`.
  /// - Throws: ``OperatorError/noSamples(_:)`` when all are 0.
  public init(nonZeroOf kSpace: KSpace) throws(OperatorError) {
    let extents = kSpace.shape.extents
    guard extents.count == 2 || extents.count == 3 else {
      throw .outOfRange(
        "the rank of a Cartesian k-space", found: "\(extents.count)",
        expected: "rows × columns, or coils × rows × columns")
    }
    let shape = Shape(Array(extents.suffix(2)))
    var samples = [Bool](repeating: false, count: shape.count)
    for (index, value) in kSpace.samples.enumerated() where value != .zero {
      samples[index % shape.count] = true
    }
    try self.init(shape: shape, samples: samples)
  }

  /// Every `acceleration`-th line through the centre, and the `calibration` lines around it.
  ///
  /// Of two phase-encoding axes the regular grid has the acceleration along each, a region of `calibration` × `calibration`
  /// samples is full.
  public static func uniform(
    _ shape: Shape, encoding: Encoding = .rows, acceleration: Int, calibration: Int = 0
  ) throws(OperatorError) -> SamplingMask {
    guard acceleration >= 1 else {
      throw .outOfRange("the acceleration", found: "\(acceleration)", expected: "1 or more")
    }
    let lines = try Lines(shape, encoding, calibration)
    return try lines.mask { offset in
      offset.allSatisfy { $0 % acceleration == 0 }
    }
  }

  /// Randomly drawn lines or points, denser in the centre, and the full calibration region.
  ///
  ///     p(k) ∝ (1 − |k| / k_max)^power
  ///
  /// Drawn without replacement; exactly 1 / acceleration of the lines or points are taken, the calibration counted in.
  ///
  /// Sources: Lustig, Donoho, Pauly, "Sparse MRI", MRM 58 (2007), DOI 10.1002/mrm.21391 (the density); Efraimidis,
  /// Spirakis, Inf. Process. Lett. 97 (2006), DOI 10.1016/j.ipl.2005.11.003 (the drawing).
  ///
  /// - Throws: ``OperatorError`` when the calibration region alone is more.
  public static func variableDensity(
    _ shape: Shape, encoding: Encoding = .rows, acceleration: Double, calibration: Int = 0, power: Double = 3,
    seed: UInt64
  ) throws(OperatorError) -> SamplingMask {
    guard power >= 0, power.isFinite else {
      throw .outOfRange("the power of the density", found: "\(power)", expected: "0 or more")
    }
    let lines = try Lines(shape, encoding, calibration)
    let wanted = try lines.wanted(acceleration)
    var generator = SplitMix64(seed: seed)
    var keys: [(key: Double, line: Int)] = []
    for line in 0..<lines.count where !lines.isCalibration(line) {
      // Beyond the inscribed ellipse, where the density is 0, what is left when all else is taken.
      let density = Double.pow(max(1 - lines.radius(line), 1e-3), power)
      keys.append((Double.log(generator.uniform()) / density, line))
    }
    keys.sort { ($0.key, $1.line) > ($1.key, $0.line) }
    var taken = lines.calibrated
    for entry in keys.prefix(wanted - lines.calibrationCount) { taken[entry.line] = true }
    return try lines.mask(taken)
  }

  /// Random points of which no two are close, and the full calibration region.
  ///
  /// Points are visited in random order and taken unless one drawn before lies within r(k) = r₀ (1 + growth |k| / k_max),
  /// with r₀ the largest that leaves room for all. Exactly 1 / acceleration of them are taken, the calibration counted in.
  ///
  /// Source: Cook, "Stochastic sampling in computer graphics", ACM Trans. Graph. 5 (1986), DOI 10.1145/7529.8927; for
  /// k-space Vasanawala et al., "Practical parallel imaging compressed sensing MRI", ISBI 2011,
  /// DOI 10.1109/ISBI.2011.5872579.
  ///
  /// - Parameter growth: of the distance from the centre to the edge; 0 samples evenly.
  /// - Throws: ``OperatorError`` when the calibration region alone is more.
  public static func poissonDisc(
    _ shape: Shape, acceleration: Double, calibration: Int = 0, growth: Double = 0, seed: UInt64
  ) throws(OperatorError) -> SamplingMask {
    guard growth >= 0, growth <= 100 else {
      throw .outOfRange("the growth of the distance", found: "\(growth)", expected: "0 … 100")
    }
    let lines = try Lines(shape, .points, calibration)
    let wanted = try lines.wanted(acceleration)
    var generator = SplitMix64(seed: seed)
    var order = (0..<lines.count).filter { !lines.isCalibration($0) }
    // Not the shuffle of the standard library, whose order another version may change.
    let keys = (0..<lines.count).map { _ in generator.next() }
    order.sort { (keys[$0], $0) < (keys[$1], $1) }
    let radii = (0..<lines.count).map { 1 + growth * min(1, lines.radius($0)) }
    let (rows, columns) = (shape[0], shape[1])

    /// Adds to `taken` what keeps its distance, until there are as many as wanted.
    func throwDarts(_ radius: Double, _ taken: inout [Bool], _ count: inout Int) {
      var covered = [Bool](repeating: false, count: lines.count)
      func cover(_ point: Int) {
        let reach = radius * radii[point]
        let (row, column) = (point / columns, point % columns)
        let half = Int(reach)
        for r in max(0, row - half)...min(rows - 1, row + half) {
          let rest = reach * reach - Double((r - row) * (r - row))
          let width = Int(max(0, rest).squareRoot())
          for c in max(0, column - width)...min(columns - 1, column + width) {
            covered[r * columns + c] = true
          }
        }
      }
      for point in taken.indices where taken[point] && !lines.isCalibration(point) { cover(point) }
      for point in order where count < wanted && !covered[point] && !taken[point] {
        taken[point] = true
        count += 1
        cover(point)
      }
    }

    var (low, high) = (0.0, Double(max(rows, columns)))
    for _ in 0..<24 {
      let middle = (low + high) / 2
      var (taken, count) = (lines.calibrated, lines.calibrationCount)
      throwDarts(middle, &taken, &count)
      if count >= wanted { low = middle } else { high = middle }
    }
    // The largest distances leave too few; the rest is put where the gaps are widest.
    var (taken, count) = (lines.calibrated, lines.calibrationCount)
    throwDarts(high, &taken, &count)
    throwDarts(low, &taken, &count)
    var radius = low
    while count < wanted {
      radius = radius > 0.5 ? 0.8 * radius : 0
      throwDarts(radius, &taken, &count)
    }
    return try lines.mask(taken)
  }

  /// The same without what lies beyond a part of k-space, as partial Fourier and partial echo scans leave it.
  ///
  /// - Parameters:
  ///   - fraction: of the axis that is kept, 0.5 … 1, from its start; the end at high frequencies is missing.
  ///   - axis: 0 down the rows, 1 across the columns.
  public func partialFourier(_ fraction: Double, axis: Int = 0) throws(OperatorError) -> SamplingMask {
    guard fraction >= 0.5, fraction <= 1 else {
      throw .outOfRange("the fraction of a partial Fourier scan", found: "\(fraction)", expected: "0.5 … 1")
    }
    guard axis == 0 || axis == 1 else {
      throw .outOfRange("the axis of a partial Fourier scan", found: "\(axis)", expected: "0 or 1")
    }
    // The centre is always kept.
    let kept = max(Int((fraction * Double(shape[axis])).rounded()), shape[axis] / 2 + 1)
    var samples = samples
    for index in samples.indices where (axis == 0 ? index / shape[1] : index % shape[1]) >= kept {
      samples[index] = false
    }
    return try SamplingMask(shape: shape, samples: samples)
  }

  /// The largest centred region of `[rows, columns]` in which every sample is taken, grown evenly along both axes.
  public var calibrationRegion: Shape {
    let (rows, columns) = (shape[0], shape[1])
    func start(_ size: Int, _ extent: Int) -> Int { extent / 2 - size / 2 }
    func isFull(_ height: Int, _ width: Int) -> Bool {
      let (top, left) = (start(height, rows), start(width, columns))
      for row in top..<top + height {
        for column in left..<left + width where !samples[row * columns + column] { return false }
      }
      return true
    }
    var (height, width) = (0, 0)
    var (tall, wide) = (true, true)
    while tall || wide {
      if tall {
        tall = height < rows && isFull(height + 1, max(width, 1))
        if tall { height += 1 }
      }
      if wide {
        wide = width < columns && isFull(max(height, 1), width + 1)
        if wide { width += 1 }
      }
    }
    return height == 0 || width == 0 ? [0, 0] : [height, width]
  }

  private static func check(_ shape: Shape) throws(OperatorError) {
    guard shape.rank == 2 else {
      throw .outOfRange("the shape of a sampling mask", found: "\(shape)", expected: "rows × columns")
    }
    guard shape.count > 0 else { throw .emptyShape("the sampling mask", found: shape) }
  }

  /// The readouts of a grid: what a mask chooses from.
  private struct Lines {
    let shape: Shape
    let encoding: Encoding
    let calibrated: [Bool]
    let calibrationCount: Int
    var count: Int { calibrated.count }

    init(_ shape: Shape, _ encoding: Encoding, _ calibration: Int) throws(OperatorError) {
      try SamplingMask.check(shape)
      self.shape = shape
      self.encoding = encoding
      let extents = Self.extents(shape, encoding)
      guard calibration >= 0, calibration <= extents.min() ?? 0 else {
        throw .outOfRange(
          "the width of the calibration region", found: "\(calibration)",
          expected: "0 … \(extents.min() ?? 0), the samples along the axis")
      }
      calibrated = (0..<extents.reduce(1, *)).map { line in
        zip(Self.offsets(line, extents), extents).allSatisfy { offset, extent in
          offset >= -(calibration / 2) && offset < calibration - calibration / 2
        }
      }
      calibrationCount = calibrated.reduce(0) { $0 + ($1 ? 1 : 0) }
    }

    private static func extents(_ shape: Shape, _ encoding: Encoding) -> [Int] {
      switch encoding {
      case .rows: [shape[0]]
      case .columns: [shape[1]]
      case .points: shape.extents
      }
    }

    private static func offsets(_ line: Int, _ extents: [Int]) -> [Int] {
      extents.count == 1
        ? [line - extents[0] / 2] : [line / extents[1] - extents[0] / 2, line % extents[1] - extents[1] / 2]
    }

    func isCalibration(_ line: Int) -> Bool { calibrated[line] }

    /// |k| / k_max, 1 at the end of an axis.
    func radius(_ line: Int) -> Double {
      let extents = Self.extents(shape, encoding)
      var square = 0.0
      for (offset, extent) in zip(Self.offsets(line, extents), extents) {
        let k = 2 * Double(offset) / Double(extent)
        square += k * k
      }
      return square.squareRoot()
    }

    func wanted(_ acceleration: Double) throws(OperatorError) -> Int {
      guard acceleration >= 1, acceleration <= Double(count) else {
        throw .outOfRange("the acceleration", found: "\(acceleration)", expected: "1 … \(count)")
      }
      let wanted = max(1, Int((Double(count) / acceleration).rounded()))
      guard calibrationCount <= wanted else {
        throw .outOfRange(
          "the calibration region", found: "\(calibrationCount) lines or points",
          expected: "at most \(wanted), all that an acceleration of \(acceleration) leaves")
      }
      return wanted
    }

    func mask(_ taken: (_ offset: [Int]) -> Bool) throws(OperatorError) -> SamplingMask {
      let extents = Self.extents(shape, encoding)
      return try mask((0..<count).map { calibrated[$0] || taken(Self.offsets($0, extents)) })
    }

    func mask(_ taken: [Bool]) throws(OperatorError) -> SamplingMask {
      let columns = shape[1]
      return try SamplingMask(
        shape: shape,
        samples: (0..<shape.count).map { index in
          switch encoding {
          case .rows: taken[index / columns]
          case .columns: taken[index % columns]
          case .points: taken[index]
          }
        })
    }
  }
}
