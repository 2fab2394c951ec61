import Fields
import Foundation
import Operators
import Reconstruction

extension ReportSlice {
  /// The first reconstruction is the one that is judged on the page; the others stand next to it.
  init(index: Int, results: [ReconstructionLine.Result], geometry: GeometryDescription, seconds: Double) {
    let primary = results[0]
    var panels: [ReportPanel] = []
    let window = ReportWindow(ReportSlice.window(primary.reconstruction.image))
    for result in results {
      let every = result.named.everyView > 1 ? ", every \(ordinal(result.named.everyView)) view" : ""
      panels.append(
        ReportPanel(
          name: result.named.name, meaning: "\(result.named.method.title)\(every)",
          image: result.reconstruction.image, unit: "1/mm", window: window))
    }
    if let deviation = primary.reconstruction.deviation {
      panels.append(
        ReportPanel(
          name: "deviation", meaning: "standard deviation over the draws", image: deviation, unit: "1/mm",
          palette: .sequential, window: ReportWindow(0...ReportSlice.top(deviation))))
    }
    if let nullSpace = primary.nullSpace {
      panels.append(
        ReportPanel(
          name: "null space", meaning: "what the data do not determine, of \(primary.named.name)",
          image: nullSpace, unit: "1/mm", palette: .sequential,
          window: ReportWindow(0...ReportSlice.top(nullSpace))))
    }
    let angles = geometry.everyView(primary.named.everyView).beam.angles
    self.init(
      index: index, panels: panels, residual: ReportResidual(sinogram: primary.residual, angles: angles),
      verdict: ReportVerdict(primary.verdict), seconds: seconds)
  }

  /// From 0 to a little above the 99.5th percentile: air to bone.
  private static func window(_ image: Image) -> ClosedRange<Double> { 0...top(image) }

  private static func top(_ image: Image) -> Double {
    // Negative values are below every window.
    let count = image.samples.count
    let value = ranked(image.samples.map { max($0, 0) }, at: min(count - 1, count * 995 / 1000))
    return max(1.1 * Double(value), 1e-9)
  }
}

extension ReportVerdict {
  init(_ verdict: Verdict) {
    let figures = verdict.figures
    let status: Status =
      switch verdict.status {
      case .pass: .pass
      case .warn: .warn
      case .fail: .fail
      }
    var facts = [
      ReportFact("χ² against the noise alone", String(format: "%.3f", figures.noiseChiSquare)),
      ReportFact("model error", String(format: "%.2f σ of the noise", figures.modelError)),
      ReportFact("inconsistency of the views", String(format: "%.3f", figures.inconsistency)),
    ]
    if let shift = figures.axisShift {
      facts.append(
        ReportFact("error of the rotation axis", String(format: "%.2f ± %.2f bins", shift.value, shift.sigma))
      )
    }
    if let contradiction = verdict.contradiction {
      facts.append(
        ReportFact(
          "strongest contradiction",
          String(
            format: "%.1f σ at row %d, column %d", contradiction.z, contradiction.row + 1,
            contradiction.column + 1)))
    }
    self.init(
      status: status, method: verdict.method, chiSquared: figures.chiSquare,
      interval: Interval(figures.interval.lower, figures.interval.upper), confidence: figures.confidence,
      whiteness: figures.correlationAlongBins.first,
      whitenessInterval: Interval(-3 * figures.correlationSigma, 3 * figures.correlationSigma),
      reference: verdict.reference.map { Reference(method: $0.method, chiSquared: $0.figures.chiSquare) },
      nullSpaceFraction: verdict.nullSpaceFraction,
      worstViews: figures.views.map { View(index: $0.index, degrees: $0.degrees, chiSquared: $0.chiSquare) },
      worstRays: figures.worstRays.map { Ray(view: $0.view, bin: $0.bin, residual: $0.residual) },
      reasons: verdict.reasons, facts: facts)
  }
}

/// `1st`, `2nd`, `3rd`, `4th`, `11th`.
func ordinal(_ number: Int) -> String {
  let isTeen = (11...13).contains(number % 100)
  let ending = isTeen ? "th" : [1: "st", 2: "nd", 3: "rd"][number % 10] ?? "th"
  return "\(number)\(ending)"
}
