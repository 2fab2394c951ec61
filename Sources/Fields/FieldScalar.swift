import ComplexModule
import RealModule

extension Float: FieldScalar {
  public static func make(_ real: Double, _ imaginary: Double) -> Float { Float(real) }

  public static func zeros(_ count: Int) -> [Float] { [Float](repeating: 0, count: count) }

  public static func add(
    _ alpha: Float, _ source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>, count: Int
  ) {
    for i in 0..<count { target[i] += alpha * source[i] }
  }

  public static func scale(_ target: UnsafeMutablePointer<Float>, by alpha: Float, count: Int) {
    for i in 0..<count { target[i] *= alpha }
  }

  public static func inner(
    _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, count: Int
  ) -> Complex<Double> {
    // Eight partial sums: the compiler may not reorder a single one, so it could not vectorise it.
    var partial = SIMD8<Double>.zero
    let whole = count & ~7
    for i in stride(from: 0, to: whole, by: 8) {
      let a = UnsafeRawPointer(x + i).loadUnaligned(as: SIMD8<Float>.self)
      let b = UnsafeRawPointer(y + i).loadUnaligned(as: SIMD8<Float>.self)
      partial += SIMD8<Double>(a) * SIMD8<Double>(b)
    }
    var sum = partial.sum()
    for i in whole..<count { sum += Double(x[i]) * Double(y[i]) }
    return Complex(sum, 0)
  }
}

extension Complex<Float>: FieldScalar {
  public static func make(_ real: Double, _ imaginary: Double) -> Self { Self(Float(real), Float(imaginary)) }

  public static func zeros(_ count: Int) -> [Self] { [Self](repeating: .zero, count: count) }

  public static func add(
    _ alpha: Float, _ source: UnsafePointer<Self>, to target: UnsafeMutablePointer<Self>, count: Int
  ) {
    source.withMemoryRebound(to: Float.self, capacity: 2 * count) { source in
      target.withMemoryRebound(to: Float.self, capacity: 2 * count) { target in
        Float.add(alpha, source, to: target, count: 2 * count)
      }
    }
  }

  public static func scale(_ target: UnsafeMutablePointer<Self>, by alpha: Float, count: Int) {
    target.withMemoryRebound(to: Float.self, capacity: 2 * count) {
      Float.scale($0, by: alpha, count: 2 * count)
    }
  }

  public static func inner(
    _ x: UnsafePointer<Self>, _ y: UnsafePointer<Self>, count: Int
  ) -> Complex<Double> {
    // Four partial sums of each part, for the same reason.
    var (real, imaginary) = (SIMD4<Double>.zero, SIMD4<Double>.zero)
    let whole = count & ~3
    for i in stride(from: 0, to: whole, by: 4) {
      let a = SIMD8<Double>(UnsafeRawPointer(x + i).loadUnaligned(as: SIMD8<Float>.self))
      let b = SIMD8<Double>(UnsafeRawPointer(y + i).loadUnaligned(as: SIMD8<Float>.self))
      real += a.evenHalf * b.evenHalf + a.oddHalf * b.oddHalf
      imaginary += a.evenHalf * b.oddHalf - a.oddHalf * b.evenHalf
    }
    var (re, im) = (real.sum(), imaginary.sum())
    for i in whole..<count {
      let (a, b) = (Double(x[i].real), Double(x[i].imaginary))
      let (c, d) = (Double(y[i].real), Double(y[i].imaginary))
      re += a * c + b * d
      im += a * d - b * c
    }
    return Complex<Double>(re, im)
  }
}
