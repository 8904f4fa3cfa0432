/* drawing.js: what the demos that read a drawing share (lenet.js, latent.js): strokes to ink, ink to a picture as MNIST's makers
 * prepared theirs, stored numbers, dense layers, and the pad. Pure functions above "On the page", compared with NumPy in
 * tests/test_lenet_demo.py and tests/test_latent_demo.py. Arrays are flat Float64Arrays in the order (row, column, channel). */

// ---- From strokes to ink, and from ink to the network's input ----

export const SIDE = 28; // of the prepared picture, and the unit of the pad: it is 28 wide and high
const FINE = 4; // ink is kept at 4 times that resolution
const BOX = 20; // MNIST's digits fit a box of 20 x 20
const SMALLEST = 7; // what is smaller on the pad is enlarged no further
const KEPT = 24; // of the 28 rows: what `shrink` keeps

/** Polylines [width, x1, y1, x2, y2, ...] over a 28 x 28 image (28 rows, or none): ink in [0, 1], 112 x 112. */
export function ink(strokes, image = []) {
  const side = SIDE * FINE;
  const paper = new Float64Array(side * side);
  if (image.length) for (let i = 0; i < paper.length; i++) paper[i] = image[Math.floor(i / side / FINE)][Math.floor((i % side) / FINE)];
  for (const [width, ...points] of strokes) {
    const reach = (FINE * width) / 2 + 0.5;
    for (let k = 0; k === 0 || k + 3 < points.length; k += 2) {
      const [x0, y0, x1 = x0, y1 = y0] = points.slice(k, k + 4).map((v) => FINE * v);
      const [dx, dy] = [x1 - x0, y1 - y0];
      const length = dx * dx + dy * dy;
      const [top, bottom] = [Math.min(y0, y1) - reach, Math.max(y0, y1) + reach].map((v) => clamp(Math.round(v), 0, side));
      const [left, right] = [Math.min(x0, x1) - reach, Math.max(x0, x1) + reach].map((v) => clamp(Math.round(v), 0, side));
      for (let i = top; i < bottom; i++) {
        for (let j = left; j < right; j++) {
          let x = j + 0.5 - x0; // from the line's start, then from its nearest point
          let y = i + 0.5 - y0;
          const t = length ? Math.min(1, Math.max(0, (x * dx + y * dy) / length)) : 0;
          x -= t * dx;
          y -= t * dy;
          const cover = Math.min(1, reach - Math.sqrt(x * x + y * y));
          if (cover > paper[i * side + j]) paper[i * side + j] = cover;
        }
      }
    }
  }
  return paper;
}

/** Ink to the network's input, as MNIST's makers did (LeCun, 1998): see `prepare` in drawing.py. */
export function prepare(paper, { center = true, right = 0, down = 0, angle = 0, zoom = 1 } = {}) {
  const side = Math.round(Math.sqrt(paper.length));
  let [x0, y0, fit] = [side / 2, side / 2, SIDE / side];
  if (center) {
    let [total, sumX, sumY, left, top, most, low] = [0, 0, 0, side, side, -1, -1];
    for (let i = 0; i < side; i++) {
      for (let j = 0; j < side; j++) {
        const v = paper[i * side + j];
        if (!v) continue;
        total += v;
        sumX += v * (j + 0.5);
        sumY += v * (i + 0.5);
        if (j < left) left = j;
        if (j > most) most = j;
        if (i < top) top = i;
        low = i;
      }
    }
    if (total) {
      fit = BOX / Math.max(most - left + 1, low - top + 1, (SMALLEST / SIDE) * side);
      [x0, y0] = [sumX / total, sumY / total];
    }
  }
  const [turn, size] = [(angle * Math.PI) / 180, fit * zoom];
  const [cos, sin] = [Math.cos(turn) / size, Math.sin(turn) / size];
  const wide = side + 2; // a border of paper, so that no place needs a look at the edge
  const padded = new Float64Array(wide * wide);
  for (let i = 0; i < side; i++) padded.set(paper.subarray(i * side, (i + 1) * side), (i + 1) * wide + 1);
  const x = new Float64Array(SIDE * SIDE);
  for (let i = 0; i < SIDE * FINE; i++) {
    const v = (i + 0.5) / FINE - SIDE / 2 - down;
    for (let j = 0; j < SIDE * FINE; j++) {
      const u = (j + 0.5) / FINE - SIDE / 2 - right;
      const column = x0 + cos * u + sin * v + 0.5;
      const row = y0 + cos * v - sin * u + 0.5;
      const c = Math.floor(column);
      const r = Math.floor(row);
      if (c < 0 || r < 0 || c > side || r > side) continue;
      const a = column - c;
      const b = row - r;
      const k = r * wide + c;
      x[(i >> 2) * SIDE + (j >> 2)] += ((1 - b) * ((1 - a) * padded[k] + a * padded[k + 1]) +
        b * ((1 - a) * padded[k + wide] + a * padded[k + wide + 1])) / (FINE * FINE);
    }
  }
  return x;
}

/** The middle 24 x 24 of 28 x 28 reduced to side x side by the means of areas: see `shrink` in drawing.py. */
export function shrink(image, side = 16) {
  const cut = (SIDE - KEPT) / 2;
  const shares = Array.from({ length: side }, (_, i) => Float64Array.from({ length: KEPT }, (_, k) =>
    (Math.max(0, Math.min(((i + 1) * KEPT) / side, k + 1) - Math.max((i * KEPT) / side, k)) * side) / KEPT));
  const [across, out] = [new Float64Array(side * KEPT), new Float64Array(side * side)];
  for (let i = 0; i < side; i++) {
    for (let k = 0; k < KEPT; k++) {
      if (shares[i][k]) for (let j = 0; j < KEPT; j++) across[i * KEPT + j] += shares[i][k] * image[(k + cut) * SIDE + j + cut];
    }
  }
  for (let i = 0; i < side; i++) for (let j = 0; j < side; j++) for (let k = 0; k < KEPT; k++) out[i * side + j] += across[i * KEPT + k] * shares[j][k];
  return out;
}

// ---- Stored numbers, dense layers ----

const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

/** A 16-bit float (IEEE 754) as a number. */
export function half(bits) {
  const [sign, power, rest] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return sign * (power ? 2 ** (power - 15) * (1 + rest / 1024) : (2 ** -14 * rest) / 1024);
}

/** Arrays of these shapes, flat, one behind the other, from the base64 text of their 16-bit floats. */
export function readArrays(text, shapes) {
  const raw = bytes(text);
  let at = 0;
  return shapes.map((shape) => {
    const array = new Float64Array(shape.reduce((a, b) => a * b));
    for (let i = 0; i < array.length; i++, at += 2) array[i] = half(raw[at] | (raw[at + 1] << 8));
    return array;
  });
}

/** Two pixels a byte, 16 shades: images of `side` rows. */
export function readImages(text, side = SIDE) {
  const raw = bytes(text);
  const count = (2 * raw.length) / (side * side);
  const shade = (i) => Number((((i % 2 ? raw[i >> 1] : raw[i >> 1] >> 4) & 15) / 15).toFixed(3));
  return Array.from({ length: count }, (_, k) => Array.from({ length: side }, (_, r) =>
    Array.from({ length: side }, (_, c) => shade((k * side + r) * side + c))));
}

function dense(x, kernel, bias) {
  const z = Float64Array.from(bias);
  for (let i = 0; i < x.length; i++) if (x[i]) for (let j = 0; j < z.length; j++) z[j] += x[i] * kernel[i * z.length + j];
  return z;
}

const relu = (z) => z.map((v) => (v > 0 ? v : 0));

export function softmax(z) {
  const most = Math.max(...z);
  const e = z.map((v) => Math.exp(v - most));
  const sum = e.reduce((a, b) => a + b);
  return e.map((v) => v / sum);
}

/** Digits by falling probability. */
export const ranking = (p) => [...p.keys()].sort((a, b) => p[b] - p[a]);

export const percent = (p) => (p >= 0.995 ? "more than 99 %" : p < 0.005 ? "less than 1 %" : `${Math.round(100 * p)} %`);
export const aDigit = (digit) => `${digit === 8 ? "an" : "a"} ${digit}`;

/** 256 shades between two colors "#rrggbb" or more, at equal steps. */
export function shades(...colors) {
  const rgb = colors.map((color) => [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16)));
  return Array.from({ length: 256 }, (_, i) => {
    const at = (i / 255) * (rgb.length - 1);
    const k = Math.min(rgb.length - 2, Math.floor(at));
    return rgb[k].map((v, c) => v + (at - k) * (rgb[k + 1][c] - v));
  });
}

// ---- On the page ----

/** A canvas of n x m pixels, made larger by the style sheet, and a function that fills it with values. */
function raster(width, height = width, className = "") {
  const canvas = html("canvas", { width, height, class: `dw-raster ${className}`, "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  return { canvas, fill(shade) { // shade(i) -> [red, green, blue]
    for (let i = 0; i < width * height; i++) {
      const color = shade(i);
      for (let k = 0; k < 3; k++) image.data[4 * i + k] = color[k];
      image.data[4 * i + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  } };
}
const shadeOf = (ramp, v, most) => ramp[clamp(Math.round((255 * v) / (most || 1)), 0, 255)];

/** A pad that draws the trait `strokes`: mouse, pen, finger, or arrow keys and Space. Returns {element, paint, lift, drawing}.
 *   show(): called when it is to be painted anew; begin(): before the first point of a stroke, finish(): after its last;
 *   brush(): the width of new strokes; about(): what lies on it, in words, or "".
 *   paint({ colors, ramp, strokes, image: rows of [0, 1] or [], pale, invite }): `invite` shows "Draw a digit here". */
function drawingPad(page, { show, begin: starts, finish: ends, brush, about }) {
  const pad = { drawing: false };
  const canvas = html("canvas", { "aria-hidden": "true" });
  const hint = html("span", { class: "dw-empty", "aria-hidden": "true" }, "Draw a digit here");
  const box = html("div", { class: "dw-pad twice-handle", tabindex: 0, role: "application", "aria-roledescription": "drawing pad" }, canvas, hint);
  const spoken = html("span", { class: "dw-spoken", role: "status" });
  pad.element = html("div", { class: "dw-holder" }, box, spoken);
  const context = canvas.getContext("2d");
  let small = raster(SIDE);
  let [keys, stroke, pointer, at, lowered, room] = [false, null, null, [14, 8], false, 0];
  const round = (v) => Number(clamp(v, 0, SIDE).toFixed(2));

  const begin = (point) => {
    starts?.();
    stroke = [Number(brush().toFixed(2)), ...point.map(round)];
    store(true);
  };
  const extend = (point, first = false) => {
    const [x, y] = point.map(round);
    if (Math.hypot(x - stroke.at(-2), y - stroke.at(-1)) < 0.2) return;
    stroke.push(x, y);
    store(first);
  };
  const store = (first) => page.set({ strokes: [...page.get("strokes").slice(0, first ? undefined : -1), [...stroke]] }, false);
  const place = (event) => {
    const edge = canvas.getBoundingClientRect();
    return [((event.clientX - edge.left) / edge.width) * SIDE, ((event.clientY - edge.top) / edge.height) * SIDE];
  };
  const finish = () => {
    [stroke, pointer, lowered, pad.drawing] = [null, null, false, false];
    page.set({});
    ends?.();
    show();
  };
  pad.lift = () => { if (stroke) finish(); };
  box.addEventListener("pointerdown", (event) => {
    if (event.button || pointer !== null) return;
    event.preventDefault();
    pad.lift();
    box.focus({ preventScroll: true });
    box.setPointerCapture(event.pointerId);
    [pointer, keys, pad.drawing] = [event.pointerId, false, true];
    begin(place(event));
  });
  box.addEventListener("pointermove", (event) => {
    if (pointer !== event.pointerId) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) extend(place(each));
  });
  for (const type of ["pointerup", "pointercancel"]) box.addEventListener(type, (event) => { if (pointer === event.pointerId) finish(); });
  box.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || pointer !== null) return;
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (step) {
      at = at.map((v, axis) => round(v + step[axis] * (event.shiftKey ? 0.25 : 1)));
      if (lowered) extend(at);
    } else if (event.key === " " && !event.repeat) {
      if (lowered) finish();
      else { lowered = pad.drawing = true; begin(at); }
      spoken.textContent = lowered ? "Brush down." : "Brush up.";
    } else return;
    keys = true;
    event.preventDefault();
    show();
  });
  box.addEventListener("focus", () => { keys = pointer === null; show(); });
  box.addEventListener("blur", () => { keys = false; if (lowered) finish(); show(); });
  const observer = new ResizeObserver(() => { room = canvas.clientWidth; show(); });
  observer.observe(box);
  page.onDispose(() => observer.disconnect());

  pad.paint = ({ colors, ramp, strokes, image, pale, invite }) => {
    const size = Math.round((room || 280) * (globalThis.devicePixelRatio || 1));
    if (canvas.width !== size) canvas.width = canvas.height = size;
    context.setTransform(size / SIDE, 0, 0, size / SIDE, 0, 0);
    context.clearRect(0, 0, SIDE, SIDE);
    if (image.length) {
      const side = image.length;
      if (small.canvas.width !== side) small = raster(side);
      small.fill((i) => shadeOf(ramp, image[Math.floor(i / side)][i % side], pale ? 2 : 1)); // paler: it is not the reader's
      context.drawImage(small.canvas, 0, 0, SIDE, SIDE);
    }
    Object.assign(context, { lineCap: "round", lineJoin: "round", strokeStyle: colors.ink, fillStyle: colors.ink });
    for (const [width, ...points] of strokes) {
      context.beginPath();
      context.lineWidth = width;
      for (let k = 0; k < points.length; k += 2) context.lineTo(points[k], points[k + 1]);
      if (points.length === 2) context.lineTo(points[0] + 0.001, points[1]);
      context.stroke();
    }
    if (keys) {
      context.beginPath();
      context.arc(...at, brush() / 2 + 0.3, 0, 2 * Math.PI);
      Object.assign(context, { lineWidth: 0.35, strokeStyle: colors.accent });
      context.stroke();
      if (!lowered) { context.beginPath(); context.arc(...at, 0.3, 0, 2 * Math.PI); context.fillStyle = colors.accent; context.fill(); }
    }
    hint.hidden = !invite;
    hint.classList.toggle("dw-above", image.length > 0);
    box.setAttribute("aria-label", `Drawing pad, ${about() || `${strokes.length} strokes`}. Brush ${lowered ? "down" : "up"} at column ${at[0]}, row ${at[1]} of 28. ` +
      "Arrow keys move it, Space lowers and lifts it.");
  };
  return pad;
}
