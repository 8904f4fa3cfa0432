/* common.js: what every demo shares. Python puts this file before NAME.js and ships both as one module, so a demo calls
 * these functions without importing them. Nothing here touches the page before render() does.
 *   const page = createPage({ model, el, title })   the card; end render() with `return page.dispose`
 *     page.figure, .actions, .main, .panel, .foot    boxes to fill: the figure (left, wide), buttons below it, the left
 *                                                    column (after the sentence), the right column, below both
 *     page.get(name), page.set({name: value}, save)  traits; save = false while dragging, true (default) sends to Python
 *     page.watch("a b", fn)                          fn() when Python, another view or page.set changed a or b
 *     page.say(text, { quiet })                      the sentence under the figure, spoken unless quiet
 *     page.goal(met, text)                           the banner: `text`, or the trait `goal` if there is none; announced
 *     page.colors()                                  {ink, muted, grid, surface, class0, ...}: CSS variables, for a canvas
 *     page.listen(target, type, fn), page.onDispose(fn), page.calm()     calm: prefers-reduced-motion
 *     page.redraw = frame(page, draw)                call page.redraw() at will: draw() runs once per frame
 *   slider(page, {label, min, max, step, log, format, hint, trait | value, onInput}), select({label, options: [[value,
 *     text]], trait | value, onInput}), checkbox({label, trait | value, onInput}), button({label, onClick, primary,
 *     title}): native, labelled; each returns {element, input, value (get and set)}; element still needs appending.
 *   createPlot(page, {parent, x, y, xLabel, yLabel, xLog, yLog, label, equal, aspect, draw}): responsive; draw(plot) after
 *     every plot.redraw(), resize and theme change; plot.ctx (canvas, CSS pixels, already cleared), plot.back, plot.front
 *     (<g>: clipped below, free above), plot.toX toY fromX fromY, plot.frame {left, top, width, height}, plot.setLimits,
 *     plot.xTicks = [[value, text], ...] before setLimits or layout: ticks of your own
 *   dragHandle(page, plot, node, {position, limits, step, onMove, onEnd, onTap, onKey}): pointer and arrow keys
 *   animation(page, tick(seconds) -> false to stop), tween(page, ms, fn(0..1)): stop when out of sight, or calm
 *   html(tag, attributes, ...children), svg(...), fill(node, ...children), number(v, digits), seeded(seed), clamp, ticks */

const SVG = "http://www.w3.org/2000/svg";
const COLORS = "ink muted grid surface raised accent good bad class0 class1 side0 side1 curve path mark".split(" ");

// ---- Numbers: pure functions, tested in Node ----

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** A number for people: fixed digits, a true minus sign, no "-0.00", words for what is not a number. */
export function number(value, digits = 2) {
  if (Number.isNaN(value)) return "not a number";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  const text = size >= 1e6 || (size > 0 && size < 10 ** -digits / 2 && digits > 3) ? size.toExponential(1) : size.toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

/** Mulberry32: 32 bits of state, the same stream in Python (twice.widgets.base.Seeded) and in every browser. */
export function seeded(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return {
    next, // uniform in [0, 1)
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()), // Box and Muller, 1958
    integer: (n) => Math.floor(next() * n),
    shuffle(items) { // Fisher and Yates; returns a new array
      const copy = [...items];
      for (let i = copy.length - 1; i > 0; i--) {
        const j = Math.floor(next() * (i + 1));
        [copy[i], copy[j]] = [copy[j], copy[i]];
      }
      return copy;
    },
  };
}

/** Round values inside [low, high], about `count` of them; powers of ten on a log axis. */
export function ticks(low, high, count = 5, log = false) {
  if (log) {
    const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
    const by = Math.max(1, Math.ceil((last - first) / count));
    return Array.from({ length: Math.max(0, Math.floor((last - first) / by) + 1) }, (_, i) => 10 ** (first + i * by));
  }
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const by = power * [1, 2, 5, 10].find((f) => f * power >= rough * 0.999);
  const first = Math.ceil(low / by - 1e-9);
  return Array.from({ length: Math.floor(high / by + 1e-9) - first + 1 }, (_, i) => Number(((first + i) * by).toPrecision(12)));
}

// ---- Making elements ----

function make(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}
function html(tag, attributes, ...children) { return make(document.createElement(tag), attributes, children); }
function svg(tag, attributes, ...children) { return make(document.createElementNS(SVG, tag), attributes, children); }
function fill(node, ...children) { node.replaceChildren(...children.filter((child) => child != null)); return node; }

// ---- The page: card, traits, theme, sentence, goal, cleanup ----

/** "dark" or "light": the Jupyter Book theme, else JupyterLab's, else the system's. */
function tone() {
  const book = document.documentElement.dataset.theme;
  if (book === "dark" || book === "light") return book;
  const lab = document.body.dataset.jpThemeLight;
  if (lab) return lab === "false" ? "dark" : "light";
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

function createPage({ model, el, title }) {
  const cleanups = [];
  const onDispose = (fn) => cleanups.push(fn);
  const listen = (target, type, fn, options) => {
    target.addEventListener(type, fn, options);
    onDispose(() => target.removeEventListener(type, fn, options));
  };
  const titleId = `twice-${Math.random().toString(36).slice(2)}`;
  const box = (name) => html("div", { class: `twice-${name}` });
  const [banner, figure, actions, panel, foot] = ["goal", "figure", "row", "panel", "foot"].map(box);
  const sentence = html("p", { class: "twice-say", "aria-live": "polite" });
  const main = html("div", { class: "twice-main" }, figure, actions, sentence);
  const root = html("div", { class: "twice", role: "group", "aria-labelledby": titleId, "data-lm-suppress-shortcuts": "true" },
    html("div", { class: "twice-head" }, html("div", { class: "twice-title", id: titleId }, title), banner),
    html("div", { class: "twice-body" }, main, panel), foot);
  const badge = html("span", { class: "twice-badge" });
  const wish = html("span", { role: "status" });
  banner.append(badge, wish);

  const page = {
    root, figure, actions, main, panel, foot, listen, onDispose,
    get: (name) => model.get(name),
    set(values, save = true) {
      for (const [name, value] of Object.entries(values)) model.set(name, value);
      if (save) model.save_changes();
    },
    watch(names, fn) {
      for (const name of names.split(" ")) {
        model.on(`change:${name}`, fn);
        onDispose(() => model.off(`change:${name}`, fn));
      }
    },
    say(text, { quiet = false } = {}) {
      sentence.setAttribute("aria-live", quiet ? "off" : "polite");
      if (sentence.textContent !== text) sentence.textContent = text;
    },
    goal(met, text) {
      banner.classList.toggle("twice-met", met);
      badge.textContent = met ? "✓ Goal met" : "Goal";
      const words = text || page.get("goal");
      if (wish.textContent !== words) wish.textContent = words;
      if (page.get("goal_met") !== met) page.set({ goal_met: met });
    },
    colors() {
      const style = getComputedStyle(root);
      return Object.fromEntries(COLORS.map((name) => [name, style.getPropertyValue(`--twice-${name}`).trim()]));
    },
    calm: () => matchMedia("(prefers-reduced-motion: reduce)").matches,
    themed: new Set(), // functions called when the theme changes
    dispose() { for (const fn of cleanups.splice(0).reverse()) fn(); root.remove(); },
  };

  const dress = () => {
    if (root.dataset.tone === tone()) return;
    root.dataset.tone = tone();
    for (const fn of page.themed) fn();
  };
  dress();
  const observer = new MutationObserver(dress);
  for (const node of [document.documentElement, document.body]) observer.observe(node, { attributes: true });
  onDispose(() => observer.disconnect());
  listen(matchMedia("(prefers-color-scheme: dark)"), "change", dress);
  listen(root, "keydown", (event) => event.stopPropagation()); // JupyterLab's shortcuts stay out
  el.append(root);
  return page;
}

// ---- Controls: native inputs, each with a label; `trait` ties one to a trait in both directions ----

function bind(page, options, control, read, write) {
  const { trait, value, onInput } = options;
  Object.defineProperty(control, "value", { get: read, set: write });
  control.value = trait ? page.get(trait) : value;
  control.input.addEventListener("input", () => {
    if (trait) page.set({ [trait]: read() });
    control.shown?.();
    onInput?.(read());
  });
  if (trait) page.watch(trait, () => { if (page.get(trait) !== read()) write(page.get(trait)); });
  return control;
}

/** A number that no other demo on the page has: each demo is a module with its own copy of this file. */
const nextId = () => (globalThis.twiceIds = (globalThis.twiceIds ?? 0) + 1);
function labelled(label, hint, input, extra, className) {
  input.id = `twice-input-${nextId()}`;
  const note = hint && html("small", { id: `${input.id}-hint`, class: "twice-hint" }, hint);
  if (note) input.setAttribute("aria-describedby", note.id);
  return html("div", { class: `twice-control ${className}` }, html("label", { for: input.id }, label), extra, input, note);
}

function slider(page, options) {
  const { label, min, max, step = 0.01, log = false, format = (v) => number(v), hint } = options;
  const [toBar, fromBar] = log ? [Math.log10, (v) => 10 ** v] : [Number, Number];
  const input = html("input", { type: "range", min: toBar(min), max: toBar(max), step });
  const output = html("output");
  let exact; // what was set by code may lie between two stops of the bar
  const control = { input, element: labelled(label, hint, input, output, "twice-slider") };
  output.htmlFor = input.id;
  control.shown = () => {
    const text = format(control.value);
    output.textContent = text;
    input.setAttribute("aria-valuetext", text);
  };
  input.addEventListener("input", () => (exact = undefined));
  return bind(page, options, control, () => exact ?? clamp(Number(fromBar(Number(input.value)).toPrecision(6)), min, max),
    (value) => { input.value = toBar(value); exact = value; control.shown(); });
}

function select(page, options) {
  const input = html("select", {}, ...options.options.map(([value, text]) => html("option", { value }, text)));
  const control = { input, element: labelled(options.label, options.hint, input, null, "twice-select") };
  return bind(page, options, control, () => input.value, (value) => (input.value = value));
}

function checkbox(page, options) {
  const input = html("input", { type: "checkbox" });
  const control = { input, element: labelled(options.label, options.hint, input, null, "twice-check") };
  return bind(page, options, control, () => input.checked, (value) => (input.checked = value));
}

function button({ label, onClick, primary = false, title }) {
  const input = html("button", { type: "button", class: primary ? "twice-primary" : null, title, onclick: onClick }, label);
  return {
    input, element: input,
    get value() { return input.textContent; },
    set value(text) { if (input.textContent !== text) input.textContent = text; },
  };
}

// ---- Plots: a canvas for what is dense, SVG above it for axes, marks and handles ----

function createPlot(page, { parent, x, y, xLabel, yLabel, xLog = false, yLog = false, label, equal = false, aspect = 0.62, draw }) {
  const canvas = html("canvas", { "aria-hidden": "true" });
  const clipId = `twice-clip-${nextId()}`;
  const clip = svg("rect");
  const [grid, axes, front] = [svg("g", { class: "twice-grid" }), svg("g", { class: "twice-axes" }), svg("g")];
  const back = svg("g", { "clip-path": `url(#${clipId})` });
  const picture = svg("svg", { role: "group", "aria-label": label }, svg("clipPath", { id: clipId }, clip), grid, back, axes, front);
  const box = html("div", { class: `twice-plot${equal ? " twice-square" : ""}` }, canvas, picture);
  const plot = { element: box, svg: picture, canvas, back, front, ctx: canvas.getContext("2d"), x, y };
  plot.frame = { left: 0, top: 0, width: 0, height: 0 };
  const warp = (log) => (log ? (v) => Math.log10(Math.max(v, 1e-300)) : (v) => v);
  const [wx, wy] = [warp(xLog), warp(yLog)];
  const share = (w, [low, high], v) => (w(v) - w(low)) / (w(high) - w(low));
  const unshare = (log, w, [low, high], s) => { const v = w(low) + s * (w(high) - w(low)); return log ? 10 ** v : v; };
  plot.toX = (v) => plot.frame.left + share(wx, plot.x, v) * plot.frame.width;
  plot.toY = (v) => plot.frame.top + (1 - share(wy, plot.y, v)) * plot.frame.height;
  plot.fromX = (p) => unshare(xLog, wx, plot.x, (p - plot.frame.left) / plot.frame.width);
  plot.fromY = (p) => unshare(yLog, wy, plot.y, 1 - (p - plot.frame.top) / plot.frame.height);

  const raised = (power) => [...String(Math.round(power))].map((c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] ?? "⁻").join("");
  const tickText = (log) => (v) => {
    if (log && Math.abs(Math.log10(v)) >= 1.5) return `10${raised(Math.log10(v))}`;
    return String(log ? Number(v.toPrecision(3)) : v).replace("-", "−");
  };
  function layout() {
    const total = Math.floor(box.clientWidth);
    if (!total) return;
    const f = plot.frame;
    const left = total < 420 ? 44 : 54;
    Object.assign(f, { left, top: 12, width: total - left - 12 });
    f.height = equal ? f.width * ((plot.y[1] - plot.y[0]) / (plot.x[1] - plot.x[0])) : Math.max(180, f.width * aspect);
    const height = f.top + f.height + 48;
    const ratio = globalThis.devicePixelRatio || 1;
    Object.assign(canvas, { width: Math.round(f.width * ratio), height: Math.round(f.height * ratio) });
    Object.assign(canvas.style, { left: `${f.left}px`, top: `${f.top}px`, width: `${f.width}px`, height: `${f.height}px` });
    make(picture, { width: total, height, viewBox: `0 0 ${total} ${height}` }, []);
    make(clip, { x: f.left, y: f.top, width: f.width, height: f.height }, []);
    const xs = plot.xTicks ?? ticks(...plot.x, f.width < 340 ? 4 : 6, xLog).map((v) => [v, tickText(xLog)(v)]);
    const ys = ticks(...plot.y, f.height < 340 ? 4 : 6, yLog);
    const [right, bottom] = [f.left + f.width, f.top + f.height];
    fill(grid,
      ...xs.map(([v]) => svg("path", { d: `M${plot.toX(v)} ${f.top}V${bottom}` })),
      ...ys.map((v) => svg("path", { d: `M${f.left} ${plot.toY(v)}H${right}` })));
    fill(axes,
      ...xs.map(([v, text]) => svg("text", { x: plot.toX(v), y: bottom + 19, "text-anchor": "middle" }, text)),
      ...ys.map((v) => svg("text", { x: f.left - 8, y: plot.toY(v) + 4.5, "text-anchor": "end" }, tickText(yLog)(v))),
      svg("text", { class: "twice-name", x: f.left + f.width / 2, y: bottom + 40, "text-anchor": "middle" }, xLabel),
      svg("text", { class: "twice-name", "text-anchor": "middle",
        transform: `translate(${f.left - (yLog ? 44 : 40)} ${f.top + f.height / 2}) rotate(-90)` }, yLabel));
    paint();
  }
  function paint() {
    if (!plot.frame.width) return;
    const [f, ratio] = [plot.frame, globalThis.devicePixelRatio || 1];
    plot.ctx.setTransform(1, 0, 0, 1, 0, 0);
    plot.ctx.clearRect(0, 0, canvas.width, canvas.height);
    plot.ctx.setTransform(ratio, 0, 0, ratio, -f.left * ratio, -f.top * ratio); // so toX and toY fit the canvas too
    draw(plot);
  }
  plot.redraw = frame(page, paint);
  plot.layout = frame(page, layout);
  plot.setLimits = (newX, newY) => {
    if (String([plot.x, plot.y]) === String([newX, newY])) return;
    Object.assign(plot, { x: newX, y: newY });
    plot.layout();
  };
  const observer = new ResizeObserver(plot.layout);
  parent.append(box);
  observer.observe(box);
  page.onDispose(() => observer.disconnect());
  page.themed.add(plot.redraw);
  return plot;
}

/** Make `node` draggable: pointer, or focus and arrow keys (Shift: ten times finer). Positions are in the plot's units. */
function dragHandle(page, plot, node, { position, limits = () => [plot.x, plot.y], step = 0.1, onMove, onEnd, onTap, onKey }) {
  let start = null;
  const place = ([x, y]) => limits().map(([low, high], axis) => clamp([x, y][axis], low, high));
  make(node, { tabindex: 0, role: "button", "aria-roledescription": "movable point", class: "twice-handle" }, []);
  node.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    node.focus({ preventScroll: true });
    node.setPointerCapture(event.pointerId);
    const [x, y] = position();
    const from = [event.clientX, event.clientY];
    start = { id: event.pointerId, from, offset: [plot.toX(x) - from[0], plot.toY(y) - from[1]], moved: false };
  });
  node.addEventListener("pointermove", (event) => {
    if (start?.id !== event.pointerId) return;
    start.moved ||= Math.hypot(event.clientX - start.from[0], event.clientY - start.from[1]) > 4;
    if (start.moved) onMove(place([plot.fromX(event.clientX + start.offset[0]), plot.fromY(event.clientY + start.offset[1])]));
  });
  const release = (event) => {
    if (start?.id !== event.pointerId) return;
    const { moved } = start;
    start = null;
    if (moved) onEnd?.();
    else if (event.type === "pointerup") onTap?.();
  };
  for (const type of ["pointerup", "pointercancel"]) node.addEventListener(type, release);
  node.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (way && !event.altKey && !event.ctrlKey && !event.metaKey) {
      const size = event.shiftKey ? step / 10 : step;
      onMove(place(position().map((v, axis) => Number((v + way[axis] * size).toFixed(10)))));
      onEnd?.();
      event.preventDefault();
    } else if (onKey?.(event)) event.preventDefault();
  });
}

// ---- Time ----

/** Ask for `fn` as often as you like: it runs once, in the next frame. */
function frame(page, fn) {
  let asked = 0;
  page.onDispose(() => cancelAnimationFrame(asked));
  return () => { asked ||= requestAnimationFrame(() => { asked = 0; fn(); }); };
}

/** A loop that calls tick(seconds since the last call) once a frame; it rests when out of sight or in a hidden tab. */
function animation(page, tick) {
  let [asked, last, visible] = [0, 0, true];
  const loop = {
    running: false,
    start() { loop.running = true; last = 0; wake(); },
    stop() { loop.running = false; cancelAnimationFrame(asked); asked = 0; },
  };
  const wake = () => { if (loop.running && visible && !document.hidden && !asked) { last = 0; asked = requestAnimationFrame(beat); } };
  function beat(now) {
    asked = 0;
    if (!loop.running || !visible || document.hidden) return;
    const seconds = last ? Math.min(0.1, (now - last) / 1000) : 0;
    if (tick(seconds) === false) loop.running = false;
    last = now;
    if (loop.running) asked = requestAnimationFrame(beat);
  }
  const observer = new IntersectionObserver(([entry]) => { visible = entry.isIntersecting; wake(); });
  observer.observe(page.root);
  page.listen(document, "visibilitychange", wake);
  page.onDispose(() => { observer.disconnect(); loop.stop(); });
  return loop;
}

/** Call fn with 0..1 over `ms` milliseconds, eased; at once with 1 for who wants calm. Returns {start, stop}. */
function tween(page, ms, fn) {
  let t = 1;
  const loop = animation(page, (seconds) => {
    t = Math.min(1, t + (seconds * 1000) / ms);
    fn(1 - (1 - t) ** 3);
    return t < 1;
  });
  return { start() { t = page.calm() ? 1 : 0; fn(t); if (t < 1) loop.start(); }, stop: loop.stop };
}
