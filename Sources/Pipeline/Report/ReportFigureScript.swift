/// Verdict, χ² chart and residual: everything about a slice that is not a picture of it.
enum ReportFigureScript {
  static let verdict = #"""
    const icons = { pass: "M3 8.5 6.5 12 13 4.5", warn: "M8 2.5v7 M8 12v1.6", fail: "M3.5 3.5l9 9 M12.5 3.5l-9 9" };
    const icon = status => make("svg:svg", { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" },
      make("svg:path", { d: icons[status] }));

    function drawVerdict(entry) {
      const { verdict, seconds } = entry;
      const between = interval => `${format(interval.lower, 3)} to ${format(interval.upper, 3)}`;
      const facts = [];
      const fact = (name, value, note) => facts.push(make("dt", {}, name),
        make("dd", {}, value, note ? make("span", { class: "dim" }, ` ${note}`) : null));
      fact(`Reduced χ², ${verdict.method}`, format(verdict.chiSquared, 3),
        `${percent(verdict.confidence)} interval ${between(verdict.interval)}`);
      if (verdict.reference) {
        fact(`Reduced χ², ${verdict.reference.method}`, format(verdict.reference.chiSquared, 3), "same data");
      }
      if (verdict.whiteness !== undefined) {
        fact("Whiteness of the residual", format(verdict.whiteness, 2),
          verdict.whitenessInterval ? `expected ${between(verdict.whitenessInterval)}` : "0 is white");
      }
      for (const { name, value } of verdict.facts) fact(name, value);
      if (seconds !== undefined) fact("Time", seconds < 1 ? `${Math.round(1000 * seconds)} ms` : `${format(seconds, 3)} s`);

      const list = (title, items) => items.length === 0 ? null : make("div", { class: "worst" },
        make("h3", {}, title), make("ul", {}, ...items.map(item => make("li", {}, item))));
      const jump = (ray, ...text) => make("button", {
        type: "button", class: "link", onclick: () => {
          selectedRay = ray;
          drawResidual();
          if (!element("residual-card").hidden) element("residual-card").scrollIntoView({ block: "nearest" });
        },
      }, ...text);
      element("verdict").replaceChildren(...[
        make("p", { class: "headline" },
          make("span", { class: `badge ${verdict.status}` }, icon(verdict.status), words[verdict.status]),
          make("span", { class: "which" }, `Slice ${entry.index + 1}`, make("span", { class: "dim" }, ` ${verdict.method}`))),
        make("ul", { class: "reasons" }, ...verdict.reasons.map(reason => make("li", {}, reason))),
        gauge(verdict),
        make("dl", {}, ...facts),
        !Number.isFinite(Number(verdict.nullSpaceFraction)) ? null : share(verdict.nullSpaceFraction),
        list("Worst views", verdict.worstViews.map(view => jump({ view: view.index },
          `View ${view.index + 1}`, make("span", { class: "dim" }, ` ${plain(view.degrees)}°`),
          make("b", {}, `χ² ${format(view.chiSquared, 3)}`)))),
        list("Worst rays", verdict.worstRays.map(ray => jump(ray,
          `View ${ray.view + 1}, bin ${ray.bin + 1}`, make("b", {}, `${signed(ray.residual, 2)} σ`)))),
      ].filter(Boolean));
    }

    /// χ² on a logarithmic axis with the interval in which it belongs.
    function gauge(verdict) {
      const values = [verdict.chiSquared, verdict.interval.lower, verdict.interval.upper,
        verdict.reference ? verdict.reference.chiSquared : 1].map(Number).filter(v => v > 0 && Number.isFinite(v));
      const low = Math.min(0.7, ...values.map(v => v * 0.92)), high = Math.max(1.4, ...values.map(v => v * 1.08));
      const w = 300, y = 20, x = v => 8 + (w - 16) * Math.log(v / low) / Math.log(high / low);
      const drawing = make("svg:svg", { class: "gauge", viewBox: `0 0 ${w} 44`, role: "img",
        "aria-label": `Reduced chi squared ${format(verdict.chiSquared, 3)} on a logarithmic axis` });
      const { lower, upper } = verdict.interval;
      if (Number(lower) > 0 && Number(upper) > 0) {
        drawing.append(make("svg:rect", { class: "band", x: x(lower), y: y - 9, width: Math.max(2, x(upper) - x(lower)), height: 18 }));
      }
      drawing.append(make("svg:line", { class: "axis", x1: 8, x2: w - 8, y1: y, y2: y }));
      const reach = high / low;
      const marks = (reach < 2.2 ? [0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.5] : reach < 8 ? [0.5, 0.7, 1, 1.5, 2, 3, 4, 5]
        : [0.01, 0.1, 0.5, 1, 2, 5, 10, 100, 1000, 1e4]).filter(v => v >= low && v <= high);
      for (const v of marks) {
        drawing.append(make("svg:line", { class: "axis", x1: x(v), x2: x(v), y1: y - 3, y2: y + 3 }),
          make("svg:text", { x: x(v), y: y + 20, "text-anchor": "middle" }, String(v)));
      }
      if (verdict.reference && Number(verdict.reference.chiSquared) > 0) {
        const at = x(verdict.reference.chiSquared);
        drawing.append(make("svg:path", { class: "reference", d: `M${at} ${y - 6}l6 6-6 6-6-6Z` }));
      }
      if (Number(verdict.chiSquared) > 0 && Number.isFinite(Number(verdict.chiSquared))) {
        drawing.append(make("svg:circle", { class: `mark ${verdict.status}`, cx: x(verdict.chiSquared), cy: y, r: 5.5 }));
      }
      return drawing;
    }

    function share(fraction) {
      const prior = clamp(Number(fraction), 0, 1);
      return make("div", { class: "share" },
        make("h3", {}, "Where the picture comes from"),
        make("svg:svg", { class: "bar", role: "img", "aria-label": `${format(100 * prior, 3)} percent of the energy is not determined by the data` },
          make("svg:rect", { class: "data", width: `${100 * (1 - prior)}%`, height: "100%" }),
          make("svg:rect", { class: "prior", x: `${100 * (1 - prior)}%`, width: `${100 * prior}%`, height: "100%" })),
        make("p", {},
          make("span", { class: "key data" }, `data ${format(100 * (1 - prior), 3)} %`),
          make("span", { class: "key prior" }, `null space, prior ${format(100 * prior, 3)} %`)));
    }
    """#

  static let chart = #"""
    let chart = null;
    const entries = run.slices.filter(entry => Number(entry.verdict.chiSquared) > 0
      && Number.isFinite(Number(entry.verdict.chiSquared)));
    /// Shapes beside colours, for eyes and printers that do not tell them apart.
    const shapes = {
      pass: (x, y, r) => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`,
      warn: (x, y, r) => `M${x} ${y - 1.3 * r}l${1.3 * r} ${2.3 * r}h${-2.6 * r}Z`,
      fail: (x, y, r) => `M${x - r} ${y - r}h${2 * r}v${2 * r}h${-2 * r}Z`,
    };

    function drawChart() {
      const box = element("chart");
      const w = Math.max(320, Math.round(box.clientWidth)), h = 230;
      if (!chart || chart.w !== w) {
        chart = buildChart(w, h);
        box.replaceChildren(chart.drawing);
      }
      const entry = figures.get(state.slice);
      const x = chart.x(state.slice);
      chart.cursor.setAttribute("transform", `translate(${x} 0)`);
      const value = Number(entry.verdict.chiSquared);
      chart.selected.setAttribute("d", value > 0 && Number.isFinite(value)
        ? shapes[entry.verdict.status](x, chart.y(value), 5.5) : "");
      chart.selected.setAttribute("class", `selected ${entry.verdict.status}`);
      chart.drawing.setAttribute("aria-valuenow", state.slice + 1);
      chart.drawing.setAttribute("aria-valuetext",
        `Slice ${state.slice + 1}: reduced chi squared ${format(value, 3)}, ${words[entry.verdict.status]}`);
      describe(entry);
    }

    function describe(entry) {
      const { verdict } = entry;
      element("chart-readout").textContent = `Slice ${entry.index + 1}: χ² ${format(verdict.chiSquared, 3)}`
        + (verdict.reference ? `, ${verdict.reference.method} ${format(verdict.reference.chiSquared, 3)}` : "")
        + `, interval ${format(verdict.interval.lower, 3)} to ${format(verdict.interval.upper, 3)}, `
        + words[verdict.status].toLowerCase();
    }

    function buildChart(w, h) {
      const left = 46, right = w - 12, top = 10, bottom = h - 34;
      const drawing = make("svg:svg", { class: "plot", viewBox: `0 0 ${w} ${h}`, tabindex: 0, "data-arrows": true,
        role: "slider", "aria-label": "Slice, by reduced chi squared", "aria-valuemin": 1, "aria-valuemax": run.sliceCount });
      const first = run.slices[0].index, last = run.slices[run.slices.length - 1].index;
      const x = index => last === first ? (left + right) / 2
        : left + 10 + (right - left - 20) * (index - first) / (last - first);
      const all = entries.flatMap(({ verdict }) => [verdict.chiSquared, verdict.interval.lower, verdict.interval.upper,
        verdict.reference ? verdict.reference.chiSquared : 1].map(Number)).filter(v => v > 0 && Number.isFinite(v));
      let low = all.reduce((a, b) => Math.min(a, b), 0.9), high = all.reduce((a, b) => Math.max(a, b), 1.1);
      const logarithmic = high / low > 1.8;
      if (logarithmic) { low *= 0.94; high *= 1.08; } else { const pad = 0.08 * (high - low); low = Math.max(0, low - pad); high += pad; }
      const y = v => bottom - (bottom - top) * (logarithmic ? Math.log(v / low) / Math.log(high / low) : (v - low) / (high - low));

      const levels = logarithmic
        ? [-3, -2, -1, 0, 1, 2, 3, 4, 5, 6].flatMap(e => (high / low > 20 ? [1, 2, 5] : [1, 1.2, 1.5, 2, 3, 4, 5, 7]).map(m => m * 10 ** e)).filter(v => v >= low && v <= high)
        : ticks(low, high, 5);
      for (const v of levels) {
        drawing.append(make("svg:line", { class: v === 1 ? "grid one" : "grid", x1: left, x2: right, y1: y(v), y2: y(v) }),
          make("svg:text", { x: left - 7, y: y(v) + 3.5, "text-anchor": "end" }, plain(v)));
      }
      if (!levels.includes(1)) drawing.append(make("svg:line", { class: "grid one", x1: left, x2: right, y1: y(1), y2: y(1) }));
      const whole = ticks(first + 1, last + 1, Math.min(12, w / 80)).filter(Number.isInteger);
      for (const number of whole) {
        drawing.append(make("svg:text", { x: x(number - 1), y: bottom + 16, "text-anchor": "middle" }, String(number)));
      }
      drawing.append(make("svg:text", { class: "title", x: (left + right) / 2, y: h - 3, "text-anchor": "middle" }, "slice"));

      // The band may differ from slice to slice; a lone slice gets one as wide as its mark.
      const reach = entries.length > 1 ? 0 : 12;
      const banded = entries.filter(({ verdict }) => Number(verdict.interval.lower) > 0 && Number(verdict.interval.upper) > 0);
      if (banded.length) {
        const along = (edge, dx) => banded.map(e => `${x(e.index) + dx} ${y(e.verdict.interval[edge])}`);
        const up = [...along("upper", -reach), ...(reach ? along("upper", reach) : [])];
        const down = [...along("lower", -reach), ...(reach ? along("lower", reach) : [])].reverse();
        drawing.append(make("svg:path", { class: "band", d: `M${up.join("L")}L${down.join("L")}Z` }));
      }
      const many = entries.length > 400, r = many ? 1.6 : entries.length > 120 ? 2.4 : 3.6;
      const referenced = entries.filter(e => e.verdict.reference && Number(e.verdict.reference.chiSquared) > 0);
      if (referenced.length) {
        drawing.append(make("svg:path", { class: "reference", d: referenced.map(e => {
          const [cx, cy] = [x(e.index), y(e.verdict.reference.chiSquared)];
          return `M${cx} ${cy - r}l${r} ${r}-${r} ${r}-${r}-${r}Z`;
        }).join("") }));
      }
      if (!many && entries.length > 1) drawing.append(make("svg:path", { class: "trace", d: "M" + entries.map(e => `${x(e.index)} ${y(e.verdict.chiSquared)}`).join("L") }));
      for (const status of ["pass", "warn", "fail"]) {
        const d = entries.filter(e => e.verdict.status === status)
          .map(e => shapes[status](x(e.index), y(e.verdict.chiSquared), r)).join("");
        if (d) drawing.append(make("svg:path", { class: status, d }));
      }
      // Which slices can be looked at in this page.
      if (run.embedded.length < run.slices.length) {
        drawing.append(make("svg:path", { class: "embedded",
          d: run.embedded.map(index => `M${x(index)} ${bottom}v5`).join("") }));
      }
      drawing.append(make("svg:line", { class: "frame", x1: left, x2: right, y1: bottom, y2: bottom }),
        make("svg:text", { class: "title", x: left + 2, y: top + 2 }, logarithmic ? "χ², logarithmic" : "χ²"));
      const cursor = make("svg:line", { class: "cursor", x1: 0, x2: 0, y1: top, y2: bottom });
      const selected = make("svg:path", { class: "selected", d: "" });
      drawing.append(cursor, selected);

      const nearest = event => {
        const box = drawing.getBoundingClientRect();
        const at = (event.clientX - box.left) * w / box.width;
        return run.slices.reduce((best, e) => Math.abs(x(e.index) - at) < Math.abs(x(best.index) - at) ? e : best);
      };
      drawing.addEventListener("click", event => show(nearest(event).index));
      drawing.addEventListener("pointermove", event => describe(nearest(event)));
      drawing.addEventListener("pointerleave", () => describe(figures.get(state.slice)));
      drawing.addEventListener("keydown", event => {
        const place = run.slices.findIndex(e => e.index === state.slice), end = run.slices.length - 1;
        const to = { ArrowLeft: place - 1, ArrowDown: place - 1, ArrowRight: place + 1, ArrowUp: place + 1,
          PageUp: place + 10, PageDown: place - 10, Home: 0, End: end }[event.key];
        if (to === undefined) return;
        event.preventDefault();
        show(run.slices[clamp(to, 0, end)].index);
      });
      buildLegend(referenced.length > 0);
      return { drawing, w, x, y, cursor, selected };
    }

    function buildLegend(referenced) {
      const key = (name, ...shape) => make("span", {}, make("svg:svg", { class: "plot", viewBox: "0 0 14 14", "aria-hidden": "true" }, ...shape), name);
      const present = status => run.slices.some(e => e.verdict.status === status);
      const reference = run.slices.find(e => e.verdict.reference);
      const confidence = run.slices[0].verdict.confidence;
      element("chart-legend").replaceChildren(
        ...["pass", "warn", "fail"].filter(present).map(status =>
          key(words[status], make("svg:path", { class: status, d: shapes[status](7, 7, 4) }))),
        ...(referenced ? [key(`${reference.verdict.reference.method}, same data`,
          make("svg:path", { class: "reference", d: "M7 3l4 4-4 4-4-4Z" }))] : []),
        key(`${percent(confidence)} interval`, make("svg:rect", { class: "band", x: 0, y: 2, width: 14, height: 10 })),
        ...(run.embedded.length < run.slices.length
          ? [key("pixels in this page", make("svg:path", { class: "embedded", d: "M7 4v6" }))] : []));
    }
    """#

  static let residual = #"""
    const residualReach = 5;
    let residualPicture = null;

    function drawResidual() {
      const residual = content && content.residual;
      element("residual-card").hidden = !residual;
      if (!residual) return;
      const box = element("residual");
      const w = Math.max(420, Math.round(box.clientWidth));
      const key = `${state.slice} ${w}`;
      if (!residualPicture || residualPicture.key !== key) {
        residualPicture = buildResidual(residual, w, key);
        box.replaceChildren(residualPicture.canvas, residualPicture.drawing);
        drawHistogram(residual);
      }
      residualPicture.mark(selectedRay);
      describeRay(residual, selectedRay);
    }

    function rayValue(residual, view, bin) {
      const row = Math.floor(view / residual.viewReduction), column = Math.floor(bin / residual.binReduction);
      return residual.values[row * residual.columns + column];
    }
    function describeRay(residual, ray) {
      const rms = Math.sqrt(residual.viewChiSquared.reduce((a, b) => a + Number(b), 0) / residual.viewChiSquared.length);
      let text = `${residual.views} views × ${residual.bins} bins, root mean square ${format(rms, 3)} σ`;
      if (residual.viewReduction * residual.binReduction > 1) {
        text += `; shown reduced ${residual.viewReduction} × ${residual.binReduction}, noise kept at 1 σ`;
      }
      if (ray) {
        text = `View ${ray.view + 1}, ${plain(residual.degrees[ray.view])}°: χ² ${format(residual.viewChiSquared[ray.view], 3)}`;
        if (ray.bin !== undefined) {
          const value = ray.residual === undefined ? rayValue(residual, ray.view, ray.bin) : ray.residual;
          text += `; bin ${ray.bin + 1}: ${signed(value, 3)} σ`;
        }
      }
      element("residual-readout").textContent = text;
    }

    /// Views at round angles where the angles grow evenly, otherwise some of them.
    function labelledViews(degrees) {
      const last = degrees.length - 1, range = degrees[last] - degrees[0];
      const step = [1, 2, 5, 10, 15, 30, 45, 90, 180, 360].find(s => Math.abs(range) / s <= 7);
      const round = degrees.map((_, view) => view).filter(view => step && range !== 0
        && Math.abs(degrees[view] / step - Math.round(degrees[view] / step)) < 1e-6);
      if (round.length >= 3 && round.length <= 8) return round;
      const count = Math.min(7, degrees.length);
      return Array.from({ length: count }, (_, k) => count === 1 ? 0 : Math.round(k * last / (count - 1)));
    }

    function buildResidual(residual, w, key) {
      const left = 52, top = 8, h = 300, bottom = h - 36;
      const barAt = w - 44, profileRight = barAt - 18, profileLeft = profileRight - 96, right = profileLeft - 12;
      const wide = right - left, tall = bottom - top;
      const canvas = make("canvas", { class: "residual-pixels", width: residual.columns, height: residual.rows, "aria-hidden": "true" });
      const pen = canvas.getContext("2d");
      const image = pen.createImageData(residual.columns, residual.rows);
      paint(residual.values, image, "diverging", 0, 2 * residualReach);
      pen.putImageData(image, 0, 0);
      Object.assign(canvas.style, {
        left: `${100 * left / w}%`, top: `${100 * top / h}%`, width: `${100 * wide / w}%`, height: `${100 * tall / h}%`,
      });
      // Magnified samples keep their edges; reduced ones are averaged, not dropped.
      canvas.classList.toggle("magnified", residual.columns <= wide && residual.rows <= tall);

      const drawing = make("svg:svg", { class: "plot", viewBox: `0 0 ${w} ${h}`, role: "img",
        "aria-label": `Residual sinogram of slice ${state.slice + 1}, ${residual.views} views by ${residual.bins} bins` });
      const x = bin => left + wide * (bin + 0.5) / residual.bins;
      const y = view => top + tall * (view + 0.5) / residual.views;
      drawing.append(make("svg:rect", { class: "frame", x: left, y: top, width: wide, height: tall }));
      for (const bin of ticks(1, residual.bins, wide / 90).filter(Number.isInteger)) {
        drawing.append(make("svg:line", { class: "frame", x1: x(bin - 1), x2: x(bin - 1), y1: bottom, y2: bottom + 4 }),
          make("svg:text", { x: x(bin - 1), y: bottom + 16, "text-anchor": "middle" }, String(bin)));
      }
      drawing.append(make("svg:text", { class: "title", x: left + wide / 2, y: h - 3, "text-anchor": "middle" }, "detector bin"));
      for (const view of labelledViews(residual.degrees.map(Number))) {
        drawing.append(make("svg:line", { class: "frame", x1: left - 4, x2: left, y1: y(view), y2: y(view) }),
          make("svg:text", { x: left - 7, y: y(view) + 3.5, "text-anchor": "end" }, `${Number(Number(residual.degrees[view]).toFixed(1))}°`.replace("-", "−")));
      }

      // χ² of every view beside its row, with the interval of a mean of `bins` squared normal values.
      const chi = residual.viewChiSquared.map(Number);
      const spread = 2.576 * Math.sqrt(2 / residual.bins);
      const most = Math.max(1 + 2 * spread, ...chi.filter(Number.isFinite)) * 1.06;
      const px = v => profileLeft + (profileRight - profileLeft) * clamp(v / most, 0, 1);
      drawing.append(make("svg:rect", { class: "band", x: px(1 - spread), y: top, width: px(1 + spread) - px(1 - spread), height: tall }),
        make("svg:line", { class: "grid one", x1: px(1), x2: px(1), y1: top, y2: bottom }),
        make("svg:path", { class: "profile", d: `M${px(0)} ${top}` + chi.map((v, view) =>
          `L${px(v)} ${top + tall * view / chi.length}L${px(v)} ${top + tall * (view + 1) / chi.length}`).join("") + `L${px(0)} ${bottom}Z` }),
        make("svg:line", { class: "frame", x1: profileLeft, x2: profileLeft, y1: top, y2: bottom }));
      for (const v of ticks(0, most, 3)) {
        drawing.append(make("svg:text", { x: px(v), y: bottom + 16, "text-anchor": "middle" }, String(Number(v.toFixed(2)))));
      }
      drawing.append(make("svg:text", { class: "title", x: (profileLeft + profileRight) / 2, y: h - 3, "text-anchor": "middle" }, "χ² per view"));

      // Colour bar, drawn as a gradient of the same palette.
      const gradient = make("svg:linearGradient", { id: "residual-colours", x1: 0, y1: 1, x2: 0, y2: 0 });
      const bytes = new Uint8Array(palettes.diverging.buffer);
      for (let j = 0; j <= 32; j++) {
        const k = 4 * Math.round(255 * j / 32);
        gradient.append(make("svg:stop", { offset: `${100 * j / 32}%`, "stop-color": `rgb(${bytes[k]} ${bytes[k + 1]} ${bytes[k + 2]})` }));
      }
      drawing.append(make("svg:defs", {}, gradient),
        make("svg:rect", { class: "scale", x: barAt, y: top, width: 10, height: tall }));
      for (const v of [-residualReach, 0, residualReach]) {
        drawing.append(make("svg:text", { x: barAt + 15, y: top + tall * (1 - (v + residualReach) / (2 * residualReach)) + (v < 0 ? 0 : v > 0 ? 8 : 3.5) },
          v === 0 ? "0" : `${v > 0 ? "+" : "−"}${Math.abs(v)} σ`));
      }

      const verdict = figures.get(state.slice).verdict;
      for (const view of verdict.worstViews) {
        drawing.append(make("svg:path", { class: "pointer", d: `M${right + 10} ${y(view.index) - 3.5}v7l-6-3.5Z` }));
      }
      for (const ray of verdict.worstRays) {
        drawing.append(make("svg:circle", { class: "ring", cx: x(ray.bin), cy: y(ray.view), r: 6 }));
      }
      const across = make("svg:line", { class: "cursor", x1: left, x2: profileRight }), down = make("svg:line", { class: "cursor", y1: top, y2: bottom });
      drawing.append(across, down);
      const mark = ray => {
        across.setAttribute("visibility", ray ? "visible" : "hidden");
        down.setAttribute("visibility", ray && ray.bin !== undefined ? "visible" : "hidden");
        if (!ray) return;
        across.setAttribute("y1", y(ray.view));
        across.setAttribute("y2", y(ray.view));
        if (ray.bin === undefined) return;
        down.setAttribute("x1", x(ray.bin));
        down.setAttribute("x2", x(ray.bin));
      };
      drawing.addEventListener("pointermove", event => {
        const box = drawing.getBoundingClientRect();
        const at = { x: (event.clientX - box.left) * w / box.width, y: (event.clientY - box.top) * h / box.height };
        const view = Math.floor(residual.views * (at.y - top) / tall), bin = Math.floor(residual.bins * (at.x - left) / wide);
        const inside = view >= 0 && view < residual.views && bin >= 0;
        const ray = inside ? { view, bin: bin < residual.bins ? bin : undefined } : selectedRay;
        mark(ray);
        describeRay(residual, ray);
      });
      drawing.addEventListener("pointerleave", () => { mark(selectedRay); describeRay(residual, selectedRay); });
      return { key, canvas, drawing, mark };
    }

    /// Residuals against the normal density that they should have.
    function drawHistogram(residual) {
      const { counts, outside } = residual.histogram;
      const total = counts.reduce((a, b) => a + b, outside);
      const box = element("histogram");
      const w = Math.max(240, Math.round(box.clientWidth)), h = 300, left = 12, right = w - 12, top = 26, bottom = h - 36, step = 10 / counts.length;
      const density = counts.map(count => count / Math.max(1, total) / step);
      const normal = z => Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI);
      const most = Math.max(normal(0), ...density) * 1.05;
      const x = z => left + (right - left) * (z + 5) / 10, y = d => bottom - (bottom - top) * d / most;
      const drawing = make("svg:svg", { class: "plot", viewBox: `0 0 ${w} ${h}`, role: "img",
        "aria-label": "Histogram of the residuals with the standard normal density" });
      drawing.append(make("svg:path", { class: "bars", d: density.map((d, i) =>
        d > 0 ? `M${x(i * step - 5) + 0.5} ${bottom}V${y(d)}H${x((i + 1) * step - 5) - 0.5}V${bottom}Z` : "").join("") }));
      let curve = "";
      for (let z = -5; z <= 5.001; z += 0.1) curve += `${curve ? "L" : "M"}${x(z)} ${y(normal(z))}`;
      drawing.append(make("svg:path", { class: "normal", d: curve }),
        make("svg:line", { class: "frame", x1: left, x2: right, y1: bottom, y2: bottom }));
      for (let z = -4; z <= 4; z += 2) {
        drawing.append(make("svg:line", { class: "frame", x1: x(z), x2: x(z), y1: bottom, y2: bottom + 4 }),
          make("svg:text", { x: x(z), y: bottom + 16, "text-anchor": "middle" }, String(z).replace("-", "−")));
      }
      drawing.append(
        make("svg:text", { class: "title", x: (left + right) / 2, y: h - 3, "text-anchor": "middle" }, "residual in σ, with the standard normal"),
        make("svg:text", { class: "title", x: right, y: top - 12, "text-anchor": "end" }, outside === 0 ? "none beyond ±5 σ" : `${outside} beyond ±5 σ`));
      box.replaceChildren(drawing);
    }
    """#
}
