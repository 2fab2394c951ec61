import ArgumentParser
import Dispatch
import Formats
import Foundation
import Synchronization

/// Raised by the first Ctrl-C, SIGTERM or SIGHUP; the second ends the program.
final class StopSignal: Sendable {
  private struct State {
    var isRaised = false
    var cancel: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())

  var isRaised: Bool { state.withLock { $0.isRaised } }

  /// Sets what is done when the signal is raised; at once where it has been.
  fileprivate func onRaise(_ cancel: @escaping @Sendable () -> Void) {
    let isLate = state.withLock { state in
      state.cancel = cancel
      return state.isRaised
    }
    if isLate { cancel() }
  }

  /// - Returns: whether this was the first time.
  fileprivate func raise() -> Bool {
    let (isFirst, cancel) = state.withLock { state in
      defer { state.isRaised = true }
      return (!state.isRaised, state.cancel)
    }
    if isFirst { cancel?() }
    return isFirst
  }
}

/// The exit code of a program that Ctrl-C ended.
private let interrupted: Int32 = 130

/// Runs a command so that Ctrl-C, SIGTERM and SIGHUP end it with exit code 130.
///
/// The first signal cancels the work, which ends at the next safe point and leaves no temporary file. The second ends
/// the program at once; temporary files are removed then, too. Where SIGHUP was ignored, as under `nohup`, it still is.
/// A reader that has gone is an error of the write instead of the end by SIGPIPE.
///
/// - Parameters:
///   - cancels: false for work that watches the signal itself, because it has to save its state.
///   - left: what is said to be left after an interruption.
func interruptible(
  cancels: Bool = true, left: @escaping @Sendable () -> String? = { "nothing was written" },
  _ work: @escaping @Sendable (StopSignal) async throws -> Void
) async throws {
  let stop = StopSignal()
  // A queue of its own has a thread of its own: the shared ones may all be busy with the work to be stopped.
  let queue = DispatchQueue(label: "signals")
  signal(SIGPIPE, SIG_IGN)
  let sources: [any DispatchSourceSignal] = [SIGINT, SIGTERM, SIGHUP].compactMap { number in
    let earlier = unsafeBitCast(signal(number, SIG_IGN), to: Int.self)
    if number == SIGHUP, earlier == unsafeBitCast(SIG_IGN, to: Int.self) { return nil }
    let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
    source.setEventHandler {
      if stop.raise() { return }
      Leftovers.remove()
      _exit(interrupted)
    }
    source.resume()
    return source
  }
  defer { for source in sources { source.cancel() } }

  let task = Task { try await work(stop) }
  if cancels { stop.onRaise { task.cancel() } }
  do {
    try await task.value
    guard stop.isRaised else { return }
  } catch {
    Leftovers.remove()
    guard stop.isRaised else {
      if let error = FileError(error) { throw error }
      throw error
    }
    if !(error is CancellationError) && !(error is ExitCode) { Console.line("\(error)") }
  }
  if Console.isTerminal { Console.changingLine("") }
  Console.line((["interrupted"] + [left()].compactMap(\.self)).joined(separator: "; "))
  throw ExitCode(interrupted)
}
