import Fields

/// Clean images to train on, in the network's range.
public protocol ImageSource {
  /// What tells these images from others: a training is taken up with the images it began with, or not at all.
  var identity: [NamedValue] { get }
  /// One random image or crop of `rows` × `columns`, mirrored at random.
  func draw(rows: Int, columns: Int, using generator: inout SplitMix64) -> Image
}

extension ImageSource {
  func draw(_ count: Int, rows: Int, columns: Int, using generator: inout SplitMix64) -> [Image] {
    (0..<count).map { _ in draw(rows: rows, columns: columns, using: &generator) }
  }
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

  public var identity: [NamedValue] {
    first.identity + second.identity + [NamedValue("the fraction of the second images", "\(fraction)")]
  }

  public func draw(rows: Int, columns: Int, using generator: inout SplitMix64) -> Image {
    let source = generator.uniform() <= fraction ? second : first
    return source.draw(rows: rows, columns: columns, using: &generator)
  }
}
