import Fields

/// Two ellipses with three smaller ones inside, 200 mm wide.
public func headPhantom() throws -> Phantom {
  try Phantom(
    name: "head", fieldOfView: 200,
    parts: [
      PhantomPart(.ellipse(halfAxes: SIMD2(70, 85)), value: 1),
      PhantomPart(.ellipse(halfAxes: SIMD2(63, 78)), centre: SIMD2(0, -1), value: -0.4),
      PhantomPart(
        .ellipse(halfAxes: SIMD2(20, 35)), centre: SIMD2(-25, 5), rotation: .degrees(18), value: 0.3),
      PhantomPart(
        .ellipse(halfAxes: SIMD2(16, 26)), centre: SIMD2(27, 8), rotation: .degrees(-18), value: 0.2),
      PhantomPart(.ellipse(halfAxes: SIMD2(9, 9)), centre: SIMD2(3, -45), value: 0.5),
    ])
}
