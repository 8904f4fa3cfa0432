/* freeze.js: how many layers to keep for a new task, and with how much data: a stored experiment, read as a surface.
 * Above the line "The demo": pure functions, compared with NumPy in tests/test_freeze_demo.py.
 * A surface is {counts, accuracy: {frozen, "fine-tuned"}, label, classes}; accuracy[way][kept][amount] has one number a seed.
 * A place is [target, way, kept, amount]; a claim is ["most" or "least", ...place]. Gains are in points: 100 times a share. */

export const WAYS = ["frozen", "fine-tuned"];

// ---- Numbers ----

export const mean = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;
export const spread = (values) => { const m = mean(values); return Math.sqrt(values.reduce((sum, v) => sum + (v - m) ** 2, 0) / (values.length - 1)); };
/** Is the mean over seeds larger than the spread over seeds? */
export const isClear = (values) => Math.abs(mean(values)) > spread(values);
const minus = (a, b) => a.map((v, s) => 100 * (v - b[s]));

/** Points won over nothing kept, seed by seed. */
export const gains = (surface, way, kept, amount) => minus(surface.accuracy[way][kept][amount], surface.accuracy[way][0][amount]);

/** Of one number of images: {best: the number of layers with the highest mean, equals: others within the spread of the difference}. */
export function bestOf(surface, way, amount) {
  const row = surface.accuracy[way].map((table) => table[amount]);
  const best = row.reduce((k, values, i) => (mean(values) > mean(row[k]) ? i : k), 0);
  return { best, equals: row.flatMap((values, k) => (k !== best && !isClear(minus(row[best], values)) ? [k] : [])) };
}

/** Where keeping layers gains most, or least: the place and the gains there; on one map, or on all. */
export function extreme(surfaces, claim, maps = Object.keys(surfaces).flatMap((target) => WAYS.map((way) => [target, way]))) {
  const sign = claim === "most" ? 1 : -1;
  let found = null;
  for (const [target, way] of maps) {
    surfaces[target].accuracy[way].forEach((table, kept) => table.forEach((_, amount) => {
      const values = gains(surfaces[target], way, kept, amount);
      if (kept && (!found || sign * mean(values) > sign * mean(found.values))) found = { place: [target, way, kept, amount], values };
    }));
  }
  return found;
}

/** Right is the extreme, and what is no farther from it than its own spread over seeds. */
export function judge(surfaces, [claim, target, way, kept, amount]) {
  const [all, map] = [extreme(surfaces, claim), extreme(surfaces, claim, [[target, way]])];
  const values = gains(surfaces[target], way, kept, amount);
  const near = (found) => Math.abs(mean(found.values) - mean(values)) <= spread(found.values);
  return { right: kept > 0 && near(all), values, best: all, first: map.place[2] === kept && map.place[3] === amount };
}

// ---- Colors ----

const CIVIDIS = ["#00224e", "#2a3f6d", "#575d6d", "#7d7c78", "#a59c74", "#d2c060", "#fee838"];
const LOSS_TO_GAIN = ["#b84a00", "#f09a5c", "#f7f2ea", "#7fb8e0", "#0b62a8"];
const channels = (color) => [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));

/** [background, ink] for a share from 0 to 1 of a scale: sequential, or from loss to gain. */
export function colorOf(share, scale = "accuracy") {
  const stops = scale === "gain" ? LOSS_TO_GAIN : CIVIDIS;
  const at = clamp(share, 0, 1) * (stops.length - 1);
  const k = Math.min(Math.floor(at), stops.length - 2);
  const [low, high] = [channels(stops[k]), channels(stops[k + 1])];
  const rgb = low.map((v, i) => Math.round(v + (at - k) * (high[i] - v)));
  const light = rgb.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  const luminance = 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2];
  return [`#${rgb.map((v) => v.toString(16).padStart(2, "0")).join("")}`, luminance > 0.179 ? "#000000" : "#ffffff"];
}

/** Limits of a plot around these percentages, on round numbers. */
export function around(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const rough = Math.max(high - low, 0.5) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const by = power * [1, 2, 5, 10].find((f) => f * power >= rough * 0.999);
  return [Math.floor(low / by - 0.2) * by, Math.ceil(high / by + 0.2) * by].map((v) => clamp(Number(v.toPrecision(9)), 0, 100));
}

// ---- Words ----

export const whole = (n) => n.toLocaleString("en-US");
const short = (n) => (n < 1000 ? String(n) : `${Number((n / 1000).toPrecision(2))}k`);
export const signed = (v, digits = 1) => (v > 0 && Number(v.toFixed(digits)) > 0 ? `+${v.toFixed(digits)}` : number(v, digits));
const pair = (values, sign = number) => `${sign(mean(values), 1)} ± ${number(spread(values), 1)}`;
const list = (words) => (words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`);
const upper = (text) => text[0].toUpperCase() + text.slice(1);
const layers = (k) => (k === 1 ? "the first layer" : `the first ${k} layers`);
const DONE = { frozen: "kept and frozen", "fine-tuned": "kept and fine-tuned" };
const title = (surface) => surface.label.replace(/ \(.*/, "");

/** What the chosen setting brings, in two or three sentences. */
export function reading(surface, way, kept, amount) {
  const [here, scratch] = [kept, 0].map((k) => surface.accuracy[way][k][amount].map((v) => 100 * v));
  const about = `${upper(title(surface))}, ${whole(surface.counts[amount])} images, `;
  if (!kept) return `${about}nothing kept: this is training from scratch, ${pair(here)}\u00a0% right. Keep some layers to compare.`;
  const won = gains(surface, way, kept, amount);
  const more = mean(won) >= 0;
  const often = won.filter((v) => (more ? v > 0 : v < 0)).length;
  const told = `${about}${layers(kept)} ${DONE[way]}: ${pair(here)}\u00a0% right. That is ${pair(won, signed)} points against training from scratch `
    + `(${number(mean(scratch), 1)}\u00a0%), ${more ? "more" : "less"} in ${often} of ${won.length} seeds. `;
  if (isClear(won)) return `${told}Larger than the spread: keeping ${kept === 1 ? "it" : "them"} ${more ? "helps" : "hurts"} here.`;
  return `${told}Within the spread: not a difference.`;
}

/** What the row of the map says: how many layers to keep with so many images. */
export function rowWords(surface, way, amount) {
  const { best, equals } = bestOf(surface, way, amount);
  const top = `Highest mean: ${best} kept (${number(100 * mean(surface.accuracy[way][best][amount]), 1)}\u00a0%). `;
  return top + (equals.length ? `Within the spread of it: ${list(equals)}.` : "It beats each of the others by more than the spread.");
}

/** What the column says: with how many images these layers help or hurt. */
export function columnWords(surface, way, kept) {
  if (!kept) return "Nothing is kept: this is the curve of training from scratch.";
  const where = (sign) => surface.counts.filter((_, n) => {
    const won = gains(surface, way, kept, n);
    return isClear(won) && sign * mean(won) > 0;
  }).map(whole);
  const [helps, hurts] = [where(1), where(-1)];
  const parts = [helps.length && `better than from scratch with ${list(helps)} images`, hurts.length && `worse with ${list(hurts)} images`].filter(Boolean);
  return parts.length ? `By more than the spread ${parts.join("; ")}.` : "With no number of images is the difference larger than the spread.";
}

const placeWords = (surfaces, [target, way, kept, amount]) =>
  `${title(surfaces[target])}, ${whole(surfaces[target].counts[amount])} images, ${kept} kept, ${way}`;

const WISH = { most: "Gains most", least: "Loses most" };
/** What is said of a claim. */
export function verdict(surfaces, claim) {
  const { right, values, best, first } = judge(surfaces, claim);
  const [kind, ...place] = claim;
  const amount = pair(values, signed);
  if (right) {
    const exact = String(best.place) === String(place);
    return `✓ ${WISH[kind]}: ${placeWords(surfaces, place)}: ${amount} points${exact ? "" : `, within the spread of the largest (${signed(mean(best.values))})`}.`;
  }
  const [wanted, other] = kind === "most" ? ["gain", "loss"] : ["loss", "gain"];
  const map = `${title(surfaces[place[0]])}, ${place[1]}`;
  const where = first ? `The largest ${wanted} on the map of ${map}; another map has a larger one` : `The map of ${map}, has a larger ${wanted}`;
  const turned = mean(values) * (kind === "most" ? 1 : -1) < 0 ? `: a ${other}` : "";
  return `✗ ${WISH[kind]}? ${upper(placeWords(surfaces, place))}: ${amount} points${turned}. ${where}.`;
}

/** {most, least: the place that was found or undefined, met, text: the banner's words once both are found}. */
export function standing(surfaces, tried) {
  const of = (kind) => tried.find((claim) => claim[0] === kind && judge(surfaces, claim).right)?.slice(1);
  const [most, least] = [of("most"), of("least")];
  if (!most || !least) return { most, least, met: false, text: "" };
  const point = ([target, ...rest]) => signed(mean(gains(surfaces[target], ...rest)));
  const told = `Most gained (${point(most)}): ${placeWords(surfaces, most)}. Most lost (${point(least)}): ${placeWords(surfaces, least)}.`;
  const same = [0, 2].every((i) => most[i] === least[i]) && most[1] !== least[1];
  return { most, least, met: true, text: `Both found with ${tried.length} claims. ${told}${same ? " The same layers, the same task: what differs is whether they may learn." : ""}` };
}

// ---- The demo ----

const TRAITS = ["target", "way", "kept", "amount", "show", "tried"];
const EXAMPLE = { digits: "7", letters: "a", shapes: "△" };

function render({ model, el }) {
  const page = createPage({ model, el, title: "How many layers to keep, with how much data?" });
  const demo = { surfaces: page.get("surfaces") };
  const spoken = html("p", { class: "fz-spoken", role: "status" });
  let waiting = 0;
  page.onDispose(() => clearTimeout(waiting));
  const first = Object.values(demo.surfaces)[0];
  demo.size = [first.accuracy.frozen.length, first.counts.length];
  const parts = [map(page, demo), controls(page, demo), curve(page, demo, "row"), curve(page, demo, "column")];
  page.main.append(spoken);
  function compute() {
    for (const name of TRAITS) demo[name] = page.get(name);
    demo.surface = demo.surfaces[demo.target];
    for (const part of parts) part();
    const text = reading(demo.surface, demo.way, demo.kept, demo.amount);
    page.say(text, { quiet: true });
    clearTimeout(waiting);
    waiting = setTimeout(() => { spoken.textContent = text; }, 900);
    const { met, text: told } = standing(demo.surfaces, demo.tried);
    page.goal(met, told);
  }
  demo.redraw = frame(page, compute);
  page.watch(TRAITS.join(" "), demo.redraw);
  compute();
  return page.dispose;
}

const put = (node, text) => { if (node.textContent !== text) node.textContent = text; };
const state = (demo, k) => (k > demo.kept ? "new" : demo.way);
const icon = (name) => svg("svg", { class: `fz-icon fz-${name}`, viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));
const ICONS = { // a lock, a pen, a die
  frozen: "M3 7.5h10v7H3Z M5 7.5V5a3 3 0 0 1 6 0v2.5",
  "fine-tuned": "M2.5 13.5l1-4 7-7 3 3-7 7Z M9 4l3 3",
  new: "M2.5 2.5h11v11h-11Z M5.5 5.5h.01 M10.5 5.5h.01 M8 8h.01 M5.5 10.5h.01 M10.5 10.5h.01",
};
const MEANS = { frozen: "kept, frozen", "fine-tuned": "kept, learns on", new: "drawn anew, learns" };

/** The network, and below it the map: its columns stand below the last layer that is kept. */
function map(page, demo) {
  const [rows, columns] = [demo.size[1], demo.size[0]];
  const block = (k) => html("button", { type: "button", class: "fz-block", onclick: () => page.set({ kept: k && k === demo.kept ? k - 1 : k }) },
    html("span", { class: "fz-number" }, k ? String(k) : ""), ...(k ? Object.keys(ICONS).map(icon) : []));
  const blocks = Array.from({ length: columns }, (_, k) => block(k));
  const head = html("div", { class: "fz-block fz-head-block", "data-state": "new", role: "img", "aria-label": "head: always drawn anew" }, html("span", { class: "fz-number" }, "head"), icon("new"));
  const network = html("div", { class: "fz-row", role: "group", "aria-label": "The network: choose the last layer to keep" },
    html("span", { class: "fz-label" }), ...blocks, head);
  const headers = html("div", { class: "fz-row", role: "row" }, html("span", { class: "fz-label", role: "columnheader" }, "images"),
    ...blocks.map((_, k) => html("span", { class: "fz-top", role: "columnheader" }, String(k))), html("span", { class: "fz-top fz-name", "aria-hidden": "true" }, "← kept"));
  const labels = Array.from({ length: rows }, () => html("span", { class: "fz-label", role: "rowheader" }));
  const choose = (kept, amount, focus) => {
    page.set({ kept: clamp(kept, 0, columns - 1), amount: clamp(amount, 0, rows - 1) });
    if (focus) cells[demo.focus = page.get("amount")][page.get("kept")].focus({ preventScroll: true });
  };
  const move = (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!way || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    choose(page.get("kept") + way[0], page.get("amount") + way[1], true);
  };
  const cells = labels.map((_, n) => Array.from({ length: columns }, (_, k) =>
    html("span", { class: "fz-cell", role: "gridcell", tabindex: -1, onclick: () => choose(k, n, true), onkeydown: move })));
  const [high, low, bar] = [html("span", {}), html("span", {}), html("i", {})];
  const scale = html("div", { class: "fz-scale", "aria-hidden": "true" }, high, bar, low);
  const grid = html("div", { class: "fz-cells", role: "grid", "aria-label": "The map" }, headers,
    ...cells.map((row, n) => html("div", { class: "fz-row", role: "row" }, labels[n], ...row, n ? null : scale)));
  const caption = html("div", { class: "fz-caption" });
  const key = html("div", { class: "fz-key" }, ...Object.entries(MEANS).map(([name, text]) => html("span", { "data-state": name }, html("i", {}, icon(name)), text)));
  page.figure.append(html("small", { class: "twice-hint" }, `A network that reads letters gets a new task. Keep its first layers: click a layer or a cell. (1–4: convolutions, 5: dense.)`),
    key, html("div", { class: "fz-map" }, network, grid), caption);

  return () => {
    const { surface, way, kept, amount, show } = demo;
    blocks.forEach((node, k) => {
      const what = k ? state(demo, k) : "image";
      make(node, { "data-state": what, "aria-pressed": String(k === kept), "aria-label": k ? `Layer ${k}: ${MEANS[what]}` : "The image: keep nothing",
        title: k ? (k === kept ? `Let go of layer ${k}` : `Keep ${layers(k)}`) : "Keep nothing" }, []);
    });
    put(blocks[0].firstChild, EXAMPLE[demo.target] ?? "x");
    const [gain, seeds] = [show === "gain", surface.accuracy[way][0][0].length];
    const all = Object.values(demo.surfaces).flatMap((s) => WAYS.flatMap((w) => s.accuracy[w].flatMap((table, k) => table.map((values, n) => (gain ? Math.abs(mean(gains(s, w, k, n))) : 100 * mean(values))))));
    const top = Math.max(...all);
    const bottom = gain ? -top : Math.min(...all);
    cells.forEach((row, n) => {
      put(labels[n], whole(surface.counts[n]));
      row.forEach((cell, k) => {
        const won = gains(surface, way, k, n);
        const value = gain ? mean(won) : 100 * mean(surface.accuracy[way][k][n]);
        const none = gain && !isClear(won); // no difference, no color
        const [back, ink] = none ? ["transparent", "inherit"] : colorOf((value - bottom) / (top - bottom || 1), show);
        cell.style.background = back;
        cell.style.color = ink;
        cell.classList.toggle("fz-none", none);
        put(cell, gain ? (k ? signed(value, Math.abs(value) >= 9.95 ? 0 : 1) : "0") : number(value, 1));
        const here = k === kept && n === amount;
        cell.classList.toggle("twice-handle", here);
        make(cell, { tabindex: here ? 0 : -1, "aria-selected": String(here),
          "aria-label": `${k} kept, ${whole(surface.counts[n])} images: ${gain ? `${signed(value)} points` : `${number(value, 1)} percent`}` }, []);
      });
    });
    put(high, gain ? signed(top, top < 9.95 ? 1 : 0) : number(top, 0));
    put(low, gain ? signed(bottom, top < 9.95 ? 1 : 0) : number(bottom, 0));
    bar.style.background = `linear-gradient(to top, ${(gain ? LOSS_TO_GAIN : CIVIDIS).join(", ")})`;
    put(caption, gain ? "Points won over nothing kept (column 0). Without color: within the spread." : `Test accuracy in %, mean of ${seeds} seeds, kept layers ${way}. Below, ± is the standard deviation over the seeds.`);
  };
}

function controls(page, demo) {
  const save = (make, options) => { const one = make(page, options); one.input.addEventListener("change", () => page.set({})); return one; };
  const target = save(select, { label: "New task", trait: "target", options: Object.entries(demo.surfaces).map(([name, { label }]) => [name, upper(label)]), hint: " " });
  const note = target.element.querySelector("small");
  const way = save(select, { label: "Kept layers", trait: "way", options: [["frozen", "Are frozen"], ["fine-tuned", "Learn on (fine-tuned)"]] });
  const kept = save(slider, { label: "Layers kept", min: 0, max: demo.size[0] - 1, step: 1, trait: "kept", format: (v) => `${v} of ${demo.size[0] - 1}` });
  const amount = save(slider, { label: "Training images", min: 0, max: demo.size[1] - 1, step: 1, trait: "amount",
    format: (v) => whole(demo.surfaces[page.get("target")].counts[v]) });
  const show = save(select, { label: "Numbers in the map", trait: "show", options: [["gain", "Gain over nothing kept"], ["accuracy", "Accuracy, in %"]] });
  const claim = (kind) => {
    const made = [kind, demo.target, demo.way, demo.kept, demo.amount];
    page.set({ tried: [...demo.tried.filter((old) => String(old) !== String(made)), made] });
  };
  const buttons = { most: button({ label: "Gains most", onClick: () => claim("most") }), least: button({ label: "Loses most", onClick: () => claim("least") }) };
  const told = html("p", { class: "fz-verdict", role: "status" });
  page.panel.append(target.element, way.element, kept.element, amount.element, show.element,
    html("div", { class: "fz-claims", role: "group", "aria-label": "Claim the chosen setting" }, html("div", { class: "fz-title" }, "Claim the chosen setting"), html("div", { class: "fz-pair" }, buttons.most.element, buttons.least.element), told));
  return () => {
    const { classes } = demo.surface;
    put(note, classes ? `${classes} classes; guessing: ${Math.round(100 / classes)}\u00a0% right.` : "");
    amount.shown();
    const found = standing(demo.surfaces, demo.tried);
    for (const [kind, one] of Object.entries(buttons)) {
      one.input.disabled = !demo.kept || Boolean(found[kind]);
      one.value = `${found[kind] ? "✓ " : ""}${WISH[kind]}`;
    }
    put(told, demo.tried.length ? verdict(demo.surfaces, demo.tried.at(-1)) : "Of all settings, does this one gain or lose most?");
    const now = [demo.target, demo.way, demo.kept, demo.amount];
    told.classList.toggle("fz-past", demo.tried.length > 0 && String(demo.tried.at(-1).slice(1)) !== String(now));
  };
}

/** Accuracies along the chosen row or column of the map: each seed, the means, from scratch dashed. */
function curve(page, demo, axis) {
  const row = axis === "row";
  const [heading, note] = [html("div", { class: "fz-heading" }), html("small", { class: "twice-hint fz-note" })];
  const box = html("div", { class: `fz-side fz-along-${axis}` }, heading);
  page.foot.append(box);
  const [low, high] = [-0.4, demo.size[0] - 0.6];
  const plot = createPlot(page, { parent: box, x: row ? [low, high] : [10, 100], y: [0, 100], xLog: !row, aspect: 0.62, label: `Accuracy along the ${axis}`,
    xLabel: row ? "layers kept" : "images to learn from", yLabel: "test accuracy, %", draw });
  box.append(html("div", { class: "fz-lines" }, ...["seed", "mean", "other", "scratch"].map((name) => html("span", {}, svg("svg", { class: `fz-swatch`, viewBox: "0 0 28 12", "aria-hidden": "true" },
    name === "seed" ? svg("circle", { class: "fz-seed", cx: 14, cy: 6, r: 4 }) : svg("path", { class: `fz-line fz-${name}`, d: "M1 6H27" })), html("span", {})))), note);
  const words = [...box.querySelectorAll(".fz-lines span span")];
  const band = svg("rect", { class: "fz-band" });
  const threads = svg("path", { class: "fz-thread" });
  const lines = Object.fromEntries(["other", "scratch", "mean"].map((name) => [name, svg("path", { class: `fz-line fz-${name}` })]));
  const dots = svg("g", {});
  plot.back.append(band, threads, ...Object.values(lines), dots);
  let [values, other, scratch, xs] = [[], [], [], []];
  function draw() {
    const { toX, toY, frame: f } = plot;
    if (!values.length) return;
    const at = xs[row ? demo.kept : demo.amount];
    make(band, { x: toX(at) - 13, y: f.top, width: 26, height: f.height }, []);
    const line = (means) => means.map((v, i) => `${i ? "L" : "M"}${toX(xs[i])} ${toY(v)}`).join("");
    const side = (s) => 12 * (s / (values[0].length - 1) - 0.5); // a seed keeps its side
    make(lines.mean, { d: line(values.map(mean)) }, []);
    make(lines.other, { d: line(other) }, []);
    make(lines.scratch, { d: line(scratch) }, []);
    make(threads, { d: values[0].map((_, s) => values.map((v, i) => `${i ? "L" : "M"}${toX(xs[i]) + side(s)} ${toY(v[s])}`).join("")).join("") }, []);
    const wanted = values.length * values[0].length;
    while (dots.childElementCount < wanted) dots.append(svg("circle", { class: "fz-seed", r: 3.4 }));
    values.forEach((v, i) => v.forEach((y, s) => make(dots.children[i * v.length + s], { cx: toX(xs[i]) + side(s), cy: toY(y) }, [])));
  }
  return () => {
    const { surface, way, kept, amount } = demo;
    const theirs = WAYS.find((name) => name !== way);
    const along = (w) => (row ? surface.accuracy[w].map((table) => table[amount]) : surface.accuracy[w][kept]).map((v) => v.map((x) => 100 * x));
    values = along(way);
    other = along(theirs).map(mean);
    scratch = row ? values.map(() => mean(values[0])) : surface.accuracy[way][0].map((v) => 100 * mean(v));
    xs = row ? values.map((_, k) => k) : surface.counts;
    box.dataset.way = way;
    plot.xTicks = xs.map((x) => [x, row ? String(x) : short(x)]);
    plot.setLimits(row ? [low, high] : [xs[0] / 1.25, xs.at(-1) * 1.25], around([...values.flat(), ...other, ...scratch]));
    put(heading, row ? `With ${whole(surface.counts[amount])} images` : kept ? `With ${layers(kept)} kept` : "With nothing kept");
    [`one seed (of ${values[0].length})`, `mean, ${way}`, `mean, ${theirs}`, "from scratch"].forEach((text, i) => put(words[i], text));
    put(note, row ? rowWords(surface, way, amount) : columnWords(surface, way, kept));
    make(plot.svg, { "aria-label": `Accuracy along the ${axis}: ${values.map((v, i) => `${xs[i]}: ${number(mean(v), 1)}`).join(", ")}` }, []);
    plot.redraw();
  };
}

export default { render };
