import ComplexModule
import Fields
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
  ///
  /// - Parameter coils: 1 or more.
  public init(coils: Int) {
    precondition(coils > 0, "\(coils) coils")
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
      for wave in waves {
        let down = Self.samples(wave.frequency.row, rows)
        let across = Self.samples(wave.frequency.column, columns)
        for row in 0..<rows {
          let factor = wave.amplitude * down[row]
          for column in 0..<columns {
            let value = factor * across[column]
            maps.samples[(coil * rows + row) * columns + column] += Complex(
              Float(value.real), Float(value.imaginary))
          }
        }
      }
    }
    return maps
  }

  /// e^{2πi k (n − ⌊N/2⌋)/N}
  private static func samples(_ frequency: Double, _ count: Int) -> [Complex<Double>] {
    (0..<count).map {
      let angle = 2 * Double.pi * frequency * Double($0 - count / 2) / Double(count)
      return Complex(.cos(angle), .sin(angle))
    }
  }

  /// Divided by the root of the sum of squares.
  ///
  /// - Throws: ``OperatorError`` as ``CoilSensitivities`` does.
  public func normalizedMaps(on grid: ComplexImageSpace) throws(OperatorError) -> ComplexImage {
    try CoilSensitivities(maps(on: grid), on: grid).normalized().maps
  }

  /// What the coils receive of a phantom at any frequencies, `[coils, frequencies]`, without any pixels.
  ///
  ///     y(k) = Σ_w a_w F(k − k_w),   s(r) = Σ_w a_w e^{2πi k_w · r}
  ///
  /// with the transform F of the phantom in closed form.
  ///
  /// - Throws: ``PhantomError`` where the phantom has none.
  public func kSpace(
    of phantom: Phantom, at frequencies: [SpatialFrequency], on grid: ComplexImageSpace
  ) throws(PhantomError) -> [[Complex<Float>]] {
    let real = ImageSpace(shape: grid.shape, spacing: grid.spacing)
    var coils: [[Complex<Float>]] = []
    for waves in waves {
      var sums = [Complex<Double>](repeating: .zero, count: frequencies.count)
      for wave in waves {
        let k = wave.frequency
        let moved = frequencies.map { SpatialFrequency(row: $0.row - k.row, column: $0.column - k.column) }
        for (index, value) in try phantom.kSpace(at: moved, on: real).enumerated() {
          sums[index] += wave.amplitude * Complex(Double(value.real), Double(value.imaginary))
        }
      }
      coils.append(sums.map { Complex(Float($0.real), Float($0.imaginary)) })
    }
    return coils
  }

  /// The same on the frequencies of a grid, `[coils, rows, columns]`.
  public func kSpace(of phantom: Phantom, on grid: ComplexImageSpace) throws(PhantomError) -> KSpace {
    let (rows, columns) = (grid.shape[0], grid.shape[1])
    let frequencies = (0..<rows * columns).map {
      SpatialFrequency(row: Double($0 / columns - rows / 2), column: Double($0 % columns - columns / 2))
    }
    let coils = try kSpace(of: phantom, at: frequencies, on: grid)
    return KSpace(shape: [waves.count, rows, columns], samples: coils.flatMap { $0 })
  }
}
