import Fields
import Foundation
import RealModule

/// Where a scan samples k-space: readouts of equally many samples in two or three dimensions.
///
/// Positions are in cycles per field of view along the axes of the image array, slowest first: (row, column) or
/// (plane, row, column), rows counted downwards. A grid of N samples resolves |k| ≤ N/2.
public struct Trajectory: Hashable, Sendable {
  /// What positions are measured in outside of this type.
  public enum Unit: String, Hashable, Sendable, CaseIterable {
    case cyclesPerFieldOfView = "1/fov"
    case cyclesPerMillimetre = "1/mm"
    case cyclesPerPixel = "1/pixel"
    case radiansPerPixel = "rad/pixel"

    /// Cycles per field of view in one unit, for an axis of `count` pixels.
    func factor(count: Int, spacing: Double) -> Double {
      switch self {
      case .cyclesPerFieldOfView: 1
      case .cyclesPerMillimetre: Double(count) * spacing
      case .cyclesPerPixel: Double(count)
      case .radiansPerPixel: Double(count) / (2 * .pi)
      }
    }
  }

  /// `[readouts, samples]`
  public let shape: Shape
  /// Number of axes, 2 or 3.
  public let rank: Int
  /// `rank` numbers for each sample.
  public let positions: [Double]

  /// - Parameters:
  ///   - positions: along the axes of the grid, slowest first, sample by sample.
  ///   - shape: `[readouts, samples]`.
  /// - Throws: ``OperatorError`` when there are none, when their number does not fit, or when one is not a number or
  ///   beyond what the grid resolves.
  public init(
    positions: [Double], shape: Shape, unit: Unit = .cyclesPerFieldOfView, on grid: ComplexImageSpace
  ) throws(OperatorError) {
    try Self.check(grid)
    guard shape.rank == 2 else {
      throw .outOfRange("the shape of a trajectory", found: "\(shape)", expected: "readouts × samples")
    }
    guard shape.count > 0 else { throw .noSamples("the trajectory") }
    rank = grid.shape.rank
    guard positions.count == rank * shape.count else {
      throw .outOfRange(
        "the number of positions", found: "\(positions.count)",
        expected: "\(rank * shape.count) for \(shape) samples in \(rank) dimensions")
    }
    let factors = zip(grid.shape.extents, grid.spacing).map { unit.factor(count: $0, spacing: $1) }
    self.shape = shape
    let rank = rank
    self.positions = positions.enumerated().map { $1 * factors[$0 % rank] }
    try validate(on: grid)
  }

  /// Makes positions without a look at the grid; they are looked at when an operator is built.
  private init(rank: Int, shape: Shape, positions: [Double]) {
    self.rank = rank
    self.shape = shape
    self.positions = positions
  }

  private static func check(_ grid: ComplexImageSpace) throws(OperatorError) {
    guard grid.shape.rank == 2 || grid.shape.rank == 3 else {
      throw .outOfRange(
        "the rank of an image in k-space", found: "\(grid.shape.rank)", expected: "2 or 3 axes")
    }
    guard grid.dimension > 0 else { throw .emptyShape("the image", found: grid.shape) }
    if let bad = grid.spacing.first(where: { !($0 > 0 && $0.isFinite) }) {
      throw .outOfRange("the pixel spacing", found: "\(bad) mm", expected: "a positive length")
    }
  }

  /// - Throws: ``OperatorError`` when a grid does not resolve every position.
  func validate(on grid: ComplexImageSpace) throws(OperatorError) {
    try Self.check(grid)
    guard shape.count > 0 else { throw .noSamples("the trajectory") }
    guard grid.shape.rank == rank else {
      throw .outOfRange(
        "the rank of the image", found: "\(grid.shape.rank)", expected: "\(rank), as the trajectory has")
    }
    // A position on the edge may be rounded across it.
    let limits = grid.shape.extents.map { Double($0) / 2 * (1 + 1e-9) }
    for (index, k) in positions.enumerated() where !(abs(k) <= limits[index % rank]) {
      let (sample, axis) = (index / rank, index % rank)
      throw .outOfRange(
        "sample \(sample % shape[1] + 1) of readout \(sample / shape[1] + 1) of the trajectory",
        found: "\(k) cycles per field of view along axis \(axis + 1)",
        expected: "at most ±\(Double(grid.shape[axis]) / 2), what \(grid.shape[axis]) pixels resolve")
    }
  }

  // MARK: Radial

  /// Straight readouts through the centre of k-space.
  ///
  ///     k(i) = (i − ⌊n/2⌋) / n · 1/Δ · (cos θ, sin θ),   i = 0 ..< n
  ///
  /// with x to the right and y up, as the views of a parallel beam, and Δ the larger spacing of the grid, so that the
  /// disc is what all directions resolve. n = 2N samples are the usual two-fold oversampling of N pixels.
  ///
  /// - Throws: ``OperatorError`` when there are no angles or samples.
  public static func radial(
    angles: [Angle], samples: Int, on grid: ComplexImageSpace
  ) throws(OperatorError) -> Trajectory {
    try check(grid, rank: 2)
    guard !angles.isEmpty else { throw .noAngles }
    if let bad = angles.firstIndex(where: { !$0.radians.isFinite }) {
      throw .outOfRange("angle \(bad + 1)", found: "\(angles[bad])", expected: "a number")
    }
    guard samples > 0 else { throw .noSamples("a readout") }
    return make(grid, readouts: angles.count, samples: samples) { readout, sample in
      let k = Double(sample - samples / 2) / Double(samples)
      let angle = angles[readout].radians
      return SIMD3(0, -k * .sin(angle), k * .cos(angle))
    }
  }

  /// `count` angles, each 180°/φ = 111.246…° after the one before, φ = (1 + √5)/2: nearly even at every number of readouts.
  ///
  /// Source: Winkelmann et al., "An optimal radial profile order based on the golden ratio for time-resolved MRI",
  /// IEEE Trans. Med. Imaging 26 (2007), DOI 10.1109/TMI.2006.885337.
  public static func goldenAngles(_ count: Int) -> [Angle] {
    let step = Double.pi * 2 / (1 + 5.0.squareRoot())
    return (0..<max(count, 0)).map { .radians((Double($0) * step).remainder(dividingBy: 2 * .pi)) }
  }

  /// Straight readouts through the centre of three-dimensional k-space, in directions that fill a half sphere evenly.
  ///
  ///     direction j: height j φ₁ mod 1, azimuth 2π (j φ₂ mod 1),   φ₁ = 0.46557, φ₂ = 0.68233
  ///
  /// Source: Chan et al., "Temporal stability of adaptive 3D radial MRI using multidimensional golden means",
  /// MRM 61 (2009), DOI 10.1002/mrm.21837.
  public static func goldenMeans(
    readouts: Int, samples: Int, on grid: ComplexImageSpace
  ) throws(OperatorError) -> Trajectory {
    try check(grid, rank: 3)
    guard readouts > 0 else { throw .noAngles }
    guard samples > 0 else { throw .noSamples("a readout") }
    let (first, second) = (0.465571231876768, 0.682327803828019)
    return make(grid, readouts: readouts, samples: samples) { readout, sample in
      let k = Double(sample - samples / 2) / Double(samples)
      let height = (Double(readout) * first).truncatingRemainder(dividingBy: 1)
      let azimuth = 2 * .pi * (Double(readout) * second).truncatingRemainder(dividingBy: 1)
      let radius = (1 - height * height).squareRoot()
      return k * SIMD3(height, -radius * .sin(azimuth), radius * .cos(azimuth))
    }
  }

  // MARK: Spiral

  /// Archimedean spirals from the centre, evenly turned against each other.
  ///
  ///     k(i) = τ/(2Δ) · (cos φ, sin φ),   φ = 2π turns τ + 2π readout/readouts,   τ = √(i / (n − 1))
  ///
  /// The root makes neighbours about equally far apart, as constant speed through k-space does. Neighbouring turns of
  /// all readouts together are 1/(2Δ · turns · readouts) apart: turns · readouts = N/2 samples N pixels fully.
  ///
  /// Source: Ahn, Kim, Cho, "High-speed spiral-scan echo planar NMR imaging", IEEE Trans. Med. Imaging 5 (1986),
  /// DOI 10.1109/TMI.1986.4307732.
  public static func spiral(
    readouts: Int, samples: Int, turns: Double, on grid: ComplexImageSpace
  ) throws(OperatorError) -> Trajectory {
    try check(grid, rank: 2)
    guard readouts > 0, samples > 0 else { throw .noSamples("the trajectory") }
    guard turns.isFinite else {
      throw .outOfRange("the turns of a spiral", found: "\(turns)", expected: "a number")
    }
    return make(grid, readouts: readouts, samples: samples) { readout, sample in
      let tau = (Double(sample) / Double(max(1, samples - 1))).squareRoot()
      let phase = 2 * .pi * (turns * tau + Double(readout) / Double(readouts))
      return SIMD3(0, -tau / 2 * .sin(phase), tau / 2 * .cos(phase))
    }
  }

  private static func check(_ grid: ComplexImageSpace, rank: Int) throws(OperatorError) {
    try check(grid)
    guard grid.shape.rank == rank else {
      throw .outOfRange(
        "the rank of the image", found: "\(grid.shape.rank)", expected: "\(rank) for this trajectory")
    }
  }

  /// - Parameter position: along (plane, row, column) in cycles per the larger spacing.
  private static func make(
    _ grid: ComplexImageSpace, readouts: Int, samples: Int, _ position: (Int, Int) -> SIMD3<Double>
  ) -> Trajectory {
    let rank = grid.shape.rank
    let coarsest = grid.spacing.reduce(0, max)
    let factors = zip(grid.shape.extents, grid.spacing).map { Double($0) * $1 / coarsest }
    var positions = [Double]()
    positions.reserveCapacity(rank * readouts * samples)
    for readout in 0..<readouts {
      for sample in 0..<samples {
        let k = position(readout, sample)
        for axis in 0..<rank { positions.append(k[axis + 3 - rank] * factors[axis]) }
      }
    }
    return Trajectory(rank: rank, shape: [readouts, samples], positions: positions)
  }

  // MARK: File

  /// Reads a table of numbers: a header of `#` lines, then a line for each sample with its position along the axes of
  /// the image, slowest first, separated by spaces, tabs or commas.
  ///
  ///     # unit: 1/mm        1/fov, 1/mm, 1/pixel or rad/pixel
  ///     # readouts: 64      1 when missing
  ///     -0.25 0.125
  ///     …
  ///
  /// Rows are counted downwards: a table with y upwards needs its sign changed.
  ///
  /// - Throws: ``OperatorError/unreadable(path:line:reason:)`` for a file that cannot be read, else as
  ///   ``init(positions:shape:unit:on:)``.
  public init(contentsOf path: String, on grid: ComplexImageSpace) throws(OperatorError) {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw .unreadable(path: path, line: nil, reason: "there is no such file, or it may not be read")
    }
    guard let text = String(data: data, encoding: .utf8) else {
      throw .unreadable(path: path, line: nil, reason: "it is not text, expected a table of positions")
    }
    let rank = grid.shape.rank
    var unit: Unit?
    var readouts = 1
    var positions = [Double]()
    for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .enumerated()
    {
      let line = line.trimmingCharacters(in: .whitespaces)
      func unreadable(_ reason: String) -> OperatorError {
        .unreadable(path: path, line: index + 1, reason: reason)
      }
      if line.hasPrefix("#") {
        let words = line.dropFirst().split(separator: ":", maxSplits: 1)
          .map { $0.trimmingCharacters(in: .whitespaces) }
        guard words.count == 2 else { continue }
        switch words[0] {
        case "unit":
          guard let known = Unit(rawValue: words[1]) else {
            throw unreadable(
              "unknown unit '\(words[1])', expected "
                + Unit.allCases.map(\.rawValue).joined(separator: ", "))
          }
          unit = known
        case "readouts":
          guard let count = Int(words[1]), count > 0 else {
            throw unreadable("'\(words[1])' readouts, expected a positive number")
          }
          readouts = count
        default: continue
        }
        continue
      }
      let words = line.split { $0 == " " || $0 == "\t" || $0 == "," }
      guard !words.isEmpty else { continue }
      guard words.count == rank else {
        throw unreadable("\(words.count) numbers, expected \(rank) for an image of \(rank) axes")
      }
      for word in words {
        guard let value = Double(word) else { throw unreadable("'\(word)' is not a number") }
        positions.append(value)
      }
    }
    guard let unit else {
      throw .unreadable(
        path: path, line: nil,
        reason: "it names no unit; put for example '# unit: 1/fov' on its first line")
    }
    let count = positions.count / max(1, rank)
    guard count % readouts == 0 else {
      throw .unreadable(
        path: path, line: nil, reason: "\(count) samples do not divide into \(readouts) readouts")
    }
    try self.init(
      positions: positions, shape: [readouts, count / readouts], unit: unit, on: grid)
  }
}
