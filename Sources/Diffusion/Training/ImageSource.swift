import Fields

/// Clean images to train on, in the network's range.
public protocol ImageSource {
  /// One random image or crop of `rows` × `columns`, mirrored at random.
  func draw(rows: Int, columns: Int, using generator: inout SplitMix64) -> Image
}

/// Draws from `second` with a fixed probability, else from `first`.
public struct MixedSource: ImageSource {
  let first: any ImageSource
  let second: any ImageSource
  let fraction: Double

  public init(_ first: any ImageSource, _ second: any ImageSource, fractionOfSecond: Double) {
    self.first = first
    self.second = second
    fraction = fractionOfSecond
  }

  public func draw(rows: Int, columns: Int, using generator: inout SplitMix64) -> Image {
    let source = generator.uniform() <= fraction ? second : first
    return source.draw(rows: rows, columns: columns, using: &generator)
  }
}
