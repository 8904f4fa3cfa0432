"""The optimizers' race: up to six of them run down one surface, step by step."""

import math
from dataclasses import replace

import numpy as np
import traitlets

from twice.scratch.adaptive import Adam, AdamW, Lion, Nadam
from twice.scratch.landscapes import LANDSCAPES, WINDOW, turned
from twice.scratch.optimizers import SGD, Adadelta, Adagrad, RMSprop

from .base import Demo, Numbers, Seeded, finite

_BETAS = {"beta_1": 0.9, "beta_2": 0.999}
_HEAVY = {"learning_rate": 0.01, "momentum": 0.9}
# Name: the class, what is fixed, what can be set (the library's defaults, but for the rate).
OPTIMIZERS = {
    "sgd": (SGD, {}, {"learning_rate": 0.035}),
    "momentum": (SGD, {}, _HEAVY),
    "nesterov": (SGD, {"nesterov": True}, _HEAVY),
    "adagrad": (Adagrad, {}, {"learning_rate": 0.5}),
    "adadelta": (Adadelta, {}, {"learning_rate": 5.0, "rho": 0.95}),
    "rmsprop": (RMSprop, {}, {"learning_rate": 0.03, "rho": 0.9, "momentum": 0.0}),
    "adam": (Adam, {}, {"learning_rate": 0.1, **_BETAS}),
    "adamw": (AdamW, {}, {"learning_rate": 0.1, **_BETAS, "weight_decay": 0.004}),
    "nadam": (Nadam, {}, {"learning_rate": 0.1, **_BETAS}),
    "amsgrad": (Adam, {"amsgrad": True}, {"learning_rate": 0.1, **_BETAS}),
    "lion": (Lion, {}, {"learning_rate": 0.03, "beta_1": 0.9, "beta_2": 0.99}),
}
RANGES = {
    "learning_rate": (1e-4, 10),
    "momentum": (0, 0.999),
    "rho": (0, 0.999),
    "beta_1": (0, 0.999),
    "beta_2": (0, 0.9999),
    "weight_decay": (0, 1),
}
# A color, a line style and a letter each; the colors are those of the page in the light theme.
LOOKS = {
    "sgd": ("#5b6470", "-", "S"),
    "momentum": ("#0072b2", "-", "M"),
    "nesterov": ("#1a7f9c", "--", "N"),
    "adagrad": ("#00795a", "-", "G"),
    "adadelta": ("#5b7a1e", "--", "D"),
    "rmsprop": ("#956300", "-", "R"),
    "adam": ("#882255", "-", "A"),
    "adamw": ("#b0487f", "--", "W"),
    "nadam": ("#96503c", ":", "Na"),
    "amsgrad": ("#6b4fb3", "-", "AM"),
    "lion": ("#1c2430", "--", "L"),
}
DIALS = {
    "ravine": "condition",
    "saddle": "curvature",
    "rosenbrock": "steepness",
    "two_valleys": "across",
    "bumpy": "bumps",
}
MOST, TARGET = 6, 1e-3
BETAS = [0.9, 0.8, 0.7, 0.6, 0.5, 0.3, 0.0]  # for Adam in the goal
RATES = [float(f"{10 ** (-4 + i / 10):.4g}") for i in range(51)]


class Race(Demo):
    """Up to six optimizers on one surface: who is down first, and what must be tuned for it.

    `Race(surface="ravine", condition=50, angle=45, optimizers=["momentum", "adam"])`. Every trait
    can be set and read; a surface brings its own start. `settings` holds the numbers of every
    optimizer: `Race(settings={"adam": {"learning_rate": 0.3}})`; what you leave out is as in
    the library, but for the learning rate. `start` is in the surface's own coordinates, before
    `angle` turns both. `runs` and `tuned(name)` compute with `twice.scratch`, browser or none.
    """

    script = "race.js"
    figure_size = (9.6, 4.4)

    goal = traitlets.Unicode(
        "Find a ravine (condition number 50 or more, no noise) in which momentum, tuned by you, "
        "needs fewer steps to the target than Adam, for whom the page takes the best of "
        f"{len(RATES) * len(BETAS)} settings ({len(RATES)} rates, {len(BETAS)} values of beta 1).",
        read_only=True,
    ).tag(sync=True)
    surface = traitlets.Enum(list(LANDSCAPES), "ravine", help="What to run down.").tag(sync=True)
    condition = traitlets.Float(
        50.0, min=1, max=1000, help="Of the ravine: its largest over its smallest curvature."
    ).tag(sync=True)
    curvature = traitlets.Float(2.0, min=0.1, max=4, help="Of the saddle.").tag(sync=True)
    steepness = traitlets.Float(5.0, min=0.5, max=100, help="Of Rosenbrock's.").tag(sync=True)
    across = traitlets.Float(2.0, min=1, max=100, help="Of the two valleys.").tag(sync=True)
    bumps = traitlets.Float(0.3, min=0, max=1, help="Their height in the bowl.").tag(sync=True)
    angle = traitlets.Float(
        0.0, min=0, max=90, help="Degrees by which the surface and the start are turned."
    ).tag(sync=True)
    noise = traitlets.Float(
        0.0, min=0, max=5, help="Standard deviation of each gradient's noise, 0 to 5."
    ).tag(sync=True)
    seed = traitlets.Int(0, min=0, help="Of the noise, the same for all.").tag(sync=True)
    start = Numbers((2,), help="Where all begin, before turning.").tag(sync=True)
    optimizers = traitlets.List(
        traitlets.Enum(list(OPTIMIZERS)),
        ["sgd", "momentum", "rmsprop", "adam"],
        help="Who runs, at most six.",
    ).tag(sync=True)
    settings = traitlets.Dict(help="Name: {learning_rate and more}.").tag(sync=True)
    workshop = traitlets.Enum(list(OPTIMIZERS), "momentum", help="Whose settings are shown.").tag(
        sync=True
    )
    steps = traitlets.Int(150, min=50, max=1000, help="The length of the race.").tag(sync=True)
    step = traitlets.Int(150, min=0, max=1000, help="The step shown.").tag(sync=True)
    speed = traitlets.Enum([5, 20, 60, 200], 60, help="Steps a second.").tag(sync=True)

    def __init__(self, surface="ravine", **traits):
        given = traits.pop("start", None)
        traits = {"settings": {}, "step": traits.get("steps", 150)} | traits
        super().__init__(surface=surface, **traits)
        self.start = self._own_start() if given is None else given

    _finite = traitlets.validate(
        "condition", "curvature", "steepness", "across", "bumps", "angle", "noise"
    )(finite)

    @traitlets.observe("surface")
    def _begin_anew(self, change):
        if not self.from_page:
            self.start = self._own_start()

    def _own_start(self):
        return list(LANDSCAPES[self.surface]().start)

    @traitlets.validate("start")
    def _in_the_window(self, proposal):
        (x0, x1), (y0, y1) = self._window()
        radius, far = (x1 - x0) / 2, np.array(proposal["value"]) - ((x0 + x1) / 2, (y0 + y1) / 2)
        if math.hypot(*far) > radius + 1e-9:
            raise traitlets.TraitError(
                f"start must be within {radius:g} of the middle of the window of "
                f"{self.surface!r}, not {proposal['value']}"
            )
        return proposal["value"]

    @traitlets.validate("optimizers")
    def _at_most_six(self, proposal):
        names = proposal["value"]
        if len(names) > MOST or len(set(names)) < len(names):
            raise traitlets.TraitError(
                f"optimizers must be at most {MOST} different names, not {names}"
            )
        return names

    @traitlets.validate("settings")
    def _complete(self, proposal):
        """Every optimizer with every number: the defaults, then what is given."""
        given = proposal["value"]
        unknown = sorted(set(given) - set(OPTIMIZERS))
        if unknown:
            raise traitlets.TraitError(f"settings has no optimizer {unknown[0]!r}")
        complete = {name: dict(defaults) for name, (_, _, defaults) in OPTIMIZERS.items()}
        for name, numbers in given.items():
            for key, value in dict(numbers).items():
                if key not in complete[name]:
                    known = ", ".join(complete[name])
                    raise traitlets.TraitError(f"{name} has {known}; not {key!r}")
                low, high = RANGES[key]
                if not (isinstance(value, (int, float)) and low <= value <= high):
                    raise traitlets.TraitError(
                        f"{key} of {name} must be a number from {low:g} to {high:g}, not {value!r}"
                    )
                complete[name][key] = float(value)
        return complete

    def _window(self):
        return LANDSCAPES[self.surface]().limits if self.surface == "rosenbrock" else WINDOW

    @property
    def landscape(self):
        """The surface as it is deformed and turned: a Surface of `twice.scratch.surfaces`."""
        own = LANDSCAPES[self.surface](getattr(self, DIALS[self.surface]))
        return turned(replace(own, limits=self._window(), start=tuple(self.start)), self.angle)

    def _run(self, name, settings, landscape, noise):
        rule, fixed, _ = OPTIMIZERS[name]
        rule, w = rule(**fixed, **settings), np.array(landscape.start)
        path = [w.copy()]
        with np.errstate(all="ignore"):
            for extra in noise:
                rule.step({"w": w}, {"w": landscape.gradient(w) + extra})
                path.append(w.copy())
        return np.array(path), landscape.value(path)

    def _noise(self):
        if not self.noise:
            return np.zeros((self.steps, 2))
        draw = Seeded(self.seed)
        return self.noise * np.array([[draw.normal(), draw.normal()] for _ in range(self.steps)])

    @property
    def runs(self):
        """Name: (path (steps + 1, 2), losses (steps + 1,) without the noise), for all who run."""
        land, noise = self.landscape, self._noise()
        return {name: self._run(name, self.settings[name], land, noise) for name in self.optimizers}

    @property
    def reached(self):
        """Name: the step from which on the loss stays below a thousandth of the first, or None."""
        return {name: reached(losses) for name, (_, losses) in self.runs.items()}

    def tuned(self, name):
        """(rate, step): of 51 rates, 0.0001 to 10, the one with the fewest steps to the target.

        step is None where no rate gets there; then the rate has the lowest last loss.
        """
        land, noise, ends = self.landscape, self._noise(), []
        for rate in RATES:
            settings = self.settings[name] | {"learning_rate": rate}
            losses = self._run(name, settings, land, noise)[1]
            step, last = reached(losses), losses[-1] if np.isfinite(losses[-1]) else math.inf
            ends.append((math.inf if step is None else step, last if step is None else 0, rate))
        step, _, rate = min(ends)
        return rate, None if step == math.inf else step

    def summary(self):
        dial = DIALS[self.surface]
        arrived = {name: step for name, step in self.reached.items() if step is not None}
        order = [f"{name} {arrived[name]}" for name in sorted(arrived, key=arrived.get)]
        late = [name for name in self.optimizers if name not in arrived]
        return (
            f"Race({self.surface!r}, {dial}={getattr(self, dial):.4g}, angle={self.angle:.4g}, "
            f"noise={self.noise:.2g}): steps to a thousandth of the first loss: "
            f"{', '.join(order) or 'nobody'}"
            + (f"; not in {self.steps}: {', '.join(late)}" if late else "")
        )

    def draw(self, figure):
        from twice import plots

        land, shown = self.landscape, min(self.step, self.steps)
        above, curve = figure.subplots(1, 2, width_ratios=(1, 1.15))
        (x0, x1), (y0, y1) = land.limits
        x, y = np.meshgrid(np.linspace(x0, x1, 161), np.linspace(y0, y1, 161))
        height = land.value(np.stack([x, y], axis=-1))
        levels = height.max() * (np.arange(1, 15) / 14) ** 3
        above.contour(x, y, height, levels=levels, colors=plots.GREY, linewidths=0.6, alpha=0.7)
        low, first = math.inf, land.value(land.start)
        for name, (path, losses) in self.runs.items():
            color, style, _ = LOOKS[name]
            seen = min(shown + 1, int(np.isfinite(losses).sum()))
            points = np.clip(path[:seen], -1e3, 1e3)
            above.plot(*points.T, style, color=color, linewidth=1.8)
            above.plot(*points[-1], "o", color=color, markersize=9, markeredgecolor="white")
            curve.semilogy(np.clip(losses[:seen], 1e-12, 1e12), style, color=color, label=name)
            low = min(low, losses[:seen].min())
        above.plot(*land.start, "o", color="white", markeredgecolor=plots.INK, markersize=8)
        for minimum in land.minima:
            above.plot(*minimum, "+", color=plots.INK, markersize=11, markeredgewidth=2)
        above.set(aspect="equal", xlim=(x0, x1), ylim=(y0, y1))
        above.set(xlabel="first weight x", ylabel="second weight y")
        above.set_title(f"{land.title}, turned by {self.angle:.4g}°")
        curve.axhline(TARGET * first, color=plots.INK, linewidth=1, linestyle=(0, (2, 3)))
        top = 10.0 ** math.ceil(math.log10(first or 1) + 0.3)
        curve.set(xlabel="step", ylabel="loss (log scale)", xlim=(0, self.steps))
        curve.set(ylim=(max(top * 1e-9, min(low, top / 100)), top))
        curve.grid(color="#e3e5e8")
        if self.optimizers:
            curve.legend(fontsize=9)


def reached(losses):
    """The step from which on the losses stay below a thousandth of the first, or None."""
    above = np.flatnonzero(~(losses < TARGET * losses[0]))
    last = int(above[-1]) if len(above) else -1
    return None if last == len(losses) - 1 else last + 1
