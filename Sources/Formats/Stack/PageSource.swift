/// The pages of a stack as a format stores them. ``ImageStack`` adds what all formats share: bounds, calibration, parts of
/// complex numbers, the refusal of samples that are not finite.
protocol PageSource: Sendable {
  var info: StackInfo { get }
  /// What the stack is made of, in the order of its pages.
  var files: [String] { get }

  /// Reads some rows of a page as they are stored, as `Float` and without the calibration of ``info``.
  ///
  /// Called from several threads at once.
  ///
  /// - Parameters:
  ///   - rows: within the page.
  ///   - index: within the stack.
  ///   - target: rows × columns samples; complex ones as pairs.
  func read(_ rows: Range<Int>, ofPage index: Int, into target: UnsafeMutablePointer<Float>) throws

  /// Where a page lies, for messages: its file, and its number there, from 0.
  func place(ofPage index: Int) -> (path: String, page: Int)
}
