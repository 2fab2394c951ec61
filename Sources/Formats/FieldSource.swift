import DequeModule

/// Fields that come one after another and can also be had by their place: the pages of a file, the slices of a
/// scan.
///
/// Iterating works at most ``lookahead`` fields ahead of the consumer: when it is slow, nothing more is read. At
/// most `lookahead + 1` fields exist at a time, however many there are.
public protocol FieldSource<Element>: AsyncSequence, Sendable
where Element: Sendable, Failure == any Error, AsyncIterator == FieldIterator<Element> {
  var count: Int { get }
  /// How many fields may be prepared before they are asked for; 0 reads each when its turn comes.
  var lookahead: Int { get }
  /// Field `index`, counted from 0. Does not block the calling thread.
  func field(at index: Int) async throws -> Element
  /// Where field `index` is best asked for; nil, as by default, where that does not matter.
  func executor(at index: Int) -> (any TaskExecutor)?
}

extension FieldSource {
  public func executor(at index: Int) -> (any TaskExecutor)? { nil }

  public func makeAsyncIterator() -> FieldIterator<Element> { FieldIterator(self) }
}

/// Takes numbered fields in order, with bounded look-ahead. What was started is cancelled when the iterator goes
/// away.
public struct FieldIterator<Element: Sendable>: AsyncIteratorProtocol {
  private let window: Window

  init(_ source: some FieldSource<Element>) {
    window = Window(count: source.count, lookahead: source.lookahead) { index in
      Task(executorPreference: source.executor(at: index)) { try await source.field(at: index) }
    }
  }

  public mutating func next() async throws -> Element? {
    guard let task = window.advance() else { return nil }
    return try await withTaskCancellationHandler {
      try await task.value
    } onCancel: {
      task.cancel()
    }
  }

  /// A class for its `deinit`.
  private final class Window {
    private let count: Int
    private let lookahead: Int
    private let start: (Int) -> Task<Element, any Error>
    private var tasks: Deque<Task<Element, any Error>> = []
    private var started = 0

    init(count: Int, lookahead: Int, start: @escaping (Int) -> Task<Element, any Error>) {
      self.count = count
      self.lookahead = lookahead
      self.start = start
    }

    deinit { for task in tasks { task.cancel() } }

    /// Starts what may be started and hands out the oldest.
    func advance() -> Task<Element, any Error>? {
      while started < count, tasks.count <= lookahead {
        tasks.append(start(started))
        started += 1
      }
      return tasks.popFirst()
    }
  }
}
