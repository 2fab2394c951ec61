import Diffusion
import Fields
import Operators

/// A dense matrix as an operator from images to a row of numbers.
struct DenseOperator: LinearOperator {
  let domain: ImageSpace
  let codomain: SinogramSpace
  let rows: [[Float]]

  init(_ domain: ImageSpace, _ rows: [[Float]]) {
    self.domain = domain
    self.rows = rows
    codomain = SinogramSpace(shape: [1, rows.count])
  }

  func apply(_ x: Image, into y: inout Sinogram) {
    y = Sinogram(shape: codomain.shape, samples: rows.map { zip($0, x.samples).map(*).reduce(0, +) })
  }

  func applyAdjoint(_ y: Sinogram, into x: inout Image) {
    x = domain.zero()
    for (row, value) in zip(rows, y.samples) {
      for i in row.indices { x.samples[i] += row[i] * value }
    }
  }
}

/// Measures every second pixel: orthonormal rows, unit norm.
struct PixelSampling: LinearOperator {
  let domain: ImageSpace
  var codomain: SinogramSpace { SinogramSpace(shape: [1, domain.dimension / 2]) }

  func apply(_ x: Image, into y: inout Sinogram) {
    y = codomain.zero()
    for i in y.samples.indices { y.samples[i] = x.samples[2 * i] }
  }

  func applyAdjoint(_ y: Sinogram, into x: inout Image) {
    x = domain.zero()
    for i in y.samples.indices { x.samples[2 * i] = y.samples[i] }
  }
}

/// A scan of every second pixel with normal noise.
struct SamplingScan: SimulatedScan {
  let A: Scaled<PixelSampling>
  let sigma: Double
  var scale = AttenuationScale()
  var fingerprint = OperatorFingerprint([.init("pixels", "every second"), .init("size", "8 × 8")])
  let noise = 0.01...0.01
  let simpleInverse = SimpleInverse.fbp

  /// x_ref says nothing about the image, so that the preconditioned form starts as DDS.
  private let isBlind: Bool

  init(_ domain: ImageSpace, sigma: Double, isBlind: Bool = false) {
    A = PixelSampling(domain: domain).scaled(by: 1)
    self.sigma = sigma
    self.isBlind = isBlind
  }

  func measure(_ x: Image, using generator: inout SplitMix64) -> NormalizedMeasurement<PixelSampling> {
    var y = A(x)
    A.codomain.add(Float(sigma), A.codomain.random(using: &generator), to: &y)
    return NormalizedMeasurement(A, y, sigma: sigma)
  }

  func reference(_ measurement: NormalizedMeasurement<PixelSampling>) -> Image {
    isBlind
      ? Image(shape: A.domain.shape, filledWith: 1e4) : A.adjoint(measurement.y).map { max(-1, min(1, $0)) }
  }
}

/// Images of independent N(0, v) pixels.
struct GaussianImages: ImageSource {
  let variance: Double
  var identity: [NamedValue] { [NamedValue("the variance", "\(variance)")] }

  func draw(rows: Int, columns: Int, using generator: inout SplitMix64) -> Image {
    let deviation = Float(variance.squareRoot())
    return Image(shape: [rows, columns], samples: generator.normals(rows * columns).map { deviation * $0 })
  }
}

/// Images of one value, +½ or −½: to know the sign is to know the image.
struct FlatImages: ImageSource {
  let identity = [NamedValue("the image", "flat")]

  func draw(rows: Int, columns: Int, using generator: inout SplitMix64) -> Image {
    Image(shape: [rows, columns], filledWith: generator.next() % 2 == 0 ? 0.5 : -0.5)
  }
}

/// The exact prior of ``GaussianImages``: ε = b x / (a² v + b²).
struct GaussianPredictor: NoisePredictor {
  let variance: Double
  let schedule = NoiseSchedule()

  func predictNoise(_ x: Tensor, time t: [Int]) throws(TorchError) -> Tensor {
    let gains = t.map { step in
      let (a, b) = (schedule.a(step), schedule.b(step))
      return Float(b / (a * a * variance + b * b))
    }
    return try Tensor(gains, shape: [t.count, 1, 1, 1]) * x
  }

  func prior(_ change: (inout PriorDescription) -> Void = { _ in }) -> DiffusionPrior {
    var description = PriorDescription()
    change(&description)
    return DiffusionPrior(predictor: self, schedule: schedule, description: description, path: "Gaussian")
  }
}

extension ParameterStore {
  /// The weight of that name.
  func tensor(_ name: String) throws -> Tensor {
    guard let index = names.firstIndex(of: name) else {
      throw CheckpointError.missingWeight("the store", name: name)
    }
    return tensors[index]
  }
}

extension ParameterStore {
  /// Adds N(0, 0.1²) to every weight, so that nothing is left at 0 or 1.
  func perturb(seed: UInt64) throws {
    var generator = SplitMix64(seed: seed)
    for tensor in tensors {
      let noise = try 0.1 * Tensor(generator.normals(tensor.count), shape: tensor.shape)
      try tensor.assign(tensor + noise)
    }
  }
}
