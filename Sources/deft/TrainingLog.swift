import Diffusion
import Dispatch
import Foundation
import Synchronization

/// Lines on standard error: loss, speed and time left.
struct TrainingLog {
  let iterations: Int

  func line(_ text: String) {
    FileHandle.standardError.write(Data((text + "\n").utf8))
  }

  func start(_ what: String, at iteration: Int) {
    line(what + (iteration > 0 ? ", resumed at iteration \(iteration) of \(iterations)" : ""))
  }

  func report(_ progress: TrainingProgress) {
    let figures = progress.figures.map { "\($0.name) \(String(format: "%.5f", $0.value))" }.joined(separator: "  ")
    let left = Int(progress.secondsLeft)
    line(
      "\(progress.iteration)/\(progress.iterations)  \(figures)  "
        + String(format: "%.3f s/iteration, %d:%02d:%02d left", progress.secondsPerIteration, left / 3600, left / 60 % 60, left % 60))
  }

  func checkpoint(_ iteration: Int) { line("checkpoint at iteration \(iteration)") }

  func end(stopped: Bool) {
    if stopped { line("stopped; the same command goes on from here") }
  }
}

/// Raised by Ctrl-C and SIGTERM, so that work ends at the next safe point.
final class StopSignal: Sendable {
  private let raised = Mutex(false)
  private nonisolated(unsafe) var sources: [any DispatchSourceSignal] = []

  init() {
    // A queue of its own has a thread of its own: the shared ones may all be busy with the work to be stopped.
    let queue = DispatchQueue(label: "signals")
    for number in [SIGINT, SIGTERM] {
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler { [weak self] in self?.raised.withLock { $0 = true } }
      source.resume()
      sources.append(source)
    }
  }

  var isRaised: Bool { raised.withLock { $0 } }
}
