import Fields
import Foundation
import Operators
import TestSupport

/// Sinograms of a phantom with known faults.
struct SimulatedScan {
  var angles: [Angle]
  var bins: Int
  var axis: Double
  /// The phantom lies within this distance of the axis, in bins.
  var radius = 75.0
  /// σ of the detector's blur, in bins.
  var blur = 1.0

  init(
    views: Int = 180, range: Double = 180, includingEnd: Bool = false, bins: Int = 192, axis: Double = 95.5
  ) {
    self.bins = bins
    let steps = Double(includingEnd ? views - 1 : views)
    angles = (0..<views).map { .degrees(range * Double($0) / steps) }
    self.axis = axis
  }

  /// Line integrals up to about 2: an uneven body, nothing of which is constant along the views.
  func sinogram() -> Sinogram {
    let parts: [(value: Double, a: Double, b: Double, x: Double, y: Double, degrees: Double)] = [
      (1, 62, 44, 6, -9, 20), (0.5, 18, 9, -25, 12, 40), (-0.6, 9, 14, 28, -5, -15), (0.8, 5, 3, 40, 20, 60),
      (0.4, 22, 6, 5, -30, -30), (-0.5, 4, 4, -38, -12, 0), (0.9, 3, 6, 10, 18, 10),
      (0.6, 2.5, 2.5, -8, -2, 0),
    ]
    let scale = radius / 75
    let phantom = parts.map { part in
      Ellipse(
        x: part.x * scale, y: part.y * scale, a: part.a * scale, b: part.b * scale,
        rotation: .degrees(part.degrees), value: 0.016 * part.value / scale)
    }
    let sharp = phantom.sinogram(angles: angles, bins: bins, binSpacing: 1, axis: axis, oversampling: 2)
    let reach = Int((3 * blur).rounded(.up))
    let weights = (-reach...reach).map { exp(-Double($0 * $0) / (2 * blur * blur)) }
    let sum = weights.reduce(0, +)
    var result = sharp
    for view in 0..<angles.count {
      for bin in 0..<bins {
        var value = 0.0
        for k in -reach...reach {
          value += weights[k + reach] * Double(sharp[view, min(max(bin + k, 0), bins - 1)])
        }
        result[view, bin] = Float(value / sum)
      }
    }
    return result
  }

  /// Noise of `photons` per ray in air.
  func noisySinogram(photons: Double, seed: UInt64 = 1) -> Sinogram {
    var result = sinogram()
    var generator = SplitMix64(seed: seed)
    NoiseModel.photons(perRay: photons).add(to: &result, using: &generator)
    return result
  }
}

/// ‖a − b‖, of chosen bins.
func distance(_ a: Sinogram, _ b: Sinogram, bins: (Int) -> Bool = { _ in true }) -> Double {
  var sum = 0.0
  for view in 0..<a.shape[0] {
    for bin in 0..<a.shape[1] where bins(bin) {
      let difference = Double(a[view, bin]) - Double(b[view, bin])
      sum += difference * difference
    }
  }
  return sum.squareRoot()
}
