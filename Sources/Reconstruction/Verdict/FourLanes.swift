/// Four samples from a place on, as double precision; `fill` beyond the end.
@inline(__always)
func fourSamples(
  _ samples: UnsafeBufferPointer<Float>, _ place: Int, _ end: Int, fill: Double = 0
) -> SIMD4<Double> {
  if place + 4 <= end {
    return SIMD4<Double>(
      UnsafeRawBufferPointer(samples).loadUnaligned(fromByteOffset: 4 * place, as: SIMD4<Float>.self))
  }
  var result = SIMD4<Double>(repeating: fill)
  for lane in 0..<max(0, end - place) { result[lane] = Double(samples[place + lane]) }
  return result
}

/// Writes as many of four values as there is room for before the end.
@inline(__always)
func storeFour(
  _ values: SIMD4<Double>, _ samples: UnsafeMutableBufferPointer<Float>, _ place: Int, _ end: Int
) {
  let values = SIMD4<Float>(values)
  if place + 4 <= end {
    UnsafeMutableRawBufferPointer(samples).storeBytes(
      of: values, toByteOffset: 4 * place, as: SIMD4<Float>.self)
  } else {
    for lane in 0..<max(0, end - place) { samples[place + lane] = values[lane] }
  }
}
