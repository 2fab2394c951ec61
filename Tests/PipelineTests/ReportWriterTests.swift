import Fields
import Formats
import Foundation
import Pipeline
import TestSupport
import Testing

@Suite struct ReportWriterTests {
  private let samples = ReportSamples(size: 32, sliceCount: 5, views: 12, bins: 45)

  private func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

  /// The JSON between `<script … id="…">` and `</script>`.
  private func json(_ id: String, in page: String) throws -> [String: Any] {
    let opening = #"<script type="application/json" id="\#(id)">"#
    let start = page.range(of: opening)?.upperBound
    let end = start.flatMap { page.range(of: "</script>", range: $0..<page.endIndex)?.lowerBound }
    let range = try #require(start.flatMap { start in end.map { start..<$0 } }, "no element '\(id)'")
    return try #require(JSONSerialization.jsonObject(with: Data(page[range].utf8)) as? [String: Any])
  }

  @Test func writesEverythingIntoOneFile() throws {
    try withReportFolder { folder in
      let path = "\(folder)/report.html"
      let summary = try samples.write(to: path)
      #expect(summary.embedded == [0, 1, 2, 3, 4])
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["report.html"])
      #expect(summary.bytes == (try Data(contentsOf: URL(fileURLWithPath: path)).count))
      let page = try text(path)
      #expect(page.hasPrefix("<!DOCTYPE html>"))
      for wanted in [
        "For research use only. Not for diagnostic use.", "Thorax phantom, 60 views", "kind: deft",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "b5bb9d8014a0f9b1d61e21e796d78dcc",
        "View 12 alone contributes 21 % of the misfit.", "58.2 s", "libtorch", "parallel",
      ] { #expect(page.contains(wanted), "\(wanted)") }
      // Nothing to load: no address but the namespace of drawings, no source attribute.
      let addresses = page.matches(of: /https?:\/\/[^\s"']+/).map { String($0.output) }
      #expect(Set(addresses) == ["http://www.w3.org/2000/svg"])
      #expect(!page.contains(" src=") && !page.contains(" href="))
    }
  }

  /// 2 bytes per pixel, 4/3 of that in base64, as many pixels as the panel has.
  @Test func embedsEveryPixelInTwoBytes() throws {
    try withReportFolder { folder in
      let path = "\(folder)/report.html"
      try samples.write(to: path)
      let slice = try json("slice-2", in: try text(path))
      let panels = try #require(slice["panels"] as? [[String: Any]])
      #expect(panels.map { $0["name"] as? String } == ["FBP", "DEFT", "Standard deviation", "Null space"])
      for panel in panels {
        let pixels = try #require(panel["pixels"] as? [String: Any])
        let codes = try #require(pixels["codes"] as? String)
        #expect(codes.utf8.count == (2 * 32 * 32 + 2) / 3 * 4)
        #expect(Data(base64Encoded: codes)?.count == 2 * 32 * 32)
      }
      // Decoded by hand as the page does it: code 0 is the low byte of the first pair.
      let original = samples.slice(2).panels[0].image.samples
      let pixels = try #require(panels[0]["pixels"] as? [String: Any])
      let data = try #require((pixels["codes"] as? String).flatMap { Data(base64Encoded: $0) })
      let scale = try #require(pixels["scale"] as? Double), offset = try #require(pixels["offset"] as? Double)
      let errors = original.indices.map { i in
        abs(offset + scale * Double(UInt16(data[2 * i]) | UInt16(data[2 * i + 1]) << 8) - Double(original[i]))
      }
      #expect((errors.max() ?? 1) <= 0.5001 * scale)
    }
  }

  @Test func reducesWhatIsTooLarge() throws {
    try withReportFolder { folder in
      let path = "\(folder)/report.html"
      try samples.write(to: path, limits: ReportLimits(slices: 5, side: 16))
      let slice = try json("slice-0", in: try text(path))
      let panel = try #require((slice["panels"] as? [[String: Any]])?.first)
      #expect(panel["reduction"] as? Int == 2)
      #expect((panel["pixels"] as? [String: Any])?["rows"] as? Int == 16)
      let residual = try #require(slice["residual"] as? [String: Any])
      #expect(residual["binReduction"] as? Int == 3)
      #expect(residual["viewReduction"] as? Int == 1)
      // The histogram is that of the full residual, whatever is shown of it.
      let histogram = try #require(residual["histogram"] as? [String: Any])
      let counted = (histogram["counts"] as? [Int] ?? []).reduce(histogram["outside"] as? Int ?? -1, +)
      #expect(counted == 12 * 45)
    }
  }

  /// A long run: the file and the folder beside it stay small, the worst slices are in, and the page says so.
  @Test func boundsWhatItEmbeds() throws {
    try withReportFolder { folder in
      let path = "\(folder)/report.html"
      var samples = samples
      samples.sliceCount = 60
      var writer = try ReportWriter(
        path: path, identity: "", sliceCount: 60, limits: ReportLimits(slices: 6, side: 32))
      var most = 0
      for index in 0..<60 {
        try writer.append(samples.slice(index))
        let parts = try FileManager.default.contentsOfDirectory(atPath: path + ".parts")
        most = max(most, parts.count { $0.hasPrefix("slice_") })
      }
      #expect(most <= 6)
      let summary = try writer.finish(samples.data())
      #expect(summary.embedded.count == 6)
      #expect(summary.embedded.contains(0) && summary.embedded.contains(59))
      #expect(summary.embedded.contains(57) && summary.embedded.contains(58))  // the warning and the failure
      let page = try text(path)
      #expect(page.contains("carries the pixels of 6 of 60 slices"))
      #expect((try json("run", in: page)["slices"] as? [Any])?.count == 60)
    }
  }

  @Test func choosesTheSameSlicesInAnyOrder() throws {
    func chosen(_ order: [Int]) -> [Int] {
      var selection = ReportSelection(sliceCount: 100, limit: 9)
      for index in order {
        var verdict = samples.verdict(0)
        // Five values of χ², so that ties must be broken by position.
        verdict.chiSquared = 1 + 0.1 * Double(index * 37 % 5)
        verdict.status = index % 41 == 40 ? .fail : .pass
        _ = selection.offer(.init(index: index, verdict: verdict))
      }
      return selection.indices
    }
    let forward = chosen(Array(0..<100))
    #expect(forward.count == 9)
    #expect(Set([0, 99, 40, 81]).isSubset(of: forward))
    #expect(chosen((0..<100).reversed()) == forward)
    #expect(chosen((0..<100).map { $0 * 63 % 100 }) == forward)
  }

  /// A killed run leaves its parts; the next one goes on and ends in the same bytes.
  @Test func goesOnAfterBeingKilled() throws {
    try withReportFolder { folder in
      var samples = samples
      samples.sliceCount = 9
      let limits = ReportLimits(slices: 4, side: 32)
      try samples.write(to: "\(folder)/whole.html", limits: limits)
      let path = "\(folder)/report.html"
      do {
        var writer = try ReportWriter(path: path, identity: "sample", sliceCount: 9, limits: limits)
        for index in 0..<5 { try writer.append(samples.slice(index)) }
      }
      let log = try #require(FileHandle(forWritingAtPath: path + ".parts/figures.jsonl"))
      try log.seekToEnd()
      try log.write(contentsOf: Data(#"{"index":5,"verd"#.utf8))
      try log.close()
      do {
        var writer = try ReportWriter(path: path, identity: "sample", sliceCount: 9, limits: limits)
        #expect(writer.recorded == [0, 1, 2, 3, 4])
        try writer.append(samples.slice(5))
      }
      var writer = try ReportWriter(path: path, identity: "sample", sliceCount: 9, limits: limits)
      #expect(writer.recorded == [0, 1, 2, 3, 4, 5])
      for index in 6..<9 { try writer.append(samples.slice(index)) }
      try writer.finish(samples.data())
      #expect(try text(path) == text("\(folder)/whole.html"))
    }
  }

  @Test func asksAgainForASliceWhosePixelsAreGone() throws {
    try withReportFolder { folder in
      let path = "\(folder)/report.html"
      do {
        var writer = try ReportWriter(path: path, identity: "a", sliceCount: 3)
        for index in 0..<3 { try writer.append(samples.slice(index)) }
      }
      try FileManager.default.removeItem(atPath: path + ".parts/slice_00002.json")
      #expect(try ReportWriter(path: path, identity: "a", sliceCount: 3).recorded == [0, 2])
      // Another configuration has no use for them.
      #expect(try ReportWriter(path: path, identity: "b", sliceCount: 3).recorded == [])
    }
  }

  /// A report that cannot be completed leaves the earlier one as it was, and nothing half-written.
  @Test func replacesAReportCompletelyOrNotAtAll() throws {
    try withReportFolder { folder in
      let path = "\(folder)/report.html"
      try samples.write(to: path)
      let before = try text(path)
      var writer = try ReportWriter(path: path, identity: "", sliceCount: 2)
      try writer.append(samples.slice(0))
      try writer.append(samples.slice(1))
      let part = path + ".parts/slice_00002.json"
      try Data("{</script><script>alert(1)</script>}".utf8).write(to: URL(fileURLWithPath: part))
      #expect(throws: ReportError.damagedParts(path: part)) { try writer.write(samples.data()) }
      try FileManager.default.removeItem(atPath: part)
      #expect(throws: ReportError.cannotRead(path: part, reason: "No such file or directory")) {
        try writer.write(samples.data())
      }
      #expect(try text(path) == before)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == [
          "report.html", "report.html.parts",
        ])
      try writer.append(samples.slice(1))
      #expect(try writer.write(samples.data()).embedded == [0, 1])
      #expect(try text(path) != before)
    }
  }

  @Test func saysWhereItCannotWrite() throws {
    try withReportFolder { folder in
      try Data().write(to: URL(fileURLWithPath: "\(folder)/file"))
      let error = #expect(throws: ReportError.self) {
        _ = try ReportWriter(path: "\(folder)/file/report.html", identity: "", sliceCount: 1)
      }
      #expect(
        error?.description.contains("cannot create '\(folder)/file/report.html.parts': a file stands") == true
      )
      // The final name is taken by a folder.
      try FileManager.default.createDirectory(atPath: "\(folder)/taken", withIntermediateDirectories: true)
      let writer = try ReportWriter(path: "\(folder)/taken", identity: "", sliceCount: 1)
      #expect(throws: ReportError.file(.cannotCreate(path: "\(folder)/taken", code: EISDIR))) {
        try writer.write(samples.data())
      }
      #expect(
        try !FileManager.default.contentsOfDirectory(atPath: folder).contains { $0.contains(".partial-") })
    }
  }

  @Test func writesARunThatHasNotBegun() throws {
    try withReportFolder { folder in
      let path = "\(folder)/report.html"
      let writer = try ReportWriter(path: path, identity: "", sliceCount: 4)
      try writer.finish(samples.data())
      let page = try text(path)
      #expect(page.contains("No slice is finished yet."))
      #expect(page.contains("4 of them not reconstructed yet"))
    }
  }

  /// Every string that comes from the run, in markup, attributes and script data.
  @Test func escapesEveryString() throws {
    try withReportFolder { folder in
      // The last quote carries an accent: one character to Swift, a quote to a browser.
      let attack = "</script><b onclick='x'>&amp;<!-- \"\u{301}"
      var data = samples.data(title: attack)
      data.methods = [attack]
      data.geometry = [ReportFact(attack, attack)]
      data.stages = [ReportStage(name: attack, seconds: 1, slices: 1)]
      data.configuration = attack
      data.warnings = [attack]
      data.presets = [ReportWindowPreset(name: attack, window: .init(level: 0, width: 1))]
      data.provenance = ReportProvenance(
        version: attack, inputs: [.init(name: attack, bytes: 1, sha256: attack)],
        networks: [.init(role: attack, name: attack, fingerprint: attack)],
        software: [ReportFact(attack, attack)])
      var slice = samples.slice(0)
      slice.panels[0].name = attack
      slice.panels[0].meaning = attack
      slice.panels[0].group = attack
      slice.verdict.method = attack
      slice.verdict.reasons = [attack]
      slice.verdict.reference?.method = attack
      slice.verdict.facts = [ReportFact(attack, attack)]
      let path = "\(folder)/report.html"
      var writer = try ReportWriter(path: path, identity: attack, sliceCount: 1)
      try writer.append(slice)
      try writer.finish(data)
      let page = try text(path)
      #expect(!page.contains("<b onclick"))
      #expect(!page.contains("<!-- "))
      let markup = page.components(separatedBy: "<script")[0]
      #expect(markup.range(of: "\"\u{301}", options: .literal) == nil)
      #expect(page.contains("&lt;/script&gt;&lt;b onclick=&#39;x&#39;&gt;&amp;amp;&lt;!-- &quot;\u{301}"))
      // Three elements with data or script, and each ends where it should.
      #expect(page.matches(of: /<script/).count == 3)
      #expect(page.matches(of: /<\/script/).count == 3)
      let first = try #require((try json("slice-0", in: page)["panels"] as? [[String: Any]])?.first)
      #expect(first["name"] as? String == attack)
    }
  }

  /// Figures that are not numbers neither stop the report nor leave it unreadable.
  @Test func survivesFiguresThatAreNotNumbers() throws {
    try withReportFolder { folder in
      let path = "\(folder)/report.html"
      var slice = samples.slice(0)
      slice.panels[0].image.samples[5] = .nan
      slice.panels[1].image = Image(shape: [32, 32], filledWith: .infinity)
      slice.residual?.sinogram.samples[3] = .nan
      slice.verdict.chiSquared = .nan
      slice.verdict.interval = .init(.nan, .infinity)
      slice.verdict.nullSpaceFraction = .nan
      do {
        var writer = try ReportWriter(path: path, identity: "", sliceCount: 1)
        try writer.append(slice)
      }
      let writer = try ReportWriter(path: path, identity: "", sliceCount: 1)
      #expect(writer.recorded == [0])
      try writer.finish(samples.data())
      _ = try json("run", in: try text(path))
      if let browser = HeadlessBrowser.found {
        let shown = try browser.elements(of: path, state: "slice=1", in: folder)
        #expect(shown.console == [])
      }
    }
  }
}

@Suite struct ReportPixelTests {
  /// |error| ≤ half a step = range / 131 068, far below a grey level of any display.
  @Test(arguments: [1e-6, 0.03, 1, 4e4, 1e30])
  func quantisesWithinHalfAStep(range: Float) {
    var random = SplitMix64(seed: 1)
    let samples = (0..<4096).map { _ in Float(random.uniform() - 0.3) * range }
    let pixels = QuantisedPixels(samples)
    let (low, high) = (samples.min() ?? 0, samples.max() ?? 0)
    let bound = (Double(high) - Double(low)) / 131_068
    #expect(bound < (Double(high) - Double(low)) / 4000)
    let largest = zip(samples, pixels.codes).map { abs(pixels.value($1) - Double($0)) }.max() ?? 1
    #expect(largest <= bound * (1 + 1e-9))  // the last bits of the double product
    #expect(largest > 0.9 * bound)
    #expect(pixels.value(pixels.codes.min() ?? 1) == Double(low))
  }

  @Test func keepsConstantsAndMarksWhatIsMissing() {
    let constant = QuantisedPixels([0.25, 0.25, 0.25])
    #expect(constant.codes.map { constant.value($0) } == [0.25, 0.25, 0.25])
    let holes = QuantisedPixels([.nan, -1, .infinity, 3])
    #expect(holes.codes == [65535, 0, 65535, 65534])
    #expect(holes.value(65535).isNaN)
    #expect(QuantisedPixels([.nan]).codes == [65535])
    #expect(QuantisedPixels([]).codes == [])
  }

  @Test func writesLittleEndianBase64() {
    // Codes 0 and 65 534: bytes 00 00 FE FF.
    #expect(QuantisedPixels([0, 1]).base64 == "AAD+/w==")
  }

  /// p = 1 keeps the mean, also of the ragged last block; p = ½ keeps the variance of white noise.
  @Test func reducesByWholeBlocks() {
    let image = Image(shape: [3, 3], samples: [1, 3, 10, 5, 7, 20, 2, 4, .nan])
    let mean = PixelReduction.blocks(image, rows: 2, columns: 2, power: 1)
    #expect(mean.shape == [2, 2])
    #expect(mean.samples[0..<3] == [4, 15, 3])
    #expect(mean.samples[3].isNaN)
    let sum = PixelReduction.blocks(image, rows: 2, columns: 2, power: 0.5)
    #expect(sum.samples[0] == 8)
    var random = SplitMix64(seed: 2)
    let noise = Sinogram(shape: [200, 300], samples: random.normals(60_000))
    let reduced = PixelReduction.blocks(noise, rows: 2, columns: 3, power: 0.5)
    let variance =
      reduced.samples.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(reduced.samples.count)
    #expect(abs(variance - 1) < 5 * (2 / Double(reduced.samples.count)).squareRoot())  // five standard errors
    #expect(PixelReduction.factor(512, limit: 512) == 1)
    #expect(PixelReduction.factor(513, limit: 512) == 2)
  }

  @Test func fitsTheNumberOfSlicesToTheirSize() {
    #expect(ReportLimits(rows: 256, columns: 256, panels: 4).slices == 24)
    #expect(ReportLimits(rows: 512, columns: 512, panels: 4).slices == 9)
    #expect(ReportLimits(rows: 4096, columns: 4096, panels: 4).slices == 9)
    #expect(ReportLimits(rows: 512, columns: 512, panels: 40).slices == 4)
  }

  @Test func convertsTheUsualWindowsToAttenuation() {
    let presets = ReportWindowPreset.computedTomography(waterAttenuation: 0.02)
    // 40 and 400 HU: 0.0208 and 0.008 per millimetre.
    #expect(presets[0].name == "Soft tissue")
    #expect(abs(presets[0].window.level - 0.0208) < 1e-15)
    #expect(abs(presets[0].window.width - 0.008) < 1e-15)
  }
}
