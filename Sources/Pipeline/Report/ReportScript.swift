/// The page's script, in the order in which it runs. Nothing in it builds markup from text: every string of
/// the run becomes a text node.
enum ReportScript {
  static let all = [
    tools, colours, pixels, ReportViewerScript.viewer, ReportViewerScript.controls,
    ReportFigureScript.verdict,
    ReportFigureScript.chart, ReportFigureScript.residual, start,
  ].joined(separator: "\n")

  private static let tools = #"""
    "use strict";
    const root = document.documentElement;
    root.dataset.errors = "0";
    addEventListener("error", () => { root.dataset.errors = String(Number(root.dataset.errors) + 1); });

    const element = id => document.getElementById(id);
    const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
    const run = JSON.parse(element("run").textContent);
    const figures = new Map(run.slices.map(entry => [entry.index, entry]));

    /// Makes an element; names that start with "svg:" make a drawing.
    function make(tag, attributes = {}, ...children) {
      const node = tag.startsWith("svg:")
        ? document.createElementNS("http://www.w3.org/2000/svg", tag.slice(4))
        : document.createElement(tag);
      for (const [name, value] of Object.entries(attributes)) {
        if (value === null || value === undefined || value === false) continue;
        if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
        else node.setAttribute(name, value === true ? "" : value);
      }
      node.append(...children.filter(child => child !== null && child !== undefined));
      return node;
    }

    /// A number for reading: `digits` significant digits, a true minus sign, powers of ten spelt out.
    function format(value, digits = 4) {
      value = Number(value);
      if (!Number.isFinite(value)) return "–";
      const size = Math.abs(value);
      if (size === 0) return "0";
      let text;
      if (size >= 1e6 || size < 1e-4) {
        const [mantissa, exponent] = value.toExponential(Math.max(0, digits - 2)).split("e");
        const raised = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
        text = mantissa + "·10" + [...String(Number(exponent))].map(c => raised[c]).join("");
      } else {
        const decimals = clamp(digits - 1 - Math.floor(Math.log10(size)), 0, 8);
        text = value.toFixed(decimals);
      }
      return text.replace("-", "−");
    }
    /// Up to `digits` significant digits, without zeros at the end.
    const plain = (value, digits = 4) => Math.abs(value) >= 1e-4 && Math.abs(value) < 1e6
      ? String(Number(Number(value).toPrecision(digits))).replace("-", "−") : format(value, digits);
    const percent = fraction => `${plain(100 * fraction, 6)} %`;
    const signed = (value, digits) => (value > 0 ? "+" : "") + format(value, digits);
    const withUnit = (text, unit) => unit ? `${text} ${unit}` : text;
    const words = { pass: "Pass", warn: "Warning", fail: "Fail" };

    /// Round numbers that divide [low, high] into about `count` steps.
    function ticks(low, high, count) {
      const raw = (high - low) / Math.max(1, count);
      if (!(raw > 0)) return [low];
      const power = 10 ** Math.floor(Math.log10(raw));
      const step = [1, 2, 5, 10].map(m => m * power).find(s => s >= raw * 0.999);
      const values = [];
      for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) values.push(k * step);
      return values;
    }
    """#

  private static let colours = #"""
    /// Colours are computed in OKLab (B. Ottosson 2020), where equal distances look equal.
    function linearRGB(L, C, hue) {
      const a = C * Math.cos(hue * Math.PI / 180), b = C * Math.sin(hue * Math.PI / 180);
      const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3;
      const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3;
      const s = (L - 0.0894841775 * a - 1.2914855480 * b) ** 3;
      return [
        4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
        -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
        -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s];
    }
    function largestChroma(L, hue) {
      let low = 0, high = 0.4;
      for (let i = 0; i < 24; i++) {
        const C = (low + high) / 2;
        if (linearRGB(L, C, hue).every(v => v >= -1e-6 && v <= 1 + 1e-6)) low = C; else high = C;
      }
      return low;
    }
    function sRGB(linear) {
      return linear.map(v => {
        v = clamp(v, 0, 1);
        return Math.round(255 * (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055));
      });
    }

    /// Walks `path`(0…1) → [L, C, hue] at constant speed in OKLab: equal steps in the data are equal steps to
    /// the eye. Returns 256 colours.
    function uniformly(path) {
      const steps = 1024, points = [], lengths = [0];
      for (let i = 0; i <= steps; i++) {
        const [L, C, hue] = path(i / steps);
        points.push([L, C * Math.cos(hue * Math.PI / 180), C * Math.sin(hue * Math.PI / 180)]);
        if (i > 0) lengths.push(lengths[i - 1] + Math.hypot(...points[i].map((v, k) => v - points[i - 1][k])));
      }
      const colours = [];
      for (let j = 0, i = 0; j < 256; j++) {
        const target = lengths[steps] * j / 255;
        while (i < steps - 1 && lengths[i + 1] < target) i++;
        const t = (target - lengths[i]) / (lengths[i + 1] - lengths[i] || 1);
        const [L, C, hue] = path((i + t) / steps);
        colours.push(sRGB(linearRGB(L, C, hue)));
      }
      return colours;
    }

    const palettes = (() => {
      // From black through violet and orange to pale yellow.
      const sequential = uniformly(t => {
        const L = 0.96 * t, hue = 285 + 180 * t;
        return [L, Math.min(0.86 * largestChroma(L, hue), 0.17), hue];
      });
      // Two arms of the same lightness and chroma, so that +v and −v weigh the same.
      const arm = hue => uniformly(t => {
        const L = 0.13 + 0.72 * t;
        const C = 0.92 * Math.min(largestChroma(L, 242), largestChroma(L, 48));
        return [L, C * Math.min(1, 3 * t), hue];
      });
      const blue = arm(242), orange = arm(48);
      const diverging = [];
      for (let j = 0; j < 256; j++) {
        const t = 2 * j / 255 - 1;
        diverging.push((t < 0 ? blue : orange)[Math.round(255 * Math.abs(t))]);
      }
      const table = colours => {
        const bytes = new Uint8ClampedArray(1024);
        colours.forEach((rgb, j) => bytes.set([...rgb, 255], 4 * j));
        return new Uint32Array(bytes.buffer);
      };
      return {
        gray: table(Array.from({ length: 256 }, (_, j) => [j, j, j])),
        sequential: table(sequential),
        diverging: table(diverging),
      };
    })();
    const missingColour = new Uint32Array(new Uint8ClampedArray([96, 24, 80, 255]).buffer)[0];

    /// Colours `values` into an ImageData through a window.
    function paint(values, image, palette, level, width) {
      const target = new Uint32Array(image.data.buffer);
      const colours = palettes[palette];
      const low = level - width / 2, scale = 255 / width;
      for (let i = 0; i < values.length; i++) {
        const v = values[i];
        target[i] = v === v ? colours[clamp(Math.round((v - low) * scale), 0, 255)] : missingColour;
      }
    }
    """#

  private static let pixels = #"""
    /// Undoes the 16-bit encoding: value = offset + scale · code; 65 535 is a missing value.
    function decode(pixels) {
      const text = atob(pixels.codes), values = new Float32Array(text.length / 2);
      for (let i = 0; i < values.length; i++) {
        const code = text.charCodeAt(2 * i) | text.charCodeAt(2 * i + 1) << 8;
        values[i] = code === 65535 ? NaN : pixels.offset + pixels.scale * code;
      }
      return values;
    }

    function extent(values) {
      let low = Infinity, high = -Infinity;
      for (const v of values) {
        if (v < low) low = v;
        if (v > high) high = v;
      }
      return low <= high ? [low, high] : [0, 0];
    }

    const decoded = new Map();
    /// The pixels of a slice, or null when the page does not carry them. The last few are kept.
    function pixelsOf(index) {
      if (decoded.has(index)) {
        const content = decoded.get(index);
        decoded.delete(index);
        decoded.set(index, content);
        return content;
      }
      const script = element(`slice-${index}`);
      if (!script) return null;
      const content = JSON.parse(script.textContent);
      for (const panel of content.panels) {
        panel.rows = panel.pixels.rows;
        panel.columns = panel.pixels.columns;
        panel.values = decode(panel.pixels);
        panel.range = extent(panel.values);
        delete panel.pixels;
      }
      if (content.residual) {
        const residual = content.residual;
        residual.rows = residual.pixels.rows;
        residual.columns = residual.pixels.columns;
        residual.values = decode(residual.pixels);
        delete residual.pixels;
      }
      decoded.set(index, content);
      if (decoded.size > 6) decoded.delete(decoded.keys().next().value);
      return content;
    }

    /// A − B as a panel of its own, with a window of ± six times its root mean square.
    function differenceOf(a, b) {
      const values = new Float32Array(a.values.length);
      let squares = 0, count = 0;
      for (let i = 0; i < values.length; i++) {
        values[i] = a.values[i] - b.values[i];
        if (values[i] === values[i]) { squares += values[i] ** 2; count++; }
      }
      const width = 6 * Math.sqrt(squares / Math.max(1, count)) || 1;
      return {
        name: `${a.name} − ${b.name}`, meaning: "", unit: a.unit, palette: "diverging",
        group: `difference ${a.name} − ${b.name}`, window: { level: 0, width }, reduction: a.reduction,
        rows: a.rows, columns: a.columns, values, range: extent(values),
      };
    }
    """#

  private static let start = #"""
    const schemes = ["dark", "light"];
    function toggleTheme() {
      const dark = matchMedia("(prefers-color-scheme: dark)").matches;
      const now = root.dataset.theme || (dark ? "dark" : "light");
      root.dataset.theme = schemes[1 - schemes.indexOf(now)];
      writeFragment();
    }
    element("theme").addEventListener("click", toggleTheme);
    element("help").addEventListener("click", () => element("keys").showModal());
    element("close").addEventListener("click", () => element("keys").close());

    function redraw() {
      if (run.slices.length === 0) return;
      layOut();
      drawChart();
      drawResidual();
    }
    // Paper is narrower than most windows: what is drawn is drawn again for its width.
    for (const [event, paper] of [["beforeprint", true], ["afterprint", false]]) {
      addEventListener(event, () => {
        if (paper) document.querySelectorAll("details").forEach(details => { details.open = true; });
        root.classList.toggle("paper", paper);
        redraw();
      });
    }

    if (run.slices.length > 0) {
      document.querySelectorAll(".scripted").forEach(node => { node.hidden = false; });
      connectControls();
      readFragment();
      addEventListener("hashchange", readFragment);
      addEventListener("resize", redraw);
      document.querySelectorAll("[data-number]").forEach(button => button.addEventListener("click", () => {
        show(Number(button.dataset.number) - 1);
        element("viewer").scrollIntoView({ block: "start" });
      }));
    } else {
      const theme = new URLSearchParams(location.hash.slice(1)).get("theme");
      if (schemes.includes(theme)) root.dataset.theme = theme;
    }
    root.dataset.ready = "true";
    """#
}
