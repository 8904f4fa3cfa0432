/* schedule.js: a learning-rate schedule composed of pieces, and a small net that is trained with it, nine times.
 * Above the line "The demo": pure functions, compared number by number with twice.scratch in tests/test_schedule_demo.py.
 * The net is 2 -> 16 -> 16 -> 1 with relu; its parameters lie in one Float64Array: kernel (n_in, n_out), bias, layer by layer.
 * A piece is { kind, steps, start, end, count }: start null begins where the piece before it ended; count: drops, or restarts. */

// ---- The schedule ----

export const STEPS = 1000; // shared by all pieces
export const SHORTEST = 10; // steps of a piece
export const MOST = 8; // pieces
export const [LOWEST, HIGHEST] = [1e-4, 10]; // rates on the log axis; 0 is allowed, too
const SMALLEST = 0.001; // what decays by a factor ends no lower than this share of its start

export const KINDS = {
  warm_up: "Warm-up (linear)", constant: "Plateau", linear: "Linear decay", cosine: "Cosine decay", exponential: "Exponential decay",
  step: "Step decay", inverse: "1/t decay", restarts: "Cosine with restarts",
};

/** The pieces with their beginnings: from (a step), start, and end (a plateau ends as it starts). */
export function resolve(pieces) {
  let [from, rate] = [0, 0];
  return pieces.map((piece) => {
    const start = piece.start ?? rate;
    const end = piece.kind === "constant" ? start : piece.end;
    const whole = { ...piece, from, start, end };
    [from, rate] = [from + piece.steps, end];
    return whole;
  });
}

/** The rate of a resolved piece, t steps after its beginning, 0 <= t < steps. */
export function rateAt({ kind, steps, start, end, count }, t) {
  const u = t / steps;
  const ratio = start > 0 ? Math.max(end / start, SMALLEST) : 1;
  const cosine = (share) => end + ((start - end) * (1 + Math.cos(Math.PI * share))) / 2;
  switch (kind) {
    case "constant": return start;
    case "cosine": return cosine(u);
    case "exponential": return start * ratio ** u;
    case "step": {
      const every = steps / (count + 1);
      return start * (ratio ** (1 / count)) ** Math.round((t - (t % every)) / every); // Python's t // every, to the last bit
    }
    case "inverse": return start / (1 + (1 / ratio - 1) * u);
    case "restarts": { // every cycle twice as long as the one before it
      let [length, left] = [steps / (2 ** count - 1), t];
      while (left >= length) [left, length] = [left - length, 2 * length];
      return cosine(left / length);
    }
    default: return start + (end - start) * u; // warm_up, linear
  }
}

/** The rate of every step: (1000,). */
export function rates(pieces) {
  const all = new Float64Array(STEPS);
  for (const piece of resolve(pieces)) for (let t = 0; t < piece.steps; t++) all[piece.from + t] = rateAt(piece, t);
  return all;
}
export const constant = (rate) => [{ kind: "constant", steps: STEPS, start: rate, end: rate, count: 1 }];

// ---- Data, net, training ----

export const UNITS = 16;
export const [POINTS, BATCH] = [200, 4];
const H = UNITS;
const [B1, W2, B2, W3, B3] = [2 * H, 3 * H, 3 * H + H * H, 4 * H + H * H, 5 * H + H * H];
export const SIZE = B3 + 1;
const [NOISE, RADIUS] = [0.35, 2.6];
export const LIMIT = 3.8; // of the plane that is drawn

/** Two spiral arms of one turn with Gaussian noise, labels 0 and 1 in turn: { x: (count, 2), y, count }. */
export function makeData() {
  const { next, normal } = seeded(8);
  const [x, y] = [new Float64Array(2 * POINTS), new Float64Array(POINTS)];
  for (let i = 0; i < POINTS; i++) {
    y[i] = i % 2;
    const s = Math.sqrt(next());
    const angle = Math.PI * (2 * s + y[i]);
    x[2 * i] = RADIUS * s * Math.cos(angle) + NOISE * normal();
    x[2 * i + 1] = RADIUS * s * Math.sin(angle) + NOISE * normal();
  }
  return { x, y, count: POINTS };
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

const [h1, h2, back2] = [new Float64Array(H), new Float64Array(H), new Float64Array(H)];

/** One point through the net; fills h1 and h2 and returns the output's z. */
export function forward(p, x0, x1) {
  for (let j = 0; j < H; j++) {
    const z = p[B1 + j] + x0 * p[j] + x1 * p[H + j];
    h1[j] = z > 0 ? z : 0;
    h2[j] = p[B2 + j];
  }
  for (let i = 0; i < H; i++) {
    const v = h1[i];
    if (v !== 0) for (let j = 0, k = W2 + i * H; j < H; j++, k++) h2[j] += v * p[k];
  }
  let z = p[B3];
  for (let j = 0; j < H; j++) {
    if (!(h2[j] > 0)) h2[j] = 0;
    z += h2[j] * p[W3 + j];
  }
  return z;
}
export const logistic = (z) => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));

/** Mean binary cross-entropy over all points. */
export function loss(p, { x, y, count }) {
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const z = forward(p, x[2 * i], x[2 * i + 1]);
    sum += Math.max(z, 0) - z * y[i] + Math.log1p(Math.exp(-Math.abs(z)));
  }
  return sum / count;
}

/** The gradient of the mean loss of a batch (indices of points) into `grads`. */
export function gradient(p, { x, y }, batch, grads) {
  grads.fill(0);
  for (const row of batch) {
    const [x0, x1] = [x[2 * row], x[2 * row + 1]];
    const d = (logistic(forward(p, x0, x1)) - y[row]) / batch.length;
    grads[B3] += d;
    for (let j = 0; j < H; j++) {
      grads[W3 + j] += d * h2[j];
      back2[j] = h2[j] > 0 ? d * p[W3 + j] : 0;
      grads[B2 + j] += back2[j];
    }
    for (let i = 0; i < H; i++) {
      const v = h1[i];
      if (!(v > 0)) continue;
      let back = 0;
      for (let j = 0, k = W2 + i * H; j < H; j++, k++) {
        grads[k] += back2[j] * v;
        back += back2[j] * p[k];
      }
      grads[B1 + i] += back;
      grads[i] += back * x0;
      grads[H + i] += back * x1;
    }
  }
  return grads;
}

export const EVERY = 10; // steps between two points of the curves
export const SEEDS = 9;

const measure = ({ params, data }) => { const value = loss(params, data); return Number.isFinite(value) ? value : Infinity; };

/** One run of a seed at its beginning; `curve` gets the loss over all points before steps 0, 10, 20, ... and after the last. */
export function createRun(seed, rate, optimizer, data) {
  const [grads, first, second] = Array.from({ length: 3 }, () => new Float64Array(SIZE));
  const run = { params: drawParams(10 * seed + 3), stream: seeded(10 * seed + 4), batch: new Uint16Array(BATCH), data, rate, optimizer,
    steps: 0, curve: [], grads, first, second };
  run.curve.push(measure(run));
  return run;
}

/** One step on four points drawn at random, with the rate of this step. */
export function trainStep(run) {
  const { params: w, data, batch, grads: g, first: m, second: v, stream, optimizer, steps } = run;
  for (let i = 0; i < BATCH; i++) batch[i] = stream.integer(POINTS);
  gradient(w, data, batch, g);
  const rate = run.rate[steps];
  if (optimizer === "adam") {
    const pace = (rate * Math.sqrt(1 - 0.999 ** (steps + 1))) / (1 - 0.9 ** (steps + 1));
    for (let i = 0; i < SIZE; i++) {
      m[i] += 0.1 * (g[i] - m[i]);
      v[i] += 0.001 * (g[i] * g[i] - v[i]);
      w[i] -= (pace * m[i]) / (Math.sqrt(v[i]) + 1e-7);
    }
  } else if (optimizer === "momentum") {
    for (let i = 0; i < SIZE; i++) w[i] += m[i] = 0.9 * m[i] - rate * g[i];
  } else for (let i = 0; i < SIZE; i++) w[i] -= rate * g[i];
  run.steps += 1;
  if (run.steps % EVERY === 0) run.curve.push(measure(run));
  return run;
}

/** The middle one of an odd number of values. */
export const median = (values) => [...values].sort((a, b) => a - b)[(values.length - 1) / 2];

/** Nine runs with the same rates, seeds 0 to 8. */
export function createRuns(rate, optimizer, data) {
  return Array.from({ length: SEEDS }, (_, seed) => createRun(seed, rate, optimizer, data));
}
export const finalLoss = (runs) => median(runs.map(({ curve }) => curve.at(-1)));

/** All nine runs to the end: the median of their final losses. */
export function finish(rate, optimizer, data = makeData()) {
  const runs = createRuns(rate, optimizer, data);
  for (const run of runs) while (run.steps < STEPS) trainStep(run);
  return finalLoss(runs);
}

/** [rate, median final loss] of constant rates: from `finish`, and repeated by a test. */
export const CONSTANTS = {
  sgd: [[0.022, 0.357863], [0.027, 0.33385], [0.033, 0.298793], [0.039, 0.265526], [0.047, 0.23158], [0.056, 0.210426], [0.068, 0.205369],
    [0.082, 0.184092], [0.1, 0.187872], [0.12, 0.178726], [0.15, 0.172695], [0.18, 0.173216], [0.22, 0.171633], [0.27, 0.17121],
    [0.33, 0.18547], [0.39, 0.19609], [0.47, 0.218028], [0.56, 0.207008], [0.68, 0.262986], [0.82, 0.323119], [1, 0.468991]],
  momentum: [[0.0022, 0.353745], [0.0027, 0.324617], [0.0033, 0.296804], [0.0039, 0.263279], [0.0047, 0.243007], [0.0056, 0.22529], [0.0068, 0.208844],
    [0.0082, 0.201533], [0.01, 0.189489], [0.012, 0.182807], [0.015, 0.185051], [0.018, 0.196354], [0.022, 0.178404], [0.027, 0.203391],
    [0.033, 0.209428], [0.039, 0.194993], [0.047, 0.181199], [0.056, 0.249128], [0.068, 0.241419], [0.082, 0.286473], [0.1, 0.427321]],
  adam: [[0.0022, 0.281659], [0.0027, 0.267847], [0.0033, 0.235142], [0.0039, 0.200275], [0.0047, 0.188429], [0.0056, 0.176845], [0.0068, 0.162045],
    [0.0082, 0.159101], [0.01, 0.147173], [0.012, 0.162905], [0.015, 0.165912], [0.018, 0.154087], [0.022, 0.166498], [0.027, 0.152382],
    [0.033, 0.159892], [0.039, 0.175512], [0.047, 0.211362], [0.056, 0.193773], [0.068, 0.27132], [0.082, 0.284564], [0.1, 0.355603]],
};
/** The best constant rate of an optimizer: { rate, loss }. */
export function bestConstant(optimizer) {
  const [rate, value] = CONSTANTS[optimizer].reduce((best, one) => (one[1] < best[1] ? one : best));
  return { rate, loss: value };
}

// ---- Composing ----

const piece = (kind, steps, start, end, count = 3) => ({ kind, steps, start, end, count });
/** Whole schedules with this peak. */
export const PRESETS = {
  constant: ["Constant", (p) => [piece("constant", 1000, p, p)]],
  step: ["Step decay", (p) => [piece("step", 1000, p, p / 27)]],
  cosine: ["Cosine", (p) => [piece("cosine", 1000, p, 0)]],
  warm_cosine: ["Warm-up + cosine", (p) => [piece("warm_up", 100, 0, p), piece("cosine", 900, null, 0)]],
  sgdr: ["Restarts (SGDR)", (p) => [piece("restarts", 1000, p, 0)]],
  one_cycle: ["1cycle", (p) => [piece("warm_up", 300, p / 25, p), piece("cosine", 700, null, p / 1e4)]],
  cyclical: ["Cyclical (triangles)", (p) => [0, 1].flatMap((again) => [piece("warm_up", 250, again ? null : p / 10, p), piece("linear", 250, null, p / 10)])],
};
export const peak = (pieces) => Math.max(...rates(pieces));
const same = (a, b) => JSON.stringify(rates(a)) === JSON.stringify(rates(b));
/** The preset these pieces are, or "own". */
export function presetOf(pieces) {
  const top = peak(pieces);
  return Object.keys(PRESETS).find((name) => PRESETS[name][1](top).length === pieces.length && same(PRESETS[name][1](top), pieces)) ?? "own";
}

const tidy = (rate) => (rate <= LOWEST * 1.001 ? 0 : Number(clamp(rate, 0, HIGHEST).toPrecision(3)));
const changed = (pieces, i, values) => pieces.map((one, k) => (k === i ? { ...one, ...values } : one));
/** After a change of order the first piece must know its start. */
const headed = (pieces, whole) => (pieces[0].start === null ? changed(pieces, 0, { start: whole.start }) : pieces);

export const setStart = (pieces, i, rate) => changed(pieces, i, { start: tidy(rate) });
/** The rate at the end of piece i; a plateau moves as a whole, with what it continues. */
export function setEnd(pieces, i, rate) {
  if (pieces[i].kind !== "constant") return changed(pieces, i, { end: tidy(rate) });
  return pieces[i].start === null && i > 0 ? setEnd(pieces, i - 1, rate) : setStart(pieces, i, rate);
}

/** The border behind piece i to a step: the two pieces beside it share the steps they had. */
export function setBorder(pieces, i, step) {
  if (i >= pieces.length - 1) return pieces;
  const both = pieces[i].steps + pieces[i + 1].steps;
  const steps = clamp(Math.round(step - resolve(pieces)[i].from), SHORTEST, both - SHORTEST);
  return changed(changed(pieces, i, { steps }), i + 1, { steps: both - steps });
}

/** The length of piece i; its neighbor gives or takes: the next one, or that before the last. */
export function setLength(pieces, i, steps) {
  if (i < pieces.length - 1) return setBorder(pieces, i, resolve(pieces)[i].from + steps);
  return i > 0 ? setBorder(pieces, i - 1, STEPS - steps) : pieces;
}

/** Another kind in the place of piece i, with an end that suits it. */
export function setKind(pieces, i, kind) {
  const { start, end } = resolve(pieces)[i];
  const rises = kind === "warm_up";
  const values = { kind };
  if (rises && end <= start) Object.assign(values, { start: i ? 0 : start / 10, end: start });
  else if (!rises && kind !== "constant" && end >= start) values.end = tidy(start / 20);
  return changed(pieces, i, values);
}

/** Piece i gives half of its steps to a new one behind it: a linear decay. */
export function addPiece(pieces, i) {
  const { steps, end } = resolve(pieces)[i];
  if (pieces.length >= MOST || steps < 2 * SHORTEST) return pieces;
  const half = Math.floor(steps / 2);
  return [...pieces.slice(0, i), { ...pieces[i], steps: steps - half }, piece("linear", half, null, tidy(end / 10)), ...pieces.slice(i + 1)];
}

/** Without piece i; its steps go to the one before it, or to the next. */
export function removePiece(pieces, i) {
  if (pieces.length === 1) return pieces;
  const to = i ? i - 1 : 1;
  const more = changed(pieces, to, { steps: pieces[to].steps + pieces[i].steps });
  return headed(more.filter((_, k) => k !== i), resolve(pieces)[to]);
}

/** Piece i and its neighbor i + by change places. */
export function swapPiece(pieces, i, by) {
  if (!pieces[i + by]) return pieces;
  const order = [...pieces];
  [order[i], order[i + by]] = [pieces[i + by], pieces[i]];
  return headed(order, resolve(pieces)[Math.max(i, i + by)]);
}

/** All rates times a factor, as when the optimizer changes. */
export const scaled = (pieces, factor) => pieces.map((one) => ({ ...one,
  start: one.start === null ? null : tidy(one.start * factor), end: tidy(one.end * factor) }));

// ---- Words ----

export const MARGIN = 0.15; // below the best constant rate
export const target = (optimizer) => (1 - MARGIN) * bestConstant(optimizer).loss;
const varies = (all) => Math.min(...all) < Math.max(...all);
/** The goal: a rate that changes, and a loss fifteen percent below that of the best constant rate. */
export const goalReached = (pieces, optimizer, value) => varies(rates(pieces)) && value <= target(optimizer);

const show = (rate) => (rate === 0 ? "0" : rate < LOWEST ? "nearly 0" : String(Number(rate.toPrecision(2))));
const shown = (value) => (Number.isFinite(value) ? number(value, value < 0.1 ? 4 : 3) : "∞");
const percent = (share) => `${number(100 * share, 0)} %`;

/** What the schedule did, in two or three sentences. curve: the medians, every ten steps; twin: its peak held constant. */
export function explain({ pieces, optimizer, curve, twin }) {
  const all = rates(pieces);
  const [top, last, best] = [Math.max(...all), curve.at(-1), bestConstant(optimizer)];
  if (!varies(all)) {
    if (top === 0) return "A rate of 0 takes no step at all.";
    if (last <= 1.1 * best.loss) return `A constant rate of ${show(top)} ends at ${shown(last)}: about as good as one rate for all steps can be. Now let it fall towards the end.`;
    if (last > 0.65 && top > best.rate) {
      return `A constant rate of ${show(top)} is so high that most nets are thrown off and do not recover: the loss is ${shown(last)}, and guessing costs ln 2 = 0.693. Lower it first, to near ${show(best.rate)}, the best constant rate; then let it fall.`;
    }
    return top > best.rate
      ? `A constant rate of ${show(top)} is too high: with ${BATCH} random points a step the loss jumps about and ends at ${shown(last)}. A rate that falls lets it settle.`
      : `A constant rate of ${show(top)} is too low: after ${STEPS.toLocaleString("en")} steps the loss, ${shown(last)}, is still on its way down.`;
  }
  const before = curve[80];
  const end = `In the last 200 steps the rate goes from ${show(all[800])} to ${show(all.at(-1))} and the loss from ${shown(before)} to ${shown(last)}.`;
  const factor = twin / last;
  const held = !Number.isFinite(factor) ? "" : factor > 1.05 ? ` Held at its peak of ${show(top)}, the rate would give ${shown(twin)}, ${number(factor, 1)} times as much.`
    : factor < 0.95 ? ` Its peak of ${show(top)} held to the end is better: ${shown(twin)}. The rate is small for too long.` : ` Its peak of ${show(top)} held to the end is as good.`;
  const share = 1 - last / best.loss;
  const rank = share >= 0 ? ` The final loss is ${percent(share)} below that of the best constant rate.` : ` The best constant rate, ${show(best.rate)}, still gives less: ${shown(best.loss)}.${top > 3 * best.rate ? ` Lower the peak of ${show(top)}.` : ""}`;
  return end + held + rank;
}

// ---- The demo ----

const START = PRESETS.constant[1](1.2);
const OPTIMIZERS = { sgd: "SGD", momentum: "SGD, momentum 0.9", adam: "Adam" };
const SLICE = 2; // milliseconds of training in a frame
const PAUSE = 180; // milliseconds of rest before a change is trained
const GRID = 44; // of the picture of the regions
const thousands = (v) => v.toLocaleString("en");

function render({ model, el }) {
  const page = createPage({ model, el, title: "Compose a learning-rate schedule" });
  const demo = { page, data: makeData(), runs: null, done: false, old: null, twins: new Map(), curve: [] };
  demo.resolved = () => resolve(page.get("pieces"));
  demo.chosen = () => Math.min(page.get("chosen"), page.get("pieces").length - 1);
  /** New pieces, and perhaps another one chosen. */
  demo.change = (pieces, save = true, more = {}) => page.set({ pieces, ...more }, save);
  const parts = [controls, ratePlots, lossPlot, results].map((part) => part(demo));
  demo.show = () => { for (const part of parts) part(); };
  demo.news = frame(page, demo.show);
  let [pause, twin] = [0, null];
  page.onDispose(() => clearTimeout(pause));
  const twinKey = () => `${page.get("optimizer")} ${peak(page.get("pieces"))}`;
  demo.twin = () => demo.twins.get(twinKey());
  const advance = (runs, late) => {
    while (runs[0].steps < STEPS && !late()) for (const run of runs) for (let k = 0; k < EVERY; k++) trainStep(run);
    return runs[0].steps === STEPS;
  };
  /** The nine runs, then nine more with the peak held constant; some milliseconds a frame. */
  const training = animation(page, () => {
    const end = performance.now() + SLICE;
    const late = () => performance.now() > end;
    if (!demo.done) {
      demo.done = advance(demo.runs, late);
      demo.curve = medians(demo.runs);
      if (demo.done) finished();
      if (demo.done || !page.calm()) demo.show();
      return true;
    }
    if (demo.twin() === undefined) {
      twin ??= createRuns(rates(constant(peak(page.get("pieces")))), page.get("optimizer"), demo.data);
      if (!advance(twin, late)) return true;
      demo.twins.set(twinKey(), finalLoss(twin));
      twin = null;
    }
    demo.show();
    demo.tell();
    return false;
  });
  const finished = () => {
    const [pieces, optimizer, value] = [page.get("pieces"), page.get("optimizer"), demo.curve.at(-1)];
    if (!varies(rates(pieces))) demo.twins.set(twinKey(), value);
    const best = page.get("best");
    if (!(best[optimizer]?.loss <= value)) page.set({ best: { ...best, [optimizer]: { loss: Number.isFinite(value) ? value : 1e9, pieces } } });
  };
  /** The sentence and the banner, once all is trained. */
  demo.tell = () => {
    const [pieces, optimizer, value] = [page.get("pieces"), page.get("optimizer"), demo.curve.at(-1)];
    page.say(explain({ pieces, optimizer, curve: demo.curve, twin: demo.twin() }));
    if (!goalReached(pieces, optimizer, value)) {
      if (demo.before && page.get("goal_met")) page.goal(true, demo.before);
      return;
    }
    const best = bestConstant(optimizer);
    demo.met = `Final loss ${shown(value)}: ${percent(1 - value / best.loss)} below the best constant rate (${show(best.rate)}: ${shown(best.loss)}), in the same ${thousands(STEPS)} steps.`;
    demo.before = `Met before, with a final loss of ${shown(value)}. This schedule ends above the goal.`;
    page.goal(true, demo.met);
  };
  demo.begin = () => {
    const [pieces, optimizer] = [page.get("pieces"), page.get("optimizer")];
    const key = JSON.stringify([[...rates(pieces)], optimizer]);
    demo.news();
    if (key === demo.key) return;
    demo.key = key;
    training.stop();
    clearTimeout(pause);
    if (demo.done) demo.old = demo.curve;
    Object.assign(demo, { runs: createRuns(rates(pieces), optimizer, demo.data), done: false, curve: [] });
    twin = null;
    page.say("Training nine nets with this schedule …", { quiet: true });
    pause = setTimeout(() => training.start(), PAUSE);
  };
  page.watch("pieces optimizer", demo.begin);
  page.watch("chosen log_axis best", demo.news);
  page.watch("goal_met", () => page.goal(page.get("goal_met"), page.get("goal_met") ? demo.met : ""));
  page.goal(page.get("goal_met"));
  demo.begin();
  demo.show();
  return page.dispose;
}

/** The curve through the middle one of the nine losses. */
const medians = (runs) => runs[0].curve.map((_, k) => median(runs.map(({ curve }) => curve[k])));

/** A slider of rates: logarithmic, and 0 at its left end. */
function rateSlider(page, label, onInput) {
  return slider(page, { label, min: LOWEST, max: HIGHEST, step: 0.01, log: true, value: LOWEST, format: (v) => show(tidy(v)),
    onInput: (v) => onInput(tidy(v)) });
}
const put = (control, value) => { if (control.value !== value) control.value = value; };

/** Presets, the list of pieces, what belongs to the chosen one, the optimizer, buttons. */
function controls(demo) {
  const { page } = demo;
  const now = () => [page.get("pieces"), demo.chosen()];
  const edit = (fn) => (...values) => demo.change(fn(...now(), ...values));
  const preset = select(page, { label: "Start from", value: "constant", options: [...Object.entries(PRESETS).map(([name, [words]]) => [name, words]), ["own", "your own pieces"]],
    onInput: (name) => {
      if (name !== "own") demo.change(PRESETS[name][1](peak(page.get("pieces")) || 0.1), true, { chosen: 0 });
      demo.show();
    } });
  preset.input.lastChild.disabled = true;
  const optimizer = select(page, { label: "Optimizer", value: page.get("optimizer"), options: Object.entries(OPTIMIZERS),
    hint: "Each has its own size of rates: choosing another one scales yours.", onInput: (name) => {
      const factor = bestConstant(name).rate / bestConstant(page.get("optimizer")).rate;
      page.set({ optimizer: name, pieces: scaled(page.get("pieces"), factor) });
    } });
  const list = html("div", { class: "sc-pieces", role: "group", "aria-label": "The pieces, in order" });
  const rows = Array.from({ length: MOST }, (_, i) => {
    const row = html("button", { type: "button", onclick: () => page.set({ chosen: i }) });
    row.parts = ["b", "span"].map((tag) => row.appendChild(html(tag, {})));
    list.append(row);
    return row;
  });
  const add = button({ label: "Add", title: "Split the chosen piece and add one behind it", onClick: () => {
    const [pieces, i] = now();
    demo.change(addPiece(pieces, i), true, { chosen: i + 1 });
  } });
  const remove = button({ label: "Remove", title: "Its steps go to its neighbor", onClick: () => {
    const [pieces, i] = now();
    demo.change(removePiece(pieces, i), true, { chosen: Math.max(0, i - 1) });
  } });
  const [earlier, later] = [[-1, "↑", "Move earlier"], [1, "↓", "Move later"]].map(([by, label, title]) => {
    const one = button({ label, title, onClick: () => {
      const [pieces, i] = now();
      demo.change(swapPiece(pieces, i, by), true, { chosen: i + by });
    } });
    one.input.setAttribute("aria-label", title);
    return one;
  });
  const title = html("div", { class: "sc-title" });
  const kind = select(page, { label: "Kind", value: "constant", options: Object.entries(KINDS), onInput: edit(setKind) });
  const length = slider(page, { label: "Steps", min: SHORTEST, max: STEPS, step: 10, value: STEPS, format: thousands, onInput: edit(setLength) });
  const joined = checkbox(page, { label: "Begins where the last piece ends", value: false,
    onInput: (on) => demo.change(changed(...now(), { start: on ? null : demo.resolved()[demo.chosen()].start })) });
  const start = rateSlider(page, "Rate at its start", edit(setStart));
  const end = rateSlider(page, "Rate at its end", edit(setEnd));
  const count = slider(page, { label: "Drops", min: 1, max: 5, step: 1, value: 3, format: String, onInput: edit((pieces, i, v) => changed(pieces, i, { count: v })) });
  page.panel.append(preset.element, optimizer.element, list,
    html("div", { class: "twice-row" }, add.element, remove.element, earlier.element, later.element),
    html("div", { class: "sc-piece" }, title, kind.element, length.element, joined.element, start.element, end.element, count.element));
  const log = checkbox(page, { label: "Log axis for the rate", trait: "log_axis" });
  const back = button({ label: "Back to my best", onClick: () => {
    const best = page.get("best")[page.get("optimizer")];
    if (best) demo.change(best.pieces, true, { chosen: 0 });
  } });
  const reset = button({ label: "Reset", onClick: () => {
    demo.met = demo.before = "";
    page.set({ pieces: START, optimizer: "sgd", chosen: 0, log_axis: false, best: {}, goal_met: false });
  } });
  page.actions.append(back.element, reset.element, log.element);
  return () => {
    const [pieces, i] = now();
    const resolved = demo.resolved();
    const one = resolved[i];
    preset.value = presetOf(pieces);
    put(optimizer, page.get("optimizer"));
    rows.forEach((row, k) => {
      row.hidden = k >= pieces.length;
      if (row.hidden) return;
      const { kind: name, from, steps, start: a, end: b } = resolved[k];
      const texts = [`${k + 1} ${KINDS[name]}`, `${from}–${from + steps}: ${name === "constant" ? show(a) : `${show(a)} → ${show(b)}`}`];
      texts.forEach((text, part) => { if (row.parts[part].textContent !== text) row.parts[part].textContent = text; });
      row.setAttribute("aria-pressed", String(k === i));
    });
    add.input.disabled = pieces.length >= MOST || one.steps < 2 * SHORTEST;
    remove.input.disabled = pieces.length === 1;
    earlier.input.disabled = i === 0;
    later.input.disabled = i === pieces.length - 1;
    title.textContent = `Piece ${i + 1} of ${pieces.length}`;
    put(kind, one.kind);
    const neighbor = pieces[i + 1] ?? pieces[i - 1];
    length.input.max = neighbor ? one.steps + neighbor.steps - SHORTEST : STEPS;
    put(length, one.steps);
    length.element.hidden = !neighbor;
    joined.element.hidden = i === 0;
    put(joined, pieces[i].start === null);
    const flat = one.kind === "constant";
    start.element.hidden = pieces[i].start === null || flat;
    end.element.querySelector("label").textContent = flat ? "Rate" : "Rate at its end";
    put(start, Math.max(LOWEST, one.start));
    put(end, Math.max(LOWEST, one.end));
    count.element.hidden = one.kind !== "step" && one.kind !== "restarts";
    count.element.querySelector("label").textContent = one.kind === "step" ? "Drops" : "Cycles, each twice as long";
    put(count, one.count);
    const best = page.get("best")[page.get("optimizer")];
    back.input.disabled = !best || same(best.pieces, pieces);
  };
}

/** A path through [x, y] pairs of a plot, kept near its frame. */
const path = (plot, points) => {
  const { top, height } = plot.frame;
  return points.map(([x, y], k) => `${k ? "L" : "M"}${plot.toX(x).toFixed(1)} ${clamp(plot.toY(y), top - 9, top + height + 9).toFixed(1)}`).join("");
};
/** The chosen piece as a stripe, and lines at the borders. */
function stripes(demo, plot) {
  const [stripe, lines] = [svg("rect", { class: "sc-stripe" }), svg("path", { class: "sc-border" })];
  plot.back.append(stripe, lines);
  return () => {
    const { top, height } = plot.frame;
    const all = demo.resolved();
    const { from, steps } = all[demo.chosen()];
    make(stripe, { x: plot.toX(from), y: top, width: all.length > 1 ? plot.toX(from + steps) - plot.toX(from) : 0, height }, []);
    lines.setAttribute("d", all.slice(1).map((one) => `M${plot.toX(one.from).toFixed(1)} ${top}v${height}`).join(""));
  };
}

/** The rate by step, with a disc at the end of every piece, and a square where one begins anew; linear and logarithmic. */
function ratePlots(demo) {
  const { page } = demo;
  page.figure.append(html("div", { class: "sc-title" }, "Learning rate: drag the discs"));
  const shows = (page.get("log_axis") ? [true, false] : [false, true]).map((yLog) => {
    const plot = createPlot(page, { parent: page.figure, x: [0, STEPS], y: yLog ? [LOWEST, HIGHEST] : [0, 2], yLog, xLabel: "step", yLabel: "learning rate",
      aspect: 0.4, label: "Learning rate by step", draw: () => draw() });
    plot.element.classList.add("sc-rate");
    const striped = stripes(demo, plot);
    const curve = svg("path", { class: "sc-curve" });
    plot.back.append(curve);
    let dragging = false;
    // The handles move in units of 100 steps and of a fiftieth of the axis, or a decade: a key moves a tenth of it.
    const up = (rate) => (yLog ? Math.log10(Math.max(rate, LOWEST)) : (5 * rate) / plot.y[1]);
    const down = (unit) => (yLog ? 10 ** unit : (unit * plot.y[1]) / 5);
    const units = { toX: (u) => plot.toX(100 * u), fromX: (x) => plot.fromX(x) / 100, toY: (u) => plot.toY(down(u)), fromY: (y) => up(plot.fromY(y)) };
    const far = (a, b) => Math.abs(a - b) > 1e-9;
    const handle = (i, atEnd) => {
      const node = svg("g", {}, svg("circle", { r: 18, class: "sc-hit" }), svg("circle", { r: 13, class: "twice-ring" }),
        atEnd ? svg("circle", { r: 7, class: "sc-disc" }) : svg("rect", { x: -6, y: -6, width: 12, height: 12, class: "sc-disc" }));
      plot.front.append(node);
      const place = () => {
        const one = demo.resolved()[i];
        return atEnd ? [(one.from + one.steps) / 100, up(one.end)] : [one.from / 100, up(one.start)];
      };
      dragHandle(page, units, node, { position: place, limits: () => [[0, STEPS / 100], [up(yLog ? LOWEST : 0), up(Math.min(HIGHEST, plot.y[1]))]],
        onMove: ([x, y]) => {
          dragging = true;
          const [wasX, wasY] = place();
          let pieces = page.get("pieces");
          if (atEnd && far(x, wasX)) pieces = setBorder(pieces, i, 100 * x);
          if (far(y, wasY)) pieces = (atEnd ? setEnd : setStart)(pieces, i, down(y));
          demo.change(pieces, false, { chosen: i });
        },
        onTap: () => page.set({ chosen: i }), onEnd: () => { dragging = false; page.set({}); demo.show(); } });
      return { node, i, atEnd };
    };
    const handles = Array.from({ length: MOST }, (_, i) => [handle(i, true), handle(i, false)]).flat();
    const draw = () => {
      const pieces = page.get("pieces");
      const resolved = demo.resolved();
      const points = [];
      for (const one of resolved) {
        for (let t = 0; t <= one.steps; t += one.steps > 200 ? 4 : 1) points.push([one.from + t, rateAt(one, Math.min(t, one.steps - 1e-6))]);
        points.push([one.from + one.steps, rateAt(one, one.steps - 1e-6)]);
      }
      curve.setAttribute("d", path(plot, points));
      striped();
      for (const { node, i, atEnd } of handles) {
        const one = resolved[i];
        const gone = !one || (!atEnd && (pieces[i].start === null || one.kind === "constant"));
        if (gone !== (node.style.display === "none")) node.style.display = gone ? "none" : "";
        if (gone) continue;
        const [x, rate] = atEnd ? [one.from + one.steps, one.end] : [one.from, one.start];
        const keys = atEnd && i < pieces.length - 1 ? "Arrow keys move the border and the rate." : "Arrow keys move the rate.";
        make(node, { transform: `translate(${plot.toX(x).toFixed(1)} ${clamp(plot.toY(rate), plot.frame.top, plot.frame.top + plot.frame.height).toFixed(1)})`,
          "aria-label": `${atEnd ? "End" : "Start"} of piece ${i + 1}, ${KINDS[one.kind]}: rate ${show(rate)} at step ${x}. ${keys}` }, []);
      }
    };
    return () => {
      plot.element.hidden = page.get("log_axis") !== yLog;
      if (plot.element.hidden) return;
      if (!yLog && !dragging) {
        const top = 1.15 * Math.max(peak(page.get("pieces")), LOWEST);
        const power = 10 ** Math.floor(Math.log10(top));
        plot.setLimits([0, STEPS], [0, Math.min(HIGHEST, Number((power * [1, 2, 5, 10].find((f) => f * power >= top)).toPrecision(3)))]);
      }
      plot.redraw();
    };
  });
  return () => { for (const one of shows) one(); };
}

const key = (...entries) => html("div", { class: "sc-key" }, ...entries.map(([name, text]) => html("span", {}, html("i", { class: `sc-line ${name}` }), text)));

/** The loss by step, under the rate: nine runs, their median, the one before it, the goal. */
function lossPlot(demo) {
  const { page } = demo;
  page.figure.append(html("div", { class: "sc-title" }, "Training loss with these rates"));
  const plot = createPlot(page, { parent: page.figure, x: [0, STEPS], y: [0.08, 1], yLog: true, xLabel: "step", yLabel: "training loss", aspect: 0.44,
    label: "Training loss by step, on a logarithmic axis", draw: () => draw() });
  page.figure.append(key(["sc-median", `median of ${SEEDS} seeds`], ["sc-thin", "each seed"], ["sc-old", "the schedule before"], ["sc-best", `goal: ${percent(MARGIN)} below the best constant rate`]));
  const striped = stripes(demo, plot);
  const [old, ...thin] = ["sc-old", ...Array(SEEDS).fill("sc-thin")].map((name) => svg("path", { class: name }));
  const [bold, best] = ["sc-median", "sc-best"].map((name) => svg("path", { class: name }));
  plot.back.append(best, old, ...thin, bold);
  const trace = (curve) => (curve.length ? path(plot, curve.map((v, k) => [EVERY * k, v])) : "");
  const draw = () => {
    striped();
    best.setAttribute("d", `M${plot.toX(0)} ${plot.toY(target(page.get("optimizer"))).toFixed(1)}h${plot.frame.width}`);
    old.setAttribute("d", demo.old ? trace(demo.old) : "");
    thin.forEach((line, k) => line.setAttribute("d", demo.curve.length ? trace(demo.runs[k].curve) : ""));
    bold.setAttribute("d", trace(demo.curve));
  };
  return plot.redraw;
}

/** The regions of the net in the middle, and the numbers to compare. */
function results(demo) {
  const { page } = demo;
  const canvas = html("canvas", { class: "sc-regions", width: 300, height: 300, role: "img", "aria-label": "The 200 points, and the regions of the net with the median loss" });
  const table = html("div", { class: "sc-table", role: "table", "aria-label": "Final losses" });
  const row = (...cells) => {
    const nodes = cells.map((text, k) => html("span", { role: k ? "cell" : "rowheader" }, text));
    table.append(html("div", { role: "row" }, ...nodes));
    return nodes;
  };
  row("", "peak", "final loss");
  const [mine, held, best, record] = ["This schedule", "Its peak, held constant", `Best of ${CONSTANTS.sgd.length} constant rates`, "Your best so far"].map((name) => row(name, "", ""));
  page.foot.append(html("div", { class: "sc-results" }, html("div", {}, html("div", { class: "sc-title" }, "What the net learned"), canvas,
      html("small", { class: "twice-hint" }, `Nets of ${UNITS} + ${UNITS} relu units; each step uses ${BATCH} of ${POINTS} points, drawn at random.`)),
    html("div", {}, html("div", { class: "sc-title" }, `After ${thousands(STEPS)} steps, median of ${SEEDS}`), table)));
  const small = html("canvas", { width: GRID, height: GRID });
  let [painted, tone] = [null, ""];
  const paint = () => {
    const values = demo.runs.map(({ curve }) => curve.at(-1));
    const { params, steps } = demo.done ? demo.runs[values.indexOf(median(values))] : demo.runs[0];
    const what = `${demo.key} ${steps}`;
    if (what === painted && tone === page.root.dataset.tone) return;
    [painted, tone] = [what, page.root.dataset.tone];
    const colors = page.colors();
    const ends = [colors.class0, colors.class1].map((c) => [1, 3, 5].map((i) => parseInt(c.slice(i, i + 2), 16)));
    const image = new ImageData(GRID, GRID);
    const at = (i) => LIMIT * ((2 * i + 1) / GRID - 1);
    for (let k = 0; k < GRID * GRID; k++) {
      const p = logistic(forward(params, at(k % GRID), -at(Math.floor(k / GRID))));
      image.data.set(ends[p > 0.5 ? 1 : 0], 4 * k);
      image.data[4 * k + 3] = 255 * (0.08 + 0.7 * Math.abs(p - 0.5));
    }
    small.getContext("2d").putImageData(image, 0, 0);
    const ctx = canvas.getContext("2d");
    ctx.clearRect(0, 0, 300, 300);
    ctx.drawImage(small, 0, 0, 300, 300);
    const { x, y, count } = demo.data;
    const to = (v) => 150 * (1 + v / LIMIT);
    Object.assign(ctx, { strokeStyle: colors.surface, lineWidth: 1.5 });
    for (let i = 0; i < count; i++) {
      ctx.fillStyle = y[i] ? colors.class1 : colors.class0;
      ctx.beginPath();
      if (y[i]) ctx.rect(to(x[2 * i]) - 4.5, to(-x[2 * i + 1]) - 4.5, 9, 9); else ctx.arc(to(x[2 * i]), to(-x[2 * i + 1]), 5, 0, 2 * Math.PI);
      ctx.fill();
      ctx.stroke();
    }
  };
  page.themed.add(() => { if (demo.runs) paint(); });
  const write = ([, a, b], rate, value) => { [a.textContent, b.textContent] = [rate === undefined ? "–" : show(rate), value === undefined ? "…" : shown(value)]; };
  return () => {
    const [pieces, optimizer] = [page.get("pieces"), page.get("optimizer")];
    const [top, constants, own] = [peak(pieces), bestConstant(optimizer), page.get("best")[optimizer]];
    write(mine, top, demo.done ? demo.curve.at(-1) : undefined);
    write(held, top, demo.done ? demo.twin() : undefined);
    write(best, constants.rate, constants.loss);
    write(record, own && peak(own.pieces), own ? (own.loss < 1e9 ? own.loss : Infinity) : undefined);
    if (demo.runs && (demo.done || demo.curve.length)) paint();
  };
}

export default { render };
