import RealModule

extension PhantomSlice {
  /// The line integral
  ///
  ///     p(θ, s) = ∫∫ f(x, y) δ(x cos θ + y sin θ − s) dx dy
  ///
  /// exact to rounding: every convex region cuts the line in one interval. `offset` is s in millimetres. Any
  /// ray can be named this way; that of a fan at the angle β and fan angle γ, with the source at the distance R
  /// from the axis, at R (sin β, −cos β), is θ = β − γ, s = R sin γ.
  public func lineIntegral(angle: Angle, offset: Double) -> Double {
    var covered = IntervalUnion()
    return SliceProfile(regions, normal: Self.normal(angle)).integral(at: offset, covered: &covered)
  }

  /// Line integrals of a parallel beam, exact to rounding.
  ///
  /// - Parameters:
  ///   - binSpacing: distance of neighbouring bins, in millimetres.
  ///   - axis: the bin coordinate c of the rotation axis, bins at (k − c) · spacing; (bins − 1)/2 if nil.
  ///   - raysPerBin: 1 samples the line through the middle of every bin. A larger number averages that many
  ///     evenly spaced rays over the width of the bin, as a detector does: for a disc that is many bins wide
  ///     the mean over a bin at its rim is off by at most 0.24 · raysPerBin^(−3/2) of the chord one bin inside.
  /// - Returns: `[angles, bins]`, in millimetres times the unit of the phantom: without unit for 1/mm.
  public func sinogram(
    angles: [Angle], bins: Int, binSpacing: Double, axis: Double? = nil, raysPerBin: Int = 1
  ) -> Sinogram {
    precondition(bins >= 0 && raysPerBin > 0, "\(bins) bins of \(raysPerBin) rays")
    let centre = axis ?? Double(bins - 1) / 2
    let rays = Double(raysPerBin)
    var covered = IntervalUnion()
    var samples: [Float] = []
    samples.reserveCapacity(angles.count * bins)
    for angle in angles {
      let profile = SliceProfile(regions, normal: Self.normal(angle))
      for bin in 0..<bins {
        var sum = 0.0
        for ray in 0..<raysPerBin {
          let position = Double(bin) - centre + (Double(ray) + 0.5) / rays - 0.5
          sum += profile.integral(at: position * binSpacing, covered: &covered)
        }
        samples.append(Float(sum / rays))
      }
    }
    return Sinogram(shape: [angles.count, bins], samples: samples)
  }

  private static func normal(_ angle: Angle) -> SIMD2<Double> {
    SIMD2(Double.cos(angle.radians), Double.sin(angle.radians))
  }
}
