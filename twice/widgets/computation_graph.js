/* computation_graph.js: values travel forward through a graph, gradients travel backward.
 * Above the line "The demo": pure functions (the language, the numbers, the words, the layout), compared with Python in
 * tests/test_computation_graph_demo.py. Below it: what is drawn. A graph is a list of nodes in the order in which Python
 * computes them; operands are places in that list, so every arrow leads from a smaller place to a larger one. */

export const PRESETS = {
  used_twice: ["used twice", "f = a*b + a**2", { a: 2, b: -1 }],
  product_and_sum: ["product and sum", "f = (a + b)*c", { a: 2, b: 1, c: 4 }],
  one_neuron: ["one neuron", "L = (sigmoid(w*x + b) - y)**2", { w: 2, x: 1, b: -1, y: 0 }],
  max_and_relu: ["max and ReLU", "f = max(a, b) + relu(c - a)", { a: 2, b: 1, c: 1.5 }],
  log_loss: ["log loss of a logit", "z = w*x + b; L = log(1 + exp(z)) - y*z", { w: 0.5, x: 2, b: 0.5, y: 1 }],
  xor_row: ["2-2-1 network, XOR’s row (1, 0)",
    "h = tanh(u1*x1 + u2*x2 + b); k = tanh(v1*x1 + v2*x2 + c); p = sigmoid(s*h + t*k + d); L = -log(p)",
    { u1: 2, x1: 1, u2: 2, x2: 0, b: -1, v1: 1, v2: 1, c: -1.5, s: 2, t: -2, d: -1 }],
};
const STARTS = [2, 3, -1, 0.5, 1.5, -2, 1, 4, -0.5, 2.5, -3, 0.25]; // for inputs that have no number yet
const [MOST_CHARACTERS, MOST_NODES, MOST_INPUTS, LONGEST_NAME, LARGEST] = [160, 40, 12, 10, 1e6];
const KEYWORDS = ("False None True and as assert async await break class continue def del elif else except finally for from global "
  + "if import in is lambda nonlocal not or pass raise return try while with yield").split(" ");

// ---- Operations: what each computes, its local derivatives (slopes), and how to say them ----
// run(a, b), slope(a, b, value) -> one per operand, words(A, B) -> the local derivatives as formulas; n: a fixed exponent.

const sigmoid = (z) => (z > 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));
const OPS = {
  "+": { symbol: "+", does: "adds", run: (a, b) => a + b, slopes: () => [1, 1], words: () => ["", ""] },
  "-": { symbol: "−", does: "subtracts", run: (a, b) => a - b, slopes: () => [1, -1], words: () => ["", ""] },
  "*": { symbol: "×", does: "multiplies", run: (a, b) => a * b, slopes: (a, b) => [b, a], words: (A, B) => [B, A] },
  "/": { symbol: "÷", does: "divides", run: (a, b) => a / b, slopes: (a, b) => [1 / b, -a / (b * b)],
    words: (A, B) => [`1 ÷ ${B}`, `−${A} ÷ ${B}²`] },
  "**": { symbol: "power", does: "raises to a power", run: (a, b) => a ** b,
    slopes: (a, b, v) => [b === 0 ? 0 : b * a ** (b - 1), a === 0 && b > 0 ? 0 : v * Math.log(a)],
    words: (A, B) => [`${B} × ${A} to the power ${B} − 1`, `the value × log(${A})`] },
  power: { symbol: "power", does: "raises to a power", run: (a, n) => a ** n, slopes: (a, n) => [n === 0 ? 0 : n * a ** (n - 1)],
    words: (A, n) => [n === 2 ? `2 × ${A}` : `${show(n)} × ${A} to the power ${show(n - 1)}`] },
  neg: { symbol: "negate", does: "changes the sign of", run: (a) => -a, slopes: () => [-1], words: () => [""] },
  exp: { symbol: "exp", does: "takes the exponential of", run: Math.exp, slopes: (a, _, v) => [v], words: () => ["its own value"] },
  log: { symbol: "log", does: "takes the logarithm of", run: Math.log, slopes: (a) => [1 / a], words: (A) => [`1 ÷ ${A}`] },
  tanh: { symbol: "tanh", does: "takes tanh of", run: Math.tanh, slopes: (a, _, v) => [1 - v * v], words: () => ["1 − value²"] },
  sigmoid: { symbol: "sigmoid", does: "takes the sigmoid of", run: sigmoid, slopes: (a, _, v) => [v * (1 - v)],
    words: () => ["value × (1 − value)"] },
  relu: { symbol: "relu", does: "keeps what is above 0 of", run: (a) => Math.max(0, a), slopes: (a) => [a > 0 ? 1 : 0],
    words: (A, _, a) => [a > 0 ? "above 0 it passes all on:" : a < 0 ? "below 0 it passes nothing on:" : "exactly at 0 the slope is chosen to be 0:"] },
  sin: { symbol: "sin", does: "takes the sine of", run: Math.sin, slopes: (a) => [Math.cos(a)], words: (A) => [`cos(${A})`] },
  max: { symbol: "max", does: "takes the larger of", run: Math.max, slopes: (a, b) => (a >= b ? [1, 0] : [0, 1]),
    words: (A, B, a, b) => (a === b ? ["equal, and the first is taken:", "equal, and the first is taken:"]
      : a > b ? ["it is the larger:", "it is the smaller:"] : ["it is the smaller:", "it is the larger:"]) },
};
const FUNCTIONS = { exp: 1, log: 1, tanh: 1, sigmoid: 1, relu: 1, sin: 1, max: 2 };

/** Why an operation has no value here, in words; null if it has one. */
function trouble(op, a, b) {
  if (op === "/" && b === 0) return `${show(a)} is divided by 0. Nothing times 0 gives ${a === 0 ? "one certain number" : show(a)}, so there is no value.`;
  if (op === "log" && a <= 0) return `${show(a)} has no logarithm. Only numbers above 0 have one.`;
  if (op === "power" || op === "**") {
    if (a === 0 && b < 0) return `0 to the power ${show(b)} would divide by 0.`;
    if (a < 0 && !Number.isInteger(b)) return `${show(a)} to the power ${show(b)} is not a real number.`;
  }
  return Number.isFinite(OPS[op].run(a, b)) ? null : "The result is too large for float64 (it ends at 1.8 × 10³⁰⁸).";
}

// ---- The language: arithmetic as Python reads it; no eval ----

/** Statements [{name, tree}] of a text; throws {message, position} (from 0) for anything else. */
export function parse(text) {
  const fail = (message, position) => { throw Object.assign(new Error(message), { position }); };
  if (text.length > MOST_CHARACTERS) fail(`Too long: at most ${MOST_CHARACTERS} characters.`, MOST_CHARACTERS);
  const tokens = [];
  const pattern = /[ ]+|((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|([A-Za-z_][A-Za-z0-9_]*)|(\*\*|[-+*/(),=;])/y;
  for (let at = 0; at < text.length; at = pattern.lastIndex) {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (!found) fail(text[at] === "^" ? "Write ** for a power, not ^." : `“${text[at]}” has no meaning here.`, at);
    const [word, digits, name, sign] = found;
    if (digits && /^0\d/.test(digits)) fail("A number must not start with 0 and another digit.", at);
    if (digits && !(Number(digits) <= LARGEST)) fail("This number is too large: at most 1,000,000.", at);
    if (name && KEYWORDS.includes(name)) fail(`“${name}” is a word of Python: choose another name.`, at);
    if (name && (name.length > LONGEST_NAME || name[0] === "_")) fail(`A name starts with a letter and has at most ${LONGEST_NAME} signs.`, at);
    if (digits || name || sign) tokens.push({ kind: digits ? "number" : name ? "name" : sign, word, from: at, to: at + word.length });
  }
  tokens.push({ kind: "end", word: "the end", from: text.length, to: text.length });
  let next = 0;
  const peek = (...kinds) => kinds.includes(tokens[next].kind);
  const take = (kind, wanted) => (peek(kind) ? tokens[next++] : unexpected(wanted));
  function unexpected(wanted) {
    const { kind, word, from } = tokens[next];
    const before = tokens[next - 1]?.kind;
    const times = [")", "number", "name"].includes(before) && ["(", "number", "name"].includes(kind);
    fail(`Expected ${wanted} here, but found ${kind === "end" ? "the end" : `“${word}”`}.${times ? " Write * for a product." : ""}`, from);
  }
  const join = (op, operands, from, to) => ({ op, operands, from, to, outer: [from, to] });
  const binary = (signs, part) => () => {
    let left = part();
    while (peek(...signs)) {
      const op = tokens[next++].kind;
      const right = part();
      left = join(op, [left, right], left.outer[0], right.outer[1]);
    }
    return left;
  };
  function signed() {
    if (!peek("-", "+")) return power();
    const sign = tokens[next++];
    const inside = signed();
    if (sign.kind === "+") return inside;
    if (inside.op === "number") return { ...inside, number: -inside.number, from: sign.from, outer: [sign.from, inside.outer[1]] };
    return join("neg", [inside], sign.from, inside.outer[1]);
  }
  function power() {
    const base = atom();
    if (!peek("**")) return base;
    next += 1;
    const exponent = signed();
    const ends = [base.outer[0], exponent.outer[1]];
    if (exponent.op === "number") return { ...join("power", [base], ...ends), number: exponent.number };
    return join("**", [base, exponent], ...ends);
  }
  function atom() {
    if (peek("number")) {
      const { word, from, to } = tokens[next++];
      return { ...join("number", [], from, to), number: Number(word) };
    }
    if (peek("(")) {
      const open = tokens[next++];
      const inside = sum();
      return { ...inside, outer: [open.from, take(")", "an operator or )").to] };
    }
    const { word, from, to } = take("name", "a number, a name or (");
    if (word in FUNCTIONS) {
      if (!peek("(")) fail(`${word} is a function: write ${word}(...).`, from);
      next += 1;
      const operands = [sum()];
      while (peek(",")) { next += 1; operands.push(sum()); }
      const close = take(")", "an operator or )");
      const count = FUNCTIONS[word];
      if (operands.length !== count) fail(`${word} takes ${count === 1 ? "one value" : "two values"}, not ${operands.length}.`, from);
      return join(word, operands, from, close.to);
    }
    if (peek("(")) fail(`There is no function “${word}”. There are ${Object.keys(FUNCTIONS).join(", ")}.`, from);
    return { ...join("input", [], from, to), name: word };
  }
  const product = binary(["*", "/"], signed);
  const sum = binary(["+", "-"], product);

  const statements = [];
  do {
    if (statements.length && peek("end")) break; // one ; at the end is fine
    const [first, second] = tokens.slice(next);
    const names = first.kind === "name" && second.kind === "=";
    if (names) next += 2;
    if (names && first.word in FUNCTIONS) fail(`${first.word} is a function: choose another name.`, first.from);
    if (statements.length && !statements.at(-1).name && !peek(";")) fail("Give every expression but the last a name: z = ...; L = ...", statements.at(-1).tree.from);
    if (peek("end") && !names) fail("Write an expression, such as f = a*b + a**2.", 0);
    statements.push({ name: names ? first.word : "", from: first.from, tree: sum() });
    if (!peek(";", "end")) unexpected("an operator");
  } while (tokens[next++].kind === ";");
  return statements;
}

/** The graph of an expression: {nodes, ops, inputs, output}; throws {message, position}. */
export function buildGraph(text) {
  const fail = (message, position) => { throw Object.assign(new Error(message), { position }); };
  const nodes = [];
  const named = new Map();
  const add = (tree, operands, more) => nodes.push({ place: nodes.length, op: tree.op, operands, name: "", number: tree.number ?? 0,
    text: text.slice(tree.from, tree.to), uses: [], from: tree.from, ...more }) - 1;
  const visit = (tree) => {
    if (tree.op !== "input") return add(tree, tree.operands.map(visit));
    if (!named.has(tree.name)) named.set(tree.name, add(tree, [], { name: tree.name }));
    return named.get(tree.name);
  };
  const statements = parse(text);
  for (const { name: given, from, tree } of statements) {
    const taken = (name) => named.has(name) && fail(`${name} has a meaning already: choose another name.`, from);
    taken(given);
    const size = nodes.length;
    const place = visit(tree);
    taken(given);
    if (place < size || !OPS[nodes[place].op]) {
      fail(given ? `${given} = ${nodes[place].text} computes nothing: write an operation.` : "This computes nothing: write an operation.", tree.from);
    }
    const name = given || (named.has("f") ? "out" : "f");
    taken(name);
    nodes[place].name = name;
    named.set(name, place);
  }
  for (const node of nodes) node.operands.forEach((k, slot) => nodes[k].uses.push({ place: node.place, slot }));
  const useless = nodes.slice(0, -1).find((node) => node.uses.length === 0);
  if (useless) fail(`${useless.name} is computed but never used.`, useless.from);
  const inputs = nodes.filter((node) => node.op === "input").map((node) => node.place);
  if (!inputs.length) fail("There is no input: use at least one name.", 0);
  if (inputs.length > MOST_INPUTS || nodes.length > MOST_NODES) fail(`Too large: at most ${MOST_INPUTS} inputs and ${MOST_NODES} nodes.`, 0);
  return { text, nodes, inputs, ops: nodes.filter(({ op }) => OPS[op]).map(({ place }) => place), output: nodes.length - 1 };
}

/** The first inputs of a graph: the preset's, else what has that name already, else the next of a fixed list. */
export function startInputs(graph, known = {}) {
  const preset = Object.values(PRESETS).find(([, text]) => text === graph.text)?.[2];
  return Object.fromEntries(graph.inputs.map((k, i) => [graph.nodes[k].name, (preset ?? known)[graph.nodes[k].name] ?? STARTS[i]]));
}

// ---- Numbers ----

/** Everything of a whole walk. `skip` = [place, slot] replaces one local derivative by 1, as someone who forgets it would.
 *  values, slopes (local derivatives), gradients: by place. parts: what each node receives, in order: [{from, slot, amount}].
 *  problem: null or {place, text, backward}; end: the last step that can be walked. */
export function evaluate(graph, inputs, skip = null) {
  const { nodes, ops, output } = graph;
  const [values, slopes, gradients] = [[], [], []];
  const parts = nodes.map(() => []);
  const total = 2 * ops.length + 1;
  const run = { values, slopes, gradients, parts, problem: null, end: total };
  const stop = (place, text, end, backward) => Object.assign(run, { problem: { place, text, backward }, end });
  for (const { place, op, number: n, name } of nodes) if (!OPS[op]) values[place] = op === "input" ? inputs[name] : n;
  for (const place of ops) {
    const { op, operands, number: n } = nodes[place];
    const [a, b] = op === "power" ? [values[operands[0]], n] : operands.map((k) => values[k]);
    const text = trouble(op, a, b);
    if (text) return stop(place, text, ops.indexOf(place) + 1, false);
    values[place] = OPS[op].run(a, b);
    slopes[place] = OPS[op].slopes(a, b, values[place]);
    if (skip?.[0] === place) slopes[place][skip[1]] = 1;
  }
  gradients.push(...nodes.map(() => 0));
  gradients[output] = 1;
  for (const [count, place] of [...ops].reverse().entries()) {
    const bad = slopes[place].findIndex((slope, i) => !Number.isFinite(slope * gradients[place]) && nodes[nodes[place].operands[i]].op !== "number");
    if (bad >= 0) {
      const text = Number.isNaN(slopes[place][bad]) ? "A negative base has no slope with respect to its exponent." : "The slope here is not a finite number.";
      return stop(place, text, ops.length + 2 + count, true);
    }
    nodes[place].operands.forEach((k, slot) => {
      const amount = gradients[place] * slopes[place][slot];
      if (!Number.isFinite(amount)) return; // of a constant exponent: nobody needs it
      gradients[k] += amount;
      parts[k].push({ from: place, slot, amount });
    });
  }
  return run;
}

/** What is known after `step` steps: the phase, the active node, and for every node what it has received so far. */
export function stateAt(graph, run, step) {
  const { nodes, ops, output } = graph;
  const [n, at] = [ops.length, Math.min(step, run.end)];
  const failed = run.problem && at === run.end ? run.problem : null;
  const phase = at === 0 ? "start" : at <= n ? "forward" : at === n + 1 ? "seed" : "backward";
  const active = { start: null, forward: ops[at - 1], seed: output, backward: ops[2 * n + 1 - at] }[phase];
  const computed = (k) => !OPS[nodes[k].op] || (ops.indexOf(k) < at && failed?.place !== k && run.values[k] !== undefined);
  const sent = new Set(ops.slice(clamp(2 * n + 1 - at, 0, n)).filter((k) => !(failed?.backward && failed.place === k)));
  if (at <= n + 1) sent.clear();
  return { at, phase, active, failed, sent, nodes: nodes.map(({ place, uses }) => {
    const parts = run.parts[place].filter(({ from }) => sent.has(from));
    const reached = place === output ? at > n : parts.length > 0;
    const complete = place === output ? at > n : reached && uses.every((use) => sent.has(use.place));
    return { value: computed(place) ? run.values[place] : undefined, parts, reached, complete,
      gradient: place === output ? 1 : parts.reduce((sum, { amount }) => sum + amount, 0) };
  }) };
}

/** The first step at which something arrives at an input: from then on its prediction is fixed. */
export function arrival(graph, place) {
  const last = Math.max(...graph.nodes[place].uses.map((use) => graph.ops.indexOf(use.place)));
  return 2 * graph.ops.length + 1 - last;
}

export const closeTo = (guess, truth) => Math.abs(guess - truth) <= Math.max(0.01 * Math.abs(truth), 1e-9);

/** (f(v + h) - f(v - h)) / 2h, with both outputs; null if one has no value. */
export function centralDifference(graph, inputs, name, h = 0.001) {
  const [high, low] = [h, -h].map((by) => evaluate(graph, { ...inputs, [name]: inputs[name] + by }).values[graph.output]);
  return high === undefined || low === undefined ? null : { high, low, slope: (high - low) / (2 * h) };
}

/** Other inputs: small numbers for which every path carries something and no usual mistake gives the right answer. */
export function newInputs(graph, seed) {
  const { integer } = seeded(seed);
  const pool = [-3, -2, -1.5, -1, -0.5, 0.5, 1, 1.5, 2, 3, 4, 5];
  let inputs;
  for (let tries = 0; tries < 200; tries++) {
    inputs = Object.fromEntries(graph.inputs.map((k) => [graph.nodes[k].name, pool[integer(pool.length)]]));
    const run = evaluate(graph, inputs);
    if (!run.problem && (everyPathCounts(graph, run) || tries > 100)) return inputs;
  }
  return inputs;
}

/** Does each path bring something to each input, so that a forgotten path shows? */
export const everyPathCounts = (graph, run) => graph.inputs.every((k) => run.parts[k].every(({ amount }) =>
  Math.abs(amount) > 1e-6 && (run.parts[k].length === 1 || !closeTo(run.gradients[k] - amount, run.gradients[k]))));

// ---- Words ----

/** A number for people, in four significant digits. */
export function show(value, digits = 4) {
  const text = Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-4)
    ? value.toExponential(Math.min(2, digits - 1)).replace(/\.?0*e\+?/, "e") : String(Number(value.toPrecision(digits)));
  return text.replaceAll("-", "−").replace(/^−0$/, "0");
}

/** The same in at most `most` characters, for the picture. */
export const fit = (value, most = 7) => [4, 3, 2].map((digits) => show(value, digits)).find((text) => text.length <= most) ?? show(value, 1);

const wrap = (value) => (show(value).startsWith("−") ? `(${show(value)})` : show(value));
const plus = (amounts) => amounts.map((v, i) => (i === 0 ? show(v) : wrap(v))).join(" + ");
const list = (words) => (words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`);

/** How a sentence calls a node: by its name, its text, or its operation. */
export function nameOf({ op, name, text }) {
  return name || (op === "number" ? show(Number(text)) : text.length <= 22 ? text : `the result of ${symbolOf({ op })}`);
}

export function symbolOf({ op, number: n }) {
  if (op !== "power" || n === undefined) return OPS[op].symbol;
  return n === 2 ? "square" : n === 3 ? "cube" : `power ${show(n)}`;
}

/** "multiplies a and b: 3 × 2 = 6", with the numbers once they are known. */
function deed(graph, { nodes }, place) {
  const node = graph.nodes[place];
  const { op, operands, number: n } = node;
  const words = operands.map((k) => nameOf(graph.nodes[k]));
  const given = operands.map((k) => nodes[k].value);
  const what = { "-": () => `subtracts ${words[1]} from ${words[0]}`, "/": () => `divides ${words[0]} by ${words[1]}`,
    "**": () => `raises ${words[0]} to the power ${words[1]}`, max: () => `takes the larger of ${list(words)}`,
    power: () => (n === 2 ? `squares ${words[0]}` : `raises ${words[0]} to the power ${show(n)}`) }[op]?.() ?? `${OPS[op].does} ${list(words)}`;
  const { value } = nodes[place];
  if (value === undefined || given.includes(undefined)) return what;
  const [first, second] = given;
  const power = { 2: "²", 3: "³" }[n] ?? ` to the power ${show(n)}`;
  const left = op === "power" ? `${wrap(first)}${power}`
    : op === "**" ? `${wrap(first)} to the power ${show(second)}`
      : op === "neg" ? `−${wrap(first)}`
        : op in FUNCTIONS ? `${op}(${given.map((v) => show(v)).join(", ")})`
          : `${show(first)} ${OPS[op].symbol} ${wrap(second)}`;
  return `${what}: ${left} = ${show(value)}`;
}

/** "a has received 6 + 2 = 8 from two paths", for a node that something reached. */
function received(graph, { nodes }, place) {
  const { parts, gradient, complete } = nodes[place];
  const name = nameOf(graph.nodes[place]);
  const count = ["no", "one", "two", "three", "four", "five", "six"][parts.length] ?? parts.length;
  const all = graph.nodes[place].uses.length;
  if (all === 1) return "";
  const sum = parts.length > 1 ? `${plus(parts.map(({ amount }) => amount))} = ${show(gradient)} from ${count} paths: they add` : `${show(gradient)} on one path`;
  return `${name} has received ${sum}${complete ? "" : `; ${all - parts.length} more to come`}.`;
}

/** What a step did: the sentence under the graph. */
export function stepSentence(graph, run, state) {
  const { nodes, ops, output } = graph;
  const { phase, active, at, failed } = state;
  const out = nodes[output].name;
  if (failed) {
    const where = symbolOf(nodes[active]);
    return failed.backward ? `The backward pass stops at ${where}. ${failed.text}`
      : `The forward pass stops at ${where}. ${failed.text} What comes after it waits. Change an input to go on.`;
  }
  if (phase === "start") return "The inputs have their values. Step forward: each node computes its value from the values that arrive at it.";
  if (phase === "forward") {
    const end = at === ops.length ? ` That is ${out}: the forward pass is complete. Next the gradients travel back.` : "";
    return `Forward, step ${at} of ${ops.length}: this node ${deed(graph, state, active)}.${end}`;
  }
  if (phase === "seed") return `The backward pass starts at the output: when ${out} rises by 1, ${out} rises by 1. So the gradient of ${out} is 1.`;
  const above = state.nodes[active].gradient;
  const operands = nodes[active].operands.map((k, slot) => [k, run.slopes[active][slot]]).filter(([k]) => nodes[k].op !== "number");
  const sends = operands.map(([k, slope]) => `${nameOf(nodes[k])} receives ${show(above)} × ${wrap(slope)} = ${show(above * slope)}`);
  const sums = [...new Set(operands.map(([k]) => k))].map((k) => received(graph, state, k)).filter(Boolean);
  const end = at === 2 * ops.length + 1 ? ` Now every input has its gradient.` : "";
  const factor = operands.length > 1 ? "its local derivatives" : "its local derivative";
  const passes = `Backward, step ${at - ops.length - 1} of ${ops.length}, at ${symbolOf(nodes[active])}: the gradient from above, ${show(above)}, times ${factor}`;
  return [`${passes}: ${list(sends)}.`, ...sums].join(" ") + end;
}

/** One node in words: [[heading, text]], as far as the walk has come. */
export function explainNode(graph, run, state, place) {
  const node = graph.nodes[place];
  const [mine, out, name] = [state.nodes[place], graph.nodes[graph.output].name, nameOf(node)];
  if (node.op === "number") return [["Value", `${show(node.number)} is a constant. Nothing can change it, so nobody asks for its gradient.`]];
  const uses = node.uses.map((use) => symbolOf(graph.nodes[use.place]));
  const lines = [];
  if (node.op === "input") {
    lines.push(["Value", `${name} = ${show(mine.value)} is an input. It feeds ${uses.length > 1 ? `${uses.length} nodes` : "one node"}: ${list(uses)}.`]);
  } else {
    const problem = run.problem?.place === place && state.failed ? run.problem.text : null;
    lines.push(["Value", [`This node ${deed(graph, state, place)}.`, problem].filter(Boolean).join(" ")]);
    const given = node.operands.map((k) => state.nodes[k].value);
    const names = node.operands.map((k) => nameOf(graph.nodes[k]));
    const factors = names.map((text) => (/[-+*/ −]/.test(text) && !/^\w*\([^()]*\)$/.test(text) ? `(${text})` : text));
    const formulas = OPS[node.op].words(factors[0], node.op === "power" ? node.number : factors[1], ...given);
    const local = node.operands.map((k, slot) => {
      const number = mine.value === undefined ? "" : show(run.slopes[place][slot]);
      const formula = !number && ["relu", "max"].includes(node.op) ? "1 or 0" : formulas[slot];
      const known = formula.endsWith(":") ? `${number} (${formula.slice(0, -1)})` : formula === number ? number : [formula, number].filter(Boolean).join(" = ");
      return graph.nodes[k].op === "number" ? null : `with respect to ${names[slot]} it is ${known || show(OPS[node.op].slopes()[slot])}`;
    }).filter(Boolean);
    lines.push(["Local derivative", `${local.join("; ")}.`.replace(/^w/, "W")]);
  }
  if (!mine.reached) {
    lines.push(["Gradient", "Not there yet. It comes with the backward pass."]);
    return lines;
  }
  const where = place === graph.output ? `${out} is the output: its gradient is 1`
    : mine.parts.length > 1 || !mine.complete ? received(graph, state, place).slice(0, -1)
      : `${show(mine.gradient)} has come from ${symbolOf(graph.nodes[mine.parts[0].from])}`;
  lines.push([node.op === "input" ? "Gradient" : "Gradient from above", `${where}.`]);
  if (node.op === "input" && mine.complete) {
    const moves = mine.gradient === 0 ? "does not move" : `${mine.gradient > 0 ? "rises" : "falls"} by about ${show(Math.abs(mine.gradient))} times as much`;
    lines.push(["Meaning", `Raise ${name} by a tiny amount, and ${out} ${moves}.`]);
  } else if (state.sent.has(place)) {
    const sends = node.operands.map((k, slot) => (graph.nodes[k].op === "number" ? null
      : `${nameOf(graph.nodes[k])} receives ${show(mine.gradient)} × ${wrap(run.slopes[place][slot])} = ${show(mine.gradient * run.slopes[place][slot])}`));
    lines.push(["Passes on", `${list(sends.filter(Boolean))}.`]);
  }
  return lines;
}

/** What may have gone wrong with a prediction: a sentence; "" if it is right. */
export function diagnose(graph, inputs, run, place, guess) {
  const truth = run.gradients[place];
  if (closeTo(guess, truth)) return "";
  const { nodes } = graph;
  const [parts, name] = [run.parts[place], nodes[place].name];
  const [sum, through] = [plus(parts.map(({ amount }) => amount)), ({ from }) => symbolOf(nodes[from])];
  if (parts.length > 1) {
    const alone = parts.find(({ amount }) => closeTo(guess, amount));
    if (alone) return `${show(guess)} comes through ${through(alone)} alone. ${name} feeds ${parts.length} nodes, so add all paths: ${sum} = ${show(truth)}.`;
    if (closeTo(guess, parts.reduce((all, { amount }) => all * amount, 1))) return `You multiplied the paths. They add: ${sum} = ${show(truth)}.`;
  }
  if (closeTo(guess, -truth)) return `The size is right, the sign is not: it is ${show(truth)}.`;
  for (const k of graph.ops) {
    for (const [slot, operand] of nodes[k].operands.entries()) {
      const forgotten = nodes[operand].op === "number" ? null : evaluate(graph, inputs, [k, slot]).gradients[place];
      if (forgotten !== null && !closeTo(forgotten, truth) && closeTo(guess, forgotten)) {
        return `That comes out when the local derivative of ${symbolOf(nodes[k])} with respect to ${nameOf(nodes[operand])}, `
          + `${show(run.slopes[k][slot])}, is forgotten. Multiply by it: ${show(truth)}.`;
      }
    }
  }
  if (Math.abs(guess - truth) <= 0.1 * Math.abs(truth)) return `Close, but not to 1 %: it is ${show(truth)}.`;
  const local = nodes[place].uses.reduce((all, use) => all + run.slopes[use.place][use.slot], 0);
  if (closeTo(guess, local)) {
    return `${show(guess)} is the local derivative alone. The chain rule multiplies it by the gradient from above: ${show(truth)}.`;
  }
  if (closeTo(guess, run.values[place])) return `${show(guess)} is the value of ${name}. Its gradient is ${show(truth)}.`;
  const [{ from, slot }] = parts;
  return parts.length > 1 ? `It is ${sum} = ${show(truth)}, one number for each path.`
    : `It is ${show(run.gradients[from])} × ${wrap(run.slopes[from][slot])} = ${show(truth)}: gradient from above times local derivative.`;
}

/** What a nudge of an input does to the output, beside its gradient. */
export function nudgeWords(graph, inputs, run, place) {
  const [{ name }, out] = [graph.nodes[place], graph.nodes[graph.output].name];
  const both = centralDifference(graph, inputs, name);
  if (!both) return "0.001 to the side there is no value to compare with.";
  const change = evaluate(graph, { ...inputs, [name]: inputs[name] + 0.001 }).values[graph.output] - run.values[graph.output];
  return `${name} + 0.001 moves ${out} by ${show(change)}; gradient × 0.001 = ${show(0.001 * run.gradients[place])}. `
    + `Both sides: (${both.high.toPrecision(8).replace("-", "−")} − ${wrap8(both.low)}) ÷ 0.002 = ${show(both.slope)}.`;
}

const wrap8 = (value) => (value < 0 ? `(${value.toPrecision(8)})` : value.toPrecision(8)).replace("-", "−");

// ---- Layout: columns by depth; arrows that pass a column get a place of their own in it ----

const TITLE = 9; // pixels per letter
const titleOf = (node) => (node.op === "input" ? node.name : node.op === "number" ? show(node.number)
  : node.name ? `${node.name}: ${symbolOf(node)}` : symbolOf(node));

/** Where everything stands, in pixels: {width, height, nodes: [{x, y, w, h}] (centers), arrows: [{from, to, slot, points}]}. */
export function layoutGraph(graph, room = 0) {
  const { nodes } = graph;
  const column = nodes.map(() => 0);
  for (const { place, operands } of nodes) if (operands.length) column[place] = 1 + Math.max(...operands.map((k) => column[k]));
  for (const { place, operands, uses } of nodes) if (!operands.length) column[place] = Math.min(...uses.map((use) => column[use.place])) - 1;
  const first = Math.min(...column);
  const columns = Array.from({ length: Math.max(...column) - first + 1 }, () => []);
  const cells = nodes.map((node, k) => {
    const least = node.op === "number" ? 40 : node.uses.length > 1 ? 104 : 88; // room for "← −0.2 + …"
    return { w: Math.max(least, TITLE * titleOf(node).length + 16), h: node.op === "number" ? 32 : 66, column: column[k] - first, links: [] };
  });
  cells.forEach((cell) => columns[cell.column].push(cell));
  const arrows = [];
  for (const { place, operands } of nodes) {
    operands.forEach((k, slot) => {
      const passed = Array.from({ length: cells[place].column - cells[k].column - 1 }, (_, i) => ({ w: 0, h: 18, column: cells[k].column + 1 + i, links: [] }));
      passed.forEach((cell) => columns[cell.column].push(cell));
      const chain = [cells[k], ...passed, cells[place]];
      chain.slice(1).forEach((cell, i) => { cell.links.push(chain[i]); chain[i].links.push(cell); });
      arrows.push({ from: k, to: place, slot, chain });
    });
  }
  for (const column_ of columns) column_.forEach((cell, i) => { cell.y = 80 * (i - (column_.length - 1) / 2); });
  const mean = (list_) => list_.reduce((sum, v) => sum + v, 0) / list_.length;
  for (let round = 0; round < 30; round++) { // each cell to the middle of what it is joined to, as far as the others leave room
    for (const column_ of columns) {
      for (const cell of column_) cell.wish = mean(cell.links.map(({ y }) => y));
      column_.sort((a, b) => a.wish - b.wish);
      column_.forEach((cell, i) => {
        const above = column_[i - 1];
        cell.y = above ? Math.max(cell.wish, above.y + (above.h + cell.h) / 2 + 14) : cell.wish;
      });
      const shift = mean(column_.map(({ wish, y }) => wish - y));
      for (const cell of column_) cell.y += shift;
    }
  }

  const widths = columns.map((cells_) => Math.max(...cells_.map(({ w }) => w)));
  const [margin, inner] = [10, widths.reduce((sum, w) => sum + w, 0)];
  const gap = columns.length > 1 ? clamp((room - 2 * margin - inner) / (columns.length - 1), room < 480 ? 44 : 56, 110) : 0;
  const all = columns.flat();
  const top = Math.min(...all.map(({ y, h }) => y - h / 2)) - margin;
  const height = Math.max(...all.map(({ y, h }) => y + h / 2)) + margin - top;
  let x = margin;
  columns.forEach((cells_, c) => {
    for (const cell of cells_) Object.assign(cell, { x: x + widths[c] / 2, y: cell.y - top, half: widths[c] / 2 });
    x += widths[c] + gap;
  });
  // Where several arrows leave or enter a node they keep the order of their other ends; the operands of −, ÷ and power keep theirs.
  const leaving = (k) => arrows.filter(({ from }) => from === k).sort((a, b) => a.chain[1].y - b.chain[1].y || a.to - b.to || a.slot - b.slot);
  const entering = (k) => arrows.filter(({ to }) => to === k)
    .sort((a, b) => ("+*max".includes(nodes[k].op) && a.chain.at(-2).y - b.chain.at(-2).y) || a.slot - b.slot);
  return { width: x - gap + margin, height, nodes: cells.map(({ x: cx, y, w, h }) => ({ x: cx, y, w, h })),
    arrows: arrows.map((arrow) => {
      const { from, to, slot, chain } = arrow;
      const dock = (cell, all) => cell.y + (all.indexOf(arrow) - (all.length - 1) / 2) * Math.min(26, (cell.h - 12) / all.length);
      const [a, b] = [chain[0], chain.at(-1)];
      const [start, end] = [dock(a, leaving(from)), dock(b, entering(to))];
      const points = [[a.x + a.w / 2, start], [a.x + a.half, start]];
      for (const cell of chain.slice(1, -1)) points.push([cell.x - cell.half, cell.y], [cell.x + cell.half, cell.y]);
      points.push([b.x - b.half, end], [b.x - b.w / 2, end]);
      return { from, to, slot, points };
    }) };
}

// ==== The demo ==========================================================================================

const TRAITS = "expression inputs step predict predictions nudge goal_met";

function render({ model, el }) {
  const page = createPage({ model, el, title: "Forward for values, backward for gradients" });
  const demo = { page, graph: null, selected: null, seen: new Map(), key: "", locked: {}, told: "" };
  demo.load = (graph, known) => page.set({ expression: graph.text, inputs: startInputs(graph, known), step: 0, predictions: {} });
  const parts = [chooser, picture, inputRows, nodeWords, stepper].map((part) => part(demo));
  const refresh = () => {
    const text = page.get("expression");
    demo.fresh = demo.graph?.text !== text;
    if (demo.fresh) Object.assign(demo, { graph: buildGraph(text), selected: null });
    const given = page.get("inputs");
    demo.inputs = Object.fromEntries(Object.entries(startInputs(demo.graph)).map(([name, value]) => [name, given[name] ?? value]));
    demo.run = evaluate(demo.graph, demo.inputs);
    demo.state = stateAt(demo.graph, demo.run, page.get("step"));
    judge(demo);
    for (const part of parts) part();
  };
  page.redraw = frame(page, refresh);
  page.watch(TRAITS, page.redraw);
  refresh();
  return page.dispose;
}

/** Fix the predictions that the backward pass has reached. They count once per set of numbers: who has seen may not guess. */
function judge(demo) {
  const { page, graph, inputs, state, run, seen } = demo;
  const key = graph.text + JSON.stringify(inputs);
  const edited = key !== demo.key;
  if (edited) Object.assign(demo, { key, locked: {} });
  if (!seen.has(key)) seen.set(key, new Set());
  if (seen.size > 300) seen.delete(seen.keys().next().value);
  const known = seen.get(key);
  for (const k of graph.inputs) {
    const { name } = graph.nodes[k];
    if (!state.nodes[k].reached || known.has(name)) continue;
    known.add(name);
    const guess = page.get("predictions")[name];
    if (guess !== undefined && !(edited && demo.reached?.has(name))) demo.locked[name] = guess;
  }
  demo.reached = new Set(graph.inputs.filter((k) => state.nodes[k].reached).map((k) => graph.nodes[k].name));
  const all = graph.inputs.every((k) => state.nodes[k].complete && closeTo(demo.locked[graph.nodes[k].name] ?? NaN, run.gradients[k]));
  if (all && graph.text === PRESETS.used_twice[1] && everyPathCounts(graph, run)) {
    demo.found = `You predicted ${list(graph.inputs.map((k) => `${show(run.gradients[k])} for ${graph.nodes[k].name}`))} before the backward pass came there.`;
    page.goal(true, demo.found);
  } else page.goal(page.get("goal_met"), page.get("goal_met") ? demo.found : "");
}

/** Which expression: a preset, or the reader's own, with a message that points at what is wrong. */
function chooser(demo) {
  const { page } = demo;
  const options = [...Object.entries(PRESETS).map(([name, [title]]) => [name, title]), ["own", "your own expression"]];
  const preset = select(page, { label: "Graph", options, value: "used_twice", onInput: (name) => {
    if (name === "own") return field.select();
    draw(PRESETS[name][1]);
  } });
  const field = html("input", { type: "text", class: "cg-text", spellcheck: "false", autocapitalize: "off", autocomplete: "off", maxlength: 200 });
  const box = labelled("Expression", "+ - * / ** ( ) exp log tanh sigmoid relu sin max; name a part: z = a*b; L = z**2", field, null, "cg-expression");
  const error = html("p", { class: "cg-error", role: "alert", id: `${field.id}-error` });
  const go = button({ label: "Draw it", title: "Draw the graph of this expression", onClick: () => draw(field.value) });
  field.before(go.element);
  go.element.before(field);
  page.figure.append(html("div", { class: "cg-top" }, preset.element, box), error);
  const complain = (problem, text) => {
    field.toggleAttribute("aria-invalid", Boolean(problem));
    if (!problem) return fill(error);
    const at = clamp(problem.position, 0, text.length);
    const mark = html("mark", {}, text[at] ?? "\u00a0");
    fill(error, `Position ${at + 1}: ${problem.message}`, html("code", { "aria-hidden": "true" }, text.slice(0, at), mark, text.slice(at + 1)));
  };
  function draw(text) {
    try {
      const graph = buildGraph(text.trim());
      complain(null);
      if (graph.text !== demo.graph?.text) demo.load(graph, demo.inputs);
      else field.value = graph.text;
    } catch (problem) {
      if (problem.position === undefined) throw problem;
      complain(problem, text.trim());
    }
  }
  field.addEventListener("change", () => draw(field.value));
  field.addEventListener("keydown", (event) => { if (event.key === "Enter") draw(field.value); });
  return () => {
    if (!demo.fresh) return;
    field.value = demo.graph.text;
    complain(null);
    preset.value = Object.keys(PRESETS).find((name) => PRESETS[name][1] === demo.graph.text) ?? "own";
  };
}

/** The graph: nodes to click or to walk with the arrow keys, arrows that show what has traveled, and which way. */
function picture(demo) {
  const { page } = demo;
  const drawing = svg("svg", { role: "group" });
  const box = html("div", { class: "cg-box" }, drawing);
  const key = [["cg-key-value", "→ value, forward"], ["cg-key-gradient", "← gradient, backward"], ["cg-key-active", "this step"]]
    .map(([name, text]) => html("li", {}, html("span", { class: name, "aria-hidden": "true" }), text));
  const more = html("li", {}, "Choose a node for its local derivatives.");
  const wide = html("li", {}, "The graph is wider than its box: scroll it sideways.");
  page.figure.append(box, html("ul", { class: "cg-key", "aria-label": "Key to the picture" }, ...key, more, wide));
  let [layout, nodes, arrows, room, lastStep] = [null, [], [], 0, 0];

  const near = (place, key_) => { // the neighbor that an arrow key leads to
    const here = layout.nodes[place];
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key_];
    const cost = ({ x, y }) => {
      const [along, across] = way[0] ? [(x - here.x) * way[0], y - here.y] : [(y - here.y) * way[1], x - here.x];
      return along > 1 ? along + 3 * Math.abs(across) : Infinity;
    };
    return layout.nodes.reduce((best, cell, k) => (cost(cell) < cost(layout.nodes[best]) ? k : best), place);
  };
  const choose = (place) => { if (demo.selected !== place) { demo.selected = place; page.redraw(); } };
  const makeNode = (node, cell) => {
    const { w, h } = cell;
    const leaf = !OPS[node.op];
    const rect = (name, by) => svg("rect", { class: name, x: -w / 2 - by, y: -h / 2 - by, width: w + 2 * by, height: h + 2 * by,
      rx: (leaf ? 16 : 5) + by });
    const line = (name, y) => svg("text", { class: name, y, "text-anchor": "middle" });
    const [title, value, gradient] = [line("cg-title", node.op === "number" ? 5 : -13), line("cg-value", 7), line("cg-gradient", 25)];
    title.textContent = titleOf(node);
    if (!leaf && OPS[node.op].symbol.length === 1 && !node.name) title.classList.add("cg-sign");
    const group = svg("g", { class: `twice-handle cg-node cg-${leaf ? node.op : "op"}`, role: "button",
      transform: `translate(${cell.x.toFixed(1)} ${cell.y.toFixed(1)})` },
      rect("twice-ring", 4), rect("cg-frame", 0), title, ...(node.op === "number" ? [] : [value, gradient]));
    group.addEventListener("click", () => { group.focus({ preventScroll: true }); choose(node.place); });
    group.addEventListener("focus", () => choose(node.place));
    group.addEventListener("keydown", (event) => {
      if (!event.key.startsWith("Arrow")) return;
      event.preventDefault();
      const next = near(node.place, event.key);
      nodes[next].group.focus({ preventScroll: true });
      show_(next);
    });
    return { group, value, gradient };
  };
  const makeArrow = ({ from, to, slot, points }) => {
    const at = ([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`;
    const d = points.map((p, i) => {
      const middle = i && (points[i - 1][0] + p[0]) / 2;
      return i === 0 ? `M${at(p)}` : i % 2 ? `L${at(p)}` : `C${at([middle, points[i - 1][1]])} ${at([middle, p[1]])} ${at(p)}`;
    }).join("");
    const line = svg("path", { class: "cg-line", d });
    const [end, start] = [points.at(-1), points[0]];
    const heads = [svg("path", { class: "cg-head cg-there", d: `M${at(end)}l-9 -5v10z` }), svg("path", { class: "cg-head cg-back", d: `M${at(start)}l9 -5v10z` })];
    const dot = svg("circle", { class: "cg-dot", r: 6, visibility: "hidden" });
    const [near_, far] = points.slice(1, 3); // the label stands at the operand, where arrows do not cross yet
    const label = svg("text", { class: "cg-part", x: near_[0] + 3, y: near_[1] + 0.15 * (far[1] - near_[1]) - 7 });
    return { from, to, slot, line, dot, label, group: svg("g", { class: "cg-arrow" }, line, ...heads) };
  };
  const build = () => {
    const focused = box.contains(document.activeElement) ? demo.selected : null;
    layout = layoutGraph(demo.graph, room);
    nodes = demo.graph.nodes.map((node) => makeNode(node, layout.nodes[node.place]));
    arrows = layout.arrows.map(makeArrow);
    make(drawing, { width: Math.ceil(layout.width), height: Math.ceil(layout.height), "aria-label": `Graph of ${demo.graph.text}` }, []);
    fill(drawing, ...arrows.map(({ group }) => group), ...nodes.map(({ group }) => group), ...arrows.flatMap(({ dot, label }) => [label, dot]));
    wide.hidden = layout.width <= box.clientWidth + 1;
    if (focused !== null) nodes[focused].group.focus({ preventScroll: true });
  };
  const show_ = (place) => { // bring a node into the box, not the box into the window
    const { x, w } = layout.nodes[place];
    const [left, width] = [box.scrollLeft, box.clientWidth];
    if (x - w / 2 < left || x + w / 2 > left + width) box.scrollTo({ left: x - width / 2, behavior: page.calm() ? "auto" : "smooth" });
  };
  const travel = tween(page, 550, (t) => {
    const back = demo.state.phase === "backward";
    for (const { dot, line, to } of arrows) {
      const moving = t < 1 && to === demo.state.active && demo.state.phase !== "seed";
      make(dot, { visibility: moving ? "visible" : "hidden", class: `cg-dot ${back ? "cg-backward" : "cg-forward"}` }, []);
      if (!moving) continue;
      const { x, y } = line.getPointAtLength(line.getTotalLength() * (back ? 1 - t : t));
      make(dot, { cx: x, cy: y }, []);
    }
  });
  const paint = () => {
    const { graph, state, run } = demo;
    const focusable = demo.selected ?? state.active ?? graph.output;
    graph.nodes.forEach((node, k) => {
      const [{ group, value, gradient }, mine] = [nodes[k], state.nodes[k]];
      const failed = state.failed?.place === k;
      const [noValue, noSlope] = [failed && !state.failed.backward, failed && state.failed.backward];
      value.textContent = noValue ? "✕ no value" : mine.value === undefined ? "" : `→ ${fit(mine.value)}`;
      gradient.textContent = noSlope ? "✕ no slope" : !mine.reached ? ""
        : mine.complete ? `← ${fit(mine.gradient)}` : `← ${fit(mine.gradient, 5)} + …`;
      const classes = { "cg-active": state.active === k, "cg-chosen": demo.selected === k, "cg-failed": failed };
      for (const [name, on] of Object.entries(classes)) group.classList.toggle(name, on);
      const told = [["value", value], ["gradient", gradient]].map(([name, { textContent }]) => (textContent ? `${name} ${textContent.slice(2)}` : `no ${name} yet`));
      const what = OPS[node.op] ? `${symbolOf(node)} node ${node.name}`.trim() : `input ${node.name}`;
      const label = node.op === "number" ? `constant ${show(node.number)}` : `${what}: ${told.join(", ")}`;
      make(group, { tabindex: k === focusable ? 0 : -1, "aria-label": label }, []);
    });
    for (const { from, to, slot, group, label } of arrows) {
      const part = state.nodes[from].parts.find((one) => one.from === to && one.slot === slot);
      const back = part && graph.nodes[from].op !== "number";
      const there = state.nodes[to].value !== undefined || state.failed?.place === to;
      const active = to === state.active && state.phase !== "seed";
      group.setAttribute("class", `cg-arrow ${back ? "cg-backward" : there ? "cg-forward" : ""} ${active ? "cg-active" : ""}`);
      const shown = back && (to === state.active || graph.nodes[from].uses.length > 1);
      label.textContent = shown ? fit(part.amount, 6) : "";
    }
  };
  const observer = new ResizeObserver(() => {
    if (box.clientWidth === room || !demo.graph) return;
    room = box.clientWidth;
    build();
    paint();
  });
  observer.observe(box);
  page.onDispose(() => observer.disconnect());
  return () => {
    if (demo.fresh) { room = box.clientWidth; build(); box.scrollLeft = 0; lastStep = 0; }
    paint();
    const { at, active } = demo.state;
    if (at === lastStep) return;
    if (active !== null) show_(active);
    if (at === lastStep + 1) travel.start();
    lastStep = at;
  };
}

/** Step by step, or by itself; one step back; everything anew. */
function stepper(demo) {
  const { page } = demo;
  const spoken = html("p", { class: "cg-spoken", role: "status" }); // what a screen reader hears when an input rests
  let [told, wait, since] = ["", 0, 0];
  page.onDispose(() => clearTimeout(wait));
  const go = (by) => { demo.selected = null; page.set({ step: demo.state.at + by }); };
  const missing = () => page.get("predict") && demo.graph.inputs.some((k) => page.get("predictions")[demo.graph.nodes[k].name] === undefined);
  const loop = animation(page, (seconds) => {
    since += seconds;
    if (since < 1.3) return true;
    since = 0;
    const { at } = demo.state;
    go(1);
    return !(at + 1 === demo.graph.ops.length && missing()) && at + 1 < demo.run.end;
  });
  const act = (fn) => () => { loop.stop(); fn(); };
  const forward = button({ label: "Forward step →", onClick: act(() => go(1)) });
  const backward = button({ label: "← Backward step", onClick: act(() => go(1)) });
  const play = button({ label: "▶ Play", title: "Step by itself", onClick: () => {
    if (loop.running) loop.stop();
    else { since = 2; if (demo.state.at >= demo.run.end) page.set({ step: 0 }); loop.start(); }
    page.redraw();
  } });
  const undo = button({ label: "Undo", title: "One step back", onClick: act(() => go(-1)) });
  const reset = button({ label: "Reset", title: "The first numbers, nothing computed, no predictions", onClick: act(() => {
    Object.assign(demo, { selected: null, found: "" });
    page.set({ step: 0, inputs: startInputs(demo.graph), predictions: {}, goal_met: false });
  }) });
  const count = html("span", { class: "twice-readout cg-count" });
  page.actions.append(...[forward, backward, play, undo, reset].map(({ element }) => element), count);
  page.main.append(spoken);
  return () => {
    const { state, graph, run } = demo;
    const n = graph.ops.length;
    const can = state.at < run.end;
    const focused = document.activeElement;
    const states = [[forward, can && state.at < n], [backward, can && state.at >= n], [undo, state.at > 0]];
    for (const [{ input }, on] of states) input.disabled = !on;
    for (const [{ input }, on] of states.slice(0, 2)) input.classList.toggle("twice-primary", on);
    backward.input.title = state.at < n ? "First the forward pass must reach the output" : "";
    if ([forward.input, backward.input, undo.input].includes(focused) && focused.disabled) {
      (states.find(([, on]) => on)?.[0] ?? reset).input.focus({ preventScroll: true });
    }
    play.value = loop.running && can ? "■ Stop" : "▶ Play";
    count.textContent = `Step ${state.at} of ${2 * n + 1}`;
    const ask = state.at === n && !state.failed && missing() ? " First type what gradients you expect, below." : "";
    const chosen = demo.selected !== null && !demo.words.offsetParent; // on a phone the sentence speaks of the chosen node
    const text = chosen ? demo.told : stepSentence(graph, run, state) + ask;
    const place = `${graph.text} ${state.at} ${chosen && demo.selected}`;
    page.say(text, { quiet: place === told }); // a new step is spoken at once, a dragged input when it rests
    clearTimeout(wait);
    if (place === told && spoken.textContent !== text) wait = setTimeout(() => (spoken.textContent = text), 600);
    told = place;
  };
}

/** The chosen node, or the one of this step, in words and numbers. */
function nodeWords(demo) {
  const { page } = demo;
  const [title, body] = [html("b", {}), html("dl", {})];
  const box = html("div", { class: "cg-words" }, title, body);
  demo.words = box;
  page.panel.append(box);
  return () => {
    const { graph, run, state } = demo;
    const place = demo.selected ?? state.active ?? graph.inputs[0];
    const node = graph.nodes[place];
    const lines = explainNode(graph, run, state, place);
    demo.told = [`Node ${titleOf(node)}`, ...lines.map(([head, text]) => `${head}: ${text}`)].join("\n");
    title.textContent = `${OPS[node.op] ? "Node" : node.op === "input" ? "Input" : "Constant"} ${titleOf(node)}`;
    fill(body, ...lines.flatMap(([head, text]) => [html("dt", {}, head), html("dd", {}, text)]));
  };
}

/** Every input: its number, a slider, the prediction of its gradient and what came of it. */
function inputRows(demo) {
  const { page } = demo;
  const rows = html("div", { class: "cg-rows" });
  const other = button({ label: "New numbers", title: "Other inputs, nothing computed, no predictions", onClick: () => {
    demo.selected = null;
    let inputs;
    for (let tries = 0; tries < 20; tries++) { // not those whose gradients have been seen
      demo.drawn = (demo.drawn ?? 0) + 1;
      inputs = newInputs(demo.graph, demo.drawn);
      if (!demo.seen.get(demo.graph.text + JSON.stringify(inputs))?.size) break;
    }
    page.set({ inputs, step: 0, predictions: {} });
  } });
  const predict = checkbox(page, { label: "Predict first", trait: "predict" });
  const nudge = checkbox(page, { label: "Nudge check", trait: "nudge" });
  const hint = html("small", { class: "twice-hint" });
  page.panel.append(html("div", { class: "cg-inputs" }, html("div", { class: "twice-row cg-tools" }, other.element, predict.element, nudge.element), rows, hint));
  let list_ = [];
  const read = (field) => {
    const value = field.value.trim() === "" ? NaN : Number(field.value);
    const good = Math.abs(value) <= LARGEST;
    field.toggleAttribute("aria-invalid", field.value.trim() !== "" && !good);
    return good ? value : undefined;
  };
  const put = (field, value) => {
    const text = value === undefined ? "" : String(value);
    if (document.activeElement !== field && field.value !== text) { field.value = text; field.removeAttribute("aria-invalid"); }
  };
  const makeRow = (k) => {
    const { name } = demo.graph.nodes[k];
    const edit = (value) => { if (value !== undefined) page.set({ inputs: { ...demo.inputs, [name]: value } }); };
    const number_ = html("input", { type: "number", step: "any", inputmode: "decimal" });
    const value = labelled(name, null, number_, null, "cg-number");
    const bar = html("input", { type: "range", min: -5, max: 5, step: 0.1, "aria-label": `${name}, slider` });
    const guess = html("input", { type: "number", step: "any", inputmode: "decimal" });
    const ask = labelled(`Predict ∂${demo.graph.nodes[demo.graph.output].name}/∂${name}`, null, guess, null, "cg-guess");
    const truth = html("output", { class: "cg-truth" });
    const verdict = html("p", { class: "cg-verdict", role: "status" });
    const check = html("p", { class: "cg-check" });
    number_.addEventListener("input", () => edit(read(number_)));
    number_.addEventListener("blur", page.redraw);
    bar.addEventListener("input", () => edit(Number(bar.value)));
    guess.addEventListener("input", () => {
      const { [name]: before, ...rest } = page.get("predictions");
      const typed = read(guess);
      page.set({ predictions: typed === undefined ? rest : { ...rest, [name]: typed } });
    });
    const element = html("div", { class: "cg-row", role: "group", "aria-label": `Input ${name}` },
      value, html("div", { class: "twice-slider" }, bar), html("div", { class: "cg-both" }, ask, truth), verdict, check);
    return { k, name, element, number: number_, bar, guess, ask, truth, verdict, check };
  };
  const update = ({ k, name, number: number_, bar, guess, ask, truth, verdict, check }) => {
    const { graph, inputs, run, state } = demo;
    const mine = state.nodes[k];
    put(number_, inputs[name]);
    if (Number(bar.value) !== inputs[name]) bar.value = inputs[name];
    bar.setAttribute("aria-valuetext", show(inputs[name]));
    put(guess, page.get("predictions")[name]);
    ask.hidden = !page.get("predict");
    guess.disabled = mine.reached;
    truth.textContent = !mine.reached ? "gradient: ?" : `gradient: ${show(mine.gradient)}${mine.complete ? "" : " + …"}`;
    truth.classList.toggle("cg-known", mine.reached);
    const locked = page.get("predict") && mine.complete ? demo.locked[name] : undefined;
    const right = locked !== undefined && closeTo(locked, run.gradients[k]);
    const words = locked === undefined ? "" : right ? "✓ Predicted right." : `✕ ${diagnose(graph, inputs, run, k, locked)}`;
    const old = !words && mine.complete && guess.value !== ""; // for the numbers before: unseen, but nothing below it moves
    verdict.classList.toggle("cg-old", old);
    if (!old && verdict.textContent !== words) verdict.textContent = words;
    verdict.classList.toggle("cg-right", right);
    check.textContent = page.get("nudge") && mine.complete ? nudgeWords(graph, inputs, run, k) : "";
  };
  return () => {
    const { graph, state } = demo;
    if (demo.fresh) {
      list_ = graph.inputs.map(makeRow);
      fill(rows, ...list_.map(({ element }) => element));
      page.root.classList.toggle("cg-many", list_.length > 6);
    }
    list_.forEach(update);
    const known = demo.seen.get(demo.key);
    const stale = page.get("predict") && list_.some(({ k, name }) => known.has(name) && !state.nodes[k].reached);
    hint.textContent = stale ? "You have seen the gradients of these numbers: predictions count for other numbers. Press New numbers."
      : page.get("nudge") && state.at < 2 * graph.ops.length + 1 ? "The nudge check appears when a gradient is there." : "";
  };
}

export default { render };
