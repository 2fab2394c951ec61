import Foundation

/// How many damaged inputs the mutation tests read: few, or as many as `make soak` asks for in `DEFT_SOAK`.
public enum Soak {
  /// Of every format.
  public static let total = ProcessInfo.processInfo.environment["DEFT_SOAK"].flatMap { Int($0) }

  /// Parts of equal size that run at the same time, each with seeds of its own.
  public static let shards = Array(0..<(total == nil ? 1 : 8))

  /// The part of ``total`` for one of `parts` tests, or `standard` where nothing was asked for.
  public static func count(_ standard: Int, parts: Int = 1) -> Int {
    total.map { max(1, $0 / parts) } ?? standard
  }

  /// What reading one input may take: 5 s, and longer where the cores have more to do than this.
  public static var patience: Duration {
    var load = 0.0
    let cores = Double(ProcessInfo.processInfo.activeProcessorCount)
    guard getloadavg(&load, 1) == 1 else { return .seconds(5) }
    return .seconds(5) * max(1, 2 * load / cores)
  }

  /// Runs a test and, in a soak, prints how many inputs it read and how long they took.
  ///
  /// - Parameters:
  ///   - format: the first word of the line.
  ///   - body: Returns the number of inputs.
  public static func measure(_ format: String, _ body: () throws -> Int) rethrows {
    let start = ContinuousClock.now
    let count = try body()
    guard total != nil else { return }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    print("soak: \(format) \(count) inputs in \(String(format: "%.1f", seconds)) s")
  }
}
