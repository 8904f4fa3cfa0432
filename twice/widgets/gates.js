/* gates.js: an LSTM reads a sentence; see every unit's gates, candidate and cell at every character.
 * Above the line "The demo": pure functions, tested in tests/test_gates_demo.py. Below it: what is drawn. */

// ---- What a unit may follow: a number at each character of a text ----

/** Counts up from 0 at every character for which `again` is true. */
const since = (again) => (text) => { let n = 0; return [...text].map((c) => (n = again(c) ? 0 : n + 1)); };
const isIt = (pattern) => (text) => [...text].map((c) => Number(pattern.test(c)));

export const FEATURES = {
  since_space: { name: "letters since a space", says: "the letters since the last space", of: since((c) => c === " " || c === "\n") },
  space: { name: "a space", says: "a space", of: isIt(/[ \n]/) },
  since_stop: { name: "letters since a full stop", says: "the letters since the last full stop", of: since((c) => /[.?:\n]/.test(c)) },
  mark: { name: "punctuation", says: "a punctuation mark", of: isIt(/[.,:;?%()"'-]/) },
  capital: { name: "capitals", says: "a capital", of: isIt(/[A-Z]/) },
  vowel: { name: "vowels", says: "a vowel", of: isIt(/[aeiou]/i) },
  digit: { name: "digits", says: "a digit", of: isIt(/[0-9]/) },
  bracket: { name: "being inside brackets", says: "being inside brackets", of: (text) => { let on = 0; return [...text].map((c) => (on = c === "(" ? 1 : /[)\n]/.test(c) ? 0 : on)); } },
  last: { name: "the last letter of a word", says: "the last letter of a word", of: (text) => [...text].map((c, t) => Number(/[a-z]/i.test(c) && !/[a-z]/i.test(text[t + 1] ?? " "))) },
};

/** Pearson's correlation; 0 where one of the two does not vary. */
export function correlation(a, b) {
  const mean = (v) => v.reduce((sum, x) => sum + x, 0) / v.length;
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let t = 0; t < a.length; t++) {
    ab += (a[t] - ma) * (b[t] - mb);
    aa += (a[t] - ma) ** 2;
    bb += (b[t] - mb) ** 2;
  }
  return aa > 1e-18 && bb > 1e-18 ? ab / Math.sqrt(aa * bb) : 0;
}

/** One unit's numbers over the steps of a reading. */
export const trace = (steps, quantity, unit) => steps.map((now) => now[quantity][unit]);

/** The largest distance from 0; a cell is shown on this scale of its own. */
export const reach = (values) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-9);

/** The mean step from one character to the next, as a share of the largest value (of 1 for what lies in -1..1). */
export function change(values, quantity) {
  let sum = 0;
  for (let t = 1; t < values.length; t++) sum += Math.abs(values[t] - values[t - 1]);
  return values.length > 1 ? sum / (values.length - 1) / (quantity === "cell" ? reach(values) : 1) : 0;
}

/** The units in the order of `sort`, with the number behind it: [[unit, number], ...]. */
export function sorted(model, sort, quantity, steps, wide) {
  const units = Array.from({ length: model.U }, (_, u) => u);
  const worth = sort in FEATURES ? follows(wide, sort, quantity) : (u) => change(trace(steps, quantity, u), quantity);
  const found = units.map((u) => [u, worth(u)]);
  return sort === "number" ? found : found.sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
}

/** A function of the unit: how its numbers correlate with a feature over a reading. */
export function follows(reading, feature, quantity) {
  const wanted = FEATURES[feature].of(reading.text);
  return (unit) => correlation(trace(reading.steps, quantity, unit), wanted);
}


/** Which stretch of `count` columns to show so that `at` lies in it; it moves no more than it must. */
export function stretch(first, count, at, length) {
  const margin = Math.min(3, Math.floor((count - 1) / 2));
  return clamp(clamp(first, at - count + 1 + margin, at - margin), 0, Math.max(0, length - count));
}

/** Black or white, whichever stands out more on the ground [r, g, b] (WCAG 2.2: luminance above 0.179 takes black). */
export function inkOn(ground) {
  const [r, g, b] = ground.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000000" : "#ffffff";
}

export const goalReached = (r, wanted) => Math.abs(r) >= wanted;

// ---- Words ----

const NAMES = { input: "Input gate", forget: "Forget gate", candidate: "Candidate", cell: "Cell", output: "Output gate", state: "Output h" };
const GATES = ["input", "forget", "output"];
const isGate = (name) => GATES.includes(name);
const signedNumber = (v) => (v > 0 ? `+${number(v)}` : number(v));
export const openness = (v) => (v > 0.9 ? "wide open" : v > 0.6 ? "more than half open" : v > 0.4 ? "half open" : v > 0.1 ? "mostly shut" : "shut");

/** What the unit does at this character. */
export function explain(text, at, now, before, unit) {
  const [f, i, g, c, old] = [now.forget[unit], now.input[unit], now.candidate[unit], now.cell[unit], before ? before.cell[unit] : 0];
  const kept = at ? `The forget gate is ${openness(f)}: of the old cell ${number(old)} it keeps ${number(f * old)}.` : "The cell begins at 0: there is nothing to keep yet.";
  return `Unit ${unit} reads ${named(text[at])}. ${kept} The input gate is ${openness(i)}: it adds ${number(i)} × ${number(g)} = ${number(i * g)}. The new cell is ${number(c)}.`;
}

/** How the sentence fares, and with a gate held ({gate, value, unit}; unit -1: all `units`) against the model as trained. */
export function cost(bits, trained = null, held = null, units = 0) {
  if (!Number.isFinite(bits)) return "";
  const text = `The sentence costs ${number(bits)} bits per character`;
  if (!held) return `${text}.`;
  const more = bits - trained;
  const where = `the ${held.gate} gate of ${held.unit < 0 ? `all ${units} units` : `unit ${held.unit} alone`}`;
  const differs = Math.abs(more) < 0.02 ? "hardly a difference" : `${number(Math.abs(more))} ${more > 0 ? "more" : "fewer"}`;
  const why = held.unit >= 0 && Math.abs(more) < 0.02 ? `: it is one of ${units}` : "";
  return `${text} with ${where} held ${held.value ? "open" : "shut"}, ${number(trained)} as trained: ${differs}${why}.`;
}

// ==== The demo ==========================================================================================

const HOLDS = [["none", "no: all as trained"], ...GATES.flatMap((gate) => [[`${gate} 0`, `${gate} gate shut (0)`], [`${gate} 1`, `${gate} gate open (1)`]])];
const SENTENCES = [
  ["The network learns what we show it. It forgets the rest (most of it).", "two sentences"],
  ["A convolution of the image with the kernel of the convolution", "long words"],
  ["In 1998, LeNet had 61,706 weights; ResNet-50 has 25.6 million.", "numbers"],
  ["the the the the the the the the the the the the the the the", "one word"],
  ["qzx wvk jjq xxz. zzkqj vvx qqw", "nonsense"],
];
const SHOWN = 24; // rows, unless all are wanted
const EDGE = { left: 34, right: 46, top: 24 }; // room for the units' numbers, the sort's numbers, the letters

const channels = (color) => [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));
const blend = (one, other, share) => one.map((v, k) => Math.round(v + share * (other[k] - v)));

function render({ model, el }) {
  const page = createPage({ model, el, title: "Inside an LSTM that reads" });
  const net = readModel(page.get("packed"), page.get("sizes"), page.get("vocabulary"));
  const demo = { page, net, first: 0, upTo: Infinity, wide: null };
  const parts = [sentenceBox, plate, reader, detail, guesses, settings, words].map((part) => part(demo));
  let [run, trained, key] = [null, null, ""];
  const compute = () => {
    const state = Object.fromEntries("sentence at unit quantity sort hold scope everyone".split(" ").map((name) => [name, page.get(name)]));
    const { text } = knownText(net, state.sentence);
    const [gate, value] = state.hold.split(" ");
    const held = gate === "none" ? undefined : { gate, value: Number(value), unit: state.scope === "all" ? -1 : state.unit };
    trained = readText(net, text, undefined, trained);
    const heldKey = JSON.stringify(held);
    run = held ? readText(net, text, held, key === heldKey ? run : null) : trained;
    key = heldKey;
    Object.assign(demo, { state, text, held, run, trained, at: clamp(state.at, 0, Math.max(0, text.length - 1)), colors: page.colors() });
    if (state.sort in FEATURES || demo.wide) demo.hear();
    demo.order = text ? sorted(net, state.sort, state.quantity, run.steps, demo.wide) : [];
    demo.rows = demo.order.slice(0, state.everyone ? net.U : SHOWN);
    if (demo.bitsKey !== `${text}|${key}`) {
      demo.bitsKey = `${text}|${key}`;
      demo.surprises = surprises(net, run);
      demo.trainedBits = held ? bitsOf(surprises(net, trained)) : null;
    }
    for (const part of parts) part();
  };
  /** The reading of the unseen text, once. */
  demo.hear = () => { demo.wide ??= readText(net, knownText(net, page.get("unseen")).text); };
  demo.redraw = frame(page, compute);
  demo.go = (values, save = true) => page.set(values, save);
  page.watch("sentence at unit quantity sort hold scope everyone goal_met", demo.redraw);
  page.themed.add(demo.redraw);
  compute();
  const later = setTimeout(() => { demo.hear(); demo.redraw(); }, 150);
  page.onDispose(() => clearTimeout(later));
  return page.dispose;
}

/** The sentence, to be typed or chosen. */
function sentenceBox(demo) {
  const { page } = demo;
  const input = html("input", { type: "text", maxlength: 120, spellcheck: "false", autocomplete: "off", class: "gt-sentence" });
  const note = html("small", { class: "twice-hint", role: "status" });
  const chooser = select(page, { label: "Or take", options: [["", "another …"], ...SENTENCES.map(([text, name]) => [text, name])], value: "",
    onInput: (text) => { if (text) page.set({ sentence: text, at: 0 }); chooser.value = ""; } });
  input.id = `twice-input-${nextId()}`;
  page.figure.append(html("div", { class: "gt-top" },
    html("div", { class: "twice-control gt-typed" }, html("label", { for: input.id }, "It reads this sentence: change it"), input), chooser.element), note);
  input.addEventListener("input", () => {
    const { text, strange } = knownText(demo.net, input.value);
    note.textContent = strange.length ? `The model has no number for ${strange.map(named).join(", ")}: left out.` : "";
    const changed = [...text].findIndex((c, t) => c !== demo.text[t]);
    demo.stop();
    page.set({ sentence: text, at: clamp(changed < 0 ? Infinity : input.selectionStart - 1, 0, Math.max(0, text.length - 1)) });
  });
  demo.hint = html("small", { class: "twice-hint" }, "A row is one unit: click it, and its gates and its cell stand below. Bars under the letters: how much each surprised the model (−log₂ p; full height: 10 bits).");
  const quantity = select(page, { label: "Show, for every unit", trait: "quantity", options: QUANTITIES.map((q) => [q, { cell: "the cell c", candidate: "the candidate", state: "the output h" }[q] ?? `the ${q} gate`]) });
  const sort = select(page, { label: "Sort units by how well they follow", trait: "sort", options: [["change", "nothing: most change"], ["number", "nothing: by number"], ...Object.entries(FEATURES).map(([key, { name }]) => [key, name])] });
  page.figure.append(html("div", { class: "gt-choose" }, quantity.element, sort.element));
  return () => { if (!input.matches(":focus") || knownText(demo.net, input.value).text !== demo.text) input.value = demo.text; };
}

/** Letters, the map of the units, and the chosen unit below: one canvas, one column for each character. */
function plate(demo) {
  const { page, net } = demo;
  const canvas = html("canvas", { "aria-hidden": "true" });
  const ring = svg("rect", { class: "twice-ring" });
  const hit = svg("rect", { class: "gt-hit" });
  const handle = svg("g", { class: "twice-handle", tabindex: 0, role: "button", "aria-roledescription": "map of the units" }, hit, ring);
  const picture = svg("svg", { role: "group", "aria-label": "Units by characters" }, handle);
  const title = html("div", { class: "gt-name" });
  const scale = html("div", { class: "gt-scale" });
  const box = html("div", { class: "twice-plot gt-plate" }, canvas, picture);
  page.figure.append(html("div", { class: "gt-head" }, title, scale), demo.hint, box);
  const ctx = canvas.getContext("2d");
  const small = document.createElement("canvas");
  const g = {}; // where everything lies
  let dragging = false;

  const layout = () => {
    const [width, n] = [Math.floor(box.clientWidth), demo.text.length];
    if (!width) return false;
    EDGE.right = width > 520 ? 58 : 46;
    const room = width - EDGE.left - EDGE.right;
    const count = Math.min(n, Math.floor(room / 7.5));
    demo.first = stretch(demo.first, count, demo.at, n);
    const tall = demo.state.everyone ? Math.max(2, Math.floor(384 / net.U)) : 13;
    Object.assign(g, { width, count, column: count ? Math.min(22, room / count) : 8, row: tall, map: EDGE.top + 52, mapHeight: tall * demo.rows.length });
    g.strips = g.map + g.mapHeight + 30;
    g.line = g.strips + 3 * 15 + 26;
    g.height = g.line + 96 + 6;
    const ratio = globalThis.devicePixelRatio || 1;
    const size = [Math.round(width * ratio), Math.round(g.height * ratio)];
    if (canvas.width !== size[0] || canvas.height !== size[1]) {
      [canvas.width, canvas.height] = size;
      Object.assign(canvas.style, { width: `${width}px`, height: `${g.height}px` });
      make(picture, { width, height: g.height, viewBox: `0 0 ${width} ${g.height}` }, []);
    }
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    make(hit, { x: EDGE.left, y: 0, width: Math.max(1, g.count * g.column), height: g.height }, []);
    make(ring, { x: EDGE.left - 2, y: 1, width: g.count * g.column + 4, height: g.height - 2, rx: 4 }, []);
    return true;
  };
  const x = (t) => EDGE.left + (t - demo.first) * g.column;
  /** A number's color: from 0, the paper, to 1; a cell as a share of the largest of its unit. */
  const paint = (quantity) => {
    const { surface, class0, class1, good } = demo.colors;
    const [paper, minus, plus, open] = [surface, class0, class1, good].map(channels);
    return (v, unit) => { const s = quantity === "cell" ? v / demo.reaches[unit] : v; return blend(paper, isGate(quantity) ? open : s < 0 ? minus : plus, Math.abs(s)); };
  };
  const css = (rgb) => `rgb(${rgb.join()})`;
  const text = (words, left, top, align, color, font = "12px sans-serif") => {
    Object.assign(ctx, { fillStyle: color, textAlign: align, textBaseline: "middle", font });
    ctx.fillText(words, left, top);
  };
  const draw = () => {
    const { run, rows, state, colors, at, first, unit = state.unit } = demo;
    const { count, column, row } = g;
    const shown = Math.min(count, Math.max(0, demo.upTo - first + 1));
    ctx.clearRect(0, 0, g.width, g.height);
    if (!count) return;
    const mono = "600 12px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace";
    // The letters, colored as the chosen unit is.
    const color = paint(state.quantity);
    for (let k = 0; k < count; k++) {
      const [t, on] = [first + k, k < shown];
      const shade = on ? color(run.steps[t][state.quantity][unit], unit) : channels(colors.surface);
      ctx.fillStyle = css(shade);
      ctx.fillRect(x(t), EDGE.top - 6, column + 0.4, 22);
      text(demo.text[t], x(t) + column / 2, EDGE.top + 5.5, "center", inkOn(shade), mono);
    }
    text(String(unit), EDGE.left - 5, EDGE.top + 5, "right", colors.ink, "600 12px sans-serif");
    // How surprised it was.
    ctx.fillStyle = colors.mark;
    for (let k = 0; k < shown; k++) ctx.fillRect(x(first + k) + 1, EDGE.top + 18, column - 2, 2.4 * Math.min(10, demo.surprises[first + k]));
    text(g.width > 520 ? "surprise" : "bits", EDGE.left + count * column + 3, EDGE.top + 24, "left", colors.mark);
    // The map.
    if (shown) {
      Object.assign(small, { width: shown, height: rows.length });
      const image = small.getContext("2d").createImageData(shown, rows.length);
      rows.forEach(([u], r) => {
        for (let k = 0; k < shown; k++) image.data.set([...color(run.steps[first + k][state.quantity][u], u), 255], 4 * (r * shown + k));
      });
      small.getContext("2d").putImageData(image, 0, 0);
      ctx.imageSmoothingEnabled = false;
      ctx.drawImage(small, EDGE.left, g.map, shown * column, g.mapHeight);
    }
    ctx.lineWidth = 1;
    ctx.strokeStyle = colors.muted;
    ctx.strokeRect(EDGE.left - 0.5, g.map - 0.5, count * column + 1, g.mapHeight + 1);
    const feature = state.sort in FEATURES;
    text("unit", EDGE.left - 5, g.map - 9, "right", colors.muted);
    text(feature ? "correl." : "change", g.width - 2, g.map - 9, "right", colors.muted);
    rows.forEach(([u, worth], r) => {
      if (row < 12 && u !== unit) return;
      const middle = g.map + (r + 0.5) * row;
      text(String(u), EDGE.left - 5, middle, "right", u === unit ? colors.ink : colors.muted, u === unit ? "600 12px sans-serif" : undefined);
      text(feature ? signedNumber(worth) : number(worth), g.width - 2, middle, "right", u === unit ? colors.ink : colors.muted, u === unit ? "600 12px sans-serif" : undefined);
    });
    const place = rows.findIndex(([u]) => u === unit);
    if (place >= 0) {
      ctx.strokeStyle = colors.ink;
      ctx.lineWidth = 1.5;
      ctx.strokeRect(EDGE.left - 1, g.map + place * row - 0.5, count * column + 2, row + 1);
    }
    // The chosen unit: its three gates as strips, its cell as a line.
    text(`Unit ${unit}: its gates`, EDGE.left, g.strips - 11, "left", colors.ink, "600 13px sans-serif");
    GATES.forEach((gate, r) => {
      const [top, tint] = [g.strips + 15 * r, paint(gate)];
      for (let k = 0; k < shown; k++) { ctx.fillStyle = css(tint(run.steps[first + k][gate][unit])); ctx.fillRect(x(first + k), top, column + 0.4, 13); }
      ctx.strokeStyle = colors.muted;
      ctx.lineWidth = 1;
      ctx.strokeRect(EDGE.left - 0.5, top - 0.5, count * column + 1, 14);
      text(gate[0], EDGE.left - 6, top + 6.5, "right", colors.ink, "italic 600 13px serif");
      text(gate, EDGE.left + count * column + 4, top + 6.5, "left", colors.muted);
    });
    const cell = trace(run.steps, "cell", unit);
    const [top, high] = [g.line, 96];
    const most = Math.max(1, reach(cell));
    const y = (v) => top + high / 2 - (v / most) * (high / 2 - 6);
    ctx.strokeStyle = colors.grid;
    ctx.strokeRect(EDGE.left - 0.5, top + 0.5, count * column + 1, high);
    ctx.beginPath(); ctx.moveTo(EDGE.left, y(0)); ctx.lineTo(EDGE.left + count * column, y(0)); ctx.strokeStyle = colors.muted; ctx.stroke();
    for (const v of [most, 0, -most]) text(number(v, most < 9.95 ? 1 : 0), EDGE.left - 4, clamp(y(v), top + 7, top + high - 6), "right", colors.muted);
    const curve = (values, style, width, dash) => {
      ctx.beginPath();
      for (let k = 0; k < shown; k++) ctx[k ? "lineTo" : "moveTo"](x(first + k) + column / 2, y(values[first + k]));
      Object.assign(ctx, { strokeStyle: style, lineWidth: width, lineJoin: "round" });
      ctx.setLineDash(dash);
      ctx.stroke();
      ctx.setLineDash([]);
    };
    if (feature) curve(fitted(FEATURES[state.sort].of(demo.text), cell), colors.class1, 2, [5, 4]);
    curve(cell, colors.class0, 2.5, []);
    text("cell c", EDGE.left, top - 11, "left", colors.class0, "600 13px sans-serif");
    if (feature) text(`dashed: ${FEATURES[state.sort].name}${g.width > 520 ? ", stretched to fit" : ""}`, EDGE.left + 52, top - 11, "left", colors.muted);
    if (shown > at - first) {
      ctx.beginPath(); ctx.arc(x(at) + column / 2, y(cell[at]), 4.5, 0, 7); ctx.fillStyle = colors.class0; ctx.fill();
      ctx.strokeStyle = colors.surface; ctx.lineWidth = 1.5; ctx.stroke();
    }
    // The character looked at.
    ctx.strokeStyle = colors.ink;
    ctx.lineWidth = 2;
    ctx.strokeRect(x(at) - 0.5, EDGE.top - 7, column + 1, g.height - EDGE.top + 6);
    if (first > 0) text("‹", EDGE.left - 3, EDGE.top - 13, "left", colors.muted, "600 15px sans-serif");
    if (first + count < demo.text.length) text("›", EDGE.left + count * column, EDGE.top - 13, "right", colors.muted, "600 15px sans-serif");
  };
  const look = (event, whole) => {
    const edge = picture.getBoundingClientRect();
    const [left, top] = [event.clientX - edge.left, event.clientY - edge.top];
    const values = { at: clamp(demo.first + Math.floor((left - EDGE.left) / g.column), 0, demo.text.length - 1) };
    if (whole || dragging === "map") {
      const place = Math.floor((top - g.map) / g.row);
      if (place >= 0 && place < demo.rows.length) values.unit = demo.rows[place][0];
    }
    demo.go(values, false);
  };
  picture.addEventListener("pointerdown", (event) => {
    if (event.button || !g.count) return;
    const top = event.clientY - picture.getBoundingClientRect().top;
    dragging = top >= g.map && top < g.map + g.mapHeight ? "map" : "line";
    handle.focus({ preventScroll: true });
    picture.setPointerCapture(event.pointerId);
    demo.stop();
    look(event, dragging === "map");
    event.preventDefault();
  });
  picture.addEventListener("pointermove", (event) => { if (dragging) look(event); });
  for (const type of ["pointerup", "pointercancel"]) picture.addEventListener(type, () => { if (dragging) page.set({}); dragging = false; });
  demo.step = (by) => page.set({ at: clamp(demo.at + by, 0, Math.max(0, demo.text.length - 1)) });
  demo.neighbor = (by) => {
    const place = demo.rows.findIndex(([u]) => u === demo.state.unit);
    if (demo.rows.length) page.set({ unit: demo.rows[clamp(place + (place < 0 ? 1 : by), 0, demo.rows.length - 1)][0] });
  };
  handle.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const across = { ArrowLeft: -1, ArrowRight: 1, Home: -1e6, End: 1e6 }[event.key];
    const down = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!across && !down) return;
    demo.stop();
    if (across) demo.step(across); else demo.neighbor(down);
    event.preventDefault();
  });
  const observer = new ResizeObserver(() => demo.redraw());
  observer.observe(box);
  page.onDispose(() => observer.disconnect());
  return () => {
    const { state, run, order } = demo;
    demo.reaches = order.map((_, u) => reach(trace(run.steps, "cell", u)));
    if (layout()) draw();
    const all = demo.rows.length === net.U;
    const words = `${NAMES[state.quantity]} of ${all ? `all ${net.U}` : `${demo.rows.length} of ${net.U}`} units`;
    if (title.textContent !== words) title.textContent = words;
    const gate = isGate(state.quantity);
    const own = state.quantity === "cell";
    fill(scale, html("span", {}, gate ? "0: shut" : own ? "−" : "−1"), html("i", { "data-gate": String(gate) }), html("span", {}, gate ? "1: open" : own ? "+, each unit on its own scale" : "1"));
    const worth = order.find(([u]) => u === state.unit)?.[1] ?? 0;
    handle.setAttribute("aria-label", demo.text ? `Unit ${state.unit} at ${named(demo.text[demo.at])}, character ${demo.at + 1} of ${demo.text.length}: ` +
      `${NAMES[state.quantity].toLowerCase()} ${number(run.steps[demo.at][state.quantity][state.unit])}${state.sort in FEATURES ? `, correlation ${number(worth)}` : ""}. ` +
      "Left and right: another character. Up and down: another unit." : "No sentence.");
  };
}

/** The straight-line fit of y from x: what the dashed line shows. */
export function fitted(xs, ys) {
  const mean = (v) => v.reduce((a, b) => a + b, 0) / v.length;
  const [mx, my] = [mean(xs), mean(ys)];
  const vary = xs.reduce((s, v) => s + (v - mx) ** 2, 0);
  const slope = vary ? xs.reduce((s, v, t) => s + (v - mx) * (ys[t] - my), 0) / vary : 0;
  return xs.map((v) => my + slope * (v - mx));
}

/** Read on: play, step. */
function reader(demo) {
  const { page } = demo;
  let clock = 0;
  const loop = animation(page, (seconds) => {
    clock += seconds * 7;
    const at = Math.floor(clock);
    if (at >= demo.text.length) { demo.stop(); return false; }
    demo.upTo = at;
    if (at !== page.get("at")) page.set({ at }, false);
    return true;
  });
  demo.stop = () => {
    if (demo.upTo === Infinity) return;
    demo.upTo = Infinity;
    loop.stop();
    page.set({});
    demo.redraw();
  };
  const play = button({ label: "▶ Read", primary: true, title: "Read the sentence from here, or from the beginning", onClick: () => {
    if (loop.running) { demo.stop(); return; }
    if (!demo.text) return;
    if (page.calm()) { page.set({ at: (demo.at + 1) % demo.text.length }); return; }
    clock = demo.at >= demo.text.length - 1 ? 0 : demo.at;
    demo.upTo = Math.floor(clock);
    page.set({ at: demo.upTo }, false);
    loop.start();
    demo.redraw();
  } });
  const place = slider(page, { label: "Character", min: 0, max: 119, step: 1, value: 0, onInput: (at) => { demo.stop(); page.set({ at }); },
    format: (at) => (demo.text ? `${visible(demo.text[at] ?? "")}  ${at + 1} of ${demo.text.length}` : "") });
  place.element.classList.add("gt-place");
  const [up, down] = [[-1, "▲", "The unit above"], [1, "▼", "The unit below"]].map(([by, label, title]) => button({ label, title, onClick: () => demo.neighbor(by) }));
  for (const [one, name] of [[up, "The unit above"], [down, "The unit below"]]) one.input.setAttribute("aria-label", name);
  const group = (label, ...all) => html("div", { class: "gt-keys" }, html("span", { class: "twice-hint" }, label), ...all.map(({ element }) => element));
  const everyone = checkbox(page, { label: `All ${demo.net.U} units`, trait: "everyone" });
  page.actions.append(play.element, place.element, group("Unit", up, down), everyone.element);
  return () => {
    const last = Math.max(0, demo.text.length - 1);
    if (place.input.max !== String(last)) place.input.max = last;
    place.value = demo.at;
    play.value = loop.running ? "■ Stop" : page.calm() ? "Read on" : "▶ Read";
  };
}

/** Old cell, three valves, new cell. */
function detail(demo) {
  const { page } = demo;
  const name = html("div", { class: "gt-name" });
  const picture = svg("svg", { viewBox: "0 0 260 196", class: "gt-valves", role: "img" });
  const [cell, state] = [html("p", { class: "gt-sum" }), html("p", { class: "gt-sum" })];
  page.panel.append(html("div", {}, name, picture, html("div", { class: "gt-sums" }, cell, state)));
  const say = (words, x, y, cls, anchor = "middle") => svg("text", { x, y, "text-anchor": anchor, class: cls }, words);
  /** A pipe with a valve: what is left of the plate flows through. */
  const pipe = (x, y, width, value, gate) => {
    const tall = 26 * Math.min(1, 0.15 + 0.85 * Math.abs(value));
    const flow = (from, to, share) => svg("rect", { x: from, y: y + 13 - (tall * share) / 2, width: to - from, height: Math.max(0, tall * share), class: `gt-flow ${value < 0 ? "gt-minus" : "gt-plus"}` });
    const plate = 13 * (1 - gate);
    return [svg("rect", { x, y, width, height: 26, class: "gt-pipe" }), flow(x, x + width / 2, 1), flow(x + width / 2, x + width, gate),
      svg("rect", { x: x + width / 2 - 4, y: y - 4, width: 8, height: 4 + plate, class: "gt-sluice" }), svg("rect", { x: x + width / 2 - 4, y: y + 26 - plate, width: 8, height: 4 + plate, class: "gt-sluice" })];
  };
  return () => {
    const { state: { unit }, text, at, run } = demo;
    if (!text) { name.textContent = "No sentence"; fill(picture); cell.textContent = state.textContent = ""; return; }
    const now = run.steps[at];
    const [i, f, o, g, c, h] = ["input", "forget", "output", "candidate", "cell", "state"].map((q) => now[q][unit]);
    const old = at ? run.steps[at - 1].cell[unit] : 0;
    name.textContent = `Unit ${unit} as it reads ${named(text[at])}`;
    const held = (gate, x, y) => (demo.held?.gate === gate && (demo.held.unit < 0 || demo.held.unit === unit) ? say("gate held", x, y, "gt-gate", "start") : null);
    const size = (v) => clamp(v / demo.reaches[unit], -1, 1);
    fill(picture, ...[
      say("old cell", 2, 12, "gt-quiet", "start"), say(`forget ${number(f)}`, 118, 12, "gt-gate"), held("forget", 2, 56),
      say(number(old), 2, 38, "gt-value", "start"), ...pipe(74, 20, 88, size(old), f),
      say("+", 178, 40, "gt-plus-sign"), say("new cell", 258, 12, "gt-quiet", "end"), say(number(c), 258, 38, "gt-value", "end"),
      svg("path", { d: "M178 98V50m-4 6l4 -6 4 6M188 33h16m-6 -4l6 4 -6 4", class: "gt-way" }),
      say("candidate", 2, 84, "gt-quiet", "start"), say(`input ${number(i)}`, 118, 78, "gt-gate"), held("input", 2, 122),
      say(number(g), 2, 104, "gt-value", "start"), ...pipe(74, 86, 88, g, i), svg("path", { d: "M162 99H178", class: "gt-way" }),
      svg("path", { d: "M244 46V166H220m6 -4l-6 4 6 4", class: "gt-way" }), say("tanh", 240, 112, "gt-quiet", "end"),
      say(`output ${number(o)}`, 163, 145, "gt-gate"), held("output", 2, 189), say("output h", 2, 145, "gt-quiet", "start"), say(number(h), 2, 171, "gt-value", "start"),
      svg("g", { transform: "translate(326 0) scale(-1 1)" }, ...pipe(110, 153, 106, Math.tanh(c), o)), svg("path", { d: "M108 166H72m6 -4l-6 4 6 4", class: "gt-way" })]);
    picture.setAttribute("aria-label", `Three valves: forget ${number(f)}, input ${number(i)}, output ${number(o)} open.`);
    const signed = (v) => (v < 0 ? `(${number(v)})` : number(v));
    cell.textContent = `c = ${number(f)} × ${signed(old)} + ${number(i)} × ${signed(g)} = ${number(c)}`;
    state.textContent = `h = ${number(o)} × tanh ${signed(c)} = ${number(h)}`;
  };
}

/** The model's guess of the next character. */
function guesses(demo) {
  const { page, net } = demo;
  const name = html("div", { class: "gt-name" });
  const rows = Array.from({ length: 6 }, () => {
    const [letter, bar, share] = [html("b", {}), html("i", {}), html("span", { class: "gt-percent" })];
    return { letter, bar, share, row: html("li", {}, letter, html("span", { class: "gt-bar" }, bar), share) };
  });
  const list = html("ol", { class: "gt-guesses" }, ...rows.map(({ row }) => row));
  page.panel.append(html("div", {}, name, list));
  return () => {
    const { text, at, run } = demo;
    list.hidden = !text;
    if (!text) { name.textContent = ""; return; }
    const p = softmax(scores(net, run.steps[at]));
    const next = text[at + 1];
    const best = likeliest(p, 6);
    const code = net.codes.get(next);
    if (next && !best.some(([v]) => v === code)) best[5] = [code, p[code]];
    name.textContent = next ? `Its guess of the next (true: ${visible(next)})` : "Its guess of the next";
    demo.sure = next ? p[code] : null;
    best.forEach(([v, share], k) => {
      const { letter, bar, share: told, row } = rows[k];
      letter.textContent = visible(net.characters[v]);
      bar.style.transform = `scaleX(${share})`;
      told.textContent = percent(share);
      row.classList.toggle("gt-true", v === code);
    });
  };
}

/** What to see, how to sort, what to hold. */
function settings(demo) {
  const { page } = demo;
  const hold = select(page, { label: "Hold a gate", trait: "hold", options: HOLDS, hint: "At every character of the sentence." });
  const scope = select(page, { label: "Of which units", trait: "scope", options: [["all", "all units"], ["unit", "the chosen unit alone"]] });
  const bars = ["as trained", "gate held"].map((name) => {
    const [bar, told] = [html("i", {}), html("span", { class: "gt-percent" })];
    return { bar, told, row: html("li", {}, html("span", {}, name), html("span", { class: "gt-bar" }, bar), told) };
  });
  const costs = html("div", {}, html("div", { class: "gt-name" }, "Bits per character (fewer is better)"), html("ul", { class: "gt-guesses gt-costs" }, ...bars.map(({ row }) => row)));
  page.panel.append(html("div", { class: "gt-settings" }, hold.element, scope.element, costs));
  return () => {
    const { held, surprises: now, trainedBits } = demo;
    const shown = held ? [trainedBits, bitsOf(now)] : [bitsOf(now), NaN];
    const most = Math.max(5, ...shown.filter(Number.isFinite));
    bars.forEach(({ bar, told }, k) => {
      bar.style.transform = `scaleX(${shown[k] / most || 0})`;
      told.textContent = Number.isFinite(shown[k]) ? number(shown[k]) : "–";
    });
  };
}

/** The sentences, and the goal. */
function words(demo) {
  const { page } = demo;
  let [wanted, record] = [page.get("wanted"), ""];
  return () => {
    const { text, state, run, at, wide, held } = demo;
    if (!text) { page.say("Type a sentence: it is read character by character."); return; }
    const say = [explain(text, at, run.steps[at], run.steps[at - 1], state.unit)];
    const feature = state.sort in FEATURES;
    if (feature) {
      const here = correlation(trace(run.steps, state.quantity, state.unit), FEATURES[state.sort].of(text));
      const far = follows(wide, state.sort, state.quantity)(state.unit);
      say.push(`Its ${NAMES[state.quantity].toLowerCase()} follows ${FEATURES[state.sort].says} with a correlation of ${number(here)} here, and ${number(far)} over ${wide.text.length} characters that the model never saw.`);
    }
    say.push(cost(bitsOf(demo.surprises), demo.trainedBits, held, demo.net.U));
    page.say(say.join(" "), { quiet: demo.upTo !== Infinity });
    if (!wide) { page.goal(page.get("goal_met")); return; }
    const r = follows(wide, "since_space", "cell")(state.unit);
    if (goalReached(r, wanted)) {
      record = `Unit ${state.unit} counts: its cell ${r < 0 ? "falls" : "rises"} with every letter since the last space, with a correlation of ${number(r)} over unseen text. Nobody told it to.`;
      page.goal(true, record);
    } else page.goal(page.get("goal_met"), page.get("goal_met") ? record : "");
  };
}

export default { render };
