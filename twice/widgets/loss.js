/* loss.js: move a prediction and see what each loss makes of it, and its gradient.
 * Above the line "The demo": pure functions, compared with NumPy number by number in tests/test_loss_demo.py. Below: what is
 * drawn. Conventions are Keras's: MSE without the 1/2, Huber with it (0.5 e² near 0), natural logarithms, labels 0 and 1. */

// ---- Regression: one prediction for several targets, e = prediction - target ----

const mean = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;

export const REGRESSION = {
  mse: { name: "MSE", loss: (e) => e * e, slope: (e) => 2 * e },
  mae: { name: "MAE", loss: Math.abs, slope: (e) => Math.sign(e) },
  huber: {
    name: "Huber",
    loss: (e, delta) => (Math.abs(e) <= delta ? 0.5 * e * e : delta * (Math.abs(e) - 0.5 * delta)),
    slope: (e, delta) => clamp(e, -delta, delta),
  },
};
export const lossOver = (name, targets, prediction, delta) => mean(targets.map((t) => REGRESSION[name].loss(prediction - t, delta)));
export const slopeOver = (name, targets, prediction, delta) => mean(targets.map((t) => REGRESSION[name].slope(prediction - t, delta)));

/** Where a loss is lowest, [from, to]: the mean; between the two middle targets; where Huber's slope, a broken line, is 0. */
export function lowestAt(name, targets, delta) {
  const sorted = [...targets].sort((a, b) => a - b);
  const n = sorted.length;
  if (name === "mse") return [mean(sorted), mean(sorted)];
  if (name === "mae") return [sorted[Math.ceil(n / 2) - 1], sorted[Math.floor(n / 2)]];
  const breaks = sorted.flatMap((t) => [t - delta, t + delta]).sort((a, b) => a - b);
  const slopes = breaks.map((v) => slopeOver("huber", sorted, v, delta));
  const flat = 1e-12 * delta; // rounding, not a slope
  const crossing = (a, b) => breaks[a] + ((breaks[b] - breaks[a]) * slopes[a]) / (slopes[a] - slopes[b] || 1);
  const [below, above] = [slopes.findLastIndex((s) => s < -flat), slopes.findIndex((s) => s > flat)];
  return above === below + 1 ? [crossing(below, above), crossing(below, above)] : [breaks[below + 1], breaks[above - 1]];
}

// ---- Two classes: margin = y s, with y = 1 for label 1 and -1 for label 0 ----

export const sigmoid = (z) => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));

export const TWO_CLASSES = {
  zero_one: { name: "0-1 loss", loss: (m) => (m > 0 ? 0 : 1), slope: () => 0 },
  hinge: { name: "hinge", loss: (m) => Math.max(0, 1 - m), slope: (m) => (m < 1 ? -1 : 0) },
  squared_hinge: { name: "squared hinge", loss: (m) => Math.max(0, 1 - m) ** 2, slope: (m) => -2 * Math.max(0, 1 - m) },
  cross_entropy: { name: "cross-entropy", loss: (m) => Math.max(0, -m) + Math.log1p(Math.exp(-Math.abs(m))), slope: (m) => -sigmoid(-m) },
  squared_error: { name: "squared error", loss: (m) => sigmoid(-m) ** 2, slope: (m) => -2 * sigmoid(-m) ** 2 * sigmoid(m) },
};

/** The loss at a score, and its derivative by the score. A score of exactly 0 counts as class 0. */
export function atScore(name, score, label) {
  const y = label ? 1 : -1;
  const loss = name === "zero_one" ? Number(score > 0 !== label > 0) : TWO_CLASSES[name].loss(y * score);
  return { loss, slope: y * TWO_CLASSES[name].slope(y * score) || 0 };
}

// ---- Softmax: one score for each class ----

export function softmax(scores, temperature = 1) {
  const top = Math.max(...scores);
  const powers = scores.map((s) => Math.exp((s - top) / temperature));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((v) => v / sum);
}

/** The target distribution: 1 for the true class, smoothed as Keras does: (1 - smoothing) t + smoothing / n. */
export const targetsFor = ({ scores, trueClass, smoothing }) =>
  scores.map((_, j) => (j === trueClass ? 1 - smoothing : 0) + smoothing / scores.length);

/** -sum t ln p, by way of the logarithm of the sum, so that no probability is ever 0. */
export function crossEntropy(state) {
  const { scores, temperature } = state;
  const top = Math.max(...scores);
  const logSum = Math.log(scores.reduce((sum, s) => sum + Math.exp((s - top) / temperature), 0));
  return targetsFor(state).reduce((sum, t, j) => sum + t * (logSum - (scores[j] - top) / temperature), 0);
}

/** How far each wrong class is from being 1 below the true one (Weston and Watkins, 1999); rounding is no violation. */
export const violations = ({ scores, trueClass }) => scores.map((s, j) => {
  const by = j === trueClass ? 0 : s - scores[trueClass] + 1;
  return by > 1e-9 ? by : 0;
});
export const multiclassHinge = (state) => violations(state).reduce((sum, v) => sum + v, 0);

/** The gradient by the scores: (p - t) / temperature, or 1 for each violation and minus their number for the true class. */
export function gradientFor(loss, state) {
  if (loss === "cross_entropy") {
    const targets = targetsFor(state);
    return softmax(state.scores, state.temperature).map((p, j) => (p - targets[j]) / state.temperature);
  }
  const wrong = violations(state).map((v) => Number(v > 0));
  const count = wrong.reduce((sum, v) => sum + v, 0);
  return wrong.map((v, j) => (j === state.trueClass ? -count : v));
}

/** One step of gradient descent on the scores, kept inside the picture. */
export const stepScores = (loss, state, rate) => {
  const gradient = gradientFor(loss, state);
  return state.scores.map((s, j) => clamp(s - rate * gradient[j], -SCORE_LIMIT, SCORE_LIMIT));
};

/** The most that cross-entropy can be while the hinge is 0: every wrong score exactly 1 below. */
export const mostAtZeroHinge = (n) => Math.log(1 + (n - 1) / Math.E);

/** The goal: hinge exactly 0, cross-entropy above 0.8, at temperature 1 without smoothing. A sentence, or null. */
export function goalReached(state) {
  const loss = crossEntropy(state);
  if (state.temperature !== 1 || state.smoothing !== 0 || multiclassHinge(state) > 0 || loss <= GOAL) return null;
  const p = softmax(state.scores)[state.trueClass];
  return `Hinge exactly 0, cross-entropy ${number(loss, 3)}. Each of ${state.scores.length - 1} wrong classes is far enough below to satisfy `
    + `the hinge, and together they leave ${CLASSES[state.trueClass]} a probability of only ${number(p)}.`;
}

export const CLASSES = ["cat", "dog", "owl", "bee", "fox"];
export const SCORE_LIMIT = 5; // of a class's score
const LOGIT_LIMIT = 6; // of the score for two classes
export const GOAL = 0.8;

// ---- Words ----

const signed = (value, digits = 2) => (Number(value.toFixed(digits)) > 0 ? `+${number(value, digits)}` : number(value, digits));
const span = ([low, high]) => (high - low < 0.005 ? number(low) : `${number(low)} to ${number(high)}`);
const listed = (words) => (words.length > 1 ? `${words.slice(0, -1).join(", ")} and ${words.at(-1)}` : words[0]);

/** What the slopes say at this prediction, where each loss is lowest, and what an outlier does. */
export function explainRegression({ targets, prediction, delta }) {
  const n = targets.length;
  const [above, below] = [targets.filter((t) => t > prediction).length, targets.filter((t) => t < prediction).length];
  const [best, median, huber] = ["mse", "mae", "huber"].map((name) => lowestAt(name, targets, delta));
  const slope = (name) => signed(slopeOver(name, targets, prediction, delta));
  const slopes = `MSE’s slope is twice the distance to the mean: ${slope("mse")}. MAE’s only counts targets, ${below} below and ${above} above: `
    + `${slope("mae")}. Huber’s counts each distance, but at most δ = ${number(delta, 1)}: ${slope("huber")}.`;
  if (n === 1) return `${slopes}\nWith one target all three losses are lowest on it. Add targets to see them part.`;
  const middle = (v) => (v[0] + v[1]) / 2;
  const [low, high] = [best, median].map(middle).sort((a, b) => a - b);
  const between = middle(huber) > low + 0.005 && middle(huber) < high - 0.005 ? ", in between" : "";
  const lowest = `MSE’s best prediction is the mean, ${number(best[0])}; MAE’s is the median, ${span(median)}`
    + `${median[0] < median[1] ? " (anywhere between the middle two)" : ""}; Huber’s is ${span(huber)}${between}.`;
  const far = targets.reduce((a, b) => (Math.abs(b - middle(median)) > Math.abs(a - middle(median)) ? b : a));
  const rest = targets.filter((_, i) => i !== targets.indexOf(far));
  const spread = Math.max(...rest) - Math.min(...rest);
  const gap = Math.min(...rest.map((t) => Math.abs(t - far)));
  if (n < 4 || gap < 1.5 * spread || gap < 2) return `${slopes}\n${lowest}`;
  const [mean1, median1] = ["mse", "mae"].map((name) => middle(lowestAt(name, rest)));
  return `${slopes}\n${lowest} The outlier at ${number(far, 1)} moves the mean by ${number(Math.abs(best[0] - mean1))}, `
    + `the median by ${number(Math.abs(middle(median) - median1))}.`;
}

/** What the losses make of this score: wrong for sure, wrong, right but close, or right beyond the margin. */
export function explainTwoClasses({ score, label }) {
  const at = (name) => atScore(name, score, label);
  const [entropy, squared] = [at("cross_entropy"), at("squared_error")];
  const margin = label ? score : -score;
  const pull = (slope) => number(Math.abs(slope), Math.abs(slope) < 0.01 ? 4 : 2);
  const start = `Score ${number(score, 1)} means p = ${number(sigmoid(score))} for class 1; the truth is class ${label}: `;
  if (at("zero_one").loss && margin <= -2.5) {
    return `${start}confidently wrong. Squared error is ${number(squared.loss, 3)}, near its worst, 1. Yet its slope is only `
      + `${pull(squared.slope)}: the sigmoid is flat here, so it hardly learns. Cross-entropy is ${number(entropy.loss)} and pulls with `
      + `${pull(entropy.slope)}.`;
  }
  if (at("zero_one").loss) {
    return `${start}wrong. Every loss but the 0-1 loss has a slope and asks for a better score. The 0-1 loss counts mistakes, as accuracy does: it is `
      + "flat on both sides of its jump, so no gradient can follow it.";
  }
  if (margin < 1) {
    return `${start}right, but only just. Accuracy is content: the 0-1 loss is 0. The others are not: the hinge is ${number(at("hinge").loss)} `
      + `and wants a margin of 1, cross-entropy is ${number(entropy.loss)}.`;
  }
  return `${start}right, with margin ${number(margin, 1)}. From margin 1 on, hinge and squared hinge are exactly 0, slope 0: they stop caring. `
    + `Cross-entropy is still ${number(entropy.loss, 4)} and pulls with ${pull(entropy.slope)}. It never stops; accuracy saw nothing of this.`;
}

/** What softmax, temperature and smoothing do here, what the hinge still wants, and how near the goal is. */
export function explainSoftmax(state) {
  const { scores, trueClass, temperature, smoothing } = state;
  const [truth, n] = [CLASSES[trueClass], scores.length];
  const p = softmax(scores, temperature)[trueClass];
  const [entropy, hinge] = [crossEntropy(state), multiclassHinge(state)];
  const lines = [];
  if (smoothing === 0) {
    lines.push(`Softmax gives ${truth} p = ${number(p, 3)}; cross-entropy is −ln p = ${number(entropy, 3)}. Only p = 1 would be enough, so it always wants more.`);
  } else {
    const floor = targetsFor(state).reduce((sum, t) => sum - t * Math.log(t), 0);
    lines.push(`With smoothing the target for ${truth} is ${number(targetsFor(state)[trueClass], 3)}, not 1: cross-entropy is ${number(entropy, 3)}, `
      + `can fall to ${number(floor, 3)} and stops there, where p meets the target.`);
  }
  if (temperature !== 1) {
    lines.push(`Temperature ${number(temperature)} divides every score: p is ${temperature > 1 ? "more even" : "sharper"}, and the gradient is `
      + `(p − t) / ${number(temperature)}. The hinge sees the scores as they are.`);
  }
  const late = violations(state).map((v, j) => [CLASSES[j], v]).filter(([, v]) => v > 0);
  if (hinge > 0) lines.push(`The hinge wants every wrong score 1 below: ${listed(late.map(([name, v], i) => `${name} ${i ? "" : "is too high "}by ${number(v)}`))}, sum ${number(hinge)}.`);
  else lines.push(`Every wrong score is at least 1 below ${truth}: the hinge loss is exactly 0, its gradient too.${goalAdvice(state, entropy, n)}`);
  return lines.join(" ");
}

function goalAdvice({ temperature, smoothing }, entropy, n) {
  if (entropy > GOAL && (temperature !== 1 || smoothing > 0)) return " The goal counts at temperature 1 and smoothing 0.";
  if (temperature !== 1 || smoothing > 0 || entropy > GOAL) return "";
  if (mostAtZeroHinge(n) <= GOAL) {
    return ` Cross-entropy is ${number(entropy, 3)}. With ${n} classes it cannot be more than ${number(mostAtZeroHinge(n), 3)} while the hinge is 0, `
      + `and the goal asks for more than ${GOAL}: look at “Classes”.`;
  }
  return ` Cross-entropy ${number(entropy, 3)} is below ${GOAL}: the wrong scores lie lower than the hinge asks.`;
}

// ==== The demo ==========================================================================================

const KINDS = [["regression", "Regression"], ["two_classes", "Two classes"], ["softmax", "Softmax"]];
const RANGE = [0, 12]; // of targets and predictions
const MOST_TARGETS = 9;
const START = {
  regression: { targets: [1, 1.5, 2, 3, 9.5], prediction: 6, delta: 1 },
  two_classes: { score: -1.5, label: 1 },
  softmax: { scores: [-1, 2.5, 1, 0], true_class: 0, temperature: 1, label_smoothing: 0, loss: "cross_entropy", learning_rate: 1 },
};
const TRAITS = ["kind", ...Object.values(START).flatMap(Object.keys)].join(" ");

function render({ model, el }) {
  const page = createPage({ model, el, title: "How wrong is wrong? Losses and their slopes" });
  const demo = { page };
  const kinds = kindBar(demo);
  const [makers, tabs] = [{ regression, two_classes: twoClasses, softmax: softmaxTab }, {}];
  const spoken = html("p", { class: "ls-spoken", role: "status" }); // what a screen reader hears, once a slider rests
  page.main.append(spoken);
  let wait = 0;
  page.onDispose(() => clearTimeout(wait));
  const update = () => {
    const kind = page.get("kind");
    tabs[kind] ??= makers[kind](demo); // a tab is made when it is first opened
    kinds(kind);
    for (const [name, { boxes, leave }] of Object.entries(tabs)) {
      for (const box of boxes) box.hidden = name !== kind;
      if (name !== kind) leave?.();
    }
    const text = tabs[kind].update();
    page.say(text.replaceAll("0-1", "0\u20111"), { quiet: true }); // no line break inside it
    const met = page.get("goal_met");
    page.goal(met, met && (demo.found ?? "You made the hinge loss 0 while cross-entropy stayed above 0.8."));
    clearTimeout(wait);
    wait = setTimeout(() => {
      spoken.textContent = text;
      const found = kind === "softmax" && goalReached(softmaxState(page));
      if (!found || page.get("goal_met")) return;
      demo.found = found;
      page.goal(true, found);
    }, 500);
  };
  demo.update = update;
  page.watch(`${TRAITS} goal_met`, update);
  update();
  return page.dispose;
}

function kindBar({ page }) {
  const group = `ls-kind-${nextId()}`;
  const choices = KINDS.map(([value, text]) => {
    const input = html("input", { type: "radio", name: group, value, id: `${group}-${value}`, onchange: () => page.set({ kind: value }) });
    return { input, element: html("div", { class: "ls-kind" }, input, html("label", { for: input.id }, text)) };
  });
  const bar = html("fieldset", { class: "ls-kinds" }, html("legend", { class: "ls-spoken" }, "Kind of problem"), ...choices.map(({ element }) => element));
  page.main.parentNode.before(bar);
  return (kind) => { for (const { input } of choices) input.checked = input.value === kind; };
}

/** The three places of a tab: in the figure's column, among the buttons, in the panel. */
function places({ page }) {
  const boxes = [html("div"), html("div", { class: "twice-row" }), html("div", { class: "ls-panel" })];
  [page.figure, page.actions, page.panel].forEach((parent, i) => parent.append(boxes[i]));
  return boxes;
}

const swatch = (name) => svg("svg", { class: "ls-swatch", viewBox: "0 0 26 10", width: 26, height: 10, "aria-hidden": "true" },
  svg("path", { class: `ls-curve ls-${name}`, d: "M1 5H25" }));

/** A table of numbers; returns [element, write(rows of texts)]. */
function table(columns, rows, caption) {
  const cells = rows.map(() => columns.slice(1).map(() => html("td")));
  const head = html("tr", {}, ...columns.map((text) => html("th", { scope: "col" }, text)));
  const lines = rows.map((heading, i) => html("tr", {}, html("th", { scope: "row" }, ...heading), ...cells[i]));
  const element = html("table", { class: "ls-table" }, html("caption", { class: "ls-spoken" }, caption), html("thead", {}, head), html("tbody", {}, ...lines));
  return [element, (texts) => texts.forEach((row, i) => row.forEach((text, k) => {
    if (cells[i][k].textContent !== text) cells[i][k].textContent = text;
  }))];
}

// ---- What two of the tabs share: curves, a marker line, tangents ----

/** Curves over one axis, with a dot and a tangent on each where the marker stands. */
function curves(plot, losses) {
  const [ruler, shapes] = [svg("path", { class: "ls-ruler" }), {}];
  plot.back.append(ruler);
  for (const name of Object.keys(losses)) {
    shapes[name] = {
      curve: svg("path", { class: `ls-curve ls-${name}` }), tangent: svg("path", { class: `ls-tangent ls-${name}` }),
      dot: svg("circle", { class: `ls-dot ls-${name}`, r: 5.5 }), label: svg("text", { class: `ls-name ls-title ls-${name}` }, losses[name].name),
    };
  }
  for (const part of ["curve", "tangent", "dot", "label"]) for (const shape of Object.values(shapes)) plot.back.append(shape[part]);
  return ({ x, bottom, valueAt, slopeAt, labelAt }) => {
    const { frame: f, toX, toY } = plot;
    ruler.setAttribute("d", `M${toX(x)} ${f.top}V${toY(bottom)}`);
    for (const [name, { curve, tangent, dot, label }] of Object.entries(shapes)) {
      const points = Array.from({ length: 241 }, (_, i) => f.left + (f.width * i) / 240)
        .map((px) => `${px.toFixed(1)} ${clamp(toY(valueAt(name, plot.fromX(px))), f.top - 400, f.top + f.height).toFixed(1)}`);
      curve.setAttribute("d", name === "zero_one" ? `M${toX(plot.x[0])} ${toY(1)}H${toX(0)}V${toY(0)}H${toX(plot.x[1])}` : `M${points.join("L")}`);
      const [cx, cy, slope] = [toX(x), toY(valueAt(name, x)), slopeAt(name)];
      const [dx, dy] = [f.width / (plot.x[1] - plot.x[0]), (-slope * f.height) / (plot.y[1] - plot.y[0])];
      const size = 36 / Math.hypot(dx, dy) * (slope > 0 ? -1 : 1); // downhill
      const [ex, ey, angle] = [cx + size * dx, cy + size * dy, Math.atan2(size * dy, size * dx)];
      const wing = (by) => `${(ex - 11 * Math.cos(angle + by)).toFixed(1)} ${(ey - 11 * Math.sin(angle + by)).toFixed(1)}`;
      const head = Math.abs(slope) < 1e-9 ? "" : `M${wing(0.5)}L${ex.toFixed(1)} ${ey.toFixed(1)}L${wing(-0.5)}`;
      tangent.setAttribute("d", `M${(cx - size * dx).toFixed(1)} ${(cy - size * dy).toFixed(1)}L${ex.toFixed(1)} ${ey.toFixed(1)}${head}`);
      make(dot, { cx, cy }, []);
      const [lx, shift, anchor, aside = 0] = labelAt(name);
      make(label, { x: toX(lx) + aside, y: Math.max(toY(valueAt(name, lx)) + shift, f.top + 14), "text-anchor": anchor }, []);
    }
  };
}

/** A handle on a horizontal line of the plot: dragged sideways, or moved by the arrow keys. */
function sideHandle(page, plot, { shape, position, limits, move }) {
  const node = svg("g", {}, svg("circle", { class: "ls-hit", r: 22 }), svg("circle", { class: "twice-ring", r: 14 }), shape);
  plot.front.append(node);
  const onMove = ([x]) => move(x);
  dragHandle(page, plot, node, { position, limits: () => [limits, plot.y], step: 0.1, onMove, onEnd: () => page.set({}) });
  return (label, shown = true) => {
    const [x, y] = position();
    make(node, { display: shown ? "inline" : "none", transform: `translate(${plot.toX(x).toFixed(1)} ${plot.toY(y).toFixed(1)})`, "aria-label": label }, []);
  };
}

/** Where handles crowd, a press goes to the nearest of them, not to the one on top. */
function nearestHandle(plot) {
  plot.svg.addEventListener("pointerdown", (event) => {
    const pressed = event.target.closest(".twice-handle");
    if (!pressed || !event.isTrusted) return;
    const distance = (node) => {
      const { x, y, width, height } = node.getBoundingClientRect();
      return Math.hypot(x + width / 2 - event.clientX, y + height / 2 - event.clientY);
    };
    const shown = [...plot.front.children].filter((node) => node.getAttribute("display") !== "none");
    const nearest = shown.reduce((best, node) => (distance(node) < distance(best) ? node : best), pressed);
    if (nearest === pressed) return;
    event.stopPropagation();
    event.preventDefault();
    nearest.dispatchEvent(new PointerEvent("pointerdown", event));
  }, true);
}

/** A click beside the handles moves the marker there. */
function clickMoves(plot, move) {
  plot.svg.addEventListener("click", (event) => {
    const area = plot.svg.getBoundingClientRect();
    const [x, y] = [plot.fromX(event.clientX - area.left), plot.fromY(event.clientY - area.top)];
    if (!event.target.closest(".twice-handle") && x >= plot.x[0] && x <= plot.x[1] && y >= plot.y[0] && y <= plot.y[1]) move(x);
  });
}

/** The names of the curves, for where they have no room in the picture. */
const key = (losses) => html("ul", { class: "ls-key" }, ...Object.keys(losses).map((name) => html("li", {}, swatch(name), losses[name].name)));
const resetButton = (page, kind) => button({ label: "Reset", title: "This tab as it was at the start", 
  onClick: () => page.set(kind === "softmax" ? { ...START[kind], goal_met: false } : START[kind]) }).element;
const hint = (text) => html("small", { class: "twice-hint" }, text);
const tryThis = (text) => html("div", { class: "ls-try" }, html("b", {}, "Try"), html("p", {}, text));

// ---- Regression ----

function regression(demo) {
  const { page } = demo;
  const boxes = places(demo);
  const names = Object.keys(REGRESSION);
  const state = () => ({ targets: page.get("targets"), prediction: page.get("prediction"), delta: page.get("delta") });
  const plot = createPlot(page, { parent: boxes[0], x: [RANGE[0] - 0.3, RANGE[1] + 0.3], y: [-4.8, 20], xLabel: "prediction and targets",
    yLabel: "mean loss", label: "The losses against the prediction, above the targets", aspect: innerWidth < 480 ? 0.85 : 0.6, draw });
  const [band, line] = [svg("rect", { class: "ls-band" }), svg("path", { class: "ls-line" })];
  plot.svg.prepend(band);
  plot.back.append(line);
  const drawCurves = curves(plot, REGRESSION);
  const minima = names.map((name) => [name, svg("path", { class: `ls-lowest ls-${name}` }), svg("text", { class: `ls-name ls-${name}`, "text-anchor": "middle" })]);
  plot.back.append(...minima.flatMap(([, ...shapes]) => shapes));
  const row = (share) => -share * plot.y[1]; // the number line and the prediction stand below 0
  const handles = Array.from({ length: MOST_TARGETS }, (_, i) => sideHandle(page, plot, {
    shape: svg("circle", { class: "ls-target", r: 8 }), limits: RANGE, position: () => [page.get("targets")[i] ?? 0, row(0.07)],
    move: (x) => page.set({ targets: page.get("targets").map((t, k) => (k === i ? Number(x.toFixed(2)) : t)) }, false),
  }));
  const pin = sideHandle(page, plot, { shape: svg("path", { class: "ls-pin", d: "M0 -11L10 8H-10Z" }), limits: RANGE,
    position: () => [page.get("prediction"), row(0.18)], move: (x) => page.set({ prediction: Number(x.toFixed(2)) }, false) });
  nearestHandle(plot);
  clickMoves(plot, (x) => page.set({ prediction: clamp(Number(x.toFixed(1)), ...RANGE) }));

  const prediction = slider(page, { label: "Prediction", min: RANGE[0], max: RANGE[1], step: 0.05, trait: "prediction" });
  const delta = slider(page, { label: "Huber’s δ", min: 0.1, max: 5, step: 0.1, trait: "delta", format: (v) => number(v, 1) });
  boxes[0].append(key(REGRESSION), hint("● target  ▲ prediction: drag them, or focus one and press ← →."), html("div", { class: "ls-controls" }, prediction.element, delta.element));
  let glide = [0, 0];
  const slide = tween(page, 600, (t) => page.set({ prediction: glide[0] + t * (glide[1] - glide[0]) }, t === 1));
  const go = (name, label) => button({ label, title: `Move the prediction to where ${REGRESSION[name].name} is lowest`, onClick: () => {
    const [low, high] = lowestAt(name, page.get("targets"), page.get("delta"));
    glide = [page.get("prediction"), Number(((low + high) / 2).toFixed(6))];
    slide.start();
  } }).element;
  const add = button({ label: "Add a target", onClick: () => {
    const targets = page.get("targets");
    const room = (x) => Math.min(...targets.map((t) => Math.abs(t - x)));
    const free = Array.from({ length: 21 }, (_, i) => 2 + i / 2).find((x) => room(x) >= 0.5) ?? 6;
    page.set({ targets: [...targets, free] });
  } });
  const remove = button({ label: "Remove one", title: "Take the newest target away", onClick: () => page.set({ targets: page.get("targets").slice(0, -1) }) });
  boxes[1].append(go("mse", "To the mean"), go("mae", "To the median"), go("huber", "To Huber’s best"), add.element, remove.element, resetButton(page, "regression"));
  const [element, write] = table(["", "loss", "slope", "lowest at"], names.map((name) => [swatch(name), REGRESSION[name].name]),
    "Each loss at the prediction, its slope, and where it is lowest");
  boxes[2].append(element, hint("Dot: the loss at the prediction. Arrow: downhill. ◆ where the loss is lowest."),
    tryThis("Drag the target at 9.5 to 12, then to 4. Whose ◆ follows it? Then raise δ: which loss does Huber turn into?"));

  function draw() {
    const { targets, prediction: x, delta: d } = state();
    const { frame: f, toX, toY } = plot;
    const valueAt = (name, v) => lossOver(name, targets, v, d);
    make(band, { x: f.left, y: toY(0), width: f.width, height: f.top + f.height - toY(0) }, []);
    line.setAttribute("d", `M${toX(RANGE[0])} ${toY(row(0.07))}H${toX(RANGE[1])}`);
    const center = lowestAt("mse", targets)[0];
    const reach = Math.sqrt(Math.max(0.86 * plot.y[1] - valueAt("mse", center), 0)); // its name stands on the branch away from the prediction
    const exit = clamp(x > center ? center - reach : center + reach, ...RANGE);
    const under = valueAt("huber", 9.6) < valueAt("mae", 9.6); // the lower of the two has its name below it
    const labels = { mse: [exit, exit > 11 ? -10 : 4, exit > 11 ? "end" : "start", exit > 11 ? 0 : 10], mae: [12, under ? -10 : 20, "end"], huber: [9.6, under ? 22 : -12, "end"] };
    drawCurves({ x, bottom: row(0.18), valueAt, slopeAt: (name) => slopeOver(name, targets, x, d), labelAt: (name) => labels[name] });
    const bottoms = Object.fromEntries(names.map((name) => [name, toY(valueAt(name, lowestAt(name, targets, d)[0]))]));
    for (const [name, mark, word] of minima) {
      const lowest = lowestAt(name, targets, d);
      const [[low, high], y] = [lowest.map(toX), bottoms[name]];
      const diamond = (at) => `M${at - 7} ${y}L${at} ${y - 7}L${at + 7} ${y}L${at} ${y + 7}Z`;
      const flat = high - low > 16 ? `M${low + 8} ${y - 3}H${high - 8}V${y + 3}H${low + 8}Z` : "";
      mark.setAttribute("d", `${diamond(low)}${high - low > 1 ? diamond(high) : ""}${flat}`);
      word.textContent = { mse: `mean ${span(lowest)}`, mae: `median ${span(lowest)}` }[name] ?? "";
      const room = name === "mse" || y - bottoms.mse > 60; // else the table has to tell
      make(word, { x: (low + high) / 2, y: y - 14, display: room ? "inline" : "none" }, []);
    }
    pin(`Prediction ${number(x)}. Arrow keys move it.`);
    handles.forEach((place, i) => place(`Target ${i + 1} of ${targets.length}, at ${number(targets[i] ?? 0)}. Arrow keys move it.`, i < targets.length));
  }
  const update = () => {
    const { targets, prediction: x, delta: d } = state();
    const needed = 1.9 * lossOver("mse", targets, lowestAt("mse", targets)[0]);
    const top = [10, 20, 40].find((v) => v >= needed) ?? 60;
    plot.setLimits(plot.x, [-0.24 * top, top]);
    plot.redraw();
    add.input.disabled = targets.length >= MOST_TARGETS;
    remove.input.disabled = targets.length === 1;
    write(names.map((name) => [number(lossOver(name, targets, x, d)), signed(slopeOver(name, targets, x, d)), span(lowestAt(name, targets, d))]));
    return explainRegression(state());
  };
  return { boxes, update, leave: slide.stop };
}

// ---- Two classes ----

function twoClasses(demo) {
  const { page } = demo;
  const boxes = places(demo);
  const names = Object.keys(TWO_CLASSES);
  const sign = () => (page.get("label") ? 1 : -1);
  const margin = () => sign() * page.get("score");
  const moveTo = (m, save) => page.set({ score: Number((sign() * m).toFixed(2)) + 0 }, save);
  const limits = [-LOGIT_LIMIT, LOGIT_LIMIT];
  const plot = createPlot(page, { parent: boxes[0], x: limits, y: [-0.8, 6], xLabel: innerWidth < 480 ? "margin y s" : "margin y s: wrong below 0, right above", yLabel: "loss",
    label: "Five losses against the margin", aspect: innerWidth < 480 ? 0.85 : 0.6, draw });
  const band = svg("rect", { class: "ls-band" });
  plot.svg.prepend(band);
  const sides = [["wrong", -5.8, "start"], ["right", 5.8, "end"]].map(([text, at, anchor]) => [svg("text", { class: "ls-side", "text-anchor": anchor }, text), at]);
  const edge = svg("path", { class: "ls-edge" });
  plot.back.append(edge, ...sides.map(([node]) => node));
  const drawCurves = curves(plot, TWO_CLASSES);
  const pin = sideHandle(page, plot, { shape: svg("path", { class: "ls-pin", d: "M0 -11L10 8H-10Z" }), limits,
    position: () => [margin(), -0.42], move: (m) => moveTo(m, false) });
  clickMoves(plot, (m) => moveTo(Number(m.toFixed(1)), true));
  const score = slider(page, { label: "Score s", min: limits[0], max: limits[1], step: 0.05, trait: "score" });
  const label = select(page, { label: "True class", options: [["1", "1 (y = +1)"], ["0", "0 (y = −1)"]], value: "", onInput: (v) => page.set({ label: Number(v) }) });
  boxes[0].append(key(TWO_CLASSES), hint("▲ this example: drag it, or focus it and press ← →."), html("div", { class: "ls-controls" }, score.element, label.element));
  const flip = button({ label: "Flip the true class", title: "The same score, the other truth", onClick: () => page.set({ label: 1 - page.get("label") }) });
  const cross = button({ label: "Just right ⇄ just wrong", title: "Margin 0.1 or −0.1: accuracy jumps, what do the losses do?", onClick: () => moveTo(margin() === 0.1 ? -0.1 : 0.1, true) });
  boxes[1].append(flip.element, cross.element, resetButton(page, "two_classes"));
  const [element, write] = table(["", "loss", "slope"], names.map((name) => [swatch(name), TWO_CLASSES[name].name]), "Each loss at this score, and its slope by the score");
  boxes[2].append(element, hint("Slope: the derivative by the score s. Squared error compares p = σ(s) with the label."),
    tryThis("Be sure and wrong: margin −5. Which loss has almost no slope left? Be sure and right: margin 5. Which one still pulls?"));
  const namesAt = { zero_one: [-5.7, -10, "start"], hinge: [-3.8, 2, "start", 9], squared_hinge: [-1.15, 2, "start", 9], cross_entropy: [1.2, -8, "start"], squared_error: [-5.7, 20, "start"] };

  function draw() {
    const { frame: f, toX, toY } = plot;
    make(band, { x: f.left, y: toY(0), width: f.width, height: f.top + f.height - toY(0) }, []);
    edge.setAttribute("d", `M${toX(0)} ${toY(0)}V${f.top + f.height}`);
    for (const [node, at] of sides) make(node, { x: toX(at), y: toY(-0.42) + 5 }, []);
    const valueAt = (name, m) => TWO_CLASSES[name].loss(m);
    drawCurves({ x: margin(), bottom: -0.42, valueAt, slopeAt: (name) => TWO_CLASSES[name].slope(margin()), labelAt: (name) => namesAt[name] });
    pin(`Margin ${number(margin())}, score ${number(page.get("score"))}. Arrow keys move it.`);
  }
  const update = () => {
    const state = { score: page.get("score"), label: page.get("label") };
    label.value = String(state.label);
    write(names.map((name) => {
      const { loss, slope } = atScore(name, state.score, state.label);
      return [number(loss, 3), signed(slope, 3)];
    }));
    plot.redraw();
    return explainTwoClasses(state);
  };
  return { boxes, update };
}

// ---- Softmax ----

function softmaxState(page) {
  const scores = page.get("scores");
  return { scores, trueClass: Math.min(page.get("true_class"), scores.length - 1), temperature: page.get("temperature"), smoothing: page.get("label_smoothing") };
}

function softmaxTab(demo) {
  const { page } = demo;
  const boxes = places(demo);
  const state = () => softmaxState(page);
  let [note, count] = [{}, 0];
  const top = createPlot(page, { parent: boxes[0], x: [-0.6, 3.6], y: [-5.9, 5.9], xLabel: "", yLabel: "score", label: "The score of each class", aspect: 0.5, draw: drawScores });
  const low = createPlot(page, { parent: boxes[0], x: [-0.6, 3.6], y: [0, 1.16], xLabel: "", yLabel: "probability", label: "The probability of each class", aspect: 0.3, draw: drawShares });
  for (const { element } of [top, low]) element.classList.add("ls-bars");
  const zero = svg("path", { class: "ls-line" });
  top.back.append(zero);
  const columns = CLASSES.map((name, i) => {
    const one = { bar: svg("rect"), share: svg("rect"), target: svg("path", { class: "ls-goal" }), arrow: svg("path", { class: "ls-arrow" }) };
    for (const key of ["value", "chance", "name"]) one[key] = svg("text", { class: `ls-${key}`, "text-anchor": "middle" });
    one.name.textContent = name;
    top.back.append(one.bar);
    low.back.append(one.share, one.target);
    top.front.append(one.arrow, one.value, one.name);
    low.front.append(one.chance);
    one.handle = svg("g", {}, ...[["ls-hit", 22], ["twice-ring", 14], ["ls-knob", 8]].map(([kind, r]) => svg("circle", { class: kind, r })));
    top.front.append(one.handle);
    const move = ([, y]) => page.set({ scores: page.get("scores").map((s, j) => (j === i ? Number(y.toFixed(2)) : s)) }, false);
    dragHandle(page, top, one.handle, { position: () => [i, page.get("scores")[i] ?? 0], limits: () => [[i, i], [-SCORE_LIMIT, SCORE_LIMIT]], step: 0.1,
      onMove: (point) => move(held ? point.map((v) => Math.round(10 * v) / 10) : point), onEnd: () => page.set({}) });
    return one;
  });
  let held = false; // by the pointer, which moves in tenths; Shift and the arrow keys are finer
  top.svg.addEventListener("pointerdown", () => (held = true), true);
  for (const type of ["pointerup", "pointercancel"]) top.svg.addEventListener(type, () => (held = false), true);

  const temperature = slider(page, { label: "Temperature", min: 0.1, max: 10, log: true, step: 0.02, trait: "temperature" });
  const smoothing = slider(page, { label: "Label smoothing", min: 0, max: 0.5, step: 0.01, trait: "label_smoothing" });
  boxes[0].append(hint("Drag a score ●, or focus it and press ↑ ↓. Arrows: where the next step takes each score. Dashes: targets."),
    html("div", { class: "ls-controls" }, temperature.element, smoothing.element));
  const names = { cross_entropy: "cross-entropy", hinge: "hinge" };
  const valueOf = { cross_entropy: crossEntropy, hinge: multiclassHinge };
  const tell = (scores, text) => { note = { scores: String(scores), text }; };
  const step = () => {
    const [loss, before] = [page.get("loss"), state()];
    const scores = stepScores(loss, before, page.get("learning_rate"));
    const still = gradientFor(loss, before).every((g) => g === 0);
    count = note.scores === String(before.scores) && note.loss === loss ? count + 1 : 1;
    const [from, to] = [before, { ...before, scores }].map((s) => number(valueOf[loss](s), 4));
    const edge = scores.some((s) => Math.abs(s) === SCORE_LIMIT) ? ` A score is at the edge of the picture, ${SCORE_LIMIT}.` : "";
    tell(scores, still ? `The ${names[loss]} is at rest: its gradient is 0. Nothing moves, however often you step.` : `Step ${count} down the ${names[loss]}: ${from} to ${to}.${edge}`);
    note.loss = loss;
    page.set({ scores });
    if (still) demo.update(); // no score has changed, so nobody else tells the words
    redraw();
    return !still;
  };
  let beat = 0;
  const loop = animation(page, (seconds) => {
    for (beat += 4 * seconds; beat >= 1; beat -= 1) if (!step()) { run.value = "Run"; return false; }
  });
  const stop = () => { loop.stop(); run.value = "Run"; };
  const once = button({ label: "Step", primary: true, title: "One step of gradient descent on the scores", onClick: () => { stop(); step(); } });
  const run = button({ label: "Run", title: "Four steps a second", onClick: () => {
    if (loop.running) return stop();
    if (!step()) return; // at rest: the step has said so
    beat = 0;
    run.value = "Pause";
    loop.start();
  } });
  const shift = button({ label: "Add 1 to all", title: "The same constant for every score", onClick: () => {
    const by = Math.max(...page.get("scores")) > SCORE_LIMIT - 1 ? -1 : 1;
    const scores = page.get("scores").map((s) => Number((s + by).toFixed(4)));
    if (Math.min(...scores) < -SCORE_LIMIT) return;
    tell(scores, `Every score ${by > 0 ? "rose" : "fell"} by 1: no probability, loss or gradient changed. Only differences between scores count.`);
    page.set({ scores });
  } });
  

  const losses = Object.keys(names);
  const [readout, writeLosses] = table(["", "loss"], losses.map((name) => [swatch(name), names[name]]), "The two losses");
  const [element, write] = table(["class", "score", "p", "target", "slope"], CLASSES.map((name) => [name]), "Each class: score, probability, target, and the slope of the chosen loss");
  const truth = select(page, { label: "True class", options: [], value: "", onInput: (v) => page.set({ true_class: Number(v) }) });
  const size = select(page, { label: "Classes", options: [3, 4, 5].map((n) => [n, n]), value: "", onInput: (v) => {
    const scores = [...page.get("scores"), 0, 0].slice(0, Number(v));
    page.set({ true_class: Math.min(page.get("true_class"), scores.length - 1), scores });
  } });
  const loss = select(page, { label: "down the", options: Object.entries(names), trait: "loss" });
  const rate = slider(page, { label: "Step size", min: 0.1, max: 2, step: 0.1, trait: "learning_rate", format: (v) => number(v, 1) });
  boxes[2].append(readout, html("div", { class: "ls-pair" }, truth.element, size.element), rate.element, element,
    hint("Slope: of the loss you step down, by each score. Cross-entropy’s is (p − target) / temperature."),
    tryThis("Run down the hinge until it rests, then down the cross-entropy. Which one is ever done? Now add label smoothing."));
  boxes[1].append(once.element, run.element, loss.element, shift.element, resetButton(page, "softmax"));

  /** Bars of one plot: x, width, and the rectangle between 0 and a value. */
  const barAt = (plot, i) => { const width = 0.46 * (plot.toX(1) - plot.toX(0)); return [plot.toX(i) - width / 2, width]; };
  const box = (plot, node, i, value, mine) => {
    const [[x, width], ends] = [barAt(plot, i), [plot.toY(0), plot.toY(value)]];
    make(node, { x, width, y: Math.min(...ends), height: Math.abs(ends[0] - ends[1]), class: mine ? "ls-bar ls-mine" : "ls-bar" }, []);
  };
  function drawScores() {
    const { scores, trueClass } = state();
    const next = stepScores(page.get("loss"), state(), page.get("learning_rate"));
    zero.setAttribute("d", `M${top.frame.left} ${top.toY(0)}h${top.frame.width}`);
    columns.forEach(({ bar, arrow, value, name, handle }, i) => {
      const shown = i < scores.length;
      for (const node of [bar, arrow, value, name, handle]) make(node, { display: shown ? "inline" : "none" }, []);
      if (!shown) return;
      const [x, y, s] = [top.toX(i), top.toY(scores[i]), scores[i]];
      box(top, bar, i, s, i === trueClass);
      make(handle, { transform: `translate(${x} ${y})`, "aria-label": `Score of ${CLASSES[i]}${i === trueClass ? ", the true class" : ""}: ${number(s)}. Arrow keys up and down move it.` }, []);
      make(value, { x, y: s < 0 && s > -4 ? y + 27 : y - 17 }, []);
      value.textContent = number(s, Number.isInteger(Math.round(1e6 * s) / 1e5) ? 1 : 2);
      make(name, { x, y: top.frame.top + top.frame.height + 20, class: i === trueClass ? "ls-class ls-true" : "ls-class" }, []);
      name.textContent = i === trueClass ? `${CLASSES[i]} ✓` : CLASSES[i];
      const [ax, end] = [x + barAt(top, i)[1] / 2 + 9, top.toY(next[i])];
      const head = Math.min(7, Math.abs(end - y)) * Math.sign(end - y);
      const wing = 0.7 * Math.abs(head);
      arrow.setAttribute("d", Math.abs(end - y) < 1 ? "" : `M${ax} ${y}V${end}M${ax - wing} ${end - head}L${ax} ${end}L${ax + wing} ${end - head}`);
    });
  }
  function drawShares() {
    const [{ scores, trueClass, temperature: t }, targets] = [state(), targetsFor(state())];
    const shares = softmax(scores, t);
    columns.forEach(({ share, target, chance }, i) => {
      for (const node of [share, target, chance]) make(node, { display: i < scores.length ? "inline" : "none" }, []);
      if (i >= scores.length) return;
      box(low, share, i, shares[i], i === trueClass);
      const [x, width] = barAt(low, i);
      target.setAttribute("d", `M${x - 5} ${low.toY(targets[i])}h${width + 10}`);
      chance.textContent = number(shares[i], 3);
      make(chance, { x: low.toX(i), y: low.toY(shares[i]) - 6 }, []);
    });
  }
  const redraw = () => { top.redraw(); low.redraw(); };
  let known = "";
  const update = () => {
    const now = state();
    const { scores, trueClass } = now;
    const n = scores.length;
    for (const plot of [top, low]) plot.setLimits([-0.6, n - 0.4], plot.y);
    redraw();
    if (known !== String(n)) fill(truth.input, ...CLASSES.slice(0, n).map((name, i) => html("option", { value: i }, name)));
    known = String(n);
    truth.value = String(trueClass);
    size.value = String(n);
    const [shares, targets, gradient] = [softmax(scores, now.temperature), targetsFor(now), gradientFor(page.get("loss"), now)];
    writeLosses(losses.map((name) => [valueOf[name](now) === 0 ? "exactly 0" : number(valueOf[name](now), 3)]));
    write(scores.map((s, i) => [number(s), number(shares[i], 3), number(targets[i]), signed(gradient[i])]));
    [...element.tBodies[0].rows].forEach((line, i) => { line.hidden = i >= n; line.classList.toggle("ls-true", i === trueClass); });
    return `${note.scores === String(scores) && note.text ? `${note.text}\n` : ""}${explainSoftmax(now)}`;
  };
  return { boxes, update, leave: stop };
}

export default { render };
