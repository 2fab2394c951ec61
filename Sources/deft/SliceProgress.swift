import ArgumentParser
import Foundation

/// How far a command is, on standard error: one changing line on a terminal, a line every ten seconds elsewhere.
final class SliceProgress {
  private let what: String
  private let total: Int
  private let stop: StopSignal
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private var last = ContinuousClock.now

  init(_ what: String, total: Int, stop: StopSignal) {
    self.what = what
    self.total = total
    self.stop = stop
  }

  /// - Throws: the exit code of an interrupted program after Ctrl-C.
  func report(_ done: Int) throws {
    if stop.isRaised {
      Self.write((isTerminal ? "\r\u{1B}[K" : "") + "interrupted; nothing was written\n")
      throw ExitCode(130)
    }
    if isTerminal {
      Self.write("\r\u{1B}[K" + (done < total ? "\(what): \(done) of \(total)" : ""))
    } else if ContinuousClock.now - last > .seconds(10) {
      last = .now
      Self.write("\(what): \(done) of \(total)\n")
    }
  }

  static func line(_ text: String) { write(text + "\n") }

  private static func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}

/// `1 slice`, `2 slices`.
func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

/// The checks that every command makes before it begins to write a stack.
struct StackOutput: ParsableArguments {
  @Option(help: "The TIFF file to write; a file of that name is replaced once the new one is complete.")
  var output: String

  func validate() throws {
    let name = output.lowercased()
    guard name.hasSuffix(".tif") || name.hasSuffix(".tiff") else {
      throw ValidationError("The output '\(output)' must end in .tif or .tiff.")
    }
  }

  /// - Throws: where the output would replace an input.
  func expectOther(than input: String) throws {
    func place(_ path: String) -> String { URL(fileURLWithPath: path).resolvingSymlinksInPath().path }
    guard place(input) != place(output) else {
      throw ValidationError("The output '\(output)' is the input. Give it another name.")
    }
  }
}

struct ThreadCount: ParsableArguments {
  @Option(help: "How many threads may work at the same time.")
  var threads = ProcessInfo.processInfo.activeProcessorCount

  func validate() throws {
    guard threads >= 1 else { throw ValidationError("'--threads' is \(threads), expected 1 or more.") }
  }
}
