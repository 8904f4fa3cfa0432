/* characters.js: a character model, Embedding, LSTM, Dense, for the demos that read and write with it (gates.js,
 * sampling.js). Pure functions, compared with NumPy and twice.scratch in tests/test_characters_demo.py. Keras's order of
 * the gates: input, forget, candidate, output. A step's numbers are {input, forget, candidate, cell, output, state}. */

export const QUANTITIES = ["input", "forget", "candidate", "cell", "output", "state"];

/** The traits packed, sizes and vocabulary -> {V, E, U, recurrent, ...}: float32 weights, out of 8 bits and scales. */
export function readModel(packed, [V, E, U], vocabulary) {
  const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
  const shapes = [[V, E], [E, 4 * U], [U, 4 * U], [0, 4 * U], [U, V], [0, V]]; // 0 rows: a bias
    const whole = new Int8Array(bytes.buffer, 0, shapes.reduce((sum, [m, n]) => sum + m * n, 0));
  const parts = new Float32Array(bytes.buffer.slice(whole.length));
  let [at, part] = [0, 0];
  const [embedding, kernel, recurrent, bias, dense, denseBias] = shapes.map((shape) => {
    const [scale, count] = [parts.subarray(part, (part += shape[1])), shape[0] * shape[1]];
    if (!count) return scale;
    return Float32Array.from(whole.subarray(at, (at += count)), (w, i) => w * scale[i % shape[1]]);
  });
  const inputs = new Float64Array(V * 4 * U); // what each character adds to z, bias included
  for (let v = 0; v < V; v++) {
    for (let j = 0; j < 4 * U; j++) {
      let sum = bias[j];
      for (let k = 0; k < E; k++) sum += embedding[v * E + k] * kernel[k * 4 * U + j];
      inputs[v * 4 * U + j] = sum;
    }
  }
  const codes = new Map([...vocabulary].map((c, i) => [c, i + 1]));
  return { V, E, U, inputs, recurrent, dense, denseBias, codes, characters: ["", ...vocabulary] };
}

const sigmoid = (z) => 1 / (1 + Math.exp(-z));

/** One character read: c = f c' + i g, h = o tanh(c). `held`: {gate, value, unit}, unit -1 for all, keeps a gate there. */
export function step(model, code, before, held) {
  const { U, inputs, recurrent } = model;
  const z = inputs.slice(code * 4 * U, (code + 1) * 4 * U);
  if (before) {
    const [h, n] = [before.state, 4 * U];
    let k = 0;
    for (; k + 3 < U; k += 4) { // four rows at a time: z is read and written a quarter as often
      const [a, b, c, d, row] = [h[k], h[k + 1], h[k + 2], h[k + 3], k * n];
      for (let j = 0; j < n; j++) z[j] += a * recurrent[row + j] + b * recurrent[row + n + j] + c * recurrent[row + 2 * n + j] + d * recurrent[row + 3 * n + j];
    }
    for (; k < U; k++) for (let j = 0; j < n; j++) z[j] += h[k] * recurrent[k * n + j];
  }
  const now = Object.fromEntries(QUANTITIES.map((name) => [name, new Float64Array(U)]));
  for (let u = 0; u < U; u++) {
    [now.input[u], now.forget[u], now.output[u]] = [sigmoid(z[u]), sigmoid(z[U + u]), sigmoid(z[3 * U + u])];
    if (held && (held.unit < 0 || held.unit === u)) now[held.gate][u] = held.value;
    now.candidate[u] = Math.tanh(z[2 * U + u]);
    now.cell[u] = now.forget[u] * (before ? before.cell[u] : 0) + now.input[u] * now.candidate[u];
    now.state[u] = now.output[u] * Math.tanh(now.cell[u]);
  }
  return now;
}

/** The scores of the next character, V of them (the first is padding). */
export function scores(model, { state }) {
  const { U, V, dense, denseBias } = model;
  const z = Float64Array.from(denseBias);
  for (let k = 0; k < U; k++) for (let v = 0; v < V; v++) z[v] += state[k] * dense[k * V + v];
  return z;
}

/** softmax(z / temperature); at temperature 0 all on the largest. */
export function softmax(z, temperature = 1) {
  const p = new Float64Array(z.length);
  let [most, sum] = [-Infinity, 0];
  for (const v of z) if (v > most) most = v;
  if (!temperature) { p[z.indexOf(most)] = 1; return p; }
  for (let k = 0; k < z.length; k++) sum += p[k] = Math.exp((z[k] - most) / temperature);
  for (let k = 0; k < z.length; k++) p[k] /= sum;
  return p;
}

/** What the model does at each character of a text, from h = c = 0. `known`: an earlier run whose beginning is kept. */
export function readText(model, text, held, known) {
  let same = 0;
  while (known && same < text.length && known.text[same] === text[same]) same++;
  const steps = known ? known.steps.slice(0, same) : [];
  for (let t = same; t < text.length; t++) steps.push(step(model, model.codes.get(text[t]), steps[t - 1], held));
  return { text, steps };
}

/** How surprising each character was, in bits: -log2 p, guessed from all before it; 0 for the first, which is not guessed. */
export const surprises = (model, { text, steps }) => [...text].map((c, t) => (t ? -Math.log2(softmax(scores(model, steps[t - 1]))[model.codes.get(c)]) : 0));

/** Bits per character, from the second on. */
export const bitsOf = (bits) => bits.reduce((a, b) => a + b, 0) / (bits.length - 1);

/** The text without what the model has no number for, and those characters. Curly quotes and long dashes are made plain. */
export function knownText(model, text) {
  const plain = text.replace(/[“”]/g, '"').replace(/[‘’]/g, "'").replace(/[–—−]/g, "-").replace(/×/g, "x");
  const strange = [...new Set(plain)].filter((c) => !model.codes.has(c));
  return { text: [...plain].filter((c) => model.codes.has(c)).join(""), strange };
}

/** The `count` most likely characters: [[code, probability], ...]. */
export const likeliest = (p, count) => [...p].map((v, code) => [code, v]).sort((a, b) => b[1] - a[1]).slice(0, count);

/** A character for people: what cannot be seen has a sign. */
export const visible = (c) => (c === " " ? "␣" : c === "\n" ? "↵" : c);
export const named = (c) => (c === " " ? "a space" : c === "\n" ? "a new line" : `“${c}”`);

/** A share in per cent. */
export const percent = (p) => (p > 0.995 && p < 1 ? "> 99 %" : p > 0 && p < 0.005 ? "< 1 %" : `${Math.round(100 * p)} %`);
