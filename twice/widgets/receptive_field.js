/* receptive_field.js: stack layers, choose a unit, and see which input pixels lead to it and what the stack costs.
 * Above the line "The demo": pure functions, compared with NumPy in tests/test_receptive_field_demo.py. Below it: what is
 * drawn. Maps are square and every window is, too, so that rows and columns are traced apart, each as a list of counts. */

// ---- Layers ----

export const KINDS = { conv: "convolution", separable: "separable conv.", max: "max pooling", average: "average pooling" };
const SHORT = { conv: "conv", separable: "sep. conv", max: "max pool", average: "avg pool" };
export const isPool = ({ kind }) => kind === "max" || kind === "average";
const dilationOf = (layer) => layer.dilation ?? 1;
const conv = (kernel, more = {}) => ({ kind: "conv", kernel, stride: 1, dilation: 1, padding: "valid", filters: 16, ...more });
const pool = (kind, kernel, more = {}) => ({ kind, kernel, stride: kernel, padding: "valid", ...more });
const repeat = (count, layer) => Array.from({ length: count }, () => ({ ...layer }));

const preset = (title, size, channels, layers, note) => ({ title, size, channels, layers, note });
export const PRESETS = {
  lenet: preset("LeNet-5", 32, 1, [conv(5, { filters: 6 }), pool("average", 2), conv(5), pool("average", 2)],
    "LeNet-5 (1998) starts like this. Add one more valid 5 × 5 convolution, and its only unit sees the whole picture."),
  two3: preset("Two 3 × 3", 32, 3, repeat(2, conv(3, { filters: 3 })),
    "Two 3 × 3 layers see as far as one 5 × 5, with 168 parameters instead of 228, "
    + "and with a nonlinearity in between. The network VGG (2014) takes nothing else."),
  one5: preset("One 5 × 5", 32, 3, [conv(5, { filters: 3 })],
    "One 5 × 5 layer has 228 parameters. Two 3 × 3 layers see the same 5 pixels with 168."),
  three3: preset("Three 3 × 3", 32, 3, repeat(3, conv(3, { filters: 3 })),
    "Three 3 × 3 layers see as far as one 7 × 7, with 252 parameters instead of 444. The middle weighs more, though: look at the bars."),
  one7: preset("One 7 × 7", 32, 3, [conv(7, { filters: 3 })],
    "One 7 × 7 layer has 444 parameters. Three 3 × 3 layers see the same 7 pixels with 252."),
  dilated: preset("Dilations 1, 2, 4, 8", 32, 1,
    [1, 2, 4, 8].map((dilation) => conv(2, { dilation, padding: "same", filters: 8 })),
    "The dilation doubles with every layer, as in WaveNet (2016), a network for sound: four layers of width 2 see 16 pixels. Without dilation they would see 5."),
  gridding: preset("Dilations 2, 2, 2: gaps", 32, 1, repeat(3, conv(3, { dilation: 2, padding: "same", filters: 8 })),
    "Equal dilations meet on the same pixels again and again and skip those between; this is called gridding. Dilations 1, 2, 4 would see 15 pixels without a gap."),
  stem: preset("A ResNet’s first layers", 224, 3, [conv(7, { stride: 2, padding: "same", filters: 64 }), pool("max", 3, { stride: 2, padding: "same" })],
    "A ResNet (2015) starts like this, with its “stem”: 224 pixels become 56 units, 4 pixels apart, so each 3 × 3 layer after it adds 8 pixels to the field."),
};
const canonical = (layer) => ["kind", "kernel", "stride", "dilation", "padding", "filters"].map((key) => layer[key]).join();
/** The name of the preset with these settings, or undefined. */
export const presetOf = ({ layers, size, channels }) => Object.keys(PRESETS).find((name) => {
  const one = PRESETS[name];
  return one.size === size && one.channels === channels && one.layers.map(canonical).join(";") === layers.map(canonical).join(";");
});

/** A layer of another kind, as like the old one as can be: pooling has no dilation and no filters. */
export function turnInto(layer, kind) {
  const { kernel, padding } = layer;
  if (isPool({ kind }) === isPool(layer)) return { ...layer, kind };
  return isPool({ kind }) ? { kind, kernel, stride: Math.min(kernel, 4), padding } : { kind, kernel, stride: 1, dilation: 1, padding, filters: 16 };
}

// ---- Sizes, fields, costs ----

/** A row for the input and for each layer up to the first that does not fit: size, channels, field r = r' + (k - 1) d j', jump
 *  j = j' s, start (the middle of unit 0, in pixels), pad (before the first input), parameters, flops; and the error, or "". */
export function analyse(layers, size, channels) {
  const rows = [{ size, channels, field: 1, jump: 1, start: 0, pad: 0, parameters: 0, flops: 0 }];
  for (const [i, layer] of layers.entries()) {
    const [last, { kernel: k, stride: s }] = [rows[i], layer];
    const [n, depth, reach] = [last.size, last.channels, (k - 1) * dilationOf(layer)];
    const same = layer.padding === "same";
    const out = same ? Math.ceil(n / s) : Math.floor((n - reach - 1) / s) + 1;
    const pad = same ? Math.floor(Math.max((out - 1) * s + reach + 1 - n, 0) / 2) : 0;
    if (out < 1) return { rows, error: doesNotFit(i + 1, reach + 1, n) };
    const filters = isPool(layer) ? depth : layer.filters;
    const weights = layer.kind === "separable" ? k * k * depth + depth * filters : k * k * depth * filters;
    rows.push({ size: out, channels: filters, field: last.field + reach * last.jump, jump: last.jump * s,
      start: last.start + (reach / 2 - pad) * last.jump, pad, parameters: isPool(layer) ? 0 : weights + filters,
      flops: (isPool(layer) ? k * k * depth : 2 * weights) * out * out });
  }
  return { rows, error: "" };
}

const doesNotFit = (number, window, size) => `Layer ${number} does not fit: its window is ${window} units wide, but its input has only ${size}. `
  + "Choose a smaller window, fewer strides before it, or padding “same”.";

export const total = (rows, name) => rows.reduce((sum, row) => sum + row[name], 0);
/** Where tap `tap` of unit `unit` in row `at` looks in the row below; it may lie in the padding. */
export const placeOf = (layers, rows, at, unit, tap) => unit * layers[at - 1].stride - rows[at].pad + tap * dilationOf(layers[at - 1]);

/** How many paths lead from every unit of every row to `unit` of the last one: a list of counts per row, the input first. */
export function trace(layers, rows, unit) {
  const counts = rows.map(({ size }) => new Float64Array(size));
  counts.at(-1)[unit] = 1;
  for (let at = rows.length - 1; at > 0; at--) {
    const [from, to] = [counts[at], counts[at - 1]];
    for (let u = 0; u < from.length; u++) {
      if (!from[u]) continue;
      for (let tap = 0; tap < layers[at - 1].kernel; tap++) {
        const place = placeOf(layers, rows, at, u, tap);
        if (place >= 0 && place < to.length) to[place] += from[u];
      }
    }
  }
  return counts;
}

/** Which units of every row the pixel `pixel` leads to: a list of 0 and 1 per row, the input first. */
export function reached(layers, rows, pixel) {
  const marks = rows.map(({ size }) => new Uint8Array(size));
  marks[0][pixel] = 1;
  for (let at = 1; at < rows.length; at++) {
    for (let u = 0; u < rows[at].size; u++) {
      for (let tap = 0; tap < layers[at - 1].kernel; tap++) if (marks[at - 1][placeOf(layers, rows, at, u, tap)]) marks[at][u] = 1;
    }
  }
  return marks;
}

/** What the counts of one axis say: first and last pixel seen, how many, gaps between, all paths, the most and the fewest of a
 *  pixel seen, and core: how many neighboring pixels, at least, hold half of the paths. */
export function spanOf(counts) {
  let [first, last, seen, paths, most, fewest] = [0, -1, 0, 0, 0, 0];
  counts.forEach((count, i) => {
    if (!count) return;
    if (!seen) first = i;
    [last, seen, paths, most] = [i, seen + 1, paths + count, Math.max(most, count)];
    fewest = Math.min(fewest || count, count);
  });
  let core = last - first + 1;
  for (let i = first, end = first, sum = 0; i <= last; sum -= counts[i], i++) {
    while (end <= last && sum < paths / 2) { sum += counts[end]; end += 1; }
    if (sum >= paths / 2) core = Math.min(core, end - i);
  }
  return { first, last, seen, gaps: last - first + 1 - seen, paths, most, fewest, core };
}

/** The field by the formula, in pixels from the first to the last; it may lie outside the input. */
export function fieldOf(row, unit) {
  const middle = row.start + unit * row.jump;
  return [middle - (row.field - 1) / 2, middle + (row.field - 1) / 2];
}

/** The unit looked at, inside the last map; the middle one if none is chosen. */
export const chosenUnit = (unit, { size }) => [0, 1].map((axis) => Math.min(unit[axis] ?? Math.floor((size - 1) / 2), size - 1));

// ---- The goal and the words ----

export const GOAL = { input: 64, seen: 31, units: 16, convolutions: 3, filters: 16, parameters: 20000 };

/** What the goal asks for, line by line: [text, met]. */
export function goalChecks({ layers, size }, rows, error, spans) {
  const filters = layers.filter((layer) => !isPool(layer)).map((layer) => layer.filters);
  const seen = Math.min(...spans.map((span) => span.seen));
  return [
    [`input of ${GOAL.input} pixels${size === GOAL.input ? "" : `: move “Input size”, now ${size}`}`, size === GOAL.input],
    [`sees ${GOAL.seen} pixels across or more`, !error && seen >= GOAL.seen],
    ["no gap", !error && spans.every(({ gaps }) => gaps === 0)],
    [`${GOAL.units} × ${GOAL.units} units or more at the end`, !error && rows.at(-1).size >= GOAL.units],
    [`${GOAL.convolutions} convolutions or more, each with ${GOAL.filters} filters or more`,
      filters.length >= GOAL.convolutions && filters.every((count) => count >= GOAL.filters)],
    [`at most ${grouped(GOAL.parameters)} parameters`, !error && total(rows, "parameters") <= GOAL.parameters],
  ];
}

const english = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
export const grouped = (value) => english.format(value);
/** A count for people: 9,472, then 237.8 M or 3.87 G. */
export function shortCount(value) {
  const unit = [[1e12, "T"], [1e9, "G"], [1e6, "M"]].find(([size]) => value >= size);
  return unit ? `${Number((value / unit[0]).toPrecision(4))} ${unit[1]}` : grouped(value);
}
const counted = (count, word) => `${grouped(count)} ${word}${count === 1 ? "" : "s"}`;

/** What the picture shows, in sentences. spans: [down, across]. */
export function explain(settings, rows, error, spans) {
  if (error) return `${error} ${rows.length > 1 ? `The picture shows the stack up to layer ${rows.length - 1}.` : "Then the picture returns."}`;
  const row = rows.at(-1);
  const [down, across] = spans;
  const lines = [];
  const area = down.seen === across.seen ? "" : ` and ${down.seen} down`;
  lines.push(`The chosen unit of layer ${rows.length - 1} sees ${across.seen} of ${counted(settings.size, "pixel")} across${area}.`);
  const lost = row.field - (across.last - across.first + 1);
  if (lost) lines.push(`By the formula its field is ${row.field} pixels wide, but here paths to ${lost} of them end in padded zeros.`);
  if (across.gaps) {
    lines.push(`It skips ${counted(across.gaps, "pixel")} in between: no path leads from them to the unit.`);
  }
  if (across.most === across.fewest) {
    const each = across.most === 1 ? "exactly one path" : counted(across.most, "path");
    lines.push(`Each pixel it sees in this row has ${each}: a flat profile.`);
  } else {
    lines.push(`The busiest pixel of this row has ${counted(across.most, "path")} to the unit, the quietest ${grouped(across.fewest)}, `
      + `so they do not count alike: half of the paths start in ${across.core} of ${across.last - across.first + 1} columns.`);
  }
  const name = presetOf(settings);
  return `${name ? `${PRESETS[name].note}\n` : ""}${lines.join(" ")}`;
}

/** A pixel in words: its paths to the unit. `down` and `across` are counts of the input. */
export function tellPixel([row, column], down, across) {
  const count = down[row] * across[column];
  const all = [down, across].map((counts) => counts.reduce((sum, c) => sum + c, 0));
  const share = (100 * count) / Math.max(all[0] * all[1], 1);
  const product = count > 0 && down[row] > 1 && across[column] > 1 ? `${grouped(down[row])} × ${grouped(across[column])} = ` : "";
  const paths = `${product}${shortCount(count)} path${count === 1 ? "" : "s"} to the unit, ${number(share, share < 0.1 ? 3 : 1)} % of all.`;
  return `Pixel in row ${row}, column ${column}: ${count ? paths : "no path to the unit."}`;
}

// ---- The demo ----

const TRAITS = "layers input_size channels unit zoom goal_met";
const NEW = conv(3, { padding: "same" });

function render({ model, el }) {
  const page = createPage({ model, el, title: "Receptive field: what one unit sees" });
  const demo = { page, probe: null, colors: page.colors() };
  page.themed.add(() => (demo.colors = page.colors()));
  const parts = [settings, sideView, pixelLine, topView, goalList, editor, costs, words].map((part) => part(demo));
  const update = () => {
    compute(demo);
    for (const part of parts) part();
  };
  page.watch(TRAITS, frame(page, update));
  update();
  return page.dispose;
}

function compute(demo) {
  const { page } = demo;
  const [layers, size, channels] = ["layers", "input_size", "channels"].map(page.get);
  demo.settings = { layers, size, channels };
  Object.assign(demo, analyse(layers, size, channels));
  demo.unit = chosenUnit(page.get("unit"), demo.rows.at(-1));
  [demo.down, demo.across] = demo.unit.map((place) => trace(layers, demo.rows, place));
  demo.spansDown = demo.down.map(spanOf); // of every row
  demo.spansAcross = demo.across.map(spanOf);
  demo.spans = [demo.spansDown[0], demo.spansAcross[0]];
  if (demo.probe) demo.probe = demo.probe.map((place) => Math.min(place, size - 1));
}

/** The unit as it is set now: a second key may come before the next frame. */
const unitNow = ({ page, rows }) => chosenUnit(page.get("unit"), rows.at(-1));

/** Choose the unit nearest to these places of the input, in pixels: [row, column]. */
function chooseNear(demo, places, save = true) {
  const row = demo.rows.at(-1);
  const unit = places.map((place) => clamp(Math.round((place - row.start) / row.jump), 0, row.size - 1));
  if (String(unit) !== String(unitNow(demo)) || save) demo.page.set({ unit }, save);
}

/** Preset, size and channels of the input. */
function settings(demo) {
  const { page } = demo;
  const choose = (name) => {
    const one = PRESETS[name];
    if (one) page.set({ layers: one.layers, input_size: one.size, channels: one.channels, unit: [], zoom: one.size > 64 });
  };
  const names = Object.entries(PRESETS).map(([name, { title }]) => [name, title]);
  const stack = select(page, { label: "Stack", options: [["own", "Your own"], ...names], value: "own", onInput: choose });
  const size = slider(page, { label: "Input size", min: 16, max: 224, step: 1, trait: "input_size", format: (v) => `${v} × ${v}` });
  const channels = select(page, { label: "Channels", options: [["1", "1 (gray)"], ["3", "3 (color)"]], value: "1",
    onInput: (value) => page.set({ channels: Number(value) }) });
  page.figure.append(html("div", { class: "rf-settings" }, stack.element, size.element, channels.element));
  return () => {
    stack.value = presetOf(demo.settings) ?? "own";
    channels.value = String(demo.settings.channels);
  };
}

// ---- Pictures ----

/** A canvas with SVG above it, as wide as its parent and height(width) tall; draw(pad) after pad.redraw() and every resize. */
function createPad(page, { parent, label, height, draw }) {
  const canvas = html("canvas", { "aria-hidden": "true" });
  const front = svg("g", {});
  const picture = svg("svg", { role: "group", "aria-label": label }, front);
  const box = html("div", { class: "twice-plot" }, canvas, picture);
  const pad = { canvas, svg: picture, front, ctx: canvas.getContext("2d"), width: 0, height: 0, x: [0, 1], y: [0, 1] };
  let family = "sans-serif";
  const paint = () => {
    if (!pad.width) return;
    pad.height = Math.round(height(pad.width));
    const ratio = globalThis.devicePixelRatio || 1;
    const [wide, high] = [pad.width, pad.height].map((v) => Math.round(v * ratio));
    if (canvas.width !== wide || canvas.height !== high) {
      Object.assign(canvas, { width: wide, height: high });
      Object.assign(canvas.style, { left: 0, top: 0, width: `${pad.width}px`, height: `${pad.height}px` });
      make(picture, { width: pad.width, height: pad.height, viewBox: `0 0 ${pad.width} ${pad.height}` }, []);
    }
    pad.ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    pad.ctx.clearRect(0, 0, pad.width, pad.height);
    pad.ctx.font = `13px ${family}`;
    draw(pad);
  };
  pad.redraw = frame(page, paint);
  parent.append(box);
  const observer = new ResizeObserver(() => {
    pad.width = Math.floor(box.clientWidth);
    family = getComputedStyle(box).fontFamily;
    pad.redraw();
  });
  observer.observe(box);
  page.onDispose(() => observer.disconnect());
  page.themed.add(pad.redraw);
  return pad;
}

/** A handle: a wide target, the ring of the focus, a disc. */
const disc = (radius) => svg("g", {}, ...[["rf-hit", 20], ["twice-ring", radius + 5], ["rf-dot", radius]]
  .map(([name, r]) => svg("circle", { class: name, r })));

/** The pixels that any window can touch, with the padding: [from, to], in pixels. */
function reachOf(layers, rows) {
  let [low, high] = [-0.5, rows[0].size - 0.5];
  for (let at = 1; at < rows.length; at++) {
    const [below, { size }] = [rows[at - 1], rows[at]];
    const last = placeOf(layers, rows, at, size - 1, layers[at - 1].kernel - 1);
    low = Math.min(low, below.start - rows[at].pad * below.jump - 0.5);
    high = Math.max(high, below.start + last * below.jump + 0.5);
  }
  return [low, high];
}

const ROW = 62;
const BARS = 84;

/** The stack from the side: a row of units for every layer, and the lines from the chosen unit down to its pixels. */
function sideView(demo) {
  const { page } = demo;
  const heading = html("div", { class: "rf-heading" }, "From the side");
  const zoom = checkbox(page, { label: "Zoom in", trait: "zoom" });
  const legend = html("div", { class: "rf-legend" });
  const box = html("div", { class: "rf-side" }, html("div", { class: "rf-head" }, heading, zoom.element), legend);
  demo.pictures = html("div", { class: "rf-pictures" }, box);
  page.figure.append(demo.pictures);
  const pad = createPad(page, { parent: box, label: "All layers from the side", draw: () => demo.rows && draw(),
    height: (width) => 26 + (demo.rows.length - 1) * (width < 420 ? 56 : ROW) + 34 + BARS + 46 });
  const levelOf = (at) => 22 + (demo.rows.length - 1 - at) * (pad.width < 420 ? 56 : ROW);
  let [left, right] = [86, 10];
  pad.toX = (v) => left + ((v - pad.x[0]) / (pad.x[1] - pad.x[0])) * (pad.width - left - right);
  pad.fromX = (p) => pad.x[0] + ((p - left) / (pad.width - left - right)) * (pad.x[1] - pad.x[0]);
  pad.toY = () => levelOf(demo.rows.length - 1);
  pad.fromY = () => 0;
  const [names, node, pixel] = [svg("g", { class: "rf-names", "aria-hidden": "true" }), disc(7), disc(5)];
  pixel.classList.add("rf-pixel");
  pad.front.append(names, pixel, node);
  const place = () => { const row = demo.rows.at(-1); return row.start + demo.unit[1] * row.jump; };
  const edge = (key) => ({ Home: 0, End: demo.rows.at(-1).size - 1 })[key];
  moveByKeys(demo, node);
  dragHandle(page, pad, node, { position: () => [place(), 0], limits: () => [[0, demo.settings.size], [0, 0]],
    onMove: ([x]) => page.set({ unit: [unitNow(demo)[0], nearest(demo, x)] }, false), onEnd: () => page.set({}),
    onKey: ({ key }) => edge(key) !== undefined && (page.set({ unit: [unitNow(demo)[0], edge(key)] }), true) });
  probing(demo, pad, pixel, (x) => [demo.probe?.[0] ?? middlePixel(demo)[0], Math.round(pad.fromX(x))]);
  demo.side = pad;

  const draw = () => {
    const { rows, unit, across, settings: { layers, size }, probe } = demo;
    const { ctx } = pad;
    const { colors } = demo;
    left = pad.width < 420 ? 84 : 90;
    pad.x = page.get("zoom") ? zoomed(rows.at(-1), unit[1]) : reachOf(layers, rows);
    const spacing = pad.toX(1) - pad.toX(0);
    const xOf = (at, u) => pad.toX(rows[at].start + u * rows[at].jump);
    ctx.save();
    ctx.beginPath();
    ctx.rect(left - 6, 0, pad.width - left - right + 12, pad.height);
    ctx.clip();
    if (probe) {
      Object.assign(ctx, { fillStyle: colors.muted, globalAlpha: 0.18 });
      ctx.fillRect(pad.toX(probe[1] - 0.5), levelOf(0) - 10, Math.max(spacing, 2), 44 + BARS);
      ctx.globalAlpha = 1;
    }
    const marks = probe && reached(layers, rows, probe[1]);
    for (let at = rows.length - 1; at > 0; at--) drawLines(ctx, demo, at, [levelOf(at), levelOf(at - 1)], xOf, colors, marks);
    for (let at = 0; at < rows.length; at++) drawUnits(ctx, demo, at, levelOf(at), xOf, Math.min(5, 0.4 * spacing * rows[at].jump), colors);
    drawBars(ctx, demo, pad, levelOf(0) + 34, colors);
    ctx.restore();
    drawBracket(ctx, demo, pad, levelOf(0) + 20, [left, pad.width - right], colors);
    const bottom = levelOf(0) + 34 + BARS;
    const label = (x, y, text, more) => svg("text", { x, y, ...more }, text);
    const rowName = ({ kernel, stride, dilation }) => `${kernel} × ${kernel}${stride > 1 ? `, S${stride}` : ""}${dilation > 1 ? `, d${dilation}` : ""}`;
    const all = ticks(Math.max(0, pad.x[0]), Math.min(size - 1, pad.x[1]), pad.width < 420 ? 4 : 7).filter(Number.isInteger);
    fill(names, ...rows.flatMap((_, at) => (at === 0 ? [label(0, levelOf(0) + 4, "input", { class: "rf-row" })] : [
      label(0, levelOf(at) - 2, `${at} ${SHORT[layers[at - 1].kind]}`, { class: "rf-row" }),
      label(0, levelOf(at) + 14, rowName(layers[at - 1]), { class: "rf-fine" })])),
    label(0, bottom - BARS + 14, "paths", { class: "rf-row" }),
    label(0, bottom - BARS + 30, `up to ${shortCount(demo.spans[1].most)}`, { class: "rf-fine" }),
    ...all.map((v) => label(pad.toX(v), bottom + 17, v, { class: "rf-fine", "text-anchor": "middle" })),
    label((left + pad.width - right) / 2, bottom + 37, "column of the input", { "text-anchor": "middle" }));
    const at = rows.length - 1;
    make(node, { transform: `translate(${xOf(at, unit[1]).toFixed(1)} ${levelOf(at)})`,
      "aria-label": `Unit in column ${unit[1]} of ${rows[at].size} in `
      + `${at ? `layer ${at}` : "the input"}: it sees ${counted(demo.spans[1].seen, "pixel")} across. Arrow keys, Home and End move it.` }, []);
    const column = (probe ?? middlePixel(demo))[1];
    make(pixel, { transform: `translate(${pad.toX(column).toFixed(1)} ${levelOf(0)})`,
      "aria-label": `Pixel in column ${column}: ${counted(across[0][column] ?? 0, "path")} in this row. Arrow keys choose another pixel.` }, []);
  };
  return () => {
    const { rows, spans: [, { first, last }], settings: { layers } } = demo;
    const short = layers.some((layer) => layer.stride > 1 || dilationOf(layer) > 1);
    const item = (name, text) => html("span", {}, html("i", { class: `rf-swatch rf-${name}` }), text);
    fill(legend, item("unit", "the unit"), item("seen", "leads to it"),
      demo.spansAcross.some((span) => span.gaps) ? item("gap", "skipped") : null,
      rows.at(-1).field > last - first + 1 ? item("padded", "padded zero") : null,
      short ? html("span", {}, "S: stride, d: dilation") : null);
    pad.redraw();
  };
}

const nearest = ({ rows }, x) => clamp(Math.round((x - rows.at(-1).start) / rows.at(-1).jump), 0, rows.at(-1).size - 1);
const middlePixel = ({ spans }) => spans.map(({ first, last }) => Math.round((first + last) / 2));

/** Where the pictures begin and end when zoomed in: the field and a margin. */
function zoomed(row, place) {
  const [first, last] = fieldOf(row, place);
  const margin = Math.max(2, 0.1 * (last - first));
  return [first - margin - 0.5, last + margin + 0.5];
}

const WAYS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/** The arrow keys move the unit by one, whatever it measures in pixels: so they are taken here, before dragHandle. */
function moveByKeys(demo, node) {
  node.addEventListener("keydown", (event) => {
    const way = WAYS[event.key];
    if (!way || event.altKey || event.ctrlKey || event.metaKey) return;
    const last = demo.rows.at(-1).size - 1;
    demo.page.set({ unit: unitNow(demo).map((place, axis) => clamp(place + way[axis], 0, last)) });
    event.preventDefault();
    event.stopImmediatePropagation();
  });
}

/** Hovering, touching or arrow keys choose a pixel; leaving lets it go. */
function probing(demo, pad, node, pixelAt) {
  const choose = (probe) => {
    demo.probe = probe?.map((place) => clamp(place, 0, demo.settings.size - 1)) ?? null;
    demo.showPixel();
  };
  const hover = ({ clientX, clientY }) => {
    const box = pad.svg.getBoundingClientRect();
    choose(pixelAt(clientX - box.left, clientY - box.top));
  };
  for (const type of ["pointermove", "pointerdown"]) pad.svg.addEventListener(type, hover);
  pad.svg.addEventListener("pointerleave", ({ pointerType }) => pointerType === "touch" || choose(null)); // a tap stays
  if (!node) return;
  make(node, { tabindex: 0, role: "button", "aria-roledescription": "movable point", class: "twice-handle rf-pixel" }, []);
  node.addEventListener("focus", () => node.matches(":focus-visible") && choose(middlePixel(demo)));
  node.addEventListener("blur", () => choose(null));
  node.addEventListener("keydown", (event) => {
    const way = WAYS[event.key];
    if (!way || !demo.probe) return;
    choose(demo.probe.map((place, axis) => place + way[axis]));
    event.preventDefault();
  });
}

/** The lines from the units of row `at` to what they look at below; those from the pixel probed are stronger. */
function drawLines(ctx, demo, at, [top, bottom], xOf, colors, marks) {
  const { rows, across, settings: { layers } } = demo;
  const paths = [new Path2D(), new Path2D(), new Path2D()]; // plain, into the padding, from the probed pixel
  let count = 0;
  across[at].forEach((value, u) => {
    if (!value) return;
    for (let tap = 0; tap < layers[at - 1].kernel; tap++) {
      const place = placeOf(layers, rows, at, u, tap);
      const inside = place >= 0 && place < rows[at - 1].size;
      const path = paths[!inside ? 1 : marks?.[at - 1][place] ? 2 : 0];
      path.moveTo(xOf(at, u), top);
      path.lineTo(xOf(at - 1, place), bottom);
      count += 1;
    }
  });
  const alpha = clamp(30 / count, 0.25, 0.8);
  const looks = [[colors.curve, 1.2, alpha, []], [colors.muted, 1, 0.8, [2, 4]], [colors.ink, 2, 0.9, []]];
  looks.forEach(([strokeStyle, lineWidth, globalAlpha, dash], i) => {
    Object.assign(ctx, { strokeStyle, lineWidth, globalAlpha });
    ctx.setLineDash(dash);
    ctx.stroke(paths[i]);
  });
  ctx.setLineDash([]);
  ctx.globalAlpha = 1;
}

/** A row of units: those that lead to the chosen one are filled, skipped ones between them are rings, padding is a square. */
function drawUnits(ctx, demo, at, y, xOf, size, colors) {
  const { rows, across, settings: { layers } } = demo;
  const { first, last } = demo.spansAcross[at];
  const radius = Math.max(size, 1.5);
  const [idle, seen, skipped] = [new Path2D(), new Path2D(), new Path2D()];
  across[at].forEach((count, u) => {
    const x = xOf(at, u);
    const [path, r] = count ? [seen, radius] : u > first && u < last ? [skipped, radius] : [idle, Math.max(0.6 * size, 0.8)];
    if (r < 1.5) path.rect(x - r, y - r, 2 * r, 2 * r); // a dot so small is as well a square, and faster
    else { path.moveTo(x + r, y); path.arc(x, y, r, 0, 2 * Math.PI); }
  });
  Object.assign(ctx, { fillStyle: colors.muted, globalAlpha: 0.45 });
  ctx.fill(idle);
  Object.assign(ctx, { fillStyle: colors.curve, globalAlpha: 1 });
  ctx.fill(seen);
  Object.assign(ctx, { fillStyle: colors.surface, strokeStyle: colors.class1, lineWidth: Math.min(2, radius) });
  ctx.fill(skipped);
  ctx.stroke(skipped);
  if (at === rows.length - 1) return;
  const outside = new Set();
  across[at + 1].forEach((count, u) => {
    for (let tap = 0; count && tap < layers[at].kernel; tap++) outside.add(placeOf(layers, rows, at + 1, u, tap));
  });
  Object.assign(ctx, { strokeStyle: colors.muted, fillStyle: colors.surface, lineWidth: 1.5 });
  for (const place of outside) {
    if (place >= 0 && place < rows[at].size) continue;
    const half = 0.8 * radius;
    ctx.beginPath();
    ctx.rect(xOf(at, place) - half, y - half, 2 * half, 2 * half);
    ctx.fill();
    ctx.stroke();
  }
}

/** The paths of every pixel of this row, as bars. */
function drawBars(ctx, demo, pad, top, colors) {
  const counts = demo.across[0];
  const { most, first, last } = demo.spans[1];
  const spacing = pad.toX(1) - pad.toX(0);
  const wide = spacing > 4 ? spacing - 1 : spacing;
  counts.forEach((count, i) => {
    const height = (BARS - 8) * (count / Math.max(most, 1));
    ctx.fillStyle = demo.probe?.[1] === i ? colors.ink : count ? colors.curve : colors.class1;
    if (count) ctx.fillRect(pad.toX(i) - wide / 2, top + BARS - height, wide, height);
    else if (i > first && i < last) ctx.fillRect(pad.toX(i) - wide / 2, top + BARS - 3, wide, 3);
  });
  Object.assign(ctx, { strokeStyle: colors.muted, lineWidth: 1 });
  ctx.beginPath();
  ctx.moveTo(pad.toX(-0.5), top + BARS + 0.5);
  ctx.lineTo(pad.toX(counts.length - 0.5), top + BARS + 0.5);
  ctx.stroke();
}

/** Below the input, from the first to the last pixel seen. */
function drawBracket(ctx, demo, pad, y, [left, right], colors) {
  const { first, last, seen } = demo.spans[1];
  if (!seen) return;
  const [from, to] = [pad.toX(first - 0.5), pad.toX(last + 0.5)];
  Object.assign(ctx, { strokeStyle: colors.path, lineWidth: 2 });
  ctx.beginPath();
  ctx.moveTo(from + 1, y - 5); ctx.lineTo(from + 1, y); ctx.lineTo(to - 1, y); ctx.lineTo(to - 1, y - 5);
  ctx.stroke();
  const text = last - first + 1 === seen ? `${seen}` : `${seen} of ${last - first + 1}`;
  const half = ctx.measureText(text).width / 2 + 4;
  const x = clamp((from + to) / 2, left + half, right - half);
  Object.assign(ctx, { font: ctx.font.replace("13px", "600 13px"), textAlign: "center", lineWidth: 6, lineJoin: "round" });
  Object.assign(ctx, { strokeStyle: colors.surface, fillStyle: colors.path });
  ctx.strokeText(text, x, y + 5);
  ctx.fillText(text, x, y + 5);
}

/** Paint the units of row `at` that lead to the chosen one: darker where more paths do, orange where one inside the field is
 *  skipped. `whole`: left, top and size of the whole map. */
function heat(ctx, [left, top, size], { down, across, spansDown, spansAcross, rows, colors }, at) {
  const [[r, c], cell] = [[spansDown[at], spansAcross[at]], size / rows[at].size];
  const [high, wide] = [r.last - r.first + 1, c.last - c.first + 1];
  if (high < 1 || wide < 1) return;
  const [seen, skipped] = [colors.curve, colors.class1].map((color) => [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16)));
  const image = new ImageData(wide, high);
  const { data } = image;
  for (let i = 0, byte = 0; i < high; i++) {
    for (let j = 0; j < wide; j++, byte += 4) {
      const share = (down[at][r.first + i] * across[at][c.first + j]) / (r.most * c.most);
      const color = share ? seen : skipped;
      for (let k = 0; k < 3; k++) data[byte + k] = color[k];
      data[byte + 3] = share ? 50 + 205 * Math.sqrt(share) : 90;
    }
  }
  Object.assign(scratch().canvas, { width: wide, height: high });
  scratch().putImageData(image, 0, 0);
  ctx.imageSmoothingEnabled = false;
  ctx.drawImage(scratch().canvas, left + c.first * cell, top + r.first * cell, wide * cell, high * cell);
}
const scratch = () => (scratch.ctx ??= html("canvas", {}).getContext("2d", { willReadFrequently: true })); // one for all maps

/** The input from above, and below it the map of every layer. */
function topView(demo) {
  const { page } = demo;
  const box = html("div", { class: "rf-top" }, html("div", { class: "rf-heading" }, "From above: the input"));
  demo.pictures.append(box);
  const pad = createPad(page, { parent: box, label: "The input from above", height: (width) => width - 18, draw: () => demo.rows && draw() });
  pad.svg.classList.add("rf-input");
  const [axes, node] = [svg("g", { class: "rf-names", "aria-hidden": "true" }), disc(4)];
  pad.front.append(axes, node);
  const area = () => { const size = pad.width - 62; return [44, 4, size]; };
  const middle = () => { const row = demo.rows.at(-1); return demo.unit.map((u) => row.start + u * row.jump); };
  let [origin, cell] = [[-0.5, -0.5], 1]; // the pixel at the corner, and how wide a pixel is drawn
  Object.assign(pad, { toX: (v) => area()[0] + (v - origin[1]) * cell, toY: (v) => area()[1] + (-v - origin[0]) * cell, // up is positive
    fromX: (p) => origin[1] + (p - area()[0]) / cell, fromY: (p) => -origin[0] - (p - area()[1]) / cell });
  const toPixel = (x, y) => [-pad.fromY(y), pad.fromX(x)];
  moveByKeys(demo, node);
  dragHandle(page, pad, node, { position: () => [middle()[1], -middle()[0]], onEnd: () => page.set({}),
    limits: () => [[0, demo.settings.size], [-demo.settings.size, 0]], onMove: ([x, y]) => chooseNear(demo, [-y, x], false) });
  const inside = (pixel) => (pixel.every((place) => place > -0.5 && place < demo.settings.size - 0.5) ? pixel.map(Math.round) : null);
  probing(demo, pad, null, (x, y) => inside(toPixel(x, y)));
  pad.svg.addEventListener("click", (event) => {
    const edge = pad.svg.getBoundingClientRect();
    if (!event.target.closest(".twice-handle")) chooseNear(demo, toPixel(event.clientX - edge.left, event.clientY - edge.top));
  });
  demo.top = pad;
  const maps = html("div", { class: "rf-maps" });
  box.append(html("small", { class: "twice-hint" }, "Click to choose another unit. Its path through the maps:"), maps);

  const draw = () => {
    const { rows, unit, settings: { size }, probe } = demo;
    const [left, top, side] = area();
    const { ctx } = pad;
    const { colors } = demo;
    const row = rows.at(-1);
    const views = unit.map((place) => (page.get("zoom") ? zoomed(row, place) : [-0.5, size - 0.5]));
    origin = views.map(([from]) => from);
    cell = side / (views[0][1] - views[0][0]);
    const whole = [pad.toX(-0.5), pad.toY(0.5), size * cell];
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, side, side);
    ctx.clip();
    ctx.fillStyle = colors.raised;
    ctx.fillRect(whole[0], whole[1], whole[2], whole[2]);
    heat(ctx, whole, demo, 0);
    if (cell >= 5) gridLines(ctx, whole, size, colors.surface);
    if (row.jump > 1 && cell * row.jump >= 7) {
      Object.assign(ctx, { fillStyle: colors.muted, globalAlpha: 0.6 });
      for (let r = 0; r < row.size; r++) {
        for (let c = 0; c < row.size; c++) ctx.fillRect(pad.toX(row.start + c * row.jump) - 1, pad.toY(-row.start - r * row.jump) - 1, 2, 2);
      }
      ctx.globalAlpha = 1;
    }
    ctx.restore();
    Object.assign(ctx, { strokeStyle: colors.muted, lineWidth: 1 });
    ctx.strokeRect(left + 0.5, top + 0.5, side - 1, side - 1);
    const [vertical, horizontal] = unit.map((place) => fieldOf(row, place));
    ctx.save();
    ctx.beginPath();
    ctx.rect(left - 14, 0, side + 28, side + 18);
    ctx.clip();
    Object.assign(ctx, { strokeStyle: colors.path, lineWidth: 2 });
    const outline = ([r0, r1], [c0, c1]) => ctx.strokeRect(pad.toX(c0 - 0.5), pad.toY(-r0 + 0.5), (c1 - c0 + 1) * cell, (r1 - r0 + 1) * cell);
    const cut = [...vertical, ...horizontal].some((place) => place < 0 || place > size - 1);
    if (cut) { ctx.setLineDash([4, 4]); outline(vertical, horizontal); ctx.setLineDash([]); }
    ctx.beginPath();
    ctx.rect(Math.max(left, whole[0]), Math.max(top, whole[1]), Math.min(side, whole[2]), Math.min(side, whole[2]));
    ctx.clip();
    outline(vertical, horizontal);
    if (probe) {
      Object.assign(ctx, { strokeStyle: colors.ink });
      ctx.strokeRect(pad.toX(probe[1] - 0.5), pad.toY(-probe[0] + 0.5), Math.max(cell, 4), Math.max(cell, 4));
    }
    ctx.restore();
    const marks = views.map(([from, to]) => ticks(Math.max(0, from), Math.min(size - 1, to), 4).filter(Number.isInteger));
    fill(axes, ...marks[1].map((v) => svg("text", { class: "rf-fine", x: pad.toX(v), y: top + side + 17, "text-anchor": "middle" }, v)),
      ...marks[0].map((v) => svg("text", { class: "rf-fine", x: left - 7, y: pad.toY(-v) + 4, "text-anchor": "end" }, v)),
      svg("text", { x: left + side / 2, y: top + side + 34, "text-anchor": "middle" }, "column"),
      svg("text", { transform: `translate(12 ${top + side / 2}) rotate(-90)`, "text-anchor": "middle" }, "row"));
    const [r, c] = middle();
    make(node, { transform: `translate(${pad.toX(c).toFixed(1)} ${pad.toY(-r).toFixed(1)})`,
      "aria-label": `Unit in row ${unit[0]}, column ${unit[1]} of ${row.size} × ${row.size}. `
        + `It sees ${demo.spans[0].seen} × ${demo.spans[1].seen} pixels. Arrow keys move it.` }, []);
  };
  const all = Array.from({ length: 9 }, () => {
    const [canvas, caption] = [html("canvas", { "aria-hidden": "true" }), html("small", {})];
    return { ctx: canvas.getContext("2d"), canvas, caption, element: html("span", {}, canvas, caption) };
  });
  maps.append(...all.map(({ element }) => element));
  const drawMaps = () => {
    const { rows } = demo;
    const ratio = globalThis.devicePixelRatio || 1;
    all.forEach(({ ctx, canvas, caption, element }, at) => {
      element.hidden = at >= rows.length;
      if (element.hidden) return;
      const side = Math.max(10, Math.round(52 * Math.sqrt(rows[at].size / rows[0].size)));
      Object.assign(canvas, { width: side * ratio, height: side * ratio });
      Object.assign(canvas.style, { width: `${side}px`, height: `${side}px` });
      heat(ctx, [0, 0, side * ratio], demo, at);
      caption.textContent = at ? `${at}: ${rows[at].size}²` : `${rows[at].size}²`;
    });
  };
  page.themed.add(() => demo.rows && drawMaps());
  return () => { pad.redraw(); drawMaps(); };
}

function gridLines(ctx, [left, top, side], n, color) {
  Object.assign(ctx, { strokeStyle: color, lineWidth: 1, globalAlpha: 0.7 });
  ctx.beginPath();
  for (let i = 1; i < n; i++) {
    const at = Math.round((i * side) / n) + 0.5;
    ctx.moveTo(left + at, top); ctx.lineTo(left + at, top + side);
    ctx.moveTo(left, top + at); ctx.lineTo(left + side, top + at);
  }
  ctx.stroke();
  ctx.globalAlpha = 1;
}

/** One line of text: the pixel under the pointer, and its paths. */
function pixelLine(demo) {
  const line = html("p", { class: "rf-pixel-line", role: "status" });
  demo.pictures.firstChild.append(line, demo.page.main.querySelector(".twice-say"));
  demo.showPixel = () => {
    const { probe, down, across, side, top } = demo;
    line.textContent = probe ? tellPixel(probe, down[0], across[0]) : "Point at a pixel to count its paths to the unit.";
    side.redraw();
    top?.redraw();
  };
  return demo.showPixel;
}

// ---- The stack, its costs, the words ----

/** A row of native inputs for every layer; eight rows are made once, so that nothing loses its focus. */
function editor(demo) {
  const { page } = demo;
  const change = (i, patch) => page.set({ layers: page.get("layers").map((layer, at) => (at === i ? patch(layer) : layer)) });
  const numbers = (...values) => values.map((value) => [String(value), String(value)]);
  const fields = [
    ["kernel", "Kernel", numbers(1, 2, 3, 4, 5, 6, 7)],
    ["stride", "Stride", numbers(1, 2, 3, 4)],
    ["dilation", "Dilation", numbers(1, 2, 3, 4, 6, 8)],
    ["padding", "Padding", [["valid", "valid"], ["same", "same"]]],
    ["filters", "Filters", numbers(1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256, 512)],
  ];
  const rows = Array.from({ length: 8 }, (_, i) => {
    const named = (label, options, onInput) => {
      const control = select(page, { label, options, value: options[0][0], onInput });
      control.input.setAttribute("aria-label", `${label} of layer ${i + 1}`);
      return control;
    };
    const kind = named("Kind", Object.entries(KINDS), (value) => change(i, (layer) => turnInto(layer, value)));
    const controls = Object.fromEntries(fields.map(([name, label, options]) => [name, named(label, options, (value) =>
      change(i, (layer) => ({ ...layer, [name]: name === "padding" ? value : Number(value) })))]));
    const remove = button({ label: "✕", title: `Remove layer ${i + 1}`, onClick: () => {
      if (page.get("layers").length === 1) return;
      page.set({ layers: page.get("layers").filter((_, at) => at !== i) });
      if (i >= page.get("layers").length || page.get("layers").length === 1) add.input.focus(); // this button is gone, or off
    } });
    remove.input.setAttribute("aria-label", `Remove layer ${i + 1}`);
    const element = html("div", { class: "rf-layer", role: "group", "aria-label": `Layer ${i + 1}` },
      html("b", { "aria-hidden": "true" }, String(i + 1)),
      kind.element, remove.element, ...Object.values(controls).map((control) => control.element));
    return { kind, controls, remove, element };
  });
  const add = button({ label: "Add a layer", primary: true, title: "A 3 × 3 convolution on top",
    onClick: () => page.set({ layers: [...page.get("layers"), NEW].slice(0, 8) }) });
  const reset = button({ label: "Reset", title: "Everything as it was at first", onClick: () => {
    const { layers, size, channels } = PRESETS.lenet;
    demo.found = undefined;
    page.set({ layers, input_size: size, channels, unit: [], zoom: false, goal_met: false });
  } });
  const middle = button({ label: "Middle unit", title: "Back to the unit in the middle", onClick: () => page.set({ unit: [] }) });
  page.actions.append(add.element, middle.element, reset.element);
  const heading = html("div", { class: "rf-heading rf-section" }, "Your stack, from the input up");
  page.main.append(heading, html("div", { class: "rf-editor" }, ...rows.map(({ element }) => element)), page.actions,
    html("small", { class: "twice-hint" }, "A layer has a stride or a dilation, as in Keras’s Conv2D: set one back to 1 to use the other. "
      + "Pooling has neither dilation nor filters."));
  return () => {
    const { layers } = demo.settings;
    add.input.disabled = layers.length === 8;
    rows.forEach(({ kind, controls, remove, element }, i) => {
      const layer = layers[i];
      element.hidden = !layer;
      if (!layer) return;
      element.classList.toggle("rf-wrong", Boolean(demo.error) && i === demo.rows.length - 1);
      kind.value = layer.kind;
      for (const [name, control] of Object.entries(controls)) {
        const value = String(layer[name] ?? (name === "dilation" ? 1 : ""));
        const known = [...control.input.options].some((option) => option.value === value);
        if (value && !known) control.input.append(html("option", { value }, value)); // what Python chose
        control.value = value;
      }
      controls.dilation.input.disabled = isPool(layer) || layer.stride > 1;
      controls.stride.input.disabled = dilationOf(layer) > 1;
      element.classList.toggle("rf-pool", isPool(layer));
      controls.filters.input.disabled = isPool(layer);
      remove.input.disabled = layers.length === 1;
    });
  };
}

/** The table of sizes, fields and costs. */
function costs(demo) {
  const { page } = demo;
  const table = html("div", { class: "rf-table", role: "table", "aria-label": "Size, field and cost of every layer" });
  page.main.append(html("div", { class: "rf-heading rf-section" }, "What it sees and what it costs"), table,
    html("small", { class: "twice-hint" }, "Field r = r′ + (m − 1) · d · j′ and jump j = j′ · S, with m the kernel’s size, d the dilation, S the stride, and r′ and j′ of the layer below. "
      + "A multiplication and an addition are 2 FLOPs; pooling takes 1 for each number it looks at; biases are not counted."));
  const line = (name, [first, ...cells], role = "cell") => html("div", { role: "row", class: name },
    html("div", { role: role === "cell" ? "rowheader" : role }, first), ...cells.map((cell) => html("div", { role }, cell)));
  const name = (at) => (at ? `${at} ${SHORT[demo.settings.layers[at - 1].kind]}` : "input");
  return () => {
    const { rows, error } = demo;
    const wide = html("span", { class: "rf-wide" }, "eter"); // "params" where there is little room
    const head = line("rf-titles", ["layer", "output", "field", "jump", html("span", {}, "param", wide, "s"), "FLOPs"], "columnheader");
    fill(table, head, ...rows.map((row, at) => line("", [name(at), `${row.size}² × ${row.channels}`, grouped(row.field), grouped(row.jump),
      ...(at ? [grouped(row.parameters), shortCount(row.flops)] : ["", ""])])),
    error ? line("rf-wrong", [name(rows.length), "does not fit", "", "", "", ""]) : null,
    line("rf-total", ["total", "", "", "", grouped(total(rows, "parameters")), shortCount(total(rows, "flops"))]));
  };
}

/** What the goal asks for, each line with its mark. */
function goalList(demo) {
  const list = html("ul", { class: "rf-checks" });
  demo.pictures.lastChild.append(html("div", { class: "rf-heading rf-section" }, "The goal, line by line"), list);
  return () => {
    demo.checks = goalChecks(demo.settings, demo.rows, demo.error, demo.spans);
    fill(list, ...demo.checks.map(([text, met]) => html("li", { class: met ? "rf-yes" : null },
      html("span", { role: "img", "aria-label": met ? "met:" : "not yet:" }, met ? "✓" : "○"), text)));
  };
}

/** The sentences and the goal. */
function words(demo) {
  const { page } = demo;
  const spoken = html("p", { class: "rf-spoken", role: "status" });
  page.main.append(spoken);
  let wait = 0;
  page.onDispose(() => clearTimeout(wait));
  return () => {
    const text = explain(demo.settings, demo.rows, demo.error, demo.spans);
    page.say(text, { quiet: true });
    clearTimeout(wait);
    wait = setTimeout(() => { spoken.textContent = text; }, 500);
    if (demo.checks.every(([, met]) => met)) {
      const seen = Math.min(...demo.spans.map((span) => span.seen));
      demo.found = `Your unit sees ${seen} pixels across, without a gap, with ${grouped(total(demo.rows, "parameters"))} parameters.`;
    }
    const met = Boolean(demo.found) || page.get("goal_met");
    page.goal(met, met ? demo.found ?? "You built a stack that sees far for few parameters." : undefined);
  };
}

export default { render };
