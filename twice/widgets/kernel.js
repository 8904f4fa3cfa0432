/* kernel.js: slide a kernel over an image and see every product and every sum.
 * Above the line "The demo": pure functions, compared with NumPy, SciPy and twice.scratch.convolution in
 * tests/test_kernel_demo.py. Below it: what is drawn. Images and kernels are square lists of rows; rows go down. */

// ---- Kernels ----

const grid = (n, value) => Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => value(i, j)));
const binomial = (k) => (k === 3 ? [1, 2, 1] : [1, 4, 6, 4, 1]);
const slope = (k) => (k === 3 ? [-1, 0, 1] : [-1, -2, 0, 2, 1]);
const BENT = { 3: [[0, 1, 0], [1, -4, 1], [0, 1, 0]], 5: [[0, 0, 1, 0, 0], [0, 1, 2, 1, 0], [1, 2, -16, 2, 1], [0, 1, 2, 1, 0], [0, 0, 1, 0, 0]] };
const middle = (k) => (i, j) => Number(i === (k - 1) / 2 && j === (k - 1) / 2);

/** By trait name: the name to read, the k x k kernel, and what it does in one sentence (turned by 180 degrees, too). */
export const PRESETS = {
  identity: { name: "Identity", make: (k) => grid(k, middle(k)), says: () => "A single 1 in the middle copies the image." },
  box_blur: { name: "Box blur", make: (k) => grid(k, () => 1 / (k * k)), says: (k) => `The mean of the ${k * k} pixels in the window.` },
  gaussian_blur: { name: "Gaussian blur", make: (k) => grid(k, (i, j) => (binomial(k)[i] * binomial(k)[j]) / (k === 3 ? 16 : 256)),
    says: () => "A weighted mean in which the middle counts most." },
  sharpen: { name: "Sharpen", make: (k) => grid(k, (i, j) => middle(k)(i, j) - BENT[k][i][j]),
    says: () => "The image plus what sets each pixel apart from its neighbors. Edges overshoot on both sides." },
  sobel_x: { name: "Sobel x", make: (k) => grid(k, (i, j) => binomial(k)[i] * slope(k)[j]),
    says: (k, flip) => `${flip ? "Left minus right" : "Right minus left"}: it answers to vertical edges. Orange where the image gets ${flip ? "darker" : "brighter"} ` +
      "to the right, blue for the opposite." },
  sobel_y: { name: "Sobel y", make: (k) => grid(k, (i, j) => slope(k)[i] * binomial(k)[j]),
    says: (k, flip) => `${flip ? "Above minus below" : "Below minus above"}: it answers to horizontal edges. Orange where the image gets ${flip ? "darker" : "brighter"} ` +
      "downward, blue for the opposite." },
  laplacian: { name: "Laplacian", make: (k) => BENT[k].map((row) => [...row]),
    says: () => "The neighbors minus the middle: it answers to edges of every direction, with both signs side by side." },
  emboss: { name: "Emboss", make: (k) => grid(k, (i, j) => i + j - (k - 1) + middle(k)(i, j)),
    says: (k, flip) => `The image plus its slope toward the ${flip ? "upper left" : "lower right"}: a relief, lit from one side.` },
  shift: { name: "Shift", make: (k) => grid(k, (i, j) => Number(i === (k - 1) / 2 && j === 0)),
    says: (k, flip) => `Each output pixel copies the pixel at the ${flip ? "right" : "left"} end of its window, so the image moves ${flip ? "left" : "right"}.` },
};

/** Standard normal weights to one decimal. */
export function randomKernel(k, seed) {
  const { normal } = seeded(seed);
  return grid(k, () => Math.floor(10 * normal() + 0.5) / 10);
}

/** The same kernel with k x k weights: a ring of zeros more, or the ring less. */
export function resizeKernel(kernel, k) {
  const by = (kernel.length - k) / 2;
  return grid(k, (i, j) => kernel[i + by]?.[j + by] ?? 0);
}

export const presetOf = (kernel) => Object.keys(PRESETS).find((name) => {
  const made = PRESETS[name].make(kernel.length);
  return kernel.every((row, i) => row.every((w, j) => Math.abs(w - made[i][j]) < 1e-9));
});

export const turned = (kernel) => kernel.map((row) => [...row].reverse()).reverse();

// ---- Images ----

/** A built-in picture: rows of tenths, 0 to a. */
export const readPicture = (rows) => rows.map((row) => [...row].map((c) => parseInt(c, 11) / 10));

/** The middle size x size of the pixels; a larger size gets a border of zeros. */
export function fitPixels(pixels, size) {
  const start = Math.floor((pixels.length - size) / 2);
  return grid(size, (i, j) => pixels[i + start]?.[j + start] ?? 0);
}

/** A soft line from one pixel to another: 1 along it and at least 0.5 beside it; the eraser leaves 0. */
export function paint(pixels, from, to, erase = false) {
  const result = pixels.map((row) => [...row]);
  const put = (i, j, value) => { if (result[i]?.[j] !== undefined) result[i][j] = erase ? 0 : Math.max(result[i][j], value); };
  const steps = Math.max(Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1]), 1);
  for (let t = 0; t <= steps; t++) {
    const [i, j] = [0, 1].map((axis) => Math.round(from[axis] + (t / steps) * (to[axis] - from[axis])));
    put(i, j, 1);
    for (const [a, b] of [[-1, 0], [1, 0], [0, -1], [0, 1]]) put(i + a, j + b, 0.5);
  }
  return result;
}

// ---- Correlation ----

/** span: pixels the window spans; before, after: zeros on each side (the odd one at the bottom and right); m: output size. */
export function geometry(n, k, { stride, dilation, padding }) {
  const span = dilation * (k - 1) + 1;
  const same = padding === "same";
  const total = same ? Math.max((Math.ceil(n / stride) - 1) * stride + span - n, 0) : 0;
  const before = Math.floor(total / 2);
  return { n, k, stride, dilation, span, total, before, after: total - before, m: Math.max(0, Math.floor((n + total - span) / stride) + 1) };
}

/** Where tap a of window i lies in the image; outside of it, it is padding. */
export const tap = (g, i, a) => i * g.stride - g.before + a * g.dilation;

export const correlate = (pixels, kernel, g) => grid(g.m, (i, j) => {
  let sum = 0;
  for (let a = 0; a < g.k; a++) {
    const row = pixels[tap(g, i, a)];
    if (row) for (let b = 0; b < g.k; b++) sum += kernel[a][b] * (row[tap(g, j, b)] ?? 0);
  }
  return sum;
});

/** What window (i, j) holds: k x k numbers, or null in the padding. */
export const windowAt = (pixels, g, i, j) => grid(g.k, (a, b) => pixels[tap(g, i, a)]?.[tap(g, j, b)] ?? null);

/** The output rows (or columns) whose windows read this row (or column) of the image. */
export const readers = (g, place) => Array.from({ length: g.m }, (_, i) => i).filter((i) => {
  const offset = place - tap(g, i, 0);
  return offset >= 0 && offset < g.span && offset % g.dilation === 0;
});

/** The output row (or column) whose window lies nearest around a point of the image (a pixel's middle is at + 0.5). */
export const nearest = (g, point) => clamp(Math.round((point - g.span / 2 + g.before) / g.stride), 0, g.m - 1);

// ---- The goal ----

export const ZONES = { vertical: [0, 0], horizontal: [0, 12], rising: [12, 0], falling: [12, 12] };

/** The strongest |answer| in each quarter of the stripes, among the windows that lie inside it. */
export function answers(stripes, kernel) {
  const g = geometry(12, kernel.length, { stride: 1, dilation: 1, padding: "valid" });
  return Object.fromEntries(Object.entries(ZONES).map(([name, [top, left]]) => {
    const part = grid(12, (i, j) => stripes[top + i][left + j]);
    const strongest = Math.max(...correlate(part, kernel, g).flat().map(Math.abs));
    return [name, strongest < 1e-9 ? 0 : strongest];
  }));
}

/** Is this setting the one the goal speaks of, and does the kernel do it? */
export const goalReached = ({ image, size, stride, dilation }, kernel, found) => image === "stripes" && size === 24 && stride === 1
  && dilation === 1 && kernel.length === 3 && found.rising >= 1 - 1e-9 && found.falling === 0;

// ---- Words ----

/** A number in at most three decimals, without zeros at the end. */
export function short(value, digits = 3) {
  const text = number(value, digits);
  return /^[^e]*\.[^e]*$/.test(text) ? text.replace(/\.?0+$/, "") : text;
}

const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
const signed = (value, first) => (first ? short(value) : `${value < 0 ? "−" : "+"} ${short(Math.abs(value))}`);

/** Without the 0 before the point, where there is little room. */
const tight = (text, k) => (k === 5 ? text.replace(/^([−-]?)0\./, "$1.") : text);

/** The products that do not round to 0, added up in writing; only counted if they are many. */
export function sumInWords(products) {
  const terms = products.flat().filter((v) => Math.abs(v) >= 0.0005);
  const total = products.flat().reduce((sum, v) => sum + v, 0);
  if (terms.length > 9) return `${terms.length} products that are not 0 add up to ${short(total)}`;
  return terms.length ? `${terms.map((v, i) => signed(v, i === 0)).join(" ")} = ${short(total)}` : `all products are 0, so the sum is ${short(total)}`;
}

/** The formula of the output's size with the numbers of this setting. */
export function sizeInWords({ n, k, stride, dilation, span, total, m }) {
  const rest = n + total - span;
  const steps = [`⌊(${n} − (${dilation}·(${k} − 1) + 1) + ${total}) / ${stride}⌋ + 1`, `⌊${short(rest)} / ${stride}⌋ + 1`, m || "no output"];
  return `O = ${steps.join(" = ")}`.replace(" = no output", ": no output, because the window does not fit");
}

/** Where the zeros of the padding lie. */
export function paddingInWords({ n, total, before, after, stride }, padding) {
  if (padding === "valid") return "Valid padding: no zeros around the image, so P = 0.";
  const start = `Same padding: O = ⌈W / S⌉ = ⌈${n} / ${stride}⌉ = ${Math.ceil(n / stride)}`;
  if (!total) return `${start}, which needs no zeros: P = 0.`;
  const sides = before === after ? `${before} on every side` : `${before} at the top and left, ${after} at the bottom and right`;
  return `${start} needs 2P = ${total}: zeros, ${sides}.`;
}

/** What this kernel does, in a few sentences. */
export function explain(kernel, g, { flip }) {
  if (!g.m) {
    return `No output: the window spans ${g.dilation}·(${g.k} − 1) + 1 = ${g.span} pixels, but the image has only ${g.n}. ` +
      "Take less dilation, a smaller kernel, a larger image, or same padding.";
  }
  const [preset, sum] = [presetOf(kernel), kernel.flat().reduce((total, w) => total + w, 0)];
  const say = [preset ? `${PRESETS[preset].name}. ${PRESETS[preset].says(g.k, flip)}` : "Your own kernel."];
  const flat = Math.abs(sum) < 1e-9 ? "0, so flat areas give exactly 0" : Math.abs(sum - 1) < 1e-9 ? "1, so flat areas keep their value"
    : `${short(sum)}, so a flat area is multiplied by ${short(sum)}`;
  if (preset !== "identity" && preset !== "shift") say.push(`The weights add up to ${flat}.`);
  if (flip) say.push(String(turned(kernel)) === String(kernel) ? "Turned by 180° it is the same kernel." : "The kernel is turned by 180° first: that is what mathematics calls convolution.");
  return say.join(" ");
}

/** What stride, dilation, padding and ReLU do here. */
export function settingsInWords(g, { padding, relu }) {
  const say = [paddingInWords(g, padding)];
  if (g.total) say.push("To the kernel they look like a black frame.");
  if (g.stride > 1) say.push(`Stride ${g.stride}: the window jumps ${g.stride} pixels at a time.`);
  if (g.dilation > 1) say.push(`Dilation ${g.dilation}: still ${g.k * g.k} weights, but they span ${g.span} × ${g.span} pixels.`);
  if (g.stride > 1 && g.dilation > 1) say.push("Keras takes only one of the two above 1.");
  if (relu) say.push("ReLU keeps the positive answers and sets the negative ones to 0.");
  return say.join(" ");
}

// ==== The demo ==========================================================================================

const PICTURES = [["digit", "Handwritten 2"], ["house", "House"], ["shapes", "Shapes"], ["stripes", "Stripes"], ["own", "Your drawing"]];
const SETTINGS = "image size kernel stride dilation padding flip relu row column tool".split(" ");
const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
const LABELS = { left: 40, top: 38, right: 6, bottom: 6 }; // room around a picture for its axes

const channels = (color) => [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));
const mix = (one, other, share) => `rgb(${channels(one).map((v, i) => Math.round(v + share * (channels(other)[i] - v))).join()})`;

function render({ model, el }) {
  const page = createPage({ model, el, title: "Slide a kernel over an image" });
  const demo = { page, cursor: null, done: Infinity, start: Object.fromEntries([...SETTINGS, "seed"].map((name) => [name, page.get(name)])) };
  const parts = [imagePanel, outputPanel, presets, equation, settings, words].map((part) => part(demo));
  const compute = () => {
    const state = Object.fromEntries(SETTINGS.map((name) => [name, page.get(name)]));
    const named = typeof state.image === "string";
    const picture = named ? readPicture(page.get("pictures")[state.image]) : state.image;
    const [pixels, kernel] = [fitPixels(picture, state.size), state.kernel];
    const applied = state.flip ? turned(kernel) : kernel;
    const g = geometry(state.size, kernel.length, state);
    const raw = correlate(pixels, applied, g);
    const output = state.relu ? raw.map((row) => row.map((v) => Math.max(v, 0))) : raw;
    const largest = output.flat().reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    const probe = g.m ? [Math.min(state.row, g.m - 1), Math.min(state.column, g.m - 1)] : null;
    const seen = probe && windowAt(pixels, g, ...probe);
    const products = seen && seen.map((row, a) => row.map((v, b) => applied[a][b] * (v ?? 0)));
    const striped = state.image === "stripes" && state.size === 24;
    Object.assign(demo, { state, named, pixels, kernel, applied, g, raw, output, probe, seen, products,
      limit: largest > 1e-9 ? largest : 1, colors: page.colors(), answers: striped ? answers(pixels, applied) : null });
    if (!named) demo.own = state.image;
    for (const part of parts) part();
  };
  demo.redraw = frame(page, compute);
  /** From zero = the card's surface to blue (negative) or orange (positive); strength: how full the color gets. */
  demo.shade = (share, strength = 1) => mix(demo.colors.surface, share < 0 ? demo.colors.class0 : demo.colors.class1, strength * Math.min(1, Math.abs(share)));
  demo.look = (row, column) => page.set({ row, column }, false);
  demo.fresh = () => (typeof page.get("image") === "string" ? demo.pixels : fitPixels(page.get("image"), page.get("size"))); // also between two frames
  page.watch([...SETTINGS, "goal_met"].join(" "), demo.redraw);
  page.themed.add(demo.redraw);
  compute();
  return page.dispose;
}

/** A square picture with rows and columns along its edges: a canvas, an SVG above it, and one handle for the keyboard. */
function pad(demo, { parent, label, onKey, paintCells }) {
  const canvas = html("canvas", { "aria-hidden": "true" });
  const [axes, marks] = [svg("g", { class: "twice-axes", "aria-hidden": "true" }), svg("g", { class: "kn-marks", "aria-hidden": "true" })];
  const ring = svg("rect", { class: "twice-ring" });
  const handle = svg("g", { class: "twice-handle", tabindex: 0, role: "button", "aria-roledescription": "pixel" }, svg("rect", { class: "kn-hit" }), ring);
  const picture = svg("svg", { role: "group", "aria-label": label }, axes, marks, handle);
  const box = html("div", { class: "twice-plot kn-pad" }, canvas, picture);
  parent.append(box);
  const view = { box, svg: picture, handle, ctx: canvas.getContext("2d"), low: 0, high: 1, unit: 1 };
  view.x = (place) => LABELS.left + (place - view.low) * view.unit;
  view.y = (place) => LABELS.top + (place - view.low) * view.unit;
  view.place = (event) => {
    const { left, top } = picture.getBoundingClientRect();
    return [event.clientY - top - LABELS.top, event.clientX - left - LABELS.left].map((v) => v / view.unit + view.low);
  };
  view.rect = (name, row, column, size, inset = 0) => svg("rect", { class: name, x: view.x(column) + inset, y: view.y(row) + inset,
    width: Math.max(1, size * view.unit - 2 * inset), height: Math.max(1, size * view.unit - 2 * inset) });
  /** Fill cells of the canvas from edge to edge, without seams. */
  view.cell = (row, column, size, color) => {
    const [left, top, right, bottom] = [view.x(column), view.y(row), view.x(column + size), view.y(row + size)].map((v) => Math.round(v * view.ratio) / view.ratio);
    view.ctx.fillStyle = color;
    view.ctx.fillRect(left, top, right - left, bottom - top);
  };
  view.draw = () => {
    const wide = Math.floor(box.clientWidth);
    if (!wide) return;
    const { g, colors } = demo;
    Object.assign(view, { low: -g.before, high: g.n + g.after, ratio: globalThis.devicePixelRatio || 1 });
    view.unit = (wide - LABELS.left - LABELS.right) / (view.high - view.low);
    const high = wide - LABELS.left - LABELS.right + LABELS.top + LABELS.bottom;
    if (view.shape !== `${wide} ${view.ratio}`) {
      view.shape = `${wide} ${view.ratio}`;
      Object.assign(canvas, { width: Math.round(wide * view.ratio), height: Math.round(high * view.ratio) });
      Object.assign(canvas.style, { left: 0, top: 0, width: `${wide}px`, height: `${high}px` });
      make(picture, { width: wide, height: high, viewBox: `0 0 ${wide} ${high}` }, []);
    }
    view.ctx.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
    view.ctx.clearRect(0, 0, wide, high);
    const { count, at, label: text, nodes, focus } = paintCells(view, colors);
    const numbers = count ? ticks(0, count - 1 || 1, 5).filter((v) => Number.isInteger(v) && v < count) : [];
    const center = (view.x(view.low) + view.x(view.high)) / 2;
    fill(axes, ...numbers.flatMap((v) => [svg("text", { x: view.x(at(v)), y: LABELS.top - 6, "text-anchor": "middle" }, v),
      svg("text", { x: LABELS.left - 7, y: view.y(at(v)) + 4.5, "text-anchor": "end" }, v)]),
    svg("text", { x: center, y: 13, "text-anchor": "middle" }, "column"),
    svg("text", { "text-anchor": "middle", transform: `translate(13 ${center - LABELS.left + LABELS.top}) rotate(-90)` }, "row"));
    fill(marks, ...nodes);
    handle.setAttribute("aria-label", text);
    handle.setAttribute("tabindex", focus ? 0 : -1);
    if (focus) for (const rect of handle.children) make(rect, { x: view.x(focus[1]) - 3, y: view.y(focus[0]) - 3, width: focus[2] * view.unit + 6, height: focus[2] * view.unit + 6, rx: 3 }, []);
  };
  handle.addEventListener("keydown", (event) => {
    if (!event.altKey && !event.ctrlKey && !event.metaKey && demo.probe && onKey(event)) event.preventDefault();
  });
  const observer = new ResizeObserver(() => demo.redraw());
  observer.observe(box);
  demo.page.onDispose(() => observer.disconnect());
  return view;
}

/** The image, its padding, the window that is looked at; a brush. */
function imagePanel(demo) {
  const { page } = demo;
  const top = html("div", { class: "kn-head" });
  const panel = html("div", { class: "kn-side" }, top);
  const pair = html("div", { class: "kn-pair" }, panel);
  page.figure.append(pair);
  demo.pair = pair;
  const chooser = select(page, { label: "Image", options: PICTURES, value: "digit", onInput: (name) => {
    if (name !== "own") page.set({ image: name, size: 24 });
    else page.set(demo.own ? { image: demo.own, size: demo.own.length } : { image: grid(24, () => 0), size: 24, tool: "brush" });
  } });
  top.append(chooser.element);
  const stroke = (from, to, tool, save) => page.set({ image: paint(demo.fresh(), from, to, tool === "eraser") }, save);
  const point = (row, column) => {
    demo.rest();
    demo.cursor = [row, column];
    if (demo.g.m) demo.look(nearest(demo.g, row + 0.5), nearest(demo.g, column + 0.5));
    demo.redraw();
  };
  const view = pad(demo, { parent: panel, label: "The image", onKey(event) {
    const [way, last] = [ARROWS[event.key], demo.g.n - 1];
    const [row, column] = demo.cursor ?? start();
    if (way) point(clamp(row + way[0], 0, last), clamp(column + way[1], 0, last));
    else if (event.key === " " || event.key === "Enter") stroke([row, column], [row, column], page.get("tool"), true);
    return way || event.key === " " || event.key === "Enter";
  }, paintCells(pad, colors) {
    const { g, pixels, probe, cursor, state } = demo;
    if (g.total) zeros(pad, colors, g);
    pixels.forEach((row, i) => row.forEach((v, j) => { const level = Math.round(255 * v); pad.cell(i, j, 1, `rgb(${level},${level},${level})`); }));
    const nodes = [pad.rect("kn-edge", 0, 0, g.n)];
    if (g.total) nodes.push(pad.rect("kn-outer", -g.before, -g.before, g.n + g.total, 0.5));
    if (probe) {
      const [row, column] = probe.map((i) => tap(g, i, 0));
      nodes.push(pad.rect("kn-halo", row, column, g.span), pad.rect(g.dilation > 1 ? "kn-frame kn-wide" : "kn-frame", row, column, g.span));
      for (let a = 0; a < g.k; a++) for (let b = 0; b < g.k; b++) nodes.push(pad.rect(g.dilation > 1 ? "kn-tap kn-apart" : "kn-tap", row + a * g.dilation, column + b * g.dilation, 1, g.dilation > 1 ? 1 : 0));
    }
    if (cursor) nodes.push(pad.rect("kn-halo", ...cursor, 1), pad.rect("kn-cursor", ...cursor, 1));
    const [row, column] = cursor ?? start();
    return { count: g.n, at: (v) => v + 0.5, nodes, focus: [row, column, 1], label: `Image pixel, row ${row}, column ${column}: ${short(pixels[row][column])}. ` +
      `Arrow keys move, Space ${state.tool === "eraser" ? "erases" : "paints"}.` };
  } });
  /** The pixel in the middle of the window: where the keyboard begins. */
  const start = () => (demo.probe ?? [0, 0]).map((i) => clamp(Math.floor(tap(demo.g, i, 0) + demo.g.span / 2), 0, demo.g.n - 1));
  let last = null; // where the brush was
  const inside = ([row, column]) => row >= 0 && column >= 0 && row < demo.g.n && column < demo.g.n;
  view.svg.addEventListener("pointerdown", (event) => {
    const place = view.place(event);
    if (event.button || !inside(place)) return;
    const pixel = place.map(Math.floor);
    point(...pixel);
    if (page.get("tool") === "look") return;
    event.preventDefault();
    view.svg.setPointerCapture(event.pointerId);
    last = pixel;
    stroke(pixel, pixel, page.get("tool"), false);
  });
  view.svg.addEventListener("pointermove", (event) => {
    const pixel = view.place(event).map(Math.floor);
    if (last) {
      if (String(pixel) === String(last)) return;
      stroke(last, pixel, page.get("tool"), false);
      last = pixel;
    }
    if (inside(pixel)) point(...pixel);
  });
  const end = () => { if (last) page.set({}); last = null; };
  for (const type of ["pointerup", "pointercancel"]) view.svg.addEventListener(type, end);
  const leave = () => { if (!demo.cursor) return; demo.cursor = null; page.set({}); demo.redraw(); };
  view.svg.addEventListener("pointerleave", leave);
  view.handle.addEventListener("focus", () => { demo.cursor ??= start(); demo.redraw(); });
  view.handle.addEventListener("blur", leave);

  const caption = html("p", { class: "kn-caption" });
  const family = `twice-tools-${nextId()}`;
  const tools = ["look", "brush", "eraser"].map((name) => html("input", { type: "radio", name: family, value: name, oninput: () => page.set({ tool: name }) }));
  const clear = button({ label: "Clear", title: "A black image to draw on", onClick: () => page.set({ image: grid(page.get("size"), () => 0), tool: "brush" }) });
  panel.append(caption, html("div", { class: "twice-row" }, html("div", { class: "kn-tools", role: "radiogroup", "aria-label": "What the pointer does on the image" },
    ...tools.map((input, i) => html("label", {}, input, html("span", {}, ["Look", "Brush", "Eraser"][i])))), clear.element));
  return () => {
    const { g, state, probe, cursor, pixels } = demo;
    view.draw();
    chooser.value = demo.named ? state.image : "own";
    for (const input of tools) input.checked = input.value === state.tool;
    view.box.classList.toggle("kn-drawing", state.tool !== "look");
    const reach = (i) => `${short(tap(g, i, 0))} to ${short(tap(g, i, g.k - 1))}`;
    if (cursor && probe) {
      const count = cursor.map((place) => readers(g, place).length).reduce((a, b) => a * b);
      caption.textContent = `Pixel (${cursor.join(", ")}) is ${short(pixels[cursor[0]][cursor[1]])}. ${plural(count, "output pixel")} ${count === 1 ? "uses" : "use"} it.`;
    } else caption.textContent = probe ? `Rows ${reach(probe[0])}, columns ${reach(probe[1])}.` : "No window fits.";
  };
}

/** The zeros around the image. */
function zeros(pad, colors, { n, before, after }) {
  pad.cell(-before, -before, n + before + after, colors.raised);
  if (pad.unit < 9) return;
  Object.assign(pad.ctx, { fillStyle: colors.muted, textAlign: "center", textBaseline: "middle", font: `${Math.min(13, pad.unit)}px sans-serif` });
  for (let i = -before; i < n + after; i++) {
    for (let j = -before; j < n + after; j++) if (i < 0 || j < 0 || i >= n || j >= n) pad.ctx.fillText("0", pad.x(j + 0.5), pad.y(i + 0.5) + 0.5);
  }
}

/** The output, each pixel above the middle of its window; its color scale. */
function outputPanel(demo) {
  const { page } = demo;
  const title = html("div", { class: "kn-title" });
  const slide = button({ label: "Slide", title: "Let the kernel slide over the image", onClick: () => {
    if (page.calm()) step();
    else if (loop.running) demo.rest();
    else { demo.done = 0; loop.start(); }
  } });
  const panel = html("div", { class: "kn-side" }, html("div", { class: "kn-head" }, title, slide.element));
  demo.pair.append(panel);
  /** The window moves on, row by row; the output appears behind it, in about eight seconds. */
  const show = (index) => { demo.cursor = null; demo.look(Math.floor(index / demo.g.m), index % demo.g.m); };
  const loop = animation(page, (seconds) => {
    const count = demo.g.m ** 2;
    demo.done += seconds * Math.max(6, count / 8);
    if (demo.done >= count) demo.rest();
    else show(Math.floor(demo.done));
    return demo.done < count;
  });
  demo.rest = () => {
    if (demo.done === Infinity) return;
    loop.stop();
    demo.done = Infinity;
    page.set({});
    demo.redraw();
  };
  /** Who wants no motion goes window by window. */
  const step = () => { if (demo.probe) show((demo.probe[0] * demo.g.m + demo.probe[1] + 1) % demo.g.m ** 2); page.set({}); };
  const corner = (g, i) => tap(g, i, 0) + (g.span - g.stride) / 2;
  const view = pad(demo, { parent: panel, label: "The output", onKey(event) {
    const [way, last] = [ARROWS[event.key], demo.g.m - 1];
    if (way) {
      demo.rest();
      demo.cursor = null;
      const [row, column] = ["row", "column"].map((name, axis) => clamp(Math.min(page.get(name), last) + way[axis], 0, last));
      page.set({ row, column });
    }
    return way;
  }, paintCells(pad) {
    const { g, output, probe, cursor, limit } = demo;
    output.forEach((row, i) => row.forEach((v, j) => { if (i * g.m + j <= demo.done) pad.cell(corner(g, i), corner(g, j), g.stride, demo.shade(v / limit)); }));
    const nodes = [pad.rect("kn-place", 0, 0, g.n)];
    if (!probe) return { count: 0, nodes, label: "No output" };
    nodes.push(pad.rect("kn-edge", corner(g, 0), corner(g, 0), g.m * g.stride));
    if (cursor) {
      const [rows, columns] = cursor.map((place) => readers(g, place));
      for (const i of rows) for (const j of columns) nodes.push(pad.rect("kn-reader", corner(g, i), corner(g, j), g.stride, 1));
    }
    const [row, column] = probe.map((i) => corner(g, i));
    nodes.push(pad.rect("kn-halo", row, column, g.stride), pad.rect("kn-frame", row, column, g.stride));
    return { count: g.m, at: (i) => corner(g, i) + g.stride / 2, nodes, focus: [row, column, g.stride], label: `Output pixel, ${told()}` };
  } });
  const told = () => `row ${demo.probe[0]}, column ${demo.probe[1]}: ${short(demo.output[demo.probe[0]][demo.probe[1]])}`;
  const look = (event) => {
    if (!demo.g.m) return;
    demo.rest();
    demo.cursor = null;
    demo.look(...view.place(event).map((v) => nearest(demo.g, v)));
  };
  for (const type of ["pointerdown", "pointermove"]) view.svg.addEventListener(type, look);
  view.svg.addEventListener("pointerleave", () => page.set({}));
  const none = html("p", { class: "kn-none" }, "The window does not fit: no output.");
  view.box.append(none);
  const caption = html("p", { class: "kn-caption" });
  const [mark, ends] = [html("i", {}), [0, 1, 2].map(() => html("span", {}))];
  const scale = html("div", { class: "kn-scale", role: "img" }, html("div", { class: "kn-bar" }, mark), html("div", { class: "kn-ends" }, ...ends));
  panel.append(caption, scale, html("p", { class: "twice-hint kn-key" }, "The dotted line is the image’s frame."));
  return () => {
    const { g, limit, probe, output } = demo;
    view.draw();
    none.hidden = Boolean(g.m);
    slide.value = page.calm() ? "Next window" : loop.running ? "■ Stop" : "▶ Slide";
    slide.input.disabled = !g.m;
    title.textContent = g.m ? `Output, ${g.m} × ${g.m}` : "No output";
    caption.textContent = probe ? `Output ${told()}.` : "";
    ends.forEach((node, i) => (node.textContent = short((i - 1) * limit, 2)));
    scale.setAttribute("aria-label", `Colors: blue is negative, down to ${short(-limit, 2)}; 0 is the background; orange is positive, up to ${short(limit, 2)}`);
    scale.style.visibility = g.m ? "" : "hidden";
    mark.style.left = `${probe ? 50 + (50 * output[probe[0]][probe[1]]) / limit : 50}%`;
  };
}

/** One button for each known kernel, with its weights as a small picture. */
function presets(demo) {
  const { page } = demo;
  const icon = (kernel) => {
    const most = Math.max(...kernel.flat().map(Math.abs));
    return svg("svg", { width: 18, height: 18, viewBox: "0 0 3 3", "aria-hidden": "true" }, ...kernel.flatMap((row, i) => row.map((w, j) =>
      svg("rect", { x: j + 0.04, y: i + 0.04, width: 0.92, height: 0.92, class: w < 0 ? "kn-minus" : w > 0 ? "kn-plus" : "kn-zero", "fill-opacity": w ? 0.25 + (0.75 * Math.abs(w)) / most : 1 }))));
  };
  const chip = (label, kernel, onClick) => { const { element } = button({ label, onClick }); element.prepend(icon(kernel)); return element; };
  const chips = Object.entries(PRESETS).map(([name, { name: label, make: kernel }]) => [name, chip(label, kernel(3), () => page.set({ kernel: kernel(page.get("kernel").length) }))]);
  const random = chip("Random", randomKernel(3, 7), () => page.set({ kernel: randomKernel(page.get("kernel").length, page.get("seed")), seed: page.get("seed") + 1 }));
  make(page.actions, { role: "group", "aria-label": "Kernels to start from", class: "twice-row kn-chips" }, [...chips.map(([, node]) => node), random]);
  return () => {
    const chosen = presetOf(demo.kernel);
    for (const [name, node] of chips) node.setAttribute("aria-pressed", String(name === chosen));
  };
}

/** Window times kernel = products, number by number; the kernel's numbers can be edited. */
function equation(demo) {
  const { page } = demo;
  const part = (name, label) => {
    const [title, cells] = [html("div", { class: "kn-name" }, label), html("div", { class: `kn-grid ${name}`, role: "group", "aria-label": label })];
    return { title, cells, element: html("div", { class: "kn-part" }, title, cells) };
  };
  const [seen, weights, products] = [part("kn-window", "Window"), part("kn-weights", "Kernel: edit it"), part("kn-products", "Products")];
  const sign = (text) => html("span", { class: "kn-sign", "aria-hidden": "true" }, text);
  const sum = html("p", { class: "kn-sum" });
  const box = html("div", { class: "kn-equation" }, seen.element, sign("×"), weights.element, sign("="), products.element);
  page.main.append(box, sum);
  let inputs = [];
  const source = (a, b) => (demo.state.flip ? [demo.g.k - 1 - a, demo.g.k - 1 - b] : [a, b]);
  const shown = (w) => tight(String(Number(w.toFixed(3))), inputs.length === 25 ? 5 : 3);
  function build(k) {
    const edit = (a, b) => ({ target }) => {
      if (target.value.trim() === "" || !Number.isFinite(Number(target.value))) return;
      const [row, column] = source(a, b);
      const weight = clamp(Number(target.value), -1000, 1000);
      page.set({ kernel: page.get("kernel").map((line, i) => line.map((w, j) => (i === row && j === column ? weight : w))) });
    };
    const cells = () => Array.from({ length: k * k }, () => html("span", {}));
    inputs = Array.from({ length: k * k }, (_, n) => html("input", { type: "number", step: "any", inputmode: "text", "aria-label": `Weight, row ${Math.floor(n / k)}, column ${n % k}`,
      oninput: edit(Math.floor(n / k), n % k), onblur: () => demo.redraw() }));
    fill(weights.cells, ...inputs);
    for (const part of [seen, products]) fill(part.cells, ...cells());
    box.style.setProperty("--k", k);
    box.dataset.k = k;
  }
  return () => {
    const { g: { k, m }, applied, products: made, seen: pixels, state, output, probe } = demo;
    if (inputs.length !== k * k) build(k);
    weights.title.textContent = state.flip ? "Kernel, turned by 180°" : "Kernel: edit it";
    const [heaviest, most] = [applied, made ?? [[0]]].map((rows) => Math.max(...rows.flat().map(Math.abs)) || 1);
    applied.flat().forEach((w, n) => {
      const input = inputs[n];
      if (!input.matches(":focus")) input.value = shown(w);
      input.style.background = demo.shade(w / heaviest, 0.5);
    });
    [...seen.cells.children].forEach((cell, n) => {
      const v = m ? pixels.flat()[n] : null;
      cell.className = v === null ? "kn-outside" : "";
      cell.textContent = v === null ? (m ? "0" : "") : tight(short(v, 2), k);
      const level = Math.round(255 * (v ?? 0));
      Object.assign(cell.style, v === null ? { background: "", color: "" } : { background: `rgb(${level},${level},${level})`, color: v > 0.46 ? "#000" : "#fff" });
    });
    [...products.cells.children].forEach((cell, n) => {
      const v = m ? made.flat()[n] : 0;
      cell.textContent = m ? tight(short(v), k) : "";
      cell.style.background = demo.shade(v / most, 0.5);
    });
    const value = probe && output[probe[0]][probe[1]];
    fill(sum, html("strong", {}, "Sum: "), m ? `${sumInWords(made)}${state.relu ? `, after ReLU ${short(value)}` : ""}, the output in row ${probe[0]}, column ${probe[1]}.` : "no window, no sum");
  };
}

/** Stride, dilation, padding and the rest; the output's size in numbers. */
function settings(demo) {
  const { page } = demo;
  const size = slider(page, { label: "Kernel size m", min: 3, max: 5, step: 2, format: (k) => `${k} × ${k}`, value: page.get("kernel").length, onInput: (k) => {
    const preset = presetOf(demo.kernel);
    page.set({ kernel: preset ? PRESETS[preset].make(k) : resizeKernel(demo.kernel, k) });
  } });
  const whole = (label, trait, min, max) => slider(page, { label, trait, min, max, step: 1, format: String });
  const [n, stride, dilation] = [["Image size W", "size", 4, 32], ["Stride S", "stride", 1, 4], ["Dilation d", "dilation", 1, 3]].map((one) => whole(...one));
  const padding = select(page, { label: "Padding", trait: "padding", options: [["valid", "valid: none"], ["same", "same: zeros around"]] });
  const flip = checkbox(page, { label: "Flip the kernel", trait: "flip" });
  const relu = checkbox(page, { label: "ReLU", trait: "relu" });
  const reset = button({ label: "Reset", onClick: () => { demo.own = null; page.set({ ...demo.start, goal_met: false }); } });
  const [formula, hint] = [html("p", { class: "kn-formula" }), html("p", { class: "twice-hint" })];
  page.main.append(html("div", { class: "kn-controls" }, ...[size, stride, dilation, padding, n].map(({ element }) => element),
    html("div", { class: "twice-row" }, flip.element, relu.element, reset.element)),
  html("div", { class: "kn-size" }, html("div", { class: "kn-name" }, "Output size"),
    html("p", { class: "kn-formula" }, "O = ⌊(W − (d·(m − 1) + 1) + 2P) / S⌋ + 1"), formula, hint));
  return () => {
    size.value = demo.g.k;
    formula.textContent = sizeInWords(demo.g);
    hint.textContent = settingsInWords(demo.g, demo.state);
  };
}

const STRIPES = { vertical: "M4 1v12M10 1v12", horizontal: "M1 4h12M1 10h12", rising: "M1 9L9 1M5 13L13 5", falling: "M1 5L9 13M5 1L13 9" };
const slant = (name) => svg("svg", { width: 14, height: 14, viewBox: "0 0 14 14", "aria-hidden": "true" }, svg("path", { d: STRIPES[name] }));

/** The sentences, the strongest answers on the stripes, and the goal. */
function words(demo) {
  const { page } = demo;
  const spoken = html("p", { class: "kn-spoken", role: "status" });
  const zones = html("p", { class: "kn-zones" });
  demo.pair.after(zones);
  page.main.append(spoken);
  let [wait, record] = [0, ""];
  page.onDispose(() => clearTimeout(wait));
  return () => {
    const { kernel, applied, g, state, answers: found, probe, output } = demo;
    const text = explain(kernel, g, state);
    page.say(text, { quiet: true }); // spoken below, once everything rests
    zones.hidden = !found;
    if (found) {
      const wished = { rising: ["at least 1", found.rising >= 1 - 1e-9], falling: ["exactly 0", found.falling === 0] };
      fill(zones, html("strong", {}, "Strongest answer on stripes:"), ...Object.keys(STRIPES).map((name) => {
        const [wish, met] = wished[name] ?? [];
        return html("span", { "data-met": met === undefined ? null : String(met) }, slant(name), ` ${name}: ${short(found[name])}`,
          wish ? ` ${met ? "✓" : "○"} ${wish}` : null);
      }));
    }
    if (found && goalReached(state, applied, found)) {
      const only = found.vertical === 0 && found.horizontal === 0;
      record = `Rising ${short(found.rising)}, falling exactly 0: along every falling diagonal your weights add up to 0. ` +
        (only ? "And nothing on | and — either: up to a factor, it is the only such kernel." : "Harder: silence | and — as well. Up to a factor, only one kernel does.");
      page.goal(true, record);
    } else page.goal(page.get("goal_met"), page.get("goal_met") ? record : "");
    clearTimeout(wait);
    wait = setTimeout(() => { spoken.textContent = `${probe ? `Output row ${probe[0]}, column ${probe[1]}: ${short(output[probe[0]][probe[1]])}. ` : ""}${text} ${settingsInWords(g, state)}`; }, 500);
  };
}

export default { render };
