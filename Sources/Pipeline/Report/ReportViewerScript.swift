/// The slice viewer: panels side by side that share slice, window, zoom and cursor.
enum ReportViewerScript {
  static let viewer = #"""
    const state = {
      slice: run.slices.length ? run.slices[0].index : 0,
      windows: new Map(), group: null,
      zoom: 1, x: 0.5, y: 0.5,
      probe: null, hovered: null, solo: null,
      difference: false, minuend: 0, subtrahend: 1, smooth: true,
    };
    let content = null;
    let tiles = [];
    let selectedRay = null;

    function shownPanels() {
      if (!content) return [];
      const panels = [...content.panels];
      const [a, b] = [content.panels[state.minuend], content.panels[state.subtrahend]];
      if (state.difference && comparable(a, b)) panels.push(differenceOf(a, b));
      return panels;
    }
    const comparable = (a, b) =>
      a && b && a !== b && a.unit === b.unit && a.rows === b.rows && a.columns === b.columns;

    function windowOf(panel) {
      if (!state.windows.has(panel.group)) state.windows.set(panel.group, { ...panel.window });
      return state.windows.get(panel.group);
    }

    /// Goes to a slice, counted from 0; one without pixels shows its figures only.
    function show(index) {
      const entry = figures.get(index);
      if (!entry) return;
      state.slice = index;
      content = pixelsOf(index);
      selectedRay = null;
      if (content && !comparable(content.panels[state.minuend], content.panels[state.subtrahend])) {
        chooseComparable();
      }
      element("absent").hidden = content !== null;
      element("panels").hidden = content === null;
      element("absent").textContent =
        `The pixels of slice ${index + 1} are not in this page; they are in the output volume.`;
      buildTiles();
      updateControls();
      drawVerdict(entry);
      element("announcement").textContent = `Slice ${index + 1}: ${words[entry.verdict.status]}`;
      drawChart();
      drawResidual();
      writeFragment();
    }

    function chooseComparable() {
      for (let a = content.panels.length - 1; a > 0; a--) {
        for (let b = 0; b < a; b++) {
          if (content.panels[a].palette === "gray" && comparable(content.panels[a], content.panels[b])) {
            state.minuend = a;
            state.subtrahend = b;
          }
        }
      }
    }

    /// The embedded slice `step` places away.
    function stepSlice(step) {
      const list = run.embedded;
      if (!list.length) return;
      let place = list.indexOf(state.slice);
      if (place < 0) {
        const after = list.findIndex(index => index > state.slice);
        place = step > 0 ? (after < 0 ? list.length - 1 : after) - 1 : after < 0 ? list.length : after;
      }
      show(list[clamp(place + step, 0, list.length - 1)]);
    }

    function buildTiles() {
      const panels = shownPanels();
      const names = panels.map(panel => panel.name).join("\n");
      if (element("panels").dataset.names !== names) {
        element("panels").dataset.names = names;
        if (state.solo !== null && state.solo >= panels.length) state.solo = null;
        const focused = tiles.findIndex(tile => tile.canvas === document.activeElement);
        tiles = panels.map((panel, index) => makeTile(panel, index));
        element("panels").replaceChildren(...tiles.map(tile => tile.figure));
        if (tiles[focused]) tiles[focused].canvas.focus({ preventScroll: true });
      }
      tiles.forEach((tile, index) => {
        tile.panel = panels[index];
        tile.painted = null;
      });
      if (panels.length && !panels.some(panel => panel.group === state.group)) state.group = panels[0].group;
      layOut();
    }

    function makeTile(panel, index) {
      const tile = { panel, index, painted: null, source: document.createElement("canvas") };
      tile.canvas = make("canvas", { tabindex: 0, role: "img" });
      tile.name = make("span", { class: "corner top left" }, panel.name);
      tile.window = make("span", { class: "corner bottom right" });
      tile.readout = make("output", { class: "corner bottom left" });
      tile.enlarge = make("button", {
        type: "button", class: "enlarge", "aria-label": `Enlarge ${panel.name}`, title: "Enlarge (Enter)",
        onclick: () => toggleSolo(index),
      }, "⤢");
      tile.figure = make("figure", { class: "tile", title: panel.meaning || null },
        tile.canvas, tile.name, tile.enlarge, tile.readout, tile.window);
      connectPointer(tile);
      return tile;
    }

    function toggleSolo(index) {
      state.solo = state.solo === null ? index : null;
      layOut();
    }

    /// Chooses the number of columns that makes the pictures largest.
    function layOut() {
      const box = element("panels");
      if (!tiles.length || box.hidden) return;
      const visible = tiles.filter(tile => state.solo === null || tile.index === state.solo);
      tiles.forEach(tile => { tile.figure.hidden = !visible.includes(tile); });
      const gap = 2, width = box.clientWidth;
      const tall = Math.max(380, innerHeight - 190);
      const aspect = tiles[0].panel.rows / tiles[0].panel.columns;
      let best = { score: 0, columns: 1, ratio: 1 / aspect };
      for (let columns = width < 600 ? 1 : visible.length; columns > 0; columns--) {
        const rows = Math.ceil(visible.length / columns);
        const w = (width - gap * (columns - 1)) / columns;
        const h = width < 600
          ? w * aspect : Math.max(230, Math.min(w * aspect, (tall - gap * (rows - 1)) / rows));
        // Empty places count against it, and a little more size is not worth a longer page.
        const score = Math.min(w, h / aspect) * (1 - 0.3 * (1 - visible.length / (rows * columns)));
        if (score > best.score * 1.08) best = { score, columns, ratio: w / h };
      }
      if (root.classList.contains("paper")) {
        best = { columns: Math.min(2, visible.length), ratio: 1.3 / aspect };
      }
      box.style.setProperty("--columns", best.columns);
      box.style.setProperty("--ratio", best.ratio);
      draw();
    }

    let scheduled = false;
    function schedule() {
      if (scheduled) return;
      scheduled = true;
      requestAnimationFrame(() => { scheduled = false; draw(); });
    }

    function draw() {
      for (const tile of tiles) if (!tile.figure.hidden) drawTile(tile);
      element("zoom-value").textContent = `${Math.round(100 * state.zoom)} %`;
    }

    /// Where the picture lies in the canvas, in device pixels.
    function placement(tile) {
      const { canvas, panel } = tile;
      const scale = state.zoom * Math.min(canvas.width / panel.columns, canvas.height / panel.rows);
      return {
        scale,
        left: canvas.width / 2 - state.x * panel.columns * scale,
        top: canvas.height / 2 - state.y * panel.rows * scale,
      };
    }

    function drawTile(tile) {
      const { canvas, source, panel } = tile;
      const ratio = root.classList.contains("paper") ? 3 : devicePixelRatio || 1;
      const w = Math.round(canvas.clientWidth * ratio), h = Math.round(canvas.clientHeight * ratio);
      if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
      const { level, width } = windowOf(panel);
      const key = `${state.slice} ${level} ${width}`;
      if (tile.painted !== key) {
        source.width = panel.columns;
        source.height = panel.rows;
        const pen = source.getContext("2d");
        const image = pen.createImageData(panel.columns, panel.rows);
        paint(panel.values, image, panel.palette, level, width);
        pen.putImageData(image, 0, 0);
        tile.painted = key;
      }
      const pen = canvas.getContext("2d");
      pen.fillStyle = "#000";
      pen.fillRect(0, 0, w, h);
      const { scale, left, top } = placement(tile);
      pen.imageSmoothingEnabled = state.smooth || scale < 1;
      pen.imageSmoothingQuality = "high";
      pen.drawImage(source, left, top, panel.columns * scale, panel.rows * scale);
      if (state.probe && state.hovered !== tile) drawCross(pen, tile, ratio);
      drawColourBar(pen, panel, level, width, w, h, ratio);
      drawScaleBar(pen, panel, scale, w, h, ratio);
      tile.figure.classList.toggle("active", panel.group === state.group);
      tile.window.textContent = `L ${plain(level)}  W ${plain(width)}` + (panel.unit ? `  ${panel.unit}` : "");
      canvas.setAttribute("aria-label",
        `${panel.name}, slice ${state.slice + 1}, values from ${format(panel.range[0])} to `
        + withUnit(format(panel.range[1]), panel.unit));
      updateReadout(tile);
    }

    function drawCross(pen, tile, ratio) {
      const { scale, left, top } = placement(tile);
      const x = left + (state.probe.column + 0.5) * scale, y = top + (state.probe.row + 0.5) * scale;
      const inner = Math.max(4 * ratio, scale), outer = inner + 7 * ratio;
      for (const [colour, thick] of [["rgba(0,0,0,.75)", 3], ["#7fd0ff", 1.25]]) {
        pen.strokeStyle = colour;
        pen.lineWidth = thick * ratio;
        pen.beginPath();
        for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
          pen.moveTo(x + dx * inner, y + dy * inner);
          pen.lineTo(x + dx * outer, y + dy * outer);
        }
        pen.stroke();
      }
    }

    function label(pen, text, x, y, ratio, align) {
      pen.font = `${10.5 * ratio}px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace`;
      pen.textAlign = align;
      pen.textBaseline = "middle";
      const wide = pen.measureText(text).width + 6 * ratio, tall = 14 * ratio;
      pen.fillStyle = "rgba(0,0,0,.55)";
      pen.fillRect(align === "right" ? x - wide + 3 * ratio : x - wide / 2, y - tall / 2, wide, tall);
      pen.fillStyle = "#c9d3db";
      pen.fillText(text, x, y);
    }

    function drawColourBar(pen, panel, level, width, w, h, ratio) {
      const tall = Math.round(h * 0.46), thick = Math.round(8 * ratio);
      const x = w - Math.round(20 * ratio), top = Math.round((h - tall) / 2);
      const bar = document.createElement("canvas");
      bar.width = 1;
      bar.height = 256;
      const image = bar.getContext("2d").createImageData(1, 256);
      paint(Float32Array.from({ length: 256 }, (_, j) => 255 - j), image, panel.palette, 127.5, 255);
      bar.getContext("2d").putImageData(image, 0, 0);
      pen.imageSmoothingEnabled = false;
      pen.drawImage(bar, x, top, thick, tall);
      pen.strokeStyle = "rgba(201,211,219,.55)";
      pen.lineWidth = ratio;
      pen.strokeRect(x - 0.5 * ratio, top - 0.5 * ratio, thick + ratio, tall + ratio);
      const decimals = clamp(2 - Math.floor(Math.log10(width)), 0, 12);
      for (const t of [0, 0.5, 1]) {
        const value = level + (0.5 - t) * width;
        label(pen, decimals > 7 ? format(value, 3) : value.toFixed(decimals).replace("-", "−"), x - 5 * ratio, top + t * tall, ratio, "right");
      }
    }

    function drawScaleBar(pen, panel, scale, w, h, ratio) {
      if (!run.spacing) return;
      const millimetre = scale / (run.spacing * panel.reduction);
      const want = 0.2 * w / millimetre;
      const power = 10 ** Math.floor(Math.log10(want));
      const length = [5, 2, 1].map(m => m * power).find(m => m <= want) || power;
      const x = w - 12 * ratio - length * millimetre, y = h - 12 * ratio, foot = 4 * ratio;
      for (const [colour, thick] of [["rgba(0,0,0,.85)", 3.5], ["#c9d3db", 1.25]]) {
        pen.strokeStyle = colour;
        pen.lineWidth = thick * ratio;
        pen.beginPath();
        pen.moveTo(x, y - foot);
        pen.lineTo(x, y);
        pen.lineTo(x + length * millimetre, y);
        pen.lineTo(x + length * millimetre, y - foot);
        pen.stroke();
      }
      label(pen, `${plain(length)} mm`, x + length * millimetre / 2, y - 10 * ratio, ratio, "center");
    }

    const sample = make("canvas", { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
    /// Says what lies under the cursor; what the canvas shows there goes into the element's data.
    function updateReadout(tile) {
      const { panel, readout, canvas } = tile;
      if (!state.probe) {
        readout.textContent = `${format(panel.range[0])} … ${withUnit(format(panel.range[1]), panel.unit)}`;
        for (const name of ["row", "column", "value", "colour"]) delete readout.dataset[name];
        return;
      }
      const { row, column } = state.probe;
      const value = panel.values[row * panel.columns + column];
      let text = `row ${row * panel.reduction + 1}  col ${column * panel.reduction + 1}   `;
      text += Number.isFinite(value) ? withUnit(format(value), panel.unit) : "no value";
      if (run.water && panel.unit === "1/mm" && panel.palette === "gray" && Number.isFinite(value)) {
        text += `   ${format(1000 * (value - run.water) / run.water, 3)} HU`;
      }
      readout.textContent = text;
      Object.assign(readout.dataset, { row, column, value });
      if (state.hovered) return;
      const { scale, left, top } = placement(tile);
      const x = Math.floor(left + (column + 0.5) * scale), y = Math.floor(top + (row + 0.5) * scale);
      sample.drawImage(canvas, x, y, 1, 1, 0, 0, 1, 1);
      readout.dataset.colour = [...sample.getImageData(0, 0, 1, 1).data.slice(0, 3)].join(" ");
    }

    function zoomBy(factor, tile, event) {
      const zoom = clamp(state.zoom * factor, 0.5, 40);
      if (tile && event) {
        // The point under the cursor stays where it is.
        const at = pointIn(tile, event);
        const ratio = state.zoom / zoom;
        state.x = at.x + (state.x - at.x) * ratio;
        state.y = at.y + (state.y - at.y) * ratio;
      }
      state.zoom = zoom;
      settleView();
    }
    function panBy(dx, dy) {
      state.x += dx;
      state.y += dy;
      settleView();
    }
    function settleView() {
      state.x = clamp(state.x, 0, 1);
      state.y = clamp(state.y, 0, 1);
      schedule();
      writeFragment();
    }
    function fit() {
      Object.assign(state, { zoom: 1, x: 0.5, y: 0.5 });
      settleView();
    }

    /// The point of the picture under the pointer, as fractions of its width and height.
    function pointIn(tile, event) {
      const box = tile.canvas.getBoundingClientRect();
      const ratio = tile.canvas.width / box.width;
      const { scale, left, top } = placement(tile);
      return {
        x: ((event.clientX - box.left) * ratio - left) / (tile.panel.columns * scale),
        y: ((event.clientY - box.top) * ratio - top) / (tile.panel.rows * scale),
      };
    }

    function setWindow(group, level, width) {
      const panel = shownPanels().find(panel => panel.group === group);
      if (!panel || !Number.isFinite(level) || !Number.isFinite(width)) return;
      state.windows.set(group, { level, width: Math.max(width, 1e-6 * panel.window.width, 1e-30) });
      state.group = group;
      schedule();
      updateWindowControls();
      writeFragment();
    }

    function connectPointer(tile) {
      const { canvas } = tile;
      const pointers = new Map();
      let before = null;
      canvas.addEventListener("contextmenu", event => event.preventDefault());
      canvas.addEventListener("pointerdown", event => {
        canvas.focus({ preventScroll: true });
        canvas.setPointerCapture(event.pointerId);
        pointers.set(event.pointerId, event);
        before = { ...windowOf(tile.panel), x: event.clientX, y: event.clientY, moved: false };
        if (state.group !== tile.panel.group) {
          state.group = tile.panel.group;
          updateWindowControls();
          schedule();
        }
        event.preventDefault();
      });
      canvas.addEventListener("pointermove", event => {
        const earlier = pointers.get(event.pointerId);
        if (earlier) {
          const dx = event.clientX - earlier.clientX, dy = event.clientY - earlier.clientY;
          pointers.set(event.pointerId, event);
          if (pointers.size === 2) {
            const [one, two] = [...pointers.values()];
            const other = one === event ? two : one;
            const now = Math.hypot(event.clientX - other.clientX, event.clientY - other.clientY);
            const then = Math.hypot(earlier.clientX - other.clientX, earlier.clientY - other.clientY);
            drag(tile, dx / 2, dy / 2);
            if (then > 0) zoomBy(now / then, tile, event);
          } else if (event.shiftKey || event.buttons & 6) {
            drag(tile, dx, dy);
          } else if (before) {
            const unit = tile.panel.window.width / 300;
            setWindow(tile.panel.group, before.level - (event.clientY - before.y) * unit,
              before.width + 2 * (event.clientX - before.x) * unit);
          }
        }
        const at = pointIn(tile, event);
        const inside = at.x >= 0 && at.x < 1 && at.y >= 0 && at.y < 1;
        state.hovered = inside ? tile : null;
        state.probe = inside
          ? { row: Math.floor(at.y * tile.panel.rows), column: Math.floor(at.x * tile.panel.columns) } : null;
        schedule();
      });
      for (const name of ["pointerup", "pointercancel"]) {
        canvas.addEventListener(name, event => { pointers.delete(event.pointerId); before = null; });
      }
      canvas.addEventListener("pointerleave", () => {
        state.hovered = state.probe = null;
        schedule();
      });
      canvas.addEventListener("dblclick", fit);
      let turned = 0;
      canvas.addEventListener("wheel", event => {
        event.preventDefault();
        if (event.ctrlKey || event.metaKey) {
          zoomBy(Math.exp(-event.deltaY / 300), tile, event);
          return;
        }
        // A notch of a wheel is about 100; a trackpad sends many small ones.
        turned += event.deltaMode === 1 ? event.deltaY * 33 : event.deltaY;
        if (Math.abs(turned) >= 40) {
          stepSlice(Math.sign(turned));
          turned = 0;
        }
      }, { passive: false });
    }
    function drag(tile, dx, dy) {
      const ratio = tile.canvas.width / tile.canvas.getBoundingClientRect().width;
      const { scale } = placement(tile);
      panBy(-dx * ratio / (tile.panel.columns * scale), -dy * ratio / (tile.panel.rows * scale));
    }
    """#

  static let controls = #"""
    function updateControls() {
      const list = run.embedded, slider = element("slice");
      const place = list.indexOf(state.slice);
      slider.max = Math.max(0, list.length - 1);
      slider.disabled = list.length < 2;
      if (place >= 0) slider.value = place;
      const status = figures.get(state.slice).verdict.status;
      slider.setAttribute("aria-valuetext", `Slice ${state.slice + 1}, ${words[status]}`);
      element("slice-name").textContent = `${state.slice + 1} / ${run.sliceCount}`;
      element("previous").disabled = list.length === 0 || state.slice <= list[0];
      element("next").disabled = list.length === 0 || state.slice >= list[list.length - 1];
      const panels = content ? content.panels : [];
      const pairs = panels.some((a, i) => panels.some((b, j) => i < j && comparable(a, b)));
      document.querySelector(".tool.difference").hidden = !pairs;
      document.querySelector(".tool.window").hidden = panels.length === 0;
      document.querySelector(".tool.zoom").hidden = panels.length === 0;
      element("difference").checked = state.difference;
      for (const [id, chosen] of [["minuend", state.minuend], ["subtrahend", state.subtrahend]]) {
        const other = panels[id === "minuend" ? state.subtrahend : state.minuend];
        element(id).replaceChildren(...panels.map((panel, index) => make("option",
          { value: index, selected: index === chosen, disabled: index !== chosen && !comparable(panel, other) },
          panel.name)));
      }
      element("smooth").checked = state.smooth;
      updateWindowControls();
    }

    function presets(panel) {
      const list = [{ name: "Suggested", window: panel.window }];
      if (panel.palette === "gray") list.push(...run.presets);
      const [low, high] = panel.range;
      const reach = Math.max(Math.abs(low), Math.abs(high));
      const whole = panel.palette === "diverging"
        ? { level: 0, width: 2 * reach } : { level: (low + high) / 2, width: high - low };
      if (whole.width > 0) list.push({ name: "All values", window: whole });
      return list;
    }
    const near = (a, b, scale) => Math.abs(a - b) <= 1e-4 * scale;

    function updateWindowControls() {
      const panels = shownPanels();
      const panel = panels.find(panel => panel.group === state.group);
      if (!panel) return;
      const groups = [...new Set(panels.map(panel => panel.group))];
      element("group").replaceChildren(...groups.map(group => make("option",
        { value: group, selected: group === state.group },
        panels.filter(panel => panel.group === group).map(panel => panel.name).join(", "))));
      const { level, width } = windowOf(panel);
      const list = presets(panel);
      const chosen = list.findIndex(({ window }) =>
        near(window.level, level, width) && near(window.width, width, width));
      element("preset").replaceChildren(
        ...list.map(({ name }, index) => make("option", { value: index, selected: index === chosen }, name)),
        ...(chosen < 0 ? [make("option", { value: "", selected: true }, "Custom")] : []));
      for (const [id, value] of [["level", level], ["width", width]]) {
        if (document.activeElement !== element(id)) element(id).value = String(Number(value.toPrecision(5)));
      }
      element("unit").textContent = panel.unit;
    }

    function choosePreset(place) {
      const panel = shownPanels().find(panel => panel.group === state.group);
      const preset = panel && presets(panel)[place];
      if (preset) setWindow(state.group, preset.window.level, preset.window.width);
    }
    function currentWindow() {
      const panel = shownPanels().find(panel => panel.group === state.group);
      return panel ? windowOf(panel) : null;
    }
    function toggleDifference() {
      state.difference = !state.difference;
      state.solo = null;
      buildTiles();
      updateControls();
      writeFragment();
    }
    function toggleSmooth() {
      state.smooth = !state.smooth;
      element("smooth").checked = state.smooth;
      schedule();
      writeFragment();
    }

    function connectControls() {
      element("slice").addEventListener("input", event => show(run.embedded[Number(event.target.value)]));
      element("previous").addEventListener("click", () => stepSlice(-1));
      element("next").addEventListener("click", () => stepSlice(1));
      element("group").addEventListener("change", event => {
        state.group = event.target.value;
        updateWindowControls();
        schedule();
      });
      element("preset").addEventListener("change", event => choosePreset(Number(event.target.value)));
      for (const id of ["level", "width"]) {
        element(id).addEventListener("change", () => {
          const read = name => Number(element(name).value.replace("−", "-").replace(",", "."));
          const [level, width] = [read("level"), read("width")];
          if (Number.isFinite(level) && width > 0) setWindow(state.group, level, width);
          else updateWindowControls();
        });
        element(id).addEventListener("blur", updateWindowControls);
      }
      element("difference").addEventListener("change", toggleDifference);
      for (const id of ["minuend", "subtrahend"]) {
        element(id).addEventListener("change", event => {
          state[id] = Number(event.target.value);
          state.difference = true;
          buildTiles();
          updateControls();
          writeFragment();
        });
      }
      element("zoom-in").addEventListener("click", () => zoomBy(1.25));
      element("zoom-out").addEventListener("click", () => zoomBy(0.8));
      element("fit").addEventListener("click", fit);
      element("smooth").addEventListener("change", toggleSmooth);
      document.addEventListener("keydown", pressKey);
    }

    function pressKey(event) {
      if (event.ctrlKey || event.metaKey || event.altKey || element("keys").open) return;
      const at = document.activeElement;
      if (at && at.matches("input, select, textarea, summary, pre, [data-arrows]")) return;
      const inViewer = element("viewer").contains(at);
      if (pressed(event.key, event.shiftKey, inViewer, at)) event.preventDefault();
    }

    /// Returns whether the key meant something. Single letters work in the viewer only, so that speech
    /// input elsewhere in the page does not set anything off.
    function pressed(key, shift, inViewer, at) {
      const pan = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
      if (pan && shift && inViewer) return panBy(pan[0] * 0.1 / state.zoom, pan[1] * 0.1 / state.zoom), true;
      if (key === "ArrowLeft") return stepSlice(-1), true;
      if (key === "ArrowRight") return stepSlice(1), true;
      if (key === "?") return element("keys").showModal(), true;
      if (!inViewer) return false;
      if (key === "ArrowUp") return stepSlice(-1), true;
      if (key === "ArrowDown") return stepSlice(1), true;
      if (key === "PageUp") return stepSlice(-10), true;
      if (key === "PageDown") return stepSlice(10), true;
      if (key === "Home") return stepSlice(-Infinity), true;
      if (key === "End") return stepSlice(Infinity), true;
      if (key === "+" || key === "=") return zoomBy(1.25), true;
      if (key === "-") return zoomBy(0.8), true;
      if (key === "0") return fit(), true;
      if (/^[1-9]$/.test(key)) return choosePreset(Number(key) - 1), true;
      if (key === "d") return toggleDifference(), true;
      if (key === "s") return toggleSmooth(), true;
      if (key === "t") return toggleTheme(), true;
      if (key === "r") {
        state.windows.clear();
        updateWindowControls();
        schedule();
        writeFragment();
        return true;
      }
      const tile = tiles.find(tile => tile.canvas === at);
      if (key === "Enter" && tile) return toggleSolo(tile.index), tile.canvas.focus(), true;
      if (key === "Escape" && state.solo !== null) return toggleSolo(state.solo), true;
      const window = currentWindow();
      if (window && "[],.".includes(key)) {
        const { level, width } = window;
        const change = { "[": [0, 1 / 1.1], "]": [0, 1.1], ",": [-0.05, 1], ".": [0.05, 1] }[key];
        return setWindow(state.group, level + change[0] * width, width * change[1]), true;
      }
      const move = { i: [-1, 0], k: [1, 0], j: [0, -1], l: [0, 1] }[key];
      if (move && content) {
        const { rows, columns } = content.panels[0];
        const from = state.probe || { row: rows >> 1, column: columns >> 1 };
        state.hovered = null;
        state.probe = {
          row: clamp(from.row + move[0], 0, rows - 1), column: clamp(from.column + move[1], 0, columns - 1),
        };
        return schedule(), true;
      }
      return false;
    }

    // The state is in the address, so that a finding can be sent to a colleague:
    // #slice=3&panel=1&level=40&window=400&zoom=2&x=0.5&y=0.5&probe=120,80&difference=2,1&smooth=0&theme=dark
    let reading = false;
    let pending = 0;
    function readFragment() {
      const fragment = new URLSearchParams(location.hash.slice(1));
      const number = name => fragment.has(name) && fragment.get(name) !== "" ? Number(fragment.get(name)) : NaN;
      const pair = name => (fragment.get(name) || "").split(",").map(Number);
      reading = true;
      if (schemes.includes(fragment.get("theme"))) root.dataset.theme = fragment.get("theme");
      if (fragment.has("smooth")) state.smooth = fragment.get("smooth") !== "0";
      if (number("zoom") > 0) state.zoom = clamp(number("zoom"), 0.5, 40);
      if (Number.isFinite(number("x"))) state.x = clamp(number("x"), 0, 1);
      if (Number.isFinite(number("y"))) state.y = clamp(number("y"), 0, 1);
      const [a, b] = pair("difference");
      state.difference = a > 0 && b > 0 && a !== b;
      if (state.difference) [state.minuend, state.subtrahend] = [a - 1, b - 1];
      let slice = number("slice") - 1;
      if (!figures.has(slice)) {
        // Without a wish: the worst verdict that can be looked at, or else the middle of the stack.
        const rank = { pass: 0, warn: 1, fail: 2 };
        const list = run.embedded.length ? run.embedded : [...figures.keys()];
        const middle = list[list.length >> 1];
        slice = figures.has(state.slice) && content ? state.slice : list.reduce((best, index) =>
          rank[figures.get(index).verdict.status] > rank[figures.get(best).verdict.status] ? index : best, middle);
      }
      show(slice);
      const panel = shownPanels()[(number("panel") || 1) - 1];
      if (panel) {
        const { level, width } = windowOf(panel);
        state.group = panel.group;
        const wanted = [number("level"), number("window")];
        if (wanted.some(Number.isFinite)) {
          setWindow(panel.group, Number.isFinite(wanted[0]) ? wanted[0] : level, wanted[1] > 0 ? wanted[1] : width);
        }
        const [row, column] = pair("probe");
        if (row >= 0 && row < panel.rows && column >= 0 && column < panel.columns) {
          state.hovered = null;
          state.probe = { row: Math.floor(row), column: Math.floor(column) };
        }
      }
      updateControls();
      draw();
      reading = false;
    }

    function writeFragment() {
      if (reading) return;
      clearTimeout(pending);
      pending = setTimeout(() => {
        const parts = [`slice=${state.slice + 1}`];
        const place = shownPanels().findIndex(panel => panel.group === state.group);
        const window = currentWindow();
        if (window) {
          const short = value => Number(value.toPrecision(6));
          parts.push(`panel=${place + 1}`, `level=${short(window.level)}`, `window=${short(window.width)}`);
        }
        if (state.zoom !== 1 || state.x !== 0.5 || state.y !== 0.5) {
          parts.push(`zoom=${state.zoom.toFixed(3)}`, `x=${state.x.toFixed(4)}`, `y=${state.y.toFixed(4)}`);
        }
        if (state.difference) parts.push(`difference=${state.minuend + 1},${state.subtrahend + 1}`);
        if (!state.smooth) parts.push("smooth=0");
        if (root.dataset.theme) parts.push(`theme=${root.dataset.theme}`);
        history.replaceState(null, "", "#" + parts.join("&"));
      }, 250);
    }
    """#
}
