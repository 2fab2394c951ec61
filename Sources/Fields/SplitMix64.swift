import ComplexModule
import RealModule

/// A small, fast, seedable generator whose stream is the same on every machine.
///
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014,
/// DOI 10.1145/2660193.2660195.
public struct SplitMix64: RandomNumberGenerator, Sendable, Codable, Equatable {
  public private(set) var state: UInt64

  public init(seed: UInt64) { state = seed }

  /// An independent stream for one element of a sequence, so that slices can be drawn in any order.
  public init(seed: UInt64, stream: Int) {
    var mixer = SplitMix64(seed: seed ^ (UInt64(bitPattern: Int64(stream)) &* 0xD1B5_4A32_D192_ED03))
    state = mixer.next()
  }

  /// What random numbers are for. One seed serves a whole run, and no purpose sees the numbers of another.
  public enum Purpose: UInt64, Sendable, CaseIterable {
    /// Noise of a simulated measurement; the stream is the slice.
    case measurementNoise = 0
    /// A draw from the posterior; the stream is made of the slice and the number of the draw.
    case posteriorDraw = 0xA54F_F53A_5F1D_36F1
    /// An image drawn from a prior alone.
    case priorSample = 0x510E_527F_ADE6_82D1
    /// Images and noise on which the error of a prior is measured.
    case calibration = 0x9B05_688C_2B3E_6C1F
  }

  /// An independent stream for one purpose and one element of a sequence.
  ///
  /// The purposes' numbers are the fractional parts of square roots of primes, which nobody chose; 0 for the noise is
  /// the stream of ``init(seed:stream:)``.
  public init(seed: UInt64, purpose: Purpose, stream: Int = 0) {
    self.init(seed: seed ^ purpose.rawValue, stream: stream)
  }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Uniform on (0, 1].
  public mutating func uniform() -> Double { (Double(next() >> 11) + 1) * 0x1p-53 }

  /// Two independent standard normal values (Box and Muller 1958).
  public mutating func normalPair() -> (Double, Double) {
    let radius = (-2 * Double.log(uniform())).squareRoot()
    let angle = 2 * Double.pi * uniform()
    return (radius * Double.cos(angle), radius * Double.sin(angle))
  }

  public mutating func normal() -> Double { normalPair().0 }

  /// `count` independent standard normal values.
  public mutating func normals(_ count: Int) -> [Float] {
    var values = [Float]()
    values.reserveCapacity(count + 1)
    while values.count < count {
      let pair = normalPair()
      values.append(Float(pair.0))
      values.append(Float(pair.1))
    }
    if values.count > count { values.removeLast() }
    return values
  }
}

extension FieldScalar {
  static func standardNormal(using generator: inout SplitMix64) -> Self {
    let pair = generator.normalPair()
    return make(pair.0, pair.1)
  }
}
