"""The dropout demo: thinned nets, the mean of all of them, and the full net that stands in."""

from functools import cache
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np
import traitlets

from twice.scratch.adaptive import Adam
from twice.scratch.backpropagation import Activation, Dense, Layer, Sequential
from twice.scratch.initializers import he_normal
from twice.scratch.losses import BinaryCrossentropy
from twice.scratch.perceptron import sigmoid

from .base import Demo, Numbers, SeededGenerator, finite

UNITS, STEPS, EVERY = 6, 1000, 10
TRAIN, VALIDATION, NOISE, RATE = 60, 400, 0.45, 0.01
MOST, GRID, LIMIT, WANTED = 2000, 28, 3.0, 0.5
MEAN = "#882255"  # what the masks give, as in the page


class Run(NamedTuple):
    """One training: what was learned from, and loss and weights every ten steps."""

    data: tuple
    validation: tuple
    curve: np.ndarray
    kept: list


class _Mask(Layer):
    """Multiplies by given factors, 0 or 1 / (1 - rate) or 1, one row for each point."""

    factors = 1.0

    def forward(self, x, training=False):
        return x * self.factors

    def backward(self, grad):
        return grad * self.factors


def moons(count, seed):
    """Two half moons with Gaussian noise, labels 0 and 1 in turn: x (count, 2), y (count, 1)."""
    u = SeededGenerator(seed).random(5 * count).reshape(count, 5)
    noise = [np.sqrt(-2 * np.log(1 - u[:, k])) * np.cos(2 * np.pi * u[:, k + 1]) for k in (1, 3)]
    y = np.arange(count) % 2
    side, angle = np.where(y, -1, 1), np.pi * u[:, 0]
    moon = (side * (1.5 * np.cos(angle) - 0.75), side * (1.5 * np.sin(angle) - 0.45))
    x = [m + NOISE * n for m, n in zip(moon, noise, strict=True)]
    return np.stack(x, axis=1), y[:, None].astype(float)


def network(seed):
    """The untrained net of a seed, with a `_Mask` behind each hidden layer."""
    rng = SeededGenerator(10 * seed + 3)
    layers = []
    for n_in, n_out in pairwise((2, UNITS, UNITS, 1)):
        layers.append(Dense(n_in, n_out, rng=rng, initializer=he_normal, dtype=np.float64))
        layers += [Activation("relu"), _Mask()] if n_out > 1 else []
    return Sequential(layers)


def set_mask(net, factors):
    """Put a mask, (12,), or one for each point, (N, 12), behind the hidden layers; 1: none."""
    factors = np.broadcast_to(factors, (*np.shape(factors)[:-1], 2 * UNITS))
    net.layers[2].factors, net.layers[5].factors = factors[..., :UNITS], factors[..., UNITS:]


def keep_factor(rate, scaling):
    """What a kept unit's output is multiplied by in training."""
    return 1 / (1 - rate) if scaling == "inverted" else 1.0


@cache
def train(seed, rate, scaling):
    """Train the net of a seed for 1,000 steps of Adam, all points at once, a mask for each."""
    net, loss, adam = network(seed), BinaryCrossentropy(from_logits=True), Adam(RATE)
    data, validation = moons(TRAIN, 10 * seed + 1), moons(VALIDATION, 10 * seed + 2)
    rng, keep = SeededGenerator(10 * seed + 4), keep_factor(rate, scaling)
    curve, kept = [], []
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            set_mask(net, 1.0)
            both = [float(loss.forward(y, net.forward(x))) for x, y in (data, validation)]
            curve.append((step, *both))
            kept.append(net.get_weights())
        if step == STEPS:
            return Run(data, validation, np.array(curve), kept)
        set_mask(net, np.where(rng.random(TRAIN * 2 * UNITS) < rate, 0, keep).reshape(TRAIN, -1))
        loss.forward(data[1], net.forward(data[0]))
        net.backward(loss.backward(), input_gradient=False)
        adam.step(net.params, net.grads)


def outputs(weights, x, masks):
    """The net's z for points x (N, 2) under masks (M, 12): (M, N), and of layer 2: (M, N, 6)."""
    w1, b1, w2, b2, w3, b3 = weights
    h1 = np.maximum(x @ w1 + b1, 0)
    z2 = (h1 * masks[:, None, :UNITS]) @ w2 + b2
    return ((np.maximum(z2, 0) * masks[:, None, UNITS:]) @ w3 + b3)[..., 0], z2


def every_mask(rate, keep, units=2 * UNITS):
    """All 2^units masks (factors 0 or keep) and how likely each is."""
    on = np.array(list(product((0, 1), repeat=units)))
    count = on.sum(axis=1)
    return on * keep, rate ** (units - count) * (1.0 - rate) ** count


def grid():
    """The points on which nets are compared: (784, 2), row after row."""
    ticks = -LIMIT + (np.arange(GRID) + 0.5) * 2 * LIMIT / GRID
    return np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)


class DropoutNet(Demo):
    """A net of 2 x 6 hidden relu units under dropout: its thinned nets, their mean, the full net.

    `DropoutNet(rate=0.5)` trains 1,000 steps on 60 points of two noisy moons, beside a twin without
    dropout; `seed` draws points, weights and masks. `steps` is the step looked at, `masks` the
    number of thinned nets drawn: the last of them is the one in the graph. With `scaling="none"` a
    kept unit is not divided by 1 - rate. `run`, `twin`, `ensemble` and `expectations` hold the
    numbers, computed by the library's layers from the same stream as in the page.
    """

    script = "dropout_net.js"
    figure_size = (9.0, 4.0)

    goal = traitlets.Unicode(
        "Find a dropout rate with which the validation loss ends below 0.50. With too little the "
        "net overfits, with too much it cannot learn.",
        read_only=True,
    ).tag(sync=True)
    rate = traitlets.Float(
        0.25, min=0, max=0.9, help="The share of hidden units dropped, 0 to 0.9."
    ).tag(sync=True)
    scaling = traitlets.Enum(
        ("inverted", "none"), "inverted", help="Kept units divided by 1 - rate, or not."
    ).tag(sync=True)
    seed = traitlets.Int(3, min=0, help="Of points, weights and masks.").tag(sync=True)
    steps = traitlets.Int(
        STEPS, min=0, max=STEPS, help="The training step looked at: 0, 10, ... 1000."
    ).tag(sync=True)
    masks = traitlets.Int(30, min=1, max=MOST, help="Thinned nets drawn, 1 to 2000.").tag(sync=True)
    unit = traitlets.Int(
        0, min=0, max=2 * UNITS - 1, help="The hidden unit looked at: 0 to 5, then 6 to 11."
    ).tag(sync=True)
    point = Numbers((2,), default_value=[1.8, 1.5], help="The input of the graph.").tag(sync=True)
    playing = traitlets.Bool(False, help="Whether the training is played.").tag(sync=True)

    def __init__(self, rate=0.25, **traits):
        super().__init__(rate=rate, **traits)

    _finite = traitlets.validate("rate")(finite)

    @traitlets.validate("steps")
    def _tens(self, proposal):
        if proposal["value"] % EVERY:
            raise traitlets.TraitError(f"steps must be a multiple of 10, not {proposal['value']}")
        return proposal["value"]

    @traitlets.validate("point")
    def _inside(self, proposal):
        if max(map(abs, proposal["value"])) > LIMIT:
            raise traitlets.TraitError(
                f"point must lie within -3 and 3 on both axes, not at {proposal['value']}"
            )
        return proposal["value"]

    @property
    def run(self):
        """The training with dropout: `data`, `validation`, `curve` (step, both losses), `kept`."""
        return train(self.seed, self.rate, self.scaling)

    @property
    def twin(self):
        """The same training without dropout."""
        return train(self.seed, 0.0, "inverted")

    @property
    def weights(self):
        """The weights at the step looked at: kernel and bias, layer by layer."""
        return self.run.kept[self.steps // EVERY]

    @property
    def ensemble(self):
        """On a grid of the plane: `masks`, probabilities, and how far their means are apart.

        masks (M, 12); mean, full, exact (784,): the mean over the masks drawn, the full net, the
        mean over all 4,096 masks; to_full and to_exact (M,): mean absolute differences of the
        mean of the first 1, 2, ... M masks.
        """
        keep, x = keep_factor(self.rate, self.scaling), grid()
        u = SeededGenerator(10 * self.seed + 5).random(2 * UNITS * self.masks)
        masks = np.where(u < self.rate, 0, keep).reshape(-1, 2 * UNITS)
        p = sigmoid(outputs(self.weights, x, masks)[0])
        means = np.cumsum(p, axis=0) / np.arange(1, self.masks + 1)[:, None]
        full = sigmoid(outputs(self.weights, x, np.ones((1, 2 * UNITS)))[0][0])
        everyone, chance = every_mask(self.rate, keep)
        exact = sum(
            chance[part] @ sigmoid(outputs(self.weights, x, everyone[part])[0])
            for part in np.split(np.arange(len(chance)), 16)
        )
        return {
            "masks": masks,
            "mean": means[-1],
            "full": full,
            "exact": exact,
            "to_full": np.abs(means - full).mean(axis=1),
            "to_exact": np.abs(means - exact).mean(axis=1),
        }

    @property
    def expectations(self):
        """At `point`: z of the six units of layer 2, (6,), and of the output, as pairs.

        The first of a pair is the mean over all masks, as in training, the second that of the
        full net in test.
        """
        x = np.array([self.point])
        everyone, chance = every_mask(self.rate, keep_factor(self.rate, self.scaling))
        z, z2 = outputs(self.weights, x, everyone)
        full, full2 = outputs(self.weights, x, np.ones((1, 2 * UNITS)))
        return {
            "layer_2": (chance @ z2[:, 0], full2[0, 0]),
            "output": (float(chance @ z[:, 0]), float(full[0, 0])),
        }

    def summary(self):
        return (
            f"DropoutNet(rate={self.rate:.4g}, scaling={self.scaling!r}, seed={self.seed}): "
            f"validation loss {self.run.curve[-1, 2]:.2f} after {STEPS} steps, "
            f"{self.twin.curve[-1, 2]:.2f} without dropout"
        )

    def draw(self, figure):
        from twice import plots

        found = self.ensemble
        plane, losses = figure.subplots(1, 2)
        ticks, shape = np.unique(grid()[:, 0]), (GRID, GRID)
        for z in outputs(self.weights, grid(), found["masks"][-30:])[0]:
            if z.min() < 0 < z.max():
                plane.contour(ticks, ticks, z.reshape(shape), [0], colors=MEAN, alpha=0.25)
        for name, color in (("mean", MEAN), ("full", plots.INK)):
            if found[name].min() < 0.5 < found[name].max():
                p = found[name].reshape(shape)
                plane.contour(ticks, ticks, p, [0.5], colors=color, linewidths=2.5)
        x, y = self.run.data
        for label, marker in ((0, "o"), (1, "s")):
            chosen = x[y[:, 0] == label]
            plane.scatter(*chosen.T, s=18, color=plots.CLASS_COLORS[label], marker=marker)
        plane.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
        plane.set(xlim=(-LIMIT, LIMIT), ylim=(-LIMIT, LIMIT))
        plane.set_title(f"rate {self.rate:.2g}: mean of masks (purple), full net")
        runs = ((self.run, MEAN, "with dropout"), (self.twin, plots.GREY, "without"))
        for run, color, name in runs:
            step, train_loss, validation = run.curve.T
            losses.plot(step, train_loss, "--", color=color, label=f"training, {name}")
            losses.plot(step, validation, color=color, label=f"validation, {name}")
        losses.set(xlabel="step", ylabel="loss", ylim=(0, 2.4))
        losses.grid(color="#e3e5e8")
        losses.legend(loc="upper left", fontsize=9)
