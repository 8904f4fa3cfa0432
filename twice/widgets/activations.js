/* activations.js: an activation function, and what it does to a signal that passes 50 layers.
 * Above the line "The demo": pure functions, compared number by number with NumPy in tests/test_activations_demo.py.
 * Below it: what is drawn. Layers count from 1, and so do the lists of a run: run.std[0] is unused.
 * A layer is z = a W, a = f(z), without a bias. A batch is one flat Float64Array, row after row. */

// ---- The functions: f(z, p) and its slope d(z, a, p), where a = f(z) and p = {negative_slope, alpha} ----

const SELU = [1.0507009873554805, 1.6732632423543772]; // lambda and alpha
const SQUASHED = [-1.1, 1.1];
const RECTIFIED = [-1, 4];
const plain = (v) => String(Number(v.toFixed(2))).replace("-", "−");
const logistic = (z) => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));
const sixth = (z) => (z <= -3 ? 0 : z >= 3 ? 1 : z / 6 + 0.5);
const leaky = (formula) => ({
  formula, f: (z, p) => (z > 0 ? z : p.negative_slope * z), d: (z, a, p) => (z > 0 ? 1 : p.negative_slope), shown: RECTIFIED,
  range: (p) => (p.negative_slope > 0 ? "all numbers" : "0 to ∞"), parameter: "negative_slope",
  steepest: (p) => [1, p.negative_slope < 1 ? "above 0" : "everywhere"], square: (p) => (1 + p.negative_slope ** 2) / 2,
});

/** The error function, by a series of positive terms: erf(x) = 2/sqrt(pi) exp(-x^2) (x + 2x^3/3 + 4x^5/15 + ...). */
export function erf(x) {
  const square = x * x;
  if (square > 36) return Math.sign(x);
  let [term, sum] = [x, x];
  for (let n = 3; Math.abs(term) > 1e-17 * Math.abs(sum); n += 2) sum += term *= (2 * square) / n;
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-square) * sum;
}

function mish(z) {
  if (z > 20) return z;
  const e = Math.exp(z); // tanh(log(1 + e)) = e (e + 2) / (e (e + 2) + 2)
  return (z * e * (e + 2)) / (e * (e + 2) + 2);
}

/* range, steepest (the largest slope, and where): for people; told() gives their value. shown: the heights of the histograms.
 * bounded: both ends saturate (relu6 is at rest at its lower one). parameter: the trait it depends on.
 * square(p): for functions that scale (f(cz) = c f(z) for c > 0), E[f(z)^2] / E[z^2], exact for symmetric z. */
const table = {
  linear: { formula: "z", f: (z) => z, d: () => 1, range: "all numbers", steepest: [1, "everywhere"], shown: [-3, 3],
    square: () => 1 },
  sigmoid: { formula: "1 / (1 + e^{−z})", f: logistic, d: (z, a) => a * (1 - a), range: "0 to 1",
    steepest: [0.25, "at 0"], shown: [-0.05, 1.05], bounded: true },
  tanh: { formula: "(e^{z} − e^{−z}) / (e^{z} + e^{−z})", f: Math.tanh, d: (z, a) => 1 - a * a, range: "−1 to 1",
    steepest: [1, "at 0"], shown: SQUASHED, bounded: true },
  relu: { formula: "max(0, z)", f: (z) => (z > 0 ? z : 0), d: (z) => (z > 0 ? 1 : 0), range: "0 to ∞",
    steepest: [1, "above 0"], shown: RECTIFIED, square: () => 0.5 },
  leaky_relu: leaky("z above 0, slope · z below"),
  prelu: leaky("z above 0, slope · z below; the slope is learned"),
  elu: { formula: "z above 0, α(e^{z} − 1) below", f: (z, p) => (z > 0 ? z : p.alpha * Math.expm1(z)),
    d: (z, a, p) => (z > 0 ? 1 : a + p.alpha), range: (p) => `${plain(-p.alpha)} to ∞`,
    steepest: (p) => (p.alpha > 1 ? [p.alpha, "at 0"] : [1, "above 0"]), shown: [-2.2, 4], parameter: "alpha" },
  selu: { formula: "1.051 z above 0, 1.758 (e^{z} − 1) below",
    f: (z) => SELU[0] * (z > 0 ? z : SELU[1] * Math.expm1(z)), d: (z, a) => (z < 0 ? a + SELU[0] * SELU[1] : SELU[0]),
    range: "−1.76 to ∞", steepest: [SELU[0] * SELU[1], "at 0"], shown: [-2.2, 4] },
  gelu: { formula: "z Φ(z), Φ the normal distribution", f: (z) => 0.5 * z * (1 + erf(z * Math.SQRT1_2)),
    d: (z, a) => (z === 0 ? 0.5 : a / z + (z * Math.exp(-0.5 * z * z)) / Math.sqrt(2 * Math.PI)),
    range: "−0.17 to ∞", steepest: [1.1289, "at 1.41"], shown: RECTIFIED },
  silu: { formula: "z · sigmoid(z)", f: (z) => z * logistic(z), d: (z, a) => (z === 0 ? 0.5 : a / z + a * (1 - a / z)),
    range: "−0.28 to ∞", steepest: [1.0998, "at 2.40"], shown: RECTIFIED },
  mish: { formula: "z · tanh(softplus(z))", f: mish,
    d: (z, a) => (z === 0 ? 0.6 : a / z + z * (1 - (a / z) ** 2) * logistic(z)),
    range: "−0.31 to ∞", steepest: [1.0885, "at 1.49"], shown: RECTIFIED },
  softplus: { formula: "log(1 + e^{z})", f: (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))),
    d: (z, a) => -Math.expm1(-a), range: "0 to ∞", steepest: [1, "far to the right"], shown: RECTIFIED },
  softsign: { formula: "z / (1 + |z|)", f: (z) => z / (1 + Math.abs(z)), d: (z, a) => (1 - Math.abs(a)) ** 2,
    range: "−1 to 1", steepest: [1, "at 0"], shown: SQUASHED, bounded: true },
  hard_sigmoid: { formula: "z / 6 + ½, cut at 0 and 1", f: sixth, d: (z) => (Math.abs(z) < 3 ? 1 / 6 : 0),
    range: "0 to 1", steepest: [1 / 6, "from −3 to 3"], shown: [-0.05, 1.05], bounded: true },
  hard_tanh: { formula: "z, cut at −1 and 1", f: (z) => clamp(z, -1, 1), d: (z) => (Math.abs(z) <= 1 ? 1 : 0),
    range: "−1 to 1", steepest: [1, "from −1 to 1"], shown: SQUASHED, bounded: true },
  hard_silu: { formula: "z · hard_sigmoid(z)", f: (z) => z * sixth(z), d: (z) => (z <= -3 ? 0 : z >= 3 ? 1 : (2 * z + 3) / 6),
    range: "−0.38 to ∞", steepest: [1.5, "just below 3"], shown: RECTIFIED },
  relu6: { formula: "max(0, z), cut at 6", f: (z) => clamp(z, 0, 6), d: (z) => (z > 0 && z < 6 ? 1 : 0),
    range: "0 to 6", steepest: [1, "from 0 to 6"], shown: [-1, 6.5] },
};
export const FUNCTIONS = Object.fromEntries(Object.entries(table).map(([name, one]) => [name, { name, ...one }]));

/** What depends on the parameters, now: range, steepest. */
export const told = (value, p) => (typeof value === "function" ? value(p) : value);

export const slopeAt = (fn, z, p) => fn.d(z, fn.f(z, p), p);

const BELL = Array.from({ length: 800 }, (_, i) => Math.exp(-0.5 * (0.02 * i - 7.99) ** 2));
const BELL_SUM = BELL.reduce((sum, v) => sum + v);

/** E[h(z)] for a standard normal z: the midpoints of 800 steps from -8 to 8, so that 0, where slopes jump, is left out. */
export const average = (h) => BELL.reduce((sum, bell, i) => sum + bell * h(0.02 * i - 7.99), 0) / BELL_SUM;

/** Where |f'| < 0.05 inside [low, high]: intervals [from, to], their ends found by halving. */
export function flatParts(fn, p, low = -6, high = 6, steps = 1200) {
  const flat = (z) => Math.abs(slopeAt(fn, z, p)) < 0.05;
  const edge = (a, b) => { // flat(a) differs from flat(b)
    for (let i = 0; i < 40; i++) { const m = (a + b) / 2; if (flat(m) === flat(a)) a = m; else b = m; }
    return (a + b) / 2;
  };
  const parts = [];
  let from = flat(low) ? low : null;
  for (let i = 1; i <= steps; i++) {
    const [a, b] = [i - 1, i].map((k) => low + ((high - low) * k) / steps);
    if (flat(b) && from === null) from = edge(a, b);
    else if (!flat(b) && from !== null) { parts.push([from, edge(a, b)]); from = null; }
  }
  if (from !== null) parts.push([from, high]);
  return parts.filter(([a, b]) => b - a > 1e-6); // a single point is no part
}

// ---- The network: 8 inputs of 100 numbers, up to 50 square layers, drawn once for a seed ----

export const [WIDTH, BATCH, DEEPEST] = [100, 8, 50];

/** Keras's initializers on square layers: the shape of the distribution, and the standard deviation times sqrt(n). */
export const INITIALIZERS = {
  glorot_normal: ["normal", 1, "Glorot (Xavier) normal"],
  glorot_uniform: ["uniform", 1, "Glorot (Xavier) uniform"],
  he_normal: ["normal", Math.SQRT2, "He normal"],
  he_uniform: ["uniform", Math.SQRT2, "He uniform"],
  lecun_normal: ["normal", 1, "LeCun normal"],
  orthogonal: ["orthogonal", 1, "Orthogonal"],
  random_normal: ["normal", 0.05 * Math.sqrt(WIDTH), "Normal, std 0.05 at any width"],
};

/** One n x n matrix (row by input unit) of standard deviation 1/sqrt(n). */
function drawMatrix(random, shape, n) {
  const draw = shape === "uniform" ? () => Math.sqrt(3) * (2 * random.next() - 1) : random.normal;
  const matrix = new Float64Array(n * n);
  for (let i = 0; i < n * n; i++) matrix[i] = draw() / Math.sqrt(n);
  return shape === "orthogonal" ? orthogonal(matrix, n) : matrix;
}

/** Gram and Schmidt on the columns: Q of A = QR with a positive diagonal of R. */
function orthogonal(matrix, n) {
  const rows = transposed(matrix, n); // its rows are A's columns
  for (let i = 0; i < n; i++) {
    const a = rows.subarray(i * n, (i + 1) * n);
    for (let pass = 0; pass < 2; pass++) {
      for (let j = 0; j < i; j++) {
        const b = rows.subarray(j * n, (j + 1) * n);
        let dot = 0;
        for (let k = 0; k < n; k++) dot += a[k] * b[k];
        for (let k = 0; k < n; k++) a[k] -= dot * b[k];
      }
    }
    const size = Math.hypot(...a);
    for (let k = 0; k < n; k++) a[k] /= size;
  }
  return transposed(rows, n);
}

function transposed(matrix, n) {
  const turned = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) turned[j * n + i] = matrix[i * n + j];
  return turned;
}

/** Inputs, the gradient that arrives at the last layer, and 50 matrices: all from one seeded stream, in this order. */
export function drawNetwork(seed, shape, n = WIDTH, batch = BATCH, depth = DEEPEST) {
  const random = seeded(seed);
  const [inputs, arriving] = [0, 1].map(() => Float64Array.from({ length: batch * n }, random.normal));
  const weights = Array.from({ length: depth }, () => drawMatrix(random, shape, n));
  const buffers = () => Array.from({ length: depth + 1 }, () => new Float64Array(batch * n));
  return { n, batch, inputs, arriving, weights, turned: weights.map((w) => transposed(w, n)),
    z: buffers(), a: buffers(), slopes: buffers(), back: [0, 1].map(() => new Float64Array(batch * n)) };
}

/** out = scale · x M, where `m` holds M transposed: two columns of M and four rows of x at a time. */
function multiply(x, m, out, n, batch, scale) {
  for (let j = 0; j < n; j += 2) {
    const m0 = j * n, m1 = m0 + n;
    for (let r = 0; r < batch; r += 4) {
      const x0 = r * n, x1 = x0 + n, x2 = x1 + n, x3 = x2 + n;
      let a0 = 0, a1 = 0, b0 = 0, b1 = 0, c0 = 0, c1 = 0, d0 = 0, d1 = 0; // no arrays here: this loop takes the time
      for (let i = 0; i < n; i++) {
        const u = m[m0 + i], v = m[m1 + i], a = x[x0 + i], b = x[x1 + i], c = x[x2 + i], d = x[x3 + i];
        a0 += a * u; a1 += a * v; b0 += b * u; b1 += b * v; c0 += c * u; c1 += c * v; d0 += d * u; d1 += d * v;
      }
      out[x0 + j] = scale * a0; out[x1 + j] = scale * b0; out[x2 + j] = scale * c0; out[x3 + j] = scale * d0;
      out[x0 + j + 1] = scale * a1; out[x1 + j + 1] = scale * b1; out[x2 + j + 1] = scale * c1; out[x3 + j + 1] = scale * d1;
    }
  }
}

/** Forward and backward through `depth` layers. Lists by layer, from 1:
 *  mean, std of all activations of the layer; saturated: the share with |f'(z)| < 0.05;
 *  differs: how much of the std is between inputs (1: all, 0: every input gives the same); gradient: RMS of dL/da. */
export function simulate(network, fn, p, { scale, depth }) {
  const { n, batch, z, a, slopes, back } = network;
  const list = () => new Float64Array(depth + 1);
  const run = { depth, z, a, mean: list(), std: list(), saturated: list(), differs: list(), gradient: list() };
  a[0].set(network.inputs);
  for (let l = 1; l <= depth; l++) {
    multiply(a[l - 1], network.turned[l - 1], z[l], n, batch, scale);
    let flat = 0;
    for (let i = 0; i < n * batch; i++) {
      a[l][i] = fn.f(z[l][i], p);
      slopes[l][i] = fn.d(z[l][i], a[l][i], p);
      if (Math.abs(slopes[l][i]) < 0.05) flat += 1;
    }
    run.saturated[l] = flat / (n * batch);
    measure(run, l, n, batch);
  }
  let [gradient, next] = back;
  gradient.set(network.arriving);
  for (let l = depth; l >= 1; l--) {
    let sum = 0;
    for (let i = 0; i < n * batch; i++) { sum += gradient[i] * gradient[i]; gradient[i] *= slopes[l][i]; }
    run.gradient[l] = Math.sqrt(sum / (n * batch));
    multiply(gradient, network.weights[l - 1], next, n, batch, scale);
    [gradient, next] = [next, gradient];
  }
  return run;
}

function measure(run, l, n, batch) {
  const a = run.a[l];
  let [total, all, within] = [0, 0, 0];
  for (let i = 0; i < n * batch; i++) total += a[i];
  const mean = total / (n * batch);
  for (let unit = 0; unit < n; unit++) {
    let own = 0;
    for (let i = unit; i < n * batch; i += n) own += a[i];
    own /= batch;
    for (let i = unit; i < n * batch; i += n) { all += (a[i] - mean) ** 2; within += (a[i] - own) ** 2; }
  }
  run.mean[l] = mean;
  run.std[l] = Math.sqrt(all / (n * batch));
  run.differs[l] = all > 0 ? Math.sqrt(within / all) : 0;
}

/** Counts of the values in `bins` equal parts of [low, high]; what lies outside counts in the first or last. */
export function histogram(values, [low, high], bins) {
  const counts = new Array(bins).fill(0);
  for (let i = 0; i < values.length; i++) {
    const bin = Math.floor(((values[i] - low) / (high - low)) * bins);
    counts[bin < 0 ? 0 : bin >= bins ? bins - 1 : bin] += 1;
  }
  return counts;
}

/** Infinitely wide layers (mean field): q -> sigma^2 E[f(sqrt(q) z)^2]. By layer from 1: q of z, the std of f(z), and
 *  chi = sigma^2 E[f'(sqrt(q) z)^2], by which the gradient's variance is multiplied on its way back. */
export function meanField(fn, p, sigma, depth) {
  const theory = { q: [0], std: [0], chi: [0] };
  let second = 1; // the inputs' mean square
  for (let l = 1; l <= depth; l++) {
    const q = sigma ** 2 * second;
    const size = Math.sqrt(q);
    const mean = average((z) => fn.f(size * z, p));
    second = average((z) => fn.f(size * z, p) ** 2);
    theory.q.push(q);
    theory.std.push(Math.sqrt(Math.max(0, second - mean * mean)));
    theory.chi.push(sigma ** 2 * average((z) => slopeAt(fn, size * z, p) ** 2));
  }
  return theory;
}

// ---- Words ----

const SUPERSCRIPT = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

/** A number for people, in `digits` significant digits: 0.0793, 31.3, 4.1 × 10¹². */
export function show(value, digits = 3) {
  const size = Math.abs(value);
  if (!Number.isFinite(value) || size === 0) return number(value, 0);
  if (size >= 1e4 || size < 1e-3) {
    const [mantissa, exponent] = size.toExponential(digits - 2).split("e");
    return `${value < 0 ? "−" : ""}${mantissa} × 10${[...String(Number(exponent))].map((c) => SUPERSCRIPT[c]).join("")}`;
  }
  return number(value, Math.max(0, digits - 1 - Math.floor(Math.log10(size))));
}
const percent = (share) => `${number(100 * share, 100 * share >= 99.95 || share === 0 ? 0 : 1)} %`;

/** Where the function levels off, from its flat parts: outer ones saturate, inner ones surround an extremum. */
export function saturation(fn, p) {
  const parts = flatParts(fn, p);
  const left = parts.find(([a]) => a === -6);
  const right = parts.find(([, b]) => b === 6);
  const same = left && right && Math.abs(left[1] + right[0]) < 1e-6;
  const sides = [left && `below ${plain(left[1])}`, right && `above ${plain(right[0])}`].filter(Boolean);
  const ends = same ? [`beyond ±${plain(right[0])}`] : sides;
  const inner = parts.filter((part) => part !== left && part !== right).map(([a, b]) => `flat near ${plain((a + b) / 2)}`);
  return [ends.join(" and ") || "nowhere", ...inner].join("; ");
}

const ABOUT_ONE = 0.02; // so near 1 counts as 1: a factor of the mean square

/** What became of the signal, in one word that fits what is measured. "averages": right by the law, not in this network;
 *  "drifts": chance turns what the law says. `from`: the layer (0: the inputs) that the last one is compared with; `ratio`: of
 *  the standard deviations, by the law; `measured`: in this network; `factor`: by what each layer multiplies the variance
 *  (exact if the function scales). */
export function judge(fn, p, run, sigma) {
  const { depth } = run;
  const from = depth > 10 ? 10 : Math.floor(depth / 2);
  const start = from ? run.std[from] : 1;
  const measured = start > 0 ? run.std[depth] / start : 0;
  const exact = fn.square ? sigma ** 2 * fn.square(p) : null;
  const ratio = exact === null ? measured : exact ** ((depth - from) / 2);
  const [factor, here] = [exact ?? measured ** (2 / (depth - from)), measured ** (2 / (depth - from))];
  const saturated = run.saturated[depth];
  const plain = fn.bounded && saturated >= 0.05 && measured > 0.9 ? "saturates" : measured < 0.1 ? "dies out" : measured > 10 ? "explodes"
    : run.differs[depth] < 0.1 ? "forgets" : measured < 0.9 ? "fades" : measured > 1.1 ? "grows" : "keeps";
  const rests = Math.abs(factor - 1) <= ABOUT_ONE; // on average over the weights; what chance adds is not the scale's doing
  const astray = rests ? Math.abs(Math.log(measured)) > Math.log(1.25) : plain === "keeps" || (ratio - 1) * (measured - 1) < 0;
  const word = exact === null || plain === "forgets" ? plain : astray ? (rests ? "averages" : "drifts") : rests ? "keeps" : plain;
  return { word, from, ratio, measured, factor, here, rests, exact: exact !== null, saturated };
}

/** Is this the goal? 50 tanh layers, Glorot's weights, layer 50 within 10 % of layer 10, under 5 % saturated. */
export function goalReached({ activation, initializer, depth }, { measured, saturated }) {
  const asked = activation === "tanh" && initializer.startsWith("glorot") && depth === 50;
  return asked && Math.abs(measured - 1) <= 0.1 && saturated < 0.05;
}

/** Why, in two or three sentences with numbers. */
export function explain(fn, run, judged, { showGradient = true } = {}) {
  const { depth, std } = run;
  const { word, from, ratio, factor, here, exact, saturated, measured } = judged;
  const [last, start] = [`layer ${depth}`, from ? `layer ${from}` : "the inputs"];
  const sizes = `standard deviation ${show(std[depth])}, against ${show(from ? std[from] : 1)} in ${start}`;
  const step = `every layer multiplies the standard deviation by about ${show(Math.sqrt(factor))}`;
  const first = std.findIndex((v, l) => l > 0 && v < 0.01);
  const average = exact && (Math.abs(factor - 1) < 5e-5 ? "exactly 1" : `${Number(factor.toPrecision(4))}${judged.rests ? ", about 1" : ""}`);
  const law = exact ? `On average over the weights, each ${fn.name} layer multiplies the mean square by ${average}. ` : "";
  const chance = `chance made it ${show(here)} in this network, and that adds up: ${last} has ${show(measured)} times the spread of ${start}`;
  const [dies, explodes] = ["dies out", "explodes"].map((verb) => (exact ? `the signal ${verb}` : `${step}, and the signal ${verb}`));
  const sentence = (text) => text[0].toUpperCase() + text.slice(1);
  const reason = {
    keeps: exact ? `Kept. ${law}In this network it was ${show(here)}: ${last} has ${show(measured)} times the spread of ${start}.`
      : `Kept: ${last} has ${sizes} (${percent(ratio)}); ${percent(saturated)} of it is saturated.`,
    fades: `${law}${fn.name === "tanh" ? "Still too small: it fades slowly." : "It fades."} ${sentence(last)} has ${sizes}: `
      + `only ${percent(measured)}.`,
    "dies out": `${law}Too small: ${dies}. `
      + `${first > 0 ? `Layer ${first} is the first below 0.01, and ${last}` : sentence(last)} is at ${show(std[depth])}.`,
    averages: `${law}So the scale is right. But ${chance}. Other weights end elsewhere: most below the average, a few far above.`,
    drifts: `${law}So the signal ${factor > 1 ? "grows" : "fades"} on average. But ${chance}. Try new weights.`,
    grows: `${law}It grows. ${sentence(last)} has ${sizes}: ${show(measured)} times as much.`,
    explodes: `${law}Too large: ${explodes}: ${last} is at ${show(std[depth])}.`,
    saturates: `Too large: ${percent(saturated)} of ${last} is saturated, with a slope below 0.05. The standard deviation, `
      + `${show(std[depth])}, holds only because ${fn.name} cannot go any further.`,
    forgets: `There is spread (${sizes}), but no signal: all ${BATCH} inputs end in nearly the same activations, only `
      + `${show(run.differs[depth], 2)} of the spread comes from the input. The outputs of ${fn.name} have a mean of `
      + `${show(run.mean[depth], 2)}, and it drowns the rest.`,
  }[word];
  if (!showGradient || depth === 1 || !(run.gradient[depth] > 0)) return reason;
  return `${reason} Backward, the gradient in layer 1 is ${show(run.gradient[1] / run.gradient[depth], 2)} times that in ${last}.`;
}

/** How to compare Glorot and He fairly, where the root of 2 counts once too often or has been found by hand; "" elsewhere. */
export function compareHint(fn, initializer, scale, judged) {
  if (!fn.square || fn.name === "linear" || scale === 1) return "";
  if (initializer.startsWith("he_")) return " He’s weights have the factor √2 built in: to compare, set the weight scale back to × 1.";
  if (initializer.startsWith("glorot_") && judged.rests) return " To compare with He, choose He’s weights and set the weight scale back to × 1.";
  return "";
}

/** Why the scale works, in the limit of infinitely wide layers; shown after the goal is met. */
export function theoryText(fn, run, theory, sigma) {
  const { depth } = run;
  const [q, before, chi] = [theory.q[depth], theory.q[depth - 1], theory.chi[depth]];
  const rests = depth > 1 && Math.abs(q / before - 1) < 2e-3 ? "it comes to rest at" : `after ${depth} layers it is at`;
  const size = Math.abs(chi - 1) < 0.005 ? "it keeps its size" : chi > 1 ? "it grows" : "it shrinks";
  const tanh = fn.name === "tanh" ? "For tanh, up to σ = 1 the only resting point is q = 0, and every signal dies; at σ = 1 slowly, "
    + "like 1/√(2 · depth). Above σ = 1 there is a second one, and every signal ends there. " : "";
  const edge = fn.name === "tanh" ? " The border between shrinking and growing gradients, for tanh σ = 1, is called the edge of chaos "
    + "(Poole et al., 2016; Schoenholz et al., 2017)." : "";
  return "In very wide layers z is normal. Its variance q follows the map q → σ² E[f(√q z)²], with a standard normal z. "
    + `At σ = ${show(sigma)} ${rests} q = ${show(q)}, where ${fn.name} has standard deviation ${show(theory.std[depth])} `
    + `(this network: ${show(run.std[depth])}). ${tanh}Backward, a layer multiplies the gradient’s variance by `
    + `χ = σ² E[f′(√q z)²], here ${show(chi)}: ${size}.${edge}`;
}

// ==== The demo ==========================================================================================

const MARKS = { keeps: "✓ keeps its variance", averages: "≈ keeps it on average", drifts: "≈ drifts by chance", fades: "↘ fades", "dies out": "✕ dies out", grows: "↗ grows",
  explodes: "✕ explodes", saturates: "■ saturates", forgets: "○ forgets its input" };
const DEFAULTS = { activation: "tanh", compare: "none", negative_slope: 0.2, alpha: 1, z: 0.8, initializer: "glorot_normal",
  scale: 1, depth: 50, layer: 50, show_gradient: true, show_theory: false };
const VIEW = [-6, 6];
const BINS = 57;

function render({ model, el }) {
  const page = createPage({ model, el, title: "One function, fifty layers" });
  const demo = { page };
  const parts = [chooser, functionPlot, facts, networkControls, verdictLine, heat, curves, buttons].map((part) => part(demo));
  const read = () => {
    const p = { negative_slope: page.get("negative_slope"), alpha: page.get("alpha") };
    const [fn, second] = ["activation", "compare"].map((name) => FUNCTIONS[page.get(name)]);
    const [shape, gain] = INITIALIZERS[page.get("initializer")];
    const [scale, depth, seed] = ["scale", "depth", "seed"].map(page.get);
    const layer = clamp(page.get("layer"), 1, depth);
    Object.assign(demo, { p, fn, second, shape, scale, depth, seed, layer, sigma: gain * scale });
  };
  const show = () => { read(); for (const part of parts) part(); };
  const compute = () => {
    read();
    const key = `${demo.seed} ${demo.shape}`;
    if (demo.key !== key) Object.assign(demo, { key, network: drawNetwork(demo.seed, demo.shape) });
    demo.run = simulate(demo.network, demo.fn, demo.p, { scale: demo.sigma, depth: demo.depth });
    demo.judged = judge(demo.fn, demo.p, demo.run, demo.sigma);
    demo.theory = null; // computed when it is looked at
    show();
  };
  page.watch("activation negative_slope alpha initializer scale depth seed", frame(page, compute));
  page.watch("compare z layer show_gradient show_theory goal_met", frame(page, show));
  compute();
  return page.dispose;
}

/** changed(a, b, ...) is true when one of them differs from the last call: what did not change is not drawn again. */
function memory() {
  let last;
  return (...now) => { const key = now.join(" "); const is = key !== last; last = key; return is; };
}

const settingsOf = ({ fn, second, p }) => [fn.name, second?.name, p.negative_slope, p.alpha];
const theoryOf = (demo) => (demo.theory ??= meanField(demo.fn, demo.p, demo.sigma, demo.depth));
const names = Object.keys(FUNCTIONS).map((name) => [name, name]);

/** Which function, which other one, and the parameter if it has one. */
function chooser(demo) {
  const { page } = demo;
  const activation = select(page, { label: "Activation", options: names, trait: "activation" });
  const compare = select(page, { label: "Compare with", options: [["none", "nothing"], ...names], trait: "compare" });
  const slope = slider(page, { label: "Slope below 0", min: 0, max: 1, step: 0.01, trait: "negative_slope" });
  const alpha = slider(page, { label: "α", min: 0.1, max: 2, step: 0.05, trait: "alpha" });
  const controls = [activation, compare, slope, alpha].map(({ element }) => element);
  demo.one = html("div", { class: "ac-one" }, html("div", { class: "ac-choose" }, ...controls));
  page.figure.append(demo.one);
  return () => {
    const used = [demo.fn.parameter, demo.second?.parameter];
    slope.element.hidden = !used.includes("negative_slope");
    alpha.element.hidden = !used.includes("alpha");
  };
}

const swatch = (name, text) => html("span", {}, html("i", { class: `ac-swatch ${name}` }), text);

/** A path through points in pixels; it is lifted before point i where lifted(i) says so. */
const line = (points, lifted = () => false) => points.map(([x, y], i) => `${i === 0 || lifted(i) ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`)
  .join("");
/** A handle: a wide target, the ring of the focus, a disc. */
const disc = (...sizes) => svg("g", {}, ...["ac-hit", "twice-ring", "ac-dot"].map((name, i) => svg("circle", { class: name, r: sizes[i] })));

/** f and f' over z, where they are flat, the tangent at a point to move, and the chosen layer's z and a along the edges. */
function functionPlot(demo) {
  const { page } = demo;
  const box = html("div", { class: "ac-function" });
  const legend = html("div", { class: "ac-legend" });
  demo.one.append(html("div", { class: "ac-left" }, legend, box));
  const plot = createPlot(page, { parent: box, x: VIEW, y: [-1.2, 1.2], xLabel: "z", yLabel: "f(z) and its slope f′(z)", aspect: 0.7,
    label: "The activation function and its slope", draw: () => demo.run && draw() });
  const bands = svg("g", {});
  const path = (name) => svg("path", { class: name });
  const [zs, as] = [path("ac-hist"), path("ac-hist")];
  const curves = ["ac-slope ac-second", "ac-value ac-second", "ac-slope", "ac-value"].map(path);
  const [tangent, drop] = [path("ac-tangent"), path("ac-drop")];
  const axis = path("ac-axis");
  plot.back.append(bands, zs, as, axis, ...curves, tangent, drop);
  const [changed, renewed] = [memory(), memory()];
  const dot = svg("circle", { class: "ac-dot-slope", r: 4.5 });
  const node = disc(22, 13, 7);
  const zName = svg("text", { class: "ac-name", "aria-hidden": "true" });
  plot.front.append(zName, dot, node);
  const move = (z, save) => page.set({ z: clamp(Number(z.toFixed(2)), ...VIEW) }, save);
  dragHandle(page, plot, node, { position: () => [page.get("z"), demo.fn.f(page.get("z"), demo.p)], onMove: ([z]) => move(z, false),
    onEnd: () => page.set({}) });
  plot.svg.addEventListener("click", (event) => {
    const z = plot.fromX(event.clientX - plot.svg.getBoundingClientRect().left);
    if (Math.abs(z) <= 6 && !event.target.closest(".twice-handle")) move(z, true);
  });
  const grid = Array.from({ length: 481 }, (_, i) => -6 + i / 40);
  const draw = () => {
    const { fn, second, p, run, layer } = demo;
    const [f, z] = [plot.frame, page.get("z")];
    const [right, bottom] = [f.left + f.width, f.top + f.height];
    const at = ([x, y]) => [plot.toX(x), plot.toY(y)];
    if (changed(...settingsOf(demo), plot.y, f.left, f.width, f.height)) {
      const band = ([a, b]) => ({ class: "ac-flat", x: plot.toX(a), y: f.top, width: plot.toX(b) - plot.toX(a), height: f.height });
      fill(bands, ...flatParts(fn, p).map((part) => svg("rect", band(part))));
      [second, fn].forEach((one, i) => {
        const slopes = one ? grid.map((v) => [v, slopeAt(one, v, p)]) : [];
        const jump = (k) => Math.abs(slopes[k][1] - slopes[k - 1][1]) > 0.1; // a corner of the function
        curves[2 * i].setAttribute("d", line(slopes.map(at), jump));
        curves[2 * i + 1].setAttribute("d", one ? line(grid.map((v) => at([v, one.f(v, p)]))) : "");
      });
      axis.setAttribute("d", `M${f.left} ${plot.toY(0)}H${right}M${plot.toX(0)} ${f.top}V${bottom}`);
    }
    const above = (share, i) => [f.left + (f.width * i) / BINS, bottom - 0.3 * f.height * share];
    const beside = (share, i) => [right - 0.16 * f.width * share, bottom - (f.height * i) / BINS];
    zs.setAttribute("d", steps(histogram(run.z[layer], VIEW, BINS), above));
    as.setAttribute("d", steps(histogram(run.a[layer], plot.y, BINS), beside));
    const [value, slope] = [fn.f(z, p), slopeAt(fn, z, p)];
    tangent.setAttribute("d", line([-1.6, 1.6].map((d) => at([z + d, value + slope * d]))));
    drop.setAttribute("d", `M${plot.toX(z)} ${plot.toY(0)}V${plot.toY(value)}`);
    make(dot, { cx: plot.toX(z), cy: plot.toY(slope) }, []);
    make(node, { transform: `translate(${at([z, value]).map((v) => v.toFixed(1)).join(" ")})`,
      "aria-label": `Point z = ${number(z)}: ${fn.name} is ${number(value, 3)}, its slope ${number(slope, 3)}. Arrow keys move it.` }, []);
    const [side, anchor] = z > 4.5 ? [-14, "end"] : [14, "start"];
    make(zName, { x: plot.toX(z) + side, y: plot.toY(value) + (slope < 0 ? -12 : 22), "text-anchor": anchor }, []);
    zName.textContent = `z = ${number(z)}`;
  };
  return () => {
    const { fn, second, p } = demo;
    plot.redraw();
    if (!renewed(...settingsOf(demo), demo.layer)) return;
    const heights = [fn, second].flatMap((one) => (one ? grid.flatMap((v) => [one.f(v, p), slopeAt(one, v, p)]) : []));
    const [low, high] = [Math.min(...heights), Math.max(...heights)];
    const space = 0.09 * (high - low);
    plot.setLimits(VIEW, [low - space, high + space].map((v) => Number(v.toFixed(3))));
    const lines = (one, name) => [swatch(`ac-value ${name}`, one.name), swatch(`ac-slope ${name}`, "its slope")];
    fill(legend, ...lines(fn, ""), ...(second ? lines(second, "ac-second") : []), swatch("ac-flat", "flat: |slope| < 0.05"),
      swatch("ac-hist", `layer ${demo.layer}: z below, f(z) at the right`));
  };
}

/** The outline of a histogram as a closed path along an edge; corner(share of the highest bin, index) gives pixels. */
function steps(counts, corner) {
  const top = Math.max(...counts);
  const points = counts.flatMap((count, i) => [corner(count / top, i), corner(count / top, i + 1)]);
  return `${line([corner(0, 0), ...points, corner(0, counts.length)])}Z`;
}

/** A table: the numbers at z, and what there is to know about the function, or about both. */
function facts(demo) {
  const { page, one } = demo;
  const table = html("div", { class: "ac-table", role: "table", "aria-label": "Facts about the function" });
  one.append(html("div", { class: "ac-facts" }, table, html("small", { class: "twice-hint" },
    "Mean: of f(z) for standard normal z. It saturates where it stays flat, with a slope below 0.05.")));
  const formula = (text) => html("span", {}, ...text.split(/\^\{(.*?)\}/).map((part, i) => (i % 2 ? html("sup", {}, part) : part)));
  const about = (fn) => {
    const [{ p }, z] = [demo, page.get("z")];
    const [height, where] = told(fn.steepest, p);
    const mean = average((v) => fn.f(v, p));
    return [formula(fn.formula), number(fn.f(z, p), 3), number(slopeAt(fn, z, p), 3), told(fn.range, p),
      Math.abs(mean) < 0.002 ? "yes" : `no: mean ${number(mean)}`, saturation(fn, p), `${show(height)}, ${where}`];
  };
  const changed = memory();
  return () => {
    if (!changed(...settingsOf(demo), page.get("z"))) return;
    const shown = [demo.fn, demo.second].filter(Boolean);
    const columns = shown.map(about);
    const z = number(page.get("z"));
    const titles = ["f(z)", `f(${z})`, `f′(${z})`, "range", "zero-centered", "saturates", "largest slope"];
    const cell = (role, ...content) => html("div", { role }, ...content);
    const head = shown.map((fn, i) => cell("columnheader", html("i", { class: `ac-swatch ac-value${i ? " ac-second" : ""}` }),
      html("span", {}, ...fn.name.split("_").flatMap((part, k) => (k ? ["_", html("wbr"), part] : [part])))));
    table.style.setProperty("--columns", shown.length);
    fill(table, html("div", { role: "row", class: "ac-head" }, cell("columnheader"), ...head),
      ...titles.map((title, i) => html("div", { role: "row" }, cell("rowheader", title), ...columns.map((column) => cell("cell", column[i])))));
  };
}

/** How the weights are drawn, how large, how many layers. */
function networkControls(demo) {
  const { page } = demo;
  const heading = html("div", { class: "ac-heading" });
  const options = Object.entries(INITIALIZERS).map(([name, [, , title]]) => [name, title]);
  const initializer = select(page, { label: "Initializer", options, trait: "initializer" });
  const layers = (count, words = "") => `${count} ${words}layer${count === 1 ? "" : "s"}`;
  const scale = slider(page, { label: "Weight scale", min: 0.1, max: 4, log: true, step: 0.004, trait: "scale",
    format: (v) => `× ${number(v, 3)}` });
  const depth = slider(page, { label: "Depth", min: 1, max: 50, step: 1, trait: "depth", format: (v) => layers(v) });
  page.figure.append(heading, html("div", { class: "ac-controls" }, initializer.element, scale.element, depth.element));
  return () => { heading.textContent = `A signal through ${layers(demo.depth, `${demo.fn.name} `)} of ${WIDTH} units`; };
}

/** The verdict in a word with two numbers, the sentences, the goal. */
function verdictLine(demo) {
  const { page } = demo;
  const word = html("strong", { class: "ac-word" });
  const numbers = html("span", { class: "twice-readout" });
  const spoken = html("p", { class: "ac-spoken", role: "status" });
  page.figure.append(html("div", { class: "ac-verdict" }, word, numbers));
  page.main.append(spoken);
  let wait = 0;
  page.onDispose(() => clearTimeout(wait));
  return () => {
    const { fn, run, judged, layer, depth } = demo;
    const text = explain(fn, run, judged, { showGradient: page.get("show_gradient") })
      + compareHint(fn, page.get("initializer"), demo.scale, judged);
    word.textContent = MARKS[judged.word];
    word.dataset.word = judged.word;
    numbers.textContent = `Layer ${layer}: standard deviation ${show(run.std[layer])}, mean ${number(run.mean[layer])}, `
      + `${percent(run.saturated[layer])} flat`;
    page.say(text, { quiet: true });
    const met = page.get("goal_met");
    const glorot = page.get("initializer").startsWith("glorot");
    const other = fn.name === "tanh" && depth === 50 && judged.word === "keeps" && !glorot;
    page.goal(met, met ? demo.found ?? "You found a scale at which 50 tanh layers keep their variance. “Theory” says why it works."
      : other && "Kept! The goal asks for the scale of Glorot’s weights, though: choose them and find it.");
    clearTimeout(wait);
    wait = setTimeout(() => { // it rests: sweeping across the right scale does not count
      spoken.textContent = `${judged.word}. ${text}`;
      if (!goalReached({ activation: fn.name, initializer: page.get("initializer"), depth }, demo.judged)) return;
      demo.found = `Glorot’s weights × ${number(demo.scale, 3)} kept ${percent(judged.measured)} of layer 10’s standard deviation, `
        + `with ${percent(judged.saturated)} saturated. “Theory” says why.`;
      page.goal(true, demo.found);
    }, 500);
  };
}

/** The x axis of both pictures of the network: whole layers, at least four of them wide. */
const layerAxis = (depth) => [0.5, Math.max(4, depth) + 0.5];

/** A click on a picture of the network chooses that layer. */
function chooseByClick(demo, plot) {
  plot.svg.addEventListener("click", (event) => {
    const layer = Math.round(plot.fromX(event.clientX - plot.svg.getBoundingClientRect().left));
    if (layer >= 1 && layer <= demo.depth && !event.target.closest(".twice-handle")) demo.page.set({ layer });
  });
}

/** One column per layer: the histogram of its activations, darker where there are more. */
function heat(demo) {
  const { page } = demo;
  demo.pictures = html("div", { class: "ac-pictures" });
  const box = html("div", {}, html("div", { class: "ac-legend" }, swatch("ac-dense", "darker: more of the layer’s activations")));
  demo.pictures.append(box);
  page.figure.append(demo.pictures);
  const plot = createPlot(page, { parent: box, x: [0.5, 50.5], y: SQUASHED, xLabel: "layer", yLabel: "activations", aspect: 0.66,
    label: "Histogram of the activations of every layer", draw: () => demo.run && draw() });
  plot.element.classList.add("ac-heat");
  const chosen = svg("rect", { class: "ac-chosen" });
  const outside = svg("text", { class: "ac-name", "text-anchor": "end" });
  plot.back.append(chosen);
  plot.front.append(outside);
  chooseByClick(demo, plot);
  const [columns, toned] = [html("canvas", {}), memory()];
  let rgb;
  const draw = () => {
    const { run, depth, fn, layer } = demo;
    const f = plot.frame;
    if (toned(page.root.dataset.tone)) rgb = [1, 3, 5].map((i) => parseInt(page.colors().class0.slice(i, i + 2), 16));
    Object.assign(columns, { width: depth, height: BINS });
    const ctx = columns.getContext("2d");
    const image = ctx.createImageData(depth, BINS);
    for (let l = 1; l <= depth; l++) {
      histogram(run.a[l], fn.shown, BINS).forEach((count, bin) => {
        const at = 4 * ((BINS - 1 - bin) * depth + l - 1);
        image.data.set(rgb, at);
        image.data[at + 3] = 255 * Math.min(1, Math.sqrt((8 * count) / run.a[l].length)); // full color: an eighth in one bin
      });
    }
    ctx.putImageData(image, 0, 0);
    plot.ctx.imageSmoothingEnabled = false;
    plot.ctx.drawImage(columns, plot.toX(0.5), f.top, plot.toX(depth + 0.5) - plot.toX(0.5), f.height);
    make(chosen, { x: plot.toX(layer - 0.5), y: f.top, width: plot.toX(1) - plot.toX(0), height: f.height }, []);
    const beyond = run.a[depth].reduce((sum, v) => sum + (v < fn.shown[0] || v > fn.shown[1]), 0) / run.a[depth].length;
    make(outside, { x: f.left + f.width - 6, y: f.top + 18 }, []);
    outside.textContent = beyond > 0.005 ? `layer ${depth}: ${percent(beyond)} out of view` : "";
  };
  return () => {
    plot.setLimits(layerAxis(demo.depth), demo.fn.shown);
    plot.redraw();
  };
}

/** The standard deviation of every layer, the gradient on its way back, and the theory, on a logarithmic axis. */
function curves(demo) {
  const { page } = demo;
  const legend = html("div", { class: "ac-legend" });
  const box = html("div", {}, legend);
  demo.pictures.append(box);
  const plot = createPlot(page, { parent: box, x: [0.5, 50.5], y: [0.01, 10], yLog: true, xLabel: "layer",
    yLabel: "size (log scale)", aspect: 0.66,
    label: "Standard deviation of the activations of every layer, on a logarithmic axis", draw: () => demo.run && draw() });
  const [theory, gradient, std] = ["ac-theory", "ac-slope", "ac-value"].map((name) => svg("path", { class: name }));
  const cursor = svg("path", { class: "ac-drop" });
  plot.back.append(cursor, gradient, std, theory);
  const changed = memory();
  const node = disc(20, 12, 6);
  plot.front.append(node);
  const move = (layer, save) => page.set({ layer: clamp(Math.round(layer), 1, demo.depth) }, save);
  dragHandle(page, plot, node, { position: () => [demo.layer, demo.run.std[demo.layer]], step: 1,
    onMove: ([x]) => move(x, false), onEnd: () => page.set({}),
    onKey: ({ key }) => (key === "Home" || key === "End") && (move(key === "Home" ? 1 : 50, true), true) });
  chooseByClick(demo, plot);
  const draw = () => {
    const { run, layer, depth } = demo;
    const f = plot.frame;
    const height = (v) => clamp(plot.toY(v), f.top - 50, f.top + f.height + 50);
    const curve = (values) => line(Array.from({ length: depth }, (_, i) => [plot.toX(i + 1), height(values[i + 1])]));
    std.setAttribute("d", curve(run.std));
    gradient.setAttribute("d", page.get("show_gradient") ? curve(run.gradient) : "");
    theory.setAttribute("d", page.get("show_theory") ? curve(theoryOf(demo).std) : "");
    cursor.setAttribute("d", `M${plot.toX(layer)} ${f.top}V${f.top + f.height}`);
    const y = clamp(height(run.std[layer]), f.top, f.top + f.height);
    make(node, { transform: `translate(${plot.toX(layer).toFixed(1)} ${y.toFixed(1)})`,
      "aria-label": `Layer ${layer} of ${depth}: standard deviation ${show(run.std[layer])}. Arrow keys choose another layer.` }, []);
  };
  return () => {
    const { run, depth } = demo;
    const [gradients, wide] = ["show_gradient", "show_theory"].map(page.get);
    const shown = [...run.std.slice(1), ...(gradients ? run.gradient.slice(1) : [])].filter((v) => v > 0);
    const decade = (v, round, by) => 10 ** (by * round(Math.log10(v) / by));
    const [low, high] = [Math.min(...shown, 0.02), Math.max(...shown, 5)];
    plot.setLimits(layerAxis(depth), [decade(low, Math.floor, low < 0.01 ? 4 : 2), decade(high, Math.ceil, high > 10 ? 3 : 1)]);
    if (changed(gradients, wide)) {
      fill(legend, swatch("ac-value", "standard deviation →"), gradients ? swatch("ac-slope", "gradient ←") : null,
        wide ? swatch("ac-theory", "theory") : null);
    }
    plot.redraw();
  };
}

/** Other weights, everything as it was, what else to show; the theory once the goal is met. */
function buttons(demo) {
  const { page } = demo;
  const again = button({ label: "New weights", primary: true, title: "The next seed",
    onClick: () => page.set({ seed: page.get("seed") + 1 }) });
  const reset = button({ label: "Reset", title: "Everything as it was at first; the seed stays", onClick: () => {
    demo.found = undefined;
    page.set({ ...DEFAULTS, goal_met: false });
  } });
  const gradient = checkbox(page, { label: "Gradient, backward", trait: "show_gradient" });
  const theory = checkbox(page, { label: "Theory", trait: "show_theory" });
  page.actions.append(again.element, reset.element, gradient.element, theory.element);
  const text = html("p", { class: "ac-theory-text" });
  page.main.append(text);
  return () => {
    theory.element.hidden = !page.get("goal_met") && !page.get("show_theory");
    text.hidden = !page.get("show_theory");
    if (!text.hidden) text.textContent = theoryText(demo.fn, demo.run, theoryOf(demo), demo.sigma);
  };
}

export default { render };
