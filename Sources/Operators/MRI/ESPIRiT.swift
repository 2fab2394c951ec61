import CFFTW
import ComplexModule
import Fields
import RealModule

/// Maps of the sensitivities of coils from the fully sampled centre of their k-space.
///
/// Windows of k × k samples of all coils, slid over the calibration region, span a small subspace with the projector P.
/// What all windows of a k-space must obey is, in the image, an eigenproblem of coils × coils for every pixel r:
///
///     M(r) s(r) = λ(r) s(r),   M_ab(r) = 1/k² Σ_d e^{−2πi d·r/N} Σ_{u′ − u = d} P[(a, u), (b, u′)]
///
/// Where there is an object, λ = 1 belongs to its sensitivities, ‖s‖ = 1. Where λ is lower, noise or folding breaks the
/// model, and the maps are cut to 0. Their phase is relative to the combination of coils that carries most of the
/// calibration's energy. One set of maps is made; objects larger than the field of view would need two.
///
/// The result depends on no random number and no number of threads.
///
/// Source: Uecker et al., "ESPIRiT — an eigenvalue approach to autocalibrating parallel MRI", MRM 71 (2014),
/// DOI 10.1002/mrm.24751, eqs. (5), (8) and (15).
public struct ESPIRiT: Sendable {
  public struct Settings: Hashable, Sendable {
    /// k, samples along both axes.
    public var kernel = 6
    /// Singular values of the windows below this times the largest are noise.
    public var signal = 0.0316
    /// λ below which a pixel is cut.
    public var crop = 0.8
    /// Steps of the power iteration in every pixel, at most. Ten are enough on average; where coils see little, as at the
    /// edge of the field of view, the second eigenvalue comes within a tenth of the first and takes a hundred.
    public var iterations = 120

    public init() {}
  }

  /// s, `[coils, rows, columns]`, ‖s‖ = 1 or 0.
  public let maps: ComplexImage
  /// λ, `[rows, columns]`, before anything is cut.
  public let eigenvalues: Image
  /// How many windows span the signal, of k² · coils.
  public let rank: Int
  /// Samples of the region that was used.
  public let calibration: Shape

  /// - Parameters:
  ///   - kSpace: `[coils, rows, columns]`, centred; only the calibration region is looked at.
  ///   - calibration: samples of a centred region that all coils took; the largest without a gap when nil.
  ///   - threads: one for every processor unless given.
  /// - Throws: ``OperatorError`` when the region is too small for the kernel, empty or no number, or a setting cannot be.
  public init(
    _ kSpace: KSpace, calibration: Shape? = nil, settings: Settings = Settings(), threads: Int? = nil
  ) throws(OperatorError) {
    guard kSpace.shape.rank == 3, (1...CoilEigenmaps.coilLimit).contains(kSpace.shape[0]) else {
      throw .outOfRange(
        "the shape of k-space", found: "\(kSpace.shape)",
        expected: "coils × rows × columns with 1 … \(CoilEigenmaps.coilLimit) coils")
    }
    guard kSpace.shape.count > 0 else { throw .emptyShape("k-space", found: kSpace.shape) }
    guard settings.kernel >= 2, settings.kernel <= 16 else {
      throw .outOfRange("the width of the kernel", found: "\(settings.kernel)", expected: "2 … 16 samples")
    }
    guard settings.signal > 0, settings.signal < 1 else {
      throw .outOfRange(
        "the threshold of the signal", found: "\(settings.signal)", expected: "above 0, below 1")
    }
    guard settings.crop >= 0, settings.crop < 1 else {
      throw .outOfRange("the eigenvalue to crop at", found: "\(settings.crop)", expected: "0 … below 1")
    }
    guard settings.iterations > 0 else {
      throw .outOfRange("the number of iterations", found: "\(settings.iterations)", expected: "1 or more")
    }
    let region: Shape
    if let calibration {
      region = calibration
    } else {
      region = try SamplingMask(nonZeroOf: kSpace).calibrationRegion
    }
    let (rows, columns) = (kSpace.shape[1], kSpace.shape[2])
    guard region.rank == 2, region[0] >= 2 * settings.kernel, region[1] >= 2 * settings.kernel else {
      throw .outOfRange(
        "the calibration region", found: "\(region) samples",
        expected: "at least \(2 * settings.kernel) × \(2 * settings.kernel) for kernels of \(settings.kernel)"
      )
    }
    guard region[0] <= rows, region[1] <= columns else {
      throw .outOfRange(
        "the calibration region", found: "\(region) samples", expected: "at most \(rows) × \(columns)")
    }
    self.calibration = region
    let threads = max(1, threads ?? processorCount)
    let centre = try Self.centre(of: kSpace, region)
    let windows = try Windows(centre, region, settings.kernel, signal: settings.signal, threads: threads)
    rank = windows.rank

    let coils = kSpace.shape[0]
    let pixels = rows * columns
    var eigenmaps = CoilEigenmaps(coils: coils, columns: columns)
    eigenmaps.iterations = settings.iterations
    let waves = Waves(windows, columns: columns)
    let crop = Float(settings.crop)
    let virtual = windows.virtualCoil
    var maps = ComplexImage(shape: kSpace.shape)
    var eigenvalues = Image(shape: [rows, columns])
    maps.samples.withUnsafeMutableBufferPointer { maps in
      eigenvalues.samples.withUnsafeMutableBufferPointer { eigenvalues in
        eigenmaps.forEachRow(rows, threads: threads) { row, matrices, pitch in
          waves.fill(row, rows: rows, into: matrices, pitch: pitch)
        } result: { row, vectors, pitch, values in
          for x in 0..<columns {
            eigenvalues[row * columns + x] = values[x]
            guard values[x] >= crop, values[x] > 0 else { continue }
            var (re, im): (Float, Float) = (0, 0)
            for coil in 0..<coils {
              let (a, b) = (vectors[2 * pitch * coil + x], vectors[pitch * (2 * coil + 1) + x])
              re += virtual[coil].real * a + virtual[coil].imaginary * b
              im += virtual[coil].real * b - virtual[coil].imaginary * a
            }
            let length = (re * re + im * im).squareRoot()
            let phase: Complex<Float> = length > 0 ? Complex(re / length, -im / length) : .one
            for coil in 0..<coils {
              maps[coil * pixels + row * columns + x] =
                Complex(vectors[2 * pitch * coil + x], vectors[pitch * (2 * coil + 1) + x]) * phase
            }
          }
        }
      }
    }
    self.maps = maps
    self.eigenvalues = eigenvalues
  }

  /// The calibration region alone.
  private static func centre(of kSpace: KSpace, _ region: Shape) throws(OperatorError) -> KSpace {
    let (coils, rows, columns) = (kSpace.shape[0], kSpace.shape[1], kSpace.shape[2])
    let (top, left) = (rows / 2 - region[0] / 2, columns / 2 - region[1] / 2)
    var centre = KSpace(shape: Shape([coils] + region.extents))
    for coil in 0..<coils {
      for row in 0..<region[0] {
        for column in 0..<region[1] {
          let value = kSpace.samples[(coil * rows + top + row) * columns + left + column]
          guard value.real.isFinite, value.imaginary.isFinite else {
            throw .outOfRange(
              "sample (\(top + row + 1), \(left + column + 1)) of coil \(coil + 1)", found: "\(value)",
              expected: "a number")
          }
          centre.samples[(coil * region[0] + row) * region[1] + column] = value
        }
      }
    }
    return centre
  }

  /// The subspace of windows.
  private struct Windows {
    let kernel: Int
    let coils: Int
    let rank: Int
    /// Σ_{u′ − u = d} P[(a, u), (b, u′)] / k², [a][b][d_row][d_column] for b ≥ a, d from −(k − 1).
    let correlations: [Complex<Float>]
    /// The combination of coils that carries most energy; its conjugate combines them.
    let virtualCoil: [Complex<Float>]

    init(
      _ centre: KSpace, _ region: Shape, _ kernel: Int, signal: Double, threads: Int
    ) throws(OperatorError) {
      let coils = centre.shape[0]
      self.kernel = kernel
      self.coils = coils
      let (height, width) = (region[0] - kernel + 1, region[1] - kernel + 1)
      let area = kernel * kernel
      let order = coils * area
      let instructions = gridding_instructions()

      let (products, _, _) = try coilProducts(centre, what: "the calibration region")
      let energy = (0..<coils).reduce(0) { $0 + products[$1 * coils + $1].real }
      guard energy > 0 else {
        throw .outOfRange("the calibration region", found: "0 everywhere", expected: "a signal")
      }
      let principal = HermitianEigen(products, order: coils).vector(0)
      virtualCoil = principal.map { Complex(Float($0.real), Float($0.imaginary)) }

      // One line for every element of a window: its values in all windows, real and imaginary parts.
      let scale = Float((Double(region.count) / energy).squareRoot())
      let pitch = (height * width + 7) / 8 * 8
      let elements = AlignedBuffer(count: 2 * pitch * order)
      for coil in 0..<coils {
        for (u, line) in (0..<area).map({ ($0, 2 * pitch * (coil * area + $0)) }) {
          for row in 0..<height {
            let source = (coil * region[0] + row + u / kernel) * region[1] + u % kernel
            for column in 0..<width {
              let value = centre.samples[source + column]
              elements.start[line + row * width + column] = value.real * scale
              elements.start[line + pitch + row * width + column] = value.imaginary * scale
            }
          }
        }
      }
      let gram = Self.products(elements, pitch, order, instructions, threads)
      let eigen = HermitianEigen(gram, order: order)
      let limit = signal * signal * eigen.values[0]
      let rank = eigen.values.prefix { $0 > limit }.count
      self.rank = rank

      let spanPitch = (rank + 7) / 8 * 8
      let span = AlignedBuffer(count: 2 * spanPitch * order)
      parallel(tiles: rank, threads: threads) { k, _ in
        for (element, value) in eigen.vector(k).enumerated() {
          span.start[2 * spanPitch * element + k] = Float(value.real)
          span.start[2 * spanPitch * element + spanPitch + k] = Float(value.imaginary)
        }
      }
      let projector = Self.products(span, spanPitch, order, instructions, threads)

      let side = 2 * kernel - 1
      var correlations = [Complex<Float>](repeating: .zero, count: coils * coils * side * side)
      for a in 0..<coils {
        for b in a..<coils {
          var sums = [Complex<Double>](repeating: .zero, count: side * side)
          for u in 0..<area {
            for v in 0..<area {
              let (row, column) = (v / kernel - u / kernel + kernel - 1, v % kernel - u % kernel + kernel - 1)
              sums[row * side + column] += projector[(a * area + u) * order + b * area + v]
            }
          }
          for (d, sum) in sums.enumerated() {
            correlations[(a * coils + b) * side * side + d] = Complex(
              Float(sum.real / Double(area)), Float(sum.imaginary / Double(area)))
          }
        }
      }
      self.correlations = correlations
    }

    /// Σ xᵢ conj(xⱼ) for all pairs of lines.
    private static func products(
      _ lines: AlignedBuffer, _ pitch: Int, _ order: Int, _ instructions: Int32, _ threads: Int
    ) -> [Complex<Double>] {
      var result = [Complex<Double>](repeating: .zero, count: order * order)
      result.withUnsafeMutableBufferPointer { result in
        // Long rows first, so that no thread is left alone with one.
        parallel(tiles: order, threads: threads) { tile, _ in
          let i = order - 1 - tile
          var sum = (0.0, 0.0)
          for j in 0...i {
            withUnsafeMutableBytes(of: &sum) { bytes in
              guard let out = bytes.baseAddress?.assumingMemoryBound(to: Double.self) else { return }
              coils_gram(instructions, lines.start + 2 * pitch * i, lines.start + 2 * pitch * j, pitch, out)
            }
            result[i * order + j] = Complex(sum.0, sum.1)
            result[j * order + i] = Complex(sum.0, -sum.1)
          }
        }
      }
      return result
    }
  }

  /// M for a row of pixels: a sum over the waves of the differences d.
  private struct Waves {
    let windows: Windows
    let columns: Int
    let pitch: Int
    /// e^{−2πi d x/N}, [d][real, imaginary][x].
    let table: [Float]
    let instructions = gridding_instructions()

    init(_ windows: Windows, columns: Int) {
      self.windows = windows
      self.columns = columns
      let side = 2 * windows.kernel - 1
      pitch = (columns + 7) / 8 * 8
      var table = [Float](repeating: 0, count: 2 * side * pitch)
      for d in 0..<side {
        for x in 0..<columns {
          let wave = Self.wave(d - windows.kernel + 1, x, columns)
          table[2 * d * pitch + x] = wave.real
          table[(2 * d + 1) * pitch + x] = wave.imaginary
        }
      }
      self.table = table
    }

    private static func wave(_ d: Int, _ x: Int, _ extent: Int) -> Complex<Float> {
      let angle = -2 * Double.pi * Double(d * (x - extent / 2)) / Double(extent)
      return Complex(Float(Double.cos(angle)), Float(Double.sin(angle)))
    }

    func fill(_ row: Int, rows: Int, into matrices: UnsafeMutablePointer<Float>, pitch: Int) {
      let side = 2 * windows.kernel - 1
      let coils = windows.coils
      let vertical = (0..<side).map { Self.wave($0 - windows.kernel + 1, row, rows) }
      withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * side) { terms in
        guard let start = terms.baseAddress else { return }
        windows.correlations.withUnsafeBufferPointer { correlations in
          table.withUnsafeBufferPointer { table in
            guard let table = table.baseAddress else { return }
            for a in 0..<coils {
              for b in a..<coils {
                let pair = (a * coils + b) * side * side
                for d in 0..<side {
                  var (re, im): (Float, Float) = (0, 0)
                  for e in 0..<side {
                    let (h, w) = (correlations[pair + e * side + d], vertical[e])
                    re += h.real * w.real - h.imaginary * w.imaginary
                    im += h.real * w.imaginary + h.imaginary * w.real
                  }
                  start[2 * d] = re
                  start[2 * d + 1] = im
                }
                let target = matrices + 2 * pitch * (a * coils + b)
                coils_waves(instructions, start, side, table, self.pitch, columns, target, target + pitch)
              }
            }
          }
        }
      }
    }
  }
}
