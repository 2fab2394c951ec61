import ComplexModule
import Fields
import Operators
import RealModule

/// Coils around the field of view whose sensitivities are sums of nine waves, so that what they receive of a phantom is
/// known in closed form at every frequency: k-space moved by the frequency of each wave.
public struct CoilArray: Sendable {
  public struct Wave: Sendable {
    /// In cycles per field of view.
    public var frequency: SpatialFrequency
    public var amplitude: Complex<Double>
  }

  /// Of every coil.
  public let waves: [[Wave]]

  /// Raised cosines of twice the field of view as period, centred on a circle, with a phase that turns a little.
  public init(coils: Int) {
    var all: [[Wave]] = []
    for coil in 0..<coils {
      let angle = 2 * Double.pi * (Double(coil) + 0.3) / Double(coils)
      let (row, column) = (0.5 * Double.sin(angle), 0.5 * Double.cos(angle))
      let (turnRow, turnColumn) = (0.3 * Double.cos(3 * angle), 0.2 * Double.sin(2 * angle))
      var waves: [Wave] = []
      for p in [-1.0, 0, 1] {
        for q in [-1.0, 0, 1] {
          let size = (p == 0 ? 0.5 : 0.25) * (q == 0 ? 0.5 : 0.25)
          let phase = angle - Double.pi * (p * row + q * column)
          waves.append(
            Wave(
              frequency: SpatialFrequency(row: p / 2 + turnRow, column: q / 2 + turnColumn),
              amplitude: Complex(size * Double.cos(phase), size * Double.sin(phase))))
        }
      }
      all.append(waves)
    }
    waves = all
  }

  /// The sensitivities at the centres of pixels, `[coils, rows, columns]`.
  public func maps(on grid: ComplexImageSpace) -> ComplexImage {
    let (rows, columns) = (grid.shape[0], grid.shape[1])
    var maps = ComplexImage(shape: [waves.count, rows, columns])
    for (coil, waves) in waves.enumerated() {
      for row in 0..<rows {
        for column in 0..<columns {
          var sum = Complex<Double>.zero
          for wave in waves {
            let down = wave.frequency.row * Double(row - rows / 2) / Double(rows)
            let across = wave.frequency.column * Double(column - columns / 2) / Double(columns)
            let angle = 2 * Double.pi * (down + across)
            sum += wave.amplitude * Complex(Double.cos(angle), Double.sin(angle))
          }
          maps.samples[(coil * rows + row) * columns + column] = Complex(
            Float(sum.real), Float(sum.imaginary))
        }
      }
    }
    return maps
  }

  /// Divided by the root of the sum of squares.
  public func normalizedMaps(on grid: ComplexImageSpace) throws -> ComplexImage {
    try CoilSensitivities(maps(on: grid), on: grid).normalized().maps
  }

  /// What the coils receive of a phantom at any frequencies, `[coils, frequencies]`, without any pixels.
  public func kSpace(
    of phantom: Phantom, at frequencies: [SpatialFrequency], on grid: ComplexImageSpace
  ) throws -> [[Complex<Float>]] {
    let real = ImageSpace(shape: grid.shape, spacing: grid.spacing)
    return try waves.map { waves in
      var sums = [Complex<Double>](repeating: .zero, count: frequencies.count)
      for wave in waves {
        let k = wave.frequency
        let moved = frequencies.map { SpatialFrequency(row: $0.row - k.row, column: $0.column - k.column) }
        for (index, value) in try phantom.kSpace(at: moved, on: real).enumerated() {
          sums[index] += wave.amplitude * Complex(Double(value.real), Double(value.imaginary))
        }
      }
      return sums.map { Complex(Float($0.real), Float($0.imaginary)) }
    }
  }

  /// The same on the frequencies of a grid, `[coils, rows, columns]`.
  public func kSpace(of phantom: Phantom, on grid: ComplexImageSpace) throws -> KSpace {
    let (rows, columns) = (grid.shape[0], grid.shape[1])
    let frequencies = (0..<rows * columns).map {
      SpatialFrequency(row: Double($0 / columns - rows / 2), column: Double($0 % columns - columns / 2))
    }
    let coils = try kSpace(of: phantom, at: frequencies, on: grid)
    return KSpace(shape: [waves.count, rows, columns], samples: coils.flatMap { $0 })
  }
}

/// Two ellipses with three smaller ones inside, 200 mm wide.
public func headPhantom() throws -> Phantom {
  try Phantom(
    name: "head", fieldOfView: 200,
    parts: [
      PhantomPart(.ellipse(halfAxes: SIMD2(70, 85)), value: 1),
      PhantomPart(.ellipse(halfAxes: SIMD2(63, 78)), centre: SIMD2(0, -1), value: -0.4),
      PhantomPart(
        .ellipse(halfAxes: SIMD2(20, 35)), centre: SIMD2(-25, 5), rotation: .degrees(18), value: 0.3),
      PhantomPart(
        .ellipse(halfAxes: SIMD2(16, 26)), centre: SIMD2(27, 8), rotation: .degrees(-18), value: 0.2),
      PhantomPart(.ellipse(halfAxes: SIMD2(9, 9)), centre: SIMD2(3, -45), value: 0.5),
    ])
}
