import Fields
import Operators
import RealModule

/// What a residual y − A x looks like beside noise of known variance.
///
/// With v the variance of the noise and m that of the model error (``ModelError``), t = (y − A x) / √(v + m) is
/// independent and standard normal for the true image, the true geometry and the true noise; an image that was
/// fitted has taken some of the noise along. All figures are 1 or 0 for white noise of the stated variance.
public struct ResidualFigures: Codable, Hashable, Sendable {
  public struct Interval: Codable, Hashable, Sendable {
    public var lower: Double
    public var upper: Double

    func contains(_ value: Double) -> Bool { value >= lower && value <= upper }
  }

  /// A value with its standard deviation.
  public struct Estimate: Codable, Hashable, Sendable {
    public var value: Double
    public var sigma: Double
  }

  public struct View: Codable, Hashable, Sendable {
    public var index: Int
    public var degrees: Double
    /// Mean of t² over the bins.
    public var chiSquare: Double
    /// The share of this view in ``inconsistency``, over 1 + mean of m / v of this view.
    public var inconsistency: Double
    /// Mean residual in standard deviations of a mean.
    public var offset: Double

    /// The larger of both powers.
    public var power: Double { max(chiSquare, inconsistency) }
  }

  public struct Bin: Codable, Hashable, Sendable {
    public var index: Int
    /// Mean of t² over the views.
    public var chiSquare: Double
    /// Mean of t over the views less that of both neighbours, in standard deviations.
    public var offset: Double
  }

  public struct Ray: Codable, Hashable, Sendable {
    public var view: Int
    public var bin: Int
    /// t
    public var residual: Double
  }

  /// n
  public var rays: Int
  public var viewCount: Int
  /// Mean of t².
  public var chiSquare: Double
  /// Where ``chiSquare`` lies for the true image: that of n degrees of freedom, widened by what κ² varies from object
  /// to object. A fitted image lies below; by how much depends on how closely it was fitted.
  public var interval: Interval
  /// The probability of a larger ``chiSquare`` for the true image.
  public var pValue: Double
  /// Mean of (y − A x)² / v: the noise alone.
  public var noiseChiSquare: Double
  /// √ of the mean of m / v: the size of the model error in standard deviations of the noise.
  public var modelError: Double
  /// Probability that belongs to the intervals.
  public var confidence: Double

  /// Power of the slow waves along the detector that no image can explain, 1 for the stated noise: what is left of the
  /// first ``longWaveDegrees`` polynomial moments of all views when the consistency conditions of Helgason and Ludwig are
  /// taken off. A figure of data, noise level and geometry alone, the same for every image.
  public var inconsistency: Double
  public var inconsistencyInterval: Interval
  /// The same of the lower and of the upper half of the degrees: alike where the noise is not as stated, unlike where
  /// geometry or data are wrong.
  public var inconsistencyByDegree: [Double]
  /// How far the large structures of the image are off: the part of the residual's slow waves that an image could explain,
  /// relative to that of the data. Nil where there are no conditions.
  public var bodyError: Double?
  /// What ``bodyError`` does not reach by noise and model error.
  public var bodyErrorByChance: Double
  /// Moments in a view.
  public var longWaveDegrees: Int

  /// Correlation of t at distances of 1, 2, 3 bins and of 1, 2 views; `correlationSigma` is its standard deviation.
  public var correlationAlongBins: [Double]
  public var correlationAlongViews: [Double]
  public var correlationSigma: Double

  /// Noise relative to the stated one as seen in the residual's second difference along the bins: a robust estimate,
  /// well below 1 for an image that follows the noise.
  public var fineDetail: Double

  /// Whether the object reaches beyond the detector. Moments then have no consistency conditions: ``axisShift`` is nil,
  /// all slow waves count for ``inconsistency``, and its interval starts at 0.
  public var isTruncated: Bool
  /// How many bins the rotation axis is from where the geometry has it, from the first moments of all views; nil where
  /// the object reaches beyond the detector or the views are too few to tell.
  public var axisShift: Estimate?
  /// Mean of the residual in the three bins at either end of the detector, where air should read 0. Where it is
  /// significant, it is taken off before the moments are judged.
  public var background: Estimate
  /// How much more the data hold in all than the projections of the image, relative.
  public var massExcess: Estimate

  /// The worst of each, worst first.
  public var views: [View]
  public var bins: [Bin]
  public var worstRays: [Ray]
  public var medianViewPower: Double
  /// What the power of a view does not reach by chance: 4.5 standard deviations of a normal value.
  public var viewPowerByChance: Double
}

extension ResidualFigures {
  static let listLength = 5

  /// - Parameters:
  ///   - scaled: the residual y − A x.
  ///   - projection: A x
  ///   - seenProjection: A of what every view sees of x, where that is less than x.
  ///   - noise: variance v of every ray.
  ///   - model: variance m of every ray.
  ///   - waves: of this geometry and noise.
  init(
    _ scaled: ScaledResidual, measurement: Sinogram, projection: Sinogram, seenProjection: Sinogram? = nil,
    noise: Sinogram, model: Sinogram, modelError: ModelError, beam: ParallelBeam, confidence: Double,
    waves: LongWaves
  ) {
    let (views, bins) = (beam.angles.count, beam.bins)
    let n = views * bins
    let count = Double(n)
    let z = ChiSquareDistribution.twoSided(confidence)
    let (residual, t) = (scaled.residual, scaled.scaled)
    let (chi, ratio) = (scaled.square, scaled.excess)
    let widening = modelError.spread * scaled.share / count
    let chiSquare = ChiSquareDistribution(n: count)

    // Against the noise alone: the waves of the model error are short, except for the spikes of edges along a view, which
    // hold all waves alike. The intervals allow for that.
    let isTruncated = waves.explained == 0
    let degrees = waves.degrees
    let background = Self.background(residual, noise)
    var slow = residual
    if !isTruncated {
      if let seenProjection {
        slow = measurement
        beam.space.add(-1, seenProjection, to: &slow)
      }
      let ends = Self.background(slow, noise)
      if abs(ends.value) > 5 * ends.sigma {
        let value = Float(ends.value)
        slow = slow.map { $0 - value }
      }
    }
    let (unexplained, slowSquare) = waves.split(slow)
    let explainedSquare = seenProjection == nil ? slowSquare : waves.split(residual).explainedSquare
    let body = waves.split(measurement).explainedSquare
    let free = Double(views * degrees - waves.explained)
    var (viewPowers, degreePowers) = ([Double](repeating: 0, count: views), [0.0, 0.0])
    for view in 0..<views {
      for degree in 0..<degrees {
        let c = unexplained[view * degrees + degree]
        viewPowers[view] += c * c
        degreePowers[2 * degree < degrees ? 0 : 1] += c * c
      }
    }
    let degreesOfFreedom = waves.freedomByHalf
    let allowance = ratio / count
    let inconsistencies = ChiSquareDistribution(n: free)
    let bodies = ChiSquareDistribution(n: Double(waves.explained))

    let viewFigures = scaled.views.enumerated().map { view, sums in
      View(
        index: view, degrees: beam.angles[view].degrees, chiSquare: sums.square / Double(bins),
        // A single view agrees with itself: nothing is left that no image explains.
        inconsistency: free > 0
          ? viewPowers[view] / (free / Double(views)) / (1 + sums.excess / Double(bins)) : 0,
        offset: sums.sum / Double(bins).squareRoot())
    }
    let sortedPowers = viewFigures.map { $0.power }.sorted()

    self.init(
      rays: n, viewCount: views, chiSquare: chi / count,
      interval: Interval(
        lower: max(0, chiSquare.quantile(-z) - widening), upper: chiSquare.quantile(z) + widening),
      pValue: chiSquare.upperTail(chi / count), noiseChiSquare: scaled.noiseSquare / count,
      modelError: (ratio / count).squareRoot(), confidence: confidence,
      inconsistency: free > 0 ? viewPowers.reduce(0, +) / max(free, 1) : 0,
      inconsistencyInterval: Interval(
        lower: isTruncated ? 0 : inconsistencies.quantile(-z), upper: inconsistencies.quantile(z) + allowance),
      inconsistencyByDegree: zip(degreePowers, degreesOfFreedom).map { $0 / max($1, 1) },
      bodyError: body > 0 ? (explainedSquare / body).squareRoot() : nil,
      bodyErrorByChance: body > 0
        ? (Double(waves.explained) * (bodies.quantile(z) + allowance) / body).squareRoot() : 0,
      longWaveDegrees: degrees,
      correlationAlongBins: (1...3).map { Self.correlation(t, $0, alongViews: false, square: chi) },
      correlationAlongViews: (1...2).map { Self.correlation(t, $0, alongViews: true, square: chi) },
      correlationSigma: 1 / count.squareRoot(),
      fineDetail: Self.fineDetail(residual, noise, model),
      isTruncated: isTruncated,
      axisShift: isTruncated ? nil : Self.axisShift(slow, measurement, noise, beam),
      background: background,
      massExcess: Self.massExcess(residual, projection, noise),
      views: viewFigures.sorted { $0.power > $1.power }
        .prefix(Self.listLength).map { $0 },
      bins: Self.binFigures(t, Self.listLength),
      worstRays: largest(Self.listLength, of: t.samples.map(abs)).map {
        Ray(view: $0 / bins, bin: $0 % bins, residual: Double(t.samples[$0]))
      },
      medianViewPower: sortedPowers[(views - 1) / 2],
      viewPowerByChance: ChiSquareDistribution(n: max(free / Double(views), 1)).quantile(4.5))
  }

  /// - Parameter square: Σ t²
  private static func correlation(
    _ t: Sinogram, _ distance: Int, alongViews: Bool, square: Double
  ) -> Double {
    let (views, bins) = (t.shape[0], t.shape[1])
    let (endView, endBin) = alongViews ? (views - distance, bins) : (views, bins - distance)
    guard square > 0, endView > 0, endBin > 0 else { return 0 }
    let step = alongViews ? distance * bins : distance
    var sum = 0.0
    t.samples.withUnsafeBufferPointer { t in
      guard let t = t.baseAddress else { return }
      for view in 0..<endView {
        sum += Float.inner(t + view * bins, t + view * bins + step, count: endBin).real
      }
    }
    // Every sample counts as often as pairs exist, so that shorter sums do not read as less correlation.
    return sum / square * Double(views * bins) / Double(endView * endBin)
  }

  /// Median of |r[k−1] − 2r[k] + r[k+1]| over its standard deviation, relative to that of a normal value.
  private static func fineDetail(_ r: Sinogram, _ noise: Sinogram, _ model: Sinogram) -> Double {
    let (views, bins) = (r.shape[0], r.shape[1])
    guard bins > 2 else { return 1 }
    var values = [Float](repeating: 0, count: views * (bins - 2))
    values.withUnsafeMutableBufferPointer { values in
      r.samples.withUnsafeBufferPointer { r in
        noise.samples.withUnsafeBufferPointer { noise in
          model.samples.withUnsafeBufferPointer { model in
            for view in 0..<views {
              for k in view * bins..<(view + 1) * bins - 2 {
                let variance =
                  noise[k] + noise[k + 2] + model[k] + model[k + 2] + 4 * (noise[k + 1] + model[k + 1])
                values[k - 2 * view] = abs(r[k] - 2 * r[k + 1] + r[k + 2]) / variance.squareRoot()
              }
            }
          }
        }
      }
    }
    return Double(ranked(values, at: values.count / 2)) / 0.674_489_75
  }

  /// Least squares of the residual's first moments on a + b cos θ + c sin θ; the moments of any image have a = 0, so a
  /// is the mass of the object times the distance of the axes. Where the moments scatter by more than the noise, so does
  /// the estimate.
  private static func axisShift(
    _ r: Sinogram, _ y: Sinogram, _ noise: Sinogram, _ beam: ParallelBeam
  ) -> Estimate? {
    let views = beam.angles.count
    guard views >= 4 else { return nil }
    var (mass, square) = (0.0, 0.0)
    var normal = [Double](repeating: 0, count: 9)
    var right = [0.0, 0, 0]
    for (view, angle) in beam.angles.enumerated() {
      let (moment, variance, sum) = moments(r, y, noise, view)
      mass += sum / Double(views)
      square += moment * moment / variance
      let basis = [1, Double.cos(angle.radians), Double.sin(angle.radians)]
      for i in 0..<3 {
        right[i] += basis[i] * moment / variance
        for j in 0..<3 { normal[3 * i + j] += basis[i] * basis[j] / variance }
      }
    }
    guard mass > 0 else { return nil }
    // First row of the inverse.
    let (a, b, c, d, e, f) = (normal[0], normal[1], normal[2], normal[4], normal[5], normal[8])
    let (c0, c1, c2) = (d * f - e * e, c * e - b * f, b * e - c * d)
    let determinant = a * c0 + b * c1 + c * c2
    guard determinant > 1e-9 * a * a * a else { return nil }
    let value = (c0 * right[0] + c1 * right[1] + c2 * right[2]) / determinant
    let cosine = (c1 * right[0] + (a * f - c * c) * right[1] + (b * c - a * e) * right[2]) / determinant
    let sine = (c2 * right[0] + (b * c - a * e) * right[1] + (a * d - b * b) * right[2]) / determinant
    let rest = square - value * right[0] - cosine * right[1] - sine * right[2]
    let scatter = views > 6 ? max(1, rest / Double(views - 3)) : 1
    return Estimate(value: value / mass, sigma: (c0 / determinant * scatter).squareRoot() / mass)
  }

  /// Σ s r, Σ s² v and Σ y of a view, s from the middle of the detector, where a constant has no moment.
  private static func moments(
    _ r: Sinogram, _ y: Sinogram, _ noise: Sinogram, _ view: Int
  ) -> (moment: Double, variance: Double, sum: Double) {
    let bins = r.shape[1]
    let (begin, end) = (view * bins, (view + 1) * bins)
    var sums = (SIMD4<Double>.zero, SIMD4<Double>.zero, SIMD4<Double>.zero)
    var s = SIMD4<Double>(0, 1, 2, 3) - Double(bins - 1) / 2
    r.samples.withUnsafeBufferPointer { r in
      y.samples.withUnsafeBufferPointer { y in
        noise.samples.withUnsafeBufferPointer { noise in
          for k in stride(from: begin, to: end, by: 4) {
            sums.0 += s * fourSamples(r, k, end)
            sums.1 += s * s * fourSamples(noise, k, end)
            sums.2 += fourSamples(y, k, end)
            s += 4
          }
        }
      }
    }
    return (sums.0.sum(), sums.1.sum(), sums.2.sum())
  }

  private static func background(_ r: Sinogram, _ noise: Sinogram) -> Estimate {
    let (views, bins) = (r.shape[0], r.shape[1])
    guard bins >= 8 else { return Estimate(value: 0, sigma: 0) }
    var (sum, variance) = (0.0, 0.0)
    for view in 0..<views {
      for k in [0, 1, 2, bins - 3, bins - 2, bins - 1] {
        sum += Double(r.samples[view * bins + k])
        variance += Double(noise.samples[view * bins + k])
      }
    }
    let count = Double(6 * views)
    return Estimate(value: sum / count, sigma: variance.squareRoot() / count)
  }

  /// Whether the line integrals at one end of the detector are more than a twentieth of the mean of all, over all views.
  static func isTruncated(_ y: Sinogram) -> Bool {
    let (views, bins) = (y.shape[0], y.shape[1])
    guard bins >= 8 else { return true }
    var (left, right) = (0.0, 0.0)
    for view in 0..<views {
      let row = view * bins
      for k in 0..<3 {
        left += Double(y.samples[row + k]) / 3
        right += Double(y.samples[row + bins - 1 - k]) / 3
      }
    }
    return max(abs(left), abs(right)) > 0.05 * abs(sum(y) / Double(bins))
  }

  private static func massExcess(_ r: Sinogram, _ projection: Sinogram, _ noise: Sinogram) -> Estimate {
    let mass = sum(projection, of: { SIMD4(abs($0.x), abs($0.y), abs($0.z), abs($0.w)) })
    guard mass > 0 else { return Estimate(value: 0, sigma: 0) }
    return Estimate(value: sum(r) / mass, sigma: sum(noise).squareRoot() / mass)
  }

  @inline(__always)
  private static func sum(
    _ field: Sinogram, of value: (SIMD4<Double>) -> SIMD4<Double> = { $0 }
  ) -> Double {
    field.samples.withUnsafeBufferPointer { samples in
      var sums = (SIMD4<Double>.zero, SIMD4<Double>.zero)
      for k in stride(from: 0, to: samples.count, by: 8) {
        sums.0 += value(fourSamples(samples, k, samples.count))
        sums.1 += value(fourSamples(samples, k + 4, samples.count))
      }
      return (sums.0 + sums.1).sum()
    }
  }

  private static func binFigures(_ t: Sinogram, _ length: Int) -> [Bin] {
    let (views, bins) = (t.shape[0], t.shape[1])
    var sums = [Double](repeating: 0, count: bins)
    var squares = sums
    t.samples.withUnsafeBufferPointer { t in
      sums.withUnsafeMutableBufferPointer { sums in
        squares.withUnsafeMutableBufferPointer { squares in
          for view in 0..<views {
            for k in 0..<bins {
              let value = Double(t[view * bins + k])
              sums[k] += value
              squares[k] += value * value
            }
          }
        }
      }
    }
    let figures = (0..<bins).map { k in
      let neighbours = [k - 1, k + 1].filter { $0 >= 0 && $0 < bins }.map { sums[$0] }
      let share = neighbours.isEmpty ? 0 : neighbours.reduce(0, +) / Double(neighbours.count)
      let variance = Double(views) * (neighbours.isEmpty ? 1 : 1 + 1 / Double(neighbours.count))
      return Bin(
        index: k, chiSquare: squares[k] / Double(views), offset: (sums[k] - share) / variance.squareRoot())
    }
    return figures.sorted { (abs($0.offset), $1.index) > (abs($1.offset), $0.index) }.prefix(length).map {
      $0
    }
  }
}
