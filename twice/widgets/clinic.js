/* clinic.js: eight broken networks, to be diagnosed from what their training leaves behind.
 * Above the line "The demo": pure functions, compared with Python and with the stored runs in tests/test_clinic_demo.py.
 * A run: loss, accuracy [training, validation][t]; gradient, ratio (log10), spread (log10) [layer][t]; dead [layer][t];
 * histogram [look][layer][bin]. t counts the looks at a training, data.moments[t] the steps taken by then. */

const LAYERS = 5;
const FLOOR = -12; // log10 of 0
const COUNTS = { loss: 2, accuracy: 2, gradient: 5, ratio: 5, dead: 4, spread: 5 };
const CHANCE = Math.log(10);

// ---- Reading what Python sent ----

const raw = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

/** A 16-bit float (IEEE 754) as a number. */
export function half(bits) {
  const [sign, power, rest] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return sign * (power ? 2 ** (power - 15) * (1 + rest / 1024) : (2 ** -14 * rest) / 1024);
}

/** The trait `records`: {moments, looks, edges, runs: {"rate_high 0": run, ...}}. */
export function unpack({ names, moments, looks, edges, curves, histograms }) {
  const [numbers, shares] = [raw(curves), raw(histograms)];
  let [at, bin] = [0, 0];
  const take = () => half(numbers[at++] | (numbers[at++] << 8));
  const list = (n, make) => Array.from({ length: n }, make);
  const runs = Object.fromEntries(names.map((name) => {
    const run = {};
    for (const [curve, count] of Object.entries(COUNTS)) run[curve] = list(count, () => list(moments.length, take));
    run.histogram = list(looks.length, () => list(LAYERS, () => list(edges.length - 1, () => shares[bin++] / 255)));
    return [name, run];
  }));
  return { moments, looks, edges, runs };
}

// ---- Patients, answers, score ----

export const PATIENTS = { rate_high: 0, rate_low: 3, small_weights: 2, dead_units: 1, raw_inputs: 0, wrong_labels: 4, overfitting: 2, softmax_twice: 4 };
const FAULTS = Object.keys(PATIENTS);
const COMPARED = 5;
export const NAMES = {
  rate_high: "The learning rate is too high", rate_low: "The learning rate is too low",
  small_weights: "The weights begin too small", dead_units: "Whole layers of ReLUs are dead",
  raw_inputs: "The inputs are not standardized", wrong_labels: "The labels belong to other images",
  overfitting: "Too few images, learned by heart", softmax_twice: "Softmax is applied twice",
};

/** Which fault patient 1, 2, ... has. */
export const order = (seed) => seeded(seed).shuffle(FAULTS);

/** {found: [8 times true or false], score: found with the first choice}. */
export function standing(tried, faults) {
  const found = faults.map((fault, i) => tried[i].includes(fault));
  return { found, count: found.filter(Boolean).length, score: faults.filter((fault, i) => tried[i][0] === fault).length };
}

/** `tried` after `choice` was checked for patient i (from 0); nothing changes once the fault is found. */
export const checked = (tried, faults, i, choice) =>
  tried.map((list, k) => (k !== i || !choice || list.includes(choice) || list.includes(faults[i]) ? list : [...list, choice]));

// ---- Facts: what the texts speak of; the same numbers as `facts` in experiments/clinic.py ----

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 ? sorted[middle - 0.5] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function facts(run, moments) {
  const last = moments.length - 1;
  const [loss, right] = [run.loss[0], run.accuracy[0]];
  const upTo = (step, rows) => rows.map((row) => row.filter((_, t) => moments[t] <= step));
  const first = (rows) => rows.map((row) => row[0]);
  return {
    start: loss[0], lowest: Math.min(...loss), rises: loss.filter((v, t) => t && moments[t] <= 512 && v > 1.2 * loss[t - 1]).length,
    train_loss: loss[last], val_loss: run.loss[1][last], train_accuracy: right[last], val_accuracy: run.accuracy[1][last],
    best_accuracy: Math.max(...right), first_gradient: first(run.gradient), first_ratio: median(upTo(8, run.ratio).flat()),
    early_ratio: upTo(96, run.ratio).map(median), first_spread: first(run.spread).map((v) => 10 ** v),
    first_dead: first(run.dead), last_dead: run.dead.map((row) => row[last]),
  };
}

const percent = (share) => `${Math.round(100 * share)}\u00a0%`;
const short = (v) => (v >= 100 ? v.toFixed(0) : v >= 10 ? v.toFixed(1) : v >= 0.01 ? v.toFixed(2) : v >= 0.001 ? v.toFixed(3) : v > 0 ? v.toPrecision(1) : "0");
/** 10 to the power, as a norm: 0.0002, 2.3, or exactly 0. */
const norm = (power) => (power <= FLOOR ? "exactly 0" : power < -4.5 ? (10 ** power).toExponential(0).replace("-", "−") : short(10 ** power));
/** An update-to-weight ratio, 10 to the power, as a share: "one part in 200". */
export function part(power) {
  if (power <= FLOOR) return "not at all";
  const n = 10 ** -power;
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(n)) - (n < 100 ? 0 : 1));
  return n < 2 ? "half or more" : `one part in ${(n < 20 ? Math.round(n) : Math.round(n / unit) * unit).toLocaleString("en-US")}`;
}

// ---- Claims: what a diagnosis would show, and what is there instead. Each was tested on six trainings of each network ----

export const CLAIMS = {
  rate_high: {
    loss: ["loss", "Too high a rate makes the training loss jump up by a fifth or more, again and again.", (f) => `Here it does not: it goes from ${short(f.start)} to ${short(f.train_loss)} without one such jump in the first 512 steps.`],
    start: ["loss", "No rate can spoil a loss before the first step: with too high a one it begins below 5, as it should.", (f) => `This loss is ${short(f.start)} before any step is taken.`],
    ratio: ["ratio", "Too high a rate moves the weights by more than one part in 60 with each of the first steps.", (f) => `Here it is ${part(f.first_ratio)}.`],
  },
  rate_low: {
    ratio: ["ratio", "With too low a rate the first steps move every layer by less than one part in 10,000.", (f) => `Here it is ${part(Math.max(...f.early_ratio))} to ${part(Math.min(...f.early_ratio))}.`],
    accuracy: ["accuracy", "With too low a rate it would hardly have left its start: fewer than three in ten training images right.", (f) => `This network has had ${percent(f.best_accuracy)} of them right.`],
    gradient: ["gradient", "A low rate makes small steps out of gradients of a normal size: their norms would begin above 0.3 in every layer.", (f) => `Here the first layer’s is ${norm(f.first_gradient[0])}: the rate is not to blame.`],
  },
  small_weights: {
    histogram: ["histogram", "From weights that begin too small each layer gets a fainter signal: before the first step, layer 4 would have a std below 0.001.", (f) => `Here it has ${short(f.first_spread[3])}.`],
    dead: ["dead", "Small weights make signals faint, but four units in five or more would still answer some image before the first step.", (f) => `Here ${percent(Math.max(...f.first_dead))} of a layer answer to none.`],
    loss: ["loss", "A network whose signal dies out says the same about every image: its loss begins at 2.30, exactly that of guessing.", (f) => `This one begins at ${short(f.start)}.`],
    accuracy: ["accuracy", "With so faint a signal it could not learn even its training images: at most one in five right.", (f) => `This one has ${percent(f.best_accuracy)} of them right.`],
  },
  dead_units: {
    dead: ["dead", "Layers 3 and 4 would be dead from the start: every unit 0 for every image.", (f) => `Here at most ${percent(Math.max(...f.first_dead))} of a layer’s units are dead before the first step.`],
    gradient: ["gradient", "Through dead layers comes a gradient of exactly 0.", (f) => `Here the first layer’s norm is tiny, ${norm(f.first_gradient[0])}, but it is not 0.`],
  },
  raw_inputs: {
    loss: ["loss", "Inputs that are too large make loud, wrong answers before the first step: a loss above 7.", (f) => `This loss begins at ${short(f.start)}.`],
    histogram: ["histogram", "Inputs that are too large show in layer 1 at once: a std above 6 before the first step.", (f) => `Here it is ${short(f.first_spread[0])}.`],
  },
  wrong_labels: {
    accuracy: ["accuracy", "With labels of other images it could learn its training images by heart, more than 95 % of them, but on new ones it would guess: fewer than 20 % right.", (f) => `This one ends with ${percent(f.train_accuracy)} of the training and ${percent(f.val_accuracy)} of the validation images.`],
  },
  overfitting: {
    loss: ["loss", "A network that knows its few images by heart has a training loss below 0.01 in the end.", (f) => `Here it ends at ${short(f.train_loss)}.`],
    accuracy: ["accuracy", "It would have every training image right, and still 50 to 85 % of the validation images.", (f) => `This one ends with ${percent(f.train_accuracy)} and ${percent(f.val_accuracy)}.`],
  },
  softmax_twice: {
    loss: ["loss", "After a second softmax no loss can be below 1.46, however many images are right.", (f) => `This one has been at ${short(f.lowest)}.`],
    accuracy: ["accuracy", "A second softmax slows learning, but more than 60 % of the training images would come out right.", (f) => `Here it is ${percent(f.best_accuracy)} at best.`],
  },
};
const every = (...keys) => Object.fromEntries(FAULTS.map((fault, k) => [fault, keys[k]]));
/** PROOFS[patient][wrong diagnosis]: the claim that speaks against it. */
export const PROOFS = {
  rate_high: every(null, "ratio", "loss", "dead", "loss", "accuracy", "accuracy", "loss"),
  rate_low: every("ratio", null, "histogram", "dead", "loss", "accuracy", "loss", "accuracy"),
  small_weights: every("ratio", "gradient", null, "gradient", "histogram", "accuracy", "loss", "accuracy"),
  dead_units: every("loss", "gradient", "dead", null, "histogram", "accuracy", "loss", "accuracy"),
  raw_inputs: every("start", "ratio", "histogram", "dead", null, "accuracy", "accuracy", "loss"),
  wrong_labels: every("ratio", "accuracy", "accuracy", "dead", "loss", null, "accuracy", "loss"),
  overfitting: every("loss", "accuracy", "accuracy", "dead", "loss", "accuracy", null, "loss"),
  softmax_twice: every("ratio", "ratio", "histogram", "dead", "loss", "accuracy", "loss", null),
};
const MORE = {
  "rate_high dead_units": (f) => `Units do die later, ${percent(f.last_dead[0])} of layer 1 by the end: that is what follows, not what came first.`,
  "rate_high raw_inputs": () => "It begins as a healthy network does; the trouble comes with the first steps.",
  "rate_low small_weights": () => "Every layer’s signal has a normal size. Only the steps are small.",
  "small_weights rate_low": () => "The steps are small because the gradients are.",
  "small_weights dead_units": () => "Faint is not silent.",
  "dead_units small_weights": () => "That is silent, not faint.",
  "wrong_labels overfitting": () => "Overfitted networks do worse than they could on new images. This one does no better than guessing.",
  "overfitting wrong_labels": () => "What it learned helps with new images, only less than it should.",
  "softmax_twice rate_low": (f) => `It is slow, yes; but a loss of ${short(f.train_loss)} with ${percent(f.train_accuracy)} right is odd at any rate.`,
};

/** Why `patient` does not have `wrong`: {chart, text}. */
export function evidence(patient, wrong, f) {
  const [chart, would, here] = CLAIMS[wrong][PROOFS[patient][wrong]];
  const more = MORE[`${patient} ${wrong}`];
  return { chart, text: `${would} ${here(f)}${more ? ` ${more(f)}` : ""}` };
}

/** What gave the fault away, and what was mended; f: the patient's facts, g: those of the mended network. */
export function lesson(patient, f, g) {
  const why = {
    rate_high: `The first steps move the weights by ${part(f.first_ratio)}, and the loss jumps up by a fifth or more ${f.rises} times in the first 512 steps. Mended: rate 0.03 instead of 0.5.`,
    rate_low: `Signals and gradients have a normal size, but a step moves the layers by only ${part(Math.max(...f.early_ratio))} to ${part(Math.min(...f.early_ratio))}: the loss creeps. Mended: rate 0.03 instead of 0.00003.`,
    small_weights: `Before the first step the std of z falls from ${short(f.first_spread[0])} in layer 1 to ${short(f.first_spread[3])} in layer 4, and the first layer’s gradient has a norm of ${norm(f.first_gradient[0])}, not ${norm(g.first_gradient[0])}. Mended: He’s initializer instead of a std of 0.02.`,
    dead_units: `Before the first step ${percent(f.first_dead[3])} of layer 4 say 0 to every image; the gradient behind them is exactly 0, so nothing can bring them back. Only the output’s bias learns. Mended: biases begin at 0 instead of −2.`,
    raw_inputs: `Before the first step the loss is ${short(f.start)} and layer 1’s std ${short(f.first_spread[0])}: the pixels come as 0 to 16. The first layer’s gradient begins at ${norm(f.first_gradient[0])} instead of ${norm(g.first_gradient[0])}. Mended: pixels minus their mean, divided by their standard deviation.`,
    wrong_labels: `${percent(f.train_accuracy)} of the training images right, ${percent(f.val_accuracy)} of the others, which is guessing: there was nothing to learn but the list itself. Mended: images and labels shuffled together.`,
    overfitting: `${percent(f.train_accuracy)} of the training images right from early on, ${percent(f.val_accuracy)} of the others: the validation loss stays at ${short(f.val_loss)} while the training loss goes on to ${short(f.train_loss)}. Mended: 512 images instead of 64. Where there are no more, regularize.`,
    softmax_twice: `${percent(f.train_accuracy)} right with a loss of ${short(f.train_loss)}: the loss gets probabilities where it expects logits, and cannot fall below ln(1 + 9/e) = 1.46. Mended: one softmax, in the loss.`,
  }[patient];
  return `${why} It now reads ${percent(g.val_accuracy)} of the validation images instead of ${percent(f.val_accuracy)}.`;
}

export const HINTS = {
  rate_high: "the update-to-weight ratio of the first steps", rate_low: "gradient and update-to-weight ratio, side by side",
  small_weights: "the histograms before the first step, from layer 1 to layer 4", dead_units: "the share of dead units",
  raw_inputs: "the loss before the first step", wrong_labels: "the accuracies at the end", overfitting: "the two losses, training and validation",
  softmax_twice: "loss and training accuracy at the end: do they fit together?",
};

/** What the numbers of one moment mean, without a diagnosis. */
export function reading(run, moments, t) {
  const [[a, b], [c, d]] = [run.loss, run.accuracy].map((pair) => pair.map((row) => row[t]));
  const against = Math.abs(a / CHANCE - 1) < 0.02 ? "that is what guessing costs" : a > CHANCE ? "guessing would cost less, 2.30" : "guessing would cost 2.30";
  const when = moments[t] === 0 ? "Before the first step" : `After ${moments[t].toLocaleString("en-US")} ${moments[t] === 1 ? "step" : "steps"}`;
  const ratios = run.ratio.map((row) => row[t]);
  const [low, high] = [Math.min(...ratios), Math.max(...ratios)];
  const moved = high <= FLOOR ? "does not move a single weight matrix" : low <= FLOOR ? `moves one layer by ${part(high)}, and one not at all` : part(low) === part(high) ? `moves each layer’s weights by ${part(high)}` : `moves a layer’s weights by ${part(low)} to ${part(high)}`;
  const dead = Math.max(...run.dead.map((row) => row[t]));
  return `${when} the loss is ${short(a)} on training images (${against}) and ${short(b)} on validation images; ${percent(c)} and ${percent(d)} are right. The next step ${moved}; ${dead ? `up to ${percent(dead)} of a layer’s units are dead` : "no unit is dead"}.`;
}

/** Which stored histogram belongs to look t: the last one until then. */
export const lookAt = (data, t) => data.looks.findLastIndex((step) => step <= data.moments[t]);

// ---- The demo ----

const CHARTS = {
  loss: { title: "Loss", y: [0.0005, 60], yLog: true, yLabel: "loss, log scale" },
  accuracy: { title: "Accuracy", y: [0, 1], yLabel: "share of images right" },
  ratio: { title: "Update-to-weight ratio", y: [1e-7, 1], yLog: true, yLabel: "update / weight" },
  gradient: { title: "Gradient norm", y: [1e-5, 300], yLog: true, yLabel: "norm" },
  dead: { title: "Dead units", y: [0, 1], yLabel: "share of a layer" },
  histogram: { title: "Histograms of z", y: [0, LAYERS], x: [-6, 6], xLabel: "z (ends: and beyond)", yLabel: "layer" },
};
const NOTES = {
  loss: "chance: 2.30", accuracy: "chance: 0.1", ratio: "shaded: 10⁻⁴ to 10⁻²", gradient: "each layer’s weights", dead: "0 for each of 200 images", histogram: "",
};
const PAIR = new Set(["loss", "accuracy"]);

function render({ model, el }) {
  const page = createPage({ model, el, title: "The clinic of broken networks" });
  const data = unpack(page.get("records"));
  const demo = { page, data, charts: {}, tones: {} };
  const last = data.moments.length - 1;
  const well = data.runs[`healthy ${COMPARED}`];
  demo.look = () => {
    const faults = order(page.get("seed"));
    const i = page.get("patient") - 1;
    const fault = faults[i];
    const tried = page.get("tried");
    const state = standing(tried, faults);
    const mended = state.found[i] ? data.runs[`healthy ${PATIENTS[fault]}`] : null;
    return Object.assign(demo, { faults, i, fault, tried, state, run: data.runs[`${fault} ${PATIENTS[fault]}`], mended, well: page.get("compare") ? well : null,
      cure: page.get("cure") ? mended : null, t: clamp(page.get("moment"), 0, last) });
  };
  demo.look();

  const parts = [patients(demo), charts(demo), timeline(demo), diagnosis(demo)];
  const update = (whole) => {
    demo.look();
    for (const part of parts) part(whole);
    page.say(`${demo.cure ? "Mended: " : ""}${reading(demo.cure ?? demo.run, data.moments, demo.t)}`, { quiet: true });
    const { count, score } = demo.state;
    const met = count === FAULTS.length;
    page.goal(met, met ? `All eight found, ${score} of them with the first choice.` : count ? `${count} of 8 found, ${score} with the first choice. Go on with the next network.` : "");
  };
  let whole = true;
  const redraw = frame(page, () => { update(whole); whole = false; });
  page.watch("seed patient choice tried compare cure records", () => { whole = true; redraw(); });
  page.watch("moment", redraw);
  page.themed.add(() => { demo.tones = {}; });
  update(true);
  return page.dispose;
}

/** The row of eight buttons, each with how it stands. */
function patients(demo) {
  const { page } = demo;
  const buttons = FAULTS.map((_, k) => button({ label: String(k + 1), onClick: () => page.set({ patient: k + 1, choice: "", moment: demo.data.moments.length - 1 }) }).element);
  const again = button({ label: "New order", title: "Shuffle the networks and begin again", onClick: () =>
    page.set({ seed: (page.get("seed") + 1) % 2 ** 32, tried: FAULTS.map(() => []), patient: 1, choice: "", moment: demo.data.moments.length - 1, goal_met: false }) });
  page.figure.append(html("div", { class: "cl-patients", role: "group", "aria-label": "Networks" }, html("span", { class: "cl-name" }, "Network"), ...buttons, again.element));
  return () => buttons.forEach((node, k) => {
    const how = demo.state.found[k] ? (demo.tried[k][0] === demo.faults[k] ? "found with the first choice" : "found") : demo.tried[k].length ? "not found yet" : "not tried yet";
    fill(node, String(k + 1), html("span", { class: "cl-mark", "aria-hidden": "true" }, demo.state.found[k] ? "✓" : demo.tried[k].length ? "✗" : ""));
    node.dataset.state = demo.state.found[k] ? "found" : "open";
    node.setAttribute("aria-label", `Network ${k + 1}, ${how}`);
    node.setAttribute("aria-pressed", String(k === demo.i));
  });
}

/** Colors that CSS keeps, read once a theme. */
function tones(demo) {
  if (!demo.tones.layers) {
    const style = getComputedStyle(demo.page.root);
    const read = (name) => style.getPropertyValue(name).trim();
    demo.tones = { ...demo.page.colors(), pale: read("--cl-pale"), band: read("--cl-band"), layers: [1, 2, 3, 4, 5].map((k) => read(`--cl-${k}`)) };
  }
  return demo.tones;
}

function charts(demo) {
  const { page, data } = demo;
  const grid = html("div", { class: "cl-charts" });
  const swatch = (k) => html("span", {}, html("i", { class: "cl-swatch", style: `background: var(--cl-${k})` }), k === 1 ? "1, first" : k === 5 ? "5, output" : String(k));
  const line = (text, kind) => html("span", {}, html("i", { class: `cl-line ${kind}` }), text);
  const gray = line("healthy network", "cl-gray");
  const faded = line("before the cure", "cl-faded");
  page.figure.append(html("p", { class: "cl-legend" }, line("training", ""), line("validation", "cl-dashed"), html("span", { class: "cl-name" }, "Layers"), ...[1, 2, 3, 4, 5].map(swatch), gray, faded), grid);
  for (const [name, { title, ...options }] of Object.entries(CHARTS)) {
    const note = html("span", {}, NOTES[name]);
    const box = html("section", { class: `cl-chart cl-${name}` }, html("div", { class: "cl-title" }, html("strong", {}, title), note));
    grid.append(box);
    const paint = name === "histogram" ? bars : lines;
    const chart = { box, note };
    chart.plot = createPlot(page, { parent: box, x: [0, 1920], xLabel: "steps", aspect: 0.6, label: title, ...options, draw: (plot) => { paint(demo, name, plot); chart.place?.(); } });
    if (name !== "histogram") {
      const cursor = svg("line", { class: "cl-cursor" });
      chart.plot.front.append(cursor);
      chart.place = () => {
        const [x, { top, height }] = [chart.plot.toX(data.moments[demo.t]), chart.plot.frame];
        make(cursor, { x1: x, x2: x, y1: top, y2: top + height }, []);
        chart.more?.(x, top, height);
      };
    }
    demo.charts[name] = chart;
  }
  grip(demo, demo.charts.loss);
  return (whole) => {
    gray.hidden = !demo.well;
    faded.hidden = !demo.cure;
    for (const [name, { plot, place, note }] of Object.entries(demo.charts)) {
      if (whole || name === "histogram") plot.redraw();
      else if (plot.frame.width) place();
      if (name === "histogram") {
        const step = data.looks[lookAt(data, demo.t)];
        note.textContent = step ? `after ${step.toLocaleString("en-US")} ${step === 1 ? "step" : "steps"}` : "before the first step";
      }
    }
  };
}

/** The cursor of the loss can be dragged. */
function grip(demo, chart) {
  const { page, data } = demo;
  const node = svg("g", {}, svg("rect", { class: "cl-hit" }), svg("circle", { class: "cl-knob", r: 7 }), svg("circle", { class: "twice-ring", r: 11 }));
  chart.plot.front.append(node);
  const nearest = (x) => data.moments.reduce((best, step, t) => (Math.abs(step - x) < Math.abs(data.moments[best] - x) ? t : best), 0);
  const go = (by) => page.set({ moment: clamp(demo.look().t + by, 0, data.moments.length - 1) });
  dragHandle(page, chart.plot, node, {
    position: () => [data.moments[demo.look().t], 0.001],
    onMove: ([x]) => page.set({ moment: nearest(x) }, false),
    onEnd: () => page.set({}),
    onKey: (event) => ({ PageUp: () => go(5), PageDown: () => go(-5), Home: () => go(-1e3), End: () => go(1e3) })[event.key]?.() ?? false,
  });
  node.addEventListener("keydown", (event) => { // by looks, not by steps
    const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (!by || event.altKey || event.ctrlKey || event.metaKey) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    go(by);
  }, true);
  make(node, { "aria-roledescription": "movable line" }, []);
  chart.more = (x, top, height) => {
    make(node.children[0], { x: x - 12, y: top, width: 24, height }, []);
    for (const circle of [node.children[1], node.children[2]]) make(circle, { cx: x, cy: top }, []);
    node.setAttribute("aria-label", `Moment: ${data.moments[demo.t]} steps`);
  };
}

/** Loss, accuracy, gradient, ratio, dead units. */
function lines(demo, name, plot) {
  const { data: { moments }, run, well, cure } = demo;
  const { ctx, frame: f } = plot;
  const colors = tones(demo);
  const log = name === "gradient" || name === "ratio";
  const [low, high] = plot.y;
  const y = (v) => plot.toY(clamp(log ? 10 ** v : v, low, high));
  const path = (row) => row.forEach((v, t) => ctx[t ? "lineTo" : "moveTo"](plot.toX(moments[t]), y(v)));
  const draw = (rows, { alpha = 1, width = 1.8, color }) => {
    rows.forEach((row, k) => {
      Object.assign(ctx, { globalAlpha: alpha, lineWidth: width, lineJoin: "round", strokeStyle: color ?? (PAIR.has(name) ? colors.layers[0] : colors.layers[k]) });
      ctx.setLineDash(PAIR.has(name) && k ? [6, 4] : []);
      ctx.beginPath();
      path(row);
      ctx.stroke();
    });
    ctx.setLineDash([]);
    ctx.globalAlpha = 1;
  };
  if (name === "ratio") {
    ctx.fillStyle = colors.band;
    ctx.fillRect(f.left, plot.toY(1e-2), f.width, plot.toY(1e-4) - plot.toY(1e-2));
  }
  const level = { loss: CHANCE, accuracy: 0.1, ratio: 1e-3 }[name];
  if (level) {
    Object.assign(ctx, { strokeStyle: colors.muted, lineWidth: 1 });
    ctx.setLineDash([2, 3]);
    ctx.beginPath();
    ctx.moveTo(f.left, plot.toY(level));
    ctx.lineTo(f.left + f.width, plot.toY(level));
    ctx.stroke();
    ctx.setLineDash([]);
  }
  if (well && PAIR.has(name)) draw(well[name], { color: colors.pale, width: 3 });
  else if (well) { // from the smallest to the largest of its layers
    const ends = [Math.max, Math.min].map((pick) => moments.map((_, t) => pick(...well[name].map((row) => row[t]))));
    ctx.beginPath();
    path(ends[0]);
    for (let t = moments.length - 1; t >= 0; t--) ctx.lineTo(plot.toX(moments[t]), y(ends[1][t]));
    Object.assign(ctx, { fillStyle: colors.pale, strokeStyle: colors.pale, lineWidth: 3, globalAlpha: 0.7 });
    ctx.fill();
    ctx.stroke();
    ctx.globalAlpha = 1;
  }
  draw(run[name], cure ? { alpha: 0.3, width: 1.4 } : {});
  if (cure) draw(cure[name], {});
  if (log && Math.max(...(cure ?? run)[name].flat()) <= FLOOR) {
    Object.assign(ctx, { fillStyle: colors.ink, font: "13px sans-serif", textAlign: "center", textBaseline: "bottom" });
    ctx.fillText("exactly 0 in all layers", f.left + f.width / 2, f.top + f.height - 6);
  }
}

/** The histograms of z, layer by layer, and their standard deviations. */
function bars(demo, name, plot) {
  const { data, run, well, cure, t } = demo;
  const { ctx, frame: f } = plot;
  const colors = tones(demo);
  const shown = cure ?? run;
  const look = lookAt(data, t);
  const { edges, looks, moments } = data;
  const at = moments.indexOf(looks[look]);
  const tall = (f.height / LAYERS) * 0.86;
  for (let k = 0; k < LAYERS; k++) {
    const base = plot.toY(LAYERS - 1 - k);
    const outline = (shares, fill, alpha, stroke) => {
      ctx.beginPath();
      ctx.moveTo(plot.toX(edges[0]), base);
      shares.forEach((share, b) => {
        const top = base - tall * Math.min(1, share / 0.3);
        ctx.lineTo(plot.toX(edges[b]), top);
        ctx.lineTo(plot.toX(edges[b + 1]), top);
      });
      ctx.lineTo(plot.toX(edges.at(-1)), base);
      Object.assign(ctx, { fillStyle: fill, strokeStyle: stroke ?? fill, globalAlpha: alpha, lineWidth: 1.5 });
      ctx.fill();
      if (stroke) { ctx.globalAlpha = 1; ctx.stroke(); }
      ctx.globalAlpha = 1;
    };
    if (well) outline(well.histogram[look][k], colors.pale, 1);
    outline(shown.histogram[look][k], colors.layers[k], 0.3, colors.layers[k]);
    Object.assign(ctx, { fillStyle: colors.ink, font: "12px sans-serif", textBaseline: "top", textAlign: "right" });
    const std = shown.spread[k][at] <= FLOOR ? "0" : short(10 ** shown.spread[k][at]);
    ctx.fillText(`std ${std}`, f.left + f.width - 4, base - f.height / LAYERS + 4);
  }
  const names = plot.front.querySelectorAll("text");
  const nodes = names.length ? names : Array.from({ length: LAYERS }, (_, k) => plot.front.appendChild(svg("text", { class: "cl-layer", "text-anchor": "end" }, String(k + 1))));
  nodes.forEach((node, k) => make(node, { x: f.left - 8, y: plot.toY(LAYERS - 0.5 - k) + 4.5 }, []));
}

/** The slider, and what is drawn. */
function timeline(demo) {
  const { page, data } = demo;
  const moment = slider(page, { label: "Moment", trait: "moment", min: 0, max: data.moments.length - 1, step: 1, hint: "Early looks lie closer together.",
    format: (t) => (t ? `after ${data.moments[t].toLocaleString("en-US")} ${data.moments[t] === 1 ? "step" : "steps"}` : "before the first step") });
  const compare = checkbox(page, { label: "Healthy network, in gray", trait: "compare" });
  const cure = checkbox(page, { label: "Mended network, over the broken one", trait: "cure" });
  page.actions.append(html("div", { class: "cl-time" }, moment.element, html("div", { class: "cl-checks" }, compare.element, cure.element)));
  return () => { cure.element.hidden = !demo.mended; };
}

/** The choices, the answer to them, and the hints. */
function diagnosis(demo) {
  const { page, data } = demo;
  const group = `cl-${nextId()}`;
  const radios = FAULTS.map((fault) => html("input", { type: "radio", name: group, value: fault, onchange: () => page.set({ choice: fault }) }));
  const labels = radios.map((input, k) => html("label", {}, input, html("span", {}, NAMES[FAULTS[k]])));
  const title = html("legend", { class: "cl-name" });
  const set = html("fieldset", { class: "cl-choices" }, title, ...labels);
  const check = button({ label: "Check", primary: true, onClick: () =>
    page.set({ tried: checked(page.get("tried"), demo.faults, demo.i, page.get("choice")), choice: "" }) });
  const next = button({ label: "Next network", primary: true, onClick: () => {
    const open = [...FAULTS.keys()].map((k) => (demo.i + 1 + k) % FAULTS.length).find((k) => !demo.state.found[k]);
    if (open !== undefined) page.set({ patient: open + 1, choice: "", moment: data.moments.length - 1 });
  } });
  const verdict = html("p", { class: "cl-verdict", role: "status" });
  const hint = html("li", {});
  const tips = html("details", { class: "cl-tips" }, html("summary", {}, "What to look at first"), html("ol", {},
    html("li", {}, "The loss before the first step. Guessing among ten digits costs ln 10 = 2.30; healthy networks of this kind begin between 2.8 and 4.0, because their first guesses are random but not cautious."),
    html("li", {}, "The training loss. Does it fall smoothly, jump, creep, stand still, or stop at a floor?"),
    html("li", {}, "Training against validation. Where do the two accuracies end? One in ten is guessing."),
    html("li", {}, "The update-to-weight ratio. About 10⁻³, give or take a factor of ten (shaded), is usual; late in a training it may be lower."),
    html("li", {}, "Move the slider to the very first moment and go through the layers: how wide is each histogram, which units are dead, how large are the gradients?"),
    hint));
  const score = html("p", { class: "cl-score" });
  page.main.append(html("div", { class: "cl-desk" }, html("div", {}, set, html("div", { class: "twice-row" }, check.element, next.element)), html("div", {}, verdict, tips, score)));
  let shown = "";
  return () => {
    const { state, tried, i, fault, run, mended } = demo;
    const found = state.found[i];
    const choice = page.get("choice");
    title.textContent = found ? `Network ${i + 1}: found` : `What is wrong with network ${i + 1}?`;
    radios.forEach((input, k) => {
      input.checked = found ? FAULTS[k] === fault : FAULTS[k] === choice;
      input.disabled = found || tried[i].includes(FAULTS[k]);
      labels[k].dataset.state = found && FAULTS[k] === fault ? "right" : tried[i].includes(FAULTS[k]) ? "wrong" : "open";
    });
    check.element.hidden = found;
    check.input.disabled = !choice || tried[i].includes(choice);
    next.element.hidden = !found || state.count === FAULTS.length;
    let proof = "";
    const wrong = tried[i].at(-1);
    const f = facts(run, data.moments);
    if (found) fill(verdict, html("strong", {}, `✓ ${NAMES[fault]}. `), lesson(fault, f, facts(mended, data.moments)));
    else if (wrong) {
      const { chart, text } = evidence(fault, wrong, f);
      proof = chart;
      fill(verdict, html("strong", {}, `✗ ${NAMES[wrong]}? `), `Look at “${CHARTS[chart].title}”. ${text}`);
    } else fill(verdict, "Look at the six charts, move the slider, choose a diagnosis, then check it. A wrong one is answered with what speaks against it.");
    verdict.dataset.state = found ? "right" : wrong ? "wrong" : "none";
    for (const [name, { box }] of Object.entries(demo.charts)) box.classList.toggle("cl-proof", name === proof);
    fill(hint, `For network ${i + 1}: ${HINTS[fault]}.`);
    if (shown !== `${page.get("seed")} ${i}`) tips.open = false;
    shown = `${page.get("seed")} ${i}`;
    score.textContent = `Found ${state.count} of 8, with the first choice ${state.score}.`;
  };
}

export default { render };
