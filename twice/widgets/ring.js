/* ring.js: a generator and a discriminator trained against each other, live, on eight Gaussians on a ring.
 * Above the line "The demo": pure functions, compared number by number with NumPy and twice.scratch.gans in
 * tests/test_ring_demo.py. Below it: what is drawn. Arrays are flat Float64Arrays, row after row; a kernel is
 * (n_in, n_out), as in Keras. */

// ---- Data: eight Gaussians on a ring ----

export const [MODES, RADIUS, SPREAD, HIDDEN, SLOPE] = [8, 2, 0.1, 32, 0.2];
export const CENTERS = Array.from({ length: MODES }, (_, k) => [RADIUS * Math.cos((2 * Math.PI * k) / MODES), RADIUS * Math.sin((2 * Math.PI * k) / MODES)]);

/** `count` points into x (count, 2) from `row` on: each at a center chosen at random, blurred by SPREAD. */
export function drawReal(stream, x, count, row = 0) {
  for (let i = 2 * row; i < 2 * (row + count); i += 2) {
    const center = CENTERS[stream.integer(MODES)];
    x[i] = center[0] + SPREAD * stream.normal();
    x[i + 1] = center[1] + SPREAD * stream.normal();
  }
}
const drawNoise = (stream, z) => { for (let i = 0; i < z.length; i++) z[i] = stream.normal(); };

// ---- The two networks: dense layers, LeakyReLU between them, nothing at the end ----

/** Kernels drawn as Keras draws them (Glorot and Bengio, 2010: uniform within sqrt(6 / (n_in + n_out))), biases 0. */
export function createNetwork(sizes, seed) {
  const total = sizes.slice(1).reduce((sum, n, k) => sum + (sizes[k] + 1) * n, 0);
  const [params, grads, first, second] = Array.from({ length: 4 }, () => new Float64Array(total));
  const { next } = seeded(seed);
  let at = 0;
  const layers = sizes.slice(1).map((nOut, k) => {
    const nIn = sizes[k];
    const [middle, end] = [at + nIn * nOut, at + (nIn + 1) * nOut];
    const bound = Math.sqrt(6 / (nIn + nOut));
    for (let i = at; i < middle; i++) params[i] = bound * (2 * next() - 1);
    const cut = (from, to) => ({ values: params.subarray(from, to), grads: grads.subarray(from, to) });
    const layer = { nIn, nOut, kernel: cut(at, middle), bias: cut(middle, end) };
    at = end;
    return layer;
  });
  return { sizes, layers, params, grads, first, second, steps: 0 };
}

/** Room for `count` rows: a and the gradient that comes back, layer by layer; room[0] is the input. Made once. */
export const workspace = (net, count) => net.sizes.map((n) => ({ a: new Float64Array(count * n), delta: new Float64Array(count * n) }));

/** out (count, nOut) = x (count, nIn) W, plus b if there is one. Four inputs at a time: the sums are kept in registers. */
function multiply(x, W, b, out, count, nIn, nOut) {
  const whole = nIn - (nIn % 4);
  for (let row = 0; row < count; row++) {
    const [from, to] = [row * nIn, row * nOut];
    for (let j = 0; j < nOut; j++) out[to + j] = b ? b[j] : 0;
    let w = 0;
    for (let i = from; i < from + whole; i += 4, w += 3 * nOut) {
      const [p, q, r, s] = [x[i], x[i + 1], x[i + 2], x[i + 3]];
      for (let j = to; j < to + nOut; j++, w++) out[j] += p * W[w] + q * W[w + nOut] + r * W[w + 2 * nOut] + s * W[w + 3 * nOut];
    }
    for (let i = from + whole; i < from + nIn; i++) for (let j = to; j < to + nOut; j++, w++) out[j] += x[i] * W[w];
  }
}

/** a = leaky(a W + b), layer by layer from room[0].a; the last layer is linear. Returns its a. */
export function forward(net, room, count) {
  const last = net.layers.length - 1;
  net.layers.forEach(({ nIn, nOut, kernel, bias }, k) => {
    const out = room[k + 1].a;
    multiply(room[k].a, kernel.values, bias.values, out, count, nIn, nOut);
    if (k < last) for (let i = 0, end = count * nOut; i < end; i++) if (out[i] < 0) out[i] *= SLOPE;
  });
  return room[last + 1].a;
}

/** Take room.at(-1).delta = dL/dout back to the input, room[0].delta; with `learn`, the parameters' gradients into net.grads. */
export function backward(net, room, count, learn = true) {
  for (let k = net.layers.length - 1; k >= 0; k--) {
    const { nIn, nOut, kernel, bias } = net.layers[k];
    const [x, below, delta] = [room[k].a, room[k].delta, room[k + 1].delta];
    if (learn) { kernel.grads.fill(0); bias.grads.fill(0); addGrads(kernel.grads, x, delta, count, nIn, nOut); }
    if (learn) for (let row = 0; row < count; row++) for (let j = 0; j < nOut; j++) bias.grads[j] += delta[row * nOut + j];
    const W = kernel.values;
    for (let row = 0; row < count; row++) {
      const [from, to] = [row * nIn, row * nOut];
      for (let i = 0, w = 0; i < nIn; i++) {
        let [even, odd, j] = [0, 0, to];
        for (; j < to + nOut - 1; j += 2, w += 2) { even += W[w] * delta[j]; odd += W[w + 1] * delta[j + 1]; }
        if (j < to + nOut) even += W[w++] * delta[j];
        below[from + i] = k && x[from + i] < 0 ? SLOPE * (even + odd) : even + odd; // the sign of a is that of z
      }
    }
  }
  return room[0].delta;
}
/** grads (nIn, nOut) += xT delta, four rows at a time (count is a multiple of 4). */
function addGrads(grads, x, delta, count, nIn, nOut) {
  for (let row = 0; row < count; row += 4) {
    const at = row * nOut;
    for (let i = 0, w = 0, from = row * nIn; i < nIn; i++, from++) {
      const [p, q, r, s] = [x[from], x[from + nIn], x[from + 2 * nIn], x[from + 3 * nIn]];
      for (let j = at; j < at + nOut; j++, w++) grads[w] += p * delta[j] + q * delta[j + nOut] + r * delta[j + 2 * nOut] + s * delta[j + 3 * nOut];
    }
  }
}

/** Adds to net.grads the gradient of P = weight * mean (|dD/dx| - 1)^2 over the points in room[0].a, and returns P.
 *  D is piecewise linear, so dD/dx is linear in each kernel: push v = dP/d(dD/dx) forward through the linearized net and
 *  pair it, layer by layer, with the gradients on their way back (Gulrajani et al., 2017). */
export function addPenalty(net, room, count, weight) {
  const last = net.layers.length;
  forward(net, room, count);
  room[last].delta.fill(1, 0, count);
  const g = backward(net, room, count, false);
  let [sum, v] = [0, g.slice(0, 2 * count)];
  for (let i = 0; i < 2 * count; i += 2) {
    const size = Math.hypot(g[i], g[i + 1]);
    sum += (size - 1) ** 2;
    const by = size > 0 ? (2 * weight * (size - 1)) / (size * count) : 0;
    v[i] *= by;
    v[i + 1] *= by;
  }
  for (let k = 0; k < last; k++) {
    const { nIn, nOut, kernel } = net.layers[k];
    addGrads(kernel.grads, v, room[k + 1].delta, count, nIn, nOut);
    if (k === last - 1) break;
    const [out, a] = [new Float64Array(count * nOut), room[k + 1].a];
    multiply(v, kernel.values, null, out, count, nIn, nOut);
    for (let i = 0; i < out.length; i++) if (a[i] < 0) out[i] *= SLOPE;
    v = out;
  }
  return (weight * sum) / count;
}

/** Adam as in Keras (Kingma and Ba, 2015), with beta_1 = 0.5 as for GANs since Radford, Metz and Chintala (2016). */
export function update(net, rate) {
  const { params, grads, first, second } = net;
  net.steps += 1;
  const pace = (rate * Math.sqrt(1 - 0.999 ** net.steps)) / (1 - 0.5 ** net.steps);
  for (let i = 0; i < params.length; i++) {
    first[i] += 0.5 * (grads[i] - first[i]);
    second[i] += 0.001 * (grads[i] * grads[i] - second[i]);
    params[i] -= (pace * first[i]) / (Math.sqrt(second[i]) + 1e-7);
  }
}

// ---- The losses, of one logit: [value, slope] for a real point, for a generated one, and for the generator ----

const sigmoid = (z) => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));
const softplus = (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
const classify = { real: (z) => [softplus(-z), -sigmoid(-z)], fake: (z) => [softplus(z), sigmoid(z)] };
const critic = { real: (z) => [-z, -1], fake: (z) => [z, 1], generator: (z) => [-z, -1], wasserstein: true };
export const LOSSES = {
  minimax: { ...classify, generator: (z) => [-softplus(z), -sigmoid(z)] }, // log(1 - D): flat where D is sure
  non_saturating: { ...classify, generator: (z) => [softplus(-z), -sigmoid(-z)] }, // -log D
  wasserstein_clip: { ...critic, clip: 0.1 },
  wasserstein_penalty: { ...critic, penalty: 1 },
};
export const [BATCH, POINTS, LOOK, HOLD] = [64, 400, 20, 500];
export const [FEW, WARM] = [5, 1000]; // a game past step WARM that has at most FEW modes for HOLD steps is broken
export const [WITHIN, LEAST] = [3 * SPREAD, 10]; // a mode is covered by 10 of the 400 points within 3 standard deviations

/** The mean of `rule` over rows [from, to) of the logits; its gradient goes into delta. */
function score(rule, logits, delta, from, to) {
  let sum = 0;
  for (let row = from; row < to; row++) {
    const [value, slope] = rule(logits[row]);
    sum += value;
    delta[row] = slope / (to - from);
  }
  return sum / (to - from);
}

// ---- The game ----

/** Everything a run holds; its memory is fixed. `weights`, as from weightsOf, take the place of the drawn ones if they fit. */
export function createRun({ latent, seed }, weights = [], steps = 0) {
  const generator = createNetwork([latent, HIDDEN, HIDDEN, 2], 10 * seed + 1);
  const discriminator = createNetwork([2, HIDDEN, HIDDEN, 1], 10 * seed + 2);
  const run = { generator, discriminator, latent, steps: 0, random: seeded(10 * seed + 3), losses: [NaN, NaN], sums: [0, 0, 0],
    rooms: { g: workspace(generator, BATCH), d: workspace(discriminator, 2 * BATCH), p: workspace(discriminator, BATCH) },
    shown: workspace(generator, POINTS), since: null, low: null, from: 0, history: { every: LOOK, rows: [] } };
  drawNoise(seeded(10 * seed + 4), run.shown[0].a);
  const given = weights.flat(Infinity);
  if (given.length === generator.params.length + discriminator.params.length) {
    generator.params.set(given.slice(0, generator.params.length));
    discriminator.params.set(given.slice(generator.params.length));
    run.steps = steps;
  }
  look(run);
  return run;
}

/** One step of the discriminator on BATCH real and BATCH generated points; returns its loss. */
export function stepDiscriminator(run, { loss, discriminator_rate: rate }) {
  const { generator, discriminator: net, rooms: { g, d, p }, random } = run;
  const rules = LOSSES[loss];
  drawReal(random, d[0].a, BATCH);
  drawNoise(random, g[0].a);
  d[0].a.set(forward(generator, g, BATCH), 2 * BATCH);
  const [logits, { delta }] = [forward(net, d, 2 * BATCH), d.at(-1)];
  let value = score(rules.real, logits, delta, 0, BATCH) + score(rules.fake, logits, delta, BATCH, 2 * BATCH);
  backward(net, d, 2 * BATCH);
  if (rules.penalty) { // at points between real and generated ones
    for (let i = 0; i < BATCH; i++) {
      const t = random.next();
      for (const k of [2 * i, 2 * i + 1]) p[0].a[k] = t * d[0].a[k] + (1 - t) * d[0].a[2 * BATCH + k];
    }
    value += addPenalty(net, p, BATCH, rules.penalty);
  }
  update(net, rate);
  if (rules.clip) for (let i = 0; i < net.params.length; i++) net.params[i] = clamp(net.params[i], -rules.clip, rules.clip);
  return value;
}

/** One step of the generator on BATCH new points, through the discriminator as it is; returns its loss. */
export function stepGenerator(run, { loss, generator_rate: rate }) {
  const { generator: net, discriminator, rooms: { g, p }, random } = run;
  drawNoise(random, g[0].a);
  p[0].a.set(forward(net, g, BATCH));
  const logits = forward(discriminator, p, BATCH);
  const value = score(LOSSES[loss].generator, logits, p.at(-1).delta, 0, BATCH);
  g.at(-1).delta.set(backward(discriminator, p, BATCH, false));
  backward(net, g, BATCH);
  update(net, rate);
  return value;
}

/** One step of the game: `critic_steps` of the discriminator, one of the generator; every LOOK steps the points are counted. */
export function play(run, settings) {
  for (let k = 0; k < settings.critic_steps; k++) run.losses[0] = stepDiscriminator(run, settings);
  run.losses[1] = stepGenerator(run, settings);
  run.steps += 1;
  [...run.losses, 1].forEach((v, i) => (run.sums[i] += v));
  if (run.steps % LOOK) return run;
  look(run);
  const { history, steps, sums, now } = run;
  if (steps % history.every === 0) history.rows.push([steps, sums[0] / sums[2], sums[1] / sums[2], now.covered]);
  sums.fill(0);
  if (history.rows.length >= MOST_ROWS) {
    history.every *= 2;
    history.rows = history.rows.filter(([step]) => step % history.every === 0);
  }
  return run;
}
const MOST_ROWS = 400;

/** Where the fixed noise goes now, and how many of these points lie at each center; since, low: from when on all, at most FEW, are covered. */
export function look(run) {
  const x = forward(run.generator, run.shown, POINTS);
  const counts = CENTERS.map(([a, b]) => {
    let count = 0;
    for (let i = 0; i < 2 * POINTS; i += 2) if (Math.hypot(x[i] - a, x[i + 1] - b) <= WITHIN) count += 1;
    return count;
  });
  const covered = counts.filter((count) => count >= LEAST).length;
  run.since = covered === MODES ? run.since ?? run.steps : null;
  run.low = covered <= FEW ? run.low ?? run.steps : null;
  run.now = { x, counts, covered, good: counts.reduce((sum, count) => sum + count) / POINTS };
  return run.now;
}

/** The goal: all eight modes covered at every look of the last 500 steps, all with what is set now (from step `from` on). */
export const goalReached = ({ since, steps, from = 0 }) => since !== null && steps - Math.max(since, from) >= HOLD;
/** Its opposite: few modes covered at every look of the last 500 steps, those of the beginning aside. */
export const isBroken = ({ low, steps, from = 0 }) => low !== null && steps - Math.max(low, from, WARM) >= HOLD;

/** The rounds: mends, a list of [how it was broken, what mended it], and how it is `broken` now, or "". The first round's
 *  break is the opening; a later one must be new. What holds all modes after all was not broken. */
export function judge({ mends, broken }, settings, run) {
  const now = describe(settings);
  if (goalReached(run)) {
    const other = broken && broken !== now;
    const mend = `${now} (steps ${Math.max(run.since, run.from ?? 0)} to ${run.steps})`;
    return { mends: other || !mends.length ? [...mends, [other ? broken : "", mend]] : mends, broken: "" };
  }
  if (!broken && mends.length && isBroken(run) && !mends.some(([how]) => how === now)) return { mends, broken: now };
  return { mends, broken };
}

/** The weights as plain lists, for Python: [[kernel rows, bias], ...], the generator's layers, then the discriminator's. */
export const weightsOf = ({ generator, discriminator }) => [...generator.layers, ...discriminator.layers].map(({ nIn, nOut, kernel, bias }) =>
  [Array.from({ length: nIn }, (_, i) => [...kernel.values.subarray(i * nOut, (i + 1) * nOut)]), [...bias.values]]);

/** How real the discriminator finds points x (count, 2), 0 to 1: its probability, or for a critic its place between the
 *  lowest (0) and the highest score (1) of these points, 1/2 at the middle of what it gives real and generated points. */
export function realness({ discriminator, rooms: { d } }, loss, room, count) {
  const z = forward(discriminator, room, count);
  if (!LOSSES[loss].wasserstein) return z.map(sigmoid);
  const last = d.at(-1).a;
  const middle = last.reduce((sum, v) => sum + v, 0) / last.length;
  const size = z.reduce((most, v) => Math.max(most, Math.abs(v - middle)), 1e-12);
  return z.map((v) => 0.5 + (0.5 * (v - middle)) / size);
}

/** Where the generator's loss would move each of the points in room[0].a: minus its gradient there, (count, 2). */
export function pulls({ discriminator }, loss, room, count) {
  const z = forward(discriminator, room, count);
  for (let i = 0; i < count; i++) room.at(-1).delta[i] = -LOSSES[loss].generator(z[i])[1];
  return backward(discriminator, room, count, false);
}

/** The median length of vectors v (count, 2). */
export function typical(v) {
  const lengths = Float64Array.from({ length: v.length / 2 }, (_, i) => Math.hypot(v[2 * i], v[2 * i + 1])).sort();
  return lengths[lengths.length >> 1];
}

/** The rows of a history in at most `most` groups: [middle step, lowest, mean, highest] of a column. */
export function bands(rows, column, most) {
  const size = Math.max(1, Math.ceil(rows.length / most));
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, k) => {
    const group = rows.slice(k * size, (k + 1) * size);
    const values = group.map((row) => row[column]);
    return [(group[0][0] + group.at(-1)[0]) / 2, Math.min(...values), values.reduce((sum, v) => sum + v) / values.length, Math.max(...values)];
  });
}

// ---- Words ----

const percent = (share) => `${number(100 * share, 0)}\u00a0%`;
const short = (v) => String(Number(v.toPrecision(2)));
const TITLES = { minimax: "Minimax", non_saturating: "Non-saturating", wasserstein_clip: "Wasserstein, clipped", wasserstein_penalty: "Wasserstein, penalty" };
export const describe = ({ loss, generator_rate, discriminator_rate, critic_steps, latent = 2 }) => `${TITLES[loss]}; rates ` +
  `${short(generator_rate)} and ${short(discriminator_rate)}${critic_steps > 1 ? `; ${critic_steps} discriminator steps per generator step` : ""}${latent === 2 ? "" : `; latent ${latent}`}`;

/** What to do next; "" in the first round: that is the trait `goal`. `met`: this round is over, and no new game begun. */
export function task({ mends, broken }, met) {
  const count = mends.length;
  if (!count) return "";
  if (broken) return `Round ${count + 1}. Broken: ${broken}. Now mend that: change the settings, press Reset, then Train, and hold all eight modes for ${HOLD} steps.`;
  const how = "Try a generator rate of 0.001 and a discriminator rate of 0.01, or 0.1 for both.";
  if (!met) return `Round ${count + 1}. Break it in another way: at most ${FEW} modes for ${HOLD} steps, past step ${WARM}. ${how}`;
  return `All eight modes held: ${mends.at(-1)[1]}. ${count > 1 ? "Broken and mended! Each other way to break it counts, too." : "Next: press Reset, and break it in another way."}`;
}

/** What happened, in two or three sentences, from what was measured. */
export function explain(settings, run) {
  const { steps, since, now: { x, counts, covered, good }, history: { rows } } = run;
  if (steps === 0) {
    const times = Number((settings.generator_rate / settings.discriminator_rate).toPrecision(2));
    return `Nothing is learned yet: the generator drops its 400 points (blue) in the middle, the real ones (orange) stand on the ring. Its rate is ${times} times the discriminator's. Press Train.`;
  }
  if (!run.generator.params.every(Number.isFinite)) return "The weights are no longer numbers: the steps were too large. Lower a rate, then press Reset.";
  const { loss, generator_rate: fast, discriminator_rate: slow, critic_steps } = settings;
  const recent = rows.slice(-10);
  const cost = recent.reduce((sum, row) => sum + row[1], 0) / recent.length;
  const where = `${covered} of 8 modes covered.`;
  if (covered === MODES) {
    const sharp = good < 0.7 ? " The rest lie on the way between two: the generator is continuous, and has to cross the gaps." : "";
    return `All eight modes are covered since step ${since ?? steps}; ${percent(good)} of the points are near a center.${sharp}`;
  }
  const ratio = fast / (slow * critic_steps);
  const [mx, my] = [0, 1].map((axis) => { let sum = 0; for (let i = axis; i < 2 * POINTS; i += 2) sum += x[i]; return sum / POINTS; });
  let width = 0;
  for (let i = 0; i < 2 * POINTS; i += 2) width += ((x[i] - mx) ** 2 + (x[i + 1] - my) ** 2) / POINTS;
  if (Math.sqrt(width) < 1.2 && covered <= 2 && steps >= 100) { // the ring's: 2
    const why = ratio > 5 ? ` The generator learns ${number(ratio, 0)} times faster than the discriminator: it runs to the one place that passes for real long before that is called out.`
      : " All points are told the same way to go, and none to stay apart from the others. The way back is long: Reset starts afresh with these settings.";
    return `${where} Collapse: nearly all points sit in one clump.${why}`;
  }
  const logistic = !LOSSES[loss].wasserstein;
  if (logistic && steps >= 300 && cost < 0.8) {
    const told = loss === "minimax" ? "where it is sure, the minimax loss is flat and the pulls shrink to nothing"
      : "no point is pulled toward a mode that has lost its points";
    return `${where} The discriminator is hard to fool (its loss is ${number(cost)}; guessing costs 1.39): ${told}. Let it learn more slowly, and press Reset.`;
  }
  if (steps >= 1000 && covered >= 3 && recent.every((row) => row[3] === covered)) {
    const missed = counts.filter((count) => count < LEAST).length;
    return `${where} The ${missed === 1 ? "missed one has" : `${missed} missed ones have`} no points nearby to be pulled over: the generator forgot ${missed === 1 ? "it" : "them"}, and its loss does not tell. A game that goes on seldom finds ${missed === 1 ? "it" : "them"} again: change a setting, and press Reset.`;
  }
  return `${where} The points follow the arrows toward what the discriminator takes for real, and it learns to call them out there.`;
}

// ==== The demo ==========================================================================================

const EDGE = 3; // the picture shows [-3, 3] x [-3, 3]
const GRID = 48; // cells along each side of the colored background
const [PULLED, ARROW, APART] = [60, 0.7, 10]; // points with an arrow; the longest arrow; pixels between two of them
const [TRAIL, JUMP] = [6, 0.3]; // pictures that a point's tail is long; no piece of it is longer than that
const SPEEDS = { slow: 20, medium: 100, fast: null }; // steps a second; null: as many as fit
const BUDGET = 8; // milliseconds of training in a frame
const CELLS = Float64Array.from({ length: 2 * GRID * GRID }, (_, k) => {
  const place = k % 2 ? GRID - 1 - Math.floor((k >> 1) / GRID) : (k >> 1) % GRID;
  return ((2 * place + 1) / GRID - 1) * EDGE;
});

function render({ model, el }) {
  const page = createPage({ model, el, title: "A GAN on a ring" });
  const demo = { page, settings: {}, mine: false };
  const readSettings = () => { for (const name of LIVE) demo.settings[name] = page.get(name); };
  const keep = (values) => { demo.mine = true; page.set(values); demo.mine = false; };
  demo.fresh = () => keep({ weights: [], steps: 0 });
  demo.store = () => {
    const { generator, discriminator, steps } = demo.run;
    const fine = [generator, discriminator].every(({ params }) => params.every(Number.isFinite));
    keep({ steps, weights: fine ? weightsOf(demo.run) : [] });
  };
  demo.reset = () => { if (page.get("goal_met")) page.set({ goal_met: false }); demo.begin(); }; // a new game, a new round
  demo.changed = () => { demo.run.from = demo.run.steps; readSettings(); demo.show(); };
  demo.begin = (weights = [], steps = 0) => {
    readSettings();
    demo.run = createRun(demo.settings, weights, steps);
    const { discriminator } = demo.run;
    demo.rooms = { cells: workspace(discriminator, GRID * GRID), few: workspace(discriminator, PULLED), probe: workspace(discriminator, 1) };
    demo.rooms.cells[0].a.set(CELLS);
    demo.real = new Float64Array(2 * POINTS);
    drawReal(seeded(10 * page.get("seed") + 5), demo.real, POINTS);
    demo.tails = [];
    demo.show();
  };
  /** Count, and ask the discriminator about every cell, once for all parts that are drawn. */
  demo.look = () => {
    if (!demo.stale) return;
    demo.stale = false;
    const from = performance.now();
    const { run, rooms, settings: { loss } } = demo;
    const { since, low } = run;
    look(run);
    if (run.steps % LOOK) Object.assign(run, { since, low }); // counted at every LOOK-th step only
    demo.field = realness(run, loss, rooms.cells, GRID * GRID);
    rooms.few[0].a.set(run.now.x.subarray(0, 2 * PULLED));
    demo.pulls = pulls(run, loss, rooms.few, PULLED);
    demo.typical = typical(demo.pulls);
    if (demo.tails.at(-1)?.steps !== run.steps) demo.tails.push({ steps: run.steps, x: run.now.x.slice() });
    if (demo.tails.length > TRAIL) demo.tails.shift();
    demo.colors = { ...page.colors(), ...Object.fromEntries(["real", "fake"].map((name) => [name, getComputedStyle(page.root).getPropertyValue(`--rg-${name}`).trim()])) };
    demo.cost = performance.now() - from;
  };
  const parts = [];
  demo.show = () => { demo.stale = true; for (const part of parts) part(); };
  parts.push(...[settingsStrip, picture, runControls, curves, words].map((part) => part(demo)));
  page.themed.add(() => demo.show());
  page.watch("latent seed", demo.reset);
  page.watch("weights steps", () => { if (!demo.mine) demo.begin(page.get("weights"), page.get("steps")); });
  page.watch("generator_rate discriminator_rate critic_steps", demo.changed);
  page.watch("loss", () => { // Adam's averages are of the old loss
    for (const net of [demo.run.generator, demo.run.discriminator]) { net.first.fill(0); net.second.fill(0); net.steps = 0; }
    demo.changed();
  });
  page.watch("arrows probe goal_met mends broken", () => demo.show());
  demo.begin(page.get("weights"), page.get("steps"));
  return page.dispose;
}
const LIVE = ["loss", "generator_rate", "discriminator_rate", "critic_steps", "latent", "seed"];

/** What can be set, and the buttons, above the picture: all but the latent dimensions takes effect at once. */
function settingsStrip(demo) {
  const { page } = demo;
  const rate = (who) => slider(page, { label: `${who} rate`, min: 1e-4, max: 1e-1, log: true, step: 0.25, trait: `${who.toLowerCase()}_rate`, format: short });
  const loss = select(page, { label: "Loss", trait: "loss", options: Object.entries(TITLES) });
  const critic = slider(page, { label: "Discriminator steps per generator step", min: 1, max: 5, step: 1, trait: "critic_steps", format: String });
  const latent = slider(page, { label: "Latent dimensions", min: 1, max: 16, step: 1, trait: "latent", format: String, onInput: demo.fresh });
  const arrows = checkbox(page, { label: "Show the arrows", trait: "arrows" });
  const note = html("p", { class: "rg-note" });
  const body = page.main.parentElement;
  body.before(html("div", { class: "rg-settings" }, ...[loss, rate("Generator"), rate("Discriminator"), latent, critic, arrows].map(({ element }) => element)), page.actions, note);
  body.prepend(page.main.querySelector(".twice-say"));
  return () => {
    const { from, steps } = demo.run ?? {};
    const text = from > 0 ? `Changed at step ${from}: the same game goes on. Reset starts a fresh game with these settings.`
      : `A change ${steps ? "acts at once, on the game as it stands" : "acts at once"}. Reset starts a fresh game with these settings.`;
    if (note.textContent !== text) note.textContent = text;
  };
}

/** The ring: the discriminator's score as colors, the real points, the generated ones with their tails, the modes. */
function picture(demo) {
  const { page } = demo;
  const names = ["Step", "Modes covered", "Points near a center"];
  const values = names.map(() => html("dd"));
  const scores = html("dl", { class: "rg-scores" }, ...names.map((name, i) => html("div", {}, html("dt", {}, name), values[i])));
  const box = html("div", { class: "rg-map" });
  const mark = (...children) => svg("svg", { width: 18, height: 16, viewBox: "-9 -8 18 16", "aria-hidden": "true" }, ...children);
  const ramp = html("span", { class: "rg-ramp" });
  const pull = html("span");
  const key = html("ul", { class: "rg-legend", "aria-label": "Key" },
    html("li", {}, mark(svg("rect", { class: "rg-real", x: -3, y: -3, width: 6, height: 6 })), "real"),
    html("li", {}, mark(svg("circle", { class: "rg-fake", r: 4.2 })), "generated; tail: just before"),
    html("li", {}, mark(svg("circle", { class: "rg-covered", r: 6 })), "mode covered; arc: its share"),
    html("li", { class: "rg-pull" }, svg("svg", { width: 22, height: 12, viewBox: "0 -6 22 12", "aria-hidden": "true" }, svg("path", { class: "rg-arrow", d: "M1 0H20M14 -4L20 0L14 4" })), pull),
    html("li", {}, "it says: generated", ramp, "real"));
  page.figure.append(scores, box, key);
  const plot = createPlot(page, { parent: box, x: [-EDGE, EDGE], y: [-EDGE, EDGE], xLabel: "x₁", yLabel: "x₂", equal: true,
    label: "The plane: real and generated points over the discriminator’s score", draw: () => demo.run && draw() });
  const [line, dot, label] = [svg("circle", { class: "twice-ring", r: 15 }), svg("circle", { class: "rg-probe", r: 7 }), svg("text", { "text-anchor": "middle" })];
  const probe = svg("g", {}, svg("circle", { class: "rg-hit", r: 22 }), line, dot, svg("path", { class: "rg-cross", d: "M-3.5 0H3.5M0 -3.5V3.5" }), label);
  plot.front.append(probe);
  dragHandle(page, plot, probe, { position: () => page.get("probe"), step: 0.1, onMove: (at) => page.set({ probe: at }, false), onEnd: () => page.set({}) });

  const image = new ImageData(GRID, GRID);
  const pixels = new Uint32Array(image.data.buffer);
  const tile = html("canvas", { width: GRID, height: GRID });
  const shades = new Uint32Array(255);
  let painted = "";
  function paint({ surface, class0, class1 }) {
    if (painted !== surface) {
      painted = surface;
      const [blue, middle, orange] = [class0, surface, class1].map((c) => [1, 3, 5].map((i) => parseInt(c.slice(i, i + 2), 16)));
      for (let s = 0; s < 255; s++) {
        const [end, share] = [s < 127 ? blue : orange, 0.7 * Math.abs(s / 127 - 1) ** 0.8];
        const [r, g, b] = middle.map((m, i) => Math.round(m + share * (end[i] - m)));
        shades[s] = (255 << 24) | (b << 16) | (g << 8) | r;
      }
    }
    demo.field.forEach((p, cell) => (pixels[cell] = shades[Math.round(254 * clamp(p, 0, 1))] ?? shades[127]));
    tile.getContext("2d").putImageData(image, 0, 0);
  }
  function draw() {
    demo.look();
    const [{ ctx, frame: f }, { colors, run: { now, steps }, tails }] = [plot, demo];
    const unit = f.width / (2 * EDGE);
    paint(colors);
    ctx.imageSmoothingEnabled = true;
    ctx.imageSmoothingQuality = "high";
    ctx.drawImage(tile, f.left, f.top, f.width, f.height);
    const each = (x, count, mark) => { ctx.beginPath(); for (let i = 0; i < 2 * count; i += 2) mark(plot.toX(x[i]), plot.toY(x[i + 1])); };
    const size = f.width < 300 ? 1.4 : 1.9;
    ctx.fillStyle = colors.real;
    each(demo.real, POINTS, (x, y) => ctx.rect(x - size, y - size, 2 * size, 2 * size));
    ctx.fill();
    Object.assign(ctx, { strokeStyle: colors.fake, lineCap: "round" });
    const lost = new Uint8Array(POINTS);
    for (let t = tails.length - 1; t > 0; t--) { // older pieces are paler; a tail ends where its point has jumped
      ctx.beginPath();
      const [a, b] = [tails[t - 1].x, tails[t].x];
      for (let i = 0; i < 2 * POINTS; i += 2) { 
        lost[i >> 1] |= Math.hypot(b[i] - a[i], b[i + 1] - a[i + 1]) > JUMP;
        if (lost[i >> 1]) continue; // a crowd that runs about would cover the picture
        ctx.moveTo(plot.toX(a[i]), plot.toY(a[i + 1]));
        ctx.lineTo(plot.toX(b[i]), plot.toY(b[i + 1]));
      }
      Object.assign(ctx, { globalAlpha: 0.32 * ((t + TRAIL - tails.length) / TRAIL), lineWidth: 1.5 });
      ctx.stroke();
    }
    ctx.globalAlpha = 1;
    Object.assign(ctx, { fillStyle: colors.fake, strokeStyle: colors.surface, lineWidth: 2.2 });
    each(now.x, POINTS, (x, y) => { ctx.moveTo(x + 1.45 * size, y); ctx.arc(x, y, 1.45 * size, 0, 2 * Math.PI); });
    ctx.stroke(); // first: a crowd is to look like one
    ctx.fill();
    CENTERS.forEach(([cx, cy], k) => { // an arc for the share of a mode's points, whole when it has its eighth
      const [x, y, r] = [plot.toX(cx), plot.toY(cy), WITHIN * unit];
      const share = clamp((now.counts[k] * MODES) / POINTS, 0, 1);
      const covered = now.counts[k] >= LEAST;
      ctx.beginPath();
      ctx.arc(x, y, r, 0, 2 * Math.PI);
      ctx.setLineDash(covered ? [] : [3, 5]);
      Object.assign(ctx, { strokeStyle: colors.ink, globalAlpha: covered ? 0.3 : 0.55, lineWidth: 1.5 });
      ctx.stroke();
      ctx.setLineDash([]);
      if (!covered) return;
      ctx.beginPath();
      ctx.arc(x, y, r, -Math.PI / 2, -Math.PI / 2 + 2 * Math.PI * share);
      Object.assign(ctx, { globalAlpha: 1, lineWidth: 3 });
      ctx.stroke();
    });
    ctx.globalAlpha = 1;
    if (page.get("arrows") && steps) arrows(ctx, unit, now.x);
    tell();
  }
  /** Half as long as ARROW where the pull is of the typical size, and never longer than that; in a crowd not from every point. */
  function arrows(ctx, unit, x) {
    const { pulls: v, colors, typical } = demo;
    if (!(typical > 0)) return;
    const starts = [];
    ctx.beginPath();
    for (let i = 0; i < 2 * PULLED; i += 2) {
      const n = Math.hypot(v[i], v[i + 1]);
      const length = ARROW * unit * Math.min(1, n / (2 * typical));
      if (!(length > 2)) continue;
      const [x0, y0, dx, dy] = [plot.toX(x[i]), plot.toY(x[i + 1]), (v[i] / n) * length, (-v[i + 1] / n) * length];
      const [x1, y1, tip] = [x0 + dx, y0 + dy, Math.min(0.45, 6 / length)];
      if (starts.some(([a, b]) => Math.hypot(a - x0, b - y0) < APART)) continue;
      starts.push([x0, y0]);
      ctx.moveTo(x0, y0); ctx.lineTo(x1, y1);
      ctx.moveTo(x1 - tip * (dx + 0.6 * dy), y1 - tip * (dy - 0.6 * dx)); ctx.lineTo(x1, y1); ctx.lineTo(x1 - tip * (dx - 0.6 * dy), y1 - tip * (dy + 0.6 * dx));
    }
    for (const [strokeStyle, lineWidth] of [[colors.surface, 4], [colors.path, 1.9]]) { // an outline first
      Object.assign(ctx, { strokeStyle, lineWidth, lineJoin: "round" });
      ctx.stroke();
    }
  }
  function tell() {
    const { run, rooms, settings: { loss } } = demo;
    const texts = [String(run.steps), `${run.now.covered} of 8`, percent(run.now.good)];
    const size = `discriminator’s pull: typical ${run.steps ? short(demo.typical) : "–"} (cut at 2×)`;
    if (pull.textContent !== size) pull.textContent = size;
    values.forEach((value, i) => { if (value.textContent !== texts[i]) value.textContent = texts[i]; });
    const at = page.get("probe");
    rooms.probe[0].a.set(at);
    const z = forward(run.discriminator, rooms.probe, 1)[0];
    const text = LOSSES[loss].wasserstein ? `score ${number(z)}` : `${percent(sigmoid(z))} real`;
    if (label.textContent !== text) label.textContent = text;
    const [x, y] = [plot.toX(at[0]), plot.toY(at[1])];
    make(probe, { transform: `translate(${x} ${y})`, "aria-label": `Probe at ${number(at[0])}, ${number(at[1])}: the discriminator’s ${LOSSES[loss].wasserstein ? "" : "probability "}${text}` }, []);
    make(label, { x: clamp(0, plot.frame.left + 40 - x, plot.frame.left + plot.frame.width - 40 - x), y: y < plot.frame.top + 34 ? 26 : -14 }, []);
  }
  return plot.redraw;
}

/** Train, step, reset, seed, speed; the loop that trains. */
function runControls(demo) {
  const { page } = demo;
  let [owed, shown] = [0, 0];
  const loop = animation(page, (seconds) => {
    const { run, settings } = demo;
    const [from, pace] = [performance.now(), SPEEDS[page.get("speed")]];
    owed = pace ? Math.min(owed + seconds * pace, pace / 4) : Infinity; // this machine may be slower than that
    while (owed >= 1 && performance.now() - from < BUDGET) { play(run, settings); owed -= 1; }
    // Draw at most a third of the time; for who wants calm, twice a second.
    if (from - shown > (page.calm() ? 500 : 3 * (demo.cost ?? 0))) { shown = from; demo.show(); }
    if (Number.isFinite(run.generator.params[0] + run.discriminator.params[0])) return true;
    page.set({ running: false });
    return false;
  });
  const pause = () => { if (page.get("running")) page.set({ running: false }); };
  const run = button({ label: "▶ Train", primary: true, onClick: () => page.set({ running: !page.get("running") }) });
  const step = button({ label: "Step", title: "One step of the game", onClick: () => { pause(); play(demo.run, demo.settings); demo.store(); demo.show(); } });
  const reset = button({ label: "Reset", title: "Back to the random weights of this seed", onClick: () => { pause(); demo.fresh(); demo.reset(); } });
  const seed = button({ label: "Seed", title: "Other first weights, from the next seed", onClick: () => { page.set({ weights: [], steps: 0, seed: (page.get("seed") + 1) % 10000 }); } });
  const speed = html("select", { "aria-label": "Speed", oninput: () => page.set({ speed: speed.value }) },
    ...[["slow", "20 steps/s"], ["medium", "100 steps/s"], ["fast", "full speed"]].map(([value, text]) => html("option", { value }, text)));
  page.actions.classList.add("rg-actions");
  page.actions.append(run.element, step.element, reset.element, seed.element, speed);
  const toggle = () => {
    if (page.get("running")) { owed = shown = 0; loop.start(); } else { loop.stop(); demo.store(); }
    demo.show();
  };
  page.watch("running", toggle);
  if (page.get("running")) loop.start();
  return () => {
    run.value = page.get("running") ? "❚❚ Pause" : "▶ Train";
    seed.value = `Seed ${page.get("seed")} ▸`;
    speed.value = page.get("speed");
  };
}

/** Both losses, and the modes covered, over the steps. */
function curves(demo) {
  const { page } = demo;
  const sample = (name) => svg("svg", { width: 30, height: 12, "aria-hidden": "true" }, svg("path", { class: `rg-line-${name}`, d: "M1 6H29" }));
  const boxes = [0, 1].map(() => html("div", { class: "rg-curve" }));
  page.panel.append(...boxes);
  const [modes, losses] = [["modes covered", [0, MODES], "Modes covered, step by step"], ["loss", [0, 2], "Both losses, step by step"]].map(([yLabel, y, label], i) =>
    createPlot(page, { parent: boxes[i], x: [0, 200], y, xLabel: "step", yLabel, label, aspect: 0.5, draw: () => demo.run && [count, costs][i]() }));
  boxes[0].append(html("p", { class: "rg-legend" }, "line: mean; band: least to most"));
  const baseline = html("li", {}, sample("guess"), "if all is guessed");
  boxes[1].append(html("ul", { class: "rg-legend", "aria-label": "Key to the losses" }, html("li", {}, sample("d"), "discriminator"), html("li", {}, sample("g"), "generator"), baseline));
  const guesses = ["d", "g"].map((name) => svg("text", { class: `rg-guess-${name}`, "text-anchor": "end" }));
  losses.front.append(...guesses);
  const line = ({ ctx, toX, toY, frame: f }, column, look) => {
    ctx.beginPath();
    for (const row of demo.run.history.rows) if (Number.isFinite(row[column])) ctx.lineTo(toX(row[0]), clamp(toY(row[column]), f.top - 9, f.top + f.height + 9));
    Object.assign(ctx, { lineWidth: 2, lineJoin: "round", ...look });
    ctx.stroke();
  };
  function count() {
    demo.look();
    const { ctx, toX, frame: f } = modes;
    const toY = (v) => clamp(modes.toY(v), f.top + 1, f.top + f.height - 1); // all of the line, at 8 and at 0
    const { colors, run: { history: { rows } } } = demo;
    const groups = bands(rows, 3, f.width / 5);
    Object.assign(ctx, { strokeStyle: colors.ink, fillStyle: colors.ink, lineWidth: 1.8, lineJoin: "round", globalAlpha: 0.22 });
    ctx.beginPath();
    for (const [step, low] of groups) ctx.lineTo(toX(step), toY(low));
    for (const [step, , , high] of groups.toReversed()) ctx.lineTo(toX(step), toY(high));
    ctx.fill();
    ctx.globalAlpha = 1;
    ctx.beginPath();
    for (const [step, , mean] of groups) ctx.lineTo(toX(step), toY(mean));
    ctx.stroke();
  }
  function costs() {
    demo.look();
    const { colors, settings: { loss } } = demo;
    const [{ ctx, toY, frame: f }, wasserstein] = [losses, LOSSES[loss].wasserstein];
    const g = loss === "minimax" ? -Math.LN2 : Math.LN2; // both say 1/2 everywhere
    const levels = wasserstein ? [] : [[2 * Math.LN2, colors.path], [g, colors.curve]];
    ctx.setLineDash([2, 4]);
    for (const [level, strokeStyle] of levels) {
      ctx.beginPath();
      ctx.moveTo(f.left, toY(level));
      ctx.lineTo(f.left + f.width, toY(level));
      Object.assign(ctx, { strokeStyle, lineWidth: 1.5 });
      ctx.stroke();
    }
    ctx.setLineDash([7, 4]);
    line(losses, 2, { strokeStyle: colors.curve });
    ctx.setLineDash([]);
    line(losses, 1, { strokeStyle: colors.path });
    levels.forEach(([level], k) => { // the discriminator's above its line, the generator's below, if there is room
      const below = k && f.top + f.height - toY(level) > 20;
      make(guesses[k], { x: f.left + f.width - 3 - (k && !below ? 110 : 0), y: toY(level) + (below ? 16 : -6) }, []);
      guesses[k].textContent = `guessed: ${number(level)}`;
    });
    for (const node of guesses) node.style.display = wasserstein ? "none" : "";
  }
  return () => {
    const { steps, history: { rows } } = demo.run;
    const round = (v) => { const p = 10 ** Math.floor(Math.log10(v)); return p * [1, 2, 5, 10].find((k) => k * p >= v); };
    const start = rows.length ? rows[0][0] - LOOK : steps;
    const x = [Math.max(start, 0), Math.max(start, 0) + round(Math.max(200, steps - start))];
    const sorted = rows.flatMap((row) => [row[1], row[2]]).filter(Number.isFinite).sort((a, b) => a - b);
    const at = (share) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
    const low = Math.min(at(0.01), demo.settings.loss === "minimax" ? -Math.LN2 : 0);
    modes.setLimits(x, [0, MODES]);
    losses.setLimits(x, [low < 0 ? -round(-low) : 0, round(Math.max(at(0.99), 2))]);
    baseline.style.visibility = LOSSES[demo.settings.loss].wasserstein ? "hidden" : "";
    modes.redraw();
    losses.redraw();
  };
}

/** The sentence beside the picture, the goal of this round, and the rounds that are over. */
function words(demo) {
  const { page } = demo;
  const opening = describe(Object.fromEntries(LIVE.map((name) => [name, page.get(name)])));
  const record = html("ol", { class: "rg-record" });
  page.root.querySelector(".twice-goal").after(html("div", { class: "rg-rounds" }, html("span", {}, "Mended so far:"), record));
  return frame(page, () => {
    if (!demo.run) return;
    demo.look();
    const { run, settings } = demo;
    page.say(explain(settings, run), { quiet: page.get("running") });
    const [mends, broken] = [page.get("mends"), page.get("broken")];
    const next = judge({ mends, broken: broken || (mends.length ? "" : opening) }, settings, run);
    const won = next.mends.length > mends.length;
    if (won || (mends.length && next.broken !== broken)) page.set(next);
    const met = won || (page.get("goal_met") && !(mends.length && next.broken));
    page.goal(met, task(next, met));
    const done = next.mends.length;
    if (record.children.length === Math.max(done, 2) && record.dataset.done === String(done)) return;
    record.dataset.done = done;
    fill(record, ...Array.from({ length: Math.max(done, 2) }, (_, k) => {
      const [how, mend] = next.mends[k] ?? [];
      const title = k < done ? `${how ? `${how} → ` : ""}${mend}` : "not yet";
      return html("li", { class: k < done ? "rg-done" : null, title }, `${k < done ? "✓ " : ""}${k + 1}`, html("span", { class: "rg-spoken" }, `: ${title}`));
    }));
  });
}

export default { render };
