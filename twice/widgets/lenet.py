"""What a trained LeNet sees: draw a digit, and its feature maps and scores follow every stroke."""

import base64
import math
from functools import cache
from pathlib import Path

import numpy as np
import traitlets

from twice.scratch.lenet import lenet
from twice.scratch.losses import log_softmax

from .base import Demo, finite
from .drawing import SIDE, Strokes, ink, prepare, text_of

SHAPES = (
    (5, 5, 1, 6),
    (6,),
    (5, 5, 6, 16),
    (16,),
    (400, 120),
    (120,),
    (120, 84),
    (84,),
    (84, 10),
    (10,),
)
LAYERS = {"conv1": (6, 28), "pool1": (6, 14), "conv2": (16, 10), "pool2": (16, 5)}
PARTS = (  # what each layer of `twice.scratch.lenet` puts out, if it is shown
    *("", "conv1", "pool1", "", "conv2", "pool2", "", "", "dense1", "", "dense2", "logits"),
)
WELCOME = 7  # the example that is shown until something is drawn
STORED = Path(__file__).with_name("lenet.npz")


def forward(weights, x):
    """Every layer's numbers for the input x (28, 28): {"input", "conv1", ..., "probabilities"}."""
    model = lenet(rng=np.random.default_rng(0), dtype=np.float64)
    model.set_weights(weights)
    x = np.asarray(x, dtype=float)
    found, a = {"input": x}, x[None, ..., None]
    for layer, name in zip(model.layers, PARTS, strict=True):
        a = layer.forward(a)
        if name:
            found[name] = a[0]
    found["probabilities"] = np.exp(log_softmax(found["logits"]))
    return found


@cache
def _stored():
    """The trained weights, the examples (n, 28, 28) in 16 shades and their names."""
    with np.load(STORED) as file:
        weights = [file[f"w{i}"] for i in range(len(SHAPES))]
        return weights, file["examples"], file["names"].tolist()


class Image(traitlets.TraitType):
    """28 rows of 28 numbers in [0, 1], or an empty list; arrays are welcome."""

    def validate(self, demo, value):
        try:
            image = np.array(value, dtype=float)
        except (TypeError, ValueError):
            image = np.full((1, 1), math.nan)
        if image.size == 0:
            return []
        if image.shape != (SIDE, SIDE):
            raise traitlets.TraitError(
                f"an image must be {SIDE} rows of {SIDE} pixels, not of shape {image.shape}"
            )
        if not np.all((image >= 0) & (image <= 1)):
            raise traitlets.TraitError(
                "an image must hold numbers from 0 (paper) to 1 (ink), "
                f"not {image.min()} to {image.max()}"
            )
        return image.tolist()


class LeNet(Demo):
    """Draw a digit: a trained LeNet's feature maps and scores follow the stroke.

    `LeNet()` has the book's weights (`experiments/lenet.py`); `LeNet(weights=model.get_weights())`
    shows your own network of the same shape: a 28 x 28 x 1 input, Conv2D(6, 5, padding="same"),
    pooling, Conv2D(16, 5), pooling, Dense 120, 84 and 10, ReLU, max-pooling, logits at the end.
    Weights are rounded to float16 on the way to the page. Until something is drawn, the page shows
    an example, which is in no trait. `pixels` is the input that the network
    gets; set it to show it an image of your own. `scores` are the ten probabilities, `predicted`
    is the digit, `layers` holds every layer's numbers.
    """

    script = ("drawing.js", "lenet.js")
    figure_size = (9.0, 3.6)

    goal = traitlets.Unicode(
        "Draw a digit that it reads with 95 % or more. Then shift it, without redrawing, until it "
        "reads another digit.",
        read_only=True,
    ).tag(sync=True)
    strokes = Strokes(
        default_value=[], help="Lines [width, x1, y1, x2, y2, ...] on a pad of 28 x 28, y down."
    ).tag(sync=True)
    image = Image(
        default_value=[], help="What the strokes lie on: 28 rows of 28 in [0, 1], or none."
    ).tag(sync=True)
    brush = traitlets.Float(2.4, min=1, max=4, help="Width of new strokes, 1 to 4.").tag(sync=True)
    center = traitlets.Bool(True, help="Center and scale the drawing, as MNIST's makers did.").tag(
        sync=True
    )
    right = traitlets.Float(0.0, min=-5, max=5, help="Shift in pixels, -5 to 5.").tag(sync=True)
    down = traitlets.Float(0.0, min=-5, max=5, help="Shift in pixels, -5 to 5.").tag(sync=True)
    angle = traitlets.Float(0.0, min=-180, max=180, help="Degrees, clockwise.").tag(sync=True)
    zoom = traitlets.Float(1.0, min=0.5, max=1.5, help="Size, 0.5 to 1.5.").tag(sync=True)
    look = traitlets.Unicode(
        "conv1.1", help='The enlarged map: "conv1.1" to "conv1.6", pool1, conv2, pool2.'
    ).tag(sync=True)
    pixel = traitlets.List(
        help="(row, column) of the pixel looked at, from 0; empty: the brightest."
    ).tag(sync=True)
    explain = traitlets.Enum(
        ("none", "saliency", "occlusion"), "none", help="How to show which pixels matter."
    ).tag(sync=True)
    packed = traitlets.Unicode(help="The weights for the page: float16, base64.").tag(sync=True)
    examples = traitlets.Unicode(help="The example digits, two pixels a byte, base64.").tag(
        sync=True
    )
    example_names = traitlets.List(traitlets.Unicode(), help="Their names.").tag(sync=True)

    def __init__(self, weights=None, pixels=None, **traits):
        stored, examples, names = _stored()
        nibbles = examples.reshape(len(examples), -1)
        traits.setdefault("examples", text_of(nibbles[:, ::2] << 4 | nibbles[:, 1::2]))
        traits.setdefault("example_names", names)
        super().__init__(**traits)
        self.weights = stored if weights is None else weights
        if pixels is not None:
            self.pixels = pixels

    @property
    def weights(self):
        """The network's ten arrays, as Keras's `get_weights` orders them, rounded to float16."""
        sizes = np.cumsum([math.prod(shape) for shape in SHAPES])[:-1]
        flat = np.frombuffer(base64.b64decode(self.packed), dtype="<f2").astype(np.float32)
        return [w.reshape(s) for w, s in zip(np.split(flat, sizes), SHAPES, strict=True)]

    @weights.setter
    def weights(self, arrays):
        try:
            arrays = [np.asarray(array, dtype=float) for array in arrays]
        except (TypeError, ValueError):
            raise traitlets.TraitError(
                f"weights must be a list of {len(SHAPES)} arrays, not {arrays!r}"
            ) from None
        if len(arrays) != len(SHAPES):
            raise traitlets.TraitError(
                f"weights must be {len(SHAPES)} arrays of shapes {list(SHAPES)}, "
                f"not {len(arrays)} of shapes {[array.shape for array in arrays]}"
            )
        for i, (array, shape) in enumerate(zip(arrays, SHAPES, strict=True)):
            if array.shape != shape:
                raise traitlets.TraitError(
                    f"weights[{i}] must have the shape {shape}, not {array.shape}"
                )
            if not np.all(np.abs(array) < 65504):
                raise traitlets.TraitError(
                    f"weights[{i}] must hold finite numbers below 65504 (they are sent as float16)"
                )
        flat = np.concatenate([array.ravel() for array in arrays])
        self.packed = text_of(flat.astype("<f2"))

    @property
    def pixels(self):
        """What the network gets, (28, 28) in [0, 1]; set it to an image and it gets just that."""
        return self._seen(self.strokes, self.image)

    @pixels.setter
    def pixels(self, image):
        image = np.asarray(image)
        if image.shape == (SIDE, SIDE, 1):
            image = image[..., 0]
        self.image = image
        self.strokes = []
        self.center, self.right, self.down, self.angle, self.zoom = False, 0, 0, 0, 1

    def _seen(self, strokes, image):
        moves = {name: getattr(self, name) for name in ("right", "down", "angle", "zoom")}
        return prepare(ink(strokes, image), center=self.center, **moves)

    @property
    def layers(self):
        """Every layer's numbers: input, conv1, pool1, conv2, ... logits, probabilities."""
        return forward(self.weights, self.pixels)

    @property
    def scores(self):
        """The probabilities of the ten digits, (10,)."""
        return self.layers["probabilities"]

    @property
    def predicted(self):
        """The digit with the highest score."""
        return int(np.argmax(self.scores))

    _finite = traitlets.validate("right", "down", "angle", "zoom", "brush")(finite)

    @traitlets.validate("look")
    def _a_map(self, proposal):
        layer, _, number = proposal["value"].partition(".")
        if number not in [str(k + 1) for k in range(LAYERS.get(layer, (0,))[0])]:
            raise traitlets.TraitError(
                'look must name a map, "conv1.1" to "conv1.6", "pool1.1" to "pool1.6", "conv2.1" '
                f'to "conv2.16" or "pool2.1" to "pool2.16", not {proposal["value"]!r}'
            )
        return proposal["value"]

    @traitlets.validate("pixel")
    def _a_pixel(self, proposal):
        value = list(proposal["value"])
        if value and (len(value) != 2 or not all(v in range(SIDE) for v in value)):
            raise traitlets.TraitError(
                f"pixel must be (row, column), each from 0 to {SIDE - 1}, or empty, not {value!r}"
            )
        return [int(v) for v in value]

    @traitlets.validate("packed")
    def _all_weights(self, proposal):
        size = 2 * sum(math.prod(shape) for shape in SHAPES)
        if len(base64.b64decode(proposal["value"])) != size:
            raise traitlets.TraitError(f"packed must be {size} bytes in base64: set weights")
        return proposal["value"]

    def summary(self):
        moves = "".join(
            f", {name}={getattr(self, name):g}"
            for name, still in (("right", 0), ("down", 0), ("angle", 0), ("zoom", 1))
            if getattr(self, name) != still
        )
        if not self.strokes and not self.image:
            return f"LeNet(nothing drawn{moves})"
        scores = self.scores
        first, second = np.argsort(-scores)[:2]
        drawn = f"{len(self.strokes)} strokes" + (" on an image" if self.image else "")
        return (
            f"LeNet({drawn}{moves}): it sees a {first}, at {scores[first]:.0%}; "
            f"next: {second}, at {scores[second]:.0%}"
        )

    def draw(self, figure):
        from twice import plots

        blank = not self.strokes and not self.image
        x = self._seen([], _stored()[1][WELCOME] / 15) if blank else self.pixels
        layers = forward(self.weights, x)
        left, middle, right = figure.subfigures(1, 3, width_ratios=(1, 1.7, 1))
        ax = left.subplots()
        ax.imshow(layers["input"], cmap="gray_r", vmin=0, vmax=1)
        ax.set(title="An example" if blank else "What the network gets")
        ax.set(xticks=[0, 14, 27], yticks=[0, 14, 27])
        axes = middle.subplots(4, 8)
        for ax in axes.flat:
            ax.axis("off")
        middle.suptitle("Convolutions: 6 and 16 maps", fontsize=12)
        for layer, count, cells in (
            ("conv1", 6, axes[:2, :3].ravel()),
            ("pool1", 6, axes[:2, 4:7].ravel()),
            ("conv2", 16, axes[2:].ravel()),
        ):
            for k in range(count):
                cells[k].imshow(layers[layer][..., k], cmap="YlOrBr", vmin=0)
        ax = right.subplots()
        p = layers["probabilities"]
        colors = [plots.NUMPY if k == p.argmax() else plots.GREY for k in range(10)]
        ax.barh(range(10), p, color=colors)
        ax.set(xlim=(0, 1), yticks=range(10), xlabel="probability", ylabel="digit", title="Scores")
        ax.invert_yaxis()
