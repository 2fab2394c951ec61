import Diffusion
import Foundation

/// Lines on standard error: loss, speed and time left.
struct TrainingLog {
  let iterations: Int

  func start(_ what: String, at iteration: Int) {
    Console.line(what + (iteration > 0 ? ", resumed at iteration \(iteration) of \(iterations)" : ""))
  }

  func report(_ progress: TrainingProgress) {
    let figures = progress.figures.map { "\($0.name) \(String(format: "%.5f", $0.value))" }.joined(
      separator: "  ")
    let left = Int(progress.secondsLeft)
    let pace = String(
      format: "%.3f s/iteration, %d:%02d:%02d left", progress.secondsPerIteration, left / 3600,
      left / 60 % 60,
      left % 60)
    Console.line("\(progress.iteration)/\(progress.iterations)  \(figures)  \(pace)")
  }

  func checkpoint(_ iteration: Int) { Console.line("checkpoint at iteration \(iteration)") }
}
