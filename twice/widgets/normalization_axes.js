/* normalization_axes.js: which cells of a batch share a mean? Six methods, one block of numbers.
 * Above "The demo": pure functions, tested in tests/test_normalization_axes_demo.py. A block is a flat list of N samples x C channels x P positions, the position fastest. */

// ---- Numbers ----

export const SIZES = [4, 6, 4]; // samples, channels, positions: at most
const [, C] = SIZES;
export const GROUPS = [1, 2, 3, 6];

/** Start numbers, (4, 6, 4): each channel has a mean and a spread of its own; to one decimal. */
export function drawn(seed) {
  const draw = seeded(seed);
  const channels = Array.from({ length: C }, () => [draw.normal(), 0.6 + 0.8 * draw.next()]);
  const one = ([mean, spread]) => Math.floor(10 * (mean + spread * draw.normal()) + 0.5) / 10;
  return Array.from({ length: SIZES[0] }, () => channels.map((channel) => Array.from({ length: SIZES[2] }, () => one(channel))));
}

export const place = (i, P) => [Math.floor(i / (C * P)), Math.floor(i / P) % C, i % P];
export const flat = (values, N, P) => values.slice(0, N).flatMap((rows) => rows.flatMap((row) => row.slice(0, P)));

export const still = ({ scale, shift }) => Math.abs(scale - 1) < 1e-9 && Math.abs(shift) < 1e-9;

/** First the channel's disturbance, then the sample's: {index, scale, shift} each. */
export function disturb(x, P, sample, channel) {
  return x.map((v, i) => {
    const [n, c] = place(i, P);
    if (c === channel.index) v = channel.scale * v + channel.shift;
    return n === sample.index ? sample.scale * v + sample.shift : v;
  });
}

/** The start number that shows as `value` in a cell. */
export function undisturbed(value, [n, c], sample, channel) {
  if (n === sample.index) value = (value - sample.shift) / sample.scale;
  if (c === channel.index) value = (value - channel.shift) / channel.scale;
  return Number(value.toFixed(6));
}

// ---- Methods ----

export const METHODS = {
  batch: { name: "Batch", keras: () => "BatchNormalization()", key: (n, c) => c },
  layer: { name: "Layer", keras: () => "LayerNormalization(axis=[1, 2, 3])", key: (n) => n },
  layer_last: { name: "Layer, axis −1", keras: () => "LayerNormalization()", key: (n, c, p, P) => n * P + p },
  instance: { name: "Instance", keras: () => "GroupNormalization(groups=-1)", key: (n, c) => n * C + c },
  group: { name: "Group", keras: (groups) => `GroupNormalization(groups=${groups})`, key: (n, c, p, P, groups) => n * groups + Math.floor((c * groups) / C) },
  rms: { name: "RMS", keras: () => "RMSNormalization()", key: (n, c, p, P) => n * P + p },
};

/** The number of its group for every cell. */
export const keysOf = (length, P, { method, groups }) => Array.from({ length }, (_, i) => METHODS[method].key(...place(i, P), P, groups));

/** The statistics of every group. */
export function moments(x, keys) {
  const count = Math.max(...keys) + 1;
  const [size, mean, variance, square] = [0, 0, 0, 0].map(() => new Array(count).fill(0));
  keys.forEach((k, i) => { size[k] += 1; mean[k] += x[i]; square[k] += x[i] ** 2; });
  for (let k = 0; k < count; k++) { mean[k] /= size[k]; square[k] /= size[k]; }
  keys.forEach((k, i) => (variance[k] += (x[i] - mean[k]) ** 2 / size[k]));
  return { size, mean, variance, square };
}

/** y = (x - mean) / sqrt(variance + epsilon) in each group; RMS takes no mean; inference: batch norm's running values. */
export function normalize(x, P, how) {
  const keys = keysOf(x.length, P, how);
  const { size, mean, variance, square } = moments(x, keys);
  let used = { mean, variance };
  if (how.method === "rms") used = { mean: mean.map(() => 0), variance: square };
  if (how.method === "batch" && how.inference) used = { mean: how.moving_mean, variance: how.moving_variance };
  return { keys, size, ...used, y: x.map((v, i) => (v - used.mean[keys[i]]) / Math.sqrt(used.variance[keys[i]] + how.epsilon)) };
}

/** Keras's rule: running = momentum * running + (1 - momentum) * batch, with the biased variance. */
export function oneMoreBatch(x, P, { momentum, moving_mean, moving_variance, start_weight, batches }) {
  const { mean, variance } = moments(x, keysOf(x.length, P, { method: "batch" }));
  const mix = (old, now) => old.map((v, c) => momentum * v + (1 - momentum) * now[c]);
  return { moving_mean: mix(moving_mean, mean), moving_variance: mix(moving_variance, variance), start_weight: momentum * start_weight, batches: batches + 1 };
}

const largest = (x) => x.reduce((most, v) => Math.max(most, Math.abs(v)), 0);

/** By how much the disturbances change the output, at most. */
export function trace(x, P, how, sample, channel) {
  const plain = normalize(x, P, how).y;
  return largest(normalize(disturb(x, P, sample, channel), P, how).y.map((v, i) => v - plain[i]));
}

export const HIDDEN = 0.1; // one step of the last digit that a cell shows
const none = ({ index }) => ({ index, scale: 1, shift: 0 });

/** Every disturbance on its own, and both. */
export const traces = (x, P, how, sample, channel) => ({
  sample: trace(x, P, how, sample, none(channel)), channel: trace(x, P, how, none(sample), channel), both: trace(x, P, how, sample, channel) });

/** Sample and channel ten times too bright, and nobody can tell. */
const bothHidden = ({ sample, channel }, y, both) => sample.scale >= 9.95 && channel.scale >= 9.95 && both < HIDDEN && largest(y) > 0.5;

/** The goal. With one sample, batch norm is instance norm; with one position, two cells become 1 and −1. */
export const goalReached = (now, y, both) => now.N > 1 && now.P > 1 && bothHidden(now, y, both);

/** Whether the cells can still be told apart. */
export const apart = (y) => Math.max(...y) - Math.min(...y) > HIDDEN;

// ---- Words ----

const plural = (count, word) => `${count} ${word}${count === 1 ? "" : word.endsWith("ch") ? "es" : "s"}`;
const fine = (v) => number(v, v >= 1 ? 2 : v >= 0.1 ? 3 : 4);
const minus = (v) => (v < 0 && !number(v).match(/^0\.?0*$/) ? `+ ${number(-v)}` : `− ${number(Math.abs(v))}`);

/** (1.70 − 0.40) / √(0.810 + 0.001) = 1.44 */
export function formula(x, mean, variance, y, { method, epsilon }) {
  const top = method === "rms" ? number(x) : `(${number(x)} ${minus(mean)})`;
  return `${top} / √(${fine(variance)} + ${epsilon}) = ${number(y)}`;
}

/** The cells in the group of [n, c, p]. */
export function groupInWords([n, c, p], N, P, { method, groups }) {
  const [samples, places] = [N === 1 ? "the only sample" : `all ${N} samples`, P === 1 ? "its one position" : `all ${P} positions`];
  const first = Math.floor((c * groups) / C) * (C / groups);
  const some = groups === C ? `channel ${c + 1}` : `channels ${first + 1} to ${first + C / groups}`;
  const here = `the ${C} channels of sample ${n + 1} at position ${p + 1}`;
  return {
    batch: `channel ${c + 1} of ${samples}, ${places}`,
    layer: `all ${C} channels of sample ${n + 1}, ${places}`,
    layer_last: here,
    instance: `channel ${c + 1} of sample ${n + 1}, ${places}`,
    group: `${some} of sample ${n + 1}, ${places}`,
    rms: here,
  }[method];
}

const within = (m) => m.mean.every((v) => Math.abs(v) < 0.01) && m.variance.every((v) => Math.abs(Math.sqrt(v) - 1) < 0.05);
const range = (values) => `from ${number(Math.min(...values))} to ${number(Math.max(...values))}`;

/** What the numbers mean now. */
export function explain(y, P, how, size, perSample, perChannel) {
  const { method, inference, start_weight, batches } = how;
  const N = y.length / (C * P);
  if (method === "batch" && inference) {
    return `Batch norm at inference takes each channel’s running mean and variance: no cell looks at another. ` +
      `${batches ? `${plural(batches, "batch")} ${batches > 1 ? "make" : "makes"} up ${number(100 * (1 - start_weight), 0)}% of them, the start (mean 0, variance 1) the rest.` : "They have seen no batch: mean 0, variance 1. The numbers pass almost unchanged."}`;
  }
  const head = `${METHODS[method].name.split(",")[0]} norm measures ${plural(size[0], "cell")} at a time.`;
  if (size[0] === 1) return `${head} A cell that is alone is its own mean: every output is 0, and nothing is left to learn from.`;
  if (N * P === 1) return `${head} Each channel is one cell now, and the cells differ: ${range(y)}.`;
  if (N === 1 && method === "batch") return `${head} With a single sample, that is instance norm.`;
  const [samples, channels] = [within(perSample), within(perChannel)];
  if (method === "rms") return `${head} So every sample has root mean square 1, but a mean of its own.`;
  if (samples && channels) return `${head} So every sample and every channel has mean 0 and standard deviation 1: brightness and contrast are gone from both.`;
  const even = (what, others, m) => `${head} So every ${what} has mean 0 and standard deviation 1. The ${others} keep their differences: standard deviations ${range(m.variance.map(Math.sqrt))}.`;
  if (samples) return even("sample", "channels", perChannel);
  if (channels) return even("channel", "samples", perSample);
  return `${head} Where a variance is as small as ε, the standard deviation stays below 1.`;
}

/** What became of a disturbance. */
export function verdict(what, disturbance, change, y) {
  if (still(disturbance)) return `${what} is as it was.`;
  if (largest(y) < 1e-9) return `${what}: hidden, as everything is. Every output is 0.`;
  return change < HIDDEN ? `${what}: nobody can tell. No output changes by ${HIDDEN} or more.` : `${what}: it still shows. Outputs change by up to ${number(change)}.`;
}

/** The second goal; `found`: the methods that tell the channels of a single cell apart. */
export function second(found, alone, y) {
  const names = found.map((name) => `“${name}”`).join(", ");
  if (found.length === 5) return `5 of 5 found: ${names}. The others leave each cell alone in its group: 0.`;
  const at = alone ? (apart(y) ? "The channels differ here. " : "Every output is 0 here. ") : names ? "" : "With batch size 1 and space 1, which methods still tell the channels apart? ";
  return `${at}${found.length} of 5 found${names && `${alone ? "" : " with batch size 1, space 1"}: ${names}`}. (Inference counts, too.)`;
}

// ---- Geometry ----

const TOP = 26;

/** Where a corner (n, c, p) is drawn: layers below each other, seen from above; u: a cell's width. */
export function projection(wide) {
  const u = Math.min(48, (wide - 22) / 7.6);
  const v = Math.max(19, 0.42 * u); // from position to position, downward
  const pitch = 4 * v + 0.26 * u + 26;
  const left = (wide - 22 - 7.6 * u) / 2;
  return { u, height: TOP + 3 * pitch + 4 * v + 0.96 * u + 12, at: (n, c, p) => [left + 1.6 * u + c * u - p * 0.4 * u, TOP + n * pitch + c * 0.16 * u + p * v] };
}

/** The edges between cells of different groups, ((n, c, p), (n, c, p)) each; of one group only, if `key` is given. */
export function borders(keys, N, P, key) {
  const [of, found] = [(n, c, p) => (c < 0 || p < 0 || c >= C || p >= P ? -1 : keys[(n * C + c) * P + p]), []];
  const wanted = (a, b) => a !== b && (key === undefined || a === key || b === key);
  for (let n = 0; n < N; n++) for (let c = 0; c <= C; c++) for (let p = 0; p <= P; p++) {
    if (p < P && wanted(of(n, c - 1, p), of(n, c, p))) found.push([[n, c, p], [n, c, p + 1]]);
    if (c < C && wanted(of(n, c, p - 1), of(n, c, p))) found.push([[n, c, p], [n, c + 1, p]]);
  }
  return found;
}

// ---- The demo ----

const SETTINGS = ("method groups values batch_size positions cell sample sample_scale sample_shift channel channel_scale channel_shift " +
  "inference momentum moving_mean moving_variance start_weight batches epsilon").split(" ");
const MOVES = { ArrowLeft: [0, -1, 0], ArrowRight: [0, 1, 0], ArrowUp: [0, 0, -1], ArrowDown: [0, 0, 1], PageUp: [-1, 0, 0], PageDown: [1, 0, 0] };
const LIMIT = 3; // the full color

const channels = (color) => [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));
const blend = (one, other, share) => `rgb(${channels(one).map((v, i) => Math.round(v + share * (channels(other)[i] - v))).join()})`;
const short = (v) => number(v, Math.abs(v) >= 9.95 ? 0 : 1);
const text = (node, words) => { if (node.textContent !== words) node.textContent = words; };

function render({ model, el }) {
  const page = createPage({ model, el, title: "Which cells share a mean?" });
  const demo = { page, cursor: null, start: Object.fromEntries([...SETTINGS, "seed"].map((name) => [name, page.get(name)])) };
  demo.read = () => {
    const s = Object.fromEntries(SETTINGS.map((name) => [name, page.get(name)]));
    const [N, P] = [s.batch_size, s.positions];
    return { s, N, P, sample: { index: Math.min(s.sample, N - 1), scale: s.sample_scale, shift: s.sample_shift },
      channel: { index: s.channel, scale: s.channel_scale, shift: s.channel_shift } };
  };
  /** Give the chosen cell the value that it shall show. */
  demo.edit = (value, save = true) => {
    const { s, N, P, sample, channel } = demo.read();
    const [n, c, p] = inside(s.cell, N, P);
    const base = clamp(undisturbed(value, [n, c], sample, channel), -100, 100);
    page.set({ values: s.values.map((rows, i) => (i !== n ? rows : rows.map((row, j) => (j !== c ? row : row.map((v, k) => (k === p ? base : v)))))) }, save);
  };
  const parts = [methods, settings, cubes, equation, tables, words].map((part) => part(demo));
  const compute = () => {
    const now = demo.read();
    const { s, N, P, sample, channel } = now;
    const plain = flat(s.values, N, P);
    const x = disturb(plain, P, sample, channel);
    const result = normalize(x, P, s);
    const per = (name) => moments(result.y, keysOf(x.length, P, { method: name }));
    const chosen = inside(s.cell, N, P);
    const at = demo.cursor && demo.cursor[0] < N && demo.cursor[2] < P ? demo.cursor : chosen;
    const i = (at[0] * C + at[1]) * P + at[2];
    Object.assign(demo, now, { x, ...result, chosen, at, i, traces: traces(plain, P, s, sample, channel), perSample: per("layer"), perChannel: per("batch"), colors: page.colors() });
    for (const part of parts) part();
  };
  demo.redraw = frame(page, compute);
  demo.shade = (v) => blend(demo.colors.surface, v < 0 ? demo.colors.class0 : demo.colors.class1, (page.root.dataset.tone === "dark" ? 0.5 : 0.7) * Math.min(1, Math.abs(v) / LIMIT));
  page.watch([...SETTINGS, "goal_met"].join(" "), demo.redraw);
  page.themed.add(demo.redraw);
  compute();
  return page.dispose;
}

const inside = ([n, c, p], N, P) => [Math.min(n, N - 1), c, Math.min(p, P - 1)];

/** The methods, and the settings of two. */
function methods(demo) {
  const { page } = demo;
  const family = `twice-methods-${nextId()}`;
  const radios = Object.entries(METHODS).map(([value, { name }]) => [html("input", { type: "radio", name: family, value, oninput: () => page.set({ method: value }) }), name]);
  const chips = html("div", { class: "na-tools na-methods", role: "radiogroup", "aria-label": "Normalization method" }, ...radios.map(([input, name]) => html("label", {}, input, html("span", {}, name))));
  const [what, code] = [html("span", {}), html("code", {})];
  const groups = slider(page, { label: "Groups of channels", min: 0, max: GROUPS.length - 1, step: 1, value: 1, format: (k) => GROUPS[Math.round(k)], onInput: (k) => page.set({ groups: GROUPS[k] }) });
  const inference = checkbox(page, { label: "Inference", trait: "inference" });
  page.figure.append(chips, html("div", { class: "na-about" }, html("p", { class: "na-what" }, what, html("span", { class: "na-keras" }, "In Keras: ", code)), inference.element, groups.element));
  const told = {
    batch: "One mean per channel, over all samples and positions.",
    layer: "One mean per sample, over channels and positions, as in the paper.",
    layer_last: "One mean per sample and position, over the channels: Keras’s default.",
    instance: "One mean per sample and channel, over the positions.",
    group: "One mean per sample and group of channels. 1 group: layer norm; 6 groups: instance norm.",
    rms: "No mean is taken. One root mean square per sample and position, over the channels.",
  };
  return () => {
    const { method, groups: g } = demo.s;
    for (const [input] of radios) input.checked = input.value === method;
    text(what, told[method]);
    text(code, METHODS[method].keras(g));
    inference.element.hidden = method !== "batch";
    groups.element.hidden = method !== "group";
    groups.value = GROUPS.indexOf(g);
  };
}

/** Before and after, as layers. */
function cubes(demo) {
  const { page } = demo;
  const family = `twice-sides-${nextId()}`;
  const pair = html("div", { class: "na-cubes", "data-side": "before" });
  const sides = [["before", "Before"], ["after", "After"]].map(([value, label], k) =>
    html("label", {}, html("input", { type: "radio", name: family, value, checked: !k, oninput: () => { pair.dataset.side = value; demo.redraw(); } }), html("span", {}, label)));
  page.figure.append(html("div", { class: "na-tools na-sides", role: "radiogroup", "aria-label": "Which block is shown" }, ...sides), pair);
  const views = [["before", "Before"], ["after", "After normalizing"]].map(([side, name]) => cube(demo, pair, side, name));
  const line = (kind, words) => html("span", { class: "na-lines" }, html("i", { class: `na-line ${kind}` }), words);
  const [low, high] = [html("span", {}, `−${LIMIT} or less`), html("span", {}, `${LIMIT} or more`)];
  page.figure.append(html("div", { class: "na-key" }, low, html("i", { class: "na-bar", role: "img", "aria-label": "Colors: blue is negative, the background is 0, orange is positive" }), high,
    line("", "border of a group"), line("na-own-line", "the chosen cell’s group")));
  return () => views.forEach((view) => view());
}

/** One block: channels to the right, positions to the front. */
function cube(demo, parent, side, name) {
  const { page } = demo;
  const [ghosts, links, slabs, cells, lines, own, labels, numbers] = "ghosts links slabs cells lines own labels numbers".split(" ").map((part) => svg("g", { class: `na-${part}`, "aria-hidden": "true" }));
  const path = (parent, className) => { const node = svg("path", { class: className }); parent.append(node); return node; };
  const [ghost, link, slab, line, halo, mine] = [path(ghosts), path(links), path(slabs), path(lines), path(own, "na-halo"), path(own, "na-mine")];
  const [ring, spot] = [svg("path", { class: "twice-ring" }), svg("path", { class: "na-spot" })];
  const handle = svg("g", { class: "twice-handle", tabindex: 0, role: "button", "aria-roledescription": "cell" }, spot, ring);
  const picture = svg("svg", { role: "group", "aria-label": name }, ghosts, links, slabs, cells, lines, own, numbers, labels, handle);
  const box = html("div", { class: "twice-plot na-cube" }, picture);
  parent.append(html("div", { class: `na-side na-${side}` }, html("div", { class: "na-name" }, name), box));
  let [shape, polygons, texts, how] = ["", [], [], null];
  const d = (...points) => `M${points.map((p) => how.at(...p).map((v) => v.toFixed(1)).join(" ")).join("L")}`;
  const square = (n, c, p) => `${d([n, c, p], [n, c + 1, p], [n, c + 1, p + 1], [n, c, p + 1])}Z`;
  const middle = (n, c, p) => { const [[a, b], [e, f]] = [how.at(n, c, p), how.at(n, c + 1, p + 1)]; return [(a + e) / 2, (b + f) / 2]; };
  const label = (words, x, y, anchor = "middle") => svg("text", { x, y, "text-anchor": anchor }, words);
  const down = (n, c, p, by) => { const [x, y] = how.at(n, c, p); return `L${x.toFixed(1)} ${(y + by).toFixed(1)}`; };
  function build(wide) {
    const { N, P } = demo;
    how = projection(wide);
    make(picture, { width: wide, height: how.height, viewBox: `0 0 ${wide} ${how.height}` }, []);
    const layers = [...Array(SIZES[0]).keys()];
    ghost.setAttribute("d", layers.filter((n) => n >= N || P < SIZES[2]).map((n) => `${d([n, 0, 0], [n, C, 0], [n, C, SIZES[2]], [n, 0, SIZES[2]])}Z`).join(""));
    slab.setAttribute("d", layers.slice(0, N).map((n) => `${d([n, 0, P], [n, C, P], [n, C, 0])}${down(n, C, 0, 6)}${down(n, C, P, 6)}${down(n, 0, P, 6)}Z`).join(""));
    polygons = demo.x.map((_, i) => svg("path", { d: square(...place(i, P)), "data-i": i }));
    texts = demo.x.map((_, i) => { const [x, y] = middle(...place(i, P)); return svg("text", { x, y: y + 4.3, "text-anchor": "middle" }); });
    fill(cells, ...polygons);
    fill(numbers, ...texts);
    const [tipX, tipY] = how.at(0, C, P);
    fill(labels, ...Array.from({ length: C }, (_, c) => { const [x, y] = how.at(0, c + 0.5, 0); return label(c + 1, x + 2, y - 6); }),
      label("channel", how.at(0, 3.5, 0)[0], how.at(0, 3.5, 0)[1] - 23),
      ...layers.map((n) => { const [x, y] = how.at(n, 0, 0); return label(`sample ${n + 1}`, x + 2, y - 3, "end"); }),
      ...Array.from({ length: P }, (_, p) => { const [x, y] = how.at(0, C, p + 0.5); return label(p + 1, x + 10, y + 5); }),
      label("position", Math.min(tipX + 14, wide - 56), tipY + 16, "start"));
  }
  function draw() {
    const wide = Math.floor(box.clientWidth);
    if (!wide) return;
    const { N, P, keys, at, i, x, y } = demo;
    if (shape !== `${wide} ${N} ${P}`) { shape = `${wide} ${N} ${P}`; build(wide); }
    const values = side === "before" ? x : y;
    values.forEach((v, k) => {
      const [color, words] = [demo.shade(v), short(v)];
      if (polygons[k].color !== color) { polygons[k].color = color; polygons[k].style.fill = color; }
      text(texts[k], words);
    });
    const all = (edges) => edges.map(([a, b]) => d(a, b)).join("");
    line.setAttribute("d", all(borders(keys, N, P)));
    const edges = all(borders(keys, N, P, keys[i]));
    for (const node of [halo, mine]) node.setAttribute("d", edges);
    // a group that reaches through the layers: its corners, tied together
    const deep = N > 1 && keys[at[1] * P] === keys[(C + at[1]) * P];
    link.setAttribute("d", deep ? Array.from({ length: N - 1 }, (_, n) => [[0, 0], [1, 0], [0, P], [1, P]].map(([c, p]) => d([n, at[1] + c, p], [n + 1, at[1] + c, p])).join("")).join("") : "");
    for (const node of [spot, ring]) node.setAttribute("d", square(...at));
    handle.setAttribute("aria-label", `Cell of sample ${at[0] + 1}, channel ${at[1] + 1}, position ${at[2] + 1}: ${number(values[i])}. Arrow keys, Page Up and Page Down move${side === "before" ? "; plus, minus or Enter change it" : ""}.`);
  }
  const under = (event) => (event.target.dataset?.i ? place(Number(event.target.dataset.i), demo.P) : null);
  let drag = null;
  picture.addEventListener("pointerover", (event) => { if (!drag && event.pointerType !== "touch") { demo.cursor = under(event); demo.redraw(); } });
  picture.addEventListener("pointerleave", () => { if (!drag && demo.cursor) { demo.cursor = null; demo.redraw(); } });
  picture.addEventListener("pointerdown", (event) => {
    const cell = under(event);
    if (event.button || !cell) return;
    handle.focus({ preventScroll: true });
    event.preventDefault();
    demo.cursor = null;
    page.set({ cell });
    if (side === "after" || event.pointerType === "touch") return; // a finger scrolls; it types into the field below
    picture.setPointerCapture(event.pointerId);
    drag = { y: event.clientY, value: demo.x[(cell[0] * C + cell[1]) * demo.P + cell[2]] };
  });
  picture.addEventListener("pointermove", (event) => { if (drag) demo.edit(Number((drag.value + Math.round((drag.y - event.clientY) / 4) / 10).toFixed(2)), false); });
  for (const type of ["pointerup", "pointercancel"]) picture.addEventListener(type, () => { if (drag) page.set({}); drag = null; });
  handle.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const { s, N, P, sample, channel } = demo.read();
    const cell = inside(s.cell, N, P);
    const [move, by] = [MOVES[event.key], { "+": 0.1, "=": 0.1, "-": -0.1 }[event.key]];
    const last = [N - 1, C - 1, P - 1];
    if (move) { demo.cursor = null; page.set({ cell: cell.map((v, k) => clamp(v + move[k], 0, last[k])) }); }
    else if (by && side === "before") demo.edit(Number((disturb(flat(s.values, N, P), P, sample, channel)[(cell[0] * C + cell[1]) * P + cell[2]] + by).toFixed(6)));
    else if (event.key === "Enter" && side === "before") { demo.cursor = null; demo.field.disabled = false; demo.field.focus(); demo.field.select(); }
    else return;
    event.preventDefault();
  });
  const observer = new ResizeObserver(() => demo.redraw());
  observer.observe(box);
  page.onDispose(() => observer.disconnect());
  return draw;
}

/** The chosen cell. */
function equation(demo) {
  const { page } = demo;
  const field = html("input", { type: "number", step: 0.1, id: `twice-input-${nextId()}`, class: "na-field", onblur: () => demo.redraw(), oninput: ({ target }) => {
    if (target.value.trim() !== "" && Number.isFinite(Number(target.value))) demo.edit(Number(target.value));
  } });
  demo.field = field;
  const [name, group, sum] = [html("label", { for: field.id }), html("p", { class: "na-group" }), html("p", { class: "na-formula" })];
  const note = html("p", { class: "twice-hint" });
  page.main.append(html("div", { class: "na-cell" }, html("div", { class: "na-head" }, name, field), html("p", { class: "twice-hint" }, "Click a cell above. Drag it up or down with the mouse, or type its value here."), group, sum, note));
  return () => {
    const { at, i, x, y, N, P, s, keys, size, mean, variance, cursor } = demo;
    const key = keys[i];
    text(name, `Sample ${at[0] + 1}, channel ${at[1] + 1}, position ${at[2] + 1}`);
    field.disabled = Boolean(cursor && String(cursor) !== String(demo.chosen));
    if (!field.matches(":focus") || field.disabled) field.value = Number(x[i].toFixed(3));
    const running = s.method === "batch" && s.inference;
    const took = s.method === "rms" ? `root mean square ${number(Math.sqrt(variance[key]))}, no mean`
      : `${running ? "running mean" : "mean"} ${number(mean[key])}, ${running ? "running " : ""}standard deviation ${number(Math.sqrt(variance[key]))}`;
    text(group, `${running ? "Its statistics" : `Its group, ${plural(size[key], "cell")}`}: ${running ? `channel ${at[1] + 1}’s, from earlier batches` : groupInWords(at, N, P, s)}. There: ${took}.`);
    text(note, `ε = ${s.epsilon}. The learned scale γ and shift β that follow are left at 1 and 0.`);
    text(sum, formula(x[i], mean[key], variance[key], y[i], s).replace(/\([^)]*\)/g, (inner) => inner.replaceAll(" ", "\u00a0")));
  };
}

/** Disturbances; the block's shape. */
function settings(demo) {
  const { page } = demo;
  const controls = html("div", { class: "na-controls" });
  page.figure.append(controls);
  const part = (name, ...rows) => {
    const told = html("p", { class: "na-verdict" });
    controls.append(html("div", { class: "na-part", role: "group", "aria-label": name }, ...rows.map((row) => row.element ?? row), told));
    return told;
  };
  const one = (what, count) => {
    const index = select(page, { label: "Disturb", value: page.get(what), options: Array.from({ length: count }, (_, k) => [k, `${what} ${k + 1}`]), onInput: (k) => page.set({ [what]: Number(k) }) });
    const scale = slider(page, { label: "Times", min: 0.1, max: 10, log: true, trait: `${what}_scale`, format: (v) => `× ${number(v)}` });
    const shift = slider(page, { label: "Plus", min: -5, max: 5, step: 0.1, trait: `${what}_shift`, format: (v) => (v < 0 ? number(v, 1) : `+ ${number(v, 1)}`) });
    return { index, told: part(`Disturb a ${what}`, index, scale, shift) };
  };
  const [sample, channel] = [one("sample", SIZES[0]), one("channel", C)];
  const size = slider(page, { label: "Batch size", min: 1, max: SIZES[0], step: 1, trait: "batch_size", format: String });
  const space = slider(page, { label: "Space", min: 1, max: SIZES[2], step: 1, trait: "positions", format: String });
  const fresh = button({ label: "New numbers", onClick: () => { const seed = page.get("seed") + 1; page.set({ seed, values: drawn(seed) }); } });
  const reset = button({ label: "Reset", onClick: () => { demo.found.clear(); page.set({ ...demo.start, goal_met: false }); } });
  demo.status = part("The block", html("div", { class: "twice-row" }, fresh.element, reset.element), size, space);
  return () => {
    for (const [{ index, told }, what, name] of [[sample, "sample", "Sample"], [channel, "channel", "Channel"]]) {
      const [disturbance, wanted, change] = [demo[what], demo.s[what], demo.traces[what]];
      index.value = disturbance.index;
      text(told, verdict(`${name} ${disturbance.index + 1}${disturbance.index < wanted ? `, in place of ${wanted + 1}` : ""}`, disturbance, change, demo.y));
      told.dataset.state = still(disturbance) ? "none" : change < HIDDEN ? "gone" : "shown";
    }
    [...sample.index.input.options].forEach((option, k) => (option.disabled = k >= demo.N));
  };
}

/** Every channel and every sample afterwards. */
function tables(demo) {
  const table = (title, names, count, className) => {
    const rows = Array.from({ length: count }, (_, k) => { const cells = names.slice(1).map(() => html("td", {})); return { cells, row: html("tr", {}, html("th", { scope: "row" }, k + 1), ...cells) }; });
    const element = html("div", { class: className }, html("div", { class: "na-name" }, title), html("table", { class: "na-table" }, html("thead", {}, html("tr", {}, ...names.map((name) => html("th", { scope: "col" }, name)))), html("tbody", {}, ...rows.map(({ row }) => row))));
    return { rows, element };
  };
  const perChannel = table("After: each channel", ["channel", "mean", "std", "running mean", "running var."], C, "na-of-channels");
  const perSample = table("After: each sample", ["sample", "mean", "std", "rms"], SIZES[0], "na-of-samples");
  const momentum = slider(demo.page, { label: "Momentum", min: 0, max: 0.99, step: 0.01, trait: "momentum" });
  const more = button({ label: "One more batch", title: "They take in the batch that is shown", onClick: () => {
    const { s, N, P, sample, channel } = demo.read();
    demo.page.set(oneMoreBatch(disturb(flat(s.values, N, P), P, sample, channel), P, s));
  } });
  const seen = html("span", { class: "na-seen" });
  const same = html("p", { class: "na-same" }, "No running values are kept: inference is no different.");
  const forBatch = html("div", { class: "na-batch" }, html("div", { class: "na-name" }, "Running values"), momentum.element, html("div", { class: "twice-row" }, more.element, seen));
  demo.page.foot.append(html("div", { class: "na-tables" }, perChannel.element, html("div", {}, perSample.element, forBatch, same)));
  const put = (node, value, good) => { text(node, value === null ? "–" : number(value)); node.classList.toggle("na-good", value !== null && good !== undefined && Math.abs(value - good) < (good ? 0.02 : 0.01)); };
  return () => {
    const { s, N, perChannel: pc, perSample: ps } = demo;
    const batch = s.method === "batch";
    [forBatch.hidden, same.hidden] = [!batch, batch];
    text(seen, `${s.batches} so far`);
    perChannel.rows.forEach(({ cells: [a, b, d, e] }, c) => {
      put(a, pc.mean[c], 0);
      put(b, Math.sqrt(pc.variance[c]), 1);
      put(d, batch ? s.moving_mean[c] : null);
      put(e, batch ? s.moving_variance[c] : null);
    });
    perSample.rows.forEach(({ cells: [a, b, d] }, n) => {
      put(a, n < N ? ps.mean[n] : null, 0);
      put(b, n < N ? Math.sqrt(ps.variance[n]) : null, 1);
      put(d, n < N ? Math.sqrt(ps.square[n]) : null, 1);
    });
  };
}

/** The sentence and the goals. */
function words(demo) {
  const { page } = demo;
  const spoken = html("p", { class: "na-spoken", role: "status" });
  page.main.append(spoken);
  let [wait, record] = [0, "Met before."];
  const found = (demo.found = new Set());
  const [badge, wish] = [html("span", { class: "twice-badge" }), html("span", { role: "status" })];
  const banner = html("div", { class: "twice-goal" }, badge, wish);
  page.root.querySelector(".twice-head").append(banner);
  page.onDispose(() => clearTimeout(wait));
  return () => {
    const { s, y, P, N, size, perSample, perChannel, traces: { both }, x, keys, i } = demo;
    const said = explain(y, P, s, size, perSample, perChannel);
    page.say(said, { quiet: true }); // spoken below, once everything rests
    const [now, { name }] = [goalReached(demo, y, both), METHODS[s.method]];
    if (now) record = `${name} norm${s.method === "group" ? ` with ${plural(s.groups, "group")}` : ""} hides both: each channel of each sample is measured by itself.`;
    const met = now || page.get("goal_met");
    page.goal(met, met ? record : bothHidden(demo, y, both) ? "Both are hidden; but it counts only with at least two samples and two positions." : "");
    const alone = N * P === 1;
    if (alone && apart(y)) found.add(s.method === "batch" ? "Batch at inference" : name);
    const all = found.size === 5;
    banner.classList.toggle("twice-met", all);
    text(badge, all ? "✓ Second goal met" : "Second goal");
    text(wish, second([...found], alone, y));
    text(demo.status, `Goal: ${met ? "met" : "not yet"}.\nSecond goal: ${found.size} of 5.`);
    demo.status.dataset.state = met && all ? "gone" : "none";
    clearTimeout(wait);
    const cell = `Cell: ${formula(x[i], demo.mean[keys[i]], demo.variance[keys[i]], y[i], s)}. `;
    wait = setTimeout(() => (spoken.textContent = cell + said), 500);
  };
}

export default { render };
