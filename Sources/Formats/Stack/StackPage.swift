import Fields

/// A page of a stack with its samples as they are.
public enum StackPage: Sendable, Equatable {
  case real(Image)
  case complex(ComplexImage)

  /// `[rows, columns]`
  public var shape: Shape {
    switch self {
    case .real(let image): image.shape
    case .complex(let image): image.shape
    }
  }

  /// The first sample that is NaN or infinite, or has such a part.
  var firstNotFinite: (position: Int, value: String)? {
    switch self {
    case .real(let image): Self.firstNotFinite(image.samples, of: 1)
    case .complex(let image): Self.firstNotFinite(image.samples, of: 2)
    }
  }

  /// - Parameter parts: floats in a sample.
  private static func firstNotFinite<Sample>(
    _ samples: [Sample], of parts: Int
  ) -> (position: Int, value: String)? {
    samples.withUnsafeBytes { bytes in
      let numbers = bytes.bindMemory(to: Float.self)
      return Formats.firstNotFinite(numbers).map { position in
        (position / parts, numbers[position].isNaN ? "NaN" : "an infinite value")
      }
    }
  }
}
