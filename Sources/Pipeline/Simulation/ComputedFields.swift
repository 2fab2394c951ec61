import Formats

/// Fields that are computed when their turn comes.
struct ComputedFields<Element: Sendable>: FieldSource {
  let count: Int
  let lookahead: Int
  private let compute: @Sendable (Int) async throws -> Element

  init(count: Int, lookahead: Int, _ compute: @escaping @Sendable (Int) async throws -> Element) {
    self.count = count
    self.lookahead = lookahead
    self.compute = compute
  }

  func field(at index: Int) async throws -> Element {
    try Task.checkCancellation()
    return try await compute(index)
  }
}
