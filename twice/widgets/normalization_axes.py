"""The normalization demo: which cells of a batch share a mean, and what that takes out."""

import math

import numpy as np
import traitlets

from .base import Demo, Numbers, Seeded, finite

SAMPLES, CHANNELS, POSITIONS = 4, 6, 4
METHODS = {
    "batch": "batch norm",
    "layer": "layer norm",
    "layer_last": "layer norm, axis -1",
    "instance": "instance norm",
    "group": "group norm",
    "rms": "RMS norm",
}
GROUPS = (1, 2, 3, 6)
HIDDEN = 0.1  # a smaller change of the output does not count: a cell shows one decimal


def drawn(seed):
    """The demo's "New numbers", (4, 6, 4): every channel has its own mean and spread."""
    draw = Seeded(seed)
    channels = [(draw.normal(), 0.6 + 0.8 * draw.next()) for _ in range(CHANNELS)]
    values = [
        [mean + spread * draw.normal() for _ in range(POSITIONS)]
        for _ in range(SAMPLES)
        for mean, spread in channels
    ]
    tenths = np.floor(10 * np.array(values) + 0.5)
    return tenths.reshape(SAMPLES, CHANNELS, POSITIONS) / 10


def groups_of(shape, method, groups=3):
    """The number of its group for every cell; `shape` is (samples, channels, positions)."""
    n, c, p = np.indices(shape)
    part = c * groups // shape[1]
    return {
        "batch": c,
        "layer": n,
        "layer_last": n * shape[2] + p,
        "instance": n * shape[1] + c,
        "group": n * groups + part,
        "rms": n * shape[2] + p,
    }[method]


class Block(traitlets.TraitType):
    """Numbers of shape (4, 6, 4), at most 100 in size; an array or nested lists."""

    def validate(self, demo, value):
        try:
            array = np.array(value, dtype=float)
        except (TypeError, ValueError):
            array = np.array(math.nan)
        shape = (SAMPLES, CHANNELS, POSITIONS)
        if array.shape != shape:
            raise traitlets.TraitError(
                f"{self.name} must be numbers of shape {shape}, not of shape {array.shape}"
            )
        if not (np.abs(array) <= 100).all():
            raise traitlets.TraitError(f"{self.name} must hold numbers from -100 to 100 only")
        return array.tolist()


def _index(last, default, what):
    return traitlets.Int(default, min=0, max=last, help=what).tag(sync=True)


class NormalizationAxes(Demo):
    """A block of samples, channels and positions; six ways to say which cells share a mean.

    `NormalizationAxes("group", groups=2, sample_scale=10)`. Every trait can be set and read;
    indices count from 0, the page counts from 1. `values` are the numbers before the
    disturbances, of which the first `batch_size` samples and `positions` positions are shown; `x`
    is what goes in, `y` what comes out. Methods: batch, layer (over channels and positions),
    layer_last (over the channels at one position, Keras's axis=-1), instance, group, rms (no mean
    is taken). gamma is 1 and beta is 0.
    """

    script = "normalization_axes.js"
    figure_size = (9.6, 4.6)

    goal = traitlets.Unicode(
        "Sample 3 is ten times too bright, and anyone can tell. Make channel 5 ten times too "
        "bright as well; then find the method that hides both.",
        read_only=True,
    ).tag(sync=True)
    method = traitlets.Enum(list(METHODS), "batch", help="One of the six.").tag(sync=True)
    groups = traitlets.Enum(GROUPS, 3, help="Of channels: 1, 2, 3 or 6.").tag(sync=True)
    values = Block(help="(4, 6, 4), from -100 to 100.").tag(sync=True)
    batch_size = traitlets.Int(SAMPLES, min=1, max=SAMPLES, help="1 to 4.").tag(sync=True)
    positions = traitlets.Int(POSITIONS, min=1, max=POSITIONS, help="1 to 4.").tag(sync=True)
    cell = traitlets.List(help="The cell looked at: [sample, channel, position].").tag(sync=True)
    sample = _index(SAMPLES - 1, 2, "The disturbed sample, 0 to 3.")
    sample_scale = traitlets.Float(10.0, min=0.1, max=10, help="Multiplies it.").tag(sync=True)
    sample_shift = traitlets.Float(0.0, min=-5, max=5, help="Is added to it.").tag(sync=True)
    channel = _index(CHANNELS - 1, 4, "The disturbed channel, 0 to 5.")
    channel_scale = traitlets.Float(1.0, min=0.1, max=10, help="Multiplies it.").tag(sync=True)
    channel_shift = traitlets.Float(0.0, min=-5, max=5, help="Is added to it.").tag(sync=True)
    inference = traitlets.Bool(False, help="Batch norm takes the running values.").tag(sync=True)
    momentum = traitlets.Float(0.9, min=0, max=0.99, help="Of the running values.").tag(sync=True)
    moving_mean = Numbers((None,), help="One for each of the 6 channels.").tag(sync=True)
    moving_variance = Numbers((None,), help="One for each of the 6 channels.").tag(sync=True)
    start_weight = traitlets.Float(1.0, min=0, max=1, help="Of 0 and 1 in them.").tag(sync=True)
    batches = traitlets.Int(0, min=0, help="How many the running values have seen.").tag(sync=True)
    epsilon = traitlets.Float(1e-3, min=1e-9, max=1, help="Keras's: 0.001.").tag(sync=True)
    seed = traitlets.Int(0, min=0, help="Of the values.").tag(sync=True)

    def __init__(self, method="batch", **traits):
        super().__init__(method=method, **traits)
        if "values" in traits:  # a seed that was given, too, drew others
            self.values = traits["values"]

    _finite = traitlets.validate(
        *("sample_scale", "sample_shift", "channel_scale", "channel_shift"),
        *("momentum", "epsilon"),
    )(finite)

    @traitlets.default("values")
    def _values(self):
        return drawn(self.seed).tolist()

    @traitlets.observe("seed")
    def _draw(self, change):
        if not self.from_page and "values" in self._trait_values:
            self.values = drawn(self.seed).tolist()

    @traitlets.default("cell")
    def _cell(self):
        return [2, 1, 1]

    @traitlets.default("moving_mean")
    def _moving_mean(self):
        return [0.0] * CHANNELS

    @traitlets.default("moving_variance")
    def _moving_variance(self):
        return [1.0] * CHANNELS

    @traitlets.validate("cell")
    def _a_cell(self, proposal):
        cell, sizes = proposal["value"], (SAMPLES, CHANNELS, POSITIONS)
        whole = len(cell) == 3 and all(isinstance(i, int | np.integer) for i in cell)
        if not whole or not all(0 <= i < size for i, size in zip(cell, sizes, strict=True)):
            raise traitlets.TraitError(
                f"cell must be [sample, channel, position], whole numbers from 0 and below "
                f"{sizes}, not {cell!r}"
            )
        return [int(i) for i in cell]

    @traitlets.validate("moving_mean", "moving_variance")
    def _of_six(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        if len(value) != CHANNELS:
            raise traitlets.TraitError(f"{name} must be {CHANNELS} numbers, not {len(value)}")
        if name == "moving_variance" and min(value) < 0:
            raise traitlets.TraitError(f"{name} must not be negative, not {min(value)}")
        return value

    @property
    def plain(self):
        """The numbers that are shown, before the disturbances; (batch_size, 6, positions)."""
        return np.array(self.values)[: self.batch_size, :, : self.positions]

    @property
    def x(self):
        """The input: first the channel is disturbed, then the sample; shaped like `plain`."""
        x = self.plain.copy()
        x[:, self.channel] = self.channel_scale * x[:, self.channel] + self.channel_shift
        n = min(self.sample, self.batch_size - 1)
        x[n] = self.sample_scale * x[n] + self.sample_shift
        return x

    @property
    def y(self):
        """The input, normalized."""
        return self._normalized(self.x)

    def _normalized(self, x):
        if self.method == "batch" and self.inference:
            moving = self.moving_mean, self.moving_variance
            mean, variance = (np.array(values)[:, None] for values in moving)
            return (x - mean) / np.sqrt(variance + self.epsilon)
        mean, variance = self._statistics(x)
        return (x - mean) / np.sqrt(variance + self.epsilon)

    def _statistics(self, x):
        """The mean and the variance of its group for every cell; RMS: 0 and the mean square."""
        keys = groups_of(x.shape, self.method, self.groups).ravel()
        size = np.bincount(keys)
        mean = np.bincount(keys, x.ravel()) / size
        if self.method == "rms":
            mean = np.zeros_like(mean)
        variance = np.bincount(keys, (x.ravel() - mean[keys]) ** 2) / size
        return mean[keys].reshape(x.shape), variance[keys].reshape(x.shape)

    def one_more_batch(self):
        """The running values take in the batch that is shown, by Keras's rule."""
        x, m = self.x, self.momentum
        for name, now in (("mean", x.mean((0, 2))), ("variance", x.var((0, 2)))):
            old = np.array(getattr(self, f"moving_{name}"))
            setattr(self, f"moving_{name}", m * old + (1 - m) * now)
        self.start_weight *= m
        self.batches += 1

    @property
    def trace(self):
        """The largest change of an output that the disturbances make."""
        return float(np.abs(self.y - self._normalized(self.plain)).max())

    def summary(self):
        groups = f", groups={self.groups}" if self.method == "group" else ""
        shape = self.x.shape
        count = groups_of(shape, self.method, self.groups).max() + 1
        told = f"{count} groups of {math.prod(shape) // count} cells"
        if self.method == "batch" and self.inference:
            told = f"running statistics of {self.batches} batches"
        sample = min(self.sample, self.batch_size - 1)
        return (
            f"NormalizationAxes({self.method!r}{groups}): {told}, block {shape}; sample {sample} "
            f"x {self.sample_scale:.3g} + {self.sample_shift:.3g}, channel {self.channel} "
            f"x {self.channel_scale:.3g} + {self.channel_shift:.3g} change the output by up to "
            f"{self.trace:.2f}"
        )

    def draw(self, figure):
        from matplotlib.collections import PolyCollection

        from twice import plots

        x = self.x
        keys = groups_of(x.shape, self.method, self.groups)
        own = keys[tuple(np.minimum(self.cell, np.array(x.shape) - 1))]
        across, along, below = np.array([1, -0.16]), np.array([-0.4, -0.42]), np.array([0, -2.6])
        cells = np.argwhere(np.ones(x.shape))
        corner = cells @ np.array([below, across, along])
        squares = corner[:, None] + np.array([0 * across, across, across + along, along])
        titles = ("before", f"after {METHODS[self.method]}")
        panels = figure.subplots(1, 2)
        for axes, values, title in zip(panels, (x, self.y), titles, strict=True):
            shown = PolyCollection(squares, array=values.ravel(), cmap=plots.DIVERGING, alpha=0.7)
            shown.set(clim=(-3, 3), edgecolor="#d5dae1", linewidth=0.5)
            axes.add_collection(shown)
            mine = squares[keys.ravel() == own]
            axes.add_collection(
                PolyCollection(mine, facecolor="none", edgecolor="#882255", linewidth=1.5)
            )
            for square, value in zip(squares, values.ravel(), strict=True):
                digits = 0 if abs(value) >= 9.95 else 1
                words = f"{round(value, digits) + 0.0:.{digits}f}"
                axes.text(*square.mean(axis=0), words, ha="center", va="center", fontsize=7)
            for n in range(x.shape[0]):
                axes.text(-1.9, -2.6 * n - 0.3, f"sample {n}", fontsize=8)
            axes.set_title(f"{title}: channels to the right,\npositions to the front", fontsize=10)
            axes.set_axis_off()
            axes.autoscale_view()
        figure.colorbar(shown, ax=panels, shrink=0.7, extend="both")
