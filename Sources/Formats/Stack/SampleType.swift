import CSamples

/// How a file stores one sample, before it becomes a `Float`.
public enum SampleType: String, Sendable, Equatable, CaseIterable {
  case uint8, uint16, uint32, int8, int16, int32
  case float16, float32, float64
  /// A pair of numbers, real part first.
  case complexInt16, complexInt32, complex64, complex128

  public var bytes: Int {
    switch self {
    case .uint8, .int8: 1
    case .uint16, .int16, .float16: 2
    case .uint32, .int32, .float32, .complexInt16: 4
    case .float64, .complex64, .complexInt32: 8
    case .complex128: 16
    }
  }

  public var isComplex: Bool { component != self }

  /// What a complex sample is a pair of; a real one is its own component.
  var component: SampleType {
    switch self {
    case .complexInt16: .int16
    case .complexInt32: .int32
    case .complex64: .float32
    case .complex128: .float64
    default: self
    }
  }

  /// Numbers in a sample.
  var components: Int { isComplex ? 2 : 1 }

  /// - Parameters:
  ///   - format: The TIFF tag SampleFormat: 1 unsigned, 2 signed, 3 floating point, 4 unstated, 5 complex integer,
  ///     6 complex.
  ///   - bits: Bits per sample.
  ///   - samples: How many a pixel has. Two floats are a real and an imaginary part.
  init?(format: UInt64, bits: UInt64, samples: UInt64 = 1) {
    switch (format, bits) {
    case (3, 32) where samples == 2: self = .complex64
    case (3, 64) where samples == 2: self = .complex128
    case _ where samples != 1: return nil
    case (1, 8), (4, 8): self = .uint8
    case (1, 16), (4, 16): self = .uint16
    case (1, 32), (4, 32): self = .uint32
    case (2, 8): self = .int8
    case (2, 16): self = .int16
    case (2, 32): self = .int32
    case (3, 16): self = .float16
    case (3, 32): self = .float32
    case (3, 64): self = .float64
    case (5, 32): self = .complexInt16
    case (5, 64): self = .complexInt32
    case (6, 64): self = .complex64
    case (6, 128): self = .complex128
    default: return nil
    }
  }

  /// The TIFF tag SampleFormat.
  var tiffFormat: UInt16 {
    switch self {
    case .uint8, .uint16, .uint32: 1
    case .int8, .int16, .int32: 2
    case .float16, .float32, .float64: 3
    case .complexInt16, .complexInt32: 5
    case .complex64, .complex128: 6
    }
  }

  /// Converts `count` components; every `step`-th number of `target` is set. Integers above 2²⁴ in magnitude and
  /// doubles are rounded to the nearest `Float`; doubles beyond its range become infinite.
  func convert(
    _ source: UnsafeRawPointer, count: Int, swappingBytes swap: Bool, to target: UnsafeMutablePointer<Float>,
    step: Int = 1
  ) {
    @inline(__always)
    func each<Stored: BitwiseCopyable>(_ value: (Stored) -> Float) {
      @inline(__always) func load(_ i: Int) -> Stored {
        source.loadUnaligned(fromByteOffset: i * MemoryLayout<Stored>.size, as: Stored.self)
      }
      // Two loops: the first one becomes vectors.
      if step == 1 {
        for i in 0..<count { target[i] = value(load(i)) }
      } else {
        for i in 0..<count { target[i * step] = value(load(i)) }
      }
    }
    switch component {
    case .uint8: each { (x: UInt8) in Float(x) }
    case .int8: each { (x: Int8) in Float(x) }
    case .uint16: each { (x: UInt16) in Float(swap ? x.byteSwapped : x) }
    case .int16: each { (x: Int16) in Float(swap ? x.byteSwapped : x) }
    case .uint32: each { (x: UInt32) in Float(swap ? x.byteSwapped : x) }
    case .int32: each { (x: Int32) in Float(swap ? x.byteSwapped : x) }
    case .float16: each { (x: UInt16) in Self.half(swap ? x.byteSwapped : x) }
    case .float32: each { (x: UInt32) in Float(bitPattern: swap ? x.byteSwapped : x) }
    case .float64: each { (x: UInt64) in Float(Double(bitPattern: swap ? x.byteSwapped : x)) }
    case .complexInt16, .complexInt32, .complex64, .complex128:
      preconditionFailure("a component is real")
    }
  }

  /// IEEE 754 binary16.
  private static func half(_ bits: UInt16) -> Float {
    let sign: Float = bits & 0x8000 == 0 ? 1 : -1
    let exponent = Int(bits >> 10) & 0x1f
    let fraction = UInt32(bits & 0x3ff)
    switch exponent {
    case 0: return sign * Float(fraction) * 0x1p-24
    case 31: return fraction == 0 ? sign * .infinity : .nan
    default:
      return Float(bitPattern: UInt32(bits & 0x8000) << 16 | UInt32(exponent + 112) << 23 | fraction << 13)
    }
  }
}

/// The first sample that is NaN or infinite.
package func firstNotFinite(_ samples: UnsafeBufferPointer<Float>) -> Int? {
  guard let base = samples.baseAddress, samples_are_finite(base, samples.count) == 0 else { return nil }
  return samples.indices.first { !samples[$0].isFinite }
}
