import Diffusion
import Fields

/// Slices through random phantoms: every draw is a new object.
public struct PhantomImages: ImageSource {
  private let family: RandomPhantomFamily
  private let size: Int
  private let attenuation: AttenuationScale

  public let identity: [NamedValue]

  /// - Parameter size: pixels across the field of view before cropping.
  /// - Throws: ``SimulationError/noAttenuation(phantom:)`` for a family of values without a unit, `PhantomError` for one
  ///   that cannot be drawn.
  public init(_ family: RandomPhantomFamily, size: Int, attenuation: AttenuationScale) throws {
    guard family.unit == .perMillimetre else { throw SimulationError.noAttenuation(phantom: family.name) }
    self.family = family
    self.size = size
    self.attenuation = attenuation
    // A family that can be drawn once can always be: what it checks are its ranges, not its seed.
    _ = try family.phantom(seed: 0)
    let digest = checksum(of: "\(family) \(attenuation)")
    identity = [
      NamedValue("the family of phantoms", "'\(family.name)' on \(size) pixels, of SHA-256 \(digest)")
    ]
  }

  public func draw(rows: Int, columns: Int, using generator: inout SplitMix64) -> Image {
    let seed = generator.next()
    let (top, left, mirrored) = (generator.uniform(), generator.uniform(), generator.next() & 1 == 1)
    let side = max(size, rows, columns)
    guard let phantom = try? family.phantom(seed: seed) else {
      return Image(shape: [rows, columns], filledWith: -1)
    }
    let whole = attenuation.normalized(phantom.image(on: phantom.grid(size: side)))
    let (y, x) = (Int(top * Double(side - rows)), Int(left * Double(side - columns)))
    var image = Image(shape: [rows, columns])
    for row in 0..<rows {
      for column in 0..<columns {
        image[row, column] = min(1, max(-1, whole[y + row, x + (mirrored ? columns - 1 - column : column)]))
      }
    }
    return image
  }
}
