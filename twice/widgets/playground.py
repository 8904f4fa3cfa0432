"""The network playground: a small network learns two classes in the plane, live."""

import math
from itertools import pairwise

import numpy as np
import traitlets

from twice.scratch import activations
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.losses import BinaryCrossentropy
from twice.scratch.perceptron import sigmoid

from .base import Demo, Seeded, SeededGenerator

LIMITS = (-3.0, 3.0)  # both axes
TEST_POINTS = 300
DATA = ("xor", "circle", "moons", "blobs", "spirals")
ACTIVATIONS = ("tanh", "sigmoid", "relu", "silu", "linear")
LINK = {  # name in the link: trait
    "data": "data",
    "noise": "noise",
    "train": "train",
    "layers": "hidden",
    "activation": "activation",
    "optimizer": "optimizer",
    "rate": "learning_rate",
    "momentum": "momentum",
    "batch": "batch_size",
    "l1": "l1",
    "l2": "l2",
    "seed": "seed",
}


class PlaygroundDemo(Demo):
    """Build a small network, train it live on points in the plane, and watch every unit learn.

    `PlaygroundDemo(data="spirals", hidden=[8, 8], activation="tanh")`. Every trait can be set and
    read. Another data set, network or seed starts afresh; rate, batch, optimizer and penalties
    change a run on its way. After a pause `weights` holds a pair (kernel (n_in, n_out), bias) for
    each layer, as Keras orders them, and `error` and `loss` measure it in NumPy. `link()` is the
    address of a setting: append it to the page's address, and the demo there opens with it. A link
    reads `#playground=data:spirals,layers:8-8,rate:0.03`; what it leaves out stays as on the page.
    """

    script = "playground.js"
    figure_size = (6.8, 4.6)
    built = False  # from then on another data set or network begins anew

    goal = traitlets.Unicode("Get the test error on the spirals below 5 %.", read_only=True).tag(
        sync=True
    )
    data = traitlets.Enum(DATA, "spirals", help="The data set.").tag(sync=True)
    noise = traitlets.Float(
        0.1, min=0, max=1, help="Standard deviation of the points' blur, 0 to 1."
    ).tag(sync=True)
    train = traitlets.Int(200, min=20, max=400, help="Training points, 20 to 400.").tag(sync=True)
    hidden = traitlets.List(
        traitlets.Int(min=1, max=8), maxlen=4, help="Units of each hidden layer: up to 4 of 1 to 8."
    ).tag(sync=True)
    activation = traitlets.Enum(
        ACTIVATIONS, "tanh", help="Of the hidden layers; the output is a sigmoid."
    ).tag(sync=True)
    optimizer = traitlets.Enum(("sgd", "adam"), "sgd", help="How to step.").tag(sync=True)
    learning_rate = traitlets.Float(0.1, min=1e-4, max=3, help="0.0001 to 3.").tag(sync=True)
    momentum = traitlets.Float(0.0, min=0, max=0.99, help="Of sgd, 0 to 0.99.").tag(sync=True)
    batch_size = traitlets.Int(16, min=1, max=400, help="Points a step.").tag(sync=True)
    l1 = traitlets.Float(0.0, min=0, max=1, help="Adds l1 sum |w| to the loss.").tag(sync=True)
    l2 = traitlets.Float(0.0, min=0, max=1, help="Adds l2 sum w^2 to the loss.").tag(sync=True)
    seed = traitlets.Int(0, min=0, max=9999, help="Of points, weights and order.").tag(sync=True)
    speed = traitlets.Enum(
        ("slow", "medium", "fast"), "medium", help="5 or 60 epochs a second, or all it can."
    ).tag(sync=True)
    unit = traitlets.Unicode(
        "output", help='What the large map shows: "output", "x1", "x2", or "2.5", layer 2, unit 5.'
    ).tag(sync=True)
    show_test = traitlets.Bool(True, help="Show the test points.").tag(sync=True)
    running = traitlets.Bool(False, help="Whether it trains; set it to start.").tag(sync=True)
    epochs = traitlets.Int(0, min=0, help="Epochs trained, at the last pause.").tag(sync=True)
    weights = traitlets.List(
        help="(kernel, bias) of each layer at the last pause; empty: as drawn from the seed."
    ).tag(sync=True)

    def __init__(self, **traits):
        super().__init__(**traits)
        self.built = True

    @traitlets.observe("data", "noise", "train", "hidden", "activation", "seed")
    def _begin_anew(self, change):
        if self.built and not self.from_page:
            self.weights, self.epochs = [], 0

    @traitlets.validate("noise", "learning_rate", "momentum", "l1", "l2")
    def _a_number(self, proposal):
        if not math.isfinite(proposal["value"]):
            name = proposal["trait"].name
            raise traitlets.TraitError(f"{name} must be a number, not {proposal['value']}")
        return proposal["value"]

    @traitlets.validate("unit")
    def _a_unit(self, proposal):
        value = proposal["value"]
        layer, dot, number = value.partition(".")
        counted = dot and layer in tuple("1234") and number in tuple("12345678")
        if value not in ("output", "x1", "x2") and not counted:
            raise traitlets.TraitError(
                f'unit must be "output", "x1", "x2" or such as "2.5" (layer 2, unit 5), '
                f"not {value!r}"
            )
        return value

    @traitlets.validate("weights")
    def _fit_the_network(self, proposal):
        try:
            weights = [
                [np.asarray(w, dtype=float), np.asarray(b, dtype=float)]
                for w, b in proposal["value"]
            ]
        except (TypeError, ValueError):
            weights = [[np.zeros(0), np.zeros(0)]]
        got = [(w.shape, b.shape) for w, b in weights]
        sizes = [2, *self.hidden, 1]
        wanted = [((n, m), (m,)) for n, m in pairwise(sizes)]
        if weights and got != wanted:
            raise traitlets.TraitError(
                f"weights must be (kernel, bias) pairs of shapes {wanted} for hidden={self.hidden},"
                f" not {got}"
            )
        return [[w.tolist(), b.tolist()] for w, b in weights]

    def link(self):
        """The settings as the end of an address: "#playground=data:spirals,noise:0.1,..."."""
        values = {name: getattr(self, trait) for name, trait in LINK.items()}
        values["layers"] = "-".join(map(str, self.hidden)) or "none"
        parts = (f"{k}:{v:.6g}" if isinstance(v, float) else f"{k}:{v}" for k, v in values.items())
        return "#playground=" + ",".join(parts)

    @property
    def points(self):
        """{"train": (x, y), "test": (x, y)}: x (n, 2), y (n,) of 0 and 1."""
        sizes = {"train": (self.train, 1), "test": (TEST_POINTS, 2)}
        return {
            part: make_data(self.data, self.noise, count, 10 * self.seed + k)
            for part, (count, k) in sizes.items()
        }

    @property
    def model(self):
        """The network, with the weights of the last pause: a `Sequential` that ends in logits."""
        rng, layers = SeededGenerator(10 * self.seed + 3), []
        for n, m in pairwise([2, *self.hidden, 1]):
            layers.append(Dense(n, m, rng=rng, dtype=np.float64))  # Glorot, as in the page
            layers.append(Activation(activations.ACTIVATIONS[self.activation]))
        model = Sequential(layers[:-1])
        if self.weights:
            model.set_weights([np.array(w) for pair in self.weights for w in pair])
        return model

    def predict(self, x):
        """The probability of class 1 at x (n, 2), with the weights of the last pause; (n,)."""
        return sigmoid(self.model.forward(np.asarray(x, dtype=float)))[:, 0]

    def error(self, part="test"):
        """The share of the "test" or "train" points that are classed wrongly."""
        x, y = self.points[part]
        return float(np.mean((self.predict(x) > 0.5) != y))

    def loss(self, part="test"):
        """The mean cross-entropy over the "test" or "train" points, without the penalty."""
        x, y = self.points[part]
        return BinaryCrossentropy(from_logits=True).forward(y[:, None], self.model.forward(x))

    def summary(self):
        layers = "-".join(map(str, self.hidden)) or "no hidden layer"
        return (
            f"PlaygroundDemo({self.data!r}, {layers}, {self.activation!r}, seed={self.seed}): "
            f"epoch {self.epochs}, train error {self.error('train'):.1%}, "
            f"test error {self.error():.1%}"
        )

    def draw(self, figure):
        from twice import plots

        ax = figure.subplots()
        line = np.linspace(*LIMITS, 121)
        grid = np.stack(np.meshgrid(line, line), axis=-1)
        p = self.predict(grid.reshape(-1, 2)).reshape(121, 121)
        levels = np.linspace(0, 1, 21)
        ax.contourf(line, line, p, levels, cmap=plots.DIVERGING, alpha=0.6)
        ax.contour(line, line, p, [0.5], colors=plots.INK)
        for part, face in (("test", False), ("train", True)):
            x, y = self.points[part]
            for label in (0, 1):
                color = plots.CLASS_COLORS[label]
                ax.scatter(
                    *x[y == label].T,
                    s=26 if face else 16,
                    marker=plots.CLASS_MARKERS[label],
                    facecolor=color if face else "white",
                    edgecolor="white" if face else color,
                    linewidth=0.6 if face else 1,
                    label=f"class {label}, {part}",
                )
        ax.set(xlim=LIMITS, ylim=LIMITS, aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
        layers = "-".join(map(str, self.hidden)) or "no hidden layer"
        ax.set_title(f"{layers}, epoch {self.epochs}: test error {self.error():.1%}")
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))


def make_data(name, noise, count, seed):
    """The points x (count, 2) and labels y (count,) of a data set, as in playground.js."""
    stream = Seeded(seed)
    size = noise + (0.5 if name == "blobs" else 0)
    points = []
    for i in range(count):
        place = _place(name, i % 2, stream.next)
        points.append([v + size * stream.normal() for v in place])
    return np.array(points), np.arange(count) % 2


def _place(name, label, next):
    """A point of class `label`, before the noise."""
    if name == "xor":
        a, b = 0.3 + 2.2 * next(), 0.3 + 2.2 * next()
        side = -1 if next() < 0.5 else 1
        return side * a, (-side if label else side) * b
    if name == "circle":
        radius = 1.6 + 0.9 * next() if label else 1.2 * math.sqrt(next())
        angle = 2 * math.pi * next()
    elif name == "moons":
        angle = math.pi * next()
        x, y = 1.5 * math.cos(angle), 1.5 * math.sin(angle)
        return (0.75 - x, 0.45 - y) if label else (x - 0.75, y - 0.45)
    elif name == "blobs":
        return (1.1, 1.1) if label else (-1.1, -1.1)
    else:
        radius = 0.25 + 2.35 * next()
        angle = math.pi * (1.3 * radius + label)
    return radius * math.cos(angle), radius * math.sin(angle)
