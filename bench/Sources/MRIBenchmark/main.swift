import ComplexModule
import Fields
import Foundation
import Operators
import Reconstruction

// Reconstructs what bench/mri.sh made with BART. Prints the seconds of the first run and the median of the others, from
// arrays in memory to the result, and how far the result is from BART's.
//
//     MRIBenchmark cartesian RUNS K MAPS IMAGE STEPS LAMBDA             first median distance
//     MRIBenchmark radial RUNS K TRAJECTORY MAPS IMAGE STEPS LAMBDA     first median distance
//     MRIBenchmark espirit RUNS K MAPS CALIBRATION                      first median rms worst share
//     MRIBenchmark cg|wavelet|tv RUNS K MAPS IMAGE STEPS LAMBDA TRUTH   first median distance error error-of-BART
//
// Distances are ‖ours − BART's‖ / ‖BART's‖. Maps are compared but for a phase, inside the object: pixels of a tenth of the
// largest or more that are 3 pixels from any other; the share is that of all pixels of the object over 1e-2, see mri.sh.

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

/// Seconds of the first run, and the median of those after it.
func seconds(_ runs: Int, _ body: () throws -> Void) rethrows -> [Double] {
  var times: [Double] = []
  for _ in 0...max(1, runs) {
    let start = ContinuousClock.now
    try body()
    let time = ContinuousClock.now - start
    times.append(Double(time.components.seconds) + 1e-18 * Double(time.components.attoseconds))
  }
  let later = times.dropFirst().sorted()
  return [times[0], later[later.count / 2]]
}

/// ‖a − b‖ / ‖b‖
func distance(_ a: [Complex<Float>], _ b: [Complex<Float>]) -> Double {
  var (difference, total) = (0.0, 0.0)
  for (x, y) in zip(a, b) {
    difference += Double((x - y).lengthSquared)
    total += Double(y.lengthSquared)
  }
  return (difference / total).squareRoot()
}

/// The same but for a sign: where half an extent is odd, BART's images of grids come out with the other.
func distanceOfEitherSign(_ a: [Complex<Float>], _ b: [Complex<Float>]) -> Double {
  min(distance(a, b), distance(a.map { -$0 }, b))
}

/// The same of magnitudes, with the best factor.
func magnitudeDistance(_ a: [Complex<Float>], _ b: [Complex<Float>]) -> Double {
  var (product, left, right) = (0.0, 0.0, 0.0)
  for (x, y) in zip(a, b) {
    product += Double(x.length * y.length)
    left += Double(x.lengthSquared)
    right += Double(y.lengthSquared)
  }
  return max(0, 1 - product * product / (left * right)).squareRoot()
}

func output(_ values: [Double]) {
  print(values.map { String(format: "%.4g", $0) }.joined(separator: " "))
}

/// Pixels that are `margin` from any that is not marked, along rows and columns.
func inside(_ object: [Bool], rows: Int, columns: Int, margin: Int) -> [Bool] {
  var object = object
  for _ in 0..<margin {
    let before = object
    for pixel in object.indices where before[pixel] {
      let (row, column) = (pixel / columns, pixel % columns)
      object[pixel] =
        row > 0 && before[pixel - columns] && row + 1 < rows && before[pixel + columns] && column > 0
        && before[pixel - 1] && column + 1 < columns && before[pixel + 1]
    }
  }
  return object
}

let arguments = CommandLine.arguments
guard arguments.count > 5, let runs = Int(arguments[2]) else {
  print("usage: see the top of main.swift")
  exit(64)
}
let y = try CFL(arguments[3])

/// The steps and λ of a reconstruction, from the argument of this index on.
func settings(_ index: Int) throws -> (steps: Int, lambda: Double) {
  guard arguments.count > index + 1, let steps = Int(arguments[index]),
    let lambda = Double(arguments[index + 1])
  else { throw CocoaError(.coderInvalidValue) }
  return (steps, lambda)
}

switch arguments[1] {
case "cartesian", "cg", "wavelet", "tv":
  let kSpace = y.field(KSpaceQuantity.self)
  let maps = try CFL(arguments[4]).field(ImageQuantity.self)
  let reference = try CFL(arguments[5]).samples
  let (steps, lambda) = try settings(6)
  let grid = ComplexImageSpace(shape: [kSpace.shape[1], kSpace.shape[2]])
  var image = grid.zero()
  let times = try seconds(runs) {
    let A = try CartesianSense(CoilSensitivities(maps, on: grid), mask: SamplingMask(nonZeroOf: kSpace))
    switch arguments[1] {
    case "wavelet":
      var method = try WaveletSparsity(A, measurement: kSpace, lambda: lambda, normSquare: 1)
      try method.run(limit: steps)
      image = method.solution
    case "tv":
      var method = try ComplexTotalVariation(A, measurement: kSpace, lambda: lambda, normSquare: 1)
      try method.run(limit: steps)
      image = method.solution
    default:
      var method = try ConjugateGradients(A, measurement: kSpace, lambda: lambda)
      try method.run(limit: steps)
      image = method.solution
    }
  }
  var values = times + [distance(image.samples, reference)]
  if arguments.count > 8 {
    values[2] = distanceOfEitherSign(image.samples, reference)
    let truth = try CFL(arguments[8]).samples
    values += [magnitudeDistance(image.samples, truth), magnitudeDistance(reference, truth)]
  }
  output(values)
case "radial":
  let positions = try CFL(arguments[4])
  let maps = try CFL(arguments[5]).field(ImageQuantity.self)
  let reference = try CFL(arguments[6]).samples
  let (steps, lambda) = try settings(7)
  let grid = ComplexImageSpace(shape: [maps.shape[1], maps.shape[2]])
  let (samples, readouts) = (positions.extents[1], positions.extents[2])
  let kSpace = KSpace(shape: [y.coils, readouts, samples], samples: y.samples)
  var image = grid.zero()
  let times = try seconds(runs) {
    let trajectory = try Trajectory(
      positions: (0..<samples * readouts).flatMap {
        [Double(positions.samples[3 * $0 + 1].real), Double(positions.samples[3 * $0].real)]
      }, shape: [readouts, samples], on: grid)
    let A = try NonCartesianSense(
      CoilSensitivities(maps, on: grid), trajectory: trajectory, normal: .toeplitz)
    var method = try ConjugateGradients(A, measurement: kSpace, lambda: lambda)
    try method.run(limit: steps)
    image = method.solution
  }
  output(times + [distance(image.samples, reference)])
case "espirit":
  let kSpace = y.field(KSpaceQuantity.self)
  let maps = try CFL(arguments[4]).field(ImageQuantity.self)
  guard let size = Int(arguments[5]) else { throw CocoaError(.coderInvalidValue) }
  var found: ESPIRiT?
  let times = try seconds(runs) { found = try ESPIRiT(kSpace, calibration: [size, size]) }
  guard let found else { exit(1) }
  let (coils, rows, columns) = (kSpace.shape[0], kSpace.shape[1], kSpace.shape[2])
  let pixels = rows * columns
  let rss = rootSumOfSquares(
    try CartesianFourier(ComplexImageSpace(shape: [rows, columns]), coils: coils).adjoint(kSpace))
  let limit = 0.1 * (rss.samples.max() ?? 0)
  let object = rss.samples.map { $0 > limit }
  let core = inside(object, rows: rows, columns: columns, margin: 3)
  var (sum, count, worst, over, all) = (0.0, 0, 0.0, 0, 0)
  for pixel in 0..<pixels where object[pixel] {
    var product = Complex<Double>.zero
    var (left, right) = (0.0, 0.0)
    for coil in 0..<coils {
      let (a, b) = (found.maps.samples[coil * pixels + pixel], maps.samples[coil * pixels + pixel])
      let u = Complex(Double(a.real), Double(a.imaginary))
      let v = Complex(Double(b.real), Double(b.imaginary))
      product += u.conjugate * v
      left += u.lengthSquared
      right += v.lengthSquared
    }
    // Where one of them is cut, they are as far apart as they can be.
    let cosine = left > 0 && right > 0 ? product.length / (left * right).squareRoot() : left == right ? 1 : 0
    let square = max(0, 2 - 2 * cosine)
    all += 1
    if square > 1e-4 { over += 1 }
    guard core[pixel] else { continue }
    sum += square
    worst = max(worst, square)
    count += 1
  }
  output(times + [(sum / Double(count)).squareRoot(), worst.squareRoot(), Double(over) / Double(all)])
default:
  print("unknown benchmark '\(arguments[1])'")
  exit(64)
}
