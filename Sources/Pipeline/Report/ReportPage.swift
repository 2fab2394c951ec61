import Crypto
import Foundation
import Mustache

/// The page around the pixels: everything that is text.
struct ReportPage {
  let opening: String
  let closing: String
  /// What the script reads, without the figures of its slices.
  let run: Data

  /// Rows of the table in the page; the chart shows every slice.
  static let tableRows = 500

  /// - Parameters:
  ///   - candidates: the slices of the report, in order.
  ///   - expected: slices of the run, where it is of a part of the scan.
  ///   - nextRow: hands over the figures of ``rows(_:)``.
  init(
    data: ReportData, candidates: [ReportSelection.Candidate], sliceCount: Int, expected: Int,
    embedded: [Int],
    nextRow: () throws -> ReportFigures?
  ) throws {
    let script = ReportScript.all
    var context: [String: Any] = [
      "title": data.title,
      "version": data.provenance.version,
      "style": ReportStyle.css,
      "styleHash": Self.hash(ReportStyle.css),
      "scriptHash": Self.hash(script),
      "methods": data.methods.joined(separator: ", "),
      "sliceCount": Self.count(sliceCount, "slice")
        + (expected < sliceCount ? ", \(expected) of them in this run" : ""),
      "finished": candidates.count,
      "tally": ReportVerdict.Status.allCases.map { status in
        let count = candidates.count { $0.status == status }
        return [
          "status": status.rawValue, "count": count, "word": status.word, "none": count == 0,
        ] as [String: Any]
      },
      "geometry": data.geometry.map(Self.fact),
      "warnings": data.warnings,
      "hasWarnings": !data.warnings.isEmpty,
      "configuration": data.configuration,
      "hasSlices": !candidates.isEmpty,
    ]
    if candidates.count < expected {
      context["unfinished"] = "\(expected - candidates.count) of them not reconstructed yet"
    }
    if embedded.count < candidates.count {
      context["selection"] = Self.selectionSentence(count: candidates.count, embedded: embedded)
    }
    context.merge(Self.time(data.stages)) { $1 }
    context.merge(Self.provenance(data.provenance)) { $1 }
    context.merge(try Self.table(of: candidates.count, nextRow)) { $1 }
    opening = Self.template(ReportTemplate.opening).render(context)
    closing = Self.template(ReportTemplate.closing).render(["script": script])
    run = try Self.json(data: data, sliceCount: sliceCount, embedded: embedded)
  }

  private static func json(data: ReportData, sliceCount: Int, embedded: [Int]) throws -> Data {
    struct Run: Encodable {
      let sliceCount: Int
      let spacing: Double?
      let water: Double?
      let presets: [ReportWindowPreset]
      let slices: [ReportFigures] = []
      let embedded: [Int]
    }
    return try EmbeddedJSON.encode(
      Run(
        sliceCount: sliceCount, spacing: data.pixelSpacing, water: data.waterAttenuation,
        presets: data.presets,
        embedded: embedded))
  }

  private static func time(_ stages: [ReportStage]) -> [String: Any] {
    let total = stages.reduce(0) { $0 + $1.seconds }
    let longest = stages.map(\.seconds).max() ?? 0
    return [
      "hasStages": !stages.isEmpty,
      "totalTime": duration(total),
      "stages": stages.map { stage in
        [
          "stage": stage.name,
          "time": duration(stage.seconds),
          "perSlice": stage.slices > 0 ? duration(stage.seconds / Double(stage.slices)) : "–",
          "share": total > 0 ? "\(Int((100 * stage.seconds / total).rounded())) %" : "–",
          "bar": longest > 0 ? rounded(100 * stage.seconds / longest, 2) : "0",
        ] as [String: Any]
      },
    ]
  }

  private static func provenance(_ provenance: ReportProvenance) -> [String: Any] {
    var context: [String: Any] = [
      "inputs": provenance.inputs.map {
        ["input": $0.name, "bytes": grouped($0.bytes), "sha256": $0.sha256]
      },
      "networks": provenance.networks.map {
        ["role": $0.role, "network": $0.name, "fingerprint": $0.fingerprint]
      },
      "software": provenance.software.map(fact),
    ]
    if let seed = provenance.seed { context["seed"] = String(seed) }
    return context
  }

  /// All slices in order, or the worst of them when there are too many.
  static func rows(_ candidates: [ReportSelection.Candidate]) -> [ReportSelection.Candidate] {
    candidates.count > tableRows
      ? candidates.sorted().prefix(tableRows).sorted { $0.index < $1.index } : candidates
  }

  private static func table(of count: Int, _ nextRow: () throws -> ReportFigures?) rethrows -> [String: Any] {
    var rows: [[String: Any]] = []
    while let figures = try nextRow() { rows.append(row(figures)) }
    return [
      "tableTitle": count > tableRows ? "The \(tableRows) worst of \(count) slices" : "All slices as a table",
      "rows": rows,
    ]
  }

  private static func row(_ figures: ReportFigures) -> [String: Any] {
    let verdict = figures.verdict
    return [
      "number": figures.index + 1,
      "status": verdict.status.rawValue,
      "word": verdict.status.word,
      "chiSquared": rounded(verdict.chiSquared, 3),
      "interval": "\(rounded(verdict.interval.lower, 3)) – \(rounded(verdict.interval.upper, 3))",
      "reference": verdict.reference.map { rounded($0.chiSquared, 3) } ?? "–",
      "whiteness": verdict.whiteness.map { rounded($0, 3) } ?? "–",
      "nullSpace": verdict.nullSpaceFraction.map { rounded(100 * $0, 1) + " %" } ?? "–",
      "seconds": figures.seconds.map { duration($0) } ?? "–",
      "reason": verdict.reasons.joined(separator: " "),
    ]
  }

  private static func selectionSentence(count slices: Int, embedded: [Int]) -> String {
    "This page carries the pixels of \(embedded.count) of \(count(slices, "slice")): "
      + "evenly spaced ones and those with the worst verdicts. Verdict and figures are given for every "
      + "slice; the other pixels are in the output volume."
  }

  private static func fact(_ fact: ReportFact) -> [String: Any] { ["name": fact.name, "value": fact.value] }

  private static func count(_ count: Int, _ noun: String) -> String {
    "\(count) \(noun)\(count == 1 ? "" : "s")"
  }

  static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite else { return "–" }
    if seconds < 1 { return "\(Int((1000 * seconds).rounded())) ms" }
    if seconds < 10 { return rounded(seconds, 2) + " s" }
    if seconds < 100 { return rounded(seconds, 1) + " s" }
    let whole = Int(seconds.rounded())
    if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
    return "\(whole / 3600) h \(whole % 3600 / 60) min"
  }

  static func rounded(_ value: Double, _ digits: Int) -> String {
    guard value.isFinite else { return "–" }
    return String(format: "%.\(digits)f", value).replacingOccurrences(of: "-", with: "−")
  }

  /// 1 234 567 with narrow spaces.
  static func grouped(_ number: Int) -> String {
    var digits = String(number)
    var result = ""
    while digits.count > 3 {
      result = "\u{202F}" + digits.suffix(3) + result
      digits.removeLast(3)
    }
    return digits + result
  }

  /// Names a script or style in the page's content security policy, which admits no other.
  static func hash(_ text: String) -> String {
    "sha256-" + Data(SHA256.hash(data: Data(text.utf8))).base64EncodedString()
  }

  private static func template(_ text: String) -> MustacheTemplate {
    _ = EscapedHTML.registered
    do { return try MustacheTemplate(string: text) } catch {
      preconditionFailure("the report's template is not mustache: \(error)")
    }
  }
}

extension ReportVerdict.Status {
  var word: String {
    switch self {
    case .pass: "Pass"
    case .warn: "Warning"
    case .fail: "Fail"
    }
  }
}

/// Escapes text for HTML scalar by scalar.
///
/// The package's own rule goes by characters, and a quote followed by a combining accent is another
/// character: it would stay, and could end an attribute.
struct EscapedHTML: MustacheContentType {
  static let registered: Void = MustacheContentTypes.register(EscapedHTML(), named: "DEFT_HTML")

  func escapeText(_ text: String) -> String {
    var escaped = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar {
      case "<": escaped.append(contentsOf: "&lt;".unicodeScalars)
      case ">": escaped.append(contentsOf: "&gt;".unicodeScalars)
      case "&": escaped.append(contentsOf: "&amp;".unicodeScalars)
      case "\"": escaped.append(contentsOf: "&quot;".unicodeScalars)
      case "'": escaped.append(contentsOf: "&#39;".unicodeScalars)
      case "\n", "\r", "\t": escaped.append(scalar)
      case _ where scalar.value < 0x20 || scalar.value == 0x7F: escaped.append("\u{FFFD}")
      default: escaped.append(scalar)
      }
    }
    return String(escaped)
  }
}
