import Fields

/// Linear attenuation, Hounsfield units and the network's range, tied together by the attenuation of water.
///
///     HU = 1000 (μ − μ_water) / μ_water,   v = range(HU)
public struct AttenuationScale: Codable, Hashable, Sendable {
  /// μ of water in 1/mm.
  public let water: Double
  public let range: IntensityRange

  public init(water: Double = 0.02, range: IntensityRange = .hounsfield) {
    self.water = water
    self.range = range
  }

  /// μ in 1/mm of one unit of the network's range.
  public var slope: Double { water * range.halfWidth / 1000 }
  /// μ in 1/mm of the network's 0.
  public var offset: Double { water * (1 + range.center / 1000) }

  /// 1/mm → network range, not clipped.
  public func normalized(_ attenuation: Image) -> Image {
    let (scale, shift) = (Float(1 / slope), Float(offset))
    return attenuation.map { ($0 - shift) * scale }
  }

  /// Network range → 1/mm.
  public func attenuation(_ normalized: Image) -> Image {
    let (scale, shift) = (Float(slope), Float(offset))
    return normalized.map { $0 * scale + shift }
  }

  /// 1/mm → HU
  public func hounsfield(_ attenuation: Image) -> Image {
    let scale = Float(1000 / water)
    return attenuation.map { $0 * scale - 1000 }
  }

  /// HU → 1/mm
  public func attenuation(hounsfield: Image) -> Image {
    let scale = Float(water / 1000)
    return hounsfield.map { ($0 + 1000) * scale }
  }
}
