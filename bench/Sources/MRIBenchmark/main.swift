import ComplexModule
import Fields
import Foundation
import Operators
import Reconstruction

// Reconstructs what bench/mri.sh made with BART, times it, and says how far the two images are apart.
//
//     MRIBenchmark cartesian K MAPS REFERENCE [STEPS] [LAMBDA]
//     MRIBenchmark radial K TRAJECTORY MAPS REFERENCE [STEPS] [LAMBDA]
//     MRIBenchmark espirit K MAPS [CALIBRATION]
//     MRIBenchmark wavelet|tv|cg K MAPS FULL LAMBDA [STEPS]      (prints the NRMSE against the image of FULL)

/// An array of BART: complex numbers of single precision, the first dimension fastest.
struct CFL {
  var extents: [Int]
  var samples: [Complex<Float>]

  init(_ path: String) throws {
    let header = try String(contentsOfFile: path + ".hdr", encoding: .utf8)
    let lines = header.split(separator: "\n")
    guard let place = lines.firstIndex(of: "# Dimensions"), place + 1 < lines.count else {
      throw CocoaError(.fileReadCorruptFile)
    }
    extents = lines[place + 1].split(separator: " ").compactMap { Int($0) }
    let data = try Data(contentsOf: URL(fileURLWithPath: path + ".cfl"))
    samples = data.withUnsafeBytes { bytes in
      (0..<bytes.count / 8).map {
        Complex(
          bytes.loadUnaligned(fromByteOffset: 8 * $0, as: Float.self),
          bytes.loadUnaligned(fromByteOffset: 8 * $0 + 4, as: Float.self))
      }
    }
  }

  /// `[coils, rows, columns]`: the second dimension goes down the rows.
  var coils: Int { extents[3] }
  func field<Quantity>(_: Quantity.Type) -> Field<Quantity, Complex<Float>> {
    Field(shape: [extents[3], extents[1], extents[0]], samples: samples)
  }
}

func seconds(_ runs: Int = 7, _ body: () throws -> Void) rethrows -> Double {
  var times: [Double] = []
  for _ in 0...runs {
    let start = ContinuousClock.now
    try body()
    let time = ContinuousClock.now - start
    times.append(Double(time.components.seconds) + 1e-18 * Double(time.components.attoseconds))
  }
  // The first warms up.
  return times.dropFirst().sorted()[runs / 2]
}

/// ‖c a − b‖ / ‖b‖ with the best complex c.
func distance(_ a: [Complex<Float>], _ b: [Complex<Float>]) -> Double {
  var product = Complex<Double>.zero
  var (left, right) = (0.0, 0.0)
  for (x, y) in zip(a, b) {
    let (u, v) = (Complex(Double(x.real), Double(x.imaginary)), Complex(Double(y.real), Double(y.imaginary)))
    product += u.conjugate * v
    left += u.lengthSquared
    right += v.lengthSquared
  }
  return max(0, 1 - product.lengthSquared / (left * right)).squareRoot()
}

func number(_ index: Int, _ fallback: Double) -> Double {
  CommandLine.arguments.count > index ? Double(CommandLine.arguments[index]) ?? fallback : fallback
}

func format(_ value: Double) -> String { String(format: "%.4g", value) }

let arguments = CommandLine.arguments
guard arguments.count > 3 else {
  print("usage: see the top of main.swift")
  exit(64)
}

switch arguments[1] {
case "cartesian":
  let y = try CFL(arguments[2]).field(KSpaceQuantity.self)
  let maps = try CFL(arguments[3]).field(ImageQuantity.self)
  let reference = try CFL(arguments[4])
  let grid = ComplexImageSpace(shape: [y.shape[1], y.shape[2]])
  let (steps, lambda) = (Int(number(5, 30)), number(6, 0.001))
  var image = grid.zero()
  let whole = try seconds {
    let A = try CartesianSense(CoilSensitivities(maps, on: grid), mask: SamplingMask(nonZeroOf: y))
    var method = try ConjugateGradients(A, measurement: y, lambda: lambda)
    try method.run(limit: steps)
    image = method.solution
  }
  let A = try CartesianSense(CoilSensitivities(maps, on: grid), mask: SamplingMask(nonZeroOf: y))
  var z = grid.zero()
  let normal = seconds { A.applyNormal(image, into: &z) }
  let error = distance(image.samples, reference.samples)
  print("cartesian: \(format(whole)) s, AᴴA \(format(1e3 * normal)) ms, from BART \(format(error))")
case "radial":
  let raw = try CFL(arguments[2])
  let positions = try CFL(arguments[3])
  let maps = try CFL(arguments[4]).field(ImageQuantity.self)
  let reference = try CFL(arguments[5])
  let grid = ComplexImageSpace(shape: [maps.shape[1], maps.shape[2]])
  let (steps, lambda) = (Int(number(6, 30)), number(7, 0.001))
  let (samples, readouts) = (positions.extents[1], positions.extents[2])
  let trajectory = try Trajectory(
    positions: (0..<samples * readouts).flatMap {
      [Double(positions.samples[3 * $0 + 1].real), Double(positions.samples[3 * $0].real)]
    }, shape: [readouts, samples], on: grid)
  let y = KSpace(shape: [raw.coils, readouts, samples], samples: raw.samples)
  for normal in [NonUniformFourier.NormalMethod.toeplitz, .successive] {
    for accuracy in [1e-2, 1e-3, 1e-4] {
      var image = grid.zero()
      var A: NonCartesianSense?
      let whole = try seconds(3) {
        let operation = try NonCartesianSense(
          CoilSensitivities(maps, on: grid), trajectory: trajectory, accuracy: accuracy, normal: normal)
        var method = try ConjugateGradients(operation, measurement: y, lambda: lambda)
        try method.run(limit: steps)
        image = method.solution
        A = operation
      }
      var z = grid.zero()
      let time = seconds { A?.applyNormal(image, into: &z) }
      let error = distance(image.samples, reference.samples)
      print(
        "radial \(normal) \(accuracy): \(format(whole)) s, AᴴA \(format(1e3 * time)) ms, from BART \(format(error))"
      )
    }
  }
case "espirit":
  let y = try CFL(arguments[2]).field(KSpaceQuantity.self)
  let maps = try CFL(arguments[3]).field(ImageQuantity.self)
  let size = Int(number(4, 24))
  var found: ESPIRiT?
  let time = try seconds { found = try ESPIRiT(y, calibration: [size, size]) }
  guard let found else { exit(1) }
  let (coils, pixels) = (y.shape[0], y.shape[1] * y.shape[2])
  let rss = rootSumOfSquares(
    try CartesianFourier(ComplexImageSpace(shape: [y.shape[1], y.shape[2]]), coils: coils).adjoint(y))
  let limit = 0.1 * (rss.samples.max() ?? 0)
  var (sum, count, worst, ours, theirs) = (0.0, 0, 0.0, 0, 0)
  for pixel in 0..<pixels where rss.samples[pixel] > limit {
    var product = Complex<Float>.zero
    var (left, right): (Float, Float) = (0, 0)
    for coil in 0..<coils {
      let (u, v) = (found.maps.samples[coil * pixels + pixel], maps.samples[coil * pixels + pixel])
      product += u.conjugate * v
      left += u.lengthSquared
      right += v.lengthSquared
    }
    if left == 0 { ours += 1 }
    if right == 0 { theirs += 1 }
    guard left > 0, right > 0 else { continue }
    let square = max(0, 2 - 2 * Double(product.length) / Double(left * right).squareRoot())
    sum += square
    worst = max(worst, square)
    count += 1
  }
  print("espirit: \(format(time)) s, rank \(found.rank), cut \(ours) pixels, BART \(theirs)")
  let rms = (sum / Double(count)).squareRoot()
  print("         from BART \(format(rms)), worst \(format(worst.squareRoot())) of \(count) pixels")
case "wavelet", "tv", "cg":
  let y = try CFL(arguments[2]).field(KSpaceQuantity.self)
  let maps = try CFL(arguments[3]).field(ImageQuantity.self)
  let full = try CFL(arguments[4])
  let grid = ComplexImageSpace(shape: [y.shape[1], y.shape[2]])
  let (lambda, steps) = (number(5, 0.01), Int(number(6, 100)))
  let A = try CartesianSense(CoilSensitivities(maps, on: grid), mask: SamplingMask(nonZeroOf: y))
  // λ as BART takes it: the data divided by the largest value of Aᴴ y.
  let scale = Double(A.adjoint(y).samples.map(\.length).max() ?? 1)
  var image = grid.zero()
  let time = try seconds(1) {
    switch arguments[1] {
    case "wavelet":
      var method = try WaveletSparsity(A, measurement: y, lambda: lambda * scale, normSquare: 1)
      try method.run(limit: steps)
      image = method.solution
    case "tv":
      var method = try ComplexTotalVariation(A, measurement: y, lambda: lambda * scale, normSquare: 1)
      try method.run(limit: steps)
      image = method.solution
    default:
      var method = try ConjugateGradients(A, measurement: y, lambda: lambda)
      try method.run(limit: steps)
      image = method.solution
    }
  }
  func magnitudes(_ samples: [Complex<Float>]) -> [Complex<Float>] { samples.map { Complex($0.length, 0) } }
  func error(_ samples: [Complex<Float>]) -> String {
    format(distance(magnitudes(samples), magnitudes(full.samples)))
  }
  print("\(arguments[1]): \(format(time)) s, NRMSE \(error(image.samples))")
  if arguments.count > 7 {
    let other = try CFL(arguments[7])
    let apart = distance(image.samples, other.samples)
    print("BART: NRMSE \(error(other.samples)), from us \(format(apart))")
  }
default:
  print("unknown benchmark '\(arguments[1])'")
  exit(64)
}
