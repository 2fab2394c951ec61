/// The page as mustache. Every name in double braces is escaped; the three in triple braces are ours.
enum ReportTemplate {
  /// All that comes before the pixels.
  static let opening = #"""
    {{% CONTENT_TYPE: DEFT_HTML}}
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src '{{scriptHash}}'; style-src '{{styleHash}}'; base-uri 'none'; form-action 'none'">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta name="generator" content="deft {{version}}">
    <title>{{title}}</title>
    <style>{{{style}}}</style>
    </head>
    <body>
    <p class="notice" role="note"><svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d="M8 1.6 15 14H1Z M8 6v4 M8 11.6v.6"/></svg><strong>For research use only. Not for diagnostic use.</strong></p>
    <header>
      <div class="heading">
        <p class="mark" aria-hidden="true"><svg viewBox="0 0 24 24"><circle cx="12" cy="12" r="9.2"/><path d="M2 17.5 22 6.5 M2 12.6 22 11.4 M7 2.2 17 21.8"/></svg></p>
        <div>
          <h1>{{title}}</h1>
          <p class="sub">{{methods}} <span aria-hidden="true">·</span> {{sliceCount}}{{#unfinished}} <span aria-hidden="true">·</span> {{unfinished}}{{/unfinished}}</p>
        </div>
      </div>
      <ul class="tally" aria-label="Verdicts of all slices">
        {{#tally}}<li class="chip {{status}}{{#none}} none{{/none}}"><b>{{count}}</b> {{word}}</li>{{/tally}}
      </ul>
      <button type="button" id="theme" class="quiet" title="Light or dark (t)">Theme</button>
      <button type="button" id="help" class="quiet" title="Keyboard and mouse (?)">Keys</button>
    </header>
    <main>
    {{#hasWarnings}}
    <section class="warnings" aria-labelledby="warnings-title">
      <h2 id="warnings-title">Warnings</h2>
      <ul>{{#warnings}}<li>{{.}}</li>{{/warnings}}</ul>
    </section>
    {{/hasWarnings}}
    <noscript><p class="empty">The viewer needs JavaScript. Figures, configuration and provenance follow below.</p></noscript>
    {{^hasSlices}}<p class="empty">No slice is finished yet.</p>{{/hasSlices}}
    {{#hasSlices}}
    <div class="bench scripted" hidden>
    <section id="viewer" aria-label="Slice viewer">
      <div class="tools" role="group" aria-label="Viewer controls">
        <div class="tool slice">
          <button type="button" id="previous" aria-label="Previous slice">‹</button>
          <label for="slice">Slice</label>
          <input id="slice" type="range" min="0" step="1" value="0">
          <output id="slice-name" for="slice"></output>
          <button type="button" id="next" aria-label="Next slice">›</button>
        </div>
        <div class="tool window">
          <label for="group">Window</label><select id="group"></select>
          <label for="preset" class="hidden">Preset</label><select id="preset"></select>
          <span class="pair"><label for="level" title="Level: the middle of the window">L</label><input id="level" type="text" inputmode="decimal" aria-label="Window level"></span>
          <span class="pair"><label for="width" title="Width of the window">W</label><input id="width" type="text" inputmode="decimal" aria-label="Window width"></span>
          <span id="unit" class="unit"></span>
        </div>
        <div class="tool difference">
          <label class="check"><input id="difference" type="checkbox"> Difference</label>
          <select id="minuend" aria-label="Difference: panel to subtract from"></select>
          <span aria-hidden="true">−</span>
          <select id="subtrahend" aria-label="Difference: panel to subtract"></select>
        </div>
        <div class="tool zoom">
          <button type="button" id="zoom-out" aria-label="Zoom out">−</button>
          <output id="zoom-value" aria-label="Zoom"></output>
          <button type="button" id="zoom-in" aria-label="Zoom in">+</button>
          <button type="button" id="fit" title="Fit to the view (0)">Fit</button>
          <label class="check"><input id="smooth" type="checkbox" checked> Smooth</label>
        </div>
      </div>
      <div id="panels"></div>
      <p id="absent" class="empty" hidden></p>
      {{#selection}}<p class="note">{{selection}}</p>{{/selection}}
    </section>
    <p id="announcement" class="hidden" aria-live="polite"></p>
    <aside id="verdict" aria-label="Verdict of the slice"></aside>
    </div>
    <section class="card scripted" hidden aria-labelledby="chart-title">
      <h2 id="chart-title">Reduced χ² per slice</h2>
      <div id="chart-legend" class="legend"></div>
      <div id="chart"></div>
      <p id="chart-readout" class="readout"></p>
    </section>
    <section id="residual-card" class="card scripted" hidden aria-labelledby="residual-title">
      <h2 id="residual-title">Residual sinogram</h2>
      <p class="meaning">What the reconstruction leaves unexplained, in units of the noise: (y − A x) / σ. With a right model it is structureless.</p>
      <div class="residual">
        <div id="residual"></div>
        <div id="histogram"></div>
      </div>
      <p id="residual-readout" class="readout"></p>
    </section>
    {{/hasSlices}}
    <div class="columns">
    <section class="card" aria-labelledby="run-title">
      <h2 id="run-title">Geometry</h2>
      <dl>{{#geometry}}<dt>{{name}}</dt><dd>{{value}}</dd>{{/geometry}}</dl>
    </section>
    {{#hasStages}}
    <section class="card" aria-labelledby="time-title">
      <h2 id="time-title">Time per stage <small>{{totalTime}} in all</small></h2>
      <div class="scroll"><table class="stages">
        <thead><tr><th scope="col">Stage</th><th scope="col" class="wide"><span class="hidden">Share as a bar</span></th><th scope="col" class="number">Share</th><th scope="col" class="number">Time</th><th scope="col" class="number">Per slice</th></tr></thead>
        <tbody>{{#stages}}<tr><th scope="row">{{stage}}</th><td class="wide"><svg class="bar" aria-hidden="true"><rect width="{{bar}}%" height="100%"/></svg></td><td class="number">{{share}}</td><td class="number">{{time}}</td><td class="number">{{perSlice}}</td></tr>{{/stages}}</tbody>
      </table></div>
    </section>
    {{/hasStages}}
    </div>
    {{#hasSlices}}
    <section class="card" aria-label="Slices">
      <details id="slices"><summary><h2>{{tableTitle}}</h2></summary>
      <div class="scroll"><table class="slices">
        <thead><tr><th scope="col" class="number">Slice</th><th scope="col">Verdict</th><th scope="col" class="number">χ²</th><th scope="col" class="number">Interval</th><th scope="col" class="number">Reference χ²</th><th scope="col" class="number">Whiteness</th><th scope="col" class="number">Null space</th><th scope="col" class="number">Time</th><th scope="col">Reasons</th></tr></thead>
        <tbody>{{#rows}}<tr><th scope="row" class="number"><button type="button" class="link" data-number="{{number}}">{{number}}</button></th><td><span class="badge small {{status}}">{{word}}</span></td><td class="number">{{chiSquared}}</td><td class="number">{{interval}}</td><td class="number">{{reference}}</td><td class="number">{{whiteness}}</td><td class="number">{{nullSpace}}</td><td class="number">{{seconds}}</td><td class="reason">{{reason}}</td></tr>
        {{/rows}}</tbody>
      </table></div></details>
    </section>
    {{/hasSlices}}
    <div class="columns">
    <section class="card" aria-labelledby="configuration-title">
      <h2 id="configuration-title">Configuration</h2>
      <pre id="configuration" tabindex="0" aria-label="Configuration, YAML"><code>{{configuration}}</code></pre>
    </section>
    <section class="card" aria-labelledby="provenance-title">
      <h2 id="provenance-title">Provenance</h2>
      <dl>
        <dt>Software</dt><dd>deft {{version}}</dd>
        {{#seed}}<dt>Seed</dt><dd class="mono">{{seed}}</dd>{{/seed}}
        {{#software}}<dt>{{name}}</dt><dd>{{value}}</dd>{{/software}}
        {{#networks}}<dt>{{role}}</dt><dd>{{network}}<br><span class="mono digest">{{fingerprint}}</span></dd>{{/networks}}
        {{#inputs}}<dt>Input</dt><dd>{{input}} <span class="dim">{{bytes}} bytes</span><br><span class="mono digest"><span class="dim">SHA-256</span> {{sha256}}</span></dd>{{/inputs}}
      </dl>
    </section>
    </div>
    </main>
    <footer><p><strong>For research use only. Not for diagnostic use.</strong> Pictures are embedded with 16 bits: a value is within 1/130 000 of the range of its picture.</p></footer>
    <dialog id="keys" aria-labelledby="keys-title">
      <h2 id="keys-title">Keyboard and mouse</h2>
      <table>
        <tbody>
        <tr><th scope="row">Wheel, <kbd>←</kbd> <kbd>→</kbd></th><td>previous, next slice</td></tr>
        <tr><th scope="row"><kbd>Home</kbd> <kbd>End</kbd></th><td>first, last slice</td></tr>
        <tr><th scope="row">Drag</th><td>window: sideways width, up and down level</td></tr>
        <tr><th scope="row"><kbd>[</kbd> <kbd>]</kbd> &nbsp; <kbd>,</kbd> <kbd>.</kbd></th><td>narrower, wider &nbsp; lower, higher level</td></tr>
        <tr><th scope="row"><kbd>1</kbd> … <kbd>9</kbd></th><td>window presets</td></tr>
        <tr><th scope="row"><kbd>Ctrl</kbd> wheel, pinch, <kbd>+</kbd> <kbd>−</kbd></th><td>zoom</td></tr>
        <tr><th scope="row"><kbd>Shift</kbd> drag, <kbd>Shift</kbd> arrows</th><td>pan</td></tr>
        <tr><th scope="row"><kbd>0</kbd>, double click</th><td>fit to the view</td></tr>
        <tr><th scope="row"><kbd>i</kbd> <kbd>j</kbd> <kbd>k</kbd> <kbd>l</kbd></th><td>move the readout up, left, down, right</td></tr>
        <tr><th scope="row"><kbd>Enter</kbd></th><td>enlarge the panel, and back</td></tr>
        <tr><th scope="row"><kbd>d</kbd> &nbsp; <kbd>s</kbd> &nbsp; <kbd>r</kbd> &nbsp; <kbd>t</kbd></th><td>difference &nbsp; smooth &nbsp; reset windows &nbsp; theme</td></tr>
        </tbody>
      </table>
      <p class="dim">Slices and views count from 1; pixels and detector bins are coordinates and count from 0. Letters and digits work while the viewer has the focus: click on a picture first.</p>
      <p><button type="button" id="close">Close</button></p>
    </dialog>

    """#

  /// All that comes after the pixels.
  static let closing = #"""
    <script>{{{script}}}</script>
    </body>
    </html>

    """#
}
