/* race.js: optimizers run down one surface, side by side.
 * Above the line "The demo": pure functions, the same as twice.scratch.landscapes, .optimizers and .adaptive,
 * compared with them number by number in tests/test_race_demo.py. Below it: what is drawn.
 * A start is in the surface's own coordinates, before it is turned, so that it turns with the surface. */

// ---- The surfaces: f(x, y, c) and its gradient, where c is what the surface's slider sets ----

const SQUARE = [[-3, 3], [-3, 3]];
const surface = (name, title, formula, dial, value, gradient, minima, start, power, limits = SQUARE) =>
  ({ name, title, formula, dial, value, gradient, minima, start, power, limits });
/** dial: the trait that deforms it, its label, range and default; power: how contour levels grow, level_k ~ k^power. */
export const SURFACES = Object.fromEntries([
  surface("ravine", "Ravine", (c) => `(x² + ${c} y²) / 2`,
    { trait: "condition", label: "Condition number", min: 1, max: 1000, log: true, value: 50 },
    (x, y, c) => 0.5 * x * x + 0.5 * c * y * y, (x, y, c) => [x, c * y], () => [[0, 0]], [-2.5, 1], 3),
  surface("saddle", "Saddle", (c) => `x² + (y² − ${c})² / 4`,
    { trait: "curvature", label: "Saddle’s fall", min: 0.1, max: 4, step: 0.1, value: 2 },
    (x, y, c) => x * x + 0.25 * (y * y - c) * (y * y - c), (x, y, c) => [2 * x, (y * y - c) * y],
    (c) => [[0, Math.sqrt(c)], [0, -Math.sqrt(c)]], [-2.5, 0.05], 2.5),
  surface("rosenbrock", "Rosenbrock", (c) => `(1 − x)² + ${c} (y − x²)²`,
    { trait: "steepness", label: "Wall steepness", min: 0.5, max: 100, log: true, value: 5 },
    (x, y, c) => (1 - x) ** 2 + c * (y - x * x) ** 2,
    (x, y, c) => [2 * (x - 1) - 4 * c * x * (y - x * x), 2 * c * (y - x * x)], () => [[1, 1]], [-1.2, 1], 4, [[-2, 2], [-1, 3]]),
  surface("two_valleys", "Two valleys", (c) => `a quartic in x, plus ${c} y² / 2`,
    { trait: "across", label: "Curvature across", min: 1, max: 100, log: true, value: 2 },
    (x, y, c) => 0.5 * x * (x * (x * (x / 4 + 1 / 12) - 25 / 16) + 3 / 4) + 53 / 24 + 0.5 * c * y * y,
    (x, y, c) => [0.5 * (x + 2) * (x - 0.25) * (x - 1.5), c * y], () => [[-2, 0], [1.5, 0]], [2.5, 1.5], 3),
  surface("bumpy", "Bumpy bowl", (c) => `(x² + y²) / 4 + ${c} (2 − cos 4x − cos 4y)`,
    { trait: "bumps", label: "Bump height", min: 0, max: 1, step: 0.02, value: 0.3 },
    (x, y, c) => 0.25 * (x * x + y * y) + c * (2 - Math.cos(4 * x) - Math.cos(4 * y)),
    (x, y, c) => [0.5 * x + 4 * c * Math.sin(4 * x), 0.5 * y + 4 * c * Math.sin(4 * y)], () => [[0, 0]], [2.3, 1.6], 1.6),
].map((one) => [one.name, one]));

/** The surface `name` with its dial at c, turned counterclockwise by `angle` degrees about the middle of its window. */
export function landscape(name, c, angle) {
  const base = SURFACES[name];
  const [mx, my] = base.limits.map(([low, high]) => (low + high) / 2);
  const [cos, sin] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
  const toOwn = ([x, y]) => [cos * (x - mx) + sin * (y - my) + mx, -sin * (x - mx) + cos * (y - my) + my];
  const toPage = ([u, v]) => [cos * (u - mx) - sin * (v - my) + mx, sin * (u - mx) + cos * (v - my) + my];
  return { ...base, c, angle, toOwn, toPage, radius: (base.limits[0][1] - base.limits[0][0]) / 2, middle: [mx, my],
    minima: base.minima(c).map(toPage),
    value: (x, y) => base.value(cos * (x - mx) + sin * (y - my) + mx, -sin * (x - mx) + cos * (y - my) + my, c),
    gradient: (x, y) => {
      const [a, b] = base.gradient(cos * (x - mx) + sin * (y - my) + mx, -sin * (x - mx) + cos * (y - my) + my, c);
      return [cos * a - sin * b, sin * a + cos * b];
    } };
}

// ---- The optimizers: what to add to one weight, from its memory s, its gradient g, its settings h, at step t = 1, 2, ... ----

const EPSILON = 1e-7;
const average = (memory, value, beta) => memory + (1 - beta) * (value - memory);
const bias = (beta, t) => 1 - beta ** t;

function sgd(s, g, h) {
  if (!h.momentum) return -h.learning_rate * g;
  s.velocity = h.momentum * s.velocity - h.learning_rate * g;
  return s.velocity;
}
function nesterov(s, g, h) {
  const v = sgd(s, g, h);
  return h.momentum ? h.momentum * v - h.learning_rate * g : v;
}
function adagrad(s, g, h, t) {
  s.squares = (t === 1 ? 0.1 : s.squares) + g * g; // initial_accumulator_value
  return (-h.learning_rate * g) / Math.sqrt(s.squares + EPSILON);
}
function adadelta(s, g, h) {
  s.squares = average(s.squares, g * g, h.rho);
  const d = (-Math.sqrt(s.changes + EPSILON) / Math.sqrt(s.squares + EPSILON)) * g;
  s.changes = average(s.changes, d * d, h.rho);
  return h.learning_rate * d;
}
function rmsprop(s, g, h) {
  s.squares = average(s.squares, g * g, h.rho);
  const d = (h.learning_rate * g) / Math.sqrt(s.squares + EPSILON);
  if (!h.momentum) return -d;
  s.velocity = h.momentum * s.velocity + d;
  return -s.velocity;
}
function means(s, g, h) {
  s.mean = average(s.mean, g, h.beta_1);
  s.squares = average(s.squares, g * g, h.beta_2);
}
const unbiased = (h, t) => (h.learning_rate * Math.sqrt(bias(h.beta_2, t))) / bias(h.beta_1, t);
function adam(s, g, h, t) {
  means(s, g, h);
  return (-unbiased(h, t) * s.mean) / (Math.sqrt(s.squares) + EPSILON);
}
function amsgrad(s, g, h, t) {
  means(s, g, h);
  s.largest = Math.max(s.largest, s.squares);
  return (-unbiased(h, t) * s.mean) / (Math.sqrt(s.largest) + EPSILON);
}
function nadam(s, g, h, t) {
  const [now, later] = [t, t + 1].map((k) => h.beta_1 * (1 - 0.5 * 0.96 ** k));
  s.product *= now;
  means(s, g, h);
  const ahead = (later * s.mean) / (1 - s.product * later) + ((1 - now) * g) / (1 - s.product);
  return (-h.learning_rate * ahead) / (Math.sqrt(s.squares / bias(h.beta_2, t)) + EPSILON);
}
function lion(s, g, h) {
  const d = -h.learning_rate * Math.sign(h.beta_1 * s.mean + (1 - h.beta_1) * g);
  s.mean = average(s.mean, g, h.beta_2);
  return d;
}

const betas = { beta_1: 0.9, beta_2: 0.999 };
const optimizer = (name, title, letter, rule, formula, settings) => ({ name, title, letter, rule, formula, settings });
/** settings: the library's defaults, but for the learning rate, which is made for these surfaces. */
export const OPTIMIZERS = Object.fromEntries([
  optimizer("sgd", "SGD", "S", sgd, "w ← w − rate · g", { learning_rate: 0.035 }),
  optimizer("momentum", "Momentum", "M", sgd, "v ← momentum · v − rate · g;  w ← w + v", { learning_rate: 0.01, momentum: 0.9 }),
  optimizer("nesterov", "Nesterov", "N", nesterov, "v as in momentum;  w ← w + momentum · v − rate · g",
    { learning_rate: 0.01, momentum: 0.9 }),
  optimizer("adagrad", "Adagrad", "G", adagrad, "s ← s + g²;  w ← w − rate · g / √s", { learning_rate: 0.5 }),
  optimizer("adadelta", "Adadelta", "D", adadelta, "d = −rms(changes) / rms(g) · g;  w ← w + rate · d", { learning_rate: 5, rho: 0.95 }),
  optimizer("rmsprop", "RMSprop", "R", rmsprop, "s ← mean of g²;  w ← w − rate · g / √s", { learning_rate: 0.03, rho: 0.9, momentum: 0 }),
  optimizer("adam", "Adam", "A", adam, "m, s ← means of g and g², unbiased;  w ← w − rate · m / √s", { learning_rate: 0.1, ...betas }),
  optimizer("adamw", "AdamW", "W", adam, "Adam, and w ← w − rate · weight decay · w",
    { learning_rate: 0.1, ...betas, weight_decay: 0.004 }),
  optimizer("nadam", "Nadam", "Na", nadam, "Adam with the mean of the next step, as Nesterov looks ahead", { learning_rate: 0.1, ...betas }),
  optimizer("amsgrad", "AMSGrad", "AM", amsgrad, "Adam with the largest s so far", { learning_rate: 0.1, ...betas }),
  optimizer("lion", "Lion", "L", lion, "w ← w − rate · sign(mean of g): every step is as long as the rate",
    { learning_rate: 0.03, beta_1: 0.9, beta_2: 0.99 }),
].map((one) => [one.name, one]));
export const MOST = 6;
export const TARGET = 1e-3; // of the first loss
export const RATES = Array.from({ length: 51 }, (_, i) => Number((10 ** (-4 + i / 10)).toPrecision(4))); // what "tuned" tries
export const BETAS = [0.9, 0.8, 0.7, 0.6, 0.5, 0.3, 0]; // and for Adam in the duel
const TRIED = RATES.length * BETAS.length;
const DUEL = 300;

/** `steps` pairs of standard normal numbers times `size`, the same for the same seed; null without noise. */
export function drawNoise(seed, steps, size) {
  if (!(size > 0)) return null;
  const { normal } = seeded(seed);
  return Float64Array.from({ length: 2 * steps }, () => size * normal());
}

/** One run: x, y and loss (without the noise) at every step; reached: from which step on the loss stays below the target,
 *  to the end (null: it does not); diverged: the first step above ten times the first loss, if it ends there (else null).
 *  A run that is above the target at step `limit` or later is given up: null. */
export function run(land, name, h, start, steps, noise = null, limit = Infinity) {
  const { rule } = OPTIMIZERS[name];
  const memory = () => ({ velocity: 0, mean: 0, squares: 0, changes: 0, largest: 0, product: 1 });
  const [a, b] = [memory(), memory()];
  const [xs, ys, losses] = [0, 1, 2].map(() => new Float64Array(steps + 1));
  let [x, y] = start;
  const decay = 1 - h.learning_rate * (h.weight_decay ?? 0);
  for (let t = 0; ; t++) {
    xs[t] = x; ys[t] = y; losses[t] = land.value(x, y);
    if (t >= limit && !(losses[t] < TARGET * losses[0])) return null;
    if (t === steps) break;
    let [gx, gy] = land.gradient(x, y);
    if (noise) { gx += noise[2 * t]; gy += noise[2 * t + 1]; }
    x = x * decay + rule(a, gx, h, t + 1);
    y = y * decay + rule(b, gy, h, t + 1);
  }
  let last = steps;
  while (last >= 0 && losses[last] < TARGET * losses[0]) last--;
  const high = 10 * losses[0];
  const diverged = losses[steps] <= high ? null : losses.findIndex((v) => !(v <= high));
  return { name, xs, ys, losses, reached: last < steps ? last + 1 : null, diverged };
}

/** Of RATES, the one that reaches the target in the fewest steps; if none does, the one with the lowest last loss. */
export function tune(land, name, h, start, steps, noise = null, limit = Infinity) {
  let best = null;
  const end = ({ losses }) => (Number.isFinite(losses[steps]) ? losses[steps] : Infinity);
  for (const learning_rate of RATES) {
    const now = run(land, name, { ...h, learning_rate }, start, steps, noise, Math.min(best?.reached ?? Infinity, limit));
    if (now === null) continue;
    const [old, fresh] = [best?.reached ?? Infinity, now.reached ?? Infinity];
    if (!best || fresh < old || (fresh === Infinity && end(now) < best.loss)) best = { rate: learning_rate, reached: now.reached, loss: end(now) };
  }
  return best;
}

/** Adam at its best: of all RATES with each of BETAS the pair with the fewest steps; reached is null if none gets there. */
export function bestAdam(land, start) {
  let best = { reached: null };
  for (const beta_1 of BETAS) {
    const now = tune(land, "adam", { ...OPTIMIZERS.adam.settings, beta_1 }, start, DUEL, null, best.reached ?? Infinity);
    if (now && now.reached !== null && now.reached < (best.reached ?? Infinity)) best = { ...now, beta_1 };
  }
  return best;
}

/** Momentum as it is set, against Adam at its best, both over 300 steps; adam: null while it is not yet known. */
export function duel(land, start, momentum, adam = bestAdam(land, start)) {
  const { reached } = run(land, "momentum", momentum, start, DUEL);
  const won = adam !== null && momentum.momentum > 0 && reached > 0 && reached < (adam.reached ?? Infinity);
  return { adam, reached, won };
}

// ---- Words ----

/** A number for people, in `digits` significant digits: 0.0793, 31.3, 4.1e12 as 4.1 × 10¹². */
export function show(value, digits = 3) {
  const size = Math.abs(value);
  if (!Number.isFinite(value) || size === 0) return number(value, 0);
  if (size >= 1e5 || size < 1e-4) {
    const [mantissa, exponent] = value.toExponential(digits - 2).split("e");
    return `${mantissa.replace("-", "−")} × 10${[...String(Number(exponent))].map((c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] ?? "⁻").join("")}`;
  }
  return String(Number(value.toPrecision(digits))).replace("-", "−");
}
const list = (words) => (words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`);
const title = ({ name }) => OPTIMIZERS[name].title;

/** Who leads at step k of `steps`, who is below the target since when, who diverged: two or three sentences. */
export function standing(runs, k) {
  if (!runs.length) return "Choose an optimizer: nobody is at the start.";
  const steps = runs[0].losses.length - 1;
  const first = runs[0].losses[0];
  if (first === 0) return "The start is the deepest point: there is nowhere to go. Drag it away.";
  const gone = runs.filter(({ diverged }) => diverged !== null && diverged <= k);
  const there = runs.filter(({ reached }) => reached !== null && reached <= k).sort((a, b) => a.reached - b.reached);
  const way = runs.filter((one) => !gone.includes(one) && !there.includes(one)).sort((a, b) => a.losses[k] - b.losses[k]);
  const goal = `a thousandth of the first loss (${show(TARGET * first)})`;
  const said = [];
  if (k === 0) return `All ${runs.length > 1 ? runs.length : ""} start here, at loss ${show(first)}. The target is ${goal}.`.replace("All  start", "One starts");
  if (there.length) {
    const tied = there.filter(({ reached }) => reached === there[0].reached);
    const others = there.slice(tied.length).map((one) => `${title(one)} (${one.reached})`);
    said.push(`${list(tied.map(title))} ${tied.length > 1 ? "lead" : "leads"}: below ${goal} from step ${there[0].reached} on`
      + `${others.length ? `, then ${list(others)}` : ""}.`);
  } else if (way.length) {
    said.push(`Nobody stays below ${goal} ${k === steps ? `within ${steps} steps` : "yet"}. ${title(way[0])} is lowest, at loss ${show(way[0].losses[k])}.`);
  }
  const late = there.length ? way : way.slice(1);
  if (late.length) said.push(`Still above: ${list(late.map((one) => `${title(one)} (loss ${show(one.losses[k])})`))}.`);
  if (gone.length) {
    said.push(`${list(gone.map((one) => `${title(one)} (step ${one.diverged})`))} diverged: ${gone.length > 1 ? "those rates are" : "this rate is"} too large here.`);
  }
  return said.join(" ");
}

/** How the goal stands, one sentence; "" where it does not apply. */
export function duelText({ adam, reached, won }) {
  const his = !adam ? "is being looked for" : adam.reached === null ? "gets there with none" : `needs ${adam.reached} (rate ${show(adam.rate)}, beta 1 ${adam.beta_1})`;
  const mine = reached === null ? "Your momentum does not get there in 300 steps" : `Your momentum needs ${reached} steps`;
  return `${mine}; Adam, at the best of ${TRIED} settings, ${his}.${won ? " Momentum wins." : ""}`;
}

/** Positions of labels, as near as may be to where they want to be, at least `gap` apart, inside [low, high]. */
export function spread(wanted, gap, low, high) {
  const order = wanted.map((_, i) => i).sort((i, j) => wanted[i] - wanted[j]);
  const placed = wanted.map((v) => clamp(v, low, high));
  order.forEach((i, n) => { if (n) placed[i] = Math.max(placed[i], placed[order[n - 1]] + gap); });
  const over = Math.max(0, placed[order.at(-1)] - high);
  if (over) {
    let limit = high;
    for (const i of order.toReversed()) { placed[i] = Math.min(placed[i], limit); limit = placed[i] - gap; }
  }
  return placed;
}

// ---- Contour lines ----

/** Heights on a grid of n x n cells, the rows from low y to high y. */
export function heights(land, n) {
  const [[x0, x1], [y0, y1]] = land.limits;
  const grid = new Float64Array((n + 1) ** 2);
  for (let j = 0, at = 0; j <= n; j++) {
    for (let i = 0; i <= n; i++, at++) grid[at] = land.value(x0 + ((x1 - x0) * i) / n, y0 + ((y1 - y0) * j) / n);
  }
  return grid;
}

/** Marching squares: for each level a flat list x0, y0, x1, y1, ... of segments, in cells. */
export function contours(grid, n, levels) {
  const lines = levels.map(() => []);
  const cross = (line, level, i, j, di, dj, p, q) => { const t = (level - p) / (q - p); line.push(i + t * di, j + t * dj); };
  for (let j = 0; j < n; j++) {
    for (let i = 0; i < n; i++) {
      const at = j * (n + 1) + i;
      const [a, b, c, d] = [grid[at], grid[at + 1], grid[at + n + 2], grid[at + n + 1]]; // around the cell
      const [low, high] = [Math.min(a, b, c, d), Math.max(a, b, c, d)];
      for (let k = 0; k < levels.length; k++) {
        const level = levels[k];
        if (level <= low || level > high) continue;
        if (a < level !== b < level) cross(lines[k], level, i, j, 1, 0, a, b);
        if (b < level !== c < level) cross(lines[k], level, i + 1, j, 0, 1, b, c);
        if (c < level !== d < level) cross(lines[k], level, i + 1, j + 1, -1, 0, c, d);
        if (d < level !== a < level) cross(lines[k], level, i, j + 1, 0, -1, d, a);
      }
    }
  }
  return lines;
}

// ==== The demo ==========================================================================================

const PROBLEM = "surface condition curvature steepness across bumps angle noise seed start optimizers settings steps";
const DASHES = { nesterov: [8, 4], adadelta: [8, 4], adamw: [8, 4], lion: [8, 4], nadam: [2.5, 4] };
const DIALS = Object.values(SURFACES).map(({ dial }) => dial);
const NAMES = { learning_rate: "Learning rate", momentum: "Momentum", rho: "Rho: memory of g²", beta_1: "Beta 1: memory of g",
  beta_2: "Beta 2: memory of g²", weight_decay: "Weight decay" };
const DEFAULTS = { ...Object.fromEntries(DIALS.map(({ trait, value }) => [trait, value])), surface: "ravine", angle: 0, noise: 0,
  start: SURFACES.ravine.start, optimizers: ["sgd", "momentum", "rmsprop", "adam"], workshop: "momentum", steps: 150, step: 150, speed: 60 };
const ORDER = Object.keys(OPTIMIZERS);

function render({ model, el }) {
  const page = createPage({ model, el, title: "The race of the optimizers" });
  const demo = { page, at: null }; // at: the step while it plays, with a fraction
  const parts = [surfaceControls, pictures, transport, reading, choosers, workshop].map((part) => part(demo));
  const show = () => { demo.step = clamp(demo.at ?? page.get("step"), 0, demo.steps); for (const part of parts) part(); };
  const compute = () => {
    const [name, angle, noise, steps] = ["surface", "angle", "noise", "steps"].map(page.get);
    const land = landscape(name, page.get(SURFACES[name].dial.trait), angle);
    const start = land.toPage(page.get("start"));
    const [settings, names] = [page.get("settings"), ORDER.filter((one) => page.get("optimizers").includes(one))];
    const draws = drawNoise(page.get("seed"), steps, noise);
    Object.assign(demo, { land, start, noise, steps, settings, names, draws });
    demo.runs = names.map((one) => run(land, one, settings[one], start, steps, draws));
    demo.tune = (one) => tune(land, one, settings[one], start, steps, draws);
    show();
  };
  demo.show = show;
  page.watch(PROBLEM, frame(page, compute));
  page.watch("step workshop speed goal_met", frame(page, show));
  compute();
  return page.dispose;
}

/** What they run on: the surface, its own dial, how far it is turned, how wrong each gradient is. */
function surfaceControls(demo) {
  const { page } = demo;
  const choice = select(page, { label: "Surface", options: Object.values(SURFACES).map(({ name, title }) => [name, title]),
    value: page.get("surface"), onInput: (surface) => page.set({ surface, start: SURFACES[surface].start, step: page.get("steps") }) });
  const dials = DIALS.map((dial) => slider(page, { step: 0.01, ...dial, format: (v) => show(v) }));
  const angle = slider(page, { label: "Turned by", min: 0, max: 90, step: 1, trait: "angle", format: (v) => `${number(v, 0)}°` });
  const noise = slider(page, { label: "Gradient noise", min: 0, max: 5, step: 0.1, trait: "noise", format: (v) => number(v, 1) });
  page.figure.append(html("div", { class: "rc-surface" }, choice.element, html("div", {}, ...dials.map(({ element }) => element)),
    angle.element, noise.element));
  return () => {
    if (choice.value !== demo.land.name) choice.value = demo.land.name;
    dials.forEach(({ element }, i) => { element.hidden = DIALS[i] !== demo.land.dial; });
  };
}

/** From above: contour lines, paths and their balls. Beside it: the loss at every step. */
function pictures(demo) {
  const { page } = demo;
  const box = html("div", { class: "rc-plots" });
  page.figure.append(box);
  const above = createPlot(page, { parent: box, x: SQUARE[0], y: SQUARE[1], xLabel: "first weight x", yLabel: "second weight y",
    equal: true, label: "The surface from above, with the paths of the optimizers", draw: (plot) => demo.runs && drawAbove(demo, plot) });
  above.element.classList.add("rc-above");
  const curve = createPlot(page, { parent: box, x: [0, 150], y: [1e-6, 100], yLog: true, xLabel: "step", yLabel: "loss (log scale)",
    aspect: 1, label: "The loss of every optimizer at every step, on a logarithmic axis", draw: (plot) => demo.runs && drawCurves(demo, plot) });
  demo.place = startHandle(demo, above);
  demo.palette = readPalette(page);
  page.themed.add(() => { demo.palette = readPalette(page); });
  return () => {
    const first = demo.land.value(...demo.start) || 1;
    const top = Math.ceil(Math.log10(first) + 0.25);
    above.setLimits(...demo.land.limits);
    const least = demo.runs.reduce((low, { losses }) => losses.reduce((a, b) => (b > 0 && b < a ? b : a), low), first);
    const decades = clamp(2 * Math.ceil((top - Math.log10(least)) / 2), 4, 8);
    curve.setLimits([0, demo.steps], [10 ** (top - decades), 10 ** top]);
    above.redraw();
    curve.redraw();
  };
}

function readPalette(page) {
  const style = getComputedStyle(page.root);
  return Object.fromEntries([...ORDER, "on"].map((name) => [name, style.getPropertyValue(`--rc-${name}`).trim()]));
}

/** The start: a handle to drag or to move with the arrow keys; a click elsewhere brings it there. */
function startHandle(demo, plot) {
  const { page } = demo;
  const node = svg("g", {}, ...[["rc-hit", 24], ["twice-ring", 13], ["rc-start", 8]].map(([name, r]) => svg("circle", { class: name, r })));
  const name = svg("text", { class: "rc-name", "aria-hidden": "true" }, "start");
  plot.front.append(name, node);
  /** Into the surface's own coordinates; inside the circle in which it stays in sight while it turns. */
  const move = (point, save) => {
    const { land } = demo;
    const away = land.toOwn(point).map((v, i) => v - land.middle[i]);
    const shrink = Math.min(1, (land.radius - 0.01) / Math.hypot(...away));
    const own = away.map((v, i) => Number((v * shrink + land.middle[i]).toFixed(3)));
    page.set({ start: own.map((v) => (Math.abs(v) < 0.02 ? 0 : v)) }, save);
  };
  dragHandle(page, plot, node, { position: () => demo.land.toPage(page.get("start")), step: 0.1, onMove: (point) => move(point, false), onEnd: () => page.set({}) });
  plot.svg.addEventListener("click", (event) => {
    const area = plot.svg.getBoundingClientRect();
    const point = [plot.fromX(event.clientX - area.left), plot.fromY(event.clientY - area.top)];
    const inside = [plot.x, plot.y].every(([low, high], i) => point[i] >= low && point[i] <= high);
    if (inside && !event.target.closest(".twice-handle")) move(point, true);
  });
  return () => {
    const [x, y] = [plot.toX(demo.start[0]), plot.toY(demo.start[1])];
    const label = `Start of all, at (${demo.start.map((v) => number(v)).join(", ")}). Arrow keys move it.`;
    make(node, { transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`, "aria-label": label }, []);
    const [right, high] = [x > plot.frame.left + plot.frame.width - 60, y < plot.frame.top + 34];
    make(name, { x: x + (right ? -13 : 13), y: y + (high ? 22 : -12), "text-anchor": right ? "end" : "start" }, []);
  };
}

/** Shade and contour lines on a canvas of their own, drawn again only for another surface, size or theme. */
function background(demo, plot, colors) {
  const { land } = demo;
  const { width, height } = plot.canvas;
  const key = [land.name, land.c, land.angle, width, height, colors.ink].join();
  if (demo.background?.key === key) return demo.background;
  const [[x0, x1], [y0, y1]] = land.limits;
  const n = 110;
  const grid = heights(land, n);
  const base = SURFACES[land.name];
  const highest = Math.max(...[x0, x1].flatMap((x) => [y0, y1].map((y) => base.value(x, y, land.c))));
  const small = html("canvas", { width: n + 1, height: n + 1 });
  const image = new ImageData(n + 1, n + 1);
  const { data } = image;
  const rgb = [1, 3, 5].map((i) => parseInt(colors.curve.slice(i, i + 2), 16));
  for (let j = 0, at = 0; j <= n; j++) {
    for (let i = 0; i <= n; i++, at += 4) {
      [data[at], data[at + 1], data[at + 2]] = rgb;
      data[at + 3] = 96 * Math.max(0, 1 - (grid[(n - j) * (n + 1) + i] / highest) ** (1 / land.power)) ** 1.5; // deeper is stronger
    }
  }
  small.getContext("2d").putImageData(image, 0, 0);
  const canvas = html("canvas", { width, height });
  const ctx = canvas.getContext("2d");
  const [cell, pad] = [width / n, width / n / 2];
  Object.assign(ctx, { imageSmoothingQuality: "high", strokeStyle: colors.muted, lineWidth: width / plot.frame.width });
  ctx.drawImage(small, -pad, -pad, width + cell, height + cell);
  const levels = Array.from({ length: 15 }, (_, k) => highest * ((k + 1) / 15) ** land.power);
  ctx.globalAlpha = 0.5;
  if (land.name === "ravine") { // its lines are ellipses, however narrow
    for (const level of levels) {
      const [a, b] = [1, land.c].map((c) => (Math.sqrt((2 * level) / c) / (x1 - x0)) * width);
      ctx.beginPath();
      ctx.ellipse(width / 2, height / 2, a, b, (-land.angle * Math.PI) / 180, 0, 2 * Math.PI);
      ctx.stroke();
    }
  } else {
    for (const line of contours(grid, n, levels)) {
      ctx.beginPath();
      for (let k = 0; k < line.length; k += 4) {
        ctx.moveTo(line[k] * cell, height - line[k + 1] * cell);
        ctx.lineTo(line[k + 2] * cell, height - line[k + 3] * cell);
      }
      ctx.stroke();
    }
  }
  demo.background = Object.assign(canvas, { key });
  return canvas;
}

/** The points of a run in pixels, up to `end`, whose fraction is a part of the last step. Ends where it is far out of sight. */
function trace(xs, ys, end, toX, toY, far) {
  const points = [];
  for (let k = 0; k <= Math.ceil(end); k++) {
    const [x, y] = [toX(xs ? xs[k] : k), toY(ys[k])];
    const over = Math.max(Math.abs(x), Math.abs(y)) / far;
    if (!Number.isFinite(over)) break;
    points.push(over > 1 ? [x / over, y / over] : [x, y]);
    if (over > 1) break;
  }
  const share = end - Math.floor(end);
  if (share && points.length > end) {
    const [a, b] = points.slice(-2);
    points[points.length - 1] = a.map((v, i) => v + share * (b[i] - v));
  }
  return points;
}

function stroke(ctx, points, color, dash, halo) {
  for (const [width, paint, alpha] of [[4.5, halo, 0.65], [2.25, color, 1]]) {
    ctx.beginPath();
    for (const [x, y] of points) ctx.lineTo(x, y);
    ctx.setLineDash(paint === halo ? [] : dash);
    Object.assign(ctx, { lineWidth: width, strokeStyle: paint, globalAlpha: alpha, lineJoin: "round" });
    ctx.stroke();
  }
  ctx.setLineDash([]);
  ctx.globalAlpha = 1;
}

/** A ball with the optimizer's letter. */
function ball(ctx, [x, y], name, palette, halo) {
  ctx.beginPath();
  ctx.arc(x, y, 10.5, 0, 2 * Math.PI);
  Object.assign(ctx, { fillStyle: palette[name], strokeStyle: halo, lineWidth: 2 });
  ctx.fill();
  ctx.stroke();
  Object.assign(ctx, { fillStyle: palette.on, textAlign: "center", textBaseline: "middle" });
  ctx.font = `700 12px ${fontOf(ctx)}`;
  ctx.fillText(OPTIMIZERS[name].letter, x, y + 0.5);
}
const fontOf = (ctx) => getComputedStyle(ctx.canvas).fontFamily;

function drawAbove(demo, plot) {
  const { page, land, runs, palette, step } = demo;
  const [colors, { ctx, frame: f }] = [page.colors(), plot];
  demo.place();
  ctx.drawImage(background(demo, plot, colors), f.left, f.top, f.width, f.height);
  const heads = runs.map((one) => {
    const points = trace(one.xs, one.ys, step, plot.toX, plot.toY, 30 * f.width);
    stroke(ctx, points, palette[one.name], DASHES[one.name] ?? [], colors.surface);
    ctx.fillStyle = palette[one.name];
    for (const [x, y] of points) { ctx.beginPath(); ctx.arc(x, y, 2, 0, 2 * Math.PI); ctx.fill(); }
    return points.at(-1);
  });
  for (const [x, y] of land.minima.map(([a, b]) => [plot.toX(a), plot.toY(b)])) {
    for (const [width, color] of [[5, colors.surface], [2.25, colors.ink]]) {
      ctx.beginPath();
      for (const [dx, dy] of [[8, 0], [0, 8]]) { ctx.moveTo(x - dx, y - dy); ctx.lineTo(x + dx, y + dy); }
      Object.assign(ctx, { lineWidth: width, strokeStyle: color, lineCap: "round" });
      ctx.stroke();
    }
    ctx.lineCap = "butt";
  }
  if (step > 0) {
    const last = [...runs.keys()].sort((i, j) => runs[j].losses[Math.floor(step)] - runs[i].losses[Math.floor(step)]);
    for (const i of last) ball(ctx, heads[i], runs[i].name, palette, colors.surface);
  }
}

/** The curves; at each head a dot, and beside it a ball with the name. The balls keep apart. */
function drawCurves(demo, plot) {
  const { page, runs, palette, step } = demo;
  const { ctx, frame: f } = plot;
  const { surface, grid } = page.colors();
  Object.assign(ctx, { strokeStyle: grid, lineWidth: 1 }); // under the curves
  ctx.beginPath();
  for (const v of ticks(...plot.x, f.width < 340 ? 4 : 6)) { ctx.moveTo(plot.toX(v), f.top); ctx.lineTo(plot.toX(v), f.top + f.height); }
  for (const v of ticks(...plot.y, f.height < 340 ? 4 : 6, true)) { ctx.moveTo(f.left, plot.toY(v)); ctx.lineTo(f.left + f.width, plot.toY(v)); }
  ctx.stroke();
  const target = plot.toY(TARGET * runs[0]?.losses[0]);
  const heads = runs.map((one) => {
    const points = trace(null, one.losses, step, plot.toX, (v) => plot.toY(Math.max(v, 1e-300)), 30 * f.width);
    stroke(ctx, points, palette[one.name], DASHES[one.name] ?? [], surface);
    return points.at(-1);
  });
  const line = Number.isFinite(target) && [svg("path", { class: "rc-target", d: `M${f.left} ${target}h${f.width}` }),
    svg("text", { class: "rc-name", x: f.left + 6, y: target + 16 }, "target")];
  fill(plot.back, ...(line || []));
  const middles = heads.map(([, y]) => clamp(y, f.top + 12, f.top + f.height - 12));
  const places = step > 0 && runs.length ? spread(middles, 22, f.top + 12, f.top + f.height - 12) : [];
  fill(plot.front, ...places.map((y, i) => {
    const { title, letter, name } = OPTIMIZERS[runs[i].name];
    const { diverged } = runs[i]; // its name stays where it left the picture
    const [x, top] = [diverged === null ? heads[i][0] : Math.min(heads[i][0], plot.toX(diverged)), middles[i]];
    const way = x > f.left + 0.55 * f.width ? -1 : 1;
    const inside = heads[i][1] === top;
    return svg("g", { class: "rc-head", style: `--rc-color: var(--rc-${name})` },
      svg("path", { d: `M${x} ${top}L${x + 20 * way} ${y}` }), inside ? svg("circle", { class: "rc-tip", cx: x, cy: top, r: 4 }) : null,
      svg("circle", { cx: x + 24 * way, cy: y, r: 10.5 }),
      svg("text", { class: "rc-letter", x: x + 24 * way, y: y + 4.25, "text-anchor": "middle" }, letter),
      svg("text", { class: "rc-name", x: x + 39 * way, y: y + 4.5, "text-anchor": way < 0 ? "end" : "start" }, title));
  }));
}

/** Play, pause, one step, back to the start, a bar to scrub, the speed. */
function transport(demo) {
  const { page } = demo;
  const rest = (values) => { loop.stop(); demo.at = null; page.set(values); };
  const loop = animation(page, (seconds) => {
    demo.at = Math.min(demo.steps, demo.at + seconds * page.get("speed"));
    if (demo.at >= demo.steps) { rest({ step: demo.steps }); return false; }
    const now = Math.floor(demo.at);
    if (now !== page.get("step")) page.set({ step: now }, false); // shows itself
    else demo.show();
    return true;
  });
  demo.playing = () => loop.running;
  const play = button({ label: "▶ Race", primary: true, onClick: () => {
    if (loop.running) { rest({ step: page.get("step") }); return demo.show(); }
    demo.at = page.get("step") >= demo.steps ? 0 : page.get("step");
    loop.start();
    demo.show();
  } });
  const jump = (label, words, to) => make(button({ label, title: words, onClick: () => rest({ step: clamp(to(), 0, demo.steps) }) }).input,
    { "aria-label": words }, []);
  const step = slider(page, { label: "Step", min: 0, max: 1000, step: 1, trait: "step", format: (v) => number(Math.min(v, demo.steps ?? v), 0),
    onInput: () => { if (loop.running) rest({}); } });
  const speed = html("select", { "aria-label": "Speed", oninput: () => page.set({ speed: Number(speed.value) }) },
    ...[5, 20, 60, 200].map((value) => html("option", { value }, `${value} steps/s`)));
  const again = button({ label: "New noise", title: "The next seed", onClick: () => page.set({ seed: page.get("seed") + 1 }) });
  const reset = button({ label: "Reset", title: "Everything as it was at first", onClick: () => {
    demo.won = null;
    rest({ ...DEFAULTS, settings: Object.fromEntries(ORDER.map((name) => [name, { ...OPTIMIZERS[name].settings }])), goal_met: false });
  } });
  page.actions.classList.add("rc-actions");
  page.actions.append(play.element, jump("|◀", "Back to the start", () => 0), jump("−1", "One step back", () => Math.min(page.get("step"), demo.steps) - 1),
    jump("+1", "One step on", () => page.get("step") + 1), step.element, speed, again.element, reset.element);
  return () => {
    play.value = loop.running ? "❚❚ Pause" : "▶ Race";
    if (Number(step.input.max) !== demo.steps) { step.input.max = demo.steps; step.value = page.get("step"); }
    speed.value = page.get("speed");
    again.input.disabled = demo.noise === 0;
  };
}

/** Who leads, in words; how the goal stands. */
function reading(demo) {
  const { page } = demo;
  const spoken = html("p", { class: "rc-spoken", role: "status" }); // for screen readers, once everything rests
  page.main.append(spoken);
  let [wait, best, key] = [0, null, ""];
  page.onDispose(() => clearTimeout(wait));
  return () => {
    const { land, start, noise, settings, names, runs } = demo;
    const ravine = land.name === "ravine" && land.c >= 50 && noise === 0 && names.includes("momentum");
    const asked = ravine && page.get("start").every((v) => Math.abs(v) >= 0.3); // else there is but one slope to go down
    const now = [land.c, land.angle, ...start].join();
    const compete = () => duel(land, start, settings.momentum, key === now ? best : null);
    const k = Math.floor(demo.step);
    const hint = ({ won }) => (!won && land.angle > 20 && settings.momentum.momentum > 0.85 ? " Does it need that much momentum here?" : "");
    const tell = (state) => {
      const words = `Step ${k}. ${standing(runs, k)}${
        state ? `\nThe goal: ${duelText(state)}${hint(state)}` : ravine ? "\nThe goal wants a start at least 0.3 off both axes of the ravine." : ""}`;
      page.say(words, { quiet: true });
      return words;
    };
    tell(asked && compete());
    const met = page.get("goal_met");
    page.goal(met, met && (demo.won ?? "You found a ravine in which momentum is faster than Adam at its best."));
    clearTimeout(wait);
    if (demo.playing()) return;
    wait = setTimeout(() => { // sweeping across does not count
      if (asked && key !== now) [best, key] = [bestAdam(land, start), now]; // too long for every step of a slider
      const state = asked && compete();
      spoken.textContent = tell(state);
      if (!state?.won) return;
      const mine = settings.momentum;
      demo.won = `Momentum ${show(mine.momentum)} at rate ${show(mine.learning_rate)} needed ${state.reached} steps; Adam at its best `
        + `${state.adam.reached ?? `more than ${DUEL}`}.${land.angle ? " Now turn the ravine back to 0°: Adam scales each axis by itself." : ""}`;
      page.goal(true, demo.won);
    }, 300);
  };
}

/** Who runs: a checkbox each, with the color, the letter and the result. */
function choosers(demo) {
  const { page } = demo;
  const refusal = html("p", { class: "rc-refusal", role: "status" });
  const chips = ORDER.map((name) => {
    const input = html("input", { type: "checkbox", id: `twice-input-${nextId()}` });
    const result = html("small", { class: "twice-hint" });
    const { title, letter } = OPTIMIZERS[name];
    input.addEventListener("input", () => {
      const now = demo.names.filter((one) => one !== name);
      refusal.textContent = "";
      if (!input.checked) return page.set({ optimizers: now });
      if (now.length < MOST) return page.set({ optimizers: ORDER.filter((one) => one === name || now.includes(one)), workshop: name });
      input.checked = false;
      refusal.textContent = `${MOST} at most, so that you can tell them apart: take one off before you add ${title}.`;
    });
    const mark = html("span", { class: "rc-ball", style: `--rc-color: var(--rc-${name})`, "aria-hidden": "true" }, letter);
    return { name, input, result, element: html("label", { class: "rc-chip", for: input.id }, input, mark, html("span", {}, title), result) };
  });
  const length = slider(page, { label: "Length of the race, in steps", min: 50, max: 1000, step: 10, trait: "steps", format: (v) => number(v, 0),
    onInput: (steps) => page.set({ step: steps }) });
  page.panel.append(html("div", {}, html("fieldset", { class: "rc-chips" }, html("legend", {}, "Who runs (up to six), and steps to the target"),
    ...chips.map(({ element }) => element), refusal), length.element));
  return () => {
    for (const { name, input, result } of chips) {
      const one = demo.runs.find((run) => run.name === name);
      input.checked = Boolean(one);
      const text = !one ? "" : one.reached !== null ? `${one.reached} steps` : one.diverged !== null ? "diverged" : `> ${demo.steps}`;
      if (result.textContent !== text) result.textContent = text;
    }
  };
}

/** The settings of one of them, its rule, and the search for its best rate. */
function workshop(demo) {
  const { page } = demo;
  const choice = select(page, { label: "In the workshop", options: [], value: "", onInput: (name) => page.set({ workshop: name }) });
  const [formula, found] = [html("p", { class: "rc-formula" }), html("p", { class: "rc-found", role: "status" })];
  const box = html("div", { class: "rc-sliders" });
  let [shown, sliders, listed] = [null, {}, ""];
  const change = (names, numbers) => {
    const settings = { ...page.get("settings") };
    for (const name of names) settings[name] = { ...settings[name], ...numbers(name) };
    page.set({ settings });
  };
  const best = button({ label: "Tune its rate", title: `Try ${RATES.length} rates and take the one with the fewest steps to the target`, onClick: () => {
    const { rate, reached } = demo.tune(shown);
    change([shown], () => ({ learning_rate: rate }));
    found.textContent = `${OPTIMIZERS[shown].title}: ${show(rate)} is the best of ${RATES.length} rates (${reached === null ? "lowest loss, not at the target" : `${reached} steps`}).`;
  } });
  const all = button({ label: "Tune all", title: "The best rate for each that runs: a fair race", onClick: () => {
    change(demo.names, (name) => ({ learning_rate: demo.tune(name).rate }));
    found.textContent = `Each has the best of ${RATES.length} rates now, with its other settings as they are.`;
  } });
  const build = (name) => {
    shown = name;
    sliders = Object.fromEntries(Object.keys(OPTIMIZERS[name].settings).map((key) => {
      const rate = key === "learning_rate" ? { min: 1e-4, max: 10, log: true, step: 0.01 } : { min: 0, max: key === "beta_2" || key === "rho" ? 0.999 : 0.99,
        step: key === "weight_decay" || key === "beta_2" || key === "rho" ? 0.001 : 0.01 };
      return [key, slider(page, { label: NAMES[key], ...rate, value: demo.settings[name][key], format: (v) => show(v, 4),
        onInput: (value) => { found.textContent = ""; change([name], () => ({ [key]: value })); } })];
    }));
    fill(box, ...Object.values(sliders).map(({ element }) => element));
    formula.textContent = OPTIMIZERS[name].formula;
  };
  page.panel.append(html("div", { class: "rc-workshop" }, choice.element, formula, box,
    html("div", { class: "twice-row" }, best.element, all.element), found));
  return () => {
    const { names, settings } = demo;
    if (listed !== String(names)) fill(choice.input, ...names.map((name) => html("option", { value: name }, OPTIMIZERS[name].title)));
    listed = String(names);
    const name = names.includes(page.get("workshop")) ? page.get("workshop") : names[0];
    for (const { input } of [best, all]) input.disabled = !name;
    if (!name) { fill(box); formula.textContent = ""; shown = null; return; }
    choice.value = name;
    if (shown !== name) build(name);
    for (const [key, { value }] of Object.entries(sliders)) if (value !== settings[name][key]) sliders[key].value = settings[name][key];
  };
}

export default { render };
