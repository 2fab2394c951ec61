/// Where fields go, one after another. Nothing is visible under the final name before ``finish()`` returned.
public protocol FieldSink<Element>: Sendable {
  associatedtype Element: Sendable
  func append(_ field: Element) async throws
  /// Makes everything durable and visible. No field can follow.
  func finish() async throws
}
