import Diffusion
import Fields
import Foundation
import Operators

/// A parallel-beam scan as networks see it: images in [−1, 1], an operator of unit norm.
///
///     μ = slope · v + offset           (see ``AttenuationScale``)
///     y = A μ   ⇒   (y − offset · A 1) / (slope ‖A‖) = (A/‖A‖) v
///
/// Prepared once, shared by all slices of a volume.
public struct NormalizedTomography<Operator: ParallelBeamOperator>: Sendable {
  public let A: Operator
  public let scale: AttenuationScale
  public let fbp: FilteredBackProjection<Operator>
  let normalized: Scaled<Operator>
  /// offset · A 1, line integrals of the network's 0.
  private let background: Sinogram
  private let gain: Double
  private let totalVariation: TotalVariation<Operator>

  public init(_ A: Operator, scale: AttenuationScale, threads: Int? = nil) throws(OperatorError) {
    self.A = A
    self.scale = scale
    totalVariation = try TotalVariation(A, lowerBound: 0, threads: threads)
    fbp = try FilteredBackProjection(A)
    let norm = A.norm()
    guard norm > 0 else {
      throw .outOfRange("the norm of the operator", found: "0", expected: "rays that meet the image")
    }
    normalized = A.scaled(by: Float(1 / norm))
    gain = scale.slope * norm
    background = A(Image(shape: A.domain.shape, filledWith: Float(scale.offset)))
  }

  /// - Parameters:
  ///   - y: line integrals.
  ///   - sigma: standard deviation of a line integral.
  public func measurement(_ y: Sinogram, sigma: Double) -> NormalizedMeasurement<Operator> {
    var v = y
    A.codomain.add(-1, background, to: &v)
    A.codomain.scale(&v, by: Float(1 / gain))
    return NormalizedMeasurement(normalized, v, sigma: sigma / gain)
  }

  /// x_ref of a measurement: its simple inverse in the network's range, held to [−1, 1].
  public func reference(
    _ measurement: NormalizedMeasurement<Operator>, by inverse: SimpleInverse
  ) throws -> Image {
    var y = measurement.y
    A.codomain.scale(&y, by: Float(gain))
    A.codomain.add(1, background, to: &y)
    let image: Image
    switch inverse {
    case .fbp: image = fbp(y)
    case .totalVariation(let weight, let steps):
      let sigma = Float(measurement.sigma * gain)
      image = try totalVariation.solve(
        y, variance: Sinogram(shape: y.shape, filledWith: sigma * sigma), lambda: weight / scale.water,
        limit: steps
      ).image
    }
    return scale.normalized(image).map { min(1, max(-1, $0)) }
  }

  /// What a network tuned to this scan is bound to. Lengths are in pixels.
  public var fingerprint: OperatorFingerprint {
    let beam = A.beam
    let pixel = A.domain.spacing[1]
    func number(_ value: Double) -> String {
      let rounded = (value * 1e6).rounded() / 1e6
      return rounded == rounded.rounded() ? String(Int(rounded)) : String(rounded)
    }
    return OperatorFingerprint([
      .init("the geometry", "parallel beam"),
      .init("the image size", "\(A.domain.shape[0]) × \(A.domain.shape[1])"),
      .init("the pixel aspect", number(A.domain.spacing[0] / pixel)),
      .init("the number of views", String(beam.angles.count)),
      .init("the list of angles", beam.angles.map { number($0.degrees) }.joined(separator: " ")),
      .init("the number of bins", String(beam.bins)),
      .init("the bin spacing in pixels", number(beam.binSpacing / pixel)),
      .init("the rotation axis", number(beam.axis)),
    ])
  }
}

/// A parallel-beam scanner simulated with the reconstruction's own operator, for training.
public struct SimulatedParallelBeam<Operator: ParallelBeamOperator>: SimulatedScan {
  public let tomography: NormalizedTomography<Operator>
  public let noise: ClosedRange<Double>
  public let simpleInverse: SimpleInverse

  public init(
    _ tomography: NormalizedTomography<Operator>, noise: ClosedRange<Double>, simpleInverse: SimpleInverse
  ) {
    self.tomography = tomography
    self.noise = noise
    self.simpleInverse = simpleInverse
  }

  public var A: Scaled<Operator> { tomography.normalized }
  public var scale: AttenuationScale { tomography.scale }
  public var fingerprint: OperatorFingerprint { tomography.fingerprint }

  /// σ is drawn log-uniformly from the declared range, relative to the mean line integral of `x`.
  public func measure(_ x: Image, using generator: inout SplitMix64) -> NormalizedMeasurement<Operator> {
    var y = tomography.A(tomography.scale.attenuation(x))
    let mean = y.samples.reduce(0) { $0 + Double($1) } / Double(y.samples.count)
    let level = noise.lowerBound * pow(noise.upperBound / noise.lowerBound, generator.uniform())
    let sigma = level * max(mean, 1e-6)
    _ = NoiseModel.gaussian(sigma: sigma).add(to: &y, using: &generator)
    return tomography.measurement(y, sigma: sigma)
  }

  public func reference(_ measurement: NormalizedMeasurement<Operator>) throws -> Image {
    try tomography.reference(measurement, by: simpleInverse)
  }
}
