import Diffusion
import Fields
import Operators

/// The exact denoiser of a normal distribution N(m, C), on any space.
///
///     E[x₀ | x_t] = m + a C S⁻¹ (x_t − a m),   S = a² C + b² I,   C = r I + Σᵢ (λᵢ − r) uᵢ uᵢᴴ
///
/// `modes` are orthonormal eigenvectors of C with their eigenvalues, r the eigenvalue of all the rest.
struct GaussianDenoiser<Space: VectorSpace>: Denoiser {
  let space: Space
  let schedule: NoiseSchedule
  let mean: Space.Vector
  let modes: [(vector: Space.Vector, variance: Double)]
  let rest: Double

  init(
    _ space: Space, mean: Space.Vector, modes: [(vector: Space.Vector, variance: Double)] = [],
    rest: Double = 1,
    schedule: NoiseSchedule = NoiseSchedule()
  ) {
    self.space = space
    self.schedule = schedule
    self.mean = mean
    self.modes = modes
    self.rest = rest
  }

  func estimate(_ x: Space.Vector, step t: Int) -> Space.Vector {
    let (a, b) = (schedule.a(t), schedule.b(t))
    func gain(_ variance: Double) -> Double { a * variance / (a * a * variance + b * b) }
    var deviation = x
    space.add(Float(-a), mean, to: &deviation)
    var result = mean
    space.add(Float(gain(rest)), deviation, to: &result)
    for (vector, variance) in modes {
      let part = space.inner(vector, deviation).real
      space.add(Float((gain(variance) - gain(rest)) * part), vector, to: &result)
    }
    return result
  }
}

/// The exact h-transform of a normal prior and a linear measurement with normal noise.
///
///     h = Jᵀ Aᵀ (A V Aᵀ + σ² I)⁻¹ (y − A x̂₀),   J = a C S⁻¹,   V = (b²/a) J
///     x0_cond = x̂₀ + (b²/a) h
struct GaussianHTransform: HTransform {
  typealias Space = ImageSpace
  let problem: GaussianProblem
  let schedule = NoiseSchedule()

  func condition(_ estimate: Image, noisy x: Image, step t: Int) -> Image {
    let (a, b) = (schedule.a(t), schedule.b(t))
    let h = problem.h(estimate: estimate.samples.map(Double.init), a: a, b: b)
    return Image(
      shape: estimate.shape, samples: zip(estimate.samples, h).map { $0 + Float(b * b / a * $1) })
  }
}

/// The 4-D problem of the oracle: x₀ ~ N(m, C), y = A x₀ + σ n, with its exact posterior.
///
///     P = (C⁻¹ + AᵀA/σ²)⁻¹,   mean P (C⁻¹ m + Aᵀ y/σ²)
struct GaussianProblem: Sendable {
  let mean = [0.2, -0.1, 0.4, 0.0]
  let covariance = Matrix([
    [1.0, 0.5, -0.3, 0.1], [0.5, 0.89, 0.01, -0.27], [-0.3, 0.01, 0.49, 0.07], [0.1, -0.27, 0.07, 0.51],
  ])
  let A = Matrix([[1.0, 0.5, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]])
  let sigma = 0.1
  let y = [0.7, -0.3]

  let space = ImageSpace(shape: [1, 4])

  func image(_ values: [Double]) -> Image { Image(shape: [1, 4], samples: values.map { Float($0) }) }

  func denoiser(_ mean: [Double], _ covariance: Matrix) -> GaussianDenoiser<ImageSpace> {
    let (values, vectors) = covariance.eigen
    return GaussianDenoiser(
      space, mean: image(mean), modes: zip(vectors, values).map { (image($0), $1) })
  }
  var prior: GaussianDenoiser<ImageSpace> { denoiser(mean, covariance) }

  var posteriorCovariance: Matrix {
    (covariance.inverse + 1 / (sigma * sigma) * (A.transposed * A)).inverse
  }
  var posteriorMean: [Double] {
    let data = A.transposed * y.map { $0 / (sigma * sigma) }
    return posteriorCovariance * zip(covariance.inverse * mean, data).map(+)
  }

  func h(estimate: [Double], a: Double, b: Double) -> [Double] {
    let S = a * a * covariance + b * b * Matrix.identity(4)
    let J = a * (covariance * S.inverse)
    let V = b * b / a * J
    let inner = A * V * A.transposed + sigma * sigma * Matrix.identity(2)
    let residual = zip(y, A * estimate).map(-)
    return J.transposed * (A.transposed * (inner.inverse * residual))
  }
}
