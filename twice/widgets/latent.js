/* latent.js: the plane of a variational autoencoder with two latent numbers. Drag over it and the stored decoder draws; draw, and
 * the encoder finds the code. Above the line "The demo": pure functions, compared with NumPy in tests/test_latent_demo.py.
 * drawing.js stands before this file: ink, prepare, shrink, dense layers, the pad. */

export const PAIR = [3, 9]; // the goal: the place where the one turns into the other
export const ENOUGH = 0.3; // of the classifier's probability, for each of the two
export const FRAMES = 9; // along the line
export const RINGS = [1.515, 2.448]; // deviations within which 68 % and 95 % of a Gaussian's draws in the plane fall
const PLACES = Array.from({ length: FRAMES }, (_, i) => i / (FRAMES - 1));
export const BRUSH = 4; // so that a drawing has as much ink as the digits that the network learned

// ---- The three networks: dense layers with ReLU between ----

/** The traits packed and sizes -> {encoder, decoder, classifier, side}, each net a list [kernel, bias, ...]. */
export function readModel(packed, sizes) {
  const shapes = sizes.map((net) => net.slice(1).flatMap((m, i) => [[net[i], m], [m]]));
  const arrays = readArrays(packed, shapes.flat());
  const [encoder, decoder, classifier] = shapes.map((net) => arrays.splice(0, net.length));
  return { encoder, decoder, classifier, side: Math.round(Math.sqrt(sizes[0][0])) };
}

/** Dense layers with ReLU between them, nothing behind the last. */
export function through(net, x) {
  for (let k = 0; k < net.length; k += 2) {
    x = dense(x, net[k], net[k + 1]);
    if (k + 2 < net.length) x = relu(x);
  }
  return x;
}

/** A picture's code: the mean and the standard deviation along each axis. */
export function encode(model, x) {
  const [m1, m2, v1, v2] = through(model.encoder, x);
  return { mean: [m1, m2], deviation: [Math.exp(v1 / 2), Math.exp(v2 / 2)] };
}

/** The picture of a code: each pixel the probability of ink. */
export const decode = (model, z) => through(model.decoder, z).map((v) => 1 / (1 + Math.exp(-v)));
/** The classifier's ten probabilities. */
export const classify = (model, picture) => softmax(through(model.classifier, picture));

/** Strokes as the encoder gets them, side x side. */
export function seen(strokes, side) {
  const image = prepare(ink(strokes));
  return side === SIDE ? image : shrink(image, side);
}

// ---- The plane ----

/** Pairs [x, y] from the base64 text of 16-bit floats. */
export function readCodes(text, count) {
  const [flat] = readArrays(text, [[count, 2]]);
  return Array.from({ length: count }, (_, i) => [flat[2 * i], flat[2 * i + 1]]);
}
const away = ([a, b], [c, d]) => Math.hypot(a - c, b - d);
/** The one of these codes whose distances to all others have the smallest sum. */
export function medoid(codes) {
  const sums = codes.map((one) => codes.reduce((sum, other) => sum + away(one, other), 0));
  return codes[sums.reduce((k, v, i) => (v < sums[k] ? i : k), 0)];
}
/** {digit: the code in the middle of those of this digit}. */
export const medoids = (codes, labels) => Object.fromEntries([...new Set(labels)].sort().map((digit) =>
  [digit, medoid(codes.filter((_, i) => labels[i] === digit))]));
/** Half the width of the plane: all codes are on it, and three standard deviations of the prior. */
export const reachOf = (codes) => Math.max(3, Math.ceil(2 * codes.flat().reduce((most, v) => Math.max(most, Math.abs(v)), 0)) / 2);
/** The point at t of the line from a (0) to b (1). */
export const onLine = (a, b, t) => a.map((v, axis) => v + t * (b[axis] - v));
/** The share of draws from the prior that lie as far from the middle as z, or farther. */
export const rarity = ([x, y]) => Math.exp(-(x * x + y * y) / 2);
/** The nth draw from the prior. */
export function fromPrior(n) { const random = seeded(n); return [random.normal(), random.normal()]; }

/** Where the words "your digit" stand: beside, above or below the code at a, whichever of these is farthest from the line's end b. */
export function wordPlace([x, y], [u, v], { left, top, width, height }, tall = 0) {
  const [half, gap] = [38, 20 + Math.max(tall, 8)];
  const level = clamp(y + 4.5, top + 14, top + height - 4);
  const places = [[x + half + 20, level], [x - half - 20, level], [x, y - gap + 6], [x, y + gap + 4]].map(([a, b]) => ({ x: a, y: b }));
  const room = places.filter((p) => p.x - half >= left && p.x + half <= left + width && p.y >= top + 14 && p.y <= top + height - 4);
  const free = (p) => Math.hypot(Math.max(0, Math.abs(p.x - u) - half), p.y - 4.5 - v);
  return (room.length ? room : places).reduce((best, p) => (free(p) > free(best) + 1e-9 ? p : best));
}

/** The pictures in the middles of n x n squares of the plane, one image of (n side) x (n side) pixels. */
export function mapOf(model, n, reach) {
  const { side } = model;
  const image = new Float64Array(n * n * side * side);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const picture = decode(model, [((2 * j + 1) / n - 1) * reach, (1 - (2 * i + 1) / n) * reach]);
      for (let r = 0; r < side; r++) image.set(picture.subarray(r * side, (r + 1) * side), (i * side + r) * n * side + j * side);
    }
  }
  return image;
}

// ---- Goal and words ----

export const goalReached = (p) => PAIR.every((digit) => p[digit] >= ENOUGH);

const share = (p) => `${(100 * p).toFixed(0)} %`;
export const placeText = ([x, y]) => `(${number(x)}, ${number(y)})`;
/** What the numbers mean now: the point, then the drawing. */
export function reading({ z, p, drawn }) {
  const [first, second] = ranking(p);
  const far = rarity(z);
  let text = `At ${placeText(z)} the decoder's picture is read as ${aDigit(first)} (${percent(p[first])})`;
  text += p[first] >= 0.8 ? "." : ` or ${aDigit(second)} (${percent(p[second])}): no clear digit.`;
  if (far < 0.05) text += ` Only ${far < 0.001 ? "one in thousands" : `${(100 * far).toFixed(1)} %`} of the prior's draws fall this far out.`;
  text = text.replaceAll(" %", "\u00a0%");
  if (!drawn) return `${text}\nDraw a digit or take one from below: the encoder gives it a place on the plane.`;
  const { mean, deviation, was, back } = drawn;
  const code = `${number(mean[0])} ± ${number(deviation[0])}, ${number(mean[1])} ± ${number(deviation[1])}`.replaceAll(" ± ", "\u00a0±\u00a0");
  const fate = `Read as ${aDigit(was)}, it comes back as ${aDigit(back)}${was === back ? "." : ": two numbers did not hold it."}`;
  return `${text}\nYour digit's code, with standard deviations: ${code}. ${fate}`;
}

// ---- The demo ----

const DRAWN = ["strokes", "example"];

function render({ model: traits, el }) {
  const page = createPage({ model: traits, el, title: "A plane of digits: the two numbers of a variational autoencoder" });
  const demo = { page };
  const learn = () => {
    demo.model = readModel(page.get("packed"), page.get("sizes"));
    demo.labels = [...page.get("labels")].map(Number);
    demo.codes = readCodes(page.get("codes_packed"), demo.labels.length);
    demo.middles = medoids(demo.codes, demo.labels);
    demo.reach = reachOf(demo.codes);
    demo.examples = readImages(page.get("examples"), demo.model.side);
    demo.map = demo.found = null;
    demo.drawn = undefined;
  };
  learn();
  demo.paint = () => {
    const [colors, style] = [page.colors(), getComputedStyle(page.root)];
    demo.colors = colors;
    demo.ink = shades(colors.surface, colors.ink);
    demo.tones = Array.from({ length: 10 }, (_, k) => style.getPropertyValue(`--lt-${k}`).trim());
  };
  demo.paint();
  /** What is drawn: its picture, its code, what comes back, and what the classifier makes of both; null if nothing is. */
  demo.encode = () => {
    const { model, examples } = demo;
    const [strokes, example] = DRAWN.map((name) => page.get(name));
    demo.strokes = strokes;
    demo.image = strokes.length || example < 0 ? [] : examples[example];
    if (!strokes.length && example < 0) { demo.drawn = null; return; }
    const picture = strokes.length ? seen(strokes, model.side) : Float64Array.from(demo.image.flat());
    const code = encode(model, picture);
    const back = decode(model, code.mean);
    demo.drawn = { ...code, picture, reconstruction: back, was: ranking(classify(model, picture))[0], back: ranking(classify(model, back))[0] };
  };
  demo.at = (t) => (demo.drawn ? onLine(demo.drawn.mean, page.get("target"), t) : page.get("z"));

  const pad = drawingPad(page, { show: () => demo.show(), brush: () => BRUSH, about: () => (demo.image.length ? "an example, which your first stroke replaces" : "") });
  demo.pad = pad;
  demo.moving = false; // while the point is dragged or walks: only where it rests is a place found
  demo.rest = () => { demo.moving = false; page.set({}); demo.show(); };
  demo.encode();
  const parts = [plane(demo), picture(demo), drawing(demo), line(demo)];
  const spoken = html("span", { class: "dw-spoken", role: "status" });
  page.main.append(spoken);
  examples(demo);
  let waiting = 0;
  page.onDispose(() => clearTimeout(waiting));

  demo.show = frame(page, () => {
    if (demo.drawn === undefined) demo.encode();
    demo.z = page.get("z");
    demo.decoded = decode(demo.model, demo.z);
    demo.p = classify(demo.model, demo.decoded);
    let met = page.get("goal_met");
    if (!demo.moving && goalReached(demo.p) && !demo.record && !met) {
      met = true;
      demo.found = [...demo.z];
      demo.record = `Found: at ${placeText(demo.z)} a ${PAIR[0]} turns into a ${PAIR[1]}; read as ${PAIR.map((k) => `a ${k} at ${share(demo.p[k])}`).join(", as ")}.`.replaceAll(" %", "\u00a0%");
    }
    for (const part of parts) part();
    const text = reading(demo);
    page.say(text, { quiet: true });
    clearTimeout(waiting);
    waiting = setTimeout(() => { spoken.textContent = text; }, 900);
    page.goal(met, met ? demo.record : "");
  });
  const follow = () => page.set({ z: demo.at(page.get("walk")) }, false);
  page.watch(DRAWN.join(" "), () => { demo.encode(); demo.frames = null; page.set({ walk: 0 }, false); follow(); demo.show(); });
  page.watch("target", () => { demo.frames = null; follow(); demo.show(); });
  page.watch("walk", () => { follow(); demo.show(); });
  page.watch("z goal_met", demo.show);
  page.watch("show_codes show_map", () => demo.plot.redraw());
  page.watch("packed sizes codes_packed labels examples", () => { learn(); demo.frames = null; demo.show(); demo.plot.redraw(); });
  page.themed.add(() => { demo.paint(); demo.frames = null; demo.show(); });
  demo.show();
  return page.dispose;
}

/** The plane: codes, decoded pictures, the prior, the line, and the point to drag. */
function plane(demo) {
  const { page } = demo;
  const { reach } = demo;
  const plot = createPlot(page, { parent: page.figure, x: [-reach, reach], y: [-reach, reach], equal: true, xLabel: "first latent number, z₁",
    yLabel: "second latent number, z₂", label: "The latent plane", draw });
  demo.plot = plot;
  const [rings, clouds] = [["circle", "lt-ring"], ["ellipse", "lt-cloud"]].map(([shape, name]) => RINGS.map(() => svg(shape, { class: name })));
  const way = svg("path", { class: "lt-way" });
  const hit = svg("rect", { class: "lt-hit" });
  const word = svg("text", { class: "lt-word", "text-anchor": "middle" }, "your digit");
  plot.back.append(hit, ...rings, way, ...clouds);
  const handle = (...shape) => svg("g", {}, svg("circle", { class: "twice-ring", r: 17 }), svg("circle", { class: "lt-grip", r: 18 }), ...shape);
  const end = handle(svg("path", { class: "lt-end", d: "M0 -8L8 0L0 8L-8 0Z" }));
  const point = handle(...["lt-under", "lt-dot"].map((name) => svg("circle", { class: name, r: 15 })), svg("circle", { class: "lt-spot", r: 2 })); // wide, so that it does not hide the ellipse
  const found = svg("g", { class: "lt-found" }, svg("rect", { x: -34, y: -12, width: 68, height: 24, rx: 12 }), svg("text", { y: 4.5, "text-anchor": "middle" }, "✓ found"));
  plot.front.append(word, found, end, point);
  const set = (name) => (place) => { demo.halt(); demo.moving = true; page.set({ [name]: place.map((v) => Number(v.toFixed(3))) }, false); };
  dragHandle(page, plot, point, { position: () => page.get("z"), step: 0.1, onMove: set("z"), onEnd: demo.rest });
  dragHandle(page, plot, end, { position: () => page.get("target"), step: 0.1, onMove: set("target"), onEnd: demo.rest });
  let held = null; // anywhere on the plane: the point comes, and follows a mouse
  const go = (event) => {
    const edge = plot.svg.getBoundingClientRect();
    set("z")([plot.fromX(event.clientX - edge.left), plot.fromY(event.clientY - edge.top)].map((v) => clamp(v, -demo.reach, demo.reach)));
  };
  hit.addEventListener("pointerdown", (event) => {
    if (event.button || event.pointerType === "touch") return;
    event.preventDefault();
    hit.setPointerCapture((held = event.pointerId));
    go(event);
  });
  hit.addEventListener("pointermove", (event) => { if (held === event.pointerId) go(event); });
  for (const type of ["pointerup", "pointercancel"]) hit.addEventListener(type, (event) => { if (held === event.pointerId) { held = null; demo.rest(); } });
  hit.addEventListener("click", (event) => { go(event); demo.rest(); });

  function draw() { // what does not move
    const { frame: f, ctx, toX, toY } = plot;
    const [codes, map] = [page.get("show_codes"), page.get("show_map")];
    const unit = f.width / (2 * demo.reach);
    make(hit, { x: f.left, y: f.top, width: f.width, height: f.height }, []);
    RINGS.forEach((r, i) => make(rings[i], { cx: toX(0), cy: toY(0), r: r * unit }, []));
    if (map) {
      const n = clamp(Math.round(f.width / 30), 9, 19);
      if (demo.map?.n !== n) demo.map = { n, image: mapOf(demo.model, n, demo.reach) };
      const [size, ramp] = [n * demo.model.side, shades(demo.colors.surface, demo.colors.ink)];
      const sheet = raster(size);
      sheet.fill((i) => shadeOf(ramp, demo.map.image[i], codes ? 2.6 : 1.3));
      ctx.imageSmoothingEnabled = true;
      ctx.drawImage(sheet.canvas, f.left, f.top, f.width, f.height);
    }
    if (codes) {
      const every = f.width < 340 ? 2 : 1;
      Object.assign(ctx, { font: `600 ${f.width < 340 ? 11 : 12}px ${getComputedStyle(page.root).fontFamily}`, textAlign: "center", textBaseline: "middle", lineWidth: 3,
        strokeStyle: demo.colors.surface, lineJoin: "round" });
      demo.codes.forEach(([x, y], i) => {
        if (i % every) return;
        ctx.fillStyle = demo.tones[demo.labels[i]];
        if (map) ctx.strokeText(demo.labels[i], toX(x), toY(y));
        ctx.fillText(demo.labels[i], toX(x), toY(y));
      });
    }
    move();
  }
  function move() {
    const { toX, toY, frame: f } = plot;
    if (!f.width || !demo.z) return;
    const inside = ([x, y]) => [toX(clamp(x, -demo.reach, demo.reach)), toY(clamp(y, -demo.reach, demo.reach))];
    const [z, target, { drawn }] = [demo.z, page.get("target"), demo];
    const unit = f.width / (2 * demo.reach);
    for (const node of [way, ...clouds, word, end]) make(node, { display: drawn ? "inline" : "none" }, []);
    if (drawn) {
      const [a, b] = [drawn.mean, target].map(inside);
      make(way, { d: `M${a}L${b}` }, []);
      clouds.forEach((cloud, i) => make(cloud, { cx: toX(drawn.mean[0]), cy: toY(drawn.mean[1]), rx: RINGS[i] * unit * drawn.deviation[0], ry: RINGS[i] * unit * drawn.deviation[1] }, []));
      const spot = wordPlace(a, b, f, RINGS[1] * unit * drawn.deviation[1]);
      make(word, { x: spot.x, y: spot.y }, []);
      make(end, { transform: `translate(${b})`, "aria-label": `End of the line, at ${placeText(target)}` }, []);
    }
    make(found, { display: demo.found ? "inline" : "none" }, []);
    if (demo.found) { const [x, y] = inside(demo.found); make(found, { transform: `translate(${clamp(x, f.left + 36, f.left + f.width - 36)},${y < f.top + 46 ? y + 30 : y - 30})` }, []); }
    make(point, { transform: `translate(${inside(z)})`, "aria-label": `The point, at ${placeText(z)}: the decoder draws ${aDigit(ranking(demo.p)[0])}` }, []);
  }
  page.actions.append(
    button({ label: "Draw from the prior", title: "A random point, as the prior has them: a standard normal in both numbers",
      onClick: () => { demo.halt(); const seed = page.get("seed") + 1; page.set({ seed, z: fromPrior(seed) }); } }).element,
    html("div", { class: "lt-checks" }, checkbox(page, { label: "Held-out digits", trait: "show_codes" }).element,
      checkbox(page, { label: "Decoded map", trait: "show_map", onInput: (on) => { if (on) page.set({ show_codes: false }); else page.set({}); } }).element)); // numerals would cover the pictures
  page.figure.append(html("p", { class: "twice-hint lt-about" }, html("b", { class: "lt-sign" }, "◎"), " the point: drag it, or click anywhere. ", html("b", {}, "◆"), " the end of the walk: drag it, too. Numerals: codes of digits that the network was not trained on. Dashed rings: 68\u00a0% and 95\u00a0% of the prior's draws fall inside; ",
    html("b", { class: "lt-blue" }, "blue ellipses"), ": of draws of your digit's code."));
  return () => {
    plot.setLimits([-demo.reach, demo.reach], [-demo.reach, demo.reach]);
    move();
  };
}

/** The decoded picture, large, and what the classifier reads in it. */
function picture(demo) {
  const { page } = demo;
  let view = raster(demo.model.side);
  const frameOf = html("div", { class: "lt-large" }, view.canvas);
  const rows = Array.from({ length: 10 }, (_, digit) => {
    const [bar, value] = [html("i", { style: `background: var(--lt-${digit})` }), html("span", { class: "lt-value" })];
    return { bar, value, row: html("li", { class: PAIR.includes(digit) ? "lt-wanted" : null }, html("b", {}, String(digit)), html("span", { class: "lt-bar", "aria-hidden": "true" }, bar), value) };
  });
  demo.reader = html("div", { class: "lt-part" }, html("div", { class: "lt-top" },
    html("div", {}, html("div", { class: "lt-name" }, "Decoded here"), frameOf),
    html("div", {}, html("div", { class: "lt-name" }, "Read as"), html("ol", { class: "lt-scores", "aria-label": "The classifier's probability of each digit" }, ...rows.map(({ row }) => row)))),
    html("p", { class: "twice-hint lt-about" }, `Read by the classifier: a small network of its own, which learned from labeled digits. Ticks: the goal's ${share(ENOUGH)} for a ${PAIR[0]} and a ${PAIR[1]}.`));
  page.panel.append(demo.reader);
  return () => {
    if (view.canvas.width !== demo.model.side) { view = raster(demo.model.side); fill(frameOf, view.canvas); }
    view.fill((i) => shadeOf(demo.ink, demo.decoded[i], 1));
    rows.forEach(({ bar, value }, digit) => {
      bar.style.transform = `scaleX(${demo.p[digit].toFixed(4)})`;
      const text = share(demo.p[digit]);
      if (value.textContent !== text) value.textContent = text;
    });
  };
}

/** The pad, what the encoder gets of it, and what comes back. */
function drawing(demo) {
  const { page, pad } = demo;
  const [got, back] = ["The encoder gets", "It comes back as"].map((name) => {
    const holder = html("div", { class: "lt-square" });
    return { holder, view: { canvas: {} }, box: html("div", { class: "lt-part" }, html("div", { class: "lt-small" }, name), holder) };
  });
  const undo = button({ label: "Undo", title: "Take the last stroke back", onClick: () => { pad.lift(); page.set({ strokes: page.get("strokes").slice(0, -1) }); } });
  const clear = button({ label: "Clear", onClick: () => { pad.lift(); page.set({ strokes: [], example: -1 }); } });
  page.panel.append(html("div", { class: "lt-part" }, html("div", { class: "lt-name" }, "Your digit, there and back"), html("div", { class: "lt-small" }, "Draw here; your first stroke replaces what is shown."), pad.element,
    html("div", { class: "twice-row lt-tools" }, clear.element, undo.element), html("div", { class: "lt-pair" }, got.box, back.box)));
  return () => {
    const { drawn, strokes, image, colors, model } = demo;
    pad.paint({ colors, ramp: demo.ink, strokes, image, pale: true, invite: !strokes.length && !image.length });
    for (const [each, pixels] of [[got, drawn?.picture], [back, drawn?.reconstruction]]) {
      if (each.view.canvas.width !== model.side) { each.view = raster(model.side); fill(each.holder, each.view.canvas); }
      each.view.fill((i) => shadeOf(demo.ink, pixels?.[i] ?? 0, 1));
    }
    undo.input.disabled = !strokes.length;
  };
}

/** The walk from the drawn digit's code to another: a slider, and frames to jump to. */
function line(demo) {
  const { page } = demo;
  const own = "own";
  const choice = select(page, { label: "Walk from your digit to", options: [...Object.keys(demo.middles).map((digit) => [digit, `a typical ${digit}`]), [own, "where ◆ is"]],
    value: own, onInput: (value) => { if (value !== own) page.set({ target: demo.middles[value] }); else shown(); } });
  const bar = slider(page, { label: "How far", min: 0, max: 1, step: 0.01, trait: "walk", format: share });
  bar.input.addEventListener("input", () => (demo.moving = true));
  bar.input.addEventListener("change", demo.rest);
  const walking = tween(page, 3000, (t) => {
    demo.moving = t < 1;
    page.set({ walk: Number(t.toFixed(3)) }, t >= 1);
  });
  demo.halt = () => { walking.stop(); demo.moving = false; };
  const play = button({ label: "Walk", primary: true, onClick: () => walking.start() });
  const stops = PLACES.map((t) => {
    const [holder, name] = [html("span", { class: "lt-frame" }), html("span", { class: "lt-digit" })];
    return { t, holder, name, view: { canvas: {} }, press: html("button", { type: "button", class: "lt-stop", onclick: () => { demo.halt(); page.set({ walk: t }); demo.rest(); } }, holder, name) };
  });
  page.foot.append(html("div", { class: "lt-foot" }, html("div", { class: "lt-walk" }, choice.element, bar.element, play.element),
    html("div", { class: "lt-frames", role: "group", "aria-label": "Pictures along the line" }, ...stops.map(({ press }) => press)),
    html("small", { class: "twice-hint" }, "Nine pictures along the line, each with the digit that the classifier reads in it. The walk passes by; a place is found where ◎ rests.")));
  for (const type of ["pointerdown", "keydown"]) bar.input.addEventListener(type, () => { demo.halt(); demo.show(); });
  const shown = () => {
    const target = page.get("target");
    const digit = Object.keys(demo.middles).find((k) => away(demo.middles[k], target) < 1e-6) ?? own;
    if (choice.value !== digit) choice.value = digit;
  };
  return () => {
    shown();
    const { drawn, model } = demo;
    for (const { input } of [bar, play]) input.disabled = !drawn;
    const walk = page.get("walk");
    stops.forEach((stop) => {
      stop.press.disabled = !drawn;
      stop.press.classList.toggle("lt-now", Boolean(drawn) && Math.abs(stop.t - walk) < 0.5 / (FRAMES - 1));
      if (demo.frames) return;
      if (stop.view.canvas.width !== model.side) { stop.view = raster(model.side); fill(stop.holder, stop.view.canvas); }
      const image = drawn ? decode(model, demo.at(stop.t)) : new Float64Array(model.side ** 2);
      stop.view.fill((i) => shadeOf(demo.ink, image[i], 1));
      stop.name.textContent = drawn ? ranking(classify(model, image))[0] : "–";
      stop.press.setAttribute("aria-label", drawn ? `${share(stop.t)} of the way: ${aDigit(stop.name.textContent)}` : "Nothing is drawn");
    });
    demo.frames = true;
  };
}

/** Held-out digits to begin with: one click each. */
function examples(demo) {
  const { page } = demo;
  const box = html("div", { class: "lt-examples", role: "group", "aria-label": "Stored digits" });
  const part = html("div", { class: "lt-stored" }, html("div", { class: "twice-hint" }, "Or take a digit that the network was not trained on:"), box);
  const observer = new ResizeObserver(([entry]) => { // on a narrow page, what the point draws stands beside the plane's head
    const place = entry.contentRect.width < 600 ? "narrow" : "wide";
    if (place === page.root.dataset.place) return;
    page.root.dataset.place = place;
    if (place === "narrow") { page.figure.prepend(demo.reader); page.panel.append(part); }
    else { page.panel.prepend(demo.reader); page.main.append(part); }
  });
  page.main.append(part);
  observer.observe(page.root);
  page.onDispose(() => observer.disconnect());
  const draw = () => {
    const names = page.get("example_labels");
    fill(box, ...demo.examples.map((image, k) => {
      const [view, pixels] = [raster(demo.model.side), image.flat()];
      view.fill((i) => shadeOf(demo.ink, pixels[i], 1));
      return html("button", { type: "button", class: "lt-example", "aria-label": `Example ${k + 1}: ${aDigit(Number(names[k]))}`,
        onclick: () => { demo.pad.lift(); page.set({ strokes: [], example: k }); } }, view.canvas);
    }));
  };
  page.watch("examples example_labels", frame(page, draw));
  page.themed.add(frame(page, draw));
  draw();
}

export default { render };
