import Fields

/// The pages of a stack as an asynchronous sequence with bounded look-ahead.
///
///     for try await image in StackPages(try ImageStack(path: "scan/")) { … }
public struct StackPages: FieldSource {
  public typealias Element = Image
  public let stack: ImageStack
  public let lookahead: Int
  private let pages: [Int]
  private let readers: [BlockingTaskExecutor]

  /// - Parameters:
  ///   - pages: Which pages, counted from 0; all when nil. They must exist.
  ///   - lookahead: How many pages may wait for the consumer.
  ///   - width: How many pages are read and decoded at the same time.
  public init(_ stack: ImageStack, pages: Range<Int>? = nil, lookahead: Int = 2, width: Int = 2) {
    self.init(stack, pages: Array(pages ?? 0..<stack.count), lookahead: lookahead, width: width)
  }

  /// Some pages, counted from 0, in the order given. They must exist.
  public init(_ stack: ImageStack, pages: [Int], lookahead: Int = 2, width: Int = 2) {
    precondition(pages.allSatisfy { 0..<stack.count ~= $0 }, "pages \(pages) of \(stack.count)")
    precondition(lookahead >= 0 && width > 0, "lookahead \(lookahead), width \(width)")
    self.stack = stack
    self.pages = pages
    self.lookahead = lookahead
    readers = (0..<width).map { _ in BlockingTaskExecutor(label: "stack reader") }
  }

  public var count: Int { pages.count }

  public func field(at index: Int) async throws -> Image { try await read(index) { try stack.page($0) } }

  fileprivate func samples(at index: Int) async throws -> StackPage {
    try await read(index) { try stack.samples(ofPage: $0) }
  }

  private func read<Page: Sendable>(
    _ index: Int, _ body: @Sendable (Int) throws -> Page
  ) async throws -> Page {
    try await withTaskExecutorPreference(readers[index % readers.count]) {
      try Task.checkCancellation()
      return try body(pages[index])
    }
  }

  public func executor(at index: Int) -> (any TaskExecutor)? { readers[index % readers.count] }
}

/// The pages of a stack with their samples as they are, real or complex.
public struct WholePages: FieldSource {
  public typealias Element = StackPage
  public let pages: StackPages

  public init(_ pages: StackPages) { self.pages = pages }

  public var count: Int { pages.count }
  public var lookahead: Int { pages.lookahead }
  public func executor(at index: Int) -> (any TaskExecutor)? { pages.executor(at: index) }
  public func field(at index: Int) async throws -> StackPage { try await pages.samples(at: index) }
}

/// The pages of a stack as sinograms, one per slice.
public struct StackSinograms: FieldSource {
  public typealias Element = Sinogram
  /// What a page's rows and columns are.
  public enum Order: String, Sendable, Equatable {
    /// Angles down, bins across.
    case angleBin
    /// Bins down, angles across; transposed on reading.
    case binAngle
  }

  public let pages: StackPages
  public let order: Order

  public init(_ pages: StackPages, order: Order = .angleBin) {
    self.pages = pages
    self.order = order
  }

  public var count: Int { pages.count }
  public var lookahead: Int { pages.lookahead }
  /// `[angles, bins]`
  public var shape: Shape {
    let info = pages.stack.info
    return order == .angleBin ? [info.rows, info.columns] : [info.columns, info.rows]
  }

  public func executor(at index: Int) -> (any TaskExecutor)? { pages.executor(at: index) }

  public func field(at index: Int) async throws -> Sinogram {
    let page = try await pages.field(at: index)
    guard order == .binAngle else { return Sinogram(shape: page.shape, samples: page.samples) }
    let (angles, bins) = (page.shape[1], page.shape[0])
    let samples = [Float](unsafeUninitializedCapacity: angles * bins) { target, count in
      page.samples.withUnsafeBufferPointer { source in
        for angle in 0..<angles {
          for bin in 0..<bins { target[angle * bins + bin] = source[bin * angles + angle] }
        }
      }
      count = angles * bins
    }
    return Sinogram(shape: [angles, bins], samples: samples)
  }
}
