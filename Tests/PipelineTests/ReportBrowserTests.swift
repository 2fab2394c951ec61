import Foundation
import Pipeline
import TestSupport
import Testing

/// A browser without a window, if there is one.
struct HeadlessBrowser {
  static let found: HeadlessBrowser? = {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    for name in ["chromium", "chromium-browser", "google-chrome"] {
      for folder in folders where FileManager.default.isExecutableFile(atPath: "\(folder)/\(name)") {
        return HeadlessBrowser(path: "\(folder)/\(name)")
      }
    }
    return nil
  }()

  let path: String

  struct Outcome {
    let output: String
    /// Lines that the page wrote to the console: errors, warnings, blocked content.
    let console: [String]
  }

  /// The page's elements after its script has run.
  func elements(of file: String, state: String, in folder: String, width: Int = 1400) throws -> Outcome {
    try run(["--dump-dom", "--window-size=\(width),1000", "file://\(file)#\(state)"], in: folder)
  }

  func screenshot(of file: String, state: String, in folder: String) throws -> Data {
    let picture = "\(folder)/\(UUID().uuidString).png"
    _ = try run(
      ["--screenshot=\(picture)", "--window-size=1400,1000", "file://\(file)#\(state)"], in: folder)
    return try Data(contentsOf: URL(fileURLWithPath: picture))
  }

  private func run(_ arguments: [String], in folder: String) throws -> Outcome {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments =
      [
        "timeout", "120", path, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        "--no-first-run", "--disable-dev-shm-usage", "--force-device-scale-factor=1",
        "--user-data-dir=\(folder)/profile", "--enable-logging=stderr", "--virtual-time-budget=5000",
      ] + arguments
    let (output, log) = ("\(folder)/output", "\(folder)/log")
    for file in [output, log] { try Data().write(to: URL(fileURLWithPath: file)) }
    process.standardOutput = FileHandle(forWritingAtPath: output)
    process.standardError = FileHandle(forWritingAtPath: log)
    try process.run()
    process.waitUntilExit()
    let text = { (file: String) in
      String(decoding: FileManager.default.contents(atPath: file) ?? Data(), as: UTF8.self)
    }
    return Outcome(
      output: text(output),
      console: text(log).split(separator: "\n").map(String.init).filter { $0.contains("CONSOLE") })
  }
}

@Suite(
  .serialized,
  .enabled(if: HeadlessBrowser.found != nil, "no chromium, chromium-browser or google-chrome in PATH"))
struct ReportBrowserTests {
  private let samples = ReportSamples()

  private func withReport(_ body: (HeadlessBrowser, _ file: String, _ folder: String) throws -> Void) throws {
    let browser = try #require(HeadlessBrowser.found)
    try withReportFolder { folder in
      try samples.write(to: "\(folder)/report.html")
      try body(browser, "\(folder)/report.html", folder)
    }
  }

  /// Attributes of every panel's readout, in order.
  private func readouts(_ page: String) -> [[String: String]] {
    page.matches(of: /<output class="corner[^>]*>/).map { match in
      Dictionary(
        match.output.matches(of: /data-(\w+)="([^"]*)"/).map { (String($0.output.1), String($0.output.2)) },
        uniquingKeysWith: { $1 })
    }
  }

  /// The canvas shows round(255 (v − (L − W/2)) / W) where the picture's value is v; smoothing would mix in
  /// the neighbours.
  @Test func showsTheGreyValueThatTheWindowAsksFor() throws {
    try withReport { browser, file, folder in
      let (row, column) = samples.heartPixel
      for (slice, level, width) in [(1, 0.020, 0.020), (4, 0.016, 0.020)] {
        let page = try browser.elements(
          of: file,
          state: "slice=\(slice)&panel=2&level=\(level)&window=\(width)&probe=\(row),\(column)&smooth=0",
          in: folder)
        let shown = readouts(page.output)
        #expect(shown.count == 4)
        // FBP differs from slice to slice, DEFT's heart does not: the one shows the slice, the other the window.
        for (readout, panel) in zip(shown, samples.slice(slice - 1).panels).prefix(2) {
          let value = Double(panel.image[row, column])
          let gray = Int((255 * (value - (level - width / 2)) / width).rounded())
          #expect(readout["colour"] == "\(gray) \(gray) \(gray)", "\(panel.name), slice \(slice)")
          // The slice's values span less than 0.05, so 16 bits leave an error below 0.05 / 131 068.
          let read = try #require(readout["value"].flatMap(Double.init))
          #expect(abs(read - value) < 4e-7)
        }
        #expect(page.output.contains("\(slice) / \(samples.sliceCount)</output>"))
      }
    }
  }

  /// Same state, same bytes; another slice or window, other bytes: the viewer moves, and nothing else does.
  @Test func movesWithSliceAndWindow() throws {
    try withReport { browser, file, folder in
      let states = [
        "slice=1&level=0.02&window=0.02", "slice=1&level=0.02&window=0.02", "slice=5&level=0.02&window=0.02",
        "slice=1&level=0.015&window=0.02",
      ]
      let pictures = try states.map { try browser.screenshot(of: file, state: $0, in: folder) }
      #expect(pictures[0] == pictures[1])
      #expect(pictures[0] != pictures[2])
      #expect(pictures[0] != pictures[3])
      #expect(pictures[2] != pictures[3])
    }
  }

  @Test func raisesNoErrorAndLoadsNothing() throws {
    try withReport { browser, file, folder in
      for state in [
        "", "slice=4&difference=2,1&zoom=3&x=0.6&y=0.6&smooth=0",
        "slice=99&level=x&window=-1&probe=9999,1&theme=blue",
      ] {
        let page = try browser.elements(of: file, state: state, in: folder, width: 800)
        #expect(page.console == [])
        #expect(page.output.contains(#"data-errors="0""#))
        #expect(page.output.contains(#"data-ready="true""#))
      }
      // The detector of errors detects: an image from elsewhere is blocked by the page's own policy.
      let broken = "\(folder)/broken.html"
      let text = try String(contentsOfFile: file, encoding: .utf8)
      try text.replacingOccurrences(of: "<main>", with: #"<main><img src="https://127.0.0.1/x.png">"#)
        .write(toFile: broken, atomically: true, encoding: .utf8)
      #expect(try browser.elements(of: broken, state: "", in: folder).console.isEmpty == false)
    }
  }

  @Test func showsTheDifferenceOfTwoPanels() throws {
    try withReport { browser, file, folder in
      let (row, column) = samples.heartPixel
      let page = try browser.elements(
        of: file, state: "slice=1&difference=1,2&probe=\(row),\(column)",
        in: folder)
      let values = try readouts(page.output).map { try #require($0["value"].flatMap(Double.init)) }
      #expect(values.count == 5)
      // Both were rounded to single precision, whose step at 0.03 is 2e-9.
      #expect(abs(values[4] - (values[0] - values[1])) < 1e-8)
      #expect(page.output.contains("FBP − DEFT"))
    }
  }

  /// Without a wish, the page opens at the worst verdict and says why in words.
  @Test func opensAtTheWorstVerdict() throws {
    try withReport { browser, file, folder in
      let page = try browser.elements(of: file, state: "", in: folder).output
      #expect(page.contains("4 / 5</output>"))
      #expect(page.contains("<li>View 12 alone contributes 21 % of the misfit.</li>"))
      #expect(page.contains("View 12, bin 46"))
    }
  }

  /// Keys, wheel, drag, slider and chart, one after the other; the state after each is noted in the page.
  @Test func followsKeysWheelAndPointer() throws {
    try withReport { browser, file, folder in
      let driver = #"""
        <script>
        const steps = [];
        const canvas = () => document.querySelectorAll(".tile canvas")[1];
        const note = name => steps.push(`${name}: ${element("slice-name").textContent}; ${element("level").value}; `
          + `${element("width").value}; ${element("zoom-value").textContent}; ${tiles.length}; ${state.solo}`);
        const key = (key, more = {}) => (document.activeElement || document.body)
          .dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
        const wheel = more => canvas().dispatchEvent(new WheelEvent("wheel", { cancelable: true, ...more }));
        const point = (type, x, y, more = {}) => canvas().dispatchEvent(new PointerEvent(type,
          { pointerId: 1, clientX: x, clientY: y, bubbles: true, cancelable: true, ...more }));
        HTMLCanvasElement.prototype.setPointerCapture = () => {};
        note("start");
        key("ArrowRight"); note("right");
        key("d"); note("letter outside the viewer");
        canvas().focus();
        key("Home"); note("home");
        key("End"); note("end");
        wheel({ deltaY: -120 }); note("wheel");
        wheel({ deltaY: -120, ctrlKey: true }); draw(); note("zoom");
        key("0"); draw(); note("fit");
        key("2"); note("preset");
        key("r"); note("reset");
        const box = canvas().getBoundingClientRect(), [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
        point("pointerdown", x, y, { buttons: 1 });
        point("pointermove", x + 30, y - 60, { buttons: 1 });
        point("pointerup", x + 30, y - 60); note("drag");
        point("pointerdown", x, y, { buttons: 4 });
        point("pointermove", x + 20, y, { buttons: 4 });
        point("pointerup", x + 20, y); note(`pan ${state.x < 0.5}`);
        key("d"); note("difference");
        key("Enter"); note("enlarge");
        key("Enter"); note("back");
        element("slice").value = 0; element("slice").dispatchEvent(new Event("input")); note("slider");
        element("level").value = "0,03"; element("level").dispatchEvent(new Event("change")); note("level");
        const plot = document.querySelector("#chart svg"), frame = plot.getBoundingClientRect();
        plot.dispatchEvent(new MouseEvent("click", { clientX: frame.right - 15, clientY: frame.top + 20 })); note("chart");
        plot.focus(); key("ArrowLeft"); note("chart key");
        document.querySelector('[data-number="2"]').click(); note("table");
        document.documentElement.dataset.steps = steps.join("\n");
        </script></body>
        """#
      let driven = "\(folder)/driven.html"
      // The page's own policy would not let a second script run.
      try String(contentsOfFile: file, encoding: .utf8)
        .replacingOccurrences(of: "http-equiv=\"Content-Security-Policy\"", with: "")
        .replacingOccurrences(of: "</body>", with: driver)
        .write(toFile: driven, atomically: true, encoding: .utf8)
      let page = try browser.elements(of: driven, state: "slice=1&panel=2&level=0.02&window=0.01", in: folder)
      #expect(page.console == [])
      let steps = try #require(page.output.firstMatch(of: /data-steps="([^"]*)"/)).output.1
      // A drag of 30 right and 60 up, at 1/300 of the suggested width 0.02 each: W + 2 · 0.002, L + 0.004.
      #expect(
        steps.split(separator: "\n").map(String.init) == [
          "start: 1 / 5; 0.02; 0.01; 100 %; 4; null",
          "right: 2 / 5; 0.02; 0.01; 100 %; 4; null",
          "letter outside the viewer: 2 / 5; 0.02; 0.01; 100 %; 4; null",
          "home: 1 / 5; 0.02; 0.01; 100 %; 4; null",
          "end: 5 / 5; 0.02; 0.01; 100 %; 4; null",
          "wheel: 4 / 5; 0.02; 0.01; 100 %; 4; null",
          "zoom: 4 / 5; 0.02; 0.01; 149 %; 4; null",
          "fit: 4 / 5; 0.02; 0.01; 100 %; 4; null",
          "preset: 4 / 5; 0.0208; 0.008; 100 %; 4; null",
          "reset: 4 / 5; 0.018; 0.02; 100 %; 4; null",
          "drag: 4 / 5; 0.022; 0.024; 100 %; 4; null",
          "pan true: 4 / 5; 0.022; 0.024; 100 %; 4; null",
          "difference: 4 / 5; 0.022; 0.024; 100 %; 5; null",
          "enlarge: 4 / 5; 0.022; 0.024; 100 %; 5; 1",
          "back: 4 / 5; 0.022; 0.024; 100 %; 5; null",
          "slider: 1 / 5; 0.022; 0.024; 100 %; 5; null",
          "level: 1 / 5; 0.03; 0.024; 100 %; 5; null",
          "chart: 5 / 5; 0.03; 0.024; 100 %; 5; null",
          "chart key: 4 / 5; 0.03; 0.024; 100 %; 5; null",
          "table: 2 / 5; 0.03; 0.024; 100 %; 5; null",
        ])
    }
  }

  /// Text of the run that looks like markup stays text, also where the script writes it.
  @Test func runsNothingThatTheRunBroughtAlong() throws {
    let browser = try #require(HeadlessBrowser.found)
    try withReportFolder { folder in
      let attack =
        #"</script><script>document.title="owned"</script><img src=x onerror="document.title='owned'">"#
      var data = samples.data(title: attack)
      data.configuration = attack
      data.warnings = [attack]
      var slice = samples.slice(0)
      slice.panels[0].name = attack
      slice.verdict.reasons = [attack]
      var writer = try ReportWriter(path: "\(folder)/report.html", identity: "", sliceCount: 1)
      try writer.append(slice)
      try writer.finish(data)
      let page = try browser.elements(of: "\(folder)/report.html", state: "slice=1", in: folder)
      #expect(page.console == [])
      #expect(!page.output.contains("<title>owned"))
      #expect(!page.output.contains("<img"))
      #expect(page.output.contains(#"data-ready="true""#))
    }
  }
}
