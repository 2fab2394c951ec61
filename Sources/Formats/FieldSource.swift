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
}

extension FieldSource {
  public func makeAsyncIterator() -> FieldIterator<Element> {
    FieldIterator(count: count, lookahead: lookahead) { try await field(at: $0) }
  }
}

/// Takes numbered fields in order, with bounded look-ahead. What was started is cancelled when the iterator goes
/// away.
public struct FieldIterator<Element: Sendable>: AsyncIteratorProtocol {
  private let window: Window

  init(count: Int, lookahead: Int, field: @escaping @Sendable (Int) async throws -> Element) {
    window = Window(count: count, lookahead: lookahead, field: field)
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
    private let field: @Sendable (Int) async throws -> Element
    private var tasks: Deque<Task<Element, any Error>> = []
    private var started = 0

    init(count: Int, lookahead: Int, field: @escaping @Sendable (Int) async throws -> Element) {
      self.count = count
      self.lookahead = lookahead
      self.field = field
    }

    deinit { for task in tasks { task.cancel() } }

    /// Starts what may be started and hands out the oldest.
    func advance() -> Task<Element, any Error>? {
      while started < count, tasks.count <= lookahead {
        tasks.append(Task { [field, started] in try await field(started) })
        started += 1
      }
      return tasks.popFirst()
    }
  }
}
