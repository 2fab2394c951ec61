import Fields
import Operators
import RealModule

/// An ellipse with its image and its line integrals in closed form, written independently of the product.
public struct Ellipse: Sendable {
  /// Centre and semi-axes in millimetres, x to the right and y up.
  public var x, y, a, b: Double
  /// From the x axis to the semi-axis `a`, anticlockwise.
  public var rotation: Angle
  public var value: Double

  public init(x: Double, y: Double, a: Double, b: Double, rotation: Angle = .degrees(0), value: Double) {
    (self.x, self.y, self.a, self.b) = (x, y, a, b)
    self.rotation = rotation
    self.value = value
  }

  /// The whole ellipse turned anticlockwise around the origin.
  public func rotated(by angle: Angle) -> Ellipse {
    let (c, s) = (Double.cos(angle.radians), Double.sin(angle.radians))
    var result = self
    (result.x, result.y) = (c * x - s * y, s * x + c * y)
    result.rotation = .radians(rotation.radians + angle.radians)
    return result
  }

  public func contains(_ px: Double, _ py: Double) -> Bool {
    let (c, s) = (Double.cos(rotation.radians), Double.sin(rotation.radians))
    let u = ((px - x) * c + (py - y) * s) / a
    let v = (-(px - x) * s + (py - y) * c) / b
    return u * u + v * v <= 1
  }

  /// ∫ along x cos θ + y sin θ = s
  public func lineIntegral(angle: Angle, s: Double) -> Double {
    let theta = angle.radians
    let phi = theta - rotation.radians
    let square = a * a * Double.cos(phi) * Double.cos(phi) + b * b * Double.sin(phi) * Double.sin(phi)
    let d = s - (x * .cos(theta) + y * .sin(theta))
    guard d * d < square else { return 0 }
    return value * 2 * a * b * (square - d * d).squareRoot() / square
  }

  /// ∫ along the whole line through two points: where it enters and leaves the unit disc after stretching.
  public func lineIntegral(through p: SIMD2<Double>, _ q: SIMD2<Double>) -> Double {
    let (c, s) = (Double.cos(rotation.radians), Double.sin(rotation.radians))
    func stretched(_ v: SIMD2<Double>) -> SIMD2<Double> {
      SIMD2((v.x * c + v.y * s) / a, (-v.x * s + v.y * c) / b)
    }
    let (start, step) = (stretched(p - SIMD2(x, y)), stretched(q - p))
    let square = (step * step).sum()
    // From the point of the line nearest to the centre, so that one far away costs no precision.
    let foot = start - step * ((start * step).sum() / square)
    let half = (1 - (foot * foot).sum()) / square
    return half > 0 ? value * 2 * (half * ((q - p) * (q - p)).sum()).squareRoot() : 0
  }
}

extension [Ellipse] {
  /// Shepp and Logan 1974 with the contrasts of Toft 1996, `radius` = half the width of its square.
  public static func sheppLogan(radius r: Double) -> [Ellipse] {
    let rows: [(Double, Double, Double, Double, Double, Double)] = [
      (1, 0.69, 0.92, 0, 0, 0), (-0.8, 0.6624, 0.874, 0, -0.0184, 0), (-0.2, 0.11, 0.31, 0.22, 0, -18),
      (-0.2, 0.16, 0.41, -0.22, 0, 18), (0.1, 0.21, 0.25, 0, 0.35, 0), (0.1, 0.046, 0.046, 0, 0.1, 0),
      (0.1, 0.046, 0.046, 0, -0.1, 0), (0.1, 0.046, 0.023, -0.08, -0.605, 0),
      (0.1, 0.023, 0.023, 0, -0.606, 0), (0.1, 0.023, 0.046, 0.06, -0.605, 0),
    ]
    return rows.map { value, a, b, x, y, degrees in
      Ellipse(x: r * x, y: r * y, a: r * a, b: r * b, rotation: .degrees(degrees), value: value)
    }
  }

  /// Pixel averages over `oversampling`² points, row 0 at the top.
  public func image(on grid: ImageSpace, oversampling: Int = 4) -> Image {
    let (rows, columns) = (grid.shape[0], grid.shape[1])
    var image = grid.zero()
    for i in 0..<rows {
      for j in 0..<columns {
        var sum = 0.0
        for p in 0..<oversampling {
          for q in 0..<oversampling {
            let fine = Double(oversampling)
            let x = (Double(j) + (Double(q) + 0.5) / fine - Double(columns) / 2) * grid.spacing[1]
            let y = (Double(rows) / 2 - Double(i) - (Double(p) + 0.5) / fine) * grid.spacing[0]
            for ellipse in self where ellipse.contains(x, y) { sum += ellipse.value }
          }
        }
        image[i, j] = Float(sum / Double(oversampling * oversampling))
      }
    }
    return image
  }

  /// Line integrals averaged over `oversampling` rays per bin.
  public func sinogram(
    angles: [Angle], bins: Int, binSpacing: Double, axis: Double, oversampling: Int = 8
  ) -> Sinogram {
    var sinogram = Sinogram(shape: [angles.count, bins])
    for (view, angle) in angles.enumerated() {
      for k in 0..<bins {
        var sum = 0.0
        for p in 0..<oversampling {
          let s = (Double(k) - 0.5 + (Double(p) + 0.5) / Double(oversampling) - axis) * binSpacing
          for ellipse in self { sum += ellipse.lineIntegral(angle: angle, s: s) }
        }
        sinogram[view, k] = Float(sum / Double(oversampling))
      }
    }
    return sinogram
  }
}

extension [Ellipse] {
  /// Line integrals averaged over `oversampling` rays per bin, from the source to a point on the detector.
  public func sinogram(_ beam: FanBeam, oversampling: Int = 8) -> Sinogram {
    var sinogram = beam.space.zero()
    let (R, D) = (beam.sourceAxisDistance, beam.sourceDetectorDistance)
    for (view, angle) in beam.angles.enumerated() {
      let (c, s) = (Double.cos(angle.radians), Double.sin(angle.radians))
      let source = SIMD2(R * s, -R * c)
      for k in 0..<beam.bins {
        var sum = 0.0
        for p in 0..<oversampling {
          let u = (Double(k) - 0.5 + (Double(p) + 0.5) / Double(oversampling) - beam.axis) * beam.binSpacing
          let along = beam.detector == .flat ? u : D * Double.sin(u / D)
          let away = beam.detector == .flat ? D : D * Double.cos(u / D)
          let bin = source + SIMD2(along * c - away * s, along * s + away * c)
          for ellipse in self { sum += ellipse.lineIntegral(through: source, bin) }
        }
        sinogram[view, k] = Float(sum / Double(oversampling))
      }
    }
    return sinogram
  }
}

/// ‖a − b‖ / ‖b‖
public func relativeError<Q, S>(_ a: Field<Q, S>, _ b: Field<Q, S>) -> Double {
  let space = Grid<Q, S>(shape: b.shape)
  var difference = a
  space.add(-1, b, to: &difference)
  return space.norm(difference) / space.norm(b)
}
