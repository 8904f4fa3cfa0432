/* fit.js: a polynomial through noisy points, refitted while they are dragged, with a penalty on its weights.
 * Above the line "The demo": pure functions, compared with NumPy and scikit-learn in tests/test_fit_demo.py.
 * The loss is as Keras adds it up: mean squared error + l1 sum |w| + l2 sum w². The w belong to x, x², ..., x^degree, with x from
 * -1 to 1; the bias, the constant, is never penalized. A fit is the list [bias, w1, w2, ...]. */

export const MOST = 15; // the highest degree
export const STRENGTHS = Array.from({ length: 71 }, (_, i) => Number((10 ** (-6 + i / 10)).toPrecision(6))); // the slider's stops
export const SHARES = Array.from({ length: 9 }, (_, i) => (i + 1) / 10); // of L1 in the elastic net
export const NEAR = 1.05; // the goal: at most so many times the lowest validation error
const FLOOR = 1e-16; // an l2 beside l1, so that columns may depend on each other

// ---- Data ----

export const truth = (x) => Math.sin(Math.PI * x);

/** Points (x, y) on the true curve plus noise: one in each of `count` equal parts of [-1, 1], twice. */
export function drawData(seed, count, noise, validationCount = 20) {
  const draw = (n, stream) => Array.from({ length: n }, (_, i) => {
    const x = -1 + (2 * (i + stream.next())) / n;
    return [x, clamp(truth(x) + noise * stream.normal(), -2, 2)].map((v) => Math.round(1e4 * v) / 1e4);
  });
  return { training: draw(count, seeded(2 * seed)), validation: draw(validationCount, seeded(2 * seed + 1)) };
}

// ---- Fits ----

/** The polynomial at x (Horner). */
export function valueAt(fit, x) {
  let y = 0;
  for (let k = fit.length - 1; k >= 0; k--) y = y * x + fit[k];
  return y;
}
/** The mean squared error; what is left where a curve runs through all points is rounding, and counts as 0. */
export function errorOf(fit, points) {
  const error = points.reduce((sum, [x, y]) => sum + (valueAt(fit, x) - y) ** 2, 0) / points.length;
  return error < 1e-12 ? 0 : error;
}

/** Reflect columns, one after the other, to upper triangular form, and the right-hand side along with them (Householder, 1958). */
function triangular(columns, side) {
  const all = [...columns, side];
  columns.forEach((column, k) => {
    const v = column.slice(k);
    const size = Math.sqrt(v.reduce((sum, a) => sum + a * a, 0));
    if (!size) return;
    v[0] += v[0] > 0 ? size : -size;
    const square = v.reduce((sum, a) => sum + a * a, 0);
    for (let c = k; c < all.length; c++) {
      const other = all[c];
      let dot = 0;
      for (let i = 0; i < v.length; i++) dot += v[i] * other[k + i];
      for (let i = 0, f = (2 * dot) / square; i < v.length; i++) other[k + i] -= f * v[i];
    }
  });
}

/** The powers of x and y, each less its mean (so the bias is free), turned so that the powers are 15 triangular columns. */
export function prepare(points) {
  const n = points.length;
  const centered = (values) => {
    const mean = values.reduce((sum, v) => sum + v, 0) / n;
    const column = new Float64Array(Math.max(n, MOST));
    values.forEach((v, i) => { column[i] = v - mean; });
    return { mean, column };
  };
  const [powers, ys] = [Array.from({ length: MOST }, (_, k) => centered(points.map(([x]) => x ** (k + 1)))), centered(points.map(([, y]) => y))];
  triangular(powers.map(({ column }) => column), ys.column);
  return { n, columns: powers.map(({ column }) => column.slice(0, MOST)), side: ys.column.slice(0, MOST),
    means: powers.map(({ mean }) => mean), mean: ys.mean, decomposed: [] };
}

/** Singular values and vectors by rotating pairs of columns until all are orthogonal (Hestenes, 1958). */
function decompose(columns, side) {
  const [d, a] = [columns.length, columns.map((column) => column.slice())];
  const v = a.map((_, k) => Float64Array.from(a, (_, j) => Number(j === k)));
  const dot = (p, q) => { let sum = 0; for (let i = 0; i < p.length; i++) sum += p[i] * q[i]; return sum; };
  const turn = (p, q, c, s) => {
    for (let i = 0; i < p.length; i++) [p[i], q[i]] = [c * p[i] - s * q[i], s * p[i] + c * q[i]];
  };
  for (let sweep = 0, turned = true; turned && sweep < 40; sweep++) {
    turned = false;
    for (let i = 0; i < d; i++) {
      for (let j = i + 1; j < d; j++) {
        const [p, q, r] = [dot(a[i], a[i]), dot(a[j], a[j]), dot(a[i], a[j])];
        if (Math.abs(r) <= 1e-15 * Math.sqrt(p * q)) continue;
        turned = true;
        const z = (q - p) / (2 * r);
        const t = (z < 0 ? -1 : 1) / (Math.abs(z) + Math.sqrt(1 + z * z));
        const c = 1 / Math.sqrt(1 + t * t);
        turn(a[i], a[j], c, c * t);
        turn(v[i], v[j], c, c * t);
      }
    }
  }
  return a.map((column, k) => ({ square: dot(column, column), part: dot(column, side), direction: v[k] }));
}

/** Least squares with l2: along each direction the share s² / (s² + n l2) of the full step. Without it the smallest weights, as NumPy's lstsq. */
function ridge(data, degree, l2) {
  const parts = (data.decomposed[degree] ??= decompose(data.columns.slice(0, degree), data.side));
  const least = Math.max(...parts.map(({ square }) => square)) * (2.2e-16 * Math.max(data.n, degree)) ** 2;
  const w = new Float64Array(degree);
  for (const { square, part, direction } of parts) {
    const size = square + data.n * l2 > least ? part / (square + data.n * l2) : 0;
    for (let k = 0; k < degree; k++) w[k] += size * direction[k];
  }
  return w;
}

/** The weights of the chosen columns where the loss is lowest if they keep these signs. */
function settle(data, chosen, signs, l1, l2) {
  const [m, k] = [MOST, chosen.length];
  const columns = chosen.map((j, i) => {
    const column = new Float64Array(m + k);
    column.set(data.columns[j]);
    column[m + i] = Math.sqrt(data.n * l2);
    return column;
  });
  const side = new Float64Array(m + k);
  side.set(data.side);
  triangular(columns, side);
  const [pull, w] = [new Float64Array(k), new Float64Array(k)];
  for (let i = 0; i < k; i++) { // R' pull = n l1 signs / 2, then R w = side - pull
    pull[i] = 0.5 * data.n * l1 * signs[chosen[i]];
    for (let j = 0; j < i; j++) pull[i] -= columns[i][j] * pull[j];
    pull[i] /= columns[i][i];
  }
  for (let i = k - 1; i >= 0; i--) {
    w[i] = side[i] - pull[i];
    for (let j = i + 1; j < k; j++) w[i] -= columns[j][i] * w[j];
    w[i] /= columns[i][i];
  }
  return w;
}

/** Half the slope of the squared error by each weight, times -1. */
function pulls(data, w) {
  const rest = data.side.slice();
  w.forEach((v, j) => { if (v) for (let i = 0; i <= j; i++) rest[i] -= data.columns[j][i] * v; });
  return w.map((_, j) => {
    let sum = 0;
    for (let i = 0; i <= j; i++) sum += data.columns[j][i] * rest[i];
    return sum / data.n;
  });
}

/** With l1: an active set. Solve for the chosen weights; where one would change its sign, stop there and drop it; then choose
 * the zero that pulls hardest, while any pulls more than l1 (as Lawson and Hanson, 1974, do for signs given beforehand). */
function lasso(data, degree, l1, l2, start) {
  const w = Float64Array.from({ length: degree }, (_, k) => start?.[k] ?? 0);
  const signs = w.map(Math.sign);
  let chosen = [...w.keys()].filter((k) => w[k]);
  const refused = new Set();
  for (let step = 0; step < 400; step++) {
    const goal = settle(data, chosen, signs, l1, l2 + FLOOR);
    let share = 1;
    chosen.forEach((j, i) => { if (goal[i] * signs[j] <= 0) share = Math.min(share, w[j] / (w[j] - goal[i]) || 0); });
    chosen = chosen.filter((j, i) => {
      const out = goal[i] * signs[j] <= 0 && (w[j] / (w[j] - goal[i]) || 0) <= share;
      if (out && !w[j]) refused.add(j); // rounding: it was chosen, and does not move
      w[j] = out ? 0 : w[j] + share * (goal[i] - w[j]);
      return !out;
    });
    if (share < 1) continue;
    let [best, most] = [-1, 0.5 * l1 * (1 + 1e-7) + 1e-14];
    const pull = pulls(data, w);
    pull.forEach((p, j) => { if (!w[j] && !refused.has(j) && Math.abs(p) > most) [best, most] = [j, Math.abs(p)]; });
    if (best < 0) break;
    chosen.push(best);
    signs[best] = Math.sign(pull[best]);
  }
  return w;
}

/** [bias, w1, ..., w_degree] with the lowest loss; `start`: a fit nearby, from which L1 sets out. */
export function fitOf(data, degree, [l1, l2], start) {
  const w = !degree ? [] : l1 ? lasso(data, degree, l1, l2, start?.slice(1)) : ridge(data, degree, l2);
  return [w.reduce((sum, v, k) => sum - v * data.means[k], data.mean), ...w];
}

/** What a penalty and its strength add up to: [l1, l2]. */
export const amounts = (penalty, strength, share) =>
  ({ none: [0, 0], l2: [0, strength], l1: [strength, 0], elastic: [strength * share, strength * (1 - share)] })[penalty];

/** Errors along the strengths, or along the degrees: [{at, training, validation}]. */
export function alongStrengths(data, points, validation, { degree, penalty, share }) {
  let fit;
  const curve = [];
  for (const at of STRENGTHS.toReversed()) { // from stiff to free: weights come in one by one
    fit = fitOf(data, degree, amounts(penalty, at, share), fit);
    curve.unshift({ at, training: errorOf(fit, points), validation: errorOf(fit, validation) });
  }
  return curve;
}
export function alongDegrees(data, points, validation, { penalty, strength, share }) {
  let fit;
  return Array.from({ length: MOST + 1 }, (_, at) => {
    fit = fitOf(data, at, amounts(penalty, strength, share), fit);
    return { at, training: errorOf(fit, points), validation: errorOf(fit, validation) };
  });
}
export const lowest = (curve) => curve.reduce((best, one) => (one.validation < best.validation ? one : best));

/** All that the goal looks through, in turns that fit into a frame: no penalty, L2, L1, and nine elastic nets. */
export const CANDIDATES = [{ penalty: "l2" }, { penalty: "l1" }, ...SHARES.map((share) => ({ penalty: "elastic", share }))];
export function bestOf(data, points, validation, { penalty, share }) {
  const { at, validation: error } = lowest(alongStrengths(data, points, validation, { degree: MOST, penalty, share }));
  return { penalty, share, strength: at, error };
}

// ---- Words ----

const raised = (power) => [...String(power)].map((c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] ?? "⁻").join("");

/** An error, a weight or a strength for people: three digits, thousands with commas, powers of ten where it is tiny or huge. */
export function short(value, digits = 3) {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 0.9995e-4 || size >= 999_999.5) {
    const [factor, power] = size.toExponential(digits - 1).split("e").map(Number);
    return `${value < 0 ? "−" : ""}${factor === 1 ? "" : `${factor} · `}10${raised(power)}`;
  }
  const text = size >= 100 ? Math.round(size).toLocaleString("en-US") : String(Number(size.toPrecision(digits)));
  return `${value < 0 ? "−" : ""}${text}`;
}

export const NAMES = { none: "no penalty", l2: "L2", l1: "L1", elastic: "the elastic net" };

/** How many weights are exactly zero, and how large the largest is. */
export function weightsTold(fit) {
  const w = fit.slice(1);
  if (!w.length) return "Degree 0: the bias alone, no weights";
  const zeros = w.filter((v) => v === 0).length;
  if (zeros === w.length) return zeros === 1 ? "The weight is exactly zero" : `All ${zeros} weights are exactly zero`;
  const largest = `largest ${short(w.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a)))}`;
  return `${zeros || "None"} of ${w.length} weight${w.length > 1 ? "s" : ""} ${zeros > 1 ? "are" : "is"} exactly zero; ${largest}`;
}

/** What the two errors say here: `curve` are the errors along the strengths, or without a penalty along the degrees. */
export function reading({ fit, degree, penalty, strength, training, validation, curve, best, noise }) {
  const start = `Training error ${short(training)}, validation error ${short(validation)}`;
  if (!degree) return `${start}. Degree 0 is the bias alone: a flat line through the mean of the training points. No penalty touches it.`;
  if (fit.slice(1).every((v) => v === 0)) {
    return `${start}. Every weight is exactly zero. The bias is not penalized: what is left is a flat line through the mean of the training points.`;
  }
  const low = lowest(curve);
  const at = penalty === "none" ? degree : strength;
  const there = penalty === "none" ? `degree ${low.at}` : `strength ${short(low.at, 2)}`;
  const name = NAMES[penalty];
  if (validation <= NEAR * low.validation) {
    const where = penalty === "none" ? "No other degree does clearly better without a penalty" : `No other strength of ${name} does clearly better at degree ${degree}`;
    const other = degree === MOST && best && validation > NEAR * best.error;
    const compared = validation <= 2 * noise * noise ? " The curve follows the shape of the points and little of their noise."
      : ` On average, the noise alone gives the true curve an error of ${short(noise * noise)}.`;
    return `${start}. ${where}.${other ? ` Another penalty does: ${short(best.error)}.` : compared}`;
  }
  const times = validation / training;
  const free = penalty === "none" ? at > low.at : at < low.at;
  if (free) {
    const far = times >= 1.995 ? `${times > 1e6 ? "more than a million" : `about ${short(Number(times.toPrecision(2)), 2)}`} times the training error` : "more than it need be";
    const how = training ? `, ${far}: the curve bends to follow the noise` : ": the curve runs through every training point, noise and all";
    return `${start}${how}. ${penalty === "none" ? "A lower degree" : "More strength"} helps: `
      + `at ${there} the validation error is ${short(low.validation)}.`;
  }
  return `${start}: the curve is too stiff and misses part of the shape. ${penalty === "none" ? "A higher degree" : "Less strength"} helps: `
    + `at ${there} the validation error is ${short(low.validation)}.`;
}

// ---- The demo ----

const [LOW, HIGH, FEWEST, MANY] = [-2, 2, 3, 40]; // of y; of the number of points
const START = { points: [], seed: 1, count: 20, noise: 0.25, degree: 15, penalty: "none", strength: 0.001, share: 0.5, view: "degree", show_truth: true };
const TRAITS = Object.keys(START);

function render({ model, el }) {
  const page = createPage({ model, el, title: "Fit the curve, or the noise?" });
  const demo = { page, caches: {} };
  const parts = [picture, settings, errors, weights].map((part) => part(demo));
  const spoken = html("p", { class: "ft-spoken", role: "status" }); // what a screen reader hears, once a slider rests
  page.main.append(spoken);
  const compute = () => {
    Object.assign(demo, stateOf(demo));
    for (const part of parts) part();
    demo.told = reading(demo);
    page.say(demo.told, { quiet: true });
    goalTold(demo);
    rest();
  };
  let wait = 0;
  page.onDispose(() => clearTimeout(wait));
  function rest(turn = 0) { // a moment after the last change: the goal, one penalty at a time
    clearTimeout(wait);
    wait = setTimeout(() => {
      const found = demo.found;
      if (found.length < CANDIDATES.length) {
        found.push(bestOf(demo.data, demo.training_points, demo.validation_points, CANDIDATES[found.length]));
        if (found.length < CANDIDATES.length) return rest(1);
        compute();
        return undefined;
      }
      if (spoken.textContent !== demo.told) spoken.textContent = demo.told;
      if (near(demo) && !page.get("goal_met")) {
        demo.record = `${short(demo.validation)} with ${NAMES[demo.penalty]}${demo.penalty === "none" ? "" : ` at strength ${short(demo.strength, 2)}`}; `
          + `the lowest of any penalty is ${short(demo.best.error)}. ${weightsTold(demo.fit).split(";")[0]}.`;
        page.set({ goal_met: true });
      }
      return undefined;
    }, turn ? 0 : 300);
  }
  demo.redraw = frame(page, compute);
  page.watch(`${TRAITS.join(" ")} goal_met`, demo.redraw);
  compute();
  return page.dispose;
}

const near = ({ degree, validation, best }) => degree === MOST && best && validation <= NEAR * best.error;

function goalTold(demo) {
  const { page, best, record } = demo;
  const met = page.get("goal_met");
  const aim = best ? ` Here that is ${short(NEAR * best.error)} or less.` : "";
  page.goal(met, met ? `${near(demo) ? "" : "Met earlier: "}${record ?? "within 5% of the lowest."}` : `${page.get("goal")}${aim}`);
}

/** Everything the parts show; what did not change is kept. */
function stateOf({ page, caches }) {
  const s = Object.fromEntries(TRAITS.map((name) => [name, page.get(name)]));
  const keep = (name, key, fn) => {
    const words = JSON.stringify(key);
    if (caches[name]?.words !== words) caches[name] = { words, value: fn() };
    return caches[name].value;
  };
  const drawn = keep("drawn", [s.seed, s.count, s.noise], () => drawData(s.seed, s.count, s.noise));
  const points = s.points.length ? s.points : drawn.training;
  const known = [points, s.seed, s.noise];
  const { data, found } = keep("data", known, () => ({ data: prepare(points), found: [] }));
  const curves = {
    strength: () => keep("strength", [known, s.degree, s.penalty, s.share], () => alongStrengths(data, points, drawn.validation, s)),
    degree: () => keep("degree", [known, s.penalty, s.strength, s.share], () => alongDegrees(data, points, drawn.validation, s)),
  };
  const fit = keep("fit", [known, s.degree, s.penalty, s.strength, s.share], () => fitOf(data, s.degree, amounts(s.penalty, s.strength, s.share)));
  const ready = found.length === CANDIDATES.length;
  return { ...s, data, found, curves, fit, training_points: points, validation_points: drawn.validation,
    training: errorOf(fit, points), validation: errorOf(fit, drawn.validation),
    curve: curves[s.penalty === "none" ? "degree" : "strength"](),
    best: ready ? found.reduce((a, b) => (b.error < a.error ? b : a)) : null };
}

const pathOf = (points) => `M${points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}`;
const swatch = (name, shape) => svg("svg", { class: `ft-swatch ft-${name}`, viewBox: "0 0 24 12", width: 24, height: 12, "aria-hidden": "true" },
  shape === "dot" ? svg("circle", { class: "ft-dot", cx: 12, cy: 6, r: 5 }) : shape === "bar" ? svg("path", { class: "ft-dot", d: "M7 1h10v10H7Z" }) : svg("path", { class: "ft-line", d: "M1 6H23" }));

// ---- The points and the curve ----

function picture(demo) {
  const { page } = demo;
  const [train, validate] = [html("b", {}), html("b", {})];
  const key = html("div", { class: "ft-key" },
    html("span", {}, swatch("training", "dot"), "training error ", train), html("span", {}, swatch("validation", "dot"), "validation error ", validate),
    html("span", {}, swatch("fit"), "fitted polynomial"), html("span", {}, swatch("truth"), "true curve"));
  page.figure.append(key);
  const plot = createPlot(page, { parent: page.figure, x: [-1.05, 1.05], y: [LOW - 0.15, HIGH + 0.15], xLabel: "x", yLabel: "y",
    label: "Training and validation points and the fitted polynomial", aspect: innerWidth < 480 ? 0.82 : 0.66, draw });
  const [true_, rests, line, hollow] = [svg("path", { class: "ft-truth" }), svg("path", { class: "ft-rests" }), svg("path", { class: "ft-curve" }), svg("g", {})];
  plot.back.append(true_, rests, hollow, line);
  const rings = Array.from({ length: 20 }, () => svg("circle", { class: "ft-dot ft-validation", r: 5 }));
  hollow.append(...rings);
  let touched = -1;
  const handles = [];
  const now = () => (page.get("points").length ? page.get("points") : demo.training_points); // two keys may come in one frame
  const move = (i, [x, y]) => page.set({ points: now().map((p, k) => (k === i ? [x, y].map((v) => Math.round(1e4 * v) / 1e4) : p)) }, false);
  const change = (points) => page.set({ points, count: Math.max(points.length, 5) });
  const remove = (i) => {
    if (now().length <= FEWEST) return;
    change(now().filter((_, k) => k !== i));
    touched = -1;
  };
  const addAt = (point) => { if (now().length < MANY) { touched = now().length; change([...now(), point]); } };
  function handle(i) {
    const node = svg("g", {}, svg("circle", { class: "ft-hit", r: 17 }), svg("circle", { class: "twice-ring", r: 11 }), svg("circle", { class: "ft-dot ft-training", r: 6.5 }));
    plot.front.append(node);
    dragHandle(page, plot, node, { position: () => now()[i], limits: () => [[-1, 1], [LOW, HIGH]], step: 0.05,
      onMove: (point) => move(i, point), onEnd: () => page.set({}),
      onKey: ({ key: pressed }) => {
        if (pressed === "Delete" || pressed === "Backspace") { remove(i); return true; }
        const by = { PageDown: 1, PageUp: -1 }[pressed];
        if (!by) return false;
        const order = now().map((_, k) => k).sort((a, b) => now()[a][0] - now()[b][0]);
        handles[order[(order.indexOf(i) + by + order.length) % order.length]].focus();
        return true;
      } });
    node.addEventListener("focus", () => { touched = i; tabStop(); });
    return node;
  }
  /** Tab stops at one point only; Page Up and Page Down lead to the others. */
  const tabStop = () => handles.forEach((node, i) => node.setAttribute("tabindex", i === Math.max(touched, 0) ? 0 : -1));
  plot.svg.addEventListener("pointerdown", (event) => { // where points crowd, the press goes to the nearest, not to the one on top
    const pressed = event.target.closest(".twice-handle");
    if (!pressed || !event.isTrusted) return;
    const area = plot.svg.getBoundingClientRect();
    const far = ([x, y]) => Math.hypot(plot.toX(x) + area.left - event.clientX, plot.toY(y) + area.top - event.clientY);
    const all = now().map(far);
    const nearest = handles[all.indexOf(Math.min(...all))];
    if (nearest === pressed) return;
    event.stopPropagation();
    event.preventDefault();
    nearest.dispatchEvent(new PointerEvent("pointerdown", event));
  }, true);
  plot.svg.addEventListener("click", (event) => {
    const area = plot.svg.getBoundingClientRect();
    const [x, y] = [plot.fromX(event.clientX - area.left), plot.fromY(event.clientY - area.top)];
    if (!event.target.closest(".twice-handle") && Math.abs(x) <= 1.03 && y > LOW && y < HIGH) addAt([clamp(x, -1, 1), y].map((v) => Math.round(1e3 * v) / 1e3));
  });

  const fresh = button({ label: "New noise", primary: true, title: "Other points around the same true curve", onClick: () => page.set({ seed: (page.get("seed") + 1) % 100000, points: [] }) });
  const add = button({ label: "Add a point", title: "Where there is most room, on the true curve plus noise", onClick: () => {
    const xs = [-1, ...now().map(([x]) => x), 1].sort((a, b) => a - b);
    const widest = xs.slice(1).reduce((best, x, i) => (x - xs[i] > best[0] ? [x - xs[i], (x + xs[i]) / 2] : best), [0, 0])[1];
    const x = Math.round(1e4 * widest) / 1e4;
    addAt([x, clamp(Math.round(1e4 * (truth(x) + demo.noise * seeded(1e6 + now().length).normal())) / 1e4, LOW, HIGH)]);
  } });
  const drop = button({ label: "Remove one", title: "The point you touched last, or else the newest", onClick: () =>
    remove(touched >= 0 && touched < now().length ? touched : now().length - 1) });
  const reset = button({ label: "Reset", title: "As it was at the start", onClick: () => page.set({ ...START, goal_met: false }) });
  page.actions.append(fresh.element, add.element, drop.element, reset.element, html("small", { class: "twice-hint" }, "Drag a point, or focus one and press the arrow keys; Page Down goes to the next. Click beside them to add one; Delete takes it away."));

  function draw() {
    const { fit, training_points: points, validation_points: validation, show_truth } = demo;
    if (!fit) return;
    const { frame: f, toX, toY } = plot;
    const curve = (fn) => pathOf(Array.from({ length: 321 }, (_, i) => {
      const x = -1 + i / 160;
      return [toX(x), clamp(toY(fn(x)), f.top - 300, f.top + f.height + 300)];
    }));
    line.setAttribute("d", curve((x) => valueAt(fit, x)));
    make(true_, { d: curve(truth), display: show_truth ? "inline" : "none" }, []);
    rests.setAttribute("d", points.map(([x, y]) => `M${toX(x).toFixed(1)} ${toY(y).toFixed(1)}V${clamp(toY(valueAt(fit, x)), f.top - 300, f.top + f.height + 300).toFixed(1)}`).join(""));
    rings.forEach((ring, i) => make(ring, { cx: toX(validation[i][0]), cy: toY(validation[i][1]) }, []));
    while (handles.length < points.length) handles.push(handle(handles.length));
    tabStop();
    handles.forEach((node, i) => {
      if (!points[i]) { make(node, { display: "none" }, []); return; }
      const [x, y] = points[i];
      make(node, { display: "inline", transform: `translate(${toX(x).toFixed(1)} ${toY(y).toFixed(1)})`,
        "aria-label": `Training point ${i + 1} of ${points.length}: x ${number(x)}, y ${number(y)}. Arrow keys move it, Delete removes it, Page Down goes to the next.` }, []);
    });
  }
  return () => {
    train.textContent = short(demo.training);
    validate.textContent = short(demo.validation);
    add.input.disabled = demo.training_points.length >= MANY;
    drop.input.disabled = demo.training_points.length <= FEWEST;
    plot.redraw();
  };
}

// ---- Degree, penalty, strength ----

/** Buttons, one chosen. */
function choice(page, { legend, options, trait, onPick }) {
  const group = `ft-choice-${nextId()}`;
  const inputs = options.map(([value, text]) => {
    const input = html("input", { type: "radio", name: group, value, onchange: () => (onPick ? onPick(value) : page.set({ [trait]: value })) });
    return [input, html("label", {}, input, html("span", {}, text))];
  });
  const element = html("div", { class: "ft-choice", role: "radiogroup", "aria-labelledby": group }, html("b", { id: group }, legend), html("div", {}, ...inputs.map(([, label]) => label)));
  return { element, show: () => { for (const [input] of inputs) input.checked = input.value === page.get(trait); } };
}

function settings(demo) {
  const { page } = demo;
  const degree = slider(page, { label: "Degree", min: 0, max: MOST, step: 1, trait: "degree", format: String, hint: "The highest power of x." });
  const penalty = choice(page, { legend: "Penalty on the weights", trait: "penalty", options: [["none", "None"], ["l2", "L2"], ["l1", "L1"], ["elastic", "Elastic net"]],
    onPick: (value) => page.set({ penalty: value, ...(page.get("penalty") === "none" ? { view: "strength" } : {}) }) });
  const strength = slider(page, { label: "Strength λ", min: STRENGTHS[0], max: STRENGTHS.at(-1), log: true, step: 0.1, trait: "strength", format: (v) => short(v, 2) });
  const share = slider(page, { label: "Share of L1", min: 0.1, max: 0.9, step: 0.1, trait: "share", format: (v) => short(v, 2) });
  const formula = html("p", { class: "ft-formula" });
  const redraw = { points: [] };
  const count = slider(page, { label: "Points", min: 5, max: MANY, step: 1, trait: "count", format: String, onInput: () => page.set(redraw) });
  const noise = slider(page, { label: "Noise σ", min: 0, max: 0.6, step: 0.05, trait: "noise", onInput: () => page.set(redraw), hint: "Both draw the points anew." });
  page.panel.append(degree.element, penalty.element, strength.element, share.element, formula, checkbox(page, { label: "Show the true curve", trait: "show_truth" }).element,
    html("details", { class: "ft-data" }, html("summary", {}, "The data"), count.element, noise.element));
  return () => {
    penalty.show();
    strength.input.disabled = demo.penalty === "none";
    share.input.disabled = demo.penalty !== "elastic";
    const [l1, l2] = amounts(demo.penalty, demo.strength, demo.share);
    const terms = ["mean squared error", l1 && `${short(l1, 2)} Σ|w|`, l2 && `${short(l2, 2)} Σw²`].filter(Boolean).map((term, i) => (i ? term.replaceAll(" ", "\u00a0") : term));
    fill(formula, html("b", {}, "Loss"), ` = ${terms.join(" + ")}. `, html("span", {}, "The bias is free: no penalty counts it."));
  };
}

// ---- The errors, over the strength and over the degree ----

function errors(demo) {
  const { page } = demo;
  const tabs = choice(page, { legend: "Errors over the", trait: "view", options: [["strength", "strength"], ["degree", "degree"]] });
  const aim = html("span", {}, swatch("goal"), "goal");
  const key = html("div", { class: "ft-key" }, html("span", {}, swatch("training"), "training"), html("span", {}, swatch("validation"), "validation"),
    html("span", {}, swatch("noise"), "noise alone, σ²"), aim);
  const box = html("div", { class: "ft-side" }, tabs.element);
  page.foot.append(box);
  const place = { strength: (x) => STRENGTHS[clamp(Math.round(10 * (Math.log10(x) + 6)), 0, 70)], degree: (x) => clamp(Math.round(x), 0, MOST) };
  const make1 = (name, options) => {
    const holder = html("div");
    box.append(holder);
    const plot = createPlot(page, { parent: holder, y: [0.01, 10], yLabel: "mean squared error", yLog: true, aspect: 0.62, draw: () => draw(name), ...options });
    plot.svg.classList.add("ft-pick");
    const shapes = Object.fromEntries(["noise", "goal", "training", "validation"].map((one) => [one, svg("path", { class: `ft-line ft-${one}` })]));
    const [ruler, low] = [svg("path", { class: "ft-ruler" }), svg("path", { class: "ft-lowest" })];
    const dots = ["training", "validation"].map((one) => svg("circle", { class: `ft-dot ft-${one}`, r: 6 }));
    const [word, above] = [svg("text", { class: "ft-word", "text-anchor": "middle" }), svg("text", { class: "ft-word", "text-anchor": "end" })];
    plot.back.append(ruler, ...Object.values(shapes), low);
    plot.front.append(...dots, word, above);
    let held = false;
    const pick = (event) => {
      const x = plot.fromX(event.clientX - plot.svg.getBoundingClientRect().left);
      if (name === "strength" && page.get("penalty") === "none") return;
      page.set({ [name]: place[name](x) }, false);
    };
    plot.svg.addEventListener("pointerdown", (event) => {
      const y = event.clientY - plot.svg.getBoundingClientRect().top;
      if (event.button || y > plot.frame.top + plot.frame.height) return;
      held = true;
      plot.svg.setPointerCapture(event.pointerId);
      pick(event);
    });
    plot.svg.addEventListener("pointermove", (event) => { if (held) pick(event); });
    for (const type of ["pointerup", "pointercancel"]) plot.svg.addEventListener(type, () => { if (held) page.set({}); held = false; });
    return { holder, plot, shapes, ruler, low, dots, word, above };
  };
  const views = {
    strength: make1("strength", { x: [STRENGTHS[0] * 0.8, STRENGTHS.at(-1) * 1.25], xLog: true, xLabel: "strength λ of the penalty", label: "Training and validation error over the strength" }),
    degree: make1("degree", { x: [-0.3, MOST + 0.3], xLabel: "degree of the polynomial", label: "Training and validation error over the degree" }),
  };
  const note = html("small", { class: "twice-hint ft-note" });
  box.append(key, note);
  function draw(name) {
    if (!demo.fit || demo.view !== name) return;
    const { plot, shapes, ruler, low, dots, word, above } = views[name];
    const { frame: f, toX, toY } = plot;
    const curve = demo.curves[name]();
    const inside = (v) => clamp(toY(v), f.top - 50, f.top + f.height + 50);
    for (const one of ["training", "validation"]) shapes[one].setAttribute("d", pathOf(curve.map((c) => [toX(c.at), inside(c[one])])));
    const level = (v) => (v ? `M${f.left} ${inside(v)}h${f.width}` : "");
    shapes.noise.setAttribute("d", level(demo.noise ** 2));
    const counts = demo.degree === MOST && name === "strength" && demo.best;
    shapes.goal.setAttribute("d", level(counts && NEAR * demo.best.error));
    aim.style.visibility = counts ? "" : "hidden";
    const now = demo[name];
    make(ruler, { d: `M${toX(now)} ${f.top}v${f.height}` }, []);
    [demo.training, demo.validation].forEach((v, i) => make(dots[i], { cx: toX(now), cy: clamp(toY(v), f.top, f.top + f.height) }, []));
    const best = lowest(curve);
    const [x, y] = [toX(best.at), clamp(toY(best.validation), f.top, f.top + f.height)];
    const chosen = name === "degree" || demo.penalty !== "none"; // else all strengths are alike
    low.setAttribute("d", !chosen ? "" : `M${x - 7} ${y}L${x} ${y - 7}L${x + 7} ${y}L${x} ${y + 7}Z`);
    make(word, { x: clamp(x, f.left + 60, f.left + f.width - 60), y: y - 16 < f.top + 30 ? y + 24 : y - 16 }, []);
    make(above, { x: toX(now) - 11 < f.left + 90 ? toX(now) + 11 : toX(now) - 11, y: f.top + 14, "text-anchor": toX(now) - 11 < f.left + 90 ? "start" : "end" }, []);
    above.textContent = demo.validation > plot.y[1] ? `↑ ${short(demo.validation)}` : ""; // beyond the picture
    word.textContent = chosen ? `lowest ${short(best.validation)}` : "";
  }
  return () => {
    tabs.show();
    for (const [name, { holder, plot }] of Object.entries(views)) {
      holder.hidden = demo.view !== name;
      if (holder.hidden) continue;
      const curve = demo.curves[name]();
      const least = Math.min(...curve.map(({ training, validation }) => Math.min(training, validation)));
      plot.setLimits(plot.x, [clamp(10 ** Math.floor(Math.log10(least || 1e-9)), 1e-4, 0.01), 10]);
      plot.redraw();
    }
    note.textContent = demo.view === "degree" ? "Click or drag in the picture to set the degree."
      : demo.penalty === "none" ? "No penalty: nothing changes with its strength. Choose one above." : "Click or drag in the picture to set the strength.";
  };
}

// ---- The weights ----

function weights(demo) {
  const { page } = demo;
  const told = html("div", { class: "ft-name" });
  const box = html("div", { class: "ft-side" }, html("div", { class: "ft-head" }, "Weights, one per power of x"), told);
  page.foot.append(box);
  const scale = (v) => Math.asinh(v); // linear near 0, then logarithmic, and signed
  const plot = createPlot(page, { parent: box, x: [-0.7, MOST + 0.7], y: [-scale(10), scale(10)], xLabel: "power of x", yLabel: "weight",
    label: "The weights as bars", aspect: 0.62, draw });
  plot.svg.classList.add("ft-bars");
  const [lines, marks] = [svg("g", { class: "twice-grid" }), svg("g", { class: "twice-axes" })];
  plot.back.append(lines);
  plot.front.append(marks);
  const bars = Array.from({ length: MOST + 1 }, () => svg("path", {}));
  plot.back.append(...bars);
  box.append(html("div", { class: "ft-key" }, html("span", {}, swatch("weight", "bar"), "weight"), html("span", {}, swatch("zero", "bar"), "exactly zero"),
    html("span", {}, swatch("bias", "bar"), "bias (power 0): free")),
  html("small", { class: "twice-hint" }, "x runs from −1 to 1, so the weights of all powers can be compared. The scale is logarithmic beyond ±1."));
  function draw() {
    const { fit } = demo;
    if (!fit) return;
    const { frame: f, toX, toY } = plot;
    const top = Math.round(Math.log10(Math.sinh(plot.y[1])));
    const decades = Array.from({ length: top + 1 }, (_, i) => i).filter((i) => (top - i) % (top > 3 ? 2 : 1) === 0 && (i || top < 3));
    const stops = [0, ...decades.flatMap((i) => [10 ** i, -(10 ** i)]), ...(top ? [] : [0.5, -0.5])];
    fill(lines, ...stops.map((v) => svg("path", { class: v ? null : "ft-axis", d: `M${f.left} ${toY(scale(v))}h${f.width}` })));
    fill(marks, ...stops.map((v) => svg("text", { x: f.left - 8, y: toY(scale(v)) + 4.5, "text-anchor": "end" }, Math.abs(v) >= 1000 ? `${v < 0 ? "−" : ""}10${raised(Math.log10(Math.abs(v)))}` : String(v).replace("-", "−"))),
      ...bars.map((_, k) => svg("text", { class: k > demo.degree ? "ft-off" : null, x: toX(k), y: f.top + f.height + 19, "text-anchor": "middle" }, f.width > 330 || k % 3 === 0 ? String(k) : "")));
    const half = (0.33 * f.width) / (MOST + 1.4);
    bars.forEach((bar, k) => {
      const [x, zero] = [toX(k), toY(0)];
      const v = fit[k];
      const y = v ? toY(scale(v)) : zero;
      const tall = Math.abs(y - zero) < 1.5 ? zero - 1.5 * Math.sign(v || 1) : y;
      const kind = k === 0 ? "ft-bias" : v === 0 ? "ft-zero" : "ft-weight";
      make(bar, { class: `ft-bar ${kind}`, display: k < fit.length ? "inline" : "none",
        d: v ? `M${x - half} ${zero}V${tall}H${x + half}V${zero}Z` : `M${x - half} ${zero - half}h${2 * half}v${2 * half}h${-2 * half}Z` }, []);
    });
    make(plot.svg, { "aria-label": `${weightsTold(fit)}. Bias ${short(fit[0])}${fit.slice(1).map((v, k) => `, power ${k + 1}: ${short(v)}`).join("")}` }, []);
  }
  return () => {
    told.textContent = `${weightsTold(demo.fit)}.`;
    const most = Math.max(...demo.fit.map(Math.abs));
    const top = [1, 10, 1e3, 1e5, 1e7, 1e9, 1e12].find((v) => most <= v) ?? 1e15;
    plot.setLimits(plot.x, [-scale(top), scale(top)]);
    plot.redraw();
  };
}

export default { render };
