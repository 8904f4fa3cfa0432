/* The perceptron demo: Rosenblatt's rule, one look at a time, on points that the reader moves.
 * First the mathematics, pure and tested against twice.scratch.perceptron; then the drawing. */

// ---- Mathematics ----

export const LIMITS = [-2, 2]; // both axes; the gates are shown from -1 to 2
export const MOST_POINTS = 20;
const ZERO = { kernel: [0, 0], bias: 0, updates: 0, looks: 0, edited: false };

/** How far above the line: z = w . x + b, class 1 where it is above 0. */
export const height = ({ kernel, bias }, x) => kernel[0] * x[0] + kernel[1] * x[1] + bias;

/** One look at one point (labels 0 and 1): w + eta (y - y_hat) x and b + eta (y - y_hat). */
export function lookAt({ kernel, bias }, x, y, rate) {
  const error = y - (height({ kernel, bias }, x) > 0 ? 1 : 0);
  return { error, kernel: [kernel[0] + rate * error * x[0], kernel[1] + rate * error * x[1]], bias: bias + rate * error };
}

/** The look that comes next in a run: which point, and the whole state after it. */
export function nextLook(state) {
  const { points, labels, order, learning_rate: rate, kernel, bias, looks, updates } = state;
  const index = order[looks % order.length];
  const after = lookAt({ kernel, bias }, points[index], labels[index], rate);
  return { ...after, index, before: { kernel, bias }, looks: looks + 1, updates: updates + (after.error ? 1 : 0) };
}

/** The indices of the points that the rule would correct. */
export function wrongPoints({ points, labels, kernel, bias }) {
  return points.map((x, i) => i).filter((i) => lookAt({ kernel, bias }, points[i], labels[i], 1).error !== 0);
}

/** Updates from zero weights until every point is right; Infinity if that takes more than `most`. */
export function updatesNeeded({ points, labels, order, learning_rate }, most = 2000) {
  let state = { points, labels, order, learning_rate, ...ZERO };
  for (let right = 0; right < order.length; ) {
    const look = nextLook(state);
    right = look.error ? 0 : right + 1;
    state = { ...state, ...look };
    if (state.updates > most) return Infinity;
  }
  return state.updates;
}

/** All orders of n things, or `most` different draws from them if there are more. */
export function someOrders(n, most = 120) {
  const start = Array.from({ length: n }, (_, i) => i);
  if (n > 5) {
    const { shuffle } = seeded(0);
    return { all: false, orders: Array.from({ length: most }, () => shuffle(start)) };
  }
  const insert = (order, v) => Array.from({ length: order.length + 1 }, (_, at) => [...order.slice(0, at), v, ...order.slice(at)]);
  return { all: true, orders: start.reduce((orders, v) => orders.flatMap((order) => insert(order, v)), [[]]) };
}

/** The updates that the orders of these points need: {all, tried, slow: how many more than 10, most: Infinity if above 10}. */
export function census({ points, labels, learning_rate }) {
  const { all, orders } = someOrders(points.length);
  const needs = orders.map((order) => updatesNeeded({ points, labels, order, learning_rate }, 10));
  return { all, tried: orders.length, slow: needs.filter((n) => n > 10).length, most: Math.max(...needs) };
}

/** {radius, margin, bound} of the convergence theorem, as in twice.scratch.perceptron.max_margin. */
export function maxMargin(points, labels, { tolerance = 1e-9, maxSteps = 200000 } = {}) {
  const u = points.map(([x, y], i) => (labels[i] > 0 ? [x, y, 1] : [-x, -y, -1]));
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const radius = Math.sqrt(Math.max(...u.map((v) => dot(v, v))));
  const share = u.map((_, i) => (i === 0 ? 1 : 0));
  let v = [...u[0]]; // the shortest vector in the hull, so far
  for (let step = 0; step < maxSteps; step++) {
    let [low, high, lowest, highest] = [0, 0, Infinity, -Infinity];
    for (let i = 0; i < u.length; i++) {
      const height = dot(u[i], v);
      if (height < lowest) [low, lowest] = [i, height];
      if (share[i] > 0 && height > highest) [high, highest] = [i, height];
    }
    const [gap, length2] = [highest - lowest, dot(v, v)];
    if (gap <= tolerance * length2 || length2 < (1e-6 * radius) ** 2) break;
    const towards = u[low].map((a, k) => a - u[high][k]);
    const amount = Math.min(share[high], gap / dot(towards, towards));
    share[low] += amount;
    share[high] -= amount;
    v = v.map((a, k) => a + amount * towards[k]);
  }
  const size = Math.sqrt(dot(v, v));
  const margin = size > 0 ? Math.min(...u.map((a) => dot(a, v))) / size : 0;
  if (margin <= 1e-6 * radius) return { radius, margin: 0, bound: Infinity };
  return { radius, margin, bound: (radius / margin) ** 2 };
}

/** The points and labels of a preset; the seed matters to the last three. The same in perceptron.py. */
export function presetPoints(preset, seed) {
  const gates = { and: [0, 0, 0, 1], or: [0, 1, 1, 1], xor: [0, 1, 1, 0] };
  if (gates[preset]) return { points: [[0, 0], [0, 1], [1, 0], [1, 1]], labels: gates[preset] };
  const random = seeded(seed);
  const round = (v) => Math.floor(v * 100 + 0.5) / 100;
  const far = (p, others, gap) => others.every((q) => Math.hypot(p[0] - q[0], p[1] - q[1]) >= gap);
  for (;;) {
    const [angle, offset] = [2 * Math.PI * random.next(), 0.8 * random.next() - 0.4];
    const [points, labels] = [[], []];
    while (points.length < (preset === "random" ? 7 : 10)) {
      const p = [round(3.4 * random.next() - 1.7), round(3.4 * random.next() - 1.7)];
      const side = p[0] * Math.cos(angle) + p[1] * Math.sin(angle) + offset;
      const label = preset === "random" ? Math.floor(2 * random.next()) : points.length % 2;
      if (!far(p, points, 0.5) || (preset !== "random" && (2 * label - 1) * side < 0.22)) continue;
      points.push(p);
      labels.push(label);
    }
    if (preset === "random" && !(labels.includes(0) && labels.includes(1))) continue;
    if (preset !== "inseparable") return { points, labels };
    const zeros = points.filter((_, i) => labels[i] === 0); // a point of class 1 amid class 0: no line can part them
    const middle = [0, 1].map((k) => round(zeros.reduce((sum, p) => sum + p[k], 0) / zeros.length));
    if (far(middle, points, 0.4)) return { points: [...points, middle], labels: [...labels, 1] };
  }
}

/** What both axes show. */
export function view({ preset, points }) {
  return ["and", "or", "xor"].includes(preset) && points.flat().every((v) => v >= -1) ? [-1, 2] : LIMITS;
}

/** The corners of the part of the square where w . x + b > 0. */
export function positiveSide({ kernel, bias }, [low, high] = LIMITS) {
  const corners = [[low, low], [high, low], [high, high], [low, high]];
  const z = (p) => kernel[0] * p[0] + kernel[1] * p[1] + bias;
  return corners.flatMap((p, i) => {
    const q = corners[(i + 1) % 4];
    const [a, b] = [z(p), z(q)];
    const crossing = a > 0 !== b > 0 ? [p.map((v, k) => v + ((q[k] - v) * a) / (a - b))] : [];
    return a > 0 ? [p, ...crossing] : crossing;
  });
}

/** The two ends of the line w . x + b = 0, far outside the square; null if w = 0. */
export function lineEnds({ kernel: [a, b], bias }) {
  const size2 = a * a + b * b;
  if (size2 === 0) return null;
  const [foot, far] = [[(-bias * a) / size2, (-bias * b) / size2], 10 / Math.sqrt(size2)];
  return [[foot[0] - b * far, foot[1] + a * far], [foot[0] + b * far, foot[1] - a * far]];
}

/** More than 10 updates from zero, all points right, though the first order A, B, C, ... needs at most 10. */
export function goalReached(state) {
  if (state.edited || state.updates <= 10 || wrongPoints(state).length > 0) return false;
  return updatesNeeded({ ...state, order: firstOrder(state) }, 10) <= 10;
}

/** What the goal's line says while the points cannot meet the goal; null if they can, as AND can. */
export function goalAdvice(state, bound, { all, tried, slow, most }) {
  if (!Number.isFinite(bound)) {
    return "No line separates these points, so the rule never comes to rest, in any order: press “Run” and watch w. "
      + "The goal is for separable points: choose AND.";
  }
  if (updatesNeeded({ ...state, order: firstOrder(state) }, 10) > 10) {
    return "These points need more than 10 updates in the order A to Z already. For the goal choose AND.";
  }
  if (slow > 0) return null;
  const which = all ? `the ${tried} orders` : `${tried} random orders`;
  return `None of ${which} of these points needs more than 10 updates; the slowest needs ${most}. For the goal choose AND.`;
}

/** What tells the slow orders of AND from the fast ones, counted over all of them. */
export function ideaOfAnd() {
  const and = { ...presetPoints("and", 0), learning_rate: 1 };
  const { orders } = someOrders(4);
  const needs = orders.map((order) => updatesNeeded({ ...and, order }));
  const [fast, slow] = [Math.min(...needs), Math.max(...needs)];
  const count = (n) => needs.filter((v) => v === n).length;
  return `Of the ${orders.length} orders of AND, ${count(slow)} need ${slow} updates and ${count(fast)} need ${fast}. `
    + "Nothing changes before D: with zero weights only D is wrong. What counts is who comes next (after the last point "
    + "the first comes again). In every slow order it is B or C: its correction takes back a weight that D has just given. "
    + "In every fast order it is A: at (0, 0) it lowers only the bias.";
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
/** The letter of each point. It stays with its point: when B is deleted, C stays C. */
export const lettersOf = ({ points, letters }) => (letters?.length === points.length ? letters : ALPHABET.slice(0, points.length));

/** The letter of one more point: the next one, or the first free one after Z. */
export function nextLetter(letters) {
  const last = Math.max(...[...letters].map((c) => ALPHABET.indexOf(c)));
  return ALPHABET[last + 1] ?? [...ALPHABET].find((c) => !letters.includes(c));
}

/** The order A to Z. */
export function firstOrder(state) {
  const letters = lettersOf(state);
  return state.points.map((_, i) => i).sort((i, j) => (letters[i] < letters[j] ? -1 : 1));
}

/** Which points lie exactly on the line, and how they count: a sentence, or "". */
export function onTheLine(state) {
  if (state.kernel.every((v) => v === 0)) return "";
  const at = (test) => [...lettersOf(state)].filter((_, i) => test(height(state, state.points[i])));
  const list = (names) => `${names.slice(0, -1).join(", ")}${names.length > 1 ? " and " : ""}${names.at(-1)} ${names.length > 1 ? "lie" : "lies"}`;
  const [exact, rounded] = [at((z) => z === 0), at((z) => z !== 0 && Math.abs(z) < 1e-12)];
  return (exact.length ? `\n${list(exact)} exactly on the line: z\u00a0=\u00a00 counts as class 0.` : "")
    + (rounded.length ? `\n${list(rounded)} on the line but for rounding: the sign of z decides.` : "");
}

/** The power of two by which the arrows are multiplied, one for a whole run: its longest w fits into half the picture. */
export function arrowScale(state, size) {
  let run = { ...state, ...ZERO };
  let longest = Math.max(Math.hypot(...state.kernel), 1e-9);
  for (let look = 0; look < 40 * state.points.length && wrongPoints(run).length; look++) {
    run = { ...run, ...nextLook(run) };
    longest = Math.max(longest, Math.hypot(...run.kernel));
  }
  return 2 ** Math.floor(Math.log2((0.48 * size) / longest));
}

export function scaleName(scale) {
  const known = { 0.25: "a quarter of their length", 0.5: "half their length", 1: "their own length", 2: "twice their length" };
  return known[scale] ?? (scale < 1 ? `1/${1 / scale} of their length` : `${scale} times their length`);
}

/** The first place (a center [x, y]) where a label of width x height is clear of all circles [x, y, r]; else the best. */
export function freePlace(places, [width, height_], circles, [left, top, right, bottom]) {
  const clearance = ([x, y]) => {
    if (x - width / 2 < left || x + width / 2 > right || y - height_ / 2 < top || y + height_ / 2 > bottom) return -1e9;
    const gap = ([cx, cy, r]) => Math.hypot(Math.max(Math.abs(cx - x) - width / 2, 0), Math.max(Math.abs(cy - y) - height_ / 2, 0)) - r;
    return Math.min(3, ...circles.map(gap));
  };
  return places.reduce((best, place) => (clearance(place) > clearance(best) ? place : best));
}

/** What an update did to its point, as it is seen in the picture: a sentence without its full stop. */
function outcome({ before, ...after }, x, label, name) {
  const now = lookAt(after, x, label, 1).error === 0 ? `${name} is now right` : `${name} is still wrong`;
  const [size0, size1] = [Math.hypot(...before.kernel), Math.hypot(...after.kernel)];
  if (size1 === 0) return `w is ${size0 === 0 ? "still zero" : "zero now"}, so there is no line; ${now}`;
  if (size0 === 0) return `Now there is a line; ${now}`;
  const [z0, z1] = [height(before, x), height(after, x)];
  if (Math.abs(z1) < 1e-12) return `The line now goes through it; ${now}`;
  if (z0 === 0) return `The line has moved off it: ${now}`;
  const along = before.kernel[0] * after.kernel[0] + before.kernel[1] * after.kernel[1];
  if (now.endsWith("right")) {
    const turn = Math.round((Math.acos(clamp(along / (size0 * size1), -1, 1)) * 180) / Math.PI);
    return along > 0 ? `The line has passed it: ${now}` : `w has turned by ${turn}°, and the sides with it: ${now}`;
  }
  const nearer = along > 0 && Math.abs(z1) / size1 < Math.abs(z0) / size0 - 1e-12;
  return nearer ? `The line has moved towards it; ${now}` : `Its sum z moved the right way, but ${now}`;
}

/** What happened at the last look, and why. */
export function describe(look, state) {
  const short = (v) => String(Number(v.toFixed(2))).replace("-", "−");
  const pair = (v) => `(${short(v[0])},\u00a0${short(v[1])})`;
  const [letter, label, x] = [lettersOf(state)[look.index], state.labels[look.index], state.points[look.index]];
  const name = `Point ${letter}`;
  const on = height(look.before, x) === 0 && look.before.kernel.some((v) => v !== 0);
  if (!look.error) {
    const where = on ? "lies exactly on the line: z\u00a0=\u00a00 counts as class 0, which is right" : `is on its right side, class ${label}`;
    return `${name} ${where}: nothing changes.`;
  }
  const sign = `${look.error > 0 ? "+" : "−"} ${short(state.learning_rate)}`;
  const inputs = state.learning_rate === 1 ? "its inputs are" : `${short(state.learning_rate)} times its inputs are`;
  const rule = x.every((v) => v === 0) ? "its inputs are 0, so only b changes"
    : `${inputs} ${look.error > 0 ? "added to" : "subtracted from"} the weights`;
  const was = on ? "lay exactly on the line, and z\u00a0=\u00a00 counts as class 0, which is wrong" : "was on the wrong side";
  return `${name} ${was} (should be ${label}): ${rule}. ${outcome(look, x, label, letter)}.`
    + `\nw = ${pair(look.before.kernel)} ${sign}·${pair(x)} = ${pair(look.kernel)}`
    + `\nb = ${short(look.before.bias)} ${sign} = ${short(look.bias)}`;
}

// ---- Drawing ----

const NAMES = Object.entries({ and: "AND", or: "OR", xor: "XOR", separable: "Separable", inseparable: "Inseparable", random: "Random labels" });
const STATE = "points labels letters order learning_rate kernel bias updates looks edited preset seed";
const CROSS = "M-3.5 -3.5L3.5 3.5M3.5 -3.5L-3.5 3.5"; // the mark of a point on the wrong side
const SHAPES = ["M15 0A15 15 0 1 1 -15 0A15 15 0 1 1 15 0Z", "M-13.5 -13.5H13.5V13.5H-13.5Z"]; // circle: class 0, square: class 1

/** The small shape of a class, for the key and the order's chips. */
const icon = (label, text) => svg("svg", { class: "pt-icon", viewBox: "-17 -17 34 34", width: 30, height: 30, "aria-hidden": "true" },
  svg("path", { d: SHAPES[label], class: `pt-class${label}` }),
  svg("text", { class: `pt-on${label}`, y: 5, "text-anchor": "middle" }, text));

function render({ model, el }) {
  const page = createPage({ model, el, title: "The perceptron rule, one look at a time" });
  const demo = { page, selected: null, look: null, shown: { kernel: page.get("kernel"), bias: page.get("bias") }, note: "",
    shuffled: false, lucky: "", met: "" };
  demo.state = () => Object.fromEntries(STATE.split(" ").map((name) => [name, page.get(name)]));
  demo.letter = (i) => lettersOf(demo.state())[i];
  let own = false;
  /** Change traits from here; `note` is the sentence to show, unless it tells of a look. */
  demo.apply = (values, { note = "", look = null, save = true, jump = false } = {}) => {
    own = true;
    const before = { kernel: page.get("kernel"), bias: page.get("bias") };
    page.set(values, save);
    own = false;
    if (values.points || values.labels) demo.lucky = "";
    Object.assign(demo, { note, look });
    demo.glide(before, jump);
    page.redraw();
  };
  page.watch(STATE, () => {
    if (own) return;
    Object.assign(demo, { note: "", look: null, shuffled: false, lucky: "", shown: { kernel: page.get("kernel"), bias: page.get("bias") } });
    page.redraw();
  });

  const plot = createPlot(page, { parent: page.figure, x: LIMITS, y: LIMITS, xLabel: "x₁", yLabel: "x₂", equal: true,
    label: "Plane with the points, the line and the weight vector", draw: () => page.redraw() });
  let [from, to] = [demo.shown, demo.shown];
  const slide = tween(page, 280, (t) => {
    demo.shown = { kernel: from.kernel.map((v, k) => v + t * (to.kernel[k] - v)), bias: from.bias + t * (to.bias - from.bias) };
    page.redraw();
  });
  /** Let the line glide from where it was to where the weights now are. */
  demo.glide = (before, jump) => {
    [from, to] = [before, { kernel: page.get("kernel"), bias: page.get("bias") }];
    const still = String(from.kernel) === String(to.kernel) && from.bias === to.bias;
    slide.stop();
    if (still || jump || (demo.loop.running && page.get("speed") > 3)) demo.shown = to;
    else slide.start();
  };

  const parts = [edits, runner, followUp, scene, pointMarks, legend, gauge, orderStrip, settings].map((part) => part(demo, plot));
  page.redraw = frame(page, () => {
    const state = demo.state();
    const facts = { wrong: wrongPoints(state), done: false };
    facts.done = facts.wrong.length === 0 && (state.updates > 0 || state.kernel.some((v) => v !== 0));
    for (const draw of parts) draw?.(state, facts);
  });
  page.redraw();
  return page.dispose;
}

/** What the reader may do to the points. Moving keeps the weights; a new order starts from zero. */
function edits(demo) {
  const { page } = demo;
  const touched = () => ({ edited: page.get("edited") || page.get("updates") > 0 });
  demo.load = (preset, seed) => {
    const { points, labels } = presetPoints(preset, seed);
    demo.loop.stop();
    Object.assign(demo, { selected: null, shuffles: 0, shuffled: false, lucky: "", met: "" });
    const order = points.map((_, i) => i);
    demo.apply({ preset, seed, points, labels, letters: ALPHABET.slice(0, points.length), order, learning_rate: 1, ...ZERO, goal_met: false }, { jump: true });
  };
  demo.restart = (values = {}, note = "The weights are zero again.") => {
    demo.loop.stop();
    demo.apply({ ...values, ...ZERO }, { note, jump: true });
  };
  const rounded = (point) => point.map((v) => Number(v.toFixed(2)));
  demo.move = (i, point, save) => {
    const points = page.get("points").map((p, k) => (k === i ? rounded(point) : p));
    demo.apply({ points, ...touched() }, { save });
  };
  demo.flip = (i) => {
    const labels = page.get("labels").map((y, k) => (k === i ? 1 - y : y));
    demo.apply({ labels, ...touched() }, { note: `Point ${demo.letter(i)} is now of class ${labels[i]}.` });
  };
  demo.add = (point) => {
    const { points, labels, order } = demo.state();
    const n = points.length;
    if (n >= MOST_POINTS) return demo.apply({}, { note: `${MOST_POINTS} points are enough: delete one first.` });
    demo.selected = n;
    const letters = lettersOf(demo.state());
    const name = nextLetter(letters);
    const more = { points: [...points, rounded(point)], labels: [...labels, 1], letters: letters + name, order: [...order, n] };
    demo.apply({ ...more, ...touched() }, { note: `Point ${name} added, class 1. Drag it, or click it to flip its class.` });
  };
  demo.remove = (i) => {
    const { points, labels, order } = demo.state();
    if (points.length <= 2) return demo.apply({}, { note: "Two points must stay." });
    const keep = (list) => list.filter((_, k) => k !== i);
    demo.selected = null;
    const letters = [...lettersOf(demo.state())];
    const less = { points: keep(points), labels: keep(labels), letters: keep(letters).join("") };
    demo.restart({ ...less, order: order.filter((k) => k !== i).map((k) => k - (k > i)) },
      `Point ${letters[i]} deleted, the others keep their letters; the weights are zero again.`);
  };
  demo.reorder = (order, shuffled = false) => {
    if (String(order) === String(page.get("order"))) return;
    Object.assign(demo, { shuffled, lucky: "" });
    demo.restart({ order }, `New order: ${order.map(demo.letter).join(", ")}. The weights are zero again: run it and count.`);
  };
  demo.shift = (i, by) => {
    const order = [...page.get("order")];
    const [at, to] = [order.indexOf(i), clamp(order.indexOf(i) + by, 0, order.length - 1)];
    order.splice(to, 0, ...order.splice(at, 1));
    demo.reorder(order);
  };
}

/** Step, look, run: the buttons under the figure, and the sentence. */
function runner(demo) {
  const { page } = demo;
  const lookOnce = () => {
    const look = nextLook(demo.state());
    const { kernel, bias, looks, updates } = look;
    demo.apply(look.error ? { kernel, bias, looks, updates } : { looks }, { look });
    if (look.error && goalReached(demo.state())) {
      const state = demo.state();
      const needed = (order) => `${order.map(demo.letter).join(" ")} needed ${updatesNeeded({ ...state, order })}`;
      const told = `Order ${needed(state.order)} updates, ${needed(firstOrder(state))}.`;
      if (!demo.shuffled || page.get("goal_met")) { // the order just finished, whoever found it
        demo.met = told;
        page.set({ goal_met: true });
      } else {
        const { slow, tried } = census(state);
        demo.lucky = `${told} But Shuffle found it, and ${slow} of ${tried} orders are as slow: luck does not count. `
          + "Which ones? Put the letters into a slow order of your own.";
      }
    }
    return look;
  };
  const settled = () => wrongPoints(demo.state()).length === 0;
  const step = (whole) => {
    demo.loop.stop();
    if (settled()) return page.redraw();
    while (!lookOnce().error && whole);
  };
  let wait = 0;
  demo.loop = animation(page, (seconds) => {
    for (wait -= seconds * page.get("speed"); wait <= 0; wait += 1) {
      if (settled()) { page.redraw(); return false; }
      lookOnce();
    }
  });
  const update = button({ label: "Next update", primary: true, onClick: () => step(true),
    title: "Look at the points in turn until one changes the weights" });
  const look = button({ label: "Look", title: "Look at the next point only", onClick: () => step(false) });
  const run = button({ label: "Run", onClick: () => {
    wait = 0;
    if (demo.loop.running) demo.loop.stop();
    else demo.loop.start();
    page.redraw();
  } });
  const zero = button({ label: "Weights to zero", title: "Start over with the same points in the same order", onClick: () => demo.restart() });
  page.actions.append(update.element, look.element, run.element, zero.element);

  let [known, advice] = ["", null];
  return (state, { wrong, done }) => {
    const key = [state.points, state.labels, state.learning_rate].join("|");
    if (known !== key) [known, advice] = [key, goalAdvice(state, maxMargin(state.points, state.labels, { maxSteps: 30000 }).bound, census(state))];
    for (const { input } of [update, look]) input.disabled = wrong.length === 0;
    run.input.disabled = wrong.length === 0 && !demo.loop.running;
    run.value = demo.loop.running ? "Pause" : "Run";
    const first = demo.letter(state.order[state.looks % state.order.length]);
    const n = state.points.length;
    const start = "All weights are zero: there is no line yet, z\u00a0=\u00a00 everywhere, and that counts as class 0. "
      + `Press “Next update”: point ${first} is looked at first.`;
    const end = done ? `\nAll ${n} points are on their right sides: after ${state.updates} updates `
      + `in ${state.looks} looks the rule has nothing left to change.` : "";
    const tale = demo.look ? describe(demo.look, state) : demo.note || (done || state.looks ? "" : start);
    const now = `${wrong.length} of ${n} points are on the wrong side. Point ${first} is next.`;
    page.say((tale + onTheLine(state) + end).trim() || now, { quiet: demo.loop.running });
    const met = page.get("goal_met");
    page.goal(met, met ? demo.met || "You found an order that needs more than 10 updates." : demo.lucky || advice);
  };
}

/** Once a slow order is found: what do they share? */
function followUp(demo) {
  const { page } = demo;
  const box = html("div", { class: "pt-ask" }, html("b", {}, "Now explain: what do the slow orders share?"),
    html("details", {}, html("summary", {}, "Idea"), html("p", {}, ideaOfAnd())));
  page.main.append(box);
  return () => (box.hidden = !page.get("goal_met") && !demo.lucky);
}

/** The two sides, the line and where it was; on it the weight vector and what was added to it. */
function scene(demo, plot) {
  const sides = [svg("rect", { class: "pt-side0" }), svg("polygon", { class: "pt-side1" })];
  const [old, line, ray, before, weights, added] = ["old", "line", "ray", "before", "weights", "added"]
    .map((name) => svg("path", { class: `pt-${name}` }));
  const [wName, addedName] = [svg("text", { class: "pt-name" }), svg("text", { class: "pt-name pt-added-name" })];
  plot.svg.prepend(...sides);
  plot.back.append(old, line, ray, before, weights, added, wName, addedName);
  const at = ([x, y]) => `${plot.toX(x).toFixed(1)} ${plot.toY(y).toFixed(1)}`;
  const path = (node, ends) => node.setAttribute("d", ends ? `M${at(ends[0])}L${at(ends[1])}` : "");
  const arrow = (node, a, b, head = 11) => {
    const [x0, y0, x1, y1] = [plot.toX(a[0]), plot.toY(a[1]), plot.toX(b[0]), plot.toY(b[1])];
    const [size, turn] = [Math.hypot(x1 - x0, y1 - y0), Math.atan2(y1 - y0, x1 - x0)];
    const wing = (by) => `${(x1 - head * Math.cos(turn + by)).toFixed(1)} ${(y1 - head * Math.sin(turn + by)).toFixed(1)}`;
    node.setAttribute("d", size < 3 ? "" : `M${at(a)}L${at(b)}M${wing(0.45)}L${at(b)}L${wing(-0.45)}`);
  };
  const plus = (p, v, by) => p.map((a, k) => a + by * v[k]);
  const pixel = ([x, y]) => [plot.toX(x), plot.toY(y)];
  const between = (a, b, n = 12) => Array.from({ length: n + 1 }, (_, k) => a.map((v, i) => v + (k / n) * (b[i] - v)));
  /** Write `text` near the arrow from a to b (pixels), clear of the circles; returns the circle it takes up itself. */
  const tag = (node, text, a, b, circles, alongs) => {
    node.textContent = text;
    if (!text) return [];
    const { left, top, width, height: tall } = plot.frame;
    const size = [Math.max(12 + 8 * (text.length - 1), node.getComputedTextLength() + 2), 15]; // fonts differ
    const [length, along] = [Math.max(Math.hypot(b[0] - a[0], b[1] - a[1]), 1e-9), b.map((v, i) => v - a[i])];
    const [ux, uy] = along.map((v) => v / length);
    const reach = Math.abs(uy) * (size[0] / 2) + Math.abs(ux) * 8;
    const ahead = Math.abs(ux) * (size[0] / 2) + Math.abs(uy) * 8;
    const beside = (at, gap) => [1, -1].map((s) => [a[0] + at * along[0] - s * uy * (reach + gap), a[1] + at * along[1] + s * ux * (reach + gap)]);
    const beyond = [8, 16].map((gap) => [b[0] + ux * (ahead + gap), b[1] + uy * (ahead + gap)]);
    const behind = [a[0] - ux * (ahead + 8), a[1] - uy * (ahead + 8)];
    const places = [...(alongs.beyond ? beyond : []), ...[8, 18].flatMap((gap) => alongs.at.flatMap((at) => beside(at, gap))), behind];
    const [x, y] = freePlace(places, size, circles, [left + 2, top + 2, left + width - 2, top + tall - 2]);
    make(node, { x: x.toFixed(1), y: (y + 5).toFixed(1), "text-anchor": "middle" }, []);
    return [[x - size[0] / 4, y, size[0] / 4 + 4], [x + size[0] / 4, y, size[0] / 4 + 4]];
  };
  let [known, scale] = ["", 1];

  return (state) => {
    const [{ shown }, f, limits] = [demo, plot.frame, view(state)];
    const update = demo.look?.error ? demo.look : null;
    plot.setLimits(limits, limits);
    make(sides[0], { x: f.left, y: f.top, width: f.width, height: f.height }, []);
    sides[1].setAttribute("points", positiveSide(shown, limits).map(at).join(" "));
    path(line, lineEnds(shown));
    path(old, update && lineEnds(update.before));
    path(ray, update && [[0, 0], state.points[update.index]]);
    const [size, middle] = [limits[1] - limits[0], (limits[0] + limits[1]) / 2];
    const key = [state.points, state.labels, state.order, state.learning_rate, Math.hypot(...state.kernel) > (0.48 * size) / scale].join("|");
    if (known !== key) [known, scale] = [key, arrowScale(state, size)];
    demo.scale = scale;
    const earlier = (update ?? { before: shown }).before.kernel;
    // The arrows stand on the line near the middle of the picture; if they would leave it, they are moved, not shortened.
    const arrows = ({ kernel, bias }, along) => {
      const length = Math.max(Math.hypot(...kernel), 1e-6);
      const z = (kernel[0] + kernel[1]) * middle + bias;
      const foot = plus(plus([middle, middle], kernel, -z / length ** 2), [-kernel[1], kernel[0]], (along * size) / length)
        .map((v) => clamp(v, limits[0] + 0.1 * size, limits[1] - 0.1 * size));
      const [tip, bend] = [plus(foot, kernel, scale), plus(foot, earlier, scale)];
      const shift = [0, 1].map((k) => {
        const all = [foot[k], tip[k], bend[k]];
        return Math.max(0, limits[0] + 0.03 * size - Math.min(...all)) + Math.min(0, limits[1] - 0.03 * size - Math.max(...all));
      });
      return { ends: [foot, tip, bend].map((p) => plus(p, shift, 1)), moved: Math.hypot(...shift) };
    };
    const free = (along) => { // how far from the points, where they come to rest
      const { ends: [p, q, r], moved } = arrows(state, along);
      const places = [...between(p, q), ...(update ? [...between(p, r), ...between(r, q)] : [])];
      const gaps = places.flatMap((v) => state.points.map((x) => Math.hypot(v[0] - x[0], v[1] - x[1])));
      return Math.min(0.08 * size, ...gaps) - moved;
    };
    const along = [0, 0.1, -0.1, 0.2, -0.2, 0.3, -0.3].reduce((best, t) => (free(t) > free(best) + 1e-9 ? t : best));
    const [foot, tip, bend] = arrows(shown, along).ends;
    const two = update && update.before.kernel.some((v) => v !== 0);
    arrow(weights, foot, tip);
    arrow(before, foot, two ? bend : foot);
    arrow(added, two ? bend : foot, two ? tip : foot);
    // The names stand where the arrows will come to rest, clear of points, arrows and each other.
    const [a, b, c] = arrows(state, along).ends.map(pixel);
    const taken = state.points.map(pixel).flatMap(([x, y]) => [[x, y, 24], [x + 20, y - 16, 8]]);
    const lines = [...between(a, b), ...(two ? [...between(a, c), ...between(c, b)] : [])].map((p) => [...p, 2]);
    const name = tag(wName, state.kernel.some((v) => v !== 0) ? "w" : "", a, b, [...taken, ...lines], { beyond: true, at: [0.85, 0.5, 0.25] });
    tag(addedName, two && Math.hypot(b[0] - c[0], b[1] - c[1]) > 3 ? `${update.error > 0 ? "+" : "−"} η x` : "", c, b, [...taken, ...lines, ...name], { at: [0.5, 0.25, 0.75, 0, 1] });
  };
}

/** A cross in a small disk: seen in both themes and on both classes, whatever colors the reader sees. */
const wrongMark = () => svg("g", { class: "pt-cross", "aria-hidden": "true" }, svg("circle", { r: 7.5 }), svg("path", { d: CROSS }));

const on = (state, i) => (state.kernel.some((v) => v !== 0) && height(state, state.points[i]) === 0 ? "exactly on the line (class 0), " : "");

/** The points: drag, tap to flip, arrows to move, Enter to flip, Delete to delete. */
function pointMarks(demo, plot) {
  const { page } = demo;
  const layer = svg("g");
  plot.front.append(layer);
  const marks = [];
  const makeMark = (i) => {
    const [shape, name] = [svg("path"), svg("text", { y: 5, "text-anchor": "middle" })];
    const cross = wrongMark();
    const visit = svg("text", { class: "pt-visit", "aria-hidden": "true" });
    const ring = svg("circle", { class: "pt-look" });
    const node = svg("g", {}, svg("circle", { class: "pt-hit", r: 23 }), ring, svg("circle", { class: "twice-ring", r: 20 }), shape, name, cross);
    node.addEventListener("focus", () => { demo.selected = i; page.redraw(); });
    dragHandle(page, plot, node, {
      position: () => page.get("points")[i], step: 0.1,
      onMove: (point) => demo.move(i, point, false), onEnd: () => demo.apply({}), onTap: () => demo.flip(i),
      onKey: ({ key }) => {
        const act = { Enter: demo.flip, " ": demo.flip, Delete: demo.remove, Backspace: demo.remove }[key];
        act?.(i);
        return act;
      },
    });
    return { group: svg("g", {}, visit, node), node, shape, name, visit, ring, cross };
  };
  plot.svg.addEventListener("dblclick", (event) => {
    const box = plot.svg.getBoundingClientRect();
    const point = [plot.fromX(event.clientX - box.left), plot.fromY(event.clientY - box.top)];
    if (!event.target.closest(".twice-handle") && point.every((v) => v >= plot.x[0] && v <= plot.x[1])) demo.add(point);
  });
  return (state, { wrong }) => {
    const { points, labels, order } = state;
    const letters = lettersOf(state);
    const scale = clamp(plot.frame.width / 420, 0.75, 1);
    while (marks.length < points.length) { marks.push(makeMark(marks.length)); layer.append(marks.at(-1).group); }
    while (marks.length > points.length) marks.pop().group.remove();
    marks.forEach(({ group, node, shape, name, visit, ring, cross }, i) => {
      const [bad, seen] = [wrong.includes(i), order.indexOf(i) + 1];
      make(group, { transform: `translate(${plot.toX(points[i][0]).toFixed(1)} ${plot.toY(points[i][1]).toFixed(1)})` }, []);
      const where = `at ${points[i].map((v) => number(v)).join(", ")}, visit ${seen}, ${on(state, i)}on ${bad ? "the wrong" : "its right"} side`;
      make(node, { "aria-label": `Point ${letters[i]}, class ${labels[i]}, ${where}. Enter flips its class.` }, []);
      make(shape, { d: SHAPES[labels[i]], transform: `scale(${scale})`, class: `pt-class${labels[i]}` }, []);
      make(cross, { transform: `translate(${-15 * scale} ${-15 * scale})`, visibility: bad ? "visible" : "hidden" }, []);
      name.textContent = letters[i];
      name.setAttribute("class", `pt-on${labels[i]}`);
      make(visit, { x: 8 + 12 * scale, y: -3 - 12 * scale }, []);
      make(ring, { r: 7 + 15 * scale }, []);
      visit.textContent = seen;
      ring.classList.toggle("pt-now", demo.look?.index === i);
    });
  };
}

/** The order of the visits as a row of chips: drag one, or focus it and press the arrow keys. */
function orderStrip(demo) {
  const { page } = demo;
  const list = html("ol", { class: "pt-order", "aria-label": "Order of the visits" });
  const shuffle = button({ label: "Shuffle", title: "A random order, from the seed", onClick: () => {
    const before = page.get("order");
    let order = before;
    while (String(order) === String(before)) {
      demo.shuffles = (demo.shuffles ?? 0) + 1;
      order = seeded(page.get("seed") + 1000 * demo.shuffles).shuffle(before);
    }
    demo.reorder(order, true);
  } });
  const first = button({ label: "A to Z", title: "Back to the first order",
    onClick: () => demo.reorder(firstOrder(demo.state())) });
  const hints = ["drag one, or press ← → on it", "framed: looked at next"].map((text) => html("small", { class: "twice-hint" }, text));
  page.panel.append(html("div", { class: "pt-visits" }, html("div", {}, html("b", {}, "Order of the visits"), " ", hints[0], html("br"), hints[1]),
    list, html("div", { class: "twice-row" }, shuffle.element, first.element)));
  let held = null;
  let chips = [];
  let painted = "";
  const chip = (i, label, place) => {
    const node = html("button", { type: "button", class: "pt-chip", "aria-label": `${demo.letter(i)}, class ${label}, visit ${place}` },
      icon(label, demo.letter(i)));
    node.addEventListener("focus", () => { demo.selected = i; page.redraw(); });
    node.addEventListener("pointerdown", (event) => {
      held = i;
      list.setPointerCapture(event.pointerId); // the chips move in the page while one is dragged, the list does not
      event.preventDefault();
      node.focus({ preventScroll: true });
    });
    node.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (by) { demo.shift(i, by); event.preventDefault(); }
    });
    return node;
  };
  list.addEventListener("pointermove", (event) => {
    if (held === null) return;
    const distance = (node) => {
      const { left, top, width, height } = node.getBoundingClientRect();
      return Math.hypot(left + width / 2 - event.clientX, top + height / 2 - event.clientY);
    };
    const order = page.get("order");
    const over = chips.reduce((best, node, at) => (distance(node) < distance(chips[best]) ? at : best), 0);
    if (chips.length === order.length && over !== order.indexOf(held)) demo.shift(held, over - order.indexOf(held));
  });
  for (const type of ["pointerup", "pointercancel"]) list.addEventListener(type, () => (held = null));

  return (state, { wrong }) => {
    const { order, labels, looks } = state;
    const wanted = `${order}|${labels}|${lettersOf(state)}`;
    if (wanted !== painted) {
      const focused = list.contains(document.activeElement);
      chips = order.map((i, at) => chip(i, labels[i], at + 1));
      fill(list, ...chips.map((node) => html("li", {}, node)));
      painted = wanted;
      if (focused) chips[order.indexOf(demo.selected)]?.focus({ preventScroll: true });
    }
    const next = wrong.length ? looks % order.length : -1;
    chips.forEach((node, at) => {
      node.classList.toggle("pt-selected", order[at] === demo.selected);
      node.classList.toggle("pt-next", at === next);
    });
  };
}

/** What is what in the picture, and the scale of its arrows. */
function legend(demo) {
  const { page } = demo;
  const small = (...marks) => svg("svg", { class: "pt-icon", viewBox: "-13 -9 26 18", width: 26, height: 18, "aria-hidden": "true" }, ...marks);
  const arrow = (name) => small(svg("path", { class: name, d: "M-11 0H11M4 -5L11 0L4 5" }));
  const dash = (name) => small(svg("path", { class: name, d: "M-12 0H12" }));
  const shape = (label) => small(svg("path", { class: `pt-class${label}`, d: SHAPES[label], transform: "scale(0.6)" }));
  const scale = html("li", { class: "pt-scale" });
  const items = [
    [shape(0), "class 0"], [shape(1), "class 1"], [wrongMark(), "on the wrong side"],
    [small(svg("circle", { class: "pt-look pt-now", r: 8 })), "looked at"],
    [small(svg("text", { class: "pt-visit", y: 5, "text-anchor": "middle" }, "1")), "visit order"],
    [arrow("pt-weights"), "w, normal of the line"], [arrow("pt-added"), "η x, this update"],
    [dash("pt-ray"), "x of that point"], [dash("pt-old"), "line before"],
  ].map(([mark, text]) => html("li", {}, mark.tagName === "g" ? small(mark) : mark, text));
  page.figure.append(html("ul", { class: "pt-legend", "aria-label": "Key to the picture" }, ...items, scale));
  return () => {
    const text = `Arrows are drawn at ${scaleName(demo.scale)}.`;
    if (scale.textContent !== text) scale.textContent = text;
  };
}

/** Weights in numbers, and the mistakes beside what the theorem allows. */
function gauge(demo) {
  const { page } = demo;
  const [weights, counts, claim] = [html("div", { class: "pt-weights-text" }), html("div"), html("div", { class: "twice-hint pt-claim" })];
  const fillBar = html("div", { class: "pt-fill" });
  const bar = html("div", { class: "pt-bar", role: "meter", "aria-label": "Updates against the bound", "aria-valuemin": 0 }, fillBar);
  page.panel.append(html("div", { class: "twice-readout pt-box" }, weights, counts, bar, claim));
  let [known, theorem] = ["", null];
  return ({ points, labels, kernel, bias, updates, looks, edited }, { wrong }) => {
    if (known !== `${points}|${labels}`) [known, theorem] = [`${points}|${labels}`, maxMargin(points, labels, { maxSteps: 30000 })];
    const { radius, margin, bound } = theorem;
    const most = Math.floor(bound + 1e-9);
    const [w, b] = [`(${kernel.map((v) => number(v)).join(", ")})`, number(bias)];
    fill(weights, html("b", {}, "w"), ` = ${w}`, html("br"), html("b", {}, "b"), ` = ${b}`);
    const plural = (word, count) => (count === 1 ? word : `${word}s`);
    fill(counts, html("b", { class: "pt-count" }, String(updates)), ` ${plural("update", updates)} in ${looks} ${plural("look", looks)}`,
      html("br"), `${wrong.length} of ${points.length} points wrong now`);
    const finite = Number.isFinite(bound);
    bar.hidden = !finite;
    fillBar.style.width = finite ? `${Math.min(100, (100 * updates) / bound)}%` : "0";
    make(bar, { "aria-valuemax": finite ? most : 0, "aria-valuenow": finite ? Math.min(updates, most) : 0 }, []);
    claim.textContent = !finite ? "No line separates these points: there is no bound, the rule never comes to rest."
      : edited ? "You changed the points or the rate on the way: the bound counts from zero weights. Press “Weights to zero”."
        : `The theorem allows at most ${most}:\n`
          + `(R/γ)² = (${number(radius)} / ${number(margin, margin < 0.1 ? 4 : 2)})² = ${number(bound, 1)}`;
  };
}

/** Preset, seed, speed, rate, and the buttons for the selected point. */
function settings(demo, plot) {
  const { page } = demo;
  const load = (name, later = 0) => demo.load(name, page.get("seed") + later);
  const preset = select(page, { label: "Points", options: NAMES, value: page.get("preset"), onInput: (name) => load(name) });
  const reset = button({ label: "Original points", title: "This preset as it was, same seed", onClick: () => load(page.get("preset")) });
  const seed = button({ label: "Seed", title: "Other points, from the next seed", onClick: () => load(page.get("preset"), 1) });
  const flip = button({ label: "Flip class", onClick: () => demo.flip(demo.selected) });
  const remove = button({ label: "Delete", onClick: () => demo.remove(demo.selected) });
  const add = button({ label: "Add a point", title: "Or double-click the plane", onClick: () => {
    const free = (p) => Math.min(...page.get("points").map((q) => Math.hypot(p[0] - q[0], p[1] - q[1])));
    const place = (k) => plot.x[0] + (0.1 + 0.13 * k) * (plot.x[1] - plot.x[0]);
    const places = Array.from({ length: 49 }, (_, k) => [place(k % 7), place(Math.floor(k / 7))]);
    demo.add(places.reduce((best, p) => (free(p) > free(best) ? p : best)));
  } });
  const chosen = html("div", { class: "pt-chosen" });
  const rate = slider(page, { label: "Learning rate η", min: 0.1, max: 2, step: 0.1, format: (v) => number(v, 1), trait: "learning_rate",
    onInput: () => demo.apply({ edited: page.get("edited") || page.get("updates") > 0 }) });
  const speed = slider(page, { label: "Speed of Run", min: 1, max: 20, step: 1, format: (v) => `${v} looks/s`, trait: "speed" });
  page.figure.prepend(html("div", { class: "twice-row pt-top" }, preset.element, reset.element, seed.element));
  const buttons = html("div", { class: "twice-row" }, flip.element, remove.element, add.element);
  page.panel.append(html("div", {}, chosen, buttons), rate.element, speed.element);
  return ({ points, labels, preset: name, seed: number_ }) => {
    if (demo.selected >= points.length) demo.selected = null;
    const i = demo.selected;
    preset.value = name;
    seed.input.hidden = ["and", "or", "xor"].includes(name);
    seed.value = `Seed ${number_} ▸`;
    for (const { input } of [flip, remove]) input.disabled = i === null;
    chosen.textContent = i === null ? "Tap a point to flip its class; drag it to move it."
      : `Point ${demo.letter(i)}: class ${labels[i]} at (${points[i].map((v) => number(v)).join(", ")})`;
  };
}

export default { render };
