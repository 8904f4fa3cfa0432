/* memory.js: a recurrent cell unrolled over 2 to 100 steps, and how much of the last step's gradient reaches each of them.
 * Above the line "The demo": pure functions, compared number by number with NumPy in tests/test_memory_demo.py.
 * A matrix is one flat Float64Array, row after row; rows multiply from the left, as in Keras: z = x W + h U + b.
 * Matrices are drawn with spectral radius 1 and scaled while multiplying. Lists of a run go by step: 0 to T. */

export const [UNITS, INPUTS, LONGEST] = [16, 8, 100];
const N = UNITS;
export const CELLS = { rnn: "plain RNN", lstm: "LSTM", gru: "GRU" };
export const ACTIVATIONS = ["tanh", "relu", "linear"];
export const MATRICES = { random: "Random", triangular: "Triangular", orthogonal: "Orthogonal", identity: "Identity" };
export const GOAL_FACTOR = 10;

// ---- Matrices and their eigenvalues ----

/** Square normal numbers, turned into a matrix of spectral radius 1 of this kind (see memory.py). */
export function recurrentMatrix(normals, kind, n = N) {
  if (kind === "random") {
    const radius = Math.max(...eigenvalues(normals, n).map(([re, im]) => Math.hypot(re, im)));
    return normals.map((v) => v / radius);
  }
  if (kind === "orthogonal") return orthogonal(normals, n);
  const largest = Math.max(...Array.from({ length: n }, (_, i) => Math.abs(normals[i * n + i])));
  return normals.map((v, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    if (kind === "identity") return i === j ? 1 : 0;
    return i === j ? v / largest : i < j ? (v * 1.5) / Math.sqrt(n) : 0;
  });
}

/** Gram and Schmidt on the columns, each twice: Q of A = QR with a positive diagonal of R. */
function orthogonal(matrix, n) {
  const q = Float64Array.from(matrix);
  const column = (j, fn) => { for (let i = 0; i < n; i++) fn(i * n + j, i * n); };
  for (let j = 0; j < n; j++) {
    for (let pass = 0; pass < 2; pass++) {
      for (let k = 0; k < j; k++) {
        let dot = 0;
        column(j, (at, row) => (dot += q[at] * q[row + k]));
        column(j, (at, row) => (q[at] -= dot * q[row + k]));
      }
    }
    let size = 0;
    column(j, (at) => (size = Math.hypot(size, q[at])));
    column(j, (at) => (q[at] /= size));
  }
  return q;
}

/** The eigenvalues of a real matrix, as pairs [real, imaginary]: Hessenberg form, then the QR algorithm in complex numbers
 *  with Wilkinson's shift (Francis, 1961; Wilkinson, 1965). */
export function eigenvalues(matrix, n = N) {
  const re = hessenberg(Float64Array.from(matrix), n);
  const im = new Float64Array(n * n);
  const [cr, ci, s] = [0, 1, 2].map(() => new Float64Array(n)); // the rotations: c complex, s real
  const found = [];
  const size = (at) => Math.abs(re[at]) + Math.abs(im[at]);
  for (let hi = n - 1, tries = 0; hi >= 0;) {
    let lo = hi;
    while (lo > 0 && size(lo * n + lo - 1) > 1e-15 * (size(lo * n + lo) + size((lo - 1) * n + lo - 1))) lo -= 1;
    const last = hi * n + hi;
    if (lo === hi || tries > 200) {
      found.push([re[last], im[last]]);
      hi -= 1;
      tries = 0;
      continue;
    }
    tries += 1;
    let [mr, mi] = tries % 11 ? shift(re, im, last - n - 1, last - n, last - 1, last) : [size(last - 1) + re[last], im[last]];
    for (let k = lo; k <= hi; k++) { re[k * n + k] -= mr; im[k * n + k] -= mi; }
    for (let k = lo; k < hi; k++) { // make the subdiagonal real, then rotate rows k and k + 1
      const [a, b] = [k * n + k, (k + 1) * n + k];
      const below = Math.hypot(re[b], im[b]);
      const [ur, ui] = below ? [re[b] / below, im[b] / below] : [1, 0];
      for (let j = k; j <= hi; j++) { // row k + 1 times conj(u)
        const at = (k + 1) * n + j;
        [re[at], im[at]] = [re[at] * ur + im[at] * ui, im[at] * ur - re[at] * ui];
      }
      for (let i = lo; i <= Math.min(hi, k + 2); i++) { // column k + 1 times u: a similarity
        const at = i * n + k + 1;
        [re[at], im[at]] = [re[at] * ur - im[at] * ui, im[at] * ur + re[at] * ui];
      }
      const r = Math.hypot(re[a], im[a], below) || 1;
      [cr[k], ci[k], s[k]] = [re[a] / r, im[a] / r, below / r];
      for (let j = k; j <= hi; j++) {
        const [p, q] = [k * n + j, (k + 1) * n + j];
        const [pr, pi, qr, qi] = [re[p], im[p], re[q], im[q]];
        re[p] = cr[k] * pr + ci[k] * pi + s[k] * qr; im[p] = cr[k] * pi - ci[k] * pr + s[k] * qi;
        re[q] = cr[k] * qr - ci[k] * qi - s[k] * pr; im[q] = cr[k] * qi + ci[k] * qr - s[k] * pi;
      }
    }
    for (let k = lo; k < hi; k++) { // R Q
      for (let i = lo; i <= Math.min(hi, k + 1); i++) {
        const p = i * n + k;
        const [pr, pi, qr, qi] = [re[p], im[p], re[p + 1], im[p + 1]];
        re[p] = cr[k] * pr - ci[k] * pi + s[k] * qr; im[p] = cr[k] * pi + ci[k] * pr + s[k] * qi;
        re[p + 1] = cr[k] * qr + ci[k] * qi - s[k] * pr; im[p + 1] = cr[k] * qi - ci[k] * qr - s[k] * pi;
      }
    }
    for (let k = lo; k <= hi; k++) { re[k * n + k] += mr; im[k * n + k] += mi; }
  }
  return found;
}

/** Of the 2 x 2 block [[a, b], [c, d]], the eigenvalue nearer to d. */
function shift(re, im, a, b, c, d) {
  const [hr, hi] = [(re[a] - re[d]) / 2, (im[a] - im[d]) / 2];
  const pr = re[b] * re[c] - im[b] * im[c] + hr * hr - hi * hi;
  const pi = re[b] * im[c] + im[b] * re[c] + 2 * hr * hi;
  const size = Math.hypot(pr, pi);
  let [sr, si] = [Math.sqrt((size + pr) / 2), Math.sqrt(Math.max(0, (size - pr) / 2)) * (pi < 0 ? -1 : 1)];
  if (hr * sr + hi * si > 0) [sr, si] = [-sr, -si];
  return [re[d] + hr + sr, im[d] + hi + si];
}

/** Elimination with pivots: zeros below the first subdiagonal, the eigenvalues unchanged. */
function hessenberg(a, n) {
  for (let k = 1; k < n - 1; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(a[i * n + k - 1]) > Math.abs(a[pivot * n + k - 1])) pivot = i;
    if (!a[pivot * n + k - 1]) continue;
    if (pivot !== k) {
      for (let j = 0; j < n; j++) [a[pivot * n + j], a[k * n + j]] = [a[k * n + j], a[pivot * n + j]];
      for (let i = 0; i < n; i++) [a[i * n + pivot], a[i * n + k]] = [a[i * n + k], a[i * n + pivot]];
    }
    for (let i = k + 1; i < n; i++) {
      const m = a[i * n + k - 1] / a[k * n + k - 1];
      if (!m) continue;
      for (let j = 0; j < n; j++) a[i * n + j] -= m * a[k * n + j];
      for (let j = 0; j < n; j++) a[j * n + k] += m * a[j * n + i];
      a[i * n + k - 1] = 0;
    }
  }
  return a;
}

// ---- The network and its gradient ----

/** Inputs, v, four kernels W and four matrices U, all from one seeded stream. Number 0 is the plain cell's, and the candidate's
 *  of a gated cell; 1, 2, 3 are the gates'. drive[k] is x W_k of every step. */
export function drawNetwork(seed, kind) {
  const random = seeded(seed);
  const normals = (count) => Float64Array.from({ length: count }, random.normal);
  const inputs = normals(LONGEST * INPUTS).map((v) => 0.25 + 0.5 * v);
  const readout = normals(N);
  const length = norm(readout);
  const kernels = [0, 1, 2, 3].map(() => normals(INPUTS * N).map((v) => v / Math.sqrt(INPUTS)));
  const recurrent = [0, 1, 2, 3].map(() => normals(N * N)).map((square) => recurrentMatrix(square, kind));
  const drive = kernels.map((kernel) => {
    const out = new Float64Array(LONGEST * N);
    for (let t = 0; t < LONGEST; t++) {
      for (let i = 0; i < INPUTS; i++) for (let j = 0; j < N; j++) out[t * N + j] += inputs[t * INPUTS + i] * kernel[i * N + j];
    }
    return out;
  });
  return { inputs, readout: readout.map((v) => v / length), drive, recurrent, eigenvalues: eigenvalues(recurrent[0]) };
}

const logistic = (z) => 0.5 * (1 + Math.tanh(0.5 * z));
const vector = () => new Float64Array(N);

function norm(v) { // of a long vector, or of a tiny one whose squares would underflow
  let [largest, sum] = [0, 0];
  for (const x of v) largest = Math.max(largest, Math.abs(x));
  if (!largest || !Number.isFinite(largest)) return largest;
  for (const x of v) sum += (x / largest) ** 2;
  return largest * Math.sqrt(sum);
}

/** out = rest + scale · h U (rest: from `at` in a list, times `strength`). */
function ahead(h, matrix, scale, out, rest = null, at = 0, strength = 1) {
  for (let j = 0; j < N; j++) {
    let sum = 0;
    for (let i = 0; i < N; i++) sum += h[i] * matrix[i * N + j];
    out[j] = scale * sum + (rest ? strength * rest[at + j] : 0);
  }
}

/** out += scale · d Uᵀ. */
function back(d, matrix, scale, out) {
  for (let i = 0; i < N; i++) {
    let sum = 0;
    for (let j = 0; j < N; j++) sum += d[j] * matrix[i * N + j];
    out[i] += scale * sum;
  }
}

/** Forward and backward, L = v · h_T. By step, 0 to T: gradient (norm of dL/dh, dL/dc for the LSTM), hidden (of dL/dh),
 *  state (norm of h, or of c), open (the mean of the slope, forget gate or update gate; from step 1), slopes (plain cell);
 *  passed: by unit, the product of its gates (or slopes) from step 2 to T, the direct way from step 1 to T. */
export function simulate(network, { cell, activation, radius, bias, strength, steps }) {
  const list = () => new Float64Array(steps + 1);
  const run = { steps, gradient: list(), hidden: list(), state: list(), open: list(), slopes: [], passed: vector().fill(1) };
  ({ rnn: plainCell, lstm: lstmCell, gru: gruCell })[cell](network, run, { activation, radius, bias, strength, steps });
  return run;
}

const mean = (v) => v.reduce((sum, x) => sum + x) / v.length;

function opened(run, t, gate) {
  run.open[t] = mean(gate);
  if (t > 1) for (let u = 0; u < N; u++) run.passed[u] *= gate[u];
}

function plainCell({ readout, drive, recurrent }, run, { activation, radius, strength, steps }) {
  let h = vector();
  const z = vector();
  for (let t = 1; t <= steps; t++) {
    ahead(h, recurrent[0], radius, z, drive[0], (t - 1) * N, strength);
    h = activation === "tanh" ? z.map(Math.tanh) : activation === "relu" ? z.map((v) => Math.max(0, v)) : z.slice();
    run.slopes[t] = activation === "tanh" ? h.map((v) => 1 - v * v) : z.map((v) => (activation === "relu" && v <= 0 ? 0 : 1));
    run.state[t] = norm(h);
    opened(run, t, run.slopes[t]);
  }
  let g = readout;
  for (let t = steps; t >= 0; t--) {
    run.gradient[t] = run.hidden[t] = norm(g);
    if (!t) break;
    const d = g.map((v, i) => v * run.slopes[t][i]);
    back(d, recurrent[0], radius, g = vector());
  }
}

function lstmCell({ readout, drive, recurrent }, run, { radius, bias, strength, steps }) {
  let [h, c] = [vector(), vector()];
  const tape = [];
  for (let t = 1; t <= steps; t++) {
    const [g, i, f, o] = [0, 1, 2, 3].map((k) => {
      const z = vector();
      ahead(h, recurrent[k], radius, z, drive[k], (t - 1) * N, strength);
      return k === 0 ? z.map(Math.tanh) : z.map((v) => logistic(k === 2 ? v + bias : v));
    });
    const before = c;
    c = c.map((v, u) => f[u] * v + i[u] * g[u]);
    const squashed = c.map(Math.tanh);
    h = squashed.map((v, u) => o[u] * v);
    tape[t] = { g, i, f, o, before, squashed };
    run.state[t] = norm(c);
    opened(run, t, f);
  }
  let [dh, carried] = [readout, vector()];
  for (let t = steps; t >= 1; t--) {
    const { g, i, f, o, before, squashed } = tape[t];
    run.hidden[t] = norm(dh);
    const dc = carried.map((v, u) => v + dh[u] * o[u] * (1 - squashed[u] ** 2));
    run.gradient[t] = norm(dc);
    const last = dh;
    dh = vector();
    back(dc.map((v, u) => v * i[u] * (1 - g[u] * g[u])), recurrent[0], radius, dh);
    back(dc.map((v, u) => v * g[u] * i[u] * (1 - i[u])), recurrent[1], radius, dh);
    back(dc.map((v, u) => v * before[u] * f[u] * (1 - f[u])), recurrent[2], radius, dh);
    back(last.map((v, u) => v * squashed[u] * o[u] * (1 - o[u])), recurrent[3], radius, dh);
    carried = dc.map((v, u) => v * f[u]);
  }
  run.hidden[0] = norm(dh);
  run.gradient[0] = norm(carried);
}

function gruCell({ readout, drive, recurrent }, run, { radius, bias, strength, steps }) {
  let h = vector();
  const tape = [];
  for (let t = 1; t <= steps; t++) {
    const at = (t - 1) * N;
    const [q, z, r] = [vector(), vector(), vector()];
    ahead(h, recurrent[0], radius, q);
    ahead(h, recurrent[1], radius, z, drive[1], at, strength);
    ahead(h, recurrent[2], radius, r, drive[2], at, strength);
    for (let u = 0; u < N; u++) { z[u] = logistic(z[u] + bias); r[u] = logistic(r[u]); }
    const g = q.map((v, u) => Math.tanh(strength * drive[0][at + u] + r[u] * v));
    tape[t] = { z, r, q, g, before: h };
    h = h.map((v, u) => z[u] * v + (1 - z[u]) * g[u]);
    run.state[t] = norm(h);
    opened(run, t, z);
  }
  let dh = readout;
  for (let t = steps; t >= 0; t--) {
    run.gradient[t] = run.hidden[t] = norm(dh);
    if (!t) break;
    const { z, r, q, g, before } = tape[t];
    const dg = dh.map((v, u) => v * (1 - z[u]) * (1 - g[u] * g[u]));
    const next = dh.map((v, u) => v * z[u]);
    back(dg.map((v, u) => v * r[u]), recurrent[0], radius, next);
    back(dh.map((v, u) => v * (before[u] - g[u]) * z[u] * (1 - z[u])), recurrent[1], radius, next);
    back(dg.map((v, u) => v * q[u] * r[u] * (1 - r[u])), recurrent[2], radius, next);
    dh = next;
  }
}

/** The eigenvalues of one step's true Jacobian of the plain cell: of radius · U diag(f'). */
export function jacobianEigenvalues(network, run, radius, t) {
  const slopes = run.slopes[t];
  return slopes ? eigenvalues(network.recurrent[0].map((v, at) => v * radius * slopes[at % N])) : [];
}

/** The largest norm over the smallest, steps 0 to T; Infinity when nothing arrives somewhere. */
export function factor({ gradient }) {
  const [low, high] = [Math.min(...gradient), Math.max(...gradient)];
  return low > 0 && Number.isFinite(high) ? high / low : Infinity;
}

/** By how much the rule of thumb multiplies at each step: the radius, or the gate's sigmoid(bias). */
export const rate = ({ cell, radius, bias }) => (cell === "rnn" ? radius : logistic(bias));

export const goalReached = (run) => run.steps === LONGEST && factor(run) <= GOAL_FACTOR;

// ---- Words ----

const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
const raised = (power) => [...String(power)].map((c) => RAISED[c]).join("");

/** A number for people, in two or three significant digits: 0.079, 31, 4.1 × 10¹². */
export function show(value, digits = 2) {
  const size = Math.abs(value);
  if (!Number.isFinite(value) || size === 0) return number(value, 0);
  if (size >= 9999.5 || size < 1e-3) {
    const [mantissa, exponent] = size.toExponential(digits - 1).split("e");
    return `${value < 0 ? "−" : ""}${mantissa} × 10${raised(Number(exponent))}`;
  }
  return number(Number(value.toPrecision(digits)), Math.max(0, digits - 1 - Math.floor(Math.log10(Number(size.toPrecision(digits))))));
}

/** The name of a way to keep the gradient, for the list of those found. */
export const wayOf = ({ cell, activation }) => (cell === "rnn" ? `plain, ${activation === "relu" ? "ReLU" : activation}` : CELLS[cell]);

/** What became of the gradient on its way to step 1, in one word. */
export function verdict(run) {
  const { gradient, steps } = run;
  const share = gradient[1] / gradient[steps];
  if (!(share > 0)) return "vanishes";
  return share < 1e-3 ? "vanishes" : share > 1e3 ? "explodes" : factor(run) <= GOAL_FACTOR ? "keeps" : share < 0.5 ? "fades" : share > 2 ? "grows" : "wavers";
}

/** What the numbers mean now, and why: two or three sentences. */
export function explain(run, settings) {
  const { gradient, steps, open } = run;
  const { cell, activation, matrix, radius } = settings;
  const share = gradient[1] / gradient[steps];
  const word = verdict(run);
  const means = {
    vanishes: "this step of training hears almost nothing from the first input", fades: "this step of training hears little from the first input", keeps: "this step of training hears the first input, too",
    grows: "the far past weighs more than the present", wavers: "the steps between got more or less",
    explodes: "one step of training would be thrown far off",
  }[word];
  const arrives = share > 0 ? `${show(share)}${share > 1.05 ? " times as much" : ""}` : "nothing";
  const first = share > 1.05 ? `At step 1, ${arrives} gradient arrives as at step ${steps}: ${means}.`
    : `Of the gradient at step ${steps}, ${arrives} reaches step 1: ${means}.`;
  const way = steps - 1;
  const average = mean(open.slice(1));
  const base = rate(settings);
  const thumb = `${Number(base.toPrecision(3))}${raised(way)} = ${show(base ** way)}`;
  const clip = word === "explodes" ? " Clipping would shrink all steps alike: their ratio stays." : "";
  if (cell !== "rnn") {
    const gate = cell === "lstm" ? "forget" : "update";
    const others = cell === "lstm" ? "h and U" : "the candidate and U";
    return `${first} The ${gate} gates are open by ${show(average, 3)} on average. In the unit where they are most open, `
      + `they pass on ${show(Math.max(...run.passed))} from step 1 to ${steps}; the rest goes through ${others}.${clip}`;
  }
  const linear = `The rule of thumb, radius to the power of the distance, says ${thumb}`;
  if (activation === "linear") {
    const reason = matrix === "orthogonal" || matrix === "identity" ? ": exact here, since this U only turns and scales"
      : "; the directions of the smaller eigenvalues are lost on the way, and U can stretch before it shrinks";
    return `${first} ${linear}${reason}.${clip}`;
  }
  if (activation === "relu") {
    const irnn = matrix === "identity" && radius === 1 ? " This is the IRNN of Le, Jaitly and Hinton (2015)." : "";
    return `${first} ${linear}; ReLU lets only the units above 0 through, ${number(100 * average, 0)} % on average.${irnn}${clip}`;
  }
  return `${first} ${linear}; the slopes of tanh, ${show(average)} on average, multiply ${average > 0.95 ? "little" : "in at every step"}.${clip}`;
}

// ==== The demo ==========================================================================================

const DEFAULTS = { cell: "rnn", activation: "tanh", matrix: "random", radius: 0.9, forget_bias: 1, update_bias: 0, strength: 1,
  steps: 100, step: 50 };
const MARKS = { vanishes: "✕ vanishes", fades: "↘ fades", keeps: "✓ keeps", grows: "↗ grows", wavers: "≈ wavers", explodes: "✕ explodes" };
const DECADES = 6; // of the colors: gray at 10⁻⁶, vermilion at 10⁶

function render({ model, el }) {
  const page = createPage({ model, el, title: "How far back does the gradient reach?" });
  const demo = { page };
  const parts = [chain, curve, reading, controls, plane].map((part) => part(demo));
  const read = () => {
    const names = ["cell", "activation", "matrix", "radius", "strength", "steps"];
    demo.settings = Object.fromEntries(names.map((name) => [name, page.get(name)]));
    demo.settings.bias = { rnn: 0, lstm: page.get("forget_bias"), gru: page.get("update_bias") }[demo.settings.cell];
    demo.steps = demo.settings.steps;
    demo.step = clamp(page.get("step"), 0, demo.steps);
  };
  const show = () => { read(); for (const part of parts) part(); };
  const compute = () => {
    read();
    const key = `${page.get("seed")} ${demo.settings.matrix}`;
    if (demo.key !== key) Object.assign(demo, { key, network: drawNetwork(page.get("seed"), demo.settings.matrix) });
    demo.run = simulate(demo.network, demo.settings);
    const { gradient, hidden } = demo.run;
    const base = gradient[demo.steps] || Math.max(...gradient) || 1;
    demo.relative = gradient.map((v) => v / base);
    demo.other = demo.settings.cell === "lstm" ? hidden : null; // its last is 1
    show();
  };
  page.watch("cell activation matrix radius forget_bias update_bias strength steps seed", frame(page, compute));
  page.watch("step goal_met ways", frame(page, show));
  compute();
  return page.dispose;
}

const swatch = (name, text) => html("span", {}, html("i", { class: `mm-swatch ${name}` }), text);

/** Let the pointer over a picture choose a step; Python hears where it rested. */
function chooseByPointer(demo, node, stepAt) {
  const { page } = demo;
  const choose = (event) => {
    const step = Math.round(stepAt(event.clientX - node.getBoundingClientRect().left));
    if (step >= 0 && step <= demo.steps && step !== demo.step) page.set({ step }, false);
  };
  for (const type of ["pointerdown", "pointermove"]) node.addEventListener(type, choose);
  node.addEventListener("pointerleave", () => page.set({}));
}

/** The unrolled network: a cell for every step, colored by the gradient that reaches it. It stands above the curve, step over step. */
function chain(demo) {
  const { page } = demo;
  const picture = svg("svg", { class: "mm-chain-picture", height: 78, role: "img", "aria-label": "The unrolled cell, one box per step" });
  const wire = svg("path", { class: "mm-wire" });
  const boxes = svg("g");
  const flow = svg("path", { class: "mm-flow" });
  const mark = svg("rect", { class: "mm-mark", rx: 3 });
  const [left, right] = ["start", "end"].map((anchor) => svg("text", { y: 14, "text-anchor": anchor }));
  const middle = svg("text", { class: "mm-flow-name", y: 14, "text-anchor": "middle" });
  picture.append(wire, boxes, mark, flow, left, middle, right);
  const scale = html("div", { class: "mm-scale" }, html("span", {}, "gradient that arrives:"), html("span", { class: "mm-ends" }, "10⁻⁶",
    html("i", { class: "mm-bar" }, html("b", {}, "1")), "10⁶"));
  page.figure.append(html("div", { class: "twice-plot mm-chain" }, picture), scale);
  chooseByPointer(demo, picture, (x) => demo.plot.fromX(x));
  let rects = [];
  demo.paintChain = () => {
    const { plot, relative, steps, step } = demo;
    const f = plot.frame;
    if (!f.width) return;
    const unit = plot.toX(1) - plot.toX(0);
    const gap = unit > 9 ? 3 : unit > 4 ? 1.5 : 0.6;
    make(picture, { width: f.left + f.width + 12 }, []);
    if (rects.length !== steps + 1) fill(boxes, ...rects = Array.from(relative, () => svg("rect")));
    const [tone, mix] = [page.root.dataset.tone, shades(page)];
    rects.forEach((rect, t) => {
      const [color, x, width] = [mix(relative[t]), (plot.toX(t - 0.5) + gap / 2).toFixed(2), (unit - gap).toFixed(2)];
      const key = `${color} ${x} ${width} ${tone}`;
      if (rect.key === key) return;
      rect.key = key;
      make(rect, { x, y: 24, width, height: 36, rx: Math.min(4, unit / 4).toFixed(1), fill: color }, []);
    });
    make(wire, { d: `M${plot.toX(0)} 42H${plot.toX(steps)}` }, []);
    const [from, to] = [f.left + f.width, f.left];
    make(flow, { d: `M${from} 70H${to + 2}m7 -4.5l-7 4.5l7 4.5` }, []);
    make(mark, { x: plot.toX(step - 0.5) - 1, y: 21, width: unit + 2, height: 42 }, []);
    make(left, { x: f.left }, []);
    make(right, { x: f.left + f.width }, []);
    make(middle, { x: f.left + f.width / 2 }, []);
    left.textContent = "start";
    middle.textContent = "← the gradient flows back";
    right.textContent = `loss after step ${steps}`;
    if (f.width < 420) { middle.textContent = "← gradient"; right.textContent = "loss"; }
  };
  return () => {};
}

/** A function from a share of the gradient to a color: gray (forgotten), blue (1), purple, vermilion (explodes). */
function shades(page) {
  const style = getComputedStyle(page.root);
  const stops = ["--twice-line", "--twice-class0", "--twice-path", "--mm-hot"].map((name) => {
    const hex = style.getPropertyValue(name).trim();
    return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  });
  return (share) => {
    const power = share > 0 ? clamp(Math.log10(share) / DECADES, -1, 1) : -1;
    const at = power < 0 ? 1 + power : 1 + 2 * power; // 0 to 3
    const from = Math.min(2, Math.floor(at));
    return `rgb(${stops[from].map((v, i) => Math.round(v + (stops[from + 1][i] - v) * (at - from))).join(" ")})`;
  };
}

/** The size of the gradient by step, the rule of thumb, and the step looked at. */
function curve(demo) {
  const { page } = demo;
  const legend = html("div", { class: "mm-legend" });
  const box = html("div", { class: "mm-curve" });
  page.figure.append(legend, box);
  const plot = createPlot(page, { parent: box, x: [-0.5, 100.5], y: [1e-25, 10], yLog: true, xLabel: "step t (0: the start)",
    yLabel: "size of the gradient", aspect: 0.56, label: "Size of the gradient at every step, on a logarithmic axis",
    draw: () => demo.run && draw() });
  demo.plot = plot;
  const path = (name) => svg("path", { class: name });
  const band = svg("rect", { class: "mm-band" });
  const [cursor, thumb, other, main] = ["mm-cursor", "mm-thumb", "mm-other", "mm-main"].map(path);
  plot.back.append(band, cursor, thumb, other, main);
  const node = svg("g", {}, ...[["mm-hit", 20], ["twice-ring", 12], ["mm-dot", 6]].map(([name, r]) => svg("circle", { class: name, r })));
  plot.front.append(node);
  const height = (v) => clamp(plot.toY(v), plot.frame.top, plot.frame.top + plot.frame.height);
  const move = (step, save) => page.set({ step: clamp(Math.round(step), 0, demo.steps) }, save);
  dragHandle(page, plot, node, { position: () => [demo.step, demo.relative[demo.step]], step: 1, onMove: ([t]) => move(t, false),
    onEnd: () => page.set({}), onKey: ({ key }) => (key === "Home" || key === "End") && (move(key === "Home" ? 0 : LONGEST, true), true) });
  chooseByPointer(demo, plot.svg, plot.fromX);
  const draw = () => {
    const { relative, steps, step, settings } = demo;
    const f = plot.frame;
    const beyond = (v) => clamp(plot.toY(v), f.top - 60, f.top + f.height + 60);
    const line = (values) => Array.from(values, (v, t) => `${t ? "L" : "M"}${plot.toX(t).toFixed(1)} ${beyond(v).toFixed(1)}`).join("");
    main.setAttribute("d", line(relative));
    other.setAttribute("d", demo.other ? line(demo.other) : "");
    thumb.setAttribute("d", line(relative.map((_, t) => rate(settings) ** (steps - t))));
    cursor.setAttribute("d", `M${plot.toX(step)} ${f.top}V${f.top + f.height}`);
    const top = Math.max(...relative);
    const [y1, y2] = [beyond(top), beyond(top / GOAL_FACTOR)];
    make(band, { x: f.left, y: y1, width: f.width, height: Math.max(0, y2 - y1) }, []);
    make(node, { transform: `translate(${plot.toX(step).toFixed(1)} ${height(relative[step]).toFixed(1)})`,
      "aria-label": `Step ${step} of ${steps}: the gradient is ${show(relative[step])} of the last step’s. Arrow keys choose another step.` }, []);
    demo.paintChain();
  };
  let told;
  return () => {
    const { relative, other, steps, settings } = demo;
    const shown = [...relative, ...(other ?? [])].filter((v) => v > 0 && Number.isFinite(v));
    const coarse = (v, round) => { const power = Math.log10(v); const by = Math.abs(power) > 4 ? 5 : 1; return 10 ** (by * round(power / by)); };
    plot.setLimits([-0.5, steps + 0.5], [Math.max(1e-60, coarse(Math.min(...shown, 0.02), Math.floor)), coarse(Math.max(...shown, 6), Math.ceil)]);
    const base = number(rate(settings), 3);
    const key = `${settings.cell} ${base}`;
    if (told !== key) {
      told = key;
      fill(legend, swatch("mm-main", other ? "gradient of the memory c (last: 1)" : "gradient of the state h (last: 1)"), other ? swatch("mm-other", "of the output h") : null,
        swatch("mm-thumb", `rule of thumb: ${base}ᵏ, k steps back`), swatch("mm-band", "within a factor of 10"));
    }
    plot.redraw();
  };
}

/** The verdict, the numbers of one step, the sentences, the goal and the ways found. */
function reading(demo) {
  const { page } = demo;
  const word = html("strong", { class: "mm-word" });
  const ratio = html("span", { class: "twice-readout mm-ratio" });
  const numbers = html("div", { class: "twice-readout mm-numbers" });
  const spoken = html("p", { class: "mm-spoken", role: "status" });
  page.figure.append(numbers, html("div", { class: "mm-verdict" }, word, ratio));
  page.main.append(spoken);
  const again = button({ label: "Another random matrix", primary: true, title: "The next seed: other matrices, other inputs",
    onClick: () => page.set({ seed: page.get("seed") + 1 }) });
  const reset = button({ label: "Reset", title: "Everything as it was at first; the seed stays",
    onClick: () => page.set({ ...DEFAULTS, ways: [], goal_met: false }) });
  page.actions.append(again.element, reset.element);
  let wait = 0;
  page.onDispose(() => clearTimeout(wait));
  return () => {
    const { run, settings, step, steps, relative } = demo;
    const text = explain(run, settings);
    const verb = verdict(run);
    word.textContent = MARKS[verb];
    word.dataset.word = verb;
    const far = factor(run);
    ratio.textContent = `max / min: ${far === Infinity ? "no limit" : show(far)}`
      + (steps < LONGEST ? ` (${steps} of ${LONGEST} steps)` : ` (goal: ≤ ${GOAL_FACTOR})`);
    const gate = { rnn: "mean slope f′", lstm: "forget gates, mean", gru: "update gates, mean" }[settings.cell];
    numbers.textContent = `Step ${step}: gradient ${show(relative[step])} · size of ${demo.other ? "c" : "h"} ${show(run.state[step])}`
      + (step ? ` · ${gate} ${number(run.open[step])}` : "");
    page.say(text, { quiet: true });
    const [met, ways] = [page.get("goal_met"), page.get("ways")];
    const rest = 5 - ways.length;
    page.goal(met, met && ways.length ? `Found: ${ways.join(" · ")}. ${rest > 0 ? `${rest === 1 ? "One more kind of cell" : `${rest} more kinds of cell`} can do it.`
      : "All five kinds of cell can do it."}` : "");
    clearTimeout(wait);
    wait = setTimeout(() => { // it rests: sweeping past does not count
      spoken.textContent = `${verb}. ${text}`;
      const way = wayOf(settings);
      if (goalReached(run) && !(page.get("goal_met") && ways.includes(way))) {
        page.set({ goal_met: true, ways: [...ways.filter((w) => w !== way), way] });
      }
    }, 500);
  };
}

/** The cell, its matrix, the inputs, the number of steps. */
function controls(demo) {
  const { page } = demo;
  const activations = ACTIVATIONS.map((name) => [name, name === "relu" ? "ReLU" : name]);
  const cell = select(page, { label: "Cell", options: Object.entries(CELLS), trait: "cell" });
  const activation = select(page, { label: "Activation", options: activations, trait: "activation" });
  const bias = (trait, label) => slider(page, { label, min: -2, max: 8, step: 0.1, trait, format: (v) => number(v, 1) });
  const [forget, update] = [bias("forget_bias", "Forget-gate bias"), bias("update_bias", "Update-gate bias")];
  const matrix = select(page, { label: "Matrix U", options: Object.entries(MATRICES), trait: "matrix" });
  const radius = slider(page, { label: "Spectral radius", min: 0.5, max: 1.5, step: 0.01, trait: "radius" });
  const strength = slider(page, { label: "Input strength", min: 0.02, max: 5, log: true, step: 0.001, trait: "strength",
    format: (v) => `× ${show(v)}` });
  const steps = slider(page, { label: "Steps T", min: 2, max: LONGEST, step: 1, trait: "steps", format: String });
  page.panel.append(html("div", { class: "mm-controls" }, cell.element,
    html("div", { class: "mm-swap" }, activation.element, forget.element, update.element),
    ...[matrix, radius, strength, steps].map(({ element }) => element)));
  return () => {
    activation.element.hidden = demo.settings.cell !== "rnn";
    forget.element.hidden = demo.settings.cell !== "lstm";
    update.element.hidden = demo.settings.cell !== "gru";
  };
}

/** The eigenvalues of U in the complex plane, and those of one step's Jacobian. */
function plane(demo) {
  const { page } = demo;
  const legend = html("div", { class: "mm-legend" });
  const box = html("div", { class: "mm-plane" });
  const caption = html("small", { class: "twice-hint" });
  page.panel.append(html("div", { class: "mm-eigen" }, html("div", { class: "mm-heading" }, "Eigenvalues of U"), legend, box, caption));
  const plot = createPlot(page, { parent: box, x: [-1.6, 1.6], y: [-1.6, 1.6], equal: true, xLabel: "real part", yLabel: "imaginary part",
    label: "Eigenvalues of U and the unit circle", draw: () => demo.run && draw() });
  const unit = svg("circle", { class: "mm-unit" });
  const [hollow, solid] = [0, 1].map((i) => Array.from({ length: N }, () => svg("circle", { class: i ? "mm-value" : "mm-jacobian", r: i ? 4.5 : 4 })));
  plot.back.append(unit, ...solid, ...hollow);
  const place = (circle, [re, im]) => make(circle, { cx: plot.toX(re).toFixed(1), cy: plot.toY(im).toFixed(1) }, []);
  let values = [];
  const draw = () => {
    const { radius } = demo.settings;
    make(unit, { cx: plot.toX(0), cy: plot.toY(0), r: plot.toX(1) - plot.toX(0) }, []);
    demo.network.eigenvalues.forEach((value, i) => place(solid[i], value.map((v) => v * radius)));
    values.forEach((value, i) => place(hollow[i], value));
    for (const circle of hollow) circle.style.display = values.length ? "" : "none";
  };
  return () => {
    const { settings: { cell, activation, radius, matrix }, step, network, run } = demo;
    values = cell === "rnn" && activation !== "linear" ? jacobianEigenvalues(network, run, radius, step) : [];
    fill(legend, swatch("mm-value", cell === "rnn" ? "of U" : "of the candidate’s U"), values.length ? swatch("mm-jacobian", `of U · slopes, step ${step}`) : null);
    const where = radius < 1 ? "inside the unit circle, U shrinks in the long run" : radius > 1 ? "outside the unit circle, U stretches" : "on the unit circle";
    const largest = values.length ? ` With step ${step}’s slopes: ${number(Math.max(...values.map(([re, im]) => Math.hypot(re, im))))}.` : "";
    const many = matrix === "identity" ? " (16 in one place)" : "";
    caption.textContent = `Largest |λ| = ${number(radius)}${many}: ${where}.${largest}`;
    plot.redraw();
  };
}

export default { render };
