import Fields
import Numerics

extension Angle {
  var cosine: Double { Double.cos(radians) }
  var sine: Double { Double.sin(radians) }
}
