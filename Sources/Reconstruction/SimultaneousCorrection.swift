import Fields
import Operators

/// What a residual tells all pixels at once: the step of SIRT and, for some of the views, of SART.
///
///     x ← max(x + ω D⁻¹ Aᴴ R (y − A x), lowerBound),   R = 1 / (A 1),   D = Aᴴ R A 1
///
/// A 1 is the length of a ray in the image and D the length of all rays in a pixel, so that a residual is spread evenly
/// along its ray and a pixel takes the mean of what its rays say. Where A has no negative entries, AᴴRA ≤ D, and every
/// ω below 2 makes (A x − y)ᴴ R (A x − y) smaller.
///
/// A ray that only grazes the image counts as if it were a fiftieth of the longest one, and a pixel that hardly any ray
/// meets as if it had a hundredth of the best seen one: both are divided by rounding errors otherwise.
package struct SimultaneousCorrection<Operator: LinearOperator>: Sendable
where Operator.Domain == ImageSpace, Operator.Codomain == SinogramSpace {
  package let A: Operator
  /// R and D⁻¹
  package let rays: Sinogram
  package let pixels: Image

  package init(_ A: Operator) {
    self.A = A
    var rays = A(Image(shape: A.domain.shape, filledWith: 1))
    let lengths = rays
    let longest = lengths.samples.max() ?? 0
    for i in rays.samples.indices {
      rays.samples[i] = longest > 0 ? 1 / max(lengths.samples[i], 0.02 * longest) : 0
    }
    var shares = lengths
    for i in shares.samples.indices { shares.samples[i] *= rays.samples[i] }
    var pixels = A.adjoint(shares)
    let most = pixels.samples.max() ?? 0
    for i in pixels.samples.indices {
      pixels.samples[i] = most > 0 ? 1 / max(pixels.samples[i], 0.01 * most) : 0
    }
    self.rays = rays
    self.pixels = pixels
  }

  /// z ← R (y − z), for z = A x.
  package func weighResidual(of y: Sinogram, into z: inout Sinogram) {
    z.samples.withUnsafeMutableBufferPointer { z in
      y.samples.withUnsafeBufferPointer { y in
        rays.samples.withUnsafeBufferPointer { rays in
          for i in z.indices { z[i] = rays[i] * (y[i] - z[i]) }
        }
      }
    }
  }

  /// x ← max(x + ω D⁻¹ back, lowerBound)
  package func correct(_ x: inout Image, by back: Image, relaxation: Double, lowerBound: Float?) {
    let (relaxation, bound) = (Float(relaxation), lowerBound ?? -.infinity)
    x.samples.withUnsafeMutableBufferPointer { x in
      back.samples.withUnsafeBufferPointer { back in
        pixels.samples.withUnsafeBufferPointer { pixels in
          for i in x.indices { x[i] = max(x[i] + relaxation * pixels[i] * back[i], bound) }
        }
      }
    }
  }
}

/// Measured line integrals as SIRT and SART see them, and where they stop.
struct MeasuredRays: Sendable {
  let y: Sinogram
  /// 1 / variance; nil where the noise is not known.
  private let weights: Sinogram?
  /// τ² n
  private let target: Double?

  init(_ y: Sinogram, variance: Sinogram?, tau: Double) {
    self.y = y
    weights = variance?.map { 1 / $0 }
    target = variance.map { _ in tau * tau * Double(y.samples.count) }
  }

  /// (A x − y)ᴴ W (A x − y) for z = A x.
  func residualSquare(_ z: Sinogram) -> Double {
    var sum = 0.0
    z.samples.withUnsafeBufferPointer { z in
      y.samples.withUnsafeBufferPointer { y in
        guard let weights else {
          for i in z.indices { sum += Double(z[i] - y[i]) * Double(z[i] - y[i]) }
          return
        }
        weights.samples.withUnsafeBufferPointer { weights in
          for i in z.indices { sum += Double(weights[i]) * Double(z[i] - y[i]) * Double(z[i] - y[i]) }
        }
      }
    }
    return sum
  }

  func isExplained(_ residualSquare: Double) -> Bool { target.map { residualSquare <= $0 } ?? false }

  static func check(relaxation: Double, tau: Double) throws(ReconstructionError) {
    guard relaxation > 0, relaxation < 2 else {
      throw .outOfRange("the relaxation", found: "\(relaxation)", expected: "above 0 and below 2")
    }
    guard tau > 0, tau.isFinite else {
      throw .outOfRange("τ of the discrepancy principle", found: "\(tau)", expected: "a positive number")
    }
  }
}
