import Fields

/// Which pixels a figure of merit looks at.
public enum Region: String, Hashable, Sendable, CaseIterable, Codable {
  case whole
  /// Pixels whose centres lie in the largest circle around the centre of the slice: what every view sees.
  case circle

  /// - Parameter shape: `[rows, columns]`
  func contains(row: Int, column: Int, of shape: Shape) -> Bool {
    guard self == .circle else { return true }
    // Twice the distance from the centre, so that all numbers are whole.
    let (y, x) = (2 * row - shape[0] + 1, 2 * column - shape[1] + 1)
    let diameter = min(shape[0], shape[1])
    return x * x + y * y <= diameter * diameter
  }
}
