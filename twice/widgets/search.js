/* search.js: a grid against random draws, with as many trials each, on a surface where one direction matters more than the other.
 * Above the line "The demo": pure functions, compared with NumPy in tests/test_search_demo.py.
 * A point is [x, y] in the unit square, a search is {best, grid, random}. The loss is how far a trial is from the best place, the
 * step across the direction that matters counted `importance` times: sqrt(a² + (importance b)²). */

export const RACES = 1000; // searches of each kind, each on a surface of its own
export const MOST = 8; // values of each parameter in the largest grid
export const FAIR = [0.48, 0.52]; // the goal: between these shares random wins
const PLACES = 1 + MOST * MOST; // of one search: the best place, and the random trials

// ---- Searches ----

/** side² trials in the middles of as many equal squares. */
export function gridOf(side) {
  return Array.from({ length: side * side }, (_, i) => [((i % side) + 0.5) / side, (Math.floor(i / side) + 0.5) / side]);
}

/** The search that is shown: its best place and its trials. */
export function drawSearch(seed, side) {
  const random = seeded(seed);
  const places = Array.from({ length: 1 + side * side }, () => [random.next(), random.next()]);
  return { best: places[0], grid: gridOf(side), random: places.slice(1) };
}

/** Unit vector of what matters, angle in degrees. */
export const direction = (angle) => [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
/** Where a point lies along the direction that matters; the middle of the square is at 0.5. */
export const along = ([x, y], angle) => { const [c, s] = direction(angle); return 0.5 + (x - 0.5) * c + (y - 0.5) * s; };

export function lossOf([x, y], [bx, by], importance, angle) {
  const [c, s] = direction(angle);
  const [a, b] = [(x - bx) * c + (y - by) * s, (y - by) * c - (x - bx) * s];
  return Math.sqrt(a * a + importance * importance * b * b);
}

/** How many different values of what matters these points have. */
export const valuesOf = (points, angle) => new Set(points.map((p) => Math.round(along(p, angle) * 1e6))).size;
export const lowest = (values) => values.reduce((k, v, i) => (v < values[k] ? i : k), 0);

/** All numbers of the races: for each the best place, then random trials, x and y in turn. */
export function drawRaces(count = RACES) {
  const random = seeded(7);
  return Float64Array.from({ length: count * PLACES * 2 }, random.next);
}

/** The best loss that grid and random draws find in each race, and the share of those that random wins. */
export function race(places, side, importance, angle) {
  const [c, s] = direction(angle);
  const [n, w, count] = [side * side, importance * importance, places.length / (2 * PLACES)];
  const cells = gridOf(side);
  const [grid, random] = [new Float64Array(count), new Float64Array(count)];
  const far = (x, y) => { const [a, b] = [x * c + y * s, y * c - x * s]; return a * a + w * b * b; };
  let wins = 0;
  for (let r = 0, at = 0; r < count; r++, at += 2 * PLACES) {
    const [bx, by] = [places[at], places[at + 1]];
    let [g, d] = [Infinity, Infinity];
    for (let i = 0; i < n; i++) g = Math.min(g, far(cells[i][0] - bx, cells[i][1] - by));
    for (let i = 1; i <= n; i++) d = Math.min(d, far(places[at + 2 * i] - bx, places[at + 2 * i + 1] - by));
    if (d < g) wins += 1;
    grid[r] = Math.sqrt(g);
    random[r] = Math.sqrt(d);
  }
  return { grid, random, share: wins / count };
}

/** How many values lie in each of `bins` equal parts of [0, top]; what is above counts in the last. */
export function histogram(values, top, bins) {
  const counts = new Array(bins).fill(0);
  for (const v of values) counts[Math.min(bins - 1, Math.floor((v / top) * bins))] += 1;
  return counts;
}

export const isFair = (share) => share >= FAIR[0] && share <= FAIR[1];

// ---- Words ----

const percent = (share) => `${(100 * share).toFixed(1)}%`;
/** What the numbers mean, in three sentences: this search, 1,000 of them, and why. */
export function reading({ side, importance, angle, found, values, share }) {
  const n = side * side;
  const winner = found.random < found.grid ? "random wins" : "the grid wins";
  const now = `This search: the grid's best loss is ${number(found.grid, 3)}, random's ${number(found.random, 3)}, so ${winner}.`;
  const many = `Of 1,000 searches like it, random wins ${percent(share)}.`;
  let why = "Both directions matter, and a grid covers the square more evenly than chance does.";
  if (isFair(share)) why = "A fair race: what the grid loses by repeating values, it wins back by covering the square evenly.";
  else if (share > FAIR[1]) why = `Of what matters most, the grid's ${n} trials try ${values.grid} values, the random ones ${values.random}: the grid repeats itself.`;
  else if (importance < 0.3 && values.grid > side) {
    why = `Turned, the grid's rows no longer hide behind each other: it tries ${values.grid} values of what matters, more evenly than chance.`;
  }
  return `${now} ${many} ${why}`;
}

// ---- The demo ----

const TRAITS = ["side", "importance", "angle", "seed", "show_surface"];
const BINS = 25;
const REACH = 0.46; // of the arrow, from the middle of the square

function render({ model, el }) {
  const page = createPage({ model, el, title: "Grid or random: who finds more with as many trials?" });
  const places = drawRaces();
  const demo = {};
  const spoken = html("p", { class: "sr-spoken", role: "status" });
  let waiting = 0;
  page.onDispose(() => clearTimeout(waiting));
  const parts = [square(page, demo), controls(page, demo), slope(page, demo), races(page, demo)];
  page.main.append(spoken);

  function compute() {
    for (const name of TRAITS) demo[name] = page.get(name);
    demo.search = drawSearch(demo.seed, demo.side);
    demo.losses = {};
    demo.values = {};
    demo.found = {};
    demo.first = {};
    for (const kind of ["grid", "random"]) {
      const points = demo.search[kind];
      demo.losses[kind] = points.map((p) => lossOf(p, demo.search.best, demo.importance, demo.angle));
      demo.values[kind] = valuesOf(points, demo.angle);
      demo.first[kind] = lowest(demo.losses[kind]);
      demo.found[kind] = demo.losses[kind][demo.first[kind]];
    }
    const raced = [demo.side, demo.importance, demo.angle].join();
    if (demo.raced !== raced) Object.assign(demo, { raced, races: race(places, demo.side, demo.importance, demo.angle) });
    demo.share = demo.races.share;
    for (const part of parts) part();
    const text = reading(demo);
    page.say(text, { quiet: true });
    clearTimeout(waiting);
    waiting = setTimeout(() => { spoken.textContent = text; }, 900);
    const met = isFair(demo.share);
    if (met) demo.met = `Random wins ${percent(demo.share)}: ${demo.side ** 2} trials, importance ${number(demo.importance, 2)}, ${number(demo.angle, 0)}°.`;
    const ever = met || page.get("goal_met");
    page.goal(ever, ever && demo.met ? `${met ? "" : "Met earlier: "}${demo.met}` : "");
  }
  demo.redraw = frame(page, compute);
  page.watch(`${TRAITS.join(" ")} goal_met`, demo.redraw);
  compute();
  return page.dispose;
}

const swatch = (kind) => svg("svg", { class: `sr-${kind}`, width: 16, height: 16, viewBox: "-8 -8 16 16", "aria-hidden": "true" }, svg("path", { class: "sr-mark", d: MARKS[kind](0, 0, 5.5) }));
const star = (x, y, r) => `M${Array.from({ length: 10 }, (_, i) => {
  const [size, turn] = [i % 2 ? 0.42 * r : r, (i * Math.PI) / 5];
  return `${(x + size * Math.sin(turn)).toFixed(2)} ${(y - size * Math.cos(turn)).toFixed(2)}`;
}).join("L")}Z`;
const ARROW = "M10 0L-8 8L-4 0L-8 -8Z";
const MARKS = {
  tip: () => ARROW,
  grid: (x, y, r) => `M${x - r} ${y - r}h${2 * r}v${2 * r}h${-2 * r}Z`,
  random: (x, y, r) => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`,
  lowest: (x, y, r) => star(x, y, 1.5 * r),
};
const path = (name, attributes = {}) => svg("path", { class: name, ...attributes });
const key = (...kinds) => html("div", { class: "sr-key" }, ...kinds.map(([kind, text]) => html("span", {}, swatch(kind), text)));

/** The unit square: trials, surface, and the arrow of what matters. */
function square(page, demo) {
  page.figure.append(key(["grid", "grid"], ["random", "random draws"], ["lowest", "lowest loss (hidden)"], ["tip", "what matters: drag it"]));
  const starText = page.figure.querySelector(".sr-key .sr-lowest").nextSibling;
  const plot = createPlot(page, { parent: page.figure, x: [0, 1], y: [0, 1], equal: true, label: "The trials of both searches",
    xLabel: "first hyperparameter", yLabel: "second hyperparameter", draw });
  const rings = Array.from({ length: 14 }, () => svg("ellipse", { class: "sr-ring" }));
  const surface = svg("g", {}, ...rings);
  const line = path("sr-line");
  const marks = { grid: path("sr-mark"), random: path("sr-mark") };
  const winners = { grid: path("sr-winner"), random: path("sr-winner") };
  const best = path("sr-mark");
  plot.back.append(surface, line);
  const tip = svg("g", { "aria-label": "What matters most" }, svg("circle", { class: "twice-ring", r: 15 }), svg("circle", { class: "sr-hit", r: 16 }), path("sr-tip", { d: ARROW }));
  plot.front.append(svg("g", { class: "sr-grid" }, marks.grid, winners.grid), svg("g", { class: "sr-random" }, marks.random, winners.random),
    svg("g", { class: "sr-lowest" }, best), tip);
  const end = () => { const [c, s] = direction(demo.angle); return [0.5 + REACH * c, 0.5 + REACH * s]; };
  dragHandle(page, plot, tip, { position: end, step: 0.01,
    onMove: ([x, y]) => {
      const angle = clamp((Math.atan2(y - 0.5, x - 0.5) * 180) / Math.PI, 0, 45);
      page.set({ angle: Math.round(10 * angle) / 10 }, false);
    },
    onEnd: () => page.set({}) });

  function draw() {
    const { search, angle, importance, show_surface: shown } = demo;
    if (!search) return;
    const { toX, toY, frame: f } = plot;
    const [c, s] = direction(angle);
    make(surface, { display: shown ? "inline" : "none",
      transform: `translate(${toX(search.best[0])} ${toY(search.best[1])}) rotate(${-angle})` }, []);
    rings.forEach((ring, i) => {
      const far = (rings.length - i) * 0.1;
      make(ring, { rx: far * f.width, ry: Math.min(far / Math.max(importance, 1e-9), 3) * f.width }, []);
    });
    make(line, { d: `M${toX(0.5 - c)} ${toY(0.5 - s)}L${toX(0.5 + c)} ${toY(0.5 + s)}` }, []);
    const r = clamp(34 / (demo.side + 2), 3.4, 6.5);
    for (const kind of ["grid", "random"]) {
      const at = search[kind].map(([x, y]) => [toX(x), toY(y)]);
      make(marks[kind], { d: at.map(([x, y]) => MARKS[kind](x, y, r)).join("") }, []);
      make(winners[kind], { d: MARKS[kind](...at[demo.first[kind]], r + 4) }, []);
    }
    make(best, { display: shown ? "inline" : "none", d: MARKS.lowest(toX(search.best[0]), toY(search.best[1]), 7.5) }, []);
    const [x, y] = end();
    make(tip, { transform: `translate(${toX(x)} ${toY(y)}) rotate(${-angle})`, "aria-label": `What matters most, turned by ${number(angle, 0)} degrees: drag, or press the arrow keys` }, []);
    make(plot.svg, { "aria-label": `${demo.side ** 2} trials each: the best of the grid at loss ${number(demo.found.grid, 3)}, of random draws at ${number(demo.found.random, 3)}` }, []);
  }
  return () => {
    const text = demo.show_surface ? "lowest loss" : "lowest loss (hidden)";
    if (starText.textContent !== text) starText.textContent = text;
    plot.redraw();
  };
}

function controls(page, demo) {
  const again = button({ label: "Search again", primary: true, title: "A new surface, new random draws",
    onClick: () => page.set({ seed: (demo.seed + 1) % 1e6 }) });
  const show = checkbox(page, { label: "Show the surface", trait: "show_surface", onInput: () => page.set({}) });
  page.actions.append(again.element, show.element);
  const save = (options) => { const one = slider(page, options); one.input.addEventListener("change", () => page.set({})); return one; };
  const table = html("table", { class: "sr-table" });
  page.panel.append(
    save({ label: "Trials", min: 2, max: MOST, step: 1, trait: "side", format: (v) => `${v * v} = ${v} × ${v}` }).element,
    save({ label: "Importance of the rest", min: 0, max: 1, step: 0.01, trait: "importance",
      hint: "Of the direction across the arrow: 0 is none, 1 as much as along it." }).element,
    save({ label: "Angle", min: 0, max: 45, step: 1, trait: "angle", format: (v) => `${number(v, v % 1 ? 1 : 0)}°`,
      hint: "At 0° what matters is the first hyperparameter; turned, it is a mix of both (the arrow)." }).element,
    table);
  return () => {
    const row = (name, kind, swatched) => html("tr", { class: `sr-${kind}` }, html("th", { scope: "row" }, swatched, name),
      html("td", {}, String(demo.values[kind])), html("td", {}, number(demo.found[kind], 3)));
    fill(table, html("tr", {}, html("td", {}), html("th", { scope: "col" }, "values of what matters"), html("th", { scope: "col" }, "best loss")),
      row("Grid", "grid", swatch("grid")), row("Random", "random", swatch("random")));
  };
}

function side(page, title, ...children) {
  const box = html("div", { class: "sr-side" }, html("div", { class: "sr-head" }, title), ...children);
  page.foot.append(box);
  return box;
}

/** Every trial's loss over its place along what matters, and below it the places as two rows of ticks. */
function slope(page, demo) {
  const note = html("small", { class: "twice-hint sr-note" });
  const box = side(page, "Seen along the direction that matters");
  const plot = createPlot(page, { parent: box, x: [0, 1], y: [-0.2, 1], label: "Losses along the direction that matters", xLabel: "place along the arrow",
    yLabel: "loss", aspect: 0.6, draw });
  box.append(note);
  const valley = path("sr-valley");
  const marks = { grid: path("sr-mark"), random: path("sr-mark") };
  const rug = { grid: path("sr-rug"), random: path("sr-rug") };
  plot.back.append(valley, ...["grid", "random"].map((kind) => svg("g", { class: `sr-${kind}` }, marks[kind], rug[kind])));
  let top = 1;
  function draw() {
    if (!demo.search) return;
    const { toX, toY } = plot;
    const middle = along(demo.search.best, demo.angle);
    const [left, right] = plot.x;
    make(valley, { display: demo.show_surface ? "inline" : "none",
      d: `M${toX(left)} ${toY(middle - left)}L${toX(middle)} ${toY(0)}L${toX(right)} ${toY(right - middle)}` }, []);
    const tall = toY(0) - toY(0.07 * top);
    for (const [kind, low] of [["grid", 0.1], ["random", 0.19]]) {
      const at = demo.search[kind].map((p) => toX(along(p, demo.angle)));
      make(marks[kind], { d: at.map((x, i) => MARKS[kind](x, toY(demo.losses[kind][i]), 3.6)).join("") }, []);
      make(rug[kind], { d: at.map((x) => `M${x} ${toY(-low * top)}v${-tall}`).join("") }, []);
    }
  }
  return () => {
    const [c, s] = direction(demo.angle);
    top = Math.ceil(5 * Math.max(...demo.losses.grid, ...demo.losses.random) + 1e-9) / 5;
    plot.setLimits([0.5 - (c + s) / 2, 0.5 + (c + s) / 2].map((v) => Number(v.toFixed(4))), [-0.21 * top, top]);
    note.textContent = `Ticks below: where the trials fall. Grid: ${demo.values.grid} different places of ${demo.side ** 2}; random: ${demo.values.random}.`
      + (demo.show_surface ? " The line: the loss where the other direction is at its best." : "");
    plot.redraw();
  };
}

/** The best losses of 1,000 searches, and who wins how often. */
function races(page, demo) {
  const [mine, theirs] = [html("span", { class: "sr-part sr-random" }), html("span", { class: "sr-part sr-grid" })];
  const bar = html("div", { class: "sr-bar", role: "img" }, mine, theirs);
  const words = html("div", { class: "sr-words" }, html("span", {}), html("span", {}));
  const box = side(page, "Who wins 1,000 searches", words, bar, html("div", { class: "sr-fair" }, html("i", {})));
  const plot = createPlot(page, { parent: box, x: [0, 1], y: [0, 200], label: "How often which best loss is found", xLabel: "best loss found", yLabel: "searches",
    aspect: 0.45, draw });
  box.append(html("small", { class: "twice-hint" }, "Each search has a surface of its own. Green: a fair race, 48% to 52%. The last bar also holds all larger losses."));
  const shapes = { random: path("sr-area"), grid: path("sr-area") };
  plot.back.append(...["random", "grid"].map((kind) => svg("g", { class: `sr-${kind}` }, shapes[kind])));
  let counts = {};
  function draw() {
    if (!counts.grid) return;
    const { toX, toY } = plot;
    const wide = plot.x[1] / BINS;
    for (const kind of ["grid", "random"]) {
      const steps = counts[kind].map((n, i) => `V${toY(n)}H${toX((i + 1) * wide)}`).join("");
      make(shapes[kind], { d: `M${toX(0)} ${toY(0)}${steps}V${toY(0)}Z` }, []);
    }
  }
  return () => {
    const x = 1 / demo.side;
    counts = Object.fromEntries(["grid", "random"].map((kind) => [kind, histogram(demo.races[kind], x, BINS)]));
    const most = Math.max(...counts.grid, ...counts.random);
    plot.setLimits([0, x], [0, [100, 150, 200, 300, 400, 600, 1000].find((v) => v >= most)]);
    mine.style.width = percent(demo.share);
    theirs.style.width = percent(1 - demo.share);
    words.firstChild.textContent = `Random wins ${percent(demo.share)}`;
    words.lastChild.textContent = `Grid wins ${percent(1 - demo.share)}`;
    make(bar, { "aria-label": `Random wins ${percent(demo.share)}, the grid ${percent(1 - demo.share)}` }, []);
    plot.redraw();
  };
}

export default { render };
