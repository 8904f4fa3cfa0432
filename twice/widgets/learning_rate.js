/* learning_rate.js: walk down a loss and watch what the learning rate does.
 * Above the line "The demo": pure functions, the same as twice.scratch.surfaces and twice.scratch.gradient_descent,
 * compared with them number by number in tests/test_learning_rate_demo.py. Below it: what is drawn.
 * Points are arrays (one number or two); every loss is a sum over its axes, so its Hessian is diagonal. */

// ---- The losses: each axis is [f, f', f''] ----

const quadratic = (c) => [(w) => 0.5 * c * w * w, (w) => c * w, () => c];
const hill = [(y) => 0.25 * (y * y - 2) * (y * y - 2), (y) => (y * y - 2) * y, (y) => 3 * y * y - 2];
const valleys = [
  (w) => 0.5 * w * (w * (w * (w / 4 + 1 / 12) - 25 / 16) + 3 / 4) + 53 / 24,
  (w) => 0.5 * (w + 2) * (w - 0.25) * (w - 1.5),
  (w) => 0.5 * (w * (3 * w + 0.5) - 3.125),
];
const bell = (w) => Math.exp(-0.5 * w * w);
const hole = [(w) => 1 - bell(w), (w) => w * bell(w), (w) => (1 - w * w) * bell(w)];
const wall = (w) => 0.5 * (1 + Math.tanh(12 * (w - 1.5)));
const cliff = [
  (w) => 0.25 * w * w + 2 * wall(w),
  (w) => 0.5 * w + 48 * wall(w) * (1 - wall(w)),
  (w) => 0.5 + 1152 * wall(w) * (1 - wall(w)) * (1 - 2 * wall(w)),
];
const oneWeight = [(w) => (2 * w - 0.8) * (2 * w - 0.8), (w) => 4 * (2 * w - 0.8), () => 8];

const VIEW = [[-3, 3], [-2, 2]];
const ROOT = Math.sqrt(2);
const loss = (name, title, formula, axes, minima, limits, start, more) => ({ name, title, formula, axes, minima, limits, start, ...more });
export const LOSSES = Object.fromEntries([
  loss("bowl", "bowl", "(x² + y²) / 2", [quadratic(1), quadratic(1)], [[0, 0]], VIEW, [-2.5, 1.5], { quadratic: true }),
  loss("ravine", "ravine", "(x² + 25 y²) / 2", [quadratic(1), quadratic(25)], [[0, 0]], VIEW, [-2.5, 1], { quadratic: true }),
  loss("saddle", "saddle", "x² + (y² − 2)² / 4", [quadratic(2), hill], [[0, ROOT], [0, -ROOT]], VIEW, [-2.5, 0.05]),
  loss("two_valleys", "two valleys", "a quartic in x, plus y²", [valleys, quadratic(2)], [[-2, 0], [1.5, 0]], VIEW, [2.5, 1.5]),
  loss("parabola", "parabola", "(2w − 0.8)²", [oneWeight], [[0.4]], [[-1.1, 1.9]], [-0.8], { quadratic: true }),
  loss("double_well", "double well", "a quartic with two valleys", [valleys], [[-2], [1.5]], [[-3.1, 2.9]], [2.5]),
  loss("plateau", "plateau", "1 − exp(−w² / 2)", [hole], [[0]], [[-5, 5]], [4]),
  loss("cliff", "cliff", "w² / 4, plus a wall of height 2 at w = 1.5", [cliff], [[0]], [[-3, 3]], [2.5]),
].map((one) => [one.name, one]));

export const valueAt = (loss, p) => loss.axes.reduce((sum, [f], i) => sum + f(p[i]), 0);
export const gradientAt = (loss, p) => loss.axes.map(([, slope], i) => slope(p[i]));
export const curvaturesAt = (loss, p) => loss.axes.map(([, , bend], i) => bend(p[i])); // the Hessian's diagonal

// ---- Descent ----

/** v <- momentum v - rate g, w <- w + v; noise: null or steps arrays like start, added to the gradient. */
export function descend(gradient, start, { rate, steps, momentum = 0, noise = null }) {
  const path = [start];
  let velocity = start.map(() => 0);
  for (let k = 0; k < steps; k++) {
    const w = path[k];
    const g = gradient(w);
    velocity = velocity.map((v, i) => momentum * v - rate * (noise ? g[i] + noise[k][i] : g[i]));
    path.push(w.map((value, i) => value + velocity[i]));
  }
  return path;
}

/** `steps` draws of standard normal numbers times `size`, the same for the same seed. */
export function drawNoise(seed, steps, dimensions, size) {
  const { normal } = seeded(seed);
  return Array.from({ length: steps }, () => Array.from({ length: dimensions }, () => size * normal()));
}

/** One word for a list of losses: the rule of twice.scratch.gradient_descent.verdict. */
export function verdict(values, lowest = 0) {
  if (!values.every(Number.isFinite)) return "diverging";
  const excess = values.map((v) => v - lowest);
  const quarter = Math.floor(values.length / 4);
  const [early, middle, late] = [3, 2, 1].map((i) => Math.max(...excess.slice(-i * quarter, i === 1 ? undefined : (1 - i) * quarter)));
  if (early < middle && middle < late && late > Math.max(excess[0], 1.5 * early)) return "diverging";
  const end = excess.slice(-quarter - 1);
  const bumpy = end.some((v, i) => i > 0 && v - end[i - 1] > 1e-3 * late);
  const falls = bumpy ? late < middle && middle < early && late < 0.5 * early : end.at(-1) < 0.98 * middle;
  if (falls || late <= 1e-6 * excess[0]) return "converging";
  return bumpy ? "oscillating" : "stuck";
}

export const largestStableRate = (curvatures, momentum = 0) => (2 * (1 + momentum)) / Math.max(...curvatures);

/** What one step does to the distance along a direction of this curvature: {size, turns, swings}. */
export function multiplier(rate, curvature, momentum = 0) {
  const middle = 1 + momentum - rate * curvature; // z^2 - middle z + momentum = 0 (heavy ball)
  const inside = middle * middle - 4 * momentum;
  if (momentum && inside < 0) return { size: Math.sqrt(momentum), turns: false, swings: true };
  const root = momentum ? (middle + Math.sign(middle || 1) * Math.sqrt(inside)) / 2 : middle;
  return { size: Math.abs(root), turns: root < 0, swings: false };
}

/** The whole run: path, losses, the word, and the threshold at the valley it ended nearest to. */
export function simulate(loss, { rate, momentum, noise, steps, seed, start }) {
  const dimensions = loss.axes.length;
  const draws = noise > 0 ? drawNoise(seed, steps, dimensions, noise) : null;
  const path = descend((p) => gradientAt(loss, p), start, { rate, steps, momentum, noise: draws });
  const values = path.map((p) => valueAt(loss, p));
  const bad = values.findIndex((v) => !Number.isFinite(v));
  const last = bad < 0 ? steps : bad - 1;
  const valley = nearest(loss.minima, bad < 0 ? path[steps] : start);
  const curvatures = curvaturesAt(loss, valley);
  const threshold = largestStableRate(curvatures, momentum);
  const steepest = curvatures.indexOf(Math.max(...curvatures));
  const pushed = noise > 0 || curvatures.some((c, i) => c === curvatures[steepest] && start[i] !== valley[i]);
  let word = verdict(values);
  if (word === "stuck" && jumps(path)) word = "oscillating"; // from side to side at equal height: the losses alone stand still
  if (loss.quadratic && pushed && word !== "diverging" && rate >= threshold * (1 - 1e-9)) {
    word = rate > threshold * (1 + 1e-9) ? "diverging" : "oscillating";
  } else if (loss.quadratic && rate < threshold * (1 - 1e-9)) {
    // Below the threshold a quadratic is safe: what looks bad is noise, a swing, or a slow zigzag.
    if (word === "diverging") word = "oscillating";
    if (word !== "converging" && !noise && multiplier(rate, curvatures[steepest], momentum).turns) word = "converging";
  }
  return { path, values, last, valley, curvatures, threshold, pushed, word };
}

/** Do the last two moves go back and forth, by more than a hundredth? */
function jumps(path) {
  const [a, b, c] = path.slice(-3);
  return a.reduce((sum, v, i) => sum + (b[i] - v) * (c[i] - b[i]), 0) < -1e-4;
}

function nearest(points, p) {
  const distance = (m) => Math.hypot(...m.map((v, i) => v - p[i]));
  return points.reduce((best, m) => (distance(m) < distance(best) ? m : best));
}

// ---- Words ----

const SUPERSCRIPT = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

/** A number for people, in `digits` significant digits: 0.0793, 31.3, −2.5, 4.1 × 10¹². */
export function show(value, digits = 3) {
  if (!Number.isFinite(value)) return number(value);
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e5 || size < 1e-4)) {
    const [mantissa, power] = value.toExponential(Math.min(1, digits - 1)).split("e");
    return `${mantissa.replace("-", "−")} × 10${[...String(Number(power))].map((c) => SUPERSCRIPT[c]).join("")}`;
  }
  return String(Number(value.toPrecision(digits))).replace("-", "−");
}

/** A rate, the same wherever it is shown: four digits, or as many as tell it from the threshold. */
export function showRate(rate, threshold) {
  const digits = [4, 5].find((d) => Number(rate.toPrecision(d)) !== Number(threshold.toPrecision(d)));
  return show(rate, digits ?? 6);
}

/** The multiplier with its sign, and enough digits to tell it from 1. */
function factor({ size, turns }) {
  const digits = [3, 4, 5, 6, 7].find((d) => Number(size.toPrecision(d)) !== 1);
  return `${turns ? "−" : ""}${show(size, digits ?? 3)}`;
}

const thresholdName = (momentum) => (momentum ? `2(1 + ${show(momentum)})/λmax` : "2/λmax");

/** Why the run ended as it did, in two or three sentences with numbers; without `reveal` the threshold keeps its secret. */
export function explain(loss, settings, run, reveal = true) {
  const { steps } = settings;
  const reason = loss.quadratic ? explainQuadratic(loss, settings, run, reveal) : explainAny(loss, settings, run);
  if (run.last === steps) return reason;
  return `${reason} After step ${run.last} the numbers were too large for float64 (it ends at 1.8 × 10³⁰⁸): the loss ` +
    "became ∞, and ∞ − ∞ is NaN, “not a number”. This is what a NaN loss in training means.";
}

function explainQuadratic(loss, { rate, momentum, noise, start, steps }, run, reveal) {
  const { curvatures, threshold, valley, word, values } = run;
  const [top, low] = [Math.max(...curvatures), Math.min(...curvatures)];
  const [fast, slow] = [multiplier(rate, top, momentum), multiplier(rate, low, momentum)];
  const name = thresholdName(momentum);
  const limit = reveal ? `${name} = ${show(threshold, 4)}` : `the threshold ${name}`;
  const mine = `Rate ${showRate(rate, threshold)}`;
  const steep = top === low ? "the distance to the bottom" : "the steep direction";
  const change = `${steep} is multiplied by ${factor(fast)} at every step`;

  if (!noise && start.every((v, i) => v === valley[i])) {
    return "The start is the bottom: the slope is 0, so nothing moves, whatever the rate.";
  }
  if (run.pushed && rate > threshold * (1 + 1e-9)) {
    const jumps = fast.turns ? ", so it jumps across the valley and lands higher each time" : "";
    const hidden = values[steps] < values[0] ? ` ${steps} steps are too few to see it: add steps.` : "";
    return `${mine} is above ${limit}: ${change}${jumps}.${hidden}`;
  }
  if (run.pushed && word === "oscillating" && rate >= threshold * (1 - 1e-9)) {
    return `${mine} is exactly ${limit}: ${steep} is multiplied by −1, so it jumps from side to side for ever, ` +
      "no closer and no farther.";
  }
  if (noise && (word === "oscillating" || word === "stuck")) {
    return `${mine} is below ${limit}, but every batch sees a slightly wrong slope (batch noise ${show(noise)}), ` +
      "so the point keeps trembling around the bottom. A smaller rate trembles less.";
  }
  if (word === "oscillating") {
    return `${mine} is below ${limit}, but momentum ${show(momentum)} swings it past the bottom again and again; ` +
      `the swing is multiplied by ${factor(slow)} at every step.`;
  }
  if (word === "stuck") {
    return `${mine} is far below ${limit}: each step takes only ${show(100 * Math.abs(1 - slow.size), 2)} % ` +
      "off the distance. It would get there, after very many steps.";
  }
  const crossing = fast.turns ? ", crossing the valley each time" : fast.size < 1e-9 ? ": one step lands on the bottom" : "";
  const how = fast.swings
    ? `momentum carries it past the bottom and back; the swing is multiplied by ${factor(fast)} at every step (√momentum)`
    : `${change}${crossing}${top === low ? "" : `, the flat one by ${factor(slow)}`}`;
  return `${mine} is below ${limit}: ${how}.${pace(rate, momentum, noise, start, run)}`;
}

/** How long a run that converges will take. */
function pace(rate, momentum, noise, start, { curvatures, valley }) {
  if (noise) return " The noise of the batches will keep it from coming to rest.";
  const moving = curvatures.filter((_, i) => start[i] !== valley[i]);
  const slowest = Math.max(...moving.map((c) => multiplier(rate, c, momentum).size));
  const needed = Math.ceil(Math.log(1e-6) / (2 * Math.log(slowest)));
  return needed > 1 && needed < 1e6 ? ` The loss needs about ${needed} steps to fall to a millionth.` : "";
}

function explainAny(loss, settings, run) {
  const { rate, momentum, noise, steps } = settings;
  const { values, word, threshold } = run;
  const limit = `${thresholdName(momentum)} = ${show(threshold)}`;
  const place = placeName(loss, run.valley);
  const jump = noise || momentum || run.last < steps ? "" : jumpStory(loss, run);
  const mine = `Rate ${showRate(rate, threshold)}`;
  if (word === "stuck") return explainStuck(loss, run, place, onRidge(loss, settings));
  if (word === "diverging") {
    const why = rate > threshold
      ? `rate ${showRate(rate, threshold)} is above ${limit} at the bottom of the nearest valley`
      : `${limit} holds at the bottom of the valley only, and the walls around it are too steep for rate ${showRate(rate, threshold)}`;
    const growth = `loss ${show(values[0])} to ${show(values[run.last])}`;
    return `Each step overshoots farther than the one before (${growth}): ${why}.${jump}`;
  }
  if (word === "oscillating" && noise) {
    return `Every batch sees a slightly wrong slope (batch noise ${show(noise)}), so the point never comes to rest. ` +
      `It ended near ${place}; a smaller rate trembles less.`;
  }
  if (word === "oscillating" && rate > threshold) {
    return `${mine} is above ${limit} at the bottom of ${place}: it cannot stay there, and the walls throw it back.${jump}`;
  }
  if (word === "oscillating") {
    return `It still swings. ${mine} is below ${limit} at the bottom of ${place}, so with more steps it may settle there.${jump}`;
  }
  if (onRidge(loss, settings)) {
    return "Along the ridge the slope across is exactly 0, so this run goes to the saddle point (0, 0) and to no valley: "
      + "a minimum along x, a maximum along y. It is still on its way.";
  }
  const arrived = values[steps] <= 1e-4 * values[0] ? "It came to rest in" : "It is on its way down to";
  return `${arrived} ${place}; rate ${showRate(rate, threshold)} is ${rate < threshold ? "below" : "above"} ${limit} there.${jump}`;
}

/** Does the run stay on the line between the saddle's two valleys? */
const onRidge = (loss, { start, noise }) => loss.name === "saddle" && start[1] === 0 && !noise;

function placeName(loss, valley) {
  if (loss.minima.length === 1) return "the valley";
  if (loss.name === "saddle") return "a valley";
  return valueAt(loss, valley) < 1e-9 ? "the deep valley" : "the shallow valley";
}

/** The first step that rose by a quarter of the first loss: a cliff, or a wall. */
function jumpStory(loss, { path, values }) {
  const k = values.findIndex((v, i) => i > 0 && v - values[i - 1] > 0.25 * values[0]);
  if (k < 1) return "";
  const slope = Math.hypot(...gradientAt(loss, path[k - 1]));
  return ` At step ${k} a slope of ${show(slope)} threw it from ${showPoint(path[k - 1])} to ${showPoint(path[k])}.`;
}

function explainStuck(loss, { path, values, valley }, place, ridge) {
  const [before, end] = path.slice(-2);
  const slope = Math.hypot(...gradientAt(loss, end));
  const moved = Math.hypot(...end.map((v, i) => v - before[i]));
  const bend = Math.min(...curvaturesAt(loss, end));
  if (Math.hypot(...end.map((v, i) => v - valley[i])) < 0.1) {
    return `It settled in ${place}. The slope is 0 there, but the loss is ${show(values.at(-1))} and the other valley ` +
      "goes down to 0. Gradient descent sees only the slope underfoot: another start, momentum or noise may carry it across.";
  }
  if (slope < 0.05 && bend < -0.5) {
    const still = slope < 5e-4 ? "slope zero" : `slope nearly zero (${show(slope, 2)})`;
    const axes = curvaturesAt(loss, end).map((c, i) => `a ${c < 0 ? "maximum" : "minimum"} along ${"xy"[i]} (curvature ${show(c, 2)})`);
    const spot = axes.length === 1 ? `A hilltop: ${still}, and the ground curves down on both sides (curvature ${show(bend, 2)}).`
      : `A saddle point: ${still}, ${axes.join(", ")}.`;
    return ridge ? `${spot} The start is exactly on the ridge, so no step leads off it. A push of any size, such as batch noise, would.`
      : `${spot} A push of any size, such as batch noise, frees it.`;
  }
  const flat = "a flat region, and from the loss alone it looks like a finished training";
  return `The slope here is only ${show(slope, 2)}, and the last step moved it by ${show(moved, 2)}: ` +
    `${slope < 0.05 ? flat : "the rate is too small for this many steps"}.`;
}

const showPoint = (p, digits = 2) => (p.length === 1 ? `w = ${number(p[0], digits)}` : `(${p.map((v) => number(v, digits)).join(", ")})`);

/** The goal: the largest rate that converges in the ravine, found when within 2 % below 2/lambda_max. A record, in the past. */
export function goalState(name, { rate, momentum, noise }, threshold) {
  if (name !== "ravine" || momentum > 0 || noise > 0 || rate >= threshold || rate < 0.98 * threshold) return null;
  const below = `${show(100 * (1 - rate / threshold), 2)} % below the threshold 2/λmax = ${show(threshold)}`;
  return `Your best was rate ${showRate(rate, threshold)}, ${below}.`;
}

/** Where a step of the arrow keys ends: it never jumps over 0, so that the keys reach an axis exactly. */
export const snapStep = (from, to) => (from * to < 0 ? 0 : Number(to.toFixed(2)));

// ---- Contour lines ----

/** Loss levels whose square roots are evenly spaced: around a quadratic bowl the rings are equally far apart. */
export function contourLevels(loss, count = 12) {
  const highest = Math.max(...loss.limits[0].flatMap((x) => loss.limits[1].map((y) => valueAt(loss, [x, y]))));
  const unit = loss.name === "saddle" ? 1 / 16 : highest / count ** 2; // the saddle's own level, 1, is among its levels
  return Array.from({ length: Math.floor(Math.sqrt(highest / unit)) }, (_, i) => unit * (i + 1) ** 2);
}

/** Marching squares: for each level a flat list x0, y0, x1, y1, x0, ... of line segments. */
export function contourSegments(value, [[x0, x1], [y0, y1]], levels, columns = 150, rows = 100) {
  const [dx, dy] = [(x1 - x0) / columns, (y1 - y0) / rows];
  const row = (j) => Float64Array.from({ length: columns + 1 }, (_, i) => value([x0 + i * dx, y0 + j * dy]));
  const grid = Array.from({ length: rows + 1 }, (_, j) => row(j));
  return levels.map((level) => {
    const segments = [];
    for (let j = 0; j < rows; j++) {
      for (let i = 0; i < columns; i++) {
        const below = (grid[j][i] < level) + (grid[j][i + 1] < level) + (grid[j + 1][i + 1] < level) + (grid[j + 1][i] < level);
        if (below === 0 || below === 4) continue;
        // The corners in turn: between two of them on different sides of the level the line leaves the cell
        // (two such crossings make a segment, four make two).
        const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]];
        for (let c = 0; c < 4; c++) {
          const [[ia, ja], [ib, jb]] = [corners[c], corners[(c + 1) % 4]];
          const [a, b] = [grid[ja][ia] - level, grid[jb][ib] - level];
          if (a < 0 === b < 0) continue;
          const t = a / (a - b);
          segments.push(x0 + (ia + t * (ib - ia)) * dx, y0 + (ja + t * (jb - ja)) * dy);
        }
      }
    }
    return segments;
  });
}

// ==== The demo ==========================================================================================

const MARKS = { converging: "✓", oscillating: "↔", diverging: "✕", stuck: "■" };
const RATES = [0.001, 5];
const DEFAULTS = { learning_rate: 0.065, momentum: 0, noise: 0, steps: 60 };
const TRAITS = "surface learning_rate momentum noise steps seed start show_threshold";

function render({ model, el }) {
  const page = createPage({ model, el, title: "How far to step: the learning rate" });
  const demo = { page, shown: Infinity };
  const parts = [topControls, summary, pictures, runControls, lossCurve, panel, replay].map((part) => part(demo));
  const update = () => {
    const loss = LOSSES[page.get("surface")];
    const given = page.get("start");
    const start = given.length === loss.axes.length ? given : loss.start; // for the moment between two traits
    const settings = { rate: page.get("learning_rate"), start };
    for (const name of ["momentum", "noise", "steps", "seed"]) settings[name] = page.get(name);
    Object.assign(demo, { loss, settings, run: simulate(loss, settings), shown: Infinity });
    for (const part of parts) part();
  };
  page.watch(TRAITS, update);
  page.watch("goal_met", () => parts[1]());
  update();
  return page.dispose;
}

/** The verdict in one word with its numbers above the figure, in sentences below it; the goal. */
function summary(demo) {
  const { page } = demo;
  const word = html("strong", { class: "lr-word" });
  const [step, facts] = [html("span", { class: "twice-readout" }), html("div", { class: "twice-readout lr-facts" })];
  const spoken = html("p", { class: "lr-spoken", role: "status" }); // what a screen reader hears, once the slider rests
  page.figure.append(html("div", { class: "lr-summary" }, word, step, facts));
  page.main.append(spoken);
  let wait = 0;
  page.onDispose(() => clearTimeout(wait));
  /** The numbers at step k: during a replay they follow the point. */
  demo.tell = (k) => {
    const { run, settings } = demo;
    const at = Math.min(k, settings.steps);
    const where = run.path[at].every((v) => Math.abs(v) < 100) ? ` at ${showPoint(run.path[at])}` : "";
    step.textContent = `step ${at}`;
    facts.textContent = Number.isNaN(run.values[at]) ? "loss NaN" : `loss ${show(run.values[at], 4)}${where}`;
  };
  return () => {
    const { loss, settings, run } = demo;
    const reveal = page.get("goal_met") || page.get("show_threshold") || loss.name !== "ravine"; // the goal asks for the threshold
    const text = explain(loss, settings, run, reveal);
    word.textContent = `${MARKS[run.word]} ${run.word}`;
    word.dataset.word = run.word;
    demo.tell(settings.steps);
    page.say(text.replaceAll("/λ", "/\u2060λ"), { quiet: true }); // no line break inside 2/λmax
    const met = page.get("goal_met");
    page.goal(met, met && loss.name === "ravine" && (demo.found ?? "You found the largest rate that still converges in the ravine."));
    clearTimeout(wait);
    wait = setTimeout(() => { // the slider rests: sweeping across the right rate does not count
      spoken.textContent = `${run.word}. ${text}`;
      const found = goalState(loss.name, settings, run.threshold);
      if (!found || (page.get("goal_met") && settings.rate <= demo.best)) return;
      Object.assign(demo, { found, best: settings.rate });
      page.goal(true, found);
    }, 500);
  };
}

/** The loss from above (two weights) or from the side (one weight), with the path and the start to drag. */
function pictures(demo) {
  const { page } = demo;
  const box = html("div", { class: "lr-plots" });
  page.figure.append(box);
  const shared = { parent: box, draw: (plot) => demo.run && drawPicture(demo, plot) };
  const above = createPlot(page, { ...shared, x: VIEW[0], y: VIEW[1], xLabel: "first weight x", yLabel: "second weight y",
    equal: true, label: "Contour lines of the loss, with the path of the descent" });
  const side = createPlot(page, { ...shared, x: [-1, 1], y: [0, 1], xLabel: "weight w", yLabel: "loss",
    aspect: 2 / 3, label: "Curve of the loss, with the path of the descent" });
  above.element.classList.add("lr-picture", "lr-above");
  side.element.classList.add("lr-picture");
  const handles = [above, side].map((plot) => startHandle(demo, plot));
  demo.placeStart = () => { for (const place of handles) place(); };
  demo.picture = () => (demo.loss.axes.length === 2 ? above : side);
  return () => {
    const { loss } = demo;
    const [shown, hidden] = loss.axes.length === 2 ? [above, side] : [side, above];
    hidden.element.hidden = true;
    shown.element.hidden = false;
    if (loss.axes.length === 1) {
      const [[low, high]] = loss.limits;
      const top = Math.max(...Array.from({ length: 61 }, (_, i) => valueAt(loss, [low + ((high - low) * i) / 60])));
      side.setLimits([low, high], [-0.04 * top, 1.06 * top]);
    }
    shown.redraw();
  };
}

/** The start: a handle to drag or to move with the arrow keys; a click elsewhere brings it there. */
function startHandle(demo, plot) {
  const { page } = demo;
  const circles = [["lr-hit", 24], ["twice-ring", 14], ["lr-start", 9], ["lr-center", 3]];
  const node = svg("g", {}, ...circles.map(([name, r]) => svg("circle", { class: name, r })));
  const name = svg("text", { class: "lr-name", "aria-hidden": "true" }, "start");
  plot.front.append(name, node);
  let dragging = false;
  const position = () => placeOf(demo.loss, demo.settings.start);
  const move = (point, snap, save) => page.set({ start: point.slice(0, demo.loss.axes.length).map(snap) }, save);
  const byPointer = (v) => (Math.abs(v) < 0.035 ? 0 : Number(v.toFixed(2)));
  const byKey = (v, i) => snapStep(demo.settings.start[i], v);
  plot.svg.addEventListener("pointerdown", () => (dragging = true), true);
  for (const type of ["pointerup", "pointercancel"]) plot.svg.addEventListener(type, () => (dragging = false));
  dragHandle(page, plot, node, { position, step: 0.1, onEnd: () => page.set({}),
    onMove: (point) => move(point, dragging ? byPointer : byKey, false) });
  plot.svg.addEventListener("click", (event) => {
    const area = plot.svg.getBoundingClientRect();
    const point = [plot.fromX(event.clientX - area.left), plot.fromY(event.clientY - area.top)];
    const inside = [plot.x, plot.y].every(([low, high], i) => point[i] >= low && point[i] <= high);
    if (inside && !event.target.closest(".twice-handle")) move(point, byPointer, true);
  });
  return () => {
    if (plot !== demo.picture()) return;
    const [x, y] = position();
    const label = `Start of the descent, at ${showPoint(demo.settings.start)}. Arrow keys move it.`;
    make(node, { transform: `translate(${plot.toX(x).toFixed(1)} ${plot.toY(y).toFixed(1)})`, "aria-label": label }, []);
    const right = plot.toX(x) > plot.frame.left + plot.frame.width - 60;
    make(name, { x: plot.toX(x) + (right ? -16 : 16), y: plot.toY(y) - 12, "text-anchor": right ? "end" : "start" }, []);
  };
}

/** Where a point is drawn: (x, y) seen from above, (w, loss) seen from the side. */
const placeOf = (loss, p) => (loss.axes.length === 2 ? p : [p[0], valueAt(loss, p)]);

function drawPicture(demo, plot) {
  const { page, loss, run, settings } = demo;
  if (plot !== demo.picture()) return;
  demo.placeStart();
  const [colors, { ctx, frame: f }] = [page.colors(), plot];
  const flat = loss.axes.length === 1;
  if (flat) drawCurve(loss, plot, colors);
  else ctx.drawImage(background(demo, plot, colors), f.left, f.top, f.width, f.height);
  const toPixels = (p) => placeOf(loss, p).map((v, i) => (i ? plot.toY(v) : plot.toX(v)));
  const names = loss.minima.length > 1 && loss.name !== "saddle" ? ["deep", "shallow"] : [];
  drawPath(ctx, run.path, toPixels, Math.min(demo.shown, settings.steps), f, colors);
  loss.minima.forEach((m, i) => drawMinimum(ctx, toPixels(m), names[i], colors, flat)); // above the path: it ends there
  if (demo.shown < settings.steps) return;
  const seen = (p) => placeOf(loss, p).every((v, i) => v >= [plot.x, plot.y][i][0] && v <= [plot.x, plot.y][i][1]);
  const left = run.path.findIndex((p) => !seen(p));
  if (left >= 0 && !seen(run.path[settings.steps])) {
    caption(ctx, `out of the picture at step ${left}`, f.left + f.width - 10, f.top + f.height - 12, colors, "right");
  }
}

function drawCurve(loss, plot, colors) {
  const { ctx, frame: f } = plot;
  const pixels = Array.from({ length: 301 }, (_, i) => f.left + (f.width * i) / 300);
  const points = pixels.map((px) => [px, plot.toY(valueAt(loss, [plot.fromX(px)]))]);
  ctx.beginPath();
  for (const [x, y] of points) ctx.lineTo(x, y);
  ctx.strokeStyle = colors.curve;
  ctx.lineWidth = 2.5;
  ctx.lineJoin = "round";
  ctx.stroke();
  ctx.lineTo(f.left + f.width, f.top + f.height);
  ctx.lineTo(f.left, f.top + f.height);
  ctx.globalAlpha = 0.09;
  ctx.fillStyle = colors.curve;
  ctx.fill();
  ctx.globalAlpha = 1;
}

const geometry = new Map(); // contour segments by loss: computed once, for every view

/** Bands and contour lines on a canvas of their own, drawn again only for another loss, size or theme. */
function background(demo, plot, colors) {
  const { loss } = demo;
  const { width, height } = plot.canvas;
  const key = [loss.name, width, height, colors.surface].join();
  if (demo.background?.key === key) return demo.background;
  const levels = contourLevels(loss);
  if (!geometry.has(loss.name)) geometry.set(loss.name, contourSegments((p) => valueAt(loss, p), loss.limits, levels));
  const canvas = html("canvas", { width, height });
  const ctx = canvas.getContext("2d");
  const [[x0, x1], [y0, y1]] = loss.limits;
  const rgb = [1, 3, 5].map((i) => parseInt(colors.curve.slice(i, i + 2), 16));
  const image = ctx.createImageData(width, height);
  const rows = Array.from({ length: height }, (_, j) => loss.axes[1][0](y1 - ((j + 0.5) / height) * (y1 - y0)));
  const columns = Array.from({ length: width }, (_, i) => loss.axes[0][0](x0 + ((i + 0.5) / width) * (x1 - x0)));
  for (let j = 0, at = 0; j < height; j++) {
    for (let i = 0; i < width; i++, at += 4) {
      const band = Math.floor(Math.sqrt((columns[i] + rows[j]) / levels[0]));
      image.data.set(rgb, at);
      image.data[at + 3] = 4 + 96 * Math.max(0, 1 - band / levels.length) ** 1.5; // deeper is stronger
    }
  }
  ctx.putImageData(image, 0, 0);
  ctx.strokeStyle = colors.curve;
  ctx.lineWidth = width / plot.frame.width;
  ctx.globalAlpha = 0.55;
  for (const segments of geometry.get(loss.name)) {
    ctx.beginPath();
    for (let k = 0; k < segments.length; k += 4) {
      ctx.moveTo(((segments[k] - x0) / (x1 - x0)) * width, ((y1 - segments[k + 1]) / (y1 - y0)) * height);
      ctx.lineTo(((segments[k + 2] - x0) / (x1 - x0)) * width, ((y1 - segments[k + 3]) / (y1 - y0)) * height);
    }
    ctx.stroke();
  }
  demo.background = Object.assign(canvas, { key });
  return canvas;
}

function caption(ctx, text, x, y, colors, align = "left") {
  Object.assign(ctx, { font: `600 13px ${getComputedStyle(ctx.canvas).fontFamily}`, textAlign: align });
  Object.assign(ctx, { lineWidth: 4, lineJoin: "round", strokeStyle: colors.surface, fillStyle: colors.ink });
  ctx.strokeText(text, x, y);
  ctx.fillText(text, x, y);
}

function drawMinimum(ctx, [x, y], name, colors, flat) {
  for (const [width, color] of [[4, colors.surface], [2, colors.ink]]) {
    ctx.beginPath();
    for (const [dx, dy] of [[9, 0], [0, 9]]) { ctx.moveTo(x - dx, y - dy); ctx.lineTo(x + dx, y + dy); }
    Object.assign(ctx, { lineWidth: width, strokeStyle: color, lineCap: "round" });
    ctx.stroke();
  }
  if (name) caption(ctx, name, x, y + (flat ? -16 : 24), colors, "center");
}

/** The path up to step `end` (a fraction while it is replayed): a line, a dot for every step, a large one at its tip. */
function drawPath(ctx, path, toPixels, end, f, colors) {
  const far = 20 * (f.width + f.height);
  const points = [];
  for (let k = 0; k <= Math.ceil(end) && k < path.length; k++) {
    const [x, y] = toPixels(path[k]);
    if (Number.isNaN(x) || Number.isNaN(y)) break;
    points.push([clamp(x, -far, far), clamp(y, -far, far)]);
    if (Math.max(Math.abs(x), Math.abs(y)) > far) break; // from here on it is out of sight
  }
  const share = end - Math.floor(end);
  if (share && points.length === Math.ceil(end) + 1) {
    const [a, b] = points.slice(-2);
    points[points.length - 1] = a.map((v, i) => v + share * (b[i] - v));
  }
  Object.assign(ctx, { lineJoin: "round", lineCap: "round" });
  for (const [width, color, alpha] of [[5, colors.surface, 0.7], [2, colors.path, 1]]) {
    ctx.beginPath();
    for (const [x, y] of points) ctx.lineTo(x, y);
    Object.assign(ctx, { lineWidth: width, strokeStyle: color, globalAlpha: alpha });
    ctx.stroke();
  }
  Object.assign(ctx, { globalAlpha: 1, fillStyle: colors.path, strokeStyle: colors.surface });
  const size = path.length > 100 ? 2.2 : 3;
  points.forEach(([x, y], k) => {
    const tip = k === points.length - 1;
    ctx.beginPath();
    ctx.arc(x, y, tip ? 6.5 : size, 0, 2 * Math.PI);
    ctx.fill();
    if (tip) { ctx.lineWidth = 2; ctx.stroke(); }
  });
}

/** The loss at every step, on a logarithmic axis: a straight line is a constant factor per step. */
function lossCurve(demo) {
  const { page } = demo;
  const box = html("div", { class: "lr-curve" });
  page.panel.append(box);
  const plot = createPlot(page, { parent: box, x: [0, 60], y: [1e-6, 100], yLog: true, xLabel: "step", yLabel: "loss (log scale)",
    label: "The loss at every step, on a logarithmic axis",
    aspect: 0.55, draw: () => demo.run && draw() });
  demo.lossPlot = plot;
  const [line, note] = [svg("path", { class: "lr-line" }), svg("text", { class: "lr-name" })];
  const tip = svg("circle", { class: "lr-tip", r: 5 });
  plot.back.append(line);
  plot.front.append(tip, note);
  const draw = () => {
    const { run, settings } = demo;
    const f = plot.frame;
    const end = Math.min(demo.shown, settings.steps);
    const height = (v) => clamp(plot.toY(Math.max(v, 1e-300)), f.top - 50, f.top + f.height);
    const points = run.values.slice(0, Math.min(Math.floor(end), run.last) + 1).map((v, k) => [plot.toX(k), height(v)]);
    line.setAttribute("d", `M${points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}`);
    const [x, y] = points.at(-1);
    make(tip, { cx: x, cy: Math.max(y, f.top), visibility: y < f.top ? "hidden" : "visible" }, []);
    const over = run.last < settings.steps && end > run.last;
    make(note, { x: f.left + f.width - 4, y: f.top + 18, "text-anchor": "end" }, []);
    note.textContent = over ? `✕ overflow, step ${run.last + 1}` : "";
  };
  return () => {
    const { run, settings } = demo;
    const first = run.values[0] || 1;
    const most = Math.max(...run.values.slice(0, run.last + 1), first);
    const usual = Math.ceil(Math.log10(first) + 0.2);
    const top = most <= 10 ** usual ? usual : Math.min(15, 3 * Math.ceil(Math.log10(most) / 3));
    plot.setLimits([0, settings.steps], [10 ** (usual - 8), 10 ** top]);
    plot.redraw();
  };
}

/** Above the figure, where hand and eye are close: which loss, and the rate. */
function topControls(demo) {
  const { page } = demo;
  const choose = (name) => page.set({ surface: name, start: LOSSES[name].start });
  const surface = select(page, { label: "Loss", options: [], value: "", onInput: choose });
  for (const [size, label] of [[2, "Two weights, seen from above"], [1, "One weight, seen from the side"]]) {
    const losses = Object.values(LOSSES).filter(({ axes }) => axes.length === size);
    surface.input.append(html("optgroup", { label }, ...losses.map(({ name, title }) => html("option", { value: name }, title))));
  }
  const rate = slider(page, { label: "Learning rate", min: RATES[0], max: RATES[1], log: true, step: 0.002,
    trait: "learning_rate", format: (v) => (demo.run ? showRate(v, demo.run.threshold) : show(v, 4)) });
  const nudge = (sign, words) => {
    const next = () => clamp(Number((page.get("learning_rate") * 1.005 ** sign).toPrecision(5)), ...RATES);
    const { input } = button({ label: sign < 0 ? "−" : "+", title: words, onClick: () => page.set({ learning_rate: next() }) });
    return make(input, { "aria-label": words, class: "lr-nudge" }, []);
  };
  const output = rate.element.querySelector("output");
  const fine = html("div", { class: "lr-fine" });
  output.replaceWith(fine);
  fine.append(nudge(-1, "Rate half a percent smaller"), output, nudge(1, "Rate half a percent larger"));
  const mark = html("div", { class: "lr-mark", "aria-hidden": "true" });
  rate.element.append(mark);
  page.figure.append(html("div", { class: "lr-top" }, surface.element, rate.element));
  return () => {
    if (surface.value !== demo.loss.name) surface.value = demo.loss.name;
    rate.shown(); // as many digits as the threshold of this run asks for
    const [low, high] = RATES.map(Math.log10);
    mark.hidden = !page.get("show_threshold");
    mark.style.setProperty("--place", clamp((Math.log10(demo.run.threshold) - low) / (high - low), 0, 1).toFixed(4));
    mark.dataset.text = show(demo.run.threshold);
  };
}

/** Under the picture they change: momentum, noise, steps. */
function runControls(demo) {
  const { page } = demo;
  const momentum = slider(page, { label: "Momentum", min: 0, max: 0.99, step: 0.01, trait: "momentum" });
  const noise = slider(page, { label: "Batch noise", min: 0, max: 4, step: 0.1, trait: "noise", format: (v) => number(v, 1) });
  const steps = slider(page, { label: "Steps", min: 5, max: 200, step: 1, trait: "steps", format: (v) => number(v, 0) });
  page.figure.append(html("div", { class: "lr-controls" }, ...[momentum, noise, steps].map(({ element }) => element)));
  return () => {};
}

/** Beside it: the formula and the threshold. */
function panel(demo) {
  const { page } = demo;
  const formula = html("small", { class: "twice-hint" });
  const threshold = checkbox(page, { label: "Threshold 2/\u2060λmax", trait: "show_threshold" });
  const sum = html("small", { class: "twice-hint" });
  threshold.element.append(sum);
  const noise = html("small", { class: "twice-hint" }, "Batch noise: how wrong the slope of each batch is (standard deviation).");
  page.panel.append(threshold.element, formula, noise);
  return () => {
    const { loss, run, settings } = demo;
    const two = loss.axes.length === 2;
    const lines = two ? " A line joins points of equal loss." : "";
    formula.textContent = `${two ? "f(x, y)" : "f(w)"} = ${loss.formula}.${lines} A + marks a minimum.`;
    sum.hidden = !page.get("show_threshold");
    const top = show(Math.max(...run.curvatures));
    const where = loss.quadratic ? "" : `, at the minimum ${showPoint(run.valley)}`;
    const above = settings.momentum ? `2(1 + ${show(settings.momentum)})` : "2";
    sum.textContent = `${above} / ${top} = ${show(run.threshold)}${settings.momentum ? " with momentum" : ""}${where}`;
  };
}

/** Replay the path step by step, take everything back, draw other noise. */
function replay(demo) {
  const { page } = demo;
  const redraw = () => { demo.picture().redraw(); demo.lossPlot.redraw(); };
  const loop = animation(page, (seconds) => {
    const { steps } = demo.settings;
    demo.shown = Math.min(steps, demo.shown + seconds * Math.max(12, steps / 5));
    demo.tell(Math.floor(demo.shown));
    redraw();
    if (demo.shown < steps) return true;
    finish();
    return false;
  });
  const finish = () => { loop.stop(); demo.shown = Infinity; play.value = "▶ Replay"; demo.tell(demo.settings.steps); redraw(); };
  const play = button({ label: "▶ Replay", primary: true, title: "Walk the path again, step by step", onClick: () => {
    if (loop.running) return finish();
    demo.shown = 0;
    play.value = "■ Stop";
    loop.start();
  } });
  const reset = button({ label: "Reset", title: "Everything as it was for this loss; the seed stays", onClick: () => {
    demo.found = demo.best = undefined;
    page.set({ ...DEFAULTS, start: demo.loss.start, show_threshold: false, goal_met: false });
  } });
  const again = button({ label: "New noise", title: "The next seed", onClick: () => page.set({ seed: page.get("seed") + 1 }) });
  page.actions.append(play.element, reset.element, again.element);
  return () => {
    if (loop.running) { loop.stop(); play.value = "▶ Replay"; }
    again.input.disabled = demo.settings.noise === 0;
  };
}

export default { render };
