/* playground.js: a small network that learns two classes in the plane, live, with every part in sight.
 * Above the line "The demo": pure functions, compared number by number with NumPy in tests/test_playground_demo.py. Below
 * it: what is drawn. Arrays are flat Float64Arrays, row after row; a kernel is (n_in, n_out), as in Keras. */

// ---- Data: two classes in the square [-3, 3] x [-3, 3], label 0 and 1 in turn ----

export const LIMITS = [-3, 3];
export const TEST_POINTS = 300;
const POINTS = { // (label, stream) -> [x1, x2], before the noise
  xor(label, { next }) {
    const [a, b] = [0.3 + 2.2 * next(), 0.3 + 2.2 * next()];
    const side = next() < 0.5 ? -1 : 1;
    return [side * a, (label ? -side : side) * b];
  },
  circle(label, { next }) {
    const radius = label ? 1.6 + 0.9 * next() : 1.2 * Math.sqrt(next());
    const angle = 2 * Math.PI * next();
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  },
  moons(label, { next }) {
    const angle = Math.PI * next();
    const [x, y] = [Math.cos(angle), Math.sin(angle)];
    return label ? [0.75 - 1.5 * x, 0.45 - 1.5 * y] : [1.5 * x - 0.75, 1.5 * y - 0.45];
  },
  blobs(label) { return label ? [1.1, 1.1] : [-1.1, -1.1]; },
  spirals(label, { next }) {
    const radius = 0.25 + 2.35 * next();
    const angle = Math.PI * (1.3 * radius + label); // one and a half turns
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  },
};
const BLUR = { blobs: 0.5 }; // blobs are noise alone: this much more of it

/** `count` points of the data set `name`, blurred by Gaussian noise: { x: (count, 2), y: (count,), count }. */
export function makeData(name, noise, count, seed) {
  const stream = seeded(seed);
  const size = noise + (BLUR[name] ?? 0);
  const [x, y] = [new Float64Array(2 * count), new Float64Array(count)];
  for (let i = 0; i < count; i++) {
    y[i] = i % 2;
    POINTS[name](y[i], stream).forEach((v, axis) => (x[2 * i + axis] = v + size * stream.normal()));
  }
  return { x, y, count };
}

/** The training and the test points of a setting: two streams, so that the test set never depends on the training set. */
export const makeSets = ({ data, noise, train, seed }) => ({
  train: makeData(data, noise, train, 10 * seed + 1),
  test: makeData(data, noise, TEST_POINTS, 10 * seed + 2),
});

// ---- The network: hidden layers of one activation, one sigmoid unit at the end ----

const logistic = (z) => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));
export const ACTIVATIONS = { // [f(z), f'(z) from z and a = f(z)]
  tanh: [Math.tanh, (z, a) => 1 - a * a],
  sigmoid: [logistic, (z, a) => a * (1 - a)],
  relu: [(z) => (z > 0 ? z : 0), (z) => (z > 0 ? 1 : 0)],
  silu: [(z) => z * logistic(z), (z, a) => { const s = logistic(z); return s + a * (1 - s); }],
  linear: [(z) => z, () => 1],
};

/** Kernels drawn as Keras draws them (Glorot and Bengio, 2010: uniform within sqrt(6 / (n_in + n_out))), biases 0. */
export function createNetwork(hidden, activation, seed) {
  const sizes = [2, ...hidden, 1];
  const total = sizes.slice(1).reduce((sum, n, k) => sum + (sizes[k] + 1) * n, 0);
  const [params, grads, first, second] = Array.from({ length: 4 }, () => new Float64Array(total));
  const { next } = seeded(10 * seed + 3);
  let at = 0;
  const layers = sizes.slice(1).map((nOut, k) => {
    const nIn = sizes[k];
    const [middle, end] = [at + nIn * nOut, at + (nIn + 1) * nOut];
    const bound = Math.sqrt(6 / (nIn + nOut));
    for (let i = at; i < middle; i++) params[i] = bound * (2 * next() - 1);
    const layer = { nIn, nOut, start: at, kernel: params.subarray(at, middle), bias: params.subarray(middle, end),
      kernelGrad: grads.subarray(at, middle), biasGrad: grads.subarray(middle, end) };
    at = end;
    return layer;
  });
  return { sizes, activation, layers, params, grads, first, second, steps: 0 };
}

/** Room for `count` rows: z and a of every layer, and, to learn, the gradient that comes back. Made once, used for every pass. */
export const workspace = (net, count, learns = false) => net.layers.map(({ nOut }) =>
  ({ z: new Float64Array(count * nOut), a: new Float64Array(count * nOut), delta: learns ? new Float64Array(count * nOut) : null }));

/** z = a W + b and a = f(z), layer by layer; the last layer's a is the probability of class 1. */
export function forward(net, space, x, count) {
  net.layers.forEach(({ nIn, nOut, kernel, bias }, k) => {
    const { z, a } = space[k];
    const input = k ? space[k - 1].a : x;
    const f = k < net.layers.length - 1 ? ACTIVATIONS[net.activation][0] : logistic;
    for (let row = 0; row < count; row++) {
      const [from, to] = [row * nIn, row * nOut];
      for (let j = 0; j < nOut; j++) z[to + j] = bias[j];
      for (let i = 0; i < nIn; i++) {
        const value = input[from + i];
        for (let j = 0; j < nOut; j++) z[to + j] += value * kernel[i * nOut + j];
      }
      for (let j = 0; j < nOut; j++) a[to + j] = f(z[to + j]);
    }
  });
  return space;
}

/** Mean binary cross-entropy and share of wrong answers, after forward(): from z, so that nothing overflows. */
export function judge(net, space, y, count) {
  const { z } = space.at(-1);
  let [loss, wrong] = [0, 0];
  for (let row = 0; row < count; row++) {
    loss += Math.max(z[row], 0) - z[row] * y[row] + Math.log1p(Math.exp(-Math.abs(z[row])));
    if (z[row] > 0 !== y[row] > 0.5) wrong += 1;
  }
  return { loss: loss / count, error: wrong / count };
}

/** l1 sum |w| + l2 sum w^2 over all kernels, as Keras adds them to the loss; biases go free. */
export function penalty(net, { l1, l2 }) {
  let sum = 0;
  for (const { kernel } of net.layers) for (const w of kernel) sum += l1 * Math.abs(w) + l2 * w * w;
  return sum;
}

/** The gradient of loss + penalty, written into net.grads, after forward(). */
export function backward(net, space, x, y, count, { l1, l2 }) {
  const last = net.layers.length - 1;
  for (let row = 0; row < count; row++) space[last].delta[row] = (space[last].a[row] - y[row]) / count;
  for (let k = last; k >= 0; k--) {
    const { nIn, nOut, kernel, kernelGrad, biasGrad } = net.layers[k];
    const { delta } = space[k];
    const below = k ? space[k - 1] : null;
    const input = k ? below.a : x;
    for (let i = 0; i < kernel.length; i++) kernelGrad[i] = 2 * l2 * kernel[i] + l1 * Math.sign(kernel[i]);
    biasGrad.fill(0);
    const slope = ACTIVATIONS[net.activation][1];
    for (let row = 0; row < count; row++) {
      const [from, to] = [row * nIn, row * nOut];
      for (let j = 0; j < nOut; j++) biasGrad[j] += delta[to + j];
      for (let i = 0; i < nIn; i++) {
        let back = 0;
        for (let j = 0; j < nOut; j++) {
          kernelGrad[i * nOut + j] += input[from + i] * delta[to + j];
          back += kernel[i * nOut + j] * delta[to + j];
        }
        if (below) below.delta[from + i] = back * slope(below.z[from + i], below.a[from + i]);
      }
    }
  }
}

/** One step: SGD with momentum (v <- momentum v - rate g, w <- w + v), or Adam (Kingma and Ba, 2015), as in Keras. */
export function update(net, { optimizer, learning_rate: rate, momentum }) {
  const { params, grads, first, second } = net;
  net.steps += 1;
  if (optimizer === "sgd") {
    for (let i = 0; i < params.length; i++) params[i] += first[i] = momentum * first[i] - rate * grads[i];
    return;
  }
  const pace = (rate * Math.sqrt(1 - 0.999 ** net.steps)) / (1 - 0.9 ** net.steps);
  for (let i = 0; i < params.length; i++) {
    first[i] += 0.1 * (grads[i] - first[i]);
    second[i] += 0.001 * (grads[i] * grads[i] - second[i]);
    params[i] -= (pace * first[i]) / (Math.sqrt(second[i]) + 1e-7);
  }
}

// ---- Training: mini-batch after mini-batch, the same run for the same seed at any speed ----

/** Everything a run holds. Its memory is fixed: the buffers are made here, the history thins itself. `weights` (pairs of
 *  kernel rows and bias, one per layer) take the place of the drawn ones if they fit. */
export function createRun(settings, weights = [], epochs = 0) {
  const sets = makeSets(settings);
  const net = createNetwork(settings.hidden, settings.activation, settings.seed);
  const given = weights.flat(Infinity);
  const loaded = given.length === net.params.length;
  if (loaded) net.params.set(given);
  const spaces = { train: workspace(net, sets.train.count), test: workspace(net, sets.test.count) };
  const run = { net, sets, spaces, epochs: loaded ? epochs : 0, at: 0, random: seeded(10 * settings.seed + 4), batch: null,
    history: { every: 1, rows: [] }, order: Uint32Array.from({ length: sets.train.count }, (_, i) => i) };
  record(run);
  return run;
}

/** The weights as plain lists, for Python: [[kernel rows, bias], ...]. */
export const weightsOf = (net) => net.layers.map(({ nIn, nOut, kernel, bias }) =>
  [Array.from({ length: nIn }, (_, i) => [...kernel.subarray(i * nOut, (i + 1) * nOut)]), [...bias]]);

/** Loss and error of the weights as they are: { train: { loss, error }, test: { loss, error } }. */
export const measure = ({ net, sets, spaces }) => Object.fromEntries(["train", "test"].map((part) => {
  const { x, y, count } = sets[part];
  return [part, judge(net, forward(net, spaces[part], x, count), y, count)];
}));

const MOST_ROWS = 400;

/** Keep the losses of this epoch; at 400 rows every other one goes, and from then on only every other epoch is kept. */
function record(run) {
  const { history, epochs } = run;
  if (epochs % history.every) return;
  const { train, test } = measure(run);
  history.rows.push([epochs, train.loss, test.loss, train.error, test.error]);
  if (history.rows.length < MOST_ROWS) return;
  history.every *= 2;
  history.rows = history.rows.filter(([epoch]) => epoch % history.every === 0);
}

/** One mini-batch: shuffle at the start of an epoch, forward, backward, update. True when it ends an epoch. */
export function trainBatch(run, settings) {
  const { net, sets: { train }, order, random } = run;
  const size = Math.min(settings.batch_size, train.count);
  if (run.batch?.size !== size) run.batch = { size, x: new Float64Array(2 * size), y: new Float64Array(size), space: workspace(net, size, true) };
  if (run.at === 0) {
    for (let i = train.count - 1; i > 0; i--) { // Fisher and Yates
      const j = random.integer(i + 1);
      [order[i], order[j]] = [order[j], order[i]];
    }
  }
  const { x, y, space } = run.batch;
  const count = Math.min(size, train.count - run.at);
  for (let row = 0; row < count; row++) {
    const from = order[run.at + row];
    x[2 * row] = train.x[2 * from];
    x[2 * row + 1] = train.x[2 * from + 1];
    y[row] = train.y[from];
  }
  forward(net, space, x, count);
  backward(net, space, x, y, count, settings);
  update(net, settings);
  run.at += count;
  if (run.at < train.count) return false;
  run.at = 0;
  run.epochs += 1;
  record(run);
  return true;
}

export function trainEpochs(run, settings, epochs) {
  for (const end = run.epochs + epochs; run.epochs < end;) trainBatch(run, settings);
  return run;
}

// ---- The link: #playground=data:spirals,layers:8-8,rate:0.03 ----

const between = (low, high, whole = false) => (text) => {
  const value = text === "" ? NaN : Number(text);
  return value >= low && value <= high && (!whole || Number.isInteger(value)) ? value : undefined;
};
const oneOf = (names) => (text) => (names.includes(text) ? text : undefined);
const layers = (text) => {
  if (text === "none") return [];
  const sizes = text.split("-").map(between(1, 8, true));
  return sizes.length <= 4 && !sizes.includes(undefined) ? sizes : undefined;
};
const plain = (value) => String(Number(value.toPrecision(6)));

/** Name in the link: [trait, read(text) -> value or undefined, what is allowed, write(value)]. */
export const LINK = {
  data: ["data", oneOf(Object.keys(POINTS)), Object.keys(POINTS).join(", ")],
  noise: ["noise", between(0, 1), "0 to 1", plain],
  train: ["train", between(20, 400, true), "20 to 400"],
  layers: ["hidden", layers, "none, or up to four numbers from 1 to 8, such as 8-4", (sizes) => sizes.join("-") || "none"],
  activation: ["activation", oneOf(Object.keys(ACTIVATIONS)), Object.keys(ACTIVATIONS).join(", ")],
  optimizer: ["optimizer", oneOf(["sgd", "adam"]), "sgd, adam"],
  rate: ["learning_rate", between(0.0001, 3), "0.0001 to 3", plain],
  momentum: ["momentum", between(0, 0.99), "0 to 0.99", plain],
  batch: ["batch_size", between(1, 400, true), "1 to 400"],
  l1: ["l1", between(0, 1), "0 to 1", plain],
  l2: ["l2", between(0, 1), "0 to 1", plain],
  seed: ["seed", between(0, 9999, true), "0 to 9999"],
};
export const SETTINGS = Object.values(LINK).map(([trait]) => trait);

export const writeLink = (settings) =>
  `#playground=${Object.entries(LINK).map(([name, [trait, , , write = String]]) => `${name}:${write(settings[trait])}`).join(",")}`;

/** null if it is no such link; else { settings: what it names and what is valid, problems: a sentence for each of the rest }. */
export function readLink(hash) {
  let text = hash;
  try { text = decodeURIComponent(hash); } catch { /* a stray % : read it as it is */ }
  if (!text.startsWith("#playground=")) return null;
  const [settings, problems] = [{}, []];
  for (const part of text.slice(12).split(",").map((piece) => piece.trim()).filter(Boolean)) {
    const [name, ...rest] = part.split(":");
    const [key, value] = [name.trim().toLowerCase(), rest.join(":").trim().toLowerCase()];
    const known = Object.hasOwn(LINK, key) ? LINK[key] : null;
    const read = known?.[1](value);
    if (!known) problems.push(`“${name}” is no setting.`);
    else if (read === undefined) problems.push(`“${part}” does not fit: ${key} can be ${known[2]}.`);
    else settings[known[0]] = read;
  }
  return { settings, problems };
}

// ---- Words ----

const percent = (share) => `${number(100 * share, 1)}\u00a0%`;
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
const loss = (value) => number(value, value < 0.0995 ? 3 : 2);

/** Hidden relu units that give 0 for every training point, after measure(). */
export function deadUnits({ net, spaces, sets }) {
  if (net.activation !== "relu") return 0;
  return net.layers.slice(0, -1).reduce((dead, { nOut }, k) => {
    const { a } = spaces.train[k];
    const silent = (j) => { for (let row = 0; row < sets.train.count; row++) if (a[row * nOut + j] > 0) return false; return true; };
    return dead + Array.from({ length: nOut }, (_, j) => j).filter(silent).length;
  }, 0);
}

/** What happened, in one to three sentences, from what was measured. */
export function explain(settings, run, now) {
  const { epochs, history: { rows }, net } = run;
  const { train, test } = now;
  const dead = deadUnits(run);
  const units = net.sizes.slice(1, -1).reduce((sum, n) => sum + n, 0);
  const tail = dead ? ` ${dead} of ${plural(units, "unit")} ${dead === 1 ? "is" : "are"} dead: a negative input to relu at every training point, so no gradient.` : "";
  if (!Number.isFinite(train.loss)) return "The loss is no longer a number: the steps were too large and the weights overflowed. Lower the learning rate, then press Reset.";
  const score = `${percent(train.error)} of the training points and ${percent(test.error)} of the test points are wrong`;
  if (epochs === 0) return `The weights are still random: ${score}. Press Run.`;
  const after = `after ${plural(epochs, "epoch")}`;
  if (!settings.hidden.length || settings.activation === "linear") {
    const why = settings.hidden.length ? "Linear layers, stacked, are one linear map: the network still draws one straight line."
      : "A network without a hidden layer draws one straight line.";
    return test.error < 0.05 ? `${why} For these points a line is enough: ${score}.` : `${why} After ${after.slice(6)}, ${score}.`;
  }
  const largest = net.layers.reduce((most, { kernel }) => kernel.reduce((m, w) => Math.max(m, Math.abs(w)), most), 0);
  if (settings.l1 + settings.l2 > 0 && largest < 0.05) {
    return `The penalty has won: the largest weight is ${number(largest, 4)}, so the network says nearly the same everywhere. Lower L1 or L2.`;
  }
  if (Math.abs(train.loss - Math.LN2) < 0.015 && train.error > 0.35) {
    const slow = settings.activation === "sigmoid" && settings.hidden.length > 1
      ? " Stacked sigmoids start slowly: the slope of each is at most 1/4, so the first layer sees little of the gradient." : "";
    return `Train loss is ${loss(train.loss)} ${after}; guessing half and half costs ln 2 = 0.69. It has learned almost nothing so far.${slow}${tail}`;
  }
  const best = rows.reduce((low, row) => (row[2] < low[2] ? row : low));
  const drop = rows.length > 20 ? rows[Math.floor(rows.length * 0.6)] : null;
  if (test.loss > 1.25 * best[2] + 0.03 && train.loss < best[1]) {
    const well = test.error < 0.05 ? ` Still, only ${percent(test.error)} of the test points are wrong: it gets surer of its few mistakes.` : ` Now ${score}.`;
    return `Overfitting: since epoch ${best[0]}, train loss fell from ${loss(best[1])} to ${loss(train.loss)} while test loss rose from ${loss(best[2])} to ${loss(test.loss)}.${well}${tail}`;
  }
  if (test.error < 0.05) return `It has learned the pattern: ${after}, ${score} (${Math.round(test.error * run.sets.test.count)} of ${run.sets.test.count}).${tail}`;
  const recent = rows.slice(-24);
  const jumps = recent.filter((row, i) => i && row[1] > 1.15 * recent[i - 1][1]).length;
  if (rows.length > 24 && jumps >= 5) {
    return `The train loss jumps: it rose by more than 15 % between ${jumps} of the last 23 measurements. The steps are large; try a lower rate. ${score}.${tail}`;
  }
  if (drop && train.error > 0.05 && train.loss > 0.97 * drop[1]) {
    const why = settings.l1 + settings.l2 > 0 ? `The penalty keeps the weights small: the largest is ${number(largest)}.`
      : "Too few units, a plateau that more epochs may cross, or classes that overlap.";
    return `Train loss has hardly moved since epoch ${drop[0]}: ${loss(drop[1])} then, ${loss(train.loss)} now. ${why} ${score}.${tail}`;
  }
  const [from, to, time] = [loss(rows[0][1]), loss(train.loss), plural(epochs - rows[0][0], "epoch")];
  const falls = from !== to && train.loss < rows[0][1];
  return `${falls ? `It is learning: train loss fell from ${from} to ${to} in ${time}` : `Train loss was ${from} at the start and is ${to} after ${time}`}. ${score}.${tail}`;
}

/** The goal, met by training alone: at most this share of the 300 test points of the spirals wrong. */
export const goalReached = (settings, epochs, { test }) => settings.data === "spirals" && epochs > 0 && test.error < 0.05;

/** Where the values of a grid (size x size, row after row) cross `level`: segments x0, y0, x1, y1, ... in cells. */
export function crossings(values, size, stride, offset, level) {
  const found = [];
  const at = (i, j) => values[(j * size + i) * stride + offset] - level;
  for (let j = 0; j + 1 < size; j++) {
    for (let i = 0; i + 1 < size; i++) {
      const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]];
      const heights = [at(i, j), at(i + 1, j), at(i + 1, j + 1), at(i, j + 1)];
      const above = heights.filter((h) => h > 0).length;
      if (above === 0 || above === 4) continue;
      for (let c = 0; c < 4; c++) {
        const [a, b] = [heights[c], heights[(c + 1) % 4]];
        if (a > 0 === b > 0) continue;
        const t = a / (a - b);
        found.push(corners[c][0] + t * (corners[(c + 1) % 4][0] - corners[c][0]), corners[c][1] + t * (corners[(c + 1) % 4][1] - corners[c][1]));
      }
    }
  }
  return found;
}

// ==== The demo ==========================================================================================

const GRID = 44; // cells along each side of a unit's picture
const SPEEDS = { slow: 5, medium: 60, fast: null }; // epochs a second; null: as many as fit
const BUDGET = 8; // milliseconds of training in a frame
const FRESH = "data noise train hidden activation seed"; // another value of these begins a new run
const HEIGHT = 316; // of the diagram, whatever the network: nothing below it moves
const TITLES = { xor: "xor", circle: "circle and ring", moons: "moons", blobs: "two blobs", spirals: "spirals" };
const ladder = (low, high) => [1, 3].flatMap((k) => [-4, -3, -2, -1, 0].map((p) => Number(`${k}e${p}`)))
  .filter((v) => v >= low && v <= high).sort((a, b) => a - b);

/** The middle of every cell of the plane's grid, row after row from the top; (GRID * GRID, 2). */
const CELL = (LIMITS[1] - LIMITS[0]) / GRID;
const CELLS = Float64Array.from({ length: 2 * GRID * GRID }, (_, k) => {
  const cell = k >> 1;
  return k % 2 ? LIMITS[1] - (Math.floor(cell / GRID) + 0.5) * CELL : LIMITS[0] + ((cell % GRID) + 0.5) * CELL;
});

function render({ model, el }) {
  const page = createPage({ model, el, title: "The network playground" });
  const demo = { page, settings: {}, mine: false };
  const keep = (values) => { demo.mine = true; page.set(values); demo.mine = false; };
  const readSettings = () => { for (const name of SETTINGS) demo.settings[name] = page.get(name); };
  demo.fresh = () => keep({ weights: [], epochs: 0 });
  demo.store = () => {
    const { net, epochs } = demo.run;
    keep({ epochs, weights: net.params.every(Number.isFinite) ? weightsOf(net) : [] });
  };
  /** A new run, from the seed or from given weights. */
  demo.begin = (weights = [], epochs = 0) => {
    readSettings();
    demo.run = createRun(demo.settings, weights, epochs);
    demo.cells = workspace(demo.run.net, GRID * GRID);
    demo.units = unitsOf(demo.run.net);
    demo.show();
  };
  /** The unit in the large map; one that is gone gives way to the output. */
  demo.chosen = () => demo.units.find(({ key }) => key === page.get("unit")) ?? demo.units.at(-1);
  /** Read the theme, measure, and paint the units' pictures, once for all parts that are drawn. */
  demo.look = () => {
    if (!demo.stale) return;
    demo.stale = false;
    const from = performance.now();
    const style = getComputedStyle(page.root);
    demo.colors = { ...page.colors(), font: style.fontFamily };
    for (const kind of ["negative", "positive"]) demo.colors[kind] = style.getPropertyValue(`--pg-${kind}`);
    demo.now = measure(demo.run);
    forward(demo.run.net, demo.cells, CELLS, GRID * GRID);
    demo.paintTiles();
    demo.cost = performance.now() - from;
  };
  demo.show = () => { demo.stale = true; for (const part of parts) part(); };
  const parts = [];
  demo.paintTiles = tiles(demo);
  const link = address(demo, el);
  parts.push(...[runControls, map, diagram, curves, words].map((part) => part(demo)), settingsPanel(demo, link));
  page.watch(FRESH, () => demo.begin());
  page.watch("weights epochs", () => { if (!demo.mine) demo.begin(page.get("weights"), page.get("epochs")); });
  page.watch("learning_rate momentum batch_size l1 l2", () => { readSettings(); demo.show(); });
  page.watch("optimizer", () => {
    for (const memory of [demo.run.net.first, demo.run.net.second]) memory.fill(0);
    demo.run.net.steps = 0;
    readSettings();
    demo.show();
  });
  page.watch("unit show_test goal_met", () => demo.show());
  demo.begin(page.get("weights"), page.get("epochs"));
  link.open();
  return page.dispose;
}

/** The inputs, every hidden unit, the output: where its values lie, and its names. */
function unitsOf(net) {
  const units = ["first", "second"].map((which, index) => ({ key: `x${index + 1}`, column: 0, index, name: `Input x${"₁₂"[index]}`,
    formula: () => `the ${which} coordinate of a point, as it is` }));
  const last = net.layers.length - 1;
  net.layers.forEach(({ nIn, nOut, kernel, bias }, k) => {
    const before = k ? "a" : "x";
    for (let index = 0; index < nOut; index++) {
      const formula = () => {
        const terms = Array.from({ length: nIn }, (_, i) => [kernel[i * nOut + index], ` ${before}${"₁₂₃₄₅₆₇₈"[i]}`]);
        const sum = [...terms, [bias[index], ""]].map(([w, text], i) =>
          `${i ? (w < 0 ? " − " : " + ") : w < 0 ? "−" : ""}${number(Math.abs(w))}${text}`).join("");
        const f = k === last ? "sigmoid" : net.activation;
        return f === "linear" ? sum : `${f}(${sum})`;
      };
      units.push({ key: k === last ? "output" : `${k + 1}.${index + 1}`, column: k + 1, index, formula,
        name: k === last ? "Output" : `Layer ${k + 1}, unit ${index + 1}` });
    }
  });
  return units;
}

/** Every unit's picture over the plane, GRID x GRID pixels on a canvas of its own: blue below the middle, orange above. */
function tiles(demo) {
  const canvases = []; // one for each unit of the largest network so far: 35 at most
  const image = new ImageData(GRID, GRID);
  const pixels = new Uint32Array(image.data.buffer);
  const shades = new Uint32Array(255);
  let painted = "";
  demo.tile = (unit) => canvases[demo.units.indexOf(unit)];
  /** { values, stride, offset } of a unit's a, or of its z, which is 0 on its boundary. */
  demo.valuesOf = ({ column, index }, what) => ({ offset: index,
    values: column ? demo.cells[column - 1][what] : CELLS, stride: column ? demo.run.net.layers[column - 1].nOut : 2 });
  return () => {
    const { colors } = demo;
    if (painted !== colors.surface) {
      painted = colors.surface;
      const [blue, middle, orange] = [colors.class0, colors.surface, colors.class1].map((c) => [1, 3, 5].map((i) => parseInt(c.slice(i, i + 2), 16)));
      for (let s = 0; s < 255; s++) {
        const [end, share] = [s < 127 ? blue : orange, 0.72 * Math.abs(s / 127 - 1) ** 0.8];
        const [r, g, b] = middle.map((m, i) => Math.round(m + share * (end[i] - m)));
        shades[s] = (255 << 24) | (b << 16) | (g << 8) | r;
      }
    }
    const { activation } = demo.run.net;
    demo.units.forEach((unit, number) => {
      const { values, stride, offset } = demo.valuesOf(unit, "a");
      const half = unit.key === "output" || (unit.column && activation === "sigmoid") ? 0.5 : 0;
      let size = half || 1;
      if (!half && !(unit.column && activation === "tanh")) {
        size = 1e-9;
        for (let k = offset; k < values.length; k += stride) size = Math.max(size, Math.abs(values[k]));
      }
      for (let cell = 0, k = offset; cell < pixels.length; cell++, k += stride) {
        pixels[cell] = shades[Math.round(127 + (127 * (values[k] - half)) / size)] ?? shades[127];
      }
      canvases[number] ??= html("canvas", { width: GRID, height: GRID });
      canvases[number].getContext("2d").putImageData(image, 0, 0);
    });
  };
}

/** Run, step, reset; the loop that trains; the numbers. */
function runControls(demo) {
  const { page } = demo;
  let [owed, shown] = [0, 0];
  const loop = animation(page, (seconds) => {
    const { run, settings } = demo;
    const from = performance.now();
    const batches = Math.ceil(run.sets.train.count / settings.batch_size);
    const pace = SPEEDS[page.get("speed")];
    owed = pace ? owed + seconds * pace * batches : Infinity;
    while (owed >= 1 && performance.now() - from < BUDGET) { trainBatch(run, settings); owed -= 1; }
    if (owed > batches) owed = 0; // this machine is slower than that
    // Draw at most a third of the time; for who wants calm, twice a second.
    if (from - shown > (page.calm() ? 500 : 3 * (demo.cost ?? 0))) { shown = from; demo.show(); }
    if (Number.isFinite(run.net.params[0])) return true;
    page.set({ running: false });
    return false;
  });
  const toggle = () => {
    if (page.get("running")) { owed = shown = 0; loop.start(); } else { loop.stop(); demo.store(); }
    demo.show();
  };
  const pause = () => { if (page.get("running")) page.set({ running: false }); };
  const run = button({ label: "▶ Run", primary: true, onClick: () => page.set({ running: !page.get("running") }) });
  const step = button({ label: "Step", title: "One epoch: every training point once", onClick: () => {
    pause();
    trainEpochs(demo.run, demo.settings, 1);
    demo.store();
    demo.show();
  } });
  const reset = button({ label: "Reset", title: "Back to the random weights of this seed", onClick: () => { pause(); demo.fresh(); demo.begin(); } });
  const data = select(page, { label: "Data", trait: "data", options: Object.entries(TITLES), onInput: demo.fresh });
  page.figure.append(html("div", { class: "twice-row pg-run" }, run.element, step.element, reset.element, data.element));
  page.watch("running", toggle);
  if (page.get("running")) loop.start();
  return () => {
    run.value = page.get("running") ? "❚❚ Pause" : "▶ Run";
  };
}

/** The large map of one unit with the points over it, and the numbers beside it. */
function map(demo) {
  const { page } = demo;
  const [caption, key, box] = [html("div", { class: "pg-caption" }), html("div", { class: "twice-hint" }), html("div", { class: "pg-map" })];
  const score = ([name, kind]) => {
    const value = html("dd");
    return [html("div", { class: `pg-${kind}` }, html("dt", {}, name), value), value];
  };
  const names = [["Epoch", "epoch"], ["Train error", "train"], ["Test error", "test"], ["Train loss", "train"], ["Test loss", "test"]];
  const scores = names.map(score);
  const mark = (label, test) => svg("svg", { width: 16, height: 16, viewBox: "-8 -8 16 16", class: `pg-mark${test ? " pg-hollow" : ""}`, "aria-hidden": "true" },
    label ? svg("rect", { x: -4.5, y: -4.5, width: 9, height: 9, class: "pg-class1" }) : svg("circle", { r: 5, class: "pg-class0" }));
  const legend = html("ul", { class: "pg-legend", "aria-label": "Key to the points" }, ...[[0, 0], [1, 0], [0, 1], [1, 1]].map(([label, test]) =>
    html("li", { class: test ? "pg-tested" : null }, mark(label, test), `class ${label}, ${test ? "test" : "train"}`)));
  box.append(caption);
  const plot = createPlot(page, { parent: box, x: LIMITS, y: LIMITS, xLabel: "x₁", yLabel: "x₂", equal: true,
    label: "The plane with the points, colored by the unit shown", draw: () => demo.run && draw() });
  box.append(key);
  page.figure.append(html("div", { class: "pg-top" }, box,
    html("div", { class: "pg-side" }, html("dl", { class: "pg-scores" }, ...scores.map(([element]) => element)), legend)));
  const points = html("canvas");
  let drawn = [];
  const draw = () => {
    demo.look();
    const [{ ctx, frame: f }, unit, { colors }] = [plot, demo.chosen(), demo];
    ctx.imageSmoothingEnabled = true;
    ctx.globalAlpha = 0.72; // paler than the small pictures: here the points are to stand out
    ctx.drawImage(demo.tile(unit), f.left, f.top, f.width, f.height);
    ctx.globalAlpha = 1;
    const { values, stride, offset } = demo.valuesOf(unit, "z");
    const line = crossings(values, GRID, stride, offset, 0);
    ctx.beginPath();
    for (let k = 0; k < line.length; k += 4) {
      for (const [i, go] of [[0, "moveTo"], [2, "lineTo"]]) ctx[go](f.left + ((line[k + i] + 0.5) / GRID) * f.width, f.top + ((line[k + i + 1] + 0.5) / GRID) * f.height);
    }
    Object.assign(ctx, { strokeStyle: colors.ink, lineWidth: 2, lineCap: "round" });
    ctx.stroke();
    const wanted = [demo.run.sets.train.x, plot.canvas.width, colors.surface, page.get("show_test")];
    if (wanted.some((v, i) => v !== drawn[i])) drawPoints((drawn = wanted), colors);
    ctx.drawImage(points, f.left, f.top, f.width, f.height);
    const { epochs } = demo.run;
    const { train, test } = demo.now;
    const texts = [String(epochs), percent(train.error), percent(test.error), number(train.loss, 3), number(test.loss, 3)];
    scores.forEach(([, value], i) => { if (value.textContent !== texts[i]) value.textContent = texts[i]; });
  };
  /** Training points filled, test points hollow; on a canvas of their own, drawn again only when they change. */
  function drawPoints([, , , showTest], colors) {
    Object.assign(points, { width: plot.canvas.width, height: plot.canvas.height });
    const ctx = points.getContext("2d");
    const { frame: f } = plot;
    const ratio = points.width / f.width;
    ctx.setTransform(ratio, 0, 0, ratio, -f.left * ratio, -f.top * ratio);
    const size = f.width < 280 ? 2.6 : 3.2;
    for (const part of showTest ? ["test", "train"] : ["train"]) {
      const { x, count } = demo.run.sets[part];
      for (const label of [0, 1]) {
        ctx.beginPath();
        for (let i = label; i < count; i += 2) {
          const [px, py] = [plot.toX(x[2 * i]), plot.toY(x[2 * i + 1])];
          if (label) ctx.rect(px - size, py - size, 2 * size, 2 * size);
          else { ctx.moveTo(px + size + 0.4, py); ctx.arc(px, py, size + 0.4, 0, 2 * Math.PI); }
        }
        const [color, filled] = [label ? colors.class1 : colors.class0, part === "train"];
        Object.assign(ctx, { fillStyle: filled ? color : colors.surface, strokeStyle: filled ? colors.surface : color, lineWidth: filled ? 1 : 1.5 });
        ctx.fill();
        ctx.stroke();
      }
    }
  }
  return () => {
    const unit = demo.chosen();
    const [hidden, sigmoid] = [unit.column && unit.key !== "output", demo.settings.activation === "sigmoid"];
    caption.textContent = unit.key === "output" ? "Output: probability of class 1" : `${unit.name}: its value`;
    key.textContent = unit.key === "output" ? "Blue: class 0. Orange: class 1. Dark line: 50 %."
      : hidden && sigmoid ? "Blue: below ½. Orange: above ½. Dark line: exactly ½." : "Blue: negative. Orange: positive. Dark line: 0.";
    legend.classList.toggle("pg-untested", !page.get("show_test"));
    plot.redraw();
  };
}

/** The network: every unit its own picture, every connection its weight. Radio buttons choose the unit of the large map. */
function diagram(demo) {
  const { page } = demo;
  const [canvas, formula] = [html("canvas", { "aria-hidden": "true" }), html("p", { class: "pg-formula" })];
  const [group, inner] = [html("div", { class: "pg-units", role: "radiogroup", "aria-label": "Unit in the large map" }), html("div", { class: "pg-inner" })];
  inner.append(canvas, group);
  const box = html("div", { class: "pg-net" }, inner);
  const key = html("ul", { class: "pg-legend", "aria-label": "Key to the connections" }, ...[["positive", "positive weight"], ["negative", "negative weight"]].map(([kind, text]) =>
    html("li", {}, svg("svg", { width: 34, height: 12, "aria-hidden": "true" }, svg("path", { class: `pg-${kind}`, d: "M1 6H33" })), text)),
    html("li", {}, "thicker: larger"), html("li", {}, "click a unit to see it large"));
  page.main.append(html("div", {}, box, key, formula)); // below the sentence, which belongs to the map
  const family = `twice-units-${nextId()}`;
  let [places, built, size, room] = [[], "", 0, 0];
  const ctx = canvas.getContext("2d");

  function layout() {
    const { net } = demo.run;
    const shape = `${net.sizes}|${room}|${globalThis.devicePixelRatio}`;
    if (built === shape || !room) return;
    built = shape;
    const columns = net.sizes.length;
    const width = Math.max(room, 72 * columns);
    const most = Math.max(...net.sizes);
    const top = 26;
    size = Math.floor(clamp(Math.min(0.84 * ((HEIGHT - top) / most), (0.52 * width) / (columns - 1)), 30, 88));
    const pitch = Math.min((HEIGHT - top) / most, 1.6 * size);
    const gap = (width - size - 12) / (columns - 1);
    places = demo.units.map(({ column, index }) => [6 + size / 2 + column * gap, top + (HEIGHT - top) / 2 + (index - (net.sizes[column] - 1) / 2) * pitch]);
    const ratio = globalThis.devicePixelRatio || 1;
    Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(HEIGHT * ratio) });
    inner.style.width = `${width}px`;
    inner.style.height = `${HEIGHT}px`;
    fill(group, ...demo.units.map(({ key: value, name }, i) => html("label", { class: "twice-handle pg-unit", title: name,
      style: `left:${places[i][0] - size / 2}px;top:${places[i][1] - size / 2}px;width:${size}px;height:${size}px` },
      html("input", { type: "radio", name: family, value, "aria-label": name, oninput: () => page.set({ unit: value }) }))));
  }
  function draw() {
    if (!demo.run) return;
    layout();
    if (!places.length) return;
    demo.look();
    const { units, run: { net } } = demo;
    const [{ colors }, chosen, ratio] = [demo, demo.chosen(), globalThis.devicePixelRatio || 1];
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.clearRect(0, 0, canvas.width, canvas.height);
    const at = (column, index) => places[units.findIndex((u) => u.column === column && u.index === index)];
    net.layers.forEach(({ nIn, nOut, kernel }, k) => {
      const [from, to] = [Array.from({ length: nIn }, (_, i) => at(k, i)), Array.from({ length: nOut }, (_, j) => at(k + 1, j))];
      kernel.forEach((w, n) => {
        const [a, b] = [from[Math.floor(n / nOut)], to[n % nOut]];
        const mine = chosen.key === "output" || (chosen.column === k + 1 && chosen.index === n % nOut);
        const middle = (a[0] + b[0]) / 2;
        ctx.beginPath();
        ctx.moveTo(a[0] + size / 2, a[1]);
        ctx.bezierCurveTo(middle, a[1], middle, b[1], b[0] - size / 2, b[1]);
        ctx.setLineDash(w < 0 ? [5, 4] : []);
        Object.assign(ctx, { strokeStyle: w < 0 ? colors.negative : colors.positive, lineWidth: clamp(1.4 * Math.abs(w), 0.4, 7), globalAlpha: mine ? 0.95 : 0.3 });
        ctx.stroke();
      });
    });
    Object.assign(ctx, { globalAlpha: 1, fillStyle: colors.muted, textAlign: "center", font: `13px ${colors.font}` });
    ctx.setLineDash([]);
    units.forEach((unit, i) => {
      const [x, y] = [places[i][0] - size / 2, places[i][1] - size / 2];
      ctx.drawImage(demo.tile(unit), x, y, size, size);
      if (unit.index) return;
      const last = unit.key === "output";
      Object.assign(ctx, { textAlign: last ? "right" : unit.column ? "center" : "left" });
      ctx.fillText(last ? "output" : unit.column ? `layer ${unit.column}` : "inputs", last ? x + size : unit.column ? x + size / 2 : x, 14);
    });
    const text = `${chosen.name} = ${chosen.formula()}`;
    if (formula.textContent !== text) formula.textContent = text;
    formula.setAttribute("aria-live", page.get("running") ? "off" : "polite");
    const radio = group.querySelector(`[value="${chosen.key}"]`);
    if (!radio.checked) radio.checked = true;
  }
  const redraw = frame(page, draw);
  const observer = new ResizeObserver(() => { room = box.clientWidth; redraw(); });
  observer.observe(box);
  page.onDispose(() => observer.disconnect());
  page.themed.add(() => demo.show());
  return redraw;
}

/** Train and test loss, epoch by epoch. */
function curves(demo) {
  const { page } = demo;
  const box = html("div", { class: "pg-curve" });
  const key = html("ul", { class: "pg-legend", "aria-label": "Key to the curves" }, ...["train", "test"].map((part) =>
    html("li", {}, svg("svg", { width: 30, height: 12, "aria-hidden": "true" }, svg("path", { class: `pg-line-${part}`, d: "M1 6H29" })), `${part} loss`)));
  page.panel.append(box);
  const plot = createPlot(page, { parent: box, x: [0, 10], y: [0, 1], xLabel: "epoch", yLabel: "loss (cross-entropy)", aspect: 0.62,
    label: "Train and test loss after every epoch", draw: () => demo.run && draw() });
  box.append(key);
  const draw = () => {
    demo.look();
    const [{ ctx, frame: f }, { colors, run: { history: { rows } } }] = [plot, demo];
    for (const [column, color, dash] of [[1, colors.curve, []], [2, colors.path, [7, 5]]]) {
      ctx.beginPath();
      for (const row of rows) if (Number.isFinite(row[column])) ctx.lineTo(plot.toX(row[0]), clamp(plot.toY(row[column]), f.top - 9, f.top + f.height));
      Object.assign(ctx, { strokeStyle: color, fillStyle: color, lineWidth: 2.25, lineJoin: "round" });
      ctx.setLineDash(dash);
      ctx.stroke();
      ctx.setLineDash([]);
      if (rows.length > 1 || !Number.isFinite(rows[0][column])) continue;
      ctx.beginPath();
      ctx.arc(plot.toX(rows[0][0]) + 3, plot.toY(rows[0][column]), 4, 0, 2 * Math.PI);
      ctx.fill();
    }
  };
  return () => {
    const { epochs, history: { rows } } = demo.run;
    const round = (v) => { const p = 10 ** Math.floor(Math.log10(v)); return p * [1, 2, 5, 10].find((k) => k * p >= v); };
    const most = rows.reduce((top, row) => Math.max(top, ...row.slice(1, 3).filter(Number.isFinite)), 0.1);
    plot.setLimits([rows[0][0], rows[0][0] + round(Math.max(10, epochs - rows[0][0]))], [0, round(Math.min(most, 5))]);
    plot.redraw();
  };
}

/** The sentence below the picture, and the goal. */
function words(demo) {
  const { page } = demo;
  let record = "";
  const tell = () => {
    if (!demo.run) return;
    demo.look();
    const { run, settings, now } = demo;
    page.say(explain(settings, run, now), { quiet: page.get("running") });
    if (goalReached(settings, run.epochs, now) && !record) {
      const wrong = Math.round(now.test.error * run.sets.test.count);
      record = `${wrong} of ${run.sets.test.count} test points wrong, ${percent(now.test.error)}, after ${plural(run.epochs, "epoch")} ` +
        `with ${plural(settings.hidden.length, "hidden layer")} of ${settings.hidden.join(" and ")} ${settings.activation} units.`;
      page.goal(true, record);
    } else page.goal(page.get("goal_met"), page.get("goal_met") ? record : "");
  };
  return frame(page, tell);
}

/** What can be set. */
function settingsPanel(demo, link) {
  const { page } = demo;
  const group = (legend, ...controls) => page.panel.append(html("fieldset", { class: "pg-group" }, html("legend", {}, legend), ...controls.map(({ element }) => element)));
  const onInput = demo.fresh;
  const short = (v) => (v ? plain(v) : "0");
  /** A slider over a list of values; one between them, from Python or a link, is shown as it is. */
  const stops = (label, trait, values, format = short) => {
    const place = () => { const v = page.get(trait); const i = values.findIndex((s) => s >= v); return i < 0 ? values.length - 1 : values[i] === v ? i : i - 0.5; };
    const control = slider(page, { label, min: 0, max: values.length - 1, step: 1, value: place(), format: () => format(page.get(trait)),
      onInput: (i) => page.set({ [trait]: values[Math.round(i)] }) });
    page.watch(trait, () => (control.value = place()));
    return control;
  };
  const noise = slider(page, { label: "Noise", min: 0, max: 1, step: 0.05, trait: "noise", onInput });
  const train = slider(page, { label: "Training points", min: 20, max: 400, step: 20, format: String, trait: "train", onInput });
  const test = checkbox(page, { label: `Show the ${TEST_POINTS} test points`, trait: "show_test" });
  group("Points", noise, train, test);

  const resize = (hidden) => { page.set({ hidden }, false); demo.fresh(); };
  const count = slider(page, { label: "Hidden layers", min: 0, max: 4, step: 1, format: String, value: page.get("hidden").length,
    onInput: (n) => { const hidden = page.get("hidden"); resize(Array.from({ length: n }, (_, k) => hidden[k] ?? hidden.at(-1) ?? 4)); } });
  const sizes = [0, 1, 2, 3].map((k) => slider(page, { label: `Units in layer ${k + 1}`, min: 1, max: 8, step: 1, format: String,
    value: page.get("hidden")[k] ?? 4, onInput: (n) => resize(page.get("hidden").map((old, i) => (i === k ? n : old))) }));
  const activation = select(page, { label: "Activation", trait: "activation", options: Object.keys(ACTIVATIONS).map((name) => [name, name]), onInput });
  group("Network", activation, count, ...sizes);

  const optimizer = select(page, { label: "Optimizer", trait: "optimizer", options: [["sgd", "SGD"], ["adam", "Adam"]] });
  const rate = stops("Learning rate", "learning_rate", ladder(0.0001, 3));
  const momentum = slider(page, { label: "Momentum", min: 0, max: 0.99, step: 0.01, trait: "momentum" });
  const batch = stops("Batch size", "batch_size", [1, 2, 4, 8, 16, 32, 64, 128, 400], (v) => (v >= page.get("train") ? "all" : String(v)));
  const speed = select(page, { label: "Speed", trait: "speed", options: [["slow", "5 epochs/s"], ["medium", "60 epochs/s"], ["fast", "full speed"]] });
  group("Training", optimizer, rate, momentum, batch, speed);
  const strengths = [0, ...ladder(0.0001, 0.3)];
  group("Penalty on the weights", stops("L1", "l1", strengths), stops("L2", "l2", strengths));

  const seed = button({ label: "Seed", title: "Other points and other first weights, from the next seed", onClick: () => { page.set({ seed: (page.get("seed") + 1) % 10000 }); onInput(); } });
  const copy = button({ label: "Copy link", title: "A link that opens the book with these settings", onClick: link.copy });
  page.actions.append(seed.element, copy.element, link.copied, link.field);
  return () => {
    const hidden = page.get("hidden");
    if (count.value !== hidden.length) count.value = hidden.length;
    sizes.forEach((control, k) => {
      control.element.hidden = k >= hidden.length;
      if (k < hidden.length && control.value !== hidden[k]) control.value = hidden[k];
    });
    momentum.input.disabled = page.get("optimizer") === "adam";
    batch.shown();
    seed.value = `Seed ${page.get("seed")} ▸`;
  };
}

/** The settings in the page's address, so that a link can open them: in the built book only, where demos.js is the host and
 *  the states of the widgets lie in the page. In JupyterLab the address is the lab's, and stays as it is. */
function address(demo, el) {
  const { page } = demo;
  const inBook = Boolean(el.closest(".demo") && document.querySelector('script[type="application/vnd.jupyter.widget-state+json"]'));
  const owner = () => inBook && document.querySelector(".pg-note").closest(".twice") === page.root; // the first on the page
  const [note, field] = [html("p", { class: "pg-note", role: "status" }), html("input", { type: "text", class: "pg-link", readonly: true, hidden: true, "aria-label": "Link to these settings" })];
  const copied = html("span", { class: "twice-hint", role: "status" });
  page.figure.append(note);
  const embedded = Object.fromEntries(SETTINGS.map((name) => [name, page.get(name)]));
  const now = () => writeLink(Object.fromEntries(SETTINGS.map((name) => [name, page.get(name)])));
  const tell = (text) => { note.textContent = text; };
  let [wait, opening] = [0, false];
  page.onDispose(() => clearTimeout(wait));
  const open = () => {
    const found = owner() ? readLink(location.hash) : null;
    if (!found) return;
    clearTimeout(wait);
    opening = true;
    page.set({ ...embedded, ...found.settings, weights: [], epochs: 0, running: false, unit: "output" });
    opening = false;
    demo.begin();
    tell(found.problems.length ? `From the link: ${found.problems.join(" ")} The rest is set.` : "");
    requestAnimationFrame(() => page.root.scrollIntoView({ block: "start" }));
  };
  page.watch(SETTINGS.join(" "), () => {
    if (opening) return;
    tell("");
    copied.textContent = "";
    field.hidden = true;
    clearTimeout(wait);
    if (owner()) wait = setTimeout(() => { try { history.replaceState(history.state, "", now()); } catch { /* a page that may not */ } }, 250);
  });
  page.listen(window, "hashchange", open);
  page.listen(document, "click", (event) => { // a link to the address that is there already
    const target = event.target.closest?.("a[href*='#playground=']");
    if (target && target.href === location.href) open();
  });
  return { open, field, copied, copy: async () => {
    const text = inBook ? location.href.split("#")[0] + now() : now();
    try {
      await navigator.clipboard.writeText(text);
      copied.textContent = inBook ? "Link copied." : "Copied: put it behind the address of this page in the book.";
    } catch { // no clipboard here: let the reader copy by hand
      Object.assign(field, { value: text, hidden: false });
      field.select();
      copied.textContent = "Copy this link:";
    }
  } };
}

export default { render };
