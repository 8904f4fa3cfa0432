/* dropout_net.js: a small network under dropout: one thinned net, the ensemble of all of them, and the net without.
 * Above the line "The demo": pure functions, compared number by number with NumPy in tests/test_dropout_net_demo.py.
 * The net is 2 -> 6 -> 6 -> 1 with relu; its 67 parameters lie in one Float64Array: kernel (n_in, n_out), bias, layer by
 * layer. A mask has 12 numbers, the factor of every hidden unit's output: 0, or what a kept unit is multiplied by. */

// ---- Data and net ----

export const LIMITS = [-3, 3];
export const UNITS = 6; // in each of the two hidden layers
export const NETS = 2 ** (2 * UNITS);
export const [TRAIN, VALIDATION] = [60, 400];
const NOISE = 0.45;
const RATE = 0.01; // Adam's learning rate
const H = UNITS;
const [B1, W2, B2, W3, B3] = [2 * H, 3 * H, 3 * H + H * H, 4 * H + H * H, 5 * H + H * H];
export const SIZE = B3 + 1;

/** Two half moons with Gaussian noise, labels 0 and 1 in turn: { x: (count, 2), y, count }. */
export function makeData(count, seed) {
  const { next, normal } = seeded(seed);
  const [x, y] = [new Float64Array(2 * count), new Float64Array(count)];
  for (let i = 0; i < count; i++) {
    const angle = Math.PI * next();
    const side = i % 2 ? -1 : 1;
    y[i] = i % 2;
    x[2 * i] = side * (1.5 * Math.cos(angle) - 0.75) + NOISE * normal();
    x[2 * i + 1] = side * (1.5 * Math.sin(angle) - 0.45) + NOISE * normal();
  }
  return { x, y, count };
}

/** He's normal weights (He et al., 2015), biases 0. */
export function drawParams(seed) {
  const { normal } = seeded(seed);
  const params = new Float64Array(SIZE);
  for (const [from, to, fan] of [[0, B1, 2], [W2, B2, H], [W3, B3, H]]) {
    for (let i = from; i < to; i++) params[i] = Math.sqrt(2 / fan) * normal();
  }
  return params;
}

/** What a kept unit's output is multiplied by in training: 1 / (1 - rate), or 1 without scaling. */
export const factor = (rate, scaling) => (scaling === "inverted" ? 1 / (1 - rate) : 1);

/** One mask of 12 factors out of the stream, into `mask` at `at`. */
export function drawMask(stream, rate, keep, mask = new Float64Array(2 * H), at = 0) {
  for (let j = 0; j < 2 * H; j++) mask[at + j] = stream.next() < rate ? 0 : keep;
  return mask;
}
export const FULL = new Float64Array(2 * H).fill(1);

/** Room for what one point makes: z1, h1 (after relu, before the mask), z2, h2. */
export const room = () => ({ z1: new Float64Array(H), h1: new Float64Array(H), z2: new Float64Array(H), h2: new Float64Array(H) });

/** One point through the net, under the 12 factors at mask[at...]; fills `a` and returns the output's z. */
export function forward(p, x0, x1, mask, at, a) {
  const { z1, h1, z2, h2 } = a;
  for (let j = 0; j < H; j++) {
    z1[j] = p[B1 + j] + x0 * p[j] + x1 * p[H + j];
    h1[j] = z1[j] > 0 ? z1[j] : 0;
    z2[j] = p[B2 + j];
  }
  for (let i = 0; i < H; i++) {
    const v = h1[i] * mask[at + i];
    if (v !== 0) for (let j = 0, k = W2 + i * H; j < H; j++, k++) z2[j] += v * p[k];
  }
  let z = p[B3];
  for (let j = 0; j < H; j++) {
    h2[j] = z2[j] > 0 ? z2[j] : 0;
    z += h2[j] * mask[at + H + j] * p[W3 + j];
  }
  return z;
}

export const logistic = (z) => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));
const crossEntropy = (z, y) => Math.max(z, 0) - z * y + Math.log1p(Math.exp(-Math.abs(z)));

const spare = room();
const [back2, back1] = [new Float64Array(H), new Float64Array(H)];

/** Mean binary cross-entropy of the full net. */
export function loss(p, { x, y, count }) {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += crossEntropy(forward(p, x[2 * i], x[2 * i + 1], FULL, 0, spare), y[i]);
  return sum / count;
}

/** The gradient of the mean loss into `grads`, every point under a mask of its own: masks (count, 12). */
export function gradient(p, { x, y, count }, masks, grads) {
  grads.fill(0);
  const a = spare;
  for (let row = 0; row < count; row++) {
    const at = 2 * H * row;
    const z = forward(p, x[2 * row], x[2 * row + 1], masks, at, a);
    const d = (logistic(z) - y[row]) / count;
    grads[B3] += d;
    for (let j = 0; j < H; j++) {
      const m = masks[at + H + j];
      grads[W3 + j] += d * m * a.h2[j];
      back2[j] = a.z2[j] > 0 ? d * m * p[W3 + j] : 0;
      grads[B2 + j] += back2[j];
    }
    for (let i = 0; i < H; i++) {
      const m = masks[at + i];
      let back = 0;
      for (let j = 0, k = W2 + i * H; j < H; j++, k++) {
        grads[k] += back2[j] * m * a.h1[i];
        back += back2[j] * p[k];
      }
      back1[i] = a.z1[i] > 0 ? back * m : 0;
      grads[B1 + i] += back1[i];
      grads[i] += back1[i] * x[2 * row];
      grads[H + i] += back1[i] * x[2 * row + 1];
    }
  }
  return grads;
}

// ---- Training: Adam on all points at once, the same run for the same seed ----

export const STEPS = 1000;
export const EVERY = 10; // steps between two points of the curves, and between two snapshots

/** A run at its beginning; `curve` gets [step, training loss, validation loss], `kept` the parameters, every ten steps. */
export function createRun(seed, rate, scaling) {
  const run = { seed, rate, scaling, keep: factor(rate, scaling), params: drawParams(10 * seed + 3), steps: 0, curve: [], kept: [],
    data: makeData(TRAIN, 10 * seed + 1), validation: makeData(VALIDATION, 10 * seed + 2), stream: seeded(10 * seed + 4),
    masks: new Float64Array(2 * H * TRAIN), grads: new Float64Array(SIZE), first: new Float64Array(SIZE), second: new Float64Array(SIZE) };
  record(run);
  return run;
}

function record({ curve, kept, steps, params, data, validation }) {
  curve.push([steps, loss(params, data), loss(params, validation)]);
  kept.push(params.slice());
}

/** One step of Adam (Kingma and Ba, 2015), every point under a fresh mask. */
export function trainStep(run) {
  const { params, data, masks, grads, first, second } = run;
  for (let row = 0; row < data.count; row++) drawMask(run.stream, run.rate, run.keep, masks, 2 * H * row);
  gradient(params, data, masks, grads);
  run.steps += 1;
  const pace = (RATE * Math.sqrt(1 - 0.999 ** run.steps)) / (1 - 0.9 ** run.steps);
  for (let i = 0; i < SIZE; i++) {
    first[i] += 0.1 * (grads[i] - first[i]);
    second[i] += 0.001 * (grads[i] * grads[i] - second[i]);
    params[i] -= (pace * first[i]) / (Math.sqrt(second[i]) + 1e-7);
  }
  if (run.steps % EVERY === 0) record(run);
  return run;
}

export function train(seed, rate, scaling, steps = STEPS) {
  const run = createRun(seed, rate, scaling);
  while (run.steps < steps) trainStep(run);
  return run;
}

/** The smallest validation loss of a run: [step, loss]. */
export const lowest = ({ curve }) => curve.reduce((best, [step, , v]) => (v < best[1] ? [step, v] : best), [0, Infinity]);

// ---- All masks: exact means, by enumeration ----

/** How likely each of the 64 masks of one layer is; bit j of its number: unit j is kept. */
export const chances = (rate) => Float64Array.from({ length: 2 ** H }, (_, s) => {
  const on = bits(s);
  return rate ** (H - on) * (1 - rate) ** on;
});
const bits = (s) => { let n = 0; for (; s; s &= s - 1) n++; return n; };
const lowBit = Array.from({ length: 2 ** H }, (_, s) => 31 - Math.clz32(s & -s));
const [sums, tops] = [new Float64Array(2 ** H * H), new Float64Array(2 ** H)];

/** z of layer 2 under each of the 64 masks of layer 1, into sums[6 s + j]; a mask has one unit more than an earlier one. */
function layerTwo(p, x0, x1, keep) {
  forward(p, x0, x1, FULL, 0, spare);
  for (let j = 0; j < H; j++) sums[j] = p[B2 + j];
  for (let s = 1; s < 2 ** H; s++) {
    const i = lowBit[s];
    const [from, v] = [H * (s & (s - 1)), keep * spare.h1[i]];
    for (let j = 0; j < H; j++) sums[H * s + j] = sums[from + j] + v * p[W2 + H * i + j];
  }
}

/** The mean probability of class 1 over all 4,096 thinned nets, each as likely as its mask. */
export function exactMean(p, x0, x1, keep, chance) {
  layerTwo(p, x0, x1, keep);
  let mean = 0;
  for (let s = 0; s < 2 ** H; s++) {
    if (chance[s] === 0) continue;
    tops[0] = p[B3];
    let inner = chance[0] * logistic(tops[0]);
    for (let t = 1; t < 2 ** H; t++) {
      const j = lowBit[t];
      const z = sums[H * s + j];
      tops[t] = tops[t & (t - 1)] + (z > 0 ? keep * z * p[W3 + j] : 0);
      inner += chance[t] * logistic(tops[t]);
    }
    mean += chance[s] * inner;
  }
  return mean;
}

/** z in training (the mean over all masks) and in test, of unit j of layer 2 (64 masks) and of the output (4,096). */
export function expectations(p, x0, x1, rate, keep, j) {
  const top = forward(p, x0, x1, FULL, 0, spare);
  const test = { unit: spare.z2[j], output: top };
  layerTwo(p, x0, x1, keep);
  const chance = chances(rate);
  const training = { unit: 0, output: p[B3] };
  for (let s = 0; s < 2 ** H; s++) {
    training.unit += chance[s] * sums[H * s + j];
    for (let i = 0; i < H; i++) { // the output is linear in the mask of layer 2: a factor of (1 - rate) keep
      training.output += chance[s] * (1 - rate) * keep * Math.max(0, sums[H * s + i]) * p[W3 + i];
    }
  }
  return { test, training };
}

// ---- Some masks: Monte-Carlo dropout on a grid of the plane ----

export const GRID = 28; // points along each side
export const MOST = 2000; // masks
export const gridX = (i) => LIMITS[0] + ((i + 0.5) * (LIMITS[1] - LIMITS[0])) / GRID;
const CELLS = GRID * GRID; // row after row, from the bottom

/** The output's z at every point of the grid, under one mask. */
export function gridZ(p, mask, at = 0, out = new Float64Array(CELLS)) {
  for (let k = 0; k < CELLS; k++) out[k] = forward(p, gridX(k % GRID), gridX(Math.floor(k / GRID)), mask, at, spare);
  return out;
}

/** The masks of a seed: uniform numbers, 12 a mask. At a higher rate the same masks drop the same units, and more. */
export function uniforms(seed) {
  const { next } = seeded(10 * seed + 5);
  return Float64Array.from({ length: 2 * H * MOST }, next);
}
export const maskAt = (u, index, rate, keep) => u.subarray(2 * H * index, 2 * H * (index + 1)).map((v) => (v < rate ? 0 : keep));

/** An ensemble that grows mask by mask: { mean, full, toFull: distances by number of masks, exact, toExact }. */
export function createEnsemble(params, rate, keep, u) {
  return { params, rate, keep, u, count: 0, sum: new Float64Array(CELLS), full: gridZ(params, FULL).map(logistic), toFull: [NaN],
    exact: new Float64Array(CELLS), known: 0, toExact: [NaN], chance: chances(rate), z: new Float64Array(CELLS) };
}

export function addMask(e) {
  gridZ(e.params, maskAt(e.u, e.count, e.rate, e.keep), 0, e.z);
  e.count += 1;
  let [far, off] = [0, 0];
  const done = e.known === CELLS;
  for (let k = 0; k < CELLS; k++) {
    e.sum[k] += logistic(e.z[k]);
    const mean = e.sum[k] / e.count;
    far += Math.abs(mean - e.full[k]);
    if (done) off += Math.abs(mean - e.exact[k]);
  }
  e.toFull.push(far / CELLS);
  e.toExact.push(done ? off / CELLS : NaN);
}

/** The exact mean at the next point of the grid; false once all are known. Call before the first mask. */
export function addExact(e) {
  if (e.known === CELLS) return false;
  const k = e.known++;
  e.exact[k] = exactMean(e.params, gridX(k % GRID), gridX(Math.floor(k / GRID)), e.keep, e.chance);
  return e.known < CELLS;
}

/** How far the full net is from the exact mean of all thinned nets: what no number of masks takes away. */
export const floorOf = (e) => e.exact.reduce((sum, v, k) => sum + Math.abs(v - e.full[k]), 0) / CELLS;

/** Where the values of a grid (size x size, row after row) cross `level`: segments x0, y0, x1, y1, ... in grid steps. */
export function crossings(values, size, level = 0) {
  const found = [];
  for (let j = 0; j + 1 < size; j++) {
    for (let i = 0; i + 1 < size; i++) {
      const k = j * size + i;
      const heights = [values[k] - level, values[k + 1] - level, values[k + size + 1] - level, values[k + size] - level];
      const above = (heights[0] > 0) + (heights[1] > 0) + (heights[2] > 0) + (heights[3] > 0);
      if (above === 0 || above === 4) continue;
      const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]];
      for (let c = 0; c < 4; c++) {
        const d = (c + 1) % 4;
        const [a, b] = [heights[c], heights[d]];
        if (a > 0 === b > 0) continue;
        const t = a / (a - b);
        found.push(corners[c][0] + t * (corners[d][0] - corners[c][0]), corners[c][1] + t * (corners[d][1] - corners[c][1]));
      }
    }
  }
  return found;
}

// ---- Words ----

export const WANTED = 0.5;
const plain = (v) => String(Number(v.toFixed(2)));

/** The goal: dropped at all, trained to the end, and good on points it never saw. */
export const goalReached = (run) => run.rate > 0 && run.steps >= STEPS && run.curve.at(-1)[2] < WANTED;

/** What the curves say, in two or three sentences. `twin`: the same net, trained without dropout. */
export function explain(run, twin) {
  const [, fit, end] = run.curve.at(-1);
  const [, plainFit, plainEnd] = twin.curve.at(-1);
  const [step, best] = lowest(twin);
  const early = `Early stopping would have helped, too: at step ${step} the net without dropout had ${number(best)}.`;
  if (run.rate === 0) {
    return `Nothing is dropped. The net learns its ${TRAIN} points nearly by heart (training loss ${number(plainFit)}) and pays for it on points `
      + `it never saw: validation loss ${number(plainEnd)} after ${STEPS} steps. ${early}`;
  }
  const rate = plain(run.rate);
  const ends = `With a rate of ${rate} the validation loss ends at ${number(end)}, without dropout at ${number(plainEnd)}.`;
  if (run.scaling === "none") {
    return `${ends} But nothing is scaled here: in test all units speak at once, and the next layer hears 1 / (1 − ${rate}) = `
      + `${number(1 / (1 - run.rate))} times what it heard on average in training.`;
  }
  if (fit > 0.5) {
    return `${ends} So much is dropped that the net cannot learn even its own ${TRAIN} points: training loss ${number(fit)}; guessing costs ln 2 = 0.69.`;
  }
  if (end < WANTED) {
    return `${ends} It fits its own points less well (training loss ${number(fit)} against ${number(plainFit)}), and new ones better. ${early}`;
  }
  return `${ends} ${end < plainEnd ? "Better, but it" : "It"} still overfits: its training loss is ${number(fit)}. ${early}`;
}

/** How the ensemble stands, in a sentence. */
export function compare(e) {
  if (e.rate === 0) return "At a rate of 0 every mask is the full net.";
  const nets = e.count === 1 ? "One mask’s probabilities differ" : `The mean of ${e.count} masks’ probabilities differs`;
  const why = e.keep === 1 ? "without scaling, the full net is no stand-in for them" : "scaling is exact only as far as the net is linear, and relu and sigmoid are not";
  const sure = e.known === CELLS ? ` The mean of all ${NETS.toLocaleString("en")} thinned nets is ${number(floorOf(e), 3)} from it: ${why}.` : "";
  return `${nets} from the full net’s by ${number(e.toFull[e.count], 3)} on average over the plane.${sure}`;
}

// ---- The demo ----

const LINES = 30; // thinned nets drawn as lines: the last ones
const SEED = 3; // at first: the loss has one valley over the rates
const AT_ONCE = 12; // masks in the picture while a slider moves
const [TRAINING, SETTLING] = [0.8, 2]; // milliseconds of computing in a frame
const HEIGHT = 318; // of the graph
const COLUMNS = [26, 118, 222, 300];
const place = (layer, index) => (layer === 0 ? [COLUMNS[0], index ? 206 : 112] : layer === 3 ? [COLUMNS[3], 159] : [COLUMNS[layer], 34 + 50 * index]);
const named = (unit) => `Layer ${unit < H ? 1 : 2}, unit ${(unit % H) + 1}`;
const thousands = (v) => v.toLocaleString("en");

function render({ model, el }) {
  const page = createPage({ model, el, title: "Dropout: one net, and 4,096 thinned ones" });
  const demo = { page, run: null, twin: null, met: "" };
  const parts = [];
  /** The net of the step looked at, with some masks at once; what is slow follows when the controls rest. */
  demo.look = () => {
    const { run } = demo;
    demo.params = run.kept[Math.min(run.kept.length - 1, page.get("steps") / EVERY)];
    demo.ensemble = null;
    demo.shown = createEnsemble(demo.params, run.rate, run.keep, demo.uniforms);
    grow(demo.shown, Math.min(page.get("masks"), AT_ONCE));
    settle();
    demo.show();
  };
  /** Add masks up to `wanted`, keeping the boundaries of the last ones; stops when late(). */
  const grow = (e, wanted, late = () => false) => {
    e.lines ??= [];
    while (e.count < wanted && !late()) {
      addMask(e);
      if (e.count <= wanted - LINES) continue;
      e.lines.push(crossings(e.z, GRID));
      if (e.lines.length > LINES) e.lines.shift();
    }
  };
  demo.show = () => { for (const part of parts) part(); };
  let [pause, job] = [0, null];
  const settle = () => {
    clearTimeout(pause);
    pause = setTimeout(() => settling.start(), 120);
  };
  page.onDispose(() => clearTimeout(pause));
  const slice = (ms) => { const end = performance.now() + ms; return () => performance.now() > end; };
  /** A few milliseconds a frame: all 4,096 masks on the grid, then the masks one by one. */
  const settling = animation(page, () => {
    const late = slice(SETTLING);
    const e = demo.ensemble ??= createEnsemble(demo.params, demo.run.rate, demo.run.keep, demo.uniforms);
    while (addExact(e) && !late());
    if (e.known < CELLS) return true;
    const wanted = page.get("masks");
    grow(e, wanted, late);
    if (e.count < wanted && demo.shown !== e) return true;
    demo.shown = e;
    demo.show();
    return e.count < wanted;
  });
  /** The training, a few milliseconds a frame; what is set meanwhile is trained next. */
  const training = animation(page, () => {
    const late = slice(TRAINING);
    while (job.steps < STEPS && !late()) trainStep(job);
    if (job.steps < STEPS) return true;
    [demo.run, job] = [job, null];
    demo.look();
    demo.begin();
    return Boolean(job);
  });
  /** Train anew if a setting changed; at once, or while a slider moves, in the frames to come. */
  demo.begin = (now = false) => {
    const [seed, rate, scaling] = ["seed", "rate", "scaling"].map(page.get);
    if (demo.seed !== seed) {
      Object.assign(demo, { seed, uniforms: uniforms(seed), twin: train(seed, 0, "inverted") });
    }
    const { run } = demo;
    if (run && run.seed === seed && run.rate === rate && run.scaling === scaling) return;
    if (now) { demo.run = train(seed, rate, scaling); demo.look(); return; }
    clearTimeout(pause);
    settling.stop();
    if (job) return;
    job = createRun(seed, rate, scaling);
    training.start();
  };
  parts.push(...[controls, losses, graph, plane, distances, scales, words].map((part) => part(demo)));
  page.watch("seed rate scaling", () => { parts[0](); demo.begin(); });
  page.watch("steps", demo.look);
  page.watch("masks", () => {
    const [e, wanted] = [demo.ensemble, page.get("masks")];
    if (e && e.known === CELLS && e.count <= wanted) { settling.start(); return; }
    demo.look();
    if (e && e.known === CELLS) demo.ensemble = Object.assign(createEnsemble(e.params, e.rate, e.keep, e.u), { exact: e.exact, known: CELLS });
  });
  page.watch("unit point goal_met", () => demo.show());
  demo.begin(true);
  return page.dispose;
}

/** Rate, step, scaling, buttons. */
function controls(demo) {
  const { page } = demo;
  let at = 0;
  const loop = animation(page, (seconds) => {
    at = Math.min(STEPS, at + 160 * seconds);
    const steps = EVERY * Math.floor(at / EVERY);
    if (steps < STEPS) { if (steps !== page.get("steps")) page.set({ steps }, false); return true; }
    page.set({ playing: false, steps });
    return false;
  });
  const rate = slider(page, { label: "Dropout rate", min: 0, max: 0.9, step: 0.05, trait: "rate",
    format: (v) => (v ? number(v) : "0: no dropout"), hint: "Each setting trains a new net: 1,000 steps, one run." });
  const steps = slider(page, { label: "Step of the training", min: 0, max: STEPS, step: EVERY, trait: "steps", format: thousands,
    onInput: () => { if (page.get("playing")) page.set({ playing: false }); }, hint: "Go back to see the net before it overfitted." });
  const scaling = select(page, { label: "Scaling in training", trait: "scaling",
    options: [["inverted", "inverted: ÷ (1 − rate)"], ["none", "none"]] });
  const play = button({ label: "▶ Play the training", primary: true, onClick: () => {
    if (page.get("playing")) { page.set({ playing: false }); return; }
    if (page.calm()) { page.set({ steps: page.get("steps") >= STEPS ? 0 : Math.min(STEPS, page.get("steps") + 100) }); return; }
    page.set({ playing: true });
  } });
  const points = button({ label: "New points", title: "Other points, weights and masks: with some, no rate is good enough",
    onClick: () => page.set({ seed: page.get("seed") + 1 }) });
  const reset = button({ label: "Reset", onClick: () => {
    demo.met = "";
    page.set({ rate: 0.25, scaling: "inverted", seed: SEED, steps: STEPS, masks: LINES, playing: false, goal_met: false });
  } });
  demo.top = html("div", { class: "dn-controls" }, html("div", { class: "dn-left" }, rate.element, page.main.querySelector(".twice-say"), steps.element,
    scaling.element, html("div", { class: "twice-row" }, play.element, points.element, reset.element)));
  demo.pictures = html("div", { class: "dn-pictures" });
  demo.more = html("div", { class: "dn-groups" });
  page.figure.append(demo.top, demo.pictures, html("details", { class: "dn-more" }, html("summary", {}, "More: do the full net and the mean of the masks agree?"), demo.more));
  const go = () => {
    if (page.get("playing")) { at = page.get("steps") >= STEPS ? 0 : page.get("steps"); loop.start(); }
    else { loop.stop(); demo.look(); }
  };
  page.watch("playing", go);
  if (page.get("playing")) loop.start();
  return () => { play.value = page.get("playing") ? "❚❚ Pause" : page.calm() ? "Train on" : "▶ Play the training"; };
}

/** A box with a heading. */
function section(parent, title, className) {
  return parent.appendChild(html("div", { class: className }, html("div", { class: "dn-title" }, title)));
}
const key = (...entries) => html("div", { class: "dn-key" }, ...entries.map(([name, text]) => html("span", {}, html("i", { class: `dn-line ${name}` }), text)));

/** The net under the last mask drawn. */
function graph(demo) {
  const { page } = demo;
  const box = section(demo.pictures, "One mask: a thinned net", "dn-one");
  const picture = svg("svg", { viewBox: `0 0 330 ${HEIGHT}`, class: "dn-graph", role: "group", "aria-label": "The net under the last mask" });
  const [edges, nodes] = [[], []];
  for (const [layer, from, count, next] of [[0, 0, 2, H], [1, W2, H, H], [2, W3, H, 1]]) {
    for (let i = 0; i < count; i++) for (let j = 0; j < next; j++) {
      const [[x0, y0], [x1, y1]] = [place(layer, i), place(layer + 1, j)];
      const line = svg("line", { x1: x0, y1: y0, x2: x1, y2: y1 });
      edges.push({ line, at: from + i * next + j, from: layer ? (layer - 1) * H + i : -1, to: layer < 2 ? layer * H + j : -1 });
      picture.append(line);
    }
  }
  for (const [layer, count] of [[0, 2], [1, H], [2, H], [3, 1]]) {
    for (let index = 0; index < count; index++) {
      const unit = layer === 1 || layer === 2 ? (layer - 1) * H + index : -1;
      const text = svg("text", { "text-anchor": "middle", y: 5 });
      const node = svg("g", { transform: `translate(${place(layer, index).join(" ")})`, class: unit < 0 ? "dn-node" : "dn-node dn-unit" },
        svg("circle", { r: 21 }), text);
      if (unit >= 0) node.addEventListener("click", () => { choose(unit); handle.focus({ preventScroll: true }); });
      nodes.push({ node, text, unit, layer, index });
      picture.append(node);
    }
  }
  const handle = svg("circle", { r: 25, class: "twice-handle dn-ring", tabindex: 0, role: "button", "aria-roledescription": "chosen unit" });
  picture.append(handle, ...[["input x", 26, 260], ["p(class 1)", 292, 202]].map(([words, x, y]) =>
    svg("text", { x, y, "text-anchor": "middle", class: "dn-quiet" }, words)));
  const choose = (unit) => page.set({ unit });
  handle.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const unit = page.get("unit");
    const to = { ArrowUp: unit % H ? unit - 1 : unit, ArrowDown: unit % H < H - 1 ? unit + 1 : unit, ArrowLeft: unit % H, ArrowRight: (unit % H) + H }[event.key];
    if (to === undefined) return;
    choose(to);
    event.preventDefault();
  });
  const one = button({ label: "Next mask", primary: true, title: "Draw the next thinned net", onClick: () => {
    stop();
    page.set({ masks: page.get("masks") >= MOST ? 1 : page.get("masks") + 1 });
  } });
  let owed = 0;
  const loop = animation(page, (seconds) => {
    owed += seconds * Math.max(6, 0.8 * page.get("masks"));
    const more = Math.floor(owed);
    owed -= more;
    if (more) page.set({ masks: Math.min(MOST, page.get("masks") + more) }, false);
    if (page.get("masks") < MOST) return true;
    page.set({});
    return false;
  });
  const stop = () => { if (loop.running) { loop.stop(); page.set({}); demo.show(); } };
  const many = button({ label: "▶ Many masks", onClick: () => {
    if (loop.running) { stop(); return; }
    const from = page.get("masks") >= MOST ? 1 : page.get("masks");
    if (page.calm()) { page.set({ masks: Math.min(MOST, from + 100) }); return; }
    page.set({ masks: from }, false);
    loop.start();
    demo.show();
  } });
  const first = button({ label: "Start again at mask 1", onClick: () => { stop(); page.set({ masks: 1 }); } });
  const told = html("p", { class: "dn-told" });
  box.append(picture, html("div", { class: "dn-key" }, html("span", {}, "in a circle: what the unit sends, × dropped"),
    html("span", {}, html("i", { class: "dn-line dn-plus" }), "weight above 0"), html("span", {}, html("i", { class: "dn-line dn-minus" }), "below 0")), html("div", { class: "twice-row" }, one.element, many.element, first.element), told);
  demo.drawing = () => loop.running;
  const [a, tested] = [room(), room()];
  return () => {
    const { params, run } = demo;
    const [x0, x1] = page.get("point");
    const [unit, index] = [page.get("unit"), page.get("masks") - 1];
    const mask = demo.mask = maskAt(demo.uniforms, index, run.rate, run.keep);
    const z = forward(params, x0, x1, mask, 0, a);
    forward(params, x0, x1, FULL, 0, tested);
    const inTest = unit < H ? tested.h1[unit] : tested.h2[unit - H];
    const signal = (u) => (u < H ? a.h1[u] : a.h2[u - H]);
    for (const { line, at, from, to } of edges) {
      const w = params[at];
      const off = (from >= 0 && !mask[from]) || (to >= 0 && !mask[to]);
      line.setAttribute("class", off ? "dn-off" : w < 0 ? "dn-minus" : "dn-plus");
      line.setAttribute("stroke-width", off ? 1 : clamp(1.6 * Math.abs(w), 0.4, 5).toFixed(2));
    }
    for (const { node, text, unit: u, layer, index: i } of nodes) {
      const off = u >= 0 && !mask[u];
      node.classList.toggle("dn-off", off);
      const value = layer === 0 ? [x0, x1][i] : layer === 3 ? logistic(z) : signal(u) * mask[u];
      const words = off ? "×" : number(value, layer === 0 || value >= 9.95 ? 1 : 2);
      if (text.textContent !== words) text.textContent = words;
    }
    const [x, y] = place(unit < H ? 1 : 2, unit % H);
    const [h, kept] = [signal(unit), mask[unit] > 0];
    const sends = !kept ? `dropped: it sends 0 instead of ${number(h)}` : run.scaling === "none" || !run.rate ? `kept: it sends ${number(h)} as it is`
      : `kept: it sends ${number(h)} / (1 − ${plain(run.rate)}) = ${number(h * mask[unit])}`;
    make(handle, { cx: x, cy: y, "aria-label": `${named(unit)}, ${sends}. Arrow keys choose another unit.` }, []);
    const on = mask.reduce((n, m) => n + (m > 0), 0);
    told.textContent = `Mask ${thousands(index + 1)}, one of 2¹² = ${thousands(NETS)}, keeps ${on} of 12 units. ${named(unit)} is ${sends}. In test it sends ${number(inTest)}${unit < H ? "" : ", for all of layer 1 speaks"}.`;
    many.value = loop.running ? "❚❚ Pause" : page.calm() ? "100 masks more" : "▶ Many masks";
  };
}

/** The plane: boundaries of the nets, and the point that goes through the graph. */
function plane(demo) {
  const { page } = demo;
  const box = section(demo.pictures, "Many masks: an ensemble", "dn-many");
  const plot = createPlot(page, { parent: box, x: LIMITS, y: LIMITS, xLabel: "x₁", yLabel: "x₂", equal: true,
    label: "The plane: where the nets say one half", draw: () => demo.run && draw() });
  box.append(key(["dn-thin", `the last ${LINES} thinned nets`], ["dn-this", "this mask"], ["dn-mean-solid", "mean of all masks drawn"], ["dn-full", "full net, as in test"]),
    html("div", { class: "dn-key" }, html("span", {}, html("i", { class: "dn-dot" }), html("i", { class: "dn-dot dn-square" }), `${TRAIN} training points`), html("span", {}, "+ the input of the graph: drag it")));
  const dot = svg("g", {}, svg("circle", { r: 18, class: "dn-hit" }), svg("circle", { r: 12, class: "twice-ring" }), svg("path", { d: "M-9 0H9M0 -9V9", class: "dn-cross" }));
  plot.front.append(dot);
  dragHandle(page, plot, dot, { position: () => page.get("point"), step: 0.1,
    onMove: (at) => page.set({ point: at.map((v) => Number(v.toFixed(2))) }, false), onEnd: () => page.set({}) });
  const shade = html("canvas", { width: GRID, height: GRID });
  const trace = (ctx, line) => {
    const side = plot.frame.width / GRID;
    const [left, bottom] = [plot.frame.left + side / 2, plot.frame.top + plot.frame.height - side / 2];
    ctx.beginPath();
    for (let k = 0; k < line.length; k += 4) {
      ctx.moveTo(left + line[k] * side, bottom - line[k + 1] * side);
      ctx.lineTo(left + line[k + 2] * side, bottom - line[k + 3] * side);
    }
    ctx.stroke();
  };
  const draw = () => {
    const { shown: e, run } = demo;
    const [{ ctx, frame: f }, colors] = [plot, page.colors()];
    const image = new ImageData(GRID, GRID);
    const ends = [colors.class0, colors.class1].map((c) => [1, 3, 5].map((i) => parseInt(c.slice(i, i + 2), 16)));
    for (let k = 0; k < CELLS; k++) {
      const p = e.sum[k] / e.count;
      const to = 4 * ((GRID - 1 - Math.floor(k / GRID)) * GRID + (k % GRID));
      image.data.set(ends[p > 0.5 ? 1 : 0], to);
      image.data[to + 3] = 255 * 0.62 * Math.abs(p - 0.5);
    }
    shade.getContext("2d").putImageData(image, 0, 0);
    ctx.drawImage(shade, f.left, f.top, f.width, f.height);
    const { x, y, count } = run.data;
    for (let i = 0; i < count; i++) {
      ctx.fillStyle = y[i] ? colors.class1 : colors.class0;
      ctx.strokeStyle = colors.surface;
      ctx.lineWidth = 1;
      ctx.beginPath();
      const [px, py] = [plot.toX(x[2 * i]), plot.toY(x[2 * i + 1])];
      if (y[i]) ctx.rect(px - 3.4, py - 3.4, 6.8, 6.8); else ctx.arc(px, py, 3.8, 0, 2 * Math.PI);
      ctx.fill();
      ctx.stroke();
    }
    Object.assign(ctx, { lineCap: "round", lineJoin: "round" });
    const stroke = (color, width, alpha, line) => { Object.assign(ctx, { strokeStyle: color, lineWidth: width, globalAlpha: alpha }); trace(ctx, line); };
    const full = crossings(e.full, GRID, 0.5);
    for (const line of e.lines) stroke(colors.path, 1, 0.35, line);
    stroke(colors.surface, 7, 0.8, full);
    stroke(colors.ink, 4.5, 1, full);
    stroke(colors.path, 2.5, 1, crossings(e.sum, GRID, e.count / 2));
    ctx.setLineDash([6, 6]);
    stroke(colors.good, 2.5, 1, crossings(gridZ(e.params, demo.mask), GRID));
    ctx.setLineDash([]);
    const [a, b] = page.get("point");
    make(dot, { transform: `translate(${plot.toX(a).toFixed(1)} ${plot.toY(b).toFixed(1)})`,
      "aria-label": `The input of the graph: x₁ = ${number(a)}, x₂ = ${number(b)}. Drag it, or use the arrow keys.` }, []);
  };
  return plot.redraw;
}

/** A path through [x, y] pairs of a plot; breaks where a number is missing. */
const path = (plot, points) => {
  let pen = "M";
  return points.map(([x, y]) => {
    if (!Number.isFinite(y)) { pen = "M"; return ""; }
    const text = `${pen}${plot.toX(x).toFixed(1)} ${plot.toY(y).toFixed(1)}`;
    pen = "L";
    return text;
  }).join("");
};

/** The losses of the net and of its twin without dropout. */
function losses(demo) {
  const { page } = demo;
  const box = section(demo.top, "Training, with dropout and without", "dn-training");
  const plot = createPlot(page, { parent: box, x: [0, STEPS], y: [0, 2.4], xLabel: "training step", yLabel: "loss (full net)", aspect: 0.55,
    label: "Training and validation loss by step", draw: () => demo.run && draw() });
  const told = html("p", { class: "dn-told" });
  box.append(key(["dn-mean-solid", "with dropout"], ["dn-without", "without"], ["dn-solid", "validation: solid"], ["dn-dashed", "training: dashed"]), told);
  const goal = svg("path", { class: "dn-goal" });
  const cursor = svg("path", { class: "dn-cursor" });
  const curves = ["dn-c-without dn-c-train", "dn-c-without", "dn-c-with dn-c-train", "dn-c-with"].map((name) => svg("path", { class: `dn-curve ${name}` }));
  plot.back.append(goal, cursor, ...curves);
  let drawn = "";
  const draw = () => {
    const { run, twin, seed } = demo;
    make(cursor, { d: `M${plot.toX(page.get("steps"))} ${plot.frame.top}V${plot.frame.top + plot.frame.height}` }, []);
    const what = [seed, run.rate, run.scaling, plot.frame.width].join();
    if (drawn === what) return;
    drawn = what;
    [[twin, 1], [twin, 2], [run, 1], [run, 2]].forEach(([{ curve }, part], k) => curves[k].setAttribute("d", path(plot, curve.map((row) => [row[0], Math.min(row[part], 9)]))));
    goal.setAttribute("d", `M${plot.toX(0)} ${plot.toY(WANTED)}H${plot.toX(STEPS)}`);
  };
  return () => {
    const [now, other] = [demo.run, demo.twin].map(({ curve }) => curve[page.get("steps") / EVERY]);
    told.textContent = `Validation loss at step ${thousands(page.get("steps"))}: ${number(now[2])} with dropout, ${number(other[2])} without. Dotted: the goal, ${number(WANTED)}.`;
    plot.redraw();
  };
}

/** How far the mean of the masks is from the full net, and from that of all 4,096. */
function distances(demo) {
  const { page } = demo;
  const box = section(demo.more, "Mean of the masks and full net", "dn-far");
  const plot = createPlot(page, { parent: box, x: [1, MOST], y: [0.001, 0.5], xLog: true, yLog: true, xLabel: "number of masks", yLabel: "mean |difference|", aspect: 0.55,
    label: "Mean absolute difference of probabilities by the number of masks", draw: () => demo.run && draw() });
  const told = html("p", { class: "dn-told" });
  box.append(key(["dn-full", "from the full net"], ["dn-mean-solid", `from all ${thousands(NETS)} nets`]), told);
  const [full, exact, dot] = [svg("path", { class: "dn-curve dn-c-full" }), svg("path", { class: "dn-curve dn-c-with" }), svg("g", {})];
  plot.back.append(full, exact, dot);
  const draw = () => {
    const e = demo.shown;
    const thin = (values) => values.map((v, n) => [n, Math.max(v, 1e-5)]).filter(([n]) => n && (n < 100 || n % Math.ceil(n / 60) === 0 || n === e.count));
    const some = e.rate > 0;
    full.setAttribute("d", some ? path(plot, thin(e.toFull)) : "");
    exact.setAttribute("d", some ? path(plot, thin(e.toExact)) : "");
    fill(dot, ...(some ? [["dn-full", e.toFull], ["dn-mean", e.toExact]] : []).filter(([, v]) => Number.isFinite(v[e.count]))
      .map(([name, v]) => svg("circle", { r: 4.5, class: name, cx: plot.toX(e.count), cy: plot.toY(v[e.count]) })));
  };
  return () => {
    const words = compare(demo.shown);
    if (told.textContent !== words) told.textContent = words;
    plot.redraw();
  };
}

/** The mean of z over all masks against z in test: exact in layer 2, nearly so at the output. */
function scales(demo) {
  const { page } = demo;
  const box = section(demo.more, "What the next layer hears: all masks in training, no mask in test", "dn-heard");
  const row = (name) => {
    const [bar, told] = [html("i", { class: name === "test" ? "dn-test" : "" }), html("span", {})];
    return { bar, told, element: html("li", {}, html("span", {}, name === "test" ? "test" : "training, mean"), html("span", { class: "dn-bar" }, bar), told) };
  };
  const groups = ["unit", "output"].map((which) => {
    const [heading, note, rows] = [html("div", { class: "dn-heading" }), html("p", { class: "twice-hint" }), ["training", "test"].map(row)];
    const element = html("div", {}, heading, html("ul", { class: "dn-bars" }, ...rows.map(({ element: e }) => e)), note);
    return { which, heading, note, rows, element };
  });
  box.append(...groups.map(({ element }) => element));
  return () => {
    const { run, params } = demo;
    const unit = page.get("unit");
    let j = unit - H;
    if (j < 0) { // the unit of layer 2 that hears it loudest
      j = 0;
      for (let k = 1; k < H; k++) if (Math.abs(params[W2 + H * unit + k]) > Math.abs(params[W2 + H * unit + j])) j = k;
    }
    const found = expectations(params, ...page.get("point"), run.rate, run.keep, j);
    const same = (a, b) => Math.abs(a - b) < 5e-4;
    groups.forEach(({ which, heading, note, rows }) => {
      const [training, test] = [found.training[which], found.test[which]];
      const most = Math.max(Math.abs(training), Math.abs(test), 1e-9);
      heading.textContent = which === "unit" ? `z of layer 2, unit ${j + 1}` : "z of the output";
      [training, test].forEach((v, k) => {
        rows[k].bar.style.cssText = `left: ${v < 0 ? 50 + (50 * v) / most : 50}%; width: ${(50 * Math.abs(v)) / most}%`;
        rows[k].told.textContent = number(v, 3);
      });
      const agree = same(training, test);
      note.textContent = which === "unit"
        ? run.scaling === "none" && run.rate
          ? `Over all 64 masks of layer 1. Without scaling the inputs shrink to ${number(1 - run.rate)} of their size in training; the bias stays.`
          : "Over all 64 masks of layer 1. z is linear in the mask, so the means agree exactly."
        : run.scaling === "none" && run.rate ? `Over all ${thousands(NETS)} masks. Two layers without scaling: their inputs shrink twice.`
          : `Over all ${thousands(NETS)} masks. A relu lies between, and the mean of relu is not relu of the mean: ${!run.rate ? "but with a rate of 0 there is one net." : agree ? "here they agree, for no mask turns a unit on or off at this point." : `off by ${number(Math.abs(training - test), 3)} here.`}`;
    });
  };
}

/** The sentences, and the goal. */
function words(demo) {
  const { page } = demo;
  const spoken = html("p", { class: "dn-spoken", role: "status" });
  page.main.append(spoken);
  let wait = 0;
  let last;
  page.onDispose(() => clearTimeout(wait));
  return () => {
    const { run, twin } = demo;
    const text = explain(run, twin);
    page.say(text, { quiet: true });
    page.goal(page.get("goal_met"), page.get("goal_met") ? demo.met : "");
    if (last === run) return;
    last = run;
    clearTimeout(wait);
    wait = setTimeout(() => { // it rests: sweeping across a good rate does not count
      spoken.textContent = text;
      if (!goalReached(demo.run)) return;
      demo.met = `A rate of ${plain(run.rate)} ends at ${number(run.curve.at(-1)[2])}, without dropout it is ${number(twin.curve.at(-1)[2])}. Now draw many masks: does their mean reach the full net? Open “More” to see.`;
      page.goal(true, demo.met);
    }, 500);
  };
}

export default { render };
