import Fields

/// A linear map from images to sinograms, some views of which can be had alone.
public protocol ViewOperator: LinearOperator where Domain == ImageSpace, Codomain == SinogramSpace {
  /// Of the views, in the order of the sinogram.
  var angles: [Angle] { get }
  /// Threads used by one application.
  var threads: Int { get }
  /// The operator of some views: these rows of what `apply` gives, in this order.
  ///
  /// - Throws: ``OperatorError`` for no view or the same one twice.
  func views(_ indices: [Int]) throws(OperatorError) -> Self
}
