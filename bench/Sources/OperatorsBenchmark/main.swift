import Fields
import Foundation
import Operators
import Reconstruction

// Times one operator as ordered by nufft.py, which runs peers on the same problem in turn:
//
//     OperatorsBenchmark nufft TRAJECTORY IMAGE READOUTS SIZE RANK ACCURACY UPSAMPLING THREADS RUNS OUTPUT
//     OperatorsBenchmark radon SIZE ANGLES ACCURACY THREADS RUNS
//
// TRAJECTORY holds float64 positions in cycles per field of view, IMAGE complex64 pixels, OUTPUT receives the complex64
// samples. UPSAMPLING 0 leaves the choice to the operator. Prints medians of wall-clock seconds as JSON.

struct Usage: Error, CustomStringConvertible {
  let description = "wrong arguments; run bench/nufft.py, which knows them"
}

func medianSeconds(_ runs: Int, _ body: () -> Void) -> Double {
  body()
  let times = (0..<runs).map { _ in
    let start = ContinuousClock.now
    body()
    let (seconds, attoseconds) = (ContinuousClock.now - start).components
    return Double(seconds) + Double(attoseconds) * 1e-18
  }
  return times.sorted()[runs / 2]
}

func read<T: BitwiseCopyable>(_ path: String, as type: T.Type) throws -> [T] {
  let data = try Data(contentsOf: URL(fileURLWithPath: path))
  return data.withUnsafeBytes { bytes in
    (0..<bytes.count / MemoryLayout<T>.size).map {
      bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.size, as: T.self)
    }
  }
}

func nufft(_ words: [String]) throws {
  guard words.count == 10, let readouts = Int(words[2]), let size = Int(words[3]), let rank = Int(words[4]),
    let accuracy = Double(words[5]), let upsampling = Double(words[6]), let threads = Int(words[7]),
    let runs = Int(words[8])
  else { throw Usage() }
  let grid = ComplexImageSpace(shape: Shape(Array(repeating: size, count: rank)))
  let positions = try read(words[0], as: Double.self)
  let pixels = try read(words[1], as: Float.self)
  let trajectory = try Trajectory(
    positions: positions, shape: [readouts, positions.count / rank / readouts], on: grid)
  let start = ContinuousClock.now
  let A = try NonUniformFourier(
    grid, trajectory: trajectory, accuracy: accuracy, upsampling: upsampling > 0 ? upsampling : nil,
    normal: .successive, threads: threads)
  let planning = ContinuousClock.now - start
  let T = try NonUniformFourier(
    grid, trajectory: trajectory, accuracy: accuracy, upsampling: upsampling > 0 ? upsampling : nil,
    normal: .toeplitz, threads: threads)
  var x = grid.zero()
  for index in x.samples.indices {
    x.samples[index].real = pixels[2 * index]
    x.samples[index].imaginary = pixels[2 * index + 1]
  }
  var y = A(x)
  try y.samples.withUnsafeBytes { Data($0) }.write(to: URL(fileURLWithPath: words[9]))
  var z = x
  let forward = medianSeconds(runs) { A.apply(x, into: &y) }
  let adjoint = medianSeconds(runs) { A.applyAdjoint(y, into: &z) }
  let normal = medianSeconds(runs) { T.applyNormal(x, into: &z) }
  print(
    """
    {"forward": \(forward), "adjoint": \(adjoint), "normal": \(normal), \
    "planning": \(Double(planning.components.attoseconds) * 1e-18 + Double(planning.components.seconds)), \
    "grid": "\(A.gridShape)", "width": \(A.kernelWidth), "memory": \(A.memory)}
    """)
}

func radon(_ words: [String]) throws {
  guard words.count == 5, let size = Int(words[0]), let angles = Int(words[1]),
    let accuracy = Double(words[2]),
    let threads = Int(words[3]), let runs = Int(words[4])
  else { throw Usage() }
  let grid = ImageSpace(shape: [size, size])
  let bins = 2 * Int((Double(size) / 2.0.squareRoot()).rounded(.up)) + 2
  let A = try RadonTransform(
    grid, beam: ParallelBeam(angles: Angle.even(angles), bins: bins), accuracy: accuracy, threads: threads)
  var generator = SplitMix64(seed: 1)
  var x = grid.random(using: &generator)
  var y = A(x)
  let forward = medianSeconds(runs) { A.apply(x, into: &y) }
  let adjoint = medianSeconds(runs) { A.applyAdjoint(y, into: &x) }
  let reconstruction = try FilteredBackProjection(A)
  var filtered = y
  let fbp = medianSeconds(runs) { reconstruction.apply(y, into: &x, filtered: &filtered) }
  print("{\"forward\": \(forward), \"adjoint\": \(adjoint), \"fbp\": \(fbp), \"memory\": \(A.memory)}")
}

let words = Array(CommandLine.arguments.dropFirst())
switch words.first {
case "nufft": try nufft(Array(words.dropFirst()))
case "radon": try radon(Array(words.dropFirst()))
default: throw Usage()
}
