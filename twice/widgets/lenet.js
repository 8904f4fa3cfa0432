/* lenet.js: draw a digit, and see what every layer of a trained LeNet makes of it.
 * Above the line "The demo": pure functions, compared number by number with NumPy in tests/test_lenet_demo.py. Below it:
 * what is drawn. Arrays are flat Float64Arrays in the order (row, column, channel), kernels as Keras keeps them. */

// ---- The network: 61,706 weights ----

const SHAPES = [[5, 5, 1, 6], [6], [5, 5, 6, 16], [16], [400, 120], [120], [120, 84], [84], [84, 10], [10]];
export const MAPS = { conv1: [6, 28], pool1: [6, 14], conv2: [16, 10], pool2: [16, 5] }; // maps, and their side

/** The ten arrays of the weights from their base64 text. */
export const readWeights = (text) => readArrays(text, SHAPES);

/** z = x * kernel + bias, moved by one pixel at a time; `pad` rows of zeros around x. Skips pixels without ink. */
function convolve(x, side, nIn, kernel, bias, pad) {
  const [out, count] = [side + 2 * pad - 4, bias.length];
  const z = new Float64Array(out * out * count);
  for (let i = 0; i < z.length; i++) z[i] = bias[i % count];
  for (let r = 0; r < side; r++) {
    for (let c = 0; c < side; c++) {
      for (let k = 0; k < nIn; k++) {
        const v = x[(r * side + c) * nIn + k];
        if (!v) continue;
        for (let dr = 0; dr < 5; dr++) {
          const row = r + pad - dr;
          if (row < 0 || row >= out) continue;
          for (let dc = 0; dc < 5; dc++) {
            const column = c + pad - dc;
            if (column < 0 || column >= out) continue;
            const [to, from] = [(row * out + column) * count, ((dr * 5 + dc) * nIn + k) * count];
            for (let m = 0; m < count; m++) z[to + m] += v * kernel[from + m];
          }
        }
      }
    }
  }
  return z;
}

/** The gradient with respect to the x of `convolve`, from the one with respect to its z. */
function convolveBack(dz, side, nIn, kernel, count, pad) {
  const out = side + 2 * pad - 4;
  const dx = new Float64Array(side * side * nIn);
  for (let row = 0; row < out; row++) {
    for (let column = 0; column < out; column++) {
      for (let m = 0; m < count; m++) {
        const g = dz[(row * out + column) * count + m];
        if (!g) continue;
        for (let dr = 0; dr < 5; dr++) {
          for (let dc = 0; dc < 5; dc++) {
            const [r, c] = [row + dr - pad, column + dc - pad];
            if (r < 0 || c < 0 || r >= side || c >= side) continue;
            for (let k = 0; k < nIn; k++) dx[(r * side + c) * nIn + k] += g * kernel[((dr * 5 + dc) * nIn + k) * count + m];
          }
        }
      }
    }
  }
  return dx;
}

/** The largest of every 2 x 2 pixels, map by map, and where it was. */
function pool(a, side, maps) {
  const out = side / 2;
  const [values, from] = [new Float64Array(out * out * maps), new Int32Array(out * out * maps)];
  for (let i = 0; i < values.length; i++) {
    const [m, c, r] = [i % maps, Math.floor(i / maps) % out, Math.floor(i / maps / out)];
    const corner = (2 * r * side + 2 * c) * maps + m;
    from[i] = corner;
    for (const k of [corner + maps, corner + side * maps, corner + (side + 1) * maps]) if (a[k] > a[from[i]]) from[i] = k;
    values[i] = a[from[i]];
  }
  return { values, from };
}

/** Every layer's numbers for the input x (28 x 28): the maps after ReLU, the logits, the probabilities. */
export function forward(w, x) {
  const conv1 = relu(convolve(x, 28, 1, w[0], w[1], 2));
  const pool1 = pool(conv1, 28, 6);
  const conv2 = relu(convolve(pool1.values, 14, 6, w[2], w[3], 0));
  const pool2 = pool(conv2, 10, 16);
  const dense1 = relu(dense(pool2.values, w[4], w[5]));
  const dense2 = relu(dense(dense1, w[6], w[7]));
  const logits = dense(dense2, w[8], w[9]);
  return { input: x, conv1, pool1: pool1.values, from1: pool1.from, conv2, pool2: pool2.values, from2: pool2.from,
    dense1, dense2, logits, probabilities: softmax(logits) };
}

/** d logit[label] / d input, 28 x 28 (Simonyan et al., 2014). */
export function saliency(w, run, label) {
  const back = (g, kernel, x, a) => { // through a dense layer whose input is x; ReLU's slope is taken where a is given
    const d = new Float64Array(x.length);
    for (let i = 0; i < x.length; i++) if (!a || x[i] > 0) for (let j = 0; j < g.length; j++) d[i] += g[j] * kernel[i * g.length + j];
    return d;
  };
  const unpool = (g, from, a) => { // through the pooling and the ReLU before it
    const d = new Float64Array(a.length);
    for (let i = 0; i < g.length; i++) if (a[from[i]] > 0) d[from[i]] += g[i];
    return d;
  };
  const last = Float64Array.from({ length: 10 }, (_, j) => (j === label ? 1 : 0));
  let g = back(last, w[8], run.dense2, true);
  g = back(g, w[6], run.dense1, true);
  g = back(g, w[4], run.pool2, true);
  g = unpool(g, run.from2, run.conv2);
  g = convolveBack(g, 14, 6, w[2], 16, 0);
  g = unpool(g, run.from1, run.conv1);
  return convolveBack(g, 28, 1, w[0], 6, 2);
}

/** How much logit[label] falls when the 5 x 5 pixels around pixel number i are erased; 0 where no ink was (Zeiler and Fergus, 2014). */
export function occlude(w, run, label, i) {
  const x = Float64Array.from(run.input);
  const [row, column] = [Math.floor(i / SIDE), i % SIDE];
  let erased = 0;
  for (let r = Math.max(0, row - 2); r <= Math.min(SIDE - 1, row + 2); r++) {
    for (let c = Math.max(0, column - 2); c <= Math.min(SIDE - 1, column + 2); c++) {
      erased += x[r * SIDE + c];
      x[r * SIDE + c] = 0;
    }
  }
  return erased ? run.logits[label] - forward(w, x).logits[label] : 0;
}

/** The square of the input that a pixel of a map sees: { row, column, side }, partly outside at the border. */
export function seen(layer, row, column) {
  const [step, side] = { conv1: [1, 5], pool1: [2, 6], conv2: [2, 14], pool2: [4, 16] }[layer];
  return { row: row * step - 2, column: column * step - 2, side };
}

/** How one pixel of a map came about: for each map of the layer before, window, kernel and products; their sum, bias and value. */
export function trace(w, run, layer, map, row, column) {
  const conv = layer.startsWith("conv");
  const [before, kernel, pad] = { conv1: ["input", 0, 2], pool1: ["conv1"], conv2: ["pool1", 2, 0], pool2: ["conv2"] }[layer];
  const [count, side] = MAPS[before] ?? [1, SIDE];
  const size = conv ? 5 : 2;
  const value = run[layer][(row * MAPS[layer][1] + column) * MAPS[layer][0] + map];
  const parts = (conv ? [...Array(count).keys()] : [map]).map((k) => {
    const part = { window: [], kernel: [], product: [] };
    for (let i = 0; i < size * size; i++) {
      const [r, c] = conv ? [row - pad + Math.floor(i / 5), column - pad + (i % 5)] : [2 * row + (i >> 1), 2 * column + (i & 1)];
      const v = r < 0 || c < 0 || r >= side || c >= side ? 0 : run[before][(r * side + c) * count + k];
      part.window.push(v);
      if (!conv) continue;
      part.kernel.push(w[kernel][(i * count + k) * MAPS[layer][0] + map]);
      part.product.push(v * part.kernel.at(-1));
    }
    return part;
  });
  const sum = parts.flatMap((part) => part.product).reduce((a, b) => a + b, 0);
  return { parts, sum, bias: conv ? w[kernel + 1][map] : 0, value };
}

/** The brightest pixel of a map: [row, column]. */
export function brightest(run, layer, map) {
  const [count, side] = MAPS[layer];
  let best = 0;
  for (let i = 1; i < side * side; i++) if (run[layer][i * count + map] > run[layer][best * count + map]) best = i;
  return [Math.floor(best / side), best % side];
}

/** The goal: strokes of one's own, read with 95 % or more; shifted, and only shifted, read as another digit. */
export function goalReached({ strokes, image, right, down, angle, zoom }, here, unmoved) {
  const own = strokes.length > 0 && image.length === 0;
  const [was, is] = [ranking(unmoved)[0], ranking(here)[0]];
  return own && angle === 0 && zoom === 1 && (right !== 0 || down !== 0) && unmoved[was] >= 0.95 && is !== was;
}

/** "4 right and 2 down". */
export function way(right, down) {
  const part = (v, plus, minus) => (v ? `${number(Math.abs(v), v % 1 ? 1 : 0)} ${v > 0 ? plus : minus}` : "");
  return [part(right, "right", "left"), part(down, "down", "up")].filter(Boolean).join(" and ");
}

/** The sentence below the picture. */
export function explain(settings, p, unmoved) {
  const { strokes, image, right, down, angle, zoom, welcome } = settings;
  if (!strokes.length && !image.length) {
    return "Draw a digit from 0 to 9 in the square, or take an example. Every layer below follows your stroke.\nBlank paper gets ten probabilities, too: they always add up to 1.";
  }
  const [first, second] = ranking(p);
  const sure = p[first] >= 0.8 ? "" : p[first] >= 0.5 ? " It is not sure." : " It has no idea: no digit gets half of the probability.";
  const sees = `It sees ${aDigit(first)}, at ${percent(p[first])}; next: ${second}, at ${percent(p[second])}.${sure}`;
  const still = !right && !down && !angle && zoom === 1;
  if (still && welcome) return `${sees}\nThat is an example. Draw your own digit in the square: your first stroke replaces it.`;
  if (still) return `${sees}\nNow shift, turn or scale your drawing, and watch the scores.`;
  const [was] = ranking(unmoved);
  if (was === first && !angle && zoom === 1 && (Math.abs(right) === 5 || Math.abs(down) === 5)) {
    return `${sees}\nStill ${aDigit(was)}, at the end of the slider. Try another way: ${right ? "up, down" : "left, right"}, or both at once.`;
  }
  if (was === first) return `${sees}\nIn the middle it is ${aDigit(was)}, too, at ${percent(unmoved[was])}.`;
  return `${sees}\nThe same ink in the middle is ${aDigit(was)}, at ${percent(unmoved[was])}: to this network, place and pose matter.`;
}

// ---- The demo ----

const NAMES = { conv1: "Convolution 1", pool1: "Pooling 1", conv2: "Convolution 2", pool2: "Pooling 2" };
const SETTINGS = ["strokes", "image", "center", "right", "down", "angle", "zoom"];
const WELCOME = 7; // the example to begin with
const nothing = { right: 0, down: 0, angle: 0, zoom: 1 };

function render({ model, el }) {
  const page = createPage({ model, el, title: "What does a trained LeNet see?" });
  const demo = { page, hover: null, point: null };
  const blank = () => !page.get("strokes").length && !page.get("image").length;
  demo.examples = readImages(page.get("examples"));
  demo.welcome = blank() ? demo.examples[WELCOME] : null; // shown until somebody draws, picks or clears; no trait knows it
  const parts = [drawing(demo), input(demo), scores(demo), stages(demo), inspector(demo)];
  controls(demo);
  examples(demo);
  const learn = () => { demo.weights = readWeights(page.get("packed")); demo.changed = true; };
  learn();
  demo.paint = () => { // colors of the theme, as lists of 256 shades
    const colors = page.colors();
    const rgb = Object.fromEntries(["surface", "ink", "class0", "class1"].map((name) =>
      [name, [1, 3, 5].map((i) => parseInt(colors[name].slice(i, i + 2), 16))]));
    const mix = (a, b, t) => a.map((v, i) => v + t * (b[i] - v));
    const shades = (fn) => Array.from({ length: 256 }, (_, i) => fn(i / 255));
    demo.colors = colors;
    demo.ramps = {
      ink: shades((t) => mix(rgb.surface, rgb.ink, t)),
      warm: shades((t) => (t < 0.6 ? mix(rgb.surface, rgb.class1, t / 0.6) : mix(rgb.class1, rgb.ink, (t - 0.6) / 0.5))),
      signed: shades((t) => mix(rgb.surface, t < 0.5 ? rgb.class0 : rgb.class1, Math.abs(2 * t - 1))),
    };
  };
  demo.paint();
  let run = 0;
  demo.look = () => { // what the network makes of the drawing, anew only when something changed
    if (!demo.changed) return;
    demo.changed = false;
    demo.settings = Object.fromEntries(SETTINGS.map((name) => [name, page.get(name)]));
    if (demo.welcome) Object.assign(demo.settings, { image: demo.welcome, welcome: true });
    const paper = ink(demo.settings.strokes, demo.settings.image);
    demo.run = forward(demo.weights, prepare(paper, demo.settings));
    const still = Object.keys(nothing).every((name) => demo.settings[name] === nothing[name]);
    demo.unmoved = still ? demo.run.probabilities
      : forward(demo.weights, prepare(paper, { ...demo.settings, ...nothing })).probabilities;
    demo.winner = ranking(demo.run.probabilities)[0];
    demo.number = ++run;
  };
  demo.show = frame(page, () => {
    demo.look();
    for (const part of parts) part();
    words(demo);
  });
  demo.fresh = () => { demo.changed = true; demo.show(); };
  demo.leave = () => { demo.welcome = null; demo.fresh(); };
  page.watch("strokes image", demo.leave);
  page.watch(SETTINGS.slice(2).join(" "), demo.fresh);
  page.watch("packed", () => { learn(); demo.show(); });
  page.watch("look pixel explain brush", demo.show);
  page.themed.add(() => { demo.paint(); demo.show(); });
  demo.show();
  return page.dispose;
}

/** The sentence and the goal; both rest while a stroke is drawn. */
function words(demo) {
  const { page, settings, run: { probabilities }, unmoved } = demo;
  page.say(explain(settings, probabilities, unmoved), { quiet: demo.pad.drawing });
  if (goalReached(settings, probabilities, unmoved) && !demo.record) {
    const was = ranking(unmoved)[0];
    demo.record = `It read ${aDigit(was)} at ${percent(unmoved[was])}. Shifted ${way(settings.right, settings.down)}, ` +
      `the same strokes are ${aDigit(demo.winner)} to it, at ${percent(probabilities[demo.winner])}.`;
    page.goal(true, demo.record);
  } else page.goal(page.get("goal_met"), page.get("goal_met") ? demo.record : "");
}

const signedShade = (ramp, v, most) => ramp[clamp(Math.round(127.5 + (127.5 * v) / (most || 1)), 0, 255)];
const largest = (values) => values.reduce((a, v) => Math.max(a, Math.abs(v)), 0);
const brightness = (values) => Math.max(1, largest(values)); // blank paper leaves the maps nearly blank

/** The pad, on what the strokes lie. */
function drawing(demo) {
  const { page } = demo;
  const pad = drawingPad(page, {
    show: () => demo.show(), brush: () => page.get("brush"),
    begin: () => { if (demo.welcome) page.set({ ...nothing }, false); }, // the moves were the example's
    about: () => (demo.welcome ? "an example, which your first stroke replaces" : ""),
  });
  demo.pad = pad;
  demo.lift = pad.lift;
  demo.top = html("div", { class: "ln-top" }, html("div", { class: "ln-part" }, html("div", { class: "ln-name" }, "Your drawing"), pad.element));
  page.figure.append(demo.top);
  return () => {
    const { colors, ramps, settings: { strokes, image, welcome } } = demo;
    pad.paint({ colors, ramp: ramps.ink, strokes, image, pale: welcome, invite: welcome || (!strokes.length && !image.length) });
  };
}

/** What the network gets, with the pixels that matter. */
function input(demo) {
  const { page } = demo;
  const picture = raster(SIDE);
  const field = html("div", { class: "ln-window", hidden: true });
  const legend = html("p", { class: "twice-hint ln-legend" });
  const choice = select(page, { label: "Which pixels matter?", trait: "explain",
    options: [["none", "do not show"], ["saliency", "saliency (slope)"], ["occlusion", "occlusion (erase)"]] });
  const square = html("div", { class: "ln-square" }, picture.canvas, field);
  demo.window = field;
  demo.top.append(html("div", { class: "ln-part ln-input" }, html("div", { class: "ln-name" }, "What it gets"),
    square), html("div", { class: "ln-part ln-choice" }, choice.element, legend));
  let known = { number: -1 };
  const search = animation(page, () => { // occlusion: some erased squares a frame
    const until = performance.now() + 7;
    const { run, weights, winner } = demo;
    for (let k = 0; known.done < SIDE * SIDE && (k < 8 || performance.now() < until); k++) {
      known.map[known.done] = occlude(weights, run, winner, known.done);
      known.done += 1;
    }
    paint();
    return known.done < SIDE * SIDE;
  });
  const importance = (kind) => {
    if (known.number !== demo.number || known.kind !== kind) {
      const slope = kind === "saliency";
      known = { number: demo.number, kind, done: 0, map: slope ? saliency(demo.weights, demo.run, demo.winner) : new Float64Array(SIDE * SIDE) };
      if (!slope) search.start();
    }
    return known.map;
  };
  const paint = () => {
    const { ramps, run, winner, settings: { strokes, image } } = demo;
    const kind = strokes.length || image.length ? page.get("explain") : "none";
    if (kind !== "occlusion") search.stop();
    if (kind === "none") picture.fill((i) => shadeOf(ramps.ink, run.input[i], 1));
    else {
      const map = importance(kind);
      const most = largest(map);
      picture.fill((i) => {
        const [paper, color] = [shadeOf(ramps.ink, 0.45 * run.input[i], 1), signedShade(ramps.signed, map[i], most)];
        const strength = Math.min(1, (1.2 * Math.abs(map[i])) / (most || 1));
        return paper.map((v, k) => v + strength * (color[k] - v));
      });
    }
    const text = { none: "The box: what the chosen pixel below sees of the input.",
      saliency: `Orange: more ink here raises the score (logit) of ${winner}. Blue: it lowers it.`,
      occlusion: `Orange: erase 5 × 5 pixels here, and the score (logit) of ${winner} falls. Blue: it rises.` }[kind];
    if (legend.textContent !== text) legend.textContent = text;
    square.setAttribute("aria-busy", kind === "occlusion" && known.done < SIDE * SIDE);
  };
  return paint;
}

/** Ten probabilities. */
function scores(demo) {
  const rows = [...Array(10).keys()].map((digit) => {
    const [bar, value] = [html("i"), html("span", { class: "ln-percent" })];
    const row = html("li", {}, html("b", {}, String(digit)), html("span", { class: "ln-bar", "aria-hidden": "true" }, bar), value);
    return { row, bar, value };
  });
  const box = html("div", { class: "ln-part" }, html("div", { class: "ln-name" }, "Probabilities"),
    html("ol", { class: "ln-scores", "aria-label": "Probability of each digit" }, ...rows.map(({ row }) => row)));
  const { page, top } = demo;
  const say = page.main.querySelector(".twice-say");
  page.panel.append(box);
  const observer = new ResizeObserver(([entry]) => { // on a narrow page the scores stand beside what the network gets
    const { width } = entry.contentRect;
    const place = width < 600 ? "narrow" : width < 720 ? "beside" : "wide";
    if (place === page.root.dataset.place) return;
    page.root.dataset.place = place;
    if (place === "narrow") top.children[1].after(box);
    else page.panel.prepend(box);
    (place === "beside" ? box : page.figure).after(say); // near the pad, so that it is seen while drawing
    if (place === "narrow") demo.foot.prepend(demo.inspector);
    else demo.foot.append(demo.inspector);
  });
  observer.observe(page.root);
  page.onDispose(() => observer.disconnect());
  return () => {
    const p = demo.run.probabilities;
    rows.forEach(({ row, bar, value }, digit) => {
      row.classList.toggle("ln-winner", digit === demo.winner);
      bar.style.transform = `scaleX(${p[digit].toFixed(4)})`;
      const text = `${(100 * p[digit]).toFixed(1)} %`;
      if (value.textContent !== text) value.textContent = text;
    });
  };
}

/** Every layer: maps as radio buttons, dense layers as strips. */
function stages(demo) {
  const { page } = demo;
  const box = html("div", { class: "ln-stages", role: "radiogroup", "aria-label": "Feature maps" });
  const group = `twice-maps-${nextId()}`;
  const tiles = [];
  const title = (name, about) => html("div", { class: "ln-stage" }, html("b", {}, name), ` ${about}`);
  for (const [layer, [count, side]] of Object.entries(MAPS)) {
    const row = html("div", { class: `ln-tiles ln-${layer}` });
    for (let map = 0; map < count; map++) {
      const [picture, key] = [raster(side), `${layer}.${map + 1}`];
      const radio = html("input", { type: "radio", name: group, value: key, "aria-label": `${NAMES[layer]}, map ${map + 1} of ${count}` });
      const tile = html("label", { class: "ln-tile" }, picture.canvas, radio);
      radio.addEventListener("change", () => page.set({ look: key, pixel: [] }));
      tile.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") { demo.hover = key; demo.show(); } });
      tile.addEventListener("pointerleave", () => { if (demo.hover === key) { demo.hover = null; demo.show(); } });
      row.append(tile);
      tiles.push({ layer, map, count, picture, radio, key });
    }
    box.append(title(NAMES[layer], `${count} maps of ${side} × ${side}`), row);
  }
  const strips = [["dense1", 60], ["dense2", 42]].map(([layer, columns], k) => {
    const [count, picture] = [SHAPES[5 + 2 * k][0], raster(columns, 2, "ln-strip")];
    const told = html("span");
    box.append(html("div", { class: "ln-stage" }, html("b", {}, `Dense ${k + 1}`), ` ${count} units, `, told), picture.canvas);
    return { layer, count, picture, told };
  });
  page.foot.append(html("div", { class: "ln-foot" }, box));
  demo.foot = page.foot.firstChild;
  return () => {
    const { run, ramps: { warm } } = demo;
    const most = Object.fromEntries(Object.keys(MAPS).map((layer) => [layer, brightness(run[layer])]));
    for (const { layer, map, count, picture } of tiles) picture.fill((i) => shadeOf(warm, run[layer][i * count + map], most[layer]));
    for (const { layer, count, picture, told } of strips) {
      const top = brightness(run[layer]);
      picture.fill((i) => shadeOf(warm, run[layer][i], top));
      const text = `${run[layer].filter((v) => v > 0).length} of them active`;
      if (told.textContent !== text) told.textContent = text;
    }
    const chosen = tiles.find(({ key }) => key === page.get("look"));
    if (!chosen.radio.checked) chosen.radio.checked = true;
  };
}

/** One map, enlarged, and how one of its pixels came about. */
function inspector(demo) {
  const { page } = demo;
  const name = html("div", { class: "ln-name" });
  const mark = html("div", { class: "ln-mark" });
  const holder = html("div", { class: "ln-square ln-large", tabindex: 0, role: "application", "aria-roledescription": "feature map" });
  const pictures = Object.fromEntries(Object.values(MAPS).map(([, side]) => [side, raster(side)]));
  const [sums, told] = [html("div", { class: "ln-sums" }), html("p", { class: "ln-told", "aria-live": "polite" })];
  demo.inspector = html("div", { class: "ln-look" }, name, holder, html("p", { class: "twice-hint" }, "Point at a pixel of the map, or move with the arrow keys."), sums, told);
  demo.foot.append(demo.inspector);
  let [shown, rasters] = ["", []];
  const now = () => {
    const [layer, map] = (demo.hover ?? page.get("look")).split(".");
    const side = MAPS[layer][1];
    const own = demo.hover ? [] : demo.point ?? page.get("pixel");
    const [row, column] = own.length ? own.map((v) => Math.min(v, side - 1)) : brightest(demo.run, layer, map - 1);
    return { layer, map: map - 1, side, row, column };
  };
  const place = (event) => {
    const edge = holder.getBoundingClientRect();
    const { side } = now();
    return [[event.clientY - edge.top, edge.height], [event.clientX - edge.left, edge.width]].map(([v, size]) => clamp(Math.floor((v / size) * side), 0, side - 1));
  };
  holder.addEventListener("pointermove", (event) => { if (event.pointerType === "mouse") { demo.point = place(event); demo.show(); } });
  holder.addEventListener("pointerleave", () => { demo.point = null; demo.show(); });
  holder.addEventListener("click", (event) => page.set({ pixel: place(event) }));
  holder.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
    const { row, column, side } = now();
    page.set({ pixel: [row + step[0], column + step[1]].map((v) => clamp(v, 0, side - 1)) });
    event.preventDefault();
  });
  /** Canvases for window, kernel and product of each map before; made anew for another kind of layer. */
  const build = (layer, count) => {
    if (shown === layer) return;
    shown = layer;
    const conv = layer.startsWith("conv");
    rasters = Array.from({ length: count }, () => Array.from({ length: conv ? 3 : 1 }, () => raster(conv ? 5 : 2)));
    sums.className = `ln-sums ln-sums-${layer}`;
    fill(sums, ...rasters.map((row) => html("div", { class: "ln-sum" }, ...row.flatMap(({ canvas }, k) => (k ? [html("span", {}, k === 1 ? "×" : "="), canvas] : [canvas])))));
  };
  return () => {
    const { run, weights, ramps } = demo;
    const { layer, map, side, row, column } = now();
    const [picture, count] = [pictures[side], MAPS[layer][0]];
    if (holder.firstChild !== picture.canvas) fill(holder, picture.canvas, mark);
    const most = brightness(run[layer]);
    picture.fill((i) => shadeOf(ramps.warm, run[layer][i * count + map], most));
    const outline = (node, top, left, size, whole) => {
      const share = (v) => `${(100 * v) / whole}%`;
      Object.assign(node.style, { top: share(top), left: share(left), width: share(size), height: share(size) });
    };
    outline(mark, row, column, 1, side);
    const field = seen(layer, row, column);
    outline(demo.window, field.row, field.column, field.side, SIDE);
    demo.window.hidden = false;
    const { parts, sum, bias, value } = trace(weights, run, layer, map, row, column);
    build(layer, parts.length);
    const tops = { window: Math.max(...parts.flatMap((p) => p.window)), kernel: largest(parts.flatMap((p) => p.kernel)), product: largest(parts.flatMap((p) => p.product)) };
    parts.forEach((part, k) => rasters[k].forEach((each, j) => {
      const kind = ["window", "kernel", "product"][j];
      each.fill((i) => (j ? signedShade(ramps.signed, part[kind][i], tops[kind]) : shadeOf(layer === "conv1" ? ramps.ink : ramps.warm, part.window[i], tops.window)));
    }));
    const title = `${NAMES[layer]}, map ${map + 1}`;
    if (name.textContent !== title) name.textContent = title;
    const conv = layer.startsWith("conv");
    const text = conv ? `Pixel [${row}, ${column}]: window × kernel, summed${parts.length > 1 ? ` over ${parts.length} maps` : ""}, is ${number(sum)}; ` +
      `bias ${number(bias)}; after ReLU ${number(value)}. It sees ${field.side} × ${field.side} pixels of the input.`
      : `Pixel [${row}, ${column}]: the largest of the four, ${number(value)}. It sees ${field.side} × ${field.side} pixels of the input.`;
    if (told.textContent !== text) told.textContent = text;
    told.setAttribute("aria-live", demo.pad.drawing || document.activeElement !== holder ? "off" : "polite");
    holder.setAttribute("aria-label", `${title}, pixel row ${row}, column ${column}: ${number(value)}. Arrow keys choose another pixel.`);
  };
}

/** Sliders, and what clears and takes back. */
function controls(demo) {
  const { page } = demo;
  const group = (legend, ...elements) => page.panel.append(html("fieldset", { class: "ln-group" }, html("legend", {}, legend), ...elements));
  const whole = (v, plus, minus) => (v ? way(plus === "right" ? v : 0, plus === "down" ? v : 0) : "0");
  const brush = slider(page, { label: "Brush", min: 1, max: 4, step: 0.2, trait: "brush", format: (v) => number(v, 1) });
  const center = checkbox(page, { label: "Center and scale, as MNIST", trait: "center" });
  const right = slider(page, { label: "Sideways", min: -5, max: 5, step: 1, trait: "right", format: (v) => whole(v, "right") });
  const down = slider(page, { label: "Up, down", min: -5, max: 5, step: 1, trait: "down", format: (v) => whole(v, "down") });
  const angle = slider(page, { label: "Turn", min: -180, max: 180, step: 5, trait: "angle", format: (v) => `${number(v, 0)}°` });
  const zoom = slider(page, { label: "Size", min: 0.5, max: 1.5, step: 0.05, trait: "zoom", format: (v) => `${Math.round(100 * v)} %` });
  const back = button({ label: "Back to the middle", onClick: () => page.set({ ...nothing }) });
  brush.input.dataset.tool = "";
  group("Drawing", brush.element, center.element);
  group("Then move the ink (in pixels)", right.element, down.element, angle.element, zoom.element, back.element);
  const undo = button({ label: "Undo", title: "Take the last stroke back", onClick: () => {
    demo.lift();
    demo.leave();
    const strokes = page.get("strokes");
    page.set(strokes.length ? { strokes: strokes.slice(0, -1) } : { image: [] });
  } });
  const clear = button({ label: "Clear", onClick: () => { demo.lift(); demo.leave(); page.set({ strokes: [], image: [], ...nothing }); } });
  page.actions.append(clear.element, undo.element);
}

/** Digits to begin with: one click each. */
function examples(demo) {
  const { page } = demo;
  const names = page.get("example_names");
  const pictures = demo.examples.map((image, k) => {
    const picture = raster(SIDE);
    const press = html("button", { type: "button", class: "ln-example", "aria-label": `Example: ${names[k]}`, title: names[k],
      onclick: () => { demo.lift(); page.set({ strokes: [], image }); } }, picture.canvas);
    return { image, picture, press };
  });
  const draw = () => pictures.forEach(({ image, picture }) => picture.fill((i) => shadeOf(demo.ramps.ink, image[Math.floor(i / SIDE)][i % SIDE], 1)));
  page.actions.after(html("div", { class: "ln-examples", role: "group", "aria-label": "Examples" }, ...pictures.map(({ press }) => press)),
    html("p", { class: "twice-hint" }, "Handwriting that the network was never trained on, and four printed digits."));
  page.themed.add(frame(page, draw));
  requestAnimationFrame(draw);
}

export default { render };
