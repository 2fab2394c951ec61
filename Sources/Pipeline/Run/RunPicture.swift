import Fields
import Formats

/// `picture.png` of a run: a few slices from top to bottom, their panels from left to right.
struct RunPicture {
  private var picture = Picture()
  private let chosen: Set<Int>
  private static let slices = 4

  init(count: Int) {
    let shown = min(count, RunPicture.slices)
    chosen = Set((0..<shown).map { (2 * $0 + 1) * count / (2 * shown) })
  }

  mutating func append(_ slice: ReportSlice) {
    guard chosen.contains(slice.index) else { return }
    picture.append(
      slice.panels.map { panel in
        let (level, width) = (Float(panel.window.level), Float(panel.window.width))
        return (panel.image, level - width / 2...level + width / 2)
      })
  }

  /// The complete picture, which has no name yet.
  func file(_ path: String) throws -> PendingFile { try picture.file(path) }
}
