/* sampling.js: a character model writes; the reader sets the temperature and throws the dice.
 * Above the line "The demo": pure functions, tested in tests/test_sampling_demo.py. Below it: what is drawn. */

// ---- Counts: what a bigram and a trigram know ----

/** The trait `counts` -> the counts of all strings of three, two and one characters in the training text. */
export function readCounts(packed, V) {
  const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
  const [three, pairs, two, one] = [new Map(), new Map(), new Float64Array(V * V), new Float64Array(V)];
  const ones = new Float64Array(V); // how often a character stands before another
  let [at, key, total] = [0, 0, 0];
  const next = () => { // seven bits a byte, the lowest first
    let [value, by] = [0, 1];
    for (;; by *= 128) { const byte = bytes[at++]; value += (byte & 127) * by; if (byte < 128) return value; }
  };
  const first = [next(), next()]; // in no triple's end
  two[first[0] * V + first[1]] = 1;
  for (const c of first) one[c] += 1;
  ones[first[0]] = 1;
  total = 2;
  while (at < bytes.length) {
    key += next();
    const [count, bc, ab, c] = [next(), key % (V * V), Math.floor(key / V), key % V];
    three.set(key, count);
    pairs.set(ab, (pairs.get(ab) ?? 0) + count);
    two[bc] += count;
    ones[Math.floor(bc / V)] += count;
    one[c] += count;
    total += count;
  }
  return { V, three, pairs, two, ones, one, total };
}

const STRENGTH = 5; // so many imagined characters from the shorter context, as in twice.scratch.language.NGram

/** p(next) after the codes a, b (0: none) by a bigram (n = 2: b alone) or a trigram (n = 3). */
export function countedProbabilities({ V, three, pairs, two, ones, one, total }, n, a, b) {
  let p = one.map((count) => (count + STRENGTH / V) / (total + STRENGTH));
  if (b && ones[b]) p = p.map((lower, c) => (two[b * V + c] + STRENGTH * lower) / (ones[b] + STRENGTH));
  const seen = n > 2 && a && b && pairs.get(a * V + b);
  return seen ? p.map((lower, c) => ((three.get((a * V + b) * V + c) ?? 0) + STRENGTH * lower) / (seen + STRENGTH)) : p;
}

// ---- Writing ----

export const MODELS = { lstm: "LSTM", trigram: "Trigram", bigram: "Bigram" };

/** The scores of every character after `t` characters of a text, the padding's -Infinity; `steps`: the LSTM's reading. */
export function nextScores(net, counts, model, text, t, steps) {
  const code = (k) => (k < 0 ? 0 : net.codes.get(text[k]));
  const z = model !== "lstm" ? countedProbabilities(counts, model === "trigram" ? 3 : 2, code(t - 2), code(t - 1)).map(Math.log)
    : t ? scores(net, steps[t - 1]) : Float64Array.from(net.denseBias);
  z[0] = -Infinity; // padding is never written
  return z;
}

/** The code that the number u in [0, 1) falls on. */
export function pick(p, u) {
  let sum = 0;
  let last = 0;
  for (let code = 0; code < p.length; code++) {
    if (!p[code]) continue;
    sum += p[code];
    last = code;
    if (u < sum) return code;
  }
  return last;
}

/** The prompt and `length` characters more; the k-th is drawn with the k-th number of the stream `seeded(seed)`. What an
 * earlier result shares with it is not computed again. Each character's scores are kept: {text, start, scores, steps}. */
export function write(net, counts, { prompt, length, model, temperature, greedy, seed }, known) {
  const { next } = seeded(seed);
  const same = known && known.model === model ? known : null;
  let [text, steps, all, fresh] = ["", [], [], !same];
  for (let t = 0; t < prompt.length + length; t++) {
    all.push(fresh ? nextScores(net, counts, model, text, t, steps) : same.scores[t]);
    const c = t < prompt.length ? prompt[t] : net.characters[pick(softmax(all[t], greedy ? 0 : temperature), next())];
    text += c;
    if (!fresh && (same.text[t] !== c || t + 1 >= same.scores.length)) fresh = true;
    if (model === "lstm") steps.push(!fresh ? same.steps[t] : step(net, net.codes.get(c), steps[t - 1]));
  }
  return { model, text, start: prompt.length, scores: all, steps };
}

/** -log2 p of each character of the text, at temperature 1. */
export const surprise = (net, { text, scores: all }) => [...text].map((c, t) => -Math.log2(softmax(all[t])[net.codes.get(c)]));

// ---- Words ----

/** The word list: sorted words, each as A + how many letters it shares with the one before, and the rest. */
export function readWords(packed) {
  const words = new Set();
  let word = "";
  for (const [, shared, rest] of packed.matchAll(/([A-Z])([^A-Z]*)/g)) words.add((word = word.slice(0, shared.charCodeAt(0) - 65) + rest));
  return words;
}

/** The words that end in what was written, complete ones only: [{from, to, known}, ...]. */
export function wordsOf(text, start, list) {
  return [...text.matchAll(/[A-Za-z]+(?:'[a-z]+)?/g)].map((m) => ({ from: m.index, to: m.index + m[0].length, known: list.has(m[0].toLowerCase()) }))
    .filter(({ to }) => to > start && to < text.length);
}

/** The length of the block that the text's end repeats at least twice more, if it is one of 4 to 60 characters; else 0. */
export function loop(text) {
  for (let n = 4; n <= 60 && 3 * n <= text.length; n++) {
    const end = text.slice(-n);
    if (end === text.slice(-2 * n, -n) && end === text.slice(-3 * n, -2 * n)) return n;
  }
  return 0;
}

/** The entropy in bits. */
export const entropy = (p) => p.reduce((sum, v) => (v > 0 ? sum - v * Math.log2(v) : sum), 0);

/** What a text lacks for the goal, which is: the LSTM, not colder than `coldest`, at least 100 characters, and every word in the list. */
export function lacking({ model, temperature, greedy, length }, words, coldest) {
  const unknown = words.filter(({ known }) => !known).length;
  if (model !== "lstm") return `the ${MODELS[model].toLowerCase()} wrote it`;
  if (greedy) return "greedy does not count, no dice were thrown";
  if (temperature < coldest - 1e-9) return `the temperature is below ${number(coldest, 1)}`;
  if (length < 100) return `${length} characters are too few`;
  if (words.length < 8) return `${words.length} words are too few`;
  return unknown ? `${unknown} ${unknown > 1 ? "words do" : "word does"} not stand in the book` : "";
}

/** Whether nothing is lacking. */
export const goalReached = (...text) => !lacking(...text);

const settingName = ({ temperature, greedy }) => (greedy ? "always the likeliest" : `temperature ${number(temperature)}`);

/** What the text is like. */
export function explain(state, text, start, bits, words) {
  const written = text.slice(start);
  const right = words.filter(({ known }) => known).length;
  const block = loop(written);
  const mean = bits.slice(start).reduce((a, b) => a + b, 0) / Math.max(1, written.length);
  const say = [`${MODELS[state.model]}, ${settingName(state)}: ${right} of ${words.length} words stand in the book. To the model, its own text has ${number(mean)} bits per character.`];
  if (block) say.push(`It loops: “${written.slice(-block).replaceAll("\n", "↵")}”, again and again.`);
  else if (state.greedy) say.push("The likeliest character at every step is not the likeliest text.");
  else if (state.temperature < 0.45) say.push("A low temperature plays safe: it says what is common, over and over.");
  else if (state.temperature > 1.3) say.push("A high temperature flattens the distribution: unlikely letters get their chance, and words fall apart.");
  else if (state.model !== "lstm") say.push(`It sees only the last ${state.model === "trigram" ? "two characters" : "character"}: right-looking pieces, few words.`);
  return say.join(" ");
}

// ==== The demo ==========================================================================================

const SETTINGS = "prompt model temperature greedy length seed at".split(" ");

function render({ model, el }) {
  const page = createPage({ model, el, title: "A character model writes" });
  const net = readModel(page.get("packed"), page.get("sizes"), page.get("vocabulary"));
  const demo = { page, net, counts: readCounts(page.get("counts"), net.V), list: readWords(page.get("words_seen")), upTo: Infinity, unseenBits: null };
  const parts = [paper, chart, settings, words, others].map((part) => part(demo));
  const compute = () => {
    const state = Object.fromEntries(SETTINGS.map((name) => [name, page.get(name)]));
    state.prompt = knownText(net, state.prompt).text;
    const run = write(net, demo.counts, state, demo.run);
    Object.assign(demo, { state, run, at: clamp(state.at < 0 ? run.text.length - 1 : state.at, 0, run.text.length - 1) });
    if (demo.upTo !== Infinity) demo.at = Math.min(run.text.length - 1, run.start + demo.upTo);
    demo.bits = surprise(net, run);
    demo.found = wordsOf(run.text, run.start, demo.list);
    for (const part of parts) part();
  };
  demo.redraw = frame(page, compute);
  page.watch(`${SETTINGS.join(" ")} goal_met`, demo.redraw);
  page.themed.add(demo.redraw);
  compute();
  const later = setTimeout(() => { demo.listen(); demo.redraw(); }, 200);
  page.onDispose(() => clearTimeout(later));
  return page.dispose;
}

/** The prompt, the text, and what starts it. */
function paper(demo) {
  const { page, net } = demo;
  const input = html("input", { type: "text", maxlength: 80, spellcheck: "false", autocomplete: "off", class: "sp-prompt", id: `twice-input-${nextId()}` });
  const note = html("small", { class: "twice-hint", role: "status" });
  const text = html("div", { class: "sp-text twice-handle", tabindex: 0, role: "slider", "aria-valuemin": 0, "aria-label": "The character looked at" });
  const key = html("div", { class: "sp-key twice-hint" }, html("span", {}, html("i", { class: "sp-sure" }), "expected"), html("span", {}, html("i", { class: "sp-odd" }), "surprising"),
    html("span", { class: "sp-new" }, "no word of the book"));
  page.figure.append(html("div", { class: "twice-control" }, html("label", { for: input.id }, "It goes on from here: change it"), input), note, text, key);
  input.addEventListener("input", () => {
    const { text: known, strange } = knownText(net, input.value);
    note.textContent = strange.length ? `The model has no number for ${strange.map(named).join(", ")}: left out.` : "";
    demo.stop();
    page.set({ prompt: known, at: -1 });
  });
  let clock = 0;
  const loop = animation(page, (seconds) => {
    clock += seconds * 18;
    demo.upTo = Math.floor(clock);
    if (demo.upTo >= demo.state.length) { demo.stop(); return false; }
    demo.redraw();
    return true;
  });
  demo.stop = () => { if (demo.upTo === Infinity) return; demo.upTo = Infinity; loop.stop(); demo.redraw(); };
  const start = button({ label: "▶ Write", primary: true, title: "Throw new dice and write, character by character", onClick: () => {
    if (loop.running) { demo.stop(); return; }
    page.set({ seed: (page.get("seed") + 1) % 100000, at: -1 });
    if (page.calm()) { demo.stop(); return; }
    clock = 0;
    demo.upTo = 0;
    loop.start();
    demo.redraw();
  } });
  const dice = button({ label: "New dice", title: "The same settings, other random numbers", onClick: () => { demo.stop(); page.set({ seed: (page.get("seed") + 1) % 100000 }); } });
  page.actions.append(start.element, dice.element);
  const look = (at) => { demo.stop(); page.set({ at: clamp(at, 0, demo.run.text.length - 1) }); };
  let held = false;
  const under = (event) => document.elementFromPoint(event.clientX, event.clientY)?.closest(".sp-text > span");
  text.addEventListener("pointerdown", (event) => { held = !event.button; const node = under(event); if (held && node) look(Number(node.dataset.t)); });
  text.addEventListener("pointermove", (event) => { const node = held && under(event); if (node && text.contains(node)) look(Number(node.dataset.t)); });
  page.listen(window, "pointerup", () => (held = false));
  page.listen(window, "pointercancel", () => (held = false));
  text.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, Home: -1e6, End: 1e6 }[event.key];
    if (!by || event.altKey || event.ctrlKey || event.metaKey) return;
    look(demo.at + by);
    event.preventDefault();
  });
  let spans = [];
  return () => {
    const { run, bits, found, at, upTo, state } = demo;
    if (!input.matches(":focus") || knownText(net, input.value).text !== state.prompt) input.value = state.prompt;
    const length = run.start + Math.min(run.text.length - run.start, upTo === Infinity ? Infinity : upTo + 1);
    while (spans.length < length) { const node = html("span", { "data-t": spans.length }); spans.push(node); text.append(node); }
    for (const node of spans.splice(length)) node.remove();
    const odd = new Uint8Array(run.text.length);
    for (const { from, to, known } of found) if (!known && to < length) odd.fill(1, from, to);
    for (let t = 0; t < length; t++) {
      const [node, c] = [spans[t], run.text[t]];
      const shown = c === "\n" ? "↵\n" : c;
      if (node.textContent !== shown) node.textContent = shown;
      const name = `${t < run.start ? "sp-given" : ""}${odd[t] ? " sp-new" : ""}${t === at ? " sp-at" : ""}`;
      if (node.className !== name) node.className = name;
      const level = t < run.start ? 0 : Math.round(10 * clamp(bits[t] / 7, 0, 1));
      if (node.dataset.odd !== String(level)) node.dataset.odd = level;
    }
    start.value = loop.running ? "■ Stop" : "▶ Write";
    make(text, { "aria-valuemax": run.text.length - 1, "aria-valuenow": at, "aria-valuetext": `${named(run.text[at])}, character ${at + 1} of ${run.text.length}, probability ${percent(2 ** -bits[at])}` }, []);
  };
}

/** The distribution that a character was drawn from, before and after the temperature. */
function chart(demo) {
  const { page, net } = demo;
  const [name, told] = [html("div", { class: "sp-name" }), html("p", { class: "twice-hint" })];
  const rows = Array.from({ length: 10 }, () => {
    const [letter, before, after, share] = [html("b", {}), html("i", { class: "sp-before" }), html("i", { class: "sp-after" }), html("span", { class: "sp-percent" })];
    return { letter, before, after, share, row: html("li", {}, letter, html("span", { class: "sp-bars" }, before, after), share) };
  });
  const key = html("div", { class: "sp-key twice-hint" }, html("span", {}, html("i", { class: "sp-before" }), "temperature 1"), html("span", {}, html("i", { class: "sp-after" }), "as it is drawn"));
  page.panel.append(html("div", { class: "sp-chart" }, name, html("ol", { class: "sp-rows" }, ...rows.map(({ row }) => row)), key, told));
  return () => {
    const { run, at, state } = demo;
    const z = run.scores[at];
    const [p, q] = [softmax(z), softmax(z, state.greedy ? 0 : state.temperature)];
    const code = net.codes.get(run.text[at]);
    const best = likeliest(p, 10);
    if (!best.some(([v]) => v === code)) best[9] = [code, p[code]];
    const before = run.text.slice(Math.max(0, at - 14), at).replaceAll("\n", "↵");
    name.textContent = at ? `After “${at > 14 ? "…" : ""}${before}”` : "At the beginning";
    best.forEach(([v, share], k) => {
      const row = rows[k];
      row.letter.textContent = visible(net.characters[v]);
      row.before.style.transform = `scaleX(${share})`;
      row.after.style.transform = `scaleX(${q[v]})`;
      row.share.textContent = percent(q[v]);
      row.row.classList.toggle("sp-true", v === code);
    });
    const [h, cooled] = [entropy(p), entropy(q)];
    told.textContent = `${at < run.start ? "Given" : "Drawn"}: ${named(run.text[at])}. Entropy ${number(h)} bits, ${number(cooled)} as drawn: as hard to guess as one of ${number(2 ** cooled, 1)} equally likely characters.`;
  };
}

/** Temperature, model, length. */
function settings(demo) {
  const { page, net } = demo;
  const temperature = slider(page, { label: "Temperature", min: 0.1, max: 2, step: 0.05, trait: "temperature", format: (v) => number(v) });
  const greedy = checkbox(page, { label: "Greedy: always the likeliest", trait: "greedy" });
  const length = slider(page, { label: "Characters to write", min: 20, max: 240, step: 10, trait: "length", format: String });
  const family = `twice-models-${nextId()}`;
  const radios = Object.entries(MODELS).map(([value, text]) => {
    const input = html("input", { type: "radio", name: family, value, oninput: () => page.set({ model: value }) });
    return { input, note: html("small", {}), node: null, text };
  });
  const note = html("small", { class: "twice-hint" });
  const hints = { lstm: "all that came before", trigram: "the last two", bigram: "the last one" };
  const group = html("fieldset", { class: "sp-models" }, html("legend", {}, "Who writes, and what it looks at"),
    ...radios.map(({ input, note: small, text }) => html("label", {}, input, html("span", {}, text), small)), note);
  page.panel.prepend(html("div", { class: "sp-settings" }, temperature.element, greedy.element, length.element, group));
  demo.listen = () => {
    const { text } = knownText(net, page.get("unseen"));
    if (text.length < 2) return;
    demo.unseenBits = Object.fromEntries(Object.keys(MODELS).map((model) => {
      const run = write(net, demo.counts, { prompt: text, length: 0, model, temperature: 1, seed: 0 });
      return [model, bitsOf(surprise(net, run).map((bits, t) => (t ? bits : 0)))];
    }));
    demo.unseenLength = text.length;
  };
  return () => {
    const { state, unseenBits } = demo;
    for (const { input, note: small } of radios) {
      input.checked = input.value === state.model;
      const words = hints[input.value] + (unseenBits ? `: ${number(unseenBits[input.value])} bits` : "");
      if (small.textContent !== words) small.textContent = words;
    }
    temperature.input.disabled = state.greedy;
    note.textContent = unseenBits ? `Bits per character over ${demo.unseenLength} characters that none of them saw: fewer is better.` : "";
  };
}

/** The sentences, and the goal. */
function words(demo) {
  const { page } = demo;
  let record = "It was met before. ";
  let [tried, setting] = [new Map(), ""]; // text -> is it one for the goal? Of one temperature, prompt and length
  return () => {
    const { state, run, bits, found, upTo } = demo;
    const met = page.get("goal_met");
    if (upTo !== Infinity) { page.goal(met, met ? `${record}The next text is being written.` : ""); return; }
    const lacks = lacking(state, found, page.get("coldest"));
    const written = run.text.slice(run.start).replaceAll("\n", " ").trim();
    const now = [state.model, state.greedy, state.temperature, state.prompt, state.length].join("|");
    if (setting !== now) [tried, setting] = [new Map(), now];
    tried.set(run.text, found.every(({ known }) => known));
    const good = [...tried.values()].filter(Boolean).length;
    const count = tried.size > 1 ? ` Of the ${tried.size} texts thrown at these settings, ${good || "none"} ${good === 1 ? "has" : "have"} only words of the book.` : "";
    page.say(explain(state, run.text, run.start, bits, found) + count);
    if (!lacks) {
      record = `Met at temperature ${number(state.temperature)} by “${written.slice(0, 28).trim()} …”: all ${found.length} words stand in the book, and the model never saw a word, only letters. `;
      page.goal(true, `${record}It is the text below.`);
    } else page.goal(met, met ? `${record}The text below does not meet it: ${lacks}.` : "");
  };
}

/** What the other two write with the same dice; a moment later, so that the slider stays light. */
function others(demo) {
  const { page, net } = demo;
  const boxes = [0, 1].map(() => { const [name, text] = [html("div", { class: "sp-name" }), html("p", { class: "sp-small" })]; return { name, text, node: html("div", {}, name, text) }; });
  page.main.append(html("div", { class: "sp-others" }, ...boxes.map(({ node }) => node)));
  let [wait, shown, made] = [0, "", []];
  page.onDispose(() => clearTimeout(wait));
  const tell = () => {
    const { state } = demo;
    made = Object.keys(MODELS).filter((name) => name !== state.model).map((name) => write(net, demo.counts, { ...state, model: name }, made.find((run) => run.model === name)));
    made.forEach((run, k) => {
      const found = wordsOf(run.text, run.start, demo.list);
      boxes[k].name.textContent = `${MODELS[run.model]}, same settings and dice: ${found.filter(({ known }) => known).length} of ${found.length} words`;
      let at = 0;
      const pieces = found.filter(({ known }) => !known).flatMap(({ from, to }) => { const piece = [run.text.slice(at, from), html("span", { class: "sp-new" }, run.text.slice(from, to))]; at = to; return piece; });
      fill(boxes[k].text, ...pieces, run.text.slice(at));
    });
  };
  return () => {
    const key = JSON.stringify({ ...demo.state, at: 0 });
    if (key === shown) return;
    if (!shown) tell();
    shown = key;
    clearTimeout(wait);
    wait = setTimeout(tell, 120);
  };
}

export default { render };
