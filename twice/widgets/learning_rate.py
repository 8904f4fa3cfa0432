"""The learning rate demo: one run of gradient descent, drawn anew for every setting."""

import math

import numpy as np
import traitlets

from twice.scratch.gradient_descent import descend, largest_stable_learning_rate, verdict
from twice.scratch.surfaces import CURVES, SURFACES

from .base import Demo, Seeded

LOSSES = SURFACES | CURVES
QUADRATIC = ("bowl", "ravine", "parabola")
PATH = "#882255"  # the path's color in the light theme; vermilion would say Keras


class LearningRateDemo(Demo):
    """Walk down a loss and see what the learning rate, momentum and noise make of the path.

    `LearningRateDemo(surface="ravine", learning_rate=0.065)`. Every trait can be set and read;
    choosing a surface brings its own start. `path`, `losses`, `threshold` and `verdict` are
    computed with `twice.scratch.gradient_descent`, so they are right without a browser, too.
    """

    script = "learning_rate.js"
    figure_size = (8.6, 3.8)

    goal = traitlets.Unicode(
        "Find the largest rate that still converges in the ravine, without momentum or noise.",
        read_only=True,
    ).tag(sync=True)
    surface = traitlets.Enum(list(LOSSES), "ravine", help="The loss to walk down.").tag(sync=True)
    learning_rate = traitlets.Float(0.065, min=0.001, max=5, help="0.001 to 5.").tag(sync=True)
    momentum = traitlets.Float(0.0, min=0, max=0.99, help="0 to 0.99.").tag(sync=True)
    noise = traitlets.Float(
        0.0, min=0, max=4, help="Standard deviation of each batch's slope, 0 to 4."
    ).tag(sync=True)
    steps = traitlets.Int(60, min=5, max=200, help="5 to 200.").tag(sync=True)
    start = traitlets.List(traitlets.Float(), help="One weight or two.").tag(sync=True)
    seed = traitlets.Int(0, min=0, help="Of the noise.").tag(sync=True)
    show_threshold = traitlets.Bool(False, help="Show 2 / lambda_max.").tag(sync=True)

    def __init__(self, surface="ravine", **traits):
        given = traits.pop("start", None)
        super().__init__(surface=surface, **traits)
        self.start = self._own_start() if given is None else given

    @traitlets.observe("surface")
    def _begin_anew(self, change):
        if not self.from_page:
            self.start = self._own_start()

    @traitlets.validate("start")
    def _fit_surface(self, proposal):
        start, wanted = proposal["value"], len(self._own_start())
        if len(start) != wanted or not all(map(math.isfinite, start)):
            raise traitlets.TraitError(
                f"start must be {wanted} finite number(s) for {self.surface!r}, not {start}"
            )
        return start

    def _own_start(self):
        return np.atleast_1d(LOSSES[self.surface].start).tolist()

    @property
    def path(self):
        """The points of the run: (steps + 1, 2) on a surface, (steps + 1,) on a curve."""
        loss = LOSSES[self.surface]
        start = np.array(self.start) if self.surface in SURFACES else self.start[0]
        noise = None
        if self.noise:
            draw = Seeded(self.seed)
            noise = [[self.noise * draw.normal() for _ in self.start] for _ in range(self.steps)]
            noise = np.reshape(noise, (self.steps, *np.shape(start)))
        return descend(
            loss.gradient,
            start,
            learning_rate=self.learning_rate,
            steps=self.steps,
            momentum=self.momentum,
            noise=noise,
        )

    @property
    def losses(self):
        """The loss at every point of the path, without the noise; (steps + 1,)."""
        return LOSSES[self.surface].value(self.path)

    @property
    def threshold(self):
        """2 (1 + momentum) / lambda_max at the minimum nearest to where the run ended."""
        hessian = LOSSES[self.surface].hessian(self._valley())
        return largest_stable_learning_rate(hessian, self.momentum)

    def _valley(self):
        end = np.atleast_1d(self.path[-1])
        if not np.isfinite(self.losses).all():
            end = np.array(self.start)
        minima = LOSSES[self.surface].minima
        return min(minima, key=lambda m: math.hypot(*(np.atleast_1d(m) - end)))

    @property
    def verdict(self):
        """ "converging", "oscillating", "diverging" or "stuck": the word the demo shows."""
        word = verdict(self.losses).word
        path = self.path.reshape(self.steps + 1, -1)
        if word == "stuck" and np.sum((path[-2] - path[-3]) * (path[-1] - path[-2])) < -1e-4:
            word = "oscillating"  # from side to side at equal height
        if self.surface not in QUADRATIC:
            return word
        ratio = self.learning_rate / self.threshold
        if ratio >= 1 - 1e-9 and word != "diverging" and self._moves_along_the_steepest():
            return "diverging" if ratio > 1 + 1e-9 else "oscillating"
        if ratio < 1 - 1e-9 and word == "diverging":
            return "oscillating"
        zigzag = (1 + math.sqrt(self.momentum)) ** 2 < 2 * (1 + self.momentum) * ratio
        if ratio < 1 - 1e-9 and not self.noise and zigzag:
            return "converging"
        return word

    def _moves_along_the_steepest(self):
        loss = LOSSES[self.surface]
        curvatures = np.diag(np.atleast_2d(loss.hessian(loss.minima[0])))
        off = np.array(self.start) != np.atleast_1d(loss.minima[0])
        return bool(self.noise or off[curvatures == curvatures.max()].any())

    def summary(self):
        return (
            f"LearningRateDemo({self.surface!r}, learning_rate={self.learning_rate:.4g}, "
            f"momentum={self.momentum:.2g}, noise={self.noise:.2g}): {self.verdict}, "
            f"loss {self.losses[0]:.3g} to {self.losses[-1]:.3g} in {self.steps} steps"
        )

    def draw(self, figure):
        from twice import plots

        loss, path, losses = LOSSES[self.surface], self.path, self.losses
        seen = int(np.isfinite(losses).sum())
        picture, curve = figure.subplots(1, 2, width_ratios=(1.6, 1))
        if self.surface in SURFACES:
            (x0, x1), (y0, y1) = loss.limits
            x, y = np.meshgrid(np.linspace(x0, x1, 151), np.linspace(y0, y1, 101))
            height = loss.value(np.stack([x, y], axis=-1))
            levels = height.max() * (np.arange(13) / 12) ** 2
            picture.contour(x, y, height, levels=levels[1:], colors=plots.NUMPY, linewidths=0.8)
            points = np.clip(path[:seen], -1e3, 1e3)
            picture.set(aspect="equal", xlabel="first weight x", ylabel="second weight y")
            picture.set(xlim=(x0, x1), ylim=(y0, y1))
        else:
            w = np.linspace(*loss.limits, 301)
            picture.plot(w, loss.value(w), color=plots.NUMPY)
            points = np.clip(np.column_stack([path, losses])[:seen], -1e3, 1e3)
            top = loss.value(w).max()
            picture.set(xlabel="weight w", ylabel="loss", xlim=loss.limits)
            picture.set(ylim=(-0.04 * top, 1.06 * top))
        picture.plot(*points.T, ".-", color=PATH, linewidth=1.5, markersize=5)
        picture.plot(*points[0], "o", color="white", markeredgecolor=PATH, markersize=9)
        picture.set_title(f"{loss.title}, rate {self.learning_rate:.4g}: {self.verdict}")
        curve.semilogy(np.clip(losses[:seen], 1e-12, 1e12), color=PATH)
        top = math.ceil(math.log10(losses[0] or 1) + 0.2)
        highest = min(max(10.0**top, 2 * losses[:seen].max()), 1e12)
        curve.set(xlabel="step", ylabel="loss (log scale)", ylim=(10.0 ** (top - 8), highest))
        curve.grid(color="#e3e5e8")
