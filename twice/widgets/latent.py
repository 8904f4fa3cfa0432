"""The plane of a variational autoencoder with two latent numbers: drag, draw, walk."""

import base64
import math
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import traitlets

from twice.scratch.losses import log_softmax

from .base import Demo, Numbers, Seeded, finite
from .drawing import KEPT, SIDE, Strokes, ink, prepare, shrink, text_of

STORED = Path(__file__).with_name("latent.npz")
NETS = ("encoder", "decoder", "classifier")
PAIR, SHARE = (3, 9), 0.3  # the goal: where the one turns into the other
RINGS = (1.515, 2.448)  # deviations within which 68 % and 95 % of a plane's normal draws fall
BRUSH = 4.0  # new strokes: so that a drawing has as much ink as the digits the network learned
WELCOME, FIRST = 7, 9  # the example to begin with, and the digit that the line leads to
FRAMES = 9
TONES = (  # a color for each digit; the numerals say which it is
    *("#182072", "#612c01", "#386850", "#550c2b", "#985ed6"),
    *("#8d3f04", "#6d4a82", "#0a435a", "#917e06", "#0d8d78"),
)


def shapes_of(sizes):
    """The shapes of kernel, bias, kernel, bias, ... of dense layers of these sizes."""
    return [shape for n, m in pairwise(sizes) for shape in ((n, m), (m,))]


def dense(arrays, x):
    """Dense layers with ReLU between them: x (..., n) -> (..., m), nothing behind the last."""
    *hidden, (kernel, bias) = zip(arrays[::2], arrays[1::2], strict=True)
    for w, b in hidden:
        x = np.maximum(x @ w + b, 0)
    return x @ kernel + bias


def encode(encoder, x):
    """The mean and the standard deviation of each picture's code: x (..., n) -> (..., 2) twice."""
    out = dense(encoder, x)
    return out[..., :2], np.exp(out[..., 2:] / 2)


def decode(decoder, z):
    """The pictures of the codes z (..., 2): (..., n), each pixel the probability of ink."""
    return 1 / (1 + np.exp(-dense(decoder, np.asarray(z, dtype=float))))


def medoid(codes):
    """Of these codes (n, 2), the one whose distances to all others have the smallest sum."""
    away = np.linalg.norm(codes[:, None] - codes, axis=-1)
    return codes[away.sum(axis=1).argmin()]


def seen(strokes, side):
    """Strokes as the encoder gets them, (side, side): prepared as MNIST's makers did, reduced."""
    image = prepare(ink(strokes))
    return image if side == SIDE else shrink(image, side)


@cache
def _stored():
    with np.load(STORED) as file:
        nets = [
            [file[f"{net[0]}{i}"] for i in range(sum(name[0] == net[0] and name[1:].isdigit()
                                                     for name in file.files))]
            for net in NETS
        ]  # fmt: skip
        return nets, file["codes"], file["labels"], file["examples"]


def _checked(name, arrays, first, last):
    """Arrays of dense layers that fit each other, from `first` inputs to `last` outputs."""
    try:
        arrays = [np.asarray(array, dtype=float) for array in arrays]
    except (TypeError, ValueError):
        arrays = []
    shapes = [array.shape for array in arrays]
    sizes = [shape[0] for shape in shapes[::2] if len(shape) == 2]
    sizes += [shapes[-1][0]] if shapes and len(shapes[-1]) == 1 else []
    fits = len(sizes) > 1 and shapes == shapes_of(sizes)
    if not fits or first not in (None, sizes[0]) or last not in (None, sizes[-1]):
        raise traitlets.TraitError(
            f"{name} must be the kernels and biases of dense layers, in turn, from "
            f"{first or 'all pixels'} to {last or 'all pixels'} numbers, not arrays of shapes "
            f"{shapes}"
        )
    if not all(np.all(np.abs(array) < 65504) for array in arrays):
        raise traitlets.TraitError(
            f"{name} must hold finite numbers below 65504 (they are sent as float16)"
        )
    return arrays, sizes


class Latent(Demo):
    """The latent plane: drag over it and the decoder draws; draw, and the encoder finds the code.

    `Latent()` has the book's network (`experiments/autoencoders.py`), dense layers with ReLU:
    16 x 16 pixels -> two means and two log variances; two numbers -> 256 logits. Your own comes as
    `encoder` and `decoder`, what their `get_weights()` return, with pictures `x` (n, 16, 16) it
    has not seen and their labels `y` (n,); weights are rounded to float16 on the way to the page.
    `z` is the point on the plane and `decoded` its picture, which a small classifier reads:
    `scores`. `pixels` is what the encoder gets, strokes or an example; `mean` and `deviation`
    are its code; `walk` goes from there (0) to `target` (1) along a line and takes `z` with it.
    """

    script = ("drawing.js", "latent.js")
    figure_size = (8.4, 4.2)

    goal = traitlets.Unicode(
        f"Find where a {PAIR[0]} turns into a {PAIR[1]}: leave ◎ where the classifier "
        f"gives both {100 * SHARE:.0f} % or more.",
        read_only=True,
    ).tag(sync=True)
    z = Numbers((2,), default_value=[0.0, 0.0], help="The point on the plane.").tag(sync=True)
    strokes = Strokes(
        default_value=[], help="Lines [width, x1, y1, x2, y2, ...] on a pad of 28 x 28, y down."
    ).tag(sync=True)
    example = traitlets.Int(
        WELCOME, min=-1, help="A stored picture, shown where there are no strokes; -1: none."
    ).tag(sync=True)
    target = Numbers((2,), default_value=[0.0, 0.0], help="Where the line ends.").tag(sync=True)
    walk = traitlets.Float(0.0, min=0, max=1, help="How far along the line, 0 to 1.").tag(sync=True)
    show_codes = traitlets.Bool(True, help="Show the codes of held-out digits.").tag(sync=True)
    show_map = traitlets.Bool(False, help="Show what the decoder draws everywhere.").tag(sync=True)
    seed = traitlets.Int(0, min=0, help="Of the last draw from the prior.").tag(sync=True)
    packed = traitlets.Unicode(help="All weights for the page: float16, base64.").tag(sync=True)
    sizes = traitlets.List(help="Numbers in each layer of encoder, decoder and classifier.").tag(
        sync=True
    )
    codes_packed = traitlets.Unicode(help="Codes of held-out digits: float16, base64.").tag(
        sync=True
    )
    labels = traitlets.Unicode(help="Which digits they are, one letter each.").tag(sync=True)
    examples = traitlets.Unicode(help="Stored pictures, two pixels a byte, base64.").tag(sync=True)
    example_labels = traitlets.Unicode(help="Which digits they are.").tag(sync=True)

    def __init__(self, encoder=None, decoder=None, x=None, y=None, classifier=None, **traits):
        own = [value is not None for value in (encoder, decoder, x, y)]
        if any(own) and not all(own):
            raise traitlets.TraitError("encoder, decoder, x and y must be given together")
        nets, codes, labels, examples = _stored()
        self._following = False
        super().__init__(**traits)
        given = (encoder or nets[0], decoder or nets[1], classifier or nets[2])
        self.weights = dict(zip(NETS, given, strict=True))
        if own[0]:
            codes, labels, examples, named = self._pictures(x, y)
        else:
            named = np.repeat(np.arange(10), len(examples) // 10)
        nibbles = examples.reshape(len(examples), -1)
        self.examples = text_of(nibbles[:, ::2] << 4 | nibbles[:, 1::2])
        self.example_labels = "".join(map(str, named))
        self.codes_packed = text_of(codes.astype("<f2"))
        self.labels = "".join(map(str, labels))
        if "example" not in traits:
            self.example = min(WELCOME, len(examples) - 1)
        if self.example >= len(examples):
            raise traitlets.TraitError(
                f"example must be -1 to {len(examples) - 1}, not {self.example}"
            )
        if "target" not in traits:
            self.target = self.medoids.get(FIRST, codes[0])
        if "z" not in traits:
            self.z = self.on_line(self.walk)
        self._following = True

    def _pictures(self, x, y):
        """Codes and labels of pictures x, and two examples of each digit that occurs."""
        x, y = np.asarray(x, dtype=float), np.asarray(y)
        n = self.sizes[0][0]
        if x.ndim < 2 or x[0].size != n or y.shape != x.shape[:1]:
            raise traitlets.TraitError(
                f"x must be pictures of {n} pixels with a label each in y, "
                f"not of shapes {x.shape} and {y.shape}"
            )
        if not (np.all((x >= 0) & (x <= 1)) and np.isin(y, range(10)).all()):
            raise traitlets.TraitError(
                "x must hold numbers from 0 (paper) to 1 (ink), and y digits 0 to 9"
            )
        x, y = x.reshape(len(x), n), y.astype(int)
        picked = np.concatenate([np.flatnonzero(y == digit)[:2] for digit in range(10)])
        shades = np.round(15 * x[picked]).astype(np.uint8)
        return encode(self.weights["encoder"], x)[0], y, shades, y[picked]

    # ---- the network ----

    @property
    def weights(self):
        """{"encoder": [kernel, bias, ...], "decoder": ..., "classifier": ...}, as float16."""
        flat = np.frombuffer(base64.b64decode(self.packed), dtype="<f2").astype(float)
        found, at = {}, 0
        for net, sizes in zip(NETS, self.sizes, strict=True):
            found[net] = []
            for shape in shapes_of(sizes):
                found[net].append(flat[at : at + math.prod(shape)].reshape(shape))
                at += math.prod(shape)
        return found

    @weights.setter
    def weights(self, nets):
        encoder, first = _checked("encoder", nets["encoder"], None, 4)
        side = math.isqrt(first[0])
        if side**2 != first[0] or not (side <= KEPT or side == SIDE) or side % 2:
            raise traitlets.TraitError(
                f"pictures must be square, 2 to {KEPT} pixels a side, an even number, or {SIDE}; "
                f"not of {first[0]} pixels"
            )
        decoder, second = _checked("decoder", nets["decoder"], 2, first[0])
        classifier, third = _checked("classifier", nets["classifier"], first[0], 10)
        self.sizes = [first, second, third]
        flat = np.concatenate([a.ravel() for a in (*encoder, *decoder, *classifier)])
        self.packed = text_of(flat.astype("<f2"))

    @property
    def side(self):
        """Pixels along a side of a picture."""
        return math.isqrt(self.sizes[0][0])

    @property
    def codes(self):
        """The codes of the held-out digits, (n, 2)."""
        return (
            np.frombuffer(base64.b64decode(self.codes_packed), "<f2").astype(float).reshape(-1, 2)
        )

    @property
    def medoids(self):
        """{digit: the code in the middle of those of this digit}."""
        codes, labels = self.codes, np.array(list(self.labels), dtype=int)
        return {int(d): medoid(codes[labels == d]) for d in np.unique(labels)}

    @property
    def reach(self):
        """Half the width of the plane: three standard deviations, or as far as the codes lie."""
        return max(3.0, math.ceil(2 * np.abs(self.codes).max()) / 2)

    def classify(self, pictures):
        """The classifier's ten probabilities for each picture (..., side * side)."""
        return np.exp(log_softmax(dense(self.weights["classifier"], pictures)))

    # ---- what is shown ----

    @property
    def pixels(self):
        """What the encoder gets, (side, side) in [0, 1]: the strokes, else the example, or None."""
        if self.strokes:
            return seen(self.strokes, self.side)
        if self.example < 0:
            return None
        raw = np.frombuffer(base64.b64decode(self.examples), np.uint8)
        pixels = np.stack([raw >> 4, raw & 15], axis=-1).reshape(-1, self.side, self.side)
        return np.round(pixels[self.example] / 15, 3)

    @property
    def mean(self):
        """The mean of the picture's code, (2,), or None if nothing is drawn."""
        return self._code(0)

    @property
    def deviation(self):
        """Its standard deviation along each axis, (2,), or None."""
        return self._code(1)

    def _code(self, which):
        x = self.pixels
        return None if x is None else encode(self.weights["encoder"], x.ravel())[which]

    def decode(self, z):
        """The decoder's pictures of codes (..., 2): (..., side, side)."""
        pictures = decode(self.weights["decoder"], z)
        return pictures.reshape(*np.shape(z)[:-1], self.side, self.side)

    @property
    def reconstruction(self):
        """The picture that the mean of the code is decoded to, or None."""
        return None if self.pixels is None else self.decode(self.mean)

    @property
    def decoded(self):
        """The picture at `z`, (side, side)."""
        return self.decode(self.z)

    @property
    def scores(self):
        """The classifier's probabilities of the ten digits for that picture, (10,)."""
        return self.classify(self.decoded.ravel())

    def on_line(self, t):
        """The point at t of the line from the picture's code (0) to the target (1)."""
        if self.pixels is None:
            return np.array(self.z)
        return self.mean + t * (np.array(self.target) - self.mean)

    @property
    def frames(self):
        """Nine pictures along the line, (9, side, side)."""
        return self.decode([self.on_line(t) for t in np.linspace(0, 1, FRAMES)])

    def draw_from_prior(self):
        """Move `z` to the next draw from the prior, a standard normal in two dimensions."""
        self.seed += 1
        stream = Seeded(self.seed)
        self.z = [stream.normal(), stream.normal()]

    @traitlets.observe("strokes", "example")
    def _drawn(self, change):
        if self._following and not self.from_page:
            self.walk = 0.0
            self.z = self.on_line(0)

    @traitlets.observe("walk", "target")
    def _walked(self, change):
        if self._following and not self.from_page:
            self.z = self.on_line(self.walk)

    _finite = traitlets.validate("walk")(finite)

    @traitlets.validate("example")
    def _one_of_them(self, proposal):
        count = len(self.example_labels)
        if count and proposal["value"] >= count:
            raise traitlets.TraitError(
                f"example must be -1 to {count - 1}, not {proposal['value']}"
            )
        return proposal["value"]

    def summary(self):
        first, second = np.argsort(-self.scores)[:2]
        p = self.scores
        text = (
            f"Latent: at ({self.z[0]:.2f}, {self.z[1]:.2f}) the classifier reads "
            f"{first} ({p[first]:.0%}), next {second} ({p[second]:.0%})"
        )
        if self.pixels is None:
            return f"{text}; nothing is drawn"
        (a, b), (s, t) = self.mean, self.deviation
        what = f"{len(self.strokes)} strokes" if self.strokes else f"example {self.example}"
        return f"{text}; {what}: the code is {a:.2f} ± {s:.2f}, {b:.2f} ± {t:.2f}"

    def draw(self, figure):
        from matplotlib.patches import Ellipse

        left, right = figure.subfigures(1, 2, width_ratios=(1.25, 1))
        ax = left.subplots()
        reach = self.reach
        ax.set(xlim=(-reach, reach), ylim=(-reach, reach), xlabel="$z_1$", ylabel="$z_2$")
        ax.set(aspect="equal")
        layers = ("Codes of held-out digits", self.show_codes), ("Decoded map", self.show_map)
        ax.set_title("; ".join(name for name, on in layers if on) or "The latent plane")
        if self.show_map:
            line = np.linspace(-reach, reach, 2 * 17 + 1)[1::2]
            tiles = self.decode(np.stack(np.meshgrid(line, line[::-1]), axis=-1))
            n = 17 * self.side
            ax.imshow(tiles.transpose(0, 2, 1, 3).reshape(n, n), cmap="gray_r",
                      extent=(-reach, reach, -reach, reach),
                      alpha=0.4 if self.show_codes else 1)  # fmt: skip
        if self.show_codes:
            for (u, v), digit in zip(self.codes, self.labels, strict=True):
                ax.text(u, v, digit, color=TONES[int(digit)], fontsize=7, ha="center", va="center")
        if self.pixels is not None:
            ax.plot(*zip(self.mean, self.target, strict=True), "k--", linewidth=1)
            ax.plot(*self.target, "D", color="k", markersize=6, markeredgecolor="w")
            for ring in RINGS:
                size = 2 * ring * self.deviation
                ax.add_patch(Ellipse(self.mean, *size, facecolor="#0072B238", edgecolor="#0072B2"))
        ax.plot(*self.z, "o", color="none", markeredgecolor="#D55E00", markeredgewidth=2, ms=15)
        shown = [(self.pixels, "Drawn"), (self.reconstruction, "Comes back as")]
        shown.append((self.decoded, "The decoder draws at the point"))
        grid = right.add_gridspec(2, 2)
        for (image, title), place in zip(shown, (grid[1, 0], grid[1, 1], grid[0, :]), strict=True):
            ax = right.add_subplot(place)
            blank = np.zeros((self.side, self.side))
            ax.imshow(blank if image is None else image, cmap="gray_r", vmin=0, vmax=1)
            ax.set(xticks=[], yticks=[])
            ax.set_title(title, fontsize=10)
