import Fields
import Formats

/// `picture.png` of a run: a few slices from top to bottom, their panels from left to right.
///
/// They are taken from the pixels that the report keeps, so that a run that goes on has them all.
enum RunPicture {
  private static let slices = 4

  /// - Throws: `PictureError`, ``ReportError``.
  static func file(_ path: String, of report: borrowing ReportWriter) throws -> PendingFile {
    let kept = report.kept
    let shown = min(kept.count, slices)
    let chosen = Set((0..<shown).map { kept[(2 * $0 + 1) * kept.count / (2 * shown)] })
    var picture = Picture()
    for index in chosen.sorted() {
      picture.append(
        try report.panels(of: index).compactMap { panel in
          panel.pixels.image.map { ($0, panel.window.range) }
        })
    }
    return try picture.file(path)
  }
}
