"""What to watch while a network trains: how far weights move, how large gradients and signals are.

Three callbacks of the training loop. Each measures at the steps 1, 1 + every, 1 + 2 every, ...,
begins anew with each `fit`, and has a `report()`: a table of text with a word about each row.
`iterations` (T,) are the steps measured, `values` what was found there.
"""

import numpy as np

from twice.scratch.training import Callback

SLOW, FAST = -4.0, -2.0  # log10 of an update ratio that is neither: near -3 (Karpathy, 2015)
FLAT = 0.05  # below this slope an activation counts as saturated: |z| > 2.9 in a sigmoid


def norm(a):
    """sqrt(sum of the squares), in float64."""
    return float(np.linalg.norm(np.asarray(a, np.float64)))


def table(heads, rows):
    """Lines of text, the first and last column to the left, numbers to the right."""
    cells = [heads, *([c if isinstance(c, str) else f"{c:.3g}" for c in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        middle = [c.rjust(w) for c, w in zip(row[1:-1], widths[1:-1], strict=True)]
        lines.append("  ".join([row[0].ljust(widths[0]), *middle, row[-1]]).rstrip())
    return "\n".join(lines)


class Monitor(Callback):
    """Measures every so many steps; a subclass has `measure(model)` and `report()`.

    Raises ValueError unless `every` is a whole number >= 1, and for a report before a training.
    """

    def __init__(self, every=1):
        if every != int(every) or every < 1:
            raise ValueError(f"expected every, a whole number of steps >= 1, got {every}")
        self.every, self.steps, self.found = int(every), [], []

    def on_train_begin(self, model):
        self.steps, self.found = [], []

    def on_batch_end(self, model, iteration, logs):
        if (iteration - 1) % self.every == 0:
            self.steps.append(iteration)
            self.found.append(self.measure(model))

    @property
    def iterations(self):
        """The steps measured, (T,); 0 is before the first."""
        return np.array(self.steps, int)

    @property
    def values(self):
        """{name: (T, ...)}: what was found at each step measured."""
        if not self.found:
            raise ValueError("expected a training with this callback first, got no step measured")
        return {name: np.array([row[name] for row in self.found]) for name in self.found[0]}


class UpdateRatios(Monitor):
    """log10(||w_new - w|| / ||w||) of each parameter: a step's length, for its size.

    values: {"0.kernel": (T,), ...}. Near -3 is healthy for a kernel. -inf: it did
    not move; NaN: w was all zeros, as biases are at first. Karpathy (2015).
    """

    def on_train_begin(self, model):
        super().on_train_begin(model)
        self.keep(model)

    def on_batch_end(self, model, iteration, logs):
        super().on_batch_end(model, iteration, logs)
        if iteration % self.every == 0:  # the next step is measured, against these
            self.keep(model)

    def keep(self, model):
        self.before = {name: w.copy() for name, w in model.params.items()}

    def measure(self, model):
        self.shapes = {name: w.shape for name, w in model.params.items()}
        moved = {name: norm(w - self.before[name]) for name, w in model.params.items()}
        size = {name: norm(w) for name, w in self.before.items()}
        ratios = {name: moved[name] / (size[name] or np.nan) for name in moved}
        with np.errstate(divide="ignore"):
            return {name: float(np.log10(ratio)) for name, ratio in ratios.items()}

    def report(self):
        """The median of each parameter's ratios; a word on kernels."""
        rows = []
        for name, ratios in self.values.items():
            ratios = ratios[~np.isnan(ratios)]
            middle, word = float(np.median(ratios)) if ratios.size else np.nan, ""
            if len(self.shapes[name]) > 1 and ratios.size:
                word = "moves too fast" if middle > FAST else "healthy"
                word = "hardly moves" if middle < SLOW else word
                word = "does not move" if middle == -np.inf else word
            rows.append((name, str(self.shapes[name]), middle, word))
        return table(["parameter", "shape", "median log10 ratio", ""], rows)


class GradientNorms(Monitor):
    """||dL/dw|| of each parameter in the step just taken, before any clipping.

    values: {"0.kernel": (T,), ...}. Compare the kernels of the first and the last
    layer: a factor far from 1 is a gradient that vanishes or explodes on its way.
    """

    def measure(self, model):
        self.shapes = {name: g.shape for name, g in model.grads.items()}
        return {name: norm(g) for name, g in model.grads.items()}

    def report(self):
        """Median and largest norm; a word on kernels far below the largest of them."""
        values = self.values
        middle = {name: float(np.median(v)) for name, v in values.items()}
        kernels = [name for name in values if len(self.shapes[name]) > 1]
        top, rows = max((middle[name] for name in kernels), default=0.0), []
        for name, v in values.items():
            word = "vanishes" if middle[name] < 1e-3 * top else "healthy"
            word = word if v.any() else "no gradient"
            word = word if name in kernels else ""
            numbers = middle[name], float(v.max())
            rows.append((name, str(self.shapes[name]), *numbers, word))
        return table(["parameter", "shape", "median norm", "largest", ""], rows)


class ActivationStatistics(Monitor):
    """What each layer says about the same probe x (N, ...): also before the first step.

    values: {"mean", "std", "zeros", "saturated", "dead"}, each (T, layers). zeros: the
    share of entries that are 0. saturated: of entries that are not 0 but sit where an
    activation's slope is below 0.05; NaN for other layers. dead: the share of units (last
    axis) that say the same to every sample and position. histograms (T, layers, bins):
    shares between `edges`; what is beyond them counts in the outermost bins.
    Raises ValueError for fewer than two samples, or edges that do not rise.
    The probe runs as in `predict`; it moves the state of a stateful layer.
    """

    def __init__(self, x, every=1, *, edges=None):
        super().__init__(every)
        self.x, self.layers = np.asarray(x), []
        self.edges = np.linspace(-3, 3, 31) if edges is None else np.asarray(edges, float)
        if self.x.ndim < 2 or len(self.x) < 2:
            raise ValueError(f"expected a probe (N, ...) with N >= 2, got {self.x.shape}")
        if self.edges.ndim != 1 or len(self.edges) < 2 or not (np.diff(self.edges) > 0).all():
            raise ValueError(f"expected at least two edges that rise, got {edges}")

    def on_train_begin(self, model):
        self.layers = [repr(layer) for layer in model.layers]
        self.steps, self.found = [0], [self.measure(model)]

    def measure(self, model):
        outputs = model.trace(self.x)
        rows = [self.look(layer, a) for layer, a in zip(model.layers, outputs, strict=True)]
        return {name: np.array([row[name] for row in rows]) for name in rows[0]}

    def look(self, layer, a):
        a = np.asarray(a)
        units = a.reshape(-1, a.shape[-1])
        saturated = np.nan
        if hasattr(layer, "derivative"):
            slope = np.asarray(layer.derivative(layer.z, layer.a), float)
            saturated = np.mean((np.abs(slope) < FLAT) & (a != 0))
        inside = np.clip(units, self.edges[0], self.edges[-1])
        return {
            "mean": a.mean(dtype=np.float64),
            "std": a.std(dtype=np.float64),
            "zeros": np.mean(a == 0),
            "saturated": saturated,
            "dead": np.mean((units == units[0]).all(axis=0)),
            "histogram": np.histogram(inside, self.edges)[0] / a.size,
        }

    @property
    def values(self):
        return {name: v for name, v in super().values.items() if name != "histogram"}

    @property
    def histograms(self):
        """(T, layers, bins): shares of the entries; a row sums to 1."""
        return super().values["histogram"]

    def report(self):
        """Each layer's numbers at the last step measured, and what is wrong with them."""
        last, rows = {name: v[-1] for name, v in self.values.items()}, []
        for k, layer in enumerate(self.layers):
            signs = {
                "dead units": last["dead"][k] > 0.1,
                "saturated": last["saturated"][k] > 0.5,
                "collapsed": last["std"][k] < 1e-3,
                "huge": last["std"][k] > 100,
            }
            words = [word for word, there in signs.items() if there]
            found = [f"{last[name][k]:.3g}" for name in last]
            rows.append((f"{k} {layer}", *found, ", ".join(words) or "healthy"))
        return table(["layer", *last, ""], rows)
