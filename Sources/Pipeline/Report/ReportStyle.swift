/// The page's style: an instrument, light or dark after the reader's system; pictures are always on black.
enum ReportStyle {
  static let css = #"""
    :root {
      color-scheme: light dark;
      --page: light-dark(#f4f5f6, #0d1013);
      --card: light-dark(#ffffff, #14181c);
      --raised: light-dark(#ffffff, #1c2227);
      --line: light-dark(#d9dee2, #262d33);
      --text: light-dark(#14191d, #dfe5ea);
      --dim: light-dark(#55616b, #93a0ab);
      --accent: light-dark(#0a5c94, #6bb8ee);
      --band: light-dark(#0a5c941f, #6bb8ee26);
      --pass: light-dark(#12703f, #4cc38a);
      --warn: light-dark(#8a5800, #e8b04a);
      --fail: light-dark(#b3251e, #ff8077);
      --prior: light-dark(#b0561a, #e58f4e);
      --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
      --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
    }
    :root[data-theme="light"] { color-scheme: light; }
    :root[data-theme="dark"] { color-scheme: dark; }
    * { box-sizing: border-box; }
    [hidden] { display: none !important; }
    html { scrollbar-gutter: stable; }
    body { margin: 0; background: var(--page); color: var(--text); font: 14px/1.5 var(--sans); font-variant-numeric: tabular-nums; }
    h1, h2, h3, p, ul, dl, dd, figure { margin: 0; padding: 0; }
    ul { list-style: none; }
    .hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
    .dim, .sub, .meaning, .note, .readout, small { color: var(--dim); }
    .mono { font-family: var(--mono); font-size: 12px; }
    .icon { width: 1em; height: 1em; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; flex: none; }
    :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }

    .notice { display: flex; gap: .6em; align-items: center; justify-content: center; padding: 6px 16px; background: #f2b632; color: #211700; font-size: 13px; letter-spacing: .02em; }
    header { display: flex; flex-wrap: wrap; align-items: center; gap: 10px 16px; padding: 14px 20px 12px; }
    .heading { display: flex; align-items: center; gap: 14px; flex: 1 1 320px; min-width: 0; }
    .mark { flex: none; width: 34px; height: 34px; color: var(--accent); }
    .mark svg { width: 100%; fill: none; stroke: currentColor; stroke-width: 1.5; stroke-linecap: round; }
    h1 { font-size: 19px; line-height: 1.25; font-weight: 620; letter-spacing: -.01em; overflow-wrap: anywhere; }
    .sub { font-size: 13px; overflow-wrap: anywhere; }
    .tally { display: flex; gap: 6px; flex-wrap: wrap; }
    .chip { padding: 3px 10px; border: 1px solid currentColor; border-radius: 99px; font-size: 12.5px; line-height: 1.4; }
    .chip.none { color: var(--dim); border-color: var(--line); }
    .pass { color: var(--pass); } .warn { color: var(--warn); } .fail { color: var(--fail); }

    button, select, input[type="text"] { font: inherit; color: var(--text); background: var(--raised); border: 1px solid var(--line); border-radius: 5px; padding: 3px 8px; min-height: 28px; }
    button { cursor: pointer; }
    button:hover:not(:disabled), select:hover { border-color: var(--dim); }
    button:disabled, select:disabled { opacity: .45; cursor: default; }
    .quiet { background: none; color: var(--dim); font-size: 12.5px; }
    .link { border: 0; background: none; padding: 1px 4px; min-height: 24px; color: var(--accent); text-align: left; }
    .link:hover { text-decoration: underline; }
    input[type="range"] { accent-color: var(--accent); }
    input[type="checkbox"] { accent-color: var(--accent); margin: 0 5px 0 0; width: 15px; height: 15px; }
    .check { display: inline-flex; align-items: center; white-space: nowrap; }

    main { display: grid; gap: 14px; padding: 0 20px 20px; }
    main > * { min-width: 0; }
    .bench { display: grid; grid-template-columns: minmax(0, 1fr) 330px; gap: 14px; align-items: start; }
    .card, #verdict, .warnings { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 14px 16px; }
    .card > h2, .warnings > h2, summary h2 { display: inline-block; font-size: 14px; font-weight: 620; margin-bottom: 8px; }
    summary h2 { margin: 0 0 0 4px; }
    h2 small { font-weight: 400; font-size: 12.5px; margin-left: 8px; }
    summary { cursor: pointer; }
    details[open] summary { margin-bottom: 10px; }
    .columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr)); gap: 14px; align-items: start; }
    .columns > * { min-width: 0; }
    .warnings { border-left: 4px solid var(--warn); }
    .warnings ul { list-style: disc; padding-left: 18px; }
    .empty { padding: 48px 16px; text-align: center; color: var(--dim); border: 1px dashed var(--line); border-radius: 8px; }
    .note { font-size: 12.5px; padding: 8px 2px 0; }

    #viewer { min-width: 0; }
    .tools { display: flex; flex-wrap: wrap; gap: 6px 18px; align-items: center; padding: 8px 12px; background: var(--card); border: 1px solid var(--line); border-bottom: 0; border-radius: 8px 8px 0 0; font-size: 13px; }
    .tool { display: flex; flex-wrap: wrap; align-items: center; gap: 6px; }
    .pair { display: inline-flex; align-items: center; gap: 6px; }
    .tool label { color: var(--dim); white-space: nowrap; }
    .tool .check { color: var(--text); }
    .tool.slice { flex: 1 1 250px; flex-wrap: nowrap; }
    .tool.slice input { flex: 1; min-width: 60px; }
    .tool output { min-width: 4.2em; text-align: center; white-space: nowrap; }
    .tool select { max-width: 11.5em; text-overflow: ellipsis; }
    .tool input[type="text"] { width: 6.4em; text-align: right; }
    .unit { min-width: 3em; color: var(--dim); }
    #panels { display: grid; grid-template-columns: repeat(var(--columns, 2), minmax(0, 1fr)); gap: 1px; background: #000; border: 1px solid var(--line); border-radius: 0 0 8px 8px; overflow: hidden; }
    .bench .empty { border-radius: 0 0 8px 8px; background: var(--card); padding: 120px 20px; }
    .tile { position: relative; background: #000; box-shadow: 0 0 0 1px #262d33; overflow: hidden; aspect-ratio: var(--ratio, 1); min-width: 0; }
    .tile canvas { position: absolute; inset: 0; width: 100%; height: 100%; display: block; touch-action: none; cursor: crosshair; }
    .tile canvas:focus-visible { outline-offset: -2px; }
    .tile::after { content: ""; position: absolute; inset: 0; pointer-events: none; border-top: 2px solid transparent; }
    .tile.active::after { border-color: #6bb8ee; }
    .corner { position: absolute; pointer-events: none; color: #c9d3db; font: 11px/1.35 var(--mono); text-shadow: 0 0 3px #000, 0 0 2px #000, 0 1px 1px #000; white-space: pre; max-width: calc(100% - 16px); overflow: hidden; }
    .top { top: 8px; } .bottom { bottom: 7px; } .left { left: 10px; } .right { right: 10px; }
    .corner.bottom { background: #0009; border-radius: 2px; padding: 0 3px; margin-left: -3px; }
    .corner.top { font: 600 13px/1.3 var(--sans); color: #fff; }
    .bottom.left { bottom: 22px; }
    .bottom.right { right: auto; left: 10px; }
    .enlarge { position: absolute; top: 5px; right: 6px; background: #0008; border-color: #fff3; color: #dfe5ea; padding: 0 6px; min-height: 24px; min-width: 26px; opacity: 0; }
    .tile:hover .enlarge, .enlarge:focus-visible, .tile:focus-within .enlarge { opacity: 1; }

    #verdict { display: grid; gap: 14px; position: sticky; top: 12px; max-height: calc(100vh - 24px); overflow-y: auto; }
    .headline { display: flex; align-items: center; justify-content: space-between; gap: 10px; flex-wrap: wrap; }
    .badge { display: inline-flex; align-items: center; gap: .5em; padding: 5px 13px 5px 10px; border-radius: 6px; border: 1px solid currentColor; font-weight: 650; font-size: 16px; background: color-mix(in srgb, currentColor 12%, transparent); }
    .badge.small { font-size: 12px; padding: 0 7px; font-weight: 600; }
    .which { font-weight: 600; }
    .which .dim { font-weight: 400; }
    .reasons { display: grid; gap: 5px; }
    .reasons li { padding-left: 12px; border-left: 2px solid var(--line); }
    dl { display: grid; grid-template-columns: minmax(90px, auto) minmax(0, 1fr); gap: 5px 14px; }
    dt { color: var(--dim); }
    dd { overflow-wrap: anywhere; }
    #verdict dl { grid-template-columns: 1fr; gap: 0; }
    #verdict dd { margin-bottom: 6px; font-weight: 600; }
    #verdict dd .dim { font-weight: 400; font-size: 12.5px; }
    h3 { font-size: 12.5px; font-weight: 600; color: var(--dim); margin-bottom: 3px; }
    .gauge { width: 100%; max-width: 420px; }
    .gauge text, .plot text { font: 11px var(--sans); fill: var(--dim); font-variant-numeric: tabular-nums; }
    .plot text.title { font-size: 11.5px; }
    .axis, .frame { stroke: var(--dim); stroke-width: 1; fill: none; }
    .band { fill: var(--band); }
    .mark.pass, .plot .pass, .mark.warn, .plot .warn, .mark.fail, .plot .fail { fill: currentColor; stroke: none; }
    .gauge .mark { stroke: var(--card); stroke-width: 1.5; }
    .reference { fill: var(--card); stroke: var(--dim); stroke-width: 1.2; }
    .share .bar { width: 100%; height: 10px; border-radius: 3px; display: block; }
    .bar rect { fill: var(--accent); }
    .bar rect.prior { fill: var(--prior); }
    .share p { display: flex; justify-content: space-between; gap: 8px; flex-wrap: wrap; font-size: 12.5px; margin-top: 4px; }
    .key::before { content: ""; display: inline-block; width: 9px; height: 9px; border-radius: 2px; margin-right: 5px; background: var(--accent); }
    .key.prior::before { background: var(--prior); }
    .worst li { border-top: 1px solid var(--line); }
    .worst .link { display: flex; width: 100%; gap: 6px; padding: 2px 0; color: var(--text); font-size: 13px; }
    .worst .link b { margin-left: auto; font-weight: 600; color: var(--accent); }

    .legend { float: right; display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 12.5px; color: var(--dim); }
    .legend span { display: inline-flex; align-items: center; gap: 5px; }
    .legend svg { width: 14px; height: 14px; }
    #chart { clear: both; }
    #chart .plot { width: 100%; height: auto; display: block; cursor: pointer; }
    .grid { stroke: var(--line); stroke-width: 1; }
    .grid.one { stroke: var(--accent); stroke-dasharray: 4 3; }
    .trace { fill: none; stroke: var(--dim); stroke-width: 1; opacity: .5; }
    .embedded { stroke: var(--accent); stroke-width: 1.5; }
    .cursor { stroke: var(--accent); stroke-width: 1; }
    .plot .selected { stroke: var(--accent); stroke-width: 2; }
    .readout { font-size: 12.5px; min-height: 1.5em; margin-top: 4px; }
    .residual { display: grid; grid-template-columns: minmax(0, 1fr) 300px; gap: 24px; align-items: start; margin-top: 10px; }
    #residual { position: relative; min-width: 0; }
    #residual .plot, #histogram .plot { position: relative; width: 100%; height: auto; display: block; cursor: crosshair; }
    #histogram .plot { cursor: default; }
    .residual-pixels { position: absolute; }
    .residual-pixels.magnified { image-rendering: pixelated; }
    .scale { fill: url(#residual-colours); stroke: var(--line); }
    .profile { fill: color-mix(in srgb, var(--dim) 30%, transparent); stroke: var(--dim); stroke-width: 1; }
    .pointer { fill: var(--fail); }
    .ring { fill: none; stroke: #fff; stroke-width: 1.2; opacity: .9; }
    .bars { fill: var(--dim); opacity: .55; }
    .normal { fill: none; stroke: var(--accent); stroke-width: 1.6; }
    .meaning { font-size: 13px; max-width: 75ch; }

    table { border-collapse: collapse; width: 100%; font-size: 13px; }
    th, td { padding: 4px 10px 4px 0; text-align: left; vertical-align: top; font-weight: 400; }
    thead th { color: var(--dim); font-size: 12px; border-bottom: 1px solid var(--line); white-space: nowrap; }
    tbody tr + tr > * { border-top: 1px solid var(--line); }
    .number { text-align: right; white-space: nowrap; }
    .wide { width: 40%; min-width: 80px; }
    td.wide { vertical-align: middle; }
    .stages .bar { width: 100%; height: 8px; display: block; }
    .reason { min-width: 260px; }
    .scroll { overflow-x: auto; }
    .slices thead th { position: sticky; top: 0; }
    pre { margin: 0; overflow: auto; max-height: 460px; font: 12px/1.55 var(--mono); padding: 10px 12px; background: var(--page); border-radius: 5px; tab-size: 2; }
    .digest { font-size: 11px; overflow-wrap: anywhere; }
    footer { padding: 4px 20px 24px; color: var(--dim); font-size: 12.5px; }
    dialog { color: var(--text); background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 20px 24px; max-width: 620px; }
    dialog::backdrop { background: #0009; }
    dialog h2 { font-size: 16px; margin-bottom: 10px; }
    dialog p { margin-top: 12px; }
    kbd { font: 11.5px var(--mono); border: 1px solid var(--line); border-bottom-width: 2px; border-radius: 4px; padding: 0 5px; }

    @media (max-width: 1080px) {
      .bench { grid-template-columns: minmax(0, 1fr); }
      #verdict { position: static; max-height: none; }
      #verdict dl { grid-template-columns: repeat(auto-fit, minmax(220px, 1fr)); display: block; columns: 2 220px; }
      #verdict dd { break-before: avoid; }
    }
    @media (max-width: 860px) {
      .residual { grid-template-columns: minmax(0, 1fr); }
      #histogram { max-width: 420px; }
      #residual, #chart { overflow-x: auto; }
      main, header { padding-left: 12px; padding-right: 12px; }
      .legend { float: none; margin-bottom: 6px; }
      dl { grid-template-columns: 1fr; gap: 0; }
      dd { margin-bottom: 6px; }
    }

    .paper main { width: 700px; }
    .paper .bench { grid-template-columns: minmax(0, 1fr); }
    .paper .residual { grid-template-columns: minmax(0, 1fr); }
    .paper #histogram { max-width: 420px; }
    @page { margin: 12mm; }
    @media print {
      :root, :root[data-theme] { color-scheme: light; }
      body { background: #fff; font-size: 10pt; }
      * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
      .tools, #theme, #help, .enlarge, dialog, .readout:empty { display: none !important; }
      header, main, footer { padding-left: 0; padding-right: 0; }
      .paper main { width: auto; }
      .columns { grid-template-columns: minmax(0, 1fr); }
      #verdict { position: static; max-height: none; overflow: visible; }
      .card dl { grid-template-columns: minmax(90px, auto) minmax(0, 1fr); gap: 5px 14px; }
      #panels { border-radius: 8px; }
      .card, #verdict, .tile, tr { break-inside: avoid; }
      .card:has(pre), .card:has(details) { break-inside: auto; }
      pre { max-height: none; white-space: pre-wrap; overflow-wrap: anywhere; }
      .scroll { overflow: visible; }
      .cursor { visibility: hidden; }
    }
    """#
}
