import Fields

/// The pixel and the width at which a residual contradicts an image most.
struct ContradictionSearch {
  /// The largest z of every pixel, with its sign.
  private(set) var map: Image
  private(set) var worst: Contradiction?
  private let information: Image
  /// 1 / √information where it is at least half of the largest and no view misses the pixel; 0 elsewhere.
  private let deviations: Image
  private let spacing: Double

  /// - Parameters:
  ///   - information: variance of every pixel of Aᴴ of the weighted noise.
  ///   - partlySeen: pixels that some view misses.
  ///   - spacing: of the pixels, in millimetres.
  init(information: Image, partlySeen: [Bool]?, spacing: Double) {
    self.information = information
    self.spacing = spacing
    map = Image(shape: information.shape)
    var deviations = Image(shape: information.shape)
    let half = 0.5 * (information.samples.max() ?? 0)
    information.samples.withUnsafeBufferPointer { information in
      deviations.samples.withUnsafeMutableBufferPointer { deviations in
        for i in 0..<information.count {
          deviations[i] = information[i] > half ? 1 / information[i].squareRoot() : 0
        }
        guard let partlySeen else { return }
        partlySeen.withUnsafeBufferPointer { partlySeen in
          for i in 0..<deviations.count where partlySeen[i] { deviations[i] = 0 }
        }
      }
    }
    self.deviations = deviations
  }

  /// Places of the pixels of every row that are so far from the edge that a blob of this width is inside.
  static func places(_ shape: Shape, width: Double) -> [Range<Int>] {
    let (rows, columns) = (shape[0], shape[1])
    let margin = Int((2 * width).rounded(.up))
    guard rows > 2 * margin, columns > 2 * margin else { return [] }
    return (margin..<rows - margin).map { $0 * columns + margin..<($0 + 1) * columns - margin }
  }

  /// - Parameters:
  ///   - image: Aᴴ of the weighted residual, blurred.
  ///   - variance: of `image` for information 1.
  mutating func look(at image: Image, width: Double, variance: Double) {
    var (place, highest) = (-1, Float(abs(worst?.z ?? 0)))
    let scale = Float(1 / variance.squareRoot())
    image.samples.withUnsafeBufferPointer { image in
      deviations.samples.withUnsafeBufferPointer { deviations in
        map.samples.withUnsafeMutableBufferPointer { map in
          for row in Self.places(information.shape, width: width) {
            let most = Self.take(image, deviations, scale, row, into: map)
            guard most > highest else { continue }
            highest = most
            place = row.first { abs(image[$0] * deviations[$0] * scale) == most } ?? place
          }
        }
      }
    }
    guard place >= 0 else { return }
    let deviation = (variance * Double(information.samples[place])).squareRoot()
    let z = Double(image.samples[place]) / deviation
    let columns = map.shape[1]
    worst = Contradiction(
      row: place / columns, column: place % columns, width: width * spacing, z: z,
      contrast: z / deviation / (2 * .pi * width * width))
  }

  /// map ← z where that is larger.
  ///
  /// - Returns: the largest |z| of the row.
  private static func take(
    _ image: UnsafeBufferPointer<Float>, _ deviations: UnsafeBufferPointer<Float>, _ scale: Float,
    _ row: Range<Int>, into map: UnsafeMutableBufferPointer<Float>
  ) -> Float {
    // As bits, of which vectors know the largest: those of numbers without a sign are in the order of the numbers.
    var most: UInt32 = 0
    for i in row {
      let z = image[i] * deviations[i] * scale
      let old = map[i]
      map[i] = abs(z) > abs(old) ? z : old
      most = max(most, abs(z).bitPattern)
    }
    return Float(bitPattern: most)
  }
}
